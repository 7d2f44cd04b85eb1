"""The types of kernel text, and values of them while it is compiled.

A `Value` names what LLVM has computed. A number written in the text has no type of its own yet, as in NumPy: it takes the
type of what it meets, and is an int64 or a float64 where it meets nothing.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, NamedTuple

from .width import lanes


class CompileError(Exception):
    """Why kernel text cannot be compiled."""


class Kind:
    """A type: how messages name it, and LLVM's type. There is one object for each."""

    __slots__ = ("llvm", "name")

    def __init__(self, name: str, llvm: str):
        self.name, self.llvm = name, llvm

    def __repr__(self) -> str:
        return self.name

    def __call__(self, x: Any) -> Any:
        """Kernel text is compiled, not executed."""
        raise TypeError(f"{self} stands in kernel text only")


class Integer(Kind):
    """Integers wrap around at their width."""

    __slots__ = ("bits", "signed")

    def __init__(self, name: str, bits: int, signed: bool):
        super().__init__(name, f"i{bits}")
        self.bits, self.signed = bits, signed

    def holds(self, number: int) -> bool:
        """Return whether a number is in range."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        return low <= number < low + (1 << self.bits)


class Real(Kind):
    """Floats of IEEE 754; `fraction` is how many bits of the significand are stored."""

    __slots__ = ("bits", "fraction")

    def __init__(self, name: str, llvm: str, bits: int, fraction: int):
        super().__init__(name, llvm)
        self.bits, self.fraction = bits, fraction


class Pointer(Kind):
    """The address of elements."""

    __slots__ = ("element",)

    def __init__(self, element: Integer | Real):
        super().__init__(f"pointer to {element}", "ptr")
        self.element = element


class Lanes(Kind):
    """A vector of floats, as long as this CPU's."""

    __slots__ = ("count", "element")

    def __init__(self, element: Real):
        self.element, self.count = element, lanes(element.name)
        super().__init__(f"vector of {element}", f"<{self.count} x {element.llvm}>")


class Tile(Kind):
    """A matrix of vectors; its values are tuples of LLVM's."""

    __slots__ = ("cells", "columns", "lanes", "rows")

    def __init__(self, vector: Lanes, rows: int, columns: int):
        super().__init__(f"tile of {rows} x {columns} vectors", "")
        self.lanes, self.rows, self.columns = vector, rows, columns
        # Row, column and place of each vector.
        self.cells = [(r, c, r * columns + c) for r in range(rows) for c in range(columns)]


boolean = Kind("boolean", "i1")
int8, int16, int32, int64 = (Integer(f"int{n}", n, True) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (Integer(f"uint{n}", n, False) for n in (8, 16, 32, 64))
float32, float64 = Real("float32", "float", 32, 23), Real("float64", "double", 64, 52)
SCALARS: dict[str, Any] = {
    kind.name: kind
    for kind in (boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64)
}  # fmt: skip
INTEGER_OF = {float32: int32, float64: int64}  # of the same width


pointer_to, lanes_of, tile_of = cache(Pointer), cache(Lanes), cache(Tile)


class Value(NamedTuple):
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
