"""jacrev, jacfwd, hessian and hvp: whole derivatives, by mapping vjp and jvp over the standard basis."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, tree
from .array import Array
from .aval import Aval
from .errors import ArgumentError, DTypeError
from .ops.joining import concatenate
from .ops.shaping import reshape
from .ops.slicing import slice_axis
from .recording import Recording, in_range, inexact_leaves, positions_of
from .tracer import aval_of
from .transforms import grad, jvp, push, vmap

Function = Callable[..., Any]


def jacrev(
    function: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    chunk_size: int | None = None,
) -> Function:
    """Return a function that computes the Jacobian by reverse mode: one pass for each element of the result.

    The Jacobian is the result's tree of the argument's tree of arrays of shape `(*result.shape, *argument.shape)`.
    With `has_aux`, `function` returns `(value, aux)` and the result is `(jacobian, aux)`. With `holomorphic`, arguments
    and results are complex, and so is the derivative. With `allow_int`, integer leaves have derivative 0. With
    `chunk_size`, so many passes run at a time, in less memory.

    >>> jacrev(lambda x: x * x)(Array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    positions, single = positions_of(argnums)

    @functools.wraps(function, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = Recording("jacrev", function, args, kwargs, in_range(positions, args, function), has_aux, allow_int)
        if holomorphic:
            run.require_complex("jacrev")
        basis, starts = _basis("jacrev", run.avals, holomorphic)
        rows, structure = _in_chunks(vmap(lambda g: run.pull(run.seeds(g), True, holomorphic)), basis, chunk_size)
        blocks = []
        for start, aval in zip(starts, run.avals, strict=True):
            parts = [slice_axis(x, 0, start, start + aval.size) for x in rows]
            block = tree.unflatten(structure, [reshape(x, (*aval.shape, *x.shape[1:])) for x in parts])
            blocks.append(block[0] if single else block)
        result = tree.unflatten(run.out_structure, blocks)
        return (result, run.aux) if has_aux else result

    return jacobian


def jacfwd(
    function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """Return a function that computes the Jacobian by forward mode: one pass for each element of the argument.

    Takes and returns what `jacrev` does; the better choice when the result is larger than the argument.

    >>> jacfwd(lambda x: x * x)(Array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    positions, single = positions_of(argnums)

    @functools.wraps(function, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = in_range(positions, args, function)
        primals = tuple(args[i] for i in chosen)
        leaves, structure = tree.flatten(primals)
        avals = [aval_of(x) for x in inexact_leaves("jacfwd", leaves, primals, function, chosen)]
        basis, starts = _basis("jacfwd", avals, holomorphic)

        def column(direction: Any) -> tuple[Any, Any]:
            tangents = tree.unflatten(structure, direction)
            return push("jacfwd", function, args, kwargs, chosen, tangents, has_aux)[1:]

        columns, aux = vmap(column, out_axes=(-1, None))(basis)
        columns, out_structure = tree.flatten(columns)
        blocks = []
        for x in columns:
            parts = [slice_axis(x, -1, start, start + aval.size) for start, aval in zip(starts, avals, strict=True)]
            parts = [reshape(part, (*x.shape[:-1], *aval.shape)) for part, aval in zip(parts, avals)]
            block = tree.unflatten(structure, parts)
            blocks.append(block[0] if single else block)
        result = tree.unflatten(out_structure, blocks)
        return (result, aux) if has_aux else result

    return jacobian


def hessian(
    function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """Return a function that computes the second derivatives of a scalar function, forward over reverse.

    For several `argnums`, and for trees, the result is a tree of trees: `hessian(f, (0, 1))(x, y)[0][1]` is the
    derivative in `x` and `y`. With `has_aux`, `function` returns `(value, aux)` and the result is `(hessian, aux)`.

    >>> hessian(lambda x: (x * x * x).sum())(Array([1.0, 2.0]))
    Array([[ 6.,  0.],
           [ 0., 12.]], dtype=float32)
    """
    return jacfwd(jacrev(function, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)


def hvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the product of a scalar function's Hessian with a vector, without the Hessian: forward over reverse.

    `primals` are the function's arguments, `tangents` a direction for each. The result has the structure of `primals`.

    >>> hvp(lambda x: (x * x * x).sum(), (Array([1.0, 2.0]),), (Array([1.0, 0.0]),))
    (Array([6., 0.], dtype=float32),)
    """
    return jvp(grad(function, tuple(range(len(primals)))), primals, tangents)[1]


def _in_chunks(mapped: Function, basis: list[Array], size: int | None) -> tuple[list[Any], tree.TreeDef]:
    """Apply a mapped function to a stack of directions, some at a time; return the leaves of the result."""
    total = basis[0].shape[0]
    if size is None or size >= total:
        return tree.flatten(mapped(basis))
    parts = []
    for start in range(0, total, size):
        some = [slice_axis(b, 0, start, min(start + size, total)) for b in basis]
        leaves, structure = tree.flatten(mapped(some))
        parts.append(leaves)
    return [concatenate(column) for column in zip(*parts)], structure


def _basis(name: str, avals: list[Aval], holomorphic: bool) -> tuple[list[Array], list[int]]:
    """Return the standard basis of a space of arrays, stacked, and where each array's part of it begins."""
    for aval in avals:
        if aval.dtype not in (dtypes.COMPLEX if holomorphic else dtypes.REALS):
            wanted = "complex" if holomorphic else "real floating point"
            raise DTypeError(
                f"{name}: {aval} is not {wanted}; split complex numbers into .real and .imag, or use holomorphic=True "
                "for a complex derivative"
            )
    total = sum(aval.size for aval in avals)
    if not total:
        have = ", ".join(map(str, avals))
        raise ArgumentError(f"{name}: there is nothing to differentiate: [{have}] has no elements")
    basis, starts, start = [], [], 0
    for aval in avals:
        block = np.zeros((total, aval.size), aval.dtype)
        np.fill_diagonal(block[start:], 1)
        basis.append(Array(block.reshape(total, *aval.shape), device=aval.device))
        starts.append(start)
        start += aval.size
    return basis, starts
