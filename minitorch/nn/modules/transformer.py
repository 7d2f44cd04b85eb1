"""The transformer: encoder and decoder layers, stacks of them, and the whole. Vaswani et al. (2017), arXiv:1706.03762."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from ...core.tracer import aval_of
from ...tensor.creation import as_tensor
from ...tensor.types import get_default_dtype
from .. import functional as F
from .. import init
from ..functional.attention import additive
from ..module import Module
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .normalization import LayerNorm

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def _activation(given: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not isinstance(given, str):
        return given
    if given not in ACTIVATIONS:
        raise ArgumentError(f"transformer: activation should be relu/gelu, not {given}")
    return ACTIVATIONS[given]


def _clones(module: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(count)])


class _Layer(Module):
    """What encoder and decoder layers share: attentions and a perceptron, each added to what it was given.

    `norm_first` normalizes what a part is given (Xiong et al., 2020), otherwise what comes out of the sum.
    """

    _attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        options = {"bias": bias, "device": device, "dtype": dtype}
        for name in self._attentions:
            attention = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **options)
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first = norm_first
        parts = range(1, len(self._attentions) + 2)
        for i in parts:
            self.add_module(f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, **options))
        for i in parts:
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation)

    def _add(self, x: Any, part: Callable[[Any], Any], norm: Module) -> Any:
        """Add a part's result to x, and normalize before or after."""
        return x + part(norm(x)) if self.norm_first else norm(x + part(x))

    def _perceptron(self, dropout: Module) -> Callable[[Any], Any]:
        return lambda x: dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def _attending(
        self, attention: Module, dropout: Module, memory: Any, mask: Any, padding: Any, causal: bool
    ) -> Callable[[Any], Any]:
        """Return the function of x that attends to the memory, or to x itself where there is none."""

        def part(x: Any) -> Any:
            keys = x if memory is None else memory
            out, _ = attention(
                x, keys, keys, attn_mask=mask, key_padding_mask=padding, is_causal=causal, need_weights=False
            )
            return dropout(out)

        return part


class TransformerEncoderLayer(_Layer):
    """Self-attention and a perceptron of one hidden layer, with dropout and layer norms around.

    >>> from minitorch.tensor.creation import zeros
    >>> TransformerEncoderLayer(8, 2, 16, batch_first=True)(zeros(2, 5, 8)).shape
    (2, 5, 8)
    """

    _attentions = ("self_attn",)

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """Transform `src`, `[steps, batch, d_model]` or with `batch_first` the first two exchanged, or without a batch."""
        attended = self._attending(self.self_attn, self.dropout1, None, src_mask, src_key_padding_mask, is_causal)
        x = self._add(src, attended, self.norm1)
        return self._add(x, self._perceptron(self.dropout2), self.norm2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's result, and a perceptron, with dropout and layer norms around.

    >>> from minitorch.tensor.creation import zeros
    >>> TransformerDecoderLayer(8, 2, 16)(zeros(5, 2, 8), zeros(3, 2, 8)).shape
    (5, 2, 8)
    """

    _attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """Transform `tgt`, looking at `memory`, the encoder's result."""
        attended = self._attending(self.self_attn, self.dropout1, None, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        looked = self._attending(
            self.multihead_attn, self.dropout2, memory, memory_mask, memory_key_padding_mask, memory_is_causal
        )
        x = self._add(tgt, attended, self.norm1)
        x = self._add(x, looked, self.norm2)
        return self._add(x, self._perceptron(self.dropout3), self.norm3)


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer, and a norm behind them.

    `enable_nested_tensor` and `mask_check` are accepted: what is padded is always computed, as PyTorch does in training.

    >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> nn.TransformerEncoder(layer, 2)(mt.zeros(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Any:
        """Pass `src` through all layers."""
        masks = [additive("TransformerEncoder", m, src.dtype) for m in (mask, src_key_padding_mask)]
        for layer in self.layers:
            src = layer(src, src_mask=masks[0], src_key_padding_mask=masks[1], is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer, and a norm behind them.

    >>> layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> nn.TransformerDecoder(layer, 2)(mt.zeros(2, 3, 8), mt.zeros(2, 5, 8)).shape
    (2, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Pass `tgt` through all layers, each of which looks at `memory`."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder that looks at its result.

    >>> from minitorch.tensor.creation import zeros
    >>> model = Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(zeros(2, 5, 8), zeros(2, 3, 8), tgt_mask=model.generate_square_subsequent_mask(3)).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            layer: Module = TransformerEncoderLayer(*sizes, device=device, dtype=dtype)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*sizes, device=device, dtype=dtype)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """Encode `src` and decode `tgt`, both `[steps, batch, d_model]`, with `batch_first` the first two exchanged."""
        at = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[at] != tgt.shape[at]:
            raise ShapeError(
                f"Transformer: the batch number of src and tgt must be equal, got {aval_of(src)} and {aval_of(tgt)}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: the feature number of src and tgt must be equal to d_model, {self.d_model}, got "
                f"{aval_of(src)} and {aval_of(tgt)}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """Return the mask of a sequence whose steps see only those before: -inf above the diagonal, 0 elsewhere."""
        dtype = get_default_dtype() if dtype is None else dtype
        return as_tensor(np.triu(np.full((sz, sz), -np.inf), 1), dtype=dtype, device=device)

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
