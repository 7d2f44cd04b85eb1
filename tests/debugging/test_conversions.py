"""A differentiated value that turns into a Python number or NumPy array by itself: an error, not a lost derivative."""

from __future__ import annotations

import array
import cmath
import math
import operator
import pickle
import re

import numpy as np
import pytest

import minitorch as mt
import minitorch.numpy as mnp
from minitorch.errors import JitError, TracerError

F = mt.nn.functional
WHERE = re.escape(__file__) + r":\d+"

CONVERSIONS = {
    "float": (lambda x: float(x), "float()"),
    "complex": (lambda x: complex(x), "complex()"),
    "math.exp": (lambda x: math.exp(x), "float()"),
    "math.floor": (lambda x: math.floor(x), "float()"),
    "math.isnan": (lambda x: math.isnan(x), "float()"),
    "math.fsum": (lambda x: math.fsum([x, x]), "float()"),
    "cmath.exp": (lambda x: cmath.exp(x), "complex()"),
    "percent": (lambda x: "%.3f" % x, "float()"),  # noqa: UP031
    "array.array": (lambda x: array.array("d", [x]), "float()"),
    "tolist": (lambda x: x.tolist(), ".tolist()"),
    "numpy": (lambda x: x.numpy(), ".numpy()"),
    "np.asarray": (lambda x: np.asarray(x), "np.asarray()"),
    "np.asarray, float64": (lambda x: np.asarray(x, np.float64), "np.asarray()"),
    "np.array": (lambda x: np.array(x), "np.asarray()"),
    "np.array, list": (lambda x: np.array([x, x]), "np.asarray()"),
    "np.full": (lambda x: np.full(3, x), "np.asarray()"),
    "np.float64": (lambda x: np.float64(x), "np.asarray()"),
    "np.from_dlpack": (lambda x: np.from_dlpack(x), "__dlpack__"),
    "from_dlpack": (lambda x: mt.from_dlpack(x), "__dlpack__ in from_dlpack()"),
    "array": (lambda x: mt.array(x), "np.asarray() in Array()"),
    "array, list": (lambda x: mt.array([x, 1.0]), "np.asarray() in Array()"),
    "tensor, list": (lambda x: mt.tensor([x, x]), "np.asarray() in tensor()"),
    "linspace": (lambda x: mt.linspace(0.0, x, 3), "float() in linspace()"),
}
RUNS = {
    "grad": lambda f, x: mt.grad(f)(x),
    "value_and_grad": lambda f, x: mt.value_and_grad(f)(x),
    "vjp": lambda f, x: mt.vjp(f, x),
    "jvp": lambda f, x: mt.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: mt.linearize(f, x),
    "jacrev": lambda f, x: mt.jacrev(f)(x),
    "jacfwd": lambda f, x: mt.jacfwd(f)(x),
    "hessian": lambda f, x: mt.hessian(f)(x),
    "hvp": lambda f, x: mt.hvp(f, (x,), (x,)),
    "jet": lambda f, x: mt.jet(f, (x,), ((1.0, 0.0),)),
    "grad of grad": lambda f, x: mt.grad(mt.grad(f))(x),
    "jvp of grad": lambda f, x: mt.jvp(mt.grad(f), (x,), (x,)),
    "func.grad": lambda f, x: mt.func.grad(f)(x),
    "func.vjp": lambda f, x: mt.func.vjp(f, x),
    "func.jvp": lambda f, x: mt.func.jvp(f, (x,), (x,)),
    "func.jacfwd": lambda f, x: mt.func.jacfwd(f)(x),
}
REVERSE = ("grad", "value_and_grad", "vjp", "jacrev", "grad of grad", "func.grad", "func.vjp")
MAKE = {"array": mt.array, "tensor": mt.tensor}


@pytest.mark.parametrize("face", MAKE)
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_a_conversion_names_itself_the_line_and_the_argument(conversion, run, face):
    convert, named = CONVERSIONS[conversion]

    def function(x):
        convert(x * 2.0)
        return x * x

    with pytest.raises(TracerError) as caught:
        RUNS[run](function, MAKE[face](2.0))
    message = str(caught.value)
    assert message.startswith(named)
    assert re.search(rf" at {WHERE}: the value .* is differentiated by (grad|jvp|jet)", message)
    assert "it comes from argument 0 ('x')" in message
    assert "minitorch.exp" in message and "x.item()" in message and "stop_gradient(x)" in message


