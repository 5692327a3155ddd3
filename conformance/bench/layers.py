"""The layers that are measured: classes from `sixteen` of well-known networks to those that are `held` back."""

from __future__ import annotations

import fnmatch
import math
import zlib
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from conformance.model.geometry import Axis
from conformance.model.lowering import Crop, crops
from conformance.model.values.codec import dtype_of

Pair = tuple[int, int]

_CLASSES = ("sixteen", "others", "growth", "shapes", "held")


def _pair(value: int | Sequence[int]) -> Pair:
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


def _pair_or_none(value: int | Sequence[int] | None) -> Pair | None:
    return None if value is None else _pair(value)


@attrs.frozen(kw_only=True)
class Layer:
    """One layer with its input: all that decides how long it takes.

    `series` and `value` say which size grows, and how far, in a series of growth. With `least`, every
    call has another height and width, from `least` to `size`.
    """

    name: str
    group: str
    batch: int
    size: Pair = attrs.field(converter=_pair)
    channels: int
    filters: int
    kernel_size: Pair = attrs.field(converter=_pair)
    strides: Pair = attrs.field(converter=_pair)
    padding: str
    data_format: str = "channels_last"
    dtype: str = "float32"
    series: str = ""
    value: int = 0
    least: Pair | None = attrs.field(converter=_pair_or_none, default=None)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The geometry of height and width."""
        both = [
            Axis(kernel, stride, 1, None, self.padding == "same")
            for kernel, stride in zip(self.kernel_size, self.strides)
        ]
        return both[0], both[1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Batch, height, width, channels; whatever the data format."""
        return (self.batch, *self.size, self.channels)

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """Kernel height, kernel width, filters, channels."""
        return (*self.kernel_size, self.filters, self.channels)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Batch, height, width, filters; whatever the data format."""
        lengths = [axis.output_length(n) for axis, n in zip(self.axes, self.size)]
        return (self.batch, *lengths, self.filters)

    @property
    def crops(self) -> tuple[Crop, Crop]:
        """What is cropped of the full result, or appended to it, in height and width."""
        return crops(self.axes, self.size)

    @property
    def how_many_sizes(self) -> int:
        """How many heights and widths calls may have; 1 where they do not change."""
        least = self.least or self.size
        return math.prod(most - low + 1 for low, most in zip(least, self.size))

    def sized(self, size: Pair) -> Layer:
        """Return the layer with this height and width alone."""
        return attrs.evolve(self, size=size, least=None)

    @property
    def middle(self) -> Layer:
        """The layer at the middle of its sizes."""
        least = self.least or self.size
        height, width = ((low + most) // 2 for low, most in zip(least, self.size))
        return self.sized((height, width))

    def sizes(self, start: int, count: int) -> list[Pair]:
        """Return some of the heights and widths in a drawn order, which is always the same.

        Args:
            start: the place of the first in that order.
            count: how many.

        Raises:
            ValueError: there are not so many.
        """
        if start + count > self.how_many_sizes:
            raise ValueError(f"{self.name} has {self.how_many_sizes} sizes, not {start + count}")
        order = np.random.default_rng(zlib.crc32(self.name.encode())).permutation(
            self.how_many_sizes
        )
        least = self.least or self.size
        columns = self.size[1] - least[1] + 1
        return [
            (least[0] + int(place) // columns, least[1] + int(place) % columns)
            for place in order[start : start + count]
        ]

    def flop(self, gradients: bool = False) -> int:
        """Multiplications and additions of products that reach the output.

        Both gradients (of the inputs and of the kernel) need as many again; a bias counts nothing.
        """
        taps = [
            _taps_inside(axis, length, crop.before)
            for axis, length, crop in zip(self.axes, self.size, self.crops)
        ]
        forward = 2 * self.batch * math.prod(taps) * self.channels * self.filters
        return forward * 2 if gradients else forward

    def bytes(self, gradients: bool = False) -> int:
        """Size of every array that is read or written, each once."""
        weights = math.prod(self.kernel_shape) + self.filters
        numbers = math.prod(self.input_shape) + weights + math.prod(self.output_shape)
        if gradients:
            numbers += math.prod(self.input_shape) + weights
        return numbers * dtype_of(self.dtype).itemsize

    def describe(self) -> str:
        """Sizes in one line."""
        n, _, _, c = self.input_shape
        h, w = (
            f"{most}" if low == most else f"{low}…{most}"
            for low, most in zip(self.least or self.size, self.size)
        )
        (kh, kw), (sh, sw) = self.kernel_size, self.strides
        kernel = f"{kh}×{kw}"  # noqa: RUF001
        strides = f"{sh}" if sh == sw else f"({sh}, {sw})"
        extra = [f", {self.data_format}"] if self.data_format != "channels_last" else []
        extra += [f", {self.dtype}"] if self.dtype != "float32" else []
        return (
            f"{n}×{h}×{w}×{c} → {self.filters}, {kernel} / {strides} {self.padding}{''.join(extra)}"  # noqa: RUF001
        )


def _taps_inside(axis: Axis, length: int, before: int) -> int:
    """Count pairs of an input row and a kernel row whose product is not cropped away."""
    end = before + axis.output_length(length)
    return sum(
        max(0, min(i * axis.stride + axis.kernel, end) - max(i * axis.stride, before))
        for i in range(length)
    )


def chosen(patterns: Sequence[str], dtype: str | None = None) -> list[Layer]:
    """Return the layers that match: names of classes, or patterns such as 'dcgan*'.

    Args:
        patterns: each one of the classes `sixteen`, `others`, `growth`, `shapes` and `held`, or a pattern
            of names. Layers that are held back match only patterns that begin with ``held``.
        dtype: for all of them, instead of each layer's own.

    Raises:
        ValueError: a pattern matches nothing.
    """
    found: dict[str, Layer] = {}
    for pattern in patterns:
        matching = [
            layer
            for layer in LAYERS
            if layer.group == pattern
            or (
                fnmatch.fnmatchcase(layer.name, pattern)
                and (layer.group != "held" or pattern.startswith("held"))
            )
        ]
        if not matching:
            names = ", ".join(
                layer.name for layer in LAYERS if layer.group not in ("growth", "held")
            )
            raise ValueError(
                f"--layers {pattern!r} matches no layer; there are {', '.join(_CLASSES)}, or patterns "
                f"of the names {names}, growth-*, held-*"
            )
        found.update((layer.name, layer) for layer in matching)
    layers = [layer for layer in LAYERS if layer.name in found]
    return [attrs.evolve(layer, dtype=dtype) if dtype else layer for layer in layers]


def _layer(
    name: str, group: str, input_shape: tuple[int, int, int, int], filters: int, kernel: Any,
    strides: Any, padding: str = "same", **others: Any,
) -> Layer:  # fmt: skip
    batch, height, width, channels = input_shape
    return Layer(
        name=name, group=group, batch=batch, size=(height, width), channels=channels,
        filters=filters, kernel_size=kernel, strides=strides, padding=padding, **others,
    )  # fmt: skip


#: Input (batch, height, width, channels), filters, kernel, strides and padding.
_SIXTEEN: dict[str, tuple[Any, ...]] = {
    "dcgan-1": ((16, 4, 4, 1024), 512, 5, 2),
    "dcgan-2": ((16, 8, 8, 512), 256, 5, 2),
    "dcgan-3": ((16, 16, 16, 256), 128, 5, 2),
    "dcgan-4": ((16, 32, 32, 128), 3, 5, 2),
    "pix2pix-middle": ((1, 16, 16, 512), 512, 4, 2),
    "pix2pix-late": ((1, 64, 64, 256), 64, 4, 2),
    "pix2pix-output": ((1, 128, 128, 128), 3, 4, 2),
    "unet-up-1": ((1, 28, 28, 1024), 512, 2, 2, "valid"),
    "unet-up-4": ((1, 196, 196, 128), 64, 2, 2, "valid"),
    "fcn-8x": ((1, 64, 64, 21), 21, 16, 8),
    "fcn-32x": ((1, 16, 16, 21), 21, 64, 32),
    "fsrcnn": ((1, 96, 96, 56), 1, 9, 3),
    "stride-1-3x3": ((4, 56, 56, 64), 64, 3, 1),
    "stride-1-5x5": ((1, 64, 64, 32), 32, 5, 1, "valid"),
    "tiny": ((1, 7, 7, 16), 8, 3, 2),
    "mnist-decoder": ((128, 7, 7, 64), 32, 3, 2),
}

_OTHERS: dict[str, tuple[Any, ...]] = {
    "one-input-channel": ((8, 32, 32, 1), 32, 5, 2),
    "one-output-channel": ((8, 64, 64, 32), 1, 3, 2),
    "kernel-1x9": ((2, 32, 64, 32), 32, (1, 9), 1),
    "kernel-9x1": ((2, 64, 32, 32), 32, (9, 1), (2, 1)),
    "kernel-below-stride": ((4, 32, 32, 32), 32, 2, 4, "valid"),
    "kernel-1x1": ((4, 56, 56, 64), 128, 1, 1, "valid"),
    "kernel-7x7-stride-1": ((1, 64, 64, 16), 16, 7, 1),
    "kernel-8x8-stride-4": ((1, 32, 32, 64), 64, 8, 4),
    "odd-channels": ((4, 30, 31, 37), 53, 3, 2),
    "input-1x1": ((64, 1, 1, 100), 256, 4, 1, "valid"),
    "input-1x1-wide": ((64, 1, 1, 128), 512, 4, 1, "valid"),
    "batch-1000": ((1000, 7, 7, 16), 16, 3, 2),
    "image-512": ((1, 512, 512, 16), 16, 3, 2),
    "image-512-to-3": ((1, 512, 512, 8), 3, 4, 2),
    "unequal-strides": ((4, 32, 24, 48), 40, (3, 4), (3, 1)),
}

#: Layers of another layout or number format than the rest.
_OTHER_FORMATS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "channels-first": (_SIXTEEN["dcgan-3"], {"data_format": "channels_first"}),
    "float64": (_SIXTEEN["dcgan-3"], {"dtype": "float64"}),
    "float16": (_SIXTEEN["dcgan-3"], {"dtype": "float16"}),
    "bfloat16": (_SIXTEEN["dcgan-3"], {"dtype": "bfloat16"}),
}

#: Images and audio of varying length: each call has a size that was not seen before. The second entry is
#: the smallest height and width, the first one has the largest.
_SHAPES: dict[str, tuple[tuple[Any, ...], Pair]] = {
    "shapes-images": (((1, 128, 128, 16), 16, 3, 2), (17, 17)),
    "shapes-audio": (((1, 1, 16000, 64), 32, (1, 8), (1, 4)), (1, 200)),
    "shapes-unet": (((1, 80, 80, 64), 32, 2, 2, "valid"), (9, 9)),
}

#: Unlike all others, and looked at only when tuning is over: what is tuned for these says nothing any more.
_HELD: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "held-stylegan-early": (((4, 16, 16, 512), 512, 3, 2), {}),
    "held-stylegan-late": (((1, 256, 256, 64), 32, 3, 2), {}),
    "held-super-resolution-1": (((1, 180, 320, 32), 1, 9, 4), {}),
    "held-super-resolution-8": (((1, 120, 160, 24), 8, 5, 2), {}),
    "held-vocoder-early": (((1, 1, 800, 512), 256, (1, 16), (1, 8)), {}),
    "held-vocoder-late": (((1, 1, 8192, 64), 32, (1, 4), (1, 2)), {}),
    "held-classes-19": (((2, 64, 128, 64), 19, 4, 2), {}),
    "held-classes-151": (((1, 32, 32, 151), 151, 8, 4), {}),
    "held-odd-sizes": (((3, 23, 41, 29), 47, (5, 3), (3, 2), "valid"), {}),
    "held-stride-3": (((2, 40, 40, 96), 64, 3, 3, "valid"), {}),
    "held-kernel-below-stride": (((2, 48, 48, 80), 24, (2, 3), (3, 4)), {}),
    "held-kernel-1x1": (((8, 28, 28, 256), 64, 1, 1), {}),
    "held-depth": (((1, 120, 160, 40), 1, 3, 1), {}),
    "held-batch-64": (((64, 8, 8, 96), 48, 4, 2), {}),
    "held-bfloat16": (((8, 14, 14, 192), 96, 3, 2), {"dtype": "bfloat16"}),
    "held-float64": (((2, 20, 28, 72), 36, 4, 2), {"dtype": "float64"}),
}

#: What grows in each series, and how far.
SERIES: dict[str, tuple[str, tuple[int, ...]]] = {
    "size": ("height × width", (16, 32, 64, 128, 256, 512)),  # noqa: RUF001
    "channels": ("channels in and out", (16, 32, 64, 128, 256, 512)),
    "kernel": ("side of the kernel", (2, 3, 5, 7, 9, 13, 17)),
    "batch": ("batch", (1, 2, 4, 8, 16, 32, 64, 128)),
}


def _growth(series: str, n: int) -> Layer:
    batch, size, channels, kernel = {
        "size": (1, n, 32, 3),
        "channels": (2, 16, n, 3),
        "kernel": (1, 64, 32, n),
        "batch": (n, 16, 64, 3),
    }[series]
    return _layer(
        f"growth-{series}-{n}", "growth", (batch, size, size, channels), channels, kernel, 2,
        series=series, value=n * n if series == "size" else n,
    )  # fmt: skip


LAYERS: tuple[Layer, ...] = (
    *(_layer(name, "sixteen", *sizes) for name, sizes in _SIXTEEN.items()),
    *(_layer(name, "others", *sizes) for name, sizes in _OTHERS.items()),
    *(_layer(name, "others", *sizes, **kw) for name, (sizes, kw) in _OTHER_FORMATS.items()),
    *(_growth(series, n) for series, (_, values) in SERIES.items() for n in values),
    *(_layer(name, "shapes", *sizes, least=least) for name, (sizes, least) in _SHAPES.items()),
    *(_layer(name, "held", *sizes, **kw) for name, (sizes, kw) in _HELD.items()),
)
