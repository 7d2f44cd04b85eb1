"""Ask the C library to keep freed memory for the next arrays.

Arrays between 128 KB and a few MB come and go with every operation. The allocator of glibc gives such memory back to the
system at once, and each page of the next array is then mapped and cleared anew: measured on one core, an eager training
step of a small CNN takes 12.9 ms that way and 8.2 ms without. The setting is the process's, up to 256 MB stay with it, and
nothing changes for larger arrays, nor if the environment says how memory is to be handled.
"""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of parameters in glibc's malloc.h
KEPT = 256 << 20  # bytes at the end of the heap that are not given back
LARGE = 32 << 20  # an array of this size is a mapping of its own; glibc takes no larger limit
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed() -> bool:
    """Keep freed memory, if the C library is glibc and nobody has decided otherwise; return whether it does.

    MINITORCH_MALLOC=0 leaves everything as it is, as does any setting of malloc in the environment.
    """
    if not sys.platform.startswith("linux") or os.environ.get("MINITORCH_MALLOC") == "0":
        return False
    if any(name in os.environ for name in SETTINGS):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version.restype = ctypes.c_char_p
        return bool(library.mallopt(TRIM_THRESHOLD, KEPT) and library.mallopt(MMAP_THRESHOLD, LARGE))
    except (OSError, AttributeError):  # another C library
        return False
