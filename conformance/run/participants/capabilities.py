"""What a subject has: as it declares, and beyond that as tiny cases show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.model.capabilities import LISTS, Capabilities, lacking
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.steps import (
    Build,
    Call,
    ComputeOutputShape,
    Gradients,
    Invoke,
    SetWeights,
    Shape,
    Step,
    Train,
)
from conformance.model.values.codec import dtype_of, in_a_line
from conformance.subjects import Subject, renew
from reports.views.enumeration import how_many

#: Family of the cases: no check is run on them.
FAMILY = "capabilities"


class Declaring:
    """A subject that is not asked for what it declares not to have."""

    def __init__(self, subject: Subject, has: Capabilities) -> None:
        self.name, self.mode, self.spec = subject.name, subject.mode, subject.spec
        self.target = getattr(subject, "target", None)
        self._subject, self._has = subject, has

    def describe(self) -> dict[str, Any]:
        """Return what the subject says about itself."""
        return self._subject.describe()

    def observe(self, case: Case) -> Observation:
        """Run the case, unless it needs what is not there."""
        lacks = lacking(self._has, case)
        if lacks is not None:
            return Observation(Outcome(unsupported=lacks))
        return self._subject.observe(case)

    def close(self) -> None:
        """Give back processes."""
        self._subject.close()

    def renew(self) -> None:
        """Have the next case meet a process that has done nothing before."""
        renew(self._subject)


@attrs.frozen
class Probed:
    """What was found.

    Args:
        has: capabilities by name; one that could not be told is missing.
        why: for each that is missing or false, what the subject said to it.
        crash: how the subject's process ended while it was asked, None where it did not.
    """

    has: Mapping[str, Any]
    why: Mapping[str, str]
    crash: str | None = None


def probe(subject: Subject, declared: Capabilities) -> Probed:
    """Try what is not declared; nothing more is tried after a crash, which a run will find again."""
    has: dict[str, Any] = dict(declared)
    why: dict[str, str] = {}
    for name, value, case in _cases():
        if name in declared:
            continue
        observation = subject.observe(case)
        if observation.crash is not None or observation.not_tried is not None:
            return Probed(has, why, observation.crash or observation.not_tried)
        absence = _absence(observation, len(case.steps))
        if absence is None and name == "dtypes":
            absence = _cast(observation.outcomes[-1].value, str(value))
        if value is None:
            has[name] = absence is None or has.get(name, False)
        else:
            has.setdefault(name, [])
            has[name] += [value] if absence is None else []
        if absence is not None:
            why[f"{name}: {value}" if value else name] = absence
    return Probed(has, {k: v for k, v in why.items() if has.get(k) is not True})


def _absence(observation: Observation, steps: int) -> str | None:
    """Return why the case's last step gave nothing, None where it gave something."""
    outcome = observation.constructed
    if outcome.error is None and outcome.unsupported is None:
        if len(observation.outcomes) != steps:
            return f"{how_many(len(observation.outcomes), 'outcome')} for {how_many(steps, 'step')}"
        outcome = observation.outcomes[-1]
    said = str(outcome.error) if outcome.error is not None else outcome.unsupported
    return None if said is None else in_a_line(said)


def _cast(got: Any, dtype: str) -> str | None:
    """Return what became of a dtype that is taken and not computed in."""
    came = got.dtype.name if isinstance(got, np.ndarray) else type(got).__name__
    return None if came == dtype else f"{dtype} went in, {came} came out"


def _case(*steps: Step, shape: Shape = (1, 2, 2, 1), **given: Any) -> Case:
    """Return a case of a layer with one channel, two filters and a kernel of two by one, whose weights are set."""
    dtype = given.get("dtype", "float32")
    weights = position_coded((2, 1, 2, 1), dtype), np.zeros(2, dtype_of(dtype))
    arguments = {"filters": 2, "kernel_size": [2, 1], **given}
    return Case(FAMILY, arguments, (Build(shape), SetWeights(weights), *steps))


def _cases() -> Iterator[tuple[str, str | None, Case]]:
    """Yield a capability, the item of its list, and a case whose last step must give something."""
    inputs = position_coded((1, 2, 2, 1))
    for dtype in LISTS["dtypes"]:
        given: dict[str, Any] = {} if dtype == "float32" else {"dtype": dtype}
        yield "dtypes", dtype, _case(Call(inputs.astype(dtype_of(dtype))), **given)
    for layout, shape in zip(LISTS["layouts"], ((1, 2, 2, 1), (1, 1, 2, 2))):
        given = {} if layout == "channels_last" else {"data_format": layout}
        yield "layouts", layout, _case(Call(position_coded(shape)), shape=shape, **given)
    yield "dilation", None, _case(Call(inputs), dilation_rate=[2, 2])
    yield "output_padding", None, _case(Call(inputs), strides=[2, 2], output_padding=[1, 0])
    yield "empties", None, _case(Call(inputs[:0]))
    yield "activations", None, _case(Call(inputs), activation="relu")
    untouched = Case(FAMILY, {"filters": 2, "kernel_size": [2, 1]}, (Call(inputs),))
    yield "initializers", None, untouched
    ones = np.ones((1, 3, 2, 2), np.float32)
    yield "gradients", None, _case(Gradients(inputs, ones))
    yield "training", None, _case(Train(inputs, ones, 0.5))
    for step in (ComputeOutputShape((1, 2, 2, 1)), Invoke("count_params"), Invoke("get_config")):
        yield "introspection", None, _case(step)
