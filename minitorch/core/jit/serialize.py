"""Graphs and trees as JSON, and back: names of primitives, operands, plain parameters. Arrays are kept beside.

Nothing is pickled: what JSON has no word for is either in the short tables below or refused, by name and with the fix.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes, tree
from ..array import Array
from ..aval import Aval
from ..errors import JitError
from ..ops.basic import BasicIndex
from ..ops.windowing import Sliding
from ..primitive import PRIMITIVES
from .graph import Atom, Equation, Graph, Var, check

Json = Any
MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)

# Classes among the static parameters of primitives: how to take one apart into arguments of its class.
RECORDS: dict[str, tuple[type, Any]] = {
    "BasicIndex": (BasicIndex, lambda x: (x.items, x.sizes)),
    "Sliding": (Sliding, tuple),
}
_PLAIN = (bool, int, str, type(None))


# --------------------------------------------------------------------------- plain values


def encode(value: Any, what: str, arrays: list[Array] | None = None) -> Json:
    """Return a static value as JSON, `what` it is being named in the error; its arrays go to a list, if there is one.

    >>> encode((1, float("inf"), np.dtype("float32")), "an example")
    {'tuple': [1, {'float': 'inf'}, {'dtype': 'float32'}]}
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is complex:
        return {"complex": [encode(part, what, arrays) for part in (value.real, value.imag)]}
    if kind in (tuple, list):
        parts = [encode(part, what, arrays) for part in value]
        return parts if kind is list else {"tuple": parts}
    if isinstance(value, np.dtype):
        return {"dtype": dtypes.name(value)}
    if arrays is not None and (kind is Array or isinstance(value, np.generic)):
        return {"array": _index(arrays, value if kind is Array else Array(value))}
    if arrays is not None and kind is Graph:
        return {"graph": encode_graph(value, arrays)}
    for name, (record, parts_of) in RECORDS.items():
        if kind is record:
            return {name: [encode(part, what, arrays) for part in parts_of(value)]}
    raise JitError(
        f"export: {what} is {_described(value)}, which a file of data cannot hold; pass numbers, strings, dtypes and "
        "arrays, in tuples and lists"
    )


