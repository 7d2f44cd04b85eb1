"""What functions that move elements do and stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "argwhere": (
        "Return the indices of elements that are not zero, one row for each: [count, dimensions].",
        "mt.argwhere(mt.tensor([[0, 5], [7, 0]])).tolist()",
        "[[0, 1], [1, 0]]",
    ),
    "atleast_1d": (
        "Give tensors at least one dimension; several come back as a tuple.",
        "mt.atleast_1d(mt.tensor(1), mt.tensor([2, 3]))",
        "(tensor([1]), tensor([2, 3]))",
    ),
    "atleast_2d": (
        "Give tensors at least two dimensions, a vector [n] as a row [1, n]; several come back as a tuple.",
        "mt.atleast_2d(mt.tensor([1, 2]))",
        "tensor([[1, 2]])",
    ),
    "atleast_3d": (
        "Give tensors at least three dimensions: [n] as [1, n, 1], [m, n] as [m, n, 1]; several as a tuple.",
        "mt.atleast_3d(mt.zeros(4)).shape, mt.atleast_3d(mt.zeros(2, 3)).shape",
        "((1, 4, 1), (2, 3, 1))",
    ),
    "broadcast_to": (
        "Return a view in a larger shape, where dimensions of size 1, and new ones in front, repeat.",
        "mt.broadcast_to(mt.tensor([1, 2]), (2, 2)).tolist()",
        "[[1, 2], [1, 2]]",
    ),
    "constant_pad_nd": (
        "Add elements of one value around the last dimensions: `pad` as in `nn.functional.pad`.",
        "mt.constant_pad_nd(mt.tensor([1, 2]), (1, 2), 9)",
        "tensor([9, 1, 2, 9, 9])",
    ),
    "diag": (
        "Make a matrix with a vector on a diagonal, or take a diagonal of a matrix; positive ones lie above the main.",
        "mt.diag(mt.tensor([1, 2])).tolist()",
        "[[1, 0], [0, 2]]",
        "mt.diag(mt.tensor([[1, 2], [3, 4]])), mt.diag(mt.tensor([[1, 2], [3, 4]]), 1)",
        "(tensor([1, 4]), tensor([2]))",
    ),
    "diag_embed": (
        "Make square matrices of zeros with the last dimension on a diagonal of dimensions `dim1` and `dim2`.",
        "mt.diag_embed(mt.tensor([[1, 2], [3, 4]])).tolist()",
        "[[[1, 0], [0, 2]], [[3, 0], [0, 4]]]",
    ),
    "dstack": (
        "Join tensors along the third dimension, [n] as [1, n, 1] and [m, n] as [m, n, 1].",
        "mt.dstack([mt.tensor([1, 2]), mt.tensor([3, 4])]).tolist()",
        "[[[1, 3], [2, 4]]]",
    ),
    "expand_as": (
        "Return a view in the shape of `other`, where dimensions of size 1, and new ones in front, repeat.",
        "mt.tensor([1, 2]).expand_as(mt.zeros(2, 2)).tolist()",
        "[[1, 2], [1, 2]]",
    ),
    "fftshift": (
        "Move the zero frequency to the middle of dimensions, all by default.",
        "mt.fft.fftshift(mt.tensor([0, 1, 2, -2, -1]))",
        "tensor([-2, -1,  0,  1,  2])",
    ),
    "fliplr": (
        "Reverse the order of the columns: the second dimension.",
        "mt.fliplr(mt.tensor([[1, 2], [3, 4]])).tolist()",
        "[[2, 1], [4, 3]]",
    ),
    "flipud": (
        "Reverse the order of the rows: the first dimension.",
        "mt.flipud(mt.tensor([[1, 2], [3, 4]])).tolist()",
        "[[3, 4], [1, 2]]",
    ),
    "ifftshift": (
        "Move the zero frequency from the middle of dimensions, all by default, to the front: `fftshift` undone.",
        "mt.fft.ifftshift(mt.tensor([-2, -1, 0, 1, 2]))",
        "tensor([ 0,  1,  2, -2, -1])",
    ),
    "meshgrid": (
        (
            "Return, for vectors of sizes n, m, ..., as many grids [n, m, ...] of their elements; `indexing='xy'` swaps the "
            "first two dimensions."
        ),
        'x, y = mt.meshgrid(mt.tensor([1, 2]), mt.tensor([3, 4, 5]), indexing="ij")',
        "",
        "x.tolist()",
        "[[1, 1, 1], [2, 2, 2]]",
        "y.tolist()",
        "[[3, 4, 5], [3, 4, 5]]",
    ),
    "ravel": (
        "Return a vector of all elements, as a view where they lie in order.",
        "mt.ravel(mt.tensor([[1, 2], [3, 4]]))",
        "tensor([1, 2, 3, 4])",
    ),
    "reshape_as": (
        "Give the tensor the shape of `other` with the same elements in the same order.",
        "mt.arange(4).reshape_as(mt.zeros(2, 2)).tolist()",
        "[[0, 1], [2, 3]]",
    ),
    "roll": (
        "Move elements along dimensions, what leaves one end enters at the other; by default in the flattened tensor.",
        "mt.roll(mt.arange(5), 2)",
        "tensor([3, 4, 0, 1, 2])",
        "mt.roll(mt.tensor([[1, 2], [3, 4]]), 1, dims=0).tolist()",
        "[[3, 4], [1, 2]]",
    ),
    "take": (
        "Select elements of the flattened tensor; the result has the shape of `index`.",
        "mt.take(mt.tensor([[10, 20], [30, 40]]), mt.tensor([3, 0]))",
        "tensor([40, 10])",
    ),
    "tile": (
        "Lay copies of a tensor side by side, the given number of times along each dimension.",
        "mt.tile(mt.tensor([1, 2]), (2, 2)).tolist()",
        "[[1, 2, 1, 2], [1, 2, 1, 2]]",
    ),
    "tril": (
        "Set what lies above a diagonal of matrices [..., m, n] to zero.",
        "mt.tril(mt.tensor([[1, 2], [3, 4]])).tolist()",
        "[[1, 0], [3, 4]]",
        "mt.tril(mt.ones(2, 3), 1).tolist()",
        "[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]",
    ),
    "triu": (
        "Set what lies below a diagonal of matrices [..., m, n] to zero.",
        "mt.triu(mt.tensor([[1, 2], [3, 4]])).tolist()",
        "[[1, 2], [0, 4]]",
        "mt.triu(mt.ones(2, 3), 1).tolist()",
        "[[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]",
    ),
    "unsafe_split": (
        "As `split`: cut a tensor into views of one size, or of the given sizes, along a dimension.",
        "mt.unsafe_split(mt.arange(5), 2)",
        "(tensor([0, 1]), tensor([2, 3]), tensor([4]))",
    ),
    "unsafe_split_with_sizes": (
        "As `split_with_sizes`: cut a tensor into views of the given sizes along a dimension.",
        "mt.unsafe_split_with_sizes(mt.arange(5), [1, 4])",
        "(tensor([0]), tensor([1, 2, 3, 4]))",
    ),
    "view_as": (
        "See the tensor in the shape of `other`; raise where that needs a copy.",
        "mt.arange(4).view_as(mt.zeros(2, 2)).tolist()",
        "[[0, 1], [2, 3]]",
    ),
    "vstack": (
        "Join tensors along the first dimension, vectors as rows.",
        "mt.vstack([mt.tensor([1, 2]), mt.tensor([[3, 4], [5, 6]])]).tolist()",
        "[[1, 2], [3, 4], [5, 6]]",
    ),
}
