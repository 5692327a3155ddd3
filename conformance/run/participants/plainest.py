"""The plainest layer that a subject offers: what tiny cases are made of.

A layer of half precision, of channels_first, without a bias or of square kernels alone is asked in its own
terms, so that what it has is seen, and nothing that it never offered is called wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded
from conformance.model.capabilities import LISTS
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.steps import (
    Build,
    Call,
    ComputeOutputShape,
    GetWeights,
    Gradients,
    SetWeights,
    Step,
)
from conformance.model.values.codec import Array, dtype_of

#: Family of the cases: no check is run on them.
FAMILY = "capabilities"

#: Steps that mean the same of a layer without a bias, and of one with channels first.
_TURNED = (Build, SetWeights, Call, ComputeOutputShape, Gradients, GetWeights)
#: How families begin whose cases say what comes of each step.
_SCRIPTED = "scripted"
#: What nobody gives to a layer without a bias.
_OF_BIAS = ("bias_initializer", "bias_regularizer", "bias_constraint")

_DTYPES = ("float32", *(name for name in LISTS["dtypes"] if name != "float32"))


@attrs.frozen
class Plainest:
    """What every tiny case of a subject has; the defaults are what nearly all layers offer."""

    dtype: str = "float32"
    data_format: str = "channels_last"
    use_bias: bool = True
    square: bool = False

    def __str__(self) -> str:
        """Return what is unlike the defaults, such as `float16, without bias`."""
        told = (
            (self.dtype, self.dtype != "float32"),
            (self.data_format, self.data_format != "channels_last"),
            ("without bias", not self.use_bias),
            ("square kernels and strides", self.square),
        )
        return ", ".join(text for text, is_told in told if is_told)

    def relies_on_another_default(self, case: Case) -> str | None:
        """Return which default of the page a case needs and the layer does not offer; None where there is none.

        Such a layer has a default of its own, and the case means another layer.
        """
        if not case.steps:
            return None
        by_call = isinstance(case.steps[0], Call)  # then its input decides about the dtype
        for name in ("data_format", "use_bias", *(() if by_call else ("dtype",))):
            default = getattr(PLAIN, name)
            if getattr(self, name) != default and case.arguments.get(name) is None:
                return f"does not offer {name}={default!r}, the default"
        return None

    def in_own_terms(self, case: Case) -> Case:
        """Return the case without a bias, or with channels first, where it asks for a default that there is not.

        A case whose steps mean something else then stays as it is, and so does a scripted one, which says itself
        what comes of its steps.
        """
        if self.use_bias and not self.is_first:
            return case  # nearly all subjects, of every case and check
        if case.family.startswith(_SCRIPTED) or not all(type(s) in _TURNED for s in case.steps):
            return case
        has = {name for name, value in case.arguments.items() if value is not None}
        arguments, own_steps = dict(case.arguments), case.steps
        if not self.use_bias and not has & {"use_bias", *_OF_BIAS}:
            given = [step.values for step in own_steps if isinstance(step, SetWeights)]
            if not given or any(len(values) != 2 for values in given):
                return case
            arguments["use_bias"] = False
            own_steps = tuple(
                SetWeights(step.values[:1]) if isinstance(step, SetWeights) else step
                for step in own_steps
            )
        if self.is_first and "data_format" not in has:
            try:
                own_steps = tuple(map(_channels_first, own_steps))
            except ValueError:  # another number of axes
                return case
            arguments["data_format"] = "channels_first"
        if own_steps is case.steps:
            return case
        return attrs.evolve(case, arguments=arguments, steps=own_steps)

    @property
    def is_first(self) -> bool:
        """Whether channels come before height and width."""
        return self.data_format == "channels_first"

    def configuration(
        self, kernel_size: tuple[int, int], strides: tuple[int, int] = (1, 1), **more: Any
    ) -> Configuration:
        """Return a configuration in these terms; of a square layer the longer side counts for both."""
        sizes: dict[str, Any] = {"kernel_size": kernel_size, "strides": strides}
        if self.square:
            sizes = {name: (max(pair),) * 2 for name, pair in sizes.items()}
        given: dict[str, Any] = {"batch": 1, "in_channels": 1, "filters": 2, "size": (2, 2), **more}
        own = {"dtype": self.dtype, "data_format": self.data_format, "use_bias": self.use_bias}
        return Configuration(**{**sizes, **own, **given})

    def case(self, *steps: Step, **given: Any) -> Case:
        """Return a case of one channel, two filters and a kernel of two by one, with its weights set."""
        dtype = given.pop("dtype", self.dtype)
        data_format = given.pop("data_format", self.data_format)
        c = self.configuration(
            (2, 1), given.pop("strides", (1, 1)), dtype=dtype, data_format=data_format
        )
        bias = np.zeros(2, dtype_of(dtype))
        weights = c.weights(position_coded(c.kernel_shape, dtype), bias)
        return Case(FAMILY, c.arguments(**given), (*weights, *steps))

    def inputs(self, dtype: str | None = None, data_format: str | None = None) -> Array:
        """Return an image of two by two pixels for `case`."""
        first = (data_format or self.data_format) == "channels_first"
        return position_coded((1, 1, 2, 2) if first else (1, 2, 2, 1), dtype or self.dtype)


def _channels_first(step: Step) -> Step:
    """Return a step of a channels_last layer as one of channels_first; ValueError for other than four axes."""
    changes: dict[str, Any] = {}
    for name, value in attrs.asdict(step, recurse=False).items():
        if isinstance(value, np.ndarray):
            # Row by row, as every array is that no situation lays out otherwise.
            changes[name] = np.ascontiguousarray(value.transpose(0, 3, 1, 2))
        elif name == "input_shape":
            batch, height, width, channels = value
            changes[name] = (batch, channels, height, width)
    return attrs.evolve(step, **changes)


#: What nearly all layers offer.
PLAIN = Plainest()


def plainest(observe: Callable[[Case], Observation]) -> Plainest:
    """Return the plainest layer that a subject does not call unsupported; the default where it has none.

    A default of the page that the subject refuses when it is told so is none of its own, in whatever words the
    constructor refuses it.
    """
    for one in _all():
        case = one.case(Call(one.inputs()))
        seen = observe(case)
        if any(outcome.unsupported is not None for outcome in seen.all_outcomes):
            continue
        if seen.crash is not None or seen.not_tried is not None:
            return one  # a process that has ended is not asked again
        told = (
            attrs.evolve(case, arguments={**case.arguments, name: getattr(one, name)})
            for name in ("dtype", "data_format", "use_bias")
            if name not in case.arguments
        )
        made = seen.constructed.error is None
        refused = (
            (made and other.constructed.error is not None)
            or any(outcome.refusal for outcome in other.all_outcomes)
            for other in map(observe, told)
        )
        if not any(refused):
            return one
    return PLAIN


def _all() -> Iterator[Plainest]:
    """Yield the kinds of layers, those with the fewest peculiarities first."""
    product = itertools.product(_DTYPES, LISTS["layouts"], (True, False), (False, True))
    yield from sorted(
        itertools.starmap(Plainest, product),
        key=lambda one: sum(
            a != b for a, b in zip(attrs.astuple(one), attrs.astuple(PLAIN), strict=True)
        ),
    )
