"""Recurrent layers as functions, with PyTorch's arguments: the whole of several layers and directions, and single steps.

Weights come as one list: for each layer, and in it for each direction, `w_ih, w_hh`, with biases `b_ih, b_hh`, and for an
LSTM whose states are projected `w_hr`. Packed sequences are run as a padded batch with a mask of the steps that count.

The operations load with the compiler when a layer is first run: naming the layers costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.array import Array
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops.contractions import matmul
from ...core.ops.gathering import take
from ...core.ops.joining import concatenate, stack
from ...core.ops.pointwise import add, where
from ...core.ops.shaping import expand_dims, reshape, swapaxes, zeros_like
from ...core.tracer import aval_of
from .activation import dropout as dropped
from .layer import linear

States = tuple[Any, ...]


class Weights(NamedTuple):
    """What one layer has in one direction."""

    w_ih: Any
    w_hh: Any
    b_ih: Any
    b_hh: Any
    w_hr: Any


def _with_bias(x: Any, own: Weights) -> Any:
    """Return what the input and both biases add to the gates."""
    from ...core.control.projection import input_sums

    return input_sums(x, own.w_ih, None if own.b_ih is None else add(own.b_ih, own.b_hh))


def _lstm_layer(x: Any, states: States, own: Weights, live: Any, reverse: bool) -> States:
    from ...core.control.lstm import lstm

    h, c = states
    sums, w_hh = _with_bias(x, own), own.w_hh
    if own.w_hr is not None:
        sums, w_hh, h = _projecting(sums, h, c, own, live, reverse)
    hs, cs = lstm(sums, w_hh, h, c, live, reverse)
    return (hs if own.w_hr is None else linear(hs, own.w_hr)), cs


def _projecting(sums: Any, h: Any, c: Any, own: Weights, live: Any, reverse: bool) -> tuple[Any, Any, Any]:
    """Put the projection into the recurrent weight: `w_hh (w_hr y) = (w_hh w_hr) y`; so all products but one are single.

    The first state is given projected, so what it adds to the gates goes in with the input of each first step.
    """
    begins = np.zeros((*sums.shape[:2], 1), bool)
    begins[-1 if reverse else 0] = True
    if live is not None and reverse:
        begins = live & ~np.concatenate([live[1:], np.zeros_like(live[:1])])
    sums = add(sums, where(Array(begins), expand_dims(linear(h, own.w_hh), 0), 0.0))
    return sums, matmul(own.w_hh, own.w_hr), zeros_like(c)


def _gru_layer(x: Any, states: States, own: Weights, live: Any, reverse: bool) -> States:
    from ...core.control.gru import gru
    from ...core.control.projection import input_sums

    return (gru(input_sums(x, own.w_ih, own.b_ih), own.w_hh, own.b_hh, states[0], live, reverse),)


def _plain_layer(activation: str) -> Callable[..., States]:
    def layer(x: Any, states: States, own: Weights, live: Any, reverse: bool) -> States:
        from ...core.control.rnn import rnn

        return (rnn(_with_bias(x, own), own.w_hh, states[0], live, activation, reverse),)

    return layer


LAYERS: dict[str, Callable[..., States]] = {
    "lstm": _lstm_layer,
    "gru": _gru_layer,
    "rnn_tanh": _plain_layer("tanh"),
    "rnn_relu": _plain_layer("relu"),
}


# --------------------------------------------------------------------------- several layers


def _weights(name: str, params: Sequence[Any], biases: bool, places: int) -> list[Weights]:
    """Cut the list of parameters into those of each layer and direction."""
    count = len(params) // places
    projected = name == "lstm" and count == (5 if biases else 3)
    if len(params) != places * count or count != (4 if biases else 2) + projected:
        raise ArgumentError(
            f"{name}: {len(params)} parameters are not those of {places} layers and directions; each has w_ih, w_hh"
            f"{', b_ih, b_hh' if biases else ''}"
        )
    rows = [list(params[at * count : (at + 1) * count]) for at in range(places)]
    return [
        Weights(r[0], r[1], r[2] if biases else None, r[3] if biases else None, r[-1] if projected else None)
        for r in rows
    ]


def _check(name: str, x: Any, states: States) -> None:
    """Raise unless states have the input's dtype."""
    for h in states:
        if h.dtype != x.dtype:
            raise DTypeError(
                f"{name}: Input and hidden tensors are not the same dtype, got input {aval_of(x)} and hidden "
                f"{aval_of(h)}; cast with .to(dtype)"
            )


