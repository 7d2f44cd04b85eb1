"""Operations on small tensors that are one native call each: they do what the same operations in Python do."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import warnings
from collections import UserDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.core.jit.native.compile import compile_kernel
from minitorch.core.jit.native.objects import supported
from minitorch.core.ops import pointwise, special
from minitorch.core.primitive import PRIMITIVES
from minitorch.nn.functional import activation, layer, loss
from minitorch.optim import optimizer
from minitorch.tensor import fast, kernels, small

pytestmark = pytest.mark.skipif(not supported(), reason="objects cannot be read directly in this interpreter")

OPERATIONS = {
    "linear": layer._linear,
    "mse_loss": loss._mse,
    "cross_entropy": loss._cross_entropy,
    "relu": activation._relu.quick,
}
OPTIONS = {"reduction": "mean", "ignore_index": -100}


def tensor(shape, dtype="float32", tracked=True, seed=0, scale=1.0):
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    return mt.tensor(values.astype(dtype), requires_grad=tracked)


def operands(name, m, n, k, dtype, mask, bias=True):
    """Return positional arguments and options of an operation; the bits of a mask say which are tracked."""
    tracked = [bool(mask >> i & 1) for i in range(3)]
    if name == "linear":
        x, w = tensor((m, k), dtype, tracked[0]), tensor((n, k), dtype, tracked[1], 1)
        return (x, w, tensor((n,), dtype, tracked[2], 2) if bias else None), {}
    if name == "mse_loss":
        x, y = tensor((m, k), dtype, tracked[0]), tensor((m, k), dtype, tracked[1], 1)
        return (x, y), {"reduction": "mean" if bias else "sum"}
    if name == "cross_entropy":
        target = mt.tensor(np.random.default_rng(3).integers(0, k, m))
        return (tensor((m, k), dtype, tracked[0], scale=5.0), target), {
            "ignore_index": -100,
            "reduction": "mean" if bias else "sum",
        }
    return (tensor((m, k), dtype, tracked[0]),), {}


def leaves(args):
    return [x for x in args if isinstance(x, mt.Tensor) and x.requires_grad]


def with_gradients(run, args, options):
    """Return a result with its node, and the gradients of what it was computed from."""
    for x in leaves(args):
        x.grad = None
    out = run(*args, **options)
    if out.requires_grad:
        (out * tensor(out.shape, str(out.dtype).rpartition(".")[2], False, 9)).sum().backward(retain_graph=True)
    return out, [x.grad for x in leaves(args)]


def same(a, b, dtype, what):
    np.testing.assert_allclose(a.numpy(), b.numpy(), 50 * np.finfo(dtype).eps, 50 * np.finfo(dtype).eps, err_msg=what)
    assert a.dtype == b.dtype and a.shape == b.shape, what


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.sampled_from(["float32", "float64"]),
    st.integers(0, 7), st.booleans(),
)  # fmt: skip
def test_what_python_does(name, m, n, k, dtype, mask, bias):
    run = OPERATIONS[name]
    args, options = operands(name, m, n, k, dtype, mask, bias)
    out, grads = with_gradients(run, args, options)
    expected, wanted = with_gradients(run.general, args, options)
    same(out.detach(), expected.detach(), dtype, name)
    assert type(out) is type(expected) is mt.Tensor
    assert out.requires_grad is expected.requires_grad
    for g, h in zip(grads, wanted, strict=True):
        same(g, h, dtype, f"a gradient of {name}")


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("mask", range(8))
def test_the_nodes_are_those_of_python(name, mask):
    run = OPERATIONS[name]
    args, options = operands(name, 3, 4, 5, "float32", mask)
    first, second = run(*args, **options).node, run.general(*args, **options).node
    assert (first is None) == (second is None)
    while first is not None:
        assert type(first) is type(second) and first.plan is second.plan and first.name == second.name
        assert (first.shape, first.dtype, first.cell, first.line, first.pick) == (
            (second.shape, second.dtype, second.cell, second.line, second.pick)
        )
        assert type(first.shape) is type(second.shape)
        assert (first.params or {}) == (second.params or {})
        assert [type(s) for s in first.saved] == [type(s) for s in second.saved]
        assert first.sequence < second.sequence
        assert len(first.parents) == len(second.parents)
        if first.pick is None:
            assert all(p is q for p, q in zip(first.parents, second.parents))
            return
        (first,), (second,) = first.parents, second.parents


def spied(run, calls):
    """Return the native form of an operation, which leaves what it cannot do to a function that notes it."""
    primitive = PRIMITIVES[next(name for name, one in OPERATIONS.items() if one is run)]

    def general(*args, **options):
        calls.append(args)
        return run.general(*args, **options)

    return kernels.recorded(small.FORMS[primitive].recorded, primitive, general)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_native(name):
    calls = []
    native = spied(OPERATIONS[name], calls)
    for dtype in ("float32", "float64"):
        for mask in range(8):
            for bias in (False, True):
                args, options = operands(name, 3, 4, 5, dtype, mask, bias)
                native(*args, **options)
                with mt.no_grad():
                    assert not native(*args, **options).requires_grad
    parameter = nn.Linear(5, 3).weight
    if name == "relu":
        native(parameter)
    elif name == "linear":
        native(mt.ones(2, 5), parameter, None)
    assert not calls


def odd():
    """Name calls that are left to Python."""
    x, w, b = tensor((3, 5)), tensor((4, 5), seed=1), tensor((4,), seed=2)
    rows, target = tensor((3, 5)), mt.tensor([0, 4, 2])
    yield "a view", "linear", (tensor((5, 3)).T, w, b), {}
    yield "strided", "linear", (tensor((3, 10))[:, ::2], w, b), {}
    yield "three axes", "linear", (tensor((2, 3, 5)), w, b), {}
    yield "one axis", "linear", (tensor((5,)), w, b), {}
    yield "large", "linear", (tensor((300, 5)), w, b), {}
    yield "many products", "linear", (tensor((2, 70)), tensor((2, 70), seed=1), None), {}
    yield "no rows", "linear", (tensor((0, 5)), w, b), {}
    yield "halves", "linear", (tensor((3, 5), "float16"), tensor((4, 5), "float16"), None), {}
    yield "two axes of a bias", "linear", (x, w, tensor((1, 4))), {}
    yield "an array", "linear", (mt.Array(np.ones((3, 5), np.float32)), w, b), {}
    yield "another shape", "mse_loss", (rows, tensor((1, 5))), {"reduction": "mean"}
    yield "no reduction", "mse_loss", (rows, tensor((3, 5))), {"reduction": "none"}
    yield "integers", "mse_loss", (rows, mt.ones(3, 5, dtype=mt.int64)), {"reduction": "mean"}
    yield "a number", "mse_loss", (tensor(()), mt.Array(1.0)), {"reduction": "mean"}
    yield "ignored", "cross_entropy", (rows, mt.tensor([0, -100, 2])), OPTIONS
    yield "ignored classes", "cross_entropy", (rows, target), {**OPTIONS, "ignore_index": 2}
    yield "a number ignored", "cross_entropy", (rows, target), {**OPTIONS, "ignore_index": 0.5}
    yield "a large number ignored", "cross_entropy", (rows, target), {**OPTIONS, "ignore_index": 10**30}
    yield "no rows", "cross_entropy", (tensor((0, 5)), mt.zeros(0, dtype=mt.int64)), OPTIONS
    yield "one row", "cross_entropy", (tensor((5,)), mt.tensor(2)), OPTIONS
    yield "rows of each", "cross_entropy", (rows, target), {**OPTIONS, "reduction": "none"}
    yield "a deep one", "cross_entropy", (tensor((2, 5, 3)), mt.zeros(2, 3, dtype=mt.int64)), OPTIONS
    yield "integers", "relu", (mt.arange(3),), {}
    yield "large", "relu", (tensor((70, 70)),), {}
    yield "an array", "relu", (mt.Array([1.0, -1.0]),), {}


def plain(x):
    return x.numpy() if isinstance(x, mt.Array) else x.detach().numpy()


@pytest.mark.parametrize(
    ("what", "name", "args", "options"), [pytest.param(*case, id=f"{case[1]}: {case[0]}") for case in odd()]
)
def test_what_is_left_to_python(what, name, args, options):
    calls = []
    native = spied(OPERATIONS[name], calls)
    try:
        wanted = OPERATIONS[name].general(*args, **options)
    except Exception as error:
        with pytest.raises(type(error)) as caught:
            native(*args, **options)
        assert str(caught.value) == str(error)
    else:
        out = native(*args, **options)
        np.testing.assert_array_equal(plain(out), plain(wanted))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("linear", (mt.ones(2, 3), mt.ones(4, 5), None), {}),
        ("linear", (mt.ones(2, 3), mt.ones(4, 3), mt.ones(5)), {}),
        ("linear", (mt.ones(2, 3), mt.ones(4, 3, dtype=mt.float64), None), {}),
        ("linear", (mt.ones(2, 3), "weight", None), {}),
        ("linear", (3.0, mt.ones(4, 3), None), {}),
        ("cross_entropy", (mt.ones(2, 3), mt.tensor([0, 3])), OPTIONS),
        ("cross_entropy", (mt.ones(2, 3), mt.tensor([-1, 0])), OPTIONS),
        ("cross_entropy", (mt.ones(2, 3), mt.tensor([0])), OPTIONS),
        ("cross_entropy", (mt.ones(2, 3), mt.tensor([0, 1])), {**OPTIONS, "reduction": "median"}),
        ("mse_loss", (mt.ones(2, 3), mt.ones(2, 3)), {"reduction": "median"}),
        ("mse_loss", (mt.ones(2, 3), mt.ones(4, 5)), {"reduction": "mean"}),
        ("relu", ("x",), {}),
        ("relu", (None,), {}),
    ],
)
@pytest.mark.filterwarnings("ignore:mse_loss")
def test_errors_are_those_of_python(name, args, options):
    run = OPERATIONS[name]
    with pytest.raises(Exception) as expected:
        run.general(*args, **options)
    with pytest.raises(expected.type) as found:
        run(*args, **options)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(dtype):
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38, -1.0], dtype)
    x = mt.tensor(special, requires_grad=True)
    with np.errstate(all="ignore"):
        for run, args, options in (
            (activation._relu.quick, (x,), {}),
            (loss._mse, (x, mt.tensor(special[::-1].copy())), {"reduction": "sum"}),
            (layer._linear, (mt.tensor(special.reshape(4, 2)), mt.ones(1, 2, dtype=x.dtype), None), {}),
        ):
            np.testing.assert_array_equal(
                run(*args, **options).detach().numpy(), run.general(*args, **options).detach().numpy()
            )
        for row in (special, special[3:], np.array([-np.inf, 0.0], dtype), np.array([1e4, -1e4], dtype)):
            logits, target = mt.tensor(row[None], requires_grad=True), mt.tensor([0])
            found, wanted = (
                with_gradients(f, (logits, target), OPTIONS) for f in (F.cross_entropy, loss._cross_entropy.general)
            )
            np.testing.assert_allclose(found[0].item(), wanted[0].item(), 1e-6)
            np.testing.assert_allclose(found[1][0].numpy(), wanted[1][0].numpy(), 1e-5)


def test_contexts():
    x, w = tensor((2, 3)), tensor((4, 3), seed=1)
    with mt.no_grad():
        assert F.linear(x, w).node is None
        with mt.enable_grad():
            assert F.linear(x, w).node is not None
    with mt.inference_mode():
        assert F.linear(x, w).node is None
    with mt.autograd.detect_anomaly():
        assert F.linear(x, w).node.line is not None
    found = mt.vmap(lambda row: F.linear(row[None], w)[0])(x.detach())
    np.testing.assert_allclose(found.detach().numpy(), F.linear(x, w).detach().numpy(), 1e-6)
    slope = mt.grad(lambda x: F.mse_loss(F.linear(x, w), mt.zeros(2, 4)))(x.detach())
    loss = F.mse_loss(F.linear(x, w), mt.zeros(2, 4))
    loss.backward()
    np.testing.assert_allclose(slope.detach().numpy(), x.grad.numpy(), 1e-5)


def test_second_derivatives():
    x, w = tensor((2, 3), "float64"), tensor((4, 3), "float64", seed=1)
    mt.test_util.check_grads(
        lambda x, w: F.mse_loss(F.relu(F.linear(x, w)), mt.ones(2, 4, dtype=mt.float64)), (x, w), 2
    )


def test_every_kernel_is_used_and_made():
    forms = [*small.FORMS.values(), *small._POINTWISE.values()]
    named = {k for form in forms for k in (form.recorded, form.computed, *form.rules.values()) if k}
    assert {*kernels.KERNELS} == named | {"add_multiple_on", "descend_of"}
    for name in kernels.KERNELS:
        assert compile_kernel(kernels._text(name), f"small_{name}").address


def test_nothing_is_leaked():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    opt = optim.SGD(model.parameters(), lr=1e-3)
    x, y, target = mt.ones(5, 3), mt.ones(5, 2), mt.tensor([0, 1, 0, 1, 0])

    def step():
        opt.zero_grad()
        out = model(x)
        (F.mse_loss(out, y) + F.cross_entropy(out, target)).backward()
        opt.step()
        with mt.no_grad():
            F.cross_entropy(model(x), target)

    def held():
        gc.collect()
        singles = (
            None,
            True,
            False,
            (),
            mt.Tensor,
            np.ndarray,
            np.dtype("float32"),
            np.dtype("int64"),
            optimizer._descend,
        )
        return np.array([sys.getallocatedblocks(), *map(sys.getrefcount, singles)])

    for _ in range(50):
        step()
    before = held()
    for _ in range(500):
        step()
    assert (held() - before < 100).all()


def test_threads():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), tensor((5, 3), tracked=False)
    wanted = model(x).detach().numpy()
    wrong = []

    def work(is_tracked):
        for _ in range(300):
            with mt.set_grad_enabled(is_tracked):
                out = model(x)
            if out.requires_grad is not is_tracked or not np.array_equal(out.detach().numpy(), wanted):
                wrong.append(out)

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_numpy_on_demand():
    program = (
        "import minitorch as mt; from minitorch.nn.functional import layer, linear;"
        "linear(mt.ones(2, 3), mt.ones(4, 3)); assert layer._linear.load() is layer._linear.general"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "MINITORCH_NATIVE": "0"})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["linear", "mse_loss", "cross_entropy"])
def test_layouts_have_the_same_bits(name, dtype):
    args, options = operands(name, 7, 4, 5, dtype, 7)
    for x in args:  # every other of twice as many
        wide = np.repeat(x.detach().numpy(), 2, -1)
        strided = [mt.tensor(wide)[..., ::2].requires_grad_(x.requires_grad) if y is x else y for y in args]
        for run in (OPERATIONS[name], OPERATIONS[name].general):
            found, wanted = with_gradients(run, strided, options), with_gradients(OPERATIONS[name], args, options)
            np.testing.assert_array_equal(found[0].detach().numpy(), wanted[0].detach().numpy())
            for g, h in zip(found[1], wanted[1], strict=True):
                np.testing.assert_array_equal(g.numpy(), h.numpy())


# --------------------------------------------------------------------------- updates


def stepped(p, rate=0.5):
    opt = optim.SGD([p], lr=rate)
    for _ in range(2):  # the first begins
        p.grad = mt.ones_like(p)
        opt.step()
    return p


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates(dtype):
    p, g = tensor((3, 4), dtype), tensor((3, 4), dtype, False, 1)
    opt = optim.SGD([p], lr=0.25)
    p.grad = g
    opt.step()
    before, version, place = p.detach().numpy().copy(), p._version, p.value._data.ctypes.data
    opt.step()
    np.testing.assert_allclose(p.detach().numpy(), before - 0.25 * g.numpy(), 2 * np.finfo(dtype).eps)
    assert p._version == version + 1
    assert p.value._data.ctypes.data == place


def test_what_others_hold_is_not_written():
    p = stepped(tensor((4,)))
    value = p.value
    kept = value.numpy().copy()
    stepped(p)
    np.testing.assert_array_equal(value.numpy(), kept)
    other = p.detach()
    stepped(p)
    np.testing.assert_array_equal(other.numpy(), p.detach().numpy())  # it shares the memory
    buffer = p.detach().numpy()
    kept = buffer.copy()
    stepped(p)
    np.testing.assert_array_equal(buffer, kept)


@pytest.mark.parametrize("kind", ["strided", "view", "another dtype", "none"])
def test_odd_gradients(kind):
    p = tensor((3, 4))
    opt = optim.SGD([p], lr=0.5)
    p.grad = mt.ones(3, 4)
    opt.step()
    before = p.detach().numpy().copy()
    g = {"strided": tensor((4, 3), tracked=False).T, "view": mt.ones(12).reshape(3, 4), "none": None}.get(kind)
    if kind == "another dtype":
        p = tensor((3, 4), "float64")
        opt = optim.SGD([p], lr=0.5)
        p.grad = mt.ones(3, 4, dtype=mt.float64)
        opt.step()
        before, g = p.detach().numpy().copy(), mt.ones(3, 4, dtype=mt.float64) * 2
    p.grad = g
    opt.step()
    wanted = before if g is None else before - 0.5 * g.numpy()
    np.testing.assert_allclose(p.detach().numpy(), wanted, 1e-6)


def test_odd_groups():
    """A tuple of parameters, and a state of another kind, are left to Python."""
    p = tensor((3,))
    opt = optim.SGD([p], lr=0.5)
    p.grad = mt.ones(3)
    opt.step()
    before = p.detach().numpy().copy()
    opt.param_groups[0]["params"] = (p,)
    opt.step()
    np.testing.assert_allclose(p.detach().numpy(), before - 0.5, 1e-6)
    opt.param_groups[0]["params"] = [p]
    opt.state = UserDict({p: {}})
    opt.step()
    np.testing.assert_allclose(p.detach().numpy(), before - 1.0, 1e-6)


def test_recording_makes_no_kernels():
    program = """
