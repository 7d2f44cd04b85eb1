"""What other tracing compilers get wrong: here it is the right number, or a JitError with the reason and the fix."""

from __future__ import annotations

import functools
import gc
import os
import pickle
import subprocess
import sys
import threading
import types
import warnings
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch.compiling.modes import CHECK, OFF, mode
from minitorch.compiling.program import Interpreter
from minitorch.core import tree
from minitorch.core.config import setting
from minitorch.errors import JitError
from minitorch.tensor.alias import function_step


def tensor(*numbers):
    return mt.tensor([float(n) for n in numbers])


def check(function, *calls):
    """Compare compiled with plain calls; each entry is a function that makes fresh arguments."""
    compiled = mt.jit(function)
    for make in calls:
        expected, found = function(*make()), compiled(*make())
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    return compiled


# --------------------------------------------------------------------------- containers and aliases


def test_list_and_dict_arguments():
    compiled = check(
        lambda d: d["a"] * 2 + d["b"][0], *[lambda k=k: ({"a": tensor(k), "b": [tensor(1)]},) for k in (1, 2)]
    )
    assert compiled.records == 1


def test_a_list_that_grows_is_another_program():
    compiled = mt.jit(lambda xs: sum(xs))
    for n in (1, 2, 3):
        assert compiled([mt.ones(2)] * n).tolist() == [n, n]
    assert compiled.records == 3


def test_appending_to_an_argument_raises():
    def function(xs):
        xs.append(xs[0] * 2)
        return xs[0]

    with pytest.raises(JitError, match="Return the new container"):
        mt.jit(function)([mt.ones(2)])


def test_appending_to_a_captured_list_raises():
    losses = []

    def function(x):
        losses.append(1)
        return x * 2

    with pytest.raises(JitError, match="losses.*changed in place"):
        mt.jit(function)(mt.ones(2))


@pytest.mark.parametrize(
    "wrap", [lambda x: [x], lambda x: (x, 1.0), lambda x: {"key": x}], ids=["list", "tuple", "dict"]
)
@pytest.mark.parametrize("depth", [150, 250, 400])
def test_containers_in_containers(wrap, depth):
    """Python reads no 200 brackets within one another, and Python functions call one another 1000 times at most."""

    @mt.jit
    def function(tree):
        (x, *_) = mt.tree.leaves(tree)
        y = x * 2
        for _ in range(depth):
            y = wrap(y)
        return y

    for k in range(4):
        given = tensor(k)
        for _ in range(depth):
            given = wrap(given)
        assert mt.tree.leaves(function(given))[0].tolist() == [2 * k]


def test_an_argument_used_twice():
    def function(x, y):
        x.add_(1)
        return x + y

    compiled = mt.jit(function)
    a, b = tensor(1), tensor(1)
    assert compiled(a, a).tolist() == function(b, b).tolist() == [4.0]
    assert compiled(tensor(1), tensor(5)).tolist() == [7.0]
    assert compiled.records == 2


def test_an_output_that_is_an_input():
    compiled = mt.jit(lambda x, y: (x, y * 2))
    x = tensor(1)
    assert compiled(x, x.clone())[0] is x


def test_the_same_output_twice():
    def function(x):
        y = x * 2
        return y, y

    first, second = mt.jit(function)(tensor(1))
    assert first is second and first.tolist() == [2.0]


def test_an_argument_that_is_a_gradient():
    w = mt.ones(2, requires_grad=True)
    w.grad = mt.zeros(2)

    def function(g):
        w.grad.zero_()
        return g * 1

    compiled = mt.jit(function)
    assert compiled(mt.ones(2)).tolist() == [1, 1]
    w.grad = mt.full((2,), 3.0)
    assert compiled(w.grad).tolist() == [0, 0]
    assert compiled(mt.ones(2)).tolist() == [1, 1]


# What a slot holds, somebody else may hold, too; G is the gradient of WEIGHT at first, SHARED a view of that.
CHANGES = {
    1: lambda w: setattr(w.weight, "grad", tensor(50, 60)),
    3: lambda w: w.kept.mul_(2),
    4: lambda w: w.weight.grad.mul_(3),
    5: lambda w: setattr(w.weight, "grad", w.kept),
    7: lambda w: setattr(w.other, "grad", tensor(-1, -2)),
    8: lambda w: setattr(w.weight, "grad", tensor(9, 9)),
}


class World:
    """Two parameters with gradients, one of which is held elsewhere, too."""

    def __init__(self):
        self.weight, self.other = mt.nn.Parameter(tensor(1, 2)), mt.nn.Parameter(tensor(3, 4))
        self.weight.grad, self.other.grad = tensor(5, 6), tensor(7, 8)
        self.kept = self.weight.grad

    def state(self, x, out):
        tensors = [self.weight, self.weight.grad, self.other, self.other.grad, self.kept, x, out]
        same = [[a is b for b in tensors] for a in tensors]
        return [None if t is None else t.tolist() for t in tensors], same


def _adding_to_both(w, x):
    w.weight.grad.add_(x)
    w.kept.mul_(2)
    return w.weight.grad * 1 + w.kept


def _filled_with(value):
    def function(w, x):
        w.weight.grad = value(w, x)
        return w.weight.grad * 2

    return function


def _given_back(w, x):
    w.weight.grad = x
    return w.weight.grad


HELD = {
    "captured": lambda w, x: w.weight.detach() * x + w.kept * x,
    "captured first": lambda w, x: w.kept * x + w.weight.grad * 10,
    "captured last": lambda w, x: w.weight.grad * 10 + w.kept * x,
    "written": _adding_to_both,
    "filled with an argument": _filled_with(lambda w, x: x),
    "filled with another's": _filled_with(lambda w, x: w.other.grad),
    "filled with what is captured": _filled_with(lambda w, x: w.kept),
    "given back": _given_back,
}


@pytest.mark.parametrize("name", HELD)
def test_gradients_that_are_held_elsewhere(name):
    seen = []
    for wrap in (lambda f: f, mt.jit):
        world = World()
        kept, weight, other = world.kept, world.weight, world.other
        hidden = types.SimpleNamespace(weight=weight, other=other, kept=kept)
        run = wrap(lambda x: HELD[name](hidden, x))  # noqa: B023
        seen.append([])
        for k in range(12):
            x = tensor(1, k)
            seen[-1].append(world.state(x, run(x)))
            CHANGES.get(k, lambda w: None)(world)
    assert seen[0] == seen[1]


