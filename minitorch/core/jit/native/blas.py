"""Matrix products as kernels: BLAS behind the kernels' interface, and kernels of our own where they are faster.

All compute, for each item of a batch, row-major `C[M, N] = op(A)[M, K] @ op(B)[K, N]`. A leading dimension (`LDA`) is the
distance between the rows of what lies in memory. A batch has two axes: the inner one has `INNER` items, a stride
(`STRIDE_A`) is the distance of its items, and `OUTER_A` that along the outer axis, all in elements. The range is one of
chunks, of which an item has `CHUNKS`, each of `ROWS` rows or of `COLUMNS` columns, of which the other is 0. `BLAS` holds the
address that `gemm` calls, so that no address is part of a kernel.

`TAIL` is 0, or the address of a kernel that `tiled_gemm` calls for what it has written, a few tiles at a time, while that is
in the first-level cache. It shares the slots. Its range is two corners, each a row, counted on from item to item, times
`2**COLUMN_BITS`, and a column.

>>> choose(np.float32, 1, 2, 2).name
'small_gemm'
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent
from typing import Any, NamedTuple

import numpy as np

from .compile import Kernel, compile_kernel
from .width import lanes, registers

SLOT_NAMES = (
    "A", "B", "C", "TRANS_A", "TRANS_B", "M", "N", "K", "LDA", "LDB", "LDC", "INNER", "STRIDE_A", "STRIDE_B", "STRIDE_C",
    "OUTER_A", "OUTER_B", "OUTER_C", "CHUNKS", "ROWS", "COLUMNS", "BLAS", "TAIL",
)  # fmt: skip
A, B, C, TRANS_A, TRANS_B, M, N, K, LDA, LDB, LDC, INNER, STRIDE_A, STRIDE_B, STRIDE_C = range(15)
OUTER_A, OUTER_B, OUTER_C, CHUNKS, ROWS, COLUMNS, BLAS, TAIL = range(15, 23)

SMALL = 300  # multiplications, of all items, up to which plain loops win, or lose little and are compiled sooner
NARROW = 3  # rows and columns that a tile needs to be worth filling
LARGE = 1 << 33  # multiplications up to which the tiled kernel wins: it does not block for the third-level cache
CHUNK = 200_000  # multiplications worth being a chunk
BLAS_ROWS, MOST_CHUNKS = 64, 16  # rows of a product of BLAS that are worth being a chunk, and how many chunks to make
BLOCK = 1 << 19  # bytes of A that a second-level cache holds beside all else
TALL = 256  # rows from which on it does not matter that each thread packs all panels of B for its own
BAND = 1024  # elements that a tail is called for, of tiles below one another; 4,096 have left the cache by then
LEAST_COLUMNS = 256  # of a product with a vector that are worth being a chunk
# Seconds that a multiplication takes, by kernel.
SPEEDS = {"tiled_gemm": 1e-11, "gemm": 1.5e-11, "small_gemm": 1e-10}

COLUMN_BITS = 32  # of a number in a tail's range: below are columns, above are rows

FORMATS = {"float32": ("f32", "s", 4), "float64": ("f64", "d", 8)}


class Blas(NamedTuple):
    """Addresses of the C interface's gemm functions, the width of the integers they take, and how many threads they use."""

    sgemm: int
    dgemm: int
    bits: int
    threads: Callable[[], int]


@cache
def blas() -> Blas | None:
    """Find the BLAS that NumPy is linked with, or SciPy's; None if neither has the C interface."""
    for place in _extensions():
        try:
            library = ctypes.CDLL(str(place))  # looks names up in what the extension is linked with, too
        except OSError:
            continue
        for before, after, bits in (("scipy_cblas_", "64_", 64), ("cblas_", "64_", 64), ("scipy_cblas_", "", 32),
                                    ("cblas_", "", 32)):  # fmt: skip
            names = [f"{before}{kind}gemm{after}" for kind in "sd"]
            if all(hasattr(library, name) for name in names):
                single, double = (ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names)
                return Blas(single, double, bits, _counter(library, f"{before[:-6]}openblas_get_num_threads{after}"))
    return None


def _counter(library: Any, name: str) -> Callable[[], int]:
    """Return what tells how many threads a BLAS has; one that does not say has several."""
    return getattr(library, name, lambda: 2)


