"""How large a case the oracle takes: it refuses what is larger before it takes memory or time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conformance.model.case import Case
from conformance.model.geometry import Geometry

#: Numbers in images, kernel or result, the rows that are cropped included. No answer of so many is read.
ELEMENTS = 2**22
#: Products of one result. The cases of this suite stay far below.
PRODUCTS = 2**31


class OracleError(Exception):
    """The oracle could not compute what a check asked for: the harness is broken, or the case none for a layer."""


def check_case(case: Case) -> None:
    """Raise OracleError where a step of the case is too large; what no layer can do is for others to tell."""
    given = [case.arguments, *(getattr(step, "arguments", None) for step in case.steps)]
    for arguments in given:
        if not isinstance(arguments, Mapping):
            continue
        try:
            geometry = Geometry.of(arguments)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue
        for shape in _shapes(case):
            check_size(geometry, shape)


def _shapes(case: Case) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of images that the case is about, as far as they are four sizes."""
    for step in case.steps:
        inputs: Any = getattr(step, "inputs", None)
        images = (
            inputs.shape if isinstance(inputs, np.ndarray) else getattr(step, "input_shape", ())
        )
        if len(images or ()) == 4 and step.tag != "compute_output_shape":
            # An open size is whatever comes later.
            yield tuple(1 if size is None else size for size in images)


def check_size(geometry: Geometry, shape: tuple[int, ...]) -> None:
    """Raise OracleError where a layer is too large for images of a shape, in the geometry's data format."""
    channels = abs(shape[geometry.channel_axis])
    spatial = [abs(shape[place]) for place in geometry.spatial_axes]
    images = math.prod(map(abs, shape)) // max(channels, 1)
    kernel = [abs(size) for size in geometry.kernel_shape(channels)]
    result = [
        max(length * abs(axis.stride) + abs(axis.extent), abs(axis.output_length(length)))
        for axis, length in zip(geometry.axes, spatial)
    ]
    batch = images // max(math.prod(spatial), 1)
    sizes = {
        "images": images * channels,
        "a kernel": math.prod(kernel),
        "a result": batch * math.prod(result) * kernel[2],
    }
    for what, numbers in sizes.items():
        if numbers > ELEMENTS:
            raise OracleError(f"{what} of {numbers:,} numbers; the oracle's limit is {ELEMENTS:,}")
    products = images * math.prod(kernel)
    if products > PRODUCTS:
        raise OracleError(f"{products:,} products; the oracle's limit is {PRODUCTS:,}")
