"""Array: an immutable buffer.

Data is copied in and handed out as read-only views, so nobody can change what a tape or a compiled program has saved.
Operators are attached in `operators.py`, once the operations exist; this file knows only about buffers.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from . import dtypes
from .aval import Aval
from .backend import Buffer, backend_for, backend_of
from .errors import ArgumentError, DTypeError, ImmutableError, MinitorchError, ShapeError

_new = object.__new__
_ndarray = np.ndarray
_OWN = frozenset(map(id, dtypes.ALL))  # dtypes that need no second look


class Array:
    """An immutable n-dimensional array.

    >>> x = Array([[1.0, 2.0], [3.0, 4.0]])
    >>> x.shape, x.dtype, x.device
    ((2, 2), dtype('float32'), 'cpu')
    """

    __slots__ = ("__weakref__", "_data")
    __array_priority__ = 1000.0
    _data: Buffer

    def __init__(self, data: Any, dtype: Any = None, device: str | None = None):
        if dtype is device is None and type(data) is _ndarray and id(data.dtype) in _OWN:
            self._data = np.array(data)  # in half the time
            return
        target = None if dtype is None else dtypes.canonical(dtype)
        if isinstance(data, Array) and (device is None or device == data.device):
            buffer = data._data
            self._data = buffer if target is None or buffer.dtype == target else buffer.astype(target)
            return
        host = data.__array__() if isinstance(data, Array) else _host(data, target)
        self._data = backend_for(device or "cpu").from_host(host, device or "cpu")

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis.

        >>> mt.Array([[1, 2, 3]]).shape
        (1, 3)
        """
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtypes.DType:
        """The data type of the elements.

        >>> mt.Array([1, 2]).dtype, mt.Array([1.0]).dtype
        (dtype('int64'), dtype('float32'))
        """
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes.

        >>> mt.Array([[1, 2, 3]]).ndim
        2
        """
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements.

        >>> mt.Array([[1, 2, 3]]).size
        3
        """
        return self._data.size  # type: ignore[no-any-return]

    @property
    def device(self) -> str:
        """The name of the device that holds the buffer.

        >>> mt.Array([1]).device
        'cpu'
        """
        buffer = self._data
        return "cpu" if type(buffer) is _ndarray else backend_of(buffer).device_of(buffer)

    @property
    def aval(self) -> Aval:
        """Shape, dtype and device.

        >>> mt.Array([[1, 2, 3]]).aval
        Aval(shape=(1, 3), dtype=dtype('int64'), device='cpu', weak=False)
        """
        return Aval(self._data.shape, self._data.dtype, self.device)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the data as a read-only NumPy array, without a copy when it is in host memory.

        >>> mt.Array([1, 2]).numpy()
        array([1, 2])
        """
        return _read_only(backend_of(self._data).to_host(self._data))

    def item(self, *index: Any) -> Any:
        """Return the only element as a Python number; with an index, as NumPy takes it, that element.

        >>> mt.Array([2.5]).item(), mt.Array([[1, 2], [3, 4]]).item(1, 0)
        (2.5, 3)
        """
        if index:
            return self.numpy().item(*index)
        if self.size != 1:
            raise ShapeError(f"item: needs exactly one element, got shape {self.shape}; use .numpy() or index first")
        return backend_of(self._data).to_host(self._data).item()

    def tolist(self) -> Any:
        """Return the elements as nested Python lists.

        >>> mt.Array([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self.numpy().tolist()

    def to_device(self, device: str, /, *, stream: Any = None) -> Array:
        """Return the array on another device, itself if it is there already.

        >>> x = mt.Array([1, 2])
        >>> x.to_device("cpu") is x
        True
        """
        if device == self.device:
            return self
        return wrap(backend_for(device).from_host(self.numpy(), device))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if dtype is not None and np.dtype(dtype) != self.dtype:
            return self.numpy().astype(dtype)
        return self.numpy().copy() if copy else self.numpy()

    def tobytes(self) -> bytes:
        """Return the elements as bytes, in C order.

        >>> mt.Array([1, 2], dtype="uint8").tobytes() == bytes([1, 2])
        True
        """
        return self.numpy().tobytes()

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        if copy is False:
            raise BufferError(
                "__dlpack__: copy=False, but arrays are immutable, so what leaves is a copy; leave copy out"
            )
        if self.dtype == dtypes.bfloat16:
            raise BufferError("__dlpack__: NumPy's DLPack has no bfloat16; cast to float32 first")
        # DLPack has no read-only flag that consumers honor.
        return np.array(self.numpy()).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d array has no length; use .size")
        return self.shape[0]

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"bool: the truth value of shape {self.shape} is ambiguous; reduce it first with .all() or .any()"
            )
        return bool(self.item())

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if dtypes.rank(self.dtype) > 1 or self.size != 1:
            raise DTypeError(
                f"index: only an integer array with one element can be an index, got {self.aval}; cast it with int(x)"
            )
        return int(self.item())

    def _scalar(self, name: str) -> Any:
        if self.size != 1:
            raise ShapeError(f"{name}: needs exactly one element, got shape {self.shape}; index or reduce first")
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"Array({_body(self.numpy(), len('Array('))}, dtype={dtypes.name(self.dtype)})"

    def __str__(self) -> str:
        return str(self.numpy())

    def __reduce__(self) -> tuple[Any, ...]:
        return Array, (np.array(self.numpy()), self.dtype)

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        return self

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise ImmutableError(f"Array[...] = value: {self.aval} is immutable; use x = x.at[index].set(value)")

    def __delitem__(self, index: Any) -> NoReturn:
        raise ImmutableError(f"del Array[...]: {self.aval} is immutable; select what remains with a mask")


def of_dlpack(x: Any) -> Array:
    """Copy the data of anything with `__dlpack__`."""
    try:
        return Array(np.from_dlpack(x))
    except (BufferError, RuntimeError) as error:
        raise BufferError(
            f"from_dlpack: NumPy cannot read this {type(x).__name__}: {error}; move it to host memory, and cast what "
            "NumPy has no dtype for, such as bfloat16, to float32 first"
        ) from error


def wrap(buffer: Buffer) -> Array:
    """Make an Array that takes ownership of a buffer nobody else can write."""
    array: Array = _new(Array)
    array._data = buffer
    return array


def wrap_scalar(buffer: Any) -> Array:
    """Like `wrap`, for results that NumPy may have turned into a scalar."""
    array: Array = _new(Array)
    array._data = buffer if type(buffer) is _ndarray else np.asarray(buffer)
    return array


def _read_only(buffer: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a view that can not be made writable: NumPy allows that on a view of a writable array, but not on this."""
    if buffer.dtype == dtypes.bfloat16:  # has no format character of the buffer protocol
        return _read_only(buffer.view(np.uint16)).view(buffer.dtype)
    return np.asarray(buffer.data.toreadonly())


def _host(data: Any, target: dtypes.DType | None) -> np.ndarray[Any, Any]:
    """Copy anything array-like into a NumPy array of a supported dtype."""
    if type(data) is float and (target is None or target.kind == "f"):
        return np.array(data, dtypes.canonical(float) if target is None else target)
    if isinstance(data, np.ndarray) and hasattr(data, "mask"):
        raise DTypeError(f"array: the mask of {type(data).__name__} would be lost; fill it first with .filled(value)")
    try:
        given = np.asarray(data) if hasattr(data, "__array__") else data  # PyTorch's method takes no `copy` yet
        host = np.array(given, dtype=target) if target is not None else np.array(given)
    except MinitorchError:  # from an object that knows best what is wrong with it
        raise
    except ValueError as error:
        raise ShapeError(
            f"array: cannot make an array from {type(data).__name__}: {error}; give rows of equal length"
        ) from error
    except TypeError as error:
        raise DTypeError(f"array: cannot make an array from {type(data).__name__}: {error}") from error
    except OverflowError as error:
        raise ArgumentError(f"array: {error}; use a dtype that holds it") from error
    if target is None:
        target = _inferred(data, host)
    host = host.astype(target, copy=False)
    # Data from a pickle has a dtype object of its own; the shortcuts compare with `is`.
    return host if host.dtype is target else host.view(target)


def _inferred(data: Any, host: np.ndarray[Any, Any]) -> dtypes.DType:
    """Python numbers take the default dtypes; NumPy data keeps its own."""
    if host.dtype == object and _is_whole(data):
        raise ArgumentError("array: a Python integer is out of bounds for every integer dtype; give floats")
    if host.dtype == object or (host.dtype.kind in "USmMV" and host.dtype != dtypes.bfloat16):
        raise DTypeError(f"array: {type(data).__name__} does not hold numbers of one type; give numbers or NumPy data")
    if not _is_python_data(data):
        return dtypes.canonical(host.dtype)
    # NumPy's choices where int64 ends
    if host.dtype.kind == "u" or (
        host.dtype.kind == "f" and host.size and abs(host).max() >= 2**63 and _is_whole(data)
    ):
        raise ArgumentError(
            f"array: Python integer {host.max()} out of bounds for int64; give dtype uint64, or one of floats"
        )
    kinds = {"f": float, "c": complex, "b": bool, "i": int}
    return dtypes.promote(kinds[host.dtype.kind]) if host.size else dtypes.canonical(float)


def _is_whole(data: Any) -> bool:
    return all(map(_is_whole, data)) if isinstance(data, (list, tuple)) else isinstance(data, int)


def _is_python_data(data: Any) -> bool:
    while isinstance(data, (list, tuple)):
        if not data:
            return True
        data = data[0]
    return isinstance(data, (bool, int, float, complex)) and not isinstance(data, np.generic)


def _body(data: np.ndarray[Any, Any], indent: int) -> str:
    return np.array2string(data, separator=", ", prefix=" " * indent)
