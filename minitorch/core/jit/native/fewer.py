"""Arithmetic of a few numbers, as kernel text: what NumPy takes longer to be asked for than to do.

Each function is given pointers to elements that lie in order, float32 or float64. Sums of many terms are float64.
"""

from __future__ import annotations

from typing import Any

from .elementary import FUNCTIONS as _FUNCTIONS
from .intrinsics import INSTRUCTIONS as _INSTRUCTIONS
from .kinds import float64

exp, log, select = _FUNCTIONS["exp"], _FUNCTIONS["log"], _INSTRUCTIONS["select"]


def multiply(x: Any, w: Any, out: Any, m: int, n: int, k: int) -> int:
    """Write `x[m, k] @ w[n, k].T`, of few numbers."""
    for i in range(m):
        for j in range(n):
            total = x[i * k] * w[j * k]
            for p in range(1, k):
                total += x[i * k + p] * w[j * k + p]
            out[i * n + j] = total
    return m


def add_row(out: Any, b: Any, m: int, n: int) -> int:
    """Add a row to each."""
    for i in range(m):
        for j in range(n):
            out[i * n + j] += b[j]
    return m


def gap(x: Any, y: Any, count: int) -> Any:
    """Return the sum of squared differences, in float64."""
    a = float64(0.0)
    b = float64(0.0)
    c = float64(0.0)
    d = float64(0.0)
    for i in range(0, count - 3, 4):
        p = float64(x[i] - y[i])
        q = float64(x[i + 1] - y[i + 1])
        r = float64(x[i + 2] - y[i + 2])
        s = float64(x[i + 3] - y[i + 3])
        a += p * p
        b += q * q
        c += r * r
        d += s * s
    for i in range(count // 4 * 4, count):
        p = float64(x[i] - y[i])
        a += p * p
    return (a + b) + (c + d)


def squares(x: Any, y: Any, out: Any, count: int, scale: Any) -> int:
    """Write the slope of squared differences."""
    for i in range(count):
        out[i] = (x[i] - y[i]) * scale
    return count


def transposed_product(g: Any, x: Any, out: Any, m: int, n: int, k: int) -> int:
    """Write `g[m, n].T @ x[m, k]`, of few numbers, added up in float64."""
    for j in range(n):
        for p in range(k):
            a = float64(0.0)
            b = float64(0.0)
            for i in range(0, m - 1, 2):
                a += float64(g[i * n + j]) * float64(x[i * k + p])
                b += float64(g[i * n + n + j]) * float64(x[i * k + k + p])
            if m % 2 == 1:
                a += float64(g[m * n - n + j]) * float64(x[m * k - k + p])
            out[j * k + p] = a + b
    return m


def plain_product(g: Any, w: Any, out: Any, m: int, n: int, k: int) -> int:
    """Write `g[m, n] @ w[n, k]`, of few numbers."""
    for i in range(m):
        for p in range(k):
            total = g[i * n] * w[p]
            for j in range(1, n):
                total += g[i * n + j] * w[j * k + p]
            out[i * k + p] = total
    return m


def columns_added(g: Any, out: Any, m: int, n: int) -> int:
    """Write the sums of columns, added up in float64."""
    for j in range(n):
        a = float64(0.0)
        b = float64(0.0)
        for i in range(0, m - 1, 2):
            a += float64(g[i * n + j])
            b += float64(g[i * n + n + j])
        if m % 2 == 1:
            a += float64(g[m * n - n + j])
        out[j] = a + b
    return m


def rectified(x: Any, out: Any, count: int) -> int:
    """Write `max(x, 0)`; NaN stays."""
    for i in range(count):
        out[i] = select(x[i] <= 0, 0.0, x[i])
    return count


def passed_on(g: Any, x: Any, out: Any, count: int) -> int:
    """Write `g` where `x > 0`, 0 elsewhere."""
    for i in range(count):
        out[i] = select(x[i] > 0, g[i], 0.0)
    return count


def crossed(x: Any, target: Any, slope: Any, rows: int, classes: int, count: int) -> Any:
    """Return the sum of the cross-entropies of rows of logits; write their slopes, divided by a count."""
    loss = float64(0.0)
    for i in range(rows):
        at = i * classes
        top = x[at]
        for j in range(1, classes):
            top = select(x[at + j] > top, x[at + j], top)
        for j in range(classes):
            slope[at + j] = exp(x[at + j] - top)
        total = float64(0.0)
        for j in range(classes):
            total += float64(slope[at + j])
        hit = at + target[i]
        loss += log(total) - float64(x[hit] - top)
        total *= float64(count)
        for j in range(classes):
            slope[at + j] = slope[at + j] / total
        slope[hit] -= 1.0 / float64(count)
    return loss


def add_multiple(x: Any, d: Any, count: int, rate: Any) -> int:
    """Add a multiple of elements to others."""
    for i in range(count):
        x[i] += rate * d[i]
    return count