@pytest.mark.parametrize("run", RUNS)
def test_arrays_of_several_elements_and_writes_to_numpy_arrays(run):
    for convert in (lambda x: x.tolist(), np.asarray, lambda x: x.numpy()):
        with pytest.raises(TracerError, match=r"the value float32\[3\] is differentiated"):
            RUNS[run](lambda x, convert=convert: (convert(x * mt.ones(3)), x)[1], mt.array(2.0))
    with pytest.raises((TypeError, ValueError)):  # NumPy has words of its own for that
        RUNS[run](lambda x: np.zeros(3).__setitem__(0, x), mt.array(2.0))


@pytest.mark.parametrize("face", MAKE)
@pytest.mark.parametrize("run", RUNS)
def test_what_says_that_a_constant_is_meant(run, face, capsys):
    seen = []

    def function(x):
        seen.append((x.item(), int(x), bool(x > 0), f"{x:.3f}"))
        fixed = mt.stop_gradient(x)
        seen.append((float(fixed), np.asarray(fixed).item(), fixed.tolist(), complex(fixed), math.exp(fixed)))
        seen.append((float(x > 0), float(x.astype(mt.int64) if face == "array" else x.long()), (x > 0).tolist()))
        repr(x), str(x)
        mt.debug.print("{:.1f}", x)
        mt.debug.callback(lambda x: seen.append(float(x)), x)
        return x * x if x > 0 else -x

    RUNS[run](function, MAKE[face](2.0))
    assert seen[0] == (2.0, 2, True, "2.000")
    assert seen[1] == (2.0, 2.0, 2.0, 2 + 0j, math.exp(2.0))
    assert seen[2] == (1.0, 2.0, True)
    assert seen[3] == 2.0 and capsys.readouterr().out.startswith("2.0\n")


@pytest.mark.parametrize("run", REVERSE)
def test_nothing_is_lost_where_nothing_is_recorded(run):
    """Under `no_grad` a constant is what everything is; forward mode does not know it."""

    def function(x):
        with mt.no_grad():
            scale = float(x) + math.exp(x * 2.0)
        return x * scale

    RUNS[run](function, mt.array(2.0))


def test_values_that_do_not_depend_on_the_argument():
    x, y = mt.array(2.0), mt.array(3.0)
    assert mt.grad(lambda x, y: x * float(y))(x, y).item() == 3.0
    assert mt.grad(lambda x: x * math.sqrt(y + 6.0))(x).item() == 3.0
    assert mt.jvp(lambda x: x * np.asarray(y), (x,), (x,))[1].item() == 6.0
    assert mt.grad(lambda x: x * float(mt.zeros(3).sum() + 1.0))(x).item() == 1.0
    assert mt.grad(lambda x: x * float(x.shape[0]) @ np.ones(2, np.float32))(mt.ones(2)).tolist() == [2.0, 2.0]


def test_an_outer_derivative_counts_in_an_inner_one():
    with pytest.raises(TracerError, match=r"it comes from argument 0 \('outer'\)"):
        mt.grad(lambda outer: mt.grad(lambda inner: inner * float(outer))(1.0))(2.0)
    with pytest.raises(TracerError, match=r"it comes from argument 0 \('inner'\)"):
        mt.grad(lambda outer: mt.grad(lambda inner: outer * float(inner))(1.0))(2.0)
    with pytest.raises(TracerError, match="differentiated by jvp"):
        mt.jvp(lambda x: mt.grad(lambda y: y * math.exp(x))(1.0), (2.0,), (1.0,))


def test_which_argument_of_many():
    def loss(params, scale, x):
        return params["w"] * float(params["b"] * x) * scale

    params = {"w": mt.array(2.0), "b": mt.array(1.0)}
    with pytest.raises(TracerError, match=r"it comes from argument 0 \('params'\), leaf \['b'\]; use"):
        mt.grad(loss)(params, 1.0, 3.0)
    with pytest.raises(TracerError, match=r"from argument 2 \('x'\) and argument 0 \('params'\), leaf \['b'\]; use"):
        mt.grad(loss, (2, 0))(params, 1.0, 3.0)
    with pytest.raises(TracerError, match=r"it comes from argument 2 \('x'\); use"):
        mt.jacfwd(loss, 2)(params, 1.0, 3.0)
    with pytest.raises(TracerError, match=r"from one or more of argument 0 \('x'\) and argument 1 \('y'\); use"):
        mt.jvp(lambda x, y: float(x), (1.0, 1.0), (1.0, 1.0))


