"""The house stands: every import points downward, importing is cheap, and nothing grows without bound.

`layers.py` holds the order. Imports inside functions and under TYPE_CHECKING count like any other.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .layers import LAYERS, LONG

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "minitorch"
FILE_LINES, FUNCTION_LINES = 450, 60
HEAVY = ("numba", "llvmlite", "cupy", "scipy", "matplotlib", "sklearn", "torch")


def sources(root: Path) -> dict[str, Path]:
    """Map each module's dotted name to its file."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports(name: str, path: Path, modules: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Yield the line and the target of each import of our own package, wherever in the file it stands."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for target in targets(node, package, modules):
            if target.partition(".")[0] == PACKAGE:
                yield from ((node.lineno, module) for module in entered(target, name))


def entered(target: str, name: str) -> Iterator[str]:
    """Yield the target and the packages whose `__init__` runs on the way to it, as seen from module `name`."""
    parts = target.split(".")
    for i in range(1, len(parts)):
        package = ".".join(parts[:i])
        if not f"{name}.".startswith(f"{package}."):
            yield package
    yield target


def targets(node: ast.AST, package: str, modules: dict[str, Path]) -> Iterator[str]:
    """Yield what one statement imports, by absolute name."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute("." * node.level + (node.module or ""), package)
        for alias in node.names:  # `from . import x` is the module x, if there is one
            yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
        yield from (absolute(a.value, package) for a in node.args[:1] if is_string(a))


def is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def absolute(target: str, package: str) -> str:
    """Resolve leading dots against a package: `..x` seen from `a.b` is `a.x`."""
    stem = target.lstrip(".")
    level = len(target) - len(stem)
    if not level:
        return target
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([stem] if stem else [])])


def violations(root: Path, layers: list[list[str]]) -> list[str]:
    """List every import that does not point downward, and every module without a layer."""
    rank = {name: i for i, layer in enumerate(layers) for name in layer}
    modules = sources(root)
    bad = []
    for name, path in modules.items():
        if name not in rank:
            bad.append(f"{path.relative_to(root)}: {name} has no layer; add it to tests/layers.py")
            continue
        for line, target in imports(name, path, modules):
            place = f"{path.relative_to(root)}:{line}: {name}"
            if target not in modules:
                bad.append(f"{place} imports {target}, which is no module")
            elif target in rank and rank[target] >= rank[name]:
                bad.append(f"{place} may not import {target}")
    return list(dict.fromkeys(bad))


def oversized(root: Path) -> dict[str, str]:
    """Map each file and function over the limits to a line that says by how much."""
    long = {}
    for name, path in sources(root).items():
        text = path.read_text(encoding="utf-8")
        lines = len(text.splitlines())
        if lines > FILE_LINES:
            long[name] = f"{name} has {lines} lines; the limit is {FILE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long[f"{name}.{node.name}"] = f"{name}.{node.name} has {lines} lines; the limit is {FUNCTION_LINES}"
    return long


def run(code: str) -> str:
    """Run Python code in a fresh process, without BLAS threads, and return what it printed."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_point_downward():
    bad = violations(ROOT, LAYERS)
    assert not bad, "\n" + "\n".join(bad)


def test_no_import_cycles():
    modules = sources(ROOT)
    graph = {name: {target for _, target in imports(name, path, modules)} for name, path in modules.items()}
    order = [*TopologicalSorter(graph).static_order()]  # raises CycleError, which shows the cycle
    assert order[-1] == "minitorch" and sorted(order) == sorted(modules)


def test_table_lists_each_module_once_and_no_others():
    listed = [name for layer in LAYERS for name in layer]
    assert len(listed) == len(set(listed))
    absent = sorted(set(listed) - set(sources(ROOT)))
    assert not absent, f"listed in tests/layers.py, but there is no such module: {absent}"


def test_sizes():
    long = oversized(ROOT)
    assert not [text for name, text in long.items() if name not in LONG]
    assert not [name for name in LONG if name not in long], "these are short again; drop them from LONG"


def test_import_is_light():
    loaded = run(f"import sys, minitorch; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_import_starts_no_thread():
    count = "import threading; print(threading.active_count())"
    if os.path.isdir("/proc/self/task"):
        count = "import os; print(len(os.listdir('/proc/self/task')))"
    assert run(f"import minitorch; {count}") == run(f"import numpy; {count}")


TOY = [["minitorch.p.q"], ["minitorch.a"], ["minitorch.b", "minitorch.c"], ["minitorch.p"], ["minitorch"]]


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("b.py", "from .a import f", None),
        ("b.py", "import minitorch.a", None),
        ("__init__.py", "from . import a, b", None),
        ("a.py", "from .b import f", "minitorch.a may not import minitorch.b"),
        ("b.py", "from . import c", "minitorch.b may not import minitorch.c"),
        ("a.py", "def f():\n    import minitorch.c", "a.py:2"),
        ("a.py", "if TYPE_CHECKING:\n    from minitorch.c import f", "may not import minitorch.c"),
        ("a.py", "importlib.import_module('minitorch.b')", "may not import minitorch.b"),
        ("a.py", "import_module('.b', __package__)", "may not import minitorch.b"),
        ("a.py", "from .p.q import f", "minitorch.a may not import minitorch.p"),
        ("a.py", "from . import name", "minitorch.a may not import minitorch"),
        ("a.py", "from .gone import f", "minitorch.gone, which is no module"),
        ("d.py", "", "minitorch.d has no layer"),
    ],
)
def test_the_layering_test_itself(tmp_path, file, text, complaint):
    folder = tmp_path / PACKAGE
    (folder / "p").mkdir(parents=True)
    for name in ("__init__.py", "a.py", "b.py", "c.py", "p/__init__.py", "p/q.py"):
        (folder / name).write_text("")
    (folder / file).write_text(text)
    bad = violations(tmp_path, TOY)
    assert (not bad) if complaint is None else (len(bad) == 1 and complaint in bad[0]), bad
