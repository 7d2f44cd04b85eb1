"""Comparing one call in both libraries."""

from __future__ import annotations

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
    return getattr(lib, one.name)(*args, **params)


def compare(torch: Any, one: Case, dtype: str, as_method: bool) -> None:
    """Assert that a call gives the same values, dtypes and gradients."""
    ours, theirs = Side(mt, str(one), dtype), Side(torch, str(one), dtype)
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
