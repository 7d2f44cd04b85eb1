"""The part of a dataset that one of several processes visits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...tensor.generator import Generator
from ...tensor.random import randperm
from .sampler import Sampler, State


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index of a common order, from number `rank` on.

    The order is shuffled by `seed` and the epoch, the same in all processes; `set_epoch(n)` before a pass gives another
    one. All processes get as many indices: some are repeated to fill up, or with `drop_last` the last are left out.

    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None or rank is None:
            raise ArgumentError("DistributedSampler: needs num_replicas= (how many processes) and rank= (which one)")
        if not 0 <= rank < num_replicas:
            raise ArgumentError(
                f"DistributedSampler: Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        generator = Generator().manual_seed(self.seed + self.epoch)
        order = randperm(n, generator=generator).numpy() if self.shuffle else np.arange(n)
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""
        self.epoch = epoch

    def state_dict(self) -> State:
        """Return the epoch."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: State) -> None:
        """Go back to an epoch."""
        self.epoch = state["epoch"]
