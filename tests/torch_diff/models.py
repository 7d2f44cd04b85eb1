"""The layers, losses and optimizers that are compared: a line each. None of this needs PyTorch."""

from __future__ import annotations

import numpy as np

# Each line: how to build the layer, and the shape of its input.
LAYERS = {
    "linear": (lambda n: n.Linear(5, 3), (4, 5)),
    "linear without bias": (lambda n: n.Linear(5, 3, bias=False), (2, 4, 5)),
    "linear of a vector": (lambda n: n.Linear(5, 3), (5,)),
    "linear of nothing": (lambda n: n.Linear(5, 3), (0, 5)),
    "identity": (lambda n: n.Identity(54, unused=1), (3, 2)),
    "bilinear free": (lambda n: n.Flatten(0), (3, 2, 2)),
    "flatten": (lambda n: n.Flatten(), (3, 2, 4)),
    "unflatten": (lambda n: n.Unflatten(1, (2, 3)), (2, 6, 2)),
    "sequential": (lambda n: n.Sequential(n.Linear(4, 6), n.Tanh(), n.Sequential(n.Linear(6, 2), n.ReLU())), (3, 4)),
    "conv1d": (lambda n: n.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 9)),
    "conv1d dilated": (lambda n: n.Conv1d(2, 3, 3, dilation=2, bias=False), (2, 2, 9)),
    "conv2d": (lambda n: n.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0)), (2, 3, 7, 6)),
    "conv2d same": (lambda n: n.Conv2d(2, 3, 3, padding="same"), (2, 2, 5, 6)),
    "conv2d unbatched": (lambda n: n.Conv2d(2, 3, 3), (2, 5, 6)),
    "conv2d reflect": (lambda n: n.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 2, 5, 6)),
    "conv2d circular": (lambda n: n.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 2, 5, 6)),
    "conv3d": (lambda n: n.Conv3d(2, 3, 2), (2, 2, 3, 4, 3)),
    "conv transpose 1d": (lambda n: n.ConvTranspose1d(2, 3, 3, stride=2, output_padding=1), (2, 2, 4)),
    "conv transpose 2d": (lambda n: n.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 3, 4)),
    "conv transpose 3d": (lambda n: n.ConvTranspose3d(2, 3, 2), (2, 2, 2, 3, 2)),
    "max pool 1d": (lambda n: n.MaxPool1d(2), (2, 3, 7)),
    "max pool 2d": (lambda n: n.MaxPool2d(3, stride=2, padding=1), (2, 3, 7, 6)),
    "max pool 2d ceil": (lambda n: n.MaxPool2d(2, ceil_mode=True), (2, 3, 7, 5)),
    "avg pool 1d": (lambda n: n.AvgPool1d(2), (2, 3, 7)),
    "avg pool 2d": (lambda n: n.AvgPool2d((2, 3), padding=1, count_include_pad=False), (2, 3, 7, 6)),
    "adaptive avg pool 2d": (lambda n: n.AdaptiveAvgPool2d((3, 2)), (2, 3, 7, 6)),
    "adaptive avg pool to one": (lambda n: n.AdaptiveAvgPool2d(1), (2, 3, 7, 6)),
    "adaptive max pool 1d": (lambda n: n.AdaptiveMaxPool1d(3), (2, 3, 7)),
    "batch norm 1d": (lambda n: n.BatchNorm1d(4), (6, 4)),
    "batch norm 1d of series": (lambda n: n.BatchNorm1d(4), (3, 4, 5)),
    "batch norm 2d": (lambda n: n.BatchNorm2d(3), (2, 3, 4, 5)),
    "batch norm without scale": (lambda n: n.BatchNorm2d(3, affine=False), (2, 3, 4, 5)),
    "batch norm without tracking": (lambda n: n.BatchNorm2d(3, track_running_stats=False), (2, 3, 4, 5)),
    "batch norm of all batches": (lambda n: n.BatchNorm1d(4, momentum=None), (6, 4)),
    "layer norm": (lambda n: n.LayerNorm(5), (3, 4, 5)),
    "layer norm of two": (lambda n: n.LayerNorm((4, 5), eps=1e-3), (3, 4, 5)),
    "layer norm without bias": (lambda n: n.LayerNorm(5, bias=False), (3, 5)),
    "layer norm alone": (lambda n: n.LayerNorm(5, elementwise_affine=False), (3, 5)),
    "group norm": (lambda n: n.GroupNorm(2, 4), (3, 4, 5)),
    "rms norm": (lambda n: n.RMSNorm(5), (3, 5)),
    "relu": (lambda n: n.ReLU(), (3, 4)),
    "sigmoid": (lambda n: n.Sigmoid(), (3, 4)),
    "tanh": (lambda n: n.Tanh(), (3, 4)),
    "softmax": (lambda n: n.Softmax(dim=1), (3, 4, 2)),
    "softmax without dim": (lambda n: n.Softmax(), (3, 4)),
    "log softmax": (lambda n: n.LogSoftmax(dim=-1), (3, 4)),
    "softmin": (lambda n: n.Softmin(dim=0), (3, 4)),
    "gelu": (lambda n: n.GELU(), (3, 4)),
    "gelu tanh": (lambda n: n.GELU(approximate="tanh"), (3, 4)),
    "silu": (lambda n: n.SiLU(), (3, 4)),
    "mish": (lambda n: n.Mish(), (3, 4)),
    "leaky relu": (lambda n: n.LeakyReLU(0.2), (3, 4)),
    "elu": (lambda n: n.ELU(1.5), (3, 4)),
    "selu": (lambda n: n.SELU(), (3, 4)),
    "softplus": (lambda n: n.Softplus(beta=2, threshold=1.5), (3, 4)),
    "softsign": (lambda n: n.Softsign(), (3, 4)),
    "log sigmoid": (lambda n: n.LogSigmoid(), (3, 4)),
    "relu6": (lambda n: n.ReLU6(), (3, 4)),
    "hardtanh": (lambda n: n.Hardtanh(-0.5, 0.5), (3, 4)),
    "hardsigmoid": (lambda n: n.Hardsigmoid(), (3, 4)),
    "hardswish": (lambda n: n.Hardswish(), (3, 4)),
    "glu": (lambda n: n.GLU(), (3, 4)),
    "prelu": (lambda n: n.PReLU(4), (3, 4)),
    "dropout of nothing": (lambda n: n.Dropout(0.0), (3, 4)),
    "alpha dropout of nothing": (lambda n: n.AlphaDropout(0.0), (3, 4)),
    "feature alpha dropout of nothing": (lambda n: n.FeatureAlphaDropout(0.0), (3, 4, 2)),
    **{
        f"dropout {d}d of nothing": (lambda n, d=d: getattr(n, f"Dropout{d}d")(0.0), (2, 3, 4, 2, 2)[: d + 2])
        for d in (1, 2, 3)
    },
    "rrelu of one slope": (lambda n: n.RReLU(0.2, 0.2), (3, 4)),
    "cosine similarity": (lambda n: Beside(n, n.CosineSimilarity(dim=1)), (3, 4, 2)),
    "pairwise distance": (lambda n: Beside(n, n.PairwiseDistance(p=3.0, eps=1e-3, keepdim=True)), (3, 4)),
    **{f"max unpool {d}d": (lambda n, d=d: Unpooled(n, d), (2, 3, 4, 6, 4)[: d + 2]) for d in (1, 2, 3)},
    "celu": (lambda n: n.CELU(0.7), (3, 4)),
    "hardshrink": (lambda n: n.Hardshrink(0.3), (3, 4)),
    "softshrink": (lambda n: n.Softshrink(0.3), (3, 4)),
    "tanhshrink": (lambda n: n.Tanhshrink(), (3, 4)),
    "threshold": (lambda n: n.Threshold(0.1, 2.0), (3, 4)),
    "softmax 2d": (lambda n: n.Softmax2d(), (2, 3, 4, 2)),
    "softmax 2d unbatched": (lambda n: n.Softmax2d(), (3, 4, 2)),
    "instance norm 1d": (lambda n: n.InstanceNorm1d(3), (2, 3, 5)),
    "instance norm 1d unbatched": (lambda n: n.InstanceNorm1d(3, affine=True), (3, 5)),
    "instance norm 2d": (lambda n: n.InstanceNorm2d(3, affine=True, eps=1e-3), (2, 3, 4, 5)),
    "instance norm 2d tracking": (lambda n: n.InstanceNorm2d(3, momentum=0.3, track_running_stats=True), (2, 3, 4, 5)),
    "instance norm 3d": (lambda n: n.InstanceNorm3d(2, affine=True, track_running_stats=True), (2, 2, 3, 2, 2)),
    "local response norm": (lambda n: n.LocalResponseNorm(3, 0.5, 0.7, 2.0), (2, 5, 3, 2)),
    "local response norm of series": (lambda n: n.LocalResponseNorm(2, 0.5), (2, 5, 3)),
    "pixel shuffle": (lambda n: n.PixelShuffle(2), (2, 8, 3, 4)),
    "pixel unshuffle": (lambda n: n.PixelUnshuffle(2), (2, 2, 4, 6)),
    "channel shuffle": (lambda n: n.ChannelShuffle(2), (2, 6, 3, 4)),
    "upsample": (lambda n: n.Upsample(scale_factor=2), (1, 2, 3, 4)),
    "upsample exact": (lambda n: n.Upsample((5, 3), mode="nearest-exact"), (1, 2, 3, 4)),
    "upsample linear": (lambda n: n.Upsample(7, mode="linear"), (1, 2, 5)),
    "upsample bicubic": (lambda n: n.Upsample(scale_factor=(1.5, 0.7), mode="bicubic"), (1, 2, 5, 4)),
    "upsample trilinear": (
        lambda n: n.Upsample(scale_factor=1.5, mode="trilinear", align_corners=True),
        (1, 2, 3, 2, 4),
    ),
    "upsampling nearest": (lambda n: n.UpsamplingNearest2d((5, 7)), (1, 2, 3, 4)),
    "upsampling bilinear": (lambda n: n.UpsamplingBilinear2d(scale_factor=2), (1, 2, 3, 4)),
    "fold": (lambda n: n.Fold((4, 5), (2, 3), padding=1, stride=(2, 1)), (2, 12, 15)),
    "unfold": (lambda n: n.Unfold((2, 3), dilation=(1, 2), padding=1, stride=2), (2, 2, 5, 6)),
    "lp pool 1d": (lambda n: n.Sequential(n.Sigmoid(), n.LPPool1d(2, 3, ceil_mode=True)), (2, 3, 8)),
    "lp pool 2d": (lambda n: n.Sequential(n.Sigmoid(), n.LPPool2d(1.5, (2, 3), stride=1)), (2, 3, 5, 6)),
    "lp pool 3d": (lambda n: n.Sequential(n.Sigmoid(), n.LPPool3d(3, 2)), (1, 2, 4, 4, 5)),
    **{
        f"{kind} pad {n}d": (
            lambda nn, kind=kind, n=n: getattr(nn, f"{kind}Pad{n}d")((1, 2, 0, 1, 2, 1)[: 2 * n]),
            (2, 2, 4, 5, 3)[: n + 2],
        )
        for kind in ("Circular", "Reflection", "Replication", "Zero")
        for n in (1, 2, 3)
    },
    "constant pad 1d": (lambda n: n.ConstantPad1d(2, 3.5), (2, 3, 4)),
    "constant pad 2d": (lambda n: n.ConstantPad2d((1, -1, 2, 0), 3.5), (2, 3, 4)),
    "constant pad 3d": (lambda n: n.ConstantPad3d(1, -1.0), (2, 1, 2, 3, 2)),
    "conv1d same, even, replicate": (
        lambda n: n.Conv1d(2, 3, 4, padding="same", dilation=2, padding_mode="replicate"),
        (2, 2, 9),
    ),
    "conv2d valid reflect": (lambda n: n.Conv2d(2, 3, 3, padding="valid", padding_mode="reflect"), (2, 2, 5, 6)),
    "conv2d uneven circular": (lambda n: n.Conv2d(2, 3, (3, 2), padding=(1, 2), padding_mode="circular"), (2, 2, 5, 6)),
    "conv3d same reflect": (
        lambda n: n.Conv3d(1, 2, (2, 3, 1), padding="same", padding_mode="reflect"),
        (1, 1, 4, 4, 3),
    ),
    "conv3d circular": (lambda n: n.Conv3d(1, 2, 2, padding=1, padding_mode="circular"), (1, 1, 3, 4, 3)),
    "conv2d of another kernel": (lambda n: Doubled(n, 2, 3, 3, padding=1, padding_mode="circular"), (2, 2, 5, 6)),
    "adaptive softmax": (lambda n: LogProbabilities(n, 8, 9, [2, 5]), (4, 8)),
    "linear cross-entropy's layer": (lambda n: n.LinearCrossEntropyLoss(4, 3, bias=True).linear, (2, 4)),
}


