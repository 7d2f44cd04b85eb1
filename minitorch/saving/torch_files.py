"""Checkpoints of `torch.save`, read without running anything.

Such a file is a zip: `data.pkl` says how the tree looks, in the opcodes of pickle, and each tensor's memory is a member of
its own. The opcodes are interpreted here, by a machine that knows how to make containers, numbers and tensors; the few
names of classes and functions that it resolves are in one table, and any other is refused by name.
"""

from __future__ import annotations

import math
import pickletools
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..nn.parameter import Parameter
from ..tensor.handle import Tensor, tensor_of


class Refused(Exception):
    """The file asks for something that is not read, and says what."""


class Broken(Exception):
    """The file is not what `torch.save` writes."""


DAMAGED = (
    Broken, zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, TypeError, IndexError,
    AttributeError, OverflowError, RecursionError, MemoryError, NotImplementedError, RuntimeError, OSError,
)  # fmt: skip

MOST_REPEATED = 1 << 27  # elements of a tensor that repeats its memory

_DTYPES: dict[str, Any] = {
    "Bool": dtypes.bool_, "Char": dtypes.int8, "Short": dtypes.int16, "Int": dtypes.int32, "Long": dtypes.int64,
    "Byte": dtypes.uint8, "Half": dtypes.float16, "BFloat16": dtypes.bfloat16, "Float": dtypes.float32,
    "Double": dtypes.float64, "ComplexFloat": dtypes.complex64, "ComplexDouble": dtypes.complex128,
}  # fmt: skip
_MARK: Any = object()
_PLAIN_KEYS = (str, int, float, bool, type(None))


class Storage(NamedTuple):
    """The memory of tensors."""

    data: np.ndarray[Any, Any]


class Named(NamedTuple):
    """A class or function that the file names, and what it does here; a value as it stands if that is no function."""

    name: str
    meaning: Any


# --------------------------------------------------------------------------- what names mean


def _rebuild_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *rest: Any
) -> Tensor:
    if not isinstance(storage, Storage) or type(requires_grad) is not bool:
        raise Broken("a tensor has no memory")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise Broken("a tensor has no shape")
    data, count = storage.data, math.prod(size)
    if count and offset + sum((n - 1) * s for n, s in zip(size, stride)) >= data.size:
        raise Broken("a tensor reaches beyond its memory")
    if count > max(data.size, MOST_REPEATED):
        raise Refused(f"a tensor of shape {tuple(size)} repeats {data.size} numbers; save a copy of it instead")
    if count:
        steps = tuple(s * data.itemsize for s in stride)
        view = np.lib.stride_tricks.as_strided(data[offset:], tuple(size), steps)
        made = tensor_of(wrap(np.array(view, order="C")))
    else:
        made = tensor_of(wrap(np.empty(tuple(size), data.dtype)))
    return made.requires_grad_() if requires_grad and made.dtype in dtypes.INEXACT else made


def _rebuild_parameter(data: Any, requires_grad: Any, *rest: Any) -> Parameter:
    if type(data) is not Tensor or type(requires_grad) is not bool:
        raise Broken("a parameter is no tensor")
    return Parameter(data.detach(), requires_grad=requires_grad)


def _set(items: Any = ()) -> set[Any]:
    return {_key(x) for x in items}


def _encoded(text: Any, coding: Any) -> bytes:
    if type(text) is not str or coding != "latin1":
        raise Broken("bytes are no text in latin1")
    return text.encode("latin1")


def _ordered(*given: Any) -> OrderedDict[Any, Any]:
    return OrderedDict((_key(k), v) for pairs in given for k, v in pairs)


_MEANINGS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): lambda sizes=(): tuple(sizes),
    ("torch", "device"): lambda *names: ":".join(map(str, names)),
    ("collections", "OrderedDict"): _ordered,
    ("_codecs", "encode"): _encoded,
    **{(module, "set"): _set for module in ("builtins", "__builtin__")},
    **{(module, "complex"): complex for module in ("builtins", "__builtin__")},
    **{("torch", f"{kind}Storage"): dtype for kind, dtype in _DTYPES.items()},
    **{("torch", dtypes.name(dtype)): dtype for dtype in _DTYPES.values()},
}


def _resolved(module: Any, name: Any) -> Named:
    if (module, name) not in _MEANINGS:
        raise Refused(
            f"it names {module}.{name}, which is not read; save the state_dict() of what it belongs to, or plain tensors"
        )
    return Named(f"{module}.{name}", _MEANINGS[module, name])


def _key(x: Any) -> Any:
    """Return a key of a dict. Hashing goes as deep as a value is nested, so that may not be deep."""
    plain = type(x) in _PLAIN_KEYS or (type(x) is tuple and all(type(i) in _PLAIN_KEYS for i in x))
    if not plain:
        raise Broken(f"a key is a {type(x).__name__}")
    return x


# --------------------------------------------------------------------------- the machine


