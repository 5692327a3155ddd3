"""Listed cases of special numbers: NaN, infinities, overflow, the tails and corners of activations.

TensorFlow decides what is asked. Where it differs from the definition by an artefact of its algorithm, or where
the processor decides (subnormal numbers in float32 and float64), no case asks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import small_integers
from conformance.cases.drawn.strategies import ACTIVATIONS, OF_VECTORS
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array, dtype_of

_GEOMETRIES: Sequence[Mapping[str, Any]] = (
    {"kernel_size": (3, 2), "strides": (1, 1)},
    {"kernel_size": (2, 3), "strides": (2, 3)},
    # Both sides of the image are multiples of the rate (ADD-02).
    {"kernel_size": (2, 2), "strides": (1, 1), "dilation_rate": 2},
    {"kernel_size": (1, 2), "strides": (3, 1)},
)
_LAYOUTS: Sequence[Mapping[str, Any]] = (
    {"padding": "valid", "data_format": "channels_last"},
    {"padding": "same", "data_format": "channels_first"},
    {"padding": "valid", "data_format": "channels_first"},
    {"padding": "same", "data_format": "channels_last"},
)
_NUMBERS = (np.nan, np.inf, -np.inf)


def _layer(**more: Any) -> Configuration:
    return Configuration(batch=2, in_channels=2, filters=3, size=(4, 6), **more)


def _with(array: Array, seed: int, numbers: Sequence[float] = _NUMBERS) -> Array:
    """Return a copy with each of the numbers at one place."""
    result: Array = array.copy()
    places = np.random.default_rng(seed).permutation(array.size)[: len(numbers)]
    result.reshape(-1)[places] = np.array(numbers).astype(array.dtype)
    return result


def propagation() -> Iterator[Case]:
    """Yield cases with NaN and infinities in input, kernel and bias, among zeros and ones."""
    places = (("inputs",), ("kernel",), ("bias",), ("inputs", "kernel"))
    layers = [
        (place, {**geometry, **_LAYOUTS[(number + row) % 4]})
        for row, place in enumerate(places)
        for number, geometry in enumerate(_GEOMETRIES)
    ]
    layers += [
        (place, {**_GEOMETRIES[number % 3], **_LAYOUTS[number], "dtype": dtype})
        for dtype in ("float64", "float16", "bfloat16")
        for number, place in enumerate(places)
    ]
    for seed, (where, more) in enumerate(layers):
        c = _layer(**more)
        inputs = small_integers(c.input_shape(), seed, c.dtype, largest=1)
        kernel = small_integers(c.kernel_shape, seed + 1, c.dtype, largest=1)
        bias = np.array([1, 2, 3]).astype(dtype_of(c.dtype))
        if "inputs" in where:
            inputs = _with(inputs, seed)
        if "kernel" in where:
            kernel = _with(kernel, seed + 1)
        if "bias" in where:
            bias = _with(bias, seed, _NUMBERS[seed % 2 : seed % 2 + 2])
        yield Case("specials", c.arguments(), (*c.weights(kernel, bias), steps.Call(inputs)))


def _range(dtype: str) -> Array:
    """Return numbers up to the format's largest, and down to its least normal one; float16 is subnormal, too."""
    largest = {"bfloat16": 3.3895313892515355e38}.get(dtype) or float(np.finfo(dtype).max)
    least = 2.0**-126 if dtype == "bfloat16" else float(np.finfo(dtype).tiny)
    numbers = [largest, largest / 2, largest * 0.75, -largest, largest**0.5, least, least * 4, 0, 1]
    if dtype == "float16":
        numbers += [least / 2, least / 4, least / 1024]
    return np.array(numbers).astype(dtype_of(dtype))


