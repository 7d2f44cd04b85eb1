"""Calls of every form go the quick way, and give what the function gives uncompiled."""

from functools import partial

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.compiling.forms import form
from minitorch.core.jit.native.objects import supported
from minitorch.errors import GradError, JitError

from .steps import at_once

pytestmark = pytest.mark.skipif(not supported(), reason="objects cannot be read where they lie")

WARM = 5  # calls until the shortest way is open


def x(*shape, **options):
    return mt.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(*shape).clone().requires_grad_(**options)


def plain(*shape):
    return x(*shape, requires_grad=False)


def array(*shape):
    return mt.Array(np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape))


def careful(compiled):
    """Count the calls that have to go the careful way."""
    seen = []
    run = compiled._run
    compiled._run = lambda *args: seen.append(args) or run(*args)
    return seen


def same(a, b):
    """Assert that results are alike, down to their types."""
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        any(map(same, a, b))
    elif isinstance(a, dict):
        assert [*a] == [*b]
        any(map(same, a.values(), b.values()))
    elif isinstance(a, (mt.Tensor, mt.Array)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert getattr(a, "requires_grad", False) == getattr(b, "requires_grad", False)
        np.testing.assert_array_equal(
            np.asarray(a.detach() if isinstance(a, mt.Tensor) else a),
            np.asarray(b.detach() if isinstance(b, mt.Tensor) else b),
        )
    else:
        assert a == b


CALLS = {
    "a keyword": (lambda x, y: x - y, lambda: ((plain(3),), {"y": plain(3) * 2})),
    "only keywords": (lambda x, y: x - y, lambda: ((), {"y": plain(3), "x": plain(3) * 2})),
    "a float": (lambda x, n: x * n, lambda: ((plain(3), 2.5), {})),
    "an int": (lambda x, n: x * n, lambda: ((plain(3), 3), {})),
    "numbers that are computed with": (lambda x, n, m: x * (n * m), lambda: ((plain(3), 3, 0.5), {})),
    "a string and a flag": (
        lambda x, s, f: x * 2 if s == "twice" and f else x,
        lambda: ((plain(3), "twice", True), {}),
    ),
    "None": (lambda x, y: x * 2 if y is None else x, lambda: ((plain(3), None), {})),
    "containers": (
        lambda p, q: {"sum": p["b"] + p["a"], "rest": [q[0] * 2, q[1][0] - 1]},
        lambda: (({"b": plain(3), "a": array(3)}, [plain(2), (plain(4),)]), {}),
    ),
    "an array twice": (lambda x, y: x * y, lambda: ((a := array(3), a), {})),
    "an array of NumPy": (lambda x: mt.sqrt(x), lambda: ((np.arange(3.0, dtype=np.float32),), {})),
    "no arguments": (lambda: mt.ones(3) * 2, lambda: ((), {})),
    "many results": (lambda x: (x + 1, [x, x * 2, 3], {"a": x.T, "same": x}), lambda: ((plain(2, 3),), {})),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_each_form_goes_the_quick_way(name):
    function, make = CALLS[name]
    compiled = mt.jit(function)
    for _ in range(WARM):
        args, kwargs = make()
        compiled(*args, **kwargs)
    ways = careful(compiled)
    for _ in range(3):
        args, kwargs = make()
        same(compiled(*args, **kwargs), function(*args, **kwargs))
    assert not ways and compiled.records <= 2


COUNTED = {
    "tensors": (lambda *xs: sum(x.sum() for x in xs), plain),
    "arrays": (lambda *xs: sum(mt.sum(x) for x in xs), array),
    "what requires grad": (lambda *xs: sum((x * x).sum() for x in xs), x),
    "left out": (lambda a, b=1.0, c=None: a * b if c is None else a * b + c, plain),
}


@pytest.mark.parametrize("name", COUNTED)
def test_any_number_of_arguments(name):
    function, make = COUNTED[name]
    compiled = mt.jit(function)
    for count in [2] * WARM + [1, 3, 2, 1, 3]:
        args = [make(3) for _ in range(count)]
        same(compiled(*args), function(*args))
    assert compiled.records == 3


def test_an_attribute_of_a_class_is_taken_away():
    class Base:
        scale = 2.0

    class Own(Base):
        scale = 3.0

    compiled = mt.jit(lambda x: x * Own.scale)
    for _ in range(WARM):
        assert compiled(mt.ones(1)).item() == 3
    del Own.scale
    assert compiled(mt.ones(1)).item() == 2


def test_a_form_tells_what_differs():
    args, kwargs = ({"b": 1.0, "a": 2.0}, [3.0, None]), {"k": "s"}
    one = form(args, kwargs, ((), ()), [2.0, 1.0, 3.0, "s"])
    assert one.leaves(args, kwargs) == (2.0, 1.0, 3.0, "s")
    others = [
        (({"a": 2.0, "b": 1.0}, [3.0, None]), kwargs),  # another order of keys
        (({"b": 1.0, "a": 2.0, "c": 0.0}, [3.0, None]), kwargs),
        (({"b": 1.0}, [3.0, None]), kwargs),
        (({"b": 1.0, "a": 2}, [3.0, None]), kwargs),  # another kind of number
        (({"b": 1.0, "a": True}, [3.0, None]), kwargs),
        (({"b": 1.0, "a": 2.0}, (3.0, None)), kwargs),
        (({"b": 1.0, "a": 2.0}, [3.0, 4.0]), kwargs),
        (({"b": 1.0, "a": 2.0}, [[3.0], None]), kwargs),
        (({"b": 1.0, "a": 2.0},), kwargs),
        (args, {"k": "t"}),
        (args, {"l": "s"}),
        (args, {}),
        (args, {"k": "s", "l": 1}),
    ]
    assert not any(one.leaves(*other) for other in others)


def test_static_values_that_are_equal_are_not_the_same():
    compiled = mt.jit(lambda x, n: (x * n, n), static_argnums=1)
    for n in (2, 2.0, True, 1, 1.0, 0.0, -0.0, (1, 2.0)) * 3:
        if isinstance(n, tuple):
            n = n[0]
        out, back = compiled(mt.tensor([1, 2]), n)
        want = mt.tensor([1, 2]) * n
        assert (out.dtype, type(back)) == (want.dtype, type(n))
        assert str(back) == str(n)
        np.testing.assert_array_equal(out.numpy(), want.numpy())


@pytest.mark.parametrize(
    "number", [0, 1, -1, 7, 255, 300, -300, 2**29, 2**30 - 1, 2**30, -(2**30), 2**40, 2**62, -(2**63)]
)
def test_whole_numbers_are_read_exactly(number):
    compiled = mt.jit(lambda x, n: x + n)
    zero = mt.zeros(2, dtype=mt.int64)
    for n in [3, 5, 4, 6, 12345, number, number]:
        assert compiled(zero, n).tolist() == [n, n]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, -(10**35)])
