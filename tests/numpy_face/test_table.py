"""Every name of `minitorch.numpy`, every check: NumPy's result, the dtypes, jax.numpy's result, derivatives, vmap, jit."""

from __future__ import annotations

import doctest
import inspect
import re
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.numpy as mnp
from minitorch.core import dtypes, tree
from minitorch.core.array import Array
from minitorch.core.errors import JitError, MinitorchError, UnsupportedError
from minitorch.test_util import check_grads

from .table import REASONS, TABLES, Row

ALL = [
    pytest.param(place, one, id=f"{place}.{one.name}-{i}")
    for place, rows in TABLES.items()
    for i, one in enumerate(rows)
]


def rows(wanted: Any) -> Any:
    return pytest.mark.parametrize(("place", "row"), [p for p in ALL if wanted(p.values[1])])


def function(place: str, row: Row) -> Any:
    return getattr(getattr(mnp, place) if place else mnp, row.name)


def ours(x: Any, dtype: Any = None) -> Any:
    """Return arguments with our arrays in the place of NumPy's, floats in a dtype; our functions in that of NumPy's."""
    if isinstance(x, np.ndarray):
        given = {None: None, "float32": {"f": "float32", "c": "complex64"}.get(x.dtype.kind)}[dtype]
        return Array(x, given)
    if isinstance(x, (list, tuple)):
        return type(x)(ours(part, dtype) for part in x)
    if isinstance(x, dict):
        return {k: ours(v, dtype) for k, v in x.items()}
    return getattr(mnp, x.__name__) if is_numpys(x) else x


def is_numpys(x: Any) -> bool:
    return callable(x) and getattr(np, getattr(x, "__name__", ""), None) is x


def oracle(place: str, row: Row) -> Any:
    numpys = row.oracle or getattr(getattr(np, place) if place else np, row.name, None)
    if numpys is None:  # a name that NumPy got later than the oldest release that is supported
        pytest.skip(f"NumPy {np.__version__} has no {row.name}")
    with np.errstate(all="ignore"):
        return numpys(*row.args, **row.params)


def leaves(out: Any) -> list[Any]:
    return [np.asarray(x) for x in tree.leaves(out if not isinstance(out, list) else tuple(out))]


def same(row: Row, found: Any, wanted: Any, rtol: float) -> None:
    a, b = leaves(row.outputs(found)), leaves(row.outputs(wanted))
    assert len(a) == len(b), f"{len(a)} results against {len(b)}"
    for x, y in zip(a, b):
        assert x.shape == y.shape
        assert x.dtype != object
        scale = np.max(np.abs(y), where=np.isfinite(y), initial=0) if y.dtype.kind in "fc" else 0
        np.testing.assert_allclose(x.astype(y.dtype) if y.dtype.kind == "b" else x, y, rtol, rtol * float(scale))


@rows(lambda row: True)
def test_equals_numpy(place: str, row: Row) -> None:
    found = function(place, row)(*ours(row.args), **ours(row.params))
    wanted = oracle(place, row)
    makes = not any(isinstance(x, np.ndarray) for x in tree.leaves((row.args, row.params)))
    same(row, found, wanted, max(row.rtol, 1e-6) if makes else row.rtol)
    for x in tree.leaves(found):
        assert isinstance(x, (Array, bool, int, float, str)), type(x)


@rows(
    lambda row: (
        row.narrow and any(getattr(x, "dtype", np.dtype(int)).kind in "fc" for x in tree.leaves((row.args, row.params)))
    )
)
def test_float32_stays(place: str, row: Row) -> None:
    found = function(place, row)(*ours(row.args, "float32"), **ours(row.params, "float32"))
    assert not {x.dtype for x in tree.leaves(found) if isinstance(x, Array)} & {dtypes.float64, dtypes.complex128}
    same(row, found, oracle(place, row), max(row.rtol, 2e-4))


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore")
@rows(lambda row: row.jax and row.narrow)
def test_equals_jax(place: str, row: Row) -> None:
    jnp = pytest.importorskip("jax.numpy")
    theirs = getattr(getattr(jnp, place) if place else jnp, row.name)
    convert = lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x  # noqa: E731
    args, params = tree.map(convert, (row.args, row.params))
    args = ours_to(jnp, args, row.name in WITHOUT_LISTS)
    params = {k: v for k, v in params.items() if k != "stable"} if row.name == "argsort" else params
    found = function(place, row)(*ours(row.args, "float32"), **ours(row.params, "float32"))
    same(row, found, theirs(*args, **params), max(row.rtol, 5e-4))


WITHOUT_LISTS = ("delete", "insert", "repeat")  # jax.numpy takes arrays in their place