def overflow() -> Iterator[Case]:
    """Yield cases whose single products, or sums of two, come near the largest number or pass it."""
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        # Each is an image of its own: the errors of a transform are those of the largest number of an image.
        numbers = _range(dtype)
        images = numbers.reshape(-1, 1, 1, 1)
        factors = np.array([1, 2, -1, float(numbers[4]), 0.5]).astype(numbers.dtype)
        single = Configuration(
            batch=numbers.size, in_channels=1, filters=5, size=(1, 1), strides=(1, 1), kernel_size=(1, 1),
            use_bias=False, dtype=dtype,
        )  # fmt: skip
        yield Case(
            "specials",
            single.arguments(),
            (*single.weights(factors.reshape(1, 1, 5, 1)), steps.Call(images)),
        )
        # Both channels alike: no order of summation comes out below the largest number.
        double = Configuration(
            batch=numbers.size, in_channels=2, filters=2, size=(1, 1), strides=(1, 1), kernel_size=(1, 1),
            data_format="channels_first", dtype=dtype,
        )  # fmt: skip
        both = np.broadcast_to(images, (numbers.size, 2, 1, 1)).copy()
        kernel = np.array([1, 1, -1, -1]).astype(numbers.dtype).reshape(1, 1, 2, 2)
        bias = np.array([0, float(numbers[3])]).astype(numbers.dtype)
        yield Case(
            "specials", double.arguments(), (*double.weights(kernel, bias), steps.Call(both))
        )


def among_zeros() -> Iterator[Case]:
    """Yield layers wider than a vector, where blocks of the input are zero, as after a relu.

    What is not finite in the kernel meets such a block, or stands in the last filter and the last channel.
    """
    for number, (dtype, strides) in enumerate(itertools.product(("float32", "float64"), (1, 2))):
        c = Configuration(
            batch=1, in_channels=19, filters=21, size=(2, 3), strides=(strides, strides), kernel_size=(2, 1),
            dtype=dtype, **_LAYOUTS[number],
        )  # fmt: skip
        axis = c.geometry.channel_axis
        inputs = small_integers(c.input_shape(), number, dtype, largest=1)
        channels = np.moveaxis(inputs, axis, 0)
        channels[:8], channels[16:] = 0, 1
        kernel = small_integers(c.kernel_shape, number + 1, dtype, largest=1)
        kernel[0, 0, 4, 2], kernel[1, 0, -1, -1] = np.inf, np.nan
        yield Case("specials", c.arguments(), (*c.weights(kernel), steps.Call(inputs.copy())))
        # Nothing but zeros is no special input.
        zeros = np.zeros_like(inputs)
        yield Case("specials", c.arguments(), (*c.weights(kernel), steps.Call(zeros)))
        channels[3].flat[0], channels[-1].flat[-1] = -np.inf, np.nan
        finite = np.zeros_like(kernel)
        finite[:, :, 1:, 8:] = 1
        yield Case("specials", c.arguments(), (*c.weights(finite), steps.Call(inputs)))


def alike() -> Case:
    """Return a case whose sizes, but for the batch, are alike: a layout that is lost shows in no shape."""
    c = Configuration(
        batch=2, in_channels=3, filters=3, size=(3, 3), strides=(1, 1), kernel_size=(2, 2), **_LAYOUTS[1]
    )  # fmt: skip
    kernel = _with(small_integers(c.kernel_shape, 4, largest=1), 4)
    return Case(
        "specials", c.arguments(), (*c.weights(kernel), steps.Call(small_integers(c.input_shape(), 5, largest=1)))
    )  # fmt: skip


def specials() -> tuple[Case, ...]:
    """Return what the family `specials` begins with."""
    return (*propagation(), *overflow(), *among_zeros(), alike())


