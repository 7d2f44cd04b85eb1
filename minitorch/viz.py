"""Drawing a recorded graph with Graphviz.

`draw_graph` gives a `graphviz.Digraph`. Its source is text, which needs no program; making a picture of it needs `dot`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from .compiling.show import StepGraph
from .core import dtypes, tree
from .core.array import Array
from .core.errors import GradError, MissingExtraError, MissingProgramError
from .core.jit.graph import Equation, Graph, Var
from .core.tape import FREED, Node, TapeTracer
from .core.tracer import Tracer
from .core.walking import reachable
from .nn.module import Module
from .nn.parameter import Parameter
from .tensor.handle import Tensor

STYLES = {
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#cfe2ff", "color": "#3b73c4"},
    "leaf": {"shape": "ellipse", "style": "filled", "fillcolor": "#c8e6c9", "color": "#388e3c"},
    "parameter": {
        "shape": "ellipse",
        "style": "filled",
        "fillcolor": "#ffd699",
        "color": "#c77700",
        "peripheries": "2",
    },
    "constant": {"shape": "ellipse", "style": "filled", "fillcolor": "#dddddd", "color": "#888888"},
    "result": {"shape": "ellipse", "style": "filled", "fillcolor": "#ffffff", "color": "#333333"},
}
INSTALL_DOT = "install Graphviz (`apt install graphviz`, `brew install graphviz`, or https://graphviz.org/download/)"


def draw_graph(y: Any, params: Any = None, *, name: str = "computation") -> Any:
    """Return a `graphviz.Digraph` of everything that `y` (a Tensor, or a tree of them) was computed from.

    Operations are blue boxes, leaves that require grad green, parameters orange with a double border, constants gray; the
    edges carry shapes. `params`, a Module or a tree of tensors, names the leaves. `.source` is the text in DOT,
    `.save(path)` writes it, and `.render("graph", format="png")` makes a picture, for which the program `dot` must be
    installed. Draw before `backward()`: it frees what the constants' labels are read from.

    `y` may also be what `make_graph(function)(*args)` returns: arguments are green then, and the state that the function
    reads orange, as is what it writes. What loops and branches do stands in dashed frames.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> print(draw_graph(x * 3.0, {"x": x}).source)
    digraph computation {
    ...
    """
    if isinstance(y, Graph):
        picture = _picture(name)
        _GraphDrawing(picture, y).draw()
        return picture
    outputs = [x for x in tree.leaves(y) if isinstance(x, (Array, Tracer))] if not isinstance(y, Tracer) else [y]
    roots = [_node(x) for x in outputs]
    if not any(roots):
        raise GradError(
            "draw_graph: nothing was recorded: no result requires grad; give an input requires_grad=True, and draw the "
            "result of a computation outside no_grad()"
        )
    picture = _picture(name)
    _Drawing(picture, _named(params)).draw([root for root in roots if root is not None])
    return picture


def _picture(name: str) -> Any:
    picture = _digraph()(name=name, graph_attr={"rankdir": "TB"}, node_attr={"fontname": "Helvetica", "fontsize": "11"})
    picture.edge_attr.update({"fontname": "Helvetica", "fontsize": "9", "color": "#666666"})
    return picture


def _node(x: Any) -> Node | None:
    if isinstance(x, Tensor):
        x.current()
    return x.node if isinstance(x, TapeTracer) else None


def _named(params: Any) -> list[tuple[str, Any]]:
    """Return names and tensors of a Module or a tree."""
    if params is None:
        return []
    if isinstance(params, Module):
        return list(params.named_parameters())
    if isinstance(params, Tensor):
        return [("param", params)]
    return [(name or f"[{i}]", x) for i, (name, x) in enumerate(_walk(params))]


def _walk(params: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and tensors of nested dicts, lists and tuples, and whatever else is a tree."""
    if isinstance(params, (Tensor, Array, Tracer)):
        yield prefix, params
    elif isinstance(params, Module):
        yield from ((f"{prefix}.{name}".lstrip("."), x) for name, x in params.named_parameters())
    elif isinstance(params, dict):
        for key, value in params.items():
            yield from _walk(value, f"{prefix}.{key}".lstrip("."))
    elif isinstance(params, (list, tuple)):
        for i, value in enumerate(params):
            yield from _walk(value, f"{prefix}.{i}".lstrip("."))
    else:
        yield from zip(tree.paths(params, prefix), tree.leaves(params), strict=True)


class _Drawing:
    """What has been drawn so far, and under which names."""

    def __init__(self, picture: Any, named: list[tuple[str, Any]]):
        self.picture = picture
        self.names: dict[Any, str] = {}
        self.constants: dict[int, str] = {}
        for name, x in named:
            node = _node(x)
            if node is not None:
                self.names[node if node.cell is None else node.cell] = name

    def draw(self, roots: list[Node]) -> None:
        """Draw all nodes, oldest first, then the results."""
        order = [node for node in reversed(reachable(roots)) if node.pick is None]
        keys = {node: f"n{i}" for i, node in enumerate(order)}
        for node in order:
            if node.plan is None:
                self._leaf(keys[node], node)
            else:
                self.picture.node(keys[node], node.name, tooltip=_tooltip(node), **STYLES["operation"])
                self._edges(keys, node)
        for i, root in enumerate(roots):
            self.picture.node(f"out{i}", f"result\n{root.shape}", **STYLES["result"])
            self._edge(_key(keys, root), f"out{i}", root)

    def _leaf(self, key: str, node: Node) -> None:
        name = self.names.get(node if node.cell is None else node.cell)
        kind = getattr(node.cell, "kind", Tensor)
        style = "parameter" if name is not None or issubclass(kind, Parameter) else "leaf"
        title = name or ("parameter" if style == "parameter" else "leaf")
        self.picture.node(key, f"{title}\n{node.shape}", tooltip=dtypes.name(node.dtype), **STYLES[style])

    def _edges(self, keys: dict[Node, str], node: Node) -> None:
        for i, parent in enumerate(node.parents):
            if parent is not None:
                self._edge(_key(keys, parent), keys[node], parent)
            elif not _is_absent(node, i):
                value = _saved(node, i)
                self._edge(self._constant(keys[node], i, value), keys[node], value)

    def _edge(self, start: str, end: str, value: Any) -> None:
        """Draw an edge with the shape of what passes along it, if that is known."""
        label = {"label": str(value.shape)} if hasattr(value, "shape") else {}
        self.picture.edge(start, end, **label)

    def _constant(self, key: str, i: int, value: Any) -> str:
        """Draw an operand that needs no gradient, once for each array."""
        if isinstance(value, (Array, Tracer)) and id(value) in self.constants:
            return self.constants[id(value)]
        name = f"{key}c{i}"
        self.picture.node(name, _constant_label(value), **STYLES["constant"])
        if isinstance(value, (Array, Tracer)):
            self.constants[id(value)] = name
        return name


def _key(keys: dict[Node, str], node: Node) -> str:
    """Return the drawn name of a node; the results of a many-result operation share its box."""
    return keys[node.parents[0] if node.pick is not None else node]  # type: ignore[index]


def _saved(node: Node, i: int) -> Any:
    """Return operand `i` if the node kept it or its aval, else None."""
    assert node.plan is not None
    if node.saved is FREED:
        return None
    for (_, k), value in zip(node.plan.codes, node.saved):
        if k == i + 1 and not isinstance(value, tuple):
            return value
        if k == 1 and isinstance(value, tuple) and len(value) == len(node.parents):
            return value[i]
    return None


def _is_absent(node: Node, i: int) -> bool:
    """Return whether operand `i` was left out, as far as can be known: optional (its shape rule says so), and not kept."""
    assert node.plan is not None
    shape_rule = list(inspect.signature(node.plan.primitive.abstract).parameters.values())
    is_optional = i < len(shape_rule) and str(shape_rule[i].annotation).endswith("None")
    return is_optional and _saved(node, i) is None


def _constant_label(value: Any) -> str:
    if value is None:
        return "constant"
    if not hasattr(value, "shape"):
        return repr(value)
    if value.shape == () and isinstance(value, Array):
        return repr(value.item())
    return f"constant\n{value.shape}"


def _tooltip(node: Node) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in (node.params or {}).items())
    where = f" at {node.line}" if node.line else ""
    return f"{node.name}({settings}){where}"


