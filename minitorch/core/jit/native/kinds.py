"""The types of kernel text, and values of them while it is compiled.

A `Value` names what LLVM has computed. A number written in the text has no type of its own yet, as in NumPy: it takes the
type of what it meets, and is an int64 or a float64 where it meets nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from .width import lanes


class CompileError(Exception):
    """Why kernel text cannot be compiled."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: how messages name it, and LLVM's type."""

    name: str
    llvm: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Integer(Kind):
    """Integers wrap around at their width."""

    bits: int
    signed: bool

    @property
    def bitwidth(self) -> int:
        """The number of bits."""
        return self.bits

    def holds(self, number: int) -> bool:
        """Return whether a number is in range."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        return low <= number < low + (1 << self.bits)


@dataclass(frozen=True, slots=True)
class Real(Kind):
    """Floats of IEEE 754; `fraction` is how many bits of the significand are stored."""

    bits: int
    fraction: int


@dataclass(frozen=True, slots=True)
class Pointer(Kind):
    """The address of elements."""

    element: Any


@dataclass(frozen=True, slots=True)
class Lanes(Kind):
    """A vector of floats."""

    element: Real
    count: int


@dataclass(frozen=True, slots=True)
class Tile(Kind):
    """A matrix of vectors; its values are tuples of LLVM's."""

    lanes: Lanes
    rows: int
    columns: int

    @property
    def cells(self) -> list[tuple[int, int, int]]:
        """Row, column and place of each vector."""
        return [(r, c, r * self.columns + c) for r in range(self.rows) for c in range(self.columns)]


boolean = Kind("boolean", "i1")
int8, int16, int32, int64 = (Integer(f"int{n}", f"i{n}", n, True) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (Integer(f"uint{n}", f"i{n}", n, False) for n in (8, 16, 32, 64))
float32, float64 = Real("float32", "float", 32, 23), Real("float64", "double", 64, 52)
SCALARS: dict[str, Any] = {
    kind.name: kind
    for kind in (boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64)
}  # fmt: skip
INTEGER_OF = {float32: int32, float64: int64}  # of the same width


def pointer_to(element: Kind) -> Pointer:
    """Return the type of an address of elements."""
    return Pointer(f"pointer to {element}", "ptr", element)


def lanes_of(element: Real) -> Lanes:
    """Return the type of this CPU's vectors."""
    count = lanes(element.name)
    return Lanes(f"vector of {element}", f"<{count} x {element.llvm}>", element, count)


def tile_of(vector: Lanes, rows: int, columns: int) -> Tile:
    """Return the type of a tile of vectors."""
    return Tile(f"tile of {rows} x {columns} vectors", "", vector, rows, columns)


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression is: its type, LLVM's name for it (a tile's: several), and the number that it is, if written."""

    kind: Any
    text: Any
    number: Any = None  # of a number without a type of its own


def written(number: bool | int | float) -> Value:
    """Return the value of a number in the text."""
    if isinstance(number, bool):
        return Value(boolean, "true" if number else "false")
    kind = int64 if isinstance(number, int) else float64
    return Value(kind, constant(kind, number), number)


def constant(kind: Any, number: Any) -> str:
    """Return LLVM's text of a number of a type; an integer that does not fit wraps around."""
    if kind == boolean:
        return "true" if number else "false"
    if isinstance(kind, Integer):
        number = int(number) & ((1 << kind.bits) - 1)
        return str(number - (1 << kind.bits) if number >> (kind.bits - 1) else number)
    number = float(number)
    if kind == float32:  # LLVM writes a float as the double of the same value
        number = _rounded(number)
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _rounded(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
