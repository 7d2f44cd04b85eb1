"""E13, E17, E18, E22: what is shared, what a node remembers, what a second pass may do, what a fork inherits."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import minitorch as mt
from minitorch.autograd import graph
from minitorch.core import dtypes
from minitorch.core.aval import Aval
from minitorch.core.tape import FREED
from minitorch.errors import GradError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("make", [mt.array, mt.tensor, mt.from_numpy, mt.Tensor], ids=lambda make: make.__name__)
def test_E13_data_is_copied_in(make):
    data = np.ones(3, np.float32)
    x = make(data)
    data[0] = 9.0
    assert x.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("export", [lambda x: x.numpy(), np.asarray], ids=["numpy", "asarray"])
@pytest.mark.parametrize("make", [mt.array, mt.tensor])
def test_E13_views_are_handed_out_read_only(make, export):
    x = make([1.0, 2.0])
    view = export(x)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 9.0


@pytest.mark.parametrize("dtype", [*dtypes.ALL], ids=dtypes.name)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)], ids=str)
def test_E13_what_is_handed_out_stays_read_only(dtype, shape):
    x = mt.array(np.ones(shape), dtype)
    for array in (x, mt.flip(x, list(range(x.ndim))), mt.broadcast_to(x, (2, *shape))):
        view = array.numpy()
        assert view.dtype is array.dtype and view.shape == array.shape and view.tolist() == array.tolist()
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
        with pytest.raises(ValueError, match="WRITEABLE"):
            view[...].flags.writeable = True


def test_E13_a_view_keeps_its_value_when_the_tensor_is_written():
    x = mt.tensor([1.0, 2.0])
    before = x.numpy()
    x.mul_(10)
    assert before.tolist() == [1.0, 2.0] and x.tolist() == [10.0, 20.0]


def test_E13_what_leaves_by_dlpack_is_a_copy():
    x = mt.array([1.0, 2.0])
    np.from_dlpack(x)
    other = np.array(np.from_dlpack(x))
    other[0] = 9.0
    assert x.tolist() == [1.0, 2.0]


def test_E17_nodes_keep_lines_and_no_frames():
    x = mt.tensor([1.0], requires_grad=True)
    with mt.autograd.detect_anomaly():
        y = (x * 2).exp().sum()
    found = graph.nodes(y)
    lines = {node.line for node in found if node.plan is not None}
    assert len(lines) == 1 and lines.pop().startswith(f"{__file__}:")
    for node in found:
        kinds = {type(held) for held in gc.get_referents(node)}
        assert not kinds & {types.FrameType, types.TracebackType, types.CodeType}


def test_E17_no_lines_outside_anomaly_mode():
    y = mt.tensor([1.0], requires_grad=True) * 2
    assert all(node.line is None for node in graph.nodes(y))


def step():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    return x, (x.exp() * x).sum()


def test_E18_a_second_pass_raises_as_in_torch():
    _, y = step()
    y.backward()
    with pytest.raises(GradError, match=r"second time.*retain_graph=True"):
        y.backward()


def test_E18_retain_graph_allows_it():
    x, y = step()
    y.backward(retain_graph=True)
    first = x.grad.numpy().copy()
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * first)
    with pytest.raises(GradError, match="second time"):
        y.backward()


def test_of_an_operand_whose_shape_is_all_that_is_needed_nothing_else_is_kept():
    out = mt.ones(2, 3) @ mt.ones(3, 4, requires_grad=True)
    assert [type(x) for x in out.node.saved] == [mt.Array, Aval]


def test_E18_saved_arrays_are_freed_as_the_walk_goes():
    x, y = step()
    nodes = [node for node in graph.nodes(y) if node.plan is not None]
    states = []
    x.register_hook(lambda g: states.append([node.saved is FREED for node in nodes]))
    y.backward()
    assert states == [[True] * len(nodes)]


def test_E22_import_starts_no_thread_and_a_forked_child_trains():
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    code = """
import os, sys, threading
import minitorch as mt
from minitorch.utils.data import DataLoader, TensorDataset
assert threading.active_count() == 1

def train():
    mt.manual_seed(0)
    model = mt.nn.Linear(4, 1)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    for x, in DataLoader(TensorDataset(mt.randn(32, 4)), batch_size=8, shuffle=True):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return model.weight.tolist()

expected = train()
child = os.fork()
if child == 0:
    os._exit(0 if train() == expected else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    program = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
