"""What notebooks show: tables of tensors, trees of modules, listings of graphs, the summary; nothing is taken for HTML."""

import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core.errors import ArgumentError, MissingExtraError

HOSTILE = "<script>alert('x')</script>&\""


class Tags(HTMLParser):
    """Collects the tags of a text, and checks that they nest."""

    def __init__(self, text):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(text):
    return Tags(text).seen


@pytest.mark.parametrize("x", [
    mt.tensor([1.0, 2.5]), mt.arange(6).reshape(2, 3), mt.tensor([[1 + 2j]]), mt.tensor([True, False]),
    mt.tensor([1.0]).bfloat16(), mt.tensor([float("nan"), float("inf")]),
])  # fmt: skip
def test_small_tensors_are_tables(x):
    text = x._repr_html_()
    assert tags(text).count("td") == x.numel()
    assert f"shape {tuple(x.shape)}" in text and str(x.dtype) in text


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 2, 2), (100,)])
def test_other_tensors_are_text(shape):
    x = mt.zeros(shape, requires_grad=True)
    assert tags(x._repr_html_()) == ["code", "pre"]
    assert "requires grad" in x._repr_html_()


def test_tensors_in_transforms_have_no_numbers():
    seen = []
    mt.vmap(lambda x: seen.append(x._repr_html_()) or x)(mt.zeros(2))
    assert tags(seen[0]) == ["pre"] and "<class" not in seen[0]


def test_modules_are_trees():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    text = model._repr_html_()
    assert tags(text).count("details") == 2
    assert "weight: (3, 2) float32" in text and "Linear(in_features=2" in text


def test_hostile_names_stay_text():
    class Odd(nn.Module):
        def extra_repr(self):
            return HOSTILE

        def forward(self, x):
            return x

    model = nn.Module()
    model.add_module(HOSTILE.replace(".", ""), Odd())
    model.register_parameter(f"{HOSTILE}, too", nn.Parameter(mt.zeros(2)))
    model.forward = lambda x: x
    Odd.__name__ = HOSTILE
    for text in (model._repr_html_(), mt.summary(model, (2,))._repr_html_()):
        assert "script" not in tags(text) and "<script>" not in text


def test_graphs_are_listings():
    graph = mt.make_graph(lambda x: x * 2)(mt.zeros(2))
    assert tags(graph._repr_html_()) == ["pre"] and "mul" in graph._repr_html_()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(288, 10)
        self.head.bias.requires_grad_(False)

    def forward(self, x, scale=None):
        out = self.head(self.body(x))
        return out if scale is None else out @ scale


def test_summary_counts():
    model = Net()
    found = mt.summary(model, (2, 3, 8, 8))
    assert found.parameters == sum(p.numel() for p in model.parameters()) == found.trainable + 10
    assert [row.operations for row in found.rows] == [21312, 15552, 15552, 0, 0, 0, 5760]
    assert found.rows[2].shapes == "(2, 8, 6, 6)" and found.rows[2].output_bytes == 2 * 8 * 36 * 4
    assert mt.summary(model, mt.zeros(2, 3, 8, 8), scale=mt.eye(10)).operations == 21312 + 200


def test_summary_leaves_the_model_as_it_is():
    model = Net()
    before = [b.numpy().copy() for b in model.buffers()]
    mt.summary(model, (2, 3, 8, 8))
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.buffers()))
    assert model.training and all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules() if "_forward_hooks" in vars(m))


def test_summary_of_attention_and_of_a_module_called_twice():
    layer = nn.Linear(4, 4)
    found = mt.summary(nn.Sequential(layer, nn.ReLU(), layer), (5, 4))
    assert found.parameters == 20 and found.operations == 2 * 5 * 16 and "(x2)" in str(found)

    class Attention(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    assert mt.summary(Attention(), (2, 5, 8)).operations == 2 * (2 * 5 * 5 * 8)


def test_summary_needs_inputs():
    with pytest.raises(ArgumentError, match="summary"):
        mt.summary(nn.Linear(2, 2))


def test_progress(capsys):
    pytest.importorskip("tqdm")
    with mt.progress(range(3), desc="epoch", total=3, leave=False) as bar:
        for i in bar:
            bar.set_postfix(loss=i / 2)
    assert "epoch" in capsys.readouterr().err and bar.total == 3 and bar.n == 3
    bar = mt.progress(total=2, disable=True)
    bar.update(1)
    bar.close()


def test_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(MissingExtraError, match=r"tqdm.*\[data\]"):
        mt.progress(range(3))
