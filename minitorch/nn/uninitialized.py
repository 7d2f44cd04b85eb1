"""Parameters and buffers whose shapes are not known yet: lazy modules have them until their first call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..core import dtypes, tree
from ..core.errors import ArgumentError
from ..core.ops.shaping import full
from ..tensor.handle import Tensor, ambient, tensor_of
from ..tensor.pytree import flatten_tensor, unflatten_tensor
from ..tensor.types import get_default_dtype
from .parameter import Buffer, Parameter


class _UninitializedValue:
    """The value of a tensor that has none yet: it tells whoever looks at it."""

    __slots__ = ("device", "dtype")

    def __init__(self, dtype: dtypes.DType, device: str):
        self.dtype = dtype
        self.device = device

    def __getattr__(self, name: str) -> Any:
        raise ArgumentError(
            f"Attempted to use an uninitialized parameter or buffer ({name} is not known). Call forward with a dummy batch "
            "to initialize the parameters of lazy modules before using them, compiling them or loading them elsewhere"
        )


class Uninitialized(Tensor):
    """What both kinds have in common: a dtype, a device, and no shape."""

    __slots__ = ()
    cls_to_become: ClassVar[type]

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None):
        kind = get_default_dtype() if dtype is None else dtypes.canonical(dtype)
        self._trace = ambient()
        self.value = _UninitializedValue(kind, "cpu" if device is None else str(device))
        self.node = self._view = None
        self.__dict__["wanted"] = requires_grad

    @property
    def requires_grad(self) -> bool:
        """Whether operations will be recorded once there is a shape."""
        return bool(self.__dict__["wanted"])

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Choose whether operations will be recorded once there is a shape."""
        self.__dict__["wanted"] = requires_grad
        return self

    def detach(self) -> Tensor:
        """Return the tensor itself: there is no data to cut off."""
        return self

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Give the tensor a shape, filled with zeros, and with it the class of ordinary ones.

        >>> weight = UninitializedParameter()
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, weight.shape
        ('Parameter', (2, 3))
        """
        known = self.value
        kind = known.dtype if dtype is None else dtypes.canonical(dtype)
        wanted = self.__dict__.pop("wanted")
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.value = full(tuple(shape), 0, kind, known.device if device is None else str(device))
        if wanted:
            self.requires_grad_()

    def retarget(self, fn: Any) -> None:
        """Take the dtype and device that a function gives to tensors like this one."""
        made = fn(tensor_of(full((0,), 0, self.value.dtype, self.value.device)))
        self.value = _UninitializedValue(made.dtype, str(made.device))

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.value.device, self.value.dtype)
        return memo[id(self)]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter without a shape yet.

    >>> layer = nn.LazyLinear(2)
    >>> isinstance(layer.weight, nn.UninitializedParameter)
    True
    >>> _ = layer(mt.ones(1, 5))
    >>> type(layer.weight).__name__, layer.weight.shape
    ('Parameter', (2, 5))
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(requires_grad, device, dtype)


class UninitializedBuffer(Uninitialized, Buffer):
    """A buffer without a shape yet.

    >>> layer = nn.LazyBatchNorm1d()
    >>> isinstance(layer.running_mean, nn.UninitializedBuffer)
    True
    >>> _ = layer(mt.ones(2, 3))
    >>> layer.running_mean.shape
    (3,)
    """

    __slots__ = ()
    cls_to_become = Tensor

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True):
        super().__init__(requires_grad, device, dtype)
        self.__dict__["persistent"] = persistent


def is_lazy(x: Any) -> bool:
    """Return whether this is a tensor without a shape."""
    return isinstance(x, Uninitialized)


for _kind in (UninitializedParameter, UninitializedBuffer):
    tree.register(_kind, flatten_tensor, unflatten_tensor)
