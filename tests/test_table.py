"""Every operation, every check: the rows of `tests/rows` times the functions below.

A failing test's name says what failed: `test_vjp[exp-0]` is the reverse derivative of row `exp`, case 0.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitorch.core.ops
from minitorch.core import dtypes, tree
from minitorch.core.array import Array, wrap
from minitorch.core.errors import MinitorchError, UnsupportedError
from minitorch.core.jvp import JVPTrace
from minitorch.core.primitive import NO_BATCHING, PRIMITIVES, Primitive, bind
from minitorch.core.tracer import Trace, Tracer, aval_of, avals_of
from minitorch.core.transforms import jvp, vjp, vmap
from minitorch.test_util import check_grads, check_jvp, check_vjp

from . import rows
from .rows import Case, Row

for module in pkgutil.iter_modules(minitorch.core.ops.__path__):
    importlib.import_module(f"minitorch.core.ops.{module.name}")

MODULES = [importlib.import_module(f"{rows.__name__}.{m.name}") for m in pkgutil.iter_modules(rows.__path__)]
ROWS: list[Row] = [row for module in MODULES for row in module.ROWS]

# Relative precision to expect of a result in each dtype: a few units of its last place, times what sums lose.
PRECISION = {"float16": 1e-2, "bfloat16": 8e-2, "float32": 2e-5, "complex64": 2e-5}
INTEGER_LIMITS = {"bool": (0, 1), "int8": (-9, 9), "uint8": (0, 9)}


def table(
    wanted: Callable[[Row], bool], complex_too: bool = True, fits: Callable[[Row, Case], bool] = lambda row, case: True
) -> Any:
    """Parametrize a test over the cases that fit, of the rows that `wanted` picks."""
    params = []
    for row in ROWS:
        if wanted(row):
            cases = (*row.cases, *(row.complex_cases if complex_too else ()))
            params += [pytest.param(row, c, id=f"{row.name}-{i}") for i, c in enumerate(cases) if fits(row, c)]
    return pytest.mark.parametrize(("row", "case"), params)


def each_row(wanted: Callable[[Row], bool]) -> Any:
    """Parametrize a test over the rows that `wanted` picks."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if wanted(row)])


def build(row: Row, case: Case, seed: int = 0) -> list[Any]:
    """Make the arguments of a case, the same ones in every run."""
    built = case.build(np.random.default_rng(zlib.crc32(row.name.encode()) + seed))
    return [np.asarray(x) if callable(a) and np.isscalar(x) else x for x, a in zip(built, case.args)]


def oracle(row: Row, case: Case, args: list[Any]) -> Any:
    """Apply what the operation must equal. NumPy's complaints about infinities are no part of it."""
    with np.errstate(all="ignore"):
        return row.oracle(*args, **case.params)


def arrays(args: Any) -> Any:
    """Turn the NumPy arrays among the arguments into ours."""
    return tree.map(lambda x: Array(x) if isinstance(x, np.ndarray) else x, args)


def call(row: Row, case: Case, args: list[Any]) -> Any:
    """Apply the operation."""
    return row.function(*arrays(args), **case.params)


def numbers(out: Any) -> list[np.ndarray]:
    """Return the leaves of a result as NumPy arrays."""
    return [x.numpy() if isinstance(x, (Array, Tracer)) else np.asarray(x) for x in tree.leaves(out)]


def assert_same(found: Any, wanted: Any, rtol: float, what: str = "", outputs: Any = None) -> None:
    """Compare results leaf by leaf, NaN for NaN."""
    if outputs is not None:
        found, wanted = outputs(tree.map(_plain, found)), outputs(tree.map(_plain, wanted))
    a, b = numbers(found), numbers(wanted)
    assert len(a) == len(b), f"{what}: {len(a)} results against {len(b)}"
    for x, y in zip(a, b):
        assert x.shape == y.shape, f"{what}: shape {x.shape} against {y.shape}"
        wide = np.complex128 if x.dtype.kind == "c" or y.dtype.kind == "c" else np.float64
        exact = x.dtype.kind in "biu" and y.dtype.kind in "biu"
        x, y = (x, y) if exact else (x.astype(wide), y.astype(wide))
        largest = 0 if exact else np.max(np.abs(y), where=np.isfinite(y), initial=0)
        np.testing.assert_allclose(x, y, rtol, rtol * largest, err_msg=what)


