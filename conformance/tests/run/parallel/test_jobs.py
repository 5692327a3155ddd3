"""A run in several processes ends with the record of a run in one, whatever happens to these processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import fast_impl
from conformance.checks import CHECKS
from conformance.run.parallel import work
from conformance.run.parallel.crew import Crew, _Pace
from conformance.run.parallel.explorer import Task
from conformance.run.parallel.pieces import Asked, Found, Piece, Recipe, Worker, explored
from conformance.run.parallel.work import Work
from conformance.run.participants.participant import participants
from conformance.subjects.objects import ObjectSubject
from conformance.subjects.process import PATIENCE, RENEWAL, Spent
from conformance.tests.zoo.wrong_results import ExchangesStrides
from reports.records.record import FILE_NAME, to_json

EVERY_CLAUSE = frozenset(check.clause for check in CHECKS)
#: A layer that ends the process which explores, as a machine that is short of memory may.
KILLER = """
import os, pathlib, signal
import fast_impl

TIMES = pathlib.Path(__file__).with_name("times")

def explorer():
    pid = os.getpid()
    while pid > 1:
        if b"spawn_main" in pathlib.Path(f"/proc/{{pid}}/cmdline").read_bytes():
            return pid
        status = pathlib.Path(f"/proc/{{pid}}/status").read_text()
        pid = int(status.split("PPid:")[1].split()[0])
    return None

class Layer(fast_impl.Conv2DTranspose):
    def __call__(self, inputs):
        pid, times = explorer(), len(TIMES.read_text()) if TIMES.exists() else 0
        if pid is not None and times < {most}:
            TIMES.write_text("x" * (times + 1))
            os.kill(pid, signal.SIGKILL)
        return super().__call__(inputs)
"""

#: A layer that ends its process and counts how often.
ENDING = """
import os, fast_impl

class Layer(fast_impl.Conv2DTranspose):
    def __call__(self, inputs):
        with open({times!r}, "a") as times:
            times.write("x")
        os._exit(0)
"""


NOTHING = Spent()


def _told(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    left_out = ("seconds", "started", "command")
    return [{k: v for k, v in line.items() if k not in left_out} for line in lines]


def _found(layer: Path, spent: Spent = NOTHING) -> list[Found]:
    """What one process after the other finds of a layer's only piece."""
    (participant,) = participants((f"{layer}:Layer",), (), 20.0)
    participant.subject.close()
    recipe = Recipe.of(participant)
    assert recipe is not None
    recipe = attrs.evolve(recipe, spent=spent)
    task = Task(Piece(*participant.key, "channels", 0), recipe, Asked(EVERY_CLAUSE, 1, 0))
    finished: list[Found] = []
    crew = Crew([task], finished.append, jobs=1, seconds=20.0)
    try:
        assert crew.found(task.piece, lambda *_: None) in finished
    finally:
        crew.close()
    return finished


@pytest.fixture
def layer(tmp_path: Path) -> Callable[[int], Path]:
    """Write a layer that ends so many processes which explore."""

    def write(most: int) -> Path:
        path = tmp_path / "layer.py"
        path.write_text(KILLER.format(most=most), encoding="utf-8")
        return path

    return write


def test_two_processes_give_the_record_of_one(command: Callable[..., Any], zoo: Path) -> None:
    words = ["run", "--subject", zoo / "wrong_results.py:ForgetsBias", "--subject", "fast"]
    words += ["--clause", "ACT-02", "--clause", "SHAPE-13", "--examples", "1", "--out", "out"]
    one, two = (command(*words, "--jobs", jobs).out / FILE_NAME for jobs in (1, 2))
    assert _told(one) == _told(two)


