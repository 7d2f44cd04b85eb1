"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def names_of_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Give the examples of `minitorch.numpy` its usual name."""
    if "minitorch/numpy/" in request.path.as_posix():
        import minitorch.numpy

        doctest_namespace["mnp"] = minitorch.numpy
