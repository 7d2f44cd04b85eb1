"""Kernels that these tests compile are kept in a folder of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package", autouse=True)
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("MINITORCH_CACHE_DIR")
    os.environ["MINITORCH_CACHE_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["MINITORCH_CACHE_DIR"]
    else:
        os.environ["MINITORCH_CACHE_DIR"] = before
