"""A record that somebody else sent: nothing it names is run, and nothing it says commands the terminal."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from conformance.cases import FAMILIES
from conformance.cli import main
from conformance.commands.runs.replay import names_code
from conformance.judge.exploring import drawn_cases
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import encode
from conformance.subjects import is_built_in

#: A case of the suite's own, by which every clause of its family can be judged.
CASE = drawn_cases(FAMILIES["geometry"], examples=1, run_seed=0)[0]
CALL = next(at for at, step in enumerate(CASE.steps) if isinstance(step, steps.Call))
INPUTS = CASE.steps[CALL].inputs  # type: ignore[union-attr]


def _record(spec: str = "fast", **subject: Any) -> list[dict[str, Any]]:
    who = {"name": "mine", "mode": "eager", "spec": spec, "versions": {}, "settings": {}, **subject}
    return [
        {
            "kind": "header", "format": 1, "tool": {"name": "t", "version": "1"}, "subjects": [who],
            "started": "2026-11-01T00:00:00Z", "command": ["conformance", "run"], "profile": "core", "seed": 0,
            "examples": 3, "machine": {"python": "3.11"},
            "clauses": [
                {"id": "BIAS-01", "chapter": "bias", "title": "t", "page": None, "norm": "n",
                 "agreement": ["holds"], "checks": []},
            ],
        },
        {"kind": "verdict", "clause": "BIAS-01", "subject": "mine", "mode": "eager", "status": "fail",
         "examples": 3},
        {
            "kind": "finding", "clause": "BIAS-01", "subject": "mine", "mode": "eager", "status": "fail",
            "case": copy.deepcopy(CASE.to_json()), "step": CALL, "message": "m", "expected": encode(INPUTS),
            "got": encode(INPUTS),
            "index": [0, 0, 0, 0], "scaled_error": 3.0, "bound": 1.0,
        },
        {"kind": "footer", "complete": True, "exit_status": 1, "seconds": 1.0, "counts": {"fail": 1}},
    ]  # fmt: skip


def _save(lines: list[dict[str, Any]], folder: Path, name: str = "run.jsonl") -> str:
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    (folder / name).write_text(text, encoding="utf-8")
    return name


@attrs.frozen
class Ended:
    """How a command ended."""

    status: object
    stdout: str
    stderr: str


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a command in this process, in a folder of its own: an exception that escapes fails the test."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*words], prog_name="conformance")
        return Ended(ended.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def touching(tmp_path: Path) -> dict[str, Any]:
    """What makes the file `made`, each in another way of naming code, in a folder that has that code."""
    (tmp_path / "evil.py").write_text(
        "import pathlib\npathlib.Path('made').touch()\nfrom reference_impl import Conv2DTranspose\n",
        encoding="utf-8",
    )
    return {
        "command": {"spec": f"{sys.executable} evil.py", "command": True},
        "file": {"spec": "evil.py:Conv2DTranspose"},
        "module": {"spec": "evil:Conv2DTranspose"},
        "named file": {"spec": "fast=evil.py:Conv2DTranspose"},
        "file called like a built-in subject": {"spec": "fast.py:Conv2DTranspose"},
        "release that is a path": {"spec": "tensorflow@../../evil"},
        "command that is called fast": {"spec": "fast", "command": True},
    }


NAMED = (
    "command", "file", "module", "named file", "file called like a built-in subject", "release that is a path",
    "command that is called fast",
)  # fmt: skip


@pytest.mark.parametrize("kind", NAMED)
def test_what_a_record_names_is_shown_and_not_run(
    here: Callable[..., Any], tmp_path: Path, touching: dict[str, Any], kind: str
) -> None:
    done = here("replay", _save(_record(**touching[kind]), tmp_path))
    assert (done.status, (tmp_path / "made").exists()) == (2, False)
    assert (done.stderr.count("\n"), "--trust" in done.stderr) == (1, True)
    assert repr(touching[kind]["spec"]) in done.stderr


@pytest.mark.parametrize("kind", ["command", "file", "module"])
def test_what_a_record_names_is_shown_and_run_where_it_is_trusted(
    here: Callable[..., Any], tmp_path: Path, touching: dict[str, Any], kind: str
) -> None:
    name = _save(_record(**touching[kind]), tmp_path)
    done = here("replay", name, "--trust")
    said = "".join(done.stdout.splitlines())
    assert ((tmp_path / "made").exists(), touching[kind]["spec"] in said) == (True, True)


@pytest.mark.parametrize("how", [("--subject", "fast"), ("--subject", "reference")])
def test_a_subject_that_is_named_by_the_person_takes_the_place_of_the_record_s(
    here: Callable[..., Any], tmp_path: Path, touching: dict[str, Any], how: tuple[str, ...]
) -> None:
    name = _save(_record(**touching["command"]), tmp_path)
    done = here("replay", name, *how)
    assert (done.status, (tmp_path / "made").exists()) == (0, False)


@pytest.mark.parametrize("spec", ["reference", "fast", "fast:direct"])
def test_a_finding_of_a_built_in_subject_is_run_at_once(
    here: Callable[..., Any], tmp_path: Path, spec: str
) -> None:
    assert here("replay", _save(_record(spec), tmp_path)).status == 0


@pytest.mark.parametrize("command_name", ["report", "diff"])
def test_other_commands_run_nothing_that_a_record_names(
    here: Callable[..., Any], tmp_path: Path, touching: dict[str, Any], command_name: str
) -> None:
    name = _save(_record(**touching["command"]), tmp_path)
    here(command_name, *[name] * (2 if command_name == "diff" else 1))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "spec",
    ["", "fast=fast", "fast.py:fast", "tensorflow@", "tensorflow@2.9.3/..", "tensorflow@٢", "fast\n", "Fast"],
)  # fmt: skip
def test_only_what_is_built_in_counts_as_built_in(spec: str) -> None:
    assert not is_built_in(spec)


@pytest.mark.parametrize(
    "spec", ["reference", "fast", "fast:direct", "tensorflow", "tensorflow@2.9.3"]
)
def test_what_is_built_in_counts_as_built_in(spec: str) -> None:
    assert is_built_in(spec)


CONFIGURATIONS = (
    {"class_name": "X", "config": {}, "module": "evil", "registered_name": None},
    {"class_name": "__lambda__", "config": {"value": "AAAA"}},
    {"class_name": "Lambda", "config": {}},
    [{"config": {"inner": [{"module": "evil"}]}}],
)


@pytest.mark.parametrize("place", ["arguments", "step"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_a_case_that_makes_a_framework_import_what_it_names_is_not_run(
    here: Callable[..., Any], tmp_path: Path, configuration: Any, place: str
) -> None:
    data = copy.deepcopy(CASE.to_json())
    if place == "arguments":
        data["arguments"]["kernel_initializer"] = configuration
    else:
        data["steps"].append(
            {"do": "invoke", "method": "from_config", "arguments": [configuration], "keywords": {}}
        )
    (tmp_path / "case.json").write_text(json.dumps(data), encoding="utf-8")
    done = here("replay", "case.json")
    assert (done.status, done.stdout, "--trust" in done.stderr) == (2, "", True)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_no_fixed_case_of_the_suite_names_code(family: Any) -> None:
    assert [case.id for case in family.fixed if names_code(case.to_json())] == []


def _paths(data: Any, before: tuple[Any, ...] = ()) -> Any:
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        yield (*before, key)
        yield from _paths(value, (*before, key))


ODD_VALUES = (
    None, True, -1, 10**30, 10**400, 1e308, "x", "\ud800", [], [[]], [10**30], [-1] * 3, [1] * 81, [None] * 81, {},
    {"float": "nan"}, {"float": []}, {"function": []}, {"literal": []}, {"literal": "__import__('os')"},
    {"function": "__import__"}, {"shape": [0] * 81, "dtype": "float32", "base64": ""},
    {"shape": [0, 10**30], "dtype": "float32", "base64": ""},
    {"shape": [-1, -1], "dtype": "f4", "base64": "AAAAAA=="},
    {"shape": [1], "dtype": "O", "base64": "AAAAAAAAAAA="}, json.loads("[" * 60 + "]" * 60),
)  # fmt: skip


@pytest.mark.parametrize(
    "path", [*_paths(CASE.to_json())], ids=lambda path: ".".join(map(str, path))
)
@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:30])
def test_any_data_is_a_case_with_a_name_or_refused_in_one_line(path: Any, value: Any) -> None:
    data = copy.deepcopy(CASE.to_json())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        told = Case.from_json(data).id
    except ValueError as error:
        told = str(error)
    assert (told.startswith(("c-", "not a case")), "\n" in told, len(told) < 1000) == (
        True,
        False,
        True,
    )


#: Fields of a finding and of the header, by which they are known in `_record`.
TEXTS = (
    (0, "subjects", 0, "name"), (0, "tool", "name"), (0, "command", 0), (0, "machine", "python"),
    (0, "clauses", 0, "title"), (1, "reason"), (1, "status"), (2, "message"), (2, "case", "id"),
    (2, "case", "family"),
    (2, "case", "arguments", "padding"), (2, "diagnosis"), (2, "script"), (2, "got"), (3, "reason"),
)  # fmt: skip
HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\ud800[/x][bold]\u202e"


def _hostile(path: tuple[Any, ...]) -> list[dict[str, Any]]:
    lines: Any = _record()
    lines[0]["subjects"][0]["versions"] = {"numpy": "1" if len(path) % 2 else "2"}
    place = lines
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = HOSTILE
    return list(lines)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("name", ["replay", "diff", "report"])
def test_a_text_of_a_record_neither_breaks_a_command_nor_commands_the_terminal(
    here: Callable[..., Any], tmp_path: Path, path: tuple[Any, ...], name: str
) -> None:
    words = [_save(_hostile(path), tmp_path)]
    if name == "diff":
        words = [_save(_record(versions={"numpy": "3"}), tmp_path, "old.jsonl"), *words]
    done = here(name, *words)
    said = done.stdout + done.stderr
    assert [sign for sign in "\x1b\x07\x9b\r\u202e" if sign in said] == []
    assert done.status in (0, 1, 2)


@pytest.mark.parametrize(
    "shape",
    [[0, 10**30], [10**30], [0] * 81, [1] * 81, [-1, -1], [-1]],
    ids=lambda s: ascii(s)[:20],
)
@pytest.mark.parametrize("name", ["replay", "report", "diff"])
def test_an_impossible_shape_is_no_traceback(
    here: Callable[..., Any], tmp_path: Path, shape: list[int], name: str
) -> None:
    tensor = {"shape": shape, "dtype": "float32", "base64": "AAAAAA==" if 0 not in shape else ""}
    lines = _record()
    lines[2]["got"] = lines[2]["expected"] = lines[2]["case"]["steps"][CALL]["inputs"] = tensor
    words = [_save(lines, tmp_path)] * (2 if name == "diff" else 1)
    done = here(name, *words)
    assert (done.status, done.stderr.count("\n")) == ((2, 1) if name == "replay" else (0, 0))


RAISING = r"""
class Layer:
    def __init__(self, filters, kernel_size, **_):
        raise ValueError("\x1b[31mred\x1b]0;title\x07 \x9b2J [/x] \ud800 \u202e")
