"""Strategies: how each family's cases are drawn, and with which data.

One case serves many clauses, so a family is a way of making data, not a clause.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import attrs
from hypothesis import strategies as st

from conformance.cases.drawn.configurations import Configuration, configurations
from conformance.cases.drawn.data import position_coded, reals, small_integers, with_specials
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array

SEEDS = st.integers(0, 2**16)
FLOATS = ("float32", "float64", "float16", "bfloat16")
#: Dtypes of layers that are trained.
_TRAINED = ("float32", "float32", "float64")
#: Activations that every Keras since 2.9 knows by name.
ACTIVATIONS = (
    "linear", "relu", "relu6", "elu", "selu", "exponential", "sigmoid", "hard_sigmoid", "tanh",
    "softplus", "softsign", "swish", "gelu", "softmax",
)  # fmt: skip
#: The activations that make each number of a whole vector.
OF_VECTORS = ("softmax", "log_softmax")
#: The factors of the first three are no sums of powers of 2: in a float64 layer they are rounded (LOSS-12).
REGULARIZERS = (
    "l2",
    "l1",
    "l1_l2",
    {"class_name": "L2", "config": {"l2": 0.25}},
    {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.125}},
    {"function": "sum"},
    {"function": "sum of squares"},
    {"function": "half l1"},
)
CONSTRAINTS = (
    "non_neg",
    "max_norm",
    "unit_norm",
    "min_max_norm",
    {"class_name": "MaxNorm", "config": {"max_value": 1.5, "axis": [0, 1, 3]}},
    {"class_name": "UnitNorm", "config": {"axis": [0, 1, 2]}},
    {
        "class_name": "MinMaxNorm",
        "config": {"min_value": 1.0, "max_value": 3.0, "rate": 0.5, "axis": 1},
    },
    {"function": "double plus one"},
    {"function": "negate"},
    {"function": "clip"},
)


def _some_of(*names: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw one of the combinations of these names, each as likely as any other; sets would be mostly small."""
    counts = range(1, len(names) + 1)
    return st.sampled_from([c for n in counts for c in itertools.combinations(names, n)])


@st.composite
def geometry_cases(draw: st.DrawFn) -> Case:
    """Position-coded integers: where does every product land?"""
    c = draw(configurations())
    return geometry_case(c)


def geometry_case(c: Configuration, family: str = "geometry", kernel: Array | None = None) -> Case:
    """Return the case with position-coded data for a configuration; the kernel may be another one."""
    inputs = position_coded(c.input_shape(), c.dtype)
    kernel = position_coded(c.kernel_shape, c.dtype) if kernel is None else kernel
    return Case(
        family,
        c.arguments(),
        (
            steps.ComputeOutputShape(c.input_shape()),
            *c.weights(kernel),
            steps.GetWeights(),
            steps.Call(inputs),
        ),
    )


@st.composite
def number_cases(draw: st.DrawFn) -> Case:
    """Random numbers in every dtype: is the arithmetic as precise as its format?"""
    c = draw(configurations(dtypes=(*FLOATS, "int32"), largest_kernel=4, largest_size=4))
    seed = draw(SEEDS)
    integral = c.dtype == "int32" or draw(st.booleans())
    make = small_integers if integral else reals
    if c.dtype == "bfloat16" and c.terms > 60:
        make = small_integers
    inputs, kernel = make(c.input_shape(), seed, c.dtype), make(c.kernel_shape, seed + 1, c.dtype)
    bias = make((c.filters,), seed + 2, c.dtype)
    return Case("numbers", c.arguments(), (*c.weights(kernel, bias), steps.Call(inputs)))


@st.composite
def repeat_cases(draw: st.DrawFn) -> Case:
    """The same call twice, with another shape and a part of the batch in between."""
    c = draw(configurations(largest_kernel=3, largest_size=4))
    seed = draw(SEEDS)
    height, width = c.size
    # One axis longer: what that call leaves in memory fits the next one.
    batch, size = draw(
        st.sampled_from(
            ((1, (width + 1, height + 1)), (3, (height + 1, width)), (3, (height, width + 1)))
        )
    )
    return repeat_case(c, batch, size, seed)


def repeat_case(c: Configuration, batch: int, size: tuple[int, int], seed: int) -> Case:
    """Return the calls of three images, of `batch` images of another size, and of the three again."""
    inputs = reals(c.input_shape(batch=3), seed)
    other = reals(c.input_shape(batch=batch, size=size), seed + 1)
    kernel = reals(c.kernel_shape, seed + 2)
    return Case(
        "repeats",
        c.arguments(),
        (
            *c.weights(kernel, reals((c.filters,), seed + 3)),
            steps.Call(inputs),
            steps.Call(other),
            steps.Call(inputs),
            steps.Call(inputs[:1]),
            steps.Call(inputs[1:]),
        ),
    )


@st.composite
def unknown_size_cases(draw: st.DrawFn) -> Case:
    """Shapes with unknown sizes, and the same shape when everything is known."""
    c = draw(configurations(largest_kernel=4, largest_size=4))
    hidden = draw(st.sets(st.sampled_from((0, *c.geometry.spatial_axes)), min_size=1))
    return unknown_size_case(c, hidden)


def unknown_size_case(c: Configuration, hidden: Collection[int]) -> Case:
    """Return a case about the shape of an input of which some axes' sizes are unknown."""
    shape = c.input_shape()
    unknown = tuple(None if place in hidden else size for place, size in enumerate(shape))
    return Case(
        "unknown sizes",
        c.arguments(),
        (
            steps.ComputeOutputShape(unknown),
            steps.ComputeOutputShape(shape),
            *c.weights(position_coded(c.kernel_shape)),
            steps.StaticShape(unknown),
            steps.Call(position_coded(shape)),
        ),
    )


@st.composite
def special_cases(draw: st.DrawFn) -> Case:
    """NaN, infinities and negative zeros in the input or the kernel."""
    c = draw(configurations(largest_kernel=4, largest_size=4))
    seed = draw(SEEDS)
    inputs, kernel = position_coded(c.input_shape()), position_coded(c.kernel_shape)
    places = draw(st.sampled_from(("inputs", "kernel", "both")))
    # TensorFlow pads a dilated layer's input to a multiple of the rate, and the zeros meet a NaN
    # in the kernel (ADD-02): where that would matter only the input is special.
    if c.dilation_rate > 1 and any(size % c.dilation_rate for size in c.size):
        places = "inputs"
    count = draw(st.integers(1, 3))
    if places != "kernel":
        inputs = with_specials(inputs, seed, count)
    if places != "inputs":
        kernel = with_specials(kernel, seed + 1, count)
    return Case("specials", c.arguments(), (*c.weights(kernel), steps.Call(inputs)))


@st.composite
def degenerate_cases(draw: st.DrawFn) -> Case:
    """Empty batches, images without rows or columns, inputs without channels."""
    c = draw(configurations(largest_kernel=3, largest_size=3))
    empty = draw(st.sampled_from(("batch", "height", "width", "channels")))
    sizes: dict[str, dict[str, Any]] = {
        "batch": {"batch": 0},
        "height": {"size": (0, c.size[1])},
        "width": {"size": (c.size[0], 0)},
        "channels": {"in_channels": 0},
    }
    c = attrs.evolve(c, **sizes[empty])
    # `output_padding` and dilation of nothing are left to TensorFlow's own errors.
    c = attrs.evolve(c, output_padding=None, dilation_rate=1)
    kernel = position_coded(c.kernel_shape)
    return Case(
        "degenerate",
        c.arguments(),
        (*c.weights(kernel), steps.Call(position_coded(c.input_shape()))),
    )


@st.composite
def activation_cases(draw: st.DrawFn) -> Case:
    """Activations by name, on small integers, so that only the activation itself can round."""
    c = draw(configurations(largest_kernel=3, largest_size=3))
    seed = draw(SEEDS)
    activation = draw(st.sampled_from((*ACTIVATIONS, "triple")))
    named = {"function": activation} if activation == "triple" else activation
    return Case(
        "activations",
        c.arguments(activation=named),
        (
            *c.weights(
                small_integers(c.kernel_shape, seed, largest=1),
                small_integers((c.filters,), seed + 1),
            ),
            steps.Call(small_integers(c.input_shape(), seed + 2)),
        ),
    )


@st.composite
def loss_cases(draw: st.DrawFn) -> Case:
    """Regularizers of kernel, bias and output; two calls, and new weights between readings."""
    c = draw(configurations(dtypes=_TRAINED, largest_kernel=3, largest_size=3, plain=True))
    c = attrs.evolve(c, data_format=draw(st.sampled_from(("channels_last", "channels_first"))))
    seed = draw(SEEDS)
    chosen = draw(_some_of("activity", "kernel", "bias"))
    forms = REGULARIZERS if c.dtype == "float32" else REGULARIZERS[3:]
    more: dict[str, Any] = {
        f"{part}_regularizer": draw(st.sampled_from(forms)) for part in sorted(chosen)
    }
    if draw(st.integers(0, 3)) == 3:
        more["trainable"] = False
    if draw(st.booleans()):
        more["activation"] = "relu"
    kernel = small_integers(c.kernel_shape, seed, c.dtype)
    bias = small_integers((c.filters,), seed + 1, c.dtype)
    other = (kernel + 1, bias - 1) if c.use_bias else (kernel + 1,)
    first = small_integers(c.input_shape(), seed + 2, c.dtype)
    second = small_integers(c.input_shape(batch=c.batch + 1), seed + 3, c.dtype)
    return Case(
        "losses",
        c.arguments(**more),
        (
            *c.weights(kernel, bias),
            steps.Call(first),
            *loss_readings(second, other),
        ),
    )


def loss_readings(second: Array, other: tuple[Array, ...]) -> tuple[steps.Step, ...]:
    """Return what follows the first call in a case of losses: a call of `second`, and `other` weights."""
    return (
        steps.Losses(),
        steps.Call(second),
        steps.Losses(),
        steps.SetWeights(other),
        steps.Losses(),
        steps.LossIdentity(),
        steps.LossesFor("inputs"),
        steps.LossesFor("none"),
        steps.UpdatesFor("inputs"),
        steps.Collection("regularization_losses"),
    )


@st.composite
def constraint_cases(draw: st.DrawFn) -> Case:
    """One training step on small integers, so that the update itself is exact."""
    c = draw(configurations(dtypes=_TRAINED, largest_kernel=4, largest_size=3, plain=True))
    seed = draw(SEEDS)
    chosen = draw(_some_of("kernel", "bias"))
    # The first one is for float32 alone (CONS-11).
    of_kernels = CONSTRAINTS if c.dtype == "float32" else CONSTRAINTS[1:]
    more = {
        f"{part}_constraint": draw(
            st.sampled_from(of_kernels if part == "kernel" else CONSTRAINTS[-3:])
        )
        for part in sorted(chosen)
    }
    return Case(
        "constraints",
        c.arguments(**more),
        (
            *c.weights(
                small_integers(c.kernel_shape, seed, c.dtype, largest=4),
                small_integers((c.filters,), seed, c.dtype),
            ),
            steps.GetWeights(),
            steps.Train(
                small_integers(c.input_shape(), seed + 1, c.dtype, largest=1),
                small_integers(c.output_shape, seed + 2, c.dtype, largest=1),
                draw(st.sampled_from((0.5, 0.25, 1.0, 0.0))),
            ),
        ),
    )


