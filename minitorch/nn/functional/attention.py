"""Multi-head attention as one function, with PyTorch's arguments. Vaswani et al. (2017), arXiv:1706.03762.

In the masks here True says where *not* to look, as PyTorch has it; `scaled_dot_product_attention` says where to look.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core import dtypes
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops.attention import attention_weights
from ...core.ops.contractions import matmul
from ...core.ops.joining import concatenate, pad, split
from ...core.ops.pointwise import add, where
from ...core.ops.reductions import mean
from ...core.ops.shaping import broadcast_to, cast, expand_dims, reshape, squeeze, swapaxes, transpose, zeros_of
from ...core.tracer import aval_of
from .activation import dropout
from .layer import linear

NAME = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attend from `query[targets, batch, width]` to `key` and `value[sources, batch, ...]`, or without the batch.

    Return the result, of the query's shape, and the weights `[batch, targets, sources]`, the mean over heads unless
    `average_attn_weights` is off (then `[batch, heads, targets, sources]`); None without `need_weights`. `attn_mask` is
    `[targets, sources]` or `[batch * heads, targets, sources]`, `key_padding_mask` `[batch, sources]`; bool masks say where
    not to look, float ones are added. `is_causal` is a hint that `attn_mask` is causal, and changes nothing.

    >>> x, project = mt.tensor([[1.0, 0.0], [0.0, 3.0]]), mt.cat([mt.eye(2)] * 3)
    >>> multi_head_attention_forward(x[:1], x, x, 2, 1, project, None, None, None, False, 0.0, mt.eye(2), None)[1]
    tensor([[0.6698, 0.3302]])
    """
    _check_width(query, embed_dim_to_check)
    own = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    alone = _is_alone(query, key, value, key_padding_mask, attn_mask)
    if alone and key_padding_mask is not None:
        key_padding_mask = expand_dims(key_padding_mask, 0)
    out, weights = attend(
        _each_once(lambda x: expand_dims(x, 0) if alone else swapaxes(x, 0, 1), query, key, value),
        num_heads,
        (own, in_proj_bias),
        (out_proj_weight, out_proj_bias),
        masks=(attn_mask, key_padding_mask),
        extra=(bias_k, bias_v),
        static=(static_k, static_v),
        add_zero_attn=add_zero_attn,
        dropout_p=dropout_p if training else 0.0,
        need_weights=need_weights,
        average=average_attn_weights,
        is_causal=is_causal,
    )
    if alone:
        return squeeze(out, 0), None if weights is None else squeeze(weights, 0)
    return swapaxes(out, 0, 1), weights


def _check_width(query: Any, width: int) -> None:
    if query.shape[-1] != width:
        raise ShapeError(f"{NAME}: was expecting embedding dimension of {width}, but got query {aval_of(query)}")


def _each_once(function: Callable[[Any], Any], *xs: Any) -> tuple[Any, ...]:
    """Apply a function to each tensor, once to the same: `attend` looks at which are."""
    made = {id(x): x for x in xs}
    made = {key: function(x) for key, x in made.items()}
    return tuple(made[id(x)] for x in xs)


