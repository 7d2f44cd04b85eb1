"""Tiles in kernel text: matrices of vectors that stay in registers while products are added to them.

`tile_rows(rows, columns, p, i)` makes one, each of its rows filled with a number, `p[i]` and on; `rows` and `columns` are
numbers in the text. `tile_outer(t, w, i, x, j)` adds the product of the numbers `w[i + r]` and the vectors of x from j on.
`tile_inner(t, g, i, step, x, j, offsets, k)` adds the products, lane by lane, of the vectors at `g[i + r * step]` and at
`x[j + offsets[k + c]]`. `tile_store(t, y, i, step)` stores it row by row, and `tile_store_sums(t, y, i)` the sum of each
vector's lanes. As one name each they compile in a fraction of the time of the lines they stand for. Importing this
imports Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import registry
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic

from .vectors import INT64, Lanes, at_index, fused, llvm_type, repeated, total, vector_of

INDEX = types.int64
TABLE = types.CPointer(types.int64)


class Tile(types.Type):  # type: ignore[misc]
    """The type of a tile of vectors."""

    def __init__(self, lanes: Lanes, rows: int, columns: int):
        self.lanes, self.rows, self.columns = lanes, rows, columns
        self.cells = [(r, c, r * columns + c) for r in range(rows) for c in range(columns)]
        super().__init__(name=f"tile({lanes}, {rows}, {columns})")


@registry.register_default(Tile)
class _TileModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Tile):
        super().__init__(manager, kind, ir.ArrayType(llvm_type(kind.lanes), kind.rows * kind.columns))


def _plus(builder: Any, base: Any, number: int) -> Any:
    return builder.add(base, INT64(number))


def _number(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.load(builder.gep(pointer, [index]))


def _vector(builder: Any, pointer: Any, index: Any, lanes: Lanes) -> Any:
    return builder.load(at_index(builder, pointer, index, lanes), align=int(lanes.element.bitwidth) // 8)


def _emitting(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Make Numba's code generator from `emit(builder, *values)`; None stands for no result."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = emit(builder, *args)
        return context.get_dummy_value() if made is None else made

    return generate


@intrinsic(prefer_literal=True)
def tile_rows(typing_context: Any, rows: Any, columns: Any, pointer: Any, index: Any) -> Any:
    """A tile with one number in each row."""
    lanes = vector_of(pointer)
    if lanes is None or not isinstance(rows, types.IntegerLiteral) or not isinstance(columns, types.IntegerLiteral):
        return None
    tile = Tile(lanes, rows.literal_value, columns.literal_value)

    def emit(builder: Any, _rows: Any, _columns: Any, numbers: Any, at: Any) -> Any:
        made = ir.Constant(ir.ArrayType(llvm_type(lanes), len(tile.cells)), ir.Undefined)
        for r in range(tile.rows):
            row = repeated(builder, _number(builder, numbers, _plus(builder, at, r)), lanes.count)
            for c in range(tile.columns):
                made = builder.insert_value(made, row, r * tile.columns + c)
        return made

    return tile(rows, columns, pointer, INDEX), _emitting(emit)


@intrinsic
def tile_outer(typing_context: Any, tile: Any, weights: Any, i: Any, x: Any, j: Any) -> Any:
    """The tile plus numbers times vectors."""
    if not isinstance(tile, Tile) or not vector_of(weights) == vector_of(x) == tile.lanes:
        return None
    lanes = tile.lanes

    def emit(builder: Any, made: Any, weights: Any, i: Any, x: Any, j: Any) -> Any:
        vectors = [_vector(builder, x, _plus(builder, j, c * lanes.count), lanes) for c in range(tile.columns)]
        for r in range(tile.rows):
            number = repeated(builder, _number(builder, weights, _plus(builder, i, r)), lanes.count)
            for c, vector in enumerate(vectors):
                at = r * tile.columns + c
                made = builder.insert_value(made, fused(builder, number, vector, builder.extract_value(made, at)), at)
        return made

    return tile(tile, weights, INDEX, x, INDEX), _emitting(emit)


@intrinsic
def tile_inner(typing_context: Any, tile: Any, g: Any, i: Any, step: Any, x: Any, j: Any, offsets: Any, k: Any) -> Any:
    """The tile plus vectors times vectors."""
    if not isinstance(tile, Tile) or not vector_of(g) == vector_of(x) == tile.lanes or offsets != TABLE:
        return None
    lanes = tile.lanes

    def emit(builder: Any, made: Any, g: Any, i: Any, step: Any, x: Any, j: Any, offsets: Any, k: Any) -> Any:
        moves = [_number(builder, offsets, _plus(builder, k, c)) for c in range(tile.columns)]
        vectors = [_vector(builder, x, builder.add(j, move), lanes) for move in moves]
        for r in range(tile.rows):
            row = _vector(builder, g, builder.add(i, builder.mul(step, INT64(r))), lanes)
            for c, vector in enumerate(vectors):
                at = r * tile.columns + c
                made = builder.insert_value(made, fused(builder, row, vector, builder.extract_value(made, at)), at)
        return made

    return tile(tile, g, INDEX, INDEX, x, INDEX, offsets, INDEX), _emitting(emit)


@intrinsic
def tile_store(typing_context: Any, tile: Any, y: Any, i: Any, step: Any) -> Any:
    """Store a tile row by row."""
    if not isinstance(tile, Tile) or vector_of(y) != tile.lanes:
        return None
    lanes = tile.lanes

    def emit(builder: Any, made: Any, y: Any, i: Any, step: Any) -> None:
        for r, c, at in tile.cells:
            place = _plus(builder, builder.add(i, builder.mul(step, INT64(r))), c * lanes.count)
            place = at_index(builder, y, place, lanes)
            builder.store(builder.extract_value(made, at), place, align=int(lanes.element.bitwidth) // 8)

    return types.void(tile, y, INDEX, INDEX), _emitting(emit)


@intrinsic
def tile_store_sums(typing_context: Any, tile: Any, y: Any, i: Any) -> Any:
    """Store the sums of a tile's vectors, row by row."""
    if not isinstance(tile, Tile) or vector_of(y) != tile.lanes:
        return None

    def emit(builder: Any, made: Any, y: Any, i: Any) -> None:
        for _, _, at in tile.cells:
            sums = total(builder, builder.extract_value(made, at), tile.lanes.count)
            builder.store(sums, builder.gep(y, [_plus(builder, i, at)]))

    return types.void(tile, y, INDEX), _emitting(emit)


FUNCTIONS: dict[str, Any] = {f.__name__: f for f in (tile_rows, tile_outer, tile_inner, tile_store, tile_store_sums)}
