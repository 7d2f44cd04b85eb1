"""`nn.utils`: limits on gradients, parametrizations, pruning and fusion equal PyTorch's, states included."""

from __future__ import annotations

import copy
import importlib
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from ..jit.steps import training  # noqa: E402
from .cases import array  # noqa: E402
from .pairs import LIBRARIES, both_raise, close, pair_of, pull, same_gradients, tensors  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*is deprecated"),
]


def utils(lib, name):
    return importlib.import_module(f"{lib.__name__}.nn.utils.{name}")


# --------------------------------------------------------------------------- gradients and vectors

NORMS = [0.0, 0.5, 1.0, 2.0, 3.0, float("inf"), float("-inf")]


def with_gradients(lib, scale=3.0):
    rng = np.random.default_rng(0)
    made = []
    for shape in ((3, 4), (5,), (), (2, 0)):
        made.append(lib.nn.Parameter(lib.tensor(rng.normal(size=shape).astype("f"))))
        made[-1].grad = made[-1].detach() * scale
    return [*made[:3], lib.nn.Parameter(lib.zeros(1))]


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_by_every_norm(norm_type, max_norm):
    made = []
    for lib in LIBRARIES:
        params = with_gradients(lib)
        total = lib.nn.utils.get_total_norm([p.grad for p in params[:3]], norm_type, foreach=False)
        found = lib.nn.utils.clip_grad_norm_(iter(params), max_norm, norm_type, foreach=False)
        made.append((total, found, params))
    close(made[0][0], made[1][0], "total")
    close(made[0][1], made[1][1], "found")
    for a, b in zip(made[0][2][:3], made[1][2][:3]):
        close(a.grad, b.grad, "clipped")


def test_clipping_in_parts_and_by_value():
    made = [with_gradients(lib) for lib in LIBRARIES]
    for lib, params in zip(LIBRARIES, made):
        lib.nn.utils.clip_grads_with_norm_(params, 1.0, lib.tensor(4.0), foreach=False)
        lib.nn.utils.clip_grad_value_(params[0], 0.5)
        assert lib.nn.utils.clip_grad_norm_([params[-1]], 1.0).item() == 0.0
    for a, b in zip(made[0][:3], made[1][:3]):
        close(a.grad, b.grad, "clipped")


@pytest.mark.parametrize("norm_type", [0.0, 0.5, 2.0, float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_of_many(norm_type, dtype):
    rng = np.random.default_rng(0)
    data = [
        rng.normal(size=shape).astype(dtype) for shape in [(3,), (2, 4), (), (70000,), (5, 1), (7,), (300, 230)] * 3
    ]
    made = []
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.tensor(x)) for x in data]
        for p in params:
            p.grad = (p.detach() * 3).T if p.ndim == 2 and p.shape[0] == p.shape[1] else p.detach() * 3
        kept = params[1].grad
        found = lib.nn.utils.clip_grad_norm_(params, 2.0, norm_type)
        assert params[1].grad is kept
        once = [np.array(array(p.grad)) for p in params]
        lib.nn.utils.clip_grad_value_(params, 0.01)
        made.append((array(found), once, [array(p.grad) for p in params]))
    np.testing.assert_allclose(made[0][0], made[1][0], rtol=1e-5)
    for a, b in zip(made[0][1] + made[0][2], made[1][1] + made[1][2]):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8)


def test_a_gradient_that_two_parameters_share_is_clipped_twice():
    made = []
    for lib in LIBRARIES:
        params = [lib.nn.Parameter(lib.ones(2)) for _ in range(6)]
        for p in params:
            p.grad = lib.ones(2) * 4
        params[1].grad = params[0].grad
        lib.nn.utils.clip_grads_with_norm_(params, 1.0, lib.tensor(2.0))
        made.append([array(p.grad) for p in params])
    np.testing.assert_allclose(*made, rtol=1e-5)


