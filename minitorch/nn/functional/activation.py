"""Activations under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core import dtypes
from ...core.array import Array
from ...core.conversion import number
from ...core.errors import ArgumentError, ShapeError
from ...core.ops import pointwise as core
from ...core.ops import special
from ...core.ops.dropout import check_probability, dropout_p
from ...core.ops.families import as_array
from ...core.ops.joining import split
from ...core.ops.lookup import one_hot
from ...core.ops.reductions import argmax, only_floats
from ...core.ops.sampling import bernoulli, gumbel, uniform
from ...core.ops.shaping import canonical_axis, cast, moveaxis
from ...core.ops.softmax import softmax as core_softmax
from ...core.tracer import Tracer, Value, aval_of
from ...tensor.handle import Tensor, tensor_of
from ...tensor.pointwise import prelu as prelu
from ...tensor.random import next_key
from ...tensor.reducing import log_normalized, normalized
from ...tensor.table import binary, ternary, unary
from .arguments import check_tensors, named

_relu, _sigmoid, _tanh, _silu = unary(core.relu), unary(special.sigmoid), unary(core.tanh), unary(special.silu)
_leaky_relu, _elu, _mul = binary(special.leaky_relu), binary(special.elu), binary(core.mul)
_hardtanh = ternary(special.hardtanh)


def _number(x: Any, input: Any) -> Any:
    """Return a number as Python's, and an array of one in the dtype of the input: its derivative counts."""
    if isinstance(x, (Array, Tracer)):
        return cast(x, dtypes.floating(as_array(input).dtype))
    return float(x)


def in_place(input: Any, out: Any) -> Any:
    """Give a result to the handle it was computed from."""
    if not isinstance(input, Tensor):
        raise TypeError(f"inplace: {type(input).__name__} cannot be written to; leave inplace off")
    return input.copy_(out)