def Doubled(n, *sizes, **options):
    """A convolution that changes its kernel on the way."""

    class Layer(n.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight * 2, self.bias)

    return Layer(*sizes, **options)


def Beside(n, layer):
    """A layer of two inputs, of x and a function of x."""

    class Layer(n.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, x * x + 1)

    return Layer()


def Unpooled(n, dims):
    """Maxima, twice as large, back in their places."""

    class Layer(n.Module):
        def __init__(self):
            super().__init__()
            self.pool = getattr(n, f"MaxPool{dims}d")(2, return_indices=True)
            self.unpool = getattr(n, f"MaxUnpool{dims}d")(2)

        def forward(self, x):
            values, places = self.pool(x)
            return self.unpool(values * 2, places)

    return Layer()


def LogProbabilities(n, *sizes):
    """A layer of all log-probabilities of the adaptive softmax."""

    class Layer(n.AdaptiveLogSoftmaxWithLoss):
        def forward(self, x):
            return self.log_prob(x)

    return Layer(*sizes, div_value=2.0, head_bias=True)


def real(*shape):
    return lambda rng: rng.normal(size=shape)


def unit(*shape):
    return lambda rng: rng.uniform(0.05, 0.95, shape)


def classes(*shape, high=5):
    return lambda rng: rng.integers(0, high, shape)


