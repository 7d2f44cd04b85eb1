"""The shortest way into a program: taken when everything is as it was, and never when anything is not."""

import gc
import sys

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.jit.native.objects import supported
from minitorch.core.jit.native.objects import word as read
from minitorch.core.jit.native.pairs import (
    Pairs,
    Unreadable,
    attributes_offset,
    dicts_supported,
    shared_offset,
    versions_supported,
)
from minitorch.errors import JitError

from .steps import at_once, training

pytestmark = pytest.mark.skipif(not supported(), reason="objects cannot be read where they lie")

WARM = 5  # calls until the shortest way is open
SCALE = 1.0


class Setup:
    """A model with an optimizer and a step, the same each time it is made."""

    def __init__(self, kind="adam", compiled=True, **options):
        rng = np.random.default_rng(0)
        self.model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Tanh(), mt.nn.Linear(4, 1))
        for p in self.model.parameters():
            p.data = mt.tensor(rng.normal(size=p.shape).astype(np.float32))
        makers = {"sgd": mt.optim.SGD, "adam": mt.optim.Adam}
        self.opt = makers[kind](self.model.parameters(), lr=0.1, **options)
        self.factor = 2.0
        self.settings = {"shift": 0.0}
        model, opt, factor, settings = self.model, self.opt, self.factor, self.settings

        def step(x, y):
            opt.zero_grad()
            loss = (model(x) * SCALE - y + settings["shift"]).square().mean() * factor
            loss.backward()
            opt.step()
            return loss

        def rebind(value):
            nonlocal factor
            factor = value

        self.rebind = rebind
        self.step = mt.jit(step) if compiled else step
        self.x = mt.tensor(rng.normal(size=(5, 3)).astype(np.float32))
        self.y = mt.tensor(rng.normal(size=(5, 1)).astype(np.float32))

    def state(self):
        """Return copies of all that a step changes."""
        grads = [None if p.grad is None else p.grad.numpy().copy() for p in self.model.parameters()]
        kept = [v.numpy().copy() for p in self.model.parameters() for v in self.opt.state.get(p, {}).values()]
        return [p.detach().numpy().copy() for p in self.model.parameters()], grads, kept


def both(change, after=3, **options):
    """Run steps, a change, and more steps, compiled and at once; return both set-ups."""
    made = []
    for compiled in (True, False):
        globals()["SCALE"] = 1.0
        s = Setup(compiled=compiled, **options)
        losses = [s.step(s.x, s.y).item() for _ in range(WARM)]
        if compiled:
            assert s.step.quick.entrance is not None
        found = change(s)
        losses += [s.step(s.x, s.y).item() for _ in range(after)]
        made.append((s, losses, found))
    (a, losses, _), (b, expected, _) = made
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    for mine, theirs in zip(a.state(), b.state()):
        for m, t in zip(mine, theirs, strict=True):
            if t is None:
                assert m is None
            else:
                np.testing.assert_allclose(m, t, rtol=2e-4, atol=1e-6)
    return made


def _set_global(s):
    global SCALE
    SCALE = 3.0


def _replace_state(s):
    p = next(iter(s.model.parameters()))
    s.opt.state[p]["exp_avg"] = mt.ones_like(p.detach())


def _new_inner_dict(s):
    p = next(iter(s.model.parameters()))
    s.opt.state[p] = dict(s.opt.state[p])
    s.opt.state[p]["exp_avg"] = s.opt.state[p]["exp_avg"] * 2


def _option(name, value):
    return lambda s: s.opt.param_groups[0].__setitem__(name, value)


def _freeze(s):
    next(iter(s.model.parameters())).requires_grad_(False)


def _each_rate(s):
    for k in range(4):
        s.opt.param_groups[0]["lr"] = 0.1 / (k + 1)
        s.step(s.x, s.y)


def _other_batch(s):
    s.x, s.y = s.x[:2] * 1.0, s.y[:2] * 1.0


def _hook(s):
    next(iter(s.model.parameters())).register_hook(lambda g: g * 0.5)


def _with_no_gradient_between(s):
    s.opt.zero_grad()


def _gradient_by_hand(s):
    for p in s.model.parameters():
        p.grad = mt.ones_like(p.detach())


