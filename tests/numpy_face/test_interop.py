"""Other libraries on our arrays: NumPy's own functions, array-api-compat, array-api-extra, einops, SciPy, scikit-learn."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.numpy as mnp
from minitorch.core import tree
from minitorch.core.array import Array
from minitorch.core.errors import ImmutableError
from minitorch.numpy.dispatch import tables

ROOT = Path(__file__).resolve().parents[2]
X = np.array([[1.0, -2.0, 3.5], [0.25, 5.0, -1.0]])

# --------------------------------------------------------------------------- NumPy's functions

CALLS: list[Callable[[Any], Any]] = [
    lambda x: np.exp(x),
    lambda x: np.add(x, 1),
    lambda x: np.add(1.0, x),
    lambda x: np.cbrt(x),
    lambda x: np.fmax(x, 0.5),
    lambda x: np.mean(x),
    lambda x: np.sum(x, axis=0, keepdims=True),
    lambda x: np.sum(x, out=None),
    lambda x: np.std(x, axis=1, ddof=1),
    lambda x: np.concatenate([x, x], axis=1),
    lambda x: np.stack([x, x]),
    lambda x: np.vstack([x, X]),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.einsum("ij,kj->ik", x, X),
    lambda x: np.clip(x, -1, 1),
    lambda x: np.sort(x, axis=0),
    lambda x: np.percentile(x, 30, axis=1),
    lambda x: np.linalg.norm(x, axis=1),
    lambda x: np.fft.rfft(x),
    lambda x: np.zeros_like(x),
    lambda x: np.full_like(x, 2),
    lambda x: np.split(x, 3, axis=1)[1],
    lambda x: np.frexp(x)[0],
    lambda x: np.diff(x),
    lambda x: np.tensordot(x, X, axes=2),
    lambda x: np.pad(x, 1),
    lambda x: np.clip(x, a_min=-1.0, a_max=None),
    lambda x: np.histogram(x.ravel(), 3, None, True)[0],
    lambda x: np.linalg.matrix_rank(x, 4.0),
    lambda x: np.zeros_like(x, None, "K", True, (2,)),
    lambda x: np.concatenate((x, x), 0, None),
    lambda x: np.real(val=x),
    lambda x: np.copy(x, order="K"),
    lambda x: np.allclose(x, X),
    lambda x: np.broadcast_arrays(x, 1.0)[1],
]


def calls() -> Any:
    return pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))


@calls()
def test_on_arrays(call: Any) -> None:
    found = call(Array(X))
    assert type(found) is Array
    np.testing.assert_allclose(found.numpy(), call(X), rtol=1e-12)


@calls()
def test_on_tensors(call: Any) -> None:
    found = call(mt.tensor(X))
    assert isinstance(found, mt.Tensor)
    np.testing.assert_allclose(found.numpy(), call(X), rtol=1e-12)


@calls()
def test_on_tracers(call: Any) -> None:
    x = Array(X)
    np.testing.assert_allclose(mt.jit(lambda x: call(x))(x).numpy(), call(X), rtol=1e-6)
    np.testing.assert_allclose(mt.vmap(lambda x: call(x))(mnp.stack([x, x])).numpy()[1], call(X), rtol=1e-10)


def test_gradients_pass_through_numpys_functions() -> None:
    g = mt.grad(lambda x: np.sum(np.sin(x) * np.mean(x)))(Array(X))
    np.testing.assert_allclose(g.numpy(), np.cos(X) * X.mean() + np.sin(X).sum() / X.size)
    t = mt.tensor(X, requires_grad=True)
    np.linalg.norm(np.concatenate([t, 2 * t])).backward()
    np.testing.assert_allclose(t.grad.numpy(), X * np.sqrt(5) / np.linalg.norm(X))


def test_every_pair_is_a_routine_of_numpys() -> None:
    assert len(tables()) > 300
    for numpys, ours in tables().items():
        assert callable(numpys) and callable(ours)


REFUSED: list[Callable[[Any], Any]] = [
    lambda x: np.sum(x, out=np.zeros(3)),
    lambda x: np.exp(x, out=np.zeros((2, 3))),
    lambda x: np.exp(x, where=X > 0),
    lambda x: np.add.reduce(x),
    lambda x: np.add.at(np.zeros((2, 3)), 0, x),
    lambda x: np.busday_count(x, x),
    lambda x: np.copyto(np.zeros((2, 3)), x),
    lambda x: np.mean(x, spam=1),
    lambda x: np.concatenate([x, x], 0, np.zeros((4, 3))),
    lambda x: np.quantile(x, 0.5, weights=abs(x), method="inverted_cdf"),
    lambda x: np.zeros_like(x, order="F"),
    lambda x: np.histogram(x, bins="auto"),
    lambda x: np.sort(x, order="field"),
    lambda x: np.put(x, [0], [1.0]),
    lambda x: np.add(np.array([None, None, None]), x),
]


@pytest.mark.parametrize("call", REFUSED, ids=range(len(REFUSED)))
@pytest.mark.parametrize("make", [Array, mt.tensor])
def test_what_cannot_be_answered_is_refused(call: Any, make: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        call(make(X))


# What makes NumPy's arrays of whatever it is given, and what reads numbers or shapes out of its arguments.
# Plotting libraries broadcast strings, too, beside which arrays become NumPy's.
CONVERTING = (
    "arange", "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray",
    "asmatrix", "bartlett", "blackman", "bmat", "broadcast_arrays", "diag_indices", "empty", "from_dlpack",
    "fromiter", "full", "hamming", "hanning", "identity", "indices", "kaiser", "ones", "require", "tri",
    "tril_indices", "triu_indices", "zeros",
)  # fmt: skip
SKIPPED = (
    "fromfile", "fromregex", "genfromtxt", "info", "load", "loadtxt", "printoptions", "save", "savetxt", "savez",
    "savez_compressed", "set_printoptions", "setbufsize", "seterr", "seterrcall", "show_config", "show_runtime",
    "test",
)  # fmt: skip
PLAIN = (bool, int, float, str, tuple, list, np.dtype, type(None))


def numpys_functions() -> dict[str, Callable[..., Any]]:
    places = (("", np), ("linalg.", np.linalg), ("fft.", np.fft), ("emath.", np.emath))
    names = ((f"{place}{n}", getattr(module, n)) for place, module in places for n in dir(module) if n[0] != "_")
    found = {n: f for n, f in names if callable(f) and not isinstance(f, type) and n.split(".")[-1] not in SKIPPED}
    ufuncs = [(n, f) for n, f in found.items() if isinstance(f, np.ufunc)]
    methods = ("accumulate", "at", "outer", "reduce", "reduceat")
    return found | {f"{n}.{method}": getattr(f, method) for n, f in ufuncs for method in methods}


FUNCTIONS = numpys_functions()
MATRIX, VECTOR = np.array([[1.0, 2.0], [0.5, 4.0]]), np.array([1, 2, 3])
TRIES: list[Callable[[Any], tuple[Any, ...]]] = [
    lambda x: (x,), lambda x: (x, x), lambda x: (x, x, x), lambda x: (x, 1), lambda x: (x, 0, 1), lambda x: (x, (0,)),
    lambda x: (x, (2, 2)), lambda x: (x, [0.5]), lambda x: (x, [1, 1]), lambda x: (x, [0, 1], x), lambda x: (x, 0, x),
    lambda x: (x, "f8"), lambda x: (x, [x]), lambda x: (x, x, 1), lambda x: (x, x == 1), lambda x: (x == 1, x),
    lambda x: (x, [x == 1], [5.0]),
]  # fmt: skip


@pytest.mark.parametrize("make", [Array, mt.tensor])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_answers_with_our_arrays_or_refuses(name: str, make: Any) -> None:
    for data in (MATRIX, VECTOR):
        for arguments in TRIES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found = FUNCTIONS[name](*arguments(make(data)))
                except Exception as error:
                    assert str(error)
                    continue
            for leaf in tree.leaves(found):
                if isinstance(leaf, np.ndarray):
                    assert name in CONVERTING and leaf.dtype != object
                assert isinstance(leaf, (Array, np.ndarray, *PLAIN)) and not isinstance(leaf, np.generic)


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match=r"numpy\.cov: .*dtype=.*minitorch\.numpy"):
        np.cov(Array(X), dtype="f4")


def test_printing_and_saving_happen_on_the_host(tmp_path: Path) -> None:
    x = Array(X)
    assert np.array_repr(x) == np.array_repr(X) and np.array2string(x) == np.array2string(X)
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X)
    np.testing.assert_allclose(x, X)


def test_the_namespace_loads_when_it_is_needed() -> None:
    code = (
        "import sys, numpy as np, minitorch as mt; x = mt.array([1.0]); np.exp(x); x + np.ones(1);"
        "assert 'minitorch.numpy' not in sys.modules; assert type(np.mean(x)) is mt.array;"
        "assert 'minitorch.numpy' in sys.modules and mt.numpy.sin is x.__array_namespace__().sin"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --------------------------------------------------------------------------- methods


METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "conj", "copy", "cumprod", "cumsum", "flatten", "max", "mean", "min",
    "prod", "ravel", "round", "squeeze", "std", "sum", "trace", "var",
)  # fmt: skip


def test_methods_that_users_of_jax_expect() -> None:
    x = Array(X)
    for name in METHODS:
        np.testing.assert_allclose(np.asarray(getattr(x, name)()), np.asarray(getattr(X, name)()))
    assert x.tobytes() == X.tobytes() and x.tolist() == X.tolist()
    assert (x.nbytes, x.itemsize, x.size, x.ndim) == (X.nbytes, X.itemsize, X.size, X.ndim)
    np.testing.assert_allclose(x.std(ddof=1).numpy(), X.std(ddof=1))
    np.testing.assert_allclose(x.var(axis=0, ddof=1, keepdims=True).numpy(), X.var(axis=0, ddof=1, keepdims=True))
    assert x.view("int64").tolist() == X.view("int64").tolist()
    assert Array([1.0, 2.0]).view("int8").shape == (8,)
    with pytest.raises(ValueError, match="whole number"):
        Array(np.zeros(3, "int8")).view("int16")
    with pytest.raises(TypeError, match="bools"):
        Array([True]).view("int8")
    assert x.astype("float32", copy=False, device="cpu").dtype == mnp.float32
    assert mt.jit(lambda x: x.view("int64") * x.itemsize + x.nbytes)(x).dtype == mnp.int64


# --------------------------------------------------------------------------- array-api-compat, array-api-extra


def test_array_api_compat() -> None:
    compat = pytest.importorskip("array_api_compat")
    x = Array(X)
    assert compat.array_namespace(x, x) is mnp
    assert compat.is_array_api_obj(x) and compat.device(x) == "cpu" and compat.size(x) == 6
    assert compat.to_device(x, "cpu") is x


EXTRA: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("atleast_nd", lambda xpx, x: xpx.atleast_nd(x, ndim=3)),
    ("cov", lambda xpx, x: xpx.cov(x)),
    ("kron", lambda xpx, x: xpx.kron(x, x)),
    ("nunique", lambda xpx, x: xpx.nunique(x)),
    ("setdiff1d", lambda xpx, x: xpx.setdiff1d(x, x[0])),
    ("sinc", lambda xpx, x: xpx.sinc(x)),
    ("one_hot", lambda xpx, x: xpx.one_hot(x.__array_namespace__().argmax(x, axis=1), 3)),
    ("partition", lambda xpx, x: xpx.partition(x, 1, axis=1)[:, 1]),
]


@pytest.mark.parametrize(("name", "call"), EXTRA)
def test_array_api_extra(name: str, call: Any) -> None:
    xpx = pytest.importorskip("array_api_extra")
    if not hasattr(xpx, name):
        pytest.skip(f"array-api-extra has no {name}")
    found, wanted = call(xpx, Array(X)), call(xpx, X)
    assert isinstance(found, Array)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)


def test_libraries_that_write_in_place_are_told_so() -> None:
    xpx = pytest.importorskip("array_api_extra")
    with pytest.raises(ImmutableError, match=r"x\.at\[index\]\.set"):
        xpx.at(Array(X))[0].set(1.0)


# --------------------------------------------------------------------------- einops

EINOPS: list[Callable[[Any, Any], Any]] = [
    lambda e, x: e.rearrange(x, "a b -> (b a)"),
    lambda e, x: e.rearrange([x, x], "n a b -> a b n"),
    lambda e, x: e.reduce(x, "a b -> a", "mean"),
    lambda e, x: e.reduce(x, "a (b c) -> a b", "max", c=3),
    lambda e, x: e.repeat(x, "a b -> a b c", c=2),
    lambda e, x: e.einsum(x, x, "a b, c b -> a c"),
    lambda e, x: e.pack([x, x], "* b")[0],
    lambda e, x: e.unpack(x, [[1], [1]], "* b")[1],
]


@pytest.mark.parametrize("call", EINOPS, ids=range(len(EINOPS)))
def test_einops(call: Any) -> None:
    einops = pytest.importorskip("einops")
    import minitorch.numpy.einops_backend  # noqa: F401

    wanted = call(einops, X)
    for found in (call(einops, Array(X)), mt.jit(lambda x: call(einops, x))(Array(X)), call(einops, mt.tensor(X))):
        np.testing.assert_allclose(found.numpy(), wanted)
    one = mt.grad(lambda x: mnp.sum(call(einops, x) ** 2))(Array(X))
    assert one.shape == X.shape
    assert isinstance(call(einops, mt.tensor(X)), mt.Tensor)


def test_einops_by_the_array_api() -> None:
    einops = pytest.importorskip("einops.array_api")
    assert einops.rearrange(Array(X), "a b -> b a").shape == (3, 2)
    np.testing.assert_allclose(einops.reduce(Array(X), "a b -> b", "sum").numpy(), X.sum(0))


# --------------------------------------------------------------------------- SciPy, scikit-learn

SCIPY = """
import numpy as np, scipy.special as sp, scipy.stats as st, scipy.fft as sf, scipy.integrate as si, scipy.signal as ss
import minitorch as mt
data = np.array([[0.5, 1.5, 3.0], [2.0, 0.25, 1.0]])
calls = [
    lambda x: sp.softmax(x, axis=1), sp.expit, sp.erf, lambda x: sp.xlogy(x, x), sp.gammaln, sp.entr,
    lambda x: st.skew(x, axis=1), st.gmean, st.sem, lambda x: st.entropy(x[0]), sf.fft, sf.rfft,
    si.trapezoid, si.cumulative_trapezoid, ss.detrend,
]
for i, call in enumerate(calls):
    found = call(mt.array(data))
    assert type(found) is mt.array, i
    np.testing.assert_allclose(found.numpy(), call(data), rtol=1e-9, err_msg=str(i))
