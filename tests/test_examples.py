"""Every example runs and reaches what it claims."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_quadratic(capsys):
    value, graph = load("quadratic").main()
    assert value == 7.0
    assert capsys.readouterr().out.strip() == "7.0"
    assert all(name in graph.source for name in ("pow", "mul", "add"))


def test_linear_regression():
    weight, bias = load("linear_regression").main()
    assert weight == pytest.approx(3.0, abs=0.05)
    assert bias == pytest.approx(0.5, abs=0.05)


def test_training_loop():
    losses = load("training_loop").main()
    assert losses[-1] < 0.05 * losses[0]


def test_migration():
    losses, accuracy = load("migration_784_128_10").main()
    assert losses[-1] < 0.1 * losses[0]
    assert accuracy > 0.99


def test_digits_torch_style(tmp_path):
    assert load("digits_torch_style").main(folder=tmp_path) >= 0.97
    assert (tmp_path / "loss.png").stat().st_size > 1000
    assert "digraph" in (tmp_path / "graph.dot").read_text()


def test_digits_functional():
    assert load("digits_functional").main() >= 0.95


def test_no_example_is_left_out():
    tested = {"quadratic", "linear_regression", "training_loop", "migration_784_128_10", "digits_torch_style"}
    tested |= {"digits_functional"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested
