"""Cases that every run tries: threads where experts shipped the mistake, and lists of refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded, small_integers
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Array, dtype_of

_LAYER = {"filters": 3, "kernel_size": [2, 3]}
_SHAPE = (2, 4, 5, 2)
_KERNEL_SHAPE = (2, 3, 3, 2)


def _geometry(size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], padding: str,
              **more: Any) -> Configuration:  # fmt: skip
    return Configuration(
        batch=2, in_channels=2, filters=3, size=size, kernel_size=kernel, strides=strides, padding=padding, **more
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
    # output_padding 0 is not None: github.com/tensorflow/tensorflow/issues/50168
    _geometry((4, 3), (3, 5), (2, 3), "same", output_padding=(0, 0)),
    _geometry((4, 3), (3, 2), (2, 3), "valid", output_padding=(1, 2)),
    # Dilation accepted and ignored: github.com/keras-team/keras/issues/8159
    _geometry((4, 5), (3, 2), (1, 1), "same", dilation_rate=2),
    _geometry((4, 5), (2, 4), (1, 1), "valid", dilation_rate=3),
    # Channels first refused on CPU, or read as channels last: github.com/tensorflow/tensorflow/issues/20405
    _geometry((2, 4), (3, 2), (2, 1), "same", data_format="channels_first"),
    # No bias, and a bias of the wrong length: github.com/onnx/onnx/issues/1531
    _geometry((2, 3), (2, 3), (2, 2), "valid", use_bias=False),
    # A 1x1 output: github.com/tensorflow/tensorflow/issues/42649
    _geometry((1, 1), (1, 1), (1, 1), "valid"),
    _geometry((1, 1), (5, 4), (1, 1), "same"),
)


def _weights(kernel: Array | None = None, bias: Array | None = None) -> tuple[steps.Step, ...]:
    kernel = small_integers(_KERNEL_SHAPE, 1) if kernel is None else kernel
    bias = position_coded((kernel.shape[2],), start=-1) if bias is None else bias
    return steps.Build((None, None, None, kernel.shape[3])), steps.SetWeights((kernel, bias))


def _case(family: str, more: Mapping[str, Any], *listed: steps.Step) -> Case:
    return Case(family, {**_LAYER, **more}, listed)


def _inputs(shape: tuple[int, ...] = _SHAPE, dtype: str = "float32") -> Array:
    return small_integers(shape, 2, dtype)


def _function(name: str) -> dict[str, str]:
    return {"function": name}


def _training(
    kernel: Array, rate: float = 0.5, optimizer: str = "gradient_descent"
) -> tuple[steps.Step, ...]:
    kernel_height, kernel_width, filters, channels = kernel.shape
    inputs = small_integers((2, 3, 2, channels), 5, largest=1)
    upstream = small_integers((2, 2 + kernel_height, 1 + kernel_width, filters), 6, largest=1)
    return (
        *_weights(kernel),
        steps.GetWeights(),
        steps.Train(inputs, upstream, rate, optimizer),
    )


def _softmax() -> tuple[Case, ...]:
    shape = {"channels_first": (2, 2, 4, 5), "channels_last": (2, 4, 5, 2)}
    return tuple(
        Case(
            "activations",
            {**_LAYER, "data_format": data_format, "activation": "softmax"},
            (steps.Build(sizes), _weights()[1], steps.Call(_inputs(sizes))),
        )
        for data_format, sizes in shape.items()
    )


def _gradients() -> tuple[Case, ...]:
    """Return gradients of 1x1 kernels with strides and few filters.

    oneDNN's kernel gradient is wrong there, or damages the heap:
    github.com/uxlfoundation/oneDNN/issues/6035
    """
    cases = []
    for filters in (1, 3):
        c = Configuration(
            batch=2, in_channels=2, filters=filters, size=(5, 3), strides=(2, 2), kernel_size=(1, 1)
        )
        inputs, upstream = position_coded(c.input_shape()), small_integers(c.output_shape, 3)
        listed = (
            *c.weights(position_coded(c.kernel_shape)),
            steps.Gradients(inputs, upstream),
            steps.ConvolutionOp(upstream),
            steps.SecondGradient(inputs, upstream),
        )
        cases.append(Case("gradients", c.arguments(), listed))
    return tuple(cases)


def _shape_questions() -> tuple[Case, ...]:
    shapes = ((2, 4, 5), None, (2, -1, 5, 2), (2, 4, 5, None), (2, 4, 5, 2, 6))
    return tuple(_case("shape questions", {}, steps.ComputeOutputShape(shape)) for shape in shapes)


def _ranks() -> tuple[Case, ...]:
    inputs = (_inputs((4, 5, 2)), _inputs((2, 4, 5, 2, 1)))
    return tuple(
        _case("ranks", {}, *before, steps.Call(x)) for x in inputs for before in ((), _weights())
    )


def _channels() -> tuple[Case, ...]:
    return (
        _case(
            "channels", {}, *_weights(), steps.Call(_inputs()), steps.Call(_inputs((2, 4, 5, 3)))
        ),
        _case(
            "channels",
            {"data_format": "channels_first"},
            steps.Call(_inputs((2, 4, 5, 2))),
            steps.Call(_inputs((2, 3, 5, 2))),
        ),
    )


def _unknown_ranks() -> tuple[Case, ...]:
    unknown_channels = (2, 4, 5, None)
    return tuple(
        _case("unknown ranks", {}, *before, steps.StaticShape(shape))
        for shape in (None, unknown_channels)
        for before in ((), _weights())
    )


def _dtype_rules() -> tuple[Case, ...]:
    def call(name: str) -> steps.Step:
        values = small_integers(_SHAPE, 3, largest=1)
        return steps.Call(np.abs(values).astype(dtype_of(name)))

    inferred = [
        _case("inferred dtypes", {}, call(name), steps.GetWeights(), call(name))
        for name in ("float16", "float32", "float64", "int32")
    ]
    built = [_case("inferred dtypes", {}, steps.Build(_SHAPE), steps.GetWeights())]
    other = [
        _case("other dtypes", {}, call(name))
        for name in ("int64", "int8", "uint8", "bool", "complex64")
    ]
    mixed = [
        _case("mixed dtypes", {"dtype": "float32"}, call("float64")),
        _case("mixed dtypes", {"dtype": "float64"}, call("float32")),
        _case("mixed dtypes", {}, call("float64"), call("float32")),
        _case("mixed dtypes", {"dtype": "foo"}),
        _case("mixed dtypes", {"dtype": "mixed_float16"}, call("float32")),
        _case("mixed dtypes", {"dtype": "mixed_float16", "autocast": True}, call("float32"), steps.GetWeights()),
        _case("mixed dtypes", {"dtype": "float32", "autocast": True}, call("float64"), steps.GetWeights()),
    ]  # fmt: skip
    return (*inferred, *built, *other, *mixed)


def _regularizer_forms() -> tuple[Case, ...]:
    forms: tuple[Any, ...] = (
        "l3",
        5,
        _function("no loss"),
        _function("seven"),
        _function("numpy sum"),
        _function("per channel"),
        {"class_name": "OrthogonalRegularizer", "config": {}},
    )
    named = ("l2", "L2", "l1", "L1", "l1_l2", {"class_name": "L1", "config": {"l1": 0.5}})
    cases = []
    for form in forms + named:
        for part in ("kernel", "activity"):
            arguments = {f"{part}_regularizer": form}
            reading = (*_weights(), steps.Call(_inputs()), steps.Losses())
            cases.append(_case("regularizer forms", arguments, *reading))
    return tuple(cases)


def _loss_targets() -> tuple[Case, ...]:
    arguments = {
        "activity_regularizer": _function("sum"),
        "kernel_regularizer": _function("sum of squares"),
    }
    targets = (
        "inputs",
        "outputs",
        "kernel",
        "bias",
        "nested",
        "empty",
        "none",
        "text",
        "number",
        "foreign",
    )
    asked = [steps.LossesFor(target) for target in targets]
    updates = [steps.UpdatesFor(target) for target in ("inputs", "none")]
    return (
        _case("loss targets", arguments, *_weights(), steps.Call(_inputs()), steps.Losses(), *asked, *updates),
        _case("loss targets", arguments, steps.LossesFor("empty"), steps.UpdatesFor("empty")),
    )  # fmt: skip


def _constraint_forms() -> tuple[Case, ...]:
    kernel = small_integers((2, 3, 3, 2), 4, largest=4)
    good: tuple[Any, ...] = (
        "non_neg", "NonNeg", "max_norm", "MaxNorm", "unit_norm", "min_max_norm",
        {"class_name": "MaxNorm", "config": {"max_value": 1.5, "axis": [0, 1, 3]}},
        _function("double plus one"), _function("numpy clip"),
        "non_pos", 7,
    )  # fmt: skip
    return tuple(
        _case("constraint forms", {"kernel_constraint": form}, *_training(kernel)) for form in good
    )


def _constraint_results() -> tuple[Case, ...]:
    kernel = small_integers((2, 3, 3, 2), 4, largest=4)
    names = ("flatten", "scalar", "other dtype", "none")
    return tuple(
        _case("constraint results", {f"{part}_constraint": _function(name)}, *_training(kernel))
        for part in ("kernel", "bias")
        for name in names
        if (part, name) != ("bias", "flatten")  # a bias is flat already
    )


def _special_constraints() -> tuple[Case, ...]:
    kernel = np.array([3.0, -0.0, -2.0, 0.0, -np.inf, np.inf], np.float32).reshape(2, 1, 3, 1)
    weights = (steps.Build((None, None, None, 1)), steps.SetWeights((kernel, position_coded((3,)))))
    # A gradient of zeros: the step leaves the kernel as it is and the constraint is applied.
    train = steps.Train(np.zeros((1, 1, 1, 1), np.float32), np.zeros((1, 2, 1, 3), np.float32), 1.0)
    single = {"filters": 3, "kernel_size": [2, 1], "kernel_constraint": "non_neg"}
    wide = small_integers((2, 1, 3, 1), 4, "float64")
    return (
        Case("non-negative", single, (*weights, train)),
        Case(
            "non-negative",
            {**single, "dtype": "float64"},
            (
                steps.Build((None, None, None, 1)),
                steps.SetWeights((wide, position_coded((3,), "float64"))),
                steps.Train(np.ones((1, 1, 1, 1)), np.ones((1, 2, 1, 3)), 1.0),
            ),
        ),
    )


def _radial() -> tuple[Case, ...]:
    cases = []
    for sides in ((2, 2), (3, 3), (4, 4), (5, 5), (1, 1), (2, 3)):
        kernel = position_coded((*sides, 2, 1))
        arguments = {
            "filters": 2,
            "kernel_size": list(sides),
            "kernel_constraint": {"class_name": "RadialConstraint", "config": {}},
        }
        cases.append(Case("radial", arguments, _training(kernel, rate=0.0)))
    return tuple(cases)


def _optimizers() -> tuple[Case, ...]:
    names = (
        "GradientDescent", "Momentum", "Adam", "RMSProp", "Adagrad", "Ftrl", "Adadelta",
        "ProximalGradientDescent", "ProximalAdagrad", "AdagradDA",
    )  # fmt: skip
    kernel = small_integers((2, 3, 3, 2), 4, largest=4) * 3
    arguments = {"kernel_constraint": _function("clip"), "bias_constraint": _function("clip")}
    return tuple(
        _case("optimizers", arguments, *_training(kernel, 0.125, name))
        for name in (*(f"v1.{name}" for name in names), "keras.SGD", "keras.Adam")
    )


def _degenerate_gradients() -> tuple[Case, ...]:
    cases = []
    for kernel_size, strides in (((3, 2), (2, 1)), ((1, 1), (2, 2)), ((2, 2), (3, 3))):
        for shape in ((1, 0, 3, 2), (1, 3, 0, 2), (0, 2, 3, 2)):
            c = Configuration(
                batch=shape[0], in_channels=2, filters=3, size=shape[1:3], strides=strides,
                kernel_size=kernel_size,
            )  # fmt: skip
            inputs, upstream = np.zeros(shape, np.float32), position_coded(c.output_shape)
            listed = (*c.weights(position_coded(c.kernel_shape)), steps.Gradients(inputs, upstream))
            cases.append(Case("degenerate gradients", c.arguments(), listed))
    return tuple(cases)


def _activation_results() -> tuple[Case, ...]:
    return tuple(
        _case(
            "activation results",
            {"activation": _function(name)},
            *_weights(),
            steps.Call(_inputs()),
        )
        for name in ("total", "first image", "twins", "nothing", "numpy triple")
    )


def _empty_batch_losses() -> tuple[Case, ...]:
    arguments = {"activity_regularizer": _function("sum of squares"), "kernel_regularizer": "l2"}
    empty = steps.Call(np.zeros((0, 4, 5, 2), np.float32))
    return (_case("empty batch losses", arguments, *_weights(), empty, steps.Losses()),)


def _untrainable() -> tuple[Case, ...]:
    arguments = {"trainable": False, "kernel_constraint": "non_neg"}
    return (_case("untrainable", arguments, *_training(small_integers(_KERNEL_SHAPE, 4))),)


def _layouts() -> tuple[Case, ...]:
    build, set_weights = steps.Build((None, 2, None, None)), _weights()[1]
    upstream = steps.ConvolutionOp(_inputs((2, 3, 5, 7)))
    return (_case("layouts", {"data_format": "channels_first"}, build, set_weights, upstream),)


def _all_cases() -> tuple[Case, ...]:
    return (
        *_shape_questions(),
        *_ranks(),
        *_channels(),
        *_unknown_ranks(),
        *_dtype_rules(),
        *_activation_results(),
        *_regularizer_forms(),
        *_loss_targets(),
        *_empty_batch_losses(),
        *_constraint_forms(),
        *_constraint_results(),
        *_special_constraints(),
        *_radial(),
        *_untrainable(),
        *_optimizers(),
        *_degenerate_gradients(),
        *_layouts(),
    )


def _by_family(cases: tuple[Case, ...]) -> dict[str, tuple[Case, ...]]:
    families: dict[str, tuple[Case, ...]] = {}
    for case in cases:
        families[case.family] = (*families.get(case.family, ()), case)
    return families


#: Families all of whose cases are always run.
CASES: Mapping[str, tuple[Case, ...]] = _by_family(_all_cases())
#: What families that are drawn begin with, besides `GEOMETRIES`.
SOFTMAX = _softmax()
GRADIENTS = _gradients()
