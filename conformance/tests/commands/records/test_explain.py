"""What a run says at its end, and `conformance explain`: causes first, pictures as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.diagnosis


@pytest.fixture(scope="module")
def shifted(command: Callable[..., Any], zoo: Path) -> Any:
    """A run of a wrong and a right layer."""
    return command(
        "run", "--subject", zoo / "wrong_results.py:OddPixelAtTheTop", "--subject", "fast",
        "--clause", "PAD-0[1-4]", "--examples", "5", "--out", "out",
    )  # fmt: skip


@pytest.fixture(scope="module")
def explained(command: Callable[..., Any], shifted: Any) -> str:
    """The explanation of the finding that the run names."""
    line = next(line for line in shifted.stdout.splitlines() if "conformance explain" in line)
    number = line.split("explain ")[1].split()[0]
    text: str = command("explain", number, "--record", shifted.out / "run.jsonl").stdout
    return text


def _ending(run: Any) -> list[str]:
    """Return the lines of the terminal from the first verdict on."""
    lines: list[str] = run.stdout.splitlines()
    return lines[next(n for n, line in enumerate(lines) if " breaks " in line) :]


def test_the_failing_subject_comes_before_the_passing_one(shifted: Any) -> None:
    told = [line for line in _ending(shifted) if line.startswith(("OddPixel", "fast meets"))]
    assert [line.split()[0] for line in told][:2] == ["OddPixelAtTheTop", "fast"]


def test_the_cause_stands_under_the_verdict(shifted: Any) -> None:
    assert _ending(shifted)[1].startswith("  1. ")


def test_the_cause_names_the_clauses_that_it_breaks(shifted: Any) -> None:
    assert _ending(shifted)[2].strip().startswith("breaks PAD-01")


def test_a_message_that_is_the_title_is_not_repeated(
    command: Callable[..., Any], zoo: Path
) -> None:
    run = command(
        "run", "--subject", zoo / "misbehaving.py:RaisesInConstructor", "--clause", "BIAS-01", "--examples", "2",
        "--out", "raises",
    )  # fmt: skip
    title = next(line for line in run.stdout.splitlines() if line.startswith("  1. "))
    assert run.stdout.lower().count(title[5:].lower()) <= 2  # once while it runs, once as the cause


def test_explain_without_arguments_repeats_the_verdicts(
    command: Callable[..., Any], shifted: Any
) -> None:
    told = command("explain", "--record", "out/run.jsonl", cwd=shifted.out.parent).stdout
    verdicts, _, _ = "\n".join(_ending(shifted)).partition("\n\n")
    assert told.strip() == verdicts


def test_the_causes_are_listed_as_json(command: Callable[..., Any], shifted: Any) -> None:
    told = command(
        "explain", "--format", "json", "--record", "out/run.jsonl", cwd=shifted.out.parent
    )
    found = json.loads(told.stdout)
    assert [one["subject"] for one in found] == [found[0]["subject"]] * len(found) != []


def test_a_finding_is_explained_by_the_sum_of_its_wrong_element(explained: str) -> None:
    assert "· kernel[" in explained
    assert "; got " in explained


def test_wrong_elements_have_a_star(explained: str) -> None:
    assert "got (" in explained
    assert "; * differs" in explained


def test_the_explanation_ends_with_the_script(explained: str) -> None:
    assert "reproduce:" in explained


def test_a_clause_is_explained_by_its_worked_example(command: Callable[..., Any]) -> None:
    told = command("explain", "pad-02").stdout
    assert "┌───┐" in told
    assert "Element [0, 0, 0, 0] of the output is row 0, column 0 of the canvas:" in told


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("99", "finding 99: "),
        ("0", "finding 0: "),
        ("NO-01", "'NO-01' matches no clause"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(
    command: Callable[..., Any], shifted: Any, what: str, message: str
) -> None:
    told = command("explain", what, "--record", shifted.out / "run.jsonl")
    assert (told.status, message in told.stderr) == (2, True)


def test_all_causes_are_no_matter_of_one_finding(command: Callable[..., Any]) -> None:
    done = command("explain", "--all", "PAD-01")
    assert (done.status, "leave out the findings" in done.stderr) == (2, True)


def test_a_missing_record_is_a_usage_error(command: Callable[..., Any]) -> None:
    assert command("explain", "1", "--record", "nowhere.jsonl").status == 2


@pytest.mark.parametrize("name", ["clauses", "subjects"])
def test_a_list_is_json_where_that_is_asked_for(command: Callable[..., Any], name: str) -> None:
    both = [command(name, *option).stdout for option in (("--format", "json"), ("--json",))]
    assert json.loads(both[0]) == json.loads(both[1])


def test_a_list_has_a_line_for_each_item_where_there_is_no_terminal(
    command: Callable[..., Any],
) -> None:
    lines = command("clauses").stdout.splitlines()
    assert all(line.split()[0].count("-") == 1 for line in lines[1:] if "; `" not in line)
