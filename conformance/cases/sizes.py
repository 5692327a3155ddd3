"""Cases around the sizes at which kernels change their ways: vectors, tiles, buffers, caches.

A case is large along a few axes and small along the others, so that loops can still run it. `many` has every
boundary of every axis in both data formats and both paddings, for the output and for each gradient, with integers
and with real numbers in turn; `size_cases` draws others; `smallest` makes the smallest failing case of one that
failed, axis by axis.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import nonzero_integers, reals
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array
from conformance.model.values.dtypes import SIGNIFICAND_BITS

FAMILY = "sizes"
#: Dtypes whose gradients are asked for, too.
TRAINED = ("float32", "float64")

_POWERS = (4, 8, 16, 32, 64, 128)
_SIZES = (*(n + d for n in _POWERS for d in (-1, 0, 1) if n + d > 3), 257)
_KERNELS = (5, 7, 8, 9, 11, 12, 15, 16, 17)
_STRIDES = (5, 7, 8, 9, 16)
_IMAGE = ("batch", "height", "width", "in_channels", "filters")
#: The values to be seen of every axis, a field of `Layer`.
BOUNDARIES: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(_IMAGE, _SIZES),
    "kernel_height": _KERNELS,
    "kernel_width": _KERNELS,
    "stride_height": _STRIDES,
    "stride_width": _STRIDES,
    "dilation": (4, 5, 6, 8),
    "extra_height": (4, 8),
    "extra_width": (4, 8),
}
#: What dtypes beside float32, and activations, must show: a vector, a tile, a buffer that is too small.
_FEW: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(_IMAGE, (5, 9, 17, 33, 65, 129)),
    "kernel_height": (8, 16),
    "kernel_width": (8, 16),
    "stride_height": (5,),
    "stride_width": (5,),
    "dilation": (4,),
}
#: What fills vectors and tiles.
_WHOLE: Mapping[str, Sequence[int]] = {**_FEW, **dict.fromkeys(_IMAGE, (8, 16, 64))}
#: Most products of one case.
_PRODUCTS = 60_000


@attrs.frozen(kw_only=True)
class Layer:
    """A configuration with one number for each axis; `extra` is the output padding."""

    batch: int = 1
    in_channels: int = 1
    filters: int = 1
    height: int = 1
    width: int = 1
    kernel_height: int = 1
    kernel_width: int = 1
    stride_height: int = 1
    stride_width: int = 1
    dilation: int = 1
    extra_height: int | None = None
    extra_width: int | None = None
    padding: str = "valid"
    data_format: str = "channels_last"
    use_bias: bool = True
    dtype: str = "float32"
    activation: str | None = None

    @staticmethod
    def of(case: Case) -> Layer:
        """Return the layer of a case of this family."""
        geometry = Geometry.of(case.arguments)
        call = next(s for s in case.steps if isinstance(s, (steps.Call, steps.Gradients)))
        batch, height, width, channels = geometry.to_channels_last(call.inputs).shape
        tall, wide = geometry.axes
        return Layer(
            batch=batch, height=height, width=width, in_channels=channels, filters=geometry.filters,
            kernel_height=tall.kernel, kernel_width=wide.kernel, stride_height=tall.stride,
            stride_width=wide.stride, dilation=tall.dilation, extra_height=tall.output_padding,
            extra_width=wide.output_padding, padding="same" if tall.same else "valid",
            data_format="channels_first" if geometry.channels_first else "channels_last",
            use_bias=geometry.use_bias, dtype=call.inputs.dtype.name, activation=case.argument("activation"),
        )  # fmt: skip

    @property
    def is_legal(self) -> bool:
        """Whether TensorFlow accepts the layer."""
        if self.dilation > 1 and max(self.stride_height, self.stride_width) > 1:
            return False
        if (self.extra_height is None) != (self.extra_width is None):
            return False
        for axis in self.configuration.geometry.axes:
            extra = axis.output_padding
            # TensorFlow fails at run time for `same`, an even kernel and 0 (ARG-14).
            least = 1 if axis.same and axis.extent % 2 == 0 else 0
            if extra is not None and not least <= extra < axis.stride:
                return False
        return min(self.configuration.output_shape) > 0

    @property
    def configuration(self) -> Configuration:
        """The layer as other families know it."""
        extra = None
        if self.extra_height is not None and self.extra_width is not None:
            extra = (self.extra_height, self.extra_width)
        return Configuration(
            batch=self.batch, in_channels=self.in_channels, filters=self.filters, size=(self.height, self.width),
            strides=(self.stride_height, self.stride_width), kernel_size=(self.kernel_height, self.kernel_width),
            padding=self.padding, data_format=self.data_format, dilation_rate=self.dilation, output_padding=extra,
            use_bias=self.use_bias, dtype=self.dtype,
        )  # fmt: skip

    @property
    def products(self) -> int:
        """About what loops cost, in products: a pixel that meets a tap costs as much as eight."""
        pixels = self.batch * self.height * self.width
        outputs = (self.height * self.stride_height + self.kernel_height) * (
            self.width * self.stride_width + self.kernel_width
        )
        taps = self.kernel_height * self.kernel_width
        return (
            pixels * taps * (8 + self.in_channels * self.filters)
            + self.batch * outputs * self.filters
        )

    def case(self, seed: int, *, real: bool = False, asked: Sequence[str] = ()) -> Case:
        """Return the case: the call and, where the dtype is trained, the gradients.

        Args:
            seed: of the data.
            real: normally distributed numbers instead of integers whose sums are exact.
            asked: the steps to ask for, of `call` and `gradients`; all of them where it is empty.
        """
        c = self.configuration
        largest = [_largest(c.dtype, c.terms)] * 4
        if c.dtype == "int32":  # one of two factors beyond 16 bits, and sums beyond 24
            largest[seed % 2] = max(largest[0], (2**31 - 2**10) // (largest[0] * c.terms))

        def made(shape: tuple[int, ...], number: int) -> Array:
            if real:
                return reals(shape, seed + number, c.dtype)
            return nonzero_integers(shape, seed + number, c.dtype, largest[number])

        inputs, kernel = made(c.input_shape(), 0), made(c.kernel_shape, 1)
        possible: dict[str, steps.Step] = {"call": steps.Call(inputs)}
        if self.dtype in TRAINED and self.activation is None:
            possible["gradients"] = steps.Gradients(inputs, made(c.output_shape, 3))
        more = {} if self.activation is None else {"activation": self.activation}
        chosen = [step for name, step in possible.items() if not asked or name in asked]
        weights = c.weights(kernel, made((c.filters,), 2))
        return Case(FAMILY, c.arguments(**more), (*weights, *chosen))


def _largest(dtype_name: str, terms: int) -> int:
    """Return how large integers may be so that sums of `terms` products of two are exact."""
    limit = 2.0 ** SIGNIFICAND_BITS.get(dtype_name, 24) - 3
    return max(1, min(3, math.isqrt(int(limit / max(terms, 1)))))


def _is_exact(layer: Layer) -> bool:
    """Whether integers of 1 alone sum exactly."""
    return layer.configuration.terms + 1 <= 2.0 ** SIGNIFICAND_BITS.get(layer.dtype, 31)


class _Choice:
    """Picks that are the same in every release of Python."""

    def __init__(self, seed: int) -> None:
        self._generator = random.Random(seed)

    def of(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._generator.random() * len(choices))]

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        return sorted(items, key=lambda _: self._generator.random())


def _layer(large: Mapping[str, int], choice: _Choice, **fixed: Any) -> Layer:
    """Return a layer with the given sizes, and small ones that differ along the other axes."""
    small: dict[str, Any] = {
        name: choice.of((1, 1, 2, 3)) for name in (*_IMAGE, "kernel_height", "kernel_width")
    }
    small |= {"stride_height": choice.of((1, 2)), "stride_width": choice.of((1, 2, 3))}
    sizes = {**small, **large}
    if sizes.get("dilation", 1) > 1:
        sizes |= {"stride_height": 1, "stride_width": 1}
        # A single tap has no dilation.
        sizes |= {name: max(sizes[name], 2) for name in ("kernel_height", "kernel_width")}
    for side in ("height", "width"):
        if f"extra_{side}" in large:
            other = "width" if side == "height" else "height"
            sizes[f"stride_{side}"] = max(sizes[f"stride_{side}"], large[f"extra_{side}"] + 1)
            # The other side gets one that fits any kernel.
            sizes[f"stride_{other}"] = max(sizes[f"stride_{other}"], 2)
            sizes.setdefault(f"extra_{other}", 1)
    return Layer(**sizes, **fixed, use_bias=choice.of((True, True, True, False)))


def _packed(
    boundaries: Mapping[str, Sequence[int]], choice: _Choice, **fixed: Any
) -> Iterator[Layer]:
    """Yield few layers that together show every boundary, several at a time where that stays cheap."""
    waiting = {name: sorted(values, reverse=True) for name, values in boundaries.items()}
    while any(waiting.values()):
        large: dict[str, int] = {}
        layer = None
        # The axis with most boundaries left comes first, so that none is left for the end.
        for name in sorted(choice.shuffled([*waiting]), key=lambda name: -len(waiting[name])):
            if not large.keys().isdisjoint(_UNLIKE.get(name, ())):
                continue
            for size in waiting[name]:
                tried = _layer({**large, name: size}, choice, **fixed)
                is_cheap = tried.products <= _PRODUCTS or not large
                if is_cheap and tried.is_legal and _is_exact(tried):
                    large[name], layer = size, tried
                    break
        if layer is None:  # what no exact layer can show in this dtype
            return
        for name, size in large.items():
            waiting[name].remove(size)
        yield layer


#: Axes of which one forbids the other, or decides about it.
_EXTRAS = ("extra_height", "extra_width", "stride_height", "stride_width")
_UNLIKE: Mapping[str, tuple[str, ...]] = {
    "dilation": _EXTRAS,
    **{name: ("dilation", *(other for other in _EXTRAS if other != name)) for name in _EXTRAS[:2]},
    **dict.fromkeys(_EXTRAS[2:], ("dilation", *_EXTRAS[:2])),
}


def _pairs(choice: _Choice, rotation: Iterator[Mapping[str, Any]]) -> Iterator[Layer]:
    """Yield layers that are large along two axes of the image or the kernel's channels at once."""
    for one, other in itertools.combinations(_IMAGE, 2):
        for size in (9, 18, 33, 65):
            # As small along the others as may be; the two sizes differ.
            large = {**dict.fromkeys(_IMAGE, 1), one: size, other: size - 2}
            kernel = {"kernel_height": choice.of((1, 2)), "kernel_width": 2}
            yield _layer({**large, **kernel}, choice, **next(rotation))


