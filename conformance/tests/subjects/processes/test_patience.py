"""How long a process is waited for, by the clock of a made-up machine."""

from __future__ import annotations

import pytest

from conformance.subjects.processes.patience import Patience


class Machine:
    """A clock, and a process that gets a share of a processor.

    Args:
        shares: pairs of a time until which the process has a share of a processor, and that share.
    """

    def __init__(self, *shares: tuple[float, float]) -> None:
        self.now = self.used = 0.0
        self.looks = 0
        self._shares = shares

    def look(self) -> float:
        self.looks += 1
        return self.used

    def wait(self, seconds: float) -> None:
        share = next(share for until, share in self._shares if self.now < until)
        self.now += seconds
        self.used += share * seconds

    def ends(self, limit: float) -> float:
        """When nothing of the limit is left."""
        patience = Patience(limit, self.look, lambda: self.now)
        while wait := patience.wait():
            self.wait(wait)
        return self.now


def _ends(share: float, limit: float = 20.0) -> float:
    return Machine((1e9, share)).ends(limit)


def test_a_process_that_sleeps_ends_at_its_limit() -> None:
    assert _ends(0) == pytest.approx(20)


def test_a_process_that_asks_again_and_again_sleeps_all_the_same() -> None:
    assert _ends(0.05) == pytest.approx(20)


def test_a_process_that_computes_alone_ends_at_its_limit() -> None:
    assert _ends(1) == pytest.approx(20)


def test_several_processors_end_no_process_sooner() -> None:
    assert _ends(8) == pytest.approx(20)


def test_a_process_that_is_kept_waiting_ends_when_it_has_computed_for_its_limit() -> None:
    machine = Machine((1e9, 1 / 3))
    machine.ends(20)
    assert machine.used == pytest.approx(20, abs=1)


def test_a_process_that_hardly_gets_a_processor_ends_at_four_times_its_limit() -> None:
    assert _ends(1 / 9) == pytest.approx(80, abs=4)


def test_what_it_slept_before_it_computed_counts() -> None:
    assert Machine((10, 0), (1e9, 1 / 3)).ends(20) == pytest.approx(40, abs=2)


def test_what_it_sleeps_after_it_has_computed_counts() -> None:
    assert Machine((30, 1 / 3), (1e9, 0)).ends(20) == pytest.approx(40, abs=2)


def test_time_in_which_nobody_looked_does_not_count() -> None:
    machine = Machine((1e9, 0))
    patience = Patience(20.0, machine.look, lambda: machine.now)
    machine.wait(patience.wait())
    machine.wait(120)  # all are stopped
    assert patience.spent <= 6
    while wait := patience.wait():
        machine.wait(wait)
    assert machine.now == pytest.approx(120 + 20, abs=5)


@pytest.mark.parametrize("limit", [0.01, 0.5])
def test_a_short_limit_is_kept(limit: float) -> None:
    assert _ends(0, limit) == pytest.approx(limit)


def test_a_long_limit_is_looked_at_each_second() -> None:
    machine = Machine((1e9, 0))
    machine.ends(180)
    assert machine.looks == 180


def test_an_answer_that_comes_at_once_costs_no_look() -> None:
    machine = Machine((1e9, 1))
    patience = Patience(20, machine.look, lambda: machine.now)
    machine.wait(0.5)
    assert (patience.wait(), machine.looks) == (0.5, 0)


def test_what_counts_is_known_at_any_time() -> None:
    machine = Machine((1e9, 0.5))
    patience = Patience(20, machine.look, lambda: machine.now)
    for _ in range(4):
        machine.wait(patience.wait())
    assert patience.spent == 1 + 0.5 + 0.5 + 1  # the last second is not looked at yet
