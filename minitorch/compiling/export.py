"""Ahead of time: a compiled function in a file, and a process that runs it without recording or compiling anything.

The file keeps the optimized graph and the object code of its kernels. Loading lowers the graph again, which takes
milliseconds, and finds each kernel already there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core import (
    control,  # noqa: F401 (a file may hold its loops and branches)
    tree,
)
from ..core.array import Array
from ..core.aval import Aval
from ..core.control import gru, lstm, projection, rnn  # noqa: F401 (or its recurrent layers)
from ..core.errors import ArgumentError, DTypeError, JitError, ShapeError
from ..core.jit.graph import Graph, text
from ..core.jit.lower import build, prepare
from ..core.jit.lower.plan import RUNTIME
from ..core.jit.native.compile import Portable, adopt, compile_kernel, portable
from ..core.jit.native.target import misfit, target
from ..core.jit.passes import optimize
from ..core.jit.serialize import (
    MALFORMED,
    decode,
    decode_aval,
    decode_graph,
    decode_tree,
    encode,
    encode_aval,
    encode_graph,
    encode_tree,
)
from ..core.ops.families import as_array
from ..core.tape import context
from ..core.tracer import Tracer, Value
from ..core.version import VERSION
from ..tensor.handle import Tensor, tensor_of
from . import archive
from .capture import Argument, ArgumentGrad, Field, Handle, Number, Shared, Slot
from .containers import flatten
from .describing import Called
from .guards import Surroundings
from .jit import Compiled, jit
from .looking import look_around
from .program import Again, Fresh, Program, Refill, Same

_NUMBERS = {kind.__name__: kind for kind in (int, float, complex)}
_STATIC = (bool, str)


# --------------------------------------------------------------------------- writing


def export(
    f: Callable[..., Any], args: tuple[Any, ...], path: str | os.PathLike[str], kwargs: dict[str, Any] | None = None
) -> None:
    """Compile a function for arguments like these, and write it to a file for `load_exported`.

    `f` is a module or a pure function of pytrees; only the shapes and dtypes of arrays among the arguments matter, and
    the values of strings and booleans. Tensors that it closes over, such as a module's parameters, are stored as they are
    now. The file holds machine code for this CPU and its source.

    Raises JitError for what a file cannot keep: a function that writes to tensors or draws random numbers, instances of
    other classes in the arguments or the result.

    >>> import minitorch as mt, tempfile
    >>> path = tempfile.mkdtemp() + "/twice.mt"
    >>> mt.export(lambda x: x * 2, (mt.tensor([1.0, 2.0]),), path)
    >>> mt.load_exported(path)(mt.tensor([3.0, 4.0]))
    tensor([6., 8.])
    """
    if not callable(f) or not isinstance(args, tuple):
        raise ArgumentError(
            f"export: expected a function and a tuple of its arguments, got {type(f).__name__} and {type(args).__name__}; "
            "for one argument: export(f, (x,), path)"
        )
    header, arrays, graph = _recorded(_plain(f), args, kwargs or {})
    kernels = [portable(address) for address in _addresses(graph)]
    header |= {"version": VERSION, "target": target(), "graph": encode_graph(graph, arrays)}
    archive.write(os.fspath(path), header, arrays, kernels, text(graph))


def _plain(f: Any) -> Any:
    """Return what a compiled function was made of."""
    if not isinstance(f, Compiled):
        return f
    if f.static or f.names:
        raise JitError(f"export: {f.__name__} has static arguments; export lambda x: f(x, the_static_value) instead")
    return f.function


def _recorded(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dict[str, Any], list[Array], Graph]:
    """Record a function; return what the header says of it, the arrays that it stores, and its optimized graph."""
    if context.get().stage is not None:
        raise JitError("export: it is called inside a function that is being compiled; call it outside")
    leaves, structure = flatten((args, kwargs))
    examples = [_example(x) for x in leaves]  # new handles: an argument is no captured tensor, and no other argument
    args, kwargs = tree.unflatten(structure, examples)
    around = look_around(f)
    program = jit(_apart(f)).recorded(*args, **kwargs)
    called = Called(f, frozenset(), structure, around)
    _check_pure(program, around, called)
    state = _State(called)
    inputs = [_input(source, state) for source in program.sources]
    results = [_result(r, state) for r in program.results]
    count = sum(type(r) is Fresh for r in program.results)  # what follows is kept for the derivative
    graph = optimize(Graph(program.graph.inputs, program.graph.equations, program.graph.outputs[:count]))
    header = {
        "name": getattr(f, "__name__", type(f).__name__),
        "arguments": encode_tree(structure, "an argument"),
        "names": called.arguments,
        "leaves": [_leaf(x, name) for x, name in zip(examples, called.arguments, strict=True)],
        "inputs": inputs,
        "state": list(state.names),
        "results": results,
        "structure": encode_tree(program.structure, "the result"),
    }
    return header, list(state.names.values()), graph


def _apart(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose results are no views: nothing is shared with what a file holds."""

    def run(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        leaves, structure = flatten(out)
        views = [type(x) is Tensor and x._view is not None for x in leaves]
        if not any(views):
            return out
        return tree.unflatten(structure, [x.clone() if is_view else x for x, is_view in zip(leaves, views)])

    return run


def _example(x: Any) -> Any:
    if isinstance(x, Tensor):
        made = tensor_of(x.current())
        return made.requires_grad_() if x.requires_grad else made
    return as_array(x) if isinstance(x, (np.ndarray, np.generic)) else x


def _leaf(x: Any, name: str) -> Any:
    if isinstance(x, (Tensor, Array, Tracer)):
        return encode_aval(Aval(x.shape, x.dtype))
    if type(x) in _NUMBERS.values():
        return {"number": type(x).__name__}
    if type(x) in _STATIC:
        return {"static": x}
    raise JitError(
        f"export: the argument `{name}` is an object of the class {type(x).__qualname__}; pass arrays, numbers, strings and "
        "booleans, or close over the object"
    )


class _State:
    """The captured tensors by name; the order is that of the arrays in the file."""

    def __init__(self, called: Called):
        self.called = called
        self.names: dict[str, Array] = {}
        self.known: dict[int, str] = {}

    def name(self, key: Any, value: Value, label: str) -> str:
        """Return the name under which a captured value is stored."""
        if id(key) not in self.known:
            if not isinstance(value, Array):
                raise _refused("it closes over a value of a transform around it; export the function that is outside")
            label = label.removesuffix(" and its views").removeprefix("self.")
            label = "captured" if label in ("a tensor", "self") else label
            free = (name for i in range(len(self.names) + 1) if (name := f"{label}.{i}") not in self.names)
            name = next(free) if label == "captured" or label in self.names else label
            self.names[name] = value
            self.known[id(key)] = name
        return self.known[id(key)]


def _input(source: Any, state: _State) -> Any:
    """Say where an input of the graph comes from: a leaf by its number, or a captured tensor by its name."""
    if isinstance(source, Argument):
        return source.index
    return state.name(_key(source), source.read([]), state.called.source(source))


def _key(source: Any) -> Any:
    return source.tensor if isinstance(source, Handle) else source.storage


def _result(result: Any, state: _State) -> Any:
    if isinstance(result, Fresh):
        if result.kind not in (None, Tensor):
            raise _refused(f"a result is a {result.kind.__name__}; return a plain tensor: x.detach().clone()")
        if result.own is not None:
            raise _refused(
                "a result requires grad on its own, or has attributes; return a plain tensor: x.detach().clone()"
            )
        return {"output": result.index, "tensor": result.kind is Tensor}
    if isinstance(result, Same):
        if result.argument is not None:
            return {"argument": result.argument}
        x: Any = result.tensor
        return {"state": state.name(x, x.current(), state.called.tensor(x))}
    if isinstance(result, Again):
        raise _refused(
            f"a tensor is returned twice, as result {result.position} and again; return x.clone() for the second"
        )
    return {"fixed": encode(result.value, "a result")}


# --------------------------------------------------------------------------- what cannot be stored


def _check_pure(program: Program, around: Surroundings, called: Called) -> None:
    """Raise for a function that does more than compute its result from its arguments."""
    for goal, _ in program.writes:
        raise _refused(_write(goal, called))
    for source in program.sources:
        if isinstance(source, Field):
            raise _refused(_RANDOM)
        if isinstance(source, (Number, Slot, ArgumentGrad)):
            raise _refused(f"it reads {called.source(source)}, which changes from call to call; pass it as an argument")
        if not isinstance(source, (Argument, Handle, Shared)):
            raise _refused("it closes over a value of a transform around it; export the function that is outside")
    for change in around.differences():
        raise _refused(f"it changes Python state while it runs ({change}); return the value instead")


_RANDOM = (
    "it draws random numbers, and a file keeps no generator; call model.eval() first, or pass the random numbers as an "
    "argument"
)


def _write(goal: Any, called: Called) -> str:
    if isinstance(goal, Field):
        return _RANDOM
    if isinstance(goal, (Refill, Slot, ArgumentGrad)):
        return f"it writes {called.source(goal)}, and a file keeps no gradients or optimizers; export the forward pass"
    return f"it writes to {called.source(goal)} in place; call model.eval() first, or return the new value instead"


def _refused(why: str) -> JitError:
    return JitError(f"export: the function cannot be stored: {why}")


def _addresses(graph: Graph) -> dict[int, None]:
    """Return the addresses of all kernels that a graph needs."""
    runtime = (compile_kernel(*each).address for each in RUNTIME)
    return dict.fromkeys((*runtime, *build(graph).program.addresses()))


# --------------------------------------------------------------------------- reading


def load_exported(path: str | os.PathLike[str]) -> Exported:
    """Return the function in a file that `export` has written: nothing is recorded, compiled, or unpickled.

    The file is code: what it holds runs with all your rights, so load only files from people you trust as much as their
    programs. A warning says when other users could have written it; the digests inside find damage, not intent.

    Raises JitError for a file that is damaged, or from another version of the library. On a CPU that lacks what the
    kernels were compiled for, they are compiled again from their source.

    >>> import minitorch as mt, tempfile
    >>> path = tempfile.mkdtemp() + "/model.mt"
    >>> mt.export(mt.nn.Linear(3, 2), (mt.zeros(1, 3),), path)
    >>> mt.load_exported(path)
    <exported Linear(input: float32[1, 3])>
    """
    path = os.fspath(path)
    header, arrays, kernels = archive.read(path, VERSION)
    try:
        graph = decode_graph(header["graph"], arrays)
        return Exported(header, arrays, _lowered(graph, kernels, misfit(header["target"]) is None))
    except MALFORMED as error:
        raise JitError(f"load_exported: {path} is damaged ({type(error).__name__}: {error}); export again") from error


def _lowered(graph: Graph, kernels: list[Portable], fits: bool) -> Any:
    """Return the plan of a graph; its kernels are compiled from their source where their object code is of no use."""
    if fits:
        with suppress(ValueError):  # code that cannot be loaded here
            for kernel in kernels:
                adopt(kernel)
    prepare()
    return build(graph)


class Exported:
    """A function out of a file. `state` holds the tensors that it closed over, by name, as read-only arrays.

    Arrays, tensors and NumPy arrays may be given for one another; the results are what they were for the function that was
    exported. It takes part in `grad`, `vmap`, `backward()` and `jit` like any other function, then without its kernels.
    """

    def __init__(self, header: dict[str, Any], arrays: list[Array], plan: Any):
        self.__name__ = str(header["name"])
        self.state: Mapping[str, Array] = MappingProxyType(dict(zip(header["state"], arrays)))
        self._plan = plan
        arguments = decode_tree(header["arguments"])
        self._structure, self._orders = tree.structure(arguments), list(_orders(arguments))
        self._leaves = [_Leaf(name, leaf) for name, leaf in zip(header["names"], header["leaves"], strict=True)]
        sources = [i for i, _ in zip(header["inputs"], plan.program.graph.inputs, strict=True)]
        self._inputs = [(i, None) if type(i) is int else (0, self.state[i]) for i in sources]
        self._results = header["results"]
        self._result = tree.structure(decode_tree(header["structure"]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        if structure != self._structure or list(_orders((args, kwargs))) != self._orders:
            raise ArgumentError(
                f"{self.__name__}: it was exported for arguments {tree.shown(self._structure)} (args, kwargs), and got "
                f"{tree.shown(structure)}, or dicts in another order; pass the same containers, or export again"
            )
        values = [leaf.value(x, self.__name__) for leaf, x in zip(self._leaves, leaves)]
        outs = self._plan.run([values[i] if held is None else held for i, held in self._inputs])
        return tree.unflatten(self._result, [self._made(r, outs, leaves) for r in self._results])

    def _made(self, result: Any, outs: list[Value], leaves: list[Any]) -> Any:
        """Return one leaf of the result."""
        if "output" in result:
            value = outs[result["output"]]
            return tensor_of(value) if result["tensor"] else value
        if "argument" in result:
            x = leaves[result["argument"]]
            return x if isinstance(x, Tensor) else tensor_of(as_array(x))
        return tensor_of(self.state[result["state"]]) if "state" in result else decode(result["fixed"], ())

    def explain(self) -> str:
        """Return the plan in words, with its kernels."""
        return str(self._plan.explain())

    def __repr__(self) -> str:
        return f"<exported {self.__name__}({', '.join(map(str, self._leaves))})>"


def _orders(value: Any) -> Iterator[tuple[Any, ...]]:
    """Iterate over the keys of each dict among the arguments; that of keyword arguments has no order."""
    args, kwargs = value
    parts = [*args, *(kwargs[name] for name in sorted(kwargs))]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield tuple(part)
            parts += part.values()
        elif isinstance(part, (list, tuple)):
            parts += part


class _Leaf:
    """What one leaf of the arguments must be."""

    def __init__(self, name: str, wanted: Any):
        self.name = name
        self.number = _NUMBERS[wanted["number"]] if "number" in wanted else None
        self.static = wanted.get("static")
        self.aval = decode_aval(wanted) if "dtype" in wanted else None

    def __str__(self) -> str:
        if self.aval is not None:
            return f"{self.name}: {self.aval}"
        return f"{self.name}: {self.number.__name__}" if self.number else f"{self.name}={self.static!r}"

    def value(self, x: Any, function: str) -> Value:
        """Return what the graph computes with."""
        aval = self.aval
        if aval is None:
            if type(x) is self.number or (self.number is None and type(x) is type(self.static) and x == self.static):
                return x
            kind = DTypeError if self.number else ArgumentError
            raise kind(f"{function}: exported for {self}, got {x!r}; pass that, or export again")
        if isinstance(x, (np.ndarray, np.generic)):
            x = as_array(x)
        elif not isinstance(x, (Array, Tracer)):
            raise DTypeError(f"{function}: exported for {self}, got {type(x).__name__}; pass an array")
        if x.shape != aval.shape:
            raise ShapeError(f"{function}: exported for {self}, got {x.aval}; export it again for this shape")
        if x.dtype != aval.dtype:
            raise DTypeError(f"{function}: exported for {self}, got {x.aval}; convert it first")
        return _untracked(x) if isinstance(x, Tensor) else x


def _untracked(x: Tensor) -> Value:
    """Return a tensor's array; the tensor itself where an operation on it would be recorded."""
    here, value = context.get(), x.current()
    is_recorded = here.stage is not None or (x.node is not None and here.muted < x._trace.level)
    return x if is_recorded or type(value) is not Array else value


__all__ = ["Exported", "export", "load_exported"]
