"""A pass over a data set in the caller's process: rows of tensors, cut or gathered; images that are stacked one by one."""

from __future__ import annotations

import numpy as np

from ..registry import contender, workload
from .common import normal


class Images:
    """512 arrays that are made when they are asked for."""

    def __len__(self):
        return 512

    def __getitem__(self, i):
        return np.full((3, 64, 64), i, np.float32), i


def rows(lib):
    return lib.utils.data.TensorDataset(lib.tensor(normal(20_000, 64)), lib.arange(20_000))


CASES = {
    "load_rows": ("20,000 rows of tensors in batches of 64", rows, False),
    "load_shuffled_rows": ("20,000 rows of tensors in batches of 64, shuffled", rows, True),
    "load_images": ("512 images 3x64x64 in batches of 64", lambda lib: Images(), False),
}


def enter(name, title, make, shuffle):
    workload(name, f"A pass of the data loader: {title}")

    def build(lib):
        loader = lib.utils.data.DataLoader(make(lib), batch_size=64, shuffle=shuffle)
        return lambda: np.float64(sum(len(y) for _, y in loader))

    @contender(name, "torch")
    def theirs():
        import torch

        return build(torch)

    @contender(name, "minitorch")
    def ours():
        import minitorch

        return build(minitorch)


for name, case in CASES.items():
    enter(name, *case)
