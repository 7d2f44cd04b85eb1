"""What functions do that stand in a table as a line of code: their docstrings, by their public names.

A function of another namespace goes by its last name unless the whole one is listed. Dimensions are called by letters
in brackets, `[..., m, n]`; the last two are a matrix, those before them a batch.
"""

from __future__ import annotations

from .table import Function


def described(name: str, function: Function) -> Function:
    """Give a function without a docstring the text that its name has here."""
    if function.__doc__ is None:
        function.__doc__ = TEXTS.get(name) or TEXTS.get(name.rpartition(".")[2])
    return function


_POINTWISE = {
    "add": "Compute `input + alpha * other` element by element; the two broadcast.",
    "addcdiv": "Compute `input + value * tensor1 / tensor2` element by element; the three broadcast.",
    "addcmul": "Compute `input + value * tensor1 * tensor2` element by element; the three broadcast.",
    "clamp": "Limit elements to [min, max]; either may be None, or a tensor that broadcasts. NaN stays NaN.",
    "clamp_max": "Limit elements to at most `max`, a number or a tensor that broadcasts. NaN stays NaN.",
    "clamp_min": "Limit elements to at least `min`, a number or a tensor that broadcasts. NaN stays NaN.",
    "deg2rad": "Convert degrees to radians: `x * pi / 180` for each element.",
    "frexp": "Return `(mantissa, exponent)` with `input == mantissa * 2 ** exponent` and the mantissa's size in [0.5, 1).",
    "gcd": "Compute the greatest common divisor of integers, which broadcast; that of 0 and 0 is 0.",
    "gelu": (
        "Multiply each element by the normal distribution function of it, exactly or with `approximate='tanh'` "
        "(Hendrycks and Gimpel, 2016)."
    ),
    "igamma": "Compute the regularized lower incomplete gamma function P(input, other), element by element.",
    "igammac": "Compute the regularized upper incomplete gamma function Q(input, other) = 1 - P, element by element.",
    "isneginf": "Tell which elements are minus infinity.",
    "isposinf": "Tell which elements are plus infinity.",
    "isreal": "Tell which elements have no imaginary part; of real tensors, all.",
    "lerp": "Interpolate: `input + weight * (end - input)` element by element; the three broadcast.",
    "nextafter": "Return the float next to each element of `input` on the way to that of `other`; they broadcast.",
    "polygamma": "Compute the n-th derivative of the digamma function for each element.",
    "positive": "Return the tensor itself, as `+x` does.",
    "rad2deg": "Convert radians to degrees: `x * 180 / pi` for each element.",
    "resolve_conj": "Return the tensor itself: conjugates are computed at once, none is left to resolve.",
    "resolve_neg": "Return the tensor itself: negatives are computed at once, none is left to resolve.",
    "round": "Round to `decimals` places (negative: to tens, hundreds), halves to the even neighbor.",
    "rsub": "Compute `other - alpha * input` element by element; the two broadcast.",
    "silu": "Compute `x * sigmoid(x)` for each element.",
    "softplus": "Compute `log(1 + exp(x))` for each element, without overflow.",
    "sub": "Compute `input - alpha * other` element by element; the two broadcast.",
    "where": "Keep this tensor's elements where the condition holds, else take those of `other`; the three broadcast.",
    "zeta": "Compute the Hurwitz zeta function: the sum of `(k + other) ** -input` over k = 0, 1, 2, ...",
}
_ALONG = {
    "amax": "Return the largest elements over dimensions (one or several; all by default). NaN counts as the largest.",
    "amin": "Return the smallest elements over dimensions (one or several; all by default). NaN counts as the smallest.",
    "aminmax": "Return `(min, max)`, the smallest and the largest elements along a dimension, of all by default.",
    "argmax": "Return the index of the first largest element along a dimension, by default in the flattened tensor.",
    "argmin": "Return the index of the first smallest element along a dimension, by default in the flattened tensor.",
    "argsort": "Return the indices that sort a dimension, in ascending order unless `descending`; always stable.",
    "bucketize": (
        "Return for each element how many of the sorted `boundaries` are less than it (with `right`, at most it), which "
        "is the number of its bucket."
    ),
    "count_nonzero": "Count the elements that are not zero over dimensions, all by default.",
    "cummax": "Return `(values, indices)`: the running maxima along a dimension, and where each was last met.",
    "cummin": "Return `(values, indices)`: the running minima along a dimension, and where each was last met.",
    "cumprod": "Return the running products along a dimension; the shape stays. Bools and integers give int64.",
    "cumsum": "Return the running sums along a dimension; the shape stays. Bools and integers give int64.",
    "kthvalue": "Return `(values, indices)` of the k-th smallest elements along a dimension, counting from 1.",
    "log_softmax": "Compute the logarithm of `softmax` along a dimension, without overflow; `dtype` casts the input first.",
    "logcumsumexp": "Compute `log(cumsum(exp(x)))` along a dimension, without overflow.",
    "logsumexp": "Compute `log(sum(exp(x)))` over one or several dimensions, without overflow.",
    "msort": "Sort along the first dimension, in ascending order.",
    "nanmean": "Average the elements that are not NaN over dimensions, all by default; NaN where there are none.",
    "nansum": "Add elements over dimensions, all by default, with NaN as 0.",
    "prod": "Multiply elements over a dimension, all by default. Bools and integers give int64.",
    "softmax": "Compute `exp(x)` divided by its sum along a dimension; `dtype` casts the input first.",
    "std_mean": "Return the standard deviation, as `std` does, and the mean over dimensions, all by default.",
    "var_mean": "Return the variance, as `var` does, and the mean over dimensions, all by default.",
}
_ARRANGED = {
    "argwhere": "Return the indices of elements that are not zero, one row for each: [count, dimensions].",
    "atleast_1d": "Give tensors at least one dimension; several come back as a tuple.",
    "atleast_2d": "Give tensors at least two dimensions, a vector [n] as a row [1, n]; several come back as a tuple.",
    "atleast_3d": "Give tensors at least three dimensions: [n] as [1, n, 1], [m, n] as [m, n, 1]; several as a tuple.",
    "broadcast_to": "Return a view in a larger shape, where dimensions of size 1, and new ones in front, repeat.",
    "constant_pad_nd": "Add elements of one value around the last dimensions: `pad` as in `nn.functional.pad`.",
    "diag": "Make a matrix with a vector on a diagonal, or take a diagonal of a matrix; positive ones lie above the main.",
    "diag_embed": "Make square matrices of zeros with the last dimension on a diagonal of dimensions `dim1` and `dim2`.",
    "dstack": "Join tensors along the third dimension, [n] as [1, n, 1] and [m, n] as [m, n, 1].",
    "expand_as": "Return a view in the shape of `other`, where dimensions of size 1, and new ones in front, repeat.",
    "fftshift": "Move the zero frequency to the middle of dimensions, all by default.",
    "fliplr": "Reverse the order of the columns: the second dimension.",
    "flipud": "Reverse the order of the rows: the first dimension.",
    "ifftshift": "Move the zero frequency from the middle of dimensions, all by default, to the front: `fftshift` undone.",
    "istft": "Return the signals [..., time] whose `stft`, with the same arguments, is nearest to this one in squares.",
    "meshgrid": (
        "Return, for vectors of sizes n, m, ..., as many grids [n, m, ...] of their elements; `indexing='xy'` swaps the "
        "first two dimensions."
    ),
    "one_hot": "Return vectors of `num_classes` along a new last dimension: 1 at the class that each integer names, else 0.",
    "ravel": "Return a vector of all elements, as a view where they lie in order.",
    "reshape_as": "Give the tensor the shape of `other` with the same elements in the same order.",
    "roll": "Move elements along dimensions, what leaves one end enters at the other; by default in the flattened tensor.",
    "stft": "Transform windows of `n_fft` points, `hop_length` apart: signals [..., time] to [..., frequencies, windows].",
    "take": "Select elements of the flattened tensor; the result has the shape of `index`.",
    "tile": "Lay copies of a tensor side by side, the given number of times along each dimension.",
    "tril": "Set what lies above a diagonal of matrices [..., m, n] to zero.",
    "triu": "Set what lies below a diagonal of matrices [..., m, n] to zero.",
    "unsafe_split": "As `split`: cut a tensor into views of one size, or of the given sizes, along a dimension.",
    "unsafe_split_with_sizes": "As `split_with_sizes`: cut a tensor into views of the given sizes along a dimension.",
    "view_as": "See the tensor in the shape of `other`; raise where that needs a copy.",
    "vstack": "Join tensors along the first dimension, vectors as rows.",
}
_ALGEBRA = {
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
_ABOUT = {
    "cpu": "Return the tensor on the CPU: itself if it is there.",
    "cuda": "Return the tensor on a CUDA device, as `to('cuda')` or `to(device)` do: itself if it is there.",
    "device": "Where the elements lie: the CPU, or a CUDA device and its number.",
    "dim": "Return the number of dimensions.",
    "is_complex": "Return whether the elements are complex numbers.",
    "is_conj": "Return False: conjugates are computed at once.",
    "is_cpu": "Whether the elements lie on the CPU.",
    "is_cuda": "Whether the elements lie on a CUDA device.",
    "is_floating_point": "Return whether the elements are real floats, of any precision.",
    "is_inference": "Return False: tensors made in `inference_mode` are like others.",
    "is_neg": "Return False: negatives are computed at once.",
    "is_pinned": "Return False: no memory is pinned.",
    "name": "None: tensors bear no names.",
    "nbytes": "The size of all elements in bytes.",
    "ndimension": "Return the number of dimensions.",
    "nelement": "Return the number of elements.",
    "new": "Make a tensor of the same dtype from data or sizes; `new_tensor`, `new_zeros` and the like are the newer way.",
    "numel": "Return the number of elements.",
    "output_nr": "Always 0: nodes do not number their outputs.",
    "pin_memory": "Return the tensor itself: no memory is pinned.",
    "retains_grad": "Whether `retain_grad` was called on this tensor, which is no leaf.",
    "size": "The number of elements; called, the shape, or with `size(dim)` the length of one dimension.",
    "type_as": "Return the tensor in the dtype of `other`.",
}
TEXTS = _POINTWISE | _ALONG | _ARRANGED | _ALGEBRA | _ABOUT
