"""Every check says of right and of wrong answers what is recorded: a verdict that changes must be meant to change.

Each check judges cases of its families, some that are always run and those of `judged_cases.jsonl` (most of which
the families drew once), on a right answer and on answers that are wrong in one place or in all: another number,
shape or dtype, an exception, a process that ended. The snapshot has the kind of each verdict and the step at
which it was found, case by case: `.` holds, `f` fails, `e` error, `u` unsupported, `n` not tried, `?` an answer
that cannot be read; `x5` is five times the same in a row. After a change that is meant:

    python -m pytest conformance/tests/checks/test_recorded_verdicts.py --snapshot-update
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

import reference_impl
from conformance.cases import FAMILIES
from conformance.cases.scripted.expected import (
    Filled,
    Follows,
    Gives,
    Holds,
    Like,
    Raises,
    SameAs,
    Stores,
    Typed,
)
from conformance.cases.scripted.scripts import SCRIPTS
from conformance.checks import CHECKS, Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.judge.judging import is_apart
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.expectation import Expectation, function_arguments
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

# Releases in which norms change, and the last one before.
SUBJECTS = (
    Traits(),
    *(
        Traits(tensorflow=True, release=release, mode=mode)
        for release in ((2, 9), (2, 10), (2, 16))
        for mode in ("eager", "graph")
    ),
    Traits(tensorflow=True, onednn=True),
    Traits(tensorflow=True, mode="graph", onednn=True),
)
ERRORS = (
    "ValueError", "TypeError", "InvalidArgumentError", "AttributeError", "NotImplementedError",
    "UnimplementedError", "IndexError", "ResourceExhaustedError", "InternalError", "KeyError",
)  # fmt: skip
#: What TensorFlow's messages are known by.
WORDS = (
    "only supports the NHWC, expected ndim=4, expected min_ndim=4, rank 4, expected axis -1, "
    "expected axis -3, No "
)
#: Judgements of one check are thinned out evenly beyond so many.
MOST = 450


@functools.cache
def _more_cases() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for line in Path(__file__).with_name("judged_cases.jsonl").read_text("utf-8").splitlines():
        case = Case.from_json(json.loads(line))
        found.setdefault(case.family, []).append(case)
    return found


def _thinned(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, evenly spread."""
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]


def _cases(check: Check) -> list[Case]:
    concerned = [
        case
        for family in check.families
        for case in (*FAMILIES[family].fixed, *_more_cases().get(family, []))
        # In a situation two verdicts count: tests/judge/test_situations.py.
        if case.situation is None and any(check.applies(case, traits) for traits in SUBJECTS)
    ]
    return _thinned(concerned, 20)


# What is right.


def _right(case: Case) -> Observation:
    """What the reference gives; for what only TensorFlow has, what a right TensorFlow would give."""
    random.seed(case.id)  # for weights that start at random
    if case.family.startswith("scripted "):
        return _right_script(case)
    found = observe(case, LayerBackend(reference_impl.Conv2DTranspose))
    filled = []
    for index, (step, outcome) in enumerate(zip(case.steps, found.outcomes)):
        if isinstance(step, (steps.Losses, steps.LossesFor)) and isinstance(outcome.value, list):
            # With NumPy 1 the reference divides a float32 loss by a batch size as float64.
            outcome = Outcome(value=[np.asarray(loss, np.float32) for loss in outcome.value])
        known = outcome.unsupported is None
        filled.append(outcome if known else Outcome(value=_tensorflows(case, index, step, found)))
    return attrs.evolve(found, outcomes=tuple(filled))


