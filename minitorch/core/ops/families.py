"""Families: what most primitives of a kind have in common.

A family fills in evaluation, shape, dtype, batching and derivative rules; a declaration states only what is special.
What a declaration leaves out must be left out by name (`NO_DERIVATIVE`, `NO_BATCHING`), or the import fails.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..array import Array, wrap_scalar
from ..aval import Aval
from ..config import inspector
from ..dtypes import DType
from ..errors import MinitorchError, ShapeError
from ..primitive import (
    DECOMPOSE,
    FAILURES,
    LINEAR,
    NO_DERIVATIVE,
    Explicit,
    Primitive,
    bind,
    evaluate_plain,
    explained,
    names_of,
    register,
    rule,
)
from ..tracer import Params, Tracer, Value, kind_of
from .dtype_rules import DIRECT, DTypeRule, resolver, same

Function = Callable[..., Any]

ALIGNED = Explicit("aligned")  # batching: operands broadcast, so line up their axes behind the batch axis
LEADING = Explicit(
    "leading"
)  # batching: leading axes are free and axes count from the end; give every operand the batch

_new = object.__new__
_inspector = inspector.get
_ndarray = np.ndarray


def as_value(x: Any) -> Value:
    """Return an Array, a Tracer or a Python scalar as it is; copy anything else into an Array."""
    if isinstance(x, (Array, Tracer)) or type(x) in dtypes.SCALARS:
        return x
    return Array(x)


def as_array(x: Any) -> Value:
    """Like `as_value`, with Python scalars made into 0-d arrays."""
    return x if isinstance(x, (Array, Tracer)) else Array(x)


# --------------------------------------------------------------------------- pointwise operations

_FORMULA_ARGUMENTS = ("c", "x", "y", "z")


def elementwise(
    name: str,
    formula: str,
    *rules: Any,
    dtype: DTypeRule = same,
    impl: Function | None = None,
    jvp: tuple[Any, ...] | None = None,
    holomorphic: bool = True,
    direct: frozenset[DType] | None = None,
) -> Function:
    """Declare a pointwise operation by its scalar formula and one rule per argument.

    A rule pulls a cotangent back and pushes a tangent forward alike: a diagonal Jacobian is its own transpose. The
    formula's variables are `c`, `x`, `y`, `z`, in that order; it is what the kernel printers print. `impl` is the NumPy
    function, by default the ufunc of the same name.
    """
    used = {n.id for n in ast.walk(ast.parse(formula)) if isinstance(n, ast.Name)}
    args = tuple(n for n in _FORMULA_ARGUMENTS if n in used)
    if rules != (NO_DERIVATIVE,) and len(rules) != len(args):
        raise ValueError(f"{name}: {len(rules)} rules for the {len(args)} arguments of {formula!r}")
    compiled = _compile(name, rules, args, ())
    primitive = register(
        Primitive(
            name=name,
            impls={np.ndarray: impl or getattr(np, name)},
            evaluate=_evaluate_elementwise,
            abstract=_abstract_elementwise(name, dtype),
            batch=ALIGNED,
            vjp=compiled,
            jvp=compiled if jvp is None else _compile(name, jvp, args, ()),
            args=args,
            statics=(),
            holomorphic=holomorphic,
            formula=formula,
            operand_dtypes=resolver(name, dtype),
        )
    )
    native = DIRECT.get(dtype, frozenset()) if direct is None else direct
    function = _ARITIES[min(len(args), 3)](primitive, native)
    function.direct = native  # type: ignore[attr-defined]
    primitive.direct = native if len(args) <= 2 else frozenset()
    return function


def _compile(name: str, rules: tuple[Any, ...], args: tuple[str, ...], statics: tuple[str, ...]) -> Any:
    if rules == (NO_DERIVATIVE,):
        return NO_DERIVATIVE
    return tuple(rule(name, r, args, statics) if callable(r) else r for r in rules)


def _abstract_elementwise(name: str, rule_: DTypeRule) -> Callable[..., Aval]:
    resolve = resolver(name, rule_)

    def abstract(*avals: Aval) -> Aval:
        kinds = tuple(_weak_type(a.dtype) if a.weak else a.dtype for a in avals)
        return Aval(broadcast_shapes(name, *avals), resolve(kinds)[1], avals[0].device)

    return abstract


def _weak_type(dtype: DType) -> type:
    return (bool, int, float, complex)[dtypes.rank(dtype)]


def broadcast_shapes(name: str, *avals: Aval) -> tuple[int, ...]:
    """Return the common shape, or raise a ShapeError that shows every operand."""
    shapes = {a.shape for a in avals if a.shape}
    if len(shapes) < 2:  # NumPy takes 2 us to tell
        return shapes.pop() if shapes else ()
    try:
        return np.broadcast_shapes(*(a.shape for a in avals))
    except ValueError:
        operands = " and ".join(str(a.shape) for a in avals)
        raise ShapeError(
            f"{name}: shapes {operands} do not broadcast ({', '.join(map(str, avals))}); sizes must match or be 1, "
            "counted from the last axis: reshape one of them, or insert an axis with x[:, None]"
        ) from None


def _evaluate_elementwise(primitive: Primitive, args: Sequence[Value], params: Params) -> Array:
    first = args[0]
    if type(first) is Array:  # the common case: one dtype that NumPy handles as we do (0.6 us instead of 2.4)
        a = first._data
        if a.dtype in primitive.direct:
            if len(args) == 1:
                return wrap_scalar(primitive.impls[_ndarray](a))
            second = args[1]
            if type(second) is Array and second._data.dtype is a.dtype:
                return wrap_scalar(primitive.impls[_ndarray](a, second._data))
            if type(second) is float and a.dtype in dtypes.NATIVE_INEXACT:
                return wrap_scalar(primitive.impls[_ndarray](a, second))
    values = [a if type(a) is Array else as_value(a) for a in args]
    assert primitive.operand_dtypes is not None
    operands, result = primitive.operand_dtypes(
        tuple([v._data.dtype if type(v) is Array else kind_of(v) for v in values])
    )
    out = primitive.impls[_ndarray](*map(_operand, values, operands))
    if out.dtype is not result and out.dtype != result:
        out = out.astype(result)
    return wrap_scalar(out)


def _operand(a: Value, dtype: DType) -> Any:
    data = a._data if type(a) is Array else a
    if type(a) is Array and data.dtype is dtype and dtype.itemsize != 2:
        return data
    dtype = dtypes.float32 if dtype in dtypes.HALVES else dtype
    if type(a) is not Array:
        return np.asarray(a, dtype)
    return data if data.dtype == dtype else data.astype(dtype)


def _unary(primitive: Primitive, direct: frozenset[DType]) -> Function:
    impl = primitive.impls[np.ndarray]

    def call(x: Value, /) -> Any:
        if type(x) is Array:
            a = x._data
            if a.dtype in direct and _inspector() is None:
                try:
                    out = impl(a)
                except (TypeError, ValueError):
                    return bind(primitive, x)  # which tells what is wrong
                array: Array = _new(Array)
                array._data = out if type(out) is _ndarray else np.asarray(out)
                return array
        elif isinstance(x, Tracer):
            return x._trace.process(primitive, (x,), {})  # as `bind` does
        return bind(primitive, as_value(x))

    return _named(call, primitive)


def _binary(primitive: Primitive, direct: frozenset[DType]) -> Function:
    impl = primitive.impls[np.ndarray]
    with_scalar = direct & dtypes.NATIVE_INEXACT

    def call(x: Value, y: Value, /) -> Any:
        if type(x) is Array:
            a = x._data
            b: Any = y._data if type(y) is Array else y if type(y) is float or type(y) is int else None
            fits = (
                b is not None and a.dtype in direct and (b.dtype is a.dtype if b is not y else a.dtype in with_scalar)
            )
            if fits and _inspector() is None:
                try:
                    out = impl(a, b)
                except (TypeError, ValueError, ArithmeticError):
                    return bind(primitive, x, y)
                array: Array = _new(Array)
                array._data = out if type(out) is _ndarray else np.asarray(out)
                return array
        elif type(y) is Array and (type(x) is float or type(x) is int) and y._data.dtype in with_scalar:
            if _inspector() is not None:
                return bind(primitive, x, y)
            try:
                return wrap_scalar(impl(x, y._data))
            except (TypeError, ValueError, ArithmeticError):
                return bind(primitive, x, y)
        elif isinstance(x, Tracer) and (type(y) is float or type(y) is int or type(y) is Array or y is x):
            return x._trace.process(primitive, (x, y), {})  # as `bind` does
        return bind(primitive, as_value(x), as_value(y))

    return _named(call, primitive)


def _nary(primitive: Primitive, direct: frozenset[DType]) -> Function:
    def call(*args: Value) -> Any:
        return bind(primitive, *map(as_value, args))

    return _named(call, primitive)


_ARITIES: dict[int, Callable[[Primitive, frozenset[DType]], Function]] = {1: _unary, 2: _binary, 3: _nary}


def _named(call: Any, primitive: Primitive) -> Function:
    call.__name__ = call.__qualname__ = primitive.name
    call.__doc__ = f"Compute `{primitive.formula}`, element by element." if primitive.formula else None
    call.primitive = primitive
    return call  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- everything else


def custom(
    name: str,
    impl: Function,
    *,
    abstract: Function,
    vjp: Any,
    jvp: Any,
    batch: Any,
    holomorphic: bool = False,
    decompose: Function | None = None,
    fills: bool = True,
) -> Function:
    """Declare an operation by its own rules.

    `impl(*buffers, *, statics)` computes on NumPy arrays and returns one or a tuple; its parameter names are the names
    that rules may ask for. `vjp` is a tuple with one rule (or None) per array, or one rule for all that returns a tuple
    (always so when the arrays are variadic), or NO_DERIVATIVE. `jvp` likewise with tangents, or LINEAR, or DECOMPOSE.
    `batch` is LEADING, DECOMPOSE, NO_BATCHING, or `batch(batched, *args, **statics)` with every batch axis first.
    """
    args, statics, variadic = names_of(impl)
    if DECOMPOSE in (jvp, batch) and decompose is None:
        raise ValueError(f"{name}: its rules decompose it, but no decomposition is given")
    primitive = register(
        Primitive(
            name=name,
            impls={np.ndarray: impl},
            evaluate=evaluate_plain,
            abstract=abstract,
            batch=batch,
            vjp=_rules(name, vjp, args, statics, variadic),
            jvp=_rules(name, jvp, args, statics, variadic),
            args=args,
            statics=statics,
            variadic=variadic,
            holomorphic=holomorphic,
            decompose=decompose,
            fills=fills,
        )
    )

    def call(*args: Value, **params: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], Tracer):
            return args[0]._trace.process(primitive, args, params)  # as `bind` does
        if _inspector() is not None:
            return bind(primitive, *args, **params)
        buffers = []
        for a in args:
            if type(a) is not Array and a is not None:
                return bind(primitive, *args, **params)
            buffers.append(None if a is None else a._data)
        try:
            out = impl(*buffers, **params)
        except MinitorchError:
            raise
        except FAILURES as error:
            raise explained(primitive, args, params, error) from error
        return tuple(map(wrap_scalar, out)) if type(out) is tuple else wrap_scalar(out)

    return _named(call, primitive)


def _rules(name: str, rules: Any, args: tuple[str, ...], statics: tuple[str, ...], variadic: bool) -> Any:
    if isinstance(rules, Explicit):
        return rules
    if callable(rules):
        return rule(name, rules, args, statics)
    if len(rules) != len(args):
        raise ValueError(f"{name}: {len(rules)} rules for the arguments {args}")
    return tuple(rule(name, r, args, statics) if callable(r) else r for r in rules)


def linear(name: str, impl: Function, transpose: Function, *, abstract: Function, batch: Any = LEADING) -> Function:
    """Declare an operation linear in its one array, with real coefficients: its tangent is itself."""
    return custom(name, impl, abstract=abstract, vjp=(transpose,), jvp=LINEAR, batch=batch)


def bilinear(
    name: str, impl: Function, transpose_x: Function, transpose_y: Function, *, abstract: Function, batch: Any = LEADING
) -> Function:
    """Declare an operation linear in each of its two arrays."""
    return custom(
        name, impl, abstract=abstract, vjp=(transpose_x, transpose_y), jvp=LINEAR, batch=batch, holomorphic=True
    )


def primitive_of(function: Function) -> Primitive:
    """Return the primitive behind a function made by a family."""
    return function.primitive  # type: ignore[attr-defined, no-any-return]


__all__ = [
    "ALIGNED",
    "LEADING",
    "as_array",
    "as_value",
    "bilinear",
    "broadcast_shapes",
    "custom",
    "elementwise",
    "linear",
    "primitive_of",
]
