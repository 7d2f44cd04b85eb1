"""Making tensors: from data, from a number, from a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, of_dlpack, wrap
from ..core.conversion import converted
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.ops.families import as_array
from ..core.ops.pointwise import joined
from ..core.ops.shaping import broadcast_to, cast
from ..core.tracer import Tracer, Value, aval_of
from .handle import Tensor, tensor_of
from .peeking import lowered
from .texts.written import docstring
from .types import KINDS, check_fits, checked_device, get_default_dtype


def made(value: Value, device: Any, requires_grad: bool) -> Tensor:
    """Return a new leaf for a value, on a device."""
    if device is not None and device != "cpu":
        value = value.to_device(checked_device(device))
    fresh = tensor_of(value)
    return fresh.requires_grad_() if requires_grad else fresh


def size_of(name: str, sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """Return the shape meant by `f(2, 3)`, `f((2, 3))`, `f([2, 3])` or `f(size=(2, 3))`."""
    if size is not None:
        if sizes:
            raise TypeError(f"{name}: got sizes {sizes} and size={size}; give one of them")
        sizes = (size,)
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
    try:
        shape = tuple(map(as_int, given))
    except TypeError:
        raise TypeError(f"{name}: sizes must be integers, got {given!r}") from None
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: sizes must not be negative, got {shape}")
    return shape


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor that holds a copy of anything array-like; Python floats become the default dtype.

    >>> tensor([[1, 2], [3, 4]]).dtype.name, tensor([1.0, 2.0])
    ('int64', tensor([1., 2.]))
    """
    return made(_value(data, dtype), device, requires_grad)


def _value(data: Any, dtype: Any) -> Value:
    if isinstance(data, Tensor):
        data = data.detach().current()
    if not isinstance(data, (Array, Tracer)):
        numbers, found = lowered(data)
        data = Array(numbers, found if dtype is None else dtype)
    return data if dtype is None else cast(data, dtype)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor for anything array-like: a tensor of that dtype and device as it is, other data copied.

    >>> x = mt.tensor([1, 2])
    >>> mt.as_tensor(x) is x, mt.as_tensor([1, 2], dtype=mt.float32)
    (True, tensor([1., 2.]))
    """
    if not isinstance(data, Tensor):
        return tensor(data, dtype=dtype, device=device)
    if device is not None and checked_device(device) != data.device:
        data = tensor_of(data.current().to_device(checked_device(device)))
    return data if dtype is None else cast(data, dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor for anything array-like: a tensor that needs no change as it is, other data copied.

    >>> asarray([1, 2], dtype="float32")
    tensor([1., 2.])
    """
    if not isinstance(obj, Tensor) or copy:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    out = as_tensor(obj, dtype, device)
    return out.requires_grad_() if requires_grad else out


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """Make a tensor that holds a copy of a NumPy array, in its dtype.

    PyTorch shares the memory; here values are immutable, so a later write to `array` does not show in the tensor.

    >>> mt.from_numpy(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected an np.ndarray, got {type(array).__name__}; use tensor(data)")
    return tensor(array)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """Make a vector that holds a copy of the numbers in a buffer, from byte `offset` on.

    >>> frombuffer(bytes([1, 0, 2, 0]), dtype="int16")
    tensor([1, 2], dtype=int16)
    """
    return made(wrap(np.frombuffer(buffer, dtypes.canonical(dtype), count, offset).copy()), None, requires_grad)


class _Capsule:
    """What an older exchange gives: the memory alone, on the host, as NumPy checks."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Make a tensor that holds a copy of anything with `__dlpack__`: tensors of other libraries, NumPy arrays.

    >>> from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=float64)
    """
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected an object with __dlpack__, got {type(ext_tensor).__name__}")
    return tensor_of(of_dlpack(ext_tensor))


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a 0-d tensor of a number, in the default dtype unless another is given.

    >>> mt.scalar_tensor(3), mt.scalar_tensor(3, dtype=mt.int64)
    (tensor(3.), tensor(3))
    """
    return made(Array(s, _float_or(dtype)), device, requires_grad)


