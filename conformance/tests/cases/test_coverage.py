"""Coverage counts what cases show, and the covering array shows every pair that a layer can."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference_impl
from conformance.cases import FAMILIES
from conformance.cases import space as coverage
from conformance.cases.pairs import covering, pairs, pool
from conformance.judge.evidence import Evidence
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.run.run import Run
from conformance.run.settings.options import Options
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend


def _case(
    shape: tuple[int, ...] = (2, 3, 4, 1), dtype: str = "float32", **arguments: object
) -> Case:
    given = {"filters": 3, "kernel_size": [1, 2], **arguments}
    return Case("any", given, (steps.Call(np.zeros(shape, dtype)),))


@pytest.mark.parametrize(
    ("name", "value", "case"),
    [
        ("stride height", "2", _case(strides=[2, 1])),
        ("stride width", "3 or more", _case(strides=[2, 7])),
        ("strides", "unequal", _case(strides=[2, 7])),
        ("strides", "equal", _case()),
        ("kernel height", "6 or more", _case(kernel_size=[7, 1])),
        ("kernel width", "even", _case(kernel_size=[7, 4])),
        ("kernel sides", "equal", _case(kernel_size=3)),
        ("kernel to stride, height", "shorter", _case(strides=2)),
        ("kernel to stride, width", "equal", _case(strides=2)),
        ("kernel to stride, width", "longer, odd", _case()),
        ("kernel to stride, width", "longer, even", _case(dilation_rate=2)),
        ("padding", "same", _case(padding="SAME")),
        ("data format", "channels_first", _case(data_format="channels_first")),
        ("input width", "1", _case((2, 5, 3, 1), data_format="channels_first")),
        ("input channels", "odd, 3 or more", _case((2, 5, 3, 1), data_format="channels_first")),
        ("input channels", "0", _case((2, 3, 3, 0))),
        ("input height", "3 or more", _case()),
        ("dtype", "float16", _case(dtype="float16")),
        ("dtype", None, _case(dtype="int64")),
        ("bias", "no", _case(use_bias=False)),
        ("dilation", "3 or more", _case(dilation_rate=3)),
        ("output padding", "not given", _case()),
        ("output padding", "0", _case(output_padding=0)),
        ("output padding", "above 0", _case(strides=2, output_padding=[0, 1])),
        ("batch", "0", _case((0, 3, 3, 1))),
        ("filters", "even", _case(filters=4)),
        ("activation", "exact", _case(activation={"function": "triple"})),
        ("activation", "rounding", _case(activation="gelu")),
        ("activation", None, _case(activation={"function": "total"})),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_a_case_has_the_value(name: str, value: str | None, case: Case) -> None:
    assert coverage.values_of(case).get(name) == value


@pytest.mark.parametrize(
    "case",
    [
        Case("any", {"filters": 1, "kernel_size": 1}, ()),
        Case("any", {"filters": 1}, (steps.Call(np.zeros((1, 1, 1, 1))),)),
        Case("any", {"filters": 1, "kernel_size": 1}, (steps.Call(np.zeros((1, 1, 1))),)),
        Case("any", {"filters": 1, "kernel_size": "3x3"}, (steps.Call(np.zeros((1, 1, 1, 1))),)),
        Case(
            "any",
            {"filters": 1, "kernel_size": 1},
            (steps.Construct("other", {}), steps.Call(np.zeros((1, 1, 1, 1)))),
        ),
    ],
    ids=["no call", "no kernel size", "rank 3", "refused argument", "a call of another layer"],
)
def test_a_case_without_a_plain_call_has_no_values(case: Case) -> None:
    assert coverage.values_of(case) == {}


def test_counts_are_those_of_a_loop_over_cases() -> None:
    cases = pool()[:60]
    counted = coverage.Coverage.of(cases).counts
    shown = [set(coverage.values_of(case).items()) for case in cases]
    for i, j in itertools.product(range(len(coverage.VALUES)), repeat=2):
        pair = {coverage.VALUES[i], coverage.VALUES[j]}
        assert counted[i, j] == sum(pair <= values for values in shown), pair


def test_the_covering_array_shows_every_possible_pair() -> None:
    found = coverage.Coverage.of(pairs())
    assert (found.covered, found.least >= 1) == (found.total, True)


def test_the_covering_array_is_small_and_runs_whatever_the_seed() -> None:
    family = FAMILIES["pairs"]
    assert family.strategy is None
    assert family.fixed == pairs()
    assert len(pairs()) < 60


def test_covering_leaves_out_what_adds_nothing() -> None:
    one, other = _case(), _case(strides=2)
    assert covering([one, one, other]) == (one, other)


def test_a_pair_that_is_missing_is_not_counted() -> None:
    with_float16 = [case for case in pairs() if case.argument("dtype") == "float16"]
    rest = [case for case in pairs() if case not in with_float16]
    found = coverage.Coverage.of(rest)
    assert found.covered <= found.total - 50
    assert found.least == 0


def test_nothing_is_covered_by_nothing() -> None:
    assert coverage.Coverage.of([]).covered == 0


def test_every_pair_is_possible_or_ruled_out_and_never_both() -> None:
    seen = coverage.Coverage.of(pool()).counts > 0
    owner = np.array([name for name, _ in coverage.VALUES])
    different = owner[:, None] != owner[None, :]
    assert np.array_equal(seen & different, coverage.possible())


# Why a pair is impossible: arithmetic, for every layer there is ...

_ARITHMETIC: dict[str, Callable[[int, int, int], bool]] = {
    "no kernel is shorter than a stride of 1": lambda k, s, d: s == 1,
    "a kernel of 1 is no longer than any stride": lambda k, s, d: k == 1,
    "a kernel dilated by 2 spans an odd number of rows, the stride is 1: the surplus is even": (
        lambda k, s, d: (s, d) == (1, 2)
    ),
}


@pytest.mark.parametrize("reason", _ARITHMETIC)
def test_a_pair_ruled_out_by_arithmetic_never_occurs(reason: str) -> None:
    rules = [rule for rule in coverage.IMPOSSIBLE if rule.reason == reason]
    assert rules
    for k, s, d in itertools.product(range(1, 12), range(1, 12), range(1, 5)):
        if not _ARITHMETIC[reason](k, s, d):
            continue
        values = coverage.values_of(_case(kernel_size=k, strides=s, dilation_rate=d))
        for rule in rules:
            assert not (
                values[rule.parameter] in rule.values and values[rule.other] in rule.other_values
            )


# ... or a refusal of the layer, and nothing that it accepts shows such a pair.


@pytest.mark.parametrize(
    ("name", "value", "arguments"),
    [
        ("stride height", "2", {"strides": [2, 1]}),
        ("stride width", "3 or more", {"strides": [1, 3]}),
        ("strides", "unequal", {"strides": [1, 2]}),
        ("kernel to stride, height", "shorter", {"strides": [4, 1]}),
        ("kernel to stride, width", "shorter", {"strides": [1, 5]}),
        ("output padding", "above 0", {"output_padding": [0, 1]}),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
@pytest.mark.parametrize(("dilation", "rate"), [("2", 2), ("3 or more", 3)])
def test_a_pair_ruled_out_by_dilation_is_refused(
    name: str, value: str, arguments: dict[str, object], dilation: str, rate: int
) -> None:
    case = _case(dilation_rate=rate, **arguments)
    assert coverage.values_of(case)[name] == value
    assert coverage.values_of(case)["dilation"] == dilation
    with pytest.raises(ValueError, match=r"strides|output_padding|dilation"):
        reference_impl.Conv2DTranspose(**case.arguments)


@pytest.mark.parametrize("name", [*coverage.ROUNDING, "softmax"])
def test_an_activation_ruled_out_for_integers_is_refused(name: str) -> None:
    case = _case(dtype="int32", activation=name)
    assert coverage.values_of(case)["activation"] in ("rounding", "softmax")
    layer = reference_impl.Conv2DTranspose(**case.arguments)
    with pytest.raises((TypeError, ValueError), match="floating point"):
        layer(case.steps[0].inputs)


# What a run makes of it.


class _Subject:
    """The reference layer, with its answers passed through `change`; keeps the cases it was given."""

    name = spec = "reference"
    mode = "eager"

    def __init__(self, change: Callable[[Case, Observation], Observation]) -> None:
        self.change = change
        self.cases: dict[str, Case] = {}

    def observe(self, case: Case) -> Observation:
        self.cases[case.id] = case
        return self.change(case, observe(case, LayerBackend(reference_impl.Conv2DTranspose)))

    def describe(self) -> dict[str, object]:
        return {}

    def close(self) -> None:
        pass


def _run(subject: _Subject, out: Path, monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> Run:
    monkeypatch.setattr("conformance.run.participants.participant.resolve", lambda *_: [subject])
    options = Options(subjects=("reference",), clauses=("VAL-01",), examples=4, seed=seed, out=out)
    run = Run(options)
    for item in run.items():
        run.judge(*item)
    run.finish()
    return run


def _footer(out: Path) -> dict[str, object]:
    return json.loads((out / "run.jsonl").read_text(encoding="utf-8").splitlines()[-1])["coverage"]


@pytest.mark.parametrize("seed", [0, 20261])
def test_a_run_counts_the_cases_it_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    subject = _Subject(lambda case, observation: observation)
    explored: dict[str, Case] = {}
    note = Evidence.note_explored

    def noted(evidence: Evidence, who: Any, case: Case) -> None:
        explored[case.id] = subject.cases[case.id]
        note(evidence, who, case)

    # Other cases are run, too: to find out what a subject can do, and to compare with a situation.
    monkeypatch.setattr(Evidence, "note_explored", noted)
    _run(subject, tmp_path, monkeypatch, seed)
    (group,) = _footer(tmp_path)["groups"]  # type: ignore[attr-defined]
    shown = [set(coverage.values_of(case).items()) for case in explored.values()]
    wanted = [
        [sum({one, other} <= values for values in shown) for other in coverage.VALUES[:place]]
        for place, one in enumerate(coverage.VALUES)
    ]
    assert (group["cases"], group["counts"]) == (len(shown), wanted)


_ERROR = Error(("ValueError", "Exception"), "no", "call")


@pytest.mark.parametrize(
    "outcome",
    [Outcome(unsupported="no float16"), Outcome(error=_ERROR)],
    ids=["unsupported", "error"],
)
def test_a_call_without_result_exercises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    def change(case: Case, observation: Observation) -> Observation:
        if case.argument("dtype") != "float16":
            return observation
        return Observation(outcomes=(*observation.outcomes[:-1], outcome))

    ((_, found),) = _run(_Subject(change), tmp_path, monkeypatch).coverage()
    place = coverage.VALUES.index(("dtype", "float16"))
    assert not found.counts[place].any()
    assert found.counts[coverage.VALUES.index(("dtype", "bfloat16"))].any()


def test_a_wrong_result_counts_as_exercised_but_not_the_cases_of_its_shrinking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(case: Case, observation: Observation) -> Observation:
        *before, last = observation.outcomes
        if not isinstance(last.value, np.ndarray):  # gradients
            return observation
        return Observation(outcomes=(*before, Outcome(value=last.value + 1)))

    right = _run(_Subject(lambda _, seen: seen), tmp_path / "right", monkeypatch).coverage()
    wrong = _run(_Subject(change), tmp_path / "wrong", monkeypatch).coverage()
    assert np.array_equal(right[0][1].counts, wrong[0][1].counts)
