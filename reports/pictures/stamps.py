"""A transposed convolution as it is defined: every input pixel stamps the kernel on a canvas.

`canvas[i*s + a*d, j*s + b*d] += input[i, j] * kernel[a, b]`, then a window is cut out of the canvas. Only what
a record holds is used: the case's own arguments and arrays. Where they are not all there, or where what
comes out is not what the record expects, there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from reports.records.values import Array, as_tensor

#: Larger canvases, and images with more pixels, are not drawn.
LARGEST_CANVAS, MOST_PIXELS, MOST_CHANNELS = (26, 26), 144, 64
#: Steps that leave the weights as they are.
_HARMLESS = frozenset(
    ["build", "set_weights", "call", "losses", "get_weights", "compute_output_shape", "read"]
)
#: How far from the exact sum an element may be, in units of the sum of the magnitudes.
_ROUNDING = {"float16": 2e-2, "bfloat16": 2e-1, "float32": 1e-5, "float64": 1e-11}


@attrs.frozen
class Axis:
    """One axis: `before` positions of the canvas are left out before the output begins."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    output: int

    @property
    def canvas(self) -> int:
        """How long the canvas is, what padding appends included."""
        return max(self.reach, self.before + self.output)

    @property
    def reach(self) -> int:
        """How much of the canvas the stamps reach."""
        return (self.size - 1) * self.stride + (self.kernel - 1) * self.dilation + 1

    def landing(self, position: int, tap: int) -> int:
        """Return where a tap of the stamp of a pixel lands."""
        return position * self.stride + tap * self.dilation