def decode(value: Json, arrays: Sequence[Array]) -> Any:
    """Undo `encode`. Whatever is malformed raises one of `MALFORMED` or a JitError."""
    if isinstance(value, list):
        return [decode(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    ((name, held),) = value.items()
    if name == "float":
        return float(held)
    if name == "complex":
        return complex(*(decode(part, arrays) for part in held))
    if name == "tuple":
        return tuple(decode(part, arrays) for part in held)
    if name == "dtype":
        return dtypes.canonical(held)
    if name == "array":
        return arrays[held]
    if name == "graph":
        return decode_graph(held, arrays)
    return RECORDS[name][0](*(decode(part, arrays) for part in held))


def _index(arrays: list[Array], value: Array) -> int:
    for i, known in enumerate(arrays):
        if known is value:
            return i
    arrays.append(value)
    return len(arrays) - 1


def _described(value: Any) -> str:
    name = getattr(value, "__qualname__", None) if callable(value) else None
    return f"the function {name}" if name else f"an object of the class {type(value).__qualname__}"


# --------------------------------------------------------------------------- graphs


def encode_aval(aval: Aval) -> Json:
    """Return an aval as JSON.

    >>> encode_aval(Aval((2, 3), np.dtype("float32")))
    {'dtype': 'float32', 'shape': [2, 3]}
    """
    weak = {"weak": True} if aval.weak else {}
    return {"dtype": dtypes.name(aval.dtype), "shape": list(aval.shape), **weak}


def decode_aval(value: Json) -> Aval:
    """Undo `encode_aval`."""
    shape = tuple(value["shape"])
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{shape} is no shape")
    return Aval(shape, dtypes.canonical(value["dtype"]), weak=value.get("weak", False))


def encode_graph(graph: Graph, arrays: list[Array]) -> Json:
    """Return a graph as JSON; its constants go to a list. Where an equation was written in Python is left out.

    >>> x = Var(Aval((3,), np.dtype("float32")))
    >>> encode_graph(Graph([x], [], [x, 2.0]), [])
    {'vars': [{'dtype': 'float32', 'shape': [3]}], 'inputs': 1, 'equations': [], 'outputs': [{'var': 0}, 2.0]}
    """
    numbers = {v: i for i, v in enumerate(graph.inputs)}
    for eq in graph.equations:
        for v in eq.outputs:
            numbers[v] = len(numbers)

    def atom(a: Atom) -> Json:
        return {"var": numbers[a]} if isinstance(a, Var) else encode(a, "a constant", arrays)

    return {
        "vars": [encode_aval(v.aval) for v in numbers],
        "inputs": len(graph.inputs),
        "equations": [
            {
                "primitive": _name(eq),
                "inputs": [atom(a) for a in eq.inputs],
                "params": {
                    key: encode(value, f"the parameter `{key}` of {eq.primitive.name}", arrays)
                    for key, value in eq.params.items()
                },
                "outputs": [numbers[v] for v in eq.outputs],
                "many": eq.many,
            }
            for eq in graph.equations
        ],
        "outputs": [atom(a) for a in graph.outputs],
    }


def _name(eq: Equation) -> str:
    name = eq.primitive.name
    if PRIMITIVES.get(name) is not eq.primitive:
        raise JitError(f"export: {name} is not in the table of primitives, so no file can refer to it; register it")
    return name


def decode_graph(value: Json, arrays: Sequence[Array]) -> Graph:
    """Undo `encode_graph`, and check the graph against the rules of its primitives."""
    known = [Var(decode_aval(aval)) for aval in value["vars"]]

    def atom(a: Json) -> Atom:
        return known[a["var"]] if isinstance(a, dict) and "var" in a else decode(a, arrays)

    graph = Graph(known[: value["inputs"]])
    for eq in value["equations"]:
        name = eq["primitive"]
        if name not in PRIMITIVES:
            raise JitError(
                f"load_exported: there is no primitive {name!r} here; first import the module that declares it"
            )
        inputs = tuple(atom(a) for a in eq["inputs"])
        params = {key: decode(param, arrays) for key, param in eq["params"].items()}
        outputs = tuple(known[i] for i in eq["outputs"])
        graph.equations.append(Equation(PRIMITIVES[name], inputs, params, outputs, eq["many"]))
    graph.outputs = [atom(a) for a in value["outputs"]]
    check(graph)
    return graph


# --------------------------------------------------------------------------- trees


def encode_tree(structure: tree.TreeDef, what: str) -> Json:
    """Return the structure of a tree of dicts, lists, tuples and None as JSON; leaves are their numbers.

    >>> encode_tree(tree.structure({"a": 1.0, "b": [2.0, None]}), "the result")
    {'dict': [['a', 0], ['b', {'list': [1, None]}]]}
    """
    _check_nodes(structure, what)
    return _branch(tree.unflatten(structure, range(structure.num_leaves)), what)


def _check_nodes(structure: tree.TreeDef, what: str) -> None:
    kind: Any = structure.type
    if kind not in (None, type(None), list, tuple, dict, OrderedDict):
        raise JitError(
            f"export: {what} contains a {kind.__qualname__}, which a file cannot hold; use dicts, lists and tuples "
            "(x._asdict() for a named tuple, model.state_dict() for a module)"
        )
    for child in structure.children():
        _check_nodes(child, what)


def _branch(node: Any, what: str) -> Json:
    kind = type(node)
    if kind is int or node is None:
        return node
    if kind in (list, tuple):
        return {kind.__name__: [_branch(x, what) for x in node]}
    for key in node:
        if type(key) not in (str, int, bool, float):
            raise JitError(f"export: {what} has the dict key {key!r}, which a file cannot hold; use strings or numbers")
    return {kind.__name__: [[key, _branch(x, what)] for key, x in node.items()]}


def decode_tree(value: Json) -> Any:
    """Undo `encode_tree`: return a tree whose leaves are their numbers.

    >>> decode_tree({"dict": [["a", 0], ["b", {"list": [1, None]}]]})
    {'a': 0, 'b': [1, None]}
    """
    if type(value) is int or value is None:
        return value
    ((kind, items),) = value.items()
    if kind in ("list", "tuple"):
        made = [decode_tree(x) for x in items]
        return made if kind == "list" else tuple(made)
    return {"dict": dict, "OrderedDict": OrderedDict}[kind]((key, decode_tree(x)) for key, x in items)
