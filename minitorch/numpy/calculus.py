"""Differences, integrals and interpolation of sampled functions; convolution; phases."""

from __future__ import annotations

import math
from typing import Any

from ..core import dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import gathering, lookup, slicing, sorting
from ..core.ops import joining as J
from ..core.ops import pointwise as P
from ..core.ops import shaping as S
from ..core.ops.convolution import convolution
from ..core.ops.scanning import cumsum
from ..core.tracer import Value, aval_of, kind_of
from .arguments import array_of, inexact, operand, together


def _piece(x: Value, axis: int, start: int | None, stop: int | None) -> Value:
    return slicing.slice_axis(x, axis, start, stop)


def _with_length(x: Any, axis: int, like: Value) -> Value:
    """Return what is put before or after an axis; a number counts as one element."""
    x = together(x, like)[0]
    shape = list(like.shape)
    shape[axis] = 1
    return S.broadcast_to(x, shape) if not x.ndim else x


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Value:
    """Return the differences of neighbors along an axis, `n` times.

    >>> mnp.diff(mnp.array([1, 4, 9]))
    Array([3, 5], dtype=int64)
    """
    a = array_of(a)
    if n < 0 or not a.ndim:
        raise ArgumentError(f"diff: needs an axis and an order n >= 0, got {aval_of(a)} and n={n}")
    place = S.canonical_axis("diff", axis, a.ndim)
    if n and (prepend is not None or append is not None):
        ends = [None if x is None else _with_length(x, place, a) for x in (prepend, append)]
        a = J.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], place)
    for _ in range(n):
        ahead, behind = _piece(a, place, 1, None), _piece(a, place, None, -1)
        a = P.not_equal(ahead, behind) if a.dtype == dtypes.bool_ else P.sub(ahead, behind)
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Value:
    """Return the differences of neighbors in the flattened array, with numbers before and after them if given.

    >>> mnp.ediff1d(mnp.array([1, 4, 9]), to_begin=0)
    Array([0, 3, 5], dtype=int64)
    """
    ary = S.ravel(array_of(ary))
    found = P.sub(ary[1:], ary[:-1])
    first, last = ([] if x is None else [S.ravel(array_of(x, ary.dtype))] for x in (to_begin, to_end))
    return J.concatenate([*first, found, *last])


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int | None = None) -> Any:
    """Return the slopes of a sampled function along axes: central differences inside, one-sided ones at the ends.

    The spacing is 1, a number, or the coordinates (a vector), for all axes or one each.

    >>> mnp.gradient(mnp.array([1.0, 4.0, 9.0, 16.0]))
    Array([3., 4., 6., 7.], dtype=float32)
    """
    f = inexact(f)
    if edge_order not in (None, 1):
        raise ArgumentError(f"gradient: edge_order must be 1, got {edge_order}")
    axes = [a + f.ndim for a in S.canonical_axes("gradient", axis, f.ndim)]
    given = [S.cast(operand(v), dtypes.floating(f.dtype, kind_of(operand(v)))) for v in varargs or (1.0,)]
    steps = given * len(axes) if len(given) == 1 else given
    if len(steps) != len(axes):
        raise ShapeError(
            f"gradient: got {len(steps)} spacings for {len(axes)} axes of {aval_of(f)}; give one, or one each"
        )
    found = [_slopes(f, step, a) for step, a in zip(steps, axes)]
    return found[0] if (axis is not None and not isinstance(axis, (tuple, list))) or len(found) == 1 else found


