"""What needs a library that the tests do without is marked, so that `make test-torch` and `make test-jax` run it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MARKS = {"torch": "torch", "expecttest": "torch", "jax": "jax", "jax.numpy": "jax", "optax": "jax"}
FILES = [path for path in HERE.rglob("test_*.py") if "importorskip" in path.read_text()]


def needed(tree: ast.AST) -> set[str]:
    """Return the marks of the libraries that a piece of code asks for."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "pytest.importorskip")
    return {MARKS[a.value] for n in calls for a in n.args if isinstance(a, ast.Constant) and a.value in MARKS}


def unmarked(module: ast.Module) -> Iterator[str]:
    """Yield the tests without the mark of a library that they, or the whole module, ask for."""
    whole = [n for n in module.body if not isinstance(n, ast.FunctionDef)]
    given = " ".join(ast.unparse(n) for n in whole if "pytestmark" in ast.unparse(n))
    for kind in set().union(*map(needed, whole)):
        if f"mark.{kind}" not in given:
            yield f"pytestmark of {kind}"
    for n in module.body:
        if isinstance(n, ast.FunctionDef) and n.name.startswith("test"):
            marks = " ".join(map(ast.unparse, n.decorator_list)) + given
            yield from (f"{n.name}: {kind}" for kind in needed(n) if f"mark.{kind}" not in marks)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_marks(path: Path) -> None:
    assert not list(unmarked(ast.parse(path.read_text())))


def test_a_missing_mark_is_found() -> None:
    source = "import pytest\n\ndef test_x():\n    torch = pytest.importorskip('torch')\n"
    assert list(unmarked(ast.parse(source))) == ["test_x: torch"]
    marked = source.replace("def", "@pytest.mark.torch\ndef")
    assert not list(unmarked(ast.parse(marked)))
