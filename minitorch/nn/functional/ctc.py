"""Connectionist temporal classification: the loss of a sequence of labels without an alignment (Graves et al., 2006).

The probabilities of all alignments are added up by a scan over time, in logarithms. Its derivatives, of any order, are
those of the scan.
"""

from __future__ import annotations

import math
from typing import Any

from ...core import dtypes
from ...core.control.loops import scan
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.ops.families import as_array
from ...core.ops.fusing import check_reduction
from ...core.ops.gathering import iota, take
from ...core.ops.joining import concatenate, pad, stack
from ...core.ops.lookup import take_along_axis
from ...core.ops.losses import reduce_loss
from ...core.ops.pointwise import (
    add,
    div,
    equal,
    less,
    less_equal,
    logical_and,
    maximum,
    mul,
    neg,
    not_equal,
    sub,
    where,
)
from ...core.ops.reductions import logsumexp
from ...core.ops.scanning import cumsum
from ...core.ops.shaping import broadcast_to, cast, expand_dims, full, reshape
from ...core.tracer import Value, aval_of
from ...tensor.peeking import extent, known


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Return minus the logarithm of the probability of label sequences, whatever their alignment in time.

    `log_probs[T, N, C]` (or `[T, C]`) are log-probabilities of classes, one of which is `blank`; `targets[N, S]` are
    labels, or those of all examples one behind the other. Lengths say how much of each counts. A target that does not
    fit into its input has an infinite loss, or with `zero_infinity` none; its gradient is 0. The mean divides each loss
    by its target's length first.

    >>> from minitorch import tensor
    >>> ctc_loss(tensor([[[0.5, 0.5]], [[0.5, 0.5]]]).log(), tensor([[1]]), (2,), (1,)).exp()
    tensor(1.3333)
    """
    check_reduction("ctc_loss", reduction)
    log_probs, targets = as_array(log_probs), as_array(targets)
    _check(log_probs, targets, blank)
    if log_probs.ndim == 2:
        one = (reshape(targets, (1, targets.size)), reshape(as_array(input_lengths), (1,)))
        lengths = reshape(as_array(target_lengths), (1,))
        out = ctc_loss(expand_dims(log_probs, 1), *one, lengths, blank, reduction, zero_infinity)
        return reshape(out, ())
    steps, batch, _ = log_probs.shape
    inputs = _lengths("input_lengths", input_lengths, batch, steps)
    labels = _lengths("target_lengths", target_lengths, batch, targets.shape[-1])
    rows = targets if targets.ndim == 2 else _rows(targets, labels)
    wide = cast(log_probs, dtypes.float32) if log_probs.dtype in dtypes.HALVES else log_probs
    out = neg(_log_likelihood(wide, rows, inputs, labels, blank))
    if zero_infinity:
        out = where(equal(out, math.inf), 0.0, out)
    if reduction == "mean":
        out = div(out, cast(maximum(labels, 1), out.dtype))
    return cast(reduce_loss(out, reduction), log_probs.dtype)


def _log_likelihood(log_probs: Value, targets: Value, inputs: Value, labels: Value, blank: int) -> Value:
    """Add up the alignments: states are the labels with blanks around them, `2 S + 1` of them (Graves, section 4.1)."""
    steps, batch, _ = log_probs.shape
    size = targets.shape[1]
    blanks = full((batch, size), blank, dtypes.int64)
    pairs = reshape(stack([blanks, cast(targets, dtypes.int64)], -1), (batch, 2 * size))
    states = concatenate([pairs, full((batch, 1), blank, dtypes.int64)], 1)
    # What lies behind a target's end may be any number: such states are never read.
    inside = less(iota(2 * size + 1, 2, 1), expand_dims(add(mul(labels, 2), 1), 1))
    states = where(inside, states, blank)
    emitted = take_along_axis(log_probs, broadcast_to(expand_dims(states, 0), (steps, *states.shape)), -1)
    before = pad(states, ((0, 0), (2, 0)), value=-1)[:, :-2]
    skips = logical_and(not_equal(states, blank), not_equal(states, before))
    first = where(less_equal(iota(2 * size + 1, 2, 1), 1), 0.0, -math.inf)

    def step(carry: Value, x: tuple[Value, Value]) -> tuple[Value, None]:
        emission, here = x
        back = pad(carry, ((0, 0), (2, 0)), value=-math.inf)
        paths = stack([carry, back[:, 1:-1], where(skips, back[:, :-2], -math.inf)], -1)
        return where(expand_dims(here, 1), add(logsumexp(paths, -1), emission), carry), None

    # Before the first step, everything is in a state ahead of the first: as if it came from there into 0 or 1.
    counted = less(iota(steps, 2, 0), expand_dims(inputs, 0))
    start = where(logical_and(expand_dims(less(0, inputs), 1), inside), add(first, emitted[0]), _nothing(inside))
    last, _ = scan(step, start, (emitted[1:], counted[1:]))
    ends = take_along_axis(last, maximum(stack([mul(labels, 2), sub(mul(labels, 2), 1)], 1), 0), 1)
    twice = stack([full((batch,), False, dtypes.bool_), equal(labels, 0)], 1)  # the empty target ends in one state
    return logsumexp(where(twice, -math.inf, ends), -1)


def _nothing(inside: Value) -> Value:
    """Return the states of an input without steps: it spells the empty target, and nothing else."""
    return where(equal(iota(inside.shape[1], 2, 1), 0), 0.0, -math.inf)


# --------------------------------------------------------------------------- arguments


def _check(log_probs: Value, targets: Value, blank: int) -> None:
    if log_probs.dtype not in dtypes.REALS or targets.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"ctc_loss: log_probs must be floats and targets integers, got {aval_of(log_probs)} and {aval_of(targets)}"
        )
    if log_probs.ndim not in (2, 3) or not log_probs.shape[0] or targets.ndim not in (1, 2):
        raise ShapeError(
            f"ctc_loss: expected log_probs [T, N, C] or [T, C] and targets [N, S] or [sum of lengths], got "
            f"{aval_of(log_probs)} and {aval_of(targets)}"
        )
    if log_probs.ndim == 3 and targets.ndim == 2 and targets.shape[0] != log_probs.shape[1]:
        raise ShapeError(
            f"ctc_loss: targets {aval_of(targets)} must have a row for each example of {aval_of(log_probs)}"
        )
    if not 0 <= blank < log_probs.shape[-1]:
        raise ArgumentError(f"ctc_loss: blank must be in label range 0 to {log_probs.shape[-1] - 1}, got {blank}")


def _lengths(name: str, given: Any, batch: int, most: int) -> Value:
    x = as_array(given)
    if x.dtype not in dtypes.INTEGERS:
        raise DTypeError(f"ctc_loss: {name} must be integers, got {aval_of(x)}")
    if x.shape != (batch,):
        raise ShapeError(f"ctc_loss: {name} must be of size batch_size {batch}, got {aval_of(x)}")
    found = extent(x)
    if found and not 0 <= found[0] <= found[1] <= most:
        raise ArgumentError(f"ctc_loss: Expected {name} to have values from 0 to {most}, got {found[0]} to {found[1]}")
    return cast(x, dtypes.int64)


def _rows(targets: Value, labels: Value) -> Value:
    """Return targets that lie one behind the other as rows, filled up with any labels."""
    given, found = known(labels), extent(labels)
    if given is not None and int(given.sum()) != targets.shape[0]:
        raise ShapeError(
            f"ctc_loss: targets {aval_of(targets)} must have as many elements as target_lengths add up to, "
            f"{int(given.sum())}"
        )
    longest = found[1] if found else targets.shape[0]
    starts = sub(cumsum(labels, 0), labels)
    places = add(expand_dims(starts, 1), iota(longest, 2, 1))
    return take(targets, where(less(places, targets.shape[0]), places, 0)) if targets.shape[0] else places
