"""Losses give PyTorch's values, gradients and dtypes, at the edges too, and refuse the same arguments."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .models import LOSSES  # noqa: E402
from .pairs import LIBRARIES, both_raise, close, pull  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


# PyTorch gives their targets no gradient, or NaN.
PLAIN_TARGETS = {"poisson", "hinge embedding", "soft margin", "cosine embedding", "cosine embedding of one"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, reduction, dtype):
    kind, options, *makers = LOSSES[name]
    outs, leaves, shown = [], [], []
    for lib in LIBRARIES:
        rng = np.random.default_rng(0)

        def made(make, lib=lib, rng=rng):
            data = np.asarray(make(rng))
            return lib.tensor(data.astype(dtype) if data.dtype == np.float64 else data)

        given = {k: made(v) if callable(v) else v for k, v in options.items()}
        loss = getattr(lib.nn, kind)(reduction=reduction, **given)
        args = [made(make) for make in makers]
        tracked = args[:1] if name in PLAIN_TARGETS else args
        leaves.append([x.requires_grad_() for x in tracked if x.dtype in (lib.float32, lib.float64)])
        outs.append(loss(*args))
        shown.append(repr(loss))
        assert [k for k, v in given.items() if isinstance(v, lib.Tensor)] == list(loss.state_dict())
    close(*outs, name)
    assert shown[0] == shown[1]
    pull(tuple(outs))
    for a, b in zip(*leaves):
        close(a.grad, b.grad, f"gradient of {name}")


@pytest.mark.parametrize("name", LOSSES)
def test_second_gradient(name):
    kind, options, *makers = LOSSES[name]
    found = []
    for lib in LIBRARIES:
        rng = np.random.default_rng(0)
        given = {k: lib.tensor(v(rng)) if callable(v) else v for k, v in options.items()}
        x, *rest = (lib.tensor(np.asarray(make(rng))) for make in makers)
        loss = getattr(lib.nn, kind)(**given)(x.requires_grad_(), *rest)
        try:
            (g,) = lib.autograd.grad(loss, x, create_graph=True)
            found.append(array(lib.autograd.grad((g * g).sum() + (x * x).sum(), x)[0]))
        except RuntimeError:
            assert lib is torch, "only PyTorch may have no second derivative"
            return
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-9)


def both(function, *data, grad=True):
    """Call in both libraries; return the results and the gradients of the first argument."""
    outs, grads = [], []
    for lib in LIBRARIES:
        args = [lib.tensor(np.asarray(x)) for x in data]
        if grad:
            args[0].requires_grad_()
        out = function(lib.nn.functional, *args)
        out.sum().backward()
        outs.append(array(out))
        grads.append(array(args[0].grad))
    return outs, grads


EXTREME = np.array([-1e38, -200.0, -5.0, 0.0, 5.0, 200.0, 1e38], np.float32)


def test_e6_binary_cross_entropy_at_0_and_1():
    p = np.array([0.0, 0.0, 1.0, 1.0, 0.5, 1e-30])
    y = np.array([0.0, 1.0, 0.0, 1.0, 0.3, 1.0])
    (ours, theirs), (g, wanted) = both(lambda f, p, y: f.binary_cross_entropy(p, y, reduction="none"), p, y)
    np.testing.assert_allclose(ours, theirs)
    np.testing.assert_allclose(g, wanted)
    assert ours[1] == ours[2] == 100.0


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_e6_logits_are_exact(y):
    target = np.full_like(EXTREME, y)
    function = lambda f, x, y: f.binary_cross_entropy_with_logits(x, y, reduction="none")  # noqa: E731
    (ours, theirs), (g, wanted) = both(function, EXTREME, target)
    x = EXTREME.astype(np.float64)
    np.testing.assert_allclose(ours, np.logaddexp(0, x) - x * np.float32(y), rtol=1e-6, atol=1e-40)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(g, wanted, rtol=1e-6)


def test_e6_everything_ignored_is_nan():
    x, target = np.ones((3, 4), np.float32), np.full(3, -100)
    for reduction, value in (("mean", np.nan), ("sum", 0.0)):
        (ours, theirs), (g, wanted) = both(lambda f, x, t, r=reduction: f.cross_entropy(x, t, reduction=r), x, target)
        np.testing.assert_array_equal(ours, np.float32(value))
        np.testing.assert_array_equal(theirs, ours)
        np.testing.assert_array_equal(g, wanted)
        assert not g.any()


def test_e7_empty_batches():
    for function, target in (
        (lambda f, x, y: f.cross_entropy(x, y), np.zeros(0, np.int64)),
        (lambda f, x, y: f.mse_loss(x, y), np.zeros((0, 4), np.float32)),
    ):
        (ours, theirs), (g, wanted) = both(function, np.zeros((0, 4), np.float32), target)
        np.testing.assert_array_equal(ours, theirs)
        assert g.shape == wanted.shape


ROWS = {
    "finite": [1.0, 2.0, 3.0],
    "large": [1e38, -1e38, 0.0],
    "masked": [-np.inf, 0.0, 1.0],
    "all masked": [-np.inf, -np.inf, -np.inf],
    "infinite": [np.inf, 0.0, 1.0],
    "nan": [np.nan, 0.0, 1.0],
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_e5_rows(name, row):
    x = np.array([ROWS[row]], np.float32)
    outs = [array(getattr(lib.nn.functional, name)(lib.tensor(x), -1)) for lib in LIBRARIES]
    np.testing.assert_allclose(*outs, rtol=1e-6)


@pytest.mark.parametrize("row", ["finite", "large", "masked"])
def test_e5_cross_entropy_of_rows(row):
    x = np.array([ROWS[row]], np.float32)
    (ours, theirs), (g, wanted) = both(lambda f, x, t: f.cross_entropy(x, t), x, np.array([2]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(g, wanted, rtol=1e-6, atol=1e-7)


def test_sizes_that_differ_warn():
    for lib in LIBRARIES:
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
            with pytest.warns(UserWarning, match="different to the input size"):
                getattr(lib.nn.functional, name)(lib.zeros(3, 1), lib.zeros(3))


def test_old_switches():
    x, y = np.ones(3, np.float32), np.zeros(3, np.float32)
    for options in ({"reduce": False}, {"size_average": False}, {"size_average": True}):
        (ours, theirs), _ = both(lambda f, x, y, o=options: f.mse_loss(x, y, **o), x, y)
        np.testing.assert_array_equal(ours, theirs)


def weights(lib, like):
    return lib.linspace(0.5, 2.0, like.numel()).reshape(like.shape)


# What is no option of the layers, or of another shape.
FUNCTIONS = {
    "mse weighted": lambda lib, f, x, y: f.mse_loss(x, y, weight=weights(lib, x)),
    "mse weighted, sum": lambda lib, f, x, y: f.mse_loss(x, y, weight=weights(lib, x), reduction="sum"),
    "l1 weighted": lambda lib, f, x, y: f.l1_loss(x, y, weight=weights(lib, x)),
    "l1 weighted, none": lambda lib, f, x, y: f.l1_loss(x, y, weight=weights(lib, x), reduction="none"),
    "huber weighted": lambda lib, f, x, y: f.huber_loss(x, y, weight=weights(lib, x)),
    "huber weighted, sum": lambda lib, f, x, y: f.huber_loss(x, y, weight=weights(lib, x), reduction="sum"),
    "gaussian, a variance for each row": lambda lib, f, x, y: f.gaussian_nll_loss(x, y, weights(lib, x[0])),
    "gaussian, rows kept": lambda lib, f, x, y: f.gaussian_nll_loss(x, y, weights(lib, x[:, :1])),
    "gaussian, a number": lambda lib, f, x, y: f.gaussian_nll_loss(x, y, 2.0, full=True),
    "gaussian, small variances": lambda lib, f, x, y: f.gaussian_nll_loss(x, y, (weights(lib, x) - 1.0).clamp(min=0)),
    "poisson, old switches": lambda lib, f, x, y: f.poisson_nll_loss(x, y.exp(), True, False, None, 1e-8, None, "sum"),
    "hinge, old switches": lambda lib, f, x, y: f.hinge_embedding_loss(x, (y > 0) * 2 - 1, 0.5, None, None, "sum"),
    "hinge, other targets": lambda lib, f, x, y: f.hinge_embedding_loss(x, (y * 2).long(), reduction="none"),
    "mse of integers": lambda lib, f, x, y: f.mse_loss(x, (y * 2).long()),
    "ranking, old switches": lambda lib, f, x, y: f.margin_ranking_loss(x, y, (y > 0) * 2 - 1, 0.5, False),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(3, 3)).astype("f") for _ in range(2)]
    outs, inputs = [], []
    for lib in LIBRARIES:
        x, y = lib.tensor(data[0]).requires_grad_(), lib.tensor(data[1])
        outs.append(FUNCTIONS[name](lib, lib.nn.functional, x, y))
        inputs.append(x)
    close(*outs, name)
    pull(tuple(outs))
    close(inputs[0].grad, inputs[1].grad, f"gradient of {name}")


OLD = {
    "PoissonNLLLoss": (True, False, None, 1e-8, None, "sum"),
    "HingeEmbeddingLoss": (0.5, None, None, "sum"),
    "MarginRankingLoss": (0.5, None, None, "sum"),
}


@pytest.mark.parametrize("kind", OLD)
def test_old_switches_of_layers(kind):
    assert getattr(mt.nn, kind)(*OLD[kind]).reduction == getattr(torch.nn, kind)(*OLD[kind]).reduction == "sum"


BAD = {
    "weights of another size": lambda lib: lib.nn.functional.mse_loss(
        lib.zeros(3, 4), lib.zeros(3, 4), weight=lib.ones(1, 4)
    ),
    "huber weights": lambda lib: lib.nn.functional.huber_loss(lib.zeros(3, 4), lib.zeros(3, 4), weight=lib.ones(4)),
    "weighted reduction": lambda lib: lib.nn.functional.l1_loss(
        lib.zeros(3), lib.zeros(3), weight=lib.ones(3), reduction="avg"
    ),
    "ignored class of probabilities": lambda lib: lib.nn.functional.cross_entropy(
        lib.zeros(2, 3), lib.ones(2, 3), ignore_index=1
    ),
    "class weights of another dtype": lambda lib: lib.nn.functional.cross_entropy(
        lib.zeros(2, 3), lib.tensor([0, 1]), weight=lib.ones(3, dtype=lib.float64)
    ),
    "bce target": lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(2) * 0.5, lib.ones(2) * 2),
    "gaussian sizes": lambda lib: lib.nn.functional.gaussian_nll_loss(lib.zeros(3, 4), lib.zeros(3, 4), lib.ones(4)),
    "gaussian variances": lambda lib: lib.nn.functional.gaussian_nll_loss(lib.zeros(3), lib.zeros(3), -lib.ones(3)),
    "ranks to compare": lambda lib: lib.nn.functional.margin_ranking_loss(lib.zeros(3, 2), lib.zeros(3), lib.ones(3)),
    "reduction": lambda lib: lib.nn.functional.mse_loss(lib.zeros(3), lib.zeros(3), reduction="avg"),
    "shapes": lambda lib: lib.nn.functional.mse_loss(lib.zeros(3), lib.zeros(4)),
    "l1 shapes": lambda lib: lib.nn.functional.l1_loss(lib.zeros(3), lib.zeros(4)),
    "class too large": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3), lib.tensor([0, 3])),
    "class negative": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3), lib.tensor([0, -1])),
    "class numbers as floats": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3), lib.zeros(2)),
    "batch sizes": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3), lib.tensor([0, 1, 2])),
    "targets of images": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3, 4), lib.zeros(2, 5).long()),
    "smoothing": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3), lib.tensor([0, 1]), label_smoothing=1.5),
    "scores as integers": lambda lib: lib.nn.functional.cross_entropy(lib.zeros(2, 3).long(), lib.tensor([0, 1])),
    "class weights": lambda lib: lib.nn.functional.cross_entropy(
        lib.zeros(2, 3), lib.tensor([0, 1]), weight=lib.ones(2)
    ),
    "class weights of probabilities": lambda lib: lib.nn.functional.cross_entropy(
        lib.zeros(2, 3), lib.zeros(2, 3), weight=lib.ones(1)
    ),
    "nll class weights": lambda lib: lib.nn.functional.nll_loss(
        lib.zeros(2, 3), lib.tensor([0, 1]), weight=lib.ones(2)
    ),
    "one_hot of -1": lambda lib: lib.nn.functional.one_hot(lib.tensor([-1, 2])),
    "nll class": lambda lib: lib.nn.functional.nll_loss(lib.zeros(2, 3), lib.tensor([0, 3])),
    "bce sizes": lambda lib: lib.nn.functional.binary_cross_entropy(lib.zeros(3), lib.zeros(4)),
    "bce range": lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(3) * 2, lib.zeros(3)),
    "bce logits sizes": lambda lib: lib.nn.functional.binary_cross_entropy_with_logits(lib.zeros(3), lib.zeros(4)),
    "smooth l1 beta": lambda lib: lib.nn.functional.smooth_l1_loss(lib.zeros(3), lib.zeros(3), beta=-1.0),
    "huber delta": lambda lib: lib.nn.functional.huber_loss(lib.zeros(3), lib.zeros(3), delta=0.0),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    assert len(both_raise(BAD[name])) > 10


def test_class_numbers_of_every_integer_dtype():
    x = mt.randn(3, 4)
    wanted = mt.nn.functional.cross_entropy(x, mt.tensor([0, 3, 1]))
    for dtype in (mt.int32, mt.int16, mt.uint8):
        assert mt.nn.functional.cross_entropy(x, mt.tensor([0, 3, 1], dtype=dtype)).item() == wanted.item()
