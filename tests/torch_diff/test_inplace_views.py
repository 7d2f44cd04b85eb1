"""In-place operations and views behave as in PyTorch: values, gradients, and who refuses to be written to."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minitorch as mt
from minitorch.errors import GradError
from minitorch.tensor import inplace

from .cases import Side, array, backward
from .compare import both_raise, name_of, same
from .writes import CASES

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]

RANDOM = {"normal_", "uniform_", "bernoulli_", "random_", "exponential_", "geometric_", "cauchy_", "log_normal_"}


@pytest.mark.parametrize("one", CASES, ids=str)
def test_in_place(one):
    ours, theirs = Side(mt, str(one), "float64"), Side(torch, str(one), "float64")
    outs = []
    for s in (ours, theirs):
        (x, *args), _ = s.arguments(one.args, {})
        y = x.clone()
        assert getattr(y, one.name)(*args) is y
        outs.append(y)
    same(*outs, "float64", str(one))
    assert outs[0].requires_grad == outs[1].requires_grad
    try:
        backward(outs[1:], torch, 3)
    except NotImplementedError:  # as PyTorch has it, of some functions' in-place versions
        return
    backward(outs[:1], mt, 3)
    for k, (a, b) in enumerate(zip(ours.leaves, theirs.leaves)):
        expected = np.zeros(b.shape) if b.grad is None else array(b.grad)
        got = np.zeros(a.shape) if a.grad is None else array(a.grad)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12, err_msg=f"{one}, gradient {k}")


def test_every_in_place_method_is_compared():
    assert not set(inplace.IN_PLACE) - {c.name for c in CASES} - RANDOM - {"__setitem__"}


OPERATORS = {
    "+=": lambda x, y: x.__iadd__(y),
    "-=": lambda x, y: x.__isub__(y),
    "*=": lambda x, y: x.__imul__(y),
    "/=": lambda x, y: x.__itruediv__(y),
    "**=": lambda x, y: x.__ipow__(y),
    "//=": lambda x, y: x.__ifloordiv__(y),
    "%=": lambda x, y: x.__imod__(y),
    "&=": lambda x, y: x.__iand__(y),
    "|=": lambda x, y: x.__ior__(y),
    "^=": lambda x, y: x.__ixor__(y),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("other", [2, "int", "float"])
@pytest.mark.parametrize("own", ["int", "float", "bool"])
def test_in_place_operators(name, own, other):
    data = {
        "int": np.array([3, 4, -5]),
        "float": np.array([1.5, 2.5, -0.5], "f4"),
        "bool": np.array([True, False, True]),
    }

    def run(lib):
        x = lib.from_numpy(data[own].copy())
        y = other if other == 2 else lib.from_numpy(np.abs(data[other]))
        alias = x.view(3)
        assert OPERATORS[name](x, y) is x
        return x, alias

    try:
        expected = run(torch)
    except (RuntimeError, TypeError):
        both_raise(torch, run)
        return
    for a, b in zip(run(mt), expected):
        same(a, b, "float32", name)


INDICES = {
    "int": lambda lib: 1,
    "negative": lambda lib: -1,
    "slice": lambda lib: slice(0, 2),
    "step": lambda lib: slice(None, None, 2),
    "pair": lambda lib: (1, slice(1, None)),
    "ellipsis": lambda lib: (..., 2),
    "none": lambda lib: (None, 0),
    "mask": lambda lib: lib.tensor([True, False, True]),
    "wide mask": lambda lib: lib.arange(12).view(3, 4) % 2 == 0,
    "integers": lambda lib: lib.tensor([0, 2]),
    "list": lambda lib: [2, 0],
    "pairs": lambda lib: (lib.tensor([0, 1]), lib.tensor([3, 1])),
    "mixed": lambda lib: (slice(None), lib.tensor([1, 3])),
    "int and integers": lambda lib: (0, lib.tensor([1, 3])),
    "scalar tensor": lambda lib: lib.tensor(1),
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("value", ["number", "tensor", "row"])
def test_setitem(name, value):
    w0, v0 = np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(2, 3, 12)

    def run(lib):
        w = lib.from_numpy(w0.copy()).requires_grad_()
        v = lib.from_numpy(v0.copy()).requires_grad_()
        x = w * 2
        at = INDICES[name](lib)
        shape = tuple(x[at].shape)
        new = {"number": 7, "tensor": v[: int(np.prod(shape))].reshape(shape), "row": v[: shape[-1] if shape else 1]}
        x[at] = new[value] if value != "row" or shape else new["number"]
        (x * x).sum().backward()
        return x, w.grad, v.grad

    for a, b in zip(run(mt), run(torch)):
        if b is not None:
            same(a, b, "float64", name)
        else:
            assert a is None or not array(a).any()


# ----------------------------------------------------------------------------------------- random programs

SHAPE = (2, 3, 4)


def view_ops(shape):
    """Return the views that can be taken of a shape, as functions of a tensor."""
    n = len(shape)
    found = [
        lambda x: x.detach(),
        lambda x: x[None, ...],
        lambda x: x.unsqueeze(0),
        lambda x: x.unsqueeze(-1),
        lambda x: x.squeeze(),
        lambda x: x.flatten(),
        lambda x: x.reshape(-1),
        lambda x: x.view(x.shape),
        lambda x: x.view(-1),
        lambda x: x.contiguous(),
        lambda x: x[None],
        lambda x: x.expand(2, *x.shape),
        lambda x: x.data,
    ]
    for d in range(n):
        size = shape[d]
        found += [
            lambda x, d=d: x.transpose(d, -1),
            lambda x, d=d: x.movedim(d, 0),
            lambda x, d=d: x.narrow(d, 0, max(x.shape[d] - 1, 0)),
            lambda x, d=d: x[(slice(None),) * d + (slice(None, None, 2),)],
        ]
        if size:
            found += [
                lambda x, d=d: x.select(d, -1),
                lambda x, d=d: x.unbind(d)[0],
                lambda x, d=d: x.chunk(2, d)[-1],
                lambda x, d=d: x.split(1, d)[0],
                lambda x, d=d: x[(slice(None),) * d + (0,)],
            ]
    if n >= 2:
        found += [lambda x: x.diagonal(0, 0, 1), lambda x: x.mT, lambda x: x.permute(*reversed(range(x.dim())))]
    return found


def write_ops(shape):
    """Return ways to write to a tensor of a shape; each takes the tensor, a leaf of 4 numbers, and the library."""
    found = [
        lambda x, v, lib: x.add_(1.5),
        lambda x, v, lib: x.mul_(-0.5),
        lambda x, v, lib: x.add_(v.sum()),
        lambda x, v, lib: x.mul_(v[0]),
        lambda x, v, lib: x.zero_(),
        lambda x, v, lib: x.fill_(v[1]),
        lambda x, v, lib: x.copy_(v.mean()),
        lambda x, v, lib: x.neg_(),
        lambda x, v, lib: x.sub_(x.detach() * 0.5),
        lambda x, v, lib: x.clamp_(-1, 1),
        lambda x, v, lib: x.masked_fill_(x.detach() > 0.3, 0.25),
        lambda x, v, lib: x.__setitem__(..., 0.75),
    ]
    if shape and shape[0]:
        found += [
            lambda x, v, lib: x.__setitem__(0, v[2]),
            lambda x, v, lib: x.__setitem__(slice(0, 1), x[-1].detach() * 2),
            lambda x, v, lib: x[0].mul_(3.0),
        ]
    if shape and shape[-1] == 4:
        found += [lambda x, v, lib: x.add_(v), lambda x, v, lib: x.copy_(v), lambda x, v, lib: x[..., 1:3].mul_(v[:2])]
    return found


def step(handles, v, lib, kind, which, choice, muted):
    """Run one step of a program on one library's handles; return what it made or wrote."""
    x = handles[which]
    if kind == "view":
        ops = view_ops(tuple(x.shape))
        made = ops[choice % len(ops)](x)
        handles.append(made)
        return made
    ops = write_ops(tuple(x.shape))
    if not muted:
        return ops[choice % len(ops)](x, v, lib)
    with lib.no_grad():
        return ops[choice % len(ops)](x, v, lib)


