"""Data sets in files that the user has: MNIST's format IDX, and CIFAR's binary one.

Every byte is accounted for: a file that is too short, too long or of another kind is refused. Nothing is unpickled.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..core.errors import ArgumentError
from .images import ImageDataset, Transform

Folder = str | os.PathLike[str]

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_LARGEST = 1 << 31  # bytes: four times the largest file of this family


def read_idx(path: Folder) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, also compressed by gzip; raises ArgumentError if the file is not whole.

    The format: two zero bytes, the type, the number of axes, their lengths as big-endian 32-bit numbers, the elements.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    opened: Any = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rb") as stream:
            return _idx(stream, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArgumentError(f"read_idx: {path} is damaged: {error}; get the file again") from None


def _idx(stream: BinaryIO, path: Folder) -> np.ndarray[Any, Any]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES:
        raise ArgumentError(f"read_idx: {path} is no IDX file: it begins with {magic!r}")
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise ArgumentError(f"read_idx: {path} ends within its header; get the file again")
    shape, dtype = struct.unpack(f">{magic[3]}I", lengths), np.dtype(_IDX_TYPES[magic[2]])
    size = math.prod(shape) * dtype.itemsize
    if size > _LARGEST or magic[3] > 8:
        raise ArgumentError(f"read_idx: {path} claims to hold an array of shape {shape}, which is too large to be true")
    content = stream.read(size + 1)
    if len(content) != size:
        problem = "ends early" if len(content) < size else "has bytes after its end"
        raise ArgumentError(f"read_idx: {path} {problem}: shape {shape} takes {size} bytes; get the file again")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _found(name: str, folders: Iterable[Path], files: Sequence[str], hint: str) -> Path:
    """Return the first of some files that is there."""
    looked = [folder / file for folder in folders for file in files]
    for path in looked:
        if path.is_file():
            return path
    raise ArgumentError(f"{name}: found none of {', '.join(map(str, looked))}; nothing is downloaded: {hint}")


def _checked(name: str, path: Path, labels: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        raise ArgumentError(
            f"{name}: {path} has labels from {labels.min()} to {labels.max()}; they must be below {count}"
        )
    return labels


class MNIST(ImageDataset):
    """60,000 handwritten digits, or 10,000 to test with: [1, 28, 28]. LeCun, Cortes and Burges, 1998.

    Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and `t10k-...`, plain or with `.gz`, in `root`, or in
    `root/MNIST/raw`, where torchvision puts them. Nothing is downloaded.

    >>> import tempfile
    >>> from pathlib import Path
    >>> images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 28 * 28)
    >>> labels = bytes([0, 0, 8, 1, 0, 0, 0, 2]) + bytes([7, 3])
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "train-images-idx3-ubyte").write_bytes(images)
    ...     _ = Path(root, "train-labels-idx1-ubyte").write_bytes(labels)
    ...     data = MNIST(root)
    >>> image, label = data[1]
    >>> len(data), image.shape, label, data.classes[label]
    (2, (1, 28, 28), 3, '3 - three')
    """

    folder = "MNIST"
    classes: Sequence[str] = (
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight",
        "9 - nine",
    )  # fmt: skip

    def __init__(
        self,
        root: Folder,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ):
        name, root = type(self).__name__, Path(root)
        part = "train" if train else "t10k"
        images, labels = (self._path(root, f"{part}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        data, targets = read_idx(images), read_idx(labels)
        if data.dtype != np.uint8 or data.ndim != 3 or targets.dtype != np.uint8 or targets.shape != data.shape[:1]:
            raise ArgumentError(
                f"{name}: {images} holds {data.dtype}{list(data.shape)} and {labels} {targets.dtype}{list(targets.shape)}; "
                "they must be uint8[N, H, W] and uint8[N]"
            )
        self.train = train
        super().__init__(data[:, None], _checked(name, labels, targets, len(self.classes)), transform, target_transform)

    def _path(self, root: Path, file: str) -> Path:
        folders = (root, root / self.folder / "raw", root / self.folder)
        hint = f"put the file there, from a mirror of {self.folder}"
        return _found(type(self).__name__, folders, (file, f"{file}.gz"), hint)


class FashionMNIST(MNIST):
    """60,000 pictures of clothes, or 10,000 to test with, in MNIST's format: [1, 28, 28]. Xiao et al., arXiv:1708.07747.

    >>> import tempfile
    >>> from pathlib import Path
    >>> images = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(28 * 28)
    >>> labels = bytes([0, 0, 8, 1, 0, 0, 0, 1]) + bytes([9])
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "t10k-images-idx3-ubyte").write_bytes(images)
    ...     _ = Path(root, "t10k-labels-idx1-ubyte").write_bytes(labels)
    ...     data = FashionMNIST(root, train=False)
    >>> data[0][0].shape, data.classes[data[0][1]]
    ((1, 28, 28), 'Ankle boot')
    """

    folder = "FashionMNIST"
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip


class _Layout(NamedTuple):
    """Files of records: label bytes, of which the last counts, then 3,072 bytes of an image."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    records: tuple[int, int]  # in a file to train with, and to test with
    labels: int
    classes: int
    python: str


