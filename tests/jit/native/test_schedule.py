"""Which calls may run together, and who runs what: schedules against the order that was asked for."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from minitorch.core.jit.native.job import LATEST, SOONEST, Pace
from minitorch.core.jit.native.schedule import PART, Task, Touch, levels, schedule


def task(number: int, *touches: tuple[str, int, int, bool], seconds: float = 1.0, unit: int = 1) -> Task:
    return Task(number, 0, 0, 100, seconds, unit, tuple(Touch(*one) for one in touches))


def conflict(a: Task, b: Task) -> bool:
    assert a.touches is not None and b.touches is not None
    return any(
        x.where == y.where and x.start < y.stop and y.start < x.stop and (x.writes or y.writes)
        for x in a.touches
        for y in b.touches
    )


def test_levels() -> None:
    read, write = False, True
    tasks = [
        task(0, ("a", 0, 10, write)),
        task(1, ("a", 0, 5, read), ("b", 0, 5, write)),
        task(2, ("a", 5, 10, read), ("b", 5, 10, write)),  # beside 1
        task(3, ("a", 8, 20, write)),  # after 2 has read
        task(4, ("c", 0, 1, write)),  # at once
        task(5, ("b", 0, 10, read), ("c", 0, 1, read)),
        task(6, ("b", 0, 10, read)),
    ]
    assert levels(tasks) == [0, 1, 1, 2, 0, 2, 2]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_any_program(seed: int, threads: int) -> None:
    """Every range is run once and whole, and after all that it has to follow."""
    r = random.Random(seed)

    def touch() -> tuple[str, int, int, bool]:
        start = r.randint(0, 50)
        return r.choice("ab"), start, start + r.randint(1, 20), r.random() < 0.4

    tasks = [
        task(i, *(touch() for _ in range(r.randint(0, 3))), seconds=PART * r.choice([0, 0.1, 1, 5, 100]),
             unit=r.choice([0, 1, 16, 64]))
        for i in range(40)
    ]  # fmt: skip
    stages = schedule(tasks, threads).stages
    ranges: dict[int, list[tuple[int, int]]] = {}
    first_place: dict[int, tuple[int, ...]] = {}
    last_place: dict[int, tuple[int, ...]] = {}
    for s, stage in enumerate(stages):
        assert len(stage) in (1, threads)
        for t, share in enumerate(stage):
            for p, part in enumerate(share):
                assert part
                for c, (number, _, lo, hi) in enumerate(part):
                    ranges.setdefault(number, []).append((lo, hi))
                    first_place.setdefault(number, (s, t, p, c))
                    last_place[number] = (s, t, p, c)
    for one in tasks:
        found = sorted(ranges[one.address])
        assert found[0][0] == 0 and found[-1][1] == 100
        assert all(a[1] == b[0] and (not one.unit or b[0] % one.unit == 0) for a, b in pairwise(found))
        assert one.unit or len(found) == 1
    for i, one in enumerate(tasks):
        for other in tasks[i + 1 :]:
            if conflict(one, other):
                before, after = last_place[one.address], first_place[other.address]
                assert before[0] < after[0] or (before[:3] == after[:3] and before < after)


def test_loads_are_even() -> None:
    tasks = [task(0), *(task(i, seconds=0.1, unit=0) for i in range(1, 5))]
    ((shares,), saved) = schedule(tasks, 2)
    assert [len(share) for share in shares] == [3, 3] and saved == pytest.approx(0.7, abs=1e-3)


def test_small_stages_are_joined() -> None:
    small = [task(i, ("a", 0, 1, True), seconds=1e-7) for i in range(6)]
    large = task(6, ("a", 0, 1, True))
    assert [sum(map(len, stage)) for stage in schedule([*small, large, *small], 2).stages] == [1, 2, 1]
    assert schedule(small, 2).saved == 0.0


def test_the_same_program_has_the_same_schedule() -> None:
    tasks = [task(i, ("a", i, i + 2, i % 3 == 0), seconds=PART * i) for i in range(30)]
    assert schedule(tasks, 3) == schedule(tasks, 3)


# --------------------------------------------------------------------------- together or alone


def runs(pace: Pace, count: int, alone: float, together: float) -> list[bool]:
    ways = []
    for _ in range(count):
        ways.append(pace.together)
        pace.note(pace.together, together if pace.together else alone)
    return ways


def test_the_faster_way_is_taken_and_the_other_tried_again() -> None:
    for alone, together in ((2.0, 1.0), (1.0, 2.0)):
        ways = runs(Pace(), 10 * LATEST, alone, together)
        best = together < alone
        slower = [i for i, way in enumerate(ways) if way != best]
        assert len(slower) < 20 and all(b - a <= LATEST + 1 for a, b in pairwise(slower))


def test_a_change_is_noticed_and_an_interruption_is_not() -> None:
    pace = Pace()
    runs(pace, 100, 2.0, 1.0)
    while not pace.together:
        runs(pace, 1, 2.0, 1.0)
    pace.note(True, 1000.0)
    assert pace.together and pace.times[1] < 1.3
    assert sum(runs(pace, 50, 2.0, 8.0)) < 15
    assert runs(pace, 2 * LATEST, 2.0, 1.0)[-1] or pace.together
    assert SOONEST < LATEST