def compare_states(ours, theirs):
    for k, (a, b) in enumerate(zip(ours, theirs)):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(array(a), array(b), rtol=1e-9, atol=1e-12, err_msg=f"handle {k}")
        assert a.requires_grad == b.requires_grad, f"handle {k}: requires_grad {a.requires_grad}"
        if is_readable(b):
            assert a.is_leaf == b.is_leaf, f"handle {k}: is_leaf {a.is_leaf}"


def is_readable(x):
    """Whether PyTorch still lets a tensor be read: not one of several views made at once, whose base was written."""
    try:
        return x.grad_fn is not None or True
    except RuntimeError as error:
        assert "multiple views" in str(error), error
        return False


def run_program(start, program):
    sides = []
    for lib in (mt, torch):
        w = lib.from_numpy(np.linspace(-1, 1, 24).reshape(SHAPE)).requires_grad_(start != "plain")
        v = lib.from_numpy(np.linspace(0.5, 1.5, 4)).requires_grad_()
        handles = [w if start != "derived" else w * 1.5]
        sides.append((lib, w, v, handles))
    for kind, which, choice, muted, look in program:
        at = which % len(sides[0][3])
        _, _, v, handles = sides[1]
        is_readable(handles[at])  # PyTorch takes a view of what got a gradient since for a leaf, until asked about it
        try:
            step(handles, v, torch, kind, at, choice, muted)
        except RuntimeError as error:
            # PyTorch refuses to write to one of several views made at once; we do it right instead.
            if "multiple views" not in str(error):
                with pytest.raises((RuntimeError, NotImplementedError)):
                    step(sides[0][3], sides[0][2], mt, kind, at, choice, muted)
            continue
        try:
            step(sides[0][3], sides[0][2], mt, kind, at, choice, muted)
        except mt.errors.UnsupportedError as error:
            # PyTorch lets fill_ and masked_fill_ write to elements that an expanded view shows several times.
            assert "more than one element" in str(error), error
            return
        if look:
            compare_states(sides[0][3], sides[1][3])
    compare_states(sides[0][3], sides[1][3])
    usable = [is_readable(x) for x in sides[1][3]]
    for lib, _, v, handles in sides[::-1]:
        rng = np.random.default_rng(5)
        total = v.sum() * 0
        for x in (x for x, use in zip(handles, usable) if use):
            total = total + (x * lib.from_numpy(rng.uniform(0.5, 1.5, tuple(x.shape)))).sum()
        try:
            total.backward()
        except RuntimeError as error:
            # PyTorch cannot differentiate through values overwritten since; ours are immutable.
            assert lib is torch and "modified by an inplace operation" in str(error), error
            return
    for a, b in zip(sides[0][1:3], sides[1][1:3]):
        expected = np.zeros(b.shape) if b.grad is None else array(b.grad)
        got = np.zeros(a.shape) if a.grad is None else array(a.grad)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


