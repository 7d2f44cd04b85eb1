"""Traced values turned into Python numbers and NumPy arrays.

Such a number carries no derivative: `math.exp(x)` would be a constant without a word. So what Python and NumPy do by
themselves, and what makes arrays of other libraries, refuses a value whose derivative is being taken. Asking for the
number by name, with `x.item()`, `int(x)`, a comparison or a format, says that a constant is meant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from . import dtypes
from .array import Array
from .errors import TracerError
from .naming import listed, parameter_name, places
from .tape import pulling, user_line
from .tracebacks import is_helper, is_internal
from .tracer import Tracer
from .walking import reachable


def converted(x: Tracer, wanted: str) -> Array:
    """Return the Array behind a value, for use as a constant; raise a TracerError if its derivative would be lost."""
    found = x.concrete(wanted)  # which has more to say where there is no data at all
    if dtypes.is_inexact(found.dtype):
        value: Any = x
        while isinstance(value, Tracer):
            if value.is_differentiated():
                raise _refusal(value, wanted)
            value = value.value
    return found


def number(x: Any, name: str) -> float:
    """Return an argument of a function of the library as the Python number that it has to be."""
    return float(converted(x, f"float({name})") if isinstance(x, Tracer) else x)


def _refusal(x: Tracer, wanted: str) -> TracerError:
    return TracerError(
        f"{wanted}{_place()}: the value {x.aval} is differentiated by {x.transform}, and its derivative would be lost in "
        f"a Python number or a NumPy array{_origin(x)}; use minitorch's functions instead of math's and NumPy's "
        "(minitorch.exp for math.exp), or, if a constant is meant, x.item() or stop_gradient(x)"
    )


def without_data(x: Tracer, wanted: str, name: str) -> TracerError:
    """Return the error for a value of a linear map that is being recorded, whose argument is not known yet."""
    return TracerError(
        f"{wanted}{_place()}: the value {x.aval} belongs to a linear map that {name} records, and has no data yet"
        f"{_origin(x)}; compute with minitorch's functions, and return values instead of converting them"
    )


def _place() -> str:
    """Say where a value is converted: " at train.py:7", or " in dropout() at train.py:7" if it was an argument of that."""
    names: list[str] = []
    frame = sys._getframe(1)
    while frame.f_back is not None and (is_internal(frame.f_code.co_filename) or is_helper(frame)):
        names.append(frame.f_code.co_qualname.removesuffix(".__init__"))
        frame = frame.f_back
    asked = max((i for i, name in enumerate(names) if name.rpartition(".")[2] in _NAMES), default=-1)
    public = [name for name in names[asked + 1 :] if not name.startswith("_") and "<" not in name]
    line = f"{frame.f_code.co_filename}:{frame.f_lineno}" if pulling.get() is None else user_line()
    return f" in {public[-1]}() at {line}" if public else f" at {line}"


def _origin(x: Tracer) -> str:
    """Say which arguments of the differentiated function a value was computed from, as far as its trace knows."""
    arguments = getattr(x._trace, "arguments", None)
    if arguments is None:
        return ""
    function, primals, positions, nodes = arguments
    names = places([(i, parameter_name(function, i), primal) for i, primal in zip(positions, primals)])
    if nodes is None:
        some = "" if len(names) == 1 else "one or more of "
        return f"; it comes from {some}{listed(names)}"
    reached: Collection[Any] = set(reachable([x.node]))  # type: ignore[attr-defined]
    return f"; it comes from {listed([name for name, node in zip(names, nodes) if node in reached])}"


# --------------------------------------------------------------------------- methods


def _float(x: Tracer) -> float:
    return float(converted(x, "float()"))


def _complex(x: Tracer) -> complex:
    return complex(converted(x, "complex()"))


def _asarray(x: Tracer, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    return converted(x, "np.asarray()").__array__(dtype, copy)


def _dlpack(x: Tracer, **options: Any) -> Any:
    return converted(x, "__dlpack__").__dlpack__(**options)


def _dlpack_device(x: Tracer) -> tuple[int, int]:
    return converted(x, "__dlpack_device__").__dlpack_device__()


def tolist(x: Tracer) -> Any:
    """Return the elements as nested Python lists.

    >>> mt.tensor([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return converted(x, ".tolist()").tolist()


def tobytes(x: Tracer) -> bytes:
    """Return the elements as bytes, in C order.

    >>> mt.tensor([1, 2], dtype=mt.uint8).tobytes() == bytes([1, 2])
    True
    """
    return converted(x, ".tobytes()").tobytes()


def numpy(x: Tracer) -> np.ndarray[Any, Any]:
    """Return the data as a read-only NumPy array."""
    return converted(x, ".numpy()").numpy()


CONVERSIONS: dict[str, Callable[..., Any]] = {
    "__float__": _float,
    "__complex__": _complex,
    "__array__": _asarray,
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "tolist": tolist,
    "tobytes": tobytes,
    "numpy": numpy,
}
# What stands between a user's conversion and the error, and is no function that the user called.
_NAMES = {"converted", "number", "concrete", "item", "__bool__", "__int__", "__index__", "__format__", *CONVERSIONS}
_NAMES |= {method.__name__ for method in CONVERSIONS.values()}
