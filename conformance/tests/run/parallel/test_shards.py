"""Shards of a run are merged into the record of an undisturbed one, and into nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import reports
from conformance.run.parallel.pieces import Piece, of_shard
from conformance.run.parallel.shards import check_all, check_shard, parse, without
from reports.records.record import FILE_NAME, Machine, Record, RecordError, Shard, Tool

SHARDS = 2


@pytest.fixture(scope="module")
def words(zoo: Path) -> list[Any]:
    """A run of two small families, one of them with findings."""
    subject = zoo / "wrong_results.py:ForgetsBias"
    clauses = ["--clause", "ACT-02", "--clause", "SHAPE-13"]
    return ["run", "--subject", subject, *clauses, "--examples", "1", "--out", "out"]


@pytest.fixture(scope="module")
def shards(command: Callable[..., Any], words: list[Any]) -> list[Any]:
    """All shards of the run, as the command ended."""
    return [command(*words, "--shard", f"{number}/{SHARDS}") for number in range(1, SHARDS + 1)]


@pytest.fixture(scope="module")
def records(shards: list[Any]) -> list[Record]:
    """Their records."""
    return [reports.load(done.out / FILE_NAME) for done in shards]


def _told(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    left_out = ("seconds", "started", "command")
    return [{k: v for k, v in line.items() if k not in left_out} for line in lines]


def test_all_shards_together_give_the_record_of_an_undisturbed_run(
    command: Callable[..., Any], shards: list[Any], words: list[Any]
) -> None:
    undisturbed = command(*words)
    merged = command("merge", *[done.out for done in shards], "--out", "out", "--trust")
    assert merged.status == undisturbed.status == 1
    assert _told(merged.out / FILE_NAME) == _told(undisturbed.out / FILE_NAME)


def test_a_shard_ends_with_status_0_and_no_verdict(
    shards: list[Any], records: list[Record]
) -> None:
    assert [(done.status, record.verdicts) for done, record in zip(shards, records)] == [
        (0, ())
    ] * 2


def test_the_record_of_a_shard_says_that_it_is_one(records: list[Record]) -> None:
    assert [record.unfinished for record in records] == [
        f"unfinished (shard {number}/2: conformance merge judges all of them together): 0 of 2 clauses judged"
        for number in (1, 2)
    ]


@pytest.mark.parametrize("forged", [{"complete": True}, {"complete": True, "exit_status": 0}])
def test_a_shard_that_claims_to_be_complete_is_refused(
    tmp_path: Path, shards: list[Any], forged: dict[str, Any]
) -> None:
    *lines, footer = (shards[0].out / FILE_NAME).read_text(encoding="utf-8").splitlines()
    path = tmp_path / FILE_NAME
    path.write_text("\n".join([*lines, json.dumps(json.loads(footer) | forged)]), encoding="utf-8")
    with pytest.raises(RecordError, match="it is shard 1/2 of a run, which has no verdicts"):
        reports.load(path)


def test_code_that_a_shard_names_is_not_run_unless_it_is_trusted(
    command: Callable[..., Any], shards: list[Any]
) -> None:
    done = command("merge", *[one.out for one in shards])
    assert (done.status, "nothing was run. --trust runs it" in done.stderr) == (2, True)


def test_a_missing_shard_is_named(command: Callable[..., Any], shards: list[Any]) -> None:
    done = command("merge", shards[0].out, "--trust")
    told = "conformance merge: error: shards are missing: 2/2\n"
    assert (done.status, done.stderr) == (2, told)


def _with(record: Record, **changes: Any) -> Record:
    return attrs.evolve(record, header=attrs.evolve(record.header, **changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shard": None}, "is no shard"),
        ({"shard": Shard(2, 3)}, "shards of one run have the same N"),
        ({"shard": Shard(1, 2)}, "are both shard 1/2"),
        ({"seed": 7}, "another --seed"),
        ({"examples": 7}, "another --profile or --examples"),
        ({"conditions": "other"}, "other excuses"),
        ({"subjects": ()}, "other subjects, or other versions of them"),
        ({"clauses": ()}, "other clauses"),
        ({"tool": Tool("conv2d-transpose-conformance", "9.9")}, "another version"),
        ({"machine": Machine()}, "release of Hypothesis"),
    ],
)
def test_a_shard_of_another_run_is_refused(
    records: list[Record], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        check_all([records[0], _with(records[1], **changes)])


def _pieces(records: list[Record]) -> list[Piece]:
    return [Piece(e.subject, e.mode, e.family, e.block) for one in records for e in one.explored]


def test_an_unfinished_shard_is_refused(records: list[Record]) -> None:
    cut = attrs.evolve(records[0], explored=records[0].explored[:-1])
    with pytest.raises(ValueError, match=r"shard 1/2 is unfinished: 1 of its \d blocks"):
        check_shard(cut, records[0].header, _pieces(records))


@pytest.mark.parametrize("strange", [0, 1], ids=["twice the same", "of another shard"])
def test_blocks_that_are_not_the_shards_own_are_refused(
    records: list[Record], strange: int
) -> None:
    more = attrs.evolve(records[0], explored=(*records[0].explored, records[strange].explored[0]))
    with pytest.raises(ValueError, match="has blocks of cases that are not its own"):
        check_shard(more, records[0].header, _pieces(records))


@pytest.mark.parametrize("of", [1, 2, 3, 7, 50])
def test_every_piece_is_in_one_shard(of: int) -> None:
    families = ("geometry", "numbers", "channels", "ranks")
    listed = [
        Piece(name, "eager", family, block)
        for name in "ab"
        for family in families
        for block in (0, 1)
    ]
    found = [piece for n in range(1, of + 1) for piece in of_shard(listed, 20, Shard(n, of))]
    assert Counter(found) == Counter(listed)


@pytest.mark.parametrize(
    "text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1.5/2", "²/3", "1/1000000"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--shard .*: must be I/N, with I from 1 to N"):
        parse(text)


def test_the_command_of_all_shards_is_that_of_one_without_what_is_its_own() -> None:
    words = (
        "conformance",
        "run",
        "--shard",
        "1/2",
        "--out=a",
        "--resume",
        "--seed",
        "3",
        "--out",
        "b",
    )
    assert without(words, ("--shard", "--out", "--resume")) == ("conformance", "run", "--seed", "3")
