"""Forward mode: push tangents along with values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .array import Array
from .config import inspector
from .errors import TracerError
from .ops.pointwise import add
from .ops.shaping import broadcast_to, cast, zeros_of
from .primitive import (
    DECOMPOSE,
    LINEAR,
    NO_DERIVATIVE,
    Params,
    Primitive,
    Rule,
    Trace,
    Tracer,
    Value,
    Whole,
    aval_of,
    avals_of,
    bind,
)
from .pushing import BY_VALUE, LARGE, MISSING, known
from .tape import leaked

_new = object.__new__
_inspector = inspector.get
_asarray, _ndarray = np.asarray, np.ndarray


class JVPTracer(Tracer):
    """A value with its tangent."""

    __slots__ = ("tangent",)
    transform = "jvp"

    def __init__(self, trace: Trace, value: Value, tangent: Value):
        self._trace = trace
        self.value = value
        self.tangent = tangent


class JVPTrace(Trace):
    """The trace that applies the tangent rules. A missing tangent is a zero that was never made."""

    __slots__ = ()
    transform = "jvp"

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Evaluate one level down, and push the tangents."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
        if primitive.formula is not None and len(args) <= 2 and _inspector() is None:
            found = self._alone(primitive, args[0]) if len(args) == 1 else self._together(primitive, *args)
            if found is not None:
                return found
        if primitive.jvp is DECOMPOSE:
            assert primitive.decompose is not None
            return primitive.decompose(*args, **params)
        if type(primitive.jvp) is Whole:
            return primitive.jvp.process(self, primitive, args, params)
        mine = [isinstance(a, JVPTracer) and a._trace is self for a in args]
        values = [a.value if m else a for a, m in zip(args, mine)]
        tangents = [a.tangent if m else None for a, m in zip(args, mine)]
        out = bind(primitive, *values, **params)
        if primitive.jvp is NO_DERIVATIVE:
            return out
        tangent = _push(primitive, values, tangents, out, params)
        if type(out) is tuple:
            return tuple(self._wrap(o, t) for o, t in zip(out, tangent or (None,) * len(out), strict=True))
        return self._wrap(out, tangent)

    def taken(self, args: Sequence[Value]) -> tuple[list[Value], list[list[Value] | None], int]:
        """Return values one level down, the tangents of those that have one, as lists of one, and this number."""
        mine = [isinstance(a, JVPTracer) and a._trace is self for a in args]
        values = [a.value if m else a for a, m in zip(args, mine)]
        return values, [[a.tangent] if m else None for a, m in zip(args, mine)], 1

    def joined(self, value: Value, tangents: Sequence[Value]) -> JVPTracer:
        """Return a value with its tangent, as a list of one."""
        return JVPTracer(self, value, tangents[0])

    def along(self, rule: Callable[..., Any], leaves: Sequence[Value]) -> list[Value]:
        """Push through a function that has a rule `rule(values, tangents)` for its values and tangents."""
        values, parts, _ = self.taken(leaves)
        outs, ts = rule(values, [None if part is None else part[0] for part in parts])
        return [self._wrap(o, t) for o, t in zip(outs, ts, strict=True)]

    def _alone(self, primitive: Primitive, x: Any) -> JVPTracer | None:
        """Do a pointwise operation of one array on buffers. None sends it the general way."""
        value, tangent = x.value, x.tangent
        if type(value) is not Array or type(tangent) is not Array:
            return None
        a = value._data
        key = (a.dtype.char, a.size >= LARGE)
        push = primitive.pushes.get(key, MISSING)
        if push is None or (push is MISSING and (push := known(primitive, key, "t", (a,))) is None):
            return None
        return self._made(push(a, tangent._data))

    def _together(self, primitive: Primitive, x: Any, y: Any) -> JVPTracer | None:
        """Do a pointwise operation of two operands on buffers, if they have one shape and dtype, or one is a number."""
        tangents: list[Any] = []
        if type(x) is JVPTracer and x._trace is self:
            t, x, i = x.tangent, x.value, "t"
            if type(t) is not Array or type(x) is not Array:
                return None
            tangents.append(t._data)
        else:
            i = "a" if type(x) is Array else "n"
        if type(y) is JVPTracer and y._trace is self:
            t, y, j = y.tangent, y.value, "t"
            if type(t) is not Array or type(y) is not Array:
                return None
            tangents.append(t._data)
        else:
            j = "a" if type(y) is Array else "n"
        if j == "n":
            if type(y) is not float and type(y) is not int:
                return None
            a = x = x._data
        elif i == "n":
            if type(x) is not float and type(x) is not int:
                return None
            a = y = y._data
        else:
            a, y = x._data, y._data
            x = a
            if a.dtype is not y.dtype or a.shape != y.shape:
                return None
        key: Any = (i, j, a.dtype.char, a.size >= LARGE)
        if primitive.name in BY_VALUE:
            key += (x,) if i == "n" else (y,) if j == "n" else ()
        push = primitive.pushes.get(key, MISSING)
        if push is None or (push is MISSING and (push := known(primitive, key, i + j, (x, y))) is None):
            return None
        return self._made(push(x, y, *tangents))

    def _made(self, pair: tuple[Any, Any]) -> JVPTracer:
        out, tangent = pair
        made: JVPTracer = _new(JVPTracer)
        made._trace = self
        made.value = value = _new(Array)
        made.tangent = moved = _new(Array)
        value._data = out if type(out) is _ndarray else _asarray(out)
        moved._data = tangent if type(tangent) is _ndarray else _asarray(tangent)
        return made

    def _wrap(self, out: Value, tangent: Value) -> Value:
        if tangent is None:
            return out
        if type(tangent) is Array and type(out) is Array:
            t, data = tangent._data, out._data
            if t.dtype is data.dtype and t.shape == data.shape:
                return JVPTracer(self, out, tangent)
        aval = aval_of(out)
        if aval.dtype not in dtypes.INEXACT:
            return out
        return JVPTracer(self, out, broadcast_to(cast(tangent, aval.dtype), aval.shape))


def _push(primitive: Primitive, values: list[Any], tangents: list[Any], out: Any, params: Params) -> Any:
    """Return the tangent of the result: the sum over arguments of what their rules say."""
    if primitive.variadic:
        filled = [zeros_of(aval_of(v)) if t is None else t for v, t in zip(values, tangents)]
        if primitive.jvp is LINEAR:
            return bind(primitive, *filled, **params)
        return _apply(primitive.jvp, tuple(filled), (out, tuple(values)), params)
    total: Any = None
    for i, t in enumerate(tangents):
        if t is None:
            continue
        if primitive.jvp is LINEAR:
            part = bind(primitive, *values[:i], t, *values[i + 1 :], **params)
        elif primitive.jvp[i] is None:
            continue
        else:
            part = _apply(primitive.jvp[i], t, (out, *values), params)
        total = part if total is None else _sum(total, part)
    return total


def _sum(a: Any, b: Any) -> Any:
    return tuple(map(add, a, b)) if type(a) is tuple else add(a, b)


def _apply(rule: Rule, t: Any, env: tuple[Any, ...], params: Params) -> Any:
    arrays = [avals_of(env[k]) if is_aval else env[k] for is_aval, k in rule.sources]
    return rule.function(t, *arrays, **{s: params[s] for s in rule.statics})
