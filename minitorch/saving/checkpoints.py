"""save and load: any tree of tensors and plain values, in a file that other programs can read.

The format is safetensors: a header in JSON, then the tensors' bytes. It holds no code, so that loading runs none. How the
tree looks stands in the header's metadata.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any, BinaryIO

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, MissingExtraError, StateError, UnsupportedError
from ..core.tree import map as mapped
from ..files import replace
from ..tensor.handle import Tensor, tensor_of
from ..tensor.types import checked_device
from . import torch_files
from .trees import Buffers, Malformed, Reader, Writer

_TREE = "minitorch"
_NAMES: dict[str, Any] = {
    "BOOL": np.bool_, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "U16": np.uint16,
    "U32": np.uint32, "U64": np.uint64, "F16": np.float16, "BF16": dtypes.bfloat16, "F32": np.float32, "F64": np.float64,
    "C64": np.complex64,
}  # fmt: skip


Place = str | os.PathLike[str] | BinaryIO


def save(tree: Any, path: Place) -> None:
    """Write tensors, arrays, numbers, strings and containers of them to a file, whole or not at all, or to a stream.

    What `state_dict()` returns can be saved, and dicts of several of them. Tensors keep their dtype, whether they require
    grad, and whether they are one object in several places; not their graph. A dict of names and tensors is a file that
    `safetensors.torch.load_file` reads. Raises ArgumentError for what a file cannot hold: functions, modules, classes.

    >>> import os, tempfile
    >>> from minitorch.tensor.creation import tensor
    >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
    >>> save({"weight": tensor([1.0, 2.0]), "epoch": 3, "rates": (0.1, 0.01)}, path)
    >>> load(path)
    {'weight': tensor([1., 2.]), 'epoch': 3, 'rates': (0.1, 0.01)}
    """
    writer = Writer()
    described = writer.encode(tree)
    metadata = {"format": "pt"}
    if not _is_plain(tree):
        metadata[_TREE] = json.dumps(described, allow_nan=False)
    content = _safetensors().numpy.save(writer.buffers, metadata)
    if isinstance(path, (str, os.PathLike)):
        replace(path, lambda stream: stream.write(content))  # type: ignore[arg-type, return-value]
    else:
        path.write(content)


def _is_plain(tree: Any) -> bool:
    """Return whether names and tensors are all there is to say; a loaded dict is in the order of the names."""
    return (
        type(tree) is dict
        and len(set(map(id, tree.values()))) == len(tree)
        and all(type(k) is str and type(x) is Tensor and not x.requires_grad for k, x in tree.items())
        and all(x.dtype != dtypes.complex128 for x in tree.values())
        and list(tree) == sorted(tree)
    )


def load(path: Place, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Return what a file holds, or the rest of a stream: what `save` wrote, safetensors, or a checkpoint of `torch.save`.

    No code runs, whatever the file says, so `weights_only=False` allows nothing more. Of PyTorch's files only tensors,
    plain values and containers are read; whatever else they name is refused by name. Tensors come to the CPU, wherever
    they were, or to the device that `map_location` names. Raises StateError for a file that is damaged or of another
    kind, UnsupportedError for a `map_location` that is a function or a dict.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "numbers.safetensors")
    >>> save([1, 2.5, None], path)
    >>> load(path)
    [1, 2.5, None]
    """
    device = _device(map_location)
    if isinstance(path, (str, os.PathLike)):
        name = os.fspath(path)
        with open(path, "rb") as stream:
            content = stream.read()
    else:
        name, content = "the stream", path.read()
    if content[:4] == b"PK\x03\x04":
        found = _from_torch(name, content)
    elif content[8:9] == b"{":
        found = _from_safetensors(name, content)
    else:
        raise StateError(
            f"load: {name} is neither a safetensors file nor a zip file of torch.save; files that torch.save wrote before "
            "version 1.6, or pickles, are not read: load them with PyTorch and save them again"
        )
    return found if device == "cpu" else mapped(lambda array: array.to_device(device), found)


def _device(map_location: Any) -> str:
    if map_location is None:
        return "cpu"
    if callable(map_location) or isinstance(map_location, dict):
        raise UnsupportedError(
            f"load: map_location is a {type(map_location).__name__}; name one device for all tensors: map_location='cpu'"
        )
    return checked_device(map_location)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "io") from None
    return safetensors


def _from_safetensors(name: str, content: bytes) -> Any:
    library = _safetensors()
    try:
        entries = library.deserialize(content)  # which checks the header
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.get("__metadata__") or {}
        buffers = {name: _array(entry) for name, entry in sorted(entries)}
        if _TREE in metadata:
            return Reader(buffers).decode(json.loads(metadata[_TREE]))
    except (library.SafetensorError, Malformed, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise StateError(f"load: {name} is damaged, or was not written by save ({error})") from error
    return _tensors(buffers)


def _array(entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    if entry["dtype"] not in _NAMES:
        raise Malformed(f"it holds a tensor of dtype {entry['dtype']}, which minitorch does not have")
    return np.frombuffer(bytearray(entry["data"]), _NAMES[entry["dtype"]]).reshape(entry["shape"])


def _tensors(buffers: Buffers) -> dict[str, Tensor]:
    return {name: tensor_of(wrap(data)) for name, data in buffers.items()}


def _from_torch(name: str, content: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return torch_files.read(file)
    except torch_files.Refused as error:
        raise ArgumentError(f"load: {name}: {error}") from error
    except torch_files.DAMAGED as error:
        raise StateError(f"load: {name} is damaged, or was not written by torch.save ({error})") from error