CHANGES = {
    "nothing": lambda s: None,
    "a global": _set_global,
    "a closure": lambda s: s.rebind(5.0),
    "an item of a dict": lambda s: s.settings.update(shift=1.0),
    "a rate that is another object": _option("lr", 0.01),
    "a rate of zero": _option("lr", 0.0),
    "a rate at each step": _each_rate,
    "weight decay, which was zero": _option("weight_decay", 0.1),
    "an option of another kind": _option("maximize", True),
    "a parameter's data": lambda s: setattr(next(iter(s.model.parameters())), "data", mt.ones(4, 3)),
    "a parameter written in place": lambda s: next(iter(s.model.parameters())).detach().mul_(2.0),
    "a parameter that is frozen": _freeze,
    "an entry of the state": _replace_state,
    "a dict of the state": _new_inner_dict,
    "a state that is loaded": lambda s: s.opt.load_state_dict(s.opt.state_dict()),
    "another layer": lambda s: s.model.__setitem__(1, mt.nn.ReLU()),
    "evaluation mode": lambda s: s.model.eval(),
    "another shape": _other_batch,
    "doubles": lambda s: setattr(s, "y", s.y.double()),
    "a hook": _hook,
    "gradients cleared": _with_no_gradient_between,
    "gradients set": _gradient_by_hand,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_seen(name):
    both(CHANGES[name])


def test_gradients_that_somebody_holds_are_left_alone():
    s = Setup()
    for _ in range(WARM):
        s.step(s.x, s.y)
    held = [p.grad for p in s.model.parameters()]
    before = [g.numpy().copy() for g in held]
    s.step(s.x, s.y)
    for g, b in zip(held, before):
        np.testing.assert_array_equal(g.numpy(), b)
    assert all(p.grad is not g for p, g in zip(s.model.parameters(), held))


@pytest.mark.parametrize("how", ["array", "numpy", "view", "handle"])
def test_parameters_that_somebody_holds_are_left_alone(how):
    s = Setup()
    for _ in range(WARM):
        s.step(s.x, s.y)
    p = next(iter(s.model.parameters()))
    take = {
        "array": lambda: p.current(),
        "numpy": lambda: p.detach().numpy(),
        "view": lambda: p.detach()[0].numpy(),
        "handle": lambda: p.detach(),
    }
    held = take[how]()
    before = np.array(held.tolist())
    s.step(s.x, s.y)
    same = np.array_equal(np.array(held.tolist()), before)
    assert same is (how != "handle")  # a detached handle shares its storage, as in PyTorch; the rest are values


def test_arguments_may_be_state():
    s, t = Setup("sgd"), Setup("sgd", compiled=False)
    for one in (s, t):
        for _ in range(WARM):
            one.step(one.x, one.y)
    for _ in range(2):
        losses = [one.step(one.model[0].weight.grad, one.y[:4] * 1.0).item() for one in (s, t)]
        np.testing.assert_allclose(*losses, rtol=1e-5)
    with pytest.raises(JitError, match="share memory"):
        s.step(s.model[0].weight.detach(), s.y[:4] * 1.0)


def test_one_object_for_two_arguments():
    f = mt.jit(lambda x, y: x * 2 + y)
    a, b = mt.ones(3), mt.full((3,), 5.0)
    for _ in range(WARM):
        f(a, b)
    assert f(a, a).tolist() == [3.0] * 3
    assert f(b, a).tolist() == [11.0] * 3


def test_other_kinds_of_arguments():
    f = mt.jit(lambda x: x * 2)
    for _ in range(WARM):
        f(mt.ones(3))
    assert f(mt.ones(3).requires_grad_()).requires_grad
    assert f(2.0).item() == 4.0
    assert type(f(mt.array([1.0, 2.0, 3.0]))) is mt.Array
    assert f(mt.arange(6.0).reshape(3, 2).T[0]).tolist() == [0.0, 4.0, 8.0]
    with pytest.raises(TypeError):
        f()
    with pytest.raises(TypeError):
        f(mt.ones(3), mt.ones(3))


def test_contexts():
    w = mt.ones(3, requires_grad=True)
    f = mt.jit(lambda x: (x * w).sum())
    for _ in range(WARM):
        assert f(mt.ones(3)).requires_grad
    with mt.no_grad():
        assert not f(mt.ones(3)).requires_grad
    g = mt.jit(lambda x: x + mt.zeros(()))
    for _ in range(WARM):
        g(mt.ones(3))
    assert mt.vmap(g)(mt.ones(2, 3)).shape == (2, 3)
    assert g(mt.ones(3)).tolist() == [1.0] * 3


def test_results_are_fresh():
    f = mt.jit(lambda x: x * 2)
    x = mt.ones(3)
    kept = [f(x) for _ in range(2 * WARM)]
    kept[-1].add_(1.0)
    assert kept[0].tolist() == kept[-2].tolist() == [2.0] * 3


def test_indices_out_of_bounds_leave_the_state_as_it_was():
    table = mt.nn.Embedding(5, 2)
    opt = mt.optim.SGD(table.parameters(), lr=0.1)
    step = mt.jit(training(opt, lambda i: table(i).square().sum()))
    for _ in range(WARM):
        step(mt.tensor([1, 2]))
    before = table.weight.detach().numpy().copy()
    with pytest.raises(IndexError):
        step(mt.tensor([1, 7]))
    np.testing.assert_array_equal(table.weight.detach().numpy(), before)
    step(mt.tensor([1, 2]))
    assert not np.array_equal(table.weight.detach().numpy(), before)


def test_threads_take_turns():
    s, t = Setup("sgd"), Setup("sgd", compiled=False)
    for one in (s, t):
        for _ in range(WARM):
            one.step(one.x, one.y)
    at_once(*4 * [lambda: [s.step(s.x, s.y) for _ in range(25)]])
    for _ in range(100):
        t.step(t.x, t.y)
    np.testing.assert_allclose(s.state()[0][0], t.state()[0][0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [4, 60_000], ids=["short", "long"])
@pytest.mark.parametrize("results", ["new", "view", "parameter"])
def test_no_update_is_lost_between_threads(size, results):
    """Every thread reads the count that the one before it has written, however short their turns are."""
    count, table = mt.zeros(size), mt.ones(size)

    @mt.jit
    def step(x):
        count.add_(mt.exp(x * 0.0))
        return {"new": count.sum(), "view": count[:2], "parameter": table}[results]

    x = mt.ones(size)
    step(x)
    at_once(*4 * [lambda: [step(x) for _ in range(50)]])
    assert set(count.tolist()) == {201.0}


def test_a_function_that_writes_nothing_is_called_by_all_at_once():
    compiled = mt.jit(lambda x: x * 2)
    compiled(mt.ones(2))
    assert compiled.turns is None
    held = mt.zeros(2)
    writing = mt.jit(lambda x: held.add_(x) if x.shape == (2,) else x)
    writing(mt.ones(3))
    assert writing.turns is None
    writing(mt.ones(2))
    assert writing.turns is writing.lock


def test_nothing_is_kept_alive_after_the_function():
    import weakref

    s = Setup()
    for _ in range(WARM):
        s.step(s.x, s.y)
    seen = weakref.ref(s.model)
    del s
    gc.collect()
    assert seen() is None


# --------------------------------------------------------------------------- reading dicts and lists where they lie


def words(pairs):
    return all(read(pairs.words[i]) == pairs.words[i + 1] for i in range(0, len(pairs.words), 2))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(b=object()),
        lambda d: d.pop("b"),
        lambda d: (d.clear(), d.update(a=1)),
        lambda d: [d.update({f"k{i}": i}) for i in range(1000)],
        lambda d: (d.pop("b"), d.update(c=3)),
    ],
)
def test_a_changed_entry_is_seen(change):
    table = {"a": object(), "b": object(), 3: object(), (1, 2): object()}
    pairs = Pairs()
    pairs.entry(table, "b")
    assert dicts_supported() and words(pairs)
    table["a"] = object()
    assert words(pairs)
    change(table)
    assert not words(pairs)


