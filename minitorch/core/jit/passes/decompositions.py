"""Decomposition: fused operations in terms of those that kernels are made of.

Those are pointwise operations, `sum`, `prod`, `max`, `min`, the structural operations, `matmul`, `take` and the
`scatter_*`. Here stand the definitions as a compiler wants them: derivatives have been taken already, so they may use
what a derivative would not reach (given statistics, a slope), and what they share with the backward pass is written
alike, so that it is computed once. A fused operation that is not in the table goes by its own `decompose`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence, Set
from functools import partial
from typing import Any

import numpy as np

from ... import dtypes
from ...array import Array, wrap
from ...errors import JitError
from ...ops.affine import row_numbers_p
from ...ops.basic import BasicIndex
from ...ops.contractions import matmul
from ...ops.gathering import iota, ravel_index, scatter_add, take_p
from ...ops.lookup import gather_composed
from ...ops.pointwise import (
    abs,
    add,
    div,
    equal,
    exp,
    greater,
    isfinite,
    log,
    logical_and,
    maximum,
    mul,
    not_equal,
    pow,
    rsqrt,
    sqrt,
    square,
    sub,
    where,
)
from ...ops.reductions import max_p, size_over
from ...ops.shaping import broadcast_to, cast, expand_dims, full, reshape, sum, sum_p, swapaxes
from ...ops.slicing import cut, pad_p, slice_axis
from ...tracer import Value, aval_of
from ..graph import Atom, Equation, Graph, Var, atom_aval, interpret
from ..staging import stage
from .common import atom_key, params_key
from .rewriting import Writer, rewrite

Axes = tuple[int, ...]
Function = Callable[..., Any]


def decompose(graph: Graph, keep: Set[str] = frozenset()) -> Graph:
    """Replace fused operations by their definitions, and what these contain, but not the primitives named in `keep`."""
    return _decomposed(graph, keep, {})


# The definitions of applications, decomposed; the applications are kept for their parameters, which keys may name by id.
Known = dict[Hashable, tuple[Graph, Equation]]


def _decomposed(graph: Graph, keep: Set[str], known: Known) -> Graph:
    return rewrite(graph, lambda: partial(_expanded, keep, known))


def _expanded(keep: Set[str], known: Known, writer: Writer, eq: Equation) -> Sequence[Atom] | None:
    name = eq.primitive.name
    if name in keep:
        return None
    function, wide = STRUCTURAL.get(name), False
    if function is None:
        function, wide = NUMERIC.get(name) or eq.primitive.decompose or _of_halves(eq), True
    if function is None:
        return None
    places = [i for i, a in enumerate(eq.inputs) if isinstance(a, (Var, Array))]
    key = _application_key(eq)
    if key not in known:
        run = partial(_applied, partial(_in_single, function) if wide else function, eq, places)
        known[key] = _decomposed(stage(run, [atom_aval(eq.inputs[i]) for i in places]), keep, known), eq
    return writer.inline(known[key][0], [eq.inputs[i] for i in places])


def _application_key(eq: Equation) -> Hashable:
    """Return what is equal for applications that have one definition: to operands of the same shapes and dtypes."""
    operands = (a.aval if isinstance(a, (Var, Array)) else atom_key(a) for a in eq.inputs)
    return eq.primitive.name, params_key(eq.params), *operands


def _applied(function: Function, eq: Equation, places: list[int], values: list[Value]) -> list[Value]:
    args = list(eq.inputs)
    for i, x in zip(places, values):
        args[i] = x
    out = function(*args, **eq.params)
    outs = out if eq.many else (out,)
    for x, var in zip(outs, eq.outputs, strict=True):
        if aval_of(x).shape != var.aval.shape:
            raise JitError(f"{eq.primitive.name}: its definition makes {aval_of(x)} of what its rule calls {var.aval}")
    return [cast(x, var.aval.dtype) for x, var in zip(outs, eq.outputs, strict=True)]


def _in_single(function: Function, *args: Value, **params: Any) -> Any:
    """Compute halves in float32; the results are rounded once."""
    return function(*(cast(a, np.float32) if getattr(a, "dtype", None) in dtypes.HALVES else a for a in args), **params)


def _of_halves(eq: Equation) -> Function | None:
    """Return the operation itself, to be done in float32, if it is one of halves."""
    is_one = eq.primitive.formula is not None and eq.primitive.name != "detach"
    if not is_one and eq.primitive.name not in ("sum", "prod", "max", "min"):
        return None
    found = {a.aval.dtype for a in eq.inputs if isinstance(a, (Var, Array))}
    if found.isdisjoint(dtypes.HALVES):
        return None
    return eq.primitive if found & dtypes.HALVES and found <= dtypes.HALVES | {dtypes.bool_} else None


# --------------------------------------------------------------------------- reductions


def _mean(x: Value, *, axes: Axes, keepdims: bool) -> Value:
    return div(sum_p(x, axes=axes, keepdims=keepdims), float(size_over(x.shape, axes)))


def _var(x: Value, *, axes: Axes, correction: float, keepdims: bool) -> Value:
    d = sub(x, _mean(x, axes=axes, keepdims=True))
    return div(sum_p(mul(d, d), axes=axes, keepdims=keepdims), float(max(size_over(x.shape, axes) - correction, 0)))


def _std(x: Value, *, axes: Axes, correction: float, keepdims: bool) -> Value:
    return sqrt(_var(x, axes=axes, correction=correction, keepdims=keepdims))


def _logsumexp(x: Value, *, axes: Axes, keepdims: bool) -> Value:
    if not x.size:
        return log(sum_p(x, axes=axes, keepdims=keepdims))
    top = max_p(x, axes=axes, keepdims=True)
    top = where(isfinite(top), top, 0.0)
    out = log(sum_p(exp(sub(x, top)), axes=axes, keepdims=keepdims))
    return add(out, reshape(top, out.shape))


def _norm(x: Value, *, ord: float, axes: Axes, keepdims: bool) -> Value:
    """Over the largest element, so that powers neither overflow nor vanish."""
    size = abs(x)
    if not x.size:
        return pow(sum_p(size, axes=axes, keepdims=keepdims), 1 / ord)
    top = max_p(size, axes=axes, keepdims=True)
    top = where(logical_and(greater(top, 0.0), isfinite(top)), top, 1.0)
    ratio = div(size, top)
    total = sum_p(square(ratio) if ord == 2 else pow(ratio, ord), axes=axes, keepdims=keepdims)
    return mul(sqrt(total) if ord == 2 else pow(total, 1 / ord), reshape(top, total.shape))


def _shifted(x: Value, axis: int) -> Value:
    """Subtract the largest element along an axis; empty rows have none."""
    return sub(x, max_p(x, axes=(axis,), keepdims=True)) if x.shape[axis] else x


def _softmax(x: Value, *, axis: int) -> Value:
    powers = exp(_shifted(x, axis))
    return div(powers, sum_p(powers, axes=(axis,), keepdims=True))


def _log_softmax(x: Value, *, axis: int) -> Value:
    d = _shifted(x, axis)
    return sub(d, log(sum_p(exp(d), axes=(axis,), keepdims=True)))


# --------------------------------------------------------------------------- layers


def _linear(x: Value, w: Value, b: Value | None) -> Value:
    flat = x if x.ndim == 2 else reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
    out = matmul(flat, swapaxes(w, -1, -2))
    out = out if b is None else add(out, b)
    return reshape(out, (*x.shape[:-1], w.shape[0]))


def _statistics(x: Value, *, axes: Axes) -> tuple[Value, Value]:
    mean = _mean(x, axes=axes, keepdims=True)
    d = sub(x, mean)
    return mean, _mean(mul(d, d), axes=axes, keepdims=True)


def _normalize(x: Value, w: Value | None, b: Value | None, mean: Value, var: Value, *, axes: Axes, eps: float) -> Value:
    out = mul(sub(x, mean), rsqrt(add(var, eps)))
    out = out if w is None else mul(out, w)
    return out if b is None else add(out, b)


def _attention_weights(q: Value, k: Value, bias: Value | None, *, scale: float, causal: bool) -> Value:
    scores = matmul(mul(q, scale), swapaxes(k, -1, -2))
    if causal:
        later = np.triu(np.full(scores.shape[-2:], -math.inf), 1)  # keys that come after the query
        scores = add(scores, wrap(later.astype(scores.dtype)))
    if bias is None:
        return _softmax(scores, axis=-1)
    scores = add(scores, bias)
    if not scores.shape[-1]:
        return scores
    top = max_p(scores, axes=(-1,), keepdims=True)
    powers = exp(sub(scores, where(equal(top, -math.inf), 0.0, top)))
    total = sum_p(powers, axes=(-1,), keepdims=True)
    return div(powers, where(equal(total, 0.0), 1.0, total))


def _dropout(x: Value, keep: Value, *, scale: float) -> Value:
    return mul(mul(x, cast(keep, x.dtype)), scale)


def _cross_entropy(x: Value, target: Value, *, ignore_index: int, reduction: str) -> tuple[Value, Value]:
    """Row by row without a gather: a class is hit where its number equals the target."""
    classes = x.shape[-1]
    kept = not_equal(target, ignore_index)
    chosen = row_numbers_p(where(kept, target, 0), rows=classes)
    hit = equal(expand_dims(chosen, -1), iota(classes))
    d = _shifted(x, -1)
    powers = exp(d)
    total = sum_p(powers, axes=(-1,), keepdims=True)
    loss = sub(log(reshape(total, target.shape)), sum_p(where(hit, d, 0.0), axes=(-1,), keepdims=False))
    loss = where(kept, loss, 0.0)
    weight = cast(kept, x.dtype)
    if reduction != "none":
        count = sum(weight)
        loss = sum(loss)
        if reduction == "mean":
            loss, weight = div(loss, count), div(weight, maximum(count, 1.0))
    slope = mul(sub(div(powers, total), cast(hit, x.dtype)), expand_dims(weight, -1))
    return loss, where(expand_dims(kept, -1), slope, 0.0)


# --------------------------------------------------------------------------- structure


def _basic_index(x: Value, *, index: BasicIndex) -> Value:
    lead = x.shape[: x.ndim - len(index.sizes)]
    return reshape(cut(x, [(0, n, 1) for n in lead] + cuts_of(index)), (*lead, *index.shape))


def _basic_put(g: Value, *, index: BasicIndex) -> Value:
    starts, counts, steps = zip(*cuts_of(index)) if index.sizes else ((), (), ())
    lead = g.shape[: g.ndim - len(index.shape)]
    g = reshape(g, (*lead, *counts))
    return pad_p(g, starts=starts, steps=steps, sizes=index.sizes, value=0) if index.sizes else g


def cuts_of(index: BasicIndex) -> list[tuple[int, int, int]]:
    """Return `(start, size, step)` of every indexed axis; an integer takes one element."""
    found = []
    items = (item for item in index.items if item is not None)
    for item, n in zip(items, index.sizes, strict=True):
        if type(item) is tuple:
            start, stop, step = slice(*item).indices(n)
            found.append((start, len(range(start, stop, step)), step))
        else:
            found.append((item % n, 1, 1))
    return found


def _split(x: Value, *, sizes: tuple[int, ...], axis: int) -> tuple[Value, ...]:
    ends = np.cumsum(sizes).tolist()
    return tuple(slice_axis(x, axis, end - n, end) for n, end in zip(sizes, ends))


def _triangle(x: Value, *, k: int, lower: bool) -> Value:
    rows, columns = x.shape[-2:]
    below = np.arange(columns) <= np.arange(k, k + rows)[:, None] - (not lower)
    return where(wrap(below if lower else ~below), x, 0)


def _repeat(x: Value, *, counts: tuple[int, ...], axis: int) -> Value:
    return take_p(x, wrap(np.repeat(np.arange(len(counts)), counts)), axis=axis)


def _unrepeat(x: Value, *, counts: tuple[int, ...], axis: int) -> Value:
    shape = (*x.shape[:axis], len(counts), *x.shape[x.ndim + axis + 1 :])
    rows = wrap(np.repeat(np.arange(len(counts)), counts))
    return scatter_add(full(shape, 0, x.dtype, x.device), rows, x, axis=axis)


def _locate(indices: Value, *, sizes: tuple[int, ...], shape: tuple[int, ...], axis: int) -> Value:
    """Combine the indices of one axis with positions that count along the others."""
    parts: list[Value] = []
    for a, size in enumerate(sizes, -len(sizes)):
        counted = np.arange(shape[a]) if size != 1 else np.zeros(1, np.int64)
        parts.append(indices if a == axis else wrap(counted.reshape((-1,) + (1,) * (-1 - a))))
    lead = indices.shape[: indices.ndim - len(sizes)]
    at = len(shape) + axis
    whole = (*lead, *shape[:at], indices.shape[at - len(shape)], *shape[at + 1 :])
    found = ravel_index(parts, sizes)
    return found if found.shape == whole else broadcast_to(found, whole)


# Computed in float32 for halves.
NUMERIC: dict[str, Function] = {
    "mean": _mean,
    "var": _var,
    "std": _std,
    "logsumexp": _logsumexp,
    "norm": _norm,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "linear": _linear,
    "statistics": _statistics,
    "normalize": _normalize,
    "attention_weights": _attention_weights,
    "dropout": _dropout,
    "cross_entropy": _cross_entropy,
}


def _call(*args: Value, graph: Graph, call: Any) -> tuple[Value, ...]:
    return tuple(interpret(graph, args))


def _solved(*args: Value, solve: Graph, **_: Any) -> tuple[Value, ...]:
    return tuple(interpret(solve, args))


# The same for every dtype.
STRUCTURAL: dict[str, Function] = {
    "call": _call,
    "custom_linear_solve": _solved,
    "custom_root": _solved,
    "basic_index": _basic_index,
    "gather": gather_composed,
    "locate": _locate,
    "basic_put": _basic_put,
    "split": _split,
    "tril": partial(_triangle, lower=True),
    "triu": partial(_triangle, lower=False),
    "repeat": _repeat,
    "unrepeat": _unrepeat,
}
