"""Calls of `nn.functional` on images and sequences that are compared with PyTorch, and calls that both refuse."""

from __future__ import annotations

from itertools import product

from .cases import Case, function, given

SERIES, IMAGE, VOLUME = given(2, 3, 7), given(2, 3, 7, 5), given(1, 2, 4, 5, 3)
POSITIVE = given(2, 3, 7, 6, kind="positive")


def call(name: str, *args: object, **params: object) -> Case:
    return function(f"nn.functional.{name}", *args, **params)


# What a size or a factor can be, as far as an image has dimensions.
_SIZES = (
    {"size": (4, 9, 5)},
    {"size": 14},
    {"size": (7, 5, 3)},
    {"size": 1},
    {"scale_factor": 2},
    {"scale_factor": 1.7},
    {"scale_factor": (1.3, 2.2, 0.7)},
    {"scale_factor": 1.7, "recompute_scale_factor": True},
)
_MODES = {
    SERIES: ("nearest", "nearest-exact", "area", "linear"),
    IMAGE: ("nearest", "nearest-exact", "area", "bilinear", "bicubic"),
    VOLUME: ("nearest", "nearest-exact", "area", "trilinear"),
}


def _interpolations() -> list[Case]:
    found = []
    for x, modes in _MODES.items():
        for mode, size in product(modes, _SIZES):
            fitted = {k: v[: len(x.shape) - 2] if isinstance(v, tuple) else v for k, v in size.items()}
            smooth = "linear" in mode or mode == "bicubic"
            for aligned in (False, True) if smooth else (None,):
                for antialias in (False, True) if mode in ("bilinear", "bicubic") else (False,):
                    options = {"mode": mode, "align_corners": aligned, "antialias": antialias}
                    found.append(call("interpolate", x, **fitted, **options))
    return found


INTERPOLATIONS = [
    *_interpolations(),
    *[call("interpolate", IMAGE, size=size, mode="lanczos", antialias=True) for size in ((4, 9), (3, 2), 20)],
    *[call(name, IMAGE, (2,)) for name in ("max_pool2d", "avg_pool2d")],
    call("upsample", IMAGE, scale_factor=2),
    call("upsample_nearest", IMAGE, size=(3, 9)),
    call("upsample_bilinear", IMAGE, scale_factor=2),
]
GRIDS = [
    *[
        call("grid_sample", given(2, 3, 4, 5), given(2, 3, 6, 2), mode, padding, aligned)
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for aligned in (False, True)
    ],
    *[
        call("grid_sample", given(2, 3, 3, 4, 5), given(2, 2, 3, 2, 3), mode, padding, aligned)
        for mode in ("bilinear", "nearest")
        for padding in ("zeros", "border", "reflection")
        for aligned in (False, True)
    ],
    call("grid_sample", given(1, 2, 1, 4), given(1, 2, 3, 2), "bilinear", "reflection", True),
    *[
        call("affine_grid", given(2, len(size) - 2, len(size) - 1), size, aligned)
        for size in ((2, 3, 4, 5), (2, 1, 1, 3), (2, 3, 3, 4, 2))
        for aligned in (False, True)
    ],
    function("affine_grid_generator", given(2, 2, 3), (2, 1, 3, 4), True),
    *[
        function(name, given(*shape), given(*grid), mode, padding, False)
        for name, shape, grid in (
            ("grid_sampler", (1, 2, 3, 4), (1, 2, 2, 2)),
            ("grid_sampler_2d", (1, 2, 3, 4), (1, 2, 2, 2)),
            ("grid_sampler_3d", (1, 2, 3, 4, 2), (1, 2, 2, 2, 3)),
        )
        for mode, padding in ((0, 0), (1, 2), (0, 1))
    ],
]
WINDOWS = [
    *[
        call(name, x, *args, **options)
        for name, options in (
            ("unfold", {"kernel_size": 2}),
            ("unfold", {"kernel_size": (2, 3), "padding": (1, 0), "stride": 2, "dilation": (2, 1)}),
        )
        for x, args in ((IMAGE, ()), (given(3, 7, 5), ()))
    ],
    call("fold", given(2, 12, 24), (7, 5), 2),
    call("fold", given(18, 8), (7, 5), (2, 3), padding=(1, 0), stride=2, dilation=(2, 1)),
    *[
        call(name, x, p, window, **options)
        for p in (1, 2, 3.0, float("inf"), -float("inf"))
        for name, x, window, options in (
            ("lp_pool1d", given(2, 3, 9, kind="positive"), 2, {"ceil_mode": True}),
            ("lp_pool2d", POSITIVE, (2, 3), {}),
            ("lp_pool2d", POSITIVE, 2, {"stride": 1, "ceil_mode": True}),
            ("lp_pool3d", given(1, 2, 4, 5, 4, kind="positive"), 2, {}),
        )
    ],
    *[
        call("local_response_norm", x, size, 0.5, 0.7, 2.0)
        for size in (1, 2, 3, 5)
        for x in (SERIES, IMAGE, given(1, 4, 2, 3, 2))
    ],
    *[
        call(f"fractional_max_pool{n}d{suffix}", x, 2, return_indices=True, _random_samples=samples, **size)
        for suffix in ("", "_with_indices")
        for n, x, samples in (
            (2, given(2, 3, 7, 6), given(2, 3, 2, kind="unit", grad=False)),
            (2, given(3, 7, 6), given(1, 3, 2, kind="unit", grad=False)),
            (3, given(2, 3, 5, 6, 7), given(2, 3, 3, kind="unit", grad=False)),
        )
        for size in (
            {"output_size": (3, 2, 4)[:n]},
            {"output_size": (1, 1, 1)[:n]},
            {"output_ratio": (0.5, 0.6, 0.5)[:n]},
        )
    ],
    *[call(f"max_pool{n}d_with_indices", x, 2) for n, x in ((1, SERIES), (2, IMAGE), (3, VOLUME))],
    *[call(f"adaptive_max_pool{n}d_with_indices", x, (3, 2, 2)[:n]) for n, x in ((1, SERIES), (2, IMAGE), (3, VOLUME))],
]
NORMS = [function("norm_except_dim", given(2, 3, 4), 2, dim) for dim in (0, 1, 2, -1)] + [
    function("norm_except_dim", given(2, 3), 3, 0)
]
CASES = [*INTERPOLATIONS, *GRIDS, *WINDOWS, *NORMS]


