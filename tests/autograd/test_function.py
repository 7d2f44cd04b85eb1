"""autograd.Function: recorded as PyTorch does, under every transform, and as often differentiable as its backward."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import minitorch as mt
from minitorch import autograd
from minitorch.autograd import Function
from minitorch.errors import GradError


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


class Exp(Function):
    """Saves its result; computes in NumPy."""

    @staticmethod
    def forward(ctx, x):
        out = mt.tensor(np.exp(x.numpy()))
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


class ScaledProduct(Function):
    """Two tensors, a number, two results, and a saved value that is neither."""

    @staticmethod
    def forward(ctx, x, scale, y):
        ctx.scale = scale
        mask = (x > 0).to(x.dtype)
        ctx.save_for_backward(x, y, mask, None)
        return x * y * scale, x * mask

    @staticmethod
    def backward(ctx, g, h):
        x, y, mask, nothing = ctx.saved_tensors
        assert nothing is None
        return g * y * ctx.scale + h * mask, None, g * x * ctx.scale


class OpsCube(Function):
    """With setup_context."""

    @staticmethod
    def forward(x):
        return x * x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


def leaf(*values):
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def close(a, b):
    np.testing.assert_allclose(np.asarray(a.detach() if isinstance(a, mt.Tensor) else a), b, rtol=1e-9)


@pytest.mark.parametrize("cube", [Cube.apply, OpsCube.apply])
def test_first_to_third_derivative(cube):
    x = leaf(1.0, -2.0)
    y = cube(x)
    (first,) = autograd.grad(y.sum(), x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x, create_graph=True)
    (third,) = autograd.grad(second.sum(), x)
    close(y, [1.0, -8.0])
    close(first, [3.0, 12.0])
    close(second, [6.0, -12.0])
    close(third, [6.0, 6.0])


def test_saved_result_is_differentiable():
    x = leaf(0.5)
    (first,) = autograd.grad(Exp.apply(x), x, create_graph=True)
    (second,) = autograd.grad(first, x, create_graph=True)
    (third,) = autograd.grad(second, x)
    close(third, np.exp([0.5]))


@pytest.mark.parametrize("f", [Cube.apply, OpsCube.apply])
def test_every_nesting_of_transforms(f):
    x = mt.tensor([1.0, -2.0, 3.0], dtype=mt.float64)
    scalar = lambda x: f(x)  # noqa: E731
    close(mt.vmap(mt.grad(scalar))(x), 3 * x.numpy() ** 2)
    close(mt.grad(lambda x: mt.vmap(scalar)(x).sum())(x), 3 * x.numpy() ** 2)
    close(mt.vmap(mt.grad(mt.grad(scalar)))(x), 6 * x.numpy())
    close(mt.grad(lambda x: mt.vmap(mt.grad(scalar))(x).sum())(x), 6 * x.numpy())
    close(mt.grad(lambda x: mt.grad(lambda x: mt.vmap(scalar)(x).sum())(x).sum())(x), 6 * x.numpy())
    close(mt.vmap(mt.vmap(mt.grad(scalar)))(x[None]), 3 * x.numpy()[None] ** 2)
    close(mt.grad(mt.grad(mt.grad(mt.grad(scalar))))(x[0]), 0.0)


def test_backward_through_vmap_of_a_function():
    x, y = leaf(1.0, 2.0, 3.0), leaf(4.0)
    out, _ = mt.vmap(lambda a, b: ScaledProduct.apply(a, 2.0, b), in_axes=(0, None))(x, y[0])
    out.sum().backward()
    close(x.grad, [8.0, 8.0, 8.0])
    close(y.grad, [12.0])


def test_second_order_through_vmap_on_the_ambient_tape():
    x = leaf(1.0, 2.0)
    (g,) = autograd.grad(mt.vmap(Cube.apply)(x).sum(), x, create_graph=True)
    (h,) = autograd.grad(g.sum(), x)
    close(h, [6.0, 12.0])


def test_results_arguments_and_saved_values_of_every_kind():
    x, y = leaf(1.0, -2.0), leaf(3.0, 4.0)
    a, b = ScaledProduct.apply(x, 10.0, y)
    (a.sum() + 2 * b.sum()).backward()
    close(x.grad, [32.0, 40.0])
    close(y.grad, [10.0, -20.0])
    assert autograd.gradgradcheck(lambda x, y: ScaledProduct.apply(x, 3.0, y), (leaf(0.5, -1.5), leaf(2.0, 1.0)))


def test_needs_input_grad_and_skipping():
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, x, y, z):
            seen.append(ctx.needs_input_grad)
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return (g * y if ctx.needs_input_grad[0] else None), None, None

    x = leaf(2.0)
    Product.apply(x, mt.ones(1, dtype=mt.float64), 3).backward()
    assert seen == [(True, False, False)] * 2
    close(x.grad, [1.0])


@pytest.mark.parametrize(("fills", "expected"), [(True, False), (False, True)])
def test_materialize_grads(fills, expected):
    seen = []

    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(fills)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, g, h):
            seen.append(h is None)
            assert h is None or h.shape == (2,)
            return g

    x = leaf(1.0, 2.0)
    Pair.apply(x)[0].sum().backward()
    close(x.grad, [1.0, 1.0])
    assert seen == [expected]


def test_non_differentiable_and_integer_results():
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            order = mt.tensor(np.argsort(x.numpy()))
            top = x.max()
            ctx.mark_non_differentiable(order, top)
            ctx.save_for_backward(order)
            return mt.tensor(np.sort(x.numpy())), order, top

        @staticmethod
        def backward(ctx, g, *unused):
            (order,) = ctx.saved_tensors
            back = np.empty_like(g.numpy())
            back[order.numpy()] = g.numpy()
            return mt.tensor(back)

    x = leaf(3.0, 1.0, 2.0)
    values, order, top = Sorted.apply(x)
    assert values.requires_grad and not order.requires_grad and not top.requires_grad
    (values * mt.tensor([1.0, 10.0, 100.0], dtype=mt.float64)).sum().backward()
    close(x.grad, [100.0, 1.0, 10.0])


def test_results_that_are_no_tensors_pass_through():
    class Counted(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x.shape[0], None

        @staticmethod
        def backward(ctx, g, *unused):
            return 2 * g

    out, n, nothing = Counted.apply(x := leaf(1.0, 2.0))
    out.sum().backward()
    assert n == 2 and nothing is None
    close(x.grad, [2.0, 2.0])


class InPlace(Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return 2 * g


def test_mark_dirty():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = InPlace.apply(y)
    assert z is y
    close(y, [2.0, 4.0])
    (y * y).sum().backward()
    close(x.grad, [8.0, 16.0])
    with pytest.raises(GradError, match="leaf"):
        InPlace.apply(leaf(1.0))


def test_undeclared_write_raises():
    class Quiet(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(GradError, match="mark_dirty"):
        Quiet.apply(leaf(1.0))


def test_nothing_is_recorded_without_need():
    assert not Cube.apply(leaf(1.0).detach()).requires_grad
    with mt.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad


def test_name_and_freeing():
    x = leaf(1.0)
    y = Cube.apply(x)
    assert y.grad_fn.name == "Cube"
    y.backward()
    with pytest.raises(GradError, match="Cube.*second time"):
        y.backward()


def test_what_is_not_saved_is_freed_and_there_are_no_cycles():
    class Bare(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(1.0)
    middle = x * 1
    value = weakref.ref(middle.value)
    out = Bare.apply(middle)
    gc.disable()
    try:
        del middle
        assert value() is None, "an input that was not saved is kept alive"
        node = weakref.ref(out.grad_fn)
        out.backward()
        del out
        assert node() is None, "the node is part of a cycle"
    finally:
        gc.enable()


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @autograd.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return mt.tensor(2 * x.numpy() * g.numpy())

    x = leaf(3.0)
    (g,) = autograd.grad(Once.apply(x), x, create_graph=True)
    close(g, [6.0])
    with pytest.raises(GradError, match="once_differentiable"):
        autograd.grad(g, x)


def wrong(result):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return result(g)

    return Wrong


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: g, r"Wrong: .*expected 2, got 1"),
        (lambda g: (g, None, g), r"Wrong: .*expected 2, got 3"),
        (lambda g: (g, g), r"Wrong: .*different from None at position 1"),
        (lambda g: (g.sum(), None), r"Wrong: .*shape \(\) for float64\[2\]"),
    ],
)
def test_bad_backward(result, message):
    with pytest.raises((GradError, ValueError), match=message):
        wrong(result).apply(leaf(1.0, 2.0), 1).sum().backward()


def test_trailing_none_is_allowed():
    x = leaf(1.0)
    wrong(lambda g: (g, None, None)).apply(x, 1).backward()
    close(x.grad, [1.0])


def test_bad_forward():
    with pytest.raises(TypeError, match="apply"):
        Cube()

    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3.0)
            return x

    with pytest.raises(TypeError, match="save_for_backward: .*float"):
        Keeps.apply(leaf(1.0))

    class Peeks(Function):
        @staticmethod
        def forward(ctx, x):
            return ctx.saved_tensors

    with pytest.raises(GradError, match="saved_tensors"):
        Peeks.apply(leaf(1.0))


def test_closed_over_tensor_cannot_be_saved():
    w = leaf(2.0) * 1

    class Closed(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(w)
            return x * w

    with pytest.raises(GradError, match="argument"):
        Closed.apply(leaf(1.0))


def test_forward_mode_says_what_to_use():
    with pytest.raises(GradError, match=r"Cube: forward mode .*custom_jvp"):
        mt.jvp(lambda x: Cube.apply(x), (mt.tensor(1.0),), (mt.tensor(1.0),))


def test_threads_share_a_graph():
    import threading

    x = leaf(*np.linspace(1, 2, 50))
    out = Cube.apply(x)
    found = []

    def pull():
        for _ in range(50):
            found.append(autograd.grad(out.sum(), x, retain_graph=True)[0].numpy())

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 200
    for g in found:
        close(g, 3 * x.detach().numpy() ** 2)
