"""The programs in examples/ run, and do what they say."""

from __future__ import annotations

import importlib
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples"
HELPERS = {"plots"}


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.syspath_prepend(FOLDER / "functional")

    def load(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def test_quadratic(example, tmp_path, capsys):
    pytest.importorskip("graphviz")
    assert example("quadratic").main(tmp_path) == 7.0
    assert capsys.readouterr().out.splitlines()[0] == "7.0"
    source = (tmp_path / "quadratic.dot").read_text()
    assert all(f"label={name} " in source for name in ("pow", "mul", "add"))


def test_linear_regression(example):
    slope, offset, first, last = example("linear_regression").main()
    assert abs(slope - 3) < 0.15 and abs(offset - 2) < 0.1
    assert last < 0.005 < first


def test_training_loop(example):
    losses = example("training_loop").main()
    assert len(losses) == 100
    assert losses[-1] < 0.01 * losses[0]


def test_migration(example):
    first, last, accuracy = example("migration_784_128_10").main(samples=512, epochs=2)
    assert last < 0.1 * first and accuracy > 0.95


@pytest.mark.torch
def test_the_migrated_script_is_pytorch_but_for_its_imports():
    torch = pytest.importorskip("torch")
    code = (FOLDER / "migration_784_128_10.py").read_text()
    space: dict = {"__name__": "migrated"}
    exec(re.sub(r"\bminitorch\b", "torch", code), space)
    assert space["torch"] is torch
    first, last, accuracy = space["main"](samples=512, epochs=2)
    assert last < 0.1 * first and accuracy > 0.95


def test_digits_torch_style(example, tmp_path, capsys):
    for package in ("sklearn", "matplotlib", "graphviz", "tqdm"):
        pytest.importorskip(package)
    assert example("digits_torch_style").main(folder=tmp_path) >= 0.97
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "cross_entropy" in (tmp_path / "graph.dot").read_text()
    shown = capsys.readouterr()
    assert "100%" in shown.err and re.search(r"test accuracy 9[789]\.\d\d%", shown.out)


def test_digits_functional(example):
    pytest.importorskip("sklearn")
    accuracy, losses = example("digits_functional").main()
    assert accuracy >= 0.97 and losses[-1] < 0.1 * losses[0]


# --------------------------------------------------------------------------- functional style


def test_mlp_digits(example):
    pytest.importorskip("sklearn")
    first, last, accuracy = example("mlp_digits").main()
    assert last < 0.1 * first and accuracy > 0.95


def test_hessian_vector_products(example):
    error, norms = example("hessian_vector_products").main()
    assert error < 1e-12 and norms[-1] < 1e-10 < 1 < norms[0]


def test_per_example_gradients(example):
    gap, first, last = example("per_example_gradients").main()
    assert gap < 1e-5 and last < 0.1 * first


def test_custom_rules(example):
    found = example("custom_rules").main()
    assert math.isnan(found.pop("naive"))
    expected = {"stable": 1, "second": 0.25, "forward": 0.5, "clipped": 1, "rounded": 3.3, "all at once": 1}
    assert found == pytest.approx(expected)


def test_implicit_differentiation(example):
    residual, gap, radius = example("implicit_differentiation").main()
    assert residual < 1e-12 and gap < 1e-10
    assert radius == pytest.approx((1 + 0.25) ** 0.5, abs=1e-4)  # u = 1, v = 1/2


def test_neural_ode(example):
    gap, loss, (pull, friction) = example("neural_ode").main()
    assert gap < 1e-6 and loss < 1e-8
    assert (pull, friction) == pytest.approx((4.0, 0.3), abs=1e-3)


def test_scan_rnn(example):
    pytest.importorskip("minitorch.lax")
    first, last, accuracy = example("scan_rnn").main(steps=400)
    assert last < 0.05 * first and accuracy > 0.99


def test_each_example_is_tested():
    tested = set(re.findall(r'example\("(\w+)"\)', Path(__file__).read_text()))
    elsewhere = set((FOLDER / "torch_style").iterdir())  # tests/test_torch_style.py
    assert {path.stem for path in {*FOLDER.rglob("*.py")} - elsewhere} == tested | HELPERS


def test_an_example_runs_from_any_folder(tmp_path):
    program = [sys.executable, FOLDER / "training_loop.py"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=_environment())
    assert done.returncode == 0, done.stderr
    assert "epoch 100" in done.stdout


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}
