"""Every operation of PyTorch's own test database, on its sample inputs: values, dtypes, gradients, refusals."""

import pytest

from . import opinfo

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
OPERATIONS = {operation.name: operation for operation in opinfo.operations()}


# How many samples of each dtype the quick test takes.
QUICK = {"float64": 2, "float32": 1, "complex128": 1, "int64": 1, "bool": 1, "bfloat16": 1}


def unexpected(operation, limits, twice):
    """Return what differs; `limits` says how many samples there are of each dtype."""
    name = operation.info.name
    found = [
        (
            f"{dtype}: {operation.name}({sample}): {what}",
            what and not any(k.covers(name, dtype, what) for k in opinfo.KNOWN),
        )
        for dtype, limit in limits.items()
        for sample, what in opinfo.complaints(operation, dtype, limit, twice)
    ]
    assert found, "PyTorch takes none of these samples"
    return [text for text, is_unexpected in found if is_unexpected]


@pytest.mark.parametrize("name", OPERATIONS)
def test_samples(name):
    assert not unexpected(OPERATIONS[name], QUICK, twice=1)


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
    assert not unexpected(OPERATIONS[name], dict.fromkeys(opinfo.DTYPES, 100), twice=10)


@pytest.mark.parametrize("name", [name for name, op in OPERATIONS.items() if op.in_place])
def test_in_place(name):
    operation = OPERATIONS[name]
    assert not list(opinfo.written(operation, 2))
