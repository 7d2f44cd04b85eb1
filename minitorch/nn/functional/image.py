"""Convolution and pooling under PyTorch's names."""

from __future__ import annotations

from typing import Any

from ...core.errors import ArgumentError, ShapeError, UnsupportedError
from ...core.ops import pooling
from ...core.ops.convolution import conv_transpose, convolution, per_axis
from ...core.ops.joining import pad as core_pad
from ...core.ops.shaping import reshape, swapaxes, transpose
from ...core.tracer import aval_of
from .arguments import Function, check_rank, check_tensors, last, named, one_dtype


def _conv(n: int) -> Function:
    name = f"conv{n}d"

    def conv(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> Any:
        check_rank(name, n, input)
        one_dtype(name, input=input, weight=weight, bias=bias)
        return convolution(input, weight, bias, stride, padding, dilation, groups)

    return named(conv, name, f"Slide a kernel over {last(n)} of `[N, C, ...]`; weights are `[O, C / groups, ...]`.")


def _conv_transpose(n: int) -> Function:
    name = f"conv_transpose{n}d"

    def conv(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        check_rank(name, n, input)
        one_dtype(name, input=input, weight=weight, bias=bias)
        return conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)

    return named(
        conv, name, f"Apply the transpose of a convolution over {last(n)}; weights are `[C, O / groups, ...]`."
    )


def _max_pool(n: int) -> Function:
    name = f"max_pool{n}d"

    def pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        check_rank(name, n, input)
        find = pooling.max_pool_with_indices if return_indices else pooling.max_pool
        return find(
            input, per_axis(name, "kernel_size", kernel_size, n, 1), _stride(stride), padding, dilation, ceil_mode
        )

    return named(pool, name, f"Return the largest element of each window over {last(n)}.")


def _avg_pool(n: int) -> Function:
    name = f"avg_pool{n}d"

    def pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        check_rank(name, n, input)
        window = per_axis(name, "kernel_size", kernel_size, n, 1)
        return pooling.avg_pool(input, window, _stride(stride), padding, ceil_mode, count_include_pad, divisor_override)

    return named(pool, name, f"Return the mean of each window over {last(n)}.")


def _adaptive(kind: str, n: int) -> Function:
    name = f"adaptive_{kind}_pool{n}d"

    def pool(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        check_rank(name, n, input)
        sizes = (output_size,) * n if output_size is None or isinstance(output_size, int) else tuple(output_size)
        if kind == "avg":
            return pooling.adaptive_avg_pool(input, sizes)
        find = pooling.adaptive_max_pool_with_indices if return_indices else pooling.adaptive_max_pool
        return find(input, sizes)

    return named(pool, name, f"Pool {last(n)} to the given sizes; None keeps one.")


def _stride(stride: Any) -> Any:
    return None if stride is None or stride == () or stride == [] else stride


conv1d, conv2d, conv3d = map(_conv, (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = map(_conv_transpose, (1, 2, 3))
max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (_adaptive("avg", n) for n in (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (_adaptive("max", n) for n in (1, 2, 3))

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Pad the last dimensions: `pad` lists (before, after) from the last dimension on; negative widths cut.

    Modes: `constant` (with `value`), `reflect`, `replicate` and `circular`.

    >>> pad(mt.tensor([[1.0, 2.0, 3.0]]), (1, 2))
    tensor([[0., 1., 2., 3., 0., 0.]])
    >>> pad(mt.tensor([[1.0, 2.0, 3.0]]), (2, -1), mode="reflect")
    tensor([[3., 2., 1., 2.]])
    """
    if mode not in _MODES:
        raise UnsupportedError(f"pad: Unrecognized padding mode {mode!r}; use one of {', '.join(_MODES)}")
    check_tensors("pad", input=input)
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"pad: Padding length must be divisible by 2 and at most twice the number of dimensions of the input, got "
            f"{tuple(pad)} for {aval_of(input)}"
        )
    if mode != "constant" and value:
        raise ArgumentError(f"pad: Padding mode {mode!r} doesn't take in value argument, got {value}; leave it out")
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    return core_pad(input, tuple(widths), _MODES[mode], 0 if value is None else value)


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Lay `r * r` channels side by side: `[*, C * r * r, H, W]` becomes `[*, C, H * r, W * r]` (Shi et al., 2016).

    >>> pixel_shuffle(mt.tensor([[[1]], [[2]], [[3]], [[4]]]), 2)
    tensor([[[1, 2],
             [3, 4]]])
    """
    r = upscale_factor
    *lead, channels, height, width = _planes("pixel_shuffle", input)
    if r < 1 or channels % (r * r):
        raise ShapeError(f"pixel_shuffle: upscale_factor {r} needs channels divisible by {r * r}, got {aval_of(input)}")
    n = len(lead)
    parts = reshape(input, (*lead, channels // (r * r), r, r, height, width))
    ordered = transpose(parts, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshape(ordered, (*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Undo `pixel_shuffle`: `[*, C, H * r, W * r]` becomes `[*, C * r * r, H, W]`.

    >>> pixel_unshuffle(mt.tensor([[[1, 2], [3, 4]]]), 2)
    tensor([[[1]],
    <BLANKLINE>
            [[2]],
    <BLANKLINE>
            [[3]],
    <BLANKLINE>
            [[4]]])
    """
    r = downscale_factor
    *lead, channels, height, width = _planes("pixel_unshuffle", input)
    if r < 1 or height % r or width % r:
        raise ShapeError(f"pixel_unshuffle: height and width must be divisible by {r}, got {aval_of(input)}")
    n = len(lead)
    parts = reshape(input, (*lead, channels, height // r, r, width // r, r))
    ordered = transpose(parts, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return reshape(ordered, (*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Interleave the channels (dimension 1) of groups (Zhang et al., 2018).

    >>> channel_shuffle(mt.arange(6).reshape(1, 6, 1), groups=2).flatten()
    tensor([0, 3, 1, 4, 2, 5])
    """
    n, channels, *rest = _planes("channel_shuffle", input)
    if groups < 1 or channels % groups:
        raise ShapeError(f"channel_shuffle: channels must be divisible by groups={groups}, got {aval_of(input)}")
    parts = reshape(input, (n, groups, channels // groups, *rest))
    return reshape(swapaxes(parts, 1, 2), input.shape)


def _planes(name: str, input: Any) -> tuple[int, ...]:
    check_tensors(name, input=input)
    if input.ndim < 3:
        raise ShapeError(f"{name}: expects at least 3 dimensions, got {aval_of(input)}")
    return tuple(input.shape)
