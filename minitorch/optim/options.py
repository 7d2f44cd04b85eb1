"""The options of an optimizer: its signature says what there is, a table what may not be negative."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, UnsupportedError

_LIMITS = {
    "lr": "learning rate",
    "eps": "epsilon value",
    "momentum": "momentum value",
    "alpha": "alpha value",
    "weight_decay": "weight_decay value",
    "lr_decay": "lr_decay value",
    "momentum_decay": "momentum_decay value",
    "initial_accumulator_value": "initial_accumulator_value value",
}


def options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options among the arguments of an optimizer's `__init__`, which are its `locals()`.

    So an option stands in one place, the signature. Numbers out of their range are refused.
    """
    found = {name: value for name, value in given.items() if name not in ("self", "params", "__class__")}
    _check_options(type(given["self"]).__name__, found)
    return found


def _check_options(name: str, defaults: dict[str, Any]) -> None:
    """Raise for numbers out of their range, as PyTorch does."""
    for key, label in _LIMITS.items():
        if not _is_legal(defaults.get(key, 0.0)):
            raise ArgumentError(f"{name}: Invalid {label}: {defaults[key]}; it must be at least 0")
    if not 0.0 <= defaults.get("rho", 0.0) <= 1.0:
        raise ArgumentError(f"{name}: Invalid rho value: {defaults['rho']}; it must be in [0, 1]")
    for i, beta in enumerate(defaults.get("betas", ())):
        if not 0.0 <= beta < 1.0:
            raise ArgumentError(f"{name}: Invalid beta parameter at index {i}: {beta}; it must be in [0, 1)")
    if defaults.get("differentiable"):
        raise UnsupportedError(f"{name}: differentiable=True is not supported; use the functional rules under grad")


def _is_legal(value: Any) -> bool:
    """Return whether a number, or each one of a tuple that is given, is at least 0."""
    return all(x is None or x >= 0.0 for x in (value if isinstance(value, tuple) else (value,)))
