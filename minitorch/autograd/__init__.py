"""Gradients in PyTorch's style: `grad` and `backward`, custom functions, whole derivatives, anomaly mode, checks.

The functional transforms (`minitorch.grad` of a function, `vjp`, `jvp`) are in `core`; here everything starts from tensors.
"""

from ..tensor.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from . import functional, graph
from .anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from .engine import backward, grad
from .function import Function, FunctionCtx, once_differentiable
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .variable import Variable
