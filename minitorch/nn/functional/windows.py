"""What else slides over images: blocks, norms of windows, maxima of random windows, and the way back from maxima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import wrap
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops import pooling, windowing
from ...core.ops.convolution import per_axis
from ...core.ops.families import as_array
from ...core.ops.gathering import as_index, iota
from ...core.ops.joining import pad
from ...core.ops.lookup import scatter, take_along_axis
from ...core.ops.pointwise import abs, add, div, floor, less, mul, pow, relu, sign, square, sub, where
from ...core.ops.reductions import argmax
from ...core.ops.sampling import uniform
from ...core.ops.shaping import cast, expand_dims, full, moveaxis, reshape
from ...core.tracer import Value, aval_of
from ...tensor.peeking import extent
from ...tensor.random import next_key
from . import image
from .arguments import Function, check_rank, check_tensors, last, named


def _merged(x: Value, kept: int) -> Value:
    """Merge all axes but the first ones."""
    return reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])))


# --------------------------------------------------------------------------- blocks


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the blocks that a kernel sees as columns: `[N, C, H, W]` becomes `[N, C * kernel, blocks]`.

    >>> from minitorch import arange
    >>> unfold(arange(6.0).reshape(1, 1, 2, 3), 2)
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    check_rank("unfold", 2, input)
    kernel = per_axis("unfold", "kernel_size", kernel_size, 2, 1)
    found = windowing.unfold(input, kernel, stride, padding, dilation)
    *lead, channels, height, width, rows, columns = found.shape
    return reshape(found, (*lead, channels * height * width, rows * columns))


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Add blocks up where they overlap, the transpose of `unfold`: `[N, C * kernel, blocks]` becomes `[N, C, H, W]`.

    >>> fold(mt.ones(1, 4, 2), output_size=(2, 3), kernel_size=2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    kernel, sizes = (
        per_axis("fold", "kernel_size", kernel_size, 2, 1),
        per_axis("fold", "output_size", output_size, 2, 1),
    )
    places = windowing.sliding("fold", sizes, kernel, stride, padding, dilation)
    counts = windowing.counts_of(places)
    taps, blocks = math.prod(kernel), math.prod(counts)
    if input.ndim not in (2, 3) or input.shape[-2] % taps or input.shape[-1] != blocks:
        raise ShapeError(
            f"fold: Expected input [N, C * {taps}, {blocks}] for output_size {sizes} and kernel_size {kernel}: dimension 1 "
            f"divisible by the product of kernel_size, got {aval_of(input)}"
        )
    *lead, rows, _ = input.shape
    columns = reshape(input, (*lead, rows // taps, *kernel, *counts))
    return windowing.fold(columns, sizes, kernel, stride, padding, dilation)


# --------------------------------------------------------------------------- norms


def _lp_pool(n: int) -> Function:
    name = f"lp_pool{n}d"

    def pool(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        check_rank(name, n, input)
        window = per_axis(name, "kernel_size", kernel_size, n, 1)
        if norm_type in (math.inf, -math.inf):
            best = pooling.max_pool(mul(abs(input), math.copysign(1.0, norm_type)), window, stride, 0, 1, ceil_mode)
            return mul(best, math.copysign(1.0, norm_type))
        total = pooling.avg_pool(pow(input, norm_type), window, stride, 0, ceil_mode)
        return pow(mul(mul(sign(total), relu(abs(total))), float(math.prod(window))), 1.0 / norm_type)

    text = f"Return `sum(x**p) ** (1/p)` of each window over {last(n)}; maxima for infinite p."
    return named(pool, name, text)


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Divide by `(k + alpha * mean(x**2 of size channels around)) ** beta`. Krizhevsky et al. (2012).

    >>> local_response_norm(mt.tensor([[[1.0], [2.0], [3.0]]]), size=3, alpha=3.0, beta=1.0)
    tensor([[[0.1667],
             [0.1333],
             [0.2143]]])
    """
    if input.ndim < 3:
        raise ShapeError(f"local_response_norm: Expected 3D or higher dimensionality input, got {aval_of(input)}")
    squares = moveaxis(square(input), 1, -1)
    wide = pad(squares, ((0, 0),) * (input.ndim - 1) + ((size // 2, (size - 1) // 2),))
    mean = moveaxis(pooling.avg_pool(wide, (size,), 1), -1, 1)
    return div(input, pow(add(mul(mean, alpha), k), beta))


# --------------------------------------------------------------------------- maxima of random windows


def _starts(samples: Value, size: int, count: int, taps: int) -> Value:
    """Return where `count` windows start along an axis: one step or another apart, as the sample says (Graham, 2014)."""
    last = full(samples.shape, size - taps, dtypes.int64)
    if count == 1:
        return expand_dims(last, -1)
    step = np.asarray((size - taps) / (count - 1), samples.dtype)
    ahead = mul(add(iota(count, samples.ndim + 1, -1), expand_dims(samples, -1)), wrap(step))
    offset = expand_dims(floor(mul(samples, wrap(step))), -1)
    found = cast(sub(floor(ahead), offset), dtypes.int64)
    return where(less(iota(count, samples.ndim + 1, -1), count - 1), found, expand_dims(last, -1))


def _fractional_max_pool(n: int) -> Function:
    name = f"fractional_max_pool{n}d"

    def pool(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        check_rank(name, n, input)
        batched = input if input.ndim == n + 2 else expand_dims(input, 0)
        sizes, taps = batched.shape[2:], per_axis(name, "kernel_size", kernel_size, n, 1)
        counts = _pooled_sizes(name, sizes, taps, output_size, output_ratio)
        samples = _random_samples
        if samples is None:
            samples = uniform(next_key(None), (*batched.shape[:2], n), dtype=input.dtype)
        _check_samples(name, samples, batched, n)
        flat = _window_places(as_array(samples), sizes, counts, taps)
        values, where_found = _largest(batched, flat)
        shape = (*input.shape[: input.ndim - n], *counts)
        return (reshape(values, shape), reshape(where_found, shape)) if return_indices else reshape(values, shape)

    text = f"Return maxima of windows that random samples lay over {last(n)}. Graham (2014)."
    return named(pool, name, text)


def _window_places(samples: Value, sizes: Sequence[int], counts: Sequence[int], taps: Sequence[int]) -> Value:
    """Return where the elements of all windows lie in the flattened planes, `[N, C, windows, taps]`."""
    n = len(sizes)
    # In two dimensions PyTorch takes the samples from the last dimension on, in three from the first.
    order = range(n - 1, -1, -1) if n == 2 else range(n)
    flat: Any = 0
    for axis, (which, size, count, k) in enumerate(zip(order, sizes, counts, taps)):
        first = _starts(samples[..., which], size, count, k)
        reached = add(expand_dims(first, -1), iota(k, 4, -1))
        shape = [*samples.shape[:2], *(1,) * (2 * n)]
        shape[2 + axis], shape[2 + n + axis] = count, k
        flat = add(mul(flat, size), reshape(reached, shape))
    return reshape(flat, (*samples.shape[:2], math.prod(counts), math.prod(taps)))


def _largest(x: Value, places: Value) -> tuple[Value, Value]:
    """Return the first largest of some places `[N, C, windows, taps]` of the flattened planes of `x`, and its place."""
    planes = _merged(x, 2)
    seen = take_along_axis(planes, _merged(places, 2), -1)
    best = expand_dims(argmax(reshape(seen, places.shape), -1), -1)
    at = reshape(take_along_axis(places, best, -1), places.shape[:-1])
    return take_along_axis(planes, at, -1), at


def _pooled_sizes(name: str, sizes: Sequence[int], taps: Sequence[int], count: Any, ratio: Any) -> tuple[int, ...]:
    if (count is None) == (ratio is None):
        raise ArgumentError(
            f"{name}: requires specifying either an output_size or an output_ratio, got {count}, {ratio}"
        )
    n = len(sizes)
    if count is None:
        ratios = ratio if isinstance(ratio, (tuple, list)) else (ratio,) * n
        counts = tuple(int(m * r) for m, r in zip(sizes, ratios, strict=True))
    else:
        counts = per_axis(name, "output_size", count, n, 0)
    if any(k < 1 or c < 1 or c + k - 1 > m for m, c, k in zip(sizes, counts, taps)):
        raise ShapeError(
            f"{name}: {counts} windows of {tuple(taps)} do not fit into the sizes {tuple(sizes)}; ask for fewer"
        )
    return counts


def _check_samples(name: str, samples: Any, x: Any, n: int) -> None:
    wanted = (*x.shape[:2], n)
    if tuple(samples.shape) != wanted or samples.dtype != x.dtype:
        raise ShapeError(
            f"{name}: Expect _random_samples to have the shape {wanted} and the dtype of the input, got {aval_of(samples)}"
        )


fractional_max_pool2d, fractional_max_pool3d = map(_fractional_max_pool, (2, 3))


def _with_indices(pool: Function) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        return pool(*args, **{**kwargs, "return_indices": True})

    return named(
        call, f"{pool.__name__}_with_indices", f"As `{pool.__name__}`, which finds the places of the maxima too."
    )


adaptive_max_pool1d_with_indices = _with_indices(image.adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(image.adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(image.adaptive_max_pool3d)
fractional_max_pool2d_with_indices = _with_indices(fractional_max_pool2d)
fractional_max_pool3d_with_indices = _with_indices(fractional_max_pool3d)
max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = map(
    _with_indices, (image.max_pool1d, image.max_pool2d, image.max_pool3d)
)


# --------------------------------------------------------------------------- back from maxima


def _max_unpool(n: int) -> Function:
    name = f"max_unpool{n}d"

    def unpool(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Any:
        check_rank(name, n, input)
        check_tensors(name, indices=indices)
        if tuple(indices.shape) != tuple(input.shape):
            raise ShapeError(
                f"{name}: Expected shape of indices {aval_of(indices)} to be that of input {aval_of(input)}"
            )
        if as_array(indices).dtype != dtypes.int64:
            raise DTypeError(f"{name}: elements in indices should be type int64 but got {aval_of(indices)}")
        kernel = per_axis(name, "kernel_size", kernel_size, n, 1)
        strides, paddings = per_axis(name, "stride", stride or kernel, n, 1), per_axis(name, "padding", padding, n, 0)
        sizes = _unpooled_sizes(name, input, kernel, strides, paddings, output_size)
        _check_indices(name, indices, sizes)
        lead = input.shape[: input.ndim - n]
        flat = full((*lead, math.prod(sizes)), 0, input.dtype)
        put = scatter(flat, _merged(as_index(name, indices), len(lead)), _merged(input, len(lead)), -1)
        return reshape(put, (*lead, *sizes))

    text = f"Put maxima back where `max_pool{n}d` has found them, with 0 everywhere else."
    return named(unpool, name, text)


def _unpooled_sizes(
    name: str, x: Any, taps: Sequence[int], strides: Sequence[int], paddings: Sequence[int], wanted: Any
) -> tuple[int, ...]:
    n = len(taps)
    usual = [(m - 1) * s + k - 2 * p for m, s, k, p in zip(x.shape[-n:], strides, taps, paddings)]
    if wanted is None:
        return tuple(usual)
    given = tuple(wanted)[2:] if len(wanted) == n + 2 else tuple(wanted)
    if len(given) != n or any(not m - s < g < m + s for g, m, s in zip(given, usual, strides)):
        near = [(m - s + 1, m + s - 1) for m, s in zip(usual, strides)]
        raise ArgumentError(
            f"{name}: invalid output_size {tuple(wanted)} for {aval_of(x)}; its sizes must be within {near}"
        )
    return given


def _check_indices(name: str, indices: Any, sizes: tuple[int, ...]) -> None:
    found = extent(indices)
    if found and not 0 <= found[0] <= found[1] < math.prod(sizes):
        raise ArgumentError(
            f"{name}: Found an invalid max index: {found[0]} to {found[1]} (output volumes are of size {sizes}); give the "
            "output_size that was pooled"
        )


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