#: Kernel sides and strides for which libraries have paths of their own: a matrix product, pixels to depth, tiles.
_QUICK = ((1, 1), (2, 2), (3, 1), (3, 2), (4, 2), (4, 4), (5, 2))


def _quick_paths() -> Iterator[Layer]:
    """Yield square kernels and strides as users have them, with more than one image and many channels."""
    # What is left of tiles of 4 is each number once along both axes; of two sizes both sides are odd.
    sizes = ((9, 7), (6, 8), (7, 5), (8, 6))
    for number, (kernel, stride) in enumerate(_QUICK):
        for place, (height, width) in enumerate(sizes):
            # A kernel meets both paddings with odd sizes; every size meets all formats and paddings.
            combination = _COMBINATIONS[(0, 1, 3, 2)[place] ^ (number % 4)]
            # Where pixels are the rows of one matrix, tiles of 4 leave 1 and 3 of all images together.
            batch = (3, 2, 5, 2)[place] if kernel == 1 else 2
            channels, filters = (17, 5) if place == 0 else (9, 10)
            yield Layer(
                batch=batch, height=height, width=width, in_channels=channels, filters=filters,
                kernel_height=kernel, kernel_width=kernel, stride_height=stride, stride_width=stride,
                **combination,
            )  # fmt: skip


