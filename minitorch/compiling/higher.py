"""Derivatives of derivatives through a compiled function: what `create_graph=True` asks for.

The graph of a backward pass no longer knows what was detached, or had a rule of its own, on the way forward. So the
function is run again together with its backward pass, as a compiled function of arguments and cotangents that carries
gradients itself. That gives the same only if nothing has changed meanwhile, which is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..autograd.engine import grad
from ..core import tree
from ..core.errors import GradError
from ..core.primitive import Value
from ..tensor.handle import Tensor
from .arguments import flatten
from .capture import Argument, Field, Handle, Number
from .derivative import Derivative, Kept, node_of
from .guards import Surroundings
from .program import Fresh, Program


@dataclass(slots=True)
class Higher:
    """The backward pass of a program as a function that is compiled when it is first needed.

    `run(args, kwargs)` is what was recorded; its arguments have the structure `structure` with `own` leaves.
    """

    run: Callable[[Any, Any], Any]
    compile: Callable[[Callable[..., Any]], Callable[..., Any]]
    program: Program
    around: Surroundings
    structure: Any
    own: int
    compiled: Callable[..., Any] | None = None

    def __call__(self, g: Sequence[Value], kept: Kept) -> tuple[Value | None, ...]:
        """Pull recorded cotangents back to the program's parents."""
        for reason in self._reasons(kept, g):
            raise GradError(
                f"backward: create_graph=True runs the compiled function again with its backward pass, but {reason}; "
                "compile the function that takes both derivatives, or call the function uncompiled"
            )
        if self.compiled is None:
            self.compiled = self.compile(self._pulled)
        found: tuple[Value | None, ...] = self.compiled(*self._given(g[0]._trace, kept), *g)
        return found

    @property
    def derivative(self) -> Derivative:
        """The derivative of first order."""
        assert self.program.derivative is not None
        return self.program.derivative

    def _pulled(self, *given: Any) -> tuple[Any, ...]:
        args, kwargs = tree.unflatten(self.structure, given[: self.own])
        results = flatten(self.run(args, kwargs))[0]
        wanted = [given[p.index] if isinstance(p, Argument) else p for p in self.derivative.parents]
        return grad([results[i] for i in self._live()], wanted, given[self.own :], create_graph=True, allow_unused=True)

    def _live(self) -> list[int]:
        """Return the positions of the results that carry a gradient."""
        position = {r.index: i for i, r in enumerate(self.program.results) if type(r) is Fresh}
        return [position[index] for index in self.derivative.live if index in position]

    def _given(self, tape: Any, kept: Kept) -> Iterator[Any]:
        """Iterate over the arguments as they were: new handles of their values and nodes."""
        values = {s.index: v for s, v in zip(self.program.sources, kept.values) if isinstance(s, Argument)}
        nodes = {p.index: n for p, n in zip(self.derivative.parents, kept.nodes) if isinstance(p, Argument)}
        for i, x in enumerate(kept.leaves[: self.own]):
            yield tape.wrap(values.get(i, x.value), nodes.get(i)) if isinstance(x, Tensor) else x

    def _reasons(self, kept: Kept, g: Sequence[Any]) -> Iterator[str]:
        """Say why running the function again would not give the same."""
        if self.program.writes:
            yield "it writes state or draws random numbers, and would do so twice"
        if len(self._live()) < len(self.derivative.live):
            yield "its results are views of one another"
        if not self.around.hold():
            yield f"{next(self.around.differences(), 'something that it sees has changed')} since"
        for source, value in zip(self.program.sources, kept.values):
            if not isinstance(source, (Argument, Field)) and not _same(source, value):
                yield "a tensor or number that it closes over has been changed since"
        for parent, node in zip(self.derivative.parents, kept.nodes):
            if isinstance(parent, Tensor) and node_of(parent, (), g[0]._trace) is not node:
                yield "a tensor that it closes over is recorded anew since"


def _same(source: Any, value: Any) -> bool:
    now = source.tensor.current() if isinstance(source, Handle) else source.read([])
    return bool(now.item() == value.item()) if isinstance(source, Number) else now is value