class _GraphDrawing:
    """The picture of a recorded graph."""

    def __init__(self, picture: Any, graph: Graph, prefix: str = ""):
        self.picture = picture
        self.prefix = prefix
        self.graph = graph
        known = graph if isinstance(graph, StepGraph) else StepGraph([], results=graph.outputs)
        self.arguments, self.state, self.writes = known.arguments, known.state, known.writes
        self.results = [(f"result {i}", atom) for i, atom in enumerate(known.results)]
        self.results += [("kept for backward", atom) for atom in known.kept]
        self.keys: dict[Var, str] = {}
        self.constants: dict[int, str] = {}

    def draw(self) -> None:
        """Draw inputs, equations, results, and what is written."""
        for i, var in enumerate(self.graph.inputs):
            self.keys[var] = f"{self.prefix}in{i}"
            title = self.state.get(var) or self.arguments.get(var, f"input {i}")
            style = STYLES["parameter" if var in self.state else "leaf"]
            self.picture.node(
                self.keys[var], f"{title}\n{var.aval.shape}", tooltip=dtypes.name(var.aval.dtype), **style
            )
        for i, eq in enumerate(self.graph.equations):
            self._equation(f"{self.prefix}n{i}", eq)
        for i, (title, atom) in enumerate(self.results):
            self._leave(f"{self.prefix}out{i}", title, atom, "result")
        for i, (name, atom) in enumerate(self.writes):
            self._leave(f"write{i}", f"write {name}", atom, "parameter")

    def _equation(self, key: str, eq: Equation) -> None:
        settings = ", ".join(f"{name}={value}" for name, value in eq.params.items() if not _graphs(value))
        where = f" at {eq.line}" if eq.line else ""
        self.picture.node(
            key, eq.primitive.name, tooltip=f"{eq.primitive.name}({settings}){where}", **STYLES["operation"]
        )
        for i, atom in enumerate(eq.inputs):
            if atom is not None:
                self._edge(atom, key, f"{key}c{i}")
        self.keys.update(dict.fromkeys(eq.outputs, key))
        for name, value in eq.params.items():
            for i, graph in enumerate(_graphs(value)):
                title = name if isinstance(value, Graph) else f"{name}[{i}]"
                with self.picture.subgraph(name=f"cluster_{key}_{name}{i}") as part:
                    part.attr(
                        label=f"{eq.primitive.name}: {title}", style="dashed", fontname="Helvetica", fontsize="10"
                    )
                    _GraphDrawing(part, graph, f"{key}_{name}{i}_").draw()

    def _leave(self, key: str, title: str, atom: Any, style: str) -> None:
        shape = f"\n{atom.aval.shape}" if isinstance(atom, Var) else ""
        self.picture.node(key, title + shape, **STYLES[style])
        self._edge(atom, key, f"{key}c")

    def _edge(self, atom: Any, end: str, fresh: str) -> None:
        """Draw an edge from a value, entering it if it is a constant."""
        if isinstance(atom, Var):
            self.picture.edge(self.keys[atom], end, label=str(atom.aval.shape))
            return
        start = self.constants.get(id(atom), fresh) if isinstance(atom, Array) else fresh
        if start == fresh:
            self.picture.node(start, "None" if atom is None else _constant_label(atom), **STYLES["constant"])
        if isinstance(atom, Array):
            self.constants[id(atom)] = start
        self.picture.edge(start, end)


