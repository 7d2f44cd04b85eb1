"""Exported functions: they compute what the function did, in processes that neither record nor compile, or say why not."""

from __future__ import annotations

import collections
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core.jit.native import target
from minitorch.core.jit.serialize import encode
from minitorch.errors import ArgumentError, DTypeError, JitError, OutOfBoundsError, ShapeError

from .test_layers import ALL, Attention

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "f.mt")


def numbers(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def close(found, expected):
    """Assert equal shape and dtype, and values that differ by rounding: sums may be added up in another order."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(found, expected)
        return
    found, expected = (x.astype(np.complex128) for x in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def content_of(path):
    with open(path, "rb") as stream:
        return stream.read()


def loaded(f, path, *args, **kwargs):
    mt.export(f, args, path, kwargs)
    return mt.load_exported(path)


def same(found, expected):
    """Assert equal trees of equal kinds."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for x, y in zip(found, expected):
            same(x, y)
    elif isinstance(expected, (mt.Tensor, mt.Array)):
        a, b = (x.detach() if isinstance(x, mt.Tensor) else x for x in (found, expected))
        close(np.asarray(a), np.asarray(b))
    else:
        assert found == expected


# --------------------------------------------------------------------------- round trips


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(4 * 16, 10)

    def forward(self, x):
        features = self.features(x)
        return {"logits": self.head(features.flatten(1)), "features": features}


def mlp():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).eval()


