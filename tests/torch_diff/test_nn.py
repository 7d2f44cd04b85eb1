"""Layers give PyTorch's values, gradients, dtypes, states and printed forms, and refuse the same input."""

from __future__ import annotations

import operator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .models import LAYERS  # noqa: E402
from .pairs import LIBRARIES, both_raise, close, pair_of, pull, same_gradients, tensors  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]

LOOSE = {"hardsigmoid": 1e-6, "celu": 1e-7}  # PyTorch has 1/6, and alpha, in float32, in float64 too


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, dtype):
    build, shape = LAYERS[name]
    ours, theirs = pair_of(lambda lib: build(lib.nn), dtype)
    data = np.random.default_rng(0).normal(size=shape).astype(dtype)
    for mode in (True, False):
        for _ in range(2):
            ours.zero_grad()
            theirs.zero_grad()
            inputs = tensors(data, requires_grad=True)
            outs = (ours.train(mode)(inputs[0]), theirs.train(mode)(inputs[1]))
            close(*outs, name)
            pull(outs)
            close(inputs[0].grad, inputs[1].grad, "gradient of the input", LOOSE.get(name))
            same_gradients(ours, theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_printed_form(name):
    build, _ = LAYERS[name]
    assert repr(build(mt.nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("name", LAYERS)
def test_state_goes_back(name):
    build, _ = LAYERS[name]
    ours, theirs = build(mt.nn), build(torch.nn)
    state = {key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()}
    assert not any(theirs.load_state_dict(state))
    for (key, a), (_, b) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        close(a, b, key)


@pytest.mark.parametrize(("name", "shape", "sizes"), [
    ("ConvTranspose1d", (2, 2, 4), [(8,), (9,), (2, 3, 9)]),
    ("ConvTranspose2d", (1, 2, 3, 4), [(7, 8), (6, 9), (1, 3, 7, 9)]),
    ("ConvTranspose3d", (2, 3, 2, 2), [(5, 5, 4), (4, 4, 4)]),
])  # fmt: skip
def test_sizes_of_transposes(name, shape, sizes):
    ours, theirs = pair_of(lambda lib: getattr(lib.nn, name)(2, 3, 3, stride=2, padding=1, dilation=1))
    x = tensors(np.random.default_rng(0).normal(size=shape).astype("f"))
    for size in sizes:
        n = int(name[-2])
        wanted = [2 * m - 1 for m in shape[-n:]]
        legal = all(0 <= s - w < 2 for s, w in zip(size[-n:], wanted))
        if legal:
            close(ours(x[0], size), theirs(x[1], output_size=list(size)), "output_size")
        else:
            for layer, each in zip((ours, theirs), x):
                with pytest.raises(ValueError, match="requested an output size"):
                    layer(each, list(size))


def test_embedding():
    ours, theirs = pair_of(lambda lib: lib.nn.Embedding(7, 3, padding_idx=2))
    data = np.array([[1, 2, 2], [6, 1, 0]])
    outs = ours(mt.tensor(data)), theirs(torch.tensor(data))
    close(*outs, "embedding")
    pull(outs)
    same_gradients(ours, theirs)
    assert not array(ours.weight.grad)[2].any()
    assert repr(ours) == repr(theirs)


def test_embedding_max_norm():
    ours, theirs = pair_of(lambda lib: lib.nn.Embedding(7, 30, max_norm=1.0))
    data = np.array([1, 2, 2])
    close(ours(mt.tensor(data)), theirs(torch.tensor(data)), "embedding")
    close(ours.weight, theirs.weight, "shortened in place")


def test_bilinear():
    ours, theirs = pair_of(lambda lib: lib.nn.Bilinear(3, 4, 2))
    rng = np.random.default_rng(0)
    first, second = (tensors(rng.normal(size=(5, n)).astype("f"), requires_grad=True) for n in (3, 4))
    outs = ours(first[0], second[0]), theirs(first[1], second[1])
    close(*outs, "bilinear")
    pull(outs)
    same_gradients(ours, theirs)
    close(second[0].grad, second[1].grad, "gradient")


def test_conv_transpose_output_size():
    ours, theirs = pair_of(lambda lib: lib.nn.ConvTranspose2d(2, 3, 3, stride=2))
    x = tensors(np.ones((1, 2, 3, 3), "f"))
    close(ours(x[0], output_size=(8, 8)), theirs(x[1], output_size=(8, 8)), "output_size")


def net(lib):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = lib.nn.Linear(6, 5)
            self.norm = lib.nn.BatchNorm1d(5)
            self.layers = lib.nn.ModuleList([lib.nn.Linear(5, 5) for _ in range(2)])
            self.heads = lib.nn.ModuleDict({"b": lib.nn.Linear(5, 2), "a": lib.nn.Linear(5, 1, bias=False)})
            self.scale = lib.nn.Parameter(lib.ones(5))
            self.register_buffer("offset", lib.zeros(5))
            self.register_buffer("cache", lib.zeros(5), persistent=False)
            self.register_parameter("nothing", None)

        def forward(self, x):
            x = lib.relu(self.norm(self.fc1(x))) * self.scale + self.offset
            for layer in self.layers:
                x = x + layer(x)
            return lib.cat([self.heads["a"](x), self.heads["b"](x)], 1)

    return Net()


def test_model():
    ours, theirs = pair_of(net)
    x = tensors(np.random.default_rng(0).normal(size=(4, 6)).astype("f"), requires_grad=True)
    outs = ours(x[0]), theirs(x[1])
    close(*outs, "model")
    pull(outs)
    same_gradients(ours, theirs)
    close(x[0].grad, x[1].grad, "gradient")
    assert repr(ours) == repr(theirs)
    for listing in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, listing)()] == [n for n, _ in getattr(theirs, listing)()], listing


@pytest.mark.parametrize(("mask", "causal"), [(None, False), (None, True), ("bool", False), ("float", False)])
def test_attention(mask, causal):
    rng = np.random.default_rng(0)
    qkv = [rng.normal(size=(2, 3, n, 4)) for n in (5, 6, 6)]
    masks = {"bool": rng.random((5, 6)) < 0.7, "float": rng.normal(size=(2, 1, 5, 6)), None: None}
    outs, leaves = [], []
    for lib in LIBRARIES:
        inputs = [lib.tensor(x).requires_grad_() for x in qkv]
        given = None if mask is None else lib.tensor(masks[mask])
        outs.append(lib.nn.functional.scaled_dot_product_attention(*inputs, given, is_causal=causal))
        leaves.append(inputs)
    close(*outs, "attention")
    pull(tuple(outs))
    for a, b in zip(*leaves):
        close(a.grad, b.grad, "gradient")


def test_attention_groups():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, heads, 5, 4)) for heads in (6, 2, 2))
    outs = [
        lib.nn.functional.scaled_dot_product_attention(*map(lib.tensor, (q, k, v)), enable_gqa=True, scale=0.3)
        for lib in LIBRARIES
    ]
    close(*outs, "grouped attention")


