"""Discrete Fourier transforms, as `torch.fft`: the array face's functions under PyTorch's names of arguments.

>>> from minitorch import arange
>>> rfft(arange(4.0), dim=0)
tensor([ 6.+0.j, -2.+2.j, -2.+0.j])
>>> fftshift(fftfreq(4))
tensor([-0.5000, -0.2500,  0.0000,  0.2500])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import dtypes
from .core.array import Array
from .core.errors import DTypeError, ShapeError
from .core.ops import pointwise
from .core.ops.families import as_array
from .core.tracer import Value, aval_of
from .numpy import fft as numpy_fft
from .tensor.creation import made
from .tensor.functions import public
from .tensor.texts.written import docstring
from .tensor.types import get_default_dtype

Transform = Callable[..., Any]
# The opposite scaling, for transforms of signals that mirror themselves: they run the other way round.
_OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}

# Lines of code, each followed by what it prints.
_EXAMPLES = {
    "fft": (
        *("mt.fft.fft(mt.tensor([0.0, 1.0, 2.0, 3.0]))", "tensor([ 6.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])"),
        *('mt.fft.fft(mt.tensor([3.0, 1.0]), n=4, norm="ortho").real', "tensor([2.0000, 1.5000, 1.0000, 1.5000])"),
    ),
    "ifft": ("mt.fft.ifft(mt.fft.fft(mt.tensor([1.0, 2.0]))).real", "tensor([1., 2.])"),
    "rfft": ("mt.fft.rfft(mt.tensor([0.0, 1.0, 2.0, 3.0]))", "tensor([ 6.+0.j, -2.+2.j, -2.+0.j])"),
    "irfft": (
        *("half = mt.fft.rfft(mt.tensor([1.0, 2.0, 3.0]))", ""),
        *("mt.fft.irfft(half, n=3)", "tensor([1., 2., 3.])"),
    ),
    "hfft": ("mt.fft.hfft(mt.tensor([1.0, 1j, 0.0]))", "tensor([ 1.,  3.,  1., -1.])"),
    "ihfft": ("mt.fft.hfft(mt.fft.ihfft(mt.tensor([1.0, 3.0, 1.0, -1.0])))", "tensor([ 1.,  3.,  1., -1.])"),
    "fft2": ("mt.fft.fft2(mt.ones(2, 2))", "tensor([[4.+0.j, 0.+0.j], [0.+0.j, 0.+0.j]])"),
    "ifft2": ("mt.fft.ifft2(mt.ones(2, 2))", "tensor([[1.+0.j, 0.+0.j], [0.+0.j, 0.+0.j]])"),
    "rfft2": ("mt.fft.rfft2(mt.ones(2, 4))", "tensor([[8.+0.j, 0.+0.j, 0.+0.j], [0.+0.j, 0.+0.j, 0.+0.j]])"),
    "irfft2": (
        *("half = mt.fft.rfft2(mt.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))", ""),
        *("mt.fft.irfft2(half, s=(2, 3))", "tensor([[1., 2., 3.], [4., 5., 6.]])"),
    ),
    "hfft2": ("mt.fft.hfft2(mt.ones(2, 3))", "tensor([[8., 0., 0., 0.], [0., 0., 0., 0.]])"),
    "ihfft2": ("mt.fft.ihfft2(mt.ones(2, 4)).real", "tensor([[1., 0., 0.], [0., 0., 0.]])"),
    "fftn": (
        *("mt.fft.fftn(mt.ones(2, 2, 2)).abs().sum()", "tensor(8.)"),
        *("mt.fft.fftn(mt.ones(2, 2), dim=(0,))", "tensor([[2.+0.j, 2.+0.j], [0.+0.j, 0.+0.j]])"),
    ),
    "ifftn": ("mt.fft.ifftn(mt.ones(2, 2), dim=(0,))", "tensor([[1.+0.j, 1.+0.j], [0.+0.j, 0.+0.j]])"),
    "rfftn": ("mt.fft.rfftn(mt.ones(2, 2, 4)).shape", "(2, 2, 3)"),
    "irfftn": ("mt.fft.irfftn(mt.fft.rfftn(mt.ones(2, 2, 3)), s=(2, 2, 3)).shape", "(2, 2, 3)"),
    "hfftn": ("mt.fft.hfftn(mt.ones(2, 2, 3)).shape", "(2, 2, 4)"),
    "ihfftn": ("mt.fft.ihfftn(mt.ones(2, 2, 4)).shape", "(2, 2, 3)"),
    "fftfreq": ("mt.fft.fftfreq(4, d=0.5)", "tensor([ 0.0000,  0.5000, -1.0000, -0.5000])"),
    "rfftfreq": ("mt.fft.rfftfreq(4, d=0.5)", "tensor([0.0000, 0.5000, 1.0000])"),
}


def _signal(name: str, input: Any) -> Value:
    x = as_array(input)
    if x.dtype in dtypes.HALVES:
        raise DTypeError(f"{name}: takes no {dtypes.name(x.dtype)}, got {aval_of(x)}; cast it with .float()")
    return x


def _axes(name: str, x: Value, s: Any, dim: Any) -> tuple[Any, Any]:
    """Return sizes and dimensions as tuples; a dimension must not come twice."""
    s, dim = ((given,) if isinstance(given, int) else given for given in (s, dim))
    if dim is not None and len({d % max(x.ndim, 1) for d in dim}) < len(dim):
        raise ShapeError(f"{name}: dimensions must differ, got dim={tuple(dim)} for {aval_of(x)}")
    return s, dim


def _text(name: str, transform: Transform) -> str:
    """Return a description with an example of its own: in that of the array face, arguments have other names."""
    return docstring(((transform.__doc__ or "").partition("\n\n")[0], *_EXAMPLES[name.removeprefix("fft.")]))


def _along_one(name: str, transform: Transform) -> Transform:
    def call(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
        return transform(_signal(name, input), n, dim, norm)

    call.__doc__ = _text(name, transform)
    return call


def _along_several(name: str, transform: Transform, default: Any) -> Transform:
    def call(input: Any, s: Any = None, dim: Any = default, norm: str | None = None) -> Any:
        x = _signal(name, input)
        s, dim = _axes(name, x, s, dim)
        return transform(x, s, dim, norm)

    call.__doc__ = _text(name, transform)
    return call


def _mirrored(x: Value, s: Any, dim: Any, norm: str | None) -> Value:
    """Return the transform, which is real, of a signal that mirrors itself, given by its first half along the last axis."""
    return numpy_fft.irfftn(pointwise.conj(x), s, dim, _OPPOSITE.get(norm, norm))


def _unmirrored(x: Value, s: Any, dim: Any, norm: str | None) -> Value:
    """Return the first half of the signal, mirroring itself, whose transform is this one."""
    return pointwise.conj(numpy_fft.rfftn(x, s, dim, _OPPOSITE.get(norm, norm)))


def _frequencies(name: str, compute: Callable[..., Array]) -> Transform:
    def call(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
        kind = get_default_dtype() if dtype is None else dtypes.canonical(dtype)
        if kind not in dtypes.INEXACT:
            raise DTypeError(f"{name}: dtype must be a float, got {dtypes.name(kind)}")
        return made(compute(n, d, dtype=kind), device, requires_grad)

    summary = f"Return the frequencies of `{name[:-4]}`'s results, in cycles per unit of the spacing `d`."
    call.__doc__ = docstring((summary, *_EXAMPLES[name]))
    return call


_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_SEVERAL = {name: getattr(numpy_fft, f"{name}n") for name in ("fft", "ifft", "rfft", "irfft")}
_SEVERAL |= {"hfft": _mirrored, "ihfft": _unmirrored}
FFT = {
    **{name: _along_one(f"fft.{name}", getattr(numpy_fft, name)) for name in _ONE},
    **{f"{name}2": _along_several(f"fft.{name}2", transform, (-2, -1)) for name, transform in _SEVERAL.items()},
    **{f"{name}n": _along_several(f"fft.{name}n", transform, None) for name, transform in _SEVERAL.items()},
    "fftfreq": _frequencies("fftfreq", numpy_fft.fftfreq),
    "rfftfreq": _frequencies("rfftfreq", numpy_fft.rfftfreq),
    "fftshift": lambda input, dim=None: numpy_fft.fftshift(input, dim),
    "ifftshift": lambda input, dim=None: numpy_fft.ifftshift(input, dim),
}

globals().update({name: public(f"fft.{name}", function) for name, function in FFT.items()})
__all__ = list(FFT)
