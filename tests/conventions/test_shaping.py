"""What the structural operations promise beyond the test table: errors, dtypes, and no needless copies."""

import numpy as np
import pytest

from minitorch.core.array import Array
from minitorch.core.errors import ArgumentError, OutOfBoundsError, ShapeError
from minitorch.core.ops import diagonal, joining, shaping, slicing
from minitorch.core.transforms import grad, vjp

X = Array(np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    ("call", "error", "parts"),
    [
        (lambda: joining.concatenate([]), ShapeError, ["concatenate", "at least one"]),
        (lambda: joining.concatenate(X), ShapeError, ["concatenate", "list"]),
        (lambda: joining.concatenate([X, Array(np.ones((2, 2)))]), ShapeError,
         ["concatenate", "(2, 3), (2, 2)", "axis 0"]),
        (lambda: joining.concatenate([X, Array([1.0])]), ShapeError, ["concatenate", "(2, 3), (1,)"]),
        (lambda: joining.concatenate([Array(1.0)]), ShapeError, ["concatenate", "0-d", "stack"]),
        (lambda: joining.concatenate([X], axis=2), OutOfBoundsError, ["concatenate", "axis 2", "-2 to 1"]),
        (lambda: joining.stack([X, Array([1.0])]), ShapeError, ["stack", "(2, 3), (1,)"]),
        (lambda: joining.split(X, 2, 1), ShapeError, ["split", "axis 1", "float64[2, 3]", "2 equal parts"]),
        (lambda: joining.split(X, [1, 1], 1), ShapeError, ["split", "(1, 1)", "3"]),
        (lambda: joining.split(X, [4, -1], 1), ShapeError, ["split", "(4, -1)"]),
        (lambda: joining.split(X, 0), ShapeError, ["split", "0 equal parts"]),
        (lambda: joining.pad(X, ((1, 1),) * 3), ShapeError, ["pad", "widths", "2 such pairs"]),
        (lambda: joining.pad(X, 1.5), ShapeError, ["pad", "1.5"]),
        (lambda: joining.pad(X, -2), ShapeError, ["pad", "cut more"]),
        (lambda: joining.pad(X, 1, "mirror"), ArgumentError, ["pad", "mirror", "reflect"]),
        (lambda: joining.pad(X, 3, "reflect"), ShapeError, ["pad", "reflect", "at most 1"]),
        (lambda: joining.roll(X, (1, 2, 3), (0, 1)), ShapeError, ["roll", "(1, 2, 3)"]),
        (lambda: joining.repeat(X, [1, 2, 3], 0), ShapeError, ["repeat", "2 elements"]),
        (lambda: joining.repeat(X, -1), ShapeError, ["repeat", "-1"]),
        (lambda: slicing.strided_slice(X, (0,), (1,), (0,)), ArgumentError, ["strided_slice", "step", "use 1"]),
        (lambda: slicing.strided_slice(X, (0, 0, 0), (1, 1, 1)), ShapeError, ["strided_slice", "at most 2"]),
        (lambda: slicing.unslice(X, (2, 3), (1, 0)), ShapeError, ["unslice", "does not fit"]),
        (lambda: slicing.flip(X, (0, 0)), ShapeError, ["flip", "repeated"]),
        (lambda: shaping.squeeze(X, 0), ShapeError, ["squeeze", "size 2"]),
        (lambda: shaping.flatten(X, 1, 0), ShapeError, ["flatten", "swap"]),
        (lambda: shaping.tile(X, -1), ArgumentError, ["tile", "-1"]),
        (lambda: shaping.meshgrid(X, indexing="yx"), ArgumentError, ["meshgrid", "yx"]),
        (lambda: shaping.broadcast_arrays(X, Array(np.ones(2))), ShapeError, ["broadcast_arrays", "(2, 3)", "(2,)"]),
        (lambda: shaping.broadcast_to(X, (3, 3)), ShapeError, ["broadcast_to", "float64[2, 3]", "(3, 3)"]),
        (lambda: shaping.reshape(X, (4, -1)), ShapeError, ["reshape", "-1", "float64[2, 3]"]),
        (lambda: diagonal.tril(Array([1.0])), ShapeError, ["tril", "2 axes"]),
        (lambda: diagonal.diagonal(X, 0, 1, 1), ShapeError, ["diagonal", "repeated"]),
        (lambda: diagonal.diag(Array(1.0)), ShapeError, ["diag", "vector"]),
        (lambda: diagonal.diag_embed(Array(1.0)), ShapeError, ["diag_embed", "1 axis"]),
    ],
)  # fmt: skip
def test_errors_name_the_operation_and_the_fix(call, error, parts):
    with pytest.raises(error) as raised:
        call()
    message = str(raised.value)
    assert message.startswith(f"{parts[0]}: ")
    assert not [part for part in parts if part not in message], message


@pytest.mark.parametrize(
    "view",
    [
        slicing.flip,
        lambda x: slicing.strided_slice(x, (None,), (None,), (-2,)),
        lambda x: joining.split(x, 2)[1],
        diagonal.diagonal,
        lambda x: shaping.broadcast_to(x, (4, 2, 3)),
    ],
)
def test_views_take_no_memory(view):
    assert np.shares_memory(view(X).numpy(), X.numpy())


def test_the_gradient_of_a_flip_is_a_view():
    g = Array(np.ones((2, 3)))
    assert np.shares_memory(vjp(slicing.flip, X)[1](g)[0].numpy(), g.numpy())


def test_joining_promotes():
    out = joining.concatenate([Array([1, 2]), Array([1.0]), Array(np.array([1.0], np.float64))])
    assert out.dtype == np.float64
    assert joining.stack([Array([True]), Array(np.array([1], np.int8))]).dtype == np.int8


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_e10_gradients_of_joined_arrays_keep_their_dtypes(dtype):
    x, y = Array(np.ones(2, dtype)), Array(np.ones(3, np.float64))
    found = grad(lambda x, y: shaping.sum(joining.concatenate([x, y])), (0, 1))(x, y)
    assert [g.dtype for g in found] == [dtype, np.float64]


def test_pad_cuts_where_widths_are_negative():
    assert joining.pad(X, ((0, -1), (-1, 1)), value=9).tolist() == [[1, 2, 9]]
    assert joining.pad(X, ((-1, 0), (-1, 2)), "edge").tolist() == [[4, 5, 5, 5]]


def test_pad_with_values_that_are_not_zero():
    out = joining.pad(Array([1.0]), 1, value=-0.0).numpy()
    assert np.array_equal(np.signbit(out), [True, False, True])
    assert np.isnan(joining.pad(Array([1.0]), (1, 0), value=float("nan")).numpy()[0])
