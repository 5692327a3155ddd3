"""One cause is one failure: a wrong call fails the clauses of what makes it wrong, and blocks all others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import conformance
import fast_impl
from conformance.cases import FAMILIES, Family, sizes
from conformance.cases.drawn.configurations import Configuration
from conformance.checks import Traits
from conformance.judge.causes import Cause, Causes, how_of_its_call, layer_of
from conformance.judge.causes import Layer as CauseLayer
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import blocks
from conformance.judge.judging import Failure, Tally
from conformance.model.case import Case
from conformance.model.clauses import all_clauses
from conformance.model.named import literal
from conformance.model.observation import Observation
from conformance.model.steps import Call
from conformance.oracle.comparison import Mismatch
from conformance.run.parallel.pieces import Asked, Found, Piece, Worker, explored
from conformance.run.participants.participant import Participant
from conformance.run.settings.lacks import Understood
from conformance.run.settings.options import Options
from conformance.run.verdicts import ParticipantJudge
from conformance.strength.mistakes import MISTAKES
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from conformance.subjects.processes.process import LONGEST_PATIENCE, PATIENCE, Spent
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
    "padding ignored": (MISTAKES["M07_padding"].layer, {"SHAPE-02"}),
    "the end of a sum left out": (MISTAKES["size_channels_tail_4"].layer, {"VAL-01"}),
    "both ends of same": (MISTAKES["same_from_the_end_both"].layer, {"PAD-01", "PAD-02"}),
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
            Asked([clause.id for clause in OF_OUTPUTS], EXAMPLES, 0),
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


@pytest.mark.parametrize(("dtype", "channels"), [("bfloat16", 65), ("float16", 513)])
def test_what_is_left_out_of_a_long_sum_is_seen_in_a_short_format(
    dtype: str, channels: int
) -> None:
    subject: Any = _Subject("the end of a sum left out")
    case = _call_of(in_channels=channels, kernel_size=(1, 1), dtype=dtype)
    found = Causes(_evidence(), subject, Traits()).of(case)
    assert found is not None
    assert [*found.failures] == ["VAL-01"]


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
def test_sizes_are_known_however_they_are_spelled(name: str) -> None:
    call = Call(np.ones((1, 3, 3, 1), np.float32))
    plain, *spelled = (
        layer_of(Case("any", {"filters": 1, "kernel_size": 1, name: value}, (call,)))
        for value in (
            [2, 2], 2, literal("[2, 2]"), literal("np.array([2, 2])"), literal("(n for n in (2, 2))"),
            literal("np.int64(2)"),
        )
    )  # fmt: skip
    assert plain is not None
    assert spelled == [plain] * 5


def test_a_dtype_is_known_however_it_is_spelled() -> None:
    call = Call(np.ones((1, 3, 3, 1)))
    plain, spelled = (
        layer_of(Case("any", {"filters": 1, "kernel_size": 1, "dtype": dtype}, (call,)))
        for dtype in ("float64", literal("np.float64"))
    )
    assert plain is not None
    assert spelled == plain


@pytest.mark.parametrize("given", [np.float16, np.float32])
@pytest.mark.parametrize(
    "policy", [{"dtype": "mixed_float16"}, {"dtype": "float16", "autocast": True}]
)
def test_a_layer_that_casts_is_known_by_what_it_computes_in(
    policy: dict[str, Any], given: type
) -> None:
    plain, casting = (
        layer_of(Case("any", {"filters": 1, "kernel_size": 1, **more}, (Call(inputs),)))
        for more, inputs in (
            ({"dtype": "float16"}, np.ones((1, 3, 3, 1), np.float16)),
            (policy, np.ones((1, 3, 3, 1), given)),
        )
    )
    assert plain is not None
    assert casting == plain


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


class _Counted(_Subject):
    """It counts its calls."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls = 0

    def observe(self, case: Case) -> Observation:
        self.calls += 1
        return super().observe(case)


def _call_of(**changes: Any) -> Case:
    more = {"batch": 1, "in_channels": 1, "filters": 2, "size": (3, 2), "strides": (1, 1)}
    return CauseLayer(Configuration(**{**more, "kernel_size": (2, 3), **changes})).case()


def _failing(case: Case, call: int = -1) -> Failure:
    """What a clause says of a case whose call gives other numbers than the right layer."""
    wanted = np.zeros(1, str(case.argument("dtype", "float32")))
    return Failure(case, "fail", Mismatch("", wanted, wanted, len(case.steps) + call))


@pytest.fixture
def counted() -> tuple[Causes, _Counted]:
    """A layer that is wrong in `same` and the cause of it, which one case has shown."""
    subject: Any = _Counted("same")
    causes = Causes(Evidence(), subject, Traits())
    assert causes.of(_call_of(padding="same")) is not None
    subject.calls = 0
    return causes, subject


