"""debug_nans and debug_infs: the first operation whose result is not finite raises, and says where.

Every operation that is computed passes `evaluate`, which asks the inspector. What a compiled function runs natively is
looked at as a whole; if it has made a NaN, its graph is run again operation by operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Token
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from . import config, dtypes
from .array import Array
from .errors import NonFiniteError
from .primitive import Primitive
from .tape import Context, context, user_line
from .tracer import Params, aval_of


@dataclass(frozen=True, slots=True)
class Inspector:
    """What is looked for."""

    nans: bool = False
    infs: bool = False

    def __call__(self, primitive: Primitive, args: Any, params: Params, out: Any) -> None:
        """Raise if a result of an operation holds what is looked for."""
        arrays = [x for a in args for x in (a if type(a) is tuple else (a,)) if isinstance(x, Array)]
        if primitive.formula is None and not any(x.ndim for x in arrays):
            return  # a constant, filled in, is what the user wanted
        for x in out if type(out) is tuple else (out,):
            what = self.found(x)
            if what:
                raise NonFiniteError(_problem(primitive, arrays or args, x, what, self), user_line())

    def found(self, x: Any) -> str:
        """Return what an array holds of it, in words; nothing if it holds none."""
        if type(x) is not Array or x.dtype not in dtypes.INEXACT:
            return ""
        data = x.numpy()
        if self.nans and (wrong := int(np.count_nonzero(data != data))):
            return f"NaN in {wrong} of {data.size} elements"
        if self.infs and (wrong := int(np.count_nonzero(np.isinf(data)))):
            return f"infinity in {wrong} of {data.size} elements"
        return ""


def _problem(primitive: Primitive, arrays: Sequence[Any], out: Array, what: str, look: Inspector) -> str:
    before = [str(look.found(x)) for x in arrays]
    operands = ", ".join(f"{aval_of(x)} with {held}" if held else str(aval_of(x)) for x, held in zip(arrays, before))
    since = "; an operand holds it already, so it comes from data or from before the search" if any(before) else ""
    return f"{primitive.name}({operands}): its result {aval_of(out)} holds {what}{since}"


class debug_nans:
    """Raise a NonFiniteError, which is a FloatingPointError, at the first operation whose result holds a NaN.

    As a context manager for the length of the block, else until it is called with False. The error names the operation,
    the shapes, the line, and in a backward pass the line of the forward operation whose derivative it is. A compiled
    function is run natively and then, if a NaN has come out, again operation by operation; nothing is written then.
    An operation inside `where` counts, too, even if its result is not chosen. Costs time for each operation.

    >>> from minitorch.core.array import Array
    >>> from minitorch.core.ops.pointwise import log
    >>> with debug_nans():
    ...     log(Array([-1.0, 1.0]))
    Traceback (most recent call last):
    ...
    minitorch.core.errors.NonFiniteError: log(float32[2]): its result float32[2] holds NaN in 1 of 2 elements; at ...
    """

    looked_for: ClassVar[str] = "nans"

    def __init__(self, on: bool = True):
        before = config.inspector.get() or Inspector()
        now = replace(before, **{self.looked_for: bool(on)})
        self.inspector = config.inspector.set(now if now.nans or now.infs else None)
        self.context: Token[Context] = context.set(noting_lines(now.nans or now.infs))

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        context.reset(self.context)
        config.inspector.reset(self.inspector)


class debug_infs(debug_nans):
    """Raise a NonFiniteError at the first operation whose result holds an infinity. See `debug_nans`.

    >>> from minitorch.core.array import Array
    >>> with debug_infs():
    ...     1.0 / Array([0.0, 1.0])
    Traceback (most recent call last):
    ...
    minitorch.core.errors.NonFiniteError: div(float32[2]): its result float32[2] holds infinity in 1 of 2 elements; at ...
    """

    looked_for = "infs"


def noting_lines(on: bool) -> Context:
    """Return the context in which nodes know their lines or not; in which each operation is seen, if anybody looks."""
    here = context.get()
    is_watched = here.stage is not None or config.inspector.get() is not None
    return replace(here, anomaly=on, careful=on or is_watched)
