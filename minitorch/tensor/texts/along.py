"""What reductions, scans and sorting do that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
    "all": (
        "Tell whether all elements, along a dimension or at all, are nonzero (NaN is); of uint8 this is uint8.",
        *("mt.all(mt.tensor([[True, True], [True, False]]), dim=1)", "tensor([ True, False])"),
        *("mt.all(mt.tensor([]))", "tensor(True)"),
    ),
    "amax": (
        "Return the largest elements over dimensions (one or several; all by default). NaN counts as the largest.",
        *("mt.amax(mt.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)", "tensor([5., 7.])"),
        *("mt.amax(mt.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=(0, 1))", "tensor(7.)"),
    ),
    "amin": (
        "Return the smallest elements over dimensions (one or several; all by default). NaN counts as the smallest.",
        *("mt.amin(mt.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)", "tensor([1., 2.])"),
        *("mt.amin(mt.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=(0, 1))", "tensor(1.)"),
    ),
    "aminmax": (
        "Return `(min, max)`, the smallest and the largest elements along a dimension, of all by default.",
        *("low, high = mt.aminmax(mt.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)", ""),
        *("low", "tensor([1., 2.])"),
        *("high", "tensor([5., 7.])"),
    ),
    "any": (
        "Tell whether some element, along a dimension or at all, is nonzero (NaN is); of uint8 this is uint8.",
        *("mt.any(mt.tensor([[False, True], [False, False]]), dim=1)", "tensor([ True, False])"),
        *("mt.any(mt.tensor([]))", "tensor(False)"),
    ),
    "argmax": (
        "Return the index of the first largest element along a dimension, by default in the flattened tensor.",
        *("x = mt.tensor([[1.0, 5.0], [7.0, 7.0]])", ""),
        *("mt.argmax(x)", "tensor(2)"),
        *("mt.argmax(x, dim=1)", "tensor([1, 0])"),
    ),
    "argmin": (
        "Return the index of the first smallest element along a dimension, by default in the flattened tensor.",
        *("x = mt.tensor([[1.0, 5.0], [7.0, 7.0]])", ""),
        *("mt.argmin(x)", "tensor(0)"),
        *("mt.argmin(x, dim=1)", "tensor([0, 0])"),
    ),
    "argsort": (
        "Return the indices that sort a dimension, in ascending order unless `descending`; always stable.",
        *("mt.argsort(mt.tensor([30, 10, 20]))", "tensor([1, 2, 0])"),
        *("mt.argsort(mt.tensor([30, 10, 20]), descending=True)", "tensor([0, 2, 1])"),
    ),
    "bucketize": (
        (
            "Return for each element how many of the sorted `boundaries` are less than it (with `right`, at most it), which "
            "is the number of its bucket."
        ),
        *("mt.bucketize(mt.tensor([0, 10, 15]), mt.tensor([10, 20]))", "tensor([0, 0, 1])"),
        *("mt.bucketize(mt.tensor([0, 10, 15]), mt.tensor([10, 20]), right=True)", "tensor([0, 1, 1])"),
    ),
    "count_nonzero": (
        "Count the elements that are not zero over dimensions, all by default.",
        "mt.count_nonzero(mt.tensor([[0, 1], [2, 3]]), dim=0)",
        "tensor([1, 2])",
    ),
    "cummax": (
        "Return `(values, indices)`: the running maxima along a dimension, and where each was last met.",
        *("values, indices = mt.cummax(mt.tensor([1, 3, 2, 3]), dim=0)", ""),
        *("values", "tensor([1, 3, 3, 3])"),
        *("indices", "tensor([0, 1, 1, 3])"),
    ),
    "cummin": (
        "Return `(values, indices)`: the running minima along a dimension, and where each was last met.",
        *("values, indices = mt.cummin(mt.tensor([3, 1, 2, 1]), dim=0)", ""),
        *("values", "tensor([3, 1, 1, 1])"),
        *("indices", "tensor([0, 1, 1, 3])"),
    ),
    "cumprod": (
        "Return the running products along a dimension; the shape stays. Bools and integers give int64.",
        "mt.cumprod(mt.tensor([[1, 2, 3], [4, 5, 6]]), dim=1)",
        "tensor([[  1,   2,   6], [  4,  20, 120]])",
    ),
    "cumsum": (
        "Return the running sums along a dimension; the shape stays. Bools and integers give int64.",
        "mt.cumsum(mt.tensor([[1, 2, 3], [4, 5, 6]]), dim=1)",
        "tensor([[ 1,  3,  6], [ 4,  9, 15]])",
    ),
    "istft": (
        "Return the signals [..., time] whose `stft`, with the same arguments, is nearest to this one in squares.",
        *("x = mt.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])", ""),
        *("spectra = mt.stft(x, 4, window=mt.hann_window(4), return_complex=True)", ""),
        *("mt.istft(spectra, 4, window=mt.hann_window(4), length=6)", "tensor([1., 2., 3., 4., 5., 6.])"),
    ),
    "kthvalue": (
        "Return `(values, indices)` of the k-th smallest elements along a dimension, counting from 1.",
        *("values, indices = mt.kthvalue(mt.tensor([30, 10, 20]), 2)", ""),
        *("values, indices", "(tensor(20), tensor(2))"),
    ),
    "log_softmax": (
        "Compute the logarithm of `softmax` along a dimension, without overflow; `dtype` casts the input first.",
        "mt.log_softmax(mt.tensor([0.0, 0.0, -1000.0]), dim=0)",
        "tensor([-6.9315e-01, -6.9315e-01, -1.0007e+03])",
    ),
    "logcumsumexp": (
        "Compute `log(cumsum(exp(x)))` along a dimension, without overflow.",
        "mt.logcumsumexp(mt.tensor([0.0, 0.0, 0.0]), dim=0)",
        "tensor([0.0000, 0.6931, 1.0986])",
    ),
    "logsumexp": (
        "Compute `log(sum(exp(x)))` over one or several dimensions, without overflow.",
        "mt.logsumexp(mt.tensor([[1000.0, 1000.0], [0.0, -mt.inf]]), dim=1)",
        "tensor([1000.6932,    0.0000])",
    ),
    "max": (
        (
            "Return the largest of all elements; with `dim`, `(values, indices)` along it; with another tensor, the "
            "larger of each two. NaN counts as the largest."
        ),
        *("x = mt.tensor([[1.0, 5.0], [7.0, 2.0]])", ""),
        *("mt.max(x)", "tensor(7.)"),
        *("values, indices = mt.max(x, dim=1)", ""),
        *("values, indices", "(tensor([5., 7.]), tensor([1, 0]))"),
        *("mt.max(x, mt.tensor(3.0))", "tensor([[3., 5.], [7., 3.]])"),
    ),
    "mean": (
        "Average over dimensions, all by default. Integers raise: cast them, or say a `dtype`. No elements give NaN.",
        *("mt.mean(mt.tensor([[1.0, 2.0], [3.0, 6.0]]))", "tensor(3.)"),
        *("mt.mean(mt.tensor([[1.0, 2.0], [3.0, 6.0]]), dim=1, keepdim=True)", "tensor([[1.5000], [4.5000]])"),
    ),
    "median": (
        (
            "Return the middle one of all elements in order, of two the lower; with `dim`, `(values, indices)` along it. "
            "NaN counts as the largest, and where one is the result is NaN."
        ),
        *("mt.median(mt.tensor([4.0, 1.0, 3.0, 2.0]))", "tensor(2.)"),
        *("values, indices = mt.median(mt.tensor([[3, 1, 2], [5, 6, 4]]), dim=1)", ""),
        *("values, indices", "(tensor([2, 5]), tensor([2, 0]))"),
    ),
    "min": (
        (
            "Return the smallest of all elements; with `dim`, `(values, indices)` along it; with another tensor, the "
            "smaller of each two. NaN counts as the smallest."
        ),
        *("x = mt.tensor([[1.0, 5.0], [7.0, 2.0]])", ""),
        *("mt.min(x)", "tensor(1.)"),
        *("values, indices = mt.min(x, dim=1)", ""),
        *("values, indices", "(tensor([1., 2.]), tensor([0, 1]))"),
        *("mt.min(x, mt.tensor(3.0))", "tensor([[1., 3.], [3., 2.]])"),
    ),
    "msort": (
        "Sort along the first dimension, in ascending order.",
        "mt.msort(mt.tensor([[3, 1], [2, 4]]))",
        "tensor([[2, 1], [3, 4]])",
    ),
    "nanmean": (
        "Average the elements that are not NaN over dimensions, all by default; NaN where there are none.",
        "mt.nanmean(mt.tensor([1.0, mt.nan, 3.0]))",
        "tensor(2.)",
    ),
    "nanmedian": (
        "Return the `median` of the elements that are not NaN; with `dim`, `(values, indices)` along it.",
        *("mt.nanmedian(mt.tensor([4.0, mt.nan, 1.0, 3.0]))", "tensor(3.)"),
    ),
    "nanquantile": (
        "As `quantile`, of the elements that are not NaN.",
        *("mt.nanquantile(mt.tensor([1.0, mt.nan, 2.0]), 0.5)", "tensor(1.5000)"),
    ),
    "nansum": (
        "Add elements over dimensions, all by default, with NaN as 0.",
        "mt.nansum(mt.tensor([1.0, mt.nan, 3.0]))",
        "tensor(4.)",
    ),
    "one_hot": (
        "Return vectors of `num_classes` along a new last dimension: 1 at the class that each integer names, else 0.",
        "mt.one_hot(mt.tensor([0, 2]), num_classes=3)",
        "tensor([[1, 0, 0], [0, 0, 1]])",
    ),
    "prod": (
        "Multiply elements over a dimension, all by default. Bools and integers give int64.",
        *("mt.prod(mt.tensor([[1, 2], [3, 4]]))", "tensor(24)"),
        *("mt.prod(mt.tensor([[1, 2], [3, 4]]), dim=0)", "tensor([3, 8])"),
    ),
    "quantile": (
        (
            "Compute quantiles along a dimension (of all elements by default); those of several q come first. Between two "
            "elements `interpolation` says what counts: linear, lower, higher, nearest or midpoint."
        ),
        *("x = mt.tensor([[0.0, 10.0, 20.0], [1.0, 2.0, 4.0]])", ""),
        *("mt.quantile(x, 0.75, dim=1)", "tensor([15.,  3.])"),
        *("mt.quantile(x, mt.tensor([0.0, 1.0]), dim=1)", "tensor([[ 0.,  1.], [20.,  4.]])"),
        *('mt.quantile(x, 0.75, dim=1, interpolation="lower")', "tensor([10.,  2.])"),
    ),
    "softmax": (
        "Compute `exp(x)` divided by its sum along a dimension; `dtype` casts the input first.",
        "mt.softmax(mt.tensor([[0.0, 0.0], [1000.0, 0.0]]), dim=1)",
        "tensor([[0.5000, 0.5000], [1.0000, 0.0000]])",
    ),
    "std": (
        (
            "Compute the standard deviation over dimensions, all by default: the root of the sum of squared distances from "
            "the mean, divided by `n - correction`, by default by n - 1."
        ),
        *("mt.std(mt.tensor([[1.0, 3.0], [2.0, 6.0]]), dim=1, correction=0)", "tensor([1., 2.])"),
        *("mt.std(mt.tensor([1.0, 2.0, 3.0]))", "tensor(1.)"),
    ),
    "std_mean": (
        "Return the standard deviation, as `std` does, and the mean over dimensions, all by default.",
        *("std, mean = mt.std_mean(mt.tensor([1.0, 2.0, 3.0]))", ""),
        *("std, mean", "(tensor(1.), tensor(2.))"),
    ),
    "stft": (
        (
            "Transform windows of `n_fft` points, `hop_length` apart: signals [..., time] to [..., frequencies, windows]. "
            "Each window is multiplied by `window`; with `center`, window t has its middle at point `t * hop_length`."
        ),
        *("x = mt.tensor([1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0])", ""),
        *("spectra = mt.stft(x, 4, window=mt.ones(4), center=False, return_complex=True)", ""),
        *("spectra.shape", "(3, 5)"),
        *("spectra.abs()[:, 0]", "tensor([0., 2., 0.])"),
    ),
    "sum": (
        "Add elements over dimensions, all by default. Bools and integers are added as int64; `dtype` casts first.",
        *("mt.sum(mt.tensor([[1, 2], [3, 4]]))", "tensor(10)"),
        *("mt.sum(mt.tensor([[1, 2], [3, 4]]), dim=0, keepdim=True)", "tensor([[4, 6]])"),
    ),
    "var": (
        (
            "Compute the variance over dimensions, all by default: the sum of squared distances from the mean, divided by "
            "`n - correction`, by default by n - 1."
        ),
        *("mt.var(mt.tensor([[1.0, 3.0], [2.0, 6.0]]), dim=1)", "tensor([2., 8.])"),
        *("mt.var(mt.tensor([[1.0, 3.0], [2.0, 6.0]]), dim=1, correction=0)", "tensor([1., 4.])"),
    ),
    "var_mean": (
        "Return the variance, as `var` does, and the mean over dimensions, all by default.",
        *("var, mean = mt.var_mean(mt.tensor([1.0, 2.0, 3.0]), correction=0)", ""),
        *("var, mean", "(tensor(0.6667), tensor(2.))"),
    ),
}
