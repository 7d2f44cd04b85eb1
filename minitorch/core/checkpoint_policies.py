"""Policies: which values a checkpointed function keeps from its first run.

A policy is a function `policy(primitive, *avals, **params)` of an operation, the shapes and dtypes of its operands, and
its static parameters, that says whether the result is kept. Write your own in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .array import Array
from .ops.shaping import mark
from .primitive import Primitive
from .tracer import Tracer
from .tree import map as tree_map

Policy = Callable[..., bool]

DOTS = frozenset(("matmul", "matvec", "inner", "linear", "conv"))


def everything_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep all: as if the function were not checkpointed.

    >>> everything_saveable.__name__
    'everything_saveable'
    """
    return True


def nothing_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the arguments only, and compute everything again. The default.

    >>> from minitorch.core.primitive import lookup
    >>> nothing_saveable(lookup("exp"))
    False
    """
    return False


def dots_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products and convolutions, which cost most to compute again.

    >>> from minitorch.core.primitive import lookup
    >>> dots_saveable(lookup("matmul")), dots_saveable(lookup("exp"))
    (True, False)
    """
    return primitive.name in DOTS


def dots_with_no_batch_dims_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products with a weight matrix, not those of batches of matrices with each other.

    In attention this keeps the projections, whose size grows with the length, and not the scores, whose size grows with
    its square.

    >>> from minitorch.core.aval import Aval
    >>> from minitorch.core.dtypes import float32
    >>> from minitorch.core.primitive import lookup
    >>> matrix, batch = Aval((3, 3), float32), Aval((8, 3, 3), float32)
    >>> [dots_with_no_batch_dims_saveable(lookup("matmul"), batch, other) for other in (matrix, batch)]
    [True, False]
    """
    return primitive.name in DOTS - {"conv"} and min(len(a.shape) for a in avals[:2]) <= 2


def save_only_these_names(*names: str) -> Policy:
    """Return the policy that keeps the values under some names, given by `checkpoint_name`, and nothing else.

    >>> from minitorch.core.primitive import lookup
    >>> policy = save_only_these_names("attention")
    >>> policy(lookup("mark"), name="attention"), policy(lookup("mark"), name="other")
    (True, False)
    """
    chosen = frozenset(names)
    return lambda primitive, *avals, **params: primitive.name == "mark" and params["name"] in chosen


def save_anything_except_these_names(*names: str) -> Policy:
    """Return the policy that keeps everything but the values under some names, given by `checkpoint_name`.

    What such a value was computed from is kept, so name all of a part that is to be computed again.

    >>> from minitorch.core.primitive import lookup
    >>> policy = save_anything_except_these_names("mask")
    >>> policy(lookup("mark"), name="mask"), policy(lookup("exp"))
    (False, True)
    """
    dropped = frozenset(names)
    return lambda primitive, *avals, **params: not (primitive.name == "mark" and params["name"] in dropped)


def checkpoint_name(x: Any, name: str) -> Any:
    """Return a tree whose arrays go under a name that policies of `checkpoint` know them by.

    >>> from minitorch.core.checkpoint import checkpoint
    >>> from minitorch.core.ops.pointwise import sin
    >>> from minitorch.core.transforms import grad
    >>> f = checkpoint(lambda x: sin(checkpoint_name(sin(x), "inner")), policy=save_only_these_names("inner"))
    >>> grad(f)(0.0)
    Array(1., dtype=float32)
    """
    return tree_map(lambda leaf: mark(leaf, name) if isinstance(leaf, (Array, Tracer)) else leaf, x)


__all__ = [
    "checkpoint_name",
    "dots_saveable",
    "dots_with_no_batch_dims_saveable",
    "everything_saveable",
    "nothing_saveable",
    "save_anything_except_these_names",
    "save_only_these_names",
]
