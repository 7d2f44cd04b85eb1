"""The pipeline as a whole: a network, every operation of the test table and its derivative, random programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.core import dtypes, tree
from minitorch.core.array import Array
from minitorch.core.jit.graph import check, interpret
from minitorch.core.jit.passes import optimize
from minitorch.core.jit.show import make_graph
from minitorch.core.jit.staging import stage
from minitorch.core.ops.affine import embedding, linear
from minitorch.core.ops.attention import scaled_dot_product_attention
from minitorch.core.ops.convolution import convolution
from minitorch.core.ops.cross_entropy import cross_entropy
from minitorch.core.ops.dropout import dropout
from minitorch.core.ops.losses import mse_loss
from minitorch.core.ops.normalization import batch_norm, layer_norm
from minitorch.core.ops.norms import norm
from minitorch.core.ops.pooling import max_pool
from minitorch.core.ops.reductions import mean
from minitorch.core.ops.sampling import key
from minitorch.core.ops.special import gelu
from minitorch.core.primitive import NO_BATCHING, PRIMITIVES
from minitorch.core.tracer import Tracer, aval_of
from minitorch.core.transforms import grad, vjp

from ..engine.test_programs import COMMON, programs
from ..test_table import ROWS, arrays, assert_same, build, differentiated, inexact_part, is_finite
from ..test_table import cast as cast_args
from .test_graph import names, nested

X = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


# What kernels are made of.
VOCABULARY = {"sum", "max", "min", "prod", "broadcast_to", "reshape", "transpose", "cast", "strided_slice", "pad"}
VOCABULARY |= {"concatenate", "matmul", "take", "scatter_add"}
# What has implementations of its own.
LIBRARY = {"conv", "conv_input", "conv_weight", "max_pool", "pool_put", "row_numbers", "random_bits", "split_key"}


def network(p: Any, images: Any, tokens: Any, target: Any) -> Any:
    """A bit of everything."""
    x = max_pool(gelu(batch_norm(convolution(images, p["kernel"], p["scale"]), p["scale"], p["scale"])[0]), (2, 2))
    x = linear(x.reshape((x.shape[0], -1)), p["w"])
    q = layer_norm(embedding(tokens, p["table"]), p["b"], p["b"])
    x = x + mean(scaled_dot_product_attention(q, q, q, causal=True), 1)
    return cross_entropy(dropout(key(1), x, 0.5), target) + mse_loss(x, x * 0.5) + 0.01 * norm(x)


def network_arguments() -> tuple[Any, ...]:
    r = np.random.default_rng(1)
    shapes = {"kernel": (4, 2, 3, 3), "scale": (4,), "w": (5, 16), "table": (7, 5), "b": (5,)}
    p = {name: r.standard_normal(shape) for name, shape in shapes.items()}
    return p, r.standard_normal((3, 2, 6, 6)), r.integers(0, 7, (3, 4)), np.array([0, 4, 1])


def test_a_network_reaches_the_vocabulary():
    args = network_arguments()
    graph = make_graph(grad(network))(*args)
    found = optimize(graph)
    check(found)
    rest = {eq.primitive.name for eq in found.equations if eq.primitive.formula is None}
    assert rest <= VOCABULARY | LIBRARY
    values = [Array(x) for x in tree.leaves(args)]
    for one, wanted in zip(interpret(found, values), tree.leaves(grad(network)(*args)), strict=True):
        np.testing.assert_allclose(one.numpy(), wanted.numpy(), 1e-9, 1e-12)


def test_optimize_ends_where_nothing_changes():
    graph = optimize(make_graph(grad(network))(*network_arguments()))
    assert optimize(graph) is graph


def test_optimize_looks_into_graphs_inside():
    found = optimize(nested())
    check(found)
    assert names(found.equations[0].params["body"]) == ["exp", "add"]


def test_results_that_are_arguments_or_constants():
    graph = make_graph(lambda x, y: (x, y * 1.0, Array(2.0), x))(X, X)
    found = optimize(graph)
    assert found.outputs[:2] == graph.inputs and found.outputs[3] is graph.inputs[0] and not found.equations


# --------------------------------------------------------------------------- every operation, random programs

STAGED = [
    pytest.param(row, id=row.name)
    for row in ROWS
    if not any(PRIMITIVES[name].batch is NO_BATCHING for name in row.covers() if name in PRIMITIVES)
]
PRECISION = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1.6e-1}


def as_lists(function: Any, args: Any) -> tuple[Callable[[list[Any]], list[Any]], list[Array]]:
    """Return a function of pytrees as one from the arrays in them to those in its result, with these arguments."""
    leaves, structure = tree.flatten(args)
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array)]

    def run(values):
        inner = list(leaves)
        for i, x in zip(places, values):
            inner[i] = x
        out = tree.leaves(function(*tree.unflatten(structure, inner)))
        return [x if isinstance(x, (Array, Tracer)) else Array(x) for x in out]

    return run, [leaves[i] for i in places]


def agree(function: Any, args: Any, rtol: float, staged_rtol: float, what: str) -> None:
    """Stage, check and interpret; optimize, check and interpret."""
    run, values = as_lists(function, args)
    graph = stage(run, [x.aval for x in values])
    check(graph)
    found = optimize(graph)
    check(found)
    with np.errstate(all="ignore"):
        wanted = run(values)
        for one, precision in ((graph, staged_rtol), (found, rtol)):
            out = interpret(one, values)
            assert [aval_of(x) for x in out] == [x.aval for x in wanted], what
            assert_same(out, wanted, precision, what)


@pytest.mark.parametrize("row", STAGED)
def test_every_operation(row):
    for case in row.complex_cases:
        agree(lambda *xs, case=case: row.function(*xs, **case.params), arrays(build(row, case)), 1e-9, 0, row.name)
    for case in row.cases:
        for dtype in ("float64", *(d for d in row.dtypes if d in PRECISION)):
            args = cast_args(build(row, case), dtypes.canonical(dtype))
            agree(lambda *xs, case=case: row.function(*xs, **case.params), arrays(args), PRECISION[dtype], 0, row.name)


@pytest.mark.parametrize("row", [p for p in STAGED if p.values[0].grad])
def test_every_derivative(row):
    for case in (*row.cases, *row.complex_cases):
        args = build(row, case)
        function, point = differentiated(row, case, args)
        if point and is_finite(args):
            agree(pulled(function), point, 1e-7, 1e-9, row.name)


def pulled(function: Any) -> Any:
    """Return the function that pulls a random cotangent back."""

    def run(*xs: Any) -> Any:
        out, pull = vjp(inexact_part(function), *xs)
        r = np.random.default_rng(7)
        return pull(tuple(Array(r.uniform(0.5, 1.5, x.shape), x.dtype) for x in out))

    return run


@settings(max_examples=60, **COMMON)
@given(programs(), st.integers(0, 10**6))
def test_random_programs(program, seed):
    xs = program.inputs(seed)
    for dtype in ("float64", "float32"):
        args = [Array(x, dtype) for x in xs]
        agree(program, args, PRECISION[dtype], 0, str(program))
        agree(grad(program, tuple(range(len(xs)))), args, 100 * PRECISION[dtype], 1e-4, str(program))


@pytest.mark.slow
@settings(max_examples=2_000, **COMMON)
@given(programs(), st.integers(0, 10**6))
def test_many_random_programs(program, seed):
    xs = list(map(Array, program.inputs(seed)))
    agree(program, xs, 1e-10, 0, str(program))
    agree(grad(program, tuple(range(len(xs)))), xs, 1e-8, 1e-9, str(program))
