"""The native runtime of `jit`: compile kernels, keep them, run lists of them.

Nothing here knows about graphs. `compile.compile_kernel` turns Python text into machine code: `language` walks its syntax
tree (`terms` are its expressions, `expressions` their operators and types, `kinds` the types), `writer` writes LLVM's text,
and `codegen` has LLVM make object code of it. `intrinsics`, `vectors`, `register_tiles`, and the functions that
`scalarmath` lists are what kernels may call. `cache` keeps object code on disk, `loader` loads it, `replay` runs arrays of
instructions, alone or with the threads of a `team`, which share a `job` as `schedule` divides it, `blas` is the matrix
product as an instruction, and `objects` reads the buffers of Arrays without Python code.
"""
