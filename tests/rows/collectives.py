"""The collectives as plain operations, on values that all examples share; `tests/engine/test_collectives.py` maps them."""

from __future__ import annotations

import numpy as np

from minitorch.core.array import Array
from minitorch.core.ops import collectives as C
from minitorch.core.ops.collectives import Axis

from . import Case, Row, real

AXIS = Axis("i", 3, 0)

ROWS = [
    Row("psum", lambda x: C.psum_p(x, over=AXIS), lambda x: x * 3, (Case((real(),)), Case((real(2, 3),)))),
    Row(
        "all_gather",
        lambda x: C.all_gather_p(x, Array(0), over=AXIS),
        lambda x: np.stack([x] * 3),
        (Case((real(),)), Case((real(2, 3),))),
        grad=False,  # its transpose asks the index of the example
    ),
]
