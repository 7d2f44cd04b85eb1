"""Recurrent layers, attention, transformers and bags of embeddings give PyTorch's results, gradients, states and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .pairs import LIBRARIES, both_raise, close, pair_of, same_gradients  # noqa: E402
from .sequence import (  # noqa: E402
    ATTENTIONS,
    BAGS,
    BATCH,
    BLOCKS,
    CELLS,
    FEATURES,
    HEADS,
    MODEL,
    RECURRENT,
    SOURCES,
    STEPS,
    TARGETS,
    WIDTH,
    masks,
)

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]


def flat(x: Any) -> list[Any]:
    """Return the tensors of a result."""
    if x is None:
        return []
    return [leaf for each in x for leaf in flat(each)] if isinstance(x, (tuple, list)) else [x]


def normal(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def combined(lib: Any, outs: list[Any], seed: int) -> Any:
    """Return a random combination of all numbers."""
    rng = np.random.default_rng(seed)
    return sum((x * lib.tensor(rng.normal(size=tuple(x.shape))).to(x.dtype)).sum() for x in outs)


def compare(modules: Any, call: Any, *data: np.ndarray, second: bool = False) -> None:
    """Compare results and gradients of inputs and parameters, and second ones of the inputs and parameters."""
    outs, leaves, again = [], [], []
    for lib, module in zip(LIBRARIES, modules):
        inputs = [lib.tensor(x, requires_grad=True) for x in data]
        if module is not None:
            module.zero_grad()
        found = flat(call(lib, module, *inputs))
        combined(lib, found, 1).backward()
        outs.append(found)
        leaves.append([x.grad for x in inputs])
        if second:
            every = [*inputs, *(module.parameters() if module is not None else ())]
            first = lib.autograd.grad(combined(lib, flat(call(lib, module, *inputs)), 1), every, create_graph=True)
            total = combined(lib, [g for g in first if g.requires_grad], 2)
            again.append(lib.autograd.grad(total, every, allow_unused=True))
    for k, (a, b) in enumerate(zip(*outs, strict=True)):
        close(a, b, f"result {k}")
    for k, (a, b) in enumerate(zip(*leaves, strict=True)):
        close(a, b, f"gradient of input {k}")
    if modules[0] is not None:
        same_gradients(*modules)
    for k, (a, b) in enumerate(zip(*again)):
        if b is not None:
            close(a, b, f"second gradient {k}", 1e-7)


def build(kind: str, *sizes: int, **options: Any) -> Any:
    return pair_of(lambda lib: getattr(lib.nn, kind)(*sizes, **options), "float64")


# --------------------------------------------------------------------------- recurrent layers


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent(name):
    kind, options = RECURRENT[name]
    modules = build(kind, FEATURES, WIDTH, **options)
    assert repr(modules[0]) == repr(modules[1])
    assert [[p.shape for p in row] for row in modules[0].all_weights] == [
        [tuple(p.shape) for p in row] for row in modules[1].all_weights
    ]
    shape = (BATCH, STEPS) if options["batch_first"] else (STEPS, BATCH)
    compare(modules, lambda lib, m, x: m(x), normal(*shape, FEATURES))
    states = [normal(*each, seed=k) for k, each in enumerate(state_shapes(kind, options), 1)]

    def with_states(lib: Any, m: Any, x: Any, *hx: Any) -> Any:
        return m(x, hx if len(hx) > 1 else hx[0])

    compare(modules, with_states, normal(*shape, FEATURES), *states)
    compare(modules, with_states, normal(STEPS, FEATURES), *(h[:, 0] for h in states))


def state_shapes(kind: str, options: dict[str, Any]) -> list[tuple[int, ...]]:
    places = options["num_layers"] * (1 + options["bidirectional"])
    hidden = (places, BATCH, options.get("proj_size") or WIDTH)
    return [hidden, (places, BATCH, WIDTH)] if kind == "LSTM" else [hidden]


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("name", [name for name in RECURRENT if "without" not in name])
def test_packed(name, enforce_sorted):
    kind, options = RECURRENT[name]
    modules, first = build(kind, FEATURES, WIDTH, **options), options["batch_first"]
    lengths = [STEPS, 3, 1] if enforce_sorted else [2, STEPS, 3]
    states = [normal(*each, seed=k) for k, each in enumerate(state_shapes(kind, options), 1)]

    def call(lib: Any, m: Any, x: Any, *hx: Any) -> Any:
        rnn = lib.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, first, enforce_sorted)
        out, final = m(packed, hx if len(hx) > 1 else hx[0])
        assert isinstance(out, rnn.PackedSequence)
        return *rnn.pad_packed_sequence(out, first, padding_value=2.0), out.data, final

    shape = (BATCH, STEPS) if first else (STEPS, BATCH)
    outs = []
    for lib, module in zip(LIBRARIES, modules):
        outs.append(flat(call(lib, module, *map(lib.tensor, (normal(*shape, FEATURES), *states)))))
    for a, b in zip(*outs, strict=True):
        close(a, b, name)

    def without_lengths(*args: Any) -> Any:
        x, _, data, final = call(*args)
        return x, data, final

    compare(modules, without_lengths, normal(*shape, FEATURES), *states)


@pytest.mark.parametrize("name", ["rnn 1", "rnn relu 1 both", "lstm 1", "lstm 2 both", "lstm projected 1", "gru 2"])
def test_second_gradients_of_recurrent_layers(name):
    kind, options = RECURRENT[name]
    states = [normal(*each, seed=k) for k, each in enumerate(state_shapes(kind, options), 1)]
    modules = build(kind, FEATURES, WIDTH, **options)
    # PyTorch's CPU kernel of projected layers has none.
    compare(
        modules,
        lambda lib, m, x, *hx: m(x, hx if len(hx) > 1 else hx[0]),
        normal(STEPS, BATCH, FEATURES),
        *states,
        second=True,
    )


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_float32_and_float16(kind):
    modules = pair_of(lambda lib: getattr(lib.nn, kind)(FEATURES, WIDTH, num_layers=2, bidirectional=True))
    outs = [flat(m(lib.tensor(normal(STEPS, BATCH, FEATURES, dtype="float32")))) for lib, m in zip(LIBRARIES, modules)]
    for a, b in zip(*outs, strict=True):
        close(a, b, kind)
    half = modules[0].half()(mt.tensor(normal(STEPS, BATCH, FEATURES)).half())
    for a, b in zip(flat(half), outs[1], strict=True):
        assert a.dtype == mt.float16
        np.testing.assert_allclose(array(a).astype("f"), array(b), atol=5e-3)


def test_dropout_between_layers():
    for kind in ("RNN", "LSTM", "GRU"):
        layer = getattr(mt.nn, kind)(FEATURES, WIDTH, 2, dropout=0.5)
        x = mt.tensor(normal(STEPS, BATCH, FEATURES, dtype="float32"))
        first, second = (array(layer(x)[0]) for _ in range(2))
        assert not np.array_equal(first, second)
        layer.eval()
        np.testing.assert_array_equal(*(array(layer(x)[0]) for _ in range(2)))
    everything = mt.nn.RNN(FEATURES, WIDTH, 2, dropout=1.0, bias=False)
    assert not array(everything(x)[0]).any()


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_cell(name, alone):
    kind, options = CELLS[name]
    modules = build(kind, FEATURES, WIDTH, **options)
    assert repr(modules[0]) == repr(modules[1])
    lead = () if alone else (BATCH,)
    count = 2 if kind == "LSTMCell" else 1
    states = [normal(*lead, WIDTH, seed=k) for k in range(1, count + 1)]
    compare(modules, lambda lib, m, x: m(x), normal(*lead, FEATURES))
    compare(
        modules,
        lambda lib, m, x, *hx: m(x, hx if count > 1 else hx[0]),
        normal(*lead, FEATURES),
        *states,
        second=not alone,
    )


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_top_level_functions(kind):
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    weights = [normal(gates * WIDTH, n, seed=n) / 3 for n in (FEATURES, WIDTH)] + [normal(gates * WIDTH)] * 2
    states = [normal(1, BATCH, WIDTH, seed=k) for k in range(2 if kind == "lstm" else 1)]

    def call(lib: Any, _: Any, x: Any, *rest: Any) -> Any:
        hx, params = rest[: len(states)], list(rest[len(states) :])
        hx = hx if len(hx) > 1 else hx[0]
        return getattr(lib, kind)(x, hx, params, True, 1, 0.0, True, False, False)

    def packed(lib: Any, _: Any, x: Any, *rest: Any) -> Any:
        hx, params = rest[: len(states)], list(rest[len(states) :])
        hx = hx if len(hx) > 1 else hx[0]
        return getattr(lib, kind)(x, lib.tensor([3, 2, 1]), hx, params, True, 1, 0.0, True, False)

    compare((None, None), call, normal(STEPS, BATCH, FEATURES), *states, *weights)
    compare((None, None), packed, normal(6, FEATURES), *states, *weights)

    def cell(lib: Any, _: Any, x: Any, *rest: Any) -> Any:
        hx, params = [h[0] for h in rest[: len(states)]], rest[len(states) :]
        return getattr(lib, f"{kind}_cell")(x, hx if kind == "lstm" else hx[0], *params)

    compare((None, None), cell, normal(BATCH, FEATURES), *states, *weights)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "LSTMCell"])
def test_initial_distribution(kind):
    layer = getattr(mt.nn, kind)(50, 64)
    for p in layer.parameters():
        data = array(p)
        assert abs(data).max() <= 1 / 8
        assert abs(data.std() * 8 * 3**0.5 - 1) < 0.2
    before = array(layer.weight_ih if kind == "LSTMCell" else layer.weight_ih_l0).copy()
    layer.reset_parameters()
    assert not np.array_equal(before, array(layer.weight_ih if kind == "LSTMCell" else layer.weight_ih_l0))


def test_grad_and_vmap_over_modules():
    """Per-example gradients through functional_call are those of each example alone."""
    for kind in ("RNN", "LSTM", "GRU"):
        layer = getattr(mt.nn, kind)(FEATURES, WIDTH).double()
        params = {name: p.detach() for name, p in layer.named_parameters()}
        xs = mt.tensor(normal(3, STEPS, FEATURES))

        def loss(params, x, layer=layer):
            return mt.func.functional_call(layer, params, (x,))[0].square().sum()

        found = mt.func.vmap(mt.func.grad(loss), in_dims=(None, 0))(params, xs)
        for k in range(3):
            one = mt.func.grad(loss)(params, xs[k])
            for name, g in one.items():
                np.testing.assert_allclose(array(found[name])[k], array(g), rtol=1e-9, atol=1e-12)


# --------------------------------------------------------------------------- packed sequences


def test_packing():
    for lib in LIBRARIES:
        rnn = lib.nn.utils.rnn
        sequences = [lib.tensor(x) for x in ([1, 2], [3, 4, 5], [6])]
        packed = rnn.pack_sequence(sequences, enforce_sorted=False)
        assert packed.data.tolist() == [3, 1, 6, 4, 2, 5]
        assert packed.batch_sizes.tolist() == [3, 2, 1]
        assert packed.sorted_indices.tolist() == [1, 0, 2]
        assert packed.unsorted_indices.tolist() == [1, 0, 2]
        assert [x.tolist() for x in rnn.unpack_sequence(packed)] == [[1, 2], [3, 4, 5], [6]]
        padded, lengths = rnn.pad_packed_sequence(packed, True, -1, total_length=4)
        assert padded.tolist() == [[1, 2, -1, -1], [3, 4, 5, -1], [6, -1, -1, -1]]
        assert lengths.tolist() == [2, 3, 1]
        assert rnn.pad_sequence(sequences, True, 0.0, "left").tolist() == [[0, 1, 2], [3, 4, 5], [0, 0, 6]]
        assert rnn.pad_sequence(sequences).tolist() == [[1, 3, 6], [2, 4, 0], [0, 5, 0]]
        unpadded = rnn.unpad_sequence(rnn.pad_sequence(sequences, True), lengths, True)
        assert [x.tolist() for x in unpadded] == [[1, 2], [3, 4, 5], [6]]
        assert packed.double().data.dtype == lib.float64
        assert rnn.invert_permutation(lib.tensor([2, 0, 1])).tolist() == [1, 2, 0]
        assert packed.to(lib.int64) is packed
        assert not packed.is_cuda


# --------------------------------------------------------------------------- attention


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_multihead_attention(name, need_weights):
    options, mask = ATTENTIONS[name]
    modules = build("MultiheadAttention", MODEL, HEADS, **options)
    assert repr(modules[0]) == repr(modules[1])
    widths = (options.get("kdim", MODEL), options.get("vdim", MODEL))
    shapes = [(TARGETS, BATCH, MODEL), *((SOURCES, BATCH, n) for n in widths)]
    if options["batch_first"]:
        shapes = [(b, t, n) for t, b, n in shapes]

    def call(lib: Any, m: Any, q: Any, k: Any, v: Any) -> Any:
        given = {key: lib.tensor(x) for key, x in masks(mask).items()}
        average = not mask.startswith("float")
        return m(q, k, v, need_weights=need_weights, average_attn_weights=average, **given)

    compare(modules, call, *(normal(*shape, seed=k) for k, shape in enumerate(shapes)))


def test_shared_operands_and_no_batch():
    modules = build("MultiheadAttention", MODEL, HEADS)
    compare(modules, lambda lib, m, x: m(x, x, x), normal(TARGETS, BATCH, MODEL), second=True)
    compare(modules, lambda lib, m, x: m(x, x, x), normal(TARGETS, MODEL))
    compare(modules, lambda lib, m, x, y: m(x, y, y), normal(TARGETS, BATCH, MODEL), normal(SOURCES, BATCH, MODEL))
    compare(
        modules,
        lambda lib, m, x: m(x, x, x, key_padding_mask=lib.tensor([False, True, False, True]), need_weights=False),
        normal(TARGETS, MODEL),
    )
    causal = np.triu(np.full((TARGETS, TARGETS), -np.inf), 1)
    compare(
        modules,
        lambda lib, m, x: m(x, x, x, attn_mask=lib.tensor(causal), is_causal=True, need_weights=False),
        normal(TARGETS, BATCH, MODEL),
    )


def test_static_keys():
    weights = normal(3 * MODEL, MODEL), normal(3 * MODEL), normal(MODEL, MODEL), normal(MODEL)
    static = normal(BATCH * HEADS, 7, MODEL // HEADS, seed=5), normal(BATCH * HEADS, 7, MODEL // HEADS, seed=6)

    def call(lib: Any, _: Any, x: Any, w: Any, b: Any, wo: Any, bo: Any, k: Any, v: Any) -> Any:
        function = lib.nn.functional.multi_head_attention_forward
        fixed = (None, None, False, 0.0)
        return function(x, x, x, MODEL, HEADS, w, b, *fixed, wo, bo, static_k=k, static_v=v)

    compare((None, None), call, normal(TARGETS, BATCH, MODEL), *weights, *static)


def test_a_query_that_sees_nothing():
    layer = mt.nn.MultiheadAttention(MODEL, HEADS, bias=False, batch_first=True).double()
    x = mt.tensor(normal(BATCH, TARGETS, MODEL), requires_grad=True)
    mask = np.zeros((TARGETS, TARGETS), bool)
    mask[1] = True
    out, weights = layer(x, x, x, attn_mask=mt.tensor(mask))
    out.sum().backward()
    assert not array(out)[:, 1].any() and not array(weights)[:, 1].any()
    assert np.isfinite(array(x.grad)).all()


def test_attention_dropout():
    layer = mt.nn.MultiheadAttention(MODEL, HEADS, dropout=0.5)
    x = mt.tensor(normal(TARGETS, BATCH, MODEL, dtype="float32"))
    outs = [array(layer(x, x, x)[0]) for _ in range(2)]
    assert not np.array_equal(*outs)
    weights = array(layer(x, x, x, average_attn_weights=False)[1])
    assert 0.2 < (weights == 0).mean() < 0.8
    layer.eval()
    np.testing.assert_array_equal(*(array(layer(x, x, x)[0]) for _ in range(2)))


@pytest.mark.parametrize("mask", [None, "bool", "float", "broadcast"])
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_scaled_dot_product_attention(mask, groups, scale):
    heads = (4, 2) if groups else (2, 2)
    shapes = [(BATCH, heads[0], TARGETS, 3), (BATCH, heads[1], SOURCES, 3), (BATCH, heads[1], SOURCES, 2)]
    rng = np.random.default_rng(0)
    seen = rng.random((TARGETS, SOURCES)) < 0.6
    seen[:, 0] = True
    given = {"bool": seen, "float": rng.normal(size=(BATCH, heads[0], TARGETS, SOURCES)), "broadcast": seen[:1]}

    def call(lib: Any, _: Any, q: Any, k: Any, v: Any) -> Any:
        attn_mask = None if mask is None else lib.tensor(given[mask])
        return lib.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask, scale=scale, enable_gqa=groups, is_causal=mask is None
        )

    compare((None, None), call, *(normal(*shape, seed=k) for k, shape in enumerate(shapes)), second=True)


# --------------------------------------------------------------------------- transformers


@pytest.mark.parametrize("name", BLOCKS)
def test_encoder_and_decoder_layer(name):
    options = {**BLOCKS[name], "dim_feedforward": 16, "dropout": 0.0}
    source, target = normal(BATCH, BATCH, MODEL), normal(BATCH, BATCH, MODEL, seed=1)
    for mode in (True, False):
        modules = build("TransformerEncoderLayer", MODEL, HEADS, **options)
        assert repr(modules[0]) == repr(modules[1])
        for m in modules:
            m.train(mode)
        compare(modules, lambda lib, m, x: m(x), source)
    modules = build("TransformerDecoderLayer", MODEL, HEADS, **options)
    assert repr(modules[0]) == repr(modules[1])
    compare(modules, lambda lib, m, x, y: m(x, y), target, source)


@pytest.mark.parametrize("name", [name for name in BLOCKS if "without" not in name])
def test_transformer(name):
    options = {**BLOCKS[name], "dim_feedforward": 16, "dropout": 0.0}
    modules = build("Transformer", MODEL, HEADS, 2, 2, **options)
    assert repr(modules[0]) == repr(modules[1])
    first = options["batch_first"]
    source = normal(*((BATCH, SOURCES) if first else (SOURCES, BATCH)), MODEL)
    target = normal(*((BATCH, TARGETS) if first else (TARGETS, BATCH)), MODEL, seed=1)
    padding = np.arange(SOURCES) >= np.array([SOURCES, 3, 4])[:, None]

    def call(lib: Any, m: Any, x: Any, y: Any) -> Any:
        hidden = lib.tensor(padding)
        causal = m.generate_square_subsequent_mask(TARGETS, dtype=lib.float64)
        return m(x, y, tgt_mask=causal, src_key_padding_mask=hidden, memory_key_padding_mask=hidden)

    compare(modules, call, source, target)


def test_transformer_parts():
    assert mt.nn.Transformer.generate_square_subsequent_mask(3).tolist() == [
        [0.0, float("-inf"), float("-inf")],
        [0.0, 0.0, float("-inf")],
        [0.0, 0.0, 0.0],
    ]

    def stack(lib: Any) -> Any:
        layer = lib.nn.TransformerEncoderLayer(MODEL, HEADS, 16, 0.0, activation=lib.nn.GELU(), layer_norm_eps=1e-3)
        return lib.nn.TransformerEncoder(layer, 2, norm=lib.nn.LayerNorm(MODEL))

    modules = pair_of(stack, "float64")
    assert repr(modules[0]) == repr(modules[1])
    causal = np.triu(np.ones((TARGETS, TARGETS), bool), 1)
    compare(modules, lambda lib, m, x: m(x, mask=lib.tensor(causal)), normal(TARGETS, BATCH, MODEL))
    layers = modules[0].layers
    assert layers[0].linear1.weight is not layers[1].linear1.weight

    custom = [lib.nn.Transformer(MODEL, HEADS, custom_encoder=stack(lib), num_decoder_layers=1) for lib in LIBRARIES]
    assert [n for n, _ in custom[0].named_parameters()] == [n for n, _ in custom[1].named_parameters()]


# --------------------------------------------------------------------------- embeddings


@pytest.mark.parametrize("name", BAGS)
def test_embedding_bag(name):
    options = dict(BAGS[name])
    rows, weighted, last = options.pop("rows"), options.pop("weighted"), options["include_last_offset"]
    rng = np.random.default_rng(0)
    table = rng.normal(size=(6, 4))
    table[3] = table[1]  # ties
    indices = rng.integers(0, 6, (5, 3) if rows else (9,))
    offsets = None if rows else np.array([0, 2, 2, 5, 8, 9][: 6 if last else 5])
    data = [table, rng.normal(size=indices.shape)] if weighted else [table]

    def call(lib: Any, _: Any, w: Any, *weights: Any) -> Any:
        w = w if options["max_norm"] is None else w.detach().clone().requires_grad_()
        given = (lib.tensor(indices), w, None if offsets is None else lib.tensor(offsets))
        return lib.nn.functional.embedding_bag(*given, per_sample_weights=weights[0] if weights else None, **options)

    if options["max_norm"] is None:
        compare((None, None), call, *data)
    else:
        close(*(call(lib, None, *map(lib.tensor, data)) for lib in LIBRARIES), name)


@pytest.mark.parametrize("by_frequency", [False, True])
@pytest.mark.parametrize("padding", [None, 2, -1])
def test_embedding_options(padding, by_frequency):
    indices = np.random.default_rng(0).integers(0, 7, (4, 5))

    def make(lib: Any) -> Any:
        return lib.nn.Embedding(7, 3, padding_idx=padding, scale_grad_by_freq=by_frequency)

    modules = pair_of(make, "float64")
    assert repr(modules[0]) == repr(modules[1])
    outs = [m(lib.tensor(indices)) for lib, m in zip(LIBRARIES, modules)]
    for lib, out in zip(LIBRARIES, outs):
        combined(lib, [out], 1).backward()
    close(*outs, "embedding")
    same_gradients(*modules)


def test_embedding_bag_layer():
    def make(lib: Any) -> Any:
        return lib.nn.EmbeddingBag(7, 3, mode="sum", padding_idx=-1, max_norm=1.0, norm_type=1.0)

    modules = pair_of(make)
    assert repr(modules[0]) == repr(modules[1])
    assert not array(modules[0].weight)[-1].any()
    indices = np.array([[1, 2, 6], [0, 0, 6]])
    outs = [m(lib.tensor(indices)) for lib, m in zip(LIBRARIES, modules)]
    close(*outs, "bag")
    table = normal(4, 2)
    for lib in LIBRARIES:
        fixed = lib.nn.EmbeddingBag.from_pretrained(lib.tensor(table), mode="max")
        assert not fixed.weight.requires_grad
        np.testing.assert_array_equal(array(fixed(lib.tensor([[0, 1]])))[0], table[:2].max(0))
        loose = lib.nn.Embedding.from_pretrained(lib.tensor(table), freeze=False, padding_idx=1, max_norm=9.0)
        assert loose.weight.requires_grad and loose.padding_idx == 1 and loose.max_norm == 9.0


def test_frequencies_in_bags():
    """As in `embedding`; PyTorch's CPU kernel of bags divides by the counts of other rows."""
    indices, offsets = mt.tensor([0, 1, 1, 2, 1, 0]), mt.tensor([0, 3])
    found = []
    for by_frequency in (False, True):
        w = mt.tensor(normal(4, 2), requires_grad=True)
        out = mt.nn.functional.embedding_bag(indices, w, offsets, scale_grad_by_freq=by_frequency, mode="sum")
        out.square().sum().backward()
        found.append(array(w.grad))
    np.testing.assert_allclose(found[1], found[0] / np.array([2, 3, 1, 1])[:, None])


