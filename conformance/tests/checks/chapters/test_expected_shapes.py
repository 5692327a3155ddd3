"""What a check of shapes says to be expected is the oracle's, whatever the subject gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import CHECKS, Traits, View
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.steps import Build, Call, SetWeights
from conformance.oracle.expectation import Expectation

#: Arguments under which a clause judges the length of an axis.
JUDGED: dict[str, dict[str, Any]] = {
    "SHAPE-01": {},
    "SHAPE-02": {"padding": "same"},
    "SHAPE-03": {"output_padding": [0, 1]},
    "SHAPE-04": {"strides": 1, "dilation_rate": 2},
    "SHAPE-05": {},
    "SHAPE-06": {},
}


@pytest.mark.parametrize("clause", JUDGED)
def test_an_answer_of_another_shape_is_expected_to_have_the_oracle_s(clause: str) -> None:
    case = Case(
        "geometry",
        {"filters": 3, "kernel_size": [2, 3], "strides": 2, **JUDGED[clause]},
        (
            Build((1, 4, 5, 2)),
            SetWeights((np.ones((2, 3, 3, 2), "f"), np.zeros(3, "f"))),
            Call(np.ones((1, 4, 5, 2), "f")),
        ),
    )
    expectation = Expectation(case)
    outcomes = Outcome(), Outcome(), Outcome(value=np.ones((7, 99, 99, 1), np.float32))
    view = View(case, Observation(outcomes=outcomes), expectation, Traits())
    (check,) = [
        found
        for found in CHECKS.of(clause)
        if found.applies(case, Traits()) and not found.name.startswith("check_scripts")
    ]
    mismatch = check.judge(view)
    assert mismatch is not None
    assert mismatch.expected == list(expectation.value(2).shape)
