"""`minitorch.tree`: JAX's results on nested containers, Modules and Tensors, and what it refuses."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, tree, tree_util
from minitorch.core import errors

Point = namedtuple("Point", "x y")
NESTED = {"b": (1, [2, Point(3, 4)]), "a": None, "c": OrderedDict(z=5, y={"k": 6})}
FULL = (0, {"a": 0, "b": 0}, (0, 0))

CASES = {
    "leaves": lambda t: t.leaves(NESTED),
    "leaves until": lambda t: t.leaves(NESTED, is_leaf=lambda x: isinstance(x, list)),
    "flatten": lambda t: t.unflatten(t.flatten(NESTED)[1], range(6)),
    "map": lambda t: t.map(lambda x: x * 2, NESTED),
    "map of two": lambda t: t.map(lambda x, y: (x, y), [1, 2], [10, (20, 30)]),
    "map until": lambda t: t.map(len, [(1, 2), (3,)], is_leaf=lambda x: isinstance(x, tuple)),
    "reduce": lambda t: t.reduce(lambda x, y: x - y, NESTED),
    "reduce from": lambda t: t.reduce(lambda x, y: x - y, NESTED, 100),
    "reduce of nothing": lambda t: t.reduce(lambda x, y: x - y, None, 7),
    "reduce in pairs": lambda t: t.reduce_associative(lambda x, y: x + y, NESTED),
    "all": lambda t: (t.all(NESTED), t.all([1, 0]), t.all(None)),
    "transpose": lambda t: t.transpose(t.structure([0, 0]), t.structure({"a": 0, "b": (0, 0)}),
                                       [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}]),
    "transpose, inferred": lambda t: t.transpose(t.structure([0, 0]), None, [(1, 2, 3), (4, 5, 6)]),
    "broadcast": lambda t: t.broadcast((1, 2, 3), FULL),
    "broadcast one": lambda t: t.broadcast(7, FULL),
}  # fmt: skip


@pytest.mark.jax
@pytest.mark.parametrize("name", CASES)
def test_as_jax(name):
    jax = pytest.importorskip("jax")
    assert CASES[name](tree) == CASES[name](jax.tree)


@pytest.mark.jax
def test_paths_are_those_of_jax():
    jax = pytest.importorskip("jax")
    ours, theirs = tree.leaves_with_path(NESTED), jax.tree.leaves_with_path(NESTED)
    assert [x for _, x in ours] == [x for _, x in theirs]
    assert [repr(path) for path, _ in ours] == [repr(path) for path, _ in theirs]
    for (mine, _), (other, _) in zip(ours, theirs):
        assert tree.keystr(mine) == jax.tree_util.keystr(other)
        simple = {"simple": True, "separator": "/"}
        assert tree.keystr(mine, **simple) == jax.tree_util.keystr(other, **simple)
    names = tree.map_with_path(lambda path, x, y: f"{tree.keystr(path)}={x + y}", {"a": (1, 2)}, {"a": (10, 20)})
    assert names == {"a": ("['a'][0]=11", "['a'][1]=22")}
    assert tree.flatten_with_path(NESTED)[1] == tree.structure(NESTED)


@pytest.mark.jax
def test_every_name_of_tree_util_is_jaxs():
    jax = pytest.importorskip("jax")
    ours = {name for name in dir(tree_util) if not name.startswith("_")}
    assert ours <= set(dir(jax.tree_util))
    assert tree_util.tree_map is tree.map


def test_tensors_are_nodes_and_paths_end_at_them():
    given = {"w": mt.tensor([1.0, 2.0]), "m": nn.Linear(2, 1, bias=False)}
    assert [tree.keystr(path) for path, _ in tree.leaves_with_path(given)] == ["['m'].weight", "['w']"]
    doubled = tree.map(lambda x: x * 2, given)
    assert isinstance(doubled["w"], mt.Tensor) and isinstance(doubled["m"], nn.Linear)
    np.testing.assert_array_equal(doubled["w"].numpy(), [2.0, 4.0])
    whole = tree.leaves(given, is_leaf=lambda x: isinstance(x, mt.Tensor))
    assert all(isinstance(x, mt.Tensor) for x in whole)


@dataclasses.dataclass
class Met:
    a: int
    kind: str = tree.static(default="first")


@dataclasses.dataclass
class Named:
    a: int
    b: int
    kind: str = "none"


def test_dataclasses_and_their_static_fields():
    assert tree.leaves(Met(1)) == [1]
    assert tree.map(lambda x: x + 1, Met(1, "k")) == Met(2, "k")
    assert tree.structure(Met(1, "k")) != tree.structure(Met(1, "l"))
    tree.register_dataclass(Named, ["a", "b"], ["kind"])
    assert tree.map(lambda x: x + 1, Named(1, 2, "k")) == Named(2, 3, "k")
    assert [tree.keystr(p) for p, _ in tree.leaves_with_path(Named(1, 2))] == [".a", ".b"]
    assert tree.leaves([Met(1), 2], is_leaf=lambda x: isinstance(x, Met)) == [Met(1), 2]
    g = mt.grad(lambda m: m.a * m.a * len(m.kind))(Met(3.0, "four"))
    assert g.a.item() == 24.0 and g.kind == "four"


def test_partial_goes_through_transforms():
    scaled = tree.Partial(lambda scale, x: scale * x, 3.0)
    assert tree.leaves(scaled) == [3.0]
    assert mt.grad(lambda f: f(2.0))(scaled).args[0].item() == 2.0


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: tree.map(lambda x, y: x, [1, 2], [1]), errors.ShapeError, r"tree.map.*\[\*, \*\]"),
        (lambda: tree.unflatten(tree.structure([1, 2]), [1]), errors.ShapeError, "1 leaves"),
        (lambda: tree.broadcast((1, 2), (1, 2, 3)), errors.ShapeError, "no prefix"),
        (lambda: tree.transpose(tree.structure([0, 0]), None, [(1,), (1, 2)]), errors.ShapeError, "transpose"),
        (lambda: tree.reduce_associative(max, None), errors.ArgumentError, "identity"),
        (lambda: tree.register_dataclass(Named, ["a"], []), errors.ArgumentError, "'b'"),
        (lambda: tree.register_dataclass(Named, ["a"]), errors.ArgumentError, "both"),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
