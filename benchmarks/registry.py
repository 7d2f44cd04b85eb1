"""The table of workloads and of the contenders in each.

A contender is a function that sets everything up and returns `step`: no arguments, one unit of work, and as its value
the loss (or the result) by which contenders are checked against each other. Knows nothing of timing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

Step = Callable[[], Any]
Build = Callable[[], Step]

BASELINE = "torch"
TORCH_STYLE = {"torch": "torch", "minitorch": "minitorch"}


@dataclass
class Workload:
    """What is timed. `flops` are those of the matrix products, `bytes` those that have to cross memory."""

    name: str
    title: str
    flops: float = 0.0
    bytes: float = 0.0
    contenders: dict[str, Build] = field(default_factory=dict)


WORKLOADS: dict[str, Workload] = {}


def workload(name: str, title: str, flops: float = 0.0, bytes: float = 0.0) -> None:
    """Add a workload, which has no contenders yet."""
    WORKLOADS[name] = Workload(name, title, flops, bytes)


def contender(name: str, library: str) -> Callable[[Build], Build]:
    """Enter a function as what `library` does for a workload.

    The function imports its library itself; an ImportError leaves the contender out.
    """

    def enter(build: Build) -> Build:
        WORKLOADS[name].contenders[library] = build
        return build

    return enter


def torch_style(name: str) -> Callable[[Callable[[ModuleType], Step]], Callable[[ModuleType], Step]]:
    """Enter one function for every library with PyTorch's API, which it takes as its argument."""

    def enter(build: Callable[[ModuleType], Step]) -> Callable[[ModuleType], Step]:
        for library, module in TORCH_STYLE.items():
            contender(name, library)(lambda module=module: build(importlib.import_module(module)))
        return build

    return enter
