"""Pointwise formulas of a matrix product, applied to its tiles while these are in the first-level cache.

A product that nothing but one pointwise kernel reads becomes one step with it: bias and activation, a residual, the mask of
a gradient. `tiled_gemm` writes its tiles where a result of the formula will be, and calls the formula's kernel, its tail,
for each band of them; what the product alone would be is nowhere in memory. The tail is the same text as for a kernel of
its own, printed for a range of rows and columns, so that results are the same to the last bit, and the kernel of tiles
stays one for all products. To print formulas into that instead would take 66 ms to compile each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

from ..graph import Atom, Var
from ..native import blas
from ..native.compile import compile_kernel
from . import formulas
from .fuse import Fusion, Group, access, grouped
from .kernels import Kernel, Slot
from .layout import packed
from .operations import Operation
from .products import Call, is_tiled, product_calls
from .rows import Rows, divide

LARGE = 1 << 23  # bytes: a product that little is left of when all is written


class Tail(Rows):
    """Walks rows of some columns; its slots come after those of the product."""

    def __init__(self, group: Group, stored: Set[Var], in_place: Mapping[Var, Var], slots: Sequence[Slot]):
        super().__init__(group, stored, in_place)
        self.text.slots += slots

    def print(self) -> Kernel:
        """Print the kernel."""
        text, width = self.text, self.axes[-1]
        mask = (1 << blas.COLUMN_BITS) - 1
        text.line(f"first = lo & {mask}")
        text.line(f"last = hi & {mask}")
        text.line(f"for r in range(lo >> {blas.COLUMN_BITS}, hi >> {blas.COLUMN_BITS}):")
        text.depth += 1
        text.line(f"i = r * {text.size('columns', width)}")
        self.indices = divide(text, self.outer, "r")
        self.row_mark = len(text.body)
        text.line("for c in free_range(first, last):")
        text.depth += 1
        self.column = "c"
        self.elements(0)
        return self.kernel("tail", self.group.rows, width)


def join(fusion: Fusion, results: Sequence[Atom], donated: Mapping[Var, Var]) -> None:
    """Let products take in the pointwise groups that read them, where that pays.

    Groups that write over inputs stay as they are, and so does what comes after them.
    """
    order = fusion.order
    products = {v: group for group in order if group.kind == "gemm" and _is_large(v := group.operations[0].out)}
    if not products:
        return
    fence = next((i for i, group in enumerate(order) if _writes(group, donated)), len(order))
    readers = Counter([v for group in order for v in group.reads] + [v for v in results if isinstance(v, Var)])
    after: dict[Group, list[Group]] = {}
    for group in order[:fence]:
        for v in _reads(group, products):
            if readers[v] == 1 and group not in after:
                group.unfold()
                head, rest = _divided(group)
                inside = {v for each in rest for v in each.reads}
                stored = [v for v in head.levels if readers[v] or v in inside] if head else []
                tail = _tail(products[v].operations[0], head, stored) if head else None
                if tail is not None:
                    after[group] = [products[v], *rest]
                    _take_in(fusion, products[v], tail, rest)
    moved = {each[0] for each in after.values()}
    fusion.order = [each for group in order if group not in moved for each in after.get(group, [group])]


def _divided(group: Group) -> tuple[Group | None, list[Group]]:
    """Return what of a group is pointwise, if it can be a product's tail, and what is left: sums over the rows."""
    if group.kind == "map":
        return group, []
    maps = [op for op in group.operations if op.kind == "map"]
    if group.kind != "columns" or not maps:
        return None, []
    left = grouped([op for op in group.operations if op.kind != "map"])
    return (grouped(maps), [left]) if left else (None, [])


def _reads(group: Group, products: Mapping[Var, Group]) -> list[Var]:
    """List the products that a group reads, in the order in which it does."""
    if group.reads.isdisjoint(products):
        return []
    sources = dict.fromkeys(x.source for op in group.operations for x in op.operands if isinstance(x.source, Var))
    return [v for v in sources if v in products and v in group.reads]


def _writes(group: Group, donated: Mapping[Var, Var]) -> bool:
    return any(v in donated for op in group.operations for v in op.outputs)