def axis_of(
    size: int, kernel: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> Axis:
    """Return the geometry of one axis by TensorFlow's rules (clauses SHAPE-01 to SHAPE-04, PAD-01 to PAD-05)."""
    effective = (kernel - 1) * dilation + 1
    reach = (size - 1) * stride + effective
    if output_padding is not None:
        output = reach + output_padding - (2 * (effective // 2) if padding == "same" else 0)
    elif padding == "same":
        output = size * stride
    else:
        output = size * stride + max(effective - stride, 0)
    before = max(reach - output, 0) // 2 if padding == "same" else 0
    return Axis(size, kernel, stride, dilation, before, output)


@attrs.frozen
class Term:
    """One product of an element's sum: input[row, column, channel] times kernel[tap row, tap column]."""

    row: int
    column: int
    tap_row: int
    tap_column: int
    channel: int
    value: float
    weight: float


@attrs.frozen(eq=False)
class Stamps:
    """Images and a kernel, and how the one is stamped on the canvas by the other.

    Args:
        images: float64, (batch, height, width, channels).
        kernel: float64, (height, width, filters, channels).
        bias: float64, (filters,).
        rows, columns: the geometry.
        activation: what is done to the sum afterwards; None is nothing.
        channels_first: the record's order of axes.
    """

    images: Array
    kernel: Array
    bias: Array
    rows: Axis
    columns: Axis
    activation: str | None = None
    channels_first: bool = False

    @cached_property
    def canvas(self) -> Array:
        """The sums of all stamps, bias not added: (batch, canvas rows, canvas columns, filters)."""
        return _stamped(self, self.images, self.kernel)

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are integers."""
        arrays = (self.images, self.kernel, self.bias)
        return all(np.array_equal(array, np.round(array)) for array in arrays)

    @property
    def output(self) -> Array:
        """What the window shows, with bias: (batch, height, width, filters)."""
        rows, columns = self.rows, self.columns
        down = slice(rows.before, rows.before + rows.output)
        along = slice(columns.before, columns.before + columns.output)
        shown: Array = self.canvas[:, down, along] + self.bias
        return shown

    def stamp(self, image: int, row: int, column: int, filter_: int) -> Array:
        """Return what one pixel adds, summed over the channels: (kernel height, kernel width)."""
        added: Array = self.kernel[:, :, filter_] @ self.images[image, row, column]
        return added

    def covers(self) -> Array:
        """How many stamps reach each position of the canvas: (canvas rows, canvas columns)."""
        ones = attrs.evolve(
            self,
            images=np.ones_like(self.images[:1, ..., :1]),
            kernel=np.ones_like(self.kernel[:, :, :1, :1]),
        )
        return ones.canvas[0, :, :, 0].astype(np.int64)

    def terms(self, image: int, row: int, column: int, filter_: int) -> list[Term]:
        """Return the products that sum to a position of the canvas."""
        found = []
        for i in range(self.rows.size):
            for a in range(self.rows.kernel):
                if self.rows.landing(i, a) != row:
                    continue
                for j in range(self.columns.size):
                    for b in range(self.columns.kernel):
                        if self.columns.landing(j, b) == column:
                            found += [
                                Term(i, j, a, b, c, self.images[image, i, j, c], weight)
                                for c, weight in enumerate(self.kernel[a, b, filter_])
                            ]
        return found

    def window_of(self, got: Array, tolerance: float) -> tuple[int, int] | None:
        """Return where on the canvas a result was cut out; None where it was not, in several places, or is large.

        Args:
            got: (batch, height, width, filters).
            tolerance: the relative error of an element, in units of the sum of magnitudes.
        """
        height, width = got.shape[1:3]
        if got.shape[::3] != self.canvas.shape[::3] or not (height and width):
            return None
        if any(size > most for size, most in zip((height, width), LARGEST_CANVAS)):
            return None  # the search takes the square of its elements, and it would not be drawn
        around = ((0, 0), (height - 1, height - 1), (width - 1, width - 1), (0, 0))
        canvas = np.pad(self.canvas, around) + self.bias
        room = np.pad(self._magnitude(), around) * tolerance
        windows = [
            (top - height + 1, left - width + 1)
            for top in range(canvas.shape[1] - height + 1)
            for left in range(canvas.shape[2] - width + 1)
            if np.all(
                np.abs(canvas[:, top : top + height, left : left + width] - got)
                <= room[:, top : top + height, left : left + width]
            )
        ]
        return windows[0] if len(windows) == 1 else None

    def agrees_with(self, expected: Array, tolerance: float) -> bool:
        """Whether the record expects what the stamps sum to."""
        rows, columns = self.rows, self.columns
        room = self._magnitude()[:, rows.before :, columns.before :][
            :, : rows.output, : columns.output
        ]
        return expected.shape == self.output.shape and bool(
            np.all(np.abs(self.output - expected) <= room * tolerance)
        )

    def _magnitude(self) -> Array:
        sums: Array = _stamped(self, np.abs(self.images), np.abs(self.kernel)) + np.abs(self.bias)
        return sums


def _stamped(stamps: Stamps, images: Array, kernel: Array) -> Array:
    rows, columns = stamps.rows, stamps.columns
    canvas = np.zeros((len(images), rows.canvas, columns.canvas, kernel.shape[2]))
    for a in range(rows.kernel):
        for b in range(columns.kernel):
            down, along = (
                slice(axis.landing(0, tap), axis.landing(axis.size - 1, tap) + 1, axis.stride)
                for axis, tap in ((rows, a), (columns, b))
            )
            canvas[:, down, along] += images @ kernel[a, b].T
    return canvas


def of_case(case: Mapping[str, Any], step: int | None) -> Stamps | None:
    """Read the stamps of a call off a case; None where it is no call of known weights, or too large."""
    steps, arguments = case.get("steps"), case.get("arguments")
    if not isinstance(steps, list) or not isinstance(arguments, Mapping):
        return None
    if step is None or not 0 <= step < len(steps):
        return None
    weights = inputs = None
    for data in steps[: step + 1]:
        kind = data.get("do") if isinstance(data, Mapping) else None
        if not isinstance(kind, str) or kind not in _HARMLESS:
            return None
        if kind == "set_weights":
            weights = data.get("values")
        inputs = data.get("inputs")
    if steps[step].get("do") != "call" or not isinstance(weights, list):
        return None
    arrays = [_finite(value) for value in (inputs, *weights)]
    if len(arrays) not in (2, 3) or any(array is None for array in arrays):
        return None
    images, kernel, *bias = [array for array in arrays if array is not None]
    return _made(arguments, images, kernel, bias[0] if bias else None)


def of_example(example: Mapping[str, Any]) -> Stamps | None:
    """Read the stamps of a clause's worked example: one image and one kernel, without channels.

    It holds `inputs` and `kernel` as lists of rows, and of a layer's arguments those that matter.
    """
    try:
        images = np.array(example["inputs"], np.float64)[None, :, :, None]
        kernel = np.array(example["kernel"], np.float64)[:, :, None, None]
        bias = np.array([example.get("bias") or 0.0], np.float64)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return _made({**example, "data_format": "channels_last"}, images, kernel, bias)


def _made(
    arguments: Mapping[str, Any], images: Array, kernel: Array, bias: Array | None
) -> Stamps | None:
    first = str(arguments.get("data_format")).lower() == "channels_first"
    if images.ndim != 4 or kernel.ndim != 4 or 0 in images.shape or 0 in kernel.shape:
        return None
    if first:
        images = np.moveaxis(images, 1, 3)
    added = np.zeros(kernel.shape[2]) if bias is None else bias
    if images.shape[3] != kernel.shape[3] or added.shape != (kernel.shape[2],):
        return None
    axes = _axes(arguments, images.shape[1:3], kernel.shape[:2])
    if axes is None or images.shape[1] * images.shape[2] > MOST_PIXELS:
        return None
    if images.shape[3] > MOST_CHANNELS or any(
        axis.canvas > most or axis.output < 1 for axis, most in zip(axes, LARGEST_CANVAS)
    ):
        return None
    activation = arguments.get("activation")
    return Stamps(
        images=images,
        kernel=kernel,
        bias=added,
        rows=axes[0],
        columns=axes[1],
        activation=None if activation in (None, "linear") else str(activation),
        channels_first=first,
    )


def _axes(
    arguments: Mapping[str, Any], sizes: Sequence[int], kernel: Sequence[int]
) -> tuple[Axis, Axis] | None:
    padding = str(arguments.get("padding", "valid")).lower()
    strides, dilations = (_pair(arguments.get(key, 1)) for key in ("strides", "dilation_rate"))
    paddings = arguments.get("output_padding")
    output_paddings = (None, None) if paddings is None else _pair(paddings, least=0)
    if strides is None or dilations is None or output_paddings is None:
        return None
    if padding not in ("valid", "same"):
        return None
    rows, columns = (
        axis_of(sizes[n], kernel[n], strides[n], dilations[n], padding, output_paddings[n])
        for n in (0, 1)
    )
    return rows, columns


def _pair(value: Any, least: int = 1) -> tuple[int, int] | None:
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2 or not all(type(n) is int and least <= n < 100 for n in pair):
        return None
    return pair[0], pair[1]


def _finite(value: Any) -> Array | None:
    tensor = as_tensor(value)
    if tensor is None or tensor.array.dtype.kind not in "fiu":
        return None
    array = tensor.array.astype(np.float64)
    return array if np.isfinite(array).all() else None


def tolerance(dtype: str) -> float:
    """Return how far an element of the dtype may be from the exact sum; integers are exact."""
    return _ROUNDING.get(dtype, 0.0)
