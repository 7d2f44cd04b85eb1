"""The back end: whatever the graph, a plan gives what interpreting it gives."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.core import dtypes
from minitorch.core.array import Array
from minitorch.core.aval import Aval
from minitorch.core.errors import OutOfBoundsError
from minitorch.core.jit.graph import Graph, Mismatch, interpret
from minitorch.core.jit.lower import Plan, build
from minitorch.core.jit.lower.formulas import is_cheap
from minitorch.core.jit.passes import optimize
from minitorch.core.jit.staging import stage
from minitorch.core.ops import contractions, gathering, pointwise, reductions, shaping, slicing, sorting
from minitorch.core.ops.affine import linear
from minitorch.core.ops.cross_entropy import cross_entropy
from minitorch.core.ops.normalization import layer_norm
from minitorch.core.ops.softmax import log_softmax, softmax
from minitorch.core.tracer import aval_of
from minitorch.core.transforms import vjp
from tests.test_table import assert_same

F32 = dtypes.float32


def compiled(function: Any, values: list[Any], optimized: bool = True, **options: Any) -> tuple[Graph, Plan]:
    """Stage a function of a list and build its plan."""
    graph = stage(function, [aval_of(v) for v in values])
    graph = optimize(graph) if optimized else graph
    return graph, build(graph, **options)


def agree(found: list[Any], expected: list[Any], rtol: float = 1e-5) -> None:
    """Assert equal dtypes and shapes, and values to a few units of the last place."""
    for x, y in zip(found, expected, strict=True):
        if isinstance(y, Array):
            assert (x.dtype, x.shape) == (y.dtype, y.shape)
    assert_same(found, expected, rtol)


def check(function: Any, *values: Any, rtol: float = 1e-5) -> Plan:
    """Assert that a plan computes what the graph says, twice."""
    given_values = [Array(v) if isinstance(v, np.ndarray) else v for v in values]
    graph, plan = compiled(function, given_values, False)
    before = [v.numpy().copy() for v in given_values if isinstance(v, Array)]
    expected = interpret(graph, given_values)
    for _ in range(2):
        agree(plan.run(list(given_values)), expected, rtol)
    after = [v.numpy() for v in given_values if isinstance(v, Array)]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))
    return plan


def kinds(plan: Plan) -> list[str]:
    """Return what each step is."""
    return [step.group.kind for step in plan.program.steps]


def normal(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("axes", [(1,), (0, 1), (2,), (0, 2)])
def test_sums_over_nothing(axes: tuple[int, ...]) -> None:
    def function(values: list[Any]) -> list[Any]:
        x = slicing.slice_axis(pointwise.neg(values[0]), -2, 2, 2)  # a view without elements
        return [pointwise.add(shaping.sum(x, axes), 1.0), pointwise.exp(x)]

    check(function, Array(normal(2, 3, 5)), rtol=0.0)


# --------------------------------------------------------------------------- random programs

SHAPES = [(4, 6), (6,), (4, 1), (1, 6), (), (24,), (2, 2, 6)]
UNARY = [pointwise.exp, pointwise.neg, pointwise.sqrt, pointwise.relu, pointwise.tanh, pointwise.sin]
BINARY = [pointwise.add, pointwise.mul, pointwise.sub, pointwise.maximum, pointwise.minimum]
REDUCE = [reductions.max, shaping.sum, reductions.mean, reductions.min, reductions.prod]


def _step(data: Any, pool: list[Any]) -> Any:
    """Apply a random operation to values of the pool."""
    x = data.draw(st.sampled_from(pool))
    kind = data.draw(st.sampled_from(["unary", "binary", "binary", "reduce", "view", "cast", "where"]))
    if kind == "unary":
        return data.draw(st.sampled_from(UNARY))(x)
    if kind == "reduce" and x.ndim:
        axis = data.draw(st.sampled_from([None, *range(x.ndim)]))
        return data.draw(st.sampled_from(REDUCE))(x, axis, data.draw(st.booleans()))
    if kind == "view":
        return _view(data, x)
    if kind == "cast":
        return shaping.cast(shaping.cast(pointwise.clip(x, -9.0, 9.0), dtypes.float64), F32)
    fits = [y for y in pool if _broadcast(x.shape, y.shape)]
    y = data.draw(st.sampled_from([*fits, 2.0, 0.3]))
    if kind == "where":
        return pointwise.where(pointwise.greater(x, 0.1), x, y)
    return data.draw(st.sampled_from(BINARY))(x, y)


def _view(data: Any, x: Any) -> Any:
    choice = data.draw(st.sampled_from(["transpose", "flatten", "flip", "slice", "expand", "broadcast"]))
    if choice == "transpose":
        return shaping.transpose(x)
    if choice == "flip" and x.ndim:
        return slicing.flip(x, -1)
    if choice == "slice" and x.ndim and x.shape[-1] > 1:
        return slicing.slice_axis(x, -1, 1, None, 2)
    if choice == "expand":
        return shaping.expand_dims(x, -1)
    if choice == "broadcast":
        return shaping.broadcast_to(x, (2, *x.shape)) if x.ndim < 4 else x
    return shaping.reshape(x, (-1,))


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return np.prod(np.broadcast_shapes(a, b)) < 5000
    except ValueError:
        return False


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_programs(data: Any) -> None:
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = [rng.uniform(-1, 1, shape).astype("float32") for shape in shapes]

    def function(inputs: list[Any]) -> list[Any]:
        pool = list(inputs)
        for _ in range(data.draw(st.integers(1, 10))):
            pool.append(_step(data, pool))
        return data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4))

    graph = stage(function, [Aval(v.shape, F32) for v in values])
    inputs = [Array(v) for v in values]
    with np.errstate(all="ignore"):
        expected = interpret(graph, inputs)
        found = build(graph).run(list(inputs))
    for x, y in zip(found, expected, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x.numpy(), y.numpy(), 2e-4, 2e-5)


def test_a_group_that_has_gone_on_is_needed_by_what_stood_before() -> None:
    """`mul` joins `exp`, which the product needs, so that `add` may not join the sum: each would need the other."""

    def function(v: list[Any]) -> list[Any]:
        x, w, y = v
        a = pointwise.exp(x)
        product = contractions.matmul_p(a, w)
        total = pointwise.neg(shaping.sum(y, 0))
        return [pointwise.mul(a, total), pointwise.add(total, shaping.reshape(product, ()))]

    plan = check(function, normal(1, 6), normal(6, 1), normal(3))
    assert kinds(plan).count("gemm") == 1


# --------------------------------------------------------------------------- outputs, inputs, layouts, dtypes


def test_outputs_may_be_inputs_constants_and_repeated() -> None:
    x = Array(normal(3))
    constant = Array(normal(2))
    graph, plan = compiled(lambda v: [v[0], constant, w := pointwise.exp(v[0]), w, 1.5], [x])
    out = plan.run([x])
    assert out[0] is x and out[1] is constant and out[4] == 1.5
    agree(out[2:4], interpret(graph, [x])[2:4])


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a[:, :1] + a * 0])
def test_inputs_of_any_layout(view: Any) -> None:
    from minitorch.core.array import wrap

    data = wrap(view(normal(4, 6)))
    graph, plan = compiled(lambda v: [pointwise.exp(v[0]), shaping.sum(v[0], 0)], [data])
    agree(plan.run([data]), interpret(graph, [data]))


def test_views_are_read_in_place() -> None:
    plan = check(lambda v: [pointwise.add(shaping.transpose(v[0]), v[1])], normal(5, 7), normal(7, 5))
    assert kinds(plan) == ["map"]
    x = normal(2, 3, 4, 5)
    check(lambda v: [shaping.transpose(v[0], (3, 1, 0, 2)), slicing.flip(v[0], 2), shaping.reshape(v[0], (6, 20))], x)


def test_weak_numbers_are_inputs() -> None:
    avals = [Aval((3,), dtypes.float64), Aval((), F32, weak=True), Aval((), dtypes.int64, weak=True)]
    graph = stage(lambda v: [pointwise.mul(v[0], v[1]), pointwise.add(v[0], v[2]), v[1]], avals)
    plan, x = build(graph), Array(normal(3, dtype="float64"))
    for number in (0.1, 0.7):
        agree(plan.run([x, number, 3]), interpret(graph, [x, number, 3]), 1e-15)


@pytest.mark.parametrize("dtype", [d.name for d in (*dtypes.INTEGERS, dtypes.bool_)])
def test_integers_wrap_and_bools_are_logic(dtype: str) -> None:
    x = np.array([0, 1, 2, 100, 127, 200, 255]).astype(dtype)
    y = np.array([1, 1, 0, 27, 1, 100, 255]).astype(dtype)
    check(lambda v: [pointwise.add(*v), pointwise.mul(*v), pointwise.maximum(*v), pointwise.equal(*v)], x, y)
    check(lambda v: [pointwise.where(pointwise.greater(v[0], v[1]), v[0], v[1]), reductions.max(v[0])], x, y)
    if dtype != "bool":
        check(lambda v: [shaping.sum(v[0]), reductions.min(v[0]), pointwise.abs(pointwise.neg(v[1]))], x, y)


def test_nan_is_an_extreme() -> None:
    x = normal(40, 70)
    x[3, 5], x[7, 0], x[9, 69] = np.nan, -np.nan, np.inf
    check(lambda v: [reductions.max(v[0], 1), reductions.min(v[0], 0), pointwise.maximum(v[0], 0.0)], x)


def test_wrong_inputs_are_refused() -> None:
    _, plan = compiled(lambda v: [pointwise.exp(v[0])], [Array(normal(3))])
    with pytest.raises(Mismatch, match="made for"):
        plan.run([Array(normal(4))])


# --------------------------------------------------------------------------- products and gathers


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_products(dtype: str) -> None:
    def function(v: list[Any]) -> list[Any]:
        a, b, s = v
        t = contractions.matrix_transpose
        heads = shaping.transpose(s, (1, 0, 2, 3))
        mm = contractions.matmul_p
        return [mm(a, b), mm(t(b), t(a)), mm(s, b), mm(s, t(s)), mm(heads, t(heads)), mm(t(s), a[:, :1])]

    def cast(*shape: int) -> np.ndarray:
        return (normal(*shape, dtype="float64") * 3).astype(dtype)

    check(function, cast(5, 7), cast(7, 4), cast(3, 2, 5, 7))


def test_gather_and_scatter() -> None:
    k = np.array([[0, -1, 2], [2, 2, 1]])

    def function(v: list[Any]) -> list[Any]:
        taken = [gathering.take(v[0], v[1], axis) for axis in (0, 1, 2)]
        zero = shaping.zeros_like(v[0])
        return [
            *taken,
            *(gathering.scatter_add(o, v[1], t, axis=a - 3) for a, t in enumerate(taken) for o in (zero, v[0])),
        ]

    plan = check(function, normal(3, 4, 5), k)
    assert "python" not in kinds(plan)


def test_an_index_out_of_bounds_raises_and_changes_nothing() -> None:
    w, k = Array(normal(4, 3)), Array(np.array([0, 9]))

    def function(v: list[Any]) -> list[Any]:
        rows = gathering.take(v[0], v[1], 0)
        return [rows, pointwise.sub(v[0], 1.0)]

    _, plan = compiled(function, [w, k], donors={1: 0})
    assert plan.program.donated
    before = w.numpy().copy()
    with pytest.raises(OutOfBoundsError, match="index 9"):
        plan.run([w, k])
    assert np.array_equal(w.numpy(), before)
    agree(plan.run([w, Array(np.array([0, 3]))])[:1], [Array(before[[0, 3]])])


# --------------------------------------------------------------------------- memory


def test_donated_buffers_are_reused_only_when_nobody_else_holds_them() -> None:
    shared, own = Array(normal(64)), [Array(normal(64))]
    _, plan = compiled(
        lambda v: [pointwise.sub(v[0], v[1]), pointwise.mul(v[1], v[0])], [shared, own[0]], donors={0: 0}
    )
    before, address = shared.numpy().copy(), own[0]._data.ctypes.data
    view = shared.numpy()
    out = plan.run([shared, own[0]])
    assert np.array_equal(view, before) and out[0]._data is not shared._data
    del out
    expected = own[0].numpy() - before
    out = plan.run([own[0], shared])
    assert out[0]._data.ctypes.data == address
    np.testing.assert_array_equal(out[0].numpy(), expected)


def test_donation_waits_for_other_readers() -> None:
    values = [Array(normal(8, 8)), Array(normal(8, 8))]

    def function(v: list[Any]) -> list[Any]:
        new = pointwise.sub(v[0], v[1])
        return [new, contractions.matmul(new, v[0]), shaping.sum(shaping.transpose(v[0]), 1)]

    graph, plan = compiled(function, values, donors={0: 0})
    expected = interpret(graph, values)
    agree(plan.run(list(values)), expected)


def test_runs_at_the_same_time_do_not_meet() -> None:
    values = [Array(normal(50, 60)), Array(normal(60, 50))]
    graph, plan = compiled(lambda v: [pointwise.exp(contractions.matmul(*v)), shaping.sum(v[0], 0)], values)
    inputs = [[Array(v.numpy() * 0.01 * i) for v in values] for i in range(4)]
    expected = [interpret(graph, v) for v in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(200):
            found = plan.run(list(inputs[i]))
            if any(not np.allclose(a.numpy(), b.numpy(), 1e-4, 1e-5) for a, b in zip(found, expected[i])):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# --------------------------------------------------------------------------- accuracy


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("shape", [(3, 1_000_000), (1_000_000, 3)])
def test_long_sums_are_accurate(shape: tuple[int, int], axis: int | None) -> None:
    x = np.random.default_rng(0).random(shape).astype("float32")
    _, plan = compiled(lambda v: [shaping.sum(v[0], axis)], [Array(x)])
    found = plan.run([Array(x)])[0].numpy()
    np.testing.assert_allclose(found, x.astype("float64").sum(axis), 2e-7)


# --------------------------------------------------------------------------- fusion


def steps(function: Any, *shapes: tuple[int, ...]) -> list[str]:
    """Return the kinds of the steps of an optimized function of float32 arrays, and check what they compute."""
    values = [Array(np.abs(normal(*shape))) for shape in shapes]
    graph, plan = compiled(function, values)
    agree(plan.run(list(values)), interpret(graph, values), 2e-5)
    return kinds(plan)


def gradient(function: Any) -> Any:
    """Return a function of a list: the values and the gradients of the sum of squares of a function's result."""

    def run(v: list[Any]) -> list[Any]:
        out, pull = vjp(lambda *args: function(*args), *v)
        return [out, *pull(pointwise.add(out, out))]

    return run


