"""What is linear in what: for each operation, the groups of arguments in which it is jointly linear, the others fixed.

Operations declared linear speak for themselves; the table adds those with rules of their own. Transposing a linear
function and Taylor expansion ask here.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import dtypes
from .primitive import LINEAR, Primitive
from .tracer import Params

Group = frozenset[int]

# By name of the operation, the names of its arguments: groups are separated by spaces, members by commas.
GROUPS: dict[str, str] = {
    "add": "x,y",
    "sub": "x,y",
    "neg": "x",
    "mul": "x y",
    "div": "x",
    "where": "x,y",
    "lerp": "x,y",
    "conj": "x",
    "real": "x",
    "imag": "x",
    "xlogy": "x",
    "psum": "x",
    "all_gather": "x",
    "basic_set": "x,v",
    "scatter_add": "x,updates",
    "scatter_set": "x,updates",
    "scatter_multiply": "x",
    "take": "x",
    "gather": "x",
    "ldexp": "x",
    "product_of": "x y",
    "pad": "x",
    "dropout": "x",
    "pool_take": "x",
    "pool_put": "g",
    "conv": "x,bias w,bias",
    "linear": "x,b w,b",
    "solve": "b",
    "triangular_solve": "b",
}


def groups(primitive: Primitive, count: int, params: Params) -> Sequence[Group]:
    """Return the sets of argument positions in which an application to `count` arguments is jointly linear."""
    if primitive.jvp is LINEAR:
        if primitive.name == "cast" and params["dtype"] not in dtypes.INEXACT:
            return ()
        if primitive.variadic:
            return (frozenset(range(count)),)
        return [frozenset((i,)) for i in range(count)]
    if primitive.name == "pad" and params["value"] != 0:
        return ()
    names = GROUPS.get(primitive.name, "").split()
    return [frozenset(map(primitive.args.index, group.split(","))) for group in names]