def test_whole_numbers_that_no_array_holds(number):
    compiled = mt.jit(lambda x, n: x * n["n"])
    for n in (2, 3, 4, number, number, 5, number, number - 1, 6):
        assert compiled(mt.ones(2), {"n": n}).tolist() == (mt.ones(2) * n).tolist()
    with pytest.raises(OverflowError, match="does not fit into int64"):
        compiled(mt.ones(2, dtype=mt.int64), {"n": number})


def test_floats_are_read_exactly():
    compiled = mt.jit(lambda x, n: x * n)
    one = mt.ones(1, dtype=mt.float64)
    for n in [1.5, 2.5, 3.5, 4.5, 0.1, -0.0, float("inf"), 1e-310]:
        assert str(compiled(one, n).item()) == str(n)
    assert np.isnan(compiled(one, float("nan")).item())


def test_programs_are_called_in_turn_by_their_shapes_and_settings():
    model, seen = nn.Linear(3, 2), []
    compiled = mt.jit(model)
    for k in range(12):
        inputs = plain(2 + k % 2, 3)
        with mt.set_grad_enabled(k % 4 < 2):
            out = compiled(inputs)
            same(out, model(inputs))
        if k == 7:
            seen = careful(compiled)
    assert compiled.records == 4 and not seen


def test_the_last_program_is_the_one_of_the_last_call():
    compiled = mt.jit(lambda x: x * 2)
    for n in (2, 3, 2, 3, 2, 3, 2):
        compiled(mt.ones(n))
        assert compiled.last[1].avals[0].shape == compiled.quick.program.avals[0].shape == (n,)


def test_the_program_tried_first_is_the_last_that_was_called_twice_running():
    compiled = mt.jit(lambda x: x * 2)
    for n in (2, 3) * WARM:
        compiled(mt.ones(n))
    first = compiled.ways[0]
    compiled(mt.ones(2))
    compiled(mt.ones(3))
    assert compiled.ways[0] is first
    other = 5 - first.program.avals[0].shape[0]
    compiled(mt.ones(other))
    compiled(mt.ones(other))
    assert compiled.ways[0].program.avals[0].shape == (other,) and len(compiled.ways) == 2


def test_a_parameter_that_is_recorded_anew_gets_its_gradient():
    model = nn.Linear(3, 2)
    compiled = mt.jit(lambda x: model(x).sum())
    inputs = plain(4, 3)
    for k in range(3 * WARM):
        if k == 2 * WARM:
            model.weight.requires_grad_(False)
            model.weight.requires_grad_(True)
        model.zero_grad()
        compiled(inputs).backward()
        assert model.weight.grad.tolist() == [[22, 26, 30]] * 2 and model.bias.grad.tolist() == [4, 4]
    model.weight.requires_grad_(False)
    model.zero_grad()
    compiled(inputs).backward()
    assert model.weight.grad is None and model.bias.grad.tolist() == [4, 4]


