"""The graph and the staging tracer: what is written down, what is refused, and what it computes again."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch.core import dtypes
from minitorch.core.array import Array
from minitorch.core.aval import Aval
from minitorch.core.errors import JitError
from minitorch.core.jit.graph import Equation, Graph, Var, check, equation, interpret, subgraphs, text, uses
from minitorch.core.jit.show import make_graph
from minitorch.core.jit.staging import stage
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.families import primitive_of
from minitorch.core.ops.joining import concatenate, split
from minitorch.core.ops.lookup import unique
from minitorch.core.ops.pointwise import add, exp, mul, sin, where_p
from minitorch.core.ops.shaping import sum as sum_
from minitorch.core.ops.shaping import transpose
from minitorch.core.primitive import NO_BATCHING, NO_DERIVATIVE, Primitive, evaluate_plain
from minitorch.core.transforms import grad, jvp, value_and_grad, vmap

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)


def names(graph: Graph) -> list[str]:
    return [eq.primitive.name for eq in graph.equations]


# --------------------------------------------------------------------------- staging


def test_a_function_becomes_its_equations():
    graph = make_graph(lambda x, y: sum_(exp(x) * y + 1.0))(X, X)
    check(graph)
    assert names(graph) == ["exp", "mul", "add", "sum"]
    assert [v.aval for v in graph.inputs] == [Aval((2, 3), dtypes.float32)] * 2
    assert graph.outputs[0].aval == Aval((), dtypes.float32)
    np.testing.assert_allclose(interpret(graph, [Array(X), Array(X)])[0].numpy(), np.sum(np.exp(X) * X + 1), 1e-6)


def test_python_numbers_stay_weak():
    graph = make_graph(lambda x: mul(2.0, x))(X.astype(np.float16))
    assert graph.equations[0].inputs[0] == 2.0
    assert graph.outputs[0].aval.dtype == dtypes.float16


def test_arguments_and_results_may_be_pytrees():
    graph = make_graph(lambda p, scale: {"out": [p["w"] * scale, p["b"]], "one": 1.0})({"w": X, "b": X[0]}, scale=2.0)
    assert len(graph.inputs) == 3 and len(graph.outputs) == 3
    b, w = graph.inputs[0], graph.inputs[1]
    assert (b.aval.shape, w.aval.shape) == ((3,), (2, 3))
    assert b in graph.outputs and any(isinstance(a, Array) for a in graph.outputs)


def test_arrays_that_are_closed_over_are_constants():
    constant = Array(X)
    graph = make_graph(lambda x: x + constant)(X)
    assert graph.equations[0].inputs[1] is constant


def test_equations_know_the_line_that_wrote_them():
    graph = make_graph(lambda x: sin(x))(X)
    assert graph.equations[0].line.rpartition(":")[0] == __file__


def test_several_results():
    graph = make_graph(lambda x: split(x, [1, 2], axis=1))(X)
    (eq,) = graph.equations
    assert eq.many and [v.aval.shape for v in eq.outputs] == [(2, 1), (2, 2)]
    assert [x.tolist() for x in interpret(graph, [Array(X)])] == [X[:, :1].tolist(), X[:, 1:].tolist()]


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x: x if x[0, 0] > 0 else -x, "bool"),
        (lambda x: x * float(x[0, 0]), r"float\(\)"),
        (lambda x: x * int(x[0, 0]), r"int\(\)"),
        (lambda x: x * x[0, 0].item(), r"\.item\(\)"),
        (lambda x: x.numpy(), r"\.numpy\(\)"),
        (lambda x: x.tolist(), r"\.tolist\(\)"),
        (lambda x: f"{x}", "print"),
        (lambda x: str(x), "print"),
    ],
)
def test_what_needs_data_raises_with_the_line(function, wanted):
    with pytest.raises(JitError, match=wanted) as caught:
        make_graph(function)(X)
    assert f"{__file__}:" in str(caught.value)


def test_a_shape_that_depends_on_data_raises():
    with pytest.raises(JitError, match="depends on"):
        make_graph(unique)(X)


def test_a_staged_value_that_escapes_raises():
    kept = []
    make_graph(lambda x: kept.append(x) or x)(X)
    with pytest.raises(JitError, match="has finished"):
        kept[0] + 1


def test_stage_refuses_traced_values_that_are_closed_over():
    with pytest.raises(JitError, match="closes over"):
        grad(lambda y: stage(lambda xs: [xs[0] * y], [Aval((), dtypes.float32)]))(1.0)


# --------------------------------------------------------------------------- transforms and graphs


def test_transforms_run_inside_a_graph():
    graph = make_graph(value_and_grad(lambda x: sum_(sin(x) * x)))(X)
    check(graph)
    value, slope = interpret(graph, [Array(X)])
    np.testing.assert_allclose(value.numpy(), np.sum(np.sin(X) * X), 1e-6)
    np.testing.assert_allclose(slope.numpy(), np.cos(X) * X + np.sin(X), 1e-5)
    batched = make_graph(vmap(lambda x: matmul(x, transpose(x))))(np.stack([X, X]))
    check(batched)
    assert batched.outputs[0].aval.shape == (2, 2, 2)


def test_a_graph_can_be_transformed():
    graph = make_graph(lambda x: exp(x) * x)(X)

    def run(x):
        return interpret(graph, [x])[0]

    slope = np.exp(X) * (X + 1)
    np.testing.assert_allclose(grad(lambda x: sum_(run(x)))(Array(X)).numpy(), slope, 1e-6)
    np.testing.assert_allclose(jvp(run, (Array(X),), (Array(np.ones_like(X)),))[1].numpy(), slope, 1e-6)
    np.testing.assert_allclose(vmap(run)(Array(np.stack([X, X]))).numpy()[1], np.exp(X) * X, 1e-6)
    assert names(make_graph(run)(X)) == names(graph)


# --------------------------------------------------------------------------- checking


def test_check_finds_a_wrong_aval():
    graph = make_graph(lambda x: exp(x))(X)
    eq = graph.equations[0]
    wrong = Var(Aval((3, 2), dtypes.float32))
    graph.equations[0] = Equation(eq.primitive, eq.inputs, eq.params, (wrong,))
    graph.outputs = [wrong]
    with pytest.raises(
        JitError, match=r"exp: the graph gives it \['float32\[3, 2\]'\], its rule \['float32\[2, 3\]'\]"
    ):
        check(graph)


def test_check_finds_a_variable_that_is_used_before_it_is_assigned():
    graph = make_graph(lambda x: exp(sin(x)))(X)
    graph.equations.reverse()
    with pytest.raises(JitError, match="before it is assigned"):
        check(graph)
    with pytest.raises(JitError, match="outputs"):
        check(Graph([], [], [Var(Aval((), dtypes.float32))]))


def test_check_finds_a_variable_that_is_assigned_twice():
    graph = make_graph(lambda x: exp(x))(X)
    graph.equations *= 2
    with pytest.raises(JitError, match="twice"):
        check(graph)
    var = Var(Aval((), dtypes.float32))
    with pytest.raises(JitError, match="twice"):
        check(Graph([var, var], [], [var]))


# --------------------------------------------------------------------------- the rest


def test_text():
    graph = make_graph(lambda x, y: (sum_(x * 2.0, axis=0) + y, 1.0))(X, X[0])
    assert str(graph) == text(graph)
    assert (
        str(graph)
        == """\
