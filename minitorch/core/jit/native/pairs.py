"""Words in memory that must hold what they held: the slots of objects, the entries of dicts, the items of lists.

Reading a dict's table where it lies needs CPython's layout, which `dicts_supported` compares with what Python says first.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from .objects import offset, supported, word
from .structures import LIST_ITEMS, LIST_SIZE, TYPE

DICT_USED, DICT_VERSION, DICT_KEYS, DICT_VALUES = 16, 24, 32, 40
KEYS_PLACES, KEYS_COUNT, KEYS_HEAD = (
    9,
    24,
    32,
)  # the logarithm of the size of the places, in bytes; how many keys there are

# What holds other things or numbers, and may have them replaced. Plain lists and dicts are read where they lie, so deep.
CHANGEABLE: tuple[Any, ...] = (list, dict, set, deque, bytearray, np.ndarray, array, memoryview, MappingProxyType)
CHANGEABLE += (ChainMap, UserDict, UserList, ctypes._SimpleCData, ctypes.Structure, ctypes.Union, ctypes.Array)
MOST_DEEP = 8


class Unreadable(Exception):
    """Something is not laid out as expected, or of a kind that cannot be read where it lies."""


class Pairs:
    """Addresses and the words they must hold. What they belong to is kept alive.

    A table of a dict or list that has moved is noticed before anything in it is read: its address comes first.

    >>> pairs = Pairs()
    >>> pairs.items([1, 2]), pairs.entry({"a": "b"}, "a") > 0
    (None, True)
    """

    def __init__(self) -> None:
        self.words: list[int] = []
        self.kept: list[Any] = []
        self._tables: dict[int, Any] = {}

    def add(self, address: int, value: int) -> None:
        """Note a word."""
        self.words += (address, value)

    def slot(self, owner: Any, name: str) -> None:
        """Note what a slot of an object holds."""
        held = getattr(owner, name)
        self.kept += (owner, held)
        self.add(self.slot_address(owner, name), id(held))

    def slot_address(self, owner: Any, name: str) -> int:
        """Return where a slot of an object lies."""
        kind: Any = type(owner)
        at = offset(kind, name)
        if at < 0:
            raise Unreadable(f"{type(owner).__name__}.{name}")
        self.kept.append(owner)
        return id(owner) + at

    def items(self, held: list[Any]) -> None:
        """Note the items of a list."""
        self.kept += (held, *held)
        first = word(id(held) + LIST_ITEMS)
        self.add(id(held) + LIST_SIZE, len(held))
        self.add(id(held) + LIST_ITEMS, first)
        for i, x in enumerate(held):
            self.add(first + 8 * i, id(x))

    def content(self, held: Any, depth: int = MOST_DEEP) -> None:
        """Note what is in a container, and in those inside it."""
        if type(held) is list:
            self.items(held)
        elif type(held) is dict:
            self.size(held)
            for key in held:
                self._stored(held, key, True)
        elif isinstance(held, (*CHANGEABLE, tuple, frozenset)) and type(held) is not tuple:
            raise Unreadable(type(held).__name__)
        if type(held) in (list, dict, tuple):
            if not depth:
                raise Unreadable("too deep")
            self.kept.append(held)
            for inner in held.values() if type(held) is dict else held:
                self.content(inner, depth - 1)

    def size(self, table: dict[Any, Any]) -> None:
        """Note how many entries a dict has."""
        self.kept.append(table)
        self.add(id(table) + DICT_USED, len(table))

    def version(self, table: dict[Any, Any]) -> int | None:
        """Note that a dict has not been written; return the place of the word to be compared, None if there is none."""
        if not versions_supported():
            return None
        self.kept.append(table)
        self.add(id(table) + DICT_VERSION, version(table).value)
        return len(self.words) - 1

    def entry(self, table: dict[Any, Any], key: Any, compared: bool = True) -> int:
        """Note an entry of a dict, with its value or without; return the address of the word that holds the value."""
        if not isinstance(table, dict):
            raise Unreadable("dict")
        self.kept.append(key)
        key = next((k for k in table if k is key or (type(k) is str and k == key)), key)  # the object in the table
        return self._stored(table, key, compared)

    def kind(self, owner: Any) -> None:
        """Note the class of an object."""
        self.kept += (owner, type(owner))
        self.add(id(owner) + TYPE, id(type(owner)))

    def attributes(self, owner: Any) -> None:
        """Note that an object has its attributes in the dict that it has them in now."""
        table = vars(owner)
        at = attributes_offset()
        if at is None or word(id(owner) + at) != id(table):
            raise Unreadable("attributes")
        self.kept += (owner, table)
        self.add(id(owner) + at, id(table))

    def _stored(self, table: dict[Any, Any], key: Any, compared: bool) -> int:
        if not dicts_supported():
            raise Unreadable("dict")
        value = table[key]
        self.kept += (table, key, value)
        keys, values = word(id(table) + DICT_KEYS), word(id(table) + DICT_VALUES)
        if id(table) not in self._tables:
            self._tables[id(table)] = table
            self.add(id(table) + DICT_KEYS, keys)
            self.add(id(table) + DICT_VALUES, values)
        if values:
            if not compared:  # the key is shared: it stays when the entry goes
                raise Unreadable("attribute")
            at = _shared_address(keys, values, key, value)
            self.add(at, id(value))
            return at
        at = _entry_address(table, keys, key, value)
        self.add(at - 8, id(key))
        if compared:
            self.add(at, id(value))
        return at


def _entry_address(table: dict[Any, Any], keys: int, key: Any, value: Any) -> int:
    """Search a dict's table for a key with its value beside it."""
    count = (sys.getsizeof(table) - dict.__basicsize__) // 8
    if count < 2:
        raise Unreadable("dict")
    block: Any = (ctypes.c_int64 * count).from_address(keys)
    words = np.frombuffer(block, np.int64)
    found = np.flatnonzero((words[:-1] == id(key)) & (words[1:] == id(value)))
    if len(found) != 1:
        raise Unreadable("dict entry")
    return keys + 8 * int(found[0]) + 8


