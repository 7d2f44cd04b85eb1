"""Functions about dtypes, and the dtypes that functions give."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import minitorch as mt
import minitorch.numpy as mnp
from minitorch.core import dtypes
from minitorch.core.array import Array
from minitorch.core.errors import DTypeError

ALL = [d for d in dtypes.ALL if d != dtypes.bfloat16]


def test_limits() -> None:
    for dtype in (mnp.float16, mnp.float32, mnp.float64):
        ours, theirs = mnp.finfo(dtype), np.finfo(dtype)
        assert (ours.bits, ours.eps, ours.max, ours.min) == (theirs.bits, theirs.eps, theirs.max, theirs.min)
        assert ours.smallest_normal == ours.tiny == theirs.smallest_normal
    assert mnp.finfo(mnp.complex64).dtype == mnp.float32 and mnp.finfo(mnp.bfloat16).bits == 16
    assert mnp.finfo(Array([1.0])).bits == 32
    assert (mnp.iinfo("uint8").max, mnp.iinfo(mnp.int16).min, mnp.iinfo(int).bits) == (255, -32768, 64)
    with pytest.raises(DTypeError, match="iinfo"):
        mnp.finfo(int)
    with pytest.raises(DTypeError, match="finfo"):
        mnp.iinfo(float)


TRANSFORMS = {
    "grad": lambda f: mt.grad(f),
    "jvp": lambda f: lambda x: mt.jvp(f, (x,), (x,))[1],
    "vmap": lambda f: lambda x: mt.vmap(f)(mnp.stack([x, x]))[0],
    "jit": lambda f: mt.jit(f),
    "linearize": lambda f: lambda x: mt.linearize(f, x)[1](x),
    "scan": lambda f: lambda x: mt.lax.scan(lambda c, _: (f(c), None), x, length=1)[0],
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_ndarray_is_what_is_traced_too(name: str) -> None:
    """A program that asks takes the same way inside a transform as outside."""
    x = Array(1.5)
    found = TRANSFORMS[name](lambda x: x * 2.0 if isinstance(x, mnp.ndarray) else x * 3.0)(x)
    assert found.item() == TRANSFORMS[name](lambda x: x * 2.0)(x).item()


def test_ndarray_is_for_asking() -> None:
    assert isinstance(Array(1.5), mnp.ndarray) and issubclass(mt.Array, mnp.ndarray)
    assert not any(isinstance(x, mnp.ndarray) for x in (1.5, [1.5], np.ones(2), mnp.float32))
    with pytest.raises(TypeError, match=r"numpy\.ndarray: .*array\(\.\.\.\)"):
        mnp.ndarray((2, 3))


@pytest.mark.parametrize(("a", "b"), list(itertools.product(ALL, ALL)))
def test_promotion_within_a_kind_is_numpys(a: np.dtype, b: np.dtype) -> None:
    mixed = {a, b} & {dtypes.uint64} and (a in dtypes.SIGNED or b in dtypes.SIGNED)
    if mixed:
        with pytest.raises(DTypeError, match="common"):
            mnp.promote_types(a, b)
        assert not mnp.can_cast(a, b)
        return
    found = mnp.promote_types(a, b)
    assert found == mnp.result_type(a, b) == mnp.result_type(mnp.zeros(2, a), b) == mnp.promote_types(b, a)
    assert mnp.can_cast(a, b) == (found == b)
    if dtypes.rank(a) == dtypes.rank(b):
        assert found == np.promote_types(a, b)
    assert mnp.add(mnp.zeros(2, a), mnp.zeros(2, b)).dtype == found


def test_python_numbers_give_way() -> None:
    assert mnp.result_type(mnp.float16, 3.0, 2) == mnp.float16
    assert mnp.result_type(mnp.int8, 3) == mnp.int8
    assert mnp.result_type(mnp.int8, 3.0) == mnp.float32
    assert mnp.result_type(1, 2.0) == mnp.float32
    assert mnp.where(mnp.array([True]), mnp.float16.type(1), 2.0).dtype == mnp.float16
    for function in (mnp.add, mnp.maximum, mnp.arctan2, mnp.logaddexp, mnp.fmax, mnp.heaviside, mnp.isclose):
        out = function(mnp.zeros(2, "float16"), 0.5)
        assert out.dtype in (mnp.float16, mnp.bool_)
    # In full precision: the number is not rounded to float32 on the way.
    x = mnp.array(np.array([0.1, 0.2]))
    assert mnp.searchsorted(x, 0.1).item() == 0
    assert mnp.isin(x, 0.1).tolist() == [True, False]
    assert mnp.append(x, 0.1)[2].item() == 0.1
    assert mnp.gradient(x, 0.1)[0].item() == np.gradient(np.array([0.1, 0.2]), 0.1)[0]
    assert mnp.quantile(x, 0.1).item() == np.quantile([0.1, 0.2], 0.1)
    assert mnp.put_along_axis(x, mnp.array([0]), 0.3, 0, inplace=False)[0].item() == 0.3
    assert mnp.insert(x, 0, 0.3)[0].item() == 0.3
    assert mnp.interp(0.15, x, x).item() == pytest.approx(0.15, abs=1e-15)
    assert mnp.polyval(x, 0.1).item() == np.polyval([0.1, 0.2], 0.1)


def test_kinds() -> None:
    assert mnp.isdtype(mnp.float32, "real floating") and not mnp.isdtype(mnp.float32, "complex floating")
    assert mnp.isdtype(mnp.int8, ("bool", "signed integer")) and mnp.isdtype("uint8", "integral")
    assert mnp.isdtype(mnp.bfloat16, "numeric") and mnp.isdtype(mnp.int64, mnp.int64)
    with pytest.raises(ValueError, match="kind"):
        mnp.isdtype(mnp.int8, "floats")
    assert mnp.issubdtype(mnp.float32, mnp.floating) and mnp.issubdtype(mnp.bfloat16, mnp.inexact)
    assert not mnp.issubdtype(mnp.bfloat16, mnp.integer) and not mnp.issubdtype(mnp.int8, mnp.floating)
    assert mnp.iscomplexobj(mnp.array([1j])) and mnp.iscomplexobj(1j) and mnp.isrealobj([1.0])
    assert mnp.isscalar(1) and mnp.isscalar(Array(1.0)) and not mnp.isscalar(Array([1.0]))


def test_integers_become_the_default_float() -> None:
    i = mnp.array([1, 2, 3])
    for name in ("sin", "exp", "log", "sqrt", "mean", "var", "std", "median", "cbrt", "i0", "sinc", "deg2rad"):
        assert getattr(mnp, name)(i).dtype == mnp.float32, name
    for name in ("det", "inv"):
        assert getattr(mnp.linalg, name)(mnp.eye(2, dtype=int)).dtype == mnp.float32
    assert mnp.sum(mnp.array([200, 100], "uint8")).dtype == mnp.uint64 and mnp.sum(i).dtype == mnp.int64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_stay(dtype: str) -> None:
    x = mnp.array([0.5, 1.5, 2.5], dtype)
    for name in (
        "sin", "exp", "cbrt", "i0", "sinc", "mean", "std", "median", "sort", "cumsum", "diff", "gradient", "nan_to_num",
        "nanmean", "unwrap", "trapezoid",
    ):  # fmt: skip
        assert getattr(mnp, name)(x).dtype == mnp.dtype(x.dtype), name
    assert mnp.fft.fft(x).dtype == mnp.complex64
    with pytest.raises(DTypeError, match="half"):
        mnp.linalg.inv(mnp.eye(2, dtype=dtype))


def test_default_float_follows() -> None:
    before = mt.get_default_dtype()
    mt.set_default_dtype(mnp.float64)
    try:
        assert mnp.zeros(2).dtype == mnp.linspace(0, 1, 3).dtype == mnp.array([1.0]).dtype == mnp.float64
        assert mnp.mean(mnp.array([1, 2])).dtype == mnp.float64
    finally:
        mt.set_default_dtype(before)


SCALARS = [getattr(mnp, dtypes.name(dtype) if dtype != dtypes.bool_ else "bool_") for dtype in dtypes.ALL]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_type_is_called_and_stands_for_its_dtype(scalar):
    dtype = scalar.dtype
    assert scalar == dtype and dtype == scalar and hash(scalar) == hash(dtype) and {scalar: 1}[dtype] == 1
    assert np.dtype(scalar) is np.dtype(dtype) and mnp.zeros(2, scalar).dtype == scalar == mnp.zeros(2, dtype).dtype
    assert (scalar != dtype) is False and scalar != (mnp.int8 if scalar == mnp.uint8 else mnp.uint8)
    assert pickle.loads(pickle.dumps(scalar)) == scalar and scalar.itemsize == dtype.itemsize
    for x, made in ((1, scalar(1)), ([0, 1], scalar([0, 1])), (mnp.array([1.0]), scalar(mnp.array([1.0])))):
        assert made.dtype == dtype and made.tolist() == np.asarray(x).astype(dtype).tolist()
    assert scalar().tolist() == dtype.type(0) and mt.jit(scalar)(mnp.array(1.0)).dtype == scalar
    assert mt.jit(lambda x, d: x.astype(d), static_argnums=1)(mnp.array(1), scalar).dtype == scalar
