"""Tensor: a mutable handle on an immutable value, recorded by an ambient tape.

A Tensor is the tracer of the tape that surrounds it, so every core operation, transform and module works on it. In-place
operations give the handle another value; what a tape has saved never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes, tree
from ..core.array import Array
from ..core.errors import DTypeError, GradError, ShapeError
from ..core.ops.families import as_array
from ..core.ops.pointwise import add
from ..core.ops.shaping import cast, full, reshape_p
from ..core.primitive import Params, Primitive, Tracer, Value, aval_of, bind
from ..core.tape import OUTERMOST, Node, Tape, TapeTracer, context, leaf, muting
from ..core.vjp import backward, descend
from .alias import CUT, Root, Step, Storage, View

_new = object.__new__
_context = context.get


class AmbientTape(Tape):
    """The tape of the Tensors made inside one frame. Its tracers are Tensors."""

    __slots__ = ()

    def wrap(self, value: Value, node: Node | None) -> Tensor:
        """Make a Tensor."""
        made: Tensor = _new(Tensor)
        made._trace = self
        made.value = value
        made.node = node
        made._view = None
        return made

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Let 0-d tensors give way in promotion, then evaluate and record."""
        if self.closed:
            return bind(primitive, *map(_rehomed, args), **params)
        if primitive.operand_dtypes is not None and len(args) > 1:
            args = _weaken(args)
        return Tape.process(self, primitive, args, params)

    def foreign(self, a: Tracer) -> Node | None:
        """Give a tracked Tensor of a lower frame a leaf here that refuses cotangents."""
        if not isinstance(a, Tensor) or not a.requires_grad:
            return None
        node = leaf(a)
        node.cell = _OUTSIDE
        return node


def _weaken(args: tuple[Value, ...]) -> tuple[Value, ...]:
    """Cast 0-d operands to the dtype of the dimensioned ones when those are of the same or a higher category."""
    arrays = [a for a in args if type(a) not in dtypes.SCALARS]
    if len({a.dtype for a in arrays}) < 2:
        return args
    strong = {a.dtype for a in arrays if a.shape}
    if not strong or len(strong) == len({a.dtype for a in arrays}):
        return args
    target = dtypes.promote(*strong)
    limit = dtypes.rank(target)

    def weakened(a: Value) -> Value:
        if type(a) in dtypes.SCALARS or a.shape:
            return a
        own = dtypes.rank(a.dtype)
        if 0 < own <= limit:
            return cast(a, target)
        return cast(a, dtypes.complex_of(target)) if (own, limit) == (3, 2) else a

    return tuple(map(weakened, args))


def _rehomed(a: Value) -> Value:
    """Move a Tensor whose frame has ended (it was stored outside a transform) to the current frame."""
    if isinstance(a, Tensor) and a._trace.closed:
        a._trace = ambient()
    return a


class _Outside:
    """The cell of a Tensor that belongs to a frame below: a backward pass must not reach it."""

    def receive(self, g: Value) -> Value:
        raise GradError(
            "backward: it would accumulate into a tensor from outside the vmap or grad that surrounds the call; pass the "
            "tensor to the transformed function as an argument, or detach() it first"
        )

    def filtered(self, g: Value) -> Value:
        """Let pass: nobody takes this one."""
        return g


_OUTSIDE = _Outside()

OUTERMOST.frame.ambient = AmbientTape(OUTERMOST.frame.level)


def ambient() -> AmbientTape:
    """Return the tape of the current frame."""
    frame = context.get().frame
    tape = frame.ambient
    if tape is None:
        tape = frame.ambient = AmbientTape(frame.level)
    return tape  # type: ignore[no-any-return]


