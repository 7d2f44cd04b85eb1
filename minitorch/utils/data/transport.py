"""Messages between processes: pickles over a socket, the bytes of arrays beside them.

What is large goes into memory without a name that only the two processes hold (Linux's memfd): written once, mapped by the
receiver without another copy, and gone with the last process that holds it, however that ends. No lock, queue or file is
shared, so a process may be killed at any instruction without harm to another.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ...core.array import Array, wrap
from ...tensor.handle import Tensor, tensor_of

_HEAD = struct.Struct("<QQ?")  # bytes of the pickle, number of buffers, whether they lie in shared memory
_SHARED_FROM = 1 << 16  # bytes of buffers from which mapping is cheaper than the socket
_ALIGNMENT = 64


class Closed(Exception):
    """The other side is gone."""


class _Pickler(pickle.Pickler):
    """Arrays, and tensors that carry no graph, as plain buffers."""

    def reducer_override(self, x: Any) -> Any:
        if type(x) is Array and type(x._data) is np.ndarray:
            return wrap, (np.asarray(x._data, order="C"),)
        if type(x) is Tensor and not x.requires_grad:
            return tensor_of, (x.current(),)
        return NotImplemented


class Channel:
    """One end of a socket. `wait_readable` returns when there is something to read, or raises Closed if never."""

    def __init__(self, end: socket.socket, wait_readable: Callable[[], None] = lambda: None):
        self.end = end
        self.wait_readable = wait_readable

    def send(self, message: Any) -> None:
        """Send one message; what cannot be pickled raises before anything has left."""
        content, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
        _Pickler(content, 5, buffer_callback=buffers.append).dump(message)
        pieces = [x.raw() for x in buffers]
        shared = hasattr(os, "memfd_create") and sum(x.nbytes for x in pieces) >= _SHARED_FROM
        head = _HEAD.pack(content.tell(), len(pieces), shared)
        head += struct.pack(f"<{len(pieces)}Q", *(x.nbytes for x in pieces))
        try:
            if shared:
                self._send_shared(head, pieces)
                self.end.sendall(content.getbuffer())
                return
            self.end.sendall(head)
            self.end.sendall(content.getbuffer())
            for piece in pieces:
                self.end.sendall(piece)
        except OSError:
            raise Closed from None

    def _send_shared(self, head: bytes, pieces: list[memoryview]) -> None:
        memory = os.memfd_create("minitorch-batch")
        try:
            for start, piece in zip(_starts([x.nbytes for x in pieces]), pieces):
                _write(memory, piece, start)
            sent = socket.send_fds(self.end, [head], [memory])
            self.end.sendall(head[sent:])
        finally:
            os.close(memory)

    def receive(self) -> Any:
        """Return the next message."""
        head = bytearray(_HEAD.size)
        memory = self._first(head)
        size, count, shared = _HEAD.unpack(head)
        try:
            sizes = struct.unpack(f"<{count}Q", self._filled(bytearray(8 * count)))
            content = self._filled(bytearray(size))
            if shared:
                buffers = _mapped(memory[0], sizes)
            else:
                buffers = [self._filled(np.empty(n, np.uint8)) for n in sizes]
        finally:
            for each in memory:
                os.close(each)
        return pickle.loads(content, buffers=buffers)

    def _first(self, head: bytearray) -> list[int]:
        """Read the head of a message, and what memory comes with it."""
        if not hasattr(socket, "recv_fds"):
            self._filled(head)
            return []
        self.wait_readable()
        try:
            found, memory, _, _ = socket.recv_fds(self.end, len(head), 1)
        except OSError:
            raise Closed from None
        if not found:
            raise Closed
        head[: len(found)] = found
        self._filled(memoryview(head)[len(found) :])
        return memory

    def _filled(self, buffer: Any) -> Any:
        view = memoryview(buffer).cast("B") if len(buffer) else memoryview(b"")
        while view:
            self.wait_readable()
            try:
                count = self.end.recv_into(view)
            except OSError:
                raise Closed from None
            if not count:
                raise Closed
            view = view[count:]
        return buffer

    def close(self) -> None:
        """Close the connection, also for forks that hold a copy of this end; whoever is at the other is told."""
        with suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()


def _starts(sizes: Sequence[int]) -> list[int]:
    starts, position = [], 0
    for size in sizes:
        starts.append(position)
        position += -(-size // _ALIGNMENT) * _ALIGNMENT
    return starts


def _write(memory: int, piece: memoryview, start: int) -> None:
    while piece:  # one call writes 2 GiB at most
        count = os.pwrite(memory, piece, start)
        piece, start = piece[count:], start + count


def _mapped(memory: int, sizes: Sequence[int]) -> list[Any]:
    """Return shared memory as arrays, each of which keeps the map alive."""
    whole = np.frombuffer(mmap.mmap(memory, 0), np.uint8)
    return [whole[start : start + size] for start, size in zip(_starts(sizes), sizes)]
