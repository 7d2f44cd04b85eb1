"""Native convolutions and pooling: what they compute is what interpreting the graph computes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.array import Array
from minitorch.core.errors import ArgumentError, ShapeError
from minitorch.core.jit.graph import interpret
from minitorch.core.jit.lower import Plan, build
from minitorch.core.jit.native import replay
from minitorch.core.jit.staging import stage
from minitorch.core.ops.convolution import conv_input_p, conv_p, conv_weight_p, window_counts
from minitorch.core.ops.pooling import _check_padding, max_pool_p, pool_put_p, pool_take_p
from minitorch.core.ops.shaping import transpose
from minitorch.core.ops.windowing import Windows, counts_of, sliding, window_spread_p, window_sum_p
from minitorch.core.tracer import aval_of

from .comparing import compare


def check(function: Any, *data: Any, tolerance: float, native: bool | None = True) -> Plan:
    """Assert that a plan computes what the graph says, relative to the largest element, and whether natively."""
    values = [Array(d) for d in data]
    graph = stage(lambda given: function(*given), [aval_of(v) for v in values])
    plan, expected = build(graph), interpret(graph, values)
    assert native is None or native != any(step.python for step in plan.program.steps)
    for _ in range(2):
        for x, y in zip(plan.run(list(values)), expected, strict=True):
            assert (x.dtype, x.shape) == (y.dtype, y.shape)
            scale = max(1.0, float(np.abs(np.nan_to_num(y.numpy())).max(initial=0)))
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=0, atol=tolerance * scale)
    return plan


def convolutions(
    n: int,
    channels: int,
    outputs: int,
    groups: int,
    size: Any,
    kernel: Any,
    dtype: Any = "f4",
    native: Any = True,
    **how: Any,
) -> None:
    """Check a convolution and both gradients."""
    axes = len(size)
    params = {"stride": (1,) * axes, "padding": ((0, 0),) * axes, "dilation": (1,) * axes, "groups": groups, **how}
    counts = window_counts(size, kernel, params["stride"], params["padding"], params["dilation"])
    rng = np.random.default_rng(0)
    shapes = (n, channels * groups, *size), (outputs * groups, channels, *kernel), (n, outputs * groups, *counts)
    x, w, g = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    bias = rng.standard_normal(outputs * groups).astype(dtype)
    unit = 4 * float(np.finfo(dtype).eps)
    depths = [channels * np.prod(kernel), outputs * np.prod(kernel), n * np.prod(counts)]
    forward, backward, weight = (unit * float(np.sqrt(depth)) for depth in depths)
    check(lambda x, w, b: [conv_p(x, w, b, **params)], x, w, bias, tolerance=forward, native=native)
    check(lambda x, w: [conv_p(x, w, None, **params)], x, w, tolerance=forward, native=native)
    check(lambda g, w: [conv_input_p(g, w, size=tuple(size), **params)], g, w, tolerance=backward, native=native)
    check(lambda x, g: [conv_weight_p(x, g, kernel=tuple(kernel), **params)], x, g, tolerance=weight, native=native)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("outputs", "groups"), [(1, 1), (2, 3), (3, 1), (8, 1), (19, 2)])
def test_channels(dtype: str, outputs: int, groups: int) -> None:
    convolutions(3, 2, outputs, groups, (9, 17), (3, 3), dtype, padding=((1, 1), (1, 1)))


@pytest.mark.parametrize(
    ("size", "kernel", "how"),
    [
        ((40,), (5,), {"stride": (2,), "padding": ((2, 1),)}),
        ((12, 33), (1, 1), {"stride": (3, 2)}),
        ((12, 33), (4, 2), {"stride": (2, 3), "padding": ((3, 0), (0, 5)), "dilation": (2, 3)}),
        ((7, 20), (3, 3), {"padding": ((4, 4), (0, 6))}),
        ((5, 6, 18), (2, 3, 3), {"stride": (1, 2, 1), "padding": ((1, 0), (1, 1), (1, 1)), "dilation": (2, 1, 1)}),
    ],
)
def test_geometries(size: Any, kernel: Any, how: Any) -> None:
    convolutions(2, 3, 5, 1, size, kernel, native=None, **how)


def test_images_in_chunks_of_rows() -> None:
    convolutions(2, 24, 4, 1, (90, 61), (3, 5), padding=((1, 1), (2, 2)), stride=(1, 2), dilation=(3, 1))


def test_few_positions_stay_patches() -> None:
    convolutions(8, 4, 6, 1, (5, 5), (5, 5), native=False)


@pytest.mark.parametrize("seed", range(6))
def test_random_geometries(seed: int) -> None:
    r = random.Random(seed)
    axes = r.choice([1, 2, 2, 3])
    some = lambda low, high: tuple(r.randint(low, high) for _ in range(axes))  # noqa: E731
    size, kernel = some(8, 20 if axes < 3 else 9), some(1, 3)
    how = {"stride": some(1, 3), "padding": tuple(zip(some(0, 3), some(0, 3))), "dilation": some(1, 2)}
    convolutions(
        r.randint(1, 4), r.randint(1, 4), r.randint(1, 9), r.choice([1, 1, 2]), size, kernel, native=None, **how
    )


def test_threads_agree() -> None:
    before = replay.get_num_threads()
    replay.set_num_threads(3)
    try:
        convolutions(20, 16, 24, 1, (28, 28), (3, 3), padding=((1, 1), (1, 1)))
        pools(sliding("test", (28, 28), 2 * (2,)), "f4", (20, 64))
    finally:
        replay.set_num_threads(before)


def test_transposed_operands() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 20, 18, 3)).astype("f4"), rng.standard_normal((3, 3, 3, 8)).astype("f4")

    def function(x: Any, w: Any) -> Any:
        params = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
        return [conv_p(transpose(x, (0, 3, 1, 2)), transpose(w, (3, 2, 0, 1)), None, **params)]

    check(function, x, w, tolerance=1e-5)


# --------------------------------------------------------------------------- pooling


def pools(windows: Windows, dtype: str, lead: Any, with_nan: bool = False) -> None:
    """Check the maxima of windows, what they were chosen from, sums, and the transposes."""
    rng = np.random.default_rng(0)
    shape = (*lead, *(w.size for w in windows))
    x = rng.integers(-5, 5, shape).astype(dtype)
    if with_nan:
        x[rng.random(shape) < 0.2] = np.nan
    check(lambda x: list(max_pool_p(x, windows=windows)), x, tolerance=0)
    if dtype[0] != "f":
        return
    which = max_pool_p(Array(x), windows=windows)[1].numpy()
    x = rng.standard_normal(shape).astype(dtype)
    g = rng.standard_normal((*lead, *counts_of(windows))).astype(dtype)
    check(lambda g, k: [pool_put_p(g, k, windows=windows)], g, which, tolerance=1e-6)
    check(lambda x, k: [pool_take_p(x, k, windows=windows)], x, which, tolerance=0)
    check(lambda x: [window_sum_p(x, windows=windows)], x, tolerance=2e-6)
    check(lambda g: [window_spread_p(g, windows=windows)], g, tolerance=2e-6)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1", "?"])
@pytest.mark.parametrize("with_nan", [False, True])
def test_square_windows(dtype: str, with_nan: bool) -> None:
    pools(sliding("test", (14, 36), 2 * (2,)), dtype, (3, 2), with_nan and dtype[0] == "f")
    pools(sliding("test", (14, 37), 2 * (3,), 2, 1), dtype, (3, 2), with_nan and dtype[0] == "f")


@pytest.mark.parametrize("seed", range(12))
def test_random_windows(seed: int) -> None:
    r = random.Random(seed)
    axes = r.choice([1, 2, 2, 3])
    some = lambda low, high: tuple(r.randint(low, high) for _ in range(axes))  # noqa: E731
    while True:
        try:
            size = some(1, 20 if axes < 3 else 8)
            windows = sliding("test", size, some(1, 4), some(1, 4), some(0, 2), some(1, 2), r.random() < 0.4)
            _check_padding("test", windows)
            break
        except (ShapeError, ArgumentError):
            continue
    pools(windows, r.choice(["f4", "f8"]), tuple(r.randint(1, 4) for _ in range(r.randint(0, 2))), r.random() < 0.5)


def test_more_than_256_taps() -> None:
    pools(sliding("test", (40, 40), 2 * (17,), 3), "f4", (2,))


# --------------------------------------------------------------------------- a training step


def network(pool: Any) -> Any:
    """Make a small network of all of it."""
    nn = mt.nn
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), pool(2)]
    layers += [nn.Conv2d(4, 6, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)]
    return nn.Sequential(*layers)


def training(pool: Any) -> tuple[Any, Any, Any]:
    """Make a model, its optimizer, and a step of training."""
    model = network(pool)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    x = mt.tensor(np.random.default_rng(0).standard_normal((5, 1, 16, 16)).astype("f4"))
    y = mt.tensor(np.arange(5) % 3)

    def step(_: int) -> Any:
        optimizer.zero_grad()
        loss = mt.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, model, optimizer


@pytest.mark.parametrize("pool", [mt.nn.MaxPool2d, mt.nn.AvgPool2d])
def test_training_is_the_same(pool: Any) -> None:
    def make(wrap: Any) -> Any:
        step, model, optimizer = training(pool)
        return wrap(step), [model, optimizer]

    compare(make)


@pytest.mark.parametrize("pool", [mt.nn.MaxPool2d, mt.nn.AvgPool2d])
def test_a_step_needs_no_python(pool: Any) -> None:
    step = mt.jit(training(pool)[0])
    step(0)
    (((program, _),),) = step.programs.values()
    assert not [s.python.reason for s in program.plan.program.steps if s.python]
