"""Operations on few numbers and their rules, on ndarrays, as kernel text: NumPy takes longer to be asked for them.

Arguments are ndarrays of floats whose elements lie in order; functions return 0 for what they leave alone. Those whose names
end with `_on` are called by Python. Sizes decide who computes, not where operands come from: results do not depend on that.
"""

from __future__ import annotations

from typing import Any

from .fewer import (
    add_row,
    columns_added,
    crossed,
    gap,
    multiply,
    passed_on,
    plain_product,
    rectified,
    squares,
    transposed_product,
)
from .handling import (
    Words,
    axes,
    axis,
    call_object,
    digit_of,
    dtype_of,
    elements,
    i64,
    is_like,
    is_scattered,
    like_buffer,
    new_buffer,
    same_shape,
)
from .intrinsics import INSTRUCTIONS as _INSTRUCTIONS
from .kinds import float32, float64
from .structures import DATA, INT_TAG, TUPLE_ITEMS, TUPLE_SIZE, TYPE
from .words import FLOAT32, GET_ITEM, IGNORED, INT, INT64, MEAN, NEGATIVE, NONE, REDUCTION, RELEASE, SUM, TUPLE

f32, f64 = _INSTRUCTIONS["f32"], _INSTRUCTIONS["f64"]

FEW = 4096  # multiplications, or elements
DEEP = 64  # products that are added up in the type of the factors


# --------------------------------------------------------------------------- operations


def is_few(m: int, n: int, k: int) -> int:
    """Return 1 if a product of numbers is not larger than `FEW`, and not 0."""
    if m > FEW or n > FEW or k > FEW:
        return 0
    if m * n * k > FEW or m * n * k == 0:
        return 0
    return 1


def linear_made(W: Words, x: int, w: int, b: int) -> int:
    """Return `x @ w.T + b`; `b` may be None."""
    dtype = dtype_of(W, x)
    if dtype == 0 or is_like(W, w, dtype) == 0 or axes(x) != 2 or axes(w) != 2:
        return 0
    m = axis(x, 0)
    k = axis(x, 1)
    n = axis(w, 0)
    if axis(w, 1) != k or is_few(m, n, k) == 0 or k > DEEP:
        return 0
    if b != W[NONE] and (is_like(W, b, dtype) == 0 or axes(b) != 1 or axis(b, 0) != n):
        return 0
    out = new_buffer(W, dtype, 2, m, n)
    if out == 0:
        return 0
    p = i64(x + DATA)[0]
    q = i64(w + DATA)[0]
    r = i64(out + DATA)[0]
    if dtype == W[FLOAT32]:
        multiply(f32(p), f32(q), f32(r), m, n, k)
        if b != W[NONE]:
            add_row(f32(r), f32(i64(b + DATA)[0]), m, n)
    else:
        multiply(f64(p), f64(q), f64(r), m, n, k)
        if b != W[NONE]:
            add_row(f64(r), f64(i64(b + DATA)[0]), m, n)
    return out


def is_reduced(W: Words, kwargs: int) -> int:
    """Return 1 for the options of a mean or a sum."""
    if kwargs == 0:
        return 0
    reduction = call_object(W[GET_ITEM], kwargs, W[REDUCTION])
    if reduction != W[MEAN] and reduction != W[SUM]:
        return 0
    return 1


def share_of(W: Words, kwargs: int, count: int) -> int:
    """Return what a sum is divided by."""
    if call_object(W[GET_ITEM], kwargs, W[REDUCTION]) == W[MEAN]:
        return count
    return 1


def mse_loss_made(W: Words, x: int, y: int, kwargs: int) -> int:
    """Return the mean or sum of squared differences."""
    dtype = dtype_of(W, x)
    if dtype == 0 or is_like(W, y, dtype) == 0 or same_shape(x, y) == 0 or is_reduced(W, kwargs) == 0:
        return 0
    count = elements(x)
    if count > FEW or count == 0:
        return 0
    out = new_buffer(W, dtype, 0, 0, 0)
    if out == 0:
        return 0
    p = i64(x + DATA)[0]
    q = i64(y + DATA)[0]
    share = float64(share_of(W, kwargs, count))
    if dtype == W[FLOAT32]:
        f32(i64(out + DATA)[0])[0] = gap(f32(p), f32(q), count) / share
    else:
        f64(i64(out + DATA)[0])[0] = gap(f64(p), f64(q), count) / share
    return out


