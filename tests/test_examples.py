"""The examples that pytest does not find: of functions made in another file than the one they are named in."""

from __future__ import annotations

import doctest
import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitorch as mt
from tests.test_public_names import NAMESPACES, TORCH_NAMESPACES, of_the_package, public

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def is_collected(value: Any) -> bool:
    """Tell whether `--doctest-modules` finds the docstring: from the module in which both name and code stand."""
    made = value if hasattr(value, "__globals__") else value if isinstance(value, type) else type(value)
    home = vars(sys.modules[made.__module__])
    return any(x is made for x in home.values()) and getattr(made, "__globals__", home) is home


def missed() -> dict[str, Any]:
    """Return the public names whose examples pytest does not collect."""
    spaces = {name: public(importlib.import_module(f"minitorch.{name}")) for name in (*NAMESPACES, *TORCH_NAMESPACES)}
    found = {f"{space}.{name}": x for space, names in spaces.items() for name, x in names.items()} | of_the_package()
    shown = {n: x for n, x in found.items() if not isinstance(x, ModuleType) and ">>>" in (x.__doc__ or "")}
    return {name: x for name, x in shown.items() if not is_collected(x)}


def failures(value: Any, name: str) -> int:
    """Run the examples of a docstring with the names of its module and its own; return how many fail."""
    own = {"mt": mt, "nn": mt.nn, "np": np, name.rpartition(".")[2]: value}
    names = {**vars(sys.modules[value.__module__]), **own}
    test = doctest.DocTestParser().get_doctest(value.__doc__, names, name, None, None)
    return doctest.DocTestRunner(optionflags=FLAGS).run(test).failed


MISSED = missed()


@pytest.mark.parametrize("name", MISSED)
def test_examples_that_are_not_collected(name: str) -> None:
    assert not failures(MISSED[name], name)


def test_an_example_that_is_wrong_fails() -> None:
    def wrong() -> None:
        """
        >>> 1 + 1
        3
        """

    assert failures(wrong, "wrong")
    assert not is_collected(wrong)
