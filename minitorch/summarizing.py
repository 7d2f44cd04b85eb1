"""A table of a model's layers: what each puts out, how much it holds, and how many products it computes.

The model is recorded, not run: shapes pass through it, no numbers. What a layer multiplies and adds is counted in the
equations that it records, so attention, recurrences and a model's own arithmetic count as well as layers do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .compiling.show import make_graph
from .core import tree
from .core.array import Array
from .core.errors import ArgumentError
from .core.jit.graph import Equation, Graph
from .core.tape import context
from .core.tracer import Tracer
from .nn.module import Module
from .tensor.creation import zeros
from .tensor.modes import no_grad

HEADINGS = ("layer", "type", "output", "parameters", "multiply-adds", "output memory")


def _size(x: Any) -> int:
    return math.prod(x.aval.shape)


# How many multiplications with an addition an equation stands for; other primitives do none that count.
PRODUCTS: dict[str, Callable[[Equation], int]] = {
    "matmul": lambda eq: _size(eq.outputs[0]) * eq.inputs[0].aval.shape[-1],  # type: ignore[union-attr]
    "matvec": lambda eq: _size(eq.inputs[0]),
    "inner": lambda eq: _size(eq.inputs[0]),
    "linear": lambda eq: _size(eq.outputs[0]) * eq.inputs[0].aval.shape[-1],  # type: ignore[union-attr]
    "attention_weights": lambda eq: _size(eq.outputs[0]) * eq.inputs[0].aval.shape[-1],  # type: ignore[union-attr]
    "conv": lambda eq: _size(eq.outputs[0]) * math.prod(eq.inputs[1].aval.shape[1:]),  # type: ignore[union-attr]
    "conv_input": lambda eq: _size(eq.inputs[0]) * math.prod(eq.inputs[1].aval.shape[1:]),  # type: ignore[union-attr]
}


def operations(equations: list[Equation]) -> int:
    """Return how many multiply-adds equations stand for; a loop counts as often as it runs, of branches the dearest."""
    total = 0
    for eq in equations:
        total += PRODUCTS[eq.primitive.name](eq) if eq.primitive.name in PRODUCTS else 0
        inner = [g for p in eq.params.values() for g in (p if isinstance(p, tuple) else (p,)) if isinstance(g, Graph)]
        if inner:
            total += eq.params.get("length", 1) * max(operations(graph.equations) for graph in inner)
    return total


@dataclass
class Row:
    """What one module is and does."""

    name: str
    depth: int
    kind: str
    parameters: int
    parameter_bytes: int
    is_leaf: bool
    shapes: str = "-"
    operations: int = 0
    output_bytes: int = 0
    calls: int = 0


class Summary:
    """The rows of a model's modules, the model itself first; prints as a table, in a notebook as one of HTML.

    `parameters`, `trainable`, `operations` (multiply-adds of one pass forward), `parameter_bytes` and `output_bytes` (of all
    layers, which training keeps) are totals.
    """

    def __init__(self, rows: list[Row], trainable: int, buffer_bytes: int):
        self.rows = rows
        self.parameters, self.trainable = rows[0].parameters, trainable
        self.operations = rows[0].operations
        self.parameter_bytes, self.buffer_bytes = rows[0].parameter_bytes, buffer_bytes
        self.output_bytes = sum(row.output_bytes for row in rows if row.is_leaf)

    def table(self) -> list[tuple[str, ...]]:
        """Return the cells, headings first."""
        cells = [HEADINGS]
        for row in self.rows:
            name = "  " * row.depth + (row.name.rpartition(".")[2] or "model")
            again = f" (x{row.calls})" if row.calls > 1 else ""
            memory = _bytes(row.output_bytes) if row.calls else "-"
            cells.append((name, row.kind + again, row.shapes, f"{row.parameters:,}", f"{row.operations:,}", memory))
        return cells

    def totals(self) -> list[str]:
        """Return the lines below the table."""
        return [
            f"parameters: {self.parameters:,} ({_bytes(self.parameter_bytes)}), {self.trainable:,} of them trainable; "
            f"buffers: {_bytes(self.buffer_bytes)}",
            f"one pass forward: {self.operations:,} multiply-adds, {_bytes(self.output_bytes)} of outputs of layers",
        ]

    def __str__(self) -> str:
        cells = self.table()
        widths = [max(len(row[i]) for row in cells) for i in range(len(HEADINGS))]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))
            ).rstrip()
            for row in cells
        ]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", *self.totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        def line(row: tuple[str, ...], tag: str) -> str:
            sides = ["left"] * 3 + ["right"] * 3
            parts = (f'<{tag} style="text-align:{side}">{text(c)}</{tag}>' for c, side in zip(row, sides))
            return f"<tr>{''.join(parts)}</tr>"

        def text(cell: str) -> str:
            return "&nbsp;" * (len(cell) - len(cell.lstrip())) + escape(cell.lstrip())

        first, *rest = self.table()
        body = "".join(line(row, "td") for row in rest)
        return (
            f"<table><thead>{line(first, 'th')}</thead><tbody>{body}</tbody></table><p>{'<br>'.join(self.totals())}</p>"
        )


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _row(name: str, module: Module) -> Row:
    parameters = list(module.parameters())
    return Row(
        name,
        name.count(".") + 1 if name else 0,
        type(module).__name__,
        sum(p.numel() for p in parameters),
        sum(p.numel() * p.itemsize for p in parameters),
        not any(True for _ in module.children()),
    )


def _outputs(out: Any) -> list[Any]:
    return [x for x in tree.leaves(out) if isinstance(x, (Array, Tracer))]


@contextmanager
def _watched(rows: dict[Module, Row]) -> Iterator[None]:
    """Note in the rows what their modules put out and record while they are called."""
    begun: list[int] = []

    def equations() -> list[Equation]:
        stage: Any = context.get().stage
        return stage.trace.graph.equations  # type: ignore[no-any-return]

    def before(module: Module, args: Any) -> None:
        begun.append(len(equations()))

    def after(module: Module, args: Any, out: Any) -> None:
        row, results = rows[module], _outputs(out)
        row.shapes = ", ".join(str(tuple(x.shape)) for x in results)
        row.operations += operations(equations()[begun.pop() :])
        row.output_bytes += sum(math.prod(x.shape) * x.dtype.itemsize for x in results)
        row.calls += 1

    hooks = [m.register_forward_pre_hook(before) for m in rows] + [m.register_forward_hook(after) for m in rows]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _made(given: Any) -> Any:
    """Return an input: a tensor as it is, of a shape one of zeros."""
    return zeros(given) if isinstance(given, (tuple, list)) and all(isinstance(n, int) for n in given) else given


def summary(model: Module, *inputs: Any, **named: Any) -> Summary:
    """Return a table of a model's layers for inputs, each a tensor or the shape of one (of floats).

    Rows are modules: name, type, shape of the output, parameters, multiply-adds and the memory of the output. The model is
    recorded as `make_graph` does, so parameters and buffers stay as they are; a model that decides by its numbers raises
    a JitError.

    >>> from minitorch import nn
    >>> print(summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (32, 4)))
    layer  type        output   parameters  multiply-adds  output memory
    --------------------------------------------------------------------
    model  Sequential  (32, 2)          58          1,536          256 B
      0    Linear      (32, 8)          40          1,024        1.0 KiB
      1    ReLU        (32, 8)           0              0        1.0 KiB
      2    Linear      (32, 2)          18            512          256 B
    <BLANKLINE>
    parameters: 58 (232 B), 58 of them trainable; buffers: 0 B
    one pass forward: 1,536 multiply-adds, 2.2 KiB of outputs of layers
    """
    if not isinstance(model, Module) or not (inputs or named):
        raise ArgumentError("summary: takes a Module and its inputs, or their shapes: summary(model, (32, 3, 28, 28))")
    rows = {module: _row(name, module) for name, module in model.named_modules()}

    def run(*args: Any, **kwargs: Any) -> Any:
        with no_grad():
            return model(*args, **kwargs)

    with _watched(rows):
        make_graph(run)(*map(_made, inputs), **{key: _made(value) for key, value in named.items()})
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Summary(list(rows.values()), trainable, sum(b.numel() * b.itemsize for b in model.buffers()))
