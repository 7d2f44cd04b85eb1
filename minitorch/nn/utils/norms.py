"""The older weight norm and spectral norm: the weight is computed before each call, not whenever it is read.

New programs take those of `parametrizations`.
"""

from __future__ import annotations

from ...core.errors import ArgumentError
from ...tensor.functions import dot, mv
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from .. import functional as F
from ..module import Module
from ..parameter import Parameter
from .computed import Computed, computed, parameter_of, take_out
from .parametrizations import as_matrix, norm_except_dim, output_dim, random_unit


class WeightNorm(Computed):
    """Computes `g * v / |v|` from the parameters `weight_g` and `weight_v`."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = dim

    def compute(self, module: Module) -> Tensor:
        """Return the weight."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except_dim(v, self.dim))  # type: ignore[no-any-return]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Make a weight `g * v / |v|`, of the parameters `weight_g` and `weight_v`. Salimans and Kingma (2016).

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(dict(weight_norm(Linear(2, 3)).named_parameters()))
    ['bias', 'weight_g', 'weight_v']
    """
    weight = parameter_of(module, name, "weight_norm")
    if computed(module, WeightNorm, name):
        raise ArgumentError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    delattr(module, name)
    with no_grad():
        module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, dim)))
        module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook = WeightNorm(name, dim)
    hook.refresh(module)
    hook.enter(module)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a parameter again.

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(dict(remove_weight_norm(weight_norm(Linear(2, 3))).named_parameters()))
    ['bias', 'weight']
    """
    for hook in take_out(module, WeightNorm, name):
        with no_grad():
            weight = hook.compute(module)
        _settle(module, name, weight, (f"{name}_g", f"{name}_v"))
        return module
    raise ArgumentError(f"weight_norm of '{name}' not found in {module}")


def _settle(module: Module, name: str, weight: Tensor, parts: tuple[str, ...]) -> None:
    """Put a computed weight in the place of what it is computed from."""
    for part in (name, *parts):
        delattr(module, part)
    module.register_parameter(name, Parameter(weight))


class SpectralNorm(Computed):
    """Computes `weight_orig` divided by its largest singular value, from the vectors `weight_u` and `weight_v`."""

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"spectral_norm: Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute(self, module: Module) -> Tensor:
        """Return the weight, after some steps of the power method in training."""
        return self.weight(module, self.n_power_iterations if module.training else 0)

    def weight(self, module: Module, steps: int) -> Tensor:
        """Return the weight, after some steps of the power method."""
        given, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(given, self.dim)
        with no_grad():
            for _ in range(steps):
                v.copy_(F.normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                u.copy_(F.normalize(mv(matrix, v), dim=0, eps=self.eps))
        return given / dot(u.clone(), mv(matrix, v.clone()))  # type: ignore[no-any-return]


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by a step of the power method in each training call.

    The weight becomes `weight_orig`; the vectors of the method are the buffers `weight_u` and `weight_v`. Miyato et al.
    (2018), arXiv:1802.05957.

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(spectral_norm(Linear(2, 3)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    weight = parameter_of(module, name, "spectral_norm")
    if computed(module, SpectralNorm, name):
        raise ArgumentError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, output_dim(module, dim), eps)
    with no_grad():
        rows, columns = as_matrix(weight, hook.dim).shape
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", random_unit(rows, weight, eps))
    module.register_buffer(f"{name}_v", random_unit(columns, weight, eps))
    setattr(module, name, weight.data)
    hook.enter(module)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight, divided by its largest singular value, a parameter again.

    >>> from minitorch.nn.modules.linear import Linear
    >>> sorted(remove_spectral_norm(spectral_norm(Linear(2, 3))).state_dict())
    ['bias', 'weight']
    """
    for hook in take_out(module, SpectralNorm, name):
        with no_grad():
            weight = hook.weight(module, 0)
        _settle(module, name, weight, (f"{name}_u", f"{name}_v", f"{name}_orig"))
        return module
    raise ArgumentError(f"spectral_norm of '{name}' not found in {module}")
