"""Every operation of PyTorch's own test database, on its sample inputs: values, dtypes, gradients, refusals."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from . import opinfo

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
OPERATIONS = {operation.name: operation for operation in opinfo.operations()}


def unexpected(operation, limit):
    name = operation.info.name
    return [
        f"{dtype}: {operation.name}({sample}): {what}"
        for dtype in opinfo.DTYPES
        for sample, what in opinfo.complaints(operation, dtype, limit)
        if not any(known.covers(name, dtype, what) for known in opinfo.KNOWN)
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_samples(name):
    assert not unexpected(OPERATIONS[name], 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_all_samples(name):
    assert not unexpected(OPERATIONS[name], 200)
