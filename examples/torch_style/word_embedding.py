"""Word vectors by skip-grams: "Distributed Representations of Words and Phrases", Mikolov et al., 2013.

The words are those of Python's own help texts: a vector is to tell the words around its own from words drawn at random.
"""

import re
from collections import Counter
from pydoc_data import topics

import numpy as np
from common import Curves, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim

WORDS = re.findall(r"[a-z]{2,}", " ".join(text for _, text in sorted(topics.topics.items())).lower())


def vocabulary(size: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the most frequent words, the text as their numbers, and how often each occurs."""
    common = Counter(WORDS).most_common(size)
    place = {word: i for i, (word, _) in enumerate(common)}
    text = np.array([place[word] for word in WORDS if word in place])
    return list(place), text, np.array([count for _, count in common], float)


def pairs(text: np.ndarray, reach: int = 2) -> np.ndarray:
    """Return all pairs of a word and one that stands at most `reach` words away."""
    shifted = [np.stack([text[k:], text[: len(text) - k]], 1) for k in range(1, reach + 1)]
    return np.concatenate([*shifted, *(each[:, ::-1] for each in shifted)])


class SkipGram(nn.Module):
    def __init__(self, words, width=32):
        super().__init__()
        self.inner = nn.Embedding(words, width)
        self.outer = nn.Embedding(words, width)

    def forward(self, word, near, far):
        """Return the loss of words [N] with words near them [N] and words drawn at random [N, K]."""
        vector = self.inner(word)
        good = (vector * self.outer(near)).sum(dim=1)
        bad = torch.bmm(self.outer(far), vector.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(good) + F.logsigmoid(-bad).sum(dim=1)).mean()


@torch.no_grad()
def neighbors(model, words, word, count=4):
    """Return the words whose vectors have the smallest angles with that of a word."""
    table = model.inner.weight
    likeness = F.cosine_similarity(table[words.index(word)].unsqueeze(0), table, dim=1)
    _, order = likeness.topk(count + 1)
    return [words[i] for i in order.tolist()[1:]]


def main(steps: int = 1500, size: int = 256, random: int = 5) -> Curves:
    words, text, counts = vocabulary(500)
    examples = pairs(text)
    chances = counts**0.75 / (counts**0.75).sum()
    generator = np.random.default_rng(0)
    model = SkipGram(len(words))
    with torch.no_grad():
        model.inner.weight.copy_(torch.from_numpy(generator.uniform(-0.5, 0.5, (len(words), 32)) / 32))
        model.outer.weight.zero_()
    optimizer = optim.SGD(model.parameters(), lr=10.0)

    losses = []
    for _ in range(steps):
        chosen = torch.from_numpy(examples[generator.integers(0, len(examples), size)])
        far = torch.from_numpy(generator.choice(len(words), (size, random), p=chances))
        loss = model(chosen[:, 0], chosen[:, 1], far)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    for word in ("class", "list", "float", "import"):
        print(f"{word}: {' '.join(neighbors(model, words, word))}")
    return {"loss": losses}


if __name__ == "__main__":
    show(main())
