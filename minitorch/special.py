"""Special functions, as `torch.special`: element by element, with derivatives where they have any."""

from .tensor.functions import public
from .tensor.special import SPECIAL

globals().update({name: public(f"special.{name}", function) for name, function in SPECIAL.items()})
__all__ = list(SPECIAL)
