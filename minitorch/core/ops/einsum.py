"""Einstein summation: an equation becomes diagonals, sums, transposes and matrix products, two operands at a time.

Equations and the shape of each pairwise step are worked out once and cached. Every step is an ordinary operation, so
nothing here has a derivative or batching rule of its own.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import ArgumentError, ShapeError
from ..tracer import Value
from .contractions import matmul, same_dtype
from .diagonal import diagonal
from .families import as_array
from .pointwise import mul
from .shaping import reshape, sum, transpose

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ELLIPSIS_BASE = 0xE000  # axes that an ellipsis stands for get labels from Unicode's private area, the last axis first
Shapes = tuple[tuple[int, ...], ...]


class Equation(NamedTuple):
    """A parsed equation: one label for each axis of each operand, the result's labels, and the order of contraction."""

    inputs: tuple[str, ...]
    output: str
    sizes: dict[str, int]
    path: tuple[tuple[int, ...], ...]


class Pair(NamedTuple):
    """How two operands are contracted: labels in the order that a matrix product needs, by role."""

    stack: str
    rows: str
    summed: str
    columns: str


def einsum(equation: Any, *operands: Any) -> Value:
    """Sum products of operands as an equation says: `"ik,kj->ij"` is a matrix product.

    A letter names an axis; axes of one letter are multiplied along each other, and summed when the letter is missing
    from the result. A letter repeated in one operand takes a diagonal; `...` stands for any axes, which broadcast;
    without `->` the result has the letters that occur once, in alphabetical order. The equation may also be given as
    NumPy's alternating operands and lists of axis numbers. Three operands and more are contracted in the order that
    opt_einsum finds cheapest. Raises ShapeError when sizes disagree, ArgumentError when the equation has no meaning.

    >>> einsum("ik,jk->ij", [[1.0, 2.0]], [[3.0, 4.0]])
    Array([[11.]], dtype=float32)
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    values = same_dtype("einsum", *map(as_array, operands)) if operands else ()
    parsed = _plan(equation, tuple(x.shape for x in values))
    terms = [_normal(x, labels, parsed.sizes) for x, labels in zip(values, parsed.inputs)]
    for positions in parsed.path:
        chosen = [terms.pop(i) for i in sorted(positions, reverse=True)]
        needed = frozenset(parsed.output).union(*(labels for _, labels in terms))
        while len(chosen) > 1:
            others = needed.union(*(labels for _, labels in chosen[:-2]))
            chosen.append(_contract(*chosen.pop(), *chosen.pop(), others))
        terms.append(chosen[0])
    ((x, labels),) = terms
    x, labels = _summed(x, labels, frozenset(parsed.output))
    return transpose(x, [labels.index(label) for label in parsed.output])


def sums_alone(equation: str, shapes: Shapes) -> bool:
    """Return whether an axis that only one operand has is missing from the result."""
    parsed = _plan(equation, shapes)
    held = "".join("".join(set(labels)) for labels in parsed.inputs)
    return any(held.count(c) == 1 and c not in parsed.output for c in held)


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Turn NumPy's `einsum(x, [0, 1], y, [1, 2], [0, 2])` into an equation."""
    pairs = len(arguments) // 2
    terms = [_letters(arguments[2 * i + 1]) for i in range(pairs)]
    arrow = "->" + _letters(arguments[-1]) if len(arguments) % 2 else ""
    return ",".join(terms) + arrow, arguments[: 2 * pairs : 2]


def _letters(axes: Any) -> str:
    try:
        return "".join("..." if a is Ellipsis else chr(ord("A") + a + 6 * (a > 25)) for a in axes)
    except TypeError:
        raise ArgumentError(
            f"einsum: expected an equation such as 'ij,jk->ik', or axis numbers after each operand, got {axes!r}"
        ) from None


# --------------------------------------------------------------------------- the equation