def relu_made(W: Words, x: int) -> int:
    """Return `max(x, 0)`."""
    dtype = dtype_of(W, x)
    if dtype == 0 or elements(x) > FEW:
        return 0
    out = like_buffer(W, x)
    if out == 0:
        return 0
    if dtype == W[FLOAT32]:
        rectified(f32(i64(x + DATA)[0]), f32(i64(out + DATA)[0]), elements(x))
    else:
        rectified(f64(i64(x + DATA)[0]), f64(i64(out + DATA)[0]), elements(x))
    return out


def cross_entropy_made(W: Words, x: int, target: int, kwargs: int) -> int:
    """Return the mean or sum of the cross-entropies of rows, and its slope; not if targets are ignored, or stray."""
    dtype = dtype_of(W, x)
    if dtype == 0 or is_like(W, target, W[INT64]) == 0 or axes(x) != 2 or axes(target) != 1:
        return 0
    rows = axis(x, 0)
    classes = axis(x, 1)
    if axis(target, 0) != rows or is_few(rows, classes, 1) == 0 or is_reduced(W, kwargs) == 0:
        return 0
    ignored = call_object(W[GET_ITEM], kwargs, W[IGNORED])
    if ignored == 0:
        return 0
    if i64(ignored + TYPE)[0] != W[INT]:
        return 0
    if i64(ignored + INT_TAG)[0] != W[NEGATIVE] and digit_of(W, ignored) < classes:
        return 0
    chosen = i64(i64(target + DATA)[0])
    for i in range(rows):
        if chosen[i] < 0 or chosen[i] >= classes:
            return 0
    slope = like_buffer(W, x)
    if slope == 0:
        return 0
    out = new_buffer(W, dtype, 0, 0, 0)
    if out == 0:
        call_object(W[RELEASE], slope)
        return 0
    count = share_of(W, kwargs, rows)
    p = i64(x + DATA)[0]
    q = i64(slope + DATA)[0]
    if dtype == W[FLOAT32]:
        f32(i64(out + DATA)[0])[0] = crossed(f32(p), chosen, f32(q), rows, classes, count) / float64(count)
    else:
        f64(i64(out + DATA)[0])[0] = crossed(f64(p), chosen, f64(q), rows, classes, count) / float64(count)
    both = call_object(W[TUPLE], 2)
    i64(both + TUPLE_ITEMS)[0] = out
    i64(both + TUPLE_ITEMS)[1] = slope
    return both  # type: ignore[no-any-return]


def linear_on(W: Words, args: int) -> int:
    """Return `x @ w.T + b`."""
    if i64(args + TUPLE_SIZE)[0] != 3:
        return 0
    given = i64(args + TUPLE_ITEMS)
    return linear_made(W, given[0], given[1], given[2])


def mse_loss_on(W: Words, args: int, kwargs: int) -> int:
    """Return the mean or sum of squared differences."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    return mse_loss_made(W, i64(args + TUPLE_ITEMS)[0], i64(args + TUPLE_ITEMS)[1], kwargs)


def cross_entropy_on(W: Words, args: int, kwargs: int) -> int:
    """Return the cross-entropy of rows, and its slope."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    return cross_entropy_made(W, i64(args + TUPLE_ITEMS)[0], i64(args + TUPLE_ITEMS)[1], kwargs)


# --------------------------------------------------------------------------- rules


