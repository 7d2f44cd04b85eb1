"""Object code on disk, so that a second process compiles nothing.

An entry is code that will run, so it is read only from a folder and a file that belong to this user and that nobody else
can write, never through a symbolic link, and only if its digest is right. Whatever is wrong with the cache, the kernel is
compiled again and one warning says why.

`MINITORCH_CACHE_DIR` names another place than the user's cache folder; `MINITORCH_CACHE=0` switches the cache off.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from time import monotonic, sleep

import numpy as np

from ...tracebacks import warn

FORMAT = b"minitorch kernel 1\n"
DIGEST = 32
LOCK_SECONDS = 60.0  # ten times the slowest compilation; after that, compile without waiting
OPEN = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)

_warned = False


class _Refused(Exception):
    """A reason not to use the cache or an entry of it."""


def key(*parts: object) -> str:
    """Name an entry by everything its code depends on: the given parts, this package and the versions of NumPy and LLVM."""
    import llvmlite

    text = repr((parts, sources(), np.__version__, llvmlite.__version__))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


@cache
def sources() -> str:
    """Return a digest of the files that kernels depend on."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def files() -> list[Path]:
    """Return the files of this package, whose functions kernels take, and those whose text it shares with NumPy."""
    here = Path(__file__).parent
    shared = (here.parents[1] / "ops" / f"{name}.py" for name in ("reproducible", "transforming"))
    return [*sorted(here.glob("*.py")), *shared]


def folder() -> Path | None:
    """Return where entries are kept, or None if the cache is off."""
    if os.name != "posix" or os.environ.get("MINITORCH_CACHE") == "0":
        return None
    given = os.environ.get("MINITORCH_CACHE_DIR")
    if given:
        return Path(given) / "kernels"
    from platformdirs import user_cache_path

    return user_cache_path("minitorch", appauthor=False) / "kernels"


def fetch(entry: str, build: Callable[[], bytes], load: Callable[[bytes], int]) -> int:
    """Load an entry, or build it, keep it and load it. `load` raises ValueError for code it cannot take."""
    place = folder()
    if place is None:
        return load(build())
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(_opened(place))
            address = _loaded(handle, entry, load)
            if address is not None:
                return address
            stack.enter_context(_locked(handle, entry))
            address = _loaded(handle, entry, load)
            if address is not None:
                return address
        except (_Refused, OSError) as reason:
            _warn(reason)
            return load(build())
        code = build()
        try:
            _write(handle, entry, code)
        except OSError as reason:
            _warn(reason)
        return load(code)


def _warn(reason: Exception) -> None:
    global _warned
    if not _warned:
        _warned = True
        warn(f"the kernel cache is of no use here, so kernels are compiled again: {reason}", RuntimeWarning)


def _check(status: os.stat_result, what: object) -> None:
    if status.st_uid != os.geteuid():
        raise _Refused(f"{what} belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _Refused(f"other users can write {what}")


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    """Open the folder, made if need be, as a descriptor that names relative to it cannot escape from."""
    if not os.path.lexists(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
    if place.is_symlink():
        raise _Refused(f"{place} is a symbolic link")
    handle = os.open(place, OPEN | os.O_RDONLY | os.O_DIRECTORY)
    try:
        _check(os.fstat(handle), place)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _locked(handle: int, entry: str) -> Iterator[None]:
    """Keep other processes from building the same entry at the same time; they find it when they get their turn."""
    import fcntl

    file = os.open(f"{entry[:2]}.lock", OPEN | os.O_RDWR | os.O_CREAT, 0o600, dir_fd=handle)
    try:
        until = monotonic() + LOCK_SECONDS
        while monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                sleep(0.002)
        yield
    finally:
        os.close(file)


def _loaded(handle: int, entry: str, load: Callable[[bytes], int]) -> int | None:
    """Load an entry if it is there and in order. A bad one gets a warning and will be written anew."""
    try:
        code = _read(handle, entry)
        return None if code is None else load(code)
    except (_Refused, ValueError, OSError) as reason:
        _warn(reason)
        return None


def _read(handle: int, entry: str) -> bytes | None:
    try:
        file = os.open(entry, OPEN | os.O_RDONLY | os.O_NONBLOCK, dir_fd=handle)
    except FileNotFoundError:
        return None
    with open(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused(f"{entry} is not a regular file")
        _check(status, entry)
        content = stream.read()
    body = content[len(FORMAT) + DIGEST :]
    if content[: len(FORMAT) + DIGEST] != FORMAT + _digest(entry, body):
        raise _Refused(f"{entry} is damaged")
    return body


def _write(handle: int, entry: str, code: bytes) -> None:
    temporary = f"{entry}.{os.getpid()}.{os.urandom(4).hex()}"
    file = os.open(temporary, OPEN | os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=handle)
    try:
        with open(file, "wb") as stream:
            stream.write(FORMAT + _digest(entry, code) + code)
        os.replace(temporary, entry, src_dir_fd=handle, dst_dir_fd=handle)
    except BaseException:
        os.unlink(temporary, dir_fd=handle)
        raise


def _digest(entry: str, code: bytes) -> bytes:
    return hashlib.sha256(entry.encode() + code).digest()
