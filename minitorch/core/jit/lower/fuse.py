"""Fusion: which operations become one kernel.

A group is a set of operations over one iteration space. Inside it a value is a number in a register, known by its level:
`full` (one for each element), `row` (one for each row, the result of a reduction over the columns or computed from such
results), or `column` (the result of a reduction over the rows, which only other groups can read). Because values are told
apart by their place in the linear order of elements alone, a reshape inside a group costs nothing.

Operations are taken in order; each joins the groups that make its operands, and merges them, where the iteration spaces
agree and no path leads out of the group and back into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from math import prod
from operator import attrgetter
from typing import Any

from ..graph import Var
from ..native.width import square
from .layout import Dims, axes_between, cuts, refine, spread
from .operations import MOST_AXES, Operand, Operation

MOST_OPERATIONS = 96  # more would take seconds to compile
MOST_OPERANDS = 28  # streams of memory that a kernel can follow
FUSIBLE = frozenset(("map", "rows", "columns"))
_place, _first = attrgetter("place"), attrgetter("first")


@dataclass(eq=False, slots=True)
class Group:
    """Operations that become one kernel, or one that stands alone."""

    kind: str  # map, rows, columns, or that of the only operation
    operations: list[Operation]
    size: int = 0
    rows: int = 0  # how many rows a `rows` group has
    abc: tuple[int, int, int] = (0, 0, 0)  # a `columns` group reduces the middle one of three axes
    levels: dict[Var, str] = field(default_factory=dict)
    edges: frozenset[int] = frozenset()  # where the axes of its operands end, counted in elements
    row_edges: frozenset[int] = frozenset()  # the same for operands with one number for each row, counted in rows
    reads: set[Var] = field(default_factory=set)
    sizes: set[int] = field(default_factory=set)  # of the operations
    spaces: set[tuple[str, tuple[int, int, int]]] = field(default_factory=set)  # that the reductions ask for
    twin: Any = None  # what it is a copy of, see `patterns`

    def unfold(self) -> None:
        """Replace an operation that stands for several by these."""
        if self.twin is not None:
            self.twin.unfold(self)

    @property
    def count(self) -> int:
        """How many operations there are."""
        return sum([op.count for op in self.operations])

    @property
    def first(self) -> int:
        """The place of the first operation in the program."""
        return self.operations[0].place

    @property
    def last(self) -> int:
        """The place of the last operation in the program."""
        return self.operations[-1].place

    @property
    def columns(self) -> int:
        """How many elements a row has."""
        return self.size // self.rows if self.rows else self.size

    def axes(self) -> tuple[int, ...] | None:
        """Return the sizes of the axes that all operands can be walked along; the last one is the inner loop."""
        if self.kind == "columns":
            _, b, c = self.abc
            return self.abc if self.edges <= {b * c, c} else None
        if self.kind == "map":
            if not self.edges:
                return (self.size,)
            found = axes_between(self.edges, self.size)
            return found if found is not None and len(found) <= MOST_AXES else None
        n = self.columns
        if any(e % n for e in self.edges):
            return None
        outer = axes_between(frozenset(e // n for e in self.edges if e != n) | self.row_edges, self.rows)
        return (*outer, n) if outer is not None and len(outer) < MOST_AXES else None

    def turned(self, axes: tuple[int, ...] | None = None) -> Iterator[tuple[Operand, Operation]]:
        """Iterate over the operands that lie across the rows, with the operations that read them."""
        axes = axes or self.axes()
        if axes is None or len(axes) < 2:
            return
        for op in self.operations:
            for x in op.operands if op.size == self.size else ():
                if isinstance(x.source, Var) and x.source in self.reads and is_turned(x, op, axes):
                    yield x, op

    def level_of(self, op: Operation) -> str:
        """Return whether an operation is computed for each element or for each row; nothing if it does not fit."""
        return "full" if op.size == self.size else "row" if op.size == self.rows else ""


def access(x: Operand, op: Operation) -> Dims:
    """Return how an operand is walked along the iteration space of an operation."""
    return spread(x.layout, op.shape)


def is_turned(x: Operand, op: Operation, axes: tuple[int, ...]) -> bool:
    """Tell whether the next element of an operand is in the next row of some axes, and that of its row is far away."""
    dims = access(x, op)
    if not dims or dims[-1][1] <= 1:  # as most: their rows lie in order, or are one number
        return False
    strides, n = refine(dims, axes), square(x.dtype)
    return strides is not None and strides[-2] == 1 and strides[-1] >= n and min(axes[-2:]) >= n


def grouped(operations: list[Operation]) -> Group | None:
    """Return operations as one group, None if no one kernel can compute them."""
    for op in operations:
        if op.kind not in FUSIBLE:
            return None
    group = Group("map", operations)
    group.sizes = {op.size for op in operations}
    group.spaces = {(op.kind, op.params["abc"]) for op in operations if op.kind != "map"}
    if not _has_space(group) or not all(_has_level(group, op) for op in operations):
        return None
    return group if _is_walkable(group) else None


def united(maker: Group, home: Group) -> Group | None:
    """Return the iteration space of two groups as one, without its operations; None if there is none."""
    if not maker.levels or not home.levels or len(sizes := maker.sizes | home.sizes) > 2:
        return None
    both = Group("map", [], sizes=sizes, spaces=maker.spaces | home.spaces)
    return both if _has_space(both) and maker.count + home.count <= MOST_OPERATIONS else None


def merged(maker: Group, home: Group) -> Group | None:
    """Return two groups as one, None if no one kernel can compute them: `grouped` of the operations of both."""
    both = united(maker, home)
    if both is None:
        return None
    for part in (maker, home):
        part.unfold()
    both.operations = sorted(maker.operations + home.operations, key=_place)
    if not all(_is_level_kept(part, both) for part in (maker, home)):
        return grouped(both.operations)
    both.levels = maker.levels | home.levels
    for part, other in ((maker, home), (home, maker)):
        inside = part.reads.intersection(other.levels)
        if inside and not all(_reads_in_place(both, op, inside) for op in part.operations):
            return None
        both.reads |= part.reads - inside
    # What is read in its place inside has no edges but the row's, so that these are those of the rest.
    both.edges, both.row_edges = maker.edges | home.edges, maker.row_edges | home.row_edges
    return both if _is_walkable(both) else None


def joined(group: Group, op: Operation) -> bool:
    """Take a map over all elements of a group into it, as `merged` would; False if it does not fit, and nothing changed."""
    if op.kind != "map" or op.size != group.size or not group.levels or group.count == MOST_OPERATIONS:
        return False
    reads, edges = set(), group.edges
    for x in op.operands:
        made = group.levels.get(x.source) if isinstance(x.source, Var) else None
        if made is None:
            edges = edges | cuts(access(x, op))
            if isinstance(x.source, Var):
                reads.add(x.source)
        elif not _same_place(group, "full", made, x, op):
            return False
    group.unfold()
    before = group.reads, group.edges
    group.reads, group.edges = group.reads | reads, edges
    group.operations.append(op)
    if not _is_walkable(group):
        group.reads, group.edges = before
        group.operations.pop()
        return False
    group.sizes.add(op.size)
    group.levels[op.out] = "full"
    group.twin = None
    return True


def _is_level_kept(part: Group, whole: Group) -> bool:
    """Tell whether the values of a group have the same levels in a larger one."""
    return part.size == whole.size and (part.kind == "map" or (part.kind, part.rows) == (whole.kind, whole.rows))


def _reads_in_place(group: Group, op: Operation, inside: set[Var]) -> bool:
    """Tell whether an operation reads values that are made in its group where they are made."""
    level = group.level_of(op)
    found = (x for x in op.operands if isinstance(x.source, Var) and x.source in inside)
    return all(_same_place(group, level, group.levels[x.source], x, op) for x in found)


def _is_walkable(group: Group) -> bool:
    """Tell whether one kernel can follow all operands; reductions do not, of one that lies across: it is turned first."""
    axes = group.axes()
    if len(group.reads) > MOST_OPERANDS or axes is None:
        return False
    return group.kind == "map" or not any(group.turned(axes))


def _has_space(group: Group) -> bool:
    """Find the iteration space that reductions ask for, and maps of two sizes."""
    sizes, spaces = group.sizes, group.spaces
    group.size = max(sizes)
    if len(spaces) > 1:
        return False
    if spaces:
        ((group.kind, abc),) = spaces
        if group.kind == "columns":
            group.abc = abc
        else:
            group.rows = abc[0]
        return prod(abc) == group.size and sizes <= {group.size, group.rows}
    if len(sizes) == 1:
        return True
    # Rows without a reduction: a few numbers computed for each row, then used along it. A lone scalar is not worth it.
    group.kind, group.rows = "rows", min(sizes)
    return len(sizes) == 2 and group.rows > 1 and group.size % group.rows == 0


def _has_level(group: Group, op: Operation) -> bool:
    """Add one operation's operands and results; tell whether it fits."""
    level = group.level_of(op)
    for x in op.operands:
        made = group.levels.get(x.source) if isinstance(x.source, Var) else None
        if made is not None:
            if not _same_place(group, level, made, x, op):
                return False
            continue
        if isinstance(x.source, Var):
            group.reads.add(x.source)
        edges = cuts(access(x, op))
        if edges and level == "full":
            group.edges |= edges
        elif edges:
            group.row_edges |= edges
    result = {"map": level, "rows": "row", "columns": "column"}[op.kind]
    group.levels[op.out] = result
    return bool(level) and (op.kind == "map" or level == "full")


