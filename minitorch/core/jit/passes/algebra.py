"""Algebra: one rewrite function for each primitive that has something to simplify, in a table by name.

A rewrite must not change a result: not for -0.0, not for NaN, not for infinities. So `x + 0.0`, `x * 0` and `0 - x`
stay as they are. What would have another shape or dtype than the result it stands for is not taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ... import dtypes
from ...array import Array
from ...aval import Aval
from ...dtypes import DType
from ...errors import MinitorchError
from ...ops import pointwise
from ...ops.families import primitive_of
from ...ops.shaping import broadcast_p, cast_p, reshape_p, sum_p, transpose_p
from ...ops.slicing import strided_slice_p
from ...primitive import Primitive
from ..graph import Atom, Equation, Graph, Var, atom_aval
from .rewriting import Writer, repeated, rewrite, same_aval

Rewrite = Callable[[Writer, Equation], Atom]  # None: nothing to simplify

_reshape, _broadcast_to, _transpose, _cast = map(primitive_of, (reshape_p, broadcast_p, transpose_p, cast_p))
_slice, _sum = primitive_of(strided_slice_p), primitive_of(sum_p)


def simplify(graph: Graph) -> Graph:
    """Apply the algebra to every equation, operands first."""
    return rewrite(graph, lambda: simplified)


def simplified(writer: Writer, eq: Equation) -> Sequence[Atom] | None:
    """Return what an equation is in simpler terms, if there is such."""
    if eq.primitive.name == "hooked":  # hooks run in backward passes, which the graph has behind it
        return eq.inputs
    named = REWRITES.get(eq.primitive.name)
    is_pointwise = eq.primitive.formula is not None
    for one in (_unrepeated, named) if is_pointwise else (named,):
        if one is None:
            continue
        try:
            found = one(writer, eq)
        except MinitorchError:  # a primitive refuses the dtypes of the simpler form
            continue
        if same_aval(found, eq.outputs[0]):
            return (found,)
    return None


# --------------------------------------------------------------------------- constants


def _number(writer: Writer, atom: Atom) -> Any:
    """Return the number that all elements of a constant are, None if there is none."""
    if type(atom) in dtypes.SCALARS:
        return atom
    if isinstance(atom, Var):
        repeat = writer.definition(atom, "broadcast_to")
        return None if repeat is None else _number(writer, repeat.inputs[0])
    single = repeated(atom)
    return None if single is None else single.item()


def _is_zero(value: Any, dtype: DType, sign: int) -> bool:
    """Whether a number is the neutral element of an addition: a zero, of this sign for floats."""
    if value is None or type(value) is complex or value != 0 or dtypes.rank(dtype) > 2:
        return False
    return dtypes.rank(dtype) < 2 or math.copysign(1, value) == sign


# --------------------------------------------------------------------------- pointwise operations


def _unrepeated(writer: Writer, eq: Equation) -> Atom:
    """Compute on what was repeated before it is repeated: operands broadcast by themselves."""
    inner = [_source(writer, a) for a in eq.inputs]
    if all(a is b for a, b in zip(inner, eq.inputs)):
        return None
    out = writer.apply(eq.primitive, *inner)
    shape = eq.outputs[0].aval.shape
    return out if atom_aval(out).shape == shape else writer.apply(_broadcast_to, out, shape=shape)


def _source(writer: Writer, atom: Atom) -> Atom:
    if isinstance(atom, Array):
        return (repeated(atom) if atom.ndim else None) or atom
    found = writer.definition(atom, "broadcast_to")
    return atom if found is None else found.inputs[0]


def _negated(writer: Writer, atom: Atom, dtype: DType) -> Atom:
    """Return what an operand negates; not when it is widened afterwards, as -128 is in int8."""
    found = writer.definition(atom, "neg")
    if found is None:
        return None
    (x,) = found.inputs
    return x if dtypes.is_inexact(atom_aval(x).dtype) or atom_aval(x).dtype == dtype else None


def _add(writer: Writer, eq: Equation) -> Atom:
    x, y = eq.inputs
    dtype = eq.outputs[0].aval.dtype
    if _is_zero(_number(writer, y), dtype, -1):
        return x
    if _is_zero(_number(writer, x), dtype, -1):
        return y
    if (negated := _negated(writer, y, dtype)) is not None:
        return writer.apply(_sub, x, negated)
    if (negated := _negated(writer, x, dtype)) is not None:
        return writer.apply(_sub, y, negated)
    return None


def _subtract(writer: Writer, eq: Equation) -> Atom:
    x, y = eq.inputs
    dtype = eq.outputs[0].aval.dtype
    if _is_zero(_number(writer, y), dtype, 1):
        return x
    negated = _negated(writer, y, dtype)
    return None if negated is None else writer.apply(_plus, x, negated)


def _mul(writer: Writer, eq: Equation) -> Atom:
    x, y = eq.inputs
    if dtypes.is_complex(eq.outputs[0].aval.dtype):  # 1 + 0j times infinity is not infinity
        return None
    if _number(writer, y) == 1:
        return x
    return y if _number(writer, x) == 1 else None


def _div(writer: Writer, eq: Equation) -> Atom:
    x, y = eq.inputs
    value = _number(writer, y)
    if value is None or dtypes.is_complex(eq.outputs[0].aval.dtype):
        return None
    if value == 1:
        return x
    return writer.apply(_times, x, 1.0 / value) if _has_exact_inverse(value) else None


def _has_exact_inverse(value: float) -> bool:
    """Whether a number is a power of two whose inverse is one in every float dtype."""
    return abs(math.frexp(value)[0]) == 0.5 and 2.0**-14 <= abs(value) <= 2.0**14


def _pow(writer: Writer, eq: Equation) -> Atom:
    """`x ** n` in operations that are cheaper and no less accurate; NumPy does as much, but for cubes."""
    x, y = eq.inputs
    value = _number(writer, y)
    if value is None or dtypes.is_complex(eq.outputs[0].aval.dtype):
        return None
    if value == 1:
        return x
    if value == 2:
        return writer.apply(_square, x)
    if value == 3:
        return writer.apply(_times, writer.apply(_square, x), x)
    return writer.apply(_ROOTS[y], x) if type(y) is float and y in _ROOTS else None


def _unchanged(writer: Writer, eq: Equation) -> Atom:
    """The operand itself, where shape and dtype say that nothing is left to do."""
    return eq.inputs[0]


def _involution(writer: Writer, eq: Equation) -> Atom:
    """An operation that undoes itself: `neg(neg(x))`."""
    inner = writer.definition(eq.inputs[0], eq.primitive.name)
    return None if inner is None else inner.inputs[0]


def _of_real(writer: Writer, eq: Equation) -> Atom:
    """`real` and `conj` of real numbers."""
    return None if dtypes.is_complex(atom_aval(eq.inputs[0]).dtype) else eq.inputs[0]


def _idempotent(writer: Writer, eq: Equation) -> Atom:
    """An operation of two equal operands: `maximum(x, x)`."""
    x, y = eq.inputs
    return x if x is y else None


def _where(writer: Writer, eq: Equation) -> Atom:
    c, x, y = eq.inputs
    if x is y and isinstance(x, Var):
        return x
    condition = _number(writer, c)
    if condition is None:
        return None
    taken = x if condition else y
    aval = eq.outputs[0].aval
    if type(taken) in dtypes.SCALARS:
        taken = Array(taken, aval.dtype)
    if atom_aval(taken).dtype != aval.dtype:
        taken = writer.apply(_cast, taken, dtype=aval.dtype)
    return taken if atom_aval(taken).shape == aval.shape else writer.apply(_broadcast_to, taken, shape=aval.shape)


# --------------------------------------------------------------------------- shapes and dtypes


def _casting(writer: Writer, eq: Equation) -> Atom:
    (x,) = eq.inputs
    dtype = eq.params["dtype"]
    if atom_aval(x) == eq.outputs[0].aval:
        return x
    inner = writer.definition(x, "cast")
    if inner is None or not keeps_all(atom_aval(inner.inputs[0]).dtype, inner.outputs[0].aval.dtype, dtype):
        return None
    (source,) = inner.inputs
    return source if atom_aval(source).dtype == dtype else writer.apply(_cast, source, dtype=dtype)


# Digits of the significand: integers up to 2**digits are exact.
_DIGITS = {dtypes.bfloat16: 8, dtypes.float16: 11, dtypes.float32: 24, dtypes.float64: 53}


def keeps_all(source: DType, between: DType, target: DType) -> bool:
    """Return whether a cast by way of `between` is surely the cast from `source` to `target`."""
    ranks = dtypes.rank(source), dtypes.rank(between)
    if source in (between, dtypes.bool_):
        return True
    if ranks == (1, 1):
        return between.itemsize > source.itemsize and (source in dtypes.UNSIGNED or between in dtypes.SIGNED)
    if ranks[1] < max(ranks[0], 2):
        return False
    if ranks[0] == 1:  # on the way back only what was in range before is; large integers overflow in halves
        exact = 8 * source.itemsize <= _DIGITS[dtypes.real_of(between)] and between not in dtypes.HALVES
        return exact and (target == source or dtypes.rank(target) > 1)
    source, between = dtypes.real_of(source), dtypes.real_of(between)
    return dtypes.rank(target) > 1 and (source == between or source.itemsize < between.itemsize)


def _reshaping(writer: Writer, eq: Equation) -> Atom:
    (x,) = eq.inputs
    shape = eq.params["shape"]
    if atom_aval(x).shape == shape:
        return x
    inner = writer.definition(x, "reshape")
    return None if inner is None else writer.apply(_reshape, inner.inputs[0], shape=shape)


def _transposing(writer: Writer, eq: Equation) -> Atom:
    (x,) = eq.inputs
    axes, aval = eq.params["axes"], atom_aval(x)
    moved = [a for a in axes if aval.shape[a] != 1]
    if moved == sorted(moved):  # nothing but axes of size 1 has moved
        return (
            x if aval.shape == eq.outputs[0].aval.shape else writer.apply(_reshape, x, shape=eq.outputs[0].aval.shape)
        )
    inner = writer.definition(x, "transpose")
    if inner is None:
        return None
    return writer.apply(_transpose, inner.inputs[0], axes=tuple(inner.params["axes"][a] for a in axes))


def _repeating(writer: Writer, eq: Equation) -> Atom:
    (x,) = eq.inputs
    shape, have = eq.params["shape"], atom_aval(x)
    if have.shape == shape:
        return x
    if have.size == Aval(shape, have.dtype).size and have.size:
        return writer.apply(_reshape, x, shape=shape)
    inner = writer.definition(x, "broadcast_to")
    return None if inner is None else writer.apply(_broadcast_to, inner.inputs[0], shape=shape)


def _slicing(writer: Writer, eq: Equation) -> Atom:
    (x,) = eq.inputs
    plain = set(eq.params["starts"]) <= {0} and set(eq.params["steps"]) <= {1}
    return x if plain and atom_aval(x).shape == eq.outputs[0].aval.shape else None


def _reducing(writer: Writer, eq: Equation) -> Atom:
    """A reduction of axes of size 1."""
    (x,) = eq.inputs
    shape = atom_aval(x).shape
    if any(shape[a] != 1 for a in eq.params["axes"]):
        return None
    wanted = eq.outputs[0].aval.shape
    return x if wanted == shape else writer.apply(_reshape, x, shape=wanted)


def _multiplying(writer: Writer, eq: Equation) -> Atom:
    """Outer and inner products are pointwise, and fuse; one large product instead of one for each matrix of a stack."""
    x, y = eq.inputs
    a, b = atom_aval(x), atom_aval(y)
    if a.dtype in dtypes.NATIVE_INEXACT and a.shape[-1] == 1:
        return writer.apply(_times, x, y)
    if a.dtype in dtypes.NATIVE_INEXACT and a.shape[-2] == b.shape[-1] == 1:
        row = writer.apply(_reshape, x, shape=(*a.shape[:-2], a.shape[-1]))
        column = writer.apply(_reshape, y, shape=b.shape[:-1])
        found = writer.apply(_sum, writer.apply(_times, row, column), axes=(-1,), keepdims=False)
        return writer.apply(_reshape, found, shape=eq.outputs[0].aval.shape)
    if b.ndim != 2 or a.ndim == 2:
        return None
    rows = math.prod(a.shape[:-1])
    out = writer.apply(eq.primitive, writer.apply(_reshape, x, shape=(rows, a.shape[-1])), y)
    return writer.apply(_reshape, out, shape=eq.outputs[0].aval.shape)


_plus, _sub, _times = map(primitive_of, (pointwise.add, pointwise.sub, pointwise.mul))
_square = primitive_of(pointwise.square)
_ROOTS: dict[float, Primitive] = {
    0.5: primitive_of(pointwise.sqrt),
    -0.5: primitive_of(pointwise.rsqrt),
    -1.0: primitive_of(pointwise.reciprocal),
}

REWRITES: dict[str, Rewrite] = {
    "add": _add,
    "sub": _subtract,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": _involution,
    "logical_not": _involution,
    "bitwise_not": _involution,
    "conj": _of_real,
    "real": _of_real,
    "maximum": _idempotent,
    "minimum": _idempotent,
    "where": _where,
    "detach": _unchanged,
    "unrecorded": _unchanged,
    "cast": _casting,
    "reshape": _reshaping,
    "transpose": _transposing,
    "broadcast_to": _repeating,
    "strided_slice": _slicing,
    "pad": _slicing,
    "sum": _reducing,
    "prod": _reducing,
    "max": _reducing,
    "min": _reducing,
    "matmul": _multiplying,
}
