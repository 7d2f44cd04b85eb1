"""Functions and methods give PyTorch's values, dtypes and gradients, and refuse the same arguments."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.tensor import functions

from . import breadth, tables
from .breadth import SPECIALS
from .cases import LAYOUTS, Case, Side, array, given
from .compare import both_raise, compare, compare_second
from .tables import ALL, ELSEWHERE, PLAIN

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]


# What asks how the elements lie, raises in PyTorch for some layouts, or leaves open which of equal places it takes.
IN_ORDER = {
    "as_strided",
    "as_strided_copy",
    "as_strided_scatter",
    "view_as_complex",
    "view_copy",
    "view_as_complex_copy",
}


IN_ORDER |= {"median", "take_along_dim", "index_put"}


def ids(one: Case) -> str:
    return str(one)


@pytest.mark.parametrize("one", [c for c in ALL if not c.only], ids=ids)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_function(one, dtype):
    compare(torch, one, dtype, as_method=False)


@pytest.mark.parametrize("one", [c for c in ALL if c.method], ids=ids)
def test_method(one):
    compare(torch, one, "float64", as_method=True)


@pytest.mark.parametrize("one", [c for c in ALL if not c.only and c.name not in IN_ORDER], ids=ids)
def test_layouts(one):
    is_algebra = one in tables.LINALG + breadth.ALGEBRA  # rows that are all alike make singular matrices
    for layout in LAYOUTS:
        if layout != "in order" and not (is_algebra and layout == "expanded"):
            compare(torch, one, "float64", as_method=False, layout=layout)


def test_every_function_is_compared():
    names = {c.name for c in ALL}
    missing = set(functions.PUBLIC) - names - ELSEWHERE - PLAIN
    assert not missing


def test_every_method_is_compared():
    names = {c.name for c in ALL if c.method or c.only}
    missing = set(functions.BOTH) | set(functions.METHODS)
    # `rsub` is no method in PyTorch; the two others are compared with the views, polygamma as a function.
    assert not missing - names - {"is_contiguous", "stride", "rsub", "polygamma", "svd", "lu_solve", "stft", "istft"}


SQUARE, TALL, SPD, COLUMNS = given(2, 3, 3), given(2, 4, 3), given(2, 3, 3, kind="spd"), given(2, 3, 2)
# fmt: off
LINALG = [
    Case("inv", (SQUARE,)), Case("solve", (SQUARE, COLUMNS)), Case("solve", (given(3, 3), given(3))),
    Case("det", (SQUARE,)), Case("slogdet", (SQUARE,)),
    Case("solve_triangular", (SPD, COLUMNS), {"upper": False}),
    Case("solve_triangular", (SPD, given(2, 2, 3)), {"upper": True, "left": False}),
    Case("solve_triangular", (SQUARE, COLUMNS), {"upper": True, "unitriangular": True}), Case("cholesky", (SPD,)),
    Case("cholesky", (SPD,), {"upper": True}),
    Case("qr", (TALL,)), Case("svdvals", (TALL,)), Case("eigvalsh", (SPD,)), Case("eigvalsh", (SPD, "U")),
    Case("pinv", (TALL,)), Case("lstsq", (given(5, 3, grad=False), given(5, 2, grad=False))),
    Case("matrix_power", (SQUARE, 3)), Case("matrix_exp", (SQUARE,)), Case("matrix_rank", (TALL,)),
    Case("matrix_rank", (SPD,), {"hermitian": True}), Case("matrix_rank", (given(3, 3),), {"atol": 0.5}),
    *[Case("matrix_rank", (SQUARE,), {name: given(2, kind="unit", grad=False)}) for name in ("atol", "rtol")],
    *[Case("matrix_norm", (TALL, p)) for p in ("fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf"))],
    Case("matrix_norm", (TALL, "fro", (0, 1), True)),
    *[Case("matrix_norm", (given(*shape, grad=False), p))
        for shape in ((0, 0), (5, 0), (2, 0, 5)) for p in (1, 2, float("inf"), "fro", "nuc")],
    *[Case("vector_norm", (TALL, p)) for p in (1, 2, 3.5, float("inf"))], Case("vector_norm", (TALL, 2, 1, True)),
    Case("vector_norm", (TALL,), {"dim": (0, 2)}),
    Case("norm", (TALL,)), Case("norm", (given(3, 4), "nuc")), Case("norm", (given(4), 1)),
    Case("norm", (TALL, 1, (1, 2))), Case("norm", (TALL, None, 1)), Case("norm", (TALL, 3, 1)),
    *[Case("cond", (SQUARE, p)) for p in (None, 2, -2)],
    *[Case("cond", (given(3, 3, grad=False), p)) for p in ("fro", 1)],
    Case("multi_dot", ([given(3), given(3, 4), given(4, 2)],)), Case("matmul", (TALL, COLUMNS)),
    Case("cross", (given(4, 3), given(4, 3))), Case("vecdot", (TALL, given(2, 4, 3))), Case("diagonal", (SQUARE,)),
    Case("diagonal", (SQUARE,), {"offset": 1}), Case("lu", (SQUARE,)), Case("lu", (given(4, 3, grad=False),)),
    Case("lu_factor", (SQUARE,)), Case("lu_factor", (given(3, 5, grad=False),)),
    Case("lu_factor", (given(5, 3, grad=False),)),
    *[Case("lu_solve", (given(3, 3, kind="spd"), given(3, kind="pivots"), b), {"left": left, "adjoint": adjoint})
        for left, b in ((True, given(3, 2)), (False, given(2, 3))) for adjoint in (False, True)],
    Case("solve_ex", (SQUARE, COLUMNS)), Case("inv_ex", (SQUARE,)),
    Case("cholesky_ex", (given(3, 3, kind="spd", grad=False),)),
    Case("tensorinv", (given(2, 3, 6),)), Case("tensorinv", (given(6, 2, 3),), {"ind": 1}),
    Case("tensorsolve", (given(2, 3, 6), given(2, 3))), Case("tensorsolve", (given(6, 2, 3), given(2, 3)), {"dims": (0,)}),
    Case("householder_product", (TALL, given(2, 3))), Case("householder_product", (given(4, 3), given(2))),
    Case("vander", (given(2, 3),)), Case("vander", (given(4),), {"N": 2}),
    Case("eigvals", (given(3, 3, kind="triangle", grad=False),)),
]
# fmt: on


class Namespace:
    """Looks functions up in a part of a library first, and what the comparison itself needs in the library."""

    def __init__(self, lib, part):
        self.lib, self.part = lib, getattr(lib, part)

    def __getattr__(self, name):
        return getattr(self.part if hasattr(self.part, name) else self.lib, name)


@pytest.mark.parametrize("one", LINALG, ids=ids)
def test_linalg(one, monkeypatch):
    monkeypatch.setattr("tests.torch_diff.compare.mt", Namespace(mt, "linalg"))
    compare(Namespace(torch, "linalg"), one, "float64", as_method=False)


@pytest.mark.parametrize("one", SPECIALS, ids=ids)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_special(one, dtype, monkeypatch):
    monkeypatch.setattr("tests.torch_diff.compare.mt", Namespace(mt, "special"))
    compare(Namespace(torch, "special"), one, dtype, as_method=False)


def test_entropy_where_it_has_no_logarithm():
    found = []
    for lib in (mt, torch):
        x = lib.tensor([-1.0, -0.0, 0.0, 1.0, float("inf"), float("nan")], requires_grad=True)
        out = lib.special.entr(x)
        out.sum().backward()
        found.append(np.stack([out.detach().numpy(), x.grad.numpy()]))
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(*map(np.signbit, np.nan_to_num(found)))


def test_every_special_function_is_compared():
    assert set(mt.special.__all__) == {c.name for c in SPECIALS}


# 0**y has the slope 0 here, also where a slope is taken again.
OWN_SECOND = {"pow(integer[2, 3], positive[2, 3])"}


@pytest.mark.parametrize("one", [c for c in ALL if not c.only and str(c) not in OWN_SECOND], ids=ids)
def test_second_gradient(one):
    compare_second(torch, one)


@pytest.mark.parametrize("name", ["svd", "full svd", "old svd", "eigh", "complete qr"])
def test_factors(name):
    """Compare what does not depend on the free signs of the factors."""
    call = {
        "svd": lambda lib, x: lib.linalg.svd(x, full_matrices=False),
        "full svd": lambda lib, x: lib.linalg.svd(x),
        "old svd": lambda lib, x: lib.svd(x),
        "eigh": lambda lib, x: lib.linalg.eigh(x.mT @ x),
        "complete qr": lambda lib, x: lib.linalg.qr(x, mode="complete"),
    }[name]
    for lib in (mt, torch):
        x = Side(lib, name, "float64").make(given(4, 3))
        out = call(lib, x)
        shapes = [tuple(part.shape) for part in out]
        sizes = [array(part.abs()) for part in out]
        if lib is mt:
            ours = type(out)._fields, shapes, sizes
        else:
            assert shapes == ours[1] and [f for f in ours[0] if not hasattr(out, f)] == []
            for a, b in zip(sizes, ours[2]):
                np.testing.assert_allclose(b[..., :3], a[..., :3], rtol=1e-8, atol=1e-10)


def test_every_linalg_function_is_compared():
    assert set(mt.linalg.__all__) == {c.name for c in LINALG} | {"svd", "eigh", "eig", "LinAlgError"}


# fmt: off
BAD = {
    "add": lambda lib: lib.ones(2) + lib.ones(3),
    "matmul": lambda lib: lib.ones(2, 3) @ lib.ones(2, 3),
    "mm": lambda lib: lib.mm(lib.ones(2), lib.ones(2)),
    "bmm": lambda lib: lib.bmm(lib.ones(2, 3), lib.ones(3, 2)),
    "sum": lambda lib: lib.ones(2).sum(3),
    "mean": lambda lib: lib.arange(3).mean(),
    "max of nothing": lambda lib: lib.zeros(0).max(),
    "argmax of nothing": lambda lib: lib.zeros(0, 3).argmax(0),
    "var": lambda lib: lib.arange(3).var(),
    "softmax": lambda lib: lib.ones(2).softmax(4),
    "cumsum": lambda lib: lib.ones(2).cumsum(2),
    "topk": lambda lib: lib.ones(2).topk(3),
    "kthvalue": lambda lib: lib.ones(2).kthvalue(5),
    "quantile": lambda lib: lib.quantile(lib.arange(3), 0.5),
    "reshape": lambda lib: lib.ones(2, 3).reshape(4),
    "reshape twice -1": lambda lib: lib.ones(2, 3).reshape(-1, -1),
    "view": lambda lib: lib.ones(2, 3).view(7),
    "permute": lambda lib: lib.ones(2, 3).permute(0),
    "permute twice": lambda lib: lib.ones(2, 3).permute(0, 0),
    "transpose": lambda lib: lib.ones(2, 3).transpose(0, 2),
    "t": lambda lib: lib.ones(2, 3, 4).t(),
    "mT": lambda lib: lib.ones(2).mT,
    "expand": lambda lib: lib.ones(2, 3).expand(3, 3),
    "expand to less": lambda lib: lib.ones(2, 3).expand(3),
    "expand -1": lambda lib: lib.ones(3).expand(-1, 3),
    "unsqueeze": lambda lib: lib.ones(2).unsqueeze(3),
    "squeeze": lambda lib: lib.ones(2).squeeze(3),
    "flatten": lambda lib: lib.ones(2, 3).flatten(1, 0),
    "unflatten": lambda lib: lib.ones(6).unflatten(0, (4, 2)),
    "select": lambda lib: lib.ones(2, 3).select(1, 3),
    "narrow": lambda lib: lib.ones(4).narrow(0, 2, 3),
    "split": lambda lib: lib.ones(4).split([1, 2]),
    "split by -1": lambda lib: lib.ones(4).split(-1),
    "chunk": lambda lib: lib.ones(4).chunk(0),
    "unfold": lambda lib: lib.ones(4).unfold(0, 5, 1),
    "diagonal": lambda lib: lib.ones(4).diagonal(),
    "cat": lambda lib: lib.cat([lib.ones(2, 3), lib.ones(2, 4)]),
    "cat of nothing": lambda lib: lib.cat([]),
    "cat of 0-d": lambda lib: lib.cat([lib.tensor(1.0), lib.tensor(2.0)]),
    "cat without a list": lambda lib: lib.cat(lib.ones(2), lib.ones(2)),
    "stack without a list": lambda lib: lib.stack(lib.ones(2, 2)),
    "stack": lambda lib: lib.stack([lib.ones(2), lib.ones(3)]),
    "repeat": lambda lib: lib.ones(2, 3).repeat(2),
    "roll": lambda lib: lib.ones(2, 3).roll((1, 2), (0,)),
    "flip": lambda lib: lib.ones(2, 3).flip(2),
    "tril": lambda lib: lib.ones(3).tril(),
    "diag": lambda lib: lib.ones(2, 2, 2).diag(),
    "gather": lambda lib: lib.ones(2, 3).gather(1, index_of(lib, [[5, 0], [0, 0]])),
    "gather, ranks": lambda lib: lib.ones(2, 3).gather(1, index_of(lib, [0])),
    "index_select": lambda lib: lib.ones(2, 3).index_select(0, index_of(lib, [2])),
    "index_select by floats": lambda lib: lib.ones(2, 3).index_select(0, lib.tensor([0.0])),
    "take": lambda lib: lib.ones(2, 3).take(index_of(lib, [6])),
    "getitem": lambda lib: lib.ones(2, 3)[2],
    "getitem, too many": lambda lib: lib.ones(2, 3)[0, 0, 0],
    "getitem by floats": lambda lib: lib.ones(2, 3)[lib.tensor([0.5])],
    "getitem by str": lambda lib: lib.ones(2, 3)["a"],
    "mask": lambda lib: lib.ones(2, 3)[lib.tensor([True, False, True])],
    "masked_fill": lambda lib: lib.ones(3).masked_fill(lib.ones(3), 1.0),
    "masked_select": lambda lib: lib.ones(3).masked_select(lib.tensor([True, False])),
    "scatter": lambda lib: lib.zeros(3).scatter(0, index_of(lib, [0]), lib.ones(1, dtype=lib.float64)),
    "scatter, a number that does not fit": lambda lib: lib.zeros(3).byte().scatter(0, index_of(lib, [0]), 300),
    "histc of NaN": lambda lib: lib.histc(lib.tensor([1.0, float("nan")]), 3),
    "histc, range": lambda lib: lib.histc(lib.ones(2), 3, 5, 1),
    "scatter_add": lambda lib: lib.zeros(3).scatter_add(0, index_of(lib, [3]), lib.ones(1)),
    "scatter_reduce": lambda lib: lib.zeros(3).scatter_reduce(0, index_of(lib, [0]), lib.ones(1), "median"),
    "index_add": lambda lib: lib.zeros(3).index_add(0, index_of(lib, [0, 1]), lib.ones(3)),
    "where": lambda lib: lib.where(lib.tensor([True, False]), lib.ones(3), lib.ones(3)),
    "clamp": lambda lib: lib.ones(3).clamp(),
    "bitwise": lambda lib: lib.ones(3) & lib.ones(3),
    "neg of bool": lambda lib: -lib.tensor([True]),
    "bool minus bool": lambda lib: lib.tensor([True]) - lib.tensor([True]),
    "maximum of complex": lambda lib: lib.maximum(lib.ones(2) * 1j, lib.ones(2)),
    "negative power": lambda lib: lib.tensor([2]) ** -1,
    "rounding": lambda lib: lib.div(lib.ones(2), 2, rounding_mode="up"),
    "imag": lambda lib: lib.ones(2).imag,
    "dot": lambda lib: lib.dot(lib.ones(2), lib.ones(3)),
    "outer": lambda lib: lib.outer(lib.ones(2, 2), lib.ones(3)),
    "trace": lambda lib: lib.trace(lib.ones(3)),
    "cross": lambda lib: lib.cross(lib.ones(4), lib.ones(4), dim=0),
    "einsum": lambda lib: lib.einsum("ij,jk->ik", lib.ones(2, 3), lib.ones(2, 3)),
    "inv": lambda lib: lib.linalg.inv(lib.ones(2, 3)),
    "inv of singular": lambda lib: lib.linalg.inv(lib.zeros(2, 2)),
    "cholesky": lambda lib: lib.linalg.cholesky(-lib.eye(2)),
    "bool of many": lambda lib: bool(lib.ones(3)),
    "item of many": lambda lib: lib.ones(3).item(),
    "int of many": lambda lib: int(lib.ones(3)),
    "len of 0-d": lambda lib: len(lib.tensor(1.0)),
    "iteration over 0-d": lambda lib: list(lib.tensor(1.0)),
    "numpy of tracked": lambda lib: lib.ones(2, requires_grad=True).numpy(),
    "requires_grad of int": lambda lib: lib.ones(2, dtype=lib.int64, requires_grad=True),
    "backward of many": lambda lib: (lib.ones(2, requires_grad=True) * 2).backward(),
    "backward of untracked": lambda lib: lib.ones(2).sum().backward(),
    "no such argument": lambda lib: lib.sum(lib.ones(3), nonsense=1),
    "no such device": lambda lib: lib.ones(2, device="nowhere"),
    "add a str": lambda lib: lib.ones(2) + "a",
    "add None": lambda lib: lib.ones(2) + None,
    "ragged": lambda lib: lib.tensor([[1.0], [1.0, 2.0]]),
    "tensor of str": lambda lib: lib.tensor("a"),
    "zeros of negative": lambda lib: lib.zeros(-1),
    "zeros of float": lambda lib: lib.zeros(2.5),
    "arange backwards": lambda lib: lib.arange(3, 0),
    "linspace": lambda lib: lib.linspace(0, 1, -1),
    "randint": lambda lib: lib.randint(3, 3, (2,)),
    "multinomial": lambda lib: lib.multinomial(lib.ones(2), 3),
    "multinomial, negative": lambda lib: lib.multinomial(lib.tensor([1.0, -1.0]), 1),
    "bernoulli of ints": lambda lib: lib.bernoulli(lib.tensor([1])),
    "normal without size": lambda lib: lib.normal(0.0, 1.0),
    "from_numpy of list": lambda lib: lib.from_numpy([1.0]),
    "gcd of floats": lambda lib: lib.gcd(lib.ones(2), lib.ones(2)),
    "lcm of floats": lambda lib: lib.lcm(lib.ones(2), lib.ones(2)),
    "polar of two dtypes": lambda lib: lib.polar(lib.ones(2), lib.ones(2, dtype=lib.float64)),
    "mvlgamma": lambda lib: lib.mvlgamma(lib.ones(2), 0),
    "mode of nothing": lambda lib: lib.zeros(0).mode(),
    "histogram of ints": lambda lib: lib.histogram(lib.arange(3), 2),
    "histogram, no bins": lambda lib: lib.histogram(lib.ones(3), 0),
    "cdist": lambda lib: lib.cdist(lib.ones(2, 3), lib.ones(2, 4)),
    "cdist, negative p": lambda lib: lib.cdist(lib.ones(2, 3), lib.ones(2, 3), -1.0),
    "pdist": lambda lib: lib.pdist(lib.ones(3)),
    "renorm": lambda lib: lib.renorm(lib.ones(2, 3), -1, 0, 1.0),
    "trapezoid": lambda lib: lib.trapezoid(lib.ones(3), lib.ones(4)),
    "gradient": lambda lib: lib.gradient(lib.ones(3, 3), spacing=[1.0]),
    "gradient of one point": lambda lib: lib.gradient(lib.ones(1)),
    "vander": lambda lib: lib.vander(lib.ones(2, 2)),
    "block_diag": lambda lib: lib.block_diag(lib.ones(2, 2, 2)),
    "cartesian_prod": lambda lib: lib.cartesian_prod(lib.ones(2, 2)),
    "combinations": lambda lib: lib.combinations(lib.ones(2, 2)),
    "hsplit": lambda lib: lib.hsplit(lib.ones(5), 2),
    "hsplit of 0-d": lambda lib: lib.hsplit(lib.tensor(1.0), 1),
    "dsplit": lambda lib: lib.dsplit(lib.ones(2, 2), 2),
    "select_scatter": lambda lib: lib.select_scatter(lib.ones(2, 3), lib.ones(2), 0, 0),
    "slice_scatter": lambda lib: lib.slice_scatter(lib.ones(2, 3), lib.ones(2, 3), 0, 0, 1),
    "diagonal_scatter": lambda lib: lib.diagonal_scatter(lib.ones(3, 3), lib.ones(2)),
    "as_strided": lambda lib: lib.as_strided(lib.ones(3), (3, 3), (3, 1)),
    "as_strided, lengths": lambda lib: lib.as_strided(lib.ones(3), (2, 2), (1,)),
    "put": lambda lib: lib.put(lib.ones(3), index_of(lib, [0]), lib.ones(2)),
    "index_reduce": lambda lib: lib.index_reduce(lib.ones(3), 0, index_of(lib, [0]), lib.ones(1), "sum"),
    "view_as_real": lambda lib: lib.view_as_real(lib.ones(2)),
    "view_as_complex": lambda lib: lib.view_as_complex(lib.ones(3)),
    "unravel_index": lambda lib: lib.unravel_index(lib.ones(2), (2, 2)),
    "special of complex": lambda lib: lib.special.i1(lib.ones(2) * 1j),
    "tensorinv": lambda lib: lib.linalg.tensorinv(lib.ones(2, 3)),
    "tensorsolve": lambda lib: lib.linalg.tensorsolve(lib.ones(2, 3), lib.ones(2)),
    "householder_product": lambda lib: lib.linalg.householder_product(lib.ones(2, 3), lib.ones(2)),
    "eig, not square": lambda lib: lib.linalg.eig(lib.ones(2, 3)),
    "from_dlpack": lambda lib: lib.from_dlpack([1.0]),
    "range backwards": lambda lib: lib.range(3, 0),
    "window of ints": lambda lib: lib.hann_window(4, dtype=lib.int64),
    "window, negative": lambda lib: lib.hann_window(-1),
    "geometric_": lambda lib: lib.ones(3).geometric_(1.5),
    "cauchy_": lambda lib: lib.ones(3).cauchy_(0, -1),
    "log_normal_": lambda lib: lib.ones(3).log_normal_(0, -1),
    "finfo of int": lambda lib: lib.finfo(lib.int64),
    "iinfo of float": lambda lib: lib.iinfo(lib.float32),
    "default of int": lambda lib: lib.set_default_dtype(lib.int64),
}
# fmt: on


def index_of(lib, data):
    return lib.tensor(data, dtype=lib.int64)


@pytest.mark.parametrize("name", BAD)
def test_same_bad_input_is_refused(name):
    both_raise(torch, BAD[name])
