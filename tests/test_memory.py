"""Freed memory stays with the process, where glibc decides about it."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
import minitorch as mt
x = mt.ones(400_000)
for _ in range(20):
    y = (x + 1.0) * 2.0 - x
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    y = (x + 1.0) * 2.0 - x
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**settings):
    """Return how many pages of 20 rounds of operations on 1.6 MB had to be mapped anew."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES", "MINITORCH_MALLOC"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=clean | settings, capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ, reason="another allocator")
def test_freed_memory_is_kept_unless_told_otherwise():
    assert faults() < 1000
    assert faults(MINITORCH_MALLOC="0", MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 5000
