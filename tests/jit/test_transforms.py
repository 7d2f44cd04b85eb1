"""Compiled functions under transforms, and transforms inside compiled functions: all orders agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minitorch as mt

X = np.array([0.5, -1.0, 2.0])


def f(x):
    return (mt.sin(x) * x * x).sum()


def chain(function, names):
    """Apply transforms, innermost first; `jit` stands between."""
    wraps = {
        "jit": mt.jit,
        "grad": lambda g: mt.grad(lambda x: g(x).sum()),
        "jvp": lambda g: lambda x: mt.jvp(g, (x,), (mt.ones_like(x),))[1],
        "vmap": lambda g: mt.vmap(lambda x: g(x)),
    }
    for name in names:
        function = wraps[name](function)
    return function


NAMES = [
    names
    for depth in (1, 2, 3)
    for names in itertools.product(("jit", "grad", "jvp", "vmap"), repeat=depth)
    if "jit" in names
]


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_every_order_of_three(names):
    plain = [n for n in names if n != "jit"]
    x = mt.array(np.stack([X, X + 1, X * 2]) if "vmap" in names else X)
    x = mt.array(np.stack([np.asarray(x)] * 2)) if names.count("vmap") > 1 else x
    function = lambda x: mt.sin(x) * x * x  # noqa: E731
    expected = chain(function, plain)(x)
    compiled = chain(function, names)
    for _ in range(2):
        np.testing.assert_allclose(np.asarray(compiled(x)), np.asarray(expected), rtol=1e-10)


def test_a_gradient_of_a_compiled_function_is_compiled_once():
    compiled = mt.jit(f)
    gradient = mt.grad(compiled)
    for _ in range(3):
        gradient(mt.array(X))
    (family,) = compiled.families.values()
    (pull,) = family.known.values()
    assert family.compiled.records == pull.compiled.records == 1
    assert pull.compiled.calls == 3


def test_trees_numbers_and_static_arguments():
    def function(p, scale, mode):
        out = p["w"] * scale if mode == "mul" else p["w"] + scale
        return (out * p["b"][0]).sum()

    compiled = mt.jit(function, static_argnums=2)
    p = {"w": mt.array(X), "b": [mt.array(2.0)]}
    for mode in ("mul", "add"):
        expected = mt.grad(function)(p, 3.0, mode)
        found = mt.grad(compiled)(p, 3.0, mode)
        np.testing.assert_allclose(np.asarray(found["w"]), np.asarray(expected["w"]))
        np.testing.assert_allclose(np.asarray(found["b"][0]), np.asarray(expected["b"][0]))


def test_closing_over_a_traced_value():
    def outer(w):
        return mt.jit(lambda x: (x * w).sum())(mt.array(X))

    np.testing.assert_allclose(np.asarray(mt.grad(outer)(mt.array(X))), X)


def test_second_derivatives_and_hessian():
    expected = np.asarray(mt.hessian(f)(mt.array(X)))
    np.testing.assert_allclose(np.asarray(mt.hessian(mt.jit(f))(mt.array(X))), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.asarray(mt.jit(mt.hessian(mt.jit(f)))(mt.array(X))), expected, rtol=1e-9, atol=1e-12)


def test_what_draws_random_numbers_is_run_through():
    def function(x):
        return (x * mt.rand(3)).sum()

    compiled = mt.jit(function)
    mt.manual_seed(0)
    found = [np.asarray(mt.grad(compiled)(mt.array(X))) for _ in range(2)]
    mt.manual_seed(0)
    expected = [np.asarray(mt.grad(function)(mt.array(X))) for _ in range(2)]
    np.testing.assert_array_equal(found, expected)


def test_custom_rules_survive():
    @mt.custom_vjp
    def g(x):
        return x * x

    g.defvjp(lambda x: (g(x), x), lambda x, c: (c * 100.0,))
    found = np.asarray(mt.grad(mt.jit(lambda x: g(x).sum()))(mt.array(X)))
    np.testing.assert_array_equal(found, [100.0, 100.0, 100.0])
    stopped = mt.grad(mt.jit(lambda x: (x * mt.stop_gradient(x)).sum()))(mt.array(X))
    np.testing.assert_array_equal(np.asarray(stopped), X)


SCALE = 2.0


def scaled(x):
    return (x * SCALE).sum()


TRANSFORMS = {
    "grad": lambda f: mt.grad(f)(mt.array(X)),
    "jvp": lambda f: mt.jvp(f, (mt.array(X),), (mt.array(X),))[1],
    "vmap": lambda f: mt.vmap(f)(mt.array([X, X])),
    "inside": lambda f: mt.jit(lambda x: f(x) * 2)(mt.array(X)),
    "hessian": lambda f: mt.hessian(lambda x: f(x) * f(x))(mt.array(X)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_globals_and_closures_are_watched_through_transforms(name, monkeypatch):
    compiled = mt.jit(scaled)
    shift = 1.0
    closed = mt.jit(lambda x: (x * shift).sum())
    for scale in (2.0, 5.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        np.testing.assert_allclose(np.asarray(TRANSFORMS[name](compiled)), np.asarray(TRANSFORMS[name](scaled)))
        shift = scale
        np.testing.assert_allclose(np.asarray(TRANSFORMS[name](closed)), np.asarray(TRANSFORMS[name](scaled)))


def test_an_inner_compiled_function_is_watched():
    factor = 2.0
    inner = mt.jit(lambda x: x * factor)
    outer = mt.jit(lambda x: inner(x) + 1)
    assert outer(mt.array(1.0)).item() == 3
    factor = 5.0
    assert outer(mt.array(1.0)).item() == 6


def test_a_captured_parameter_keeps_its_gradient_path():
    w = mt.tensor(X, requires_grad=True)
    compiled = mt.jit(lambda x: (x * w).sum())
    compiled(mt.tensor(X)).backward()
    np.testing.assert_allclose(w.grad.numpy(), X)


# --------------------------------------------------------------------------- tensors, state and random numbers


class Scene:
    """State that functions read and write, made anew for each run."""

    def __init__(self):
        mt.manual_seed(3)
        self.w = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
        self.count = mt.zeros(())
        self.model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.BatchNorm1d(4), mt.nn.Dropout(0.5), mt.nn.Linear(4, 1))
        self.norm = mt.nn.BatchNorm1d(3)

    def reads(self, x):
        return (x * self.w * x).sum()

    def counts(self, x):
        self.count.add_(1)
        return (x * x).sum() * self.count

    def draws(self, x):
        return (x * mt.rand(3) + mt.nn.functional.dropout(x, 0.5)).sum()

    def trains(self, x):
        return self.model(mt.stack([x, x * 2, -x])).square().sum()

    def normalizes(self, x):
        return (self.norm(mt.stack([x, x * x])) ** 3).sum()

    def differentiates(self, x):
        y = (
            x.detach().clone().requires_grad_()
            if isinstance(x, mt.Tensor)
            else mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
        )
        (y**3).sum().backward()
        return (x * y.grad * x).sum()

    def detaches(self, x):
        return (x * mt.stop_gradient(x) * self.w.detach()).sum()

    def look(self):
        buffers = [b for m in (self.model, self.norm) for b in m.buffers()]
        seen = [self.w, self.count, *buffers, mt.rand(1)]  # the last tells how many numbers have been drawn
        return [np.asarray(t.detach()).tolist() for t in seen] + [self.w.grad is None]


def given(face):
    make = mt.array if face == "array" else mt.tensor
    return make([0.5, -1.0, 2.0])


AROUND = {
    "grad": lambda f, x: mt.grad(f)(x),
    "value_and_grad": lambda f, x: mt.value_and_grad(f)(x),
    "jvp": lambda f, x: mt.jvp(f, (x,), (x,)),
    "vjp": lambda f, x: mt.vjp(f, x)[1](1.0 if isinstance(x, mt.Array) else mt.tensor(1.0)),
    "vmap": lambda f, x: mt.vmap(f)(mt.stack([x, x + 1])),
    "vmap of grad": lambda f, x: mt.vmap(mt.grad(f))(mt.stack([x, x + 1])),
    "hessian": lambda f, x: mt.hessian(f)(x),
    "jit of grad": lambda f, x: mt.jit(mt.grad(f))(x),
}


@pytest.mark.parametrize("name", [n for n in vars(Scene) if n[0] != "_" and n != "look"])
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("face", ["array", "tensor"])
def test_transforms_of_compiled_functions_with_tensors_state_and_random_numbers(around, name, face):
    """They do what transforms of the plain function do, errors included: results, state, and numbers drawn."""
    seen = []
    for wrap in (lambda f: f, mt.jit):
        scene = Scene()
        function = wrap(getattr(scene, name))
        found = []
        for _ in range(2):
            try:
                out = AROUND[around](function, given(face))
            except mt.errors.MinitorchError as error:
                found.append(("refused", isinstance(error, (mt.errors.GradError, mt.errors.JitError))))
                continue
            leaves = mt.tree.leaves(out)
            found.append([np.asarray(x).tolist() for x in leaves])
        seen.append((found, scene.look()))
    for a, b in zip(seen[0][0], seen[1][0]):
        if a[0] == "refused" or b[0] == "refused":
            assert a == b
        else:
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(y, x, rtol=2e-5, atol=1e-6)
    for x, y in zip(seen[0][1], seen[1][1], strict=True):
        np.testing.assert_allclose(y, x, rtol=2e-5, atol=1e-6)


def test_grad_of_a_compiled_function_of_tensors_stays_differentiable_outside():
    w = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    compiled = mt.jit(lambda x: (x * x * w).sum())
    x = mt.tensor([0.5, -1.0, 2.0])
    for function in (compiled, compiled):
        w.grad = None
        g = mt.grad(function)(x)
        g.sum().backward()
        assert g.tolist() == [1, -4, 12] and w.grad.tolist() == [1, -2, 4]
