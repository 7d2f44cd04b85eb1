"""E15 and E16: deep graphs on a small stack, and no cycles to collect."""

from __future__ import annotations

import gc
import sys
import threading
import time

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.checkpoint import checkpoint
from minitorch.core.custom import custom_jvp
from minitorch.core.jacobian import hessian
from minitorch.core.ops.contractions import matmul
from minitorch.core.ops.pointwise import neg, sin, tanh
from minitorch.core.transforms import grad, jvp, value_and_grad, vjp, vmap
from minitorch.tensor.handle import Tensor

DEEP = 100_000


def on_a_small_stack(work):
    """Run in a thread with a stack of 512 KiB, and return what it returned."""
    result = []

    def run():
        try:
            result.append(work())
        except BaseException as error:
            result.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def chain(n):
    def function(x):
        for _ in range(n):
            x = neg(x)
        return x

    return function


def timed_gradient(n):
    start = time.thread_time()
    g = grad(chain(n))(1.0).item()
    return g, time.thread_time() - start


def test_E15_a_deep_graph_forward_backward_and_freed():
    assert sys.getrecursionlimit() <= 1000 + 100

    def work():
        timed_gradient(1000)
        few = min(timed_gradient(DEEP // 4) for _ in range(2))
        many = min(timed_gradient(DEEP) for _ in range(2))
        return many[0], many[1] / few[1]

    g, ratio = on_a_small_stack(work)
    assert g == 1.0
    assert ratio < 12, f"four times the nodes took {ratio:.1f} times as long"


def test_E15_a_deep_graph_freed_without_backward():
    def work():
        out, pull = vjp(chain(DEEP), 1.0)
        del pull
        return out.item()

    assert on_a_small_stack(work) == 1.0


def test_E15_a_deep_graph_of_tensors():
    def work():
        x = Tensor(1.0, requires_grad=True)
        y = x
        for _ in range(DEEP):
            y = -y
        y.backward()
        del y
        return x.grad.item()

    assert on_a_small_stack(work) == 1.0


def test_E15_wide_sums_and_diamonds():
    def diamond(x):
        for _ in range(DEEP // 10):
            x = x * 0.5 + x * 0.5
        return x

    assert on_a_small_stack(lambda: grad(diamond)(1.0).item()) == 1.0


def loss(params, x, y):
    h = tanh(matmul(x, params["w"]) + params["b"])
    e = matmul(h, params["v"]) - y
    return (e * e).sum()


def train(steps):
    r = np.random.default_rng(0)
    params = {k: Array(r.standard_normal(s) * 0.3) for k, s in {"w": (2, 3), "b": (3,), "v": (3,)}.items()}
    x, y = Array(r.standard_normal((4, 2))), Array(r.standard_normal(4))
    step = value_and_grad(loss)
    first = None
    for _ in range(steps):
        value, grads = step(params, x, y)
        first = value if first is None else first
        params = {k: params[k] - 0.01 * grads[k] for k in params}
    assert value.item() < first.item()


@custom_jvp
def halved(x):
    return x * 0.5


halved.defjvp(lambda p, t: (halved(*p), t[0] * 0.5))


def everything():
    x = Array(np.ones(3))
    hessian(lambda x: (checkpoint(sin)(x) * halved(x)).sum())(x)
    vmap(grad(lambda x: jvp(sin, (x,), (x,))[1]))(x)
    with pytest.raises(ValueError, match="inside"):
        grad(failing)(1.0)


def failing(x):
    y = x * 2.0
    raise ValueError(f"inside {y.shape}")


@pytest.mark.parametrize(
    "work", [lambda: train(10_000), lambda: [everything() for _ in range(20)]], ids=["training", "transforms"]
)
def test_E16_no_cycles(work):
    train(10)  # what is cached on first use is no cycle
    gc.collect()
    gc.disable()
    try:
        work()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [x for x in gc.garbage if type(x).__module__.startswith("minitorch")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not ours, f"{len(ours)} objects in cycles: {sorted({type(x).__name__ for x in ours})}"
