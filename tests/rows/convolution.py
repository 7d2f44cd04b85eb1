"""Rows of convolutions; the oracles are loops over positions and taps."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.core.ops import convolution as C

from . import Case, Row, complexes, real


def meetings(size, kernel, counts, stride, padding, dilation):
    """Yield each (position, tap, element) where a tap of the kernel meets an element of the image."""
    for p in np.ndindex(*counts):
        for t in np.ndindex(*kernel):
            at = tuple(i * s + j * d - low for i, s, j, d, (low, _) in zip(p, stride, t, dilation, padding))
            if all(0 <= i < n for i, n in zip(at, size)):
                yield (..., *p), (..., *t), (..., *at)


def spread(value, n):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def window(w, stride, padding, dilation):
    kernel = w.shape[2:]
    n = len(kernel)
    stride, dilation = spread(stride, n), spread(dilation, n)
    if padding == "same":
        padding = tuple((d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for k, d in zip(kernel, dilation))
    padding = ((0, 0),) * n if padding == "valid" else spread(padding, n)
    return kernel, stride, tuple(p if isinstance(p, tuple) else (p, p) for p in padding), dilation


def by_group(x, w, groups):
    """Yield the channels of x, the weights and the output channels of each group."""
    size, each = w.shape[1], w.shape[0] // groups
    for i in range(groups):
        yield slice(i * size, (i + 1) * size), slice(i * each, (i + 1) * each)


def convolution(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    kernel, stride, padding, dilation = window(w, stride, padding, dilation)
    if x.ndim == w.ndim - 1:
        return convolution(x[None], w, bias, stride, padding, dilation, groups)[0]
    sizes = zip(x.shape[2:], kernel, stride, padding, dilation)
    counts = [(n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, (a, b), d in sizes]
    out = np.zeros((x.shape[0], w.shape[0], *counts), np.result_type(x, w))
    for inputs, outputs in by_group(x, w, groups):
        for p, t, at in meetings(x.shape[2:], kernel, counts, stride, padding, dilation):
            out[:, outputs][p] += x[:, inputs][at] @ w[outputs][t].T
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(kernel))


def conv_input(g, w, size, stride, padding, dilation, groups):
    out = np.zeros((g.shape[0], w.shape[1] * groups, *size), np.result_type(g, w))
    for inputs, outputs in by_group(g, w, groups):
        for p, t, at in meetings(size, w.shape[2:], g.shape[2:], stride, padding, dilation):
            out[:, inputs][at] += g[:, outputs][p] @ w[outputs][t]
    return out


def conv_weight(x, g, kernel, stride, padding, dilation, groups):
    out = np.zeros((g.shape[1], x.shape[1] // groups, *kernel), np.result_type(x, g))
    for inputs, outputs in by_group(x, out, groups):
        for p, t, at in meetings(x.shape[2:], kernel, g.shape[2:], stride, padding, dilation):
            out[outputs][t] += g[:, outputs][p].T @ x[:, inputs][at]
    return out


def conv_transpose(x, w, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    kernel, stride, padding, dilation = window(w, stride, padding, dilation)
    if x.ndim == w.ndim - 1:
        return conv_transpose(x[None], w, bias, stride, padding, output_padding, groups, dilation)[0]
    extra = spread(output_padding, len(kernel))
    size = [
        (n - 1) * s - a - b + d * (k - 1) + e + 1
        for n, k, s, (a, b), e, d in zip(x.shape[2:], kernel, stride, padding, extra, dilation)
    ]
    out = conv_input(x, w, size, stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(kernel))


def cases(make: Any, *settings: Any) -> tuple[Case, ...]:
    """One case for each (shapes, keywords)."""
    return tuple(Case(tuple(make(*shape) for shape in shapes), params) for shapes, params in settings)


ALL = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2), "groups": 2}
PLAIN = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}

FORWARD = (
    (((2, 3, 5), (4, 3, 3)), {}),
    (((2, 3, 5), (4, 3, 3), (4,)), {"padding": 1}),
    (((3, 5), (4, 3, 2), (4,)), {"stride": 2}),
    (((2, 2, 4, 5), (4, 2, 3, 2), (4,)), {"stride": (2, 1), "padding": (1, 0)}),
    (((2, 4, 5, 4), (4, 2, 2, 2), (4,)), ALL),
    (((1, 2, 4, 4), (2, 1, 3, 3)), {"groups": 2, "padding": 1}),
    (((2, 2, 4, 3), (3, 2, 1, 1)), {}),
    (((1, 2, 4, 5), (2, 2, 2, 3)), {"padding": "same", "dilation": (1, 1)}),
    (((1, 2, 4, 5), (2, 2, 2, 3)), {"padding": "valid"}),
    (((1, 2, 3, 3, 3), (2, 2, 2, 2, 2), (2,)), {"padding": (0, 1, 0), "stride": (1, 2, 1)}),
    (((0, 2, 4), (3, 2, 2), (3,)), {}),
    (((2, 1, 1), (1, 1, 1)), {}),
)

ROWS = [
    Row(
        "convolution",
        C.convolution,
        convolution,
        cases(real, *FORWARD),
        ("conv", "conv_input", "conv_weight"),
        dtypes=("float32", "float16", "bfloat16", "int64"),
        complex_cases=cases(complexes, (((2, 2, 4), (2, 2, 2), (2,)), {"padding": 1})),
    ),
    Row(
        "conv_transpose",
        C.conv_transpose,
        conv_transpose,
        cases(
            real,
            (((2, 3, 3), (3, 2, 3)), {}),
            (((2, 3, 3), (3, 2, 3), (2,)), {"stride": 2, "padding": 1, "output_padding": 1}),
            (((3, 3), (3, 2, 2), (2,)), {}),
            (
                ((2, 4, 2, 3), (4, 2, 2, 2), (4,)),
                {"stride": (2, 1), "padding": (0, 1), "groups": 2, "dilation": (1, 2)},
            ),
            (((1, 2, 3), (2, 3, 2)), {"output_padding": 2, "dilation": 3, "padding": 1}),
            (((1, 2, 2, 2, 2), (2, 1, 2, 2, 2)), {"stride": 2}),
        ),
        ("conv_input", "conv_weight", "conv"),
        dtypes=("float32", "float16", "int64"),
    ),
    Row(
        "conv_weight",
        C.conv_weight_p,
        conv_weight,
        cases(
            real,
            (((2, 3, 5), (2, 4, 3)), {"kernel": (3,), **PLAIN}),
            (((2, 4, 5, 4), (2, 4, 3, 4)), {"kernel": (2, 2), **ALL}),
        ),
        complex_cases=cases(complexes, (((2, 3, 5), (2, 2, 3)), {"kernel": (3,), **PLAIN})),
    ),
]
