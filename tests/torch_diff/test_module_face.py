"""What a module offers besides its layers: hooks on states, on all modules and on registrations; places by name."""

from __future__ import annotations

import importlib
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch as mt  # noqa: E402

from .cases import array  # noqa: E402
from .pairs import LIBRARIES, both_raise  # noqa: E402

pytestmark = pytest.mark.torch


def on_all(lib):
    return importlib.import_module(f"{lib.__name__}.nn.modules.module")


def net(lib):
    return lib.nn.Sequential(OrderedDict(a=lib.nn.Linear(2, 3), b=lib.nn.Sequential(lib.nn.BatchNorm1d(3))))


def seen_by(lib, module):
    """Return what may be compared of a module that a hook was given."""
    return type(module).__name__


# --------------------------------------------------------------------------- states


def state_hooks(lib):
    seen, model = [], net(lib)
    model.a.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("before", seen_by(lib, m), prefix, keep)))
    model.b.register_state_dict_post_hook(
        lambda m, state, prefix, metadata: seen.append(("after", sorted(state), prefix, metadata["version"]))
    )
    model[1][0].register_state_dict_post_hook(lambda m, state, prefix, metadata: state.__delitem__(prefix + "weight"))
    handle = model.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append("all"))
    first = list(model.state_dict())
    handle.remove()
    second = list(model.state_dict(prefix="x.", keep_vars=True))
    return seen, first, second


def test_hooks_on_saving():
    assert state_hooks(mt) == state_hooks(torch)


