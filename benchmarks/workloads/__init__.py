"""One file per workload; importing it enters it in the table, in the order of the report."""

from importlib import import_module

from ..registry import WORKLOADS

NAMES = (
    "linear_regression",
    "mlp",
    "mlp_adam",
    "cnn",
    "gpt",
    "lstm",
    "attention",
    "embedding",
    "optimizer_steps",
    "pointwise_chain",
    "forward_mode",
    "loading",
    "single_op",
)
for name in NAMES:
    import_module(f"{__name__}.{name}")

__all__ = ["WORKLOADS"]
