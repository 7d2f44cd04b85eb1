"""What object code was made for, and whether this machine can run it."""

from __future__ import annotations

import platform
import sys
from typing import Any

from . import cache, width


def target() -> dict[str, Any]:
    """Describe this machine as far as kernels depend on it."""
    from . import loader

    cpu, features = loader.host()
    return {
        "system": f"{platform.system()} {platform.machine()} {sys.maxsize.bit_length() + 1} {sys.byteorder}",
        "cpu": cpu,
        "features": sorted(f for f in features.split(",") if f.startswith("+")),
        "vectors": [width.vector_bytes(), width.registers()],
        "runtime": cache.sources(),
    }


def misfit(made_for: dict[str, Any]) -> str | None:
    """Say why this machine must compile kernels anew that were made for another; None if it need not.

    A CPU that can more runs what was made for one with vectors of the same size.

    >>> misfit(target()) is None
    True
    """
    here = target()
    if made_for["system"] != here["system"]:
        return f"its kernels are for {made_for['system']}, and this is {here['system']}"
    missing = sorted(set(made_for["features"]) - set(here["features"]))
    if missing or made_for["vectors"] != here["vectors"]:
        wanted = f", which lacks {', '.join(missing)}" if missing else ", whose vectors have another size"
        return f"its kernels are for the CPU {made_for['cpu']}, and this is {here['cpu']}{wanted}"
    if made_for["runtime"] != here["runtime"]:
        return "its kernels are from another state of the library"
    return None
