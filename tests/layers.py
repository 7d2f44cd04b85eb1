"""The order of the house: which module may import which.

Each line is a layer, bottom to top. A module imports from the layers below its own, and from nothing beside or above.
A name stands for that one module; a package's `__init__` goes by the package's name and sits above its parts.
"""

LAYERS: list[list[str]] = [
    ["minitorch.core.errors", "minitorch.core.version", "minitorch.core.memory"],  # exceptions; the allocator
    ["minitorch.absent"],  # what messages say of names that are not there
    ["minitorch.core.config"],  # settings in context variables
    ["minitorch.core.tracebacks"],  # which frames printed errors show
    ["minitorch.core.dtypes"],  # data types and the promotion table
    ["minitorch.core.tree"],  # pytrees
    ["minitorch.core.aval"],  # shape, dtype and device of a value
    ["minitorch.core.backend"],  # what a device implements; registry of lazy backends
    ["minitorch.core.array"],  # the immutable buffer
    ["minitorch.core.tracer"],  # what stands for an Array inside of a transform
    ["minitorch.core.primitive"],  # Primitive, its rules, bind
    ["minitorch.core.naming"],  # what messages call arguments
    ["minitorch.core.tape"],  # nodes and the backward loop
    ["minitorch.core.walking"],  # which nodes lead to which
    ["minitorch.core.conversion"],  # traced values as Python numbers and NumPy arrays
    ["minitorch.core.leaks", "minitorch.core.nonfinite"],  # what watches over tracers and results
    ["minitorch.core.reuse"],  # random keys that are consumed twice
    # The ops, so ordered that each file is closed under its own derivative and batching rules.
    ["minitorch.core.ops.dtype_rules"],  # operand and result dtypes of pointwise operations
    ["minitorch.core.ops.families"],  # shape, batching and derivative rules by kind of op
    ["minitorch.core.ops.fusing"],  # computing on buffers what could be composed
    ["minitorch.core.ops.summation"],  # how sums are added up on buffers
    ["minitorch.core.ops.shaping"],
    ["minitorch.core.ops.slicing"],
    ["minitorch.core.ops.joining"],
    ["minitorch.core.ops.diagonal"],
    ["minitorch.core.ops.on_buffers"],  # what NumPy has no single function for
    ["minitorch.core.ops.pointwise"],
    ["minitorch.core.ops.special"],  # activations, error and gamma functions
    ["minitorch.core.ops.scanning"],
    ["minitorch.core.ops.reductions"],
    ["minitorch.core.ops.norms"],
    ["minitorch.core.ops.basic"],  # integers, slices and new axes as an index
    ["minitorch.core.ops.gathering"],  # take and scatter along one axis
    ["minitorch.core.ops.indexing"],  # x[...], read and written to
    ["minitorch.core.ops.places"],  # x.at[...]
    ["minitorch.core.ops.lookup"],  # indexing along an axis, classes, searches
    ["minitorch.core.ops.collectives"],  # across the examples of a mapped axis
    ["minitorch.core.ops.contractions"],  # matmul and its kin
    ["minitorch.core.ops.einsum"],
    ["minitorch.core.ops.patches"],  # how convolutions are computed on buffers
    ["minitorch.core.ops.convolution"],
    ["minitorch.core.ops.windowing"],  # sliding windows and their sums
    ["minitorch.core.ops.pooling"],
    ["minitorch.core.ops.extrema"],  # max and min with their positions; running ones
    ["minitorch.core.ops.sorting"],
    ["minitorch.core.ops.bessel", "minitorch.core.ops.bits", "minitorch.core.ops.fourier"],
    ["minitorch.core.ops.transforming"],  # uniform numbers into others, rounded alike everywhere
    ["minitorch.core.ops.reproducible"],  # as these, of parameters too
    ["minitorch.core.ops.sampling"],  # the generator, keys, distributions
    ["minitorch.core.ops.rejection", "minitorch.core.ops.quantiles", "minitorch.core.ops.truncation"],  # gamma; counts
    ["minitorch.core.ops.linalg"],  # linear systems, determinants, powers
    ["minitorch.core.ops.factorizations", "minitorch.core.ops.spectral"],  # Cholesky, LU, QR; svd, eigh, pinv
    ["minitorch.core.ops.eigen"],  # of matrices that are not Hermitian
    ["minitorch.core.ops.pivoting"],  # row exchanges of LU factorizations
    ["minitorch.core.ops.scipy_functions"],  # special functions, a line each
    ["minitorch.core.ops.affine", "minitorch.core.ops.softmax", "minitorch.core.ops.normalization"],
    ["minitorch.core.ops.losses", "minitorch.core.ops.attention", "minitorch.core.ops.dropout"],
    ["minitorch.core.ops.cross_entropy"],
    ["minitorch.core.ops"],
    ["minitorch.core.protocols"],  # the Array API's namespace; NumPy's functions called on our arrays
    ["minitorch.core.operators"],  # attaches +, @, [...] and methods to Array and Tracer
    # The transforms: one interpreter each, then the functions people call.
    ["minitorch.core.vjp"],
    ["minitorch.core.deferring"],  # pointwise operations on large arrays, block by block
    ["minitorch.core.duals"],  # values with their tangents
    ["minitorch.core.pushing"],  # tangent rules as functions of buffers
    ["minitorch.core.jvp"],
    ["minitorch.core.vmap"],
    ["minitorch.core.recording"],  # a function run on a fresh tape; checks of arguments and results
    ["minitorch.core.collectives"],  # psum and its kin, by the names of axes
    ["minitorch.core.calling"],  # applications of whole functions
    ["minitorch.core.calls"],  # functions that bring their own derivative
    ["minitorch.core.custom"],  # custom_vjp, custom_jvp, stop_gradient
    ["minitorch.core.transforms"],  # grad, value_and_grad, vjp, jvp, vmap
    ["minitorch.core.linearity"],  # what is linear in what
    ["minitorch.core.linear"],  # linearize, linear_transpose
    ["minitorch.core.jet"],  # Taylor mode
    ["minitorch.core.jacobian"],  # jacrev, jacfwd, hessian, hvp
    ["minitorch.core.checkpoint_policies"],
    ["minitorch.core.keeping"],  # tapes that keep, and put back, what a policy says
    ["minitorch.core.checkpoint"],
    # Compilation: a function is staged into a graph, which passes rewrite.
    # The native runtime of jit: machine code from Python text, kept on disk, run from lists.
    ["minitorch.core.jit.native.cache", "minitorch.core.jit.native.loader"],
    ["minitorch.core.jit.native.width"],  # of this CPU's vectors
    ["minitorch.core.jit.native.kinds"],  # the types of kernel text
    ["minitorch.core.jit.native.writer", "minitorch.core.jit.native.functions"],  # of LLVM's text; what text can call
    ["minitorch.core.jit.native.expressions"],
    ["minitorch.core.jit.native.terms"],
    ["minitorch.core.jit.native.language"],  # from kernel text to LLVM's
    ["minitorch.core.jit.native.intrinsics"],
    ["minitorch.core.jit.native.elementary", "minitorch.core.jit.native.target"],
    [
        "minitorch.core.jit.native.arithmetic",
        "minitorch.core.jit.native.circular",
        "minitorch.core.jit.native.errorfunctions",
        "minitorch.core.jit.native.exact",
        "minitorch.core.jit.native.gammafunctions",
    ],
    ["minitorch.core.jit.native.vectors"],
    ["minitorch.core.jit.native.register_tiles"],
    ["minitorch.core.jit.native.structures", "minitorch.core.jit.native.words"],  # where objects have what; of kernels
    ["minitorch.core.jit.native.fewer", "minitorch.core.jit.native.handling"],  # arithmetic of few numbers; handles
    ["minitorch.core.jit.native.computed", "minitorch.core.jit.native.descent"],  # operations on small arrays; updates
    ["minitorch.core.jit.native.recorded"],  # operations on small tensors
    ["minitorch.core.jit.native.scalarmath"],  # every name that a kernel may use
    ["minitorch.core.jit.native.codegen"],  # from kernel text to object code
    ["minitorch.core.jit.native.compile"],
    ["minitorch.core.jit.native.schedule", "minitorch.core.jit.native.team"],  # what threads run together, and how
    ["minitorch.core.jit.native.blas", "minitorch.core.jit.native.objects", "minitorch.core.jit.native.job"],
    ["minitorch.core.jit.native.pairs", "minitorch.core.jit.native.replay"],  # words in memory; rows of calls
    ["minitorch.core.jit.native.loops"],  # loops and branches over rows of calls
    ["minitorch.core.jit.native.making"],  # arrays, natively
    ["minitorch.core.jit.native.enter"],  # the kernel that looks at all that a call depends on
    ["minitorch.core.jit.native.entry"],  # what it is given
    ["minitorch.core.jit.native.builtins"],  # kernels that Python calls
    ["minitorch.core.jit.native"],
    ["minitorch.core.jit.graph"],
    ["minitorch.core.jit.serialize"],  # graphs and trees as JSON
    ["minitorch.core.jit.staging"],
    ["minitorch.core.jit.callback"],  # Python functions called for what they do
    ["minitorch.core.jit.passes.rewriting"],  # a writer that asks a rule about each equation
    ["minitorch.core.jit.passes.algebra", "minitorch.core.jit.passes.common"],
    ["minitorch.core.jit.passes.decompositions"],
    ["minitorch.core.jit.passes.loops"],  # loops and branches without what nobody asks for
    ["minitorch.core.jit.passes.constants", "minitorch.core.jit.passes.dead"],
    ["minitorch.core.jit.passes.pipeline"],
    ["minitorch.core.jit.passes.bundles"],  # copies of one graph, each as one equation
    ["minitorch.core.jit.passes"],
    ["minitorch.core.jit.lower.layout", "minitorch.core.jit.lower.formulas", "minitorch.core.jit.lower.memory"],
    ["minitorch.core.jit.lower.operations"],  # what equations ask of kernels
    ["minitorch.core.jit.lower.fuse", "minitorch.core.jit.lower.parting"],
    ["minitorch.core.jit.lower.kernels", "minitorch.core.jit.lower.donation"],
    ["minitorch.core.jit.lower.rows", "minitorch.core.jit.lower.columns", "minitorch.core.jit.lower.products"],
    ["minitorch.core.jit.lower.gather", "minitorch.core.jit.lower.tiles", "minitorch.core.jit.lower.pooling"],
    # rows, with operands that lie across them; on tiles of products
    ["minitorch.core.jit.lower.turned", "minitorch.core.jit.lower.epilogue"],
    ["minitorch.core.jit.lower.convolution", "minitorch.core.jit.lower.placement"],
    ["minitorch.core.jit.lower.along", "minitorch.core.jit.lower.drawing"],  # along one axis; random bits
    ["minitorch.core.jit.lower.nested", "minitorch.core.jit.lower.patterns"],  # loops and branches; copies of one graph
    ["minitorch.core.jit.lower.program"],
    ["minitorch.core.jit.lower.blocks", "minitorch.core.jit.lower.explain"],
    ["minitorch.core.jit.lower.plan"],
    ["minitorch.core.jit.lower.bound", "minitorch.core.jit.lower.brief", "minitorch.core.jit.lower.measure"],
    ["minitorch.core.jit.lower"],
    ["minitorch.core.jit.show"],  # make_graph
    ["minitorch.core.jit"],
    # Control flow: loops and branches that hold their functions as graphs.
    ["minitorch.core.control.purity"],  # functions that change Python's state
    ["minitorch.core.control.calls"],  # functions with rules of their own, inside those graphs
    ["minitorch.core.control.closing"],  # functions of trees into graphs of leaves
    ["minitorch.core.control.repeating"],  # random keys that a loop consumes at every step
    ["minitorch.core.control.deriving"],  # what the transforms make of graphs
    ["minitorch.core.control.dividing"],  # what is linear in them, recorded apart from the rest
    ["minitorch.core.control.scanning"],
    ["minitorch.core.control.whiling"],
    ["minitorch.core.control.branching", "minitorch.core.control.loops"],  # cond, switch; scan, fori_loop, while_loop
    ["minitorch.core.control.mapping", "minitorch.core.control.implicit"],  # map, scans; roots, linear systems
    ["minitorch.core.control.recurrence"],  # what recurrent layers share
    [
        "minitorch.core.control.gru",
        "minitorch.core.control.lstm",
        "minitorch.core.control.projection",
        "minitorch.core.control.rnn",
    ],
    ["minitorch.core.control"],
    ["minitorch.core"],
    # The faces.
    ["minitorch.lax.pointwise", "minitorch.lax.shaping"],
    ["minitorch.lax.reducing"],
    ["minitorch.lax.products"],
    ["minitorch.lax"],  # jax.lax's names
    ["minitorch.errors", "minitorch.test_util", "minitorch.files"],
    ["minitorch.numpy.arguments", "minitorch.numpy.types"],
    ["minitorch.numpy.pointwise", "minitorch.numpy.creation", "minitorch.numpy.mapping", "minitorch.numpy.arranging"],
    ["minitorch.numpy.grids", "minitorch.numpy.joining", "minitorch.numpy.reducing", "minitorch.numpy.selecting"],
    ["minitorch.numpy.rounding"],
    ["minitorch.numpy.nans", "minitorch.numpy.positions", "minitorch.numpy.products", "minitorch.numpy.fft"],
    ["minitorch.numpy.ordering", "minitorch.numpy.statistics", "minitorch.numpy.calculus", "minitorch.numpy.linalg"],
    ["minitorch.numpy.padding", "minitorch.numpy.polynomials"],
    ["minitorch.numpy.functions"],  # all of them
    ["minitorch.numpy.einops_backend"],
    ["minitorch.numpy.dispatch"],  # which of them answer for NumPy's
    ["minitorch.numpy"],
    ["minitorch.tensor.modes"],  # no_grad and its kin
    ["minitorch.tensor.alias"],  # what a tensor shares with its views
    ["minitorch.tensor.promotion", "minitorch.tensor.hooks"],  # 0-d operands give way; what registering a hook returns
    ["minitorch.tensor.sharing"],  # reading, viewing and writing a value that handles share
    ["minitorch.tensor.peeking"],  # the numbers behind handles
    ["minitorch.tensor.handle"],  # Tensor and its ambient tape
    ["minitorch.tensor.backward", "minitorch.tensor.pytree"],  # Tensor.backward; tensors taken apart and put back
    ["minitorch.tensor.types"],
    ["minitorch.tensor.kernels"],  # those of small tensors
    ["minitorch.tensor.small"],  # operations on few numbers, natively
    ["minitorch.tensor.fast", "minitorch.tensor.shortcut", "minitorch.tensor.generator"],
    ["minitorch.tensor.outputs"],  # results written to tensors that the caller gives
    ["minitorch.tensor.indexing"],  # x[...], read and written
    ["minitorch.tensor.table", "minitorch.tensor.printing"],
    ["minitorch.tensor.display", "minitorch.tensor.texts.written"],  # in notebooks; rows made docstrings
    [
        "minitorch.tensor.texts.about",
        "minitorch.tensor.texts.algebra",
        "minitorch.tensor.texts.along",
        "minitorch.tensor.texts.arranged",
        "minitorch.tensor.texts.pointwise",
    ],  # what functions do that are a line in a table
    ["minitorch.tensor.texts"],
    ["minitorch.tensor.creation"],
    ["minitorch.tensor.windows"],
    ["minitorch.tensor.random"],
    ["minitorch.tensor.counts"],  # random counts; segments
    # The tables of functions, by theme, and what makes functions and methods of them.
    ["minitorch.tensor.layout", "minitorch.tensor.distinct", "minitorch.tensor.quantiles"],
    ["minitorch.tensor.pointwise", "minitorch.tensor.reducing", "minitorch.tensor.algebra"],
    ["minitorch.tensor.views", "minitorch.tensor.arranging", "minitorch.tensor.linalg"],
    ["minitorch.tensor.parts", "minitorch.tensor.placing"],  # slices, windows; looking up and writing at places
    ["minitorch.tensor.special", "minitorch.tensor.statistics"],
    ["minitorch.tensor.factors", "minitorch.tensor.spectrogram", "minitorch.tensor.later"],
    ["minitorch.tensor.conversion"],
    ["minitorch.tensor.rearranging"],
    ["minitorch.tensor.functions"],
    ["minitorch.tensor.methods"],  # operators
    ["minitorch.tensor.writing"],  # which of the functions write to their first argument, with examples
    ["minitorch.tensor.inplace"],  # the functions again, writing to their first argument
    ["minitorch.tensor"],
    ["minitorch.fft", "minitorch.linalg", "minitorch.special"],
    ["minitorch.autograd.anomaly", "minitorch.autograd.engine", "minitorch.autograd.function"],
    ["minitorch.autograd.functional", "minitorch.autograd.gradcheck", "minitorch.autograd.graph"],
    ["minitorch.autograd.variable"],  # what older programs wrap tensors in
    ["minitorch.autograd"],
    ["minitorch.random.keys", "minitorch.random.arguments"],
    ["minitorch.random.continuous", "minitorch.random.discrete"],
    ["minitorch.random.multivariate"],
    ["minitorch.random"],
    ["minitorch.nn.parameter"],
    ["minitorch.nn.uninitialized"],  # of lazy layers
    ["minitorch.nn.registry"],  # what a module holds
    ["minitorch.nn.hooks", "minitorch.nn.state", "minitorch.nn.structure"],  # calling it; saving it; it as a pytree
    ["minitorch.nn.module"],
    ["minitorch.nn.functional.examples"],  # of docstrings that are put together
    ["minitorch.nn.functional.arguments"],
    ["minitorch.nn.functional.activation", "minitorch.nn.functional.image", "minitorch.nn.functional.loss"],
    ["minitorch.nn.functional.layer"],
    ["minitorch.nn.functional.toplevel"],
    # What loads when it is first named.
    ["minitorch.nn.functional.alpha", "minitorch.nn.functional.ctc", "minitorch.nn.functional.grids"],
    ["minitorch.nn.functional.margins", "minitorch.nn.functional.resizing", "minitorch.nn.functional.windows"],
    ["minitorch.nn.functional.toplevel_later"],
    ["minitorch.nn.functional.attention", "minitorch.nn.functional.bags", "minitorch.nn.functional.recurrent"],
    ["minitorch.nn.functional"],
    ["minitorch.nn.sequences"],  # of different lengths, padded and packed
    ["minitorch.nn.init", "minitorch.nn.functions", "minitorch.nn.initializers"],
    ["minitorch.nn.modules.module"],
    ["minitorch.nn.modules.linear", "minitorch.nn.modules.container", "minitorch.nn.modules.dropout"],
    ["minitorch.nn.modules.activation", "minitorch.nn.modules.convolution", "minitorch.nn.modules.normalization"],
    ["minitorch.nn.modules.pooling", "minitorch.nn.modules.loss"],
    ["minitorch.nn.modules.adaptive", "minitorch.nn.modules.instancenorm", "minitorch.nn.modules.padding"],
    ["minitorch.nn.modules.resizing", "minitorch.nn.modules.windows"],
    ["minitorch.nn.modules.lazy", "minitorch.nn.modules.marginloss"],
    [
        "minitorch.nn.modules.attention",
        "minitorch.nn.modules.embedding",
        "minitorch.nn.modules.recurrent",
        "minitorch.nn.modules.recurrent_cells",
    ],
    ["minitorch.nn.modules.transformer"],
    ["minitorch.nn.modules"],
    ["minitorch.nn.utils.clip_grad", "minitorch.nn.utils.convert_parameters", "minitorch.nn.utils.fusion"],
    ["minitorch.nn.utils.init", "minitorch.nn.utils.parametrize", "minitorch.nn.utils.stateless"],
    ["minitorch.nn.utils.rnn"],
    ["minitorch.nn.utils.computed"],  # tensors that are computed before each call
    ["minitorch.nn.utils.pruning_methods"],
    ["minitorch.nn.utils.parametrizations", "minitorch.nn.utils.prune"],
    ["minitorch.nn.utils.norms"],
    ["minitorch.nn.utils"],
    ["minitorch.nn"],
    ["minitorch.func"],  # transforms under PyTorch's names
    ["minitorch.optim.axpy"],  # a multiple of one buffer added to another
    ["minitorch.optim.rules"],  # the update rules as pure functions
    [
        "minitorch.optim.hooks",
        "minitorch.optim.values",
        "minitorch.optim.bundles",
        "minitorch.optim.options",
    ],  # rules on arrays, tracers and tensors; on many at once
    ["minitorch.optim.optimizer"],  # groups, state, the loop
    ["minitorch.optim.algorithms", "minitorch.optim.variants", "minitorch.optim.lbfgs"],
    ["minitorch.optim.functional.base", "minitorch.optim.functional.losses", "minitorch.optim.functional.schedules"],
    ["minitorch.optim.functional.wrappers"],
    ["minitorch.optim.functional.transforms"],
    ["minitorch.optim.functional.algorithms"],
    ["minitorch.optim.functional"],
    ["minitorch.optim.lr_scheduler.base"],
    ["minitorch.optim.lr_scheduler.decay", "minitorch.optim.lr_scheduler.cycles"],
    ["minitorch.optim.lr_scheduler"],
    ["minitorch.optim.swa_utils"],  # averages of models
    ["minitorch.optim"],
    # jit for both faces: what a recording takes in, what it depends on, how it is replayed.
    ["minitorch.compiling.snapshots"],  # what differs when a container has changed
    ["minitorch.compiling.containers"],  # trees down to their tensors
    [
        "minitorch.compiling.guards",
        "minitorch.compiling.modes",
        "minitorch.compiling.statics",
        "minitorch.compiling.stats",
    ],
    ["minitorch.compiling.holding", "minitorch.compiling.inspecting"],  # who holds what slots do; the search for NaN
    ["minitorch.compiling.capture", "minitorch.compiling.looking"],
    ["minitorch.compiling.derivative"],  # the backward pass of a compiled function
    [
        "minitorch.compiling.building",
        "minitorch.compiling.module_forms",
        "minitorch.compiling.windows",
    ],  # calls, by their containers; views, by where they lie
    ["minitorch.compiling.forms"],
    ["minitorch.compiling.arguments", "minitorch.compiling.program"],
    # Second derivatives; the handles of results, made natively; results that are views.
    ["minitorch.compiling.handles", "minitorch.compiling.higher", "minitorch.compiling.sharing"],
    ["minitorch.compiling.recording"],
    [
        "minitorch.compiling.backend",
        "minitorch.compiling.checking",
        "minitorch.compiling.donation",
        "minitorch.compiling.lay",
        "minitorch.compiling.outputs",  # where a call finds them
    ],
    ["minitorch.compiling.entry"],  # the shortest way into a program
    ["minitorch.compiling.quick"],
    ["minitorch.compiling.through"],  # transforms of compiled functions
    ["minitorch.compiling.describing"],  # a program's state and guards in words
    ["minitorch.compiling.explaining"],
    ["minitorch.compiling.jit"],
    ["minitorch.compiling.archive", "minitorch.compiling.compile"],  # the file of an exported function; torch.compile
    ["minitorch.compiling.export"],  # export, load_exported
    ["minitorch.compiling.show"],  # make_graph
    ["minitorch.compiling.steps"],  # train_steps
    ["minitorch.compiling.methods"],  # Module.compile
    ["minitorch.compiling"],
    ["minitorch.models.variants", "minitorch.models.lenet", "minitorch.models.mlp"],
    ["minitorch.models.resnet", "minitorch.models.vgg", "minitorch.models.vit", "minitorch.models.gpt"],
    ["minitorch.models"],
    ["minitorch.saving.trees", "minitorch.saving.torch_files"],
    ["minitorch.saving.checkpoints"],
    ["minitorch.saving"],
    ["minitorch.utils.data.dataset", "minitorch.utils.data.sampler", "minitorch.utils.data.collate"],
    ["minitorch.utils.data.distributed", "minitorch.utils.data.fetching"],
    ["minitorch.utils.data.transport", "minitorch.utils.data.worker"],
    ["minitorch.utils.data.iterating", "minitorch.utils.data.pool"],
    ["minitorch.utils.data.loader"],
    ["minitorch.utils.data"],
    ["minitorch.utils.checkpoint", "minitorch.utils.dlpack", "minitorch.utils.tensorboard"],
    ["minitorch.utils"],
    ["minitorch.transforms.composing", "minitorch.transforms.images"],
    ["minitorch.transforms.resampling"],
    ["minitorch.transforms.colors", "minitorch.transforms.places"],
    ["minitorch.transforms.functional"],
    ["minitorch.transforms.chance", "minitorch.transforms.fixed"],
    ["minitorch.transforms"],
    ["minitorch.datasets.images", "minitorch.datasets.tables", "minitorch.datasets.text"],
    ["minitorch.datasets.files", "minitorch.datasets.synthetic"],
    ["minitorch.backends", "minitorch.cuda", "minitorch.determinism"],  # devices and switches, as PyTorch asks for them
    ["minitorch.datasets", "minitorch.debug", "minitorch.progress", "minitorch.key_reuse", "minitorch.tree"],
    ["minitorch.jax_names", "minitorch.scipy.special"],
    ["minitorch.flatten_util", "minitorch.scipy", "minitorch.tree_util"],
    ["minitorch.summarizing", "minitorch.viz"],
    ["minitorch"],
]

# Files over 450 lines and functions over 60, each with the reason why splitting it would hurt.
LONG: dict[str, str] = {}