def wrapping() -> tuple[Case, ...]:
    """Return what the family `numbers` begins with: int32 sums beyond 32 bits."""
    large = np.array([2**30, 2**31 - 1, -(2**31), 70_000, 65_536, -(2**30)], np.int32)
    cases = []
    for data_format, kernel_size in (("channels_last", (1, 1)), ("channels_first", (2, 1))):
        c = Configuration(
            batch=1, in_channels=2, filters=3, size=(1, 3), strides=(1, 1), kernel_size=kernel_size,
            data_format=data_format, dtype="int32",
        )  # fmt: skip
        # The last one times itself is more than float64 holds.
        kernel = np.resize(np.array([1, 2, 3, 70_000, -5, 2**31 - 1], np.int32), c.kernel_shape)
        bias = np.array([0, 2**31 - 1, -7], np.int32)
        inputs = large.reshape(c.input_shape())
        cases.append(Case("numbers", c.arguments(), (*c.weights(kernel, bias), steps.Call(inputs))))
    return tuple(cases)


#: Where activations bend, and where a formula that is not made for it overflows or loses its tail.
_ARGUMENTS = (
    0, 1e-3, 0.5, 1, 2.5, 3, 6, 8, 9.5, 12, 14, 16, 18, 20, 24, 30, 37, 50, 80, 88, 89, 100, 300, 700, 709, 710,
    1000, 1e4,
)  # fmt: skip
_NAMED = tuple(dict.fromkeys((*ACTIVATIONS, *OF_VECTORS, "mish")))
_VECTORS = (
    (0, 1, 2, -3), (1000, 0, -1000, 999), (-1000, -1001, -1002, -1003), (90, 89, -90, 88), (0, 0, 0, 0),
    (20, 0, -20, -40), (np.nan, 0, 1, 2), (np.inf, 0, 1, 2), (-np.inf, 0, 1, 2), (-np.inf,) * 4,
)  # fmt: skip


def _arguments_of(name: str, dtype: str, *, largest: bool = True) -> Array:
    """Return the activation's arguments as images of one channel: of softmax as rows, each a vector."""
    if name in OF_VECTORS:
        numbers = np.array(_VECTORS)
    else:
        limit = float(np.finfo(dtype).max)
        ends = (limit, limit / 2, np.inf) if largest else (np.inf,)
        positive = np.array([*(a for a in _ARGUMENTS if a < limit), *ends])
        numbers = np.array([*positive, *-positive, np.nan]).reshape(1, -1)
    return numbers.astype(dtype)[None, None]


def _plain(name: str, dtype: str, inputs: Array, *asked: steps.Step, family: str) -> Case:
    """Return a case of a layer whose sum is its input."""
    batch, _, height, width = inputs.shape
    c = Configuration(
        batch=batch, in_channels=1, filters=1, size=(height, width), strides=(1, 1), kernel_size=(1, 1),
        data_format="channels_first", use_bias=False, dtype=dtype,
    )  # fmt: skip
    weights = c.weights(np.ones((1, 1, 1, 1), dtype))
    return Case(family, c.arguments(activation=name), (*weights, *asked))


