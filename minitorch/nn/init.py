"""Initial values under PyTorch's names and with its distributions. Each function writes to a tensor and returns it."""

from __future__ import annotations

import math

import numpy as np

from ..core.array import wrap
from ..core.errors import ArgumentError, ShapeError
from ..core.ops import sampling
from ..core.ops.pointwise import clip
from ..core.ops.reproducible import quantile_of
from ..core.ops.shaping import cast
from ..core.ops.transforming import stretched
from ..core.tracer import Value
from ..tensor.generator import Generator
from ..tensor.handle import Tensor
from ..tensor.random import next_key

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which the weights before a nonlinearity should be larger.

    >>> calculate_gain("relu") ** 2
    2.0000000000000004
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(f"calculate_gain: Unsupported nonlinearity {nonlinearity}; use one of {', '.join(_GAINS)}")
    return _GAINS[nonlinearity]


def _write(tensor: Tensor, value: Value) -> Tensor:
    tensor.overwrite(cast(value, tensor.dtype))
    return tensor


def _check_limits(name: str, a: float, b: float) -> None:
    if a > b:
        raise ArgumentError(f"{name}: a must not be over b, got {a} and {b}; exchange them")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from [a, b).

    >>> drawn = uniform_(mt.empty(100), 2.0, 3.0)
    >>> bool((drawn >= 2).all()), bool((drawn < 3).all())
    (True, True)
    """
    _check_limits("uniform_", a, b)
    return _write(tensor, sampling.uniform(next_key(generator), tensor.shape, float(a), float(b), tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from the normal distribution.

    >>> drawn = normal_(mt.empty(10_000), mean=5.0, std=0.1)
    >>> round(drawn.mean().item(), 1), round(drawn.std().item(), 1)
    (5.0, 0.1)
    """
    if std < 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    drawn = sampling.normal(next_key(generator), tensor.shape, tensor.dtype)
    return _write(tensor, stretched(drawn, float(std), float(mean)))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution cut off at a and b, by inverting its distribution function.

    >>> drawn = trunc_normal_(mt.empty(1000), a=-0.5, b=1.0)
    >>> bool((drawn >= -0.5).all()), bool((drawn <= 1).all())
    (True, True)
    """
    _check_limits("trunc_normal_", a, b)
    low, high = (math.erf((x - mean) / (std * math.sqrt(2.0))) for x in (a, b))
    unit = sampling.uniform(next_key(generator), tensor.shape, low, high, tensor.dtype)
    return _write(tensor, clip(stretched(quantile_of(unit), float(std), float(mean)), float(a), float(b)))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with a number.

    >>> constant_(mt.empty(2, 2), 0.5)
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    return _write(tensor, wrap(np.full(tensor.shape, val, tensor.dtype)))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    >>> layer = nn.Linear(2, 2)
    >>> zeros_(layer.bias) is layer.bias, layer.bias.tolist()
    (True, [0.0, 0.0])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    >>> ones_(mt.empty(3))
    tensor([1., 1., 1.])
    """
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    >>> eye_(mt.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ArgumentError(f"eye_: Only tensors with 2 dimensions are supported, got shape {tensor.shape}")
    return _write(tensor, wrap(np.eye(*tensor.shape, dtype=tensor.dtype)))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it passes on as many channels as possible.

    >>> dirac_(mt.empty(2, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]],
    <BLANKLINE>
            [[0., 0., 0.],
             [0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: needs 3 to 5 dimensions, dim 0 divisible by {groups} groups, got {tensor.shape}")
    out, channels, *kernel = tensor.shape
    made = np.zeros(tensor.shape, tensor.dtype)
    middle = tuple(k // 2 for k in kernel)
    for group in range(groups):
        for i in range(min(out // groups, channels)):
            made[(group * (out // groups) + i, i, *middle)] = 1
    return _write(tensor, wrap(made))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            f"init: Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got {tensor.shape}; "
            "use normal_ or uniform_"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"init: Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw uniformly with variance `gain² * 2 / (fan_in + fan_out)`. Glorot and Bengio (2010).

    >>> bool((xavier_uniform_(mt.empty(4, 2)).abs() <= 1).all())  # sqrt(6 / (2 + 4))
    True
    """
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw normally with variance `gain² * 2 / (fan_in + fan_out)`. Glorot and Bengio (2010).

    >>> round(xavier_normal_(mt.empty(100, 100)).std().item(), 2)
    0.1
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw uniformly with variance `gain² / fan`. He et al. (2015).

    >>> bool((kaiming_uniform_(mt.empty(100, 6), nonlinearity="relu").abs() <= 1).all())  # sqrt(3 * 2 / 6)
    True
    """
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw normally with variance `gain² / fan`. He et al. (2015).

    >>> round(kaiming_normal_(mt.empty(100, 200), nonlinearity="relu").std().item(), 2)
    0.1
    >>> round(kaiming_normal_(mt.empty(50, 200), mode="fan_out", nonlinearity="relu").std().item(), 2)
    0.2
    """
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with a random matrix whose rows or columns are orthonormal. Saxe et al. (2013).

    >>> rows = orthogonal_(mt.empty(2, 3))
    >>> mt.allclose(rows @ rows.T, mt.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: Only tensors with 2 or more dimensions are supported, got {tensor.shape}")
    if not tensor.size:
        return tensor
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    drawn = np.array(sampling.normal(next_key(generator), (max(rows, columns), min(rows, columns)), tensor.dtype))
    q, r = np.linalg.qr(drawn)
    q *= np.sign(np.diag(r))
    made = q if rows >= columns else q.T
    return _write(tensor, wrap(np.ascontiguousarray(made * gain).reshape(tensor.shape)))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Draw a matrix normally and set a part of each column to 0. Martens (2010).

    >>> (sparse_(mt.empty(4, 3), sparsity=0.5) == 0).sum(0)
    tensor([2, 2, 2])
    """
    if tensor.ndim != 2:
        raise ArgumentError(f"sparse_: Only tensors with 2 dimensions are supported, got shape {tensor.shape}")
    rows, columns = tensor.shape
    made = np.array(normal_(tensor, 0.0, std, generator).detach().numpy())
    order = np.array(sampling.uniform(next_key(generator), (rows, columns))).argsort(0)
    np.put_along_axis(made, order[: math.ceil(sparsity * rows)], 0, 0)
    return _write(tensor, wrap(made))


# PyTorch's old names.
uniform, normal, constant, eye, dirac = uniform_, normal_, constant_, eye_, dirac_
xavier_uniform, xavier_normal = xavier_uniform_, xavier_normal_
kaiming_uniform, kaiming_normal = kaiming_uniform_, kaiming_normal_
orthogonal, sparse = orthogonal_, sparse_
