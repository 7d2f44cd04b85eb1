"""Turn timings into tables, for a terminal and for `docs/benchmarks.md`: both are the same Markdown."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .harness import Machine, Timing
from .registry import BASELINES, Workload

LIBRARIES = {"minitorch": "minitorch-jit", "torch": "torch", "numpy": "numpy", "jax": "jax"}


def table(header: list[str], rows: list[list[str]]) -> str:
    """Format a Markdown table whose columns line up, the first to the left and the rest to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join(map(line, [header, rule, *rows]))


def microseconds(seconds: float) -> str:
    """Three significant digits, without an exponent."""
    us = seconds * 1e6
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}" if us >= 10 else f"{us:.2f}"


def section(work: Workload, timings: dict[str, Timing], machine: Machine, notes: list[str]) -> str:
    """Report one workload: its floor, one row a contender, and why others are missing."""
    floor = machine.floor(work)
    rows = []
    for name, timing in timings.items():
        rows.append(
            [
                name,
                microseconds(timing.median),
                f"±{timing.spread:.0%}",
                f"{timing.median / floor:.1f}x" if floor else "-",
                *(f"{timing.speedup_over(timings[base]):.2f}x" if base in timings else "-" for base in BASELINES),
            ]
        )
    lines = [f"## {work.title}", ""]
    if floor:
        lines += [f"Floor: {microseconds(floor)} us ({work.flops / 1e6:,.3f} MFLOP, {work.bytes / 1e6:,.3f} MB).", ""]
    lines += [table(["", "us/step", "spread", "x floor", *(f"faster than {base}" for base in BASELINES)], rows)]
    return "\n".join([*lines, *(f"\n{note}" for note in notes)]) + "\n"


def preamble(machine: Machine, rounds: int) -> str:
    """Say where and how the figures were taken."""
    libraries = ", ".join(f"{name} {found}" for name, package in LIBRARIES.items() if (found := installed(package)))
    return (
        f"One thread of {cpu()}, {platform.system()}, Python {platform.python_version()}; {libraries}.\n"
        f"Peak of a float32 matrix product {machine.flops / 1e9:.0f} GFLOP/s, of a streaming add "
        f"{machine.bandwidth / 1e9:.1f} GB/s.\n"
        f"Medians of {rounds} interleaved rounds; the spread is half the interquartile range; the floor is "
        f"the larger of arithmetic at peak and bytes at bandwidth.\n"
    )


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
