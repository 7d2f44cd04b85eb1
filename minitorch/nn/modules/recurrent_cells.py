"""Single steps of recurrent layers."""

from __future__ import annotations

import math
from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.ops.shaping import expand_dims, squeeze
from ...tensor.creation import zeros
from .. import init
from ..functional import recurrent
from ..module import Module
from .linear import uniform_parameter


class RNNCellBase(Module):
    """What single steps share: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, drawn as in the layers.

    >>> nn.RNNCellBase(2, 3, bias=False, num_chunks=4).weight_ih.shape
    (12, 2)
    """

    _count = 1  # of states

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows, bound = num_chunks * hidden_size, 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0.0
        self.weight_ih = uniform_parameter((rows, input_size), bound, dtype, device)
        self.weight_hh = uniform_parameter((rows, hidden_size), bound, dtype, device)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, uniform_parameter((rows,), bound, dtype, device) if bias else None)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _stepped(self, step: Any, input: Any, hx: tuple[Any, ...] | None) -> tuple[Any, ...]:
        """Run a step on a batch, or on one example as a batch."""
        name = self._get_name()
        for what, x in (("input", input), *(("hidden", h) for h in hx or ())):
            if x.ndim not in (1, 2):
                raise ShapeError(f"{name}: Expected {what} to be 1D or 2D, got {x.ndim}D instead")
        alone = input.ndim == 1
        x = expand_dims(input, 0) if alone else input
        if hx is None:
            zero = zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device)
            hx = (zero,) * self._count
        elif alone:
            hx = tuple(expand_dims(h, 0) for h in hx)
        made = step(x, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return tuple(squeeze(h, 0) for h in made) if alone else made

    def extra_repr(self) -> str:
        """Return the sizes and what is not as by default."""
        text = f"{self.input_size}, {self.hidden_size}"
        text += "" if self.bias is True else f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class LSTMCell(RNNCellBase):
    """One step of an LSTM: `(h, c) = cell(input, (h, c))`, for `input[batch, input_size]` or `[input_size]`.

    >>> from minitorch.tensor.creation import zeros
    >>> h, c = LSTMCell(3, 4)(zeros(2, 3))
    >>> h.shape
    (2, 4)
    """

    _count = 2

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
        """Return the next hidden state and cell."""
        h, c = self._stepped(recurrent.lstm_cell, input, None if hx is None else tuple(hx))
        return h, c


class GRUCell(RNNCellBase):
    """One step of a GRU: `h = cell(input, h)`, for `input[batch, input_size]` or `[input_size]`.

    >>> from minitorch.tensor.creation import zeros
    >>> GRUCell(3, 4)(zeros(3)).shape
    (4,)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next hidden state."""
        return self._stepped(_alone(recurrent.gru_cell), input, None if hx is None else (hx,))[0]


class RNNCell(RNNCellBase):
    """One step of a plain recurrent layer, with `nonlinearity` "tanh" or "relu": `h = cell(input, h)`.

    >>> from minitorch.tensor.creation import zeros
    >>> RNNCell(3, 4)(zeros(2, 3)).shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next hidden state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNNCell: Unknown nonlinearity: {self.nonlinearity}; use 'tanh' or 'relu'")
        step = getattr(recurrent, f"rnn_{self.nonlinearity}_cell")
        return self._stepped(_alone(step), input, None if hx is None else (hx,))[0]


def _alone(step: Any) -> Any:
    """Let a step of one state take and return it in a tuple."""
    return lambda x, hx, *weights: (step(x, hx[0], *weights),)
