"""CUDA devices under PyTorch's names: whether there are any, and how many.

Programs ask here before they choose a device, so that they run where there is none.
"""

from __future__ import annotations

from typing import Any

from ..core.backend import backend_for
from ..core.errors import DeviceError
from ..tensor.generator import manual_seed as _manual_seed


def device_count() -> int:
    """Return the number of CUDA devices, 0 in an installation without a CUDA backend.

    >>> device_count() >= 0
    True
    """
    try:
        return backend_for("cuda").count()
    except DeviceError:
        return 0


def is_available() -> bool:
    """Return whether there is a CUDA device to compute on.

    >>> device = "cuda" if is_available() else "cpu"
    """
    return device_count() > 0


def manual_seed(seed: int) -> None:
    """Seed the generator; there is one for all devices.

    >>> manual_seed(0)
    """
    _manual_seed(seed)


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Do nothing: no memory is kept back for devices.

    >>> empty_cache()
    """


def current_device() -> int:
    """Return the number of the current device. Raises DeviceError where there is none.

    >>> current_device() if is_available() else 0
    0
    """
    return _existing(0)


def synchronize(device: Any = None) -> None:
    """Wait for a device to finish. Raises DeviceError where there is none.

    >>> if is_available():
    ...     synchronize()
    """
    _existing(device)


def _existing(device: Any) -> int:
    """Return a device's number. Raises DeviceError, with what to do instead, if it does not exist."""
    number = int(str(0 if device is None else device).rpartition(":")[2].replace("cuda", "0"))
    if not 0 <= number < device_count():
        raise DeviceError(
            f"cuda: there is no device {number}, {device_count()} are available; choose the device by "
            '`"cuda" if minitorch.cuda.is_available() else "cpu"`'
        )
    return number
