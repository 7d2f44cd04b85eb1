"""Forward mode: push tangents along with values."""

from __future__ import annotations

from typing import Any

from . import dtypes
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
from .tape import leaked


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

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Evaluate one level down, and push the tangents."""
        if self.closed:
            raise TracerError(leaked(primitive, self))
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

    def _wrap(self, out: Value, tangent: Value) -> Value:
        if tangent is None:
            return out
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
