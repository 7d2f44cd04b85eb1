"""Printed errors show the user's frames, and those of the library where the library is at fault or an option asks."""

import os
import re
import subprocess
import sys
import threading
import traceback
import types
from pathlib import Path

import numpy as np
import pytest

import minitorch as mt
from minitorch.core import config, tracebacks, tree
from minitorch.core.ops import norms
from minitorch.errors import ArgumentError, ShapeError

ROOT = Path(__file__).resolve().parent.parent
FRAME = re.compile(r'File "(.+)", line \d+, in (\w+)')


# --------------------------------------------------------------------------- what users write


def mismatch(x):
    return (x @ mt.ones(4)).sum()


def no_such_key(x):
    return {}["k"]


def own_error(x):
    try:
        return mismatch(x)
    except ShapeError as error:
        raise KeyError("mine") from error


def while_handling(x):
    try:
        return mismatch(x)
    except ShapeError:
        return no_such_key(x)


def never_raised(x):
    raise KeyError("mine") from ValueError("theirs")


def raises_assertion(*args):
    assert not args


def under_grad(x):
    return mt.vmap(mt.grad(mismatch))(x)


def in_tree(x):
    return tree.map(no_such_key, {"a": x})


# Each: the call, and the functions of this file whose frames are printed, from top to bottom.
SHORT = {
    "an operation": (lambda: mismatch(mt.ones(3)), ["mismatch"]),
    "a refused dtype": (lambda: mt.arange(3).mean(), []),
    "a TypeError by intent": (lambda: mt.from_numpy([1.0]), []),
    "an error of NumPy's that says it better": (lambda: mt.ones(2) + mt.ones(3), []),
    "a function inside transforms": (lambda: under_grad(mt.ones(2, 3)), ["under_grad", "mismatch"]),
    "a user's error inside a transform": (lambda: mt.grad(no_such_key)(1.0), ["no_such_key"]),
    "a user's assertion": (lambda: mt.grad(raises_assertion)(1.0), ["raises_assertion"]),
    "a user's error under a dependency": (lambda: in_tree(1.0), ["in_tree", "no_such_key"]),
    "a module": (lambda: mt.nn.Sequential(mt.nn.Linear(3, 2), mt.nn.ReLU())(mt.ones(4)), []),
    "a cause": (lambda: mt.grad(own_error)(mt.ones(3)), ["own_error", "mismatch", "own_error"]),
    "a context": (
        lambda: mt.grad(while_handling)(mt.ones(3)),
        ["while_handling", "mismatch", "while_handling", "no_such_key"],
    ),
    "a cause never raised": (lambda: mt.grad(never_raised)(1.0), ["never_raised"]),
}


def printed(call, mode="short"):
    """Return what Python would print of the error of a call."""
    with config.setting(config.tracebacks, mode), pytest.raises(BaseException) as found:
        call()
    with config.setting(config.tracebacks, mode), tracebacks.shortened(found.value):
        return "".join(traceback.format_exception(found.value))


def frames(text):
    """Return the functions of this file, and the files of the library, in a printed error."""
    found = FRAME.findall(text)
    mine = [function for file, function in found if file == __file__ and function not in ("printed", "__exit__")]
    return [name for name in mine if name != "lambda"], [file for file, _ in found if tracebacks.is_internal(file)]


@pytest.mark.parametrize("name", SHORT)
def test_users_see_their_own_frames(name):
    call, expected = SHORT[name]
    assert frames(printed(call)) == (expected, [])


@pytest.mark.parametrize("name", SHORT)
def test_full_tracebacks_show_everything(name):
    call, expected = SHORT[name]
    mine, internal = frames(printed(call, "full"))
    assert mine == expected and internal


def test_causes_inside_the_library_are_left_out():
    text, whole = (printed(lambda: mt.ones(2) + mt.ones(3), mode) for mode in tracebacks.MODES)
    assert text.count("most recent call last") == 1 and whole.count("most recent call last") > 1
    assert "ValueError: theirs" in printed(lambda: mt.grad(never_raised)(1.0))


@pytest.mark.parametrize(
    "broken", [lambda *args: args.nope, lambda *args: {}[args], raises_assertion, lambda *args: np.linalg.inv("text")]
)
def test_defects_of_the_library_keep_their_frames(broken, monkeypatch):
    code = broken.__code__.replace(co_filename=norms.__file__)
    monkeypatch.setattr(norms, "canonical_axes", types.FunctionType(code, {"np": np}))
    mine, internal = frames(printed(lambda: mt.ones(3).var((0,))))
    assert not mine and len(internal) > 3 and internal[-1] == norms.__file__


