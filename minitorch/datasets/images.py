"""What the data sets of images have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.array import wrap
from ..tensor.handle import Tensor, tensor_of
from ..utils.data.dataset import Dataset

Transform = Callable[[Any], Any]


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Images, uint8 [N, C, H, W] from 0 to 255, and their classes, int64 [N].

    Sample `i` is the image, a uint8 tensor [C, H, W], and its class, an int; each goes through its transform, if any.
    `transforms.ToTensor()` makes floats from 0 to 1 of it.

    >>> import numpy as np
    >>> data = ImageDataset(np.zeros((10, 3, 8, 8), np.uint8), np.arange(10), transform=lambda image: image / 255)
    >>> image, label = data[4]
    >>> len(data), image.shape, image.dtype, label
    (10, (3, 8, 8), dtype('float32'), 4)
    """

    classes: Sequence[str]

    def __init__(
        self,
        data: np.ndarray[Any, Any],
        targets: np.ndarray[Any, Any],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ):
        self.data: Tensor = tensor_of(wrap(data))
        self.targets: Tensor = tensor_of(wrap(targets.astype(np.int64)))
        self.transform = transform
        self.target_transform = target_transform
        self._labels: list[int] = targets.tolist()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self.data[index], self._labels[index]
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self._labels)
