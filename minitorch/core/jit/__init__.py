"""mt.jit: record a function once, optimize it, replay it natively."""
