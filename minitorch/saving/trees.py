"""Trees of tensors and plain values, taken apart into JSON and named tensors, and put together again.

A tensor is named by the way to it: `model.0.weight`. One that stands in several places is stored once and is one object
again. A dict of nothing but names and tensors is stored under just those names, as other programs do and expect.
"""

from __future__ import annotations

import base64
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import ArgumentError
from ..nn.parameter import Parameter
from ..tensor.handle import Tensor, tensor_of

Json = Any
Buffers = dict[str, np.ndarray[Any, Any]]
DEPTH = 200  # of nested containers, when writing and when reading
_PLAIN = (bool, int, str, type(None))


class Malformed(Exception):
    """A description that no tree has."""


# --------------------------------------------------------------------------- taking apart


class Writer:
    """Collects the tensors of a tree."""

    def __init__(self) -> None:
        self.buffers: Buffers = {}
        self.places: dict[int, Json] = {}  # of tensors that have been met, by identity
        self.kept: list[Any] = []

    def encode(self, x: Any, path: tuple[str, ...] = ()) -> Json:
        """Return a value as JSON; its tensors go to `buffers`."""
        kind = type(x)
        if kind in _PLAIN:
            return x
        if kind is float:
            return x if math.isfinite(x) else {"float": repr(x)}
        if len(path) > DEPTH:
            raise ArgumentError(f"save: {_shown(path)} is nested more than {DEPTH} deep; save it flatter")
        for known, encode in _ENCODERS:
            if kind is known or (known in (Tensor, np.generic, np.dtype) and isinstance(x, known)):
                return encode(self, x, path)
        raise ArgumentError(
            f"save: {_shown(path)} is a {kind.__module__}.{kind.__qualname__}, which a file cannot hold; save tensors, "
            "numbers, strings and containers of them: the state_dict() of a model or an optimizer"
        )

    def _tensor(self, x: Any, path: tuple[str, ...]) -> Json:
        if id(x) not in self.places:
            name = ".".join(path) or "value"
            while name in self.buffers:
                name += "'"
            data, form = _stored(_data_of(x))
            self.buffers[name] = data
            entry: dict[str, Any] = {"tensor": name, **({"as": form} if form else {})}
            if type(x) is not Tensor:
                entry["kind"] = "parameter" if isinstance(x, Parameter) else "array" if type(x) is Array else "numpy"
            if isinstance(x, Tensor) and x.requires_grad:
                entry["requires_grad"] = True
            self.places[id(x)] = entry
            self.kept.append(x)
        return self.places[id(x)]

    def _items(self, x: Any, path: tuple[str, ...]) -> list[Json]:
        return [self.encode(item, (*path, str(i))) for i, item in enumerate(x)]

    def _pairs(self, x: Any, path: tuple[str, ...]) -> list[Json]:
        found = []
        for key, value in x.items():
            if type(key) not in (bool, int, str, float, type(None), tuple):
                raise ArgumentError(f"save: a key of {_shown(path)} is a {type(key).__name__}; use strings or numbers")
            found.append([self.encode(key, (*path, "key")), self.encode(value, (*path, str(key)))])
        return found


def _shown(path: tuple[str, ...]) -> str:
    return f"the value at {'.'.join(path)!r}" if path else "what is saved"


def _data_of(x: Any) -> np.ndarray[Any, Any]:
    if isinstance(x, Tensor):
        return x.concrete("save").numpy()
    return x.numpy() if type(x) is Array else np.asarray(x)


def _stored(data: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], str | None]:
    """Return what the format can hold of an array, and what it is in truth if that is something else."""
    if data.dtype not in dtypes.ALL:
        raise ArgumentError(f"save: a file cannot hold an array of dtype {data.dtype}; convert it first")
    if data.dtype == dtypes.complex128:
        return np.asarray(data, order="C")[..., None].view(np.float64), "complex128"
    return np.asarray(data, order="C"), None


def _encode_dict(writer: Writer, x: Any, path: tuple[str, ...]) -> Json:
    return {"dict": writer._pairs(x, path)}


