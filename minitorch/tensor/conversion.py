"""Size, type and place of a tensor; copies and pickles of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.conversion import converted
from ..core.errors import GradError, OutOfBoundsError, ShapeError, UnsupportedError
from ..core.ops import pointwise
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.shaping import cast, reshape_p, unbroadcast
from ..core.primitive import Value, aval_of
from . import creation
from .alias import CUT, IDENTITY
from .handle import Tensor, tensor_of
from .layout import is_contiguous, stride
from .table import Table, sizes
from .types import KINDS, NAMES, checked_device, device

# --------------------------------------------------------------------------- size and kind


class Size(int):
    """The number of elements, as `x.size` is in NumPy and the core; called, the shape, as `x.size()` is in PyTorch."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one dimension."""
        if dim is None:
            return self.shape
        n = len(self.shape)
        if not -n <= dim < n:
            raise OutOfBoundsError(f"size: dim {dim} is out of range for shape {self.shape}; use {-n} to {n - 1}")
        return self.shape[dim]


def _size(x: Any) -> Size:
    value = x.value
    size = Size(value.size)
    size.shape = value.shape
    return size


def _item_bytes(x: Any) -> int:
    """Return the size of one element in bytes."""
    return int(x.dtype.itemsize)


def is_tensor(obj: Any) -> bool:
    """Return whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def _is_real(x: Any) -> bool:
    return x.dtype in dtypes.REALS


# --------------------------------------------------------------------------- to another dtype or device


def _to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """Return the tensor with another dtype, on another device, or both: `x.to(dtype)`, `x.to("cuda")`, `x.to(other)`.

    The tensor itself is returned when nothing changes, unless `copy`.
    """
    flags = [given for given in args if isinstance(given, bool)]  # non_blocking and copy
    for given in args:
        if isinstance(given, Tensor):
            dtype, device = given.dtype, given.device
        elif given is None or isinstance(given, bool):
            continue
        elif (isinstance(given, str) and given.partition(":")[0] not in NAMES) or isinstance(given, int):
            device = given
        else:
            dtype = given
    moved = self if device is None else _moved(self, checked_device(device))
    out = moved if dtype is None else cast(moved, dtype)
    return clone(out) if (copy or flags[1:] == [True]) and out is self else out


def _moved(x: Tensor, where: str) -> Tensor:
    if where == x.device or where.partition(":")[0] == x.device == "cpu":
        return x
    if x.node is not None:
        raise UnsupportedError(f"to: a tensor that is part of a graph cannot move to {where}; use .detach() first")
    return tensor_of(x.current().to_device(where))


def _caster(name: str) -> Callable[[Any], Any]:
    dtype = NAMES[name]

    def call(self: Any) -> Any:
        return cast(self, dtype)

    call.__doc__ = f"Return the tensor as {dtypes.name(dtype)}."
    return call


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the tensor in another dtype; without one, PyTorch's name of its type: `torch.FloatTensor`.

    The dtype may also be given by such a name, or by what it stands for.
    """
    if dtype is None:
        return f"torch.{'' if self.value.device == 'cpu' else 'cuda.'}{KINDS[self.value.dtype]}"
    if isinstance(dtype, str):
        dtype = creation.TYPED.get(dtype.rpartition(".")[2], dtype)
    return cast(self, dtype.dtype if isinstance(dtype, creation.TypedTensor) else dtype)


