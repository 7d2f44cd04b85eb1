"""PyTorch's own sample inputs, run through both libraries.

PyTorch keeps a database of its operations for its own tests: for each one the dtypes it takes, sample inputs (shapes from
0-d and empty on, broadcasting, every option) and inputs that must be refused. `complaints` runs them here and says what
differs; `KNOWN` lists, with reasons, the differences that are meant. The database is private to the pinned release.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import minitorch as mt

try:
    import torch
    from torch.testing._internal.common_methods_invocations import op_db as _ALL
except ImportError:  # another release, or without `expecttest`
    _ALL = []

DTYPES = ["float64", "float32", "int64", "bool", "complex128", "complex64", "float16", "bfloat16", "uint8"]
TOLERANCE = {
    "float64": (1e-7, 1e-9), "complex128": (1e-7, 1e-9), "float32": (2e-4, 2e-5), "complex64": (5e-4, 5e-5),
    "float16": (4e-3, 4e-3), "bfloat16": (5e-2, 1e-1),
}  # fmt: skip
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, ZeroDivisionError)


class Known(NamedTuple):
    """Complaints that are meant: patterns of the operation's name, the dtype and the complaint, and the reason."""

    name: str
    what: str
    why: str
    dtype: str = ".*"

    def covers(self, name: str, dtype: str, what: str) -> bool:
        """Return whether a complaint is of this kind."""
        return all(map(re.fullmatch, (self.name, self.dtype, self.what), (name, dtype, what), (re.DOTALL,) * 3))


