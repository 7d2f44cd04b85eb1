"""Anomaly mode: find the line of the forward pass whose derivative is not a number."""

from __future__ import annotations

from contextvars import Token

from ..core.errors import UnsupportedError
from ..core.nonfinite import noting_lines
from ..core.tape import Context, context


def is_anomaly_enabled() -> bool:
    """Return whether operations note the line that called them.

    >>> is_anomaly_enabled()
    False
    >>> with detect_anomaly():
    ...     is_anomaly_enabled()
    True
    """
    return context.get().anomaly


class set_detect_anomaly:
    """Switch anomaly mode on or off; as a context manager, only for that long.

    Operations recorded in it note their `file:line`, and a backward pass that meets NaN in a gradient raises a GradError
    that names it. It costs time: use it to find a defect.

    >>> with set_detect_anomaly(True):
    ...     with set_detect_anomaly(False):
    ...         print(is_anomaly_enabled())
    ...     print(is_anomaly_enabled())
    False
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        if mode and not check_nan:
            raise UnsupportedError(
                "detect_anomaly: check_nan=False is not supported; anomaly mode is there to find NaN"
            )
        self.tokens: list[Token[Context]] = [context.set(noting_lines(mode))]

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        context.reset(self.tokens.pop())


class detect_anomaly:
    """Name the line whose derivative is NaN.

    >>> from minitorch.tensor.handle import Tensor
    >>> x = Tensor(-1.0, requires_grad=True)
    >>> with detect_anomaly():
    ...     (x ** 0.5).backward()
    Traceback (most recent call last):
    ...
    minitorch.core.errors.GradError: backward: pow returned nan values in its gradient; ...
    """

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self.switch = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        self.switch.__exit__(*exc)
