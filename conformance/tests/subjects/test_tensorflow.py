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
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def finished(command: Callable[..., Any]) -> Any:
    """A smoke run of TensorFlow."""
    return command("run", "--subject", "tensorflow", "--profile", "smoke", "--out", "out")


def test_tensorflow_conforms(finished: Any) -> None:
    bad = [v for v in finished.lines("verdict") if v["status"] in ("fail", "error")]
    assert [(v["clause"], v["mode"]) for v in bad] == []


def test_the_command_ends_with_status_0(finished: Any) -> None:
    assert finished.status == 0


def test_both_modes_are_judged(finished: Any) -> None:
    assert {v["mode"] for v in finished.lines("verdict")} == {"eager", "graph"}


def test_every_erratum_is_contradicted(finished: Any) -> None:
    errata = {c["id"] for c in finished.lines("header")[0]["clauses"] if c["erratum"]}
    shown = {
        v["clause"]
        for v in finished.lines("verdict")
        if v["claim"] and v["claim"]["status"] == "contradicted"
    }
    assert errata - shown == set()


def test_no_erratum_is_upheld(finished: Any) -> None:
    upheld = [v for v in finished.lines("verdict") if (v["claim"] or {}).get("status") == "upheld"]
    assert [(v["clause"], v["mode"]) for v in upheld] == []


def test_the_version_is_in_the_record(finished: Any) -> None:
    assert "tensorflow" in finished.lines("header")[0]["subjects"][0]["versions"]


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_clause_whose_cases_kill_the_process_has_a_verdict(finished: Any, mode: str) -> None:
    statuses = {(v["clause"], v["mode"]): v["status"] for v in finished.lines("verdict")}
    assert statuses["GRAD-05", mode] == "pass"


def test_the_run_goes_on_after_a_killed_process(finished: Any) -> None:
    assert finished.lines("footer")[0]["complete"] is True


#: Clauses that say something else of reference variables, or of the sizes of TensorFlow 1.
_OF_V1 = (
    "ARG-03", "SHAPE-08", "DTYPE-04", "VAR-12", "METH-09", "LOSS-09", "CONS-02", "CONS-03",
    "CONS-05", "CONS-06", "CONS-07", "MIG-06",
)  # fmt: skip


@pytest.fixture(scope="module")
def in_v1(command: Callable[..., Any]) -> Any:
    """A smoke run of TensorFlow with the behaviour of TensorFlow 1."""
    clauses = (word for clause in _OF_V1 for word in ("--clause", clause))
    return command("run", "--subject", "tensorflow:v1", "--examples", "5", *clauses, "--out", "out")


def test_tensorflow_with_the_behaviour_of_tensorflow_1_conforms(in_v1: Any) -> None:
    assert in_v1.statuses == dict.fromkeys(_OF_V1, "pass")


def test_the_behaviour_of_tensorflow_1_is_a_mode(in_v1: Any) -> None:
    (subject,) = in_v1.lines("header")[0]["subjects"]
    assert (subject["name"], subject["mode"]) == ("tensorflow", "v1")