def _tensorflows(case: Case, index: int, step: Any, found: Observation) -> Any:
    if isinstance(step, steps.StaticShape) and step.input_shape is not None:
        known = Geometry.of(case.arguments).output_shape(tuple(n or 1 for n in step.input_shape))
        return [None if n is None else size for n, size in zip(step.input_shape, known)]
    if isinstance(step, steps.SecondGradient):
        expectation = Expectation(case)
        inner = expectation.gradients(index)[0].values
        keywords = function_arguments(case)
        upstream = step.output_gradient.astype(np.float64)
        kernel = expectation.weights_at(index)[0]
        return (
            2
            * reference_impl.conv2d_transpose_gradients(inner, kernel, upstream, **keywords).kernel
        )
    if isinstance(step, steps.Train):
        kernel, bias = Expectation(case).weights_at(index)
        return [np.clip(kernel / 2, -2, 2).astype(np.float32), bias]
    calls = [o.value for s, o in zip(case.steps, found.outcomes) if isinstance(s, steps.Call)]
    losses = [
        [np.asarray(loss, np.float32) for loss in o.value]
        for s, o in zip(case.steps, found.outcomes)
        if isinstance(s, steps.Losses)
    ]
    if isinstance(step, steps.Counterpart):
        return calls[0]
    if isinstance(step, steps.LossIdentity):
        activity = "activity_regularizer" in case.arguments
        return [activity and n == 0 for n in range(len(losses[-1]))]
    if isinstance(step, steps.Collection):
        if "activity_regularizer" not in case.arguments:
            return losses[-1]
        return [*losses[-1][1:], losses[0][0], losses[1][0]]
    if isinstance(step, steps.CounterpartSignature):
        names = [
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "output_padding",
            "data_format",
            *_LATER,
        ]
        defaults = {"kernel_initializer": "'glorot_uniform'", "data_format": "None"}
        return [[name, "POSITIONAL_OR_KEYWORD", defaults.get(name, "None")] for name in names]
    if isinstance(step, steps.SourceLines):
        return {
            "Conv2DTranspose": [1477, 1596], "apply": [239, 240], "convolution_op": [217, 232],
            "get_losses_for": [1341, 1358], "get_updates_for": [1322, 1339],
        }  # fmt: skip
    if isinstance(step, steps.WithoutLegacyKeras):
        return "AttributeError: not available with Keras 3"
    return None


_LATER = (
    "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint", "kwargs",
)  # fmt: skip


def _right_script(case: Case) -> Observation:
    """What the script wants, where that says what to give; else what the reference gives."""
    script = next(script for script in SCRIPTS if script.case is case)
    found = observe(case, LayerBackend(reference_impl.Conv2DTranspose))
    outcomes: list[Outcome] = []
    for index, line in enumerate(script.lines):
        given = found.outcomes[index] if index < len(found.outcomes) else Outcome()
        outcomes.append(_wanted(line.expected.eager, given, outcomes))
    constructed = _wanted(script.constructor.eager, found.constructed, [])
    return Observation(constructed, tuple(outcomes))


def _wanted(wanted: Any, given: Outcome, before: Sequence[Outcome]) -> Outcome:
    if isinstance(wanted, Raises):
        name = wanted.error.partition("|")[0]
        moment = wanted.moment or "call"
        return Outcome(error=Error((name, "Exception"), f"says {wanted.fragment}", moment))
    values = {
        Gives: lambda: wanted.value,
        Stores: lambda: wanted.value,
        Holds: lambda: list(wanted.members),
        Like: lambda: re.sub(r"\\d\+", "1", wanted.pattern).replace("\\", ""),
        SameAs: lambda: before[wanted.step].value,
        Follows: lambda: f"{before[wanted.step].value}_1",
        Typed: lambda: np.zeros(3, wanted.dtype),
        Filled: lambda: [np.full(3, number) for number in wanted.numbers],
    }
    if type(wanted) in values:
        return Outcome(value=values[type(wanted)]())
    return given if given.unsupported is None and given.error is None else Outcome()


# What is wrong.


def _wrong_values(value: Any) -> Iterator[Any]:
    """Values that differ from a right one in one way each."""
    yield from (None, "text", [])
    if isinstance(value, np.ndarray):
        yield from _wrong_arrays(value)
    elif isinstance(value, list):
        yield value[:-1]
        yield value[::-1]
        yield [*value, value[-1] if value else 1.0]
        for place, item in enumerate(value[:4]):
            for wrong in _thinned(list(_wrong_values(item)), 7):
                yield [*value[:place], wrong, *value[place + 1 :]]
    elif isinstance(value, dict):
        for key in list(value)[:3]:
            yield {other: item for other, item in value.items() if other != key}
            yield {**value, key: {"type": "Thing", "repr": "<thing>"}}
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from (value + 1, float(value), np.asarray(value))
    elif isinstance(value, str):
        yield from (value + "?", value.upper())


