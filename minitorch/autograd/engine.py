"""Gradients on request: `grad` returns them, `backward` adds them to `.grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, GradError
from ..core.tape import Node
from ..core.transforms import vmap
from ..core.vjp import backward as walk_back
from ..tensor.backward import run_backward, walk
from ..tensor.creation import zeros_like
from ..tensor.handle import Tensor, tensor_of

Tensors = Tensor | Sequence[Tensor]


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _gradients(name: str, grads: Any, count: int) -> tuple[Any, ...]:
    """Return one cotangent (or None) per output."""
    given = (None,) * count if grads is None else _tuple(grads)
    if len(given) != count:
        raise ArgumentError(
            f"{name}: got {count} tensors and {len(given)} gradients; give one, or None, for each tensor"
        )
    return given


def _check_tensors(name: str, argument: str, given: tuple[Any, ...]) -> None:
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {argument}[{i}] must be a Tensor, got {type(x).__name__}")
        x.current()
    if not given:
        raise ArgumentError(f"{name}: {argument} is empty; give at least one tensor")


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves they were computed from, or of `inputs` only.

    `grad_tensors` holds one cotangent per tensor; None stands for a one, where the tensor has one element.

    >>> x = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> backward(x**2, mt.tensor([1.0, 10.0]))
    >>> x.grad
    tensor([ 2., 40.])
    >>> backward([x.sum(), 3 * x.sum()])
    >>> x.grad
    tensor([ 6., 44.])
    """
    outputs = _tuple(tensors)
    _check_tensors("backward", "tensors", outputs)
    wanted = None if inputs is None else _tuple(inputs)
    if wanted is not None:
        _check_tensors("backward", "inputs", wanted)
    run_backward(outputs, _gradients("backward", grad_tensors, len(outputs)), retain_graph, create_graph, wanted)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `outputs` with respect to `inputs`; no `.grad` changes.

    `grad_outputs` holds one cotangent per output, with a leading batch axis if `is_grads_batched`. `create_graph` records
    the pass, so that the result can be differentiated again. An input that the outputs do not depend on raises, or gives
    None with `allow_unused`, or zeros with `materialize_grads`.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> (g,) = grad(x ** 3, x, create_graph=True)
    >>> grad(g, x)
    (tensor(12.),)
    """
    sources, wanted = _tuple(outputs), _tuple(inputs)
    _check_tensors("grad", "outputs", sources)
    _check_tensors("grad", "inputs", wanted)
    if not only_inputs:
        raise ArgumentError("grad: only_inputs=False is deprecated in PyTorch and not offered; call backward() instead")
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads=True needs allow_unused to be True or left out")
    for i, x in enumerate(wanted):
        if x.node is None:
            raise GradError(
                f"grad: inputs[{i}] of shape {x.shape} does not require grad; call requires_grad_() before using it"
            )
    nodes = {x.node for x in wanted}
    cotangents = _gradients("grad", grad_outputs, len(sources))
    if is_grads_batched:
        found = _batched(sources, cotangents, retain_graph, create_graph, nodes)
    else:
        found = walk(sources, cotangents, retain_graph, create_graph, nodes)
    return tuple(_result(i, x, found, bool(allow_unused), materialize_grads) for i, x in enumerate(wanted))


def _result(i: int, x: Tensor, found: dict[Node, Any], allow_unused: bool, materialize: bool) -> Tensor | None:
    assert x.node is not None
    if x.node in found:
        return tensor_of(found[x.node])
    if materialize:
        return zeros_like(x)
    if allow_unused:
        return None
    raise GradError(
        f"grad: inputs[{i}] of shape {x.shape} appears to not have been used in the graph (one of the differentiated "
        "Tensors); pass allow_unused=True if that is what you want"
    )


def _batched(
    sources: tuple[Tensor, ...], given: tuple[Any, ...], retain_graph: bool | None, create_graph: bool, nodes: set[Any]
) -> dict[Any, Any]:
    """Walk for a whole batch of cotangents at once."""
    seeded = [(x, tensor_of(g)) for x, g in zip(sources, given, strict=True) if g is not None]
    if not seeded:
        raise ArgumentError("grad: is_grads_batched needs grad_outputs, with a leading batch axis")
    for x, g in seeded:
        if g.shape[1:] != x.shape or x.node is None:
            raise GradError(
                f"grad: a batched cotangent has shape {g.shape} for an output of shape {x.shape}, requires_grad="
                f"{x.requires_grad}; it needs one leading axis more, and the output a graph"
            )
    keep = create_graph if retain_graph is None else retain_graph
    order: list[Any] = []

    def pull(*gs: Any) -> list[Any]:
        pairs = [(x.node, g) for (x, _), g in zip(seeded, gs, strict=True)]
        recorder = sources[0]._trace if create_graph else None
        found = walk_back(pairs, wanted=nodes, keep=keep, recorder=recorder)  # type: ignore[arg-type]
        order[:] = found
        return list(found.values())

    grads = vmap(pull)(*(g if create_graph else g.current() for _, g in seeded))
    return dict(zip(order, grads, strict=True))
