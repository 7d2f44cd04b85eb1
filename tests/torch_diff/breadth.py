"""More calls that are compared with PyTorch: statistics, blocks and parts, special functions, packed factorizations."""

from __future__ import annotations

from .cases import Case, Dtype, boolean, case, function, given, index, integer, method

X, Y, V, M, CUBE = given(2, 3), given(2, 3), given(4), given(3, 4), given(2, 3, 4)
PLAIN = given(2, 3, grad=False)
POS, UNIT, SMALL = given(2, 3, kind="positive"), given(2, 3, kind="unit"), given(2, 3, kind="small")
BIG = given(2, 3, kind="above")
CONSTANT = given(3, 4, grad=False)
LOWER, UPPER = given(3, 3, kind="lower", grad=False), given(3, 3, kind="upper", grad=False)
SPECIAL = given(8, kind="special", grad=False)
D, Z, N, B = given(3, 4, kind="distinct"), given(2, 3, kind="complex"), integer(2, 3), boolean(2, 3)
SPD, SQUARE = given(3, 3, kind="spd"), given(3, 3)


def each(names: str, *argument_lists: tuple, **params: object) -> list[Case]:
    return [case(name, *args, **params) for name in names.split() for args in argument_lists]


def functions(names: str, *argument_lists: tuple, **params: object) -> list[Case]:
    return [function(name, *args, **params) for name in names.split() for args in argument_lists]


def methods(names: str, *argument_lists: tuple) -> list[Case]:
    return [method(name, *args) for name in names.split() for args in argument_lists]


