"""minitorch: PyTorch's API and JAX's transforms over one small engine.

    core        arrays, primitives, rules, tapes, transforms: knows nothing of what follows
    tensor      Tensor, a mutable handle on an array, and functions under PyTorch's names
    numpy       NumPy's functions for arrays, after the Array API standard and jax.numpy
    fft         Fourier transforms
    autograd    gradients on request, custom functions, anomaly mode
    linalg      decompositions and norms
    special     Bessel, gamma and error functions, orthogonal polynomials
    lax         loops and branches that every transform knows, and the lower operations, under jax.lax's names
    nn, optim   modules, losses, optimizers
    random      numbers from explicit keys
    func        transforms under PyTorch's names
    compiling   jit for arrays and tensors, what it shows of itself, programs in files
    cuda        which CUDA devices there are; backends, determinism: PyTorch's switches
    saving      trees of tensors in files; PyTorch's checkpoints
    utils       data loading, checkpointing, TensorBoard
    models      ResNet, VGG, ViT, GPT-2, with the names of published weights
    transforms  augmentations of images
    datasets    tables, text, drawn digits, readers of MNIST's and CIFAR's files
    jax_names   the rest of JAX's top level; tree_util, flatten_util, scipy: modules of that name
    viz         pictures of graphs

A file imports only from lower layers; `tests/layers.py` holds the order.
"""

import importlib
import typing
import warnings
from math import e, inf, nan, pi

from numpy import dtype

