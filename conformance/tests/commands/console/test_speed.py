"""What `bench` prints of its results, in terminals of any width."""

from __future__ import annotations

import io

import pytest

from conformance.commands.console.speed import show_results, show_warnings
from conformance.commands.console.terminal import Terminal
from reports.tests.test_bench import BOTH, NEW_SIZE, RUN, results


def printed(run, width):
    """The lines of a terminal."""
    out = io.StringIO()
    terminal = Terminal(file=out, width=width, force_terminal=True, color_system=None)
    show_results(run, terminal)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def rows(lines, layer):
    """The cells of the rows of a layer."""
    return [line.split() for line in lines if line.startswith(f"{layer} ")]


def test_a_wide_terminal_has_all_numbers_of_threads_side_by_side():
    (cells,) = rows(printed(BOTH, 150), "a")
    assert cells == [
        *("a", "2"), *("30.0", "±1%", "10.0", "±1%", "3.00"), *("20.0", "±1%", "30.0", "±1%", "0.67"),
        *("2.00", "100", "50%", "1"),
    ]  # fmt: skip


def test_less_room_has_no_spreads():
    (cells,) = rows(printed(BOTH, 80), "a")
    assert cells == ["a", "2", "30.0", "10.0", "3.00", "20.0", "30.0", "0.67", "2.00"]


@pytest.mark.parametrize(
    ("width", "one", "two"),
    [
        (52, ["a", "2", "30.0", "10.0", "3.00"], ["a", "2", "20.0", "30.0", "0.67", "2.00"]),
        (46, ["a", "30.0", "10.0", "3.00"], ["a", "20.0", "30.0", "0.67", "2.00"]),
    ],
)
def test_a_narrow_terminal_has_a_table_for_each_number_of_threads(width, one, two):
    assert rows(printed(BOTH, width), "a") == [one, two]


@pytest.mark.parametrize("width", [150, 80, 52, 46])
def test_nothing_is_cut_off(width):
    lines = printed(BOTH, width)
    assert [line for line in lines if "…" in line or len(line) > width] == []


def test_a_single_number_of_threads_has_no_better_one():
    assert [line for line in printed(RUN, 150) if "better" in line] == []


def test_the_means_of_the_better_and_of_either_number_are_told():
    lines = printed(BOTH, 150)
    means = [line.partition(" (")[0] for line in lines if "the best peer's time" in line]
    assert means == [
        "fast, the better number of threads: 0.71 times the best peer's time",
        "fast, 1 thread: 1.73 times the best peer's time",
        "fast, 2 threads: 0.29 times the best peer's time",
    ]


def test_new_sizes_are_apart_and_have_no_rate():
    lines = printed(results([NEW_SIZE]), 150)
    assert lines[1] == "milliseconds for a size that was never seen before:"
    assert rows(lines, "shapes-a") == [["shapes-a", "6.00", "±1%", "3.00", "±1%", "2.00"]]


def test_kernels_are_told():
    assert "kernels of torch: oneDNN AVX-512" in printed(RUN, 150)


@pytest.mark.parametrize("environment", [None, {}, {"OMP_WAIT_POLICY": "passive"}])
def test_what_hides_no_kernels_is_not_warned_of(environment):
    out = io.StringIO()
    show_warnings(environment, Terminal(file=out))
    assert out.getvalue() == ""