def _wrong_arrays(array: Any) -> Iterator[Any]:
    for axis in range(array.ndim):
        yield (
            np.concatenate([array, array[:0] if axis else array], axis=0)
            if not axis
            else (np.repeat(array, 2, axis=axis))
        )
    yield array[None]
    yield array.astype("float64" if array.dtype.name != "float64" else "float32")
    yield array.swapaxes(0, -1) if array.ndim else array[None]
    yield np.zeros_like(array)
    yield -array if array.dtype.kind not in "bu" else array
    for place in sorted({0, array.size // 2, array.size - 1} if array.size else ()):
        for change in (1, np.nan) if array.dtype.kind in "fV" else (1,):
            wrong = array.copy()
            wrong.flat[place] = wrong.flat[place] + np.asarray(change).astype(array.dtype)
            yield wrong
    if array.dtype.kind == "f":
        yield (array * (1 + 2.0**-16)).astype(array.dtype)


def _wrong(right: Observation, case: Case) -> Iterator[Observation]:
    count = len(case.steps)
    yield Observation(not_tried="for the test")
    yield Observation(crash="signal 6")
    yield Observation(constructed=Outcome(unsupported="has no layers"))
    yield attrs.evolve(right, outcomes=right.outcomes[:-1])
    for name in ERRORS:
        types = (name, "Exception")
        told = [Error(types, WORDS, step.tag) for step in case.steps]
        yield Observation(outcomes=tuple(Outcome(error=error) for error in told))
        yield Observation(outcomes=(Outcome(error=Error(types, "says why", "run")),) * count)
        yield Observation(constructed=Outcome(error=Error(types, WORDS, "construct")))
    for place, outcome in enumerate(right.outcomes):
        strange = Error(("KeyError", "LookupError", "Exception"), "nonsense", "nowhere")
        changed = [
            Outcome(error=strange),
            Outcome(unsupported="has no such step"),
            attrs.evolve(outcome, modified=("inputs", "kernel")),
            *(Outcome(value=value) for value in _wrong_values(outcome.value)),
        ]
        for one in changed:
            rest = right.outcomes[place + 1 :]
            yield attrs.evolve(right, outcomes=(*right.outcomes[:place], one, *rest))


# What is said.


def _verdict(check: Check, case: Case, answer: Observation, traits: Traits) -> str:
    try:
        found = check.judge(View(case, answer, _expectation(case), traits))
    except NotSupported:
        return "u"
    except NotTried:
        return "n"
    except Misbehaved as reason:
        return _at("e", reason.step)
    except (TypeError, AttributeError, ValueError, KeyError, IndexError):
        return "?"  # judging then says that the answer has another form than the oracle's
    return "." if found is None else _at("f", found.step)


def _at(kind: str, step: int | None) -> str:
    return kind if step is None else f"{kind}{step}"


@functools.cache
def _expectation(case: Case) -> Expectation:
    return Expectation(case)


@functools.cache
def _answers(case: Case) -> tuple[Observation, ...]:
    right = _right(case)
    return (right, *_wrong(right, case))


def _verdicts(check: Check) -> Iterator[str]:
    """Case by case: right answers of every subject, wrong ones of each subject in turn."""
    answers = [(case, answer) for case in _cases(check) for answer in _answers(case)]
    turn = itertools.count()
    for case, found in itertools.groupby(_thinned(answers, MOST), lambda pair: pair[0]):
        concerned = [traits for traits in SUBJECTS if check.applies(case, traits)]
        judged = [_verdict(check, case, _answers(case)[0], traits) for traits in concerned]
        for _, answer in found:
            traits = concerned[next(turn) % len(concerned)]
            judged.append(_verdict(check, case, answer, traits))
        yield " ".join(_counted(judged))


def _counted(verdicts: list[str]) -> Iterator[str]:
    for verdict, same in itertools.groupby(verdicts):
        count = len(list(same))
        yield verdict if count == 1 else f"{verdict}x{count}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "check",
    [check for check in CHECKS if not is_apart(check)],
    ids=lambda check: check.name,
)
def test_the_verdicts_are_the_recorded_ones(check: Check, snapshot: SnapshotAssertion) -> None:
    assert " | ".join(_verdicts(check)) == snapshot
