"""checkpoint: the same numbers, less memory."""

from __future__ import annotations

import functools
import gc
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import checkpoint as module
from minitorch.core import checkpoint_policies as policies
from minitorch.core import keeping
from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.errors import ArgumentError, GradError
from minitorch.core.jacobian import hessian, jacfwd, jacrev
from minitorch.core.jit.passes.pipeline import optimize
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import exp, sin, tanh
from minitorch.core.primitive import lookup
from minitorch.core.tape import muting
from minitorch.core.tracer import Tracer, aval_of
from minitorch.core.transforms import grad, jvp, value_and_grad, vmap
from minitorch.tensor.handle import Tensor
from minitorch.tensor.random import rand
from minitorch.test_util import check_grads

X = np.array([0.3, -0.7, 1.1])


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-6)


def f(x):
    return sin(x * sin(x))


def plainly(function):
    return function


@pytest.mark.parametrize(
    "use",
    [
        lambda c: grad(lambda x: c(f)(x).sum())(Array(X)),
        lambda c: vmap(grad(c(f)))(Array(X)),
        lambda c: grad(lambda x: vmap(c(f))(x).sum())(Array(X)),
        lambda c: grad(lambda w: vmap(lambda x: c(f)(x * w))(Array(X)).sum())(2.0),
        lambda c: jvp(c(f), (Array(X),), (Array(X),))[1],
        lambda c: hessian(lambda x: c(f)(x).sum())(Array(X)),
        lambda c: jacrev(jacrev(lambda x: c(f)(x).sum()))(Array(X)),
        lambda c: jacfwd(jacfwd(c(f)))(Array(X)),
        lambda c: jacrev(jacfwd(c(f)))(Array(X)),
        lambda c: grad(grad(grad(c(f))))(0.7),
        lambda c: grad(lambda x: jvp(c(f), (x,), (1.0,))[1])(0.7),
        lambda c: grad(lambda x: c(lambda y: c(f)(y) * c(c(f))(y * 2.0))(x))(0.7),
        # closures, at the same level, inside and outside of it
        lambda c: grad(lambda w: c(lambda x: f(w * x))(w))(0.7),
        lambda c: grad(lambda w: c(lambda x: f(w * x))(Array(X)).sum())(0.7),
        lambda c: grad(lambda w: c(lambda: f(w))())(0.7),
        lambda c: grad(lambda w: c(lambda x: w)(3.0))(0.7),
        lambda c: grad(lambda w: (lambda u: c(lambda x: f(u * x) * u * w)(u * 2.0))(sin(w)))(0.7),
        lambda c: grad(grad(lambda w: c(lambda x: f(w * x))(w * w)))(0.7),
        lambda c: grad(lambda a: grad(lambda b: c(lambda x: f(a * x) * b)(b))(0.5))(0.7),
        lambda c: grad(lambda a: grad(lambda b: c(lambda x: f(b * x))(a))(0.5))(0.7),
        lambda c: grad(lambda a: vmap(lambda b: c(lambda x: f(b * x))(a))(Array(X)).sum())(0.7),
        lambda c: vmap(lambda b: grad(c(lambda x: f(b * x)))(0.7))(Array(X)),
        lambda c: jvp(lambda w: c(lambda x: f(w * x))(w), (0.7,), (1.0,))[1],
        lambda c: jvp(lambda w: grad(c(lambda x: f(w * x)))(0.5), (0.7,), (1.0,))[1],
        lambda c: grad(lambda w: jvp(c(lambda x: f(w * x)), (0.5,), (1.0,))[1])(0.7),
    ],
)
def test_same_as_without(use):
    same(use(checkpoint), use(plainly))


def test_trees_keywords_and_numbers():
    @checkpoint
    def block(params, x, scale=1.0, *, name="tanh"):
        assert name == "tanh"
        h = tanh(params["w"] * x) * scale
        return {"h": h, "twice": (h * 2.0, None), "n": 3}

    def loss(params):
        out = block(params, Array(X), scale=2.0, name="tanh")
        assert out["n"].item() == 3
        return (out["h"] + out["twice"][0]).sum()

    g = grad(loss)({"w": Array(X), "unused": Array(X)})
    same(g["w"], 6 * X * (1 - np.tanh(X * X) ** 2))
    same(g["unused"], 0 * X)


