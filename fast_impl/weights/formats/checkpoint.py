"""TensorFlow's checkpoints, through TensorFlow: of ``tf.compat.v1.train.Saver`` and ``tf.train.Checkpoint``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry, check_size
from fast_impl.weights.errors import WeightsError, first_line, needs
from fast_impl.weights.layouts import LAYOUTS

Array = npt.NDArray[Any]

#: The keys of a layer's kernel and bias, as TensorFlow 1 names variables.
KEYS = ("{name}/kernel", "{name}/bias")

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def require_tensorflow(path: Any) -> Any:
    """Return TensorFlow.

    Raises:
        ModuleNotFoundError: It is not installed; the message begins with `path`.
    """
    try:
        import tensorflow
    except ModuleNotFoundError:
        raise needs(path, "tensorflow", "tensorflow") from None
    return tensorflow


def prefix_of(path: Path) -> Path | None:
    """Return the beginning of a checkpoint's files, or None where there is no checkpoint.

    Args:
        path: That beginning, one of the files, the folder of checkpoints, whose last one is meant, or that of a
            SavedModel.
    """
    if (path / "variables" / "variables.index").is_file():
        path = path / "variables" / "variables"
    if path.is_dir() and (path / "checkpoint").is_file():
        # What tf.train.latest_checkpoint reads: model_checkpoint_path: "name"
        with (path / "checkpoint").open(encoding="utf-8", errors="replace") as file:
            line = file.readline(4096)
        name = line.partition('"')[2].rpartition('"')[0]
        path = path / Path(name).name
    path = path.with_name(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name))
    return path if path.with_name(path.name + ".index").is_file() else None


def read(path: Path) -> Contents:
    """Read what a checkpoint holds.

    Raises:
        WeightsError: It is none, or damaged, or an array declares more values than it has.
    """
    tensorflow = require_tensorflow(path)
    prefix = prefix_of(path)
    if prefix is None:
        raise WeightsError(f"{path}: is no checkpoint: there is no {path.name}.index")
    stored = sum(
        file.stat().st_size
        for file in prefix.parent.iterdir()
        if file.name.startswith(f"{prefix.name}.data-")
    )
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        formats = reader.get_variable_to_dtype_map()
        names = _names(reader) if _GRAPH in shapes else {}
    except Exception as error:
        raise WeightsError(f"{path}: is a damaged checkpoint: {first_line(error)}") from None
    entries = {}
    for key in sorted(shapes):
        shape, dtype = tuple(shapes[key]), formats[key]
        if dtype.name not in ("string", "resource", "variant"):
            check_size(path, key, shape, dtype.size, stored)
        known = (names[key],) if key in names else ()
        entries[key] = Entry(key, shape, dtype.name, partial(reader.get_tensor, key), known)
    return Contents(entries, LAYOUTS["layer"])


def _names(reader: Any) -> dict[str, str]:
    """Return the variables' own names in a checkpoint of objects, such as ``up1/kernel``, by key."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor(_GRAPH))
    return {
        value.checkpoint_key: value.full_name
        for node in graph.nodes
        for value in node.attributes
        if value.full_name
    }


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a checkpoint by variables' names, as ``tf.compat.v1.train.Saver`` does.

    Args:
        path: The beginning of its files.
        arrays: By the variables' names.
    """
    tf = require_tensorflow(path)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        places = {
            key: tf.compat.v1.placeholder(array.dtype, array.shape) for key, array in arrays.items()
        }
        saving = tf.raw_ops.SaveV2(
            prefix=str(path), tensor_names=[*places], shape_and_slices=[""] * len(places),
            tensors=[*places.values()],
        )  # fmt: skip
        session.run(saving, {places[key]: np.asarray(array) for key, array in arrays.items()})
