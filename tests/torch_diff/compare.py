"""Comparing one call in both libraries."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import minitorch as mt

from .cases import Case, Side, array, backward, flat

TOLERANCE = {"float32": (2e-5, 2e-6), "float64": (1e-9, 1e-11)}


def name_of(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def same(ours: Any, theirs: Any, dtype: str, what: str, rtol: float = 0.0) -> None:
    """Assert equal shape, dtype and values."""
    if not hasattr(theirs, "detach"):
        assert ours == theirs or (np.isclose(ours, theirs, rtol=1e-5)), f"{what}: {ours} is not {theirs}"
        return
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape}, in torch {tuple(theirs.shape)}"
    assert name_of(ours.dtype) == name_of(theirs.dtype), f"{what}: dtype {ours.dtype}, in torch {theirs.dtype}"
    near, floor = TOLERANCE["float32" if name_of(theirs.dtype) in ("float32", "complex64") else dtype]
    np.testing.assert_allclose(array(ours), array(theirs), rtol=max(near, rtol), atol=floor, err_msg=what)


def result(lib: Any, one: Case, args: Any, params: Any, as_method: bool) -> Any:
    if as_method:
        return getattr(args[0], one.name)(*args[1:], **params)
    return attrgetter(one.name)(lib)(*args, **params)


def compare(torch: Any, one: Case, dtype: str, as_method: bool, layout: str = "in order") -> None:
    """Assert that a call gives the same values, dtypes and gradients."""
    ours, theirs = (Side(lib, str(one), dtype, layout=layout) for lib in (mt, torch))
    out = [flat(result(s.lib, one, *s.arguments(one.args, one.params), as_method)) for s in (ours, theirs)]
    assert len(out[0]) == len(out[1]), f"{one}: {len(out[0])} results, in torch {len(out[1])}"
    for k, (a, b) in enumerate(zip(*out)):
        if one.values:
            same(a, b, dtype, f"{one}, result {k}", one.rtol)
        if hasattr(b, "requires_grad"):
            assert a.requires_grad == b.requires_grad, f"{one}, result {k}: requires_grad {a.requires_grad}"
    ran = backward(out[0], mt, 7)
    assert ran == backward(out[1], torch, 7), f"{one}: only one of the two has a gradient"
    for k, (a, b) in enumerate(zip(ours.leaves, theirs.leaves)):
        if b.grad is None:
            assert a.grad is None or not array(a.grad).any(), f"{one}: gradient {k} is {a.grad}, in torch None"
        else:
            assert a.grad is not None, f"{one}: gradient {k} is None"
            same(a.grad, b.grad, dtype, f"{one}, gradient {k}", one.rtol)


def both_raise(torch: Any, call: Any) -> None:
    """Assert that a call raises in both libraries, in ours an error that a user of torch would catch."""
    kinds = (RuntimeError, ValueError, IndexError, TypeError)
    with pytest.raises(kinds):
        call(torch)
    with pytest.raises(kinds) as ours:
        call(mt)
    assert len(str(ours.value)) > 20


def second(lib: Any, side: Side, one: Case) -> tuple[list[Any], list[Any]]:
    """Return the first gradients of a combination of a call's squared results, and those of a combination of them.

    Squared, because the gradients of a linear function are constants.
    """
    args, params = side.arguments(one.args, one.params)
    outputs = [x for x in flat(result(lib, one, args, params, False)) if getattr(x, "requires_grad", False)]
    if not side.leaves or not outputs:
        return [], []
    first = _gradients(lib, _combined(lib, [x * x for x in outputs], 7), side.leaves)
    tracked = [g for g in first if g is not None and g.requires_grad]
    return first, _gradients(lib, _combined(lib, tracked, 8), side.leaves) if tracked else []


def _combined(lib: Any, xs: list[Any], seed: int) -> Any:
    rng = np.random.default_rng(seed)
    total = None
    for x in xs:
        weights = lib.from_numpy(np.array(rng.uniform(0.5, 1.5, tuple(x.shape)))).to(x.dtype)
        part = (x * weights).sum()
        part = part.real if name_of(part.dtype).startswith("complex") else part
        total = part if total is None else total + part
    return total


def _gradients(lib: Any, total: Any, leaves: list[Any]) -> list[Any]:
    return list(lib.autograd.grad(total, leaves, create_graph=True, allow_unused=True))


def compare_second(torch: Any, one: Case) -> None:
    """Assert that second gradients are the same, where PyTorch has them."""
    try:
        _, theirs = second(torch, Side(torch, str(one), "float64"), one)
    except (RuntimeError, NotImplementedError):
        return  # has none
    _, ours = second(mt, Side(mt, str(one), "float64"), one)
    for k, g in enumerate(theirs):
        if g is None or not array(g.detach()).any():
            assert not ours or ours[k] is None or not array(ours[k].detach()).any(), f"{one}: second gradient {k}"
        else:
            assert ours and ours[k] is not None, f"{one}: second gradient {k} is missing"
            same(ours[k], g, "float64", f"{one}, second gradient {k}", max(one.rtol, 1e-8))
