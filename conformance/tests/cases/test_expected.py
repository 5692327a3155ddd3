"""What is expected of a step depends on a subject's traits."""

from __future__ import annotations

import pytest

from conformance.cases.scripted.expected import Expected, Gives, Raises
from conformance.cases.scripted.script import NOTHING, Script, both, either, then
from conformance.model.steps import Losses, Use
from conformance.model.traits import Traits

OUTSIDE = Traits()
SUBJECTS = {
    "outside": OUTSIDE,
    **{
        f"{release} {mode}": Traits(tensorflow=True, release=(2, release), mode=mode)
        for release in (9, 10, 15, 16, 21)
        for mode in ("eager", "graph")
    },
    "with a tape": Traits(tape=True),
}
EVERYTHING = Expected(1, 2, outside=3, of_the_page=(4, 5), beside_keras_3=(6, 7))


@pytest.mark.parametrize(
    ("subject", "value"),
    [
        ("outside", 3),
        ("9 eager", 4),
        ("9 graph", 5),
        ("10 eager", 1),
        ("10 graph", 2),
        ("15 eager", 1),
        ("15 graph", 2),
        ("16 eager", 6),
        ("16 graph", 7),
        ("21 graph", 7),
    ],
)
def test_mode_and_release_decide(subject: str, value: int) -> None:
    assert EVERYTHING.by(SUBJECTS[subject]) == value


def test_outside_tensorflow_the_same_is_expected_as_in_eager_mode() -> None:
    assert Expected(1, 2).by(OUTSIDE) == 1


def test_a_release_may_expect_nothing() -> None:
    assert Expected(1, 2, of_the_page=(None, 5)).by(SUBJECTS["9 eager"]) is None


def test_each_expectation_can_be_made_another() -> None:
    doubled = EVERYTHING.each(lambda n: n * 2)
    assert doubled == Expected(2, 4, outside=6, of_the_page=(8, 10), beside_keras_3=(12, 14))


def test_nothing_stays_nothing() -> None:
    assert NOTHING.each(str) == NOTHING


def test_lines_expect_what_they_say() -> None:
    one, two = Gives(1), Gives(2)
    told = [both(Losses(), one), either(Losses(), one, two), *then(Losses())]
    assert [line.expected for line in told] == [Expected(one, one), Expected(one, two), NOTHING]


@pytest.mark.parametrize(
    ("where", "subjects"),
    [
        ("everywhere", {"outside", "with a tape", "9 eager", "9 graph", "15 eager", "15 graph"}),
        ("tensorflow", {"9 eager", "9 graph", "15 eager", "15 graph"}),
        ("eager", {"9 eager", "15 eager"}),
        ("graph", {"9 graph", "15 graph"}),
        ("not graph", {"outside", "with a tape", "9 eager", "15 eager"}),
        ("of the page", {"9 eager", "9 graph"}),
        ("without a tape", {"outside"}),
    ],
)
def test_a_script_applies_where_it_says(where: str, subjects: set[str]) -> None:
    script = Script(clause="X-01", arguments={}, lines=(both(Losses(), Gives([])),), where=where)
    asked = ("outside", "with a tape", "9 eager", "9 graph", "15 eager", "15 graph")
    assert {name for name in asked if script.concerns(SUBJECTS[name])} == subjects


def test_a_script_applies_where_it_expects_something() -> None:
    lines = (*then(Use("layer")), either(Losses(), None, Gives([])))
    script = Script(clause="X-01", arguments={}, lines=lines)
    assert {name for name in SUBJECTS if script.concerns(SUBJECTS[name])} == {
        name for name in SUBJECTS if name.endswith("graph")
    }


def test_a_constructor_that_must_fail_is_something() -> None:
    refused = Expected(Raises("ValueError"), Raises("ValueError"))
    script = Script(clause="X-01", arguments={}, lines=(), constructor=refused)
    assert script.concerns(OUTSIDE)


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Script(clause="X-01", arguments={}, lines=(), where="nowhere")
