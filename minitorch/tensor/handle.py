"""Tensor: a mutable handle on an immutable value, recorded by an ambient tape.

A Tensor is the tracer of the tape that surrounds it, so every core operation, transform and module works on it. The tape
makes Tensors, a Tensor's cell holds one: the three stand together. Functions and most methods are attached by the files
above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.array import Array
from ..core.conversion import converted
from ..core.errors import DTypeError, GradError, ShapeError
from ..core.ops.families import as_array
from ..core.ops.pointwise import add, detach
from ..core.ops.shaping import full
from ..core.primitive import Primitive, bind
from ..core.tape import OUTERMOST, Node, Tape, TapeTracer, context, leaf
from ..core.tracer import Params, Tracer, Value
from .alias import CUT
from .hooks import AfterGrad, RemovableHandle
from .peeking import floats_of
from .promotion import weaken
from .sharing import Shared

_new = object.__new__
_context = context.get


class AmbientTape(Tape):
    """The tape of the Tensors made inside one frame. Its tracers are Tensors."""

    __slots__ = ()
    lets_go = True
    at_once: Callable[[Primitive], Any]  # the shortcut of a pointwise primitive; attached in `fast.py`

    def wrap(self, value: Value, node: Node | None) -> Tensor:
        """Make a Tensor."""
        made: Tensor = _new(Tensor)
        made._trace, made.value = self, value
        made.node, made._view = node, None
        return made

    def process(self, primitive: Primitive, args: tuple[Value, ...], params: Params) -> Any:
        """Let 0-d tensors give way in promotion, then evaluate and record."""
        stage = _context().stage
        if stage is not None:
            known = stage.adopted(args)
            if known is not args:
                return bind(primitive, *known, **params)
        if self.closed:
            return bind(primitive, *map(_rehomed, args), **params)
        if primitive.operand_dtypes is not None:
            if isinstance(args[0], Tensor) and (out := self.at_once(primitive)(*args)) is not NotImplemented:
                return out
            args = weaken(args)
        return Tape.process(self, primitive, args, params)

    def foreign(self, a: Tracer) -> Node | None:
        """Give a tracked Tensor of a lower frame a leaf here that refuses cotangents."""
        if not isinstance(a, Tensor) or not a.requires_grad:
            return None
        node = leaf(a)
        node.cell = _OUTSIDE
        return node


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
        self.post_hooks: dict[int, AfterGrad] = {}

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
            if self.post_hooks:
                for hook in list(self.post_hooks.values()):
                    hook.run()
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
                fresh = as_tensor(replaced)
                if (fresh.shape, fresh.dtype) != (g.shape, g.dtype):
                    raise GradError(
                        f"register_hook: hook {getattr(hook, '__name__', hook)!r} has changed the size or dtype of the "
                        f"gradient from {g.aval} to {fresh.aval}; return one like it"
                    )
                g = fresh if isinstance(g, TapeTracer) else fresh.current()
        return g


class Tensor(Shared):
    """A multi-dimensional array with PyTorch's interface.

    `Tensor(data)` makes floats, as in PyTorch; `minitorch.tensor(data)` keeps the kind of number.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> y = x ** 2 + 3.0 * x
    >>> y.backward()
    >>> x.grad
    tensor(7.)
    """

    __slots__ = ()
    _cell: GradCell | None = None
    backward: Callable[..., None]  # attached in `backward.py`
    transform = "an outer transform"

    def __init__(self, *data: Any, requires_grad: bool = False, dtype: Any = None):
        if data and all(type(n) is int for n in data):
            array = full(data, 0, dtypes.canonical(float if dtype is None else dtype))
        elif len(data) > 1:
            raise TypeError(f"Tensor: takes one array-like or integer sizes, got {len(data)} arguments")
        else:
            array = floats_of(data[0] if data else [], dtype)
        self._trace = ambient()
        self.value = array
        self.node = None
        self._view = None
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------ autograd

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded.

        >>> x = mt.tensor([1.0], requires_grad=True)
        >>> (x * 2).requires_grad, x.detach().requires_grad
        (True, False)
        """
        if self._view is not None:
            self.current()
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) recording operations on this tensor, in place.

        >>> mt.tensor([1.0]).requires_grad_()
        tensor([1.], requires_grad=True)
        """
        self._enter()
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
        """Whether this tensor was made by the user, not by a recorded operation.

        >>> x = mt.tensor([1.0], requires_grad=True)
        >>> x.is_leaf, (x * 2).is_leaf
        (True, False)
        """
        if self._view is not None:
            self.current()
        return self.node is None or self.node.plan is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that recorded this tensor, None for leaves.

        >>> x = mt.tensor([1.0], requires_grad=True)
        >>> x.grad_fn is None, (x * 2).grad_fn.name
        (True, 'mul')
        """
        return None if self.is_leaf else self.node

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by `backward`, None before the first.

        >>> x = mt.tensor(2.0, requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        tensor(4.)
        """
        self._enter()
        return None if self._cell is None else self._cell.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        self._enter()
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: assigned grad must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: assigned grad has shape {value.shape}, the tensor {self.shape}; they must agree"
                )
            if value.dtype != self.dtype:
                raise DTypeError(f"grad: assigned grad is {value.aval}, the tensor {self.aval}; cast it to that dtype")
        if self._cell is None:
            if value is None:
                return
            self.__dict__["_cell"] = GradCell(True, type(self))
            if self.node is not None:
                self.node.cell = self._cell
            stage: Any = _context().stage
            if stage is not None:
                stage.watch_new_cell(self)
        self._cell.grad = value

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf.

        >>> x = mt.tensor(2.0, requires_grad=True)
        >>> y = x * x
        >>> y.retain_grad()
        >>> (3 * y).backward()
        >>> y.grad
        tensor(3.)
        """
        self._enter()
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
        """Call `hook(grad)` when this tensor's gradient is computed; what it returns, if not None, replaces it.

        >>> x = mt.tensor(2.0, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * x).backward()
        >>> x.grad
        tensor(40.)
        """
        self._enter()
        if self.node is None:
            raise GradError("register_hook: cannot register a hook on a tensor that doesn't require gradient")
        return RemovableHandle(self._own_cell().hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(tensor)` each time a gradient has been added to the `.grad` of this leaf, as to update it at once.

        >>> x = Tensor([2.0], requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda x: print(x.grad))
        >>> (x * x).sum().backward()
        tensor([4.])
        """
        self._enter()
        if self.node is None:
            raise GradError(
                "register_post_accumulate_grad_hook: cannot register a hook on a tensor that doesn't require gradient"
            )
        if not self.is_leaf:
            raise GradError(
                "register_post_accumulate_grad_hook: post accumulate grad hooks cannot be registered on non-leaf tensors; "
                "use register_hook"
            )
        return RemovableHandle(self._own_cell().post_hooks, AfterGrad(hook, self))

    def detach(self) -> Tensor:
        """Return a view of the same data that is not recorded.

        >>> x = mt.tensor([2.0], requires_grad=True)
        >>> y = (x * x).detach()
        >>> y, y.requires_grad
        (tensor([4.]), False)
        """
        return self._view_of(CUT)

    def detach_(self) -> Tensor:
        """Cut this tensor from its graph, in place.

        >>> y = mt.tensor([2.0], requires_grad=True) * 3
        >>> y.detach_()
        tensor([6.])
        """
        self._enter()
        self.current()
        if isinstance(self.value, Tracer) and self._trace is _context().frame.ambient:
            self.overwrite(detach(self.value))
        self._set_node(None)
        return self

    @property
    def data(self) -> Tensor:
        """A view of the same data that is not recorded; assigning to it replaces the data.

        >>> x = mt.tensor([1.0, 2.0], requires_grad=True)
        >>> x.data += 10
        >>> x
        tensor([11., 12.], requires_grad=True)
        """
        return self._view_of(CUT)

    @data.setter
    def data(self, other: Any) -> None:
        self._enter()
        new = as_tensor(other)
        node = self.node
        if self._view is None or new.shape == self.shape:
            self.overwrite(new.current())
        else:
            self._view, self.value = None, new.current()
        if node is not None and node.plan is None and (node.shape, node.dtype) != (new.shape, new.dtype):
            self._become_leaf()

    def _become_leaf(self) -> None:
        """Take part in graphs as the value is now, which has another shape or dtype than before."""
        self._set_node(leaf(self.value))
        self.node.cell = self._cell  # type: ignore[union-attr]

    # ------------------------------------------------------------------ conversion

    def concrete(self, wanted: str) -> Array:
        """Return the Array behind this tensor.

        >>> mt.tensor([1.0]).concrete("a reader")
        Array([1.], dtype=float32)
        """
        self._enter()
        value = self.current()
        if self.node is None and type(value) is Array:  # whatever transform it was made in, nothing traces it
            return value
        return Tracer.concrete(self, wanted)

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """Return the data as a read-only NumPy view. A tensor that requires grad must be detached first, or `force`d.

        >>> mt.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        if self.node is not None and not force:
            raise GradError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        return self.concrete(".numpy()").numpy() if force else converted(self, ".numpy()").numpy()

    __hash__ = object.__hash__


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
