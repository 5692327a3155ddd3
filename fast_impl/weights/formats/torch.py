"""PyTorch's state dicts, read with ``weights_only=True``: what is pickled may make tensors and nothing else."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem import dtypes
from fast_impl.weights.contents import Contents, Entry, check_size
from fast_impl.weights.errors import WeightsError, first_line, needs
from fast_impl.weights.layouts import LAYOUTS

Array = npt.NDArray[Any]

#: The keys of a layer's kernel and bias.
KEYS = ("{name}.weight", "{name}.bias")


def _torch(path: Any) -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        raise needs(path, "torch", "torch") from None
    return torch


def read(path: Path) -> Contents:
    """Read the tensors of a file: a state dict, or dicts and lists that hold some.

    Raises:
        WeightsError: It is none, or damaged, or holds what only running its code would make.
    """
    torch = _torch(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused
            loaded = torch.load(
                str(path), map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except FileNotFoundError:
        raise
    except Exception as error:
        # The message advises to run the file's code; this library never does.
        reason = (
            "it holds Python objects, not tensors alone (weights_only=True); save model.state_dict()"
            if "weights_only" in str(error)
            else first_line(error)
            if " " in str(error)  # of what is no file of it at all PyTorch says next to nothing
            else "torch.save did not write it"
        )
        raise WeightsError(f"{path}: no state dict of PyTorch: {reason}") from None
    entries = {}
    for key, tensor in _tensors(torch, loaded, "", 0):
        entries[key] = _entry(path, torch, key, tensor)
    return Contents(entries, LAYOUTS["torch"])


def _tensors(torch: Any, value: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield prefix or "tensor", value
    elif depth < 16 and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(torch, item, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif depth < 16 and isinstance(value, (list, tuple)):
        for n, item in enumerate(value):
            yield from _tensors(torch, item, f"{prefix}.{n}" if prefix else str(n), depth + 1)


def _entry(path: Path, torch: Any, key: str, tensor: Any) -> Entry:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return Entry(key, tuple(tensor.shape), f"{tensor.layout} {dtype}", lambda: np.empty(0))
    # A tensor may repeat a few stored values without end.
    check_size(
        path, key, tuple(tensor.shape), tensor.element_size(), tensor.untyped_storage().nbytes()
    )

    def values() -> Array:
        plain = tensor.detach().resolve_conj().resolve_neg()
        if dtype == "bfloat16":
            found: Array = plain.contiguous().view(torch.int16).numpy().view(dtypes.by_name(dtype))
            return found
        return np.array(plain.numpy())

    return Entry(key, tuple(tensor.shape), dtype, values)


def write(file: IO[bytes], arrays: Mapping[str, Array], names: Mapping[str, str]) -> None:  # noqa: ARG001
    """Write a state dict, for ``torch.load(..., weights_only=True)``."""
    torch = _torch(file.name)
    tensors = {}
    for key, array in arrays.items():
        own = np.array(array, order="C")
        tensors[key] = (
            torch.from_numpy(own.view(np.int16)).view(torch.bfloat16)
            if own.dtype.name == "bfloat16"
            else torch.from_numpy(own)
        )
    torch.save(tensors, file)
