"""The table of workloads and of the contenders in each.

A contender is a function that sets everything up and returns `step`: its arguments are the workload's data, as arrays of
its library; it does one unit of work, and returns the loss (or the result) by which contenders are checked against each
other. Knows nothing of timing.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Step = Callable[..., Any]
Build = Callable[[], Step]
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]
Data = Callable[[int], tuple[np.ndarray, ...]]

BASELINES = ("torch", "jax")
# How each contender takes an array of NumPy's in.
TAKES = {
    "torch": ("torch", "tensor"),
    "torch.compile": ("torch", "tensor"),
    "minitorch": ("minitorch", "tensor"),
    "minitorch jit": ("minitorch", "tensor"),
    "jax": ("jax.numpy", "asarray"),
    "numpy": ("numpy", "asarray"),
}


@dataclass
class Workload:
    """What is timed. `flops` are those of the matrix products, `bytes` those that have to cross memory."""

    name: str
    title: str
    flops: float = 0.0
    bytes: float = 0.0
    data: Data | None = None  # the arguments of a step, for a batch size
    batch: int = 0
    contenders: dict[str, Build] = field(default_factory=dict)

    def inputs(self, library: str, batch: int) -> list[Any]:
        """Make the arguments of a step, for a batch size."""
        if self.data is None:
            return []
        module, name = TAKES[library]
        return [getattr(importlib.import_module(module), name)(x) for x in self.data(batch)]

    def start(self, library: str) -> Callable[[], Any]:
        """Set a contender up, and give its step the data."""
        step, inputs = self.contenders[library](), self.inputs(library, self.batch)
        return partial(step, *inputs) if inputs else step


WORKLOADS: dict[str, Workload] = {}


def workload(
    name: str, title: str, flops: float = 0.0, bytes: float = 0.0, data: Data | None = None, batch: int = 0
) -> None:
    """Add a workload, which has no contenders yet."""
    WORKLOADS[name] = Workload(name, title, flops, bytes, data, batch)


def contender(name: str, library: str) -> Callable[[Build], Build]:
    """Enter a function as what `library` does for a workload.

    The function imports its library itself; an ImportError leaves the contender out.
    """

    def enter(build: Build) -> Build:
        WORKLOADS[name].contenders[library] = build
        return build

    return enter


TorchStyle = Callable[[ModuleType, Compile], Step]


def torch_style(name: str) -> Callable[[TorchStyle], TorchStyle]:
    """Enter one function for every library with PyTorch's API.

    It takes the library and what compiles the forward pass with the loss: `torch.compile`, or nothing at all. `mt.jit`
    compiles the whole step.
    """

    def enter(build: TorchStyle) -> TorchStyle:
        load = importlib.import_module
        contender(name, "torch")(lambda: build(load("torch"), as_is))
        contender(name, "torch.compile")(lambda: build(load("torch"), torch_compile()))
        contender(name, "minitorch")(lambda: build(load("minitorch"), as_is))
        contender(name, "minitorch jit")(lambda: load("minitorch").jit(build(load("minitorch"), as_is)))
        return build

    return enter


def as_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def torch_compile() -> Compile:
    """Return `torch.compile` if what it needs is there."""
    torch = importlib.import_module("torch")
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
        raise ImportError("it needs a C++ compiler")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise ImportError("it needs Python's headers")
    return torch.compile