import sys
import minitorch as mt
from minitorch import nn

model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
opt = mt.optim.SGD(model.parameters(), lr=0.1)

@mt.jit
def step(x, y):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()

for _ in range(3):
    step(mt.ones(2, 3), mt.ones(2, 4))
assert "minitorch.tensor.kernels" not in sys.modules
model(mt.ones(2, 3))
assert "minitorch.tensor.kernels" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# --------------------------------------------------------------------------- pointwise


POINTWISE = {name: p for name, p in PRIMITIVES.items() if p.formula is not None and small._pointwise(p) is not None}
LAYOUTS = {
    "in order": lambda x: x,
    "transposed": lambda x: mt.tensor(x.T.copy()).T,
    "reversed": lambda x: mt.tensor(x[::-1].copy()).flip(0),
    "a row": lambda x: x[:1],
    "no elements": lambda x: x[:0],
}


def quick(primitive, calls):
    """Return the general and the native form of a pointwise operation; the second notes what it leaves to the first."""
    making = fast.unary if len(primitive.args) == 1 else fast.binary
    general = making(next(f for f in FUNCTIONS if f.primitive is primitive)).general

    def noted(*args):
        calls.append(args)
        return general(*args)

    return general, kernels.recorded(small._pointwise(primitive).recorded, primitive, noted)


