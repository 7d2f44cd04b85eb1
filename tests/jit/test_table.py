"""Every operation of the test table, compiled: in each dtype and memory layout, what the plain one gives.

Dtypes and shapes are the same, and numbers agree to a few units of the last place of the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import dtypes, tree
from minitorch.core.array import Array, wrap
from minitorch.errors import JitError, MinitorchError

from ..rows import Case, Row
from ..test_table import LAYOUTS, arrays, build, cast, each_row, laid_out, numbers

UNITS = 4
# What is summed up, in another order: many elements, or numbers that nearly cancel.
MORE_UNITS = {"kl_div": 16, "logsumexp": 8, "nll_loss": 16, "unrepeat": 8}
SUMS = {"sum"}  # whose rounding is that of the sum of the magnitudes
OF_THE_DATA = {"nonzero", "unique"}  # the shapes of these results depend on it
LAST_PLACE = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
LAST_PLACE |= {"complex64": LAST_PLACE["float32"], "complex128": LAST_PLACE["float64"]}


@each_row(lambda row: True)
def test_first_case(row: Row) -> None:
    for case in row.cases[:1]:
        check(row, case, ("float64", *row.dtypes))
    for case in row.complex_cases[:1]:
        check(row, case, ("complex128",))


@each_row(lambda row: len(row.cases) > 1)
def test_other_cases(row: Row) -> None:
    for case in row.cases[1:3]:
        check(row, case, ("float32",), layouts=("fortran",))


@pytest.mark.slow
@each_row(lambda row: True)
def test_every_case(row: Row) -> None:
    for case in row.cases:
        check(row, case, ("float64", *row.dtypes))
    for case in row.complex_cases:
        check(row, case, ("complex128",))


def check(row: Row, case: Case, names: tuple[str, ...], layouts: Any = tuple(LAYOUTS)) -> None:
    """Compare the compiled operation with the plain one."""
    for name in names:
        plain = build(row, case)
        if name not in ("float64", "complex128"):
            dtype = dtypes.canonical(name)
            plain = [x if i in row.nondiff else cast(x, dtype) for i, x in enumerate(plain)]
        function, values = of_arrays(row, case, plain)
        compiled = mt.jit(function)
        for layout, xs in laid_out_in(values, layouts if row.layouts else ()):
            what = f"{row.name}{case.params}, {name}, {layout}"
            with np.errstate(all="ignore"):
                try:
                    wanted = function(xs)
                except MinitorchError:  # repeated values may be outside the domain: a singular matrix
                    assert layout == "repeated", what
                    continue
                if row.name in OF_THE_DATA:
                    with pytest.raises(JitError, match="depends on data"):
                        compiled(xs)
                    continue
                found = compiled(xs)
            sizes = function([abs(x) for x in xs]) if row.name in SUMS else wanted
            agree(found, wanted, MORE_UNITS.get(row.name, UNITS), what, sizes)
        assert compiled.records == (row.name not in OF_THE_DATA), f"{row.name} was recorded again for a layout"


def of_arrays(row: Row, case: Case, args: list[Any]) -> tuple[Callable[[list[Any]], list[Any]], list[Array]]:
    """Return the operation as a function of a list of arrays, and these."""
    leaves, structure = tree.flatten(arrays(args))
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array)]

    def function(values: list[Any]) -> list[Any]:
        merged = list(leaves)
        for i, x in zip(places, values, strict=True):
            merged[i] = x
        return tree.leaves(row.function(*tree.unflatten(structure, merged), **case.params))

    return function, [leaves[i] for i in places]


def laid_out_in(values: list[Array], layouts: Any) -> Iterator[tuple[str, list[Array]]]:
    yield "as it is", values
    for layout in layouts:
        yield layout, [wrap(laid_out(layout, np.asarray(x._data))) for x in values]


def agree(found: list[Any], wanted: list[Any], units: float, what: str, sizes: list[Any] | None = None) -> None:
    """Assert equal kinds, dtypes and shapes, and values to some units of the last place of the largest, or of `sizes`."""
    assert list(map(type, found)) == list(map(type, wanted)), what
    for x, y, size in zip(numbers(found), numbers(wanted), numbers(sizes or wanted), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape), what
        if x.dtype.kind in "biu":
            np.testing.assert_array_equal(x, y, what)
            continue
        precision = units * LAST_PLACE[dtypes.name(x.dtype)]
        for a, b, c in zip(parts(x), parts(y), parts(size)):
            largest = np.max(np.abs(c), where=np.isfinite(c), initial=0)
            np.testing.assert_allclose(a, b, 0, precision * largest, err_msg=what)


def parts(x: np.ndarray) -> tuple[np.ndarray, ...]:
    return (x.real, x.imag) if x.dtype.kind == "c" else (x.astype(np.float64),)
