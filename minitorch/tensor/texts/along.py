"""What reductions, scans and sorting do that stand in a table as a line of code."""

from .written import Text

TEXTS: dict[str, Text] = {
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