FUNCTIONS = [f for f in vars(pointwise).values() if hasattr(f, "primitive")] + [
    f for f in vars(special).values() if hasattr(f, "primitive")
]


def like_general(general, native, args):
    wanted, found = general(*args), native(*args)
    assert type(found) is type(wanted) is mt.Tensor
    np.testing.assert_array_equal(found.detach().numpy(), wanted.detach().numpy())
    assert found.dtype == wanted.dtype and found.requires_grad is wanted.requires_grad
    a, b = found.node, wanted.node
    if b is not None:
        assert a.plan is b.plan and (a.shape, a.dtype) == (b.shape, b.dtype) and len(a.parents) == len(b.parents)
        assert all(p is q for p, q in zip(a.parents, b.parents))
        assert [type(s) for s in a.saved] == [type(s) for s in b.saved]


@pytest.mark.parametrize("name", sorted(POINTWISE))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore")
def test_pointwise_operations(name, dtype):
    primitive = POINTWISE[name]
    if all(f.primitive is not primitive for f in FUNCTIONS):
        pytest.skip("no function of its own")
    calls = []
    general, native = quick(primitive, calls)
    values = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)).astype(dtype)
    for layout in LAYOUTS.values():
        for tracked in (False, True):
            x = mt.tensor(plain(layout(mt.tensor(values)))).requires_grad_(tracked)
            others = [()] if len(primitive.args) == 1 else [(x,), (mt.tensor(values[:1]),), (2,), (0.5,), (-3,), (0.0,)]
            for other in others:
                like_general(general, native, (x, *other))
    assert not calls
    x = mt.tensor(values)
    for odd in (mt.tensor(values[0, 0]), x.T, x.to(mt.float16)):
        like_general(general, native, (odd,) * len(primitive.args))
    if len(primitive.args) == 2:
        for odd in (1e39, float("nan"), 10**12, mt.tensor(values[0, 0])):
            like_general(general, native, (x, odd))


