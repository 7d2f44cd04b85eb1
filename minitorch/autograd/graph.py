"""Looking at a recorded graph: its nodes and its leaves, newest first."""

from __future__ import annotations

from typing import Any

from ..absent import missing
from ..core.tape import Node
from ..core.walking import reachable
from ..tensor.handle import Tensor


def nodes(*outputs: Tensor) -> list[Node]:
    """Return every node that the outputs depend on, newest first.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> [node.name for node in nodes(x ** 2 + 3.0 * x)]
    ['add', 'mul', 'pow', 'leaf']
    """
    for x in outputs:
        x.current()
    return reachable(x.node for x in outputs if x.node is not None)


def leaves(*outputs: Tensor) -> list[Node]:
    """Return the nodes of the leaves that the outputs depend on.

    >>> x, y = mt.tensor(2.0, requires_grad=True), mt.tensor(3.0, requires_grad=True)
    >>> [node.name for node in leaves(x * y + x)]
    ['leaf', 'leaf']
    """
    return [node for node in nodes(*outputs) if node.plan is None]


def node_of(x: Tensor) -> Any:
    """Return a tensor's node, None if nothing records it.

    >>> x = mt.tensor(2.0, requires_grad=True)
    >>> node_of(x * 3).name, node_of(x.detach() * 3)
    ('mul', None)
    """
    x.current()
    return x.node


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