class GradCell:
    """What waits at a leaf (or at a tensor with hooks) for its gradient. `kind` is the class of that tensor."""

    __slots__ = ("accumulates", "grad", "hooks", "kind", "post_hooks")

    def __init__(self, accumulates: bool, kind: type):
        self.accumulates = accumulates
        self.kind = kind
        self.grad: Tensor | None = None
        self.hooks: dict[int, Callable[[Tensor], Any]] = {}
        self.post_hooks: dict[int, Callable[..., Any]] = {}

    def receive(self, g: Value) -> Value:
        """Run the hooks, accumulate, and return the cotangent to pass on."""
        if self.hooks:
            g = self.filtered(g)
        if self.accumulates:
            if self.grad is None and type(g) is Array:
                tape = _context().frame.ambient
                self.grad = made = _new(Tensor)
                made._trace = ambient() if tape is None else tape
                made.value = g
                made.node = made._view = None
            else:
                self.accumulate(g)
        return g

    def accumulate(self, g: Value) -> None:
        """Add to the gradient."""
        have = self.grad
        if have is None:
            self.grad = ambient().wrap(g, None) if type(g) is Array else tensor_of(g)
        elif isinstance(g, TapeTracer):
            self.grad = add(have, g)
        else:
            have._rebind(add(have.current(), g), None)

    def filtered(self, g: Value) -> Value:
        """Run the hooks; what they return replaces the cotangent."""
        for hook in list(self.hooks.values()):
            replaced = hook(tensor_of(g))
            if replaced is not None:
                g = replaced if isinstance(g, TapeTracer) else as_tensor(replaced).current()
        return g


