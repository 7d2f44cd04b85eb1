"""Layers that change the sizes of images without weights, and distances between vectors."""

from __future__ import annotations

from typing import Any

from ...tensor.functions import PUBLIC
from .. import functional as F
from ..module import Module


class Upsample(Module):
    """Resizes `[N, C, ...]` to a size or by a factor; see `functional.interpolate` for the modes.

    >>> from minitorch import ones
    >>> Upsample(scale_factor=2)(ones(1, 1, 2, 3)).shape
    (1, 1, 4, 6)
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(map(float, scale_factor))
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """Resize the input."""
        options = (self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)
        return F.interpolate(input, *options)

    def extra_repr(self) -> str:
        """Return the size and the mode."""
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resizes images by their nearest pixels.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(mt.zeros(1, 3, 4, 4)).shape
    (1, 3, 8, 8)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resizes images bilinearly, with aligned corners.

    >>> nn.UpsamplingBilinear2d(size=(6, 8))(mt.zeros(1, 3, 4, 4)).shape
    (1, 3, 6, 8)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Lays channels side by side: `[*, C * r * r, H, W]` becomes `[*, C, H * r, W * r]`. Shi et al. (2016).

    >>> nn.PixelShuffle(2)(mt.zeros(1, 12, 4, 4)).shape
    (1, 3, 8, 8)
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Any:
        """Rearrange the input."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undoes `PixelShuffle`: `[*, C, H * r, W * r]` becomes `[*, C * r * r, H, W]`.

    >>> nn.PixelUnshuffle(2)(mt.zeros(1, 3, 8, 8)).shape
    (1, 12, 4, 4)
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Any:
        """Rearrange the input."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleaves the channels of groups. Zhang et al. (2018).

    >>> nn.ChannelShuffle(2)(mt.arange(4).reshape(1, 4, 1, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Any:
        """Rearrange the input."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Return the number of groups."""
        return f"groups={self.groups}"


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along a dimension.

    >>> nn.CosineSimilarity()(mt.tensor([[1.0, 0.0]]), mt.tensor([[3.0, 4.0]]))
    tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Any:
        """Compare the inputs."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of the differences of vectors, plus `eps` in each element.

    >>> nn.PairwiseDistance()(mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        """Compare the inputs."""
        return PUBLIC["pairwise_distance"](x1, x2, self.norm, self.eps, self.keepdim)
