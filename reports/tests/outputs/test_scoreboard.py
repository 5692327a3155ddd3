"""The scoreboard: runs of several implementations side by side."""

import pytest

import reports
from reports.outputs import scoreboard
from reports.tests import sample
from reports.tests.outputs.test_page import HOSTILE, Reader


def run_of(name, *, modes=("natural", "exact"), aspects=(), **versions):
    subjects = [{"name": name, "mode": mode, "spec": name, "versions": versions} for mode in modes]
    listed = [
        {
            "subject": name,
            "mode": mode,
            "name": aspect,
            "right": right,
            "judged": judged,
            "cause": cause,
        }
        for mode, aspect, right, judged, cause in aspects
    ]
    return [sample.header(subjects=subjects), sample.footer(aspects=listed)]


@pytest.fixture
def board(load):
    return lambda *runs: scoreboard.build([load(run) for run in runs])


TORCH = run_of(
    "torch",
    torch="2.13.0",
    numpy="2.4.6",
    aspects=(
        ("natural", "kernel ≥ stride", 3, 5, "cropped on the wrong side"),
        ("natural", "int32", 0, 0, "not implemented for 'Int'"),
        ("exact", "kernel ≥ stride", 5, 5, None),
    ),
)
JAX = run_of("jax", modes=("exact",), jax="0.10.2", aspects=(("exact", "int32", 4, 4, None),))


def cells(board, aspect):
    (row,) = [row for row in board.rows if row.name == aspect]
    return [(cell.text, cell.key, cell.note) for cell in row.cells]


def test_a_cell_counts_the_right_cases_and_names_the_cause(board):
    found = cells(board(TORCH), "kernel ≥ stride")
    assert found == [("3 of 5", "fail", 1), ("5 of 5", "pass", None)]


def test_what_was_not_judged_is_unsupported_or_not_run(board):
    found = cells(board(TORCH, JAX), "int32")
    assert found == [
        ("unsupported", "unsupported", 2),
        ("not run", "notrun", None),
        ("4 of 4", "pass", None),
    ]


def test_a_cause_that_many_share_is_listed_once(board):
    aspects = (("natural", "int32", 0, 1, "same\n cause"), ("exact", "int32", 0, 1, "same cause"))
    assert board(run_of("torch", aspects=aspects)).causes == ("same cause",)


def test_the_ways_of_an_implementation_stand_under_its_name_and_versions(board):
    assert [
        (name, versions, len(columns)) for name, versions, columns in board(TORCH, JAX).groups
    ] == [
        ("torch", "torch 2.13.0", 2),
        ("jax", "jax 0.10.2", 1),
    ]


def test_two_versions_of_one_implementation_are_two_groups(board):
    other = run_of("torch", torch="2.12.0", aspects=(("exact", "int32", 1, 1, None),))
    assert len(board(TORCH, other).groups) == 2


def test_the_same_subject_twice_is_refused(board):
    with pytest.raises(reports.RecordError, match=r"second run of torch \(natural\)"):
        board(TORCH, TORCH)


def test_a_run_without_aspects_is_refused(board):
    with pytest.raises(reports.RecordError, match="has counted no aspects"):
        board(sample.record())


def test_the_table_in_markdown_has_a_column_for_each_way(board):
    table = reports.markdown(board(TORCH, JAX))
    assert table.splitlines()[:3] == [
        "|  | torch natural | torch exact | jax exact |",
        "| --- | --- | --- | --- |",
        "| kernel ≥ stride | 3 of 5 [1] | 5 of 5 | not run |",
    ]


def test_the_table_in_markdown_lists_causes_and_versions(board):
    lines = reports.markdown(board(TORCH)).splitlines()
    assert "1. cropped on the wrong side" in lines
    assert "- torch: torch 2.13.0" in lines


def test_a_bar_in_a_cause_ends_no_cell(board):
    run = run_of("torch", aspects=(("exact", "int32", 0, 1, "a | b"),))
    assert r"1. a \| b" in reports.markdown(board(run))


def test_the_page_links_a_cell_with_its_cause(load):
    page = reports.render_scoreboard([load(TORCH)])
    assert 'href="#cause-1"' in page
    assert '<li id="cause-1">cropped on the wrong side</li>' in page