RANDOM = (
    r"bernoulli|normal|rand\w*|multinomial|uniform|exponential|cauchy|geometric|log_normal|empty\w*|new_empty\w*|"
    r"nn\.functional\.((alpha_|feature_)*dropout\d?d?|rrelu|fractional_max_pool\dd)|svd_lowrank|pca_lowrank"
)
KNOWN = (
    Known(r"(linalg\.)?(eig|eigh|svd|qr|eigvals)", r"result.*values.*|.*gradient.*", "signs, phases and order are free"),
    Known(r"sort|argsort|msort|topk|kthvalue|median|nanmedian|mode|cummax|cummin",
          r"result( 1)?: values.*", "equal elements: any of them", r"(?!float64).*"),
    Known(r"as_strided\w*|as_strided_copy", r".*", "the sample's memory does not lie in order; a copy's does"),
    Known(r"cdist|(nn\.functional\.)?pdist|fill|norm|linalg\.(norm|vector_norm|matrix_power|householder_product)|nextafter|index_fill|heaviside",
          r".*requires_grad.*", "a slope that is 0 everywhere is not recorded"),
    Known(r"add(mv|bmm|r)|baddbmm", r"(raises.*must be integers|result: dtype).*", "no fractions of integers",
          "int64|uint8|bool"),
    Known(r"(linalg\.)?cholesky(_ex)?", r".*gradient.*", "the diagonal is real: its gradient has no imaginary part",
          "complex.*"),
    Known(r"linalg\.pinv", r".*gradient.*", "`hermitian=True` reads one triangle", ".*"),
    Known(r"istft", r"gradient \d.*None.*", "PyTorch has no gradient of the window"),
    Known(r"special\.bessel_\w+", r"result: values.*", "PyTorch's are good to 6 digits at large arguments"),
    Known(r"linalg\.lstsq", r".*gradient.*|.*requires_grad.*", "PyTorch makes gradients for what the driver left empty"),
    Known(r"nn\.functional\.scaled_dot_product_attention", r".*values.*", "drops at random", ".*"),
    Known(r"nn\.functional\.avg_pool\dd", r"raises.*takes floats.*", "means of integers are refused", "int64"),
    Known(r"nn\.functional\.batch_norm", r"raises.*at least two axes.*", "channels are the second axis"),
    Known(r"square", r"raises.*no meaning for bools.*", "cast it", "bool"),
    Known(r"logcumsumexp", r"raises.*takes real floats.*", "complex sums of exponentials are not there", "complex.*"),
    Known(r"matrix_exp|linalg\.matrix_exp", r"raises.*half precision.*", "cast it", "float16|bfloat16"),
    Known(r"matrix_exp|linalg\.matrix_exp", r"second gradient.*", "both lose digits to cotangents of a million", "float64"),
    Known(r"complex|view_as_complex", r"raises.*float32 or float64.*", "no half complex numbers", "float16"),
    Known(r"where", r"raises.*must be bool.*", "PyTorch warns of it", "uint8"),
    Known(r"histogramdd", r"raises.*must rise.*", "PyTorch's samples are not sorted"),
    Known(r"scalar_tensor|index_add|special\..*polynomial.*", r"raises .*out of bounds.*", "-1 is no uint8", "uint8"),
    Known(r"cov", r"result: dtype.*", "float32 weights of half numbers: the result stays half", "float16|bfloat16"),
    Known(r"cov", r"second gradient 1.*", "of float32 weights that cancel: 0 but for rounding", "float64"),
    Known(r"addbmm|baddbmm|nn\.functional\.(conv_transpose\dd|hinge_embedding_loss)|gradient|sum|cumsum",
          r"result: values.*", "PyTorch rounds partial sums to half precision", "float16|bfloat16"),
    Known(r"nn\.functional\.embedding_bag", r"result: values.*", "PyTorch rounds partial sums to half precision", "float16"),
    Known(r"nn\.functional\.embedding(_bag)?", r"raises Unsupp.*sparse gradients.*", "gradients are dense"),
    Known(r"nn\.functional\.linear_cross_entropy", r"second gradient.*", "PyTorch's in chunks leaves a part out"),
    Known(r"histc", r"result: values.*", "PyTorch rounds places of bins to half precision", "float16|bfloat16"),
    Known(r"cholesky_(solve|inverse)", r"gradient.*", "only the triangle that is read has one"),
    Known(r"arange", r"result: shape.*", "steps are counted before they are rounded", "int64"),
    Known(r"add|sub|rsub", r"raises .*out of bounds.*", "-3 is no uint8", "uint8"),
    Known(r"gather", r"raises ShapeError.*", "as many axes, also of nothing"),
    Known(r"nn\.functional\.local_response_norm", r"raises.*takes floats.*", "means of integers are refused", "int64"),
    Known(r"nn\.functional\.(interpolate|upsample_\w+)", r"raises.*needs floats.*", "cast it", "uint8"),
    Known(r"nn\.functional\.soft_margin_loss", r"result: values.*inf.*", "PyTorch overflows", "float16"),
    Known(r"nn\.functional\.multi(label)?_margin_loss", r"raises ShapeError.*", "classes need an axis"),
    Known(r"nn\.functional\.max_unpool\dd", r"(second )?gradient.*", "of equal indices, any may be the one that is written"),
    Known(r"nn\.functional\.ctc_loss", r"(second )?gradient.*", "PyTorch's takes for granted that log_softmax came before"),
    Known(r"nn\.functional\.cosine_embedding_loss", r"raises.*", "-1 is neither a bool nor a uint8", "bool|uint8"),
    Known(r"nn\.functional\.triplet_margin_with_distance_loss", r"raises TypeError.*must be Tensor.*", "its own module"),
    Known(r"nn\.functional\.multi_head_attention_forward", r"result.*values.*", "drops at random"),
    Known(r"nn\.functional\.instance_norm", r"raises Unsupp.*not updated.*", "an option that is not there"),
    Known(r"nn\.functional\.prelu", r"result: shape.*", "shapes broadcast"),
    Known(r"sum_to_size", r"result: dtype.*", "PyTorch sums 0-d tensors, and leaves others as they are", "bool|uint8"),
    Known(r"__rpow__", r"raises.*no negative integer powers.*", "PyTorch gives 0", "int64"),
    Known(r"linalg\.norm", r"second gradient.*", "the slope of a norm at 0 is 0, and its slope, too"),
    Known(r"nn\.functional\.bilinear", r"result: dtype.*", "sums of bytes are int64", "uint8"),
)  # fmt: skip