def ours_to(jnp: Any, args: Any, convert_lists: bool) -> Any:
    """Return arguments with JAX's functions in the place of NumPy's, and arrays in that of lists."""
    args = (getattr(jnp, x.__name__) if is_numpys(x) else x for x in args)
    return tuple(jnp.asarray(x) if convert_lists and isinstance(x, list) else x for x in args)


def arrays_of(row: Row, kinds: str = "fc") -> tuple[list[np.ndarray], Any]:
    """Return the arrays among the arguments, and how to call the function with others in their place."""
    full = (row.args, row.params)
    flat, structure = tree.flatten(full)
    places = [i for i, x in enumerate(flat) if isinstance(x, np.ndarray) and x.dtype.kind in kinds]

    def build(xs: Any) -> Any:
        rest = [ours(x) for x in flat]
        for i, x in zip(places, xs, strict=True):
            rest[i] = x
        return tree.unflatten(structure, rest)

    return [flat[i] for i in places], build


@rows(lambda row: row.grad)
def test_derivatives(place: str, row: Row) -> None:
    arrays, build = arrays_of(row)

    def call(*xs: Any) -> Any:
        args, params = build(xs)
        return function(place, row)(*args, **params)

    assert arrays
    check_grads(call, tuple(map(Array, arrays)), order=1, rtol=1e-5)


@rows(lambda row: row.vmap and arrays_of(row, "fciu")[0])
def test_vmap_is_a_loop(place: str, row: Row) -> None:
    arrays, build = arrays_of(row, "fciu")

    def call(*xs: Any) -> Any:
        args, params = build(xs)
        return tuple(tree.leaves(tuple_of(function(place, row)(*args, **params))))

    examples = [arrays, [np.flip(x) if x.ndim == 1 and row.name not in KEEPS_ORDER else x for x in arrays]]
    batch = [Array(np.stack(xs)) for xs in zip(*examples)]
    found = mt.vmap(call)(*batch)
    for k, example in enumerate(examples):
        wanted = call(*map(Array, example))
        for x, y in zip(found, wanted, strict=True):
            same(row_of_parts(row), x.numpy()[k], y.numpy() if hasattr(y, "numpy") else y, 1e-9)


# Their vectors must rise, or must stay what they are.
KEEPS_ORDER = ("searchsorted", "digitize", "interp", "histogram", "histogram2d", "poly", "roots", "ravel_multi_index")


def row_of_parts(row: Row) -> Row:
    """Return the row without what fixes a whole result before it is compared."""
    return Row(row.name, row.args, row.params)


def tuple_of(out: Any) -> Any:
    return tuple(out) if isinstance(out, list) else out


@rows(lambda row: row.jit and arrays_of(row, "fciub")[0])
def test_jit_is_eager(place: str, row: Row) -> None:
    arrays, build = arrays_of(row, "fciub")

    def call(*xs: Any) -> Any:
        args, params = build(xs)
        return tuple(x for x in tree.leaves(tuple_of(function(place, row)(*args, **params))) if not isinstance(x, str))

    values = list(map(Array, arrays))
    for x, y in zip(mt.jit(call)(*values), call(*values), strict=True):
        same(row_of_parts(row), x, y, 1e-6)
        assert np.asarray(x).dtype == np.asarray(y).dtype


# --------------------------------------------------------------------------- nothing escapes


def names() -> list[tuple[str, str]]:
    return [(place, name) for place in TABLES for name in (getattr(mnp, place).__all__ if place else mnp.__all__)]


def test_there_are_many_names() -> None:
    assert len(names()) >= 400
    assert len(set(mnp.__all__)) == len(mnp.__all__)


@pytest.mark.parametrize(("place", "name"), names())
def test_every_name_has_a_row_or_a_reason(place: str, name: str) -> None:
    known = {row.name for row in TABLES[place]}
    assert (name in known) != (name in REASONS and (not place or name == "LinAlgError"))
    public = getattr(getattr(mnp, place) if place else mnp, name)
    if inspect.isroutine(public):
        assert ">>> " in (public.__doc__ or ""), f"{name} has no example"
        assert not re.search(r">>> .*\n\s*(>>>.*\n\s*)*$", inspect.cleandoc(public.__doc__) + "\n"), "prints nothing"


@pytest.mark.parametrize("name", ["mgrid", "ogrid"])
def test_grids(name: str) -> None:
    grid, numpys = getattr(mnp, name), getattr(np, name)
    for key in (np.s_[0:3], np.s_[0:2, 1:4], np.s_[-1:1:5j], np.s_[0:1:0.25, 0:2]):
        for x, y in zip(leaves(grid[key]), leaves(numpys[key]), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)
    example = doctest.DocTestParser().get_doctest(grid.__doc__, {"mnp": mnp}, name, None, None)
    assert not doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed


