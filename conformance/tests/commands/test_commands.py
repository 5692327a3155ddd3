"""The other commands, as a user runs them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import conformance
from conformance.cli import main
from conformance.subjects import environments

COMMANDS = (
    "run",
    "report",
    "explain",
    "replay",
    "diff",
    "clauses",
    "subjects",
    "scoreboard",
    "bench",
    "strength",
)


@pytest.fixture(scope="module")
def forgetful(command: Callable[..., Any], zoo: Path) -> Any:
    """A run with one finding."""
    return command(
        "run", "--subject", zoo / "wrong_results.py:ForgetsBias", "--clause", "BIAS-*",
        "--examples", "3", "--out", "out",
    )  # fmt: skip


@pytest.fixture(scope="module")
def replayed(command: Callable[..., Any], forgetful: Any) -> Any:
    return command("replay", forgetful.out / "run.jsonl", "--trust")


def test_replay_of_a_finding_ends_with_status_1(replayed: Any) -> None:
    assert replayed.status == 1


def test_replay_gives_the_finding_again(replayed: Any, forgetful: Any) -> None:
    assert f"BIAS-01: {forgetful.finding('BIAS-01')['message']}" in " ".join(
        replayed.stdout.split()
    )


def test_replay_takes_the_folder_of_a_run(command: Callable[..., Any], forgetful: Any) -> None:
    assert command("replay", forgetful.out, "--subject", "fast").status == 0


def test_replay_runs_the_case_of_the_finding(replayed: Any, forgetful: Any) -> None:
    assert forgetful.finding("BIAS-01")["case"]["id"] in replayed.stdout


def test_replay_on_a_right_subject_ends_with_status_0(
    command: Callable[..., Any], forgetful: Any
) -> None:
    assert command("replay", forgetful.out / "run.jsonl", "--subject", "fast").status == 0


PROGRAM = """
import json, sys
for line in sys.stdin:
    case = json.loads(line).get("case") or {"steps": []}
    answer = {"ANSWER": 3 if "ANSWER" == "value" else "nothing"}
    print(json.dumps({"outcomes": [answer for _ in case["steps"]]}), flush=True)