@lru_cache(maxsize=512)
def _plan(equation: str, shapes: Shapes) -> Equation:
    """Parse an equation for operands of given shapes."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise _mistake(equation, shapes, f"has {len(terms)} terms for {len(shapes)} operands", "give one for each")
    inputs = tuple(_labels(equation, shapes, term, len(shape)) for term, shape in zip(terms, shapes))
    dots = "".join(sorted({c for labels in inputs for c in labels if c not in _LETTERS}, reverse=True))
    if arrow:
        output = right.replace("...", dots, 1)
    else:
        joined = "".join(inputs)
        output = dots + "".join(sorted(c for c in _LETTERS if joined.count(c) == 1))
    for c in output:
        if c not in "".join(inputs):
            raise _mistake(equation, shapes, f"has {c!r} in the result and in no operand", "use the operands' letters")
    if len(set(output)) != len(output):
        raise _mistake(equation, shapes, "repeats a letter in the result", "use diag_embed on the result instead")
    sizes = _sizes(equation, inputs, shapes)
    return Equation(inputs, output, sizes, _path(inputs, output, sizes))


def _mistake(equation: str, shapes: Shapes, wrong: str, fix: str) -> ArgumentError:
    shown = ", ".join(map(str, shapes))
    return ArgumentError(f"einsum: the equation {equation!r} {wrong} (shapes {shown}); {fix}")


def _labels(equation: str, shapes: Shapes, term: str, ndim: int) -> str:
    """Return one label for each axis of an operand, with the ellipsis spelled out."""
    before, dots, after = term.partition("...")
    for c in before + after:
        if c not in _LETTERS:
            fix = "use letters, one '...' a term, ',' and '->'"
            raise _mistake(equation, shapes, f"has {c!r} in the term {term!r}", fix)
    hidden = ndim - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise ShapeError(
            f"einsum: the term {term!r} of {equation!r} names {len(before) + len(after)} axes of an operand that has "
            f"{ndim} (shapes {', '.join(map(str, shapes))}); name every axis, or use '...' for the rest"
        )
    return before + "".join(chr(_ELLIPSIS_BASE + i) for i in reversed(range(hidden))) + after


def _sizes(equation: str, inputs: tuple[str, ...], shapes: Shapes) -> dict[str, int]:
    """Return each label's size; size 1 gives way to another, as in broadcasting."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes):
        for c, n in zip(labels, shape):
            have = sizes.get(c, 1)
            if have != n and 1 not in (have, n):
                shown = "an axis under '...'" if c not in _LETTERS else f"{c!r}"
                raise ShapeError(
                    f"einsum: {shown} has the sizes {have} and {n} in {equation!r} with shapes "
                    f"{', '.join(map(str, shapes))}; axes of one letter must have one size, or size 1"
                )
            sizes[c] = n if have == 1 else have
    return sizes


def _path(inputs: tuple[str, ...], output: str, sizes: dict[str, int]) -> tuple[tuple[int, ...], ...]:
    if len(inputs) < 3:
        return (tuple(range(len(inputs))),)
    import opt_einsum

    shapes = [tuple(sizes[c] for c in labels) for labels in inputs]
    path, _ = opt_einsum.contract_path(f"{','.join(inputs)}->{output}", *shapes, shapes=True, optimize="auto")
    return tuple(tuple(step) for step in path)


# --------------------------------------------------------------------------- the steps


def _normal(x: Value, labels: str, sizes: dict[str, int]) -> tuple[Value, str]:
    """Drop axes that broadcast, and take diagonals of repeated labels."""
    kept = [c for c, n in zip(labels, x.shape) if n == sizes[c]]
    if len(kept) < len(labels):
        x = reshape(x, tuple(n for c, n in zip(labels, x.shape) if n == sizes[c]))
    while len(set(kept)) < len(kept):
        c = next(c for c in kept if kept.count(c) > 1)
        first = kept.index(c)
        second = kept.index(c, first + 1)
        x = diagonal(x, 0, first, second)
        del kept[second], kept[first]
        kept.append(c)
    return x, "".join(kept)


def _summed(x: Value, labels: str, kept: frozenset[str]) -> tuple[Value, str]:
    """Sum over the labels that nobody needs any more."""
    axes = tuple(i for i, c in enumerate(labels) if c not in kept)
    return (sum(x, axes, dtype=x.dtype), "".join(c for c in labels if c in kept)) if axes else (x, labels)


def _contract(x: Value, x_labels: str, y: Value, y_labels: str, needed: frozenset[str]) -> tuple[Value, str]:
    """Multiply two operands and sum over the labels that only they have."""
    x, x_labels = _summed(x, x_labels, needed.union(y_labels))
    y, y_labels = _summed(y, y_labels, needed.union(x_labels))
    stack, rows, summed, columns = _roles(x_labels, y_labels, needed)
    x = transpose(x, [x_labels.index(c) for c in stack + rows + summed])
    y = transpose(y, [y_labels.index(c) for c in stack + summed + columns])
    batch, n, m = x.shape[: len(stack)], x.shape[len(stack) :], y.shape[len(stack) + len(summed) :]
    n = n[: len(rows)]
    if not summed:
        return mul(reshape(x, batch + n + (1,) * len(m)), reshape(y, batch + (1,) * len(n) + m)), stack + rows + columns
    k = math.prod(y.shape[len(stack) : len(stack) + len(summed)])
    out = matmul(reshape(x, (*batch, math.prod(n), k)), reshape(y, (*batch, k, math.prod(m))))
    return reshape(out, batch + n + m), stack + rows + columns


@lru_cache(maxsize=2048)
def _roles(x: str, y: str, needed: frozenset[str]) -> Pair:
    shared = [c for c in x if c in y]
    return Pair(
        stack="".join(c for c in shared if c in needed),
        rows="".join(c for c in x if c not in y),
        summed="".join(c for c in shared if c not in needed),
        columns="".join(c for c in y if c not in x),
    )