graph(a: float32[2, 3], b: float32[3]):
    c: float32[2, 3] = mul a 2.0
    d: float32[3] = sum[axes=(-2,), keepdims=False] c
    e: float32[3] = add d b
    return e, 1.0"""
    )


def test_names_go_on_after_z():
    def many(x):
        for _ in range(30):
            x = sin(x)
        return x

    last = str(make_graph(many)(X)).splitlines()[-1]
    assert last == "    return ae"


def test_uses_counts_reads():
    graph = make_graph(lambda x: (concatenate([x, x]), x))(X)
    assert uses(graph)[graph.inputs[0]] == 3
    assert uses(graph)[graph.outputs[0]] == 1


def holding(graph: Graph) -> Primitive:
    """Return a primitive that applies the graph among its parameters."""

    def impl(x, *, body):
        return interpret(body, [Array(x)])[0].numpy()

    rules = (NO_BATCHING, NO_DERIVATIVE, NO_DERIVATIVE, ("x",), ("body",))
    abstract = lambda x, *, body: body.outputs[0].aval  # noqa: E731
    return Primitive("held", {np.ndarray: impl}, evaluate_plain, abstract, *rules, holds_graphs=True)


def nested() -> Graph:
    """Return a graph with one equation that holds a graph."""
    inner = make_graph(lambda x: exp(x) + exp(x))(X)
    x = Var(Aval((2, 3), dtypes.float32))
    eq = equation(holding(inner), [x], {"body": inner})
    return Graph([x], [eq], list(eq.outputs))


def test_graphs_inside_equations():
    graph = nested()
    check(graph)
    (eq,) = graph.equations
    assert list(subgraphs(eq)) == [eq.params["body"]]
    np.testing.assert_allclose(interpret(graph, [Array(X)])[0].numpy(), 2 * np.exp(X), 1e-6)
    assert "        body(" in str(graph) and "exp" in str(graph)
    eq.params["body"].equations.reverse()
    with pytest.raises(JitError, match="before it is assigned"):
        check(graph)


def test_equations_of_every_kind_of_operand():
    x = Var(Aval((2, 3), dtypes.float32))
    eq = equation(primitive_of(where_p), [Array([True, False, True]), x, 0.0], {})
    assert eq.outputs[0].aval == x.aval
    assert equation(primitive_of(add), [1, 2], {}).outputs[0].aval == Aval((), dtypes.int64)
