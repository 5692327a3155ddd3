"""Wrong implementations are caught, and right ones are not: each run by the real command."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from conformance.subjects import resolve

pytestmark = pytest.mark.usefixtures("hasty_diagnosis")


@attrs.frozen
class Member:
    """A wrong implementation, the clauses to judge, and the one that it must break, how."""

    subject: str
    clauses: tuple[str, ...]
    clause: str
    status: str
    message: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.subject.partition(":")[2]


CAUGHT = (
    Member(
        "wrong_results.py:ExchangesStrides",
        ("SHAPE-05", "BIAS-02"),
        "SHAPE-05",
        "fail",
        "expected shape (1, 1, 4, 2), got (1, 2, 3, 2)",
    ),
    Member(
        "wrong_results.py:OddPixelAtTheTop",
        ("PAD-01", "PAD-03"),
        "PAD-01",
        "fail",
        "output[0, 0, 0, 1] should be exactly 6, got 12",
    ),
    Member(
        "wrong_results.py:ForgetsBias",
        ("BIAS-*",),
        "BIAS-01",
        "fail",
        " wrong",
    ),
    Member(
        "wrong_results.py:UndividedActivityPenalty",
        ("LOSS-0[12]",),
        "LOSS-02",
        "fail",
        "activity loss[0] should be",
    ),
    Member(
        "wrong_results.py:ProjectsBeforeTheStep",
        ("CONS-09",),
        "CONS-09",
        "fail",
        "this is the projection of the old weight followed by the step",
    ),
    Member(
        "wrong_results.py:ChangesItsInputs",
        ("VAL-0[13]",),
        "VAL-03",
        "fail",
        "changed its inputs in place",
    ),
    Member(
        "wrong_results.py:RemembersTheLastCall",
        ("VAL-0[12]",),
        "VAL-02",
        "fail",
        "the same input gave other bits after a call of another shape",
    ),
    Member(
        "wrong_results.py:ReturnsText",
        ("BIAS-01",),
        "BIAS-01",
        "fail",
        "got 'an image'",
    ),
    Member(
        "wrong_results.py:ReturnsNone",
        ("BIAS-01",),
        "BIAS-01",
        "fail",
        "got None",
    ),
    Member(
        "wrong_results.py:ReturnsList",
        ("BIAS-01",),
        "BIAS-01",
        "fail",
        "expected an array of shape (1, 1, 4, 2), got a list: [[[[",
    ),
    Member(
        "wrong_results.py:ReturnsFloat64",
        ("DTYPE-02",),
        "DTYPE-02",
        "fail",
        "expected dtype float32, got float64",
    ),
    Member(
        "misbehaving.py:AbortsAlways",
        ("BIAS-02",),
        "BIAS-02",
        "error",
        "broke down: the process was killed by signal 6 (SIGABRT)",
        ("--examples", "2"),
    ),
    Member(
        "misbehaving.py:AbortsOnTwoImages",
        ("DTYPE-06",),
        "DTYPE-06",
        "error",
        "broke down: the process was killed by signal 6 (SIGABRT)",
        ("--examples", "2"),
    ),
    Member(
        "misbehaving.py:Hangs",
        ("BIAS-02",),
        "BIAS-02",
        "error",
        "broke down: no answer within 0.5 seconds",
        ("--examples", "1", "--timeout", "0.5"),
    ),
    Member(
        "misbehaving.py:RaisesInConstructor",
        ("BIAS-01",),
        "BIAS-01",
        "error",
        "the constructor raised RuntimeError: the accelerator is on fire",
    ),
)

CONFORMING = {
    "wrong_results.py:Unmodified": (),
    "misbehaving.py:Prints": ("VAL-*",),
    "misbehaving.py:LacksChannelsFirst": ("FMT-*", "SHAPE-01"),
    "misbehaving.py:bare_function": ("BIAS-*", "PAD-0[123]", "LOSS-01"),
    "../../starts/my_layer.py:MyLayer": (
        "SHAPE-*",
        "PAD-*",
        "VAL-*",
        "DTYPE-*",
        "SIT-*",
        "LIFE-01",
    ),
}

Judge = Callable[..., Any]


@pytest.fixture(scope="module")
def judge(command: Callable[..., Any], zoo: Path, hasty_diagnosis: None) -> Iterator[Judge]:
    """Return the finished run of a member of the zoo; each is run once."""
    finished: dict[str, Any] = {}

    def run(subject: str, clauses: tuple[str, ...], options: tuple[str, ...] = ()) -> Any:
        if subject not in finished:
            chosen = [word for clause in clauses for word in ("--clause", clause)]
            finished[subject] = command(
                "run", "--subject", zoo / subject, "--profile", "smoke", *chosen, *options,
                "--out", "out",
            )  # fmt: skip
        return finished[subject]

    yield run
    for done in finished.values():
        shutil.rmtree(done.out, ignore_errors=True)


@pytest.fixture(params=CAUGHT, ids=str)
def member(request: pytest.FixtureRequest) -> Member:
    return request.param


@pytest.fixture
def caught(member: Member, judge: Judge) -> Any:
    return judge(member.subject, member.clauses, member.options)


def test_a_wrong_implementation_ends_the_command_with_status_1(caught: Any) -> None:
    assert caught.status == 1


def test_a_wrong_implementation_breaks_the_clause_it_should(caught: Any, member: Member) -> None:
    assert caught.statuses[member.clause] == member.status


def test_the_finding_says_what_is_wrong(caught: Any, member: Member) -> None:
    assert member.message in caught.finding(member.clause)["message"]


def test_the_terminal_says_what_is_wrong(caught: Any, member: Member) -> None:
    assert member.message.lower() in caught.stdout.lower()


def test_the_terminal_names_the_clause(caught: Any, member: Member) -> None:
    assert member.clause in caught.stdout


def test_the_finding_carries_a_small_case(caught: Any, member: Member) -> None:
    assert _largest_array(caught.finding(member.clause)["case"]) <= 12


def test_the_finding_carries_a_script(caught: Any, member: Member) -> None:
    assert str(member) in caught.finding(member.clause)["script"]


def test_a_wrong_implementation_gives_no_traceback(caught: Any) -> None:
    assert "Traceback" not in caught.stdout + caught.stderr


def test_a_wrong_implementation_gives_a_page(caught: Any) -> None:
    assert (caught.out / "index.html").is_file()


def _largest_array(data: Any) -> int:
    if isinstance(data, dict):
        if data.keys() == {"shape", "dtype", "base64"}:
            return math.prod(data["shape"])
        data = list(data.values())
    return max(map(_largest_array, data), default=0) if isinstance(data, list) else 0


@pytest.fixture(params=CONFORMING)
def conforming(request: pytest.FixtureRequest, judge: Judge) -> Any:
    return judge(request.param, CONFORMING[request.param])


def test_a_right_implementation_ends_the_command_with_status_0(conforming: Any) -> None:
    assert conforming.status == 0


def test_a_right_implementation_has_no_finding(conforming: Any) -> None:
    assert conforming.lines("finding") == []


def test_a_right_implementation_gives_a_page(conforming: Any) -> None:
    assert (conforming.out / "index.html").is_file()


def _statuses(judge: Judge, subject: str) -> dict[str, str]:
    statuses: dict[str, str] = judge(subject, CONFORMING[subject]).statuses
    return statuses


def test_a_layer_without_channels_first_is_unsupported_there(judge: Judge) -> None:
    assert _statuses(judge, "misbehaving.py:LacksChannelsFirst")["FMT-02"] == "unsupported"


def test_a_layer_without_channels_first_is_judged_elsewhere(judge: Judge) -> None:
    assert _statuses(judge, "misbehaving.py:LacksChannelsFirst")["FMT-01"] == "pass"


def test_a_bare_function_is_judged_on_its_values(judge: Judge) -> None:
    assert _statuses(judge, "misbehaving.py:bare_function")["PAD-01"] == "pass"


def test_a_bare_function_has_no_losses(judge: Judge) -> None:
    assert _statuses(judge, "misbehaving.py:bare_function")["LOSS-01"] == "unsupported"


def test_printing_does_not_speak_into_the_protocol(judge: Judge) -> None:
    assert _statuses(judge, "misbehaving.py:Prints")["VAL-01"] == "pass"


def test_a_clause_that_a_wrong_layer_obeys_is_passed(judge: Judge) -> None:
    forgets = next(member for member in CAUGHT if str(member) == "ForgetsBias")
    statuses = judge(forgets.subject, forgets.clauses, forgets.options).statuses
    assert statuses["BIAS-02"] == "pass"


def test_the_run_goes_on_after_a_crash(judge: Judge) -> None:
    aborts = next(member for member in CAUGHT if str(member) == "AbortsOnTwoImages")
    done = judge(aborts.subject, aborts.clauses, aborts.options)
    assert done.lines("footer")[0]["complete"] is True


def test_a_file_is_found_relative_to_the_folder_one_is_in(
    command: Callable[..., Any], zoo: Path, tmp_path: Path
) -> None:
    shutil.copy(zoo / "wrong_results.py", tmp_path)
    done = command(
        "run", "--subject", "wrong_results.py:ForgetsBias", "--clause", "BIAS-*", "--examples", "2",
        "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    assert done.statuses == {"BIAS-01": "fail", "BIAS-02": "pass"}


def test_a_subject_may_be_given_a_name(judge: Judge) -> None:
    done = judge("wrong_results.py:Unmodified", ())
    spec = done.lines("header")[0]["subjects"][0]["spec"]
    (subject,) = resolve(f"new-2.0={spec}", 1.0)
    assert (subject.name, subject.spec, subject.mode) == ("new-2.0", spec, "eager")


def test_a_subject_is_named_after_its_class(judge: Judge) -> None:
    done = judge("wrong_results.py:Unmodified", ())
    assert done.lines("header")[0]["subjects"][0]["name"] == "Unmodified"


@pytest.fixture(scope="module")
def damaged(judge: Judge) -> Any:
    """A run of a layer that is right until its process has done a certain thing."""
    clauses = ("VAL-0[12]", "BIAS-01")
    return judge("misbehaving.py:DamagedByStrides", clauses, ("--examples", "5"))


def test_what_a_fresh_process_does_not_repeat_is_one_failure(damaged: Any) -> None:
    failing = [clause for clause, status in damaged.statuses.items() if status == "fail"]
    assert failing == ["VAL-02"]


def test_what_a_fresh_process_does_not_repeat_is_named(damaged: Any) -> None:
    (finding,) = damaged.lines("finding")
    assert finding["diagnosis"].startswith("depends on what its process did before")
    assert finding["message"].endswith("a fresh process gives the right result")


def test_a_script_that_would_not_show_the_failure_is_not_offered(damaged: Any) -> None:
    (finding,) = damaged.lines("finding")
    assert finding.get("script") is None


def test_what_a_fresh_process_does_not_repeat_blocks_other_clauses(damaged: Any) -> None:
    blocked = [v["clause"] for v in damaged.lines("verdict") if "VAL-02" in v["blocked_by"]]
    assert "VAL-01" in blocked


@pytest.mark.parametrize("name", ["AbortsInGradients", "RefusesGradients"])
def test_a_step_that_breaks_down_is_the_matter_of_its_own_clause(judge: Judge, name: str) -> None:
    clauses = ("SHAPE-05", "VAL-01", "GRAD-01")
    done = judge(f"misbehaving.py:{name}", clauses, ("--examples", "2"))
    red = [clause for clause, status in done.statuses.items() if status in ("fail", "error")]
    assert red == ["GRAD-01"]
