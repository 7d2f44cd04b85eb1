"""DataLoader with workers: the same batches as without, and an end in every case (E22)."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import ArgumentError, MissingExtraError, WorkerError
from minitorch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, get_worker_info

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # Python warns about forking with threads, and so does JAX, if it is loaded.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning"),
]
KINDS = [{"multiprocessing_context": "fork"}, {"worker_type": "thread"}]
EVERY_KIND = [*KINDS, {"multiprocessing_context": "spawn"}, {"multiprocessing_context": "forkserver"}]


def named(options):
    return "-".join(map(str, options.values())) or "plain"


@pytest.fixture(autouse=True)
def limit():
    """Nothing here may hang: every test has its time."""

    def late(*_):
        raise TimeoutError("the test takes too long")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def no_process_left():
    before = multiprocessing.active_children()
    yield
    gc.collect()
    assert not set(multiprocessing.active_children()) - set(before)


class Noisy(Dataset):
    """Samples with a number from each generator."""

    def __init__(self, n=20):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return np.full((3, 50, 50), i, np.float32), i, random.random(), np.random.rand(), mt.rand(2)


class Quiet(Noisy):
    def __getitem__(self, i):
        return i, mt.rand(2)


class Share(IterableDataset):
    def __init__(self, n=21):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, self.n, info.num_workers) if info else range(self.n))


class Counting(Share):
    """A stream that can tell where it is."""

    at = 0

    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        while (value := first + self.at * step) < self.n:
            self.at += 1
            yield value, mt.rand(1)
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Failing(Dataset):
    def __init__(self, act, at=3):
        self.act = act
        self.at = at

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == self.at:
            self.act()
        return i


def listed(batches):
    return [[np.asarray(x).tolist() for x in batch] for batch in batches]


def draws(dataset, seed=1, passes=2, **options):
    loader = DataLoader(dataset, batch_size=4, generator=mt.Generator().manual_seed(seed), **options)
    return [listed(loader) for _ in range(passes)]


# --------------------------------------------------------------------------- the same batches


@pytest.mark.parametrize("options", EVERY_KIND, ids=named)
def test_batches_and_draws_follow_from_the_generator_alone(options, no_process_left):
    expected = draws(Quiet(), shuffle=True, num_workers=1, worker_type="thread")
    assert draws(Quiet(), shuffle=True, num_workers=3, **options) == expected
    assert expected[0] != expected[1] != draws(Quiet(), seed=2, shuffle=True, num_workers=1, **options)[1]
    serial = draws(Quiet(), shuffle=True)
    assert [[b[0] for b in p] for p in serial] == [[b[0] for b in p] for p in expected]


def test_processes_seed_every_generator_by_the_batch(no_process_left):
    first = draws(Noisy(), num_workers=1)
    assert first == draws(Noisy(), num_workers=3, persistent_workers=True)
    drawn = [tuple(np.concatenate([np.ravel(batch[k]) for p in first for batch in p])) for k in (2, 3, 4)]
    assert all(len(set(x)) == len(x) for x in drawn)


def test_workers_see_the_program_without_its_random_state():
    state, ours = random.getstate(), mt.get_rng_state().tolist()
    generator = mt.Generator().manual_seed(0)
    list(DataLoader(Quiet(), num_workers=2, worker_type="thread", generator=generator))
    assert random.getstate() == state and mt.get_rng_state().tolist() == ours


def set_own_seed(_):
    np.random.seed(5)


def test_a_generator_that_worker_init_fn_seeds_is_left_to_it():
    found = draws(Noisy(8), num_workers=1, worker_init_fn=set_own_seed, passes=1)[0]
    own = np.random.RandomState(5)
    assert [batch[3] for batch in found] == [[own.rand() for _ in range(4)] for _ in range(2)]
    assert [batch[2] for batch in found] == [batch[2] for batch in draws(Noisy(8), num_workers=2, passes=1)[0]]


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_streams_are_shared_out(options, no_process_left):
    for workers in (1, 2, 5):
        found = list(DataLoader(Share(), batch_size=4, num_workers=workers, **options))
        assert sorted(i for batch in found for i in batch.tolist()) == list(range(21))
    found = [b.tolist() for b in DataLoader(Share(), batch_size=4, num_workers=2, drop_last=True, **options)]
    assert found == [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10, 12, 14], [9, 11, 13, 15]]
    assert sorted(DataLoader(Share(), batch_size=None, num_workers=2, **options)) == list(range(21))


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_what_the_info_says(options):
    class Tells(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            info = get_worker_info()
            return info.id, info.num_workers, info.dataset is self, info.seed, mt.initial_seed()

    ids, counts, same, seeds, initial = zip(
        *DataLoader(Tells(), batch_size=None, num_workers=2, **options), strict=True
    )
    assert ids == (0, 1, 0, 1) and set(counts) == {2} and all(same)
    assert seeds == initial and seeds[1] == seeds[0] + 1
    assert get_worker_info() is None


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_tensor_datasets_and_single_samples(options, no_process_left):
    data = TensorDataset(mt.arange(14).reshape(7, 2), mt.arange(7))
    for given in (
        {"batch_size": 3},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": None},
        {"batch_sampler": [[6], [1, 2]]},
    ):
        found = []
        for workers in ({}, {"num_workers": 2, **options}):
            found.append(listed(DataLoader(data, generator=mt.Generator().manual_seed(3), **given, **workers)))
        assert found[0] == found[1]


def kinds_of_values(samples):
    return {
        "tensor": mt.ones(300, 300), "transposed": mt.arange(6).reshape(2, 3).t(), "array": mt.array([1.5]),
        "numpy": np.arange(10.0)[::2], "scalar": mt.tensor(2.0), "empty": mt.ones(0, 3), "half": mt.ones(2).bfloat16(),
        "grad": mt.ones(2, requires_grad=True), "text": ["a", None, (1, 2.5)], "large": np.zeros((500, 500), np.int8),
    }  # fmt: skip


def test_what_a_process_sends_arrives_as_it_was(no_process_left):
    (found,) = DataLoader(range(1), num_workers=1, collate_fn=kinds_of_values)
    expected = kinds_of_values(None)
    for name, x in expected.items():
        got = found[name]
        assert type(got) is type(x), name
        if hasattr(x, "dtype"):
            assert got.dtype == x.dtype and got.shape == x.shape, name
            assert got.tolist() == x.tolist()
    assert found["grad"].requires_grad and found["text"] == expected["text"]
    found["large"][0, 0] = 1  # a NumPy array can be written to, as anywhere else
    found["tensor"].add_(1)
    assert found["tensor"][0, 0] == 2


def test_out_of_order(no_process_left):
    def slow(samples):
        if samples == [0]:
            time.sleep(0.5)
        return samples[0]

    for options in KINDS:
        assert list(DataLoader(range(6), num_workers=2, collate_fn=slow, **options)) == list(range(6))
        found = list(DataLoader(range(6), num_workers=2, collate_fn=slow, in_order=False, **options))
        assert sorted(found) == list(range(6)) and found[0] != 0


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_persistent_workers_stay(options, no_process_left):
    def where(samples):
        return os.getpid(), threading.get_ident()

    loader = DataLoader(range(8), num_workers=2, persistent_workers=True, collate_fn=where, **options)
    first = set(loader)
    next(iter(loader))  # a pass that is given up
    assert set(loader) == first and len(first) == 2
    a, b = iter(loader), iter(loader)
    assert len(list(b)) == 8
    with pytest.raises(WorkerError, match="another one's batches"):
        list(a)


def test_workers_take_over_the_default_dtype():
    mt.set_default_dtype(mt.float64)
    try:
        for options in KINDS:
            ((x,),) = DataLoader(range(1), num_workers=1, collate_fn=lambda _: [mt.ones(1)], **options)
            assert x.dtype == mt.float64
    finally:
        mt.set_default_dtype(mt.float32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option needs num_workers > 0"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor must be positive"),
        ({"num_workers": 1, "worker_type": "fiber"}, "'process' or 'thread', got 'fiber'"),
        ({"num_workers": 1, "multiprocessing_context": "teleport"}, "valid start method .* got 'teleport'"),
        ({"num_workers": 1, "worker_type": "thread", "multiprocessing_context": "fork"}, "does not apply"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ArgumentError, match=message):
        DataLoader(range(3), **options)


# --------------------------------------------------------------------------- never hanging


def raise_(error):
    raise error


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


@pytest.mark.parametrize("options", KINDS, ids=named)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("broken sample"), ValueError),
        (KeyError("name"), KeyError),
        (mt.errors.ShapeError("odd"), mt.errors.ShapeError),
        (StopIteration(), WorkerError),
        (MissingExtraError("a", "b"), WorkerError),
        (Odd(1, 2), WorkerError),
        (type("Local", (RuntimeError,), {})("here"), RuntimeError),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Exception) else x.__name__,
)
def test_E22_an_exception_in_a_worker(options, error, expected, no_process_left):
    loader = iter(DataLoader(Failing(lambda: raise_(error)), num_workers=2, **options))
    found = []
    with pytest.raises(expected) as raised:
        for batch in loader:
            found += batch.tolist()
    text = str(raised.value)
    assert f"Caught {type(error).__name__} in DataLoader worker" in text and "raise_" in text
    assert found == [0, 1, 2]
    assert [int(x) for x in loader] == [4, 5, 6, 7]  # as in PyTorch, the others can be had


def test_a_dataset_that_raises_StopIteration_does_not_end_the_pass():
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(DataLoader(Failing(lambda: next(iter([])))))


@pytest.mark.torch
def test_E22_the_message_is_pytorchs():
    torch = pytest.importorskip("torch")
    texts = []
    for library in (mt, torch):
        with pytest.raises(KeyError) as raised:
            list(library.utils.data.DataLoader(Failing(lambda: raise_(KeyError("name"))), num_workers=1))
        texts.append(str(raised.value).splitlines())
    assert texts[0][:2] == texts[1][:2] and texts[0][-1] == texts[1][-1]


@pytest.mark.parametrize("options", KINDS, ids=named)
@pytest.mark.parametrize("where", ["collate_fn", "worker_init_fn"])
def test_E22_an_exception_in_a_users_function(options, where, no_process_left):
    with pytest.raises(ZeroDivisionError, match="Caught ZeroDivisionError in DataLoader worker"):
        list(DataLoader(range(8), num_workers=2, **{where: lambda _: 1 / 0}, **options))


def test_E22_an_exception_in_the_sampler(no_process_left):
    def indices():
        yield 0
        raise ValueError("no more")

    for options in KINDS:
        with pytest.raises(ValueError, match="no more"):
            list(DataLoader(range(8), sampler=indices(), num_workers=2, **options))


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("context", "act", "message"),
    [
        ("fork", kill_self, "SIGKILL"),
        ("spawn", kill_self, "SIGKILL"),
        ("fork", lambda: os._exit(7), "exited unexpectedly with code 7"),
        ("fork", lambda: sys.exit(3), "exited unexpectedly with code 3"),
    ],
    ids=["killed", "killed-spawn", "_exit", "sys.exit"],
)
def test_E22_a_worker_that_dies(context, act, message, no_process_left):
    start = time.monotonic()
    loader = DataLoader(Failing(act), num_workers=2, multiprocessing_context=context, persistent_workers=True)
    with pytest.raises(WorkerError, match=f"DataLoader worker.*{message}"):
        list(loader)
    assert time.monotonic() - start < 10
    loader.dataset.at = None
    assert len(list(loader)) == 8  # with new workers


def test_E22_a_worker_that_is_killed_from_outside_while_it_sends(no_process_left):
    large = DataLoader(range(50), num_workers=1, collate_fn=lambda _: np.zeros(1 << 24))
    it = iter(large)
    next(it)
    (pid,) = [p.pid for p in it._pool._processes]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="SIGKILL"):
        list(it)
    with pytest.raises(WorkerError, match="have ended"):
        next(it)


def test_E22_sys_exit_in_a_thread(no_process_left):
    with pytest.raises(WorkerError, match="Caught SystemExit"):
        list(DataLoader(Failing(lambda: sys.exit(3)), num_workers=2, worker_type="thread"))


def test_E22_sys_exit_at_the_start_of_a_thread(no_process_left):
    with pytest.raises(WorkerError, match="Caught SystemExit"):
        list(DataLoader(range(3), num_workers=2, worker_type="thread", worker_init_fn=lambda _: sys.exit(3)))


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_E22_a_dataset_that_cannot_even_be_looked_at(options, no_process_left):
    broken = Subset(TensorDataset(mt.ones(3)), ["a", "b"])
    with pytest.raises(ValueError, match="invalid literal"):
        list(DataLoader(broken, num_workers=2, **options))


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_E22_timeout(options, no_process_left):
    start = time.monotonic()
    with pytest.raises(WorkerError, match="timed out after 0.3 seconds"):
        list(DataLoader(Failing(lambda: time.sleep(3)), num_workers=2, timeout=0.3, **options))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("options", KINDS, ids=named)
def test_E22_leaving_early(options, no_process_left):
    start = time.monotonic()
    for _ in range(5):
        for _ in DataLoader(Noisy(), num_workers=2, prefetch_factor=4, **options):
            break
    it = iter(DataLoader(Noisy(), num_workers=2, **options))
    next(it)
    del it
    iter(DataLoader(Noisy(), num_workers=2, **options))
    assert time.monotonic() - start < 10


def test_E22_leaving_workers_that_are_busy(no_process_left):
    start = time.monotonic()
    for _ in DataLoader(Failing(lambda: time.sleep(30)), num_workers=2):
        break
    gc.collect()
    assert time.monotonic() - start < 8


def test_E22_what_cannot_be_sent(no_process_left):
    with pytest.raises(ArgumentError, match="cannot be sent to a worker process by 'spawn'.*worker_type='thread'"):
        list(DataLoader(Failing(lambda: None), num_workers=2, multiprocessing_context="spawn"))
    for _ in range(2):
        with pytest.raises((AttributeError, TypeError, WorkerError), match=r"(?s)sending its batch.*pickle"):
            list(DataLoader(range(3), num_workers=2, collate_fn=lambda _: lambda: 1))


def test_E22_two_loaders_side_by_side(no_process_left):
    a = DataLoader(Quiet(), num_workers=2, persistent_workers=True)
    b = DataLoader(Quiet(), num_workers=2)
    assert len(list(zip(a, b, strict=True))) == 20
    start = time.monotonic()
    it = iter(b)
    del a
    assert time.monotonic() - start < 5 and len(list(it)) == 20


def test_E22_many_threads_with_loaders(no_process_left):
    found = []

    def load(i):
        found.append(draws(Quiet(), num_workers=2, passes=1, **KINDS[i % 2]))

    threads = [threading.Thread(target=load, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(found) == 6 and all(x == found[0] for x in found)


# --------------------------------------------------------------------------- whole programs

PROGRAM = """
import os, signal, sys, threading, time
import numpy as np
import minitorch as mt
from minitorch.utils.data import DataLoader, TensorDataset

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what runs behind them ignore Ctrl-C

