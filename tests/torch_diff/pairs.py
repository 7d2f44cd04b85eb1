"""The same module, loss or optimizer in both libraries, from the same weights, compared step for step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitorch as mt

from .cases import array
from .compare import name_of

torch = pytest.importorskip("torch")
LIBRARIES = (mt, torch)
TOLERANCE = {"float32": (3e-5, 3e-6), "float64": (1e-9, 1e-11)}


def tensors(data: np.ndarray, requires_grad: bool = False) -> tuple[Any, Any]:
    """The same tensor in both."""
    return tuple(lib.tensor(data).requires_grad_(requires_grad) for lib in LIBRARIES)


def pair_of(build: Any, dtype: str = "float32") -> tuple[Any, Any]:
    """Build a module in both libraries, and give ours the other's weights, which are the same each time."""
    torch.manual_seed(0)
    ours, theirs = (build(lib) for lib in LIBRARIES)
    if dtype == "float64":
        ours, theirs = ours.double(), theirs.double()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    for name, value in ours.state_dict().items():
        assert tuple(value.shape) == state[name].shape, name
        assert name_of(value.dtype) == state[name].dtype.name, name
    assert not any(ours.load_state_dict(state))
    return ours, theirs


def close(ours: Any, theirs: Any, what: str, rtol: float | None = None) -> None:
    """Assert equal shape, dtype and values."""
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape}, in torch {tuple(theirs.shape)}"
    assert name_of(ours.dtype) == name_of(theirs.dtype), f"{what}: dtype {ours.dtype}, in torch {theirs.dtype}"
    near, floor = TOLERANCE.get(name_of(theirs.dtype), (0, 0))
    np.testing.assert_allclose(
        array(ours), array(theirs), rtol=near if rtol is None else rtol, atol=floor, equal_nan=True, err_msg=what
    )


def pull(outs: tuple[Any, Any], seed: int = 1) -> None:
    """Run backward in both from the same random cotangent."""
    data = np.random.default_rng(seed).standard_normal(tuple(outs[1].shape)).astype(name_of(outs[1].dtype))
    for lib, out in zip(LIBRARIES, outs):
        out.backward(lib.tensor(data))


def same_gradients(ours: Any, theirs: Any) -> None:
    """Assert that parameters have equal gradients, and buffers equal values."""
    for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None), name
        if b.grad is not None:
            close(a.grad, b.grad, f"gradient of {name}")
    for (name, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        close(a, b, f"buffer {name}")


def both_raise(call: Any) -> str:
    """Assert that a call raises in both, in ours an error that `except` of the other's class would catch."""
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(Exception) as ours:
        call(mt)
    # PyTorch reports a dtype it has no kernel for as not implemented; ours is a plain error of the same family.
    wanted = RuntimeError if isinstance(theirs.value, NotImplementedError) else type(theirs.value)
    assert isinstance(ours.value, wanted), f"{type(ours.value).__mro__} is no {type(theirs.value)}"
    return str(ours.value)