@pytest.mark.parametrize(("cases", "gib", "expected"), [(999, 64, 1), (1000, 64, 8), (1000, 5, 2)])
def test_a_run_has_a_process_a_core_where_that_saves_time_and_there_is_memory(
    cases: int, gib: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.model.machine.cores", lambda: 8)
    monkeypatch.setattr("conformance.model.machine.memory", lambda: gib * 2**30)
    assert work.processes(cases) == expected


def test_a_process_that_is_killed_loses_nothing_and_doubles_nothing(
    tmp_path: Path, layer: Callable[[int], Path]
) -> None:
    disturbed, undisturbed = _found(layer(1)), _found(layer(1))
    assert (tmp_path / "times").read_text() == "x"
    assert [to_json(one.entry()) for one in disturbed] == [
        to_json(one.entry()) for one in undisturbed
    ]


def test_a_piece_that_ends_every_process_is_broken_and_says_how(
    layer: Callable[[int], Path],
) -> None:
    (found,) = _found(layer(99))
    broken = {str(tally.broken) for tally in found.tallies.values()}
    assert broken == {"exploring 'channels': its process was killed by signal 9"}


def test_what_a_subject_cost_before_counts_once_and_its_piece_is_not_explored_again(
    tmp_path: Path,
) -> None:
    path, times = tmp_path / "layer.py", tmp_path / "times"
    path.write_text(ENDING.format(times=str(times)), encoding="utf-8")
    (participant,) = participants((f"{path}:Layer",), (), 20.0)
    participant.subject.close()
    times.write_text("")
    left_for_one = Spent(PATIENCE - RENEWAL)
    (found,) = _found(path, left_for_one)
    # Probing, and one case.
    probing = len(times.read_text()) - 1
    assert (probing, found.before) == (1, left_for_one)
    assert found.spent.seconds == pytest.approx(RENEWAL)
    worker = Worker.of(participant)
    for spent, again in ((left_for_one, False), (Spent(), True)):
        worker.spent = spent
        assert Work._costs_too_much(worker, found) == again


def test_a_case_that_fails_in_its_situation_is_not_said_to_hold() -> None:
    subject = ObjectSubject(ExchangesStrides, "mine")
    (participant,) = participants((subject,), (), 20.0)
    piece = Piece(*participant.key, "geometry", 1)
    found = explored(
        piece,
        Worker.of(participant),
        Asked(EVERY_CLAUSE, 6, 0, with_observations=True),
        progress=lambda _: None,
    )
    assert found.observed is not None
    plain = {case.id: case.without_situation.id for case, _ in found.observed}
    assert not {plain[name] for name in found.told.held} & set(found.failing)


class RefusesNothing(fast_impl.Conv2DTranspose):
    """A layer that takes images with too many channels."""

    def __call__(self, inputs: Any) -> Any:
        if self.kernel is not None and inputs.ndim == 4:
            axis = -1 if self.data_format == "channels_last" else 1
            inputs = np.take(inputs, range(self.kernel.shape[-1]), axis, mode="clip")
        return super().__call__(inputs)


@pytest.mark.parametrize(
    ("made", "family", "block", "refused"),
    [(ExchangesStrides, "geometry", 1, {False}), (RefusesNothing, "channels", 0, {False, True})],
)
def test_a_failure_tells_whether_the_right_layer_refuses(
    made: type, family: str, block: int, refused: set[bool]
) -> None:
    (participant,) = participants((ObjectSubject(made, "mine"),), (), 20.0)
    piece = Piece(*participant.key, family, block)
    found = explored(
        piece, Worker.of(participant), Asked(EVERY_CLAUSE, 6, 0), progress=lambda _: None
    )
    for one in (found, Found.of(found.entry(), "here")):
        failures = [failure for tally in one.tallies.values() for failure in tally.failures]
        assert {failure.refused for failure in failures} == refused


@pytest.mark.parametrize(
    ("cases", "hands", "expected"), [(30, 1, True), (10, 1, False), (30, 3, False)]
)
def test_a_further_process_is_worth_its_start_where_it_saves_more(
    cases: int, hands: int, expected: bool
) -> None:
    assert _Pace(start=5.0, cases=10, seconds=5.0).is_worth(cases, hands) is expected


def test_nothing_is_known_to_be_worth_it_before_a_case_is_done() -> None:
    assert not _Pace(start=5.0).is_worth(1000, 1)
