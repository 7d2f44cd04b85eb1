"""Check derivatives against finite differences.

Every check takes random directions: derivatives that are right only for a cotangent of ones do not pass. All arithmetic
is in float64 (complex128), whatever the arguments' precision. Inner products are real, so complex derivatives follow
the library's convention: `vjp` and `jvp` are adjoint under Re(conj(a) b).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .core import dtypes, tree
from .core.array import Array
from .core.errors import ArgumentError
from .core.ops.families import as_array
from .core.tape import muting
from .core.tracer import concrete
from .core.transforms import jvp, vjp

Function = Callable[..., Any]
Arrays = list[np.ndarray]
MODES = ("rev", "fwd")


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    eps: float = 1e-5,
) -> None:
    """Check the derivatives of `f` at `args`, up to an order, against central finite differences.

    `args` is a tuple of pytrees, real or complex; leaves that are no floats are passed as they are, and results that
    are no floats are not looked at. `modes` picks reverse mode ("rev": vjp) and forward mode ("fwd": jvp); with both,
    their inner products must also agree with each other. Orders above one check the derivative of each mode's
    derivative in each mode. `eps` is the step. Raises AssertionError, which says what failed, for which argument, and
    by how much.

    >>> from minitorch.core.ops.pointwise import sin
    >>> check_grads(lambda x: sin(x) * x, (0.5,))
    """
    wrong = [mode for mode in modes if mode not in MODES]
    if wrong or not modes:
        raise ArgumentError(f"check_grads: modes must be some of {MODES}, got {tuple(modes)}")
    if order < 1:
        raise ArgumentError(f"check_grads: order must be at least 1, got {order}")
    function, point, names = flattened(f, args)
    title = getattr(f, "__name__", type(f).__name__)
    _check(_Check(title, names, rtol, atol, eps, tuple(modes)), function, point, order, "")


def check_vjp(f: Function, args: Sequence[Any], rtol: float = 1e-6, atol: float = 1e-7, eps: float = 1e-5) -> None:
    """Check the first derivative in reverse mode.

    >>> from minitorch.core.ops.pointwise import sin
    >>> check_vjp(sin, (0.5,))
    """
    check_grads(f, args, 1, ("rev",), rtol, atol, eps)


def check_jvp(f: Function, args: Sequence[Any], rtol: float = 1e-6, atol: float = 1e-7, eps: float = 1e-5) -> None:
    """Check the first derivative in forward mode.

    >>> from minitorch.core.ops.pointwise import sin
    >>> check_jvp(sin, (0.5,))
    """
    check_grads(f, args, 1, ("fwd",), rtol, atol, eps)


def flattened(f: Function, args: Sequence[Any]) -> tuple[Function, Arrays, list[str]]:
    """Return `f` as a function from floating point arrays to such arrays, the point to check it at, and their names.

    >>> flattened(lambda p: p["x"] * 2, ({"x": 1.0},))[2]
    ["args[0]['x']"]
    """
    args = tuple(args)
    leaves, structure = tree.flatten(args)
    paths = [p for i, x in enumerate(args) for p in tree.paths(x, f"args[{i}]")]
    wide = [_widened(x) for x in leaves]
    chosen = [i for i, x in enumerate(wide) if x is not None]

    def function(*xs: Any) -> tuple[Any, ...]:
        full = list(leaves)
        for i, x in zip(chosen, xs, strict=True):
            full[i] = x
        with muting(True):
            inner = tree.unflatten(structure, full)
        outs = [as_array(x) for x in tree.leaves(f(*inner))]
        return tuple(x for x in outs if x.dtype in dtypes.INEXACT)

    return function, [x for x in wide if x is not None], [paths[i] for i in chosen]


def _widened(x: Any) -> Any:
    """Return a leaf as a float64 or complex128 NumPy array, None if it is no float."""
    if isinstance(x, float | complex):
        return np.asarray(x, np.complex128 if isinstance(x, complex) else np.float64)
    dtype = getattr(x, "dtype", None)
    if dtype not in dtypes.INEXACT:
        return None
    return concrete(x, "check_grads").numpy().astype(np.complex128 if dtype in dtypes.COMPLEX else np.float64)


@dataclass(frozen=True)
class _Check:
    """What stays the same through the orders of one check."""

    title: str
    names: list[str]
    rtol: float
    atol: float
    eps: float
    modes: tuple[str, ...]

    def close(self, a: float, b: float, scale: float) -> bool:
        """Return whether two inner products agree, given the size of the terms that were added."""
        return a == b or abs(a - b) <= self.atol + self.rtol * scale

    def fail(self, what: str, a: float, b: float, culprits: list[str]) -> None:
        """Raise."""
        where = f", in argument {', '.join(culprits)}" if culprits else ""
        raise AssertionError(
            f"{self.title}: {what} is wrong{where}: {a:.10g} against {b:.10g}, "
            f"off by {abs(a - b):.3g} (rtol {self.rtol:g}, atol {self.atol:g}, eps {self.eps:g})"
        )


def _check(check: _Check, function: Function, point: Arrays, order: int, path: str) -> None:
    """Check one order, then the derivatives of its derivatives."""
    rng = np.random.default_rng(len(path))
    xs = [Array(x) for x in point]
    if not point:
        raise ArgumentError(f"check_grads: {check.title} has no floating point argument to differentiate")
    vs = [_like(rng, x) for x in point]
    out, pull = vjp(function, *xs)
    gs = [_like(rng, y.numpy()) for y in out]
    if not gs:
        return
    cotangent = tuple(map(Array, gs))
    found = [x.numpy() for x in pull(cotangent)] if "rev" in check.modes else None
    pushed = _push(function, xs, vs) if "fwd" in check.modes else None
    numeric = _difference(function, point, vs, check.eps)
    suffix = f" of {path}" if path else ""
    if pushed is not None:
        a, b = _inner(gs, pushed), _inner(gs, numeric)
        if not check.close(a, b, _scale(gs, numeric)):
            check.fail(f"the forward derivative (jvp){suffix}", a, b, _culprits(check, function, point, vs, gs, None))
    if found is not None:
        a, b = _inner(found, vs), _inner(gs, numeric)
        if not check.close(a, b, _scale(found, vs) + _scale(gs, numeric)):
            check.fail(f"the reverse derivative (vjp){suffix}", a, b, _culprits(check, function, point, vs, gs, found))
    if found is not None and pushed is not None:
        exact = replace(check, rtol=1e-10, atol=1e-10)
        a, b = _inner(found, vs), _inner(gs, pushed)
        if not exact.close(a, b, _scale(found, vs) + _scale(gs, pushed)):
            exact.fail(f"the adjoint identity <vjp(g), t> = <g, jvp(t)>{suffix}", a, b, [])
    if order <= 1:
        return
    if "rev" in check.modes:
        _check(check, lambda *xs: vjp(function, *xs)[1](cotangent), point, order - 1, f"vjp{suffix}")
    if "fwd" in check.modes:
        tangents = tuple(map(Array, vs))
        _check(check, lambda *xs: jvp(function, xs, tangents)[1], point, order - 1, f"jvp{suffix}")


def _culprits(
    check: _Check, function: Function, point: Arrays, vs: Arrays, gs: Arrays, found: Arrays | None
) -> list[str]:
    """Return the names of the arguments whose own directions fail."""
    names = []
    for i, name in enumerate(check.names):
        alone = [v if i == j else np.zeros_like(v) for j, v in enumerate(vs)]
        numeric = _difference(function, point, alone, check.eps)
        if found is not None:
            a, scale = _inner(found, alone), _scale(found, alone)
        else:
            pushed = _push(function, list(map(Array, point)), alone)
            a, scale = _inner(gs, pushed), 0.0
        if not check.close(a, _inner(gs, numeric), scale + _scale(gs, numeric)):
            names.append(name)
    return names


def _push(function: Function, xs: list[Array], vs: Arrays) -> Arrays:
    return [t.numpy() for t in jvp(function, tuple(xs), tuple(map(Array, vs)))[1]]


def _difference(function: Function, point: Arrays, vs: Arrays, eps: float) -> Arrays:
    """Return the central finite difference along a direction."""
    ahead = function(*(Array(x + eps * v) for x, v in zip(point, vs)))
    behind = function(*(Array(x - eps * v) for x, v in zip(point, vs)))
    return [(a.numpy() - b.numpy()) / (2 * eps) for a, b in zip(ahead, behind)]


def _like(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    real = rng.standard_normal(x.shape)
    return real + 1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else real


def _inner(a: Arrays, b: Arrays) -> float:
    return float(sum(np.sum((np.conj(x) * y).real) for x, y in zip(a, b)))


def _scale(a: Arrays, b: Arrays) -> float:
    return float(sum(np.sum(np.abs(x) * np.abs(y)) for x, y in zip(a, b)))