# Samples that are not the arguments of the function itself, by name with or without the variant.
ARGUMENTS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "einsum": lambda operands, equation: (equation, *operands),
    "polygamma": lambda x, n: (n, x),
    "special.polygamma": lambda x, n: (n, x),
    "where": lambda x, condition, y: (condition, x, y),
    "nn.functional.embedding": lambda weight, numbers: (numbers, weight),
    "nn.functional.embedding_bag": lambda weight, numbers: (numbers, weight),
    "linalg.pinv singular": lambda x, y: (x @ y.mT,),
}

# What PyTorch refuses and makes sense all the same.
TAKEN = {
    ("nn.functional.max_pool1d", "float32[0, 10], kernel_size=1"): "no channels",
    ("nn.functional.max_pool3d", "float32[0, 1, 2, 10], kernel_size=1"): "no channels",
    ("nn.functional.prelu", "float32[], weight=float32[2]"): "shapes broadcast",
    ("linalg.cross", "float32[5, 5, 3], float32[5, 3]"): "shapes broadcast",
}


class Operation(NamedTuple):
    """An operation of the database with its function in both libraries."""

    name: str
    info: Any
    theirs: Callable[..., Any]
    ours: Callable[..., Any]

    @property
    def in_place(self) -> bool:
        """Whether both have a method that writes its result to the tensor."""
        name = f"{self.info.name}_"
        return all(hasattr(kind, name) for kind in (torch.Tensor, mt.Tensor))


def _lookup(lib: Any, name: str) -> Any:
    for part in name.split("."):
        lib = getattr(lib, part, None)
    return lib


def operations() -> Iterator[Operation]:
    """Yield the operations of the database that both libraries have, as functions, else as methods."""
    for info in _ALL:
        name = info.name
        if re.fullmatch(RANDOM, name) or not info.dtypes:
            continue
        for theirs, ours in ((torch, mt), (torch.Tensor, mt.Tensor)):
            pair = _lookup(theirs, name), _lookup(ours, name)
            if all(map(callable, pair)):
                title = f"{name} {info.variant_test_name}".strip()
                order = ARGUMENTS.get(title) or ARGUMENTS.get(name)
                yield Operation(title, info, *(_reordered(f, order) if order else f for f in pair))
                break


