"""The expressions of kernel text: names, operators, choices, and calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

from . import expressions as ex
from .functions import Function, Instruction, Tree, is_plain, surroundings, tree_of
from .kinds import CompileError, Integer, Kind, Pointer, Real, Value, boolean, written
from .writer import CONTRACT, NOTHING, Writer


class Terms:
    """Writes the expressions of one function; `known` are the names it has given, `outside` looks up all others."""

    def __init__(self, w: Writer, known: dict[str, Value], outside: Callable[[str], Any]):
        self.w = w
        self.known = known
        self.outside = outside
        self.returned: list[tuple[Value, str]] = []
        self.line = 0

    def value(self, node: Tree) -> Value:
        """Write an expression."""
        write = EXPRESSIONS.get(type(node))
        if write is None:
            raise CompileError(f"kernel text has no {type(node).__name__}")
        return write(self, node)

    def number(self, node: ast.Constant) -> Value:
        """Return a number of the text."""
        if not isinstance(node.value, bool | int | float):
            raise CompileError(f"{node.value!r} is no number")
        return written(node.value)

    def name(self, node: ast.Name) -> Value:
        """Return the value of a name."""
        found = self.known.get(node.id)
        if found is None:
            found = ex.number_outside(self.outside(node.id))
            if found is None:
                raise CompileError(
                    f"{node.id} is not known here (a name first assigned in a loop or branch ends with it)"
                )
        return found

    def attribute(self, node: ast.Attribute) -> Value:
        """Return a number of a module, as in `math.inf`."""
        owner = self.outside(node.value.id) if isinstance(node.value, ast.Name) else None
        found = ex.number_outside(getattr(owner, node.attr, None))
        if found is None:
            raise CompileError(f"{ast.unparse(node)} is no number")
        return found

    def binary(self, node: ast.BinOp) -> Value:
        """Write `x + y` and the like."""
        return ex.binary(self.w, node.op, self.value(node.left), self.value(node.right))

    def unary(self, node: ast.UnaryOp) -> Value:
        """Write `-x`, `~x`, `not x`."""
        return ex.unary(self.w, node.op, self.value(node.operand))

    def compare(self, node: ast.Compare) -> Value:
        """Write one comparison."""
        if len(node.ops) != 1:
            raise CompileError("one comparison at a time: write `a < b and b < c`")
        return ex.comparison(self.w, node.ops[0], self.value(node.left), self.value(node.comparators[0]))

    def connect(self, node: ast.BoolOp) -> Value:
        """Write `and` or `or`: what follows is computed only if it decides, or if that costs and risks nothing."""
        is_and = isinstance(node.op, ast.And)
        found = ex.truth(self.w, self.value(node.values[0]))
        for other in node.values[1:]:
            if found.text in ("true", "false"):
                if (found.text == "true") == is_and:
                    found = ex.truth(self.w, self.value(other))
            elif is_plain(other):
                found = self.w.integer("and" if is_and else "or", found, ex.truth(self.w, self.value(other)))
            else:
                w, short = self.w, found
                more, end = w.label(), w.label()
                start = w.block
                assert start is not None
                w.branch(short, *((more, end) if is_and else (end, more)))
                w.start(more)
                late = ex.truth(w, self.value(other))
                block = w.block
                assert block is not None
                w.jump(end)
                w.start(end)
                found = w.phi([(written(not is_and), start), (late, block)])
        return found

    def conditional(self, node: ast.IfExp) -> Value:
        """Write `x if condition else y`, where only one side is computed unless both are plain."""
        condition = ex.truth(self.w, self.value(node.test))
        if condition.text in ("true", "false"):
            return self.value(node.body if condition.text == "true" else node.orelse)
        if is_plain(node.body) and is_plain(node.orelse):
            return ex.chosen(self.w, condition, self.value(node.body), self.value(node.orelse))
        w = self.w
        yes, no, end = w.label(), w.label(), w.label()
        w.branch(condition, yes, no)
        sources = []
        for label, side in ((yes, node.body), (no, node.orelse)):
            w.start(label)
            value = self.value(side)
            assert w.block is not None
            sources.append((value, w.block))
            w.jump(end)
        w.start(end)
        return self.meeting("the value", sources)

    def place(self, node: ast.Subscript) -> tuple[Value, Value]:
        """Return pointer and index of `p[i]`."""
        pointer = self.value(node.value)
        if not isinstance(pointer.kind, Pointer):
            raise CompileError(f"{pointer.kind} has no elements")
        return pointer, ex.index_of(self.w, self.value(node.slice))

    def element(self, node: ast.Subscript) -> Value:
        """Write a load."""
        return self.w.load(*self.place(node))

    # ---------------------------------------------------------------- calls

    def call(self, node: ast.Call) -> Value:
        """Write a call."""
        if not isinstance(node.func, ast.Name | ast.Attribute) or node.keywords:
            raise CompileError("a call is of a name, with arguments by position")
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        called = self.callee(node.func)
        values = tuple(self.value(a) for a in node.args)
        try:
            return self.result(name, called, values)
        except TypeError as error:
            raise CompileError(f"{name} takes other arguments than {len(values)}") from error

    def callee(self, node: Tree) -> Any:
        """Return what a call is of."""
        if isinstance(node, ast.Attribute):
            owner = self.outside(node.value.id) if isinstance(node.value, ast.Name) else None
            return getattr(owner, node.attr, None)
        return self.outside(node.id) if node.id not in self.known else None

    def result(self, name: str, called: Any, values: tuple[Value, ...]) -> Value:
        """Write what a call does."""
        if isinstance(called, Instruction):
            return called.emit(self.w, *values) or NOTHING
        if isinstance(called, Function):
            return self.result(name, *implementation(self.w, called, values))
        if isinstance(called, FunctionType):
            return self.written_out(name, called, values)
        if isinstance(called, Kind):
            (value,) = values
            if not (value.kind == boolean or isinstance(value.kind, Integer | Real)):
                raise CompileError(f"{value.kind} has no conversion to {called}")
            return self.w.converted(value, called)
        if name in ("min", "max") and len(values) > 1:
            return ex.smaller_or_larger(self.w, "<" if name == "min" else ">", values)
        raise CompileError(f"{name} is no function that kernel text knows")

    def written_out(self, name: str, function: Any, values: tuple[Value, ...]) -> Value:
        """Write the body of a function; its sums keep their order."""
        tree, outside = tree_of(function), surroundings(function)
        names = [a.arg for a in tree.args.args]
        if len(names) != len(values):
            raise CompileError(f"{name} takes {len(names)} arguments, not {len(values)}")
        w = self.w
        flags, w.flags = w.flags, "" if hasattr(function, "rounds_each_step") else CONTRACT
        try:
            return type(self)(w, dict(zip(names, values)), outside).outcome(tree)
        except CompileError as error:
            raise CompileError(f"in {name}: {error}") from error
        finally:
            w.flags = flags

    def outcome(self, tree: Tree) -> Value:
        """Write a function's body; return what it returns."""
        raise NotImplementedError

    def meeting(self, name: str, sources: list[tuple[Value, str]]) -> Value:
        """Write the phi of one name; numbers of the text take the type of the others."""
        kinds = {v.kind for v, _ in sources if v.number is None} or {settled(v).kind for v, _ in sources}
        if len(kinds) != 1:
            raise CompileError(f"{name} is {' or '.join(sorted(map(str, kinds)))}, depending on the path")
        (kind,) = kinds
        return self.w.phi([(fitted(self.w, v, kind, name), block) for v, block in sources])