class Following(NamedTuple):
    """What is done with each tile of a product: the group, and those of its values that are stored."""

    group: Group
    stored: tuple[Var, ...]


def _tail(product: Operation, group: Group, stored: Sequence[Var]) -> Following | None:
    """Return a pointwise group as one that walks the rows of a product, None if it cannot be, or should not."""
    reads = [(x, op) for op in group.operations for x in op.operands if x.source is product.out]
    size, dtype = product.out.aval.size, product.out.aval.dtype
    is_in_order = all(x.layout.offset == 0 and access(x, op) == ((size, 1),) for x, op in reads)
    if group.kind != "map" or group.size != size or not is_in_order or not is_tiled(product):
        return None
    if "into" in product.params or not any(v.aval.dtype == dtype for v in stored):
        return None
    tail = replace(group, kind="rows", rows=size // product.operands[1].layout.shape[-1])
    found = Following(tail, tuple(stored))
    return found if tail.axes() is not None and not any(tail.turned()) and _pays(found, product.out) else None


def _is_large(product: Var) -> bool:
    """Tell whether a product is larger than its part of the second-level cache."""
    return _bytes(product) > blas.BLOCK


def _pays(tail: Following, product: Var) -> bool:
    """Tell whether the first-level cache saves more than calls for a few rows cost: time with the tail by that without.

    Up to 400 KiB all is in the second-level cache anyway: 0.98 to 1.04. With more (`_is_large`), and rows as long as a
    panel, so that a band of tiles is one piece of memory: 0.81 to 0.99, whatever the formula; 0.87 to 0.97 in training
    steps of 3,000 to 65,536 rows. Longer rows: 0.96 for a bias of 1,024 x 192. GELU, or another stream as large, in pieces
    that are not read ahead: 0.96 to 1.14. ReLU that keeps a mask, or masks a gradient: 1.02 to 1.06 in training steps whose
    layers have 4 MiB, where results go to memory that is in no cache; 0.87 to 1.02 with 16 MiB, where sums over rows read
    it again. Rows shorter than a panel: 0.97 to 1.74. What BLAS computes, in panels of rows of 512 KiB: 0.98 to 1.06, for
    it packs its operands anew. The product stored as well, for others: 1.01 to 1.04.
    """
    group, size = tail.group, _bytes(product)
    panel = blas.panel(product.aval.dtype.name)
    if group.columns <= panel:
        return group.columns == panel
    others = sum(_bytes(v) for v in (*group.reads, *tail.stored) if v.aval.size == group.size) - 2 * size
    is_light = others <= (size // 4 if size > LARGE else 0)
    return is_light and all(formulas.is_cheap(op.formula) for op in group.operations)


def _bytes(v: Var) -> int:
    return v.aval.size * v.aval.dtype.itemsize


def _take_in(fusion: Fusion, maker: Group, tail: Following, rest: Sequence[Group]) -> None:
    """Make a pointwise group part of a product's, which is computed where one of its results will be."""
    product = maker.operations[0]
    home = next(v for v in tail.stored if v.aval.dtype == product.out.aval.dtype)
    product.params.update(tail=tail, into=(home, packed((*product.shape, *product.out.aval.shape[-2:]))))
    maker.operations += tail.group.operations
    maker.reads = (maker.reads | tail.group.reads) - {product.out}
    fusion.owner.update(dict.fromkeys(tail.group.levels, maker))
    for group in rest:
        fusion.owner.update(dict.fromkeys(group.levels, group))


def calls(op: Operation) -> list[Call]:
    """Return the calls that compute a matrix product, and what follows on each tile of it."""
    made = product_calls(op)
    if "tail" not in op.params:
        return made
    (call,), (group, stored), (home, _) = made, op.params["tail"], op.params["into"]
    kernel = Tail(group, set(stored), {op.out: home}, call.slots).print()
    code = compile_kernel(kernel.source, kernel.name)
    slots = [Slot("code", code) if i == blas.TAIL else slot for i, slot in enumerate(kernel.slots)]
    return [call._replace(slots=slots, seconds=call.seconds + kernel.seconds)]


CALLS = {"gemm": calls}
