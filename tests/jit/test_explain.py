"""What jit shows of itself: explain, make_graph, the counters, pictures, threads."""

from __future__ import annotations

import re

import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core.jit.graph import Var
from minitorch.errors import ArgumentError, JitError


@pytest.fixture
def step():
    """A compiled training step with batch data."""
    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    opt = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @mt.jit
    def step(x, y):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, model, opt, (mt.randn(6, 4), mt.randint(0, 3, (6,)))


def sections(text):
    """Return the parts of an explanation by their titles."""
    parts = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in parts if part}


# --------------------------------------------------------------------------- explain


def test_a_softmax_is_one_kernel():
    text = mt.jit(lambda x: mt.softmax(x * 2, -1)).explain(mt.randn(4, 5))
    plan = sections(text)["plan"]
    assert "6 operations: 6 in 1 kernel call, 0 calls of Python" in plan
    assert "step 1: rows 4x5: mul, max, sub, exp, sum, div" in plan and "step 2" not in plan
    assert "| def rows(P, lo, hi):" in plan and "x0 is a: float32[4, 5]" in plan and "n0 is 5" in plan
    assert "softmax[axis=-1]" in sections(text)["graph, as recorded"]
    assert "softmax" not in sections(text)["graph, optimized"]


def test_what_stays_apart_and_why():
    plan = sections(mt.jit(lambda x, w: mt.relu(x @ w)).explain(mt.randn(4, 5), mt.randn(5, 6)))["plan"]
    assert "apart from step 1: gemm stands alone" in plan and "240 operations" in plan
    plan = sections(mt.jit(lambda x: mt.topk(x, 2).values).explain(mt.randn(5)))["plan"]
    assert "Python, because" in plan


def test_the_state_is_listed_by_name(step):
    step, model, opt, batch = step
    step(*batch)
    step(*batch)
    parts = sections(step.explain(*batch))
    goes_in = parts["step: what goes in"]
    for name in ("x ", "y ", "model.0.weight ", "opt.param_groups[0]['lr']", "generator.counter"):
        assert f"  {name}" in goes_in
    assert "opt.state[model.3.bias]['momentum_buffer']" in goes_in
    comes_out = parts["what comes out"].splitlines()
    weight = next(line for line in comes_out if "  model.0.weight  " in line)
    assert weight.endswith("in place")
    grad = next(line for line in comes_out if "model.0.weight.grad" in line)
    assert grad.endswith("a new tensor, recycled")
    assert any("result 0" in line for line in comes_out)


def test_the_conditions_in_words(step):
    step, _, _, batch = step
    conditions = sections(step.explain(*batch))["recorded again unless these are as they were"]
    assert "x is a Tensor float32[6, 4]" in conditions
    assert "opt (SGD): parameters and options, except `lr`, `momentum`, which are read at each call" in conditions
    assert "5 modules" in conditions and "gradients are on" in conditions
    scale = 3.0
    compiled = mt.jit(lambda x, n: x * scale + n, static_argnums=1)
    conditions = sections(compiled.explain(mt.ones(2), 4))["recorded again unless these are as they were"]
    assert "`scale`" in conditions and "is 3.0" in conditions and "argument 1 is 4 (static)" in conditions


def test_explaining_changes_nothing(step):
    step, model, opt, batch = step
    before, seed = [p.tolist() for p in model.parameters()], mt.get_rng_state().tolist()
    step.explain(*batch, measure=True)
    assert [p.tolist() for p in model.parameters()] == before and mt.get_rng_state().tolist() == seed
    assert step.records == step.calls == 0 and all(p.grad is None for p in model.parameters())
    assert all(held is None for slots in opt.state.values() for held in slots.values())
    for _ in range(3):
        step(*batch)
    after, records = [p.tolist() for p in model.parameters()], step.records
    for _ in range(2):
        step.explain(*batch, measure=True)
        step.explain(measure=True)
    assert [p.tolist() for p in model.parameters()] == after and step.records == records
    assert step(*batch).item() > 0


def test_measuring_names_a_time_for_each_step(step):
    step, _, _, batch = step
    step(*batch)
    plan = sections(step.explain(*batch, measure=True))["plan"]
    steps = re.findall(r"^    step \d+:", plan, re.MULTILINE)
    times = re.findall(r", measured [\d.e+]+ (?:ns|us|ms|s)$", plan, re.MULTILINE)
    assert len(steps) > 5 and len(times) == len(steps)
    assert re.search(r"[\d.]+ (ns|us|ms|s) in all steps", plan)


