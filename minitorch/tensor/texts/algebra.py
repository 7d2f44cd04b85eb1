"""What functions of matrices do that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "cholesky": (
        "Return the lower triangular L with `L @ L.mH == A` for positive definite matrices [..., n, n], or with `upper` "
        "its adjoint; only the lower triangle of A is read."
    ),
    "det": "Compute the determinants of square matrices [..., n, n]: [...].",
    "eig": "Return `(eigenvalues, eigenvectors)` of square matrices [..., n, n], the vectors in columns; always complex.",
    "eigh": (
        "Return `(eigenvalues, eigenvectors)` of symmetric or Hermitian matrices [..., n, n], ascending, the vectors in "
        "columns; `UPLO` says which triangle is read."
    ),
    "eigvals": "Return the eigenvalues of square matrices [..., n, n]: complex numbers [..., n].",
    "eigvalsh": "Return the eigenvalues of symmetric or Hermitian matrices [..., n, n], ascending: [..., n].",
    "inner": "Sum the products over the last dimensions of both tensors; a 0-d one multiplies.",
    "inv": "Invert square matrices [..., n, n].",
    "inverse": "Invert square matrices [..., n, n].",
    "kron": "Compute the Kronecker product: `other` times each element of `input`, laid out in blocks.",
    "linalg.diagonal": "Take a diagonal of matrices, in the last two dimensions by default, as a new last dimension.",
    "linalg.qr": (
        "Factor matrices [..., m, n] as `Q @ R`, Q with orthonormal columns, R upper triangular. With k = min(m, n), "
        "`reduced` gives Q [..., m, k] and R [..., k, n], `complete` Q [..., m, m] and R [..., m, n]."
    ),
    "linalg.svd": (
        "Factor matrices [..., m, n] as `U @ diag(S) @ Vh`, the singular values S in descending order; `full_matrices` "
        "gives square U and Vh, else they have min(m, n) columns and rows."
    ),
    "linalg.cross": "Compute cross products of vectors of 3 along a dimension; the others broadcast.",
    "lu_solve": "Solve `A @ X = b` by the packed factorization of A that `linalg.lu_factor` returns.",
    "matmul": "Multiply matrices, `[..., n, k] @ [..., k, m]`, whose batches broadcast, or vectors.",
    "matrix_exp": "Compute the exponential of square matrices [..., n, n]: the sum of `A**k / k!` in matrix powers.",
    "matrix_norm": (
        "Compute the norm of matrices: 'fro' (root of the sum of squares), 'nuc' (sum of singular values), 2 and -2 (the "
        "largest and the smallest of them), 1 and -1 (sums of magnitudes of columns), inf and -inf (of rows)."
    ),
    "matrix_power": "Multiply square matrices [..., n, n] with themselves n times; a negative n inverts them first.",
    "nuclear_norm": "Compute the sum of the singular values of matrices in two dimensions.",
    "pinverse": "Compute the Moore-Penrose inverse; singular values up to `rcond` times the largest count as zero.",
    "qr": (
        "Factor matrices [..., m, n] as `Q @ R`, Q with orthonormal columns, R upper triangular; with `some`, Q has "
        "min(m, n) columns, else m."
    ),
    "slogdet": "Return `(sign, logabsdet)` of the determinants of square matrices [..., n, n]; singular ones give 0, -inf.",
    "svdvals": "Return the singular values of matrices [..., m, n], in descending order: [..., min(m, n)].",
    "vecdot": "Sum `conj(x) * y` over a dimension; the others broadcast.",
}
