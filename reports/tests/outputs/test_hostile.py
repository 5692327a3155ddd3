"""Whatever stands in whatever field of a record: a page, or one sentence that says what is wrong."""

import copy
import json

import pytest

import reports
from reports.records.lines import DEPTH
from reports.tests import sample

pytestmark = pytest.mark.filterwarnings("error")


def _nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


def _tensor(shape, **changes):
    return {"shape": shape, "dtype": "float32", "base64": "", **changes}


#: What no run writes, and anybody can.
HOSTILE = (
    None,
    True,
    0,
    -1,
    3,
    10**30,
    -(10**30),
    10**400,
    1e308,
    -0.0,
    "",
    "x",
    "\ud800",
    "\udfff\ud800",
    "\x1b[31m\x9b",
    "{{ 7 }}</script>",
    "[/bold]",
    [],
    [None],
    [[]],
    [10**30] * 3,
    [-1, -4],
    {},
    {"": "\udc80"},
    {"float": "nan"},
    {"float": 3},
    {"float": []},
    {"error": 3},
    {"types": 1, "message": 2},
    {"types": [], "message": None},
    {"type": 1, "repr": []},
    {"function": []},
    {"unsupported": {}},
    _tensor([0, 10**30]),
    _nested(DEPTH // 2),
)
TENSORS = (
    _tensor([0, 10**30]), _tensor([10**30, 0]),
    _tensor([0] * 81), _tensor([1] * 81, base64="AAAAAA=="),
    _tensor([-1, -4], base64="A" * 21 + "="), _tensor([-1]),
    _tensor([0.0]), _tensor(["a"]), _tensor("ab"), _tensor(None), _tensor([2**62, 0]), _tensor([], dtype="O"),
    _tensor([0], dtype="f4,f4"), _tensor([0], dtype=["f4"]), _tensor([0], dtype="\ud800"), _tensor([1], base64=3),
    _tensor([1], base64="\ud800"), _tensor([1], base64="AAAAAA=="),
)  # fmt: skip


def _record():
    """A record with a line of every kind, and all that may stand in it."""
    case, right, _ = sample.same_case()
    short = {**case, "steps": case["steps"][2:3]}
    evidence = {
        "case": short,
        "step": 2,
        "message": "m",
        "expected": sample.tensor(right),
        "got": None,
    }
    claim = {"status": "contradicted", "examples": 3, "evidence": evidence}
    subject = {
        **sample.SUBJECTS[-1],
        "versions": {"numpy": "1"},
        "settings": {"A": "1"},
        "command": False,
    }
    side = {"parameter": "p", "values": ["a"]}
    coverage = {
        "parameters": [{"name": "p", "values": ["a"]}, {"name": "q", "values": ["b"]}],
        "impossible": [{"first": side, "second": {"parameter": "q", "values": ["b"]}, "reason": "r"}],
        "groups": [{"subjects": [{"name": "mine", "mode": "eager"}], "cases": 3, "counts": [[], [2]]}],
    }  # fmt: skip
    example = {"arguments": "a", "step": "call", "before": "1", "after": "2"}
    drift = {
        "clause": "PAD-01", "mode": "eager", "before": "2.9", "after": "2.15", "cases": 4, "differing": 1,
        "example": example,
    }  # fmt: skip
    mistake = {
        "id": "M1", "chapter": "c", "text": "t", "source": "s", "caught": 2, "clauses": {"PAD-01": 2},
        "unexpected": 0, "examples": 3.5, "drawn": {"caught": 2, "examples": 4},
        "smallest": {"elements": 5, "steps": 2, "shrunk": True},
    }  # fmt: skip
    measurement = {
        "format": 1, "date": "2026-11-01", "tool": {"name": "t", "version": "1"}, "command": ["c"],
        "profile": "core", "seeds": 2, "seconds": 1.5, "mistakes": [mistake],
    }  # fmt: skip
    clauses = [sample.clause(row) for row in sample.CLAUSES if row[0] in ("SHAPE-01", "PAD-01")]
    return [
        sample.header(clauses=clauses, subjects=[subject]),
        sample.verdict("SHAPE-01", claim=claim, reason="r"),
        sample.verdict("PAD-01", status="fail"),
        sample.finding(
            "PAD-01", scaled_error=3.0, bound=1.0, diagnosis="d", failures=3, examples=9
        ),
        {"kind": "strength", "measurement": measurement},
        sample.footer(drift=[drift], coverage=coverage, reason="r"),
    ]


def _paths(data, before=()):
    # Of the items of a list the first one stands for all, but for the record's own lines.
    listed = enumerate(data if not before else data[:1]) if isinstance(data, list) else ()
    for key, value in data.items() if isinstance(data, dict) else listed:
        yield (*before, key)
        yield from _paths(value, (*before, key))


RECORD = _record()
PATHS = list(dict.fromkeys(path for path in _paths(RECORD) if len(path) > 1))


def _with(value, *paths):
    lines = copy.deepcopy(RECORD)
    for path in paths:
        place = lines
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    return lines


@pytest.fixture
def is_read(load):
    """Whether a record with a value in these places is read; a refusal is one sentence."""

    def tell(value, *paths):
        try:
            load(_with(value, *paths))
        except reports.RecordError as error:
            assert "\n" not in str(error)  # noqa: PT017 - whether it raises at all is drawn
            return False
        return True

    return tell


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:40])
def test_a_field_of_any_content_makes_a_page_or_a_sentence(load, is_read, value):
    taking = [path for path in PATHS if is_read(value, path)]
    groups = []
    for depth in {len(path) for path in taking}:
        # One page for all fields that take the value, unless they take it each by itself only.
        level = [path for path in taking if len(path) == depth]
        groups += [level] if is_read(value, *level) else [[path] for path in level]
    pages = [reports.render(load(_with(value, *group))) for group in groups]
    assert [page for page in pages if not page.encode("utf-8").endswith(b"</html>\n")] == []


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: ascii(tensor)[:60])
def test_a_tensor_of_any_kind_makes_a_page(load, tensor):
    places = [
        (3, "expected"),
        (3, "got"),
        (3, "case", "steps", 2, "inputs"),
        (3, "case", "steps", 1, "values", 0),
    ]
    assert reports.render(load(_with(tensor, *places))).endswith("</html>\n")