def test_check_grads():
    check_grads(checkpoint(lambda x, y: {"a": f(x) * y, "b": exp(y)}), (X, X + 1), order=3)
    check_grads(lambda x, y: checkpoint(lambda z: f(x * z) * y)(sin(x)), (X, X + 1), order=2)


def test_around_a_function_with_its_own_rule():
    @custom_jvp
    def doubled(x):
        return sin(x)

    doubled.defjvp(lambda primals, tangents: (doubled(*primals), tangents[0] * 2.0))
    same(grad(checkpoint(doubled))(0.5), 2)


def test_muted():
    def cut(x):
        with muting(True):
            y = checkpoint(f)(x)
        return x * y

    same(grad(cut)(0.7), f(0.7))


def test_runs_twice_and_not_more():
    runs = []

    @checkpoint
    def block(x):
        runs.append(1)
        return sin(x)

    grad(block)(1.0)
    assert len(runs) == 2
    jvp(block, (1.0,), (1.0,))
    assert len(runs) == 3


def test_random_state_is_repeated(monkeypatch):
    state = [0]

    def preserve():
        then = state[0]

        @contextmanager
        def repeat():
            now, state[0] = state[0], then
            try:
                yield
            finally:
                state[0] = now

        return repeat

    monkeypatch.setattr(module, "PRESERVED", [preserve])

    @checkpoint
    def dropout(x):
        state[0] += 1
        return x * float(state[0])

    def loss(x):
        return dropout(x) + 10.0 * dropout(x)

    same(grad(loss)(1.0), 21)
    assert state[0] == 2


def test_random_numbers_are_drawn_again():
    x = Array(X)
    block = checkpoint(lambda x: x * rand(3))
    value, g = value_and_grad(lambda x: (block(x) + 10.0 * block(x)).sum())(x)
    same(value, (g.numpy() * X).sum())
    w = Tensor(X, requires_grad=True)
    out = block(w)
    after = rand(3)
    out.sum().backward()
    same(out.detach(), w.grad.numpy() * X)
    assert not np.array_equal(rand(3).numpy(), after.numpy())


# --------------------------------------------------------------------------- memory


def peak(function, *args):
    gc.collect()
    tracemalloc.start()
    function(*args)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return used


def block(x):
    for _ in range(10):
        x = tanh(x)
    return x


def deep(c):
    def loss(x):
        for _ in range(10):
            x = c(block)(x)
        return x.sum()

    return loss


def test_memory_falls():
    x = Array(np.ones(10_000))  # 80 kB; 100 intermediate values without checkpoints, 10 + 10 with
    without, with_ = peak(grad(deep(plainly)), x), peak(grad(deep(checkpoint)), x)
    assert without > 95 * 80_000
    assert with_ < 30 * 80_000


def test_memory_falls_for_closed_over_parameters():
    def loss(c):
        def closed(w):
            x = Array(np.ones(10_000))
            for _ in range(10):
                x = c(lambda x: block(x * w))(x)
            return x.sum()

        return closed

    w = Array(np.ones(10_000))
    without, with_ = peak(grad(loss(plainly)), w), peak(grad(loss(checkpoint)), w)
    assert with_ < without / 3


def test_memory_falls_under_vmap_and_jvp():
    x = Array(np.ones((10, 1_000)))
    for around in (
        lambda g: lambda x: grad(lambda x: vmap(g)(x).sum())(x),
        lambda g: lambda x: grad(lambda x: jvp(g, (x,), (x,))[1])(x),
    ):
        without, with_ = peak(around(deep(plainly)), x), peak(around(deep(checkpoint)), x)
        assert with_ < without / 3


