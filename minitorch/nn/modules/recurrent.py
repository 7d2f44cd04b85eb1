"""Recurrent layers."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.ops.shaping import expand_dims, squeeze
from ...core.tracer import aval_of
from ...tensor.creation import zeros
from .. import init
from ..functional import recurrent
from ..module import Module
from ..parameter import Parameter
from ..sequences import PackedSequence
from .linear import uniform_parameter

# Of each mode: how many gates, and the function that runs the layers.
MODES: dict[str, tuple[int, Any]] = {
    "LSTM": (4, recurrent.lstm),
    "GRU": (3, recurrent.gru),
    "RNN_TANH": (1, recurrent.rnn_tanh),
    "RNN_RELU": (1, recurrent.rnn_relu),
}
NONLINEARITIES = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}


class RNNBase(Module):
    """What recurrent layers share: parameters by layer and direction, checks, and the run over padded or packed input.

    Parameters are `weight_ih_l0 [gates * hidden_size, input_size]`, `weight_hh_l0 [gates * hidden_size, hidden_size]`,
    `bias_ih_l0`, `bias_hh_l0`, `weight_hr_l0 [proj_size, hidden_size]`; `_reverse` follows for the second direction. All
    are drawn uniformly with bound `1 / sqrt(hidden_size)`, as in PyTorch.

    >>> {name: tuple(p.shape) for name, p in nn.RNNBase("GRU", input_size=2, hidden_size=3).named_parameters()}
    {'weight_ih_l0': (9, 2), 'weight_hh_l0': (9, 3), 'bias_ih_l0': (9,), 'bias_hh_l0': (9,)}
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        name = type(self).__name__
        if mode not in MODES:
            raise ArgumentError(f"{name}: Unrecognized RNN mode: {mode}; use one of {', '.join(MODES)}")
        _check_options(name, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights: tuple[tuple[str, ...], ...] = ()
        gates, bound = MODES[mode][0] * hidden_size, 1 / math.sqrt(hidden_size)
        out = proj_size or hidden_size
        for place in range(num_layers * self._directions):
            layer, reverse = divmod(place, self._directions)
            features = out * self._directions if layer else input_size
            shapes = {"weight_ih": (gates, features), "weight_hh": (gates, out)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if proj_size:
                shapes |= {"weight_hr": (proj_size, hidden_size)}
            names = tuple(f"{key}_l{layer}{'_reverse' if reverse else ''}" for key in shapes)
            for each, shape in zip(names, shapes.values()):
                self.register_parameter(each, uniform_parameter(shape, bound, dtype, device))
            self._all_weights += (names,)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Do nothing: parameters need no layout of their own here."""

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ------------------------------------------------------------------ running

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the results of the last layer for all steps, and the final states of all layers.

        `input` is `[steps, batch, input_size]`, with `batch_first` the first two exchanged, `[steps, input_size]`, or
        packed. `hx`, zeros by default, is `[layers * directions, batch, hidden_size]`, for an LSTM a pair of these.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.ndim not in (2, 3):
            raise ShapeError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.ndim}D tensor instead")
        if input.ndim == 3:
            return self._padded(input, hx)
        at = 0 if self.batch_first else 1
        given = None if hx is None else self._each(lambda h: _unbatched(self._get_name(), h), hx)
        out, states = self._padded(expand_dims(input, at), given)
        return squeeze(out, at), self._each(lambda h: squeeze(h, 1), states)

    def _padded(self, input: Any, hx: Any) -> Any:
        batch = input.shape[0 if self.batch_first else 1]
        self.check_input(input, None)
        hx = self._first(input, hx, batch)
        out, *states = MODES[self.mode][1](input, hx, *self._options, self.batch_first)
        return out, self._joined(states)

    def _packed(self, input: PackedSequence, hx: Any) -> Any:
        data, sizes, order, back = input
        self.check_input(data, sizes)
        given = None if hx is None or order is None else self._each(lambda h: h.index_select(1, order), hx)
        hx = self._first(data, hx if given is None else given, int(sizes[0]))
        out, *states = MODES[self.mode][1](data, sizes, hx, *self._options)
        found = self._joined(states)
        return PackedSequence(out, sizes, order, back), found if back is None else self._each(
            lambda h: h.index_select(1, back), found
        )

    @property
    def _options(self) -> tuple[Any, ...]:
        return self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional

    def _first(self, input: Any, hx: Any, batch: int) -> Any:
        """Return the first states: those given, of the sizes that they must have, or zeros."""
        sizes = self._sizes(batch)
        if hx is None:
            return self._joined([zeros(*size, dtype=input.dtype, device=input.device) for size in sizes])
        for h, size, name in zip(self._parts(hx), sizes, self._names, strict=True):
            self.check_hidden_size(h, size, f"Expected {name} size {{}}, got {{}}")
        return hx

    def _sizes(self, batch: int) -> list[tuple[int, int, int]]:
        return [(self.num_layers * self._directions, batch, self.hidden_size)]

    # An LSTM has two states in the place of one.
    _names: tuple[str, ...] = ("hidden",)

    def _parts(self, hx: Any) -> tuple[Any, ...]:
        return (hx,)

    def _joined(self, states: list[Any]) -> Any:
        return states[0]

    def _each(self, function: Any, hx: Any) -> Any:
        return self._joined([function(h) for h in self._parts(hx)])

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raise unless the input fits the parameters."""
        weight = self._flat_weights[0]
        if input.dtype != weight.dtype:
            raise ArgumentError(  # a ValueError, as in PyTorch
                f"{self._get_name()}: RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.ndim != wanted:
            raise ShapeError(f"{self._get_name()}: input must have {wanted} dimensions, got {aval_of(input)}")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{self._get_name()}: input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: tuple[int, ...], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise unless a state has the shape expected."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise ShapeError(f"{self._get_name()}: " + msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def extra_repr(self) -> str:
        """Return the sizes and what is not as by default."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, usual in defaults.items():
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text


def _unbatched(name: str, h: Any) -> Any:
    if h.ndim != 2:
        raise ShapeError(f"{name}: For unbatched 2-D input, hx should also be 2-D but got {h.ndim}-D tensor")
    return expand_dims(h, 1)


def _check_options(
    name: str,
    input_size: Any,
    hidden_size: Any,
    num_layers: Any,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    proj_size: Any,
) -> None:
    """Raise for options that PyTorch refuses."""
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ArgumentError(
            f"{name}: dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
            f"got {dropout!r}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater "
            f"than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for key, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name}: {key} should be of type {kind.__name__}, got: {type(value).__name__}")
    for key, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ArgumentError(f"{name}: {key} must be greater than zero, got {value}")
    if proj_size < 0:
        raise ArgumentError(f"{name}: proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ArgumentError(f"{name}: proj_size has to be smaller than hidden_size")


class LSTM(RNNBase):
    """Long short-term memory: layers of `c = f * c + i * g`, `h = o * tanh(c)`. Hochreiter and Schmidhuber (1997).

    Options: `num_layers`, `bias`, `batch_first`, `dropout` between layers, `bidirectional`, `proj_size` (of the hidden
    states; Sak et al., 2014). Returns `out, (h_n, c_n)`.

    >>> from minitorch.tensor.creation import zeros
    >>> out, (h, c) = LSTM(3, 4, num_layers=2, bidirectional=True)(zeros(5, 2, 3))
    >>> out.shape, h.shape
    ((5, 2, 8), (4, 2, 4))
    """

    _names = ("hidden[0]", "hidden[1]")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def _sizes(self, batch: int) -> list[tuple[int, int, int]]:
        places = self.num_layers * self._directions
        return [(places, batch, self.proj_size or self.hidden_size), (places, batch, self.hidden_size)]

    def _parts(self, hx: Any) -> tuple[Any, ...]:
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            raise ArgumentError(f"LSTM: hx must be a pair (h_0, c_0), got {type(hx).__name__}")
        return tuple(hx)

    def _joined(self, states: list[Any]) -> Any:
        return tuple(states)


def _only_lstm(name: str, kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ArgumentError(f"{name}: proj_size argument is only supported for LSTM, not RNN or GRU")


class GRU(RNNBase):
    """Gated recurrent units: layers of `n = tanh(x_n + r * m)`, `h = n + z * (h - n)`. Cho et al. (2014).

    Options: `num_layers`, `bias`, `batch_first`, `dropout` between layers, `bidirectional`. Returns `out, h_n`.

    >>> from minitorch.tensor.creation import zeros
    >>> GRU(3, 4, batch_first=True)(zeros(2, 5, 3))[0].shape
    (2, 5, 4)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _only_lstm("GRU", kwargs)
        super().__init__("GRU", *args, **kwargs)


class RNN(RNNBase):
    """Plain recurrent layers, `h = f(x + w h)`, with `nonlinearity` "tanh" or "relu". Elman (1990).

    Options: `num_layers`, `nonlinearity`, `bias`, `batch_first`, `dropout` between layers, `bidirectional`. Returns
    `out, h_n`.

    >>> from minitorch.tensor.creation import zeros
    >>> RNN(3, 4, nonlinearity="relu")(zeros(5, 3))[0].shape
    (5, 4)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _only_lstm("RNN", kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in NONLINEARITIES:
            raise ArgumentError(f"RNN: Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(NONLINEARITIES[nonlinearity], *args, **kwargs)
        self.nonlinearity = nonlinearity


# --------------------------------------------------------------------------- one step