def test_the_sample_is_a_page(load):
    assert "PAD-01" in reports.render(load(RECORD))


def test_a_line_that_is_nested_too_deep_is_refused(load):
    with pytest.raises(reports.RecordError, match=f"line 4 is nested deeper than {DEPTH} levels"):
        load(_with(_nested(DEPTH), (3, "got")))


def test_nesting_that_python_cannot_parse_is_refused(tmp_path):
    file = tmp_path / "run.jsonl"
    file.write_text(json.dumps(RECORD[0]) + "\n" + "[" * 100_000 + "\n", encoding="utf-8")
    with pytest.raises(reports.RecordError, match="line 2 is not JSON"):
        reports.load(file)


@pytest.mark.parametrize("number", [10**30, -(2**63) - 1])
def test_a_count_beyond_64_bits_is_refused(load, number):
    with pytest.raises(
        reports.RecordError, match='"examples" must be a whole number of at most 64'
    ):
        load(_with(number, (1, "examples")))


@pytest.mark.parametrize(("written", "meant"), [("nan", "NaN"), ("inf", "∞"), ("-inf", "−∞")])  # noqa: RUF001
def test_a_number_that_json_lacks_is_read_as_values_are_written(load, written, meant):
    entry = _with({"float": written}, (3, "scaled_error"))
    assert f"scaled error {meant}" in reports.render(load(entry))


def test_a_harness_error_breaks_no_clause_of_the_subject(load):
    record = load(
        [RECORD[0], sample.verdict("PAD-01", status="harness-error", reason="oh"), RECORD[-1]]
    )
    text = reports.render(record)
    assert ("breaks" in text.partition("</title>")[0], "harness-error" in text) == (False, True)
