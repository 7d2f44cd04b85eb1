"""Loops and branches under the transforms, against loops of Python."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax
from minitorch.core.tape import context
from minitorch.errors import ArgumentError, DTypeError, GradError, ShapeError, TracerError
from minitorch.test_util import check_grads

XS = mt.array(np.linspace(-1.0, 1.0, 4))
SCALES = np.array([1.0, -0.5, 2.0])
POINT = mt.array(np.float64(0.6))

# Functions of one number by loops and branches, and the same by Python's.


def scanned(x):
    carry, ys = lax.scan(lambda c, a: (mt.sin(c * x) + a, c * a), x * 0.5, XS)
    return carry + ys.sum()


def scanned_in_python(x):
    carry, total = x * 0.5, 0.0
    for a in XS.tolist():
        carry, total = mt.sin(carry * x) + a, total + carry * a
    return carry + total


def backwards(x):
    def step(c, a):
        return {"h": c["h"] * a + x, "n": c["n"] + 1}, (c["h"], c["n"])

    carry, (ys, ns) = lax.scan(step, {"h": x, "n": 0}, XS, reverse=True, unroll=3)
    return carry["h"] + (ys * mt.array([0.0, 1.0, 2.0, 3.0])).sum() + (ns * ys).sum()


def backwards_in_python(x):
    h, n, total = x, 0, 0.0
    for i in (3, 2, 1, 0):
        total = total + h * i + n * h
        h, n = h * float(XS[i]) + x, n + 1
    return h + total


def branched(x):
    return lax.cond(x > 0.3, lambda y: mt.log(y) * x, lambda y: y * y * y, x) + lax.switch(
        2, [lambda y: y, lambda y: -y, lambda y: mt.sin(y * x)], x
    )


def branched_in_python(x):
    value = mt.where(x > 0.3, mt.log(mt.where(x > 0.3, x, 1.0)) * x, x * x * x)
    return value + mt.sin(x * x)


def parted(x):
    return lax.cond(x > 0.3, lambda y: mt.log(y) * x, lambda y: y * y * y, x)


def parted_in_python(x):
    return mt.where(x > 0.3, mt.log(mt.where(x > 0.3, x, 1.0)) * x, x * x * x)


def mixed(x):
    """A loop in a branch in a loop."""

    def step(c, a):
        def inner(c):
            return lax.fori_loop(0, 2, lambda i, c: c * mt.cos(c * x) + i, c)

        return lax.cond(a > 0, inner, lambda c: c * x, c), c

    carry, ys = lax.scan(step, x, XS)
    return carry + (ys * ys).sum()


def mixed_in_python(x):
    carry, total = x, 0.0
    for a in XS.tolist():
        total = total + carry * carry
        if a > 0:
            for i in range(2):
                carry = carry * mt.cos(carry * x) + i
        else:
            carry = carry * x
    return carry + total


def waited(x):
    return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, mt.sin(s[1] * x) + x), (0, x))[1]


def waited_in_python(x):
    y = x
    for _ in range(3):
        y = mt.sin(y * x) + x
    return y


PAIRS = {
    "scan": (scanned, scanned_in_python),
    "backwards": (backwards, backwards_in_python),
    "cond": (branched, branched_in_python),
    "parted": (parted, parted_in_python),
    "mixed": (mixed, mixed_in_python),
    "while": (waited, waited_in_python),
}

# Each step makes another function of a number of one, and closes over its argument.
STEPS = {
    "grad": lambda f: lambda x: mt.grad(lambda y: x * f(y))(x),
    "jvp": lambda f: lambda x: mt.jvp(lambda y: x * f(y), (x,), (x * 0.0 + 1.0,))[1],
    "vmap": lambda f: lambda x: mt.vmap(lambda s: x * f(s * x))(mt.array(SCALES)).sum(),
    "checkpoint": lambda f: lambda x: mt.checkpoint(lambda y: x * f(y))(x),
    "jit": lambda f: lambda x: x * mt.jit(f)(x),
}
PLAIN = STEPS | {"jit": lambda f: lambda x: x * f(x)}


def nests(depth):
    for names in product(STEPS, repeat=depth):
        if names.count("jit") < 2:
            yield names


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_nestings(name, depth):
    for names in nests(depth):
        compare(name, names)


@pytest.mark.parametrize("name", ["scan", "parted", "while"])
def test_nestings_of_depth_three(name):
    for names in nests(3):
        compare(name, names)


def compare(name, names):
    looped, plain = PAIRS[name]
    if name == "while" and "grad" in names:
        with pytest.raises(GradError, match="fori_loop"):
            apply(STEPS, names, looped)(POINT)
        return
    found, wanted = apply(STEPS, names, looped)(POINT), apply(PLAIN, names, plain)(POINT)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), 1e-8, 1e-10, err_msg=f"{name} under {names}")


def apply(steps, names, f):
    for step in reversed(names):
        f = steps[step](f)
    return f


@pytest.mark.parametrize("name", ["scan", "backwards", "cond", "mixed"])
def test_finite_differences(name):
    check_grads(PAIRS[name][0], (POINT,), 2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mt.hessian(PAIRS[name][0])(POINT), mt.hessian(PAIRS[name][1])(POINT), 1e-9)


# --------------------------------------------------------------------------- reverse mode


def cell(params, h, x):
    return mt.tanh(h @ params["w"] + x @ params["u"])


def network(params, xs):
    h, ys = lax.scan(lambda h, x: ((new := cell(params, h, x)), new), mt.array(np.zeros(3)), xs)
    return (h * h).sum() + ys.sum()


def network_in_python(params, xs):
    h, total = mt.array(np.zeros(3)), 0.0
    for x in xs:
        h = cell(params, h, x)
        total = total + h.sum()
    return (h * h).sum() + total


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    params = {"w": mt.array(rng.normal(size=(3, 3))), "u": mt.array(rng.normal(size=(2, 3)))}
    return params, mt.array(rng.normal(size=(5, 2)))


def test_a_network_and_its_derivatives(model):
    params, xs = model
    for run in (lambda f: f, mt.jit):
        found, wanted = run(mt.grad(network, (0, 1)))(params, xs), mt.grad(network_in_python, (0, 1))(params, xs)
        for a, b in zip(mt.tree.leaves(found), mt.tree.leaves(wanted)):
            np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-10)
    u = params["u"]
    found = mt.hessian(lambda w: network({"w": w, "u": u}, xs))(params["w"])
    wanted = mt.hessian(lambda w: network_in_python({"w": w, "u": u}, xs))(params["w"])
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), 1e-8, 1e-10)


def test_per_example_gradients(model):
    params, xs = model
    batch = mt.array(np.random.default_rng(1).normal(size=(4, 5, 2)))
    found = mt.vmap(mt.grad(network), (None, 0))(params, batch)
    for k in range(4):
        wanted = mt.grad(network_in_python)(params, batch[k])
        for a, b in zip(mt.tree.leaves(found), mt.tree.leaves(wanted)):
            np.testing.assert_allclose(a[k].numpy(), b.numpy(), 1e-10)


def test_what_is_kept_for_the_way_back():
    """A matrix that no step changes is not kept once for each."""
    w = mt.array(np.eye(50))
    out, pull = mt.vjp(
        lambda w: lax.scan(lambda h, _: (mt.tanh(w.T @ h), None), mt.array(np.ones(50)), length=100)[0], w
    )
    (node,) = {n for n in reached(pull) if n.name == "scan"}
    (_, residuals), _ = node.saved
    assert sum(r.size for r in residuals) < 50 * 50 + 3 * 100 * 50


def reached(pull):
    from minitorch.core.walking import reachable

    run = next(c.cell_contents for c in pull.__closure__ if hasattr(c.cell_contents, "nodes"))
    return [n for n in reachable(run.nodes) if n.plan is not None and n.pick is None]


def test_custom_rules_survive():
    @mt.custom_vjp
    def halve(x):
        return x

    halve.defvjp(lambda x: (x, None), lambda _, g: (g * 0.5,))

    @mt.custom_jvp
    def triple(x):
        return x

    triple.defjvp(lambda p, t: (triple(*p), t[0] * 3.0))

    def loop(f):
        return lambda x: lax.scan(lambda c, _: (f(c), None), x, length=3)[0]

    assert mt.grad(loop(halve))(1.0).item() == 0.125
    assert mt.jit(mt.grad(loop(halve)))(1.0).item() == 0.125
    assert mt.vmap(mt.grad(loop(halve)))(mt.array([1.0, 2.0])).tolist() == [0.125, 0.125]
    assert mt.grad(loop(triple))(1.0).item() == 27.0
    assert mt.jvp(loop(triple), (1.0,), (1.0,))[1].item() == 27.0
    assert mt.grad(lambda x: lax.cond(x > 0, halve, triple, x))(1.0).item() == 0.5
    with pytest.raises(GradError, match="pass the value as an argument"):

        @mt.custom_vjp
        def closing(x):
            return x * outer

        closing.defvjp(lambda x: (closing(x), None), lambda _, g: (g,))

        def f(y):
            nonlocal outer
            outer = y
            return loop(closing)(y)

        outer = None
        mt.grad(f)(1.0)


def test_a_checkpointed_body_keeps_only_its_carry():
    def body(c, _):
        return mt.sin(mt.sin(mt.sin(c))), None

    x = mt.array(np.ones(100))
    sizes = []
    for f in (body, lambda c, x: (mt.checkpoint(lambda c: body(c, None)[0])(c), None)):
        _, pull = mt.vjp(lambda x, f=f: lax.scan(f, x, length=7)[0], x)
        (node,) = {n for n in reached(pull) if n.name == "scan"}
        (_, residuals), _ = node.saved
        sizes.append(sum(r.size for r in residuals))
        np.testing.assert_allclose(pull(x)[0].numpy(), mt.grad(lambda x: chain(x).sum())(x).numpy(), 1e-12)
    assert sizes == [2100, 700]


def chain(x):
    for _ in range(21):
        x = mt.sin(x)
    return x


def test_reverse_mode_of_a_waiting_loop():
    def f(x):
        return lax.while_loop(lambda s: s < 10.0, lambda s: s * x, x)

    assert f(3.0).item() == 27.0
    assert mt.jvp(f, (3.0,), (1.0,))[1].item() == 27.0
    with pytest.raises(GradError, match="scan, or fori_loop"):
        mt.grad(f)(3.0)
    assert mt.grad(lambda x: x * lax.while_loop(lambda n: n < 3, lambda n: n + 1, 0))(2.0).item() == 3.0
    assert mt.grad(lambda x: x * lax.while_loop(lambda n: n < x, lambda n: n + 1.0, 0.0))(2.5).item() == 3.0
    assert mt.grad(lambda x: f(mt.stop_gradient(x)) * x)(3.0).item() == 27.0


# --------------------------------------------------------------------------- batches


def test_examples_that_end_at_different_times():
    table = mt.array([1.0, 2.0, 3.0])

    def total(n):
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] + table[s[0]]), (0, 0.0))[1]

    counts = mt.array([3, 0, 2])
    assert mt.vmap(total)(counts).tolist() == [6.0, 0.0, 3.0]
    assert mt.jit(mt.vmap(total))(counts).tolist() == [6.0, 0.0, 3.0]
    assert mt.vmap(mt.vmap(total))(mt.array([[3, 0], [2, 1]])).tolist() == [[6.0, 0.0], [3.0, 1.0]]


def test_no_branch_runs_where_it_may_not():
    table = mt.array([1.0, 2.0, 3.0])

    def read(i):
        return lax.cond(i < 3, lambda i: table[i], lambda i: -1.0, i)

    for run in (mt.vmap(read), mt.jit(mt.vmap(read))):
        assert run(mt.array([0, 7, 2])).tolist() == [1.0, -1.0, 3.0]
        assert run(mt.array([7, 7])).tolist() == [-1.0, -1.0]
    with pytest.raises(IndexError):
        mt.vmap(lambda i: lax.cond(i < 4, lambda i: table[i], lambda i: -1.0, i))(mt.array([3, 0]))


def test_gradients_of_branches_that_are_not_taken():
    def f(x):
        return lax.cond(x > 0, mt.sqrt, lambda x: 0.0 * x, x)

    xs = mt.array([4.0, 0.0, -1.0])
    for run in (mt.vmap(mt.grad(f)), mt.jit(mt.vmap(mt.grad(f))), mt.grad(lambda x: mt.vmap(f)(x).sum())):
        assert run(xs).tolist() == [0.25, 0.0, 0.0]
        assert run(mt.array([0.0, -1.0])).tolist() == [0.0, 0.0]


def test_carries_that_no_example_changes_stay_unbatched():
    def f(x):
        def step(c, _):
            return (c[0] + 1, c[1] * x), c[0]

        (n, y), ns = lax.scan(step, (0, 1.0), length=3)
        return y, mt.core.vmap.BatchTracer is type(n), type(ns)

    with context_unchanged():
        out, n_is_batched, kind = f(mt.array(2.0))
        assert not n_is_batched
        found = mt.make_graph(mt.vmap(lambda x: f(x)[0]))(mt.array([1.0, 2.0]))
    (eq,) = [e for e in found.equations if e.primitive.name == "scan"]
    assert [v.aval.shape for v in eq.params["body"].inputs] == [(2,), (), (2,)]


class context_unchanged:
    def __enter__(self):
        self.before = context.get()

    def __exit__(self, *exc):
        assert context.get() is self.before


# --------------------------------------------------------------------------- tensors


def test_tensors_as_carries_and_closed_over():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    xs = mt.tensor([1.0, 2.0, 3.0])

    def run():
        return lax.scan(lambda c, x: ({"h": mt.tanh(c["h"] * w + x)}, c["h"].sum()), {"h": mt.tensor([0.1, 0.2])}, xs)

    def by_hand():
        h, total = mt.tensor([0.1, 0.2]), 0.0
        for x in (1.0, 2.0, 3.0):
            h, total = mt.tanh(h * w + x), total + h.sum()
        return h, total

    h, total = by_hand()
    (wanted,) = mt.autograd.grad(h.sum() + total, w)
    out, ys = run()
    assert type(out["h"]) is mt.Tensor
    (out["h"].sum() + ys.sum()).backward()
    np.testing.assert_allclose(w.grad.numpy(), wanted.numpy(), 1e-6)

    @mt.jit
    def train():
        w.grad = None
        out, ys = run()
        loss = out["h"].sum() + ys.sum()
        loss.backward()
        return loss

    for _ in range(2):
        train()
        np.testing.assert_allclose(w.grad.numpy(), wanted.numpy(), 1e-5)

    h, total = by_hand()
    out, ys = run()
    firsts = [mt.autograd.grad(x, w, create_graph=True)[0] for x in (h.sum() + total, out["h"].sum() + ys.sum())]
    second, other = (mt.autograd.grad((x * x).sum(), w)[0] for x in firsts)
    np.testing.assert_allclose(second.numpy(), other.numpy(), 1e-5)


def test_what_is_cut_off_inside_stays_cut_off():
    w, xs = mt.tensor(2.0, requires_grad=True), mt.tensor([1.0, 2.0, 3.0])

    def under_no_grad(c, x):
        with mt.no_grad():
            k = c * w
        with mt.no_grad(), mt.enable_grad():
            c = c * x
        return c * k, c * w

    def detached(c, x):
        k = c.detach().data * w
        k.detach_()
        return c * k, c.data * w

    for step in (under_no_grad, detached):
        h, total = w * 1.0, 0.0
        for x in xs:
            h, y = step(h, x)
            total = total + y
        (wanted,) = mt.autograd.grad(h + total, w)
        for run in (lambda f: f, mt.jit):

            def backward(step=step):
                w.grad = None
                h, ys = lax.scan(step, w * 1.0, xs)
                (h + ys.sum()).backward()
                return h

            run(backward)()
            assert w.grad.item() == pytest.approx(wanted.item(), rel=1e-6), step.__name__
    assert mt.grad(lambda x: x * x.detach())(mt.tensor(3.0)).item() == 3.0
    with pytest.raises(TracerError, match="register_hook"):
        lax.scan(lambda c, x: ((y := c * w), y.register_hook(lambda g: g) and None), w * 1.0, xs)


def test_functions_of_autograd_inside():
    class Tenfold(mt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * 10 if ctx.needs_input_grad[0] else None

    w = mt.tensor(1.5, requires_grad=True)
    out, _ = lax.scan(lambda c, _: (Tenfold.apply(c) * w, None), mt.tensor(1.0), length=3)
    h = mt.tensor(1.0)
    for _ in range(3):
        h = Tenfold.apply(h) * w
    assert mt.autograd.grad(out, w)[0].item() == mt.autograd.grad(h, w)[0].item()


def test_modules_inside():
    mt.manual_seed(0)
    layers = [mt.nn.Linear(3, 3) for _ in range(4)]
    x = mt.randn(2, 3)
    stacked = mt.tree.map(lambda *a: mt.stack(list(map(mt.as_tensor, a))), *layers)

    def deep(stacked):
        return lax.scan(lambda h, layer: (mt.tanh(layer(h)), None), x, stacked)[0].sum()

    h = x
    for layer in layers:
        h = mt.tanh(layer(h))
    wanted = mt.autograd.grad(h.sum(), [layer.weight for layer in layers])
    found = mt.grad(deep)(stacked)
    for k, g in enumerate(wanted):
        np.testing.assert_allclose(found.weight[k].detach().numpy(), g.numpy(), 1e-5, 1e-7)
    lax.scan(lambda h, _: (mt.tanh(layers[0](h)), None), x, length=3)[0].sum().backward()
    h = x
    for _ in range(3):
        h = mt.tanh(layers[0](h))
    np.testing.assert_allclose(
        layers[0].weight.grad.numpy(), mt.autograd.grad(h.sum(), layers[0].weight)[0].numpy(), 1e-5, 1e-7
    )


def test_what_a_body_may_not_do():
    w, xs = mt.tensor([1.0]), mt.array([1.0, 2.0])
    with pytest.raises(GradError, match="in-place"):
        lax.scan(lambda c, x: (w.add_(x).sum() * c, None), 0.0, xs)
    state = mt.get_rng_state().tolist()
    with pytest.raises(TracerError, match="draw before the loop"):
        lax.scan(lambda c, x: (c + mt.rand(()), None), 0.0, xs)
    with pytest.raises(TracerError, match="draw before the loop"):
        mt.jit(lambda xs: lax.scan(lambda c, x: (c + mt.rand(()), None), 0.0, xs))(xs)
    assert mt.get_rng_state().tolist() == state
    with pytest.raises(TracerError, match=r"test_control.py.*cond\("):
        lax.scan(lambda c, x: (c if c > 0 else x, None), 0.0, xs)


LOG, SEEN = [], {}


def counting(c, x):
    global COUNT
    COUNT += 1
    return c + x, None


COUNT = 0


def changing(kind):
    """A step that changes what it closes over."""
    kept, count = [], 0

    def append(c, x):
        kept.append(x)
        return c + x, None

    def rebind(c, x):
        nonlocal count
        count += 1
        return c + x, None

    def through_another(c, x):
        return append(c, x)

    return {"append": append, "rebind": rebind, "through another": through_another}[kind]


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (changing("append"), "`kept`, which it closes over"),
        (changing("rebind"), "`count`, which it closes over"),
        (changing("through another"), "`kept`, which it closes over"),
        (lambda c, x: (LOG.append(1) or c, None), "the global `LOG`"),
        (lambda c, x: (SEEN.__setitem__(len(SEEN), 1) or c, None), "the global `SEEN`"),
        (counting, "the global `COUNT`"),
    ],
)
def test_a_body_that_changes_python_state_is_told(step, what):
    with pytest.raises(TracerError, match=rf"changes {what}.*once for all steps"):
        lax.scan(step, 0.0, XS)
    with pytest.raises(TracerError, match=rf"changes {what}"):
        mt.grad(lambda x: lax.fori_loop(0, 3, lambda i, c: step(c, x)[0], x))(1.0)
    with pytest.raises(TracerError, match=rf"changes {what}"):
        lax.while_loop(lambda c: c < 3.0, lambda c: step(c, 1.0)[0], 0.0)
    with pytest.raises(TracerError, match=rf"changes {what}"):
        lax.cond(XS[0] > 0, lambda: step(0.0, 1.0)[0], lambda: 0.0)


def test_a_body_may_read_python_state():
    table, scale = {"a": 2.0}, [3.0]

    def step(c, x):
        local = []
        local.append(x)
        return c + local[0] * table["a"] * scale[0], None

    assert lax.scan(step, 0.0, mt.array([1.0, 2.0]))[0].item() == 18.0


# --------------------------------------------------------------------------- what goes in


def test_numbers_take_the_dtype_of_what_replaces_them():
    xs = mt.array(np.array([1.0, 2.0]))
    carry, ys = lax.scan(lambda c, x: (c + x, c), 0, xs)
    assert (carry.dtype, ys.dtype) == (mt.float64, mt.float64)
    carry, _ = lax.scan(lambda c, x: (c * 2, None), 1, xs)
    assert carry.dtype == mt.int64
    carry, _ = lax.scan(lambda c, x: (0.0, c), mt.array(np.float64(1.0)), xs)
    assert carry.dtype == mt.float64
    assert lax.while_loop(lambda c: c < 3, lambda c: c + 0.5, 0).item() == 3.0
    assert lax.cond(True, lambda: xs[0], lambda: 0.0).dtype == mt.float64
    half = mt.array([1.0], dtype=mt.float16)
    assert mt.jit(lambda a: lax.scan(lambda c, _: (c * a, None), half, length=2)[0])(0.1).dtype == mt.float16
    wide = mt.array(np.float64(1.0))
    assert mt.jit(lambda a: lax.scan(lambda c, _: (c * a, None), wide, length=1)[0])(0.1).item() == 0.1


def test_no_steps_and_no_results():
    carry, ys = lax.scan(lambda c, x: (c + x, c), 1.0, mt.array(np.zeros((0, 2), np.float32)).sum(-1))
    assert carry.item() == 1.0 and ys.shape == (0,)
    assert lax.scan(lambda c, _: (c, None), (), length=3) == ((), None)
    assert lax.fori_loop(3, 1, lambda i, x: x * 2, 1.0).item() == 1.0
    assert mt.grad(lambda x: lax.scan(lambda c, x: (c * x, None), x, mt.array([]))[0])(2.0).item() == 1.0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lax.scan(lambda c, x: (c[None], x), mt.array([1.0]), XS), ShapeError, r"init starts as float32\[1\]"),
        (lambda: lax.scan(lambda c, x: ({"a": c["a"] + x}, x), {"a": mt.array(1)}, XS), DTypeError, r"init\['a'\]"),
        (lambda: lax.scan(lambda c, x: ((c, c), x), 1.0, XS), ShapeError, "the carry has the structure"),
        (lambda: lax.scan(lambda c, x: c, 1.0, XS), ArgumentError, "pair"),
        (lambda: lax.scan(lambda c, x: (c, x), 1.0), ArgumentError, "length"),
        (lambda: lax.scan(lambda c, x: (c, x), 1.0, XS, length=3), ShapeError, "lengths differ"),
        (lambda: lax.scan(lambda c, x: (c, x), 1.0, (XS, XS[:2])), ShapeError, "lengths differ"),
        (lambda: lax.scan(lambda c, x: (c, x), 1.0, mt.array(1.0)), ShapeError, "no axes"),
        (lambda: lax.scan(lambda c, x: (c, x), 1.0, XS, unroll=0), ArgumentError, "unroll"),
        (lambda: lax.while_loop(lambda x: x, lambda x: x, 1.0), DTypeError, "one bool"),
        (lambda: lax.while_loop(lambda x: x < XS, lambda x: x, 1.0), DTypeError, "one bool"),
        (lambda: lax.while_loop(lambda x: x[0] < 1, lambda x: x[0], (1.0, 2.0)), ShapeError, "structure"),
        (lambda: lax.cond(XS > 0, lambda: 1, lambda: 2), ShapeError, "one bool"),
        (lambda: lax.cond(True, 1.0, 2.0), ArgumentError, "two functions"),
        (lambda: lax.cond(True, lambda: XS, lambda: XS[0]), ShapeError, "branch"),
        (lambda: lax.cond(True, lambda: mt.array(1), lambda: mt.array(1.0)), DTypeError, "cast"),
        (lambda: lax.cond(True, lambda: (XS, XS), lambda: XS), ShapeError, "structures"),
        (lambda: lax.switch(0, []), ArgumentError, "no branches"),
        (lambda: lax.switch(1.0, [lambda: 1]), DTypeError, "integer"),
        (lambda: lax.fori_loop(0, XS, lambda i, x: x, 1.0), ShapeError, "one integer"),
        (lambda: lax.fori_loop(0, 1.5, lambda i, x: x, 1.0), ShapeError, "one integer"),
        (lambda: lax.map(lambda x: x, XS, batch_size=0), ArgumentError, "batch_size"),
        (lambda: lax.associative_scan(mt.add, XS, axis=1), ShapeError, "axis"),
    ],
)
def test_errors(call, error, words):
    with context_unchanged(), pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------- the others


def test_counting_loops():
    def body(i, x):
        return x * 0.5 + i

    wanted = 1.0
    for i in range(2, 6):
        wanted = wanted * 0.5 + i
    assert lax.fori_loop(2, 6, body, 1.0).item() == wanted
    for unroll in (2, 3, True):
        assert lax.fori_loop(2, 6, body, 1.0, unroll=unroll).item() == wanted
    traced = mt.jit(lambda n: lax.fori_loop(2, n, body, 1.0))
    assert traced(mt.array(6)).item() == wanted
    assert mt.vmap(lambda n: lax.fori_loop(0, n, lambda i, x: x + i, 0.0))(mt.array([0, 3, 4])).tolist() == [
        0.0,
        3.0,
        6.0,
    ]
    assert mt.grad(lambda x: lax.fori_loop(0, 3, lambda i, y: y * x, 1.0))(2.0).item() == 12.0
    with pytest.raises(ArgumentError, match="unroll"):
        mt.jit(lambda n: lax.fori_loop(2, n, body, 1.0, unroll=2))(mt.array(6))


@pytest.mark.parametrize("unroll", [1, 2, 3, 4, 7, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_unrolled(unroll, reverse):
    def f(x):
        return lax.scan(lambda c, a: (c * a + x, c * x), x, XS, reverse=reverse, unroll=unroll)

    plain = lax.scan(lambda c, a: (c * a + 0.6, c * 0.6), 0.6, XS, reverse=reverse)
    for a, b in zip(mt.tree.leaves(f(0.6)), mt.tree.leaves(plain)):
        np.testing.assert_allclose(a.numpy(), b.numpy())
    check_grads(lambda x: f(x)[0] + f(x)[1].sum(), (0.6,))


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 5, 9])
def test_map(batch_size):
    xs = {"a": mt.array(np.arange(5.0)), "b": mt.array(np.arange(10.0).reshape(5, 2))}
    f = lambda x: {"s": x["a"] * x["b"].sum(), "t": x["b"]}  # noqa: E731
    found, wanted = lax.map(f, xs, batch_size=batch_size), mt.vmap(f)(xs)
    for a, b in zip(mt.tree.leaves(found), mt.tree.leaves(wanted)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    a = np.random.default_rng(n).normal(size=(3, n))
    matrices = np.random.default_rng(n).normal(size=(n, 2, 2))
    found = lax.associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]), (mt.array(a), mt.array(a)), reverse, 1)
    x = np.ones(3), np.zeros(3)
    for i in range(n)[:: -1 if reverse else 1]:
        x = x[0] * a[:, i], x[1] * a[:, i] + a[:, i]
        np.testing.assert_allclose(found[0].numpy()[:, i], x[0])
        np.testing.assert_allclose(found[1].numpy()[:, i], x[1])
    products = lax.associative_scan(lambda p, q: p @ q, mt.array(matrices)).numpy()
    y = np.eye(2)
    for i in range(n):
        y = y @ matrices[i]
        np.testing.assert_allclose(products[i], y)


# --------------------------------------------------------------------------- implicit derivatives


def root(a):
    def newton(f, x):
        return lax.while_loop(lambda x: abs(f(x)) > 1e-12, lambda x: x - f(x) / (2 * x), x)

    return lax.custom_root(lambda x: x * x - a, a * 0.0 + 1.0, newton, lambda g, y: y / g(y * 0.0 + 1.0))


def test_roots():
    x = mt.array(np.float64(4.0))
    for run in (lambda f: f, mt.jit):
        assert run(root)(x).item() == pytest.approx(2.0)
        assert run(mt.grad(root))(x).item() == pytest.approx(0.25)
        assert run(lambda x: mt.jvp(root, (x,), (x,))[1])(x).item() == pytest.approx(1.0)
        assert run(mt.grad(mt.grad(root)))(x).item() == pytest.approx(-(4.0**-1.5) / 4)
        both = run(mt.vmap(mt.grad(root)))(mt.array(np.array([4.0, 9.0])))
        np.testing.assert_allclose(both.numpy(), [0.25, 1 / 6])
    assert mt.hessian(root)(x).item() == pytest.approx(-(4.0**-1.5) / 4)
    value, steps = lax.custom_root(lambda x: x - 3.0, 0.0, lambda f, x: (x - f(x), 1), lambda g, y: y, has_aux=True)
    assert (value.item(), steps.item()) == (3.0, 1)


def test_linear_systems():
    rng = np.random.default_rng(0)
    a, b = mt.array(rng.normal(size=(3, 3)) + 3 * np.eye(3)), mt.array(rng.normal(size=3))
    solve = mt.linalg.solve

    def ours(a, b):
        return lax.custom_linear_solve(lambda x: a @ x, b, lambda _, b: solve(a, b), lambda _, b: solve(a.T, b))

    def symmetric(a, b):
        s = a + a.T
        return lax.custom_linear_solve(lambda x: s @ x, b, lambda f, b: solve(mt.stop_gradient(s), b), symmetric=True)

    check_grads(ours, (a, b), 2)
    check_grads(symmetric, (a, b), 2)
    wanted = mt.grad(lambda a, b: (solve(a, b) ** 2).sum(), (0, 1))(a, b)
    for run in (lambda f: f, mt.jit):
        found = run(mt.grad(lambda a, b: (ours(a, b) ** 2).sum(), (0, 1)))(a, b)
        for x, y in zip(found, wanted):
            np.testing.assert_allclose(x.numpy(), y.numpy(), 1e-9)
    one_way = lambda b: lax.custom_linear_solve(lambda x: a @ x, b, lambda _, b: solve(a, b))  # noqa: E731
    np.testing.assert_allclose(mt.jvp(one_way, (b,), (b,))[1].numpy(), solve(a, b).numpy())
    with pytest.raises(GradError, match="transpose_solve"):
        mt.grad(lambda b: one_way(b).sum())(b)
    with pytest.raises(ShapeError, match="as many equations"):
        lax.custom_linear_solve(lambda x: x[:2], b, lambda _, b: b)


# --------------------------------------------------------------------------- what examples compute together


def test_sums_over_a_named_axis_inside():
    from minitorch.core.collectives import axis_index, psum

    def f(x):
        def step(c, _):
            return c * 0.5 + psum(c, "i"), axis_index("i") * c

        c, ys = lax.scan(step, x, length=2)
        return lax.cond(True, lambda c: psum(c, "i"), lambda c: c, c) + ys.sum()

    x = np.array([1.0, 2.0, 3.0])
    matrix = 0.5 * np.eye(3) + 1.0
    wanted = (matrix @ matrix @ x).sum() + np.arange(3) * (x + matrix @ x)
    for run in (lambda f: f, mt.jit):
        np.testing.assert_allclose(run(mt.vmap(f, axis_name="i"))(mt.array(x)).numpy(), wanted)
    slope = (matrix @ matrix).sum(0) * 3 + np.arange(3) + np.arange(3) @ matrix
    np.testing.assert_allclose(mt.vmap(mt.grad(f), axis_name="i")(mt.array(x)).numpy(), slope)


def test_linearized():
    x = mt.array(np.float64(0.4))
    out, push = mt.linearize(scanned, x)
    _, wanted = mt.jvp(scanned, (x,), (x,))
    assert out.item() == pytest.approx(scanned(x).item())
    assert push(x).item() == pytest.approx(wanted.item())
