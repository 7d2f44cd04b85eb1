"""Time one training step of each workload in minitorch, PyTorch, JAX and hand-written NumPy.

`python -m benchmarks --help` lists what can be chosen. A workload is a file in `workloads/`; a library is one more
`@contender` there.
"""

import os

# Read when the libraries load, which is later.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("NPROC", "1")  # the size of XLA's thread pools; jax 0.10 takes two cores with the flags alone
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