def test_other_exceptions_are_left_alone():
    def interrupt(x):
        raise KeyboardInterrupt

    assert frames(printed(lambda: mt.grad(interrupt)(1.0)))[1]
    assert frames(printed(lambda: no_such_key(1))) == (["no_such_key"], [])
    with tracebacks.shortened(None) as changed:
        assert not changed


def test_the_error_itself_keeps_every_frame():
    with pytest.raises(ShapeError) as found:
        mt.ones(2) + mt.ones(3)
    error = found.value
    before = traceback.format_exception(error)
    with config.setting(config.tracebacks, "short"), tracebacks.shortened(error) as changed:
        assert changed and traceback.format_exception(error) != before
    assert traceback.format_exception(error) == before


def test_a_cycle_of_contexts_ends():
    with pytest.raises(ShapeError) as found:
        mt.ones(2) + mt.ones(3)
    error, other = found.value, ValueError("other")
    error.__cause__, other.__context__ = other, error
    with config.setting(config.tracebacks, "short"), tracebacks.shortened(error) as changed:
        assert changed and error.__cause__ is other
    assert other.__context__ is error


def test_previous_hooks_are_called_with_what_is_left(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: seen.append(traceback.format_exception(*args)))
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(traceback.format_exception(*args[:3])))
    tracebacks.install()
    with config.setting(config.tracebacks, "short"):
        for call in (lambda: mt.ones(2) + mt.ones(3), lambda: no_such_key(1)):
            with pytest.raises((ShapeError, KeyError)) as found:
                call()
            error = found.value
            sys.excepthook(type(error), error, error.__traceback__)
            thread = threading.ExceptHookArgs((type(error), error, error.__traceback__, None))
            threading.excepthook(thread)
    assert len(seen) == 4 and not any(frames("".join(lines))[1] for lines in seen)


def test_ipython_renders_what_is_left(monkeypatch):
    shell = types.SimpleNamespace(structured_traceback=traceback.format_exception)
    ipython = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(InteractiveTB=shell))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    with pytest.raises(ShapeError) as found:
        mismatch(mt.ones(3))
    for mode in tracebacks.MODES:
        with config.setting(config.tracebacks, mode):
            mine, internal = frames("".join(found.value._render_traceback_()))
        assert mine[-1] == "mismatch" and bool(internal) == (mode == "full")


def test_set_tracebacks():
    with config.setting(config.tracebacks, "short"):
        mt.errors.set_tracebacks("full")
        assert config.tracebacks.get() == "full"
        with pytest.raises(ArgumentError, match="set_tracebacks: mode must be 'short' or 'full', got 'long'"):
            mt.errors.set_tracebacks("long")


# --------------------------------------------------------------------------- whole programs

SCRIPT = """
import sys, threading
import minitorch as mt

def loss(x):
    return (x @ mt.ones(4)).sum()

def main():
    mt.grad(loss)(mt.ones(3))

if "thread" in sys.argv:
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
else:
    main()
"""


def run(command, mode, folder):
    env = {k: v for k, v in os.environ.items() if k != "MINITORCH_TRACEBACK"} | {"PYTHONPATH": str(ROOT)}
    env |= {"MINITORCH_TRACEBACK": mode} if mode else {}
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("mode", ["", "short", "full"])
def test_program(tmp_path, where, mode):
    script = tmp_path / "program.py"
    script.write_text(SCRIPT)
    text = run([sys.executable, str(script), where], mode, tmp_path)
    shown = FRAME.findall(text)
    assert [name for file, name in shown if file == str(script)][-2:] == ["main", "loss"]
    assert any(tracebacks.is_internal(file) for file, _ in shown) == (mode == "full")
    assert text.count("ShapeError: matmul") == 1


@pytest.mark.parametrize("mode", ["", "full"])
def test_pytest_hides_them_too(tmp_path, mode):
    (tmp_path / "test_user.py").write_text(SCRIPT.partition("if")[0] + "def test_loss():\n    main()\n")
    text = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_user.py"], mode, tmp_path)
    assert "test_user.py:6: ShapeError" in text or mode
    assert ("contractions.py" in text) == (mode == "full")
