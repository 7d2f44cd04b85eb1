"""Where CPython and NumPy keep what objects hold, in bytes; `objects.supported` compares it with what Python says."""

from __future__ import annotations

TYPE, LIST_SIZE, LIST_ITEMS = 8, 16, 24
TUPLE_SIZE, TUPLE_ITEMS, FLOAT_VALUE, INT_TAG, INT_DIGIT = 16, 24, 16, 16, 24
# Of an ndarray, and bits of its flags.
DATA, NDIM, DIMENSIONS, STRIDES, BASE, DESCR, FLAGS = 16, 24, 32, 40, 48, 56, 64
CONTIGUOUS, OWNDATA, ALIGNED, WRITEABLE = 0x1, 0x4, 0x100, 0x400