class TypedTensor:
    """The tensors of one dtype, as PyTorch's `FloatTensor` and its kin: called, it makes one; `isinstance` knows them.

    >>> isinstance(TYPED["LongTensor"]([1, 2]), TYPED["LongTensor"]), isinstance(tensor(0.5), TYPED["LongTensor"])
    (True, False)
    """

    def __init__(self, name: str, dtype: dtypes.DType):
        self.__name__ = self.__qualname__ = name
        summary = (
            f"Make a tensor of {dtypes.name(dtype)} from data or sizes: `tensor(data, dtype=...)` is the newer way."
        )
        self.__doc__ = docstring((summary, f"mt.{name}([1, 0]).dtype", repr(dtype)))
        self.dtype = dtype

    def __call__(self, *data: Any) -> Tensor:
        return Tensor(*data, dtype=self.dtype)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, Tensor) and bool(x.dtype == self.dtype)

    def __repr__(self) -> str:
        return f"<class 'minitorch.{self.__name__}'>"


# PyTorch has none for the dtypes that it took in late.
TYPED = {
    name: TypedTensor(name, dtype)
    for dtype, name in KINDS.items()
    if dtype not in (*dtypes.COMPLEXES, *dtypes.UNSIGNED[1:])
}


# --------------------------------------------------------------------------- filled


