"""What functions of matrices do that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "cholesky": (
        (
            "Return the lower triangular L with `L @ L.mH == A` for positive definite matrices [..., n, n], or with `upper` "
            "its adjoint; only the lower triangle of A is read."
        ),
        "mt.linalg.cholesky(mt.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()",
        "[[2.0, 0.0], [1.0, 2.0]]",
    ),
    "det": (
        "Compute the determinants of square matrices [..., n, n]: [...].",
        "mt.det(mt.tensor([[2.0, 1.0], [0.0, 4.0]]))",
        "tensor(8.)",
    ),
    "eig": (
        "Return `(eigenvalues, eigenvectors)` of square matrices [..., n, n], the vectors in columns; always complex.",
        "values, vectors = mt.linalg.eig(mt.tensor([[0.0, 1.0], [-1.0, 0.0]]))",
        "",
        "values.imag",
        "tensor([ 1., -1.])",
    ),
    "eigh": (
        (
            "Return `(eigenvalues, eigenvectors)` of symmetric or Hermitian matrices [..., n, n], ascending, the vectors in "
            "columns; `UPLO` says which triangle is read."
        ),
        "values, vectors = mt.linalg.eigh(mt.tensor([[2.0, 0.0], [0.0, 1.0]]))",
        "",
        "values",
        "tensor([1., 2.])",
        "vectors.abs().tolist()",
        "[[0.0, 1.0], [1.0, 0.0]]",
    ),
    "eigvals": (
        "Return the eigenvalues of square matrices [..., n, n]: complex numbers [..., n].",
        "mt.linalg.eigvals(mt.tensor([[0.0, 1.0], [-1.0, 0.0]])).imag",
        "tensor([ 1., -1.])",
    ),
    "eigvalsh": (
        "Return the eigenvalues of symmetric or Hermitian matrices [..., n, n], ascending: [..., n].",
        "mt.linalg.eigvalsh(mt.tensor([[2.0, 0.0], [0.0, 1.0]]))",
        "tensor([1., 2.])",
    ),
    "inner": (
        "Sum the products over the last dimensions of both tensors; a 0-d one multiplies.",
        "mt.inner(mt.tensor([[1, 2], [3, 4]]), mt.tensor([10, 1]))",
        "tensor([12, 34])",
    ),
    "inv": (
        "Invert square matrices [..., n, n].",
        "mt.linalg.inv(mt.tensor([[2.0, 0.0], [1.0, 4.0]])).tolist()",
        "[[0.5, 0.0], [-0.125, 0.25]]",
    ),
    "inverse": (
        "Invert square matrices [..., n, n].",
        "mt.inverse(mt.tensor([[2.0, 0.0], [1.0, 4.0]])).tolist()",
        "[[0.5, 0.0], [-0.125, 0.25]]",
    ),
    "kron": (
        "Compute the Kronecker product: `other` times each element of `input`, laid out in blocks.",
        "mt.kron(mt.tensor([1, 10]), mt.tensor([1, 2, 3]))",
        "tensor([ 1,  2,  3, 10, 20, 30])",
    ),
    "linalg.diagonal": (
        "Take a diagonal of matrices, in the last two dimensions by default, as a new last dimension.",
        "mt.linalg.diagonal(mt.tensor([[1, 2], [3, 4]]))",
        "tensor([1, 4])",
        "mt.linalg.diagonal(mt.zeros(5, 2, 3)).shape",
        "(5, 2)",
    ),
    "linalg.qr": (
        (
            "Factor matrices [..., m, n] as `Q @ R`, Q with orthonormal columns, R upper triangular. With k = min(m, n), "
            "`reduced` gives Q [..., m, k] and R [..., k, n], `complete` Q [..., m, m] and R [..., m, n]."
        ),
        "x = mt.tensor([[3.0, 1.0], [4.0, 2.0]])",
        "",
        "Q, R = mt.linalg.qr(x)",
        "",
        "mt.allclose(Q @ R, x), mt.allclose(Q.mT @ Q, mt.eye(2), atol=1e-6), mt.equal(R, R.triu())",
        "(True, True, True)",
    ),
    "linalg.svd": (
        (
            "Factor matrices [..., m, n] as `U @ diag(S) @ Vh`, the singular values S in descending order; `full_matrices` "
            "gives square U and Vh, else they have min(m, n) columns and rows."
        ),
        "U, S, Vh = mt.linalg.svd(mt.tensor([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))",
        "",
        "S, U.shape, Vh.shape",
        "(tensor([3., 2.]), (3, 3), (2, 2))",
    ),
    "linalg.cross": (
        "Compute cross products of vectors of 3 along a dimension; the others broadcast.",
        "mt.linalg.cross(mt.tensor([1.0, 0.0, 0.0]), mt.tensor([0.0, 1.0, 0.0]))",
        "tensor([0., 0., 1.])",
    ),
    "lu_solve": (
        "Solve `A @ X = b` by the packed factorization of A that `linalg.lu_factor` returns.",
        "A, b = mt.tensor([[1.0, 2.0], [4.0, 2.0]]), mt.tensor([[3.0], [6.0]])",
        "",
        "mt.lu_solve(b, *mt.linalg.lu_factor(A)).tolist()",
        "[[1.0], [1.0]]",
    ),
    "matmul": (
        "Multiply matrices, `[..., n, k] @ [..., k, m]`, whose batches broadcast, or vectors.",
        "mt.matmul(mt.tensor([[1, 2], [3, 4]]), mt.tensor([1, 10]))",
        "tensor([21, 43])",
        "mt.matmul(mt.zeros(5, 1, 2, 3), mt.zeros(7, 3, 4)).shape",
        "(5, 7, 2, 4)",
    ),
    "matrix_exp": (
        "Compute the exponential of square matrices [..., n, n]: the sum of `A**k / k!` in matrix powers.",
        "mt.matrix_exp(mt.tensor([[0.0, 1.0], [0.0, 0.0]])).tolist()",
        "[[1.0, 1.0], [0.0, 1.0]]",
    ),
    "matrix_norm": (
        (
            "Compute the norm of matrices: 'fro' (root of the sum of squares), 'nuc' (sum of singular values), 2 and -2 "
            "(the largest and the smallest of them), 1 and -1 (sums of magnitudes of columns), inf and -inf (of rows)."
        ),
        "x = mt.tensor([[3.0, 0.0], [0.0, 4.0]])",
        "",
        'mt.linalg.matrix_norm(x), mt.linalg.matrix_norm(x, "nuc"), mt.linalg.matrix_norm(x, -2)',
        "(tensor(5.), tensor(7.), tensor(3.))",
    ),
    "matrix_power": (
        "Multiply square matrices [..., n, n] with themselves n times; a negative n inverts them first.",
        "mt.matrix_power(mt.tensor([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()",
        "[[1.0, 3.0], [0.0, 1.0]]",
        "mt.matrix_power(mt.tensor([[2.0]]), -2)",
        "tensor([[0.2500]])",
    ),
    "nuclear_norm": (
        "Compute the sum of the singular values of matrices in two dimensions.",
        "mt.nuclear_norm(mt.tensor([[3.0, 0.0], [0.0, 4.0]]))",
        "tensor(7.)",
    ),
    "pinverse": (
        "Compute the Moore-Penrose inverse; singular values up to `rcond` times the largest count as zero.",
        "mt.pinverse(mt.tensor([[2.0, 0.0], [0.0, 0.0]])).tolist()",
        "[[0.5, 0.0], [0.0, 0.0]]",
    ),
    "qr": (
        (
            "Factor matrices [..., m, n] as `Q @ R`, Q with orthonormal columns, R upper triangular; with `some`, Q has "
            "min(m, n) columns, else m."
        ),
        "x = mt.tensor([[3.0], [4.0]])",
        "",
        "Q, R = mt.qr(x, some=False)",
        "",
        "Q.shape, R.shape, mt.allclose(Q @ R, x, atol=1e-6)",
        "((2, 2), (2, 1), True)",
    ),
    "slogdet": (
        "Return `(sign, logabsdet)` of the determinants of square matrices [..., n, n]; singular ones give 0, -inf.",
        "sign, log = mt.slogdet(mt.tensor([[0.0, 1.0], [1.0, 0.0]]))",
        "",
        "sign, log",
        "(tensor(-1.), tensor(0.))",
    ),
    "svdvals": (
        "Return the singular values of matrices [..., m, n], in descending order: [..., min(m, n)].",
        "mt.linalg.svdvals(mt.tensor([[0.0, 2.0], [3.0, 0.0]]))",
        "tensor([3., 2.])",
    ),
    "vecdot": (
        "Sum `conj(x) * y` over a dimension; the others broadcast.",
        "mt.linalg.vecdot(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), mt.tensor([10.0, 1.0]))",
        "tensor([12., 34.])",
    ),
}
