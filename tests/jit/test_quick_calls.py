"""Calls that the short ways take: donated arguments, one tensor twice, records and dataclasses, NumPy's arrays."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import minitorch as mt
from minitorch.compiling.entry import MISS
from minitorch.core.errors import JitError

CALLS = 6

Pair = namedtuple("Pair", "a b")


@pytest.fixture(autouse=True)
def same_numbers():
    mt.manual_seed(0)


@dataclasses.dataclass
class State:
    weight: mt.Array
    scale: mt.Array


@dataclasses.dataclass
class Named:
    x: mt.Array
    name: str = dataclasses.field(metadata={"static": True})


def array(*values):
    return mt.Array(np.array(values, np.float32))


def entered(compiled):
    """Whether the last call went the short way."""
    return compiled.quick is not None and compiled.quick.inner is not None


def address(x):
    return x._data.ctypes.data


# --------------------------------------------------------------------------- donated arguments


def test_donated_memory_is_used_again_at_each_call():
    compiled = mt.jit(lambda p, g: {k: p[k] - g for k in p}, donate_argnums=0)
    p, places = {"a": array(1, 2), "b": array(3, 4)}, set()
    for i in range(CALLS):
        given = p
        p = compiled(given, array(1, 1))
        assert p["a"].tolist() == [-i, 1 - i] and p["b"].tolist() == [2 - i, 3 - i]
        places |= {address(p["a"]), address(p["b"])}
        for x in given.values():
            with pytest.raises(JitError, match="donated"):
                x.tolist()
    assert entered(compiled) and len(places) == 2 and compiled.records == 1


def test_another_shape_is_recorded_and_given_up_as_well():
    compiled = mt.jit(lambda x: x * 2, donate_argnums=0)
    for values in [(1.0, 2.0)] * 4 + [(1.0, 2.0, 3.0)] * 2 + [(1.0, 2.0)] * 3:
        x = array(*values)
        assert compiled(x).tolist() == [2 * v for v in values]
        with pytest.raises(JitError, match="donated"):
            x.tolist()
    assert compiled.records == 2


def test_what_was_donated_before_is_refused_each_time():
    compiled = mt.jit(lambda x: x * 2, donate_argnums=0)
    for _ in range(CALLS):
        x = array(1, 2)
        compiled(x)
        with pytest.raises(JitError, match="donated"):
            compiled(x)
    x = array(1, 2)
    assert compiled(x).tolist() == [2, 4]


def test_an_array_that_is_donated_and_read():
    compiled = mt.jit(lambda p, x: p + x, donate_argnums=0)
    for _ in range(CALLS):
        p, x = array(1, 2), array(3, 4)
        assert compiled(p, x).tolist() == [4, 6] and x.tolist() == [3, 4]
    unmet = mt.jit(lambda p, x: p + x, donate_argnums=0)  # which has no short way yet
    twice = [outcome(f, array(1, 2)) for f in (unmet, compiled, compiled)]
    assert twice[0] == twice[1] == twice[2]


def outcome(function, x):
    try:
        return function(x, x).tolist()
    except JitError as error:
        return str(error)


def test_a_run_that_raises_gives_the_data_back():
    compiled = mt.jit(lambda x, i: x[i] * 2, donate_argnums=0)
    for _ in range(CALLS):
        compiled(array(1, 2, 3), mt.Array(np.array([0, 2])))
    x = array(1, 2, 3)
    with pytest.raises(IndexError):
        compiled(x, mt.Array(np.array([0, 7])))
    assert x.tolist() == [1, 2, 3] and compiled(x, mt.Array(np.array([0, 2]))).tolist() == [2, 6]


def test_data_that_others_hold_is_not_written():
    compiled = mt.jit(lambda x: x * 2, donate_argnums=0)
    for _ in range(CALLS):
        x = array(1, 2)
        view, read = x[:1], x.numpy()
        assert compiled(x).tolist() == [2, 4]
        assert view.tolist() == [1] and read.tolist() == [1, 2]


def test_train_steps_give_up_what_a_step_is_donated():
    compiled = mt.jit(lambda x: x.sum(), donate_argnums=0)
    for _ in range(3):
        batches = [array(1, i) for i in range(4)]
        assert mt.train_steps(compiled, batches).tolist() == [1, 2, 3, 4]
        for x in batches:
            with pytest.raises(JitError, match="donated"):
                x.tolist()


# --------------------------------------------------------------------------- one tensor twice


def test_the_same_tensor_twice_and_two_tensors_in_turn():
    compiled = mt.jit(lambda x, y: x * 2 + y)
    x, y = mt.tensor([1.0, 2.0]), mt.tensor([10.0, 20.0])
    for _ in range(CALLS):
        assert compiled(x, x).tolist() == [3, 6]
        assert compiled(x, y).tolist() == [12, 24] and compiled(y, x).tolist() == [21, 42]
    assert compiled.records == 2
    assert compiled(x, x).tolist() == [3, 6] and entered(compiled) and compiled.quick.form.twins == [(1, 0)]


def test_which_tensors_are_the_same_is_part_of_the_call():
    compiled = mt.jit(lambda x, y, z: x + 10 * y + 100 * z)
    x, y, z = (mt.tensor([float(i)]) for i in (1, 2, 3))
    for _ in range(CALLS):
        for args in [(x, x, y), (x, y, x), (y, x, x), (x, x, x), (x, y, z)]:
            wanted = sum(10**k * a.item() for k, a in enumerate(args))
            assert compiled(*args).item() == wanted


def test_writing_to_a_tensor_that_comes_twice():
    def step(x, y):
        x.add_(1)
        return y * 2

    compiled = mt.jit(step)
    for _ in range(CALLS):
        x, y = mt.ones(2), mt.ones(2)
        assert compiled(x, x).tolist() == [4, 4] and x.tolist() == [2, 2]
        assert compiled(x, y).tolist() == [2, 2] and x.tolist() == [3, 3]


def test_gradients_of_a_tensor_that_comes_twice():
    compiled = mt.jit(lambda x, y: (x * y * y).sum())
    for _ in range(CALLS):
        x, y = mt.full((2,), 2.0, requires_grad=True), mt.full((2,), 3.0, requires_grad=True)
        compiled(x, x).backward()
        assert x.grad.tolist() == [12, 12]
        compiled(y, x).backward()
        assert y.grad.tolist() == [4, 4] and x.grad.tolist() == [24, 24]


# --------------------------------------------------------------------------- records, dataclasses, NumPy's arrays


def test_records_are_told_from_tuples():
    compiled = mt.jit(lambda p: p.a - p.b if isinstance(p, Pair) else p[0] + p[1])
    for _ in range(CALLS):
        assert compiled(Pair(array(5), array(3))).tolist() == [2]
        assert compiled((array(5), array(3))).tolist() == [8]
    assert entered(compiled) and compiled.records == 2


def test_dataclasses_and_their_static_fields():
    compiled = mt.jit(lambda s: State(s.weight * s.scale, s.scale))
    named = mt.jit(lambda n: n.x * len(n.name))
    for i in range(CALLS):
        s = compiled(State(array(i, 2), array(3)))
        assert type(s) is State and s.weight.tolist() == [3 * i, 6] and s.scale.tolist() == [3]
        assert named(Named(array(1), "ab")).tolist() == [2] and named(Named(array(1), "abc")).tolist() == [3]
    assert entered(compiled) and compiled.records == 1 and named.records == 2


def test_numbers_of_numpy_are_taken_as_they_are_now():
    compiled, x = mt.jit(lambda x: x * 2), np.array([1.0, 2.0])
    for i in range(CALLS):
        x[0] = i
        found = compiled(x)
        assert found.tolist() == [2 * i, 4] and found.dtype == np.float64
    assert compiled(x.astype(">f8")).tolist() == [2 * i, 4]
    assert compiled(np.ma.masked_array(x, [False, False]).filled()).tolist() == [2 * i, 4]
    assert compiled(x.astype(np.float32)).dtype == np.float32


# --------------------------------------------------------------------------- what waits for the gradients of arguments


def product(x, y):
    return (x * y).sum()


def pair_of_leaves():
    return [mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor([3.0, 4.0], requires_grad=True)]


def hooked(x, y):
    x.register_hook(lambda g: g * 10)


def with_gradients(x, y):
    x.grad, y.grad = mt.ones(2), mt.ones(2)


def with_one_gradient(x, y):
    x.grad = mt.ones(2)


def with_a_shared_gradient(x, y):
    x.grad = y.grad = mt.ones(2)


def with_each_other(x, y):
    x.grad = y


@mt.no_grad()
def double_gradient(p):
    p.grad.mul_(2)


def with_a_post_hook(x, y):
    x.register_post_accumulate_grad_hook(double_gradient)


def frozen(x, y):
    y.requires_grad_(False)


STATES = (hooked, with_gradients, with_one_gradient, with_a_shared_gradient, with_each_other, with_a_post_hook, frozen)


@pytest.mark.parametrize("first", [None, *STATES])
@pytest.mark.parametrize("then", STATES)
def test_gradients_and_hooks_of_arguments(first, then):
    found = []
    for function in (product, mt.jit(product)):
        given = pair_of_leaves()
        if first is not None:
            first(*given)
        for _ in range(CALLS):
            function(*given)
        then(*given)
        for _ in range(CALLS):
            out = function(*given)
            out.backward()
        found.append([out.item(), *(None if x.grad is None else x.grad.tolist() for x in given)])
    assert found[0] == found[1]


def test_tracked_arguments_of_an_outer_frame():
    compiled, x = mt.jit(product), mt.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(CALLS):
        inner = mt.grad(lambda y: compiled(x.detach(), y))(mt.tensor([3.0, 4.0]))
        assert inner.tolist() == [1, 2]
        assert compiled(x, x.detach()).item() == 5
        with pytest.raises(mt.errors.GradError, match="outside"):
            mt.vmap(lambda y: compiled(x, y).backward() or y)(mt.ones(3, 2))


# --------------------------------------------------------------------------- other containers, and what is seen besides


class Checked(namedtuple("Checked", "a b")):
    """A record that is made in a way of its own."""

    def __new__(cls, a, b):
        return super().__new__(cls, a, (b, "made"))


def test_ordered_dicts_keep_their_order():
    compiled, x = mt.jit(lambda p: OrderedDict((k, v * 2) for k, v in reversed(p.items()))), array(1, 2)
    given = OrderedDict(b=x, a=array(3, 4))
    for _ in range(CALLS):
        found = compiled(given)
        assert type(found) is OrderedDict and list(found) == ["a", "b"]
        assert found["a"].tolist() == [6, 8] and found["b"].tolist() == [2, 4]
    assert entered(compiled) and compiled.records == 1
    turned = OrderedDict(reversed(given.items()))
    for _ in range(CALLS):
        assert list(compiled(turned)) == ["b", "a"] and compiled(dict(given))["a"].tolist() == [6, 8]
    given.move_to_end("b")  # which the dict below it does not know of
    assert compiled(given)["a"].tolist() == [6, 8] and compiled(given)["b"].tolist() == [2, 4]


def test_records_as_results():
    compiled = mt.jit(lambda p: (Pair(p.b, (p.a * 2, [p.b])), Checked(p.a, p.b)))
    for _ in range(CALLS):
        first, second = compiled(Pair(array(1.0), array(2.0)))
        assert (
            type(first) is Pair and first.a.tolist() == [2] and first.b[0].tolist() == [2] and type(first.b[1]) is list
        )
        assert type(second) is Checked
    assert entered(compiled)
    plain, compiled = [f() for f in (lambda: made, lambda: mt.jit(made))]
    for _ in range(CALLS):
        assert str(compiled(array(1.0))) == str(plain(array(1.0)))


def made(x):
    return {"inner": Pair(x, None)}


def parameters(model):
    return {name: p.detach() * 1 for name, p in model.named_parameters()}


def test_functional_calls_of_a_module_with_its_own_parameters():
    model, x = mt.nn.Linear(3, 2), mt.randn(4, 3)
    run = lambda p, x: mt.func.functional_call(model, p, (x,))  # noqa: E731
    compiled, own = mt.jit(run), dict(model.named_parameters())
    for _ in range(CALLS):
        np.testing.assert_allclose(compiled(own, x).detach().numpy(), model(x).detach().numpy(), 1e-6)
    assert entered(compiled) and compiled.quick.entrance.run(compiled.quick.form.leaves((own, x), {})) is not MISS
    compiled(own, x).sum().backward()
    np.testing.assert_allclose(model.bias.grad.numpy(), [4, 4])
    other = parameters(model)
    other["bias"] = other["bias"] + 1
    for given in (
        other,
        {"weight": own["weight"], "bias": other["bias"]},
        own,
        dict(mt.nn.Linear(3, 2).named_parameters()),
    ):
        for _ in range(3):
            np.testing.assert_allclose(compiled(given, x).detach().numpy(), run(given, x).detach().numpy(), 1e-6)


def test_an_argument_that_is_seen_besides_in_another_place():
    a, b = mt.tensor([1.0, 2.0], requires_grad=True), mt.tensor([3.0, 4.0], requires_grad=True)
    plain = lambda x, y: x * a + y * b  # noqa: E731
    compiled = mt.jit(plain)
    for given in [
        (a, b),
        (b, a),
        (a, a),
        (b, mt.ones(2)),
        (mt.ones(2), b),
        (a, mt.ones(2, requires_grad=True)),
        (a, b),
    ]:
        for _ in range(4):
            found, wanted = compiled(*given), plain(*given)
            assert found.tolist() == wanted.tolist()
            slopes = [mt.autograd.grad(y.sum(), (a, b)) for y in (found, wanted)]
            assert [g.tolist() for g in slopes[0]] == [g.tolist() for g in slopes[1]]
