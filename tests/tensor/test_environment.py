"""What PyTorch programs ask and set before they compute: devices, backends, determinism, `compile`."""

import numpy as np
import pytest

import minitorch as mt
from minitorch.core.backend import backend_for
from minitorch.errors import ArgumentError, DeviceError, JitError


def test_the_usual_choice_of_a_device_runs():
    device = mt.device("cuda" if mt.cuda.is_available() else "cpu")
    assert mt.ones(2).to(device).device == device
    assert mt.cuda.is_available() == (mt.cuda.device_count() > 0)
    assert backend_for("cpu").count() == 1


@pytest.mark.skipif(mt.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("ask", [mt.cuda.current_device, mt.cuda.synchronize, lambda: mt.cuda.synchronize("cuda:1")])
def test_asking_something_of_an_absent_device_says_what_to_write(ask):
    with pytest.raises(DeviceError, match="is_available"):
        ask()


def test_seeding_all_devices_seeds_the_generator():
    mt.cuda.manual_seed_all(3)
    first = mt.rand(4)
    mt.manual_seed(3)
    assert mt.equal(first, mt.rand(4))


def test_switches_are_taken_and_slips_are_not():
    mt.backends.cudnn.deterministic = True
    mt.backends.cudnn.benchmark = False
    assert not mt.backends.mps.is_available()
    with pytest.raises(AttributeError, match="deterministic"):
        mt.backends.cudnn.determinstic = True
    mt.use_deterministic_algorithms(True)
    assert mt.are_deterministic_algorithms_enabled()
    mt.set_float32_matmul_precision("high")
    assert mt.get_float32_matmul_precision() == "highest"
    with pytest.raises(ArgumentError, match="medium"):
        mt.set_float32_matmul_precision("low")


def test_compile_is_jit_with_torchs_arguments():
    model = mt.nn.Linear(3, 2)
    x = mt.randn(5, 3)
    compiled = mt.compile(model, mode="reduce-overhead", fullgraph=True)
    np.testing.assert_allclose(compiled(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-6)
    assert mt.compile(model, disable=True) is model

    @mt.compile(dynamic=False)
    def branching(x):
        return x if x.sum() > 0 else -x

    with pytest.raises(JitError, match="if"):
        branching(x)
