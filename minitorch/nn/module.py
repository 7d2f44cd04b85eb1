"""Module: a tree of parameters, buffers and submodules with a `forward`.

Built of three parts: `registry.py` knows what a module holds, `hooks.py` calls it, `state.py` saves and loads it. This
file adds what changes all of it at once, and how it prints. Every subclass is a pytree node; see `structure.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core import dtypes, tree
from ..core.errors import DTypeError, UnsupportedError
from ..core.ops.shaping import zeros_like
from ..tensor.handle import Tensor, tensor_of
from ..tensor.modes import no_grad
from ..tensor.types import checked_device
from .hooks import Hooked
from .registry import BUFFERS, PARAMETER
from .state import Stateful
from .structure import flatten_module, unflatten_module
from .uninitialized import Uninitialized

Self = TypeVar("Self", bound="Module")


class Module(Hooked, Stateful):
    """Base class of layers and models.

    >>> from minitorch.nn.parameter import Parameter
    >>> class Net(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = Parameter(Tensor([2.0]))
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> Net()(Tensor([3.0])).tolist()
    [6.0]
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tree.register(cls, flatten_module, unflatten_module)

    # ------------------------------------------------------------------ changing all of it

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call a function on every submodule, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switch this module and all below it to training mode, or to evaluation."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switch to evaluation: dropout does nothing, batch normalization uses its running statistics."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Start or stop recording operations on the parameters."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients, or set them to 0."""
        for p in self.parameters():
            if p.grad is not None:
                p.grad = None if set_to_none else tensor_of(zeros_like(p.grad.current()))

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the data of every parameter, gradient and buffer by `fn` of it; the handles stay the same."""
        with no_grad():
            for module in self.modules() if recurse else (self,):
                for _, x in module._members(PARAMETER, *BUFFERS):
                    if isinstance(x, Uninitialized):
                        x.retarget(fn)
                        continue
                    grad = x.grad
                    x.data = fn(tensor_of(x.current()))
                    if grad is not None:
                        x.grad = fn(grad)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move parameters and buffers to a device, and floating-point ones to a dtype: `to("cuda")`, `to(float64)`."""
        device, dtype = _target(*args, **kwargs)

        def convert(x: Tensor) -> Tensor:
            wanted = dtype if x.dtype in dtypes.INEXACT else None
            return x if device is wanted is None else x.to(device=device, dtype=wanted)

        return self._apply(convert)

    def float(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def half(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Self) -> Self:
        """Cast floating-point parameters and buffers to bfloat16."""
        return self.to(dtypes.bfloat16)

    def cpu(self: Self) -> Self:
        """Move parameters and buffers to host memory."""
        return self.to(device="cpu")

    def cuda(self: Self, device: int | str | None = None) -> Self:
        """Move parameters and buffers to a GPU."""
        return self.to(device="cuda" if device is None else device)

    def type(self: Self, dst_type: Any) -> Self:
        """Cast parameters and buffers to a dtype."""
        return self._apply(lambda x: x.to(dtype=dst_type))

    def to_empty(self: Self, *, device: Any = None, recurse: bool = True) -> Self:
        """Move to a device without the values: parameters and buffers are to be written next; here they are zeros."""
        where = None if device is None else checked_device(device)
        return self._apply(lambda x: tensor_of(zeros_like(x.current())).to(device=where), recurse)

    def share_memory(self: Self) -> Self:
        """Refuse: values are immutable, so what one process writes cannot show in another."""
        raise UnsupportedError(
            f"{type(self).__name__}.share_memory: parameters cannot be shared between processes, since a write makes a new "
            "value; send state_dict() instead"
        )

    # ------------------------------------------------------------------ printing

    def extra_repr(self) -> str:
        """Return what the printed form says beside the class name."""
        return ""

    def _get_name(self) -> str:
        return self.__class__.__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if len(lines) <= 1 and not children:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def _repr_html_(self) -> str:
        return details("", self)


def details(name: str, module: Module) -> str:
    """Return a module as HTML: a line that unfolds to its parameters and children."""
    from html import escape  # here, so that importing the package stays cheap

    title = escape(f"{module._get_name()}({module.extra_repr()})")
    title = f"<b>{escape(name)}</b> {title}" if name else title
    own = [
        f"<div><code>{escape(key)}: {escape(str(tuple(p.shape)))} {escape(dtypes.name(p.dtype))}</code></div>"
        for key, p in module.named_parameters(recurse=False)
    ]
    inside = "".join([*own, *(details(key, child) for key, child in module._modules.items() if child is not None)])
    if not inside:
        return f"<div>{title}</div>"
    state = "" if name else " open"
    return f'<details{state}><summary>{title}</summary><div style="margin-left:1.5em">{inside}</div></details>'


def indented(text: str) -> str:
    """Indent all lines but the first."""
    return text.replace("\n", "\n  ")


def _target(*args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> tuple[Any, Any]:
    """Return the device and dtype meant by the arguments of `to`."""
    for arg in args:
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, bool):
            continue  # non_blocking
        elif isinstance(arg, (str, int)) and not _is_dtype_name(arg):
            device = arg
        elif arg is not None:
            dtype = arg
    if dtype is not None:
        dtype = dtypes.canonical(dtype)
        if dtype not in dtypes.INEXACT:
            got = dtypes.name(dtype)
            raise DTypeError(f"to: only accepts floating point or complex dtypes, but got desired dtype={got}")
    return None if device is None else checked_device(device), dtype


def _is_dtype_name(arg: Any) -> bool:
    return isinstance(arg, str) and any(arg == dtypes.name(d) for d in dtypes.ALL)


tree.register(Module, flatten_module, unflatten_module)
