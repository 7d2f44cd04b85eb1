"""Layers over sequences, with all their options: a line each, for the tests here and those of jit. Without PyTorch."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

STEPS, BATCH, FEATURES, WIDTH = 5, 3, 4, 6
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("RNN", {}),
    "rnn relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "lstm projected": ("LSTM", {"proj_size": 2}),
    "gru": ("GRU", {}),
}


def recurrent() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the class and options of each recurrent layer, with all combinations of the options they share."""
    found = {}
    for (name, (kind, own)), layers, both, first, bias in product(KINDS.items(), (1, 2), *[(False, True)] * 3):
        options = {"num_layers": layers, "bidirectional": both, "batch_first": first, "bias": bias, **own}
        words = f"{name} {layers}{' both' * both}{' batch first' * first}{' without bias' * (not bias)}"
        found[words] = (kind, options)
    return found


RECURRENT = recurrent()
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn cell": ("RNNCell", {}),
    "rnn cell relu": ("RNNCell", {"nonlinearity": "relu"}),
    "lstm cell": ("LSTMCell", {}),
    "gru cell": ("GRUCell", {}),
    "lstm cell without bias": ("LSTMCell", {"bias": False}),
    "gru cell without bias": ("GRUCell", {"bias": False}),
    "rnn cell without bias": ("RNNCell", {"bias": False}),
}

TARGETS, SOURCES, MODEL, HEADS = 4, 5, 8, 2
MASKS = ("none", "bool", "float", "by head", "padding", "float and padding")


def attentions() -> dict[str, tuple[dict[str, Any], str]]:
    """Return options and a mask for each attention layer: all combinations of the options, each with some of the masks."""
    found = {}
    flags = product((False, True), repeat=5)
    for k, (first, bias, extra, zero, own) in enumerate(flags):
        options = {"batch_first": first, "bias": bias, "add_bias_kv": extra, "add_zero_attn": zero}
        options |= {"kdim": 3, "vdim": 5} if own else {}
        for mask in (MASKS[k % 6], MASKS[(k + 2) % 6]):
            words = "batch first" * first + " bias" * bias + " learned" * extra + " zero" * zero + " widths" * own
            found[f"attention {words.strip()} mask {mask}"] = (options, mask)
    return found


ATTENTIONS = attentions()


def masks(kind: str) -> dict[str, np.ndarray]:
    """Return the masks of a kind; every query sees the first key."""
    rng = np.random.default_rng(1)
    found: dict[str, np.ndarray] = {}
    if kind == "bool":
        found["attn_mask"] = rng.random((TARGETS, SOURCES)) < 0.4
        found["attn_mask"][:, 0] = False
    if kind == "by head":
        found["attn_mask"] = rng.random((BATCH * HEADS, TARGETS, SOURCES)) < 0.4
        found["attn_mask"][..., 0] = False
    if kind.startswith("float"):
        found["attn_mask"] = rng.normal(size=(TARGETS, SOURCES))
    if kind.endswith("padding"):
        padding = rng.random((BATCH, SOURCES)) < 0.4
        padding[:, 0] = False
        found["key_padding_mask"] = np.where(padding, -np.inf, 0.0) if kind.startswith("float") else padding
    return found


BLOCKS = {
    f"{'before' if first else 'after'} {act}{' batch first' * lead}{' without bias' * (not bias)}": {
        "norm_first": first,
        "activation": act,
        "batch_first": lead,
        "bias": bias,
    }
    for first, act, lead, bias in product((False, True), ("relu", "gelu"), (False, True), (False, True))
}


def bags() -> dict[str, dict[str, Any]]:
    """Return the options of each call of `embedding_bag`."""
    found = {}
    for mode, pad, rows, weighted, last, longest in product(
        ("sum", "mean", "max"), (None, 2, -1), *[(False, True)] * 3, (None, 1.0)
    ):
        if (weighted and mode != "sum") or (rows and last):
            continue
        words = (
            f"{mode} padding {pad}{' rows' * rows}{' weighted' * weighted}{' last' * last}{' max norm' * bool(longest)}"
        )
        found[words] = {
            "mode": mode,
            "padding_idx": pad,
            "rows": rows,
            "weighted": weighted,
            "include_last_offset": last,
            "max_norm": longest,
        }
    return found


BAGS = bags()
