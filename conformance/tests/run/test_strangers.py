"""Whatever stands in a file of somebody else's, it is read, or refused in one line: nothing else happens."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reports
from conformance.cases import FAMILIES
from conformance.judge.exploring import drawn_cases
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values import limits
from conformance.model.values.codec import encode
from conformance.oracle.bounds import ELEMENTS
from conformance.run.settings.corpus import CorpusError, load_corpora
from conformance.run.settings.excuses import ExcuseError, load_excuses
from conformance.run.settings.recorded import read_recorded
from conformance.tests.conftest import Finished
from reports.records import record

#: `tox -e strangers` tries more.
EXAMPLES = int(os.environ.get("STRANGERS_EXAMPLES", "60"))
fuzzed = settings(
    max_examples=EXAMPLES,
    derandomize="STRANGERS_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=[*HealthCheck],
)


def _deep(levels: int) -> Any:
    data: Any = []
    for _ in range(levels):
        data = [data]
    return data


#: What nobody expects in the place of anything else.
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "x", "1", "nan", "same", "SAME", "\ud800", "\x00", "\x1b[2J", "x" * 20_000, "__class__", "a; import os",
    [], {}, [[]], [1], [1, -1, 2, 1], [0, 0, 0, 0], [2**40] * 4, [None] * 4, [1] * 80, _deep(60), _deep(400),
    {"float": "x"}, {"float": []}, {"float": "nan"}, {"literal": "nope"}, {"function": "nope"}, {"function": []},
    {"shape": [-1], "dtype": "float32", "base64": ""}, {"shape": [], "dtype": "float32", "base64": "AACAPw=="},
    {"shape": [0, 10**30], "dtype": "float32", "base64": ""},
    {"shape": [1], "dtype": "O", "base64": "AAAAAAAAAAA="}, {"shape": [1], "dtype": "U9", "base64": "AAAA"},
    {"shape": [1], "data": ["1"]}, {"shape": 3, "data": 3},
)  # fmt: skip


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(data, dict):
        found += [place for key in data for place in _places(data[key], (*path, key))]
    elif isinstance(data, list):
        found += [place for i, one in enumerate(data[:9]) for place in _places(one, (*path, i))]
    return found


@st.composite
def mutants(draw: st.DrawFn, origins: tuple[Any, ...]) -> Any:
    """One of the origins with up to three of its parts replaced, taken out or put in twice."""
    data = [copy.deepcopy(draw(st.sampled_from(origins)))]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(data)[1:]))
        holder: Any = data
        for key in path[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(("replace", "replace", "take out", "twice")))
        if action == "take out" and len(path) > 1:
            del holder[path[-1]]
        elif action == "twice" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(ODD)))
        if not data or len(_places(data)) == 1:
            break
    return data[0] if data else None


def _line(data: Any) -> str:
    return json.dumps(data)


CASES = tuple(
    drawn_cases(FAMILIES[name], examples=1, run_seed=0)[0].to_json()
    for name in ("geometry", "training", "losses", "gradients")
    if name in FAMILIES
)
TENSOR = {"shape": [1, 1, 2, 1], "data": [1, 2]}
LAYER = {
    "id": "one",
    "source": "here",
    "strides": [1, 2],
    "padding": "valid",
    "data_format": "channels_last",
}
RECORDED = (
    {
        **LAYER, "rtol": 0.0, "atol": 0.01, "dtype": "float32", "input": TENSOR, "activation": None,
        "kernel": {"shape": [1, 2, 1, 1], "data": [3, -4]}, "bias": {"shape": [1], "data": [10]},
        "expected": {"shape": [1, 1, 4, 1], "data": [13, 6, 16, 2]}, "dilation_rate": [1, 1],
    },
    {
        **LAYER, "kind": "gradient", "rtol": 0.0, "atol": 0.0, "input": TENSOR,
        "kernel": {"shape": [1, 2, 1, 1], "data": [3, -4]}, "output_padding": None,
        "upstream_gradient": {"shape": [1, 1, 4, 1], "data": [1, 2, 3, 4]},
        "expected_input_gradient": {"shape": [1, 1, 2, 1], "data": [-5, -7]},
        "expected_kernel_gradient": {"shape": [1, 2, 1, 1], "data": [7, 10]},
        "expected_bias_gradient": {"shape": [1], "data": [10]},
    },
    {
        **LAYER, "kernel_size": [1, 2], "filters": 3, "input_shape": [2, None, 5, 1],
        "expected_output_shape": [2, None, 10, 3],
    },
)  # fmt: skip
OBSERVATIONS = (
    {
        "id": "c-1",
        "observation": {
            "constructed": {"value": None, "modified": []},
            "outcomes": [
                {"value": {"shape": [1], "dtype": "float32", "base64": "AACAPw=="}},
                {
                    "error": {"types": ["E"], "message": "m", "moment": "call"},
                    "modified": ["inputs"],
                },
                {"unsupported": "nothing"},
                {"value": [1, 2.5, "x", None, {"a": {"float": "nan"}}]},
            ],
            "crash": None,
        },
    },
)


def _told(read: Callable[[], Any], *refusals: type[Exception]) -> str:
    """What is said when something is read: nothing where it can be."""
    try:
        read()
    except refusals as error:
        return str(error)
    return ""


@fuzzed
@given(mutants(CASES))
def test_a_case_is_read_or_refused_in_one_line(data: Any) -> None:
    def read() -> None:
        case = Case.from_json(data)
        assert Case.from_json(json.loads(_line(case.to_json()))).id == case.id

    assert "\n" not in _told(read, ValueError)


@fuzzed
@given(mutants(RECORDED))
def test_a_recorded_case_is_read_or_refused_in_one_line(data: Any) -> None:
    assert "\n" not in _told(lambda: read_recorded(_line(data)), ValueError)


@fuzzed
@given(mutants(OBSERVATIONS))
def test_an_answer_is_read_or_refused(data: Any) -> None:
    def read() -> None:
        answer = limits.parse(_line(data).encode())
        inner = answer.get("observation", answer) if isinstance(answer, dict) else answer
        json.dumps(encode(Observation.from_json(inner).to_json()), allow_nan=False)

    assert "\n" not in _told(read, limits.TooLarge, ValueError)


@pytest.fixture(scope="module")
def finished(command: Callable[..., Finished]) -> list[dict[str, Any]]:
    """The lines of a record with a finding."""
    options = ("--clause", "BIAS-01", "--examples", "1", "--out", "out")
    header, *others = command("run", "--subject", "reference", *options).record
    finding = record.Finding(
        clause="BIAS-01",
        subject="reference",
        mode="eager",
        message="differs",
        case=CASES[0],
        step=3,
        expected=CASES[0]["steps"][0],
        got=[1.0, None],
        index=(0, 1),
        scaled_error=2.5,
        diagnosis="the bias is forgotten",
        script="print(1)",
    )
    return [header, encode(record.to_json(finding)), *others]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be written anew."""
    return tmp_path_factory.mktemp("file") / "run.jsonl"


