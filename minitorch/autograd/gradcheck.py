"""gradcheck and gradgradcheck: PyTorch's names for the checker of `test_util`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..tensor.handle import Tensor
from ..test_util import check_grads


class GradcheckError(RuntimeError):
    """A derivative differs from the finite difference.

    >>> x = mt.tensor(1.0, requires_grad=True)
    >>> gradcheck(lambda x: x * x.detach(), x)
    Traceback (most recent call last):
    ...
    minitorch.autograd.gradcheck.GradcheckError: ...
    """


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    check_forward_ad: bool = False,
) -> bool:
    """Check the gradients of `func` in those inputs that require grad against finite differences, in float64.

    Returns True, or raises GradcheckError (returns False without `raise_exception`).

    >>> gradcheck(lambda x: x ** 3, Tensor([1.0, 2.0], requires_grad=True))
    True
    """
    return _check(func, inputs, 1, eps, atol, rtol, raise_exception, check_forward_ad)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    check_forward_ad: bool = False,
) -> bool:
    """Check the gradients, and the gradients of the gradients, of `func`.

    >>> gradgradcheck(lambda x: x ** 3, Tensor([1.0, 2.0], requires_grad=True))
    True
    """
    return _check(func, inputs, 2, eps, atol, rtol, raise_exception, check_forward_ad)


def _check(
    func: Callable[..., Any],
    inputs: Any,
    order: int,
    eps: float,
    atol: float,
    rtol: float,
    raise_exception: bool,
    forward: bool,
) -> bool:
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: no input requires grad; pass at least one tensor with requires_grad=True")

    def function(*xs: Any) -> Any:
        full = list(given)
        for i, x in zip(checked, xs, strict=True):
            full[i] = x
        return func(*full)

    function.__name__ = getattr(func, "__name__", type(func).__name__)
    point = [given[i].detach() for i in checked]
    modes = ("rev", "fwd") if forward else ("rev",)
    try:
        check_grads(function, point, order, modes, rtol, atol, eps)
    except AssertionError as error:
        if raise_exception:
            raise GradcheckError(str(error)) from None
        return False
    return True
