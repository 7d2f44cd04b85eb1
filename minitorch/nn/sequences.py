"""Batches of sequences of different lengths: padded, and packed step by step without the padding."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import tree
from ..core.errors import ArgumentError, ShapeError
from ..core.ops.gathering import take
from ..core.ops.joining import pad, stack
from ..core.ops.pointwise import where
from ..core.ops.shaping import cast, reshape, swapaxes
from ..core.tracer import aval_of
from ..tensor.creation import as_tensor
from ..tensor.handle import Tensor
from .functional.recurrent import Packing


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """Sequences of different lengths, step by step: `data` holds the first step of all, the second of those that have one...

    `batch_sizes` says how many each step has. The longest sequence comes first; `sorted_indices` are the places where the
    sequences stood before, `unsorted_indices` the way back, both None if they stood so. The functions below make these.

    >>> from minitorch.nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([mt.tensor([1, 2, 3]), mt.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        """Make one; the way back follows from the sorted places."""
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise ArgumentError("PackedSequence: give data and batch_sizes")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Give the data another dtype or device."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move the data to a GPU."""
        return self.to(self.data.cuda(*args, **kwargs).device)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move the data to host memory."""
        return self.to(device="cpu")

    def pin_memory(self) -> PackedSequence:
        """Return this: there is nothing to pin."""
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Return False: nothing is pinned."""
        return False

    def double(self) -> PackedSequence:
        """Cast the data to float64."""
        return self.to(np.float64)

    def float(self) -> PackedSequence:
        """Cast the data to float32."""
        return self.to(np.float32)

    def half(self) -> PackedSequence:
        """Cast the data to float16."""
        return self.to(np.float16)

    def long(self) -> PackedSequence:
        """Cast the data to int64."""
        return self.to(np.int64)

    def int(self) -> PackedSequence:
        """Cast the data to int32."""
        return self.to(np.int32)

    def short(self) -> PackedSequence:
        """Cast the data to int16."""
        return self.to(np.int16)

    def char(self) -> PackedSequence:
        """Cast the data to int8."""
        return self.to(np.int8)

    def byte(self) -> PackedSequence:
        """Cast the data to uint8."""
        return self.to(np.uint8)


def _flatten(x: PackedSequence) -> tuple[Any, ...]:
    """Return the data, and what is known of it: a compiled function that is given one is compiled for its lengths."""
    return (x.data,), tuple(None if each is None else tuple(each.tolist()) for each in x[1:]), ("data",)


def _unflatten(known: tuple[Any, ...], children: Iterable[Any]) -> PackedSequence:
    (data,) = children
    fields = (None if each is None else as_tensor(np.array(each, np.int64)) for each in known)
    return PackedSequence(data, *fields)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # a named tuple is a tree already, of all its fields
    tree.register(PackedSequence, _flatten, _unflatten)


def invert_permutation(permutation: Any) -> Any:
    """Return the inverse of a permutation, None of None.

    >>> invert_permutation(mt.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else as_tensor(np.argsort(permutation.numpy(), kind="stable"))


def _lengths(name: str, lengths: Any) -> np.ndarray[Any, Any]:
    found = np.asarray(lengths.tolist() if isinstance(lengths, Tensor) else list(lengths), np.int64)
    if found.ndim != 1 or (found <= 0).any():
        raise ShapeError(
            f"{name}: Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{found.tolist()}"
        )
    return found


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch `[steps, batch, ...]`, or with `batch_first` the first two exchanged, of sequences so long.

    With `enforce_sorted`, the lengths must not grow; without, the sequences are sorted first.

    >>> packed = pack_padded_sequence(as_tensor([[1, 2, 0], [3, 0, 0]]), [2, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 3, 2], [2, 1])
    """
    sizes = _lengths("pack_padded_sequence", lengths)
    x = swapaxes(input, 0, 1) if batch_first else input
    if x.ndim < 2 or x.shape[1] != sizes.size or sizes.max() > x.shape[0]:
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, and no length over the number of "
            f"steps, but got {sizes.tolist()} for {aval_of(input)} with batch_first={batch_first}"
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        x = take(x, order, axis=1)
    elif (np.diff(sizes) > 0).any():
        raise ShapeError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True; you "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement "
            f"if you do not need ONNX exportability. Got {sizes.tolist()}"
        )
    live = np.arange(sizes[0])[:, None] < sizes
    steps = np.arange(sizes[0])[:, None] * sizes.size + np.arange(sizes.size)
    data = take(reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), steps[live], axis=0)
    return PackedSequence(data, as_tensor(live.sum(1)), None if order is None else as_tensor(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """Return the sequences as a padded batch in their old order, and their lengths. `total_length` asks for more steps.

    >>> pad_packed_sequence(pack_sequence([as_tensor([1, 2]), as_tensor([3])]), batch_first=True)[0].tolist()
    [[1, 2], [3, 0]]
    """
    packing = Packing("pad_packed_sequence", sequence.data, sequence.batch_sizes)
    steps = len(packing.sizes)
    if total_length is not None and total_length < steps:
        raise ArgumentError(
            "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {steps}"
        )
    x = packing.padded(sequence.data)
    if not packing.live.all():
        mask = packing.live.reshape(*packing.live.shape, *(1,) * (x.ndim - 2))
        x = cast(where(as_tensor(mask), x, padding_value), x.dtype)
    if total_length is not None:
        x = pad(x, [(0, total_length - steps), *[(0, 0)] * (x.ndim - 1)], value=padding_value)
    lengths = packing.live.sum(0)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices.numpy()
        x, lengths = take(x, back, axis=1), lengths[back]
    return swapaxes(x, 0, 1) if batch_first else x, as_tensor(lengths)


def pad_sequence(
    sequences: Iterable[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Stack sequences `[steps, ...]` of different lengths, padded to the longest.

    >>> pad_sequence([as_tensor([1, 2]), as_tensor([3])], batch_first=True, padding_side="left").tolist()
    [[1, 2], [0, 3]]
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}")
    if not isinstance(sequences, Iterable):
        raise ArgumentError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences).__name__}"
        )
    given = list(sequences)
    if not given:
        raise ArgumentError("pad_sequence: received an empty list of sequences")
    longest = max(x.shape[0] for x in given)

    def padded(x: Any) -> Any:
        more = longest - x.shape[0]
        ends = (more, 0) if padding_side == "left" else (0, more)
        return pad(x, [ends, *[(0, 0)] * (x.ndim - 1)], value=padding_value) if more else x

    return stack([padded(x) for x in given], 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """Return the sequences of a padded batch, without the padding.

    >>> unpad_sequence(mt.tensor([[1, 2, 3], [4, 0, 0]]), mt.tensor([3, 1]), batch_first=True)
    [tensor([1, 2, 3]), tensor([4])]
    """
    x = padded_sequences if batch_first else swapaxes(padded_sequences, 0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if len(sizes) != x.shape[0]:
        raise ShapeError(f"unpad_sequence: {len(sizes)} lengths for {x.shape[0]} sequences; give one for each")
    return [x[i, :n] for i, n in enumerate(sizes)]


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences `[steps, ...]`; without `enforce_sorted` in any order.

    >>> pack_sequence([as_tensor([1, 2, 3]), as_tensor([4, 5]), as_tensor([6])]).data.tolist()
    [1, 4, 6, 2, 5, 3]
    """
    return pack_padded_sequence(pad_sequence(sequences), [x.shape[0] for x in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """Return the sequences of a packed one, as a list in their old order.

    >>> unpack_sequence(pack_sequence([mt.tensor([1]), mt.tensor([2, 3])], enforce_sorted=False))
    [tensor([1]), tensor([2, 3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
