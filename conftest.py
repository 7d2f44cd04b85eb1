"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def names_of_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Give the examples of the library `mt`; those of `minitorch.numpy` its usual name, too, and those of layers `nn`."""
    path = request.path.as_posix()
    if "minitorch/" in path:
        import minitorch

        doctest_namespace["mt"] = minitorch
    if "minitorch/nn/modules/" in path:
        doctest_namespace["nn"] = minitorch.nn
    if "minitorch/numpy/" in path:
        import minitorch.numpy

        doctest_namespace["mnp"] = minitorch.numpy