from . import autograd, errors, linalg, nn, optim, utils
from .compiling import methods
from .core import checkpoint_policies, memory, operators, protocols, tracebacks
from .core.array import Array
from .core.array import Array as array
from .core.calls import CustomVJPPrimal, SymbolicZero
from .core.checkpoint import checkpoint
from .core.checkpoint_policies import checkpoint_name
from .core.custom import custom_jvp, custom_vjp
from .core.dtypes import (
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .core.dtypes import bool_ as bool
from .core.dtypes import complex64 as cfloat
from .core.dtypes import complex128 as cdouble
from .core.dtypes import float16 as half
from .core.dtypes import float32 as float
from .core.dtypes import float64 as double
from .core.dtypes import int16 as short
from .core.dtypes import int32 as int
from .core.dtypes import int64 as long
from .core.jacobian import hessian, hvp, jacfwd, jacrev
from .core.transforms import grad, jvp, stop_gradient, value_and_grad, vjp, vmap
from .core.version import VERSION as __version__
from .nn.functional.toplevel import *
from .progress import progress
from .tensor.conversion import is_tensor
from .tensor.creation import (
    TYPED,
    arange,
    as_tensor,
    asarray,
    complex,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    frombuffer,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    range,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from .tensor.functions import *
from .tensor.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor.handle import Tensor
from .tensor.inplace import *
from .tensor.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .tensor.printing import set_printoptions
from .tensor.random import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .tensor.types import (
    can_cast,
    device,
    finfo,
    get_default_dtype,
    iinfo,
    promote_types,
    result_type,
    set_default_dtype,
)
from .tensor.windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window

newaxis = None
Size = tuple
globals().update(TYPED)

# What few programs need loads when it is first named, so that importing the package stays cheap.
_MODULES = (
    "backends",
    "cuda",
    "datasets",
    "debug",
    "fft",
    "flatten_util",
    "func",
    "lax",
    "models",
    "numpy",
    "random",
    "scipy",
    "special",
    "test_util",
    "transforms",
    "tree",
    "tree_util",
    "viz",
)
_NAMES = {
    "ShapeDtypeStruct": "jax_names",
    "affine_grid_generator": "nn.functional.grids",
    "alpha_dropout": "nn.functional.toplevel_later",
    "alpha_dropout_": "nn.functional.toplevel_later",
    "are_deterministic_algorithms_enabled": "determinism",
    "binomial": "tensor.counts",
    "block_until_ready": "jax_names",
    "check_leaks": "core.leaks",
    "compile": "compiling.compile",
    "cosine_embedding_loss": "nn.functional.toplevel_later",
    "ctc_loss": "nn.functional.toplevel_later",
    "debug_infs": "core.nonfinite",
    "debug_keys": "key_reuse",
    "debug_nans": "core.nonfinite",
    "device_get": "jax_names",
    "device_put": "jax_names",
    "draw_graph": "viz",
    "eval_shape": "jax_names",
    "export": "compiling.export",
    "feature_alpha_dropout": "nn.functional.toplevel_later",
    "feature_alpha_dropout_": "nn.functional.toplevel_later",
    "feature_dropout": "nn.functional.toplevel_later",
    "feature_dropout_": "nn.functional.toplevel_later",
    "get_float32_matmul_precision": "determinism",
    "get_num_threads": "core.jit.native.replay",
    "grid_sampler": "nn.functional.grids",
    "grid_sampler_2d": "nn.functional.grids",
    "grid_sampler_3d": "nn.functional.grids",
    "gru": "nn.functional.recurrent",
    "gru_cell": "nn.functional.recurrent",
    "is_deterministic_algorithms_warn_only_enabled": "determinism",
    "jacobian": "jax_names",
    "jet": "core.jet",
    "jit": "compiling.jit",
    "jit_stats": "compiling.stats",
    "linear_transpose": "core.linear",
    "linearize": "core.linear",
    "load": "saving.checkpoints",
    "load_exported": "compiling.export",
    "lstm": "nn.functional.recurrent",
    "lstm_cell": "nn.functional.recurrent",
    "make_graph": "compiling.show",
    "make_jaxpr": "jax_names",
    "norm_except_dim": "nn.functional.toplevel_later",
    "poisson": "tensor.counts",
    "poisson_nll_loss": "nn.functional.toplevel_later",
    "remat": "jax_names",
    "rnn_relu": "nn.functional.recurrent",
    "rnn_relu_cell": "nn.functional.recurrent",
    "rnn_tanh": "nn.functional.recurrent",
    "rnn_tanh_cell": "nn.functional.recurrent",
    "save": "saving.checkpoints",
    "segment_reduce": "tensor.counts",
    "set_float32_matmul_precision": "determinism",
    "set_num_threads": "core.jit.native.replay",
    "summary": "summarizing",
    "train_steps": "compiling.steps",
    "triplet_margin_loss": "nn.functional.toplevel_later",
    "use_deterministic_algorithms": "determinism",
}

if typing.TYPE_CHECKING:
    from . import (
        backends,
        cuda,
        datasets,
        debug,
        fft,
        flatten_util,
        func,
        lax,
        models,
        numpy,
        random,
        scipy,
        special,
        test_util,
        transforms,
        tree,
        tree_util,
        viz,
    )
    from .compiling.compile import compile
    from .compiling.export import export, load_exported
    from .compiling.jit import jit
    from .compiling.show import make_graph
    from .compiling.stats import jit_stats
    from .compiling.steps import train_steps
    from .core.jet import jet
    from .core.jit.native.replay import get_num_threads, set_num_threads
    from .core.leaks import check_leaks
    from .core.linear import linear_transpose, linearize
    from .core.nonfinite import debug_infs, debug_nans
    from .determinism import (
        are_deterministic_algorithms_enabled,
        get_float32_matmul_precision,
        is_deterministic_algorithms_warn_only_enabled,
        set_float32_matmul_precision,
        use_deterministic_algorithms,
    )
    from .jax_names import (
        ShapeDtypeStruct,
        block_until_ready,
        device_get,
        device_put,
        eval_shape,
        jacobian,
        make_jaxpr,
        remat,
    )
    from .key_reuse import debug_keys
    from .nn.functional.grids import affine_grid_generator, grid_sampler, grid_sampler_2d, grid_sampler_3d
    from .nn.functional.toplevel_later import (
        alpha_dropout,
        alpha_dropout_,
        cosine_embedding_loss,
        ctc_loss,
        feature_alpha_dropout,
        feature_alpha_dropout_,
        feature_dropout,
        feature_dropout_,
        norm_except_dim,
        poisson_nll_loss,
        triplet_margin_loss,
    )
    from .saving.checkpoints import load, save
    from .summarizing import summary
    from .tensor.counts import binomial, poisson, segment_reduce
    from .viz import draw_graph


def __getattr__(name: str) -> typing.Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _NAMES:
        raise importlib.import_module(f"{__name__}.absent").missing(__name__, name)
    module = importlib.import_module(f"{__name__}.{_NAMES[name]}")
    globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})


# log(0) and its like are results, not mistakes: NumPy's complaint about them tells users nothing.
warnings.filterwarnings("ignore", category=RuntimeWarning, module="minitorch")
tracebacks.install()
protocols.announce(lambda: importlib.import_module(f"{__name__}.numpy"))
memory.keep_freed()
