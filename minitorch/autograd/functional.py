"""Whole derivatives of functions of tensors: jacobian, hessian, vjp, jvp, vhp, hvp, with PyTorch's signatures.

All of them walk the ambient tape, so they work with any Function. Where a result does not depend on an input, its
derivative is zero, or with `strict` an error. Products with a vector take the vector in the structure of what they multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, GradError, ShapeError
from ..core.jacobian import jacfwd
from ..tensor.creation import eye, ones_like, zeros, zeros_like
from ..tensor.handle import Tensor
from ..tensor.modes import enable_grad
from .engine import grad

Func = Callable[..., Any]
Many = tuple[Tensor, ...]
STRATEGIES = ("reverse-mode", "forward-mode")


def _tensors(name: str, what: str, given: Any) -> tuple[Many, bool]:
    """Return a tuple of tensors, and whether it was a tuple already."""
    is_tuple = isinstance(given, (tuple, list))
    found = tuple(given) if is_tuple else (given,)
    for i, x in enumerate(found):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {what} must be a Tensor or a tuple of Tensors, got {type(x).__name__} at {i}")
    return found, is_tuple


def _inputs(name: str, given: Any, create_graph: bool) -> tuple[Many, bool]:
    """Return inputs to differentiate in: connected to the graph they come from, or cut from it."""
    found, is_tuple = _tensors(name, "inputs", given)
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in found), is_tuple
    return tuple(x.detach().requires_grad_() for x in found), is_tuple


def _run(name: str, func: Func, inputs: Many, strict: bool) -> tuple[Many, bool]:
    outputs, is_tuple = _tensors(name, "what the function returns", func(*inputs))
    for i, x in enumerate(outputs):
        if strict and not x.requires_grad:
            raise GradError(
                f"{name}: output {i} of the function is independent of its inputs; strict=False gives zeros"
            )
    return outputs, is_tuple


def _pull(
    name: str,
    outputs: Many,
    inputs: Many,
    cotangents: Any,
    strict: bool,
    create_graph: bool,
    batched: int | None = None,
) -> Many:
    """Return the cotangents of the inputs, zeros where there is no dependence."""
    pairs = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if y.requires_grad]
    found: tuple[Any, ...] = (None,) * len(inputs)
    if pairs:
        ys, gs = zip(*pairs)
        found = grad(
            ys, inputs, gs, create_graph=create_graph, retain_graph=True, allow_unused=True,
            is_grads_batched=batched is not None,
        )  # fmt: skip
    for i, (g, x) in enumerate(zip(found, inputs, strict=True)):
        if strict and g is None:
            raise GradError(
                f"{name}: the output is independent of input {i} of shape {x.shape}; strict=False gives zeros"
            )
        if strict and create_graph and not g.requires_grad:
            raise GradError(
                f"{name}: the derivative in input {i} of shape {x.shape} is independent of the inputs, so it cannot be "
                "differentiated; strict=False gives zeros"
            )
    leading = () if batched is None else (batched,)
    return tuple(zeros(*leading, *x.shape, dtype=x.dtype) if g is None else g for g, x in zip(found, inputs))


def _given(xs: Many, is_tuple: bool, create_graph: bool) -> Any:
    """Return tensors as the caller gave theirs, cut from the graph unless it is asked for."""
    found = xs if create_graph else tuple(x.detach() for x in xs)
    return found if is_tuple else found[0]


def _vector(name: str, what: str, v: Any, like: Many) -> Many:
    """Check the vector of a product; None stands for a one."""
    if v is None:
        if len(like) != 1 or math.prod(like[0].shape) != 1:
            raise ArgumentError(f"{name}: v can be left out only where {what} is one tensor with one element")
        return (ones_like(like[0]),)
    found, _ = _tensors(name, "v", v)
    if [x.shape for x in found] != [x.shape for x in like]:
        raise ShapeError(
            f"{name}: v has shapes {[x.shape for x in found]} and {what} {[x.shape for x in like]}; they must agree"
        )
    return found


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian, of shape `(*output.shape, *input.shape)`; a tuple (of tuples) for tuples of outputs (inputs).

    All rows (or columns, with the strategy "forward-mode") are computed in one batched pass: `vectorize` changes nothing.

    >>> jacobian(lambda x: x ** 2, Tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in STRATEGIES:
        raise ArgumentError(f"jacobian: strategy must be one of {STRATEGIES}, got {strategy!r}")
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict)
    with enable_grad():
        xs, tuple_in = _inputs("jacobian", inputs, create_graph)
        ys, tuple_out = _run("jacobian", func, xs, strict)
        rows = []
        for y in ys:
            n = math.prod(y.shape)
            basis = eye(n, dtype=y.dtype).reshape(n, *y.shape)
            found = _pull("jacobian", (y,), xs, (basis,), strict, create_graph, n)
            blocks = tuple(g.reshape(*y.shape, *x.shape) for g, x in zip(found, xs))
            rows.append(_given(blocks, tuple_in, create_graph))
    return tuple(rows) if tuple_out else rows[0]


def _forward_jacobian(func: Func, inputs: Any, create_graph: bool, strict: bool) -> Any:
    if strict:
        raise ArgumentError("jacobian: forward mode cannot tell independence from zero; use strategy='reverse-mode'")
    xs, tuple_in = _tensors("jacobian", "inputs", inputs)
    if not create_graph:
        xs = tuple(x.detach() for x in xs)
    return jacfwd(func, tuple(range(len(xs))) if tuple_in else 0)(*xs)


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the second derivatives of a function with one element; a tuple of tuples for a tuple of inputs.

    >>> hessian(lambda x: (x ** 3).sum(), Tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def scalar(*xs: Tensor) -> Tensor:
        return _only("hessian", func(*xs)).reshape(())

    def gradient(*xs: Tensor) -> Any:
        return jacobian(scalar, xs if len(xs) > 1 or tuple_in else xs[0], create_graph=True)

    tuple_in = isinstance(inputs, (tuple, list))
    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _only(name: str, out: Any) -> Tensor:
    """Return the one-element tensor that a function returned, or raise."""
    found, is_tuple = _tensors(name, "what the function returns", out)
    if is_tuple or math.prod(found[0].shape) != 1:
        shapes = [x.shape for x in found]
        raise GradError(f"{name}: the function must return one tensor with one element, got shapes {shapes}; reduce it")
    return found[0]


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """Return the outputs, and the product of `v` (in the structure of the outputs) with the Jacobian.

    >>> vjp(lambda x: x ** 2, Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        xs, tuple_in = _inputs("vjp", inputs, create_graph)
        ys, tuple_out = _run("vjp", func, xs, strict)
        found = _pull("vjp", ys, xs, _vector("vjp", "the output", v, ys), strict, create_graph)
    return _given(ys, tuple_out, create_graph), _given(found, tuple_in, create_graph)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """Return the outputs, and the product of the Jacobian with `v` (in the structure of the inputs).

    Computed by two reverse passes, as in PyTorch; `minitorch.jvp` is forward mode.

    >>> jvp(lambda x: x ** 2, Tensor([1.0, 2.0]), Tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        xs, _ = _inputs("jvp", inputs, create_graph)
        direction = _vector("jvp", "the input", v, xs)
        ys, tuple_out = _run("jvp", func, xs, strict)
        found = _pushed("jvp", ys, xs, direction, strict, create_graph)
    return _given(ys, tuple_out, create_graph), _given(found, tuple_out, create_graph)


def _pushed(name: str, ys: Many, xs: Many, v: Many, strict: bool, create_graph: bool) -> Many:
    """Return the Jacobian times `v`: the pullback is linear in its cotangent, and its transpose is the pushforward."""
    dummies = tuple(zeros_like(y).requires_grad_() for y in ys)
    pulled = _pull(name, ys, xs, dummies, strict, True)
    return _pull(name, pulled, dummies, v, strict, create_graph)


def vhp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """Return the output, and the product of `v` with the Hessian of a function with one element.

    >>> vhp(lambda x: (x ** 3).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        xs, tuple_in = _inputs("vhp", inputs, create_graph)
        direction = _vector("vhp", "the input", v, xs)
        y = _only("vhp", func(*xs))
        slopes = _pull("vhp", (y,), xs, (ones_like(y),), strict, True)
        found = _pull("vhp", slopes, xs, direction, strict, create_graph)
    return _given((y,), False, create_graph), _given(found, tuple_in, create_graph)


def hvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """Return the output, and the product of the Hessian of a function with one element with `v`.

    Differs from `vhp` only where second derivatives are not symmetric.

    >>> hvp(lambda x: (x ** 3).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        xs, tuple_in = _inputs("hvp", inputs, create_graph)
        direction = _vector("hvp", "the input", v, xs)
        y = _only("hvp", func(*xs))
        slopes = _pull("hvp", (y,), xs, (ones_like(y),), strict, True)
        found = _pushed("hvp", slopes, xs, direction, strict, create_graph)
    return _given((y,), False, create_graph), _given(found, tuple_in, create_graph)
