"""The scripts in examples/torch_style: with `torch` written in their imports they print the same losses."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "torch_style"
HELPERS = {"common"}

# The arguments of `main`, and for each curve what its last value must be below (or, as a pair, between).
SCRIPTS: dict[str, tuple[dict, dict]] = {
    "char_gpt": ({}, {"loss": 2.6}),
    "deep_q_learning": ({"steps": 3000}, {"episode length": (60, 300)}),
    "digits_cnn": ({}, {"loss": 0.1, "test accuracy": (0.93, 1)}),
    "gan": ({}, {"critic": (1.2, 1.5), "forger": (0.6, 0.9), "mean radius": (0.9, 1.1)}),
    "lstm_time_series": ({}, {"loss": 3e-3, "error of the forecast": 0.2}),
    "polynomial_regression": (
        {"steps": 1000},
        {"tensors": 50, "autograd": 50, "function": 20, "modules": 10, "dynamic": 600},
    ),
    "resnet": ({}, {"loss": 0.75, "test accuracy": (0.9, 1)}),
    "style_transfer": ({}, {"loss": 5e-4, "style": 1e-6}),
    "vae": ({}, {"loss": 26, "divergence": (2, 4)}),
    "word_embedding": ({}, {"loss": 2.6}),
}
EXTRAS = dict.fromkeys(("digits_cnn", "style_transfer", "vae"), "sklearn")


def curves(name: str, library: str) -> dict[str, list[float]]:
    """Run a script with the imports of a library."""
    path = FOLDER / f"{name}.py"
    space: dict = {"__name__": name}
    exec(compile(re.sub(r"\bminitorch\b", library, path.read_text("utf-8")), path, "exec"), space)
    assert space.get("torch", sys.modules[library]) is sys.modules[library]
    return space["main"](**SCRIPTS[name][0])


@pytest.mark.torch
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_it_learns_and_its_losses_are_those_of_torch(name, monkeypatch):
    pytest.importorskip(EXTRAS.get(name, "numpy"))
    monkeypatch.syspath_prepend(FOLDER)
    ours = curves(name, "minitorch")
    for curve, limits in SCRIPTS[name][1].items():
        low, high = limits if isinstance(limits, tuple) else (-math.inf, limits)
        assert low <= ours[curve][-1] <= high, f"{curve} ends at {ours[curve][-1]}"
    pytest.importorskip("torch").set_num_threads(1)  # several would wait for one another on a busy machine
    theirs = curves(name, "torch")
    assert list(ours) == list(theirs)
    for curve, values in theirs.items():
        assert ours[curve] == pytest.approx(values, rel=1e-4), curve


def test_each_script_is_in_the_table():
    assert {path.stem for path in FOLDER.glob("*.py")} == SCRIPTS.keys() | HELPERS


def test_the_command_line_prints_and_plots(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    picture = tmp_path / "curves.png"
    program = [sys.executable, FOLDER / "digits_cnn.py", "--plot", picture]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=surroundings)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^loss: [\d.]+ -> [\d.]+$", done.stdout, re.MULTILINE)
    assert picture.read_bytes().startswith(b"\x89PNG")