def _taken_away(w, x):
    old, w.weight.grad = w.weight.grad, None
    return old


def _exchanged(w, x):
    w.weight.grad, w.other.grad = w.other.grad, w.weight.grad
    return x * 1


@pytest.mark.parametrize("function", [_taken_away, _exchanged])
def test_a_gradient_that_is_replaced_and_kept_raises(function):
    world = World()
    with pytest.raises(JitError, match="clone"):
        mt.jit(lambda x: function(world, x))(tensor(1, 2))
    assert world.kept is world.weight.grad


def _backward_with_a_graph(w, x):
    (w.weight * w.weight * x).sum().backward(create_graph=True)
    return x * 1


def _written_and_viewed(w, x):
    w.weight.grad.add_(x)
    return w.part * 1


def _viewed_and_written(w, x):
    w.part.add_(1)
    return w.weight.grad * 1


@pytest.mark.parametrize("function", [_backward_with_a_graph, _written_and_viewed, _viewed_and_written])
def test_gradients_that_are_recorded_or_share_memory_raise(function):
    world = World()
    world.part = world.weight.grad[:1]
    with pytest.raises(JitError, match="create_graph|shares its memory"):
        mt.jit(lambda x: function(world, x))(tensor(1, 2))
    assert world.weight.grad.tolist() == [5, 6]


def test_gradients_in_one_buffer():
    """Parts of it that do not overlap may be written."""
    seen = []
    for wrap in (lambda f: f, mt.jit):
        world, flat = World(), mt.zeros(4)
        world.weight.grad, world.other.grad = flat[:2], flat[2:]

        @wrap
        def run(x):
            (world.weight * x + world.other).sum().backward()  # noqa: B023
            return x * 1

        for k in range(5):
            run(tensor(1, k))
        seen.append(flat.tolist())
    assert seen[0] == seen[1]


STATE = {
    "data": lambda buffer, held: buffer.data.zero_(),
    "detached": lambda buffer, held: buffer.detach().mul_(2),
    "a part": lambda buffer, held: buffer[0].zero_(),
    "a part that is kept": lambda buffer, held: (held or held.append(buffer[0]), held[0].add_(1)),
}


@pytest.mark.parametrize("name", STATE)
def test_state_of_an_optimizer_written_through_a_view(name):
    seen = []
    for wrap in (lambda f: f, mt.jit):
        mt.manual_seed(0)
        model = mt.nn.Linear(3, 2)
        opt = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        @wrap
        def step(x):
            opt.zero_grad()  # noqa: B023
            loss = model(x).square().mean()  # noqa: B023
            loss.backward()
            opt.step()  # noqa: B023
            return loss

        held = []
        for k in range(10):
            step(mt.ones(4, 3))
            if k > 4:
                STATE[name](opt.state[model.weight]["momentum_buffer"], held)
        seen.append(model.weight.detach().numpy())
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-5)


TABLE = mt.zeros(3, 2)


def both_parts(x):
    y = x * 2
    return y[0], y[1:], y.t()


def a_view_and_the_whole(x):
    y = x * 2
    return y.view(-1), y, y.detach()


def written_before_and_after(x):
    row = x[1]
    row.mul_(2)
    part = x[:, 1]
    x.add_(1)
    return part, row


def of_what_is_captured(x):
    TABLE.add_(x)
    return TABLE[1], TABLE.t()


VIEWS = {
    "argument": lambda x: x.view(-1),
    "two of an argument": lambda x: (x[0], x.t()[1], x),
    "detached": lambda x: (x.detach(), x.data[0], x * 2),
    "twice the same": lambda x: (v := x[0], v, [v]),
    "under no_grad": lambda x: mt.no_grad()(lambda: x[0])(),
    "beside a result": lambda x: (x[0], x.sum()),
    "both parts": both_parts,
    "a view and the whole": a_view_and_the_whole,
    "a view alone": lambda x: (x * 2)[0],
    "a view of a view": lambda x: x[1:][0].view(-1),
    "written": written_before_and_after,
    "captured": of_what_is_captured,
}


WRITING = ("written", "captured")  # not to a leaf that requires grad


@pytest.mark.parametrize(
    ("given", "name"),
    [(g, n) for g in ("fresh", "a view", "requires grad") for n in VIEWS if g != "requires grad" or n not in WRITING],
)
def test_results_that_share_memory(name, given):
    """A write to a result reaches what it is a view of, and the other way round."""
    function = VIEWS[name]
    seen = []
    for run in (function, mt.jit(function)):
        TABLE.zero_()
        seen.append([_shared(run, given) for _ in range(3)])
    assert seen[0] == seen[1]


def _shared(run, given):
    base = mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], requires_grad=given == "requires grad")
    x = base[1:] if given == "a view" else base
    x = x if len(x) == 3 else mt.tensor(base[1:].tolist(), requires_grad=base.requires_grad)
    outs = tree.flatten_until(run(x), mt.Tensor)[0]
    look = lambda: [t.tolist() for t in (*outs, x, base, TABLE)] + [t.requires_grad for t in outs]  # noqa: E731
    found = [look()]
    if any(t.requires_grad for t in outs):
        sum((t * t).sum() * (k + 1) for k, t in enumerate(outs)).backward()
        found += [x.grad.tolist()]
        return found
    for t in (*outs, x, base, TABLE):
        with mt.no_grad():
            t.mul_(-2)
        found.append(look())
    return found


def test_a_view_that_cannot_be_taken_again_raises():
    w = mt.ones(2, requires_grad=True)
    w.grad = mt.ones(2)

    def function():
        part = w.grad[:1]
        w.grad = None
        return part

    with pytest.raises(JitError, match="clone"):
        mt.jit(function)()
    with pytest.raises(JitError, match="clone"):
        mt.jit(lambda x: x.detach().requires_grad_())(mt.ones(2))


def test_views_that_share_memory_and_are_written_raise():
    base = mt.zeros(4)

    def function(a, b):
        a.add_(1)
        return b * 1

    assert mt.jit(function)(mt.zeros(2), mt.zeros(2)).tolist() == [0, 0]
    with pytest.raises(JitError, match="share memory"):
        mt.jit(function)(base[:2], base[1:3])


