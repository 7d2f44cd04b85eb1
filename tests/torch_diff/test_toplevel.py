"""Functions of modules under the names and with the arguments that PyTorch has at top level, and in `nn.functional`."""

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F

from .cases import Side, array, backward, flat, given
from .compare import both_raise, same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

# fmt: off
CALLS = {
    "conv1d": (lambda lib, x, w: lib.conv1d(x, w), (2, 3, 8), (4, 3, 3)),
    "conv2d": (lambda lib, x, w: lib.conv2d(x, w, None, 2, 1), (2, 3, 6, 6), (4, 3, 3, 3)),
    "conv3d": (lambda lib, x, w: lib.conv3d(x, w), (1, 2, 4, 4, 4), (2, 2, 2, 2, 2)),
    "conv_transpose1d": (lambda lib, x, w: lib.conv_transpose1d(x, w), (2, 3, 5), (3, 4, 3)),
    "conv_transpose2d": (lambda lib, x, w: lib.conv_transpose2d(x, w, None, 2), (2, 3, 4, 4), (3, 2, 3, 3)),
    "conv_transpose3d": (lambda lib, x, w: lib.conv_transpose3d(x, w), (1, 2, 3, 3, 3), (2, 2, 2, 2, 2)),
    "max_pool1d": (lambda lib, x: lib.max_pool1d(x, 2), (2, 3, 8)),
    "max_pool2d": (lambda lib, x: lib.max_pool2d(x, 2), (2, 3, 6, 6)),
    "max_pool3d": (lambda lib, x: lib.max_pool3d(x, 2), (1, 2, 4, 4, 4)),
    "max_pool1d_with_indices": (lambda lib, x: lib.max_pool1d_with_indices(x, 3, 2), (2, 3, 8)),
    "avg_pool1d": (lambda lib, x: lib.avg_pool1d(x, 2), (2, 3, 8)),
    "adaptive_avg_pool1d": (lambda lib, x: lib.adaptive_avg_pool1d(x, 3), (2, 3, 8)),
    "adaptive_max_pool1d": (lambda lib, x: lib.adaptive_max_pool1d(x, 3), (2, 3, 8)),
    "pixel_shuffle": (lambda lib, x: lib.pixel_shuffle(x, 2), (2, 8, 3, 4)),
    "pixel_unshuffle": (lambda lib, x: lib.pixel_unshuffle(x, 2), (2, 2, 4, 6)),
    "channel_shuffle": (lambda lib, x: lib.channel_shuffle(x, 2), (2, 6, 3, 4)),
    "layer_norm": (lambda lib, x, w, b: lib.layer_norm(x, (4,), w, b), (2, 3, 4), (4,), (4,)),
    "group_norm": (lambda lib, x, w, b: lib.group_norm(x, 2, w, b), (2, 4, 5), (4,), (4,)),
    "rms_norm": (lambda lib, x, w: lib.rms_norm(x, (4,), w), (2, 3, 4), (4,)),
    "batch_norm": (lambda lib, x, w, b: lib.batch_norm(x, w, b, None, None, True, 0.1, 1e-5, False),
        (4, 3, 5), (3,), (3,)),
    "instance_norm": (lambda lib, x, w, b: lib.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, False),
        (4, 3, 5), (3,), (3,)),
    "embedding": (lambda lib, w: lib.embedding(w, lib.tensor([[0, 2], [1, 0]]), 0), (4, 3)),
    "bilinear": (lambda lib, x, y, w: lib.bilinear(x, y, w, None), (2, 3), (2, 4), (5, 3, 4)),
    "prelu": (lambda lib, x, w: lib.prelu(x, w), (2, 3, 4), (3,)),
    "selu": (lambda lib, x: lib.selu(x), (2, 3)), "rrelu": (lambda lib, x: lib.rrelu(x), (2, 3)),
    "celu": (lambda lib, x: lib.celu(x, 0.5), (2, 3)), "threshold": (lambda lib, x: lib.threshold(x, 0.3, 2.0), (2, 3)),
    "hardshrink": (lambda lib, x: lib.hardshrink(x), (2, 3)), "dropout": (lambda lib, x: lib.dropout(x, 0.5, False), (2, 3)),
    "binary_cross_entropy_with_logits": (lambda lib, x: lib.binary_cross_entropy_with_logits(
        x, lib.full((2, 3), 0.3, dtype=lib.float64)), (2, 3)),
    "kl_div": (lambda lib, x: lib.kl_div(x, lib.full((2, 3), 0.3, dtype=lib.float64), reduction=2), (2, 3)),
    "hinge_embedding_loss": (lambda lib, x: lib.hinge_embedding_loss(x, lib.tensor([1, -1, 1])), (2, 3)),
    "margin_ranking_loss": (lambda lib, x, y: lib.margin_ranking_loss(x, y, lib.tensor([1, -1, 1]), 0.5, reduction=0),
        (3,), (3,)),
    **{
        f"{name}_": (lambda lib, x, name=name, args=args: getattr(lib, f"{name}_")(x.clone(), *args), (2, 3))
        for name, args in (("selu", ()), ("celu", ()), ("threshold", (0.3, 2.0)), ("rrelu", ()), ("dropout", (0.5, False)))
    },
}
FUNCTIONAL = {
    "celu": (lambda lib, x: lib.celu(x, 0.5), (2, 3)), "hardshrink": (lambda lib, x: lib.hardshrink(x, 0.9), (2, 3)),
    "softshrink": (lambda lib, x: lib.softshrink(x, 0.9), (2, 3)), "tanhshrink": (lambda lib, x: lib.tanhshrink(x), (2, 3)),
    "threshold": (lambda lib, x: lib.threshold(x, 0.3, 2.0), (2, 3)),
    "pairwise_distance": (lambda lib, x, y: lib.pairwise_distance(x, y), (2, 3), (2, 3)),
    "pdist": (lambda lib, x: lib.pdist(x), (4, 3)), "pixel_shuffle": (lambda lib, x: lib.pixel_shuffle(x, 2), (8, 3, 4)),
    **{
        f"{name}_": (lambda lib, x, name=name: getattr(lib, f"{name}_")(x.clone()), (2, 3))
        for name in ("relu", "elu", "selu", "celu", "leaky_relu", "rrelu", "hardtanh")
    },
}
# fmt: on


