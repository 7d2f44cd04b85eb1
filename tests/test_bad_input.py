"""Bad input is refused in words: the class one would catch, the operation, what it was given, and what to do instead.

Each case is a call, the error's class, and fragments that its message must contain.
"""

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn, optim
from minitorch.errors import (
    ArgumentError,
    DeviceError,
    DTypeError,
    GradError,
    ImmutableError,
    LinAlgError,
    MinitorchError,
    OutOfBoundsError,
    ShapeError,
    StateError,
    TracerError,
    UnsupportedError,
)
from minitorch.nn import functional as F
from minitorch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset, random_split

OUTSIDE = mt.zeros(2)
IMAGE, KERNEL = mt.ones(1, 1, 5, 5), mt.ones(1, 1, 3, 3)
SCORES, CLASSES = mt.ones(2, 3), mt.tensor([0, 1])


def weights():
    return mt.ones(2, 3, requires_grad=True)


def backward_twice():
    loss = (weights() * weights()).sum()
    loss.backward()
    loss.backward()


def same_twice():
    w = weights()
    return optim.SGD([w, w], lr=0.1)


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
    "norm": (lambda: mt.ones(3).norm("two"), ArgumentError, ("norm", "'two'", "linalg")),
    "reshape": (lambda: mt.ones(2, 3).reshape(4, 2), ShapeError, ("reshape", "float32[2, 3]", "(4, 2)")),
    "view": (lambda: mt.ones(2, 3).t().view(6), ShapeError, ("view", "float32[3, 2]", "(6,)", "reshape")),
    "view as dtype": (lambda: mt.ones(3).view(mt.int64), ShapeError, ("view", "float32[3]", "int64", "cast")),
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
    "out=": (lambda: mt.exp(mt.ones(2), out=mt.ones(3)), ShapeError, ("exp", "out=", "float32[3]", "float32[2]")),
    "out= of integers": (lambda: mt.exp(mt.ones(2), out=mt.ones(2).long()), DTypeError, ("exp", "float32", "int64", "out=")),
    "out= of one result": (lambda: mt.exp(mt.ones(2), out=(mt.ones(2),)), ArgumentError, ("exp", "out=", "1")),
    "nonsense": (lambda: mt.sum(mt.ones(2), nonsense=1), TypeError, ("sum", "nonsense")),
    "add a str": (lambda: mt.ones(2) + "a", TypeError, ("+", "Tensor", "str")),
    "searchsorted": (lambda: mt.searchsorted(mt.ones(3), mt.ones(2), side="middle"), ArgumentError,
        ("searchsorted", "'middle'", "'right'")),
    "cross": (lambda: mt.cross(mt.ones(4), mt.ones(4)), ShapeError, ("cross", "float32[4]", "3")),
    "inverse": (lambda: mt.ones(2, 3).inverse(), ShapeError, ("inv", "float32[2, 3]")),
    "view of fewer": (lambda: mt.ones(2, 3).view(4, 2), ShapeError, ("view", "float32[2, 3]", "(4, 2)", "-1")),
    "two sizes left out": (lambda: mt.ones(2, 3).reshape(-1, -1), ShapeError,
        ("reshape", "(-1, -1)", "float32[2, 3]", "every size")),
    "movedim": (lambda: mt.ones(2, 3).movedim((0, 1), 0), ShapeError,
        ("movedim", "(0, 1)", "float32[2, 3]", "each source")),
    "unsqueeze": (lambda: mt.ones(2).unsqueeze(3), OutOfBoundsError, ("unsqueeze", "3", "-2 to 1")),
    "transpose": (lambda: mt.ones(2, 3).transpose(0, 2), OutOfBoundsError, ("transpose", "2", "-2 to 1")),
    "softmax over no such dim": (lambda: mt.ones(2, 3).softmax(2), OutOfBoundsError, ("softmax", "2", "-2 to 1")),
    "unfold": (lambda: mt.ones(4).unfold(0, 5, 1), ShapeError, ("unfold", "size 5", "float32[4]", "0 to 4")),
    "diagonal": (lambda: mt.ones(4).diagonal(), ShapeError, ("diagonal", "float32[4]", "x[None]")),
    "cat of nothing": (lambda: mt.cat([]), ShapeError, ("concatenate", "[]", "at least one")),
    "cat of 0-d": (lambda: mt.cat([mt.tensor(1.0)]), ShapeError, ("concatenate", "float32[]", "stack")),
    "cat without a list": (lambda: mt.cat(mt.ones(2), mt.ones(2)), TypeError, ("cat", "float32[2]", "cat([x, y])")),
    "stack without a list": (lambda: mt.stack(mt.ones(2, 2)), TypeError, ("stack", "float32[2, 2]", "stack([x, y])")),
    "masked_select": (lambda: mt.ones(3).masked_select(mt.tensor([True, False])), ShapeError,
        ("masked_select", "float32[3]", "bool[2]", "reshape")),
    "dot": (lambda: mt.dot(mt.ones(2), mt.ones(3)), ShapeError, ("float32[2]", "float32[3]", "must agree")),
    "einsum, sizes": (lambda: mt.einsum("ij,jk->ik", mt.ones(2, 3), mt.ones(2, 3)), ShapeError,
        ("einsum", "'j'", "3 and 2", "ij,jk->ik", "(2, 3), (2, 3)")),
    "einsum, letters": (lambda: mt.einsum("ij->z", mt.ones(2, 3)), ArgumentError, ("einsum", "'z'", "'ij->z'", "(2, 3)")),
    "einsum, signs": (lambda: mt.einsum("i1->i", mt.ones(2, 3)), ArgumentError, ("einsum", "'1'", "letters", "(2, 3)")),
    "einsum, operands": (lambda: mt.einsum("ij,jk", mt.ones(2, 3)), ArgumentError, ("einsum", "2 terms", "1 operands")),
    "einsum, axes": (lambda: mt.einsum("ijk->i", mt.ones(2, 3)), ShapeError, ("einsum", "'ijk'", "(2, 3)", "'...'")),
    "too many indices": (lambda: mt.ones(2, 3)[0, 0, 0], OutOfBoundsError, ("getitem", "3 indices", "2 axes")),
    "getitem by str": (lambda: mt.ones(2)["a"], DTypeError, ("getitem", "str", "integers")),
    "negative power": (lambda: mt.tensor([2]) ** -1, DTypeError, ("pow", "int64[1]", ".to(float32)")),
    "singular": (lambda: mt.linalg.inv(mt.zeros(2, 2)), LinAlgError, ("inv", "float32[2, 2]", "singular", "pinv")),
    "not definite": (lambda: mt.linalg.cholesky(-mt.eye(2)), LinAlgError,
        ("cholesky", "float32[2, 2]", "not positive definite", "identity")),
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
    "masked array": (lambda: mt.exp(np.ma.masked_equal([1.0, 2.0], 2.0)), DTypeError, ("MaskedArray", ".filled(value)")),
    "masked array of ours": (lambda: mt.array([1.0, 2.0]) + np.ma.masked_equal([1.0, 2.0], 2.0), DTypeError,
        ("MaskedArray", ".filled(value)")),
    "dlpack of bfloat16": (lambda: np.from_dlpack(mt.ones(2, dtype=mt.bfloat16)), BufferError, ("bfloat16", "float32")),
    "large int": (lambda: mt.tensor([2**70, 1]), ArgumentError, ("array", "integer", "out of bounds", "floats")),
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
LOSSES = {
    "float classes": (lambda: F.cross_entropy(SCORES, mt.ones(2)), DTypeError,
        ("cross_entropy", "float32", ".long()", "probabilities")),
    "another batch": (lambda: F.cross_entropy(SCORES, mt.tensor([0, 1, 2])), ShapeError,
        ("cross_entropy", "float32[2, 3]", "int64[3]", "each row")),
    "column of classes": (lambda: F.nll_loss(SCORES, mt.tensor([[0], [1]])), ShapeError,
        ("nll_loss", "float32[2, 3]", "int64[2, 1]", "each row")),
    "class out of range": (lambda: F.cross_entropy(SCORES, mt.tensor([0, 3])), OutOfBoundsError,
        ("cross_entropy", "3", "0 to 2", "ignore_index")),
    "class weights": (lambda: F.cross_entropy(SCORES, CLASSES, weight=mt.ones(2)), ShapeError,
        ("cross_entropy", "float32[2]", "float32[2, 3]", "each class")),
    "class weights, nll": (lambda: F.nll_loss(SCORES, CLASSES, weight=mt.ones(1)), ShapeError,
        ("nll_loss", "float32[1]", "float32[2, 3]", "each class")),
    "reduction": (lambda: F.cross_entropy(SCORES, CLASSES, reduction="avg"), ArgumentError,
        ("cross_entropy", "'avg'", "'mean'")),
    "smoothing": (lambda: F.cross_entropy(SCORES, CLASSES, label_smoothing=2.0), ArgumentError,
        ("cross_entropy", "label_smoothing", "2.0", "0.0 and 1.0")),
    "logits for probabilities": (lambda: F.binary_cross_entropy(mt.ones(2) * 2, mt.ones(2)), ArgumentError,
        ("binary_cross_entropy", "2.0", "with_logits")),
    "column of targets": (lambda: F.binary_cross_entropy(mt.ones(2), mt.ones(2, 1)), ShapeError,
        ("binary_cross_entropy", "[2, 1]", "[2]", "same size")),
    "column of logits": (lambda: F.binary_cross_entropy_with_logits(mt.ones(2, 1), mt.ones(2)), ShapeError,
        ("with_logits", "[2]", "[2, 1]", "squeeze(1)")),
    "mse": (lambda: nn.MSELoss(reduction="avg")(mt.ones(2), mt.ones(2)), ArgumentError,
        ("mse_loss", "'avg'", "'mean'")),
    "delta": (lambda: F.huber_loss(mt.ones(2), mt.ones(2), delta=0), ArgumentError, ("huber_loss", "0", "l1_loss")),
    "one_hot of -1": (lambda: F.one_hot(mt.tensor([-1, 2])), ArgumentError, ("one_hot", "-1", "int64[2]", "replace")),
    "one_hot, class": (lambda: F.one_hot(mt.tensor([5]), 3), OutOfBoundsError, ("one_hot", "5", "3")),
    "one_hot of floats": (lambda: F.one_hot(mt.ones(2)), DTypeError, ("one_hot", "float32[2]", ".to(int64)")),
}
LAYERS = {
    "embedding": (lambda: nn.Embedding(3, 2)(mt.tensor([3])), OutOfBoundsError, ("embedding", "3", "0 to 2")),
    "embedding of floats": (lambda: nn.Embedding(3, 2)(mt.ones(1)), DTypeError, ("embedding", "float32[1]", ".long()")),
    "linear": (lambda: nn.Linear(3, 2)(mt.ones(5, 4)), ShapeError, ("Linear(3 -> 2)", "[5, 4]", "in_features")),
    "linear of another dtype": (lambda: nn.Linear(3, 2)(mt.ones(3).double()), DTypeError,
        ("linear", "float64[3]", "float32[2, 3]", ".to(dtype)")),
    "unpooling": (lambda: F.max_unpool2d(mt.ones(1, 1, 2, 2), mt.zeros(1, 1, 2, 3).long(), 2), ShapeError,
        ("max_unpool2d", "int64[1, 1, 2, 3]", "float32[1, 1, 2, 2]")),
    "negative features": (lambda: nn.Linear(-1, 2), ShapeError, ("(2, -1)", "negative")),
    "channels": (lambda: nn.Conv2d(1, 2, 3)(mt.ones(1, 2, 5, 5)), ShapeError,
        ("convolution", "float32[1, 2, 5, 5]", "float32[2, 1, 3, 3]", "2 channels", "transpose")),
    "no channels": (lambda: nn.Conv2d(1, 2, 3)(mt.ones(5, 5)), ShapeError, ("conv2d", "float32[5, 5]", "channels")),
    "kernel too large": (lambda: F.conv2d(mt.ones(1, 1, 2, 2), KERNEL), ShapeError,
        ("convolution", "float32[1, 1, 2, 2]", "float32[1, 1, 3, 3]", "more padding")),
    "stride": (lambda: F.conv2d(IMAGE, KERNEL, stride=0), ArgumentError, ("convolution", "stride", "0", "at least 1")),
    "padding": (lambda: F.conv2d(IMAGE, KERNEL, padding=-1), ArgumentError,
        ("convolution", "padding", "-1", "at least 0")),
    "padding, how": (lambda: F.conv2d(IMAGE, KERNEL, padding="full"), ArgumentError,
        ("convolution", "'full'", "'same'")),
    "same with a stride": (lambda: F.conv2d(IMAGE, KERNEL, padding="same", stride=2), ArgumentError,
        ("convolution", "'same'", "stride=(2, 2)", "numbers")),
    "groups": (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, ("Conv2d", "in_channels", "3, 4, 2", "groups")),
    "conv of another dtype": (lambda: F.conv2d(IMAGE, KERNEL.double()), DTypeError,
        ("conv2d", "float32[1, 1, 5, 5]", "float64[1, 1, 3, 3]", ".to(dtype)")),
    "window too large": (lambda: F.max_pool2d(mt.ones(1, 1, 2, 2), 3), ShapeError,
        ("max_pool", "(3, 3)", "(2, 2)", "smaller window")),
    "pool padding": (lambda: F.max_pool2d(IMAGE, 2, padding=2), ArgumentError, ("max_pool", "padding 2", "less padding")),
    "pool stride": (lambda: F.avg_pool2d(IMAGE, 2, stride=0), ArgumentError, ("avg_pool", "stride", "0", "at least 1")),
    "pool of ints": (lambda: F.avg_pool2d(mt.ones(1, 1, 4, 4).long(), 2), DTypeError,
        ("avg_pool", "int64[1, 1, 4, 4]", ".float()")),
    "batch_norm channels": (lambda: nn.BatchNorm1d(3)(mt.ones(2, 4)), ShapeError, ("BatchNorm1d(3)", "[2, 4]", "axis 1")),
    "batch_norm rank": (lambda: nn.BatchNorm2d(3)(mt.ones(2, 3)), ShapeError, ("BatchNorm2d", "float32[2, 3]", "4D")),
    "batch of one": (lambda: nn.BatchNorm1d(3)(mt.ones(1, 3)), ShapeError, ("batch_norm", "[1, 3]", ".eval()")),
    "layer_norm": (lambda: nn.LayerNorm(4)(mt.ones(2, 3)), ShapeError, ("layer_norm", "[4]", "[2, 3]")),
    "group_norm": (lambda: nn.GroupNorm(2, 3), ArgumentError, ("GroupNorm", "3", "2", "divisible")),
    "dropout": (lambda: nn.Dropout(1.5), ArgumentError, ("Dropout", "1.5", "between 0 and 1")),
    "attention": (lambda: F.scaled_dot_product_attention(mt.ones(2, 4), mt.ones(3, 5), mt.ones(3, 5)), ShapeError,
        ("attention", "float32[2, 4]", "float32[3, 5]", "same last size")),
    "fan of a vector": (lambda: nn.init.xavier_uniform_(mt.ones(3)), ShapeError, ("init", "(3,)", "uniform_")),
}
STATES = {
    "no state of an optimizer": (lambda: optim.SGD([weights()]).load_state_dict({"lr": 0.1}), StateError,
        ("SGD", "'param_groups'", "['lr']", "state_dict()")),
    "names": (lambda: nn.Linear(2, 2).load_state_dict({"w": mt.ones(2, 2)}), StateError,
        ("load", "Linear", "weight", "bias", '"w"', "strict=False")),
    "shapes": (lambda: nn.Linear(2, 2).load_state_dict(nn.Linear(3, 2).state_dict()), StateError,
        ("load", "Linear", "weight", "[2, 3]", "[2, 2]")),
    "no dict": (lambda: nn.Linear(2, 2).load_state_dict([1]), TypeError, ("load_state_dict", "list", "state_dict()")),
    "a tensor for a parameter": (lambda: setattr(nn.Linear(2, 2), "weight", mt.ones(2, 2)), TypeError,
        ("Tensor", "'weight'", "Parameter")),
    "a parameter of ints": (lambda: nn.Parameter(mt.arange(3)), DTypeError, ("requires_grad", "int64", ".float()")),
    "groups of an optimizer": (
        lambda: optim.SGD([weights()], lr=0.1).load_state_dict(optim.SGD([weights(), weights()], lr=0.1).state_dict()),
        StateError, ("SGD", "[2] parameters for [1]", "saved")),
    "no parameters": (lambda: optim.Adam([]), ArgumentError, ("Adam", "empty", "only once")),
    "a tensor": (lambda: optim.SGD(weights(), lr=0.1), TypeError, ("SGD", "Tensor", "list")),
    "numbers": (lambda: optim.SGD([1.0], lr=0.1), TypeError, ("SGD", "float", "parameters()")),
    "not a leaf": (lambda: optim.SGD([weights() * 2], lr=0.1), ArgumentError, ("SGD", "non-leaf", "(2, 3)", "detach()")),
    "a group of options": (lambda: optim.SGD([{"lr": 1.0}], lr=0.1), ArgumentError, ("SGD", "['lr']", "'params'")),
    "a parameter twice": (same_twice, ArgumentError, ("SGD", "twice", "once")),
    "lr": (lambda: optim.SGD([weights()], lr=-1), ArgumentError, ("SGD", "learning rate", "-1", "at least 0")),
    "betas": (lambda: optim.Adam([weights()], betas=(1.0, 0.9)), ArgumentError, ("Adam", "index 0", "1.0", "[0, 1)")),
    "nesterov": (lambda: optim.SGD([weights()], lr=0.1, nesterov=True), ArgumentError,
        ("SGD", "Nesterov", "momentum", "zero dampening")),
}
DATA = {
    "sizes": (lambda: TensorDataset(mt.ones(3), mt.ones(4)), ShapeError, ("TensorDataset", "(3,), (4,)", "first axes")),
    "batch_size": (lambda: DataLoader(TensorDataset(mt.ones(3)), batch_size=0), ArgumentError,
        ("batch_size", "0", "positive integer")),
    "sampler and shuffle": (
        lambda: DataLoader(TensorDataset(mt.ones(3)), shuffle=True, sampler=SequentialSampler(range(3))),
        ArgumentError, ("DataLoader", "sampler", "shuffle", "one of them")),
    "batch_sampler and batch_size": (
        lambda: DataLoader([1, 2], batch_size=2, batch_sampler=BatchSampler(SequentialSampler(range(2)), 2, False)),
        ArgumentError, ("DataLoader", "batch_sampler", "batch_size")),
    "workers": (lambda: DataLoader([1, 2], num_workers=-2), ArgumentError, ("DataLoader", "num_workers", "-2", "0")),
    "ragged samples": (lambda: next(iter(DataLoader([mt.ones(2), mt.ones(3)], batch_size=2))), ShapeError,
        ("default_collate", "(2,), (3,)", "collate_fn")),
    "objects": (lambda: next(iter(DataLoader([object()]))), DTypeError, ("default_collate", "object", "collate_fn")),
    "split": (lambda: random_split(range(5), [2, 2]), ArgumentError, ("random_split", "[2, 2]", "5", "fractions")),
}
TRANSFORMS = {
    "grad of an int": (lambda: mt.grad(lambda x: x * 2)(1), DTypeError, ("grad", "argument x", "int64[]", "float32")),
    "grad of many": (lambda: mt.grad(lambda x: x * 2)(mt.ones(3)), GradError, ("grad", "float32[3]", ".sum()", "jacrev")),
    "grad of a complex number": (lambda: mt.grad(lambda x: x * 1j)(1.0), DTypeError, ("grad", "complex64[]", ".abs()")),
    "grad of a comparison": (lambda: mt.grad(lambda x: (x > 0).sum())(1.0), DTypeError, ("grad", "int64[]", "float")),
    "grad of a str": (lambda: mt.grad(lambda x: "a")(1.0), TypeError, ("grad", "str", "has_aux=True")),
    "argnums": (lambda: mt.grad(lambda x: x, argnums=1)(1.0), ArgumentError, ("grad", "argnums 1", "1 positional")),
    "no order": (lambda: mt.test_util.check_grads(mt.sin, (1.0,), order=0), ArgumentError, ("check_grads", "order", "0")),
    "argnums of a float": (lambda: mt.grad(lambda x: x, argnums=1.0), DTypeError, ("argnums", "1.0", "(0, 1)")),
    "has_aux": (lambda: mt.grad(lambda x: (x, 1, 2), has_aux=True)(1.0), GradError,
        ("grad", "has_aux", "(value, aux)", "3 values")),
    "vmap, sizes": (lambda: mt.vmap(lambda x, y: x + y)(mt.ones(2), mt.ones(3)), ShapeError,
        ("vmap", "x has 2", "y has 3", "must agree")),
    "vmap of a number": (lambda: mt.vmap(lambda x: x)(1.0), ShapeError, ("vmap", "argument x", "float32[]", "in_axes")),
    "vmap, in_axes": (lambda: mt.vmap(lambda x: x, in_axes=(0, 0))(mt.ones(2)), ArgumentError,
        ("vmap", "in_axes", "2 entries", "1 arguments")),
    "vmap, out_axes": (lambda: mt.vmap(lambda x: x, out_axes=3)(mt.ones(4, 2)), OutOfBoundsError,
        ("vmap", "out_axes=3", "float32[2]", "-2 to 1")),
    "vmap of nothing": (lambda: mt.vmap(lambda x: x, in_axes=None)(mt.ones(2)), ArgumentError, ("vmap", "in_axes")),
    "item in vmap": (lambda: mt.vmap(lambda x: x.item())(mt.ones(2)), TracerError, ("item()", "float32[]", "vmap", "where")),
    "mask in vmap": (lambda: mt.vmap(lambda x: x[x > 0])(mt.ones(2, 2)), UnsupportedError, ("vmap", "shape", "outside")),
    "jvp, shape": (lambda: mt.jvp(lambda x: x, (mt.ones(2),), (mt.ones(3),)), ShapeError,
        ("jvp", "tangent", "(3,)", "float32[2]")),
    "jvp, count": (lambda: mt.jvp(lambda x: x, (mt.ones(2),), ()), ArgumentError, ("jvp", "1 primals", "0 tangents")),
    "jvp without a tuple": (lambda: mt.jvp(lambda x: x, mt.ones(2), mt.ones(2)), TypeError,
        ("jvp", "primals", "Tensor", "(x,)")),
    "vjp, shape": (lambda: mt.vjp(lambda x: x, mt.ones(2))[1](mt.ones(3)), ShapeError,
        ("vjp", "cotangent", "(3,)", "float32[2]")),
    "vjp, structure": (lambda: mt.vjp(lambda x: x, 1.0)[1]((1.0, 2.0)), ShapeError, ("vjp", "(*, *)", "each *")),
    "no rule": (lambda: mt.custom_vjp(lambda x: x)(1.0), GradError, ("rule", "defvjp")),
    "backward twice": (backward_twice, GradError, ("backward", "second time", "retain_graph=True")),
    "shape of a gradient": (lambda: (weights() * 2).backward(mt.ones(3)), ShapeError,
        ("backward", "(3,)", "(2, 3)", "agree")),
    "unused": (lambda: mt.autograd.grad(weights().sum(), weights()), GradError, ("grad", "(2, 3)", "allow_unused=True")),
    "untracked": (lambda: mt.autograd.grad(weights().sum(), mt.ones(2)), GradError, ("grad", "(2,)", "requires_grad_()")),
    "grad of a shape": (lambda: setattr(weights(), "grad", mt.ones(3)), ShapeError, ("grad", "(3,)", "(2, 3)", "agree")),
    "write to an array": (lambda: mt.array([1.0]).__setitem__(0, 2.0), ImmutableError, ("float32[1]", "x.at[index].set")),
}
TABLES = {"tensor": TENSOR, "writing": WRITING, "making": MAKING, "asking": ASKING, "losses": LOSSES, "layers": LAYERS,
    "states": STATES, "data": DATA, "transforms": TRANSFORMS}
CASES = {f"{kind}: {name}": case for kind, table in TABLES.items() for name, case in table.items()}
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
