"""Rules on values of the library: arrays, tracers and tensors, in any dtype.

Everything goes through tensors, among which 0-d numbers such as a count of steps give way to the parameter's dtype.
Complex numbers count as pairs of reals, as in PyTorch.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.aval import Aval
from ..core.ops.joining import stack
from ..core.ops.pointwise import abs, add, imag, maximum, minimum, mul, real, sign, sqrt, where
from ..core.ops.reductions import mean
from ..core.ops.shaping import cast, full, zeros_like
from ..core.tracer import Tracer, Value, aval_of
from ..tensor.handle import Tensor, tensor_of
from ..tensor.types import finfo
from .rules import Hyper, Rule, State, decayed

CORE = SimpleNamespace(
    abs=abs,
    finfo=finfo,
    mean=mean,
    maximum=maximum,
    minimum=minimum,
    sign=sign,
    sqrt=sqrt,
    where=where,
    zeros_like=zeros_like,
)


def started(rule: Rule, aval: Aval, hyper: Hyper) -> dict[str, Value | None]:
    """Make the state of a parameter, besides the count of steps."""
    pairs = dtypes.is_complex(aval.dtype)
    blank = _as_reals(full(aval.shape, 0, aval.dtype, aval.device), pairs)
    state = {}
    for name, value in _out(rule, rule.init(CORE, _in(rule, blank), hyper)).items():
        if name in rule.scalars:
            state[name] = full((), value, dtypes.float32)
        else:
            state[name] = None if value is None else cast(_as_complex(value, pairs), aval.dtype)
    return state


def updated(rule: Rule, p: Value, g: Value, state: State, step: Any, hyper: Hyper) -> tuple[Any, Any, State]:
    """Return the decayed parameter and its change, both as tensors of reals, and the next state as values."""
    aval = aval_of(g)
    pairs = dtypes.is_complex(aval.dtype)
    held = {n: v if v is None else _handle(v, pairs and n not in rule.scalars) for n, v in state.items()}
    held.update({n: cast(held[n], dtypes.float64) for n in rule.scalars})
    p, g = decayed(rule, _handle(p, pairs), _handle(g, pairs), hyper)
    change, found = rule.change(
        CORE, _in(rule, p), _in(rule, g), {n: _in(rule, v) for n, v in held.items()}, step, hyper
    )
    change, found = _out(rule, {"": change})[""], _out(rule, found)
    kept = {
        n: fitted(v, False, dtypes.float32) if n in rule.scalars else fitted(v, pairs, aval.dtype)
        for n, v in found.items()
    }
    return p, change, kept


def stepped(rule: Rule, p: Value, g: Value, state: State, hyper: Hyper) -> State:
    """Return the next value of a parameter, under no name, and the next state, its count of steps included."""
    counted = {"step": add(state["step"], 1.0)} if "step" in state else {}
    count = tensor_of(cast(counted["step"], dtypes.float64)) if counted else None
    before = {name: value for name, value in state.items() if name != "step"}
    x, change, found = updated(rule, p, g, before, count, hyper)
    dtype = aval_of(p).dtype
    return {**counted, "": fitted(add(change, x), dtypes.is_complex(dtype), dtype), **found}


def is_plain(options: Any) -> bool:
    """Return whether options are numbers, words, and tuples or lists of them: what their `repr` tells apart."""
    if isinstance(options, (dict, list, tuple)):
        return all(map(is_plain, options.values() if isinstance(options, dict) else options))
    return options is None or type(options) in (bool, int, float, complex, str)


def _in(rule: Rule, x: Any) -> Any:
    """Return a value as a rule wants it: alone on an axis in front, if it looks at whole parameters."""
    return x[None] if rule.whole and x is not None else x


def _out(rule: Rule, found: State) -> State:
    return {name: x[0] if rule.whole and x is not None else x for name, x in found.items()}


def fitted(x: Any, pairs: bool, dtype: Any) -> Value:
    """Return the value of what a rule computed, in a dtype."""
    out = cast(_as_complex(x, pairs), dtype)
    return out.current() if isinstance(out, Tensor) else out


def _handle(x: Any, pairs: bool) -> Tensor:
    return _as_reals(tensor_of(x.current() if isinstance(x, Tensor) else x), pairs)


def _as_reals(x: Any, pairs: bool) -> Any:
    return stack((real(x), imag(x)), -1) if pairs else x


def _as_complex(x: Any, pairs: bool) -> Any:
    return add(x[..., 0], mul(x[..., 1], 1j)) if pairs else x


def ranked(x: Any) -> Any:
    """Return a number as it is, an array as a tensor, which gives way to a parameter's dtype if it is 0-d."""
    if isinstance(x, tuple):
        return tuple(map(ranked, x))
    return tensor_of(x) if isinstance(x, (Array, Tracer)) else x


def scaled(x: Value, factor: Any) -> Value:
    """Return a value times a number or a 0-d array, in the dtype of the value."""
    return fitted(mul(tensor_of(x), ranked(factor)), False, aval_of(x).dtype)