def test_a_call_that_is_wrong_by_a_known_cause_is_not_made_again(
    counted: tuple[Causes, _Counted],
) -> None:
    causes, subject = counted
    case = _call_of(padding="same", size=(3, 3), dtype="float64")
    found = causes.of(case, _failing(case))
    assert (found and [*found.failures], subject.calls) == (["PAD-01"], 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"strides": (2, 2), "kernel_size": (2, 3)},
        {"strides": (2, 2), "kernel_size": (1, 1)},
        {"dilation_rate": 2},
        {"output_padding": (1, 0), "strides": (2, 1)},
    ],
)
def test_once_the_search_is_spent_a_length_of_same_is_explained_by_the_known_one(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    subject: Any = _Subject("padding ignored")
    causes = Causes(_evidence(), subject, Traits())
    plain = causes.of(_call_of(padding="same"))
    assert (plain and [*plain.failures]) == ["SHAPE-02"]
    monkeypatch.setattr("conformance.judge.causes.CALLS", 0)
    case = _call_of(padding="same", dtype="float64", **changes)
    sizes = [1, 4, 3, 2], [1, 3, 3, 2]
    found = causes.of(case, Failure(case, "fail", Mismatch("", *sizes, len(case.steps) - 1)))
    assert found is plain


def test_once_the_search_is_spent_a_length_of_valid_is_not_explained_by_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject: Any = _Subject("padding ignored")
    causes = Causes(_evidence(), subject, Traits())
    causes.of(_call_of(padding="same"))
    monkeypatch.setattr("conformance.judge.causes.CALLS", 0)
    case = _call_of(strides=(2, 2))
    sizes = [1, 4, 3, 2], [1, 3, 3, 2]
    found = causes.of(case, Failure(case, "fail", Mismatch("", *sizes, len(case.steps) - 1)))
    assert found is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_failure_that_is_not_of_the_call_explains_nothing_unasked(
    counted: tuple[Causes, _Counted], dtype: str
) -> None:
    causes, subject = counted
    case = _call_of(padding="same", size=(3, 3), dtype=dtype)
    causes.of(case, _failing(case, call=-2))
    assert subject.calls > 0


@pytest.mark.parametrize("known", [False, True])
def test_a_later_call_is_wrong_by_the_same_cause_where_the_first_image_hides_it(
    known: bool,
) -> None:
    # One column wide, the tap that the wrong crop moves never lands in the image.
    narrow = {"padding": "same", "dilation_rate": 3, "kernel_size": (1, 2), "size": (2, 1)}
    *before, first = _call_of(**narrow).steps
    (*_, wider) = _call_of(**{**narrow, "size": (2, 3)}).steps
    case = attrs.evolve(_call_of(**narrow), steps=(*before, first, wider))
    causes = Causes(Evidence(), _Subject("the odd row at the wrong side"), Traits())  # type: ignore[arg-type]
    if known:
        causes.of(_call_of(padding="same", kernel_size=(2, 2)))
    assert causes.of(case) is None
    found = causes.of(case, _failing(case))
    assert (found and [*found.failures]) == ["PAD-01"]


def test_a_call_that_is_wrong_only_after_another_one_has_no_cause() -> None:
    *before, first = _call_of(size=(3, 2)).steps
    (*_, later) = _call_of(size=(4, 2)).steps
    case = attrs.evolve(_call_of(), steps=(*before, first, later))
    causes = Causes(Evidence(), _Subject("int32"), Traits())  # type: ignore[arg-type]
    assert causes.of(case, _failing(case)) is None


def test_special_numbers_explain_nothing_unasked(counted: tuple[Causes, _Counted]) -> None:
    causes, subject = counted
    case = _call_of(padding="same", size=(3, 3))
    *before, call = case.steps
    special = attrs.evolve(case, steps=(*before, Call(np.full_like(call.inputs, np.nan))))  # type: ignore[attr-defined]
    causes.of(special, _failing(special))
    assert subject.calls > 0


def test_a_search_that_is_cut_short_finds_no_half_of_a_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject: Any = _Subject("dilation ignored")
    causes = Causes(_evidence(), subject, Traits())
    case = _call_of(dilation_rate=2, data_format="channels_first", use_bias=False)
    monkeypatch.setattr("conformance.judge.causes.CALLS", 3)
    assert causes.of(case) is None
    monkeypatch.undo()
    found = causes.of(case)
    assert found is not None
    assert {*found.failures} <= WRONG["dilation ignored"][1]


class _TwoMistakes(_Subject):
    """Ignores padding, and computes float64 in float32."""

    layer = _changed(
        lambda _, y: y.astype(np.float32).astype(y.dtype) if y.dtype == np.float64 else y,
        MISTAKES["M07_padding"].layer,
    )

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self.layer))


