"""Bad input is refused in words: the class one would catch, the operation, what it was given, and what to do instead.

Each case is a call, the error's class, and fragments that its message must contain.
"""

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import (
    ArgumentError,
    DeviceError,
    DTypeError,
    GradError,
    MinitorchError,
    OutOfBoundsError,
    ShapeError,
    TracerError,
    UnsupportedError,
)

OUTSIDE = mt.zeros(2)

# fmt: off
TENSOR = {
    "add": (lambda: mt.ones(2, 3) + mt.ones(4), ShapeError, ("add", "(2, 3)", "(4,)", "float32", "reshape")),
    "matmul": (lambda: mt.ones(2, 3) @ mt.ones(2, 3), ShapeError, ("matmul", "float32[2, 3]", "must")),
    "mm": (lambda: mt.mm(mt.ones(2), mt.ones(2, 3)), ShapeError, ("mm", "float32[2]", "float32[2, 3]", "matmul")),
    "bmm": (lambda: mt.bmm(mt.ones(2, 3), mt.ones(3, 2)), ShapeError, ("bmm", "3-d", "float32[2, 3]")),
    "mean of ints": (lambda: mt.arange(3).mean(), DTypeError, ("mean", "int64", ".float()")),
    "var of ints": (lambda: mt.arange(3).var(), DTypeError, ("var", "int64", ".float()")),
    "sum over no such dim": (lambda: mt.ones(2, 3).sum(2), OutOfBoundsError, ("sum", "2", "-2 to 1")),
    "max of nothing": (lambda: mt.zeros(0, 3).max(), ShapeError, ("max", "float32[0, 3]")),
    "argmax of nothing": (lambda: mt.zeros(0, 3).argmax(0), ShapeError, ("argmax", "float32[0, 3]")),
    "var with both": (lambda: mt.var(mt.ones(3), 0, True, correction=0), ArgumentError,
        ("variance", "unbiased=True", "correction=0", "one")),
    "topk": (lambda: mt.ones(2).topk(3), ArgumentError, ("topk", "3", "float32[2]")),
    "quantile of ints": (lambda: mt.arange(3).quantile(0.5), DTypeError, ("quantile", "int64[3]", ".float()")),
    "quantile, how": (lambda: mt.ones(3).quantile(0.5, interpolation="cubic"), ArgumentError,
        ("quantile", "'cubic'", "nearest")),
    "norm": (lambda: mt.ones(3).norm("nuc"), ArgumentError, ("norm", "'nuc'", "linalg")),
    "reshape": (lambda: mt.ones(2, 3).reshape(4, 2), ShapeError, ("reshape", "float32[2, 3]", "(4, 2)")),
    "view": (lambda: mt.ones(2, 3).t().view(6), ShapeError, ("view", "float32[3, 2]", "(6,)", "reshape")),
    "view as dtype": (lambda: mt.ones(2).view(mt.int32), UnsupportedError, ("view", "int32", ".to(")),
    "permute": (lambda: mt.ones(2, 3).permute(0), ShapeError, ("permute", "(0,)", "float32[2, 3]")),
    "t": (lambda: mt.ones(2, 3, 4).t(), ShapeError, ("t:", "float32[2, 3, 4]", ".mT")),
    "mT": (lambda: mt.ones(2).mT, ShapeError, ("mT", "float32[2]", "unsqueeze")),
    "expand": (lambda: mt.ones(2, 3).expand(4, 3), ShapeError, ("broadcast_to", "float32[2, 3]", "(4, 3)")),
    "expand to fewer": (lambda: mt.ones(2, 3).expand(3), ShapeError, ("expand", "(3,)", "float32[2, 3]")),
    "select": (lambda: mt.ones(2, 3).select(1, 3), OutOfBoundsError, ("select", "3", "float32[2, 3]")),
    "narrow": (lambda: mt.ones(4).narrow(0, 2, 3), OutOfBoundsError, ("narrow", "float32[4]", "(2)", "(3)")),
    "split": (lambda: mt.ones(4).split([1, 2]), ShapeError, ("split", "(1, 2)", "float32[4]")),
    "chunk": (lambda: mt.ones(4).chunk(0), ArgumentError, ("chunk", "0", "positive")),
    "unflatten": (lambda: mt.ones(6).unflatten(0, (4, 2)), ShapeError, ("unflatten", "(4, 2)", "float32[6]")),
    "cat": (lambda: mt.cat([mt.ones(2, 3), mt.ones(2, 4)]), ShapeError, ("concatenate", "(2, 3)", "(2, 4)", "equal")),
    "stack": (lambda: mt.stack([mt.ones(2), mt.ones(3)]), ShapeError, ("stack", "(2,)", "(3,)", "equal")),
    "repeat": (lambda: mt.ones(2, 3).repeat(2), ShapeError, ("repeat", "(2,)", "float32[2, 3]")),
    "pad": (lambda: mt.pad(mt.ones(3), (1, 1, 1, 1)), ShapeError, ("pad", "(1, 1, 1, 1)", "float32[3]")),
    "pad mode": (lambda: mt.pad(mt.ones(3), (1, 1), mode="mirror"), ArgumentError, ("pad", "'mirror'", "reflect")),
    "getitem": (lambda: mt.ones(2, 3)[0, 5], OutOfBoundsError, ("getitem", "5", "3")),
    "getitem by floats": (lambda: mt.ones(2)[mt.tensor([0.5])], DTypeError, ("getitem", "float32[1]", ".to(int64)")),
    "mask": (lambda: mt.ones(3)[mt.tensor([True, False])], OutOfBoundsError, ("getitem", "(2,)", "(3,)", "mask")),
    "setitem": (lambda: mt.ones(3).__setitem__(slice(0, 2), mt.ones(3)), ShapeError, ("float32[3]", "(2,)", "reshape")),
    "gather": (lambda: mt.ones(2, 3).gather(1, mt.tensor([[3]])), OutOfBoundsError, ("gather", "3", "-3 to 2")),
    "index_select": (lambda: mt.ones(2, 3).index_select(0, mt.tensor([[0]])), ShapeError,
        ("index_select", "int64[1, 1]", "vector")),
    "masked_fill": (lambda: mt.ones(3).masked_fill(mt.ones(3), 1.0), DTypeError, ("masked_fill", "float32[3]", "!= 0")),
    "scatter": (lambda: mt.zeros(3).scatter(0, mt.tensor([0]), mt.ones(1).double()), DTypeError,
        ("scatter", "float32[3]", "float64[1]")),
    "where": (lambda: mt.where(mt.ones(2), mt.ones(2), 0.0), DTypeError, ("where", "bool", "!= 0")),
    "clamp": (lambda: mt.ones(3).clamp(), ArgumentError, ("clip", "float32[3]", "one")),
    "div": (lambda: mt.div(mt.ones(2), 2, rounding_mode="up"), ArgumentError, ("div", "'up'", "floor")),
    "bitwise": (lambda: mt.ones(3) & mt.ones(3), DTypeError, ("bitwise_and", "float32", ".to(int64)")),
    "bool minus bool": (lambda: mt.tensor([True]) - mt.tensor([True]), DTypeError, ("sub", "bool", "logical_xor")),
    "maximum of complex": (lambda: mt.maximum(mt.ones(2) * 1j, mt.ones(2)), DTypeError,
        ("maximum", "complex64", ".abs()")),
    "imag of real": (lambda: mt.ones(2).imag, UnsupportedError, ("imag", "float32[2]")),
    "out=": (lambda: mt.exp(mt.ones(2), out=mt.ones(2)), UnsupportedError, ("exp", "out=", "copy_")),
    "nonsense": (lambda: mt.sum(mt.ones(2), nonsense=1), TypeError, ("sum", "nonsense")),
    "add a str": (lambda: mt.ones(2) + "a", TypeError, ("+", "Tensor", "str")),
    "cross": (lambda: mt.cross(mt.ones(4), mt.ones(4)), ShapeError, ("cross", "float32[4]", "3")),
    "inverse": (lambda: mt.ones(2, 3).inverse(), ShapeError, ("inv", "float32[2, 3]")),
    "UPLO": (lambda: mt.linalg.eigh(mt.eye(2), "X"), ArgumentError, ("eigh", "'X'", "'L'")),
}
WRITING = {
    "leaf": (lambda: mt.ones(3, requires_grad=True).add_(1), GradError,
        ("add_", "leaf Variable that requires grad", "no_grad()")),
    "view of a leaf": (lambda: mt.ones(3, requires_grad=True)[1:].mul_(2), GradError,
        ("mul_", "view of a leaf Variable", "no_grad()")),
    "float into int": (lambda: mt.arange(3).add_(0.5), DTypeError,
        ("add_", "float32", "int64[3]", "can't be cast", ".to(")),
    "wider result": (lambda: mt.ones(3).add_(mt.ones(2, 3)), ShapeError, ("add_", "[3]", "[2, 3]", "broadcast")),
    "copy_": (lambda: mt.ones(3).copy_(mt.ones(2)), ShapeError, ("copy_", "float32[2]", "float32[3]", "or be 1")),
    "fill_": (lambda: mt.ones(3).fill_(mt.ones(3)), ShapeError, ("fill_", "float32[3]", "copy_")),
    "expanded": (lambda: mt.ones(1, 3).expand(2, 3).add_(1), UnsupportedError, ("in-place", "expand", "clone()")),
    "normal_": (lambda: mt.ones(3).normal_(0, -1), ArgumentError, ("normal_", "std", "-1")),
    "uniform_": (lambda: mt.ones(3).uniform_(1, 0), ArgumentError, ("uniform_", "low=1", "high=0")),
}
MAKING = {
    "ragged": (lambda: mt.tensor([[1.0], [1.0, 2.0]]), ShapeError, ("array", "list", "equal length")),
    "str": (lambda: mt.tensor("text"), DTypeError, ("array", "str", "numbers")),
    "negative size": (lambda: mt.zeros(2, -1), ShapeError, ("zeros", "(2, -1)", "negative")),
    "float size": (lambda: mt.zeros(2.5), TypeError, ("zeros", "2.5", "integers")),
    "arange": (lambda: mt.arange(3, 0), ArgumentError, ("arange", "3", "0", "step")),
    "linspace": (lambda: mt.linspace(0, 1, -2), ArgumentError, ("linspace", "-2", "non-negative")),
    "no such device": (lambda: mt.ones(2, device="nowhere"), DeviceError, ("device", "'nowhere'", "cpu")),
    "to no such device": (lambda: mt.ones(2).to("tpu:0"), DeviceError, ("device", "tpu", "cpu")),
    "to no such dtype": (lambda: mt.ones(2).to("float12"), DeviceError, ("float12", "cpu")),
    "object dtype": (lambda: mt.zeros(2, dtype=object), DTypeError, ("dtype", "object", "float32")),
    "default dtype": (lambda: mt.set_default_dtype(mt.int64), DTypeError, ("set_default_dtype", "int64", "floating")),
    "from_numpy": (lambda: mt.from_numpy([1.0]), TypeError, ("from_numpy", "list", "tensor(")),
    "randint": (lambda: mt.randint(3, 3, (2,)), ArgumentError, ("randint", "3", "low < high")),
    "randint without size": (lambda: mt.randint(3), TypeError, ("randint", "size")),
    "normal without size": (lambda: mt.normal(0.0, 1.0), TypeError, ("normal", "size")),
    "bernoulli": (lambda: mt.bernoulli(mt.arange(2)), DTypeError, ("bernoulli", "int64[2]", ".float()")),
    "multinomial": (lambda: mt.multinomial(mt.ones(2), 3), ArgumentError,
        ("multinomial", "3", "float32[2]", "replacement")),
    "rng state": (lambda: mt.set_rng_state(mt.zeros(3)), ShapeError, ("set_state", "float32[3]", "get_state")),
}
ASKING = {
    "item of many": (lambda: mt.ones(3).item(), ShapeError, ("item", "(3,)")),
    "bool of many": (lambda: bool(mt.ones(3)), ShapeError, ("bool", "(3,)", ".any()")),
    "len of 0-d": (lambda: len(mt.tensor(1.0)), TypeError, ("0-d", "numel")),
    "iteration over 0-d": (lambda: list(mt.tensor(1.0)), TypeError, ("0-d", "reshape")),
    "size": (lambda: mt.ones(2, 3).size(2), OutOfBoundsError, ("size", "2", "(2, 3)")),
    "numpy of tracked": (lambda: mt.ones(2, requires_grad=True).numpy(), GradError, ("numpy", "detach()")),
    "requires_grad of ints": (lambda: mt.arange(2).requires_grad_(), DTypeError,
        ("requires_grad", "int64", ".float()")),
    "backward of many": (lambda: (mt.ones(2, requires_grad=True) * 2).backward(), GradError,
        ("backward", "(2,)", "gradient=")),
    "backward of untracked": (lambda: mt.ones(2).sum().backward(), GradError, ("backward", "requires_grad=True")),
    "branch in vmap": (lambda: mt.vmap(lambda x: x if x > 0 else -x)(mt.ones(2)), TracerError,
        ("bool", "vmap", "where")),
    "write from inside": (lambda: mt.grad(lambda x: OUTSIDE.add_(x).sum())(mt.ones(2)), GradError,
        ("in-place", "transform", "argument")),
}
CASES = {f"{kind}: {name}": case for kind,
    table in (("tensor", TENSOR), ("writing", WRITING), ("making", MAKING), ("asking", ASKING)) for name,
    case in table.items()}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name):
    call, error, fragments = CASES[name]
    with pytest.raises(error) as found:
        call()
    text = str(found.value)
    missing = [f for f in fragments if f not in text]
    assert not missing, f"{missing} not in {text!r}"


def test_errors_are_builtin_errors_too():
    for error, builtins in {
        ShapeError: (ValueError, RuntimeError),
        DTypeError: (TypeError, RuntimeError),
        OutOfBoundsError: (IndexError,),
        GradError: (RuntimeError,),
        ArgumentError: (ValueError,),
        UnsupportedError: (NotImplementedError,),
    }.items():
        assert issubclass(error, MinitorchError) and all(issubclass(error, b) for b in builtins)


def test_a_refused_write_changes_nothing():
    x = mt.ones(3)
    with pytest.raises(ShapeError):
        x += mt.ones(2, 3)
    assert np.array_equal(x.numpy(), np.ones(3))
