"""A file of weights of any kind: what it holds, and its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry, StoredLayer
from fast_impl.weights.errors import WeightsError, choices
from fast_impl.weights.finding import found_layers
from fast_impl.weights.formats import checkpoint, hdf5, npz, onnx, safetensors, torch
from fast_impl.weights.layouts import Layout, layout_named

Array = npt.NDArray[Any]

#: The kinds of files.
FORMATS: Mapping[str, ModuleType] = {
    "npz": npz,
    "safetensors": safetensors,
    "keras": hdf5,
    "torch": torch,
    "onnx": onnx,
    "checkpoint": checkpoint,
}
_SUFFIXES = {
    ".npz": "npz", ".safetensors": "safetensors", ".h5": "keras", ".hdf5": "keras", ".keras": "keras",
    ".pt": "torch", ".pth": "torch", ".bin": "torch", ".onnx": "onnx", ".index": "checkpoint",
    ".ckpt": "checkpoint",
}  # fmt: skip


def format_of(path: Path, format: str | None, *, to_write: bool = False) -> str:  # noqa: A002
    """Return the kind of a file: `format`, or a checkpoint where its files are there, else by the name's end.

    Raises:
        ValueError: `format` is none of `FORMATS`.
        WeightsError: Nothing tells.
    """
    if format is not None:
        if format not in FORMATS:
            raise ValueError(f"format={format!r}: must be one of {', '.join(FORMATS)}")
        return format
    if not to_write and checkpoint.prefix_of(path) is not None:
        return "checkpoint"
    found = _SUFFIXES.get(path.suffix)
    if found is None:
        raise WeightsError(
            f"{path}: the name does not tell what kind of file it is: it ends in none of {', '.join(_SUFFIXES)}; "
            f"say format=, one of {', '.join(FORMATS)}"
        )
    # PyTorch's files have this end, too.
    if found == "checkpoint" and not to_write and path.is_file() and path.suffix == ".ckpt":
        return "torch"
    return found


class WeightFile(Mapping[str, Entry]):
    """An opened file of weights: its arrays by key, and the layers that they make.

    Use it in a ``with`` statement, or call `close`. Values are read when they are asked for.

    Attributes:
        path: The file.
        format: Its kind, one of `FORMATS`.
        layers: The layers whose kernels have four axes, in the order of the file.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        format: str | None = None,  # noqa: A002
        layout: str | Layout | None = None,
    ) -> None:
        """Open a file.

        Args:
            path: The file; of a TensorFlow checkpoint the beginning of its files' names, or its folder.
            format: Its kind, where the name does not tell.
            layout: How kernels lie, where neither file nor keys tell it: a name in `LAYOUTS`.

        Raises:
            WeightsError: It is no such file, or a damaged one.
            OSError: It cannot be opened.
            ModuleNotFoundError: A package is missing; the message names the extra that brings it.
        """
        self.path = Path(path)
        self.format = format_of(self.path, format)
        if self.format != "checkpoint":
            with self.path.open("rb"):
                pass  # a missing file is told as such, whatever the library would say
        self._contents: Contents = FORMATS[self.format].read(self.path)
        self.layers: list[StoredLayer] = found_layers(
            self._contents, None if layout is None else layout_named(layout)
        )

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; values can no longer be read."""
        self._contents.close()

    def __getitem__(self, key: str) -> Entry:
        entries = self._contents.entries
        if key in entries:
            return entries[key]
        by_name = [entry for entry in entries.values() if key in entry.names]
        if len(by_name) == 1:
            return by_name[0]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents.entries)

    def __len__(self) -> int:
        return len(self._contents.entries)

    def read(self, key: str) -> Array:
        """Return an array as it lies in the file.

        Raises:
            WeightsError: There is no such key (near ones are named), or its values are damaged.
        """
        try:
            entry = self[key]
        except KeyError:
            raise WeightsError(f"{self.path}: no array {key!r}: {choices(key, self)}") from None
        return entry.read(self.path)

    def layer(self, name: str | None = None) -> StoredLayer:
        """Return a layer by its name, its key, or the last part of it.

        Args:
            name: None is the only transposed convolution of the file.

        Raises:
            WeightsError: There is none, or more than one.
        """
        fitting = [layer for layer in self.layers if layer.problem is None]
        if name is None:
            found = fitting
        else:
            found = [layer for layer in self.layers if layer.matches(name)]
            found = found or [layer for layer in self.layers if layer.ends(name)]
        if len(found) == 1:
            if name is not None and found[0].problem is not None:
                raise WeightsError(
                    f"{self.path}: {found[0].name!r} makes no Conv2DTranspose: {found[0].problem}"
                )
            return found[0]
        known = [layer.name for layer in fitting]
        if not found:
            wanted = "transposed convolution" if name is None else f"layer {name!r}"
            raise WeightsError(f"{self.path}: no {wanted}: {choices(name, known)}")
        keys = ", ".join(repr(layer.kernel.key) for layer in found[:4])
        wanted = "none is named" if name is None else f"{name!r} may be any of them"
        raise WeightsError(f"{self.path}: {len(found)} layers, and {wanted}: {keys}")

    def weights(self, name: str | None = None) -> list[Array]:
        """Return ``[kernel, bias]``, or ``[kernel]``, of a layer, as `set_weights` takes them.

        The kernel is ``(kernel_height, kernel_width, filters, in_channels)``, whatever the file has.

        Raises:
            WeightsError: As `layer` and `read`.
        """
        found = self.layer(name)
        kernel = found.layout.to_layer(found.kernel.read(self.path))
        return [kernel] if found.bias is None else [kernel, found.bias.read(self.path)]


def read(
    path: str | PathLike[str],
    format: str | None = None,  # noqa: A002
) -> dict[str, Array]:
    """Return all arrays of a file by their keys, as they lie there; what is no number is left out.

    Raises:
        WeightsError, OSError, ModuleNotFoundError: As `WeightFile`.
    """
    with WeightFile(path, format) as file:
        return {key: entry.read(path) for key, entry in file.items() if entry.is_numeric}
