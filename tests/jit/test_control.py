"""Loops and branches compiled: native, and equal to what runs at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax
from minitorch.core.jit.graph import Graph, check, interpret
from minitorch.core.jit.passes import optimize
from minitorch.errors import GradError, JitError, TracerError

RNG = np.random.default_rng(0)
XS = mt.array(RNG.normal(size=(6, 3)).astype(np.float32))
H = mt.array(RNG.normal(size=3).astype(np.float32))
W = mt.array(RNG.normal(size=(3, 3)).astype(np.float32))


def same(f, *args, rtol=1e-5):
    """Compare a function with its compiled self, twice, and return the compiled one."""
    compiled, wanted = mt.jit(f), mt.tree.leaves(f(*args))
    for _ in range(2):
        for a, b in zip(mt.tree.leaves(compiled(*args)), wanted, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol, rtol)
    return compiled


def in_python(compiled):
    return [line.strip() for line in compiled.explain().splitlines() if "Python, because" in line]


def network(h, xs, w):
    def step(h, x):
        h = mt.tanh(w @ h + x)
        return h, (h * x, h.sum())

    return lax.scan(step, h, xs)


NATIVE = {
    "scan": (network, (H, XS, W)),
    "reverse": (lambda h, xs: lax.scan(lambda h, x: (h * x + 1, h), h, xs, reverse=True), (H, XS)),
    "unrolled": (lambda h, xs: lax.scan(lambda h, x: (h * x + 1, h), h, xs, unroll=4), (H, XS)),
    "no xs": (lambda h: lax.scan(lambda h, _: (h * 0.5, None), h, length=5)[0], (H,)),
    "no carry": (lambda xs: lax.map(lambda x: mt.exp(x).sum(), xs), (XS,)),
    "given back": (lambda h, xs: lax.scan(lambda c, x: ((c[1], c[0], c[2]), x), (h, h * 2, h), xs), (H, XS)),
    "constants": (lambda xs: lax.scan(lambda c, x: (c, (1.0, x)), 2.0, xs), (XS,)),
    "one result twice": (
        lambda xs: lax.scan(lambda c, x: ((y := c + x), (y, y))[0:1] + (((y := c * x), y),), XS[0], xs),
        (XS,),
    ),
    "bools": (lambda xs: lax.scan(lambda c, x: (mt.logical_not(c), c), mt.array(True), xs), (XS,)),
    "integers": (lambda n: lax.fori_loop(0, 7, lambda i, x: x * 3 + i, n), (mt.array(2),)),
    "narrow integers": (lambda n: lax.fori_loop(0, 7, lambda i, x: x * 3, n), (mt.array([2, 3], dtype=mt.int8),)),
    "doubles": (lambda h: lax.fori_loop(0, 7, lambda i, x: mt.sin(x) + i, h), (mt.array(np.ones(3)),)),
    "reads by number": (
        lambda xs: lax.fori_loop(0, 6, lambda i, s: s + xs[i], mt.array(np.zeros(3, np.float32))),
        (XS,),
    ),
    "writes by number": (
        lambda xs: lax.fori_loop(1, 6, lambda i, s: lax.dynamic_update_slice(s, s[i - 1][None] + 1, (i, 0)), xs),
        (XS,),
    ),
    "while": (lambda x: lax.while_loop(lambda s: s[0] < 100, lambda s: (s[0] * 3, s[1] + 1), (x, 0)), (mt.array(2.0),)),
    "while, not once": (lambda x: lax.while_loop(lambda x: x < 0, lambda x: x * 3, x), (mt.array(2.0),)),
    "while, once": (lambda x: lax.while_loop(lambda x: x < 3, lambda x: x * 3, x), (mt.array(2.0),)),
    "while, twice": (lambda x: lax.while_loop(lambda x: x < 10, lambda x: x * 3, x), (mt.array(2.0),)),
    "while, with arrays": (
        lambda x: lax.while_loop(lambda s: (s[0] ** 2).sum() > 1e-2, lambda s: (s[1] * 0.5, s[0]), (x, x)),
        (H,),
    ),
    "cond": (lambda x: lax.cond(x.sum() > 0, mt.exp, lambda x: x * 2, x), (H,)),
    "cond, the other": (lambda x: lax.cond(x.sum() > 1e9, mt.exp, lambda x: x, x), (H,)),
    "switch, outside": (lambda i, x: lax.switch(i, [mt.exp, mt.sin, mt.cos], x), (mt.array(-3), H)),
    "switch, above": (lambda i, x: lax.switch(i, [mt.exp, mt.sin, mt.cos], x), (mt.array(9), H)),
    "nested": (
        lambda x, xs: lax.scan(
            lambda c, r: (
                lax.cond(
                    r[0] > 0,
                    lambda c: lax.fori_loop(
                        0, 3, lambda i, c: lax.while_loop(lambda c: (c * c).sum() > 5, lambda c: c * 0.7, c + i), c
                    ),
                    lambda c: c * 2,
                    c,
                ),
                c.sum(),
            ),
            x,
            xs,
        ),
        (H, XS),
    ),
    "gradient": (
        lambda h, xs, w: mt.grad(lambda *a: network(*a)[1][0].sum() + network(*a)[0].sum(), (0, 1, 2))(h, xs, w),
        (H, XS, W),
    ),
    "tangent": (lambda h, xs, w: mt.jvp(lambda w: network(h, xs, w), (w,), (w,)), (H, XS, W)),
    "batch": (lambda xs, w: mt.vmap(lambda h: network(h, xs, w))(w), (XS, W)),
    "batch of waiting loops": (
        mt.vmap(lambda x: lax.while_loop(lambda s: s[0] < 100, lambda s: (s[0] * 3, s[1] + 1), (x, 0))),
        (mt.array([1.0, 50.0, 200.0]),),
    ),
    "batch of branches": (mt.vmap(mt.grad(lambda x: lax.cond(x > 0, mt.log, lambda x: x * x, x))), (H,)),
    "gradient of the gradient": (
        lambda h: mt.grad(lambda h: (mt.grad(lambda h: network(h, XS, W)[0].sum())(h) ** 2).sum())(h),
        (H,),
    ),
}


@pytest.mark.parametrize("name", NATIVE)
def test_native(name):
    function, args = NATIVE[name]
    compiled = same(function, *args, rtol=1e-4)
    assert in_python(compiled) == []
    if name != "no carry":
        assert "inside, natively" in compiled.explain() or "switch" in compiled.explain()


def test_plain_numbers_keep_all_their_digits():
    wide = mt.array(np.float64(1.0))
    compiled = mt.jit(lambda a: lax.scan(lambda c, _: (c * a + 2 * a, None), wide, length=3)[0])
    for a in (0.1, 0.3):
        c = 1.0
        for _ in range(3):
            c = c * a + 2 * a
        assert compiled(a).item() == pytest.approx(c, rel=1e-15)


def test_what_has_no_kernel_calls_back():
    half = mt.array([1.0, 2.0], dtype=mt.float16)
    compiled = same(lambda x: lax.fori_loop(0, 3, lambda i, x: x * 1.5, x), half, rtol=1e-2)
    assert in_python(compiled)
    a = mt.array(RNG.normal(size=(3, 3)) + 3 * np.eye(3))
    compiled = same(lambda a: lax.fori_loop(0, 3, lambda i, x: mt.linalg.solve(a, x), a[0]), a)
    (reason,) = in_python(compiled)
    assert "solve is Python" in reason and "called back at every step" in reason
    same(lambda x: lax.scan(lambda c, x: (c, x), 1.0, x), mt.array(np.zeros((3, 0))))
    same(lambda x: lax.scan(lambda c, x: (c + x, x), 1.0, x), mt.array(np.zeros(0, np.float32)))


def test_positions_outside_raise():
    read = mt.jit(lambda xs, n: lax.fori_loop(0, n, lambda i, s: s + xs[i], mt.array(np.zeros(3, np.float32))))
    np.testing.assert_allclose(read(XS, mt.array(6)).numpy(), XS.numpy().sum(0), 1e-6)
    with pytest.raises(IndexError):
        read(XS, mt.array(7))
    np.testing.assert_allclose(read(XS, mt.array(6)).numpy(), XS.numpy().sum(0), 1e-6)
    table = mt.array([1, 2, 9, 0])
    follow = mt.jit(lambda i: lax.while_loop(lambda i: i != 3, lambda i: table[i], i))
    assert follow(mt.array(3)).item() == 3
    with pytest.raises(IndexError):  # and it ends, though position 9 counts as 0
        follow(mt.array(0))
    chosen = mt.jit(lambda i: lax.cond(i < 4, lambda i: table[i], lambda i: -i, i))
    assert [chosen(mt.array(i)).item() for i in (2, 9)] == [9, -9]


def test_state_around_a_loop():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mt.optim.SGD([w], lr=0.1, momentum=0.9)
    xs = mt.tensor(RNG.normal(size=(5, 2))).float()

    def loss():
        h, ys = lax.scan(lambda h, x: (mt.tanh(h * w + x), (h * w).sum()), mt.zeros(2), xs)
        return (h * h).sum() + ys.mean()

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    compiled = mt.jit(step)
    before = w.detach().clone()
    found = [compiled().item() for _ in range(4)]
    after = w.detach().clone()
    with mt.no_grad():
        w.copy_(before)
    optimizer.state.clear()
    np.testing.assert_allclose([step().item() for _ in range(4)], found, 1e-5)
    np.testing.assert_allclose(w.detach().numpy(), after.numpy(), 1e-5)
    assert in_python(compiled) == []


def test_optimizers_do_not_step_inside():
    w, xs = mt.tensor([1.0], requires_grad=True), mt.tensor([1.0, 2.0])
    optimizer = mt.optim.SGD([w], lr=0.1)

    def backward(c, x):
        (w * x).sum().backward()
        return c, None

    def step(c, x):
        optimizer.step()
        return c, None

    for body, words in ((backward, "outside"), (step, "an optimizer's step|in-place write")):
        for run in (lambda f: f, mt.jit):
            w.grad = mt.ones(1)
            with pytest.raises((GradError, TracerError), match=words):
                run(lambda body=body: lax.scan(body, 0.0, xs)[0])()


def test_threads_share_a_program():
    compiled = mt.jit(network)
    wanted = [network(H * k, XS, W)[0].numpy() for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            found = list(pool.map(lambda k: compiled(H * k, XS, W)[0].numpy(), range(8)))
            np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


def test_gradients_through_compiled_functions():
    compiled = mt.jit(lambda h, xs, w: network(h, xs, w)[0].sum())
    found = mt.grad(compiled, 2)(H, XS, W)
    wanted = mt.grad(lambda w: network(H, XS, w)[0].sum())(W)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), 1e-4, 1e-6)
    w = mt.tensor(W.numpy(), requires_grad=True)
    compiled(H, XS, w).backward()
    np.testing.assert_allclose(w.grad.numpy(), wanted.numpy(), 1e-4, 1e-6)
    batch = mt.vmap(compiled, (None, None, 0))(H, XS, mt.array(np.stack([W.numpy(), -W.numpy()])))
    np.testing.assert_allclose(batch.numpy()[0], network(H, XS, W)[0].sum().numpy(), 1e-4)


def test_graphs_inside_graphs():
    def f(x, xs):
        return lax.scan(lambda c, x: (lax.cond(x[0] > 0, mt.sin, lambda c: c * 2.0, c), c), x, xs)

    graph = mt.make_graph(f)(H, XS)
    text = str(graph)
    assert "body(" in text and "branches[0](" in text and "branches[1](" in text
    plain = Graph(graph.inputs, graph.equations, graph.outputs)
    check(plain)
    optimized = optimize(plain)
    check(optimized)
    for a, b in zip(interpret(plain, [H, XS]), interpret(optimized, [H, XS])):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    broken = optimized.equations[0].params["body"]
    broken.outputs = broken.outputs[::-1] + broken.outputs
    with pytest.raises(JitError):
        check(optimized)


def test_loops_drop_what_nobody_asks_for():
    def f(x, xs):
        def step(c, x):
            a, b, n = c
            return (a * x, b + mt.exp(a), n + 1), (mt.sin(b), a)

        (a, _, _), (_, ys) = lax.scan(step, (x, x, 0), xs)
        return a, ys

    graph = optimize(mt.make_graph(f)(H, XS))
    (eq,) = graph.equations
    assert eq.params["counts"] == (0, 1)
    assert [e.primitive.name for e in eq.params["body"].equations] == ["mul"]
    same(f, H, XS)
    waiting = optimize(
        mt.make_graph(
            lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 2, s[2] + s[1]), (0, x, x))[1]
        )(H)
    )
    assert len(waiting.equations[0].outputs) == 2
    chosen = optimize(
        mt.make_graph(lambda x: lax.cond(x[0] > 0, lambda x: (x, mt.exp(x)), lambda x: (x * 2, x), x)[0])(H)
    )
    assert "exp" not in str(chosen)


def test_a_matrix_is_transposed_once():
    compiled = mt.jit(lambda w, h: lax.scan(lambda h, _: (mt.tanh(h @ w.T @ (w + 1.0)), None), h, length=9)[0])
    compiled(W, H)
    graph = optimize(mt.make_graph(lambda w, h: lax.scan(lambda h, _: (h @ (w + 1.0), None), h, length=9)[0])(W, H))
    assert [e.primitive.name for e in graph.equations if e.primitive.name in ("add", "scan")] == ["add", "scan"]


def test_export(tmp_path):
    path = tmp_path / "network.mt"
    mt.export(network, (H, XS, W), path)
    found = mt.load_exported(path)(H, XS, W)
    for a, b in zip(mt.tree.leaves(found), mt.tree.leaves(network(H, XS, W))):
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-5, 1e-6)


def test_drawing():
    pytest.importorskip("graphviz")
    source = mt.draw_graph(mt.make_graph(lambda x, xs: lax.scan(lambda c, x: (mt.sin(c) + x, c), x, xs))(H, XS)).source
    assert "cluster" in source and "sin" in source


def test_explain_measures_loops():
    compiled = mt.jit(network)
    compiled(H, XS, W)
    assert "scan" in compiled.explain(H, XS, W, measure=True)


def test_carries_are_written_over_where_that_is_safe():
    """A loop that fills an array takes time for what it writes, not for the array at each step."""
    n = 2000
    start = mt.array(np.zeros((n, 3), np.float32))
    rows = {
        "at": lambda i, a: a.at[i].set(a[i - 1] + 1),
        "add": lambda i, a: a.at[i].add(a[i - 1] + 1),
        "slice": lambda i, a: lax.dynamic_update_index_in_dim(a, a[i - 1] + 1, i, 0),
    }
    for name, body in rows.items():
        compiled = same(lambda a, body=body: lax.fori_loop(1, n, body, a), start)
        assert in_python(compiled) == [], name
        np.testing.assert_array_equal(compiled(start).numpy()[:, 0], np.arange(n))
        assert not start.numpy().any()
    short = mt.array(np.arange(5.0))
    swapped = same(
        lambda a, b: lax.fori_loop(0, 5, lambda i, s: (s[1].at[i].set(9), s[0].at[i].set(7)), (a, b)), short, short
    )
    assert in_python(swapped) == []
    both = lambda a: lax.scan(lambda a, i: ((b := a.at[i].set(-1.0)), a + b), a, mt.array([1, 3, 1]))  # noqa: E731
    same(both, short)
    fixed = lambda a: lax.scan(lambda a, x: (a.at[1:4:2].set(a[0:2] + x), a[2]), a, short)  # noqa: E731
    same(fixed, short)
    growing = lambda a: lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, s[1].at[s[0]].set(s[1].sum())), (0, a))  # noqa: E731
    same(growing, short)
    same(lambda a: lax.while_loop(lambda s: s[0] > 4, lambda s: (s[0] + 1, s[1].at[s[0]].set(0.0)), (0, a)), short)
    same(lambda a: lax.fori_loop(0, 3, lambda i, a: mt.exp(a) * 0.5, a), short)
    same(lambda a: lax.fori_loop(0, 3, lambda i, a: a[::-1] * 0.5, a), short)
    same(lambda a: lax.fori_loop(0, 4, lambda i, a: a.at[i].set(a[i + 1]).at[i + 1].set(a[i]), a), short)


@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "i1", "?"])
def test_writes_have_kernels(kind):
    x, i = mt.array((RNG.normal(size=(6, 3, 2)) * 5).astype(kind)), mt.array(2)
    twice = mt.array([1, 2, 1])
    writes = {
        "one": lambda x, i: x.at[i].set(x[0]),
        "twice": lambda x, i: x.at[twice + 0 * i].set(x[:3]),
        "from the end": lambda x, i: x.at[i - 7].set(x[1]),
        "steps": lambda x, i: x.at[1:5:2, ::-1].set(x[:2]),
        "a column": lambda x, i: x.at[:, 1].set(x[:, 0]),
        "part of a row": lambda x, i: x.at[i, 1:].set(x[0, :2]),
        "in another order": lambda x, i: x.at[1].set(x[:3, :, 0].T[:, :2]),
        "nothing": lambda x, i: x.at[3:3].set(0),
    }
    if kind in "f4f8":
        writes["largest"] = lambda x, i: x.at[i].max(x[0])
        writes["smallest"] = lambda x, i: x.at[twice + 0 * i].min(x[:3])
        writes["product"] = lambda x, i: x.at[twice + 0 * i].multiply(x[:3])
        writes["gradient"] = lambda x, i: mt.grad(lambda x: (x.at[i].set(x[0] * 2) ** 2).sum())(x)
    for write in writes.values():
        assert in_python(same(write, x, i)) == []
    with pytest.raises(IndexError):
        mt.jit(lambda x, i: x.at[i].set(x[0]))(x, mt.array(6))
