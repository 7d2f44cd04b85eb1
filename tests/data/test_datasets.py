"""Text, drawn digits, and readers of files: what is whole is read, what is not is refused."""

from __future__ import annotations

import contextlib
import gzip
import pickle
import struct

import numpy as np
import pytest

import minitorch as mt
from minitorch import datasets, transforms
from minitorch.errors import ArgumentError
from minitorch.utils.data import DataLoader, TensorDataset

random = np.random.default_rng(0)


# --------------------------------------------------------------------------- text


def test_text():
    corpus = datasets.text()
    assert len(corpus) == len(corpus.text) > 100_000 and "assert" in corpus.text
    assert corpus.decode(corpus.encode("while True: pass")) == "while True: pass"
    assert corpus.decode(corpus.train) + corpus.decode(corpus.validation) == corpus.text
    assert len(corpus.train) == int(0.9 * len(corpus)) and corpus.train.dtype == mt.int64
    assert int(corpus.train.max()) < len(corpus.vocabulary) < 200
    with pytest.raises(ArgumentError, match="'字' is not in the vocabulary"):
        corpus.encode("字")
    with pytest.raises(ArgumentError, match="between 0 and"):
        corpus.decode([10_000])
    for bad in ("", "a"):
        with pytest.raises(ArgumentError):
            datasets.Corpus(bad, 0.9 if not bad else 0)


def test_windows():
    windows = datasets.Windows(datasets.Corpus("abcdef", 1).train, 3)
    (x, y), last = windows[0], windows[-1]
    assert x.tolist() == [0, 1, 2] and y.tolist() == [1, 2, 3] and last[1].tolist() == [3, 4, 5]
    assert len(windows) == len(list(DataLoader(windows))) == 3
    with pytest.raises(IndexError):
        windows[3]
    with pytest.raises(ArgumentError, match="length=6 of 6"):
        datasets.Windows(range(6), 6)


# --------------------------------------------------------------------------- drawn digits


def test_synthetic_mnist_follows_from_its_seed():
    a, b = datasets.SyntheticMNIST(size=700, seed=3), datasets.SyntheticMNIST(size=700, seed=3)
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(a.targets, b.targets)
    others = datasets.SyntheticMNIST(size=700, seed=4), datasets.SyntheticMNIST(train=False, size=700, seed=3)
    assert all((a.data != x.data).any() for x in others)
    assert a.data.shape == (700, 1, 28, 28) and a.data.dtype == mt.uint8
    assert np.bincount(a.targets.numpy()).tolist() == [70] * 10
    assert a.targets.tolist() != sorted(a.targets.tolist())
    assert len({image.tobytes() for image in a.data.numpy()}) == 700
    assert len(datasets.SyntheticMNIST(size=0)) == 0 and len(datasets.SyntheticMNIST(train=False, size=13)) == 13
    with pytest.raises(ArgumentError, match="size"):
        datasets.SyntheticMNIST(size=-1)


def test_synthetic_mnist_is_neither_trivial_nor_noise():
    train, test = datasets.SyntheticMNIST(size=2000), datasets.SyntheticMNIST(train=False, size=500)
    x, y = train.data.numpy().reshape(-1, 784) / 255.0, train.targets.numpy()
    means = np.stack([x[y == c].mean(0) for c in range(10)])
    away = ((test.data.numpy().reshape(-1, 1, 784) / 255.0 - means) ** 2).sum(-1)
    assert 0.5 < (away.argmin(1) == test.targets.numpy()).mean() < 0.9


def test_transforms_of_samples():
    T = transforms
    steps = T.Compose([T.RandomCrop(28, padding=2), T.ToTensor(), T.Normalize([0.5], [0.5])])
    data = datasets.SyntheticMNIST(size=20, transform=steps, target_transform=lambda y: y + 100)
    ((x, y),) = DataLoader(data, batch_size=20)
    assert x.shape == (20, 1, 28, 28) and x.dtype == mt.float32 and -1 <= float(x.min()) < -0.5
    assert int(y.min()) == 100


@pytest.mark.slow
def test_a_small_network_learns_synthetic_mnist():
    nn, (train, test) = mt.nn, (datasets.SyntheticMNIST(part, size=n) for part, n in ((True, 8000), (False, 1500)))
    mt.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    optimizer = mt.optim.Adam(model.parameters(), lr=2e-3)

    @mt.jit
    def step(x, y):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for _ in range(5):
        for x, y in DataLoader(TensorDataset(train.data.float() / 255, train.targets), 100, shuffle=True):
            step(x, y)
    with mt.no_grad():
        hits = model(test.data.float() / 255).argmax(1) == test.targets
    assert hits.float().mean() >= 0.97


# --------------------------------------------------------------------------- IDX


