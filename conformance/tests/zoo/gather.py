"""The layer in gather form: every output pixel collects the products that land on it.

A third implementation, written from the formula alone to show that the suite raises no false alarm: it
imports neither of the project's own. Where it has nothing to say it raises NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

DTYPES = ("float16", "bfloat16", "float32", "float64", "int32")


class Axis:
    """One spatial axis: which input pixel and which row of the kernel meet in an output pixel."""

    def __init__(self, layer: Gather, side: int, size: int) -> None:
        self.kernel, self.stride = layer.kernel_size[side], layer.strides[side]
        self.dilation, self.size = layer.dilation_rate, size
        reach = (self.kernel - 1) * self.dilation + 1
        whole = (size - 1) * self.stride + reach
        if layer.output_padding is not None:
            self.length = whole + layer.output_padding[side]
            if layer.padding == "same":
                self.length -= 2 * (reach // 2)
        elif layer.padding == "same":
            self.length = size * self.stride
        else:
            self.length = size * self.stride + max(reach - self.stride, 0)
        self.cropped = max(whole - self.length, 0) // 2 if layer.padding == "same" else 0

    def sources(self, place: int) -> Iterator[tuple[int, int]]:
        """Yield (input pixel, kernel row) of the products in output pixel `place`."""
        for row in range(self.kernel):
            pixel, rest = divmod(place + self.cropped - row * self.dilation, self.stride)
            if rest == 0 and 0 <= pixel < self.size:
                yield pixel, row


class Gather:
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        dilation_rate: Any = 1,
        output_padding: Any = None,
        dtype: str | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        if others:
            raise NotImplementedError(f"no {', '.join(sorted(others))}")
        self.filters = _only(filters, type(filters) is int and filters > 0, "filters")
        self.kernel_size = _pair(kernel_size, "kernel_size")
        self.strides = _pair(strides, "strides")
        self.padding = _only(padding, padding in ("valid", "same"), "padding")
        formats = ("channels_last", "channels_first")
        self.data_format = _only(data_format, data_format in formats, "data_format")
        plain = activation is None or callable(activation)
        self.activation = _only(activation, plain, "activation")
        self.use_bias = _only(use_bias, type(use_bias) is bool, "use_bias")
        rates = _pair(dilation_rate, "dilation_rate")
        self.dilation_rate = _only(rates, rates[0] == rates[1], "dilation_rate")[0]
        self.output_padding = output_padding
        if output_padding is not None:
            self.output_padding = _pair(output_padding, "output_padding", least=0)
            inside = all(o < s for o, s in zip(self.output_padding, self.strides))
            _only(output_padding, inside, "output_padding")
        alone = 1 in (self.dilation_rate, max(self.strides))
        _only(dilation_rate, alone, "dilation_rate with strides")
        self.dtype = _only(dtype or "float32", dtype is None or dtype in DTYPES, "dtype")
        self._weights: list[Any] | None = None

    def build(self, input_shape: Any) -> None:
        _only(input_shape, len(input_shape) == 4, "input_shape")

    def set_weights(self, weights: Any) -> None:
        _only(len(weights), len(weights) == 1 + self.use_bias, "number of weights")
        kernel = np.asarray(weights[0])
        fits = kernel.shape[:3] == (*self.kernel_size, self.filters)
        _only(kernel.shape, fits, "kernel shape")
        for weight in weights:
            _only(weight.dtype.name, weight.dtype.name == self.dtype, "cast of weights from")
        self._weights = [np.array(weight) for weight in weights]

    def get_weights(self) -> list[Any]:
        if self._weights is None:
            raise NotImplementedError("it makes no weights of its own")
        return [weight.copy() for weight in self._weights]

    @property
    def kernel(self) -> Any:
        return self.get_weights()[0]

    @property
    def bias(self) -> Any:
        return self.get_weights()[1] if self.use_bias else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int, ...]:
        sizes = input_shape if isinstance(input_shape, (tuple, list)) else ()
        known = len(sizes) == 4 and all(type(size) is int and size >= 0 for size in sizes)
        batch, height, width, _ = self._last(_only(input_shape, known, "input_shape"))
        rows, columns = Axis(self, 0, height), Axis(self, 1, width)
        shape = (batch, rows.length, columns.length, self.filters)
        return (
            shape if self.data_format == "channels_last" else tuple(shape[i] for i in (0, 3, 1, 2))
        )

    def __call__(self, inputs: Any) -> Any:
        images = self._images(inputs)
        kernel, *bias = self.get_weights()
        if images.shape[3] != kernel.shape[3]:
            raise ValueError(f"{images.shape[3]} channels, the kernel is for {kernel.shape[3]}")
        batch, height, width, channels = images.shape
        rows, columns = Axis(self, 0, height), Axis(self, 1, width)
        outputs = np.zeros((batch, rows.length, columns.length, self.filters), images.dtype)
        for row in range(rows.length):
            for column in range(columns.length):
                met = [
                    (images[:, i, j], kernel[a, b].T)
                    for i, a in rows.sources(row)
                    for j, b in columns.sources(column)
                ]
                # Last tap first, products of a tap summed in the dtype itself.
                for pixels, tap in reversed(met):
                    for channel in range(channels):
                        outputs[:, row, column] += pixels[:, channel, None] * tap[channel]
        if bias:
            outputs += bias[0]
        if self.data_format == "channels_first":
            outputs = np.ascontiguousarray(outputs.transpose(0, 3, 1, 2))
        return outputs if self.activation is None else self.activation(outputs)

    def gradients(self, inputs: Any, output_gradient: Any) -> tuple[Any, Any, Any]:
        _only(self.activation, self.activation is None, "gradient of an activation")
        images = self._images(inputs)
        upstream = self._images(output_gradient)
        kernel = self.kernel
        by_images, by_kernel = np.zeros_like(images), np.zeros_like(kernel)
        rows, columns = Axis(self, 0, images.shape[1]), Axis(self, 1, images.shape[2])
        for row in range(rows.length):
            for column in range(columns.length):
                pixels = upstream[:, row, column]
                for i, a in rows.sources(row):
                    for j, b in columns.sources(column):
                        by_images[:, i, j] += pixels @ kernel[a, b]
                        by_kernel[a, b] += pixels.T @ images[:, i, j]
        if self.data_format == "channels_first":
            by_images = np.ascontiguousarray(by_images.transpose(0, 3, 1, 2))
        return by_images, by_kernel, upstream.sum((0, 1, 2)) if self.use_bias else None

    def _images(self, array: Any) -> Any:
        array = np.asarray(array)
        _only(array.shape, array.ndim == 4, "rank")
        _only(array.dtype.name, array.dtype.name in DTYPES, "dtype")
        _only(array.dtype.name, array.dtype == self.kernel.dtype, "dtype unlike the kernel's")
        return array if self.data_format == "channels_last" else array.transpose(0, 2, 3, 1)

    def _last(self, shape: Any) -> tuple[int, ...]:
        order = (0, 1, 2, 3) if self.data_format == "channels_last" else (0, 2, 3, 1)
        return tuple(shape[place] for place in order)


def _only(value: Any, condition: bool, what: str) -> Any:
    if not condition:
        raise NotImplementedError(f"no {what} {value!r}")
    return value


def _pair(value: Any, what: str, least: int = 1) -> tuple[int, int]:
    pair = (value, value) if type(value) is int else value
    fits = isinstance(pair, (tuple, list)) and len(pair) == 2
    fits = fits and all(type(item) is int and item >= least for item in pair)
    return tuple(_only(pair, fits, what))