def _same_place(group: Group, level: str, made: str, x: Operand, op: Operation) -> bool:
    """Tell whether a value made in the group is used where it is made."""
    if x.layout.offset:
        return False
    dims = access(x, op)
    if made == level:
        size = group.size if level == "full" else group.rows
        return dims in (((size, 1),), ()) if size == 1 else dims == ((size, 1),)
    if made != "row":
        return False
    return dims == (((group.columns, 0),) if group.rows == 1 else ((group.rows, 1), (group.columns, 0)))


def why_apart(maker: Group, user: Group) -> str:
    """Say why two groups, one of which reads what the other makes, are not one."""
    for group in (maker, user):
        if not group.levels:
            return f"{group.kind} stands alone"
    if maker.count + user.count > MOST_OPERATIONS or len(maker.reads | user.reads) > MOST_OPERANDS:
        return "together they would be too long"
    if {maker.kind, user.kind} == {"rows", "columns"}:
        return "one reduces over columns, the other over rows"
    if any(v in user.reads for v, level in maker.levels.items() if level == "column"):
        return "sums over rows are known only at the end"
    if maker.size != user.size:
        return f"they visit {maker.size:,} and {user.size:,} elements"
    if any(maker.turned()) or any(user.turned()):
        return "what lies across the rows is turned first"
    if merged(maker, user) is None:
        return "they walk their elements in different orders"
    return "one needs the other by way of a third"


