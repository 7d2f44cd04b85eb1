"""The file that an exported function lives in: a zip of a JSON header, arrays as `.npy`, and kernels.

It holds machine code that will run, so it is written whole or not at all, and read with a digest of every member; a file
that other users could have written gets a warning.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import JitError
from ..core.jit.native.compile import Portable
from ..core.tracebacks import warn
from ..files import replace

FORMAT = "minitorch exported function"
REVISION = 1
HEADER = "header.json"
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, TypeError, RuntimeError, OverflowError,
    MemoryError, OSError,
)  # fmt: skip

# --------------------------------------------------------------------------- writing


def write(path: str, header: dict[str, Any], arrays: Sequence[Array], kernels: Sequence[Portable], text: str) -> None:
    """Write a file whole: under another name in the same folder, then renamed."""
    members = {f"arrays/{i}.npy": _npy(x) for i, x in enumerate(arrays)}
    for i, kernel in enumerate(kernels):
        members[f"kernels/{i}.py"] = kernel.source.encode()
        members[f"kernels/{i}.o"] = kernel.code
    members["graph.txt"] = text.encode()
    header = {
        "format": FORMAT,
        "revision": REVISION,
        **header,
        "arrays": [dtypes.name(x.dtype) for x in arrays],
        "kernels": [[k.name, k.reassociate, k.symbol] for k in kernels],
        "digests": {name: _digest(content) for name, content in members.items()},
    }
    packed = {HEADER: json.dumps(header, indent=1, allow_nan=False).encode(), **members}

    def fill(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w") as file:
            for name, content in packed.items():
                info = zipfile.ZipInfo(name)  # without a date: the same function gives the same file
                info.compress_type = zipfile.ZIP_DEFLATED if name == HEADER else zipfile.ZIP_STORED
                file.writestr(info, content)

    replace(path, fill)


def _npy(x: Array) -> bytes:
    data = x.numpy()
    if data.dtype.kind == "V" or data.dtype not in dtypes.NATIVE | {dtypes.float16}:
        data = data.view(np.dtype(f"u{data.dtype.itemsize}"))  # bfloat16, which NumPy's format has no name for
    stream = io.BytesIO()
    np.lib.format.write_array(stream, data, allow_pickle=False)
    return stream.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --------------------------------------------------------------------------- reading


def read(path: str, version: str) -> tuple[dict[str, Any], list[Array], list[Portable]]:
    """Return the header, the arrays and the kernels of a file, once everything about them is in order."""
    with open(path, "rb") as stream:
        _check_owner(stream, path)
        try:
            with zipfile.ZipFile(stream) as file:
                return _read(file, path, version)
        except DAMAGED as error:
            if isinstance(error, JitError):
                raise
            raise JitError(
                f"load_exported: {path} is damaged, or was not written by minitorch.export ({error}); export again"
            ) from error


def _check_owner(stream: BinaryIO, path: str) -> None:
    if os.name != "posix":
        return
    status = os.fstat(stream.fileno())
    what = None
    if status.st_uid not in (os.geteuid(), 0):
        what = "belongs to another user"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        what = "can be written by other users"
    if what:
        warn(
            f"load_exported: {path} {what}; it holds machine code that will run as you: load it only if you trust them",
            RuntimeWarning,
        )


def _read(file: zipfile.ZipFile, path: str, version: str) -> tuple[dict[str, Any], list[Array], list[Portable]]:
    header = json.loads(file.read(HEADER))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("it has another format")
    if header["revision"] != REVISION or header["version"] != version:
        raise JitError(
            f"load_exported: {path} was written by minitorch {header['version']} (format {header['revision']}), and this "
            f"is {version} (format {REVISION}); load it there, or export again here"
        )

    def member(name: str) -> bytes:
        content = file.read(name)
        if _digest(content) != header["digests"][name]:
            raise ValueError(f"the digest of {name} is wrong")
        return content

    arrays = [_array(member(f"arrays/{i}.npy"), dtype) for i, dtype in enumerate(header["arrays"])]
    kernels = [
        Portable(member(f"kernels/{i}.py").decode(), name, reassociate, symbol, member(f"kernels/{i}.o"))
        for i, (name, reassociate, symbol) in enumerate(header["kernels"])
    ]
    return header, arrays, kernels


def _array(content: bytes, name: str) -> Array:
    dtype = dtypes.canonical(name)
    data = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if data.dtype != dtype and data.dtype == np.dtype(f"u{dtype.itemsize}"):
        data = data.view(dtype)
    if data.dtype != dtype:
        raise ValueError(f"an array of {dtype} is one of {data.dtype}")
    return wrap(np.array(data, order="C"))