def _quick_paths_elsewhere() -> Iterator[Layer]:
    """Yield such kernels and strides with one long axis each, and in the other dtypes."""
    combinations = itertools.cycle(_COMBINATIONS)
    for kernel, stride in _QUICK:
        sides: dict[str, Any] = {
            "kernel_height": kernel, "kernel_width": kernel, "stride_height": stride, "stride_width": stride,
        }  # fmt: skip
        for name in _IMAGE:
            long: dict[str, Any] = {"height": 2, "filters": 2, name: 131}
            yield Layer(**long, **sides, **next(combinations))
        next(combinations)
        for dtype in ("float64", "float16", "bfloat16", "int32"):
            # TensorFlow 2.9 adds no bias in bfloat16.
            yield Layer(
                batch=2, height=4, width=5, in_channels=5, filters=3, dtype=dtype, use_bias=dtype != "bfloat16",
                **sides, **next(combinations),
            )  # fmt: skip


def _upsampling() -> Iterator[Layer]:
    """Yield kernels as long as the stride, or twice as long: what undoes patches, and what interpolates."""
    for number, stride in enumerate((*range(3, 17), 20, 24, 32)):
        for kernel in sorted({stride, 2 * stride - stride % 2, 2 * stride}):
            # Each with both paddings, in either format.
            for combination in (_COMBINATIONS[number % 2], _COMBINATIONS[3 - number % 2]):
                yield Layer(
                    height=1, width=2, in_channels=2, kernel_height=kernel, kernel_width=kernel,
                    stride_height=stride, stride_width=stride, **combination,
                )  # fmt: skip


