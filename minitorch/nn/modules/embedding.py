"""Tables of rows that are looked up by integers: one by one, or bags of them together."""

from __future__ import annotations

from typing import Any

from ...core.errors import UnsupportedError
from ...core.ops import sampling
from ...tensor.handle import Tensor
from ...tensor.random import next_key
from ...tensor.types import get_default_dtype
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter
from .linear import placed


def _only_dense(name: str, sparse: bool) -> None:
    if sparse:
        raise UnsupportedError(f"{name}: sparse gradients are not supported; leave sparse off, gradients are dense")


def _within(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


def _table(rows: int, width: int, padding_idx: int | None, given: Tensor | None, device: Any, dtype: Any) -> Parameter:
    """Return the table of a layer: the one given, or one drawn from N(0, 1), with zeros for padding."""
    if given is not None:
        if tuple(given.shape) != (rows, width):
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        return Parameter(given)
    dtype = get_default_dtype() if dtype is None else dtype
    made = placed(sampling.normal(next_key(None), (rows, width), dtype), device)
    _clear(made, padding_idx)
    return made


def _clear(table: Tensor, padding_idx: int | None) -> None:
    if padding_idx is not None:
        init._write(table, table.current().at[padding_idx].set(0.0))


class Embedding(Module):
    """A table of `num_embeddings` rows of `embedding_dim` numbers, looked up by integers; drawn from N(0, 1).

    The row `padding_idx` starts at 0 and receives no gradient.

    >>> nn.Embedding(10, 4)(mt.tensor([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _only_dense("Embedding", sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _within(padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = _table(num_embeddings, embedding_dim, self.padding_idx, _weight, device, dtype)
        self.weight.requires_grad_(not _freeze)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        _clear(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Make a layer of a given table, fixed unless `freeze` is off."""
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, width = embeddings.shape
        options = (max_norm, norm_type, scale_grad_by_freq, sparse)
        return cls(rows, width, padding_idx, *options, _weight=embeddings, _freeze=freeze)

    def forward(self, input: Any) -> Any:
        """Look up rows."""
        options = self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        return F.embedding(input, self.weight, *options)

    def extra_repr(self) -> str:
        """Return the sizes."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        text += "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        text += "" if self.max_norm is None else f", max_norm={self.max_norm}"
        text += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        return text + (f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else "")


class EmbeddingBag(Module):
    """A table of rows, looked up in bags, each reduced by `mode`: "sum", "mean" or "max".

    Rows `padding_idx` count for nothing. Drawn from N(0, 1).

    >>> from minitorch.tensor.creation import as_tensor, ones
    >>> layer = EmbeddingBag.from_pretrained(ones(4, 2), mode="sum")
    >>> layer(as_tensor([0, 1, 2]), as_tensor([0, 1])).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _only_dense("EmbeddingBag", sparse)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.mode, self.sparse = scale_grad_by_freq, mode, sparse
        self.include_last_offset, self.padding_idx = include_last_offset, _within(padding_idx, num_embeddings)
        self.weight = _table(num_embeddings, embedding_dim, self.padding_idx, _weight, device, dtype)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        _clear(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Make a layer of a given table, fixed unless `freeze` is off."""
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        options = max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx
        layer = cls(*embeddings.shape, *options)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        """Look up the bags: the rows of `input[bags, size]`, or the parts of `input[n]` that begin at `offsets`."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Return the sizes and what is not as by default."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        text += "" if self.max_norm is None else f", max_norm={self.max_norm}"
        text += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        text += f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else ""
        text += f", mode={self.mode!r}"
        return text + ("" if self.padding_idx is None else f", padding_idx={self.padding_idx}")
