"""Checkpointing under PyTorch's names: `core/checkpoint.py` with arguments passed at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..core import tree
from ..core.array import Array
from ..core.checkpoint import checkpoint as checkpointed
from ..core.errors import ArgumentError
from ..core.tracer import Tracer
from ..nn.module import Module

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def noop_context_fn() -> Contexts:
    """Return two contexts that do nothing.

    >>> first, again = noop_context_fn()
    >>> with first:
    ...     "computed as ever"
    'computed as ever'
    """
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Compute `function(*args, **kwargs)`, keeping only its arguments for the backward pass, which computes it again.

    The second run draws the same random numbers as the first, whatever `preserve_rng_state` says: noting where the
    generator stands costs nothing. `use_reentrant` may be either; there is one implementation, which also takes keywords
    and arguments that do not require gradients. `context_fn` makes two contexts, for the first run and for those in a
    backward pass. `determinism_check`, `debug` and `early_stop` have no effect: shapes are always compared.

    >>> from minitorch.tensor.creation import tensor
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-2.4784,  3.3129])
    """
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"checkpoint: determinism_check is 'default' or 'none', got {determinism_check!r}")
    leaves, structure = tree.flatten((args, kwargs), is_leaf=lambda x: isinstance(x, (Array, Tracer, Module)))
    places = [i for i, x in enumerate(leaves) if isinstance(x, (Array, Tracer))]
    contexts = None if context_fn is noop_context_fn else list(context_fn())

    def run(*values: Any) -> Any:
        given = list(leaves)
        for i, x in zip(places, values):
            given[i] = x
        args, kwargs = tree.unflatten(structure, given)
        with _taken(contexts):
            return function(*args, **kwargs)

    return checkpointed(run)(*(leaves[i] for i in places))


def _taken(contexts: list[AbstractContextManager[Any]] | None) -> AbstractContextManager[Any]:
    """Take the context of the first run; the last one stays, for there may be several backward passes."""
    if contexts is None:
        return nullcontext()
    return contexts.pop(0) if len(contexts) > 1 else contexts[0]


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Apply modules one after the other, in `segments` checkpointed parts; the last one is not checkpointed.

    `functions` is a Sequential, or a list of functions of one argument.

    >>> from minitorch.tensor.creation import tensor
    >>> checkpoint_sequential([lambda x: x * 2, lambda x: x + 1, lambda x: x * 3], 2, tensor([1.0]))
    tensor([9.])
    """
    chain = list(functions.children() if hasattr(functions, "children") else functions)
    if not 1 <= segments <= len(chain):
        raise ArgumentError(f"checkpoint_sequential: segments must lie between 1 and {len(chain)}, got {segments}")
    size = len(chain) // segments
    *starts, last = [i * size for i in range(segments)]
    for start in starts:
        part = _chained(chain[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state, **kwargs)
    return _chained(chain[last:])(input)


def _chained(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run
