"""What the examples in docstrings may use without importing it, and how exactly what they print must agree."""

from __future__ import annotations

import re
from typing import Any

import pytest
from _pytest import doctest

WHOLE = re.compile(r"(?<=\d)\.(?![\d.])")


def pytest_configure() -> None:
    """Compare whole numbers in examples to five decimals: pytest's NUMBER takes `3.` for `2.`, which shows none."""
    usual: Any = type(doctest._get_checker())

    class Checker(usual):  # type: ignore[misc]
        def check_output(self, want: str, got: str, optionflags: int) -> bool:
            literally = optionflags & ~doctest._get_number_flag()
            return any(
                super(Checker, self).check_output(text, got, flags)
                for text, flags in ((want, literally), (WHOLE.sub(".00000", want), optionflags))
            )

    doctest.CHECKER_CLASS = Checker


@pytest.fixture(autouse=True)
def names_of_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Give examples `mt` and `nn`, and those of `minitorch.numpy` its usual name."""
    import minitorch

    doctest_namespace |= {"mt": minitorch, "nn": minitorch.nn}
    if "minitorch/numpy/" in request.path.as_posix():
        import minitorch.numpy

        doctest_namespace["mnp"] = minitorch.numpy
