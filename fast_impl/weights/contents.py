"""What a file of weights holds: arrays by key, and the layers that they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.dtypes import NUMBERS, native
from fast_impl.weights.errors import WeightsError, first_line
from fast_impl.weights.layouts import Layout

Array = npt.NDArray[Any]

# No compression of these files makes more of a byte; DEFLATE's limit is 1032.
_MOST_FROM_A_BYTE = 1032


@dataclass(frozen=True)
class Entry:
    """An array of a file; its values are read when they are asked for.

    Args:
        key: Its name in the file.
        shape: As the file declares it.
        dtype: The name of its number format.
        values: Reads the values.
        names: Other names under which the file knows it.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    values: Callable[[], Array] = field(repr=False)
    names: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers that NumPy (or ml_dtypes) has: neither text nor objects."""
        return self.dtype in NUMBERS

    def require_numbers(self, path: Any) -> None:
        """Refuse text and objects; `path` names the file in errors.

        Raises:
            WeightsError: Its values are no numbers.
        """
        if not self.is_numeric:
            raise WeightsError(
                f"{path}: {self.key!r} holds {self.dtype}: no numbers that NumPy has"
            )

    def read(self, path: Any) -> Array:
        """Return the values; `path` names the file in errors.

        Raises:
            WeightsError: They are no numbers, damaged, not those that are declared, or too many.
        """
        self.require_numbers(path)
        try:
            array = native(np.asarray(self.values()))
        except WeightsError:
            raise
        except MemoryError:
            raise WeightsError(
                f"{path}: {self.key!r} of shape {self.shape} does not fit into memory"
            ) from None
        except Exception as error:
            raise WeightsError(
                f"{path}: {self.key!r} cannot be read: {first_line(error)}"
            ) from None
        if array.shape != self.shape:
            raise WeightsError(
                f"{path}: {self.key!r} declares the shape {self.shape}, its values have {array.shape}"
            )
        return array


def check_size(
    path: Any, key: str, shape: tuple[int, ...], itemsize: int, stored: int, *, packed: bool = False
) -> None:
    """Refuse an array that declares more values than the file has bytes for.

    Args:
        path: The file, for the error.
        key: The array.
        shape: As declared.
        itemsize: Bytes of a value.
        stored: Bytes that the file has for it.
        packed: Whether these may be compressed.

    Raises:
        WeightsError: It declares more, or a size below zero.
    """
    most = stored * _MOST_FROM_A_BYTE + 4096 if packed else stored
    if any(size < 0 for size in shape) or math.prod(shape) * itemsize > most:
        raise WeightsError(
            f"{path}: {key!r} declares the shape {shape}, {math.prod(shape) * itemsize} bytes, "
            f"but the file holds {stored} bytes for it"
        )


@dataclass(frozen=True)
class StoredLayer:
    """Kernel and bias of a file that make a layer.

    Args:
        name: The layer's name, as far as the file knows it.
        kernel: An array of four axes.
        bias: An array of one axis, or None.
        layout: How the kernel lies; None where neither file nor keys tell.
        kind: The class of the layer, where the file says it.
        groups: Into how many parts its channels are divided, where the file says it.
        names: Other names of it.
    """

    name: str
    kernel: Entry
    bias: Entry | None
    layout: Layout
    kind: str | None = None
    groups: int = 1
    names: tuple[str, ...] = ()

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """``(kernel_height, kernel_width, filters, in_channels)``."""
        return self.layout.layer_shape(self.kernel.shape)

    @property
    def problem(self) -> str | None:
        """Why it is no ``Conv2DTranspose``, or None."""
        filters = self.kernel_shape[2]
        if self.kind is not None and self.kind != "Conv2DTranspose":
            return f"it is a {self.kind}"
        if self.groups != 1:
            return f"its channels are divided into {self.groups} groups, which the layer has not"
        if self.bias is not None and self.bias.shape != (filters,):
            return (
                f"its bias has shape {self.bias.shape}, and its kernel {self.kernel.shape} ({self.layout}) "
                f"{filters} filters"
            )
        return None

    def matches(self, name: str) -> bool:
        """Tell whether somebody may mean it by this name."""
        return name.removesuffix(":0") in (
            known.removesuffix(":0") for known in (self.name, self.kernel.key, *self.names)
        )

    def ends(self, name: str) -> bool:
        """Tell whether the name is the last part of one of its names."""
        return any(own.endswith((f"/{name}", f".{name}")) for own in (self.name, *self.names))


@dataclass
class Contents:
    """What a format's module read of a file.

    Args:
        entries: The arrays by key.
        layout: How kernels lie; None where the keys tell.
        layers: The layers, where the format itself says which arrays make one.
        kinds: The classes of layers by their names, where the format says them.
        close: Lets go of the file.
    """

    entries: dict[str, Entry]
    layout: Layout | None = None
    layers: list[StoredLayer] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None