def activations() -> tuple[Case, ...]:
    """Return arguments near and far for every activation; part of what the family `activations` begins with."""
    asked = [
        (name, _arguments_of(name, dtype))
        for name, dtype in itertools.product(_NAMED, ("float32", "float64", "float16"))
    ]
    # As many that what is made for large arrays is done, and not by less than float64.
    doubles = [(name, array) for name, array in asked if array.dtype == np.float64]
    asked += [(name, np.tile(array, (2, 1, 600 // array.size + 1, 1))) for name, array in doubles]
    return tuple(
        _plain(name, inputs.dtype.name, inputs, steps.Call(inputs), family="activations")
        for name, inputs in asked
    )


def activation_gradients() -> tuple[Case, ...]:
    """Return what the family `activation gradients` begins with: slopes at corners, near and far."""
    near = [0, 0.25, 0.5, 1, 2, 2.5, 3, 5, 6, 7, 8, 12, 16, 20]
    # At -2.5 the slope of hard_sigmoid depends on whether a product and a sum are rounded once or twice.
    corners = np.array([*near, *(-n for n in near if n != 2.5)]).reshape(1, -1)
    vectors = np.array(_VECTORS[:6])
    cases = []
    for name, dtype in itertools.product(_NAMED, ("float32", "float64")):
        finite = (vectors if name in OF_VECTORS else corners).astype(dtype)[None, None]
        listed = []
        # A product of the output gradient and the largest number may overflow on the way.
        for inputs in (finite, _arguments_of(name, dtype, largest=False)):
            count = inputs.size
            # Distinct, not in order, and of both signs for vectors only: one sum then has no infinities of both.
            upstream = (np.arange(count) * 7 % count + 1.0).reshape(inputs.shape)
            if name in OF_VECTORS:
                upstream *= np.where(np.arange(count).reshape(inputs.shape) % 3 == 0, -1, 1)
            listed.append(steps.Gradients(inputs, upstream.astype(dtype)))
        cases.append(
            _with_gaps(name, *listed)
            if dtype == "float64"
            else _plain(name, dtype, finite, *listed, family="activation gradients")
        )
    return tuple(cases)


def _with_gaps(name: str, near: steps.Gradients, far: steps.Gradients) -> Case:
    """Return a case that asks for the same slopes where a bias is added, and every second row is that alone."""
    _, _, height, width = near.inputs.shape
    c = Configuration(
        batch=1, in_channels=1, filters=1, size=(height, width), strides=(2, 1), kernel_size=(1, 1),
        data_format="channels_first", dtype="float64",
    )  # fmt: skip
    kernel = np.ones((1, 1, 1, 1))

    def spread(upstream: Array) -> Array:
        # From row to row and in the gaps they differ.
        rows: Array = np.repeat(upstream, 2, axis=2)
        rows[:, :, 1::2] += 0.5
        return rows

    weights = c.weights(kernel, np.ones(1))
    plain = c.weights(kernel, np.zeros(1))[1]
    return Case(
        "activation gradients",
        c.arguments(activation=name),
        (
            *weights,
            steps.Gradients(near.inputs - 1, spread(near.output_gradient)),
            plain,
            steps.Gradients(far.inputs, spread(far.output_gradient)),
        ),
    )


def _special_gradients() -> tuple[Case, ...]:
    """NaN and infinities in output gradient, input and kernel.

    With `same` TensorFlow multiplies the cropped border by zeros, which makes NaN of an infinity in the input or
    the kernel: there only the output gradient is special.
    """
    wheres = (("upstream",), ("inputs",), ("kernel",), ("inputs", "kernel"))
    layers = [
        (where, {**geometry, **layout})
        for number, where in enumerate(wheres)
        for turn, geometry in enumerate(_GEOMETRIES)
        for layout in (_LAYOUTS[(number + turn) % 2 * 2], *(_LAYOUTS[1::2] if number == 0 else ()))
    ]
    layers += [(where, {**_GEOMETRIES[1], **_LAYOUTS[0], "dtype": "float64"}) for where in wheres]
    cases = []
    for seed, (where, more) in enumerate(layers):
        c = _layer(**more)
        arrays = {
            "inputs": small_integers(c.input_shape(), seed, c.dtype, largest=1),
            "kernel": small_integers(c.kernel_shape, seed + 1, c.dtype, largest=1),
            "upstream": small_integers(c.output_shape, seed + 2, c.dtype, largest=1),
        }
        for name in where:
            arrays[name] = _with(arrays[name], seed)
        asked = steps.Gradients(arrays["inputs"], arrays["upstream"])
        cases.append(
            Case("special gradients", c.arguments(), (*c.weights(arrays["kernel"]), asked))
        )
    largest = float(np.finfo(np.float32).max)
    c = Configuration(
        batch=1, in_channels=1, filters=1, size=(1, 4), strides=(1, 1), kernel_size=(1, 1)
    )
    inputs = np.array([2, 0, 1, 0], np.float32).reshape(1, 1, 4, 1)
    upstream = np.array([largest, 1, -largest / 2, largest * 0.75], np.float32).reshape(1, 1, 4, 1)
    overflowing = (
        *c.weights(np.full((1, 1, 1, 1), 2, np.float32)),
        steps.Gradients(inputs, upstream),
    )
    return (
        *cases,
        Case("special gradients", c.arguments(), overflowing),
        *_silent_images(),
        *_zero_inputs(),
        *_half_gradients(),
        *_overflowing_gradients(),
    )


def _silent_images() -> Iterator[Case]:
    """Yield a batch with an image whose output gradient is zero: its infinities give NaN all the same."""
    for layout in (_LAYOUTS[0], _LAYOUTS[2]):
        c = _layer(**_GEOMETRIES[1], **layout)
        inputs = small_integers(c.input_shape(), 31, largest=1)
        upstream = small_integers(c.output_shape, 32, largest=1)
        inputs[0].flat[5], upstream[0] = np.inf, 0
        weights = c.weights(small_integers(c.kernel_shape, 33, largest=1))
        yield Case(
            "special gradients", c.arguments(), (*weights, steps.Gradients(inputs, upstream))
        )
        # Nor does a kernel that is not finite meet zeros alone without a trace.
        kernel = _with(small_integers(c.kernel_shape, 33, largest=1), 33)
        asked = steps.Gradients(np.zeros_like(inputs), np.zeros_like(upstream))
        yield Case("special gradients", c.arguments(), (*c.weights(kernel), asked))
        # Nor do inputs, be it in one filter or in all of them.
        inputs = _with(small_integers(c.input_shape(), 34, largest=1), 34)
        silent = small_integers(c.output_shape, 35, largest=1)
        np.moveaxis(silent, c.geometry.channel_axis, 0)[1] = 0
        each = (steps.Gradients(inputs, array) for array in (silent, np.zeros_like(silent)))
        yield Case("special gradients", c.arguments(), (*weights, *each))


def _zero_inputs() -> Iterator[Case]:
    """Yield inputs of zeros with an output gradient that is not finite: their products are NaN."""
    c = _layer(**_GEOMETRIES[0], **_LAYOUTS[0])
    upstream = _with(small_integers(c.output_shape, 34, largest=1), 34)
    weights = c.weights(small_integers(c.kernel_shape, 35, largest=1))
    asked = steps.Gradients(np.zeros(c.input_shape(), np.float32), upstream)
    yield Case("special gradients", c.arguments(), (*weights, asked))


def _overflowing_gradients() -> Iterator[Case]:
    """Yield gradients beyond a format's largest number: of single products, and of sums of one sign.

    TensorFlow 2.9 computes no bfloat16 on many processors.
    """
    for dtype in ("float16", "float32", "float64"):
        large = _range(dtype)[2]  # twice is too much
        c = Configuration(
            batch=2, in_channels=1, filters=2, size=(1, 2), strides=(1, 1), kernel_size=(1, 1), dtype=dtype
        )  # fmt: skip
        kernel = np.array([2, 0]).reshape(c.kernel_shape).astype(large.dtype)
        upstream = np.full(c.output_shape, large) * np.array([1, -1], large.dtype)
        asked = steps.Gradients(np.ones(c.input_shape(), large.dtype), upstream)
        yield Case("special gradients", c.arguments(), (*c.weights(kernel), asked))


def _half_gradients() -> Iterator[Case]:
    """Yield gradients in float16 whose sums are large, exact, and below the largest number."""
    for number, geometry in enumerate(_GEOMETRIES[:2]):
        c = _layer(**geometry, **_LAYOUTS[number * 2], dtype="float16")
        arrays = (
            small_integers(shape, seed, c.dtype, largest=1)
            for seed, shape in enumerate((c.input_shape(), c.kernel_shape, c.output_shape))
        )
        inputs, kernel, upstream = arrays
        # Whoever scales them up by as much overflows.
        asked = steps.Gradients(inputs, upstream * np.float16(64))
        yield Case("special gradients", c.arguments(), (*c.weights(kernel), asked))


#: Families all of whose cases are always run.
TABLES: Mapping[str, Callable[[], tuple[Case, ...]]] = {"special gradients": _special_gradients}