def _extensions() -> list[Path]:
    """Compiled modules that are linked with BLAS, by file; importing SciPy would take 0.1 s."""
    found = sorted((Path(np.__file__).parent / "linalg").glob("_umath_linalg*"))
    scipy = find_spec("scipy")
    if scipy is not None and scipy.origin is not None:
        found += sorted((Path(scipy.origin).parent / "linalg").glob("_fblas*"))
    return found


def address(dtype: Any) -> int:
    """Return what goes into the slot `BLAS` for matrices of a dtype; 0 without a BLAS."""
    found = blas()
    return 0 if found is None else found.sgemm if np.dtype(dtype) == np.float32 else found.dgemm


def choose(dtype: Any, m: int, n: int, k: int, items: int = 1) -> Kernel:
    """Return the kernel for products of one size; those with a vector are best with one row."""
    if is_tiled(m, n, k, items):
        return tiled_gemm(dtype, m * min(k, _depth(np.dtype(dtype).name)) * np.dtype(dtype).itemsize > BLOCK)
    if m == 1 or m * n * k * items <= SMALL or blas() is None:
        return small_gemm(dtype)
    return gemm(dtype)


def is_tiled(m: int, n: int, k: int, items: int = 1) -> bool:
    """Tell whether products of one size are for the tiled kernel."""
    return min(m, n) >= NARROW and m * n * k * items > SMALL and m * n * k <= LARGE


class Share(NamedTuple):
    """How the items of a batch are divided: chunks of an item, and the rows or columns of a chunk.

    An item takes `seconds`; threads may part the range of chunks at multiples of `unit`, and not at all if it is 0.
    """

    chunks: int
    rows: int
    columns: int
    seconds: float
    unit: int