def _run(
    name: str,
    x: Any,
    states: States,
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    live: Any = None,
) -> States:
    """Run all layers over `x[steps, batch, features]`; return the last layer's results and the final states."""
    directions = 2 if bidirectional else 1
    _check(name, x, states)
    finals: list[list[Any]] = [[] for _ in states]
    rows = _weights(name, params, has_biases, num_layers * directions)
    if x.ndim != 3 or not x.shape[0]:
        raise ShapeError(f"{name}: expected input [steps, batch, features] with a step at least, got {aval_of(x)}")
    for at, own in enumerate(rows):
        layer, reverse = divmod(at, directions)
        if not reverse:
            given, outs = x, []
        if not reverse and layer and dropout and train:
            given = dropped(given, dropout, True)
        made = LAYERS[name](given, tuple(s[at] for s in states), own, live, bool(reverse))
        outs.append(made[0])
        for final, each in zip(finals, made, strict=True):
            final.append(each[0 if reverse else -1])
        if len(outs) == directions:
            x = outs[0] if directions == 1 else concatenate(outs, -1)
    return (x, *(expand_dims(f[0], 0) if len(f) == 1 else stack(f) for f in finals))


class Packing:
    """How the rows of a packed sequence stand in a padded batch `[steps, batch, ...]`."""

    def __init__(self, name: str, data: Any, batch_sizes: Any):
        sizes = np.asarray(batch_sizes.tolist(), np.int64)
        if sizes.ndim != 1 or not sizes.size or sizes[-1] < 1 or (np.diff(sizes) > 0).any():
            raise ShapeError(f"{name}: batch_sizes must be positive and not grow, got {sizes.tolist()}")
        if data.shape[0] != sizes.sum():
            raise ShapeError(f"{name}: batch_sizes add up to {sizes.sum()}, for packed data {aval_of(data)}")
        self.sizes = sizes
        self.live = np.arange(sizes[0]) < sizes[:, None]
        self.rows = np.where(self.live, (np.cumsum(sizes) - sizes)[:, None] + np.arange(sizes[0]), 0)

    def padded(self, data: Any) -> Any:
        """Return the rows as a batch, with other rows where there are none."""
        shape = (*self.live.shape, *data.shape[1:])
        return reshape(data if self.live.all() else take(data, self.rows.reshape(-1), axis=0), shape)

    def packed(self, x: Any) -> Any:
        """Return the rows of a batch that count."""
        flat = reshape(x, (self.live.size, *x.shape[2:]))
        return flat if self.live.all() else take(flat, np.flatnonzero(self.live), axis=0)

    @property
    def mask(self) -> Any:
        """Which steps count, None if all do."""
        return None if self.live.all() else self.live[..., None]


# Weights of 0 leave gates half open; those of 1 add the input to the state.
_EXAMPLES = {
    "lstm": """
    >>> hx, weights = (mt.zeros(1, 1, 1), mt.full((1, 1, 1), 4.0)), [mt.zeros(4, 1), mt.zeros(4, 1)]
    >>> out, h, c = mt.lstm(mt.ones(2, 1, 1), hx, weights, False, 1, 0.0, False, False, False)
    >>> out.flatten(), h.flatten(), c.flatten()
    (tensor([0.4820, 0.3808]), tensor([0.3808]), tensor([1.]))
    """,
    "gru": """
    >>> hx, weights = mt.full((1, 1, 1), 4.0), [mt.zeros(3, 1), mt.zeros(3, 1)]
    >>> out, h = mt.gru(mt.ones(2, 1, 1), hx, weights, False, 1, 0.0, False, False, False)
    >>> out.flatten(), h.flatten()
    (tensor([2., 1.]), tensor([1.]))
    """,
    "rnn_tanh": """
    >>> weights = [mt.ones(1, 1), mt.ones(1, 1)]
    >>> rows, sizes = mt.tensor([[1.0], [0.0], [2.0]]), mt.tensor([2, 1])
    >>> out, h = mt.rnn_tanh(rows, sizes, mt.zeros(1, 2, 1), weights, False, 1, 0.0, False, False)
    >>> out.flatten(), h.flatten()
    (tensor([0.7616, 0.0000, 0.9920]), tensor([0.9920, 0.0000]))
    """,
    "rnn_relu": """
    >>> x, weights = mt.tensor([[[1.0]], [[2.0]], [[-9.0]]]), [mt.ones(1, 1), mt.ones(1, 1)]
    >>> out, h = mt.rnn_relu(x, mt.zeros(1, 1, 1), weights, False, 1, 0.0, False, False, False)
    >>> out.flatten(), h.flatten()
    (tensor([1., 3., 0.]), tensor([0.]))
    """,
}


