"""Tracers, which stand for Arrays inside of transforms, and traces, which interpret what is done to them.

Each transform has a trace of its own kind, with its own kind of tracer, in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, NoReturn

from . import dtypes
from .array import Array
from .aval import Aval
from .errors import TracerError

Value = Any  # Array, Tracer, or a weak Python scalar
Params = dict[str, Any]


class Trace:
    """An interpreter of primitives. Its level says which transform it belongs to: inner ones are higher.

    `arguments`, where it is set, is what messages need to name the arguments of a differentiated function: the function,
    those arguments, their positions, and the nodes of their leaves on a tape, else None.
    """

    __slots__ = ("arguments", "closed", "level")
    arguments: tuple[Callable[..., Any], Sequence[Any], Sequence[int], Sequence[Any] | None] | None
    is_derived_later: ClassVar[bool] = False  # whether derivatives may be taken of what it writes down
    expands: ClassVar[bool] = False  # into power series: a function with rules of its own is asked for them
    transform: ClassVar[str] = "a transform"

    def __init__(self, level: int):
        self.level = level
        self.closed = False

    def process(self, primitive: Any, args: tuple[Value, ...], params: Params) -> Any:
        """Interpret one application, binding what remains one level down."""
        raise TypeError(f"{type(self).__name__} does not interpret {primitive.name}")

    def process_call(self, call: Any, function: Callable[[list[Any]], list[Any]], leaves: list[Any]) -> list[Any]:
        """Interpret the application of a function that has rules of its own, as `call` knows them: run the function."""
        return function(leaves)

    def provenance(self, value: Any) -> Hashable:
        """Return what equals for tracers of this trace that hold the same, as far as can be told without data."""
        return id(value)


class Tracer:
    """Stands for an Array inside a transform, with the same operators."""

    __slots__ = ("__weakref__", "_trace", "value")
    __array_priority__ = 2000.0
    _trace: Trace
    value: Value
    transform: ClassVar[str] = "a transform"

    @property
    def aval(self) -> Aval:
        """Shape, dtype and device, as this transform's function sees them.

        >>> mt.zeros(2, 3).aval
        Aval(shape=(2, 3), dtype=dtype('float32'), device='cpu', weak=False)
        """
        return aval_of(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.aval.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.aval.size

    @property
    def device(self) -> str:
        """The name of the device."""
        return self.aval.device

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d array has no length; use .size")
        return self.shape[0]

    def concrete(self, wanted: str) -> Array:
        """Return the Array behind this value, or raise a TracerError naming what wanted it."""
        self.check_open(wanted)
        return concrete(self.value, wanted)

    def is_differentiated(self) -> bool:
        """Return whether the transform that this value belongs to takes a derivative through it."""
        return False

    def check_open(self, wanted: str) -> None:
        """Raise if the transform that this value belongs to has finished.

        >>> mt.tensor([1.0]).check_open("a reader")
        """
        if self._trace.closed:
            raise TracerError(leaked(wanted, self._trace))

    def item(self) -> Any:
        """Return the only element as a Python number.

        >>> mt.tensor([2.5]).item()
        2.5
        """
        return self.concrete(".item()").item()

    def __bool__(self) -> bool:
        return bool(self.concrete("bool() or a Python `if`"))

    def __int__(self) -> int:
        return int(self.concrete("int()"))

    def __index__(self) -> int:
        return self.concrete("an index").__index__()

    def __format__(self, spec: str) -> str:
        return format(self.concrete("print or str()"), spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"Traced<{self.aval}>"

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        from_array = Array.__setitem__
        from_array(self, index, value)  # type: ignore[arg-type]

    def __reduce__(self) -> NoReturn:
        raise TracerError(f"pickle: {self.aval} is traced by {self.transform}; return it from the function first")


def leaked(wanted: Any, trace: Trace) -> str:
    """Say that a tracer outlived its transform."""
    name = wanted if isinstance(wanted, str) else wanted.name
    return (
        f"{name}: an argument was traced by a {trace.transform} that has finished; it was stored outside the transformed "
        "function. Return it from the function instead; `with minitorch.check_leaks():` finds the line that made it."
    )


def concrete(value: Value, wanted: str) -> Array:
    """Return an Array for a value whose data is known; a value known only to a transform raises."""
    if isinstance(value, Tracer):
        return value.concrete(wanted)
    return value if type(value) is Array else Array(value)


def aval_of(x: Value) -> Aval:
    """Return the aval of an array, a tracer or a Python scalar."""
    if isinstance(x, (Array, Tracer)):
        return x.aval
    if type(x) in dtypes.SCALARS:
        return Aval((), dtypes.promote(type(x)), weak=True)
    raise TypeError(f"expected an array or a number, got {type(x).__name__}; convert it with minitorch.array(...)")


def avals_of(x: Any) -> Any:
    """Return the aval of a value, tuple-wise for several, None for an absent argument."""
    if isinstance(x, tuple):
        return tuple(map(avals_of, x))
    return None if x is None else aval_of(x)


def kind_of(x: Value) -> dtypes.DType | type:
    """Return what promotion looks at: a dtype, or the type of a weak Python scalar."""
    return type(x) if type(x) in dtypes.SCALARS else x.dtype
