"""How the comparisons with PyTorch are written down: a name, arguments, and what is special.

A `Given` makes the same data for both libraries from a seeded generator. Everything else in the arguments goes to both
as it is, except that dtypes are looked up by name (`Dtype`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Given:
    """A tensor: its shape, what kind of numbers, and whether its gradient is compared."""

    shape: tuple[int, ...]
    kind: str = "real"
    grad: bool = True

    def data(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        data = np.asarray(_KINDS[self.kind](rng, self.shape))
        if data.dtype == np.float64:
            return data.astype(dtype)
        if data.dtype == np.complex128 and dtype == "float32":
            return data.astype(np.complex64)
        return data

    @property
    def has_gradient(self) -> bool:
        return self.grad and self.kind not in ("integer", "index", "zero", "bool", "byte", "pivots")


def _spd(a):
    return a @ a.swapaxes(-1, -2) + 2 * np.eye(a.shape[-1])


_KINDS = {
    "spd": lambda rng, shape: _spd(rng.uniform(-1, 1, shape)),
    "pivots": lambda rng, shape: np.array([3, 2, 3], np.int32),
    "triangle": lambda rng, shape: np.triu(rng.uniform(-1, 1, shape)) + np.diag(np.arange(shape[-1])),
    "lower": lambda rng, shape: np.tril(rng.uniform(0.3, 1, shape)) + np.eye(shape[-1]),
    "upper": lambda rng, shape: np.triu(rng.uniform(0.3, 1, shape)) + np.eye(shape[-1]),
    "real": lambda rng, shape: rng.uniform(-2, 2, shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2, shape),
    "unit": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "small": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above": lambda rng, shape: rng.uniform(1.1, 3, shape),
    "distinct": lambda rng, shape: (rng.permutation(int(np.prod(shape))).reshape(shape) - 3.3) / 4,
    "apart": lambda rng, shape: rng.permutation(int(np.prod(shape))).reshape(shape) - 3.3,
    "sorted": lambda rng, shape: np.sort(rng.uniform(-2, 2, shape)),
    "special": lambda rng, shape: rng.choice([np.nan, np.inf, -np.inf, 0.0, 1.5, -2.0], shape),
    "integer": lambda rng, shape: rng.integers(-5, 6, shape),
    "zero": lambda rng, shape: np.zeros(shape, np.int64),
    "index": lambda rng, shape: rng.integers(0, 3, shape),
    "byte": lambda rng, shape: rng.integers(0, 200, shape).astype(np.uint8),
    "bool": lambda rng, shape: rng.random(shape) < 0.5,
    "complex": lambda rng, shape: rng.standard_normal(shape) + 1j * rng.standard_normal(shape),
}


def given(*shape: int, kind: str = "real", grad: bool = True) -> Given:
    return Given(shape, kind, grad)


def integer(*shape: int) -> Given:
    return Given(shape, "integer")


def index(*shape: int) -> Given:
    return Given(shape, "index")


def boolean(*shape: int) -> Given:
    return Given(shape, "bool")


@dataclass(frozen=True)
class Dtype:
    """A dtype by name."""

    name: str


@dataclass(frozen=True)
class Case:
    """One call. `method` says whether it is called on its first argument, too; `only` restricts it to that."""

    name: str
    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    method: bool = True
    only: bool = False
    values: bool = True  # False compares shape and dtype alone
    rtol: float = 0.0

    def __str__(self) -> str:
        parts = [_shown(a) for a in self.args] + [f"{k}={_shown(v)}" for k, v in self.params.items()]
        return f"{self.name}({', '.join(parts)})"


def case(name: str, *args: Any, **params: Any) -> Case:
    return Case(name, args, params)


def function(name: str, *args: Any, **params: Any) -> Case:
    """A call that is no method."""
    return Case(name, args, params, method=False)


def method(name: str, *args: Any, **params: Any) -> Case:
    """A call that is a method only."""
    return Case(name, args, params, only=True)


def _shown(x: Any) -> str:
    if isinstance(x, Given):
        return f"{x.kind}{list(x.shape)}"
    if isinstance(x, Dtype):
        return x.name
    if isinstance(x, (tuple, list)):
        return f"({', '.join(map(_shown, x))})"
    return repr(x)


def materialize(x: Any, make: Any, lib: Any) -> Any:
    """Replace what stands for tensors and dtypes by those of a library; `make` turns a Given into a tensor."""
    if isinstance(x, Given):
        return make(x)
    if isinstance(x, Dtype):
        return getattr(lib, x.name)
    if isinstance(x, (tuple, list)):
        return type(x)(materialize(y, make, lib) for y in x)
    return x


# How the elements of a tensor lie: what memory holds them, and how the tensor is taken of it.
LAYOUTS: dict[str, tuple[Any, Any]] = {
    "in order": (lambda data: data, lambda x: x),
    "transposed": (lambda data: data.T, lambda x: x.permute(*range(x.ndim - 1, -1, -1))),
    "strided": (lambda data: np.repeat(data, 2, -1), lambda x: x[..., ::2]),
    "backwards": (lambda data: data[..., ::-1], lambda x: x.flip(-1)),
    "expanded": (lambda data: data[:1], lambda x: x),
}
_REPEATABLE = ("real", "positive", "unit", "small", "above", "special", "integer", "index", "bool", "byte", "complex")


class Side:
    """One library's half of a comparison: its tensors, made in order, with those whose gradients are compared."""

    def __init__(self, lib: Any, seed: str, dtype: str, grad: bool = True, layout: str = "in order"):
        self.lib = lib
        self.layout = layout
        self.rng = np.random.default_rng(zlib.crc32(seed.encode()))
        self.dtype = dtype
        self.grad = grad
        self.leaves: list[Any] = []
        self.all: list[Any] = []

    def make(self, what: Given) -> Any:
        data = what.data(self.rng, self.dtype)
        layout = self.layout if data.ndim and (self.layout != "expanded" or what.kind in _REPEATABLE) else "in order"
        store, taken = LAYOUTS[layout]
        x = self.lib.from_numpy(np.array(store(data), order="C"))
        if what.has_gradient and self.grad:
            x.requires_grad_()
            self.leaves.append(x)
        x = x.expand(*what.shape) if layout == "expanded" else taken(x)
        self.all.append(x)
        return x

    def arguments(self, args: Any, params: Any) -> tuple[Any, Any]:
        made = [materialize(a, self.make, self.lib) for a in args]
        return made, {k: materialize(v, self.make, self.lib) for k, v in params.items()}


def flat(out: Any) -> list[Any]:
    """Return the tensors and numbers in a result, in order."""
    if isinstance(out, (tuple, list)):
        return [y for x in out for y in flat(x)]
    return [out]


def array(x: Any) -> np.ndarray:
    return np.asarray(x.numpy(force=True)) if hasattr(x, "detach") else np.asarray(x)


def backward(outputs: list[Any], lib: Any, seed: int) -> bool:
    """Run backward with random cotangents from all outputs that can; return whether there were any."""
    rng = np.random.default_rng(seed)
    total = None
    for x in outputs:
        if not hasattr(x, "requires_grad") or not x.requires_grad:
            continue
        data = rng.uniform(0.5, 1.5, tuple(x.shape))
        cotangent = lib.from_numpy(np.array(data)).to(getattr(lib, _name(x.dtype)))
        part = (x * cotangent).sum()
        part = part.real if _name(x.dtype).startswith("complex") else part
        total = part if total is None else total + part
    if total is not None:
        total.backward()
    return total is not None


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
