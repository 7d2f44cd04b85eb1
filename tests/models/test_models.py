"""What the models do beside computing: compiled steps, generation, checkpoints as published, errors, sizes."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

import minitorch as mt
from minitorch import errors, models
from minitorch.models.resnet import BasicBlock, Bottleneck
from minitorch.nn import functional as F

GPT2 = models.GPT2Config(vocab_size=11, n_positions=12, n_embd=8, n_layer=2, n_head=2)
VIT = {"image_size": 8, "patch_size": 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 12}
SMALL = {"num_classes": 5, "in_channels": 1}
TRAINED = {
    "lenet": (lambda: models.LeNet(5), (4, 1, 28, 28)),
    "mlp": (lambda: models.MLP(6, [8, 5]), (4, 6)),
    "resnet": (lambda: models.ResNet(BasicBlock, [1, 1, 1, 1], width=4, **SMALL), (4, 1, 28, 28)),
    "bottleneck": (lambda: models.ResNet(Bottleneck, [1, 1, 1, 1], width=4, **SMALL), (4, 1, 28, 28)),
    "vgg": (lambda: models.VGG("4 M 6 M", dropout=0.2, hidden=8, **SMALL), (4, 1, 28, 28)),
    "vit": (lambda: models.VisionTransformer(**VIT, **SMALL), (4, 1, 8, 8)),
    "gpt2": (lambda: models.GPT2LMHeadModel(GPT2), (2, 7)),
}
VARIANTS = [name for name in dir(models) if re.match("resnet\\d|resnext|wide|vgg\\d|vit_|gpt2", name)]


@pytest.fixture
def gpt2():
    mt.manual_seed(0)
    return models.GPT2LMHeadModel(GPT2).eval()


def tokens(*shape):
    return mt.from_numpy(np.random.default_rng(0).integers(0, 11, shape))


def losses_of_training(name, compiled, dtype):
    """Train for three steps, dropout included, and return the losses."""
    make, shape = TRAINED[name]
    mt.manual_seed(0)
    model = make().to(dtype)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = model(x, labels=y).loss if name == "gpt2" else F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = mt.jit(step) if compiled else step
    x = tokens(*shape) if name == "gpt2" else mt.from_numpy(np.random.default_rng(0).normal(size=shape)).to(dtype)
    y = x if name == "gpt2" else tokens(shape[0]) % 5
    return [step(x, y).item() for _ in range(3)]


@pytest.mark.parametrize("name", TRAINED)
def test_a_compiled_step_is_the_eager_one(name):
    eager = losses_of_training(name, False, mt.float64)
    assert len(set(eager)) == 3 and np.isfinite(eager).all()
    assert losses_of_training(name, True, mt.float64) == pytest.approx(eager, rel=1e-11)
    # In single precision the norms of small batches blow rounding up: 1e-4 after two steps of the eager bottleneck.
    assert losses_of_training(name, True, mt.float32)[0] == pytest.approx(eager[0], rel=1e-6)


@pytest.mark.parametrize("name", TRAINED)
def test_a_batch_is_a_map_over_its_examples(name):
    make, shape = TRAINED[name]
    mt.manual_seed(0)
    model = make().eval()
    x = tokens(*shape) if name == "gpt2" else mt.randn(*shape)

    def alone(x):
        out = model(x[None])
        return (out.logits if name == "gpt2" else out)[0]

    whole = model(x).logits if name == "gpt2" else model(x)
    np.testing.assert_allclose(mt.vmap(alone)(x).tolist(), whole.tolist(), rtol=1e-4, atol=1e-5)


# --------------------------------------------------------------------------- GPT-2


@pytest.mark.parametrize("cuts", [(0, 3, 7), (0, 1, 2, 3, 7), (0, 6, 7)])
def test_the_cache_stands_for_what_came_before(gpt2, cuts):
    x = tokens(2, 7)
    whole, cache, parts = gpt2(x).logits, None, []
    for start, end in pairwise(cuts):
        _, logits, cache = gpt2(x[:, start:end], cache)
        parts.append(logits)
    np.testing.assert_allclose(mt.cat(parts, 1).tolist(), whole.tolist(), rtol=1e-4, atol=1e-6)
    assert len(cache) == 2 and cache[0][0].shape == (2, 2, 7, 4)


def test_no_place_sees_those_after_it(gpt2):
    x = tokens(1, 6)
    other = mt.cat([x[:, :4], (x[:, 4:] + 1) % 11], 1)
    here, there = gpt2(x).logits, gpt2(other).logits
    assert here[:, :4].tolist() == there[:, :4].tolist()
    assert here[:, 4:].tolist() != there[:, 4:].tolist()


def test_the_loss_is_that_of_the_next_token(gpt2):
    x = tokens(2, 7)
    loss, logits, _ = gpt2(x, labels=x)
    chosen = F.log_softmax(logits[:, :-1], -1).gather(-1, x[:, 1:, None])
    assert loss.item() == pytest.approx(-chosen.mean().item(), rel=1e-5)
    assert gpt2(x).loss is None


def test_greedy_generation_takes_the_most_probable_token_each_time(gpt2):
    found = gpt2.generate(tokens(2, 3), max_new_tokens=6)
    expected = tokens(2, 3)
    for _ in range(6):
        expected = mt.cat([expected, gpt2(expected).logits[:, -1].argmax(-1, keepdim=True)], 1)
    assert found.tolist() == expected.tolist() and found.dtype == mt.int64
    assert mt.jit(lambda x: gpt2.generate(x, 6))(tokens(2, 3)).tolist() == found.tolist()


def test_the_gradient_of_a_tied_weight_is_one(gpt2):
    x = tokens(2, 7)
    found = mt.grad(lambda model: model(x, labels=x).loss)(gpt2)
    gpt2(x, labels=x).loss.backward()
    assert found.lm_head.weight is found.transformer.wte.weight
    expected = gpt2.transformer.wte.weight.grad
    np.testing.assert_allclose(found.lm_head.weight.tolist(), expected.tolist(), rtol=1e-4, atol=1e-7)


def test_drawn_tokens_follow_the_distribution(gpt2):
    prompt, count = tokens(1, 3).expand(4000, 3), 4000
    first = gpt2.generate(prompt, 1, temperature=0.5, generator=mt.Generator().manual_seed(1))[:, -1]
    probabilities = F.softmax(gpt2(prompt[:1]).logits[0, -1] / 0.5, -1).tolist()
    found = np.bincount(first.numpy(), minlength=11) / count
    np.testing.assert_allclose(found, probabilities, atol=4 * (0.25 / count) ** 0.5)
    again = gpt2.generate(prompt, 1, temperature=0.5, generator=mt.Generator().manual_seed(1))[:, -1]
    assert first.tolist() == again.tolist()


def test_top_k_leaves_the_k_most_probable(gpt2):
    prompt = tokens(1, 3).expand(500, 3)
    best = set(gpt2(prompt[:1]).logits[0, -1].topk(3).indices.tolist())
    assert set(gpt2.generate(prompt, 1, temperature=5.0, top_k=3)[:, -1].tolist()) == best
    assert len(set(gpt2.generate(prompt, 1, temperature=5.0, top_k=99)[:, -1].tolist())) > 3


def test_rows_that_end_stay_ended(gpt2):
    free = gpt2.generate(tokens(2, 3), max_new_tokens=8)
    end = free[0, 4].item()
    found = gpt2.generate(tokens(2, 3), max_new_tokens=8, eos_token_id=end)
    rows = found[:, 3:].tolist()
    for row in rows:
        after = row[row.index(end) :] if end in row else []
        assert set(after) <= {end}
    assert rows[0][:2] == free[0, 3:5].tolist()
    alone = gpt2.generate(tokens(2, 3)[:1], max_new_tokens=8, eos_token_id=end)
    assert alone.shape == (1, 5 if free[0, 3].item() != end else 4)


def test_the_head_is_the_embedding(gpt2):
    assert gpt2.lm_head.weight is gpt2.transformer.wte.weight
    assert len(list(gpt2.parameters())) == len(gpt2.state_dict()) - 1
    assert gpt2.double().lm_head.weight is gpt2.transformer.wte.weight


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_dict_as_published_loads(gpt2, assign):
    state = {name.removeprefix("transformer."): x for name, x in gpt2.state_dict().items() if name != "lm_head.weight"}
    masks = {f"h.{i}.attn.{name}": mt.zeros(1) for i in range(2) for name in ("bias", "masked_bias")}
    other = models.GPT2LMHeadModel(GPT2).eval()
    other.load_state_dict({**state, **masks}, assign=assign)
    assert other(tokens(2, 5)).logits.tolist() == gpt2(tokens(2, 5)).logits.tolist()
    assert other.lm_head.weight is other.transformer.wte.weight
    with pytest.raises(errors.StateError, match="transformer.h.7.extra"):
        other.load_state_dict({**state, "h.7.extra": mt.zeros(1)})


# --------------------------------------------------------------------------- errors, starts and sizes


ERRORS = {
    "weights": (lambda: models.resnet18(weights="DEFAULT"), errors.UnsupportedError, "mt.load"),
    "pretrained": (
        lambda: models.vgg11(pretrained=True),
        errors.UnsupportedError,
        "pretrained=True would need a download",
    ),
    "stages": (lambda: models.ResNet(BasicBlock, [1, 1]), errors.ArgumentError, "4 stages"),
    "groups": (lambda: models.ResNet(BasicBlock, [1] * 4, groups=2), errors.ArgumentError, "groups=1"),
    "no layers": (lambda: models.MLP(3, []), errors.ArgumentError, "hidden_channels is empty"),
    "patches": (lambda: models.VisionTransformer(**{**VIT, "image_size": 9}), errors.ArgumentError, "patch_size=4"),
    "vit heads": (
        lambda: models.VisionTransformer(**{**VIT, "num_heads": 3}),
        errors.ArgumentError,
        "divisible by num_heads",
    ),
    "image size": (lambda: models.VisionTransformer(**VIT)(mt.zeros(1, 3, 8, 12)), errors.ShapeError, "3, 8, 12"),
    "heads": (lambda: models.GPT2Config(n_head=5), errors.ArgumentError, "n_head=5"),
    "activation": (lambda: models.GPT2Config(activation_function="nope"), errors.ArgumentError, "gelu_new"),
    "too long": (lambda: models.GPT2Model(GPT2)(tokens(1, 13)), errors.ArgumentError, "n_positions=12"),
    "no room": (lambda: models.GPT2LMHeadModel(GPT2).generate(tokens(1, 9), 4), errors.ArgumentError, "12 together"),
    "no prompt": (lambda: models.GPT2LMHeadModel(GPT2).generate(tokens(1, 0), 4), errors.ArgumentError, "some of both"),
    "cold": (lambda: models.GPT2LMHeadModel(GPT2).generate(tokens(1, 2), 4, -1.0), errors.ArgumentError, "temperature"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_is_wrong(name):
    call, kind, words = ERRORS[name]
    with pytest.raises(kind, match=words):
        call()


def test_residual_blocks_may_start_as_the_identity():
    for block, last in ((BasicBlock, "bn2"), (Bottleneck, "bn3")):
        model = models.ResNet(block, [1] * 4, width=4, zero_init_residual=True)
        assert not getattr(model.layer1[0], last).weight.any()
        assert model.layer1[0].bn1.weight.all()


def test_vision_transformers_as_published_load():
    model = TRAINED["vit"][0]()
    state = {
        name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): x
        for name, x in model.state_dict().items()
    }
    assert "encoder.layers.encoder_layer_1.mlp.linear_2.bias" in state
    other = TRAINED["vit"][0]()
    other.load_state_dict(state)
    for mine, given in zip(other.parameters(), model.parameters()):
        assert mine.tolist() == given.tolist()


@pytest.mark.parametrize("name", ["vit", "gpt2"])
def test_what_is_no_state_dict_is_refused(name):
    with pytest.raises(TypeError, match="dict-like"):
        TRAINED[name][0]().load_state_dict([1, 2])


def test_checkpoints_from_before_batches_were_counted_load():
    model = TRAINED["resnet"][0]()
    state = {name: x for name, x in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    other = TRAINED["resnet"][0]()
    assert other.load_state_dict(state) == ([], [])
    assert other.bn1.num_batches_tracked.item() == 0
    x = mt.randn(2, 1, 28, 28)
    assert other.eval()(x).tolist() == model.eval()(x).tolist()
    del state["bn1.running_var"]
    with pytest.raises(errors.StateError, match="bn1.running_var"):
        other.load_state_dict(state)


def test_children_in_a_row_are_the_network_without_its_head():
    """Programs cut the last layer off with `Sequential(*list(model.children())[:-1])`."""
    model = TRAINED["resnet"][0]().eval()
    names = [name for name, _ in model.named_children()]
    assert names == ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    features = mt.nn.Sequential(*list(model.children())[:-1])
    x = mt.randn(2, 1, 28, 28)
    assert model.fc(features(x).flatten(1)).tolist() == model(x).tolist()


def _parameters(name):
    return int(re.search(r"([\d,]+) parameters", getattr(models, name).__doc__)[1].replace(",", ""))


def check_size(name):
    model = getattr(models, name)(weights=None, progress=False)
    assert sum(p.numel() for p in model.parameters()) == _parameters(name)


@pytest.mark.parametrize("name", [name for name in VARIANTS if _parameters(name) < 3e7])
def test_published_sizes(name):
    check_size(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VARIANTS if 3e7 < _parameters(name) < 4e8])
def test_published_sizes_of_large_models(name):
    check_size(name)
