"""A run on a cluster ends with the findings of a run in one process, whatever happens to the workers."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis.errors import HypothesisDeprecationWarning

from conformance.run.parallel import cluster
from conformance.run.parallel.cluster import Cluster, connected
from conformance.run.parallel.crew import close_here, explore_here
from conformance.run.parallel.explorer import Task
from conformance.run.parallel.pieces import Asked, Found, Piece, Recipe
from conformance.run.participants.participant import participants
from conformance.tests.run.parallel.test_jobs import EVERY_CLAUSE, KILLER
from reports.records.record import FILE_NAME, to_json

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

#: What Dask warns of, such as a slow disk, may not keep a worker from starting.
pytestmark = pytest.mark.filterwarnings("default")
#: Small families of listed cases.
FAMILIES = ("channels", "ranks", "shape questions", "inferred dtypes", "radial")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A cluster of two workers, each a process of its own; a task may cost it two of them."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        connected(None, 2) as client,
    ):
        yield client


def _tasks(layer: Path) -> list[Task]:
    (participant,) = participants((f"{layer}:Layer",), (), 20.0)
    participant.subject.close()
    recipe = Recipe.of(participant)
    assert recipe is not None
    return [
        Task(Piece(*participant.key, family, 0), recipe, Asked(EVERY_CLAUSE, 1, 0))
        for family in FAMILIES
    ]


def _found(client: Any, tasks: list[Task]) -> list[Found]:
    """All that was handed over; what is asked for must be of it."""
    finished: list[Found] = []
    cluster = Cluster(client, tasks, finished.append)
    try:
        asked = [cluster.found(task.piece, lambda *_: None) for task in tasks]
    finally:
        cluster.close()
    assert {id(found) for found in asked} == {id(found) for found in finished}
    return asked


def test_workers_that_are_lost_lose_no_case_and_double_none(client: Any, tmp_path: Path) -> None:
    layer = tmp_path / "layer.py"
    layer.write_text(KILLER.format(most=2), encoding="utf-8")
    tasks = _tasks(layer)
    found = _found(client, tasks)
    assert (tmp_path / "times").read_text() == "xx"
    alone = [explore_here(task, lambda _: None) for task in tasks]
    close_here()
    assert [to_json(one.entry()) for one in found] == [to_json(one.entry()) for one in alone]


def test_a_block_that_ends_every_worker_is_broken_and_says_how(client: Any, tmp_path: Path) -> None:
    layer = tmp_path / "layer.py"
    layer.write_text(KILLER.format(most=99), encoding="utf-8")
    (found,) = _found(client, _tasks(layer)[:1])
    told = {str(tally.broken) for tally in found.tallies.values()}
    assert len(told) == 1
    assert "exploring 'channels': Attempted to run task" in told.pop()


def test_what_finished_raises_is_raised_where_a_piece_is_asked_for(
    client: Any, tmp_path: Path
) -> None:
    def full(_: Found) -> None:
        raise OSError("no space left")

    layer = tmp_path / "layer.py"
    layer.write_text(KILLER.format(most=0), encoding="utf-8")
    task, *_ = _tasks(layer)
    cluster = Cluster(client, [task], full)
    with pytest.raises(OSError, match="no space left"):
        cluster.found(task.piece, lambda *_: None)
    cluster.close()


def test_a_campaign_gives_the_record_of_a_run(command: Callable[..., Any], zoo: Path) -> None:
    words = ["--subject", zoo / "wrong_results.py:ForgetsBias", "--clause", "ACT-02"]
    words += ["--clause", "SHAPE-13", "--examples", "1", "--out", "out"]
    # The other cluster may be starting the workers that tests have ended.
    with connected(None, 2) as client:
        address = client.scheduler_info()["address"]
        campaign = command("campaign", *words, "--scheduler", address)
    assert campaign.status == 1
    assert _told(campaign.out / FILE_NAME) == _told(command("run", *words).out / FILE_NAME)


def _told(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    left_out = ("seconds", "started", "command")
    return [{k: v for k, v in line.items() if k not in left_out} for line in lines]


def test_a_scheduler_that_is_not_there_is_one_line(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.run.parallel.cluster.CONNECT_SECONDS", 1)
    done = command("campaign", "--scheduler", "tcp://127.0.0.1:1", "--clause", "SHAPE-13")
    assert (done.status, len(done.stderr.splitlines())) == (2, 1)
    assert "there is no scheduler at tcp://127.0.0.1:1" in done.stderr


def test_a_campaign_has_workers_and_no_jobs(command: Callable[..., Any]) -> None:
    done = command("campaign", "--jobs", "2", "--clause", "SHAPE-13")
    assert (done.status, len(done.stderr.splitlines())) == (2, 1)
    assert "--jobs 2: a campaign's cases run on the workers of the cluster" in done.stderr


@pytest.mark.filterwarnings("error")
def test_a_worker_says_nothing_of_random_numbers_that_other_threads_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explore(*_: object) -> str:
        warnings.warn("Do not use the `random` module", HypothesisDeprecationWarning, stacklevel=1)
        return "explored"

    monkeypatch.setattr(cluster, "explore_here", explore)
    task: Any = None
    assert cluster.explore_on_worker(task, cluster._versions()) == "explored"