def implementation(w: Writer, function: Function, values: tuple[Value, ...]) -> tuple[Any, tuple[Value, ...]]:
    """Return what to call for arguments, and these in one type."""
    values = ex.together(w, *values) if any(v.kind != boolean for v in values) else values
    found = function.choose(*(v.kind for v in values))
    if found is None:
        raise CompileError(f"{function.name} does not take {', '.join(str(v.kind) for v in values)}")
    return found, values


def settled(v: Value) -> Value:
    """Return a number of the text as int64 or float64."""
    return v if v.number is None else Value(v.kind, v.text)


def fitted(w: Writer, v: Value, kind: Any, name: str) -> Value:
    """Return a value as what a name is on other paths."""
    if v.number is not None and isinstance(kind, Integer | Real):
        return ex.together(w, v, Value(kind, ""))[0]
    if v.kind != kind:
        raise CompileError(f"{name} is {kind} before the loop and {v.kind} in it")
    return v


EXPRESSIONS: dict[type, Callable[..., Value]] = {
    ast.Constant: Terms.number,
    ast.Name: Terms.name,
    ast.Attribute: Terms.attribute,
    ast.BinOp: Terms.binary,
    ast.UnaryOp: Terms.unary,
    ast.Compare: Terms.compare,
    ast.BoolOp: Terms.connect,
    ast.IfExp: Terms.conditional,
    ast.Subscript: Terms.element,
    ast.Call: Terms.call,
}
