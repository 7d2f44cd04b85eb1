"""Time the first call of each compiled step, in processes of their own.

Cold is with an empty folder for what is compiled, warm is the next process with the same folder; then comes the first
call with a batch of another size. Imports, and setting the model up, are not counted, except for what a library puts off
until it compiles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from time import perf_counter

from . import harness
from .registry import Workload
from .report import table
from .workloads import WORKLOADS

COMPILED = ("minitorch jit", "jax", "torch.compile")
FOLDERS = {"minitorch jit": "MINITORCH_CACHE_DIR", "torch.compile": "TORCHINDUCTOR_CACHE_DIR"}
LIMIT = 300  # seconds; who takes longer is left out
TITLE = "## First call of the compiled step\n\nSeconds; warm is a new process with the compiled code on disk.\n\n"


def first_calls(workload: str, library: str) -> list[float]:
    """Return the seconds of the first call, and of the first one with another batch size if there are batches."""
    work = WORKLOADS[workload]
    step = work.contenders[library]()
    found = []
    with harness.one_thread():
        for batch in (work.batch, work.batch // 2) if work.data else (0,):
            inputs = work.inputs(library, batch)
            start = perf_counter()
            step(*inputs)
            found.append(perf_counter() - start)
    return found


def in_a_process(workload: str, library: str, folder: str) -> list[float]:
    """Run `first_calls` in a fresh process; raise RuntimeError with its last line if that fails."""
    env = os.environ | ({FOLDERS[library]: folder} if library in FOLDERS else {})
    command = [sys.executable, "-m", "benchmarks.compile_time", workload, library]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no end after {LIMIT} seconds") from None
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def row(work: Workload, library: str) -> list[str]:
    """Measure one contender of one workload."""
    with TemporaryDirectory() as folder:
        cold, *other = in_a_process(work.name, library, folder)
        warm = in_a_process(work.name, library, folder)[:1] if library in FOLDERS else []
    return [f"{work.name}: {library}", f"{cold:.2f}", *(f"{found[0]:.2f}" if found else "-" for found in (warm, other))]


def section(workloads: list[str], libraries: list[str]) -> str:
    """Report the workloads that have a compiled contender besides our own; of those named, if any are."""
    harness.write_bytecode()
    rows, notes = [], []
    training = [work for work in WORKLOADS.values() if "jax" in work.contenders]
    for work in [work for work in training if work.name in workloads] or training:
        for library in [name for name in COMPILED if name in libraries]:
            try:
                rows.append(row(work, library))
            except RuntimeError as error:
                notes.append(f"\n{work.name}: {library} skipped: {error}")
    return TITLE + table(["", "cold", "warm", "another batch size"], rows) + "\n" + "\n".join(notes)


if __name__ == "__main__":
    print(json.dumps(first_calls(*sys.argv[1:])))
