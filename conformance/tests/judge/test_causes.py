"""One cause is one failure: a wrong call fails the clauses of what makes it wrong, and blocks all others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES, Family, sizes
from conformance.checks import Traits
from conformance.judge.causes import Causes, layer_of
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import blocks
from conformance.model.case import Case
from conformance.model.clauses import all_clauses
from conformance.model.observation import Observation
from conformance.run.parallel.pieces import Found, Piece, Worker, explored
from conformance.run.participants.participant import Participant
from conformance.run.settings.options import Options
from conformance.run.verdicts import ParticipantJudge
from conformance.strength.mistakes import MISTAKES
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from reports.records.record import Verdict

pytestmark = pytest.mark.diagnosis

Layer = fast_impl.Conv2DTranspose


def _extents(layer: Any) -> list[int]:
    return [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate)]


def _spatial(layer: Any) -> tuple[int, int]:
    return (2, 3) if layer.data_format == "channels_first" else (1, 2)


def _changed(change: Callable[[Any, Any], Any], base: type = Layer) -> type:
    """A layer whose images are changed: `change(layer, outputs)`."""

    class Wrong(base):  # type: ignore[misc]
        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = super().__call__(inputs, *args, **kwargs)
            image = isinstance(outputs, np.ndarray) and outputs.ndim == 4
            return change(self, outputs) if image else outputs

    return Wrong


def _without_rows(layer: Any, outputs: Any) -> Any:
    """Leave out the rows that a short kernel does not reach."""
    if layer.output_padding is None:
        for axis, extent, stride in zip(_spatial(layer), _extents(layer), layer.strides):
            gap = max(stride - extent, 0)
            outputs = np.take(outputs, range(max(outputs.shape[axis] - gap, 0)), axis)
    return outputs


def _raise(*_: Any) -> Any:
    raise RuntimeError("the accelerator is on fire")


def _where(condition: Callable[[Any, Any], bool], change: Any) -> type:
    return _changed(lambda layer, y: change(layer, y) if condition(layer, y) else y)


def _plus_one(_: Any, outputs: Any) -> Any:
    return outputs + np.asarray(1, outputs.dtype)


#: Wrong layers, and the clauses that may fail.
WRONG: Mapping[str, tuple[type, set[str]]] = {
    "no rows for a short kernel": (_changed(_without_rows), {"SHAPE-01", "SHAPE-02"}),
    "the odd row at the wrong side": (MISTAKES["M02_both"].layer, {"PAD-01"}),
    "the odd column at the wrong side": (MISTAKES["M02_width"].layer, {"PAD-01"}),
    "a short kernel centred": (MISTAKES["M05_height"].layer, {"PAD-02"}),
    "a short kernel's rows unwritten": (MISTAKES["M17_width"].layer, {"PAD-02", "PAD-03"}),
    "both": (
        _changed(_without_rows, MISTAKES["M02_both"].layer), {"SHAPE-01", "SHAPE-02", "PAD-01"},
    ),
    "dilation ignored": (MISTAKES["M07_dilation_rate"].layer, {"SHAPE-04", "PAD-05"}),
    "output_padding ignored": (MISTAKES["M07_output_padding"].layer, {"SHAPE-03", "PAD-04"}),
    "strides exchanged": (MISTAKES["M08_strides_exchanged"].layer, {"SHAPE-05", "PAD-04"}),
    "shifted": (MISTAKES["M01_height_down_always"].layer, {"VAL-01"}),
    "channels_first raises": (
        _where(lambda layer, _: layer.data_format == "channels_first", _raise), {"FMT-02"},
    ),
    "channels_first answered by channels_last": (MISTAKES["M12_output"].layer, {"FMT-02"}),
    "channels_last answered by channels_first": (MISTAKES["M12_default"].layer, {"FMT-01"}),
    "no bias where there is one": (MISTAKES["M10_forgotten"].layer, {"BIAS-01"}),
    "a bias where there is none": (
        _where(lambda layer, _: not layer.use_bias, _plus_one), {"BIAS-02"},
    ),
    "int32": (_where(lambda _, y: y.dtype == np.int32, _plus_one), {"DTYPE-03"}),
    "float64": (_where(lambda _, y: y.dtype == np.float64, _plus_one), {"DTYPE-02"}),
    "relu": (
        _where(lambda layer, _: layer.get_config()["activation"] == "relu", _plus_one), {"ACT-01"},
    ),
    "empty": (
        _where(lambda _, y: not len(y), lambda _, y: np.zeros((1, *y.shape[1:]), y.dtype)),
        {"SHAPE-11"},
    ),
    "same": (
        _where(lambda layer, _: layer.padding == "same", _plus_one),
        {"PAD-01", "PAD-02", "PAD-04", "PAD-05"},
    ),
    "raises always": (_changed(_raise), {"VAL-01"}),
}  # fmt: skip
#: Clauses that look at nothing but the outputs of a call.
OF_OUTPUTS = [
    clause
    for clause in all_clauses()
    if clause.id in {f"SHAPE-0{n}" for n in range(1, 8)} | {"SHAPE-11", "SHAPE-12"}
    or clause.chapter.lower().startswith("pad")
    or clause.id.startswith(("PAD-", "FMT-01", "FMT-02", "VAL-01", "BIAS-", "DTYPE-02", "DTYPE-03", "ACT-01"))
]  # fmt: skip


#: Of a family of average share.
EXAMPLES = 6


class _Subject:
    mode = "eager"

    def __init__(self, name: str) -> None:
        self.name = self.spec = name

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(WRONG[self.name][0]))


@functools.cache
def _evidence() -> Evidence:
    return Evidence()


def _find(participant: Participant, family: Family) -> Iterator[Found]:
    for block in blocks(family, EXAMPLES):
        yield explored(
            Piece(*participant.key, family.name, block),
            Worker.of(participant),
            examples=EXAMPLES,
            run_seed=0,
            beside=_evidence(),
            progress=lambda _: None,
        )


@pytest.fixture(scope="module", params=WRONG)
def verdicts(request: pytest.FixtureRequest) -> Mapping[str, Verdict]:
    subject: Any = _Subject(request.param)
    with pytest.MonkeyPatch.context() as patch:
        judge_explored = ParticipantJudge.explored
        # Large layers take long, and what is shown does not matter here.
        patch.setattr(
            ParticipantJudge,
            "explored",
            lambda judge, family: (
                {} if family.name == sizes.FAMILY else judge_explored(judge, family)
            ),
        )
        patch.setattr(ParticipantJudge, "_finding", lambda *_: (None, ""))
        patch.setattr(ParticipantJudge, "_claim", lambda *_: None)
        participant = Participant(subject, {}, False, Traits())
        judge = ParticipantJudge(
            participant,
            Options(examples=EXAMPLES, out=Path("nowhere")),
            [clause.id for clause in OF_OUTPUTS],
            _evidence(),
            functools.partial(_find, participant),
            *[lambda *_: None] * 2,
        )
        found = {clause.id: judge.judge(clause).verdict for clause in OF_OUTPUTS}
    found["name"] = request.param
    return found


@pytest.fixture
def red(verdicts: Mapping[str, Any]) -> set[str]:
    return {
        name for name, verdict in verdicts.items()
        if name != "name" and verdict.status in ("fail", "error", "harness-error")
    }  # fmt: skip


def test_a_cause_fails_no_clause_but_its_own(verdicts: Mapping[str, Any], red: set[str]) -> None:
    assert red <= WRONG[verdicts["name"]][1]


def test_a_cause_fails_a_clause(red: set[str]) -> None:
    assert red


def test_a_clause_is_blocked_by_one_that_fails(verdicts: Mapping[str, Any], red: set[str]) -> None:
    blockers = {
        name for key, verdict in verdicts.items() if key != "name" for name in verdict.blocked_by
    }
    assert blockers <= red


def test_every_wrong_call_of_a_large_layer_has_its_cause() -> None:
    subject: Any = _Subject("same")
    causes = Causes(_evidence(), subject, Traits())
    same = [
        case
        for case in FAMILIES[sizes.FAMILY].listed(100)
        if case.argument("padding") == "same" and layer_of(case) is not None
    ]
    needed = [cause and [*cause.failures] for cause in map(causes.of, same)]
    assert len(needed) > 100
    assert {*map(str, needed)} <= {"['PAD-01']", "['PAD-02']", "['PAD-04']", "['PAD-05']"}


def test_the_search_for_causes_tries_small_layers_first() -> None:
    asked = []

    class Subject(_Subject):
        def observe(self, case: Case) -> Observation:
            asked.append(case.elements)
            return super().observe(case)

    large = max(FAMILIES[sizes.FAMILY].listed(1), key=lambda case: case.elements)
    subject: Any = Subject("raises always")
    cause = Causes(Evidence(), subject, Traits()).of(large)
    assert cause is not None
    assert max(asked) < 1000 < large.elements