def share(kernel: Kernel, dtype: Any, m: int, n: int, k: int) -> Share:
    """Return how a kernel's range counts; large products of BLAS are kept whole if it has threads of its own."""
    size = max(1, m * n * k)
    seconds = size * SPEEDS[kernel.name]
    if size <= CHUNK:
        return Share(1, m, 0, seconds, 1)
    if kernel.name == "small_gemm":
        columns = max(LEAST_COLUMNS, -(-n // MOST_CHUNKS))
        return Share(-(-n // columns), 0, columns, seconds, 1)
    if kernel.name == "gemm":
        found = blas()
        is_parted = found is not None and found.threads() == 1
        rows = max(BLAS_ROWS, -(-m // MOST_CHUNKS)) if is_parted else m
        return Share(-(-m // rows), rows, 0, seconds, int(is_parted))
    wide = panel(np.dtype(dtype).name)
    if m < TALL and n >= 2 * wide:
        return Share(-(-n // wide), 0, wide, seconds, 1)
    rows = min(m, max(16, -(-m // (size // CHUNK))))
    return Share(-(-m // rows), rows, 0, seconds, 1)


def panel(name: str) -> int:
    """Return the columns of a panel of the tiled kernel."""
    return (4 if registers() > 16 else 2) * lanes(name)


def _depth(name: str) -> int:
    """Return the rows of a panel of the tiled kernel."""
    return 32768 // (panel(name) * np.dtype(name).itemsize)


# Where the matrices of an item begin.
ITEM = """
        outer = item // P[{INNER}]
        inner = item - outer * P[{INNER}]
        from_a = outer * P[{OUTER_A}] + inner * P[{STRIDE_A}]
        from_b = outer * P[{OUTER_B}] + inner * P[{STRIDE_B}]
        from_c = outer * P[{OUTER_C}] + inner * P[{STRIDE_C}]
"""
CALL = """
def gemm(P, lo, hi):
    chunks = P[{CHUNKS}]
    row = 1 if P[{TRANS_A}] != 0 else P[{LDA}]
    for item in range(lo // chunks, (hi - 1) // chunks + 1):
{item}
        first = max(lo - item * chunks, 0) * P[{ROWS}]
        last = min(min(hi - item * chunks, chunks) * P[{ROWS}], P[{M}])
        cblas_{kind}gemm{bits}(
            P[{BLAS}], P[{TRANS_A}], P[{TRANS_B}], last - first, P[{N}], P[{K}],
            {t}(1), P[{A}] + (from_a + first * row) * {size}, P[{LDA}], P[{B}] + from_b * {size}, P[{LDB}],
            {t}(0), P[{C}] + (from_c + first * P[{LDC}]) * {size}, P[{LDC}])
"""
STRIDES = """
    a = {p}(P[{A}]); b = {p}(P[{B}]); c = {p}(P[{C}])
    M = P[{M}]; N = P[{N}]; K = P[{K}]; ldb = P[{LDB}]; ldc = P[{LDC}]
    row = 1 if P[{TRANS_A}] != 0 else P[{LDA}]
    step = P[{LDA}] if P[{TRANS_A}] != 0 else 1
    by_columns = P[{TRANS_B}] != 0
"""

# A row of C at a time, by the rows of B where they are contiguous and by dot products where its columns are.
LOOPS = """
def small_gemm(P, lo, hi):
{strides}
    chunks = P[{CHUNKS}]
    for item in range(lo // chunks, (hi - 1) // chunks + 1):
{item}
        left = max(lo - item * chunks, 0) * P[{COLUMNS}]
        right = N if P[{COLUMNS}] == 0 else min(min(hi - item * chunks, chunks) * P[{COLUMNS}], N)
        for i in range(M):
            at = from_a + i * row
            to = from_c + i * ldc
            if by_columns:
                for j in range(left, right):
                    total = {t}(0)
                    for k in range(K):
                        total += a[at + k * step] * b[from_b + j * ldb + k]
                    c[to + j] = total
            else:
                for j in range(left, right):
                    c[to + j] = {t}(0)
                for k in range(K):
                    x = a[at + k * step]
                    for j in range(left, right):
                        c[to + j] += x * b[from_b + k * ldb + j]
"""

# Panels of B, `depth` rows of a few vectors, are packed where the first-level cache holds them, and so many rows of A are
# walked as the second-level cache holds; each tile of C is summed up in registers while it walks a panel. The first tile of
# a panel packs it on its way, which with 64 rows of A saves 5 % of the time, unless it has to be turned. The last tile of
# a block has its last row several times over where rows are missing: all of these are the same, read and then written.
TILED = """
def tiled_gemm(P, lo, hi):
{strides}
    chunks = P[{CHUNKS}]
    tail = P[{TAIL}]
    panel = stack_block(b, {depth} * {wide})
    for item in range(lo // chunks, (hi - 1) // chunks + 1):
{item}
        chunk = max(lo - item * chunks, 0)
        end = min(hi - item * chunks, chunks)
        first = chunk * P[{ROWS}]
        last = M if P[{ROWS}] == 0 else min(end * P[{ROWS}], M)
        left = chunk * P[{COLUMNS}]
        right = N if P[{COLUMNS}] == 0 else min(end * P[{COLUMNS}], N)
        whole = right - (right - left) % {wide}
{walk}
"""
# The rows of A: all together, or in blocks. The loop over blocks costs small products 5 to 10 %, so they do without.
WHOLE = """
        top = first
        bottom = last
{panels}
"""
BLOCKS = """
        height = {block} // min({depth}, max(K, 1))
        for top in range(first, last, height):
            bottom = min(top + height, last)
{panels}
"""
PANELS = """
        for k0 in range(0, max(K, 1), {depth}):
            depth = min({depth}, K - k0)
            has_tail = tail != 0 and k0 + depth >= K
            j = left
            while j < right:
                n = right - j
                width = select(j < whole, {wide}, {lanes})
                if by_columns:
                    for k in range(0, depth, {lanes}):
                        for l in range(0, width, {lanes}):
                            at = from_b + k0 + k + (j + l) * ldb
                            turn(panel, k * width + l, width, b, at, ldb, depth - k, n - l)
                if j < whole:
{many}
                else:
{one}
                j = j + width
"""
SECTION = """
{pack}
                    done = top
{down}
                    for begin in range(top, bottom, {rows}):
                        if begin + {rows} > bottom:
{short}
                        a0 = from_a + begin * row + k0 * step
                        c0 = from_c + begin * ldc + j
{clear}
{products}
                        if k0 > 0:
{more}
{store}
                        end = min(begin + {rows}, bottom)
                        if has_tail and (end == bottom or (end - top) & {band} == 0):
                            row0 = (item * M + done) << {shift}
                            row1 = (item * M + end) << {shift}
                            call_kernel(tail, P, row0 + j, row1 + min(j + width, right))
                            done = end
"""
PACK = """
if not by_columns:
    for k in range(depth):
        at = from_b + (k0 + k) * ldb + j
{read}
{keep}
"""
ADD = """
for k in range(depth):
{load}
{add}
"""
PACK_AND_ADD = """
if begin == top and not by_columns:
    for k in range(depth):
        at = from_b + (k0 + k) * ldb + j
{read}
{keep}
{add}
else:
"""
DEPTHS = {"down": 20, "short": 28, "clear": 24, "more": 28, "store": 24}  # of lines in a section


def _section(rows: int, vectors: int, t: str) -> str:
    """Print what is done with a panel of so many vectors, in tiles of so many rows. One vector may go over the edge."""
    n = lanes(t)
    width = vectors * n
    cells = [(r, v) for r in range(rows) for v in range(vectors)]
    below, across = range(1, rows), range(vectors)
    from_c = ["c0", *(f"c0 + c{r}" for r in below)]
    load = "vload({}, {} + {})" if vectors > 1 else "vload_first({}, {} + {}, n)"
    put = "vstore(c, {} + {}, {})" if vectors > 1 else "vstore_first(c, {} + {}, {}, n)"
    lines = {
        "read": [f"v{v} = {load.format('b', 'at', v * n)}" for v in across],
        "keep": [f"vstore(panel, k * {width} + {v * n}, v{v})" for v in across],
        "load": [f"v{v} = vload(panel, k * {width} + {v * n})" for v in across],
        "add": ["q = a0 + k * step", "x0 = splat(a[q])", *(f"x{r} = splat(a[q + a{r}])" for r in below)]
        + [f"t{r}_{v} = vfma(x{r}, v{v}, t{r}_{v})" for r, v in cells],
        "down": [f"a{r} = {r} * row; c{r} = {r} * ldc" for r in below],
        "short": [f"r{r} = min({r}, bottom - 1 - begin); a{r} = r{r} * row; c{r} = r{r} * ldc" for r in below],
        "clear": [f"t{r}_{v} = splat({t}(0))" for r, v in cells],
        "more": [f"t{r}_{v} = vfma({t}(1), {load.format('c', from_c[r], v * n)}, t{r}_{v})" for r, v in cells],
        "store": [put.format(from_c[r], v * n, f"t{r}_{v}") for r, v in cells],
    }
    texts = {key: "\n".join(some) for key, some in lines.items()}
    inside = {key: indent(text, " " * 8) for key, text in texts.items()}
    add = ADD.format(load=indent(texts["load"], " " * 4), add=indent(texts["add"], " " * 4)).strip("\n")
    both = PACK_AND_ADD.format(**inside).strip("\n") + "\n" + indent(add, " " * 4)
    pack, products = ("", both) if vectors > 1 else (PACK.format(**inside), add)
    steps = {key: indent(texts[key], " " * depth) for key, depth in DEPTHS.items()}
    steps |= {"pack": indent(pack, " " * 20), "products": indent(products, " " * 24)}
    return SECTION.format(rows=rows, band=BAND // width - 1, shift=COLUMN_BITS, **steps)


def _filled(template: str, dtype: Any, **others: Any) -> str:
    name = np.dtype(dtype).name
    pointer, kind, size = FORMATS[name]
    known = {slot: i for i, slot in enumerate(SLOT_NAMES)} | {"t": name, "p": pointer, "kind": kind, "size": size}
    return template.format(item=ITEM.format(**known), strides=STRIDES.format(**known), **known, **others)


@cache
def gemm(dtype: Any) -> Kernel:
    """Return the kernel that calls BLAS, for float32 or float64."""
    found = blas()
    assert found is not None, "ask `choose`, which does without BLAS where there is none"
    return compile_kernel(_filled(CALL, dtype, bits=found.bits), "gemm")


@cache
def small_gemm(dtype: Any) -> Kernel:
    """Return the kernel of plain loops, for float32 or float64."""
    return compile_kernel(_filled(LOOPS, dtype), "small_gemm", reassociate=True)


@cache
def tiled_gemm(dtype: Any, by_blocks: bool = False) -> Kernel:
    """Return the kernel of tiles, for float32 or float64, with the rows of A in blocks or not."""
    name = np.dtype(dtype).name
    wide = panel(name)
    depth = _depth(name)
    many, one = _section(4, wide // lanes(name), name), _section(8, 1, name)
    panels = PANELS.format(depth=depth, wide=wide, lanes=lanes(name), many=many, one=one)
    block = BLOCK // np.dtype(name).itemsize
    walk = (
        BLOCKS.format(block=block, depth=depth, panels=indent(panels, "    "))
        if by_blocks
        else WHOLE.format(panels=panels)
    )
    return compile_kernel(_filled(TILED, dtype, wide=wide, depth=depth, walk=walk), "tiled_gemm")
