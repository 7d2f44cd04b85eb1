"""Operators and methods of Array and Tracer, attached once the operations exist.

The one sanctioned monkey-patch: `array.py` and `primitive.py` cannot import the operations that are built on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .array import Array
from .ops import pointwise, shaping
from .primitive import Tracer

BINARY = {"add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul, "truediv": pointwise.div}
UNARY = {"neg": pointwise.neg}


def _reflected(operation: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, y: Any) -> Any:
        return operation(y, x)

    return call


def _attach(cls: type) -> None:
    for name, operation in BINARY.items():
        setattr(cls, f"__{name}__", operation)
        setattr(cls, f"__r{name}__", _reflected(operation))
    for name, operation in UNARY.items():
        setattr(cls, f"__{name}__", operation)
    for name in ("sum", "reshape", "transpose"):
        setattr(cls, name, getattr(shaping, name))


_attach(Array)
_attach(Tracer)
