"""The table of `minitorch.numpy`: a row for each public name, with arguments on which it must equal NumPy.

NumPy arrays among the arguments (also inside lists) become ours; everything else is passed as it is. A row says which of
the checks in `test_table.py` make sense: `grad` for derivatives, `vmap`, `jit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RNG = np.random.default_rng(7)


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Reals away from whole numbers, where roundings jump."""
    x = RNG.uniform(low, high, shape)
    whole = np.floor(x)
    return whole + 0.1 + 0.8 * (x - whole)


def distinct(*shape: int) -> np.ndarray:
    n = int(np.prod(shape))
    return ((RNG.permutation(n) - n / 2 + 0.25) * 0.37).reshape(shape)


def complexes(*shape: int) -> np.ndarray:
    return real(*shape) + 1j * real(*shape)


X, Y, Z = real(3, 4), real(3, 4), distinct(3, 4)
P, U, V, W = real(3, 4, low=0.2, high=0.9), distinct(5), real(5), real(5, low=0.5, high=2.0)
V3, U3 = real(2, 3), real(2, 3)
C = complexes(3, 4)
N, J = np.array([[3, -1, 4], [1, 5, -9]]), np.array([[2, 6, 5], [3, 5, 8]])
K = np.array([2, 0, 3, 2, 5])
B, B2 = X > 0, Y > 0
NAN = np.where(B, X, np.nan)
NANS = np.array([[1.5, np.nan, -0.5], [np.nan, 2.5, np.inf]])
M = real(3, 3) + 3 * np.eye(3)
SPD = M @ M.T
TALL, WIDE = real(4, 3), real(3, 4)
ROWS_ = np.array([[1, 2], [0, 1], [1, 2], [1, 0]])
SORTED = np.array([-1.5, -0.2, 0.3, 1.1, 1.9])
EYE4 = np.eye(4).reshape(2, 2, 2, 2) + 0.1 * real(2, 2, 2, 2)


@dataclass(frozen=True)
class Row:
    """One call. `oracle` is NumPy's function of the name unless given; `jax` says whether jax.numpy must agree."""

    name: str
    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    grad: bool = False
    vmap: bool = True
    jit: bool = True
    jax: bool = True
    oracle: Callable[..., Any] | None = None
    outputs: Callable[[Any], Any] = lambda out: out
    rtol: float = 1e-9
    narrow: bool = True  # whether float32 gives the same numbers


def row(name: str, *args: Any, **given: Any) -> Row:
    own = {k: given.pop(k) for k in ("grad", "vmap", "jit", "jax", "oracle", "outputs", "rtol", "narrow") if k in given}
    return Row(name, args, given, **own)


def smooth(name: str, *args: Any, **given: Any) -> Row:
    """A row whose derivatives are checked."""
    return row(name, *args, grad=True, **given)


def concrete(name: str, *args: Any, **given: Any) -> Row:
    """A row whose result's shape depends on data, or that needs to see its arguments."""
    return row(name, *args, vmap=False, jit=False, **given)


def whole(*names: str) -> list[Row]:
    return [row(n, N, J) for n in names]


def projected(out: Any) -> Any:
    """Singular and eigenvectors up to their signs."""
    return [np.abs(np.asarray(x)) for x in out]


def in_order(x: Any) -> Any:
    return np.sort_complex(np.asarray(x))


