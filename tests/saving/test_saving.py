"""What is saved comes back: values, dtypes, identity, and runs that go on as if nothing had been."""

import math
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import ArgumentError, StateError

from .torch_format import checkpoint

pytest.importorskip("safetensors")


def again(tree, folder):
    path = folder / "file.safetensors"
    mt.save(tree, path)
    return mt.load(path)


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    elif isinstance(a, (mt.Tensor, mt.Array, np.ndarray)):
        assert a.dtype == b.dtype and a.shape == b.shape
        data = [x.detach().numpy() if isinstance(x, mt.Tensor) else np.asarray(x) for x in (a, b)]
        assert data[0].tobytes() == data[1].tobytes()
        if isinstance(a, mt.Tensor):
            assert a.requires_grad == b.requires_grad
    elif isinstance(a, float) and math.isnan(a):
        assert math.isnan(b)
    else:
        assert a == b


DTYPES = [
    getattr(mt, n)
    for n in ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16"]
]
DTYPES += [mt.float32, mt.float64, mt.complex64, mt.complex128]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)], ids=str)
def test_every_dtype_and_shape(dtype, shape, tmp_path):
    x = (mt.arange(math.prod(shape)).reshape(shape) % 2).to(dtype)
    same(again({"x": x, "nested": [x * 1 if dtype != mt.bool else ~x]}, tmp_path)["x"], x)
    same(again(x, tmp_path), x)


VALUES = {
    "plain": [
        None,
        True,
        3,
        2**100,
        -0.0,
        math.inf,
        -math.inf,
        math.nan,
        1 + 2j,
        "text",
        "\x00\u20ac",
        b"\x00\xff",
        (),
    ],
    "keys": {1: "a", "1": "b", None: "d", 2.5: "e", (1, ("x",)): "f"} | {False: 0},
    "containers": {"a": [(1, [2]), {"b": {}}], "c": set((3, 1, 2)), "d": OrderedDict(z=1, a=2)},
    "numpy": {"scalar": np.float32(1.5), "array": np.arange(4.0), "dtype": np.dtype("int16")},
    "arrays": [mt.array([1.0, 2.0]), mt.Array(3)],
    "special names": {"a.b": mt.ones(1), "a": {"b": mt.zeros(1)}, "": mt.ones(2), "__metadata__": 1},
}


@pytest.mark.parametrize("name", VALUES)
def test_plain_values(name, tmp_path):
    same(again(VALUES[name], tmp_path), VALUES[name])


def test_default_dicts_become_dicts(tmp_path):
    assert again(defaultdict(list, a=[1]), tmp_path) == {"a": [1]}


def test_views_are_saved_as_what_they_show(tmp_path):
    x = mt.arange(12.0).reshape(3, 4)
    found = again({"t": x.T, "row": x[1], "expanded": x[:, :1].expand(3, 5), "step": x[::2]}, tmp_path)
    same(found["t"], x.T.contiguous())
    same(found["row"], x[1].clone())
    same(found["expanded"], x[:, :1].expand(3, 5).contiguous())


def test_gradients_and_parameters(tmp_path):
    found = again([mt.ones(2, requires_grad=True), mt.nn.Parameter(mt.ones(3))], tmp_path)
    assert found[0].requires_grad and found[0].is_leaf
    assert type(found[1]) is mt.nn.Parameter and found[1].requires_grad


def test_one_object_in_two_places_stays_one(tmp_path):
    x = mt.ones(1000)
    found = again({"a": x, "b": [x]}, tmp_path)
    assert found["a"] is found["b"][0]
    assert os.path.getsize(tmp_path / "file.safetensors") < 6000


@pytest.mark.parametrize(
    "value, where",
    [
        (mt.nn.Linear(2, 2), "what is saved"),
        ({"a": [lambda: 1]}, "a.0"),
        ({"model": mt.nn.ReLU()}, "model"),
        ({mt.ones(1): 1}, "key"),
        ({"a": np.array(["text"])}, "dtype"),
        ({"a": np.array([object()])}, "dtype"),
        (type, "what is saved"),
    ],
    ids=["a module", "a function", "a layer inside", "a tensor as a key", "texts", "objects", "a class"],
)
def test_what_a_file_cannot_hold(value, where, tmp_path):
    path = tmp_path / "x"
    with pytest.raises(ArgumentError, match=where):
        mt.save(value, path)
    assert not path.exists() and not list(tmp_path.iterdir())


def test_too_deep(tmp_path):
    deep = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ArgumentError, match="nested"):
        mt.save(deep, tmp_path / "x")


def test_a_tracer_is_no_value(tmp_path):
    def f(x):
        mt.save(x, tmp_path / "x")
        return x

    with pytest.raises(TypeError):
        mt.vmap(f)(mt.ones(3))


def test_writing_is_atomic(tmp_path, monkeypatch):
    path = tmp_path / "x"
    mt.save({"a": 1}, path)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        mt.save({"a": 2}, path)
    monkeypatch.undo()
    assert mt.load(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]


def test_state_dicts(tmp_path):
    model = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.BatchNorm1d(3))
    other = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.BatchNorm1d(3))
    model(mt.randn(5, 2))
    other.load_state_dict(again(model.state_dict(), tmp_path))
    same(dict(model.state_dict()), dict(other.state_dict()))


# --------------------------------------------------------------------------- resuming

