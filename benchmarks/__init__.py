"""Time one training step of each workload in minitorch, PyTorch and hand-written NumPy.

`python -m benchmarks --help` lists what can be chosen. A workload is a file in `workloads/`; a library is one more
`@contender` there.
"""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read when the libraries load, which is later
