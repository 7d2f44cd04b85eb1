"""Write `torch-names.md`: each name of PyTorch as there, different or absent, by looking at both libraries.

Run it from the repository root where PyTorch is installed: `PYTHONPATH=. python docs/torch_names.py`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
from pathlib import Path
from typing import Any

import torch

import minitorch
import minitorch.nn.functional

PAGE = Path(__file__).resolve().parent / "torch-names.md"
PACKAGES = PAGE.with_name("torch-packages.md")
# Each namespace, by the page it stands on.
FUNCTIONS = ("torch", "torch.Tensor", "torch.linalg", "torch.special", "torch.fft", "torch.nn.functional")
REST = (
    "torch.nn", "torch.nn.Module", "torch.nn.init", "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrize",
    "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.utils.data", "torch.utils.checkpoint",
    "torch.autograd", "torch.autograd.functional", "torch.Generator",
)  # fmt: skip


def space(name: str) -> tuple[Any, Any]:
    """Return a namespace of PyTorch's and ours, which is None where there is none."""
    return _module(torch, name), _module(minitorch, name)


def _module(root: Any, name: str) -> Any:
    """Import or look up what a dotted name under `torch` means in a library."""
    found = root
    for part in name.split(".")[1:]:
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except (AttributeError, ImportError):
                return None
    return found