def test_a_gradient_that_an_argument_has_got_is_seen():
    compiled = mt.jit(lambda x: x * 2 if x.grad is None else x * 3)
    for _ in range(WARM):
        assert compiled(mt.ones(2)).tolist() == [2, 2]
    other = mt.ones(2)
    other.grad = mt.ones(2)
    assert compiled(other).tolist() == [3, 3]
    assert compiled(mt.ones(2)).tolist() == [2, 2]


# --------------------------------------------------------------------------- methods


class Scaled:
    scale = 2.0

    @classmethod
    @mt.jit
    def by_class(cls, x):
        return x * cls.scale

    @partial(mt.jit, static_argnums=0)  # the object itself, which each program is for anyhow
    def by_self(self, x):
        return x * self.scale

    @partial(mt.jit, static_argnums=-1)
    def by_number(self, x, n):
        return x * n if n > 1 else x

    @partial(mt.jit, donate_argnums=1)
    def given_up(self, x):
        return x * self.scale


class Tripled(Scaled):
    scale = 3.0


def test_methods_of_classes_and_objects():
    tripled = Tripled()
    for _ in range(WARM):
        assert [f(mt.ones(1)).item() for f in (Scaled.by_class, Tripled.by_class, tripled.by_class)] == [2, 3, 3]
        assert tripled.by_self(mt.ones(1)).item() == 3 and Scaled().by_self(mt.ones(1)).item() == 2
        assert [tripled.by_number(mt.ones(1), n).item() for n in (1, 2, 3)] == [1, 2, 3]
    given = mt.ones(1)
    assert tripled.given_up(given).item() == 3
    with pytest.raises(JitError, match="donated"):
        given + 1


def test_an_object_without_room_for_its_methods():
    class Slotted:
        __slots__ = ()

        @mt.jit
        def double(self, x):
            return x * 2

    with pytest.raises(JitError, match="double is a method of Slotted, whose __slots__"):
        Slotted().double(mt.ones(1))


def test_static_numbers_that_no_argument_has():
    compiled = mt.jit(lambda x, n=2: x * n, static_argnums=(-3, 1, 5))
    assert compiled(mt.ones(1)).item() == 2 and compiled(mt.ones(1), 3).item() == 3


# --------------------------------------------------------------------------- views