def test_the_graph_of_backward_lets_numbers_go_as_pytorch_does():
    w = mt.tensor(2.0, requires_grad=True)
    loss = w * w
    assert (float(loss), complex(loss), loss.tolist(), math.exp(w), loss.item()) == (
        4.0,
        4 + 0j,
        4.0,
        math.exp(2.0),
        4.0,
    )
    assert mt.tensor([w, loss]).tolist() == [2.0, 4.0]
    for convert in (np.asarray, lambda x: x.numpy()):
        with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
            convert(loss)
    with pytest.raises(BufferError, match="requires grad"):
        np.from_dlpack(loss)
    assert loss.numpy(force=True).item() == 4.0
    loss.backward()
    assert w.grad.item() == 4.0

    def function(x):  # a tensor of its own inside a transform
        inner = mt.tensor(3.0, requires_grad=True)
        (inner * inner).backward()
        return x * float(inner.grad) * float(inner * 1.0)

    assert mt.grad(function)(mt.array(2.0)).item() == 18.0
    assert mt.func.grad(lambda x: x * float(w))(mt.tensor(1.0)).item() == 2.0


def test_a_module_that_leaves_the_graph():
    model = mt.nn.Linear(2, 1)

    def loss(model, x):
        return math.exp(model(x).sum())

    with pytest.raises(TracerError, match=r"it comes from argument 0 \('model'\), leaf "):
        mt.grad(loss)(model, mt.ones(2))
    with pytest.raises(TracerError, match="float"):
        mt.func.grad(lambda p: math.exp(mt.func.functional_call(model, p, (mt.ones(2),)).sum()))(
            dict(model.named_parameters())
        )


def test_rules_and_second_runs():
    @mt.custom_vjp
    def scaled(x):
        return x * math.exp(x)

    scaled.defvjp(lambda x: (scaled(x), math.exp(x)), lambda kept, g: (g * kept,))
    assert np.isclose(mt.grad(scaled)(1.0).item(), math.e)
    with pytest.raises(TracerError, match="float"):
        mt.grad(mt.checkpoint(lambda x: x * math.exp(x)))(1.0)
    with pytest.raises(TracerError, match="float"):
        mt.jvp(mt.checkpoint(lambda x: x * math.exp(x)), (1.0,), (1.0,))
    with pytest.raises(TracerError, match="float"):
        mt.grad(lambda x: mt.lax.fori_loop(0, 3, lambda i, c: c * math.exp(c), x))(1.0)
    with pytest.raises(JitError, match="float"):
        mt.grad(mt.jit(lambda x: x * math.exp(x)))(1.0)


@pytest.mark.parametrize("convert", [float, lambda x: x.item(), int, bool, np.asarray, lambda x: f"{x:.1f}"])
def test_a_linear_map_has_no_data(convert):
    """It was zeros, without a word."""
    with pytest.raises(TracerError, match=r"linear_transpose records, and has no data yet; it comes from argument 0"):
        mt.linear_transpose(lambda x: x * convert(x), mt.array(1.0))

    @mt.custom_jvp
    def f(x):
        return x * 2.0

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), tangents[0] * convert(tangents[0])

    with pytest.raises(TracerError, match="linearize records, and has no data yet"):
        mt.linearize(f, mt.array(1.0))


def test_exports_of_other_traced_values():
    with pytest.raises(TracerError, match="__dlpack__ at .* batched by vmap"):
        mt.vmap(np.from_dlpack)(mt.ones(2))
    with pytest.raises(JitError, match="__dlpack__ at"):
        mt.jit(np.from_dlpack)(mt.array(1.0))
    with pytest.raises(TracerError, match=r"\.tobytes\(\) at"):
        mt.grad(lambda x: x.tobytes())(mt.array(1.0))
    with pytest.raises(TracerError, match="pickle at"):
        mt.func.grad(lambda x: pickle.dumps(x))(mt.tensor(1.0))
    assert mt.grad(lambda x: x * len(mt.stop_gradient(x).tobytes()))(mt.array(1.0)).item() == 4.0
    assert np.from_dlpack(mt.stop_gradient(mt.array(1.0))).item() == 1.0


