"""Products and convolutions, with the dimension numbers of jax.lax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.errors import ArgumentError, ShapeError
from ..core.ops import contractions, convolution, shaping
from ..core.ops.families import as_array
from ..core.tracer import Value, aval_of
from .reducing import window_padding
from .shaping import pad

Ints = Sequence[int]


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None, preferred_element_type: Any = None
) -> Value:
    """Multiply and add up over contracting axes, for each index of the batch axes.

    `dimension_numbers` is `((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))`. The result has the batch axes,
    then the other axes of `lhs`, then those of `rhs`. `precision` is accepted and changes nothing.

    >>> from minitorch import lax
    >>> lax.dot_general([[1.0, 2.0]], [[3.0], [4.0]], (((1,), (0,)), ((), ())))
    Array([[11.]], dtype=float32)
    """
    lhs, rhs = contractions.same_dtype("dot_general", as_array(lhs), as_array(rhs))
    (lc, rc), (lb, rb) = (
        [[i % x.ndim for i in part] for part, x in zip(pair, (lhs, rhs))] for pair in dimension_numbers
    )
    sizes = [[x.shape[i] for i in part] for part, x in ((lc, lhs), (rc, rhs), (lb, lhs), (rb, rhs))]
    if sizes[0] != sizes[1] or sizes[2] != sizes[3]:
        raise ShapeError(
            f"dot_general: {aval_of(lhs)} and {aval_of(rhs)} with dimension_numbers {dimension_numbers}: contracting "
            "and batch axes must have equal sizes"
        )
    free_l = [i for i in range(lhs.ndim) if i not in (*lc, *lb)]
    free_r = [i for i in range(rhs.ndim) if i not in (*rc, *rb)]
    batch, inner = tuple(sizes[2]), math.prod(sizes[0])
    rows, columns = tuple(lhs.shape[i] for i in free_l), tuple(rhs.shape[i] for i in free_r)
    a = shaping.reshape(shaping.transpose(lhs, (*lb, *free_l, *lc)), (*batch, math.prod(rows), inner))
    b = shaping.reshape(shaping.transpose(rhs, (*rb, *rc, *free_r)), (*batch, inner, math.prod(columns)))
    out = shaping.reshape(contractions.matmul(a, b), (*batch, *rows, *columns))
    return out if preferred_element_type is None else shaping.cast(out, preferred_element_type)


def dot(
    lhs: Any, rhs: Any, *, dimension_numbers: Any = None, precision: Any = None, preferred_element_type: Any = None
) -> Value:
    """Multiply vectors and matrices over the last axis of `lhs` and the first of `rhs`, or as `dot_general`.

    >>> from minitorch import lax
    >>> lax.dot([1.0, 2.0], [3.0, 4.0])
    Array(11., dtype=float32)
    """
    if dimension_numbers is None:
        dimension_numbers = (((as_array(lhs).ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Value:
    """Multiply matrices, the last two axes, for each index of the axes in front, which must be equal.

    >>> from minitorch import lax
    >>> lax.batch_matmul([[[2.0]]], [[[3.0]]]).tolist()
    [[[6.0]]]
    """
    lhs, rhs = as_array(lhs), as_array(rhs)
    front = tuple(range(lhs.ndim - 2))
    return dot_general(lhs, rhs, (((lhs.ndim - 1,), (rhs.ndim - 2,)), (front, front)))


# --------------------------------------------------------------------------- convolutions


class ConvDimensionNumbers(NamedTuple):
    """Where batch, feature and spatial axes are: of the input, of the kernel (output feature first), of the result.

    >>> ConvDimensionNumbers(lhs_spec=(0, 3, 1, 2), rhs_spec=(3, 2, 0, 1), out_spec=(0, 3, 1, 2)).rhs_spec
    (3, 2, 0, 1)
    """

    lhs_spec: tuple[int, ...]
    rhs_spec: tuple[int, ...]
    out_spec: tuple[int, ...]


def conv_dimension_numbers(lhs_shape: Ints, rhs_shape: Ints, dimension_numbers: Any) -> ConvDimensionNumbers:
    """Return the axes that letters such as `("NHWC", "HWIO", "NHWC")` name; without letters, `NCHW`, `OIHW`, `NCHW`.

    >>> conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 16), ("NHWC", "HWIO", "NHWC")).rhs_spec
    (3, 2, 0, 1)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    n = len(lhs_shape)
    if dimension_numbers is None:
        return ConvDimensionNumbers(*[tuple(range(n))] * 3)
    specs = tuple(dimension_numbers)
    if len(specs) != 3 or any(len(s) != n or len(set(s)) != n for s in specs):
        raise ArgumentError(
            f"conv_general_dilated: dimension_numbers {dimension_numbers} must be three strings of {n} different letters"
        )
    spatial = [c for c in specs[1] if c not in "OI"]
    if any(sorted(c for c in s if c not in "NC") != sorted(spatial) for s in (specs[0], specs[2])):
        raise ArgumentError(f"conv_general_dilated: {specs} name different spatial axes; use the same letters")
    places = [tuple(s.index(c) for c in (*first, *spatial)) for s, first in zip(specs, ("NC", "OI", "NC"))]
    return ConvDimensionNumbers(*places)


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Ints,
    padding: Any,
    lhs_dilation: Ints | None = None,
    rhs_dilation: Ints | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Value:
    """Slide a kernel over an input (cross-correlation), with strides, padding, dilations, layouts and groups.

    `padding` is 'SAME', 'SAME_LOWER', 'VALID' or a pair for each spatial axis, which may be negative. `lhs_dilation` puts
    zeros between the input's elements (a transposed convolution), `rhs_dilation` between the kernel's. For layouts see
    `conv_dimension_numbers`. `precision` is accepted and changes nothing.

    >>> from minitorch import lax
    >>> lax.conv_general_dilated([[[1.0, 2.0, 3.0]]], [[[1.0, 1.0]]], (1,), "VALID").tolist()
    [[[3.0, 5.0]]]
    """
    lhs, rhs = contractions.same_dtype("conv_general_dilated", as_array(lhs), as_array(rhs))
    numbers = conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    x, w = shaping.transpose(lhs, numbers.lhs_spec), shaping.transpose(rhs, numbers.rhs_spec)
    n = x.ndim - 2
    ones = (1,) * n
    strides, spread, dilation = (ones if d is None else tuple(d) for d in (window_strides, lhs_dilation, rhs_dilation))
    if any(len(one) != n for one in (strides, spread, dilation)):
        raise ArgumentError(
            f"conv_general_dilated: {aval_of(lhs)} has {n} spatial axes; window_strides {strides}, lhs_dilation {spread} "
            f"and rhs_dilation {dilation} need a number for each"
        )
    sizes = [max(k + (k - 1) * (d - 1), 0) for k, d in zip(x.shape[2:], spread)]
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    pairs = window_padding("conv_general_dilated", padding, sizes, reach, strides)
    if any(d > 1 for d in spread) or any(a < 0 or b < 0 for a, b in pairs):
        x = pad(x, 0, [(0, 0, 0), (0, 0, 0), *((a, b, d - 1) for (a, b), d in zip(pairs, spread))])
        pairs = [(0, 0)] * n
    groups = feature_group_count
    if batch_group_count > 1:
        if groups > 1 or x.shape[0] % batch_group_count or w.shape[0] % batch_group_count:
            raise ArgumentError(
                f"conv_general_dilated: batch_group_count {batch_group_count} must divide the batch {x.shape[0]} and the "
                f"output features {w.shape[0]}, without feature groups"
            )
        groups, count = batch_group_count, x.shape[0] // batch_group_count
        x = shaping.moveaxis(shaping.reshape(x, (groups, count, *x.shape[1:])), 0, 1)
        x = shaping.reshape(x, (count, groups * x.shape[2], *x.shape[3:]))
    out = convolution.convolution(x, w, None, strides, pairs, dilation, groups)
    back = [numbers.out_spec.index(i) for i in range(n + 2)]
    out = shaping.transpose(out, back)
    return out if preferred_element_type is None else shaping.cast(out, preferred_element_type)


def conv(lhs: Any, rhs: Any, window_strides: Ints, padding: Any, precision: Any = None) -> Value:
    """Slide a kernel `[O, I, *kernel]` over an input `[N, I, *spatial]`.

    >>> from minitorch import lax
    >>> lax.conv([[[1.0, 2.0, 3.0]]], [[[1.0, 1.0]]], (1,), "SAME").tolist()
    [[[3.0, 5.0, 3.0]]]
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding)


def conv_with_general_padding(
    lhs: Any, rhs: Any, window_strides: Ints, padding: Any, lhs_dilation: Ints | None, rhs_dilation: Ints | None
) -> Value:
    """Slide a kernel `[O, I, *kernel]` over an input `[N, I, *spatial]`, with dilations.

    >>> from minitorch import lax
    >>> lax.conv_with_general_padding([[[1.0, 2.0]]], [[[1.0, 1.0]]], (1,), [(1, 1)], (2,), None).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation)


__all__ = [
    "ConvDimensionNumbers",
    "batch_matmul",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_with_general_padding",
    "dot",
    "dot_general",
]
