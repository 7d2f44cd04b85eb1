"""Lazy modules and uninitialized tensors: what they say before the first call, and what they are after it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minitorch as mt
from minitorch import nn
from minitorch.errors import ArgumentError, JitError, StateError

# Each line: the lazy layer, its input, the eager layer it becomes, and its arguments.
LAZY = {
    "linear": (lambda: nn.LazyLinear(3), (4, 5), nn.Linear, (5, 3)),
    "linear without bias": (lambda: nn.LazyLinear(3, bias=False), (5,), nn.Linear, (5, 3, False)),
    "conv1d": (lambda: nn.LazyConv1d(4, 3, stride=2), (2, 6, 9), nn.Conv1d, (6, 4, 3, 2)),
    "conv2d": (lambda: nn.LazyConv2d(4, 3, 1, 1, 1, 2), (2, 6, 5, 5), nn.Conv2d, (6, 4, 3, 1, 1, 1, 2)),
    "conv2d unbatched": (lambda: nn.LazyConv2d(4, 3, bias=False), (6, 5, 5), nn.Conv2d, (6, 4, 3, 1, 0, 1, 1, False)),
    "conv3d": (lambda: nn.LazyConv3d(4, 2), (1, 2, 3, 3, 3), nn.Conv3d, (2, 4, 2)),
    "transpose 1d": (
        lambda: nn.LazyConvTranspose1d(4, 3, groups=2),
        (2, 6, 5),
        nn.ConvTranspose1d,
        (6, 4, 3, 1, 0, 0, 2),
    ),
    "transpose 2d": (lambda: nn.LazyConvTranspose2d(4, 3), (2, 6, 3, 3), nn.ConvTranspose2d, (6, 4, 3)),
    "transpose 3d": (lambda: nn.LazyConvTranspose3d(4, 2), (1, 2, 2, 2, 2), nn.ConvTranspose3d, (2, 4, 2)),
    "batch norm 1d": (lambda: nn.LazyBatchNorm1d(), (4, 3), nn.BatchNorm1d, (3,)),
    "batch norm 2d": (lambda: nn.LazyBatchNorm2d(1e-3, 0.2), (4, 3, 2, 2), nn.BatchNorm2d, (3, 1e-3, 0.2)),
    "batch norm 3d": (lambda: nn.LazyBatchNorm3d(affine=False), (4, 3, 2, 2, 2), nn.BatchNorm3d, (3, 1e-5, 0.1, False)),
    "instance norm 1d": (lambda: nn.LazyInstanceNorm1d(), (3, 5), nn.InstanceNorm1d, (3, 1e-5, 0.1, True, True)),
    "instance norm 2d": (lambda: nn.LazyInstanceNorm2d(), (2, 3, 4, 4), nn.InstanceNorm2d, (3, 1e-5, 0.1, True, True)),
    "instance norm 3d": (
        lambda: nn.LazyInstanceNorm3d(affine=False, track_running_stats=False),
        (2, 3, 2, 2, 2),
        nn.InstanceNorm3d,
        (3,),
    ),
}


@pytest.mark.parametrize("name", LAZY)
def test_the_first_call_makes_the_eager_layer(name):
    make, shape, kind, args = LAZY[name]
    lazy, eager, x = make(), kind(*args), mt.randn(*shape)
    assert repr(lazy).startswith(f"Lazy{kind.__name__}(") and isinstance(lazy, kind)
    keys = list(lazy.state_dict())
    out = lazy(x)
    assert type(lazy) is kind and repr(lazy) == repr(eager) and keys == list(eager.state_dict())
    assert all(type(p) is nn.Parameter and p.requires_grad for p in lazy.parameters())
    eager.load_state_dict(lazy.state_dict())
    if not list(lazy.buffers()):
        np.testing.assert_array_equal(out.detach().numpy(), eager(x).detach().numpy())
    if list(lazy.parameters()):
        out.sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in lazy.parameters())


@pytest.mark.parametrize("name", ["linear", "conv2d", "transpose 2d"])
def test_initial_values_are_drawn_as_the_eager_layer_draws_them(name):
    make, shape, kind, args = LAZY[name]
    lazy = make()
    lazy(mt.ones(*shape))
    bound = kind(*args).weight.detach().abs().max().item()
    assert 0.7 * bound < lazy.weight.detach().abs().max().item() < 1.5 * bound


@pytest.mark.parametrize("use", [
    lambda p: p.shape, lambda p: p + 1, lambda p: 1 + p, lambda p: p.sum(), lambda p: mt.relu(p), lambda p: p.numel(),
    lambda p: p[0], lambda p: mt.ones(2) * p, lambda p: mt.cat([p]), lambda p: p.numpy(), lambda p: p.tolist(),
    lambda p: mt.ones(2).add_(p), lambda p: mt.nn.functional.linear(mt.ones(2), p), lambda p: mt.grad(lambda q: q.sum())(p),
    lambda p: p.mul_(2), lambda p: nn.init.zeros_(p), lambda p: mt.vmap(lambda q: q * 2)(p), lambda p: p.to(mt.float64),
])  # fmt: skip
def test_an_uninitialized_parameter_cannot_be_used(use):
    with pytest.raises((ArgumentError, TypeError), match="(?i)uninitialized"):
        use(nn.LazyLinear(3).weight)


def test_what_an_uninitialized_parameter_knows():
    p = nn.UninitializedParameter(dtype=mt.float64)
    assert p.dtype == mt.float64 and p.requires_grad and p.is_leaf and p.grad is None
    assert repr(p) == "<UninitializedParameter>"
    twin = copy.deepcopy(p)
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.dtype == mt.float64 and p.requires_grad
    assert isinstance(twin, nn.UninitializedParameter)
    fixed = nn.UninitializedParameter().requires_grad_(False)
    fixed.materialize((1,), dtype=mt.float16)
    assert not fixed.requires_grad and fixed.dtype == mt.float16
    b = nn.UninitializedBuffer(persistent=False)
    b.materialize((2,))
    assert type(b) is mt.Tensor and b.tolist() == [0.0, 0.0] and not b.requires_grad


def test_a_lazy_model_can_be_converted_and_copied():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyBatchNorm1d()).double()
    assert model[0].weight.dtype == model[2].running_mean.dtype == mt.float64
    twin = copy.deepcopy(model)
    assert model(mt.ones(2, 5).double()).dtype == mt.float64
    assert isinstance(twin[0], nn.LazyLinear) and type(model[0]) is nn.Linear


def test_states_go_both_ways():
    eager, lazy = nn.Linear(2, 3), nn.LazyLinear(3)
    assert not any(lazy.load_state_dict(eager.state_dict()))
    assert lazy.weight.shape == (3, 2) and mt.equal(lazy.weight, eager.weight)
    assert mt.equal(lazy(mt.ones(1, 2)), eager(mt.ones(1, 2))) and type(lazy) is nn.Linear and lazy.in_features == 2
    with pytest.raises(StateError, match="uninitialized in checkpoint"):
        eager.load_state_dict(nn.LazyLinear(3).state_dict())
    assert not any(nn.LazyLinear(3).load_state_dict(nn.LazyLinear(3).state_dict()))
    assigned = nn.LazyLinear(3)
    assigned.load_state_dict(eager.state_dict(), assign=True)
    assert mt.equal(assigned(mt.ones(1, 2)), eager(mt.ones(1, 2)))


def test_an_optimizer_may_be_made_before_the_first_call():
    model = nn.LazyLinear(3)
    optimizer = mt.optim.Adam(model.parameters(), lr=0.1)
    optimizer.step()
    model(mt.ones(2, 4)).sum().backward()
    before = model.weight.detach().clone()
    optimizer.step()
    np.testing.assert_allclose((before - model.weight.detach()).numpy(), 0.1, rtol=1e-4)


def test_compiling_needs_shapes():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    with pytest.raises((JitError, ArgumentError), match=r"dummy batch"):
        mt.jit(model)(mt.ones(2, 4))
    x = mt.ones(2, 4)
    wanted = model(x)
    np.testing.assert_allclose(mt.jit(model)(x).detach().numpy(), wanted.detach().numpy(), rtol=1e-6)


def test_wrong_inputs_leave_the_layer_lazy():
    for layer, shape in (
        (nn.LazyConv2d(4, 3), (3, 3)),
        (nn.LazyBatchNorm2d(), (3, 4)),
        (nn.LazyInstanceNorm1d(), (4,)),
    ):
        with pytest.raises(RuntimeError, match="xpected"):
            layer(mt.ones(*shape))
        assert layer.has_uninitialized_params()
    with pytest.raises(ValueError, match="divisible"):
        nn.LazyConv2d(4, 3, groups=2)(mt.ones(1, 3, 4, 4))


def test_a_module_of_ones_own():
    class Lazy(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.UninitializedParameter()

        def initialize_parameters(self, x):
            if self.has_uninitialized_params():
                self.scale.materialize(x.shape[-1:])

        def forward(self, x):
            return x * self.scale

    layer = Lazy()
    assert layer(mt.ones(2, 3)).tolist() == [[0.0] * 3] * 2 and layer(mt.ones(3)).shape == (3,)

    class Forgetful(Lazy):
        def initialize_parameters(self, x):
            pass

    with pytest.raises(RuntimeError, match="has not been fully initialized"):
        Forgetful()(mt.ones(2))