def weight_rule_on(W: Words, args: int) -> int:
    """Return `g.T @ x`."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    g = i64(args + TUPLE_ITEMS)[0]
    x = i64(args + TUPLE_ITEMS)[1]
    dtype = dtype_of(W, g)
    if dtype == 0 or is_like(W, x, dtype) == 0 or axes(g) != 2 or axes(x) != 2:
        return 0
    m = axis(g, 0)
    n = axis(g, 1)
    k = axis(x, 1)
    if axis(x, 0) != m or is_few(m, n, k) == 0:
        return 0
    out = new_buffer(W, dtype, 2, n, k)
    if out == 0:
        return 0
    p = i64(g + DATA)[0]
    q = i64(x + DATA)[0]
    r = i64(out + DATA)[0]
    if dtype == W[FLOAT32]:
        transposed_product(f32(p), f32(q), f32(r), m, n, k)
    else:
        transposed_product(f64(p), f64(q), f64(r), m, n, k)
    return out


def input_rule_on(W: Words, args: int) -> int:
    """Return `g @ w`."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    g = i64(args + TUPLE_ITEMS)[0]
    w = i64(args + TUPLE_ITEMS)[1]
    dtype = dtype_of(W, g)
    if dtype == 0 or is_like(W, w, dtype) == 0 or axes(g) != 2 or axes(w) != 2:
        return 0
    m = axis(g, 0)
    n = axis(g, 1)
    k = axis(w, 1)
    if axis(w, 0) != n or is_few(m, n, k) == 0 or n > DEEP:
        return 0
    out = new_buffer(W, dtype, 2, m, k)
    if out == 0:
        return 0
    p = i64(g + DATA)[0]
    q = i64(w + DATA)[0]
    r = i64(out + DATA)[0]
    if dtype == W[FLOAT32]:
        plain_product(f32(p), f32(q), f32(r), m, n, k)
    else:
        plain_product(f64(p), f64(q), f64(r), m, n, k)
    return out


def bias_rule_on(W: Words, args: int) -> int:
    """Return the sums of the columns of `g`."""
    if i64(args + TUPLE_SIZE)[0] != 1:
        return 0
    g = i64(args + TUPLE_ITEMS)[0]
    dtype = dtype_of(W, g)
    if dtype == 0 or axes(g) != 2:
        return 0
    m = axis(g, 0)
    n = axis(g, 1)
    if is_few(m, n, 1) == 0:
        return 0
    out = new_buffer(W, dtype, 1, n, 0)
    if out == 0:
        return 0
    if dtype == W[FLOAT32]:
        columns_added(f32(i64(g + DATA)[0]), f32(i64(out + DATA)[0]), m, n)
    else:
        columns_added(f64(i64(g + DATA)[0]), f64(i64(out + DATA)[0]), m, n)
    return out


def mse_rule_on(W: Words, args: int, kwargs: int) -> int:
    """Return `2 g (x - y)`, divided by the number of elements for the mean."""
    if i64(args + TUPLE_SIZE)[0] != 3 or is_reduced(W, kwargs) == 0:
        return 0
    g = i64(args + TUPLE_ITEMS)[0]
    x = i64(args + TUPLE_ITEMS)[1]
    y = i64(args + TUPLE_ITEMS)[2]
    dtype = dtype_of(W, g)
    if dtype == 0 or axes(g) != 0 or is_like(W, x, dtype) == 0 or is_like(W, y, dtype) == 0 or same_shape(x, y) == 0:
        return 0
    count = elements(x)
    if count > FEW or count == 0:
        return 0
    out = like_buffer(W, x)
    if out == 0:
        return 0
    share = float64(share_of(W, kwargs, count))
    p = i64(x + DATA)[0]
    q = i64(y + DATA)[0]
    r = i64(out + DATA)[0]
    if dtype == W[FLOAT32]:
        squares(f32(p), f32(q), f32(r), count, float32(float64(f32(i64(g + DATA)[0])[0]) * 2.0 / share))
    else:
        squares(f64(p), f64(q), f64(r), count, f64(i64(g + DATA)[0])[0] * 2.0 / share)
    return out


def relu_rule_on(W: Words, args: int) -> int:
    """Return `g` where the result was above 0."""
    if i64(args + TUPLE_SIZE)[0] != 2:
        return 0
    g = i64(args + TUPLE_ITEMS)[0]
    x = i64(args + TUPLE_ITEMS)[1]
    dtype = dtype_of(W, g)
    if dtype == 0 or is_like(W, x, dtype) == 0 or same_shape(g, x) == 0:
        return 0
    count = elements(g)
    if count > FEW:
        return 0
    out = like_buffer(W, g)
    if out == 0:
        return 0
    if dtype == W[FLOAT32]:
        passed_on(f32(i64(g + DATA)[0]), f32(i64(x + DATA)[0]), f32(i64(out + DATA)[0]), count)
    else:
        passed_on(f64(i64(g + DATA)[0]), f64(i64(x + DATA)[0]), f64(i64(out + DATA)[0]), count)
    return out


FUNCTIONS: dict[str, Any] = {"is_scattered": is_scattered} | {
    name: f for name, f in list(globals().items()) if getattr(f, "__module__", "") == __name__
}
