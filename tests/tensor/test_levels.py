"""Tensors inside transforms: whose tape records what."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.tape import context
from minitorch.errors import GradError


def close(a, b):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6)


def test_backward_inside_vmap_is_per_example():
    def per_example(x):
        x = x.detach().requires_grad_()
        (x**3).sum().backward()
        return x.grad

    x = mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    close(mt.vmap(per_example)(x), 3 * x.numpy() ** 2)


def test_leaf_argument_of_vmap_can_call_backward():
    w = mt.tensor([1.0, 2.0], requires_grad=True)

    def per_example(w, x):
        (w * x).sum().backward()
        return w.grad

    x = mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    close(mt.vmap(per_example, in_axes=(None, 0))(w, x), x)
    assert w.grad is None


def test_backward_inside_grad_differentiates_the_gradient():
    def inner_gradient(x):
        y = x.detach() if False else x
        z = y.clone().requires_grad_() if not y.requires_grad else y
        (z**3).sum().backward(create_graph=False)
        return z.grad.sum()

    # d/dx sum(3 x^2) = 6 x, because the inner pass runs on values that the outer transform traces
    x = mt.tensor([1.0, 2.0])
    close(mt.grad(inner_gradient)(x), 6 * x.numpy())


@pytest.mark.parametrize("transform", ["grad", "vmap"])
def test_backward_that_would_reach_outside_raises(transform):
    w = mt.tensor([1.0, 2.0], requires_grad=True)

    def bad(x):
        x = x.detach().requires_grad_()
        loss = (w * x).sum()
        loss.backward()
        return loss

    before = context.get()
    run = {"grad": lambda: mt.grad(bad)(mt.tensor([1.0, 1.0])), "vmap": lambda: mt.vmap(bad)(mt.ones(3, 2))}[transform]
    with pytest.raises(GradError, match="outside the vmap or grad"):
        run()
    assert w.grad is None
    assert context.get() is before


def test_closed_over_tensor_receives_outer_gradient_through_grad():
    w = mt.tensor(3.0, requires_grad=True)
    g = mt.grad(lambda x: w * x * x)(mt.tensor(2.0))  # 2 w x
    close(g.detach(), 12.0)
    g.backward()
    close(w.grad, 4.0)


def test_closed_over_tensor_receives_outer_gradient_through_vmap():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    out = mt.vmap(lambda x: (w * x).sum())(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    out.sum().backward()
    close(w.grad, [4.0, 6.0])


def test_closed_over_tensor_receives_outer_gradient_through_jvp():
    w = mt.tensor(3.0, requires_grad=True)
    value, tangent = mt.jvp(lambda x: w * x * x, (mt.tensor(2.0),), (mt.tensor(1.0),))
    (value + tangent).backward()
    close(w.grad, 8.0)


def test_tracked_argument_keeps_its_graph():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    g = mt.grad(lambda x: (x**3).sum())(w * 2)
    g.sum().backward()  # d/dw sum 3 (2w)^2 = 24 w
    close(w.grad, 24 * np.array([1.0, 2.0]))


def test_tensor_made_inside_and_returned_belongs_to_the_caller():
    made = []

    def f(x):
        c = mt.ones(2)
        made.append(c)
        return x * c

    out = mt.vmap(f)(mt.ones(3, 2))
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    (out * w).sum().backward()
    close(w.grad, [3.0, 3.0])


def test_constant_cached_inside_a_transform_does_not_lose_gradients():
    cache = []

    def f(x):
        if not cache:
            cache.append(mt.ones(2))
        return (x * cache[0]).sum()

    mt.vmap(f)(mt.ones(3, 2))
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    f(w).backward()
    close(w.grad, [1.0, 1.0])


def test_gradients_of_tensors_require_grad_where_the_tensors_do():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    square = mt.grad(lambda x: (x * x).sum())
    assert isinstance(square(w), mt.Tensor)
    assert square(w).requires_grad  # as in torch.func: an outer backward differentiates it again
    assert not square(w.detach()).requires_grad
    with mt.no_grad():
        assert not square(w).requires_grad


def test_no_grad_inside_grad_stops_the_gradient():
    def f(x):
        with mt.no_grad():
            c = x * x
        return (x * c).sum()

    x = mt.tensor([2.0, 3.0])
    close(mt.grad(f)(x), x.numpy() ** 2)


def test_grad_inside_no_grad_still_differentiates():
    with mt.no_grad():
        close(mt.grad(lambda x: (x * x).sum())(mt.tensor([2.0])), [4.0])


def test_no_grad_belongs_to_its_thread():
    seen = []

    def look():
        seen.append(mt.is_grad_enabled())

    with mt.no_grad():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert not mt.is_grad_enabled()
    assert seen == [True]


def test_write_to_an_outer_tensor_inside_a_transform_raises():
    buffer = mt.zeros(2)

    def f(x):
        buffer.add_(x)
        return x.sum()

    with pytest.raises(GradError, match="outside the transform"):
        mt.vmap(f)(mt.ones(3, 2))
    close(buffer, [0.0, 0.0])


def test_tensors_and_arrays_mix():
    a = mt.array([1.0, 2.0])
    w = mt.tensor([3.0, 4.0], requires_grad=True)
    out = a * w
    assert isinstance(out, mt.Tensor)
    out.sum().backward()
    close(w.grad, a)


def test_grad_of_a_tree_with_tensors_and_nones():
    params = {"w": mt.tensor([1.0, 2.0]), "b": None, "rest": [mt.tensor(3.0)]}
    g = mt.grad(lambda p: (p["w"] * p["rest"][0]).sum())(params)
    close(g["w"], [3.0, 3.0])
    assert g["b"] is None
    close(g["rest"][0], 3.0)
