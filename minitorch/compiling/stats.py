"""What jit has done in this process, counted where it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from ..core.jit.native.compile import counts, in_memory


@dataclass(slots=True)
class Tally:
    """Running counts; what is timed happens under the lock of the recordings."""

    functions: int = 0
    programs: int = 0
    calls: int = 0
    recording: float = 0.0
    optimizing: float = 0.0
    compiling: float = 0.0

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the seconds that the block takes."""
        start = perf_counter()
        try:
            yield
        finally:
            setattr(self, what, getattr(self, what) + perf_counter() - start)


tally = Tally()


@dataclass(frozen=True, slots=True)
class JitStats:
    """What jit has done so far in this process.

    `calls` counts calls of compiled functions, nearly all of them replays: only the first call of a program records. The
    seconds of `compiling` are those of fusing and planning, and of the kernels that were compiled or loaded from disk.
    Kernels are shared by all programs with the same text.
    """

    functions: int
    programs: int
    calls: int
    seconds_recording: float
    seconds_optimizing: float
    seconds_compiling: float
    kernels_compiled: int
    kernels_loaded: int
    kernels_in_memory: int

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.functions:,} compiled functions, {self.programs:,} programs recorded, {self.calls:,} calls",
                f"{self.seconds_recording:.3f} s recording, {self.seconds_optimizing:.3f} s optimizing, "
                f"{self.seconds_compiling:.3f} s compiling",
                f"{self.kernels_in_memory:,} kernels in memory: {self.kernels_compiled:,} compiled, "
                f"{self.kernels_loaded:,} loaded from disk",
            )
        )


def jit_stats() -> JitStats:
    """Return counts of what jit has done in this process: subtract two to see what happened between.

    >>> before = jit_stats()
    >>> jit_stats().programs - before.programs
    0
    """
    return JitStats(
        functions=tally.functions,
        programs=tally.programs,
        calls=tally.calls,
        seconds_recording=tally.recording,
        seconds_optimizing=tally.optimizing,
        seconds_compiling=tally.compiling,
        kernels_compiled=counts.compiled,
        kernels_loaded=counts.loaded,
        kernels_in_memory=in_memory(),
    )