# Names that are there and behave otherwise.
DIFFERENT = {
    "torch": {
        "from_dlpack": "copies: values are immutable, memory is never shared",
        "from_numpy": "copies: values are immutable, memory is never shared",
        "frombuffer": "copies: values are immutable, memory is never shared",
        "Size": "the built-in tuple",
        "dtype": "NumPy's: `torch.float32 == numpy.dtype('float32')`",
        "asarray": "copies what is no tensor",
        "empty": "holds zeros",
        "empty_like": "holds zeros",
        "device": "a string with `type` and `index`",
        "manual_seed": "fixes what is drawn, but not to PyTorch's numbers",
        "set_num_threads": "of compiled functions",
        "get_num_threads": "of compiled functions",
        "is_inference": "always False: what is made under `inference_mode` is an ordinary tensor",
        "load": "runs no code, whatever `weights_only` says; `map_location` names one device",
        "save": "writes safetensors",
        "compile": "`mt.jit`: a function as a whole, without graph breaks",
        "unique": "always sorted",
        "as_strided": "of contiguous tensors; windows that overlap cannot be written to",
        "ctc_loss": "the gradient for `log_probs` is the exact one; behind `log_softmax` it is PyTorch's",
        "Generator": "counter-based (Philox): other numbers than PyTorch's",
    },
    "torch.Tensor": {
        "is_inference": "always False: what is made under `inference_mode` is an ordinary tensor",
        "numpy": "a read-only view",
        "shape": "a tuple",
        "dtype": "a NumPy dtype",
        "size": "also the number of elements, as in NumPy: `x.size == 6`, `x.size() == (2, 3)`",
        "name": "always None",
        "output_nr": "always 0",
        "pin_memory": "returns the tensor: it lies in ordinary memory",
        "as_strided": "of contiguous tensors; windows that overlap cannot be written to",
        "stride": "where PyTorch would have laid out the elements",
        "grad_fn": "a node with other names inside",
    },
    "torch.linalg": {
        name: "a matrix without the result raises; `info` is 0 otherwise"
        for name in ("inv_ex", "solve_ex", "cholesky_ex")
    }
    | {"lu": "`pivot=False` raises", "lu_factor": "`pivot=False` raises"},
    "torch.special": {
        name: "has a derivative here" for name in vars(torch.special) if re.search("polynomial|bessel|airy", name)
    },
    "torch.nn.functional": {
        "ctc_loss": "the gradient for `log_probs` is the exact one; behind `log_softmax` it is PyTorch's",
        "linear_cross_entropy": "`options`, which change no result, are ignored",
    },
    "torch.Generator": {"get_state": "three uint64: a key and a count of draws"},
}
# Why names are absent: the first pattern that fits the whole name decides.
ABSENT = (
    (r"[A-Z]\w*Storage|storage\w*|untyped_storage|set_|share_memory_|is_shared|from_file|data_ptr|const_data_ptr"
     r"|is_storage|resize\w*|UntypedStorage|as_strided_|record_stream|slice_inverse|hash_tensor",
     "memory is not exposed: values are immutable"),
    (r".*sparse.*|\w*_indices|\w*_indices_copy|indices|indices_copy|values|values_copy|coalesce|is_coalesced|.*smm|hspmm"
     r"|dense_dim|saddmm|sspaddmm|to_dense|spmm|embedding_renorm_|to_padded_tensor|jagged|nested|masked",
     "no sparse, nested or masked tensors"),
    (r".*quant.*|q_\w+|int_repr|qscheme|q?u?int\d(x\d)?|q(u)?int\d\w*|fbgemm\w*|fake_\w+|fused_moving\w*|choose_qparams\w*"
     r"|per_(channel|tensor)_\w+|Q\w+|bit|bits\w+|uint\d|int\d|scaled_(grouped_)?mm|ScalingType|SwizzleType|grouped_mm",
     "no quantized numbers"),
    (r"float\d+_\w+|complex32|chalf|float8.*", "no numbers of 8 bits, no half complex"),
    (r"cudnn\w*|miopen\w*|mkldnn\w*|mps|mtia|xpu|ipu|to_mkldnn|is_vulkan\w*|backends|accelerator|has_\w+|native_\w+"
     r"|batch_norm_\w+|prelu_\w+|convolution|conv_tbc|cuda|cpu|Stream\w*|Event|DeviceObjType|get_device_module",
     "belongs to one of PyTorch's own backends; use the general function"),
    (r".*autocast.*|amp|GradScaler", "no automatic mixed precision: cast with `.to(dtype)`"),
    (r"sym_\w+|Sym\w+|.*Type|.*Script.*|jit|.*Dispatch.*|.*Argument\w*|parse_\w+|import_ir\w*|merge_type\w*|unify_type\w*"
     r"|Graph\w*|Node|Block|Use|Value|Code|Gradient|CallStack|Capsule|FunctionSchema|CompilationUnit|ConcreteModule\w*"
     r"|AliasDb|IODescriptor|TracingState|ExecutionPlan|ErrorReport|FileCheck|Future|futures|fork|wait|AggregationType|AVG|SUM"
     r"|OperatorInfo|Tag|Benchmark\w*|ThroughputBenchmark|LockingLogger|NoopLogger|LoggerBase|StaticModule|DeepCopyMemoTable"
     r"|(De)?Serialization\w+|PyTorchFile\w+|BufferDict|ModuleDict|ParameterDict|Disable\w+|JITException|FatalError"
     r"|boolean_dispatch|assert_int_or_pair|handle_torch_function|has_torch_function\w*|BroadcastingList\d|classproperty"
     r"|compiled_with\w*|get_file_path|init_num_threads|profiler\w*|prepare_multi\w*|thread_safe_generator|overrides"
     r"|PRIVATE_OPS|USE_\w+|return_types|torch_version|version|monitor|library|ops|classes|cpp|package|fx|ao|hub|futures"
     r"|functional|serialization|legacy_\w+|\w+_notes|common_\w+|multi_dim_common|module_load|reinforce|grad_dtype|volatile"
     r"|GRID_\w+|DType|is_distributed|OutOfMemoryError|AcceleratorError|unsafe_\w+|index|new"
     r"|Storage\w*|types|Deserialization\w*|factory_common_args",
     "PyTorch's own machinery"),
    (r"compile|compiler|cond|while_loop", "`mt.jit`, and its control flow, take that place"),
    (r"func|vmap", "`mt.grad`, `mt.vmap`, `mt.jvp`, ... are the transforms"),
    (r"distributed|multiprocessing|distributions|testing|random|signal|sparse|quasirandom|utils",
     "a module with no counterpart here"),
    (r"\w*deterministic\w*|\w*matmul_precision|set_flush_denormal|\w*warn_always\w*|\w*interop_threads",
     "nothing to set: results are deterministic and in full precision"),
    (r"set_default_device|get_default_device|set_default_tensor_type", "name the device where a tensor is made"),
    (r"layout|strided|memory_format|contiguous_format|preserve_format|channels_last\w*|empty_strided|empty_permuted"
     r"|new_empty_strided", "no layout to choose: every operation takes any"),
    (r"apply_|map_|map2_", "a Python call for each element: use an operation on the whole tensor"),
    (r"(is|set)_anomaly\w+", "`autograd.detect_anomaly`, `autograd.set_detect_anomaly`"),
    (r"to_dlpack", "`utils.dlpack.to_dlpack`"),
    (r"eig|lstsq|lu|matrix_rank|solve|symeig", "removed or deprecated in PyTorch: use `linalg`"),
    (r"ldl_\w+|geqrf|lobpcg|svd_lowrank|pca_lowrank|lu_factor_ex", "use the dense factorizations of `linalg`"),
    (r"save|load", "not at this level"),
    (r"embedding_bag", "use `nn.functional.embedding_bag`"),
    (r"(rnn|lstm|gru|quantized_)\w*|(gru|lstm|rnn_\w+)(_cell)?", "not there yet"),
    (r"Data(Pipe|Chunk)\w*|\w+DataPipe|functional_datapipe|\w*_datapipes_\w+|runtime_validation\w*|argument_validation|SparseAdam"
     r"|DistributedSampler|DataParallel|CrossMapLRN2d|Container|share_memory|convert_conv\dd\w*|swap_in_\w+|EPOCH_\w+"
     r"|PARAM_LIST|Profiler\w+|kineto_available|NestedIOFunction|\w*multithreading_enabled|\w*view_replay_enabled|SavedTensor"
     r"|enforce_grad_layout_policy|graphsafe_\w+|get_offset|set_offset|T_destination|call_super_init|dump_patches|is_tensor_like"
     r"|get_swap_module_params_\w+|is_traceable_wrapper_subclass|type_before_parametrizations|is_opaque_\w+|OpaqueBase"
     r"|(Sac|Selective)\w+|SAC\w+|DefaultDeviceType|\w*_device_states|detach_variable|check_backward_validity|noop_context_fn"
     r"|set_checkpoint_\w+|CheckpointFunction|gen_fake_\w+|\w*LoggingTensor\w*",
     "PyTorch's own machinery, its devices or its processes"),
    (r"clip_grad_norm|(constant|dirac|eye|kaiming_normal|kaiming_uniform|normal|orthogonal|uniform|xavier_normal"
     r"|xavier_uniform)|register_backward_hook|variable|Variable", "deprecated in PyTorch: use the newer name"),
    (r".*", "not there yet"),
)  # fmt: skip


