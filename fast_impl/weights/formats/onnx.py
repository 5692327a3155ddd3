"""ONNX: the initializers of a model, and which of them its ``ConvTranspose`` nodes use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry, StoredLayer, check_size
from fast_impl.weights.errors import WeightsError, first_line, needs
from fast_impl.weights.layouts import LAYOUTS

Array = npt.NDArray[Any]

_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def _onnx(path: Any) -> Any:
    try:
        import onnx
        import onnx.external_data_helper
        import onnx.numpy_helper
    except ModuleNotFoundError:
        raise needs(path, "onnx", "onnx") from None
    return onnx


def _loaded(onnx: Any, path: Path) -> Any:
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError:
        raise
    except Exception as error:
        raise WeightsError(f"{path}: is no ONNX model: {first_line(error)}") from None
    if not model.graph.node and not model.graph.initializer:
        raise WeightsError(f"{path}: is no ONNX model: it has no graph")
    return model


def read(path: Path) -> Contents:
    """Read the initializers of a model; those in files beside it, too.

    Raises:
        WeightsError: It is no model, or damaged, or an array declares more values than it has.
    """
    onnx = _onnx(path)
    model = _loaded(onnx, path)
    entries = {tensor.name: _entry(onnx, path, tensor) for tensor in _tensors(model)}
    return Contents(entries, LAYOUTS["onnx"], layers=list(_layers(model, entries)))


def _tensors(model: Any) -> Iterator[Any]:
    """The initializers, and the constants under the names of what they make."""
    yield from model.graph.initializer
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and node.output:
                    attribute.t.name = node.output[0]
                    yield attribute.t


def _entry(onnx: Any, path: Path, tensor: Any) -> Entry:
    shape = tuple(tensor.dims)
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        name = dtype.name
    except Exception:
        return Entry(tensor.name, shape, f"type {tensor.data_type}", lambda: None)  # type: ignore[arg-type,return-value]
    is_outside = tensor.data_location == onnx.TensorProto.EXTERNAL
    if not is_outside and name != "object":
        # Half formats and small integers lie in wider fields.
        stored = max(len(tensor.raw_data), *(8 * len(getattr(tensor, field)) for field in _FIELDS))
        check_size(path, tensor.name, shape, dtype.itemsize, stored)

    def values() -> Array:
        if is_outside:
            # It refuses places outside the model's folder.
            _check_outside(path, tensor, shape, dtype.itemsize)
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
        found: Array = onnx.numpy_helper.to_array(tensor)
        return found

    return Entry(tensor.name, shape, name, values)


def _check_outside(path: Path, tensor: Any, shape: tuple[int, ...], itemsize: int) -> None:
    said = {item.key: item.value for item in tensor.external_data}
    place = path.parent / said.get("location", "")
    if not place.is_file():
        raise WeightsError(f"{path}: {tensor.name!r} lies in {place}, which is not there")
    check_size(path, tensor.name, shape, itemsize, place.stat().st_size)
    length = said.get("length")
    if length is not None and (
        not length.isdecimal() or int(length) != math.prod(shape) * itemsize
    ):
        raise WeightsError(
            f"{path}: {tensor.name!r} declares the shape {shape}, and {length} bytes in {place.name}"
        )


def _layers(model: Any, entries: Mapping[str, Entry]) -> Iterator[StoredLayer]:
    same = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "Identity" and node.input and node.output
    }

    def entry(name: str) -> Entry | None:
        for _ in range(len(same) + 1):
            if name in entries:
                return entries[name]
            name = same.get(name, "")
        return None

    for node in model.graph.node:
        if node.op_type != "ConvTranspose" or len(node.input) < 2:
            continue
        kernel = entry(node.input[1])
        bias = entry(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if kernel is None or len(kernel.shape) != 4:
            continue
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        yield StoredLayer(
            node.name or kernel.key, kernel, bias, LAYOUTS["onnx"], groups=groups,
            names=(kernel.key.removesuffix(".weight"), *node.output),
        )  # fmt: skip


def update(file: IO[bytes], like: Path, arrays: Mapping[str, Array]) -> None:
    """Write a copy of a model in which some initializers have other values.

    Raises:
        WeightsError: Its arrays lie in other files.
    """
    onnx = _onnx(like)
    model = _loaded(onnx, like)
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise WeightsError(
                f"{like}: {tensor.name!r} lies in another file; such models are only read"
            )
        if tensor.name in arrays:
            tensor.CopyFrom(onnx.numpy_helper.from_array(arrays[tensor.name], tensor.name))
    file.write(model.SerializeToString())
