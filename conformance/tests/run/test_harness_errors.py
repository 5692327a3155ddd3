"""What breaks in the harness is a verdict on its clause: the run goes on and ends with status 3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from conformance.checks import CHECKS
from conformance.oracle.comparison import Mismatch
from conformance.run.record import RecordWriter
from reports.records.record import Entry, Finding

Slip = Callable[[pytest.MonkeyPatch], None]


class SilentError(Exception):
    """An exception that does not even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("not for you")


def slip(*_: object, **__: object) -> Any:
    raise OverflowError("a slip\x1b[31m in the harness\nand more")


def _fails_silently(_: object) -> None:
    raise SilentError


_write = RecordWriter.write


def _all_but_failures(writer: RecordWriter, *entries: Entry) -> None:
    if any(isinstance(entry, Finding) and entry.status == "fail" for entry in entries):
        slip()
    _write(writer, *entries)


def _changed(**changes: Any) -> Slip:
    """Change the checks of SHAPE-09."""
    changed = tuple(
        attrs.evolve(check, **changes) if check.clause == "SHAPE-09" else check for check in CHECKS
    )
    return lambda patch: patch.setattr(CHECKS, "_checks", changed)


def _replaced(what: str, by: Callable[..., Any] = slip) -> Slip:
    return lambda patch: patch.setattr(what, by)


#: Two clauses of few and cheap cases.
CLAUSES = "--clause", "SHAPE-09", "--clause", "SHAPE-10"

#: Each breaks the harness over SHAPE-09 in another place.
SLIPS: dict[str, Slip] = {
    "a check": _changed(judge=slip),
    "a check with no message": _changed(judge=_fails_silently),
    "what a check applies to": _changed(applies=slip),
    "the oracle": _changed(judge=lambda view: view.expectation.value(99)),
    "shrinking": _replaced("conformance.run.verdicts.shrink"),
    "the script": _replaced("conformance.run.verdicts.script_for"),
    "the diagnosis": _replaced("conformance.findings.diagnosis.Diagnostician.diagnose"),
    "the text": _replaced("conformance.run.verdicts.finding_text"),
    "the line": _replaced("conformance.run.record.RecordWriter.write", _all_but_failures),
    "a number of another kind": _changed(judge=lambda _: Mismatch("m", bound=1 + 2j)),  # type: ignore[arg-type]
}


@pytest.fixture(scope="module")
def slipped(command: Callable[..., Any], zoo: Path) -> Callable[[str], Any]:
    """Return how a run ends in which the harness broke in that place; each is made once."""
    known: dict[str, Any] = {}

    def make(place: str) -> Any:
        if place not in known:
            with pytest.MonkeyPatch.context() as patch:
                SLIPS[place](patch)
                known[place] = command(
                    "run", "--subject", zoo / "wrong_results.py:AddsARow", *CLAUSES, "--examples", "2",
                    "--out", "out",
                )  # fmt: skip
        return known[place]

    return make


@pytest.fixture(params=SLIPS)
def ended(request: pytest.FixtureRequest, slipped: Callable[[str], Any]) -> Any:
    return slipped(request.param)


def test_the_run_ends_with_status_3(ended: Any) -> None:
    assert ended.status == 3


def test_its_clause_has_a_verdict_of_its_own(ended: Any) -> None:
    assert ended.statuses["SHAPE-09"] == "harness-error"


def test_the_verdict_says_what_went_wrong(ended: Any) -> None:
    (verdict,) = [line for line in ended.lines("verdict") if line["clause"] == "SHAPE-09"]
    assert " raised " in verdict["reason"]


def test_the_other_clauses_are_judged(ended: Any) -> None:
    assert ended.statuses == {"SHAPE-09": "harness-error", "SHAPE-10": "pass"}


def test_the_record_is_complete_and_says_how_it_ended(ended: Any) -> None:
    (footer,) = ended.lines("footer")
    assert (footer["complete"], footer["exit_status"]) == (True, 3)


def test_the_page_shows_it(ended: Any) -> None:
    assert "harness-error" in (ended.out / "index.html").read_text(encoding="utf-8")


def test_the_terminal_counts_it_and_says_that_the_harness_broke(ended: Any) -> None:
    assert ("harness-error" in ended.stdout, "harness broken: " in ended.stdout) == (True, True)