def _fill(name: str, make: Callable[..., Any]) -> Callable[..., Tensor]:
    def create(
        *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        kind = get_default_dtype() if dtype is None else dtypes.canonical(dtype)
        return made(wrap(make(size_of(name, sizes, size), kind)), device, requires_grad)

    create.__name__ = create.__qualname__ = name
    return create


zeros = _fill("zeros", np.zeros)
zeros.__doc__ = docstring(
    ("Make a tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`.", "mt.zeros(3)", "tensor([0., 0., 0.])")
)
ones = _fill("ones", np.ones)
ones.__doc__ = docstring(
    ("Make a tensor of ones: `ones(2, 3)` or `ones((2, 3))`.", "mt.ones(3, dtype=mt.int64)", "tensor([1, 1, 1])")
)
# Unset memory could hold NaN, and a value that nobody chose has no use here.
empty = _fill("empty", np.zeros)
empty.__doc__ = docstring(
    ("Make a tensor of a given size whose values do not matter (they are zeros).", "mt.empty(2, 3).shape", "(2, 3)")
)


def full(
    size: Sequence[int] | int, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of one repeated number, in the number's own dtype unless another is given.

    >>> full((2,), 7), full((2,), 0.5)
    (tensor([7, 7]), tensor([0.5000, 0.5000]))
    """
    if isinstance(fill_value, Tracer):  # which may carry a derivative, or differ from example to example
        value = cast(fill_value, fill_value.dtype if dtype is None else dtypes.canonical(dtype))
        return made(broadcast_to(value, size_of("full", (size,))), device, requires_grad)
    number = fill_value.item() if isinstance(fill_value, (Array, Tensor, np.generic, np.ndarray)) else fill_value
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, (Array, Tensor)) else type(number)
    kind = dtypes.canonical(dtype)
    check_fits("full", number, kind)
    if type(number) is int and kind in dtypes.UNSIGNED:
        number %= int(np.iinfo(kind).max) + 1  # -1 is 255
    buffer = np.full(size_of("full", (size,)), number, kind)
    return made(wrap(buffer), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a matrix with ones on its diagonal and zeros elsewhere.

    >>> mt.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    >>> mt.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    rows, columns = size_of("eye", (n, n if m is None else m))
    return made(wrap(np.eye(rows, columns, dtype=_float_or(dtype))), device, requires_grad)


def _float_or(dtype: Any) -> dtypes.DType:
    return get_default_dtype() if dtype is None else dtypes.canonical(dtype)


# --------------------------------------------------------------------------- ranges


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make the numbers from `start` (0 if only one is given) up to, not including, `end`.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    if end is None:
        start, end = 0, start
    start, end, step = map(_number, (start, end, step))
    if step == 0 or not math.isfinite(end - start) or (end - start) * step < 0:
        raise ArgumentError(f"arange: from {start} to {end} with step {step} has no end; step must lead toward end")
    kind = dtypes.promote(*map(type, (start, end, step))) if dtype is None else dtypes.canonical(dtype)
    whole = kind.kind in "iu"  # then PyTorch truncates first; int64 even before it counts
    if whole and kind == dtypes.int64:
        start, end, step = map(int, (start, end, step))
        if not step:
            raise ArgumentError("arange: a step below 1 is 0 as int64; give a step of 1 at least, or a floating dtype")
    count = max(math.ceil((end - start) / step), 0)
    numbers = int(start) + np.arange(count) * int(step) if whole else start + np.arange(count) * step
    return made(wrap(numbers.astype(kind)), device, requires_grad)


def range(
    start: Any, end: Any, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make the numbers from `start` up to and including `end`, as floats. PyTorch has deprecated it: use `arange`.

    >>> range(1, 3)
    tensor([1., 2., 3.])
    """
    start, end, step = map(_number, (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(f"range: from {start} to {end} with step {step} has no end; step must lead toward end")
    numbers = start + np.arange(math.floor((end - start) / step) + 1) * step
    return made(wrap(numbers.astype(_float_or(dtype))), device, requires_grad)


def _number(x: Any) -> Any:
    if isinstance(x, Tracer):
        x = converted(x, "float()")
    return x.item() if isinstance(x, (Array, np.generic)) else x


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make `steps` evenly spaced numbers from `start` to `end`, both included.

    >>> mt.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    kind = _float_or(dtype)
    return made(wrap(_spaced("linspace", start, end, steps, kind).astype(kind)), device, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make powers of `base` with evenly spaced exponents from `start` to `end`, both included.

    >>> mt.logspace(0, 2, 3), mt.logspace(0, 3, 4, base=2)
    (tensor([  1.,  10., 100.]), tensor([1., 2., 4., 8.]))
    """
    kind = _float_or(dtype)
    exponents = _spaced("logspace", start, end, steps, kind)
    return made(wrap(np.power(base, exponents).astype(kind)), device, requires_grad)


def _spaced(name: str, start: Any, end: Any, steps: int, kind: Any) -> np.ndarray[Any, Any]:
    """Return evenly spaced float64 numbers; between whole ends for a dtype of integers, as in PyTorch."""
    if as_int(steps) < 0:
        raise ArgumentError(f"{name}: number of steps must be non-negative, got {steps}")
    ends = _number(start), _number(end)
    return np.linspace(*(map(int, ends) if kind.kind in "iu" else ends), steps)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- like another


def _beside(input: Any, fresh: Tensor) -> Any:
    """Return a tensor beside a tensor, its core value beside a core value."""
    return fresh if isinstance(input, Tensor) else fresh.value


def _like(name: str, number: int) -> Callable[..., Any]:
    def create(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
        aval = aval_of(input)
        kind = aval.dtype if dtype is None else dtypes.canonical(dtype)
        where = aval.device if device is None else device
        return _beside(input, made(wrap(np.full(aval.shape, number, kind)), where, requires_grad))

    create.__name__ = create.__qualname__ = name
    return create


zeros_like = _like("zeros_like", 0)
zeros_like.__doc__ = docstring(
    (
        "Make zeros with the shape, dtype and device of another tensor.",
        *("mt.zeros_like(mt.tensor([5, 6]))", "tensor([0, 0])"),
    )
)
ones_like = _like("ones_like", 1)
ones_like.__doc__ = docstring(
    (
        "Make ones with the shape, dtype and device of another tensor.",
        *("mt.ones_like(mt.tensor([5, 6]), dtype=mt.float32)", "tensor([1., 1.])"),
    )
)
empty_like = _like("empty_like", 0)
empty_like.__doc__ = docstring(
    (
        "Make a tensor like another whose values do not matter (they are zeros).",
        *("mt.empty_like(mt.tensor([[5, 6]])).shape", "(1, 2)"),
    )
)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """Make a tensor of one repeated number with the shape, dtype and device of another.

    >>> mt.full_like(mt.zeros(2), 7), mt.full_like(mt.zeros(2), 7, dtype=mt.int64)
    (tensor([7., 7.]), tensor([7, 7]))
    """
    aval = aval_of(input)
    kind = aval.dtype if dtype is None else dtype
    where = aval.device if device is None else device
    return _beside(input, full(aval.shape, fill_value, dtype=kind, device=where, requires_grad=requires_grad))


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Make complex numbers of their real and imaginary parts, two floats of one dtype.

    >>> mt.complex(mt.tensor([1.0, 2.0]), mt.tensor([0.0, -1.0]))
    tensor([1.+0.j, 2.-1.j])
    """
    x, y = as_array(real), as_array(imag)
    if x.dtype != y.dtype or x.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(
            f"complex: parts must both be float32 or float64, got {aval_of(x)} and {aval_of(y)}; cast them"
        )
    return tensor_of(joined(x, y))
