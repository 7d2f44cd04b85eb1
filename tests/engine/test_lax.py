"""minitorch.lax against jax.lax: the same arguments, the same results, the same derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import lax
from minitorch.core import tree
from minitorch.errors import ArgumentError, ShapeError
from minitorch.lax.pointwise import BINARY, UNARY

jax = pytest.importorskip("jax")
jnp = jax.numpy
pytestmark = pytest.mark.jax

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 5)).astype(np.float32)
Y = RNG.normal(size=(4, 5)).astype(np.float32)
IMAGE = RNG.normal(size=(2, 4, 7, 6)).astype(np.float32)
KERNEL = RNG.normal(size=(6, 4, 3, 2)).astype(np.float32)
STACK = RNG.normal(size=(2, 3, 4)).astype(np.float32)
TURNED = STACK.transpose(2, 0, 1)
WHOLE = RNG.integers(-9, 9, (4, 5)).astype(np.int32)


def close(found, wanted, rtol=2e-5):
    a, b = tree.leaves(found), jax.tree.leaves(wanted)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        x, y = np.asarray(x.numpy() if hasattr(x, "numpy") else x), np.asarray(y)
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol, rtol)


def compare(call, *args, grad=True, jit=True):
    """Call with each library, and pull a random cotangent back through what are floats."""
    ours, theirs = [mt.array(a) for a in args], [jnp.asarray(a) for a in args]
    out, wanted = call(lax, *ours), call(jax.lax, *theirs)
    close(out, wanted)
    if jit:
        close(mt.jit(lambda *a: call(lax, *a))(*ours), wanted)
    floats = [i for i, a in enumerate(args) if a.dtype == np.float32]
    if not grad or not floats:
        return
    first = lambda out: out[0] if isinstance(out, (tuple, list)) else out  # noqa: E731
    g = RNG.normal(size=np.shape(first(wanted))).astype(np.float32)

    def of(library, call, args):
        def f(*some):
            full = list(args)
            for i, x in zip(floats, some):
                full[i] = x
            return first(call(library, *full))

        return f, [args[i] for i in floats]

    f, xs = of(lax, call, ours)
    _, pull = mt.vjp(f, *xs)
    f, xs = of(jax.lax, call, theirs)
    _, other = jax.vjp(f, *xs)
    close(pull(mt.array(g)), other(jnp.asarray(g)), 2e-4)


DOMAINS = {
    "log": (0.1, 3),
    "log1p": (-0.5, 3),
    "sqrt": (0.1, 3),
    "rsqrt": (0.1, 3),
    "acosh": (1.1, 3),
    "lgamma": (0.2, 3),
}
DOMAINS |= {"digamma": (0.2, 3), "atanh": (-0.9, 0.9), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "erf_inv": (-0.9, 0.9)}
BITS = {"bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right_arithmetic"}


@pytest.mark.parametrize("name", [row.name for row in UNARY])
def test_unary(name):
    low, high = DOMAINS.get(name, (-2, 2))
    x = WHOLE if name in BITS else RNG.uniform(low, high, (3, 4)).astype(np.float32)
    if name in ("real", "imag", "conj"):
        x = (x + 1j * x[::-1]).astype(np.complex64)
    compare(lambda lib, x: getattr(lib, name)(x), x, grad=name != "is_finite", jit=False)


@pytest.mark.parametrize("name", [row.name for row in BINARY])
def test_binary(name):
    x, y = (WHOLE, abs(WHOLE) % 5) if name in BITS else (abs(X) + 0.1, Y)
    compare(
        lambda lib, x, y: getattr(lib, name)(x, y),
        x,
        y,
        grad=name not in ("eq", "ne", "lt", "le", "gt", "ge", "nextafter"),
        jit=False,
    )


CALLS = {
    "div": (lambda lib, x, y: lib.div(x, y), (X, Y)),
    "div of integers": (lambda lib, x: lib.div(x, lib.full_like(x, 4)), (WHOLE,)),
    "div by a negative": (lambda lib, x: lib.div(x, lib.full_like(x, -4)), (WHOLE,)),
    "rem": (lambda lib, x, y: lib.rem(x, y), (X, Y)),
    "rem of integers": (lambda lib, x: lib.rem(x, lib.full_like(x, -4)), (WHOLE,)),
    "integer_pow": (lambda lib, x: lib.integer_pow(x, 3), (X,)),
    "integer_pow, negative": (lambda lib, x: lib.integer_pow(x, -2), (X,)),
    "round": (lambda lib, x: lib.round(x), (np.array([0.5, 1.5, -0.5, -2.5, 2.4, -2.6], np.float32),)),
    "clamp": (lambda lib, x: lib.clamp(-0.5, x, 0.5), (X,)),
    "select": (lambda lib, x, y: lib.select(x > 0, x, y), (X, Y)),
    "select_n": (lambda lib, x, y: lib.select_n(x > 0, x, y), (X, Y)),
    "broadcast": (lambda lib, x: lib.broadcast(x, (2, 3)), (X,)),
    "broadcast_in_dim": (lambda lib, x: lib.broadcast_in_dim(x, (4, 2, 5), (0, 2)), (X,)),
    "broadcasted_iota": (lambda lib, x: lib.broadcasted_iota(np.float32, (2, 3), 1) + x, (X[:2, :3],)),
    "collapse": (lambda lib, x: lib.collapse(x, 1, 3), (IMAGE,)),
    "concatenate": (lambda lib, x, y: lib.concatenate([x, y], 1), (X, Y)),
    "expand_dims": (lambda lib, x: lib.expand_dims(x, (0, 3)), (X,)),
    "full": (lambda lib, x: lib.full((2,), 3.0) * x, (X[0, :2],)),
    "pad": (lambda lib, x: lib.pad(x, np.float32(0.5), [(1, 2, 0), (0, -1, 2)]), (X,)),
    "pad, negative": (lambda lib, x: lib.pad(x, np.float32(0.5), [(-1, 2, 1), (-2, -1, 0)]), (X,)),
    "pad by a value": (lambda lib, x, y: lib.pad(x, y, [(1, 2, 0), (0, 1, 2)]), (X, np.float32(2.0).reshape(()))),
    "reshape": (lambda lib, x: lib.reshape(x, (10, 2), (1, 0)), (X,)),
    "rev": (lambda lib, x: lib.rev(x, (1,)), (X,)),
    "squeeze": (lambda lib, x: lib.squeeze(x, (1,)), (X[:, None],)),
    "transpose": (lambda lib, x: lib.transpose(x, (1, 0)), (X,)),
    "slice": (lambda lib, x: lib.slice(x, (1, 0), (4, 5), (2, 3)), (X,)),
    "slice_in_dim": (lambda lib, x: lib.slice_in_dim(x, 1, 4, 2, 1), (X,)),
    "index_in_dim": (lambda lib, x: lib.index_in_dim(x, -1, 1), (X,)),
    "dynamic_slice": (lambda lib, x, i: lib.dynamic_slice(x, (i[0], i[1]), (2, 3)), (X, np.array([1, 4], np.int32))),
    "dynamic_slice, before": (
        lambda lib, x, i: lib.dynamic_slice(x, (i[0], i[1]), (2, 5)),
        (X, np.array([-9, 0], np.int32)),
    ),
    "dynamic_slice, from the end": (
        lambda lib, x, i: lib.dynamic_slice(x, i, (2, 2)),
        (X, np.array([-2, -3], np.int32)),
    ),
    "dynamic_slice_in_dim": (lambda lib, x, i: lib.dynamic_slice_in_dim(x, i, 2, 1), (X, np.array(2, np.int32))),
    "dynamic_index_in_dim": (
        lambda lib, x, i: lib.dynamic_index_in_dim(x, i, 1, keepdims=False),
        (X, np.array(2, np.int32)),
    ),
    "dynamic_update_slice": (
        lambda lib, x, y, i: lib.dynamic_update_slice(x, y, (i[0], i[1])),
        (X, Y[:2, :3], np.array([3, 1], np.int32)),
    ),
    "dynamic_update_slice_in_dim": (
        lambda lib, x, y, i: lib.dynamic_update_slice_in_dim(x, y, i, 0),
        (X, Y[:2], np.array(1, np.int32)),
    ),
    "dynamic_update_index_in_dim": (
        lambda lib, x, y, i: lib.dynamic_update_index_in_dim(x, y, i, 1),
        (X, Y[:, 0], np.array(2, np.int32)),
    ),
    "reduce_sum": (lambda lib, x: lib.reduce_sum(x, (1,)), (X,)),
    "reduce_prod": (lambda lib, x: lib.reduce_prod(x, (0, 1)), (X,)),
    "reduce_max": (lambda lib, x: lib.reduce_max(x, (0,)), (X,)),
    "reduce_min": (lambda lib, x: lib.reduce_min(x, (0,)), (X,)),
    "reduce_and": (lambda lib, x: lib.reduce_and(x, (0,)), (X > -1,)),
    "reduce_or": (lambda lib, x: lib.reduce_or(x, (0,)), (X > 1,)),
    "argmax": (lambda lib, x: lib.argmax(x, 1, np.int32), (X,)),
    "argmin": (lambda lib, x: lib.argmin(x, 0, np.int32), (X,)),
    "sort": (lambda lib, x: lib.sort(x, 0), (X,)),
    "sort by two keys": (lambda lib, x, y: lib.sort((x, y), 1, num_keys=2), (WHOLE // 4, WHOLE[::-1])),
    "sort_key_val": (lambda lib, x, y: lib.sort_key_val(x, y, 0), (X, Y)),
    "top_k": (lambda lib, x: lib.top_k(x, 3), (X,)),
    "batch_matmul": (lambda lib, x: lib.batch_matmul(x, lib.transpose(x, (0, 2, 1))), (STACK,)),
    "dot": (lambda lib, x, y: lib.dot(x, lib.transpose(y, (1, 0))), (X, Y)),
    "dot_general": (
        lambda lib, x, y: lib.dot_general(x, y, (((1,), (2,)), ((0,), (1,)))),
        (STACK, STACK.transpose(2, 0, 1)),
    ),
    "dot_general, two axes": (lambda lib, x, y: lib.dot_general(x, y, (((1, 2), (1, 0)), ((), ()))), (STACK, STACK.T)),
}
for running in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
    for backwards in (False, True):
        CALLS[f"{running} {backwards}"] = (lambda lib, x, n=running, r=backwards: getattr(lib, n)(x, 1, r), (X,))


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    call, args = CALLS[name]
    compare(call, *args)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "VALID"},
        {"padding": "SAME", "window_strides": (2, 3)},
        {"padding": "SAME_LOWER", "window_strides": (2, 1)},
        {"padding": [(1, 2), (0, 3)]},
        {"padding": [(-1, 2), (0, -1)]},
        {"padding": "VALID", "rhs_dilation": (2, 2)},
        {"padding": "SAME", "rhs_dilation": (1, 2)},
        {"padding": [(2, 1), (1, 1)], "lhs_dilation": (2, 3)},
        {"padding": "VALID", "feature_group_count": 2},
        {"padding": "VALID", "batch_group_count": 2},
        {"padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")},
        {"padding": "VALID", "dimension_numbers": ("NCHW", "OIHW", "NHWC")},
        {"padding": "VALID", "dimension_numbers": ("CNHW", "WHIO", "HWNC")},
    ],
    ids=str,
)
def test_convolutions(options):
    options = {"window_strides": (1, 1)} | options
    x, w = IMAGE, KERNEL
    if options.get("feature_group_count"):
        w = w[:, :2]
    lhs, rhs, _ = options.get("dimension_numbers", ("NCHW", "OIHW", ""))
    x = x.transpose(["NCHW".index(c) for c in lhs])
    w = w.transpose(["OIHW".index(c) for c in rhs])
    compare(lambda lib, x, w: lib.conv_general_dilated(x, w, **options), x, w)


def test_other_convolutions():
    compare(lambda lib, x, w: lib.conv(x, w, (2, 1), "SAME"), IMAGE, KERNEL)
    compare(
        lambda lib, x, w: lib.conv_with_general_padding(x, w, (1, 1), [(1, 1), (0, 2)], (2, 1), (1, 2)), IMAGE, KERNEL
    )


@pytest.mark.parametrize("kind", ["add", "max", "min", "mul"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"window_strides": (1, 1, 2, 2), "padding": "SAME"},
        {"padding": [(0, 0), (0, 0), (1, 2), (2, 0)]},
        {"window_dilation": (1, 1, 2, 1)},
        {"base_dilation": (1, 1, 1, 2), "window_strides": (1, 1, 1, 1), "padding": "SAME_LOWER"},
    ],
    ids=str,
)
def test_windows(kind, options):
    init = {"add": 0.0, "max": -np.inf, "min": np.inf, "mul": 1.0}[kind]
    options = {"padding": "VALID"} | options
    x = IMAGE[:1, :2]

    def call(lib, x):
        return lib.reduce_window(x, np.float32(init), getattr(lib, kind), (1, 1, 3, 2), **options)

    compare(
        call, x, grad=kind == "add" or (not {"window_dilation", "base_dilation"} & options.keys() and kind != "mul")
    )


def test_windows_of_other_kinds():
    x = mt.array(WHOLE)
    found = lax.reduce_window(x, 0, lax.add, (2, 2), (1, 1), "SAME")
    close(found, jax.lax.reduce_window(WHOLE, np.int32(0), jax.lax.add, (2, 2), (1, 1), "SAME"))
    longest = lax.reduce_window(mt.array(X), 0.0, lambda a, b: mt.sqrt(a * a + b * b), (1, 3))
    wanted = np.sqrt(sum(X[:, k : k + 3] ** 2 for k in range(3)))
    np.testing.assert_allclose(longest.numpy(), wanted, 1e-5)
    assert lax.reduce_window(mt.array(X), 1.5, lax.add, (4, 5)).item() == pytest.approx(X.sum() + 1.5, rel=1e-5)


def test_loops_against_jax():
    def network(lib, w, xs):
        tanh = mt.tanh if lib is lax else jnp.tanh
        h, ys = lib.scan(lambda h, x: ((new := tanh(w @ h + x)), new * x), w[0], xs, reverse=True)
        n, y = lib.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * 0.5), (0, h))
        z = lib.cond(n > 4, lambda y: y * 2, lambda y: y, lib.fori_loop(0, 3, lambda i, y: y + i * h, h))
        return h + z, ys, lib.map(lambda x: x.sum(), xs), lib.associative_scan(lib.mul, xs), y

    w, xs = RNG.normal(size=(5, 5)).astype(np.float32) / 2, X
    close(network(lax, mt.array(w), mt.array(xs)), network(jax.lax, w, xs))
    found = mt.jit(mt.jacrev(lambda w, xs: network(lax, w, xs)[0], (0, 1)))(mt.array(w), mt.array(xs))
    close(found, jax.jacrev(lambda w, xs: network(jax.lax, w, xs)[0], (0, 1))(w, xs), 2e-4)
    found = mt.jvp(lambda w: network(lax, w, mt.array(xs)), (mt.array(w),), (mt.array(w),))
    close(found, jax.jvp(lambda w: network(jax.lax, w, xs), (jnp.asarray(w),), (jnp.asarray(w),)), 2e-4)
    batch = np.stack([w, -w, 2 * w])
    close(
        mt.vmap(lambda w: network(lax, w, mt.array(xs)))(mt.array(batch)),
        jax.vmap(lambda w: network(jax.lax, w, xs))(batch),
        1e-4,
    )


def test_errors():
    with pytest.raises(ShapeError, match="broadcast_dimensions"):
        lax.broadcast_in_dim(mt.array(X), (4, 2, 5), (2, 0))
    with pytest.raises(ShapeError, match="does not fit"):
        lax.dynamic_slice(mt.array(X), (0, 0), (9, 1))
    with pytest.raises(ShapeError, match="start indices"):
        lax.dynamic_slice(mt.array(X), (0,), (1, 1))
    with pytest.raises(ShapeError, match="inside"):
        lax.slice(mt.array(X), (0, 0), (9, 1))
    with pytest.raises(ArgumentError, match="padding_config"):
        lax.pad(mt.array(X), 0, [(0, 0, 0)])
    with pytest.raises(ArgumentError, match="padding must be"):
        lax.conv(mt.array(IMAGE), mt.array(KERNEL), (1, 1), "FULL")
    with pytest.raises(ArgumentError, match="dimension_numbers"):
        lax.conv_general_dilated(
            mt.array(IMAGE), mt.array(KERNEL), (1, 1), "SAME", dimension_numbers=("NHW", "HWIO", "NHWC")
        )
    with pytest.raises(ArgumentError, match="positive numbers"):
        lax.reduce_window(mt.array(X), 0.0, lax.add, (2,))
    with pytest.raises(ShapeError, match="equal sizes"):
        lax.dot_general(mt.array(X), mt.array(Y), (((1,), (0,)), ((), ())))
    with pytest.raises(ArgumentError, match="num_keys"):
        lax.sort((mt.array(X), mt.array(Y)), num_keys=3)


def test_names():
    """What jax.lax has of these names takes the same arguments, in the same order."""
    import inspect

    for name in vars(lax):
        ours, theirs = getattr(lax, name), getattr(jax.lax, name, None)
        if name.startswith("_") or not inspect.isfunction(ours) or theirs is None or name in ("stop_gradient",):
            continue
        mine = [p for p in inspect.signature(ours).parameters if p not in ("precision", "preferred_element_type")]
        other = list(inspect.signature(theirs).parameters)
        if mine not in (["x"], ["x", "y"]):
            assert [p for p in other if p in mine] == mine, name


def squares(a, b):
    return (a * a + b * b) ** 0.5


@pytest.mark.parametrize("axes", [(0,), (1, -1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("kind", ["add", "mul", "max", "min", "squares"])
def test_reduce(kind, axes):
    x = np.linspace(0.3, 1.7, 5 * 3 * 7, dtype="f4").reshape(5, 3, 7)
    init = np.float32({"max": -np.inf, "min": np.inf, "mul": 1.0}.get(kind, 0.0))
    compare(
        lambda lib, x: lib.reduce(x, init, getattr(lib, kind, squares), [a % 3 for a in axes]),
        x,
        grad=kind != "squares",
    )


def test_reduce_of_nothing():
    close(lax.reduce(mt.zeros((0, 3)), 2.0, squares, (0,)), np.full(3, 2.0, "f4"))
    close(lax.reduce(mt.zeros((2, 0, 3)), 2.0, lax.add, (1, 0)), np.full(3, 2.0, "f4"))