class Fusion:
    """The groups of a program, in an order in which they can run."""

    def __init__(self, operations: list[Operation]):
        self.owner: dict[Var, Group] = {}
        # Which groups go on furthest: of those that begin at or after a place in `starts`, the furthest ends as `ends` says.
        self.starts: list[int] = []
        self.ends: list[int] = []
        groups: dict[Group, None] = {}
        for place, op in enumerate(operations):
            op.place = place
            home, absorbed = self._home(op)
            for group in absorbed:
                del groups[group]
            groups[home] = None
            at = bisect_left(self.starts, home.first)
            if at + 1 == len(self.starts):
                self.starts[at], self.ends[at] = home.first, place
            else:
                self.starts[at:], self.ends[at:] = [home.first], [place]
            self.owner.update(dict.fromkeys(home.levels if absorbed and home.levels else op.outputs, home))
        self.order = list(self._sorted(list(groups)))

    def _home(self, op: Operation) -> tuple[Group, list[Group]]:
        """Return the group of a new operation, and the groups that became part of it."""
        if op.home is not None:
            return self._absorbing(op.home, [], self._makers_of_copy(op.home))
        reads = dict.fromkeys(x.source for x in reversed(op.operands) if isinstance(x.source, Var))
        makers = dict.fromkeys(self.owner[v] for v in reads if v in self.owner)
        return self._absorbing(*self._begun(op, reads, makers), makers)

    def _makers_of_copy(self, home: Group) -> list[Group]:
        """List the groups that make what a copy of a group reads, without other copies that were not fused with it."""
        made_with = home.twin.variables
        makers = {g for g in self._needs(home.reads) if g.twin is None or g.twin.variables is not made_with}
        return sorted(makers, key=_first)

    def _absorbing(self, home: Group, absorbed: list[Group], makers: Iterable[Group]) -> tuple[Group, list[Group]]:
        """Return a group with those merged into it that make what it reads, and these."""
        for maker in makers:
            if maker in absorbed or united(maker, home) is None:
                continue
            if not self._path_around(maker, home.reads, absorbed):
                both = merged(maker, home)
                if both is not None:
                    home = both
                    absorbed.append(maker)
        return home, [group for group in absorbed if group is not home]

    def _begun(self, op: Operation, reads: Collection[Var], makers: Iterable[Group]) -> tuple[Group, list[Group]]:
        """Return the group that an operation joins, and that it is taken in; else one of its own, and that nothing is."""
        maker = next(iter(makers), None)
        if (
            maker is not None
            and op.kind == "map"
            and op.size == maker.size
            and not self._path_around(maker, reads, [])
            and joined(maker, op)
        ):
            return maker, [maker]
        alone = Group(op.kind if op.kind not in FUSIBLE else "python", [op], reads=set(reads))
        return grouped([op]) or alone, []

    def _needs(self, reads: Iterable[Var]) -> list[Group]:
        owner = self.owner
        return [owner[v] for v in reads if v in owner]

    def _path_around(self, maker: Group, reads: Collection[Var], absorbed: list[Group]) -> bool:
        """Tell whether a group, or what reads these values, needs the other by way of a third.

        What reads them is new, and needed by none but through what it has absorbed.
        """
        inside = [maker, *absorbed]
        outside = [g for g in self._needs(reads) if g not in inside]
        if absorbed:
            outside += [g for g in self._needs(maker.reads) if g not in inside]
        if not outside:
            return False
        first = min(g.first for g in inside)
        seen = set(outside)
        while outside:
            group = outside.pop()
            if group in inside:
                return True
            if self._ends_before(group.last, first):
                continue
            for g in self._needs(group.reads):
                if g not in seen:
                    seen.add(g)
                    outside.append(g)
        return False

    def _ends_before(self, place: int, limit: int) -> bool:
        """Tell whether what is needed at a place, and by the groups it is in, has no operation at or after another place.

        Operations need what stands before them, but it may be in a group that has gone on since.
        """
        while place < limit:
            end = self.ends[bisect_right(self.starts, place) - 1]
            if end <= place:
                return True
            place = end
        return False

    def _sorted(self, groups: list[Group]) -> Iterator[Group]:
        """Order groups so that each comes after those it needs, and otherwise as written."""
        done: set[Group] = set()
        for root in sorted(groups, key=lambda g: g.last):
            stack = [root]
            while stack:
                group = stack[-1]
                waiting = [g for g in self._needs(group.reads) if g not in done]
                if waiting:
                    stack.extend(waiting)
                    continue
                stack.pop()
                if group not in done:
                    done.add(group)
                    yield group
