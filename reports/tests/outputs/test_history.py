import attrs
import pytest

import reports
from reports.outputs import history
from reports.tests import sample
from reports.tests.outputs.test_page import Reader, hostile, mini


@pytest.fixture
def run(load):
    """A run of one clause on one day."""

    def make(status="pass", day=1, **changes):
        record = load(mini(sample.verdict("PAD-01", status=status), **changes))
        started = f"2026-11-{day:02}T08:00:00+00:00"
        return attrs.evolve(record, header=attrs.evolve(record.header, started=started))

    return make


def test_runs_of_a_subject_are_one_series_oldest_first(run):
    (trend,) = history.trends([run(day=3), run(day=1), run(day=2)])
    assert [point.record.header.started[8:10] for point in trend.points] == ["01", "02", "03"]


def test_another_scope_is_another_series(run):
    whole = run()
    part = attrs.evolve(whole, header=attrs.evolve(whole.header, clauses_in_all=145))
    assert [trend.scope for trend in history.trends([whole, part])] == [
        "profile core, 1 clause", "profile core, 1 of 145 clauses"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        ("pass", "fail", "newly failing: PAD-01"),
        ("fail", "pass", "newly passing: PAD-01"),
        ("pass", "pass", "as before"),
        ("pass", "unsupported", "lost: PAD-01"),
    ],
)
def test_a_series_says_what_the_newest_run_changed(run, before, now, change):
    (trend,) = history.trends([run(before, 1), run(now, 2)])
    assert trend.change == change


def test_a_series_says_that_it_became_less_precise(run):
    one = {"subject": "mine", "mode": "eager", "dtype": "float32", "share": 0.5, "counts": [1]}
    runs = [run(day=day, numerics=[{**one, "worst": worst}]) for day, worst in ((1, 3), (2, 9))]
    (trend,) = history.trends(runs)
    assert trend.change == "less precise in float32 (3 before, 9 now)"


def test_two_runs_are_compared_once_for_all_their_subjects(load, monkeypatch):
    runs = [load(sample.crowd(8)), load(sample.crowd(8))]
    asked = []
    monkeypatch.setattr(history, "compare", lambda *pair: asked.append(pair) or [])
    assert (len(history.trends(runs)), len(asked)) == (8, 1)


def test_a_first_run_has_nothing_before_it(run):
    assert history.trends([run()])[0].change == "first run"


@pytest.mark.parametrize(("status", "badge"), [("pass", "1/1"), ("fail", "0/1")])
def test_a_badge_counts_what_passes(run, status, badge):
    assert f'aria-label="Conv2DTranspose: {badge}"' in history.trends([run(status)])[0].badge


def test_the_index_says_how_many_conform(run):
    text = Reader(reports.render_index([run("pass", 1), run("fail", 2)])).text
    assert "mine did not conform in its newest run" in text


def test_runs_of_one_minute_are_told_apart_in_the_index(run):
    assert "1 November 2026, 08:00:00 UTC" in Reader(reports.render_index([run()])).text


def test_the_index_counts_what_was_judged(load):
    lines = (sample.verdict("PAD-01"), sample.verdict("PAD-02", status="unsupported"))
    record = load(mini(*lines, clauses=("PAD-01", "PAD-02")))
    text = Reader(reports.render_index([record])).text
    assert ("1 of 1 clause judged" in text, "1 of 2" in text) == (True, False)


def test_the_index_links_to_the_pages_that_are_there(run, tmp_path):
    record = run()
    (tmp_path / "index.html").write_text("page", "utf-8")
    reports.write_index([record], tmp_path / "history.html")
    assert '<a href="index.html">' in (tmp_path / "history.html").read_text("utf-8")


def test_the_index_links_to_no_page_that_is_missing(run, tmp_path):
    reports.write_index([run()], tmp_path / "history.html")
    assert '<a href="index.html">' not in (tmp_path / "history.html").read_text("utf-8")


def test_an_index_of_nothing_is_refused():
    with pytest.raises(ValueError, match="an index needs at least one record"):
        reports.render_index([])


def test_a_hostile_record_stays_text(load):
    attacked = load([hostile(line) for line in sample.record()])
    assert {"img", "iframe"} & set(Reader(reports.render_index([attacked])).tags) == set()
