"""What programs for PyTorch may name and this library does not have: why, and what to do instead."""

from __future__ import annotations

# Names, with the namespace in front where it is not the library's own, by the reason.
_REASONS = {
    "there is no automatic mixed precision; cast with .to(dtype)": "amp autocast GradScaler",
    "a tensor lies where it is made; give device= there": "get_default_device set_default_device",
    "types are made of a dtype and a device; use set_default_dtype": "set_default_tensor_type",
    "there is no layout to choose, every operation takes any; leave memory_format out": (
        "channels_last channels_last_3d contiguous_format preserve_format memory_format"
    ),
    "there is no layout to choose, every operation takes any; leave layout out": "layout strided",
    "draw with randn, normal, bernoulli, multinomial and their like, and write the log-probability out": "distributions",
    "one process computes; a DataLoader has workers, and func.vmap maps over examples": "distributed multiprocessing",
    "tensors are dense": (
        "sparse sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor sparse_coo "
        "sparse_csr sparse_compressed_tensor nested masked"
    ),
    "numbers are not quantized": (
        "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize quint8 qint8 qint32 ao"
    ),
    "there are no numbers of 8 bits": "float8_e4m3fn float8_e5m2",
    "nothing is downloaded; `models` has the architectures, and `load` reads their state dicts": "hub",
    "compare with testing of NumPy, or with allclose": "testing",
    "`jit` records functions, and `make_graph` shows what was recorded": "fx compiler",
    "`lax` has loops and branches": "cond while_loop",
    "use nn.functional.embedding_bag": "embedding_bag",
    "gradients are dense; use Adam": "optim.SparseAdam",
    "a model runs on one device; split the batch over processes yourself": "nn.DataParallel nn.parallel",
    "there are no process groups to synchronize with; use BatchNorm1d, BatchNorm2d or BatchNorm3d": "nn.SyncBatchNorm",
    "use utils.checkpoint to keep less": "autograd.graph.saved_tensors_hooks autograd.graph.save_on_cpu",
}


def missing(module: str, name: str) -> AttributeError:
    """Return the error for a name that a module of this library does not have.

    >>> str(missing("minitorch.optim", "SparseAdam"))
    "module 'minitorch.optim' has no attribute 'SparseAdam': gradients are dense; use Adam"
    """
    path = f"{module}.{name}".partition(".")[2]
    why = next((f": {reason}" for reason, names in _REASONS.items() if path in names.split()), "")
    return AttributeError(f"module {module!r} has no attribute {name!r}{why}")
