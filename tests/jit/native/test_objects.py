"""Reading Arrays natively against reading them in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitorch.core.array import Array, wrap
from minitorch.core.jit.native import objects
from minitorch.core.jit.native.objects import Leaves

F4, F8, I8, B1 = map(np.dtype, ("float32", "float64", "int64", "bool"))
EXPECTED = [((2, 3), F4), ((), F8), ((0, 4), I8), ((5,), B1)]


def good() -> list[Array]:
    return [wrap(np.zeros(shape, dtype)) for shape, dtype in EXPECTED]


def both(leaves: Leaves, values: Any) -> tuple[int, list[int], list[int]]:
    results = []
    for method in (leaves.gather, leaves.gather_python):
        leaves.addresses[:] = 0
        leaves.owned[:] = 9
        index = method(values)
        results.append((index, leaves.addresses.tolist(), leaves.owned.tolist()))
    assert results[0] == results[1]
    return results[0]


def test_it_is_supported_here() -> None:
    assert objects.supported()


def test_addresses_and_ownership() -> None:
    values = good()
    index, addresses, owned = both(Leaves(EXPECTED, [1] * 4), values)
    assert index == -1 and owned == [1] * 4
    assert addresses == [v._data.ctypes.data for v in values]
    assert both(Leaves(EXPECTED, [2] * 4), values)[2] == [0] * 4


def test_who_else_holds_a_buffer() -> None:
    values = good()
    held = values[0], values[1]._data
    values[2] = wrap(np.zeros((1, 0, 4), np.int64)[0])
    values[3]._data.flags.writeable = False
    assert both(Leaves(EXPECTED, [1] * 4), values) == (-1, [v._data.ctypes.data for v in values], [0] * 4)
    assert len(held) == 2


WRONG = [
    np.zeros((2, 4), np.float32),
    np.zeros((3, 2), np.float32).T,
    np.zeros((2, 3, 1), np.float32),
    np.zeros((2, 6), np.float32)[:, ::2],
    np.zeros((2, 3), np.float64),
    np.zeros((2, 3), np.int32),
    np.zeros((2, 3), ">f4"),
    np.zeros(25, np.uint8)[1:].view(np.float32).reshape(2, 3),
    np.zeros((2, 3), np.float32).view(np.matrix),
]


@pytest.mark.parametrize("position", range(2))
@pytest.mark.parametrize("buffer", WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit(buffer: Any, position: int) -> None:
    expected = [((2, 3), F4)] * 2
    values: list[Any] = [wrap(np.zeros((2, 3), np.float32)), wrap(np.zeros((2, 3), np.float32))]
    values[position] = wrap(buffer)
    assert both(Leaves(expected, [1, 1]), values)[0] == position


class Derived(Array):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [3.0, None, np.zeros((2, 3), np.float32), object.__new__(Array), Derived(np.zeros((2, 3), "f4"))]
)
def test_other_objects(value: Any) -> None:
    assert both(Leaves(EXPECTED[:1], [1]), [value])[0] == 0


def test_lengths_and_tuples() -> None:
    values = good()
    leaves = Leaves(EXPECTED, [1] * 4)
    assert both(leaves, values[:3])[0] == 0
    assert both(leaves, (*values,))[0] == -1
    assert both(Leaves([], []), [])[0] == -1


def test_where_objects_cannot_be_read(monkeypatch: Any) -> None:
    monkeypatch.setattr(objects, "supported", lambda: False)
    leaves = Leaves(EXPECTED, [1] * 4)
    assert leaves._call is None and leaves.gather(good()) == -1


@pytest.mark.parametrize("name", ["DATA", "NDIM", "DESCR", "FLAGS", "LIST_ITEMS", "DIMENSIONS", "TYPE"])
def test_another_layout_is_noticed(monkeypatch: Any, name: str) -> None:
    monkeypatch.setattr(objects, name, {"LIST_ITEMS": 16, "DIMENSIONS": 40, "TYPE": 0}.get(name, 48))
    assert name in ("LIST_ITEMS",) or not objects._layout_fits()
