"""Gradient transformations: optax's numbers, the torch-style optimizers' rules, purity, and every transform."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.core import tree
from minitorch.optim import functional as F

PARAMS = {"w": [[1.0, -2.0], [0.5, 3.0]], "b": (0.3, [2.0])}


def arrays(values, dtype="float32"):
    return tree.map(lambda x: mt.array(np.asarray(x, dtype)), PARAMS if values is None else values)


def params_and_grads(steps=12, dtype="float32"):
    rng = np.random.default_rng(0)
    shapes = {"w": (2, 3), "b": ((), (4,))}

    def drawn():
        return {
            "w": rng.normal(size=shapes["w"]).astype(dtype),
            "b": tuple(np.asarray(rng.normal(size=s), dtype) for s in shapes["b"]),
        }

    return drawn(), [drawn() for _ in range(steps)]


def run(optimizer, params, grads, apply, convert):
    params = convert(params)
    state = optimizer.init(params)
    for g in grads:
        updates, state = optimizer.update(convert(g), state, params)
        params = apply(params, updates)
    return params, state


def leaves(x):
    return [np.asarray(v) for v in tree.leaves(x)]


SCHEDULE = {"init_value": 0.5, "end_value": 0.1, "transition_steps": 8, "transition_begin": 2}
CASES = {
    "sgd": lambda o: o.sgd(0.1),
    "sgd momentum": lambda o: o.sgd(0.1, momentum=0.9),
    "sgd nesterov": lambda o: o.sgd(0.1, momentum=0.9, nesterov=True),
    "sgd schedule": lambda o: o.sgd(o.linear_schedule(**SCHEDULE), momentum=0.5),
    "frozen": lambda o: o.multi_transform({"w": o.sgd(0.1), "b": o.set_to_zero()}, {"w": "w", "b": "b"}),
    "adam": lambda o: o.adam(0.1),
    "adam options": lambda o: o.adam(0.1, b1=0.7, b2=0.95, eps=1e-3, eps_root=1e-2),
    "nadam": lambda o: o.nadam(0.1, b1=0.8),
    "adamw": lambda o: o.adamw(0.1, weight_decay=0.1),
    "adamw mask": lambda o: o.adamw(0.1, weight_decay=0.1, mask={"w": True, "b": False}),
    "adamw mask function": lambda o: o.adamw(0.1, weight_decay=0.1, mask=lambda p: {"w": False, "b": (True, False)}),
    "radam": lambda o: o.radam(0.1, b2=0.9),
    "adamax": lambda o: o.adamax(0.1),
    "lion": lambda o: o.lion(0.1, weight_decay=0.1),
    "rmsprop": lambda o: o.rmsprop(0.1),
    "rmsprop options": lambda o: o.rmsprop(0.1, decay=0.7, eps_in_sqrt=False, initial_scale=0.5, momentum=0.5),
    "rmsprop centered": lambda o: o.rmsprop(0.1, centered=True, eps=0.1, momentum=0.5, nesterov=True),
    "adagrad": lambda o: o.adagrad(0.1),
    "adadelta": lambda o: o.adadelta(0.5, rho=0.8, weight_decay=0.1),
    "chain": lambda o: o.chain(
        o.clip_by_global_norm(1.0), o.clip(0.4), o.trace(0.9), o.add_decayed_weights(0.1), o.scale(-0.1)
    ),
    "signs": lambda o: o.chain(o.scale_by_sign(), o.scale_by_learning_rate(0.1)),
    "identity": lambda o: o.identity(),
    "schedule": lambda o: o.scale_by_schedule(o.exponential_decay(1.0, 3, 0.5)),
    "masked": lambda o: o.masked(o.adam(0.1), {"w": True, "b": (False, True)}),
    "multi": lambda o: o.multi_transform({"a": o.adam(0.1), "b": o.sgd(0.1)}, {"w": "a", "b": "b"}),
    "injected": lambda o: o.inject_hyperparams(o.adamw)(
        learning_rate=o.cosine_decay_schedule(0.5, 10), b1=0.8, weight_decay=0.1
    ),
    "injected momentum": lambda o: o.inject_hyperparams(o.sgd)(
        learning_rate=0.1, momentum=o.linear_schedule(0.5, 0.9, 5), nesterov=True
    ),
}


@pytest.mark.jax
@pytest.mark.parametrize("name", CASES)
def test_as_optax(name):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    params, grads = params_and_grads(dtype="float64")
    with jax.enable_x64(True):  # in float32, 1 - b2**count has lost digits
        theirs, _ = run(
            CASES[name](optax), params, grads, optax.apply_updates, lambda t: tree.map(jax.numpy.asarray, t)
        )
    ours, _ = run(CASES[name](F), params, grads, F.apply_updates, lambda t: tree.map(mt.array, t))
    for mine, other in zip(leaves(ours), leaves(theirs)):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)


LOGITS = np.random.default_rng(1).normal(size=(4, 3, 5)) * 3
SHARES = np.random.default_rng(2).dirichlet(np.ones(3), (4, 5)).transpose(0, 2, 1)
CLASSES = np.random.default_rng(3).integers(0, 5, (4, 3))
OTHERS = np.random.default_rng(4).integers(0, 3, (4, 5))
LOSSES = {
    "softmax_cross_entropy": lambda o, x: o.softmax_cross_entropy(x, SHARES, axis=1),
    "softmax_cross_entropy_with_integer_labels": lambda o, x: o.softmax_cross_entropy_with_integer_labels(x, CLASSES),
    "with classes on another axis": lambda o, x: o.softmax_cross_entropy_with_integer_labels(x, OTHERS, axis=1),
    "sigmoid_binary_cross_entropy": lambda o, x: o.sigmoid_binary_cross_entropy(x * 40, SHARES),
    "squared_error": lambda o, x: o.squared_error(x, SHARES),
    "squared_error of one": lambda o, x: o.squared_error(x),
    "l2_loss": lambda o, x: o.l2_loss(x, SHARES),
    "huber_loss": lambda o, x: o.huber_loss(x, SHARES, delta=0.7),
    "huber_loss of one": lambda o, x: o.huber_loss(x),
}  # fmt: skip


@pytest.mark.jax
@pytest.mark.parametrize("name", LOSSES)
def test_losses_as_optax(name):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        wanted, pull = jax.vjp(lambda x: LOSSES[name](optax, x), jax.numpy.asarray(LOGITS))
        slope = pull(jax.numpy.ones(wanted.shape))[0]
    found, pull = mt.vjp(lambda x: LOSSES[name](F, x), mt.array(LOGITS))
    assert found.shape == wanted.shape and found.dtype == mt.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pull(mt.ones_like(found))[0], slope, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mt.jit(lambda x: LOSSES[name](F, x))(mt.array(LOGITS)), wanted, rtol=1e-9, atol=1e-12)


def test_class_numbers_are_integers():
    with pytest.raises(mt.errors.DTypeError, match="labels are class numbers, got float32"):
        F.softmax_cross_entropy_with_integer_labels(mt.zeros(2, 3), mt.array([0.0, 1.0]))


@pytest.mark.parametrize("name", CASES)
def test_compiled_as_plain(name):
    params, grads = params_and_grads()
    optimizer = CASES[name](F)

    @mt.jit
    def step(params, state, g):
        updates, state = optimizer.update(g, state, params)
        return F.apply_updates(params, updates), state

    expected, last = run(optimizer, params, grads, F.apply_updates, lambda t: tree.map(mt.array, t))
    params = tree.map(mt.array, params)
    state = optimizer.init(params)
    for g in grads:
        params, state = step(params, state, tree.map(mt.array, g))
    assert tree.structure(state) == tree.structure(last)
    for a, b in zip([*leaves(params), *leaves(state)], [*leaves(expected), *leaves(last)]):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


TORCH_STYLE = {
    "SGD": (lambda: F.sgd(0.1, momentum=0.9, nesterov=True), {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "Adam": (lambda: F.adam(0.1), {"lr": 0.1}),
    "AdamW": (lambda: F.adamw(0.1, weight_decay=0.1), {"lr": 0.1, "weight_decay": 0.1}),
    "NAdam": (lambda: F.nadam(0.1), {"lr": 0.1, "momentum_decay": 1e9}),
    "RAdam": (lambda: F.radam(0.1, b2=0.9), {"lr": 0.1, "betas": (0.9, 0.9)}),
    "Adamax": (lambda: F.adamax(0.1), {"lr": 0.1}),
    "Adadelta": (lambda: F.adadelta(), {}),
    "Adagrad": (lambda: F.adagrad(0.1, 0.0, eps=1e-12), {"lr": 0.1, "eps": 1e-12}),
    "RMSprop": (lambda: F.rmsprop(0.1, 0.9, eps_in_sqrt=False), {"lr": 0.1, "alpha": 0.9}),
    "Rprop": (lambda: F.rprop(0.1), {"lr": 0.1}),
    "Adafactor": (lambda: F.adafactor(0.1), {"lr": 0.1}),
    "Lion": (lambda: F.lion(0.1, weight_decay=0.1), {"lr": 0.1, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TORCH_STYLE)
def test_as_the_torch_style_optimizer(name, dtype):
    params, grads = params_and_grads(dtype=dtype)
    make, options = TORCH_STYLE[name]
    ours, _ = run(make(), params, grads, F.apply_updates, lambda t: tree.map(mt.array, t))
    handles = [nn.Parameter(mt.tensor(x)) for x in tree.leaves(params)]
    optimizer = getattr(mt.optim, name)(handles, **options)
    for g in grads:
        for p, x in zip(handles, tree.leaves(g)):
            p.grad = mt.tensor(x)
        optimizer.step()
    tolerance = 1e-5 if dtype == "float32" else 1e-6 if name == "NAdam" else 1e-10
    for mine, p in zip(leaves(ours), handles):
        assert mine.dtype == p.dtype
        np.testing.assert_allclose(mine, p.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "lion", "injected"])
def test_other_dtypes_stay_as_they_are(name, dtype):
    params = {"w": mt.array([1.0, -2.0], dtype), "b": mt.array(0.5, dtype)}
    optimizer = CASES[name](F)
    state = optimizer.init(params)
    for _ in range(3):
        updates, state = optimizer.update(tree.map(lambda p: p * 0.5, params), state, params)
        assert {u.dtype for u in tree.leaves(updates)} == {params["w"].dtype}
        params = F.apply_updates(params, updates)
    assert params["w"].dtype == mt.array(0, dtype).dtype and np.isfinite(np.asarray(params["w"], "complex64")).all()


def test_derivatives_through_an_update():
    """What meta-learning does: the loss after a step, differentiated in the learning rate and in the start."""
    target = mt.array([1.0, -1.0])

    def after(start, rate):
        optimizer = F.chain(F.trace(0.9), F.scale(-rate))
        w, state = start, optimizer.init(start)
        for _ in range(3):
            g = mt.grad(lambda v: ((v - target) ** 2).sum())(w)
            updates, state = optimizer.update(g, state, w)
            w = F.apply_updates(w, updates)
        return ((w - target) ** 2).sum()

    mt.test_util.check_grads(after, (mt.array([0.5, 2.0], "float64"), mt.array(0.1, "float64")))


def test_a_batch_of_trainings():
    optimizer = F.adam(0.1)

    def trained(start):
        state, w = optimizer.init(start), start
        for _ in range(3):
            updates, state = optimizer.update(mt.grad(lambda v: (v * v).sum())(w), state, w)
            w = F.apply_updates(w, updates)
        return w

    starts = mt.array([[1.0, 2.0], [-3.0, 0.5]])
    found = mt.vmap(trained)(starts).numpy()
    for row, start in zip(found, starts):
        np.testing.assert_allclose(row, trained(start).numpy(), rtol=1e-6)


def test_modules_and_tensors_are_trees_too():
    model = nn.Linear(2, 1)
    x, y = mt.tensor([[1.0, 2.0], [3.0, -1.0]]), mt.tensor([[1.0], [2.0]])
    optimizer = F.adam(0.1)

    def loss(model):
        return ((model(x) - y) ** 2).mean()

    state, first = optimizer.init(model), loss(model).item()
    for _ in range(60):
        updates, state = optimizer.update(mt.grad(loss)(model), state, model)
        model = F.apply_updates(model, updates)
    assert isinstance(model, nn.Linear) and model.weight.requires_grad and model.weight.is_leaf
    assert loss(model).item() < 0.05 * first


def test_nothing_is_changed():
    params = {"w": mt.array([1.0, 2.0])}
    optimizer = F.inject_hyperparams(F.adamw)(learning_rate=0.1)
    state = optimizer.init(params)
    before = [x.tolist() for x in tree.leaves((params, state))]
    optimizer.update(params, state, params)
    assert [x.tolist() for x in tree.leaves((params, state))] == before


def test_injected_numbers_can_be_read_and_changed():
    optimizer = F.inject_hyperparams(F.sgd)(learning_rate=F.constant_schedule(0.5), momentum=0.0)
    state = optimizer.init(mt.array(0.0))
    assert {n: x.item() for n, x in state.hyperparams.items()} == {"learning_rate": 0.5, "momentum": 0.0}
    state.hyperparams["momentum"] = mt.array(1.0)
    _, state = optimizer.update(mt.array(1.0), state)
    updates, state = optimizer.update(mt.array(1.0), state)
    assert updates.item() == -1.0


def test_clip_by_global_norm_at_zero_has_a_gradient():
    t = F.clip_by_global_norm(1.0)
    jac = mt.jacrev(lambda g: t.update(g, t.init(g))[0])(mt.array([0.0, 0.0]))
    np.testing.assert_array_equal(jac.numpy(), np.eye(2))


SCHEDULES = {
    "constant": lambda o: o.constant_schedule(0.3),
    "linear": lambda o: o.linear_schedule(1.0, 0.1, 10, 3),
    "polynomial": lambda o: o.polynomial_schedule(1.0, 0.1, 2.5, 10, 2),
    "piecewise": lambda o: o.piecewise_constant_schedule(1.0, {5: 0.5, 12: 0.1}),
    "exponential": lambda o: o.exponential_decay(1.0, 5, 0.5, transition_begin=3),
    "staircase": lambda o: o.exponential_decay(1.0, 5, 0.5, staircase=True, end_value=0.2),
    "growing": lambda o: o.exponential_decay(1.0, 5, 2.0, end_value=3.0),
    "cosine": lambda o: o.cosine_decay_schedule(2.0, 15, alpha=0.1, exponent=1.5),
    "joined": lambda o: o.join_schedules([o.constant_schedule(1.0), o.linear_schedule(1.0, 0.0, 6)], [7]),
    "warm": lambda o: o.warmup_constant_schedule(0.0, 1.0, 8),
    "warm cosine": lambda o: o.warmup_cosine_decay_schedule(0.1, 1.0, 5, 15, end_value=0.05),
    "warm exponential": lambda o: o.warmup_exponential_decay_schedule(0.1, 1.0, 5, 4, 0.5),
}


@pytest.mark.jax
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    optax = pytest.importorskip("optax")
    ours, theirs = SCHEDULES[name](F), SCHEDULES[name](optax)
    expected = [float(theirs(n)) for n in range(25)]
    np.testing.assert_allclose([ours(n).item() for n in range(25)], expected, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(mt.vmap(ours)(np.arange(25)).numpy(), expected, rtol=2e-6, atol=1e-7)
    compiled = mt.jit(ours)
    np.testing.assert_allclose([compiled(mt.array(n)).item() for n in range(25)], expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.chain(F.sgd), "chain.*function"),
        (lambda: F.adafactor().update(mt.array(1.0), F.adafactor().init(mt.array(1.0))), "adafactor.*params"),
        (lambda: F.muon(0.1).update(mt.ones(3), F.muon(0.1).init(mt.ones(3)), mt.ones(3)), "muon.*matrices"),
        (lambda: F.adamw(0.1).update(mt.array(1.0), F.adamw(0.1).init(mt.array(1.0))), "add_decayed_weights.*params"),
        (lambda: F.multi_transform({"a": F.sgd(1.0)}, {"w": "b"}).init({"w": mt.array(1.0)}), "labels.*'b'"),
        (lambda: F.masked(F.sgd(1.0), {"v": True}).init({"w": mt.array(1.0)}), "masked.*match"),
        (lambda: F.adam(0.1).update({"w": mt.array(1.0)}, F.adam(0.1).init(mt.array(1.0))), "structure"),
        (lambda: F.inject_hyperparams(F.sgd, "rate"), "static_args.*rate"),
        (lambda: F.linear_schedule(1.0, 0.0, 0), "transition_steps must be positive"),
        (lambda: F.exponential_decay(1.0, 5, 0.0), "decay_rate must be positive"),
        (lambda: F.cosine_decay_schedule(1.0, -1), "decay_steps must be positive"),
        (lambda: F.piecewise_constant_schedule(1.0, {3: -1.0}), "negative"),
        (lambda: F.join_schedules([F.constant_schedule(1.0)], [3]), "0 boundaries"),
        (lambda: F.scale_by_radam(threshold=2.0), "threshold"),
        (lambda: F.scale_by_adam(eps_root=0.1, nesterov=True), "eps_root"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
