"""Parameters and buffers: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.tracer import Value
from ..tensor.alias import CUT
from ..tensor.handle import Tensor, ambient, as_tensor
from ..tensor.pytree import flatten_tensor, unflatten_tensor


class Parameter(Tensor):
    """A tensor that is trained. It shares its data with the tensor it is made from.

    >>> weight = Parameter(Tensor([1.0, 2.0]))
    >>> weight.requires_grad, weight.is_leaf
    (True, True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True):
        _share(self, data)
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{Tensor.__repr__(self)}"


class Buffer(Tensor):
    """A tensor that belongs to a module's state without being trained. Left out of `state_dict` unless persistent.

    >>> class Counter(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.count, self.cache = nn.Buffer(mt.tensor(0)), nn.Buffer(mt.ones(2), persistent=False)
    >>> counter = Counter()
    >>> counter.state_dict(), [name for name, _ in counter.named_buffers()], list(counter.parameters())
    (OrderedDict([('count', tensor(0))]), ['count', 'cache'], [])
    """

    __slots__ = ()
    persistent: bool

    def __init__(self, data: Any = None, *, persistent: bool = True):
        _share(self, data)
        self.__dict__["persistent"] = persistent


def _share(made: Tensor, data: Any) -> None:
    """Fill a new handle with a tensor's data, so that a write to one shows in the other."""
    source = as_tensor([] if data is None else data)
    made._trace = ambient()
    made.value = source.current()
    made.node = None
    made._view = None
    if isinstance(data, Tensor):
        mine = source._share()
        made._view = mine.then(CUT)


def fresh(value: Value, requires_grad: bool = True) -> Parameter:
    """Return a parameter that owns a value nobody else has a handle on."""
    made = ambient().wrap(value, None)
    made.__class__ = Parameter
    return made.requires_grad_() if requires_grad else made  # type: ignore[return-value]


for _kind in (Parameter, Buffer):
    tree.register(_kind, flatten_tensor, unflatten_tensor)
