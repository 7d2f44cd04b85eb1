"""Every layer and loss, compiled: values, gradients and buffers are those of the plain one, in both modes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from tests.torch_diff.models import LAYERS, LOSSES

from .comparing import compare

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# What the comparison with PyTorch has elsewhere, or not at all: how to build it, and the shape of its input.
MORE = {
    "bilinear": (lambda n: Twice(n.Bilinear(3, 3, 2)), (4, 3)),
    "embedding": (lambda n: Classes(n.Embedding(7, 3, padding_idx=2)), (2, 5)),
    "max pool 3d": (lambda n: n.MaxPool3d(2), (1, 2, 4, 4, 5)),
    "avg pool 3d": (lambda n: n.AvgPool3d(2), (1, 2, 4, 4, 5)),
    "adaptive avg pool 1d": (lambda n: n.AdaptiveAvgPool1d(3), (2, 3, 7)),
    "adaptive avg pool 3d": (lambda n: n.AdaptiveAvgPool3d(2), (1, 2, 4, 3, 5)),
    "adaptive max pool 2d": (lambda n: n.AdaptiveMaxPool2d((3, 2)), (2, 3, 7, 6)),
    "adaptive max pool 3d": (lambda n: n.AdaptiveMaxPool3d(2), (1, 2, 4, 3, 5)),
    "batch norm 3d": (lambda n: n.BatchNorm3d(2), (3, 2, 2, 3, 2)),
    "dropout": (lambda n: n.Dropout(0.5), (5, 4)),
    "dropout 1d": (lambda n: n.Dropout1d(0.5), (5, 4, 3)),
    "dropout 2d": (lambda n: n.Dropout2d(0.5), (5, 4, 2, 3)),
    "dropout 3d": (lambda n: n.Dropout3d(0.5), (5, 4, 2, 3, 2)),
    "module list": (lambda n: Chain(n.ModuleList([n.Linear(4, 4), n.ReLU()])), (2, 4)),
    "module dict": (lambda n: Chain(n.ModuleDict({"a": n.Linear(4, 4), "b": n.ReLU()})), (2, 4)),
    "parameter list": (lambda n: Scaled(n.ParameterList([mt.ones(4), mt.full((4,), 2.0)])), (2, 4)),
    "parameter dict": (lambda n: Scaled(n.ParameterDict({"a": mt.ones(4), "b": mt.full((4,), 2.0)})), (2, 4)),
    "relu in place": (lambda n: n.Sequential(n.Linear(4, 4), n.ReLU(inplace=True), n.Linear(4, 2)), (3, 4)),
    "attention": (lambda n: Attention(), (2, 5, 8)),
    "random leaky relu": (lambda n: n.RReLU(), (3, 4)),
    "alpha dropout": (lambda n: n.AlphaDropout(0.5), (5, 4)),
    "feature alpha dropout": (lambda n: n.FeatureAlphaDropout(0.5), (5, 4, 3)),
    "fractional max pool 2d": (lambda n: n.FractionalMaxPool2d(2, output_ratio=0.5), (2, 3, 7, 6)),
    "fractional max pool 3d": (lambda n: n.FractionalMaxPool3d(2, (3, 2, 2)), (1, 2, 5, 4, 4)),
    "max unpool 1d": (lambda n: Unpooled(n.MaxPool1d(2, return_indices=True), n.MaxUnpool1d(2)), (2, 3, 7)),
    "max unpool 2d": (lambda n: Unpooled(n.MaxPool2d(2, return_indices=True), n.MaxUnpool2d(2)), (2, 3, 7, 6)),
    "max unpool 3d": (lambda n: Unpooled(n.MaxPool3d(2, return_indices=True), n.MaxUnpool3d(2)), (1, 2, 4, 5, 4)),
    "cosine similarity": (lambda n: Twice(n.CosineSimilarity()), (3, 4)),
    "pairwise distance": (lambda n: Twice(n.PairwiseDistance()), (3, 4)),
    "container": (lambda n: Contained(n.Container(a=n.Linear(4, 4), b=n.ReLU())), (2, 4)),
    "cross-map normalization": (lambda n: n.CrossMapLRN2d(3, 0.5), (2, 5, 3, 2)),
    "lazy": (lambda n: called(n.Sequential(n.LazyConv1d(4, 2), n.LazyBatchNorm1d(), n.ReLU())), (3, 2, 5)),
    "ctc": (lambda n: Spelled(n.CTCLoss()), (6, 3, 4)),
    "adaptive softmax": (lambda n: Counted(n.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5])), (4, 8)),
    "linear cross-entropy": (lambda n: Counted(n.LinearCrossEntropyLoss(8, 9)), (4, 8)),
    "rnn": (lambda n: First(n.RNN(3, 4, 2, nonlinearity="relu", batch_first=True)), (2, 5, 3)),
    "lstm": (lambda n: First(n.LSTM(3, 4, 2, bidirectional=True, dropout=0.5)), (5, 2, 3)),
    "lstm projected": (lambda n: First(n.LSTM(3, 4, proj_size=2)), (5, 2, 3)),
    "gru": (lambda n: First(n.GRU(3, 4, bidirectional=True)), (5, 3)),
    "packed gru": (lambda n: Packed(n.GRU(3, 4, bidirectional=True)), (5, 3, 3)),
    "packed lstm": (lambda n: Packed(n.LSTM(3, 4, 2)), (5, 3, 3)),
    "rnn cell": (lambda n: n.RNNCell(3, 4), (2, 3)),
    "lstm cell": (lambda n: First(n.LSTMCell(3, 4)), (2, 3)),
    "gru cell": (lambda n: Repeated(n.GRUCell(3, 4)), (5, 2, 3)),
    "multi-head attention": (lambda n: Looking(n.MultiheadAttention(8, 2, dropout=0.5, add_bias_kv=True)), (5, 2, 8)),
    "encoder": (
        lambda n: n.TransformerEncoder(n.TransformerEncoderLayer(8, 2, 16, norm_first=True), 2, n.LayerNorm(8)),
        (5, 2, 8),
    ),
    "transformer": (lambda n: Translating(n.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True)), (2, 5, 8)),
    "bags": (lambda n: Classes(n.EmbeddingBag(7, 3, mode="sum", padding_idx=2)), (4, 5)),
    "bags, the largest": (lambda n: Classes(n.EmbeddingBag(7, 3, mode="max")), (4, 5)),
    "bags by offsets": (lambda n: Bags(n.EmbeddingBag(7, 3, scale_grad_by_freq=True)), (9,)),
    "frequencies": (lambda n: Classes(n.Embedding(7, 3, scale_grad_by_freq=True)), (2, 5)),
}


def called(model):
    """A model whose lazy layers have their shapes."""
    model(mt.ones(3, 2, 5))
    return model


ALL = {**LAYERS, **MORE}


class Wrapping(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner


class Twice(Wrapping):
    def forward(self, x):
        return self.inner(x, x * 2)


class Classes(Wrapping):
    def forward(self, x):
        return self.inner(x.detach().abs().long() % 7) + x.mean()


class First(Wrapping):
    def forward(self, x):
        return self.inner(x)[0]


class Packed(Wrapping):
    def forward(self, x):
        rnn = nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, [2, 5, 3], enforce_sorted=False)
        return rnn.pad_packed_sequence(self.inner(packed)[0])[0]


class Repeated(Wrapping):
    def forward(self, x):
        h = None
        for step in x:
            h = self.inner(step, h)
        return h


class Looking(Wrapping):
    def forward(self, x):
        out, weights = self.inner(x, x, x, key_padding_mask=mt.arange(5)[None] >= mt.tensor([[4], [5]]))
        return out + weights.sum()


class Translating(Wrapping):
    def forward(self, x):
        mask = self.inner.generate_square_subsequent_mask(x.shape[1])
        return self.inner(x, x * 2, tgt_mask=mask, tgt_is_causal=True)


class Bags(Wrapping):
    def forward(self, x):
        return self.inner(x.detach().abs().long() % 7, mt.tensor([0, 2, 2, 5])) + x.mean()


class Chain(Wrapping):
    def forward(self, x):
        for layer in self.inner.values() if isinstance(self.inner, nn.ModuleDict) else self.inner:
            x = layer(x)
        return x


class Contained(Wrapping):
    def forward(self, x):
        return self.inner.b(self.inner.a(x))


class Unpooled(nn.Module):
    def __init__(self, pool, unpool):
        super().__init__()
        self.pool, self.unpool = pool, unpool

    def forward(self, x):
        return self.unpool(*self.pool(x), output_size=x.shape)


class Spelled(Wrapping):
    def forward(self, x):
        return self.inner(x.log_softmax(-1), mt.tensor([[1, 2], [3, 3], [2, 1]]), (6, 5, 4), (2, 2, 1))


class Counted(Wrapping):
    def forward(self, x):
        out = self.inner(x, mt.tensor([0, 8, 3, 2]))
        return getattr(out, "loss", out)


class Scaled(Wrapping):
    def forward(self, x):
        for p in self.inner.parameters():
            x = x * p
        return x


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


def inputs(shape, calls=3):
    rng = np.random.default_rng(0)
    return [mt.tensor(rng.normal(size=shape).astype("f"), requires_grad=True) for _ in range(calls)]


def whole_step(model, wrap):
    """Forward and backward inside."""

    def step(x):
        model.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        return loss

    return wrap(step)


def backward_inside(name, train):
    build, shape = ALL[name]

    def make(wrap):
        model = build(nn).train(train)
        xs = inputs(shape)
        step = whole_step(model, wrap)
        return lambda i: step(xs[i]), [model, xs]

    return make


def backward_outside(name, train):
    build, shape = ALL[name]

    def make(wrap):
        model = build(nn).train(train)
        xs = inputs(shape)
        compiled = wrap(model)

        def call(i):
            out = compiled(xs[i])
            out.square().sum().backward()
            return out

        return call, [model, xs]

    return make


def compiled_in_place(name, train):
    build, shape = ALL[name]

    def make(wrap):
        model = build(nn).train(train)
        if wrap is mt.jit:
            model.compile()
        xs = inputs(shape)

        def call(i):
            out = model(xs[i])
            out.square().sum().backward()
            return out

        return call, [model, xs]

    return make


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ALL)
def test_backward_inside(name, train):
    compare(backward_inside(name, train))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ALL)
def test_backward_outside(name, train):
    compare(backward_outside(name, train))


@pytest.mark.parametrize("name", ALL)
def test_compiled_in_place(name):
    compare(compiled_in_place(name, True))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, reduction):
    kind, options, *makers = LOSSES[name]

    def make(wrap):
        rng = np.random.default_rng(0)

        def made(make):
            data = np.asarray(make(rng))
            return mt.tensor(data.astype("f") if data.dtype == np.float64 else data)

        loss = getattr(nn, kind)(reduction=reduction, **{k: made(v) if callable(v) else v for k, v in options.items()})
        batches = [[made(make) for make in makers] for _ in range(3)]
        for batch in batches:
            batch[0].requires_grad_()

        def step(*batch):
            out = loss(*batch)
            out.square().sum().backward()
            return out

        compiled, outside = wrap(step), wrap(loss)

        def call(i):
            out = outside(*batches[i])
            out.sum().backward()
            return [out, compiled(*batches[i])]

        return call, [loss, batches]

    compare(make)


def test_packed_sequences_as_arguments_and_results():
    rnn = nn.utils.rnn

    def make(wrap):
        layer = nn.GRU(3, 4)
        batches = [
            rnn.pack_padded_sequence(x.detach(), lengths, enforce_sorted=False)
            for x, lengths in zip(inputs((5, 3, 3)), ([2, 5, 3], [5, 5, 1], [2, 5, 3]))
        ]

        def step(packed):
            layer.zero_grad()
            out, last = layer(packed)
            (out.data.square().sum() + last.sum()).backward()
            return out

        compiled = wrap(step)

        def call(i):
            out = compiled(batches[i])
            assert isinstance(out, rnn.PackedSequence)
            return [*out, *rnn.unpack_sequence(out)]

        return call, [layer]

    compare(make)


def test_every_layer_and_loss_is_here():
    classes = {name for name, kind in vars(nn).items() if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    built = {kind for kind, *_ in LOSSES.values()}
    for build, _ in ALL.values():
        built |= {type(m).__name__ for m in build(nn).modules()}
    lazy = {name for name in classes if name.startswith("Lazy")}  # they become the others
    assert classes - lazy - {"Module", "RNNBase", "RNNCellBase"} <= built