def test_a_run_is_listed_with_its_ways(load):
    page = reports.render_scoreboard([load(TORCH), load(JAX)])
    assert "torch (natural, exact): profile" in page
    assert "jax (exact): profile" in page


def test_hostile_texts_stay_texts(load):
    run = run_of(HOSTILE, aspects=(("exact", HOSTILE, 0, 1, HOSTILE),), package=HOSTILE)
    assert "img" not in Reader(reports.render_scoreboard([load(run)])).tags


def test_one_cause_is_listed_once_however_many_numbers_it_shows_in(board):
    text = "output[0, {}] should be exactly 6, got {}; 4 of 8 elements are wrong"
    aspects = [
        ("exact", name, 0, 5, text.format(place, 7 + place))
        for place, name in enumerate(("kernel ≥ stride", "dilation"))
    ]
    assert board(run_of("mine", modes=("exact",), aspects=aspects)).causes == (text.format(0, 7),)


def test_a_cause_is_told_as_its_finding_tells_it(board):
    head, foot = run_of("mine", aspects=[("eager", "dilation", 0, 5, "wrong")], modes=("eager",))
    finding = sample.finding(message="wrong", diagnosis="looks like the right result times 2")
    assert board([head, finding, foot]).causes == ("Looks like the right result times 2",)


def test_a_known_mistake_is_told_before_its_name(board):
    head, foot = run_of("mine", aspects=[("eager", "dilation", 0, 5, "wrong")], modes=("eager",))
    finding = sample.finding(
        message="wrong", diagnosis="equals the known mistake M02: the wrong side is cropped"
    )
    assert board([head, finding, foot]).causes == (
        "The wrong side is cropped (equals the known mistake M02)",
    )


def test_of_two_causes_with_words_of_one_kind_each_has_its_own(board):
    texts = [f"expected dtype {name}, got float32" for name in ("float16", "float64")]
    aspects = [("eager", name, 0, 5, text) for name, text in zip(("refusals", "float64"), texts)]
    head, foot = run_of("mine", aspects=aspects, modes=("eager",))
    findings = [
        sample.finding(clause, message=text, diagnosis=f"looks like {word}")
        for clause, text, word in zip(("DTYPE-01", "DTYPE-02"), texts, ("a cast", "another one"))
    ]
    found = board([head, *findings, foot])
    assert found.causes == ("Looks like a cast", "Looks like another one")


def test_sides_that_are_too_long_are_one_cause_and_short_ones_another(board):
    texts = (
        "height should be 7, it is 9",
        "width should be 4, it is 5",
        "width should be 4, it is 3",
    )
    aspects = [
        ("eager", f"aspect {n}", 0, 5, f"the output's {text}") for n, text in enumerate(texts)
    ]
    found = board(run_of("mine", aspects=aspects, modes=("eager",))).causes
    assert found == tuple(f"the output's {text}" for text in (texts[0], texts[2]))


def test_ways_in_runs_of_their_own_share_their_causes(board):
    text = "expected shape (1, {}, 2), got (1, 9, 2)"
    runs = [
        run_of("mine", modes=(mode,), aspects=[(mode, "empty sizes", 0, 5, text.format(place))])
        for place, mode in enumerate(("natural", "exact"))
    ]
    assert board(*runs).causes == (text.format(0),)


def test_what_the_only_cause_of_a_subject_blocks_is_that_cause(board):
    aspects = [
        ("eager", "dilation", 0, 5, "wrong thing"),
        ("eager", "empty sizes", 1, 2, "inf, got -inf"),
    ]
    head, foot = run_of("mine", aspects=aspects, modes=("eager",))
    finding = sample.finding(message="wrong thing", diagnosis=None)
    assert board([head, finding, foot]).causes == ("Wrong thing",)


def test_ways_of_calling_are_told_where_there_are_several(load):
    def headline(*runs):
        page = reports.render_scoreboard([load(run) for run in runs])
        return page.partition('<h1 id="verdict">')[2].partition("</h1>")[0]

    assert headline(JAX) == "1 implementation: 1 right in every case"
    assert headline(TORCH) == "1 implementation, called in 2 ways: 1 right in every case"