def _beyond_counters() -> Iterator[Layer]:
    """Yield axes longer than 16 bits count, and rows longer than the integers that float16 has."""
    formats = itertools.cycle(("channels_first", "channels_last"))
    for name in ("batch", "width", "in_channels", "filters"):
        long: dict[str, Any] = {name: 2**16 + 1}
        yield Layer(**long, data_format=next(formats))
    for data_format in ("channels_first", "channels_last"):
        yield Layer(
            height=2, width=1030, kernel_width=3, stride_width=2, dtype="float16", data_format=data_format,
        )  # fmt: skip
        yield Layer(
            height=1030, width=2, kernel_height=3, stride_height=2, dtype="float16", data_format=data_format,
        )  # fmt: skip


def _above_caches() -> Iterator[Layer]:
    """Yield layers with one array above 32 kB, and above 1 MB, that loops run in less than a second."""
    formats = itertools.cycle(("channels_first", "channels_last"))
    for many in (100, 520):
        channels = 33 if many == 100 else 66
        # The output, the input, the kernel.
        yield Layer(
            batch=1, height=4, width=8, in_channels=1, filters=many, kernel_height=3, kernel_width=2,
            stride_height=4, stride_width=4, data_format=next(formats),
        )  # fmt: skip
        yield Layer(
            height=channels // 4, width=32, in_channels=many, filters=1, kernel_width=2, padding="same",
            data_format=next(formats),
        )  # fmt: skip
        yield Layer(
            height=1, width=2, in_channels=many, filters=channels, kernel_height=3, kernel_width=4,
            data_format=next(formats), padding="same", stride_height=2,
        )  # fmt: skip


