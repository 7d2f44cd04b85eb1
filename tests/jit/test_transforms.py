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