_ENCODERS: tuple[tuple[Any, Callable[[Writer, Any, tuple[str, ...]], Json]], ...] = (
    (Tensor, Writer._tensor),
    (Array, Writer._tensor),
    (np.ndarray, Writer._tensor),
    (dict, _encode_dict),
    (OrderedDict, lambda writer, x, path: {"ordered": writer._pairs(x, path)}),
    (defaultdict, _encode_dict),
    (list, Writer._items),
    (tuple, lambda writer, x, path: {"tuple": writer._items(x, path)}),
    (set, lambda writer, x, path: {"set": writer._items(sorted(x, key=repr), path)}),
    (complex, lambda writer, x, path: {"complex": [writer.encode(part, path) for part in (x.real, x.imag)]}),
    (bytes, lambda writer, x, path: {"bytes": base64.b64encode(x).decode()}),
    (np.generic, lambda writer, x, path: {"scalar": writer._tensor(np.asarray(x), path)}),
    (np.dtype, lambda writer, x, path: {"dtype": dtypes.name(x)}),
)


# --------------------------------------------------------------------------- putting together


class Reader:
    """Builds a tree from a description and tensors. Whatever does not fit is `Malformed`."""

    def __init__(self, buffers: Buffers):
        self.buffers = buffers
        self.made: dict[str, Any] = {}

    def decode(self, given: Json, depth: int = 0) -> Any:
        """Return the value that a description stands for."""
        if depth > DEPTH:
            raise Malformed("it is nested too deep")
        if type(given) in (*_PLAIN, float):
            return given
        if type(given) is list:
            return [self.decode(item, depth + 1) for item in given]
        if type(given) is dict and "tensor" in given:
            return self._tensor(given)
        if type(given) is not dict or len(given) != 1:
            raise Malformed("it has an entry of no known kind")
        ((kind, content),) = given.items()
        if kind not in _DECODERS:
            raise Malformed(f"it has an entry of the unknown kind {kind!r}")
        return _DECODERS[kind](self, content, depth + 1)

    def _tensor(self, given: dict[str, Any]) -> Any:
        name = given["tensor"]
        if type(name) is not str or name not in self.buffers:
            raise Malformed(f"there is no tensor {name!r}")
        if name not in self.made:
            self.made[name] = _restored(self.buffers[name], given)
        return self.made[name]

    def _pairs(self, given: Any, depth: int) -> list[tuple[Any, Any]]:
        return [(self._key(key, depth), self.decode(value, depth)) for key, value in given]

    def _key(self, given: Any, depth: int) -> Any:
        key = self.decode(given, depth)
        hash(key)
        return key

    def _scalar(self, given: Any, depth: int) -> Any:
        found = self.decode(given, depth)
        if not isinstance(found, np.ndarray) or found.shape != ():
            raise Malformed("a scalar has axes")
        return found[()]


_KINDS: dict[str, Callable[[np.ndarray[Any, Any]], Any]] = {
    "tensor": lambda data: tensor_of(wrap(data)),
    "parameter": lambda data: Parameter(tensor_of(wrap(data)), requires_grad=False),
    "array": wrap,
    "numpy": lambda data: data,
}


def _restored(data: np.ndarray[Any, Any], given: dict[str, Any]) -> Any:
    form, kind, tracked = given.get("as"), given.get("kind", "tensor"), given.get("requires_grad", False)
    if form == "complex128" and data.dtype == np.float64 and data.shape[-1:] == (2,):
        data = data.view(np.complex128)[..., 0]
    elif form is not None:
        raise Malformed(f"a tensor is stored as {form!r}")
    if kind not in _KINDS:
        raise Malformed(f"a tensor is of the unknown kind {kind!r}")
    made = _KINDS[kind](data)
    if tracked is True and isinstance(made, Tensor) and made.dtype in dtypes.INEXACT:
        made.requires_grad_()
    return made


def _float(reader: Reader, given: Any, depth: int) -> float:
    if given not in ("inf", "-inf", "nan"):
        raise Malformed("a float is no number")
    return float(given)


_DECODERS: dict[str, Callable[[Reader, Any, int], Any]] = {
    "float": _float,
    "dict": lambda reader, given, depth: dict(reader._pairs(given, depth)),
    "ordered": lambda reader, given, depth: OrderedDict(reader._pairs(given, depth)),
    "tuple": lambda reader, given, depth: tuple(reader.decode(list(given), depth)),
    "set": lambda reader, given, depth: set(reader.decode(list(given), depth)),
    "complex": lambda reader, given, depth: complex(*reader.decode(list(given), depth)),
    "bytes": lambda reader, given, depth: base64.b64decode(given, validate=True),
    "scalar": Reader._scalar,
    "dtype": lambda reader, given, depth: dtypes.canonical(given),
}
