"""Parametrizations that are often used: weights with a norm of their own, of spectral norm 1, and orthogonal ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, OutOfBoundsError, UnsupportedError
from ...linalg import householder_product, qr, solve  # type: ignore[attr-defined]
from ...tensor.creation import eye, tensor, zeros_like
from ...tensor.functions import allclose, cat, dot, mv
from ...tensor.handle import Tensor
from ...tensor.modes import no_grad
from ...tensor.random import randn
from ...tensor.types import finfo
from .. import functional as F
from ..module import Module
from ..modules.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)


def tensor_named(module: Module, name: str) -> Tensor:
    """Return a parameter or buffer, or raise."""
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ArgumentError(f"Module '{type(module).__name__}' has no parameter or buffer with name '{name}'")
    return found


# --------------------------------------------------------------------------- weight norm


def norm_except_dim(x: Tensor, dim: int | None) -> Tensor:
    """Return the norms over all dimensions but one, of which nothing is dropped; the norm of all for None or -1."""
    if dim is None or dim == -1:
        return x.norm()
    rest = [d for d in range(x.ndim) if d != dim % x.ndim]
    return x.norm(2, rest, keepdim=True) if rest else x.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Make a weight `g * v / |v|`, with the norm over all dimensions but `dim`. Salimans and Kingma (2016).

    `original0` is g, `original1` is v; states of the older `nn.utils.weight_norm` load.

    >>> from minitorch.nn.modules.linear import Linear
    >>> layer = weight_norm(Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    (3, 1)
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_Renamed(name))
    return module


class _Renamed:
    """A hook that loads `weight_g` and `weight_v` from states of the older weight norm."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        old = f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{self.name}.original{i}"] = state.pop(key)


# --------------------------------------------------------------------------- spectral norm


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Return a weight as a matrix with one row for each index of a dimension."""
    return weight.movedim(dim, 0).flatten(1)


def random_unit(size: int, like: Tensor, eps: float) -> Tensor:
    """Return a random vector of length 1."""
    return F.normalize(randn(size, dtype=like.dtype), dim=0, eps=eps)


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise OutOfBoundsError(
                f"spectral_norm: Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"spectral_norm: Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                self.register_buffer("_u", random_unit(matrix.shape[0], weight, eps))
                self.register_buffer("_v", random_unit(matrix.shape[1], weight, eps))
                self._iterate(matrix, 15)

    @no_grad()
    def _iterate(self, matrix: Tensor, count: int) -> None:
        """Turn the vectors toward those of the largest singular value."""
        for _ in range(count):
            self._u.copy_(F.normalize(mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(mv(matrix.H, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        return weight / dot(self._u.clone().conj(), mv(matrix, self._v.clone()))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def output_dim(module: Module, dim: int | None) -> int:
    """Return the dimension of a weight that numbers the outputs, unless one is given."""
    return dim if dim is not None else int(isinstance(module, _TRANSPOSED))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value. Miyato et al. (2018), arXiv:1802.05957.

    The value is estimated by the power method, `n_power_iterations` steps of it whenever the weight is read in training.

    >>> import minitorch as mt
    >>> layer = spectral_norm(mt.nn.Linear(4, 3), n_power_iterations=50)
    >>> round(mt.linalg.matrix_norm(layer.weight, 2).item(), 2)
    1.0
    """
    weight = tensor_named(module, name)
    made = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    return register_parametrization(module, name, made)


# --------------------------------------------------------------------------- orthogonal


def _exponential(x: Tensor) -> Tensor:
    return _skew(x).matrix_exp()[..., : x.shape[-1]]


def _cayley(x: Tensor) -> Tensor:
    a = _skew(x)
    one = eye(a.shape[-1], dtype=a.dtype)
    return solve(one - 0.5 * a, one + 0.5 * a)[..., : x.shape[-1]]


