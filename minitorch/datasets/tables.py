"""Small real data sets, from scikit-learn's wheel: nothing is downloaded.

Each function returns the samples as float32 and the targets (classes as int64, real targets as float32), as NumPy arrays or,
with `as_tensors`, as Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, MissingExtraError, ShapeError
from ..tensor.creation import from_numpy
from ..tensor.handle import Tensor


class Split(NamedTuple):
    """Samples and targets to train and to test with.

    >>> split = Split(x_train=[[1.0], [2.0]], x_test=[[3.0]], y_train=[0, 1], y_test=[1])
    >>> x_train, x_test, y_train, y_test = split
    >>> x_test, split.y_test
    ([[3.0]], [1])
    """

    x_train: Any
    x_test: Any
    y_train: Any
    y_test: Any


def _load(name: str) -> Any:
    try:
        module = import_module("sklearn.datasets")
    except ModuleNotFoundError:
        raise MissingExtraError("scikit-learn", "data") from None
    return getattr(module, f"load_{name}")(return_X_y=True)


def _loader(name: str, text: str, target: type[np.generic]) -> Callable[..., tuple[Any, Any]]:
    def load(as_tensors: bool = False) -> tuple[Any, Any]:
        x, y = _load(name)
        x, y = x.astype(np.float32), y.astype(target)
        return (from_numpy(x), from_numpy(y)) if as_tensors else (x, y)

    load.__name__ = load.__qualname__ = name
    load.__doc__ = text
    return load


digits = _loader(
    "digits",
    """Return 1,797 images of handwritten digits, 64 pixels from 0 to 16, and their 10 classes.

    >>> images, classes = digits()
    >>> images.shape, images.max(), classes[:5]
    ((1797, 64), np.float32(16.0), array([0, 1, 2, 3, 4]))
    """,
    np.int64,
)
iris = _loader(
    "iris",
    """Return 150 flowers, 4 measurements in centimeters each, and their 3 species.

    >>> flowers, species = iris(as_tensors=True)
    >>> flowers[0], species.bincount()
    (tensor([5.1000, 3.5000, 1.4000, 0.2000]), tensor([50, 50, 50]))
    """,
    np.int64,
)
wine = _loader(
    "wine",
    """Return 178 wines, 13 measurements each, and their 3 cultivars.

    >>> wines, cultivars = wine(as_tensors=True)
    >>> wines.shape, cultivars.bincount()
    ((178, 13), tensor([59, 71, 48]))
    """,
    np.int64,
)
breast_cancer = _loader(
    "breast_cancer",
    """Return 569 tumors, 30 measurements each, and 0 for malignant or 1.

    >>> tumors, benign = breast_cancer(as_tensors=True)
    >>> tumors.shape, benign.sum()
    ((569, 30), tensor(357))
    """,
    np.int64,
)
diabetes = _loader(
    "diabetes",
    """Return 442 patients, 10 standardized measurements, and the disease's progress.

    >>> patients, progress = diabetes(as_tensors=True)
    >>> patients.shape, progress[:3]
    ((442, 10), tensor([151.,  75., 141.]))
    """,
    np.float32,
)


def train_test_split(x: Any, y: Any, test_size: float = 0.2, seed: int = 0) -> Split:
    """Shuffle samples and targets together and split them; `test_size` is a fraction, or a number of samples.

    >>> split = train_test_split(np.zeros((10, 2)), np.zeros(10), test_size=0.3)
    >>> split.x_train.shape, split.y_test.shape
    ((7, 2), (3,))
    """
    n = len(x)
    if len(y) != n:
        raise ShapeError(f"train_test_split: x has {n} samples and y {len(y)}; they must agree")
    count = round(n * test_size) if isinstance(test_size, float) else test_size
    if not 0 < count < n:
        raise ArgumentError(f"train_test_split: test_size={test_size} of {n} samples leaves a part empty")
    order = np.random.default_rng(seed).permutation(n)
    train, test = order[count:], order[:count]
    return Split(_take(x, train), _take(x, test), _take(y, train), _take(y, test))


def _take(x: Any, index: np.ndarray[Any, Any]) -> Any:
    return x[from_numpy(index)] if isinstance(x, Tensor) else np.asarray(x)[index]
