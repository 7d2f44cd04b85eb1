"""Common subexpressions: two applications of one primitive to the same operands are one.

Variables are compared by identity, constants by value and dtype (0.0, -0.0, 0 and False are four constants), static
parameters by value, or by identity where they have none.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...array import Array
from ...tracer import Params
from ..graph import Atom, Equation, Graph, Var, has_effect
from .rewriting import Rule, Writer, rewrite

SMALL = 1 << 16  # bytes of a constant that is compared by value

# Exactly symmetric in their two operands: not `maximum`, which returns the first of 0.0 and -0.0.
SYMMETRIC = frozenset(
    ("add", "mul", "equal", "not_equal", "logical_and", "logical_or", "logical_xor")
    + ("bitwise_and", "bitwise_or", "bitwise_xor")
)


def eliminate_common(graph: Graph) -> Graph:
    """Compute what is computed several times once."""
    return rewrite(graph, common_rule)


def common_rule(keys: dict[Equation, Hashable] | None = None) -> Rule:
    """Return a rule that knows what has been computed; `keys` are those of equations that it has met before."""
    known: dict[Hashable, Sequence[Atom]] = {}
    keys = {} if keys is None else keys

    def rule(writer: Writer, eq: Equation) -> Sequence[Atom] | None:
        if has_effect(eq):
            return None
        key = keys.get(eq)
        if key is None:
            key = keys[eq] = key_of(eq)
        found = known.get(key)
        if found is None:
            known[key] = eq.outputs
        return found

    return rule


def key_of(eq: Equation) -> Hashable:
    """Return what is equal for equations that compute the same."""
    inputs: Any = tuple([a if isinstance(a, Var) else atom_key(a) for a in eq.inputs])
    if eq.primitive.name in SYMMETRIC:
        inputs = frozenset(inputs)
    return id(eq.primitive), inputs, params_key(eq.params)


def params_key(params: Params) -> Hashable:
    """Return what is equal for params that mean the same."""
    return tuple([(key, static_key(value)) for key, value in sorted(params.items())]) if params else ()


def atom_key(atom: Atom) -> Hashable:
    """Return what is equal for constants that are the same."""
    if isinstance(atom, Array):
        if atom.device != "cpu" or atom.size * atom.dtype.itemsize > SMALL:
            return id(atom)
        return atom.shape, atom.dtype, atom.numpy().tobytes()
    return type(atom), repr(atom)


def static_key(value: Any) -> Hashable:
    """Return what is equal for static parameters that mean the same."""
    if type(value) in dtypes.SCALARS:
        return type(value), repr(value)
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(static_key, value))
    if isinstance(value, dict):
        return dict, tuple((static_key(k), static_key(v)) for k, v in value.items())
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, value.tobytes()
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