FUNCTIONS = {
    "pointwise": (lambda x, y: mt.tanh(x) * y + 1, lambda i: (numbers(3, 4, seed=i), numbers(4, seed=i + 9))),
    "float64": (lambda x: mt.exp(x).sum(0), lambda i: (numbers(3, 4, seed=i, dtype=np.float64),)),
    "integers": (lambda x: (x // 3, x % 2 == 0), lambda i: (np.arange(12) + i,)),
    "numbers": (lambda x, a, k, z: (x * a + k, x * z), lambda i: (numbers(3), 0.5 + i, 3 + i, 1j * i)),
    "constants": (
        lambda x: x * float("inf") + mt.array([1.0, float("nan")]) * -0.0,
        lambda i: (numbers(3, 2, seed=i),),
    ),
    "complex": (lambda x: x * (1 + 2j), lambda i: (numbers(3, seed=i).astype(np.complex64),)),
    "indexing": (lambda x, i: (x[1:, ::-1, None], x[i], x.at[0].set(1.0)), lambda i: (numbers(3, 4), np.array([2, 0]))),
    "sorting": (lambda x: (*mt.sort(x, dim=0), mt.argmax(x)), lambda i: (numbers(5, 2, seed=i),)),
    "linear algebra": (lambda x: tuple(mt.linalg.svd(x @ x.mT)), lambda i: (numbers(3, 3, seed=i),)),
    "gradient": (mt.grad(lambda x: (mt.sin(x) ** 2).sum()), lambda i: (numbers(5, seed=i),)),
    "batched": (mt.vmap(lambda x, y: x @ y, in_axes=(0, None)), lambda i: (numbers(5, 2, 3, seed=i), numbers(3))),
    "empty": (lambda x: x.sum(0), lambda i: (numbers(0, 3),)),
    "scalar": (lambda x: x + 1, lambda i: (np.float32(i),)),
}


OF_ARRAYS = ("gradient", "batched", "indexing", "linear algebra")
CASES = [(name, kind) for name in FUNCTIONS for kind in ("array", "tensor") if kind == "array" or name not in OF_ARRAYS]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_functions(name, kind, path):
    f, arguments = FUNCTIONS[name]
    make = getattr(mt, kind)

    def given(i):
        return [make(x) if isinstance(x, (np.ndarray, np.generic)) else x for x in arguments(i)]

    found = loaded(f, path, *given(0))
    for i in range(3):
        same(found(*given(i)), f(*given(i)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "bool", "uint8", "int64", "complex128"])
def test_dtypes_of_arguments_state_and_results(dtype, path):
    kept = mt.ones(3, dtype=getattr(mt, dtype))
    constant = mt.array(np.array([1, 0, 1]), dtype=kept.dtype)
    found = loaded(lambda x: (x * kept, mt.as_tensor(constant)), path, kept)
    same(found(kept), (kept * kept, mt.as_tensor(constant)))
    assert found.state["kept"].dtype == kept.dtype


DRAWING = {"fractional max pool 2d", "fractional max pool 3d"}  # also in evaluation


@pytest.mark.parametrize("name", sorted(DRAWING))
def test_layers_that_draw_are_refused(name, path):
    make, shape = ALL[name]
    with pytest.raises(JitError, match="random numbers"):
        mt.export(make(nn).eval(), (mt.tensor(numbers(*shape)),), path)


@pytest.mark.parametrize("name", [name for name in ALL if name not in DRAWING])
def test_every_layer(name, path):
    make, shape = ALL[name]
    model, x = make(nn).eval(), mt.tensor(numbers(*shape))
    found = loaded(model, path, x)
    with mt.no_grad():
        same(found(x), model(x))
    known = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert set(found.state) <= set(known)
    for key, value in found.state.items():
        same(mt.tensor(value), mt.tensor(known[key].numpy(force=True)))


def test_results_of_a_module(path):
    model, x = Net().eval(), mt.tensor(numbers(2, 1, 8, 8))
    found = loaded(model, path, x)
    same(found(x), model(x))
    model.head.weight.data.mul_(2)  # the file keeps what it was
    assert not np.allclose(found(x)["logits"].numpy(), model(x)["logits"].detach().numpy())


def test_trees_static_values_and_what_is_returned_as_it_came(path):
    scale = mt.tensor([2.0])

    def f(batch, n, *, mode, names=None):
        first, (second, *rest) = batch["first"], batch["rest"]
        return collections.OrderedDict(
            b=[first * n, (second,), None], a={"mode": mode, 1: len(rest), "z": scale, 0.5: 2.5}
        )

    arguments = {"first": mt.tensor([1.0]), "rest": [mt.array([2.0]), 3]}, 4.0
    found = loaded(f, path, *arguments, mode="x", names=(None,))
    expected = f(*arguments, mode="x")
    same(found(*arguments, names=(None,), mode="x"), expected)
    assert found(*arguments, mode="x", names=(None,))["a"]["z"].tolist() == [2.0]


def test_an_argument_that_is_returned_is_itself(path):
    found = loaded(lambda x: (x, x + 1), path, mt.ones(3))
    x = mt.zeros(3)
    assert found(x)[0] is x
    assert isinstance(found(np.zeros(3, np.float32))[0], mt.Tensor)


def test_example_arguments_are_only_examples(path):
    x = mt.ones(3)
    found = loaded(lambda a, b: a + 2 * b + x, path, x, x)
    same(found(mt.zeros(3), mt.ones(3)), mt.full((3,), 3.0))
    assert list(found.state) == ["x"]


def test_arrays_stand_for_one_another(path):
    found = loaded(lambda x: x * 2, path, mt.tensor([1.0, 2.0]))
    for x in (mt.tensor([1.0, 2.0]), mt.array([1.0, 2.0]), np.array([1.0, 2.0], np.float32), np.ones((4, 2), "f")[1]):
        assert isinstance(found(x), mt.Tensor)


def test_names_of_state(path):
    model, other, table = nn.Linear(2, 2), mt.ones(2), {"deep": [mt.ones(2)]}
    found = loaded(lambda x: model(x) + other + table["deep"][0] + other.view(1, 2), path, mt.ones(1, 2))
    assert list(found.state) == ["model.weight", "model.bias", "other", "table['deep'][0]"]
    with pytest.raises(TypeError):
        found.state["other"] = 1

    class Holder:
        def __init__(self):
            self.here = mt.ones(2)

        def call(self, x):
            return x + self.here + model.weight

    assert len(loaded(Holder().call, path, mt.ones(2)).state) == 2
    assert list(loaded(model.forward, path, mt.ones(1, 2)).state) == ["weight", "bias"]


def test_compiled_functions_and_modules(path):
    model, x = mlp(), mt.tensor(numbers(2, 4))
    expected = model(x)
    same(loaded(mt.jit(model), path, x)(x), expected)
    model.compile()
    model(x)
    same(loaded(model, path, x)(x), expected)


def test_state_may_be_a_view(path):
    base = mt.arange(6).float()
    part = base[2:4]
    found = loaded(lambda x: x + part + base[:2], path, mt.ones(2))
    same(found(mt.ones(2)), mt.ones(2) + part + base[:2])


# --------------------------------------------------------------------------- with everything else


def test_it_is_differentiated_batched_and_compiled_like_any_function(path):
    model, x = mlp(), numbers(5, 4)
    found = loaded(model, path, mt.tensor(x))
    a, b = mt.tensor(x, requires_grad=True), mt.tensor(x, requires_grad=True)
    found(a).sum().backward()
    model(b).sum().backward()
    same(a.grad, b.grad)
    with mt.no_grad():
        assert not found(a).requires_grad
    pure = loaded(lambda x: (mt.sin(x) ** 2).sum(-1), path, mt.array(x))
    same(mt.grad(lambda x: pure(x).sum())(mt.array(x)), mt.grad(lambda x: (mt.sin(x) ** 2).sum())(mt.array(x)))
    same(mt.vmap(pure)(mt.array(numbers(3, 5, 4))), (mt.sin(mt.array(numbers(3, 5, 4))) ** 2).sum(-1))
    compiled, plain = mt.jit(lambda x: found(x * 2)), mt.tensor(x)
    for scale in (1.0, 3.0):
        same(compiled(plain * scale), model(plain * scale * 2).detach())
    inner = mt.jit(lambda x: found(x))
    for scale in (1.0, 3.0):
        same(inner(plain * scale), model(plain * scale).detach())


def test_a_bad_index_is_found_when_it_runs(path):
    found = loaded(lambda x, i: x[i] + 1, path, mt.array(numbers(5, 2)), mt.array([0, 1]))
    with pytest.raises((OutOfBoundsError, IndexError)):
        found(mt.array(numbers(5, 2)), mt.array([0, 7]))


def test_many_threads(path):
    from concurrent.futures import ThreadPoolExecutor

    model = mlp()
    found = loaded(model, path, mt.tensor(numbers(5, 4)))
    inputs = [mt.tensor(numbers(5, 4, seed=i)) for i in range(40)]
    with ThreadPoolExecutor(8) as pool, mt.no_grad():
        for x, y in zip(inputs, pool.map(found, inputs)):
            same(y, model(x))


# --------------------------------------------------------------------------- a process of its own

FRESH = """
import sys
import numpy as np
import minitorch as mt

sys.modules["minitorch.core.jit.native.codegen"] = None  # importing it raises
found = mt.load_exported(sys.argv[1])
result = found(*(np.load(name) for name in sys.argv[3:]))
while isinstance(result, dict):
    result = result["logits"]
np.save(sys.argv[2], result.numpy())
from minitorch.core.jit.native.compile import counts
print(counts.compiled, [name for name in sys.modules if name.startswith("numba")])
"""
SERVED = {
    "mlp": (mlp, (2, 4)),
    "attention": (lambda: nn.Sequential(nn.LayerNorm(8), Attention()), (2, 5, 8)),
    "convolutions": (Net, (2, 1, 8, 8)),
    "embedding": (lambda: ALL["embedding"][0](nn), (2, 5)),
}


def fresh(path, tmp_path, *arrays, **env):
    names = [str(tmp_path / f"{i}.npy") for i in range(len(arrays))]
    for name, x in zip(names, arrays):
        np.save(name, x)
    out = str(tmp_path / "out.npy")
    done = subprocess.run(
        [sys.executable, "-c", FRESH, path, out, *names],
        cwd=ROOT, env=os.environ | {"MINITORCH_CACHE": "0"} | env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "[]"]
    return np.load(out)


@pytest.mark.parametrize("name", SERVED)
def test_a_fresh_process_needs_no_compiler(name, path, tmp_path):
    make, shape = SERVED[name]
    model, x = make().eval(), numbers(*shape)
    mt.export(model, (mt.tensor(numbers(*shape, seed=1)),), path)
    result = model(mt.tensor(x))
    expected = (result["logits"] if isinstance(result, dict) else result).detach().numpy()
    close(fresh(path, tmp_path, x), expected)


def test_without_the_cache_kernels_are_compiled_into_the_file(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MINITORCH_CACHE", "0")
    mt.export(lambda x: mt.sin(x) + 0.25, (mt.tensor(numbers(7)),), path)
    close(fresh(path, tmp_path, numbers(7, seed=2)), np.sin(numbers(7, seed=2)) + 0.25)


# --------------------------------------------------------------------------- the file


def test_the_file_is_a_zip_of_data_and_sources(path):
    mt.export(mlp(), (mt.tensor(numbers(2, 4)),), path)
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o022 == 0
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        names = set(file.namelist())
        header = json.loads(file.read("header.json"))
        assert "def loop" in file.read("kernels/0.py").decode()
        assert "graph(" in file.read("graph.txt").decode()
    assert header["format"] == "minitorch exported function" and header["state"][0] == "0.weight"
    assert {name.partition("/")[0] for name in names} == {"header.json", "graph.txt", "arrays", "kernels"}
    assert ROOT not in json.dumps(header)
    with np.load(path) as arrays:
        assert arrays["arrays/0"].shape == (8, 4)


def test_explain_and_repr(path):
    found = loaded(lambda x, n: x * n, path, mt.array([1.0]), 2)
    assert repr(found) == "<exported <lambda>(x: float32[1], n: int)>"
    assert "x" in found.explain()


def test_the_same_function_gives_the_same_file(path):
    model = mlp()
    mt.export(model, (mt.ones(2, 4),), path)
    before = content_of(path)
    mt.export(model, (mt.zeros(2, 4),), path)
    assert content_of(path) == before


def test_writing_is_atomic(path, tmp_path, monkeypatch):
    mt.export(lambda x: x + 1, (mt.ones(2),), path)
    before = content_of(path)
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b, **kind: 1 / 0 if b == path else replace(a, b, **kind))
    with pytest.raises(ZeroDivisionError):
        mt.export(lambda x: x + 2, (mt.ones(2),), path)
    assert content_of(path) == before
    assert os.listdir(tmp_path) == ["f.mt"]
    with pytest.raises(FileNotFoundError):
        mt.export(lambda x: x + 1, (mt.ones(2),), str(tmp_path / "no" / "f.mt"))
    with pytest.raises(FileNotFoundError):
        mt.load_exported(str(tmp_path / "none.mt"))


def test_damage_is_found(path, tmp_path):
    mt.export(mlp(), (mt.tensor(numbers(2, 4)),), path)
    content = content_of(path)
    expected = mt.load_exported(path)(numbers(2, 4)).numpy()
    rng = random.Random(0)
    damaged = str(tmp_path / "damaged.mt")
    for i in range(300):
        changed = bytearray(content)
        if i % 3 == 0:
            del changed[rng.randrange(len(content)) :]
        else:
            for _ in range(rng.choice((1, 20))):
                changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        with open(damaged, "wb") as stream:
            stream.write(changed)
        try:
            found = mt.load_exported(damaged)
        except JitError as error:
            assert "damaged" in str(error)
        else:  # what was hit says nothing: a date, a name in the local header
            np.testing.assert_array_equal(found(numbers(2, 4)).numpy(), expected)


def rewritten(path, change):
    """Write the file again with another header."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    header = json.loads(members["header.json"])
    change(header, members)
    members["header.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


FOREIGN = {
    "another version": (lambda h, m: h.update(version="9.9"), "minitorch 9.9"),
    "another revision": (lambda h, m: h.update(revision=7), "format 7"),
    "another format": (lambda h, m: h.update(format="npz"), "damaged"),
    "no graph": (lambda h, m: h.pop("graph"), "damaged"),
    "no leaves": (lambda h, m: h.update(leaves=[]), "damaged"),
    "wrong aval": (lambda h, m: h["graph"]["vars"][-1].update(shape=[5]), "its rule|damaged"),
    "negative shape": (lambda h, m: h["graph"]["vars"][0].update(shape=[-3]), "damaged"),
    "no primitive": (lambda h, m: h["graph"]["equations"][0].update(primitive="frob"), "no primitive 'frob'"),
    "no variable": (lambda h, m: h["graph"]["outputs"][0].update(var=99), "damaged"),
    "too few inputs": (lambda h, m: h["graph"].update(inputs=0), "before it is assigned"),
    "other code": (lambda h, m: m.update({"kernels/0.o": b"\x7fELF"}), "digest"),
    "missing member": (lambda h, m: m.pop("kernels/0.o"), "damaged"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files(name, path):
    mt.export(lambda x: mt.tanh(x) + 1, (mt.ones(3),), path)
    change, message = FOREIGN[name]
    rewritten(path, change)
    with pytest.raises(JitError, match=message):
        mt.load_exported(path)


def test_other_files(path):
    for content in (b"", b"PK\3\4", b"import os", bytes(1000)):
        with open(path, "wb") as stream:
            stream.write(content)
        with pytest.raises(JitError, match="damaged"):
            mt.load_exported(path)
    np.savez(path[:-3] + ".npz", x=np.ones(3))
    with pytest.raises(JitError, match=r"minitorch\.export"):
        mt.load_exported(path[:-3] + ".npz")


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
def test_a_warning_says_that_others_could_have_written_it(path):
    mt.export(lambda x: x + 1, (mt.ones(2),), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mt.load_exported(path)
    os.chmod(path, 0o666)
    with pytest.warns(RuntimeWarning, match="written by other users"):
        mt.load_exported(path)
    if os.geteuid() == 0:
        os.chmod(path, 0o644)
        os.chown(path, 12345, 12345)
        with pytest.warns(RuntimeWarning, match="another user"):
            mt.load_exported(path)


# --------------------------------------------------------------------------- other machines

OTHERS = {
    "another system": ({"system": "Plan9 vax 32 big"}, "Plan9"),
    "more features": ({"features": ["+warp-drive"]}, "lacks .warp-drive"),
    "wider vectors": ({"vectors": [4096, 1]}, "another size"),
    "another runtime": ({"runtime": "0"}, "another state of the library"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_on_another_machine_it_is_compiled_again(name, path, monkeypatch):
    change, reason = OTHERS[name]
    mt.export(lambda x: mt.cos(x) + 0.125, (mt.ones(3),), path)
    rewritten(path, lambda header, members: header["target"].update(change))
    monkeypatch.setattr(
        sys.modules["minitorch.compiling.export"], "adopt", lambda kernel: pytest.fail("it must not be loaded")
    )
    same(mt.load_exported(path)(mt.ones(3)), mt.cos(mt.ones(3)) + 0.125)
    assert re.search(reason, target.misfit({**target.target(), **change}))


def test_a_cpu_that_can_more_takes_the_kernels():
    here = target.target()
    assert target.misfit({**here, "features": here["features"][1:], "cpu": "older"}) is None


def test_files_move(path, tmp_path):
    mt.export(lambda x: x + 1, (mt.ones(2),), path)
    os.makedirs(tmp_path / "elsewhere")
    moved = shutil.move(path, tmp_path / "elsewhere" / "g.bin")
    assert mt.load_exported(moved)(mt.ones(2)).tolist() == [2.0, 2.0]


# --------------------------------------------------------------------------- calls that do not fit


def test_calls_must_fit(path):
    found = loaded(lambda p, n, flag: p["x"] + p["y"] * n, path, {"x": mt.ones(3, 4), "y": mt.ones(4)}, 2.0, True)
    x, y = mt.ones(3, 4), mt.ones(4)
    good = {"x": x, "y": y}
    found(good, 3.0, True)
    with pytest.raises(ShapeError, match=r"p\['x'\]: float32\[3, 4\], got float32\[3, 5\]"):
        found({"x": mt.ones(3, 5), "y": y}, 3.0, True)
    with pytest.raises(DTypeError, match=r"p\['y'\]: float32\[4\], got float64\[4\]"):
        found({"x": x, "y": np.ones(4)}, 3.0, True)
    with pytest.raises(DTypeError, match="n: float, got 3"):
        found(good, 3, True)
    with pytest.raises(DTypeError, match="got float; pass an array"):
        found({"x": x, "y": 1.0}, 3.0, True)
    with pytest.raises(ArgumentError, match="flag=True, got False"):
        found(good, 3.0, False)
    with pytest.raises(ArgumentError, match="flag=True, got 1"):
        found(good, 3.0, 1)
    for call in (lambda: found(good, 3.0), lambda: found({"x": x}, 3.0, True), lambda: found([x, y], 3.0, True),
                 lambda: found({"y": y, "x": x}, 3.0, True), lambda: found(good, n=3.0, flag=True)):  # fmt: skip
        with pytest.raises(ArgumentError, match="exported for arguments"):
            call()


# --------------------------------------------------------------------------- what cannot be stored

Pair = collections.namedtuple("Pair", "a b")
COUNTS = {"calls": 0}
NORM = nn.BatchNorm1d(2)
SEEN = mt.zeros(2)
WEIGHT = nn.Parameter(mt.ones(2))


class Thing:
    pass


def writes_a_tensor(x):
    SEEN.add_(x)
    return x * 2


def writes_its_argument(x):
    x.mul_(2)
    return x.sum()


def draws(x):
    return x + mt.rand(2)


def counts(x):
    COUNTS["calls"] += 1
    return x + COUNTS["calls"]


def keeps_gradients(x):
    loss = (WEIGHT * x).sum()
    loss.backward()
    return loss


REFUSED = {
    "writes a tensor": (writes_a_tensor, "writes to SEEN in place"),
    "writes its argument": (writes_its_argument, "writes to `?x"),
    "draws": (draws, "draws random numbers.*eval"),
    "dropout": (nn.Dropout(0.5), "draws random numbers.*eval"),
    "batch norm": (lambda x: NORM(x.expand(3, 2)), "writes to NORM.num_batches_tracked in place.*eval"),
    "python state": (counts, "COUNTS|changes Python state"),
    "gradients": (keeps_gradients, "writes WEIGHT.grad"),
    "a branch": (lambda x: x if x.sum() > 0 else -x, "needs the data"),
    "a named tuple": (lambda x: Pair(x, x + 1), "result contains a Pair.*_asdict"),
    "an object": (lambda x: (x, Thing()), "returned a Thing"),
    "a function": (lambda x: (x, draws), "returned a function"),
    "a class of tensors": (lambda x: nn.Parameter(x * 2), r"a result is a Parameter.*clone\(\)"),
    "a NumPy result": (lambda x: (x, np.ones(2)), "returned a ndarray"),
    "a tuple as a key": (lambda x: {(1, 2): x}, r"dict key \(1, 2\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, path):
    f, message = REFUSED[name]
    with pytest.raises(JitError, match=f"(?s){message}"):
        mt.export(f, (mt.ones(2),), path)
    assert not os.path.exists(path)


def test_refused_arguments(path):
    x = mt.ones(2)
    with pytest.raises(JitError, match="an argument contains a Pair"):
        mt.export(lambda p: p.a + p.b, (Pair(x, x),), path)
    with pytest.raises(JitError, match="argument `t` is an object of the class Thing"):
        mt.export(lambda x, t: x + 1, (x, Thing()), path)
    with pytest.raises(JitError, match="static arguments"):
        mt.export(mt.jit(lambda x, n: x * n, static_argnums=1), (x, 2), path)
    with pytest.raises(ArgumentError, match=r"export\(f, \(x,\), path\)"):
        mt.export(lambda x: x + 1, x, path)
    with pytest.raises(JitError, match="being compiled"):
        mt.jit(lambda x: mt.export(lambda y: y + 1, (x,), path))(x)


def test_refused_under_a_transform(path):
    def outer(x):
        mt.export(lambda y: x * y, (mt.array([1.0]),), path)
        return x.sum()

    with pytest.raises(JitError, match="a transform around it"):
        mt.grad(outer)(mt.array([1.0]))


def test_refused_parameters_of_operations():
    for value, message in ((draws, "the function draws"), (Thing(), "the class Thing"), (Pair(1, 2), "the class Pair")):
        with pytest.raises(JitError, match=f"the parameter `how` of op is .*{message}"):
            encode((1, value), "the parameter `how` of op")
