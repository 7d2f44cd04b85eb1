"""Fourier transforms and spectrograms: under every transform, and complex numbers through jit and vmap."""

import numpy as np
import pytest

import minitorch as mt

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

WINDOW = np.hanning(18)[1:-1]
# fmt: off
CALLS = {
    **{name: lambda lib, x, name=name: getattr(lib.fft, name)(x) for name in ("rfft", "ihfft", "rfft2", "rfftn", "ihfftn")},
    **{name: lambda lib, x, name=name: getattr(lib.fft, name)(x * (1 + 2j)) for name in ("fft", "ifft", "irfft", "hfft",
        "fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn", "hfft2", "hfftn")},
    "fftshift": lambda lib, x: lib.fft.fftshift(x), "ifftshift": lambda lib, x: lib.fft.ifftshift(x, dim=1),
    "cut": lambda lib, x: lib.fft.rfft(x, n=7, dim=0, norm="ortho"),
    "filled": lambda lib, x: lib.fft.fft(x, 50, norm="forward"),
    "several": lambda lib, x: lib.fft.fftn(x, s=(2, 9), dim=(-1, 0), norm="ortho"),
    "stft": lambda lib, x: lib.stft(x, 16, 5, return_complex=True),
    "stft, windowed": lambda lib, x: lib.stft(x, 16, window=lib.tensor(WINDOW), normalized=True, return_complex=False),
    "stft, narrow window": lambda lib, x: x.stft(20, win_length=16, window=lib.tensor(WINDOW), center=False,
        return_complex=True),
    "stft, constant": lambda lib, x: lib.stft(x, 8, pad_mode="constant", onesided=False, return_complex=True),
    "istft": lambda lib, x: lib.istft(lib.stft(x, 16, window=lib.tensor(WINDOW), return_complex=True) * 2, 16,
        window=lib.tensor(WINDOW)),
    "istft, longer": lambda lib, x: lib.stft(x, 8, return_complex=True).istft(8, length=40),
    "istft, complex": lambda lib, x: lib.istft(lib.stft(x, 8, onesided=False, return_complex=True) * 1j, 8, onesided=False,
        return_complex=True),
    "complex": lambda lib, x: lib.complex(x, x * 2) ** 2,
    "polar": lambda lib, x: lib.polar(x.abs() + 1, x),
    "parts": lambda lib, x: (z := lib.complex(x, x + 1)).real * z.imag + z.abs() + z.angle(),
    "as pairs": lambda lib, x: lib.view_as_real(lib.complex(x, x * x)) * 3,
    "as complex": lambda lib, x: lib.view_as_complex(x.reshape(3, -1, 2)).conj() * 2j,
    "product": lambda lib, x: (x * 1j) @ (x + 2j).mH,
    "einsum": lambda lib, x: lib.einsum("ij,kj->ik", x * 1j, lib.complex(x, x)),
    "solve": lambda lib, x: lib.linalg.solve((x[:, :3] * 1j + 4 * lib.eye(3, dtype=lib.float64)), x[:, 3:5] + 0j),
    "convolution": lambda lib, x: lib.nn.functional.conv1d((x * 1j)[None], (x[:2, :3] + 1j)[:, None].expand(2, 3, 3)),
}
# fmt: on


def made(lib):
    return lib.tensor(np.random.default_rng(1).standard_normal((3, 36))).requires_grad_()


def total(lib, out):
    """Combine all elements, with weights that differ."""
    weights = lib.tensor(np.random.default_rng(2).standard_normal(tuple(out.shape)))
    out = lib.view_as_real(out.resolve_conj()) * weights[..., None] if out.is_complex() else out * weights
    return out.square().sum()


@pytest.mark.parametrize("name", CALLS)
def test_values_and_both_gradients(name):
    found = []
    for lib in (mt, torch):
        x = made(lib)
        out = CALLS[name](lib, x)
        (g,) = lib.autograd.grad(total(lib, out), x, create_graph=True)
        (second,) = lib.autograd.grad(g.square().sum(), x)
        found.append([part.detach().resolve_conj().numpy() for part in (out, g, second)])
        assert str(out.dtype).removeprefix("torch.") == found[0][0].dtype.name
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", CALLS)
def test_compiled(name):
    x = made(mt)

    def gradient(x):
        return mt.grad(lambda x: total(mt, CALLS[name](mt, x)))(x)

    for call in (lambda x: CALLS[name](mt, x), gradient):
        np.testing.assert_allclose(mt.jit(call)(x).detach().numpy(), call(x).detach().numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", CALLS)
def test_mapped(name):
    xs = mt.stack([made(mt).detach(), made(mt).detach() * 0.5])
    together = mt.vmap(lambda x: CALLS[name](mt, x))(xs)
    np.testing.assert_allclose(together.numpy(), [CALLS[name](mt, x).numpy() for x in xs], rtol=1e-9, atol=1e-10)


def test_complex_keeps_infinite_parts():
    parts = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan]
    x, y = np.meshgrid(parts, parts)
    ours, theirs = (lib.complex(lib.tensor(x), lib.tensor(y)).numpy() for lib in (mt, torch))
    np.testing.assert_array_equal(ours.view(np.float64), theirs.view(np.float64))
    assert (np.signbit(ours.view(np.float64)) == np.signbit(theirs.view(np.float64)))[
        ~np.isnan(ours.view(np.float64))
    ].all()


BAD = {
    "half": lambda lib: lib.fft.fft(lib.ones(4).half()), "norm": lambda lib: lib.fft.fft(lib.ones(4), norm="none"),
    "length": lambda lib: lib.fft.rfft(lib.ones(4), n=0), "dim": lambda lib: lib.fft.fft(lib.ones(4), dim=1),
    "same dims": lambda lib: lib.fft.fftn(lib.ones(4, 4), dim=(0, -2)),
    "complex": lambda lib: lib.fft.rfft(lib.ones(4) * 1j),
    "sizes": lambda lib: lib.fft.fftn(lib.ones(4, 4), s=(2, 2), dim=(0,)),
    "stft of ints": lambda lib: lib.stft(lib.arange(9), 4, return_complex=True),
    "stft, undecided": lambda lib: lib.stft(lib.ones(9), 4),
    "stft, long": lambda lib: lib.stft(lib.ones(4), 9, return_complex=True),
    "stft, hop": lambda lib: lib.stft(lib.ones(9), 4, 0, return_complex=True),
    "stft, window": lambda lib: lib.stft(lib.ones(9), 4, window=lib.ones(3), return_complex=True),
    "stft, half of complex": lambda lib: lib.stft(lib.ones(9) * 1j, 4, onesided=True, return_complex=True),
    "istft of reals": lambda lib: lib.istft(lib.ones(5, 4), 8),
    "istft, sizes": lambda lib: lib.istft(lib.ones(4, 4) * 1j, 8),
    "istft, zeros": lambda lib: lib.istft(lib.ones(5, 4) * 1j, 8, window=lib.zeros(8)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    kinds = (RuntimeError, ValueError, IndexError, TypeError)
    for lib in (torch, mt):
        with pytest.raises(kinds) as refused:
            BAD[name](lib)
    assert len(str(refused.value)) > 20
