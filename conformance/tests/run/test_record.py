"""The record is written whole or not at all, and keeps to its schema."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from conformance.cases import index
from conformance.model import machine
from conformance.run.record import FolderError, RecordWriter
from conformance.run.run import Run
from conformance.run.settings.options import Options
from reports.records import schema
from reports.records.record import Finding, Footer, Header, Tool
from reports.views.conclusions import shipping

HEADER = Header(tool=Tool("t", "1"), subjects=(), clauses=())
FOOTER = Footer(complete=True)
SCHEMA = resources.files("conformance.run") / "record.schema.json"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_has_its_final_name_before_the_end(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "new") as writer:
        writer.write(HEADER)
        assert "run.jsonl" not in _names(tmp_path / "new")
        assert writer.finish(FOOTER) == tmp_path / "new" / "run.jsonl"
    assert _names(tmp_path / "new") == ["run.jsonl"]


def test_lines_come_in_the_order_of_writing(tmp_path: Path) -> None:
    with RecordWriter(tmp_path) as writer:
        writer.write(HEADER)
        path = writer.finish(FOOTER)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["header", "footer"]


def test_a_run_that_breaks_off_leaves_the_earlier_record(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text("earlier", encoding="utf-8")
    with RecordWriter(tmp_path) as writer:
        writer.write(HEADER)
        assert len(_names(tmp_path)) == 2
    assert _names(tmp_path) == ["run.jsonl"]
    assert (tmp_path / "run.jsonl").read_text(encoding="utf-8") == "earlier"


def test_the_record_of_the_run_before_is_kept(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text("earlier", encoding="utf-8")
    with RecordWriter(tmp_path) as writer:
        writer.write(HEADER)
        writer.finish(FOOTER)
    assert (tmp_path / "run.previous.jsonl").read_text(encoding="utf-8") == "earlier"


def test_a_number_that_json_lacks_is_encoded(tmp_path: Path) -> None:
    with RecordWriter(tmp_path) as writer:
        writer.write(Finding(clause="A-1", subject="s", message="m", bound=float("nan")))
        path = writer.finish(FOOTER)
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert line["bound"] == {"float": "nan"}


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FolderError, match=r"^cannot write to '.*inner': [^\n]*--out$"):
        RecordWriter(tmp_path / "file" / "inner")


def test_the_machine_is_described() -> None:
    assert machine.describe()["packages"].keys() >= {"numpy", "scipy", "hypothesis", "pytest"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The lines of a real run with a finding."""
    out = tmp_path_factory.mktemp("out")
    zoo = Path(__file__).parents[1] / "zoo" / "wrong_results.py"
    options = Options(
        subjects=("reference", f"{zoo}:ForgetsBias"), clauses=("BIAS-*", "PAD-01", "MIG-01"), examples=3, out=out
    )  # fmt: skip
    run = Run(options)
    for item in run.items():
        run.judge(*item)
    run.finish()
    return [json.loads(line) for line in (out / "run.jsonl").read_text("utf-8").splitlines()]


def test_a_run_writes_every_kind_of_line(written: list[dict[str, object]]) -> None:
    kinds = {line["kind"] for line in written}
    assert kinds >= {"header", "verdict", "finding", "footer"}


def test_what_a_run_writes_keeps_to_the_schema(written: list[dict[str, object]]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [error.message for line in written for error in validator.iter_errors(line)] == []


def test_the_schema_is_what_the_classes_of_the_record_say() -> None:
    told = "write it anew: python -m reports.records.schema conformance/run/record.schema.json"
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema.schema(), told


def test_every_reason_of_a_run_has_its_kind(written: list[dict[str, object]]) -> None:
    told = [line for line in written if line["kind"] == "verdict" and line["reason"]]
    assert {line["reason_kind"] for line in told} == {"no-case"}


def test_the_page_and_the_run_agree_on_what_few_cases_are() -> None:
    assert shipping.THOROUGH == index.THOROUGH
