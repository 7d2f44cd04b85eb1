"""Convolutions, their input gradients and their weight gradients as native calls. How they work is told in `tiles.py`.

An input gradient is a convolution of the result's gradient: with stride 1 of one copy of it, padded; a stride splits its
result into one part for each remainder, which only some taps of the kernel reach.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from ... import dtypes
from ...array import wrap
from ..graph import Equation
from ..native.compile import compile_kernel
from ..native.width import lanes
from . import tiles
from .kernels import ELEMENT, Slot
from .layout import Shape, is_packed
from .operations import LOWERINGS, Lowered, Operand, Operation, Operations, refusal
from .products import Call

BLOCKS = 16  # parts that threads can take; each has its own scratch memory
BUDGET = 1 << 18  # bytes of padded rows to work on at a time: a part of a level-2 cache
MULTIPLICATION = 1.2e-11  # seconds that one takes, with what it takes to get at the numbers
MOST_WASTE = 6.0  # beyond that many times the multiplications needed, gathered patches are faster


class Tap(NamedTuple):
    """One position of the kernel along an axis: which plane of the copy it meets, and how far along."""

    position: int
    plane: int
    shift: int


class Axis(NamedTuple):
    """How one axis is walked: where planes start, the step between a plane's elements, and the parts of the result."""

    size: int  # of what is copied
    planes: tuple[int, ...]
    step: int
    halo: int  # how much longer than the result a plane is
    parts: tuple[tuple[int, int, tuple[Tap, ...]], ...]  # start, length, taps
    out: int  # the size of the result
    out_step: int

    @property
    def length(self) -> int:
        """The length of the longest part."""
        return max((n for _, n, _ in self.parts), default=0)


