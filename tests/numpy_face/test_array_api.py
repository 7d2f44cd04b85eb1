"""The Python Array API standard: names and signatures, and results beside array_api_strict, on hypothesis's arrays."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import minitorch.numpy as mnp
from minitorch.core.array import Array

strict = pytest.importorskip("array_api_strict")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    xps = make_strategies_namespace(mnp, api_version="2024.12")

KINDS = {
    "bool": ["bool"],
    "integer": ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
    "real": ["float32", "float64"],
    "complex": ["complex64", "complex128"],
}
NUMERIC = ("integer", "real", "complex")
SHAPES = st.sampled_from([(), (3,), (2, 3), (0,), (2, 0), (1, 4)])

ONE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ceil", "floor", "trunc"), ("integer", "real")),
    **dict.fromkeys(("sign", "abs", "negative", "positive", "square", "round"), NUMERIC),
    **dict.fromkeys(
        ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1", "log", "log1p", "log2", "log10",
         "sin", "sinh", "sqrt", "tan", "tanh", "reciprocal"), ("real",)),
    **dict.fromkeys(("isfinite", "isinf", "isnan"), NUMERIC),
    **dict.fromkeys(("real", "imag", "conj"), ("complex",)),
    "signbit": ("real",), "logical_not": ("bool",), "bitwise_invert": ("bool", "integer"),
    **dict.fromkeys(("sum", "prod", "cumulative_sum", "cumulative_prod"), NUMERIC),
    **dict.fromkeys(("max", "min", "argmax", "argmin", "sort", "argsort"), ("integer", "real")),
    **dict.fromkeys(("mean", "std", "var"), ("real",)),
    **dict.fromkeys(("all", "any", "count_nonzero", "flip", "matrix_transpose", "unique_values", "zeros_like",
                     "ones_like", "nonzero", "tril", "triu", "unique_counts", "unique_inverse"),
                    ("bool", *NUMERIC)),
    "diff": ("integer", "real"),
}  # fmt: skip
TWO: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("add", "subtract", "multiply"), NUMERIC),
    **dict.fromkeys(("divide", "atan2", "copysign", "hypot", "logaddexp", "nextafter"), ("real",)),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), ("bool", "integer")),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), ("bool",)),
    **dict.fromkeys(("equal", "not_equal"), ("bool", *NUMERIC)),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "maximum", "minimum"), ("integer", "real")),
    **dict.fromkeys(("floor_divide", "remainder", "pow"), ("real",)),
}  # fmt: skip


def small(dtype: str) -> Any:
    """Return bounds in which float32 neither overflows nor loses what is compared."""
    if dtype.startswith("float"):
        return {"min_value": -100.0, "max_value": 100.0, "allow_subnormal": False}
    if dtype.startswith("complex"):
        return st.complex_numbers(max_magnitude=100.0, allow_nan=False, width=64)
    return {} if dtype == "bool" else {"min_value": 0 if dtype[0] == "u" else -9, "max_value": 9}


def drawn(draw: Any, dtype: str, shape: Any) -> Array:
    kind = getattr(mnp, "bool_" if dtype == "bool" else dtype)
    return draw(xps.arrays(kind, shape, elements=small(dtype)))


def beside(name: str, *args: Array, **params: Any) -> None:
    """Apply our function and the strict one; both must agree, or both refuse."""
    theirs = [strict.asarray(np.array(x)) for x in args]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            wanted = getattr(strict, name)(*theirs, **params)
        except (ValueError, TypeError, IndexError):
            with pytest.raises((ValueError, TypeError, IndexError)):
                getattr(mnp, name)(*args, **params)
            return
    found = getattr(mnp, name)(*args, **params)
    pairs = zip(found, wanted, strict=True) if isinstance(wanted, tuple) else [(found, wanted)]
    for x, y in pairs:
        y = np.asarray(y)
        assert isinstance(x, Array)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        rtol = 1e-4 if y.dtype in (np.float32, np.complex64) else 1e-10
        order = np.sort if name == "unique_values" else np.asarray
        np.testing.assert_allclose(order(x.numpy()), order(y), rtol, 1e-4 if rtol == 1e-4 else 1e-8)


def applied(names: dict[str, tuple[str, ...]], count: int) -> Any:
    @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def check(name: str, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(names[name]))
        shape = data.draw(SHAPES)
        dtypes = [data.draw(st.sampled_from(KINDS[kind])) for _ in range(count)]
        if {"uint64"} & set(dtypes) and any(d[0] == "i" for d in dtypes):
            return  # the standard leaves this pair open
        if not shape and name.startswith(("cumulative", "sort", "argsort")):
            return  # there is no axis
        beside(name, *(drawn(data.draw, d, shape) for d in dtypes))

    return check


@pytest.mark.parametrize("name", sorted(ONE))
def test_functions_of_one_array(name: str) -> None:
    applied(ONE, 1)(name=name)


@pytest.mark.parametrize("name", sorted(TWO))
def test_functions_of_two_arrays(name: str) -> None:
    applied(TWO, 2)(name=name)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_broadcasting(data: st.DataObject) -> None:
    shapes = data.draw(xps.mutually_broadcastable_shapes(2, max_dims=3, max_side=3))
    x, y = (drawn(data.draw, "float32", shape) for shape in shapes.input_shapes)
    beside("add", x, y)
    assert mnp.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_indexing(data: st.DataObject) -> None:
    x = drawn(data.draw, "int32", data.draw(xps.array_shapes(max_dims=3, max_side=4)))
    index = data.draw(xps.indices(x.shape, allow_newaxis=True))
    np.testing.assert_array_equal(x[index].numpy(), x.numpy()[index])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_axes_and_keepdims(data: st.DataObject) -> None:
    shape = data.draw(xps.array_shapes(min_dims=1, max_dims=3, max_side=3))
    x = drawn(data.draw, "float64", shape)
    axis = data.draw(st.none() | xps.valid_tuple_axes(len(shape), min_size=1))
    keepdims = data.draw(st.booleans())
    for name in ("sum", "prod", "mean", "max", "min", "std", "var", "all", "any"):
        beside(name, x, axis=axis, keepdims=keepdims)


def is_standard(name: str) -> bool:
    return not name.startswith("_") and "flags" not in name.lower() and name not in ("Device", "linalg", "fft")


NAMES = sorted(filter(is_standard, strict.__all__))
EXTENSIONS = [(place, n) for place in ("linalg", "fft") for n in sorted(getattr(strict, place).__all__)]


def test_nothing_of_the_standard_is_missing() -> None:
    assert not [n for n in NAMES if not hasattr(mnp, n)]
    assert not [(place, n) for place, n in EXTENSIONS if not hasattr(getattr(mnp, place), n)]
    assert len(NAMES) > 150


def functions() -> list[Any]:
    found = [("", n, getattr(strict, n)) for n in NAMES]
    found += [(place, n, getattr(getattr(strict, place), n)) for place, n in EXTENSIONS]
    return [pytest.param(place, n, f, id=f"{place}.{n}") for place, n, f in found if inspect.isfunction(f)]


@pytest.mark.parametrize(("place", "name", "theirs"), functions())
def test_signatures(place: str, name: str, theirs: Any) -> None:
    ours = inspect.signature(getattr(getattr(mnp, place) if place else mnp, name))
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for p in inspect.signature(theirs).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            positional += [None, None]
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            positional.append(None)
        elif p.kind is p.KEYWORD_ONLY:
            keywords[p.name] = None
    bound = ours.bind(*positional, **keywords)
    assert bound.arguments.keys() >= keywords.keys()


def test_attributes_of_arrays() -> None:
    theirs = {n for n in dir(strict.asarray([1.0])) if not n.startswith("_") or n.startswith("__")}
    others = ("__index__", "__int__", "__invert__", "__init__", "__iter__", "__init_subclass__")
    inplace = {n for n in theirs if n.startswith("__i") and n not in others}
    unknown = (
        theirs - set(dir(Array)) - inplace - {"__dict__", "__buffer__", "__static_attributes__", "__firstlineno__"}
    )
    assert not unknown
    x = Array([1, 2])
    before = x
    x += 1  # which rebinds the name
    assert (before.tolist(), x.tolist()) == ([1, 2], [2, 3])


def test_namespace_info() -> None:
    info = mnp.__array_namespace_info__()
    assert info.capabilities()["boolean indexing"] and info.capabilities()["data-dependent shapes"]
    assert info.default_device() == "cpu" and info.devices() == ["cpu"]
    assert info.default_dtypes()["real floating"] == mnp.float32
    theirs = strict.__array_namespace_info__()
    assert set(info.dtypes()) == set(theirs.dtypes())
    for kind in (
        "bool",
        "signed integer",
        "unsigned integer",
        "integral",
        "real floating",
        "complex floating",
        "numeric",
    ):
        assert set(info.dtypes(kind=kind)) == set(theirs.dtypes(kind=kind))
    assert mnp.__array_api_version__ == "2024.12"
    assert Array([1.0]).__array_namespace__(api_version="2024.12") is mnp
    with pytest.raises(ValueError, match="2024.12"):
        Array([1.0]).__array_namespace__(api_version="1999.12")


def test_dlpack() -> None:
    x = Array([[1.0, 2.0], [3.0, 4.0]])
    assert x.__dlpack_device__() == (1, 0)
    there = np.from_dlpack(x)
    np.testing.assert_array_equal(there, x.numpy())
    there[0, 0] = 9.0  # a copy
    assert x[0, 0].item() == 1.0
    data = np.array([1.0, 2.0])
    back = mnp.from_dlpack(data)
    data[0] = 9.0
    assert back.tolist() == [1.0, 2.0]
    with pytest.raises(BufferError, match="copy=False"):
        x.__dlpack__(copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        mnp.from_dlpack(data, copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        mnp.asarray(data, copy=False)
    assert mnp.asarray(x, copy=False) is x
    assert x.to_device("cpu") is x
