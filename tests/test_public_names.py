"""Every public name of the functional side says what it is, and shows it in an example, which the tests run."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitorch as mt

NAMESPACES = (
    "debug", "func", "lax", "nn.functions", "nn.initializers", "numpy", "numpy.fft", "numpy.linalg",
    "optim.functional", "random", "test_util", "tree",
)  # fmt: skip
# Of minitorch itself, what the functional side has; PyTorch's names are known by PyTorch's pages.
LAYERS = ("minitorch.core.", "minitorch.compiling.", "minitorch.debug", "minitorch.key_reuse", "minitorch.saving.")


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


@pytest.mark.parametrize("name", NAMESPACES)
def test_names_have_examples(name: str) -> None:
    names = public(importlib.import_module(f"minitorch.{name}"))
    assert names
    assert not without_example(names)


def test_names_of_the_package_have_examples() -> None:
    names = {n: getattr(mt, n) for n in dir(mt) if not n.startswith("_")}
    ours = {n: x for n, x in names.items() if str(getattr(x, "__module__", "")).startswith(LAYERS)}
    assert len(ours) > 30
    assert not without_example(ours)


def test_a_name_without_an_example_is_found() -> None:
    def bare() -> None:
        """Do nothing."""

    assert without_example({"bare": bare, "pi": 3.0, "float32": mt.float32}) == ["bare"]