def test_pointwise_warnings_and_errors():
    x = mt.tensor([-1.0, 1.0])
    with pytest.warns(RuntimeWarning, match="invalid value") as caught:
        x.log()
    assert len(caught) == 1
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        x.log()
    with np.errstate(invalid="ignore"):
        assert x.log().isnan()[0].item()
    with pytest.raises(mt.errors.ShapeError, match=r"mul.*\(2,\).*\(3,\)"):
        x * mt.ones(3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_interrupts_are_not_lost(error):
    calls = []

    def interrupt(*about):
        calls.append(about)
        raise error

    x = mt.tensor([-1.0, 1.0], requires_grad=True)
    x.exp().log()
    with np.errstate(invalid="call"):
        before = np.seterrcall(interrupt)
        try:
            with pytest.raises(error):
                x.log()
        finally:
            np.seterrcall(before)
    assert len(calls) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="invalid value"):
            x.log()


def test_what_is_written_meanwhile():
    """The nodes keep what was computed with, whatever other threads write to the operands."""
    x = mt.ones(300, 300, requires_grad=True)
    done = threading.Event()

    def write():
        while not done.is_set():
            with mt.no_grad():
                x.fill_(1.0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            y = x * 2.0
            np.testing.assert_array_equal(y.detach().numpy(), 2.0)
            y.sum().backward()
    finally:
        done.set()
        writer.join()


@pytest.mark.parametrize("function", [mt.exp, mt.relu, mt.mul, F.relu, F.linear, F.mse_loss], ids=lambda f: f.__name__)
def test_compiled_themselves_they_take_the_short_way(function):
    args = (mt.ones(2, 2),) * (1 if function in (mt.exp, mt.relu, F.relu) else 2)
    args = [x.clone() for x in args]
    compiled = mt.jit(function)
    for _ in range(4):
        compiled(*args)
    assert compiled.quick.entrance is not None and not compiled.quick.entrance.is_wary
