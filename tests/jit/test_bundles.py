"""Copies of an optimizer's update: as one equation each, optimized and lowered once, they do what their equations do."""

from __future__ import annotations

import gc
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core.array import Array
from minitorch.core.aval import Aval
from minitorch.core.jit.graph import Equation, Graph, Template, Var, check, copied, interpret
from minitorch.core.jit.lower import build
from minitorch.core.jit.lower.memory import Rooms
from minitorch.core.jit.passes import optimize
from minitorch.core.jit.passes.bundles import BUNDLE, FEW, bundled, simplest, written_out
from minitorch.core.jit.show import make_graph
from minitorch.core.ops.pointwise import exp, sin, tanh
from minitorch.core.ops.shaping import broadcast_to, reshape, transpose
from minitorch.core.ops.shaping import sum as sum_

from .comparing import compare
from .steps import training

R = np.random.default_rng(0)
OPTIMIZERS = ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD")


def trained(net, kind):
    """Return a compiled training step of a network."""
    optimizer = getattr(mt.optim, kind)(net.parameters(), lr=0.01)
    return mt.jit(training(optimizer, lambda x: net(x).square().sum()))


def step_of(kind="Adam", sizes=(3, 4, 2)):
    """Return a training step's graph as recorded, and values for its inputs."""
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.Tanh())]
    step = trained(nn.Sequential(*layers), kind)
    x = mt.tensor(R.normal(size=(5, sizes[0])).astype(np.float32))
    step(x)
    graph = step.recorded(x).graph
    return graph, [Array(R.uniform(0.5, 1, v.aval.shape).astype(v.aval.dtype)) for v in graph.inputs]


