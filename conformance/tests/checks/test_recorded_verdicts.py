"""Every check says of right and of wrong answers what is recorded: a verdict that changes must be meant to change.

Each check judges cases of its families, some that are always run and those of `judged_cases.jsonl` (most of which
the families drew once), on a right answer and on answers that are wrong in one place or in all: another number,
shape or dtype, an exception, a process that ended. `verdicts.txt` has for each check what it said, how often, and
of which subjects, with every number as `#`; the digest stands for the same verdicts in full. After a change that
is meant:

    RECORD_VERDICTS=1 python -m pytest conformance/tests/checks/test_recorded_verdicts.py

writes the record, and with it `verdicts-in-full.txt`, which is not kept: its difference from the one before the
change shows each verdict.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import reference_impl
from conformance.cases import FAMILIES
from conformance.cases.scripted.interface import SCENES
from conformance.cases.scripted.scenes import (
    Filled,
    Follows,
    Gives,
    Holds,
    Like,
    Raises,
    SameAs,
    Typed,
)
from conformance.checks import CHECKS, Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.model import case as steps
from conformance.model.case import Case, step_name
from conformance.model.geometry import Geometry
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.expectation import Expectation
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

HERE = Path(__file__).parent
RECORDED, IN_FULL = HERE / "verdicts.txt", HERE / "verdicts-in-full.txt"
# Releases in which norms change, and the last one before.
SUBJECTS = {
    "off": Traits(),
    **{
        f"{'.'.join(map(str, release))} {mode}": Traits(tensorflow=True, release=release, mode=mode)
        for release in ((2, 9), (2, 10), (2, 16))
        for mode in ("eager", "graph")
    },
    "oneDNN": Traits(tensorflow=True, onednn=True),
    "oneDNN graph": Traits(tensorflow=True, mode="graph", onednn=True),
}
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
    for line in (HERE / "judged_cases.jsonl").read_text("utf-8").splitlines():
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
        if any(check.applies(case, traits) for traits in SUBJECTS.values())
    ]
    return _thinned(concerned, 20)


# What is right.


def _right(case: Case) -> Observation:
    """What the reference gives; for what only TensorFlow has, what a right TensorFlow would give."""
    random.seed(case.id)  # for weights that start at random
    if case.family.startswith("scenes "):
        return _right_scene(case)
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
        names = ("strides", "padding", "data_format", "dilation_rate", "output_padding")
        keywords = {
            k: tuple(v) if isinstance(v, list) else v
            for k, v in case.arguments.items()
            if k in names
        }
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


def _right_scene(case: Case) -> Observation:
    """What the scene wants, where that says what to give; else what the reference gives."""
    (scene,) = [scene for scene in SCENES if scene.case().id == case.id]
    found = observe(case, LayerBackend(reference_impl.Conv2DTranspose))
    outcomes: list[Outcome] = []
    for index, line in enumerate(scene.lines):
        given = found.outcomes[index] if index < len(found.outcomes) else Outcome()
        outcomes.append(_wanted(line.eager, given, outcomes))
    constructed = found.constructed
    if scene.constructor is not None:
        constructed = _wanted(scene.constructor, constructed, [])
    return Observation(constructed, tuple(outcomes))


def _wanted(wanted: Any, given: Outcome, before: Sequence[Outcome]) -> Outcome:
    if isinstance(wanted, Raises):
        name = wanted.error.partition("|")[0]
        moment = wanted.moment or "call"
        return Outcome(error=Error((name, "Exception"), f"says {wanted.fragment}", moment))
    values = {
        Gives: lambda: wanted.value,
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
        told = [Error(types, WORDS, step_name(step)) for step in case.steps]
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


def _short(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _short(item) for key, item in value.items()}
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _without_numpy(text: str) -> str:
    """NumPy 2 writes its numbers with their type."""
    return re.sub(r"np\.\w+\((-?[\w.]+)\)", r"\1", " ".join(text.split()))


def _verdict(check: Check, view: View) -> str:
    try:
        found = check.judge(view)
    except NotSupported as reason:
        return f"not supported: {reason}"
    except NotTried as reason:
        return f"not tried: {reason}"
    except Misbehaved as reason:
        return f"misbehaved at {reason.step} with {reason.error and reason.error.name}: {reason}"
    except (TypeError, AttributeError, ValueError, KeyError, IndexError) as error:
        # The workbench then says that the answer has another form than the oracle's.
        return f"cannot be read: {type(error).__name__}"
    if found is None:
        return "holds"
    error, bound = (
        "none" if number is None else f"{number:.2g}"
        for number in (found.scaled_error, found.bound)
    )
    return _without_numpy(
        f"{found.message} | step {found.step}, index {found.index}, scaled error {error} of {bound}, "
        f"wanted {_short(found.expected)}, got {_short(found.got)}"
    )


def _verdicts(check: Check) -> Iterator[tuple[str, str]]:
    """Subject and verdict: right answers of every subject, wrong ones of each subject in turn."""
    answers = [
        (case, answer) for case in _cases(check) for answer in _answers(case.family, case.id)
    ]
    judged: dict[str, tuple[Expectation, list[str]]] = {}
    for turn, (case, answer) in enumerate(_thinned(answers, MOST)):
        if case.id not in judged:
            names = [name for name, traits in SUBJECTS.items() if check.applies(case, traits)]
            judged[case.id] = Expectation(case), names
            yield from ((name, "does not apply") for name in SUBJECTS if name not in names)
            right = _answers(case.family, case.id)[0]
            for name in names:
                yield name, _verdict(check, View(case, right, Expectation(case), SUBJECTS[name]))
        expectation, names = judged[case.id]
        name = names[turn % len(names)]
        yield name, _verdict(check, View(case, answer, expectation, SUBJECTS[name]))


@functools.cache
def _answers(family: str, case_id: str) -> tuple[Observation, ...]:
    (case, *_) = [
        c for c in (*FAMILIES[family].fixed, *_more_cases().get(family, [])) if c.id == case_id
    ]
    right = _right(case)
    return (right, *_wrong(right, case))


def _in_brief(verdict: str) -> str:
    """A verdict without its numbers and what else differs from answer to answer."""
    text = verdict.partition(" | ")[0]
    if text.startswith("misbehaved"):
        text = re.sub(r"(with|raised) \w+( at \w+: .*|:.*)", r"\1 ...", text)
    text = re.sub(r", (raised|got|is|are|holds|gives) .*", r", \1 ...", text)
    return re.sub(r"-?\d+(\.\d+)?(e[-+]\d+)?", "#", text)[:120]


def _described(check: Check) -> tuple[str, str]:
    """What is kept, and all of it."""
    said = list(_verdicts(check))
    full = [f"{subject}: {verdict}" for subject, verdict in said]
    digest = hashlib.sha256("\n".join(full).encode()).hexdigest()[:16]
    counted: dict[str, Counter[str]] = {}
    for subject, verdict in said:
        counted.setdefault(_in_brief(verdict), Counter())[subject] += 1
    lines = [f"## {check.name}: {check.clause}, {', '.join(check.families)}, digest {digest}"]
    for text, subjects in counted.items():
        names = "" if len(subjects) == len(SUBJECTS) else f" of {', '.join(subjects)}"
        lines.append(f"{subjects.total()}{names}: {text}")
    return "\n".join(lines), "\n".join([lines[0], *full])


@functools.cache
def _recorded() -> dict[str, str]:
    parts = ("\n" + RECORDED.read_text("utf-8").strip()).split("\n## ")[1:]
    return {part.partition(":")[0]: f"## {part}".strip() for part in parts}


@pytest.mark.skipif("RECORD_VERDICTS" in os.environ, reason="being recorded")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_verdicts_are_the_recorded_ones(check: Check) -> None:
    assert _described(check)[0] == _recorded()[check.name]


@pytest.mark.skipif("RECORD_VERDICTS" not in os.environ, reason="only with RECORD_VERDICTS=1")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(1200)
def test_record() -> None:
    kept, full = zip(*map(_described, CHECKS))
    RECORDED.write_text("\n\n".join(kept) + "\n", "utf-8")
    IN_FULL.write_text("\n\n".join(full) + "\n", "utf-8")