class Plain:
    def __init__(self):
        self.a, self.b, self.c = object(), object(), object()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: setattr(x, "b", object()),
        lambda x: vars(x).update(b=object()),
        lambda x: delattr(x, "b"),
        lambda x: vars(x).pop("b"),
        lambda x: (delattr(x, "b"), setattr(x, "z", 1)),
        lambda x: [setattr(x, f"k{i}", i) for i in range(1000)],
        lambda x: vars(x).update({1: 2}),
        lambda x: vars(x).clear(),
        lambda x: object.__setattr__(x, "b", object()),
        lambda x: x.__init__(),
    ],
)
def test_a_changed_attribute_is_seen(change):
    x = Plain()
    pairs = Pairs()
    pairs.entry(vars(x), "b")
    assert shared_offset() is not None and words(pairs)
    x.a = object()
    assert words(pairs)
    change(x)
    assert not words(pairs)


def test_attributes_that_are_another_dict():
    x = Plain()
    pairs = Pairs()
    pairs.attributes(x)
    assert words(pairs)
    x.a = object()
    assert words(pairs)
    x.__dict__ = {**vars(x)}
    assert not words(pairs)
    with pytest.raises(TypeError):
        Pairs().attributes(object())


def test_where_attributes_lie_does_not_depend_on_what_was_asked_before():
    for _ in range(3):
        for function in (versions_supported, shared_offset, attributes_offset):
            function.cache_clear()
            assert function() is not None
    assert shared_offset() is not None and attributes_offset() is not None


def test_entries_by_any_key():
    keys = [1, 2.5, "x", "a key that is longer than others", (1, 2), mt.ones(1), None]
    table = {k: object() for k in keys}
    for k in keys:
        pairs = Pairs()
        at = pairs.entry(table, k, compared=False)
        assert read(at) == id(table[k])
        table[k] = other = object()
        assert read(at) == id(other)


def test_what_cannot_be_read_says_so():
    class Plain:
        def __init__(self):
            self.a = 1

    with pytest.raises(Unreadable):
        Pairs().slot_address(Plain(), "a")
    with pytest.raises(Unreadable):
        Pairs().entry(vars(Plain()), "a", compared=False)  # its keys are shared
    with pytest.raises(Unreadable):
        Pairs().entry([1], 0)  # type: ignore[arg-type]


def test_a_list_that_grows_is_seen():
    held = [object(), object()]
    pairs = Pairs()
    pairs.items(held)
    assert words(pairs)
    held.append(object())
    assert not words(pairs)


@pytest.mark.parametrize("change", [lambda h: h.reverse(), lambda h: h.pop(), lambda h: h.__setitem__(0, None)])
def test_a_changed_list_is_seen(change):
    held = [object(), object()]
    pairs = Pairs()
    pairs.items(held)
    change(held)
    assert not words(pairs)


def test_references_are_counted_as_python_does():
    x = object()
    assert (read(id(x)) & 0xFFFFFFFF) == sys.getrefcount(x) - 1
