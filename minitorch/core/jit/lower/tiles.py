"""The kernels of convolutions as text: products of small tiles that stay in registers, over shifted copies of the input.

A padded copy of an input has all its planes side by side. With stride 1 the element that a tap of the kernel meets lies at
a distance that is the same for all output positions, if these are numbered along the rows of the padded copy; what falls
between the rows is computed and dropped. So a tap is an offset, a convolution is a product of the weights with shifted rows
of one buffer, and no patches are gathered. A stride splits the copy into one plane for each remainder.

Spatial axes are three, the first ones of size 1 where there are fewer. Zeros of the padding are multiplied like any other
element, so infinite weights or inputs may make NaN where a sum over true elements would be infinite.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..native.width import lanes, registers
from . import formulas


class Tile(NamedTuple):
    """What a kernel holds in registers: channels of the result, and vectors of positions or taps."""

    rows: int
    columns: int


def tile_for(outputs: int, vectors: int, by_taps: bool) -> Tile:
    """Choose the tile for so many channels; `vectors` is how many columns there are."""
    most = 8 if registers() > 16 else 4
    rows = min(most, 1 << max(outputs - 1, 0).bit_length())
    columns = {8: 3, 4: 6 if most == 8 else 3, 2: 6, 1: 9} if by_taps else {8: 2, 4: 4 if most == 8 else 2, 2: 4, 1: 4}
    return Tile(rows, max(1, min(columns[rows], vectors)))


# A table `planes` tells where each plane of the copy starts; `base` is the first row of a chunk of rows.
COPY_ROW = """
zero = splat({t}(0))
for i in range(0, n2, {lanes}):
    vstore({to}, at + i, zero)
for i in range(first, stop, {lanes}):
    vstore_first({to}, at + i, vload_first({of}, row + i, stop - i), stop - i)
"""
COPY_STRIDED_ROW = """
for i in range(n2):
    {to}[at + i] = {t}(0)
for i in range(first, stop):
    {to}[at + i] = {of}[row + i * step2]
