"""Looking inside: print values, or call any function with them, where they have no data yet or are one of a batch."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from .core.jit.callback import call


def callback(function: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call `function(*args, **kwargs)` for its effect, also inside transforms and compiled functions.

    Arguments are trees; arrays and tensors in them, traced or not, reach the function as Arrays with data. What it
    returns is dropped. Under `grad`, `vjp` and `jvp` it is called once, in the forward pass (`checkpoint` runs that twice);
    under `vmap` once for each example, in their order; in a compiled function at every run, in the order in which the
    calls are written (`ordered` is there for programs that say so). An error in it stops the run before any state is
    written. A compiled function is recorded again when a list or dict that it sees has changed, by a callback, too: let
    callbacks write to a `queue.SimpleQueue`, a file or a logger.

    >>> import minitorch as mt
    >>> seen = []
    >>> def square(x):
    ...     callback(lambda x: seen.append(x.item()), x)
    ...     return x * x
    >>> mt.vmap(mt.grad(square))(mt.array([1.0, 2.0]))
    Array([2., 4.], dtype=float32)
    >>> seen
    [1.0, 2.0]
    """
    call(function, args, kwargs)


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print `fmt.format(*args, **kwargs)`, also inside transforms and compiled functions. See `callback`.

    >>> import minitorch as mt
    >>> @mt.jit
    ... def f(x):
    ...     print("x is {}, twice x {y:.1f}", x, y=2 * x)
    ...     return x + 1
    >>> y = f(mt.array(1.5))
    x is 1.5, twice x 3.0
    >>> y = f(y)
    x is 2.5, twice x 5.0
    """
    call(_Printing(fmt), args, kwargs)


class _Printing:
    """Prints what it is called with."""

    __name__ = "print"

    def __init__(self, fmt: str):
        self.fmt = fmt

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        builtins.print(self.fmt.format(*args, **kwargs), flush=True)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Printing and other.fmt == self.fmt

    def __hash__(self) -> int:
        return hash(self.fmt)
