"""Measure how far a training step's peak memory rises above what is resident between steps (Linux only).

Each library runs in a process of its own. After warm-up steps, freed memory is given back to the system and the
kernel's high-water mark is reset; then steps run and the mark is read.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path

from . import harness
from .registry import BASELINES
from .report import table
from .workloads import WORKLOADS

WORKLOAD = "cnn"
STEPS = 5
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def status(field: str) -> int:
    """Read a field of this process's memory status, in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def growth(library: str) -> int:
    """Return the bytes by which the resident set grows during a step."""
    step = WORKLOADS[WORKLOAD].start(library)
    with harness.one_thread():
        harness.block(step, harness.WARM_UP)
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        CLEAR.write_text("5")  # resets the high-water mark
        before = status("VmRSS")
        for _ in range(STEPS):
            step()
    return status("VmHWM") - before


def section(libraries: list[str]) -> str:
    """Report the growth in each library, measured in subprocesses."""
    title = f"## Peak memory of a step: {WORKLOADS[WORKLOAD].title}\n\n"
    if not CLEAR.exists():
        return title + "Skipped: needs Linux.\n"
    found, notes = {}, []
    for name in WORKLOADS[WORKLOAD].contenders:
        if name in libraries:
            env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.memory", name], env=env, capture_output=True, text=True
            )
            if done.returncode == 0:
                found[name] = int(done.stdout)
            else:
                notes.append(f"\n{name} skipped: {done.stderr.strip().splitlines()[-1]}")
    rows = [
        [name, f"{size / 2**20:.1f}", *(f"{size / found[base]:.2f}x" if base in found else "-" for base in BASELINES)]
        for name, size in found.items()
    ]
    return title + table(["", "MiB", *(f"of {base}" for base in BASELINES)], rows) + "\n" + "\n".join(notes)


if __name__ == "__main__":
    print(growth(sys.argv[1]))
