"""Handles in all the places where a compiled function may meet them: arguments, results, gradients, slots, generators."""

from __future__ import annotations

import copy
import pickle
import random
import threading

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import GradError, JitError
from minitorch.nn import functional as F

from .comparing import compare

CALLS = 6


def data(i, *shape):
    return mt.tensor(np.random.default_rng(i).normal(size=shape))


def network():
    return nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double()


# --------------------------------------------------------------------------- what is passed


def a_model_as_argument(wrap):
    models = [network(), network()]

    def step(model, x):
        model.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        return loss

    compiled = wrap(step)
    return lambda i: compiled(models[i % 2], data(i, 5, 3)), models


def a_model_and_its_optimizer_as_arguments(wrap):
    models = [network(), network()]
    optimizers = [mt.optim.Adam(m.parameters(), lr=0.01) for m in models]

    def step(model, optimizer, x):
        optimizer.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = wrap(step)

    def call(i):
        optimizers[0].param_groups[0]["betas"] = (0.5, 0.9 - 0.1 * (i // 2))
        return compiled(models[i % 2], optimizers[i % 2], data(i, 5, 3))

    return call, [models, optimizers]


class Settings:
    def __init__(self):
        self.scale = 1.0


def an_object_as_argument(wrap):
    settings = Settings()
    compiled = wrap(lambda x, s: x * s.scale)

    def call(i):
        settings.scale = 1.0 + i // 2
        return compiled(data(i, 2), settings)

    return call, None


def a_function_as_argument(wrap):
    settings = Settings()

    def loss(x):
        return x * settings.scale

    compiled = wrap(lambda x, f: f(x) + 1)

    def call(i):
        settings.scale = 1.0 + i // 2
        return compiled(data(i, 2), loss)

    return call, None


class Scaled(nn.Module):
    def forward(self, x):
        return x * LEVEL


LEVEL = 1.0


def a_model_that_reads_a_global_as_argument(wrap):
    compiled = wrap(lambda m, x: m(x))
    model = Scaled()

    def call(i):
        globals()["LEVEL"] = 1.0 + i // 2
        return compiled(model, data(i, 2))

    return call, None


def parameters_as_a_dict(wrap):
    params = {name: p for name, p in network().named_parameters()}

    def step(params, x):
        for p in params.values():
            p.grad = None
        loss = (F.linear(x, params["0.weight"], params["1.bias"])).square().sum()
        loss.backward()
        with mt.no_grad():
            for p in params.values():
                if p.grad is not None:
                    p -= 0.01 * p.grad
        return loss

    compiled = wrap(step)
    return lambda i: compiled(params, data(i, 5, 3)), params


def a_gradient_and_its_owner(wrap):
    """The second argument is the gradient of the first at times."""
    w, other = mt.ones(2, requires_grad=True), mt.zeros(2)

    def step(w, g):
        with mt.no_grad():
            g.mul_(0.5)
            return w.grad + g

    compiled = wrap(step)

    def call(i):
        w.grad = mt.full((2,), 2.0 + i)
        return compiled(w, w.grad if i % 2 else other)

    return call, [w, other]


def leaves_and_results_in_turn(wrap):
    """Recorded for a leaf and for a tensor that was computed; a backward pass outside goes through both."""
    leaf = mt.ones(2, requires_grad=True)
    compiled = wrap(lambda x: (x * x).sum())

    def call(i):
        x = leaf * 2 if i % 2 else leaf
        out = compiled(x)
        out.backward()
        return out

    return call, leaf


def hooks_on_arguments(wrap):
    xs = [mt.ones(2, requires_grad=True) for _ in range(3)]
    xs[1].register_hook(lambda g: g * 2)
    xs[2].register_hook(lambda g: g * 3)

    def step(x):
        (x * x).sum().backward()

    compiled = wrap(step)
    return lambda i: compiled(xs[i % 3]), xs


def hooks_outside(wrap):
    """Hooks of a parameter and of an argument are called once in a backward pass, and in one that is recorded."""
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    w.register_hook(lambda g: g * 0.5)
    compiled = wrap(lambda x: (w * w * x * x).sum())

    def call(i):
        x = data(i, 2).float().requires_grad_()
        x.register_hook(lambda g: g * 3)
        compiled(x).backward()
        first = mt.autograd.grad(compiled(x), (w, x), create_graph=True)
        return first, mt.autograd.grad((first[0] * first[1]).sum(), (w, x)), x.grad

    return call, w


def hooks_of_modules(wrap):
    """Hooks on the backward pass of modules, which runs inside or outside."""
    models = [network(), network()]
    for model in models:
        model[2].register_full_backward_pre_hook(lambda m, out: (out[0] * 2,))
        for layer in (model[0], model[2]):
            layer.register_full_backward_hook(lambda m, into, out: tuple(g if g is None else g * 3 for g in into))

    def step(x):
        loss = models[0](x).square().sum()
        loss.backward()
        return loss.detach()

    inside, outside = wrap(step), wrap(lambda x: models[1](x).square().sum())

    def call(i):
        outside(data(i, 5, 3)).backward()
        return inside(data(i, 5, 3))

    return call, models


def keywords_and_defaults(wrap):
    def function(x, *rest, scale=2.0, **more):
        return x * scale + sum(rest) + sum(more.values())

    compiled = wrap(function)
    calls = [((1,), {}), ((1, 2), {}), ((), {"scale": 3.0}), ((), {"b": 1, "a": 2}), ((), {"a": 1, "b": 2}), ((1,), {})]

    def call(i):
        rest, named = calls[i]
        return compiled(data(i, 2), *rest, **named)

    return call, None


def arrays_and_numbers(wrap):
    compiled = wrap(lambda x, y, n: {"sum": x + y * n, "n": n, "x": x})
    return lambda i: compiled(np.ones(3), mt.array([1.0, 2.0, 3.0]), i if i % 2 else float(i)), None


# --------------------------------------------------------------------------- what is returned


def a_gradient_that_was_made(wrap):
    w = mt.ones(2, requires_grad=True)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    compiled = wrap(step)
    kept = []

    def call(i):
        g = compiled(data(i, 2))
        kept.append(g)
        if i % 2:
            w.grad.mul_(2)  # is what was returned
        return g, g is w.grad

    return call, [w, kept]


def a_gradient_that_was_there(wrap):
    w = mt.ones(2, requires_grad=True)
    kept = []

    def step(x):
        (w * x).sum().backward()
        return w.grad

    compiled = wrap(step)

    def call(i):
        if i % 3 == 2:
            w.grad = data(i, 2).float()
        kept.append(compiled(data(i, 2).float()))
        return kept[-1] is w.grad

    return call, [w, kept]


def captured_tensors(wrap):
    w, b = mt.ones(2, requires_grad=True), mt.zeros(2)

    def step(x):
        b.add_(x)
        return w, b, x

    compiled = wrap(step)

    def call(i):
        x = data(i, 2).float()
        out = compiled(x)
        return [out, out[0] is w, out[1] is b, out[2] is x]

    return call, [w, b]


def loss_to_be_pulled_twice(wrap):
    w = mt.ones(2, requires_grad=True)
    compiled = wrap(lambda x: (w * w * x).sum())

    def call(i):
        loss = compiled(data(i, 2))
        loss.backward(retain_graph=True)
        loss.backward()
        with pytest.raises(GradError):
            loss.backward()
        return loss

    return call, w


def several_results(wrap):
    w = mt.ones(2, requires_grad=True)
    compiled = wrap(lambda x: (w * x, (w * w).sum(), x * 2, (w * x).detach()))

    def call(i):
        first, second, third, fourth = compiled(data(i, 2).float())
        (first.sum() * 2 + second * 3).backward()
        return first, second, third, fourth

    return call, w


def results_go_on(wrap):
    """Results are used further, outside, with a gradient through two compiled functions."""
    model = nn.Linear(3, 3).double()
    first, second = wrap(lambda x: model(x).tanh()), wrap(lambda h: h.square().sum())

    def call(i):
        x = data(i, 2, 3).requires_grad_()
        loss = second(first(first(x)) * 2) + x.sum()
        loss.backward()
        return loss, x

    return call, model


def results_are_written_to(wrap):
    b = mt.zeros(3)

    def step(x):
        b.add_(x)
        return b * 1, x + 0, b.sum()

    compiled = wrap(step)

    def call(i):
        out = compiled(mt.full((3,), float(i)))
        seen = [o.clone() for o in out]
        out[0].mul_(5)
        out[1].zero_()
        return seen

    return call, b


def an_argument_that_stays(wrap):
    """A tensor that is passed, and whose buffer may have become state, is not changed by later calls."""
    b = mt.zeros(3)

    def step(x):
        b.copy_(x)
        b.mul_(2)
        return b + 0

    compiled = wrap(step)
    xs = [mt.full((3,), float(i)) for i in range(CALLS)]
    return lambda i: compiled(xs[i]), [b, xs]


def state_that_was_copied_before(wrap):
    """What was read from a state before a call keeps its data."""
    b, kept = mt.zeros(3), []

    def step(x):
        b.add_(x)

    compiled = wrap(step)

    def call(i):
        kept.extend([b.detach().clone(), b.numpy().copy(), b + 0, b.tolist()])
        alias = b.numpy()
        view = b[1:]
        compiled(mt.ones(3))
        return [kept, mt.tensor(alias.copy()) * 0, view]

    return call, b


def two_states_exchange(wrap):
    a, b = mt.zeros(3), mt.ones(3)

    def step():
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)

    compiled = wrap(step)
    return lambda i: compiled(), [a, b]


def state_and_its_shape(wrap):
    """A buffer that takes another shape in each call."""
    b = mt.zeros(1)

    def step():
        b.data = mt.cat([b, b])
        return b.sum()

    compiled = wrap(step)
    return lambda i: (compiled(), b + 0), None


# --------------------------------------------------------------------------- gradients


def a_gradient_set_inside(wrap):
    w = mt.nn.Parameter(mt.ones(2))
    plain = mt.ones(2)

    def step(x):
        w.grad = x * 2
        plain.grad = x * 3

    compiled = wrap(step)
    return lambda i: compiled(data(i, 2).float()), [w, plain.grad, plain]


def a_gradient_written_inside(wrap):
    w = mt.nn.Parameter(mt.ones(2))

    def step(x):
        (w * x).sum().backward()
        w.grad.clamp_(-1, 1)
        w.grad[0] = 0.0

    compiled = wrap(step)
    return lambda i: compiled(data(i, 2).float()), w


def a_gradient_to_be_cleared(wrap):
    """A parameter that is frozen, and one that is not used, have a gradient at times, which goes as well."""
    used, frozen, unused = (nn.Parameter(data(i, 2)) for i in range(3))
    frozen.requires_grad_(False)
    optimizer = mt.optim.SGD([used, frozen, unused], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (used * frozen * x).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    compiled = wrap(step)

    def call(i):
        frozen.grad, unused.grad = (data(i, 2) if i & bit else None for bit in (1, 2))
        return compiled(data(i, 2)), frozen.grad is None, unused.grad is None

    return call, [used, frozen, unused]


def gradients_that_are_one_tensor(wrap):
    """Each time others of three parameters have one gradient, to which the function adds."""
    weights = [nn.Parameter(data(i, 2)) for i in range(3)]

    def step(x):
        loss = sum((w * x).square().sum() for w in weights)
        loss.backward()
        return loss.detach()

    compiled = wrap(step)

    def call(i):
        for k, w in enumerate(weights):
            w.grad = data(k, 2)
        for k, other in (((0, 1),), ((0, 2),), (), ((0, 1), (0, 2)), ((1, 2),), ())[i]:
            weights[k].grad = weights[other].grad
        return compiled(data(i, 2))

    return call, weights


def gradients_of_inner_tensors(wrap):
    w = mt.nn.Parameter(mt.ones(2))

    def step(x):
        h = w * x
        h.retain_grad()
        (h * h).sum().backward()
        return h.grad

    compiled = wrap(step)
    return lambda i: compiled(data(i, 2).float()), w


def inputs_of_a_backward_pass(wrap):
    w, v = mt.nn.Parameter(mt.ones(2)), mt.nn.Parameter(mt.ones(2))

    def step(x):
        (w * v * x).sum().backward(inputs=[w])

    compiled = wrap(step)
    return lambda i: compiled(data(i, 2).float()), [w, v]


def functional_and_stateful(wrap):
    """A transform inside a step."""
    w = mt.nn.Parameter(mt.ones(2))

    def step(x):
        g = mt.grad(lambda u: (u**3 * x).sum())(x)
        h = mt.vmap(lambda r: r * 2)(x)
        (w * g * h).sum().backward()
        return g

    compiled = wrap(step)
    return lambda i: compiled(data(i, 2).float()), w


def a_view_of_a_parameter(wrap):
    w = mt.nn.Parameter(mt.ones(2, 2))
    row = w[0]

    def step(x):
        loss = (row * x).sum() + w.sum()
        return loss

    compiled = wrap(step)

    def call(i):
        w.grad = None
        loss = compiled(data(i, 2).float())
        loss.backward(retain_graph=True)
        return loss

    return call, w


def a_result_from_outside(wrap):
    """A tensor that was computed outside is captured; the backward pass runs outside, through it."""
    w = mt.nn.Parameter(mt.ones(2))
    box = {}

    def function(x):
        return (box["h"] * x).sum()

    compiled = wrap(function)

    def call(i):
        box["h"] = w * w
        out = compiled(data(i, 2).float())
        out.backward()
        return out

    return call, w


# --------------------------------------------------------------------------- generators and modes


def a_seed_set_inside(wrap):
    def step(n):
        mt.manual_seed(n)
        return mt.rand(3)

    compiled = wrap(lambda: (step(3), mt.rand(2)))

    def call(i):
        mt.rand(1)
        return compiled()

    return call, None


def a_mode_set_inside(wrap):
    model = network()

    def step(x):
        model.eval()
        out = model(x)
        model.train()
        return out, model(x)

    compiled = wrap(step)
    return lambda i: compiled(data(i, 5, 3)), model


def under_no_grad(wrap):
    w = mt.nn.Parameter(mt.ones(2))
    compiled = wrap(lambda x: w * x)

    def call(i):
        with mt.set_grad_enabled(i % 2 == 0):
            out = compiled(data(i, 2))
            return out, out.requires_grad

    return call, w


def a_method(wrap):
    class Model:
        def __init__(self):
            self.w = mt.nn.Parameter(mt.ones(2))
            self.scale = 1.0

        def step(self, x):
            self.w.grad = None
            (self.w * x * self.scale).sum().backward()
            return self.w.grad * 1

    models = [Model(), Model()]
    compiled = [wrap(m.step) for m in models]

    def call(i):
        models[0].scale = 1.0 + i
        return [c(data(i, 2).float()) for c in compiled]

    return call, [m.w for m in models]


def compiled_in_compiled(wrap):
    w = mt.nn.Parameter(mt.ones(2))
    inner = wrap(lambda x: w * x)

    def step(x):
        w.grad = None
        inner(inner(x)).sum().backward()
        return w.grad * 1

    outer = wrap(step)
    return lambda i: [inner(data(i, 2).float()), outer(data(i, 2).float())], w


SCENES = [
    a_model_as_argument, a_model_and_its_optimizer_as_arguments, an_object_as_argument, a_function_as_argument,
    a_model_that_reads_a_global_as_argument, parameters_as_a_dict, a_gradient_and_its_owner, leaves_and_results_in_turn,
    hooks_on_arguments, hooks_outside, hooks_of_modules, keywords_and_defaults, arrays_and_numbers,
    a_gradient_that_was_made, a_gradient_that_was_there, captured_tensors, loss_to_be_pulled_twice, several_results,
    results_go_on, results_are_written_to, an_argument_that_stays, state_that_was_copied_before, two_states_exchange,
    state_and_its_shape, a_gradient_set_inside, a_gradient_written_inside, a_gradient_to_be_cleared,
    gradients_that_are_one_tensor, gradients_of_inner_tensors, inputs_of_a_backward_pass, functional_and_stateful,
    a_view_of_a_parameter, a_result_from_outside, a_seed_set_inside, a_mode_set_inside, under_no_grad, a_method,
    compiled_in_compiled,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:jit. <lambda> has been recorded")
@pytest.mark.parametrize("scene", SCENES, ids=lambda f: f.__name__.replace("_", " "))
def test_scene(scene):
    compare(scene, CALLS)


# --------------------------------------------------------------------------- refusals

W = mt.ones(2, requires_grad=True)
COMPUTED = W * 2
PLAIN = mt.ones(2)


def backward_to_the_outside():
    (COMPUTED * 2).sum().backward()


def leaves_a_mode():
    MODEL.eval()


def draws_from_python():
    return mt.ones(2) * random.random()


def draws_from_numpy():
    return mt.tensor(np.random.rand(2))


def makes_a_tensor_require_grad():
    PLAIN.requires_grad_()


def writes_what_requires_grad():
    PLAIN.add_(W)


MODEL = network()
VIEWED = mt.zeros(2)
VIEW = VIEWED[:]


def gives_a_view_another_shape():
    VIEWED.data = mt.ones(3)


REFUSED = {
    gives_a_view_another_shape: "shares memory",
    backward_to_the_outside: r"computed, and recorded, outside.*detach\(\)",
    leaves_a_mode: "training has changed",
    draws_from_python: "random",
    draws_from_numpy: "random",
    makes_a_tensor_require_grad: "made to require grad",
    writes_what_requires_grad: "written in place with a value that does",
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_refused(function, monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # the test runner's own threads draw nothing
    MODEL.train()
    with pytest.raises((JitError, GradError), match=REFUSED[function]):
        mt.jit(function)()
    MODEL.train()
    assert PLAIN.tolist() == [1, 1] and not PLAIN.requires_grad and W.grad is None


class Compiled(mt.nn.Module):
    """A module whose `forward` is compiled for every one of its kind."""

    def __init__(self):
        super().__init__()
        self.layer = mt.nn.Linear(2, 2)

    @mt.jit
    def forward(self, x):
        return self.layer(x)


@mt.jit
def doubled(x):
    return x * 2


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
@pytest.mark.parametrize("kind", ["decorated", "compiled in place"])
def test_a_copy_of_a_compiled_module_is_compiled_anew(kind, duplicate):
    module = Compiled() if kind == "decorated" else mt.nn.Linear(2, 2)
    if kind == "compiled in place":
        module.compile()
    x = mt.ones(1, 2)
    before = module(x).tolist()
    other = duplicate(module)
    assert other(x).tolist() == before
    with mt.no_grad():
        for p in other.parameters():
            p.add_(1.0)
    assert (other(x) - module(x)).tolist() == [[pytest.approx(3.0, rel=1e-5)] * 2]
    assert module(x).tolist() == before
    assert duplicate(doubled) is doubled
