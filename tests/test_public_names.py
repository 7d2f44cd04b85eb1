"""Every public name says what it is; those of the functional side show it in an example, too, which the tests run."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import functions, texts

NAMESPACES = (
    "autograd", "autograd.functional", "autograd.graph", "cuda", "datasets", "debug", "fft", "flatten_util", "func",
    "lax", "linalg", "models", "nn", "nn.functional", "nn.functions", "nn.init", "nn.initializers", "nn.modules",
    "nn.utils", "nn.utils.parametrizations", "nn.utils.parametrize", "nn.utils.prune", "nn.utils.rnn",
    "nn.utils.stateless", "numpy", "numpy.fft", "numpy.linalg", "optim", "optim.functional", "optim.lr_scheduler",
    "optim.swa_utils", "random", "scipy.special", "special", "test_util", "transforms", "transforms.functional",
    "tree", "utils.checkpoint", "utils.data", "utils.tensorboard",
)  # fmt: skip
FEWEST_WORDS = 3


def is_exempt(value: Any) -> bool:
    """What needs no example of its own: modules, values, NumPy's own classes, and errors, which what raises them shows."""
    if isinstance(value, ModuleType) or not callable(value):
        return True
    if isinstance(value, type) and issubclass(value, np.generic):
        return True
    return (
        isinstance(value, type) and issubclass(value, mt.errors.MinitorchError) and value is not mt.errors.LinAlgError
    )


def public(space: ModuleType) -> dict[str, Any]:
    """Return the names of a namespace that it has made its own."""
    listed = getattr(space, "__all__", None)
    if listed is not None:
        return {name: getattr(space, name) for name in listed}
    found = {name: getattr(space, name) for name in dir(space) if not name.startswith("_")}
    inside = space.__name__ if space.__file__ is None or not space.__file__.endswith("__init__.py") else "minitorch"
    return {name: x for name, x in found.items() if str(getattr(x, "__module__", "")).startswith(inside)}


def without_example(names: dict[str, Any]) -> list[str]:
    """Return the names whose docstrings are missing or show nothing."""
    found = []
    for name, value in names.items():
        own = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__ if callable(value) else ""
        if not is_exempt(value) and ">>>" not in (own or ""):
            found.append(name)
    return sorted(found)


def of_the_package() -> dict[str, Any]:
    """Return what minitorch itself has, but what it takes from Python and NumPy."""
    names = {name: getattr(mt, name) for name in dir(mt) if not name.startswith("_")}
    return {name: x for name, x in names.items() if str(getattr(x, "__module__", "")).startswith("minitorch")}


def attributes(kind: type) -> dict[str, Any]:
    """Return the public methods and properties of a class."""
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


def of_tensors() -> dict[str, Any]:
    """Return the public methods and properties of Tensor."""
    return attributes(mt.Tensor)


def text_of(value: Any) -> str:
    """Return a docstring; a class has none from its bases."""
    return (vars(value).get("__doc__") if isinstance(value, type) else value.__doc__) or ""


def saying(names: dict[str, Any]) -> dict[str, Any]:
    """Return the functions, classes and properties: what can say what it is."""
    return {n: x for n, x in names.items() if callable(x) or isinstance(x, (property, staticmethod, classmethod))}


def without_text(names: dict[str, Any]) -> list[str]:
    """Return the functions, classes and properties that do not say what they are."""
    return sorted(n for n, x in saying(names).items() if len(text_of(x).split()) < FEWEST_WORDS)


@pytest.mark.parametrize("name", NAMESPACES)
def test_names_have_examples(name: str) -> None:
    names = public(importlib.import_module(f"minitorch.{name}"))
    assert names
    assert not without_example(names)


def test_names_of_the_package_have_examples() -> None:
    assert not without_example(of_the_package())


@pytest.mark.parametrize("kind", [mt.Tensor, mt.Array])
def test_attributes_have_examples(kind: type) -> None:
    found = saying(attributes(kind))
    assert len(found) > 50
    assert not [name for name, x in found.items() if ">>>" not in text_of(x)]


def test_a_name_without_an_example_is_found() -> None:
    def bare() -> None:
        """Do nothing."""

    assert without_example({"bare": bare, "pi": 3.0, "float32": mt.float32}) == ["bare"]


@pytest.mark.parametrize("name", NAMESPACES)
def test_names_have_texts(name: str) -> None:
    assert not without_text(public(importlib.import_module(f"minitorch.{name}")))


def test_names_of_the_package_and_of_tensors_have_texts() -> None:
    names, methods = of_the_package(), of_tensors()
    assert len(names) > 500
    assert len(methods) > 500
    assert not without_text(names)
    assert not without_text(methods)


def test_methods_say_what_the_functions_do() -> None:
    differing = [n for n in functions.BOTH if getattr(mt, n).__doc__ != inspect.getattr_static(mt.Tensor, n).__doc__]
    assert not differing


def test_texts_are_all_of_use() -> None:
    spaces = [vars(importlib.import_module(f"minitorch.{name}")) for name in ("fft", "linalg", "special")]
    said = {text_of(x) for space in (of_the_package(), of_tensors(), *spaces) for x in space.values()}
    assert not [name for name, text in texts.TEXTS.items() if texts.docstring(text) not in said]


def test_a_name_without_a_text_is_found() -> None:
    bare, mute = lambda x: x, property(lambda self: 1)
    assert without_text({"bare": bare, "mute": mute, "pi": 3.0, "exp": mt.exp}) == ["bare", "mute"]