def test_views_of_one_tensor_may_be_read_while_others_are_written():
    """A language model's step: inputs and targets overlap, and parameters are written."""
    weight, table = mt.ones(2), mt.zeros(4)

    @mt.jit
    def step(x, y):
        weight.add_(x * y)
        return (table[:2] + x).sum()

    for base in (tensor(1, 2, 3), tensor(4, 5, 6), table):
        before = weight.clone()
        assert step(base[:2], base[1:3]).item() == base[:2].sum().item()
        assert weight.tolist() == (before + base[:2] * base[1:3]).tolist()


def test_reading_views_of_one_tensor():
    base = tensor(1, 2, 3, 4)
    compiled = mt.jit(lambda a, b: a * b)
    assert compiled(base[:2], base[2:]).tolist() == [3, 8]
    base.mul_(2)
    assert compiled(base[:2], base[2:]).tolist() == [12, 32]


def test_writing_through_a_view_of_a_captured_tensor():
    table = mt.zeros(3, 2)
    row = table[1]

    @mt.jit
    def function(x):
        row.add_(x)
        return table.sum()

    assert function(tensor(1, 2)).item() == 3
    assert function(tensor(1, 2)).item() == 6
    assert table.tolist() == [[0, 0], [2, 4], [0, 0]] and row.tolist() == [2, 4]


@pytest.mark.parametrize("many", [False, True])
def test_a_view_that_copies_is_read_anew_after_a_write_in_place(many):
    table = mt.zeros(3)
    turned = table._view_of(function_step(lambda x: x[mt.array([2, 1, 0])]))  # holds no part of the table's memory

    @mt.jit
    def step(x):
        table.add_(x)

    for i in range(1, 6):
        if many:
            mt.train_steps(step, [tensor(1, 2, 3)] * 3)
        else:
            step(tensor(1, 2, 3))
        n = 3 * i if many else i
        assert turned.tolist() == [3 * n, 2 * n, n], i  # the table is not read: only its storage holds the data


# --------------------------------------------------------------------------- state


def test_writing_to_an_argument():
    @mt.jit
    def function(x):
        x *= 2
        return x

    x = tensor(1, 2)
    assert function(x) is x and function(x).tolist() == [4, 8]


def test_writing_to_a_captured_tensor():
    total = mt.zeros(2)

    @mt.jit
    def function(x):
        total.add_(x)
        return total * 10

    assert [function(mt.ones(2)).tolist() for _ in range(3)] == [[10, 10], [20, 20], [30, 30]]
    assert total.tolist() == [3, 3] and function.records == 1
    total.zero_()
    assert function(mt.ones(2)).tolist() == [10, 10]


LEAVES = {
    "a parameter": lambda x: mt.nn.Parameter(x * 2),
    "one of two": lambda x: (mt.nn.Parameter(x * 2), x * 3),
    "in place": lambda x: (x * 2).requires_grad_(),
    "a detached copy": lambda x: (x * 2).detach().requires_grad_(),
    "a new tensor": lambda x: mt.zeros(2, requires_grad=True),
    "with views": lambda x: (lambda p: (p, p[0], p.detach()))((x.detach() * 2).requires_grad_()),
    "a buffer": lambda x: mt.nn.Buffer(x * 2, persistent=False),
    "an attribute": lambda x: _named(x * 2),
}


def _named(x):
    x.label = "twice"
    return x


@pytest.mark.parametrize("given", ["requires grad", "plain"])
@pytest.mark.parametrize("around", [mt.enable_grad, mt.no_grad])
@pytest.mark.parametrize("name", LEAVES)
def test_results_that_require_grad_on_their_own_get_gradients(name, around, given):
    function = LEAVES[name]
    seen = []
    for run in (function, mt.jit(function)):
        seen.append([])
        for k in range(4):
            x = mt.tensor([1.0, 2.0 + k], requires_grad=given == "requires grad")
            with around():
                outs = tree.flatten_until(run(x), mt.Tensor)[0]
            live = [t for t in outs if t.requires_grad]
            sum(((t * t).sum() for t in live), mt.zeros((), requires_grad=True)).backward()
            grads = [t.grad if t.is_leaf else None for t in (*outs, x)]
            about = [(type(t), t.is_leaf, t.requires_grad, t.tolist()) for t in outs]
            more = [{k: v for k, v in vars(t).items() if k != "_cell"} for t in outs]
            seen[-1].append((about, more, [None if g is None else g.tolist() for g in grads]))
    assert seen[0] == seen[1]


def _depends(x):
    weight = mt.nn.Parameter(x * 2)
    return weight, (weight * x).sum()


def _has_a_gradient(x):
    weight = mt.nn.Parameter(x * 2)
    (weight * weight).sum().backward()
    return weight


def _has_hooks(x):
    weight = mt.nn.Parameter(x * 2)
    weight.register_hook(lambda g: g * 2)
    return weight


def _retains(x):
    y = x * 2
    y.retain_grad()
    return y, y.sum()


def _has_a_list(x):
    y = x * 2
    y.parts = [x]
    return y


def _view_with_a_name(x):
    y = x * 2
    return y, _named(y[0])


REFUSED_RESULTS = {
    _depends: "another result depends on it",
    _has_a_gradient: r"return x\.grad",
    _has_hooks: "register them outside",
    _retains: r"call retain_grad\(\) outside",
    _has_a_list: "'parts', a list",
    _view_with_a_name: "has attributes",
}


@pytest.mark.parametrize("function", REFUSED_RESULTS)
def test_results_whose_gradients_would_be_lost_raise(function):
    with pytest.raises(JitError, match=REFUSED_RESULTS[function]):
        mt.jit(function)(mt.ones(2, requires_grad=True))


def test_what_is_made_inside_and_kept_outside_raises():
    class Box:
        pass

    box = Box()

    def function(x):
        box.kept = x * 2
        return x * 3

    with pytest.raises(JitError, match="kept outside|changes Python state"):
        mt.jit(function)(mt.ones(2))


def test_keeping_in_a_hidden_place_raises_and_names_the_line():
    @functools.lru_cache
    def store():
        return {}

    def function(x):
        store()["kept"] = x * 2
        return x * 3

    with pytest.raises(JitError, match=r"test_traps.py:\d+"):
        mt.jit(function)(mt.ones(2))
    store().clear()


