"""The Python blocks of every page run, in order, in one namespace per page; blocks with `>>>` show what they print."""

from __future__ import annotations

import builtins
import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import minitorch.core.control  # noqa: F401 (its primitives are the library's, not a page's)
from minitorch import errors
from minitorch.core.primitive import PRIMITIVES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
NAMES_NEEDING_EXTRAS = {"datasets": "sklearn", "draw_graph": "graphviz"}


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return the line and the text of each block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(1)), found.group(1)) for found in BLOCK.finditer(text)]


def run(page: Path, line: int, code: str, space: dict) -> None:
    """Run one block; the line numbers in a traceback are those of the page."""
    if ">>>" not in code:
        exec(compile("\n" * line + code, str(page), "exec"), space)
        return
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(code, space, page.name, str(page), line)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(test, out=report.append, clear_globs=False)
    space.update(test.globs)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks(page)
    for name, package in NAMES_NEEDING_EXTRAS.items():
        if any(name in code for _, code in found):
            pytest.importorskip(package)
    declared = dict(PRIMITIVES)
    space: dict = {"__name__": "page"}
    try:
        for line, code in found:
            run(page, line, code, space)
    finally:  # what a page declares is no operation of the library
        for name in PRIMITIVES.keys() - declared.keys():
            del PRIMITIVES[name]


def test_the_runner_itself(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n>>> y = 5\n```\n\n```python\nassert y == 5\n```\n"
    )
    space: dict = {}
    for line, code in blocks(page):
        run(page, line, code, space)
    with pytest.raises(AssertionError, match="Expected"):
        run(page, 0, ">>> 1\n2\n", {})
    with pytest.raises(ZeroDivisionError):
        run(page, 0, "1 / 0", {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_the_unrelated_package(page):
    assert not re.search(r"pip install (-\S+ )*minitorch\b(?!-)", page.read_text(encoding="utf-8"))


def test_every_page_is_linked_from_the_readme():
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


def rows(page: str) -> list[list[str]]:
    """Return the cells of the table rows of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line.startswith("|")
    ]


def test_each_convention_has_a_test_of_its_number():
    numbers = [cells[0] for cells in rows("conventions.md") if re.fullmatch(r"E\d+", cells[0])]
    assert numbers == [f"E{i}" for i in range(1, 29)]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [n for n in numbers if not re.search(rf"^def test_{n}_", tests, re.IGNORECASE | re.MULTILINE)]


def test_the_table_of_errors_is_complete_and_true():
    table = {cells[0].strip("`"): cells[1] for cells in rows("errors.md")[2:]}
    classes = {name for name, kind in vars(errors).items() if isinstance(kind, type) and name.endswith("Error")}
    assert set(table) == classes - {"MinitorchError"}
    for name, bases in table.items():
        for base in re.findall(r"`([\w.]+)`", bases):
            expected = np.linalg.LinAlgError if base == "numpy.linalg.LinAlgError" else getattr(builtins, base)
            assert issubclass(getattr(errors, name), expected), f"{name} is no {base}"


def test_every_convention_has_a_test_with_its_number():
    names = " ".join(
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    )
    numbers = [int(cells[0][1:]) for cells in rows("conventions.md")[2:]]
    missing = [n for n in numbers if not re.search(rf"(?i)_e{n}(_|\b)", names)]
    assert not missing, f"no test names E{missing}"