@fuzzed
@given(data=st.data())
def test_a_record_is_read_or_refused_in_one_line(
    finished: list[dict[str, Any]], file: Path, data: st.DataObject
) -> None:
    lines = data.draw(mutants((finished,)))
    listed = lines if isinstance(lines, list) else [lines]
    file.write_text("\n".join(map(_line, listed)) + "\n", encoding="utf-8")
    assert "\n" not in _told(lambda: reports.load(file), reports.RecordError)


@pytest.mark.parametrize("has", [5, -1.5, "x", {}, [], [1, None], False], ids=str)
def test_a_capability_of_any_kind_is_on_the_page(
    finished: list[dict[str, Any]], file: Path, has: Any
) -> None:
    header, *others = copy.deepcopy(finished)
    header["subjects"][0]["capabilities"] = {"dtypes": has}
    file.write_text("\n".join(map(_line, [header, *others])) + "\n", encoding="utf-8")
    reports.write(reports.load(file), file.with_name("index.html"))
    assert "<dt>dtypes</dt>" in file.with_name("index.html").read_text(encoding="utf-8")


EXCUSES = '[[excuse]]\nclause = "FMT-02"\nsubject = "x"\nmessage = "m"\nreason = "r"\nexpires = 2027-06-30\n'
ODD_TOML = (
    "",
    "[]",
    "3",
    "nan",
    "'x'",
    "[[x]]",
    "{a=1}",
    "\x00",
    "2027-13-40",
    "=",
    '"',
    "\ud800",
    "[" * 500,
)


@fuzzed
@given(st.integers(0, len(EXCUSES)), st.integers(0, 12), st.sampled_from(ODD_TOML))
def test_a_file_of_excuses_is_read_or_refused(file: Path, at: int, length: int, odd: str) -> None:
    text = EXCUSES[:at] + odd + EXCUSES[at + length :]
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert _told(lambda: load_excuses(file), ExcuseError).partition(":")[0] in ("", str(file))


@fuzzed
@given(data=mutants(CASES[:1]))
def test_replay_of_any_case_ends_with_a_verdict_or_a_refusal(
    command: Callable[..., Finished], file: Path, data: Any
) -> None:
    case = file.with_name("case.json")
    case.write_text(_line(data), encoding="utf-8")
    done = command("replay", case, "--subject", "reference", cwd=file.parent)
    assert (done.status in (0, 1, 2), done.stderr.count("\n") <= 1) == (True, True)


