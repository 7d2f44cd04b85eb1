"""The back end of `jit`: from an optimized graph to kernels, memory and a plan that runs.

`layout` knows strides; `operations` turns equations into operations; `fuse` groups them; `kernels`, `rows` and `columns`
print groups as Python text from the primitives' `formulas`; `products` calls BLAS; `memory` shares one arena; `program`
puts the calls in order; `plan` runs them, `bound` in place, `brief` in one native call.
"""

from .brief import Brief
from .plan import Plan, build, prepare

__all__ = ["Brief", "Plan", "build", "prepare"]
