"""Running the same thing plainly and compiled, and comparing all that can be seen of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minitorch as mt

# Sums may be added up in another order; elements are compared on the scale of the largest.
TOLERANCE = {2: 1e-2, 4: 2e-5, 8: 1e-10}


def look(x: Any) -> Any:
    """Return a copy of all that can be seen of a value: data, flags, gradients, states."""
    if isinstance(x, mt.Tensor):
        seen = {"data": x.detach().numpy().copy(), "requires_grad": x.requires_grad, "leaf": x.is_leaf}
        return {**seen, "class": type(x).__name__, "grad": look(x.grad) if x.is_leaf else None}
    if isinstance(x, mt.nn.Module):
        named = {**dict(x.named_parameters()), **dict(x.named_buffers())}
        return {name: look(value) for name, value in named.items()}
    if isinstance(x, mt.optim.Optimizer):
        return look(x.state_dict())
    if isinstance(x, mt.Generator):
        return look(x.get_state())
    if isinstance(x, dict):
        return {key: look(value) for key, value in x.items()}
    if isinstance(x, (tuple, list)):
        return [look(value) for value in x]
    return np.array(x) if isinstance(x, mt.Array) else x


Bounds = dict[int, float]


def same(found: Any, expected: Any, where: str = "", bounds: Bounds = TOLERANCE) -> None:
    """Assert that two looks agree."""
    assert type(found) is type(expected), f"{where}: {found!r} instead of {expected!r}"
    if isinstance(expected, dict):
        assert list(found) == list(expected), f"{where}: {list(found)} instead of {list(expected)}"
        for key, value in expected.items():
            same(found[key], value, f"{where}.{key}", bounds)
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, value in enumerate(expected):
            same(found[i], value, f"{where}[{i}]", bounds)
    elif isinstance(expected, np.ndarray):
        close(found, expected, where, bounds)
    else:
        assert found == expected or (found != found and expected != expected), f"{where}: {found!r}, not {expected!r}"


def close(found: np.ndarray, expected: np.ndarray, where: str, bounds: Bounds) -> None:
    """Assert equal shape, dtype and values."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), f"{where}: {found!r}, not {expected!r}"
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected, where)
        return
    size = expected.dtype.itemsize // (2 if expected.dtype.kind == "c" else 1)
    finite = np.abs(expected[np.isfinite(expected)])
    floor = bounds[size] * max(1.0, float(finite.max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=bounds[size], atol=floor, err_msg=where)


Make = Callable[[Callable[[Any], Any]], tuple[Callable[[int], Any], Any]]


def run(make: Make, wrap: Callable[[Any], Any], calls: int) -> list[Any]:
    """Build a scene and call it; return what was to be seen after each call."""
    mt.manual_seed(0)
    call, seen = make(wrap)
    mt.manual_seed(1)
    return [[look(call(i)), look(seen), look(mt.get_rng_state())] for i in range(calls)]


def compare(make: Make, calls: int = 3) -> None:
    """Assert that a scene looks the same plainly and compiled, after each call.

    `make(wrap)` builds it anew, compiles with `wrap`, and returns what to call and what to look at.
    """
    expected, found = run(make, lambda f: f, calls), run(make, mt.jit, calls)
    for i in range(calls):
        same(found[i], expected[i], f"call {i}")