def _graphs(value: Any) -> list[Graph]:
    """Return the graphs that a static parameter holds, if it holds any."""
    if isinstance(value, Graph):
        return [value]
    return list(value) if isinstance(value, tuple) and value and isinstance(value[0], Graph) else []


@cache
def _digraph() -> Any:
    """Return the class of the pictures: a Digraph that says what to install when it cannot be rendered."""
    try:
        graphviz = import_module("graphviz")
    except ModuleNotFoundError:
        raise MissingExtraError("graphviz", "viz") from None

    class Digraph(graphviz.Digraph):  # type: ignore[name-defined, misc]
        def pipe(self, *args: Any, **kwargs: Any) -> Any:
            return _with_dot(graphviz, super().pipe, *args, **kwargs)

        def render(self, *args: Any, **kwargs: Any) -> Any:
            return _with_dot(graphviz, super().render, *args, **kwargs)

        def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super()._repr_mimebundle_(*args, **kwargs)
            except MissingProgramError:
                return {"text/plain": self.source}

    return Digraph


def _with_dot(graphviz: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return method(*args, **kwargs)
    except graphviz.ExecutableNotFound:
        raise MissingProgramError(
            f"render: the program `dot` is not on the PATH; {INSTALL_DOT}, or read .source, or write it with .save(path)"
        ) from None
