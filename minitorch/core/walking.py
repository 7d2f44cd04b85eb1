"""Which nodes of a tape lead to which."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import attrgetter

from .tape import Node

_sequence = attrgetter("sequence")


def reachable(roots: Iterable[Node], since: int = -1) -> list[Node]:
    """Return every node reachable from the roots, newest first, not looking behind those made before `since`."""
    nodes = list(roots)
    seen = set(nodes)
    for node in nodes:  # which grows as parents are found
        if node.sequence >= since:
            for parent in node.parents:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    nodes.append(parent)
    nodes.sort(key=_sequence, reverse=True)
    return nodes


def leading_to(order: list[Node], wanted: Collection[Node]) -> list[Node]:
    """Return, newest first, the nodes from which a wanted one is reachable."""
    useful = set(wanted)
    for node in reversed(order):
        if any(parent in useful for parent in node.parents):
            useful.add(node)
    return [node for node in order if node in useful]
