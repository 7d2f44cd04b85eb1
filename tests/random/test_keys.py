"""Keys that are consumed twice are found, plainly, inside transforms and while a graph is recorded; others are not."""

from __future__ import annotations

import threading

import pytest

import minitorch as mt
from minitorch import lax, nn, random
from minitorch.core import config, errors


def twice(k):
    return random.normal(k), random.uniform(k)


def reused_after_split(k):
    a, _ = random.split(k)
    return random.normal(a), random.normal(k)


def same_row(k):
    keys = random.split(k, 3)
    return random.normal(keys[1]), random.gumbel(keys[1])


def folded(k):
    return random.normal(random.fold_in(k, 3)), random.normal(random.fold_in(k, 3))


def inside_a_distribution(k):
    return random.beta(k, 1.0, 2.0), random.split(k)


def a_copy(k):
    return random.normal(k), random.normal(k + 0)


REUSES = [twice, reused_after_split, same_row, folded, inside_a_distribution]


def chained(k):
    found = []
    for _ in range(3):
        k, sub = random.split(k)
        found.append(random.normal(sub))
    return found


def folds(k):
    return [random.normal(random.fold_in(k, i)) for i in range(3)]


def rows(k):
    return [random.normal(row) for row in random.split(k, 3)]


def cloned(k):
    return random.normal(k), random.normal(random.clone(k))


USES = [chained, folds, rows]


def summed(function):
    return lambda k: sum((x.sum() for x in mt.tree.leaves(function(k)) if x.dtype == "float32"), mt.array(0.0))


WAYS = {
    "plain": lambda f: f(random.key(0)),
    "compiled": lambda f: mt.jit(f)(random.key(0)),
    "batched": lambda f: mt.vmap(f)(random.split(random.key(0), 4)),
    "compiled batch": lambda f: mt.jit(mt.vmap(f))(random.split(random.key(0), 4)),
    "recorded": lambda f: mt.make_graph(f)(random.key(0)),
    "recorded batch": lambda f: mt.make_graph(mt.vmap(f))(random.split(random.key(0), 4)),
    "differentiated": lambda f: mt.grad(lambda x, k: x * summed(f)(k))(1.0, random.key(0)),
    "pushed": lambda f: mt.jvp(lambda x: x * summed(f)(random.key(0)), (1.0,), (1.0,)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", REUSES)
def test_reuse_is_found(function, way):
    WAYS[way](function)  # without the watch, nothing happens
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError, match="split"):
        WAYS[way](function)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", USES)
def test_right_use_passes(function, way):
    with mt.debug_keys():
        watched = WAYS[way](function)
    assert str(watched) == str(WAYS[way](function))  # numbers, or the graph


def over(body, count=3):
    """A loop whose steps draw, or take a draw of a key and the step's number."""
    return lambda k: lax.fori_loop(0, count, lambda i, x: x + body(k, i), 0.0)


SAME_AT_EVERY_STEP = {
    "closed over": over(lambda k, i: random.normal(k)),
    "folded with a constant": over(lambda k, i: random.normal(random.fold_in(k, 7))),
    "carried as it was": lambda k: lax.scan(lambda c, _: (c, random.normal(c)), k, length=3)[1],
    "split and not handed on": lambda k: lax.scan(lambda c, _: (c, random.normal(random.split(c)[0])), k, length=3)[1],
    "while": lambda k: lax.while_loop(lambda x: x < 3, lambda x: x + 1 + random.bernoulli(k), 0),
    "condition": lambda k: lax.while_loop(lambda x: random.uniform(k) * 0 + x < 3, lambda x: x + 1, 0.0),
    "map": lambda k: lax.map(lambda x: x + random.normal(k), mt.array([1.0, 2.0])),
    "loop in a loop": lambda k: lax.map(over(lambda k, i: random.normal(k)), random.split(k)),
}
OTHER_AT_EVERY_STEP = {
    "one of several": lambda k: lax.map(random.normal, random.split(k, 3)),
    "folded": over(lambda k, i: random.normal(random.fold_in(k, i))),
    "handed on": lambda k: lax.scan(lambda c, _: (random.split(c)[0], None), k, length=3)[0],
    "while": lambda k: lax.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, random.split(random.fold_in(s[1], s[0]))[0]), (0, k)
    )[1],
    "one step": over(lambda k, i: random.normal(k), 1),
    "a start that becomes a float": lambda k: lax.scan(lambda x, _: (x + random.normal(k), None), 0, length=1)[0],
    "loop in a loop": lambda k: lax.map(lambda k: lax.map(random.normal, random.split(k)), random.split(k)),
    "batch in a loop": lambda k: lax.map(lambda k: mt.vmap(random.normal)(random.split(k)), random.split(k)),
    "either branch": lambda k: lax.cond(k[0] > 3, lambda: random.normal(k), lambda: random.uniform(k)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SAME_AT_EVERY_STEP)
