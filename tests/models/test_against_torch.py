"""Every model beside the same function in PyTorch: outputs, gradients and statistics, in training and evaluation."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from minitorch import models, nn
from minitorch.models.resnet import BasicBlock, Bottleneck

torch = pytest.importorskip("torch")
reference = pytest.importorskip("tests.models.reference")
pytestmark = pytest.mark.torch

IMAGES = (3, 2, 33, 33)
SMALL = {"num_classes": 5, "in_channels": 2}
VIT = {"image_size": 8, "patch_size": 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 12, **SMALL}
GPT2 = models.GPT2Config(
    vocab_size=11, n_positions=9, n_embd=8, n_layer=2, n_head=2, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0
)

# name: how to make the model, the reference and its options, the shape of the input
CASES = {
    "lenet": (lambda: models.LeNet(5, 2), "lenet", {}, (3, 2, 28, 28)),
    "mlp": (lambda: models.MLP(6, [4, 3], norm_layer=nn.BatchNorm1d), "mlp", {}, (5, 6)),
    "resnet basic": (lambda: models.ResNet(BasicBlock, [2, 1, 1, 1], width=4, **SMALL), "resnet", {}, IMAGES),
    "resnet bottleneck": (lambda: models.ResNet(Bottleneck, [1, 2, 1, 1], width=4, **SMALL), "resnet", {}, IMAGES),
    "resnext": (
        lambda: models.ResNet(Bottleneck, [1, 1, 1, 1], width=8, groups=2, width_per_group=32, **SMALL),
        "resnet",
        {"groups": 2},
        IMAGES,
    ),
    "vgg": (lambda: models.VGG("4 M 6 M", dropout=0, hidden=7, **SMALL), "vgg", {}, IMAGES),
    "vgg_bn": (
        lambda: models.VGG("4 M 6 M", batch_norm=True, dropout=0, hidden=7, **SMALL),
        "vgg",
        {"pools": (3, 7)},
        IMAGES,
    ),
    "vit": (lambda: models.VisionTransformer(**VIT), "vit", {}, (3, 2, 8, 8)),
    "vit with representation": (lambda: models.VisionTransformer(**VIT, representation_size=6), "vit", {}, (3, 2, 8, 8)),
    "gpt2": (lambda: models.GPT2LMHeadModel(GPT2), "gpt2", {}, (2, 7)),
}  # fmt: skip


def drawn_model(make):
    """Return a model in double precision with random numbers in every parameter and every statistic."""
    model, rng = make().double(), np.random.default_rng(0)
    for name, x in model.state_dict().items():
        if x.dtype == mt.float64:
            low = 0.5 if name.endswith("running_var") else -0.5
            x.copy_(mt.from_numpy(rng.uniform(low, low + 1, x.shape)))
    return model


def drawn_input(name, shape):
    rng = np.random.default_rng(1)
    return rng.integers(0, 11, shape) if name == "gpt2" else rng.normal(size=shape)


def as_torch(model):
    """Return the state dict in PyTorch, with leaves for the parameters; tied ones are one leaf."""
    state = {name: torch.tensor(np.array(x)) for name, x in model.state_dict().items()}
    for name, _ in model.named_parameters():
        state[name].requires_grad_()
    if "lm_head.weight" in state:
        state["lm_head.weight"] = state["transformer.wte.weight"]
    return state


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", CASES)
def test_outputs_gradients_and_statistics(name, training):
    make, function, options, shape = CASES[name]
    x = drawn_input(name, shape)
    model = drawn_model(make).train(training)
    state = as_torch(model)

    out = model(mt.from_numpy(x))
    out = out.logits if name == "gpt2" else out
    expected = getattr(reference, function)(state, torch.from_numpy(x), training, **options)
    cotangent = np.random.default_rng(2).normal(size=out.shape)
    out.backward(mt.from_numpy(cotangent))
    expected.backward(torch.from_numpy(cotangent))

    np.testing.assert_allclose(out.tolist(), expected.tolist(), rtol=1e-9, atol=1e-9)
    for key, p in model.named_parameters():
        assert state[key].grad is not None and p.grad is not None, f"{key} takes no part"
        np.testing.assert_allclose(p.grad.numpy(), state[key].grad.numpy(), rtol=1e-7, atol=1e-9, err_msg=key)
    for key, b in model.named_buffers():
        np.testing.assert_allclose(b.numpy(), state[key].numpy(), rtol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_of_torch_loads(name, tmp_path):
    make, function, options, shape = CASES[name]
    state = as_torch(drawn_model(make))
    torch.save({key: x.detach() for key, x in state.items()}, tmp_path / "model.pt")
    model = make().double().eval()
    model.load_state_dict(mt.load(tmp_path / "model.pt"))
    x = drawn_input(name, shape)
    out = model(mt.from_numpy(x))
    expected = getattr(reference, function)(state, torch.from_numpy(x), False, **options)
    np.testing.assert_allclose(
        (out.logits if name == "gpt2" else out).tolist(), expected.tolist(), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_residual_networks_of_full_size(name):
    model = getattr(models, name)().double().eval()
    x = np.random.default_rng(1).normal(size=(1, 3, 64, 64))
    expected = reference.resnet(as_torch(model), torch.from_numpy(x), False)
    np.testing.assert_allclose(model(mt.from_numpy(x)).tolist(), expected.tolist(), rtol=1e-9, atol=1e-9)
