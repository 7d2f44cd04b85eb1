"""The conventions that concern products, convolutions, pooling and linear algebra; the E numbers are theirs."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from minitorch.core import errors
from minitorch.core.array import Array
from minitorch.core.ops import contractions, convolution, factorizations, linalg, pooling, spectral, windowing
from minitorch.core.ops.einsum import einsum
from minitorch.core.ops.pointwise import add, mul, real
from minitorch.core.ops.shaping import sum
from minitorch.core.transforms import grad, vjp


def ones(*shape: int, dtype: str = "float64") -> Array:
    return Array(np.ones(shape), dtype)


# --------------------------------------------------------------------------- numbers at the edges


def test_e3_max_pool_gives_all_to_the_first_maximum():
    x = Array(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 2.0], [2.0, 2.0, 2.0]]))
    found = grad(lambda x: sum(pooling.max_pool(x, (2, 2), 1)))(x)
    assert found.tolist() == [[1, 0, 0], [0, 0, 2], [1, 0, 0]]


def test_e7_empty_batch_trains_as_a_no_op():
    x, w, b = ones(0, 2, 5, 5), ones(3, 2, 3, 3), ones(3)
    out, pull = vjp(lambda x, w, b: pooling.max_pool(convolution.convolution(x, w, b), (2, 2)), x, w, b)
    assert out.shape == (0, 3, 1, 1)
    for g, a in zip(pull(out), (x, w, b)):
        assert g.shape == a.shape
        assert not g.numpy().any()


def test_e7_empty_sums_are_zero():
    assert contractions.matmul(ones(2, 0), ones(0, 3)).tolist() == [[0, 0, 0]] * 2
    assert einsum("i,i->", ones(0), ones(0)).item() == 0
    assert linalg.det(ones(0, 0)).item() == 1


def test_e8_cotangents_of_broadcast_stacks_are_summed():
    x, y = ones(1, 2, 3), ones(5, 3, 2)
    gx, gy = vjp(contractions.matmul, x, y)[1](ones(5, 2, 2))
    assert gx.tolist() == [[[10.0] * 3] * 2]
    assert gy.tolist() == [[[2.0] * 2] * 3] * 5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_e10_gradients_keep_their_dtype(dtype):
    x, w = ones(1, 2, 4, 4, dtype=dtype), ones(2, 2, 3, 3, dtype="float32")
    out, pull = vjp(lambda x, w: convolution.convolution(x, w, padding=1), x, w)
    assert out.dtype == contractions.matmul(ones(1, 1, dtype=dtype), ones(1, 1, dtype="float32")).dtype
    assert [g.dtype for g in pull(Array(np.ones(out.shape), out.dtype))] == [x.dtype, w.dtype]


def test_e10_half_precision_sums_in_float32():
    x = Array(np.full((1, 4096), 1.0), "float16")
    assert contractions.matmul(x, contractions.matrix_transpose(x)).item() == 4096
    assert pooling.avg_pool(Array(np.full((4096,), 2.0), "float16"), 4096).item() == 2


def test_e11_matmul_has_the_conjugate_gradient():
    x, y = np.array([[1 + 2j]]), np.array([[3 - 1j]])
    gx, gy = vjp(contractions.matmul, Array(x), Array(y))[1](Array(np.array([[1.0 + 0j]])))
    assert gx.item() == 3 + 1j
    assert gy.item() == 1 - 2j


@pytest.mark.parametrize("vectors", [lambda x: spectral.eigh(x)[1], lambda x: spectral.svd(x)[0]])
def test_e11_a_function_of_phases_has_no_gradient(vectors):
    hermitian = Array(np.array([[2.0, 1j], [-1j, 1.0]]))
    with pytest.raises(errors.GradError, match="phases"):
        grad(lambda x: sum(real(mul(vectors(x), 1 + 2j))))(hermitian)


def test_e11_magnitudes_of_vectors_have_a_gradient():
    hermitian = Array(np.array([[2.0, 1j], [-1j, 1.0]]))
    vectors = lambda x: spectral.eigh(x)[1]  # noqa: E731
    found = grad(lambda x: real(mul(vectors(x), linalg.conj(vectors(x))).sum(0).sum()))(hermitian)
    np.testing.assert_allclose(found.numpy(), 0, atol=1e-12)


def test_e13_windows_are_views_that_nobody_can_write():
    x = ones(6)
    assert np.shares_memory(windowing.unfold(x, 2).numpy(), x.numpy())
    assert not windowing.unfold(x, 2).numpy().flags.writeable


def test_e26_nan_is_the_largest_in_max_pool():
    values, where = pooling.max_pool_with_indices(np.array([1.0, np.nan, 5.0, 2.0]), 2)
    assert np.isnan(values.numpy()).tolist() == [True, False]
    assert where.tolist() == [1, 2]


def test_infinite_cotangents_do_not_leak_to_the_other_elements_of_a_window():
    pull = vjp(lambda x: pooling.max_pool(x, 2), Array(np.array([1.0, 2.0])))[1]
    assert pull(Array(np.array([np.inf])))[0].tolist() == [0, np.inf]


def test_gradient_of_det_at_a_singular_matrix_is_its_cofactors():
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(grad(linalg.det)(Array(x)).numpy(), [[4, -2], [-2, 1]], atol=1e-12)


def test_norms_of_equal_singular_values_have_a_gradient():
    found = grad(lambda x: spectral.matrix_norm(x, "nuc"))(Array(np.eye(3)))
    np.testing.assert_allclose(found.numpy(), np.eye(3), atol=1e-12)


# --------------------------------------------------------------------------- memory


def peak(function: Any) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_convolution_never_makes_all_patches():
    x, w = ones(16, 16, 32, 32, dtype="float32"), ones(16, 16, 3, 3, dtype="float32")
    image = x.size * 4  # the input, the output and each cotangent
    out, pull = vjp(lambda x, w: convolution.convolution(x, w, padding=1), x, w)
    assert peak(lambda: convolution.convolution(x, w, padding=1)) < image + 2.5e6
    assert peak(lambda: pull(out)) < image + 2.5e6


def test_one_large_image_is_convolved_in_parts():
    x, w = ones(1, 8, 256, 256, dtype="float32"), ones(8, 8, 5, 5, dtype="float32")
    image = x.size * 4
    assert peak(lambda: convolution.convolution(x, w, padding=2)) < 2.2 * image + 2.5e6


def test_linear_layers_on_stacks_make_no_stack_of_gradients():
    x, w = ones(64, 32, 128, dtype="float32"), ones(128, 128, dtype="float32")
    out, pull = vjp(lambda w: contractions.matmul(x, w), w)
    assert peak(lambda: pull(out)) < 4 * w.size * 4


# --------------------------------------------------------------------------- errors

A, B = ones(2, 3), ones(4, 5)
IMAGES, WEIGHT = ones(2, 3, 5), ones(4, 3, 3)
ZEROS = Array(np.zeros((2, 2)))

# What is called, the class of the error, and what its message must say.
BAD: dict[str, tuple[Any, type[Exception], tuple[str, ...]]] = {
    "matmul, inner sizes": (
        lambda: contractions.matmul(A, B),
        errors.ShapeError,
        ("matmul", "float64[2, 3]", "float64[4, 5]", "3", "4", "transpose"),
    ),
    "matmul, vector": (lambda: contractions.matmul(A, ones(2)), errors.ShapeError, ("float64[2]", "transpose")),
    "matmul, stacks": (
        lambda: contractions.matmul(ones(2, 2, 3), ones(3, 3, 2)),
        errors.ShapeError,
        ("matmul", "(2,)", "(3,)", "broadcast"),
    ),
    "matmul, number": (lambda: contractions.matmul(2.0, A), errors.ShapeError, ("matmul", "0-d", "*")),
    "matmul, bools": (
        lambda: contractions.matmul(ones(2, 2, dtype="bool"), ones(2, 2, dtype="bool")),
        errors.DTypeError,
        ("matmul", "bool[2, 2]", "int64"),
    ),
    "vecdot": (lambda: contractions.vecdot(A, ones(2, 4)), errors.ShapeError, ("vecdot", "3", "4")),
    "tensordot, sizes": (lambda: contractions.tensordot(A, B, 1), errors.ShapeError, ("tensordot", "(3,)", "(4,)")),
    "tensordot, number": (lambda: contractions.tensordot(A, B, 3), errors.ShapeError, ("axes=3", "0 to 2")),
    "tensordot, unpaired": (lambda: contractions.tensordot(A, B, ([0, 1], [0])), errors.ShapeError, ("axes", "2", "1")),
    "einsum, sizes": (lambda: einsum("ij,jk->ik", A, B), errors.ShapeError, ("einsum", "'j'", "3", "4", "(2, 3)")),
    "einsum, rank": (lambda: einsum("ijk->i", A), errors.ShapeError, ("einsum", "'ijk'", "(2, 3)", "...")),
    "einsum, terms": (lambda: einsum("ij,jk", A), errors.ArgumentError, ("einsum", "2 terms", "1 operands")),
    "einsum, result": (lambda: einsum("ij->k", A), errors.ArgumentError, ("einsum", "'k'")),
    "einsum, repeated result": (lambda: einsum("ij->ii", A), errors.ArgumentError, ("einsum", "repeats", "diag_embed")),
    "einsum, sign": (lambda: einsum("i1->i", A), errors.ArgumentError, ("einsum", "'1'", "letters")),
    "trace": (lambda: contractions.trace(ones(3)), errors.ShapeError, ("trace", "float64[3]")),
    "convolution, channels": (
        lambda: convolution.convolution(ones(2, 2, 5), WEIGHT),
        errors.ShapeError,
        ("convolution", "float64[2, 2, 5]", "float64[4, 3, 3]", "2 channels", "3"),
    ),
    "convolution, rank": (
        lambda: convolution.convolution(A, ones(4, 3, 3, 3)),
        errors.ShapeError,
        ("[N, C, *spatial]",),
    ),
    "convolution, kernel": (
        lambda: convolution.convolution(ones(2, 3, 2), WEIGHT),
        errors.ShapeError,
        ("convolution", "float64[2, 3, 2]", "does not fit", "padding"),
    ),
    "convolution, stride": (
        lambda: convolution.convolution(IMAGES, WEIGHT, stride=0),
        errors.ArgumentError,
        ("stride",),
    ),
    "convolution, padding": (
        lambda: convolution.convolution(IMAGES, WEIGHT, padding="full"),
        errors.ArgumentError,
        ("padding", "'same'", "'full'"),
    ),
    "convolution, same": (
        lambda: convolution.convolution(IMAGES, WEIGHT, padding="same", stride=2),
        errors.ArgumentError,
        ("'same'", "stride"),
    ),
    "convolution, groups": (
        lambda: convolution.convolution(IMAGES, WEIGHT, groups=3),
        errors.ShapeError,
        ("groups=3", "4 channels"),
    ),
    "convolution, bias": (
        lambda: convolution.convolution(IMAGES, WEIGHT, ones(3)),
        errors.ShapeError,
        ("bias", "float64[3]", "(4,)"),
    ),
    "conv_transpose, channels": (lambda: convolution.conv_transpose(IMAGES, WEIGHT), errors.ShapeError, ("3", "4")),
    "conv_transpose, output padding": (
        lambda: convolution.conv_transpose(IMAGES, ones(3, 2, 2), output_padding=1),
        errors.ArgumentError,
        ("output_padding", "stride"),
    ),
    "max_pool, window": (lambda: pooling.max_pool(A, (4, 4)), errors.ShapeError, ("max_pool", "(4, 4)", "(2, 3)")),
    "max_pool, rank": (lambda: pooling.max_pool(A, (1, 1, 1)), errors.ShapeError, ("max_pool", "float64[2, 3]")),
    "max_pool, padding": (lambda: pooling.max_pool(A, 3, padding=2), errors.ArgumentError, ("padding 2", "half")),
    "max_pool, complex": (lambda: pooling.max_pool(mul(A, 1j), 2), errors.DTypeError, ("max_pool", "complex128[2, 3]")),
    "avg_pool, integers": (lambda: pooling.avg_pool(np.arange(4), 2), errors.DTypeError, ("avg_pool", "x.float()")),
    "fold": (lambda: windowing.fold(A, (5,), 2), errors.ShapeError, ("fold", "float64[2, 3]", "(2, 4)")),
    "inv, singular": (lambda: linalg.inv(ZEROS), errors.LinAlgError, ("inv", "float64[2, 2]", "singular", "pinv")),
    "solve, singular": (lambda: linalg.solve(ZEROS, ones(2)), errors.LinAlgError, ("solve", "singular")),
    "triangular_solve, singular": (
        lambda: linalg.triangular_solve(ZEROS, ones(2)),
        errors.LinAlgError,
        ("triangular_solve", "zero at row 0"),
    ),
    "cholesky": (
        lambda: factorizations.cholesky(Array(-np.eye(2))),
        errors.LinAlgError,
        ("cholesky", "not positive definite"),
    ),
    "svd, nan": (lambda: spectral.svd(mul(ZEROS, np.nan)), errors.LinAlgError, ("svd", "NaN")),
    "inv, not square": (lambda: linalg.inv(A), errors.ShapeError, ("inv", "float64[2, 3]", "square")),
    "det, vector": (lambda: linalg.det(ones(3)), errors.ShapeError, ("det", "float64[3]", "matrices")),
    "inv, half": (lambda: linalg.inv(ones(2, 2, dtype="float16")), errors.DTypeError, ("float16[2, 2]", "x.float()")),
    "inv, integers": (lambda: linalg.inv(np.eye(2, dtype=int)), errors.DTypeError, ("inv", "int64[2, 2]", "x.float()")),
    "solve, rows": (lambda: linalg.solve(ones(2, 2), ones(3)), errors.ShapeError, ("solve", "float64[3]", "2 rows")),
    "lstsq, rows": (lambda: spectral.lstsq(A, ones(3)), errors.ShapeError, ("lstsq", "float64[3]", "2 rows")),
    "qr, mode": (lambda: factorizations.qr(A, "full"), errors.ArgumentError, ("qr", "'reduced'", "'full'")),
    "matrix_norm, ord": (lambda: spectral.matrix_norm(A, 3), errors.ArgumentError, ("matrix_norm", "'fro'", "3")),
    "qr, derivative": (
        lambda: grad(lambda x: sum(factorizations.qr(x, "complete")[1]))(ones(3, 2)),
        errors.UnsupportedError,
        ("qr", "complete", "reduced"),
    ),
    "svd, derivative": (
        lambda: grad(lambda x: sum(spectral.svd(x, full_matrices=True)[1]))(A),
        errors.UnsupportedError,
        ("svd", "full_matrices"),
    ),
    "second derivative of det": (
        lambda: grad(lambda x: sum(grad(linalg.det)(add(x, 0.0))))(ZEROS),
        errors.LinAlgError,
        ("inv", "singular"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, kind, words = BAD[name]
    with pytest.raises(kind) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []


def test_linear_algebra_errors_are_numpys_too():
    with pytest.raises(np.linalg.LinAlgError):
        linalg.inv(ZEROS)
    with pytest.raises(RuntimeError):
        linalg.inv(ZEROS)