def functional(lib):
    return lib.nn.functional


BAD = {
    "resize to nothing": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2)),
    "resize twice": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), size=3, scale_factor=2),
    "resize rank": lambda lib: functional(lib).interpolate(lib.ones(2, 2), size=3),
    "resize mode": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), size=3, mode="cubic"),
    "resize mode of another rank": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), 3, mode="linear"),
    "resize sizes": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), size=(3,)),
    "resize factors": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), scale_factor=(3, 3, 3)),
    "resize to zero": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), size=0),
    "resize to a fraction": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), size=2.5),
    "corners of the nearest": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), 3, align_corners=True),
    "antialias of the nearest": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), 3, antialias=True),
    "lanczos without antialias": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2, 2), 3, mode="lanczos"),
    "recompute a size": lambda lib: functional(lib).interpolate(lib.ones(1, 1, 2), 3, recompute_scale_factor=True),
    "grid mode": lambda lib: functional(lib).grid_sample(lib.ones(1, 1, 2, 2), lib.ones(1, 1, 1, 2), "cubic"),
    "grid padding": lambda lib: functional(lib).grid_sample(
        lib.ones(1, 1, 2, 2), lib.ones(1, 1, 1, 2), "nearest", "no"
    ),
    "grid batch": lambda lib: functional(lib).grid_sample(lib.ones(1, 1, 2, 2), lib.ones(2, 1, 1, 2)),
    "grid size": lambda lib: functional(lib).grid_sample(lib.ones(1, 1, 2, 2), lib.ones(1, 1, 1, 3)),
    "grid dtype": lambda lib: functional(lib).grid_sample(lib.ones(1, 1, 2, 2), lib.ones(1, 1, 1, 2).double()),
    "grid of nothing": lambda lib: functional(lib).grid_sample(lib.ones(1, 1, 0, 2), lib.ones(1, 1, 1, 2)),
    "cubic volumes": lambda lib: functional(lib).grid_sample(
        lib.ones(1, 1, 2, 2, 2), lib.ones(1, 1, 1, 1, 3), mode="bicubic"
    ),
    "affine matrix": lambda lib: functional(lib).affine_grid(lib.ones(1, 3, 3), (1, 1, 2, 2)),
    "affine integers": lambda lib: functional(lib).affine_grid(lib.ones(1, 2, 3).long(), (1, 1, 2, 2)),
    "affine size": lambda lib: functional(lib).affine_grid(lib.ones(1, 2, 3), (1, 1, 2)),
    "affine to nothing": lambda lib: functional(lib).affine_grid(lib.ones(1, 2, 3), (1, 1, 0, 2)),
    "fold rows": lambda lib: functional(lib).fold(lib.ones(1, 7, 2), (2, 3), 2),
    "fold blocks": lambda lib: functional(lib).fold(lib.ones(1, 8, 3), (2, 3), 2),
    "unfold rank": lambda lib: functional(lib).unfold(lib.ones(2, 3), 2),
    "unfold kernel": lambda lib: functional(lib).unfold(lib.ones(1, 1, 2, 3), 5),
    "unpool indices": lambda lib: functional(lib).max_unpool2d(
        lib.ones(1, 1, 2, 2), lib.full((1, 1, 2, 2), 99, dtype=lib.int64), 2
    ),
    "unpool index dtype": lambda lib: functional(lib).max_unpool2d(lib.ones(1, 1, 2, 2), lib.ones(1, 1, 2, 2), 2),
    "unpool shapes": lambda lib: functional(lib).max_unpool2d(lib.ones(1, 1, 2, 2), lib.ones(1, 1, 2, 3).long(), 2),
    "unpool size": lambda lib: functional(lib).max_unpool2d(
        lib.ones(1, 1, 2, 2), lib.zeros(1, 1, 2, 2).long(), 2, output_size=(9, 9)
    ),
    "unpool sizes": lambda lib: functional(lib).max_unpool2d(
        lib.ones(1, 1, 2, 2), lib.zeros(1, 1, 2, 2).long(), 2, output_size=(4,)
    ),
    "fractional sizes": lambda lib: functional(lib).fractional_max_pool2d(lib.ones(1, 1, 4, 4), 2, output_size=(4, 4)),
    "fractional without size": lambda lib: functional(lib).fractional_max_pool2d(lib.ones(1, 1, 4, 4), 2),
    "fractional samples": lambda lib: functional(lib).fractional_max_pool2d(
        lib.ones(1, 1, 4, 4), 2, output_size=(2, 2), _random_samples=lib.ones(1, 2, 2)
    ),
    "fractional ratio": lambda lib: lib.nn.FractionalMaxPool2d(2, output_ratio=1.5),
    "fractional layer without size": lambda lib: lib.nn.FractionalMaxPool3d(2),
    "fractional layer with both": lambda lib: lib.nn.FractionalMaxPool2d(2, 3, 0.5),
    "local response rank": lambda lib: functional(lib).local_response_norm(lib.ones(2, 3), 2),
    "cross-map rank": lambda lib: lib.nn.CrossMapLRN2d(3)(lib.ones(2, 3, 4)),
    "pad mode": lambda lib: functional(lib).pad(lib.ones(1, 2, 3), (1, 1), mode="mirror"),
    "pad odd": lambda lib: functional(lib).pad(lib.ones(1, 2, 3), (1, 1, 1)),
    "pad too many": lambda lib: functional(lib).pad(lib.ones(3), (1, 1, 1, 1)),
    "pad reflect too far": lambda lib: functional(lib).pad(lib.ones(1, 2, 3), (3, 1), mode="reflect"),
    "pad circular too far": lambda lib: functional(lib).pad(lib.ones(1, 2, 3), (4, 1), mode="circular"),
    "pad reflect a value": lambda lib: functional(lib).pad(lib.ones(1, 2, 3), (1, 1), mode="reflect", value=2.0),
    "circular layer rank": lambda lib: lib.nn.CircularPad2d(1)(lib.ones(2, 3)),
    "reflection layer rank": lambda lib: lib.nn.ReflectionPad2d(1)(lib.ones(2, 3)),
    "softmax 2d rank": lambda lib: lib.nn.Softmax2d()(lib.ones(2, 3)),
    "instance norm rank": lambda lib: lib.nn.InstanceNorm2d(3)(lib.ones(2, 3)),
    "instance norm channels": lambda lib: lib.nn.InstanceNorm2d(3, affine=True)(lib.ones(2, 2, 3, 3)),
    "instance norm of one": lambda lib: lib.nn.InstanceNorm2d(3)(lib.ones(2, 3, 1, 1)),
    "prelu weights": lambda lib: functional(lib).prelu(lib.ones(2, 1, 4), lib.ones(3)),
    "prelu matrix": lambda lib: functional(lib).prelu(lib.ones(2, 3), lib.ones(1, 3)),
    "feature dropout of vectors": lambda lib: functional(lib).feature_alpha_dropout(lib.ones(3), 0.5, True),
    "alpha dropout probability": lambda lib: functional(lib).alpha_dropout(lib.ones(3), 1.5, True),
    "transposed size": lambda lib: lib.nn.ConvTranspose2d(2, 3, 3, stride=2)(lib.ones(1, 2, 3, 3), (20, 20)),
    "segments without lengths": lambda lib: lib.segment_reduce(lib.ones(3), "sum"),
    "segments too short": lambda lib: lib.segment_reduce(lib.ones(3), "sum", lengths=lib.tensor([1, 1])),
    "segments negative": lambda lib: lib.segment_reduce(lib.ones(3), "sum", lengths=lib.tensor([4, -1])),
    "segments of integers": lambda lib: lib.segment_reduce(lib.ones(3).long(), "sum", lengths=lib.tensor([3])),
    "segments of another axis": lambda lib: lib.segment_reduce(lib.ones(2, 3), "sum", lengths=lib.tensor([3]), axis=1),
    "segment reduction": lambda lib: lib.segment_reduce(lib.ones(3), "median", lengths=lib.tensor([3])),
    "poisson of negative rates": lambda lib: lib.poisson(lib.tensor([-1.0])),
    "binomial of integers": lambda lib: lib.binomial(lib.tensor([3]), lib.tensor([0.5])),
}
