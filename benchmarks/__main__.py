"""Run the suite: `python -m benchmarks [WORKLOAD ...]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import call_cost, compile_time, harness, import_time, memory, report
from .registry import Step, Workload
from .workloads import WORKLOADS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time training steps, side by side.")
    extras = ["call_cost", "compile_time", "import_time", "memory"]
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"among: {', '.join([*WORKLOADS, *extras])}")
    parser.add_argument("--libraries", metavar="A,B", help="only these contenders")
    parser.add_argument("--skip", metavar="A,B", default="", help="not these: torch.compile takes minutes to warm up")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--block", type=float, default=0.05, metavar="S", help="seconds a contender runs in each round")
    parser.add_argument("--check", action="store_true", help="only check that the contenders compute the same")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report to a file, too")
    options = parser.parse_args()
    if unknown := set(options.workloads) - {*WORKLOADS, *extras}:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    options.workloads = options.workloads or [*WORKLOADS, *extras]
    every = dict.fromkeys(library for work in WORKLOADS.values() for library in work.contenders)
    named = options.libraries.split(",") if options.libraries else every
    if unknown := {*named, *filter(None, options.skip.split(","))} - set(every):
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; they are {', '.join(every)}")
    options.libraries = [name for name in named if name not in options.skip.split(",")]
    return options


def build(work: Workload, libraries: list[str]) -> tuple[dict[str, Step], list[str]]:
    """Set up the contenders; return their steps, and a line for each that is not installed."""
    steps, notes = {}, []
    for name in work.contenders:
        if name in libraries:
            try:
                steps[name] = work.start(name)
            except ImportError as error:
                notes.append(f"{name} skipped: {error}.")
    return steps, notes


def run_checks(options: argparse.Namespace) -> None:
    for name in options.workloads:
        if name in WORKLOADS:
            steps, notes = build(WORKLOADS[name], options.libraries)
            if steps:
                harness.check(steps)
            print(f"{name}: {' = '.join(steps)}", *notes)


def run_timings(options: argparse.Namespace) -> None:
    machine = harness.probe_machine()
    parts: list[str] = []

    def emit(text: str) -> None:
        print(text, flush=True)
        parts.append(text)

    emit("# Benchmarks\n")
    emit(report.preamble(machine, options.rounds))
    for name in options.workloads:
        if name in WORKLOADS:
            steps, notes = build(WORKLOADS[name], options.libraries)
            timings = harness.measure(steps, options.rounds, options.block)
            emit(report.section(WORKLOADS[name], timings, machine, notes))
    if "call_cost" in options.workloads:
        emit(call_cost.section())
    if "compile_time" in options.workloads:
        emit(compile_time.section(options.workloads, options.libraries))
    if "import_time" in options.workloads:
        emit(import_time.section())
    if "memory" in options.workloads:
        emit(memory.section(options.libraries))
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    chosen = arguments()
    run_checks(chosen) if chosen.check else run_timings(chosen)