def _divided() -> Iterator[Layer]:
    """Yield layers of more than a million multiply-adds, which libraries divide among threads.

    One is like a layer within a network; one is a single image; one has few filters, and one few channels.
    """
    yield Layer(
        batch=5, height=7, width=9, in_channels=17, filters=11, kernel_height=5, kernel_width=4, stride_height=2,
    )  # fmt: skip
    yield Layer(
        height=24, width=23, in_channels=17, filters=13, kernel_height=3, kernel_width=3, stride_width=2,
        padding="same", data_format="channels_first",
    )  # fmt: skip
    yield Layer(
        batch=3, height=24, width=25, in_channels=33, filters=2, kernel_height=3, kernel_width=3,
        stride_height=2, stride_width=2, padding="same", dtype="float64",
    )  # fmt: skip
    yield Layer(
        batch=3, height=12, width=13, in_channels=5, filters=29, kernel_height=4, kernel_width=4,
        stride_height=4, stride_width=4, data_format="channels_first",
    )  # fmt: skip
    # More than 8,192 pixels, cut between the images.
    for data_format in ("channels_last", "channels_first"):
        yield Layer(
            batch=19, height=23, width=25, filters=2, kernel_height=2, kernel_width=2, stride_height=2,
            stride_width=2, data_format=data_format,
        )  # fmt: skip


def _long_gradients() -> Iterator[Layer]:
    """Yield layers whose output gradient is cut: a row of more than a million numbers, an image above 8 MB.

    Few pixels and taps make it large, so that loops run them. An output of that size would be no answer.
    """
    row = Layer(width=3, filters=512, stride_width=1025, use_bias=False)
    yield from (row, attrs.evolve(row, data_format="channels_first"))
    yield attrs.evolve(row, height=4, filters=140, kernel_height=2)


def _short_axes() -> Iterator[Layer]:
    """Yield one or two pixels along an axis with every kernel, stride, dilation and padding of a few.

    Both axes of a layer are such, so that each combination is seen of the height and of the width.
    """
    choice = _Choice(23)
    strides, formats = (1, 2, 3), itertools.cycle(("channels_last", "channels_first"))
    axes = [(*axis, None) for axis in itertools.product((1, 2), (1, 2, 3, 4, 5), strides)]
    told = itertools.product((1, 2), (2, 3, 4), ((2, 1), (3, 1), (3, 2)))
    axes_told = [(size, kernel, *stride_and_extra) for size, kernel, stride_and_extra in told]
    for padding in ("valid", "same"):
        # A stride of 1 is one of both axes, as where there is a path of its own for it.
        for group in (axes[::3], [axis for axis in axes if axis[2] > 1], axes_told):
            for (height, rows, down, lower), (width, columns, right, further) in zip(
                choice.shuffled(group), choice.shuffled(group)
            ):
                yield Layer(
                    batch=2, height=height, width=width, in_channels=2, filters=3, kernel_height=rows,
                    kernel_width=columns, stride_height=down, stride_width=right, extra_height=lower,
                    extra_width=further, padding=padding, data_format=next(formats),
                )  # fmt: skip
        dilated = choice.shuffled([*itertools.product((1, 2, 3), (2, 3, 4))])
        for (height, rows), (width, columns) in zip(dilated, choice.shuffled(dilated)):
            yield Layer(
                batch=2, height=height, width=width, in_channels=2, filters=3, kernel_height=rows,
                kernel_width=columns, dilation=choice.of((2, 3)), padding=padding,
                data_format=next(formats),
            )  # fmt: skip


def _decoders() -> Iterator[Layer]:
    """Yield layers that double an image exactly, by an output padding of 1."""
    for kernel in (3, 4, 5):
        for data_format in ("channels_last", "channels_first"):
            yield Layer(
                batch=2, height=5, width=6, in_channels=3, filters=2, kernel_height=kernel, kernel_width=kernel,
                stride_height=2, stride_width=2, extra_height=1, extra_width=1, padding="same",
                data_format=data_format,
            )  # fmt: skip


#: Beside the tiles that are no powers of two: of 6, 7, 12, 14, 24, 28 and 48 they leave 1, or all but one.
_BETWEEN: Mapping[str, Sequence[int]] = dict.fromkeys(_IMAGE, (23, 25, 27, 41, 49))
#: Of vectors of four they leave three.
_THREES: Mapping[str, Sequence[int]] = dict.fromkeys(_IMAGE, (7, 11, 19))


