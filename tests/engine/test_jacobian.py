"""jacrev, jacfwd, hessian and hvp: trees in, trees of trees out."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.errors import ArgumentError, DTypeError
from minitorch.core.jacobian import hessian, hvp, jacfwd, jacrev
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import cos, sin, tanh
from minitorch.core.transforms import grad, vmap
from minitorch.tensor.handle import Tensor

R = np.random.default_rng(0)
W, X = R.standard_normal((2, 3)), R.standard_normal(3)
BOTH = pytest.mark.parametrize("jacobian", [jacrev, jacfwd])


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-6, 1e-12)


@BOTH
def test_of_a_linear_map_is_its_matrix(jacobian):
    same(jacobian(lambda x: matmul(Array(W), x))(Array(X)), W)


@BOTH
def test_shapes(jacobian):
    found = jacobian(lambda w, x: matmul(w, x), (0, 1))(Array(W), Array(X))
    assert [j.shape for j in found] == [(2, 2, 3), (2, 3)]
    same(found[0], np.einsum("ij,k->ijk", np.eye(2), X))
    assert jacobian(sin)(0.0).shape == ()
    assert jacobian(lambda x: x.reshape((3, 1, 1)))(Array(X)).shape == (3, 1, 1, 3)
    assert jacobian(lambda x: x.sum())(Array(W)).shape == (2, 3)


@BOTH
def test_trees(jacobian):
    def f(p, scale):
        return {"a": p["w"] * scale, "b": (p["v"].sum(), p["w"].sum() * p["v"])}

    p = {"w": Array(X), "v": Array(W[:, 0])}
    j = jacobian(f)(p, 2.0)
    same(j["a"]["w"], 2 * np.eye(3))
    same(j["a"]["v"], np.zeros((3, 2)))
    same(j["b"][0]["v"], np.ones(2))
    same(j["b"][1]["w"], np.tile(W[:, :1], (1, 3)))
    j = jacobian(f, (0, 1))(p, 2.0)
    same(j["a"][1], X)
    same(j["a"][0]["w"], 2 * np.eye(3))


@BOTH
def test_aux_and_keywords(jacobian):
    def f(x, k):
        return sin(x) * k, {"twice": x * 2.0, "name": "f"}

    j, aux = jacobian(f, has_aux=True)(Array(X), k=2.0)
    same(j, np.diag(2 * np.cos(X)))
    same(aux["twice"], 2 * X)
    assert aux["name"] == "f"


@BOTH
def test_keeps_dtypes(jacobian):
    assert jacobian(sin)(Array([1.0, 2.0])).dtype == np.float32
    assert jacobian(sin)(Array(X)).dtype == np.float64


@BOTH
def test_of_a_constant_is_zero(jacobian):
    same(jacobian(lambda x: Array([1.0, 2.0]))(Array(X)), np.zeros((2, 3)))


@BOTH
def test_nested_with_other_transforms(jacobian):
    same(vmap(jacobian(sin))(Array(W)), np.stack([np.diag(np.cos(w)) for w in W]))
    same(grad(lambda x: (jacobian(sin)(x) ** 2).sum())(Array(X)), -2 * np.cos(X) * np.sin(X))
    for outer in (jacrev, jacfwd):
        same(outer(jacobian(lambda x: sin(x).sum()))(Array(X)), np.diag(-np.sin(X)))


@BOTH
def test_of_tensors(jacobian):
    j = jacobian(lambda x: x * x)(Tensor([1.0, 2.0]))
    assert isinstance(j, Tensor)
    same(j, np.diag([2.0, 4.0]))


@BOTH
def test_refusals(jacobian):
    with pytest.raises(DTypeError, match=r"argument x is int64\[2\]"):
        jacobian(lambda x: x * 1.0)(Array([1, 2]))
    with pytest.raises(DTypeError, match="not real floating point"):
        jacobian(lambda x: x * 1j)(Array(np.array([1j, 2])))
    with pytest.raises(ArgumentError, match="nothing to differentiate"):
        jacobian(lambda x: x)(Array(np.ones(0)))
    with pytest.raises(ArgumentError, match="argnums 1"):
        jacobian(sin, 1)(1.0)


def test_hessian():
    same(hessian(lambda x: (x * x * x).sum())(Array(X)), np.diag(6 * X))
    h = hessian(lambda p: p["a"] * p["a"] * p["b"].sum())({"a": 2.0, "b": Array([1.0, 3.0])})
    same(h["a"]["a"], 8)
    same(h["a"]["b"], [4, 4])
    same(h["b"]["a"], [4, 4])
    same(h["b"]["b"], np.zeros((2, 2)))
    h = hessian(lambda x, y: (x * y * y).sum(), (0, 1))(Array(X), Array(X))
    same(h[0][1], np.diag(2 * X))
    same(h[1][1], np.diag(2 * X))
    same(h[0][0], np.zeros((3, 3)))


def test_hvp_is_the_hessian_times_the_vector():
    def f(p, x):
        return tanh(matmul(p["w"], x) * cos(x).sum()).sum()

    p, x = {"w": Array(W)}, Array(X)
    v, u = {"w": Array(R.standard_normal((2, 3)))}, Array(R.standard_normal(3))
    h = hessian(f, (0, 1))(p, x)
    gp, gx = hvp(f, (p, x), (v, u))
    same(gp["w"], np.tensordot(h[0]["w"][0]["w"], v["w"], 2) + np.tensordot(h[0]["w"][1], u, 1))
    same(gx, np.tensordot(h[1][0]["w"], v["w"], 2) + np.tensordot(h[1][1], u, 1))