def load_hooks(lib):
    seen, model = [], net(lib)
    state = model.state_dict()

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        seen.append((seen_by(lib, module), prefix, sorted(state)[:1], strict, metadata.get("version")))
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    def forgive(module, keys):
        seen.append((seen_by(lib, module), list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    state["a.kernel"] = state.pop("a.weight") * 0 + 7
    del state["a.bias"]
    model.a.register_load_state_dict_pre_hook(rename)
    model.register_load_state_dict_post_hook(forgive)
    found = model.load_state_dict(state)
    assert "a.kernel" in state
    return seen, array(model.a.weight).tolist(), str(found)


def test_hooks_on_loading():
    ours, theirs = load_hooks(mt), load_hooks(torch)
    assert ours[1:] == theirs[1:]
    assert [row[:2] for row in ours[0]] == [row[:2] for row in theirs[0]]


def test_hooks_on_loading_may_complain():
    for lib in LIBRARIES:
        model = net(lib)
        model.register_load_state_dict_pre_hook(lambda m, *args: args[-1].append("one of those"))
        with pytest.raises(RuntimeError, match="one of those"):
            model.load_state_dict(model.state_dict())
        model = net(lib)
        model._register_load_state_dict_pre_hook(lambda state, *args: state.pop("a.bias"))
        with pytest.raises(RuntimeError, match=r"a\.bias"):
            model.load_state_dict(model.state_dict())


def test_own_parts_of_a_state():
    for lib in LIBRARIES:

        class Own(lib.nn.Linear):
            def _save_to_state_dict(self, destination, prefix, keep_vars):
                super()._save_to_state_dict(destination, prefix, keep_vars)
                destination[prefix + "note"] = 3

            def get_extra_state(self):
                return {"a": 1}

            def set_extra_state(self, state):
                self.extra = state

        model = lib.nn.Sequential(Own(1, 1))
        assert list(model.state_dict()) == ["0.weight", "0.bias", "0._extra_state", "0.note"]
        model.load_state_dict({**model.state_dict(), "0._extra_state": {"a": 2}}, strict=False)
        assert model[0].extra == {"a": 2}


def test_versions_travel():
    assert net(mt).state_dict()._metadata.keys() == net(torch).state_dict()._metadata.keys()


# --------------------------------------------------------------------------- hooks on everything


def hooked_calls(lib):
    seen, handles, every = [], [], on_all(lib)
    model = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Tanh())
    model[0].register_forward_hook(lambda m, args, out: seen.append("own"))
    handles.append(every.register_module_forward_pre_hook(lambda m, args: seen.append(("pre", seen_by(lib, m)))))
    handles.append(every.register_module_forward_hook(lambda m, args, out: seen.append(("post", seen_by(lib, m)))))
    handles.append(
        every.register_module_full_backward_hook(
            lambda m, gi, go: seen.append(("backward", seen_by(lib, m), gi[0] is None, tuple(go[0].shape)))
        )
    )
    handles.append(
        every.register_module_full_backward_pre_hook(lambda m, go: seen.append(("pre-backward", seen_by(lib, m))))
    )
    try:
        model(lib.ones(3, 2, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    model(lib.ones(3, 2)).sum().backward()
    return seen


def test_hooks_on_every_module():
    assert hooked_calls(mt) == hooked_calls(torch)


def test_a_compiled_call_sees_hooks_on_every_module():
    model, x = mt.nn.Linear(2, 2), mt.ones(1, 2)
    compiled = mt.jit(lambda x: model(x))
    want = compiled(x).tolist()
    handle = on_all(mt).register_module_forward_hook(lambda m, args, out: out * 2)
    try:
        np.testing.assert_allclose(compiled(x).tolist(), np.array(want) * 2, rtol=1e-6)
    finally:
        handle.remove()
    np.testing.assert_allclose(compiled(x).tolist(), want, rtol=1e-6)


def registrations(lib):
    seen, every = [], on_all(lib)
    note = lambda what: lambda m, name, x: seen.append((what, seen_by(lib, m), name))  # noqa: E731
    handles = [
        every.register_module_parameter_registration_hook(note("parameter")),
        every.register_module_buffer_registration_hook(note("buffer")),
        every.register_module_module_registration_hook(note("module")),
    ]
    try:
        model = lib.nn.Module()
        model.w = lib.nn.Parameter(lib.ones(1))
        model.register_parameter("none", None)
        model.register_buffer("b", lib.ones(1))
        model.child = lib.nn.ReLU()
        model.add_module("other", lib.nn.ReLU())
    finally:
        for handle in handles:
            handle.remove()
    model.late = lib.nn.ReLU()
    return seen


def test_hooks_on_registrations():
    assert registrations(mt) == registrations(torch)


def test_a_registration_hook_replaces():
    for lib in LIBRARIES:
        handle = on_all(lib).register_module_parameter_registration_hook(
            lambda m, name, p, lib=lib: lib.nn.Parameter(p.detach() * 0 + 5)
        )
        with handle:
            module = lib.nn.Module()
            module.w = lib.nn.Parameter(lib.ones(1))
            assert module.w.item() == 5.0


# --------------------------------------------------------------------------- places and values


def test_submodules_are_set_by_name():
    for lib in LIBRARIES:
        model = net(lib)
        model.set_submodule("b.0", lib.nn.ReLU())
        assert isinstance(model.get_submodule("b.0"), lib.nn.ReLU)
        model.set_submodule("b.new", lib.nn.Tanh())
        assert [name for name, _ in model.named_modules()] == ["", "a", "b", "b.0", "b.new"]


PLACES = {
    "empty": lambda lib: net(lib).set_submodule("", lib.nn.ReLU()),
    "strict": lambda lib: net(lib).set_submodule("b.none", lib.nn.ReLU(), strict=True),
    "no module": lambda lib: net(lib).set_submodule("a", 3),
    "no parent": lambda lib: net(lib).set_submodule("c.d", lib.nn.ReLU()),
    "a parameter": lambda lib: net(lib).set_submodule("a.weight", lib.nn.ReLU()),
    "get": lambda lib: net(lib).get_submodule("b.7"),
    "get parameter": lambda lib: net(lib).get_parameter("a.running_mean"),
    "get buffer": lambda lib: net(lib).get_buffer("a.weight"),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_that_are_not_there(name):
    for lib in LIBRARIES:
        with pytest.raises((AttributeError, ValueError)) as caught:
            PLACES[name](lib)
        assert len(str(caught.value)) > 5


def test_to_empty():
    for lib in LIBRARIES:
        model = net(lib)
        kept = model.a.weight
        assert model.to_empty(device="cpu") is model
        assert [tuple(p.shape) for p in model.parameters()] == [(3, 2), (3,), (3,), (3,)]
        assert model.a.weight.requires_grad and (lib is torch or model.a.weight is kept)


def test_shared_memory_is_refused():
    with pytest.raises(NotImplementedError, match="share_memory"):
        mt.nn.Linear(1, 1).share_memory()


def test_duplicates():
    found = []
    for lib in LIBRARIES:
        inner = lib.nn.Linear(2, 2)
        model = lib.nn.ModuleDict({"a": inner, "b": lib.nn.Sequential(inner, lib.nn.BatchNorm1d(2))})
        model["a"].tied = inner.weight
        found.append(
            [
                [name for name, _ in getattr(model, f"named_{what}")(remove_duplicate=flag)]
                for what in ("modules", "parameters", "buffers")
                for flag in (True, False)
            ]
        )
    assert found[0] == found[1]


# What PyTorch's module has for other devices, other versions of itself, and for typing.
ABSENT = {"T_destination", "call_super_init", "dump_patches", "ipu", "mtia", "register_backward_hook", "xpu"}


def test_all_names_are_there():
    assert {n for n in dir(torch.nn.Module()) if n[0] != "_"} - set(dir(mt.nn.Module())) == ABSENT


# --------------------------------------------------------------------------- optimizers


def optimizer_hooks(lib):
    p, seen = lib.nn.Parameter(lib.zeros(2)), []
    optimizer = lib.optim.SGD([p], lr=1.0, momentum=0.9)
    every = importlib.import_module(f"{lib.__name__}.optim.optimizer")
    note = lambda what, *out: lambda *args: seen.append((what, len(args))) or (out[0] if out else None)  # noqa: E731
    handles = [
        every.register_optimizer_step_pre_hook(note("every before")),
        every.register_optimizer_step_post_hook(note("every after")),
        optimizer.register_step_pre_hook(note("before")),
        optimizer.register_step_post_hook(note("after")),
        optimizer.register_state_dict_pre_hook(note("saving")),
        optimizer.register_state_dict_post_hook(note("saved")),
        optimizer.register_state_dict_post_hook(note("saved first"), prepend=True),
        optimizer.register_load_state_dict_pre_hook(note("loading")),
        optimizer.register_load_state_dict_post_hook(note("loaded")),
    ]
    p.grad = lib.ones(2)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    for handle in handles:
        handle.remove()
    optimizer.step()
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "more"})
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    return seen, sorted(state)


def test_hooks_of_optimizers():
    assert optimizer_hooks(mt) == optimizer_hooks(torch)


def test_a_hook_before_a_step_returns_arguments_or_nothing():
    for lib in LIBRARIES:
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.zeros(2))], lr=1.0)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises((TypeError, RuntimeError), match="new_args"):
            optimizer.step()