def test_value_and_grad_frees_as_it_walks():
    used = []

    @custom_jvp
    def watched(x):
        return x

    x = Array(np.ones(10_000))
    value_and_grad(deep(plainly))(x)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    value_and_grad(deep(plainly))(x)
    used.append(tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()
    assert used[0] < 2 * 80_000  # nothing of the tape outlives the call


# --------------------------------------------------------------------------- tensors


@pytest.mark.parametrize("c", [checkpoint, plainly])
def test_tensors(c):
    w, v = Tensor([0.5, 0.2], requires_grad=True), Tensor([0.1, 0.2], requires_grad=True)
    h = c(lambda a: f(a * w) * w)
    z = v * 3.0
    (h(z).sum() + h(w).sum()).backward()
    expected = grad(lambda w, v: (f(v * 3.0 * w) * w).sum() + (f(w * w) * w).sum(), (0, 1))
    gw, gv = expected(Array([0.5, 0.2]), Array([0.1, 0.2]))
    same(w.grad, gw)
    same(v.grad, gv)


@pytest.mark.parametrize("c", [checkpoint, plainly])
def test_tensors_twice(c):
    w, v = Tensor([0.5, 0.2], requires_grad=True), Tensor([0.1, 0.2], requires_grad=True)
    c(lambda a: f(a * w) * w)(v * 3.0).sum().backward(create_graph=True)
    first = v.grad
    v.grad = None
    w.grad = None
    first.sum().backward()

    def loss(w, v):
        return (f(v * 3.0 * w) * w).sum()

    gw, gv = grad(lambda w, v: grad(loss, 1)(w, v).sum(), (0, 1))(Array([0.5, 0.2]), Array([0.1, 0.2]))
    same(w.grad, gw)
    same(v.grad, gv)


def test_tensor_parameters_with_an_untracked_input():
    w = Tensor([0.5, 0.2], requires_grad=True)
    checkpoint(lambda a: f(a * w))(Tensor([1.0, 2.0])).sum().backward()
    same(w.grad, grad(lambda w: f(w * Array([1.0, 2.0])).sum())(Array([0.5, 0.2])))


@pytest.mark.parametrize("c", [checkpoint, plainly])
def test_tensors_inside_a_transform(c):
    def loss(w):
        scale = Tensor([2.0, 3.0])
        block = c(lambda x: f(x * w) * scale * Tensor(2.0))
        return (block(scale) + block(w)).sum()

    w = np.array([0.5, 0.2], np.float32)
    g = grad(loss)(Tensor(w))
    assert isinstance(g, Tensor)

    def plain(w):
        scale = Array([2.0, 3.0])
        return ((f(scale * w) + f(w * w)) * scale * 2.0).sum()

    same(g, grad(plain)(Array(w)))
    same(jacrev(grad(loss))(Tensor(w)), jacrev(grad(plain))(Array(w)))
    same(vmap(grad(loss))(Tensor(np.stack([w, w])))[1], g)


# --------------------------------------------------------------------------- policies

W = np.random.default_rng(0).normal(size=(3, 3)) / 2
POLICIES = [
    policies.nothing_saveable,
    policies.everything_saveable,
    policies.dots_saveable,
    policies.dots_with_no_batch_dims_saveable,
    policies.save_only_these_names("h"),
    policies.save_anything_except_these_names("h"),
    lambda primitive, *avals, **params: primitive.name in ("sin", "mul"),
]
IDS = ["nothing", "everything", "dots", "weights", "names", "except", "own"]


def g(x):
    h = policies.checkpoint_name(matmul(Array(W), sin(x * x)), "h")
    return tanh(h) * x


@pytest.mark.parametrize("policy", POLICIES, ids=IDS)
@pytest.mark.parametrize(
    "use",
    [
        lambda c: grad(lambda x: c(g)(x).sum())(Array(X)),
        lambda c: vmap(grad(lambda x: c(g)(x).sum()))(Array(W)),
        lambda c: grad(lambda x: vmap(c(g))(x).sum())(Array(W)),
        lambda c: jvp(c(g), (Array(X),), (Array(X),))[1],
        lambda c: hessian(lambda x: c(g)(x).sum())(Array(X)),
        lambda c: jacrev(jacrev(lambda x: c(g)(x).sum()))(Array(X)),
        lambda c: grad(lambda x: jvp(c(g), (x,), (x,))[1].sum())(Array(X)),
        lambda c: grad(lambda x: c(lambda y: c(g)(y) * c(c(g))(y * 2.0))(x).sum())(Array(X)),
        # closures, at the same level, inside and outside of it, and values that are given twice
        lambda c: grad(lambda w: c(lambda x: g(w * x))(w).sum())(Array(X)),
        lambda c: grad(lambda w: c(lambda x: g(w * x))(Array(X)).sum())(Array(X)),
        lambda c: grad(lambda w: c(lambda: g(w))().sum())(Array(X)),
        lambda c: grad(lambda w: c(lambda x: w)(3.0).sum())(Array(X)),
        lambda c: grad(lambda w: c(lambda x, y: g(x) * y * w)(w, w).sum())(Array(X)),
        lambda c: grad(lambda w: (lambda u: c(lambda x: g(u * x) * (u * w))(u * 2.0).sum())(sin(w)))(Array(X)),
        lambda c: grad(lambda v: grad(lambda w: c(lambda x: g(w * x) * v)(w * w).sum())(v).sum())(Array(X)),
        lambda c: grad(lambda a: grad(lambda b: c(lambda x: g(a * x) * b)(b).sum())(a).sum())(Array(X)),
        lambda c: grad(lambda a: grad(lambda b: c(lambda x: g(b * x))(a).sum())(a).sum())(Array(X)),
        lambda c: grad(lambda a: vmap(lambda b: c(lambda x: g(b * x))(a))(Array(W)).sum())(Array(X)),
        lambda c: mt.jit(grad(lambda x: c(g)(c(g)(x)).sum()))(Array(X)),
        lambda c: grad(lambda x: mt.jit(c(g))(x).sum())(Array(X)),
        lambda c: mt.jit(grad(lambda w: c(lambda x: g(w * x))(w).sum()))(Array(X)),
    ],
)
def test_the_same_with_every_policy(policy, use):
    same(use(functools.partial(checkpoint, policy=policy)), use(plainly))


def test_a_policy_says_what_is_computed_again(monkeypatch):
    seen = []
    plain = keeping.bind
    monkeypatch.setattr(keeping, "bind", lambda p, *a, **k: seen.append(p.name) or plain(p, *a, **k))
    block = lambda x: policies.checkpoint_name(sin(matmul(exp(x), exp(x))), "h") * 2.0  # noqa: E731

    def again(policy):
        del seen[:]
        grad(lambda x: checkpoint(block, policy=policy)(x).sum())(Array(W))
        assert seen[:6] == ["exp", "exp", "matmul", "sin", "mark", "mul"]
        return seen[6:]

    assert again(policies.dots_saveable) == ["exp", "exp", "sin", "mark", "mul"]
    assert again(policies.save_only_these_names("h")) == ["exp", "exp", "matmul", "sin", "mul"]
    assert again(lambda p, *a, **k: True) == []


def test_batches_of_matrices_are_no_weights():
    matrix, batch = (aval_of(Array(np.ones(shape))) for shape in ((3, 3), (2, 3, 3)))
    saves = policies.dots_with_no_batch_dims_saveable
    assert saves(lookup("matmul"), matrix, matrix) and saves(lookup("matmul"), batch, matrix)
    assert not saves(lookup("matmul"), batch, batch) and not saves(lookup("exp"), matrix)


def test_static_arguments_and_decorators():
    @checkpoint(static_argnums=(1, -1))
    def block(x, flag, y, name):
        assert flag is True and name == "sin"
        return sin(x) * y

    same(grad(lambda x: block(x, True, 2.0, "sin"))(0.5), 2 * np.cos(0.5))
    same(grad(lambda y: block(0.5, True, y, "sin"))(1.0), np.sin(0.5))
    with pytest.raises(ArgumentError, match="checkpoint: static_argnums 5 is out of range"):
        checkpoint(sin, static_argnums=5)(1.0)


def test_an_impure_function_with_a_policy_is_told():
    runs = []

    def block(x):
        runs.append(1)
        return exp(matmul(Array(W), x)) if len(runs) == 1 else exp(matmul(Array(W), matmul(Array(W), x)))

    with pytest.raises(GradError, match="second run of the function computed matvec where the first did not"):
        grad(lambda x: checkpoint(block, policy=policies.dots_saveable)(x).sum())(Array(X))


def test_custom_rules_inside_a_function_with_a_policy():
    inner = custom_vjp(lambda x, w: sin(x) * w)
    inner.defvjp(lambda x, w: (inner(x, w), (x, w)), lambda kept, g: (g * 5.0 * kept[1], g * kept[0]))
    for policy in POLICIES:
        c = functools.partial(checkpoint, policy=policy)
        block = lambda x, w: c(lambda y: inner(y * 2.0, w) * exp(y))(x).sum()  # noqa: E731, B023
        found = grad(block, (0, 1))(Array(X), Array(X + 1))
        wanted = grad(lambda x, w: (inner(x * 2.0, w) * exp(x)).sum(), (0, 1))(Array(X), Array(X + 1))
        same(found[0], wanted[0])
        same(found[1], wanted[1])


@pytest.mark.parametrize("policy", POLICIES, ids=IDS)
def test_tensors_and_random_numbers_with_a_policy(policy):
    w, v = Tensor([0.5, 0.2], requires_grad=True), Tensor([0.1, 0.2], requires_grad=True)
    drawn = []

    def block(a):
        keep = rand(2)
        drawn.append(np.asarray(keep.detach().numpy()) if not isinstance(keep.value, Tracer) else None)
        return f(a * w) * w * keep

    out = checkpoint(block, policy=policy)(v * 3.0)
    assert isinstance(out, Tensor)
    out.sum().backward()
    k = Array(drawn[0])
    gw, gv = grad(lambda w, v: (f(v * 3.0 * w) * w * k).sum(), (0, 1))(Array([0.5, 0.2]), Array([0.1, 0.2]))
    same(w.grad, gw)
    same(v.grad, gv)


def test_memory_with_policies():
    x, n = Array(np.ones(10_000)), 80_000

    def tagged(x):
        for _ in range(5):
            x = tanh(tanh(x))
        return policies.checkpoint_name(x, "out") * 2.0

    def loss(c):
        def many(x):
            for _ in range(10):
                x = c(tagged)(x)
            return x.sum()

        return many

    def with_policy(policy):
        return peak(grad(loss(functools.partial(checkpoint, policy=policy))), x)

    nothing, named = with_policy(policies.nothing_saveable), with_policy(policies.save_only_these_names("out"))
    everything, half = with_policy(policies.everything_saveable), with_policy(lambda p, *a, **k: p.name == "mul")
    assert nothing < 26 * n < 95 * n < everything
    assert nothing + 7 * n < named < nothing + 12 * n  # one more array for each of the ten blocks
    assert half < 40 * n


# --------------------------------------------------------------------------- compiled


def arena_of(function, *args):
    """The bytes that a compiled function needs between its arguments and its results."""
    compiled = mt.jit(function)
    compiled(*args)
    return compiled.last[1].plan.program.arena.size


def graph_of(function, *args):
    """The optimized graph of a compiled function."""
    return optimize(mt.make_graph(function)(*args))


def test_compiled_the_second_run_is_kept_and_memory_falls():
    x = Array(np.ones((300, 300)))
    w = Array(np.eye(300) * 0.9)

    def loss(c):
        def many(x):
            for _ in range(4):
                x = c(lambda x: tanh(matmul(tanh(matmul(tanh(matmul(x, w)), w)), w)))(x)
            return x.sum()

        return many

    plain, saved = grad(loss(plainly)), grad(loss(checkpoint))
    merged = grad(loss(functools.partial(checkpoint, prevent_cse=False)))
    same(mt.jit(saved)(x), plain(x))
    counts = [sum(eq.primitive.name == "matmul" for eq in graph_of(f, x).equations) for f in (plain, saved, merged)]
    assert counts == [24, 33, 24]  # the second run of each block leaves out its last product
    assert arena_of(saved, x) < 0.5 * arena_of(plain, x)
