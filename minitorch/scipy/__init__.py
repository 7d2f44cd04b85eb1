"""SciPy's functions for arrays, under the names of jax.scipy."""

from . import special
