"""Derivatives of derivatives through a compiled function: what `create_graph=True` asks for.

The graph of a backward pass no longer knows what was detached, or had a rule of its own, on the way forward. So the
function is run again together with its backward pass, as a compiled function of arguments and cotangents that carries
gradients itself. That gives the same only if nothing has changed meanwhile, which is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..autograd.engine import grad
from ..core import tree
from ..core.config import setting
from ..core.errors import GradError
from ..core.tracer import Value
from ..core.vjp import unhooked
from ..tensor.handle import Tensor
from .capture import Argument, Field, Handle, Number
from .containers import flatten
from .derivative import Kept, node_of
from .guards import Surroundings
from .program import Fresh, Program


@dataclass(slots=True)
class Higher:
    """The backward pass of a program as a function that is compiled when it is first needed.

    `run(args, kwargs)` is what was recorded; its arguments have the structure `structure` with `own` leaves. `parents` and
    `positions` say toward what, and from which results, gradients flow; `refusal` why it cannot be run again, if so.
    """

    run: Callable[[Any, Any], Any]
    compile: Callable[[Callable[..., Any]], Callable[..., Any]]
    around: Surroundings
    structure: Any
    own: int
    sources: list[Any]
    parents: list[Any]
    positions: list[int]
    refusal: str | None
    compiled: Callable[..., Any] | None = None

    def __call__(self, g: Sequence[Value], kept: Kept) -> tuple[Value | None, ...]:
        """Pull recorded cotangents back to the program's parents."""
        for reason in self._reasons(kept, g):
            raise GradError(
                f"backward: create_graph=True runs the compiled function again with its backward pass, but {reason}; "
                "compile the function that takes both derivatives, or call the function uncompiled"
            )
        if self.compiled is None:
            self.compiled = self.compile(
                partial(_pulled, self.run, self.structure, self.own, self.parents, self.positions)
            )
        found: tuple[Value | None, ...] = self.compiled(*self._given(g[0]._trace, kept), *g)
        return found

    def _given(self, tape: Any, kept: Kept) -> Iterator[Any]:
        """Iterate over the arguments as they were: new handles of their values and nodes."""
        values = {s.index: v for s, v in zip(self.sources, kept.values) if isinstance(s, Argument)}
        nodes = {p.index: n for p, n in zip(self.parents, kept.nodes) if isinstance(p, Argument)}
        for i, x in enumerate(kept.leaves[: self.own]):
            yield tape.wrap(values.get(i, x.value), nodes.get(i)) if isinstance(x, Tensor) else x

    def _reasons(self, kept: Kept, g: Sequence[Any]) -> Iterator[str]:
        """Say why running the function again would not give the same."""
        if self.refusal is not None:
            yield self.refusal
        if not self.around.hold():
            yield f"{next(self.around.differences(), 'something that it sees has changed')} since"
        for source, value in zip(self.sources, kept.values):
            if not isinstance(source, (Argument, Field)) and not _same(source, value):
                yield "a tensor or number that it closes over has been changed since"
        for parent, node in zip(self.parents, kept.nodes):
            if isinstance(parent, Tensor) and node_of(parent, g[0]._trace) is not node:
                yield "a tensor that it closes over is recorded anew since"


def higher(
    program: Program, around: Surroundings, run: Callable[[Any, Any], Any], compile_: Any, structure: Any, own: int
) -> Higher:
    """Return the derivative of a program's derivative; it holds nothing that leads back to the program."""
    derivative = program.derivative
    assert derivative is not None
    places = {r.index: i for i, r in enumerate(program.results) if type(r) is Fresh}
    positions = [places[index] for index in derivative.live if index in places]
    refusal = None
    if program.writes:
        refusal = "it writes state or draws random numbers, and would do so twice"
    elif len(positions) < len(derivative.live):
        refusal = "its results are views of one another"
    return Higher(run, compile_, around, structure, own, program.sources, derivative.parents, positions, refusal)


def _pulled(
    run: Callable[[Any, Any], Any], structure: Any, own: int, parents: list[Any], positions: list[int], *given: Any
) -> tuple[Any, ...]:
    """Return the gradients of a function's results, as a function of its arguments and the cotangents."""
    args, kwargs = tree.unflatten(structure, given[:own])
    results = flatten(run(args, kwargs))[0]
    wanted = [given[p.index] if isinstance(p, Argument) else p for p in parents]
    with setting(unhooked, {x.node for x in wanted}):
        return grad([results[i] for i in positions], wanted, given[own:], create_graph=True, allow_unused=True)


def _same(source: Any, value: Any) -> bool:
    now = source.tensor.current() if isinstance(source, Handle) else source.read([])
    return bool(now.item() == value.item()) if isinstance(source, Number) else now is value
