"""What kernel text can call, and what its syntax trees and those of Python functions say."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .kinds import CompileError, Value

Tree = Any


class Instruction:
    """A name of kernel text that stands for a few LLVM instructions: `emit(writer, *values)` writes them."""

    def __init__(self, emit: Callable[..., Value | None]):
        self.emit = emit

    def __call__(self, *values: Any) -> Any:
        """Kernel text is compiled, not executed."""
        raise TypeError("an instruction stands in kernel text only")


class Function:
    """A function with several implementations: `choose(*types)` returns that for arguments of those types, or None."""

    def __init__(self, name: str, choose: Callable[..., Any]):
        self.name, self.choose = name, choose


def rounds_each_step(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function in which a product and a sum are never joined."""
    function.rounds_each_step = True  # type: ignore[attr-defined]
    return function


# --------------------------------------------------------------------------- syntax trees

_parsing = threading.RLock()


def parsed(text: str, mode: str = "exec") -> Tree:
    """Return the syntax tree of a text. One thread at a time: Python 3.11 counts the depth of trees for all of them."""
    with _parsing:
        return ast.parse(text, mode=mode)


def statements_in(statements: list[Any]) -> Iterator[Tree]:
    """Return statements with those inside them."""
    for statement in statements:
        yield statement
        for inner in (getattr(statement, "body", []), getattr(statement, "orelse", [])):
            yield from statements_in(inner)


def assigned(statements: list[Any]) -> list[str]:
    """Return the names that statements assign to, in order."""
    found: dict[str, None] = {}
    for statement in statements_in(statements):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            found.update((name.id, None) for name in names if isinstance(name, ast.Name))
    return list(found)


def returns(statement: Tree) -> bool:
    """Return whether a statement has a `return` in it."""
    return any(isinstance(s, ast.Return) for s in statements_in([statement]))


def is_dense(statements: list[Any], index: str) -> bool:
    """Tell whether these are the body of an innermost loop over many arrays that goes by its index, not by multiples of it.

    A multiple may turn out to be one times the index when the kernel runs, which LLVM asks as it compares addresses.
    """
    arrays = set()
    for node in (n for s in statements for n in ast.walk(s)):
        if isinstance(node, ast.For | ast.While):
            return False
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Mult)
            and index in map(_name, (node.left, node.right))
        ):
            return False
        if isinstance(node, ast.Subscript):
            arrays.add(_name(node.value))
    return len(arrays) >= MANY


def _name(tree: Tree) -> str:
    return tree.id if isinstance(tree, ast.Name) else ""


MANY = 4  # arrays, of which to compare the addresses takes longer to compile than the loop

PLAIN = (
    ast.Name, ast.Constant, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.boolop, ast.cmpop, ast.unaryop, ast.Add,
    ast.Sub, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor, ast.expr_context,
)  # fmt: skip


def is_plain(node: Tree) -> bool:
    """Return whether an expression only adds, multiplies and compares names and numbers."""
    return all(isinstance(n, PLAIN) for n in ast.walk(node))


@cache
def _functions_of(file: str) -> dict[tuple[int, str], Tree]:
    """Return the functions of a file by first line and name; of lambdas on one line, none."""
    found: dict[tuple[int, str], Tree] = {}
    for node in ast.walk(parsed(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.name] = node
        elif isinstance(node, ast.Lambda):
            key = node.lineno, "<lambda>"
            found[key] = None if key in found else node
    return found


def tree_of(function: Callable[..., Any]) -> Tree:
    """Return the syntax tree of a Python function."""
    code = function.__code__
    tree = _functions_of(code.co_filename).get((code.co_firstlineno, code.co_name))
    if tree is None:
        raise CompileError(f"the text of {code.co_name} is not to be found in {code.co_filename}")
    return tree


def surroundings(function: Callable[..., Any]) -> Callable[[str], Any]:
    """Return what looks up the names that a function takes from outside."""
    held = dict(zip(function.__code__.co_freevars, (c.cell_contents for c in function.__closure__ or ())))
    return lambda name: held[name] if name in held else function.__globals__.get(name)