#: Lines of a corpus that were once a traceback, or taken, and what is said of them.
LINES = {
    "[]": "an object is needed",
    '"x"': "an object is needed",
    "[" * 100_000: "nested too deep",
    '{"id": ' + "9" * 5000 + "}": "integer string conversion",
    _line({**RECORDED[2], "filters": 10**400}): "`filters` should be a whole number from 1 on",
    _line({**RECORDED[2], "filters": "3"}): "`filters` should be a whole number from 1 on, not '3'",
    _line({**RECORDED[2], "input_shape": [1, -1, 2, 1]}): "`input_shape` should be four whole numbers",
    _line({**RECORDED[0], "kernel": {"shape": [], "data": 1}}): "`kernel` should have 4 axes",
    _line({**RECORDED[0], "input": {"shape": [1, 1, 2, 1], "data": ["1", 2]}}): "not '1'",
    _line({**RECORDED[0], "id": "\ud800"}): "`id` should be a text",
    _line({**RECORDED[0], "rtol": float("inf")}): "`rtol` should be a finite number from 0 on, not inf",
    _line({**RECORDED[0], "atol": -1}): "`atol` should be a finite number from 0 on, not -1",
    _line({**RECORDED[0], "rtol": "0.1"}): "`rtol` should be a finite number from 0 on, not '0.1'",
    _line({**RECORDED[0], "activation": {"function": "nope"}}): "`activation` should be a text",
    _line({**RECORDED[0], "strides": [10**9, 1]}): f"the oracle's limit is {ELEMENTS:,}",
    _line(RECORDED[0]) + "\n" + _line(RECORDED[0]): "a second case with the `id` 'one'",
}  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:20])
def test_a_line_of_a_corpus_that_is_no_case_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"bad\.jsonl:[12]: not a recorded case: ") as told:
        load_corpora(tmp_path)
    assert (LINES[line] in str(told.value), "\n" in str(told.value)) == (True, False)


def _case(**changes: Any) -> dict[str, Any]:
    return {**CASES[0], **changes}


def _arguments(**changes: Any) -> dict[str, Any]:
    return _case(arguments={**CASES[0]["arguments"], **changes})


#: Cases that were once a traceback, "harness broken", or taken, and what is said of them.
STRANGE = {
    "no steps": ({"family": "geometry", "arguments": {}}, "a list of `steps` is needed"),
    "a step without a name": (_case(steps=[{}]), "unknown step None"),
    "a list as a step's name": (_case(steps=[{"do": ["call"]}]), "unknown step ['call']"),
    "a list as the family": (_case(family=[1]), "`family` should be a text"),
    "many steps": (_case(steps=[{"do": "get_weights"}] * 30_000), "it has 30,000 steps"),
    "a text as a size": (_case(steps=[{"do": "build", "input_shape": ["1", 2]}]), "sizes are integers"),
    "an unknown function": (_arguments(activation={"function": "nope"}), "unknown function 'nope'"),
    "an unknown literal": (_arguments(activation={"literal": "nope"}), "unknown literal 'nope'"),
    "a private method": (
        _case(steps=[{"do": "invoke", "method": "__class__", "arguments": [3, 3]}]),
        "of a layer: '",
    ),
    "code for a name": (_case(steps=[{"do": "read", "attribute": "a; import os"}]), "of a layer: '"),
    "a function of TensorFlow": (
        _case(steps=[{"do": "enter", "scope": "load_op_library", "arguments": {"library_filename": "x"}}]),
        "`scope` should be one of",
    ),
    "a number for a name": (_case(steps=[{"do": "read", "attribute": 3}]), "expected str"),
    "large strides": (_arguments(strides=[10**9, 1]), "the oracle's limit is"),
    "many filters": (_arguments(filters=10**9), "the oracle's limit is"),
    "a large kernel": (_arguments(kernel_size=[10**9, 1]), "the oracle's limit is"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_case_is_refused_in_one_line(
    name: str, command: Callable[..., Finished], tmp_path: Path
) -> None:
    data, told = STRANGE[name]
    (tmp_path / "case.json").write_text(_line(data), encoding="utf-8")
    done = command("replay", "case.json", cwd=tmp_path)
    assert (done.status, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr


@pytest.mark.parametrize(
    "steps",
    [
        [{"do": "build", "input_shape": [1] * 60}],
        [{"do": "invoke", "method": "call", "arguments": 3}],
    ],
    ids=["no call", "no list of arguments"],
)
def test_a_case_that_no_check_can_read_is_the_case_s_own_fault(
    steps: list[Any], command: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "case.json").write_text(_line(_case(steps=steps)), encoding="utf-8")
    done = command("replay", "case.json", "--subject", "reference", cwd=tmp_path)
    assert (done.status, "the case cannot be judged: " in done.stdout) == (2, True)