def test_norms_that_are_not_finite():
    for value in (float("nan"), float("inf")):
        made = []
        for lib in LIBRARIES:
            params = with_gradients(lib)
            params[1].grad[0] = value
            with pytest.raises(RuntimeError, match="non-finite"):
                lib.nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
            lib.nn.utils.clip_grad_norm_(params, 1.0)
            made.append(params)
        for a, b in zip(made[0][:3], made[1][:3]):
            close(a.grad, b.grad, "clipped")


def test_parameters_as_a_vector():
    models = pair_of(lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2)))
    vectors = [lib.nn.utils.parameters_to_vector(m.parameters()) for lib, m in zip(LIBRARIES, models)]
    close(*vectors, "vector")
    for lib, model, vector in zip(LIBRARIES, models, vectors):
        lib.nn.utils.vector_to_parameters(vector.detach() * 2, model.parameters())
    for a, b in zip(models[0].parameters(), models[1].parameters()):
        close(a, b, "parameter")
    assert both_raise(lambda lib: lib.nn.utils.vector_to_parameters([1.0], []))


# --------------------------------------------------------------------------- parametrizations


def symmetric(lib):
    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

        def right_inverse(self, a):
            return a.triu()

    return Symmetric()


def doubled(lib):
    class Doubled(lib.nn.Module):
        def forward(self, x):
            return 2 * x

        def right_inverse(self, x):
            return x / 2

    return Doubled()


def rank_one(lib):
    class RankOne(lib.nn.Module):
        def forward(self, x, y):
            return x.unsqueeze(-1) @ y.unsqueeze(-2)

        def right_inverse(self, z):
            return z[:, 0].clone(), z[0].clone()

    return RankOne()


def parametrized(*makers, kind=lambda lib: lib.nn.Linear(4, 4)):
    def build(lib):
        module = kind(lib)
        for make in makers:
            utils(lib, "parametrize").register_parametrization(module, "weight", make(lib))
        return module

    return build


def ready(function, kind=lambda lib: lib.nn.Linear(4, 3), **options):
    return lambda lib: getattr(utils(lib, "parametrizations"), function)(kind(lib), **options)


def conv(lib):
    return lib.nn.Conv1d(4, 3, 2)


def transposed(lib):
    return lib.nn.ConvTranspose1d(4, 3, 2)


