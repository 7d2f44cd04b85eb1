"""scan, fori_loop and while_loop as people call them: trees in, trees out, with errors that name the leaf."""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_int
from typing import Any

from .. import dtypes, reuse, tree
from ..array import Array
from ..aval import Aval
from ..calling import Leaves
from ..errors import ArgumentError, DTypeError, JitError, ShapeError, TracerError
from ..jit.graph import interpret
from ..ops.families import as_array
from ..ops.joining import concatenate, stack
from ..ops.pointwise import add, less
from ..ops.shaping import cast, reshape
from ..ops.slicing import slice_axis
from ..tape import muting
from ..tracer import Value, aval_of
from .closing import Closed, arrays, checked_structure, close, fitted, flattened, transformed
from .deriving import output_avals, split_at
from .repeating import check_steps, kept
from .scanning import loop
from .whiling import while_p

Function = Callable[..., Any]


def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """Carry a value through steps: `carry, y = f(carry, x)` for each x along the first axis of `xs`.

    Return the last carry and the ys, stacked. `init`, `xs` and the ys are trees of arrays; the carry keeps its structure,
    shapes and dtypes (a plain number takes the dtype of what replaces it). Without `xs`, `length` is the number of steps
    and x is None. `reverse` starts at the end; the ys stay beside their xs. `unroll` is how many steps a compiled loop makes
    before it jumps back, True for all.

    The function is called on traced values, so it must be pure. In reverse mode, what the rules of a step need is kept for
    each step. Raises ShapeError or DTypeError, naming the leaf, for a carry that changes.

    >>> from minitorch.core.array import Array
    >>> scan(lambda total, x: (total + x, total * x), 0.0, Array([1.0, 2.0, 3.0]))
    (Array(6., dtype=float32), Array([0., 2., 9.], dtype=float32))
    """
    start, structure = flattened(init)
    x_leaves, _ = flattened(xs)
    rows = arrays(x_leaves)
    steps = steps_of(rows, xs, length)
    both = tree.structure((init, xs))
    avals = [a._replace(shape=a.shape[1:]) for a in map(aval_of, rows)]

    def step(carry: Any, x: Any) -> Any:
        return _pair("scan", f(carry, x))

    mark = reuse.mark()
    body, start = _settled(
        "scan", step, both, structure, start, avals, tree.paths(init, "init"), lambda out: out.children()[0]
    )
    if steps > 1:
        check_steps(mark, body, kept(body, len(start)))
    _, y_structure = body.shape.structure.children()
    last, ys = _repeated(body, arrays(start), rows, steps, reverse, unroll)
    with muting(True):
        return tree.unflatten(structure, last), tree.unflatten(y_structure, ys)


