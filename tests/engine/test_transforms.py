"""grad, value_and_grad, vjp, jvp, vmap: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.config import default_float, setting
from minitorch.core.errors import ArgumentError, DTypeError, GradError, ShapeError, TracerError
from minitorch.core.jacobian import hessian, jacfwd, jacrev
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import conj, exp, real, sin
from minitorch.core.ops.reductions import argmax
from minitorch.core.ops.shaping import cast
from minitorch.core.tape import context, muting
from minitorch.core.transforms import grad, jvp, stop_gradient, value_and_grad, vjp, vmap
from minitorch.tensor.handle import Tensor

Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Layer:
    w: object
    b: object = None


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), 1e-6)


# --------------------------------------------------------------------------- trees


@pytest.mark.parametrize(
    ("params", "read"),
    [
        ({"w": 2.0, "b": 3.0}, lambda p: (p["w"], p["b"])),
        ([2.0, 3.0], lambda p: (p[0], p[1])),
        ((2.0, (3.0, None)), lambda p: (p[0], p[1][0])),
        (Point(2.0, 3.0), lambda p: (p.x, p.y)),
        (Layer(2.0, Layer(3.0)), lambda p: (p.w, p.b.w)),
        (OrderedDict(z=2.0, a=3.0), lambda p: (p["z"], p["a"])),
        ({"none": None, "w": {"x": 2.0}, "y": [3.0, None]}, lambda p: (p["w"]["x"], p["y"][0])),
    ],
    ids=["dict", "list", "tuple", "namedtuple", "dataclass", "ordered dict", "nones"],
)
def test_gradient_has_the_structure_of_the_parameters(params, read):
    def loss(p):
        x, y = read(p)
        return x * x * y

    value, grads = value_and_grad(loss)(params)
    assert type(grads) is type(params)
    same(value, 12)
    same(read(grads)[0], 12)
    same(read(grads)[1], 4)


def test_none_leaves_stay_none():
    grads = grad(lambda p: p["a"] * 2.0)({"a": 1.0, "b": None})
    assert grads["b"] is None


def test_empty_tree_has_an_empty_gradient():
    assert grad(lambda p: Array(1.0))({}) == {}


# --------------------------------------------------------------------------- arguments


def f(x, y, scale=1.0):
    return x * y * y * scale


def test_argnums():
    same(grad(f)(2.0, 3.0), 9)
    same(grad(f, 1)(2.0, 3.0), 12)
    same(grad(f, -1)(2.0, 3.0), 12)
    gy, gx = grad(f, (1, 0))(2.0, 3.0)
    same(gx, 9)
    same(gy, 12)
    assert grad(f, ())(2.0, 3.0) == ()
    same(grad(f, np.int64(1))(2.0, 3.0), 12)


def test_argnums_out_of_range_or_twice():
    with pytest.raises(ArgumentError, match="argnums 2 is out of range for f called with 2"):
        grad(f, 2)(1.0, 2.0)
    with pytest.raises(ArgumentError, match="twice"):
        grad(f, (0, -2))(1.0, 2.0)


def test_keywords_are_passed_and_not_differentiated():
    same(grad(f)(2.0, 3.0, scale=10.0), 90)


def test_other_arguments_may_be_anything():
    assert grad(lambda x, name, flags: x * len(name) * flags["k"])(1.0, "abc", {"k": 2}).item() == 6


def test_python_numbers_are_weak_numpy_is_not():
    assert grad(lambda x: x * 2.0)(1.0).dtype == np.float32
    assert grad(lambda x: x * 2.0)(np.float64(1.0)).dtype == np.float64
    assert grad(lambda x: (x * 2.0).sum())(np.ones(3)).dtype == np.float64
    with setting(default_float, np.dtype(np.float64)):
        assert grad(lambda x: x * 2.0)(1.0).dtype == np.float64


def test_gradient_has_the_dtype_of_the_parameter():
    mixed = {"half": Array(np.ones(2, np.float16)), "double": Array(np.ones(2))}
    grads = grad(lambda p: (p["half"] * p["double"]).sum())(mixed)
    assert (grads["half"].dtype, grads["double"].dtype) == (np.float16, np.float64)


def test_E9_integer_leaf_is_named():
    params = {"layers": [{"w": Array([1.0])}, {"n": Array([1, 2])}]}
    with pytest.raises(DTypeError, match=r"params\['layers'\]\[1\]\['n'\] is int64\[2\].*cast it"):
        grad(lambda params: params["layers"][0]["w"].sum())(params)
    with pytest.raises(DTypeError, match=r"argument y is int64"):
        grad(f, 1)(1.0, 2)
    with pytest.raises(DTypeError, match=r"argument x is bool"):
        jvp(f, (True, 1.0), (1.0, 1.0))
    with pytest.raises(DTypeError, match=r"vjp: argument y is int64"):
        vjp(f, 1.0, 2)
    with pytest.raises(DTypeError, match=r"argument args\[1\]\[0\]"):
        grad(lambda *args: args[0], 1)(1.0, [3])
    with pytest.raises(DTypeError, match=r"argument p\['name'\]"):
        grad(lambda p: p["w"])({"w": 1.0, "name": "abc"})


def test_integer_values_inside_are_fine():
    def loss(x):
        i = argmax(x)
        return (x * cast(i, np.float64)).sum() + cast(x, np.int64).sum() * 1.0

    same(grad(loss)(Array(np.array([1.0, 3.0, 2.0]))), [1, 1, 1])


# --------------------------------------------------------------------------- results


def test_aux_passes_through():
    def loss(x):
        return x * x, {"double": x * 2.0, "name": "run", "n": 3, "none": None, "flag": True}

    (value, aux), g = value_and_grad(loss, has_aux=True)(3.0)
    same(value, 9)
    same(g, 6)
    assert (aux["name"], aux["n"], aux["none"], aux["flag"]) == ("run", 3, None, True)
    assert type(aux["double"]) is Array
    g, aux = grad(loss, has_aux=True)(3.0)
    same(aux["double"], 6)
    _, _, aux = vjp(loss, 3.0, has_aux=True)
    same(aux["double"], 6)
    _, t, aux = jvp(loss, (3.0,), (1.0,), has_aux=True)
    same(aux["double"], 6)
    same(t, 6)


def test_aux_must_be_a_pair():
    with pytest.raises(GradError, match="pair"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_results_that_do_not_depend_on_the_input():
    same(grad(lambda x: Array(5.0))(Array([1.0, 2.0])), [0, 0])
    same(grad(lambda x: 5.0)(1.0), 0)
    _, t = jvp(lambda x: Array([1.0, 2.0]), (1.0,), (1.0,))
    same(t, [0, 0])
    same(vmap(lambda x: Array([1.0, 2.0]))(Array([0.0, 0.0, 0.0])), [[1, 2]] * 3)
    same(vjp(lambda x: (x, Array(1.0)), 2.0)[1]((3.0, 4.0))[0], 3)


def test_results_that_are_the_input_or_repeated():
    same(grad(lambda x: x)(2.0), 1)
    _, pull = vjp(lambda x: (x, x, [x]), 2.0)
    same(pull((1.0, 10.0, [100.0]))[0], 111)
    x = Array(3.0)
    same(grad(lambda a, b: a * b, (0, 1))(x, x)[0], 3)
    _, t = jvp(lambda x: {"a": x, "b": x}, (2.0,), (5.0,))
    same(t["b"], 5)
    same(vmap(lambda x: (x, x), out_axes=(0, 1))(Array([[1.0, 2.0]]))[1], [[1], [2]])


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: x * Array([1.0, 2.0]), GradError, r"one scalar, got \[float32\[2\]\]; reduce it"),
        (lambda x: (x, x), GradError, r"one scalar, got \[float32\[\], float32\[\]\]"),
        (lambda x: cast(x, np.int64), DTypeError, "int64.*no gradient"),
        (lambda x: cast(x, np.complex64), DTypeError, "complex64"),
        (lambda x: None, GradError, r"one scalar, got \[\]"),
        (lambda x: "abc", TypeError, "returned a str"),
    ],
)
def test_grad_wants_one_real_scalar(function, error, words):
    with pytest.raises(error, match=words):
        grad(function)(1.0)


def test_cotangents_are_checked():
    _, pull = vjp(lambda x: {"a": x * 2.0, "b": x}, Array([1.0, 2.0]))
    with pytest.raises(ShapeError, match="structure"):
        pull({"a": Array([1.0, 1.0])})
    with pytest.raises(ShapeError, match="structure"):
        pull({"a": Array([1.0, 1.0]), "c": Array([1.0, 1.0])})
    with pytest.raises(ShapeError, match=r"shape \(3,\) for float32\[2\]"):
        pull({"a": Array([1.0, 1.0, 1.0]), "b": Array([1.0, 1.0])})
    with pytest.raises(DTypeError, match="complex64"):
        pull({"a": Array([1.0, 1.0]), "b": Array([1j, 1.0])})
    for _ in range(2):  # a pullback can be used again
        same(pull({"a": Array([1.0, 1.0]), "b": Array([0, 1])})[0], [2, 3])


def test_tangents_are_checked():
    with pytest.raises(ArgumentError, match="2 primals and 1 tangents"):
        jvp(f, (1.0, 2.0), (1.0,))
    with pytest.raises(ShapeError, match="structure"):
        jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises(ShapeError, match="shape"):
        jvp(lambda x: x, (Array([1.0]),), (1.0,))
    with pytest.raises(DTypeError, match="complex"):
        jvp(lambda x: x, (1.0,), (1j,))


# --------------------------------------------------------------------------- vmap


def test_vmap_axes():
    x, y = Array(np.arange(6.0).reshape(2, 3)), Array(np.arange(3.0))
    same(vmap(lambda a, b: a * b, in_axes=(1, 0))(x, y), x.numpy().T * y.numpy()[:, None])
    same(vmap(lambda a, b: a * b, in_axes=(1, 0), out_axes=1)(x, y), x.numpy() * y.numpy())
    same(vmap(lambda a, b: a * b, in_axes=[0, None], out_axes=-1)(x, y), (x.numpy() * y.numpy()).T)
    tree_ = {"x": x, "rest": (y, "name")}
    found = vmap(lambda t: t["x"].sum() * t["rest"][0], in_axes=({"x": 0, "rest": None},))(tree_)
    same(found, x.numpy().sum(1)[:, None] * y.numpy())
    mixed = vmap(lambda a: {"a": a, "b": y}, out_axes={"a": 1, "b": None})(x)
    same(mixed["a"], x.numpy().T)
    assert mixed["b"].shape == (3,)


def test_vmap_axes_follow_the_order_of_an_ordered_dict():
    tree_ = OrderedDict(z=Array(np.ones((2, 3))), a=Array(np.ones(3)))
    found = vmap(lambda t: t["z"].sum() + t["a"].sum(), in_axes=(OrderedDict(z=0, a=None),))(tree_)
    same(found, [6, 6])


def test_vmap_maps_keywords_over_their_first_axis():
    same(vmap(lambda x, y: x * y)(Array([1.0, 2.0]), y=Array([3.0, 4.0])), [3, 8])


def test_vmap_of_an_empty_batch():
    assert vmap(lambda x: sin(x).sum())(Array(np.ones((0, 3)))).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: vmap(lambda a, b: a, in_axes=(0,))(x, x), ArgumentError, "1 entries for 2 arguments"),
        (lambda x: vmap(lambda a: a, in_axes=({"a": 0},))([x]), ArgumentError, "in_axes=.*does not match"),
        (lambda x: vmap(lambda a: a, in_axes=0.5)(x), ArgumentError, "in_axes=0.5"),
        (lambda x: vmap(lambda a: a, in_axes=None)(x), ArgumentError, "no argument is mapped"),
        (lambda x: vmap(lambda a: a, in_axes=2)(x), ShapeError, r"argument a is float32\[2, 3\].*no axis 2"),
        (lambda x: vmap(lambda a, b: a)(x, 1.0), ShapeError, "argument b is float32.*in_axes None"),
        (lambda x: vmap(lambda a, b: a, in_axes=(0, 1))(x, x), ShapeError, "a has 2, b has 3"),
        (lambda x: vmap(lambda a, k: a)(x, k=Array([1.0])), ShapeError, "a has 2, k has 1"),
        (lambda x: vmap(lambda a: a, out_axes=None)(x), ArgumentError, "out_axes is None"),
        (lambda x: vmap(lambda a: a, out_axes=(0, 0))(x), ArgumentError, "out_axes"),
        (lambda x: vmap(lambda a: bool(a.sum()))(x), TracerError, "differs from example to example"),
    ],
)
def test_vmap_refuses(call, error, words):
    with pytest.raises(error, match=words):
        call(Array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))


# --------------------------------------------------------------------------- levels


def test_perturbations_are_not_confused():
    same(grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1)
    same(grad(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1])(1.0), 1)
    same(jvp(lambda x: x * grad(lambda y: x + y)(1.0), (1.0,), (1.0,))[1], 1)
    same(jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1], 1)
    same(grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0), 6)
    same(vmap(lambda x: vmap(lambda y: x * y)(Array([1.0, 2.0])))(Array([1.0, 10.0])), [[1, 2], [10, 20]])


def test_pull_inside_another_transform():
    _, pull = vjp(lambda x: sin(x) * x, 2.0)
    same(grad(lambda g: pull(g)[0])(1.0), np.cos(2) * 2 + np.sin(2))
    same(vmap(lambda g: pull(g)[0])(Array([1.0, 2.0])), np.array([1, 2]) * (np.cos(2) * 2 + np.sin(2)))


@pytest.mark.parametrize(
    "transform", [grad, lambda f: lambda x: jvp(f, (x,), (1.0,)), lambda f: lambda x: vmap(f)(Array([x]))]
)
def test_a_stored_tracer_raises_when_used(transform):
    stored = []

    def leak(x):
        stored.append(x * 2.0)
        return x

    transform(leak)(1.0)
    with pytest.raises(TracerError, match=r"mul: .*finished"):
        stored[0] * 1.0
    with pytest.raises(TracerError, match="finished"):
        grad(lambda x: stored[0])(1.0)
    with pytest.raises(TracerError, match="finished"):
        grad(lambda x: x * stored[0])(1.0)
    with pytest.raises(TracerError, match="finished"):
        vmap(lambda x: stored[0])(Array([1.0]))
    with pytest.raises(TracerError, match="finished"):
        grad(lambda x: (x, stored[0]), has_aux=True)(1.0)


def test_a_pull_whose_outer_transform_has_finished_raises():
    stored = []

    def outer(x):
        stored.append(vjp(lambda y: x * y, 2.0)[1])
        return x

    grad(outer)(1.0)
    with pytest.raises(TracerError, match="finished"):
        sin(stored[0](1.0)[0])


def test_muting_inside_cuts_the_gradient_and_outside_does_not():
    def cut(x):
        with muting(True):
            y = x * x
        return x * y

    same(grad(cut)(3.0), 9)
    with muting(True):
        same(grad(lambda x: x * x)(3.0), 6)
        same(grad(grad(lambda x: x * x * x))(3.0), 18)

    def on_again(x):
        with muting(True), muting(False):
            return x * x

    same(grad(on_again)(3.0), 6)
    same(jvp(cut, (3.0,), (1.0,))[1], 27)  # forward mode has no recording to mute


def test_what_is_muted_outside_stays_muted_inside():
    def outer(x):
        def inner(y):
            with muting(False):
                return x * y, x * x

        with muting(True):
            g, square = grad(inner, has_aux=True)(2.0)
        same((g, square), (3, 9))
        return x * square

    same(grad(outer)(3.0), 9)


def test_stop_gradient():
    same(grad(lambda x: x * stop_gradient(x))(3.0), 3)
    same(jvp(lambda x: x * stop_gradient({"a": x})["a"], (3.0,), (1.0,))[1], 3)
    same(grad(grad(lambda x: x * x * stop_gradient(x)))(3.0), 6)
    assert stop_gradient({"n": 1, "s": "abc", "x": None}) == {"n": 1, "s": "abc", "x": None}


def test_context_is_as_before():
    before = context.get()
    grad(lambda x: vmap(lambda y: jvp(sin, (x * y,), (1.0,))[1])(Array([1.0])).sum())(1.0)
    assert context.get() is before


# --------------------------------------------------------------------------- complex


def test_E11_complex_follows_torch():
    z = Array(np.array([1 + 2j, -3 + 0.5j]))
    same(grad(lambda z: real(z * conj(z)).sum())(z), 2 * z.numpy())
    same(grad(lambda z: real(z).sum())(z), np.ones(2, complex))
    _, pull = vjp(lambda z: z * z, z)
    g = Array(np.array([1j, 2.0 - 1j]))
    same(pull(g)[0], g.numpy() * np.conj(2 * z.numpy()))
    same(jvp(exp, (z,), (g,))[1], np.exp(z.numpy()) * g.numpy())
    x = Array(np.array([1.0, 2.0]))
    assert grad(lambda x: real(x * z).sum())(x).dtype == np.float64
    m = Array(np.array([[1 + 1j, 2.0], [0.5j, 1.0]]))
    same(vjp(lambda a: matmul(a, m), m)[1](m)[0], m.numpy() @ m.numpy().conj().T)


def test_the_path_of_a_tensor_is_that_of_its_place():
    with pytest.raises(DTypeError, match=r"argument params\['n'\] is int64"):
        grad(lambda params: params["n"].sum())({"n": Tensor([1.0]).long()})


@pytest.mark.parametrize("f", [lambda z: z**3, lambda z: exp(z) * z, lambda z: 1.0 / z + z])
def test_holomorphic_derivatives(f):
    z = Array(np.array(0.6 + 0.8j))
    h = 1e-6
    wanted = (f(z + h).item() - f(z - h).item()) / (2 * h)
    for derivative in (grad(f, holomorphic=True), jacrev(f, holomorphic=True), jacfwd(f, holomorphic=True)):
        np.testing.assert_allclose(derivative(z).item(), wanted, 1e-8)
    value, found = value_and_grad(f, holomorphic=True)(z)
    np.testing.assert_allclose(found.item(), wanted, 1e-8)
    second = (f(z + 1e-4).item() - 2 * f(z).item() + f(z - 1e-4).item()) / 1e-8
    np.testing.assert_allclose(hessian(f, holomorphic=True)(z).item(), second, 1e-5)
    np.testing.assert_allclose(grad(grad(f, holomorphic=True), holomorphic=True)(z).item(), second, 1e-5)
    with pytest.raises(DTypeError, match="holomorphic=True takes complex arguments"):
        grad(f, holomorphic=True)(1.0)
    with pytest.raises(DTypeError, match="got a result of float64"):
        grad(lambda z: abs(z), holomorphic=True)(z)
    with pytest.raises(DTypeError, match="is not complex"):
        jacfwd(f, holomorphic=True)(1.0)
    with pytest.raises(DTypeError, match="or pass holomorphic=True"):
        grad(f)(z)


def test_integer_arguments_on_request():
    tree = {"w": Array(np.array([1.0, 2.0])), "n": Array([3, 4])}
    found = grad(lambda p: (p["w"] * p["n"]).sum(), allow_int=True)(tree)
    assert found["w"].tolist() == [3.0, 4.0]
    assert found["n"].dtype == np.int64 and found["n"].tolist() == [0, 0]  # E10: a gradient has its argument's dtype
    value, found = value_and_grad(lambda n, w: (w * n).sum(), (0, 1), allow_int=True)(tree["n"], tree["w"])
    assert found[0].tolist() == [0, 0] and found[1].tolist() == [3.0, 4.0]
    rows = jacrev(lambda p: p["w"] * p["n"], allow_int=True)(tree)
    assert rows["w"].tolist() == [[3.0, 0.0], [0.0, 4.0]] and rows["n"].tolist() == [[0, 0], [0, 0]]
    assert vmap(grad(lambda n, w: w * n, allow_int=True))(tree["n"], tree["w"]).tolist() == [0, 0]


def test_jacobians_with_auxiliary_results_and_chunks():
    f = lambda x, y: ((x * x * y).sum(), {"y": y, "name": "f"})  # noqa: E731
    x, y = Array(np.array([1.0, 2.0])), Array(np.array([3.0, 4.0]))
    h, aux = hessian(f, (0, 1), has_aux=True)(x, y)
    assert h[0][1].tolist() == [[2.0, 0.0], [0.0, 4.0]] and aux["y"].tolist() == [3.0, 4.0] and aux["name"] == "f"
    g = lambda x: exp(x)[:, None] * x  # noqa: E731
    z = Array(np.arange(5.0) / 5)
    for size in (1, 2, 7, 25, 100):
        np.testing.assert_allclose(jacrev(g, chunk_size=size)(z).numpy(), jacrev(g)(z).numpy())


def test_compiled_with_static_arguments():
    import minitorch as mt

    def power(x, n, y):
        return (x**n * y).sum()

    x, y = Array(np.array([1.0, 2.0])), Array(np.array([3.0, 4.0]))
    compiled = mt.jit(power, static_argnums=1)
    for n in (2, 3):
        plain = (power, (0, 2)), (power, 0)
        for make in (grad, jacrev, jacfwd, hessian):
            for (_, argnums), again in zip(plain, (compiled, compiled)):
                found, wanted = make(again, argnums)(x, n, y), make(power, argnums)(x, n, y)
                for a, b in zip(mt.tree.leaves(found), mt.tree.leaves(wanted), strict=True):
                    np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-12)
        found = mt.jit(value_and_grad(power, (0, 2)), static_argnums=1)(x, n, y)[1][1]
        np.testing.assert_allclose(found.numpy(), x.numpy() ** n)
