"""Special functions with SciPy's arguments, as `jax.scipy.special`; more of them stand in `minitorch.special`."""

import functools
from collections.abc import Callable
from typing import Any

from .. import special
from ..nn.functions import log_softmax, logsumexp, softmax

# Of PyTorch's functions those whose arguments are SciPy's, each with an example: arguments and the result.
_SHARED: dict[str, tuple[str, str]] = {
    "digamma": ("1.0", "-0.5772..."),
    "entr": ("0.5", "0.3465..."),
    "erf": ("1.0", "0.8427..."),
    "erfc": ("1.0", "0.1572..."),
    "erfcx": ("1.0", "0.4275..."),
    "erfinv": ("0.5", "0.4769..."),
    "expit": ("1.0", "0.7310..."),
    "gammainc": ("2.0, 1.0", "0.2642..."),
    "gammaincc": ("2.0, 1.0", "0.7357..."),
    "gammaln": ("5.0", "3.1780..."),
    "i0": ("1.0", "1.2660..."),
    "i0e": ("1.0", "0.4657..."),
    "i1": ("1.0", "0.5651..."),
    "i1e": ("1.0", "0.2079..."),
    "log_ndtr": ("1.0", "-0.1727..."),
    "logit": ("0.75", "1.0986..."),
    "multigammaln": ("3.0, 2", "1.5501..."),
    "ndtr": ("1.0", "0.8413..."),
    "ndtri": ("0.975", "1.9599..."),
    "polygamma": ("1, 1.0", "1.6449..."),
    "xlog1py": ("2.0, 1.0", "1.3862..."),
    "xlogy": ("2.0, 0.5", "-1.3862..."),
    "zeta": ("2.0, 1.0", "1.6449..."),
}


def _shown(name: str, arguments: str, result: str) -> Callable[..., Any]:
    """Return a function with an example for it here; a copy, because the original belongs to `minitorch.special`."""
    function = getattr(special, name)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__module__, call.__qualname__ = __name__, name
    summary = function.__doc__.partition("\n\n")[0]
    call.__doc__ = (
        f"{summary}\n\n    >>> from minitorch.scipy import special\n    >>> special.{name}({arguments})\n"
        f"    Array({result}, dtype=float32)\n    "
    )
    return call


globals().update({name: _shown(name, *example) for name, example in _SHARED.items()})
__all__ = ["log_softmax", "logsumexp", "softmax", *_SHARED]
