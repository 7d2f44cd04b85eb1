"""Tiles in kernel text: matrices of vectors that stay in registers while products are added to them.

`tile_rows(rows, columns, p, i)` makes one, each of its rows filled with a number, `p[i]` and on; `rows` and `columns` are
numbers in the text. `tile_outer(t, w, i, x, j)` adds the product of the numbers `w[i + r]` and the vectors of x from j on.
`tile_inner(t, g, i, step, x, j, offsets, k)` adds the products, lane by lane, of the vectors at `g[i + r * step]` and at
`x[j + offsets[k + c]]`. `tile_store(t, y, i, step)` stores it row by row, and `tile_store_sums(t, y, i)` the sum of each
vector's lanes. `turn(y, i, step, x, j, across, rows, columns)` copies a square as wide as a vector, `y[i + r * step + c]`
from `x[j + r + c * across]`; it reads so many rows and columns only, and fills up with zeros.
"""

from __future__ import annotations

from typing import Any

from . import expressions as ex
from .functions import Instruction
from .intrinsics import expect
from .kinds import CompileError, Tile, Value, int64, pointer_to, tile_of
from .vectors import first, load, masked_load, place, shuffled, store, total, vector_of
from .width import square
from .writer import Writer

TABLE = pointer_to(int64)


def tile_kind(name: str, tile: Value, *pointers: Value) -> Tile:
    """Return the type of a tile; the pointers are to its elements."""
    if not isinstance(tile.kind, Tile) or any(vector_of(p) != tile.kind.lanes for p in pointers):
        raise CompileError(f"{name} takes a tile and pointers to its elements")
    return tile.kind


def spread(w: Writer, pointer: Value, index: Value, kind: Tile) -> Value:
    """Write a vector of one number of the memory."""
    return Value(kind.lanes, w.repeated(w.load(pointer, index), kind.lanes.count))


@Instruction
def tile_rows(w: Writer, rows: Value, columns: Value, pointer: Value, index: Value) -> Value:
    """A tile with one number in each row."""
    if not isinstance(rows.number, int) or not isinstance(columns.number, int):
        raise CompileError("tile_rows: rows and columns are numbers in the text")
    kind = tile_of(vector_of(pointer), rows.number, columns.number)
    at = ex.index_of(w, index)
    filled = [spread(w, pointer, w.plus(at, r), kind) for r in range(kind.rows)]
    return Value(kind, tuple(filled[r].text for r, _, _ in kind.cells))


def _added(w: Writer, tile: Value, rows: list[Value], columns: list[Value]) -> Value:
    """Write the tile plus the products of rows and columns."""
    kind = tile.kind
    cells = (w.fused(rows[r], columns[c], Value(kind.lanes, tile.text[at])).text for r, c, at in kind.cells)
    return Value(kind, tuple(cells))


@Instruction
def tile_outer(w: Writer, tile: Value, weights: Value, i: Value, x: Value, j: Value) -> Value:
    """The tile plus numbers times vectors."""
    kind = tile_kind("tile_outer", tile, weights, x)
    i, j = ex.index_of(w, i), ex.index_of(w, j)
    vectors = [load(w, x, w.plus(j, c * kind.lanes.count), kind.lanes) for c in range(kind.columns)]
    return _added(w, tile, [spread(w, weights, w.plus(i, r), kind) for r in range(kind.rows)], vectors)


@Instruction
def tile_inner(
    w: Writer, tile: Value, g: Value, i: Value, step: Value, x: Value, j: Value, offsets: Value, k: Value
) -> Value:
    """The tile plus vectors times vectors."""
    kind = tile_kind("tile_inner", tile, g, x)
    expect("tile_inner", offsets, TABLE)
    i, step, j, k = (ex.index_of(w, v) for v in (i, step, j, k))
    moves = [w.load(offsets, w.plus(k, c)) for c in range(kind.columns)]
    columns = [load(w, x, w.integer("add", j, move), kind.lanes) for move in moves]
    rows = [load(w, g, w.integer("add", i, w.integer("mul", step, r)), kind.lanes) for r in range(kind.rows)]
    return _added(w, tile, rows, columns)


@Instruction
def tile_store(w: Writer, tile: Value, y: Value, i: Value, step: Value) -> None:
    """Store a tile row by row."""
    kind = tile_kind("tile_store", tile, y)
    i, step = ex.index_of(w, i), ex.index_of(w, step)
    for r, c, at in kind.cells:
        row = w.integer("add", i, w.integer("mul", step, r))
        store(w, y, w.plus(row, c * kind.lanes.count), Value(kind.lanes, tile.text[at]))


@Instruction
def tile_store_sums(w: Writer, tile: Value, y: Value, i: Value) -> None:
    """Store the sums of a tile's vectors, row by row."""
    kind = tile_kind("tile_store_sums", tile, y)
    i = ex.index_of(w, i)
    for _, _, at in kind.cells:
        number = total(w, Value(kind.lanes, tile.text[at]), kind.lanes.count)
        w.store(y, w.plus(i, at), Value(kind.lanes.element, number))


@Instruction
def turn(
    w: Writer, y: Value, i: Value, step: Value, x: Value, j: Value, across: Value, rows: Value, columns: Value
) -> None:
    """Transpose a square of elements of any kind."""
    expect("turn", y, x.kind)
    size = x.kind.element.bits // 8
    count = square(f"V{size}")
    kind = f"<{count} x i{8 * size}>"
    i, step, j, across, rows, columns = (ex.index_of(w, v) for v in (i, step, j, across, rows, columns))
    lines = []
    for c in range(count):
        inside = w.select(w.compare("icmp sgt", columns, c).text, "i1", rows, Value(int64, "0"))
        at = place(w, x, w.integer("add", j, w.integer("mul", across, c)))
        lines.append(masked_load(w, kind, at, size, first(w, inside, count)))
    for r, line in enumerate(transposed(w, kind, lines)):
        at = place(w, y, w.integer("add", i, w.integer("mul", step, r)))
        w.do(f"store {kind} {line}, ptr {at}, align {size}")


def transposed(w: Writer, kind: str, lines: list[str]) -> list[str]:
    """Write the transpose of a square of vectors: blocks off the diagonal change places, smaller ones each time."""
    n = len(lines)
    size = n // 2
    while size:
        for r in (r for r in range(n) if not r & size):
            upper, lower = lines[r], lines[r + size]
            near = [n + c - size if c & size else c for c in range(n)]
            far = [n + c if c & size else c + size for c in range(n)]
            lines[r], lines[r + size] = (shuffled(w, kind, upper, lower, picks) for picks in (near, far))
        size //= 2
    return lines


INSTRUCTIONS: dict[str, Any] = {
    "tile_rows": tile_rows,
    "tile_outer": tile_outer,
    "tile_inner": tile_inner,
    "tile_store": tile_store,
    "tile_store_sums": tile_store_sums,
    "turn": turn,
}
