"""Devices: the protocol a backend implements, and the registry of lazily loaded ones.

A buffer's type tells its backend. The CPU's buffers are NumPy arrays; other backends register a loader, which runs when
a device of theirs is first named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .errors import DeviceError

Buffer = Any


class Backend(Protocol):
    """What a device family provides."""

    name: str
    buffer_type: type

    def from_host(self, data: np.ndarray[Any, Any], device: str) -> Buffer:
        """Copy a NumPy array to the device."""

    def to_host(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """Copy a buffer to a NumPy array."""

    def device_of(self, buffer: Buffer) -> str:
        """Return the device's name, `cpu` or `cuda:0`."""

    def count(self) -> int:
        """Return how many devices of the family there are."""


class CPU:
    """NumPy buffers in host memory."""

    name = "cpu"
    buffer_type = np.ndarray

    def from_host(self, data: np.ndarray[Any, Any], device: str) -> Buffer:
        """Return the array itself: host memory is this device's memory."""
        return data

    def to_host(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """Return the buffer itself."""
        return buffer  # type: ignore[no-any-return]

    def device_of(self, buffer: Buffer) -> str:
        """Return `cpu`."""
        return "cpu"

    def count(self) -> int:
        """Return 1: all cores are one device."""
        return 1


_loaded: dict[str, Any] = {"cpu": CPU()}
_loaders: dict[str, Callable[[], Backend]] = {}
_by_type: dict[type, Backend] = {np.ndarray: _loaded["cpu"]}


def register_backend(name: str, loader: Callable[[], Backend]) -> None:
    """Announce a backend; `loader` runs when a device of that name is first asked for."""
    _loaders[name] = loader


def backend_for(device: str) -> Backend:
    """Return the backend of a device name such as `cpu` or `cuda:1`.

    >>> backend_for("cpu").name
    'cpu'
    """
    family = str(device).partition(":")[0]
    if family not in _loaded:
        if family not in _loaders:
            known = ", ".join(sorted({*_loaded, *_loaders}))
            raise DeviceError(f"device: there is no device {device!r}; this installation knows {known}")
        _loaded[family] = _loaders[family]()
        _by_type[_loaded[family].buffer_type] = _loaded[family]
    found: Backend = _loaded[family]
    return found


def backend_of(buffer: Buffer) -> Backend:
    """Return the backend that owns a buffer."""
    try:
        return _by_type[type(buffer)]
    except KeyError:  # what stands in the place of a buffer that is gone says so, whatever it is asked
        return buffer.backend  # type: ignore[no-any-return]
