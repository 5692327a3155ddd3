"""``.safetensors``, through the library of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry
from fast_impl.weights.errors import WeightsError, first_line, needs

Array = npt.NDArray[Any]

#: The keys of a layer's kernel and bias.
KEYS = ("{name}/kernel", "{name}/bias")

_DTYPES = {
    "BOOL": "bool", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
}  # fmt: skip


def read(path: Path) -> Contents:
    """Read what a file holds; the library checks its header.

    Raises:
        WeightsError: It is no such file, or damaged.
    """
    try:
        import safetensors
    except ModuleNotFoundError:
        raise needs(path, "safetensors", "weights") from None
    try:
        file: Any = safetensors.safe_open(path, framework="numpy")
        entries = {}
        for key in file.keys():  # noqa: SIM118
            part = file.get_slice(key)
            dtype = _DTYPES.get(part.get_dtype(), str(part.get_dtype()))
            entries[key] = Entry(key, tuple(part.get_shape()), dtype, partial(file.get_tensor, key))
    except OSError:
        raise
    except Exception as error:
        raise WeightsError(f"{path}: is no .safetensors file: {first_line(error)}") from None
    return Contents(entries)


def write(file: IO[bytes], arrays: Mapping[str, Array], names: Mapping[str, str]) -> None:  # noqa: ARG001
    """Write a file."""
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise needs(file.name, "safetensors", "weights") from None
    # The library takes an array's memory as it lies.
    file.write(safetensors.numpy.save({k: np.asarray(a, order="C") for k, a in arrays.items()}))