def test_numpy_functions_keep_the_derivative():
    for function in (
        np.exp,
        lambda x: np.add(x, 1.0) * x,
        lambda x: np.ones(()) * x * x,
        np.mean,
        lambda x: np.square(x),
    ):
        found = mt.grad(lambda x, f=function: f(x) * 1.0)(mt.array(2.0)).item()
        assert np.isclose(found, (function(2.001) - function(1.999)) / 0.002, rtol=1e-3)


ARGUMENTS = {
    "eps of layer_norm": (lambda p: F.layer_norm(mt.ones(2), (2,), eps=p), "float(eps) in layer_norm()"),
    "eps of batch_norm": (lambda p: F.batch_norm(mt.eye(2), None, None, training=True, eps=p), "float(eps)"),
    "p of dropout": (lambda p: F.dropout(mt.ones(2), p), "float(p) in dropout()"),
    "ord of norm": (lambda p: mt.linalg.norm(mt.ones(2), p), "float(ord) in norm()"),
    "ord of norm, 1": (lambda p: mt.linalg.norm(mt.ones(2), p * 2.0), "float(ord) in norm()"),
    "ord of numpy's norm": (lambda p: mnp.linalg.norm(mt.ones(2), p * 4.0), "float(ord) in norm()"),
    "p of normalize": (lambda p: F.normalize(mt.ones(2), p, 0), "float(ord) in normalize()"),
    "p of cdist": (lambda p: mt.cdist(mt.eye(2), mt.eye(2), p), "float(ord)"),
    "correction of var": (lambda p: mnp.var(mt.ones(2), ddof=p), "float(correction) in var()"),
    "limits of hardtanh": (lambda p: F.hardtanh(mt.ones(2), 0.0, p), "float(max_val) in hardtanh()"),
    "bounds of uniform_": (lambda p: mt.empty(2).uniform_(0.0, p), "float(high)"),
    "mean of normal_": (lambda p: mt.empty(2).normal_(p, 1.0), "float(mean)"),
    "d of fftfreq": (lambda p: mnp.fft.fftfreq(4, p), "float(d) in fftfreq()"),
    "end of arange": (lambda p: mt.arange(0.0, p), "float() in arange()"),
    "learning rate": (lambda p: _stepped(p), "float(lr) in "),
    "weights of histogram": (lambda p: mt.histogram(mt.ones(2), 2, weight=p * mt.ones(2))[0], "np.asarray()"),
    "beta of a window": (lambda p: mt.kaiser_window(4, beta=p), "np.asarray()"),
}


def _stepped(lr):
    w = mt.tensor([1.0], requires_grad=True)
    optimizer = mt.optim.SGD([w], lr=0.1)
    optimizer.param_groups[0]["lr"] = lr
    (w * w).sum().backward()
    optimizer.step()
    return w


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("run", ["grad", "jvp", "func.grad"])
def test_arguments_that_must_be_numbers(argument, run):
    call, named = ARGUMENTS[argument]
    make = mt.tensor if run == "func.grad" else mt.array
    with pytest.raises(TracerError) as caught:
        RUNS[run](lambda x: (call(x), x * 1.0)[1], make(0.5))
    assert str(caught.value).startswith(named)
    assert re.search(rf" at {WHERE}: the value", str(caught.value))


FLOWS = {
    "scale of attention": lambda p: (
        F.scaled_dot_product_attention(mt.eye(2)[None] * 3.0, mt.eye(2)[None], mt.arange(4.0).reshape(1, 2, 2), scale=p)
        ** 2
    ),
    "posinf of nan_to_num": lambda p: mt.nan_to_num(mt.tensor([math.inf, 1.0]), posinf=p) ** 2,
    "neginf of nan_to_num": lambda p: mt.nan_to_num(mt.tensor([-math.inf, 1.0]), neginf=p) ** 2,
    "norm_type of lp_pool": lambda p: F.lp_pool1d(mt.arange(4.0)[None], p + 1.5, 2),
    "eps of rms_norm": lambda p: F.rms_norm(mt.arange(2.0), (2,), eps=p),
    "value of full": lambda p: mt.full((2,), p) ** 2,
    "stop of linspace": lambda p: mnp.linspace(0.0, p, 3) ** 2,
}


