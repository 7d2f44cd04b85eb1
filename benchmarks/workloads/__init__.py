"""One file per workload; importing it enters it in the table, in the order of the report."""

from importlib import import_module

from ..registry import WORKLOADS

for name in (
    "linear_regression",
    "mlp",
    "mlp_adam",
    "cnn",
    "gpt",
    "lstm",
    "attention",
    "embedding",
    "pointwise_chain",
    "loading",
    "single_op",
):
    import_module(f"{__name__}.{name}")

__all__ = ["WORKLOADS"]
