"""Files that want to do harm: no code runs, nothing crashes, and the error says what is wrong."""

import json
import random
import struct
import zipfile

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import ArgumentError, StateError

from .torch_format import Writer, checkpoint, name, packed, raw, text

pytest.importorskip("safetensors")
ERRORS = (StateError, ArgumentError)


def refused(content, tmp_path):
    """Load a file that has to be refused; return the message."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ERRORS) as caught:
        mt.load(path)
    message = str(caught.value)
    assert message.startswith("load: ") and str(path) in message
    return message


# --------------------------------------------------------------------------- torch's format


def call(module, attribute, *arguments):
    """Opcodes that call a function."""
    return name(module, attribute) + b"(" + b"".join(map(Writer().encode, arguments)) + b"tR"


def tensor(data=None, **changes):
    """A file with one tensor, with its offset, size or strides changed."""
    writer = Writer()
    data = np.arange(6.0) if data is None else data
    return packed(b"\x80\x02" + writer.tensor(data, **changes) + b".", writer.members)


CODE = {
    "os.system": call("os", "system", "touch HACKED"),
    "posix.system": call("posix", "system", "touch HACKED"),
    "builtins.eval": call("builtins", "eval", "open('HACKED', 'w')"),
    "builtins.exec": call("builtins", "exec", "open('HACKED', 'w')"),
    "builtins.getattr": call("builtins", "getattr", {}, "get"),
    "builtins.__import__": call("builtins", "__import__", "os"),
    "__builtin__.open": call("__builtin__", "open", "HACKED", "w"),
    "subprocess.Popen": call("subprocess", "Popen", ["touch", "HACKED"]),
    "nt.system": call("nt", "system", "x"),
    "pty.spawn": call("pty", "spawn", "sh"),
    "functools.partial": call("functools", "partial", None),
    "operator.attrgetter": call("operator", "attrgetter", "system"),
    "torch.load": call("torch", "load", "x"),
    "torch.jit.load": call("torch.jit", "load", "x"),
    "torch.hub.load": call("torch.hub", "load", "x"),
    "torch._utils._rebuild_tensor_v3": call("torch._utils", "_rebuild_tensor_v3", None),
    "torch.nn.Linear": call("torch.nn.modules.linear", "Linear", 2, 2),
    "numpy.load": call("numpy", "load", "x"),
    "numpy pickles": call("numpy.core.multiarray", "_reconstruct", None),
    "minitorch itself": call("minitorch", "load", "x"),
    "a dotted name": b"cos\npath.join\n(" + text("a") + b"tR",
    "a name on the stack": text("os") + text("system") + b"\x93(" + text("touch HACKED") + b"tR",
    "a name that is no text": b"K\x01K\x02\x93.",
    "an empty name": b"c\n\n(tR",
    "instances": b"(ios\nsystem\n",
    "objects": b"(cos\nsystem\no",
    "new objects": name("collections", "OrderedDict") + b")\x81",
    "attributes of an object": b"}" + b"}" + text("__class__") + b"K\x01s" + b"b",
    "extension codes": b"\x82\x01",
    "a text persistent id": b"Psomething\n",
}
FLOATS = name("torch", "FloatStorage")
STORAGE = b"(" + text("storage")
WRONG = {
    "nothing": b"",
    "only a mark": b"(",
    "no value": b"0",
    "too few for a tuple": b"K\x01\x86",
    "append to a dict": b"}K\x01a",
    "items of a list": b"](K\x01K\x02u",
    "an odd number of items": b"}(K\x01u",
    "a list as a key": b"}](K\x01e" + b"K\x01s",
    "a memo that is empty": b"h\x05",
    "a call of a number": b"K\x01)R",
    "a call without a tuple": name("torch", "Size") + b"K\x01R",
    "a call of a dtype": name("torch", "FloatStorage") + b")R",
    "too many arguments": call("torch", "Size", 1, 2, 3),
    "a size of a number": call("torch", "Size", 1),
    "a tensor of no memory": call("torch._utils", "_rebuild_tensor_v2", None, 0, (1,), (1,), False, None),
    "a parameter of no tensor": call("torch._utils", "_rebuild_parameter", [1], True, None),
    "memory that is not there": STORAGE + FLOATS + text("7") + text("cpu") + b"K\x01tQ",
    "memory of a wrong kind": STORAGE + name("torch", "Size") + text("0") + text("cpu") + b"K\x01tQ",
    "memory outside": STORAGE + FLOATS + text("../data.pkl") + text("cpu") + b"J\xff\xff\xff\x7ftQ",
    "memory of a number": b"K\x01Q",
    "bytes in another coding": call("_codecs", "encode", "x", "rot13"),
    "a set of lists": call("builtins", "set", [[1]]),
    "complex of a list": call("builtins", "complex", [1]),
    "pairs that are none": call("collections", "OrderedDict", [1, 2]),
    "text that is cut": b"X\xff\xff\xff\x7fabc",
    "text that is no UTF-8": b"X\x02\x00\x00\x00\xff\xfe",
    "a long that is cut": b"\x8a\xff",
    "an unknown opcode": b"\xff",
    "text opcodes": b"I12\n",
}  # fmt: skip


@pytest.mark.parametrize("which", CODE)
def test_no_code_runs(which, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(raw(CODE[which]), tmp_path)
    assert not (tmp_path / "HACKED").exists()


def test_what_is_refused_is_named(tmp_path):
    assert "os.system" in refused(raw(CODE["os.system"]), tmp_path)
    assert "torch.nn.modules.linear.Linear" in refused(raw(CODE["torch.nn.Linear"]), tmp_path)


@pytest.mark.parametrize("which", WRONG)
def test_wrong_opcodes(which, tmp_path):
    refused(raw(WRONG[which]), tmp_path)


TENSORS = {
    "an offset beyond the end": {"offset": 6},
    "a negative offset": {"offset": -1},
    "more than there is": {"size": (7,)},
    "strides beyond the end": {"size": (3,), "stride": (3,)},
    "negative strides": {"stride": (-1,)},
    "negative sizes": {"size": (-1,)},
    "sizes without strides": {"size": (2, 3), "stride": (1,)},
    "a huge size": {"size": (2**31 - 1, 2**31 - 1), "stride": (0, 0)},
    "strides that wrap around": {"size": (2, 2), "stride": (2**31 - 1, 2**31 - 1)},
}


@pytest.mark.parametrize("which", TENSORS)
def test_tensors_stay_in_their_memory(which, tmp_path):
    refused(tensor(**TENSORS[which]), tmp_path)


def test_deep_nesting_is_no_crash(tmp_path):
    path = tmp_path / "x"
    for opcode in (b"\x85",):
        path.write_bytes(raw(b"N" + opcode * 200_000))
        found = mt.load(path)
        assert type(found) is tuple
    refused(raw(b"}" + b"N" + b"\x85" * 200_000 + b"Ns"), tmp_path)  # as the key of a dict


def test_zip_bombs_and_other_zips(tmp_path):
    code = b"\x80\x02N."
    assert "compressed" in refused(packed(code, {}, compression=zipfile.ZIP_DEFLATED), tmp_path)
    refused(packed(code, {"deep/data.pkl": code}), tmp_path)
    refused(packed(code, {}, byteorder=b"\xff"), tmp_path)
    with zipfile.ZipFile(tmp_path / "z", "w") as file:
        file.writestr("something", b"x")
    refused((tmp_path / "z").read_bytes(), tmp_path)


# --------------------------------------------------------------------------- safetensors


def safetensors(header, data=b"\0" * 24):
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + data


ENTRY = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def tree(described):
    return safetensors({"__metadata__": {"minitorch": json.dumps(described)}, "a": ENTRY})


SAFETENSORS = {
    "no header": safetensors(b"{"),
    "a huge header": struct.pack("<Q", 2**60) + b"{}",
    "a header of another kind": safetensors([1]),
    "reaches beyond the end": safetensors({"a": {**ENTRY, "data_offsets": [0, 48], "shape": [12]}}),
    "reaches before the start": safetensors({"a": {**ENTRY, "data_offsets": [-8, 16]}}),
    "a shape that does not fit": safetensors({"a": {**ENTRY, "shape": [7]}}),
    "a shape that overflows": safetensors({"a": {**ENTRY, "shape": [2**62, 2**62]}}),
    "a hole": safetensors({"a": {**ENTRY, "shape": [1], "data_offsets": [0, 4]}}),
    "overlap": safetensors({"a": ENTRY, "b": ENTRY}),
    "an unknown dtype": safetensors({"a": {**ENTRY, "dtype": "F31"}}),
    "text that is no UTF-8": safetensors(b'{"\xff": 1}'),
    "a tree that is no JSON": safetensors({"__metadata__": {"minitorch": "{"}, "a": ENTRY}),
    "a tree that is deep": safetensors({"__metadata__": {"minitorch": "[" * 100_000}, "a": ENTRY}),
    "a tree that is deep and whole": tree(json.loads("[" * 900 + "]" * 900)),
    "a tensor that is not there": tree({"tensor": "b"}),
    "a tensor without a name": tree({"tensor": [1]}),
    "an unknown kind": tree({"eval": "1"}),
    "an unknown kind of tensor": tree({"tensor": "a", "kind": "os.system"}),
    "an unknown form": tree({"tensor": "a", "as": "object"}),
    "complex numbers of threes": tree({"tensor": "a", "as": "complex128"}),
    "two kinds": tree({"tuple": [], "set": []}),
    "a list as a key": tree({"dict": [[[1], 2]]}),
    "pairs of three": tree({"dict": [[1, 2, 3]]}),
    "a float that is no number": tree({"float": "one"}),
    "a scalar with axes": tree({"scalar": {"tensor": "a", "kind": "numpy"}}),
    "a scalar that is none": tree({"scalar": 1}),
    "bytes that are none": tree({"bytes": "?"}),
    "a dtype that is none": tree({"dtype": "object"}),
    "complex of texts": tree({"complex": ["a", "b"]}),
    "a set of lists": tree({"set": [[1]]}),
}


@pytest.mark.parametrize("which", SAFETENSORS)
def test_safetensors_that_are_wrong(which, tmp_path):
    refused(SAFETENSORS[which], tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02N.", b"PK\x03\x04", b"\x93NUMPY", b"x" * 100, b"\0" * 100], ids=repr
)
def test_files_of_other_kinds(content, tmp_path):
    refused(content, tmp_path)


# --------------------------------------------------------------------------- mutations


def mutated(content, rng):
    """Return a file with some bytes changed, cut, doubled or moved."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(data))
        to = min(len(data), at + rng.choice((1, 2, 4, 8, 64)))
        change = rng.randrange(5)
        if change == 0:
            data[at] = rng.randrange(256)
        elif change == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 2 and len(data) > 64:
            del data[at:to]
        elif change == 3:
            data[at:at] = data[at:to]
        else:
            data[at:to] = bytes(rng.choice((0, 255, 0x80)) for _ in range(to - at))
    return bytes(data)


@pytest.mark.parametrize("kind", ["safetensors", "torch", "opcodes"])
def test_mutated_files(kind, tmp_path, monkeypatch):
    """A changed file is refused, or holds something plain: a changed weight, say."""
    monkeypatch.chdir(tmp_path)
    content = {"w": np.arange(6.0).reshape(2, 3), "n": [1, 2.5, None, ("a", True)], "i": np.arange(3)}
    mt.save({"w": mt.tensor(content["w"]), "n": content["n"], "c": 1 + 2j, "s": {1, 2}}, "start")
    seeds = {"safetensors": (tmp_path / "start").read_bytes(), "torch": checkpoint(content)}
    writer = Writer()
    code = writer.encode(content)
    rng = random.Random(7)
    outcomes = set()
    for _ in range(700):
        if kind == "opcodes":
            given = packed(b"\x80\x02" + mutated(code, rng) + b".", writer.members)
        else:
            given = mutated(seeds[kind], rng)
        (tmp_path / "x").write_bytes(given)
        try:
            mt.load(tmp_path / "x")
            outcomes.add("read")
        except ERRORS:
            outcomes.add("refused")
    assert "refused" in outcomes
    assert sorted(p.name for p in tmp_path.iterdir()) == ["start", "x"]