def relu(input: Any, inplace: bool = False) -> Any:
    """Return `max(x, 0)`; its slope at 0 is 0.

    >>> relu(mt.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return in_place(input, _relu(input)) if inplace else _relu(input)


def sigmoid(input: Any) -> Any:
    """Return `1 / (1 + exp(-x))`.

    >>> sigmoid(mt.tensor([-2.0, 0.0, 100.0]))
    tensor([0.1192, 0.5000, 1.0000])
    """
    return _sigmoid(input)


def tanh(input: Any) -> Any:
    """Return the hyperbolic tangent.

    >>> tanh(mt.tensor([-100.0, 0.0, 1.0]))
    tensor([-1.0000,  0.0000,  0.7616])
    """
    return _tanh(input)


def gelu(input: Any, approximate: str = "none") -> Any:
    """Return x times the normal distribution function of x; approximately with `approximate="tanh"`.

    >>> gelu(mt.tensor([-1.0, 1.0, 10.0]))
    tensor([-0.1587,  0.8413, 10.0000])
    >>> gelu(mt.tensor([-1.0, 1.0, 10.0]), approximate="tanh")
    tensor([-0.1588,  0.8412, 10.0000])
    """
    return special.gelu(input, approximate)


def silu(input: Any, inplace: bool = False) -> Any:
    """Return `x * sigmoid(x)`.

    >>> silu(mt.tensor([-1.0, 0.0, 10.0]))
    tensor([-0.2689,  0.0000,  9.9995])
    """
    return in_place(input, _silu(input)) if inplace else _silu(input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Return x where it is positive, else `negative_slope * x`.

    >>> leaky_relu(mt.tensor([-2.0, 3.0]), 0.1)
    tensor([-0.2000,  3.0000])
    """
    out = _leaky_relu(input, _number(negative_slope, input))
    return in_place(input, out) if inplace else out


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return x where it is positive, else `alpha * (exp(x) - 1)`.

    >>> elu(mt.tensor([-100.0, -1.0, 3.0]), alpha=2.0)
    tensor([-2.0000, -1.2642,  3.0000])
    """
    out = _elu(input, _number(alpha, input))
    return in_place(input, out) if inplace else out


def selu(input: Any, inplace: bool = False) -> Any:
    """Return `scale * elu(x, alpha)` with the constants of Klambauer et al. (2017).

    >>> selu(mt.tensor([-100.0, 0.0, 1.0]))
    tensor([-1.7581,  0.0000,  1.0507])
    """
    out = _mul(elu(input, 1.6732632423543772848170429916717), 1.0507009873554804934193349852946)
    return in_place(input, out) if inplace else out


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return x where it is positive, else `alpha * (exp(x / alpha) - 1)` (Barron, 2017).

    >>> celu(mt.tensor([-100.0, -1.0, 3.0]), alpha=2.0)
    tensor([-2.0000, -0.7869,  3.0000])
    """
    if not isinstance(alpha, Tracer) and alpha == 0:
        raise ArgumentError(f"celu: alpha cannot be 0, for {aval_of(as_array(input))}; give another number")
    positive = core.greater(input, 0)
    scale = _number(alpha, input)
    below = core.mul(core.expm1(core.div(core.where(positive, 0.0, input), scale)), scale)
    out = core.where(positive, input, below)
    return in_place(input, out) if inplace else out


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Return x where it is over the threshold (or NaN), else `value`.

    >>> threshold(mt.tensor([0.5, 1.0, 3.0]), 1.0, -7.0)
    tensor([-7., -7.,  3.])
    """
    out = core.where(core.less_equal(input, threshold), value, input)
    return in_place(input, out) if inplace else out


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """Return x where its absolute value is over `lambd`, else 0.

    >>> hardshrink(mt.tensor([-1.0, 0.3, 0.5, 2.0]))
    tensor([-1.,  0.,  0.,  2.])
    """
    inside = core.logical_and(core.greater_equal(input, -lambd), core.less_equal(input, lambd))
    return core.where(inside, 0, input)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """Return x moved by `lambd` toward 0, 0 where it is nearer than that.

    >>> softshrink(mt.tensor([-2.0, 0.25, 1.0]))
    tensor([-1.5000,  0.0000,  0.5000])
    """
    if not isinstance(lambd, Tracer) and lambd < 0:
        raise ArgumentError(f"softshrink: lambd must not be negative, got {lambd} for {aval_of(as_array(input))}")
    x = as_array(input)
    moved = core.sub(x, core.mul(core.sign(x), _number(lambd, input)))
    return core.where(core.less_equal(core.abs(x), lambd), 0, moved)


def tanhshrink(input: Any) -> Any:
    """Return `x - tanh(x)`.

    >>> tanhshrink(mt.tensor([-1.0, 0.0, 10.0]))
    tensor([-0.2384,  0.0000,  9.0000])
    """
    return core.sub(input, core.tanh(input))


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return `log(1 + exp(beta * x)) / beta`, and x itself where `beta * x` is above the threshold.

    >>> softplus(mt.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    >>> softplus(mt.tensor([0.0]), beta=2.0)
    tensor([0.3466])
    """
    plain = not isinstance(beta, (Array, Tracer)) and beta == 1
    factor = _number(beta, input)
    scaled = input if plain else core.mul(input, factor)
    linear = core.greater(scaled, number(threshold, "threshold"))
    soft = special.softplus(core.where(linear, 0.0, scaled))
    return core.where(linear, input, soft if plain else core.mul(soft, 1.0 / factor))


def softsign(input: Any) -> Any:
    """Return `x / (1 + |x|)`.

    >>> softsign(mt.tensor([-3.0, 0.0, 1.0]))
    tensor([-0.7500,  0.0000,  0.5000])
    """
    return core.div(input, core.add(core.abs(input), 1.0))


