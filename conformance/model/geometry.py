"""The spatial arguments of a case, and the norm's formulas on one axis.

The formulas stand here a third time on purpose: neither implementation's own arithmetic may decide
whether it is right.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from conformance.model.values.codec import Array, Value


@attrs.frozen
class Axis:
    """One spatial axis: kernel size, stride, dilation rate, output padding (None: not given)."""

    kernel: int
    stride: int
    dilation: int
    output_padding: int | None
    same: bool

    @property
    def extent(self) -> int:
        """Positions that the kernel spans: (k - 1) * d + 1."""
        return (self.kernel - 1) * self.dilation + 1

    def full_length(self, length: int) -> int:
        """Return the length of the full result, nothing dropped, for an input of `length`, which may be 0."""
        return max((length - 1) * self.stride + self.extent, 0)

    def output_length(self, length: int) -> int:
        """Return the output's length for an input of `length` (SHAPE-01 to SHAPE-04)."""
        if self.output_padding is not None:
            pad = self.extent // 2 if self.same else 0
            return (length - 1) * self.stride + self.extent - 2 * pad + self.output_padding
        return length * self.stride + (0 if self.same else max(self.extent - self.stride, 0))

    def crop_before(self, length: int) -> int:
        """Return how many leading rows of the full result are dropped (PAD-01 to PAD-05)."""
        if not self.same:
            return 0
        return max((length - 1) * self.stride + self.extent - self.output_length(length), 0) // 2

    def forward_length(self, output_length: int) -> int:
        """Return the length that the forward convolution makes of the output (SHAPE-06)."""
        room = output_length if self.same else output_length - self.extent + 1
        return -(-room // self.stride)


@attrs.frozen
class Geometry:
    """What a case's constructor arguments say about space."""

    filters: int
    height: Axis
    width: Axis
    channels_first: bool
    use_bias: bool

    @staticmethod
    def of(arguments: Mapping[str, Value]) -> Geometry:
        """Read the constructor arguments of a case (well-formed ones: pairs or integers)."""
        kernel = _pair(arguments["kernel_size"])
        strides = _pair(arguments.get("strides", 1))
        dilation = _pair(arguments.get("dilation_rate", 1))
        extra = arguments.get("output_padding")
        output_padding = (None, None) if extra is None else _pair(extra)
        same = str(arguments.get("padding", "valid")).lower() == "same"
        axes = [Axis(kernel[i], strides[i], dilation[i], output_padding[i], same) for i in range(2)]
        data_format = str(arguments.get("data_format") or "channels_last").lower()
        return Geometry(
            filters=int(arguments["filters"]),
            height=axes[0],
            width=axes[1],
            channels_first=data_format == "channels_first",
            use_bias=bool(arguments.get("use_bias", True)),
        )

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Height and width."""
        return self.height, self.width

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """Where height and width stand in the case's own data format."""
        return (2, 3) if self.channels_first else (1, 2)

    @property
    def channel_axis(self) -> int:
        """Where the channels stand."""
        return 1 if self.channels_first else 3

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the output's shape in the case's own data format."""
        shape = list(input_shape)
        for axis, place in zip(self.axes, self.spatial_axes):
            shape[place] = axis.output_length(shape[place])
        shape[self.channel_axis] = self.filters
        return tuple(shape)

    def kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        """Return the kernel's shape: it does not depend on the data format (FMT-03)."""
        return (self.height.kernel, self.width.kernel, self.filters, channels)

    def terms(self, channels: int) -> int:
        """Return an upper bound of the products summed in one output element."""
        taps = 1
        for axis in self.axes:
            taps *= axis.kernel if axis.dilation > 1 else -(-axis.kernel // axis.stride)
        return taps * channels

    def to_channels_last(self, array: Array) -> Array:
        """Return a view of `array` (in the case's own format) as N, H, W, C."""
        return array.transpose(0, 2, 3, 1) if self.channels_first else array


def _pair(value: Value) -> tuple[int, int]:
    if isinstance(value, (list, tuple)):
        first, second = value
        return int(first), int(second)
    return int(value), int(value)