def attention(lib, mask):
    return lib.nn.functional.scaled_dot_product_attention(*[lib.ones(3, 4)] * 3, attn_mask=mask)


FUNCTIONS = {
    "normalize": lambda lib, x: lib.nn.functional.normalize(x, dim=1),
    "cosine": lambda lib, x: lib.nn.functional.cosine_similarity(x, x * x + 1, dim=1),
    "pad": lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1), value=3.0),
    "pad replicate": lambda lib, x: lib.nn.functional.pad(x[None], (1, 2, 0, 1), mode="replicate"),
    "instance norm": lambda lib, x: lib.nn.functional.instance_norm(x[None]),
    "one hot": lambda lib, x: x[:, :3] * lib.nn.functional.one_hot(lib.tensor([0, 2, 1, 0]), 3),
    "max pool indices": lambda lib, x: lib.nn.functional.max_pool1d(x, 2, return_indices=True)[0],
    "relu in place": lambda lib, x: lib.nn.functional.relu(x * 1, inplace=True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functional(name):
    x = tensors(np.random.default_rng(0).normal(size=(4, 6)), requires_grad=True)
    outs = tuple(FUNCTIONS[name](lib, each) for lib, each in zip(LIBRARIES, x))
    close(*outs, name)
    pull(outs)
    close(x[0].grad, x[1].grad, "gradient")


# Weights and biases of other shapes than a layer's.
LINEAR = {
    "a bias of one number": lambda f, x: f.linear(x, x[:3], x[0, :1]),
    "a bias without axes": lambda f, x: f.linear(x, x[:3], x[0, 0]),
    "a bias for each example": lambda f, x: f.linear(x, x[:3], x[:, :1]),
    "a bias for each number": lambda f, x: f.linear(x, x[:3], x[:, :3]),
    "a weight of one axis": lambda f, x: f.linear(x, x[1]),
    "a square and a vector": lambda f, x: f.linear(x[:, :4], x[1, :4]),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", LINEAR)
def test_linear(name, compiled):
    x = tensors(np.random.default_rng(0).normal(size=(4, 6)), requires_grad=True)

    def pulled(lib, x):
        out = LINEAR[name](lib.nn.functional, x)
        (out * out).sum().backward()
        return out

    outs = (mt.jit(pulled, static_argnums=0) if compiled else pulled)(mt, x[0]), pulled(torch, x[1])
    close(*outs, name)
    close(x[0].grad, x[1].grad, "gradient")


def test_in_place_relu_changes_its_input():
    for lib in LIBRARIES:
        x = lib.tensor([-1.0, 2.0])
        assert lib.nn.ReLU(inplace=True)(x) is x
        assert x.tolist() == [0.0, 2.0]


STATISTICS = {
    "linear": lambda n: n.Linear(300, 200),
    "conv2d": lambda n: n.Conv2d(16, 32, 5),
    "conv transpose 2d": lambda n: n.ConvTranspose2d(16, 32, 5),
    "embedding": lambda n: n.Embedding(300, 100),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_initial_distribution(name):
    made = []
    for lib in LIBRARIES:
        lib.manual_seed(0)
        made.append(STATISTICS[name](lib.nn))
    for (label, a), (_, b) in zip(*(layer.named_parameters() for layer in made)):
        mine, other = array(a), array(b)
        slack = 4 / np.sqrt(mine.size)
        assert abs(mine.std() / other.std() - 1) < slack, label
        assert abs(mine.mean() - other.mean()) < slack * other.std(), label
        assert abs(mine.max() / other.max() - 1) < 0.3, label


INITS = {
    "uniform_": {"a": -1.0, "b": 2.0},
    "normal_": {"mean": 1.0, "std": 2.0},
    "trunc_normal_": {"std": 1.5, "a": -1.0},
    "constant_": {"val": 3.0},
    "zeros_": {},
    "ones_": {},
    "eye_": {},
    "xavier_uniform_": {"gain": 2.0},
    "xavier_normal_": {},
    "kaiming_uniform_": {"a": 0.3},
    "kaiming_normal_": {"mode": "fan_out", "nonlinearity": "relu"},
    "orthogonal_": {"gain": 2.0},
    "sparse_": {"sparsity": 0.5, "std": 1.0},
}


@pytest.mark.parametrize("name", INITS)
def test_init(name):
    made = []
    for lib in LIBRARIES:
        tensor = lib.empty(400, 300)
        assert getattr(lib.nn.init, name)(tensor, **INITS[name]) is tensor
        made.append(array(tensor))
    mine, other = made
    assert abs(mine.mean() - other.mean()) < 0.05 * (other.std() + 0.1)
    assert abs(mine.std() - other.std()) < 0.05 * other.std() + 1e-7
    assert abs(mine.max() - other.max()) < 0.3 * abs(other.max()) + 1e-7
    if name == "orthogonal_":
        np.testing.assert_allclose(mine.T @ mine, 4 * np.eye(300), atol=1e-4)


def test_dirac_and_gain():
    made = [array(lib.nn.init.dirac_(lib.empty(4, 2, 3, 3), groups=2)) for lib in LIBRARIES]
    np.testing.assert_array_equal(*made)
    for name, param in (("relu", None), ("tanh", None), ("leaky_relu", 0.2), ("selu", None), ("linear", None)):
        assert mt.nn.init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


def test_clipping():
    rng = np.random.default_rng(0)
    data = [rng.normal(size=shape).astype("f") for shape in ((3, 4), (5,))]
    for norm_type in (2.0, 1.0, float("inf")):
        parameters = []
        for lib in LIBRARIES:
            each = [lib.nn.Parameter(lib.tensor(x)) for x in data]
            for p in each:
                p.grad = p.detach() * 3
            each.append(lib.nn.Parameter(lib.zeros(1)))
            parameters.append((lib.nn.utils.clip_grad_norm_(each, 1.0, norm_type), each))
        (mine, ours), (other, theirs) = parameters
        close(mine, other, "norm")
        for a, b in zip(ours[:-1], theirs[:-1]):
            close(a.grad, b.grad, "clipped")
        for lib, each in zip(LIBRARIES, (ours, theirs)):
            lib.nn.utils.clip_grad_value_(each, 0.05)
        for a, b in zip(ours[:-1], theirs[:-1]):
            close(a.grad, b.grad, "limited")


def test_loading_complains_alike():
    ours, theirs = net(mt), net(torch)
    for lib, model in zip(LIBRARIES, (ours, theirs)):
        state = dict(model.state_dict())
        state["extra"] = state.pop("scale")
        state["offset"] = lib.zeros(3)
        with pytest.raises(RuntimeError) as caught:
            model.load_state_dict(state)
        for part in (
            'Missing key(s) in state_dict: "scale"',
            'Unexpected key(s) in state_dict: "extra"',
            "size mismatch",
        ):
            assert part in str(caught.value)
        del state["offset"]
        found = model.load_state_dict(state, strict=False)
        assert found.missing_keys == ["scale", "offset"]
        assert found.unexpected_keys == ["extra"]


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d"])
def test_nothing_leaves_running_statistics_as_they_are(name):
    ours, theirs = pair_of(lambda lib: getattr(lib.nn, name)(3, track_running_stats=True))
    for lib, layer in zip(LIBRARIES, (ours, theirs)):
        layer(lib.ones(2, 3, 4) * lib.arange(4.0))
    ours(mt.zeros(0, 3, 4))
    for (key, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers()):
        if key != "num_batches_tracked":
            close(a, b, key)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mixed", [True, False])
def test_batch_norm_of_half_numbers(mixed, training):
    rng = np.random.default_rng(0)
    data, rows = rng.normal(size=(6, 4)).astype("f"), [rng.uniform(0.5, 2, 4).astype("f") for _ in range(4)]
    outs = []
    for lib in LIBRARIES:
        kept = [lib.tensor(row).to(lib.float32 if mixed else lib.bfloat16) for row in rows]
        outs.append(lib.nn.functional.batch_norm(lib.tensor(data).bfloat16(), *kept, training=training))
    assert outs[0].dtype == mt.bfloat16
    np.testing.assert_allclose(*(array(out.float()) for out in outs), rtol=0.01, atol=0.03)


def test_hard_samples_are_one_hot_at_ties():
    logits = mt.zeros(500, 40, dtype=mt.float16)
    hard = mt.nn.functional.gumbel_softmax(logits, tau=50.0, hard=True)
    assert (hard.float().sum(-1) == 1).all()
    assert mt.nn.functional.gumbel_softmax(logits, hard=True, dim=0).float().sum(0).tolist() == [1.0] * 40


REPEATS = {
    "product": lambda n: n.Sequential(n.ReLU(), n.Tanh()) * 2,
    "product from the left": lambda n: 2 * n.Sequential(n.ReLU()),
    "product in place": lambda n: operator.imul(n.Sequential(n.ReLU(), n.Tanh()), 2),
}


@pytest.mark.parametrize("name", REPEATS)
def test_repeated(name):
    assert repr(REPEATS[name](mt.nn)) == repr(REPEATS[name](torch.nn))


def of(lib, **entries):
    return lib.nn.ParameterDict({key: lib.ones(n) for key, n in entries.items()})


DICTS = {
    "copy": lambda lib: of(lib, a=1, b=2).copy(),
    "get": lambda lib: of(lib, a=1).get("b", of(lib, c=3)),
    "setdefault": lambda lib: [d := of(lib, a=1), d.setdefault("a", lib.ones(5)), d.setdefault("b", lib.ones(2))][0],
    "popitem": lambda lib: lib.nn.ParameterDict([of(lib, a=1, b=2).popitem()]),
    "fromkeys": lambda lib: of(lib).fromkeys(["x", "y"], lib.nn.Parameter(lib.ones(2))),
    "union": lambda lib: of(lib, a=1, b=1) | of(lib, b=2, c=3),
    "union in place": lambda lib: operator.ior(of(lib, a=1), of(lib, b=2)),
}


@pytest.mark.parametrize("name", DICTS)
def test_parameter_dict(name):
    ours, theirs = (DICTS[name](lib) for lib in LIBRARIES)
    assert [(k, tuple(p.shape)) for k, p in ours.items()] == [(k, tuple(p.shape)) for k, p in theirs.items()]
    assert isinstance(ours, mt.nn.ParameterDict)


@pytest.mark.parametrize("kind", ["Bilinear", "PReLU"])
def test_parameters_begin_anew(kind):
    layer = mt.nn.Bilinear(2, 3, 4) if kind == "Bilinear" else mt.nn.PReLU(3, init=0.5)
    before = [p.detach().clone() for p in layer.parameters()]
    for p in layer.parameters():
        mt.nn.init.constant_(p, 7.0)
    layer.reset_parameters()
    for p, first in zip(layer.parameters(), before):
        assert (p == first).all() if kind == "PReLU" else p.abs().max() <= 2**-0.5


BAD = {
    "bilinear sizes": lambda lib: lib.nn.Bilinear(3, 4, 2)(lib.zeros(5, 3), lib.zeros(5, 1)),
    "bilinear dtypes": lambda lib: lib.nn.Bilinear(3, 4, 2)(lib.zeros(5, 3), lib.zeros(5, 4, dtype=lib.float64)),
    "batch norm eps": lambda lib: lib.nn.functional.batch_norm(lib.ones(3, 2), lib.ones(2), lib.ones(2), eps=-1.0),
    "batch norm dtypes": lambda lib: lib.nn.functional.batch_norm(
        lib.ones(3, 2), lib.ones(2), lib.ones(2), lib.ones(2, dtype=lib.float64)
    ),
    "group norm scale": lambda lib: lib.nn.functional.group_norm(lib.ones(3, 4, 2), 2, lib.ones(1)),
    "instance norm scale": lambda lib: lib.nn.functional.instance_norm(lib.ones(3, 4, 2), weight=lib.ones(1)),
    "rms norm scale": lambda lib: lib.nn.functional.rms_norm(lib.ones(3, 4), (4,), lib.ones(1)),
    "attention mask of integers": lambda lib: attention(lib, lib.zeros(3, 3, dtype=lib.int64)),
    "attention mask in double": lambda lib: attention(lib, lib.zeros(3, 3, dtype=lib.float64)),
    "attention dtypes": lambda lib: lib.nn.functional.scaled_dot_product_attention(
        lib.ones(3, 4), lib.ones(3, 4, dtype=lib.float64), lib.ones(3, 4)
    ),
    "dropout of four axes": lambda lib: lib.nn.functional.dropout1d(lib.ones(2, 2, 2, 2)),
    "celu alpha": lambda lib: lib.nn.functional.celu(lib.ones(2), 0.0),
    "rrelu limits": lambda lib: lib.nn.functional.rrelu(lib.ones(2), 0.5, 0.2),
    "unflatten dim": lambda lib: lib.nn.Unflatten(5, (2, 2))(lib.ones(2, 3, 4)),
    "no repeat": lambda lib: lib.nn.Sequential(lib.nn.ReLU()) * 0,
    "half a repeat": lambda lib: lib.nn.Sequential(lib.nn.ReLU()) * 1.5,
    "linear bias of integers": lambda lib: lib.nn.functional.linear(
        lib.zeros(2, 3), lib.zeros(4, 3), lib.zeros(4, dtype=lib.int64)
    ),
    "linear weight of integers": lambda lib: lib.nn.functional.linear(lib.zeros(2, 3), lib.zeros(4, 3).long()),
    "linear sizes": lambda lib: lib.nn.Linear(5, 3)(lib.zeros(2, 4)),
    "linear dtypes": lambda lib: lib.nn.Linear(5, 3)(lib.zeros(2, 5, dtype=lib.float64)),
    "conv channels": lambda lib: lib.nn.Conv2d(3, 4, 3)(lib.zeros(1, 2, 8, 8)),
    "conv rank": lambda lib: lib.nn.Conv2d(3, 4, 3)(lib.zeros(8, 8)),
    "conv kernel": lambda lib: lib.nn.Conv2d(3, 4, 9)(lib.zeros(1, 3, 4, 4)),
    "conv groups": lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2),
    "conv padding": lambda lib: lib.nn.Conv2d(3, 4, 3, padding="sane"),
    "conv stride same": lambda lib: lib.nn.Conv2d(3, 4, 3, padding="same", stride=2),
    "batch norm rank": lambda lib: lib.nn.BatchNorm2d(3)(lib.zeros(2, 3)),
    "batch norm channels": lambda lib: lib.nn.BatchNorm2d(3)(lib.zeros(2, 4, 2, 2)),
    "batch norm of one": lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(1, 3)),
    "layer norm shape": lambda lib: lib.nn.LayerNorm(5)(lib.zeros(2, 4)),
    "group norm groups": lambda lib: lib.nn.GroupNorm(3, 4),
    "embedding range": lambda lib: lib.nn.Embedding(5, 2)(lib.tensor([5])),
    "embedding negative": lambda lib: lib.nn.Embedding(5, 2)(lib.tensor([-1])),
    "embedding floats": lambda lib: lib.nn.Embedding(5, 2)(lib.zeros(2)),
    "embedding padding": lambda lib: lib.nn.Embedding(5, 2, padding_idx=7),
    "dropout probability": lambda lib: lib.nn.Dropout(1.5),
    "softmax dim": lambda lib: lib.nn.Softmax(dim=3)(lib.zeros(2, 2)),
    "glu odd": lambda lib: lib.nn.GLU()(lib.zeros(2, 3)),
    "no forward": lambda lib: lib.nn.Module()(1),
    "no init": lambda lib: type("M", (lib.nn.Module,), {"__init__": lambda s: setattr(s, "a", lib.nn.ReLU())})(),
    "parameter replaced": lambda lib: setattr(lib.nn.Linear(2, 2), "weight", 3),
    "module replaced": lambda lib: setattr(lib.nn.Sequential(lib.nn.ReLU()), "0", 3),
    "dotted name": lambda lib: lib.nn.Module().register_parameter("a.b", None),
    "taken name": lambda lib: lib.nn.Module().register_buffer("forward", None),
    "buffer named as a layer": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).register_buffer("0", None),
    "buffer named as a parameter": lambda lib: lib.nn.Linear(2, 2).register_buffer("bias", lib.ones(2)),
    "parameter named as a layer": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).register_parameter("0", None),
    "parameter named as a buffer": lambda lib: lib.nn.BatchNorm1d(2).register_parameter("running_mean", None),
    "layer named as a parameter": lambda lib: lib.nn.Linear(2, 2).add_module("bias", None),
    "layer in place of a parameter": lambda lib: setattr(lib.nn.Linear(2, 2), "bias", lib.nn.ReLU()),
    "non-leaf parameter": lambda lib: lib.nn.Module().register_parameter("a", lib.ones(2, requires_grad=True) * 2),
    "unknown attribute": lambda lib: lib.nn.Linear(2, 2).wait,
    "submodule": lambda lib: lib.nn.Linear(2, 2).get_submodule("a.b"),
    "list index": lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])[3],
    "train mode": lambda lib: lib.nn.ReLU().train("yes"),
    "to integers": lambda lib: lib.nn.Linear(2, 2).to(lib.int32),
    "gain": lambda lib: lib.nn.init.calculate_gain("rely"),
    "uniform limits": lambda lib: lib.nn.init.uniform_(lib.zeros(3), 2.0, 1.0),
    "truncated limits": lambda lib: lib.nn.init.trunc_normal_(lib.zeros(3), a=2.0, b=1.0),
    "deviation": lambda lib: lib.nn.init.normal_(lib.zeros(3), 0.0, -1.0),
    "fan": lambda lib: lib.nn.init.kaiming_uniform_(lib.zeros(3)),
    "state of wrong type": lambda lib: lib.nn.Linear(2, 2).load_state_dict([1]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(BAD[name])) > 10
