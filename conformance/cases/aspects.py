"""Aspects: what a case is about, in the words of somebody who compares implementations.

An ordinary layer is channels last, float32, without dilation and output padding, and its kernel is at least as
long as its stride. What a case has beyond that are its traits, the most basic one first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry

ORDINARY = "kernel ≥ stride"
#: Every aspect, the more basic ones first.
ASPECTS = (
    ORDINARY, "kernel < stride", "output_padding", "dilation", "channels_first", "float16", "bfloat16", "float64",
    "int32", "NaN and infinities", "empty sizes", "gradients", "training", "refusals",
)  # fmt: skip
#: Families that are about something of their own.
_FAMILIES: Mapping[str, str] = {
    "specials": "NaN and infinities",
    "degenerate": "empty sizes",
    "gradients": "gradients",
    "constraints": "training",
    "life cycles": "training",
    "loss gradients": "training",
    "channels": "refusals",
    "ranks": "refusals",
    "mixed dtypes": "refusals",
    "other dtypes": "refusals",
}
#: Families whose cases may be about anything.
_GENERAL = frozenset({"geometry", "numbers", "pairs", "repeats"})
#: What gives the result that a case is about.
_MAIN = (steps.Call, steps.Gradients, steps.Train, steps.LossGradients)


def traits_of(case: Case) -> tuple[str, ...] | None:
    """Return the aspects in which a case is not ordinary, in their order; None where it is about none."""
    own = _FAMILIES.get(case.family)
    if (own is None and case.family not in _GENERAL) or "activation" in case.arguments:
        return None
    try:
        geometry = Geometry.of(case.arguments)
    except (KeyError, TypeError, ValueError):
        return None
    found = {name for name, holds in _TRAITS.items() if holds(case, geometry)}
    found |= {str(case.argument("dtype", "float32")), own or ""}
    return tuple(name for name in ASPECTS if name in found)


def main_step(case: Case) -> int | None:
    """Return the position of the first step whose result the case is about."""
    return next((i for i, step in enumerate(case.steps) if isinstance(step, _MAIN)), None)


def _is_empty(case: Case, _: Geometry) -> bool:
    arrays = [step.inputs for step in case.steps if isinstance(step, steps.Call)]
    return any(isinstance(array, np.ndarray) and array.size == 0 for array in arrays)


_TRAITS: Mapping[str, Callable[[Case, Geometry], bool]] = {
    "kernel < stride": lambda _, g: any(axis.kernel < axis.stride for axis in g.axes),
    "output_padding": lambda _, g: g.height.output_padding is not None,
    "dilation": lambda _, g: any(axis.dilation > 1 for axis in g.axes),
    "channels_first": lambda _, g: g.channels_first,
    "empty sizes": _is_empty,
}
