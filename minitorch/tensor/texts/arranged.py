"""What functions that move elements do and stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
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