def some_ignored(*shape, value=-100):
    def make(rng):
        target = rng.integers(0, 5, shape)
        target.flat[::2] = value
        return target

    return make


def simplex(*shape, axis=1):
    return lambda rng: np.moveaxis(rng.dirichlet(np.ones(shape[axis]), np.delete(shape, axis)), -1, axis)


def signs(*shape):
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def labels(rng):
    return np.array([[0, 3, -1, 2], [-1, 0, 1, 2], [3, 2, 1, 0], [1, -1, 1, -1], [2, 2, 0, -1]])


# Each line: the class, its options, and what makes its arguments; options that are functions make a weight.
LOSSES = {
    "mse": ("MSELoss", {}, real(3, 4), real(3, 4)),
    "mse broadcast": ("MSELoss", {}, real(3, 4), real(4)),
    "mse of scalars": ("MSELoss", {}, real(), real()),
    "l1": ("L1Loss", {}, real(3, 4), real(3, 4)),
    "smooth l1": ("SmoothL1Loss", {"beta": 0.7}, real(3, 4), real(3, 4)),
    "smooth l1 without beta": ("SmoothL1Loss", {"beta": 0.0}, real(3, 4), real(3, 4)),
    "huber": ("HuberLoss", {"delta": 0.7}, real(3, 4), real(3, 4)),
    "cross-entropy": ("CrossEntropyLoss", {}, real(6, 5), classes(6)),
    "cross-entropy of one": ("CrossEntropyLoss", {}, real(5), classes()),
    "cross-entropy of images": ("CrossEntropyLoss", {}, real(2, 5, 3, 2), classes(2, 3, 2)),
    "cross-entropy of square images": ("CrossEntropyLoss", {}, real(5, 5, 5), classes(5, 5)),
    "cross-entropy weighted": ("CrossEntropyLoss", {"weight": unit(5)}, real(6, 5), classes(6)),
    "cross-entropy smoothed": ("CrossEntropyLoss", {"label_smoothing": 0.2}, real(6, 5), classes(6)),
    "cross-entropy weighted, smoothed, ignoring": (
        "CrossEntropyLoss",
        {"weight": unit(5), "label_smoothing": 0.2, "ignore_index": 1},
        real(2, 5, 3),
        classes(2, 3),
    ),
    "cross-entropy ignoring": ("CrossEntropyLoss", {}, real(6, 5), some_ignored(6)),
    "cross-entropy ignoring a class": ("CrossEntropyLoss", {"ignore_index": 2}, real(9, 5), some_ignored(9, value=2)),
    "cross-entropy of probabilities": ("CrossEntropyLoss", {}, real(6, 5), simplex(6, 5)),
    "cross-entropy of everything": (
        "CrossEntropyLoss",
        {"weight": unit(5), "label_smoothing": 0.1},
        real(2, 5, 3),
        simplex(2, 5, 3),
    ),
    "nll": ("NLLLoss", {}, real(6, 5), classes(6)),
    "nll weighted": ("NLLLoss", {"weight": unit(5)}, real(2, 5, 3), some_ignored(2, 3)),
    "nll of one": ("NLLLoss", {}, real(5), classes()),
    "bce": ("BCELoss", {}, unit(3, 4), unit(3, 4)),
    "bce weighted": ("BCELoss", {"weight": unit(3, 4)}, unit(3, 4), unit(3, 4)),
    "bce of logits": ("BCEWithLogitsLoss", {}, real(3, 4), unit(3, 4)),
    "bce of logits weighted": (
        "BCEWithLogitsLoss",
        {"weight": unit(4), "pos_weight": unit(4)},
        real(3, 4),
        unit(3, 4),
    ),
    "kl": ("KLDivLoss", {}, real(3, 4), simplex(3, 4)),
    "kl of logarithms": ("KLDivLoss", {"log_target": True}, real(3, 4), real(3, 4)),
    "gaussian": ("GaussianNLLLoss", {"full": True}, real(3, 4), real(3, 4), unit(3, 4)),
    "poisson": ("PoissonNLLLoss", {"full": True}, real(3, 4), lambda rng: rng.poisson(2.0, (3, 4)) * 1.0),
    "poisson of rates": ("PoissonNLLLoss", {"log_input": False}, unit(3, 4), unit(3, 4)),
    "hinge embedding": ("HingeEmbeddingLoss", {"margin": 0.7}, real(3, 4), signs(3, 4)),
    "margin ranking": ("MarginRankingLoss", {"margin": 0.2}, real(6), real(6), signs(6)),
    "nll 2d": ("NLLLoss2d", {"ignore_index": 1}, real(2, 5, 3, 2), classes(2, 3, 2)),
    "soft margin": ("SoftMarginLoss", {}, real(3, 4), signs(3, 4)),
    "multi-margin": ("MultiMarginLoss", {"margin": 0.7}, real(6, 5), classes(6)),
    "multi-margin squared, weighted": ("MultiMarginLoss", {"p": 2, "weight": unit(5)}, real(6, 5), classes(6)),
    "multi-margin of one": ("MultiMarginLoss", {}, real(5), classes()),
    "multi-label margin": ("MultiLabelMarginLoss", {}, real(5, 4), labels),
    "multi-label margin of one": ("MultiLabelMarginLoss", {}, real(4), lambda rng: labels(rng)[1]),
    "multi-label soft margin": ("MultiLabelSoftMarginLoss", {"weight": unit(4)}, real(5, 4), classes(5, 4, high=2)),
    "cosine embedding": ("CosineEmbeddingLoss", {"margin": 0.1}, real(6, 4), real(6, 4), signs(6)),
    "cosine embedding of one": ("CosineEmbeddingLoss", {}, real(4), real(4), signs()),
    "triplets": ("TripletMarginLoss", {}, real(6, 4), real(6, 4), real(6, 4)),
    "triplets swapped": ("TripletMarginLoss", {"p": 1.0, "swap": True, "margin": 2.0}, *[real(6, 4)] * 3),
    "triplets with distance": ("TripletMarginWithDistanceLoss", {"swap": True}, *[real(6, 4)] * 3),
}

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "sgd decay": ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    "sgd everything": ("SGD", {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.1, "maximize": True}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "adam decay": ("Adam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-6}),
    "adam maximize": ("Adam", {"lr": 0.01, "maximize": True, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw amsgrad": ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    "adamw everything": (
        "AdamW",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.2, "amsgrad": True, "maximize": True},
    ),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.01, "momentum": 0.9, "alpha": 0.9}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "centered": True, "weight_decay": 0.1}),
    "rmsprop everything": ("RMSprop", {"lr": 0.005, "eps": 1e-3, "centered": True, "momentum": 0.5, "maximize": True}),
    "nadam": ("NAdam", {"lr": 0.01}),
    "nadam everything": (
        "NAdam",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True},
    ),
    "nadam decoupled": ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("RAdam", {"lr": 0.01}),
    "radam everything": (
        "RAdam",
        {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.1, "maximize": True},
    ),
    "radam decoupled": ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamax": ("Adamax", {"lr": 0.01}),
    "adamax everything": (
        "Adamax",
        {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": 0.1, "maximize": True},
    ),
    "adadelta": ("Adadelta", {}),
    "adadelta everything": ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    "rprop": ("Rprop", {"lr": 0.01}),
    "rprop everything": ("Rprop", {"lr": 0.02, "etas": (0.4, 1.3), "step_sizes": (1e-4, 0.1), "maximize": True}),
    "asgd": ("ASGD", {"lr": 0.05}),
    "asgd everything": (
        "ASGD",
        {"lr": 0.05, "lambd": 0.01, "alpha": 0.5, "t0": 10.0, "weight_decay": 0.1, "maximize": True},
    ),
    "adafactor": ("Adafactor", {}),
    "adafactor everything": (
        "Adafactor",
        {"lr": 0.05, "beta2_decay": -0.5, "eps": (1e-6, 1e-2), "d": 1.5, "weight_decay": 0.1, "maximize": True},
    ),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad decay": ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    "adagrad everything": ("Adagrad", {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
}