def names_of(space: Any) -> list[str]:
    """Return the public names of a namespace, less what it has imported from elsewhere."""
    return [
        name
        for name in sorted(dir(space))
        if not name.startswith("_")
        and not (name == "Tensor" and space is not torch)
        and not _is_imported(getattr(space, name, None), name, space)
    ]


def _is_imported(value: Any, name: str, space: Any) -> bool:
    if isinstance(value, types.ModuleType):
        return not value.__name__.startswith("torch.") or value.__name__.count(".") > 1
    home = getattr(value, "__module__", None)
    if name == "TYPE_CHECKING" or (isinstance(value, float) and space is not torch):
        return True
    if not isinstance(home, str) or not isinstance(space, types.ModuleType):
        return False
    if space.__name__ in FUNCTIONS:  # their names are from all over PyTorch
        return name in ("Callable", "Optional", "TYPE_CHECKING") or (inspect.isroutine(value) and home == "typing")
    return not home.startswith(space.__name__)


def reason(name: str) -> str:
    """Return why a name is absent."""
    return next(why for pattern, why in ABSENT if re.fullmatch(pattern, name))


def section(title: str) -> list[str]:
    """Return the lines about one namespace."""
    theirs, ours = space(title)
    names = names_of(theirs)
    here = [n for n in names if hasattr(ours, n)]
    differing = {n: how for n, how in sorted(DIFFERENT.get(title, {}).items()) if n in here}
    why: dict[str, list[str]] = {}
    for name in names:
        if name not in here:
            why.setdefault(reason(name), []).append(name)
    lines = [f"## `{title}`", "", f"{len(here)} names are there, {len(differing)} of them different.", ""]
    lines += [" ".join(f"`{n}`" for n in here if n not in differing), ""]
    if differing:
        lines += ["| different | how |", "| --- | --- |", *(f"| `{n}` | {how} |" for n, how in differing.items()), ""]
    lines += ["| why absent | names |", "| --- | --- |"]
    return [*lines, *(f"| {w} | {' '.join(f'`{n}`' for n in ns)} |" for w, ns in sorted(why.items())), ""]


def summary(titles: tuple[str, ...]) -> list[str]:
    """Return a table of how many names of each namespace are there."""
    rows = []
    for title in titles:
        theirs, ours = space(title)
        names = names_of(theirs)
        here = sum(hasattr(ours, n) for n in names)
        different = sum(n in names and hasattr(ours, n) for n in DIFFERENT.get(title, {}))
        rows.append(f"| `{title}` | {here} | {different} | {len(names) - here} |")
    return ["| namespace | there | of them different | absent |", "| --- | --- | --- | --- |", *rows, ""]


def page(titles: tuple[str, ...] = FUNCTIONS) -> str:
    """Return a whole page."""
    release = ".".join(torch.__version__.split(".")[:2])
    kind, other = (
        ("functions", "[packages](torch-packages.md)")
        if titles is FUNCTIONS
        else ("packages", "[functions and methods](torch-names.md)")
    )
    head = f"""# PyTorch's names: {kind}

Each public name of PyTorch {release} that is there, works differently, or is absent, and why. The page is written by
`docs/torch_names.py`, which looks at both libraries; there is another one of {other}.
"""
    lines = [head, *summary(titles), *(line for title in titles for line in section(title))]
    return "\n".join(lines).rstrip() + "\n"


PAGES = {PAGE: FUNCTIONS, PACKAGES: REST}

if __name__ == "__main__":
    for path, titles in PAGES.items():
        path.write_text(page(titles), encoding="utf-8")
