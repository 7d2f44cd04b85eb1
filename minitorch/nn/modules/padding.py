"""Padding layers in 1, 2 and 3 dimensions: a kind and a number of dimensions each."""

from __future__ import annotations

from typing import Any, ClassVar

from ...core.errors import ShapeError
from ...core.tracer import aval_of
from .. import functional as F
from ..module import Module
from .convolution import spread


class _Pad(Module):
    """Adds elements before and after the last dimensions: `padding` is one number, or pairs from the last one on."""

    _dimensions: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = spread(padding, 2 * self._dimensions)

    def forward(self, input: Any) -> Any:
        """Pad the input."""
        n = self._dimensions
        if input.ndim not in (n + 1, n + 2):
            raise ShapeError(f"{self._get_name()}: expected {n + 1}D or {n + 2}D input (got {aval_of(input)})")
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Adds a value before and after the last dimensions, of inputs with any others."""

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        """Pad the input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return the widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Adds zeros before and after the last dimensions."""

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Return the widths."""
        return f"{self.padding}"


_TEXTS = {
    "constant": "Adds a value around the last {n} of the dimensions.",
    "zeros": "Adds zeros around the last {n} of the dimensions.",
    "reflect": "Mirrors the last {n} of the dimensions at their outermost elements.",
    "replicate": "Repeats the outermost elements of the last {n} of the dimensions.",
    "circular": "Continues the last {n} of the dimensions from their other ends.",
}


_EXAMPLE = """{text}

    >>> nn.{name}({arguments})(mt.zeros(1, 3, {before})).shape
    (1, 3, {after})
    """


def _layer(name: str, base: type, mode: str, n: int) -> Any:
    text = _EXAMPLE.format(
        text=_TEXTS[mode].format(n=n),
        name=name,
        arguments="1, 0.5" if mode == "constant" else "1",
        before=", ".join("4" * n),
        after=", ".join("6" * n),
    )
    return type(name, (base,), {"__doc__": text, "__module__": __name__, "_dimensions": n, "_mode": mode})


def _layers(name: str, base: type, mode: str) -> list[Any]:
    return [_layer(f"{name}{n}d", base, mode, n) for n in (1, 2, 3)]


CircularPad1d, CircularPad2d, CircularPad3d = _layers("CircularPad", _Pad, "circular")
ConstantPad1d, ConstantPad2d, ConstantPad3d = _layers("ConstantPad", _ConstantPad, "constant")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _layers("ReflectionPad", _Pad, "reflect")
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _layers("ReplicationPad", _Pad, "replicate")
ZeroPad1d, ZeroPad2d, ZeroPad3d = _layers("ZeroPad", _ZeroPad, "zeros")
