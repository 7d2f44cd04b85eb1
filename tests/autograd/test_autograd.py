"""grad, backward, functional, anomaly mode, gradcheck: what they return, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import autograd
from minitorch.autograd import functional
from minitorch.errors import ArgumentError, GradError, ShapeError, UnsupportedError

from .test_function import Cube


def leaf(*values):
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def plain(*values):
    return mt.tensor(list(values), dtype=mt.float64)


def close(a, b):
    np.testing.assert_allclose(np.asarray(a.detach() if isinstance(a, mt.Tensor) else a), b, rtol=1e-9)


# --------------------------------------------------------------------------- grad and backward


def test_grad_leaves_dot_grad_alone():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    gx, gy = autograd.grad((x * y).sum(), (x, y))
    close(gx, [3.0, 4.0])
    close(gy, [1.0, 2.0])
    assert x.grad is None and y.grad is None and not gx.requires_grad


def test_several_outputs_and_cotangents():
    x = leaf(1.0, 2.0)
    (g,) = autograd.grad((x * 2, (x * x).sum()), x, (plain(1.0, 10.0), None))
    close(g, [4.0, 24.0])


def test_grad_of_an_intermediate_and_of_an_output_itself():
    x = leaf(1.0, 2.0)
    middle = x * 3
    out = (middle * middle).sum()
    g, one = autograd.grad(out, (middle, out))
    close(g, [6.0, 12.0])
    close(one, 1.0)


def test_unused():
    x, other = leaf(1.0), leaf(2.0)
    y = x * 2
    with pytest.raises(GradError, match=r"grad: inputs\[1\].*not have been used.*allow_unused"):
        autograd.grad(y, (x, other), retain_graph=True)
    assert autograd.grad(y, (x, other), allow_unused=True, retain_graph=True)[1] is None
    close(autograd.grad(y, (x, other), materialize_grads=True)[1], [0.0])


def test_batched_cotangents():
    x = leaf(1.0, 2.0, 3.0)
    y = x**3
    (g,) = autograd.grad(y, x, mt.eye(3, dtype=mt.float64), is_grads_batched=True, create_graph=True)
    close(g, np.diag([3.0, 12.0, 27.0]))
    (h,) = autograd.grad(g.sum(), x)
    close(h, [6.0, 12.0, 18.0])


def test_backward_with_inputs():
    x, y = leaf(1.0), leaf(2.0)
    middle = x * y
    autograd.backward((middle * 3).sum(), inputs=[y, middle])
    assert x.grad is None
    close(y.grad, [3.0])
    close(middle.grad, [3.0])


def test_backward_with_several_tensors():
    x = leaf(1.0, 2.0)
    autograd.backward([x * 2, x.sum()], [plain(1.0, 1.0), None])
    close(x.grad, [3.0, 3.0])


def test_hooks_run_in_grad_too():
    x = leaf(1.0, 2.0)
    middle = x * 3
    middle.register_hook(lambda g: g * 10)
    close(autograd.grad(middle.sum(), x)[0], [30.0, 30.0])


def test_create_graph_under_no_grad():
    x = leaf(2.0)
    y = x**3
    with mt.no_grad():
        (g,) = autograd.grad(y, x, create_graph=True)
    close(autograd.grad(g, x)[0], [12.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: autograd.grad(x.detach().sum(), x), GradError, "does not require grad"),
        (lambda x: autograd.grad(x.sum(), x.detach()), GradError, r"inputs\[0\] of shape \(2,\) does not require grad"),
        (lambda x: autograd.grad(x * 2, x), GradError, "scalar outputs"),
        (lambda x: autograd.grad(x * 2, x, plain(1.0)), ShapeError, r"\(1,\).*\(2,\)"),
        (lambda x: autograd.grad(x.sum(), x, [None, None]), ArgumentError, "1 tensors and 2 gradients"),
        (lambda x: autograd.grad(x.sum(), [np.ones(2)]), TypeError, r"inputs\[0\] must be a Tensor"),
        (lambda x: autograd.grad([], x), ArgumentError, "outputs is empty"),
        (lambda x: autograd.grad(x * 2, x, plain(1.0, 1.0), is_grads_batched=True), GradError, "batched cotangent"),
        (lambda x: autograd.backward(x * 2), GradError, "scalar outputs"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf(1.0, 2.0))


# --------------------------------------------------------------------------- functional


def test_jacobian_shapes_and_values():
    a, b = plain(1.0, 2.0), plain(3.0, 4.0, 5.0)
    rows = functional.jacobian(lambda a, b: (a[:, None] * b, b.sum()), (a, b))
    assert [[tuple(j.shape) for j in row] for row in rows] == [[(2, 3, 2), (2, 3, 3)], [(2,), (3,)]]
    close(rows[0][0], np.einsum("ik,j->ijk", np.eye(2), b.numpy()))
    close(rows[1][0], [0.0, 0.0])
    assert not rows[0][0].requires_grad


def test_jacobian_strategies_agree():
    x = plain(0.5, 1.0)
    f = lambda x: (x * x).sum() * x  # noqa: E731
    close(functional.jacobian(f, x), functional.jacobian(f, x, strategy="forward-mode").numpy())
    one, two = functional.jacobian(lambda x, y: x * y, (x, x), strategy="forward-mode")
    close(one, np.diag(x.numpy()))
    close(two, np.diag(x.numpy()))


def test_jacobian_of_an_empty_result():
    assert functional.jacobian(lambda x: x[:0], plain(1.0, 2.0)).shape == (0, 2)


def test_create_graph_reaches_the_inputs():
    x = leaf(1.0, 2.0)
    j = functional.jacobian(lambda x: x**3, x, create_graph=True)
    (g,) = autograd.grad(j.sum(), x)
    close(g, [6.0, 12.0])


def test_hessian():
    x, y = plain(1.0, 2.0), plain(3.0, 4.0)
    (xx, xy), (yx, yy) = functional.hessian(lambda x, y: (x * x * y).sum(), (x, y))
    close(xx, np.diag([6.0, 8.0]))
    close(xy, np.diag([2.0, 4.0]))
    close(yx, np.diag([2.0, 4.0]))
    close(yy, np.zeros((2, 2)))


def test_products_equal_the_matrices():
    x, v, w = plain(1.0, 2.0, 0.5), plain(0.3, -1.0, 2.0), plain(1.0, 5.0)

    def f(x):
        return mt.stack([(x * x).sum(), x[0] * x[1] * x[2]])

    def g(x):
        return (x**3).sum() * x[0]

    jacobian, hessian = functional.jacobian(f, x).numpy(), functional.hessian(g, x).numpy()
    close(functional.vjp(f, x, w)[1], w.numpy() @ jacobian)
    close(functional.jvp(f, x, v)[1], jacobian @ v.numpy())
    close(functional.vhp(g, x, v)[1], v.numpy() @ hessian)
    close(functional.hvp(g, x, v)[1], hessian @ v.numpy())
    close(functional.jvp(f, x, v)[0], f(x).numpy())


def test_jvp_passes_through_a_function():
    close(functional.jvp(Cube.apply, plain(2.0), plain(10.0))[1], [120.0])


def test_v_may_be_left_out_for_one_element():
    close(functional.vjp(lambda x: x.sum(), plain(1.0, 2.0))[1], [1.0, 1.0])
    with pytest.raises(ArgumentError, match="v can be left out"):
        functional.vjp(lambda x: x * 2, plain(1.0, 2.0))
    with pytest.raises(ShapeError, match="v has shapes"):
        functional.jvp(lambda x: x * 2, plain(1.0, 2.0), plain(1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: functional.jacobian(lambda x: plain(1.0), x, strict=True), "output 0.*independent"),
        (lambda x: functional.jacobian(lambda x, y: x * 2, (x, x), strict=True), "independent of input 1"),
        (lambda x: functional.vjp(lambda x: plain(1.0), x, plain(1.0), strict=True), "independent"),
        (lambda x: functional.hessian(lambda x: x.sum(), x, strict=True), "independent"),
        (lambda x: functional.hessian(lambda x: x * 2, x), "one element"),
    ],
)
def test_strict(call, message):
    with pytest.raises(GradError, match=message):
        call(plain(1.0, 2.0))


def test_independence_gives_zeros():
    close(functional.jacobian(lambda x: plain(1.0), plain(1.0, 2.0)), [[0.0, 0.0]])
    close(functional.hessian(lambda x: x.sum(), plain(1.0, 2.0)), np.zeros((2, 2)))
    close(functional.jvp(lambda x: plain(1.0), plain(1.0, 2.0), plain(1.0, 1.0))[1], [0.0])


# --------------------------------------------------------------------------- anomaly mode


def test_anomaly_names_the_forward_line():
    x = leaf(-1.0)
    with autograd.detect_anomaly():
        assert autograd.is_anomaly_enabled()
        y = x**0.5  # the line to be named
        with pytest.raises(GradError, match=r"pow returned nan .*test_autograd\.py:\d+") as caught:
            y.sum().backward()
    assert not autograd.is_anomaly_enabled()
    line = int(str(caught.value).rpartition(":")[2])
    with open(__file__) as source:
        assert "the line to be named" in source.read().splitlines()[line - 1]


def test_anomaly_mode_works_in_transforms_and_functions():
    class Bad(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    with autograd.detect_anomaly():
        with pytest.raises(GradError, match=r"Bad returned nan .*test_autograd\.py"):
            Bad.apply(leaf(1.0)).sum().backward()
        with pytest.raises(GradError, match="pow returned nan"):
            mt.vmap(mt.grad(lambda x: x**0.5))(plain(1.0, -1.0))


def test_set_detect_anomaly():
    autograd.set_detect_anomaly(True)
    assert autograd.is_anomaly_enabled()
    autograd.set_detect_anomaly(False)
    assert not autograd.is_anomaly_enabled()
    with autograd.set_detect_anomaly(True):
        assert autograd.is_anomaly_enabled()
    assert not autograd.is_anomaly_enabled()
    with pytest.raises(UnsupportedError, match="check_nan"):
        autograd.detect_anomaly(check_nan=False).__enter__()


# --------------------------------------------------------------------------- gradcheck, graph


class Wrong(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 3

    @staticmethod
    def backward(ctx, g):
        return g * 4


class WrongTwice(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x.numpy()
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g * mt.tensor(2 * ctx.x)


def test_gradcheck():
    x = leaf(1.0, 2.0)
    assert autograd.gradcheck(lambda x, y: x * y, (x, plain(1.0, 1.0)))
    assert autograd.gradcheck(lambda x: x * x, x, check_forward_ad=True)
    with pytest.raises(autograd.GradcheckError, match="reverse derivative"):
        autograd.gradcheck(Wrong.apply, x)
    assert not autograd.gradcheck(Wrong.apply, x, raise_exception=False)
    assert autograd.gradcheck(WrongTwice.apply, x)
    with pytest.raises(autograd.GradcheckError):
        autograd.gradgradcheck(WrongTwice.apply, x)
    with pytest.raises(ArgumentError, match="requires grad"):
        autograd.gradcheck(lambda x: x, plain(1.0))


def test_graph_walk():
    x, y = leaf(1.0), leaf(2.0)
    found = autograd.graph.leaves(x * y, x + y)
    assert set(found) == {x.node, y.node}