class Slow:
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        time.sleep(0.01)
        return np.zeros((3, 64, 64), np.float32)

def pids(it):
    print(*(p.pid for p in it._pool._processes), flush=True)
"""


def run(code, timeout=30, **options):
    program = [sys.executable, "-W", "ignore", "-c", PROGRAM + code]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=timeout, **options)


def is_gone(pid, within=10):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "ending",
    ["", "raise SystemExit(0)", "signal.raise_signal(signal.SIGINT)", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)",
     "os.kill(it._pool._processes[0].pid, signal.SIGSTOP)"],
    ids=["end", "sys.exit", "Ctrl-C", "killed", "_exit", "a stopped worker"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["{'num_workers': 2}", "{'num_workers': 2, 'persistent_workers': True}"])
def test_E22_the_program_ends_with_workers_alive(kind, ending):
    start = time.monotonic()
    done = run(f"loader = DataLoader(Slow(), **{kind})\nit = iter(loader)\nnext(it)\npids(it)\n{ending}\n")
    workers = [int(x) for x in done.stdout.split()]
    assert len(workers) == 2 and all(map(is_gone, workers)), done.stderr
    assert time.monotonic() - start < 20
    assert ("KeyboardInterrupt" in done.stderr) == ("SIGINT" in ending)


@pytest.mark.parametrize("kind", ["'process'", "'thread'"])
def test_E22_ctrl_c_while_waiting(kind):
    code = f"""
