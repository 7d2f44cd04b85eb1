"""The in-place calls that are compared: a line each."""

from __future__ import annotations

from .cases import Case, boolean, case, index, integer
from .cases import given as tensor

PLAIN = tensor(2, 3, grad=False)
X, POS, SMALL = tensor(2, 3), tensor(2, 3, kind="positive"), tensor(2, 3, kind="small")
N, M = integer(2, 3), tensor(3, 4)


def each(names: str, *argument_lists: tuple) -> list[Case]:
    return [case(f"{name}_", *args) for name in names.split() for args in argument_lists]


# fmt: off
CASES = [
    *each("neg square reciprocal exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh relu floor ceil trunc frac "
          "sign sgn abs round arctan arcsinh sigmoid erf erfc sinc fix absolute negative deg2rad rad2deg nan_to_num", (X,)),
    *each("sqrt rsqrt log log2 log10 log1p lgamma digamma", (POS,)),
    *each("asin acos atanh erfinv arcsin arccos arctanh", (SMALL,)),
    *each("acosh arccosh", (tensor(2, 3, kind="above"),)), *each("logit", (tensor(2, 3, kind="unit"),)),
    *each("add sub mul div pow remainder fmod multiply subtract divide true_divide", (POS, 2),
        (POS, tensor(3, kind="positive")), (POS, tensor(kind="positive"))),
    *each("floor_divide", (tensor(2, 3, grad=False), 2)),
    *each("atan2 arctan2 hypot copysign xlogy", (POS, tensor(2, 3, kind="positive"))),
    *each("float_power", (tensor(2, 3, kind="positive", grad=False), 2)),
    *each("add sub mul floor_divide remainder pow", (N, 2)), *each("mul add", (N, integer(3))),
    *each("eq ne lt le gt ge greater less not_equal greater_equal less_equal", (X, 0.5), (X, tensor(3))),
    # PyTorch passes the gradients of these through, wrongly.
    *each("logical_and logical_or logical_xor", (PLAIN, N)), *each("logical_not", (PLAIN,)),
    *each("bitwise_and bitwise_or bitwise_xor", (N, 3), (boolean(2, 3), boolean(3))), *each("bitwise_not", (N,)),
    *each("bitwise_left_shift bitwise_right_shift", (index(4), 2)),
    *each("heaviside", (tensor(4, grad=False), tensor(4, grad=False))),
    *each("lerp", (X, tensor(2, 3), 0.3)), *each("addcmul addcdiv", (X, tensor(2, 3), POS)),
    *each("clamp clip", (X, -0.5, 0.5)), *each("clamp_min clamp_max", (X, 0.1)),
    *each("tril triu", (M,), (M, 1)), *each("cumsum cumprod", (X, 1)), *each("masked_fill", (X, boolean(2, 3), 1.5)),
    *each("masked_scatter", (X, boolean(2, 3), tensor(6))),
    *each("scatter", (M, 0, index(1, 4), tensor(1, 4)), (M, 0, index(1, 4), 2.0)),
    *each("scatter_add", (M, 0, index(2, 4), tensor(2, 4))),
    *each("scatter_reduce", (M, 0, index(2, 4), tensor(2, 4), "sum")),
    *each("index_add", (M, 0, index(2), tensor(2, 4))), *each("index_copy", (tensor(5, 4), 1, index(1), tensor(5, 1))),
    *each("index_fill", (M, 1, index(2), 1.5)), *each("index_put", (M, (index(2),), tensor(2, 4), True)),
    *each("addmm", (tensor(2, 4), X, M)), *each("addmv", (tensor(2), X, tensor(3))),
    *each("addr", (tensor(2, 3), tensor(2), tensor(3))),
    *each("baddbmm", (tensor(2, 3, 5), tensor(2, 3, 4), tensor(2, 4, 5))),
    *each("gcd lcm", (N, integer(3))),
    *each("nextafter", (PLAIN, tensor(3, grad=False))), *each("ldexp", (POS, index(3))), *each("i0", (X,)),
    *each("igamma igammac", (tensor(2, 3, kind="positive", grad=False), tensor(3, kind="positive", grad=False))),
    *each("mvlgamma", (tensor(2, 3, kind="above"), 2)), *each("polygamma", (POS, 1)), *each("renorm", (M, 2, 0, 1.0)),
    *each("index_reduce", (M, 0, index(2), tensor(2, 4), "amax")), *each("put", (M, index(2), tensor(2), True)),
    *each("addbmm", (tensor(3, 5), tensor(2, 3, 4), tensor(2, 4, 5))), *each("conj_physical", (X,)),
    *each("t", (X,)), *each("transpose swapaxes swapdims", (X, 0, 1)),
    *each("squeeze", (tensor(1, 3),), (tensor(1, 3), 0)), *each("unsqueeze", (X, 1)),
    *each("copy", (X, tensor(3)), (X, N), (N, tensor(2, 3, grad=False))),
    *each("fill", (X, 1.5), (X, tensor()), (N, 2.7)), *each("zero", (X,), (N,)), *each("fill_diagonal", (M, 1.5)),
]
# fmt: on