# --------------------------------------------------------------------------- errors

BAD = {
    "rnn rank": lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 2, 3)),
    "rnn features": lambda lib: lib.nn.GRU(3, 4)(lib.zeros(5, 2, 2)),
    "rnn dtype": lambda lib: lib.nn.RNN(3, 4)(lib.zeros(5, 2, 3, dtype=lib.float64)),
    "rnn state": lambda lib: lib.nn.RNN(3, 4)(lib.zeros(5, 2, 3), lib.zeros(1, 3, 4)),
    "rnn state rank": lambda lib: lib.nn.RNN(3, 4)(lib.zeros(5, 2, 3), lib.zeros(2, 4)),
    "rnn state without batch": lambda lib: lib.nn.GRU(3, 4)(lib.zeros(5, 3), lib.zeros(1, 1, 4)),
    "lstm cell state": lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 3), (lib.zeros(1, 2, 4), lib.zeros(1, 2, 5))),
    "rnn without steps": lambda lib: lib.nn.RNN(3, 4)(lib.zeros(0, 2, 3)),
    "mode": lambda lib: lib.nn.RNNBase("GRUU", 3, 4),
    "nonlinearity": lambda lib: lib.nn.RNN(3, 4, nonlinearity="tanhh"),
    "proj_size": lambda lib: lib.nn.GRU(3, 4, proj_size=2),
    "large proj_size": lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
    "negative proj_size": lambda lib: lib.nn.LSTM(3, 4, proj_size=-1),
    "dropout": lambda lib: lib.nn.LSTM(3, 4, dropout=1.5),
    "layers": lambda lib: lib.nn.LSTM(3, 4, num_layers=0),
    "hidden size": lambda lib: lib.nn.LSTM(3, 0),
    "hidden size type": lambda lib: lib.nn.LSTM(3, 4.0),
    "bias type": lambda lib: lib.nn.LSTM(3, 4, bias=1),
    "cell rank": lambda lib: lib.nn.LSTMCell(3, 4)(lib.zeros(2, 2, 3)),
    "cell features": lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 4)),
    "cell state size": lambda lib: lib.nn.RNNCell(3, 4)(lib.zeros(2, 3), lib.zeros(2, 5)),
    "cell nonlinearity": lambda lib: lib.nn.RNNCell(3, 4, nonlinearity="no")(lib.zeros(2, 3)),
    "lengths": lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [0, 2]),
    "unsorted lengths": lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [1, 2]),
    "number of lengths": lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2, 1), [3, 2, 1]),
    "total length": lambda lib: lib.nn.utils.rnn.pad_packed_sequence(
        lib.nn.utils.rnn.pack_sequence([lib.zeros(3)]), total_length=2
    ),
    "padding side": lambda lib: lib.nn.utils.rnn.pad_sequence([lib.zeros(3)], padding_side="top"),
    "heads": lambda lib: lib.nn.MultiheadAttention(8, 0),
    "is_causal": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(3, 2, 8)] * 3, is_causal=True),
    "mask shape": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(3, 2, 8)] * 3, attn_mask=lib.zeros(2, 2)),
    "mask of heads": lambda lib: lib.nn.MultiheadAttention(8, 2)(
        *[lib.zeros(3, 2, 8)] * 3, attn_mask=lib.zeros(3, 3, 3)
    ),
    "activation": lambda lib: lib.nn.TransformerEncoderLayer(8, 2, activation="sin"),
    "batches": lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(lib.zeros(3, 2, 8), lib.zeros(3, 1, 8)),
    "width": lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(lib.zeros(3, 2, 8), lib.zeros(3, 2, 4)),
    "bag mode": lambda lib: lib.nn.functional.embedding_bag(lib.tensor([[0]]), lib.zeros(2, 2), mode="min"),
    "bag offsets": lambda lib: lib.nn.functional.embedding_bag(lib.tensor([0]), lib.zeros(2, 2)),
    "bag rows and offsets": lambda lib: lib.nn.functional.embedding_bag(
        lib.tensor([[0]]), lib.zeros(2, 2), lib.tensor([0])
    ),
    "bag frequencies": lambda lib: lib.nn.functional.embedding_bag(
        lib.tensor([[0]]), lib.zeros(2, 2), mode="max", scale_grad_by_freq=True
    ),
    "bag weights": lambda lib: lib.nn.functional.embedding_bag(
        lib.tensor([[0]]), lib.zeros(2, 2), mode="sum", per_sample_weights=lib.zeros(2)
    ),
    "bag weights of a mean": lambda lib: lib.nn.functional.embedding_bag(
        lib.tensor([[0]]), lib.zeros(2, 2), mode="mean", per_sample_weights=lib.zeros(1, 1)
    ),
    "mask and causal": lambda lib: lib.nn.functional.scaled_dot_product_attention(
        *[lib.zeros(1, 3, 2)] * 3, lib.ones(3, 3), is_causal=True
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(BAD[name])) > 20


