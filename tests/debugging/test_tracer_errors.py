"""Using a traced value where data is needed: the error names the argument, the user's line and the way out."""

from __future__ import annotations

import re

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import JitError, TracerError, UnsupportedError

USES = {
    "bool": (lambda x: bool(x), "bool"),
    "if": (lambda x: x if x > 0 else -x, "Python `if`"),
    "while": (lambda x: [None for _ in iter(lambda: bool(x > 0), False)], "Python `if`"),
    "and": (lambda x: x > 0 and x, "Python `if`"),
    "int": (lambda x: int(x), r"int\(\)"),
    "float": (lambda x: float(x), r"float\(\)"),
    "complex": (lambda x: complex(x), r"complex\(\)"),
    "index": (lambda x: [1, 2, 3][x.astype(mt.int64) if hasattr(x, "astype") else x.long()], "an index"),
    "range": (lambda x: range(x.astype(mt.int64) if hasattr(x, "astype") else x.long()), "an index"),
    "item": (lambda x: x.item(), r"\.item\(\)"),
    "tolist": (lambda x: x.tolist(), r"\.tolist\(\)"),
    "numpy": (lambda x: x.numpy(), r"\.numpy\(\)"),
    "asarray": (np.asarray, r"\.numpy\(\)|asarray"),
    "format": (lambda x: f"{x:.2f}", r"print or str\(\)|\.item\(\)"),
    "nonzero": (lambda x: mt.nonzero(x), "nonzero"),
    "mask": (lambda x: (x * mt.ones(2))[x * mt.ones(2) > 0], "nonzero"),
    "unique": (lambda x: mt.unique(x), "unique"),
}


def function_of(use):
    def function(params, scale):
        x = params["w"][0] * scale
        return USES[use][0](x)

    return function


WHERE = re.escape(__file__) + r":\d+"
W = "argument 0 ('params'), leaf ['w'][0]"

RUNS = {
    "vmap": lambda f: mt.vmap(f, in_axes=({"w": 0, "b": None}, None)),
    "vmap of grad": lambda f: mt.vmap(
        lambda params, scale: mt.grad(f)(params, scale), in_axes=({"w": 0, "b": None}, None)
    ),
    "vmap of jvp": lambda f: mt.vmap(
        lambda params, scale: mt.jvp(lambda p: f(p, scale), (params,), (params,)), in_axes=({"w": 0, "b": None}, None)
    ),
    "jit": lambda f: mt.jit(f, static_argnums=1),
    "jit of grad": lambda f: mt.jit(lambda params, scale: mt.grad(f)(params, scale), static_argnums=1),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("face", ["array", "tensor"])
def test_the_error_names_argument_line_and_way_out(run, use, face):
    make = mt.array if face == "array" else mt.tensor
    w = make([1.5, 2.5]) if "vmap" in run else make(1.5)
    params = {"w": [w], "b": make(1.0)}
    with pytest.raises((TracerError, JitError, UnsupportedError), match=USES[use][1]) as caught:
        RUNS[run](function_of(use))(params, 3.0)
    message = str(caught.value)
    assert f"it comes from {W}" in message and "['b']" not in message
    assert re.search(rf" at {WHERE}", message)
    assert re.search("where|static|outside|instead|Return", message)


CONCRETE = {
    "grad": lambda f: mt.grad(f),
    "value_and_grad": lambda f: mt.value_and_grad(f),
    "jvp": lambda f: lambda x: mt.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: mt.vjp(f, x),
}


@pytest.mark.parametrize("run", CONCRETE)
def test_what_has_data_may_be_used(run):
    """Under grad and its kin alone, a value has data: Python may look at it."""
    seen = []

    def function(x):
        seen.append((bool(x > 0), int(x), x.item(), float(mt.stop_gradient(x)), np.asarray(x.round() > 1).item()))
        seen.append((f"{x:.3f}", f"{x:6.1f}"))
        return x * x if x > 0 else -x

    CONCRETE[run](function)(mt.array(2.0))
    CONCRETE[run](function)(mt.tensor(2.0))
    assert seen == [(True, 2, 2.0, 2.0, True), ("2.000", "   2.0")] * 2


def test_lengths_are_known():
    for run in (mt.vmap, mt.jit):
        assert run(lambda x: x * len(x) * x.shape[0] * x.size)(mt.ones(3, 2)).shape == (3, 2)
    with pytest.raises(TypeError, match="0-d"):
        mt.vmap(len)(mt.ones(2))


def test_state_keyword_arguments_and_many_leaves():
    w = mt.ones(3)
    with pytest.raises(JitError, match="it comes from `w` from outside"):
        mt.jit(lambda: float(w.sum()))()
    with pytest.raises(TracerError, match=r"it comes from keyword argument 'key'; use"):
        mt.vmap(lambda x, *, key: key.item())(mt.ones(2), key=mt.ones(2))
    with pytest.raises(TracerError, match=r"leaf \[3\] and 3 more; use"):
        mt.vmap(lambda xs: sum(xs).item())([mt.ones(2)] * 7)
    with pytest.raises(JitError, match=r"it comes from argument 2 \('x'\)"):
        mt.jit(lambda n, s, x: int(x), static_argnums=1)(1, 2, mt.ones(()))
