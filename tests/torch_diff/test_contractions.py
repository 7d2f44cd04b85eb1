"""Contractions, convolutions, pooling and linear algebra of the core against PyTorch: values, gradients, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch.core import tree
from minitorch.core.array import Array
from minitorch.core.errors import MinitorchError
from minitorch.core.ops import contractions, convolution, factorizations, linalg, patches, pooling, spectral, windowing
from minitorch.core.ops.einsum import einsum
from minitorch.core.ops.pointwise import square
from minitorch.core.transforms import vjp

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

functional = torch.nn.functional


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], *inputs: np.ndarray, rtol: float = 1e-9) -> None:
    """Assert equal results, and equal gradients of all inputs for random cotangents, in the inputs' dtype."""
    out, pull = vjp(lambda *xs: tuple(tree.leaves(ours(*xs))), *map(Array, inputs))
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    found = theirs(*leaves)
    wanted = list(found) if isinstance(found, tuple) else [found]
    for a, b in zip(out, wanted, strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch.")
        close(a, b.detach(), rtol)
    rng = np.random.default_rng(0)
    cotangents = [random_like(rng, a) for a in out]
    tracked = [(b, torch.tensor(g)) for b, g in zip(wanted, cotangents) if b.requires_grad]
    gradients = torch.autograd.grad([b for b, _ in tracked], leaves, [g for _, g in tracked])
    for a, b in zip(pull(tuple(map(Array, cotangents))), gradients, strict=True):
        close(a, b, rtol)


def close(ours: Any, theirs: Any, rtol: float) -> None:
    wanted = theirs.numpy()
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    assert ours.shape == wanted.shape
    np.testing.assert_allclose(ours.numpy(), wanted, rtol, rtol * scale)


def random_like(rng: np.random.Generator, x: Any) -> np.ndarray:
    drawn = rng.standard_normal(x.shape)
    return (drawn + 1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else drawn).astype(x.dtype)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def complex_normal(*shape: int, seed: int = 0) -> np.ndarray:
    return normal(*shape, seed=seed) + 1j * normal(*shape, seed=seed + 1)


def ints(rng: np.random.Generator, low: int, high: int, n: int) -> tuple[int, ...]:
    return tuple(int(i) for i in rng.integers(low, high, n))


# --------------------------------------------------------------------------- products

MATMULS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((0, 2, 3), (3, 4)),
    ((2, 0), (0, 3)),
]


@pytest.mark.parametrize("shapes", MATMULS, ids=str)
@pytest.mark.parametrize("make", [normal, complex_normal])
def test_matmul(shapes, make):
    compare(contractions.matmul, torch.matmul, *(make(*s, seed=i) for i, s in enumerate(shapes)))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "bfloat16"])
def test_matmul_keeps_dtype(dtype):
    x, y = Array(normal(3, 4) * 4, dtype), Array(normal(4, 2) * 4, dtype)
    wanted = torch.matmul(*(torch.tensor(np.array(a.numpy(), np.float64)).to(getattr(torch, dtype)) for a in (x, y)))
    out = contractions.matmul(x, y)
    assert out.dtype == x.dtype
    np.testing.assert_allclose(out.numpy().astype(float), wanted.double().numpy(), rtol=1e-2, atol=1e-1)


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("ij...->ij", (2, 3, 4)),
    ("...ij,...jk->...ik", (1, 3, 4), (6, 4, 5)),
    ("...ij,jk", (2, 3, 4), (4, 5)),
    ("i...,i...->...", (2, 1, 3), (2, 4, 3)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 5)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("ij,jk->ik", (2, 1), (5, 4)),
    ("a,b,c->cab", (2,), (3,), (4,)),
    (",i->i", (), (3,)),
    ("ij,ik->", (2, 3), (2, 4)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=str)
@pytest.mark.parametrize("make", [normal, complex_normal])
def test_einsum(case, make):
    equation, *shapes = case
    compare(
        lambda *xs: einsum(equation, *xs),
        lambda *xs: torch.einsum(equation, *xs),
        *(make(*s, seed=i) for i, s in enumerate(shapes)),
    )