def forward_axis(size: int, kernel: int, out: int, stride: int, padding: tuple[int, int], dilation: int) -> Axis:
    """Describe one axis of a convolution."""
    used = sorted({t * dilation % stride for t in range(kernel)})
    taps = tuple(Tap(t, used.index(t * dilation % stride), t * dilation // stride) for t in range(kernel))
    starts = tuple(q - padding[0] for q in used)
    return Axis(size, starts, stride, (kernel - 1) * dilation // stride, ((0, out, taps),), out, 1)


def backward_axis(size: int, kernel: int, out: int, stride: int, padding: tuple[int, int], dilation: int) -> Axis:
    """Describe one axis of an input gradient, which goes from `out` elements to `size`."""
    reached = {
        r: [(t, to // stride) for t in range(kernel) if (to := r + padding[0] - t * dilation) % stride == 0]
        for r in range(min(stride, size))
    }
    shifts = [m for taps in reached.values() for _, m in taps] or [0]
    low = min(shifts)
    parts = tuple(
        (r, ceil((size - r) / stride), tuple(Tap(t, 0, m - low) for t, m in taps)) for r, taps in reached.items()
    )
    return Axis(out, (low,), 1, max(shifts) - low, parts, size, stride)


class Geometry:
    """The tables and sizes of one convolution, of images with channels in groups."""

    def __init__(self, axes: list[Axis], images: int, groups: int, channels: int, dtype: Any):
        self.axes, self.images, self.groups, self.channels = axes, images, groups, channels
        self.starts = list(product(*(a.planes for a in axes)))
        depth, height, width = axes
        self.n0, self.n2 = depth.length + depth.halo, width.length + width.halo
        row_bytes = groups * channels * len(self.starts) * self.n0 * self.n2 * np.dtype(dtype).itemsize
        chunks = 1
        if row_bytes * (height.length + height.halo) > BUDGET:
            chunks = ceil(height.length / max(BUDGET // row_bytes - height.halo, min(4, height.length)))
        self.rows = ceil(height.length / chunks)
        self.chunks = ceil(height.length / self.rows)
        self.n1 = self.rows + height.halo
        self.units = images * self.chunks
        self.area = self.n0 * self.n1 * self.n2
        slack = 8 * lanes(dtype)
        self.copy_size = groups * channels * len(self.starts) * self.area + slack
        self.jobs = list(product(*(a.parts for a in axes)))
        self.length = max(self._flat(job) for job in self.jobs)

    def _flat(self, job: Any) -> int:
        c0, c1, c2 = (n for _, n, _ in job)
        return int(((c0 - 1) * self.n1 + min(c1, self.rows) - 1) * self.n2 + c2)

    def offsets(self, job: Any, channels: int) -> list[int]:
        """List where the taps of all channels of a group lie in a copy."""
        counts = [len(a.planes) for a in self.axes]
        found = []
        for c in range(channels):
            for taps in product(*(taps for _, _, taps in job)):
                plane = c
                shift = 0
                for count, n, tap in zip(counts, (self.n0, self.n1, self.n2), taps):
                    plane = plane * count + tap.plane
                    shift = shift * n + tap.shift
                found.append(plane * self.area + shift)
        return found

    def sizes(self, outputs: int, tile_count: int, blocks: int) -> list[int]:
        """List the numbers that both kernels take."""
        steps = [a.step for a in self.axes]
        planes = [self.n0, self.n1, self.n2]
        chunks = [self.chunks, self.rows, len(self.starts), self.groups, self.channels, outputs, tile_count]
        return [*steps, *planes, *(a.size for a in self.axes), *chunks, self.units, blocks, self.copy_size]


# --------------------------------------------------------------------------- lowering


def _three(values: Any, fill: Any) -> tuple[Any, ...]:
    """Put axes that do nothing in front."""
    return (*(fill,) * (3 - len(values)), *values)


def _axes(make: Callable[..., Axis], inner: Any, kernel: Any, outer: Any, params: dict[str, Any]) -> list[Axis]:
    """Describe the axes between an input (inner) and a result (outer) of a convolution."""
    sizes = (_three(v, 1) for v in (inner, kernel, outer, params["stride"]))
    return [make(*one) for one in zip(*sizes, _three(params["padding"], (0, 0)), _three(params["dilation"], 1))]


def _geometry(name: str, first: Shape, second: Shape, out: Shape, params: dict[str, Any], dtype: Any) -> Geometry:
    """Return the geometry of a convolution of one kind, from the shapes of its operands and its result."""
    groups = params["groups"]
    if name == "conv":
        axes = _axes(forward_axis, first[2:], second[2:], out[2:], params)
    elif name == "conv_weight":
        axes = _axes(forward_axis, first[2:], out[2:], second[2:], params)
    else:
        axes = _axes(backward_axis, out[2:], second[2:], first[2:], params)
    return Geometry(axes, first[0], 1 if name == "conv_weight" else groups, first[1] // groups, dtype)


def _waste(name: str, geometry: Geometry, first: Shape, second: Shape, out: Shape, dtype: Any) -> float:
    """Return how many times more multiplications are done than needed, with what falls between rows and into padding."""
    kernel, positions = {"conv": (second, out), "conv_weight": (out, second), "conv_input": (second, first)}[name]
    needed = prod(positions[2:]) * prod(kernel[2:])
    taps = sum(prod(len(taps) for _, _, taps in job) for job in geometry.jobs)
    wide = lanes(dtype)
    return taps * -(-geometry.length // wide) * wide * geometry.chunks / needed


def _lowered(ops: Operations, eq: Equation) -> Lowered:
    operands = [ops.operand(a) for a in eq.inputs if a is not None]
    reason = refusal(eq, tuple(operands))
    dtype = eq.outputs[0].aval.dtype
    if reason or dtype not in (dtypes.float32, dtypes.float64):
        return reason or f"no convolution of {dtypes.name(dtype)}"
    if len(eq.params["stride"]) > 3:
        return "more than 3 spatial axes"
    name, out = eq.primitive.name, eq.outputs[0].aval.shape
    shapes = (operands[0].layout.shape, operands[1].layout.shape, out)
    if _waste(name, _geometry(name, *shapes, eq.params, dtype), *shapes, dtype) > MOST_WASTE:
        return "so few positions that patches are cheaper"
    made: list[Operation] = []
    ordered = tuple(x if is_packed(x.layout) else ops.laid_out(x, made) for x in operands)
    return [*made, Operation(name, eq.outputs, ordered, out, dtype, name, eq.params, eq)]


def _conv_calls(op: Operation) -> list[Call]:
    x, w, *bias = op.operands
    outputs, per_group, *kernel = w.layout.shape
    groups, taps = op.params["groups"], prod(kernel)
    geometry = _geometry("conv", x.layout.shape, w.layout.shape, op.shape, op.params, op.dtype)
    rows = _Rows(outputs // groups, per_group * taps, outputs // groups * per_group * taps, taps)
    return _calls(op, geometry, kernel, rows, bias)


def _input_calls(op: Operation) -> list[Call]:
    g, w = op.operands
    per_group, *kernel = w.layout.shape[1:]
    taps = prod(kernel)
    geometry = _geometry("conv_input", g.layout.shape, w.layout.shape, op.shape, op.params, op.dtype)
    rows = _Rows(per_group, taps, geometry.channels * per_group * taps, per_group * taps)
    return _calls(op, geometry, kernel, rows, [])


class _Rows(NamedTuple):
    """How weights lie: result channels of a group, and steps between these, between groups, and between channels."""

    outputs: int
    step: int
    group_step: int
    channel_step: int


def _scratch(op: Operation, what: str, size: int) -> Slot:
    return Slot("scratch", (op.out, what), op.dtype, size)


def _table(numbers: Any) -> Slot:
    return Slot("load", wrap(np.array(numbers, np.int64).reshape(-1)), dtypes.int64)


def _load(x: Operand) -> Slot:
    return Slot("load", x.source, x.dtype, x.layout.offset)


def _numbers(*values: int) -> list[Slot]:
    return [Slot("size", int(v)) for v in values]


def _jobs(geometry: Geometry, kernel: Any, rows: _Rows, units: int, tile_rows: int) -> tuple[list[Slot], int, int]:
    """Return the tables of picks, offsets and jobs, the size of the packed weights, and all taps of a result."""
    picks: list[int] = []
    offsets: list[int] = []
    jobs: list[int] = []
    size = 0
    kernel = _three(kernel, 1)
    for job in geometry.jobs:
        start = len(offsets)
        offsets += geometry.offsets(job, geometry.channels)
        taps = product(*(taps for _, _, taps in job))
        flat = [(t0.position * kernel[1] + t1.position) * kernel[2] + t2.position for t0, t1, t2 in taps]
        picks += [c * rows.channel_step + f for c in range(geometry.channels) for f in flat]
        depth = len(offsets) - start
        jobs += [start, depth, size, *(n for _, n, _ in job), *(first for first, _, _ in job)]
        size += units * depth * tile_rows
    return [_table(picks or [0]), _table([*offsets, *[0] * 8]), _table(jobs)], size, len(offsets)


def _calls(op: Operation, geometry: Geometry, kernel: Any, rows: _Rows, bias: list[Operand]) -> list[Call]:
    """Return the call that lays out the weights and the one that multiplies."""
    x, w, *_ = op.operands
    vectors = -(-geometry.length // lanes(op.dtype))
    tile = tiles.tile_for(rows.outputs, vectors, False)
    tile_count = ceil(rows.outputs / tile.rows)
    units = geometry.groups * tile_count
    (picks, offsets, jobs), size, depth = _jobs(geometry, kernel, rows, units, tile.rows)
    packed = _scratch(op, "weights", size + units * tile.rows)
    numbers = (len(geometry.jobs), tile_count, rows.outputs, rows.step, rows.group_step, size, len(bias))
    start = _load(bias[0]) if bias else Slot("number", 0, op.dtype)
    slots = [_load(w), start, packed, picks, jobs, *_numbers(*numbers)]
    pack = Call(compile_kernel(tiles.pack_text(op.dtype, tile), "pack_weights"), slots, units, size * ELEMENT)
    blocks = min(geometry.units, BLOCKS)
    width = tile.columns * lanes(op.dtype)
    made_row = ceil(geometry.length / width) * width
    copies = _scratch(op, "copy", blocks * geometry.copy_size)
    made = _scratch(op, "made", blocks * tile.rows * made_row)
    slots = [_load(x), packed, copies, made, Slot("store", op.out, op.dtype)]
    slots += [_table(geometry.starts), offsets, jobs, *_numbers(*geometry.sizes(rows.outputs, tile_count, blocks))]
    steps = [a.out_step for a in geometry.axes]
    slots += _numbers(tile.rows * made_row, made_row, *(a.out for a in geometry.axes), *steps, len(geometry.jobs), size)
    text = tiles.conv_text(op.dtype, tile, geometry.axes[2].step == 1, steps[2] == 1)
    work = geometry.units * geometry.length * units * tile.rows * depth
    return [pack, Call(compile_kernel(text, "conv"), slots, blocks, work * MULTIPLICATION)]


def _weight_calls(op: Operation) -> list[Call]:
    x, g = op.operands
    outputs, *outer = g.layout.shape[1:]
    per_group, *kernel = op.shape[1:]
    groups = op.params["groups"]
    geometry = _geometry("conv_weight", x.layout.shape, g.layout.shape, op.shape, op.params, op.dtype)
    taps = per_group * prod(kernel)
    tile = tiles.tile_for(outputs // groups, taps, True)
    tile_count = ceil(outputs // groups / tile.rows)
    blocks = min(groups * tile_count, BLOCKS)
    wide = lanes(op.dtype)
    made_row = -(-geometry.length // wide) * wide
    each = (geometry.copy_size + tile.rows * made_row) * np.dtype(op.dtype).itemsize
    block_units = min(geometry.units, max(1, BUDGET // each))
    copies = _scratch(op, "copy", blocks * block_units * geometry.copy_size + wide)
    made = _scratch(op, "made", blocks * block_units * tile.rows * made_row)
    (_, offsets, jobs), _, _ = _jobs(geometry, kernel, _Rows(0, 0, 0, 0), 0, 0)
    sums = _scratch(op, "sums", blocks * tile.rows * tile.columns)
    zeros = Slot("load", wrap(np.zeros(tile.rows, op.dtype)), op.dtype)
    slots = [_load(x), _load(g), copies, made, Slot("store", op.out, op.dtype), zeros, sums]
    slots += [_table(geometry.starts), offsets, jobs]
    sizes = geometry.sizes(outputs // groups, tile_count, blocks)
    sizes[tiles.SIZES.index("groups")] = groups
    slots += _numbers(*sizes, block_units * tile.rows * made_row, made_row, *_three(outer, 1), taps, block_units)
    code = compile_kernel(tiles.weight_text(op.dtype, tile, geometry.axes[2].step == 1), "conv_weight")
    work = geometry.units * geometry.length * groups * tile_count * tile.rows * taps
    return [Call(code, slots, blocks, work * MULTIPLICATION)]


LOWERINGS.update(dict.fromkeys(("conv", "conv_input", "conv_weight"), _lowered))
CALLS: dict[str, Callable[[Operation], list[Call]]] = {
    "conv": _conv_calls,
    "conv_input": _input_calls,
    "conv_weight": _weight_calls,
}