TRAINING = """
import sys
import minitorch as mt
from minitorch.utils.data import DataLoader, TensorDataset

def make():
    mt.manual_seed(3)
    model = mt.nn.Sequential(mt.nn.Linear(4, 8), mt.nn.BatchNorm1d(8), mt.nn.Dropout(0.3), mt.nn.Linear(8, 1))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.01)
    shuffle = mt.Generator().manual_seed(5)
    data = TensorDataset(mt.randn(24, 4), mt.randn(24, 1))
    return model, optimizer, shuffle, DataLoader(data, batch_size=6, shuffle=True, generator=shuffle)

def train(run, epochs):
    model, optimizer, _, loader = run
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            ((model(x) - y) ** 2).mean().backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= 0.97

def kept(run):
    model, optimizer, shuffle, _ = run
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "shuffle": shuffle.get_state(),
            "random": mt.get_rng_state()}

def restore(run, state):
    model, optimizer, shuffle, _ = run
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    shuffle.set_state(state["shuffle"])
    mt.set_rng_state(state["random"])
"""


def test_a_run_goes_on_bit_for_bit_in_another_process(tmp_path):
    space = {}
    exec(TRAINING, space)
    run = space["make"]()
    space["train"](run, 2)
    mt.save(space["kept"](run), tmp_path / "run")
    space["train"](run, 3)
    program = TRAINING + (
        f"run = make()\nmt.manual_seed(99)\nrestore(run, mt.load({str(tmp_path / 'run')!r}))\n"
        f"train(run, 3)\nmt.save(kept(run), {str(tmp_path / 'end')!r})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    mt.save(space["kept"](run), tmp_path / "mine")
    same(mt.load(tmp_path / "end"), mt.load(tmp_path / "mine"))


# --------------------------------------------------------------------------- other programs


def test_a_file_of_numpy_arrays(tmp_path):
    from safetensors.numpy import load_file, save_file

    save_file({"b": np.ones((2, 3), np.float32), "a": np.arange(3)}, tmp_path / "x")
    found = mt.load(tmp_path / "x")
    same(found, {"a": mt.arange(3), "b": mt.ones(2, 3)})
    mt.save(found, tmp_path / "y")
    assert {k: v.tolist() for k, v in load_file(tmp_path / "y").items()} == {k: v.tolist() for k, v in found.items()}


@pytest.mark.torch
def test_with_torch(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    mine = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.BatchNorm1d(4), mt.nn.Linear(4, 2))
    mt.save(mine.state_dict(), tmp_path / "mine")
    theirs.load_state_dict(load_file(tmp_path / "mine"))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(theirs(torch.tensor(x)).detach(), mine(mt.tensor(x)).detach(), rtol=1e-5, atol=1e-6)
    save_file(theirs.state_dict(), tmp_path / "theirs")
    mine.load_state_dict(mt.load(tmp_path / "theirs"))
    for dtype in (torch.bfloat16, torch.float16, torch.complex64, torch.bool, torch.uint16):
        values = {"x": torch.arange(4).to(dtype)}
        save_file(values, tmp_path / "x")
        assert str(mt.load(tmp_path / "x")["x"].dtype).endswith(str(dtype).removeprefix("torch."))


@pytest.mark.torch
def test_files_of_torch_save(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    x = torch.arange(12.0).reshape(3, 4)
    shared = torch.ones(2)
    tree = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "name": "run", "rate": 1e-3,
        "flags": [True, None, (1, 2.5)], "size": x.shape, "views": [x.T, x[1], x[:, :1].expand(3, 5), x[::2]],
        "twice": [shared, shared], "parameter": torch.nn.Parameter(torch.ones(2)), "set": {1, 2}, "bytes": b"\x00\xff",
        "complex": 1 + 2j, "big": 2**70, "tracked": torch.ones(2, requires_grad=True), "device": torch.device("cpu"),
        "dtypes": [torch.zeros(2, dtype=d) for d in (torch.bfloat16, torch.int8, torch.bool, torch.complex128)],
        "empty": torch.zeros(0, 3),
    }  # fmt: skip
    for options in ({}, {"pickle_protocol": 4}):
        torch.save(tree, tmp_path / "x.pt", **options)
        found = mt.load(tmp_path / "x.pt")
        assert list(found) == list(tree)
        mine = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.BatchNorm1d(4))
        mine.load_state_dict(found["model"])
        mt.optim.Adam(mine.parameters()).load_state_dict(found["optimizer"])
        for a, b in zip(found["views"] + found["dtypes"], tree["views"] + tree["dtypes"]):
            assert a.tolist() == b.tolist() and str(a.dtype).endswith(str(b.dtype).removeprefix("torch."))
        assert found["twice"][0] is found["twice"][1]
        assert type(found["parameter"]) is mt.nn.Parameter and found["tracked"].requires_grad
        for key in ("epoch", "name", "rate", "flags", "set", "bytes", "complex", "big"):
            assert found[key] == tree[key]
        assert found["size"] == (3, 4) and found["device"] == "cpu" and found["empty"].shape == (0, 3)
    torch.save(model, tmp_path / "whole.pt")
    with pytest.raises(ArgumentError, match="Sequential"):
        mt.load(tmp_path / "whole.pt")
    torch.save(tree, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(StateError, match=r"before version 1\.6"):
        mt.load(tmp_path / "old.pt")


def test_a_checkpoint_put_together_by_hand(tmp_path):
    tree = {"w": np.arange(6.0).reshape(2, 3), "t": np.arange(6.0).reshape(2, 3).T, "n": 3, "l": [1.5, None, ("a",)]}
    (tmp_path / "x.pt").write_bytes(checkpoint(OrderedDict(tree)))
    found = mt.load(tmp_path / "x.pt")
    assert type(found) is OrderedDict and found["l"] == [1.5, None, ("a",)] and found["n"] == 3
    same(found["t"], mt.from_numpy(tree["t"].copy()))
