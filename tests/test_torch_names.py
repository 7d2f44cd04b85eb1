"""The page of PyTorch's names says what is there."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SCRIPT = Path(__file__).resolve().parent.parent / "docs" / "torch_names.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("torch_names", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["PAGE", "PACKAGES"])
def test_the_page_is_up_to_date(script, name):
    written = getattr(script, name).read_text(encoding="utf-8")
    # In a process of its own: what other tests import adds names to torch.
    program = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import torch_names as t; "
        f"print(t.page(t.PAGES[t.{name}]), end='')"
    )
    run = [sys.executable, "-c", program]
    made = subprocess.run(run, cwd=SCRIPT.parent.parent, capture_output=True, text=True, check=True, timeout=120).stdout
    if written.split(" that is there")[0] != made.split(" that is there")[0]:
        pytest.skip("the page is about another release of PyTorch")
    assert written == made, "run `python docs/torch_names.py`"


def test_differences_are_about_names_that_are_there(script):
    for title, table in script.DIFFERENT.items():
        theirs, ours = script.space(title)
        assert not [name for name in table if not (hasattr(theirs, name) and hasattr(ours, name))], title