if __name__ == "__main__":
    class Stuck(Slow):
        def __getitem__(self, i):
            time.sleep(20)
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        list(DataLoader(Stuck(), num_workers=2, worker_type={kind}))
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - start < 8)
"""
    assert run(code).stdout.split() == ["interrupted", "True"]


def test_E22_ctrl_c_of_a_terminal_reaches_workers_too():
    code = """
loader = DataLoader(Slow(), num_workers=2, persistent_workers=True)
it = iter(loader)
next(it)
try:
    os.kill(0, signal.SIGINT)
    time.sleep(1)
except KeyboardInterrupt:
    pass
print(len([next(it) for _ in range(5)]))
"""
    done = run(code, start_new_session=True)
    assert done.stdout.split() == ["5"] and "Traceback" not in done.stderr


def test_E22_a_script_without_a_main_guard_under_spawn(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from minitorch.utils.data import DataLoader\n"
        "print(list(DataLoader(range(3), num_workers=1, multiprocessing_context='spawn')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=40, env=environment)
    assert done.returncode and "WorkerError" in done.stderr and "__name__ == '__main__'" in done.stderr


def test_E22_fork_with_native_threads_at_work():
    code = """
mt.set_num_threads(2)
x = mt.randn(400, 400)
step = mt.jit(lambda x: ((x @ x).tanh() * 2 + x).sum())
step(x)
stop = False
def busy():
    while not stop:  # not in NumPy's matrix product: OpenBLAS does not fork while a thread is in it
        step(x), mt.rand(1000)
threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
for t in threads:
    t.start()

class Computing(Slow):
    def __len__(self):
        return 6
    def __getitem__(self, i):
        return step(mt.randn(400, 400)), (mt.ones(300, 300) @ mt.ones(300, 300)).sum()

for _ in range(10):
    found = list(DataLoader(Computing(), batch_size=2, num_workers=3))
    assert [y.tolist() for _, y in found] == [[2.7e7] * 2] * 3
stop = True
for t in threads:
    t.join()
print("done")
"""
    done = run(code, timeout=60)
    assert done.stdout.strip() == "done", done.stderr


def test_E22_a_fork_does_not_use_its_parents_workers():
    code = """
loader = DataLoader(range(4), num_workers=2, persistent_workers=True)
list(loader)
child = os.fork()
if child == 0:
    os._exit(0 if len(list(loader)) == 4 else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(code, len(list(loader)))
"""
    assert run(code).stdout.split() == ["0", "4"]


def test_E22_the_program_ends_with_threads_at_work():
    code = """
it = iter(DataLoader(Slow(), num_workers=3, worker_type="thread", prefetch_factor=50))
next(it)
print("done")
"""
    done = run(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")


def test_E22_a_fork_while_another_thread_draws():
    code = """
lock = mt.default_generator().lock
thread = threading.Thread(target=lambda: (lock.acquire(), time.sleep(2), lock.release()))
thread.start()
child = os.fork()
if child == 0:
    mt.rand(2)
    os._exit(0)
start = time.monotonic()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), time.monotonic() - start < 1.5)
"""
    assert run(code).stdout.split() == ["0", "True"]


def test_E22_long_lists_of_indices_do_not_block(no_process_left):
    loader = DataLoader(range(2_000_000), batch_size=500_000, num_workers=1, prefetch_factor=4, collate_fn=np.asarray)
    assert [len(x) for x in loader] == [500_000] * 4