def test_wrong_numbers_do_not_explain_a_wrong_shape() -> None:
    causes = Causes(Evidence(), _TwoMistakes("two mistakes"), Traits())
    strided = Configuration(
        batch=1, in_channels=1, filters=2, size=(3, 2), strides=(1, 2), kernel_size=(2, 3), dtype="float64"
    )  # fmt: skip
    found = [
        causes.of(CauseLayer(attrs.evolve(strided, padding=padding), integers=False).case())
        for padding in ("valid", "same", "valid")
    ]
    assert [one and [*one.failures] for one in found] == [["DTYPE-02"], ["SHAPE-02"], ["DTYPE-02"]]


@pytest.mark.parametrize(
    ("wanted", "got", "how"),
    [
        ([1, 4, 3, 2], [1, 3, 3, 2], "shape"),
        ("float64", "float32", "dtype"),
        (np.zeros(1), np.zeros(1, np.float32), "values"),
        (np.zeros(1), np.zeros(1, np.float16), "dtype"),
        (None, None, ""),
    ],
)
def test_a_failure_tells_how_its_call_is_wrong(wanted: Any, got: Any, how: str) -> None:
    case = _call_of()
    failure = Failure(case, "fail", Mismatch("", wanted, got, len(case.steps) - 1))
    assert how_of_its_call(failure) == how


class _Tired(_Counted):
    """Its process is not asked any more once it has cost too much, as those of `ProcessSubject`."""

    spent, seconds_lost = Spent(seconds=PATIENCE), LONGEST_PATIENCE + 1

    def observe(self, case: Case) -> Observation:
        if self.spent.seconds >= PATIENCE or self.seconds_lost > LONGEST_PATIENCE:
            return Observation(not_tried="too often")
        return super().observe(case)


def test_on_a_busy_machine_the_search_is_not_cut_short_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("conformance.judge.causes.SECONDS", -1.0)
    subject: Any = _Subject("dilation ignored")
    causes = Causes(_evidence(), subject, Traits())
    case = _call_of(dilation_rate=2, data_format="channels_first", use_bias=False)
    assert causes.of(case) is not None
    monkeypatch.setattr("conformance.judge.causes.LEAST", 0)
    assert Causes(_evidence(), subject, Traits()).of(case) is None


def test_a_layer_that_is_not_asked_any_more_is_not_taken_for_right() -> None:
    subject: Any = _Tired("same")
    causes = Causes(Evidence(), subject, Traits())
    case = _call_of(padding="same")
    assert causes.of(case) is None
    subject.spent, subject.seconds_lost = Spent(), 0.0
    assert causes.of(case) is not None


def _judge(subject: Any) -> ParticipantJudge:
    words = Understood(subject, (), says_not_implemented=False)
    participant = Participant(subject, {}, False, Traits(), words=words)
    return ParticipantJudge(
        participant,
        Options(examples=EXAMPLES, out=Path("nowhere")),
        ["PAD-01", "VAL-01"],
        Evidence(),
        functools.partial(_find, participant),
        *[lambda *_: None] * 2,
    )


@pytest.mark.parametrize(("blocked_by", "status"), [((), "pass"), (("PAD-01",), "gave-up")])
def test_what_was_blamed_before_an_interruption_does_not_pass_after_it(
    blocked_by: tuple[str, ...], status: str
) -> None:
    subject: Any = _Subject("dilation ignored")
    judge = _judge(subject)
    judge.note_judged(
        Verdict(clause="VAL-01", subject=subject.name, status="blocked", blocked_by=blocked_by)
    )
    (clause,) = (one for one in OF_OUTPUTS if one.id == "PAD-01")
    assert judge.judge(clause).verdict.status == status


