"""custom_vjp and custom_jvp under every transform, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch.compiling.jit import jit
from minitorch.core.array import Array
from minitorch.core.calls import SymbolicZero
from minitorch.core.custom import custom_jvp, custom_vjp
from minitorch.core.errors import ArgumentError, GradError, ShapeError, TracerError
from minitorch.core.jacobian import hessian, jacfwd, jacrev
from minitorch.core.ops.joining import stack
from minitorch.core.ops.pointwise import cos, exp, maximum, minimum, sin
from minitorch.core.tracer import aval_of
from minitorch.core.transforms import grad, jvp, vjp, vmap
from minitorch.tensor.handle import Tensor
from minitorch.test_util import check_grads

X = np.array([0.3, -0.7, 1.1])


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-6)


@custom_vjp
def tripled(x):
    """The sine, whose declared derivative is three times the true one: so that we see which rule was used."""
    return sin(x)


tripled.defvjp(lambda x: (tripled(x), x), lambda x, g: (g * 3.0 * cos(x),))


@custom_jvp
def doubled(x):
    return sin(x)


@doubled.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return doubled(x), 2.0 * cos(x) * t


@custom_vjp
def product(p, scale=2.0):
    return {"out": p["a"] * p["b"] * scale}


product.defvjp(
    lambda p, scale: (product(p, scale), (p, scale)),
    lambda kept, g: ({"a": g["out"] * kept[0]["b"] * kept[1], "b": g["out"] * kept[0]["a"] * kept[1]}, None),
)


@custom_jvp
def quotient(x, y):
    return x / y, [x * y]


@quotient.defjvp
def _(primals, tangents):
    (x, y), (s, t) = primals, tangents
    out = quotient(x, y)
    return out, ((s - out[0] * t) / y, [s * y + x * t])


def test_metadata_is_kept():
    assert tripled.__name__ == "tripled"
    assert "three times" in tripled.__doc__


def test_the_rule_is_used_and_the_function_without_a_transform():
    same(tripled(Array(X)), np.sin(X))
    same(grad(lambda x: tripled(x).sum())(Array(X)), 3 * np.cos(X))
    same(doubled(Array(X)), np.sin(X))
    same(grad(lambda x: doubled(x).sum())(Array(X)), 2 * np.cos(X))
    same(grad(lambda x: quotient(x, 1.0)[1][0])(2.0), 1)
    same(jvp(doubled, (Array(X),), (Array(X),))[1], 2 * np.cos(X) * X)


@pytest.mark.parametrize(("f", "k"), [(tripled, 3), (doubled, 2)])
def test_nested_with_vmap_and_each_other(f, k):
    x = Array(X)
    same(vmap(f)(x), np.sin(X))
    same(vmap(grad(f))(x), k * np.cos(X))
    same(grad(lambda x: vmap(f)(x).sum())(x), k * np.cos(X))
    same(vmap(grad(lambda w, x: f(w * x)), in_axes=(None, 0))(2.0, x), k * np.cos(2 * X) * X)
    same(grad(lambda w: vmap(lambda x: f(w * x))(x).sum())(2.0), (k * np.cos(2 * X) * X).sum())
    same(vmap(vmap(grad(f)))(Array(X.reshape(3, 1))), k * np.cos(X).reshape(3, 1))
    same(jacrev(f)(x), np.diag(k * np.cos(X)))
    same(grad(lambda x: f(f(x)))(0.5), k * np.cos(np.sin(0.5)) * k * np.cos(0.5))


def test_shared_arguments_of_a_batch_get_the_sum():
    @custom_vjp
    def scaled(w, x):
        return w * x

    scaled.defvjp(lambda w, x: (w * x, (w, x)), lambda kept, g: (g * kept[1], g * kept[0]))
    x = Array(X)
    same(grad(lambda w: vmap(lambda x: scaled(w, x))(x).sum())(2.0), X.sum())
    same(grad(lambda w: vmap(scaled, in_axes=(None, 0))(w, x).sum())(2.0), X.sum())

    @custom_vjp
    def constant(w, x):
        return w * x

    constant.defvjp(lambda w, x: (w * x, None), lambda kept, g: (Array(1.0), None))
    same(grad(lambda w: vmap(constant, in_axes=(None, 0))(w, x).sum())(2.0), 3)


def test_higher_derivatives_differentiate_the_rules():
    same(grad(grad(tripled))(0.5), -3 * np.sin(0.5))
    same(jacrev(jacrev(lambda x: tripled(x).sum()))(Array(X)), np.diag(-3 * np.sin(X)))
    for second in (grad(grad(doubled)), jacfwd(jacfwd(doubled)), jacfwd(grad(doubled)), jacrev(jacfwd(doubled))):
        same(second(0.5), -2 * np.sin(0.5))
    same(hessian(lambda x: doubled(x).sum())(Array(X)), np.diag(-2 * np.sin(X)))
    # The forward function calls `tripled` again, so the outer derivative of that value follows the rule, too.
    same(grad(grad(lambda x: tripled(x) * x))(0.5), 6 * np.cos(0.5) - 3 * np.sin(0.5) * 0.5)


def test_check_grads_accepts_correct_rules():
    r = np.random.default_rng(0)
    p = {"a": r.standard_normal(3), "b": r.standard_normal(3)}
    check_grads(lambda p: product(p), (p,), order=3, modes=("rev",))
    check_grads(quotient, (r.standard_normal(3), 2 + r.random((2, 3))), order=3)
    check_grads(lambda x, y: vmap(quotient)(x, y), (r.standard_normal(3), 2 + r.random(3)), order=2)
    check_grads(lambda x, y: vmap(quotient, (0, None))(x, y), (r.standard_normal(3), 2.5), order=2)


def test_trees_defaults_and_keywords():
    p = {"a": 3.0, "b": 5.0}
    same(grad(lambda p: product(p)["out"])(p)["a"], 10)
    same(grad(lambda p: product(p, scale=1.0)["out"])(p)["b"], 3)
    same(grad(lambda s: product(p, s)["out"])(1.0), 0)  # the rule says None


def test_nondiff_arguments_come_first():
    applied = custom_vjp(lambda f, n, x: f(x) * n, nondiff_argnums=(0, 1))
    applied.defvjp(lambda f, n, x: (applied(f, n, x), x), lambda f, n, x, g: (g * n * 10.0 * x,))
    same(grad(lambda x: applied(sin, 3, x))(0.5), 15)
    same(vmap(grad(lambda x: applied(sin, 3, x)))(Array(X)), 30 * X)
    applied = custom_jvp(lambda f, x, n: f(x) * n, nondiff_argnums=(0, 2))
    applied.defjvp(lambda f, n, primals, tangents: (applied(f, *primals, n), tangents[0] * n * 7.0))
    same(grad(lambda x: applied(sin, x, 3))(0.5), 21)


def test_integer_arguments():
    @custom_vjp
    def pick(x, i):
        return x[i]

    def bwd(kept, g):
        n, i = kept
        return Array(np.zeros(n)).at[i].add(g), None

    pick.defvjp(lambda x, i: (x[i], (x.shape, i)), bwd)
    same(grad(lambda x: pick(x, Array(1)))(Array(X)), [0, 1, 0])

    @custom_jvp
    def parts(x):
        return x * 1.0, Array(3)

    parts.defjvp(lambda primals, tangents: (parts(*primals), (tangents[0] * 2.0, None)))
    same(grad(lambda x: parts(x)[0])(1.0), 2)
    same(jvp(lambda x: parts(x)[0], (1.0,), (1.0,))[1], 2)


def test_gradient_clipping_is_expressible():
    @custom_vjp
    def clip_gradient(x):
        return x

    clip_gradient.defvjp(lambda x: (x, None), lambda _, g: (maximum(minimum(g, 1.0), -1.0),))
    same(grad(lambda x: (clip_gradient(x) * 5.0).sum())(Array(X)), np.ones(3))


def test_pull_can_be_used_twice():
    for f, k in ((tripled, 3), (doubled, 2)):
        _, pull = vjp(f, 0.5)
        for _ in range(2):
            same(pull(2.0)[0], 2 * k * np.cos(0.5))


# --------------------------------------------------------------------------- symbolic zeros, several rules


def watched():
    """A function of two arguments and two results whose rules note what is zero."""
    seen = []

    @custom_vjp
    def both(x, y):
        return x * y, x + y

    def fwd(x, y):
        seen.append(("fwd", x.perturbed, y.perturbed))
        return both(x.value, y.value), (x.value, y.value)

    def bwd(kept, g):
        seen.append(("bwd", *(isinstance(c, SymbolicZero) for c in g)))
        x, y = kept
        p, s = (c.instantiate() if isinstance(c, SymbolicZero) else c for c in g)
        return p * y + s, p * x + s

    both.defvjp(fwd, bwd, symbolic_zeros=True)
    return both, seen


def test_symbolic_zeros_in_reverse_mode():
    both, seen = watched()
    same(grad(lambda x: both(x, 3.0)[0])(2.0), 3)
    assert seen == [("fwd", True, False), ("bwd", False, True)]
    del seen[:]
    same(grad(lambda x, y: both(x, y)[1], 1)(2.0, 3.0), 1)
    assert seen == [("fwd", False, True), ("bwd", True, False)]
    del seen[:]
    x, y = Array(X), Array(X + 1)
    same(vmap(grad(lambda x, y: both(x, y)[0], (0, 1)))(x, y)[1], X)
    assert seen == [("fwd", True, True), ("bwd", False, True)]
    same(grad(lambda x: vmap(lambda a: both(a, 3.0)[0])(x).sum())(x), [3, 3, 3])
    assert seen[2:] == [("fwd", True, False), ("bwd", False, True)]
    same(grad(grad(lambda x: both(x, x)[0]))(2.0), 2)
    zero = SymbolicZero(aval_of(x))
    assert zero.shape == (3,) and zero.dtype == x.dtype and not zero.instantiate().numpy().any()
    both.defvjp(lambda x, y: (both(x.value, y.value), None), lambda _, g: (g[0], SymbolicZero(aval_of(1.0))), True)
    same(grad(lambda x, y: both(x, y)[0], (0, 1))(2.0, 3.0)[1], 0)


def test_symbolic_zeros_in_forward_mode():
    seen = []
    times = custom_jvp(lambda x, y: x * y)

    def rule(primals, tangents):
        seen.append([isinstance(t, SymbolicZero) for t in tangents])
        s, t = (t.instantiate() if isinstance(t, SymbolicZero) else t for t in tangents)
        x, y = primals
        return times(x, y), s * y + x * t

    times.defjvp(rule, symbolic_zeros=True)
    same(jvp(lambda x: times(x, 3.0), (2.0,), (1.0,))[1], 3)
    same(grad(lambda y: times(2.0, y))(3.0), 2)
    same(vmap(grad(lambda x: times(x, 3.0)))(Array(X)), [3, 3, 3])
    same(grad(lambda x: vmap(lambda a: times(2.0, a))(x).sum())(Array(X)), [2, 2, 2])
    assert seen == [[False, True], [True, False], [False, True], [True, False]]
    times.defjvp(lambda p, t: (times(*p), SymbolicZero(aval_of(1.0))), symbolic_zeros=True)
    same(jvp(times, (2.0, 3.0), (1.0, 1.0))[1], 0)


def test_one_rule_for_each_argument():
    f = custom_jvp(lambda x, y, z: {"out": x * y * z})
    f.defjvps(lambda t, out, x, y, z: {"out": t * y * z}, lambda t, out, x, y, z: {"out": t * out["out"] / y}, None)
    gradient = grad(lambda *xs: f(*xs)["out"], (0, 1, 2))(2.0, 3.0, 5.0)
    same([g.item() for g in gradient], [15, 10, 0])
    same(jvp(lambda x, y: f(x, y, 5.0)["out"], (2.0, 3.0), (1.0, 1.0))[1], 25)
    f.defjvps(None, None, None)
    same(grad(lambda x: f(x, 3.0, 5.0)["out"])(2.0), 0)
    f.defjvps(None)
    with pytest.raises(ArgumentError, match="got 1 rules for 3 arguments"):
        jvp(lambda x: f(x, 3.0, 5.0), (2.0,), (1.0,))
    with pytest.raises(ArgumentError, match="no place for nondiff_argnums"):
        custom_jvp(lambda x, n: x, nondiff_argnums=(1,)).defjvps(lambda t, out, x: t)


def test_none_stands_for_parts_of_a_cotangent():
    f = custom_vjp(lambda p, n: p["w"] * p["b"][0] * n)
    f.defvjp(lambda p, n: (f(p, n), n), lambda n, g: ({"w": g * n, "b": None}, None))
    found = grad(f)({"w": 2.0, "b": (3.0,)}, 4)
    same(found["w"], 4)
    same(found["b"][0], 0)


def test_the_argument_of_a_wrong_cotangent_is_named():
    f = custom_vjp(lambda params, x: params["w"] * x)
    f.defvjp(lambda p, x: (f(p, x), None), lambda _, g: ({"w": g.sum()}, g))
    loss = lambda p, x: f(p, x).sum()  # noqa: E731
    with pytest.raises(ShapeError, match=r"shape \(\) for float64\[3\].*\(argument params\['w'\]\)"):
        grad(loss)({"w": Array(X)}, Array(X))
    f.defvjp(lambda p, x: (f(p, x), None), lambda _, g: ((g, g), g))
    with pytest.raises(
        ShapeError, match=r"the cotangent of params from its bwd has the structure \(\*, \*\), where \{'w': \*\}"
    ):
        grad(loss)({"w": Array(X)}, Array(X))


# --------------------------------------------------------------------------- refusals


def test_forward_mode_refuses_custom_vjp():
    with pytest.raises(GradError, match=r"tripled: forward mode .* custom_jvp"):
        jvp(tripled, (1.0,), (1.0,))
    with pytest.raises(GradError, match="tripled: forward mode"):
        jvp(grad(tripled), (0.5,), (1.0,))  # its fwd applies it once more
    with pytest.raises(GradError, match="tripled: forward mode"):
        grad(lambda x: jvp(tripled, (x,), (1.0,))[1])(1.0)


@pytest.mark.parametrize("kind", [custom_vjp, custom_jvp])
def test_a_function_without_rule(kind):
    f = kind(lambda x: x)
    with pytest.raises(GradError, match="no derivative rule yet"):
        f(1.0)


def closing(kind, c):
    """A function that closes over `c`, with a rule for its argument."""
    f = kind(lambda x: sin(x) * c)
    if kind is custom_vjp:
        f.defvjp(lambda x: (f(x), x), lambda x, g: (g * cos(x),))
    else:
        f.defjvp(lambda primals, tangents: (f(*primals), cos(primals[0]) * tangents[0]))
    return f


@pytest.mark.parametrize("kind", [custom_vjp, custom_jvp])
@pytest.mark.parametrize(
    "use",
    [
        lambda kind: grad(lambda c: closing(kind, c)(c))(1.0),
        lambda kind: grad(lambda c: closing(kind, c)(2.0))(1.0),
        lambda kind: jvp(lambda c: closing(kind, c)(2.0), (1.0,), (1.0,)),
        lambda kind: grad(lambda x: grad(lambda c: closing(kind, c)(x))(1.0))(2.0),
        lambda kind: vmap(lambda x: grad(lambda c: closing(kind, c)(x))(1.0))(Array(X)),
        lambda kind: grad(lambda c: vmap(lambda x: closing(kind, c)(x))(Array(X)).sum())(1.0),
    ],
)
def test_closing_over_a_traced_value_raises(kind, use):
    with pytest.raises(GradError, match=r"closes over.*pass the value as an argument"):
        use(kind)


@pytest.mark.parametrize("kind", [custom_vjp, custom_jvp])
def test_closing_over_untraced_or_batched_values_is_fine(kind):
    same(grad(closing(kind, Array(3.0)))(0.5), np.cos(0.5))
    same(vmap(lambda c: closing(kind, c)(0.5))(Array(X)), np.sin(0.5) * X)


def scaling(kind, c):
    """The product with `c`, which the function, its residuals and its rule close over; its slope is declared ten times."""
    f = kind(lambda x: x * c)
    if kind is custom_vjp:
        f.defvjp(lambda x: (x * c, c), lambda c, g: (g * c * 10.0,))
    else:
        f.defjvp(lambda primals, tangents: (primals[0] * c, tangents[0] * c * 10.0))
    return f


def looped(function, in_axes=0):
    """What vmap is, as a loop over the examples."""

    def run(*args):
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        size = next(len(a) for a, axis in zip(args, axes) if axis == 0)
        return stack([function(*(a if axis is None else a[i] for a, axis in zip(args, axes))) for i in range(size)])

    return run


# Each takes the function of an argument and of what it closes over, vmap or its loop, and two vectors.
CLOSING = {
    "vmap": lambda f, m, a, b: m(f)(a, b),
    "the closed over alone": lambda f, m, a, b: m(f, (None, 0))(a[0], b),
    "its grad": lambda f, m, a, b: m(grad(f))(a, b),
    "grad of it": lambda f, m, a, b: grad(lambda x: m(f)(x, b).sum())(a),
    "grad of the closed over alone": lambda f, m, a, b: grad(lambda x: m(f, (None, 0))(x, b).sum())(a[0]),
    "grad of grad": lambda f, m, a, b: m(grad(lambda x, c: grad(f)(x * x, c) * x * x))(a, b),
    "the argument inside": lambda f, m, a, b: m(lambda c: m(lambda x: f(x, c))(a))(b),
    "the argument outside": lambda f, m, a, b: m(lambda x: m(lambda c: f(x, c))(b))(a),
    "both inside": lambda f, m, a, b: m(lambda y: m(lambda x, c: f(x * y, c * y))(a, b))(a),
    "grad of the argument outside": lambda f, m, a, b: grad(
        lambda v: m(lambda x: m(lambda c: f(x, c))(b).sum())(v).sum()
    )(a),
    "grad between": lambda f, m, a, b: m(lambda y: grad(lambda v: m(lambda x, c: f(x, c * y))(v, b).sum())(a))(b),
    "compiled": lambda f, m, a, b: jit(m(f))(a, b) if m is vmap else m(f)(a, b),
    "of the compiled": lambda f, m, a, b: m(jit(f))(a, b),
    "compiled grad": lambda f, m, a, b: jit(grad(lambda x: m(f)(x, b).sum()))(a),
}


@pytest.mark.parametrize("kind", [custom_vjp, custom_jvp])
@pytest.mark.parametrize("program", CLOSING.values(), ids=CLOSING)
def test_closing_over_mapped_values_is_fine(kind, program):
    def f(x, c):
        return scaling(kind, c)(x)

    a, b = Array(X), Array([2.0, 0.5, -3.0])
    same(program(f, vmap, a, b), program(f, looped, a, b))


@pytest.mark.parametrize("in_axes", [(0, 0), (None, 0)], ids=str)
def test_forward_mode_of_closing_over_mapped_values(in_axes):
    def pushed(mapped):
        return jvp(lambda x: mapped(lambda x, c: scaling(custom_jvp, c)(x), in_axes)(x, Array(X)), (x,), (x,))

    x = Array(X) if in_axes[0] == 0 else Array(0.5)
    for found, wanted in zip(pushed(vmap), pushed(looped)):
        same(found, wanted)


def test_a_rule_that_runs_after_the_vmap_it_closes_over_raises():
    def f(x, c):
        g = custom_vjp(lambda x: x * c)
        g.defvjp(lambda x: (x * c, None), lambda _, g: (g * c,))
        return g(x)

    with pytest.raises(TracerError, match="traced by a vmap that has finished"):
        grad(lambda x: vmap(f)(x, Array(X)).sum())(Array(X))


def test_wrong_rules_are_told():
    def rule(bwd, fwd=lambda x, y: (x * y, None)):
        f = custom_vjp(lambda x, y: x * y)
        f.defvjp(fwd, bwd)
        return grad(lambda x: f(x, Array([1.0, 2.0])).sum())

    x = Array([1.0, 2.0])
    with pytest.raises(GradError, match=r"tuple of 2 cotangents.*got 1"):
        rule(lambda kept, g: (g,))(x)
    with pytest.raises(GradError, match="got Array"):
        rule(lambda kept, g: g)(x)
    with pytest.raises(ShapeError, match=r"shape \(\) for float32\[2\]"):
        rule(lambda kept, g: (g.sum(), None))(x)
    with pytest.raises(ShapeError, match="structure"):
        rule(lambda kept, g: ((g, g), None))(x)
    with pytest.raises(GradError, match="pair"):
        rule(lambda kept, g: None, fwd=lambda x, y: x * y)(x)
    f = custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: primals[0])
    with pytest.raises(GradError, match="pair"):
        grad(f)(1.0)
    f.defjvp(lambda primals, tangents: (primals[0], Array([1.0, 2.0])))
    with pytest.raises(ShapeError, match="tangent"):
        jvp(f, (1.0,), (1.0,))
    keyword_only = custom_jvp(lambda x, *, k=1: x)
    keyword_only.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    with pytest.raises(ArgumentError, match="keyword-only"):
        keyword_only(1.0)


def test_a_stored_tracer_raises():
    stored = []
    grad(lambda x: (stored.append(x), x)[1])(1.0)
    for f in (tripled, doubled):
        with pytest.raises(TracerError, match="finished"):
            f(stored[0])


def test_methods():
    class Layer:
        @custom_vjp
        def plain(x):
            return exp(x)

    Layer.plain.defvjp(lambda x: (exp(x), x), lambda x, g: (g * 5.0,))
    same(grad(Layer.plain)(1.0), 5)


@pytest.mark.parametrize(("f", "k"), [(tripled, 3), (doubled, 2)])
def test_tensors(f, k):
    x = Tensor(X, requires_grad=True)
    out = f(x * 2.0)
    assert isinstance(out, Tensor)
    out.sum().backward()
    same(x.grad, 2 * k * np.cos(2 * X))
    y = Tensor(X, requires_grad=True)
    f(y * 2.0).sum().backward(create_graph=True)
    first = y.grad
    y.grad = None
    first.sum().backward()
    same(y.grad, -4 * k * np.sin(2 * X))
    same(grad(lambda x: f(x).sum())(Tensor(X)), k * np.cos(X))
    with pytest.raises(GradError, match="closes over"):
        closing(type(f), x)(1.0)
