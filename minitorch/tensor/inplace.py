"""In-place operations: the functions again, writing their result to their first argument.

Values are immutable, so a write gives the handle (and what shares its storage) a new value; what a graph has saved
stays as it was. The result is cast to the tensor's dtype; leaves that require grad refuse, as in PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.conversion import number
from ..core.errors import ArgumentError, DTypeError, GradError, ShapeError
from ..core.ops import pointwise, sampling
from ..core.ops.families import as_array
from ..core.ops.indexing import as_number, update
from ..core.ops.reproducible import cauchy_of, power_of
from ..core.ops.shaping import broadcast_to, cast
from ..core.ops.transforming import stretched
from ..core.tape import context
from ..core.tracer import aval_of
from .alias import CUT
from .conversion import clone
from .functions import BOTH, METHODS
from .generator import Generator
from .handle import Tensor, as_tensor
from .indexing import plain, replaced
from .random import bernoulli, check_chances, multinomial, next_key
from .table import Function, Table
from .types import can_cast, check_fits
from .writing import RESHAPING, WRITING, shown

# --------------------------------------------------------------------------- writing


def checked(name: str, x: Tensor) -> bool:
    """Raise where a tensor may not be written to; return whether the write is recorded."""
    x.current()
    if context.get().muted >= x._trace.level:
        return False
    node, view = x.node, x._view
    if node is not None and node.plan is None:
        raise GradError(
            f"{name}: a leaf Variable that requires grad is being used in an in-place operation; do it under "
            "no_grad(), or on .data or .clone()"
        )
    root = None if view is None else view.root.node
    if root is not None and root.plan is None:
        raise GradError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation; do it under "
            "no_grad(), or on .data or .clone()"
        )
    return True


def write(name: str, x: Tensor, out: Any, recorded: bool) -> Tensor:
    """Give a tensor the value of `out`, in the tensor's shape and dtype."""
    if out is x:
        return x
    if out.shape != x.shape:
        raise ShapeError(
            f"{name}: output with shape {list(x.shape)} doesn't match the broadcast shape {list(out.shape)}; the other "
            "operands must broadcast to the tensor that is written to"
        )
    if out.dtype != x.dtype:
        if not can_cast(out.dtype, x.dtype):
            raise DTypeError(
                f"{name}: result type {dtypes.name(out.dtype)} can't be cast to the desired output type "
                f"{dtypes.name(x.dtype)} of {aval_of(x)}; assign the result instead, or cast with .to(...)"
            )
        out = cast(out, x.dtype)
    if recorded and x.node is not None and getattr(out, "node", None) is None:
        # What was overwritten gets a zero gradient, and the tensor stays part of the graph.
        out = pointwise.where(wrap(np.ones((), np.bool_)), out, x)
    fresh = as_tensor(out)
    x._rebind(fresh.current(), fresh.node if recorded else None)
    return x


def in_place(name: str, function: Function) -> Function:
    """Return the method that writes a function's result to its first argument."""

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded = checked(name, self)
        return write(name, self, function(self, *args, **kwargs), recorded)

    call.__name__ = name
    call.__qualname__ = f"Tensor.{name}"
    call.__doc__ = shown(f"As `{name[:-1]}`, writing the result to the tensor.", name, WRITING[name[:-1]])
    return call


# --------------------------------------------------------------------------- whole values


def _fitted(name: str, x: Tensor, source: Any) -> Any:
    """Return a value cast and broadcast to a tensor that it is to be written to."""
    value = as_array(source)
    if value.shape == x.shape and value.dtype is x.dtype:
        return value
    try:
        wide = np.broadcast_shapes(value.shape, x.shape) == x.shape
    except ValueError:
        wide = False
    if not wide:
        raise ShapeError(
            f"{name}: {aval_of(value)} does not broadcast to {aval_of(x)}; its sizes must match the tensor's or be 1"
        )
    return broadcast_to(cast(value, x.dtype), x.shape)