def _new(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        kind = self.dtype if dtype is None else dtype
        where = self.device if device is None else device
        return make(*args, dtype=kind, device=where, requires_grad=requires_grad)

    call.__doc__ = f"As `{make.__name__}`, with the dtype and device of this tensor unless others are given."
    return call


# --------------------------------------------------------------------------- copies


def clone(input: Any) -> Any:
    """Return a copy: writes to it do not show in the original, gradients flow back to it."""
    x = as_array(input)
    return reshape_p(x, shape=x.shape)  # recorded; immutable values need no copying


def contiguous(input: Any) -> Any:
    """Return the tensor itself if its elements lie in their order, else a copy in which they do."""
    return input if not isinstance(input, Tensor) or is_contiguous(input) else clone(input)


def _bare(x: Tensor) -> Tensor:
    """Make a handle of the same class without a value, with the attributes that users gave to the tensor."""
    made: Tensor = object.__new__(type(x))
    made.__dict__.update({k: v for k, v in x.__dict__.items() if k not in ("_cell", "_version")})
    return made


def _filled(made: Tensor, value: Value, requires_grad: bool) -> Tensor:
    fresh = tensor_of(value)
    made._trace, made.value, made.node, made._view = fresh._trace, fresh.value, None, None
    return made.requires_grad_() if requires_grad else made


def _copy(self: Tensor) -> Tensor:
    shared = self._view_of(CUT)
    if type(self) is not Tensor:
        shared.__class__ = type(self)
    shared.__dict__.update(_bare(self).__dict__)
    return shared.requires_grad_() if self.requires_grad else shared


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if not self.is_leaf:
        raise GradError(
            "deepcopy: only tensors created explicitly by the user (graph leaves) support the deepcopy protocol; "
            "detach() it, or clone() it to stay in the graph"
        )
    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    made = _bare(self)
    memo[id(self)] = made
    made.__dict__.update({k: copy.deepcopy(v, memo) for k, v in made.__dict__.items()})
    _filled(made, self.current(), self.requires_grad)
    if self.grad is not None:
        made.grad = copy.deepcopy(self.grad, memo)
    return made


def _reduce(self: Tensor) -> tuple[Any, ...]:
    data = np.array(converted(self, "pickle").numpy())
    return _rebuilt, (type(self), data, self.requires_grad, _bare(self).__dict__)


def _rebuilt(kind: type, data: np.ndarray[Any, Any], requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    made: Tensor = object.__new__(kind)
    made.__dict__.update(attributes)
    return _filled(made, wrap(data), requires_grad)


def _detach(input: Any) -> Any:
    """Return the same data cut off from the graph; of a tensor, a view."""
    return input.detach() if isinstance(input, Tensor) else pointwise.detach(input)


def _is_nonzero(input: Any) -> bool:
    """Return whether the only element is not zero."""
    return bool(input)


def _is_set_to(self: Tensor, other: Tensor) -> bool:
    """Return whether two handles stand for the same elements of the same storage."""
    mine, others = self._view, other._view
    same = mine is not None and others is not None and mine.storage is others.storage
    return self is other or (same and self.shape == other.shape and mine.steps == others.steps)  # type: ignore[union-attr]


def _sum_to_size(self: Tensor, *size: Any) -> Any:
    """Sum over dimensions until the tensor has a shape that broadcasts to it."""
    shape = tuple(sizes(size))
    if broadcast_shapes("sum_to_size", aval_of(self), aval_of(self)._replace(shape=shape)) != self.shape:
        raise ShapeError(f"sum_to_size: {shape} does not broadcast to {aval_of(self)}; sizes must match or be 1")
    if shape == self.shape:
        return self
    return unbroadcast(self if dtypes.is_inexact(self.dtype) else cast(self, dtypes.int64), shape)


def _is_signed(input: Any) -> bool:
    """Return whether the dtype has negative numbers."""
    return input.dtype not in (*dtypes.UNSIGNED, dtypes.bool_)


def _is_same_size(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape."""
    return bool(input.shape == other.shape)


def _device_number(input: Any) -> int:
    """Return the number of a tensor's GPU, -1 on the CPU."""
    return -1 if input.device == "cpu" else input.device.index or 0


def _typename(obj: Any) -> str:
    """Return the name of a tensor's type, or of the class of anything else."""
    return str(_type(obj)) if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__qualname__}"


def _as_subclass(self: Tensor, cls: type) -> Tensor:
    """Return a view of the tensor as an object of a subclass."""
    if not issubclass(cls, Tensor):
        raise TypeError(f"as_subclass: expected a subclass of Tensor, got {cls.__name__}")
    out = self._view_of(IDENTITY)
    out.__class__ = cls
    return out


def _dim_order(self: Tensor) -> tuple[int, ...]:
    """Return the dimensions from the outermost to the innermost in memory."""
    strides = stride(self)
    return tuple(sorted(range(self.ndim), key=lambda d: (-strides[d], d)))


def _values(x: Any) -> Value:
    return x.current() if isinstance(x, Tensor) else x


def _never(kind: str) -> Callable[[Any], bool]:
    """Return the getter of a property that says of what kind a tensor is not."""

    def call(self: Any) -> bool:
        return False

    call.__doc__ = f"Whether this is a tensor of the kind {kind}: False, for there are none."
    return call


# fmt: off
FUNCTIONS: Table = {
    "numel": lambda input: math.prod(input.shape),
    "is_floating_point": _is_real,
    "is_complex": lambda input: input.dtype in dtypes.COMPLEX,
    "is_nonzero": _is_nonzero,
    "clone": clone,
    "detach": _detach,
    "is_signed": _is_signed,
    "is_same_size": _is_same_size,
    "get_device": _device_number,
    "is_inference": lambda input: False,
    "typename": _typename,
}
METHODS: Table = {
    "dim": lambda self: self.ndim,
    "ndimension": lambda self: self.ndim,
    "numel": lambda self: _values(self).size,
    "nelement": lambda self: _values(self).size,
    "element_size": _item_bytes,
    "is_floating_point": _is_real,
    "is_complex": lambda self: self.dtype in dtypes.COMPLEX,
    "is_signed": _is_signed,
    "is_inference": lambda self: False,
    "is_pinned": lambda self: False,
    "pin_memory": lambda self: self,
    "as_subclass": _as_subclass,
    "dim_order": _dim_order,
    "is_nonzero": _is_nonzero,
    "is_set_to": _is_set_to,
    "is_same_size": _is_same_size,
    "sum_to_size": _sum_to_size,
    "get_device": _device_number,
    "to": _to,
    "type": _type,
    "type_as": lambda self, other: _to(self, other.dtype),
    "cpu": lambda self: _to(self, device="cpu"),
    "cuda": lambda self, device=None: _to(self, device="cuda" if device is None else device),
    "clone": clone,
    "contiguous": contiguous,
    "new": lambda self, *data: Tensor(*data, dtype=self.dtype),
    "new_tensor": _new(creation.tensor),
    "new_zeros": _new(creation.zeros),
    "new_ones": _new(creation.ones),
    "new_empty": _new(creation.empty),
    "new_full": _new(creation.full),
    "__copy__": _copy,
    "__deepcopy__": _deepcopy,
    "__reduce__": _reduce,
    "__reduce_ex__": lambda self, protocol: _reduce(self),
} | {
    name: _caster(name)
    for name in (
        *("bool", "byte", "char", "short", "int", "long"),
        *("half", "bfloat16", "float", "double", "cfloat", "cdouble"),
    )
}
PROPERTIES: Table = {
    "size": _size,
    "device": lambda self: device(self.value.device),
    "is_cpu": lambda self: self.value.device == "cpu",
    "is_cuda": lambda self: self.value.device != "cpu",
    "itemsize": _item_bytes,
    "nbytes": lambda self: self.value.size * _item_bytes(self),
    "retains_grad": lambda self: not self.is_leaf and self._cell is not None and self._cell.accumulates,
    "output_nr": lambda self: 0,
    "name": lambda self: None,
} | {
    f"is_{kind}": _never(kind)
    for kind in ("sparse", "sparse_csr", "quantized", "nested", "meta", "mkldnn", "mps", "xpu", "xla", "ipu", "maia",
        "mtia", "vulkan")
}
# fmt: on