class Machine:
    """Interprets the opcodes of one `data.pkl`."""

    def __init__(self, storage: Callable[[str, Any, int], Storage]):
        self.storage = storage
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, code: bytes) -> Any:
        """Return the value that the code builds."""
        for opcode, argument, _ in pickletools.genops(code):
            if opcode.name == "STOP":
                return self.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise Refused(f"it has the opcode {opcode.name}, which torch.save does not write for tensors")
            step(self, argument)
        raise Broken("it has no end")

    def pop(self) -> Any:
        """Take the topmost value."""
        if not self.stack or self.stack[-1] is _MARK:
            raise Broken("it takes what is not there")
        return self.stack.pop()

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def marked(self) -> list[Any]:
        """Take everything down to the last mark."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                taken = self.stack[i + 1 :]
                del self.stack[i:]
                return taken
        raise Broken("it has no mark")

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the topmost values."""
        self.push(tuple(reversed([self.pop() for _ in range(count)])))

    def append(self, items: list[Any]) -> None:
        """Append to the list below."""
        if not self.stack or type(self.stack[-1]) is not list:
            raise Broken("it appends to what is no list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Fill the dict below with keys and values in turn."""
        if not self.stack or type(self.stack[-1]) not in (dict, OrderedDict) or len(items) % 2:
            raise Broken("it fills what is no dict")
        self.stack[-1].update((_key(k), v) for k, v in zip(items[::2], items[1::2]))

    def add_items(self, items: list[Any]) -> None:
        """Add to the set below."""
        if not self.stack or type(self.stack[-1]) is not set:
            raise Broken("it adds to what is no set")
        self.stack[-1].update(map(_key, items))

    def reduce(self, _: Any) -> None:
        """Call a function of the table."""
        arguments, function = self.pop(), self.pop()
        if type(function) is not Named or not callable(function.meaning) or type(arguments) is not tuple:
            raise Broken("it calls what is no function")
        if isinstance(function.meaning, np.dtype):
            raise Broken("it calls a dtype")
        self.push(function.meaning(*arguments))

    def build(self, _: Any) -> None:
        """Set attributes: of dicts that PyTorch marks with versions, which say nothing here."""
        self.pop()
        if not self.stack or type(self.stack[-1]) is not OrderedDict:
            raise Refused("it sets the attributes of an object; save a state_dict() instead")

    def persistent(self, _: Any) -> None:
        """Take the memory of a tensor from another member of the file."""
        kind, storage, key, _, count = self.pop()
        if kind != "storage" or type(storage) is not Named or not isinstance(storage.meaning, np.dtype):
            raise Broken("it refers to what is no memory of a tensor")
        self.push(self.storage(key, storage.meaning, count))

    def stack_global(self, _: Any) -> None:
        """Resolve a name on the stack."""
        name, module = self.pop(), self.pop()
        self.push(_resolved(module, name))

    def remember(self, at: int) -> None:
        """Note the topmost value."""
        if not self.stack or self.stack[-1] is _MARK:
            raise Broken("it remembers what is not there")
        self.memo[at] = self.stack[-1]


def _push(machine: Machine, value: Any) -> None:
    machine.push(value)


def _none(machine: Machine, _: Any) -> None:
    pass


_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _none),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"), _push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"), _push),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_SET": lambda m, _: m.push(set()),
    "MARK": lambda m, _: m.stack.append(_MARK),
    "POP": lambda m, _: m.stack.pop() and None,
    "TUPLE": lambda m, _: m.push(tuple(m.marked())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.marked()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.marked()),
    "ADDITEMS": lambda m, _: m.add_items(m.marked()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), Machine.remember),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, at: m.push(m.memo[at])),
    "MEMOIZE": lambda m, _: m.remember(len(m.memo)),
    "GLOBAL": lambda m, names: m.push(_resolved(*names.split(" ", 1))),
    "STACK_GLOBAL": Machine.stack_global,
    "REDUCE": Machine.reduce,
    "BUILD": Machine.build,
    "BINPERSID": Machine.persistent,
}


# --------------------------------------------------------------------------- the file


def read(file: zipfile.ZipFile) -> Any:
    """Return what a zip file of `torch.save` holds."""
    members = {info.filename: info for info in file.infolist()}
    roots = [name.removesuffix("data.pkl") for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Broken("it has no data.pkl, or several")
    (root,) = roots

    def content(name: str) -> bytes:
        info = members[root + name]
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > info.compress_size:
            raise Broken(f"{name} is compressed")
        return file.read(info)

    order = content("byteorder").decode("ascii") if f"{root}byteorder" in members else "little"
    known: dict[str, bytes] = {}

    def storage(key: Any, dtype: Any, count: Any) -> Storage:
        if type(key) is not str or type(count) is not int or count < 0:
            raise Broken("memory has no name or size")
        if key not in known:
            known[key] = content(f"data/{key}")
        if len(known[key]) < count * dtype.itemsize:
            raise Broken(f"data/{key} is shorter than it says")
        data = np.frombuffer(known[key], dtype, count)
        return Storage(data.byteswap() if order == "big" else data)

    return Machine(storage).run(content("data.pkl"))