OPTIMIZER_NAMES = {"SparseAdam", "swap_in_optimizer_params_and_state"}


def test_all_names_of_optimizers_are_there():
    def public(module):
        return {n for n in dir(module) if n[0] != "_"}

    assert public(torch.optim) - public(mt.optim) <= OPTIMIZER_NAMES
    methods = {n for n in dir(torch.optim.Optimizer) if n[0].islower()} - set(dir(mt.optim.Optimizer))
    assert methods == {"profile_hook_step"}
    schedulers = {
        n
        for n in dir(torch.optim.lr_scheduler)
        if n[0] != "_" and n.endswith(("LR", "Scheduler", "Restarts", "Plateau"))
    }
    assert schedulers <= set(dir(mt.optim.lr_scheduler))


def test_signatures_are_those_of_pytorch():
    import inspect

    for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD"):
        ours, theirs = (inspect.signature(getattr(lib.optim, name)).parameters for lib in LIBRARIES)
        assert list(ours) == list(theirs), name
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()], name
        assert [p.kind for p in ours.values()] == [p.kind for p in theirs.values()], name
        with pytest.raises(TypeError, match="unexpected keyword"):
            getattr(mt.optim, name)([mt.nn.Parameter(mt.ones(1))], rate=0.1)
    assert both_raise(lambda lib: lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=-1))