def test_measuring_python_numbers_and_views():
    compiled = mt.jit(lambda x, n: mt.sort(x * n).values.cumsum(0))
    x = mt.randn(8, 3)[::2]
    assert "in all steps" in compiled.explain(x, 2.0, measure=True)
    compiled(x, 2.0)
    assert "in all steps" in compiled.explain(measure=True)


def test_state_that_is_halved_a_thousand_times_is_left_alone():
    total = mt.ones(4)

    @mt.jit
    def halve():
        total.mul_(0.5)

    halve()
    assert "in place" in halve.explain(measure=True)
    assert total.tolist() == [0.5] * 4
    halve()
    assert total.tolist() == [0.25] * 4


def test_the_last_program_is_the_one_last_run():
    compiled = mt.jit(lambda x: x * 2)
    for n in (2, 3, 2, 2):
        compiled(mt.ones(n))
    assert "float32[2]" in compiled.explain() and "float32[3]" not in compiled.explain()
    assert "float32[3]" in compiled.explain(mt.ones(3))
    assert compiled.records == 2


def test_explaining_what_cannot_be_compiled_raises():
    with pytest.raises(JitError, match="Python `if`"):
        mt.jit(lambda x: x if x.sum() > 0 else -x).explain(mt.ones(2))


def test_a_module_a_method_and_the_backward_pass():
    model = nn.Linear(2, 3)
    text = mt.jit(model).explain(mt.ones(1, 2))
    assert "self.weight" in text and "input " in text and "kept for the backward pass" in text
    assert "plan of the backward pass" in sections(text)

    class Box:
        def __init__(self):
            self.w = mt.ones(2)

        @mt.jit
        def scaled(self, x):
            return x * self.w

    assert re.search(r"b +\S*w +float32\[2\] +state", Box().scaled.explain(mt.ones(2)))


def test_gradients_of_arguments_and_slots_that_are_emptied():
    def function(x):
        (x * x).sum().backward()

    x = mt.ones(2, requires_grad=True)
    assert re.search(r"  x\.grad +float32\[2\] +a new tensor", mt.jit(function).explain(x))
    w = mt.ones(2, requires_grad=True)
    w.grad = mt.ones(2)

    @mt.jit
    def clear():
        w.grad = None
        return w * 1

    assert re.search(r"w\.grad +None", clear.explain())


def test_views_go_by_the_name_of_one():
    table = mt.zeros(3, 2)
    row = table[1]

    @mt.jit
    def function(x):
        row.add_(x)
        return table.sum()

    assert re.search(r"(row|table) and its views +float32\[3, 2\] +state", function.explain(mt.ones(2)))


# --------------------------------------------------------------------------- make_graph


def test_the_graph_of_a_training_step(step):
    step, model, opt, batch = step
    before = [p.tolist() for p in model.parameters()]
    graph = mt.make_graph(step.function)(*batch)
    assert [p.tolist() for p in model.parameters()] == before and all(p.grad is None for p in model.parameters())
    assert list(graph.arguments.values()) == ["x", "y"]
    assert {"model.0.weight", "model.3.bias", "opt.param_groups[0]['lr']", "generator.key"} <= set(graph.state.values())
    written = dict(graph.writes)
    assert isinstance(written["model.0.weight"], Var) and isinstance(written["model.0.weight.grad"], Var)
    assert len(graph.results) == 1 and not graph.kept
    names = {eq.primitive.name for eq in graph.equations}
    assert {"linear", "relu", "dropout", "cross_entropy", "matmul"} <= names
    assert "reads c from model.0.weight" in str(graph) and re.search(
        r"writes \w+ to model\.0\.weight$", str(graph), re.M
    )
    assert str(mt.make_graph(step)(*batch)) == str(graph)


