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
from ..core.tracer import Value, aval_of
from . import creation
from .alias import CUT, IDENTITY
from .handle import Tensor, tensor_of
from .layout import is_contiguous, storage_offset, stride
from .table import Table, sizes
from .texts.written import docstring
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
    """Return the size of one element in bytes.

    >>> mt.tensor([1.0]).element_size()
    4
    >>> mt.tensor([1], dtype=mt.int16).itemsize
    2
    """
    return int(x.dtype.itemsize)


def is_tensor(obj: Any) -> bool:
    """Return whether an object is a Tensor.

    >>> mt.is_tensor(mt.tensor([1])), mt.is_tensor([1])
    (True, False)
    """
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

    >>> x = mt.tensor([1, 2])
    >>> x.to(mt.float32), x.to("cpu") is x
    (tensor([1., 2.]), True)
    >>> x.to(mt.tensor(0.5)).dtype
    dtype('float32')
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

    call.__doc__ = docstring(
        (f"Return the tensor as {dtypes.name(dtype)}.", f"mt.tensor([0, 2]).{name}().dtype", repr(dtype))
    )
    return call


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the tensor in another dtype; without one, PyTorch's name of its type: `torch.FloatTensor`.

    The dtype may also be given by such a name, or by what it stands for.

    >>> x = mt.tensor([1.5, -2.5])
    >>> x.type()
    'torch.FloatTensor'
    >>> x.type(mt.int64), x.type("torch.LongTensor")
    (tensor([ 1, -2]), tensor([ 1, -2]))
    """
    if dtype is None:
        return f"torch.{'' if self.value.device == 'cpu' else 'cuda.'}{KINDS[self.value.dtype]}"
    if isinstance(dtype, str):
        dtype = creation.TYPED.get(dtype.rpartition(".")[2], dtype)
    return cast(self, dtype.dtype if isinstance(dtype, creation.TypedTensor) else dtype)


def _new(make: Callable[..., Tensor], *shown: str) -> Callable[..., Tensor]:
    def call(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        kind = self.dtype if dtype is None else dtype
        where = self.device if device is None else device
        return make(*args, dtype=kind, device=where, requires_grad=requires_grad)

    summary = f"As `{make.__name__}`, with the dtype and device of this tensor unless others are given."
    call.__doc__ = docstring((summary, *shown))
    return call


# --------------------------------------------------------------------------- copies


def clone(input: Any) -> Any:
    """Return a copy: writes to it do not show in the original, gradients flow back to it.

    >>> x = mt.tensor([1, 2])
    >>> y = mt.clone(x)
    >>> y[0] = 9
    >>> x, y
    (tensor([1, 2]), tensor([9, 2]))
    """
    x = as_array(input)
    return reshape_p(x, shape=x.shape)  # recorded; immutable values need no copying


def contiguous(input: Any) -> Any:
    """Return the tensor itself if its elements lie in their order, else a copy in which they do.

    >>> x = mt.tensor([[1, 2], [3, 4]])
    >>> x.contiguous() is x, x.t().contiguous().stride()
    (True, (2, 1))
    """
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
    """Return the same data cut off from the graph; of a tensor, a view.

    >>> x = mt.tensor([1.0], requires_grad=True)
    >>> mt.detach(x * 2)
    tensor([2.])
    """
    return input.detach() if isinstance(input, Tensor) else pointwise.detach(input)


def _is_nonzero(input: Any) -> bool:
    """Return whether the only element is not zero.

    >>> mt.is_nonzero(mt.tensor([0.0])), mt.is_nonzero(mt.tensor([2]))
    (False, True)
    """
    return bool(input)


def _is_set_to(self: Tensor, other: Tensor) -> bool:
    """Return whether two handles stand for the same elements of the same storage.

    >>> x = mt.tensor([1, 2])
    >>> x.is_set_to(x.detach()), x.is_set_to(x.clone())
    (True, False)
    """
    mine, others = self._view, other._view
    if self is other or mine is None or others is None or mine.storage is not others.storage:
        return self is other
    return all(look(self) == look(other) for look in (lambda x: x.shape, stride, storage_offset))


def _sum_to_size(self: Tensor, *size: Any) -> Any:
    """Sum over dimensions until the tensor has a shape that broadcasts to it.

    >>> mt.ones(2, 3).sum_to_size(1, 3), mt.ones(2, 3).sum_to_size(3)
    (tensor([[2., 2., 2.]]), tensor([2., 2., 2.]))
    """
    shape = tuple(sizes(size))
    if broadcast_shapes("sum_to_size", aval_of(self), aval_of(self)._replace(shape=shape)) != self.shape:
        raise ShapeError(f"sum_to_size: {shape} does not broadcast to {aval_of(self)}; sizes must match or be 1")
    if shape == self.shape:
        return self
    return unbroadcast(self if dtypes.is_inexact(self.dtype) else cast(self, dtypes.int64), shape)


def _is_signed(input: Any) -> bool:
    """Return whether the dtype has negative numbers.

    >>> mt.is_signed(mt.tensor([1])), mt.is_signed(mt.tensor([1], dtype=mt.uint8))
    (True, False)
    """
    return input.dtype not in (*dtypes.UNSIGNED, dtypes.bool_)


def _is_same_size(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape.

    >>> x = mt.zeros(2, 3)
    >>> mt.is_same_size(x, mt.ones(2, 3)), mt.is_same_size(x, x.t())
    (True, False)
    """
    return bool(input.shape == other.shape)


