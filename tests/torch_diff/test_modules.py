"""Every module of PyTorch's own test database, made and called as its tests do: values, gradients, states, dtypes."""

from __future__ import annotations

import random
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import pytest

import minitorch as mt

from .opinfo import converted, data_of, difference, tensors

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
database = pytest.importorskip("torch.testing._internal.common_modules").module_db

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
# Compared by other tests, for a reason.
ELSEWHERE = {
    "CTCLoss": "the gradient there takes for granted that log_softmax came before",
    "FractionalMaxPool3d": "the database has samples of two examples for one",
    "TransformerEncoder": "it is made of a module",
}
MODULES = {name: info for info in database if (name := info.name.removeprefix("nn.")) not in ELSEWHERE}


def option(x: Any) -> Any:
    """Return our counterpart of an argument that a module is made with: functions go by their names."""
    return getattr(mt.nn.functional, x.__name__) if isinstance(x, (BuiltinFunctionType, FunctionType)) else converted(x)


def fresh(x: Any) -> Any:
    """Return arguments whose tensors are leaves."""
    if isinstance(x, torch.Tensor):
        return x.detach().clone().requires_grad_(x.requires_grad)
    if isinstance(x, dict):
        return {key: fresh(value) for key, value in x.items()}
    return type(x)(map(fresh, x)) if type(x) in (list, tuple) else x


def samples(info: Any, dtype: Any, training: bool) -> list[Any]:
    """Return how the database makes and calls a module, the same in every run."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    return [sample for sample in found if sample.forward_input is not None]


def complaints(name: str, sample: Any, dtype: str, training: bool) -> list[str]:
    """Make a module in both libraries, with the same state, call both, pull back, and say what differs."""
    made, given = sample.constructor_input, sample.forward_input
    theirs = MODULES[name].module_cls(*made.args, **made.kwargs).to(getattr(torch, dtype)).train(training)
    ours = getattr(mt.nn, name)(*map(option, made.args), **{key: option(x) for key, x in made.kwargs.items()})
    ours = ours.to(getattr(mt, dtype)).train(training)
    args, kwargs = fresh(list(given.args)), fresh(given.kwargs)
    my_args, my_kwargs = converted(args), converted(kwargs)
    if name.startswith("Lazy"):
        theirs(*args, **kwargs), ours(*my_args, **my_kwargs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: converted(value) for key, value in theirs.state_dict().items()})
    outs = ours(*my_args, **my_kwargs), theirs(*args, **kwargs)
    found = [difference(*outs)]
    pulled = [[x for x in tensors(out) if x.requires_grad] for out in outs]
    if pulled[1]:
        weights = [torch.randn_like(x) for x in pulled[1]]
        torch.autograd.backward(pulled[1], weights)
        mt.autograd.backward(pulled[0], converted(weights))
    leaves = [
        tensors([my_args, my_kwargs]) + list(ours.parameters()),
        tensors([args, kwargs]) + list(theirs.parameters()),
    ]
    for a, b in zip(*([x.grad for x in xs] for xs in leaves), strict=True):
        lone = [x for x in (a, b) if x is not None]
        found.append(difference(a, b) if len(lone) == 2 else "a gradient" * any(data_of(x).any() for x in lone))
    found += unequal(ours, theirs)
    changed = {key: value * 2 for key, value in ours.state_dict().items()}
    ours.load_state_dict(changed)
    theirs.load_state_dict({key: torch.from_numpy(data_of(value).copy()) for key, value in changed.items()})
    found += unequal(ours, theirs)
    return [what for what in found if what]


def unequal(ours: Any, theirs: Any) -> list[str]:
    """Say which parts of the states of two modules differ."""
    states = zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True)
    return [f"{key}: {what}" for (key, a), (_, b) in states if (what := difference(a, b))]


def unexpected(name: str, training: bool, limit: int | None) -> list[str]:
    """Return what differs on the first samples of a module."""
    chosen = samples(MODULES[name], torch.float64, training)[:limit]
    return [what for sample in chosen for what in complaints(name, sample, "float64", training)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_module(name, training):
    assert not unexpected(name, training, 2)


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_all_samples(name, training):
    assert not unexpected(name, training, None)