# Each line: how to build the module, and the shape of its input.
PARAMETRIZED = {
    "one": (parametrized(symmetric), (2, 4)),
    "two": (parametrized(symmetric, doubled), (2, 4)),
    "several originals": (parametrized(rank_one), (2, 4)),
    "weight norm": (ready("weight_norm"), (2, 4)),
    "weight norm of all": (ready("weight_norm", dim=None), (2, 4)),
    "weight norm of columns": (ready("weight_norm", dim=1), (2, 4)),
    "weight norm of a convolution": (ready("weight_norm", conv), (2, 4, 5)),
    "spectral norm": (ready("spectral_norm"), (2, 4)),
    "spectral norm, many steps": (ready("spectral_norm", conv, n_power_iterations=3), (2, 4, 5)),
    "spectral norm, transposed": (ready("spectral_norm", transposed), (2, 4, 5)),
    "spectral norm of a vector": (ready("spectral_norm", name="bias"), (2, 4)),
    "orthogonal": (ready("orthogonal", lambda lib: lib.nn.Linear(4, 4)), (2, 4)),
    "orthogonal, householder": (ready("orthogonal", use_trivialization=False), (2, 4)),
    "orthogonal, wide, exponential": (
        ready("orthogonal", orthogonal_map="matrix_exp", use_trivialization=False),
        (2, 4),
    ),
    "orthogonal, cayley": (ready("orthogonal", orthogonal_map="cayley", use_trivialization=False), (2, 4)),
    "orthogonal, base": (ready("orthogonal"), (2, 4)),
    "old weight norm": (lambda lib: lib.nn.utils.weight_norm(lib.nn.Linear(4, 3)), (2, 4)),
    "old weight norm of all": (lambda lib: lib.nn.utils.weight_norm(conv(lib), dim=None), (2, 4, 5)),
    "old spectral norm": (lambda lib: lib.nn.utils.spectral_norm(lib.nn.Linear(4, 3)), (2, 4)),
    "old spectral norm, transposed": (lambda lib: lib.nn.utils.spectral_norm(transposed(lib)), (2, 4, 5)),
    "pruned": (lambda lib: utils(lib, "prune").identity(lib.nn.Linear(4, 3), "weight"), (2, 4)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PARAMETRIZED)
def test_parametrized_modules_train_alike(name, dtype):
    build, shape = PARAMETRIZED[name]
    models = pair_of(build, dtype)
    assert [n for n, _ in models[0].named_parameters()] == [n for n, _ in models[1].named_parameters()]
    assert [n for n, _ in models[0].named_buffers()] == [n for n, _ in models[1].named_buffers()]
    rng = np.random.default_rng(0)
    optimizers = [lib.optim.SGD(m.parameters(), lr=0.05) for lib, m in zip(LIBRARIES, models)]
    for mode in (True, False):
        for model in models:
            model.train(mode)
        for _ in range(3):
            xs = tensors(rng.normal(size=shape).astype(dtype))
            for optimizer in optimizers:
                optimizer.zero_grad()
            outs = tuple(model(x) for model, x in zip(models, xs))
            close(*outs, "out", rtol=1e-4 if dtype == "float32" else 1e-8)
            pull(outs)
            for optimizer in optimizers:
                optimizer.step()
    for key, value in models[1].state_dict().items():
        near = 1e-4 if dtype == "float32" else 1e-8
        np.testing.assert_allclose(array(models[0].state_dict()[key]), array(value), rtol=near, atol=near, err_msg=key)


def test_reading_assigning_and_printing():
    models = pair_of(parametrized(symmetric, doubled))
    assert repr(models[0]) == repr(models[1])
    value = np.random.default_rng(0).normal(size=(4, 4)).astype("f")
    value = value + value.T
    for lib, model in zip(LIBRARIES, models):
        model.weight = lib.tensor(value)
        np.testing.assert_allclose(array(model.weight), value, rtol=1e-6)
    close(models[0].parametrizations.weight.original, models[1].parametrizations.weight.original, "original")
    for lib, model in zip(LIBRARIES, models):
        P = utils(lib, "parametrize")
        assert P.is_parametrized(model) and P.is_parametrized(model, "weight") and not P.is_parametrized(model, "bias")
        assert P.type_before_parametrizations(model) is lib.nn.Linear
        with P.cached():
            assert model.weight is model.weight
        assert model.weight is not model.weight


REMOVED = [(name, leave) for name in ("one", "two", "spectral norm") for leave in (True, False)]


@pytest.mark.parametrize(("name", "leave"), [*REMOVED, ("weight norm", True)])
def test_removing(name, leave):
    models = pair_of(PARAMETRIZED[name][0])
    for lib, model in zip(LIBRARIES, models):
        model.eval()
        first = model.parametrizations.weight
        was = first.original if name != "weight norm" else None
        assert utils(lib, "parametrize").remove_parametrizations(model, "weight", leave) is model
        assert type(model) is lib.nn.Linear and isinstance(model.weight, lib.nn.Parameter)
        assert was is None or model.weight is was
    close(models[0].weight, models[1].weight, "weight")
    assert list(models[0].state_dict()) == list(models[1].state_dict())


def test_old_norms_are_removed_alike():
    for add, remove in (("weight_norm", "remove_weight_norm"), ("spectral_norm", "remove_spectral_norm")):
        models = pair_of(lambda lib, add=add: getattr(lib.nn.utils, add)(lib.nn.Linear(4, 3)))
        for lib, model in zip(LIBRARIES, models):
            assert getattr(lib.nn.utils, remove)(model) is model
        close(models[0].weight, models[1].weight, "weight")
        assert list(models[0].state_dict()) == list(models[1].state_dict())
        for lib in LIBRARIES:
            with pytest.raises((ValueError, RuntimeError)):
                getattr(lib.nn.utils, remove)(lib.nn.Linear(4, 3))
            with pytest.raises((ValueError, RuntimeError)):
                getattr(lib.nn.utils, add)(getattr(lib.nn.utils, add)(lib.nn.Linear(4, 3)))


def test_states_of_the_older_weight_norm_load():
    for there, here in (LIBRARIES, LIBRARIES[::-1], (mt, mt)):
        old = there.nn.utils.weight_norm(there.nn.Linear(4, 3))
        new = utils(here, "parametrizations").weight_norm(here.nn.Linear(4, 3))
        new.load_state_dict({k: here.tensor(array(v)) for k, v in old.state_dict().items()})
        np.testing.assert_allclose(array(new.weight), array(old.weight), rtol=1e-6)


def test_orthogonal_starts_from_an_orthogonal_weight():
    start = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 3)))[0].astype("f")
    for lib in LIBRARIES:
        for options in ({}, {"use_trivialization": False}):
            layer = lib.nn.Linear(3, 5)
            layer.weight.data = lib.tensor(start)
            utils(lib, "parametrizations").orthogonal(layer, **options)
            np.testing.assert_allclose(array(layer.weight), start, atol=1e-5)
            layer.weight = lib.tensor(-start)
            np.testing.assert_allclose(array(layer.weight), -start, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["two", "several originals", "weight norm", "spectral norm", "old weight norm", "pruned"]
)
def test_copies_trees_and_compiled_calls(name):
    build, shape = PARAMETRIZED[name]
    model = build(mt).eval()
    x = mt.tensor(np.random.default_rng(0).normal(size=shape).astype("f"))
    want = model(x)
    if not name.startswith(
        ("old", "pruned")
    ):  # they hold a tensor that was computed, which has no copy in PyTorch either
        close(copy.deepcopy(model)(x), want, "copy")
    if "norm" in name and not name.startswith("old"):  # of classes that can be found by name
        close(pickle.loads(pickle.dumps(model))(x), want, "pickled")
    close(mt.jit(model)(x), want, "compiled")
    close(mt.func.functional_call(model, dict(model.named_parameters()), (x,)), want, "called")
    found = mt.value_and_grad(lambda m: m(x).sum())(model)[1]
    model(x).sum().backward()
    for key, p in model.named_parameters():
        close(found.get_parameter(key), p.grad, key)


