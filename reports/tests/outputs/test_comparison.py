import re

import pytest

import reports
from reports.tests import sample
from reports.tests.outputs.test_page import HOSTILE, Reader, hostile, mini
from reports.views import changes

NUMERICS = {"subject": "mine", "mode": "eager", "dtype": "float32", "share": 0.5, "counts": [1]}


@pytest.fixture
def kinds(load):
    """The kinds of change between two records of few lines."""
    return lambda old, new: [change.kind for change in changes.compare(load(old), load(new))]


def one(status, **changes):
    return mini(sample.verdict("PAD-01", status=status, **changes))


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("pass", "fail", "broke"),
        ("not-run", "error", "broke"),
        ("pass", "stale-excuse", "broke"),
        ("pass", "not-run", "lost"),
        ("pass", "unsupported", "lost"),
        ("pass", "harness-error", "lost"),
        ("pass", "from-the-future", "lost"),
        ("fail", "pass", "mended"),
        ("error", "excused", "mended"),
        ("pass", "excused", "changed"),
        ("fail", "not-run", "changed"),
        ("fail", "error", "changed"),
        ("unsupported", "pass", "changed"),
    ],
)
def test_a_verdict_that_changes_has_a_kind(kinds, old, new, kind):
    assert kinds(one(old), one(new)) == [kind]


@pytest.mark.parametrize("status", ["pass", "fail", "not-run"])
def test_a_verdict_that_stays_is_no_change(kinds, status):
    assert kinds(one(status), one(status)) == []


def test_a_worker_that_gives_up_loses_what_passed(kinds):
    reason = "not every case was run: 61 seconds were lost"
    assert kinds(one("pass"), one("not-run", reason=reason)) == ["lost"]


def test_a_clause_that_the_new_run_was_not_told_to_judge_is_not_lost(kinds):
    old = mini(sample.verdict("PAD-01"), sample.verdict("PAD-02"), clauses=("PAD-01", "PAD-02"))
    assert kinds(old, one("pass")) == ["changed"]


def test_the_page_counts_what_one_run_was_not_told_to_judge(load):
    old = load(
        mini(sample.verdict("PAD-01"), sample.verdict("PAD-02"), clauses=("PAD-01", "PAD-02"))
    )
    page = reports.render_comparison(old, load(one("pass")))
    assert "judged before only: 1 clause: PAD-02" in page
    assert "<title>Conv2DTranspose: No verdict has changed</title>" in page


def failing(message):
    return mini(sample.verdict("PAD-01", status="fail"), sample.finding(message=message))


def test_another_message_is_a_change(kinds):
    assert kinds(failing("off by one"), failing("off by two")) == ["message"]


@pytest.mark.parametrize(("case", "kinds_of"), [("c-1", ["message"]), ("c-2", [])])
def test_other_numbers_are_a_change_where_the_case_is_the_same(kinds, case, kinds_of):
    def run(name, number):
        found = sample.finding(message=f"should be 9, got {number}")
        found["case"] = {**found["case"], "id": name}
        return mini(sample.verdict("PAD-01", status="fail"), found)

    assert kinds(run("c-1", 3), run(case, 4)) == kinds_of


def test_the_same_message_is_none(kinds):
    assert kinds(failing("off by one"), failing("off by one")) == []


def test_what_broke_and_what_is_lost_come_first(kinds):
    clauses = ("PAD-01", "PAD-02", "PAD-03")

    def run(*statuses):
        lines = [sample.verdict(c, status=s) for c, s in zip(clauses, statuses)]
        return mini(*lines, clauses=clauses)

    assert kinds(run("fail", "pass", "pass"), run("pass", "unsupported", "fail")) == [
        "broke", "lost", "mended"
    ]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "drifts"), [(3, 9, 1), (9, 3, 1), (3, 4, 0), (0, 3, 0)])
def test_precision_drifts_where_it_at_least_doubles_or_halves(load, old, new, drifts):
    before, after = (
        load(mini(sample.verdict("PAD-01"), numerics=[{**NUMERICS, "worst": worst}]))
        for worst in (old, new)
    )
    assert len(changes.precision(before, after)) == drifts


def headline(old, new):
    found = re.search(r"<title>Conv2DTranspose: (.*?)</title>", reports.render_comparison(old, new))
    return found.group(1)


def test_the_page_says_what_changed(load):
    assert headline(load(one("pass")), load(one("fail"))) == "Newly failing: 1"


def test_the_page_says_that_nothing_changed(load):
    assert headline(load(one("pass")), load(one("pass"))) == "No verdict has changed"


def test_the_page_says_that_nothing_broke(load):
    title = headline(load(one("fail")), load(one("pass")))
    assert title == "Nothing broke, nothing is lost, Newly passing: 1"


def judged(*subjects):
    """A record in which each of some subjects passes a clause."""
    named = [{**sample.SUBJECTS[-1], "name": name} for name in subjects]
    return mini(*(sample.verdict("PAD-01", subject=name) for name in subjects), subjects=named)


def test_a_subject_that_one_run_has_alone_is_told_in_one_line(load):
    page = reports.render_comparison(load(judged("a", "b", "mine")), load(judged("mine", "c")))
    assert "Gone judged before only: a, b New judged now only: c" in Reader(page).text
    assert 'id="changed"' not in page


def test_runs_of_different_subjects_are_not_told_to_agree(load):
    title = headline(load(judged("a", "b")), load(judged("c", "d")))
    assert title == "No subject is in both runs"


def test_a_new_subject_that_fails_is_newly_failing(load):
    now = judged("mine", "c")
    now[2]["status"] = "fail"
    assert headline(load(judged("mine", "b")), load(now)) == "Newly failing: 1"


def test_the_page_shows_why_a_clause_newly_fails(load):
    broken = mini(
        sample.verdict("PAD-01", status="fail"), sample.finding(diagnosis="crops wrongly")
    )
    reader = Reader(reports.render_comparison(load(one("pass")), load(broken)))
    assert "Why Crops wrongly (PAD-01)" in reader.text


def test_a_page_on_which_nothing_newly_fails_gives_no_reason(load):
    text = reports.render_comparison(load(failing("off")), load(failing("off")))
    assert 'id="why"' not in text


def test_the_page_shows_both_messages(load):
    text = Reader(reports.render_comparison(load(failing("by one")), load(failing("by two")))).text
    assert "by two before: by one" in text


def test_a_hostile_record_stays_text(load):
    attacked = load([hostile(line) for line in one("fail")])
    reader = Reader(reports.render_comparison(load(one("pass")), attacked))
    assert {"img", "iframe"} & set(reader.tags) == set()
    assert "<img src=x onerror=alert(1)>" in HOSTILE


def test_the_page_is_written(load, tmp_path):
    reports.write_comparison(load(one("pass")), load(one("fail")), tmp_path / "c.html")
    assert (tmp_path / "c.html").read_text("utf-8").endswith("</html>\n")
