"""Special functions with SciPy's arguments, as `jax.scipy.special`; more of them stand in `minitorch.special`."""

import functools
from collections.abc import Callable
from typing import Any

from .. import special
from ..nn.functions import log_softmax, logsumexp, softmax

# Of PyTorch's functions those whose arguments are SciPy's, each with an example: arguments and the result.
_SHARED: dict[str, tuple[str, str]] = {
    "digamma": ("1.0", "-0.577216"),
    "entr": ("0.5", "0.346574"),
    "erf": ("1.0", "0.842701"),
    "erfc": ("1.0", "0.157299"),
    "erfcx": ("1.0", "0.427584"),
    "erfinv": ("0.5", "0.476936"),
    "expit": ("1.0", "0.731059"),
    "gammainc": ("2.0, 1.0", "0.264241"),
    "gammaincc": ("2.0, 1.0", "0.735759"),
    "gammaln": ("5.0", "3.178054"),
    "i0": ("1.0", "1.266066"),
    "i0e": ("1.0", "0.465760"),
    "i1": ("1.0", "0.565159"),
    "i1e": ("1.0", "0.207910"),
    "log_ndtr": ("1.0", "-0.172754"),
    "logit": ("0.75", "1.098612"),
    "multigammaln": ("3.0, 2", "1.550195"),
    "ndtr": ("1.0", "0.841345"),
    "ndtri": ("0.975", "1.959964"),
    "polygamma": ("1, 1.0", "1.644934"),
    "xlog1py": ("2.0, 1.0", "1.386294"),
    "xlogy": ("2.0, 0.5", "-1.386294"),
    "zeta": ("2.0, 1.0", "1.644934"),
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
