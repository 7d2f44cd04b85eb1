"""Examples of public names that are made from tables or by loops, which pytest meets in no module: they run here."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from functools import cache

import pytest

import minitorch as mt

from .test_public_names import NAMESPACES, attributes, of_the_package, public, text_of

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
KINDS: dict[str, type] = {"Tensor": mt.Tensor, "Array": mt.Array}
PLACES = ("", *KINDS, *NAMESPACES)


@cache
def run_by_pytest() -> frozenset[str]:
    """Return the docstrings that `--doctest-modules` finds."""
    finder = doctest.DocTestFinder()
    names = [each.name for each in pkgutil.walk_packages(mt.__path__, "minitorch.")]
    modules = [mt, *map(importlib.import_module, names)]
    return frozenset(test.docstring for module in modules for test in finder.find(module, module.__name__))


def made(place: str) -> dict[str, str]:
    """Return the docstrings with examples of a place that only this file runs, by their names."""
    if place in KINDS:
        names = attributes(KINDS[place])
    elif not place:
        names = of_the_package()
    else:
        names = public(importlib.import_module(f"minitorch.{place}"))
    said = {name: text_of(value) for name, value in names.items()}
    return {name: text for name, text in said.items() if ">>>" in text and text not in run_by_pytest()}


def complaints(name: str, text: str) -> str:
    """Run an example; return what is printed of it when it is wrong."""
    found: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, {"mt": mt, "nn": mt.nn, "mnp": mt.numpy}, name, None, None)
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=found.append)
    return "".join(found)


@pytest.mark.parametrize("place", PLACES)
def test_examples(place: str) -> None:
    wrong = [complaints(f"{place}.{name}", text) for name, text in made(place).items()]
    assert not any(wrong), "".join(wrong)


def test_what_pytest_does_not_meet_is_found_here() -> None:
    assert "mgrid" in made("numpy")
    assert {"gammaln", "zeta"} <= made("special").keys()
    assert "exp" not in made("")  # pytest meets it in minitorch.tensor.functions


def test_a_wrong_example_is_found() -> None:
    assert not complaints("right", ">>> mt.exp(mt.tensor(0.0))\ntensor(1.)\n")
    assert "Got:" in complaints("wrong", ">>> mt.exp(mt.tensor(0.0))\ntensor(2.)\n")
