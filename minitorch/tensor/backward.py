"""Tensor.backward: which cotangents a walk starts from, and which gradients it is to leave behind.

Checks and makes the seeds; the walk itself is the core's, and what happens at the leaves their cells' business.
"""

from __future__ import annotations

from typing import Any

from ..core import dtypes
from ..core.array import Array
from ..core.errors import GradError, ShapeError
from ..core.ops.shaping import full
from ..core.tape import Node, muting
from ..core.tracer import Value, aval_of
from ..core.vjp import backward as walk_back
from ..core.vjp import descend
from .handle import Tensor, as_tensor, tensor_of

_ONES: dict[dtypes.DType, Array] = {}


def _unit(dtype: dtypes.DType) -> Array:
    one = _ONES.get(dtype)
    if one is None:
        if dtype in dtypes.COMPLEX:
            raise GradError(
                f"backward: grad can be implicitly created only for real scalar outputs, got {dtypes.name(dtype)}; pass "
                "gradient=, or take .real or .abs() first"
            )
        one = _ONES[dtype] = full((), 1, dtype)
    return one


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Compute the gradients of the leaves this tensor was computed from, and add them to their `.grad`.

    `gradient` is this tensor's cotangent, needed unless it has one element. `retain_graph` keeps what the graph has
    saved for another pass; `create_graph` records the pass itself, for higher derivatives.

    >>> x = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    >>> (3 * x).backward(mt.tensor([1.0, 10.0]))
    >>> x.grad
    tensor([ 5., 34.])
    """
    if self._view is not None:
        self.current()
    node = self.node
    if gradient is None and inputs is None and not create_graph and node is not None and node.shape == ():
        descend({node: _unit(node.dtype)}, keep=bool(retain_graph))
        return
    run_backward((self,), (gradient,), retain_graph, create_graph, inputs)


def run_backward(
    outputs: tuple[Tensor, ...],
    gradients: tuple[Any, ...],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any = None,
) -> None:
    """Accumulate gradients in the leaves, or in `inputs` only."""
    if inputs is None:
        walk(outputs, gradients, retain_graph, create_graph)
        return
    wanted = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for x in wanted:
        x.retain_grad()
    found = walk(outputs, gradients, retain_graph, create_graph, {x.node for x in wanted})
    for x in wanted:
        if x.node in found:
            x._own_cell().accumulate(found[x.node])


def walk(
    outputs: tuple[Tensor, ...],
    gradients: tuple[Any, ...],
    retain_graph: bool | None,
    create_graph: bool,
    wanted: Any = (),
) -> dict[Node, Value]:
    """Seed the outputs and walk the tape; return the cotangents of the wanted nodes."""
    seeds = [(out.node, seed(out, g, create_graph)) for out, g in zip(outputs, gradients, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    if not create_graph:
        return walk_back(seeds, wanted=wanted, keep=keep)  # type: ignore[arg-type]
    with muting(False):
        return walk_back(seeds, wanted=wanted, keep=keep, recorder=outputs[0]._trace)  # type: ignore[arg-type]


def seed(out: Tensor, gradient: Any, create_graph: bool) -> Value:
    """Return the cotangent of an output: what is given, checked, or a one."""
    if out.node is None:
        raise GradError(
            "backward: element 0 of tensors does not require grad and does not have a grad_fn; no input of the "
            "computation had requires_grad=True, or it ran under no_grad()"
        )
    if gradient is None:
        if out.node.shape != () and aval_of(out).size != 1:
            raise GradError(
                f"backward: grad can be implicitly created only for scalar outputs, got shape {out.shape}; reduce it with "
                ".sum() or .mean(), or pass gradient="
            )
        unit = _unit(out.node.dtype)
        gradient = unit if out.node.shape == () else full(out.node.shape, 1, out.node.dtype)
        return tensor_of(gradient) if create_graph else gradient
    given = as_tensor(gradient)
    if given.shape != out.shape:
        raise ShapeError(
            f"backward: Mismatch in shape: gradient has shape {given.shape}, the output {out.shape}; they must agree"
        )
    return given if create_graph else given.current()


backward.__qualname__ = "Tensor.backward"
Tensor.backward = backward
