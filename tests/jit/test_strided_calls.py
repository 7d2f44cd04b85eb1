"""Arguments whose elements do not lie side by side: few are copied natively, the rest as before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitorch as mt
from minitorch.compiling.entry import MISS
from minitorch.core.jit.native.enter import MOST_COPIED
from minitorch.core.ops.shaping import transpose

CALLS = 4
DTYPES = ("float32", "float64", "int32", "int64", "float16", "int8", "complex64")
LAYOUTS = {
    "transposed": ((4, 3), lambda x: x.T),
    "three axes": ((2, 3, 4), lambda x: x.permute(2, 0, 1)),
    "four axes": ((2, 3, 4, 2), lambda x: x.permute(3, 1, 0, 2)),
    "columns": ((5, 4), lambda x: x[:, 1:3]),
    "last index": ((3, 4, 2), lambda x: x[..., 1]),
    "every second": ((7,), lambda x: x[::2]),
    "expanded": ((3, 1), lambda x: x.expand(3, 4)),
    "many": ((100, 90), lambda x: x.T),
}


def numbers(shape, dtype, start=0):
    return mt.tensor((np.arange(np.prod(shape)).reshape(shape) + start) % 50, dtype=getattr(mt, dtype))


def is_short_way(compiled, *args):
    """Whether a call with these arguments is one native call."""
    way = compiled.quick
    return way is not None and way.entrance is not None and way.entrance.run(args) is not MISS


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_numbers_are_those_of_the_layout(name, dtype):
    shape, lay_out = LAYOUTS[name]
    compiled = mt.jit(lambda x, y: x + y * 2)
    for i in range(CALLS):
        x, y = lay_out(numbers(shape, dtype, i)), lay_out(numbers(shape, dtype, 3 * i)).clone()
        assert compiled(x, y).tolist() == (x + y * 2).tolist()
        assert compiled(y, x).tolist() == (y + x * 2).tolist()
    few = x.numel() <= MOST_COPIED and x.element_size() in (4, 8) and dtype != "complex64"
    if few:
        assert is_short_way(compiled, y, x)


@given(data=st.data())
def test_any_layout(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)))
    order = data.draw(st.permutations(range(len(shape))))
    steps = tuple(slice(data.draw(st.integers(0, n - 1)), n, data.draw(st.integers(1, 3))) for n in shape)
    compiled = mt.jit(lambda x: x * 3 + 1)
    for i in range(CALLS):
        x = numbers(shape, "float32", i)[steps].permute(*order)
        assert compiled(x).tolist() == (x * 3 + 1).tolist()


def test_layouts_in_turn():
    compiled = mt.jit(lambda x: x * 2)
    for i in range(3 * CALLS):
        x = numbers((3, 3), "float32", i)
        x = x.T if i % 2 else x
        assert compiled(x).tolist() == (x * 2).tolist()
    assert compiled.records <= 2


def test_arrays_of_the_functional_face():
    compiled = mt.jit(lambda x: x * 2)
    for i in range(CALLS):
        x = transpose(mt.Array(np.arange(6, dtype=np.float32).reshape(2, 3) + i), axes=(1, 0))
        assert not x._data.flags.c_contiguous
        assert compiled(x).tolist() == (x._data * 2).tolist()
    assert is_short_way(compiled, x)


def test_the_backward_pass_reads_the_layout_too():
    compiled = mt.jit(lambda x, w: (x * x * w).sum())
    for i in range(2 * CALLS):
        w = numbers((3, 4), "float32", i).requires_grad_()
        x = numbers((4, 3), "float32", 2 * i).T
        compiled(x, w).backward()
        assert w.grad.tolist() == (x * x).tolist()


def test_a_result_that_is_the_argument_is_the_same_tensor():
    compiled = mt.jit(lambda x: (x, x + 1))
    for i in range(CALLS):
        x = numbers((4, 3), "float32", i).T
        same, more = compiled(x)
        assert same is x and more.tolist() == (x + 1).tolist()


def test_what_is_written_to_an_argument_lands_in_it():
    compiled = mt.jit(lambda x: x.add_(1))
    whole = numbers((4, 3), "float32")
    for i in range(CALLS):
        compiled(whole.T)
        assert whole.tolist() == (numbers((4, 3), "float32") + i + 1).tolist()


def test_donated_arguments_in_any_layout():
    compiled = mt.jit(lambda x: x * 2, donate_argnums=0)
    for i in range(CALLS):
        x = transpose(mt.Array(np.arange(6, dtype=np.float32).reshape(2, 3) + i), axes=(1, 0))
        expected = (x._data * 2).tolist()
        assert compiled(x).tolist() == expected