def _pair(name: str, out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        got = f"{len(out)} values" if isinstance(out, tuple) else type(out).__name__
        raise ArgumentError(
            f"{name}: the function must return a pair (carry, y), got {got}; return (carry, None) for no y"
        )
    return out


def steps_of(rows: Leaves, xs: Any, length: int | None) -> int:
    """Return the number of steps, on which all must agree."""
    sizes = dict.fromkeys(aval_of(x).shape[0] if aval_of(x).shape else None for x in rows)
    if None in sizes:
        at = next(p for p, x in zip(tree.paths(xs, "xs"), rows) if not aval_of(x).shape)
        raise ShapeError(f"scan: {at} has no axes; scan reads xs along their first axis: close over it instead")
    if length is not None:
        sizes[as_int(length)] = None
    if not sizes:
        raise ArgumentError("scan: there are no xs; give the number of steps as length")
    if len(sizes) > 1:
        given = ", ".join(f"{p} {aval_of(x)}" for p, x in zip(tree.paths(xs, "xs"), rows))
        said = "" if length is None else f", length={length}"
        raise ShapeError(f"scan: the lengths differ: {given}{said}; all first axes must agree")
    (steps,) = sizes
    assert steps is not None
    if steps < 0:
        raise ArgumentError(f"scan: length must not be negative, got {steps}")
    return steps


def _settled(
    name: str,
    step: Function,
    arguments: tree.TreeDef,
    structure: tree.TreeDef,
    start: Leaves,
    avals: list[Aval],
    paths: list[str],
    carried: Callable[[tree.TreeDef], tree.TreeDef],
) -> tuple[Closed, Leaves]:
    """Close a step whose first arguments are the carry, with a first carry of the dtypes that a step returns."""
    mark = reuse.mark()
    while True:
        first = [aval_of(x)._replace(weak=False) for x in start]
        body = close(step, arguments, [*first, *avals])
        checked_structure(name, "the carry", carried(body.shape.structure), structure)
        for i, x in enumerate(start):
            if not aval_of(x).weak:
                body.give_way(i, aval_of(x))
        again = fitted(name, "the carry", start, output_avals(body.graph)[: len(start)], paths)
        if again is None:
            return body, start
        if mark is not None:
            mark.take_back()
        start = again


def _repeated(
    body: Closed, start: Leaves, rows: Leaves, steps: int, reverse: bool, unroll: int | bool
) -> tuple[Leaves, Leaves]:
    """Run the loop, several steps at a time if it is to be unrolled."""
    if type(unroll) is not bool and as_int(unroll) < 1:
        raise ArgumentError(f"scan: unroll must be a number of steps >= 1 or True, got {unroll}")
    together = steps if unroll is True else min(int(unroll), steps)
    if together < 2:
        return loop(body.graph, body.consts, start, rows, steps, reverse)
    count, rest = divmod(steps, together)
    first, second = (
        (slice(rest, steps), slice(0, rest)) if reverse else (slice(0, steps - rest), slice(steps - rest, steps))
    )
    of_first = [part_of(x, first) for x in rows]
    if count == 1:
        carry, ys = _unrolled(body.graph, body.consts, start, of_first, together, reverse)
    else:
        n, k = len(body.consts), len(start)
        grouped = [reshape(x, (count, together, *x.shape[1:])) for x in of_first]

        def several(values: Leaves) -> Leaves:
            consts, carry, xs = split_at(values, n, k)
            carry, ys = _unrolled(body.graph, consts, carry, xs, together, reverse)
            return carry + ys

        avals = [v.aval for v in body.graph.inputs[: n + k]] + [_slice_of(x) for x in grouped]
        carry, ys = loop(transformed(several, avals), body.consts, start, grouped, count, reverse)
        ys = [reshape(y, (count * together, *y.shape[2:])) for y in ys]
    if not rest:
        return carry, ys
    carry, others = loop(body.graph, body.consts, carry, [part_of(x, second) for x in rows], rest, reverse)
    parts = zip(others, ys) if reverse else zip(ys, others)
    return carry, [concatenate(pair, 0) for pair in parts]


def _slice_of(x: Value) -> Aval:
    aval = aval_of(x)
    return aval._replace(shape=aval.shape[1:])


def part_of(x: Value, part: slice) -> Value:
    """Return some of the steps along the first axis."""
    return slice_axis(x, 0, part.start, part.stop)


def _unrolled(
    graph: Any, consts: Leaves, carry: Leaves, xs: Leaves, steps: int, reverse: bool
) -> tuple[Leaves, Leaves]:
    """Run all steps one after the other, without a loop."""
    rows: list[Leaves] = [[]] * steps
    for i in range(steps)[:: -1 if reverse else 1]:
        outs = interpret(graph, [*consts, *carry, *(x[i] for x in xs)])
        carry, rows[i] = split_at(list(map(as_array, outs)), len(carry))
    return carry, [stack(column, 0) for column in zip(*rows)]


# --------------------------------------------------------------------------- loops that count, loops that wait


def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any, *, unroll: int | bool | None = None) -> Any:
    """Return `init_val` after `val = body_fun(i, val)` for i from `lower` up to, not including, `upper`.

    With bounds that are known numbers it is a `scan`, which has derivatives of both modes; with traced bounds a
    `while_loop`, which has forward mode only. The value is a tree of arrays that keep their shapes and dtypes.

    >>> fori_loop(0, 4, lambda i, x: x * 2, 1.0)
    Array(16., dtype=float32)
    """
    known = _known("lower", lower), _known("upper", upper)
    if known[0] is None or known[1] is None:
        if unroll not in (None, 1, False):
            raise ArgumentError("fori_loop: unroll needs bounds that are known numbers; leave it out")
        first, last = (_bound(n, x) for n, x in (("lower", lower), ("upper", upper)))
        _, out = while_loop(
            lambda state: less(state[0], last),
            lambda state: (add(state[0], 1), body_fun(state[0], state[1])),
            (first, init_val),
        )
        return out

    def step(state: tuple[Any, Any], _: None) -> Any:
        i, value = state
        return (add(i, 1), body_fun(i, value)), None

    start = Array(known[0], dtypes.int64)
    (_, out), _ = scan(
        step, (start, init_val), length=max(known[1] - known[0], 0), unroll=1 if unroll is None else unroll
    )
    return out


def _known(name: str, bound: Any) -> int | None:
    """Return a bound as a number, None if only a transform knows it."""
    try:
        return as_int(_bound(name, bound))
    except (TracerError, JitError):
        return None


def _bound(name: str, x: Any) -> Value:
    x = as_array(x)
    if x.shape or dtypes.rank(x.dtype) != 1:
        raise ShapeError(f"fori_loop: {name} is {aval_of(x)}; it must be one integer")
    return cast(x, dtypes.int64)


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """Return `init_val` after `val = body_fun(val)` for as long as `cond_fun(val)` holds.

    The value is a tree of arrays that keep their structure, shapes and dtypes (a plain number takes the dtype of what
    replaces it); the condition is one bool. Both functions are called on traced values, so they must be pure. There is
    forward mode, but no reverse mode, for the number of steps is not known: use `scan`, or `fori_loop` with known bounds.
    Under `vmap` the loop goes on until all examples are done, and leaves those that are done alone.

    >>> while_loop(lambda x: x < 100, lambda x: x * 2, 3.0)
    Array(192., dtype=float32)
    """
    start, structure = flattened(init_val)
    one = tree.structure((init_val,))
    paths = tree.paths(init_val, "init_val")
    mark = reuse.mark()
    body, start = _settled("while_loop", body_fun, one, structure, start, [], paths, lambda out: out)
    start = arrays(start)
    check_steps(mark, body, kept(body, len(start)))
    mark = reuse.mark()
    cond = close(cond_fun, one, list(map(aval_of, start)))
    check_steps(mark, cond, kept(body, len(start)))
    found = output_avals(cond.graph)
    if len(found) != 1 or found[0].shape or found[0].dtype != dtypes.bool_:
        raise DTypeError(
            f"while_loop: cond_fun must return one bool, got [{', '.join(map(str, found))}]; compare, or reduce with "
            ".all() or .any()"
        )
    outs = while_p(
        *cond.consts,
        *body.consts,
        *start,
        cond=cond.graph,
        body=body.graph,
        counts=(len(cond.consts), len(body.consts)),
    )
    with muting(True):
        return tree.unflatten(structure, outs)


__all__ = ["fori_loop", "scan", "while_loop"]