class Tensor(TapeTracer):
    """A multi-dimensional array with PyTorch's interface.

    `Tensor(data)` makes floats, as in PyTorch; `minitorch.tensor(data)` keeps the kind of number.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> y = x ** 2 + 3.0 * x
    >>> y.backward()
    >>> x.grad
    tensor(7.)
    """

    __slots__ = ("__dict__", "_view")
    _cell: GradCell | None = None
    _view: View | None
    transform = "an outer transform"

    def __init__(self, *data: Any, requires_grad: bool = False, dtype: Any = None):
        if data and all(type(n) is int for n in data):
            array = full(data, 0, dtypes.canonical(float if dtype is None else dtype))
        elif len(data) > 1:
            raise TypeError(f"Tensor: takes one array-like or integer sizes, got {len(data)} arguments")
        else:
            array = _float_array(data[0] if data else [], dtype)
        self._trace = ambient()
        self.value = array
        self.node = None
        self._view = None
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------ value

    def current(self) -> Value:
        """Return the value, taken anew if the storage was written."""
        view = self._view
        if view is not None and view.version != view.storage.version:
            self._refresh()
        return self.value

    def _refresh(self) -> None:
        """Take this handle's value (and node, after a recorded write) anew from its storage."""
        view = self._view
        assert view is not None
        storage, root = view.storage, view.root
        if root.version == view.seen:
            self.value = view.take(storage.value)
        else:
            with muting(False):
                part = view.take_from_root(self._trace.wrap(view.take_root(storage.value), root.node))
            self.value, self.node, view.seen = part.value, part.node, root.version
        view.version = storage.version

    def _share(self) -> View:
        """Return how this handle is taken from its storage, making one on first need."""
        if self._view is None:
            self._view = View(Storage(self.value), (), Root(self.node), 0)
        return self._view

    def _set_node(self, node: Node | None) -> None:
        """Give this handle another node, which views taken of it from now on build on."""
        self.node = node
        view = self._view
        if view is not None and view.is_root:
            view.root.node = node

    def _view_of(self, step: Step) -> Tensor:
        """Return the view that `step` takes of this tensor."""
        self.current()
        part = step.apply(self) if step.tracked else self._trace.wrap(self.value, None)
        return self._alias(part, step)

    def _alias(self, part: Tensor, step: Step) -> Tensor:
        """Note that `part` was taken from this tensor by `step`."""
        mine = self._share()
        if part is self:  # the step changes nothing; the view is a result all the same, with a node of its own
            part = reshape_p(self, shape=self.value.shape)
        part._view = mine.then(step)
        return part

    def _rebind(self, value: Value, node: Node | None) -> None:
        """Give this handle, and whatever shares its storage, another value."""
        if self._trace is not ambient():
            raise GradError(
                "in-place write: the tensor comes from outside the transform that surrounds the write; pass it to the "
                "function as an argument and return the new value"
            )
        view = self._view
        if view is None:
            self.value = value
            if node is not None:
                self.node = node
            self.__dict__["_version"] = self._version + 1
            return
        self._write_through(view, value, node)

    def overwrite(self, value: Value) -> None:
        """Give this handle, and whatever shares its storage, another value; as `_rebind` does under `no_grad`."""
        view = self._view
        if self._trace is not _context().frame.ambient:
            self._rebind(value, None)  # which tells what is wrong
            return
        if view is None:
            self.value = value
            mine = self.__dict__
            mine["_version"] = mine.get("_version", 0) + 1
            return
        storage = view.storage
        storage.value = view.put(storage.value, value) if view.steps else value
        storage.version += 1
        self.value = value
        view.version = storage.version

    def _write_through(self, view: View, value: Value, node: Node | None) -> None:
        storage, root = view.storage, view.root
        if (node is None and root.node is None) or _is_muted(self._trace):
            storage.value = view.put(storage.value, value)
        else:
            wrap = self._trace.wrap
            before = wrap(view.take_root(storage.value), root.node)
            after = view.put_into_root(before, wrap(value, node))
            storage.value = view.put_root(storage.value, after.value)
            self.node = node if node is not None else view.take_from_root(after).node
            root.node = after.node
            root.version += 1
            view.seen = root.version
        storage.version += 1
        self.value = value
        view.version = storage.version

    @property
    def _version(self) -> int:
        return self._view.storage.version if self._view is not None else self.__dict__.get("_version", 0)

    # ------------------------------------------------------------------ autograd

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        if self._view is not None:
            self.current()
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) recording operations on this tensor, in place."""
        if not requires_grad:
            if not self.is_leaf:
                raise GradError("requires_grad: only leaf tensors can stop requiring grad; use detach()")
            self._set_node(None)
        elif self.node is None:
            if self.dtype not in dtypes.INEXACT:
                raise DTypeError(
                    f"requires_grad: only Tensors of floating point and complex dtype can require gradients, got "
                    f"{dtypes.name(self.dtype)}; cast with .float() first"
                )
            self.current()
            self._set_node(leaf(self.value))
            if self._cell is None:
                self.__dict__["_cell"] = GradCell(True, type(self))
            self.node.cell = self._cell
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by the user, not by a recorded operation."""
        if self._view is not None:
            self.current()
        return self.node is None or self.node.plan is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that recorded this tensor, None for leaves."""
        return None if self.is_leaf else self.node

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by `backward`, None before the first."""
        return None if self._cell is None else self._cell.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: assigned grad must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: assigned grad has shape {value.shape}, the tensor {self.shape}; they must agree"
                )
        if self._cell is None:
            if value is None:
                return
            self.__dict__["_cell"] = GradCell(True, type(self))
            if self.node is not None:
                self.node.cell = self._cell
        self._cell.grad = value

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf."""
        if self.node is None:
            raise GradError("retain_grad: the tensor does not require grad; call requires_grad_() first")
        self._own_cell().accumulates = True

    def _own_cell(self) -> GradCell:
        assert self.node is not None
        if self._cell is None:
            self.__dict__["_cell"] = GradCell(self.is_leaf, type(self))
        self.node.cell = self._cell
        return self._cell  # type: ignore[return-value]

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is computed; what it returns, if not None, replaces it."""
        if self.node is None:
            raise GradError("register_hook: cannot register a hook on a tensor that doesn't require gradient")
        return RemovableHandle(self._own_cell().hooks, hook)

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Compute the gradients of the leaves this tensor was computed from, and add them to their `.grad`.

        `gradient` is this tensor's cotangent, needed unless it has one element. `retain_graph` keeps what the graph has
        saved for another pass; `create_graph` records the pass itself, for higher derivatives.
        """
        if self._view is not None:
            self.current()
        node = self.node
        if gradient is None and inputs is None and not create_graph and node is not None and node.shape == ():
            descend({node: _unit(node.dtype)}, keep=bool(retain_graph))
            return
        run_backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """Return a view of the same data that is not recorded."""
        return self._view_of(CUT)

    def detach_(self) -> Tensor:
        """Cut this tensor from its graph, in place."""
        self.current()
        self._set_node(None)
        return self

    @property
    def data(self) -> Tensor:
        """A view of the same data that is not recorded; assigning to it replaces the data."""
        return self._view_of(CUT)

    @data.setter
    def data(self, other: Any) -> None:
        new = as_tensor(other)
        node = self.node
        if self._view is None or new.shape == self.shape:
            self._rebind(new.current(), None)
        else:
            self._view, self.value = None, new.current()
        if node is not None and node.plan is None and (node.shape, node.dtype) != (new.shape, new.dtype):
            self._set_node(leaf(self.value))
            self.node.cell = self._cell  # type: ignore[union-attr]

    # ------------------------------------------------------------------ conversion

    def concrete(self, wanted: str) -> Array:
        """Return the Array behind this tensor."""
        self.current()
        return Tracer.concrete(self, wanted)

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """Return the data as a read-only NumPy view. A tensor that requires grad must be detached first, or `force`d."""
        if self.node is not None and not force:
            raise GradError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        return self.concrete(".numpy()").numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.numpy(), dtype) if not copy else np.array(self.numpy(), dtype)

    __hash__ = object.__hash__


class RemovableHandle:
    """Removes a hook again."""

    _next = 0

    def __init__(self, table: dict[int, Any], hook: Any):
        self.id = max(table, default=-1) + 1
        self.table = table
        table[self.id] = hook

    def remove(self) -> None:
        """Take the hook out; a second time does nothing."""
        self.table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def _float_array(data: Any, dtype: Any) -> Value:
    if isinstance(data, Tensor):
        data = data.current()
    array = as_array(data)
    if dtype is not None:
        return cast(array, dtype)
    return array if array.dtype in dtypes.INEXACT and not _is_numbers(data) else cast(array, float)


def _is_numbers(data: Any) -> bool:
    return not hasattr(data, "dtype")


def tensor_of(value: Value) -> Tensor:
    """Return a Tensor of the current frame for a core value."""
    tape = ambient()
    if isinstance(value, Tensor):
        return value
    if isinstance(value, TapeTracer) and value._trace is tape:
        return tape.wrap(value.value, value.node)
    return tape.wrap(value, None)


def as_tensor(x: Any) -> Tensor:
    """Return a Tensor for anything array-like."""
    return x if isinstance(x, Tensor) else tensor_of(as_array(x))


def _is_muted(tape: Tape) -> bool:
    return context.get().muted >= tape.level


_ONES: dict[dtypes.DType, Array] = {}


def _unit(dtype: dtypes.DType) -> Array:
    one = _ONES.get(dtype)
    if one is None:
        one = _ONES[dtype] = full((), 1, dtype)
    return one


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
        return backward(seeds, wanted=wanted, keep=keep)  # type: ignore[arg-type]
    with muting(False):
        return backward(seeds, wanted=wanted, keep=keep, recorder=outputs[0]._trace)  # type: ignore[arg-type]


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


# ---------------------------------------------------------------------- pytree


class Meta:
    """What a Tensor keeps besides its value when it is taken apart: carried along, never compared."""

    __slots__ = ("kind", "requires_grad")

    def __init__(self, kind: type, requires_grad: bool):
        self.kind = kind
        self.requires_grad = requires_grad

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meta)

    def __hash__(self) -> int:
        return hash(Meta)


def flatten_tensor(x: Tensor) -> tuple[Any, ...]:
    """Return a tensor's value as its only child, still attached to the graph it is part of."""
    value = x.current()
    child = value if x.node is None else TapeTracer(x._trace, value, x.node)
    return (child,), Meta(type(x), x.requires_grad and x.is_leaf)


def unflatten_tensor(meta: Meta, children: Any) -> Any:
    """Make a tensor of a value. Leaves that required grad do so again, except under `no_grad`."""
    (value,) = children
    if not isinstance(value, (Array, Tracer)):
        return value if not isinstance(value, (int, float, complex, np.ndarray, np.generic)) else as_tensor(value)
    made = tensor_of(value)
    if type(made) is not meta.kind:
        made.__class__ = meta.kind
    if meta.requires_grad and made.node is None and not _is_muted(made._trace) and made.dtype in dtypes.INEXACT:
        made.requires_grad_()
    return made


tree.register(Tensor, flatten_tensor, unflatten_tensor)