class CIFAR10(ImageDataset):
    """50,000 color pictures of 10 kinds of things, or 10,000 to test with: [3, 32, 32]. Krizhevsky, 2009.

    Reads the binary version: `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, in `root` or in
    `root/cifar-10-batches-bin`. The Python version is made of pickles, which may run code, and is not read.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "test_batch.bin").write_bytes(bytes(10_000 * (1 + 3072)))
    ...     data = CIFAR10(root, train=False)
    >>> image, label = data[0]
    >>> len(data), image.shape, data.classes[label]
    (10000, (3, 32, 32), 'airplane')
    """

    layout = _Layout(
        "cifar-10-batches-bin", tuple(f"data_batch_{i}.bin" for i in range(1, 6)), ("test_batch.bin",), (10_000, 10_000),
        1, 10, "cifar-10-batches-py",
    )  # fmt: skip
    classes: Sequence[str] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip

    def __init__(
        self,
        root: Folder,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ):
        layout = self.layout
        parts = [self._records(Path(root), file, train) for file in (layout.train if train else layout.test)]
        records = np.concatenate(parts)
        self.train = train
        images = records[:, layout.labels :].reshape(-1, 3, 32, 32)
        super().__init__(np.ascontiguousarray(images), records[:, layout.labels - 1], transform, target_transform)

    def _records(self, root: Path, file: str, train: bool) -> np.ndarray[Any, Any]:
        name, layout = type(self).__name__, self.layout
        pickled = root / layout.python
        is_python = pickled.is_dir() or (root / file.removesuffix(".bin")).is_file()
        hint = "get the binary version, whose files end in .bin"
        if is_python:
            hint = "what is there is the Python version, made of pickles, which may run code and are not read; " + hint
        path = _found(name, (root, root / layout.folder), (file,), hint)
        size = (layout.labels + 3072) * layout.records[not train]
        actual = path.stat().st_size
        if actual != size:
            raise ArgumentError(f"{name}: {path} has {actual} bytes instead of {size}; get the file again")
        records = np.fromfile(path, np.uint8).reshape(-1, layout.labels + 3072)
        _checked(name, path, records[:, layout.labels - 1], layout.classes)
        return records


class CIFAR100(CIFAR10):
    """50,000 color pictures of 100 kinds of things, or 10,000 to test with: [3, 32, 32]. Krizhevsky, 2009.

    Reads the binary version: `train.bin` and `test.bin`, in `root` or in `root/cifar-100-binary`. Classes are numbers.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "test.bin").write_bytes((bytes([4, 30]) + bytes(3072)) * 10_000)  # classes, coarse and fine
    ...     data = CIFAR100(root, train=False)
    >>> image, label = data[0]
    >>> len(data), image.shape, label
    (10000, (3, 32, 32), 30)
    """

    layout = _Layout("cifar-100-binary", ("train.bin",), ("test.bin",), (50_000, 10_000), 2, 100, "cifar-100-python")
    classes = tuple(map(str, range(100)))
