"""The native runtime of `jit`: compile kernels, keep them, run lists of them.

Nothing here knows about graphs. `compile.compile_kernel` turns Python text into machine code through Numba, `cache` keeps
the object code on disk, `loader` loads it with llvmlite alone, `replay` runs arrays of instructions, alone or with the
threads of a `team`, which share a `job` as `schedule` divides it, `blas` is the matrix product as an instruction, and
`objects` reads the buffers of Arrays without Python code.
"""