@st.composite
def gradient_cases(draw: st.DrawFn) -> Case:
    """Gradients by input, kernel and bias: position-coded integers and random numbers."""
    c = draw(configurations(dtypes=_TRAINED, largest_kernel=4, largest_size=4))
    seed = draw(SEEDS)
    if draw(st.booleans()):
        inputs = reals(c.input_shape(), seed, c.dtype)
        kernel = reals(c.kernel_shape, seed + 1, c.dtype)
        upstream = reals(c.output_shape, seed + 2, c.dtype)
    else:
        inputs = position_coded(c.input_shape(), c.dtype)
        kernel = position_coded(c.kernel_shape, c.dtype)
        upstream = small_integers(c.output_shape, seed, c.dtype, largest=9)
    return Case(
        "gradients",
        c.arguments(),
        (
            *c.weights(kernel),
            steps.Gradients(inputs, upstream),
            steps.ConvolutionOp(upstream),
            steps.SecondGradient(inputs, upstream),
            # Of the same shapes: nothing of the first may be left.
            steps.Gradients(inputs[..., ::-1].copy(), upstream[::-1].copy()),
        ),
    )


@st.composite
def activation_gradient_cases(draw: st.DrawFn) -> Case:
    """Gradients through an activation, twice, on small integers, so that its arguments are exact."""
    c = draw(configurations(dtypes=("float32", "float64"), largest_kernel=3, largest_size=3))
    seed = draw(SEEDS)
    activation = draw(st.sampled_from(ACTIVATIONS[1:]))
    weights = c.weights(
        small_integers(c.kernel_shape, seed, c.dtype, largest=1),
        small_integers((c.filters,), seed + 1, c.dtype),
    )
    twice = (
        steps.Gradients(
            small_integers(c.input_shape(), seed + number, c.dtype),
            small_integers(c.output_shape, seed + number + 1, c.dtype, largest=9),
        )
        for number in (2, 4)
    )
    return Case("activation gradients", c.arguments(activation=activation), (*weights, *twice))


@st.composite
def loss_gradient_cases(draw: st.DrawFn) -> Case:
    """Gradients of the regularizers."""
    c = draw(configurations(dtypes=_TRAINED, largest_kernel=3, largest_size=2, plain=True))
    seed = draw(SEEDS)
    forms = REGULARIZERS[:5] if c.dtype == "float32" else REGULARIZERS[3:5]
    chosen = draw(_some_of("kernel", "bias")) if c.use_bias else ("kernel",)
    more = {f"{part}_regularizer": draw(st.sampled_from(forms)) for part in chosen}
    return Case(
        "loss gradients",
        c.arguments(**more),
        (
            *c.weights(
                small_integers(c.kernel_shape, seed, c.dtype),
                small_integers((c.filters,), seed + 1, c.dtype),
            ),
            steps.LossGradients(),
        ),
    )


@st.composite
def round_trip_cases(draw: st.DrawFn) -> Case:
    """A configuration with everything in it, and the layer made of it again."""
    c = draw(configurations(largest_kernel=3, largest_size=3))
    more: dict[str, Any] = {"name": draw(st.sampled_from(("one", "two/three")))}
    choices: dict[str, tuple[Any, ...]] = {
        "activation": ("relu", "tanh", None),
        "kernel_regularizer": REGULARIZERS[:5],
        "bias_regularizer": REGULARIZERS[:5],
        "activity_regularizer": REGULARIZERS[:5],
        "kernel_constraint": CONSTRAINTS[:7],
        "bias_constraint": ("non_neg", "max_norm"),
        "kernel_initializer": ("he_normal", "ones", {"class_name": "RandomUniform", "config": {"seed": 3}}),
        "trainable": (True, False),
    }  # fmt: skip
    for name in sorted(draw(st.sets(st.sampled_from(sorted(choices))))):
        more[name] = draw(st.sampled_from(choices[name]))
    inputs, kernel = position_coded(c.input_shape()), position_coded(c.kernel_shape)
    weights = c.weights(kernel)
    return Case(
        "round trips",
        c.arguments(**more),
        (
            *weights,
            steps.Call(inputs),
            steps.Counterpart(inputs),
            steps.RoundTrip(),
            *weights,
            steps.Call(inputs),
        ),
    )
