"""The rest of JAX's top level: shapes without arrays, and names for what is next to nothing here."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax, nn
from minitorch.errors import ShapeError

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


def test_other_names():
    assert (mt.remat, mt.jacobian, mt.make_jaxpr) == (mt.checkpoint, mt.jacrev, mt.make_graph)
    assert len({SPEC, mt.ShapeDtypeStruct([2, 3], np.float32), mt.ShapeDtypeStruct((2, 3), "int8")}) == 2
