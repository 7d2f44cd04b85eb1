"""Multi-head attention as a layer."""

from __future__ import annotations

from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...tensor.creation import empty
from .. import functional as F
from .. import init
from ..functional.attention import attend
from ..module import Module
from ..parameter import Parameter
from .linear import Linear


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name by which PyTorch prints the last one of an attention layer."""


class MultiheadAttention(Module):
    """Attention in `num_heads` parts of the width, with projections before and after. Vaswani et al. (2017).

    Parameters are `in_proj_weight [3 * embed_dim, embed_dim]`, or, where keys or values have a width `kdim` or `vdim` of
    their own, `q_proj_weight`, `k_proj_weight` and `v_proj_weight`; `in_proj_bias`; `bias_k` and `bias_v` with
    `add_bias_kv`; and those of `out_proj`. Matrices are drawn with `xavier_uniform_`, biases start at 0, as in PyTorch.

    A query that may look nowhere gives 0; in PyTorch it gives NaN when the weights are asked for.

    >>> from minitorch.tensor.creation import zeros
    >>> x = zeros(2, 5, 8)
    >>> out, weights = MultiheadAttention(8, 2, batch_first=True)(x, x, x)
    >>> out.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.head_dim, self.add_zero_attn = embed_dim // num_heads, add_zero_attn
        options = {"device": device, "dtype": dtype}
        separate = None if self._qkv_same_embed_dim else (embed_dim, self.kdim, self.vdim)
        for name, width in zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), separate or (0, 0, 0)):
            self.register_parameter(name, Parameter(empty(embed_dim, width, **options)) if separate else None)
        whole = None if separate else Parameter(empty(3 * embed_dim, embed_dim, **options))
        self.register_parameter("in_proj_weight", whole)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed_dim, **options)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **options)
        self.bias_k = Parameter(empty(1, 1, embed_dim, **options)) if add_bias_kv else None
        self.bias_v = Parameter(empty(1, 1, embed_dim, **options)) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for one in (self.bias_k, self.bias_v):
            if one is not None:
                init.xavier_normal_(one)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Attend from queries to keys; see `functional.multi_head_attention_forward` for shapes and masks."""
        drop = self.dropout if self.training else 0.0
        separate = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if not self.batch_first or query.ndim != 3 or key.ndim != 3 or value.ndim != 3:
            return F.multi_head_attention_forward(
                query,
                key,
                value,
                self.embed_dim,
                self.num_heads,
                self.in_proj_weight,
                self.in_proj_bias,
                self.bias_k,
                self.bias_v,
                self.add_zero_attn,
                drop,
                self.out_proj.weight,
                self.out_proj.bias,
                True,
                key_padding_mask,
                need_weights,
                attn_mask,
                not self._qkv_same_embed_dim,
                *separate,
                average_attn_weights=average_attn_weights,
                is_causal=is_causal,
            )
        if query.shape[-1] != self.embed_dim:
            raise ShapeError(
                f"MultiheadAttention: was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]}"
            )
        return attend(
            (query, key, value),
            self.num_heads,
            (self.in_proj_weight if self._qkv_same_embed_dim else separate, self.in_proj_bias),
            (self.out_proj.weight, self.out_proj.bias),
            masks=(attn_mask, key_padding_mask),
            extra=(self.bias_k, self.bias_v),
            add_zero_attn=self.add_zero_attn,
            dropout_p=drop,
            need_weights=need_weights,
            average=average_attn_weights,
            is_causal=is_causal,
        )
