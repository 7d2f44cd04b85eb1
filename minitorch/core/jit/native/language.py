"""Kernel text into LLVM's text: a Python function over typed values, in one walk over its syntax tree.

Statements are assignments (also augmented ones, and stores `p[i] = v`), `if`, `for` over a range, `while`, `return`, and
calls. Of a loop inside of another, `long_range` says that it has hundreds of steps, `short_range` that it has few, and
`free_range` that none of them touches memory that another one writes. A name has one type wherever paths meet. What is
first assigned in a loop, or in one branch only, is not known afterwards. Calls are conversions, instructions
(`Instruction`), or Python functions, taken as kernel text and written out where they are called; a `Function` chooses one
by the arguments' types.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from . import expressions as ex
from .functions import Tree, assigned, is_dense, parsed, returns
from .kinds import CompileError, Integer, Real, Value, boolean, int64, pointer_to
from .terms import Terms, fitted, settled
from .writer import ACCESS, CONTRACT, NOTHING, Writer, phi_text

# --------------------------------------------------------------------------- from text to text


def compiled(source: str, name: str, symbol: str, reassociate: bool, names: Mapping[str, Any]) -> str:
    """Return LLVM's text of the kernel `name(P, lo, hi)` that `source` defines, under another name.

    A kernel returns nothing, or an integer on every path: the address of an object, where Python calls it (`builtin`).
    `names` is what the kernel may use. Sums of floats may be taken in any order if `reassociate`, but not those in the
    functions that a kernel calls. Raises CompileError, which names the line.
    """
    tree = next((n for n in parsed(source).body if isinstance(n, ast.FunctionDef) and n.name == name), None)
    names_given = [a.arg for a in tree.args.args] if tree else []
    if tree is None or len(names_given) != 3:
        raise CompileError(f"the text defines no function {name}(P, lo, hi)")
    writer = Writer("reassoc contract " if reassociate else CONTRACT)
    writer.returns = any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(tree))
    writer.parallel = name in PARALLEL
    values = Value(pointer_to(int64), "%P"), Value(int64, "%lo"), Value(int64, "%hi")
    body = Body(writer, dict(zip(names_given, values)), names.get)
    try:
        body.run(tree.body)
        if writer.block and writer.returns:
            raise CompileError("not every path returns a value")
    except CompileError as error:
        line = source.splitlines()[body.line - 1].strip()
        raise CompileError(f"kernel {name}, line {body.line}: {error}\n    {line}") from error
    if writer.block:
        writer.do("ret void")
    return writer.function(symbol)


# Kernels whose innermost loops go from element to element: what one step writes no other step reads or writes.
PARALLEL = frozenset(("pointwise", "broadcast", "rows", "columns"))
RANGES = frozenset(("range", "long_range", "short_range", "free_range"))


class Body(Terms):
    """The statements of one function."""

    end: str | None = None  # the label after a function that is written out; None for the kernel itself

    def run(self, statements: list[Any]) -> None:
        """Write statements, as far as they can be reached."""
        for statement in statements:
            if self.w.block is None:
                return
            self.line = statement.lineno
            write = STATEMENTS.get(type(statement))
            if write is None:
                raise CompileError(f"kernel text has no {type(statement).__name__}")
            write(self, statement)

    # ---------------------------------------------------------------- statements

    def assign(self, node: ast.Assign) -> None:
        """Write `name = value`, `pointer[index] = value`, or several of these side by side."""
        if len(node.targets) != 1:
            raise CompileError("one target in an assignment")
        (target,), value = node.targets, node.value
        if not isinstance(target, ast.Tuple):
            self.put(target, self.value(value))
        elif not isinstance(value, ast.Tuple) or len(target.elts) != len(value.elts):
            raise CompileError("as many values as targets, written side by side")
        else:
            for one, found in zip(target.elts, [self.value(v) for v in value.elts]):
                self.put(one, found)

    def augment(self, node: ast.AugAssign) -> None:
        """Write `target += value` and the like."""
        target = node.target
        if isinstance(target, ast.Subscript):
            pointer, index = self.place(target)
            made = ex.binary(self.w, node.op, self.w.load(pointer, index), self.value(node.value))
            self.w.store(pointer, index, self.w.converted(made, pointer.kind.element))
        else:
            assert isinstance(target, ast.Name)
            self.put(target, ex.binary(self.w, node.op, self.name(ast.Name(target.id)), self.value(node.value)))

    def put(self, target: Tree, value: Value) -> None:
        """Give a name or a place in memory a value."""
        if value.kind == NOTHING.kind:
            raise CompileError("this call has no value")
        if isinstance(target, ast.Name):
            self.known[target.id] = value
        elif isinstance(target, ast.Subscript):
            pointer, index = self.place(target)
            if value.kind != boolean and not isinstance(value.kind, Integer | Real):
                raise CompileError(f"{value.kind} cannot be stored")
            self.w.store(pointer, index, self.w.converted(value, pointer.kind.element))
        else:
            raise CompileError(f"no assignment to {type(target).__name__}")

    def evaluate(self, node: ast.Expr) -> None:
        """Write a call, or skip a docstring."""
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def leave(self, node: ast.Return) -> None:
        """Write `return`."""
        if self.end is None:
            if (node.value is not None) is not self.w.returns:
                raise CompileError("a kernel returns a value everywhere, or nowhere")
            self.w.do(
                "ret void" if node.value is None else f"ret i64 {ex.index_of(self.w, self.value(node.value)).text}"
            )
            self.w.block = None
            return
        if node.value is None:
            raise CompileError("a function returns a value")
        value = self.value(node.value)
        assert self.w.block is not None
        self.returned.append((value, self.w.block))
        self.w.jump(self.end)

    def choose(self, node: ast.If) -> None:
        """Write `if`."""
        condition = ex.truth(self.w, self.value(node.test))
        if condition.text in ("true", "false"):
            self.run(node.body if condition.text == "true" else node.orelse)
            return
        w = self.w
        yes, no, end = w.label(), w.label(), w.label()
        before, origin = self.known, w.block
        assert origin is not None
        w.branch(condition, yes, no if node.orelse else end)
        ends = [] if node.orelse else [(before, origin)]
        for label, statements in ((yes, node.body), (no, node.orelse)):
            if statements:
                w.start(label)
                self.known = dict(before)
                self.run(statements)
                if w.block is not None:
                    ends.append((self.known, w.block))
                    w.jump(end)
        if ends:
            w.start(end)
            self.known = self.merged(ends)

    def merged(self, ends: list[tuple[dict[str, Value], str]]) -> dict[str, Value]:
        """Write the phis where paths meet; a name that one of them does not know is forgotten."""
        first, *others = (known for known, _ in ends)
        found = {}
        for name, value in first.items():
            if all(name in known for known in others):
                values = [known[name] for known, _ in ends]
                if all(v is value for v in values):
                    found[name] = value
                else:
                    found[name] = self.meeting(name, list(zip(values, (block for _, block in ends))))
        return found

    # ---------------------------------------------------------------- loops

    def count(self, node: ast.For) -> None:
        """Write `for name in range(...)`, tested at its end, so that LLVM need not turn it around."""
        w, target = self.w, node.target
        if not isinstance(target, ast.Name) or node.orelse:
            raise CompileError("a loop is `for name in range(...)`, without else")
        first, last, step = self.range_of(node.iter)
        head, after = w.label(), w.label()
        start = w.block
        assert start is not None
        w.branch(self.is_before(first, last, step), head, after)
        w.start(head)
        before = self.known
        carried = self.carried(node.body, before)
        divisions = w.divisions
        length = node.iter.func.id if w.depth else "long_range"  # type: ignore[attr-defined]
        place, names = self.open(carried)
        counter = Value(int64, names.pop(""))
        self.known = {**before, **{n: Value(v.kind, names[n]) for n, v in carried.items()}, target.id: counter}
        parallel = length == "free_range" or (w.parallel and is_dense(node.body, target.id))
        around, w.access = w.access, ACCESS if parallel else ""
        w.depth += 1
        self.run(node.body)
        w.depth -= 1
        w.access = around
        sources = [(carried, start)]
        if w.block is not None:
            latch = w.block
            following = Value(int64, w.op(f"add nsw i64 {counter.text}, {step.text}"))
            again = self.is_before(following, last, step)
            ends = {n: fitted(w, self.known[n], v.kind, n) for n, v in carried.items()}
            w.branch(again, head, after, w.loop_hints(length if w.divisions == divisions else "scalar", parallel))
            sources.append((ends, latch))
            self.close(place, names, sources, (counter, first, following))
        else:
            self.close(place, names, sources, (counter, first, first))
        w.start(after)
        left = {n: w.phi([(known[n], block) for known, block in sources]) for n in carried}
        self.known = {n: left.get(n, v) for n, v in before.items() if n != target.id}

    def repeat(self, node: ast.While) -> None:
        """Write `while`."""
        w = self.w
        if node.orelse:
            raise CompileError("a loop has no else")
        test, inside, after = w.label(), w.label(), w.label()
        start = w.block
        assert start is not None
        w.jump(test)
        w.start(test)
        before = self.known
        carried = self.carried(node.body, before)
        place, names = self.open(carried, counted=False)
        at_test = {**before, **{n: Value(v.kind, names[n]) for n, v in carried.items()}}
        self.known = dict(at_test)
        w.branch(ex.truth(w, self.value(node.test)), inside, after)
        w.start(inside)
        self.run(node.body)
        sources = [(carried, start)]
        if w.block is not None:
            ends = {n: fitted(w, self.known[n], v.kind, n) for n, v in carried.items()}
            sources.append((ends, w.block))
            w.jump(test)
        self.close(place, names, sources)
        w.start(after)
        self.known = at_test

    def carried(self, body: list[Any], before: dict[str, Value]) -> dict[str, Value]:
        """Return what a loop changes among the names known before it, with a type each."""
        return {n: settled(before[n]) for n in assigned(body) if n in before}

    def open(self, carried: dict[str, Value], counted: bool = True) -> tuple[int, dict[str, Any]]:
        """Leave room for a loop's phis; return where it is, and the names they will have ("" is the counter's)."""
        w = self.w
        place = len(w.lines)
        names: dict[str, Any] = {}
        for name in (*([""] if counted else []), *carried):
            many = name and isinstance(carried[name].text, tuple)
            made = tuple(w.op("") for _ in carried[name].text) if many else w.op("")
            names[name] = made
        return place, names

    def close(self, place: int, names: dict[str, Any], sources: Any, counter: Any = None) -> None:
        """Fill in a loop's phis."""
        lines = self.w.lines
        blocks = [block for _, block in sources]
        if counter is not None:
            this, first, following = counter
            lines[place] = f"  {this.text} = " + phi_text("i64", [first.text, following.text][: len(blocks)], blocks)
            place += 1
        for name, made in names.items():
            values = [known[name] for known, _ in sources]
            kind = values[0].kind
            if isinstance(made, tuple):
                rows = list(zip(made, *(value.text for value in values)))
                kind = kind.lanes
            else:
                rows = [(made, *(value.text for value in values))]
            for one, *texts in rows:
                lines[place] = f"  {one} = " + phi_text(kind.llvm, texts, blocks)
                place += 1

    def range_of(self, node: Tree) -> tuple[Value, Value, Value]:
        """Return start, stop and step of a call of `range`."""
        is_range = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RANGES
        if not is_range or not 1 <= len(node.args) <= 3 or node.keywords:
            raise CompileError("a loop is over range(...)")
        numbers = [ex.index_of(self.w, self.value(a)) for a in node.args]
        if len(numbers) == 1:
            numbers = [Value(int64, "0"), *numbers]
        first, last, step = (*numbers, Value(int64, "1"))[:3]
        if step.text == "0":
            raise CompileError("range: the step is 0")
        return first, last, step

    def is_before(self, x: Value, last: Value, step: Value) -> Value:
        """Write whether a loop goes on; a step of 0 ends it."""
        w = self.w
        if not step.text.startswith("%"):
            return w.compare("icmp slt" if int(step.text) > 0 else "icmp sgt", x, last)
        up = w.integer("and", w.compare("icmp sgt", step, 0), w.compare("icmp slt", x, last))
        down = w.integer("and", w.compare("icmp slt", step, 0), w.compare("icmp sgt", x, last))
        return w.integer("or", up, down)

    def outcome(self, tree: Tree) -> Value:
        """Write a function's body; return what it returns."""
        if isinstance(tree, ast.Lambda):
            return self.value(tree.body)
        *first, last = tree.body
        is_straight = isinstance(last, ast.Return) and last.value is not None and not any(map(returns, first))
        if is_straight:
            self.run(first)
            return self.value(last.value)
        self.end = self.w.label()
        self.run(tree.body)
        if self.w.block is not None or not self.returned:
            raise CompileError("not every path returns a value")
        self.w.start(self.end)
        return self.meeting("the result", self.returned)


STATEMENTS: dict[type, Callable[..., None]] = {
    ast.Assign: Body.assign,
    ast.AugAssign: Body.augment,
    ast.Expr: Body.evaluate,
    ast.Return: Body.leave,
    ast.If: Body.choose,
    ast.For: Body.count,
    ast.While: Body.repeat,
    ast.Pass: lambda body, node: None,
}
