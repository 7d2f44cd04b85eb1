"""Write `torch-names.md`: each name of PyTorch as there, different or absent, by looking at both libraries.

Run it from the repository root where PyTorch is installed: `python docs/torch_names.py`.
"""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path
from typing import Any

import torch

import minitorch
import minitorch.nn.functional

PAGE = Path(__file__).resolve().parent / "torch-names.md"
SPACES: dict[str, tuple[Any, Any]] = {
    "torch": (torch, minitorch),
    "torch.Tensor": (torch.Tensor, minitorch.Tensor),
    "torch.linalg": (torch.linalg, minitorch.linalg),
    "torch.special": (torch.special, minitorch.special),
    "torch.nn.functional": (torch.nn.functional, minitorch.nn.functional),
}
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
        "FloatTensor": "a function, as the other typed constructors: `isinstance` takes `Tensor`",
        "manual_seed": "fixes what is drawn, but not to PyTorch's numbers",
        "set_num_threads": "of compiled functions",
        "get_num_threads": "of compiled functions",
        "compile": "`mt.jit`: a function as a whole, without graph breaks",
        "unique": "always sorted",
        "as_strided": "of contiguous tensors; windows that overlap cannot be written to",
        "Generator": "counter-based (Philox): other numbers than PyTorch's",
    },
    "torch.Tensor": {
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
        name: "has a derivative here" for name in vars(torch.special) if re.search("polynomial|spherical", name)
    },
    "torch.nn.functional": {},
}
# Why names are absent: the first pattern that fits the whole name decides.
ABSENT = (
    (r"[A-Z]\w*Storage|storage\w*|untyped_storage|set_|share_memory_|is_shared|from_file|data_ptr|const_data_ptr"
     r"|is_storage|resize\w*|UntypedStorage|as_strided_|record_stream|slice_inverse|hash_tensor",
     "memory is not exposed: values are immutable"),
    (r".*sparse.*|\w*_indices|\w*_indices_copy|indices|indices_copy|values|values_copy|coalesce|is_coalesced|.*smm|hspmm"
     r"|dense_dim|sspaddmm|to_dense|spmm|embedding_renorm_|to_padded_tensor|jagged|nested|masked",
     "no sparse, nested or masked tensors"),
    (r".*quant.*|q_\w+|int_repr|qscheme|q?u?int\d(x\d)?|q(u)?int\d\w*|fbgemm\w*|fake_\w+|fused_moving\w*|choose_qparams\w*"
     r"|per_(channel|tensor)_\w+|Q\w+|bit|bits\w+|uint\d|int\d|scaled_(grouped_)?mm|ScalingType|SwizzleType|grouped_mm",
     "no quantized numbers"),
    (r"float\d+_\w+|complex32|chalf|float8.*", "no numbers of 8 bits, no half complex"),
    (r"fft|stft|istft", "Fourier transforms: see `fft` of the array face"),
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
     r"|Storage\w*|types|Deserialization\w*",
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
    (r"(rnn|lstm|gru|quantized_)\w*|(gru|lstm|rnn_\w+)(_cell)?", "not there yet"),
    (r".*", "not there yet"),
)  # fmt: skip


def names_of(space: Any) -> list[str]:
    """Return the public names of a namespace, less what it has imported from Python."""
    outside = ("typing", "builtins", "math", "sys", "os")
    return [
        name
        for name in sorted(dir(space))
        if not name.startswith("_")
        and not (name == "Tensor" and space is not torch)
        and not _is_imported(getattr(space, name, None), name, outside)
    ]


def _is_imported(value: Any, name: str, outside: tuple[str, ...]) -> bool:
    if isinstance(value, types.ModuleType):
        return not value.__name__.startswith("torch.") or value.__name__.count(".") > 1
    if name in ("Callable", "Optional", "TYPE_CHECKING"):
        return True
    return inspect.isroutine(value) and getattr(value, "__module__", "") in outside[:1]


def reason(name: str) -> str:
    """Return why a name is absent."""
    return next(why for pattern, why in ABSENT if re.fullmatch(pattern, name))


def section(title: str) -> list[str]:
    """Return the lines about one namespace."""
    theirs, ours = SPACES[title]
    names = names_of(theirs)
    here = [n for n in names if hasattr(ours, n)]
    differing = {n: how for n, how in sorted(DIFFERENT[title].items()) if n in here}
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


def page() -> str:
    """Return the whole page."""
    release = ".".join(torch.__version__.split(".")[:2])
    head = f"""# PyTorch's names

Each public name of PyTorch {release} that is there, works differently, or is absent, and why. The page is written by
`docs/torch_names.py`, which looks at both libraries.
"""
    return "\n".join([head, *(line for title in SPACES for line in section(title))]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
