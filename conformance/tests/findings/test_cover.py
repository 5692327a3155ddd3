"""Two known mistakes at once are both named, each where it is to blame; a cover that is none names nobody."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.cases.drawn.configurations import Configuration
from conformance.checks import Traits
from conformance.findings import diagnosis
from conformance.findings.cover import (
    Cover,
    EffortIsSpentError,
    composed,
    covering,
    in_words,
    only_with,
)
from conformance.findings.diagnosis import Diagnostician
from conformance.judge.causes import Layer
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.judge.judging import Failure
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.strength.mistakes import CHAPTERS, MISTAKES, Mistake
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

pytestmark = pytest.mark.diagnosis


class Subject:
    mode = "eager"

    def __init__(self, layer: type) -> None:
        self.name = self.spec = "somebody's layer"
        self._layer = layer

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self._layer))


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "EFFORT", 10**9)
    monkeypatch.setattr(diagnosis, "EFFORT_IN_ALL", 10**9)


#: Mistakes of other kinds would take their time, and explain nothing here.
ELSEWHERE = frozenset(MISTAKES) - {mistake.id for mistake in CHAPTERS["geometry"]}


@functools.cache
def _explored(*names: str) -> tuple[Diagnostician, Subject, dict[str, list[Failure]]]:
    """Return the failures of each clause on the geometry of a layer that makes these mistakes."""
    layer = composed(tuple(MISTAKES[name] for name in names))
    assert layer is not None
    evidence, subject = Evidence(), Subject(layer)
    tallies = explore(
        evidence, FAMILIES["geometry"], subject, Traits(), examples=30, run_seed=0,
        progress=lambda _: None,
    )  # fmt: skip
    found = {c: t.failures for (c, claims), t in tallies.items() if t.failures and not claims}
    told = Diagnostician(evidence, examples=30, run_seed=0, left_out=ELSEWHERE)
    return told, subject, found


def _told(clause: str, *names: str) -> str:
    diagnostician, subject, failures = _explored(*names)
    return str(diagnostician.diagnose(subject, clause, failures[clause]))


@pytest.mark.parametrize(
    ("clause", "names", "told"),
    [
        ("SHAPE-01", ("M04_both", "M05_both"), "equals the known mistake M04_both: "),
        ("PAD-02", ("M04_both", "M05_both"), "equals the known mistake M05_both: "),
        ("PAD-02", ("M04_both", "centred_late_both"), "equals the known mistake centred_late_both: "),
        ("SHAPE-01", ("M04_both", "M02_both"), "equals the known mistake M04_both: "),
        ("PAD-01", ("M04_both", "M02_both"), "equals the known mistake M02_both: "),
        ("PAD-01", ("M04_both", "same_begins_late_both"), "equals the known mistake same_begins_late_both: "),
        ("SHAPE-02", ("M07_padding", "M04_both"), "M07_padding"),
        (
            "SHAPE-03",
            ("unreached_missing_both", "same_without_output_padding"),
            "equals the known mistake same_without_output_padding: ",
        ),
        (
            "SHAPE-03",
            ("unreached_missing_both", "same_halved_both"),
            "equals the known mistake same_halved_both: ",
        ),
        (
            "SHAPE-03",
            ("M04_both", "centred_late_both", "same_centred_both"),
            "equals the known mistake same_centred_both: ",
        ),
    ],
)  # fmt: skip
def test_of_two_mistakes_at_once_the_one_to_blame_is_named(
    clause: str, names: tuple[str, ...], told: str
) -> None:
    assert told in _told(clause, *names)


def _case(number: int) -> Case:
    return Case("any", {"filters": number + 1}, ())


def _covered(
    explained: dict[str, Sequence[int]],
    harmful: Sequence[str] = (),
    cases: Sequence[Case] = (),
    known: Sequence[str] = (),
    beside: Sequence[int] = (),
) -> Cover | None:
    """Return the cover of some cases by the first mistakes of the catalogue.

    Args:
        explained: the numbers of the cases that each of them explains; "a+b" are two, one after the other.
        harmful: those that break what is right.
        cases: the wrong cases; some that are no layer's where none are given.
        known: those that the subject is known to make.
        beside: the numbers of other wrong cases.
    """
    letters = [name for name in explained if "+" not in name]
    mistakes = dict(zip(letters, MISTAKES.values()))
    last = max((n for own in explained.values() for n in own if n not in beside), default=0)
    wrong = cases or [*map(_case, range(max(6, 1 + last)))]
    numbered = {**dict(enumerate(wrong)), **{n: _case(n) for n in beside}}
    ids = {
        " then ".join(mistakes[letter].id for letter in order): {numbered[n].id for n in numbers}
        for name, numbers in explained.items()
        for order in itertools.permutations(name.split("+"))
    }

    def explains(name: str, _: Any, case: Case) -> bool:
        return case.id in ids.get(name, ())

    def is_harmless(mistake: Mistake) -> bool:
        return mistake not in [mistakes[letter] for letter in harmful]

    suspects = [[*mistakes.values()]]
    return covering(
        wrong,
        suspects,
        explains,
        is_harmless,
        beside=lambda: [numbered[n] for n in beside],
        known=[mistakes[one] for one in known],
    )


def _sizes(cover: Cover | None) -> list[int] | None:
    return None if cover is None else sorted(map(len, cover.cases))


@pytest.mark.parametrize(
    ("explained", "sizes"),
    [
        ({"a": [0, 1, 2, 3], "b": [4, 5]}, [2, 4]),
        ({"a": [0, 1], "b": [0, 1, 2, 3], "c": [4, 5]}, [2, 4]),
        ({"a": [0, 1], "b": [2, 3], "c": [4, 5]}, [2, 2, 2]),
        ({"a": [0, 1], "b": [2, 3], "c": [4], "d": [5]}, None),
        ({"a": [0, 1, 2, 3]}, None),
        ({"a": range(6, 16)}, None),
        ({}, None),
        ({name: range(6) for name in "abcd"}, None),
        ({name: range(6) for name in "abc"}, [6]),
    ],
)
def test_a_cover_has_few_mistakes_and_explains_the_cases(
    explained: dict[str, Sequence[int]], sizes: list[int] | None
) -> None:
    assert _sizes(_covered(explained)) == sizes


def test_of_mistakes_that_explain_the_same_the_one_is_named_that_explains_more_elsewhere() -> None:
    cover = _covered({"a": range(6), "b": [*range(6), 8, 9]}, beside=[8, 9])
    assert cover is not None
    assert [mistake.id for mistake in cover.mistakes] == [[*MISTAKES][1]]


def test_a_mistake_that_breaks_what_is_right_is_in_no_cover() -> None:
    explained = {"a": range(6), "b": [0, 1, 2], "c": [3, 4, 5]}
    assert _sizes(_covered(explained, harmful=["a"])) == [3, 3]


def test_a_mistake_that_explains_nothing_alone_makes_no_cover() -> None:
    # The first case is taken to be a's, and a's others are all explained by b and c.
    assert _covered({"a": [0, 1, 3, 5], "b": [1, 2, 0], "c": [3, 4, 5]}) is None


def test_a_mistake_that_never_shows_alone_is_found_by_what_it_does_with_another() -> None:
    assert _sizes(_covered({"a": [0, 1, 2], "b": [], "a+b": [3, 4, 5]})) == [3, 6]


def test_of_two_mistakes_in_every_case_one_must_be_known() -> None:
    explained: dict[str, Sequence[int]] = {"a": [], "b": [], "a+b": range(6)}
    sizes = _sizes(_covered(explained)), _sizes(_covered(explained, known=["a"]))
    assert sizes == (None, [6, 6])


def test_what_is_known_and_explains_nothing_here_is_no_part_of_the_cover() -> None:
    assert _sizes(_covered({"a": [], "b": range(6)}, known=["a"])) == [6]


FIRST = next(iter(MISTAKES.values()))
#: Three layers in each data format.
FORMATS = [
    Layer(
        Configuration(
            batch=2, in_channels=2, filters=filters, size=(4, 5), strides=(1, 1), kernel_size=(2, 3),
            data_format=name,
        )
    ).case()
    for name in ("channels_last", "channels_first")
    for filters in (2, 3, 4)
]  # fmt: skip


def test_what_all_cases_have_that_are_left_is_told_apart() -> None:
    cover = _covered({"a": [0, 1, 2]}, cases=FORMATS)
    assert cover is not None
    assert (cover.apart, cover.is_whole) == ("with channels_first", False)


def test_what_all_wrong_cases_have_and_few_right_ones_is_found() -> None:
    last, first = FORMATS[:3], FORMATS[3:]
    assert only_with(first, last * 6) == (("channels_first",), 0)
    assert only_with(first, [*last * 6, first[0]]) == (("channels_first",), 1)


@pytest.mark.parametrize(
    ("explained", "beside", "alike"),
    [
        ({"a": range(6), "b": range(6)}, (), 1),
        ({"a": range(6), "b": range(5)}, (), 0),
        ({"a": range(6), "b": [*range(6), 7]}, (7,), 0),
    ],
)
def test_mistakes_that_explain_the_same_are_told_of(
    explained: dict[str, Sequence[int]], beside: Sequence[int], alike: int
) -> None:
    cover = _covered(explained, beside=beside)
    assert cover is not None
    assert [len(others) for others in cover.alike] == [alike]


def test_what_says_nothing_is_not_found() -> None:
    assert only_with(FORMATS[3:], FORMATS[:3] * 6, but={"channels_first"}) is None


def test_what_many_right_cases_have_too_is_not_found() -> None:
    assert only_with(FORMATS[3:], [*FORMATS[:3] * 6, *FORMATS[3:] * 3]) is None


def test_what_all_have_may_be_chance_where_few_are_right() -> None:
    assert only_with(FORMATS[3:], FORMATS[:3]) is None


def test_what_only_the_explained_activation_has_leaves_room_for_others() -> None:
    activations = ("elu", "elu", "elu", "relu", "selu")
    cases = [
        attrs.evolve(case, arguments={**case.arguments, "activation": name})
        for case, name in zip(FORMATS, activations)
    ]
    cover = _covered({"a": [0, 1, 2]}, cases=cases)
    assert cover is not None
    assert (cover.apart, cover.is_whole) == ("with another activation than elu", False)
    assert _covered({"a": [0, 1]}, cases=cases) is None


def test_cases_that_are_left_and_have_nothing_to_themselves_leave_no_cover() -> None:
    assert _covered({"a": [0, 1, 3]}, cases=FORMATS) is None


def test_one_case_in_ten_may_be_left_and_then_it_is_no_whole_cover() -> None:
    cover = _covered({"a": range(6), "b": range(6, 9)}, cases=[*map(_case, range(10))])
    assert cover is not None
    assert (cover.is_whole, cover.explaining([_case(9)])) == (False, [])


def test_what_was_found_before_the_effort_was_spent_is_told() -> None:
    def explains(name: str, _: Any, case: Case) -> bool:
        return name == FIRST.id and case in FORMATS[:3]

    def beside() -> list[Case]:
        raise EffortIsSpentError

    cover = covering(FORMATS, [[FIRST]], explains, lambda _: True, beside=beside)
    assert cover is not None
    assert (cover.mistakes, cover.apart) == ((FIRST,), "with channels_first")


def test_effort_that_is_spent_before_anything_was_found_finds_nothing() -> None:
    def explains(*_: Any) -> bool:
        raise EffortIsSpentError

    with pytest.raises(EffortIsSpentError):
        covering(FORMATS, [[FIRST]], explains, lambda _: True)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("same short", "'same' and a kernel shorter than the stride"),
        ("valid dilation", "'valid' and dilation"),
        ("same", "'same'"),
        ("bias", "a bias"),
        ("no bias", "no bias"),
    ],
)
def test_a_feature_is_told_in_words(feature: str, words: str) -> None:
    assert in_words(feature) == words


def test_two_mistakes_in_one_method_have_no_composition() -> None:
    assert composed((MISTAKES["static_shape_known"], MISTAKES["static_shape_lost"])) is None


def test_a_method_is_composed_with_what_happens_to_the_outputs() -> None:
    layer = composed((MISTAKES["M02_height"], MISTAKES["updates_none"]))
    assert layer is not None
    made = layer(1, 2, padding="same")
    outputs = made(np.ones((1, 3, 3, 1), "f"))
    assert made.get_updates_for(None) is None
    assert not np.array_equal(
        outputs, fast_impl.conv2d_transpose(np.ones((1, 3, 3, 1), "f"), made.kernel, padding="same")
    )


def test_a_composition_makes_one_mistake_after_the_other() -> None:
    layer = composed((MISTAKES["M07_use_bias"], MISTAKES["M07_padding"]))
    assert layer is not None
    made = layer(filters=1, kernel_size=2, padding="same", use_bias=False)
    assert (made.padding, made.use_bias, made(np.ones((1, 2, 2, 1), "f")).shape) == (
        "valid",
        True,
        (1, 3, 3, 1),
    )


def test_diagnoses_end_when_they_have_run_as_many_cases_as_they_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "EFFORT_IN_ALL", 0)
    monkeypatch.setattr(diagnosis, "EFFORT_EACH", 0)
    _, subject, failures = _explored("M04_both", "M05_both")
    diagnostician = Diagnostician(Evidence(), examples=30, run_seed=0)
    diagnostician.diagnose(subject, "SHAPE-01", failures["SHAPE-01"])
    assert diagnostician.cut_short == 1


@pytest.mark.parametrize(("place", "is_told"), [(0, True), (-1, False)])
def test_what_another_finding_tells_is_not_told_of_a_case_that_it_does_not_explain(
    place: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, subject, found = _explored("M04_both")
    failures = found["SHAPE-01"]
    assert "M04_both" in str(told.diagnose(subject, "SHAPE-01", failures))
    explained = failures[0].case.id
    half = Cover(
        (MISTAKES["M04_both"],),
        (frozenset([explained]),),
        is_whole=False,
        explains=lambda _name, _layer, case: case.id == explained,
        apart="with something",
    )
    monkeypatch.setattr(diagnosis, "covering", lambda *_, **__: half)
    monkeypatch.setattr(told, "_known", lambda *_: [])
    text = str(told.diagnose(subject, "SHAPE-01", failures, failures[place]))
    assert ("M04_both" in text) == is_told