def test_a_global_number_that_changes():
    box = {"scale": 2.0}

    def function(x):
        return x * box["scale"]

    compiled = mt.jit(function)
    assert compiled(tensor(1)).item() == 2
    box["scale"] = 3.0
    assert compiled(tensor(1)).item() == 3
    box["scale"] = 2.0
    assert compiled(tensor(1)).item() == 2 and compiled.records == 2


SCALE = 2.0


def helper(x):
    return x * SCALE


def test_a_global_number_of_a_function_that_is_called(monkeypatch):
    compiled = mt.jit(lambda x: helper(x) + 1)
    assert compiled(tensor(1)).item() == 3
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert compiled(tensor(1)).item() == 6


class Scaled(mt.nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = [2.0]
        self.options = {"shift": 1.0}
        self.activation = lambda x: x * self.scales[0]

    def forward(self, x):
        return self.activation(x) + self.options["shift"]


def test_a_list_of_a_module_that_changes_in_place():
    model = Scaled()
    compiled = mt.jit(model)
    assert compiled(tensor(1)).item() == 3
    model.scales[0] = 5.0
    assert compiled(tensor(1)).item() == 6
    model.options["shift"] = 0.0
    assert compiled(tensor(1)).item() == 5
    model.activation = lambda x: x
    assert compiled(tensor(1)).item() == 1


def test_hooks_that_come_and_go():
    model = mt.nn.Linear(1, 1)
    compiled = mt.jit(model)
    x = mt.ones(1, 1)
    plain = compiled(x).item()
    handle = model.register_forward_hook(lambda module, args, out: out + 10)
    assert compiled(x).item() == pytest.approx(plain + 10)
    handle.remove()
    assert compiled(x).item() == pytest.approx(plain)


def test_a_closure_that_is_rebound():
    model = mt.nn.Linear(1, 1)
    scale = 1

    @mt.jit
    def function(x):
        return model(x) * scale

    x = mt.ones(1, 1)
    assert function(x).item() == model(x).item()
    scale = 2
    assert function(x).item() == model(x).item() * 2
    model = mt.nn.Linear(1, 1)
    assert function(x).item() == model(x).item() * 2


class Settings:
    def __init__(self, scale, more):
        self.scale, self.more = scale, mt.full((3,), more)

    def apply(self, x):
        return x * self.scale * self.more


SETTINGS = {
    "an attribute": lambda s: setattr(s, "scale", 5.0),
    "the table": lambda s: vars(s).update(scale=5.0),
    "another table": lambda s: setattr(s, "__dict__", {"scale": 5.0, "more": mt.ones(3)}),
    "the table of another": lambda s: setattr(s, "__dict__", vars(Settings(7.0, 2.0))),
    "a table that is equal": lambda s: setattr(s, "__dict__", {**vars(s)}),
    "all that was": lambda s: s.__init__(3.0, 2.0),
    "an attribute that hides a method": lambda s: setattr(s, "apply", lambda x: x + 100),
    "an attribute that goes, and another": lambda s: (delattr(s, "scale"), setattr(type(s), "scale", 9.0)),
    "past __setattr__": lambda s: object.__setattr__(s, "more", mt.ones(3)),
    "the class": lambda s: setattr(s, "__class__", Shifted),
}


class Shifted(Settings):
    def apply(self, x):
        return x + 100


class Zeroed(mt.nn.Linear):
    def forward(self, x):
        return super().forward(x) * 0


class Resting(mt.optim.SGD):
    def step(self, closure=None):
        return None


@pytest.mark.parametrize(
    ("way", "assign"),
    [
        ("captured", setattr),
        ("captured", object.__setattr__),
        ("an argument", setattr),
        ("itself", setattr),
        ("itself", object.__setattr__),
    ],
)
@pytest.mark.parametrize("is_inside", [False, True])
def test_a_module_that_gets_another_class(way, is_inside, assign):
    inner, x = mt.nn.Linear(2, 2), mt.ones(1, 2)
    model = mt.nn.Sequential(inner) if is_inside else inner
    compiled = {
        "captured": mt.jit(lambda x: model(x)),
        "an argument": mt.jit(lambda m, x: m(x)),
        "itself": mt.jit(model),
    }[way]
    args = (model, x) if way == "an argument" else (x,)
    for _ in range(5):
        assert (compiled(*args) != 0).any()
    assign(inner, "__class__", Zeroed)
    for _ in range(2):
        assert (compiled(*args) == 0).all()


def test_an_optimizer_that_gets_another_class():
    p = mt.nn.Parameter(mt.ones(2))
    optimizer = mt.optim.SGD([p], lr=1.0)

    @mt.jit
    def step(x):
        optimizer.zero_grad()
        (p * x).sum().backward()
        optimizer.step()

    for _ in range(5):
        step(mt.ones(2))
    assert p.tolist() == [-4, -4]
    optimizer.__class__ = Resting
    step(mt.ones(2))
    assert p.tolist() == [-4, -4]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("way", ["captured", "a bound method", "in a list"])
def test_attributes_of_an_object(name, way):
    class Own(Settings):
        pass

    held, x = Own(2.0, 3.0), mt.ones(3)
    several = [held]
    ways = {
        "captured": lambda x: held.apply(x),
        "a bound method": held.apply,
        "in a list": lambda x: several[0].apply(x),
    }
    plain = ways[way]
    compiled = mt.jit(plain)
    for _ in range(5):
        assert compiled(x).tolist() == plain(x).tolist()
    SETTINGS[name](held)
    for _ in range(3):
        assert compiled(x).tolist() == plain(x).tolist()
    held.scale = 11.0
    assert compiled(x).tolist() == plain(x).tolist()


def test_an_object_whose_table_is_made_anew_is_recorded_once():
    class Fleeting:
        __slots__ = ("scale",)

        @property
        def __dict__(self):
            return {"scale": self.scale}

    held, x = Fleeting(), mt.ones(3)
    held.scale = 2.0
    compiled = mt.jit(lambda x: x * held.scale)
    for _ in range(5):
        assert compiled(x).tolist() == [2, 2, 2]
    assert compiled.records == 1
    held.scale = 3.0
    assert compiled(x).tolist() == [3, 3, 3]


def test_a_default_argument_and_a_partial():
    def function(x, y=2.0):
        return x * y

    assert mt.jit(function)(tensor(1)).item() == 2
    assert mt.jit(functools.partial(function, y=3.0))(tensor(1)).item() == 3


def test_python_side_effects_raise():
    count = 0

    def function(x):
        nonlocal count
        count += 1
        return x * 2

    with pytest.raises(JitError, match=r"test_traps.py:\d+, changes.*count.*was 0 and is 1"):
        mt.jit(function)(mt.ones(2))


class Counting(mt.nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


def test_a_module_that_counts_its_calls_raises():
    with pytest.raises(JitError, match="calls"):
        mt.jit(Counting())(mt.ones(2))


# --------------------------------------------------------------------------- Python needs the data

NEEDS = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "while": lambda x: _halved(x),
    "int": lambda x: x * int(x.sum()),
    "float": lambda x: x * float(x.sum()),
    "bool": lambda x: bool(x.sum()),
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.detach().numpy(),
    "asarray": lambda x: np.asarray(x),
    "print": lambda x: print(x),
    "format": lambda x: f"{x}",
    "index": lambda x: [1, 2, 3][x.sum().long()],
    "range": lambda x: [x for _ in range(x.sum().long())],
    "and": lambda x: (x.sum() > 0) and (x.sum() < 1),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
}


def _halved(x):
    while x.sum() > 1:
        x = x / 2
    return x


@pytest.mark.parametrize("name", NEEDS)
def test_needing_data_raises(name):
    with pytest.raises(JitError, match=r"test_traps.py:\d+"):
        mt.jit(NEEDS[name])(tensor(1, 0))


@pytest.mark.parametrize("name", ["item", "if", "numpy", "print"])
def test_needing_the_data_of_a_captured_tensor_raises(name):
    captured = tensor(1, 0)
    with pytest.raises(JitError):
        mt.jit(lambda: NEEDS[name](captured))()


def test_e25_a_condition_on_a_static_argument():
    compiled = mt.jit(lambda x, n: x * 2 if n > 1 else x, static_argnums=1)
    assert compiled(tensor(1), 1).item() == 1 and compiled(tensor(1), 2).item() == 2
    assert compiled(tensor(1), n=2).item() == 2
    with pytest.raises(JitError, match="not hashable"):
        compiled(tensor(1), [2])


def test_static_by_name():
    compiled = mt.jit(lambda x, *, mode: x * 2 if mode == "double" else x, static_argnames="mode")
    assert compiled(tensor(1), mode="double").item() == 2 and compiled(tensor(1), mode="").item() == 1


def test_generators_and_objects_as_results_raise():
    def generator(x):
        yield x

    with pytest.raises(JitError, match="returned a generator"):
        mt.jit(generator)(mt.ones(1))
    with pytest.raises(JitError, match="returned a object"):
        mt.jit(lambda x: (x, object()))(mt.ones(1))


# --------------------------------------------------------------------------- donation


def test_donated_arguments_are_given_up():
    compiled = mt.jit(lambda p, g: {k: p[k] - 0.1 * g[k] for k in p}, donate_argnums=0)
    p, g = {"w": mt.array([1.0, 2.0])}, {"w": mt.array([10.0, 10.0])}
    for n in (1, 2, 3):
        place = p["w"]._data.ctypes.data
        before, p = p, compiled(p, g)
        np.testing.assert_allclose(np.asarray(p["w"]), np.array([1.0, 2.0]) - n, atol=1e-6)
        assert p["w"]._data.ctypes.data == place
        with pytest.raises(JitError, match="donated"):
            before["w"] + 1
    assert g["w"].tolist() == [10, 10]


USES = (repr, np.asarray, pickle.dumps, list, bool, lambda x: x.tolist(), lambda x: x.device)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("make", [mt.array, mt.tensor])
def test_whatever_is_asked_of_a_donated_array_is_answered_in_words(make, use):
    x = make([1.0, 2.0])
    mt.jit(lambda x: x + 1, donate_argnums=0)(x)
    with pytest.raises(JitError, match="this array was donated"):
        use(x)


def test_donation_does_not_reach_what_others_see():
    compiled = mt.jit(lambda x: x + 1, donate_argnums=0)
    x = mt.array([1.0, 2.0])
    seen = x.numpy()
    assert compiled(x).tolist() == [2, 3] and seen.tolist() == [1, 2]
    with pytest.raises(mt.errors.MinitorchError, match="both static and donated"):
        mt.jit(lambda x: x, donate_argnums=0, static_argnums=0)


# --------------------------------------------------------------------------- kinds of arguments


def test_e25_shapes_dtypes_and_structure():
    compiled = mt.jit(lambda x: x * 2)
    for x in (mt.ones(2), mt.ones(3), mt.ones(2, dtype=mt.float64), mt.arange(3)):
        out = compiled(x)
        assert out.tolist() == (x * 2).tolist() and out.dtype == x.dtype
    assert compiled.records == 4


def test_weak_numbers():
    compiled = mt.jit(lambda x, a: x * a)
    assert compiled(mt.ones(2, dtype=mt.float16), 2.0).dtype == mt.float16
    assert compiled(mt.ones(2, dtype=mt.float16), 3.0).tolist() == [3, 3]
    assert compiled(mt.arange(3), 2).dtype == mt.int64
    assert compiled.records == 2


def test_arithmetic_of_weak_numbers_stays_weak():
    compiled = mt.jit(lambda x, a: x * (a * 3 + 1))
    half = mt.ones(2, dtype=mt.float16)
    assert compiled(half, 0.1).dtype == mt.float16
    assert compiled(mt.ones(2, dtype=mt.float64), 0.1).tolist() == [0.1 * 3 + 1] * 2
    assert compiled(mt.arange(3), 2).tolist() == [0, 7, 14]
    assert mt.jit(lambda x, a: x.sum() * (a // 2))(mt.arange(4), 5).item() == 12
    assert mt.jit(lambda a: a * 2 + mt.ones(1))(0.25).tolist() == [1.5]
    assert mt.jit(lambda x, a: mt.where(x > a * 2, x, 0.0))(tensor(1, 3), 1.0).tolist() == [0, 3]


WRITES = {
    "index": lambda x: x.__setitem__(0, 0.1),
    "list": lambda x: x.__setitem__([0], 0.1),
    "slice": lambda x: x.__setitem__(slice(None), 0.1),
    "mask": lambda x: x.__setitem__(x > 0.4, 0.1),
    "masked_fill_": lambda x: x.masked_fill_(x > 0.4, 0.1),
    "fill_": lambda x: x.fill_(0.1),
    "fill_diagonal_": lambda x: x.expand(1, 1).clone().fill_diagonal_(0.1),
    "index_fill_": lambda x: x.index_fill_(0, mt.tensor([0]), 0.1),
    "scatter_": lambda x: x.scatter_(0, mt.tensor([0]), 0.1),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_number_that_is_written_keeps_its_precision(name):
    def function(x):
        x = x.clone()
        out = WRITES[name](x)
        return x if out is None else out

    x = mt.ones(1, dtype=mt.float64)
    assert function(x).flatten().tolist() == mt.jit(function)(x).flatten().tolist() == [0.1]


def test_e25_requires_grad_and_grad_mode():
    w = mt.ones(2, requires_grad=True)
    compiled = mt.jit(lambda x: x * w)
    assert compiled(mt.ones(2)).requires_grad
    with mt.no_grad():
        assert not compiled(mt.ones(2)).requires_grad
    w.requires_grad_(False)
    assert not compiled(mt.ones(2)).requires_grad


def test_retracing_often_warns_and_says_why():
    compiled = mt.jit(lambda x: x * 2)
    with pytest.warns(UserWarning, match=r"recorded 8 times.*leaf 0 was a Tensor float32\[7\] and is .*\[8\]") as seen:
        for n in range(1, 9):
            compiled(mt.ones(n))
    assert [warning.filename for warning in seen] == [__file__]


# --------------------------------------------------------------------------- training


def build(optimizer=mt.optim.SGD, **options):
    mt.manual_seed(0)
    model = mt.nn.Sequential(
        mt.nn.Linear(3, 4), mt.nn.Tanh(), mt.nn.BatchNorm1d(4), mt.nn.Dropout(0.5), mt.nn.Linear(4, 2)
    )
    optimizer = optimizer(model.parameters(), **(options or {"lr": 0.1}))

    def step(x, y):
        optimizer.zero_grad()
        loss = mt.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def batch(n=6):
    return mt.randn(n, 3), mt.randint(0, 2, (n,))


OPTIMIZERS = [
    (mt.optim.SGD, {"lr": 0.1}),
    (mt.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (mt.optim.Adam, {"lr": 0.01}),
    (mt.optim.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    (mt.optim.AdamW, {"lr": 0.01}),
    (mt.optim.RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True}),
    (mt.optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1}),
]


@pytest.mark.parametrize(("optimizer", "options"), OPTIMIZERS, ids=lambda x: getattr(x, "__name__", None))
def test_a_training_step(optimizer, options):
    runs = []
    for compile_it in (False, True):
        model, opt, step = build(optimizer, **options)
        run = mt.jit(step) if compile_it else step
        mt.manual_seed(1)
        losses = [run(*batch()).item() for _ in range(5)]
        opt.param_groups[0]["lr"] *= 0.5
        losses += [run(*batch()).item() for _ in range(3)]
        model.eval()
        losses += [run(*batch()).item() for _ in range(2)]
        model.train()
        losses += [run(*batch()).item() for _ in range(2)]
        state = {**model.state_dict(), **{f"{k}.grad": p.grad for k, p in model.named_parameters()}}
        runs.append((losses, {k: v.numpy() for k, v in state.items()}, opt.state_dict()["state"]))
    (plain, state, slots), (compiled, other, other_slots) = runs
    np.testing.assert_allclose(compiled, plain, rtol=2e-5)
    for name in state:
        np.testing.assert_allclose(other[name], state[name], rtol=1e-4, atol=1e-6, err_msg=name)
    for number in slots:
        for name, value in slots[number].items():
            np.testing.assert_allclose(other_slots[number][name].numpy(), value.numpy(), rtol=1e-4, atol=1e-6)


def test_the_learning_rate_is_read_not_baked():
    w = mt.zeros(1, requires_grad=True)
    opt = mt.optim.SGD([w], lr=1.0)

    @mt.jit
    def step():
        opt.zero_grad()
        w.sum().backward()
        opt.step()

    step()
    assert w.item() == -1
    opt.param_groups[0]["lr"] = 0.25
    step()
    assert w.item() == -1.25 and step.records == 1


@pytest.mark.parametrize("look", ["make_graph", "explain", "failure"])
@pytest.mark.parametrize("optimizer", [mt.optim.Adam, functools.partial(mt.optim.SGD, momentum=0.9)])
def test_looking_at_a_step_begins_no_state(optimizer, look):
    w = mt.ones(2, requires_grad=True)
    opt = optimizer([w], lr=0.1)
    fails = look == "failure"

    def step():
        opt.zero_grad()
        (w * w).sum().backward()
        opt.step()
        return w.sum().item() if fails else w.sum()

    compiled = mt.jit(step)
    if look == "make_graph":
        mt.make_graph(compiled)()
    elif look == "explain":
        compiled.explain()
    else:
        with pytest.raises(JitError):
            compiled()
    assert not opt.state and not opt.state_dict()["state"] and w.tolist() == [1, 1]
    fails = False
    found = [compiled().item() for _ in range(3)]
    w.data.fill_(1.0)
    opt.state.clear()
    assert found == pytest.approx([step().item() for _ in range(3)])


def test_a_parameter_added_to_the_optimizer():
    a, b = mt.zeros(1, requires_grad=True), mt.zeros(1, requires_grad=True)
    opt = mt.optim.SGD([a], lr=1.0)

    @mt.jit
    def step():
        opt.zero_grad()
        (a.sum() + b.sum()).backward()
        opt.step()

    step()
    opt.add_param_group({"params": [b]})
    b.grad = None
    step()
    assert (a.item(), b.item()) == (-2, -1)


def test_a_layer_added_to_the_model():
    model = mt.nn.Sequential(mt.nn.Linear(2, 2))
    compiled = mt.jit(model)
    x = mt.ones(1, 2)
    assert compiled(x).tolist() == model(x).tolist()
    model.append(mt.nn.ReLU())
    assert compiled(x).tolist() == model(x).tolist()
    model[0] = mt.nn.Linear(2, 2)
    assert compiled(x).tolist() == model(x).tolist()


def test_what_somebody_holds_is_not_written_over():
    w = mt.zeros(2, requires_grad=True)
    opt = mt.optim.SGD([w], lr=1.0, momentum=0.9)

    @mt.jit
    def step(x):
        opt.zero_grad()
        (w * x).sum().backward()
        opt.step()

    for n in range(1, 6):
        held = w.grad, w.detach(), w.detach().numpy(), w.value, w.detach().clone()
        numbers = [np.asarray(h.tolist()) if h is not None else None for h in held[:1]] + [held[2].copy()]
        step(mt.full((2,), float(n)))
        if held[0] is not None:
            assert held[0] is not w.grad
            np.testing.assert_array_equal(held[0].numpy(), numbers[0])
        assert held[1].tolist() == w.tolist()  # a view of it
        np.testing.assert_array_equal(held[2], numbers[1])
        np.testing.assert_array_equal(held[3].numpy(), numbers[1])
        np.testing.assert_array_equal(held[4].numpy(), numbers[1])
        step(mt.full((2,), float(n)))
        del held
        step(mt.full((2,), float(n)))
        assert w.grad.tolist() == [n, n]


def test_load_state_dict_between_calls():
    model, opt, step = build(mt.optim.Adam, lr=0.01)
    run = mt.jit(step)
    start, slots = {k: v.clone() for k, v in model.state_dict().items()}, opt.state_dict()
    mt.manual_seed(3)
    first = [run(*batch()).item() for _ in range(3)]
    model.load_state_dict(start)
    opt.load_state_dict(slots)
    opt.state.clear()
    mt.manual_seed(3)
    np.testing.assert_allclose([run(*batch()).item() for _ in range(3)], first, rtol=1e-6)


def test_gradients_accumulate():
    w = mt.ones(2, requires_grad=True)

    @mt.jit
    def function(x):
        (w * x).sum().backward()

    for n in (1, 2, 3):
        function(mt.ones(2))
        assert w.grad.tolist() == [n, n]
    assert function.records == 2


def test_dropout_draws_fresh_numbers_and_follows_the_seed():
    drop = mt.nn.Dropout(0.5)
    compiled = mt.jit(lambda x: drop(x))
    mt.manual_seed(0)
    found = [compiled(mt.ones(50)).tolist() for _ in range(3)]
    mt.manual_seed(0)
    assert found == [drop(mt.ones(50)).tolist() for _ in range(3)]
    assert found[0] != found[1]


def test_a_compiled_forward_gives_gradients():
    model, _, _ = build()
    x, _ = batch()
    model.eval()
    model(x).square().sum().backward()
    expected = [p.grad.numpy().copy() for p in model.parameters()]
    model.zero_grad()
    compiled = mt.jit(model)
    compiled(x).square().sum().backward()
    for p, g in zip(model.parameters(), expected):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-5, atol=1e-6)


def test_compile_in_place():
    model = mt.nn.Linear(2, 2)
    before = model(mt.ones(1, 2)).tolist()
    model.compile()
    out = model(mt.ones(1, 2))
    assert out.tolist() == before and type(vars(model)["forward"]).__name__ == "Compiled"
    out.sum().backward()
    assert model.weight.grad.tolist() == [[1, 1], [1, 1]]


def test_detach_and_no_grad_inside_a_compiled_forward():
    w = mt.tensor([2.0], requires_grad=True)

    def function(x):
        with mt.no_grad():
            scale = w * 3
        return x * w * scale + (w * w).detach()

    plain = w.grad
    function(mt.ones(1)).backward()
    plain, w.grad = w.grad.tolist(), None
    mt.jit(function)(mt.ones(1)).backward()
    assert w.grad.tolist() == plain == [6.0]


class Cubed(mt.autograd.Function):
    """Its backward is not what differentiating its forward would give."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x * x).detach() * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 5 * x**2


def outer(x, w):
    return x * w * W2, (x * x.detach()).sum()


W2 = mt.tensor([0.5, -2.0], requires_grad=True)
TWICE = {
    "polynomial": lambda x, w: (x**3 * w).sum(),
    "detached": lambda x, w: (x * x.detach() * w * w).sum(),
    "without grad": lambda x, w: (x * mt.no_grad()(lambda: x * w)()).sum(),
    "custom rule": lambda x, w: (Cubed.apply(x) * w).sum(),
    "captured": lambda x, w: (x.tanh() * W2**2 * w).sum(),
    "several results": outer,
    "linear": lambda x, w: (x * 2 + 1).sum(),
    "array": lambda x, w: (x.exp() * w).softmax(0)[0],
}


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("leaf", [True, False])
def test_create_graph_through_a_compiled_forward(name, leaf):
    """First, second and third derivatives, toward arguments, captured tensors and what they were computed from."""
    seen = []
    compiled = mt.jit(TWICE[name])
    for function in (TWICE[name], compiled, compiled):
        x0, w = mt.tensor([1.0, -0.5], requires_grad=True), mt.tensor([2.0, 3.0], requires_grad=True)
        x = x0 if leaf else x0.sin()
        loss = sum(t.sum() for t in tree.flatten_until(function(x, w), mt.Tensor)[0])
        found = []
        for _ in range(3):
            grads = mt.autograd.grad(loss, (x0, w, W2), create_graph=True, materialize_grads=True)
            found.append([g.tolist() for g in grads])
            loss = sum((g.sin() * (k + 1)).sum() for k, g in enumerate(grads))
            if not loss.requires_grad:
                break
        seen.append(found)
    for found in seen[1:]:
        assert len(found) == len(seen[0])
        np.testing.assert_allclose(np.array(found), np.array(seen[0]), rtol=1e-4, atol=1e-5)


def test_a_compiled_function_is_freed_with_its_last_reference():
    gc.collect()
    gc.disable()
    try:
        x = mt.tensor([1.0, 2.0], requires_grad=True)
        compiled = mt.jit(lambda x: (x * x * x).sum())
        (g,) = mt.autograd.grad(compiled(x), x, create_graph=True)
        alive = [weakref.ref(compiled), weakref.ref(g.node)]
        del compiled, g
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_create_graph_where_running_again_would_not_give_the_same_raises():
    w, scale = mt.ones(2, requires_grad=True), 2.0
    compiled = mt.jit(lambda x: (x * x * w * scale).sum())
    random = mt.jit(lambda x: (x * x * mt.rand(2)).sum())

    def derivative(function, change=lambda: None):
        x = mt.ones(2, requires_grad=True)
        out = function(x)
        change()
        return mt.autograd.grad(out, x, create_graph=True)[0]

    assert derivative(compiled).tolist() == [4, 4]
    with pytest.raises(mt.errors.GradError, match="random"):
        derivative(random)
    with pytest.raises(mt.errors.GradError, match="closes over has been changed"):
        derivative(compiled, lambda: w.data.mul_(2))

    def rescale():
        nonlocal scale
        scale = 3.0

    with pytest.raises(mt.errors.GradError, match="was 2.0 and is 3.0"):
        derivative(compiled, rescale)
    assert derivative(compiled).tolist() == [12, 12]


def test_a_batch_of_cotangents_through_a_compiled_forward():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = mt.jit(lambda x: x * x)(x)
    (jacobian,) = mt.autograd.grad(out, x, mt.eye(3), is_grads_batched=True)
    assert jacobian.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]


def test_backward_twice_through_a_compiled_forward_raises():
    x = mt.ones(2, requires_grad=True)
    out = mt.jit(lambda x: (x * x).sum())(x)
    out.backward(retain_graph=True)
    out.backward()
    assert x.grad.tolist() == [4, 4]
    with pytest.raises(mt.errors.GradError, match="second time"):
        out.backward()


def test_backward_twice_through_a_returned_loss_raises():
    w = mt.ones(1, requires_grad=True)

    @mt.jit
    def function():
        loss = (w * w).sum()
        loss.backward()
        return loss

    loss = function()
    assert loss.requires_grad
    with pytest.raises(mt.errors.GradError, match="second time|freed"):
        loss.backward()


# --------------------------------------------------------------------------- errors, nesting, threads


def test_an_exception_leaves_everything_as_it_was():
    model, opt, step = build(mt.optim.Adam, lr=0.1)
    x, y = batch()
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    seed = mt.get_rng_state().tolist()

    @mt.jit
    def broken(x, y):
        step(x, y)
        raise KeyError("user's own")

    with pytest.raises(KeyError, match="user's own"):
        broken(x, y)
    assert {k: v.tolist() for k, v in model.state_dict().items()} == before
    assert mt.get_rng_state().tolist() == seed
    assert all(p.grad is None for p in model.parameters())
    assert step(x, y).item() > 0


def test_nested_and_recursive():
    inner = mt.jit(lambda x: x * 2)
    assert mt.jit(lambda x: inner(x) + inner(x))(tensor(1)).item() == 4

    @functools.partial(mt.jit, static_argnums=1)
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    assert power(tensor(2), 5).item() == 32


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: mt.jit(mt.grad(f)),
        lambda f: mt.grad(mt.jit(f)),
        lambda f: mt.jit(mt.grad(mt.jit(f))),
        lambda f: mt.vmap(mt.jit(mt.grad(f))),
        lambda f: mt.jit(mt.vmap(mt.grad(f))),
        lambda f: mt.jit(mt.vmap(mt.jit(mt.grad(f)))),
    ],
)
def test_transforms_in_either_order(wrap):
    f = lambda x: mt.sin(x * x).sum()  # noqa: E731
    x = mt.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(np.asarray(wrap(f)(x)), np.cos([0.25, 1, 4]) * [1, 2, 4], rtol=1e-5)


def test_jvp_and_hessian():
    f = lambda x: (x**3).sum()  # noqa: E731
    x = mt.array([1.0, 2.0])
    value, tangent = mt.jit(lambda x: mt.jvp(f, (x,), (mt.ones_like(x),)))(x)
    assert (float(value), float(tangent)) == (9, 15)
    assert mt.jit(mt.hessian(f))(x).tolist() == [[6, 0], [0, 12]]


def test_eight_threads_one_function():
    def function(x):
        return mt.sin(x) * 2 + 1

    compiled = mt.jit(function)
    wrong = []

    def work(k):
        for i in range(100):
            x = tensor(k, i)
            if not np.allclose(compiled(x), function(x), rtol=1e-6, atol=1e-6):
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and compiled.records == 1


def test_switched_off():
    compiled = mt.jit(lambda x: x.item() * 2)
    with setting(mode, OFF):
        assert compiled(tensor(2)) == 4 and compiled.records == 0


WITH_SWITCHES = """
import minitorch as mt
compiled = mt.jit(lambda x: x * 2)
for _ in range(3):
    compiled(mt.ones(2))
print(mt.compiling.modes.mode.get(), compiled.records, compiled.quick is not None)
"""


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({}, "on 1 True"),
        ({"MINITORCH_JIT": "0"}, "off 0 False"),
        ({"MINITORCH_JIT_CHECK": "1"}, "check 1 False"),
        ({"MINITORCH_JIT": "0", "MINITORCH_JIT_CHECK": "1"}, "off 0 False"),
    ],
)
def test_switches_in_the_environment(switches, said):
    env = {name: value for name, value in os.environ.items() if not name.startswith("MINITORCH_JIT")} | switches
    out = subprocess.run([sys.executable, "-c", WITH_SWITCHES], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == said


def test_checked():
    model, opt, step = build(mt.optim.Adam, lr=0.01)
    run = mt.jit(step)
    with setting(mode, CHECK):
        losses = [run(*batch()).item() for _ in range(3)]
        broken = mt.jit(lambda x: x * 2)
        broken(tensor(1))
        ((program, _),) = next(iter(broken.programs.values()))
        program.plan = Interpreter(mt.jit(lambda x: x * 3).recorded(tensor(1)).graph)
        with pytest.raises(JitError, match="result 0 differs.*up to 1"):
            broken(tensor(1))
    assert run.records == 1 and losses[0] > 0


def test_no_warning_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = mt.jit(lambda x: x + 1)
        for i in range(20):
            np.testing.assert_array_equal(compiled(mt.full((2,), float(i))).numpy(), i + 1.0)
    assert len(compiled.programs) == 1
