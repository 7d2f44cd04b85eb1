"""Coordinates of the elements of a shape, and windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap
from ..core.errors import ShapeError, UnsupportedError
from ..core.ops import shaping as S
from ..core.tracer import Value, aval_of
from .arguments import array_of, sizes

# --------------------------------------------------------------------------- coordinates


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Value]:
    """Return coordinate matrices from coordinate vectors; `sparse` ones have size 1 along the other axes.

    >>> [x.tolist() for x in mnp.meshgrid(mnp.array([1, 2]), mnp.array([3, 4, 5]))]
    [[[1, 2], [1, 2], [1, 2]], [[3, 3], [4, 4], [5, 5]]]
    """
    vectors = [array_of(x) for x in xi]
    if any(x.ndim > 1 for x in vectors):
        raise ShapeError(f"meshgrid: takes vectors, got {', '.join(str(aval_of(x)) for x in vectors)}; ravel them")
    grids = S.meshgrid(*vectors, indexing=indexing) if vectors else ()
    if not sparse:
        return list(grids)
    places = [1, 0, *range(2, len(grids))] if indexing == "xy" and len(grids) > 1 else range(len(grids))
    shapes = [tuple(-1 if i == at else 1 for i in range(len(grids))) for at in places]
    return [S.reshape(x, shape) for x, shape in zip(vectors, shapes)]


def indices(dimensions: Any, dtype: Any = None, sparse: bool = False) -> Any:
    """Return the coordinates of every element of a shape: one array per axis, stacked unless `sparse`.

    >>> mnp.indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    wanted = dtypes.canonical(dtype or int)
    found = np.indices(sizes(dimensions), wanted, sparse)
    return tuple(wrap(np.array(x)) for x in found) if sparse else wrap(found)


class _Grid:
    """`mgrid[0:2, 0:3]`: coordinates from slices; an imaginary step is a number of points."""

    def __init__(self, grid: Any, doc: str):
        self._grid = grid
        self.__doc__ = doc

    def __getitem__(self, key: Any) -> Any:
        found = self._grid[key]
        return [_spared(x) for x in found] if isinstance(found, (list, tuple)) else _spared(found)


def _spared(x: np.ndarray) -> Array:
    """Take over NumPy's data with our default dtypes."""
    return Array(x, float if x.dtype == np.float64 else None)


mgrid = _Grid(
    np.mgrid,
    """Make full coordinate arrays from slices; an imaginary step is a number of points, with the end included.

    >>> mnp.mgrid[0:2, 0:2].tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """,
)
ogrid = _Grid(
    np.ogrid,
    """Make coordinate arrays from slices that broadcast to the full ones.

    >>> [x.tolist() for x in mnp.ogrid[0:2, 0:3]]
    [[[0], [1]], [[0, 1, 2]]]
    """,
)


def fromfunction(function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any) -> Value:
    """Call a function on the coordinates of every element, each an array of the shape.

    >>> mnp.fromfunction(lambda i, j: i + 10 * j, (2, 2))
    Array([[ 0., 10.],
           [ 1., 11.]], dtype=float32)
    """
    return function(*indices(shape, dtype), **kwargs)


# --------------------------------------------------------------------------- windows


def _window(function: Callable[..., np.ndarray], M: int, *more: Any) -> Array:
    if M < 0:
        raise UnsupportedError(f"{function.__name__}: M must not be negative, got {M}; give the number of points")
    return Array(function(M, *more), float)


def bartlett(M: int) -> Array:
    """Return the triangular window of `M` points.

    >>> mnp.bartlett(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(np.bartlett, M)


def blackman(M: int) -> Array:
    """Return the Blackman window of `M` points.

    >>> mnp.blackman(5).round(3)
    Array([-0.  ,  0.34,  1.  ,  0.34, -0.  ], dtype=float32)
    """
    return _window(np.blackman, M)


def hamming(M: int) -> Array:
    """Return the Hamming window of `M` points.

    >>> mnp.hamming(5)
    Array([0.08, 0.54, 1.  , 0.54, 0.08], dtype=float32)
    """
    return _window(np.hamming, M)


def hanning(M: int) -> Array:
    """Return the Hann window of `M` points.

    >>> mnp.hanning(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(np.hanning, M)


def kaiser(M: int, beta: float) -> Array:
    """Return the Kaiser window of `M` points and shape `beta`.

    >>> mnp.kaiser(5, 14.0).round(3)
    Array([0.   , 0.165, 1.   , 0.165, 0.   ], dtype=float32)
    """
    return _window(np.kaiser, M, beta)


__all__ = [
    "bartlett", "blackman", "fromfunction", "hamming", "hanning", "indices", "kaiser", "meshgrid", "mgrid",
    "ogrid",
]  # fmt: skip