def idx(array, code=8, shape=None):
    shape = array.shape if shape is None else shape
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("code", "dtype"), [(8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_idx(code, dtype, packed, tmp_path):
    array = random.integers(0, 100, (3, 4, 2)).astype(dtype)
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(gzip.compress(idx(array, code)) if packed else idx(array, code))
    found = datasets.read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=") and found.dtype.isnative


IMAGES = random.integers(0, 256, (6, 28, 28)).astype(np.uint8)
LABELS = np.array([0, 9, 3, 1, 2, 5], np.uint8)
WHOLE = idx(IMAGES)
HOSTILE = {
    "empty": b"",
    "another kind": b"\x89PNG\r\n" + WHOLE,
    "unknown type": bytes([0, 0, 7, 1]) + WHOLE[4:],
    "only a magic": WHOLE[:4],
    "half a header": WHOLE[:9],
    "no data": WHOLE[:16],
    "one byte short": WHOLE[:-1],
    "one byte long": WHOLE + b"\0",
    "huge": idx(IMAGES, shape=(2**32 - 1, 2**32 - 1, 28)),
    "many axes": bytes([0, 0, 8, 255]) + bytes(4 * 255),
    "wrong length": idx(IMAGES, shape=(7, 28, 28)),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_idx(name, packed, tmp_path):
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(gzip.compress(HOSTILE[name]) if packed else HOSTILE[name])
    with pytest.raises(ArgumentError, match=r"read_idx: .*x"):
        datasets.read_idx(path)


def test_damaged_gzip(tmp_path):
    path, packed = tmp_path / "x.gz", gzip.compress(WHOLE)
    for content in (WHOLE, packed[:-12], packed[:40] + bytes(8) + packed[48:], packed[:-5] + b"12345", b""):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match="read_idx"):
            datasets.read_idx(path)


def test_mutated_idx(tmp_path):
    path = tmp_path / "x"
    for _ in range(1000):
        content = bytearray(idx(IMAGES[:1, :4, :4]))
        for _ in range(random.integers(1, 4)):
            content[random.integers(0, len(content))] = random.integers(0, 256)
        path.write_bytes(bytes(content[: random.integers(0, len(content) + 1)]) if random.random() < 0.3 else content)
        with contextlib.suppress(ArgumentError):
            assert datasets.read_idx(path).nbytes <= len(content)


@pytest.mark.parametrize("kind", [datasets.MNIST, datasets.FashionMNIST])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("nested", [False, True])
def test_mnist(kind, ending, nested, tmp_path):
    folder = tmp_path / kind.__name__ / "raw" if nested else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 6), ("t10k", 2)):
        for file, array in (("images-idx3-ubyte", IMAGES[:count]), ("labels-idx1-ubyte", LABELS[:count])):
            content = idx(array)
            (folder / f"{part}-{file}{ending}").write_bytes(gzip.compress(content) if ending else content)
    train, test = kind(tmp_path, download=True), kind(str(tmp_path), train=False)
    assert len(train) == 6 and len(test) == 2 and len(kind.classes) == 10
    image, label = train[1]
    np.testing.assert_array_equal(image, IMAGES[1:2])
    assert label == 9 and type(label) is int and image.dtype == mt.uint8


def test_mnist_that_does_not_fit(tmp_path):
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    with pytest.raises(ArgumentError, match=r"found none of .*train-images-idx3-ubyte.*nothing is downloaded"):
        datasets.MNIST(tmp_path)
    images.write_bytes(idx(IMAGES))
    for wrong, message in ((idx(LABELS[:5]), "uint8\\[N, H, W\\]"), (idx(LABELS + 3), "labels from 3 to 12")):
        labels.write_bytes(wrong)
        with pytest.raises(ArgumentError, match=message):
            datasets.MNIST(tmp_path)
    labels.write_bytes(idx(IMAGES))
    with pytest.raises(ArgumentError, match="they must be"):
        datasets.MNIST(tmp_path)


# --------------------------------------------------------------------------- CIFAR


@pytest.fixture
def cifar(tmp_path):
    """CIFAR-10 with 10,000 random records a file."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    records = random.integers(0, 256, (10_000, 3073)).astype(np.uint8)
    records[:, 0] %= 10
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        records.tofile(folder / name)
    return tmp_path, records


def test_cifar10(cifar):
    root, records = cifar
    test, train = datasets.CIFAR10(root, train=False), datasets.CIFAR10(root / "cifar-10-batches-bin")
    assert len(test) == 10_000 and len(train) == 50_000
    image, label = test[7]
    np.testing.assert_array_equal(image, records[7, 1:].reshape(3, 32, 32))
    assert label == records[7, 0] and test.classes[1] == "automobile"
    np.testing.assert_array_equal(train.data[20_007], image)


def test_cifar100(tmp_path):
    records = random.integers(0, 100, (10_000, 3074)).astype(np.uint8)
    records.tofile(tmp_path / "test.bin")
    data = datasets.CIFAR100(tmp_path, train=False)
    assert data[3][1] == records[3, 1] and len(data.classes) == 100
    np.testing.assert_array_equal(data[3][0], records[3, 2:].reshape(3, 32, 32))


def test_damaged_cifar(cifar):
    root, records = cifar
    path = root / "cifar-10-batches-bin" / "test_batch.bin"
    content = path.read_bytes()
    for wrong in (b"", content[:-1], content[:-3073], content + b"\0"):
        path.write_bytes(wrong)
        with pytest.raises(ArgumentError, match=f"{len(wrong)} bytes instead of 30730000"):
            datasets.CIFAR10(root, train=False)
    records[0, 0] = 10
    path.write_bytes(records.tobytes())
    with pytest.raises(ArgumentError, match="labels from 0 to 10"):
        datasets.CIFAR10(root, train=False)


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemError('code was run')",)


def test_the_python_version_of_cifar_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="get the binary version"):
        datasets.CIFAR10(tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(Harmful()))
    for root in (tmp_path, folder):
        with pytest.raises(ArgumentError, match="pickles, which may run code and are not read"):
            datasets.CIFAR10(root, train=False)
