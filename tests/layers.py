"""The order of the house: which module may import which.

Each line is a layer, bottom to top. A module imports from the layers below its own, and from nothing beside or above.
A name stands for that one module; a package's `__init__` goes by the package's name and sits above its parts.
"""

LAYERS: list[list[str]] = [
    ["minitorch.core.errors"],  # exception classes
    ["minitorch.core.config"],  # settings in context variables
    ["minitorch.core.dtypes"],  # data types and the promotion table
    ["minitorch.core.tree"],  # pytrees
    ["minitorch.core.aval"],  # shape, dtype and device of a value
    ["minitorch.core.backend"],  # what a device implements; registry of lazy backends
    ["minitorch.core.array"],  # the immutable buffer
    ["minitorch.core.primitive"],  # Primitive, Trace, Tracer, bind
    ["minitorch.core.tape"],  # nodes and the backward loop
    # The ops, so ordered that each file is closed under its own derivative and batching rules.
    ["minitorch.core.ops.families"],  # shape, dtype, batching and derivative rules by kind of op
    ["minitorch.core.ops.shaping"],
    ["minitorch.core.ops.pointwise"],
    ["minitorch.core.ops.reductions"],
    ["minitorch.core.ops.gathering"],
    ["minitorch.core.ops.contractions"],
    ["minitorch.core.ops.convolution"],
    ["minitorch.core.ops.pooling"],
    ["minitorch.core.ops.sorting"],
    ["minitorch.core.ops.sampling"],
    ["minitorch.core.ops.linalg"],
    ["minitorch.core.ops.fused"],
    ["minitorch.core.ops"],
    ["minitorch.core.operators"],  # attaches +, @, [...] and methods to Array and Tracer
    # The transforms: one interpreter each, then the functions people call.
    ["minitorch.core.vjp"],
    ["minitorch.core.jvp"],
    ["minitorch.core.vmap"],
    ["minitorch.core.custom"],  # custom_vjp, custom_jvp, stop_gradient
    ["minitorch.core.transforms"],  # grad, value_and_grad, vjp, jvp, vmap
    ["minitorch.core.jacobian"],  # jacrev, jacfwd, hessian, hvp
    ["minitorch.core.checkpoint"],
    ["minitorch.core"],
    # The faces.
    ["minitorch.errors", "minitorch.test_util"],
    ["minitorch.tensor"],
    ["minitorch.autograd"],
    ["minitorch.nn.parameter"],
    ["minitorch.nn.module"],
    ["minitorch.nn.functional", "minitorch.nn.init"],
    ["minitorch.nn"],
    ["minitorch.optim"],
    ["minitorch.utils.data"],
    ["minitorch.utils"],
    ["minitorch.viz"],
    ["minitorch"],
]

# Files over 450 lines and functions over 60, each with the reason why splitting it would hurt.
LONG: dict[str, str] = {}
