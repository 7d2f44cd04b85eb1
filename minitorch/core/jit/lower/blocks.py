"""Blocks: the programs inside of loops and branches, made ready in the memory of one frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...array import Array
from ..graph import Var
from ..native.compile import compile_kernel
from .kernels import Slot
from .nested import arena_of
from .program import Program

# Addresses that change from run to run are put into the slots by an instruction of their own.
PATCH = """
def patch(P, lo, hi):
    addresses = i64(P[0])
    where = i64(P[1])
    which = i64(P[2])
    offset = i64(P[3])
    for i in range(lo, hi):
        i64(where[i])[0] = addresses[which[i]] + offset[i]
"""


Inside = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]  # slots, and which of them point into the arena


class Constants:
    """The numbers and arrays that a program reads, at fixed addresses."""

    def __init__(self, program: Program) -> None:
        self.held: list[np.ndarray[Any, Any]] = []
        self.addresses: dict[Any, int] = {}
        for step in program.steps:
            for slot in step.slots:
                if slot.kind == "number":
                    self._add(slot, np.full(1, slot.source, slot.dtype))
                elif slot.kind == "load" and not isinstance(slot.source, Var):
                    data = slot.source._data if isinstance(slot.source, Array) else np.full(1, slot.source, slot.dtype)
                    self._add(_key(slot.source), np.ascontiguousarray(data))

    def _add(self, key: Any, data: np.ndarray[Any, Any]) -> None:
        if key not in self.addresses:
            self.held.append(data)
            self.addresses[key] = data.ctypes.data

    def address(self, slot: Slot) -> int:
        """Return where a number or an array is."""
        if slot.kind == "number":
            return self.addresses[slot]
        return self.addresses[_key(slot.source)] + slot.offset * slot.dtype.itemsize


def _key(source: Any) -> Any:
    return id(source) if isinstance(source, Array) else (type(source), source)


class Block:
    """The rows of a program inside of another, and the table of leaves that they take their addresses from."""

    def __init__(self, program: Program, base: int, flag: int):
        self.program, self.base, self.flag = program, base, flag
        self.constants = Constants(program)
        self.inner: list[Block] = []
        self.inside: list[Inside] = []  # also those of the blocks inside
        self.leaves = {v: i for i, v in enumerate([*program.outputs, *program.graph.inputs])}
        self.addresses = np.zeros(max(len(self.leaves), 1), np.int64)
        slots = np.zeros(max(sum(len(step.slots) for step in program.steps), 1), np.int64)
        rows, patches, where, at = [], [], [], slots.ctypes.data
        for step in program.steps:
            rows.append([step.address, at, 0, step.range])
            for slot in step.slots:
                if slot.kind in ("load", "store") and slot.source in self.leaves:
                    patches.append((at, self.leaves[slot.source], slot.offset * slot.dtype.itemsize))
                else:
                    place = (at - slots.ctypes.data) // 8
                    slots[place], is_inside = self._address(slot)
                    where += [place] if is_inside else []
                at += 8
        columns = [np.array(column, np.int64) for column in zip(*patches)] or [np.zeros(1, np.int64)] * 3
        patch = np.array([self.addresses.ctypes.data, *(c.ctypes.data for c in columns)], np.int64)
        first = [compile_kernel(PATCH, "patch").address, patch.ctypes.data, 0, len(patches)]
        self.rows = np.array([first, *rows], np.int64)
        self.record = np.array([self.rows.ctypes.data, len(self.rows), self.addresses.ctypes.data], np.int64)
        self.inside.append((slots, np.array(where, np.int64)))
        self.keep = [slots, patch, *columns]

    def _address(self, slot: Slot) -> tuple[int, bool]:
        """Return what goes into a slot that is no leaf's, and whether it is an address in the arena."""
        places = self.program.arena.places
        if slot.kind == "size":
            return int(slot.source[1] if isinstance(slot.source, tuple) else slot.source), False
        if slot.kind == "code":
            return int(slot.source.address), False
        if slot.kind == "flag":
            return self.flag, False
        if slot.kind == "scratch":
            return self.base + places[slot], True
        if slot.kind == "block":
            inside = Block(slot.source, self.base + places[arena_of(slot.source)], self.flag)
            self.inner.append(inside)
            self.inside += inside.inside
            return int(inside.record.ctypes.data), False
        if slot.kind == "number" or not isinstance(slot.source, Var):
            return self.constants.address(slot), False
        return self.base + places[slot.source] + slot.offset * slot.dtype.itemsize, True
