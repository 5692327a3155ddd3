"""What a run notes about the precision of results."""

import numpy as np
import pytest

from conformance.oracle.comparison import compare_numbers, listening
from conformance.run.statistics.numerics import Numerics, Precision
from conformance.subjects import resolve


def heard(got, exact, allowed, unit):
    """What a listener is told of one comparison."""
    told = []
    with listening(lambda *all_of_it: told.append(all_of_it)):
        compare_numbers(
            np.array(got, "float32"),
            np.array(exact),
            np.array(allowed),
            step=0,
            unit=None if unit is None else np.array(unit),
        )
    return told


def test_rounded_elements_within_their_bounds_are_heard():
    ((dtype, error, unit, allowed),) = heard([1.5, 2.0], [1.0, 2.0], [1.0, 1.0], [0.25, 0.25])
    assert (dtype, error.tolist(), unit.tolist(), allowed.tolist()) == (
        "float32", [0.5, 0.0], [0.25, 0.25], [1.0, 1.0]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("got", "exact", "allowed", "unit"),
    [
        ([1.0], [1.0], [0.0], [0.25]),
        ([1.0], [1.0], [1.0], None),
        ([9.0], [1.0], [1.0], [0.25]),
        ([np.nan], [np.nan], [1.0], [0.25]),
        ([0.0], [0.0], [1.0], [0.0]),
    ],
    ids=["exact", "no unit", "beyond its bound", "not a number", "no magnitude"],
)
def test_what_has_no_rounding_is_not_heard(got, exact, allowed, unit):
    assert heard(got, exact, allowed, unit) == []


def test_nobody_listens_any_more_afterwards():
    told = []
    with listening(lambda *all_of_it: told.append(all_of_it)):
        pass
    compare_numbers(np.ones(1), np.ones(1), np.ones(1), step=0, unit=np.ones(1))
    assert told == []


@pytest.mark.parametrize(
    ("error", "counts"),
    [(0.0, [1]), (0.9, [1]), (1.0, [0, 1]), (1.9, [0, 1]), (2.0, [0, 0, 1]), (5.0, [0, 0, 0, 1])],
)
def test_a_comparison_counts_by_the_power_of_two_above_its_worst_error(error, counts):
    found = Precision()
    found.note(np.array([0.0, error]), np.array([1.0, 1.0]), np.array([10.0, 10.0]))
    assert found.counts == counts


@pytest.mark.parametrize(("error", "place"), [(0.0, 0), (0.01, 1), (1.0, 1), (1.1, 2), (10.0, 10)])
def test_a_comparison_counts_by_the_tenth_of_its_bound_that_it_takes(
    error: float, place: int
) -> None:
    found = Precision()
    found.note(np.array([0.0, error]), np.array([1.0, 1.0]), np.array([10.0, 10.0]))
    assert (found.shares.index(1), sum(found.shares)) == (place, 1)


def test_the_worst_error_and_the_largest_share_are_kept():
    found = Precision()
    found.note(np.array([2.0, 1.0]), np.array([1.0, 1.0]), np.array([8.0, 2.0]))
    found.note(np.array([1.0]), np.array([1.0]), np.array([8.0]))
    assert (found.worst, found.share) == (2.0, 0.5)


def test_the_footer_tells_subjects_and_formats_apart():
    numerics = Numerics()
    (fast,) = resolve("fast", 20.0)
    for dtype in ("float32", "float64"):
        numerics.of(fast)(dtype, np.array([0.5]), np.array([1.0]), np.array([1.0]))
    assert [(one.subject, one.dtype, one.counts) for one in numerics.entries()] == [
        ("fast", "float32", (1,)), ("fast", "float64", (1,))
    ]  # fmt: skip
