"""A character-level GPT of two layers, from Linear, LayerNorm, Embedding and products alone."""

from __future__ import annotations

import numpy as np

from ..registry import contender, torch_style, workload
from .common import labels, same_start, training_step

LAYERS, WIDTH, HEADS, CONTEXT, BATCH, VOCABULARY = 2, 64, 4, 64, 16, 65
NAME = "gpt"


def data(batch):
    text = labels(batch, CONTEXT + 1, classes=VOCABULARY)
    return text[:, :-1], text[:, 1:]


workload(
    NAME,
    "Character GPT (2 layers, width 64, context 64), batch 16, AdamW",
    flops=6 * BATCH * CONTEXT * (LAYERS * (12 * WIDTH**2 + 2 * CONTEXT * WIDTH) + WIDTH * VOCABULARY),
    data=data,
    batch=BATCH,
)


def classes(lib):
    """Define the model's classes over a library."""
    nn = lib.nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.proj = nn.Linear(WIDTH, WIDTH)
            self.mask = lib.tensor(np.triu(np.full((CONTEXT, CONTEXT), -np.inf, np.float32), 1))

        def forward(self, x):
            batch, time, _ = x.shape
            q, k, v = (
                part.reshape(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2)
                for part in self.qkv(x).split(WIDTH, dim=-1)
            )
            scores = (q @ k.transpose(-2, -1)) * (WIDTH // HEADS) ** -0.5 + self.mask
            mixed = scores.softmax(dim=-1) @ v
            return self.proj(mixed.transpose(1, 2).reshape(batch, time, WIDTH))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attention = Attention()
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(lib.arange(CONTEXT))
            return self.head(self.norm(self.blocks(x)))

    return GPT


@torch_style(NAME)
def build(lib, compiled):
    model = same_start(lib, classes(lib)())
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-3)

    @compiled
    def forward(x, y):
        return lib.nn.functional.cross_entropy(model(x).reshape(-1, VOCABULARY), y.reshape(-1))

    return training_step(forward, optimizer)


@contender(NAME, "jax")
def jitted():
    import jax
    import jax.numpy as jnp

    import minitorch

    from .jax_steps import adam, cross_entropy, layer_norm, linear, starts, training

    mask = np.triu(np.full((CONTEXT, CONTEXT), -np.inf, np.float32), 1)

    def attention(p, name, x):
        batch, time, _ = x.shape
        parts = jnp.split(linear(p, f"{name}.qkv", x), 3, axis=-1)
        q, k, v = (part.reshape(batch, time, HEADS, WIDTH // HEADS).swapaxes(1, 2) for part in parts)
        scores = (q @ k.swapaxes(-2, -1)) * (WIDTH // HEADS) ** -0.5 + mask
        mixed = jax.nn.softmax(scores) @ v
        return linear(p, f"{name}.proj", mixed.swapaxes(1, 2).reshape(batch, time, WIDTH))

    def block(p, name, x):
        x = x + attention(p, f"{name}.attention", layer_norm(p, f"{name}.norm1", x))
        up = linear(p, f"{name}.up", layer_norm(p, f"{name}.norm2", x))
        return x + linear(p, f"{name}.down", jax.nn.gelu(up, approximate=False))

    def loss(p, tokens, y):
        x = p["token.weight"][tokens] + p["position.weight"]
        for i in range(LAYERS):
            x = block(p, f"blocks.{i}", x)
        logits = linear(p, "head", layer_norm(p, "norm", x))
        return cross_entropy(logits.reshape(-1, VOCABULARY), y.reshape(-1))

    return training(loss, starts(classes(minitorch)()), adam(1e-3, weight_decay=0.01))
