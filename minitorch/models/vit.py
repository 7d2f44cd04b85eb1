"""The vision transformer, with torchvision's parameter names.

"An Image is Worth 16x16 Words", Dosovitskiy et al., 2020 (arXiv:2010.11929).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from .. import nn
from ..core.errors import ArgumentError, ShapeError
from ..tensor.creation import empty, zeros
from ..tensor.functions import cat
from .mlp import MLP
from .variants import renamed, variant


class EncoderBlock(nn.Module):
    """Attention, then a perceptron at each place; both see a normalized input, and are added to it."""

    def __init__(self, heads: int, width: int, mlp_width: int, dropout: float, attention_dropout: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, heads, attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, [mlp_width, width], activation_layer=nn.GELU, dropout=dropout)
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x: Any) -> Any:
        """Return the sequence after the block."""
        y = self.ln_1(x)
        y, _ = self.self_attention(y, y, y, need_weights=False)
        x = x + self.dropout(y)
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """The blocks, after positions are added to the sequence."""

    def __init__(self, length: int, layers: int, width: int, dropout: float, **options: Any):
        super().__init__()
        self.pos_embedding = nn.Parameter(nn.init.normal_(empty(1, length, width), std=0.02))
        self.dropout = nn.Dropout(dropout)
        blocks = {f"encoder_layer_{i}": EncoderBlock(width=width, dropout=dropout, **options) for i in range(layers)}
        self.layers = nn.Sequential(OrderedDict(blocks))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Any) -> Any:
        """Return the sequence after all blocks."""
        return self.ln(self.layers(self.dropout(x + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """A transformer on the patches of an image, which classifies by an additional token.

    Maps `[N, in_channels, image_size, image_size]` to `[N, num_classes]`.

    >>> from minitorch.tensor.creation import zeros
    >>> small = VisionTransformer(
    ...     image_size=8, patch_size=4, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10, in_channels=1
    ... )
    >>> small(zeros(2, 1, 8, 8)).shape
    (2, 10)
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        in_channels: int = 3,
    ):
        super().__init__()
        if image_size % patch_size:
            raise ArgumentError(
                f"VisionTransformer: image_size={image_size} is no multiple of patch_size={patch_size}; change one of them"
            )
        self.image_size = image_size
        self.conv_proj = nn.Conv2d(in_channels, hidden_dim, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            (image_size // patch_size) ** 2 + 1,
            num_layers,
            hidden_dim,
            dropout,
            heads=num_heads,
            mlp_width=mlp_dim,
            attention_dropout=attention_dropout,
        )
        self.heads = _heads(hidden_dim, representation_size, num_classes)
        _draw_by_fan_in(self.conv_proj)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        if x.ndim != 4 or x.shape[2:] != (self.image_size, self.image_size):
            size = self.image_size
            raise ShapeError(
                f"VisionTransformer: takes images [N, C, {size}, {size}], got {list(x.shape)}; resize them"
            )
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = cat([self.class_token.expand(x.shape[0], -1, -1), patches], dim=1)
        return self.heads(self.encoder(tokens)[:, 0])

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take a state dict; also as published, where the perceptrons' layers have their names of old."""
        return super().load_state_dict(renamed(state_dict, _name_today), strict, assign)


def _name_today(name: str) -> str:
    return name.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3.")


def _heads(width: int, representation_size: int | None, num_classes: int) -> Any:
    layers: dict[str, Any] = {}
    if representation_size is not None:
        layers = {"pre_logits": nn.Linear(width, representation_size), "act": nn.Tanh()}
        _draw_by_fan_in(layers["pre_logits"])
    layers["head"] = head = nn.Linear(width if representation_size is None else representation_size, num_classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return nn.Sequential(OrderedDict(layers))


def _draw_by_fan_in(layer: Any) -> None:
    fan_in = layer.weight.numel() // layer.weight.shape[0]
    nn.init.trunc_normal_(layer.weight, std=fan_in**-0.5)
    nn.init.zeros_(layer.bias)


def _vit(name: str, text: str, patch: int, layers: int, heads: int, width: int, mlp_width: int) -> Any:
    return variant(
        name, text, VisionTransformer, patch_size=patch, num_layers=layers, num_heads=heads, hidden_dim=width,
        mlp_dim=mlp_width, image_size=224,
    )  # fmt: skip


vit_b_16 = _vit(
    "vit_b_16",
    """ViT-Base on patches of 16 x 16: 86,567,656 parameters.

    >>> small = vit_b_16(image_size=32, num_layers=1, hidden_dim=24, mlp_dim=48, num_classes=10)
    >>> small(mt.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """,
    16, 12, 12, 768, 3072,
)  # fmt: skip
vit_b_32 = _vit(
    "vit_b_32",
    """ViT-Base on patches of 32 x 32: 88,224,232 parameters.

    >>> small = vit_b_32(num_layers=1, hidden_dim=24, mlp_dim=48)
    >>> small.encoder.pos_embedding.shape  # 7 x 7 patches of an image of 224 x 224, and the token that classifies
    (1, 50, 24)
    """,
    32, 12, 12, 768, 3072,
)  # fmt: skip
vit_l_16 = _vit(
    "vit_l_16",
    """ViT-Large on patches of 16 x 16: 304,326,632 parameters.

    >>> small = vit_l_16(hidden_dim=32, mlp_dim=64)
    >>> len(small.encoder.layers)
    24
    """,
    16, 24, 16, 1024, 4096,
)  # fmt: skip
vit_l_32 = _vit(
    "vit_l_32",
    """ViT-Large on patches of 32 x 32: 306,535,400 parameters.

    >>> small = vit_l_32(hidden_dim=32, mlp_dim=64)
    >>> len(small.encoder.layers), small.conv_proj.kernel_size
    (24, (32, 32))
    """,
    32, 24, 16, 1024, 4096,
)  # fmt: skip
vit_h_14 = _vit(
    "vit_h_14",
    """ViT-Huge on patches of 14 x 14: 632,045,800 parameters.

    >>> small = vit_h_14(hidden_dim=32, mlp_dim=64)
    >>> len(small.encoder.layers), small.encoder.pos_embedding.shape
    (32, (1, 257, 32))
    """,
    14, 32, 16, 1280, 5120,
)  # fmt: skip
