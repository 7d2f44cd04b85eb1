"""Operators and methods of Array and Tracer, attached once the operations exist.

The one sanctioned monkey-patch: `array.py` and `primitive.py` cannot import the operations that are built on them.
Methods have NumPy's names and arguments. NumPy's own functions are answered by ours or refused, so that `np_array * x`
is an Array (or recorded, when x is traced), never an array of objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .array import Array
from .conversion import CONVERSIONS
from .ops import (
    bits,
    contractions,
    diagonal,
    gathering,
    indexing,
    joining,
    lookup,
    norms,
    places,
    pointwise,
    reductions,
    scanning,
    shaping,
    sorting,
    special,
)
from .protocols import array_function, array_namespace, counterpart
from .tracer import Tracer, Value

Function = Callable[..., Any]

_OPERANDS = (Array, Tracer, bool, int, float, complex, np.ndarray, np.generic)
_COMMON = frozenset((Array, bool, int, float, complex, np.ndarray))


def divmod(x: Value, y: Value) -> tuple[Any, Any]:
    """Return the quotient rounded down and the remainder, which has the divisor's sign."""
    return pointwise.floor_divide(x, y), pointwise.remainder(x, y)


def itself(x: Value) -> Value:
    """Return the argument."""
    return x


ARITHMETIC: dict[str, Function] = {  # these have reflected forms
    "add": pointwise.add,
    "sub": pointwise.sub,
    "mul": pointwise.mul,
    "truediv": pointwise.div,
    "floordiv": pointwise.floor_divide,
    "mod": pointwise.remainder,
    "divmod": divmod,
    "pow": pointwise.pow,
    "matmul": contractions.matmul,
    "and": pointwise.bitwise_and,
    "or": pointwise.bitwise_or,
    "xor": pointwise.bitwise_xor,
    "lshift": pointwise.left_shift,
    "rshift": pointwise.right_shift,
}
COMPARISONS: dict[str, Function] = {
    "eq": pointwise.equal,
    "ne": pointwise.not_equal,
    "lt": pointwise.less,
    "le": pointwise.less_equal,
    "gt": pointwise.greater,
    "ge": pointwise.greater_equal,
}
UNARY: dict[str, Function] = {
    "neg": pointwise.neg,
    "pos": itself,
    "abs": pointwise.abs,
    "invert": pointwise.bitwise_not,
}

# NumPy's ufuncs by our names for them, where the two differ.
_RENAMED = {
    "subtract": pointwise.sub,
    "multiply": pointwise.mul,
    "divide": pointwise.div,
    "power": pointwise.pow,
    "negative": pointwise.neg,
    "positive": itself,
    "absolute": pointwise.abs,
    "conjugate": pointwise.conj,
    "rint": pointwise.rint,
    "invert": pointwise.bitwise_not,
    "arcsin": pointwise.asin,
    "arccos": pointwise.acos,
    "arctan": pointwise.atan,
    "arctan2": pointwise.atan2,
    "arcsinh": pointwise.asinh,
    "arccosh": pointwise.acosh,
    "arctanh": pointwise.atanh,
    "sign": pointwise.sgn,
    "divmod": divmod,
    "matmul": contractions.matmul,
    "vecdot": contractions.vecdot,
    "logaddexp": special.logaddexp,
    "logaddexp2": special.logaddexp2,
}
_SAME_NAME = (
    "add", "floor_divide", "remainder", "fmod", "square", "reciprocal", "sqrt", "hypot", "exp", "exp2", "expm1",
    "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "maximum", "minimum", "clip",
    "floor", "ceil", "trunc", "copysign", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "isnan", "isinf", "isfinite", "signbit", "logical_and", "logical_or", "logical_xor", "logical_not",
    "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift",
)  # fmt: skip
UFUNCS: dict[str, Function] = {name: getattr(pointwise, name) for name in _SAME_NAME} | _RENAMED


