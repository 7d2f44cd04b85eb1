"""The short programs of `programs.py` in both libraries."""

import ast
import importlib
import re
import textwrap

import numpy as np
import pytest

import minitorch as mt

from .programs import PROGRAMS

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]


def run(lib, source):
    """Return the text of a program's last expression, or the exception it raised."""
    name = lib.__name__
    source = re.sub(r"^( *from )torch\b", rf"\1{name}", textwrap.dedent(source), flags=re.MULTILINE)
    space = {"torch": lib, "np": np, "nn": lib.nn, "data": importlib.import_module(f"{name}.utils.data")}
    *before, last = ast.parse(source).body
    try:
        exec(compile(ast.Module(before, []), "program", "exec"), space)
        return repr(eval(compile(ast.Expression(last.value), "program", "eval"), space))
    except Exception as error:
        return error


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    ours, theirs = run(mt, PROGRAMS[name]), run(torch, PROGRAMS[name])
    if isinstance(theirs, Exception):
        assert isinstance(ours, (type(theirs), RuntimeError)), f"{ours!r} where PyTorch raises {theirs!r}"
        assert len(str(ours)) > 20
    else:
        plain = re.sub(r"torch\.Size\(\[(\d+)\]\)", r"(\1,)", theirs)
        plain = re.sub(r"torch\.Size\(\[(.*?)\]\)", r"(\1)", plain)
        plain = re.sub(r"(?<!')torch\.(\w+)(?=[,\])])", r"\1", plain)
        mine = re.sub(r"dtype\('(\w+)'\)", r"\1", str(ours))
        named = re.compile(r"grad_fn=<\w+>")
        assert named.sub("grad_fn", mine) == named.sub("grad_fn", plain)