def test_one_kernel_for_what_stays_in_a_row() -> None:
    assert steps(lambda v: [softmax(v[0])], (8, 33)) == ["rows"]
    assert steps(gradient(softmax), (8, 33)) == ["rows"]
    assert steps(gradient(log_softmax), (8, 33)) == ["rows"]
    assert steps(lambda v: [layer_norm(*v)], (4, 5, 24), (24,), (24,)) == ["rows"]
    assert sorted(steps(gradient(layer_norm), (8, 24), (24,), (24,)))[-1] == "rows"


@pytest.mark.parametrize(
    ("formula", "cheap"),
    [("x * y + 1", True), ("sqrt(x) - abs(y)", True), ("x / y", False), ("x ** 2", False), ("exp(x)", False)],
)
def test_what_is_cheap_is_computed_again(formula: str, cheap: bool) -> None:
    assert is_cheap(formula) is cheap


def test_pointwise_chains_are_one_kernel() -> None:
    def adam(v: list[Any]) -> list[Any]:
        p, g, m, s = v
        m = pointwise.add(pointwise.mul(m, 0.9), pointwise.mul(g, 0.1))
        s = pointwise.add(pointwise.mul(s, 0.999), pointwise.mul(pointwise.mul(g, g), 0.001))
        step = pointwise.div(m, pointwise.add(pointwise.sqrt(s), 1e-8))
        return [pointwise.sub(p, pointwise.mul(step, 0.001)), m, s]

    assert steps(adam, *[(10, 10)] * 4) == ["map"]
    assert steps(gradient(pointwise.tanh), (5, 6)) == ["map"]


def test_cross_entropy_takes_few_kernels() -> None:
    def loss(v: list[Any]) -> list[Any]:
        out, pull = vjp(lambda x: cross_entropy(x, v[1]), v[0])
        return [out, *pull(shaping.ones_like(out))]

    values = [Array(normal(6, 10)), Array(np.arange(6))]
    graph, plan = compiled(loss, values)
    agree(plan.run(list(values)), interpret(graph, values))
    assert "python" not in kinds(plan) and kinds(plan).count("rows") <= 3


def test_bias_and_its_gradient_are_fused_with_their_neighbors() -> None:
    def layer(x: Any, w: Any, b: Any) -> Any:
        return pointwise.relu(linear(x, w, b))

    assert sorted(steps(gradient(layer), (8, 4), (5, 4), (5,))) == ["columns", "gemm", "gemm", "gemm"]


def test_explain_tells_what_happens() -> None:
    values = [Array(normal(4, 6)), Array(normal(6, 3))]
    _, plan = compiled(lambda v: [softmax(contractions.matmul(*v)), sorting.topk(v[0], 2)[1]], values)
    text = plan.explain()
    for part in ("gemm", "rows 4x3", "t0 = ", "exp(", "arena", "apart from step", "Python, because"):
        assert part in text
