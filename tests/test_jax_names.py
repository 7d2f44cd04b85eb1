"""The rest of JAX's top level: shapes without arrays, and names for what is next to nothing here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special as theirs

import minitorch as mt
from minitorch import lax, nn, scipy
from minitorch.errors import DTypeError, ShapeError
from minitorch.flatten_util import ravel_pytree

SPEC = mt.ShapeDtypeStruct((2, 3), "float32")

SHAPES = {
    "a tree": (lambda x: {"y": x @ x.T, "n": x.sum()}, {"y": ((2, 2), "float32"), "n": ((), "float32")}),
    "numbers": (lambda x: (x.size, 1.5, x > 0), (((), "int64"), ((), "float32"), ((2, 3), "bool"))),
    "a gradient": (mt.grad(lambda x: (x**2).sum()), ((2, 3), "float32")),
    "a loop": (lambda x: lax.while_loop(lambda y: y.sum() < 1, lambda y: y + 1, x), ((2, 3), "float32")),
    "compiled": (mt.jit(lambda x: x.astype("int8")[0]), ((3,), "int8")),
    "a batch": (mt.vmap(lambda x: mt.numpy.outer(x, x)), ((2, 3, 3), "float32")),
    "a layer": (nn.Linear(3, 5), ((2, 5), "float32")),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_those_of_a_call(name):
    function, wanted = SHAPES[name]
    found = mt.eval_shape(function, SPEC)
    made = function(mt.tensor(np.ones((2, 3), "f4")) if name == "a layer" else mt.array(np.ones((2, 3), "f4")))
    for one, other, value in zip(*map(mt.tree.leaves, (found, leaves_of(wanted), made)), strict=True):
        assert one == other and one.shape == mt.numpy.shape(value)
        assert one.ndim == len(one.shape) and one.size == mt.numpy.size(value)
    assert mt.eval_shape(function, mt.array(np.ones((2, 3), "f4"))) == found


def leaves_of(wanted):
    if isinstance(wanted, dict):
        return {key: leaves_of(value) for key, value in wanted.items()}
    is_leaf = isinstance(wanted[-1], str)
    return mt.ShapeDtypeStruct(*wanted) if is_leaf else tuple(map(leaves_of, wanted))


def test_nothing_is_computed():
    seen = []
    mt.eval_shape(lambda x: mt.debug.callback(seen.append, x), SPEC)
    assert not seen
    with pytest.raises(ShapeError, match="matmul"):
        mt.eval_shape(lambda x: x @ x, SPEC)
    assert mt.vmap(lambda x: x * mt.eval_shape(lambda y: x[None] * y, SPEC).size)(mt.array([1.0])).tolist() == [6.0]


def test_between_host_and_device():
    x = {"a": np.arange(3.0), "b": 2.0}
    put = mt.device_put(x, "cpu")
    assert all(isinstance(leaf, mt.Array) for leaf in mt.tree.leaves(put))
    got = mt.device_get(put)
    assert isinstance(got["a"], np.ndarray) and got["a"].tolist() == [0.0, 1.0, 2.0]
    assert mt.block_until_ready(put) is put
    assert mt.jit(lambda x: (x * 2).block_until_ready())(mt.array(1.0)).block_until_ready().item() == 2.0


TREE = {"w": np.ones((2, 3), "f4"), "n": (np.arange(2), None, 1.5), "h": np.zeros(1, "f2")}


def test_a_tree_as_a_vector():
    vector, unravel = ravel_pytree(TREE)
    assert vector.dtype == mt.float32 and vector.tolist() == [0.0, 0, 1, 1.5, 1, 1, 1, 1, 1, 1]
    back = unravel(vector * 2)
    assert mt.tree.structure(back) == mt.tree.structure(TREE)
    assert [(x.dtype.name, x.tolist()) for x in mt.tree.leaves(back)] == [
        ("float16", [0]), ("int64", [0, 2]), ("float32", 3.0), ("float32", [[2, 2, 2], [2, 2, 2]])]  # fmt: skip
    with pytest.raises(ShapeError, match="10 elements, got float32.2."):
        unravel(vector[:2])
    with pytest.raises(DTypeError, match="float64"):
        unravel(vector.astype("float64"))
    empty, unravel = ravel_pytree(())
    assert empty.shape == (0,) and unravel(empty) == ()


def test_a_hessian_of_a_tree_is_a_matrix():
    start = {"a": mt.array([1.0, 2.0]), "b": mt.array(3.0)}
    vector, unravel = ravel_pytree(start)
    f = lambda p: (p["a"] ** 2).sum() * p["b"]  # noqa: E731
    wanted = [[6.0, 0, 2], [0, 6, 4], [2, 4, 0]]
    hessian = mt.hessian(lambda v: f(unravel(v)))
    assert hessian(vector).tolist() == wanted and mt.jit(hessian)(vector).tolist() == wanted
    both = mt.vmap(lambda t: ravel_pytree(mt.grad(f)({"a": start["a"] * t, "b": start["b"]}))[0])
    assert both(mt.array([1.0, 2.0])).tolist() == [[6, 12, 5], [12, 24, 20]]


X = np.array([0.3, 0.7, 0.9])
SPECIAL = {name: (X,) for name in scipy.special.__all__} | {
    "gammainc": (X, X + 1), "gammaincc": (X, X + 1), "multigammaln": (X + 3, 2), "polygamma": (2, X),
    "xlog1py": (X, X), "xlogy": (X, X), "zeta": (X + 1, X),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_have_scipys_arguments(name):
    found = getattr(scipy.special, name)(*(mt.array(x) if isinstance(x, np.ndarray) else x for x in SPECIAL[name]))
    assert isinstance(found, mt.Array)
    np.testing.assert_allclose(found.numpy(), getattr(theirs, name)(*SPECIAL[name]), 1e-10)


def test_other_names():
    assert (mt.remat, mt.jacobian, mt.make_jaxpr) == (mt.checkpoint, mt.jacrev, mt.make_graph)
    assert len({SPEC, mt.ShapeDtypeStruct([2, 3], np.float32), mt.ShapeDtypeStruct((2, 3), "int8")}) == 2
