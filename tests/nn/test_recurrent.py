"""Recurrent layers where PyTorch has no say: threads, what stands in the padding, transforms of transforms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn

KINDS = ["RNN", "LSTM", "GRU"]


def numbers(*shape, seed=0):
    return mt.tensor(np.random.default_rng(seed).normal(size=shape))


def layer_of(kind, **options):
    mt.manual_seed(0)
    return getattr(nn, kind)(3, 4, **options).double()


@pytest.mark.parametrize("kind", KINDS)
def test_threads(kind):
    xs = [numbers(5, 2, 3, seed=k) for k in range(4)]

    def gradients(k):
        layer = layer_of(kind, bidirectional=True)
        for _ in range(20):
            layer.zero_grad()
            layer(xs[k % 4])[0].square().sum().backward()
        return [p.grad.numpy() for p in layer.parameters()]

    alone = [gradients(k) for k in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for k, found in enumerate(pool.map(gradients, range(16))):
            for a, b in zip(found, alone[k % 4]):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_the_padding_does_not_matter(kind):
    layer, lengths = layer_of(kind, num_layers=2, bidirectional=True), [5, 2, 3]
    outs = []
    for filling in (0.0, np.nan):
        x = numbers(5, 3, 3).numpy().copy()
        for i, n in enumerate(lengths):
            x[n:, i] = filling
        x = mt.tensor(x, requires_grad=True)
        layer.zero_grad()
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        out, state = layer(packed)
        out.data.square().sum().backward()
        outs.append([out.data, *(state if kind == "LSTM" else [state]), x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*outs):
        assert np.isfinite(b.detach().numpy()).all()
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_each_sequence_of_a_pack_is_what_it_is_alone(kind):
    layer = layer_of(kind, bidirectional=True)
    sequences = [numbers(n, 3, seed=n) for n in (2, 5, 3)]
    packed, _ = layer(nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False))
    for x, out in zip(sequences, nn.utils.rnn.unpack_sequence(packed)):
        np.testing.assert_allclose(out.detach().numpy(), layer(x)[0].detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_over_reverse(kind):
    """The product of the Hessian with a vector, by three ways."""
    layer, x = layer_of(kind), numbers(4, 2, 3)
    params = {name: p.detach() for name, p in layer.named_parameters()}
    ones = {name: mt.ones_like(p) for name, p in params.items()}

    def slope(params):
        return mt.func.grad(lambda p: mt.func.functional_call(layer, p, (x,))[0].square().sum())(params)

    _, forward = mt.func.jvp(slope, (params,), (ones,))
    _, compiled = mt.jit(lambda p: mt.func.jvp(slope, (p,), (ones,)))(params)
    step = 1e-5
    ends = [slope({name: p + sign * step for name, p in params.items()}) for sign in (1, -1)]
    for name, found in forward.items():
        np.testing.assert_allclose(compiled[name].numpy(), found.numpy(), rtol=1e-9, atol=1e-12)
        difference = (ends[0][name] - ends[1][name]).numpy() / (2 * step)
        np.testing.assert_allclose(found.numpy(), difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_loops_are_native(kind):
    """A compiled training step calls nothing of Python."""
    layer, x = layer_of(kind).float(), mt.tensor(np.ones((4, 2, 3), np.float32))

    def step(x):
        layer.zero_grad()
        loss = layer(x)[0].square().sum()
        loss.backward()
        return loss

    assert ", 0 calls of Python" in str(mt.jit(step).explain(x))