def logsigmoid(input: Any) -> Any:
    """Return `log(sigmoid(x))` without underflow.

    >>> logsigmoid(mt.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return core.neg(special.softplus(core.neg(input)))


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Return x limited to [min_val, max_val]; its slope at the limits is 0.

    >>> hardtanh(mt.tensor([-3.0, 0.5, 3.0]), -1.0, 2.0)
    tensor([-1.0000,  0.5000,  2.0000])
    """
    check_tensors("hardtanh", input=input)
    min_val, max_val = number(min_val, "min_val"), number(max_val, "max_val")
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val must not be over max_val, got {min_val} and {max_val}")
    if not dtypes.is_inexact(input.dtype):
        out = core.clip(input, int(min_val), int(max_val))
        return in_place(input, out) if inplace else out
    out = _hardtanh(input, min_val, max_val)
    return in_place(input, out) if inplace else out


def relu6(input: Any, inplace: bool = False) -> Any:
    """Return x limited to [0, 6].

    >>> relu6(mt.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """Return `relu6(x + 3) / 6`.

    >>> hardsigmoid(mt.tensor([-3.0, 0.0, 1.5, 4.0]))
    tensor([0.0000, 0.5000, 0.7500, 1.0000])
    """
    out = core.div(hardtanh(core.add(input, 3.0), 0.0, 6.0), 6.0)
    return in_place(input, out) if inplace else out


def hardswish(input: Any, inplace: bool = False) -> Any:
    """Return `x * relu6(x + 3) / 6`.

    >>> hardswish(mt.tensor([-1.5, 1.5, 4.0]))
    tensor([-0.3750,  1.1250,  4.0000])
    """
    out = core.mul(input, hardsigmoid(input))
    return in_place(input, out) if inplace else out


def mish(input: Any, inplace: bool = False) -> Any:
    """Return `x * tanh(softplus(x))`.

    >>> mish(mt.tensor([-1.0, 0.0, 20.0]))
    tensor([-0.3034,  0.0000, 20.0000])
    """
    out = core.mul(input, core.tanh(special.softplus(input)))
    return in_place(input, out) if inplace else out


def glu(input: Any, dim: int = -1) -> Any:
    """Return the first half times the sigmoid of the second half along a dimension.

    >>> glu(mt.tensor([3.0, 4.0, 0.0, 100.0]))
    tensor([1.5000, 4.0000])
    """
    check_tensors("glu", input=input)
    axis = canonical_axis("glu", dim, input.ndim)
    if input.shape[axis] % 2:
        raise ShapeError(f"glu: Halving dimension must be even, but dimension {dim} is size {input.shape[axis]}")
    first, second = split(input, 2, dim)
    return core.mul(first, special.sigmoid(second))


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return `exp(x)` divided by its sum along a dimension.

    >>> softmax(mt.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    tensor([[0.5000, 0.5000],
            [1.0000, 0.0000]])
    """
    return normalized(input, _implicit(input) if dim is None else dim, dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return the logarithm of the softmax along a dimension.

    >>> log_softmax(mt.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    tensor([[-6.9315e-01, -6.9315e-01],
            [ 0.0000e+00, -1.0000e+03]])
    """
    return log_normalized(input, _implicit(input) if dim is None else dim, dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return the softmax of `-x`.

    >>> softmin(mt.tensor([0.0, 1.0, 1000.0]), dim=0)
    tensor([0.7311, 0.2689, 0.0000])
    """
    return softmax(core.neg(input), dim, dtype=dtype)


def _implicit(x: Value) -> int:
    """Return the dimension that PyTorch takes when none is given."""
    return 0 if x.ndim in (0, 1, 3) else 1


# --------------------------------------------------------------------------- random ones


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set elements to 0 with probability p and divide the others by 1 - p; in evaluation, do nothing.

    >>> sorted({*dropout(mt.ones(100), p=0.5).tolist()})
    [0.0, 2.0]
    >>> dropout(mt.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    return _dropped("dropout", input, p, training, inplace, lambda shape: shape)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Drop whole channels of `[N, C, L]` or `[C, L]`.

    >>> dropped = dropout1d(mt.ones(8, 2), p=0.5)
    >>> (dropped[:, 0] == dropped[:, 1]).all()
    tensor(True)
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received {aval_of(input)}; use dropout for others")
    return _dropped("dropout1d", input, p, training, inplace, lambda shape: shape[:-1] + (1,))


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Drop whole channels of `[N, C, H, W]`.

    >>> dropped = dropout2d(mt.ones(4, 3, 2, 2), p=0.5)
    >>> (dropped == dropped[:, :, :1, :1]).all()
    tensor(True)
    """
    return _dropped("dropout2d", input, p, training, inplace, lambda shape: shape[:2] + (1,) * (len(shape) - 2))


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Drop whole channels of `[N, C, D, H, W]`.

    >>> dropped = dropout3d(mt.ones(4, 3, 2, 2, 2), p=0.5)
    >>> (dropped == dropped[:, :, :1, :1, :1]).all()
    tensor(True)
    """
    return _dropped("dropout3d", input, p, training, inplace, lambda shape: shape[:-3] + (1, 1, 1))


def _dropped(name: str, x: Any, p: float, training: bool, inplace: bool, together: Any) -> Any:
    p = check_probability(name, p)
    if not training or p == 0.0:
        return x
    only_floats(name, x)
    keep = bernoulli(next_key(None), 1.0 - p, together(x.shape))
    out = dropout_p(x, keep, scale=0.0 if p == 1.0 else 1.0 / (1.0 - p))
    return in_place(x, out) if inplace else out


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """Return x where it is positive, else x times a slope: random in training, the mean of the limits in evaluation.

    >>> rrelu(mt.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5000,  2.0000])
    >>> drawn = rrelu(-mt.ones(100), 0.25, 0.75, training=True)
    >>> bool(((drawn >= -0.75) & (drawn <= -0.25)).all())
    True
    """
    if lower > upper:
        raise ArgumentError(
            f"rrelu: Lower bound should be at most the upper bound, got {lower} and {upper}; exchange them"
        )
    slope = uniform(next_key(None), input.shape, lower, upper, input.dtype) if training else (lower + upper) / 2
    out = core.where(core.greater(input, 0), input, core.mul(input, slope))
    return in_place(input, out) if inplace else out


def gumbel_softmax(logits: Any, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """Draw from the Gumbel-softmax distribution; `hard` gives one-hot samples with the soft ones' gradient.

    >>> drawn = gumbel_softmax(mt.tensor([[2.0, 1.0, 0.0]]), tau=0.5)
    >>> drawn.shape, round(drawn.sum().item(), 4)
    ((1, 3), 1.0)
    >>> sorted(gumbel_softmax(mt.tensor([2.0, 1.0, 0.0]), hard=True).tolist())
    [0.0, 0.0, 1.0]
    """
    noise = gumbel(next_key(None), logits.shape, logits.dtype)
    soft = core_softmax(core.div(core.add(logits, tensor_of(noise)), _number(tau, logits)), dim)
    if not hard:
        return soft
    peak = moveaxis(one_hot(argmax(soft, dim), soft.shape[dim], soft.dtype), -1, dim)
    return core.add(core.detach(core.sub(peak, soft)), soft)


def writing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that writes the result of another to its first argument."""

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        return in_place(input, function(input, *args, **kwargs))

    return named(call, name, f"As `{name[:-1]}`, writing the result to the tensor.")


relu_, elu_, selu_, celu_ = (writing(f"{f.__name__}_", f) for f in (relu, elu, selu, celu))
leaky_relu_, rrelu_, hardtanh_, threshold_ = (
    writing(f"{f.__name__}_", f) for f in (leaky_relu, rrelu, hardtanh, threshold)
)
