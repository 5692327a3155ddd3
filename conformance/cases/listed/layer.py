"""The layer that most listed cases are about, and the parts that its cases are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array

LAYER = {"filters": 3, "kernel_size": [2, 3]}
SHAPE = (2, 4, 5, 2)
KERNEL_SHAPE = (2, 3, 3, 2)


def weights(kernel: Array | None = None, bias: Array | None = None) -> tuple[steps.Step, ...]:
    """Return steps that build the layer and set its weights."""
    kernel = small_integers(KERNEL_SHAPE, 1) if kernel is None else kernel
    bias = position_coded((kernel.shape[2],), start=-1) if bias is None else bias
    return steps.Build((None, None, None, kernel.shape[3])), steps.SetWeights((kernel, bias))


def case(family: str, more: Mapping[str, Any], *listed: steps.Step) -> Case:
    """Return a case of the layer with some arguments more."""
    return Case(family, {**LAYER, **more}, listed)


def inputs(shape: tuple[int, ...] = SHAPE, dtype: str = "float32") -> Array:
    """Return small integers as inputs."""
    return small_integers(shape, 2, dtype)


def function(name: str) -> dict[str, str]:
    """Return the argument that names one of the suite's functions."""
    return {"function": name}
