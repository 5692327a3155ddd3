"""The real layer conforms, every erratum shows, and a killed worker does not end a run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed here"
    ),
    # A whole smoke run; in graph mode it takes minutes beside other tests.
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="class")
def finished(request: pytest.FixtureRequest, command: Callable[..., Any]) -> Any:
    """A smoke run of TensorFlow in the mode of the class."""
    subject = f"tensorflow:{request.cls.mode}"
    return command("run", "--subject", subject, "--profile", "smoke", "--out", "out")


class OneMode:
    """A smoke run in one mode. Each mode is a class, so that workers of pytest-xdist can share them."""

    mode = ""
    #: Errata whose documented sentence no case tries in this mode.
    untried: frozenset[str] = frozenset()

    def test_tensorflow_conforms(self, finished: Any) -> None:
        bad = [v for v in finished.lines("verdict") if v["status"] in ("fail", "error")]
        assert [v["clause"] for v in bad] == []

    def test_the_command_ends_with_status_0(self, finished: Any) -> None:
        assert finished.status == 0

    def test_this_mode_is_judged(self, finished: Any) -> None:
        assert {v["mode"] for v in finished.lines("verdict")} == {self.mode}

    def test_every_erratum_is_contradicted(self, finished: Any) -> None:
        errata = {c["id"] for c in finished.lines("header")[0]["clauses"] if c["erratum"]}
        shown = {
            v["clause"]
            for v in finished.lines("verdict")
            if v["claim"] and v["claim"]["status"] == "contradicted"
        }
        assert errata - shown == self.untried

    def test_no_erratum_is_upheld(self, finished: Any) -> None:
        claims = [(v["clause"], v["claim"]) for v in finished.lines("verdict") if v["claim"]]
        assert [clause for clause, claim in claims if claim["status"] == "upheld"] == []

    def test_the_version_is_in_the_record(self, finished: Any) -> None:
        assert "tensorflow" in finished.lines("header")[0]["subjects"][0]["versions"]

    def test_a_clause_whose_cases_kill_the_process_has_a_verdict(self, finished: Any) -> None:
        assert finished.statuses["GRAD-05"] == "pass"

    def test_the_run_goes_on_after_a_killed_process(self, finished: Any) -> None:
        assert finished.lines("footer")[0]["complete"] is True


class TestEager(OneMode):
    mode = "eager"


class TestGraph(OneMode):
    mode = "graph"
    untried = frozenset({"METH-05", "MIG-01"})


#: Clauses that say something else of reference variables, or of the sizes of TensorFlow 1.
_OF_V1 = (
    "ARG-03", "SHAPE-08", "DTYPE-04", "VAR-12", "METH-09", "LOSS-09", "CONS-02", "CONS-03",
    "CONS-05", "CONS-06", "CONS-07", "MIG-06",
)  # fmt: skip


@pytest.fixture(scope="class")
def in_v1(command: Callable[..., Any]) -> Any:
    """A smoke run of TensorFlow with the behaviour of TensorFlow 1."""
    clauses = (word for clause in _OF_V1 for word in ("--clause", clause))
    return command("run", "--subject", "tensorflow:v1", "--examples", "5", *clauses, "--out", "out")


class TestV1:
    def test_tensorflow_with_the_behaviour_of_tensorflow_1_conforms(self, in_v1: Any) -> None:
        assert in_v1.statuses == dict.fromkeys(_OF_V1, "pass")

    def test_the_behaviour_of_tensorflow_1_is_a_mode(self, in_v1: Any) -> None:
        (subject,) = in_v1.lines("header")[0]["subjects"]
        assert (subject["name"], subject["mode"]) == ("tensorflow", "v1")
