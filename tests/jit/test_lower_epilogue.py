"""Pointwise formulas of matrix products, applied to their tiles: the same numbers as by a kernel of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch.core.jit.lower import epilogue

rng = np.random.default_rng(0)


def normal(*shape: int, dtype: Any = np.float32) -> mt.Tensor:
    return mt.tensor(rng.normal(size=shape).astype(dtype))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have every product take in what follows it, whatever its size."""
    for name in ("_is_large", "_pays"):
        monkeypatch.setattr(epilogue, name, lambda *_: True)
    yield


def arrays(found: Any) -> list[np.ndarray]:
    return [x.numpy() for x in (found if isinstance(found, tuple) else (found,))]


def apart(f: Callable[..., Any], *args: mt.Tensor) -> list[np.ndarray]:
    """Return what a function gives when every product stands alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epilogue, "_pays", lambda *_: False)
        return arrays(mt.jit(f)(*args))


def titles(f: Callable[..., Any], *args: mt.Tensor) -> list[str]:
    return re.findall(r"^    step \d+: (.*)", mt.jit(f).explain(*args), re.MULTILINE)


def check(f: Callable[..., Any], *args: mt.Tensor) -> None:
    """Compare with the product apart, to the last bit, and with the plain run."""
    compiled = mt.jit(f)
    for _ in range(2):
        found = arrays(compiled(*args))
    for one, other, plain in zip(found, apart(f, *args), arrays(f(*args)), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == plain.dtype
        bound = 1e-2 if one.dtype == np.float16 else 3e-4 if one.dtype == np.float32 else 1e-10
        largest = np.abs(plain, where=np.isfinite(plain), out=np.zeros(plain.shape)).max(initial=0)
        np.testing.assert_allclose(one, plain, rtol=bound, atol=bound * max(1, largest / 100))  # of what cancels


FORMULAS: dict[str, Callable[..., Any]] = {
    "bias": lambda p, row, col, same: p + row,
    "relu": lambda p, row, col, same: mt.relu(p + row),
    "leaky": lambda p, row, col, same: mt.nn.functional.leaky_relu(p, 0.1),
    "gelu": lambda p, row, col, same: mt.nn.functional.gelu(p + row),
    "tanh": lambda p, row, col, same: mt.tanh(p * 0.3),
    "residual": lambda p, row, col, same: same + mt.relu(p + row),
    "mask": lambda p, row, col, same: mt.where(same > 0, p, 0),
    "row by row": lambda p, row, col, same: p * col + row,
    "twice": lambda p, row, col, same: p * p - p,
    "two results": lambda p, row, col, same: (mt.relu(p), mt.relu(p) > 0),
    "another type first": lambda p, row, col, same: (p - row > 0, p - row),
    "three results": lambda p, row, col, same: (mt.sin(p), mt.sin(p) * row, mt.sigmoid(mt.sin(p))),
}
LAYOUTS: dict[str, Callable[[int, int, int, Any], tuple[mt.Tensor, mt.Tensor]]] = {
    "plain": lambda m, n, k, d: (normal(m, k, dtype=d), normal(k, n, dtype=d)),
    "first transposed": lambda m, n, k, d: (normal(k, m, dtype=d).t(), normal(k, n, dtype=d)),
    "second transposed": lambda m, n, k, d: (normal(m, k, dtype=d), normal(n, k, dtype=d).t()),
    "both transposed": lambda m, n, k, d: (normal(k, m, dtype=d).t(), normal(n, k, dtype=d).t()),
    "parts": lambda m, n, k, d: (normal(m, 2 * k, dtype=d)[:, k:], normal(k, n + 3, dtype=d)[:, 3:]),
    "every second": lambda m, n, k, d: (normal(m, 2 * k, dtype=d)[:, ::2], normal(2 * k, n, dtype=d)[::2]),
}


def operands(m: int, n: int, dtype: Any, lead: tuple[int, ...] = ()) -> tuple[mt.Tensor, ...]:
    return normal(n, dtype=dtype), normal(*lead, m, 1, dtype=dtype), normal(*lead, m, n, dtype=dtype)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_formulas(name, dtype, always):
    f = FORMULAS[name]

    def step(x: mt.Tensor, y: mt.Tensor, *others: mt.Tensor) -> Any:
        return f(x @ y, *others)

    for m, n, k in ((37, 83, 20), (70, 64, 300)):
        args = (normal(m, k, dtype=dtype), normal(k, n, dtype=dtype), *operands(m, n, dtype))
        (title,) = titles(step, *args)
        assert title.startswith("gemm")
        check(step, *args)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(m=st.integers(1, 70), n=st.integers(1, 150), k=st.integers(0, 260), name=st.sampled_from(sorted(FORMULAS)))
def test_sizes(layout, m, n, k, name):
    x, y = LAYOUTS[layout](m, n, k, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        for part in ("_is_large", "_pays"):
            patch.setattr(epilogue, part, lambda *_: True)
        check(lambda x, y, *others: FORMULAS[name](x @ y, *others), x, y, *operands(m, n, np.float32))


STACKS = {
    "of both": ((3, 2, 9, 11), (3, 2, 11, 33)),
    "of one matrix times many": ((1, 9, 11), (5, 11, 33)),
    "of many times one matrix": ((5, 9, 11), (11, 33)),
    "broadcast over each other": ((3, 1, 9, 11), (1, 2, 11, 33)),
    "of parts": ((4, 3, 9, 11), (2, 1, 2, 1, 11, 33)),
}


@pytest.mark.parametrize("name", ["relu", "row by row", "mask", "gelu"])
@pytest.mark.parametrize("stack", STACKS)
def test_stacks(stack, name, always):
    first, second = (normal(*shape) for shape in STACKS[stack])
    first = first if stack != "of parts" else first[::2]
    lead = (first @ second).shape[:-2]
    check(lambda x, y, *others: FORMULAS[name](x @ y, *others), first, second, *operands(9, 33, np.float32, lead))


def test_heads_of_attention(always):
    x, w, b = normal(4, 20, 48), normal(48, 48), normal(48)

    def scores(x: mt.Tensor, w: mt.Tensor, b: mt.Tensor) -> Any:
        q = (x @ w + b).reshape(4, 20, 3, 16).transpose(1, 2)
        return mt.tril(q @ q.transpose(-1, -2) * 0.25)

    assert all(title.startswith("gemm") for title in titles(scores, x, w, b))
    check(scores, x, w, b)


def test_halves_are_stored(always):
    x, w, b = (normal(*s).to(mt.float16) for s in ((20, 30), (30, 70), (70,)))
    check(lambda x, w, b: mt.relu(x @ w + b), x, w, b)
    check(lambda x, w: (x @ w).to(mt.float16), x.float(), w.float())
    check(lambda x, w: (mt.relu(x @ w), (x @ w).to(mt.float16)), x.float(), w.float())


def test_a_result_that_is_no_float_has_no_room_for_the_product(always):
    x, y = normal(20, 30), normal(30, 70)
    assert titles(lambda x, y: x @ y > 0, x, y) == ["gemm float32[20, 70]: matmul", "map 1400: greater"]
    check(lambda x, y: x @ y > 0, x, y)


def test_a_product_that_others_read_stands_alone(always):
    x, y, b = normal(40, 30), normal(30, 70), normal(70)
    for f in (
        lambda x, y, b: (x @ y, mt.relu(x @ y + b)),
        lambda x, y, b: (mt.relu(x @ y + b), (x @ y).sum(0)),
        lambda x, y, b: mt.relu(x @ y + b).t() @ (x @ y),
    ):
        found = titles(f, x, y, b)
        assert any(title.startswith("map") for title in found)
        check(f, x, y, b)


def test_one_of_two_products_is_taken_in(always):
    x, y, z = normal(40, 30), normal(30, 70), normal(30, 70)
    f = lambda x, y, z: mt.sigmoid(x @ y) * mt.tanh(x @ z)  # noqa: E731
    assert [t.partition(":")[0] for t in titles(f, x, y, z)] == ["gemm float32[40, 70]"] * 2
    check(f, x, y, z)
    check(lambda x, y, z: (x @ y) * (mt.relu(x @ y) @ z.t() @ z), x, y, z)


def test_sums_over_rows_read_what_the_tail_has_stored(always):
    def f(x: mt.Tensor, y: mt.Tensor, mask: mt.Tensor, z: mt.Tensor) -> Any:
        masked = mt.where(mask, x @ y, 0)
        return masked @ z, masked.sum(0), (masked * 2).max(0).values

    args = normal(40, 30), normal(30, 70), normal(40, 70) > 0, normal(70, 9)
    found = titles(f, *args)
    assert found[0] == "gemm float32[40, 70]: matmul, where, mul" and sum(t.startswith("columns") for t in found) == 1
    check(f, *args)
    check(lambda x, y: ((x @ y) * 2).sum(0), *args[:2])
    check(lambda x, y: (x @ y).sum(0), *args[:2])


def test_what_is_turned_or_cut_stands_alone(always):
    x, y, same = normal(64, 30), normal(30, 64), normal(64, 64)
    check(lambda x, y, same: x @ y + same.t(), x, y, same)
    check(lambda x, y, same: (x @ y).t() + same, x, y, same)
    check(lambda x, y, same: (x @ y).reshape(64, 4, 16) + same[:, :4, None], x, y, same)
    check(lambda x, y, same: (x @ y)[3:] * 2, x, y, same)
    check(lambda x, y, same: mt.relu((x @ y).reshape(16, 4, 64)), x, y, same)


def test_the_rule():
    """What is larger than its part of a cache pays where a panel is a whole row, a bias anywhere, a mask if it is huge."""
    wide = epilogue.blas.panel("float32")
    names = ("relu", "two results", "mask", "gelu")
    steps = {
        (100, 64): (1, 1, 1, 1),
        (4096, 64): (0, 0, 0, 0),
        (1024, 256): (0, 1, 1, 1),
        (16384, 256): (0, 0, 1, 1),
        (16384, 16): (1, 1, 1, 1),
    }
    for (m, n), expected in steps.items():
        rows, columns = m * 64 // wide, n * wide // 64
        args = normal(rows, 8), normal(8, columns), *operands(rows, columns, np.float32)
        for name, maps in zip(names, expected):
            found = titles(lambda x, y, *others, f=FORMULAS[name]: f(x @ y, *others), *args)
            assert sum(title.startswith("map") for title in found) == maps, (rows, columns, name)


def test_explain_shows_both_kernels(always):
    args = normal(40, 30), normal(30, 70), *operands(40, 70, np.float32)
    text = mt.jit(lambda x, y, b, c, s: mt.relu(x @ y + b)).explain(*args, measure=True)
    assert "gemm float32[40, 70]: matmul, add, relu" in text and "3 in 1 kernel call" in text
    assert "while they are in cache: add, relu" in text and "| def tail(P, lo, hi):" in text
    assert "tail is the kernel tail" in text and "40 x" not in text
    assert re.search(r"x0 is \w+: float32\[40, 70\], x1 is \w+: float32\[70\]", text)


def test_updates_stay_in_place(always):
    w, x, y = normal(70, 80), normal(30, 70), normal(30, 80)
    before = w.numpy().copy()

    @mt.jit
    def step(x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
        w.sub_(0.1 * (x.t() @ y))
        return mt.relu(x @ w + 1)

    for i in range(3):
        expected = before - 0.1 * (i + 1) * (x.t() @ y).numpy()
        found = step(x, y)
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.numpy(), np.maximum(x.numpy() @ expected + 1, 0), rtol=1e-3, atol=1e-3)
    assert "in place" in step.explain(x, y)


@pytest.mark.parametrize("bias", [False, True])
def test_a_training_step(bias, always):
    def trained(compiled: bool) -> list[np.ndarray]:
        mt.manual_seed(0)
        layers = [mt.nn.Linear(40, 70, bias=bias), mt.nn.ReLU(), mt.nn.Linear(70, 33, bias=bias), mt.nn.GELU()]
        model = mt.nn.Sequential(*layers, mt.nn.Linear(33, 5, bias=bias)).double()
        optimizer = mt.optim.Adam(model.parameters(), lr=0.01)
        x, y = mt.randn(50, 40, dtype=mt.float64), mt.randint(0, 5, (50,))

        def step(x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
            optimizer.zero_grad()
            loss = mt.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = mt.jit(step) if compiled else step
        losses = [run(x, y).item() for _ in range(5)]
        if compiled:
            assert "| def tail(P, lo, hi):" in run.explain(x, y)
        return [np.array(losses), *(p.detach().numpy() for p in model.parameters())]

    for found, expected in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_inside_of_a_loop(always):
    w, b, xs = normal(40, 40, dtype=np.float64), normal(40, dtype=np.float64), normal(6, 7, 40, dtype=np.float64)

    def run(w: Any, b: Any, xs: Any) -> Any:
        return mt.lax.scan(lambda h, x: (mt.relu(h @ w * 0.1 + b) @ w + x,) * 2, xs[0] * 0, xs)

    found, expected = mt.jit(run)(w, b, xs), run(w, b, xs)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-9, atol=1e-9)
    assert "| def tail(P, lo, hi):" in mt.jit(run).explain(w, b, xs)


def test_a_carry_is_not_written_over_while_it_is_read(always):
    w, b, xs = normal(40, 40, dtype=np.float64), normal(40, dtype=np.float64), normal(6, 7, 40, dtype=np.float64)

    def run(w: Any, b: Any, xs: Any) -> Any:
        return mt.lax.scan(lambda h, x: (mt.relu(h @ w * 0.1 + b) + x, None), xs[0] * 0, xs)[0]

    np.testing.assert_allclose(mt.jit(run)(w, b, xs).numpy(), run(w, b, xs).numpy(), rtol=1e-9, atol=1e-9)


def test_threads_share_rows_and_columns(always):
    before = mt.get_num_threads()
    try:
        mt.set_num_threads(2)
        for m, n, k in ((1500, 200, 60), (100, 3000, 200)):
            args = normal(m, k), normal(k, n), *operands(m, n, np.float32)
            for name in ("residual", "two results"):
                check(lambda x, y, *others, f=FORMULAS[name]: f(x @ y, *others), *args)
    finally:
        mt.set_num_threads(before)


def test_exported(tmp_path, always):
    x, y, b = normal(40, 30), normal(30, 70), normal(70)
    f = mt.jit(lambda x, y, b: mt.relu(x @ y + b))
    mt.export(f, (x, y, b), tmp_path / "f.mt")
    np.testing.assert_array_equal(mt.load_exported(tmp_path / "f.mt")(x, y, b).numpy(), f(x, y, b).numpy())
