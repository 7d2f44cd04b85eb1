"""Tensors print as in PyTorch, character for character, but for the names of `grad_fn`."""

import itertools
import re

import numpy as np
import pytest

import minitorch as mt

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

RNG = np.random.default_rng(0)
# fmt: off
DATA = {
    "0-d": np.float32(1.5), "0-d int": np.int64(3), "0-d bool": np.bool_(True), "0-d complex": np.complex64(1 + 2j),
    "0-d whole": np.float32(3), "0-d nan": np.float32("nan"), "0-d huge": np.float32(1e20), "0-d tiny": np.float32(1e-20),
    "floats": np.float32([1.0, -2.5, 3.14159]), "whole": np.float32([1, -2, 3]), "zeros": np.zeros(3, np.float32),
    "minus zero": np.float32([-0.0, 0.0]), "nan": np.float32([np.nan, 1.5]), "inf": np.float32([np.inf, -np.inf, 2]),
    "only nan": np.float32([np.nan, np.nan]), "nan and whole": np.float32([np.nan, 1, 100]),
    "large": np.float32([1e9, 1]), "larger": np.float32([123456789.0, 0.5]), "small": np.float32([1e-5, 2e-5]),
    "ratio": np.float32([1e-3, 2.0]), "ratio of 1000": np.float32([1e-3, 1.0]), "many digits": np.float32([1234.5678, 0.1]),
    "large whole": np.float32([1e7, 1]), "whole, wide": np.float32([10000, 1]), "rounding": np.float32([0.99999, 1.00001]),
    "half": np.float16([1.5, 2.25]), "double": np.float64([1.5, 1 / 3]), "half inf": np.float16([np.inf, 0.1]),
    "ints": np.int64([1, -20, 300]), "int32": np.int32([1, 2]), "uint8": np.uint8([0, 255]), "int8": np.int8([-128]),
    "bools": np.array([True, False]), "bool matrix": np.array([[True, False], [False, False]]),
    "complex": np.complex64([1 + 2j, -3.5 - 0.25j]), "complex whole": np.complex64([1 + 2j, 3 - 4j]),
    "complex nan": np.complex64([complex(np.nan, 1), 1j]), "complex128": np.complex128([0.1 + 1e5j]),
    "complex inf": np.array([complex(1, np.inf), complex(-np.inf, 2)], np.complex64),
    "matrix": RNG.standard_normal((2, 3)).astype(np.float32), "cube": RNG.standard_normal((2, 2, 3)).astype(np.float32),
    "4-d": RNG.standard_normal((2, 1, 2, 2)), "column": np.ones((3, 1), np.float32),
    "ints, cube": np.arange(8).reshape(2, 2, 2),
    "long line": np.arange(40), "long floats": np.linspace(0, 1, 30, dtype=np.float32),
    "summary": np.arange(2000), "summary of floats": np.linspace(0, 1, 2000, dtype=np.float32),
    "summary of matrix": np.arange(4000).reshape(40, 100), "summary, tall": np.arange(2000.0).reshape(1000, 2),
    "summary, wide": np.arange(2000.0).reshape(2, 1000), "summary of cube": np.arange(8000).reshape(20, 20, 20),
    "summary of complex": np.arange(2000) * (1 + 1j), "long complex": np.arange(20) * (1 - 0.5j),
    "empty": np.zeros(0, np.float32), "empty int": np.zeros(0, np.int64), "empty matrix": np.zeros((0, 3), np.float32),
    "empty double": np.zeros((2, 0)), "empty bool": np.zeros((0,), bool),
}
OPTIONS = {
    "precision": {"precision": 2}, "more": {"precision": 8}, "linewidth": {"linewidth": 40}, "threshold": {"threshold": 5},
    "edges": {"threshold": 5, "edgeitems": 1}, "scientific": {"sci_mode": True}, "not scientific": {"sci_mode": False},
    "short": {"profile": "short"}, "full": {"profile": "full"},
}
# fmt: on


def texts(lib, name, grad=False):
    x = lib.from_numpy(np.array(DATA[name]))
    return repr(x.requires_grad_()) if grad else repr(x)


def without_prefix(text):
    return text.replace("torch.", "")


def unbroken(text):
    """Put the dtype on the line before: PyTorch, whose names of dtypes are longer, may have broken the line there."""
    return re.sub(r",\s+dtype=", ", dtype=", text)


@pytest.mark.parametrize("name", DATA)
def test_text(name):
    assert texts(mt, name) == without_prefix(texts(torch, name))


@pytest.mark.parametrize("name", [name for name, data in DATA.items() if data.dtype.kind in "fc"])
def test_text_with_gradient(name):
    assert texts(mt, name, True) == without_prefix(texts(torch, name, True))


@pytest.mark.parametrize("name", [name for name, data in DATA.items() if data.dtype.kind in "fc"])
def test_text_of_results(name):
    parts = []
    for lib in (mt, torch):
        x = lib.from_numpy(np.array(DATA[name])).requires_grad_()
        parts.append(re.sub(r"grad_fn=<\w+>", "grad_fn=<>", repr(x.mul(1))))
    # PyTorch may break the line elsewhere where it has a longer name.
    assert "".join(parts[0].split()) == "".join(without_prefix(parts[1]).split())


@pytest.mark.parametrize(("name", "options"), list(itertools.product(DATA, OPTIONS)))
def test_options(name, options):
    try:
        for lib in (mt, torch):
            lib.set_printoptions(**OPTIONS[options])
        assert unbroken(texts(mt, name)) == unbroken(without_prefix(texts(torch, name)))
    finally:
        for lib in (mt, torch):
            lib.set_printoptions(profile="default")


@pytest.mark.parametrize("spec", ["", ".2f", "8.3e", "g"])
@pytest.mark.parametrize("name", ["0-d", "0-d int", "0-d whole", "0-d nan", "floats"])
def test_format(spec, name):
    if spec and name == "floats":
        with pytest.raises(TypeError):
            format(mt.from_numpy(np.array(DATA[name])), spec)
    else:
        found = [format(lib.from_numpy(np.array(DATA[name])), spec) for lib in (mt, torch)]
        assert found[0] == without_prefix(found[1])
