"""Convolution in any number of dimensions: three primitives, each the others' derivatives.

Inputs `x [N, C, *spatial]`, weights `w [O, C/groups, *kernel]` and outputs `g [N, O, *spatial]` are the arguments of
one form that is linear in each; `conv`, `conv_weight` and `conv_input` leave one of them open. As in all deep learning
libraries the kernel is not flipped. How they are computed is the business of `patches.py`.
"""

from __future__ import annotations

import builtins
from operator import index as as_int
from typing import Any

from ..aval import Aval
from ..errors import ArgumentError, ShapeError
from ..tracer import Params, Value, aval_of
from . import patches
from .contractions import same_dtype
from .families import as_array, bilinear, custom
from .joining import pad
from .patches import Ints, Pads, Window
from .pointwise import add
from .shaping import broadcast_to, moveaxis, reshape, sum

# --------------------------------------------------------------------------- shapes


def window_counts(spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Ints:
    """Return how many windows fit along each axis."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(spatial, kernel, stride, padding, dilation)
    )


def _conv_abstract(
    x: Aval, w: Aval, bias: Aval | None, *, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Aval:
    counts = window_counts(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return x._replace(shape=(x.shape[0], w.shape[0], *counts))


def _input_abstract(g: Aval, w: Aval, *, size: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> Aval:
    return g._replace(shape=(g.shape[0], w.shape[1] * groups, *size))


def _weight_abstract(
    x: Aval, g: Aval, *, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Aval:
    return x._replace(shape=(g.shape[1], x.shape[1] // groups, *kernel))


# --------------------------------------------------------------------------- batching


def _fold(x: Value, axis: int, groups: int = 1) -> Value:
    """Merge the batch axis, which is the first, into another axis: behind its groups, before the rest of it."""
    size, *shape = x.shape
    before, each, after = shape[:axis], shape[axis] // groups, shape[axis + 1 :]
    split = moveaxis(reshape(x, (size, *before, groups, each, *after)), 0, axis + 1)
    return reshape(split, (*before, groups * size * each, *after))


def _unfold(x: Value, axis: int, size: int, groups: int = 1) -> Value:
    """Undo `_fold`."""
    shape = x.shape
    before, each, after = shape[:axis], shape[axis] // (groups * size), shape[axis + 1 :]
    split = moveaxis(reshape(x, (*before, groups, size, each, *after)), axis + 1, 0)
    return reshape(split, (size, *before, groups * each, *after))


# For each primitive, by which of its two arguments are batched: where the batch goes in them, and where it is found in
# the result. A place is (axis, whether it lies behind the groups). With both batched, the batch becomes more groups.
Place = tuple[int, bool]
_PLACES: dict[str, dict[tuple[bool, ...], tuple[Place, Place, Place]]] = {}


def _places(name: str, first: tuple[Place, Place], second: tuple[Place, Place], both: Ints) -> None:
    into_x, into_y, found = ((axis, False) for axis in both)
    unused = (0, False)
    _PLACES[name] = {
        (True, False): (first[0], unused, first[1]),
        (False, True): (unused, second[0], second[1]),
        (True, True): (into_x, into_y, found),
    }


_places("conv", ((0, False), (0, False)), ((0, True), (1, True)), (1, 0, 1))
_places("conv_input", ((0, False), (0, False)), ((1, False), (1, True)), (1, 0, 1))
_places("conv_weight", ((1, True), (1, False)), ((1, True), (0, True)), (1, 1, 0))


def _batched(apply: Any, name: str, batched: tuple[bool, ...], x: Value, y: Value, params: Params) -> Value:
    into_x, into_y, (found, behind) = _PLACES[name][batched]
    groups = params["groups"]
    size = x.shape[0] if batched[0] else y.shape[0]
    if batched[0]:
        x = _fold(x, into_x[0], groups if into_x[1] else 1)
    if batched[1]:
        y = _fold(y, into_y[0], groups if into_y[1] else 1)
    if all(batched):
        params = {**params, "groups": groups * size}
    return _unfold(apply(x, y, **params), found, size, groups if behind else 1)


def _conv_batch(batched: tuple[bool, ...], x: Value, w: Value, bias: Value | None, **params: Any) -> Value:
    if batched == (True, False, False):
        return _batched(lambda x, w, **p: conv_p(x, w, bias, **p), "conv", (True, False), x, w, params)
    if builtins.any(batched[:2]):
        out = _batched(lambda x, w, **p: conv_p(x, w, None, **p), "conv", batched[:2], x, w, params)
    else:
        out = reshape(plain := conv_p(x, w, None, **params), (1, *plain.shape))
    if bias is None:
        return out
    return add(out, reshape(bias, (bias.shape[0] if batched[2] else 1, 1, bias.shape[-1]) + (1,) * (out.ndim - 3)))


# --------------------------------------------------------------------------- the primitives


def _conv_impl(x: Any, w: Any, bias: Any, *, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> Any:
    counts = window_counts(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return patches.conv(x, w, bias, counts, Window(stride, padding, dilation, groups))


def _input_impl(g: Any, w: Any, *, size: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> Any:
    return patches.conv_input(g, w, size, Window(stride, padding, dilation, groups))


def _weight_impl(x: Any, g: Any, *, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> Any:
    return patches.conv_weight(x, g, kernel, Window(stride, padding, dilation, groups))


def _statics(stride: Ints, padding: Pads, dilation: Ints, groups: int) -> Params:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def _channel_sums(g: Value) -> Value:
    """Sum over images and positions; positions first, which lie side by side."""
    n, channels = g.shape[:2]
    size = g.size // (n * channels) if n * channels else 0
    return sum(sum(reshape(g, (n, channels, size)), -1), 0)


def _channels_spread(t: Value, out_aval: Aval) -> Value:
    return broadcast_to(reshape(t, (t.shape[0],) + (1,) * (out_aval.ndim - 2)), out_aval.shape)


# fmt: off
conv_p: Any = custom(
    "conv", _conv_impl, abstract=_conv_abstract, batch=_conv_batch, holomorphic=True,
    vjp=(
        lambda g, w, x_aval, stride, padding, dilation, groups:
            conv_input_p(g, w, size=x_aval.shape[2:], **_statics(stride, padding, dilation, groups)),
        lambda g, x, w_aval, stride, padding, dilation, groups:
            conv_weight_p(x, g, kernel=w_aval.shape[2:], **_statics(stride, padding, dilation, groups)),
        _channel_sums,
    ),
    jvp=(
        lambda t, w, stride, padding, dilation, groups:
            conv_p(t, w, None, **_statics(stride, padding, dilation, groups)),
        lambda t, x, stride, padding, dilation, groups:
            conv_p(x, t, None, **_statics(stride, padding, dilation, groups)),
        _channels_spread,
    ),
)
conv_input_p: Any = bilinear(
    "conv_input", _input_impl,
    lambda g, w, stride, padding, dilation, groups:
        conv_p(g, w, None, **_statics(stride, padding, dilation, groups)),
    # The first argument is named g as in the text above, so here the cotangent, shaped like an input, comes as h.
    lambda h, g, w_aval, stride, padding, dilation, groups:
        conv_weight_p(h, g, kernel=w_aval.shape[2:], **_statics(stride, padding, dilation, groups)),
    abstract=_input_abstract,
    batch=lambda batched, g, w, **params: _batched(conv_input_p, "conv_input", batched, g, w, params),
)
conv_weight_p: Any = bilinear(
    "conv_weight", _weight_impl,
    lambda h, g, x_aval, stride, padding, dilation, groups:
        conv_input_p(g, h, size=x_aval.shape[2:], **_statics(stride, padding, dilation, groups)),
    lambda h, x, stride, padding, dilation, groups:
        conv_p(x, h, None, **_statics(stride, padding, dilation, groups)),
    abstract=_weight_abstract,
    batch=lambda batched, x, g, **params: _batched(conv_weight_p, "conv_weight", batched, x, g, params),
)
# fmt: on


# --------------------------------------------------------------------------- arguments


def per_axis(name: str, what: str, value: Any, n: int, least: int) -> Ints:
    """Return one int for each of n axes from an int or a sequence of them, or raise."""
    if type(value) is int and value >= least:
        return (value,) * n
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(given) == 1:
        given *= n
    try:
        found = tuple(map(as_int, given))
    except TypeError:
        raise ArgumentError(f"{name}: {what} must be an int or {n} ints, got {value!r}") from None
    if len(found) != n or builtins.any(i < least for i in found):
        raise ArgumentError(f"{name}: {what} must be an int or {n} ints, each at least {least}, got {value!r}")
    return found


def _paddings(name: str, padding: Any, kernel: Ints, stride: Ints, dilation: Ints) -> Pads:
    """Return (before, after) for each axis from 'same', 'valid', an int, ints, or pairs."""
    n = len(kernel)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if builtins.any(s != 1 for s in stride):
            raise ArgumentError(f"{name}: padding='same' needs stride 1, got stride={stride}; give padding as numbers")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ArgumentError(f"{name}: padding must be 'same', 'valid', an int, {n} ints or {n} pairs, got {padding!r}")
    if isinstance(padding, (tuple, list)) and padding and isinstance(padding[0], (tuple, list)):
        pairs = [per_axis(name, "a pair of padding", pair, 2, 0) for pair in padding]
        if len(pairs) != n:
            raise ArgumentError(f"{name}: padding has {len(pairs)} pairs for {n} spatial axes; give one for each")
        return tuple((low, high) for low, high in pairs)
    return tuple((p, p) for p in per_axis(name, "padding", padding, n, 0))


def _operands(name: str, x: Value, w: Value, bias: Value | None) -> tuple[Value, Value, Value | None]:
    """Check ranks, and promote to one dtype."""
    x, w = as_array(x), as_array(w)
    spatial = w.ndim - 2
    if spatial < 1 or x.ndim not in (spatial + 1, spatial + 2):
        raise ShapeError(
            f"{name}: {aval_of(x)} with weight {aval_of(w)}; give x [N, C, *spatial] (or without N) and weight "
            "[out, in / groups, *kernel] with the same number of spatial axes"
        )
    if bias is None:
        return (*same_dtype(name, x, w), None)
    x, w, bias = same_dtype(name, x, w, as_array(bias))
    return x, w, bias


def _check_channels(name: str, x: Value, w: Value, bias: Value | None, groups: int, channels: int, out: int) -> None:
    """Check the channels of `x` and of the bias, given those that the weight asks for."""
    have = x.shape[-(w.ndim - 1)]
    if groups < 1 or w.shape[0] % groups:
        wrong = f"the weight's {w.shape[0]} channels do not divide into {groups} groups; change groups"
    elif have != channels:
        wrong = f"x has {have} channels, the weight needs {channels}; transpose x to [N, C, *spatial]"
    elif bias is not None and bias.shape != (out,):
        wrong = f"the bias is {aval_of(bias)}, there are {out} output channels; give shape ({out},)"
    else:
        return
    raise ShapeError(f"{name}: {aval_of(x)} with weight {aval_of(w)}, groups={groups}: {wrong}")


# --------------------------------------------------------------------------- the functions


def convolution(
    x: Value,
    w: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """Slide a kernel over images in 1, 2, 3 or more dimensions (cross-correlation).

    Shapes: `x [N, C, *spatial]` (or without N), `w [O, C / groups, *kernel]`, `bias [O]`. `padding` is an int or one
    int for each axis, pairs (before, after), 'valid' for none, or 'same' (stride 1 only). Raises ShapeError when
    channels disagree or the kernel is larger than the padded image.

    >>> import numpy as np
    >>> convolution(np.ones((1, 1, 4), "f4"), np.ones((1, 1, 3), "f4"), padding=1).tolist()
    [[[2.0, 3.0, 3.0, 2.0]]]
    """
    x, w, bias = _operands("convolution", x, w, bias)
    n, kernel, groups = w.ndim - 2, w.shape[2:], as_int(groups)
    stride = per_axis("convolution", "stride", stride, n, 1)
    dilation = per_axis("convolution", "dilation", dilation, n, 1)
    padding = _paddings("convolution", padding, kernel, stride, dilation)
    _check_channels("convolution", x, w, bias, groups, w.shape[1] * groups, w.shape[0])
    if builtins.any(c < 1 for c in window_counts(x.shape[-n:], kernel, stride, padding, dilation)) or 0 in kernel:
        raise ShapeError(
            f"convolution: {aval_of(x)} with weight {aval_of(w)}, padding={padding}, dilation={dilation}: the kernel "
            "does not fit into the padded image; use more padding or a smaller kernel"
        )
    batch = x if x.ndim == n + 2 else reshape(x, (1, *x.shape))
    out = conv_p(batch, w, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out if batch is x else reshape(out, out.shape[1:])


def conv_transpose(
    x: Value,
    w: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    """Apply the transpose of a convolution: every element of `x` sends its multiple of the kernel to the result.

    Shapes: `x [N, C, *spatial]` (or without N), `w [C, O / groups, *kernel]`, `bias [O]`. A spatial size n becomes
    `(n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1`.

    >>> import numpy as np
    >>> conv_transpose(np.ones((1, 1, 2), "f4"), np.ones((1, 1, 2), "f4"), stride=2).tolist()
    [[[1.0, 1.0, 1.0, 1.0]]]
    """
    x, w, bias = _operands("conv_transpose", x, w, bias)
    n, kernel, groups = w.ndim - 2, w.shape[2:], as_int(groups)
    stride = per_axis("conv_transpose", "stride", stride, n, 1)
    dilation = per_axis("conv_transpose", "dilation", dilation, n, 1)
    pads = _paddings("conv_transpose", padding, kernel, stride, dilation)
    extra = per_axis("conv_transpose", "output_padding", output_padding, n, 0)
    if builtins.any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise ArgumentError(
            f"conv_transpose: output_padding={extra} must be smaller than stride={stride} or dilation={dilation}; "
            "use a larger output_padding only with a larger stride"
        )
    _check_channels("conv_transpose", x, w, bias, groups, w.shape[0], w.shape[1] * groups)
    # Output padding first gives back what padding took away at the end; only what is left over is zeros.
    zeros = tuple(max(0, e - high) for e, (_, high) in zip(extra, pads))
    pads = tuple((low, max(0, high - e)) for e, (low, high) in zip(extra, pads))
    sizes = [
        (size - 1) * s - low - high + d * (k - 1) + 1
        for size, s, (low, high), d, k in zip(x.shape[-n:], stride, pads, dilation, kernel)
    ]
    if builtins.any(size < 1 for size in sizes):
        raise ShapeError(
            f"conv_transpose: {aval_of(x)} with weight {aval_of(w)}, stride={stride}, padding={padding} gives spatial "
            f"sizes {tuple(sizes)}; use less padding"
        )
    batch = x if x.ndim == n + 2 else reshape(x, (1, *x.shape))
    out = conv_input_p(batch, w, size=tuple(sizes), stride=stride, padding=pads, dilation=dilation, groups=groups)
    if builtins.any(zeros):
        out = pad(out, [(0, 0), (0, 0), *((0, e) for e in zeros)])
    if bias is not None:
        out = add(out, reshape(bias, bias.shape + (1,) * n))
    return out if batch is x else reshape(out, out.shape[1:])
