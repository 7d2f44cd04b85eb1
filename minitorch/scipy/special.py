"""Special functions with SciPy's arguments, as `jax.scipy.special`; more of them stand in `minitorch.special`."""

from .. import special
from ..nn.functions import log_softmax, logsumexp, softmax

# Of PyTorch's functions those whose arguments are SciPy's.
_SHARED = (
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "expit", "gammainc", "gammaincc", "gammaln", "i0", "i0e", "i1",
    "i1e", "log_ndtr", "logit", "multigammaln", "ndtr", "ndtri", "polygamma", "xlog1py", "xlogy", "zeta",
)  # fmt: skip
globals().update({name: getattr(special, name) for name in _SHARED})
__all__ = ["log_softmax", "logsumexp", "softmax", *_SHARED]
