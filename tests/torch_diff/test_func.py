"""minitorch.func beside torch.func: the same programs in both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minitorch as mt

from .cases import array

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of PyTorch about itself
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

R = np.random.default_rng(0)
DATA = {name: R.normal(size=shape).astype(np.float32) for name, shape in [
    ("x", (4, 3)), ("y", (4, 2)), ("v", (3,)), ("w", (3,)), ("m", (3, 3)), ("s", ()), ("l1w", (5, 3)), ("l1b", (5,)),
    ("l2w", (2, 5)), ("l2b", (2,)), ("z", (6, 3)),
]}  # fmt: skip
LABELS = np.array([0, 1, 1, 0])


def data(lib: Any) -> SimpleNamespace:
    found = {name: lib.tensor(value) for name, value in DATA.items()}
    return SimpleNamespace(**found, t=lib.tensor(LABELS))


def model(lib: Any, seed: int = 0, norm: bool = False) -> Any:
    nn = lib.nn
    layers = [nn.Linear(3, 5), *([nn.LayerNorm(5)] if norm else []), nn.Tanh(), nn.Linear(5, 2)]
    made = nn.Sequential(*layers)
    r = np.random.default_rng(seed)
    with lib.no_grad():
        for p in made.parameters():
            p.copy_(lib.tensor(r.normal(size=tuple(p.shape)).astype(np.float32)))
    return made


def detached(module: Any) -> tuple[dict, dict]:
    return {k: v.detach() for k, v in module.named_parameters()}, {k: v.detach() for k, v in module.named_buffers()}


def f(lib: Any, x: Any) -> Any:
    return lib.sin(x) * lib.exp(x).sum()


def loss_of_one(lib: Any, module: Any):
    def loss(params, buffers, x, t):
        out = lib.func.functional_call(module, (params, buffers), (x.unsqueeze(0),))
        return lib.nn.functional.cross_entropy(out, t.unsqueeze(0))

    return loss


def per_example_gradients(lib: Any, d: Any) -> Any:
    module = model(lib, norm=True)
    params, buffers = detached(module)
    step = lib.func.grad(loss_of_one(lib, module))
    return lib.func.vmap(step, in_dims=(None, None, 0, 0))(params, buffers, d.x, d.t)


def ensemble(lib: Any, d: Any) -> Any:
    models = [model(lib, seed) for seed in range(3)]
    params, buffers = lib.func.stack_module_state(models)
    base = models[0]

    def call(params, buffers, x):
        return lib.func.functional_call(base, (params, buffers), (x,))

    shared = lib.func.vmap(call, in_dims=(0, 0, None))(params, buffers, d.x)
    own = lib.func.vmap(call)(params, buffers, lib.stack([d.x, d.x * 2, d.x * 3]))
    shared.sum().backward()
    return shared, own, {name: p.grad for name, p in params.items()}


def tangent_kernel(lib: Any, d: Any) -> Any:
    module = model(lib)
    params, _ = detached(module)

    def of_one(params, x):
        return lib.func.functional_call(module, params, (x.unsqueeze(0),)).squeeze(0)

    jac1 = lib.func.vmap(lib.func.jacrev(of_one), (None, 0))(params, d.x)
    jac2 = lib.func.vmap(lib.func.jacfwd(of_one), (None, 0))(params, d.z)
    flat1 = [j.flatten(2) for _, j in sorted(jac1.items())]
    flat2 = [j.flatten(2) for _, j in sorted(jac2.items())]
    return sum(lib.einsum("Naf,Mbf->NMab", a, b) for a, b in zip(flat1, flat2))


def kernel_by_products(lib: Any, d: Any) -> Any:
    """The tangent kernel by vjp and jvp, without a Jacobian."""
    module = model(lib)
    params, _ = detached(module)

    def of_one(params, x):
        return lib.func.functional_call(module, params, (x.unsqueeze(0),)).squeeze(0)

    def entry(x1, x2):
        def product(v):
            _, pull = lib.func.vjp(lambda p: of_one(p, x1), params)
            return lib.func.jvp(lambda p: of_one(p, x2), (params,), pull(v))[1]

        return lib.func.vmap(product)(lib.eye(2))

    return lib.func.vmap(lambda a: lib.func.vmap(lambda b: entry(a, b))(d.z))(d.x)


def maml(lib: Any, d: Any) -> Any:
    """A gradient through a step of gradient descent, for many tasks at once."""
    params = {"w": d.m, "b": d.v}
    predict = lambda p, x: lib.tanh(x @ p["w"] + p["b"])  # noqa: E731
    loss = lambda p, x: ((predict(p, x) - x) ** 2).mean()  # noqa: E731

    def adapted(p, x):
        g = lib.func.grad(loss)(p, x)
        return loss({k: p[k] - 0.1 * g[k] for k in p}, x * 0.5)

    tasks = lib.stack([d.x, d.x * 2.0, -d.x])
    return lib.func.grad(lambda p: lib.func.vmap(adapted, (None, 0))(p, tasks).mean())(params)


PROGRAMS: dict[str, Any] = {
    "grad": lambda lib, d: lib.func.grad(lambda x: f(lib, x).sum())(d.v),
    "grad of two": lambda lib, d: lib.func.grad(lambda x, y: (x * lib.sin(y)).sum(), argnums=(0, 1))(d.v, d.w),
    "grad, aux": lambda lib, d: lib.func.grad(lambda x: ((x * x).sum(), {"twice": x * 2}), has_aux=True)(d.v),
    "grad of trees": lambda lib, d: lib.func.grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": d.v, "b": (d.w,)}),
    "grad of grad": lambda lib, d: lib.func.grad(lambda x: lib.func.grad(lambda y: lib.sin(y) * x)(x))(d.s),
    "grad_and_value": lambda lib, d: lib.func.grad_and_value(lambda x: (x * x).sum())(d.v),
    "grad_and_value, aux": lambda lib, d: lib.func.grad_and_value(lambda x: ((x * x).sum(), x), has_aux=True)(d.v),
    "vjp": lambda lib, d: (lambda out, pull: (out, pull(d.w)))(*lib.func.vjp(lambda x: f(lib, x), d.v)),
    "vjp of two": lambda lib, d: lib.func.vjp(lambda x, y: (x * y, x.sum()), d.v, d.w)[1]((d.v, d.s)),
    "vjp, aux": lambda lib, d: lib.func.vjp(lambda x: (x * x, x), d.v, has_aux=True)[2],
    "jvp": lambda lib, d: lib.func.jvp(lambda x: f(lib, x), (d.v,), (d.w,)),
    "jvp, aux": lambda lib, d: lib.func.jvp(lambda x: (x * x, x + 1), (d.v,), (d.w,), has_aux=True),
    "linearize": lambda lib, d: (lambda out, push: (out, push(d.w), push(d.v)))(
        *lib.func.linearize(lambda x: f(lib, x), d.v)
    ),
    "jacrev": lambda lib, d: lib.func.jacrev(lambda x: f(lib, x))(d.v),
    "jacrev of two": lambda lib, d: lib.func.jacrev(lambda x, y: x * y.sum(), argnums=(0, 1))(d.v, d.w),
    "jacrev in chunks": lambda lib, d: lib.func.jacrev(lambda x: f(lib, x), chunk_size=2)(d.v),
    "jacrev, aux": lambda lib, d: lib.func.jacrev(lambda x: (f(lib, x), x), has_aux=True)(d.v),
    "jacrev of trees": lambda lib, d: lib.func.jacrev(lambda p: {"out": p["a"] * p["b"]})({"a": d.v, "b": d.w}),
    "jacfwd": lambda lib, d: lib.func.jacfwd(lambda x: f(lib, x))(d.v),
    "jacfwd, aux": lambda lib, d: lib.func.jacfwd(lambda x: (f(lib, x), x), has_aux=True)(d.v),
    "jacfwd of jacrev": lambda lib, d: lib.func.jacfwd(lib.func.jacrev(lambda x: f(lib, x)))(d.v),
    "hessian": lambda lib, d: lib.func.hessian(lambda x: f(lib, x).sum())(d.v),
    "hessian of two": lambda lib, d: lib.func.hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(d.v, d.w),
    "hessian vector product": lambda lib, d: lib.func.jvp(lib.func.grad(lambda x: f(lib, x).sum()), (d.v,), (d.w,))[1],
    "vmap": lambda lib, d: lib.func.vmap(lambda x: x * x.sum())(d.x),
    "vmap over other dims": lambda lib, d: lib.func.vmap(lambda x, y: x * y, in_dims=(1, None), out_dims=1)(
        d.x, d.t * 1.0
    ),
    "vmap of trees": lambda lib, d: lib.func.vmap(lambda p: p["a"] @ p["b"], in_dims=({"a": 0, "b": None},))(
        {"a": d.x, "b": d.m}
    ),
    "vmap in chunks": lambda lib, d: lib.func.vmap(lambda x, y: x * y, in_dims=(0, None), chunk_size=3)(d.x, d.v),
    "vmap in chunks, other dims": lambda lib, d: lib.func.vmap(
        lambda x: (x * 2, x.sum()), in_dims=1, out_dims=(-1, 0), chunk_size=2
    )(d.x),
    "vmap of vmap": lambda lib, d: lib.func.vmap(lib.func.vmap(lambda x, y: x * y, (None, 0)), (0, None))(d.v, d.w),
    "vmap of grad": lambda lib, d: lib.func.vmap(lib.func.grad(lambda x: lib.sin(x).sum()))(d.x),
    "vmap of hessian": lambda lib, d: lib.func.vmap(lib.func.hessian(lambda x: f(lib, x).sum()))(d.x),
    "vmap with keywords": lambda lib, d: lib.func.vmap(lambda x, y: x * y)(d.x, y=d.x),
    "functional_call": lambda lib, d: lib.func.functional_call(model(lib), detached(model(lib, 5))[0], (d.x,)),
    "per example gradients": per_example_gradients,
    "ensemble": ensemble,
    "tangent kernel": tangent_kernel,
    "tangent kernel by products": kernel_by_products,
    "maml": maml,
}


def compare(ours: Any, theirs: Any, what: str) -> None:
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), what
        for key in theirs:
            compare(ours[key], theirs[key], f"{what}[{key!r}]")
    elif isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)) and len(ours) == len(theirs), what
        for i, (a, b) in enumerate(zip(ours, theirs)):
            compare(a, b, f"{what}[{i}]")
    else:
        assert isinstance(ours, mt.Tensor), f"{what} is a {type(ours)}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape}, in torch {theirs.shape}"
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch."), what
        np.testing.assert_allclose(array(ours), array(theirs), 2e-4, 2e-5, err_msg=what)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_as_torch(name):
    import torch.func

    program = PROGRAMS[name]
    compare(program(mt, data(mt)), program(torch, data(torch)), name)


BAD: dict[str, Any] = {
    "no scalar": lambda lib, d: lib.func.grad(lambda x: x)(d.v),
    "nothing is mapped": lambda lib, d: lib.func.vmap(lambda x: x, in_dims=None)(d.v),
    "sizes differ": lambda lib, d: lib.func.vmap(lambda x, y: x.sum() * y.sum())(d.x, d.v),
    "random numbers": lambda lib, d: lib.func.vmap(lambda x: x + lib.rand(3))(d.x),
    "random numbers in jacfwd": lambda lib, d: lib.func.jacfwd(lambda x: x + lib.rand(3))(d.v),
    "no models": lambda lib, d: lib.func.stack_module_state([]),
    "other models": lambda lib, d: lib.func.stack_module_state([lib.nn.Linear(2, 2), lib.nn.Tanh()]),
    "other modes": lambda lib, d: lib.func.stack_module_state([lib.nn.Linear(2, 2), lib.nn.Linear(2, 2).eval()]),
    "bad chunk": lambda lib, d: lib.func.vmap(lambda x: x, chunk_size=0)(d.x),
    "bad randomness": lambda lib, d: lib.func.vmap(lambda x: x, randomness="any")(d.x),
}


@pytest.mark.parametrize("name", BAD)
def test_both_raise(name):
    import torch.func

    for lib in (torch, mt):
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            BAD[name](lib, data(lib))


@pytest.mark.parametrize(
    "draw", [lambda: mt.rand(3), lambda: mt.randn(3), lambda: mt.nn.functional.dropout(mt.ones(3), 0.5)]
)
def test_randomness(draw):
    x = mt.zeros(64, 3)
    mt.manual_seed(0)
    same = mt.func.vmap(lambda x: x + draw(), randomness="same")(x).numpy()
    different = mt.func.vmap(lambda x: x + draw(), randomness="different")(x).numpy()
    assert (same == same[:1]).all()
    assert len({row.tobytes() for row in different}) > 4
    nested = mt.func.vmap(mt.func.vmap(lambda x: x + draw(), randomness="different"), randomness="different")(
        mt.zeros(8, 8, 3)
    ).numpy()
    assert len({row.tobytes() for row in nested.reshape(64, 3)}) > 4
    mt.manual_seed(0)
    chunked = mt.func.vmap(lambda x: x + draw(), randomness="same", chunk_size=64)(x).numpy()
    np.testing.assert_array_equal(chunked, same)