NAN_FREE = ("nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "nancumprod", "nancumsum")
F = np.full

POINTWISE = [
    *(
        smooth(n, X)
        for n in [
            "abs",
            "absolute",
            "arcsinh",
            "asinh",
            "arctan",
            "atan",
            "cos",
            "cosh",
            "exp",
            "exp2",
            "expm1",
            "negative",
            "positive",
            "reciprocal",
            "sin",
            "sinh",
            "square",
            "tanh",
            "deg2rad",
            "degrees",
            "rad2deg",
            "radians",
            "fabs",
            "i0",
            "sinc",
            "conj",
            "conjugate",
            "real",
            "nan_to_num",
        ]
    ),
    *(
        smooth(n, P)
        for n in [
            "tan",
            "acos",
            "arccos",
            "asin",
            "arcsin",
            "atanh",
            "arctanh",
            "log",
            "log10",
            "log1p",
            "log2",
            "sqrt",
            "cbrt",
        ]
    ),
    *(smooth(n, P + 1) for n in ("acosh", "arccosh")),
    *(
        row(n, X, jax=n != "fix")
        for n in [
            "ceil",
            "floor",
            "rint",
            "sign",
            "signbit",
            "trunc",
            "fix",  # which jax.numpy has no more
            "isfinite",
            "isinf",
            "isnan",
            "isneginf",
            "isposinf",
            "iscomplex",
            "isreal",
            "logical_not",
            "frexp",
            "modf",
            "round",
            "around",
            "imag",
            "angle",
        ]
    ),
    *(
        smooth(n, X, Y)
        for n in [
            "add",
            "subtract",
            "multiply",
            "hypot",
            "atan2",
            "arctan2",
            "maximum",
            "minimum",
            "fmax",
            "fmin",
            "logaddexp",
            "logaddexp2",
            "copysign",
        ]
    ),
    *(smooth(n, X, float(W[0])) for n in ("divide", "true_divide", "remainder", "mod", "fmod")),
    *(smooth(n, P, Y) for n in ("pow", "power", "float_power")),
    *(
        row(n, X, Y[0])
        for n in [
            "equal",
            "not_equal",
            "less",
            "less_equal",
            "greater",
            "greater_equal",
            "logical_and",
            "logical_or",
            "logical_xor",
            "floor_divide",
            "divmod",
            "heaviside",
            "nextafter",
        ]
    ),
    *whole("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "add", "multiply", "maximum", "remainder"),
    *(
        row(n, N, np.array([1, 0, 2]))
        for n in ("bitwise_left_shift", "left_shift", "bitwise_right_shift", "right_shift")
    ),
    *(
        row(n, N)
        for n in ("bitwise_count", "bitwise_invert", "bitwise_not", "invert", "abs", "sign", "square", "round")
    ),
    *(
        row(n, C)
        for n in (
            "abs",
            "angle",
            "conj",
            "exp",
            "imag",
            "real",
            "iscomplex",
            "isreal",
            "sign",
            "sqrt",
            "round",
            "nan_to_num",
        )
    ),
    row("angle", C, deg=True),
    smooth("spacing", X, narrow=False, jax=False),
    row("nan_to_num", NANS, narrow=False),
    row("nan_to_num", NANS, nan=1.0, posinf=2.0, neginf=3.0),
    row("round", X, 1),
    row("around", X * 100, -1),
    row("round", np.array([15, 25, -15, -25, 14, 149, 0, 35, -36]), -1, jax=False),
    smooth("clip", X, -0.5, 0.5),
    smooth("clip", X, None, Y),
    row("clip", N, 0, 3),
    row("clip", N, min=0),
    smooth("ldexp", X, np.array([1, -2, 0, 3])),
    smooth("sinc", np.array([0.0, 1e-3, 0.2, -0.11, 3.3])),
    *(row(n, NANS) for n in ("isnan", "isinf", "isfinite", "isposinf", "fabs", "cbrt")),
    row("isclose", X, X + 1e-7 * Y),
    row("isclose", NANS, NANS, equal_nan=True),
    row("isclose", N, J, atol=2.0),
    row("allclose", X, X + 1e-9),
    row("allclose", X, Y),
    row("array_equal", X, X),
    row("array_equal", NAN, NAN, equal_nan=True),
    row("array_equal", X, V),
    row("array_equiv", X, X[0]),
    row("array_equiv", F((2, 2), 1.0), np.array([1.0, 1.0])),
]

REDUCING = [
    *(smooth(n, X) for n in ("sum", "mean", "prod", "var", "std")),
    *(smooth(n, X, axis=1, keepdims=True) for n in ("sum", "mean", "prod", "var", "std")),
    *(smooth(n, X, axis=(0, 1), where=B) for n in ("sum", "mean", "prod", "var", "std")),
    *(row(n, N, axis=0) for n in ("sum", "mean", "prod", "var", "std", "max", "min", "ptp", "cumsum", "cumprod")),
    *(row(n, C, axis=0) for n in ("sum", "mean", "prod", "var", "std")),
    *(row(n, (N + 10).astype("uint8")) for n in ("sum", "prod")),
    row("sum", B),
    row("mean", B),
    row("sum", X, dtype="int64"),
    smooth("sum", X, axis=0, initial=2.0),
    smooth("prod", X, initial=2.0),
    smooth("var", X, axis=1, ddof=1),
    row("var", X, axis=1, ddof=1, where=B | B2),
    row("std", X, correction=1, jax=False),
    *(smooth(n, Z) for n in ("max", "min", "amax", "amin", "ptp")),
    *(smooth(n, Z, axis=1) for n in ("max", "min", "amax", "amin", "ptp")),
    *(smooth(n, Z, axis=0, initial=0.0, where=B) for n in ("max", "min")),
    row("max", np.zeros((0, 3)), axis=0, initial=-1.0),
    *(row(n, B, axis=0) for n in ("all", "any")),
    *(row(n, X) for n in ("all", "any")),
    row("all", B, where=B2),
    *(row(n, Z) for n in ("argmax", "argmin")),
    *(row(n, Z, axis=1, keepdims=True) for n in ("argmax", "argmin")),
    row("count_nonzero", N),
    row("count_nonzero", B, axis=1),
    *(smooth(n, X, axis=1) for n in ("cumsum", "cumprod")),
    row("cumsum", X),
    row("cumprod", X),
    smooth("cumulative_sum", X, axis=0),
    row("cumulative_sum", X, axis=1, include_initial=True),
    smooth("cumulative_prod", X, axis=0),
    row("cumulative_prod", X, axis=1, include_initial=True),
    *(row(n, NAN) for n in NAN_FREE),
    *(row(n, NAN, axis=1) for n in NAN_FREE),
    *(smooth(n, X, axis=1) for n in NAN_FREE),
    row("nansum", NAN, where=B2),
    row("nanmax", NAN, initial=0.5),
    row("nansum", N),
    row("nanmax", N, axis=0),
    row("nanmin", NANS, axis=0),
    *(row(n, NAN + 0 * X, axis=None) for n in ("nanargmax", "nanargmin")),
    *(row(n, np.array([[np.nan, 1.0], [-np.inf, np.nan]]), axis=1) for n in ("nanargmax", "nanargmin")),
]

ARRANGING = [
    *(row(n, X, vmap=False, jit=False) for n in ("shape", "size", "ndim")),
    row("size", X, 1, vmap=False, jit=False),
    smooth("reshape", X, (4, 3)),
    row("reshape", X, (2, -1), order="F"),
    row("reshape", X, 12),
    smooth("ravel", X),
    row("ravel", X, order="F"),
    row("resize", X, (2, 5)),
    row("resize", X, (5, 4)),
    smooth("expand_dims", X, (0, 2)),
    smooth("squeeze", X[:, None]),
    smooth("transpose", X),
    row("transpose", EYE4, (1, 0, 3, 2)),
    row("permute_dims", X, (1, 0)),
    smooth("matrix_transpose", X),
    smooth("swapaxes", X, 0, 1),
    smooth("moveaxis", EYE4, 0, -1),
    row("rollaxis", EYE4, 2),
    row("rollaxis", EYE4, 0, 3),
    row("rollaxis", EYE4, 3, 1),
    *(row(n, X) for n in ("atleast_1d", "atleast_2d", "atleast_3d")),
    *(row(n, V) for n in ("atleast_2d", "atleast_3d")),
    smooth("broadcast_to", V, (3, 5)),
    row("broadcast_arrays", X, X[0]),
    row("broadcast_shapes", (2, 1), (3,), jit=False, vmap=False),
    smooth("concatenate", [X, Y], axis=1),
    row("concatenate", [X, V], axis=None),
    row("concatenate", [N, X[:, :3]]),
    smooth("concat", [X, Y]),
    smooth("stack", [X, Y], axis=1),
    *(smooth(n, [X, Y]) for n in ("hstack", "vstack", "dstack", "column_stack")),
    *(row(n, [V, U]) for n in ("hstack", "vstack", "dstack", "column_stack")),
    smooth("block", [[X, Y], [Y, X]]),
    row("block", [V, 1.0]),
    row("append", X, V),
    row("append", X, Y, axis=0),
    row("array_split", X, 3, axis=1),
    row("array_split", V, [1, 3]),
    smooth("split", X, 2, axis=1),
    row("split", V, [2, 4]),
    row("hsplit", X, 2),
    row("vsplit", X, 3),
    row("dsplit", EYE4, 2),
    row("unstack", X, axis=1),
    smooth("flip", X),
    row("flip", X, 1),
    row("fliplr", X),
    row("flipud", X),
    smooth("roll", X, 2),
    row("roll", X, (1, 2), axis=(0, 1)),
    smooth("rot90", X),
    row("rot90", X, 3),
    smooth("tile", X, (2, 2)),
    smooth("repeat", X, 2, axis=1),
    row("repeat", V, [1, 0, 2, 1, 1]),
    row(
        "repeat",
        V,
        [1, 0, 2, 1, 1],
        total_repeat_length=7,
        oracle=lambda x, n, total_repeat_length: np.append(np.repeat(x, n), [x[-1]] * 2),
    ),
    smooth("diagonal", X, 1),
    smooth("trace", X),
    row("trace", N, 1),
    row("astype", X, "int32"),
    row("astype", N, "float32"),
    smooth("fill_diagonal", X, 2.0, inplace=False, oracle=lambda x, v, inplace: _written(np.fill_diagonal, x, v)),
    row(
        "fill_diagonal",
        real(5, 2),
        V[:3],
        inplace=False,
        wrap=True,
        jax=False,
        oracle=lambda x, v, inplace, wrap: _written(np.fill_diagonal, x, v, wrap),
    ),
    concrete("trim_zeros", np.array([0, 0, 1, 0, 2, 0])),
    *(
        smooth("pad", X, ((1, 2), (0, 3)), mode=m)
        for m in (
            "constant",
            "edge",
            "reflect",
            "symmetric",
            "wrap",
            "linear_ramp",
            "mean",
            "median",
            "maximum",
            "minimum",
        )
        if m not in ("maximum", "minimum", "median")
    ),
    *(row("pad", Z, (2, 1), mode=m) for m in ("maximum", "minimum", "median")),
    row("pad", V, 7, mode="reflect"),
    row("pad", V, 12, mode="wrap"),
    row("pad", V, 11, mode="symmetric"),
    row("pad", V, 3, mode="reflect", reflect_type="odd"),
    row("pad", V, 2, mode="mean", stat_length=2),
    row("pad", X, 1, constant_values=((1.0, 2.0), (3.0, 4.0))),
    row("pad", N, 2, mode="mean"),
    row("pad", V, (1, 2), mode="linear_ramp", end_values=(5.0, -4.0)),
    row("pad", X, {1: (1, 2)}, mode="empty", jax=False, oracle=lambda x, w, mode: np.pad(x, ((0, 0), (1, 2)))),
    row("pad", N, 1, mode="edge"),
]


def _written(function: Callable[..., Any], x: np.ndarray, *args: Any) -> np.ndarray:
    x = x.copy()
    function(x, *args)
    return x


def sized(indices: np.ndarray, size: int, fill: float) -> np.ndarray:
    return np.append(indices, [fill] * size)[:size].astype(np.asarray(indices).dtype)


SELECTING = [
    smooth("where", B, X, Y),
    row("where", B, X, 0.0),
    concrete("where", B),
    row("where", N, 1, 2),
    concrete("nonzero", N > 1),
    concrete("flatnonzero", N > 1),
    concrete("argwhere", N > 1),
    row(
        "nonzero",
        K > 1,
        size=6,
        fill_value=9,
        oracle=lambda a, size, fill_value: (sized(np.flatnonzero(a), size, fill_value),),
    ),
    row("flatnonzero", N > 1, size=2, oracle=lambda a, size: np.flatnonzero(a)[:2]),
    row(
        "argwhere",
        N > 1,
        size=5,
        fill_value=-1,
        vmap=False,
        oracle=lambda a, size, fill_value: np.vstack([np.argwhere(a), -np.ones((2, 2), int)]),
    ),
    concrete("compress", K > 1, V),
    row(
        "compress",
        K > 1,
        V,
        size=5,
        fill_value=7.0,
        oracle=lambda c, a, size, fill_value: sized(a[c], size, fill_value),
    ),
    concrete("extract", B, X),
    row("extract", B, X, size=3, oracle=lambda c, a, size: sized(a[c], size, 0)),
    smooth("select", [B, B2], [X, Y], 0.5),
    row("select", [N > 3, J > 3], [N, J]),
    smooth("piecewise", X, [B, ~B], [lambda x: x * x, lambda x: -x], vmap=False),
    row("piecewise", X, [B], [1.0, 2.0]),
    row("choose", np.array([0, 1, 1, 0]), [X[0], Y[0]]),
    row("choose", np.array([0, 3, 1, -2]), [X[0], Y[0]], mode="wrap"),
    row("place", X, B, V, inplace=False, oracle=lambda x, m, v, inplace: _written(np.place, x, m, v), jax=False),
    smooth("take", X, np.array([2, 0]), axis=0),
    row("take", X, np.array([5, -1])),
    row("take", X, np.array([9, -7]), axis=1, mode="wrap"),
    row("take", X, np.array([9, -7]), axis=1, mode="clip"),
    row("take", V, np.array([1, 9]), mode="fill", oracle=lambda x, i, mode: np.array([x[1], np.nan])),
    smooth("take_along_axis", X, np.argsort(Z, axis=1), axis=1),
    row("take_along_axis", X, np.array([3, 1]), axis=None),
    row(
        "put",
        X,
        np.array([0, 5]),
        np.array([9.0, 8.0]),
        inplace=False,
        oracle=lambda x, i, v, inplace: _written(np.put, x, i, v),
    ),
    row(
        "put_along_axis",
        X,
        np.array([[1], [0], [2]]),
        9.0,
        axis=1,
        inplace=False,
        oracle=lambda x, i, v, axis, inplace: _written(np.put_along_axis, x, i, v, axis),
    ),
    row("delete", X, 1, axis=0),
    row("delete", V, [0, 2], vmap=False),
    row("delete", V, slice(1, 4)),
    row("insert", V, 1, 9.0),
    row("insert", V, [1, 3], np.array([8.0, 9.0]), vmap=False),
    row("insert", X, 1, V[:3], axis=1),
    row("insert", X, 2, X[:2], axis=0),
    row("insert", V, 2, np.array([7.0, 8.0, 9.0])),
    row("insert", V, slice(1, 3), 0.5),
    row("unravel_index", K, (2, 3), vmap=False),
    row("ravel_multi_index", (np.array([1, 0]), np.array([2, 1])), (2, 3)),
    row(
        "ravel_multi_index", (np.array([3, 0]), np.array([-1, 4])), (2, 3), mode=("clip", "wrap"), order="F", jax=False
    ),
    row("ix_", K, np.array([1, 2])),
    concrete("ix_", K > 1, K, jax=False),
    *(
        row(n, 3, vmap=False, jit=False)
        for n in ("diag_indices", "tril_indices", "triu_indices", "hamming", "hanning", "bartlett", "blackman")
    ),
    row("tril_indices", 3, 1, 4, vmap=False, jit=False),
    row("kaiser", 5, 8.6, vmap=False, jit=False),
    row("hamming", 1, vmap=False, jit=False),
    row("diag_indices_from", M),
    row("tril_indices_from", X),
    row("triu_indices_from", X, 1),
    concrete("mask_indices", 3, np.triu, oracle=lambda n, f: np.mask_indices(n, np.triu)),
]

ORDERING = [
    smooth("sort", Z),
    row("sort", Z, axis=0),
    row("sort", Z, axis=None),
    row("sort", NANS),
    row("sort", N),
    row("sort", K, descending=True, oracle=lambda x, descending: np.sort(x)[::-1]),
    row("argsort", Z, axis=0),
    row("argsort", K, stable=True),
    row("sort_complex", C[0]),
    row("sort_complex", V),
    row("lexsort", (K, np.array([1, 1, 0, 0, 0]))),
    row("lexsort", X),
    row("partition", V, 2, outputs=lambda x: (np.sort(np.asarray(x)[..., :2]), np.asarray(x)[..., 2])),
    row("argpartition", V, 2, outputs=lambda x: np.asarray(x)[..., 2]),
    row("searchsorted", SORTED, X),
    row("searchsorted", SORTED, V, side="right"),
    row("searchsorted", np.array([2, 1, 3]) * 1.0, V, sorter=np.array([1, 0, 2])),
    row("digitize", X, SORTED),
    row("digitize", X, SORTED[::-1]),
    row("digitize", K, np.array([0, 2, 4]), right=True),
    *(concrete(n, K) for n in ("unique", "unique_all", "unique_counts", "unique_inverse")),
    concrete("unique_values", K, outputs=lambda x: np.sort(np.asarray(x))),
    concrete("unique", NANS),
    concrete("unique", NANS, equal_nan=False),
    concrete("unique", ROWS_, axis=0),
    concrete("unique", ROWS_, axis=1),
    concrete("unique", X > 0),
    concrete("unique", K, return_index=True, return_inverse=True, return_counts=True),
    concrete("unique", C, return_inverse=True),
    row("unique", K, size=5, fill_value=-1, oracle=lambda x, size, fill_value: sized(np.unique(x), size, fill_value)),
    row(
        "unique",
        K,
        size=3,
        return_counts=True,
        oracle=lambda x, size, return_counts: tuple(y[:3] for y in np.unique(x, return_counts=True)),
    ),
    row("isin", N, J),
    row("isin", X, np.array([]), invert=True),
    row("isin", C, C[0]),
    row("isin", B, np.array([True])),
    *(concrete(n, K, np.array([3, 7, 2, 2])) for n in ("union1d", "intersect1d", "setdiff1d", "setxor1d")),
    concrete("intersect1d", K, np.array([3, 7, 2, 2]), return_indices=True),
    row(
        "union1d",
        K,
        np.array([3, 7]),
        size=7,
        fill_value=0,
        oracle=lambda a, b, size, fill_value: sized(np.union1d(a, b), size, 0),
    ),
    row(
        "intersect1d",
        K,
        np.array([3, 7, 2]),
        size=3,
        fill_value=-1,
        oracle=lambda a, b, size, fill_value: sized(np.intersect1d(a, b), 3, -1),
    ),
    row(
        "setdiff1d",
        K,
        np.array([3, 7]),
        size=4,
        fill_value=-1,
        oracle=lambda a, b, size, fill_value: sized(np.setdiff1d(a, b), 4, -1),
    ),
    row(
        "setxor1d",
        K,
        np.array([3, 7]),
        size=5,
        fill_value=-1,
        oracle=lambda a, b, size, fill_value: sized(np.setxor1d(a, b), 5, -1),
    ),
]

STATISTICS = [
    *(smooth("quantile", Z, 0.3, method=m) for m in ("linear", "lower", "higher", "nearest", "midpoint")),
    row("quantile", Z, np.array([0.1, 0.5]), axis=1, keepdims=True),
    row("percentile", Z, np.array([10.0, 60.0]), axis=(0, 1)),
    smooth("percentile", Z, 40.0, axis=0),
    row("nanquantile", NAN, 0.3, axis=1),
    row("nanpercentile", NAN, 30.0),
    row("nanmedian", NAN, axis=0),
    smooth("nanmedian", NAN),
    smooth("median", Z),
    row("median", Z, axis=1, keepdims=True),
    row("median", NANS, axis=1),
    row("median", N),
    smooth("average", X, axis=1, weights=W[:4]),
    row("average", X, weights=P, returned=True),
    row("average", N, axis=0),
    smooth("cov", X),
    row("cov", X, Y, rowvar=False),
    row("cov", V),
    row("cov", X, fweights=np.array([1, 2, 0, 3]), aweights=W[:4]),
    row("cov", C, bias=True),
    smooth("corrcoef", X, rtol=1e-6),
    row("corrcoef", X, Y),
    concrete("bincount", K),
    concrete("bincount", K, weights=V, minlength=8),
    row("bincount", K, length=4, oracle=lambda x, length: np.bincount(x)[:4]),
    row("histogram", V, bins=4),
    row("histogram", X, bins=SORTED, weights=P, density=True),
    row("histogram", V, bins=3, range=(-1.0, 1.0)),
    row("histogram_bin_edges", V, 5),
    row("histogram2d", V, W, bins=3, jit=True),
    row("histogram2d", V, W, bins=[2, SORTED]),
    row("histogramdd", TALL, bins=(2, 3, 2), density=True, outputs=lambda out: [out[0], *out[1]]),
]

PRODUCTS = [
    *(smooth(n, X, Y.T) for n in ("matmul", "dot")),
    smooth("matmul", EYE4, real(2, 3)),
    row("dot", N, 2),
    row("dot", EYE4, real(2, 2)),
    smooth("vdot", V, W),
    row("vdot", C, C),
    smooth("vecdot", X, Y),
    row("vecdot", C, C, axis=0),
    smooth("matvec", X, V[:4]),
    smooth("vecmat", V[:3], X),
    smooth("inner", X, Y),
    smooth("outer", V, W),
    smooth("tensordot", X, Y, axes=2),
    row("tensordot", X, Y, axes=([1], [1])),
    smooth("einsum", "ij,kj->ik", X, Y),
    row("einsum", "ii->i", M),
    row("einsum", X, [0, 1], [1, 0]),
    row("einsum_path", "ij,jk,kl->il", X, Y.T, X, vmap=False, jit=False, outputs=lambda out: len(out[0]), jax=False),
    smooth("kron", X, V3),
    smooth("cross", V3, U3),
    row("cross", V3[:, :2], U3[:, :2], oracle=lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]),
    row("cross", V3, U3[:, :2], oracle=lambda a, b: np.cross(a, np.pad(b, ((0, 0), (0, 1))))),
    row("cross", V3.T, U3, axisa=0, axisc=0),
    row("packbits", B),
    row("packbits", np.array([[1, 0, 2], [0, 0, 1]]), axis=1, bitorder="little"),
    row("unpackbits", np.array([[7, 200]], "uint8")),
    row("unpackbits", np.array([7, 200], "uint8"), count=11, bitorder="little"),
    row("unpackbits", np.array([7, 200], "uint8"), axis=0, count=-3),
]

CALCULUS = [
    smooth("diff", X),
    row("diff", X, 2, axis=0),
    row("diff", V, prepend=0.0, append=W[:2]),
    row("diff", B),
    smooth("ediff1d", X, to_begin=0.0, to_end=V[:2]),
    smooth("gradient", V),
    row("gradient", X),
    smooth("gradient", X, 2.0, axis=1),
    smooth("gradient", V, SORTED),
    row("gradient", X, 1.0, SORTED[:4]),
    smooth("trapezoid", X),
    smooth("trapezoid", X, axis=0, dx=0.5),
    smooth("trapezoid", X, SORTED[:4]),
    smooth("interp", X, SORTED, V),
    row("interp", X, SORTED, V, left=0.0, right=1.0),
    row("interp", X, SORTED, V, period=2.5),
    row("interp", 0.5, np.array([1.0]), np.array([2.0])),
    row("unwrap", V * 4),
    row("unwrap", X * 3, axis=0, period=3.0, discont=2.0),
    *(smooth(n, V, W[:3], mode=m) for n in ("convolve", "correlate") for m in ("full", "same", "valid")),
    *(row(n, W[:2], V, mode=m) for n in ("convolve", "correlate") for m in ("full", "same", "valid")),
    row("convolve", K, K),
    row("correlate", C[0], C[1], mode="full"),
]

POLYNOMIALS = [
    smooth("polyval", V, X),
    row("polyadd", V, W[:3]),
    row("polysub", V[:2], W),
    smooth("polymul", V, W[:3]),
    row(
        "polymul",
        K,
        K,
        trim_leading_zeros=True,
        vmap=False,
        jit=False,
        oracle=lambda a, b, trim_leading_zeros: np.polymul(a, b),
    ),
    smooth(
        "polydiv",
        V,
        W[:2],
        jax=False,
        oracle=lambda u, v: (np.polydiv(u, v)[0], np.append(np.zeros(4), np.polydiv(u, v)[1])),
    ),
    row("polydiv", V[:2], W[:3], outputs=lambda out: out[0]),
    smooth("polyder", V, 2),
    row("polyder", np.array([1, 2, 3]), oracle=lambda p: np.polyder(p).astype(float)),
    smooth("polyint", V),
    row("polyint", V, 2, np.array([1.0, 2.0])),
    row("poly", V),
    row("poly", SPD, rtol=1e-5),
    concrete("roots", np.array([1.0, -6.0, 11.0, -6.0, 0.0]), outputs=in_order, rtol=1e-5),
    row(
        "roots",
        np.array([1.0, 0.5, 3.0]),
        strip_zeros=False,
        outputs=in_order,
        oracle=lambda p, strip_zeros: np.roots(p),
    ),
    smooth("polyfit", SORTED, V, 2, rtol=1e-5),
    row("polyfit", SORTED, TALL.T[:, :1].repeat(5, 1).T[:5], 1, rtol=1e-6),
    row("polyfit", SORTED, V, 1, w=W, rtol=1e-6),
    row("polyfit", SORTED, V, 1, cov=True, rtol=1e-6),
    row("polyfit", SORTED, V, 1, cov="unscaled", w=W, rtol=1e-6),
    row("polyfit", SORTED, V, 1, full=True, outputs=lambda out: out[:4], rtol=1e-6),
    smooth("vander", V),
    row("vander", K, 3, increasing=True),
]

CREATION = [
    row("array", [[1.0, 2.0], [3.0, 4.0]], vmap=False, jit=False),
    row("array", V, ndmin=2),
    row("asarray", X),
    row("copy", X),
    concrete("from_dlpack", X),
    row("frombuffer", b"\x01\x02", "uint8", vmap=False, jit=False),
    concrete("fromiter", (1, 4, 9), int, jax=False),
    row("fromfunction", lambda i, j: i * 2 + j, (2, 3), vmap=False, jit=False),
    row("full", (2, 3), 1.5, vmap=False, jit=False),
    row("full", (2, 5), V),
    *(row(n, (2, 3), vmap=False, jit=False) for n in ("zeros", "ones")),
    row("ones", 2, int, vmap=False, jit=False),
    row("full_like", X, 2.0),
    row("full_like", N, 2.5),
    *(row(n, X) for n in ("zeros_like", "ones_like")),
    row("ones_like", X, int, shape=(2,)),
    row("empty", (2, 3), vmap=False, jit=False, outputs=lambda x: np.shape(x)),
    row("empty_like", X, outputs=lambda x: np.asarray(x).shape, vmap=False),
    *(row("arange", *a, vmap=False, jit=False) for a in ((3,), (1, 7, 2), (1.0, 2.0, 0.25), (5, 0, -1))),
    *(
        row("linspace", *a, vmap=False, jit=False)
        for a in ((0.0, 1.0), (2.0, -1.0, 4, False), (0, 10, 5, True, True), (3.0, 4.0, 1))
    ),
    row("linspace", 0, 10, 7, dtype=int, vmap=False, jit=False),
    smooth("linspace", V, W, 4, axis=1),
    row("logspace", 0.0, 2.0, 5, vmap=False, jit=False),
    row("logspace", V, W, 3, base=2.0, rtol=1e-6),
    row("geomspace", 1.0, 100.0, 4, vmap=False, jit=False, rtol=1e-6),
    row("geomspace", W, 3 * W, 3, rtol=1e-6),
    row("eye", 3, 4, 1, vmap=False, jit=False),
    row("identity", 2, vmap=False, jit=False),
    row("tri", 3, 4, -1, vmap=False, jit=False),
    smooth("tril", X),
    smooth("triu", X, 1),
    smooth("diag", V),
    smooth("diag", M, -1),
    smooth("diagflat", X[:2, :2]),
    row("meshgrid", V, W),
    row("meshgrid", V, W, indexing="ij"),
    row("meshgrid", V, W, sparse=True),
    row("indices", (2, 3), vmap=False, jit=False),
    row("indices", (2, 3), sparse=True, vmap=False, jit=False),
]

MAPPING = [
    row("apply_along_axis", np.diff, 1, X, oracle=None, vmap=False, jit=False),
    row("apply_over_axes", np.sum, X, (0, 1), vmap=False, jit=False),
]

NUMPY = [
    *POINTWISE,
    *REDUCING,
    *ARRANGING,
    *SELECTING,
    *ORDERING,
    *STATISTICS,
    *PRODUCTS,
    *CALCULUS,
    *POLYNOMIALS,
    *CREATION,
    *MAPPING,
]

LINALG = [
    smooth("cholesky", SPD, rtol=1e-6),
    row("cholesky", SPD, upper=True),
    row("cond", M),
    row("cond", M, -2),
    row("cond", M, 1),
    smooth("cross", V3, U3),
    smooth("det", M),
    row("diagonal", EYE4, offset=1),
    row("eig", M + np.diag([0.0, 4.0, 9.0]), outputs=lambda out: in_order(out[0])),
    row("eigvals", M + np.diag([0.0, 4.0, 9.0]), outputs=in_order),
    row("eigh", SPD, outputs=projected),
    smooth("eigvalsh", SPD, rtol=1e-6),
    row("eigvalsh", M, "U", jax=False),
    smooth("inv", M),
    row("inv", np.stack([M, SPD])),
    row("lstsq", TALL, V[:4], outputs=lambda out: [out[0], out[3]]),
    smooth("matmul", X, Y.T),
    smooth("matrix_norm", X),
    row("matrix_norm", M, ord=2, keepdims=True),
    row("matrix_norm", M, ord="nuc"),
    smooth("matrix_power", M, 3),
    row("matrix_power", M, -2),
    row("matrix_power", N[:, :2], 2),
    row("matrix_rank", np.outer(V, W)),
    row("matrix_rank", M),
    row("matrix_rank", V),
    row("matrix_transpose", X),
    smooth("multi_dot", [X, Y.T, M]),
    row("multi_dot", [V[:3], X, W[:4]]),
    smooth("norm", X),
    row("norm", V, 1),
    row("norm", V, np.inf),
    row("norm", X, 1),
    row("norm", X, 2, axis=1),
    row("norm", X, "nuc"),
    row("norm", C),
    row("norm", N, rtol=1e-6),
    smooth("outer", V, W),
    smooth("pinv", TALL, rtol=1e-6),
    smooth("qr", TALL, outputs=projected),
    row("qr", TALL, mode="complete", outputs=projected),
    row("qr", TALL, mode="r", outputs=np.abs),
    smooth("slogdet", M),
    smooth("solve", M, V[:3]),
    row("solve", np.stack([M, SPD]), real(2, 3, 2)),
    row("svd", TALL, full_matrices=False, outputs=projected),
    row("svd", M, compute_uv=False),
    smooth("svdvals", X),
    smooth("tensordot", X, Y, axes=2),
    row("tensorinv", EYE4),
    row("tensorsolve", EYE4, V3[:, :2]),
    row("trace", EYE4),
    smooth("vecdot", X, Y),
    smooth("vector_norm", X),
    row("vector_norm", X, axis=1, ord=3, keepdims=True),
]

FFT = [
    *(smooth(n, X) for n in ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "rfft2", "rfftn", "ihfft")),
    *(row(n, C) for n in ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "irfft", "irfft2", "irfftn", "hfft")),
    *(row(n, X, 7, 0, "ortho") for n in ("fft", "ifft", "rfft", "ihfft")),
    *(row(n, C, 3, 0, "forward") for n in ("fft", "ifft", "irfft", "hfft")),
    row("fftn", X, s=(2, 6), axes=(0, 1)),
    row("rfftn", EYE4, s=(3, 5), axes=(1, 2)),
    row("irfftn", C, s=(2, 5), axes=(0, 1)),
    row("ifftn", EYE4, axes=(0, 2)),
    *(row(n, 5, 0.5, vmap=False, jit=False) for n in ("fftfreq", "rfftfreq")),
    row("fftshift", X),
    row("ifftshift", V),
    row("fftshift", X, axes=1),
    row("fft", N, rtol=1e-6),
]

