"""Printed tracebacks end at the user's line: the frames of this library are left out.

Only printing changes, so calls pay nothing, and `except`, debuggers and loggers find every frame. Python prints through
`sys.excepthook` and `threading.excepthook`, which are extended here; IPython asks the error, and pytest the modules that
its frames are in. `MINITORCH_TRACEBACK=full`, or `set_tracebacks("full")`, shows everything.
"""

from __future__ import annotations

import dis
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Literal

from . import config
from .errors import ArgumentError, MinitorchError

PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
# What this library calls for itself: a frame of one of these is as internal as its caller.
HELPERS = {"contextlib", "copy", "functools", "inspect", "numpy", "scipy", "ml_dtypes", "opt_einsum", "optree"}
HELPERS |= {"numba", "llvmlite", "cupy", "sklearn", "graphviz"}
MODES = ("short", "full")
_RAISE = dis.opmap["RAISE_VARARGS"]

Hook = Callable[..., Any]


def set_tracebacks(mode: Literal["short", "full"]) -> None:
    """Set what uncaught errors show: "short" leaves out the frames of this library, "full" shows them.

    Holds for this thread and the contexts it starts. The default is what the environment variable MINITORCH_TRACEBACK
    says, and otherwise "short".
    """
    if mode not in MODES:
        raise ArgumentError(f"set_tracebacks: mode must be 'short' or 'full', got {mode!r}")
    config.tracebacks.set(mode)


def is_internal(filename: str) -> bool:
    """Return whether a file belongs to this library."""
    return filename.startswith(PACKAGE)


def is_helper(frame: FrameType) -> bool:
    """Return whether a frame belongs to a library that this one calls for itself."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in HELPERS


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line, which is the nearest one outside this library."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and is_internal(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def install() -> None:
    """Let Python, IPython and pytest leave out internal frames; what they called before is called still."""
    sys.excepthook = _shortening(sys.excepthook)
    threading.excepthook = _shortening_in_threads(threading.excepthook)
    MinitorchError._render_traceback_ = _render  # type: ignore[attr-defined]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == __name__.partition(".")[0]:
            vars(module)["__tracebackhide__"] = _hidden_from_pytest


# --------------------------------------------------------------------------- which frames, of which errors


def _entries(error: BaseException) -> list[TracebackType]:
    found, entry = [], error.__traceback__
    while entry is not None:
        found.append(entry)
        entry = entry.tb_next
    return found


def _is_ours(entry: TracebackType) -> bool:
    return is_internal(entry.tb_frame.f_code.co_filename)


def _is_helper(entry: TracebackType) -> bool:
    return not _is_ours(entry) and is_helper(entry.tb_frame)


def _is_defect(error: BaseException, entries: list[TracebackType]) -> bool:
    """Return whether this library failed, rather than refused: nothing but a `raise` of its own is a refusal."""
    if isinstance(error, MinitorchError):
        return False
    culprit = next((e for e in reversed(entries) if not _is_helper(e)), None)
    if culprit is None or not _is_ours(culprit):
        return False
    said = culprit is entries[-1] and culprit.tb_frame.f_code.co_code[culprit.tb_lasti] == _RAISE
    return not said or isinstance(error, AssertionError)


def _is_short(error: BaseException | None) -> bool:
    """Return whether an error is printed without internal frames, if it has any."""
    if not isinstance(error, Exception) or config.tracebacks.get() == "full":
        return False
    entries = _entries(error)
    # One that starts inside was caught inside: it is the cause of another, which says what matters.
    return bool(entries) and (_is_ours(entries[0]) or not _is_defect(error, entries))


def _shown(error: BaseException) -> list[TracebackType]:
    """Return the entries of a traceback that are printed."""
    entries = _entries(error)
    if not _is_short(error):
        return entries
    kept, inside = [], False
    for entry in entries:
        inside = _is_ours(entry) or (inside and _is_helper(entry))
        if not inside:
            kept.append(entry)
    return kept


# --------------------------------------------------------------------------- printing


@contextmanager
def shortened(error: BaseException | None) -> Iterator[bool]:
    """Take internal frames, and causes with no others, from an error for the length of a `with` block.

    Yields whether there were any.
    """
    links = _chain(error)
    before = [(e.__traceback__, e.__cause__, e.__context__, e.__suppress_context__) for e in links]
    try:
        wanted = _is_short(error) and any(_is_ours(entry) for e in links for entry in _entries(e))
        if wanted:
            _shorten(links)
        yield wanted
    finally:
        for e, (traceback, cause, context, suppressed) in zip(links, before):
            e.__traceback__, e.__cause__, e.__context__ = traceback, cause, context
            e.__suppress_context__ = suppressed  # last, for assigning a cause sets it


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and those that would be printed above it, the nearest first."""
    found: list[BaseException] = []
    while error is not None and not any(error is e for e in found):
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _shorten(links: list[BaseException]) -> None:
    kept = [_shown(e) for e in links]
    kept[0] = kept[0] or _entries(links[0])
    silent = [not k and e.__traceback__ is not None for e, k in zip(links, kept)]
    for i, e in enumerate(links):
        above = next((links[j] for j in range(i + 1, len(links)) if not silent[j]), None)
        if e.__cause__ is not None:
            e.__cause__ = above
        elif not e.__suppress_context__:
            e.__context__ = above
        e.__traceback__ = _linked(kept[i])


def _linked(entries: list[TracebackType]) -> TracebackType | None:
    traceback = None
    for entry in reversed(entries):
        traceback = TracebackType(traceback, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return traceback


def _shortening(previous: Hook) -> Hook:
    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        with shortened(error) as changed:
            previous(kind, error, error.__traceback__ if changed else traceback)

    return excepthook


def _shortening_in_threads(previous: Hook) -> Hook:
    def excepthook(args: Any, /) -> None:
        error = args.exc_value
        with shortened(error) as changed:
            traceback = error.__traceback__ if changed else args.exc_traceback
            previous(threading.ExceptHookArgs((args.exc_type, error, traceback, args.thread)))

    return excepthook


def _render(error: MinitorchError) -> list[str]:
    """Return the lines that IPython prints."""
    shell = sys.modules["IPython"].get_ipython()
    with shortened(error):
        lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    return lines


def _hidden_from_pytest(info: Any) -> bool:
    return _is_short(info.value)
