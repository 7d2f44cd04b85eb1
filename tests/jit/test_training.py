"""Training steps of every kind, compiled: ten steps leave the same numbers everywhere as ten plain ones."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import JitError
from minitorch.nn import functional as F
from tests.torch_diff.models import OPTIMIZERS

from .comparing import compare
from .steps import training

STEPS = 10


def net(**kinds):
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(**(kinds or {"dtype": mt.float64}))


def batch(i, dtype=mt.float64):
    rng = np.random.default_rng(i)
    return mt.tensor(rng.normal(size=(6, 4))).to(dtype), mt.tensor(rng.integers(0, 3, 6))


def stepping(model, optimizer):
    return training(optimizer, lambda x, y: F.cross_entropy(model(x), y))


# --------------------------------------------------------------------------- optimizers

MORE_OPTIONS = {
    "sgd nesterov, decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "sgd maximize": ("SGD", {"lr": 0.01, "maximize": True}),
    "adam everything": ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "maximize": True}),
    "adamw maximize": ("AdamW", {"lr": 0.01, "maximize": True, "betas": (0.5, 0.6)}),
    "rmsprop decay, maximize": ("RMSprop", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    "adagrad maximize": ("Adagrad", {"lr": 0.1, "maximize": True, "eps": 1e-6}),
    "lion": ("Lion", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    "muon": ("Muon", {"lr": 0.01}),
    "no rate": ("SGD", {"lr": 0.0, "momentum": 0.9}),
}
EVERY = {**OPTIMIZERS, **MORE_OPTIONS}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EVERY)
def test_optimizer(name, dtype):
    kind, options = EVERY[name]

    def make(wrap):
        model = net(dtype=getattr(mt, dtype))
        params = [p for p in model.parameters() if kind != "Muon" or p.ndim == 2]
        optimizer = getattr(mt.optim, kind)(params, **options)
        step = wrap(stepping(model, optimizer))
        return lambda i: step(*batch(i, getattr(mt, dtype))), [model, optimizer]

    compare(make, STEPS)


def test_a_line_search_decides_by_numbers_and_takes_a_compiled_closure():
    def make(wrap):
        w = nn.Parameter(mt.ones(2, dtype=mt.float64))
        optimizer = mt.optim.LBFGS([w], lr=0.5, max_iter=4)

        def closure():
            optimizer.zero_grad()
            loss = (w * mt.tensor([1.0, 2.0]) - 3).square().sum()
            loss.backward()
            return loss

        compiled = wrap(closure)
        return lambda i: optimizer.step(compiled), [w, optimizer]

    compare(make, STEPS)
    w = nn.Parameter(mt.ones(2))
    optimizer = mt.optim.LBFGS([w])

    def closure():
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        return loss

    with pytest.raises(JitError, match=r"float\(\) at .*test_training.py:\d+ needs the data"):
        mt.jit(lambda: optimizer.step(closure))()
    assert w.tolist() == [1, 1] and w.grad is None


def test_every_optimizer_is_here():
    assert {k for k in dir(mt.optim) if k[0].isupper()} - {"Optimizer", "LBFGS"} == {kind for kind, _ in EVERY.values()}


# --------------------------------------------------------------------------- steps
# Each makes what to call at step i, and what to look at.


def adam(model, **options):
    return mt.optim.Adam(model.parameters(), **{"lr": 0.01, **options})


def groups(wrap):
    model = net()
    parts = [{"params": model[0].parameters()}, {"params": model[2].weight, "lr": 0.5, "momentum": 0.5}]
    optimizer = mt.optim.SGD(parts, lr=0.1, weight_decay=0.01)
    optimizer.add_param_group({"params": [model[2].bias], "lr": 0.2, "nesterov": True, "momentum": 0.9})
    step = wrap(stepping(model, optimizer))
    return lambda i: step(*batch(i)), [model, optimizer]


def changing_rate(wrap):
    model = net()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def call(i):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (i + 1)
            group["weight_decay"] = 0.1 * (i % 3)
        return step(*batch(i))

    return call, [model, optimizer]


def tensor_rate(wrap):
    model, rate = net(), mt.tensor(0.1, dtype=mt.float64)
    optimizer = adam(model, lr=rate)
    step = wrap(stepping(model, optimizer))

    def call(i):
        rate.mul_(0.7)
        return step(*batch(i))

    return call, [model, optimizer]


def complex_parameters(wrap):
    rng = np.random.default_rng(0)
    w = nn.Parameter(mt.tensor(rng.normal(size=3) + 1j * rng.normal(size=3)))
    optimizer = mt.optim.Adam([w], lr=0.1, amsgrad=True)
    compiled = wrap(training(optimizer, lambda x: (w * x - 1).abs().square().sum()))
    return lambda i: compiled(mt.tensor(rng.normal(size=3))), [w, optimizer]


def clipping(clip):
    def make(wrap):
        model = net()
        optimizer = adam(model)

        def step(x, y):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            found = clip(model.parameters())
            optimizer.step()
            return found

        compiled = wrap(step)
        return lambda i: compiled(*batch(i)), [model, optimizer]

    return make


def accumulation(wrap):
    """Two programs on one state: gradients add up in one, and are used in the other."""
    model = net()
    optimizer = adam(model)

    def add_up(x, y):
        loss = F.cross_entropy(model(x), y) / 3
        loss.backward()
        return loss

    def use():
        optimizer.step()
        optimizer.zero_grad()

    adding, using = wrap(add_up), wrap(use)

    def call(i):
        loss = adding(*batch(i))
        if i % 3 == 2:
            using()
        return loss

    return call, [model, optimizer]


def accumulation_inside(wrap):
    model = net()
    optimizer = adam(model)

    def step(xs, ys):
        optimizer.zero_grad()
        for x, y in zip(xs, ys):
            (F.cross_entropy(model(x), y) / len(xs)).backward()
        optimizer.step()

    compiled = wrap(step)
    return lambda i: compiled(*zip(*[batch(3 * i + k) for k in range(3)])), [model, optimizer]


def zeros_for_gradients(wrap):
    model = net()
    optimizer = adam(model)

    def step(x, y):
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), [model, optimizer]


def zeroed_after(wrap):
    model = net()
    optimizer = adam(model)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        model.zero_grad()
        return loss

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), [model, optimizer]


def frozen(wrap):
    model = net()
    model[0].requires_grad_(False)
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def call(i):
        if i == 5:
            model[0].requires_grad_(True)
            model[2].bias.requires_grad_(False)
            model[2].bias.grad = None
        return step(*batch(i))

    return call, [model, optimizer]


def tied(wrap):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x).tanh())

    model = Tied().double()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))
    return lambda i: step(*batch(i)), [model, optimizer]


def tensor_hooks(wrap):
    model = net()
    optimizer = adam(model)
    hooks = [model[0].weight.register_hook(lambda g: g * 2)]

    def step(x, y):
        optimizer.zero_grad()
        hidden = model[1](model[0](x))
        hidden.register_hook(lambda g: g.clamp(-0.01, 0.01))
        loss = F.cross_entropy(model[2](hidden), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = wrap(step)

    def call(i):
        if i == 4:
            hooks.append(model[2].weight.register_hook(lambda g: -g))
        if i == 7:
            hooks[0].remove()
        return compiled(*batch(i))

    return call, [model, optimizer]


def a_hook_with_a_setting(wrap):
    w = nn.Parameter(mt.ones(2))
    settings = {"scale": 1.0}
    w.register_hook(lambda g: g * settings["scale"])

    def step(x):
        w.grad = None
        (w * x).sum().backward()

    compiled = wrap(step)

    def call(i):
        settings["scale"] = float(i // 2)
        compiled(mt.ones(2))

    return call, w


def module_hooks(wrap):
    model = net()
    optimizer = adam(model)
    settings = {"scale": 1.0}
    model[0].register_forward_hook(lambda m, args, out: out * settings["scale"])
    model[2].register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    step = wrap(stepping(model, optimizer))
    hooks = []

    def call(i):
        if i == 3:
            settings["scale"] = 0.5
        if i == 5:
            hooks.append(model[1].register_forward_hook(lambda m, args, out: -out))
        if i == 8:
            hooks.pop().remove()
        return step(*batch(i))

    return call, [model, optimizer]


def optimizer_hooks(wrap):
    model = net()
    optimizer = adam(model)

    def halve(opt, args, kwargs):
        for p in model.parameters():
            p.grad.mul_(0.5)

    optimizer.register_step_pre_hook(halve)
    step = wrap(stepping(model, optimizer))
    later = []

    def shrink(opt, args, kwargs):
        with mt.no_grad():
            model[0].weight.mul_(0.9)

    def call(i):
        if i == 4:
            later.append(optimizer.register_step_post_hook(shrink))
        if i == 7:
            later.pop().remove()
        return step(*batch(i))

    return call, [model, optimizer]


def batch_norm(wrap):
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).double()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def call(i):
        model.train(i % 4 != 3)
        return step(*batch(i))

    return call, [model, optimizer]


def dropout(wrap):
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3)).double()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def call(i):
        if i == 5:
            mt.manual_seed(7)
        if i == 7:
            model[1].p = 0.25
        return step(*batch(i))

    return call, [model, optimizer]


def own_generator(wrap):
    w, generator = nn.Parameter(mt.ones(3)), mt.Generator().manual_seed(3)

    def step(x):
        noise = mt.randn(3, generator=generator) + mt.rand(3)
        loss = (w * x * noise).sum()
        loss.backward()
        return noise, mt.randint(0, 9, (4,), generator=generator), mt.randperm(5), mt.bernoulli(mt.full((3,), 0.5))

    compiled = wrap(step)

    def call(i):
        if i == 5:
            generator.manual_seed(3)
        return compiled(mt.ones(3))

    return call, [w, generator]


def embedding(wrap):
    model = nn.Sequential(nn.Embedding(9, 4, padding_idx=0), nn.Flatten(), nn.Linear(12, 3)).double()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def call(i):
        return step(mt.tensor(np.random.default_rng(i).integers(0, 9, (6, 3))), batch(i)[1])

    return call, [model, optimizer]


def closures(wrap):
    model = net()
    optimizer = adam(model)

    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure)

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), [model, optimizer]


def two_models(wrap):
    """A step of a generator and a discriminator, each with an optimizer of its own."""
    maker, judge = nn.Linear(2, 4).double(), nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    first, second = adam(maker), mt.optim.RMSprop(judge.parameters(), lr=0.01)

    def step(x):
        real, fake = mt.ones(6, 1, dtype=mt.float64), mt.zeros(6, 1, dtype=mt.float64)
        made = maker(mt.randn(6, 2, dtype=mt.float64))
        second.zero_grad()
        loss = F.binary_cross_entropy_with_logits(judge(x), real)
        loss = loss + F.binary_cross_entropy_with_logits(judge(made.detach()), fake)
        loss.backward()
        second.step()
        first.zero_grad()
        fooled = F.binary_cross_entropy_with_logits(judge(made), real)
        fooled.backward()
        first.step()
        return {"judge": loss.detach(), "maker": fooled.detach()}

    compiled = wrap(step)
    return lambda i: compiled(batch(i)[0]), [maker, judge, first, second]


def shards(wrap):
    """The parts of a batch come in dicts."""
    model = net()
    optimizer = adam(model)

    def step(parts):
        optimizer.zero_grad()
        losses = {name: F.cross_entropy(model(part["x"]), part["y"]) for name, part in parts.items()}
        (sum(losses.values()) / len(losses)).backward()
        optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}

    compiled = wrap(step)

    def call(i):
        parts = [dict(zip("xy", batch(3 * i + k))) for k in range(3)]
        return compiled(dict(zip(("a", "b", "c") if i % 2 else ("c", "a", "b"), parts)))

    return call, [model, optimizer]


def evaluation_between(wrap):
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.BatchNorm1d(8), nn.Linear(8, 3)).double()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))

    def evaluate(x, y):
        with mt.no_grad():
            return (model(x).argmax(1) == y).double().mean()

    judge = wrap(evaluate)

    def call(i):
        loss = step(*batch(i))
        model.eval()
        right = judge(*batch(99))
        model.train()
        with mt.no_grad():
            return loss, right, judge(*batch(99))

    return call, [model, optimizer]


def checkpointing(wrap):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    optimizer = adam(model)
    compiled = wrap(training(optimizer, lambda x, y: F.cross_entropy(mt.checkpoint(model)(x), y)))
    return lambda i: compiled(*batch(i)), [model, optimizer]


class Cube(mt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x + 0.25  # not quite, so that it shows


def own_function(wrap):
    model = net()
    optimizer = adam(model)
    compiled = wrap(training(optimizer, lambda x, y: F.cross_entropy(Cube.apply(model(x)), y)))
    return lambda i: compiled(*batch(i)), [model, optimizer]


@mt.custom_vjp
def clipped(x):
    return x * 2


clipped.defvjp(lambda x: (x * 2, x), lambda x, g: ((g * x).clamp(-0.1, 0.1),))


def own_rule(wrap):
    model = net()
    optimizer = adam(model)
    compiled = wrap(training(optimizer, lambda x, y: F.cross_entropy(clipped(model(x)), y)))
    return lambda i: compiled(*batch(i)), [model, optimizer]


def gradients_by_hand(wrap):
    model = net()

    def step(x, y):
        parameters = list(model.parameters())
        loss = F.cross_entropy(model(x), y)
        grads = mt.autograd.grad(loss, parameters)
        with mt.no_grad():
            for p, g in zip(parameters, grads):
                p -= 0.1 * g
        return grads

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), model


def gradient_penalty(wrap):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    optimizer = adam(model)

    def step(x):
        optimizer.zero_grad()
        x = x.detach().clone().requires_grad_()
        out = model(x).sum()
        (g,) = mt.autograd.grad(out, x, create_graph=True)
        loss = out + (g.square().sum(1).sqrt() - 1).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    compiled = wrap(step)
    return lambda i: compiled(batch(i)[0]), [model, optimizer]


def second_backward(wrap):
    w = nn.Parameter(mt.tensor([1.0, 2.0]))

    def step(x):
        w.grad = None
        (w**3 * x).sum().backward(create_graph=True)
        g = w.grad
        w.grad = None
        g.sum().backward()
        return g.detach()

    compiled = wrap(step)
    return lambda i: compiled(mt.tensor([1.0, i])), w


def adversarial(wrap):
    model = net()
    optimizer = adam(model)

    def step(x, y):
        x = x.clone().requires_grad_()
        F.cross_entropy(model(x), y).backward()
        worse = (x + 0.1 * x.grad.sign()).detach()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(worse), y)
        loss.backward()
        optimizer.step()
        return loss, worse

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), [model, optimizer]


def gradients_of_arguments(wrap):
    w = nn.Parameter(mt.tensor([1.0, 2.0]))
    xs = [mt.tensor([float(i), 1.0], requires_grad=True) for i in range(4)]

    def step(x):
        out = (w * x * x).sum()
        out.backward()
        return out

    compiled = wrap(step)
    return lambda i: compiled(xs[(i * i) % 4]), [w, xs]


def a_running_average(wrap):
    model, average = net(), net()
    average.load_state_dict(model.state_dict())
    optimizer = adam(model)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        with mt.no_grad():
            for a, p in zip(average.parameters(), model.parameters()):
                a.lerp_(p, 0.1)
        return loss

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), [model, average, optimizer]


def history(wrap):
    """A buffer that is written by an index which is itself state."""
    table, position = mt.zeros(4, 3), mt.tensor(0)

    def step(x):
        table[position % 4] = x
        position.add_(1)
        return table.mean(0)

    compiled = wrap(step)
    return lambda i: compiled(mt.full((3,), float(i))), [table, position]


def a_gradient_from_outside(wrap):
    model = net()
    optimizer = adam(model)

    def step(scale):
        for p in model.parameters():
            p.grad = p.grad * scale
        optimizer.step()

    compiled = wrap(step)

    def call(i):
        optimizer.zero_grad()
        x, y = batch(i)
        F.cross_entropy(model(x), y).backward()
        compiled(mt.tensor(0.5, dtype=mt.float64))

    return call, [model, optimizer]


def parameters_written(wrap):
    model = net()

    def step(x, y):
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        return loss.detach()

    compiled = wrap(step)
    return lambda i: compiled(*batch(i)), model


def weights_exchanged(wrap):
    """What is loaded, exchanged or converted between calls is what the next call uses."""
    model = net()
    optimizer = adam(model)
    step = wrap(stepping(model, optimizer))
    start = {k: v.clone() for k, v in model.state_dict().items()}

    def call(i):
        if i == 2:
            model.load_state_dict(start)
        if i == 4:
            model[0].weight.data = mt.ones(8, 4, dtype=mt.float64)
        if i == 6:
            optimizer.load_state_dict(optimizer.state_dict())
        if i == 8:
            model[2] = nn.Linear(8, 3).double()
            optimizer.add_param_group({"params": model[2].parameters()})
        return step(*batch(i))

    return call, [model, optimizer]


def penalty_in_the_loss(wrap):
    model = net()
    optimizer = adam(model)

    def loss(x, y, strength):
        return F.cross_entropy(model(x), y) + strength * sum(p.square().sum() for p in model.parameters())

    compiled = wrap(training(optimizer, loss))
    return lambda i: compiled(*batch(i), 0.1 * i), [model, optimizer]


def recurrent(wrap):
    """A state that is carried from call to call, and through time inside."""
    cell, hidden = nn.Linear(4 + 3, 3).double(), mt.zeros(6, 3, dtype=mt.float64)
    optimizer = adam(cell)

    def step(x):
        optimizer.zero_grad()
        h, total = hidden, 0
        for _ in range(3):
            h = cell(mt.cat([x, h], 1)).tanh()
            total = total + h.square().mean()
        total.backward()
        optimizer.step()
        hidden.copy_(h.detach())
        return total

    compiled = wrap(step)
    return lambda i: compiled(batch(i)[0]), [cell, hidden, optimizer]


SCENES = {
    f.__name__.replace("_", " "): f
    for f in (
        groups, changing_rate, tensor_rate, complex_parameters, accumulation, accumulation_inside, zeros_for_gradients,
        zeroed_after, frozen, tied, tensor_hooks, a_hook_with_a_setting, module_hooks, optimizer_hooks, batch_norm,
        dropout, own_generator, embedding, closures, two_models, shards, evaluation_between, checkpointing, own_function,
        own_rule, gradients_by_hand, gradient_penalty, second_backward, adversarial, gradients_of_arguments,
        a_running_average, history, a_gradient_from_outside, parameters_written, weights_exchanged, penalty_in_the_loss,
        recurrent,
    )
} | {
    "clipping by norm": clipping(lambda ps: nn.utils.clip_grad_norm_(ps, 0.1)),
    "clipping by the largest": clipping(lambda ps: nn.utils.clip_grad_norm_(ps, 0.1, float("inf"))),
    "clipping values": clipping(lambda ps: nn.utils.clip_grad_value_(ps, 0.01)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_scene(name):
    compare(SCENES[name], STEPS)
