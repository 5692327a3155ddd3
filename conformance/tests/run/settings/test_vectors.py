"""Recorded cases of other projects, from the folder `shared/vectors` beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.run.run import Run
from conformance.run.settings.corpus import load_corpora
from conformance.run.settings.options import Options
from conformance.run.verdicts import Judgement
from conformance.subjects import tensorflow_is_installed

FOLDER = Path(__file__).parents[5] / "shared" / "vectors"

pytestmark = [
    pytest.mark.vectors,
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason="no recorded cases: there is no folder ../shared/vectors"
    ),
    pytest.mark.timeout(600),
]

FILES = [path.stem for path in sorted(FOLDER.glob("*.jsonl"))]


@pytest.fixture(scope="module", params=["reference", "fast", "tensorflow"])
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every verdict on a subject, by clause and mode."""
    if request.param == "tensorflow" and not tensorflow_is_installed():
        pytest.skip("TensorFlow is not installed here")
    options = Options(
        subjects=(request.param,),
        clauses=("BIAS-02",),
        examples=1,
        out=tmp_path_factory.mktemp("vectors"),
        corpora=load_corpora(FOLDER),
    )
    run = Run(options)
    try:
        found = list(run.judge_all())
    finally:
        run.close()
    return found


def _of(judgements: list[Judgement], name: str) -> list[Judgement]:
    return [j for j in judgements if j.verdict.clause == f"CORPUS-{name.upper().replace('_', '-')}"]


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_case_gives_what_its_source_says(
    name: str, verdicts: list[Judgement]
) -> None:
    assert [j.text for j in _of(verdicts, name) if j.verdict.status != "pass"] == []


@pytest.mark.parametrize("name", FILES)
def test_no_recorded_case_is_left_out(name: str, verdicts: list[Judgement]) -> None:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    count = sum(bool(line.strip()) for line in lines)
    assert {j.verdict.examples for j in _of(verdicts, name)} == {count}
