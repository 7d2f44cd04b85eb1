"""Event files for TensorBoard, written by tensorboardX (the extra `tensorboard`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from ..compiling.show import StepGraph, make_graph
from ..core.array import Array
from ..core.errors import MissingExtraError, UnsupportedError
from ..core.jit.graph import Atom, Var, atom_aval
from ..core.tracer import Tracer
from ..core.transforms import stop_gradient
from ..tensor.handle import Tensor
from ..tensor.modes import no_grad

Scalars = dict[str, Any]


class SummaryWriter:
    """Write what a training run tells of itself to a folder that `tensorboard --logdir` shows.

    The arguments are PyTorch's, and so are the methods'; values may be tensors, arrays or NumPy's. Raises MissingExtraError
    without tensorboardX.

    >>> import tempfile
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_scalar("loss/train", 0.5, 1)
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ):
        folder = None if log_dir is None else str(log_dir)
        options = {"purge_step": purge_step, "max_queue": max_queue, "flush_secs": flush_secs}
        self._writer = _package().SummaryWriter(folder, comment, **options, filename_suffix=filename_suffix)
        self.log_dir: str = self._writer.logdir

    def get_logdir(self) -> str:
        """Return the folder that is written to."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add a number to a curve."""
        self._writer.add_scalar(tag, _number(scalar_value), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Scalars, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Add a number to each of several curves in one plot; each has a folder of its own."""
        numbers = {tag: _number(x) for tag, x in tag_scalar_dict.items()}
        self._writer.add_scalars(main_tag, numbers, global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: str = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add the distribution of the elements of an array."""
        self._writer.add_histogram(tag, _array(values), global_step, bins, walltime, max_bins)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture: integers from 0 to 255, or floats from 0 to 1."""
        self._writer.add_image(tag, _array(img_tensor), global_step, walltime, dataformats)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add a batch of pictures, side by side."""
        self._writer.add_images(tag, _array(img_tensor), global_step, walltime, dataformats)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Add a figure of matplotlib, or a list of them."""
        self._writer.add_figure(tag, figure, global_step, close, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Add a text in Markdown."""
        self._writer.add_text(tag, text_string, global_step, walltime)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Add the graph of what a model, or a function, does with its arguments: a tensor, or a tuple of them."""
        args = input_to_model if isinstance(input_to_model, (tuple, list)) else (input_to_model,)
        with no_grad():
            graph = make_graph(model)(*args)
        if verbose:
            print(graph)
        event = _proto("event").Event(graph_def=_graph_def(graph).SerializeToString())
        self._writer.file_writer.add_event(event)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Add the settings of a run (numbers, strings, bools) and what came of it, to be compared with other runs."""
        if hparam_domain_discrete is not None:
            raise UnsupportedError("add_hparams: hparam_domain_discrete is not supported by tensorboardX; leave it out")
        settings = {k: x if isinstance(x, (str, bool)) else _number(x) for k, x in hparam_dict.items()}
        metrics = {k: _number(x) for k, x in metric_dict.items()}
        self._writer.add_hparams(settings, metrics, run_name, global_step)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Add points, the rows of a matrix, with labels and pictures (N, C, H, W) for the projector."""
        labels = metadata.tolist() if isinstance(metadata, (Tensor, Array, np.ndarray)) else metadata
        images = None if label_img is None else _array(label_img)
        self._writer.add_embedding(_array(mat), labels, images, global_step, tag, metadata_header)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Add a curve of precision over recall, from labels 0 and 1 and probabilities."""
        given = None if weights is None else _array(weights)
        label, prediction = _array(labels), _array(predictions)
        self._writer.add_pr_curve(tag, label, prediction, global_step, num_thresholds, given, walltime)

    def flush(self) -> None:
        """Write what has been added to disk."""
        for each in (self._writer.all_writers or {}).values():
            _drain(each.event_writer)
        self._writer.flush()

    def close(self) -> None:
        """Write what has been added, and close the files."""
        self._writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _drain(events: Any) -> None:
    """Let the thread that writes events write all that wait, which tensorboardX's own flush does not wait for."""
    worker = events._worker
    if worker is None:  # closed
        return
    worker.stop()  # behind what waits
    events._worker = type(worker)(events._event_queue, events._ev_writer, events._flush_secs)
    events._worker.start()


def _package() -> ModuleType:
    try:
        return import_module("tensorboardX")
    except ModuleNotFoundError:
        raise MissingExtraError("tensorboardX", "tensorboard") from None


def _proto(name: str) -> ModuleType:
    return import_module(f"tensorboardX.proto.{name}_pb2")


def _graph_def(graph: StepGraph) -> Any:
    """Return a recorded graph in TensorFlow's form: a node for each input, constant, equation and result."""
    nodes: list[Any] = []
    named: dict[Var, str] = {}

    def add(name: str, op: str, inputs: Sequence[Atom], avals: Sequence[Any]) -> str:
        sources = [known(atom, name, i) for i, atom in enumerate(inputs) if atom is not None]
        shapes = ", ".join(str(list(aval.shape)) for aval in avals)
        value = _proto("attr_value").AttrValue(s=shapes.encode())
        nodes.append(_proto("node_def").NodeDef(name=name, op=op, input=sources, attr={"_output_shapes": value}))
        return name

    def known(atom: Atom, user: str, place: int) -> str:
        if isinstance(atom, Var):
            return named[atom]
        return add(f"{user}/constant_{place}", "Const", (), (atom_aval(atom),))

    for i, var in enumerate(graph.inputs):
        name = graph.state.get(var) or graph.arguments.get(var, f"input_{i}")
        named[var] = add(_part(name), "Parameter" if var in graph.state else "Placeholder", (), (var.aval,))
    for i, eq in enumerate(graph.equations):
        made = add(f"{eq.primitive.name}_{i}", eq.primitive.name, eq.inputs, [v.aval for v in eq.outputs])
        named.update(dict.fromkeys(eq.outputs, made))
    for i, atom in enumerate(graph.results):
        add(f"result_{i}", "Result", (atom,), (atom_aval(atom),))
    versions = _proto("versions").VersionDef(producer=22)
    return _proto("graph").GraphDef(node=nodes, versions=versions)


def _part(name: str) -> str:
    """Return a name as TensorBoard wants it: what belongs together has a folder in common."""
    return re.sub(r"[^A-Za-z0-9_/]", "_", re.sub(r"[.\[]", "/", name)).strip("_/")


def _array(x: Any) -> np.ndarray[Any, Any]:
    """Return values as NumPy's; what TensorBoard has no dtype for becomes float32."""
    found = np.asarray(x.detach() if isinstance(x, Tensor) else stop_gradient(x))
    return found if found.dtype.kind in "biufc" else found.astype(np.float32)


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, (Tracer, Array, np.ndarray, np.generic)) else x