STEP = st.tuples(
    st.sampled_from(["view", "write"]), st.integers(0, 5), st.integers(0, 60), st.booleans(), st.booleans()
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["plain", "leaf", "derived"]), st.lists(STEP, min_size=1, max_size=8))
def test_random_programs_of_views_and_writes(start, program):
    run_program(start, program)


# -------------------------------------------------------------------------------------- refusals, and what ours can do


# fmt: off
REFUSED = {
    "leaf": lambda lib: lib.ones(3, requires_grad=True).add_(1),
    "leaf, by operator": lambda lib: lib.ones(3, requires_grad=True).__imul__(2),
    "leaf, by index": lambda lib: lib.ones(3, requires_grad=True).__setitem__(0, 1.0),
    "view of a leaf": lambda lib: lib.ones(3, requires_grad=True).view(3, 1).add_(1),
    "part of a leaf": lambda lib: lib.ones(3, requires_grad=True)[1:].zero_(),
    "float into int": lambda lib: lib.arange(3).add_(1.5),
    "int divided": lambda lib: lib.arange(3).div_(2),
    "int into bool": lambda lib: lib.tensor([True]).add_(lib.tensor([1])),
    "complex into float": lambda lib: lib.ones(2).mul_(lib.ones(2) * 1j),
    "result too wide": lambda lib: lib.ones(3).add_(lib.ones(2, 3)),
    "result of other size": lambda lib: lib.ones(3).mul_(lib.ones(2)),
    "copy of other size": lambda lib: lib.ones(3).copy_(lib.ones(2)),
    "copy too wide": lambda lib: lib.ones(3).copy_(lib.ones(2, 3)),
    "expanded": lambda lib: lib.ones(1, 3).expand(2, 3).add_(1),
    "fill with many": lambda lib: lib.ones(3).fill_(lib.ones(3)),
    "set too many": lambda lib: lib.ones(3).__setitem__(slice(0, 2), lib.ones(3)),
    "set out of bounds": lambda lib: lib.ones(3).__setitem__(5, 1.0),
    "set a negative fraction among bytes": lambda lib: lib.zeros(3, dtype=lib.uint8).__setitem__(0, -0.5),
    "fill complex numbers with what is too large": lambda lib: lib.zeros(3, dtype=lib.complex64).fill_(1e300),
    "mask of other size": lambda lib: lib.ones(3).__setitem__(lib.tensor([True, False]), 1.0),
    "mask of other dtype": lambda lib: lib.ones(3).masked_fill_(lib.tensor([1, 0, 1]), 1.0),
    "normal, negative std": lambda lib: lib.ones(3).normal_(0, -1),
    "uniform, reversed": lambda lib: lib.ones(3).uniform_(1, 0),
    "bernoulli, p > 1": lambda lib: lib.ones(3).bernoulli_(1.5),
    "view, not contiguous": lambda lib: lib.ones(2, 3).t().view(6),
    "deepcopy of a result": lambda lib: __import__("copy").deepcopy(lib.ones(2, requires_grad=True) * 2),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    both_raise(torch, REFUSED[name])


TURNS = {"t_": (), "transpose_": (0, 1), "swapaxes_": (0, 1), "swapdims_": (0, 1), "squeeze_": (), "unsqueeze_": (0,)}


@pytest.mark.parametrize("name", TURNS)
def test_a_leaf_may_take_another_shape_unrecorded(name):
    def run(lib):
        w = lib.arange(6.0).reshape(2, 3, 1).squeeze().clone().requires_grad_()
        before = w.detach()
        with lib.no_grad():
            assert getattr(w, name)(*TURNS[name]) is w
            w.add_(1)
        (w[..., 0] * w.sum()).sum().backward()
        return w, w.grad, before

    ours, theirs = run(mt), run(torch)
    for a, b in zip(ours, theirs):
        same(a, b, "float32", name)
    assert ours[0].is_leaf and ours[0].requires_grad


def test_a_result_may_not():
    y = mt.ones(2, 3, requires_grad=True) * 2
    with mt.no_grad(), pytest.raises(GradError, match="t_: .* another shape"):
        y.t_()
    assert y.shape == (2, 3)


def test_in_place_after_save_keeps_the_old_graph_E14():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()  # keeps its result for backward
    expected = array(y).copy()
    y.mul_(100.0)
    z = y.sum()
    y.zero_()
    z.backward()
    np.testing.assert_allclose(array(x.grad), 100 * expected, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(RANDOM - {"cauchy_"}))
def test_random_in_place(name):
    x = mt.zeros(20000)
    generator = mt.Generator().manual_seed(1)
    args = {
        "normal_": (2.0, 3.0),
        "uniform_": (1.0, 3.0),
        "bernoulli_": (0.25,),
        "random_": (2, 7),
        "exponential_": (2.0,),
        "geometric_": (0.25,),
        "log_normal_": (0.0, 0.5),
    }
    mean, std = {
        "normal_": (2.0, 3.0),
        "uniform_": (2.0, 2 / np.sqrt(12)),
        "bernoulli_": (0.25, np.sqrt(0.25 * 0.75)),
        "random_": (4.0, np.sqrt(2)),
        "exponential_": (0.5, 0.5),
        "geometric_": (4.0, np.sqrt(0.75) / 0.25),
        "log_normal_": (np.exp(0.125), np.sqrt((np.exp(0.25) - 1) * np.exp(0.25))),
    }[name]
    alias = x.view(100, 200)
    assert getattr(x, name)(*args[name], generator=generator) is x
    data = array(alias)
    assert abs(data.mean() - mean) < 5 * std / np.sqrt(data.size)
    assert abs(data.std() - std) < 0.05 * std
    again = getattr(mt.zeros(20000), name)(*args[name], generator=mt.Generator().manual_seed(1))
    assert mt.equal(again, x)
    assert name_of(x.dtype) == "float32"


def test_cauchy():
    x = mt.zeros(20000)
    data = array(x.cauchy_(1.0, 2.0, generator=mt.Generator().manual_seed(1)))
    assert np.allclose(np.quantile(data, [0.25, 0.5, 0.75]), [-1, 1, 3], atol=0.15)  # it has no mean


@pytest.mark.parametrize("name", sorted(inplace.FUNCTIONS))
def test_in_place_functions_are_the_methods(name):
    assert getattr(mt, name) is getattr(mt.Tensor, name)
    assert hasattr(torch, name)


def test_windows_that_overlap_read_together_and_refuse_writes():
    for lib in (mt, torch):
        x = lib.arange(5.0)
        windows = x.as_strided((3, 3), (1, 1))
        x.mul_(2)
        assert windows.tolist() == [[0, 2, 4], [2, 4, 6], [4, 6, 8]]
        x.as_strided((2,), (2,), 1).zero_()
        assert x.tolist() == [0, 0, 4, 0, 8]


def test_bits_and_complex_pairs_alias():
    for lib in (mt, torch):
        x = lib.tensor([1.0, 2.0])
        x.view(lib.int32)[0] = 0
        assert x.tolist() == [0.0, 2.0]
        z = lib.tensor([1 + 2j, 3 + 4j])
        lib.view_as_real(z)[0, 1] = 7.0
        lib.view_as_complex(lib.view_as_real(z)).mul_(2)
        assert z.tolist() == [2 + 14j, 6 + 8j]
