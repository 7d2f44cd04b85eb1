"""minitorch.numpy: NumPy's functions for Arrays and for what transforms make of them.

It follows the Python Array API standard 2024.12, with the extensions `linalg` and `fft`, and beyond it `jax.numpy`: its
argument names, and `size=` where the shape of a result would depend on data.

    types                           data types, promotion, what the namespace says of itself
    creation grids                  making arrays
    arranging joining padding       changing their shapes
    pointwise rounding              element by element
    reducing nans                   over axes, without NaN
    selecting positions ordering    conditions and indices; sorting and sets
    statistics products calculus    quantiles, histograms; contractions; differences, interpolation, convolution
    polynomials mapping             coefficients; vectorize and its kin
    linalg fft                      the extensions
    dispatch                        what answers when NumPy's functions are called on our arrays
"""

from . import fft, linalg
from .dispatch import function_of
from .functions import *
from .functions import __all__ as _names

__array_api_version__ = "2024.12"
__all__ = [*_names, "fft", "linalg"]
