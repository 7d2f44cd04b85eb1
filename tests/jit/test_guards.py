"""What a function sees besides its arguments may change between calls: a compiled one then does what a plain one does."""

from __future__ import annotations

import argparse
import array
import contextvars
import ctypes
import functools
import importlib
import math
import operator
import sys
import threading
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import JitError

from .comparing import compare

X = mt.tensor([1.0, -2.0])


class Settings:
    scale = 1.0
    sign = 1

    def apply(self, x):
        return x * self.scale * OFFSET

    @staticmethod
    def shift(x):
        return x + OFFSET

    @property
    def double(self):
        return self.scale * 2


class Derived(Settings):
    pass


class Slots:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


@dataclass
class Config:
    scale: float = 1.0


class Shifting(nn.Module):
    def __init__(self):
        super().__init__()
        self.shifts = ([1.0],)

    def forward(self, x):
        return x + self.shifts[0][0]


Couple = namedtuple("Couple", "first second")
OFFSET = 1.0
Pair = namedtuple("Pair", "scale shift")
settings = types.ModuleType("settings_of_the_test")


def changing(start, function, change):
    """A scene: `start()` makes what the function sees, `change(seen, i)` changes it before call `i`."""

    def make(wrap):
        Settings.scale, Settings.sign, Derived.extra = 1.0, 1, 0.0
        globals()["OFFSET"] = 1.0
        settings.scale = 1.0
        seen = start()
        compiled = wrap(lambda x: function(seen, x))

        def call(i):
            change(seen, i)
            return compiled(X)

        return call, None

    return make


class Layer(nn.Module):
    """A layer with settings of every kind."""

    level = 1.0

    def __init__(self):
        super().__init__()
        self.scale = 1.0
        self.options = {"scale": [1.0]}
        self.act = lambda x: x * 2
        self.config = Config()
        self.inner = nn.Linear(2, 2)
        self.parts = [nn.Dropout(0.0)]

    def helper(self, x):
        return x * OFFSET * self.level

    def forward(self, x):
        x = self.helper(x) * self.scale * self.options["scale"][0] * self.config.scale
        return self.act(x + self.inner(x) * 0) + self.training + self.parts[0](x)


