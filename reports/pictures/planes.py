"""Which two-dimensional slice of a tensor is shown, and how its axes are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from reports.records.values import Array, Tensor

LAST = ("batch", "height", "width", "channel")
FIRST = ("batch", "channel", "height", "width")
KERNEL = ("kernel row", "kernel column", "filter", "input channel")

#: Steps whose four-dimensional values are images (a kernel's shape may coincide with one).
_IMAGE_STEPS = ("call", "convolution_op", "static_shape")


@attrs.frozen
class Axes:
    """The names of a tensor's axes, and the two that are drawn as rows and columns."""

    names: tuple[str, ...]
    row: int | None
    column: int | None

    def fixed(self, index: tuple[int, ...]) -> str:
        """Name the plane in words, such as ``batch 0, channel 1``."""
        shown = (self.row, self.column)
        parts = [
            f"{name} {place}"
            for axis, (name, place) in enumerate(zip(self.names, index, strict=False))
            if axis not in shown
        ]
        return ", ".join(parts)


def image_axes(case: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the axis names of a case's inputs and outputs: its data format decides."""
    arguments = case.get("arguments")
    chosen = arguments.get("data_format") if isinstance(arguments, Mapping) else None
    first = isinstance(chosen, str) and chosen.lower() == "channels_first"
    return FIRST if first else LAST


def axes_of(
    shape: tuple[int, ...], case: Mapping[str, Any], step: int | None, name: str = ""
) -> Axes:
    """Name the axes of a value that `step` of `case` gave.

    Args:
        shape: the value's shape.
        case: the case as plain JSON.
        step: the position of the step in the case, or None.
        name: the value's name within the step's result (`kernel`, `inputs` ...), or nothing.

    """
    if len(shape) == 4:
        names = KERNEL if _is_kernel(shape, case, step, name) else image_axes(case)
        row = names.index("height") if "height" in names else 0
        return Axes(names, row, row + 1)
    names = tuple(f"axis {axis}" for axis in range(len(shape)))
    if len(shape) == 0:
        return Axes(names, None, None)
    if len(shape) == 1:
        return Axes(names, None, 0)
    return Axes(names, len(shape) - 2, len(shape) - 1)


def current_step(case: Mapping[str, Any], step: int | None) -> Mapping[str, Any] | None:
    """Return what a case does at a step; None where there is nothing to be read."""
    steps = case.get("steps")
    if not isinstance(steps, list) or step is None or not 0 <= step < len(steps):
        return None
    return steps[step] if isinstance(steps[step], Mapping) else None


def _is_kernel(
    shape: tuple[int, ...], case: Mapping[str, Any], step: int | None, name: str
) -> bool:
    if "kernel" in name:
        return True
    current = current_step(case, step)
    if current is None or current.get("do") in _IMAGE_STEPS or "inputs" in name:
        return False
    for data in case["steps"]:
        if isinstance(data, Mapping) and data.get("do") == "set_weights":
            values = data.get("values")
            if isinstance(values, list) and values and isinstance(values[0], Mapping):
                return bool(values[0].get("shape") == list(shape))
    return current.get("do") in ("get_weights", "train", "loss_gradients", "second_gradient")


def plane(array: Array, axes: Axes, index: tuple[int, ...]) -> Array:
    """Cut the two drawn axes out at `index`; a position beyond an axis' end is its last one."""
    if array.ndim == 0:
        return array.reshape(1, 1)
    where: list[Any] = [
        slice(None)
        if axis in (axes.row, axes.column)
        else min(index[axis] if axis < len(index) else 0, array.shape[axis] - 1)
        for axis in range(array.ndim)
    ]
    if 0 in array.shape:
        rows = 1 if axes.row is None else array.shape[axes.row]
        columns = 1 if axes.column is None else array.shape[axes.column]
        return np.zeros((rows, columns) if 0 in (rows, columns) else (0, columns), array.dtype)
    cut: Array = array[tuple(where)]
    return cut.reshape(1, -1) if axes.row is None else cut


def difference(expected: Tensor, got: Tensor) -> Array:
    """Return `got - expected` as float64 (its magnitude where complex).

    The same NaN or infinity on both sides is no difference. The sign of a zero is one only where nothing
    else differs: it is free elsewhere.
    Elements that differ by less than float64 resolves (large integers) give the smallest number
    above zero, so that a difference never shows as none.
    """
    same = expected.array == got.array
    if _may_be_nan(expected.array) and _may_be_nan(got.array):
        same = same | (np.isnan(expected.array) & np.isnan(got.array))
    if bool(np.all(same)) and expected.array.dtype.kind == got.array.dtype.kind == "f":
        same = (np.signbit(expected.array) == np.signbit(got.array)) | np.isnan(got.array)
    is_complex = "c" in (expected.array.dtype.kind, got.array.dtype.kind)
    wide = np.complex128 if is_complex else np.float64
    with np.errstate(all="ignore"):
        delta: Array = got.array.astype(wide) - expected.array.astype(wide)
    if is_complex:
        delta = np.abs(delta)
    delta = np.where(~same & (delta == 0), np.finfo(np.float64).tiny, delta)
    return np.where(same, 0.0, delta)


def worst(delta: Array) -> tuple[int, ...] | None:
    """Return the index of the largest difference, NaN first; None where nothing differs."""
    if delta.size == 0 or not np.any(delta):
        return None
    size = np.where(np.isnan(delta), np.inf, np.abs(delta))
    return tuple(int(place) for place in np.unravel_index(int(np.argmax(size)), delta.shape))


def _may_be_nan(array: Array) -> bool:
    return array.dtype.kind in "fc"
