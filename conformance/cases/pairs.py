"""Cases that together show every possible pair of parameter values (`conformance.cases.space`).

A greedy covering array: out of a fixed pool of layers that TensorFlow accepts, take the one that shows most
pairs not shown yet, until nothing is missing. The values are partly consequences of each other (a stride and
a kernel decide their overlap), so picking whole layers needs no solver of constraints.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import attrs
import numpy as np

from conformance.cases import space as coverage
from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded, small_integers
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.geometry import Axis

T = TypeVar("T")

_POOL = 1600
_KERNELS = (1, 2, 3, 4, 6, 7)
_STRIDES = (1, 2, 3, 7)
_SIZES = (0, 1, 2, 3)
_ACTIVATIONS = (None, None, "relu", "tanh", "softmax")
_DTYPES = ("float16", "bfloat16", "float32", "float64", "int32")
#: Small enough that sums of so many products of -1, 0 and 1 are exact in bfloat16.
_MOST_TERMS = 200


@attrs.frozen
class Layer:
    """A layer, an input's shape and dtype: what the values of a case follow from."""

    configuration: Configuration
    activation: str | None

    @property
    def is_accepted(self) -> bool:
        """Whether TensorFlow accepts the layer and the input, and small integers sum exactly."""
        c = self.configuration
        if min(c.output_shape) < 0:
            return False  # output padding of an image without rows
        if self.activation in ("tanh", "softmax") and c.dtype == "int32":
            return False
        if self.activation == "softmax" and 0 in c.output_shape[1:]:
            return False  # the oracle has no largest number of none
        return c.terms <= _MOST_TERMS and all(map(_has_a_size, c.geometry.axes))

    def case(self) -> Case:
        """Return the case, its data position-coded unless that would have to be rounded."""
        c = self.configuration
        more = {} if self.activation is None else {"activation": self.activation}
        if self.activation is not None or c.dtype in ("float16", "bfloat16"):
            inputs = small_integers(c.input_shape(), 1, c.dtype, largest=1)
            kernel = small_integers(c.kernel_shape, 2, c.dtype, largest=1)
        else:
            inputs = position_coded(c.input_shape(), c.dtype)
            kernel = position_coded(c.kernel_shape, c.dtype)
        return Case("pairs", c.arguments(**more), (*c.weights(kernel), steps.Call(inputs)))


def _has_a_size(axis: Axis) -> bool:
    """Tell whether the output padding is legal; `same` with an even kernel and 0 fails (ARG-14)."""
    extra = axis.output_padding
    if extra is None:
        return True
    return extra < axis.stride and (extra > 0 or not axis.same or axis.extent % 2 == 1)


def _draw(generator: random.Random) -> Layer:
    def pick(choices: Sequence[T]) -> T:
        # `random` alone is promised to give the same numbers in every release of Python.
        return choices[int(generator.random() * len(choices))]

    dilation = pick((1, 1, 2, 3))
    strides = (1, 1) if dilation > 1 else (pick(_STRIDES), pick(_STRIDES))
    extra = (pick(range(strides[0])), pick(range(strides[1])))
    return Layer(
        Configuration(
            batch=pick((0, 1, 2)),
            in_channels=pick((0, 1, 2, 3)),
            filters=pick((1, 2, 3)),
            size=(pick(_SIZES), pick(_SIZES)),
            strides=strides,
            kernel_size=(pick(_KERNELS), pick(_KERNELS)),
            padding=pick(("valid", "same")),
            data_format=pick(("channels_last", "channels_first")),
            dilation_rate=dilation,
            output_padding=pick((None, None, (0, 0), extra)),
            use_bias=pick((True, False)),
            dtype=pick(_DTYPES),
        ),
        pick(_ACTIVATIONS),
    )


def pool() -> list[Case]:
    """Return the layers to choose from, always the same."""
    generator = random.Random(0)
    layers = (_draw(generator) for _ in range(_POOL))
    return [layer.case() for layer in layers if layer.is_accepted]


def covering(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return few of `cases` that together show every pair that `cases` show."""
    rows = coverage.table(map(coverage.values_of, cases)).astype(float)  # sums of floats are faster
    missing = np.triu(rows.T @ rows > 0, 1).astype(float)
    chosen: list[Case] = []
    while missing.any():
        gains = np.sum((rows @ missing) * rows, axis=1)
        best = int(np.argmax(gains))
        chosen.append(cases[best])
        missing[np.outer(rows[best], rows[best]) > 0] = 0
    return tuple(chosen)


#: The covering array.
PAIRS = covering(pool())
