"""How a tensor is printed: as in PyTorch.

Four decimals, or whole numbers with a point; scientific notation when sizes differ by more than 1,000 or are very large
or small; the first and last three of each dimension when there are more than 1,000 elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array
from ..core.errors import ArgumentError
from ..core.tracer import Tracer, Value
from .handle import Tensor
from .types import get_default_dtype

Data = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Options:
    """How to print; `sci_mode` None chooses by the data."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {"default": Options(), "short": Options(precision=2, edgeitems=2), "full": Options(threshold=math.inf)}
_options = [Options()]


def set_printoptions(profile: str | None = None, **changes: Any) -> None:
    """Set how tensors are printed: precision, threshold, edgeitems, linewidth, sci_mode, or a whole profile.

    >>> mt.set_printoptions(precision=2)
    >>> mt.tensor([1 / 3])
    tensor([0.33])
    >>> mt.set_printoptions(profile="default")
    """
    if profile is not None and profile not in _PROFILES:
        raise ArgumentError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
    base = _options[0] if profile is None else _PROFILES[profile]
    _options[0] = replace(base, **{"sci_mode": None, **{k: v for k, v in changes.items() if v is not None}})


class _Numbers:
    """Prints the numbers of one tensor in one width."""

    def __init__(self, data: Data, options: Options):
        self.precision = options.precision
        self.style = "plain"
        if data.dtype.kind in "biu":
            self.width = max((len(str(v)) for v in data.ravel().tolist()), default=1)
            return
        self.style = "whole"
        finite = data[np.isfinite(data) & (data != 0)].astype(np.float64)
        self.width = 1
        if not finite.size:
            return
        sizes = np.abs(finite)
        low, high = sizes.min(), sizes.max()
        is_whole = bool((finite == np.ceil(finite)).all())
        wide = high / low > 1000 or high > 1e8 or (low < 1e-4 and not is_whole)
        if wide if options.sci_mode is None else options.sci_mode:
            self.style = "scientific"
        elif not is_whole:
            self.style = "fixed"
        self.width = max(len(self._text(v)) for v in finite.tolist())

    def _text(self, value: Any) -> str:
        if self.style == "plain":
            return str(value)
        if self.style == "scientific":
            return f"{value:.{self.precision}e}"
        if self.style == "fixed":
            return f"{value:.{self.precision}f}"
        return f"{value:.0f}" + ("." if math.isfinite(value) else "")

    def __call__(self, value: Any) -> str:
        """Return the text of one number, padded to the common width."""
        return self._text(value).rjust(self.width)


def _formatter(data: Data, options: Options) -> tuple[Callable[[Any], str], int]:
    """Return how to print an element, and in what width."""
    if data.dtype.kind != "c":
        numbers = _Numbers(data, options)
        return numbers, numbers.width
    real, imag = _Numbers(data.real, options), _Numbers(data.imag, options)

    def pair(value: Any) -> str:
        second = imag(value.imag).lstrip() + "j"
        return real(value.real) + ("" if second[0] in "+-" else "+") + second

    return pair, real.width + imag.width + 1


def _body(data: Data, indent: int, show: Callable[[Any], str], width: int, options: Options, cut: bool) -> str:
    if data.ndim == 0:
        return show(data.item())
    edge = options.edgeitems
    shortened = cut and len(data) > 2 * edge
    if data.ndim == 1:
        if shortened:
            texts = [*map(show, data[:edge].tolist()), " ...", *map(show, data[-edge:].tolist() if edge else [])]
        else:
            texts = [show(v) for v in data.tolist()]
        per_line = max(1, (options.linewidth - indent) // (width + 2))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [*data[:edge], *data[len(data) - edge :]] if shortened else data
    parts = [_body(row, indent + 1, show, width, options, cut) for row in rows]
    if shortened:
        parts.insert(edge, "...")
    return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def cells(value: Array) -> Any:
    """Return the texts of all elements, as nested lists."""
    data = _data(value)
    show, _ = _formatter(data, _options[0])
    return np.array([show(v).strip() for v in data.ravel().tolist()], dtype=object).reshape(data.shape).tolist()


def _data(value: Array) -> Data:
    data = value.numpy()
    return data.astype(np.float32) if data.dtype in dtypes.HALVES else data


def _shown(data: Data, options: Options, cut: bool) -> Data:
    """Return the elements that will be printed, which alone decide about the format."""
    edge = options.edgeitems
    if not cut:
        return data
    for axis, n in enumerate(data.shape):
        if n > 2 * edge:
            data = np.take(data, [*range(edge), *range(n - edge, n)], axis)
    return data


def _suffixes(x: Tensor, value: Array) -> list[str]:
    found = []
    if value.device != "cpu":
        found.append(f"device='{value.device}'")
    default = get_default_dtype()
    usual = (default, dtypes.complex_of(default), dtypes.int64, dtypes.bool_)
    if not value.size:
        if value.ndim != 1:
            found.append(f"size={value.shape}")
        usual = (default,)
    if value.dtype not in usual:
        found.append(f"dtype={dtypes.name(value.dtype)}")
    if x.grad_fn is not None:
        found.append(f"grad_fn=<{grad_name(x)}>")
    elif x.requires_grad:
        found.append("requires_grad=True")
    return found


def grad_name(x: Tensor) -> str:
    """Return the name of the operation that recorded a tensor, as PyTorch writes it: `MulBackward0`."""
    assert x.node is not None
    return "".join(part[:1].upper() + part[1:] for part in x.node.name.split("_")) + "Backward0"


def text(x: Tensor, prefix: str = "tensor(") -> str:
    """Return what `repr` shows of a tensor."""
    value = known(x.current())
    if value is None:
        return f"{prefix}{x.current()!r}, requires_grad={x.requires_grad})"
    options = _options[0]
    data = _data(value)
    if data.size:
        cut = data.size > options.threshold
        show, width = _formatter(_shown(data, options, cut), options)
        out = prefix + _body(data, len(prefix), show, width, options, cut)
    else:
        out = prefix + "[]"
    column = len(out) - out.rfind("\n") + 1  # two more than there are, as PyTorch counts
    for suffix in _suffixes(x, value):
        # A suffix that does not fit goes to a line of its own.
        if column + len(suffix) + 2 > options.linewidth:
            out += ",\n" + " " * len(prefix) + suffix
            column = len(prefix) + len(suffix)
        else:
            out += ", " + suffix
            column += len(suffix) + 2
    return out + ")"


def known(value: Value) -> Array | None:
    """Return the Array behind a value, None where a transform alone knows it."""
    while isinstance(value, Tracer):
        if value.transform not in ("grad", "an outer transform", "jvp"):
            return None
        value = value.value
    return value if isinstance(value, Array) else None


def _printed(x: Tensor) -> str:
    """Return the text of `print(x)`; a function that is being compiled has no data to print."""
    x._enter()
    value = x.current()
    while isinstance(value, Tracer) and value.transform != "jit":
        value = value.value
    return str(value) if isinstance(value, Tracer) else text(x)


Tensor.__repr__ = text  # type: ignore[assignment, method-assign]
Tensor.__str__ = _printed  # type: ignore[assignment, method-assign]
