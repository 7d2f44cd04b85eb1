"""Spoiled arguments: what PyTorch refuses is refused here, too, in words.

Each operation of PyTorch's own test database is called as its samples say, with one argument exchanged for one of another
type, size or range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from . import opinfo

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
OPERATIONS = {operation.name: operation for operation in opinfo.operations()}


class Meant(NamedTuple):
    """Calls that are taken all the same, by patterns of the operation's name and of what was exchanged."""

    name: str
    what: str
    why: str


MEANT = (
    Meant("(max|min) binary|trapz|(cumulative_)?trapezoid", r"args 1: None", "as if it was left out"),
    Meant("contiguous|item|to|zero_|new_(zeros|ones|full)|__getitem__", "args 0: .*", "a method belongs to a tensor"),
    Meant(r"__r\w+__", "args 0: .*", "leaves the error to Python"),
    Meant("cov", "correction: 2.5", "a correction is any number"),
    Meant("nn.functional.silu complex", ".*longer", "works for real numbers as well"),
    Meant("index_put", "args 1 0: None", "None stands for all places"),
    Meant("roll|full_like|unfold(_copy)?", "args .*: .*", "there is nothing to move, to fill or to step over"),
)


def places(x: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the leaves of arguments with their paths."""
    entries = enumerate(x) if type(x) in (list, tuple) else x.items() if isinstance(x, dict) else None
    if entries is None:
        yield path, x
        return
    for key, value in entries:
        yield from places(value, (*path, key))


def exchanged(x: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of arguments with another leaf at a path."""
    if not path:
        return new
    out = dict(x) if isinstance(x, dict) else list(x)
    out[path[0]] = exchanged(out[path[0]], path[1:], new)
    return tuple(out) if isinstance(x, tuple) else out


def spoiled(x: Any) -> Iterator[tuple[str, Any]]:
    """Yield what does not belong in the place of an argument. Whether something is true may be asked of anything."""
    if isinstance(x, torch.Tensor):
        yield from (("a text", "a"), ("None", None))
        if x.ndim and x.numel():
            yield "longer", torch.cat([x, x[..., :1]], -1)
    elif type(x) is int:
        yield from (("99", 99), ("-99", -99), ("a text", "a"), ("2.5", 2.5))
    elif type(x) is float:
        yield "a text", "a"
    elif type(x) is str:
        yield from (("another text", "nonsense"), ("a number", 3))


def calls(operation: opinfo.Operation) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Yield spoiled calls: what was exchanged, in words, and the arguments."""
    dtype = "float32" if torch.float32 in operation.info.dtypes else "int64"
    for sample in opinfo.samples(operation.info, dtype, False, 3)[::2]:
        given = {"args": [sample.input, *sample.args], **sample.kwargs}
        for path, leaf in places(given):
            for what, new in spoiled(leaf):
                kwargs = exchanged(given, path, new)
                yield f"{' '.join(map(str, path))}: {what}", kwargs.pop("args"), kwargs
        yield "nonsense", given["args"], {**sample.kwargs, "nonsense": 1}


def taken(operation: opinfo.Operation) -> Iterator[str]:
    """Yield the spoiled calls that PyTorch refuses and that are taken here, or refused without a word."""
    for what, args, kwargs in calls(operation):
        try:
            operation.theirs(*args, **kwargs)
            continue
        except opinfo.REFUSALS:
            pass
        except Exception:  # it stumbles where it has no check
            continue
        if any(re.fullmatch(m.name, operation.name) and re.fullmatch(m.what, what) for m in MEANT):
            continue
        try:
            operation.ours(*opinfo.converted(args), **opinfo.converted(kwargs))
            yield what
        except opinfo.REFUSALS as error:
            if len(str(error)) < 15:
                yield f"{what} raises {error!r}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_pytorch_refuses_is_refused(name):
    assert not list(taken(OPERATIONS[name]))