def _is_alone(query: Any, key: Any, value: Any, padding: Any, mask: Any) -> bool:
    """Return whether there is no batch; raise unless the operands agree on that."""
    rank = query.ndim
    if rank not in (2, 3):
        raise ShapeError(
            f"{NAME}: query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    kind = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if key.ndim != rank or value.ndim != rank:
        raise ShapeError(
            f"{NAME}: For {kind} query, expected key and value to be {rank}-D but found {key.ndim}-D and {value.ndim}-D "
            "tensors respectively"
        )
    if padding is not None and padding.ndim != rank - 1:
        raise ShapeError(
            f"{NAME}: For {kind} query, expected key_padding_mask to be None or {rank - 1}-D but found {padding.ndim}-D "
            "tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise ShapeError(
            f"{NAME}: For {kind} query, expected attn_mask to be None, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    return bool(rank == 2)


# --------------------------------------------------------------------------- with the batch in front


def attend(
    operands: tuple[Any, ...],
    heads: int,
    inner: tuple[Any, Any],
    outer: tuple[Any, Any],
    *,
    masks: tuple[Any, Any],
    extra: tuple[Any, Any] = (None, None),
    static: tuple[Any, Any] = (None, None),
    add_zero_attn: bool = False,
    dropout_p: float = 0.0,
    need_weights: bool = True,
    average: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attend with the batch in front: `operands` are `[batch, steps, width]`, weights and biases in pairs."""
    mask, padding = masks
    if is_causal and mask is None:
        raise ArgumentError(
            f"{NAME}: Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    batch, targets, width = operands[0].shape
    if width % heads:
        raise ShapeError(f"{NAME}: embed_dim {width} not divisible by num_heads {heads}")
    q, k, v = _projected(*operands, *inner, heads)
    k, v, added = _with_extra(k, v, *extra, static)
    k, v = (x if s is None else _static(s, batch, heads, x) for x, s in zip((k, v), static))
    if add_zero_attn:
        k, v = (concatenate([x, zeros_of(aval_of(x)._replace(shape=(*x.shape[:2], 1, x.shape[3])))], 2) for x in (k, v))
        added += 1
    bias = _bias(mask, padding, (batch, heads, targets, k.shape[2] - added), added, q.dtype)
    weights = attention_weights(q, k, bias, scale=1.0 / math.sqrt(width // heads))
    weights = dropout(weights, dropout_p) if dropout_p else weights
    mixed = reshape(swapaxes(matmul(weights, v), 1, 2), (batch, targets, width))
    out = linear(mixed, *outer)
    if not need_weights:
        return out, None
    return out, mean(weights, 1) if average else weights


def _by_head(x: Any, heads: int, parts: int = 1) -> tuple[Any, ...]:
    """Return each part of `x[batch, steps, parts * width]` as `[batch, heads, steps, width / heads]`."""
    batch, steps, width = x.shape
    found = transpose(reshape(x, (batch, steps, parts * heads, width // (parts * heads))), (0, 2, 1, 3))
    return (found,) if parts == 1 else tuple(split(found, parts, 1))


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any, heads: int) -> tuple[Any, ...]:
    """Apply the weights of queries, keys and values, which may come as one matrix: as few products as can be."""
    if isinstance(weight, tuple):
        if any(w is None for w in weight):
            raise ArgumentError(
                f"{NAME}: use_separate_proj_weight needs q_proj_weight, k_proj_weight and v_proj_weight"
            )
        if key.shape[:2] != value.shape[:2]:
            raise ShapeError(
                f"{NAME}: key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        biases = (None,) * 3 if bias is None else split(bias, 3)
        return tuple(_by_head(linear(x, w, b), heads)[0] for x, w, b in zip((query, key, value), weight, biases))
    if key.shape != value.shape:
        raise ShapeError(f"{NAME}: key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
    width = query.shape[-1]
    if query is key is value:
        return _by_head(linear(query, weight, bias), heads, 3)
    if key is value:
        w, b = split(weight, [width, 2 * width]), (None, None) if bias is None else split(bias, [width, 2 * width])
        return *_by_head(linear(query, w[0], b[0]), heads), *_by_head(linear(key, w[1], b[1]), heads, 2)
    biases = (None,) * 3 if bias is None else split(bias, 3)
    rows = zip((query, key, value), split(weight, 3), biases)
    return tuple(_by_head(linear(x, w, b), heads)[0] for x, w, b in rows)


def _with_extra(k: Any, v: Any, bias_k: Any, bias_v: Any, static: tuple[Any, Any]) -> tuple[Any, Any, int]:
    """Put a learned key and value, the same for all examples, behind the others."""
    if bias_k is None and bias_v is None:
        return k, v, 0
    if bias_k is None or bias_v is None or any(s is not None for s in static):
        raise ArgumentError(f"{NAME}: bias_k and bias_v come together, and not with static_k or static_v")
    batch, heads, _, width = k.shape
    k, v = (
        concatenate([x, broadcast_to(reshape(b, (1, heads, 1, width)), (batch, heads, 1, width))], 2)
        for x, b in ((k, bias_k), (v, bias_v))
    )
    return k, v, 1


def _static(x: Any, batch: int, heads: int, like: Any) -> Any:
    """Return keys or values that were given projected, `[batch * heads, sources, width / heads]`."""
    if x.ndim != 3 or x.shape[0] != batch * heads or x.shape[2] != like.shape[3]:
        raise ShapeError(
            f"{NAME}: expecting static keys and values of shape [{batch * heads}, sources, {like.shape[3]}], got "
            f"{aval_of(x)}"
        )
    return reshape(x, (batch, heads, *x.shape[1:]))


def additive(name: str, mask: Any, dtype: Any) -> Any:
    """Return a mask of bools as one that is added: -inf where it is True."""
    if mask is None:
        return None
    if mask.dtype == dtypes.bool_:
        return cast(where(mask, -math.inf, 0.0), dtype)
    if mask.dtype not in dtypes.REALS:
        raise DTypeError(f"{name}: only bool and floating types of masks are supported, got {aval_of(mask)}")
    return cast(mask, dtype)


def _bias(mask: Any, padding: Any, shape: tuple[int, ...], added: int, dtype: Any) -> Any:
    """Return what is added to the scores, for both masks; the keys that were put behind are always seen."""
    batch, heads, targets, sources = shape
    total = None
    if mask is not None:
        wanted = (targets, sources) if mask.ndim == 2 else (batch * heads, targets, sources)
        if tuple(mask.shape) != wanted:
            raise ShapeError(
                f"{NAME}: The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be {wanted}."
            )
        total = additive(NAME, mask if mask.ndim == 2 else reshape(mask, shape), dtype)
    if padding is not None:
        if tuple(padding.shape) != (batch, sources):
            raise ShapeError(
                f"{NAME}: key_padding_mask should have shape {(batch, sources)}, got {tuple(padding.shape)}"
            )
        of_keys = reshape(additive(NAME, padding, dtype), (batch, 1, 1, sources))
        total = of_keys if total is None else add(total, of_keys)
    if total is None or not added:
        return total
    return pad(total, [*[(0, 0)] * (total.ndim - 1), (0, added)])