# fmt: off
POINTWISE = [
    *each("gcd lcm", (N, integer(3)), (N, integer(2, 3)), (N, integer())),
    *each("nextafter", (PLAIN, given(3, grad=False)), (SPECIAL, given(8, kind="special", grad=False))),
    *each("ldexp", (X, index(3)), (X, index(2, 1)), (N, index(3)), (X, Y),
        (PLAIN, given(2, 3, kind="complex", grad=False)), (given(2, 3, kind="complex", grad=False), PLAIN)),
    *each("frexp", (PLAIN,), (given(grad=False),)),
    *each("hardshrink", (X,), (X, 0.9), (given(),)), *each("resolve_conj resolve_neg is_conj is_neg", (X,), (Z,)),
    *each("conj_physical", (X,), (Z,)), *each("i0", (X,), (N,), (SPECIAL,), (given(0, 3),)),
    *each("igamma igammac", (given(2, 3, kind="positive", grad=False), POS),
        (given(2, 1, kind="positive", grad=False), given(3, kind="positive"))),
    *each("mvlgamma", (BIG, 1), (BIG, 3)),
    *methods("prelu", (X, given(3)), (X, given(1)), (CUBE, given(3)), (given(), given(1)), (V, given())),
    *functions("polar", (POS, X), (given(2, 1, kind="positive"), given(3))),
]
STATISTICS = [
    *each("mode", (index(9),), (index(4, 5), 0), (index(4, 5), 1, True), (D,), (given(),), (SPECIAL,)),
    *each("unique_consecutive", (index(12),), (index(3, 4),), (index(9), True, True)),
    case("unique_consecutive", index(6, 1), dim=0), case("unique_consecutive", index(6, 1), True, True, 0),
    case("unique", index(9, 1), dim=0), case("unique", index(2, 9), return_inverse=True, return_counts=True, dim=1),
    *[
        case("nanquantile", x, q, dim, keepdim)
        for x in (X, SPECIAL) for q in (0.3, given(3, kind="unit", grad=False)) for dim in (None, 0)
        for keepdim in (False, True)
    ],
    *[case("nanquantile", D, 0.35, 1, interpolation=how) for how in ("lower", "higher", "nearest", "midpoint")],
    case("histogram", given(20, grad=False), 5), case("histogram", given(20, grad=False), 4, range=(-1.0, 1.0)),
    case("histogram", given(20, grad=False), given(5, kind="sorted", grad=False)),
    case("histogram", given(20, grad=False), 3, weight=given(20, kind="positive", grad=False), density=True),
    function("histogramdd", given(20, 2, grad=False), [3, 4]),
    function("histogramdd", given(20, 2, grad=False), 3, range=[-1.0, 1.0, -2.0, 2.0]),
    case("histogram", given(0, grad=False), 4), function("histogramdd", given(0, 2, grad=False), [3, 4]),
    *functions("isin", (index(3, 4), index(2)), (N, integer(3)), (index(4), 2), (PLAIN, given(3, grad=False)),
        (N, given(0, grad=False))),
    function("isin", index(3, 4), index(1), invert=True),
    *functions("cdist", (given(4, 3), given(5, 3)), (given(2, 4, 3), given(2, 5, 3)), (given(4, 3), given(5, 3), 1.0),
        (given(4, 3), given(5, 3), 3.5), (given(4, 3), given(5, 3), float("inf"))),
    *functions("pdist", (given(5, 3),), (given(5, 3), 1.0), (given(5, 3), float("inf"))),
    *functions("pairwise_distance", (X, Y), (X, Y, 1.0), (X, given(3))), function("pairwise_distance", X, Y, keepdim=True),
    *each("renorm", (M, 2, 0, 1.0), (CUBE, 1, 1, 2.0), (M, 2, 1, 100.0)),
    *each("corrcoef", (M,), (V,), (given(2, 5, kind="complex"),)),
    *functions("trapezoid trapz cumulative_trapezoid", (M,), (M, given(4, kind="sorted")), (M, given(3, 4, kind="sorted"))),
    function("trapezoid", M, dx=0.5, dim=0), function("cumulative_trapezoid", M, dim=0),
    function("cumulative_trapezoid", M, given(3, kind="sorted"), dim=0),
    *functions("gradient", (M,), (V,), (CUBE,)), function("gradient", M, dim=1), function("gradient", M, spacing=0.5),
    function("gradient", M, spacing=[0.5, 2.0], edge_order=2), function("gradient", M, dim=0, edge_order=2),
    function("gradient", M, dim=(1,), spacing=(given(4, kind="sorted", grad=False),)),
    function("gradient", M, dim=1, spacing=(given(4, kind="sorted", grad=False),), edge_order=2),
    *functions("vander", *((given(4, grad=False), *more) for more in ((), (3,), (3, True))), (index(3),)),
]
PARTS = [
    *each("hsplit", (given(6), 2), (M, 2), (CUBE, (1, 2))), *each("vsplit", (M, 3), (M, (1, 2))), *each("dsplit", (CUBE, 2)),
    *each("split_with_sizes unsafe_split_with_sizes", (given(7), [1, 2, 4]), (CUBE, [1, 3], 2)),
    *each("unsafe_split", (given(7), 3), (CUBE, 2, 2)), *each("unsafe_chunk", (given(7), 3)),
    *each("narrow_copy", (given(3, 4, grad=False), 1, 1, 2)),
    *each("select_scatter", (M, given(4), 0, 1), (M, given(3), 1, -1)),
    *each("slice_scatter", (M, given(2, 4), 0, 1), (M, given(3, 2), 1, 0, 4, 2)),
    case("slice_scatter", M, given(1, 4), end=1),
    *each("diagonal_scatter", (M, given(3)), (M, given(3), 1), (CUBE, given(4, 2), 0, 0, 1)),
    *each("as_strided", (M, (2, 2), (1, 2)), (M, (3, 2), (2, 1), 1), (given(7), (3, 3), (2, 1))),
    # PyTorch's gradient of the tensor written to is the one of what was overwritten.
    *each("as_strided_scatter", (CONSTANT, given(2, 2), (2, 2), (5, 1)), (CONSTANT, given(2, 2), (2, 2), (5, 1), 1)),
    *each("put", (M, index(2, 2), given(2, 2), True), (given(3, 4), index(1), given(1))),
    *[
        case("index_reduce", D, 0, index(2), given(2, 4, kind="apart"), how, include_self=own)
        for how in ("prod", "mean", "amax", "amin") for own in (True, False)
    ],
    case("index_reduce", D, 1, index(2), given(3, 2, kind="apart"), "mean"),
    case("nonzero_static", index(2, 3), size=4), case("nonzero_static", index(2, 3), size=9, fill_value=7),
    *functions("block_diag", (X, V, given()), (M,), (N, X)),
    *functions("cartesian_prod", (V, given(3)), (V, given(2), given(3)), (V,)),
    *functions("combinations", (V,), (V, 3), (V, 2, True), (index(3), 1), (given(4, grad=False), 0)),
    *functions("unravel_index", (index(3, 2), (2, 3)), (index(4), 5)), *functions("view_as_real", (Z,)),
    *functions("view_as_complex", (given(3, 2),), (given(2, 3, 2),)),
    *functions("view_as_real_copy", (Z,)), *functions("view_as_complex_copy", (given(3, 2, grad=False),)),
    *functions("constant_pad_nd", (X, (1, 2)), (X, (1, -1, 0, 2), 1.5)),
    *functions("fill", (PLAIN, 1.5), (PLAIN, given()), (N, 2)),
    *functions("diagonal_copy", (M,), (M, 1)), *functions("permute_copy", (CUBE, (2, 0, 1))),
    *functions("select_copy", (M, 1, 2)), *functions("squeeze_copy", (given(1, 2, 1),), (given(1, 2, 1), 0)),
    *functions("t_copy", (X,)), *functions("transpose_copy", (CUBE, 0, 2)),
    *functions("alias_copy", (X,)), *functions("detach_copy", (PLAIN,)),
    *functions("expand_copy", (given(2, 1), (2, 3))), *functions("slice_copy", (M, 1, 1, 3), (M, 0)),
    *functions("split_copy", (given(7), 3)), *functions("split_with_sizes_copy", (given(7), [3, 4])),
    *functions("unbind_copy", (X,), (X, 1)), *functions("unfold_copy", (given(7), 0, 3, 2)),
    *functions("unsqueeze_copy", (X, 1)),
    *functions("view_copy", (X, (3, 2))), *functions("as_strided_copy", (M, (2, 2), (1, 2))),
    *methods("view", (given(4, grad=False), Dtype("int32")), (given(2, 4, grad=False), Dtype("uint8")),
        (integer(2, 4), Dtype("int32"))),
    *methods("storage_offset", (X,)), *methods("dim_order", (X,)),
]
ALGEBRA = [
    case("addbmm", given(3, 5), CUBE, given(2, 4, 5)), case("addbmm", given(5), CUBE, given(2, 4, 5), beta=0.5, alpha=2),
    # PyTorch has gradients of the triangle that is not read, too.
    *each("cholesky_solve", (given(3, 2), LOWER)),
    case("cholesky_solve", given(3, 2), UPPER, True),
    *each("cholesky_inverse", (LOWER,), (UPPER, True)),
    *each("triangular_solve", (given(3, 2), SPD), (given(3, 2), SPD, False), (given(3, 2), SPD, True, True),
        (given(3, 2), SPD, True, False, True)),
    *each("orgqr", (given(4, 3), given(3))),
    *each("ormqr", (given(4, 3, grad=False), given(3, grad=False), given(4, 2)),
        (given(4, 3, grad=False), given(3, grad=False), given(2, 4), False, True)),
    *functions("nuclear_norm", (M,)), *functions("frobenius_norm", (M, (0, 1)), (CUBE, 1, True)),
    *methods("lu", (SQUARE,)),
]
# Functions of `special`, called there.
SPECIALS = [
    *functions("i0e i1 i1e erfcx ndtr log_ndtr expit", (X,)),
    *functions("i0 i0e i1 i1e erfcx ndtr log_ndtr expit entr gammaln psi", (N,)),
    *functions("i0 i0e i1 i1e ndtr log_ndtr expit entr", (SPECIAL,)), *functions("i0 digamma gammaln psi entr", (POS,)),
    *functions("ndtri logit", (UNIT,)), *functions("erf erfc exp2 expm1 sinc round", (X,)), *functions("log1p", (POS,)),
    *functions("erfinv", (SMALL,)),
    *functions("bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 "
               "modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1 airy_ai spherical_bessel_j0",
               (given(2, 3, kind="positive", grad=False),)),
    *functions("airy_ai bessel_j0 bessel_j1 spherical_bessel_j0", (PLAIN,)),
    *functions("chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w "
               "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p "
               "shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v "
               "shifted_chebyshev_polynomial_w", *(((given(2, 3, kind="unit", grad=False), n)) for n in (0, 1, 2, 5)),
               (given(2, 3, kind="unit", grad=False), index(3))),
    *functions("gammainc gammaincc", (given(2, 3, kind="positive", grad=False), POS)),
    *functions("zeta", (given(2, 3, kind="above", grad=False), POS), (2.0, POS)),
    *functions("xlogy", (X, POS), (2.0, POS)),
    *functions("xlog1py", (X, POS), (X, 2.0), (given(3), given(2, 1, kind="positive")),
        (given(3, grad=False, kind="special"), given(3, grad=False, kind="special"))),
    *functions("multigammaln", (BIG, 2)), *functions("polygamma", (1, POS), (2, POS)),
    *functions("logsumexp", (X, 0), (X, (0, 1), True)), *functions("softmax log_softmax", (X, 0), (X, -1)),
    function("softmax", N, 0, dtype=Dtype("float32")),
]
ALL = POINTWISE + STATISTICS + PARTS + ALGEBRA
# fmt: on
