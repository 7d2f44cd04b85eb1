"""Which primitives a compiled function still calls Python for, on ordinary numbers: a list that can only shrink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minitorch.core import dtypes, tree
from minitorch.core.array import Array
from minitorch.core.errors import MinitorchError
from minitorch.core.jit.graph import atom_aval
from minitorch.core.jit.lower.operations import Operation
from minitorch.core.jit.lower.program import Program
from minitorch.core.jit.passes.pipeline import optimize
from minitorch.core.jit.staging import stage
from minitorch.core.tracer import aval_of

from ..test_table import ROWS, arrays, build

# Without a kernel: LAPACK's and pocketfft's work, SciPy's special functions, and what is rare in a compiled step.
CALLED = frozenset((
    "airy", "airy_slope", "all_gather", "binomial_quantile", "bit_count", "bitcast", "cholesky", "cofactor",
    "cube_root", "det", "diag_embed", "diagonal", "eigh", "entr", "erf_of", "erfcx", "exponent", "fold", "gamma",
    "gamma_slope", "gammainc", "gammaincc", "gcd", "i0", "i0e", "i1e", "inv", "j0", "j1", "k0", "k0e", "k1", "k1e", "ldexp",
    "log_ndtr", "logcumsumexp", "lu", "matrix_exp", "ndtri", "nextafter", "permutation", "pinv", "pivots",
    "poisson_quantile", "polygamma", "psum", "qr", "reproducible_matmul", "slogdet", "solve", "svd", "top_indices",
    "triangular_solve", "unfold", "y0", "y1", "zeta",
))  # fmt: skip
# With kernels, but not for every dtype or value, each with the reason that `explain` gives.
PARTLY = {
    "angle": "no kernel formula for float32",
    "imag": "no kernel formula for float32",
    "bitwise_not": "no kernel formula for bool",
    "fmod": "no kernel formula for int64",
    "conv": "so few positions that patches are cheaper",
    "floor_divide": "integers for which it raises",
    "remainder": "integers for which it raises",
    "pow": "integers for which it raises",
    "pool_put": "numbers of taps in int64",
    "pool_take": "numbers of taps in int64",
}


def single(x: Array) -> Array:
    return Array(x, dtypes.float32) if x.dtype == dtypes.float64 else x


def called(row: Any, case: Any) -> Iterator[Operation]:
    """Iterate over the operations of a row that are calls of Python."""
    full = arrays(build(row, case))
    leaves = [single(x) if isinstance(x, Array) else x for x in tree.leaves(full)]
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array)]

    def function(values: list[Any]) -> list[Any]:
        merged = list(leaves)
        for i, x in zip(places, values):
            merged[i] = x
        parts = iter(merged)
        return tree.leaves(row.function(*tree.map(lambda _: next(parts), full), **case.params))

    try:
        graph = stage(function, [aval_of(leaves[i]) for i in places])
    except MinitorchError:
        return  # what cannot be staged is tested there
    for step in Program(optimize(graph), {}).steps:
        if step.python is not None and step.python.equation is not None:
            yield step.python


def test_calls_of_python_are_those_listed() -> None:
    found: dict[str, set[str]] = {}
    for row in ROWS:
        for case in row.cases:
            for op in called(row, case):
                assert op.equation is not None
                avals = [v.aval for v in op.equation.outputs] + [atom_aval(x.source) for x in op.operands]
                if all(a.size for a in avals) and not any(a.dtype.kind == "c" for a in avals):
                    found.setdefault(op.equation.primitive.name, set()).add(op.reason)
    without = {name for name, reasons in found.items() if "no kernel for this operation" in reasons}
    assert without == CALLED
    others = {name: reasons for name, reasons in found.items() if name not in without}
    assert others == {name: {reason} for name, reason in PARTLY.items()}
