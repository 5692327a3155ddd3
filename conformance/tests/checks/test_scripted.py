"""What a script expects of a step is told from what comes close to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.scripted.expected import (
    Arrays,
    Filled,
    Follows,
    Gives,
    Holds,
    IfTaken,
    Like,
    Raises,
    Rounded,
    SameAs,
    Stores,
    Typed,
)
from conformance.checks import NotSupported, Traits, View
from conformance.checks import scripted as judges
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import Has
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation

CASE = Case("scripted", {"filters": 3, "kernel_size": 2}, (Has(("one",)), Has(("two",))))
ONES, TWOS = np.ones(2, np.float32), np.full(3, 2.0)


def _judged(wanted: Any, got: Any, before: Any = None) -> Mismatch | None:
    """The verdict on the second step, which gave `got` after the first one gave `before`."""
    observation = Observation(outcomes=(Outcome(value=before), Outcome(value=got)))
    view = View(CASE, observation, Expectation(CASE), Traits())
    return judges.expect(view, 1, wanted)


RIGHT: list[tuple[Any, Any, Any]] = [
    (Gives(3), 3, None),
    (Gives([1, 2]), np.array([1, 2]), None),
    (Gives({"a": [1.5]}), {"a": [np.array(1.5)]}, None),
    (Gives(None), None, None),
    (Stores("filters", 3), np.array(3.0), None),
    (Stores("strides", [2, 3]), [np.array(2), 3.0], None),
    (Holds(("a", "b"), ("c",)), ["b", "a", "d"], None),
    (Holds(("a",)), {"a": 1}, None),
    (Holds(("a",), ("c",)), "ab", None),
    (Like(r"a\d"), "a1", None),
    (SameAs(0), ONES.copy(), ONES),
    (SameAs(0), [ONES, "x"], [ONES, "x"]),
    (SameAs(0), None, None),
    (Rounded("float32", [[1.0, 1.0]]), [ONES], None),
    (IfTaken([1.0, 1.0]), ONES, None),
    (Follows(0), "foo_1", "foo"),
    (Follows(0), "foo_2", "foo_1"),
    (Follows(0), "foo_10", "foo_9"),
    (Follows(0), "a_b_1", "a_b"),
    (Follows(0, skips=True), "foo_2", "foo_1"),
    (Follows(0, skips=True), "foo_9", "foo_1"),
    (Arrays(((2,), (3,))), [ONES, TWOS], None),
    (Arrays(((2,),)), ONES, None),
    (Typed("float32"), ONES, None),
    (Typed("float64"), [TWOS, TWOS], None),
    (Filled((1.0, 2.0)), [ONES, TWOS], None),
    (Filled((1.0, 2.0)), [np.ones((2, 2)), 2.0], None),
]


@pytest.mark.parametrize(("wanted", "got", "before"), RIGHT)
def test_what_is_wanted_is_right(wanted: Any, got: Any, before: Any) -> None:
    assert _judged(wanted, got, before) is None


WRONG: list[tuple[Any, Any, Any, str, Any, Any]] = [
    (Gives(3), 4, None, "should be 3, is 4", 3, 4),
    (Gives(True), 1, None, "should be True, is 1", True, 1),
    (Gives(1), True, None, "should be 1, is True", 1, True),
    (Gives("1"), np.array(1), None, "should be '1', is 1", "1", np.array(1)),
    (
        Stores("strides", [2, 3]),
        [2, 4],
        None,
        "the attribute strides should be [2, 3], is [2, 4]",
        [2, 3],
        [2, 4],
    ),
    (Holds(("a",)), 5, None, "should be a list, is 5", ["a"], 5),
    (Holds(("a", "b")), ["a"], None, "should hold 'b', holds ['a']", "b", ["a"]),
    (Holds(("b",)), {"a": 1}, None, "should hold 'b', holds the keys 'a'", "b", {"a": 1}),
    (Holds(("a",), ("b",)), ["a", "b"], None, "should not hold 'b': ['a', 'b']", None, ["a", "b"]),
    (Like(r"a\d"), "a12", None, r"should match 'a\\d', is 'a12'", r"a\d", "a12"),
    (Like(r"a\d"), 5, None, r"should match 'a\\d', is 5", r"a\d", 5),
    (SameAs(0), "x", "y", "should be as the first has: was 'y', is 'x'", "y", "x"),
    (Follows(0), "foo", "foo", "should be 'foo_1' after 'foo', is 'foo'", "foo_1", "foo"),
    (
        Follows(0, skips=True),
        "foo_1",
        "foo_2",
        "should be 'foo_3' after 'foo_2', is 'foo_1'",
        "foo_3",
        "foo_1",
    ),
    (
        Follows(0, skips=True),
        "bar_9",
        "foo_2",
        "should be 'foo_3' after 'foo_2', is 'bar_9'",
        "foo_3",
        "bar_9",
    ),
    (
        Arrays(((2,), (4,))),
        [ONES, "x"],
        None,
        "the shapes should be [[2], [4]], are [[2], None]",
        [[2], [4]],
        [[2], None],
    ),
    (
        Typed("float32"),
        [ONES, TWOS],
        None,
        "expected dtype float32, got float64",
        "float32",
        "float64",
    ),
    (
        Filled((1.0, 3.0)),
        [ONES, TWOS],
        None,
        "should hold nothing but [1.0, 3.0], holds [[1.0], [2.0]]",
        [[1.0], [3.0]],
        [[1.0], [2.0]],
    ),
    (Filled((1.0,)), 5, None, "should hold nothing but [1.0], holds 5", [[1.0]], 5),
    (
        Filled((1.0,)),
        [[[1.0], [1.0, 1.0]]],
        None,
        "should hold nothing but [1.0], holds [[[1.0], [1.0, 1.0]]]",
        [[1.0]],
        [[[1.0], [1.0, 1.0]]],
    ),
]


@pytest.mark.parametrize(("wanted", "got", "before", "text", "expected", "told"), WRONG)
def test_what_comes_close_is_told(
    wanted: Any, got: Any, before: Any, text: str, expected: Any, told: Any
) -> None:
    found = _judged(wanted, got, before)
    assert found is not None
    assert (found.message, found.expected, found.got, found.step) == (text, expected, told, 1)


@pytest.mark.parametrize(
    "other",
    [
        ONES.astype("float64"),
        ONES[:1],
        ONES.reshape(1, 2),
        ONES * (1 + 2.0**-20),
        [ONES],
        None,
        1.0,
    ],
)
def test_another_array_is_not_the_same(other: Any) -> None:
    assert _judged(SameAs(0), other, ONES) is not None


@pytest.mark.parametrize("other", [[ONES, TWOS, TWOS], [TWOS, ONES], [ONES], 2])
def test_another_list_is_not_the_same(other: Any) -> None:
    assert _judged(SameAs(0), other, [ONES, TWOS]) is not None


@pytest.mark.parametrize(
    ("before", "got", "told"),
    [
        ([ONES, TWOS], [ONES, TWOS + 1], "item 1 [0] was 2.0, is 3.0; 3 of 3 elements differ"),
        (
            [np.zeros((1, 2))],
            [np.array([[0.0, -0.0]])],
            "item 0 [0, 1] was 0.0, is -0.0; 1 of 2 elements differ",
        ),
        ([ONES], [ONES, TWOS], "its length was 1, is 2"),
        (ONES, TWOS[:1], "was a float32 array of shape (2,), is a float64 array of shape (1,)"),
        (np.array(1.0), np.array(2.0), "was 1.0 (float64), is 2.0 (float64)"),
        (np.zeros((0, 2)), None, "was a float64 array of shape (0, 2), is None"),
    ],
)
def test_the_first_difference_is_told(before: Any, got: Any, told: str) -> None:
    assert judges._difference(before, got) == told


def test_a_zero_of_another_sign_is_not_the_same() -> None:
    assert _judged(SameAs(0), -np.zeros(2), np.zeros(2)) is not None


def test_a_number_of_another_type_is_not_the_same() -> None:
    assert _judged(SameAs(0), 1.0, 1) is not None


@pytest.mark.parametrize("values", [[1.0, np.nan, 0.0], [np.nan, 0.0, 1.0], [0.0, 1.0, np.nan]])
def test_numbers_that_are_found_are_told_in_one_order(values: list[float]) -> None:
    found = _judged(Filled((1.0,)), [np.array(values)])
    assert found is not None
    assert found.message == "should hold nothing but [1.0], holds [[0.0, 1.0, nan]]"


@pytest.mark.parametrize("plain", [judges.as_plain])
def test_arrays_become_lists_at_any_depth(plain: Callable[[Any], Any]) -> None:
    assert plain({"a": [np.array([1, 2]), "x"]}) == {"a": [[1, 2], "x"]}


def _refused(wanted: Raises, moment: str) -> Mismatch | None:
    error = Error(("ValueError", "Exception"), "says why", moment)
    observation = Observation(outcomes=(Outcome(), Outcome(error=error)))
    traits = Traits(tensorflow=True)
    return judges.expect(View(CASE, observation, Expectation(CASE), traits), 1, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        Raises("ValueError"),
        Raises("TypeError|ValueError", "why"),
        Raises("ValueError", "", "call"),
    ],
)
def test_an_exception_that_is_wanted_is_right(wanted: Raises) -> None:
    assert _refused(wanted, "call") is None


def test_an_exception_at_another_moment_is_told() -> None:
    found = _refused(Raises("ValueError", "", "call"), "run")
    assert found is not None
    assert found.message == "should raise at call, raised ValueError at run: says why"


@pytest.mark.parametrize(
    ("wanted", "got", "text"),
    [
        (
            [[1, 2]],
            np.array([[1, 3]]),
            "output[0, 1] should be exactly 2, got 3; 1 of 2 elements is wrong",
        ),
        ([[1, 2]], np.array([1, 2]), "expected shape (1, 2), got (2,)"),
        (
            [[1, 5], [2]],
            [np.array([1, 5]), np.array([4])],
            "item 1[0] should be exactly 2, got 4; the only element is wrong",
        ),
        ([0] * 60, 3, f"should be a list: [{'0, ' * 33}..., is 3"),
    ],
)
def test_of_many_numbers_the_first_wrong_one_is_told(wanted: Any, got: Any, text: str) -> None:
    found = _judged(Gives(wanted), got, None)
    assert found is not None
    assert found.message == text


def test_what_is_cast_is_judged() -> None:
    assert _judged(Rounded("float32", [[1.0, 2.0]]), [ONES]) is not None


def test_what_a_plain_attribute_keeps_is_not_judged() -> None:
    with pytest.raises(NotSupported, match="what is assigned is kept as float64"):
        _judged(Rounded("float32", [[2.0, 2.0, 1.0]]), [TWOS])


def test_what_is_taken_is_judged() -> None:
    assert _judged(IfTaken([1.0, 2.0]), ONES) is not None


def test_what_is_not_taken_is_not_judged() -> None:
    refused = Outcome(error=Error(("TypeError",), "takes no None", "invoke"))
    view = View(CASE, Observation(outcomes=(Outcome(), refused)), Expectation(CASE), Traits())
    with pytest.raises(
        NotSupported, match="does not take this: TypeError at invoke: takes no None"
    ):
        judges.expect(view, 1, IfTaken(None))
