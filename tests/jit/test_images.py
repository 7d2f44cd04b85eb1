"""Functions on images and sequences, compiled and mapped: as they are plainly."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch as mt
from tests.torch_diff.cases import Side, flat
from tests.torch_diff.images import CASES

from .comparing import compare

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
F = mt.nn.functional


@pytest.mark.parametrize("one", CASES[1::4], ids=str)
def test_compiled(one):
    def make(wrap):
        side = Side(mt, str(one), "float32")
        (args, params) = side.arguments(one.args, one.params)
        tensors = [a for a in args if isinstance(a, mt.Tensor)]

        def call(*given):
            place = iter(given)
            full = [next(place) if isinstance(a, mt.Tensor) else a for a in args]
            function = mt
            for name in one.name.split("."):
                function = getattr(function, name)
            outs = flat(function(*full, **params))
            outs[0].square().sum().backward()
            return outs

        step = wrap(call)
        return lambda _: step(*tensors), [tensors]

    compare(make)


LABELS = mt.array([[1, 2], [3, 3]])
# Each line: a function of arrays, and the shapes of its arguments.
MAPPED = {
    "bicubic": (lambda x: F.interpolate(x, size=(5, 3), mode="bicubic"), (1, 2, 4, 4)),
    "nearest": (lambda x: F.interpolate(x, scale_factor=1.5), (1, 2, 4)),
    "grid": (lambda x, g: F.grid_sample(x, g, align_corners=False), (1, 2, 4, 4), (1, 3, 2, 2)),
    "affine": (lambda t: F.affine_grid(t, (1, 1, 2, 3), align_corners=False), (1, 2, 3)),
    "unfold": (lambda x: F.unfold(x, 2), (1, 2, 3, 4)),
    "fold": (lambda x: F.fold(x, (3, 4), 2), (1, 8, 6)),
    "fractional": (
        lambda x: F.fractional_max_pool2d(x, 2, (2, 2), _random_samples=mt.array(np.full((1, 2, 2), 0.4))),
        (1, 2, 5, 5),
    ),
    "ctc": (lambda x: F.ctc_loss(mt.numpy.log(mt.numpy.abs(x) + 0.1), LABELS, (5, 4), (2, 2)), (5, 2, 4)),
    "multi-label": (lambda x: F.multilabel_margin_loss(x, mt.array([[1, -1, 0], [2, 0, -1]])), (2, 3)),
    "triplet": (F.triplet_margin_loss, (2, 3), (2, 3), (2, 3)),
}


@pytest.mark.parametrize("name", MAPPED)
def test_mapped_and_differentiated(name):
    function, *shapes = MAPPED[name]
    rng = np.random.default_rng(0)
    arrays = [mt.array(rng.normal(size=(3, *shape))) for shape in shapes]
    slopes = mt.grad(lambda *xs: mt.numpy.sum(function(*xs) ** 2))
    for each in (function, slopes):
        found = mt.vmap(each)(*arrays)
        for i in range(3):
            alone = each(*(a[i] for a in arrays)).numpy()
            np.testing.assert_allclose(found[i].numpy(), alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MAPPED)
def test_both_modes_against_differences(name):
    function, *shapes = MAPPED[name]
    rng = np.random.default_rng(1)
    mt.test_util.check_grads(function, tuple(mt.array(rng.normal(size=shape)) for shape in shapes))


def test_hooks_after_accumulation_run_at_each_replay():
    x, seen = mt.tensor([1.0, 2.0], requires_grad=True), []
    rate = mt.tensor(0.25)

    def update(p):
        with mt.no_grad():
            p.sub_(p.grad * rate)
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(update)
    step = mt.jit(lambda: (x * x).sum().backward())
    for _ in range(3):
        step()
        seen.append(x.tolist())
    handle.remove()
    step()
    assert seen == [[0.5, 1.0], [0.25, 0.5], [0.125, 0.25]]
    assert x.tolist() == seen[-1] and x.grad.tolist() == [0.25, 0.5]
