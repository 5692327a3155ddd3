"""One transposed convolution with every argument checked and every size known."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from fast_impl.problem.doors import LARGEST, integer, members, shown
from fast_impl.problem.dtypes import DType, require_computed
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.geometry import Axis

PADDINGS = ("valid", "same")
DATA_FORMATS = ("channels_last", "channels_first")
Shape = tuple[int, ...]
Array = npt.NDArray[Any]


def as_pair(value: Any, argument: str, least: int) -> tuple[int, int]:
    """``value`` as two integers of at least ``least``; one integer stands for both axes.

    Raises:
        TypeError: Not integers.
        ValueError: Not two of them, or too small.
    """
    if type(value) is tuple and len(value) == 2:
        first, second = value
        if type(first) is type(second) is int and least <= min(value) and max(value) <= LARGEST:
            return first, second
    try:
        pair = members(value, 2) if hasattr(value, "__iter__") else (value, value)
        if len(pair) != 2:
            raise ValueError
        # TensorFlow takes truth values for numbers here.
        pair = tuple(int(item) if isinstance(item, bool) else item for item in pair)
        return integer(pair[0], argument, least, LARGEST), integer(
            pair[1], argument, least, LARGEST
        )
    except (TypeError, ValueError) as error:
        rule = f"{argument}={shown(value)} must be an integer, or 2 integers, of at least {least}"
        raise type(error)(rule) from None


def as_choice(value: Any, argument: str, choices: tuple[str, ...]) -> str:
    """``value`` in lower case if it is one of ``choices`` (in any case), else an error."""
    if isinstance(value, str) and value.lower() in choices:
        return value.lower()
    rule = f"{argument}={shown(value)} must be one of {', '.join(map(repr, choices))}"
    raise (ValueError if isinstance(value, str) else TypeError)(rule)


@dataclass(frozen=True)
class Options:
    """The arguments that are neither arrays nor sizes, in one normal form."""

    strides: tuple[int, int]
    padding: str
    data_format: str
    dilation_rate: tuple[int, int]
    output_padding: tuple[int, int] | None

    @classmethod
    def checked(
        cls, strides: Any, padding: Any, data_format: Any, dilation_rate: Any, output_padding: Any
    ) -> Options:
        """Options from a caller's arguments.

        Raises:
            TypeError: A wrong type.
            ValueError: A wrong value, or an output padding that is not below its stride.
        """
        strides = as_pair(strides, "strides", 1)
        if output_padding is not None:
            output_padding = as_pair(output_padding, "output_padding", 0)
            if output_padding[0] >= strides[0] or output_padding[1] >= strides[1]:
                raise ValueError(
                    f"output_padding={output_padding} must be smaller than strides={strides} on "
                    f"each axis"
                )
        return cls(
            strides,
            as_choice(padding, "padding", PADDINGS),
            as_choice(data_format, "data_format", DATA_FORMATS),
            as_pair(dilation_rate, "dilation_rate", 1),
            output_padding,
        )

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """Positions of height and width in the shape of the input."""
        return (2, 3) if self.data_format == "channels_first" else (1, 2)

    @property
    def channel_axis(self) -> int:
        """Position of the channels in the shape of the input."""
        return 1 if self.data_format == "channels_first" else 3


@dataclass(frozen=True)
class Problem:
    """Sizes, geometry and number format of one transposed convolution."""

    batch: int
    height: Axis
    width: Axis
    in_channels: int
    filters: int
    channels_first: bool
    dtype: DType

    @classmethod
    def checked(
        cls,
        input_shape: Shape,
        input_dtype: DType,
        kernel_shape: Shape,
        kernel_dtype: DType,
        options: Options,
    ) -> Problem:
        """The problem for these arrays and options.

        Raises:
            ValueError: An array that is not of rank 4, or an empty kernel.
            InvalidArgumentError: Channels or formats that differ, or sizes that cannot be.
        """
        for argument, shape in (("inputs", input_shape), ("kernel", kernel_shape)):
            if len(shape) != 4:
                raise ValueError(f"{argument} must have rank 4; got shape {shape}")
        require_computed(input_dtype, "inputs")
        if input_dtype != kernel_dtype:
            raise InvalidArgumentError(
                f"kernel was expected to be a {input_dtype.name} array as inputs is, but its dtype "
                f"is {kernel_dtype.name}: nothing is cast silently"
            )
        kernel_height, kernel_width, filters, kernel_channels = kernel_shape
        if kernel_height < 1 or kernel_width < 1:
            raise ValueError(f"kernel of shape {kernel_shape} has no taps: both sides must be >= 1")
        in_channels = input_shape[options.channel_axis]
        if in_channels != kernel_channels:
            raise InvalidArgumentError(
                f"inputs of shape {input_shape} ({options.data_format}) has {in_channels} "
                f"channels, but kernel of shape {kernel_shape} (height, width, filters, "
                f"in_channels) needs "
                f"{kernel_channels}"
            )
        sizes = (
            ("height", kernel_height),
            ("width", kernel_width),
        )
        padding = options.output_padding or (None, None)
        height, width = (
            Axis.resolve(
                name,
                input_shape[options.spatial_axes[i]],
                taps,
                options.strides[i],
                options.padding,
                options.dilation_rate[i],
                padding[i],
            )
            for i, (name, taps) in enumerate(sizes)
        )
        return cls(
            input_shape[0],
            height,
            width,
            in_channels,
            filters,
            options.data_format == "channels_first",
            input_dtype,
        )

    def trimmed(self) -> tuple[Problem, tuple[slice, slice]]:
        """The same sums without rows and columns of taps, at the ends of the kernel, that reach no output.

        Wide dilations crop most of a kernel away; no memory is taken for where it would have reached.

        Returns:
            The problem, of a smaller kernel, and which taps of the kernel those are.
        """
        height, rows = self.height.trimmed()
        width, columns = self.width.trimmed()
        if height is self.height and width is self.width:
            return self, (rows, columns)
        return replace(self, height=height, width=width), (rows, columns)

    @functools.cached_property
    def input_shape(self) -> Shape:
        """Shape of the input in its own layout."""
        return self._shape(self.height.input, self.width.input, self.in_channels)

    @functools.cached_property
    def output_shape(self) -> Shape:
        """Shape of the output in its own layout."""
        return self._shape(self.height.output, self.width.output, self.filters)

    @functools.cached_property
    def kernel_shape(self) -> Shape:
        """Shape of the kernel, the same for both layouts."""
        return (self.height.kernel, self.width.kernel, self.filters, self.in_channels)

    @functools.cached_property
    def multiply_adds(self) -> int:
        """Products that reach the output: the cost of the scatter."""
        pairs = self.batch * self.in_channels * self.filters
        return pairs * self.height.reached * self.width.reached

    def _shape(self, height: int, width: int, channels: int) -> Shape:
        if self.channels_first:
            return (self.batch, channels, height, width)
        return (self.batch, height, width, channels)


def channels_last(problem: Problem, array: Array) -> Array:
    """Return a view of ``array`` with the channels behind the image."""
    return array.transpose(0, 2, 3, 1) if problem.channels_first else array
