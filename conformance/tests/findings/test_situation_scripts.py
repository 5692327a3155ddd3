"""The script of a finding in a situation: run on its own, it gives what the finding says came."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.cases import FAMILIES
from conformance.checks import CHECKS, NotSupported, Traits
from conformance.findings.scripts import script_for
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, judge
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from conformance.subjects.loading import load

ZOO = Path(__file__).parents[1] / "zoo" / "situations.py"
SHOWN = (
    ("MemoryOrder", "fortran ordered"),
    ("MemoryOrder", "transposed"),
    ("KeptWeights", "arguments overwritten"),
    ("KnownByIdentity", "arguments refilled"),
    ("LiveWeights", "results overwritten"),
    ("ReusedBuffer", "results kept"),
    ("ResultIsInput", "results kept"),
    ("OneImage", "in parts"),
    ("SecondCall", "repeatedly"),
    ("SharedScratch", "around another call"),
    ("StaleKernel", "other weights before"),
    ("StaleKernel", "weights assigned"),
    ("OwnOutput", "results given back"),
    ("PackOfThread", "in another thread"),
)


class _Subject:
    mode = "eager"

    def __init__(self, name: str) -> None:
        self.name, self.spec = name, f"{ZOO}:{name}"

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(load(self.spec)))


def _failure(subject: _Subject, situation: str) -> Failure:
    """The first case in the situation on which the clause about it fails."""
    for case in FAMILIES["geometry"].fixed:
        if case.situation is None or case.situation.name != situation:
            continue
        for check in CHECKS.of(case.situation.kind.clause):
            if check.applies(case, Traits()) and "geometry" in check.families:
                with contextlib.suppress(NotSupported):
                    found = judge(Evidence(), check, case, subject, Traits())
                    if found is not None:
                        return found
    raise AssertionError(f"{subject.name} fails nothing where {situation}")


@pytest.mark.parametrize(("name", "situation"), SHOWN)
def test_the_script_prints_what_came(
    name: str, situation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = _Subject(name)
    failure = _failure(subject, situation)
    script = script_for(
        subject.spec, subject.mode, failure.case, failure.mismatch, is_command=False
    )
    exec(script, {"__name__": "script"})
    assert capsys.readouterr().out == f"{np.asarray(failure.mismatch.got)}\n"


def test_a_script_overwrites_the_lists_that_a_constructor_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    subject = _Subject("KeptStrides")
    failure = _failure(subject, "arguments overwritten")
    script = script_for(
        subject.spec, subject.mode, failure.case, failure.mismatch, is_command=False
    )
    names: dict[str, Any] = {"__name__": "script"}
    exec(script, names)
    capsys.readouterr()
    assert names["layer"].strides == [7, 7]
