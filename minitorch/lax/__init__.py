"""Control flow and the lower operations under the names of jax.lax.

`scan`, `while_loop`, `fori_loop`, `cond`, `switch`, `map` and `associative_scan` take trees of arrays or tensors, work under
every transform, and compile to native loops and branches under `jit`. The rest are the everyday operations with jax.lax's
arguments; they promote and broadcast as everywhere here, where jax.lax asks for equal shapes and dtypes.

    pointwise    exp add select ...
    shaping      reshape pad dynamic_slice ...
    reducing     reduce_sum cumsum sort top_k reduce_window ...
    collectives  psum pmean axis_index ...: across the examples of a `vmap` with an `axis_name`
    products     dot_general conv_general_dilated ...
"""

from ..core.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum
from ..core.control.branching import cond, switch
from ..core.control.implicit import custom_linear_solve, custom_root
from ..core.control.loops import fori_loop, scan, while_loop
from ..core.control.mapping import associative_scan, map
from ..core.transforms import stop_gradient
from .pointwise import *
from .products import *
from .reducing import *
from .shaping import *
