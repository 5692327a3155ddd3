"""Layer configurations: what the geometry of a case may be.

The draws are ordered so that shrinking removes the batch first, then channels, size, stride and kernel.
Height differs from width, filters from input channels, and so on, unless a case asks for equality:
an exchange of two axes must never go unseen.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from conformance.cases.drawn.data import position_coded
from conformance.model import steps
from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array


@attrs.frozen
class Configuration:
    """Geometry, layout and dtype of a layer and its input."""

    batch: int
    in_channels: int
    filters: int
    size: tuple[int, int]
    strides: tuple[int, int]
    kernel_size: tuple[int, int]
    padding: str = "valid"
    data_format: str = "channels_last"
    dilation_rate: int = 1
    output_padding: tuple[int, int] | None = None
    use_bias: bool = True
    dtype: str = "float32"

    def arguments(self, **more: Any) -> dict[str, Any]:
        """Return constructor arguments; what the page has as default is left out."""
        given: dict[str, Any] = {
            "filters": self.filters,
            "kernel_size": _shortest(self.kernel_size),
        }
        if self.strides != (1, 1):
            given["strides"] = _shortest(self.strides)
        if self.padding != "valid":
            given["padding"] = self.padding
        if self.data_format != "channels_last":
            given["data_format"] = self.data_format
        if self.dilation_rate != 1:
            given["dilation_rate"] = self.dilation_rate
        if self.output_padding is not None:
            given["output_padding"] = list(self.output_padding)
        if not self.use_bias:
            given["use_bias"] = False
        if self.dtype != "float32":
            given["dtype"] = self.dtype
        return {**given, **more}

    @property
    def geometry(self) -> Geometry:
        """The spatial arguments."""
        return Geometry.of(self.arguments())

    def input_shape(
        self, batch: int | None = None, size: tuple[int, int] | None = None
    ) -> tuple[int, ...]:
        """Return the input's shape in the configuration's own data format."""
        n = self.batch if batch is None else batch
        height, width = self.size if size is None else size
        if self.data_format == "channels_first":
            return (n, self.in_channels, height, width)
        return (n, height, width, self.in_channels)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The output's shape in the configuration's own data format."""
        return self.geometry.output_shape(self.input_shape())

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """The kernel's shape: height, width, filters, input channels."""
        return self.geometry.kernel_shape(self.in_channels)

    @property
    def terms(self) -> int:
        """An upper bound of the products in one output element."""
        return self.geometry.terms(self.in_channels)

    def weights(self, kernel: Array, bias: Array | None = None) -> tuple[steps.Step, steps.Step]:
        """Return the steps that create the weights and set them."""
        if bias is None:
            bias = position_coded((self.filters,), self.dtype, start=3)
        values = (kernel, bias) if self.use_bias else (kernel,)
        return steps.Build(self.input_shape()), steps.SetWeights(values)


@st.composite
def configurations(
    draw: st.DrawFn,
    *,
    dtypes: tuple[str, ...] = ("float32",),
    largest_kernel: int = 5,
    largest_size: int = 5,
    plain: bool = False,
) -> Configuration:
    """Draw a configuration that TensorFlow accepts.

    Args:
        draw: Hypothesis' own.
        dtypes: dtypes to choose from.
        largest_kernel: longest kernel side.
        largest_size: longest image side.
        plain: without dilation and output padding, channels_last.
    """
    batch = draw(st.integers(1, 3))
    alike = draw(st.integers(0, 9)) == 9
    in_channels, filters = _unequal_pair(draw, 3, alike)
    height, width = _unequal_pair(draw, largest_size, alike)
    stride_height, stride_width = _unequal_pair(draw, 4, alike)
    kernel_height, kernel_width = _unequal_pair(draw, largest_kernel, alike)
    padding = draw(st.sampled_from(("valid", "same")))
    data_format, dilation, output_padding = "channels_last", 1, None
    if not plain:
        data_format = draw(st.sampled_from(("channels_last", "channels_first")))
        extra = draw(st.sampled_from(("none", "output padding", "dilation")))
        if extra == "dilation":
            stride_height = stride_width = 1
            dilation = draw(st.integers(2, 3))
        elif extra == "output padding":
            output_padding = (
                _output_padding(draw, kernel_height, stride_height, padding),
                _output_padding(draw, kernel_width, stride_width, padding),
            )
            if None in output_padding:
                output_padding = None
    return Configuration(
        batch=batch,
        in_channels=in_channels,
        filters=filters,
        size=(height, width),
        strides=(stride_height, stride_width),
        kernel_size=(kernel_height, kernel_width),
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation,
        output_padding=output_padding,  # type: ignore[arg-type]
        use_bias=draw(st.integers(0, 3)) != 3,
        dtype=draw(st.sampled_from(dtypes)),
    )


def _unequal_pair(draw: st.DrawFn, largest: int, alike: bool) -> tuple[int, int]:
    first = draw(st.integers(1, largest))
    if alike:
        return first, first
    return first, draw(st.integers(1, largest + 1).filter(lambda second: second != first))


def _output_padding(draw: st.DrawFn, kernel: int, stride: int, padding: str) -> int | None:
    """Draw a legal output padding for one axis; None where there is none."""
    # TensorFlow fails at run time for `same`, an even kernel and 0 (ARG-14).
    least = 1 if padding == "same" and kernel % 2 == 0 else 0
    return draw(st.integers(least, stride - 1)) if least < stride else None


def _shortest(pair: tuple[int, int]) -> Any:
    return pair[0] if pair[0] == pair[1] else list(pair)
