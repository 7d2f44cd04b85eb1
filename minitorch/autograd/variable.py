"""Variable: what PyTorch programs wrapped tensors in before version 0.4, when tensors had no gradients of their own."""

from __future__ import annotations

from typing import Any

from ..tensor.handle import Tensor


class _Variables:
    """Called, it returns a tensor on the same data; `isinstance` takes any tensor for one.

    >>> isinstance(mt.ones(2), mt.autograd.Variable)
    True
    >>> mt.autograd.Variable(mt.tensor([1.0, 2.0]), requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """

    def __call__(self, data: Tensor, requires_grad: bool = False) -> Tensor:
        """Return a leaf that shares its data with a tensor.

        >>> Variable(Tensor([1.0, 2.0]), requires_grad=True)
        tensor([1., 2.], requires_grad=True)
        """
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable: data must be a Tensor, got {type(data).__name__}; use minitorch.tensor(data)")
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, Tensor)

    def __repr__(self) -> str:
        return "<class 'minitorch.autograd.Variable'>"


Variable = _Variables()