"""


@pytest.mark.parametrize("how", ["run", "replay"])
def test_what_a_subject_raises_does_not_command_the_terminal(
    here: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    (tmp_path / "layers.py").write_text(RAISING, encoding="utf-8")
    spec = "layers.py:Layer"
    words = ("--subject", spec, "--clause", "BIAS-01", "--examples", "1", "--out", "out")
    if how == "replay":
        words = (_save(_record(), tmp_path), "--subject", spec)
    done = here(how, *words)
    said = done.stdout + done.stderr
    # Colours are left out, all else is spelled.
    assert r"raised ValueError: red\x1b]0;title\x07 \x9b2J [/x]" in " ".join(said.split())
    assert done.status == 1
    assert [sign for sign in "\x1b\x07\x9b\u202e" if sign in said] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("corpus/a.jsonl", "[1]\n"),
        ("corpus/a.jsonl", "3\n"),
        ("corpus/a.jsonl", "[" * 100_000 + "\n"),
        ("corpus/a.jsonl", '{"input_shape": [1e400], "strides": 1}\n'),
        ("corpus/a.jsonl", '{"input": {"data": [1], "shape": [1' + "0" * 30 + ']}, "kernel": 1}\n'),
        ("corpus/a.jsonl", '{"input": {"data": [], "shape": [' + ", ".join("0" * 81) + "]}}\n"),
        ("excuses.toml", "excuse = " + "[" * 100_000),
    ],
    ids=lambda text: text[:24],
)
def test_other_files_are_refused_in_one_line_too(
    here: Callable[..., Any], tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / name).write_text(content, encoding="utf-8")
    words = ("--corpus", "corpus") if name.startswith("corpus") else ("--expect", name)
    done = here("run", "--subject", "fast", "--clause", "BIAS-01", *words)
    assert (done.status, done.stderr.count("\n")) == (2, 1)