"""
SKLEARN = """
import numpy as np, sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, mean_squared_error
import minitorch as mt
rng = np.random.default_rng(0)
x, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
X, Y = mt.array(x), mt.array(y)
with sklearn.config_context(array_api_dispatch=True):
    found = PCA(2, svd_solver="full").fit_transform(X)
    assert type(found) is mt.array
    np.testing.assert_allclose(np.abs(found.numpy()), np.abs(PCA(2, svd_solver="full").fit_transform(x)), rtol=1e-8)
    assert abs(mean_squared_error(Y, Y * 0.9) - mean_squared_error(y, y * 0.9)) < 1e-12
    assert accuracy_score(mt.array([0, 1, 1, 0]), mt.array([0, 1, 0, 0])) == 0.75
np.testing.assert_allclose(Ridge().fit(X, Y).predict(X), Ridge().fit(x, y).predict(x))
"""


@pytest.mark.parametrize("code", [SCIPY, SKLEARN], ids=["scipy", "sklearn"])
def test_consumers(code: str) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("array_api_compat")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_plots_of_arrays() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    x = Array(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure, axes = plt.subplots()
        axes.plot(x[0], x[1]), axes.hist(x[0]), axes.bar(x[0], x[1]), axes.scatter(x[0], x[1], c=x[0])
        axes.imshow(x), axes.fill_between(x[0], x[1]), axes.errorbar(x[0], x[1], yerr=abs(x[0]))
        plt.close(figure)
    assert tree.leaves(x) == [x]
