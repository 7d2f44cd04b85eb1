"""Random tensors under PyTorch's names, drawn from a Generator."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from operator import index as as_int
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError, DTypeError
from ..core.ops import pointwise, sampling, sorting
from ..core.ops.families import as_array, broadcast_shapes
from ..core.ops.joining import unstack
from ..core.ops.reproducible import natural_of
from ..core.ops.shaping import cast, moveaxis, sum
from ..core.ops.transforming import stretched
from ..core.tracer import Value, aval_of
from .creation import made, size_of
from .generator import Generator, default_generator
from .handle import Tensor, tensor_of
from .peeking import known
from .texts.written import docstring

Draw = Callable[[Value, tuple[int, ...], Any], Value]


def next_key(generator: Generator | None) -> Value:
    """Return a fresh key of a generator, by default the default one."""
    return (generator or default_generator()).next_key()


def _sized(name: str, draw: Draw) -> Callable[..., Tensor]:
    def create(
        *sizes: Any,
        size: Any = None,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        return made(draw(next_key(generator), size_of(name, sizes, size), dtype), device, requires_grad)

    create.__name__ = create.__qualname__ = name
    return create


def _like(name: str, draw: Draw) -> Callable[..., Tensor]:
    def create(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        aval = aval_of(input)
        return made(draw(next_key(None), aval.shape, aval.dtype if dtype is None else dtype), device, requires_grad)

    create.__name__ = create.__qualname__ = name
    return create


def _or_complex(draw: Draw, scale: float) -> Draw:
    """Let a draw of floats also make complex numbers, of two draws times a scale."""

    def call(key: Value, shape: tuple[int, ...], dtype: Any) -> Value:
        wanted = None if dtype is None else dtypes.canonical(dtype)
        if wanted not in dtypes.COMPLEX:
            return draw(key, shape, wanted)
        real, imag = unstack(draw(key, (2, *shape), dtypes.real_of(wanted)), 0)
        return pointwise.joined(pointwise.mul(real, scale), pointwise.mul(imag, scale))

    return call


_uniform = _or_complex(lambda key, shape, dtype: sampling.uniform(key, shape, dtype=dtype), 1.0)
_normal = _or_complex(sampling.normal, math.sqrt(0.5))  # a complex number of variance 1
rand, rand_like = _sized("rand", _uniform), _like("rand_like", _uniform)
rand.__doc__ = docstring((
    "Draw uniformly from [0, 1): `rand(2, 3)`.",
    *("x = mt.rand(2, 3)", ""),
    *("x.shape, bool(((x >= 0) & (x < 1)).all())", "((2, 3), True)"),
    *("same = [mt.rand(3, generator=mt.Generator().manual_seed(0)) for _ in range(2)]", ""),
    *("mt.equal(*same)", "True"),
))  # fmt: skip
rand_like.__doc__ = docstring((
    "Draw uniformly from [0, 1), with the shape and dtype of another tensor.",
    "mt.rand_like(mt.zeros(2, 3)).shape",
    "(2, 3)",
))  # fmt: skip
randn, randn_like = _sized("randn", _normal), _like("randn_like", _normal)
randn.__doc__ = docstring((
    "Draw from the standard normal distribution: `randn(2, 3)`; complex numbers have variance 1 as a whole.",
    *("mt.randn(2, 3).shape", "(2, 3)"),
    *("x = mt.randn(10000, dtype=mt.complex64)", ""),
    *("mt.round(x.abs().square().mean(), decimals=1)", "tensor(1.)"),
))  # fmt: skip
randn_like.__doc__ = docstring((
    "Draw from the standard normal distribution, with the shape and dtype of another tensor.",
    "mt.randn_like(mt.zeros(2, 3, dtype=mt.float64)).dtype",
    "dtype('float64')",
))  # fmt: skip


def _integers(key: Value, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Value:
    wanted = dtypes.int64 if dtype is None else dtypes.canonical(dtype)
    drawn = wanted if wanted in dtypes.INTEGERS else dtypes.int64
    return cast(sampling.randint(key, shape, as_int(low), as_int(high), drawn), wanted)


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw integers from [low, high): `randint(10, (3,))` or `randint(2, 10, (3,))`.

    >>> mt.randint(2, 10, (3,)).shape, mt.randint(1, (3,))
    ((3,), tensor([0, 0, 0]))
    """
    if size is None:
        if high is None:
            raise TypeError("randint: missing the size; call randint(high, size) or randint(low, high, size)")
        low, high, size = (0, low, high) if isinstance(high, (tuple, list)) else (low, high, None)
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError(f"randint: missing the size; call randint({low}, {high}, size) with a tuple")
    return made(_integers(next_key(generator), low, high, size_of("randint", (size,)), dtype), device, requires_grad)


