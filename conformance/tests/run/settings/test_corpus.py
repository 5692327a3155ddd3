"""Recorded cases: read, judged within their own tolerance, refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference_impl
from conformance.judge.judging import Tally
from conformance.model.observation import Observation, Outcome
from conformance.run.settings.corpus import CorpusError, Recorded, judge_recorded, load_corpora
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend


def _tensor(shape: list[int], *data: float) -> dict[str, Any]:
    return {"shape": shape, "data": list(data)}


_LAYER = {"strides": [1, 2], "padding": "valid", "data_format": "channels_last"}
#: 1 * [3, -4], 2 * [3, -4], and 10 everywhere.
FORWARD = {
    **_LAYER, "id": "by hand", "source": "here", "rtol": 0.0, "atol": 0.01,
    "input": _tensor([1, 1, 2, 1], 1, 2), "kernel": _tensor([1, 2, 1, 1], 3, -4),
    "bias": _tensor([1], 10), "expected": _tensor([1, 1, 4, 1], 13, 6, 16, 2),
}  # fmt: skip
GRADIENT = {
    **_LAYER, "id": "gradient", "kind": "gradient", "rtol": 0.0, "atol": 0.0,
    "input": _tensor([1, 1, 2, 1], 1, 2), "kernel": _tensor([1, 2, 1, 1], 3, -4),
    "upstream_gradient": _tensor([1, 1, 4, 1], 1, 2, 3, 4),
    "expected_input_gradient": _tensor([1, 1, 2, 1], -5, -7),
    "expected_kernel_gradient": _tensor([1, 2, 1, 1], 7, 10),
    "expected_bias_gradient": _tensor([1], 10),
}  # fmt: skip
SHAPE = {
    **_LAYER, "id": "shape", "kernel_size": [1, 2], "filters": 3,
    "input_shape": [2, None, 5, 1], "expected_output_shape": [2, None, 10, 3],
}  # fmt: skip


def _load(folder: Path, *lines: dict[str, Any]) -> tuple[Recorded, ...]:
    text = "\n\n".join(map(json.dumps, lines))
    (folder / "some_cases.jsonl").write_text(text, encoding="utf-8")
    (corpus,) = load_corpora(folder)
    assert corpus.clause.id == "CORPUS-SOME-CASES"
    return corpus.cases


def _judge(recorded: Recorded, observation: Observation | None = None) -> Tally:
    tally = Tally()
    seen = observation or observe(recorded.case, LayerBackend(reference_impl.Conv2DTranspose))
    judge_recorded(recorded, seen, tally)
    return tally


@pytest.mark.parametrize("line", [FORWARD, GRADIENT, SHAPE], ids=lambda line: line["id"])
def test_the_reference_gives_what_was_recorded(line: dict[str, Any], tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, line)
    assert (_judge(recorded).held, recorded.name) == (1, line["id"])


@pytest.mark.parametrize(
    ("line", "key", "wrong"),
    [
        (FORWARD, "expected", _tensor([1, 1, 4, 1], 13, 6, 16.02, 2)),
        (FORWARD, "expected", _tensor([1, 4, 1, 1], 13, 6, 16, 2)),
        (GRADIENT, "expected_kernel_gradient", _tensor([1, 2, 1, 1], 7, 10.5)),
        (GRADIENT, "expected_bias_gradient", _tensor([1], 9)),
        (SHAPE, "expected_output_shape", [2, None, 11, 3]),
    ],
    ids=["number", "shape of numbers", "kernel gradient", "bias gradient", "shape"],
)
def test_another_result_fails(line: Any, key: str, wrong: Any, tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, {**line, key: wrong})
    tally = _judge(recorded)
    assert [failure.status for failure in tally.failures] == ["fail"]
    assert tally.failures[0].mismatch.message.startswith(line["id"])


@pytest.mark.parametrize("got", [[], [np.zeros((1, 1, 2, 1))], None, 3])
def test_gradients_that_are_missing_fail(got: Any, tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, GRADIENT)
    outcomes = (Outcome(), Outcome(), Outcome(value=got))
    (failure,) = _judge(recorded, Observation(outcomes=outcomes)).failures
    assert (failure.status, "expected 3 items" in failure.mismatch.message) == ("fail", True)


def test_a_gradient_of_a_bias_that_is_not_there_may_be_none(tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, {k: v for k, v in GRADIENT.items() if "bias" not in k})
    inputs, kernel = np.array([[[[-5.0], [-7.0]]]]), np.array([[[[7.0]], [[10.0]]]])
    for got in ([inputs, kernel, None], [inputs, kernel]):
        outcomes = (Outcome(), Outcome(), Outcome(value=got))
        assert _judge(recorded, Observation(outcomes=outcomes)).held == 1


def test_the_tolerance_is_the_source_s_own(tmp_path: Path) -> None:
    near = {**FORWARD, "expected": _tensor([1, 1, 4, 1], 13.009, 6, 16, 2)}
    close, strict = _load(tmp_path, near, {**near, "id": "strict", "atol": 0.008})
    assert (_judge(close).held, _judge(strict).held) == (1, 0)


def test_a_case_without_bias_makes_a_layer_without(tmp_path: Path) -> None:
    line = {**FORWARD, "bias": None, "expected": _tensor([1, 1, 4, 1], 3, -4, 6, -8)}
    (recorded,) = _load(tmp_path, line)
    assert recorded.case.arguments["use_bias"] is False
    assert _judge(recorded).held == 1


def test_a_crash_is_an_error(tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, FORWARD)
    (failure,) = _judge(recorded, Observation(crash="signal 11")).failures
    assert (failure.status, "signal 11" in failure.mismatch.message) == ("error", True)


def test_what_is_unsupported_is_not_judged(tmp_path: Path) -> None:
    (recorded,) = _load(tmp_path, FORWARD)
    outcomes = (Outcome(), Outcome(), Outcome(unsupported="no call"))
    tally = _judge(recorded, Observation(outcomes=outcomes))
    assert (tally.judged, tally.unsupported) == (0, {"no call": 1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"bad\.jsonl:1: not a recorded case"),
        ("3", r"bad\.jsonl:1: not a recorded case"),
        (json.dumps(FORWARD) + "\n\n{}", r"bad\.jsonl:3: not a recorded case: it has no `input`"),
        (
            json.dumps({**FORWARD, "kernel": _tensor([1, 2, 1, 1], 3)}),
            r"bad\.jsonl:1: not a recorded",
        ),
    ],
    ids=["no JSON", "a number", "no input", "too few numbers"],
)
def test_a_broken_line_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_corpora(tmp_path)


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no \.jsonl file"):
        load_corpora(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        load_corpora(tmp_path / "none")


def test_an_image_too_large_to_run_is_asked_for_its_shape_alone(tmp_path: Path) -> None:
    large = {"input_shape": [1, 4000, 4000, 1], "expected_output_shape": [1, 4000, 8000, 3]}
    (recorded,) = _load(tmp_path, {**SHAPE, **large})
    assert len(recorded.case.steps) == 1
    assert not any(isinstance(value, np.ndarray) for _, value in recorded.expected)