def _plain(x: Any) -> Any:
    return x.numpy() if isinstance(x, (Array, Tracer)) else x


def is_finite(args: Any) -> bool:
    """Return whether finite differences can be taken at these arguments."""
    return all(np.isfinite(x).all() for x in numbers(args) if x.dtype.kind in "fc")


def differentiated(row: Row, case: Case, args: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Return the operation as a function of its differentiable arguments, and these."""
    chosen = [i for i, x in enumerate(args) if i not in row.nondiff and _has_floats(x)]

    def function(*inner: Any) -> Any:
        full = list(fixed)
        for i, x in zip(chosen, inner, strict=True):
            full[i] = x
        return row.function(*full, **case.params)

    fixed = arrays(args)
    function.__name__ = row.name
    return function, tuple(fixed[i] for i in chosen)


def _has_floats(x: Any) -> bool:
    return any(isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fc" for leaf in tree.leaves(x))


def problem(row: Row, case: Case) -> tuple[Any, tuple[Any, ...]]:
    """Return the function to differentiate and the point."""
    return differentiated(row, case, build(row, case))


def has_floats(row: Row, case: Case) -> bool:
    """Return whether there is an argument to differentiate in."""
    return bool(problem(row, case)[1])


def has_differences(row: Row, case: Case) -> bool:
    """Return whether there is one at which differences can be taken."""
    point = problem(row, case)[1]
    return bool(point) and is_finite(point)


# --------------------------------------------------------------------------- forward, shapes and dtypes


class Spy(Trace):
    """Evaluates each application one level down, and compares shape and dtype with what the primitive's rule says."""

    def __init__(self, level: int):
        super().__init__(level)
        self.seen: set[str] = set()

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values = [a.value if isinstance(a, SpyTracer) else a for a in args]
        out = bind(primitive, *values, **params)
        self.seen.add(primitive.name)
        if primitive.batch is NO_BATCHING:  # the shape depends on the data: there is no rule
            return tuple(SpyTracer(self, o) for o in out) if type(out) is tuple else SpyTracer(self, out)
        said = primitive.abstract(*map(avals_of, values), **params)
        for one, aval in zip(out if type(out) is tuple else (out,), said if isinstance(said, list) else _tuple(said)):
            have = aval_of(one)
            assert (have.shape, have.dtype) == (aval.shape, aval.dtype), (
                f"{primitive.name}({', '.join(map(str, map(avals_of, values)))}) with {params}: its shape rule says "
                f"{aval}, it returned {have}"
            )
        return tuple(SpyTracer(self, o) for o in out) if type(out) is tuple else SpyTracer(self, out)


def _tuple(x: Any) -> Any:
    return (x,) if hasattr(x, "dtype") else x


class SpyTracer(Tracer):
    """A value that a Spy watches."""

    __slots__ = ()

    def __init__(self, trace: Trace, value: Any):
        self._trace = trace
        self.value = value


def spied(row: Row, case: Case, args: list[Any]) -> tuple[Any, set[str]]:
    """Apply the operation under a Spy; return the result and the primitives that were applied."""
    spy = Spy(1)
    inner = tree.map(lambda x: SpyTracer(spy, Array(x)) if isinstance(x, np.ndarray) else x, args)
    out = row.function(*inner, **case.params)
    return tree.map(lambda x: x.value if isinstance(x, SpyTracer) else x, out), spy.seen


@table(lambda row: True)
def test_forward(row, case):
    args = build(row, case)
    assert_same(call(row, case, args), oracle(row, case, args), row.forward_rtol, row.name, row.outputs)


@table(lambda row: True)
def test_shape_and_dtype_rules(row, case):
    args = build(row, case)
    out, _ = spied(row, case, args)
    plain = call(row, case, args)
    assert [(x.shape, x.dtype) for x in tree.leaves(out)] == [(x.shape, x.dtype) for x in tree.leaves(plain)]


@table(lambda row: bool(row.dtypes), complex_too=False)
def test_dtypes(row, case):
    for name in row.dtypes:
        dtype = dtypes.canonical(name)
        args = [a if i in row.nondiff else cast(a, dtype) for i, a in enumerate(build(row, case))]
        out, _ = spied(row, case, args)
        plain = call(row, case, args)
        assert [x.dtype for x in tree.leaves(out)] == [x.dtype for x in tree.leaves(plain)], name
        if dtype in dtypes.INEXACT and any(x.dtype == dtype for x in tree.leaves(args) if isinstance(x, np.ndarray)):
            kept = {dtype, dtypes.real_of(dtype), dtypes.complex_of(dtype)}
            floats = {x.dtype for x in tree.leaves(plain) if x.dtype in dtypes.INEXACT}
            assert floats <= kept or "dtype" in case.params, f"{name} became {floats}"
        wide = tree.map(widen, args)
        if is_finite(wide):
            rtol = max(PRECISION.get(name, 2e-5), row.forward_rtol)
            assert_same(plain, oracle(row, case, wide), rtol, name, row.outputs)


def cast(args: Any, dtype: Any) -> Any:
    """Give the floats among the arguments another dtype, within the range of a small one."""
    return tree.map(lambda x: _cast(x, dtype) if isinstance(x, np.ndarray) and x.dtype.kind in "fc" else x, args)


def _cast(x: np.ndarray, dtype: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        if dtype in dtypes.INEXACT:
            return (x.real if dtype not in dtypes.COMPLEX else x).astype(dtype)
        low, high = INTEGER_LIMITS.get(dtypes.name(dtype), (-99, 99))
        return np.clip(np.nan_to_num(np.rint(x.real)), low, high).astype(dtype)


def widen(x: Any) -> Any:
    """Return what the oracle computes with: NumPy's widest type of the same kind."""
    if not isinstance(x, np.ndarray) or dtypes.rank(x.dtype) < 2:
        return x
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


# --------------------------------------------------------------------------- derivatives


@table(lambda row: row.grad, fits=has_differences)
def test_vjp(row, case):
    function, point = problem(row, case)
    check_vjp(function, point, rtol=row.rtol)


@table(lambda row: row.grad, fits=has_differences)
def test_jvp(row, case):
    function, point = problem(row, case)
    check_jvp(function, point, rtol=row.rtol)


@table(lambda row: row.grad, fits=has_floats)
def test_jvp_on_buffers(monkeypatch, row, case):
    function, point = problem(row, case)
    tangents = tree.map(lambda x: wrap(np.cos(np.arange(1.0, x.size + 1)).reshape(x.shape).astype(x.dtype)), point)
    found = jvp(function, point, tangents)
    monkeypatch.setattr(JVPTrace, "on_buffers", lambda *_: None)
    monkeypatch.setattr(JVPTrace, "linearly", lambda *_: None)
    wanted = jvp(function, point, tangents)
    assert_same(found[0], wanted[0], 1e-12)
    assert_same(found[1], wanted[1], 1e-12)


@table(lambda row: row.grad and row.order > 1, fits=has_differences)
def test_second_order(row, case):
    # With both modes, check_grads also tests the adjoint identity, to 1e-10, at each order.
    function, point = problem(row, case)
    check_grads(function, point, order=row.order, rtol=row.rtol, atol=1e-6)


@table(lambda row: row.grad, complex_too=False, fits=has_floats)
def test_gradient_keeps_dtype(row, case):
    for name in ("float32", *(d for d in row.dtypes if d in ("float16", "bfloat16"))):
        args = cast(build(row, case), dtypes.canonical(name))
        function, point = differentiated(row, case, args)
        if not point or any(x.dtype not in dtypes.REALS for x in tree.leaves(point)):
            continue
        out, pull = vjp(inexact_part(function), *point)
        grads = pull(tuple(Array(np.ones(x.shape), x.dtype) for x in out))
        assert [(g.shape, g.dtype) for g in tree.leaves(grads)] == [(x.shape, x.dtype) for x in tree.leaves(point)]


def inexact_part(function: Any) -> Any:
    """Return the function that returns only the floats among the results."""
    return lambda *xs: tuple(x for x in tree.leaves(function(*xs)) if x.dtype in dtypes.INEXACT)


# --------------------------------------------------------------------------- batching


def batched_places(args: list[Any]) -> list[int]:
    return [i for i, x in enumerate(args) if any(isinstance(leaf, np.ndarray) for leaf in tree.leaves(x))]


def batches(row: Row, case: Case, size: int = 3) -> list[list[Any]]:
    """Make several sets of arguments of the same shapes."""
    return [build(row, case, seed) for seed in range(size)]


def stacked(examples: list[Any], axis: int) -> Any:
    return tree.map(
        lambda *xs: np.stack(xs, _axis(axis, xs[0].ndim + 1)) if isinstance(xs[0], np.ndarray) else xs[0], *examples
    )


def _axis(axis: int, ndim: int) -> int:
    """Return the axis, or the nearest there is."""
    return max(-ndim, min(axis, ndim - 1))


def axes_of(x: Any, axis: int) -> Any:
    return tree.map(lambda leaf: _axis(axis, leaf.ndim + 1) if isinstance(leaf, np.ndarray) else None, x)


@table(lambda row: row.batch)
def test_vmap(row, case):
    examples = batches(row, case)
    places = batched_places(examples[0])
    plans = [({i: axis}, out) for i in places for axis, out in ((0, 0), (-1, -1))]
    plans.append(({i: (0, -1, 1)[k % 3] for k, i in enumerate(places)}, 0))
    for plan, out_axis in plans:
        compare_with_loop(row, case, examples, plan, out_axis)


def example(batch: Any, k: int, axes: Any) -> Any:
    """Take one example out of a tree of batches."""
    return tree.map(lambda x, axis: np.take(x.numpy(), k, axis), batch, axes)


def compare_with_loop(row: Row, case: Case, examples: list[list[Any]], plan: dict[int, int], out_axis: int) -> None:
    first = examples[0]
    args = [stacked([e[i] for e in examples], plan[i]) if i in plan else x for i, x in enumerate(first)]
    in_axes = tuple(axes_of(x, plan[i]) if i in plan else None for i, x in enumerate(first))
    rows_ = [call(row, case, [e[i] if i in plan else x for i, x in enumerate(first)]) for e in examples]
    out_axes = tree.map(lambda x: _axis(out_axis, x.ndim + 1), rows_[0])
    found = vmap(lambda *xs: row.function(*xs, **case.params), in_axes, out_axes)(*arrays(args))
    what = f"{row.name} batched in arguments {plan}, out axis {out_axis}"
    for k, wanted in enumerate(rows_):
        one = example(found, k, out_axes)
        assert [x.dtype for x in tree.leaves(one)] == [x.dtype for x in tree.leaves(wanted)], what
        assert_same(one, wanted, 1e-11, what, row.outputs)


@each_row(lambda row: not row.batch)
def test_vmap_refuses(row):
    args = build(row, row.cases[0])
    with pytest.raises(UnsupportedError, match=r"vmap|batch"):
        vmap(lambda *xs: row.function(*xs, **row.cases[0].params))(*arrays([np.stack([a, a]) for a in args]))


@table(lambda row: row.batch and row.grad, fits=has_floats)
def test_vmap_of_grad(row, case):
    examples = batches(row, case, 2)
    places = [i for i in batched_places(examples[0]) if i not in row.nondiff and _has_floats(examples[0][i])]

    def gradients(*xs: Any) -> Any:
        full = list(arrays(examples[0]))
        for i, x in zip(places, xs, strict=True):
            full[i] = x

        def function(*inner: Any) -> Any:
            for i, x in zip(places, inner, strict=True):
                full[i] = x
            return row.function(*full, **case.params)

        out, pull = vjp(inexact_part(function), *xs)
        rng = np.random.default_rng(5)
        return pull(tuple(Array(rng.standard_normal(x.shape)) for x in out))

    points = [[e[i] for i in places] for e in examples]
    found = vmap(gradients)(*arrays([stacked(list(xs), 0) for xs in zip(*points)]))
    for k, point in enumerate(points):
        wanted = gradients(*arrays(point))
        assert_same(example(found, k, tree.map(lambda x: 0, found)), wanted, 1e-9, row.name)


# --------------------------------------------------------------------------- memory layouts


def padded(x: np.ndarray) -> np.ndarray:
    """Every second element of a larger array."""
    whole = np.full((*x.shape[:-1], 2 * x.shape[-1]), 7, x.dtype)
    whole[..., ::2] = x
    return whole[..., ::2]


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "reversed": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "every second": padded,
    "repeated": lambda x: np.broadcast_to(x[..., :1].copy(), x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
}


def laid_out(layout: str, x: np.ndarray) -> np.ndarray:
    return LAYOUTS[layout](x) if x.ndim and x.size else x


def in_layout(layout: str, args: Any) -> tuple[Any, Any]:
    """Return the arguments in a layout, and the same values in C order."""
    odd = tree.map(lambda x: wrap(laid_out(layout, x)) if isinstance(x, np.ndarray) else x, args)
    plain = tree.map(lambda x: Array(np.array(x._data, order="C")) if isinstance(x, Array) else x, odd)
    return odd, plain


@table(lambda row: row.layouts)
def test_layouts(row, case):
    args = build(row, case)
    for layout in LAYOUTS:
        odd, plain = in_layout(layout, args)
        try:
            wanted = row.function(*plain, **case.params)
        except MinitorchError:  # repeated values may be outside the domain: a singular matrix
            assert layout == "repeated"
            continue
        before = [np.array(x._data) for x in tree.leaves(odd) if isinstance(x, Array)]
        assert_same(row.function(*odd, **case.params), wanted, 1e-11, f"{row.name}, {layout}", row.outputs)
        for x, y in zip((x for x in tree.leaves(odd) if isinstance(x, Array)), before):
            np.testing.assert_array_equal(x._data, y, f"{row.name} wrote to its argument")


@table(lambda row: row.layouts and row.grad, fits=has_floats)
def test_layouts_of_cotangent(row, case):
    function, point = problem(row, case)
    out, pull = vjp(inexact_part(function), *point)
    rng = np.random.default_rng(3)
    cotangent = [rng.standard_normal(x.shape).astype(x.dtype) for x in out]
    for layout in LAYOUTS:
        odd, plain = in_layout(layout, cotangent)
        assert_same(pull(tuple(odd)), pull(tuple(plain)), 1e-11, f"{row.name}, cotangent {layout}")


# --------------------------------------------------------------------------- special values


@each_row(lambda row: row.special is not None)
def test_special_values(row):
    case = row.cases[0]
    count = sum(isinstance(x, np.ndarray) for x in build(row, case))
    grid = np.meshgrid(*[np.array(row.special, np.float64)] * count, indexing="ij")
    args = [x.ravel() for x in grid]
    assert_same(call(row, case, args), oracle(row, case, args), row.forward_rtol, row.name)


# --------------------------------------------------------------------------- nothing escapes


def covered() -> Iterator[str]:
    for row in ROWS:
        yield from row.covers()


def test_every_primitive_has_a_row():
    missing = sorted(set(PRIMITIVES) - set(covered()))
    assert not missing, f"primitives without a row in tests/rows: {missing}"


def test_rows_name_primitives_that_exist():
    unknown = sorted({name for row in ROWS for name in row.primitives} - set(PRIMITIVES))
    assert not unknown, f"rows name primitives that are not registered: {unknown}"


def applied(row: Row) -> set[str]:
    """Return the primitives that a row's operation and its derivatives apply."""
    names: set[str] = set()
    for case in (*row.cases, *row.complex_cases):
        args = build(row, case)
        names |= spied(row, case, args)[1]
        function, point = differentiated(row, case, args)
        if row.grad and point:
            names |= applied_by_rules(function, point)
    return names


def applied_by_rules(function: Any, point: Any) -> set[str]:
    spy = Spy(1)
    out, pull = vjp(inexact_part(function), *tree.map(lambda x: SpyTracer(spy, x), point))
    pull(tuple(SpyTracer(spy, Array(np.ones(x.shape), x.dtype)) for x in out))
    return spy.seen


def test_rows_apply_the_primitives_they_answer_for():
    named = {name for row in ROWS for name in row.covers() if name in PRIMITIVES}
    reached = {name for row in ROWS for name in applied(row) if name in row.covers()}
    assert named == reached, f"no row that names them applies {sorted(named - reached)}"
