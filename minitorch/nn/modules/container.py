"""Modules that hold modules or parameters in order or by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import index as as_int
from typing import Any

from ...core.errors import ArgumentError, OutOfBoundsError
from ..module import Module, indented
from ..parameter import Parameter
from ..registry import MODULE, PARAMETER


class _Numbered(Module):
    """A list: what it holds is registered as "0", "1", ..."""

    _holds = MODULE

    def _values(self) -> list[Any]:
        return [self.__dict__[name] for name, kind in self._kinds.items() if kind == self._holds]

    def _renumber(self, values: Iterable[Any]) -> None:
        names = [name for name, kind in self._kinds.items() if kind == self._holds]
        values = list(values)
        for name in names:
            del self.__dict__[name], self._kinds[name]
        for i, value in enumerate(values):
            self._put(str(i), value)

    def _put(self, name: str, value: Any) -> None:
        self.add_module(name, value)

    def _position(self, index: int) -> int:
        n, found = len(self), as_int(index)
        if not -n <= found < n:
            raise OutOfBoundsError(f"{type(self).__name__}: index {index} is out of range for {n} entries")
        return found % n

    def __len__(self) -> int:
        return len(self._values())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def __contains__(self, value: Any) -> bool:
        return any(value is each for each in self._values())

    def __setitem__(self, index: int, value: Any) -> None:
        names = [name for name, kind in self._kinds.items() if kind == self._holds]
        setattr(self, names[self._position(index)], self._checked(value))

    def _checked(self, value: Any) -> Any:
        return value

    def __delitem__(self, index: int | slice) -> None:
        values = self._values()
        del values[index if isinstance(index, slice) else self._position(index)]
        self._renumber(values)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, value: Any) -> Any:
        """Add one at the end."""
        self._put(str(len(self)), self._checked(value))
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Add several at the end."""
        for value in list(values):
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Any:
        """Add one before the entry at a position."""
        values = self._values()
        values.insert(index, self._checked(value))
        self._renumber(values)
        return self

    def pop(self, key: int = -1) -> Any:
        """Take out an entry and return it."""
        value = self._values()[self._position(key)]
        del self[key]
        return value

    def __iadd__(self, values: Iterable[Any]) -> Any:
        return self.extend(values)


class Container(Module):
    """Holds modules by name. The older form of what every module does by assignment.

    >>> nn.Container(first=nn.Linear(4, 8)).first
    Linear(in_features=4, out_features=8, bias=True)
    """

    def __init__(self, **kwargs: Any):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(_Numbered):
    """Modules called one after the other.

    Takes modules, or one OrderedDict with their names.

    >>> from minitorch.nn.modules.linear import Flatten, Identity
    >>> Sequential(Identity(), Flatten(0))
    Sequential(
      (0): Identity()
      (1): Flatten(start_dim=0, end_dim=-1)
    )
    """

    def __init__(self, *args: Any):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        """Call each module with the result of the one before."""
        mine = self.__dict__
        for name in self._kinds:
            input = mine[name](input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._values()[self._position(index)]

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*list(self) * _checked_times(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        self.extend(list(self) * (_checked_times(times) - 1))
        return self


def _checked_times(times: int) -> int:
    """Return how often a Sequential is repeated, the same modules each time."""
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: 'Sequential' and {type(times).__name__!r}")
    if times <= 0:
        raise ArgumentError(f"Sequential: it cannot be repeated {times} times; give a positive number")
    return times


class ModuleList(_Numbered):
    """A list of modules, all of which are registered.

    >>> layers = nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 2)])
    >>> layers[-1], len(layers)
    (Linear(in_features=8, out_features=2, bias=True), 2)
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self._values()[index])
        return self._values()[self._position(index)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """Show equal neighbors once, with their number."""
        lines, start = [], 0
        for text, equal in groupby(map(repr, self)):
            count = len(list(equal))
            label = f"({start}): " if count == 1 else f"({start}-{start + count - 1}): {count} x "
            lines.append(indented(label + text))
            start += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{self._get_name()}()"


class ParameterList(_Numbered):
    """A list of parameters, all of which are registered; tensors become parameters.

    >>> nn.ParameterList([mt.zeros(2), mt.zeros(3)])[1].shape
    (3,)
    """

    _holds = PARAMETER

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self.extend(values or ())

    def _checked(self, value: Any) -> Parameter:
        return _as_parameter(value)

    def _put(self, name: str, value: Any) -> None:
        self.register_parameter(name, value)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self._values()[index])
        return self._values()[self._position(index)]

    def __repr__(self) -> str:
        return _parameter_lines(self, enumerate(self))


def _as_parameter(value: Any) -> Parameter:
    return value if isinstance(value, Parameter) else Parameter(value)


def _parameter_lines(holder: Module, items: Iterable[tuple[Any, Any]]) -> str:
    lines = [
        f"  ({name}): Parameter containing: [{p.dtype.name} of size {'x'.join(map(str, p.shape))}]" for name, p in items
    ]
    return f"{type(holder).__name__}(\n" + "\n".join(lines) + "\n)" if lines else f"{type(holder).__name__}()"


class _Keyed(Module):
    """A dict: what it holds is registered under its keys."""

    _holds = MODULE

    def _table_of(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name, kind in self._kinds.items() if kind == self._holds}

    def __getitem__(self, key: str) -> Any:
        return self._table_of()[key]

    def __delitem__(self, key: str) -> None:
        self._table_of()[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._table_of())

    def __iter__(self) -> Iterator[str]:
        return iter(self._table_of())

    def __contains__(self, key: str) -> bool:
        return key in self._table_of()

    def keys(self) -> Iterable[str]:
        """Return the keys."""
        return self._table_of().keys()

    def values(self) -> Iterable[Any]:
        """Return what is held."""
        return self._table_of().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return keys and what is held under them."""
        return self._table_of().items()

    def pop(self, key: str) -> Any:
        """Take out an entry and return it."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Take out all entries."""
        for key in list(self):
            del self[key]

    def update(self, values: Any) -> None:
        """Add or replace entries."""
        for key, value in values.items() if hasattr(values, "items") else values:
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError


class ModuleDict(_Keyed):
    """A dict of modules, all of which are registered.

    >>> layers = nn.ModuleDict({"first": nn.Linear(4, 8)})
    >>> layers["first"](mt.zeros(3, 4)).shape
    (3, 8)
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        self.update(modules or {})

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)


class ParameterDict(_Keyed):
    """A dict of parameters, all of which are registered; tensors become parameters.

    >>> nn.ParameterDict({"scale": mt.ones(2)})["scale"].requires_grad
    True
    """

    _holds = PARAMETER

    def __init__(self, parameters: Any = None):
        super().__init__()
        self.update(parameters or {})

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _as_parameter(value))

    def get(self, key: str, default: Any = None) -> Any:
        """Return the entry under a key, or the default if there is none."""
        return self._table_of().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the entry under a key, added beforehand if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take out the entry that was added last, and return it with its key."""
        key = list(self)[-1] if len(self) else ""
        return key, self.pop(key)

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return another dict with one parameter under all these keys."""
        return ParameterDict(dict.fromkeys(keys, default))

    def __or__(self, other: Any) -> ParameterDict:
        found = self.copy()
        found.update(other)
        return found

    def __ror__(self, other: Any) -> ParameterDict:
        return ParameterDict(other) | self

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def __repr__(self) -> str:
        return _parameter_lines(self, self.items())