def compared(row, ours_space, theirs_space):
    call, *shapes = row
    sides, results = [], []
    for lib, space in ((mt, ours_space), (torch, theirs_space)):
        side = Side(lib, "top level", "float64")
        results.append(flat(call(space, *(side.make(given(*shape)) for shape in shapes))))
        backward([x for x in results[-1] if x.dtype == lib.float64], lib, 5)
        sides.append(side)
    assert len(results[0]) == len(results[1])
    for a, b in zip(*results):
        same(a, b, "float64", "result")
    for a, b in zip(sides[0].leaves, sides[1].leaves):
        same(a.grad, b.grad, "float64", "gradient")


@pytest.mark.parametrize("name", CALLS)
def test_top_level(name):
    compared(CALLS[name], mt, torch)


# With a number for the reduction, by keyword and by position.
LOSSES = {
    "cosine": lambda lib, x, y: lib.cosine_embedding_loss(x, y, lib.tensor([1, -1]), 0.1),
    "cosine mean": lambda lib, x, y: lib.cosine_embedding_loss(x, y, lib.tensor([1, -1]), 0.1, 1),
    "triplet": lambda lib, x, y: lib.triplet_margin_loss(x, y, x + y),
    "triplet sum": lambda lib, x, y: lib.triplet_margin_loss(x, y, x + y, 1.0, 2.0, 1e-6, True, 2),
    "hinge sum": lambda lib, x, y: lib.hinge_embedding_loss(x * y, lib.tensor([1, -1, 1]), 0.5, 2),
    "kl sum": lambda lib, x, y: lib.kl_div(x, y.detach().exp(), 2) + y.sum(),
    "logits sum": lambda lib, x, y: (
        lib.binary_cross_entropy_with_logits(x, y.detach().sigmoid(), None, y.detach().exp(), 2) + y.sum()
    ),
    "ranking mean": lambda lib, x, y: lib.margin_ranking_loss(x[0], y[1], lib.tensor([1, -1, 1]), 0.5, 1),
    "poisson": lambda lib, x, y: lib.poisson_nll_loss(x, y.detach().exp(), True, True, 1e-8, 1),
    "ctc": lambda lib, x, y: lib.ctc_loss(lib.stack([x, y]).log_softmax(-1), lib.tensor([[1], [2]]), (2, 2), (1, 1)),
    "ctc sum": lambda lib, x, y: lib.ctc_loss(
        lib.stack([x, y]).log_softmax(-1), lib.tensor([[1], [2]]), (2, 2), (1, 1), 0, 2, True
    ),
    "alpha dropout": lambda lib, x, y: lib.alpha_dropout(x, 0.5, False) + lib.feature_alpha_dropout(y, 0.5, False),
    "feature dropout": lambda lib, x, y: lib.feature_dropout(x, 0.5, False) * y,
    "writing": lambda lib, x, y: lib.feature_dropout_(lib.alpha_dropout_(x * y, 0.5, False), 0.5, False),
}


@pytest.mark.parametrize("name", LOSSES)
def test_numbered_reductions(name):
    compared((LOSSES[name], (2, 3), (2, 3)), mt, torch)


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name):
    compared(FUNCTIONAL[name], F, torch.nn.functional)


def test_every_top_level_function_is_compared():
    assert set(mt.nn.functional.toplevel.__all__) == set(CALLS)


def test_batch_norm_updates_its_statistics():
    data = np.random.default_rng(0).standard_normal((4, 3, 5))
    found = []
    for lib in (mt, torch):
        mean, var = lib.zeros(3, dtype=lib.float64), lib.ones(3, dtype=lib.float64)
        lib.batch_norm(lib.tensor(data), None, None, mean, var, True, 0.1, 1e-5, False)
        found.append((array(mean), array(var)))
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("call", [
    lambda lib: lib.pixel_shuffle(lib.ones(1, 3, 2, 2), 2),
    lambda lib: lib.pixel_unshuffle(lib.ones(1, 3, 3, 2), 2),
    lambda lib: lib.channel_shuffle(lib.ones(1, 3, 2, 2), 2),
    lambda lib: lib.nn.functional.softshrink(lib.ones(2), -1.0),
    lambda lib: lib.triplet_margin_loss(lib.ones(2), lib.ones(2), lib.ones(2), reduction="mean"),
    lambda lib: lib.kl_div(lib.ones(2), lib.ones(2), 1, 2),
    lambda lib: lib.kl_div(lib.ones(2), lib.ones(2), 1, reduction=1),
])  # fmt: skip
def test_bad_input(call):
    both_raise(torch, call)