@pytest.mark.parametrize("argument", FLOWS)
def test_arguments_through_which_derivatives_flow(argument):
    def total(p):
        return mnp.sum(FLOWS[argument](p))

    x = mt.array(0.5)
    expected = (total(mt.array(0.501)).item() - total(mt.array(0.499)).item()) / 0.002
    assert abs(expected) > 1e-3
    assert np.isclose(mt.grad(total)(x).item(), expected, rtol=1e-2)
    assert np.isclose(mt.jvp(total, (x,), (mt.array(1.0),))[1].item(), expected, rtol=1e-2)


LARGE = 10**400
OVERFLOWS = {
    "float": (
        lambda: mt.array(2.0) * LARGE,
        r"mul\(float32\[\], int64\[\]\).*about 10\*\*400 does not fit into float32",
    ),
    "reflected": (lambda: LARGE + mt.array(2.0), r"add\(int64\[\], float32\[\]\).*fit into float32"),
    "integers": (
        lambda: mt.array(2) * 2**63,
        r"mul\(int64\[\], int64\[\]\).* 9223372036854775808 does not fit into int64",
    ),
    "byte": (lambda: mt.array([1], dtype=mt.uint8) * -1, r"mul\(uint8\[1\], int64\[\]\).* -1 does not fit into uint8"),
    "negative": (lambda: mt.array(2.0) * -LARGE, r"about -10\*\*400 does not fit"),
    "bfloat16": (lambda: mt.array(2.0, dtype=mt.bfloat16) * LARGE, r"mul\(bfloat16\[\].* does not fit into bfloat16"),
    "complex": (lambda: mt.array(2j) * LARGE, r"mul\(complex64\[\].* does not fit into complex64"),
    "tensor": (lambda: mt.tensor(2.0) * LARGE, r"mul\(float32\[\].* does not fit into float32"),
    "in place": (lambda: mt.tensor(2.0).mul_(LARGE), r"mul\(float32\[\].* does not fit into float32"),
    "where": (lambda: mt.where(mt.array(True), mt.array(2.0), LARGE), r"where\(.* does not fit into float32"),
    "clamp": (lambda: mt.tensor(2.0).clamp(max=LARGE), r"clip\(.* does not fit into float32"),
    "grad": (lambda: mt.grad(lambda x: x * LARGE)(2.0), r"mul\(.* does not fit into float32"),
    "jvp": (
        lambda: mt.jvp(lambda x: x * LARGE, (mt.array(2.0),), (mt.array(1.0),)),
        r"mul\(.* does not fit into float32",
    ),
    "vmap": (lambda: mt.vmap(lambda x: x * LARGE)(mt.ones(2)), r"mul\(.* does not fit into float32"),
    "jit": (lambda: mt.jit(lambda x: x * LARGE)(mt.array(2.0)), r"mul\(.* does not fit into float32"),
}


@pytest.mark.parametrize("case", OVERFLOWS)
def test_numbers_too_large_for_their_dtype(case):
    call, message = OVERFLOWS[case]
    with pytest.raises(OverflowError, match=message) as caught:
        call()
    assert re.search(r"give one that does, or (write float\('inf'\)|compute in another dtype)", str(caught.value))


@pytest.mark.parametrize("value", [-1, 255, 256, 300, 2**63, 10**30])
@pytest.mark.parametrize("operation", ["mul", "truediv", "lt", "sub"])
def test_a_compiled_function_takes_the_numbers_that_plain_ones_take(value, operation):
    """It wrapped negative numbers around among bytes."""
    function, x = lambda x: getattr(operator, operation)(x, value), mt.array([1, 2], dtype=mt.uint8)
    try:
        expected = function(x)
    except OverflowError as error:
        with pytest.raises(OverflowError, match=re.escape(str(error))):
            mt.jit(function)(x)
    else:
        assert np.array_equal(mt.jit(function)(x), expected)


def test_large_numbers_that_floats_hold():
    assert (mt.array(1.0, dtype=mt.float64) * 10**300).item() == 1e300
    assert mt.jit(lambda x: x * 10**300)(mt.array(1.0, dtype=mt.float64)).item() == 1e300
