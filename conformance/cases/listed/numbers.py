"""Listed cases of numbers: threads where experts made the mistake, shapes, dtypes, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import nonzero_integers, position_coded, small_integers
from conformance.cases.drawn.strategies import geometry_case, repeat_case, unknown_size_case
from conformance.cases.listed.layer import LAYER, SHAPE, case, function, weights
from conformance.cases.listed.layer import inputs as layer_inputs
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import dtype_of


def _geometry(size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], padding: str,
              **more: Any) -> Configuration:  # fmt: skip
    return Configuration(
        batch=2, in_channels=2, filters=3, size=size, kernel_size=kernel, strides=strides, padding=padding, **more
    )  # fmt: skip


#: Every size alike: a layout that is guessed from them is wrong, and no shape tells.
_ALIKE = tuple(
    Configuration(
        batch=5, in_channels=5, filters=5, size=(5, 5), kernel_size=(3, 3), strides=(1, 1), padding="same",
        data_format=data_format,
    )
    for data_format in ("channels_last", "channels_first")
)  # fmt: skip
#: Geometries in which the mistake of a thread shows.
GEOMETRIES = (
    # One pixel off for SAME, stride above 1, odd kernel: github.com/keras-team/keras/pull/22876
    _geometry((4, 5), (3, 5), (2, 3), "same"),
    # The odd pixel on the other side: github.com/onnx/onnx/issues/1609
    _geometry((3, 4), (4, 2), (1, 1), "same"),
    # Kernel smaller than the stride: github.com/tensorflow/tensorflow/issues/16544
    _geometry((3, 2), (1, 2), (3, 4), "valid"),
    _geometry((3, 2), (2, 1), (3, 4), "same"),
    # A 1x1 kernel with stride 3 and SAME: offsets 0, 3, 6, not 1, 4, 7
    _geometry((3, 1), (1, 1), (3, 2), "same"),
    # The same for a single row, or column
    _geometry((1, 4), (2, 3), (4, 1), "valid"),
    _geometry((4, 1), (3, 1), (2, 3), "same", data_format="channels_first"),
    # output_padding 0 is not None: github.com/tensorflow/tensorflow/issues/50168
    _geometry((4, 3), (3, 5), (2, 3), "same", output_padding=(0, 0)),
    _geometry((4, 3), (3, 2), (2, 3), "valid", output_padding=(1, 2)),
    # Dilation accepted and ignored: github.com/keras-team/keras/issues/8159
    _geometry((4, 5), (3, 2), (1, 1), "same", dilation_rate=2),
    _geometry((4, 5), (2, 4), (1, 1), "valid", dilation_rate=3),
    # An output padding of 0 and a dilation, which TensorFlow takes together
    _geometry((4, 5), (3, 2), (1, 1), "valid", dilation_rate=2, output_padding=(0, 0)),
    _geometry((4, 5), (2, 3), (1, 1), "same", dilation_rate=2, output_padding=(0, 0)),
    # Channels first refused on CPU, or read as channels last: github.com/tensorflow/tensorflow/issues/20405
    _geometry((2, 4), (3, 2), (2, 1), "same", data_format="channels_first"),
    # No bias, and a bias of the wrong length: github.com/onnx/onnx/issues/1531
    _geometry((2, 3), (2, 3), (2, 2), "valid", use_bias=False),
    *_ALIKE,
    # A 1x1 output: github.com/tensorflow/tensorflow/issues/42649
    _geometry((1, 1), (1, 1), (1, 1), "valid"),
    _geometry((1, 1), (5, 4), (1, 1), "same"),
    # Output padding of one side alone, below the stride: pytorch.org's conv_transpose2d
    _geometry((3, 2), (3, 3), (2, 2), "same", output_padding=(1, 0)),
    _geometry((2, 3), (3, 3), (2, 2), "same", output_padding=(0, 1)),
    # A stride equal to the kernel, as pixels to depth, whose sides differ
    _geometry((2, 3), (2, 3), (2, 3), "valid", data_format="channels_first"),
    _geometry((3, 2), (3, 2), (3, 2), "same"),
    # Fewer rows, or columns, than the dilation
    _geometry((2, 4), (2, 3), (1, 1), "valid", dilation_rate=3),
    _geometry((4, 2), (3, 2), (1, 1), "same", dilation_rate=3, data_format="channels_first"),
)


def geometries() -> tuple[Case, ...]:
    """Return what the family `geometry` begins with."""
    # Larger sums would not round to the right integers after a transform in float32.
    return tuple(
        geometry_case(c, kernel=nonzero_integers(c.kernel_shape, 1) if c in _ALIKE else None)
        for c in GEOMETRIES
    )


def formats() -> tuple[Case, ...]:
    """Return what the family `numbers` begins with: a plain layer in each dtype."""
    cases = []
    for dtype in ("float32", "float64", "float16", "bfloat16", "int32"):
        c = Configuration(
            batch=1, in_channels=2, filters=1, size=(1, 2), strides=(1, 1), kernel_size=(1, 2), dtype=dtype
        )  # fmt: skip
        inputs, kernel = (
            small_integers(shape, 1, dtype) for shape in (c.input_shape(), c.kernel_shape)
        )
        cases.append(Case("numbers", c.arguments(), (*c.weights(kernel), steps.Call(inputs))))
    return tuple(cases)


def unlike() -> Iterator[Case]:
    """Yield what the family `numbers` begins with, too: small weights that meet large inputs."""
    c = Configuration(
        batch=1, in_channels=2, filters=2, size=(1, 2), strides=(1, 1), kernel_size=(1, 2), dtype="float64"
    )  # fmt: skip
    scales = np.array([1, 2.0**60])
    inputs = position_coded(c.input_shape(), c.dtype) * scales
    kernel = position_coded(c.kernel_shape, c.dtype) / scales
    yield Case("numbers", c.arguments(), (*c.weights(kernel), steps.Call(inputs)))


def softmax() -> tuple[Case, ...]:
    """Return what the family `activations` begins with."""
    shapes = (
        ("channels_first", (2, 2, 4, 5)),
        ("channels_last", (2, 4, 5, 2)),
        # The output is as wide as it has channels.
        ("channels_first", (2, 2, 4, 1)),
    )
    return tuple(
        Case(
            "activations",
            {**LAYER, "data_format": data_format, "activation": "softmax"},
            (steps.Build(sizes), weights()[1], steps.Call(layer_inputs(sizes))),
        )
        for data_format, sizes in shapes
    )


def unknown_sizes() -> Iterator[Case]:
    """Yield what the family `unknown sizes` begins with: each axis unknown alone, and all of them."""
    for c in (
        _geometry((3, 4), (2, 3), (3, 2), "valid"),
        _geometry((4, 3), (3, 2), (1, 1), "same"),
    ):
        for first in (False, True):
            one = attrs.evolve(c, data_format="channels_first") if first else c
            axes = (0, *one.geometry.spatial_axes)
            yield from (
                unknown_size_case(one, hidden) for hidden in ((0,), (axes[1],), (axes[2],), axes)
            )


def repeats() -> tuple[Case, ...]:
    """Return what the family `repeats` begins with: rows that no product reaches, after a larger call."""
    pointwise = Configuration(
        batch=3, in_channels=2, filters=3, size=(2, 3), strides=(2, 2), kernel_size=(1, 1)
    )
    layouts = (pointwise, attrs.evolve(pointwise, data_format="channels_first"))
    return tuple(repeat_case(c, 3, size, 5) for c in layouts for size in ((3, 3), (2, 4)))


def gradients() -> tuple[Case, ...]:
    """Return what the family `gradients` begins with: 1x1 kernels with strides and few filters; all sizes alike.

    oneDNN's kernel gradient is wrong in the former, or damages the heap:
    github.com/uxlfoundation/oneDNN/issues/6035

    A call of other inputs, with other weights, comes before: nothing that it has saved may be used.
    """
    cases = []
    pointwise = (
        Configuration(
            batch=2, in_channels=2, filters=filters, size=(5, 3), strides=(2, 2), kernel_size=(1, 1)
        )
        for filters in (1, 3)
    )
    # Where filters are as many as channels, an exchange of the two has no other shape.
    alike = (
        attrs.evolve(_ALIKE[0], size=(5, 4), dilation_rate=2),
        attrs.evolve(_ALIKE[1], size=(4, 5), kernel_size=(2, 3), strides=(3, 2), padding="valid"),
        attrs.evolve(_ALIKE[0], size=(4, 3), strides=(2, 2), output_padding=(1, 0)),
    )
    for c in (*pointwise, *_ALIKE, *alike):
        inputs, upstream = position_coded(c.input_shape()), small_integers(c.output_shape, 3)
        kernel = position_coded(c.kernel_shape)
        build, first = c.weights(-kernel)
        listed = (
            build,
            first,
            steps.Call(inputs + 1),
            c.weights(kernel)[1],
            steps.Gradients(inputs, upstream),
            steps.ConvolutionOp(upstream),
            steps.SecondGradient(inputs, upstream),
        )
        # Penalties are no part of what gradients are of.
        more = {"kernel_regularizer": "l1", "bias_regularizer": "l2"} if c.filters == 1 else {}
        cases.append(Case("gradients", c.arguments(**more), listed))
    return tuple(cases)


def _shape_questions() -> tuple[Case, ...]:
    # Beyond 32 bits, nothing overflows.
    large = ((1, 2**31, 5, 2), (3_000_000_000, 4, 2**32, 2))
    shapes = ((2, 4, 5), None, (2, -1, 5, 2), (2, 4, 5, None), (2, 4, 5, 2, 6), *large)
    return tuple(case("shape questions", {}, steps.ComputeOutputShape(shape)) for shape in shapes)


def _ranks() -> tuple[Case, ...]:
    shapes = ((4, 5, 2), (2, 4, 5, 2, 1), (1, 2, 4, 5, 2), (1, 1, 4, 5, 2))
    inputs = map(layer_inputs, shapes)
    return tuple(
        case("ranks", {}, *before, steps.Call(x)) for x in inputs for before in ((), weights())
    )


def _channels() -> tuple[Case, ...]:
    return (
        case(
            "channels",
            {},
            *weights(),
            steps.Call(layer_inputs()),
            steps.Call(layer_inputs((2, 4, 5, 3))),
        ),
        case(
            "channels",
            {"data_format": "channels_first"},
            steps.Call(layer_inputs((2, 4, 5, 2))),
            steps.Call(layer_inputs((2, 3, 5, 2))),
        ),
    )


def _unknown_ranks() -> tuple[Case, ...]:
    unknown_channels = (2, 4, 5, None)
    return tuple(
        case("unknown ranks", {}, *before, steps.StaticShape(shape))
        for shape in (None, unknown_channels)
        for before in ((), weights())
    )


def _call(dtype_name: str) -> steps.Step:
    values = small_integers(SHAPE, 3, largest=1)
    return steps.Call(np.abs(values).astype(dtype_of(dtype_name)))


def _inferred_dtypes() -> tuple[Case, ...]:
    names = ("float16", "float32", "float64", "int32")
    called = ((_call(name), steps.GetWeights(), _call(name)) for name in names)
    built = (steps.Build(SHAPE), steps.GetWeights())
    return tuple(case("inferred dtypes", {}, *listed) for listed in (*called, built))


def _other_dtypes() -> tuple[Case, ...]:
    names = ("int64", "int8", "uint8", "int16", "uint32", "bool", "complex64")
    return tuple(case("other dtypes", {}, _call(name)) for name in names)


def _mixed_dtypes() -> tuple[Case, ...]:
    listed: tuple[tuple[dict[str, Any], tuple[steps.Step, ...]], ...] = (
        ({"dtype": "float32"}, (_call("float64"),)),
        ({"dtype": "float64"}, (_call("float32"),)),
        ({}, (_call("float64"), _call("float32"))),
        # To what is wider, too.
        ({}, (_call("float32"), _call("float16"))),
        ({"dtype": "foo"}, ()),
        ({"dtype": "mixed_float16"}, (_call("float32"),)),
        ({"dtype": "mixed_float16", "autocast": True}, (_call("float32"), steps.GetWeights())),
        ({"dtype": "float32", "autocast": True}, (_call("float64"), steps.GetWeights())),
    )
    return tuple(case("mixed dtypes", more, *called) for more, called in listed)


def _activation_results() -> tuple[Case, ...]:
    return tuple(
        case(
            "activation results",
            {"activation": function(name)},
            *weights(),
            steps.Call(layer_inputs()),
        )
        for name in ("total", "first image", "twins", "nothing", "numpy triple")
    )


def _degenerate_gradients() -> tuple[Case, ...]:
    layers: list[tuple[dict[str, Any], int, tuple[int, int]]] = [
        ({"kernel_size": kernel_size, "strides": strides}, batch, size)
        for kernel_size, strides in (((3, 2), (2, 1)), ((1, 1), (2, 2)), ((2, 2), (3, 3)))
        for batch, size in ((1, (0, 3)), (1, (3, 0)), (0, (2, 3)))
    ]
    first: dict[str, Any] = {
        "kernel_size": (3, 2), "strides": (2, 1), "data_format": "channels_first",
    }  # fmt: skip
    same = {
        **first,
        "padding": "same",
        "output_padding": (1, 0),
        "kernel_size": (3, 3),
        "strides": (2, 2),
    }
    dilated: dict[str, Any] = {"kernel_size": (2, 3), "strides": (1, 1), "dilation_rate": 2}
    layers += [(more, 0, (2, 3)) for more in (first, same, dilated)]
    layers += [(first, 1, (0, 3)), (first, 1, (3, 0))]
    cases = []
    for more, batch, size in layers:
        c = Configuration(batch=batch, in_channels=2, filters=3, size=size, **more)
        inputs, upstream = np.zeros(c.input_shape(), np.float32), position_coded(c.output_shape)
        listed = (*c.weights(position_coded(c.kernel_shape)), steps.Gradients(inputs, upstream))
        cases.append(Case("degenerate gradients", c.arguments(), listed))
    return tuple(cases)


def _layouts() -> tuple[Case, ...]:
    build, set_weights = steps.Build((None, 2, None, None)), weights()[1]
    upstream = steps.ConvolutionOp(layer_inputs((2, 3, 5, 7)))
    return (case("layouts", {"data_format": "channels_first"}, build, set_weights, upstream),)


#: Families all of whose cases are always run.
TABLES: Mapping[str, Callable[[], tuple[Case, ...]]] = {
    "shape questions": _shape_questions,
    "ranks": _ranks,
    "channels": _channels,
    "unknown ranks": _unknown_ranks,
    "inferred dtypes": _inferred_dtypes,
    "other dtypes": _other_dtypes,
    "mixed dtypes": _mixed_dtypes,
    "activation results": _activation_results,
    "degenerate gradients": _degenerate_gradients,
    "layouts": _layouts,
}
