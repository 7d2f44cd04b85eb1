"""Decompositions: what is fused equals its definition in simpler operations, derivatives and edge cases included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minitorch.core import tree
from minitorch.core.array import Array
from minitorch.core.errors import OutOfBoundsError
from minitorch.core.jit.graph import check, interpret
from minitorch.core.jit.passes import decompose, optimize
from minitorch.core.jit.passes.decompositions import NUMERIC, STRUCTURAL
from minitorch.core.jit.show import make_graph
from minitorch.core.ops.affine import linear
from minitorch.core.ops.attention import attention_weights
from minitorch.core.ops.cross_entropy import cross_entropy
from minitorch.core.ops.dropout import dropout
from minitorch.core.ops.losses import mse_loss
from minitorch.core.ops.normalization import batch_norm, layer_norm
from minitorch.core.ops.norms import norm, std, var
from minitorch.core.ops.reductions import logsumexp, mean
from minitorch.core.ops.sampling import key
from minitorch.core.ops.shaping import full
from minitorch.core.ops.softmax import log_softmax, softmax
from minitorch.core.primitive import PRIMITIVES
from minitorch.core.tracer import aval_of
from minitorch.core.transforms import grad, vjp

from ..test_table import inexact_part
from .test_graph import names

R = np.random.default_rng(0)
X = R.standard_normal((2, 3)).astype(np.float32)


CLASSES = np.array([0, 2, 1, -100, 2])
SCORES = R.standard_normal((5, 3))
IMAGES = R.standard_normal((2, 3, 4, 4))
COMPOSED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "linear": (linear, (R.random((2, 4, 3)), R.random((5, 3)), R.random(5))),
    "linear of a vector": (linear, (R.random(3), R.random((5, 3)))),
    "softmax": (softmax, (SCORES,)),
    "softmax of huge numbers": (softmax, (np.array([1e308, -1e308, 1e308]),)),
    "softmax of nothing": (softmax, (np.zeros((2, 0)),)),
    "log_softmax": (lambda x: log_softmax(x, 0), (SCORES * 1000,)),
    "logsumexp": (lambda x: logsumexp(x, (0, 1)), (SCORES * 1000,)),
    "logsumexp of infinities": (
        lambda x: logsumexp(x, 1),
        (np.array([[-math.inf, -math.inf], [math.inf, 0], [math.nan, 0], [-math.inf, 2]]),),
    ),
    "logsumexp of nothing": (lambda x: logsumexp(x, 1, keepdims=True), (np.zeros((2, 0)),)),
    "mean of nothing": (lambda x: mean(x, 1), (np.zeros((2, 0)),)),
    "var": (lambda x: var(x, 0, correction=1), (SCORES + 1e8,)),
    "var without freedom": (lambda x: var(x, 0, correction=9), (SCORES,)),
    "std": (lambda x: std(x, (0, 1), keepdims=True), (SCORES,)),
    "norm": (norm, (SCORES,)),
    "norm of huge and tiny numbers": (lambda x: norm(x, axis=1), (np.array([[1e300, 1e300], [1e-300, 0], [0, 0]]),)),
    "norm of infinities": (lambda x: norm(x, axis=1), (np.array([[math.inf, 1], [math.nan, 1]]),)),
    "norm of another order": (lambda x: norm(x, 3, 0), (SCORES,)),
    "norm of nothing": (lambda x: norm(x, 3, 1), (np.zeros((2, 0)),)),
    "layer_norm": (lambda x, w, b: layer_norm(x, w, b), (SCORES + 10, R.random(3), R.random(3))),
    "batch_norm": (batch_norm, (IMAGES, R.random(3), R.random(3))),
    "mse_loss": (mse_loss, (SCORES, SCORES[::-1])),
    "cross_entropy": (cross_entropy, (SCORES, CLASSES)),
    "sum of cross_entropy": (lambda x, y: cross_entropy(x, y, reduction="sum"), (SCORES, CLASSES)),
    "cross_entropy row by row": (lambda x, y: cross_entropy(x, y, reduction="none"), (SCORES, CLASSES)),
    "cross_entropy of ignored rows": (cross_entropy, (SCORES, np.full(5, -100))),
    "cross_entropy of nobody": (cross_entropy, (np.zeros((0, 3)), np.zeros(0, int))),
    "attention": (lambda q, k: attention_weights(q, k, causal=True), (R.random((2, 4, 3)), R.random((2, 4, 3)))),
    "masked attention": (
        attention_weights,
        (R.random((2, 3)), R.random((2, 3)), np.array([[True, False], [False] * 2])),
    ),
    "dropout": (lambda x: dropout(key(3), x, 0.5), (SCORES,)),
    "index": (lambda x: x[None, 1, ::-1, ..., -1, 1:3], (R.random((2, 3, 4, 5)),)),
    "index of nothing": (lambda x: x[5:, 0], (SCORES,)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_decompositions(name, dtype):
    function, args = COMPOSED[name]
    with np.errstate(all="ignore"):
        args = [a.astype(dtype) if a.dtype.kind == "f" else a for a in args]
    rtol, loose = {"float64": (1e-12, 1e-9), "float32": (1e-6, 1e-4), "float16": (2e-3, 1e-2)}[dtype]
    for run, atol in ((function, rtol), (slopes(function, args), loose)):
        graph = make_graph(run)(*args)
        found = decompose(graph)
        check(found)
        assert not {eq.primitive.name for eq in found.equations} & (set(NUMERIC) | set(STRUCTURAL))
        wanted = tree.leaves(run(*map(Array, args)))
        for one, x in zip(interpret(found, list(map(Array, args))), wanted, strict=True):
            assert aval_of(one) == aval_of(x)
            np.testing.assert_allclose(one.numpy().astype("f8"), x.numpy().astype("f8"), max(rtol, atol), atol)


def slopes(function: Any, args: list[Any]) -> Any:
    """Return the function that pulls ones back to the floating arguments."""
    chosen = [i for i, a in enumerate(args) if a.dtype.kind == "f"]

    def run(*xs):
        def inner(*floats):
            full_ = list(xs)
            for i, x in zip(chosen, floats):
                full_[i] = x
            return inexact_part(function)(*full_)

        out, pull = vjp(inner, *(xs[i] for i in chosen))
        return pull(tuple(full(x.shape, 1, x.dtype) for x in out))

    return run


def test_what_is_kept_stays_whole():
    graph = make_graph(lambda x, w: softmax(linear(x, w)))(X, X)
    assert names(decompose(graph, {"linear"}))[0] == "linear"
    assert names(decompose(graph, {"linear", "softmax"})) == ["linear", "softmax"]
    assert decompose(graph, {"linear", "softmax"}) is graph
    assert names(optimize(graph, {"softmax"})) == ["transpose", "matmul", "softmax"]


def test_decompositions_know_the_line_of_the_whole():
    graph = make_graph(lambda x: softmax(x))(X)
    assert {eq.line for eq in decompose(graph).equations} == {graph.equations[0].line}


@pytest.mark.parametrize("classes", [[0, 3], [0, -1]])
def test_a_wrong_class_still_raises(classes):
    found = optimize(make_graph(cross_entropy)(X, np.array([0, 1])))
    with pytest.raises(OutOfBoundsError, match=str(classes[1])):
        interpret(found, [Array(X), Array(classes)])


def test_loss_and_slope_share_what_they_compute():
    found = optimize(make_graph(lambda x: [cross_entropy(x, [0, 1]), grad(cross_entropy)(x, [0, 1])])(X))
    for name in ("exp", "max", "log"):
        assert names(found).count(name) == 1


def test_normalization_shares_its_statistics_with_the_backward_pass():
    def function(x, w, b):
        out, pull = vjp(layer_norm, x, w, b)
        return out, pull(out * 2.0)

    found = names(optimize(make_graph(function)(X, X[0], X[0])))
    assert found.count("rsqrt") == 1 and found.count("sum") == 6


def test_the_tables_name_primitives():
    assert set(NUMERIC) | set(STRUCTURAL) <= set(PRIMITIVES)
