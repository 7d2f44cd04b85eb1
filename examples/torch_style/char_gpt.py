"""A character-level GPT that reads Python's own help texts: "Improving Language Understanding", Radford et al., 2018."""

from pydoc_data import topics

import numpy as np
from common import Curves, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim

TEXT = "".join(text for _, text in sorted(topics.topics.items()) if text.isascii())[:100_000]
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(letter) for letter in TEXT])


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=2)
        )
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(out.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, context=32, width=48, heads=4, layers=2):
        super().__init__()
        self.context = context
        self.letters = nn.Embedding(len(LETTERS), width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(LETTERS), bias=False)

    def forward(self, codes):
        x = self.letters(codes) + self.places(torch.arange(codes.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@torch.no_grad()
def continued(model, text: str, length: int) -> str:
    """Append the likeliest letters, one at a time."""
    model.eval()
    for _ in range(length):
        codes = torch.tensor([[LETTERS.index(letter) for letter in text[-model.context :]]])
        text += LETTERS[model(codes)[0, -1].argmax().item()]
    return text


def main(steps: int = 200, size: int = 16) -> Curves:
    generator = np.random.default_rng(1)
    model = draw_weights(GPT()).double()  # Adam divides by small gradients, which amplifies rounding
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    losses = []
    for _ in range(steps):
        starts = generator.integers(0, len(CODES) - model.context, size)
        chunks = torch.from_numpy(CODES[starts[:, None] + np.arange(model.context + 1)])
        logits = model(chunks[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), chunks[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())

    print(repr(continued(model, "The statement ", 60)))
    return {"loss": losses}


if __name__ == "__main__":
    show(main())
