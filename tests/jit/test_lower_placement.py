"""Concatenation, products that write to their place, and integer arithmetic in kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.jit.lower import Plan
from minitorch.core.ops import contractions, joining, pointwise, reductions, shaping, slicing
from tests.jit.test_lower import check, compiled

rng = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    """Return random float32 numbers."""
    return rng.standard_normal(shape).astype("f4")


def kinds(plan: Plan) -> list[str]:
    """Return the kinds of a plan's steps."""
    return [step.group.kind for step in plan.program.steps]


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concatenate(axis: int) -> None:
    shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    shapes[1][axis], shapes[2][axis] = 1, 7
    for dtype in ("f4", "f8", "i2", "?"):
        xs = [normal(*shape).astype(dtype) for shape in shapes]
        assert kinds(check(lambda xs: [joining.concatenate(xs, axis)], *xs)) == ["concatenate"] * 3


def test_concatenate_of_views() -> None:
    def function(xs: Any) -> Any:
        x, y = xs
        turned = shaping.transpose(x, (0, 2, 1))
        return [
            joining.concatenate(
                [turned, shaping.broadcast_to(y, (2, 4, 3)), slicing.slice_axis(turned, 1, None, None, -2)], 1
            )
        ]

    assert "python" not in kinds(check(function, normal(2, 3, 4), normal(3)))


def test_pad() -> None:
    def function(xs: Any) -> Any:
        padded = joining.pad(xs[0], ((1, 2), (0, 3)), value=7.0)
        spaced = slicing.pad_p(xs[0], starts=(1,), steps=(2,), sizes=(9,), value=1)
        return [padded, joining.pad(padded, ((0, 0), (-2, 1))), spaced]

    assert "python" not in kinds(check(function, normal(3, 4)))


def test_split() -> None:
    def function(xs: Any) -> Any:
        first, *others = joining.split(xs[0], [2, 3, 2], 1)
        return [pointwise.exp(first), *others]

    assert set(kinds(check(function, normal(3, 7, 2)))) == {"map"}


def test_products_go_to_their_place() -> None:
    def heads(xs: Any) -> Any:
        q, k, v = xs
        parts = [contractions.matmul(q, k), shaping.transpose(contractions.matmul(k, v), (0, 1, 3, 2))]
        rows = [shaping.reshape(shaping.transpose(x, (0, 2, 1, 3)), (3, 8, 2 * 8)) for x in parts]
        return [joining.concatenate([*rows, shaping.reshape(slicing.slice_axis(v, 1, 0, 1), (3, 8, 8))], -1)]

    plan = check(heads, normal(3, 2, 8, 8), normal(3, 2, 8, 8), normal(3, 2, 8, 8), rtol=1e-4)
    assert kinds(plan) == ["gemm", "gemm", "concatenate"]


def test_copies_of_products_vanish() -> None:
    def merged(xs: Any) -> Any:
        x = shaping.transpose(contractions.matmul(xs[0], xs[1]), (0, 2, 1, 3))
        return [contractions.matmul(shaping.reshape(x, (15, 8)), xs[2])]

    plan = check(merged, normal(3, 2, 5, 6), normal(3, 2, 6, 4), normal(8, 8), rtol=1e-4)
    assert kinds(plan) == ["gemm", "gemm"]


def test_products_that_others_read_stay() -> None:
    def function(xs: Any) -> Any:
        x = contractions.matmul(*xs)
        return [x, joining.concatenate([x, shaping.transpose(x, (1, 0))], 0)]

    plan = check(function, normal(5, 6), normal(6, 5), rtol=1e-4)
    assert kinds(plan) == ["gemm", "concatenate", "concatenate"]


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_of_rows(name: str) -> None:
    for dtype in ("f4", "f8"):
        x = rng.standard_normal((7, 37)).astype(dtype)
        x[1, 3], x[2, 5], x[3, 7], x[4] = np.nan, np.inf, -np.inf, -np.inf
        x[5] = -np.abs(x[5])
        x[6, 2] = -np.float64("nan")
        check(lambda xs: [getattr(reductions, name)(xs[0], -1)], x, rtol=0)


@pytest.mark.parametrize("dtype", ["i1", "i4", "i8", "u1", "u4", "u8"])
def test_integer_arithmetic(dtype: str) -> None:
    x, s = rng.integers(0 if dtype[0] == "u" else -100, 100, 50).astype(dtype), np.arange(50).astype(dtype)

    def function(xs: Any) -> Any:
        x, s = xs
        shifts = [pointwise.left_shift(x, s), pointwise.right_shift(x, s)]
        return [pointwise.floor_divide(x, 7), pointwise.remainder(x, 3), pointwise.pow(x, 3), *shifts]

    assert "python" not in kinds(check(function, x, s, rtol=0))


def test_integer_division_that_may_raise_stays_python() -> None:
    x = Array(np.arange(1, 5))
    for function in (pointwise.floor_divide, pointwise.remainder, pointwise.pow):
        _, plan = compiled(lambda xs, f=function: [f(xs[0], xs[1])], [x, x])
        assert kinds(plan) == ["python"]


def test_float_division() -> None:
    x, y = normal(200) * 5, np.concatenate([normal(198), np.zeros(2, "f4")])
    with np.errstate(all="ignore"):
        plan = check(lambda xs: [pointwise.floor_divide(*xs), pointwise.remainder(*xs)], x, y, rtol=1e-6)
    assert "python" not in kinds(plan)
