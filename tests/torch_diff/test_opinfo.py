"""Every operation of PyTorch's own test database, on its sample inputs: values, dtypes, gradients, refusals."""

import pytest

from . import opinfo

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
OPERATIONS = {operation.name: operation for operation in opinfo.operations()}


def unexpected(operation, limits, twice):
    """Return what differs; `limits` says how many samples there are of float64 and of each other dtype."""
    name = operation.info.name
    return [
        f"{dtype}: {operation.name}({sample}): {what}"
        for dtype in opinfo.DTYPES
        for sample, what in opinfo.complaints(operation, dtype, limits[dtype != "float64"], twice)
        if not any(known.covers(name, dtype, what) for known in opinfo.KNOWN)
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_samples(name):
    assert not unexpected(OPERATIONS[name], limits=(2, 1), twice=1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_refusals(name):
    for text, call in opinfo.refusals(OPERATIONS[name]):
        if (name, text) not in opinfo.TAKEN:
            with pytest.raises(opinfo.REFUSALS) as refused:
                call()
            assert len(str(refused.value)) > 20, text


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_all_samples(name):
    assert not unexpected(OPERATIONS[name], limits=(200, 200), twice=20)


@pytest.mark.parametrize("name", [name for name, op in OPERATIONS.items() if op.in_place])
def test_in_place(name):
    operation = OPERATIONS[name]
    assert not list(opinfo.written(operation, 2))