def _skew(x: Tensor) -> Tensor:
    """Return the skew-symmetric matrix with the lower triangle of a tall one."""
    x = x.tril()
    n, k = x.shape[-2:]
    if n != k:
        x = cat([x, x.new_zeros((*x.shape[:-2], n, n - k))], -1)
    return x - x.mH


def _reflections(x: Tensor) -> Tensor:
    """Return a product of Householder's reflections, with signs that the diagonal keeps."""
    a = x.tril(-1)
    tau = 2.0 / (1.0 + (a * a).sum(-2))
    signs = x.detach().diagonal(0, -2, -1).int().unsqueeze(-2)
    return householder_product(a, tau) * signs


_MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "matrix_exp": _exponential,
    "cayley": _cayley,
    "householder": _reflections,
}


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ArgumentError("orthogonal: The householder parametrization does not support complex tensors")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        is_wide = x.shape[-2] < x.shape[-1]
        q = _MAPS[self.orthogonal_map](x.mT if is_wide else x)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if is_wide else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ArgumentError(
                f"orthogonal: Expected a matrix or batch of matrices of shape {tuple(self.shape)}, got a tensor of shape "
                f"{tuple(q.shape)}"
            )
        is_wide = q.shape[-2] < q.shape[-1]
        tall = q.mT if is_wide else q
        if hasattr(self, "base"):
            self.base = _completed(tall)
            minus = zeros_like(q)
            minus.diagonal(0, -2, -1).fill_(-1.0)
            return minus
        if self.orthogonal_map != "householder":
            raise UnsupportedError(
                "orthogonal: It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False"
            )
        found = _packed(tall)
        return found.mT if is_wide else found


def _completed(q: Tensor) -> Tensor:
    """Return an orthogonal square matrix that begins with the columns of a tall one, made orthogonal if need be."""
    n, k = q.shape[-2:]
    if n != k:
        return _orthogonalized(cat([q, randn(*q.shape[:-2], n, n - k, dtype=q.dtype)], -1))
    is_orthogonal = allclose(q.mH @ q, eye(k, dtype=q.dtype), atol=10.0 * n * finfo(q.dtype).eps)
    return q.clone() if is_orthogonal else _orthogonalized(q)


def _orthogonalized(x: Tensor) -> Tensor:
    """Return the factor Q of x = QR with a positive diagonal of R."""
    q, r = qr(x)
    return q * r.diagonal(0, -2, -1).sgn().unsqueeze(-2)


def _packed(q: Tensor) -> Tensor:
    """Return the Householder vectors of a matrix, with signs on the diagonal, as LAPACK packs them."""
    packed, tau = np.linalg.qr(q.detach().numpy(), mode="raw")
    made = np.array(np.swapaxes(packed, -2, -1))
    diagonal = np.sign(np.diagonal(made, 0, -2, -1)) * np.where(tau == 0.0, -1.0, 1.0)
    positions = np.arange(made.shape[-1])
    made[..., positions, positions] = diagonal
    return tensor(made)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Make a matrix, or the matrices of a batch, orthogonal: `Q.mH @ Q` is 1, or `Q @ Q.mH` for wide ones.

    `orthogonal_map` is "matrix_exp", "cayley" or "householder"; square and complex matrices take the first by default,
    others the last. Lezcano-Casado (2019), arXiv:1909.09501, for the trivialization, which keeps a matrix `base`.

    >>> import minitorch as mt
    >>> q = orthogonal(mt.nn.Linear(3, 5)).weight
    >>> mt.allclose(q.T @ q, mt.eye(3), atol=1e-5)
    True
    """
    weight = tensor_named(module, name)
    if weight.ndim < 2:
        raise ArgumentError(
            f"orthogonal: Expected a matrix or batch of matrices, got a tensor of {weight.ndim} dimensions"
        )
    if orthogonal_map is None:
        is_square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if is_square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ArgumentError(f"orthogonal: orthogonal_map has to be one of {', '.join(_MAPS)}; got {orthogonal_map}")
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
