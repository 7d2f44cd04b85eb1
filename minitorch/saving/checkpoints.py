"""save and load: any tree of tensors and plain values, in a file that other programs can read.

The format is safetensors: a header in JSON, then the tensors' bytes. It holds no code, so that loading runs none. How the
tree looks stands in the header's metadata.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import wrap
from ..core.errors import ArgumentError, MissingExtraError, StateError
from ..files import replace
from ..tensor.handle import Tensor, tensor_of
from . import torch_files
from .trees import Buffers, Malformed, Reader, Writer

_TREE = "minitorch"
_NAMES: dict[str, Any] = {
    "BOOL": np.bool_, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "U16": np.uint16,
    "U32": np.uint32, "U64": np.uint64, "F16": np.float16, "BF16": dtypes.bfloat16, "F32": np.float32, "F64": np.float64,
    "C64": np.complex64,
}  # fmt: skip


def save(tree: Any, path: str | os.PathLike[str]) -> None:
    """Write tensors, arrays, numbers, strings and containers of them to a file, whole or not at all.

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
    replace(path, lambda stream: stream.write(content))  # type: ignore[arg-type, return-value]


def _is_plain(tree: Any) -> bool:
    """Return whether names and tensors are all there is to say; a loaded dict is in the order of the names."""
    return (
        type(tree) is dict
        and len(set(map(id, tree.values()))) == len(tree)
        and all(type(k) is str and type(x) is Tensor and not x.requires_grad for k, x in tree.items())
        and all(x.dtype != dtypes.complex128 for x in tree.values())
        and list(tree) == sorted(tree)
    )


def load(path: str | os.PathLike[str]) -> Any:
    """Return what a file holds: one that `save` wrote, any safetensors file, or a checkpoint of `torch.save`.

    No code runs, whatever the file says. Of PyTorch's files only tensors, plain values and containers are read; whatever
    else they name is refused by name. Raises StateError for a file that is damaged or of another kind.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "numbers.safetensors")
    >>> save([1, 2.5, None], path)
    >>> load(path)
    [1, 2.5, None]
    """
    with open(path, "rb") as stream:
        head = stream.read(9)
    if head[:4] == b"PK\x03\x04":
        return _from_torch(path)
    if head[8:] != b"{":
        raise StateError(
            f"load: {os.fspath(path)} is neither a safetensors file nor a zip file of torch.save; files that torch.save "
            "wrote before version 1.6, or pickles, are not read: load them with PyTorch and save them again"
        )
    return _from_safetensors(path)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "io") from None
    return safetensors


def _from_safetensors(path: str | os.PathLike[str]) -> Any:
    library = _safetensors()
    try:
        with library.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
        with open(path, "rb") as stream:
            entries = library.deserialize(stream.read())
        buffers = {name: _array(entry) for name, entry in sorted(entries)}
        if _TREE in metadata:
            return Reader(buffers).decode(json.loads(metadata[_TREE]))
    except (library.SafetensorError, Malformed, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise StateError(f"load: {os.fspath(path)} is damaged, or was not written by save ({error})") from error
    return _tensors(buffers)


def _array(entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    if entry["dtype"] not in _NAMES:
        raise Malformed(f"it holds a tensor of dtype {entry['dtype']}, which minitorch does not have")
    return np.frombuffer(bytearray(entry["data"]), _NAMES[entry["dtype"]]).reshape(entry["shape"])


def _tensors(buffers: Buffers) -> dict[str, Tensor]:
    return {name: tensor_of(wrap(data)) for name, data in buffers.items()}


def _from_torch(path: str | os.PathLike[str]) -> Any:
    try:
        with zipfile.ZipFile(path) as file:
            return torch_files.read(file)
    except torch_files.Refused as error:
        raise ArgumentError(f"load: {os.fspath(path)}: {error}") from error
    except torch_files.DAMAGED as error:
        raise StateError(f"load: {os.fspath(path)} is damaged, or was not written by torch.save ({error})") from error