def test_a_compiled_step_trains_a_parametrized_model():
    def run(wrap):
        mt.manual_seed(0)
        P = utils(mt, "parametrizations")
        model = mt.nn.Sequential(P.weight_norm(mt.nn.Linear(3, 4)), mt.nn.Tanh(), P.spectral_norm(mt.nn.Linear(4, 2)))
        optimizer = mt.optim.Adam(model.parameters(), lr=0.05)
        step = wrap(training(optimizer, lambda x: (model(x) ** 2).mean()))
        return [step(mt.ones(2, 3) * i).item() for i in range(5)]

    np.testing.assert_allclose(run(mt.jit), run(lambda f: f), rtol=1e-4)


def wrong_shape(lib):
    class Wrong(lib.nn.Module):
        def forward(self, x):
            return x[0]

    return Wrong()


def register(lib, make, **options):
    return utils(lib, "parametrize").register_parametrization(lib.nn.Linear(4, 4), "weight", make(lib), **options)


BAD = {
    "shape": lambda lib: register(lib, wrong_shape),
    "name": lambda lib: utils(lib, "parametrize").register_parametrization(lib.nn.ReLU(), "weight", symmetric(lib)),
    "assigning": lambda lib: setattr(register(lib, wrong_shape, unsafe=True), "weight", lib.ones(4, 4)),
    "several originals": lambda lib: utils(lib, "parametrize").remove_parametrizations(
        register(lib, rank_one), "weight", leave_parametrized=False
    ),
    "removing": lambda lib: utils(lib, "parametrize").remove_parametrizations(lib.nn.Linear(2, 2), "weight"),
    "spectral dim": lambda lib: utils(lib, "parametrizations").spectral_norm(lib.nn.Linear(2, 2), dim=5),
    "spectral steps": lambda lib: utils(lib, "parametrizations").spectral_norm(
        lib.nn.Linear(2, 2), n_power_iterations=0
    ),
    "orthogonal vector": lambda lib: utils(lib, "parametrizations").orthogonal(lib.nn.Linear(2, 2), "bias"),
    "orthogonal map": lambda lib: utils(lib, "parametrizations").orthogonal(lib.nn.Linear(2, 2), orthogonal_map="x"),
    "amount": lambda lib: utils(lib, "prune").l1_unstructured(lib.nn.Linear(2, 2), "weight", 1.5),
    "amount type": lambda lib: utils(lib, "prune").l1_unstructured(lib.nn.Linear(2, 2), "weight", "all"),
    "too many": lambda lib: utils(lib, "prune").l1_unstructured(lib.nn.Linear(2, 2), "weight", 5),
    "vector slices": lambda lib: utils(lib, "prune").ln_structured(lib.nn.Linear(2, 2), "bias", 1, 2, 0),
    "pruned dim": lambda lib: utils(lib, "prune").ln_structured(lib.nn.Linear(2, 2), "weight", 1, 2, 3),
    "unpruned": lambda lib: utils(lib, "prune").remove(lib.nn.Linear(2, 2), "weight"),
    "fusion": lambda lib: lib.nn.utils.fuse_linear_bn_eval(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2)),
    "fused sizes": lambda lib: lib.nn.utils.fuse_linear_bn_eval(
        lib.nn.Linear(2, 2).eval(), lib.nn.BatchNorm1d(3).eval()
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    for lib in LIBRARIES:
        with pytest.raises(Exception) as caught:
            BAD[name](lib)
        assert len(str(caught.value)) > 10


# --------------------------------------------------------------------------- pruning

PRUNED = {
    "part": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "count": lambda p, m: p.l1_unstructured(m, "weight", 5),
    "nothing": lambda p, m: p.l1_unstructured(m, "weight", 0),
    "rows": lambda p, m: p.ln_structured(m, "weight", 0.5, 2, 0),
    "columns": lambda p, m: p.ln_structured(m, "weight", 1, 1, -1),
    "largest": lambda p, m: p.ln_structured(m, "weight", 2, float("inf"), 1),
    "twice": lambda p, m: [p.l1_unstructured(m, "weight", 0.3), p.l1_unstructured(m, "weight", 0.5)],
    "both ways": lambda p, m: [p.l1_unstructured(m, "weight", 0.3), p.ln_structured(m, "weight", 0.5, 2, 0)],
    "slices twice": lambda p, m: [p.ln_structured(m, "weight", 1, 2, 0), p.ln_structured(m, "weight", 1, 2, 1)],
}


@pytest.mark.parametrize("name", PRUNED)
def test_pruning(name):
    models = pair_of(lambda lib: lib.nn.Linear(5, 6))
    for lib, model in zip(LIBRARIES, models):
        PRUNED[name](utils(lib, "prune"), model)
    assert list(models[0].state_dict()) == list(models[1].state_dict())
    close(models[0].weight_mask, models[1].weight_mask, "mask")
    close(models[0].weight, models[1].weight, "weight")
    outs = tuple(m(x) for m, x in zip(models, tensors(np.ones((2, 5), "f"))))
    pull(outs)
    same_gradients(*models)
    for lib, model in zip(LIBRARIES, models):
        assert utils(lib, "prune").is_pruned(lib.nn.Sequential(model))
        utils(lib, "prune").remove(model, "weight")
        assert not utils(lib, "prune").is_pruned(model)
    assert list(models[0].state_dict()) == list(models[1].state_dict())
    close(models[0].weight, models[1].weight, "removed")


def test_pruning_by_scores_masks_and_at_random():
    scores = np.random.default_rng(0).permutation(30).reshape(6, 5).astype("f")
    models = pair_of(lambda lib: lib.nn.Linear(5, 6))
    for lib, model in zip(LIBRARIES, models):
        p = utils(lib, "prune")
        p.l1_unstructured(model, "weight", 7, importance_scores=lib.tensor(scores))
        p.custom_from_mask(model, "bias", lib.tensor([1, 0, 1, 1, 0, 1]))
    close(models[0].weight, models[1].weight, "weight")
    close(models[0].bias, models[1].bias, "bias")
    for lib in LIBRARIES:
        p = utils(lib, "prune")
        assert p.random_unstructured(lib.nn.Linear(5, 6), "weight", 7).weight_mask.sum().item() == 23
        mask = array(p.random_structured(lib.nn.Linear(5, 6), "weight", 2, 0).weight_mask)
        assert sorted(mask.sum(1)) == [0, 0, 5, 5, 5, 5]


def test_pruning_all_together():
    models = pair_of(lambda lib: lib.nn.Sequential(lib.nn.Linear(5, 6), lib.nn.Linear(6, 3)))
    for lib, model in zip(LIBRARIES, models):
        p = utils(lib, "prune")
        pairs = [(model[0], "weight"), (model[1], "weight"), (model[0], "bias")]
        p.global_unstructured(pairs, pruning_method=p.L1Unstructured, amount=0.4)
        p.global_unstructured(pairs, pruning_method=p.L1Unstructured, amount=6)
    assert sorted(models[0].state_dict()) == sorted(models[1].state_dict())
    for key, value in models[1].state_dict().items():
        close(models[0].state_dict()[key], value, key)


# --------------------------------------------------------------------------- fusion and the rest


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "Linear"])
def test_fusion(kind, bias):
    is_conv = kind != "Linear"

    def build(lib):
        layer = getattr(lib.nn, kind)(*((3, 4, 2) if is_conv else (3, 4)), bias=bias)
        return lib.nn.Sequential(layer, (lib.nn.BatchNorm2d if is_conv else lib.nn.BatchNorm1d)(4))

    models = pair_of(build)
    xs = tensors(np.random.default_rng(0).normal(size=(5, 3, 4, 4) if is_conv else (5, 3)).astype("f"))
    fused = []
    for lib, model, x in zip(LIBRARIES, models, xs):
        model(x)
        model.eval()
        if is_conv:
            fused.append(lib.nn.utils.fuse_conv_bn_eval(model[0], model[1], transpose=kind != "Conv2d"))
        else:
            fused.append(lib.nn.utils.fuse_linear_bn_eval(model[0], model[1]))
    close(fused[0].weight, fused[1].weight, "weight", rtol=1e-4)
    close(fused[0].bias, fused[1].bias, "bias", rtol=1e-4)
    np.testing.assert_allclose(array(fused[0](xs[0])), array(models[0](xs[0])), rtol=1e-3, atol=1e-5)


def names(module):
    return {n for n in dir(module) if not n.startswith("_")}


# Names that PyTorch's modules have in passing, and layouts that there is nothing of here.
PASSING = {
    *("Callable", "Literal", "ParamSpec", "TypeVar", "torch", "warnings"),
    *("convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format", "memory_format", "rnn"),
}


def test_all_names_are_there():
    assert names(torch.nn.utils) - names(mt.nn.utils) <= PASSING
    assert names(torch.nn.init) - names(mt.nn.init) <= PASSING
    for name in ("parametrizations", "stateless"):
        assert set(utils(torch, name).__all__) <= names(utils(mt, name))
