"""A progress bar around a loop."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from .core.errors import MissingExtraError


def progress(
    iterable: Iterable[Any] | None = None,
    desc: str | None = None,
    total: float | None = None,
    leave: bool | None = True,
    **options: Any,
) -> Any:
    """Return a live progress bar (tqdm's) over an iterable: iterate over it, or call `update(n)` where there is none.

    `desc` stands before the bar, `total` is the length where the iterable has none, `leave=False` removes the bar at the
    end; tqdm's other options, such as `unit`, `position` and `disable`, are passed on. `bar.set_postfix(loss=0.5)` shows
    numbers behind it. Raises MissingExtraError without tqdm.

    >>> sum(progress(range(4), disable=True))
    6
    """
    try:
        tqdm = import_module("tqdm.auto" if _is_notebook() else "tqdm").tqdm
    except ModuleNotFoundError:
        raise MissingExtraError("tqdm", "data") from None
    return tqdm(iterable, desc=desc, total=total, leave=leave, **options)


def _is_notebook() -> bool:
    """Return whether the caller runs in Jupyter, where a bar is a widget."""
    try:
        shell = import_module("IPython").get_ipython()
    except ModuleNotFoundError:
        return False
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