VIEWS = {
    "transpose": lambda x: x.T,
    "reshape": lambda x: x.reshape(-1),
    "index": lambda x: x[1],
    "slice": lambda x: x[:, ::2],
    "flip and back": lambda x: x[1:].unsqueeze(0)[..., 1:],
    "detach": lambda x: x.detach(),
    "of a half": lambda x: x[1:].T,
    "expand": lambda x: x[:1].expand(4, 3),
    "diagonal": lambda x: x.diagonal(),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("fresh", [True, False], ids=["each time another", "the same"])
def test_a_view_shares_memory_with_the_argument(name, fresh):
    function = VIEWS[name]
    compiled = mt.jit(function)
    base = plain(2, 3)
    for k in range(WARM + 3):
        base = plain(2, 3) if fresh else base
        ways = careful(compiled) if k == WARM else None
        with mt.no_grad():
            base.mul_(k + 1)
        out, want = compiled(base), function(base)
        same(out, want)
        if name != "expand":
            out.add_(1)  # reaches the argument, and its other view
            np.testing.assert_array_equal(out.numpy(), want.numpy())
            np.testing.assert_array_equal(function(base).numpy(), out.numpy())
        base.zero_()
        assert not out.any() and not ways


def test_views_of_one_result_share_its_memory():
    compiled = mt.jit(lambda x: ((y := x * 2)[0], y[1], y))
    for _ in range(WARM + 2):
        first, second, whole = compiled(plain(2, 3))
        whole.add_(1)
        assert first.tolist() == [3, 5, 7] and second.tolist() == [9, 11, 13]
        first.zero_()
        assert whole[0].tolist() == [0, 0, 0]


def test_a_view_of_what_requires_grad_is_recorded():
    compiled = mt.jit(lambda x: x.T[1:])
    for _ in range(WARM + 2):
        leaf = x(2, 3)
        base = leaf * 1
        out = compiled(base)
        (out * out).sum().backward()
        np.testing.assert_array_equal(leaf.grad.numpy(), [[0, 4, 6], [0, 10, 12]])
        assert mt.equal(out, base.T[1:])
        with mt.no_grad():
            assert not compiled(base).requires_grad


def test_a_window_fits_arrays_of_its_layout_only():
    compiled = mt.jit(lambda x: x.T)
    for base in (plain(2, 3), plain(2, 3), plain(3, 2).T, plain(2, 3), plain(4, 3)[::2], plain(2, 6)[:, ::2]) * 3:
        same(compiled(base), base.T)
        assert compiled(base)[0].tolist() == base[:, 0].tolist()


# --------------------------------------------------------------------------- derivatives


def loss_of(model):
    return lambda inputs: (model(inputs).square().mean(), model(inputs).sum())


def models():
    made = []
    for _ in range(2):
        mt.manual_seed(0)
        made.append(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
    return made


def grads(model):
    return [None if p.grad is None else p.grad.numpy().copy() for p in model.parameters()]


def close(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_gradients_of_a_forward_pass(which):
    """They accumulate as in the plain function, over calls that find gradients and calls that find none."""
    compiled_model, plain_model = models()
    compiled = mt.jit(loss_of(compiled_model))
    for k in range(3 * WARM):
        inputs = plain(2, 3) * (0.1 * k)
        for function, model in ((compiled, compiled_model), (loss_of(plain_model), plain_model)):
            first, second = function(inputs)
            ((first, second, first + 2 * second)[which]).backward()
            if k % 4 == 3:
                model.zero_grad()
        if k % 4 != 3:
            close(grads(compiled_model), grads(plain_model))


def test_gradients_of_an_argument():
    compiled = mt.jit(lambda x, y: (x * x * y).sum())
    ways = None
    for k in range(3 * WARM):
        a, b = x(3), x(3)
        if k == 2 * WARM:
            ways = careful(compiled)
        if k % 3 == 2:
            a.grad = mt.ones(3)
        loss = compiled(a, b)
        loss.backward()
        start = 1.0 if k % 3 == 2 else 0.0
        np.testing.assert_allclose(a.grad.numpy(), 2 * np.array([1, 4, 9]) + start)
        np.testing.assert_allclose(b.grad.numpy(), [1, 4, 9])
    assert not ways


def test_an_argument_that_is_computed_and_one_that_is_a_leaf():
    compiled = mt.jit(lambda x: (x * 2).sum())
    for _ in range(WARM):
        leaf = x(2)
        compiled(leaf).backward()
        assert leaf.grad.tolist() == [2, 2]
        leaf = x(2)
        compiled(leaf * 3).backward()
        assert leaf.grad.tolist() == [6, 6]


def test_retained_graphs_hooks_and_second_passes():
    model, _ = models()
    compiled = mt.jit(lambda inputs: model(inputs).square().mean())
    for _ in range(WARM):
        inputs = plain(2, 3)
        loss, seen = compiled(inputs), []
        handle = loss.register_hook(lambda g, seen=seen: seen.append(g.item()) or g * 2)
        other = compiled(inputs)
        loss.backward(retain_graph=True)
        once = grads(model)
        loss.backward()
        close(grads(model), [2 * g for g in once])
        with pytest.raises(GradError, match="second time"):
            loss.backward()
        handle.remove()
        model.zero_grad()
        other.backward()  # has a node of its own, without a hook
        close(grads(model), [g / 2 for g in once])
        assert seen == [1.0, 1.0, 1.0]  # the pass that fails has begun
        model.zero_grad()


def test_second_derivatives_and_transforms_of_a_compiled_forward_pass():
    compiled = mt.jit(lambda x: (x**3).sum())
    for _ in range(WARM):
        point = x(3)
        (first,) = mt.autograd.grad(compiled(point), point, create_graph=True)
        (second,) = mt.autograd.grad(first.sum(), point)
        np.testing.assert_allclose(second.numpy(), [6, 12, 18], rtol=1e-6)
        np.testing.assert_allclose(mt.grad(compiled)(array(3)).numpy(), [3, 12, 27], rtol=1e-6)
        np.testing.assert_allclose(mt.vmap(mt.grad(compiled))(array(2, 3)).numpy()[1], [48, 75, 108], rtol=1e-6)
        assert compiled(plain(3)).item() == 36.0


# --------------------------------------------------------------------------- threads


def test_a_call_that_another_thread_fails_beside_runs_once():
    """A program of one native call, while others call it with what it has to refuse."""
    count = mt.zeros(4)

    @mt.jit
    def step(x):
        count.add_(x.sum() * 0 + 1)
        return x.sum()

    def work(size):
        mine = mt.ones(size)
        for _ in range(200):
            step(mine)

    for _ in range(WARM):
        work(2), work(3)
    before = count[0].item()
    at_once(*2 * [lambda: work(2), lambda: work(3)])
    assert count.tolist() == [before + 800] * 4