def random_equation(rng: np.random.Generator) -> tuple[str, list[tuple[int, ...]]]:
    """Draw up to four operands over few letters, repeated letters and missing ones included."""
    sizes = dict(zip("abcde", ints(rng, 1, 4, 5)))
    terms = ["".join(rng.choice(list("abcde"), int(rng.integers(0, 4)))) for _ in range(int(rng.integers(1, 5)))]
    used = sorted(set("".join(terms)))
    kept = [c for c in rng.permutation(used) if rng.random() < 0.6] if used else []
    return ",".join(terms) + "->" + "".join(kept), [tuple(sizes[c] for c in term) for term in terms]


@pytest.mark.parametrize("seed", range(60))
def test_einsum_at_random(seed):
    equation, shapes = random_equation(np.random.default_rng(seed))
    xs = [normal(*s, seed=i) for i, s in enumerate(shapes)]
    compare(lambda *xs: einsum(equation, *xs), lambda *xs: torch.einsum(equation, *xs), *xs)


TENSORDOTS = [
    (0, (2,), (3,)),
    (2, (2, 3, 4), (3, 4, 5)),
    (([0], [1]), (2, 3), (4, 2)),
    (([2, 1], [0, 1]), (2, 3, 4), (4, 3, 5)),
]


@pytest.mark.parametrize("case", TENSORDOTS, ids=str)
def test_tensordot(case):
    dims, left, right = case
    compare(
        lambda x, y: contractions.tensordot(x, y, dims),
        lambda x, y: torch.tensordot(x, y, dims),
        normal(*left),
        normal(*right),
    )


# --------------------------------------------------------------------------- convolution

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}


