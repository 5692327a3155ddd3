"""The measurement of the suite's own strength, and the one that is shipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest

import conformance
from conformance.cases import FAMILIES
from conformance.judge.exploring import drawn_cases, forget_drawn
from conformance.model.clauses import all_clauses
from conformance.strength.measurement import measure, shipped
from conformance.strength.mistakes import CHAPTERS, MISTAKES
from conformance.strength.trials import Task, conduct_trial

SCHEMA = json.loads(
    (Path(conformance.__file__).parent / "strength" / "strength.schema.json").read_text(
        encoding="utf-8"
    )
)
WRONG = "wrong", "unexpected", "dies", "hangs", "prints"


@attrs.frozen
class Measured:
    """How the command ended, and its measurement."""

    finished: Any
    document: dict[str, Any]

    def entry(self, name: str) -> dict[str, Any]:
        (found,) = [entry for entry in self.document["mistakes"] if entry["id"] == name]
        return found


def _measured(command: Callable[..., Any], folder: Path, *arguments: object) -> Measured:
    file = folder / "measured.json"
    finished = command("strength", "--profile", "smoke", "--json", file, *arguments)
    return Measured(finished, json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def zoo_measured(command: Any, zoo: Path, tmp_path_factory: Any) -> Measured:
    folder = tmp_path_factory.mktemp("strength")
    catalogue = f"{zoo / 'catalogue.py'}:MISTAKES"
    options = ("--seeds", 2, "--timeout", 6, "--jobs", 2)
    return _measured(command, folder, "--catalogue", catalogue, *options)


@pytest.fixture(scope="module")
def caught(command: Any, tmp_path_factory: Any) -> Measured:
    folder = tmp_path_factory.mktemp("caught")
    return _measured(command, folder, "--mistake", "M02_*", "--mistake", "M16_tf32", "--seeds", 2)


def test_a_right_layer_is_not_caught(zoo_measured: Measured) -> None:
    assert (zoo_measured.entry("right")["caught"], zoo_measured.entry("right")["missed"]) == (
        0,
        [0, 1],
    )


def test_a_mistake_that_is_not_caught_ends_the_command_with_status_1(
    zoo_measured: Measured,
) -> None:
    assert zoo_measured.finished.status == 1


def test_a_mistake_that_is_not_caught_is_named(zoo_measured: Measured) -> None:
    assert "not caught with every seed: right\n" in zoo_measured.finished.stdout


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_layer_is_caught_with_every_seed(zoo_measured: Measured, name: str) -> None:
    assert zoo_measured.entry(name)["caught"] == 2


@pytest.mark.parametrize(("name", "clause"), [("dies", "PAD-01"), ("hangs", "PAD-01")])
def test_a_layer_that_ends_its_process_is_caught_by_the_expected_clause(
    zoo_measured: Measured, name: str, clause: str
) -> None:
    assert zoo_measured.entry(name)["clauses"] == {clause: 2}


def test_a_counterexample_that_kills_is_measured_as_it_was_found(zoo_measured: Measured) -> None:
    assert zoo_measured.entry("dies")["smallest"]["shrunk"] is False


def test_a_clause_that_is_not_expected_is_marked(zoo_measured: Measured) -> None:
    entry = zoo_measured.entry("unexpected")
    assert (entry["unexpected"], "ARG-01" in entry["clauses"]) == (2, False)


def test_what_a_mistake_prints_is_not_shown(zoo_measured: Measured) -> None:
    assert "printed by a mistake" not in zoo_measured.finished.stdout


def test_the_measurement_is_as_its_schema_says(zoo_measured: Measured) -> None:
    jsonschema.validate(zoo_measured.document, SCHEMA)


def test_mistakes_that_are_all_caught_end_the_command_with_status_0(caught: Measured) -> None:
    assert caught.finished.status == 0


def test_the_pattern_chooses_the_mistakes(caught: Measured) -> None:
    assert [entry["id"] for entry in caught.document["mistakes"]] == [
        "M02_height",
        "M02_width",
        "M02_both",
        "M16_tf32",
    ]


def test_the_terminal_shows_chapters(caught: Measured) -> None:
    lines = [line.strip() for line in caught.finished.stdout.splitlines()]
    assert [line for line in lines if line in CHAPTERS] == ["geometry", "numbers"]


def test_the_terminal_sums_up(caught: Measured) -> None:
    assert "4 of 4 mistakes caught with every one of 2 seeds, profile smoke" in (
        caught.finished.stdout
    )


def test_a_shrunk_counterexample_is_small(caught: Measured) -> None:
    smallest = caught.entry("M02_width")["smallest"]
    assert (smallest["shrunk"], smallest["elements"] <= 12) == (True, True)


def test_the_measurement_does_not_depend_on_the_number_of_processes(
    command: Any, tmp_path: Path
) -> None:
    options = ("--mistake", "M0[26]*", "--mistake", "name_*", "--seeds", 2)
    one, three = (
        _measured(command, tmp_path, *options, "--jobs", jobs).document["mistakes"]
        for jobs in (1, 3)
    )
    assert one == three


def test_examples_count_the_failing_one() -> None:
    score = conduct_trial(
        Task("conformance.strength.mistakes:MISTAKES", "M05_height", 0, 12), lambda _: None
    )
    # The first of the fixed geometries to which PAD-02 speaks has a kernel below the stride in width only.
    assert (score.caught.clause, score.caught.examples) == ("PAD-02", 2)


def test_a_trial_sees_the_cases_of_a_run() -> None:
    def drawn() -> list[str]:
        forget_drawn()
        return [case.id for case in drawn_cases(FAMILIES["losses"], examples=10, run_seed=3)]

    once, again = drawn(), drawn()
    assert (once, len(once)) == (again, 5)


def test_progress_is_told_once_for_every_trial_and_counterexample() -> None:
    told = []
    measure(
        "conformance.strength.mistakes:MISTAKES", ["M06"],
        examples=12, seeds=2, jobs=1, seconds=60, progress=lambda: told.append(1),
    )  # fmt: skip
    assert len(told) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mistake", "M99*"), "--mistake 'M99*' matches no mistake (try 'M01_*')"),
        (("--seeds", "0"), "--seeds 0: must be above 0"),
        (("--jobs", "-1"), "--jobs -1: must be above 0"),
        (("--timeout", "0"), "--timeout 0: must be above 0"),
        (("--catalogue", "nothing.py:MISTAKES"), "no such file: nothing.py"),
        (("--catalogue", "{zoo}/catalogue.py:NUMBER"), "a mapping from ids to mistakes is needed"),
        (("--catalogue", "{zoo}/catalogue.py:MISNAMED"), "'another' is not the id of its Mistake"),
        (("--json", "{zoo}/catalogue.py/x.json"), "catalogue.py/x.json': File exists"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(
    command: Any, zoo: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = command("strength", *(word.replace("{zoo}", str(zoo)) for word in arguments))
    assert (done.status, len(done.stderr.splitlines()), message in done.stderr) == (2, 1, True)


def test_what_a_measurement_lacks_is_added_to_it(command: Any, tmp_path: Path) -> None:
    older = _measured(command, tmp_path, "--mistake", "M06", "--seeds", 1).document["mistakes"]
    file = tmp_path / "measured.json"
    options = ("--mistake", "M06", "--mistake", "M05_height", "--profile", "smoke", "--seeds", 1)
    command("strength", *options, "--add-to", file)
    newer = json.loads(file.read_text("utf-8"))["mistakes"]
    assert [entry["id"] for entry in newer] == ["M05_height", "M06"]
    assert newer[1] == older[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seeds", 2), "it was measured with --seeds 1, not 2"),
        (("--seeds", 1, "--json", "other.json"), "give one of them"),
    ],
)
def test_what_cannot_stand_in_one_measurement_is_refused(
    command: Any, tmp_path: Path, options: tuple[Any, ...], message: str
) -> None:
    file = tmp_path / "measured.json"
    document = {"format": 1, "tool": {}, "profile": "smoke", "seeds": 1, "mistakes": []}
    file.write_text(json.dumps(document), "utf-8")
    done = command("strength", "--profile", "smoke", *options, "--add-to", file)
    assert (done.status, message in done.stderr) == (2, True)


def test_a_page_can_show_another_measurement(command: Any, tmp_path: Path) -> None:
    measured = _measured(command, tmp_path, "--mistake", "M06", "--seeds", 1)
    out = tmp_path / "out"
    command("run", "--subject", "fast", "--clause", "SHAPE-02", "--profile", "smoke", "--out", out)
    command("report", out / "run.jsonl", "--strength", tmp_path / "measured.json")
    page = (out / "index.html").read_text(encoding="utf-8")
    assert (len(measured.document["mistakes"]), "Of 1 known mistake" in page) == (1, True)


def test_the_shipped_measurement_is_of_the_whole_catalogue() -> None:
    told = [(entry["id"], entry["text"], entry["source"]) for entry in shipped()["mistakes"]]
    assert told == [(m.id, m.text, m.source) for m in MISTAKES.values()], (
        "run `conformance strength --add-to conformance/strength/strength.json`"
    )


def test_the_shipped_measurement_is_as_its_schema_says() -> None:
    jsonschema.validate(shipped(), SCHEMA)


def test_the_shipped_measurement_is_of_ten_seeds_of_the_core_profile() -> None:
    assert (shipped()["seeds"], shipped()["profile"]) == (10, "core")


@pytest.mark.parametrize("entry", shipped()["mistakes"], ids=lambda entry: entry["id"])
def test_every_known_mistake_was_caught_with_every_seed_by_an_expected_clause(entry: Any) -> None:
    assert (entry["caught"], entry["unexpected"], entry["missed"]) == (10, 0, [])


def test_the_shipped_clauses_exist() -> None:
    known = {clause.id for clause in all_clauses()}
    assert {clause for entry in shipped()["mistakes"] for clause in entry["clauses"]} <= known


def test_every_record_carries_the_shipped_measurement(command: Any) -> None:
    done = command("run", "--subject", "fast", "--clause", "BIAS-02", "--out", "out")
    (line,) = done.lines("strength")
    assert line["measurement"] == shipped()
