"""Collating: a list of samples becomes one batch, whatever the samples are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.array import Array, wrap
from ...core.errors import DTypeError, ShapeError
from ...core.ops.joining import stack
from ...core.tracer import Tracer
from ...tensor.creation import tensor
from ...tensor.handle import Tensor, as_tensor, tensor_of

_NUMBERS = {bool: dtypes.bool_, int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack arrays and numbers along a new first axis, inside tuples, lists and dicts; strings stay as they are.

    As in PyTorch, Python floats become float64, and a tuple of fields becomes a list.

    >>> default_collate([(1, [0.5, 1.5]), (2, [2.5, 3.5])])
    [tensor([1, 2]), [tensor([0.5000, 2.5000], dtype=float64), tensor([1.5000, 3.5000], dtype=float64)]]
    """
    first = batch[0]
    kind = type(first)
    if isinstance(first, (Tensor, Array, Tracer, np.ndarray)):
        return _stacked(batch)
    if isinstance(first, np.generic):
        return tensor(np.array(batch))
    if kind in _NUMBERS:
        return _numbers(batch, kind)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise ShapeError("default_collate: each element in list of batch should be of equal size; pass collate_fn=")
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return kind(*fields) if hasattr(first, "_fields") else fields
    raise DTypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind.__name__}; "
        "pass collate_fn="
    )


def default_convert(sample: Any) -> Any:
    """Turn the NumPy data of one sample into tensors, inside tuples, lists and dicts.

    >>> import numpy as np
    >>> default_convert({"x": np.array([1.0, 2.0]), "name": "first"})
    {'x': tensor([1., 2.], dtype=float64), 'name': 'first'}
    """
    if isinstance(sample, (np.ndarray, np.generic)) and sample.dtype.kind not in "SUO":
        return as_tensor(sample)
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    return [default_convert(x) for x in sample] if isinstance(sample, (tuple, list)) else sample


def _stacked(batch: Sequence[Any]) -> Tensor:
    shapes = sorted({tuple(x.shape) for x in batch})
    if len(shapes) > 1:
        raise ShapeError(
            f"default_collate: samples have the shapes {', '.join(map(str, shapes))}, which do not stack; pad them, or pass "
            "collate_fn="
        )
    buffers = [_buffer(x) for x in batch]
    dtype = getattr(buffers[0], "dtype", None)
    if any(x is None or x.dtype != dtype for x in buffers) or dtype not in dtypes.ALL:
        return as_tensor(stack(list(batch)))
    # What nothing records is copied once, by NumPy: a third of the time for a batch of 64 images.
    out = np.empty((len(buffers), *shapes[0]), dtype)
    for i, x in enumerate(buffers):
        out[i] = x
    return tensor_of(wrap(out))


def _buffer(x: Any) -> np.ndarray[Any, Any] | None:
    """Return the data of an array or tensor that is known and not recorded."""
    if isinstance(x, Tensor):
        x = None if x.requires_grad else x.current()
    if type(x) is Array:
        x = x._data
    return x if type(x) is np.ndarray else None


def _numbers(batch: Sequence[Any], kind: type) -> Tensor:
    if any(type(x) is not kind for x in batch):
        return tensor(list(batch), dtype=dtypes.float64 if kind is float else None)
    return tensor_of(wrap(np.array(batch, _NUMBERS[kind])))
