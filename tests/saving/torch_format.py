"""Files as torch.save writes them, put together by hand: opcodes of pickle in a zip, and what can be wrong with them."""

import io
import struct
import zipfile
from collections import OrderedDict

import numpy as np

KINDS = {"float32": "Float", "float64": "Double", "int64": "Long", "bool": "Bool", "float16": "Half"}


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


class Writer:
    """Writes the opcodes of values; arrays become tensors whose memory is kept in `members`."""

    def __init__(self):
        self.members = {}

    def encode(self, x):
        if isinstance(x, np.ndarray):
            return self.tensor(x)
        if isinstance(x, bytes):
            return x  # opcodes as they stand
        if isinstance(x, str):
            return text(x)
        if x is None or isinstance(x, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[x]
        if isinstance(x, int):
            return b"J" + struct.pack("<i", x)
        if isinstance(x, float):
            return b"G" + struct.pack(">d", x)
        if isinstance(x, OrderedDict):
            return name("collections", "OrderedDict") + b")R" + self.items(x)
        if isinstance(x, dict):
            return b"}" + self.items(x)
        if isinstance(x, list):
            return b"](" + b"".join(map(self.encode, x)) + b"e"
        return b"(" + b"".join(map(self.encode, x)) + b"t"

    def items(self, x):
        return b"(" + b"".join(self.encode(part) for pair in x.items() for part in pair) + b"u"

    def storage(self, data):
        key = str(len(self.members))
        self.members[f"data/{key}"] = data.tobytes()
        kind = name("torch", f"{KINDS[str(data.dtype)]}Storage")
        return b"(" + text("storage") + kind + text(key) + text("cpu") + self.encode(data.size) + b"tQ"

    def tensor(self, x, offset=0, size=None, stride=None):
        size = x.shape if size is None else size
        stride = tuple(s // x.itemsize for s in x.strides) if stride is None else stride
        parts = [self.encode(part) for part in (offset, tuple(size), tuple(stride), False)]
        hooks = name("collections", "OrderedDict") + b")R"
        return (
            name("torch._utils", "_rebuild_tensor_v2")
            + b"("
            + self.storage(x.ravel(order="K"))
            + b"".join(parts)
            + hooks
            + b"tR"
        )


def packed(code, members, root="archive/", compression=zipfile.ZIP_STORED, byteorder=b"little"):
    """Return a zip file of opcodes and members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr(f"{root}data.pkl", code)
        if byteorder is not None:
            file.writestr(f"{root}byteorder", byteorder)
        for member, data in members.items():
            file.writestr(root + member, data)
        file.writestr(f"{root}version", b"3\n")
    return stream.getvalue()


def checkpoint(tree):
    """Return the bytes of a file that holds a tree."""
    writer = Writer()
    return packed(b"\x80\x02" + writer.encode(tree) + b".", writer.members)


def raw(code, members=None, **options):
    """Return the bytes of a file with opcodes as they stand."""
    return packed(b"\x80\x02" + code + b".", members or {}, **options)
