"""Transforms of functions of tensors, under PyTorch's names (`torch.func`).

They are the transforms of the core with PyTorch's signatures, and give tensors for tensors. A function may call modules
with `functional_call`, so that their parameters are arguments like any other: per-example gradients, ensembles and
tangent kernels are compositions of these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .core import jacobian as J
from .core import transforms as T
from .core import tree
from .core.collectives import axis_index
from .core.errors import ArgumentError, GradError
from .core.linear import linearize
from .core.ops.joining import concatenate
from .core.ops.sampling import fold_in
from .core.ops.slicing import slice_axis
from .core.tracer import Value
from .nn.structure import functional_call
from .tensor.functions import stack
from .tensor.generator import PASSING
from .tensor.handle import Tensor

Function = Callable[..., Any]

RANDOMNESS = ("error", "different", "same")


def grad(func: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of a function that returns one number.

    With `has_aux`, `func` returns `(value, aux)` and the result is `(gradient, aux)`.

    >>> from minitorch import tensor
    >>> grad(lambda x: (x ** 2).sum())(tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return T.grad(func, argnums, has_aux)


def grad_and_value(func: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient and the value, in this order.

    With `has_aux`, the result is `(gradient, (value, aux))`.

    >>> from minitorch import tensor
    >>> grad_and_value(lambda x: (x ** 2).sum())(tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """
    both = T.value_and_grad(func, argnums, has_aux)

    def swapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return gradient, value

    return swapped


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return the function's value, and the function that pulls a cotangent back to a tuple, one for each primal.

    >>> from minitorch import tensor
    >>> out, pull = vjp(lambda x: x ** 2, tensor([1.0, 2.0]))
    >>> pull(tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    return T.vjp(func, *primals, has_aux=has_aux)


def jvp(func: Function, primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """Return the function's value, and its derivative along the tangents, one for each primal.

    >>> from minitorch import tensor
    >>> jvp(lambda x: x ** 2, (tensor([1.0, 2.0]),), (tensor([1.0, 0.0]),))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    return T.jvp(func, primals, tangents, has_aux)


def jacrev(
    func: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Function:
    """Return a function that computes the Jacobian by reverse mode, `chunk_size` rows at a time.

    >>> from minitorch import tensor
    >>> jacrev(lambda x: x ** 2)(tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return J.jacrev(func, argnums, has_aux, chunk_size=_checked_chunk("jacrev", chunk_size))


def jacfwd(
    func: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:
    """Return a function that computes the Jacobian by forward mode.

    `randomness` is "error" (random functions raise) or "same" (each column sees the same numbers); see `vmap`.

    >>> from minitorch import tensor
    >>> jacfwd(lambda x: x ** 2)(tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if randomness not in ("error", "same"):
        raise ArgumentError(
            f"jacfwd: randomness must be 'error' or 'same', got {randomness!r}; columns that draw different numbers are "
            "columns of different functions"
        )
    jacobian = J.jacfwd(_watched(func, "jacfwd", randomness), argnums, has_aux)
    return lambda *args, **kwargs: jacobian(*args, **kwargs)


def hessian(func: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that computes the second derivatives of a function that returns one number.

    >>> from minitorch import tensor
    >>> hessian(lambda x: (x ** 3).sum())(tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return J.hessian(func, argnums)


# --------------------------------------------------------------------------- vmap


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """Return a function that maps `func` over a dimension of its arguments.

    `in_dims` and `out_dims` are an int, or a tree of ints and None that is a prefix of the arguments or results; keyword
    arguments are not mapped.
    `randomness` says what functions that draw random numbers do: "error" raises, "different" draws other numbers for
    each example, "same" the same for all. With `chunk_size`, so many examples are computed at a time, in less memory.

    >>> from minitorch import tensor
    >>> vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))(tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if randomness not in RANDOMNESS:
        raise ArgumentError(f"vmap: randomness must be one of {RANDOMNESS}, got {randomness!r}")
    size = _checked_chunk("vmap", chunk_size)
    axis = object()  # a name that nobody else knows
    watched = _watched(func, "vmap", randomness, axis)

    def mapped(*args: Any, **kwargs: Any) -> Any:
        each = T.vmap(functools.partial(watched, **kwargs), in_dims, out_dims, axis_name=axis)
        return each(*args) if size is None else _in_chunks(each, args, in_dims, out_dims, size)

    return mapped


def _in_chunks(each: Function, args: tuple[Any, ...], in_dims: Any, out_dims: Any, size: int) -> Any:
    """Apply a mapped function to some examples at a time."""
    leaves, structure = tree.flatten_until(args, Tensor)
    dims = _dims("in_dims", in_dims, args)
    sizes = [x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    outs = []
    for start in range(0, sizes[0] if sizes else 1, size):
        parts = [x if d is None else _part(x, d, start, start + size) for x, d in zip(leaves, dims)]
        outs.append(each(*tree.unflatten(structure, parts)))
    return _joined(outs, out_dims)


def _checked_chunk(name: str, chunk_size: int | None) -> int | None:
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"{name}: chunk_size must be a positive number or None, got {chunk_size}")
    return chunk_size


def _dims(name: str, spec: Any, full: Any) -> list[int | None]:
    """Return a dimension, or None, for each tensor of a tree."""
    leaves, structure = tree.flatten_until(full, Tensor)
    found = tree.spread(tuple(spec) if isinstance(spec, list) else spec, tree.unflatten(structure, range(len(leaves))))
    if found is None:
        raise ArgumentError(
            f"vmap: {name}={spec!r} is no prefix of {tree.shown(structure)}; give an int or None for each"
        )
    return found


def _part(x: Any, dim: int, start: int, stop: int) -> Any:
    return slice_axis(x, dim, start, min(stop, x.shape[dim]))


def _joined(outs: list[Any], out_dims: Any) -> Any:
    """Concatenate the results of chunks."""
    dims = _dims("out_dims", out_dims, outs[0])
    _, structure = tree.flatten_until(outs[0], Tensor)
    columns = zip(*(tree.flatten_until(out, Tensor)[0] for out in outs))
    return tree.unflatten(structure, [c[0] if d is None else concatenate(c, d) for c, d in zip(columns, dims)])


def _watched(func: Function, name: str, randomness: str, axis: Any = None) -> Function:
    """Return a function that draws random numbers as it should inside a map."""

    def passing(key: Value) -> Value:
        if randomness == "error":
            raise GradError(
                f"{name}: the function draws random numbers; choose randomness='same' or 'different', or draw them outside"
            )
        return fold_in(key, axis_index(axis)) if randomness == "different" else key

    def run(*args: Any, **kwargs: Any) -> Any:
        with _keys(passing):
            return func(*args, **kwargs)

    return functools.update_wrapper(run, func, updated=())  # messages name its arguments


@contextmanager
def _keys(passing: Callable[[Value], Value]) -> Iterator[None]:
    token = PASSING.set((*PASSING.get(), passing))
    try:
        yield
    finally:
        PASSING.reset(token)


# --------------------------------------------------------------------------- modules


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters and the buffers of modules of one kind, each stacked along a new first dimension.

    With `vmap` and `functional_call` an ensemble runs as one. The stacked parameters are leaves that require grad if those
    of the modules do.

    >>> from minitorch import nn
    >>> params, buffers = stack_module_state([nn.Linear(2, 3) for _ in range(4)])
    >>> {name: tuple(p.shape) for name, p in params.items()}
    {'weight': (4, 3, 2), 'bias': (4, 3)}
    """
    models = list(models)
    if not models:
        raise ArgumentError("stack_module_state: expected at least one model, got none")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise ArgumentError("stack_module_state: the models must be of one class, and all in train or all in eval mode")
    return _stacked("parameter", [dict(m.named_parameters()) for m in models]), _stacked(
        "buffer", [dict(m.named_buffers()) for m in models]
    )


def _stacked(kind: str, states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    first = states[0]
    found = {}
    for state in states:
        if state.keys() != first.keys():
            raise ArgumentError(f"stack_module_state: the models have different {kind}s: {[*first]} and {[*state]}")
    for name in first:
        tensors = [state[name] for state in states]
        if len({x.requires_grad for x in tensors}) > 1:
            raise ArgumentError(f"stack_module_state: {kind} {name} requires grad in some models and not in others")
        found[name] = stack([x.detach() for x in tensors]).requires_grad_(tensors[0].requires_grad)
    return found


__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
