"""Linear algebra, as `torch.linalg`: matrices are the last two dimensions, batches come before."""

from .tensor.functions import public
from .tensor.linalg import LINALG

globals().update({name: public(f"linalg.{name}", function) for name, function in LINALG.items()})
__all__ = list(LINALG)
