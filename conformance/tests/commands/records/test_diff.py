"""`conformance diff`: what broke, what was mended, what else differs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import reports
from conformance.cli import main
from conformance.commands.console.terminal import Terminal
from conformance.commands.records.diff import _show
from reports import bench
from reports.tests.test_bench import RUN
from reports.views.changes import compare

CLAUSES = ("PAD-01", "PAD-02", "PAD-03")
Diff = Callable[..., Result]


def _record(folder: Path, name: str, statuses: tuple[str, ...], version: str = "1.0") -> Path:
    mode = "eager"
    subject = {"name": name, "mode": mode, "spec": name, "versions": {"numpy": version}}
    header = {
        "kind": "header", "format": 1, "tool": {"name": "t", "version": "1"},
        "started": "2026-11-26T00:00:00+00:00", "command": [], "profile": "core", "seed": 0,
        "examples": 1, "machine": {"python": "3.11"}, "subjects": [subject],
        "clauses": [
            {"id": id_, "chapter": "padding", "title": id_, "page": None, "norm": "",
             "agreement": ["holds"], "checks": []}
            for id_ in CLAUSES
        ],
    }  # fmt: skip
    lines: list[dict[str, Any]] = [header]
    for clause, status in zip(CLAUSES, statuses):
        who = {"clause": clause, "subject": name, "mode": mode, "status": status}
        lines.append({"kind": "verdict", **who, "examples": 1})
        if status == "fail":
            finding = {"message": f"{clause} is off", "case": {"arguments": {}, "steps": []}}
            lines.append({"kind": "finding", **who, **finding})
    lines.append({"kind": "footer", "complete": True, "exit_status": 0, "seconds": 1, "counts": {}})
    path = folder / f"{len(list(folder.iterdir()))}.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def diff(tmp_path: Path) -> Diff:
    """Return how `conformance diff` ends on two runs with these verdicts of `CLAUSES`."""

    def run(
        old: tuple[str, ...], new: tuple[str, ...], *options: str, names: Any = ("mine", "mine"),
        versions: Any = ("1.0", "1.0"),
    ) -> Result:  # fmt: skip
        records = [_record(tmp_path, *each) for each in zip(names, (old, new), versions)]
        return CliRunner().invoke(main, ["diff", *map(str, records), *options])

    return run


def _lines(done: Result) -> list[list[str]]:
    return [line.split() for line in done.stdout.splitlines()]


def test_runs_with_the_same_verdicts_do_not_differ(diff: Diff) -> None:
    done = diff(("pass", "fail", "not-run"), ("pass", "fail", "not-run"))
    assert (done.exit_code, done.stdout) == (0, "no verdict differs; 3 unchanged\n")


def test_what_broke_is_told_with_its_message_and_ends_with_status_1(diff: Diff) -> None:
    done = diff(("pass", "pass", "pass"), ("pass", "pass", "fail"))
    told = ["broke", "PAD-03", "mine", "eager", "pass", "fail", "PAD-03", "is", "off"]
    assert (done.exit_code, told in _lines(done)) == (1, True)
    assert done.stdout.endswith("1 newly failing; 2 unchanged\n")


@pytest.mark.parametrize(("width", "lines"), [(80, 1), (40, 2)])
def test_a_message_that_does_not_fit_a_terminal_has_a_line_of_its_own(
    width: int, lines: int, tmp_path: Path
) -> None:
    records = [_record(tmp_path, "mine", ("pass", "pass", last)) for last in ("pass", "fail")]
    old, new = map(reports.load, records)
    out = io.StringIO()
    terminal = Terminal(file=out, width=width, force_terminal=True, color_system=None)
    _show(terminal, old, new, compare(old, new))
    told = [line for line in out.getvalue().splitlines() if "PAD-03" in line]
    assert len(told) == lines
    assert told[-1].endswith("PAD-03 is off")


@pytest.mark.parametrize("status", ["pass", "excused"])
def test_what_was_mended_is_no_failure(diff: Diff, status: str) -> None:
    done = diff(("pass", "error", "pass"), ("pass", status, "pass"))
    assert done.exit_code == 0
    assert ["mended", "PAD-02", "mine", "eager", "error", status] in _lines(done)


@pytest.mark.parametrize(
    ("old", "new"), [("fail", "unsupported"), ("unsupported", "pass"), ("fail", "error")]
)
def test_what_is_neither_is_told_too(diff: Diff, old: str, new: str) -> None:
    done = diff((old, "pass", "pass"), (new, "pass", "pass"))
    assert done.exit_code == 0
    assert _lines(done)[1][:6] == ["changed", "PAD-01", "mine", "eager", old, new]


def test_a_clause_that_one_run_lacks_is_told(diff: Diff) -> None:
    done = diff(("pass",), ("pass", "fail"))
    assert done.exit_code == 1
    assert _lines(done)[1][:6] == ["broke", "PAD-02", "mine", "eager", "-", "fail"]


@pytest.mark.parametrize("status", ["not-run", "unsupported", "gave-up", "harness-error"])
def test_what_passed_and_is_not_checked_any_more_is_lost_and_ends_with_status_1(
    diff: Diff, status: str
) -> None:
    done = diff(("pass", "pass", "pass"), ("pass", "pass", status))
    assert done.exit_code == 1
    assert _lines(done)[1][:6] == ["lost", "PAD-03", "mine", "eager", "pass", status]


def test_a_clause_that_was_to_be_judged_and_was_not_is_lost(diff: Diff) -> None:
    done = diff(("pass", "pass", "pass"), ("pass", "pass"))
    assert (done.exit_code, _lines(done)[1][0]) == (1, "lost")


def test_clauses_that_one_run_was_not_told_to_judge_are_told_in_one_line(tmp_path: Path) -> None:
    whole, part = (_record(tmp_path, "mine", ("pass",) * count) for count in (3, 1))
    header, *others = part.read_text("utf-8").splitlines()
    selected = json.loads(header)
    selected["clauses"] = selected["clauses"][:1]
    part.write_text("\n".join([json.dumps(selected), *others]) + "\n", "utf-8")
    told = [
        CliRunner().invoke(main, ["diff", *map(str, pair)]).stdout.splitlines()
        for pair in ((whole, part), (part, whole))
    ]
    assert told == [
        [
            f"judged in the {which} run only: 2 clauses (PAD-02 and PAD-03)",
            f"no verdict differs; {same} unchanged",
        ]
        for which, same in (("old", 1), ("new", 1))
    ]


def test_another_message_is_told_and_is_no_failure(tmp_path: Path) -> None:
    paths = [_record(tmp_path, "mine", ("fail",)) for _ in range(2)]
    text = paths[1].read_text("utf-8").replace("PAD-01 is off", "PAD-01 is gone")
    paths[1].write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["diff", *map(str, paths)])
    assert done.exit_code == 0
    assert _lines(done)[1][:2] == ["message", "PAD-01"]


def test_the_comparison_is_written_as_a_page(diff: Diff, tmp_path: Path) -> None:
    page = tmp_path / "new" / "comparison.html"
    done = diff(("pass",), ("fail",), "--html", str(page))
    assert (done.exit_code, "Newly failing" in page.read_text("utf-8")) == (1, True)


def test_a_page_that_cannot_be_written_is_bad_usage(diff: Diff, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = diff(("pass",), ("pass",), "--html", str(tmp_path / "taken" / "page.html"))
    assert (done.exit_code, "cannot write" in done.stderr) == (2, True)


def test_what_broke_comes_first(diff: Diff) -> None:
    done = diff(("unsupported", "fail", "pass"), ("pass", "pass", "fail"))
    kinds = [line[0] for line in _lines(done)[1:4]]
    assert kinds == ["broke", "mended", "changed"]
    assert done.stdout.endswith("1 newly failing, 1 newly passing, 1 other changes; 0 unchanged\n")


def test_a_single_subject_may_have_another_name(diff: Diff) -> None:
    done = diff(("pass", "pass", "pass"), ("fail", "pass", "pass"), names=("old", "new"))
    assert _lines(done)[1][:6] == ["broke", "PAD-01", "new", "eager", "pass", "fail"]


def test_other_versions_are_told(diff: Diff) -> None:
    done = diff(("pass",), ("pass",), versions=("1.26", "2.0"))
    assert done.stdout.splitlines()[0] == "mine (eager): numpy 1.26, now 2.0"


def test_drift_of_precision_is_told(tmp_path: Path) -> None:
    paths = [_record(tmp_path, "mine", ("pass",)) for _ in range(2)]
    for path, worst in zip(paths, (3.0, 9.0)):
        *lines, last = path.read_text("utf-8").splitlines()
        numerics = [
            {
                "subject": "mine",
                "mode": "eager",
                "dtype": "float32",
                "worst": worst,
                "share": 0.5,
                "counts": [1],
            }
        ]
        footer = {**json.loads(last), "numerics": numerics}
        path.write_text("\n".join([*lines, json.dumps(footer)]) + "\n", "utf-8")
    done = CliRunner().invoke(main, ["diff", *map(str, paths)])
    told = "mine (eager) is less precise in float32: worst error 3, now 9"
    assert (done.exit_code, told in done.stdout) == (0, True)


def test_changes_as_json(diff: Diff) -> None:
    done = diff(("pass", "pass", "pass"), ("pass", "pass", "fail"), "--json")
    assert json.loads(done.stdout) == [
        {"kind": "broke", "clause": "PAD-03", "subject": "mine", "mode": "eager", "old": "pass",
         "new": "fail", "message": "PAD-03 is off", "diagnosis": None}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "verdict"), [(2, "slower"), (0.4, "faster"), (1, "within noise")]
)
def test_two_measurements_are_compared_by_speed(tmp_path: Path, times: float, verdict: str) -> None:
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    bench.save(RUN, paths[0])
    for layer in (new := json.loads(paths[0].read_text("utf-8")))["layers"]:
        for one in layer["measurements"]:
            for turn in one["turns"]:
                turn[:] = [seconds * times for seconds in turn]
    paths[1].write_text(json.dumps(new), "utf-8")
    done = CliRunner().invoke(main, ["diff", *map(str, paths), "--json"])
    assert (done.exit_code, {one["verdict"] for one in json.loads(done.stdout)}) == (0, {verdict})


def test_what_is_no_record_is_told_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["diff", str(tmp_path / "gone.jsonl"), "gone"])
    assert (done.exit_code, done.stderr.count("\n"), "gone.jsonl" in done.stderr) == (2, 1, True)