TABLES = {"": NUMPY, "linalg": LINALG, "fft": FFT}

# Names that no row calls, and why.
REASONS = {
    **dict.fromkeys(
        [
            "bool_",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "bfloat16",
            "float32",
            "float64",
            "complex64",
            "complex128",
            "dtype",
            "generic",
            "number",
            "integer",
            "signedinteger",
            "unsignedinteger",
            "inexact",
            "floating",
            "complexfloating",
            "bool",
            "cdouble",
            "complex_",
            "csingle",
            "double",
            "float_",
            "half",
            "int_",
            "single",
            "uint",
            "ndarray",
        ],
        "a type",
    ),
    **dict.fromkeys(["e", "euler_gamma", "inf", "nan", "newaxis", "pi", "index_exp", "s_"], "a constant"),
    **dict.fromkeys(["mgrid", "ogrid"], "is indexed; see test_grids"),
    **dict.fromkeys(
        [
            "can_cast",
            "finfo",
            "iinfo",
            "isdtype",
            "issubdtype",
            "promote_types",
            "result_type",
            "iscomplexobj",
            "isrealobj",
            "isscalar",
            "__array_namespace_info__",
        ],
        "is about dtypes; see test_types.py",
    ),
    "vectorize": "returns a function; see test_vectorize",
    "fft": "an extension",
    "linalg": "an extension",
    "LinAlgError": "an exception",
}
