"""Several threads at one list of kernel calls: the caller, and helpers that join when they can.

A job is a list of *stages*, each of *parts*, each of kernel calls in order. A part is run by whoever claims it first, and a
stage begins when all parts of the one before are done. So the caller never waits for a helper to arrive: until one does, it
runs all parts itself, and waits only for parts that a helper is in the middle of. Which thread runs a part changes nothing
that the part computes.

Helpers are Python threads that spend their lives in two places: parked in a lock, without cost, and in `help`, native and
without the GIL, where they join one job after another and look out for the next one for `LINGER` seconds. There is one team
in a process. A caller that finds it taken runs its job alone. Helpers are never stopped, only forgotten: by a fork, whose
child has none of them, and by the end of the process, for they are daemons.

The native side is LLVM's text, for it is made of atomic operations. Two counters order everything. `done` of a stage goes up
with each finished part, and never down, as the claim of a part is the number of the run; so nothing has to be reset between
runs. `inside` counts the helpers that may be reading a job, for which its owner waits after having closed the team.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np

LINE = 8  # words of a cache line: what different threads write lies in different ones
LINGER = 100e-6  # seconds that a helper looks out for another job; waking one up takes 50 us and more
SPIN = 20e-6  # seconds that a thread waits for others before it offers its core to them

# Words of a team, of a job, and of the records of stages and parts, which take a line each.
OWNER, INSIDE, YIELD, LINGERS, SPINS, AWAKE = 0, LINE, 2 * LINE, 2 * LINE + 1, 2 * LINE + 2, 3 * LINE
TEAM, RUN, STAGES, THREADS, STAGE_TABLE, PART_TABLE, STARTS = range(JOB_WORDS := 7)
FIRST, COUNT, DONE = range(3)
CALLS, LENGTH, CLAIM = range(3)

FREE, CLOSED = 0, 1  # what a team's owner is, if not the address of a job

PAUSES = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.hint(i32 1)"}
NAMES = {"AMD64": "x86_64", "arm64": "aarch64"}


def _word(pointer: str, index: object, name: str, order: str = "") -> str:
    """Print the load of a word from memory."""
    load = f"load atomic i64, ptr %{name}.at {order}, align 8" if order else f"load i64, ptr %{name}.at"
    return f"%{name}.at = getelementptr i64, ptr {pointer}, i64 {index}\n  %{name} = {load}"


def _address(pointer: str, index: object, name: str) -> str:
    """Print the load of a pointer from memory."""
    return f"{_word(pointer, index, name + '.word')}\n  %{name} = inttoptr i64 %{name}.word to ptr"


# One thread's way through a job: in each stage the parts from its own first one on, those of the others afterwards.
WORK = f"""
define internal void @work(ptr %job, i64 %me) {{
  {_address("%job", TEAM, "team")}
  {_word("%job", RUN, "run")}
  {_word("%job", STAGES, "stages")}
  {_word("%job", THREADS, "threads")}
  {_address("%job", STAGE_TABLE, "stage_table")}
  {_address("%job", PART_TABLE, "part_table")}
  {_address("%job", STARTS, "starts")}
  {_address("%team", YIELD, "yield")}
  {_word("%team", SPINS, "spins")}
  %home = urem i64 %me, %threads
  br label %next_stage

next_stage:
  %s = phi i64 [0, %0], [%s.after, %stage_done]
  %has_stage = icmp slt i64 %s, %stages
  br i1 %has_stage, label %stage, label %end

stage:
  %stage.word = mul i64 %s, {LINE}
  %record = getelementptr i64, ptr %stage_table, i64 %stage.word
  {_word("%record", FIRST, "first")}
  {_word("%record", COUNT, "count")}
  %done.at = getelementptr i64, ptr %record, i64 {DONE}
  %target = mul i64 %run, %count
  %start.row = mul i64 %s, %threads
  %start.word = add i64 %start.row, %home
  {_word("%starts", "%start.word", "start")}
  br label %next_part

next_part:
  %i = phi i64 [0, %stage], [%i.after, %part_done]
  %has_part = icmp slt i64 %i, %count
  br i1 %has_part, label %look, label %await

look:
  %shifted = add i64 %start, %i
  %is_over = icmp sge i64 %shifted, %count
  %wrapped = sub i64 %shifted, %count
  %place = select i1 %is_over, i64 %wrapped, i64 %shifted
  %number = add i64 %first, %place
  %part.word = mul i64 %number, {LINE}
  %part = getelementptr i64, ptr %part_table, i64 %part.word
  {_word("%part", CLAIM, "claim", "monotonic")}
  %is_taken = icmp eq i64 %claim, %run
  br i1 %is_taken, label %part_done, label %take

take:
  %before = atomicrmw xchg ptr %claim.at, i64 %run acq_rel
  %is_late = icmp eq i64 %before, %run
  br i1 %is_late, label %part_done, label %mine

mine:
  {_address("%part", CALLS, "calls")}
  {_word("%part", LENGTH, "length")}
  br label %next_call

next_call:
  %c = phi i64 [0, %mine], [%c.after, %call]
  %has_call = icmp slt i64 %c, %length
  br i1 %has_call, label %call, label %all_called

call:
  %row.word = shl i64 %c, 2
  %row = getelementptr i64, ptr %calls, i64 %row.word
  {_address("%row", 0, "kernel")}
  {_address("%row", 1, "slots")}
  {_word("%row", 2, "lo")}
  {_word("%row", 3, "hi")}
  call void %kernel(ptr %slots, i64 %lo, i64 %hi)
  %c.after = add i64 %c, 1
  br label %next_call

all_called:
  %counted = atomicrmw add ptr %done.at, i64 1 acq_rel
  br label %part_done

part_done:
  %i.after = add i64 %i, 1
  br label %next_part

await:
  %turn = phi i64 [0, %next_part], [%turn.after, %spin], [%turn.after, %offer]
  %done = load atomic i64, ptr %done.at acquire, align 8
  %is_done = icmp sge i64 %done, %target
  br i1 %is_done, label %stage_done, label %wait

wait:
  %turn.after = add i64 %turn, 1
  %is_patient = icmp slt i64 %turn, %spins
  br i1 %is_patient, label %spin, label %offer

spin:
  call void @PAUSE
  br label %await

offer:
  call i32 %yield()
  br label %await

stage_done:
  %s.after = add i64 %s, 1
  br label %next_stage

end:
  ret void
}}
"""

# The owner's run: with `lo` = 1 it publishes the job if the team is free, and afterwards waits until no helper can be
# reading it.
RUN_JOB = f"""
define void @SYMBOL(ptr %job, i64 %lo, i64 %hi) {{
  {_address("%job", TEAM, "team")}
  {_word("%job", RUN, "last")}
  %run = add i64 %last, 1
  store i64 %run, ptr %last.at
  %is_shared = icmp eq i64 %lo, 1
  br i1 %is_shared, label %publish, label %alone

publish:
  %address = ptrtoint ptr %job to i64
  %pair = cmpxchg ptr %team, i64 {FREE}, i64 %address seq_cst seq_cst
  %is_owner = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %is_owner, label %together, label %alone

alone:
  call void @work(ptr %job, i64 0)
  br label %end

together:
  call void @work(ptr %job, i64 0)
  br label %close

close:
  store atomic i64 {CLOSED}, ptr %team seq_cst, align 8
  {_address("%team", YIELD, "yield")}
  {_word("%team", SPINS, "spins")}
  br label %await

await:
  %turn = phi i64 [0, %close], [%turn.after, %spin], [%turn.after, %offer]
  {_word("%team", INSIDE, "inside", "seq_cst")}
  %is_empty = icmp eq i64 %inside, 0
  br i1 %is_empty, label %leave, label %wait

wait:
  %turn.after = add i64 %turn, 1
  %is_patient = icmp slt i64 %turn, %spins
  br i1 %is_patient, label %spin, label %offer

spin:
  call void @PAUSE
  br label %await

offer:
  call i32 %yield()
  br label %await

leave:
  store atomic i64 {FREE}, ptr %team release, align 8
  br label %end

end:
  ret void
}}
"""

# A helper's watch. It counts itself in before it looks at the owner again: either it sees that the team is closed, or the
# owner sees it inside.
HELP = f"""
define void @SYMBOL(ptr %team, i64 %me, i64 %hi) {{
  {_word("%team", LINGERS, "lingers")}
  %inside = getelementptr i64, ptr %team, i64 {INSIDE}
  %flag.line = mul i64 %me, {LINE}
  %flag.word = add i64 %flag.line, {AWAKE}
  %flag = getelementptr i64, ptr %team, i64 %flag.word
  store atomic i64 1, ptr %flag seq_cst, align 8
  br label %watch

watch:
  %turn = phi i64 [0, %0], [%turn.after, %idle], [0, %back]
  %seen = load atomic i64, ptr %team monotonic, align 8
  %is_job = icmp ugt i64 %seen, {CLOSED}
  br i1 %is_job, label %enter, label %idle

idle:
  call void @PAUSE
  %turn.after = add i64 %turn, 1
  %is_patient = icmp slt i64 %turn, %lingers
  br i1 %is_patient, label %watch, label %end

enter:
  %entered = atomicrmw add ptr %inside, i64 1 seq_cst
  %owner = load atomic i64, ptr %team seq_cst, align 8
  %is_open = icmp ugt i64 %owner, {CLOSED}
  br i1 %is_open, label %join, label %back

join:
  %job = inttoptr i64 %owner to ptr
  call void @work(ptr %job, i64 %me)
  br label %back

back:
  %left = atomicrmw sub ptr %inside, i64 1 seq_cst
  br label %watch

end:
  store atomic i64 0, ptr %flag seq_cst, align 8
  ret void
}}
"""
REST = """
define void @SYMBOL(ptr %unused, i64 %lo, i64 %hi) {
  br label %more

more:
  %i = phi i64 [%lo, %0], [%i.after, %more]
  call void @PAUSE
  %i.after = add i64 %i, 1
  %is_on = icmp slt i64 %i.after, %hi
  br i1 %is_on, label %more, label %end

end:
  ret void
}
"""

Native = Callable[[int, int, int], None]


@cache
def is_supported() -> bool:
    """Whether there is a pause instruction for this machine; where not, callers stay alone."""
    return _machine() in PAUSES and ctypes.sizeof(ctypes.c_void_p) == 8


def _machine() -> str:
    return NAMES.get(platform.machine(), platform.machine())


@cache
def native(name: str) -> Native:
    """Compile one of the functions above; called without the GIL."""
    import llvmlite.binding as llvm

    from . import cache as disk
    from . import loader

    pause = PAUSES[_machine()]
    declared = f"declare void @{pause.partition('(')[0]}({'i32' if 'i32' in pause else ''})"
    text = {"run": WORK + RUN_JOB, "help": WORK + HELP, "rest": REST}[name]
    entry = disk.key(text, name, *loader.host())
    symbol = f"team_{entry}"
    source = declared + text.replace("@PAUSE", "@" + pause).replace("SYMBOL", symbol)

    def build() -> bytes:
        module = llvm.parse_assembly(source)
        module.verify()
        return bytes(loader.target_machine().emit_object(module))

    address = disk.fetch(entry, build, lambda code: loader.load(code, symbol))
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)


def _yield_address() -> int:
    """Return the function of no arguments that lets another thread have the core."""
    library: Any = ctypes.WinDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined,unused-ignore]
    function = library.SwitchToThread if os.name == "nt" else library.sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _pauses_in(seconds: float) -> int:
    """Count the pauses that take so long, which is 5 to 50 ns each."""
    rest, count = native("rest"), 2000
    rest(0, 0, count)
    start = perf_counter()
    rest(0, 0, count)
    return max(1, round(seconds / max(perf_counter() - start, 1e-7) * count))


def lined(words: int) -> np.ndarray[Any, Any]:
    """Return zeros that begin at a cache line."""
    made = np.zeros(words + LINE, np.int64)
    at = -made.ctypes.data // 8 % LINE
    return made[at : at + words]


class Team:
    """The helpers of a process and the words that they watch."""

    MOST = 256

    def __init__(self) -> None:
        self.words = lined(AWAKE + LINE * self.MOST)
        self.address = self.words.ctypes.data
        self.words[YIELD] = _yield_address()
        self.words[SPINS], self.words[LINGERS] = _pauses_in(SPIN), _pauses_in(LINGER)
        self.gates: list[Any] = []  # locks that helpers are parked in
        self._growing = threading.Lock()

    def grow(self, helpers: int) -> None:
        """See to it that there are so many helpers; fewer if the system refuses threads."""
        with self._growing:
            while len(self.gates) < min(helpers, self.MOST - 1):
                gate = threading.Lock()
                gate.acquire()
                number = len(self.gates) + 1
                helper = threading.Thread(
                    target=self._serve, args=(gate, number), name=f"minitorch-{number}", daemon=True
                )
                try:
                    helper.start()
                except RuntimeError:
                    return
                self.gates.append(gate)

    def _serve(self, gate: Any, number: int) -> None:
        watch = native("help")
        while True:
            gate.acquire()
            watch(self.address, number, 0)

    def wake(self, helpers: int) -> None:
        """Let so many helpers look out for a job, those that do not already."""
        for number, gate in enumerate(self.gates[:helpers], 1):
            if not self.words[AWAKE + LINE * number] and gate.locked():
                with suppress(RuntimeError):  # another caller was faster
                    gate.release()


_team: Team | None = None
_making = threading.Lock()


def team() -> Team:
    """Return the team of this process."""
    global _team
    if _team is None:
        with _making:
            if _team is None:
                _team = Team()
    return _team


def _after_fork() -> None:
    """The parent's helpers do not exist in a child; neither may a lock that one of its threads held."""
    global _team, _making
    _team, _making = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