def test_a_key_that_is_the_same_at_every_step_is_found(name, way):
    function = SAME_AT_EVERY_STEP[name]
    WAYS[way](function)
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError, match="at every step of a loop"):
        WAYS[way](function)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OTHER_AT_EVERY_STEP)
def test_a_key_for_each_step_passes(name, way):
    function = OTHER_AT_EVERY_STEP[name]
    wanted = WAYS[way](function)
    with mt.debug_keys():
        found = WAYS[way](function)
    assert str(found) == str(wanted)


def test_what_either_branch_consumes_is_consumed():
    k = random.key(0)
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError, match="uniform .* by normal"):
        lax.cond(mt.array(True), lambda: random.normal(k), lambda: 0.0)
        random.uniform(k)


def test_equal_keys_are_one_key():
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError):
        a_copy(random.key(0))
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError):
        random.normal(random.key(4)), random.bits(random.key(4))
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError, match="more than once"):
        mt.vmap(random.normal)(mt.array([[1, 0], [1, 0]], "uint64"))


def test_the_message_names_both_lines_and_the_key():
    with mt.debug_keys(), pytest.raises(errors.KeyReuseError) as caught:
        twice(random.key(9))
    line = twice.__code__.co_firstlineno + 1
    message = str(caught.value)
    assert message.count(f"test_keys.py:{line}") == 2 and "[9, 0]" in message
    assert message.startswith("uniform at") and "by normal at" in message


def test_compiled_functions_are_watched_at_every_call():
    draw = mt.jit(random.normal)
    draw(random.key(1))
    with mt.debug_keys():
        draw(random.key(1))
        with pytest.raises(errors.KeyReuseError):
            draw(random.key(1))
    assert draw(random.key(1)).tolist() == random.normal(random.key(1)).tolist()


def test_long_chains_of_keys_are_recorded():
    def chain(k):
        for _ in range(1500):
            k, _ = random.split(k)
        return random.normal(k)

    with mt.debug_keys():
        first = mt.make_graph(chain)(random.key(0))
        second = mt.make_graph(chain)(random.key(0))  # another graph, whose keys are others
    assert str(first) == str(second) and str(first).count("split_key") == 1500


def test_a_clone_may_be_used_again():
    with mt.debug_keys():
        a, b = cloned(random.key(0))
    assert a.tolist() == b.tolist()


def test_a_checkpointed_function_draws_again_with_its_key():
    def noisy(x):
        return (x * random.normal(random.key(2), (3,))).sum()

    with mt.debug_keys():
        g = mt.grad(mt.checkpoint(noisy))(2.0)
    assert g.item() == pytest.approx(random.normal(random.key(2), (3,)).sum().item(), rel=1e-6)


def test_hidden_generators_never_use_a_key_twice():
    mt.manual_seed(0)
    layer = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    drawn: list = []
    with mt.debug_keys():
        for _ in range(5):
            layer(mt.randn(2, 4))
            drawn.append(mt.randperm(50).tolist())
            drawn.append(nn.init.xavier_normal_(layer[0].weight).tolist())
    assert all(a != b for i, a in enumerate(drawn) for b in drawn[:i])


def test_the_watch_belongs_to_its_block_and_thread():
    with mt.debug_keys():
        random.normal(random.key(0))
        with mt.debug_keys():
            random.normal(random.key(0))
        thread = threading.Thread(target=lambda: random.normal(random.key(0)))
        thread.start()
        thread.join()
        with pytest.raises(errors.KeyReuseError):
            random.normal(random.key(0))
    assert config.key_ledger.get() is None