@pytest.mark.parametrize(
    ("left_to", "blocker"), [(("SHAPE-02", "PAD-01"), "PAD-01"), (("SHAPE-02",), None), ((), None)]
)
def test_what_belongs_to_a_clause_that_passes_is_left_to_whom_its_own_failures_are(
    left_to: tuple[str, ...], blocker: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject: Any = _Subject("same")
    judge = _judge(subject)
    for name, status, of_others in (
        ("PAD-01", "fail", ()), ("SHAPE-02", "pass", ()), ("PAD-04", "pass", left_to),
    ):  # fmt: skip
        judge.note_judged(
            Verdict(clause=name, subject=subject.name, status=status, blocked_by=of_others)
        )
    failure = _failing(_call_of(padding="same", output_padding=(1, 0), strides=(2, 1)))
    cause = Cause(frozenset(), "values", {"PAD-04": failure})
    monkeypatch.setattr(judge, "_cause", lambda _: cause)
    (clause,) = (one for one in OF_OUTPUTS if one.id == "VAL-01")
    assert judge._blocker(clause, failure) == blocker


def test_causes_are_looked_for_however_much_exploring_has_cost() -> None:
    subject: Any = _Tired("same")
    judge = _judge(subject)
    (clause,) = (one for one in OF_OUTPUTS if one.id == "VAL-01")
    case = _call_of(padding="same")
    assert judge._blocker(clause, _failing(case)) == "PAD-01"
    assert (subject.spent.seconds, subject.seconds_lost) == (PATIENCE, LONGEST_PATIENCE + 1)


@pytest.mark.parametrize(("status", "blocker"), [("error", "PAD-01"), ("fail", None)])
def test_once_too_many_calls_were_made_a_crash_is_the_matter_of_one_clause(
    status: str, blocker: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.judge.causes.CALLS", 0)
    judge = _judge(_Subject("same"))
    padding, values = (c for c in OF_OUTPUTS if c.id in ("PAD-01", "VAL-01"))
    failure = attrs.evolve(_failing(_call_of(padding="same")), status=status)
    judge._explain(padding, Tally(failures=[failure]))
    assert judge._blocker(values, failure) == blocker


def test_a_case_without_inputs_whose_dtype_is_none_has_no_layer() -> None:
    assert layer_of(Case("scripted", {"filters": 1, "kernel_size": 1, "dtype": "foo"}, ())) is None


def test_once_too_many_calls_were_made_what_is_known_explains(
    counted: tuple[Causes, _Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    causes, subject = counted
    monkeypatch.setattr("conformance.judge.causes.CALLS", 0)
    found = [causes.of(_call_of(padding=padding, size=(6, 6))) for padding in ("same", "valid")]
    assert [one and [*one.failures] for one in found] == [["PAD-01"], None]
    assert subject.calls == 0


class _InFloat32(Layer):
    """It computes integers in float32, as OpenVINO does."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = super().__call__(inputs, *args, **kwargs)
        if inputs.dtype not in (np.int32, np.float64):
            return outputs
        return outputs.astype(np.float32).astype(outputs.dtype)


@pytest.mark.parametrize(("dtype", "clause"), [("int32", "DTYPE-03"), ("float64", "DTYPE-02")])
def test_large_integers_that_are_rounded_are_a_matter_of_their_dtype(
    dtype: str, clause: str
) -> None:
    class Subject(_Subject):
        def observe(self, case: Case) -> Observation:
            return observe(case, LayerBackend(_InFloat32))

    subject: Any = Subject("raises always")
    causes = Causes(Evidence(), subject, Traits())
    layer = attrs.evolve(layer_of(_call_of(dtype=dtype)), large=True)  # type: ignore[type-var]
    found = causes.of(layer.case())  # type: ignore[union-attr]
    assert (found and [*found.failures]) == [clause]
    assert causes.of(_call_of(dtype="int32")) is None


class _GradientsPlusOne(fast_impl.Conv2DTranspose):  # type: ignore[misc]
    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        *others, of_bias = super().gradients(inputs, output_gradient)
        return (*others, None if of_bias is None else of_bias + of_bias.dtype.type(1))


class _DividesPenalties(fast_impl.Conv2DTranspose):  # type: ignore[misc]
    @property
    def losses(self) -> Any:
        return [loss / 2 for loss in super().losses]


def test_wrong_gradients_are_one_clause_s_matter_whatever_follows_them() -> None:
    clauses = ["GRAD-0[1267]", "ARG-0[56]", "CONS-0[56]", "LIFE-0[1234]", "METH-09"]
    result = conformance.check(_GradientsPlusOne, clause=clauses, examples=6)
    assert [v.clause for v in result.verdicts if v.status in ("fail", "error")] == ["GRAD-01"]


class _BiasTwiceWithChannelsFirst(fast_impl.Conv2DTranspose):  # type: ignore[misc]
    def __call__(self, inputs: Any) -> Any:
        outputs = super().__call__(inputs)
        if self.data_format == "channels_first" and self.use_bias:
            outputs = outputs + np.reshape(self.bias, (-1, 1, 1)).astype(outputs.dtype)
        return outputs


def test_a_layer_that_a_case_makes_beside_its_own_has_its_own_cause() -> None:
    clauses = ["FMT-02", "BIAS-01", "LIFE-01"]
    result = conformance.check(_BiasTwiceWithChannelsFirst, clause=clauses, examples=6)
    assert {v.clause for v in result.verdicts if v.status == "fail"} == {"FMT-02", "BIAS-01"}


def test_what_is_wrong_beside_right_gradients_is_no_matter_of_theirs() -> None:
    result = conformance.check(_DividesPenalties, clause=["GRAD-01", "LOSS-01"], examples=6)
    assert {v.clause: v.status for v in result.verdicts} == {"GRAD-01": "pass", "LOSS-01": "fail"}
