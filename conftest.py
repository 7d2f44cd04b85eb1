"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def names_of_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Give the examples of `minitorch.numpy` its usual name, those of tensors `mt`, and those of layers `nn`, too."""
    path = request.path.as_posix()
    if "minitorch/numpy/" in path:
        import minitorch.numpy

        doctest_namespace["mnp"] = minitorch.numpy
    if "minitorch/tensor/" in path or "minitorch/nn/modules/" in path:
        import minitorch

        doctest_namespace |= {"mt": minitorch, "nn": minitorch.nn}