def randint_like(input: Any, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Draw integers from [low, high), or [0, low), with the shape and dtype of another tensor.

    >>> mt.randint_like(mt.ones(3), 5, 6)
    tensor([5., 5., 5.])
    """
    aval = aval_of(input)
    low, high = (0, low) if high is None else (low, high)
    return made(_integers(next_key(None), low, high, aval.shape, dtype or aval.dtype), device, False)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the numbers 0 ... n - 1 in random order.

    >>> mt.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    order = sampling.permutation(next_key(generator), as_int(n))
    return made(order if dtype is None else cast(order, dtype), device, requires_grad)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from normal distributions: numbers with a `size`, or tensors of means and deviations that broadcast.

    >>> mt.normal(0.0, 1.0, (2, 3)).shape
    (2, 3)
    >>> mt.normal(mt.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    avals = [aval_of(as_array(x)) for x in (mean, std)]
    if size is None and not any(hasattr(x, "dtype") for x in (mean, std)):
        raise TypeError("normal: mean and std are numbers, so a size is needed: normal(mean, std, size)")
    check_chances("normal", std, 0, math.inf, "std must not be negative")
    shape = broadcast_shapes("normal", *avals) if size is None else size_of("normal", (size,))
    kinds = [a.dtype for a, x in zip(avals, (mean, std)) if hasattr(x, "dtype")]
    dtype = dtypes.floating(*kinds) if dtype is None and kinds else dtype
    noise = sampling.normal(next_key(generator), shape, dtype)
    return made(cast(stretched(noise, std, mean), noise.dtype), device, requires_grad)


def check_chances(name: str, given: Any, low: float, high: float, rule: str) -> None:
    """Raise where a number, or one in a tensor whose data is known, does not lie in an interval; NaN lies in none."""
    values = given if isinstance(given, (int, float)) else known(given)
    data = None if values is None else np.asarray(values, np.float64)
    if data is not None and not ((data >= low) & (data <= high)).all():
        what = given if isinstance(given, (int, float)) else f"some that do not in {aval_of(given)}"
        raise ArgumentError(f"{name}: {rule}, got {what}")


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """Draw 0 or 1, with the probability that `input` holds, or `p` everywhere; in the dtype of `input`.

    >>> mt.bernoulli(mt.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    x = as_array(input)
    if x.dtype not in dtypes.REALS and p is None:
        raise DTypeError(f"bernoulli: probabilities must be floats, got {aval_of(x)}; cast them with .float()")
    chance = x if p is None else p
    check_chances("bernoulli", chance, 0, 1, "p must be between 0 and 1")
    drawn = cast(sampling.bernoulli(next_key(generator), chance, x.shape), x.dtype)
    return tensor_of(drawn) if isinstance(input, Tensor) else drawn


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Draw class numbers from each row of weights, which need not add up to 1; without replacement no class twice.

    >>> mt.multinomial(mt.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    >>> mt.multinomial(mt.tensor([[1.0, 1.0, 0.0]]), 2).sort().values
    tensor([[0, 1]])
    """
    x, count = as_array(input), as_int(num_samples)
    if x.dtype not in dtypes.REALS or x.ndim not in (1, 2):
        raise DTypeError(
            f"multinomial: weights must be a vector or a matrix of floats, got {aval_of(x)}; cast with .float()"
        )
    if count < 1 or (not replacement and count > x.shape[-1]):
        raise ArgumentError(
            f"multinomial: cannot draw n_sample={count} from {aval_of(x)}; draw between 1 and {x.shape[-1]}, or use "
            "replacement=True"
        )
    check_chances("multinomial", x, 0, sys.float_info.max, "weights must not be negative, inf or nan")
    check_chances("multinomial", sum(x, -1), 5e-324, math.inf, "each row of weights must add up to more than 0")
    key, logits = next_key(generator), natural_of(x)
    if replacement:
        return moveaxis(sampling.categorical(key, logits, shape=(count, *x.shape[:-1])), 0, -1)
    noisy = pointwise.add(logits, sampling.gumbel(key, x.shape, x.dtype))
    return sorting.topk(noisy, count)[1]
