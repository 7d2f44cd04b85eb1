"""The calls that are compared with PyTorch: a line each."""

from __future__ import annotations

from . import breadth
from .cases import Case, Dtype, boolean, case, function, given, index, integer, method

F64, I64, F32, I32 = Dtype("float64"), Dtype("int64"), Dtype("float32"), Dtype("int32")
FX = given(2, 3, grad=False)
X, Y, V, M = given(2, 3), given(2, 3), given(4), given(3, 4)
POS, UNIT, SMALL = given(2, 3, kind="positive"), given(2, 3, kind="unit"), given(2, 3, kind="small")
SPECIAL = given(8, kind="special", grad=False)
D = given(3, 4, kind="distinct")
CUBE = given(2, 3, 4)
Z = given(2, 3, kind="complex")
N, B = integer(2, 3), boolean(2, 3)


def each(names: str, *argument_lists: tuple, **params: object) -> list[Case]:
    return [case(name, *args, **params) for name in names.split() for args in argument_lists]


# fmt: off
UNARY = [
    *each("neg square reciprocal exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh relu floor ceil trunc frac sign "
          "abs angle isnan isinf isfinite signbit sigmoid erf erfc sgn round positive conj isposinf isneginf isreal "
          "absolute negative fix deg2rad rad2deg sinc arctan arcsinh nan_to_num", (X,), (given(),), (given(0, 3),)),
    *each("exp sin tanh reciprocal sqrt sigmoid erf floor abs sign square isnan deg2rad", (N,)),
    *each("neg abs square sign floor relu isnan angle sgn positive conj", (N,)),
    *each("exp sin sigmoid isfinite logical_not", (B,)),
    *each("sqrt rsqrt log log2 log10 log1p lgamma digamma", (POS,)),
    *each("asin acos atanh erfinv arcsin arccos arctanh", (SMALL,)),
    *each("acosh arccosh", (given(2, 3, kind="above"),)),
    *each("logit", (UNIT,), (UNIT, 0.1)),
    *each("logical_not", (X,), (N,), (B,)),
    *each("bitwise_not", (N,), (B,)),
    *each("neg exp sin cos tanh abs angle square reciprocal sgn conj sqrt log sigmoid isfinite isreal positive", (Z,)),
    *each("exp log sqrt tanh sigmoid floor round abs relu isnan isinf isfinite nan_to_num signbit erf expm1 sinc "
          "atan isposinf isneginf logical_not trunc log1p square rsqrt", (SPECIAL,)),
    case("nan_to_num", SPECIAL, 1.5, 100.0, -100.0), case("round", X, decimals=2),
    case("round", given(5, kind="apart"), decimals=-1),
]
BINARY = [
    *each("add sub mul div maximum minimum hypot atan2 copysign logaddexp logaddexp2 eq ne lt le gt ge fmod remainder "
          "multiply subtract divide true_divide greater greater_equal less less_equal not_equal arctan2 "
          "logical_and logical_or logical_xor isclose", (X, Y), (X, given(3)), (given(2, 1), given(3))),
    *each("floor_divide", (FX, given(2, 3, grad=False)), (FX, given(3, grad=False)), (FX, 2), (FX, -0.7), (N, 2.5)),
    *each("add sub mul div eq lt remainder pow fmod logical_and maximum", (N, POS)),
    *each("add sub mul eq lt ge maximum minimum bitwise_and bitwise_or bitwise_xor", (N, integer(3))),
    *each("add mul eq logical_and bitwise_and bitwise_or bitwise_xor maximum", (B, boolean(3))),
    *each("add sub mul div pow remainder fmod eq lt", (X, 2), (POS, 2.5)),
    *each("add sub mul div pow remainder floor_divide fmod eq lt true_divide", (N, 2), (N, 2.5)),
    *each("add mul", (B, N), (N, B)), *each("add mul sub", (Z, X), (Z, 2.0)), *each("div", (Z, Z), (N, POS)),
    *each("pow float_power xlogy", (POS, Y), (POS, 2), (POS, given())), case("pow", X, 3), case("pow", N, 2),
    case("pow", X, 0), case("pow", Z, 2),
    function("pow", 2.0, X), function("pow", 2.0, N),
    *each("bitwise_left_shift bitwise_right_shift", (index(2, 3), index(2, 3))),
    case("add", X, Y, alpha=2), case("sub", X, Y, alpha=0.5), function("rsub", X, Y), function("rsub", X, 2, alpha=3),
    *[case("div", X, given(2, 3, kind="positive"), rounding_mode=mode) for mode in ("floor", "trunc", None)],
    *[case("div", N, 3, rounding_mode=mode) for mode in ("floor", "trunc", None)],
    *[case("div", N, -3, rounding_mode=mode) for mode in ("floor", "trunc")],
    # 0-d tensors give way in promotion
    *each("add mul div maximum eq", (given(3), given()), (integer(3), integer()), (integer(3), given()),
        (given(), integer(3))),
    *each("add mul div", (given(2, kind="complex"), given())),
    *each("maximum minimum fmod remainder atan2 hypot copysign logaddexp eq lt isclose",
        (SPECIAL, given(8, kind="special", grad=False))),
    case("isclose", SPECIAL, given(8, kind="special", grad=False), equal_nan=True),
    case("allclose", X, Y), case("equal", X, Y), case("equal", X, given(3)),
    case("heaviside", given(2, 3, grad=False), given(3, grad=False)),
    case("lerp", X, Y, 0.3), case("lerp", X, Y, UNIT), case("addcmul", X, Y, given(3), value=2),
    case("addcdiv", X, Y, POS, value=0.5),
    case("clamp", X, -0.5, 0.5), case("clamp", X, min=0.1), case("clamp", X, max=0.1), case("clamp", N, -2, 3),
    case("clamp", X, given(3, kind="small"), given(3, kind="above")),
    case("clip", X, -1.0, 1.0), case("clamp_min", X, 0.0), case("clamp_max", X, 0.0), case("clamp", SPECIAL, -1, 1),
    case("clamp", N, 0.5, 2.5),
    function("where", B, X, Y), function("where", B, X, 0.0), function("where", boolean(3), 1.0, X),
    function("where", boolean(), X, Y), function("where", B, N, X), function("where", B),
    method("where", X, B, Y), method("where", X, B, 0.0), function("polygamma", 1, POS), function("polygamma", 2, POS),
    function("polygamma", 1, given(kind="positive")),
]
REDUCTIONS = [
    *each("sum mean prod nansum nanmean", (X,), (X, 0), (X, -1, True), (given(),), (CUBE, 1)),
    *each("sum mean nansum amax amin var std", (CUBE, (0, 2)), (CUBE, (1,))),
    *each("sum prod cumsum cumprod", (N, 0), (B, 1), (given(2, 3, kind="byte"), 0)), case("sum", N),
    case("sum", X, dtype=F64), case("sum", N, dtype=F32), case("sum", X, ()),
    case("prod", N), case("mean", N, dtype=F32), case("prod", X, 1, dtype=F64), case("sum", Z), case("mean", Z, 0),
    case("prod", Z),
    *each("sum prod mean", (given(0, 3),), (given(0, 3), 0)), *each("sum", (SPECIAL,)), case("nansum", SPECIAL),
    case("nanmean", SPECIAL),
    *each("max min argmax argmin", (D,), (D, 0), (D, 1, True), (given(), 0)),
    *each("max min", (N,), (X, Y), (SPECIAL,), (SPECIAL, 0)),
    *each("amax amin", (D,), (D, 1), (D, (0, 1), True), (SPECIAL,)), *each("argmax argmin", (SPECIAL,), (D, 0, True)),
    case("aminmax", D), case("aminmax", D, dim=0), case("aminmax", D, dim=1, keepdim=True),
    *each("all any", (B,), (B, 0), (X,), (X, 1, True), (integer(2, 3), 0), (given(0, 3),)),
    case("count_nonzero", index(2, 3)), case("count_nonzero", index(2, 3), dim=1),
    *each("var std", (X,), (X, 0), (CUBE, (0, 1)), (CUBE, None)), case("var", X, False), case("std", X, 1, False),
    case("var", X, 0, True, True),
    case("var", X, dim=1, correction=0), case("std", X, dim=0, correction=0, keepdim=True),
    case("var", X, unbiased=False), *each("var std", (Z,), (Z, 1), (Z, 0, False, True)), function("var_mean", Z, 1),
    function("std_mean", Z),
    function("var_mean", X), function("var_mean", X, 1), function("std_mean", X, dim=0, correction=0, keepdim=True),
    case("norm", X), case("norm", X, 1), case("norm", X, 2, 1), case("norm", X, float("inf"), 0, True),
    case("norm", X, 3.5, dim=1), case("norm", X, "fro", (0, 1)), case("norm", X, p=2, dim=-1, dtype=F64),
    case("dist", X, Y), case("dist", X, Y, 1), case("norm", given(4, kind="complex")),
    *each("logsumexp", (X, 0), (X, (0, 1)), (X, 1, True), (SPECIAL, 0), (Z, 1), (Z, (0, 1), True)),
    *each("softmax log_softmax", (X, 0), (X, -1), (N, 0, F32), (X, 1, F64), (given(), 0)),
    *each("cumsum cumprod logcumsumexp", (X, 0), (X, -1), (given(), 0)),
    *each("cumsum cumprod", (Z, 1), (given(0, 3), 0)), case("cumsum", X, dim=0, dtype=F64),
    *each("cummax cummin", (D, 0), (D, -1), (SPECIAL, 0)),
    *each("median nanmedian", (D,), (D, 0), (D, 1, True), (integer(5),), (given(4, kind="distinct"),)),
    case("median", SPECIAL), case("nanmedian", SPECIAL), case("median", SPECIAL, 0),
    *each("sort argsort", (D,), (D, 0), (D, 0, True), (D, -1, False), (SPECIAL,)), case("msort", D),
    case("sort", integer(9), stable=True), case("argsort", integer(9), stable=True),
    case("sort", integer(9), dim=0, descending=True, stable=True),
    *each("topk", (D, 2), (D, 2, 0), (D, 1, 1, False)), case("topk", D, 3, dim=0, largest=False, sorted=True),
    *each("kthvalue", (D, 2), (D, 1, 0), (D, 3, 1, True)),
    *[
        case("quantile", X, q, dim, keepdim)
        for q in (0.3, given(3, kind="unit", grad=False)) for dim in (None, 0, 1) for keepdim in (False, True)
    ],
    *[case("quantile", D, 0.35, 1, interpolation=how) for how in ("linear", "lower", "higher", "nearest", "midpoint")],
    case("unique", index(9)), case("unique", index(9), return_inverse=True, return_counts=True),
    case("bincount", index(9)), case("bincount", index(5), minlength=6),
    case("bincount", index(5), given(5, grad=False)),
    case("histc", given(20, grad=False), 5, -1, 1), case("histc", given(20, grad=False), bins=4),
    *each("histc", (given(0, 3, grad=False), 3), (given(0, grad=False), 2, 1, 5)),
    function("searchsorted", given(6, kind="sorted", grad=False), given(2, 3, grad=False)),
    function("searchsorted", given(6, kind="sorted", grad=False), given(3, grad=False), right=True),
    function("bucketize", X, given(5, kind="sorted", grad=False)),
    function("bucketize", given(3, grad=False), given(5, kind="sorted", grad=False), right=True),
    function("searchsorted", given(2, 6, kind="sorted", grad=False), given(2, 3, grad=False)),
    # `axis` and `keepdims` are accepted too
    case("sum", X, axis=0), case("mean", X, axis=1, keepdims=True), case("argmax", X, axis=0),
    case("sum", X, axis=(0, 1)), case("cumsum", X, axis=0),
]
VIEWS = [
    case("reshape", X, (3, 2)), case("reshape", X, (-1,)), method("reshape", X, 3, -1), method("view", X, 6),
    method("view", X, (3, -1)), method("view_as", X, given(6)), method("reshape_as", X, given(3, 2)),
    *each("squeeze", (given(1, 2, 1),), (given(1, 2, 1), 0), (given(1, 2, 1), 1), (given(1, 2, 1), (0, 2)), (given(),)),
    *each("unsqueeze", (X, 0), (X, -1), (X, 2), (given(), 0)),
    *each("flatten", (CUBE,), (CUBE, 1), (CUBE, 0, 1), (given(),), (CUBE, -2)), *each("ravel", (X,)),
    *each("unflatten", (M, 1, (2, 2)), (M, -1, (2, -1))),
    *each("permute", (CUBE, (2, 0, 1)), (CUBE, (-1, 0, 1))), method("permute", CUBE, 1, 2, 0),
    *each("transpose swapaxes swapdims", (CUBE, 0, 2), (CUBE, -1, 1), (given(), 0, -1)), *each("t", (X,), (V,)),
    *each("adjoint", (X,), (Z,)),
    *each("movedim moveaxis", (CUBE, 0, 2), (CUBE, (0, 1), (2, 0))), method("expand", given(2, 1), 2, 3),
    method("expand", given(3), (2, 3)), method("expand", given(2, 1), 4, -1, 3), method("expand_as", given(3), X),
    case("broadcast_to", given(3), (2, 3)),
    *each("select", (CUBE, 1, 2), (CUBE, -1, -1)), *each("narrow", (CUBE, 1, 1, 2), (CUBE, 2, -3, 2), (CUBE, 0, 0, 0)),
    *each("split", (given(7), 3), (given(7), [1, 2, 4]), (CUBE, 2, 2), (given(0, 2), 1)),
    *each("chunk", (given(7), 3), (CUBE, 2, 1), (given(7), 5)),
    *each("tensor_split", (given(7), 3), (given(7), (2, 5)), (CUBE, 2, 2), (given(7), (5, 2, 9))),
    *each("unbind", (X,), (CUBE, 1)),
    *each("diagonal", (M,), (M, 1), (M, -1), (CUBE, 0, 1, 2), (CUBE, 1, -1, 0)), function("real", Z),
    function("imag", Z), function("real", X), function("broadcast_tensors", given(3), given(2, 1)),
    method("unfold", given(7), 0, 3, 2), method("unfold", M, 1, 2, 1), case("detach", X), case("clone", X),
    method("contiguous", X),
    method("type_as", X, N), method("to", X, F64), method("to", X, I64), method("to", N, F32), method("double", X),
    method("float", N), method("half", X), method("int", X), method("long", X), method("bool", X), method("cfloat", X),
    method("to", X, N),
]
ARRANGING = [
    *each("tile", (X, (2, 2)), (X, (2,)), (X, (2, 1, 3))), method("repeat", X, 2, 1), method("repeat", X, (2, 1, 3)),
    method("tile", X, 2, 2), *each("repeat_interleave", (X, 2), (X, 2, 0), (X, index(3), 1)),
    *each("roll", (X, 1), (X, 1, 0), (X, (1, -2), (0, 1))), *each("flip", (X, (0,)), (X, (0, 1))),
    method("flip", X, 0, 1), *each("fliplr flipud rot90", (X,)),
    *each("rot90", (X, 2), (X, -1, (1, 0)), (CUBE, 1, (1, 2))),
    *each("tril triu", (M,), (M, 1), (M, -1), (CUBE,)), *each("diag", (V,), (V, 1), (M,), (M, -1)),
    *each("diag_embed", (X,), (X, 1), (X, 0, 0, 2)), *each("diagflat", (X,), (V, -1)),
    *each("gather", (M, 1, index(3, 2)), (M, 0, index(2, 4))), *each("take", (M, index(2, 2))),
    *each("take_along_dim", (M, index(3, 1), 1), (M, index(5))),
    *each("index_select", (M, 1, index(5)), (M, 0, index(2))),
    *each("masked_select", (X, B), (X, boolean(3))), *each("nonzero argwhere", (index(2, 3),), (B,), (index(),)),
    case("nonzero", B, as_tuple=True),
    *each("masked_fill", (X, B, 1.5), (X, boolean(3), given()), (N, B, 2)), *each("masked_scatter", (X, B, given(9))),
    *each("scatter", (M, 0, index(1, 4), given(1, 4)), (M, 1, index(3, 1), 2.0)),
    case("scatter", given(3, 4, grad=False), 0, index(2, 4), given(2, 4, grad=False), reduce="add"),
    case("scatter", given(3, 4, grad=False), 0, index(2, 4), 2.0, reduce="multiply"),
    case("scatter", integer(3, 4), 0, index(1, 4), 2.5), case("scatter", integer(3), 0, index(2), 2.5, reduce="add"),
    *each("scatter_add", (M, 0, index(2, 4), given(2, 4)), (M, 1, index(3, 3), given(3, 3))),
    *[
        case("scatter_reduce", D, 0, index(2, 4), given(2, 4, kind="apart"), how, include_self=own)
        for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)
    ],
    *each("index_add", (M, 0, index(2), given(2, 4)), (M, 1, index(5), given(3, 5))),
    case("index_add", M, 0, index(2), given(2, 4), alpha=2),
    *each("index_fill", (M, 1, index(2), 1.5), (M, 0, index(2), given())),
    case("index_copy", given(5, 4), 1, index(1), given(5, 1)),
    case("index_put", M, (index(3), index(3)), given(3), accumulate=True), case("index_put", M, (index(2),), given()),
    function("cat", (X, Y)), function("cat", (X, given(2, 1)), 1), function("cat", [X, N], dim=0),
    function("concat", (X, Y), -1), function("concatenate", (X, Y)), function("stack", (X, Y)),
    function("stack", (X, Y), 1), function("stack", [X, N], dim=-1),
    *[function(name, (a, b)) for name in ("hstack", "vstack", "row_stack", "dstack", "column_stack") for a,
        b in ((X, Y), (V, given(4)), (given(), given()))],
    *[function(name, a) for name in ("atleast_1d", "atleast_2d", "atleast_3d") for a in (given(), V, X, CUBE, [V, X])],
    function("meshgrid", V, given(3), indexing="xy"), function("meshgrid", [V, given(3)], indexing="ij"),
    function("tril_indices", 3, 4), function("tril_indices", 3, 3, -1), function("triu_indices", 3, 4, 1),
    function("broadcast_shapes", (2, 1), (3,)),
]
ALGEBRA = [
    *each("matmul", (X, M), (V, V), (X, given(3)), (given(2), X), (CUBE, given(4, 2)), (CUBE, given(2, 4, 5)),
        (given(3), given(2, 3, 2)), (given(3, 1, 2, 4), given(2, 4, 2)), (Z, given(3, 2, kind="complex"))),
    case("mm", X, M), case("bmm", CUBE, given(2, 4, 2)), case("mv", X, given(3)), case("dot", V, given(4)),
    case("vdot", given(3, kind="complex"), given(3, kind="complex")), case("outer", V, given(3)),
    case("ger", V, given(3)), case("inner", X, given(4, 3)), case("kron", X, given(2, 2)),
    case("trace", given(3, 3)), case("cross", X, Y, dim=1), case("cross", given(3, 2), given(3, 2), 0),
    case("addmm", given(2, 4), X, M), case("addmm", given(4), X, M, beta=0.5, alpha=2),
    case("addmv", given(2), X, given(3)), case("addr", given(4, 3), V, given(3), beta=2, alpha=3),
    case("baddbmm", given(2, 3, 5), CUBE, given(2, 4, 5), beta=0.5), case("matmul", integer(2, 3), integer(3, 2)),
    case("cov", X), case("cov", X, correction=0), case("cov", V),
    function("einsum", "ij,jk->ik", X, M), function("einsum", "bij->bji", CUBE), function("einsum", "ii", given(3, 3)),
    function("einsum", "...j,kj->...k", CUBE, given(5, 4)), function("tensordot", X, M, 1),
    function("tensordot", CUBE, given(4, 3), ([1, 2], [1, 0])), function("tensordot", X, Y),
    function("einsum", "ij,jk->ik", [X, M]), function("einsum", "ij->i", given(2, 3, kind="byte")),
    function("einsum", "ij,kj->ik", given(2, 3, kind="byte"), given(1, 3, kind="byte")), function("einsum", "ij->", B),
    function("chain_matmul", X, M, given(4, 2)), function("cosine_similarity", X, Y),
    function("cosine_similarity", X, Y, dim=0),
]
# fmt: on
SQUARE, HILBERT, BATCH = given(3, 3), given(3, 3, kind="spd"), given(2, 3, 3)
# fmt: off
LINALG = [
    *each("det inverse slogdet matrix_exp", (SQUARE,), (BATCH,)), *each("logdet cholesky", (HILBERT,)),
    case("cholesky", HILBERT, upper=True), case("qr", given(4, 3)), case("pinverse", given(4, 3)),
    *each("matrix_power", (SQUARE, 3), (given(3, 3, grad=False), 0), (SQUARE, -2)),
    *each("diff", (X,), (X, 1, 0), (given(6), 2)), case("diff", X, prepend=given(2, 1)),
    *each("fmax fmin", (X, given(3)), (SPECIAL, given(8, kind="special", grad=False))),
]
SCALAR = given()
SCALARS = [
    *each("sum prod mean amax amin argmax argmin all any count_nonzero logsumexp median nanmedian sort argsort max min "
          "nansum nanmean", (SCALAR, 0), (SCALAR, -1)),
    *each("topk kthvalue", (SCALAR, 1)), *each("msort", (SCALAR,)), case("quantile", SCALAR, 0.5, 0),
    *each("flip", (SCALAR, ())), *each("roll", (SCALAR, 1)), *each("diagflat", (SCALAR,)),
    case("index_select", SCALAR, 0, given(1, kind="zero")), case("gather", SCALAR, 0, given(kind="zero")),
    case("gather", SCALAR, 0, given(2, kind="zero")), case("scatter", SCALAR, 0, given(kind="zero"), given()),
    case("index_fill", SCALAR, 0, given(1, kind="zero"), 3.0), case("take", SCALAR, given(1, kind="zero")),
    function("cat", [given(0, grad=False), X]),
]
# fmt: on
ALL = SCALARS + LINALG + UNARY + BINARY + REDUCTIONS + VIEWS + ARRANGING + ALGEBRA + breadth.ALL
# Functions that PyTorch keeps elsewhere, compared by the tests of `nn`, or that need no comparison.
ELSEWHERE = {"softplus", "silu", "gelu", "one_hot", "pad", "svd"}
# Compared in tests of their own, in test_functions.py.
PLAIN = {"numel", "is_floating_point", "is_complex", "is_nonzero", "is_signed", "is_same_size", "get_device"}
PLAIN |= {"stft", "istft", "is_inference", "typename", "lu_unpack", "lu_solve"}