def _between() -> Iterator[Layer]:
    """Yield sizes that are no neighbours of powers of two, and kernels for which libraries use transforms."""
    choice = _Choice(21)
    for combination in (_COMBINATIONS[0], _COMBINATIONS[3]):
        yield from _packed(_BETWEEN, choice, **combination)
        data_format = combination["data_format"]
        yield Layer(
            height=16, width=2, kernel_height=9, kernel_width=2, filters=2, data_format=data_format
        )
        yield Layer(
            height=2,
            width=32,
            kernel_height=2,
            kernel_width=11,
            padding="same",
            data_format=data_format,
        )
        yield Layer(
            height=2, width=2, in_channels=3, filters=49, kernel_height=2, kernel_width=2,
            data_format=data_format,
        )  # fmt: skip
        # More pixels than 16 bits count.
        yield Layer(
            height=33, width=34, kernel_height=2, kernel_width=1, stride_height=8, stride_width=8,
            data_format=data_format,
        )  # fmt: skip
    # Beyond 24 bits, and many channels.
    yield Layer(height=2, width=3, in_channels=34, filters=2, dtype="int32")


_COMBINATIONS: Sequence[Mapping[str, Any]] = [
    {"data_format": data_format, "padding": padding}
    for data_format in ("channels_last", "channels_first")
    for padding in ("valid", "same")
]


def few() -> tuple[Case, ...]:
    """Return the cases that every run begins with: a size beyond each common limit, in both data formats."""
    choice = _Choice(19)
    layers = [
        layer
        for combination in (_COMBINATIONS[1], _COMBINATIONS[2])
        for layer in _packed(_FEW, choice, **combination)
    ]
    return tuple(layer.case(seed) for seed, layer in enumerate(layers))


def many() -> tuple[Case, ...]:
    """Return every boundary of every axis, in both data formats, both paddings and the dtypes; caches."""
    choice, rotation = _Choice(20), itertools.cycle(_COMBINATIONS)
    layers: list[Layer] = []
    rounding: list[Layer] = []
    for number, combination in enumerate(_COMBINATIONS):
        # In both formats and paddings: integers show where a product lands, real numbers how it is rounded.
        one, other = (layers, rounding) if number in (0, 3) else (rounding, layers)
        one += _packed(BOUNDARIES, choice, **combination)
        other += _packed(_FEW, choice, **combination, dtype="float64")
    layers += (layer for layer in _pairs(choice, rotation) if layer.is_legal)
    for dtype, sizes in (("float16", _FEW), ("bfloat16", _FEW), ("int32", _FEW), ("int32", _WHOLE)):
        layers += _packed(sizes, choice, **next(rotation), dtype=dtype)
    for combination in (_COMBINATIONS[1], _COMBINATIONS[2]):
        layers += _packed(_FEW, choice, **combination, activation="relu")
    layers += (_layer({name: 1025}, choice, **next(rotation)) for name in _IMAGE)
    layers += _above_caches()
    layers += _quick_paths()
    # More taps than a byte counts.
    layers += (
        Layer(height=2, width=3, kernel_height=17, kernel_width=16, filters=2, data_format=name)
        for name in ("channels_last", "channels_first")
    )
    # More phases than a table of 16 has.
    layers += (
        Layer(
            height=2,
            width=3,
            kernel_height=3,
            kernel_width=19,
            stride_height=33,
            stride_width=18,
            data_format=name,
        )
        for name in ("channels_last", "channels_first")
    )
    layers += (*_decoders(), *_between())
    # In float64 a vector is half as long, and has tails and loops of its own.
    double = Layer(
        height=15, width=23, in_channels=3, filters=5, kernel_height=3, kernel_width=3, stride_height=2,
        stride_width=2, dtype="float64",
    )  # fmt: skip
    layers += (double, attrs.evolve(double, activation="relu", data_format="channels_first"))
    layers += _divided()
    layers += (layer for layer in _short_axes() if layer.is_legal)
    layers += (*_quick_paths_elsewhere(), *_upsampling(), *_beyond_counters())
    threes = _Choice(22)
    for combination in (_COMBINATIONS[1], _COMBINATIONS[2]):
        rounding += _packed(_THREES, threes, **combination, dtype="float64")
    return (
        *(layer.case(seed) for seed, layer in enumerate(layers, start=100)),
        *(layer.case(seed, real=True) for seed, layer in enumerate(rounding, start=1000)),
        *(layer.case(seed, asked=("gradients",)) for seed, layer in enumerate(_long_gradients())),
    )


