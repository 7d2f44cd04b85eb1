"""Passes: each changes the structure that it promises to change, and no value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch.core import dtypes, tree
from minitorch.core.array import Array, wrap
from minitorch.core.aval import Aval
from minitorch.core.jit.graph import Equation, Graph, Var, check, interpret
from minitorch.core.jit.passes import (
    eliminate_common,
    eliminate_dead,
    fold_constants,
    optimize,
    simplify,
)
from minitorch.core.jit.passes.algebra import keeps_all
from minitorch.core.jit.passes.common import key_of, static_key
from minitorch.core.jit.show import make_graph
from minitorch.core.ops.affine import embedding
from minitorch.core.ops.joining import split
from minitorch.core.ops.pointwise import detach, exp, logical_not, maximum, neg, pow, sin, where
from minitorch.core.ops.reductions import max_p
from minitorch.core.ops.shaping import broadcast_p, broadcast_to, cast, cast_p, full, reshape_p, sum_p, transpose_p
from minitorch.core.ops.shaping import sum as sum_
from minitorch.core.ops.slicing import pad_p, strided_slice_p
from minitorch.core.primitive import PRIMITIVES
from minitorch.core.transforms import grad

from .test_graph import names, nested

R = np.random.default_rng(0)
X = R.standard_normal((2, 3)).astype(np.float32)
EDGES = np.array([0.0, -0.0, 1.5, -2.0, math.inf, -math.inf, math.nan, 1e38], np.float32)


def same_bits(found: Any, wanted: Any) -> None:
    """Compare values exactly, -0.0 with -0.0."""
    a, b = found.numpy(), wanted.numpy()
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    np.testing.assert_array_equal(a, b)
    if a.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))


def passed(run: Callable[[Graph], Graph], function: Any, *args: Any) -> Graph:
    """Stage a function, run a pass over it, and compare what it computes, bit by bit."""
    graph = make_graph(function)(*args)
    found = run(graph)
    check(found)
    assert found.inputs == graph.inputs
    values = [Array(a) for a in tree.leaves(args)]
    for one, wanted in zip(interpret(found, values), interpret(graph, values), strict=True):
        same_bits(one, wanted)
    assert run(found) is found
    return found


# --------------------------------------------------------------------------- dead code


def test_unused_equations_go():
    def function(x):
        exp(sin(x))
        first, second = split(x, [1, 2], axis=1)
        return first * 2.0

    assert names(passed(eliminate_dead, function, X)) == ["split", "mul"]


def test_what_is_used_stays():
    graph = make_graph(lambda x: exp(x) + sin(x))(X)
    assert eliminate_dead(graph) is graph


def test_dead_code_of_graphs_inside():
    graph = nested()
    body = graph.equations[0].params["body"]
    body.equations.append(Equation(*[getattr(body.equations[0], n) for n in ("primitive", "inputs", "params")], (V(),)))
    found = eliminate_dead(graph)
    assert names(found.equations[0].params["body"]) == ["exp", "exp", "add"]
    check(found)


def V() -> Var:
    return Var(Aval((2, 3), dtypes.float32))


# --------------------------------------------------------------------------- common subexpressions


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda x: exp(x) + exp(x), ["exp", "add"]),
        (lambda x: sin(exp(x)) + sin(exp(x)), ["exp", "sin", "add"]),
        (lambda x: (x * 2.0) + (2.0 * x), ["mul", "add"]),
        (lambda x: (x - 2.0) + (2.0 - x), ["sub", "sub", "add"]),
        (lambda x: (x * 2.0) + (x * 2), ["mul", "mul", "add"]),
        (lambda x: (x + 0.0) * (x + -0.0), ["add", "add", "mul"]),
        (lambda x: (x * Array([1.0, 2.0, 3.0])) + (x * Array([1.0, 2.0, 3.0])), ["mul", "add"]),
        (lambda x: (x * Array(2.0, "f8")) + cast(x * Array(2.0, "f4"), "f8"), ["mul", "mul", "cast", "add"]),
        (lambda x: sum_(x, 0) + sum_(x, 0), ["sum", "add"]),
        (lambda x: sum_(x, 0) + sum_(x, 0, keepdims=True), ["sum", "sum", "add"]),
        (lambda x: [split(x, [1, 2], axis=1), split(x, [1, 2], axis=1)], ["split"]),
        (lambda x: maximum(x, -x) + maximum(-x, x), ["neg", "maximum", "maximum", "add"]),
    ],
)
def test_common_subexpressions(function, left):
    assert names(passed(eliminate_common, function, X)) == left


def test_common_subexpressions_of_graphs_inside():
    found = eliminate_common(nested())
    check(found)
    assert names(found.equations[0].params["body"]) == ["exp", "add"]


def test_parameters_are_compared_by_value_where_they_have_one():
    assert static_key({"a": [1, (2.0, "x")]}) == static_key({"a": [1, (2.0, "x")]})
    different = [0, 0.0, -0.0, False, None, (0,), [0], {"a": 0}, np.zeros(2), np.zeros(3), "0", object(), {1}, {1}]
    assert len({static_key(value) for value in different}) == len(different)


def test_large_constants_are_compared_by_identity():
    big, twin = Array(np.ones((200, 200), "f4")), Array(np.ones((200, 200), "f4"))
    graph = make_graph(lambda x: (sum_(x * big) + sum_(x * big), x * twin))(np.float32(1))
    keys = [key_of(eq) for eq in graph.equations if eq.primitive.name == "mul"]
    assert keys[0] == keys[1] != keys[2]


# --------------------------------------------------------------------------- constants


def test_what_depends_on_constants_is_computed():
    graph = make_graph(lambda x, c: x * exp(c))(X, X[0])
    constant = Array(X[0])
    graph = substituted(graph, graph.inputs[1], constant)
    found = fold_constants(graph)
    check(found)
    assert names(found) == ["mul"]
    np.testing.assert_array_equal(found.equations[0].inputs[1].numpy(), np.exp(X[0]))


def substituted(graph: Graph, var: Var, constant: Any) -> Graph:
    """Make an input a constant."""
    equations = [eq.with_inputs(tuple(constant if a is var else a for a in eq.inputs)) for eq in graph.equations]
    return Graph([v for v in graph.inputs if v is not var], equations, list(graph.outputs))


def folded(function: Any, *constants: Any) -> Graph:
    graph = make_graph(function)(*constants)
    for old, value in zip(list(graph.inputs), constants):
        graph = substituted(graph, old, value)
    found = fold_constants(graph)
    check(found)
    return found


def test_folding_gives_what_eager_gives():
    found = folded(lambda x: sin(x * 2.0) + 1, wrap(X.astype(np.float16)))
    assert not found.equations
    same_bits(found.outputs[0], sin(wrap(X.astype(np.float16)) * 2.0) + 1)


def test_large_results_are_left_and_so_are_repeats():
    big = Array(np.ones((200, 200), "f4"))
    assert names(folded(lambda x: sum_(exp(x)), big)) == ["exp", "sum"]
    assert names(folded(lambda x: broadcast_to(x * 2.0, (3,)), Array(1.0))) == ["broadcast_to"]


def test_a_complaint_is_left_for_the_run():
    assert names(folded(lambda x: embedding(x, np.ones((2, 2), "f4")), Array([5]))) == ["row_numbers", "take"]


# --------------------------------------------------------------------------- algebra

COLUMN = np.ones((4, 1, 3), np.float32)
ALGEBRA: dict[str, tuple[Any, Any, list[str]]] = {
    "times one": (lambda x: x * 1.0, EDGES, []),
    "one times": (lambda x: 1 * x, EDGES, []),
    "times ones": (lambda x: x * full((2, 3), 1, dtypes.float32), X, []),
    "times a wider one": (lambda x: x * Array(1.0, "f8"), X, ["mul"]),
    "times zero": (lambda x: x * 0.0, EDGES, ["mul"]),
    "plus zero": (lambda x: x + 0.0, EDGES, ["add"]),
    "plus minus zero": (lambda x: x + -0.0, EDGES, []),
    "plus whole zero": (lambda x: x + 0, np.arange(4), []),
    "whole plus a float zero": (lambda x: x + 0.0, np.arange(4), ["add"]),
    "minus zero": (lambda x: x - 0.0, EDGES, []),
    "minus minus zero": (lambda x: x - -0.0, EDGES, ["sub"]),
    "zero minus": (lambda x: 0.0 - x, EDGES, ["sub"]),
    "over one": (lambda x: x / 1.0, EDGES, []),
    "whole over one": (lambda x: x / 1, np.arange(4), ["div"]),
    "over a power of two": (lambda x: x / 8.0, EDGES, ["mul"]),
    "over three": (lambda x: x / 3.0, EDGES, ["div"]),
    "to the one": (lambda x: x**1, EDGES, []),
    "squared": (lambda x: x**2, EDGES, ["square"]),
    "whole squared": (lambda x: x**2, np.arange(-4, 4), ["square"]),
    "root": (lambda x: x**0.5, EDGES, ["sqrt"]),
    "inverse": (lambda x: x**-1.0, EDGES, ["reciprocal"]),
    "cubed": (lambda x: x**3, np.arange(-4, 4), ["square", "mul"]),
    "exponents that vary": (lambda x: pow(2.0, x), X, ["pow"]),
    "complex times one": (lambda x: x * 1.0, np.array([1 + 2j, complex(math.inf, 0)]), ["mul"]),
    "negated twice": (lambda x: neg(neg(x)), EDGES, ["neg"]),
    "not not": (lambda x: logical_not(logical_not(x)), EDGES > 0, ["logical_not"]),
    "not not of a number": (lambda x: logical_not(logical_not(x)), EDGES, ["logical_not"] * 2),
    "plus negated": (lambda x: x + -exp(x), EDGES, ["exp", "neg", "sub"]),
    "negated plus": (lambda x: -exp(x) + x, EDGES, ["exp", "neg", "sub"]),
    "minus negated": (lambda x: x - -exp(x), EDGES, ["exp", "neg", "add"]),
    "widened after negation": (
        lambda x: x - cast(neg(cast(x, "i1")), "i8"),
        np.array([-128, 5]),
        ["cast", "neg", "cast", "sub"],
    ),
    "mixed negation": (lambda x: x - neg(cast(x, "i1")), np.array([-128, 5]), ["cast", "neg", "sub"]),
    "detach": (lambda x: exp(detach(x)), X, ["exp"]),
    "the same twice": (lambda x: maximum(x, x), EDGES, []),
    "where true": (lambda x: where(Array(True), x, 0.0), EDGES, []),
    "where false, wider": (lambda x: where(Array(False), 1.0, x), X.astype("f2"), []),
    "where of one value": (lambda x: where(x > 0, x, x), EDGES, ["greater"]),
    "where true, repeated": (
        lambda x: where(full((2, 3), True, dtypes.bool_), x, 0.0),
        X[0],
        ["broadcast_to"],
    ),
    "cast there and back": (lambda x: cast(cast(x, "f8"), "f4"), EDGES, ["cast"]),
    "cast back and there": (lambda x: cast(cast(x, "f4"), "f8"), EDGES.astype("f8"), ["cast", "cast"]),
    "cast in steps": (lambda x: cast(cast(x, "f4"), "f8"), X.astype("f2"), ["cast", "cast"]),
    "reshaped twice": (lambda x: reshape_p(reshape_p(x, shape=(6,)), shape=(3, 2)), X, ["reshape", "reshape"]),
    "reshaped there and back": (lambda x: reshape_p(reshape_p(x, shape=(6,)), shape=(2, 3)), X, ["reshape"]),
    "transposed twice": (
        lambda x: transpose_p(transpose_p(x, axes=(-2, -1, -3)), axes=(-2, -1, -3)),
        R.random((2, 3, 4)),
        ["transpose", "transpose"],
    ),
    "transposed there and back": (
        lambda x: transpose_p(transpose_p(x, axes=(-1, -2)), axes=(-1, -2)),
        X,
        ["transpose"],
    ),
    "transposed in place": (lambda x: transpose_p(x, axes=(-2, -1)), X, []),
    "transposed by ones": (lambda x: transpose_p(x, axes=(-2, -3, -1)), COLUMN, ["reshape"]),
    "repeated once": (lambda x: broadcast_p(x, shape=(2, 3)), X, []),
    "repeated twice": (
        lambda x: broadcast_p(broadcast_p(x, shape=(2, 3)), shape=(4, 2, 3)),
        X[0],
        ["broadcast_to", "broadcast_to"],
    ),
    "repeated by ones": (lambda x: broadcast_p(x, shape=(1, 2, 3)), X, ["reshape"]),
    "computed on what is repeated": (
        lambda x: exp(broadcast_p(x, shape=(2, 3)) * 2.0),
        X[0],
        ["broadcast_to", "mul", "broadcast_to", "exp", "broadcast_to"],
    ),
    "repeats that operands do by themselves": (
        lambda x, y: x * broadcast_p(y, shape=(2, 3)),
        (X, X[0]),
        ["broadcast_to", "mul"],
    ),
    "sliced whole": (lambda x: strided_slice_p(x, starts=(0, 0), stops=(2, 3), steps=(1, 1)), X, []),
    "reversed": (lambda x: strided_slice_p(x, starts=(2,), stops=(None,), steps=(-1,)), X, ["strided_slice"]),
    "padded by nothing": (lambda x: pad_p(x, starts=(0,), steps=(1,), sizes=(3,), value=0), X, []),
    "reduced over nothing": (lambda x: sum_p(x, axes=(), keepdims=False), X, []),
    "reduced over ones": (lambda x: max_p(x, axes=(-2,), keepdims=False), COLUMN, ["reshape"]),
    "reduced over ones that stay": (lambda x: max_p(x, axes=(-2,), keepdims=True), COLUMN, []),
    "cast to what it is": (lambda x: cast_p(x, dtype=dtypes.float32), EDGES, []),
    "real of real": (lambda x: PRIMITIVES["real"](PRIMITIVES["conj"](x)), EDGES, []),
    "a stack times a matrix": (
        lambda x: PRIMITIVES["matmul"](x, Array(np.ones((3, 2), np.float32))),
        COLUMN,
        ["reshape", "matmul", "reshape"],
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ALGEBRA)
def test_algebra(name):
    function, args, left = ALGEBRA[name]
    assert names(passed(simplify, function, *(args if isinstance(args, tuple) else (args,)))) == left


def test_a_simpler_form_is_simplified_again():
    graph = make_graph(lambda x: transpose_p(reshape_p(x * 1.0 / 1.0, shape=(2, 3)) ** 2, axes=(-2, -1)))(X)
    assert names(simplify(graph)) == ["square"]


def test_simplify_leaves_what_is_simple():
    graph = make_graph(grad(lambda x: sum_(sin(x) * exp(x))))(X)
    found = optimize(graph)
    assert simplify(found) is found


def test_casts_by_way_of_another_dtype():
    samples = np.array([-300, -3, -1, 0, 1, 2.5, 100, 200, 255, 300, 65504, 70000, 16777217, 2**31 - 1, 2**53 + 1])
    for source in dtypes.ALL:
        with np.errstate(all="ignore"):
            x = cast(wrap(samples), source)
            for between in dtypes.ALL:
                for target in dtypes.ALL:
                    if keeps_all(source, between, target):
                        same_bits(cast(cast(x, between), target), cast(x, target))
