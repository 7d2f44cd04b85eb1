"""The shortcut for concrete tensors does what the general path does: values, dtypes, gradients, nodes, errors."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.tape import context
from minitorch.tensor import methods
from minitorch.tensor import pointwise as table

UNARY = {**table.UNARY}
BINARY = {**table.BINARY}
OPERATORS = {**methods.BINARY, **methods.COMPARISONS}
DTYPES = ["float32", "float64", "int64", "bool", "float16", "bfloat16", "complex64"]


def data(shape, dtype, seed):
    x = np.random.default_rng(seed).uniform(0.2, 0.9, shape)
    if dtype.startswith("complex"):
        x = x + 0.3j
    if dtype == "int64":
        x = x * 10
    return mt.array(x, getattr(mt, dtype) if dtype != "bool" else mt.bool)


def tensor(value, grad):
    x = mt.tensor(value)
    return x.requires_grad_() if grad and x.dtype in (mt.float32, mt.float64, mt.complex64) else x


def outcome(call, *args):
    """Return everything that can be told about a result, or the error."""
    leaves = [a for a in args if isinstance(a, mt.Tensor)]
    try:
        out = call(*args)
    except Exception as error:
        return type(error), str(error)
    found = [np.array(out.numpy(force=True)), out.dtype, out.shape, out.requires_grad, type(out), out._trace]
    if out.node is not None:
        node = out.node
        found += [node.plan, node.params, node.parents, node.shape, node.dtype]
        found += [np.asarray(v) if isinstance(v, mt.Array | int | float | complex) else v for v in node.saved]
        out.backward(mt.ones_like(out) * 0.5)
        found += [None if x.grad is None else np.array(x.grad.numpy()) for x in leaves]
        for x in leaves:
            x.grad = None
    return found


def assert_same(fast, general):
    assert len(fast) == len(general), (fast, general)
    for a, b in zip(fast, general):
        if isinstance(b, np.ndarray):
            assert a.dtype == b.dtype
            # A complex power by a number takes another way in NumPy, one rounding apart.
            wide = np.complex128 if b.dtype.kind == "c" else np.float64
            np.testing.assert_allclose(a.astype(wide), b.astype(wide), rtol=3e-6 if b.dtype.kind == "c" else 0)
        else:
            assert a == b or (a is None and b in (None, {})) or (a == {} and b is None)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary(name, dtype):
    function = UNARY[name]
    for shape in ((2, 3), (), (0, 2)):
        for grad in (False, True):
            x = tensor(data(shape, dtype, 1), grad)
            assert_same(outcome(function.quick, x), outcome(function.core, x))


SHAPES = [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2,)), ((2,), ()), ((2,), (3,)), ((0, 2), (2,))]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary(name, dtype):
    function = BINARY[name]
    for one, two in SHAPES:
        for grads in ((False, False), (True, False), (False, True), (True, True)):
            x, y = (tensor(data(s, dtype, k), g) for k, (s, g) in enumerate(zip((one, two), grads)))
            assert_same(outcome(function.quick, x, y), outcome(function.core, x, y))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", [2, 0.5, True, 1j, np.float32(0.5), np.float64(0.5)], ids=repr)
def test_binary_with_numbers(name, dtype, other):
    function = BINARY[name]
    for grad in (False, True):
        x = tensor(data((3,), dtype, 1), grad)
        assert_same(outcome(function.quick, x, other), outcome(function.core, x, other))


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_mixed_dtypes(first, second):
    for name in ("mul", "eq", "maximum", "pow"):
        function = BINARY[name]
        x, y = tensor(data((3,), first, 1), True), tensor(data((3,), second, 2), True)
        assert_same(outcome(function.quick, x, y), outcome(function.core, x, y))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_operators(name, dtype):
    core = OPERATORS[name]
    x, y = tensor(data((3,), dtype, 1), True), tensor(data((3,), dtype, 2), True)
    forward = getattr(mt.Tensor, f"__{name}__")
    assert_same(outcome(forward, x, y), outcome(core, x, y))
    assert_same(outcome(forward, x, 2), outcome(core, x, 2))
    if name in methods.BINARY:
        reflected = getattr(mt.Tensor, f"__r{name}__")
        assert_same(outcome(reflected, x, 2), outcome(core, 2, x))
    assert forward(x, "text") is NotImplemented


def test_nothing_is_recorded_without_grad():
    x = mt.ones(3, requires_grad=True)
    with mt.no_grad():
        for made in (x * 2, x + x, x.exp(), -x, 2 / x):
            assert made.node is None and not made.requires_grad


def test_anomaly_mode_takes_the_general_path():
    x = mt.ones(3, requires_grad=True)
    with mt.autograd.detect_anomaly():
        assert context.get().anomaly
        for made in (x * 2, x.exp()):
            assert __file__ in made.node.line


def test_written_views_are_read_anew():
    x = mt.ones(4)
    view = x[1:3]
    x += 1
    assert (view * 2).tolist() == [4, 4] and (view + view).tolist() == [4, 4] and (-view).tolist() == [-2, -2]


def test_traced_values_take_the_general_path():
    x = mt.ones(3, requires_grad=True)

    def f(y):
        return (y * x + x.exp()).sum() * 2

    assert mt.grad(f)(mt.ones(3)).tolist() == [2, 2, 2]
    assert mt.vmap(lambda y: -y * 2)(mt.ones(3)).tolist() == [-2, -2, -2]


def generally(call):
    """Run a call in anomaly mode, which takes the general path."""
    with mt.autograd.set_detect_anomaly(True):
        return call()


STRUCTURAL = {
    "sum": lambda x: x.sum(),
    "sum over one": lambda x: x.sum(1),
    "sum, kept": lambda x: x.sum(-2, keepdim=True),
    "mean": lambda x: x.mean(),
    "mean over one": lambda x: x.mean(0),
    "reshape": lambda x: x.reshape(3, -1),
    "view": lambda x: x.view(6),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "transpose": lambda x: x.transpose(0, 1),
    "index": lambda x: x[1],
    "slice": lambda x: x[:, ::2],
    "new axis": lambda x: x[None, ..., 0],
    "matmul": lambda x: x @ x.detach().mT,
    "matmul, tracked": lambda x: x.detach() @ x.mT,
}


@pytest.mark.parametrize("name", STRUCTURAL)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "complex64"])
@pytest.mark.parametrize("grad", [False, True])
def test_structural(name, dtype, grad):
    call = STRUCTURAL[name]
    results = []
    for run in (lambda f: f(), generally):
        x = mt.tensor(data((2, 3), dtype, 1)).requires_grad_(grad)
        out = run(lambda x=x: call(x))
        weights = mt.tensor(data(out.shape, "float32", 2)).to(out.dtype)
        if grad:
            total = (out * weights).sum()
            (total.real if dtype == "complex64" else total).backward()
        results.append((out, x.grad, None if out.node is None else out.node.name))
    (a, ga, na), (b, gb, nb) = results
    assert (a.shape, a.dtype, a.requires_grad, na) == (b.shape, b.dtype, b.requires_grad, nb)
    assert mt.equal(a, b) and (ga is None) == (gb is None) and (ga is None or mt.equal(ga, gb))