def array_ufunc(self: Value, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """Answer a NumPy ufunc with the operation of ours, or refuse."""
    operation = UFUNCS.get(ufunc.__name__) or counterpart(ufunc)
    if options.get("out", 0) is None:
        del options["out"]
    if operation is not None and method == "__call__" and not options:
        return operation(*inputs)
    call = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    given = f" with {', '.join(options)}=" if options else ""
    raise TypeError(
        f"{call}: does not take a minitorch array{given}; use minitorch's operation, or convert first with .numpy()"
    )


def iterate(x: Value) -> Iterator[Any]:
    """Walk along the first axis."""
    if not x.shape:
        raise TypeError("iter: a 0-d array cannot be iterated; use .item() for its value")
    return iter(joining.unstack(x) if x.shape[0] else ())


def contains(x: Value, value: Any) -> bool:
    """Return whether an element equals the value."""
    return bool(reductions.any(pointwise.equal(x, value)))


def reshape(x: Value, *shape: Any) -> Value:
    """Give an array another shape: `x.reshape(2, -1)` or `x.reshape((2, -1))`.

    >>> mt.Array([1, 2, 3, 4]).reshape(2, -1).tolist()
    [[1, 2], [3, 4]]
    """
    return shaping.reshape(x, shape[0] if len(shape) == 1 else shape)


def transpose(x: Value, *axes: Any) -> Value:
    """Permute the axes: `x.transpose(1, 0)`, `x.transpose((1, 0))`, or reverse them.

    >>> mt.Array([[1, 2, 3]]).transpose(1, 0).shape, mt.numpy.zeros((2, 3, 4)).transpose().shape
    ((3, 1), (4, 3, 2))
    """
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return shaping.transpose(x, given)


def rounded(x: Value, decimals: int | None = None) -> Value:
    """Round to a number of decimals, halves to the even neighbor.

    >>> mt.Array([0.5, 1.5, 2.25]).round(), mt.Array([0.125]).round(2)
    (Array([0., 2., 2.], dtype=float32), Array([0.12], dtype=float32))
    """
    return pointwise.round(x, decimals or 0)


def astype(x: Value, dtype: Any, *, copy: bool = True, device: str | None = None) -> Value:
    """Convert to another dtype, and, if one is named, to another device.

    >>> mt.Array([1.7, -1.7]).astype("int32")
    Array([ 1, -1], dtype=int32)
    """
    out = shaping.cast(x, dtype)
    return out if device is None or device == out.device else out.to_device(device)


def _spread(core: Function) -> Function:
    def method(
        x: Value, axis: Any = None, correction: float = 0, keepdims: bool = False, *, ddof: float | None = None
    ) -> Value:
        return core(x, axis, correction if ddof is None else ddof, keepdims)

    method.__doc__ = core.__doc__
    return method


def conjugate(x: Value) -> Value:
    """Return the complex conjugates.

    >>> Array([1 + 2j]).conj()
    Array([1.-2.j], dtype=complex64)
    """
    return pointwise.conj(x)


def copied(x: Value) -> Value:
    """Return the array itself: nobody can change it.

    >>> x = Array([1, 2])
    >>> x.copy() is x
    True
    """
    return x


def ready(x: Value) -> Value:
    """Return the array itself: it was computed when it was made, there is nothing to wait for.

    >>> Array([1, 2]).block_until_ready()
    Array([1, 2], dtype=int64)
    """
    return x


def sorted_values(x: Value, axis: int = -1, descending: bool = False) -> Value:
    """Return the elements in order along an axis.

    >>> mt.Array([3, 1, 2]).sort(), mt.Array([3, 1, 2]).sort(descending=True)
    (Array([1, 2, 3], dtype=int64), Array([3, 2, 1], dtype=int64))
    """
    return sorting.sort(x, axis, descending)[0]


METHODS: dict[str, Function] = {
    "__getitem__": indexing.getitem,
    "__iter__": iterate,
    "__contains__": contains,
    "__round__": rounded,
    "__array_function__": array_function,
    "__array_namespace__": array_namespace,
    "__array_ufunc__": array_ufunc,
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "argsort": sorting.argsort,
    "astype": astype,
    "block_until_ready": ready,
    "clip": pointwise.clip,
    "conj": conjugate,
    "conjugate": conjugate,
    "copy": copied,
    "cumprod": scanning.cumprod,
    "cumsum": scanning.cumsum,
    "diagonal": diagonal.diagonal,
    "dot": contractions.dot,
    "flatten": shaping.flatten,
    "max": reductions.max,
    "mean": reductions.mean,
    "min": reductions.min,
    "nonzero": indexing.nonzero,
    "prod": reductions.prod,
    "ravel": shaping.ravel,
    "repeat": joining.repeat,
    "reshape": reshape,
    "round": rounded,
    "searchsorted": lookup.searchsorted,
    "sort": sorted_values,
    "squeeze": shaping.squeeze,
    "std": _spread(norms.std),
    "sum": shaping.sum,
    "swapaxes": shaping.swapaxes,
    "take": gathering.take,
    "to": shaping.cast,
    "trace": contractions.trace,
    "transpose": transpose,
    "var": _spread(norms.var),
    "view": bits.bitcast,
}
# name: (getter, what it is, an example, what that prints)
PROPERTIES: dict[str, tuple[Function, str, str, str]] = {
    "T": (shaping.transpose, "The axes in reverse order.", "Array([[1, 2]]).T.tolist()", "[[1], [2]]"),
    "mT": (contractions.matrix_transpose, "The last two axes exchanged.", "Array([[1, 2]]).mT.tolist()", "[[1], [2]]"),
    "at": (
        places.At,
        "The way to write to an immutable array: `x.at[index].set(v)` returns a changed copy.",
        "Array([1, 2, 3]).at[1:].set(0)",
        "Array([1, 0, 0], dtype=int64)",
    ),
    "imag": (pointwise.imag, "The imaginary parts.", "Array([1 + 2j]).imag", "Array([2.], dtype=float32)"),
    "itemsize": (lambda x: x.dtype.itemsize, "The number of bytes of one element.", "Array([1.0, 2.0]).itemsize", "4"),
    "nbytes": (
        lambda x: x.size * x.dtype.itemsize,
        *("The number of bytes of all elements.", "Array([1.0, 2.0]).nbytes", "8"),
    ),
    "real": (pointwise.real, "The real parts.", "Array([1 + 2j]).real", "Array([1.], dtype=float32)"),
}


def _forward(operation: Function) -> Function:
    def call(x: Any, y: Any) -> Any:
        if type(y) in _COMMON or isinstance(y, _OPERANDS):
            return operation(x, y)
        return NotImplemented

    return call


def _reflected(operation: Function) -> Function:
    def call(x: Any, y: Any) -> Any:
        if type(y) in _COMMON or isinstance(y, _OPERANDS):
            return operation(y, x)
        return NotImplemented

    return call


def attach(cls: type) -> None:
    """Give a class the operators, methods and properties."""
    for name, operation in ARITHMETIC.items():
        setattr(cls, f"__{name}__", _forward(operation))
        setattr(cls, f"__r{name}__", _reflected(operation))
    for name, operation in COMPARISONS.items():
        setattr(cls, f"__{name}__", _forward(operation))
    for name, operation in UNARY.items():
        setattr(cls, f"__{name}__", operation)
    for name, method in METHODS.items():
        setattr(cls, name, method)
    for name, (getter, summary, example, printed) in PROPERTIES.items():
        setattr(cls, name, property(getter, doc=f"{summary}\n\n    >>> {example}\n    {printed}\n"))
    # Values are compared element by element, so they cannot be hashed by value: an Array is the key of itself.
    cls.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]


attach(Array)
attach(Tracer)
for _name, _method in CONVERSIONS.items():
    setattr(Tracer, _name, _method)
