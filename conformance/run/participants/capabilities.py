"""What a subject has: as it declares, and beyond that as tiny cases show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model.capabilities import LISTS, Capabilities, lacking
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.steps import Call, ComputeOutputShape, Gradients, Invoke, Train
from conformance.model.values.codec import dtype_or_type, in_a_line
from conformance.run.participants.plainest import FAMILY, PLAIN, Plainest, plainest
from conformance.subjects import Subject, renew
from reports.views.enumeration import how_many


class Declaring:
    """A subject that is not asked for what it declares not to have, or for defaults that it does not offer.

    Args:
        subject: the subject.
        has: what it declares.
        plain: the plainest layer that it offers.
    """

    def __init__(self, subject: Subject, has: Capabilities, plain: Plainest = PLAIN) -> None:
        self.name, self.mode, self.spec = subject.name, subject.mode, subject.spec
        self._subject, self._has, self._plain = subject, has, plain

    def describe(self) -> dict[str, Any]:
        """Return what the subject says about itself."""
        return self._subject.describe()

    def observe(self, case: Case) -> Observation:
        """Run the case, unless it needs what is not there."""
        lacks = lacking(self._has, case) or self._plain.relies_on_another_default(case)
        if lacks is not None:
            return Observation(Outcome(unsupported=lacks))
        return self._subject.observe(case)

    def in_own_terms(self, case: Case) -> Case:
        """Return the case as this subject can be asked."""
        return self._plain.in_own_terms(case)

    def close(self) -> None:
        """Give back processes."""
        self._subject.close()

    def renew(self) -> None:
        """Have the next case meet a process that has done nothing before."""
        renew(self._subject)


def asking(subject: Subject, has: Capabilities, plain: Plainest = PLAIN) -> Subject:
    """Return the subject as it is asked: without what it declares not to have; arguments as of `Declaring`."""
    return Declaring(subject, has, plain) if has or plain != PLAIN else subject


@attrs.frozen
class Probed:
    """What was found.

    Args:
        has: capabilities by name; one that could not be told is missing.
        why: for each that is missing or false, what the subject said to it.
        crash: how the subject's process ended while it was asked, None where it did not.
        plain: what the subject was asked with.
    """

    has: Mapping[str, Any]
    why: Mapping[str, str]
    crash: str | None = None
    plain: Plainest = PLAIN


def probe(subject: Subject, declared: Capabilities) -> Probed:
    """Try what is not declared; nothing more is tried after a crash, which a run will find again."""
    has: dict[str, Any] = dict(declared)
    why: dict[str, str] = {}
    seen: dict[str, Observation] = {}

    def observe(case: Case) -> Observation:
        if case.id not in seen:  # the plainest layer is asked more than once
            seen[case.id] = subject.observe(case)
        return seen[case.id]

    plain = plainest(observe)
    ended = _end(observe(plain.case(Call(plain.inputs()))))
    if ended is not None:
        return Probed(has, why, ended, plain)
    for name, value, case in _cases(plain):
        if name in declared or has.get(name) is True:
            continue
        other = plain.relies_on_another_default(case)
        observation = Observation(Outcome(unsupported=other)) if other else observe(case)
        ended = _end(observation)
        if ended is not None:
            return Probed(has, why, ended, plain)
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
    return Probed(has, {k: v for k, v in why.items() if has.get(k) is not True}, plain=plain)


def _end(observation: Observation) -> str | None:
    """Return how the process ended, or why the case was not tried."""
    return observation.crash if observation.crash is not None else observation.not_tried


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
    came = dtype_or_type(got)
    return None if came == dtype else f"{dtype} went in, {came} came out"


def _cases(plain: Plainest) -> Iterator[tuple[str, str | None, Case]]:
    """Yield a capability, the item of its list, and a case whose last step must give something."""
    inputs = plain.inputs()
    for dtype in LISTS["dtypes"]:
        yield "dtypes", dtype, plain.case(Call(plain.inputs(dtype)), dtype=dtype)
    for layout in LISTS["layouts"]:
        call = Call(plain.inputs(data_format=layout))
        yield "layouts", layout, plain.case(call, data_format=layout)
    yield "dilation", None, plain.case(Call(inputs), dilation_rate=[2, 2])
    extra = [1, 1] if plain.square else [1, 0]
    yield "output_padding", None, plain.case(Call(inputs), strides=(2, 2), output_padding=extra)
    yield "empties", None, plain.case(Call(inputs[:0]))
    yield "activations", None, plain.case(Call(inputs), activation="relu")
    asked = plain.case(Call(inputs))
    yield "initializers", None, Case(FAMILY, asked.arguments, asked.steps[-1:])
    ones = np.ones(plain.configuration((2, 1)).output_shape, inputs.dtype)
    yield "gradients", None, plain.case(Gradients(inputs, ones))
    # A subject that fails at one size alone has them all the same.
    square = attrs.evolve(plain, square=True)
    more = np.ones(square.configuration((2, 1)).output_shape, inputs.dtype)
    yield "gradients", None, square.case(Gradients(square.inputs(), more))
    yield "training", None, plain.case(Train(inputs, ones, 0.5))
    for step in (ComputeOutputShape(inputs.shape), Invoke("count_params"), Invoke("get_config")):
        yield "introspection", None, plain.case(step)
