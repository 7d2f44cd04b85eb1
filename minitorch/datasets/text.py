"""Text to model character by character: Python's own reference, which every installation brings."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from ..core.array import wrap
from ..core.errors import ArgumentError
from ..tensor.handle import Tensor, tensor_of
from ..utils.data.dataset import Dataset


class Corpus:
    """A text, its characters as a vocabulary, and its parts to train and to validate with.

    >>> corpus = Corpus("hello world", train_size=0.75)
    >>> corpus.vocabulary
    [' ', 'd', 'e', 'h', 'l', 'o', 'r', 'w']
    >>> corpus.encode("hold")
    tensor([3, 5, 4, 1])
    >>> corpus.decode(corpus.validation)
    'rld'
    """

    def __init__(self, text: str, train_size: float = 0.9):
        if not text:
            raise ArgumentError("Corpus: the text is empty")
        if not 0 < train_size <= 1:
            raise ArgumentError(f"Corpus: train_size is the fraction to train with, between 0 and 1; got {train_size}")
        self.text = text
        self.vocabulary = sorted(set(text))
        self._numbers = {c: i for i, c in enumerate(self.vocabulary)}
        self._split = int(len(text) * train_size)

    def __len__(self) -> int:
        return len(self.text)

    def encode(self, text: str) -> Tensor:
        """Return the numbers of characters, int64."""
        try:
            return tensor_of(wrap(np.array([self._numbers[c] for c in text], np.int64)))
        except KeyError as error:
            raise ArgumentError(f"Corpus.encode: the character {error.args[0]!r} is not in the vocabulary") from None

    def decode(self, numbers: Any) -> str:
        """Return the text of numbers."""
        found = np.asarray(numbers)
        if found.size and not (found.min() >= 0 and found.max() < len(self.vocabulary)):
            raise ArgumentError(f"Corpus.decode: numbers lie between 0 and {len(self.vocabulary) - 1}, got {found}")
        return "".join(self.vocabulary[i] for i in found.reshape(-1).tolist())

    @cached_property
    def _encoded(self) -> Tensor:
        return self.encode(self.text)

    @property
    def train(self) -> Tensor:
        """The numbers of the first part."""
        return self._encoded[: self._split]

    @property
    def validation(self) -> Tensor:
        """The numbers of the rest."""
        return self._encoded[self._split :]


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """All stretches of `length` numbers, each with the stretch that begins one later: what to read, and what to predict.

    >>> from minitorch.tensor.creation import arange
    >>> Windows(arange(5), 3)[1]
    (tensor([1, 2, 3]), tensor([2, 3, 4]))
    """

    def __init__(self, numbers: Any, length: int):
        self.numbers = np.array(numbers, np.int64)
        if not 0 < length < len(self.numbers):
            raise ArgumentError(
                f"Windows: length={length} of {len(self.numbers)} numbers; it must be positive and less"
            )
        self.length = length

    def __len__(self) -> int:
        return len(self.numbers) - self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"Windows: index {index} is out of range for {len(self)} windows")
        start = index % len(self)
        found = self.numbers[start : start + self.length + 1].copy()
        return tensor_of(wrap(found[:-1])), tensor_of(wrap(found[1:]))


def text(train_size: float = 0.9) -> Corpus:
    """Return the language reference that Python's `help()` shows: some 460,000 characters of English and of programs.

    It is that of the Python that runs, so it differs a little between versions.

    >>> corpus = text()
    >>> len(corpus) > 100_000, 'e' in corpus.vocabulary
    (True, True)
    """
    topics = import_module("pydoc_data.topics").topics
    return Corpus("\n".join(topics[name] for name in sorted(topics)), train_size)
