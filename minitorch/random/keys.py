"""Keys, and what watches over their use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..core import config, dtypes
from ..core.checkpoint import PRESERVED
from ..core.errors import DTypeError
from ..core.ops import sampling
from ..core.ops.families import as_array
from ..core.ops.pointwise import detach
from ..core.tracer import Value, aval_of


def key(seed: int) -> Value:
    """Make a key, uint64[2], from an integer. Different seeds, modulo 2**128, give different keys.

    >>> from minitorch import random
    >>> random.key(7).tolist()
    [7, 0]
    """
    return sampling.key(seed)


def PRNGKey(seed: int) -> Value:
    """Make a key from an integer; the same as `key`.

    >>> PRNGKey(7).tolist() == key(7).tolist()
    True
    """
    return sampling.key(seed)


def split(key: Value, num: int | Sequence[int] = 2) -> Value:
    """Make independent keys of one, along new first axes; the old one must not be used any more.

    >>> from minitorch import random
    >>> a, b = random.split(random.key(0))
    >>> random.split(a, 3).shape
    (3, 2)
    """
    return sampling.split(key, num)


def fold_in(key: Value, data: Any) -> Value:
    """Make a key of a key and an integer, such as a step number, which may be traced.

    The old key may be folded with other integers.

    >>> from minitorch import random
    >>> k = random.key(0)
    >>> random.fold_in(k, 1).tolist() == random.fold_in(k, 2).tolist()
    False
    """
    return sampling.fold_in(key, data)


def key_data(keys: Value) -> Value:
    """Return the two numbers of each key; keys are arrays of them already.

    >>> from minitorch import random
    >>> random.key_data(random.key(7)).tolist()
    [7, 0]
    """
    return _checked("key_data", keys)


def wrap_key_data(key_bits_array: Any) -> Value:
    """Return keys made of their numbers, uint64[..., 2].

    >>> from minitorch import random
    >>> random.wrap_key_data(random.key_data(random.key(7))).tolist()
    [7, 0]
    """
    return _checked("wrap_key_data", key_bits_array)


def _checked(name: str, keys: Any) -> Value:
    keys = as_array(keys)
    if keys.dtype != dtypes.uint64 or not keys.ndim or keys.shape[-1] != 2:
        raise DTypeError(f"{name}: keys are uint64[..., 2], got {aval_of(keys)}; make one with key(seed)")
    return keys


def clone(key: Value) -> Value:
    """Return the key, which `debug_keys` lets be consumed once more.

    >>> from minitorch import random
    >>> k = random.key(0)
    >>> import minitorch as mt
    >>> with mt.debug_keys():
    ...     random.normal(k).tolist() == random.normal(random.clone(k)).tolist()
    True
    """
    ledger = config.key_ledger.get()
    if ledger is not None:
        ledger.forget(key)
    return detach(_checked("clone", key))


def bits(key: Value, shape: Sequence[int] = (), dtype: Any = dtypes.uint32) -> Value:
    """Draw unsigned integers all of whose bits are fair coins.

    >>> from minitorch import random
    >>> random.bits(random.key(0), (3,), "uint8").dtype
    dtype('uint8')
    """
    return sampling.bits(key, shape, dtype)


def _repeats() -> Callable[[], AbstractContextManager[None]]:
    """Let a checkpointed function that runs again draw with the same keys."""
    return lambda: config.setting(config.key_ledger, None)


PRESERVED.append(_repeats)
