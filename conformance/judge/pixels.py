"""The pixel of a wrong element by itself: a smaller case that may fail in the same way.

Listed cases of activations and special numbers are long rows behind a kernel of one tap. No drawn case need
fail as they do.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from conformance.judge.judging import Failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array

#: What the layer may be, so that a pixel of the output depends on the one pixel of the input in its place.
_PLAIN = {"kernel_size": (1, [1, 1]), "strides": (1, [1, 1])}


def of_one_pixel(failure: Failure) -> Iterator[Case]:
    """Yield the failing case with one image of one pixel, where its wrong element depends on no other.

    Of a layer with channels first, the same pixel in the plain layout comes before that.
    """
    case, step, index = failure.case, failure.mismatch.step, failure.mismatch.index
    if step is None or index is None or len(index) != 4 or case.situation is not None:
        return
    *before, call = case.steps[: step + 1]
    plain = all(case.argument(name, 1) in values for name, values in _PLAIN.items())
    plain &= case.argument("output_padding") is None
    plain &= all(isinstance(one, (steps.Build, steps.SetWeights)) for one in before)
    if not plain or not isinstance(call, steps.Call) or call.inputs.ndim != 4:
        return
    axes = (0, 2, 3) if case.argument("data_format") == "channels_first" else (0, 1, 2)
    if any(index[axis] >= call.inputs.shape[axis] for axis in axes):
        return
    pixel = call.inputs[
        tuple(slice(index[a], index[a] + 1) if a in axes else slice(None) for a in range(4))
    ]
    if pixel.size >= call.inputs.size:
        return
    if axes[1] == 2:  # the layout may not matter
        plainer = {name: one for name, one in case.arguments.items() if name != "data_format"}
        yield _called_on(attrs.evolve(case, arguments=plainer), step, np.moveaxis(pixel, 1, 3))
    yield _called_on(case, step, pixel)


def _called_on(case: Case, step: int, inputs: Array) -> Case:
    """Return the case up to a call, built for and called on other inputs."""
    *before, call = case.steps[: step + 1]
    built = (
        attrs.evolve(one, input_shape=inputs.shape) if isinstance(one, steps.Build) else one
        for one in before
    )
    return attrs.evolve(case, steps=(*built, attrs.evolve(call, inputs=inputs.copy())))  # type: ignore[call-arg]
