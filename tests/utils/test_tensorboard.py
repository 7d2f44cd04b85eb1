"""What a SummaryWriter is given stands in the files that it writes."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import minitorch as mt
from minitorch.errors import MissingExtraError, UnsupportedError
from minitorch.utils.tensorboard import SummaryWriter

pytest.importorskip("tensorboardX")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def summaries(folder):
    """Return the values in the event files under a folder, by tag."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.rglob("events*")):
        data = path.read_bytes()
        while data:  # length, its checksum, the event, its checksum
            size = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            if event.graph_def:
                found["graph"] = event.graph_def
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def numbers(values):
    return [(step, value.simple_value) for step, value in values]


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        assert writer.get_logdir() == writer.log_dir == str(tmp_path)
        for step, x in enumerate(
            [0.5, mt.tensor(0.25), mt.array(0.125), np.float64(2.0), mt.tensor([3.0], requires_grad=True)]
        ):
            writer.add_scalar("loss", x, step)
        writer.add_scalars("rates", {"a": 1, "b": mt.tensor(2.0)}, 7)
        writer.flush()
        assert numbers(summaries(tmp_path)["loss"]) == [(0, 0.5), (1, 0.25), (2, 0.125), (3, 2.0), (4, 3.0)]
    found = summaries(tmp_path)
    assert sorted(numbers(found["rates"])) == [(7, 1.0), (7, 2.0)]


def test_flushing_waits_for_all_that_was_added(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.flush()
        for step in range(200):
            writer.add_scalar("loss", step, step)
            if step % 50 == 49:
                writer.add_scalars("rates", {"a": step}, step)
                writer.flush()
                found = summaries(tmp_path)
                assert numbers(found["loss"]) == [(k, k) for k in range(step + 1)]
                assert numbers(found["rates"])[-1] == (step, step)
    writer.flush()
    writer.close()


def test_histograms_images_texts_and_figures(tmp_path):
    pytest.importorskip("PIL")
    plt = pytest.importorskip("matplotlib.pyplot")
    writer = SummaryWriter(str(tmp_path), flush_secs=1)
    writer.add_histogram("weights", mt.arange(10.0).requires_grad_(), 3)
    writer.add_histogram("half", mt.ones(4).bfloat16(), 3)
    writer.add_image("red", mt.Tensor(np.stack([np.ones((4, 6)), np.zeros((4, 6)), np.zeros((4, 6))])), 1)
    writer.add_images("two", mt.zeros(2, 3, 4, 6), 1)
    writer.add_text("note", "some *words*", 2)
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    writer.add_figure("plot", figure, 4)
    writer.close()
    found = summaries(tmp_path)
    ((step, value),) = found["weights"]
    assert step == 3 and value.histo.num == 10 and value.histo.sum == 45 and value.histo.max == 9
    assert found["half"][0][1].histo.sum == 4
    image = found["red"][0][1].image
    assert (image.height, image.width, image.colorspace) == (4, 6, 3)
    assert pixels(image)[0, 0].tolist() == [255, 0, 0]
    assert found["two"][0][1].image.width == 12
    assert b"some *words*" in next(v for k, v in found.items() if k.startswith("note"))[0][1].tensor.string_val[0]
    assert found["plot"][0][1].image.height > 100


def pixels(image):
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))


def test_hparams_embeddings_and_curves(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(
            {"lr": 0.1, "kind": "adam", "size": mt.tensor(3)}, {"hparam/loss": mt.tensor(0.5)}, run_name="run"
        )
        writer.add_embedding(mt.arange(6.0).reshape(3, 2), mt.tensor([0, 1, 2]), global_step=1)
        writer.add_pr_curve("pr", mt.tensor([0, 1, 1]), mt.tensor([0.1, 0.6, 0.9]), 1)
        with pytest.raises(UnsupportedError, match="hparam_domain_discrete"):
            writer.add_hparams({}, {}, hparam_domain_discrete={})
    found = summaries(tmp_path)
    assert numbers(found["hparam/loss"])[0][1] == 0.5
    assert any("hparams" in tag for tag in found) and "pr" in found
    (points,) = tmp_path.rglob("tensors.tsv")
    rows = [[float(x) for x in line.split("\t")] for line in points.read_text().splitlines()]
    assert rows == [[0, 1], [2, 3], [4, 5]]
    assert points.with_name("metadata.tsv").read_text().split() == ["0", "1", "2"]


def test_graph(tmp_path):
    from tensorboardX.proto.graph_pb2 import GraphDef

    model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.ReLU(), mt.nn.Linear(4, 2))
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, mt.ones(5, 3))
    nodes = {node.name: node for node in GraphDef.FromString(summaries(tmp_path)["graph"]).node}
    kinds = [node.op for node in nodes.values()]
    assert kinds.count("Parameter") == 4 and kinds.count("Placeholder") == 1 and kinds.count("Result") == 1
    assert all(source in nodes for node in nodes.values() for source in node.input)
    reached, todo = set(), ["result_0"]
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += nodes[name].input
    assert sum(nodes[name].op == "Parameter" for name in reached) == 4
    assert nodes["result_0"].attr["_output_shapes"].s == b"[5, 2]"


def test_nan_and_missing_extra(tmp_path, monkeypatch):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", math.nan, 0)
    assert math.isnan(summaries(tmp_path)["loss"][0][1].simple_value)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"tensorboardX is not installed.*\.\[tensorboard\]"):
        SummaryWriter(tmp_path)