def _layers(name: str, states: int) -> Callable[..., States]:
    """Return the function of a kind of layer, which takes a padded batch or packed rows and their batch sizes."""

    def padded(
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> States:
        x = swapaxes(input, 0, 1) if batch_first else input
        given = hx if states > 1 else (hx,)
        out, *finals = _run(name, x, tuple(given), params, has_biases, num_layers, dropout, train, bidirectional)
        return (swapaxes(out, 0, 1) if batch_first else out, *finals)

    def packed(
        data: Any,
        batch_sizes: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> States:
        packing = Packing(name, data, batch_sizes)
        given, rest = hx if states > 1 else (hx,), (has_biases, num_layers, dropout, train, bidirectional)
        out, *finals = _run(name, packing.padded(data), tuple(given), params, *rest, packing.mask)
        return (packing.packed(out), *finals)

    def call(*args: Any, **kwargs: Any) -> States:
        is_packed = "batch_sizes" in kwargs or (len(args) > 3 and not isinstance(args[3], bool))
        return packed(*args, **kwargs) if is_packed else padded(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    pair = ", a pair of hidden states and cells" if states > 1 else ""
    call.__doc__ = f"""Run {name} layers over padded or packed input; return the last layer's results and the final states.

    `(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)` takes
    `input[steps, batch, features]`, with `batch_first` the first two exchanged;
    `(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)` takes packed rows. `hx` is the
    first states, `[layers * directions, batch, width]`{pair}; `params` the list of weights, layer by layer. In training,
    `dropout` applies between layers.
{_EXAMPLES[name]}"""
    return call


lstm = _layers("lstm", 2)
gru = _layers("gru", 1)
rnn_tanh = _layers("rnn_tanh", 1)
rnn_relu = _layers("rnn_relu", 1)


# --------------------------------------------------------------------------- one step


def _step(name: str, input: Any, states: States, *params: Any) -> States:
    w_ih, w_hh, b_ih, b_hh = params
    if input.ndim != 2 or input.shape[-1] != w_ih.shape[-1]:
        raise ShapeError(
            f"{name}_cell: input has inconsistent input_size: got {aval_of(input)}, expected [batch, {w_ih.shape[-1]}]"
        )
    for h in states:
        if h.shape != (input.shape[0], w_hh.shape[-1]):
            raise ShapeError(
                f"{name}_cell: hidden has inconsistent hidden_size: got {aval_of(h)}, expected "
                f"{[input.shape[0], w_hh.shape[-1]]}"
            )
    _check(f"{name}_cell", input, states)
    made = LAYERS[name](expand_dims(input, 0), states, Weights(w_ih, w_hh, b_ih, b_hh, None), None, False)
    return tuple(reshape(x, x.shape[1:]) for x in made)


def lstm_cell(
    input: Any, hx: Sequence[Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Any, Any]:
    """Return the hidden state and the cell after one step, for `input[batch, features]` and `hx` a pair `[batch, width]`.

    >>> h, c = mt.lstm_cell(mt.ones(1, 2), (mt.zeros(1, 1), mt.tensor([[4.0]])), mt.zeros(4, 2), mt.zeros(4, 1))
    >>> h, c
    (tensor([[0.4820]]), tensor([[2.]]))
    """
    h, c = _step("lstm", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return the hidden state after one step, for `input[batch, features]` and `hx[batch, width]`.

    >>> mt.gru_cell(mt.ones(1, 2), mt.tensor([[4.0]]), mt.zeros(3, 2), mt.zeros(3, 1))
    tensor([[2.]])
    """
    return _step("gru", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return `tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)`.

    >>> mt.rnn_tanh_cell(mt.tensor([[1.0, 2.0]]), mt.tensor([[0.5]]), mt.tensor([[0.1, 0.2]]), mt.tensor([[1.0]]))
    tensor([[0.7616]])
    """
    return _step("rnn_tanh", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return `relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)`.

    >>> mt.rnn_relu_cell(mt.tensor([[1.0, 2.0]]), mt.tensor([[0.5]]), mt.tensor([[1.0, 1.0]]), mt.tensor([[10.0]]))
    tensor([[8.]])
    """
    return _step("rnn_relu", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