def _reordered(function: Callable[..., Any], order: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
    return lambda *args, **options: function(*order(*args), **options)


def converted(x: Any) -> Any:
    """Return our counterpart of an argument."""
    if isinstance(x, torch.Tensor):
        made = (
            mt.tensor(data_of(x.float()).copy()).bfloat16()
            if x.dtype is torch.bfloat16
            else mt.tensor(data_of(x).copy())
        )
        return made.requires_grad_() if x.requires_grad else made
    if isinstance(x, torch.dtype):
        return getattr(mt, str(x)[6:])
    if isinstance(x, torch.device):
        return str(x)
    if isinstance(x, (list, tuple)):
        return tuple(map(converted, x)) if isinstance(x, tuple) else list(map(converted, x))
    return {k: converted(v) for k, v in x.items()} if isinstance(x, dict) else x


def tensors(x: Any) -> list[Any]:
    """Return the tensors of either library in a tree, in order."""
    if isinstance(x, (torch.Tensor, mt.Tensor)):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [y for part in parts for y in tensors(part)]


def data_of(x: Any) -> np.ndarray:
    """Return the data of a tensor of either library, half numbers as float32."""
    x = x.detach()
    if isinstance(x, torch.Tensor):
        x = x.resolve_conj().resolve_neg()
        x = torch.zeros(x.shape, dtype=x.dtype) if x._is_zerotensor() else x
        return (x.float() if x.dtype is torch.bfloat16 else x).numpy()
    return (x.float() if x.dtype == mt.bfloat16 else x).numpy()


def difference(ours: Any, theirs: Any) -> str:
    """Say how a result differs, in an empty string if it does not."""
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, mt.Tensor):
            return f"type {type(ours).__name__}"
        if ours.shape != tuple(theirs.shape):
            return f"shape {ours.shape}, there {tuple(theirs.shape)}"
        dtype = str(theirs.dtype)[6:]
        if str(ours.dtype) != dtype:
            return f"dtype {ours.dtype}, there {dtype}"
        rtol, atol = TOLERANCE.get(dtype, (0, 0))
        a, b = data_of(ours), data_of(theirs)
        with np.errstate(all="ignore"):
            wrong = ~np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
        return f"values {a[wrong][:3]}, there {b[wrong][:3]}" if wrong.any() else ""
    if isinstance(theirs, (list, tuple)):
        if not isinstance(ours, (list, tuple)) or len(ours) != len(theirs):
            return f"structure {type(ours).__name__}, there {type(theirs).__name__} of {len(theirs)}"
        return next((f"{i}: {d}" for i, (a, b) in enumerate(zip(ours, theirs)) if (d := difference(a, b))), "")
    if isinstance(theirs, torch.dtype):
        return "" if str(ours) == str(theirs)[6:] else f"{ours}, there {theirs}"
    is_same = np.isclose(ours, theirs, equal_nan=True) if isinstance(theirs, float) else ours == theirs
    return "" if is_same else f"{ours!r}, there {theirs!r}"