def _slopes(f: Value, step: Value, axis: int) -> Value:
    n = f.shape[axis]
    if n < 2:
        raise ShapeError(f"gradient: axis {axis} of {aval_of(f)} needs at least 2 elements; leave it out with axis=")
    if step.ndim == 0:
        step = S.cast(step, f.dtype)
        inner = P.div(P.sub(_piece(f, axis, 2, None), _piece(f, axis, None, -2)), P.mul(step, 2.0))
        gaps = (step, step)
    else:
        if step.shape != (n,):
            raise ShapeError(
                f"gradient: coordinates {aval_of(step)} do not fit axis {axis} of {aval_of(f)}; give {n} of them"
            )
        d = P.sub(step[1:], step[:-1])
        d = S.reshape(S.cast(d, dtypes.promote(d.dtype, f.dtype)), (-1,) + (1,) * (f.ndim - axis - 1))
        before, after = d[:-1], d[1:]
        total = P.add(before, after)
        left, right = P.neg(P.div(after, P.mul(before, total))), P.div(before, P.mul(after, total))
        middle = P.div(P.sub(after, before), P.mul(before, after))
        inner = P.add(
            P.add(P.mul(left, _piece(f, axis, None, -2)), P.mul(middle, _piece(f, axis, 1, -1))),
            P.mul(right, _piece(f, axis, 2, None)),
        )
        gaps = (d[:1], d[-1:])
    first = P.div(P.sub(_piece(f, axis, 1, 2), _piece(f, axis, 0, 1)), gaps[0])
    last = P.div(P.sub(_piece(f, axis, n - 1, n), _piece(f, axis, n - 2, n - 1)), gaps[1])
    return J.concatenate([first, inner, last], axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Value:
    """Integrate samples along an axis by the trapezoidal rule, at coordinates `x` or `dx` apart.

    >>> mnp.trapezoid(mnp.array([1.0, 2.0, 3.0]))
    Array(4., dtype=float32)
    """
    y = inexact(y)
    place = S.canonical_axis("trapezoid", axis, y.ndim)
    if x is not None:
        x = array_of(x)
        dx = diff(x, axis=-1 if x.ndim == 1 else axis)
        dx = S.reshape(dx, (-1,) + (1,) * (-place - 1)) if x.ndim == 1 else dx
    pairs = P.add(_piece(y, place, 1, None), _piece(y, place, None, -1))
    return S.sum(P.mul(P.mul(pairs, 0.5), dx), place)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Value:
    """Interpolate linearly between the points (xp, fp), whose `xp` rise; beyond them the ends go on.

    `left` and `right` are the values beyond, or `"extrapolate"`. With a `period`, coordinates are taken modulo it.

    >>> mnp.interp(mnp.array([0.5, 3.0]), mnp.array([0.0, 1.0, 2.0]), mnp.array([0.0, 10.0, 40.0]))
    Array([ 5., 40.], dtype=float32)
    """
    x, xp = together(x, xp, floats=True)
    fp = inexact(fp)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ShapeError(f"interp: xp {aval_of(xp)} and fp {aval_of(fp)} must be vectors of one length, at least 1")
    if period is not None:
        return _periodic(x, xp, fp, period)
    i = P.clip(lookup.searchsorted(xp, x, "right"), 1, max(xp.size - 1, 1))
    i = P.minimum(i, xp.size - 1)
    j = P.maximum(P.sub(i, 1), 0)
    x0, x1, f0, f1 = (gathering.take(v, k, 0) for v, k in ((xp, j), (xp, i), (fp, j), (fp, i)))
    width = P.sub(x1, x0)
    flat = P.equal(width, 0)
    share = P.where(flat, 0.0, P.div(P.sub(x, x0), P.where(flat, 1.0, width)))
    out = P.add(f0, P.mul(share, P.sub(f1, f0)))
    if not (isinstance(left, str) and left == "extrapolate"):
        out = P.where(P.less(x, xp[0]), fp[0] if left is None else left, out)
    if not (isinstance(right, str) and right == "extrapolate"):
        out = P.where(P.greater(x, xp[-1]), fp[-1] if right is None else right, out)
    return P.where(P.isnan(x), math.nan, out)


def _periodic(x: Value, xp: Value, fp: Value, period: Any) -> Value:
    period = P.abs(array_of(period, x.dtype))
    x, xp = P.remainder(x, period), P.remainder(xp, period)
    order = sorting.argsort(xp)
    xp, fp = gathering.take(xp, order, 0), gathering.take(fp, order, 0)
    xp = J.concatenate([P.sub(xp[-1:], period), xp, P.add(xp[:1], period)])
    return interp(x, xp, J.concatenate([fp[-1:], fp, fp[:1]]))


def unwrap(p: Any, discont: Any = None, axis: int = -1, period: Any = 2 * math.pi) -> Value:
    """Add periods to angles so that neighbors differ by no more than half of one.

    >>> mnp.unwrap(mnp.array([0.0, 3.0, -3.0]))
    Array([0.       , 3.       , 3.2831855], dtype=float32)
    """
    p = inexact(p)
    place = S.canonical_axis("unwrap", axis, p.ndim)
    period = S.cast(operand(period), p.dtype)
    half = P.mul(period, 0.5)
    step = diff(p, axis=place)
    moved = P.sub(P.remainder(P.add(step, half), period), half)
    moved = P.where(P.logical_and(P.equal(moved, P.neg(half)), P.greater(step, 0)), half, moved)
    jump = P.where(P.less(P.abs(step), half if discont is None else discont), 0.0, P.sub(moved, step))
    first = _piece(p, place, 0, 1)
    return J.concatenate([first, P.add(_piece(p, place, 1, None), cumsum(jump, place))], place)


# --------------------------------------------------------------------------- convolution


def convolve(a: Any, v: Any, mode: str = "full", *, precision: Any = None, preferred_element_type: Any = None) -> Value:
    """Convolve two vectors: all overlaps (`full`), as many as the longer has (`same`), or complete ones (`valid`).

    >>> mnp.convolve(mnp.array([1.0, 2.0, 3.0]), mnp.array([0.0, 1.0, 0.5]))
    Array([0. , 1. , 2.5, 4. , 1.5], dtype=float32)
    """
    a, v = together(array_of(a), array_of(v))
    return _slid("convolve", *((a, v) if a.size >= v.size else (v, a)), mode)


def correlate(
    a: Any, v: Any, mode: str = "valid", *, precision: Any = None, preferred_element_type: Any = None
) -> Value:
    """Correlate two vectors: convolve the first with the second, reversed and conjugated.

    >>> mnp.correlate(mnp.array([1.0, 2.0, 3.0]), mnp.array([0.0, 1.0, 0.5]))
    Array([3.5], dtype=float32)
    """
    a, v = together(array_of(a), array_of(v))
    v = slicing.flip(P.conj(v))
    if a.size >= v.size:
        return _slid("correlate", a, v, mode)
    return slicing.flip(_slid("correlate", slicing.flip(v), slicing.flip(a), mode))


# How much is put before and after the longer operand, for a shorter one of n elements.
_PADS = {"full": lambda n: (n - 1, n - 1), "same": lambda n: (n // 2, n - 1 - n // 2), "valid": lambda n: (0, 0)}


def _slid(name: str, a: Value, v: Value, mode: str) -> Value:
    if a.ndim != 1 or v.ndim != 1 or not v.size:
        raise ShapeError(f"{name}: takes vectors with elements, got {aval_of(a)} and {aval_of(v)}; ravel them")
    if mode not in _PADS:
        raise ArgumentError(f"{name}: mode must be one of {', '.join(_PADS)}, got {mode!r}")
    if a.dtype == dtypes.bool_:
        a, v = S.cast(a, dtypes.int64), S.cast(v, dtypes.int64)
    before, after = _PADS[mode](v.shape[0])
    image = J.pad(S.reshape(a, (1, 1, -1)), [(0, 0), (0, 0), (before, after)])
    return S.reshape(convolution(image, S.reshape(slicing.flip(v), (1, 1, -1))), (-1,))


__all__ = [
    "convolve", "correlate", "diff", "ediff1d", "gradient", "interp", "trapezoid", "unwrap",
]  # fmt: skip
