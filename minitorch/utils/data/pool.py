"""Workers that run: processes or threads, what is sent to them, what comes back, and their end.

Nobody waits for a worker that is gone, and no worker for a program that is gone. A process that ends, in whatever way,
closes its socket, which wakes the caller; the caller's end, in whatever way, closes the workers' sockets, which ends them. A
worker reads its messages in a thread of its own, so neither side can be stuck in sending while the other is, too.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from multiprocessing import connection, util
from typing import Any, NoReturn

from ...core import config
from ...core.errors import ArgumentError, WorkerError
from .fetching import Recipe
from .transport import Channel, Closed
from .worker import Answer, Failure, Pass, Task, Worker, caught

_GRACE = 1.0  # seconds that a worker has to finish what it is doing, when nobody wants it any more
_WATCH = 5.0  # seconds between looks at whether the program is still there

Message = Pass | Task


class Processes:
    """Worker processes, each behind a socket."""

    def __init__(self, recipe: Recipe, count: int, init_fn: Any, context: Any):
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self._channels: list[Channel] = []
        self._processes: list[Any] = []
        self._owner = os.getpid()
        self.of_pass = 0  # the pass that has the workers
        # Called when this object goes, and before the interpreter does; a forked child does not call it.
        self._finalizer = util.Finalize(self, _end, (self._processes, self._channels), exitpriority=10)
        default_float = config.default_float.get()
        for i in range(count):
            try:
                self._start(context, (recipe, i, count, "process", init_fn, default_float))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                self.stop()
                raise ArgumentError(
                    f"DataLoader: the dataset, collate_fn or worker_init_fn cannot be sent to a worker process by "
                    f"{context.get_start_method()!r}: {error}; define what it is made of at the top of a module, or use "
                    "worker_type='thread'"
                ) from error
            except BaseException:
                self.stop()
                raise

    def _start(self, context: Any, description: tuple[Any, ...]) -> None:
        mine, theirs = socket.socketpair()
        forked = context.get_start_method() == "fork"
        inherited = [*(x.end for x in self._channels), mine] if forked else []
        process = context.Process(target=_serve, args=(theirs, description, inherited), daemon=True)
        try:
            process.start()
        except BaseException:
            mine.close()
            raise
        finally:
            theirs.close()
        self._processes.append(process)
        self._channels.append(Channel(mine, partial(_readable_or_dead, mine, process.sentinel)))

    @property
    def is_open(self) -> bool:
        """Whether the workers still serve this process."""
        return bool(self._finalizer.still_active()) and os.getpid() == self._owner

    def send(self, worker: int, message: Message) -> None:
        """Send a message to a worker. That it is gone is reported when its answer is waited for."""
        try:
            self._channels[worker].send(message)
        except Closed:
            pass
        except BaseException:  # perhaps in the middle of a message
            self.stop()
            raise

    def receive(self, timeout: float | None) -> Answer:
        """Wait for the next answer of any worker; raises WorkerError if one dies, or after so many seconds."""
        try:
            ends: list[Any] = [x.end for x in self._channels]
            ready = connection.wait([*ends, *(p.sentinel for p in self._processes)], timeout)
            if not ready:
                raise WorkerError(_late(timeout))
            for end, channel, process in zip(ends, self._channels, self._processes):
                if end in ready:
                    try:
                        answer: Answer = channel.receive()
                        return answer
                    except Closed:
                        _report(process)
            _report(next(p for p in self._processes if p.sentinel in ready))
        except BaseException:  # perhaps in the middle of a message
            self.stop()
            raise

    def stop(self) -> None:
        """End the workers."""
        self._finalizer()


def _late(timeout: float | None) -> str:
    return f"DataLoader timed out after {timeout} seconds; a batch takes longer: raise timeout, or look for what hangs"


def _report(process: Any) -> NoReturn:
    process.join(_GRACE)
    code, name = process.exitcode, f"DataLoader worker (pid {process.pid})"
    if code is not None and code < 0:
        reason = f"is killed by signal: {signal.strsignal(-code)} ({signal.Signals(-code).name})"
        fix = "out of memory?" if -code == getattr(signal, "SIGKILL", 9) else "native code that crashed?"
    else:
        reason = f"exited unexpectedly with code {code}"
        fix = "what it printed tells more; num_workers=0 runs the dataset in this process"
    raise WorkerError(f"{name} {reason}; {fix}")


def _readable_or_dead(end: socket.socket, sentinel: Any) -> None:
    if end not in connection.wait([end, sentinel]):
        raise Closed


def _end(processes: list[Any], channels: list[Channel]) -> None:
    """Close the sockets, which ends the workers; kill those that do not hear."""
    for channel in channels:
        channel.close()
    deadline = time.monotonic() + _GRACE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.exitcode is None:
            process.kill()
            process.join(_GRACE)


# --------------------------------------------------------------------------- inside a worker process


def _serve(end: socket.socket, description: tuple[Any, ...], inherited: Sequence[socket.socket]) -> None:
    """Run a worker process."""
    for each in inherited:  # a fork's copies of the caller's ends: while one is open, its reader does not see the end
        each.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's; the end of its sockets tells us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Context().run(_work, end, description)  # not in the middle of what the program was doing when it forked


def _work(end: socket.socket, description: tuple[Any, ...]) -> None:
    channel = Channel(end, partial(_readable_or_orphaned, end, os.getppid()))
    messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(channel, messages), daemon=True).start()
    worker = Worker(*description)
    with suppress(Closed):
        while (message := messages.get()) is not None:
            answer = worker.answer(message)
            if answer is not None:
                _send(channel, answer, worker.place)


def _send(channel: Channel, answer: Answer, place: str) -> None:
    try:
        channel.send(answer)
    except Closed:
        raise
    except Exception as error:
        channel.send(answer._replace(result=caught(error, f"{place}, sending its batch"), state=None))


def _read(channel: Channel, messages: queue.SimpleQueue[Message | None]) -> None:
    """Pass messages on until the program closes its end or is gone; then see to it that this process ends."""
    with suppress(Closed):
        while True:
            messages.put(channel.receive())
    messages.put(None)
    time.sleep(_GRACE)
    os._exit(1)


def _readable_or_orphaned(end: socket.socket, parent: int) -> None:
    while not connection.wait([end], _WATCH):
        if os.getppid() != parent:
            raise Closed


# --------------------------------------------------------------------------- threads


class Threads:
    """Worker threads, with a queue each; they share the dataset."""

    def __init__(self, recipe: Recipe, count: int, init_fn: Any):
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._inboxes: list[queue.SimpleQueue[Message | None]] = [queue.SimpleQueue() for _ in range(count)]
        self._stopped = threading.Event()
        self._owner = os.getpid()
        self.of_pass = 0  # the pass that has the workers
        self._finalizer = util.Finalize(self, _stop_threads, (self._stopped, self._inboxes), exitpriority=10)
        default_float = config.default_float.get()
        for i, inbox in enumerate(self._inboxes):
            description = (recipe, i, count, "thread", init_fn, default_float)
            args = (description, inbox, self._answers, self._stopped)
            threading.Thread(target=_work_in_thread, args=args, name=f"DataLoader worker {i}", daemon=True).start()

    @property
    def is_open(self) -> bool:
        """Whether the workers still serve this process."""
        return bool(self._finalizer.still_active()) and os.getpid() == self._owner

    def send(self, worker: int, message: Message) -> None:
        """Send a message to a worker."""
        self._inboxes[worker].put(message)

    def receive(self, timeout: float | None) -> Answer:
        """Wait for the next answer of any worker; raises WorkerError after so many seconds."""
        try:
            return self._answers.get(timeout=timeout)
        except queue.Empty:
            self.stop()
            raise WorkerError(_late(timeout)) from None

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
        self._finalizer()


def _stop_threads(stopped: threading.Event, inboxes: list[queue.SimpleQueue[Message | None]]) -> None:
    stopped.set()
    for inbox in inboxes:
        inbox.put(None)


def _work_in_thread(
    description: tuple[Any, ...],
    inbox: queue.SimpleQueue[Message | None],
    answers: queue.SimpleQueue[Answer],
    stopped: threading.Event,
) -> None:
    worker = Worker(*description)
    while (message := inbox.get()) is not None and not stopped.is_set():
        try:
            answer = worker.answer(message)
        except BaseException as error:  # sys.exit() in a dataset ends a process; a thread would only fall silent
            failure, answer = Failure(WorkerError, caught(error, worker.place).message), None
            if isinstance(message, Task):
                answer = Answer(message.of_pass, message.number, failure)
            else:
                worker.failure = failure
        if answer is not None:
            answers.put(answer)