def agree(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one.numpy(), other.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_step_with_bundles_computes_what_it_does_without(kind):
    graph, values = step_of(kind)
    wanted = interpret(graph, values)
    found = bundled(graph)
    assert any(eq.primitive is BUNDLE for eq in found.equations) or kind == "SGD"  # whose update is short
    optimized = optimize(found)
    agree(interpret(optimized, values), wanted)
    agree(build(optimized).run(list(values)), wanted)
    check(written_out(optimized))
    agree(interpret(written_out(optimized), values), wanted)


def test_kernels_are_the_same_with_bundles_and_without():
    graph, _ = step_of("AdamW", (3, 4, 4, 2))
    with_them = build(optimize(bundled(graph))).program
    without = build(optimize(graph)).program
    counts, others = (Counter((s.codes[0].source, s.range) for s in program.steps) for program in (with_them, without))
    # What an update computes once for all elements is one kernel for each. Else the factor of the decay, which they have
    # in common, is computed once, and the corrections of the bias in a kernel without it.
    together, apart = counts - others, others - counts
    assert [count for _, count in [*together, *apart]] == [1, 1, 1]
    assert sorted([*together.values(), *apart.values()]) == [1, 6, 6]
    assert (counts & others).total() == len(without.steps) - 7


def test_a_bundle_is_optimized_and_lowered_once_for_all_sizes_of_the_batch():
    step = trained(nn.Linear(4, 3), "Adam")
    templates = []
    for n in (4, 1, 7):
        step(mt.ones(n, 4))
        (program, _), *_ = list(step.programs.values())[-1]
        graph = program.plan.program.graph
        templates.append([eq.params["template"] for eq in graph.equations if eq.primitive is BUNDLE])
    assert len(templates[0]) == 2
    assert templates[0] == templates[1] == templates[2]
    assert all(part.kernels for t in templates[0] for part in t.known["pattern"].parts)


# --------------------------------------------------------------------------- graphs with copies made by hand

X = Var(Aval((3, 4), np.dtype("float32")))


def template_of(function, *shapes):
    return Template(make_graph(function)(*(np.ones(shape, np.float32) for shape in shapes)))


def long(x, y):
    """Return what takes more equations than a bundle needs, of both sizes that kernels of rows have."""
    for _ in range(FEW):
        x = sin(x) * y
    return x, exp(y) + x


def surrounded(template, before, reads=None):
    """Return a graph that computes a template's inputs, a bundle, and the sums of its results (of those read)."""
    start = make_graph(before)(np.ones((3, 4), np.float32))
    inputs = [Var(v.aval) for v in start.inputs]
    equations, outputs = copied(start, inputs, None)
    made = tuple(Var(a.aval) for a in template.graph.outputs)
    equations.append(Equation(BUNDLE, tuple(outputs), {"template": template}, made, True))
    after = make_graph(lambda *xs: tuple(sum_(tanh(x)) for x in xs))(*(np.ones(v.aval.shape, np.float32) for v in made))
    more, sums = copied(after, made, None)
    kept = sums if reads is None else [sums[i] for i in reads]
    return Graph(inputs, [*equations, *more], list(kept))


BEFORE = {
    "in order": lambda x: (exp(x), x),
    "across": lambda x: (transpose(exp(reshape(x, (4, 3))), (-1, -2)), x),
    "repeated": lambda x: (broadcast_to(sum_(x, axis=-1, keepdims=True), (3, 4)), x),
    "the same twice": lambda x: (x, x),
    "a part": lambda x: (exp(x)[::-1], x),
    "a constant": lambda x: (Array(np.full((3, 4), 0.5, np.float32)), x * 2),
    "another's shape": lambda x: (reshape(exp(reshape(x, (12,))), (3, 4)), x),
}


@pytest.mark.parametrize("reads", [None, (0,), (1,)])
@pytest.mark.parametrize("name", BEFORE)
def test_operands_that_lie_otherwise_than_in_order(name, reads):
    template = template_of(long, (3, 4), (3, 4))
    value = Array(R.uniform(0.5, 1, (3, 4)).astype(np.float32))
    for graph in [surrounded(template, BEFORE[name], reads)] * 2:
        wanted = interpret(written_out(graph), [value])
        agree(interpret(graph, [value]), wanted)
        agree(build(optimize(graph)).run([value]), wanted)


def test_templates_of_other_operations_than_pointwise_ones():
    def normalized(x, y):
        for _ in range(3):
            x = x - sum_(x, axis=-1, keepdims=True) * y
        return x, transpose(sin(x), (-1, -2))

    template = template_of(normalized, (3, 4), (3, 4))
    graph = surrounded(template, BEFORE["in order"])
    value = Array(R.uniform(0.5, 1, (3, 4)).astype(np.float32))
    agree(build(optimize(graph)).run([value]), interpret(written_out(graph), [value]))
    assert template.known["pattern"] is None


def test_a_copy_that_is_not_whole_stays_as_it_is():
    graph, _ = step_of()
    whole = bundled(graph)
    copy = next(eq.copy for eq in graph.equations if eq.copy is not None)
    last = max(i for i, eq in enumerate(graph.equations) if eq.copy is copy)
    rest = [v for v in graph.outputs if v not in graph.equations[last].outputs]
    cut = Graph(graph.inputs, graph.equations[:last] + graph.equations[last + 1 :], rest)
    lone = [eq for eq in bundled(cut).equations if eq.copy is copy]
    assert len(lone) == len(copy.template.graph.equations) - 1
    assert (
        sum(eq.primitive is BUNDLE for eq in bundled(cut).equations)
        == sum(eq.primitive is BUNDLE for eq in whole.equations) - 1
    )


def test_explain_shows_the_equations_of_bundles():
    net = nn.Linear(2, 2)
    optimizer = mt.optim.Adam(net.parameters(), lr=0.01)

    @mt.jit
    def step(x):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()

    text = step.explain(mt.ones(3, 2))
    assert "bundle" not in text
    optimized, plan = text[text.index("graph, optimized") :].split("\nplan\n")
    assert optimized.count("= sqrt") == 2
    assert f"{optimized.count(' = ')} equations" in plan
    # The plan calls variables what the graph calls them.
    named = set(re.findall(r"\b(\w+): float", optimized))
    unknown = set(re.findall(r" is (\w+): float", plan)) - named
    assert len(unknown) == 1  # the gradient of the sum, ones, which no equation makes


def test_one_round_of_the_passes_is_enough():
    graph, _ = step_of("AdamW", (3, 4, 4, 2))
    found = optimize(graph)
    assert optimize(found) is found
    template = next(eq.copy.template for eq in graph.equations if eq.copy is not None)
    assert optimize(simplest(template)) is simplest(template)


# --------------------------------------------------------------------------- memory


def test_plans_that_share_rooms_compute_in_the_same_memory_in_turns():
    rooms = Rooms()

    def function(x):
        return sum_(exp(x), axis=0) @ tanh(transpose(x, (-1, -2)))

    graphs = [optimize(make_graph(function)(np.ones((n, 64), np.float32))) for n in (40, 3, 200, 1)]
    plans = [build(graph, rooms=rooms) for graph in graphs]
    seen = set()
    for i in (0, 1, 2, 1, 0, 3, 2, 0):
        x = Array(R.uniform(0.5, 1, graphs[i].inputs[0].aval.shape).astype(np.float32))
        agree(plans[i].run([x]), interpret(graphs[i], [x]))
        (frame,) = plans[i].frames
        seen.add(frame.base)
    assert len(rooms._free) == 1
    assert len({frame.base for plan in plans for frame in plan.frames} - {rooms._free[0].base}) <= len(seen) - 1


def test_loops_move_from_room_to_room():
    rooms = Rooms()

    def function(x, w):
        return mt.lax.scan(lambda h, x: (h @ w + x, h), x[0], x)

    graphs = [optimize(make_graph(function)(np.ones((n, m, 8), np.float32), np.ones((8, 8), np.float32)))
              for n, m in ((5, 2), (3, 90), (5, 1))]  # fmt: skip
    plans = [build(graph, rooms=rooms) for graph in graphs]
    for i in (0, 1, 0, 2, 1, 0):
        values = [Array(R.uniform(-0.3, 0.3, v.aval.shape).astype(np.float32)) for v in graphs[i].inputs]
        agree(plans[i].run(list(values)), interpret(graphs[i], values))


def test_runs_at_the_same_time_have_rooms_of_their_own():
    rooms = Rooms()
    first, second = rooms.take(100), rooms.take(100)
    assert first is not second
    rooms.give(first)
    rooms.give(second)
    assert rooms.take(1000).size == 1000
    assert rooms.take(50) is first


def test_what_somebody_has_frozen_stays_frozen():
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        mt.jit(lambda x: x * 3)(mt.ones(3))
        assert gc.get_freeze_count() >= before - 100  # but for what has died
    finally:
        gc.unfreeze()
    mt.jit(lambda x: x * 4)(mt.ones(3))
    assert gc.get_freeze_count() == 0


def test_state_that_is_shared_between_sizes_is_updated_by_all():
    def make(wrap):
        net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3)).double()
        optimizer = mt.optim.AdamW(net.parameters(), lr=0.01)
        step = wrap(training(optimizer, lambda x: net(x).square().mean()))
        sizes = (4, 2, 33, 1, 4, 17, 2, 33)
        return lambda i: step(mt.tensor(np.random.default_rng(i).normal(size=(sizes[i], 1, 4, 4)))), [net, optimizer]

    compare(make, 8)