"""


def test_replay_of_a_program_s_finding_runs_the_program(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("ANSWER", "value"), encoding="utf-8")
    words = f"{sys.executable} program.py"
    run = ("run", "--clause", "BIAS-01", "--examples", "1", "--out", "out")
    first = command(*run, "--subject-command", words, cwd=tmp_path)
    assert first.statuses == {"BIAS-01": "fail"}
    done = command("replay", "out/run.jsonl", "--trust", cwd=tmp_path)
    assert (done.status, "on program.py" in done.stdout) == (1, True)


def test_replay_in_which_nothing_could_be_judged_is_no_success(
    command: Callable[..., Any], forgetful: Any, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("ANSWER", "unsupported"), encoding="utf-8")
    words = f"{sys.executable} {tmp_path / 'program.py'}"
    done = command("replay", forgetful.out / "run.jsonl", "--subject-command", words)
    assert (done.status, "no clause could be judged" in done.stdout) == (1, True)


def test_replay_of_a_case_by_itself_runs_reference_and_fast(
    command: Callable[..., Any], forgetful: Any, tmp_path: Path
) -> None:
    case = forgetful.finding("BIAS-01")["case"]
    (tmp_path / "case.json").write_text(json.dumps(case), encoding="utf-8")
    done = command("replay", "case.json", cwd=tmp_path)
    assert [line.split()[2] for line in done.stdout.splitlines() if " on " in line] == [
        "reference",
        "fast",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", "not JSON"),
        ("[]", "not a case"),
        ("3", "not a case"),
        ("{}", "not a case"),
        ('{"arguments": {}, "steps": [{"do": "dance"}]}', "not a case"),
        ('{"arguments": {}, "steps": 3}', "not a case"),
        ('{"arguments": 3, "steps": []}', "not a case"),
    ],
)
def test_replay_of_what_is_no_case_is_told_in_one_line(
    text: str, says: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "case.json").write_text(text, encoding="utf-8")
    done = command("replay", "case.json", cwd=tmp_path)
    assert (done.status, done.stderr.count("\n"), says in done.stderr) == (2, 1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gone.json",), "gone.json"),
        (("gone.jsonl",), "gone.jsonl"),
        (("RECORD", "--finding", "7"), "has 1 finding"),
        (("RECORD", "--subject", "fastt"), "'fastt'"),
        (("RECORD", "--timeout", "-1"), "--timeout -1"),
        ((sys.executable,), "not UTF-8 text"),
    ],
)
def test_bad_usage_of_replay_is_told_in_one_line(
    arguments: tuple[str, ...], says: str, command: Callable[..., Any], forgetful: Any
) -> None:
    words = [str(forgetful.out / "run.jsonl") if a == "RECORD" else a for a in arguments]
    done = command("replay", *words)
    assert (done.status, done.stderr.count("\n"), says in done.stderr) == (2, 1, True)


def test_report_writes_the_very_page_of_the_run(
    command: Callable[..., Any], forgetful: Any, tmp_path: Path
) -> None:
    command("report", forgetful.out / "run.jsonl", "--out", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (forgetful.out / "index.html").read_bytes()


def test_report_of_a_folder_writes_into_a_folder(
    command: Callable[..., Any], forgetful: Any, tmp_path: Path
) -> None:
    shutil.copytree(forgetful.out, tmp_path / "run")
    (tmp_path / "run" / "index.html").unlink()
    (tmp_path / "other").mkdir()
    told = [
        command("report", "run", cwd=tmp_path).stdout,
        command("report", "run", "--out", "other", cwd=tmp_path).stdout,
    ]
    assert told == ["report: run/index.html\n", "report: other/index.html\n"]
    assert (tmp_path / "run" / "index.html").is_file()
    assert (tmp_path / "other" / "index.html").is_file()


def test_report_makes_an_index_of_many_runs(
    command: Callable[..., Any], forgetful: Any, tmp_path: Path
) -> None:
    record = forgetful.out / "run.jsonl"
    done = command("report", record, record, "--index", "--out", tmp_path / "history.html")
    assert (done.status, "2 runs" in (tmp_path / "history.html").read_text("utf-8")) == (
        0,
        True,
    )


def test_several_runs_make_no_single_page(command: Callable[..., Any], forgetful: Any) -> None:
    record = forgetful.out / "run.jsonl"
    done = command("report", record, record)
    assert (done.status, "--index" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "text",
    ["", "no JSON\n", '{"kind": "header"}\n', "[]\n"],
    ids=["empty", "text", "header", "list"],
)
def test_report_on_what_is_no_record_is_told_in_one_line(
    text: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "run.jsonl").write_text(text, encoding="utf-8")
    done = command("report", "run.jsonl", cwd=tmp_path)
    assert (done.status, done.stderr.count("\n")) == (2, 1)


def test_report_without_a_record_is_told_in_one_line(command: Callable[..., Any]) -> None:
    done = command("report")
    assert (done.status, done.stderr.count("\n")) == (2, 1)


def test_report_without_a_record_writes_no_page(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    command("report", "gone.jsonl", "--out", "page.html", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def listed(command: Callable[..., Any]) -> list[dict[str, Any]]:
    clauses: list[dict[str, Any]] = json.loads(command("clauses", "--json").stdout)
    return clauses


def test_clauses_as_json_has_every_clause_once(listed: list[dict[str, Any]]) -> None:
    ids = [clause["id"] for clause in listed]
    assert len(ids) == len(set(ids)) > 80


def test_a_clause_as_json_names_its_checks(listed: list[dict[str, Any]]) -> None:
    (bias,) = [clause for clause in listed if clause["id"] == "BIAS-02"]
    assert len(bias["checks"]) > 0


def test_clauses_lists_what_json_lists(
    command: Callable[..., Any], listed: list[dict[str, Any]]
) -> None:
    words = set(command("clauses").stdout.split())
    assert [clause["id"] for clause in listed if clause["id"] not in words] == []


def test_errata_are_clauses_with_a_claim(command: Callable[..., Any]) -> None:
    errata = json.loads(command("clauses", "--errata", "--json").stdout)
    assert [clause["id"] for clause in errata if clause["erratum"] is None] == []


def test_an_explained_clause_quotes_the_page(
    command: Callable[..., Any], listed: list[dict[str, Any]]
) -> None:
    (clause,) = [clause for clause in listed if clause["id"] == "LOSS-02"]
    assert " ".join(clause["page"].split())[:40] in " ".join(
        command("clauses", "LOSS-02").stdout.split()
    )


def test_an_unknown_clause_is_told_in_one_line(command: Callable[..., Any]) -> None:
    done = command("clauses", "PADS-*")
    assert (done.status, done.stderr.count("\n"), "PADS-*" in done.stderr) == (2, 1, True)


def test_what_is_installed_beside_the_command_is_not_installed_again(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "here", lambda spec: spec == "torch")
    monkeypatch.setattr(environments, "install", lambda spec, *_: Path(f"env-of-{spec}"))
    done = command("subjects", "install", "torch", "jax")
    assert done.stdout.splitlines() == [
        "torch is installed beside conformance; runs use that",
        "jax is ready in env-of-jax",
    ]


@pytest.mark.parametrize(
    ("subjects", "told"),
    [
        (("torch",), "torch is installed beside conformance, and runs use that: --with is for an"),
        (("jax", "keras@jax"), "--with is for one subject at a time"),
    ],
)
def test_further_requirements_are_for_one_environment_of_its_own(
    subjects: tuple[str, ...],
    told: str,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environments, "here", lambda spec: spec == "torch")
    done = command("subjects", "install", *subjects, "--with", "numpy==2.2.6")
    assert (done.status, done.stderr.count("\n"), told in done.stderr) == (2, 1, True)


def test_subjects_as_json_lists_the_built_in_ones(command: Callable[..., Any]) -> None:
    names = [row["name"] for row in json.loads(command("subjects", "--json").stdout)]
    assert names[:3] == ["reference", "fast", "tensorflow"]


@pytest.mark.parametrize("name", ["reference", "fast", "tensorflow"])
def test_subjects_lists(name: str, command: Callable[..., Any]) -> None:
    assert name in command("subjects").stdout


def test_a_scoreboard_is_a_page_and_a_table(
    forgetful: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "new" / "board.html"
    done = command("scoreboard", forgetful.out / "run.jsonl", "--out", page)
    assert (done.status, page.is_file()) == (0, True)
    assert "| ForgetsBias eager |" in page.with_suffix(".md").read_text(encoding="utf-8")


def test_a_scoreboard_of_a_missing_run_is_a_usage_error(command: Callable[..., Any]) -> None:
    assert command("scoreboard", "nowhere.jsonl").status == 2


def test_version(command: Callable[..., Any]) -> None:
    assert command("--version").stdout == f"conformance, version {conformance.__version__}\n"


def test_help_names_every_command(command: Callable[..., Any]) -> None:
    text = command("--help").stdout
    assert [name for name in COMMANDS if f"\n  {name} " not in text] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, command: Callable[..., Any]) -> None:
    assert command(name, "--help").stdout.startswith(f"Usage: conformance {name}")


@pytest.mark.parametrize("name", ["", *main.list_commands(click.Context(main))])
def test_help_fits_a_screen(name: str) -> None:
    words = [name, "--help"] if name else ["--help"]
    text = CliRunner().invoke(main, words, terminal_width=80).output
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_short_help_is_the_help(name: str, command: Callable[..., Any]) -> None:
    assert command(name, "-h").stdout == command(name, "--help").stdout


def test_an_unknown_command_ends_with_status_2(command: Callable[..., Any]) -> None:
    assert command("judge").status == 2


@pytest.mark.parametrize(
    ("word", "meant"),
    [("repotr", "report"), ("layers.py:Layer", "run --subject layers.py:Layer")],
)
def test_what_may_have_been_meant_by_an_unknown_command_is_said(
    word: str, meant: str, command: Callable[..., Any]
) -> None:
    assert f"no such command {word!r}; did you mean {meant!r}?" in command(word).stderr


def test_the_list_of_commands_shortens_no_line(command: Callable[..., Any]) -> None:
    listed = command("--help").stdout.partition("Commands:")[2].strip().splitlines()
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)
