"""debug_nans and debug_infs name the operation, the line, and the forward line of a derivative."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import NonFiniteError

X = mt.array([1.0, -1.0, 4.0])
FILE = re.escape(__file__)


def line_of(function, text):
    """Return `file:line` of the line in a function that holds a text."""
    code = function.__code__
    lines = Path(__file__).read_text().splitlines()
    number = next(i for i in range(code.co_firstlineno, len(lines) + 1) if text in lines[i - 1])
    return f"{__file__}:{number}"


def forward(x):
    y = x * 2
    z = mt.log(y)  # here
    return mt.where(x > 0, z, y).sum()


def derivative_only(x):
    y = x * 0.0
    root = mt.sqrt(y)  # there
    return (root * x).sum()


FORWARD = {
    "array": lambda: forward(X),
    "numbers": lambda: forward(mt.array(-1.0)),
    "tensor": lambda: forward(mt.tensor([1.0, -1.0])),
    "tensor with grad": lambda: forward(mt.tensor([1.0, -1.0], requires_grad=True)),
    "grad": lambda: mt.grad(forward)(X),
    "jvp": lambda: mt.jvp(forward, (X,), (X,)),
    "vmap": lambda: mt.vmap(forward)(X),
    "vmap of grad": lambda: mt.vmap(mt.grad(forward))(X),
    "checkpoint": lambda: mt.grad(mt.checkpoint(forward))(X),
    "jit": lambda: mt.jit(lambda x: mt.log(x * 2).sum() + forward(x))(X),
    "jit of tensors": lambda: mt.jit(log_of)(mt.tensor([1.0, -1.0])),
    "compiled forward": lambda: mt.jit(log_of)(mt.tensor([1.0, -1.0], requires_grad=True)),
}


def log_of(x):
    return mt.log(x * 2).sum()  # alone


@pytest.mark.parametrize("name", FORWARD)
def test_forward(name):
    with mt.debug_nans(), pytest.raises(NonFiniteError, match=r"^log\(.*holds NaN in 1 of") as caught:
        FORWARD[name]()
    assert isinstance(caught.value, FloatingPointError)
    assert re.search(rf"; at {FILE}:\d+$", str(caught.value))
    if name in ("array", "grad", "jvp", "vmap", "tensor"):
        assert str(caught.value).endswith(line_of(forward, "# here"))
    if name in ("jit of tensors", "compiled forward"):
        assert str(caught.value).endswith(line_of(log_of, "# alone"))
    FORWARD[name]()  # without the search all is as before


BACKWARD = {
    "grad": lambda f: mt.grad(f)(X),
    "tensor": lambda f: f(mt.tensor([1.0, -1.0], requires_grad=True)).backward(),
    "vmap": lambda f: mt.vmap(mt.grad(f))(X),
    "jit": lambda f: mt.jit(mt.grad(f))(X),
    "compiled forward": lambda f: mt.jit(f)(mt.tensor([1.0, -1.0], requires_grad=True)).backward(),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_names_the_forward_line(name):
    with mt.debug_nans(), pytest.raises(NonFiniteError, match="holds NaN") as caught:
        BACKWARD[name](derivative_only)
    assert str(caught.value).endswith(f"{line_of(derivative_only, '= x * 0.0')}, in the backward pass of mul") or str(
        caught.value
    ).endswith(f"{line_of(derivative_only, '# there')}, in the backward pass of sqrt")


def test_a_training_step_is_stopped_before_it_writes():
    model = nn.Linear(2, 1)
    opt = mt.optim.Adam(model.parameters(), lr=0.1)

    @mt.jit
    def step(x):
        opt.zero_grad()
        loss = mt.log(model(x).square().sum() * x.sum())
        loss.backward()
        opt.step()
        return loss

    for _ in range(3):
        step(mt.ones(1, 2))
    before = [p.tolist() for p in model.parameters()]
    with mt.debug_nans():
        step(mt.ones(1, 2) * 2)
        moved = [p.tolist() for p in model.parameters()]
        with pytest.raises(NonFiniteError, match=r"log\(float32\[\]\)"):
            step(-mt.ones(1, 2))
    assert [p.tolist() for p in model.parameters()] == moved != before
    step(mt.ones(1, 2))
    assert step.quick is not None


def test_values_in_the_search_are_those_without_it():
    def train(steps):
        mt.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        opt = mt.optim.AdamW(model.parameters(), lr=0.1)
        for _ in range(steps):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(mt.randn(5, 3)), mt.tensor([0, 1, 0, 1, 1]))
            loss.backward()
            opt.step()
        return [p.tolist() for p in model.parameters()]

    expected = train(3)
    with mt.debug_nans(), mt.debug_infs():
        found = train(3)
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


EVERY_KIND = {  # operations that are computed in a way of their own on plain arrays
    "log": lambda: mt.numpy.log(-1.0),
    "sum": lambda: mt.numpy.sum(POLES),
    "mean": lambda: POLES.mean(),
    "cumsum": lambda: mt.numpy.cumsum(POLES),
    "matmul": lambda: POLES[None] @ mt.numpy.ones((2, 2)),
    "var": lambda: mt.numpy.var(POLES),
    "softmax": lambda: nn.softmax(POLES),
}
POLES = mt.array([float("inf"), float("-inf")])


@pytest.mark.parametrize("name", EVERY_KIND)
def test_every_kind_of_operation_is_looked_at(name):
    with mt.debug_nans(), pytest.raises(NonFiniteError, match=rf"^{name}\(float32\["):
        EVERY_KIND[name]()


OPERATORS = {
    "div": lambda x: (x - x) / (x - x),
    "sub": lambda x: 1e38 * 10 * x - 1e38 * 10 * x,
    "mul": lambda x: (x - x) * (1.0 / (x - x)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_in_forward_mode_are_looked_at(name):
    with mt.debug_nans(), pytest.raises(NonFiniteError, match=rf"^{name}\("):
        mt.jvp(OPERATORS[name], (X,), (X,))


def test_a_constant_is_no_result():
    with mt.debug_nans():
        assert mt.numpy.isnan(mt.numpy.full(3, np.nan)).all()


def test_infinities():
    zero = mt.array([0.0, 1.0])
    with mt.debug_infs(), pytest.raises(NonFiniteError, match=r"div\(.*holds infinity in 1 of 2"):
        1.0 / zero
    with mt.debug_nans():
        assert mt.isinf(1.0 / zero).tolist() == [True, False]
    with mt.debug_nans(), mt.debug_infs(), mt.debug_nans(False):
        mt.log(-zero - 1)
        with pytest.raises(NonFiniteError):
            1.0 / zero


def test_what_holds_it_already_is_said():
    data = mt.array([float("nan"), 1.0])
    with mt.debug_nans():
        with pytest.raises(NonFiniteError, match="an operand holds it already"):
            data * 2
        assert mt.where(mt.isnan(data), 0.0, data).tolist() == [0, 1]


def test_as_a_statement_and_in_its_own_thread():
    switch = mt.debug_nans(True)
    try:
        seen = []
        worker = threading.Thread(target=lambda: seen.append(mt.log(X).tolist()))
        worker.start()
        worker.join()
        assert len(seen) == 1
        with pytest.raises(NonFiniteError):
            mt.log(X)
        mt.debug_nans(False)
        mt.log(X)
    finally:
        switch.__exit__()
    mt.log(X)
    x = mt.tensor([1.0], requires_grad=True)
    assert (x * 2).node.line is None


def test_a_recording_does_not_look_for_nan_by_itself():
    nothing = mt.tensor([float("nan"), 1.0])
    w = mt.tensor([1.0, 2.0], requires_grad=True)

    @mt.jit
    def function(x):
        loss = (w * nothing * 2).sum() + (w * x).sum()
        loss.backward()
        return loss

    assert mt.isnan(function(mt.ones(2))).item() and mt.isnan(w.grad).tolist() == [True, False]
    y = mt.jit(lambda x: mt.grad(lambda y: (y * mt.array([float("nan"), 1.0])).sum())(mt.ones(2)) * x)(mt.ones(2))
    assert mt.isnan(y).tolist() == [True, False]


def test_switching_anomaly_mode_off_does_not_end_the_search():
    x = mt.tensor([-1.0, 4.0])
    with mt.debug_nans(), mt.autograd.set_detect_anomaly(False), pytest.raises(NonFiniteError, match=r"^sqrt\("):
        x.sqrt()
    assert np.isnan(x.sqrt()[0].item())
