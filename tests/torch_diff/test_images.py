"""Functions and layers on images and sequences give PyTorch's values, gradients and dtypes, and refuse the same input."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .compare import both_raise, compare, compare_second  # noqa: E402
from .images import BAD, CASES  # noqa: E402
from .pairs import LIBRARIES, close, pair_of, pull, same_gradients, tensors  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]


# Bicubic weights in float32: both are right to 1e-6, which is more than the tolerance.
@pytest.mark.parametrize(
    ("one", "dtype"),
    [(c, d) for c in CASES for d in ("float32", "float64") if d == "float64" or "bicubic" not in c.args],
    ids=str,
)
def test_case(one, dtype):
    compare(torch, one, dtype, as_method=False)


@pytest.mark.parametrize("one", CASES[::3], ids=str)
def test_second_gradient(one):
    compare_second(torch, one)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    both_raise(torch, BAD[name])


EMPTY = {
    "nearest": lambda lib, f: f.interpolate(lib.ones(0, 2, 3, 4), scale_factor=2),
    "bilinear": lambda lib, f: f.interpolate(lib.ones(0, 2, 3, 4), scale_factor=2, mode="bilinear"),
    "area": lambda lib, f: f.interpolate(lib.ones(0, 2, 3, 4), size=(2, 3), mode="area"),
    "grid": lambda lib, f: f.grid_sample(lib.ones(0, 2, 3, 4), lib.ones(0, 3, 2, 2)),
    "no points": lambda lib, f: f.grid_sample(lib.ones(1, 2, 3, 4), lib.ones(1, 0, 2, 2), padding_mode="reflection"),
    "no channels": lambda lib, f: f.grid_sample(lib.ones(1, 0, 3, 4), lib.ones(1, 1, 2, 2), mode="bicubic"),
    "unfold": lambda lib, f: f.unfold(lib.ones(0, 2, 3, 4), 2),
    "fold": lambda lib, f: f.fold(lib.ones(0, 8, 6), (3, 4), 2),
    "norms": lambda lib, f: f.lp_pool2d(lib.ones(0, 2, 3, 4), 2, 2),
    "local": lambda lib, f: f.local_response_norm(lib.ones(0, 2, 3, 4), 2),
    "fractional": lambda lib, f: f.fractional_max_pool2d(lib.ones(0, 2, 5, 4), 2, output_size=(2, 2)),
    "unpool": lambda lib, f: f.max_unpool2d(lib.ones(0, 2, 3, 4), lib.ones(0, 2, 3, 4).long(), 2),
    "instances": lambda lib, f: f.instance_norm(lib.ones(0, 2, 3, 4)),
    "alpha": lambda lib, f: f.feature_alpha_dropout(f.alpha_dropout(lib.ones(0, 2, 3), 0.5, True), 0.5, True),
    "triplets": lambda lib, f: f.triplet_margin_loss(lib.ones(0, 2), lib.ones(0, 2), lib.ones(0, 2)),
    "linear": lambda lib, f: f.linear_cross_entropy(lib.ones(0, 2), lib.ones(3, 2), lib.ones(0).long()),
    "pad": lambda lib, f: f.pad(lib.ones(0, 2, 3), (1, 1), "reflect"),
    "segments": lambda lib, f: lib.segment_reduce(lib.ones(0), "sum", lengths=lib.zeros(2).long()),
    "adaptive": lambda lib, f: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2])(lib.ones(0, 8), lib.ones(0).long()).loss,
    "counts": lambda lib, f: lib.poisson(lib.ones(0)) + lib.binomial(lib.ones(0), lib.ones(0)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_e7_empty_batches(name):
    close(*(EMPTY[name](lib, lib.nn.functional) for lib in LIBRARIES), name)


def test_nearest_takes_any_dtype():
    data = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    close(*(lib.nn.functional.interpolate(x, scale_factor=2) for lib, x in zip(LIBRARIES, tensors(data))), "uint8")


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_coordinates_that_are_not_finite(mode, padding):
    data = np.arange(1.0, 5.0).reshape(1, 1, 2, 2)
    grid = np.array([[[[np.nan, 0.0], [np.inf, 0.5], [-np.inf, 0.5]]]])
    outs = [
        lib.nn.functional.grid_sample(lib.tensor(data), lib.tensor(grid), mode, padding, False) for lib in LIBRARIES
    ]
    close(*outs, padding)


def test_infinite_pixels_stay_where_they_are():
    data = np.array([[[[np.inf, 1.0, 2.0], [3.0, 4.0, np.nan]]]])
    grid = np.random.default_rng(0).uniform(-1.3, 1.3, (1, 4, 5, 2))
    for padding in ("zeros", "border"):
        outs = [
            lib.nn.functional.grid_sample(lib.tensor(data), lib.tensor(grid), "bilinear", padding, False)
            for lib in LIBRARIES
        ]
        close(*outs, padding)
    for options in ({"mode": "bilinear"}, {"mode": "bicubic"}, {"mode": "bilinear", "antialias": True}):
        close(
            *(lib.nn.functional.interpolate(lib.tensor(data), size=(3, 7), **options) for lib in LIBRARIES), "resized"
        )


@pytest.mark.parametrize("sizes", [(9,), (7, 6), (5, 6, 7)])
def test_unpooling(sizes):
    n = len(sizes)
    data = np.random.default_rng(0).normal(size=(2, 3, *sizes))
    outs, leaves = [], []
    for lib in LIBRARIES:
        x = lib.tensor(data).requires_grad_()
        pooled, where = getattr(lib.nn, f"MaxPool{n}d")(2, return_indices=True)(x)
        layer = getattr(lib.nn, f"MaxUnpool{n}d")(2)
        outs.append(layer(pooled, where, output_size=x.shape))
        leaves.append(x)
        assert repr(layer) == repr(getattr(torch.nn, f"MaxUnpool{n}d")(2))
    close(*outs, "unpooled")
    pull(tuple(outs))
    close(leaves[0].grad, leaves[1].grad, "gradient")


def test_fractional_layers_take_given_samples():
    for n, shape in ((2, (2, 3, 7, 6)), (3, (2, 3, 5, 6, 7))):
        data, samples = np.random.default_rng(0).normal(size=shape), np.random.default_rng(1).random((2, 3, n))
        outs = []
        for lib in LIBRARIES:
            kind = getattr(lib.nn, f"FractionalMaxPool{n}d")
            layer = kind(2, output_ratio=0.5, return_indices=True, _random_samples=lib.tensor(samples))
            outs.append(layer(lib.tensor(data)))
        for ours, theirs in zip(*outs):
            close(ours, theirs, "fractional")


def test_fractional_windows_are_random_and_cover_the_image():
    x = mt.arange(19.0).reshape(1, 1, 1, 19).expand(400, 1, 2, 19)
    _, where = mt.nn.functional.fractional_max_pool2d(x, (1, 2), output_size=(1, 7), return_indices=True)
    ends = array(where)[:, 0, 0] % 19
    assert (ends[:, -1] == 18).all() and (ends[:, 0] <= 3).all()
    assert np.unique(ends, axis=0).shape[0] > 2
    assert set(np.unique(np.diff(ends, axis=1))) <= {2, 3}


# --------------------------------------------------------------------------- CTC

LOGITS = np.random.default_rng(0).normal(size=(6, 3, 4))
LABELS = np.array([[1, 2, 2], [3, 3, 3], [1, 0, 2]])
# Each line: the labels, the lengths of inputs and labels, and options.
CTC = {
    "rows": (LABELS, (6, 5, 4), (3, 3, 1), {}),
    "one behind the other": (np.array([1, 2, 2, 3, 1, 3]), (6, 5, 4), (3, 1, 2), {}),
    "impossible": (LABELS, (6, 3, 2), (3, 3, 3), {"zero_infinity": True}),
    "empty": (LABELS, (6, 3, 0), (0, 2, 0), {"zero_infinity": True}),
    "no labels": (LABELS[:, :0], (6, 3, 1), (0, 0, 0), {}),
    "another blank": (LABELS % 3, (6, 6, 6), (2, 2, 1), {"blank": 3}),
}


@pytest.mark.parametrize("as_tensors", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", CTC)
def test_ctc(name, reduction, as_tensors):
    labels, inputs, targets, options = CTC[name]
    outs, leaves = [], []
    for lib in LIBRARIES:
        x = lib.tensor(LOGITS).requires_grad_()
        given = map(lib.tensor, (inputs, targets)) if as_tensors else (inputs, targets)
        loss = lib.nn.CTCLoss(reduction=reduction, **options)
        outs.append(loss(x.log_softmax(-1), lib.tensor(labels), *given))
        leaves.append(x)
    close(*outs, name)
    pull(tuple(outs))
    close(leaves[0].grad, leaves[1].grad, "gradient")


def test_ctc_without_a_batch_and_infinite():
    for labels, length in (([1, 2], 5), ([1, 1, 1], 4)):
        outs = [
            lib.nn.functional.ctc_loss(
                lib.tensor(LOGITS[:, 0]).log_softmax(-1),
                lib.tensor(labels),
                lib.tensor(length),
                lib.tensor(len(labels)),
            )
            for lib in LIBRARIES
        ]
        close(*outs, "one")
    assert array(outs[0]) == np.inf


def test_ctc_is_minus_the_logarithm_of_all_alignments():
    logs = mt.tensor(LOGITS[:4, :1]).log_softmax(-1)
    steps, total = array(logs)[:, 0], 0.0
    for path in np.ndindex(4, 4, 4, 4):
        spelled = [k for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k)]
        if spelled == [2, 2]:
            total += np.exp(sum(steps[i, k] for i, k in enumerate(path)))
    found = mt.nn.functional.ctc_loss(logs, mt.tensor([[2, 2]]), (4,), (2,), reduction="sum")
    np.testing.assert_allclose(array(found), -np.log(total), rtol=1e-12)


def test_ctc_has_exact_derivatives_of_both_orders():
    labels, lengths = mt.array(LABELS), (mt.array([6, 5, 4]), mt.array([3, 2, 1]))
    mt.test_util.check_grads(lambda x: mt.nn.functional.ctc_loss(x, labels, *lengths), (mt.array(LOGITS),))


@pytest.mark.parametrize("call", [
    lambda lib, f, x: f(x, lib.tensor(LABELS), (7, 6, 6), (3, 3, 3)),
    lambda lib, f, x: f(x, lib.tensor(LABELS), (6, 6), (3, 3, 3)),
    lambda lib, f, x: f(x, lib.tensor(LABELS), (6, 6, 6), (4, 3, 3)),
    lambda lib, f, x: f(x, lib.tensor(LABELS), (6, 6, 6), (3, 3, -1)),
    lambda lib, f, x: f(x, lib.tensor(LABELS[0]), (6, 6, 6), (3, 2, 1)),
    lambda lib, f, x: f(x, lib.tensor(LABELS), (6, 6, 6), (3, 3, 3), blank=4),
    lambda lib, f, x: f(x, lib.tensor(LABELS), (6, 6, 6), (3, 3, 3), reduction="avg"),
])  # fmt: skip
def test_ctc_bad_input(call):
    both_raise(torch, lambda lib: call(lib, lib.nn.functional.ctc_loss, lib.tensor(LOGITS).log_softmax(-1)))


# --------------------------------------------------------------------------- the adaptive softmax, a linear map and its loss


def test_adaptive_softmax():
    ours, theirs = pair_of(lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], div_value=2.0, head_bias=True))
    x = tensors(np.random.default_rng(0).normal(size=(7, 8)).astype("f"), requires_grad=True)
    classes = np.array([0, 8, 3, 1, 5, 2, 4])
    outs = [layer(each, lib.tensor(classes)) for lib, layer, each in zip(LIBRARIES, (ours, theirs), x)]
    for a, b in zip(*outs):
        close(a, b, "adaptive softmax")
    pull(tuple(out.loss for out in outs))
    same_gradients(ours, theirs)
    close(x[0].grad, x[1].grad, "gradient")
    np.testing.assert_array_equal(*(array(layer.predict(each)) for layer, each in zip((ours, theirs), x)))
    close(*(layer(each[0], lib.tensor(5)).output for lib, layer, each in zip(LIBRARIES, (ours, theirs), x)), "one")
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("outer", [(), (2,)])
def test_linear_cross_entropy(outer, reduction):
    ours, theirs = pair_of(
        lambda lib: lib.nn.LinearCrossEntropyLoss(4, 6, out_features=outer, bias=True, reduction=reduction)
    )
    x = tensors(np.random.default_rng(0).normal(size=(5, 4)).astype("f"), requires_grad=True)
    classes = np.random.default_rng(1).integers(0, 6, (5, *outer))
    outs = [layer(each, lib.tensor(classes)) for lib, layer, each in zip(LIBRARIES, (ours, theirs), x)]
    close(*outs, "loss")
    pull(tuple(outs))
    same_gradients(ours, theirs)
    close(x[0].grad, x[1].grad, "gradient")
    assert repr(ours) == repr(theirs)


MORE_BAD = {
    "kernel of three": lambda lib: lib.nn.functional.max_pool2d(lib.ones(2, 5, 7), (2, 2, 2)),
    "kernel of three to average": lambda lib: lib.nn.functional.avg_pool2d(lib.ones(2, 5, 7), (2, 2, 2)),
    "padding of a transpose": lambda lib: lib.nn.ConvTranspose1d(2, 2, 3, padding="some")(lib.ones(1, 2, 4)),
    "adaptive cutoffs": lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [5, 2]),
    "adaptive no cutoffs": lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, []),
    "adaptive classes": lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2])(lib.ones(1, 8), lib.tensor([9])),
    "adaptive batch": lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2])(lib.ones(2, 8), lib.tensor([3])),
    "linear and weights": lambda lib: lib.nn.functional.linear_cross_entropy(
        lib.ones(2, 4), lib.ones(3, 5), lib.tensor([0, 1])
    ),
    "linear bias": lambda lib: lib.nn.functional.linear_cross_entropy(
        lib.ones(2, 4), lib.ones(3, 4), lib.tensor([0, 1]), linear_bias=lib.ones(2)
    ),
    "smoothing": lambda lib: lib.nn.LinearCrossEntropyLoss(4, 6, label_smoothing=2.0),
    "multi-margin power": lambda lib: lib.nn.MultiMarginLoss(p=3),
    "multi-margin classes": lambda lib: lib.nn.MultiMarginLoss()(lib.ones(2, 3), lib.tensor([0, 3])),
    "multi-margin target": lambda lib: lib.nn.MultiMarginLoss()(lib.ones(2, 3), lib.tensor([0, 1, 2])),
    "multi-label classes": lambda lib: lib.nn.MultiLabelMarginLoss()(lib.ones(1, 3), lib.tensor([[0, 3, -1]])),
    "multi-label target": lambda lib: lib.nn.MultiLabelMarginLoss()(lib.ones(1, 3), lib.tensor([[0, 1]])),
    "triplet margin": lambda lib: lib.nn.TripletMarginLoss(margin=0.0),
    "triplet ranks": lambda lib: lib.nn.TripletMarginLoss()(lib.ones(2, 3), lib.ones(2, 3), lib.ones(3)),
    "cosine ranks": lambda lib: lib.nn.CosineEmbeddingLoss()(lib.ones(2, 3), lib.ones(2, 3), lib.tensor(1)),
    "soft margin shapes": lambda lib: lib.nn.SoftMarginLoss()(lib.ones(3), lib.ones(2)),
    "soft margin reduction": lambda lib: lib.nn.functional.soft_margin_loss(lib.ones(3), lib.ones(3), reduction="avg"),
}


@pytest.mark.parametrize("name", MORE_BAD)
def test_bad_arguments_of_losses(name):
    both_raise(torch, MORE_BAD[name])


# --------------------------------------------------------------------------- random layers

SAMPLES = {
    "alpha dropout": (lambda f, x: f.alpha_dropout(x, 0.3, True), (60_000,)),
    "feature alpha dropout": (lambda f, x: f.feature_alpha_dropout(x, 0.3, True), (300, 200, 3)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_alpha_dropout_keeps_mean_and_deviation(name):
    call, shape = SAMPLES[name]
    mt.manual_seed(0)
    x = mt.randn(*shape, dtype=mt.float64)
    out = array(call(mt.nn.functional, x))
    # What is dropped is set to one value, the same as PyTorch's.
    values, counts = np.unique(out, return_counts=True)
    limit = values[counts.argmax()]
    theirs = call(torch.nn.functional, torch.zeros(shape, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(limit, theirs.min(), rtol=1e-12)
    assert abs((out == limit).mean() - 0.3) < 0.02
    assert abs(out.mean()) < 0.02 and abs(out.std() - 1) < 0.02
    if len(shape) == 3:
        assert ((out == limit).all(-1) == (out == limit).any(-1)).all()


def test_dropout_edges():
    for name in ("alpha_dropout", "feature_alpha_dropout"):
        for lib in LIBRARIES:
            f, x = getattr(lib.nn.functional, name), lib.ones(3, 2, 2)
            assert not array(f(x, 1.0, True)).any()
            assert f(x, 0.5) is x or (array(f(x, 0.5)) == 1).all()
            y = lib.ones(200, 2)
            assert f(y, 0.5, True, True) is y and array(y).min() < 0
    for lib in LIBRARIES:
        out = array(lib.feature_dropout(lib.ones(300, 200, 3), 0.3, True))
        assert abs((out == 0).mean() - 0.3) < 0.02 and (out == out[..., :1]).all()
        np.testing.assert_allclose(out.max(), 1 / 0.7, rtol=1e-6)


def test_cross_map_normalization_is_what_its_formula_says():
    x = mt.randn(2, 6, 3, 2)
    assert mt.equal(mt.nn.CrossMapLRN2d(3, 0.5, 0.7, 2)(x), mt.nn.LocalResponseNorm(3, 0.5, 0.7, 2)(x))
    first = [array(lib.nn.CrossMapLRN2d(3, 0.5)(lib.ones(1, 6, 1, 1))).ravel()[:2] for lib in LIBRARIES]
    np.testing.assert_allclose(*first, rtol=1e-6)
    assert repr(mt.nn.CrossMapLRN2d(3)) == repr(torch.nn.CrossMapLRN2d(3))


def test_random_leaky_slopes():
    layer, x = mt.nn.RReLU(0.1, 0.4), -mt.ones(40_000)
    slopes = -array(layer(x))
    assert 0.1 <= slopes.min() < 0.101 and 0.399 < slopes.max() <= 0.4 and abs(slopes.mean() - 0.25) < 0.005
    assert repr(layer) == repr(torch.nn.RReLU(0.1, 0.4))
    close(layer.eval()(x), torch.nn.RReLU(0.1, 0.4).eval()(-torch.ones(40_000)), "evaluation")


@pytest.mark.parametrize("name", ["poisson", "binomial"])
def test_counts(name):
    arguments = {"poisson": (np.full(60_000, 4.5, "f"),), "binomial": (np.full(60_000, 10.0, "f"), np.float32(0.3))}
    ours, theirs = (getattr(lib, name)(*map(lib.tensor, arguments[name])) for lib in LIBRARIES)
    a, b = array(ours), array(theirs)
    assert a.dtype == b.dtype and (a == np.floor(a)).all() and a.min() >= 0
    for k in range(12):
        assert abs((a == k).mean() - (b == k).mean()) < 0.012


@pytest.mark.parametrize("initial", [None, 2.0])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_segments(reduce, initial):
    data = np.random.default_rng(0).uniform(0.5, 3, size=(2, 6, 3))
    for options in (
        {"lengths": [[2, 0, 4], [1, 5, 0]], "axis": 1},
        {"lengths": [1, 1], "axis": 0},
        {"offsets": [[0, 2, 2, 6], [0, 1, 6, 6]], "axis": 1},
    ):
        outs, leaves = [], []
        for lib in LIBRARIES:
            x = lib.tensor(data).requires_grad_()
            given = {k: lib.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
            outs.append(lib.segment_reduce(x, reduce, initial=initial, **given))
            leaves.append(x)
        close(*outs, reduce)
        for out in outs:
            out.nan_to_num(posinf=0, neginf=0).sum().backward()
        close(leaves[0].grad, leaves[1].grad, "gradient")


def test_inference_mode():
    for lib in LIBRARIES:
        x = lib.ones(2, requires_grad=True)

        @lib.inference_mode
        def plain(x, lib=lib):
            return lib.is_inference_mode_enabled(), (x * 2).requires_grad

        @lib.inference_mode(False)
        def off(lib=lib):
            return lib.is_inference_mode_enabled()

        with lib.inference_mode():
            assert lib.is_inference_mode_enabled() and not off() and not (x * 2).requires_grad
        assert not lib.is_inference_mode_enabled()
        assert plain(x) == (True, False)


def test_hooks_after_accumulation():
    found = []
    for lib in LIBRARIES:
        x, seen = lib.tensor([1.0, 2.0], requires_grad=True), []
        handle = x.register_post_accumulate_grad_hook(lambda p, x=x, seen=seen: seen.append((p is x, p.grad.tolist())))
        for _ in range(3):
            (x * x).sum().backward()
            if len(seen) == 2:
                handle.remove()
        found.append(seen)
        for bad in (x * 2, lib.ones(2)):
            with pytest.raises(RuntimeError, match="cannot (be )?register"):
                bad.register_post_accumulate_grad_hook(print)
    assert found[0] == found[1] == [(True, [2.0, 4.0]), (True, [4.0, 8.0])]