# Where PyTorch asserts, ours are errors of shapes and arguments.
ASSERTED = {
    "bag range": lambda lib: lib.nn.functional.embedding_bag(lib.tensor([[2]]), lib.zeros(2, 2)),
    "attention width": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(3, 2, 6)] * 3),
    "attention ranks": lambda lib: lib.nn.MultiheadAttention(8, 2)(lib.zeros(3, 2, 8), *[lib.zeros(3, 8)] * 2),
    "attention query": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(8)] * 3),
    "attention values": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(3, 2, 8)] * 2, lib.zeros(4, 2, 8)),
    "padding rank": lambda lib: lib.nn.MultiheadAttention(8, 2)(
        *[lib.zeros(3, 2, 8)] * 3, key_padding_mask=lib.zeros(3)
    ),
    "padding shape": lambda lib: lib.nn.MultiheadAttention(8, 2)(
        *[lib.zeros(3, 2, 8)] * 3, key_padding_mask=lib.zeros(2, 4)
    ),
    "mask rank": lambda lib: lib.nn.MultiheadAttention(8, 2)(*[lib.zeros(3, 2, 8)] * 3, attn_mask=lib.zeros(3)),
    "mask dtype": lambda lib: lib.nn.MultiheadAttention(8, 2)(
        *[lib.zeros(3, 2, 8)] * 3, attn_mask=lib.zeros(3, 3, dtype=lib.int64)
    ),
    "uneven heads": lambda lib: lib.nn.MultiheadAttention(8, 3),
}


@pytest.mark.parametrize("name", ASSERTED)
def test_asserted_input(name):
    with pytest.raises((AssertionError, RuntimeError)):
        ASSERTED[name](torch)
    with pytest.raises(mt.errors.MinitorchError) as caught:
        ASSERTED[name](mt)
    assert len(str(caught.value)) > 30
