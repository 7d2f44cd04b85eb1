"""The operators of Tensor: arithmetic, comparison, indexing, iteration, conversion to Python.

Arithmetic goes through the shortcut of `fast.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import tree
from ..core.array import Array
from ..core.conversion import converted
from ..core.operators import array_ufunc
from ..core.ops import pointwise
from ..core.ops.slicing import flip
from ..core.protocols import array_function
from ..core.tracer import Tracer
from . import fast
from .algebra import matmul
from .handle import Tensor, tensor_of
from .indexing import take
from .printing import known

Function = Callable[..., Any]
OPERANDS = (Array, Tracer, int, float, complex, np.ndarray, np.generic)


def _number(x: Any) -> Any:
    """Return a number of NumPy's as Python's, which gives way in promotion, as PyTorch has it."""
    return x.item() if isinstance(x, np.generic) else x


def _guarded(function: Function) -> Function:
    """Leave operands that are not numbers to Python, which asks the other operand's class."""

    def call(x: Any, y: Any) -> Any:
        if isinstance(y, OPERANDS) and isinstance(x, OPERANDS):
            return function(_number(x), _number(y))
        return NotImplemented

    call.primitive = function.primitive  # type: ignore[attr-defined]
    call.direct = function.direct  # type: ignore[attr-defined]
    return call


# fmt: off
BINARY = {
    "add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul, "truediv": pointwise.div,
    "floordiv": pointwise.floor_divide, "mod": pointwise.remainder, "pow": pointwise.pow,
    "and": pointwise.bitwise_and, "or": pointwise.bitwise_or, "xor": pointwise.bitwise_xor,
    "lshift": pointwise.left_shift, "rshift": pointwise.right_shift,
}
COMPARISONS = {
    "eq": pointwise.equal, "ne": pointwise.not_equal, "lt": pointwise.less, "le": pointwise.less_equal,
    "gt": pointwise.greater, "ge": pointwise.greater_equal,
}
UNARY = {"neg": pointwise.neg, "abs": pointwise.abs, "invert": pointwise.bitwise_not}
# fmt: on


def _operator(name: str, function: Function) -> Function:
    function.__name__ = name
    function.__qualname__ = f"Tensor.{name}"
    return function


def _attach_operators() -> None:
    for name, function in {**BINARY, **COMPARISONS}.items():
        guarded = _guarded(function)
        shortcut = fast.binary(guarded)
        setattr(Tensor, f"__{name}__", _operator(f"__{name}__", shortcut))
        if name in BINARY:
            setattr(Tensor, f"__r{name}__", _operator(f"__r{name}__", fast.reflected(guarded, shortcut)))
    for name, function in UNARY.items():
        setattr(Tensor, f"__{name}__", _operator(f"__{name}__", fast.unary(function)))


def _matmul(x: Tensor, y: Any) -> Any:
    return matmul(x, y) if isinstance(y, OPERANDS) else NotImplemented


def _rmatmul(x: Tensor, y: Any) -> Any:
    return matmul(y, x) if isinstance(y, OPERANDS) else NotImplemented


def _pos(x: Tensor) -> Tensor:
    return x


# --------------------------------------------------------------------------- iteration, conversion to Python


def _iterate(x: Tensor) -> Iterator[Tensor]:
    if not x.shape:
        raise TypeError("iter: iteration over a 0-d tensor; use .item() or .reshape(-1)")
    return iter([take(x, i) for i in range(x.shape[0])])


def _reversed(x: Tensor) -> Tensor:
    return flip(x, 0) if x.shape else x  # type: ignore[no-any-return]


def _contains(x: Tensor, element: Any) -> bool:
    return bool(np.any((x.detach() == element).numpy()))


def _length(x: Tensor) -> int:
    if not x.shape:
        raise TypeError("len: len() of a 0-d tensor; use .numel()")
    return x.shape[0]


def _asarray(x: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    data = converted(x, "np.asarray()").numpy() if x.node is None else x.numpy()
    return np.asarray(data, dtype) if not copy else np.array(data, dtype)


def _dlpack(x: Tensor, **options: Any) -> Any:
    if x.requires_grad:
        raise BufferError("__dlpack__: a tensor that requires grad does not leave with it; use x.detach()")
    return converted(x, "__dlpack__").__dlpack__(**options)


def _dlpack_device(x: Tensor) -> tuple[int, int]:
    return converted(x, "__dlpack_device__").__dlpack_device__()


def _format(x: Tensor, spec: str) -> str:
    """Format the number of a 0-d tensor. Others, and parameters, show their text and take no specification."""
    if x.shape or type(x) is not Tensor:
        return object.__format__(x, spec)
    return str(x) if not spec and known(x.current()) is None else format(x.item(), spec)


_attach_operators()


def _array_function(x: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Answer a NumPy function: constants such as those of `np.zeros_like(x)` become Tensors, too."""
    out = array_function(x, func, types, args, kwargs)
    return tree.map(lambda part: tensor_of(part) if type(part) is Array else part, out)


def _array_ufunc(x: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """Answer a NumPy ufunc, where NumPy's numbers count as Python's."""
    return array_ufunc(x, ufunc, method, *map(_number, inputs), **options)


Tensor.__array_function__ = _array_function  # type: ignore[attr-defined]
Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
SPECIAL: dict[str, Function] = {
    "__matmul__": _matmul,
    "__rmatmul__": _rmatmul,
    "__pos__": _pos,
    "__getitem__": take,
    "__iter__": _iterate,
    "__reversed__": _reversed,
    "__contains__": _contains,
    "__len__": _length,
    "__array__": _asarray,
    "__format__": _format,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
}
for _name, _function in SPECIAL.items():
    setattr(Tensor, _name, _function)
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]