def _shared_address(keys: int, values: int, key: Any, value: Any) -> int:
    """Search the keys that a dict of attributes shares with those of other objects; its values have the same order."""
    at = shared_offset()
    place = next((i for i, k in enumerate(_shared_keys(keys)) if k == id(key)), None)
    if at is None or place is None or word(values + at + 8 * place) != id(value):
        raise Unreadable("attribute")
    return values + at + 8 * place


def _shared_keys(keys: int) -> list[int]:
    """Return the addresses of the keys in a table: they stand behind a head and the places that hashes lead to."""
    first = keys + KEYS_HEAD + (1 << word(keys + KEYS_PLACES, ctypes.c_int8))
    return [word(first + 16 * i) for i in range(word(keys + KEYS_COUNT))]


@cache
def shared_offset() -> int | None:
    """Return how far behind their address the values of a dict of attributes begin; None if that cannot be seen."""

    class Probe(_Probe):
        """A class with keys of its own, which no other probe has added to."""

    probe: Any = Probe(0)
    held = vars(probe)
    keys, values = word(id(held) + DICT_KEYS), word(id(held) + DICT_VALUES)
    if not dicts_supported() or not values:
        return None
    for name in "abc":
        setattr(probe, name, object())
    names = list(map(sys.intern, "abc"))
    places = {k: 8 * i for i, k in enumerate(_shared_keys(keys))}
    if not all(id(name) in places for name in names):
        return None
    seen = [[word(values + at + places[id(name)]) for name in names] for at in (0, 8)]
    wanted = [id(held[name]) for name in names]
    if seen.count(wanted) != 1 or word(id(held) + DICT_VALUES) != values:
        return None
    at = 8 * seen.index(wanted)
    probe.assign(first := object())
    held["b"] = second = object()
    now = [word(values + at + places[id(name)]) for name in names[:2]]
    return at if now == [id(first), id(second)] else None


@cache
def attributes_offset() -> int | None:
    """Return where an object keeps the address of the dict of its attributes; None if that cannot be seen."""
    if not dicts_supported():
        return None
    probes: list[Any] = [_Probe(0), _Probe(1)]
    tables = [vars(p) for p in probes]
    found = [at for at in (-32, -24, -16, -8) if all(word(id(p) + at) == id(t) for p, t in zip(probes, tables))]
    if len(found) != 1:
        return None
    probes[0].__dict__ = another = {"a": 2}
    return found[0] if word(id(probes[0]) + found[0]) == id(another) else None


@cache
def dicts_supported() -> bool:
    """Return whether the entries of dicts can be read where they lie in this interpreter."""
    if not supported():
        return False
    first, second = object(), object()
    table: dict[Any, Any] = {"a": 1, "b": first, (1, 2): 3}
    try:
        for probe in (table, {k: v for k, v in table.items() if isinstance(k, str)}):
            if word(id(probe) + DICT_USED) != len(probe) or word(id(probe) + DICT_VALUES) != 0:
                return False
            at = _entry_address(probe, word(id(probe) + DICT_KEYS), "b", first)
            probe["b"] = second
            if word(at) != id(second):
                return False
            del probe["b"]
            if word(at) != 0 or word(id(probe) + DICT_USED) != len(probe):
                return False
    except Unreadable:
        return False
    return True


def version(table: dict[Any, Any]) -> Any:
    """Return a word, with the number as `value`, that differs whenever a dict has been written; it must be kept alive.

    PEP 509, which gave dicts versions. Reading one takes 30 ns.
    """
    return ctypes.c_int64.from_address(id(table) + DICT_VERSION)


@cache
def versions_supported() -> bool:
    """Return whether in this interpreter the attributes of an object have a version that all ways of writing change."""
    if not dicts_supported():
        return False
    probe = _Probe(0)
    held, seen = vars(probe), set()
    word = version(held)
    writes: tuple[Callable[[int], Any], ...] = (
        probe.assign,
        lambda i: object.__setattr__(probe, "a", -i),
        lambda i: held.update(a=i),
        lambda i: held.__setitem__("a", -i),
        lambda i: setattr(probe, f"b{i}", i),
        lambda i: delattr(probe, f"b{i}"),
        lambda i: held.__setitem__(f"c{i}", i),
        lambda i: held.pop(f"c{i}"),
    )
    for i in range(1, 20):  # often enough for the interpreter to take its quick ways
        for write in writes:
            if word.value in seen or vars(probe) is not held:
                return False
            seen.add(word.value)
            write(i)
    return word.value not in seen


class _Probe:
    """An object with attributes."""

    def __init__(self, a: int):
        self.a = a

    def assign(self, a: int) -> None:
        """Set an attribute, as all code does."""
        self.a = a
