"""The Python blocks of every page run, in order, in one namespace per page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_in_docs_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [b for b in BLOCK.findall(page.read_text()) if not b.lstrip().startswith(">>>")]
    namespace: dict = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)
    assert not blocks or namespace


def test_no_page_names_the_unrelated_package():
    for page in PAGES:
        assert not re.search(r"pip install (-U )?minitorch\b(?!-)", page.read_text()), page
