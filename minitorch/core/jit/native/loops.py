"""Loops and branches as kernels: they run the rows of other programs, without Python between the steps.

A block is four words: the address of its rows, their number, and the address of its leaves, a table that its first row
copies addresses from: results first, then arguments. A loop writes the leaves anew for each step. Carries alternate between
two buffers, so that a step never writes what it reads, unless it may write over them; stacked values are addressed by step.
"""

from __future__ import annotations

from textwrap import indent

from .replay import COLUMNS

_RUN = f"""\
    for r in range(count):
        call_kernel(rows[{COLUMNS} * r], rows[{COLUMNS} * r + 1], rows[{COLUMNS} * r + 2], rows[{COLUMNS} * r + 3])
"""
_RUN_INSIDE = indent(_RUN, "    ")

# Words first: LLVM is not asked to make vectors of these loops, which takes longer than all the rest of them. Words may lie
# anywhere in memory.
_COPY = """\
x = u8(start); y = u8(P[{to} + j])
from_words = i64(start); to_words = i64(P[{to} + j])
for i in range(size >> 3):
    to_words[i] = from_words[i]
for i in range(size & -8, size):
    y[i] = x[i]
"""


def _copy(to: str, depth: int) -> str:
    """Return what copies `size` bytes from `start` to where slot `to + j` points."""
    return indent(_COPY.format(to=to), " " * depth)


# Slots: block, flag, steps, reverse, numbers of constants, carries, xs and ys; then the addresses of these arguments, of
# the results, of a second buffer for each carry; then the bytes of an x and of a y, and of each carry that is written over,
# which lies in its result from the start (0 for others). The last step writes to the results.
SCAN = f"""
def scan(P, lo, hi):
    block = i64(P[0]); flag = i64(P[1]); steps = P[2]; reverse = P[3]
    c = P[4]; k = P[5]; n = P[6]; m = P[7]
    rows = i64(block[0]); count = block[1]; leaves = i64(block[2])
    given = 8
    made = given + c + k + n
    spare = made + k + m
    width = spare + k
    alone = width + n + m
    inputs = k + m
    for j in range(c):
        leaves[inputs + j] = P[given + j]
    for j in range(k):
        start = P[given + c + j]; size = P[alone + j]
{_copy("made", 8)}    for s in range(steps):
        left = steps - 1 - s
        i = select(reverse != 0, left, s)
        for j in range(k):
            target = select(left & 1 == 0, P[made + j], P[spare + j])
            source = select(left & 1 == 0, P[spare + j], P[made + j])
            source = select(s == 0, P[given + c + j], source)
            leaves[j] = select(P[alone + j] != 0, P[made + j], target)
            leaves[inputs + c + j] = select(P[alone + j] != 0, P[made + j], source)
        for j in range(n):
            leaves[inputs + c + k + j] = P[given + c + k + j] + i * P[width + j]
        for j in range(m):
            leaves[k + j] = P[made + k + j] + i * P[width + n + j]
{_RUN_INSIDE}        if flag[0] != 0:
            return
"""

# Slots: the blocks of the condition and of the body, flag, the condition's result; numbers of the condition's constants,
# the body's, and carries; then the addresses of these arguments, of the results, of a second buffer for each carry; then
# the bytes of each carry, and whether it is written over.
WHILE = f"""
def repeat(P, lo, hi):
    test = i64(P[0]); body = i64(P[1]); flag = i64(P[2]); goes_on = u8(P[3])
    a = P[4]; b = P[5]; k = P[6]
    asked = i64(test[2]); leaves = i64(body[2])
    given = 7
    made = given + a + b + k
    spare = made + k
    width = spare + k
    alone = width + k
    asked[0] = P[3]
    for j in range(k):
        if P[alone + j] != 0:
            start = P[given + a + b + j]; size = P[width + j]
{_copy("made", 12)}    for j in range(a):
        asked[1 + j] = P[given + j]
    for j in range(b):
        leaves[k + j] = P[given + a + j]
    for s in range(int64(1) << 62):
        for j in range(k):
            source = select(s & 1 == 0, P[spare + j], P[made + j])
            source = select(s == 0, P[given + a + b + j], source)
            source = select(P[alone + j] != 0, P[made + j], source)
            target = select(s & 1 == 0, P[made + j], P[spare + j])
            asked[1 + a + j] = source
            leaves[k + b + j] = source
            leaves[j] = select(P[alone + j] != 0, P[made + j], target)
        rows = i64(test[0]); count = test[1]
{_RUN_INSIDE}        if flag[0] != 0:
            return
        if goes_on[0] == 0:
            for j in range(k):
                if s & 1 == 0 and P[alone + j] == 0:
                    start = leaves[k + b + j]; size = P[width + j]
{_copy("made", 20)}            return
        rows = i64(body[0]); count = body[1]
{_RUN_INSIDE}        if flag[0] != 0:
            return
"""

# Slots: numbers of branches, arguments and results; the index; the blocks, the arguments, the results.
SWITCH = f"""
def switch(P, lo, hi):
    branches = P[0]; n = P[1]; m = P[2]
    at = min(max(i64(P[3])[0], 0), branches - 1)
    block = i64(P[4 + at])
    leaves = i64(block[2])
    for j in range(n):
        leaves[m + j] = P[4 + branches + j]
    for j in range(m):
        leaves[j] = P[4 + branches + n + j]
    rows = i64(block[0]); count = block[1]
{_RUN}"""
