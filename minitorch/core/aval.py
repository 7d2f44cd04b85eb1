"""Aval: what is known of a value without its data."""

from __future__ import annotations

from typing import NamedTuple

from .dtypes import DType, name


class Aval(NamedTuple):
    """Shape, dtype and device of a value. `weak` marks a Python scalar, whose dtype gives way in promotion."""

    shape: tuple[int, ...]
    dtype: DType
    device: str = "cpu"
    weak: bool = False

    @property
    def _data(self) -> Aval:
        """What a rule on buffers takes where it asks for an aval: this."""
        return self

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        total = 1
        for n in self.shape:
            total *= n
        return total

    def __str__(self) -> str:
        return f"{name(self.dtype)}{list(self.shape)}"