def put(scope, name):
    def change(seen, i):
        setattr(scope, name, 1.0 + i // 2)

    return change


def put_global(seen, i):
    globals()["OFFSET"] = 1.0 + i // 2


def put_attribute(*path):
    def change(seen, i):
        for name in path[:-1]:
            seen = getattr(seen, name)
        setattr(seen, path[-1], 1.0 + i // 2)

    return change


def put_item(key):
    def change(seen, i):
        seen[key] = 1.0 + i // 2

    return change


def lambdas(seen, i):
    """Put a new function where the old one was, often at the same address."""
    if hasattr(seen, "act"):
        del seen.act
    seen.act = [lambda x: x * 2, lambda x: x * 3][i % 2]
    seen.act = types.FunctionType(seen.act.__code__, globals())


def at(path, value):
    return lambda seen, i: setattr(functools.reduce(getattr, path[:-1], seen), path[-1], value(i))


def a_config():
    return Config()


a_config.level = 0


def nest():
    value = [1.0]
    for _ in range(20):
        value = [value]
    return value


def innermost(value):
    while isinstance(value[0], list):
        value = value[0]
    return value


def in_itself():
    value = [1.0]
    value.append(value)
    return value


def scaled(x, scale=1.0, scales=[1.0], *, shift=0.0, shifts=[0.0]):  # noqa: B006
    return x * scale * scales[0] + shift + shifts[0]


def replaced(x):
    return x


CODES = [replaced.__code__, (lambda x: x * 2).__code__]


def importing(s, x):
    import of_a_test

    return x * of_a_test.scale


def importing_a_name(s, x):
    from of_a_test import scale

    return x * scale


@pytest.fixture(autouse=True)
def a_module(tmp_path, monkeypatch):
    """A module that nobody has imported."""
    (tmp_path / "of_a_test.py").write_text("scale = 1.0")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("of_a_test", None)


def forget_module():
    sys.modules.pop("of_a_test", None)


def put_in_module(seen, i):
    if i:
        sys.modules["of_a_test"].scale = 1.0 + i // 2


class Making(type):
    scale = 1.0


class Made(metaclass=Making):
    pass


class Table(dict):
    def __init__(self):
        self.scale = 1.0


class Local(threading.local):
    def __init__(self):
        self.scale = 1.0


TABLE = {"a": 1.0}
LEVEL = contextvars.ContextVar("level", default=1.0)


def put_global_setting(seen, i):
    settings.scale = 1.0 + i // 2


CHANGES = {
    "global": changing(dict, lambda s, x: x * OFFSET, put_global),
    "global in a helper": changing(Settings, lambda s, x: s.apply(x), put_global),
    "global in a static method": changing(dict, lambda s, x: Settings.shift(x), put_global),
    "class attribute": changing(dict, lambda s, x: x * Settings.scale, put(Settings, "scale")),
    "class attribute through an object": changing(Settings, lambda s, x: x * s.scale, put(Settings, "scale")),
    "class attribute of a base": changing(Derived, lambda s, x: x * s.scale, put(Settings, "scale")),
    "class attribute overridden": changing(
        Derived, lambda s, x: x * s.scale,
        lambda s, i: i == 2 and put(s, "scale")(s, i),
    ),
    "property": changing(Settings, lambda s, x: x * s.double, put(Settings, "scale")),
    "module": changing(dict, lambda s, x: x * settings.scale, lambda s, i: setattr(settings, "scale", 1.0 + i // 2)),
    "object": changing(Settings, lambda s, x: s.apply(x), put_attribute("scale")),
    "slots": changing(Slots, lambda s, x: x * s.scale, put_attribute("scale")),
    "dataclass": changing(Config, lambda s, x: x * s.scale, put_attribute("scale")),
    "namespace": changing(lambda: types.SimpleNamespace(scale=1.0), lambda s, x: x * s.scale, put_attribute("scale")),
    "argparse": changing(lambda: argparse.Namespace(scale=1.0), lambda s, x: x * s.scale, put_attribute("scale")),
    "object in an object": changing(
        lambda: types.SimpleNamespace(a=types.SimpleNamespace(scale=1.0)), lambda s, x: x * s.a.scale,
        put_attribute("a", "scale"),
    ),
    "object in a list": changing(
        lambda: [Settings()], lambda s, x: x * s[0].scale,
        lambda s, i: put_attribute("scale")(s[0], i),
    ),
    "list": changing(lambda: [1.0], lambda s, x: x * s[0], put_item(0)),
    "dict": changing(lambda: {"a": 1.0}, lambda s, x: x * s["a"], put_item("a")),
    "default dict": changing(lambda: defaultdict(float, a=1.0), lambda s, x: x * s["a"], put_item("a")),
    "ordered dict": changing(lambda: OrderedDict(a=1.0), lambda s, x: x * s["a"], put_item("a")),
    "deque": changing(lambda: deque([1.0]), lambda s, x: x * s[0], put_item(0)),
    "dict in a list": changing(lambda: [{"a": 1.0}], lambda s, x: x * s[0]["a"], lambda s, i: put_item("a")(s[0], i)),
    "set": changing(lambda: {1}, lambda s, x: x * len(s), lambda s, i: s.add(i)),
    "keys": changing(lambda: {"a": 1}, lambda s, x: x * len(s), lambda s, i: s.update({str(i // 2): 1})),
    "order of keys": changing(
        lambda: {"a": 1, "b": 2}, lambda s, x: x * next(iter(s.values())),
        lambda s, i: s.update(a=s.pop("a")),
    ),
    "named tuple": changing(
        lambda: [Pair(1.0, 2.0)], lambda s, x: x * s[0].scale,
        lambda s, i: s.__setitem__(0, Pair(1.0 + i // 2, 0)),
    ),
    "sign of zero": changing(lambda: [0.0], lambda s, x: x * s[0], lambda s, i: s.__setitem__(0, [0.0, -0.0][i % 2])),
    "one and true": changing(
        lambda: [1], lambda s, x: x * 2 if s[0] is True else x,
        lambda s, i: s.__setitem__(0, [1, True][i % 2]),
    ),
    "function in an object": changing(types.SimpleNamespace, lambda s, x: s.act(x), lambdas),
    "function with a default": changing(
        types.SimpleNamespace, lambda s, x: s.act(x), at(["act"], lambda i: lambda x, k=float(i // 2): x * k)
    ),
    "function with an attribute": changing(
        lambda: types.SimpleNamespace(act=a_config), lambda s, x: x * a_config.level, at(["act", "level"], lambda i: i // 2)
    ),
    "partial": changing(
        types.SimpleNamespace, lambda s, x: s.act(x),
        at(["act"], lambda i: functools.partial(mt.mul, float(i // 2))),
    ),
    "array": changing(
        lambda: [mt.zeros(2).numpy().copy()], lambda s, x: x + mt.tensor(s[0]),
        lambda s, i: s[0].__setitem__(0, i // 2),
    ),
    "tensor in a list": changing(
        lambda: [mt.ones(2)], lambda s, x: x * s[0],
        lambda s, i: s.__setitem__(0, mt.full((2,), i // 2)),
    ),
    "tensor by another name": changing(
        lambda: {"a": mt.ones(2)}, lambda s, x: x * s["a"],
        lambda s, i: s.update(a=s["a"].clone() + i // 2),
    ),
    "layer": changing(Layer, lambda s, x: s(x), put_attribute("scale")),
    "layer's class": changing(Layer, lambda s, x: s(x), lambda s, i: setattr(Layer, "level", 1.0 + i // 2)),
    "layer's helper": changing(Layer, lambda s, x: s(x), put_global),
    "layer's dict": changing(Layer, lambda s, x: s(x), lambda s, i: s.options["scale"].__setitem__(0, 1.0 + i // 2)),
    "layer's object": changing(Layer, lambda s, x: s(x), put_attribute("config", "scale")),
    "layer's function": changing(Layer, lambda s, x: s(x), lambdas),
    "layer's mode": changing(Layer, lambda s, x: s(x), lambda s, i: s.train(i % 3 == 0)),
    "layer in a list": changing(
        Layer, lambda s, x: s(x),
        lambda s, i: s.parts[0].eval() or setattr(s.parts[0], "p", 1.0 * (i > 1)),
    ),
    "default dtype": changing(
        dict, lambda s, x: x.sum() * mt.ones(2),
        lambda s, i: mt.set_default_dtype(mt.float64 if i == 2 else mt.float32),
    ),
    "grad mode": changing(
        lambda: [mt.ones(2, requires_grad=True)], lambda s, x: x * s[0],
        lambda s, i: s[0].requires_grad_(i % 2 == 0),
    ),
    "list of many": changing(
        lambda: [1.0] * 2000, lambda s, x: x * s[1900],
        lambda s, i: s.__setitem__(1900, 1.0 + i // 2),
    ),
    "dict of many": changing(
        lambda: dict.fromkeys(range(2000), 1.0), lambda s, x: x * s[1900], put_item(1900),
    ),
    "list of many lists": changing(
        lambda: [[1.0] for _ in range(2000)], lambda s, x: x * s[1900][0],
        lambda s, i: put_item(0)(s[1900], i),
    ),
    "list in lists": changing(nest, lambda s, x: x * innermost(s)[0], lambda s, i: put_item(0)(innermost(s), i)),
    "list in a tuple": changing(lambda: (0, ([1.0],)), lambda s, x: x * s[1][0][0], lambda s, i: put_item(0)(s[1][0], i)),
    "dict in a named tuple": changing(
        lambda: Couple(0, {"a": 1.0}), lambda s, x: x * s.second["a"], lambda s, i: put_item("a")(s.second, i)
    ),
    "array in a tuple": changing(
        lambda: (np.ones(2),), lambda s, x: x * float(s[0][1]), lambda s, i: put_item(1)(s[0], i)
    ),
    "list in a tuple of a module": changing(
        Shifting, lambda s, x: s(x), lambda s, i: put_item(0)(s.shifts[0], i)
    ),
    "list in a tuple of a partial": changing(
        lambda: functools.partial(lambda c, x: x * c[0][0], ([1.0],)), lambda s, x: s(x),
        lambda s, i: put_item(0)(s.args[0][0], i),
    ),
    "list in itself": changing(
        in_itself, lambda s, x: x * s[1][1][0],
        lambda s, i: s.__setitem__(0, 1.0 + i // 2),
    ),
    "default": changing(dict, lambda s, x: scaled(x), lambda s, i: setattr(scaled, "__defaults__", (i // 2, [1.0]))),
    "default list": changing(dict, lambda s, x: scaled(x), lambda s, i: put_item(0)(scaled.__defaults__[1], i)),
    "keyword default": changing(dict, lambda s, x: scaled(x), lambda s, i: scaled.__kwdefaults__.update(shift=i // 2)),
    "keyword default list": changing(
        dict, lambda s, x: scaled(x), lambda s, i: put_item(0)(scaled.__kwdefaults__["shifts"], i)
    ),
    "code": changing(
        dict, lambda s, x: replaced(x), lambda s, i: setattr(replaced, "__code__", CODES[i // 2 % 2])
    ),
    "list in a partial": changing(
        lambda: functools.partial(lambda c, x: x * c[0], [1.0]), lambda s, x: s(x),
        lambda s, i: put_item(0)(s.args[0], i),
    ),
    "keyword of a partial": changing(
        lambda: functools.partial(lambda x, c: x * c, c=1.0), lambda s, x: s(x), lambda s, i: s.keywords.update(c=i // 2)
    ),
    "keyword dict of a partial": changing(
        lambda: functools.partial(lambda x, c: x * c["a"], c={"a": 1.0}), lambda s, x: s(x),
        lambda s, i: put_item("a")(s.keywords["c"], i),
    ),
    "module imported inside": changing(forget_module, importing, put_in_module),
    "name imported inside": changing(forget_module, importing_a_name, put_in_module),
    "globals()": changing(dict, lambda s, x: x * globals()["OFFSET"], put_global),
    "getattr of a class": changing(dict, lambda s, x: x * getattr(Settings, "scale"), put(Settings, "scale")),  # noqa: B009
    "vars of a class": changing(Settings, lambda s, x: x * vars(type(s))["scale"], put(Settings, "scale")),
    "attrgetter": changing(
        lambda: operator.attrgetter("scale"), lambda s, x: x * s(Settings),
        lambda s, i: setattr(Settings, "scale", 1.0 + i // 2),
    ),
    "class of a class": changing(dict, lambda s, x: x * Made.scale, put(Making, "scale")),
    "attribute of a dict": changing(Table, lambda s, x: x * s.scale, put_attribute("scale")),
    "chain of dicts": changing(lambda: ChainMap({"a": 1.0}), lambda s, x: x * s["a"], put_item("a")),
    "user's dict": changing(lambda: UserDict(a=1.0), lambda s, x: x * s["a"], put_item("a")),
    "user's list": changing(lambda: UserList([1.0]), lambda s, x: x * s[0], put_item(0)),
    "view of a dict": changing(
        lambda: types.MappingProxyType(TABLE), lambda s, x: x * s["a"], lambda s, i: put_item("a")(TABLE, i)
    ),
    "array of Python's": changing(lambda: array.array("d", [1.0]), lambda s, x: x * s[0], put_item(0)),
    "bytes": changing(lambda: bytearray(2), lambda s, x: x * s[0], lambda s, i: s.__setitem__(0, i // 2)),
    "memory": changing(lambda: memoryview(bytearray(2)), lambda s, x: x * s[0], lambda s, i: s.__setitem__(0, i // 2)),
    "number of C": changing(lambda: ctypes.c_double(1.0), lambda s, x: x * s.value, put_attribute("value")),
    "array of C": changing(lambda: (ctypes.c_double * 2)(1.0), lambda s, x: x * s[0], put_item(0)),
    "context variable": changing(dict, lambda s, x: x * LEVEL.get(), lambda s, i: LEVEL.set(i // 2)),
    "context variable without a value": changing(
        lambda: contextvars.ContextVar("unset"), lambda s, x: x * s.get(5.0), lambda s, i: i > 2 and s.set(i // 2)
    ),
    "of this thread": changing(Local, lambda s, x: x * s.scale, put_attribute("scale")),
    "weak reference": changing(lambda: weakref.ref(settings), lambda s, x: x * s().scale, put_global_setting),
    "float of the library": changing(dict, lambda s, x: x * math.pi, lambda s, i: None),
    "recursion limit": changing(dict, lambda s, x: x * (sys.getrecursionlimit() > 10), lambda s, i: None),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_e25_a_change_is_seen(name):
    try:
        compare(CHANGES[name], 6)
    finally:
        mt.set_default_dtype(mt.float32)


def hiding(kinds, name, value):
    """Call a compiled function of an object whose class gets an attribute that it had from a base."""
    base, derived = kinds()
    thing = derived()
    function = lambda x: thing(x)  # noqa: E731
    compiled = mt.jit(function)
    seen = [(compiled(X).tolist(), function(X).tolist())]
    setattr(derived, name, value)
    seen += [(compiled(X).tolist(), function(X).tolist())]
    delattr(derived, name)
    return [*seen, (compiled(X).tolist(), function(X).tolist())]


def of_layers():
    class Base(nn.Module):
        scale = 2.0

        def factor(self):
            return self.scale

        def forward(self, x):
            return x * self.factor()

    return Base, type("Derived", (Base,), {})


def of_objects():
    class Base:
        scale = 2.0

        def __init__(self):
            self.shift = 1.0

        def factor(self):
            return self.scale

        def __call__(self, x):
            return x * self.factor() + self.shift

    return Base, type("Derived", (Base,), {})


HIDING = {
    "number of a layer": (of_layers, "scale", 5.0),
    "method of a layer": (of_layers, "factor", lambda self: 7.0),
    "number": (of_objects, "scale", 5.0),
    "method": (of_objects, "factor", lambda self: 7.0),
    "property over an attribute": (of_objects, "shift", property(lambda self: 9.0, lambda self, value: None)),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_class_attribute_that_hides_what_a_base_has(name):
    seen = hiding(*HIDING[name])
    assert [found for found, _ in seen] == [expected for _, expected in seen]
    assert seen[0] != seen[1] and seen[2] == seen[0]


def test_a_global_that_hides_a_builtin(monkeypatch):
    compiled = mt.jit(lambda x: x * max(1.0, 2.0))
    assert compiled(X).tolist() == [2, -4]
    monkeypatch.setitem(globals(), "max", lambda a, b: 10.0)
    assert compiled(X).tolist() == [10, -20]
    monkeypatch.delitem(globals(), "max")
    assert compiled(X).tolist() == [2, -4]


class Accumulating:
    def __init__(self):
        self.seen, self.total, self.history = [], 0, deque()


def counts(s, x):
    s.total += 1
    return x * 2


def appends(s, x):
    s.seen.append(1)
    return x * 2


def remembers(s, x):
    s.history.append(3)
    return x * 2


def sets_a_global(s, x):
    global OFFSET
    OFFSET = OFFSET + 1
    return x


def sets_a_class(s, x):
    Settings.sign += 1
    return x


def keeps_a_tensor(s, x):
    s.seen = x * 2
    return x * 2


def keeps_in_a_module(s, x):
    settings.kept = x.sum()
    return x * 2


def sets_an_attribute_of_a_function(s, x):
    appends.calls += 1
    return x * 2


appends.calls = 0
EFFECTS = [
    counts, appends, remembers, sets_a_global, sets_a_class, keeps_a_tensor, keeps_in_a_module,
    sets_an_attribute_of_a_function,
]  # fmt: skip


@pytest.mark.parametrize("function", EFFECTS, ids=lambda f: f.__name__)
def test_effects_on_python_are_refused(function):
    Settings.sign, globals()["OFFSET"] = 1, 1.0
    state = Accumulating()
    with pytest.raises(JitError, match=r"Python state|kept outside"):
        mt.jit(lambda x: function(state, x))(X)
    settings.__dict__.pop("kept", None)


t = 0  # a global with the name of a method


def test_a_method_is_not_the_global_of_its_name():
    global t
    f = mt.jit(lambda x: x.t() * 2)
    for number in range(3):
        t = number
        assert f(mt.ones(2, 3)).shape == (3, 2)
    assert f.records == 1


INSTALLED = """
from itertools import count
{imports}
SCALE, NUMBERS = 2.0, count()

def scaled(x):
    return x * (SCALE if x.ndim else next(NUMBERS))
"""


def installed(tmp_path, monkeypatch, name, imports=""):
    """Return a package that lies where packages are installed."""
    home = tmp_path / "site-packages"
    (home / name).mkdir(parents=True)
    (home / name / "__init__.py").write_text(INSTALLED.format(imports=imports), encoding="utf-8")
    monkeypatch.syspath_prepend(home)
    return importlib.import_module(name)


def test_installed_packages_are_not_looked_into(tmp_path, monkeypatch):
    package = installed(tmp_path, monkeypatch, "some_package_of_others")
    assert mt.jit(lambda x: package.scaled(x))(mt.tensor([1.0, 2.0])).tolist() == [2.0, 4.0]


def test_installed_packages_that_use_minitorch_are(tmp_path, monkeypatch):
    package = installed(tmp_path, monkeypatch, "some_package_of_models", "import minitorch")
    with pytest.raises(JitError, match="NUMBERS"):
        mt.jit(lambda x: package.scaled(x))(mt.tensor([1.0, 2.0]))
    package.NUMBERS = None
    f = mt.jit(lambda x: package.scaled(x))
    assert f(mt.tensor([1.0, 2.0])).tolist() == [2.0, 4.0]
    package.SCALE = 3.0
    assert f(mt.tensor([1.0, 2.0])).tolist() == [3.0, 6.0]
