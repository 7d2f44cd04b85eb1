"""Exception classes.

Each is also a subclass of the builtin a user would catch. Messages name the op, the shapes and dtypes of all
operands, the argument, and one fix.
"""

from __future__ import annotations

import numpy as np


class MinitorchError(Exception):
    """Base class of every error raised on purpose by this library."""


class ShapeError(MinitorchError, ValueError, RuntimeError):
    """Shapes do not fit the operation."""


class DTypeError(MinitorchError, TypeError, RuntimeError):
    """An operand has a dtype the operation does not take."""


class DeviceError(MinitorchError, RuntimeError):
    """Operands live on different devices, or a device is missing."""


class TracerError(MinitorchError, TypeError):
    """A traced value was used where a concrete one is needed, or outlived its transform."""


class ImmutableError(MinitorchError, TypeError):
    """Somebody wrote to an immutable array."""


class JitError(MinitorchError, RuntimeError):
    """A function cannot be compiled as written."""


class GradError(MinitorchError, RuntimeError):
    """A derivative was asked for that does not exist or can no longer be computed."""


class UnsupportedError(MinitorchError, NotImplementedError):
    """A known operation with an argument that is not supported."""


class ArgumentError(MinitorchError, ValueError, RuntimeError):
    """An argument has a value outside its domain."""


class DivisionByZeroError(MinitorchError, ZeroDivisionError, RuntimeError):
    """An integer was divided by zero."""


class AxisNameError(MinitorchError, NameError, ValueError):
    """An axis is asked for by a name that no surrounding vmap has given."""


class NonFiniteError(MinitorchError, FloatingPointError):
    """An operation made a NaN or an infinity while somebody looked for it."""

    def __init__(self, problem: str, line: str, is_recorded: bool = False):
        super().__init__(f"{problem}; at {line}")
        self.problem = problem
        self.is_recorded = is_recorded  # whether the line is where the operation was recorded, not where it was run


class WorkerError(MinitorchError, RuntimeError):
    """A worker of a DataLoader died, did not answer in time, or failed in a way that has no class of its own here."""


class StateError(MinitorchError, RuntimeError, ValueError):
    """A saved state does not fit what it is loaded into."""


class LinAlgError(MinitorchError, np.linalg.LinAlgError, RuntimeError):
    """A matrix has no inverse or factorization, or an iteration did not converge.

    >>> issubclass(LinAlgError, np.linalg.LinAlgError)
    True
    """


class OutOfBoundsError(MinitorchError, IndexError, RuntimeError):
    """An index or axis is out of range."""


class KeyReuseError(MinitorchError, RuntimeError):
    """A random key was consumed twice; only looked for under `debug_keys`."""


class MissingExtraError(MinitorchError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str):
        super().__init__(f"{package} is not installed; it comes with the extra '{extra}': pip install -e '.[{extra}]'")


class MissingProgramError(MinitorchError, RuntimeError):
    """A program that is no Python package is not installed; the message says how to get it."""