def _device_number(input: Any) -> int:
    """Return the number of a tensor's GPU, -1 on the CPU.

    >>> mt.get_device(mt.tensor([1]))
    -1
    """
    return -1 if input.device == "cpu" else input.device.index or 0


def _typename(obj: Any) -> str:
    """Return the name of a tensor's type, or of the class of anything else.

    >>> mt.typename(mt.tensor([1.0])), mt.typename([1.0])
    ('torch.FloatTensor', 'builtins.list')
    """
    return str(_type(obj)) if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__qualname__}"


def _as_subclass(self: Tensor, cls: type) -> Tensor:
    """Return a view of the tensor as an object of a subclass.

    >>> class Marked(mt.Tensor):
    ...     pass
    >>> type(mt.tensor([1.0]).as_subclass(Marked)).__name__
    'Marked'
    """
    if not issubclass(cls, Tensor):
        raise TypeError(f"as_subclass: expected a subclass of Tensor, got {cls.__name__}")
    out = self._view_of(IDENTITY)
    out.__class__ = cls
    return out


def _dim_order(self: Tensor) -> tuple[int, ...]:
    """Return the dimensions from the outermost to the innermost in memory.

    >>> mt.zeros(2, 3).dim_order(), mt.zeros(2, 3).t().dim_order()
    ((0, 1), (1, 0))
    """
    strides = stride(self)
    return tuple(sorted(range(self.ndim), key=lambda d: (-strides[d], d)))


def _values(x: Any) -> Value:
    return x.current() if isinstance(x, Tensor) else x


def _never(kind: str) -> Callable[[Any], bool]:
    """Return the getter of a property that says of what kind a tensor is not."""

    def call(self: Any) -> bool:
        return False

    summary = f"Whether this is a tensor of the kind {kind}: False, for there are none."
    call.__doc__ = docstring((summary, f"mt.tensor([1]).is_{kind}", "False"))
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
    "new_tensor": _new(creation.tensor, "mt.tensor([0.5]).new_tensor([1, 2])", "tensor([1., 2.])"),
    "new_zeros": _new(creation.zeros, "mt.tensor([5]).new_zeros(2)", "tensor([0, 0])"),
    "new_ones": _new(creation.ones, "mt.tensor([5]).new_ones(2, dtype=mt.float32)", "tensor([1., 1.])"),
    "new_empty": _new(creation.empty, "mt.tensor([5]).new_empty(2, 3).shape", "(2, 3)"),
    "new_full": _new(creation.full, "mt.tensor([0.5]).new_full((2,), 7)", "tensor([7., 7.])"),
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
