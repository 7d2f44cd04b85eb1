"""Datasets, samplers, collating and the loader; the real data sets; the progress bar."""

from __future__ import annotations

import sys
from collections import namedtuple

import numpy as np
import pytest

import minitorch as mt
from minitorch import datasets
from minitorch.errors import (
    ArgumentError,
    DTypeError,
    JitError,
    MissingExtraError,
    OutOfBoundsError,
    ShapeError,
)
from minitorch.progress import progress
from minitorch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)


def pairs(n):
    return TensorDataset(mt.arange(n * 2).reshape(n, 2), mt.arange(n))


class Squares(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return {"x": np.full(3, i, np.float32), "y": i * i}


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))

    def __len__(self):
        return 5


def test_loader_in_order():
    batches = list(DataLoader(pairs(7), batch_size=3))
    assert [x.shape for x, _ in batches] == [(3, 2), (3, 2), (1, 2)]
    assert [y.tolist() for _, y in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert isinstance(batches[0], list)


@pytest.mark.parametrize("n", [0, 1, 6, 7])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_length_equals_the_number_of_batches(n, drop_last, shuffle):
    for data in (pairs(n), Squares(n), Subset(pairs(n), range(n))):
        loader = DataLoader(data, batch_size=3, drop_last=drop_last, shuffle=shuffle)
        batches = list(loader)
        assert len(batches) == len(loader) == (n // 3 if drop_last else -(-n // 3))


def test_shuffle_visits_each_sample_once_and_keeps_pairs():
    loader = DataLoader(pairs(50), batch_size=8, shuffle=True)
    passes = []
    for _ in range(2):
        seen = []
        for x, y in loader:
            assert (x[:, 0] == 2 * y).all() and (x[:, 1] == 2 * y + 1).all()
            seen += y.tolist()
        assert sorted(seen) == list(range(50)) != seen
        passes.append(seen)
    assert passes[0] != passes[1]


def test_generator_and_seed_decide_the_order():
    def order(generator=None):
        return [y.tolist() for _, y in DataLoader(pairs(20), batch_size=4, shuffle=True, generator=generator)]

    first = mt.Generator().manual_seed(1)
    again, other = mt.Generator().manual_seed(1), mt.Generator().manual_seed(2)
    assert order(first) == order(again) != order(other)
    mt.manual_seed(5)
    a = order()
    mt.manual_seed(5)
    assert order() == a


def test_the_shortcut_equals_the_general_path():
    class General(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    data = pairs(10)
    for shuffle in (False, True):
        found = []
        for dataset in (data, General(*data.tensors)):
            mt.manual_seed(3)
            found.append([[t.tolist() for t in batch] for batch in DataLoader(dataset, batch_size=4, shuffle=shuffle)])
        assert found[0] == found[1]


def test_rows_of_tensors_that_require_grad_stay_in_the_graph():
    x = mt.ones(4, 2, requires_grad=True)
    for shuffle in (False, True):
        total = sum((batch * batch).sum() for (batch,) in DataLoader(TensorDataset(x), batch_size=3, shuffle=shuffle))
        (g,) = mt.autograd.grad(total, x)
        np.testing.assert_array_equal(g.numpy(), np.full((4, 2), 2.0))


def test_a_write_to_a_batch_does_not_reach_the_dataset():
    data = pairs(4)
    for x, _ in DataLoader(data, batch_size=2):
        x.zero_()
    assert data.tensors[0].sum().item() == 28


def test_dictionaries_numbers_and_arrays():
    (batch,) = DataLoader(Squares(3), batch_size=5)
    assert batch["x"].shape == (3, 3) and batch["x"].dtype == mt.float32
    assert batch["y"].tolist() == [0, 1, 4] and batch["y"].dtype == mt.int64


def test_collating_every_kind_of_sample():
    Point = namedtuple("Point", "x y")
    out = default_collate([Point(1.5, "a"), Point(2.5, "b")])
    assert isinstance(out, Point) and out.y == ("a", "b")
    assert out.x.dtype == mt.float64 and out.x.tolist() == [1.5, 2.5]
    assert default_collate([True, False]).dtype == mt.bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == mt.float32
    nested = default_collate([(mt.ones(2), [1, {"k": np.zeros(3)}])] * 4)
    assert nested[0].shape == (4, 2) and nested[1][1]["k"].shape == (4, 3)
    with pytest.raises(DTypeError, match="object; pass collate_fn"):
        default_collate([object()])
    with pytest.raises(ShapeError, match=r"\(2,\), \(3,\)"):
        default_collate([mt.ones(2), mt.ones(3)])
    with pytest.raises(ShapeError, match="equal size"):
        default_collate([[1], [1, 2]])


def test_batch_size_none_and_collate_fn():
    assert [x.tolist() for x in DataLoader(Squares(2), batch_size=None, collate_fn=lambda s: s["x"])] == [
        [0.0] * 3,
        [1.0] * 3,
    ]
    assert isinstance(next(iter(DataLoader(Squares(2), batch_size=None)))["x"], mt.Tensor)
    assert list(DataLoader(range(5), batch_size=2, collate_fn=sum)) == [1, 5, 4]


def test_streams():
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(), batch_size=None)) == [0, 1, 2, 3, 4]
    assert len(DataLoader(Stream(), batch_size=2)) == 3


def test_samplers():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert sorted(RandomSampler("abc")) == [0, 1, 2]
    assert sorted(RandomSampler("abc", num_samples=6)) == [0, 0, 1, 1, 2, 2]
    drawn = list(RandomSampler("abc", replacement=True, num_samples=50))
    assert len(drawn) == 50 and set(drawn) == {0, 1, 2}
    assert list(RandomSampler([])) == []
    assert sorted(SubsetRandomSampler([7, 3, 5])) == [3, 5, 7]
    assert set(WeightedRandomSampler([0.0, 1.0, 1.0], 40)) == {1, 2}
    assert list(BatchSampler([4, 2, 9], 2, True)) == [[4, 2]]
    batches = [y.tolist() for _, y in DataLoader(pairs(9), batch_size=2, sampler=[8, 1, 0])]
    assert batches == [[8, 1], [0]]
    batches = [y.tolist() for _, y in DataLoader(pairs(9), batch_sampler=[[8, 1, 0], [3]])]
    assert batches == [[8, 1, 0], [3]]


def test_getitems_loads_a_batch_in_one_call():
    class Together(Squares):
        def __getitems__(self, indices):
            calls.append(indices)
            return [self[i] for i in indices]

    calls = []
    list(DataLoader(Together(3), batch_size=2))
    assert calls == [[0, 1], [2]]


def test_subset_concat_and_split():
    both = pairs(3) + pairs(2)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [int(both[i][1]) for i in range(5)] == [0, 1, 2, 0, 1]
    assert int(both[-1][1]) == 1
    with pytest.raises(OutOfBoundsError, match="index 5 is out of range for 5"):
        both[5]
    assert [int(y) for _, y in [Subset(pairs(9), [4, 2])[i] for i in range(2)]] == [4, 2]
    parts = random_split(pairs(10), [7, 3], generator=mt.Generator().manual_seed(0))
    seen = [int(part[i][1]) for part in parts for i in range(len(part))]
    assert [len(part) for part in parts] == [7, 3] and sorted(seen) == list(range(10))
    assert [len(part) for part in random_split(range(11), [0.5, 0.5])] == [6, 5]
    batches = [y.tolist() for _, y in DataLoader(Subset(pairs(9), [5, 1, 7]), batch_size=2)]
    assert batches == [[5, 1], [7]]


def test_a_pass_inside_jit():
    loader = DataLoader(TensorDataset(mt.arange(6.0)), batch_size=2)
    f = mt.jit(lambda x: sum((x * batch).sum() for (batch,) in loader))
    assert f(mt.tensor(2.0)).item() == f(mt.tensor(2.0)).item() == 30.0
    with pytest.raises(JitError, match="generator"):
        mt.jit(lambda x: list(DataLoader(range(2), num_workers=1, worker_type="thread")))(mt.ones(1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DataLoader(range(3), batch_size=0), ArgumentError, "batch_size must be a positive integer, got 0"),
        (lambda: DataLoader(range(3), sampler=[1], shuffle=True), ArgumentError, "sampler .* shuffle"),
        (lambda: DataLoader(range(3), batch_sampler=[[1]], batch_size=2), ArgumentError, "batch_sampler"),
        (lambda: DataLoader(range(3), batch_size=None, drop_last=True), ArgumentError, "drop_last"),
        (lambda: DataLoader(Stream(), shuffle=True), ArgumentError, "IterableDataset"),
        (lambda: TensorDataset(mt.ones(2), mt.ones(3)), ShapeError, r"\(2,\).*\(3,\)"),
        (lambda: TensorDataset(np.ones(2)), ShapeError, "TensorDataset"),
        (lambda: TensorDataset(mt.tensor(1.0)), ShapeError, r"shape \(\)"),
        (lambda: ConcatDataset([]), ArgumentError, "empty"),
        (lambda: ConcatDataset([Stream()]), ArgumentError, "IterableDataset"),
        (lambda: random_split(range(3), [1, 1]), ArgumentError, r"\[1, 1\] do not add up to the 3"),
        (lambda: RandomSampler("ab", num_samples=0), ArgumentError, "num_samples"),
        (lambda: WeightedRandomSampler([1.0], 0), ArgumentError, "num_samples"),
        (lambda: Dataset()[0], NotImplementedError, "__getitem__"),
        (lambda: StackDataset(range(2), range(3)), ShapeError, r"Size mismatch .* \[2, 3\]"),
        (lambda: StackDataset(), ArgumentError, "by position"),
        (lambda: StackDataset(range(2), b=range(2)), ArgumentError, "by name"),
        (lambda: ChainDataset([range(3)]), ArgumentError, "ConcatDataset"),
        (lambda: DistributedSampler(range(3)), ArgumentError, "num_replicas="),
        (lambda: DistributedSampler(range(3), 2, 2), ArgumentError, r"Invalid rank 2.*\[0, 1\]"),
        (lambda: RandomSampler("ab", replacement=1), TypeError, "replacement=1"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ArgumentError, "1d sequence"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --------------------------------------------------------------------------- real data


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 64), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), None),
    ],
)
def test_datasets(name, shape, classes):
    pytest.importorskip("sklearn")
    x, y = getattr(datasets, name)()
    assert x.shape == shape and x.dtype == np.float32
    if classes is None:
        assert y.dtype == np.float32
    else:
        assert y.dtype == np.int64 and set(y.tolist()) == set(range(classes))
    tx, ty = getattr(datasets, name)(as_tensors=True)
    assert isinstance(tx, mt.Tensor) and tx.shape == shape and ty.shape == shape[:1]


def test_train_test_split():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    for given in ((x, y), (mt.tensor(x), mt.tensor(y))):
        split = datasets.train_test_split(*given, test_size=0.3, seed=4)
        assert (split.x_train[:, 0] == 2 * split.y_train).all() and (split.x_test[:, 0] == 2 * split.y_test).all()
        assert sorted([*split.y_train.tolist(), *split.y_test.tolist()]) == list(range(10))
        assert len(split.y_test) == 3
    with pytest.raises(ShapeError, match="10 samples and y 3"):
        datasets.train_test_split(x, y[:3])
    with pytest.raises(ArgumentError, match="leaves a part empty"):
        datasets.train_test_split(x, y, test_size=10)


@pytest.mark.parametrize(
    ("module", "call", "message"),
    [
        ("sklearn.datasets", datasets.iris, r"scikit-learn is not installed.*\.\[data\]"),
        ("tqdm", lambda: progress([1]), r"tqdm is not installed.*\.\[data\]"),
    ],
)
def test_missing_extra(monkeypatch, module, call, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=message):
        call()


def test_progress(capsys):
    pytest.importorskip("tqdm")
    assert list(progress(range(3), desc="work")) == [0, 1, 2]
    assert "work" in capsys.readouterr().err
