"""Initial values as functions `init(key, shape, dtype)` under JAX's names.

The last axis is that of the outputs and the one before it that of the inputs, unless `in_axis` and `out_axis` say
otherwise; the axes besides count as the field of a convolution, and `batch_axis` as copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

from .. import random
from ..core import config, dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.ops.pointwise import mul
from ..core.ops.shaping import full, moveaxis, reshape
from ..core.tracer import Value

Initializer = Callable[..., Value]
Axes = int | Sequence[int]


def _dtype(given: Any, default: Any) -> Any:
    found = default if given is None else given
    return config.default_float.get() if found is None else dtypes.canonical(found)


def zeros(key: Value, shape: Sequence[int], dtype: Any = None) -> Value:
    """Return zeros; the key is not used.

    >>> zeros(None, (2,))
    Array([0., 0.], dtype=float32)
    """
    return full(tuple(shape), 0, _dtype(dtype, None))


def ones(key: Value, shape: Sequence[int], dtype: Any = None) -> Value:
    """Return ones; the key is not used.

    >>> ones(None, (2,))
    Array([1., 1.], dtype=float32)
    """
    return full(tuple(shape), 1, _dtype(dtype, None))


def constant(value: Any, dtype: Any = None) -> Initializer:
    """Return an initializer that gives one value everywhere.

    >>> constant(0.5)(None, (2,))
    Array([0.5, 0.5], dtype=float32)
    """
    default = dtype
    return lambda key, shape, dtype=None: mul(ones(key, shape, _dtype(dtype, default)), value)


def uniform(scale: float = 1e-2, dtype: Any = None) -> Initializer:
    """Return an initializer that draws from [0, scale).

    >>> import minitorch as mt
    >>> uniform()(mt.random.key(0), (2, 3)).shape
    (2, 3)
    """
    default = dtype
    return lambda key, shape, dtype=None: mul(random.uniform(key, shape, _dtype(dtype, default)), scale)


def normal(stddev: float = 1e-2, dtype: Any = None) -> Initializer:
    """Return an initializer that draws from the normal distribution with mean 0.

    >>> import minitorch as mt
    >>> normal()(mt.random.key(0), (2, 3)).shape
    (2, 3)
    """
    default = dtype
    return lambda key, shape, dtype=None: mul(random.normal(key, shape, _dtype(dtype, default)), stddev)


def truncated_normal(stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """Return an initializer that draws from a normal distribution cut off at `lower` and `upper` times `stddev`.

    `stddev` is that of the distribution before it is cut off.

    >>> import minitorch as mt
    >>> x = truncated_normal(0.5)(mt.random.key(0), (1000,)).numpy()
    >>> bool((abs(x) <= 1).all())
    True
    """
    default = dtype
    return lambda key, shape, dtype=None: mul(
        random.truncated_normal(key, lower, upper, shape, _dtype(dtype, default)), stddev
    )


# --------------------------------------------------------------------------- by fans


def _fans(shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """Return how many numbers go into, and come out of, each unit."""

    def size(axes: Axes) -> int:
        return prod(shape[a] for a in ([axes] if isinstance(axes, int) else axes))

    if len(shape) < 2:
        raise ShapeError(
            f"initializers: shape {tuple(shape)} has no axes of inputs and outputs; use normal() or uniform() instead"
        )
    field = prod(shape) / max(size(in_axis) * size(out_axis) * size(batch_axis), 1)
    return size(in_axis) * field, size(out_axis) * field


_MODES: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
    "fan_geo_avg": lambda fan_in, fan_out: sqrt(fan_in * fan_out),
}
# The deviation of the standard normal distribution cut off at -2 and 2.
_CUT_OFF = 0.87962566103423978
_DRAWS: dict[str, Callable[..., Value]] = {
    "normal": lambda key, shape, dtype, deviation: mul(random.normal(key, shape, dtype), deviation),
    "truncated_normal": lambda key, shape, dtype, deviation: mul(
        random.truncated_normal(key, -2.0, 2.0, shape, dtype), deviation / _CUT_OFF
    ),
    "uniform": lambda key, shape, dtype, deviation: mul(
        random.uniform(key, shape, dtype, -1.0, 1.0), deviation * sqrt(3.0)
    ),
}


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """Return an initializer whose variance is `scale` over a fan: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".

    `distribution` is "normal", "truncated_normal" (at two deviations) or "uniform".

    >>> import minitorch as mt
    >>> init = variance_scaling(1.0, "fan_in", "normal")
    >>> round(init(mt.random.key(0), (400, 500)).numpy().std() * 20, 2)
    np.float32(1.0)
    """
    if mode not in _MODES:
        raise ArgumentError(f"variance_scaling: mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if distribution not in _DRAWS:
        raise ArgumentError(f"variance_scaling: distribution must be one of {', '.join(_DRAWS)}, got {distribution!r}")
    default = dtype

    def init(key: Value, shape: Sequence[int], dtype: Any = None) -> Value:
        fan = _MODES[mode](*_fans(shape, in_axis, out_axis, batch_axis))
        return _DRAWS[distribution](key, shape, _dtype(dtype, default), sqrt(scale / fan) if fan else 0.0)

    return init


def _named(name: str, source: str, scale: float, mode: str, distribution: str) -> Callable[..., Initializer]:
    def make(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"""Return an initializer: {distribution.replace("_", " ")}, variance {scale} over {mode}. {source}.

    >>> import minitorch as mt
    >>> mt.nn.initializers.{name}()(mt.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return make


_GLOROT, _LECUN, _HE = "Glorot and Bengio (2010)", "LeCun et al. (1998)", "He et al. (2015), arXiv:1502.01852"
glorot_uniform = xavier_uniform = _named("glorot_uniform", _GLOROT, 1.0, "fan_avg", "uniform")
glorot_normal = xavier_normal = _named("glorot_normal", _GLOROT, 1.0, "fan_avg", "truncated_normal")
lecun_uniform = _named("lecun_uniform", _LECUN, 1.0, "fan_in", "uniform")
lecun_normal = _named("lecun_normal", _LECUN, 1.0, "fan_in", "truncated_normal")
he_uniform = kaiming_uniform = _named("he_uniform", _HE, 2.0, "fan_in", "uniform")
he_normal = kaiming_normal = _named("he_normal", _HE, 2.0, "fan_in", "truncated_normal")


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Return an initializer whose matrices, of `column_axis` and the other axes together, are orthogonal times `scale`.

    Saxe et al. (2013), arXiv:1312.6120.

    >>> import minitorch as mt
    >>> q = orthogonal(2.0)(mt.random.key(0), (3, 3)).numpy()
    >>> round(float((q.T @ q)[0, 0]), 4)
    4.0
    """
    default = dtype

    def init(key: Value, shape: Sequence[int], dtype: Any = None) -> Value:
        if len(shape) < 2:
            raise ShapeError(f"orthogonal: needs two axes or more, got shape {tuple(shape)}; use normal()")
        rest = list(shape)
        columns = rest.pop(column_axis)
        q = random.orthogonal(key, columns, (), _dtype(dtype, default), prod(rest))
        return mul(moveaxis(reshape(q, (columns, *rest)), 0, column_axis), scale)

    return init


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Return an initializer of convolutions `[*field, in, out]` that are orthogonal at the center, and 0 elsewhere.

    Xiao et al. (2018), arXiv:1806.05393. There must be as many outputs as inputs, or more.

    >>> import minitorch as mt
    >>> delta_orthogonal()(mt.random.key(0), (3, 3, 2, 4)).shape
    (3, 3, 2, 4)
    """
    default = dtype

    def init(key: Value, shape: Sequence[int], dtype: Any = None) -> Value:
        if len(shape) not in (3, 4, 5) or shape[-1] < shape[-2]:
            raise ShapeError(
                f"delta_orthogonal: needs 3 to 5 axes [*field, in, out] with in <= out, got shape {tuple(shape)}"
            )
        wanted = _dtype(dtype, default)
        q = orthogonal(scale, column_axis)(key, (shape[-1], shape[-1]), wanted)[: shape[-2]]
        center = tuple((n - 1) // 2 for n in shape[:-2])
        return full(tuple(shape), 0, wanted).at[center].set(q)

    return init
