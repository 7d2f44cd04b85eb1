"""The kernel cache: what is kept, what is refused, and what happens when many processes meet in it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from minitorch.core.jit.native import cache, functions, kinds, scalarmath

ENTRY = cache.key("entry")
CODE = b"object code"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINITORCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", False)
    return tmp_path / "kernels"


def load(code: bytes) -> int:
    if code != CODE:
        raise ValueError("not what was built")
    return 42


def fetch() -> bool:
    """Fetch the entry; return whether it had to be built."""
    built = []

    def build() -> bytes:
        built.append(1)
        return CODE

    assert cache.fetch(ENTRY, build, load) == 42
    return bool(built)


def test_kept_and_found(place: Path) -> None:
    assert fetch() and not fetch()
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / ENTRY).stat().st_mode & 0o777 == 0o600
    assert not [name for name in os.listdir(place) if name != ENTRY and not name.endswith(".lock")]


def test_switched_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINITORCH_CACHE", "0")
    assert fetch() and fetch() and not place.exists()


def test_the_key_depends_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.key("a", True) == cache.key("a", True) != cache.key("a", False)
    monkeypatch.setattr("llvmlite.__version__", "another")
    assert cache.key("entry") != ENTRY


def truncate(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-3])


def flip(entry: Path) -> None:
    data = bytearray(entry.read_bytes())
    data[-1] ^= 1
    entry.write_bytes(data)


def replace_by_link(entry: Path) -> None:
    other = entry.with_name("elsewhere")
    entry.rename(other)
    entry.symlink_to(other)


def take_another(entry: Path) -> None:
    """An intact entry under another's name."""
    cache.fetch(cache.key("another"), lambda: CODE, load)
    entry.write_bytes((entry.parent / cache.key("another")).read_bytes())


def wrong_code(entry: Path) -> None:
    """An intact entry that the loader does not take."""
    code = b"something else"
    entry.write_bytes(cache.FORMAT + cache._digest(ENTRY, code) + code)


def make_folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


SPOILERS: list[Callable[[Path], Any]] = [
    truncate,
    flip,
    replace_by_link,
    take_another,
    wrong_code,
    lambda entry: entry.write_bytes(b""),
    lambda entry: entry.chmod(0o666),
]


@pytest.mark.parametrize("spoil", SPOILERS)
def test_bad_entries_are_built_again_with_one_warning(place: Path, spoil: Callable[[Path], Any]) -> None:
    fetch()
    spoil(place / ENTRY)
    with pytest.warns(RuntimeWarning, match="compiled again") as caught:
        assert fetch()
    assert len(caught) == 1
    assert not fetch()
    assert not (place / ENTRY).is_symlink()


def test_an_entry_that_cannot_be_replaced(place: Path) -> None:
    fetch()
    make_folder(place / ENTRY)
    with pytest.warns(RuntimeWarning) as caught:
        assert fetch() and fetch()
    assert len(caught) == 1


def foreign_owner(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)


def symbolic_link(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))


def open_to_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.chmod(0o777)


def a_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rename(place.with_name("elsewhere"))
    place.write_text("")


def not_to_be_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINITORCH_CACHE_DIR", "/proc/nowhere")


@pytest.mark.parametrize("spoil", [foreign_owner, symbolic_link, open_to_others, a_file, not_to_be_made])
def test_bad_folders_are_not_used(place: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., None]) -> None:
    fetch()
    spoil(place, monkeypatch)
    with pytest.warns(RuntimeWarning) as caught:
        assert fetch() and fetch()
    assert len(caught) == 1


def test_a_full_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space"):
        assert fetch()
    assert not [name for name in os.listdir(place) if not name.endswith(".lock")]


def test_a_foreign_entry_in_a_good_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch()
    honest = os.fstat

    def fstat(file: int) -> Any:
        status = honest(file)
        return status if os.path.isdir(f"/proc/self/fd/{file}") else os.stat_result((*status[:4], 12345, *status[5:10]))

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.warns(RuntimeWarning, match="another user"):
        assert fetch()


USE = """
import ctypes, sys
import numpy as np
from minitorch.core.jit.native.compile import compile_kernel, counts
source = '''
def scaled(P, lo, hi):
    x = f32(P[0]); out = f32(P[1])
    for i in range(lo, hi):
        out[i] = exp(x[i]) + erf(x[i]) + lgamma(x[i]) + fmod(x[i], float32(2)) + pow(x[i], x[i]) + tan(x[i])
'''
kernel = compile_kernel(source, "scaled")
x = np.linspace(0.5, 5, 50, dtype=np.float32)
out = np.zeros_like(x)
slots = np.array([x.ctypes.data, out.ctypes.data])
ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)(slots.ctypes.data, 0, 50)
assert np.isfinite(out).all() and out.std() > 1
print(counts.compiled, sorted({"numba", "scipy", "minitorch.core.jit.native.codegen"} & set(sys.modules)))
"""


def start(folder: Path, warnings: str = "error::RuntimeWarning") -> subprocess.Popen[str]:
    env = os.environ | {"MINITORCH_CACHE_DIR": str(folder), "PYTHONWARNINGS": warnings}
    return subprocess.Popen(
        [sys.executable, "-c", USE], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def test_a_warm_start_imports_no_compiler(tmp_path: Path) -> None:
    assert finish(start(tmp_path)) == "1 ['minitorch.core.jit.native.codegen']"
    assert finish(start(tmp_path)) == "0 []"


def test_users_see_the_warning(tmp_path: Path) -> None:
    finish(start(tmp_path))
    (entry,) = (path for path in (tmp_path / "kernels").iterdir() if path.suffix != ".lock")
    truncate(entry)
    process = start(tmp_path, "default")
    out, err = process.communicate(timeout=120)
    assert out.startswith("1") and err.count("compiled again") == 1


def test_sixteen_processes_meet_an_empty_cache(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(16)]
    answers = [finish(process) for process in processes]
    assert sum(answer.startswith("1") for answer in answers) == 1
    names = os.listdir(tmp_path / "kernels")
    assert len([name for name in names if not name.endswith(".lock")]) == 1


def test_no_warning_where_all_is_well(place: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fetch()
        fetch()


def test_all_text_that_kernels_take_counts() -> None:
    """An entry outlives no change of a function that is compiled into it."""
    found: set[str] = set()

    def visit(value: Any) -> None:
        code = getattr(value, "__code__", None)
        if code is None or (code.co_filename in found and not value.__closure__):
            return
        found.add(code.co_filename)
        for cell in value.__closure__ or ():
            visit(cell.cell_contents)

    for function in scalarmath.NAMES.values():
        for kind in (kinds.float32, kinds.float64) if isinstance(function, functions.Function) else ():
            for count in (1, 2, 3):
                with suppress(TypeError):  # it takes another number
                    visit(function.choose(*[kind] * count))
    covered = {str(path) for path in cache.files()}
    assert found and found <= covered
    assert all(any(path.endswith(name) for path in found) for name in ("reproducible.py", "transforming.py"))
