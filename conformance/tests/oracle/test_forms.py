"""Answers of a form that no layer gives: findings, never a broken harness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.model.values.codec import encode
from conformance.oracle.form import form

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros((1, 2, 3, 4)), "an array with 4 axes"),
        (np.zeros(3, np.int32), "an array with 1 axis"),
        (np.float32(3), "a value of type float32"),
        (np.asarray(3.0), "an array with 0 axes"),
        (np.array(["a", "b"]), "an array with 1 axis of str32"),
        ([], "a list of ()"),
        ((np.zeros(2), None), "a list of (an array with 1 axis, None)"),
        ({"b": 1, "a": "x"}, "a mapping of (a: a value of type str, b: a value of type int)"),
        (2.5, "a value of type float"),
        (encode(np.array([None])), "a value of type ndarray of object"),
    ],
)
def test_a_form_is_told(value: Any, told: str) -> None:
    assert form(value) == told


@pytest.mark.usefixtures("hasty_diagnosis")
@pytest.mark.parametrize(
    ("name", "clause", "message"),
    [
        ("WithoutBiasInWeights", "INIT-03", "and is a list of (an array with 4 axes)"),
        ("TextResult", "ACT-02", ""),
        ("LossesAreText", "LOSS-03", ""),
        ("OneGradient", "GRAD-05", "three arrays"),
        ("ConfigIsAList", "METH-06", ""),
        ("ShapeIsText", "SHAPE-09", ""),
    ],
)
def test_an_answer_of_another_form_is_a_finding(
    command: Command, zoo: Path, name: str, clause: str, message: str
) -> None:
    subject = f"{zoo / 'misshapen.py'}:{name}"
    options = ("--examples", "2", "--clause", clause, "--out", "out")
    ended = command("run", "--subject", subject, *options)
    assert ended.status == 1
    assert message in ended.finding(clause)["message"]
