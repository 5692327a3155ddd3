"""The chapter on coverage."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import reports
from reports.tests import sample
from reports.views import coverage

PARAMETERS = [
    {"name": "stride", "values": ["1", "2"]},
    {"name": "padding", "values": ["valid", "same"]},
    {"name": "dtype", "values": ["float16", "float32", "int32"]},
]
IMPOSSIBLE = [
    {
        "first": {"parameter": "dtype", "values": ["int32", "float16"]},
        "second": {"parameter": "stride", "values": ["2"]},
        "reason": "nobody strides over <integers>",
    }
]
#: Rows: stride 1 and 2, valid and same, float16, float32, int32.
FULL = [[], [0], [31, 4], [5, 6, 0], [7, 0, 1, 2], [8, 9, 23, 150, 0], [3, 0, 2, 1, 0, 0]]


def _group(counts: list[list[int]], *subjects: str, cases: int = 40) -> dict[str, Any]:
    named = [{"name": name, "mode": "eager"} for name in subjects or ("fast",)]
    return {"subjects": named, "cases": cases, "counts": counts}


def _coverage(*groups: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"parameters": PARAMETERS, "impossible": IMPOSSIBLE, "groups": list(groups), **changes}


def _with(counts: list[list[int]], row: int, column: int, count: int) -> list[list[int]]:
    copy = [list(line) for line in counts]
    copy[row][column] = count
    return copy


Render = Callable[[Any], str]


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Any], reports.Record]:
    def load_with(found: Any) -> reports.Record:
        lines = sample.record()
        lines[-1]["coverage"] = found
        return reports.load(sample.save(lines, tmp_path / "run.jsonl"))

    return load_with


@pytest.fixture
def chapter(load: Callable[[Any], reports.Record]) -> Render:
    def render(found: Any) -> str:
        page = reports.render(load(found))
        match = re.search(r'<section id="coverage".*?</section>', page, re.DOTALL)
        return html.unescape(re.sub(r"<[^>]*>", "", match[0])) if match else ""

    return render


def test_the_total_leaves_the_impossible_pairs_out(chapter: Render) -> None:
    assert "14 of 14 pairs within reach" in chapter(_coverage(_group(FULL)))


def test_the_rarest_pair_is_told(chapter: Render) -> None:
    doubled = [[2 * count for count in row] for row in FULL]
    assert "each in at least 2 cases" in chapter(_coverage(_group(doubled)))


def test_a_missing_pair_is_listed_by_name(chapter: Render) -> None:
    text = chapter(_coverage(_group(_with(FULL, 5, 3, 0))))
    assert "13 of 14 pairs within reach" in text
    assert "padding and dtype: same with float32" in text


def test_nothing_is_listed_where_nothing_is_missing(chapter: Render) -> None:
    assert "not exercised" not in chapter(_coverage(_group(FULL)))


def test_what_one_subject_lacks_is_missing(chapter: Render) -> None:
    text = chapter(_coverage(_group(FULL, "fast"), _group(_with(FULL, 2, 0, 0), "mine", cases=12)))
    assert "13 of 14 pairs within reach, on every subject" in text
    assert "mine (eager): 12 cases, 13 of the 14 pairs within its reach" in text
    assert "stride and padding: 1 with valid" in text


def test_the_map_holds_the_numbers_of_every_subject(load: Callable[[Any], reports.Record]) -> None:
    found = _coverage(_group(FULL, "fast"), _group(_with(FULL, 2, 0, 7), "mine"))
    assert 'data-n="31 7"' in reports.render(load(found))


def test_a_subject_without_results_does_not_hide_the_others(chapter: Render) -> None:
    nothing = [[0] * place for place in range(len(FULL))]
    text = chapter(_coverage(_group(FULL, "fast"), _group(nothing, "mine", cases=0)))
    assert "14 of 14 pairs within reach" in text
    assert "mine (eager): 0 cases" in text


def test_a_run_without_results_has_no_map(chapter: Render) -> None:
    nothing = [[0] * place for place in range(len(FULL))]
    text = chapter(_coverage(_group(nothing, cases=0)))
    assert "0 of 0 pairs within reach" in text
    assert "float16" not in text


def test_the_reasons_are_told(chapter: Render) -> None:
    text = chapter(_coverage(_group(FULL)))
    assert "2 pairs that no layer can show" in text
    assert "dtype int32 or float16 with stride 2: nobody strides over <integers>" in text


def test_each_cell_has_the_count_of_its_row_and_column(
    load: Callable[[Any], reports.Record],
) -> None:
    found = coverage.build(load(_coverage(_group(FULL))).footer.coverage)
    assert found is not None
    columns = [(name, value) for name, values in found.columns for value in values]
    values = [(p["name"], value) for p in PARAMETERS for value in p["values"]]
    seen = {
        ((block.parameter, row.value), column): cell.count
        for block in found.blocks
        for row in block.rows
        for column, cell in zip(columns, row.cells)
    }
    ruled_out = {(("dtype", name), ("stride", "2")) for name in ("int32", "float16")}
    wanted = {
        (values[i], values[j]): None if (values[i], values[j]) in ruled_out else FULL[i][j]
        for i, j in itertools.product(range(7), repeat=2)
        if j < i and values[i][0] != values[j][0]
    }
    assert seen == wanted


@pytest.mark.parametrize(
    ("count", "style"),
    [(None, "un"), (0, "l0"), (1, "l1"), (4, "l2"), (5, "l3"), (99, "l4"), (100, "l5")],
)
def test_a_cell_has_the_colour_of_its_count(count: int | None, style: str) -> None:
    assert coverage.Cell(count).style == style


def test_a_record_without_coverage_has_no_chapter(chapter: Render) -> None:
    assert chapter(None) == ""


def test_hostile_text_is_escaped(load: Callable[[Any], reports.Record]) -> None:
    hostile = _coverage(_group(FULL, "<img src=x>"))
    assert "<img" not in reports.render(load(hostile))


BROKEN = [
    ({"parameters": 3}, "parameters"),
    ({"groups": [_group(FULL[:-1])]}, "a row for each of 7 values, not 6"),
    ({"groups": [_group([*FULL[:-1], [1]])]}, "row 6 of the counts"),
    ({"groups": [_group(_with(FULL, 3, 1, -1))]}, "row 3 of the counts"),
    ({"groups": [_group(_with(FULL, 3, 1, True))]}, 'groups[0].counts[3]" must be a list of whole'),
    (
        {"impossible": [{**IMPOSSIBLE[0], "second": {"parameter": "stride", "values": ["7"]}}]},
        'no parameter "stride" has the value "7"',
    ),
]


@pytest.mark.parametrize(("changes", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_broken_entry_is_refused(
    load: Callable[[Any], reports.Record], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(reports.RecordError, match=re.escape(message)):
        load({**_coverage(_group(FULL)), **changes})


@pytest.fixture(scope="module")
def validator() -> Any:
    path = Path(__file__).parents[3] / "conformance" / "run" / "record.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def test_the_schema_takes_it(validator: Any) -> None:
    assert validator.is_valid(sample.footer(coverage=_coverage(_group(FULL))))


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": None},
        {"groups": [_group(_with(FULL, 3, 1, -1))]},
        {"impossible": [{"first": {"parameter": "dtype", "values": []}}]},
    ],
    ids=["parameters", "counts", "impossible"],
)
def test_the_schema_refuses_broken_ones(validator: Any, changes: dict[str, Any]) -> None:
    assert not validator.is_valid(sample.footer(coverage={**_coverage(_group(FULL)), **changes}))


def test_a_pair_that_no_layer_can_show_is_told_from_one_out_of_reach() -> None:
    assert coverage.Cell(None, is_possible=False).style == "no"


#: As FULL, from a layer that gives no result with padding same.
WITHOUT_SAME = [[], [0], [31, 4], [0, 0, 0], [7, 0, 1, 0], [8, 9, 23, 0, 0], [3, 0, 2, 0, 0, 0]]


def test_pairs_out_of_reach_are_not_missing(chapter: Render) -> None:
    text = chapter(_coverage(_group(WITHOUT_SAME)))
    assert "9 of 9 pairs within reach" in text
    assert "5 pairs out of reach: no subject gave a result for one of the two values" in text


def test_what_one_subject_reaches_is_within_reach(chapter: Render) -> None:
    text = chapter(_coverage(_group(FULL), _group(WITHOUT_SAME, "partial")))
    assert "14 of 14 pairs within reach, on every subject" in text
