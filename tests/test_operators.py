"""Operators and methods of Array and of tracers, NumPy operands on either side included."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.operators import UFUNCS
from minitorch.core.transforms import grad, jvp, vmap

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]

X = np.array([1.5, 2.0, 3.5])
Y = np.array([2.0, 2.0, 0.5])
M, N = np.array([5, 3, 12]), np.array([2, 3, 1])


def same(got: Any, wanted: Any) -> None:
    assert isinstance(got, Array)
    np.testing.assert_array_equal(got.numpy(), wanted)
    assert got.dtype == np.asarray(wanted).dtype


@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
@pytest.mark.parametrize("other", [Y, np.float64(2.0), 2.0, 2], ids=["ndarray", "NumPy scalar", "float", "int"])
def test_numpy_on_either_side(op: Callable[..., Any], other: Any) -> None:
    same(op(Array(X), other), op(X, other))
    same(op(other, Array(X)), op(other, X))
    same(op(Array(X), Array(other, "float64")), op(X, other))


@pytest.mark.parametrize("op", BITWISE)
def test_bitwise(op: Callable[..., Any]) -> None:
    same(op(Array(M), Array(N)), op(M, N))
    same(op(Array(M), N), op(M, N))
    same(op(M, Array(N)), op(M, N))
    same(op(Array(M), 2), op(M, 2))
    same(op(9, Array(N)), op(9, N))


def test_matmul_and_divmod() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for left, right in ((Array(a), Array(b)), (a, Array(b)), (Array(a), b)):
        same(left @ right, a @ b)
    for got, wanted in zip(divmod(Array(-M), 4), divmod(-M, 4), strict=True):
        same(got, wanted)
    for got, wanted in zip(divmod(7, Array(N)), divmod(7, N), strict=True):
        same(got, wanted)


def test_unary_operators() -> None:
    same(-Array(X), -X)
    same(+Array(X), X)
    same(abs(Array(-X)), X)
    same(~Array(M), ~M)
    same(~Array([True, False]), np.array([False, True]))
    same(round(Array(X), 0), np.round(X))


def test_numpy_functions_of_tracers_are_recorded() -> None:
    x = Array(X)
    np.testing.assert_allclose(grad(lambda x: (Y * np.sin(x) + np.float64(2) * x).sum())(x).numpy(), Y * np.cos(X) + 2)
    np.testing.assert_allclose(grad(lambda x: (Y @ x) + (Y - x).sum())(x).numpy(), Y - 1)
    np.testing.assert_allclose(vmap(lambda a: Y * a)(x).numpy(), Y * X[:, None])
    _, tangent = jvp(lambda x: np.exp(x) / Y, (x,), (x,))
    np.testing.assert_allclose(tangent.numpy(), X * np.exp(X) / Y)


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_every_mapped_ufunc_agrees_with_numpy(name: str) -> None:
    ufunc = getattr(np, name) if name != "clip" else np._core.umath.clip
    integral = name.startswith("bitwise") or name.endswith("shift") or name == "invert"
    values = [M, N] if integral else [X * 0.25, Y * 0.4]
    if name in ("arccosh",):
        values = [X, Y]
    operands = values[: ufunc.nin] if ufunc.nin < 3 else [X, 1.0, 2.0]
    got, wanted = ufunc(*(Array(o) for o in operands)), ufunc(*operands)
    for g, w in zip(*((got, wanted) if isinstance(wanted, tuple) else ((got,), (wanted,))), strict=True):
        assert isinstance(g, Array)
        np.testing.assert_allclose(g.numpy(), w, rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.isnat(x),
        lambda x: np.add.reduce(x),
        lambda x: np.add(X.copy(), x, out=X.copy()),
        lambda x: operator.iadd(X.copy(), x),
        lambda x: np.add(x, x, where=X > 2),
    ],
)
def test_what_numpy_may_not_do_is_refused(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"numpy\.\w+.*does not take a minitorch array.*\.numpy\(\)"):
        call(Array(X))


def test_objects_are_refused() -> None:
    with pytest.raises(TypeError, match="does not hold numbers"):
        np.array([1, "a"], object) + Array(X[:2])
    with pytest.raises(TypeError, match="unsupported operand"):
        Array(X) + "a"
    with pytest.raises(TypeError, match="unsupported operand"):
        Array(X) - [1.0, 2.0, 3.0]
    assert (Array(X) == "a") is False
    assert (Array(X) != None) is True  # noqa: E711


def test_values_hash_by_identity() -> None:
    x, y = Array(X), Array(X)
    assert {x: 1}[x] == 1 and y not in {x: 1}
    grad(lambda a: a.sum() if {a: 1}[a] else a)(x)


def test_iteration_and_membership() -> None:
    assert [float(v) for v in Array(X)] == X.tolist()
    assert [v.tolist() for v in Array([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    assert list(Array(np.zeros((0, 3)))) == []
    assert 3.5 in Array(X) and 9.0 not in Array(X)
    np.testing.assert_array_equal(grad(lambda x: sum(i * v for i, v in enumerate(x)))(Array(X)).numpy(), [0, 1, 2])
    with pytest.raises(TypeError, match="0-d"):
        iter(Array(1.0))


METHODS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("sum", (), {}),
    ("sum", (0,), {"keepdims": True}),
    ("mean", (1,), {}),
    ("prod", (), {"axis": 0}),
    ("max", (1,), {}),
    ("min", (), {}),
    ("argmax", (), {}),
    ("argmin", (1,), {}),
    ("var", (), {}),
    ("std", (0,), {}),
    ("all", (), {}),
    ("any", (1,), {}),
    ("cumsum", (0,), {}),
    ("cumprod", (1,), {}),
    ("reshape", (3, -1), {}),
    ("reshape", ((3, 2),), {}),
    ("transpose", (), {}),
    ("transpose", (1, 0), {}),
    ("transpose", ((1, 0),), {}),
    ("swapaxes", (0, 1), {}),
    ("ravel", (), {}),
    ("flatten", (), {}),
    ("squeeze", (), {}),
    ("astype", ("float32",), {}),
    ("conj", (), {}),
    ("copy", (), {}),
    ("clip", (1.0, 3.0), {}),
    ("round", (1,), {}),
    ("take", ([0, 1],), {"axis": 1}),
    ("repeat", (2,), {"axis": 0}),
    ("diagonal", (), {}),
    ("dot", (np.ones((3, 2)),), {}),
    ("argsort", (), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), METHODS)
def test_methods_are_numpys(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    data = np.array([[1.04, 2.56, 0.5], [3.3, 0.0, 4.44]])
    same_result = getattr(Array(data), name)(*args, **kwargs)
    wanted = getattr(data, name)(*args, **kwargs)
    np.testing.assert_allclose(same_result.numpy(), wanted, rtol=1e-14)
    assert same_result.dtype == wanted.dtype


def test_other_methods_and_properties() -> None:
    data = np.arange(24.0).reshape(2, 3, 4)
    x = Array(data)
    same(x.T, data.T)
    same(x.mT, data.mT)
    same(Array(1 + 2j).real, np.float32(1))
    same(Array(1 + 2j).imag, np.float32(2))
    same(x.sort(), data)
    same(x[1, ..., ::2], data[1, ..., ::2])
    same(x.at[0, 1].set(-1.0)[0, 1], np.full(4, -1.0))
    same(Array([1, 3]).searchsorted(Array([2])), np.array([1]))
    assert [i.tolist() for i in Array([0, 2, 3]).nonzero()] == [[1, 2]]
    np.testing.assert_array_equal(grad(lambda a: a.T[0].sum() + a.max())(Array(data)).numpy().sum(), 7.0)
