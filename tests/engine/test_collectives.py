"""psum, pmean, pmax, pmin, all_gather, axis_index under every transform; and what vmap says of names and sizes."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.jacobian import hessian, jacfwd, jacrev
from minitorch.core.ops.pointwise import exp, sin
from minitorch.core.transforms import grad, jvp, value_and_grad, vjp, vmap
from minitorch.errors import ArgumentError, AxisNameError, JitError, ShapeError
from minitorch.lax import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum
from minitorch.test_util import check_grads


def sent(x, senders):
    """Row i of the result is row senders[i] of x, or zeros."""
    return mt.stack([x[senders[i]] if i in senders else 0 * x[i] for i in range(len(x))])


def test_permutations_that_are_none():
    for perm in ([(0, 1), (2, 1)], [(0, 4)], [(-1, 0)]):
        with pytest.raises(ArgumentError, match=r"ppermute: .* of i\[4\], each receiving once"):
            named(lambda x, perm=perm: ppermute(x, "i", perm))(Array(X))


X = np.array([0.3, -0.7, 1.1, 0.5])
Y = np.arange(12.0).reshape(4, 3) / 7


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-9, 1e-12)


def named(f, **options):
    return vmap(f, axis_name="i", **options)


# What each computes of the whole batch, written without vmap.
CASES = {
    "psum": (lambda x: psum(x, "i"), lambda x: x.sum(0, keepdims=True) + 0 * x),
    "pmean": (lambda x: pmean(x, "i"), lambda x: x.mean(0, keepdims=True) + 0 * x),
    "pmax": (lambda x: pmax(x, "i"), lambda x: mt.amax(x, 0, keepdim=True) + 0 * x),
    "pmin": (lambda x: pmin(x, "i"), lambda x: mt.amin(x, 0, keepdim=True) + 0 * x),
    "all_gather": (lambda x: all_gather(x, "i"), lambda x: x[None] + 0 * x[:, None]),
    "ppermute": (lambda x: ppermute(x * x, "i", [(0, 2), (3, 0)]), lambda x: sent(x * x, {2: 0, 0: 3})),
    "softmax": (lambda x: exp(x) / psum(exp(x), "i"), lambda x: exp(x) / exp(x).sum(0, keepdims=True)),
    "index": (lambda x: x * axis_index("i"), lambda x: x * Array(np.arange(4.0)).reshape((4, *[1] * (x.ndim - 1)))),
    "size": (lambda x: x * axis_size("i"), lambda x: x * 4),
    "twice": (lambda x: sin(psum(x * psum(x, "i"), "i")) * x, lambda x: sin((x * x.sum(0)).sum(0)) * x),
}


@pytest.mark.parametrize("x", [X, Y], ids=["vector", "matrix"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_those_of_the_whole_batch(name, x):
    f, whole = CASES[name]
    x = Array(x)
    mapped = named(f)
    same(mapped(x), whole(x))
    out, pull = vjp(mapped, x)
    out2, pull2 = vjp(whole, x)
    g = Array(np.random.default_rng(0).normal(size=out.shape))
    same(pull(g)[0], pull2(g)[0])
    t = Array(np.random.default_rng(1).normal(size=x.shape))
    same(jvp(mapped, (x,), (t,))[1], jvp(whole, (x,), (t,))[1])
    # grad inside: the derivative of the sum of all examples' results
    inside = named(grad(lambda x: f(x).sum()))(x)
    same(inside, grad(lambda x: whole(x).sum())(x))
    pushed = named(lambda x, t: jvp(f, (x,), (t,))[1])(x, t)
    same(pushed, jvp(whole, (x,), (t,))[1])
    same(mt.jit(mapped)(x), whole(x))
    same(mt.jit(grad(lambda x: mapped(x).sum()))(x), inside)


def test_check_grads():
    for f, _ in CASES.values():
        check_grads(named(f), (Y,), order=2)


def test_nested_names():
    z = Array(np.random.default_rng(0).normal(size=(2, 3)))

    def f(x):
        return (psum(x, "i"), psum(x, "j"), psum(x, ("i", "j")), axis_index("i") * 10 + axis_index("j"), pmax(x, "j"))

    a, b, c, d, e = vmap(vmap(f, axis_name="j"), axis_name="i")(z)
    z = z.numpy()
    same(a, np.broadcast_to(z.sum(0), (2, 3)))
    same(b, np.broadcast_to(z.sum(1, keepdims=True), (2, 3)))
    same(c, np.full((2, 3), z.sum()))
    same(d, [[0, 1, 2], [10, 11, 12]])
    same(e, np.broadcast_to(z.max(1, keepdims=True), (2, 3)))


def test_an_unnamed_vmap_inside_and_outside():
    same(named(lambda x: vmap(lambda v: psum(v * v, "i"))(x))(Array(Y)), np.broadcast_to((Y * Y).sum(0), Y.shape))
    same(named(lambda x: vmap(lambda v: all_gather(v, "i"))(x))(Array(Y))[0], Y.T)
    stacked = vmap(named(lambda x: x - pmean(x, "i")), in_axes=1, out_axes=1)(Array(Y))
    same(stacked, Y - Y.mean(0))
    same(named(hessian(lambda x: sin(psum(x, "i")).sum()))(Array(X)), np.full(4, -4 * np.sin(X.sum()) * 4))
    # forward mode moves all examples at once, reverse mode adds what all examples ask for
    same(named(jacfwd(lambda x: all_gather(x, "i")))(Array(X)), np.ones((4, 4)))
    same(named(jacrev(lambda x: all_gather(x, "i")))(Array(X)), 4 * np.eye(4))


def test_values_that_all_examples_share():
    same(named(lambda x: psum(1.0, "i") * x)(Array(X)), 4 * X)
    same(named(lambda x: pmean(2.0, "i") * x)(Array(X)), 2 * X)
    same(named(lambda x: all_gather(3.0, "i") * x)(Array(X)), np.outer(X, np.full(4, 3.0)))
    same(grad(lambda w: named(lambda x: psum(w, "i") * x)(Array(X)).sum())(Array(np.array(2.0))), 4 * X.sum())
    same(vmap(lambda: psum(1.0, "i"), axis_name="i", axis_size=3)(), [3, 3, 3])
    same(vmap(lambda: axis_index("i"), axis_name="i", axis_size=3)(), [0, 1, 2])


def test_trees_and_dtypes():
    out = named(lambda x: psum({"a": x, "b": (x * 2, x > 0)}, "i"))(Array(X))
    same(out["b"][0][0], X.sum() * 2)
    assert out["b"][1].tolist() == [3] * 4
    assert named(lambda x: psum(x, "i"))(mt.array([1, 2], dtype=mt.int32)).dtype == mt.int32
    assert named(lambda x: psum(3, "i") + x)(mt.array([1, 2])).tolist() == [7, 8]


def test_the_same_model_trained_by_averaged_gradients():
    """Gradients averaged by pmean inside the vmap are those of the mean loss."""
    xs, ys, w = Array(Y), Array(X), Array(np.array([0.1, -0.2, 0.3]))
    loss = lambda w, x, y: ((x * w).sum() - y) ** 2  # noqa: E731
    inside = vmap(lambda x, y: pmean(grad(loss)(w, x, y), "batch"), axis_name="batch")(xs, ys)
    same(inside[0], grad(lambda w: vmap(loss, (None, 0, 0))(w, xs, ys).mean())(w))


def test_inside_custom_rules_and_checkpoints():
    @custom_vjp
    def centered(x):
        return x - pmean(x, "i")

    centered.defvjp(lambda x: (centered(x), None), lambda _, g: (g - pmean(g, "i"),))
    same(named(centered)(Array(X)), X - X.mean())
    g = Array(np.array([1.0, 2.0, 3.0, 5.0]))
    same(vjp(named(centered), Array(X))[1](g)[0], g.numpy() - g.numpy().mean())
    same(named(grad(lambda x: centered(x) * axis_index("i")))(Array(X)), np.arange(4) - 1.5)

    @custom_jvp
    def total(x):
        return psum(x, "i")

    total.defjvp(lambda p, t: (total(*p), psum(t[0], "i")))
    same(grad(lambda x: named(lambda v: total(v) * v)(x).sum())(Array(X)), 2 * np.full(4, X.sum()))

    f = lambda x: sin(psum(x * x, "i")) * x  # noqa: E731
    plain = grad(lambda x: named(f)(x).sum())(Array(X))
    saved = grad(lambda x: named(checkpoint(f))(x).sum())(Array(X))
    same(saved, plain)
    same(named(grad(checkpoint(f)))(Array(X)), plain)


def test_compiled():
    f = lambda x: x / psum(x, "i")  # noqa: E731
    same(mt.jit(named(f))(Array(X)), X / X.sum())
    same(named(mt.jit(f))(Array(X)), X / X.sum())
    same(named(mt.jit(f))(Array(X[:2])), X[:2] / X[:2].sum())  # another size of the same axis
    same(named(grad(mt.jit(f)))(Array(X)), named(grad(f))(Array(X)))
    same(vmap(mt.jit(lambda x: x - pmean(x, "j")), axis_name="j")(Array(X)), X - X.mean())
    same(mt.jit(value_and_grad(lambda x: named(f)(x)[0]))(Array(X))[1], grad(lambda x: named(f)(x)[0])(Array(X)))
    with pytest.raises(JitError, match="psum: the axis 'i' belongs to a vmap around the compiled function"):
        named(lambda x: x * mt.jit(lambda: psum(1.0, "i"))())(Array(X))


def test_names_and_sizes_that_do_not_fit():
    with pytest.raises(AxisNameError, match=r"pmean: no axis is named 'k' here \(in use: 'i'\)"):
        named(lambda x: pmean(x, "k"))(Array(X))
    with pytest.raises(NameError, match=r"psum: no axis is named 'i' here \(in use: none\).*axis_name='i'"):
        psum(1.0, "i")
    with pytest.raises(AxisNameError):  # the name is gone after an error inside
        psum(1.0, "i")
    with pytest.raises(ShapeError, match="axis_size=3, but the mapped axes of the arguments have size 4"):
        vmap(sin, axis_size=3)(Array(X))
    with pytest.raises(ArgumentError, match="or give axis_size"):
        vmap(lambda: 1.0)()
    with pytest.raises(IndexError, match="all_gather: axis 3"):
        named(lambda x: all_gather(x, "i", axis=3))(Array(X))
