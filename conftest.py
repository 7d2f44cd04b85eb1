"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def names_of_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Give examples `mt` and `nn`, and those of `minitorch.numpy` its usual name."""
    import minitorch

    doctest_namespace |= {"mt": minitorch, "nn": minitorch.nn}
    if "minitorch/numpy/" in request.path.as_posix():
        import minitorch.numpy

        doctest_namespace["mnp"] = minitorch.numpy
