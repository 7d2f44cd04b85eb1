"""Checking: run a function plainly and its program on the same values, and compare all that they made and wrote.

The plain run is the one that counts, so a program that were wrong would do no harm. `MINITORCH_JIT_CHECK=1` has every
call checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.array import Array
from ..core.errors import JitError
from ..core.tracer import Value, concrete
from ..tensor.handle import Tensor
from .containers import flatten
from .program import Fresh, Program, Refill

# Sums may be added up in another order; elements are compared on the scale of the largest.
TOLERANCE = {2: 2e-2, 4: 1e-4, 8: 1e-9}


def checked(run: Callable[[], Any], program: Program, leaves: list[Any], values: list[Value], name: str) -> Any:
    """Return what `run` returns; raise if the program computes or writes anything else."""
    outs = program.plan.run(list(values))
    out = run()
    for where, index, actual in _pairs(program, leaves, flatten(out)[0]):
        problem = _difference(outs[index], actual)
        if problem:
            raise JitError(f"jit: {name}: {where} differs between the compiled and the plain run: {problem}")
    return out


def _pairs(program: Program, leaves: list[Any], results: list[Any]) -> Iterator[tuple[str, int, Value]]:
    """Iterate over the program's outputs, and what the plain run has made of them."""
    for i, (spec, found) in enumerate(zip(program.results, results, strict=True)):
        if isinstance(spec, Fresh):
            yield f"result {i}", spec.index, found.current() if isinstance(found, Tensor) else found
    for target, index in program.writes:
        if index is not None:
            source = target.slot if isinstance(target, Refill) else target
            yield f"what is written to {type(source).__name__.lower()}", index, source.read(leaves)


def _difference(compiled: Value, plain: Value) -> str | None:
    """Say how two values differ, None if they agree."""
    a, b = (
        concrete(x, "checking").numpy()
        for x in (compiled, plain if not isinstance(plain, (int, float)) else Array(plain))
    )
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"
    if a.dtype.kind not in "fcV":
        return None if np.array_equal(a, b) else "other integers"
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    scale = max(1.0, float(np.max(np.abs(y), where=np.isfinite(y), initial=0.0)))
    bound = TOLERANCE[min(8, a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1))] * scale
    if np.allclose(x, y, rtol=0, atol=bound, equal_nan=True):
        return None
    return f"up to {np.nanmax(np.abs(x - y)):.3g}, where the largest element is {scale:.3g}"
