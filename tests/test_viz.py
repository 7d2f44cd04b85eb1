"""draw_graph: what is drawn, in which color, under which name."""

from __future__ import annotations

import re
import sys

import pytest

import minitorch as mt
from minitorch import nn, viz
from minitorch.errors import GradError, MissingExtraError, MissingProgramError

pytest.importorskip("graphviz")
COLORS = {style["fillcolor"]: kind for kind, style in viz.STYLES.items()}


def parsed(picture):
    """Return {key: (kind, label)} and a list of (label, label, edge label)."""
    text = picture.source
    nodes = {}
    for key, attributes in re.findall(r'^\t(\w+) \[(label=(?:"[^"]*"|\S+).*?)\]$', text, re.M | re.S):
        label = re.search(r'label=(?:"(.*?)"|(\S+))', attributes, re.S)
        color = re.search(r'fillcolor="(.*?)"', attributes).group(1)
        nodes[key] = (COLORS[color], (label.group(1) or label.group(2)).split("\n")[0])
    edges = [
        (nodes[a][1], nodes[b][1], shape)
        for a, b, shape in re.findall(r'^\t(\w+) -> (\w+)(?: \[label="(.*?)"\])?$', text, re.M)
    ]
    return nodes, edges


def kinds(picture):
    found = {}
    for kind, label in parsed(picture)[0].values():
        found.setdefault(kind, []).append(label)
    return found


def test_the_walk_through():
    x = mt.Tensor(2.0, requires_grad=True)
    y = x**2 + 3 * x
    found = kinds(mt.draw_graph(y))
    assert found == {"leaf": ["leaf"], "operation": ["pow", "mul", "add"], "constant": ["2", "3"], "result": ["result"]}
    y.backward()
    assert x.grad.item() == 7.0


def test_edges_carry_shapes_and_lead_from_operand_to_operation():
    x = mt.ones(2, 3, requires_grad=True)
    w = mt.ones(3, 4)
    _, edges = parsed(mt.draw_graph((x @ w).sum()))
    assert ("leaf", "matmul", "(2, 3)") in edges
    assert ("constant", "matmul", "(3, 4)") in edges
    assert ("matmul", "sum", "(2, 4)") in edges
    assert ("sum", "result", "()") in edges


def model():
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False))


def test_parameters_look_different_and_have_names():
    net, x = model(), mt.ones(5, 4, requires_grad=True)
    y = net(x).sum()
    named, plain = kinds(mt.draw_graph(y, net)), kinds(mt.draw_graph(y))
    assert named["parameter"] == ["0.weight", "0.bias", "2.weight"]
    assert named["leaf"] == plain["leaf"] == ["leaf"]
    assert plain["parameter"] == ["parameter"] * 3
    assert named["operation"] == ["linear", "tanh", "linear", "sum"]
    assert "constant" not in named, "a layer without bias has no operand there"


def test_names_from_trees():
    w, b = mt.ones(2, requires_grad=True), mt.ones(2, requires_grad=True)
    y = (w * b).sum()
    assert kinds(mt.draw_graph(y, {"layer": {"w": w}, "b": [b]}))["parameter"] == ["layer.w", "b.0"]
    assert kinds(mt.draw_graph(y, [w]))["parameter"] == ["0"]
    found = kinds(mt.draw_graph(y, w))
    assert found["parameter"] == ["param"] and found["leaf"] == ["leaf"]


def test_shared_leaves_constants_and_results_are_drawn_once():
    x, c = mt.ones(3, requires_grad=True), mt.ones(3)
    y = x * c
    nodes, edges = parsed(mt.draw_graph([y * c, y]))
    labels = sorted(label for _, label in nodes.values())
    assert labels == ["constant", "leaf", "mul", "mul", "result", "result"]
    assert sum(edge[:2] == ("constant", "mul") for edge in edges) == 2


def test_operations_with_several_results():
    x = mt.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    values, vectors = mt.linalg.eigh(x @ x.T)
    nodes, edges = parsed(mt.draw_graph((values.sum(), vectors)))
    operations = [label for kind, label in nodes.values() if kind == "operation"]
    assert operations.count("eigh") == 1
    assert ("eigh", "sum", "(2,)") in edges and ("eigh", "result", "(2, 2)") in edges


def test_after_backward_constants_lose_their_values_only():
    x = mt.Tensor(2.0, requires_grad=True)
    y = x**2
    y.backward()
    assert kinds(mt.draw_graph(y))["constant"] == ["constant"]


def test_inside_grad():
    pictures = []

    def f(x):
        y = (x * x).sum()
        pictures.append(mt.draw_graph(y))
        return y

    mt.grad(f)(mt.array([1.0, 2.0]))
    assert kinds(pictures[0])["operation"] == ["mul", "sum"]


def test_nothing_recorded():
    with pytest.raises(GradError, match="draw_graph: .*requires_grad"):
        mt.draw_graph(mt.ones(2) * 2)


def test_source_needs_no_program_but_rendering_does(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    picture = mt.draw_graph(mt.ones(2, requires_grad=True) * 2)
    path = tmp_path / "graph.dot"
    picture.save(path)
    assert path.read_text().startswith("digraph")
    with pytest.raises(MissingProgramError, match="apt install graphviz"):
        picture.render(tmp_path / "graph", format="png")
    with pytest.raises(MissingProgramError, match="Graphviz"):
        picture.pipe(format="svg")
    assert "digraph" in picture._repr_mimebundle_()["text/plain"]


def test_missing_package(monkeypatch):
    viz._digraph.cache_clear()
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(MissingExtraError, match=r"graphviz is not installed.*\.\[viz\]"):
        mt.draw_graph(mt.ones(2, requires_grad=True) * 2)
    viz._digraph.cache_clear()
