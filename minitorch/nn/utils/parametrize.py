"""Parameters and buffers that are functions of others: computed whenever they are read.

    register_parametrization(layer, "weight", Symmetric())

makes `layer.weight` the result of the module `Symmetric()` called with `layer.parametrizations.weight.original`, which
takes the place of the weight among the parameters. The class of the layer becomes one that has a property of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from ...core.errors import ArgumentError, GradError
from ...core.tape import context
from ...tensor.handle import Tensor, ambient
from ...tensor.modes import no_grad
from ..module import Module
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

_cache: ContextVar[dict[Any, Tensor] | None] = ContextVar("parametrizations that are computed once", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once only, however often it is read inside.

    >>> from minitorch.nn.modules.linear import Linear
    >>> from minitorch.nn.utils.parametrizations import weight_norm
    >>> layer = weight_norm(Linear(2, 3))
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    token = _cache.set({} if _cache.get() is None else _cache.get())
    try:
        yield
    finally:
        _cache.reset(token)


class ParametrizationList(ModuleList):
    """The modules that compute one tensor, the first of them from `original`, or from `original0`, `original1`, ...

    >>> class Exp(nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    >>> layer = nn.Linear(2, 3)
    >>> _ = register_parametrization(layer, "weight", Exp())
    >>> chain = layer.parametrizations.weight
    >>> len(chain), chain.original.shape, bool((chain() == chain.original.exp()).all())
    (1, (3, 2), True)
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            start = self._inverse(original, strict=False)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            if start.dtype != dtype:
                raise ArgumentError(
                    f"parametrization: `right_inverse` may not change the dtype, got {start.dtype} for {dtype}; cast its "
                    "result"
                )
            if start is not original:
                original.data = start
            _register(self, "original", original)
        else:
            for i, part in enumerate(start):
                kept = Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part
                _register(self, f"original{i}", kept)
        if not unsafe:
            _check_like(self(), shape, dtype, "a parametrization")

    def _inverse(self, value: Any, strict: bool) -> Any:
        for module in reversed(list(self)):
            inverse = getattr(module, "right_inverse", None)
            if inverse is None and strict:
                raise GradError(
                    f"parametrization: {type(module).__name__} has no right_inverse, so the tensor cannot be assigned to; "
                    "write to its original, or define right_inverse"
                )
            try:
                value = value if inverse is None else inverse(value)
            except NotImplementedError:
                if strict:
                    raise
        if not isinstance(value, (Tensor, list, tuple)):
            raise ArgumentError(
                "parametrization: 'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...), got "
                f"{type(value).__name__}"
            )
        return value

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the result is `value`."""
        found = self._inverse(value, strict=True)
        parts, mine = [found] if self.is_tensor else list(found), self._originals()
        if len(parts) != len(mine) or not all(isinstance(part, Tensor) for part in parts):
            raise ArgumentError(
                f"parametrization: 'right_inverse' must return a sequence of {len(mine)} tensors, got {found!r}"
            )
        for kept, part in zip(mine, parts):
            if kept.dtype != part.dtype:
                raise ArgumentError(
                    f"parametrization: the tensor returned by `right_inverse` has dtype {part.dtype} while `original` has "
                    f"dtype {kept.dtype}; cast it"
                )
            kept.data = part

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def forward(self) -> Tensor:
        """Compute the tensor."""
        first, *rest = self
        out = first(*self._originals())
        for module in rest:
            out = module(out)
        return out  # type: ignore[no-any-return]


def _register(module: Module, name: str, x: Tensor) -> None:
    if isinstance(x, Parameter):
        module.register_parameter(name, x)
    else:
        module.register_buffer(name, x)


def _check_like(x: Any, shape: Any, dtype: Any, what: str) -> None:
    if not isinstance(x, Tensor):
        raise ArgumentError(f"register_parametrization: {what} must return a tensor, got {type(x).__name__}")
    if x.dtype != dtype or x.shape != shape:
        raise ArgumentError(
            f"register_parametrization: {what} may not change the dtype or the shape of the tensor, got {x.dtype} and "
            f"{tuple(x.shape)} for {dtype} and {tuple(shape)}; pass unsafe=True if this is meant"
        )


# --------------------------------------------------------------------------- the class of a module


def _computed(self: Module, name: str) -> Tensor:
    module, kept = self.parametrizations[name], _cache.get()
    if kept is None:
        return module()  # type: ignore[no-any-return]
    key = id(self), name, ambient(), context.get().stage
    if key not in kept:
        kept[key] = module()
    return kept[key]


def _property(name: str) -> property:
    return property(
        lambda self: _computed(self, name), lambda self, value: self.parametrizations[name].right_inverse(value)
    )


@cache
def _with_properties(kind: type, names: tuple[str, ...]) -> type:
    """Return a class like `kind` whose tensors of some names are computed; the same one for the same names."""

    def set_attribute(self: Module, name: str, value: Any) -> None:
        if name in names:
            object.__setattr__(self, name, value)
        else:
            kind.__setattr__(self, name, value)

    def reduce(self: Module, protocol: Any) -> tuple[Any, ...]:
        return _restored, (kind, names), vars(self)

    body: dict[str, Any] = {name: _property(name) for name in names}
    body |= {"__setattr__": set_attribute, "__reduce_ex__": reduce, "__module__": kind.__module__}
    return type(f"Parametrized{kind.__name__}", (kind,), body)


def _restored(kind: type, names: tuple[str, ...]) -> Any:
    return object.__new__(_with_properties(kind, names))


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before it was parametrized.

    >>> from minitorch.nn.modules.linear import Linear
    >>> from minitorch.nn.utils.parametrizations import weight_norm
    >>> type_before_parametrizations(weight_norm(Linear(2, 3))) is Linear
    True
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a tensor of a module, or any, is computed by parametrizations.

    >>> from minitorch.nn.utils.parametrizations import weight_norm
    >>> layer = weight_norm(nn.Linear(2, 3))
    >>> is_parametrized(layer), is_parametrized(layer, "weight"), is_parametrized(layer, "bias")
    (True, True, False)
    """
    found = vars(module).get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a module compute a parameter or buffer by another module, which is called with the original tensor.

    Several parametrizations of a tensor are called one after the other. One with a method `right_inverse(value)` makes
    the tensor assignable; the method may return several tensors, which are then the originals. Shape and dtype have to
    stay the same, unless `unsafe` is set.

    >>> import minitorch as mt
    >>> class Symmetric(Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = register_parametrization(mt.nn.Linear(3, 3), "weight", Symmetric())
    >>> mt.equal(layer.weight, layer.weight.T)
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        parts = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(getattr(module, tensor_name), parametrization)
        parts.append(parametrization)
        parts.unsafe |= unsafe
        return module
    original = module.__dict__.get(tensor_name)
    if tensor_name not in module._kinds or not isinstance(original, Tensor):
        raise ArgumentError(
            f"register_parametrization: Module '{type(module).__name__}' does not have a parameter, a buffer, or a "
            f"parametrized element with name '{tensor_name}'"
        )
    parts = ParametrizationList([parametrization], original, unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    kind, names = type_before_parametrizations(module), tuple(module.parametrizations)
    module.parametrizations[tensor_name] = parts
    module.__class__ = _with_properties(kind, (*names, tensor_name))
    return module


def _check_next(value: Tensor, parametrization: Module) -> None:
    """Check a parametrization that comes after others."""
    out = parametrization(value)
    _check_like(out, value.shape, value.dtype, "a parametrization")
    try:
        if hasattr(parametrization, "right_inverse"):
            _check_like(parametrization.right_inverse(out), value.shape, value.dtype, "right_inverse")
    except NotImplementedError:
        pass


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a computed tensor a parameter or buffer again, with its computed value, or else with the original one.

    >>> from minitorch.nn.modules.linear import Linear
    >>> from minitorch.nn.utils.parametrizations import weight_norm
    >>> layer = remove_parametrizations(weight_norm(Linear(2, 3)), "weight")
    >>> layer, [name for name, _ in layer.named_parameters()]
    (Linear(in_features=2, out_features=3, bias=True), ['bias', 'weight'])
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"remove_parametrizations: {type(module).__name__} has no parametrization on {tensor_name}")
    parts = module.parametrizations[tensor_name]
    if not leave_parametrized and not parts.is_tensor:
        raise ArgumentError(
            "remove_parametrizations: Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors; leave it parametrized"
        )
    if leave_parametrized:
        was_trained = any(x.requires_grad for x in parts._originals())
        with no_grad():
            value = getattr(module, tensor_name)
            if parts.is_tensor:
                parts.original.data = value
    original = parts.original if parts.is_tensor else Parameter(value.detach()) if was_trained else value
    kind = type_before_parametrizations(module)
    names = tuple(name for name in module.parametrizations if name != tensor_name)
    del module.parametrizations[tensor_name]
    if names:
        module.__class__ = _with_properties(kind, names)
    else:
        module.__class__ = kind
        del module.parametrizations
    _register(module, tensor_name, original)
    return module
