"""Every name that the page of PyTorch's names claims is compared with PyTorch by one of the tables, or by name elsewhere."""

import importlib.util
from pathlib import Path

import pytest

import minitorch as mt
from minitorch import absent

from . import breadth, opinfo, tables
from .test_functions import LINALG
from .test_toplevel import CALLS, FUNCTIONAL

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
pytestmark = pytest.mark.torch

SPACES = ("torch", "torch.Tensor", "torch.linalg", "torch.special", "torch.fft", "torch.nn.functional")
# What no row of a table can say, by the reason.
ELSEWHERE = {
    "a type, a constant or a module": "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor "
    "IntTensor LongTensor ShortTensor Size Tensor complex128 complex64 device dtype e float16 float32 float64 inf int16 "
    "int32 int64 int8 nan newaxis pi uint16 uint32 uint64 uint8 autograd export fft func jit linalg nn optim special utils "
    "LinAlgError load save vmap",
    "makes tensors: test_creation": "as_tensor asarray bartlett_window blackman_window empty empty_like fftfreq from_dlpack "
    "from_numpy frombuffer hamming_window hann_window kaiser_window range rfftfreq tensor new new_empty new_tensor",
    "random: distributions and states are tested": "Generator bernoulli bernoulli_ cauchy_ default_generator exponential_ "
    "geometric_ get_rng_state initial_seed log_normal_ manual_seed multinomial normal normal_ rand rand_like randint "
    "randint_like randn randn_like random random_ randperm seed set_rng_state uniform_ dropout1d dropout2d dropout3d "
    "alpha_dropout feature_alpha_dropout feature_dropout gumbel_softmax poisson binomial fractional_max_pool2d "
    "fractional_max_pool3d",
    "layers: test_nn, tests/nn": "adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices affine_grid "
    "adaptive_max_pool3d_with_indices affine_grid_generator fold fractional_max_pool2d_with_indices grid_sampler gru "
    "gru_cell "
    "fractional_max_pool3d_with_indices lp_pool1d lp_pool2d lp_pool3d lstm lstm_cell max_pool2d_with_indices "
    "max_pool3d_with_indices norm_except_dim poisson_nll_loss rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell segment_reduce "
    "upsample alpha_dropout_ feature_alpha_dropout_ feature_dropout_",
    "a setting or a question": "are_deterministic_algorithms_enabled get_float32_matmul_precision compile backends "
    "is_deterministic_algorithms_warn_only_enabled is_inference_mode_enabled set_float32_matmul_precision "
    "use_deterministic_algorithms can_cast enable_grad finfo get_default_dtype get_num_threads iinfo inference_mode "
    "is_grad_enabled is_tensor no_grad promote_types result_type set_default_dtype set_grad_enabled set_num_threads "
    "set_printoptions",
    "what a tensor is and holds: test_autograd, test_inplace_views, tests/tensor": "H T as_subclass backward copy_ cpu cuda "
    "data detach_ dim element_size fill_ fill_diagonal_ grad grad_fn index_put_ is_contiguous is_cpu is_cuda is_ipu is_leaf "
    "is_maia is_meta is_mkldnn is_mps is_mtia is_nested is_pinned is_quantized is_set_to is_sparse is_sparse_csr is_vulkan "
    "is_xla is_xpu itemsize mH mT name nbytes ndim ndimension nelement numpy output_nr pin_memory register_hook "
    "register_post_accumulate_grad_hook requires_grad requires_grad_ retain_grad retains_grad shape size stride tolist type",
}
# Names that hold several operations of the database, or go by another name there.
COMPARED = tables.ELSEWHERE | tables.PLAIN | {name for names in ELSEWHERE.values() for name in names.split()}


def test_absent_names_say_why():
    """The names are PyTorch's, are absent, and the error gives the reason."""
    for reason, names in absent._REASONS.items():
        for path in names.split():
            *spaces, name = path.split(".")
            theirs, ours = opinfo._lookup(torch, path), mt
            for space in spaces:
                ours = getattr(ours, space)
            if name != "GradScaler" and path != "sparse_coo":
                assert theirs is not None, path
            with pytest.raises(AttributeError) as raised:
                getattr(ours, name)
            assert str(raised.value).endswith(f"has no attribute {name!r}: {reason}")


def page():
    path = Path(__file__).resolve().parents[2] / "docs" / "torch_names.py"
    spec = importlib.util.spec_from_file_location("torch_names", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_tables():
    found = {c.name for c in tables.ALL + LINALG + breadth.SPECIALS} | {*CALLS, *FUNCTIONAL}
    for operation in opinfo.operations():
        found |= {operation.info.name, *(alias.name for alias in operation.info.aliases)}
    return found | {name.removeprefix("nn.functional.") for name in found}  # some of these stand in torch, too


@pytest.fixture(scope="module")
def script():
    return page()


@pytest.mark.parametrize("title", SPACES)
def test_claimed_names_are_compared(title, script):
    theirs = {"torch": torch, "torch.Tensor": torch.Tensor}.get(title)
    theirs = opinfo._lookup(torch, title[6:]) if theirs is None else theirs
    ours = {"torch": mt, "torch.Tensor": mt.Tensor}.get(title)
    ours = opinfo._lookup(mt, title[6:]) if ours is None else ours
    prefix = "" if title in ("torch", "torch.Tensor") else title[6:] + "."
    known = in_tables()
    missing = [
        name
        for name in script.names_of(theirs)
        if hasattr(ours, name)
        and not {name, prefix + name, name.removesuffix("_"), prefix + name.removesuffix("_")} & known
        and name not in COMPARED
    ]
    assert not missing
