"""Linear algebra, as `torch.linalg`: matrices are the last two dimensions, batches come before."""

from .core.errors import LinAlgError
from .tensor import factors, linalg
from .tensor.functions import public

LINALG = linalg.LINALG | factors.LINALG

globals().update({name: public(f"linalg.{name}", function) for name, function in LINALG.items()})
__all__ = ["LinAlgError", *LINALG]