@st.composite
def size_cases(draw: st.DrawFn) -> Case:
    """Layers that are large along up to three axes, at a boundary or between two."""
    names = draw(st.lists(st.sampled_from(sorted(BOUNDARIES)), min_size=2, max_size=3, unique=True))
    choice = _Choice(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from(("float32", "float32", "float64", "float16", "int32")))
    fixed = {
        "data_format": draw(st.sampled_from(("channels_last", "channels_first"))),
        "padding": draw(st.sampled_from(("valid", "same"))),
        "dtype": dtype,
    }
    real = dtype != "int32" and draw(st.booleans())
    large: dict[str, int] = {}
    layer = _layer({}, choice, **fixed)
    for name in names:
        if large.keys().isdisjoint(_UNLIKE.get(name, ())):
            size = draw(st.integers(4, 140 if name in _IMAGE else max(BOUNDARIES[name])))
            while size >= 4 and name not in large:  # half of what is too much
                tried = _layer({**large, name: size}, choice, **fixed)
                if tried.is_legal and tried.products <= _PRODUCTS and _is_exact(tried):
                    large[name], layer = size, tried
                size //= 2
    return layer.case(choice.of(range(2**16)), real=real)


#: The axes in the order in which they are made small, each with its least value.
_LEAST: Mapping[str, int] = {
    "batch": 1, "height": 1, "width": 1, "in_channels": 1, "filters": 1, "dilation": 1, "kernel_height": 1,
    "kernel_width": 1, "extra_height": 0, "extra_width": 0, "stride_height": 1, "stride_width": 1,
}  # fmt: skip
#: What else is made plain.
_PLAIN: tuple[dict[str, Any], ...] = (
    {"extra_height": None, "extra_width": None},
    {"padding": "valid"},
    {"data_format": "channels_last"},
    {"use_bias": False},
)


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Return the smallest case like `case` that fails: axis by axis, by bisection, until nothing gets smaller.

    It is `case` itself where the same layer does not fail with other data.
    """
    given = [s for s in case.steps if isinstance(s, (steps.Call, steps.Gradients))]
    real = any(not np.array_equal(s.inputs, np.round(s.inputs.astype(np.float64))) for s in given)
    asked: Sequence[str] = [step.tag for step in given]
    known: dict[Layer, bool] = {}

    def broken(layer: Layer) -> bool:
        if layer not in known:
            known[layer] = layer.is_legal and fails(layer.case(1, real=real, asked=asked))
        return known[layer]

    layer = Layer.of(case)
    if not broken(layer):
        return case
    for alone in asked if len(asked) > 1 else ():
        if fails(layer.case(1, real=real, asked=(alone,))):
            asked = (alone,)
            break
    before = None
    while layer != before:
        before = layer
        for change in _PLAIN:
            plainer = attrs.evolve(layer, **change)
            layer = plainer if broken(plainer) else layer
        for name, least in _LEAST.items():
            layer = _bisected(layer, name, least, broken)
    return layer.case(1, real=real, asked=asked)


def _resized(layer: Layer, name: str, size: int) -> Layer:
    change: dict[str, Any] = {name: size}
    return attrs.evolve(layer, **change)


def _bisected(layer: Layer, name: str, least: int, broken: Callable[[Layer], bool]) -> Layer:
    """Return the layer with an axis so small that it fails, and does not with one less."""
    high = getattr(layer, name)
    if high is None or high <= least:
        return layer
    at_least = _resized(layer, name, least)
    if broken(at_least):
        return at_least
    low = least
    while high - low > 1:
        middle = (low + high) // 2
        tried = _resized(layer, name, middle)
        if broken(tried):
            high, layer = middle, tried
        else:
            low = middle
    return layer
