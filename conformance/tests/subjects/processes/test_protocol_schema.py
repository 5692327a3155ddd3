"""The schema of the process protocol, and the code that reads and writes its messages."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.cases import FAMILIES
from conformance.commands.init import text_of
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects import LoadError, Subject, resolve_command
from conformance.subjects.backend import observe
from conformance.subjects.loading import backend_factory
from conformance.subjects.processes.protocol import schema

SCHEMA = schema()
#: The literal messages of the page.
MESSAGES = [
    json.loads(line) for line in re.findall(r'^(\{"kind".*)$', text_of("protocol.md"), re.MULTILINE)
]
EXAMPLES = [
    (case, answer) for case, answer in itertools.pairwise(MESSAGES) if case["kind"] == "case"
]


def _errors(kind: str, message: Any) -> list[str]:
    """What the schema has against a message of a kind."""
    validator = jsonschema.Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{kind}"}]})
    return [error.message for error in validator.iter_errors(message)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "message", MESSAGES, ids=[f"{i}-{m['kind']}" for i, m in enumerate(MESSAGES)]
)
def test_a_message_of_the_page_is_valid(message: dict[str, Any]) -> None:
    assert _errors(message["kind"], message) == []


@pytest.mark.parametrize(
    "kind", ["describe", "description", "case", "observation", "renew", "renewed"]
)
def test_the_page_has_an_example_of_each_message(kind: str) -> None:
    assert kind in {message["kind"] for message in MESSAGES}


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.fixed])
def test_the_first_case_of_a_family_is_valid(family: str) -> None:
    case = FAMILIES[family].fixed[0]
    assert _errors("case", {"kind": "case", "id": case.id, "case": case.to_json()}) == []


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.fixed])
def test_what_our_worker_answers_is_valid(family: str) -> None:
    observation = observe(FAMILIES[family].fixed[0], backend_factory("fast")())
    sent = json.loads(json.dumps({"observation": observation.to_json()}))
    assert _errors("observation", sent) == []


#: Observations that are none.
WRONG: dict[str, Any] = {
    "no outcomes": {},
    "outcomes are an object": {"outcomes": {}},
    "an outcome is a text": {"outcomes": ["done"]},
    "an error without types": {"outcomes": [{"error": {"message": "", "moment": "call"}}]},
    "an error with no type": {"outcomes": [{"error": {"types": [], "message": "", "moment": "call"}}]},
    "an error's type is a text": {
        "outcomes": [{"error": {"types": "ValueError", "message": "", "moment": "call"}}]
    },
    "unsupported is true": {"outcomes": [{"unsupported": True}]},
    "modified is a text": {"outcomes": [{"modified": "inputs"}]},
    "an array of a negative size": {
        "outcomes": [{"value": {"shape": [-1], "dtype": "float32", "base64": ""}}]
    },
    "an array's dtype is a number": {"outcomes": [{"value": {"shape": [0], "dtype": 32, "base64": ""}}]},
    "an array deep inside": {
        "outcomes": [{"value": [{"shape": "0", "dtype": "float32", "base64": ""}]}]
    },
    "a crash is a number": {"outcomes": [], "crash": 1},
}  # fmt: skip


@pytest.mark.parametrize("observation", WRONG.values(), ids=WRONG)
def test_what_is_no_observation_is_invalid(observation: Any) -> None:
    assert _errors("observation", {"observation": observation}) != []


@pytest.mark.parametrize("observation", WRONG.values(), ids=WRONG)
def test_what_is_invalid_is_not_read(observation: Any) -> None:
    with pytest.raises(ValueError, match="not an observation"):
        Observation.from_json(observation)


#: Changes after which the first example of the page is no case.
BROKEN = {
    "an unknown step": {"do": "bild", "input_shape": [1, 1, 2, 1]},
    "a field that is missing": {"do": "build"},
    "a field too many": {"do": "build", "input_shape": [1, 1, 2, 1], "colour": "red"},
    "a field of another type": {"do": "build", "input_shape": "1121"},
}


def _broken(step: dict[str, Any]) -> dict[str, Any]:
    case = EXAMPLES[0][0]
    return {**case, "case": {**case["case"], "steps": [step]}}


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_what_is_no_step_is_invalid(step: dict[str, Any]) -> None:
    assert _errors("case", _broken(step)) != []


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_what_is_no_step_is_not_read(step: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a case"):
        Case.from_json(_broken(step)["case"])


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
@pytest.mark.parametrize(("case", "answer"), EXAMPLES, ids=["a call", "refusals"])
def test_the_page_says_what_a_program_answers(
    case: dict[str, Any], answer: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "my_program.js").write_text(text_of("my_program.js"), encoding="utf-8")
    done = subprocess.run(
        ["node", "my_program.js"], input=json.dumps(case) + "\n", cwd=tmp_path, text=True,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == answer


#: Describes itself by what is put in for ANSWER.
DESCRIBES = """
import json, sys
question = json.loads(input())
print(json.dumps({"kind": "description", **ANSWER}), flush=True)
input()
"""


def _describing(folder: Path, answer: str) -> Subject:
    (folder / "program.py").write_text(DESCRIBES.replace("ANSWER", answer), encoding="utf-8")
    return resolve_command(shlex.join([sys.executable, str(folder / "program.py")]), 5)


def test_a_program_of_another_protocol_is_refused(tmp_path: Path) -> None:
    subject = _describing(tmp_path, "{'protocol': 2}")
    with pytest.raises(LoadError, match="speaks version 2 of the protocol, this release speaks 1"):
        subject.describe()


def test_a_program_is_told_the_version(tmp_path: Path) -> None:
    subject = _describing(tmp_path, "{'settings': {'told': str(question['protocol'])}}")
    described = subject.describe()
    subject.close()
    assert described["settings"] == {"told": "1"}