def test_graphs_of_functions_of_arrays_and_static_arguments():
    graph = mt.make_graph(lambda x: mt.sin(x) * 2)(mt.array([1.0, 2.0]))
    assert [eq.primitive.name for eq in graph.equations] == ["sin", "mul"] and not graph.state and not graph.writes
    power = mt.jit(lambda n, x: x**n, static_argnums=0)
    assert list(mt.make_graph(power)(3, mt.ones(2)).arguments.values()) == ["x"]
    graph = mt.make_graph(lambda p, *rest, k: p["w"] * rest[0] + k)({"w": mt.ones(2)}, 2.0, k=mt.ones(2))
    assert list(graph.arguments.values()) == ["p['w']", "args[1]", "k"]
    graph = mt.make_graph(nn.Linear(2, 3))(mt.ones(1, 2))
    assert graph.kept and "for the backward pass" in str(graph)


# --------------------------------------------------------------------------- counters and threads


def test_counters():
    before = mt.jit_stats()
    compiled = mt.jit(lambda x: mt.tanh(x) * 3.25 + x)
    for n in (2, 2, 3):
        compiled(mt.ones(n))
    after = mt.jit_stats()
    assert (after.functions - before.functions, after.programs - before.programs, after.calls - before.calls) == (
        1,
        2,
        3,
    )
    assert after.seconds_recording > before.seconds_recording
    assert after.seconds_optimizing > before.seconds_optimizing
    assert after.seconds_compiling > before.seconds_compiling
    made = after.kernels_compiled + after.kernels_loaded - before.kernels_compiled - before.kernels_loaded
    assert made == after.kernels_in_memory - before.kernels_in_memory > 0
    assert "compiled functions" in str(after)


def test_a_kernel_is_loaded_from_disk_the_second_time(tmp_path, monkeypatch):
    from minitorch.core.jit.native import compile as native

    monkeypatch.setenv("MINITORCH_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("MINITORCH_CACHE", raising=False)
    source = "def twice(P, lo, hi):\n    x = f32(P[0])\n    for i in range(lo, hi):\n        x[i] = x[i] + x[i]\n"
    counts = []
    for _ in range(2):
        monkeypatch.setattr(native, "_kernels", {})
        before = mt.jit_stats()
        assert native.compile_kernel(source, "twice").address
        after = mt.jit_stats()
        counts.append((after.kernels_compiled - before.kernels_compiled, after.kernels_loaded - before.kernels_loaded))
    assert counts == [(1, 0), (0, 1)]


def test_threads():
    before = mt.get_num_threads()
    try:
        mt.set_num_threads(2)
        assert mt.get_num_threads() == 2
        x = mt.randn(1000, 500)
        assert mt.allclose(mt.jit(lambda x: mt.sin(x) + 1)(x), mt.sin(x) + 1, atol=1e-6)
        with pytest.raises(ArgumentError):
            mt.set_num_threads(0)
    finally:
        mt.set_num_threads(before)


# --------------------------------------------------------------------------- pictures


def test_a_picture_of_a_training_step(step):
    pytest.importorskip("graphviz")
    from tests.test_viz import kinds, parsed

    step, _, _, batch = step
    picture = mt.draw_graph(mt.make_graph(step)(*batch), name="step")
    found = kinds(picture)
    assert found["leaf"] == ["x", "y"] and found["result"] == ["result 0"]
    assert "model.0.weight" in found["parameter"] and "write model.0.weight" in found["parameter"]
    assert {"linear", "relu", "cross_entropy", "matmul"} <= set(found["operation"]) and "0.5" in found["constant"]
    edges = parsed(picture)[1]
    assert ("x", "linear", "(6, 4)") in edges and ("model.0.weight", "linear", "(8, 4)") in edges


def test_a_picture_of_what_a_backward_pass_keeps():
    pytest.importorskip("graphviz")
    from tests.test_viz import kinds

    found = kinds(mt.draw_graph(mt.make_graph(nn.Linear(2, 3))(mt.ones(1, 2))))
    assert found["result"][0] == "result 0" and "kept for backward" in found["result"]


def test_gradients_that_are_taken_from_elsewhere():
    w, v = mt.ones(2, requires_grad=True), mt.ones(2, requires_grad=True)
    w.grad, v.grad = mt.ones(2), mt.ones(2)
    held = w.grad

    def function(x):
        y = w.grad * held * x
        w.grad = x
        return y

    def other(x):
        w.grad = v.grad
        return x * 1

    text = mt.jit(function).explain(mt.ones(2))
    assert re.search(r"w\.grad +the tensor x", text)
    assert "w.grad is the same tensor, which others hold, too" in text
    assert "the tensor v.grad" in mt.jit(other).explain(mt.ones(2))