def test_vectorize() -> None:
    x, y = np.arange(6.0).reshape(2, 3), np.array([[1.0], [2.0]])
    np.testing.assert_array_equal(mnp.vectorize(lambda a, b: a * b + a)(Array(x), Array(y)).numpy(), x * y + x)
    product = mnp.vectorize(mnp.dot, signature="(n,m),(m)->(n)")
    a, b = np.arange(24.0).reshape(4, 1, 2, 3), np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(product(Array(a), Array(b)).numpy(), np.einsum("abij,bj->abi", np.repeat(a, 2, 1), b))
    two = mnp.vectorize(lambda x: (x.sum(), x.max()), signature="(n)->(),()")(Array(x))
    assert [t.tolist() for t in two] == [[3.0, 12.0], [2.0, 5.0]]
    assert mnp.vectorize(lambda x, n: x * n, excluded={1})(Array(x), 3).tolist() == (x * 3).tolist()
    with pytest.raises(ValueError, match="sizes 3 and 4"):
        product(Array(a), Array(np.ones((2, 4))))
    with pytest.raises(ValueError, match="no signature"):
        mnp.vectorize(mnp.dot, signature="n,m->")


DEPENDING: list[Any] = [
    lambda x: x[x > 0],
    lambda x: mnp.nonzero(x),
    lambda x: mnp.argwhere(x),
    lambda x: mnp.unique(x),
    lambda x: mnp.compress(x > 0, x),
    lambda x: mnp.setdiff1d(x, x),
    lambda x: mnp.where(x > 0),
]


@pytest.mark.parametrize("call", DEPENDING, ids=range(len(DEPENDING)))
def test_shapes_that_depend_on_data_are_refused_with_the_advice(call: Any) -> None:
    x = Array([1.0, -1.0, 2.0])
    with pytest.raises(JitError, match="size="):
        mt.jit(lambda x: call(x))(x)
    with pytest.raises(UnsupportedError, match="size="):
        mt.vmap(lambda x: call(x))(mnp.stack([x, x]))


BAD: list[tuple[Any, str]] = [
    (lambda x: mnp.reshape(x, (4,)), "reshape"),
    (lambda x: mnp.concatenate([]), "concatenate"),
    (lambda x: mnp.arange(0, 1, 0), "step is 0"),
    (lambda x: mnp.linspace(0, 1, -1), "num"),
    (lambda x: mnp.take(x, mnp.array([9])), "take"),
    (lambda x: mnp.put(x, [0], [1.0]), "inplace=False"),
    (lambda x: mnp.max(mnp.zeros((0,))), "no elements"),
    (lambda x: mnp.quantile(x, 0.5, method="weird"), "linear, lower"),
    (lambda x: mnp.interp(x, x, x[:2]), "vectors of one length"),
    (lambda x: mnp.gradient(x[:1]), "at least 2"),
    (lambda x: mnp.pad(x, 1, mode="spam"), "mode must be one of"),
    (lambda x: mnp.pad(x, 1, mode="edge", constant_values=1), "does not take constant_values"),
    (lambda x: mnp.select([x > 0], []), "conditions"),
    (lambda x: mnp.fft.fft(x, 0), "positive"),
    (lambda x: mnp.fft.rfft(x * 1j), "takes reals"),
    (lambda x: mnp.linalg.inv(mnp.ones((2, 2))), "singular"),
    (lambda x: mnp.linalg.norm(x, "fro", axis=0), "matrices"),
    (lambda x: mnp.cross(mnp.ones(4), mnp.ones(4)), "2 or 3"),
    (lambda x: mnp.einsum("ij->i", x), "einsum"),
    (lambda x: mnp.gcd(x, 2), "integers"),
    (lambda x: mnp.sum(x, out=x), "out="),
    (lambda x: mnp.searchsorted(mnp.ones((2, 2)), x), "vector"),
    (lambda x: mnp.bincount(mnp.array([-1])), "counts integers from 0"),
    (lambda x: mnp.histogram(x, "auto"), "rule"),
    (lambda x: mnp.polyfit(x, x[:2], 1), "polyfit"),
    (lambda x: mnp.unpackbits(x), "uint8"),
    (lambda x: mnp.where(x > 0, x), "missing"),
    (lambda x: mnp.partition(x, 7), "out of range"),
]


@pytest.mark.parametrize(("call", "text"), BAD)
def test_errors_say_what_is_wrong(call: Any, text: str) -> None:
    with pytest.raises(MinitorchError, match=re.escape(text)):
        call(Array([1.0, -1.0, 2.0]))