def _copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write another tensor's elements, cast and broadcast.

    >>> x = mt.zeros(2, 2)
    >>> x.copy_(mt.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    recorded = checked("copy_", self)
    return write("copy_", self, clone(_fitted("copy_", self, src)), recorded)


def _fill_(self: Tensor, value: Any) -> Tensor:
    """Write one number everywhere.

    >>> x = mt.zeros(2)
    >>> x.fill_(3)
    tensor([3., 3.])
    """
    recorded = checked("fill_", self)
    check_fits("fill_", value, self.dtype)
    if (
        (type(value) is float or type(value) is int)
        and self.dtype in dtypes.NATIVE_INEXACT
        and not context.get().careful
    ):
        return write("fill_", self, wrap(np.full(self.shape, value, self.dtype)), recorded)
    number = as_number(value, self.dtype)
    if number.ndim:
        raise ShapeError(f"fill_: value must be a number or a 0-d tensor, got {aval_of(number)}; use copy_ for more")
    return write("fill_", self, clone(_fitted("fill_", self, number)), recorded)


def _zero_(self: Tensor) -> Tensor:
    """Write 0 to every element.

    >>> x = mt.ones(2)
    >>> x.zero_()
    tensor([0., 0.])
    """
    recorded = checked("zero_", self)
    return write("zero_", self, wrap(np.zeros(self.shape, self.dtype)), recorded)


def _set_item(self: Tensor, index: Any, value: Any) -> None:
    """Write to selected elements; the values are cast and broadcast."""
    recorded = checked("x[...] = value", self)
    if self.dtype not in dtypes.HALVES:  # which take what is too large for infinite, here as in PyTorch
        check_fits("x[...] = value", value, self.dtype)
    index = plain(index)
    whole = replaced(self, index, value)
    if whole is not None:
        self._rebind(whole, None)
    else:
        write("x[...] = value", self, update(self, index, value, select_first=True), recorded)


def _fill_diagonal_(self: Tensor, fill_value: Any) -> Tensor:
    """Write one number to the main diagonal of a matrix.

    >>> x = mt.zeros(2, 2)
    >>> x.fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    BOTH["diagonal"](self).fill_(fill_value)
    return self


# --------------------------------------------------------------------------- random values


def _drawn(name: str, self: Tensor, value: Any, recorded: bool) -> Tensor:
    return write(name, self, cast(value, self.dtype), recorded)


def _normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Draw every element from a normal distribution.

    >>> x = mt.zeros(1000).normal_(5, 0.1)
    >>> 4.9 < float(x.mean()) < 5.1
    True
    """
    recorded = checked("normal_", self)
    if std < 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    noise = sampling.normal(next_key(generator), self.shape, self.dtype)
    return _drawn("normal_", self, stretched(noise, number(std, "std"), number(mean, "mean")), recorded)


def _uniform_(self: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Draw every element uniformly from [low, high).

    >>> x = mt.zeros(1000).uniform_(2, 3)
    >>> 2 <= float(x.min()) < 2.1, 2.9 < float(x.max()) < 3
    (True, True)
    """
    recorded = checked("uniform_", self)
    if low > high:
        raise ArgumentError(f"uniform_: needs low <= high, got low={low} and high={high}")
    drawn = sampling.uniform(next_key(generator), self.shape, number(low, "low"), number(high, "high"), self.dtype)
    return _drawn("uniform_", self, drawn, recorded)


def _bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Draw every element: 1 with probability p, else 0.

    >>> mt.zeros(1000).bernoulli_(0.3).unique()
    tensor([0., 1.])
    >>> mt.zeros(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    recorded = checked("bernoulli_", self)
    check_chances("bernoulli_", p, 0, 1, "p must be between 0 and 1")
    return _drawn("bernoulli_", self, sampling.bernoulli(next_key(generator), p, self.shape), recorded)


def _random_(self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Draw whole numbers: `random_(high)`, `random_(low, high)`, or all that the dtype holds exactly.

    >>> mt.zeros(1000).random_(2, 5).unique()
    tensor([2., 3., 4.])
    """
    recorded = checked("random_", self)
    if high is None:
        low, high = 0, low or _whole_numbers(self.dtype)
    return _drawn("random_", self, sampling.randint(next_key(generator), self.shape, low, high), recorded)


def _whole_numbers(dtype: dtypes.DType) -> int:
    """Return how many whole numbers from 0 on a dtype holds exactly (int64 at most)."""
    digits = {dtypes.float16: 11, dtypes.bfloat16: 8, dtypes.float32: 24, dtypes.float64: 53, dtypes.bool_: 1}
    return 1 << digits[dtype] if dtype in digits else min(int(np.iinfo(dtype).max), (1 << 63) - 1)


def _exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Draw every element from an exponential distribution of rate lambd.

    >>> x = mt.zeros(1000).exponential_(2.0)
    >>> 0.4 < float(x.mean()) < 0.6
    True
    """
    recorded = checked("exponential_", self)
    drawn = sampling.exponential(next_key(generator), self.shape, self.dtype)
    return _drawn("exponential_", self, pointwise.div(drawn, number(lambd, "lambd")), recorded)


def _geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Draw how many trials the first success takes, each with probability p.

    >>> x = mt.zeros(1000).geometric_(0.5)
    >>> x.min(), 1.5 < float(x.mean()) < 2.5
    (tensor(1.), True)
    """
    recorded = checked("geometric_", self)
    if not 0 < p < 1:
        raise ArgumentError(f"geometric_: p must lie between 0 and 1, got {p}")
    waited = sampling.exponential(next_key(generator), self.shape, dtypes.float64)
    drawn = pointwise.maximum(pointwise.ceil(pointwise.div(waited, -math.log1p(-p))), 1.0)
    return _drawn("geometric_", self, cast(drawn, self.dtype), recorded)


def _cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Draw every element from a Cauchy distribution.

    >>> x = mt.zeros(1001).cauchy_(5.0, 0.1)
    >>> 4.9 < float(x.median()) < 5.1
    True
    """
    recorded = checked("cauchy_", self)
    if sigma <= 0:
        raise ArgumentError(f"cauchy_: sigma must be positive, got {sigma}")
    drawn = cauchy_of(sampling.open_unit(next_key(generator), self.shape, dtypes.float64))
    return _drawn("cauchy_", self, stretched(drawn, number(sigma, "sigma"), number(median, "median")), recorded)


def _log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Draw every element from the distribution whose logarithm is normal with that mean and deviation.

    >>> x = mt.zeros(1001).log_normal_(0.0, 0.5)
    >>> 0.8 < float(x.median()) < 1.25
    True
    """
    recorded = checked("log_normal_", self)
    if std <= 0:
        raise ArgumentError(f"log_normal_: std must be positive, got {std}")
    noise = sampling.normal(next_key(generator), self.shape, self.dtype)
    return _drawn("log_normal_", self, power_of(stretched(noise, number(std, "std"), number(mean, "mean"))), recorded)


# --------------------------------------------------------------------------- other shapes


def _reshaping(name: str, function: Function) -> Function:
    """Return the method that makes a tensor the view that a function takes of it."""

    def call(self: Tensor, *args: Any) -> Tensor:
        recorded, is_tracked = checked(name, self), self.node is not None
        if is_tracked and not recorded and not self.is_leaf:
            raise GradError(
                f"{name}: {aval_of(self)} was computed, and its gradient would have another shape; call it where operations "
                "are recorded, or on .detach()"
            )
        seen = function(self, *args)
        self.value, self.node, self._view = seen.value, seen.node, seen._view
        if is_tracked and not recorded:
            self._view = seen._view.then(CUT)
            self._become_leaf()
        return self

    call.__name__ = name
    call.__qualname__ = f"Tensor.{name}"
    call.__doc__ = shown(f"As `{name[:-1]}`, changing the tensor itself.", name, RESHAPING[name[:-1]])
    return call


# fmt: off
IN_PLACE: Table = {f"{name}_": in_place(f"{name}_", (BOTH | METHODS)[name]) for name in WRITING} | {
    f"{name}_": _reshaping(f"{name}_", BOTH[name]) for name in RESHAPING
} | {
    "copy_": _copy_,
    "fill_": _fill_,
    "zero_": _zero_,
    "fill_diagonal_": _fill_diagonal_,
    "normal_": _normal_,
    "uniform_": _uniform_,
    "bernoulli_": _bernoulli_,
    "random_": _random_,
    "exponential_": _exponential_,
    "geometric_": _geometric_,
    "cauchy_": _cauchy_,
    "log_normal_": _log_normal_,
    "__setitem__": _set_item,
}
OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "floordiv": "floor_divide",
    "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
# fmt: on
for _name, _function in IN_PLACE.items():
    setattr(Tensor, _name, _function)
# What PyTorch has as functions, too: `torch.exp_(x)`.
FUNCTIONS = {
    f"{name}_": IN_PLACE[f"{name}_"]
    for name in (
        *("abs", "acos", "acosh", "addmv", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "asin"),
        *("asinh", "atan", "atanh", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "conj_physical", "cos", "cosh"),
        *("deg2rad", "erf", "erfc", "exp", "exp2", "expm1", "fill", "fix", "floor", "frac", "gcd", "i0", "index_put"),
        *("lcm", "ldexp", "log", "log10", "log1p", "log2", "logit", "nan_to_num", "neg", "negative", "rad2deg"),
        *("reciprocal", "relu", "round", "rsqrt", "sigmoid", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh"),
        *("trunc", "xlogy", "zero"),
    )
} | {"detach_": Tensor.detach_}
globals().update(FUNCTIONS)
__all__ = list(FUNCTIONS)
for _name, _function in {"bernoulli": bernoulli, "multinomial": multinomial}.items():
    setattr(Tensor, _name, _function)
for _symbol, _name in OPERATORS.items():
    setattr(Tensor, f"__i{_symbol}__", IN_PLACE[f"{_name}_"])
