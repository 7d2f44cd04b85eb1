"""Parameters that are updated together.

A rule that treats every number on its own does not care where one parameter ends and the next begins. So parameters of
one dtype, equally many steps old, are laid end to end with their gradients and states, and a step of many small
parameters costs a few array operations, not a few for each. What they are given lies end to end again, so only the
gradients are copied at the next step. A vector stays within the cache; a parameter that is longer is updated on its own.

For a rule that looks at whole parameters, those of one shape are stacked instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.array import Array, wrap, wrap_scalar
from ..tensor.handle import Tensor, tensor_of
from .rules import Hyper, Rule, decayed

FEW = 8  # below this many parameters the collecting costs more than it saves
LENGTH = 1 << 18  # numbers in a vector: measured for SGD and Adam; longer ones gain nothing and leave the cache

_ndarray = np.ndarray
_KINDS = (dtypes.float32, dtypes.float64)


class Parts(NamedTuple):
    """Arrays, and the buffer that they are parts of."""

    whole: Any
    arrays: list[Array]


class Bundle:
    """Some parameters, and what they were given last."""

    __slots__ = ("dtype", "names", "numbers", "params", "parts", "places", "rule", "shapes")

    def __init__(self, rule: Rule, params: list[Tensor], state: dict[str, Any]):
        self.rule = rule
        self.params = params
        self.names = tuple(state)
        self.dtype = params[0].dtype
        shapes = [p.shape for p in params]
        self.shapes = dict.fromkeys(("", *state), shapes)
        if rule.whole:  # a part of the state may have a shape of its own
            self.shapes |= {name: [x.shape] * len(params) for name, x in state.items()}
        self.places, offset = [], 0
        for p in params:
            self.places.append((p.shape, offset))
            offset += p.size * self.dtype.itemsize
        self.parts: dict[str, Parts] = {}
        self.numbers: dict[str, tuple[Array, float]] = {}

    def update(self, states: dict[Any, dict[str, Any]], hyper: Hyper) -> bool:
        """Update the parameters; return False, with nothing done, if they do not go together any more."""
        mine = [states.get(p) for p in self.params] if self.names else []
        if any(state is None or len(state) != len(self.names) for state in mine):
            return False
        held = {name: [state.get(name) for state in mine] for name in self.names}  # type: ignore[union-attr]
        read = {name: self._read(name, handles) for name, handles in held.items()}
        x, d = self._whole("", self.params), self._joined("", _values([p._cell.grad for p in self.params]))  # type: ignore[union-attr]
        if x is None or d is None or any(map(is_, read.values(), repeat(_UNFIT))):
            return False
        count = read.pop("step", None)
        if count is not None:
            count += 1.0
        x, d = decayed(self.rule, x, d, hyper)
        moved, found = self.rule.change(np, x, d, read, count, hyper)
        moved += x
        self._write("", self.params, moved)
        if count is not None:
            found["step"] = count
        for name, new in found.items():
            if name in held and held[name][0] is not None:
                self._write(name, held[name], new)
                continue
            if name not in held:  # an option was switched on
                self.names += (name,)
                self.shapes[name] = self.shapes[""]
            for p, array in zip(self.params, self._split(name, new)):
                states[p][name] = tensor_of(array)
        return True

    def _read(self, name: str, handles: list[Any]) -> Any:
        """Return a part of the states as one vector, or the number that it is for all, or None before the first."""
        if name == "step" or name in self.rule.scalars:
            return self._number(name, handles)
        absent = [handle is None for handle in handles]
        if any(absent):
            return None if all(absent) else _UNFIT
        whole = self._whole(name, handles)
        return _UNFIT if whole is None else whole

    def _number(self, name: str, handles: list[Any]) -> Any:
        values = _values(handles)
        known = self.numbers.get(name)
        if known is not None and all(map(is_, values, repeat(known[0]))):
            return known[1]
        numbers = {float(value._data) for value in values}
        return numbers.pop() if len(numbers) == 1 else _UNFIT

    def _whole(self, name: str, handles: Sequence[Tensor]) -> Any:
        """Return the values of handles as one vector: the one they were parted from, if nobody has written since."""
        values = _values(handles)
        known = self.parts.get(name)
        if known is not None and all(map(is_, values, known.arrays)):
            return known.whole
        return self._joined(name, values)

    def _joined(self, name: str, values: list[Any]) -> Any:
        """Lay values end to end, or stack them; return None if one is not what it was."""
        if set(map(type, values)) != {Array}:
            return None
        buffers = [value._data for value in values]
        if [buffer.shape for buffer in buffers] != self.shapes[name] or set(map(type, buffers)) != {_ndarray}:
            return None
        if {buffer.dtype for buffer in buffers} != {self.dtype}:
            return None
        return np.stack(buffers) if self.rule.whole else np.concatenate([buffer.ravel() for buffer in buffers])

    def _write(self, name: str, handles: Sequence[Any], new: Any) -> None:
        if type(new) is float:
            array = wrap(np.asarray(new, np.float32))
            self.numbers[name] = array, float(array._data)
            for handle in handles:
                handle.overwrite(array)
        else:
            for handle, array in zip(handles, self._split(name, new)):
                handle.overwrite(array)

    def _split(self, name: str, whole: Any) -> list[Array]:
        if self.rule.whole:
            buffers: Any = whole
        else:
            buffers = [_ndarray(shape, self.dtype, whole, offset) for shape, offset in self.places]
        self.parts[name] = Parts(whole, list(map(wrap_scalar, buffers)))
        return self.parts[name].arrays


class Plan:
    """What is updated together in a group, for the parameters that have gradients."""

    __slots__ = ("alone", "bundles", "params")

    def __init__(self, rule: Rule, params: list[Tensor], states: dict[Any, dict[str, Any]]):
        self.params = params
        self.alone: list[Tensor] = []
        self.bundles: list[Bundle] = []
        alike: dict[Any, list[Tensor]] = {}
        for p in params:
            key = _traits(rule, p, states[p])
            if key is None:
                self.alone.append(p)
            else:
                alike.setdefault(key, []).append(p)
        for members in alike.values():
            for some in _portions(_unshared(members, self.alone)):
                if len(some) < FEW and not rule.whole:
                    self.alone += some
                else:
                    self.bundles.append(Bundle(rule, some, states[some[0]]))

    def update(self, states: dict[Any, dict[str, Any]], hyper: Hyper) -> list[Tensor]:
        """Update what goes together; return the parameters that are left. They are all, if one has changed."""
        left = self.alone
        for bundle in self.bundles:
            if not bundle.update(states, hyper):
                left = left + bundle.params
        return left


_UNFIT = object()  # stands for states that are not alike


def _values(handles: Sequence[Any]) -> list[Any]:
    return [x.value if x._view is None else x.current() for x in handles]


def _traits(rule: Rule, p: Tensor, state: dict[str, Any]) -> Any:
    """Return what parameters of one bundle have in common; None for one that is updated on its own."""
    value = p.current()
    if type(value) is not Array or type(value._data) is not _ndarray:
        return None
    if not value.size if rule.whole else value.size > LENGTH:  # nothing has no mean; what is large gains nothing
        return None
    if not any(value.dtype is dtype for dtype in _KINDS):
        return None
    numbers = ("step", *rule.scalars)
    kinds = tuple((name, float(x) if name in numbers else x is None) for name, x in state.items())
    return value.dtype, kinds, value.shape if rule.whole else None


def _unshared(params: list[Tensor], rest: list[Tensor]) -> list[Tensor]:
    """Return the parameters that share memory with no other, which have to be updated one after the other."""
    owners: dict[int, list[Tensor]] = {}
    for p in params:
        owners.setdefault(id(p if p._view is None else p._view.storage), []).append(p)
    rest += [p for some in owners.values() if len(some) > 1 for p in some]
    return [some[0] for some in owners.values() if len(some) == 1]


def _portions(params: list[Tensor]) -> list[list[Tensor]]:
    """Cut a list where a vector would get too long."""
    portions: list[list[Tensor]] = []
    room = 0
    for p in params:
        if not portions or p.size > room:
            portions.append([])
            room = LENGTH
        portions[-1].append(p)
        room -= p.size
    return portions
