"""What many tests set up: a training step, and threads that run at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import minitorch as mt


def training(optimizer: mt.optim.Optimizer, loss_of: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step of training: gradients are cleared, a loss is pulled back and returned, parameters are updated."""

    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(*batch)
        loss.backward()
        optimizer.step()
        return loss

    return step


def at_once(*works: Callable[[], Any]) -> None:
    """Run functions in a thread each, which take turns as often as can be."""
    threads = [threading.Thread(target=work) for work in works]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
