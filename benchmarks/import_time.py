"""Time `import` in fresh processes, interleaved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from statistics import median
from time import perf_counter

from . import harness
from .report import table

MODULES = ["numpy", "minitorch", "torch", "jax"]
ROUNDS = 11


def seconds(code: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - start


def section() -> str:
    """Report the median time of importing each library, and how much more than NumPy that is."""
    codes = {"nothing": "pass"} | {name: f"import {name}" for name in MODULES if importlib.util.find_spec(name)}
    times: dict[str, list[float]] = {name: [] for name in codes}
    harness.write_bytecode()
    for code in codes.values():
        seconds(code)  # files into the page cache
    for _ in range(ROUNDS):
        for name, code in codes.items():
            times[name].append(seconds(code))
    medians = {name: median(found) for name, found in times.items()}
    rows = [
        [name, f"{time - medians['nothing']:.3f}", f"{time - medians['numpy']:+.3f}" if name != "nothing" else "-"]
        for name, time in medians.items()
    ]
    return "## Import time\n\n" + table(["", "seconds", "more than numpy"], rows[1:]) + "\n"