def samples(info: Any, dtype: str, grad: bool, limit: int) -> list[Any]:
    """Return the first sample inputs of an operation, the same in every run."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    found = []
    try:
        for sample in info.sample_inputs("cpu", getattr(torch, dtype), requires_grad=grad):
            named = sample.kwargs
            if named.get("memory_format") is torch.preserve_format:
                del named["memory_format"]
            if not (named.get("layout") or named.get("memory_format") or named.get("pin_memory")):
                found.append(sample)
            if len(found) == limit:
                break
    except (*REFUSALS, AssertionError):  # the database itself needs what is not installed here
        pass
    return found


def described(sample: Any) -> str:
    """Return a sample in few words."""

    def text(x: Any) -> str:
        if isinstance(x, torch.Tensor):
            return f"{str(x.dtype)[6:]}{list(x.shape)}"
        return f"({', '.join(map(text, x))})" if isinstance(x, (list, tuple)) else repr(x)

    return ", ".join([*map(text, (sample.input, *sample.args)), *(f"{k}={text(v)}" for k, v in sample.kwargs.items())])


def complaints(operation: Operation, dtype: str, limit: int, twice: int) -> Iterator[tuple[str, str]]:
    """Yield a sample in words and what differs on it, or "", for the first `limit` samples of one dtype.

    Gradients are compared in double precision; those of gradients on the first `twice` samples.
    """
    info = operation.info
    if getattr(torch, dtype) not in info.dtypes:
        return
    grad = dtype in ("float64", "complex128") and info.supports_autograd
    for i, sample in enumerate(samples(info, dtype, grad, limit)):
        given = [sample.input, *sample.args], sample.kwargs
        try:
            theirs = operation.theirs(*given[0], **given[1])
        except REFUSALS:
            continue
        args, kwargs = converted(given[0]), converted(given[1])
        try:
            ours = operation.ours(*args, **kwargs)
        except Exception as error:
            yield described(sample), f"raises {type(error).__name__}: {error}"
            continue
        found = difference(ours, theirs)
        yield described(sample), f"result{' ' if found[0].isdigit() else ': '}{found}" if found else ""
        if grad and not found:
            slopes = _slopes(
                ours,
                theirs,
                tensors((args, kwargs)),
                tensors(given),
                dtype == "float64" and i < twice and info.supports_gradgrad,
            )
            yield from ((described(sample), what) for what in slopes)


def _slopes(ours: Any, theirs: Any, our_inputs: Any, their_inputs: Any, twice: bool) -> Iterator[str]:
    """Compare gradients of random combinations of the results, and then of the gradients."""
    ours, theirs = tensors(ours), tensors(theirs)
    tracked = [[x.requires_grad for x in xs] for xs in (ours, theirs)]
    if tracked[0] != tracked[1]:
        yield f"gradient: requires_grad {tracked[0]}, there {tracked[1]}"
        return
    leaves = [[x for x in xs if x.requires_grad] for xs in (our_inputs, their_inputs)]
    for order in ("gradient", "second gradient") if twice else ("gradient",):
        weights = [torch.randn_like(x) if x.requires_grad else x for x in theirs]
        try:
            theirs = _pulled(torch, theirs, leaves[1], weights, twice)
        except REFUSALS:
            return
        try:
            ours = _pulled(mt, ours, leaves[0], converted(weights), twice)
        except Exception as error:
            yield f"{order} raises {type(error).__name__}: {error}"
            return
        for i, (a, b) in enumerate(zip(ours, theirs)):
            if a is None or b is None:
                there = next((x for x in (a, b) if x is not None), None)
                found = "is None in one" if there is not None and data_of(there).any() else ""
            else:
                found = difference(a, b)
            if found:
                yield f"{order} {i}: {found}"
                return
        both = [(a, b) for a, b in zip(ours, theirs) if a is not None and b is not None]
        ours, theirs = [a for a, _ in both], [b for _, b in both]


def _pulled(lib: Any, outs: list[Any], leaves: list[Any], weights: list[Any], again: bool) -> list[Any]:
    """Return the gradients of a combination of the results that depend on anything; none where none does.

    To be differentiated `again`, it is one of their squares: the gradients of a linear function are constants.
    """
    tracked = [(x, w * x if again else w) for x, w in zip(outs, weights) if x.requires_grad]
    if not tracked or not leaves:
        return [None] * len(leaves)
    outs, cotangents = map(list, zip(*tracked))
    return list(lib.autograd.grad(outs, leaves, cotangents, create_graph=again, allow_unused=True))


def written(operation: Operation, limit: int) -> Iterator[str]:
    """Yield what differs when a result is written to the tensor itself."""
    name = f"{operation.info.name}_"
    for sample in samples(operation.info, "float64", False, limit):
        args, kwargs = converted([sample.input, *sample.args]), converted(sample.kwargs)
        try:
            getattr(sample.input, name)(*sample.args, **sample.kwargs)
        except REFUSALS:
            continue
        out = getattr(args[0], name)(*args[1:], **kwargs)
        found = difference(args[0], sample.input)
        if found or out is not args[0]:
            yield f"{described(sample)}: {found or 'returns another tensor'}"


def refusals(operation: Operation) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield inputs that PyTorch refuses, in words, and the same call here."""
    info = operation.info
    if info.error_inputs_func is None:
        return
    random.seed(0)
    torch.manual_seed(0)
    for wrong in info.error_inputs("cpu"):
        sample = wrong.sample_input
        numbers = [type(x) is int for x in (sample.input, *sample.args[:1])]
        # Numbers in place of tensors are fine here; and there is neither `out` nor a device without data.
        if (
            any(numbers)
            or "out" in sample.kwargs
            or any(x.is_meta or x.ndim > 64 for x in tensors([sample.input, sample.args, sample.kwargs]))
        ):
            continue
        try:
            operation.theirs(sample.input, *sample.args, **sample.kwargs)
        except REFUSALS:
            args, kwargs = converted([sample.input, *sample.args]), converted(sample.kwargs)
            yield described(sample), lambda args=args, kwargs=kwargs: operation.ours(*args, **kwargs)