"""
COPY = """
for c in range(channels):
    for f in range(count_planes):
        p0 = planes[f * 3]; p1 = planes[f * 3 + 1] + base * step1; p2 = planes[f * 3 + 2]
        first = min(max((step2 - 1 - p2) // step2, 0), n2)
        last = max(min((width - 1 - p2) // step2 + 1, n2), first)
        for i0 in range(n0):
            d = p0 + i0 * step0
            for i1 in range(n1):
                h = p1 + i1 * step1
                stop = last if d >= 0 and d < depth and h >= 0 and h < height else first
                at = copy + (((c * count_planes + f) * n0 + i0) * n1 + i1) * n2
                row = (((from_channel + c) * depth + d) * height + h) * width + p2
"""
PACK_WEIGHTS = """
def pack_weights(P, lo, hi):
    w = {p}(P[0]); bias = {p}(P[1]); y = {p}(P[2]); picks = i64(P[3]); jobs = i64(P[4])
    count_jobs = P[5]; tiles = P[6]; outputs = P[7]; step = P[8]; group_step = P[9]; biases = P[10]; bias_step = P[11]
    for unit in range(lo, hi):
        first = unit % tiles * {rows}
        for r in range({rows}):
            y[biases + unit * {rows} + r] = bias[(unit // tiles * outputs + min(first + r, outputs - 1)) * bias_step]
        for job in range(count_jobs):
            start = jobs[job * 9]
            depth = jobs[job * 9 + 1]
            to = jobs[job * 9 + 2] + unit * depth * {rows}
            for r in range({rows}):
                row = unit // tiles * group_step + min(first + r, outputs - 1) * step
                for k in range(depth):
                    y[to + k * {rows} + r] = w[row + picks[start + k]]
"""
# Units of work are chunks of rows of images; a block is the share of units between two numbers of the range, and has
# its own scratch memory: `copy` for the padded rows, `made` for a tile's results.
CONV = """
def conv(P, lo, hi):
{heads}
    copy = lo * copy_size
    made = lo * made_size
    for unit in range(lo * units // blocks, hi * units // blocks):
        image = unit // chunks
        base = unit % chunks * rows
        channels = groups * channels_in
        from_channel = image * channels
{copied}
        for part in range(count_jobs * groups * tiles):
            job = part // (groups * tiles) * 9
            tile = part % (groups * tiles)
            group = tile // tiles
            channel = tile % tiles * {rows}
            start = jobs[job]
            depth_k = jobs[job + 1]
            k_to = start + depth_k
            c0 = jobs[job + 3]; c1 = min(jobs[job + 4] - base, rows); c2 = jobs[job + 5]
            weights = jobs[job + 2] + tile * depth_k * {rows} - start * {rows}
            source = copy + group * channels_in * count_planes * n0 * n1 * n2
            out = group * outputs + channel
            used = min(outputs - channel, {rows})
            length = ((c0 - 1) * n1 + c1 - 1) * n2 + c2 if c0 > 0 and c1 > 0 and c2 > 0 else 0
            for j in range(0, length, {width}):
                cells = tile_rows({rows}, {columns}, w, biases + tile * {rows})
                for k in range(start, k_to):
                    cells = tile_outer(cells, w, weights + k * {rows}, u, source + offsets[k] + j)
                tile_store(cells, t, made + j, made_row)
            if length > 0:
                for r in range(used):
                    for i0 in range(c0):
                        for i1 in range(c1):
                            at = made + r * made_row + (i0 * n1 + i1) * n2
                            row = ((image * groups * outputs + out + r) * y0 + jobs[job + 6] + i0 * to0) * y1
                            row = (row + jobs[job + 7] + (base + i1) * to1) * y2 + jobs[job + 8]
{put}
"""
PUT_ROW = """
for i in range(0, c2, {lanes}):
    vstore_first(y, row + i, vload(t, at + i), c2 - i)
"""
PUT_STRIDED_ROW = """
for i in range(c2):
    y[row + i * to2] = t[at + i]
"""
WEIGHT = """
def conv_weight(P, lo, hi):
{heads}
    made = lo * made_size
    first_tile = lo * groups * tiles // blocks
    end_tile = hi * groups * tiles // blocks
    zero = splat({t}(0))
    for unit0 in range(0, units, block_units):
        count = min(block_units, units - unit0)
        for group in range(first_tile // tiles, (end_tile - 1) // tiles + 1):
            for b in range(count):
                image = (unit0 + b) // chunks
                base = (unit0 + b) % chunks * rows
                channels = channels_in
                from_channel = (image * groups + group) * channels_in
                copy = (lo * block_units + b) * copy_size
{copied}
                for i in range(channels * count_planes * n0 * n1 * n2, copy_size, {lanes}):
                    vstore(u, copy + i, zero)
            for tile in range(max(first_tile - group * tiles, 0), min(end_tile - group * tiles, tiles)):
                used = min(outputs - tile * {rows}, {rows})
                out = group * outputs + tile * {rows}
                for b in range(count):
                    image = (unit0 + b) // chunks
                    base = (unit0 + b) % chunks * rows
                    for r in range({rows}):
                        at = made + (b * {rows} + r) * made_row
                        row = (image * groups * outputs + out + min(r, used - 1)) * y0
                        for i in range(0, made_row, {lanes}):
                            vstore(t, at + i, zero)
                        for i0 in range(y0):
                            for i1 in range(min(rows, y1 - base)):
                                into = at + (i0 * n1 + i1) * n2
                                of = ((row + i0) * y1 + base + i1) * y2
                                for i in range(0, y2, {lanes}):
                                    vstore_first(t, into + i, vload_first(g, of + i, y2 - i), y2 - i)
                copy = lo * block_units * copy_size
                for k in range(0, taps, {columns}):
                    cells = tile_rows({rows}, {columns}, zeros, 0)
                    for b in range(count):
                        for j in range(0, made_row, {lanes}):
                            by = made + b * {rows} * made_row + j
                            cells = tile_inner(cells, t, by, made_row, u, copy + b * copy_size + j, offsets, k)
                    tile_store_sums(cells, sums, lo * {rows} * {columns})
                    for r in range(used):
                        for c in range(min({columns}, taps - k)):
                            at = (out + r) * taps + k + c
                            term = sums[(lo * {rows} + r) * {columns} + c]
                            y[at] = term if unit0 == 0 else y[at] + term
"""
SIZES = (
    "step0", "step1", "step2", "n0", "n1", "n2", "depth", "height", "width", "chunks", "rows", "count_planes", "groups",
    "channels_in", "outputs", "tiles", "units", "blocks", "copy_size",
)  # fmt: skip
CONV_SIZES = (*SIZES, "made_size", "made_row", "y0", "y1", "y2", "to0", "to1", "to2", "count_jobs", "biases")
WEIGHT_SIZES = (*SIZES, "made_size", "made_row", "y0", "y1", "y2", "taps", "block_units")
TABLES = ("planes", "offsets", "jobs")


def _pointers(names: tuple[str, ...], dtype: Any) -> dict[str, str]:
    return {**dict.fromkeys(names, formulas.POINTERS[dtype]), **dict.fromkeys(TABLES, "i64")}


def conv_text(dtype: Any, tile: Tile, plain_copy: bool, plain_put: bool) -> str:
    """Print the kernel `conv`; plain rows have no steps between their elements."""
    put = (PUT_ROW if plain_put else PUT_STRIDED_ROW).format(lanes=lanes(dtype))
    return CONV.format(
        heads=_heads(_pointers(("x", "w", "u", "t", "y"), dtype), CONV_SIZES),
        rows=tile.rows,
        width=tile.columns * lanes(dtype),
        copied=_copied("x", "u", plain_copy, dtype, 2),
        columns=tile.columns,
        put=indented(put, 7),
    )


def weight_text(dtype: Any, tile: Tile, plain_copy: bool) -> str:
    """Print the kernel `conv_weight`."""
    return WEIGHT.format(
        heads=_heads(_pointers(("x", "g", "u", "t", "y", "zeros", "sums"), dtype), WEIGHT_SIZES),
        t=formulas.CODES[dtype],
        lanes=lanes(dtype),
        rows=tile.rows,
        columns=tile.columns,
        copied=_copied("x", "u", plain_copy, dtype, 4),
    )


def pack_text(dtype: Any, tile: Tile) -> str:
    """Print the kernel `pack_weights`."""
    return PACK_WEIGHTS.format(p=formulas.POINTERS[dtype], rows=tile.rows)


def indented(text: str, depth: int) -> str:
    """Indent a block of lines."""
    return "\n".join("    " * depth + line for line in text.strip("\n").splitlines())


def _heads(pointers: dict[str, str], sizes: tuple[str, ...]) -> str:
    lines = [f"{name} = {kind}(P[{i}])" for i, (name, kind) in enumerate(pointers.items())]
    lines += [f"{name} = P[{i}]" for i, name in enumerate(sizes, len(pointers))]
    return indented("\n".join(lines), 1)


def _copied(source: str, target: str, is_plain: bool, dtype: Any, depth: int) -> str:
    row = COPY_ROW if is_plain else COPY_STRIDED_ROW
    filled = row.format(to=target, of=source, t=formulas.CODES[dtype], lanes=lanes(dtype))
    return indented(COPY + indented(filled, 4), depth)
