"""A character-level GPT of two layers, from Linear, LayerNorm, Embedding and products alone."""

from __future__ import annotations

import numpy as np

from ..registry import torch_style, workload
from .common import labels, same_start

LAYERS, WIDTH, HEADS, CONTEXT, BATCH, VOCABULARY = 2, 64, 4, 64, 16, 65
NAME = "gpt"

workload(
    NAME,
    "Character GPT (2 layers, width 64, context 64), batch 16, AdamW",
    flops=6 * BATCH * CONTEXT * (LAYERS * (12 * WIDTH**2 + 2 * CONTEXT * WIDTH) + WIDTH * VOCABULARY),
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
def build(lib):
    text = labels(BATCH, CONTEXT + 1, classes=VOCABULARY)
    x, y = lib.tensor(text[:, :-1]), lib.tensor(text[:, 1:])
    model = same_start(lib, classes(lib)())
    optimizer = lib.optim.AdamW(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        logits = model(x)
        loss = lib.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), y.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    return step
