"""debug.print and debug.callback: how often, in which order and with what a function is called."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

import minitorch as mt
from minitorch.errors import JitError

X = mt.array([1.0, 2.0, 3.0])


class Seen(list):
    """Notes the numbers that it is called with."""

    def __call__(self, *arrays):
        self.append(tuple(a.tolist() if isinstance(a, mt.Array) else a for a in arrays))


def noting(*extra):
    seen = Seen()

    def function(x):
        y = mt.sin(x * 2)
        mt.debug.callback(seen, x, *extra)
        return (y * x).sum()

    return function, seen


ONE = [([1.0, 2.0, 3.0],)]
EACH = [(1.0,), (2.0,), (3.0,)]
TRANSFORMS = {
    "eager": (lambda f: f(X), ONE),
    "grad": (lambda f: mt.grad(f)(X), ONE),
    "jvp": (lambda f: mt.jvp(f, (X,), (X,)), ONE),
    "vjp": (lambda f: mt.vjp(f, X)[1](1.0), ONE),
    "hessian": (lambda f: mt.grad(lambda x: mt.grad(f)(x).sum())(X), ONE),
    "vmap": (lambda f: mt.vmap(f)(X), EACH),
    "vmap of grad": (lambda f: mt.vmap(mt.grad(f))(X), EACH),
    "vmap of vmap": (lambda f: mt.vmap(mt.vmap(f))(mt.array([[1.0, 2.0], [3.0, 4.0]])), [*EACH, (4.0,)]),
    "checkpoint": (lambda f: mt.checkpoint(f)(X), ONE),
    "gradient of a checkpoint": (lambda f: mt.grad(mt.checkpoint(f))(X), ONE * 2),
    "jit": (lambda f: mt.jit(f)(X), ONE),
    "jit of grad": (lambda f: mt.jit(mt.grad(f))(X), ONE),
    "grad of jit": (lambda f: mt.grad(mt.jit(f))(X), ONE),
    "vmap of jit": (lambda f: mt.vmap(mt.jit(f))(X), EACH),
    "jit of vmap of grad": (lambda f: mt.jit(mt.vmap(mt.grad(f)))(X), EACH),
    "tensor": (lambda f: f(mt.tensor([1.0, 2.0, 3.0], requires_grad=True)).backward(), ONE),
    "compiled forward": (lambda f: mt.jit(f)(mt.tensor([1.0, 2.0, 3.0], requires_grad=True)).backward(), ONE),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_how_often_it_is_called(name):
    transform, expected = TRANSFORMS[name]
    function, seen = noting()
    transform(function)
    assert seen == expected


def test_a_compiled_function_calls_at_every_run_and_in_order():
    seen = []

    @mt.jit
    def function(x):
        mt.debug.callback(lambda x: seen.append(("first", x.tolist())), x)
        y = x * 2
        mt.debug.callback(lambda: seen.append("nothing given"))
        mt.debug.callback(lambda x: seen.append(("same", x.tolist())), y)
        mt.debug.callback(lambda x: seen.append(("same", x.tolist())), y)
        mt.debug.callback(lambda n, x: seen.append((n, x.tolist())), "constant", mt.array(7.0), ordered=True)
        return mt.exp(y)

    for i in (1.0, 2.0, 3.0):
        seen.clear()
        function(mt.array([i]))
        assert seen == [("first", [i]), "nothing given", *[("same", [2 * i])] * 2, ("constant", 7.0)]
    assert function.records == 1


def test_a_list_that_a_callback_changes_is_seen_by_the_function_and_a_queue_is_not():
    kept, queue = [], SimpleQueue()

    @mt.jit
    def into_a_list(x):
        mt.debug.callback(kept.append, x)
        return x * (1 + len(kept))

    assert [into_a_list(mt.array(1.0)).item() for _ in range(3)] == [1, 2, 3]

    @mt.jit
    def into_a_queue(x):
        mt.debug.callback(queue.put, x)
        return x * 2

    assert [into_a_queue(mt.array(float(i))).item() for i in range(3)] == [0, 2, 4]
    assert [queue.get().item() for _ in range(3)] == [0, 1, 2] and into_a_queue.records == 1


def test_what_it_is_called_with_stays_as_it_is():
    kept = []
    w = mt.zeros(3)

    @mt.jit
    def step(x):
        w.add_(x)
        mt.debug.callback(lambda a, b: kept.append((a, b)), w, (x * 2).tanh() + 1)
        w.mul_(2)
        return (x * 3).sum()

    for i in range(1, 6):
        step(mt.ones(3) * i)
    expected, plain = [], mt.zeros(3)
    for i in range(1, 6):
        plain.add_(i)
        expected.append(plain.tolist())
        plain.mul_(2)
    assert [a.tolist() for a, _ in kept] == expected and w.tolist() == plain.tolist()
    assert kept[0][1].tolist() == (mt.ones(3) * 2).tanh().add(1).tolist()


def test_a_training_step_prints_its_loss(capsys):
    w = mt.tensor(4.0, requires_grad=True)
    opt = mt.optim.SGD([w], lr=0.25)

    @mt.jit
    def step():
        opt.zero_grad()
        loss = w * w
        mt.debug.print("loss {:.2f}, w {w}", loss, w=w)
        loss.backward()
        opt.step()

    mt.train_steps(step, 3)
    assert capsys.readouterr().out.splitlines() == ["loss 16.00, w 4.0", "loss 4.00, w 2.0", "loss 1.00, w 1.0"]


def test_in_a_backward_pass():
    seen = []

    @mt.custom_vjp
    def f(x):
        return x * 2

    def bwd(_, g):
        mt.debug.callback(lambda g: seen.append(g.tolist()), g)
        return (g * 2,)

    f.defvjp(lambda x: (f(x), None), bwd)
    mt.grad(f)(1.0)
    mt.jit(mt.grad(f))(1.0)
    x = mt.tensor(1.0, requires_grad=True)
    out = mt.jit(lambda x: f(x) * 3)(x)
    assert seen == [1.0, 1.0]
    out.backward()
    assert seen == [1.0, 1.0, 3.0] and x.grad.item() == 6


def test_an_error_in_it_is_the_users_and_nothing_is_written():
    w = mt.zeros(2)

    def refuse(x):
        raise KeyError("mine")

    def step(x):
        w.add_(x)
        mt.debug.callback(refuse, w)

    for function in (mt.jit(lambda x: step(x)), mt.grad(lambda x: step(x) or x.sum()), mt.jit(mt.vmap(refuse))):
        with pytest.raises((KeyError, mt.errors.GradError)):
            function(mt.ones(2))
    assert w.tolist() == [0, 0]
    for error in (ValueError, TypeError, FloatingPointError):

        def fail(x, error=error):
            raise error("mine")

        with pytest.raises(error, match="^mine$") as caught:
            mt.debug.callback(fail, X)
        assert type(caught.value) is error


def test_trees_strings_and_numbers_reach_it():
    seen = []
    mt.jit(lambda p, n: mt.debug.callback(lambda *a, **k: seen.append((a, k)), p, "text", n, flag=True))({"w": X}, 3)
    ((tree, text, number), options), *_ = seen
    assert tree["w"].tolist() == [1, 2, 3] and (text, number.item(), options) == ("text", 3, {"flag": True})


def test_it_cannot_be_exported(tmp_path):
    def function(x):
        mt.debug.print("{}", x)
        return x

    with pytest.raises(JitError, match="callback"):
        mt.export(function, (X,), tmp_path / "program")
    assert "callback" in str(mt.make_graph(function)(X)) and "callback" in mt.jit(function).explain(X)
