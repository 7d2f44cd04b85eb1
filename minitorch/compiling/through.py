"""Transforms of compiled functions: `grad(jit(f))` runs `jit` of the derivative of `f`, and so for `jvp` and `vmap`.

A compiled function that meets another transform's tracers is recorded, pushed or batched as one unit, by functions that
are compiled themselves. One that writes state, draws random numbers or calls back is run through instead: its derivative
would repeat what it does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import dtypes, tree
from ..core.array import Array
from ..core.calling import Batch, Leaves, Shape, nameplate
from ..core.calls import Call
from ..core.duals import JVPTracer
from ..core.jvp import JVPTrace
from ..core.ops.shaping import zeros_of
from ..core.primitive import Primitive
from ..core.tape import Node, Tape
from ..core.tracer import Tracer, Value, aval_of
from ..core.transforms import jvp, vjp, vmap
from ..core.vmap import AXES

Function = Callable[..., Any]
Compile = Callable[[Function], Function]


class Family:
    """A function of leaves, compiled, and the compiled functions derived from it."""

    def __init__(self, function: Function, compile_: Compile):
        self.function = function
        self.compile = compile_
        self.compiled = compile_(function)
        self.known: dict[Any, Family] = {}

    def derived(self, key: Any, make: Callable[[], Function]) -> Family:
        """Return the function derived in some way, made on first need."""
        if key not in self.known:
            self.known[key] = Family(make(), self.compile)
        return self.known[key]

    def call(self, shape: Shape) -> CompiledCall:
        """Return an application of the function, whose result's structure goes to `shape`.

        Tracers that it knows no derived function for run through the function as it is.
        """

        def primal(leaves: Leaves) -> Leaves:
            plain = any(isinstance(x, Tracer) for x in leaves)
            return shape.flatten((self.function if plain else self.compiled)(*leaves))

        return CompiledCall(nameplate(self.function), primal, self, shape)

    def run(self, leaves: Sequence[Value]) -> Any:
        """Apply the function."""
        shape = Shape()
        return shape.unflatten(self.call(shape)(list(leaves)))


@dataclass(frozen=True, slots=True)
class CompiledCall(Call):
    """One application of a compiled function under transforms."""

    primitive: Primitive
    primal: Function
    family: Family
    shape: Shape

    def _kept(self, tape: Tape, values: Leaves, nodes: Sequence[Node | None]) -> tuple[Leaves, Any]:
        where = tuple(
            i for i, (n, x) in enumerate(zip(nodes, values)) if n is not None and aval_of(x).dtype in dtypes.INEXACT
        )
        return self(values), where

    def _cotangents(self, g: tuple[Value, ...], saved: tuple[Tape, Any], values: tuple[Value, ...]) -> Leaves:
        _, where = saved
        count, shape, function = len(values), self.shape, self.family.function

        def make() -> Function:
            def pull(*given: Value) -> Any:
                inputs, cotangents = given[:count], given[count:]
                _, back = vjp(_over(function, inputs, where), *(inputs[i] for i in where))
                return back(shape.unflatten(list(cotangents)))

            return pull

        found = self.family.derived(("vjp", where, count), make).run((*values, *g))
        grads: Leaves = [None] * count
        for i, x in zip(where, found, strict=True):
            grads[i] = x
        return grads

    def _expanded(self, trace: Any, leaves: Leaves) -> Leaves:
        return self.primal(leaves)  # type: ignore[no-any-return]

    def _batched(self, flags: list[bool], batch: Batch) -> Call:
        axes = tuple(0 if flag else None for flag in flags)
        name = None if batch.axis is None else batch.axis.name
        mapped = self.family.derived(
            ("vmap", axes, name), lambda: vmap(self.family.function, in_axes=axes, axis_name=name)
        )
        return mapped.call(self.shape)

    def _pushed(self, trace: JVPTrace, leaves: Leaves) -> Leaves:
        mine = [isinstance(x, JVPTracer) and x._trace is trace for x in leaves]
        where = tuple(i for i, m in enumerate(mine) if m)
        values = [x.value if m else x for x, m in zip(leaves, mine)]
        count, function = len(values), self.family.function

        def make() -> Function:
            def push(*given: Value) -> Any:
                inputs, tangents = given[:count], given[count:]
                return jvp(_over(function, inputs, where), tuple(inputs[i] for i in where), tangents)

            return push

        out, tangent = self.family.derived(("jvp", where, count), make).run(
            (*values, *(leaves[i].tangent for i in where))
        )
        outs, tangents = self.shape.flatten(out), tree.leaves(tangent)
        return [JVPTracer(trace, x, t) for x, t in zip(outs, tangents, strict=True)]


def _over(function: Function, inputs: Sequence[Value], where: tuple[int, ...]) -> Function:
    """Return the function of the inputs at some places, with the others fixed."""

    def of_some(*some: Value) -> Any:
        merged = list(inputs)
        for i, x in zip(where, some, strict=True):
            merged[i] = x
        return function(*merged)

    return of_some


def blank(x: Any) -> Any:
    """Return zeros in the place of a traced value."""
    return Array(zeros_of(aval_of(x))) if isinstance(x, Tracer) else x


def in_named_axes(function: Function, *args: Any) -> Any:
    """Call a function as if it were mapped over every axis that has a name here, so that it may ask for them."""
    call = functools.partial(function, *args)
    for name, trace in AXES.get().items():
        if trace.axis is not None:
            call = vmap(call, axis_name=name, axis_size=trace.axis.size)
    return call()
