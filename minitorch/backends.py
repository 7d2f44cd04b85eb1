"""What PyTorch programs set about its backends: accepted, and without effect where there is nothing to choose.

    torch.backends.cudnn.deterministic = True

Results are deterministic and in full precision in any case.

>>> mps.is_available()
False
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def _unavailable() -> bool:
    return False


class _Switches(SimpleNamespace):
    """A backend's switches; one that it does not have raises, as a slip would otherwise go unnoticed."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in vars(self):
            raise AttributeError(f"backends: there is no switch {name!r}; there are {', '.join(sorted(vars(self)))}")
        super().__setattr__(name, value)


cudnn = _Switches(
    allow_tf32=False,
    benchmark=False,
    deterministic=True,
    enabled=False,
    is_available=_unavailable,
    version=lambda: None,
)
cuda = _Switches(matmul=_Switches(allow_tf32=False), is_built=_unavailable)
mkl = _Switches(is_available=_unavailable)
mkldnn = _Switches(enabled=False, is_available=_unavailable)
mps = _Switches(is_available=_unavailable, is_built=_unavailable)
openmp = _Switches(is_available=_unavailable)