def test_there_is_no_traceback_and_no_escape_sequence(ended: Any) -> None:
    said = ended.stdout + ended.stderr
    assert ("Traceback" in said, "\x1b" in said) == (False, False)


def test_it_is_a_finding_with_its_case(ended: Any) -> None:
    assert ended.finding("SHAPE-09")["case"]["steps"] != []


@pytest.mark.parametrize("place", ["shrinking", "the script", "the diagnosis", "the text"])
def test_what_the_subject_did_wrong_is_not_lost(slipped: Callable[[str], Any], place: str) -> None:
    assert slipped(place).finding("SHAPE-09")["status"] == "fail"


@pytest.mark.parametrize("place", ["a check", "the oracle", "a number of another kind", "the line"])
def test_what_broke_over_a_case_is_a_finding_of_that_kind(
    slipped: Callable[[str], Any], place: str
) -> None:
    finding = slipped(place).finding("SHAPE-09")
    assert (finding["status"], " raised " in finding["message"]) == ("harness-error", True)


PYTEST = """
import conformance.run.verdicts, sys, pytest

def slip(*_, **__):
    raise OverflowError("a slip")

conformance.run.verdicts.script_for = slip
words = ["--pyargs", "conformance", "--subject", "SUBJECT", "--clause", "SHAPE-09", "--clause", "SHAPE-10",
         "--examples", "2", "--out", "out"]
sys.exit(pytest.main([*words, "-p", "no:cacheprovider", "-p", "no:randomly", "--junitxml", "out.xml"]))
"""


@pytest.fixture(scope="module")
def by_pytest(program: Callable[[str], Any], zoo: Path) -> Any:
    return program(PYTEST.replace("SUBJECT", f"{zoo / 'wrong_results.py'}:AddsARow"))


def test_pytest_ends_with_status_3_too(by_pytest: Any) -> None:
    assert by_pytest.status == 3


def test_pytest_judges_the_other_clauses(by_pytest: Any) -> None:
    assert by_pytest.statuses == {"SHAPE-09": "harness-error", "SHAPE-10": "pass"}


def test_pytest_s_junit_file_has_it_as_a_failure(by_pytest: Any) -> None:
    text = (by_pytest.out.parent / "out.xml").read_text(encoding="utf-8")
    assert ('failures="1"' in text, "the harness broke: " in text) == (True, True)


@pytest.mark.usefixtures("hasty_diagnosis")
@pytest.mark.parametrize("name", ["Saturates", "MinusInfinity"])
def test_a_finite_answer_where_infinity_is_right_is_a_finding(
    command: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / "layers.py").write_text(SATURATING, encoding="utf-8")
    done = command(
        "run", "--subject", f"layers.py:{name}", "--clause", "DTYPE-05", "--examples", "2", "--out", "out",
        cwd=tmp_path,
    )  # fmt: skip
    assert (done.status, done.statuses) == (1, {"DTYPE-05": "fail"})


SATURATING = """
import numpy as np
from reference_impl import Conv2DTranspose

class Saturates(Conv2DTranspose):
    def __call__(self, inputs):
        outputs = np.asarray(super().__call__(inputs))
        return np.clip(outputs, np.finfo(outputs.dtype).min, np.finfo(outputs.dtype).max)

class MinusInfinity(Conv2DTranspose):
    def __call__(self, inputs):
        outputs = np.array(super().__call__(inputs))
        outputs[~np.isfinite(outputs)] = -np.inf
        return outputs
"""


HUGE = """
from fast_impl import Conv2DTranspose

class SmallStrides(Conv2DTranspose):
    def __call__(self, inputs):
        if max(self.strides) > 100:
            raise ValueError("no such strides")
        return super().__call__(inputs)
"""


def test_what_is_too_large_for_the_oracle_is_blamed_on_its_own_clause(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / "layers.py").write_text(HUGE)
    subject = "--subject", "layers.py:SmallStrides"
    done = command("run", *subject, "--clause", "KILL-04", "--out", "out", cwd=tmp_path)
    assert (done.status, done.statuses) == (1, {"KILL-04": "fail"})


def test_a_page_that_cannot_be_made_leaves_the_record(
    command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.write", slip)
    done = command("run", "--subject", "fast", *CLAUSES, "--examples", "2", "--out", "out")
    assert (done.status, [*done.statuses.values()]) == (3, ["pass", "pass"])
    assert "harness broken: making the page raised OverflowError: a slip" in done.stdout