def draw_convolution(seed: int) -> tuple[np.random.Generator, int, dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    n, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    shape = {
        "images": int(rng.integers(1, 4)),
        "inputs": groups * int(rng.integers(1, 3)),
        "outputs": groups * int(rng.integers(1, 3)),
        "size": ints(rng, 4, 8, n),
        "kernel": ints(rng, 1, 4, n),
    }
    setting = {
        "stride": ints(rng, 1, 4, n),
        "padding": ints(rng, 0, 3, n),
        "dilation": ints(rng, 1, 3, n),
        "groups": groups,
    }
    return rng, n, shape, setting


def refuses(function: Callable[..., Any], *args: Any, **params: Any) -> bool:
    try:
        function(*args, **params)
    except (RuntimeError, MinitorchError):
        return True
    return False


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("tiny_parts", [False, True])
def test_convolution(seed, tiny_parts, monkeypatch):
    if tiny_parts:  # as large images are: split over images and over positions
        monkeypatch.setattr(patches, "BUDGET", 64)
        monkeypatch.setattr(patches, "COLUMNS", 3)
    _, n, shape, setting = draw_convolution(seed)
    x = normal(shape["images"], shape["inputs"], *shape["size"])
    w = normal(shape["outputs"], shape["inputs"] // setting["groups"], *shape["kernel"])
    b = normal(shape["outputs"])
    theirs = CONVOLUTIONS[n]
    if refuses(theirs, torch.tensor(x), torch.tensor(w), **setting):
        assert refuses(convolution.convolution, x, w, **setting)
        return
    compare(
        lambda x, w, b: convolution.convolution(x, w, b, **setting), lambda x, w, b: theirs(x, w, b, **setting), x, w, b
    )


@pytest.mark.parametrize("seed", range(60))
def test_conv_transpose(seed):
    rng, n, shape, setting = draw_convolution(seed)
    longest = [max(s, d) for s, d in zip(setting["stride"], setting["dilation"])]
    setting["output_padding"] = tuple(int(rng.integers(0, m)) for m in longest)
    x = normal(shape["images"], shape["inputs"], *shape["size"])
    w = normal(shape["inputs"], shape["outputs"] // setting["groups"], *shape["kernel"])
    b = normal(shape["outputs"])
    theirs = TRANSPOSED[n]
    if refuses(theirs, torch.tensor(x), torch.tensor(w), **setting):
        assert refuses(convolution.conv_transpose, x, w, **setting)
        return
    compare(
        lambda x, w, b: convolution.conv_transpose(x, w, b, **setting),
        lambda x, w, b: theirs(x, w, b, **setting),
        x,
        w,
        b,
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_named_padding(padding):
    x, w = normal(2, 3, 7, 6), normal(4, 3, 4, 3)
    compare(
        lambda x, w: convolution.convolution(x, w, padding=padding, dilation=(1, 2)),
        lambda x, w: functional.conv2d(x, w, padding=padding, dilation=(1, 2)),
        x,
        w,
    )


def test_complex_and_float32_convolution():
    setting = {"stride": 2, "padding": 1}
    for make, dtype, rtol in ((complex_normal, np.complex128, 1e-9), (normal, np.float32, 1e-4)):
        x, w = make(2, 3, 7, 6).astype(dtype), make(4, 3, 3, 3).astype(dtype)
        ours, theirs = convolution.convolution, functional.conv2d
        compare(lambda x, w, f=ours: f(x, w, **setting), lambda x, w, f=theirs: f(x, w, **setting), x, w, rtol=rtol)


# --------------------------------------------------------------------------- pooling

MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
MEANS = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
ADAPTIVE_MAXIMA = {
    1: functional.adaptive_max_pool1d,
    2: functional.adaptive_max_pool2d,
    3: functional.adaptive_max_pool3d,
}
ADAPTIVE_MEANS = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}


def draw_pool(seed: int) -> tuple[np.random.Generator, int, tuple[int, ...], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    window = ints(rng, 1, 4, n)
    setting = {
        "stride": ints(rng, 1, 4, n) if rng.random() < 0.7 else None,
        "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in window),
        "ceil_mode": bool(rng.random() < 0.5),
    }
    return rng, n, window, setting


@pytest.mark.parametrize("seed", range(90))
def test_max_pool(seed):
    rng, n, window, setting = draw_pool(seed)
    x = np.round(rng.standard_normal((2, 3, *ints(rng, 3, 9, n))) * 2)  # ties
    if seed % 3 == 0:
        x.reshape(-1)[::5] = np.nan
    if seed % 3 == 1:
        x.reshape(-1)[::2] = -np.inf
    setting["dilation"] = ints(rng, 1, 3, n)
    theirs = MAXIMA[n]
    if refuses(theirs, torch.tensor(x), window, **setting):
        assert refuses(pooling.max_pool, x, window, **setting)
        return
    values, where = pooling.max_pool_with_indices(x, window, **setting)
    wanted, positions = theirs(torch.tensor(x), window, **setting, return_indices=True)
    np.testing.assert_array_equal(values.numpy(), wanted.numpy())
    np.testing.assert_array_equal(where.numpy(), positions.numpy())
    compare(lambda x: pooling.max_pool(x, window, **setting), lambda x: theirs(x, window, **setting), x)


@pytest.mark.parametrize("seed", range(60))
def test_avg_pool(seed):
    rng, n, window, setting = draw_pool(seed)
    x = rng.standard_normal((2, 3, *ints(rng, 1, 9, n)))
    setting["count_include_pad"] = bool(rng.random() < 0.5)
    if n > 1 and rng.random() < 0.3:
        setting["divisor_override"] = int(rng.integers(1, 5))
    theirs = MEANS[n]
    if refuses(theirs, torch.tensor(x), window, **setting):
        # In 3 dimensions torch also refuses windows that ceil_mode lets stick out of a small image.
        assert n == 3 or refuses(pooling.avg_pool, x, window, **setting)
        return
    compare(lambda x: pooling.avg_pool(x, window, **setting), lambda x: theirs(x, window, **setting), x)


@pytest.mark.parametrize("seed", range(30))
def test_adaptive_pools(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    x, counts = rng.standard_normal((2, 3, *ints(rng, 1, 9, n))), ints(rng, 1, 6, n)
    compare(lambda x: pooling.adaptive_avg_pool(x, counts), lambda x: ADAPTIVE_MEANS[n](x, counts), x)
    compare(lambda x: pooling.adaptive_max_pool(x, counts), lambda x: ADAPTIVE_MAXIMA[n](x, counts), x)
    _, where = pooling.adaptive_max_pool_with_indices(x, counts)
    _, positions = ADAPTIVE_MAXIMA[n](torch.tensor(x), counts, return_indices=True)
    np.testing.assert_array_equal(where.numpy(), positions.numpy())


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), list(itertools.product([1, (2, 3)], [0, (1, 0)], [1, (2, 1)])), ids=str
)
def test_unfold_and_fold(stride, padding, dilation):
    x, window = normal(2, 3, 6, 7), (2, 3)
    places = {"stride": stride, "padding": padding, "dilation": dilation}
    flat = functional.unfold(torch.tensor(x), window, **places)
    shape = windowing.unfold(x, window, **places).shape
    compare(
        lambda x: windowing.unfold(x, window, **places),
        lambda x: functional.unfold(x, window, **places).reshape(shape),
        x,
    )
    compare(
        lambda y: windowing.fold(y, (6, 7), window, **places),
        lambda y: functional.fold(y.reshape(flat.shape), (6, 7), window, **places),
        normal(*shape),
    )


# --------------------------------------------------------------------------- linear algebra


def positive(make: Any, *shape: int) -> np.ndarray:
    x = make(*shape)
    return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(shape[-1])


def squares(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make what does not depend on signs."""
    return lambda x: tuple(map(square, function(x)))


def torch_squares(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: tuple(out * out for out in function(x))


def triangular(**options: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    lower, unit = options.get("lower", True), options.get("unit_diagonal", False)
    return (
        lambda a, b: linalg.triangular_solve(a, b, lower, unit),
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=not lower, unitriangular=unit),
    )


ALGEBRA = {
    "inv": (linalg.inv, torch.linalg.inv, (2, 3, 3)),
    "solve": (linalg.solve, torch.linalg.solve, (3, 3), (3, 2)),
    "solve, broadcast": (linalg.solve, torch.linalg.solve, (2, 3, 3), (1, 3, 2)),
    "lower": (*triangular(), (3, 3), (3, 2)),
    "upper": (*triangular(lower=False), (2, 3, 3), (2, 3, 2)),
    "unit": (*triangular(unit_diagonal=True), (3, 3), (3, 2)),
    "det": (linalg.det, torch.linalg.det, (2, 3, 3)),
    "slogdet": (linalg.slogdet, lambda x: tuple(torch.linalg.slogdet(x)), (2, 3, 3)),
    "matrix_power": (lambda x: linalg.matrix_power(x, 5), lambda x: torch.linalg.matrix_power(x, 5), (3, 3)),
    "negative power": (lambda x: linalg.matrix_power(x, -2), lambda x: torch.linalg.matrix_power(x, -2), (3, 3)),
    "matrix_exp": (linalg.matrix_exp, torch.linalg.matrix_exp, (2, 3, 3)),
    "lu": (factorizations.lu, lambda x: tuple(torch.linalg.lu(x)), (2, 3, 3)),
    "qr": (factorizations.qr, lambda x: tuple(torch.linalg.qr(x)), (2, 4, 3)),
    "qr, wide": (factorizations.qr, lambda x: tuple(torch.linalg.qr(x)), (3, 5)),
    "svdvals": (spectral.svdvals, torch.linalg.svdvals, (2, 3, 4)),
    "pinv": (spectral.pinv, torch.linalg.pinv, (4, 3)),
    "lstsq": (spectral.lstsq, lambda a, b: torch.linalg.lstsq(a, b).solution, (4, 3), (4, 2)),
    "trace": (contractions.trace, torch.trace, (3, 3)),
}


@pytest.mark.parametrize("name", ALGEBRA)
@pytest.mark.parametrize("make", [normal, complex_normal])
def test_algebra(name, make):
    ours, theirs, *shapes = ALGEBRA[name]
    compare(ours, theirs, *(make(*s, seed=i) for i, s in enumerate(shapes)), rtol=1e-7)


@pytest.mark.parametrize("make", [normal, complex_normal])
@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf], ids=str)
def test_matrix_norm(make, ord):
    compare(lambda x: spectral.matrix_norm(x, ord), lambda x: torch.linalg.matrix_norm(x, ord), make(2, 3, 4))


def test_cholesky():
    compare(factorizations.cholesky, torch.linalg.cholesky, positive(normal, 2, 3, 3))


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 3, 4)], ids=str)
def test_svd(shape):
    theirs = torch_squares(lambda x: torch.linalg.svd(x, full_matrices=False))
    compare(squares(spectral.svd), theirs, normal(*shape), rtol=1e-7)


def test_eigh():
    compare(squares(spectral.eigh), torch_squares(torch.linalg.eigh), positive(normal, 2, 3, 3), rtol=1e-7)


@pytest.mark.parametrize("make", [normal, complex_normal])
def test_eigvalsh(make):
    compare(spectral.eigvalsh, torch.linalg.eigvalsh, positive(make, 3, 3), rtol=1e-7)
