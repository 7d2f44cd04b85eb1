"""Activations as modules. Each is a function of `functional` and the arguments it keeps: a row of the table."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...core.array import wrap
from ...core.errors import ShapeError
from ...core.tracer import aval_of
from ...tensor.types import get_default_dtype
from .. import functional as F
from ..init import constant_
from ..module import Module
from .linear import placed


class _Activation(Module):
    """A function of one tensor with fixed arguments: their defaults, and how those that are printed look."""

    _function: Any
    _defaults: ClassVar[dict[str, Any]] = {}
    _shown: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        names = list(self._defaults)
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__}: takes {len(names)} arguments, got {len(args)}")
        given = dict(zip(names, args))
        for name in kwargs:
            if name not in self._defaults or name in given:
                raise TypeError(f"{type(self).__name__}: got an unexpected argument {name!r}; it takes {names}")
        self.__dict__.update({**self._defaults, **given, **kwargs})

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        mine = self.__dict__
        return self._function(input, **{name: mine[name] for name in self._defaults})

    def extra_repr(self) -> str:
        """Return the arguments."""
        shown = [form.format(self.__dict__[name]) for name, form in self._shown.items() if name != "inplace"]
        return ", ".join(shown + (["inplace=True"] if self.__dict__.get("inplace") else []))


_EXAMPLE = """{text}

    >>> nn.{name}({arguments})(mt.tensor([-1.0, 1.0]))
    tensor({values})
    """


def _activation(
    name: str, function: Any, text: str, values: str, shown: dict[str, str] | None = None, **defaults: Any
) -> Any:
    """Return a layer; `values` is what its example prints, the function of -1 and 1."""
    arguments = "dim=0" if "dim" in defaults else ""
    body = {
        "__doc__": _EXAMPLE.format(text=text, name=name, arguments=arguments, values=values),
        "__module__": __name__,
        "_function": staticmethod(function),
        "_defaults": defaults,
        "_shown": shown or {},
    }
    return type(name, (_Activation,), body)


class ReLU(Module):
    """Each element x becomes `max(x, 0)`.

    >>> nn.ReLU()(mt.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        """Return whether it works in place."""
        return "inplace=True" if self.inplace else ""


# fmt: off
Sigmoid     = _activation("Sigmoid", F.sigmoid, "`1 / (1 + exp(-x))`.", "[0.2689, 0.7311]")
Tanh        = _activation("Tanh", F.tanh, "The hyperbolic tangent.", "[-0.7616,  0.7616]")
Softmax     = _activation("Softmax", F.softmax, "`exp(x)` divided by its sum along `dim`.",
                          "[0.1192, 0.8808]", {"dim": "dim={}"}, dim=None)
LogSoftmax  = _activation("LogSoftmax", F.log_softmax, "The logarithm of the softmax along `dim`.",
                          "[-2.1269, -0.1269]", {"dim": "dim={}"}, dim=None)
Softmin     = _activation("Softmin", F.softmin, "The softmax of -x along `dim`.",
                          "[0.8808, 0.1192]", {"dim": "dim={}"}, dim=None)
GELU        = _activation("GELU", F.gelu, "x times the normal distribution function of x.",
                          "[-0.1587,  0.8413]", {"approximate": "approximate={!r}"}, approximate="none")
SiLU        = _activation("SiLU", F.silu, "`x * sigmoid(x)`.", "[-0.2689,  0.7311]", inplace=False)
Mish        = _activation("Mish", F.mish, "`x * tanh(softplus(x))`.", "[-0.3034,  0.8651]", inplace=False)
LeakyReLU   = _activation("LeakyReLU", F.leaky_relu, "x where it is positive, else `negative_slope * x`.",
                          "[-0.0100,  1.0000]", {"negative_slope": "negative_slope={}"}, negative_slope=0.01, inplace=False)
ELU         = _activation("ELU", F.elu, "x where it is positive, else `alpha * (exp(x) - 1)`.",
                          "[-0.6321,  1.0000]", {"alpha": "alpha={}"}, alpha=1.0, inplace=False)
SELU        = _activation("SELU", F.selu, "A scaled ELU with the constants of Klambauer et al. (2017).",
                          "[-1.1113,  1.0507]", inplace=False)
Softplus    = _activation("Softplus", F.softplus, "`log(1 + exp(beta * x)) / beta`.",
                          "[0.3133, 1.3133]", {"beta": "beta={}", "threshold": "threshold={}"}, beta=1.0, threshold=20.0)
Softsign    = _activation("Softsign", F.softsign, "`x / (1 + |x|)`.", "[-0.5000,  0.5000]")
LogSigmoid  = _activation("LogSigmoid", F.logsigmoid, "`log(sigmoid(x))`, without overflow.", "[-1.3133, -0.3133]")
ReLU6       = _activation("ReLU6", F.relu6, "x limited to [0, 6].", "[0., 1.]", inplace=False)
Hardtanh    = _activation("Hardtanh", F.hardtanh, "x limited to [min_val, max_val].",
                          "[-1.,  1.]", {"min_val": "min_val={}", "max_val": "max_val={}"},
                          min_val=-1.0, max_val=1.0, inplace=False)
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid, "`relu6(x + 3) / 6`.", "[0.3333, 0.6667]", inplace=False)
Hardswish   = _activation("Hardswish", F.hardswish, "`x * relu6(x + 3) / 6`.", "[-0.3333,  0.6667]", inplace=False)
GLU         = _activation("GLU", F.glu, "The first half times the sigmoid of the second half along `dim`.",
                          "[-0.7311]", {"dim": "dim={}"}, dim=-1)
CELU        = _activation("CELU", F.celu, "x where it is positive, else `alpha * (exp(x / alpha) - 1)`.",
                          "[-0.6321,  1.0000]", {"alpha": "alpha={}"}, alpha=1.0, inplace=False)
Hardshrink  = _activation("Hardshrink", F.hardshrink, "x where its absolute value is over `lambd`, else 0.",
                          "[-1.,  1.]", {"lambd": "{}"}, lambd=0.5)
Softshrink  = _activation("Softshrink", F.softshrink, "x moved by `lambd` toward 0, 0 where it is nearer than that.",
                          "[-0.5000,  0.5000]", {"lambd": "{}"}, lambd=0.5)
Tanhshrink  = _activation("Tanhshrink", F.tanhshrink, "`x - tanh(x)`.", "[-0.2384,  0.2384]")
# fmt: on


class Threshold(Module):
    """x where it is over a threshold, else a value.

    >>> nn.Threshold(0.5, -1.0)(mt.tensor([0.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Return the numbers."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class RReLU(Module):
    """x where it is positive, else x times a slope: random in training, the mean of the limits in evaluation.

    >>> nn.RReLU(0.25, 0.75).eval()(mt.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the limits."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Softmax2d(Module):
    """The softmax over the channels of `[N, C, H, W]` or `[C, H, W]`.

    >>> nn.Softmax2d()(mt.zeros(1, 4, 2, 2)).sum(1)
    tensor([[[1., 1.],
             [1., 1.]]])
    """

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: expected input to be 3D or 4D, got {aval_of(input)}; reshape it")
        return F.softmax(input, -3)


class PReLU(Module):
    """x where it is positive, else x times a trained weight, one for all or one for each channel.

    >>> nn.PReLU(init=0.5)(mt.tensor([-1.0, 2.0])).detach()
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = placed(wrap(np.full(num_parameters, init, dtype)), device)

    def reset_parameters(self) -> None:
        """Set the weights to their first value."""
        constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        """Apply the function."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of weights."""
        return f"num_parameters={self.num_parameters}"
