"""Exchange of memory with other libraries (the DLPack protocol). Both ways copy: values here are immutable."""

from __future__ import annotations

from typing import Any

from ..tensor.creation import from_dlpack
from ..tensor.handle import Tensor


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule of a copy of a tensor's data.

    >>> type(to_dlpack(Tensor([1.0, 2.0]))).__name__
    'PyCapsule'
    """
    return tensor.detach().concrete("to_dlpack").__dlpack__()


__all__ = ["from_dlpack", "to_dlpack"]
