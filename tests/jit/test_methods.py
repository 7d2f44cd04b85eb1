"""Every function and method, compiled: values, dtypes and gradients are those of the plain call, or it is refused."""

from __future__ import annotations

import re

import pytest

import minitorch as mt
from minitorch.errors import JitError
from minitorch.tensor import functions, inplace
from tests.torch_diff.cases import Case, Side, materialize
from tests.torch_diff.tables import ALL, ELSEWHERE, PLAIN
from tests.torch_diff.writes import CASES

from .comparing import compare

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# The shape or the kind of these results depends on data, so that they are refused, as are Python numbers made of it.
BY_DATA = set(
    ["nonzero", "argwhere", "masked_select", "unique", "equal", "allclose", "masked_scatter", "histc", "bincount"]
    + ["unique_consecutive"]
)


# A tensor from outside that requires grad keeps its shape.
RESHAPING = {"t_", "transpose_", "swapaxes_", "swapdims_", "squeeze_", "unsqueeze_"}


def is_by_data(one: Case) -> bool:
    name = one.name.removesuffix("_")
    if str(one) == "equal(real[2, 3], real[3])":
        return False
    return (
        name in BY_DATA or (name == "where" and len(one.args) == 1) or "repeat_interleave(real[2, 3], index" in str(one)
    )


def scene(one: Case, as_method: bool, inside: bool):
    """A call with its backward pass inside, or outside."""

    def make(wrap):
        sides = [Side(mt, f"{one}{i}", "float32") for i in range(3)]
        for side in sides:
            side.arguments(one.args, one.params)

        def function(*tensors):
            args, kwargs = arguments(one, tensors)
            out = (
                getattr(args[0], one.name)(*args[1:], **kwargs) if as_method else getattr(mt, one.name)(*args, **kwargs)
            )
            out = copied(out)
            if inside:
                pull(out)
                out = detached(out)
            return out

        compiled = wrap(function)

        def call(i):
            out = compiled(*sides[i].all)
            if not inside:
                pull(out)
            return out

        return call, [side.all for side in sides]

    return make


def arguments(one: Case, tensors):
    """Put tensors into the places of a call; everything else is a part of the function."""
    places = iter(tensors)
    given = [materialize(a, lambda _: next(places), mt) for a in one.args]
    return given, {k: materialize(v, lambda _: next(places), mt) for k, v in one.params.items()}


def copied(out):
    """Copy what shares memory with an argument, which may not be returned."""
    if isinstance(out, (tuple, list)):
        return [copied(x) for x in out]
    return out * 1 if isinstance(out, mt.Tensor) and out.dtype != mt.bool else out


def detached(out):
    if isinstance(out, (tuple, list)):
        return [detached(x) for x in out]
    return out.detach() if isinstance(out, mt.Tensor) else out


def pull(out):
    """Run backward from all results that can."""
    if isinstance(out, (tuple, list)):
        found = [x for x in out if isinstance(x, mt.Tensor) and x.requires_grad]
    else:
        found = [out] if isinstance(out, mt.Tensor) and out.requires_grad else []
    if found:
        sum((x * (1 + x.detach() * 0.5)).abs().sum() for x in found).backward()


def check(one: Case, as_method: bool, inside: bool) -> None:
    if not is_by_data(one):
        compare(scene(one, as_method, inside))
        return
    with pytest.raises(JitError) as caught:
        compare(scene(one, as_method, inside))
    text = str(caught.value)
    assert re.search(r"test_methods.py:\d+", text), text
    assert re.search(r"outside|where|static|Return", text), text


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("one", [c for c in ALL if not c.only], ids=str)
def test_function(one, inside):
    check(one, as_method=False, inside=inside)


@pytest.mark.parametrize("one", [c for c in ALL if c.method], ids=str)
def test_method(one):
    check(one, as_method=True, inside=True)


@pytest.mark.parametrize("one", CASES, ids=str)
def test_in_place(one):
    """Write to a copy inside, and to an argument."""

    def make(wrap):
        sides = [Side(mt, f"{one}{i}", "float32") for i in range(3)]
        for side in sides:
            side.arguments(one.args, {})

        def function(*tensors):
            x, *args = arguments(one, tensors)[0]
            y = x.clone()
            getattr(y, one.name)(*args)
            pull([y])
            with mt.no_grad():
                getattr(x, one.name)(*args)
            return y.detach()

        compiled = wrap(function)
        return lambda i: compiled(*sides[i].all), [side.all for side in sides]

    if one.name in RESHAPING:
        with pytest.raises(JitError, match="another shape in place; use"):
            compare(make)
    elif is_by_data(one):
        with pytest.raises(JitError, match=r"test_methods.py:\d+"):
            compare(make)
    else:
        compare(make)


RANDOM = {
    "rand": lambda: mt.rand(3, 4),
    "randn": lambda: mt.randn(3, 4, dtype=mt.float64),
    "randint": lambda: mt.randint(2, 9, (5,)),
    "randperm": lambda: mt.randperm(7),
    "normal": lambda: mt.normal(0.0, 1.0, (3,)),
    "bernoulli": lambda: mt.bernoulli(mt.full((20,), 0.3)),
    "multinomial": lambda: mt.multinomial(mt.tensor([0.1, 0.2, 0.7]), 5, replacement=True),
    "rand_like": lambda: mt.rand_like(mt.ones(3)),
    "normal_": lambda: mt.ones(5).normal_(1.0, 2.0),
    "uniform_": lambda: mt.ones(5).uniform_(1.0, 2.0),
    "bernoulli_": lambda: mt.ones(20).bernoulli_(0.5),
    "random_": lambda: mt.ones(5).random_(2, 9),
    "exponential_": lambda: mt.ones(5).exponential_(2.0),
    "geometric_": lambda: mt.ones(20).geometric_(0.3),
    "cauchy_": lambda: mt.ones(5).cauchy_(1.0, 2.0),
    "log_normal_": lambda: mt.ones(5).log_normal_(1.0, 0.5),
    "dropout": lambda: mt.nn.functional.dropout(mt.ones(20), 0.5),
    "kaiming": lambda: mt.nn.init.kaiming_uniform_(mt.empty(4, 3)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random(name):
    compare(lambda wrap: ((lambda f: lambda i: f())(wrap(RANDOM[name])), None))


MADE = {
    "zeros": lambda: mt.zeros(2, 3),
    "arange": lambda: mt.arange(2, 9, 3),
    "linspace": lambda: mt.linspace(0, 1, 5),
    "eye": lambda: mt.eye(3),
    "full": lambda: mt.full((2,), 1.5),
    "tensor": lambda: mt.tensor([[1, 2], [3, 4]]),
    "requires grad": lambda: mt.tensor([1.0], requires_grad=True) * 2,
    "numbers": lambda: {"a": 1, "b": [2.5, None, "text", True]},
}


@pytest.mark.parametrize("name", MADE)
def test_results_without_arguments(name):
    compare(lambda wrap: ((lambda f: lambda i: f())(wrap(MADE[name])), None))


def test_every_function_is_here():
    names = {c.name for c in ALL}
    assert not set(functions.PUBLIC) - names - ELSEWHERE - PLAIN
    assert not set(inplace.IN_PLACE) - {c.name for c in CASES} - RANDOM.keys() - {"__setitem__"}
