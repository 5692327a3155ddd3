import base64
import re
import zlib
from html.parser import HTMLParser

import pytest

import reports
from reports.tests import sample
from reports.views import cases

HOSTILE = "</script></style></svg>--><img src=x onerror=alert(1)>\"'`&{{7*7}}<b>\u202e\x00"


def unpacked(text):
    """Return what the script makes of a packed part."""
    return zlib.decompress(base64.b64decode(text)).decode()


class Reader(HTMLParser):
    """Collects tags, attributes, ids and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.texts = []
        self.by_class = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "data-packed":  # what the script will put there
                inner = Reader(unpacked(value))
                self.tags += inner.tags
                self.attributes += inner.attributes
                self.texts += inner.texts
            else:
                self.attributes.append((tag, name, value or ""))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def hostile(data):
    """Replace every text of a record's line that a person reads."""
    keys = {"kind", "status", "dtype", "base64", "do", "agreement"}
    if isinstance(data, dict):
        return {
            (f"{key}{HOSTILE}" if owner_is_free(key, value) else key): (
                value if key in keys else hostile(value)
            )
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [hostile(item) for item in data]
    return HOSTILE if isinstance(data, str) else data


def owner_is_free(key, value):
    return key in {"filters", "TF_ENABLE_ONEDNN_OPTS", "hypothesis", "scipy"}


def mini(*lines, clauses=("PAD-01",), subjects=None, **changes):
    """A record with few clauses and one subject."""
    chosen = [sample.clause(row) for row in sample.CLAUSES if row[0] in clauses]
    mine = [sample.SUBJECTS[-1]] if subjects is None else subjects
    return [sample.header(clauses=chosen, subjects=mine), *lines, sample.footer(**changes)]


def headline(text):
    found = re.search(r"<title>Conv2DTranspose conformance: (.*?)</title>", text)
    return found.group(1)


def test_every_clause_is_on_the_page(page):
    ids = Reader(page(sample.record())).values("id")
    assert [row[0] for row in sample.CLAUSES if ids.count(row[0]) != 1] == []


def test_no_id_is_used_twice(page):
    ids = Reader(page(sample.record())).values("id")
    assert sorted(set(ids)) == sorted(ids)


def test_every_link_leads_somewhere(page):
    reader = Reader(page(sample.record()))
    targets = {f"#{name}" for name in reader.values("id")}
    assert set(reader.values("href")) - targets == set()


def test_clauses_are_grouped_by_chapter_in_the_page_order(page):
    text = page(sample.record())
    chapters = re.findall(r'<tbody role="rowgroup" data-chapter="(\w+)"', text)
    assert chapters == [
        "shapes", "padding", "formats", "dtypes", "values", "bias", "activations", "losses",
        "constraints", "gradients", "attributes", "migration", "lifecycle", "corpus",
    ]  # fmt: skip


def test_an_unknown_chapter_comes_last(page):
    clauses = [sample.clause(row) for row in sample.CLAUSES[:2]]
    clauses[0]["chapter"] = "weather"
    text = page([sample.header(clauses=clauses), sample.footer()])
    assert re.findall(r'data-chapter="(\w+)"', text) == ["shapes", "weather"]


def test_the_verdict_is_a_sentence(page):
    assert headline(page(sample.record())) == (
        "mine breaks 4 of 34 clauses judged (2 unsupported, 1 not run); "
        "reference and fast conform to all 37 clauses; "
        "tensorflow 2.15.1 conforms to 36 of 37 clauses (1 excused)"
    )


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("pass", "mine conforms to the one clause"),
        ("fail", "mine breaks the one clause"),
        ("error", "mine breaks the one clause"),
        ("stale-excuse", "mine breaks the one clause"),
        ("unsupported", "mine supports none of the clauses"),
        ("not-run", "mine was checked against none of the clauses"),
        ("from-the-future", "mine was checked against none of the clauses"),
        ("excused", "mine meets none of the clauses (1 excused)"),
    ],
)
def test_the_verdict_says_what_one_status_means(page, status, sentence):
    assert headline(page(mini(sample.verdict("PAD-01", status=status)))) == sentence


def test_a_clause_that_breaks_in_one_mode_is_broken(page):
    modes = [dict(sample.SUBJECTS[-1], mode=mode) for mode in ("eager", "graph")]
    lines = [
        sample.verdict("PAD-01", mode="eager"),
        sample.verdict("PAD-01", mode="graph", status="fail"),
        sample.verdict("PAD-02", mode="eager"),
        sample.verdict("PAD-02", mode="graph"),
    ]
    text = page(mini(*lines, clauses=("PAD-01", "PAD-02"), subjects=modes))
    assert headline(text) == "mine breaks 1 of 2 clauses in graph mode"


def test_a_clause_without_a_verdict_is_not_run(page):
    assert headline(page(mini())) == "mine was checked against none of the clauses"


def test_a_run_without_clauses_says_so(page):
    assert headline(page(mini(clauses=()))) == "nothing was checked"


def test_a_run_without_subjects_says_so(page):
    assert headline(page(mini(subjects=[]))) == "nothing was checked"


def test_cards_count_by_status(page):
    reader = Reader(page(sample.record()))
    assert (
        "mine eager 30 of 34 clauses judged pass 2 fail 1 error 1 stale-excuse 1 not-run "
        "2 unsupported 30 pass"
    ) in reader.text


def test_the_worst_of_two_verdicts_counts(page):
    lines = [sample.verdict("PAD-01"), sample.verdict("PAD-01", status="fail")]
    assert headline(page(mini(*lines))) == "mine breaks the one clause"


def test_a_cell_has_symbol_status_and_cases(page):
    text = page(mini(sample.verdict("PAD-01", status="pass", examples=83)))
    cell = re.search(r'<td role="cell"><span class="cell.*?</td>', text, re.DOTALL).group()
    assert ('aria-label="pass"' in cell, Reader(cell).text) == (True, "mine eager 83")


def test_a_status_of_a_later_version_is_shown_and_is_no_pass(page):
    text = page(mini(sample.verdict("PAD-01", status="from-the-future")))
    assert "from-the-future" in Reader(text).text
    assert "card-pass" not in re.findall(r'<article class="card ([\w-]+)"', text)


def test_a_failing_cell_leads_to_its_finding(page):
    lines = [sample.verdict("PAD-01", status="fail"), sample.finding()]
    assert '<a class="cell cell-fail" href="#finding-1">' in page(mini(*lines))


def test_reasons_are_shown(page):
    line = sample.verdict("PAD-01", status="unsupported", reason="no graph mode here")
    assert "no graph mode here" in Reader(page(mini(line))).text


def test_verdicts_of_unannounced_clauses_and_subjects_are_shown(page):
    text = page(mini(sample.verdict("NEW-01", "other", "graph", status="fail")))
    assert 'id="NEW-01"' in text
    assert "other breaks the one clause judged (1 not run)" in headline(text)


def test_an_interrupted_run_has_a_banner(page):
    lines = mini(sample.verdict("PAD-01"), complete=False, reason="interrupted", exit_status=None)
    told = "This run is unfinished (interrupted): 1 of 1 clauses judged."
    assert told in Reader(page(lines)).text


def test_a_complete_run_has_no_banner(page):
    assert 'class="banner"' not in page(sample.record())


def test_a_run_without_findings_has_no_chapter_of_findings(page):
    assert 'id="findings"' not in page(sample.record(with_findings=False))


def test_findings_without_verdicts_are_shown(page):
    text = page([sample.header(), sample.finding(), sample.footer()])
    assert "equals M02: SAME cropped on the wrong side" in Reader(text).text


def test_a_finding_shows_message_case_and_script(page):
    text = Reader(page(sample.record())).text
    missing = [
        part
        for part in (
            "most of its elements stand in the wrong place",
            "wrong in 41 of 83 cases",
            "kernel_size (4, 3)",
            "set weights: kernel float32 (4, 3, 3, 2), bias float32 (3,)",
            "call on float32 (2, 3, 4, 2) (this step)",
            "from my_layer import MyConv2DTranspose",
            "IndexError from the call: tuple index out of range",
        )
        if part not in text
    ]
    assert missing == []


def test_findings_with_one_cause_are_told_once(page):
    lines = [sample.error_finding(), *(sample.finding() for _ in range(4))]
    text = page(mini(*lines))
    assert re.findall(r'<h3 id="cause-title-\d+">(.*?)</h3>', text) == [
        "Equals M02: SAME cropped on the wrong side",
        "Inputs of rank 3 must be refused with a ValueError.",
    ]


def test_a_card_does_not_repeat_the_sentence_that_it_is_called(page):
    message = "the output's height should be 1, it is 2"
    text = Reader(page(mini(sample.finding(diagnosis=None, message=message)))).text
    card = text[text.index("What is wrong") :]
    assert card[: card.index("The case")].lower().count(message) == 1


def test_what_else_a_cause_breaks_is_folded_under_it(page):
    lines = [sample.finding(), sample.finding("PAD-02")]
    folded = re.search(r'<details class="others">.*?</summary>', page(mini(*lines)), re.DOTALL)
    assert Reader(folded.group()).text == "Also breaks 1 clause: PAD-02"


def test_the_clauses_of_a_cause_are_named_in_the_page_s_order(page):
    lines = [sample.finding("PAD-02", shrunk=True), sample.finding(shrunk=False)]
    text = Reader(page(mini(*lines))).text
    assert "Also breaks 1 clause: PAD-01" in text  # the smaller case is shown
    assert "( PAD-01 and PAD-02 )" in text


def test_many_steps_after_the_one_that_is_wrong_are_folded(page):
    line = sample.finding()
    line["case"]["steps"] += [
        {"do": "losses"},
        {"do": "count_params"},
    ]  # there is one after it already
    text = page(mini(line))
    assert text.count("<summary>3 later steps</summary>") == 1
    assert '<ol class="steps" start="4">' in text


def test_a_case_that_shows_several_findings_is_shown_once(page):
    text = page(mini(sample.finding(), sample.finding("PAD-02")))
    assert "The same case as that of PAD-01 ." in Reader(text).text
    assert text.count("from my_layer import") == 2  # the script, and the bug report


def test_failing_subjects_come_before_passing_ones(page):
    text = page(sample.record())
    assert re.findall(r'<article class="card card-(\w+)"', text) == ["fail"] + ["pass"] * 4


def test_an_excused_finding_is_shown_as_excused_with_its_reason(page):
    verdict = sample.verdict("PAD-01", status="excused", reason="excused: see our issue 7")
    text = page(mini(verdict, sample.finding()))
    assert "What is wrong" not in text
    found = re.search(r'<details class="finding finding-excused".*?</details>', text, re.DOTALL)
    assert "Excused excused: see our issue 7" in Reader(found.group()).text


GAVE_UP = "not every case was run: 61 seconds were lost on crashes of the process before"


def test_a_mode_whose_worker_gave_up_is_not_green(page):
    lines = [
        sample.verdict("PAD-01"),
        sample.verdict("PAD-02", status="not-run", reason=GAVE_UP),
    ]
    text = page(mini(*lines, clauses=("PAD-01", "PAD-02")))
    assert headline(text) == "mine was not judged to the end on 1 of 2 clauses"
    assert 'class="card card-gaveup"' in text


def test_a_mode_whose_worker_gave_up_has_a_banner(page):
    text = page(mini(sample.verdict("PAD-01", status="not-run", reason=GAVE_UP)))
    banner = re.search(r'<aside class="banner".*?</aside>', text, re.DOTALL).group()
    assert "61 seconds were lost on crashes" in Reader(banner).text


def test_modes_that_gave_up_share_a_banner(page):
    text = page(sample.releases())
    (banner,) = re.findall(r'<aside class="banner".*?</aside>', text, re.DOTALL)
    told = "(eager and graph): 5 clauses undecided (gave-up): the worker crashed"
    assert told in Reader(banner).text


def test_what_another_clause_blocks_is_named_and_has_no_banner(page):
    clauses = ("PAD-01", "SHAPE-01", "PAD-02", "PAD-03")
    lines = mini(
        *(sample.verdict(clause, status="fail") for clause in clauses[:2]),
        *(
            sample.verdict(blocked, status="blocked", blocked_by=[by])
            for by, blocked in zip(clauses, clauses[2:])
        ),
        sample.finding(),
        clauses=clauses,
    )
    text = page(lines)
    told = "Undecided mine: PAD-02 and PAD-03 cannot be judged until PAD-01 and SHAPE-01 pass"
    assert ('class="banner"' in text, told in Reader(text).text) == (
        False,
        True,
    )


def test_the_head_of_the_page_names_the_cause(page):
    text = Reader(page(mini(sample.verdict("PAD-01", status="fail"), sample.finding()))).text
    assert "Why Equals M02: SAME cropped on the wrong side ( PAD-01 )" in text


def test_a_card_counts_what_was_judged_to_the_end(page):
    text = Reader(page(sample.releases())).text
    assert "32 of 32 clauses judged pass" in text


@pytest.mark.parametrize("status", ["harness-error", "gave-up"])
def test_what_could_not_be_judged_is_not_green(page, status):
    text = page(mini(sample.verdict("PAD-01", status=status)))
    assert headline(text) == "mine was not judged to the end on the one clause"


NO_CASE = "no case in this run exercises this clause in this mode"


def test_clauses_count_against_those_that_apply(page):
    lines = [
        sample.verdict("PAD-01"),
        sample.verdict("PAD-02"),
        sample.verdict("PAD-03", status="not-run", reason=NO_CASE),
    ]
    text = page(mini(*lines, clauses=("PAD-01", "PAD-02", "PAD-03")))
    assert headline(text) == "mine conforms to all 2 clauses that apply (1 not applicable)"
    assert "2 of 2 clauses judged pass" in Reader(text).text


def test_a_partial_layer_that_is_right_is_green(page):
    lines = [sample.verdict("PAD-01"), sample.verdict("PAD-02", status="unsupported")]
    text = page(mini(*lines, clauses=("PAD-01", "PAD-02")))
    assert headline(text) == "mine conforms to the one clause that it supports (1 unsupported)"
    assert 'class="part part-pass"' in text


def test_a_part_of_the_clauses_is_not_green(page):
    lines = mini(sample.verdict("PAD-01"))
    lines[0]["clauses_in_all"] = 145
    text = page(lines)
    assert headline(text) == "mine meets the one clause (1 of 145 clauses selected)"
    assert 'class="part part-some"' in text


def test_a_literal_is_spelled_as_it_stands(page):
    line = sample.finding()
    line["case"]["arguments"]["kernel_size"] = {"literal": "np.int32(3)"}
    assert "kernel_size np.int32(3)" in Reader(page(mini(line))).text


@pytest.mark.parametrize(
    ("name", "value"),
    [("trainable", 1), ("strides", [True, True]), ("use_bias", 1), ("strides", [1.0, 1.0])],
)
def test_a_value_that_only_equals_the_default_is_shown(name, value):
    assert not cases.arguments({"arguments": {name: value}})[0].is_default


@pytest.mark.parametrize(("name", "value"), [("trainable", True), ("strides", [1, 1])])
def test_a_default_is_known_as_one(name, value):
    assert cases.arguments({"arguments": {name: value}})[0].is_default


def measured(*clauses):
    """A measurement with a mistake for each clause."""
    mistakes = [
        {"id": f"M7{place}", "chapter": "c", "text": "crops too much", "source": "s", "caught": 1,
         "clauses": {clause: 1}}
        for place, clause in enumerate(clauses)
    ]  # fmt: skip
    measurement = {"format": 1, "tool": {}, "seeds": 1, "mistakes": mistakes}
    return {"kind": "strength", "measurement": measurement}


def test_a_clause_names_the_known_mistakes_it_catches(page):
    lines = mini(sample.verdict("PAD-01"))
    lines.insert(1, measured("PAD-01"))
    assert "Catches 1 known mistake M70 crops too much" in Reader(page(lines)).text


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        ("core", "measured beforehand, not by this run: "),
        ("smoke", "measured beforehand, with profile core, which tries more than this run\u2019s smoke: "),
        ("deep", "measured beforehand, with profile core, not this run\u2019s deep: "),
    ],
)  # fmt: skip
def test_the_strength_of_another_profile_is_told_as_such(page, profile, told):
    header, *lines = mini(sample.verdict("PAD-01"))
    strength = measured("PAD-01")
    strength["measurement"]["profile"] = "core"
    assert told in Reader(page([{**header, "profile": profile}, strength, *lines])).text


def test_mistakes_in_what_a_layer_was_not_judged_on_are_told_apart(page):
    lines = mini(sample.verdict("PAD-01"), sample.verdict("PAD-02", status="unsupported"))
    lines.insert(1, measured("PAD-01", "PAD-02", "ACT-01"))
    told = "3 known mistakes are caught with every seed; 1 of them concern clauses that were judged here"
    assert told in Reader(page(lines)).text


def test_an_error_where_none_was_expected_says_so(page):
    line = sample.error_finding() | {"expected": None}
    assert "expected no error got IndexError from the call" in Reader(page(mini(line))).text


def test_a_clause_that_cannot_be_tested_says_why(page):
    clause = sample.clause(sample.CLAUSES[0]) | {"untestable": "No run can show that."}
    text = Reader(page([sample.header(clauses=[clause]), sample.footer()])).text
    assert "Cannot be tested No run can show that." in text


def test_a_subject_that_was_checked_against_little_is_not_green(page):
    lines = mini(sample.verdict("PAD-01"), clauses=("PAD-01", "PAD-02", "PAD-03"))
    text = page(lines)
    assert headline(text) == "mine conforms to the one clause checked (of 3: 2 not run)"
    assert 'class="part part-notrun"' in text


def test_a_subject_that_passed_before_an_interrupt_is_not_green(page):
    lines = mini(sample.verdict("PAD-01"), clauses=("PAD-01", "PAD-02"), complete=False)
    assert 'class="part part-notrun"' in page(lines)


def two_findings():
    """Two findings with one cause, on cases of their own."""
    other = sample.finding()
    other["case"] = {**other["case"], "id": "c-2"}
    return mini(sample.finding(), other)


def test_the_smallest_case_of_a_cause_is_drawn_in_the_page_and_the_others_are_packed(page):
    text = page(two_findings())
    assert (text.count('class="stamp"'), text.count("data-packed=")) == (0, 1)


def test_a_packed_finding_has_the_pictures_that_one_in_the_page_has(page):
    first, second = (text.split("<svg")[1:] for text in drawings(page(two_findings())))
    assert (len(second), second) == (5, first)


def drawings(text):
    """What is drawn of the cause's own finding, and of the packed one."""
    (packed,) = re.findall('data-packed="([^"]*)"', text)
    (plain,) = re.findall(r'<div class="seen">(.*?)</div>\n<div class="case">', text, re.DOTALL)
    plain = plain[plain.index('<div class="panels">') :]
    return plain.strip(), unpacked(packed).strip()


def test_causes_are_packed_once_the_page_has_its_pictures(page, monkeypatch):
    monkeypatch.setattr("reports.views.findings.PICTURE_BUDGET", 0)
    assert 'class="map"' not in page(mini(sample.finding()))


def _of_causes(count, subject="fast"):
    return [
        sample.finding(
            clause, diagnosis=f"equals the known mistake M{n}: no", failures=99 - n, subject=subject
        )
        for n, clause in enumerate(("SHAPE-01", "PAD-01", "PAD-02", "VAL-01", "BIAS-01")[:count])
    ]


def test_three_causes_of_a_subject_are_shown_and_the_others_folded_under_one_line(page):
    text = page([sample.header(), *_of_causes(5), sample.footer()])
    shown, _, folded = text.partition('<details class="others rest">')
    line, _, cards = folded.partition("</summary>")
    told = " ".join(Reader(line).text.split())
    assert told == "2 more causes of fast break VAL-01 (numbers), BIAS-01 (layer)"
    assert re.findall(r'id="cause-(\d)"', shown) == ["1", "2", "3"]
    assert re.findall(r'id="cause-(\d)"', cards) == ["4", "5"]


def test_three_causes_of_each_subject_are_shown(page):
    text = page([sample.header(), *_of_causes(3), *_of_causes(3, "tensorflow"), sample.footer()])
    assert (text.count('<article class="cause '), "others rest" in text) == (6, False)


def test_pictures_stop_before_the_page_grows_without_bounds(page, monkeypatch):
    monkeypatch.setattr("reports.views.findings.PACKED_BUDGET", 0)
    text = page(two_findings())
    assert text.count("No pictures: the findings before this one fill the page.") == 2


def test_a_clause_whose_further_cases_another_one_explains_says_so(page):
    line = sample.verdict("PAD-02", status="fail", examples=1, blocked_by=["PAD-01"])
    text = Reader(page(mini(line, sample.finding("PAD-02"), clauses=("PAD-02",)))).text
    assert text.count("Cases that fail because of PAD-01 are counted there, not here.") == 2


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        ({}, "call the method count_params()"),
        ({"arguments": [], "keywords": {}}, "call the method count_params()"),
        (
            {"arguments": [1, "x"], "keywords": {"y": None}},
            "call the method count_params(1, 'x', y=None)",
        ),
    ],
)
def test_the_call_of_a_method_is_told_as_python_spells_it(passed, told):
    step = {"do": "invoke", "method": "count_params", **passed}
    assert cases.steps({"steps": [step]}, 0)[0].text == told


def test_the_bar_of_a_subject_begins_with_what_passes(page):
    lines = [
        sample.verdict("PAD-01", status="fail"),
        sample.verdict("PAD-02"),
        sample.verdict("FMT-01", status="not-applicable"),
    ]
    text = page(mini(*lines, clauses=("PAD-01", "PAD-02", "FMT-01")))
    bar = text.partition('<svg class="share"')[2].partition("</svg>")[0]
    assert re.findall('class="f-([a-z]+)"', bar) == ["pass", "fail", "none"]


def test_the_causes_stand_above_the_table_of_scopes(page):
    text = page(sample.record())
    assert text.index("<b>Why</b>") < text.index('aria-label="Scopes"')


def test_the_mutation_score_has_its_interval(page):
    line = measured("PAD-01")
    line["measurement"]["mutants"] = {
        "mutants": 9,
        "killed": 6,
        "equivalent": 1,
        "low": 0.401,
        "high": 0.93,
    }
    text = Reader(page([*mini(sample.verdict("PAD-01"))[:2], line, sample.footer()])).text
    assert "of 8 random changes of right code 75 % (95 % interval 40 to 93 %)" in text


def test_a_measurement_without_mutants_has_no_score(page):
    text = Reader(
        page([*mini(sample.verdict("PAD-01"))[:2], measured("PAD-01"), sample.footer()])
    ).text
    assert "mutant" not in text


def test_the_scopes_are_a_table_of_counts(page):
    lines = mini(
        sample.verdict("PAD-01", status="fail"),
        sample.verdict("PAD-02"),
        sample.verdict("PAD-03", status="unsupported"),
        clauses=("PAD-01", "PAD-02", "PAD-03"),
    )
    for clause in lines[0]["clauses"]:
        clause["scope"] = "numbers"
    assert "mine fails 1 pass, 1 fail, 1 unsupported PAD-01" in Reader(page(lines)).text


def test_the_page_answers_whether_a_subject_may_be_shipped(page):
    lines = mini(sample.verdict("PAD-01", status="fail"), sample.finding())
    told = "May I ship mine? No , not for numbers (1 cause breaks 1 clause)."
    assert told in Reader(page(lines)).text


def test_a_selection_of_clauses_is_no_ground_to_ship(page):
    lines = mini(sample.verdict("PAD-01"))
    lines[0]["clauses_in_all"] = 145
    told = "May I ship mine? Not judged for numbers: a selection of clauses was run."
    assert told in Reader(page(lines)).text


def test_a_scope_that_was_judged_in_part_is_not_said_to_conform(page):
    lines = mini(sample.verdict("PAD-01"))
    lines[0]["clauses_in_all"] = 145
    assert "mine what was selected passes 1 pass" in Reader(page(lines)).text


def test_what_has_changed_since_the_run_before_is_told(load):
    before, after = (
        load(mini(sample.verdict("PAD-01", status=status), started="2026-11-22T16:40:00Z"))
        for status in ("pass", "fail")
    )
    text = Reader(reports.render(after, before)).text
    assert "Since the run of 23 November 2026, 16:40 UTC: 1 newly failing ( PAD-01 )" in text


def test_a_run_before_of_other_subjects_tells_nothing(load):
    after = load(mini(sample.verdict("PAD-01")))
    before = load(mini(sample.verdict("PAD-01", "fast"), subjects=[sample.SUBJECTS[1]]))
    assert "there is no earlier run in this folder" in Reader(reports.render(after, before)).text


def test_an_erratum_shows_claim_proof_and_script(page):
    text = Reader(page(sample.record())).text
    missing = [
        part
        for part in (
            "6 sentences of the page are listed as wrong, all proven by this run",
            "tensorflow 2.15.1 graph: differs from the page (12 cases)",
            "Padding evenly would crop as much at the top as at the bottom.",
            "the page says (1, 5, 5, 1) got (1, 10, 10, 1)",
            "layer = tf.compat.v1.layers.Conv2DTranspose(1, 3, strides=2, padding='same')",
        )
        if part not in text
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("claim", "standing"),
    [
        (None, "not asserted in this run"),
        ({"status": "not-run"}, "not asserted in this run"),
        ({"status": "upheld", "examples": 4}, "not reproduced: the sentence held here"),
        ({"status": "contradicted", "examples": 4}, "proven by this run"),
        ({"status": "from-the-future"}, "not asserted in this run"),
    ],
)
def test_an_erratum_says_how_it_stands(page, claim, standing):
    lines = mini(
        sample.verdict("PAD-01", "tensorflow", claim=claim),
        subjects=[sample.SUBJECTS[0], sample.SUBJECTS[2]],
    )
    assert f">{standing}</span>" in page(lines)


def test_only_tensorflow_proves_an_erratum(page):
    claim = sample.claim_for("PAD-01")
    lines = mini(sample.verdict("PAD-01", "reference", claim=claim), subjects=[sample.SUBJECTS[0]])
    text = Reader(page(lines)).text
    assert "seen, but not on TensorFlow: this run had none" in text
    assert "proven by this run" not in text


@pytest.mark.parametrize(("status", "proofs"), [("pass", 1), ("fail", 0)])
def test_without_tensorflow_the_proof_is_of_a_subject_that_passes(page, status, proofs):
    claim = sample.claim_for("PAD-01")
    text = page(mini(sample.verdict("PAD-01", status=status, claim=claim)))
    assert text.count('<div class="proof">') == proofs


def test_the_proof_is_taken_from_tensorflow(page):
    claim = sample.claim_for("PAD-01")
    lines = mini(
        sample.verdict("PAD-01", "reference", claim=claim),
        sample.verdict("PAD-01", "tensorflow@2.9.3", "graph", claim=claim),
        subjects=[sample.SUBJECTS[0]],
    )
    assert "Seen in this run, on tensorflow@2.9.3 graph" in Reader(page(lines)).text


def test_deviations_have_their_reason(page):
    text = Reader(page(sample.record())).text
    assert (
        "Gradients of images without pixels are zeros. TensorFlow reads memory that was never "
        "written, and for k < s the process dies."
    ) in text


def test_the_command_can_be_pasted(page):
    header = sample.header(clauses=[]) | {"command": ["conformance", "run", "--out", "my folder"]}
    text = page([header, sample.footer()])
    assert "conformance run --out 'my folder'" in Reader(text).text


def test_the_same_record_gives_the_same_page(load):
    record = load(sample.record())
    assert reports.render(record) == reports.render(record)


def test_code_between_backticks_is_code(page):
    assert "<code>(k - s) // 2</code>" in page(sample.record())


@pytest.mark.parametrize("with_findings", [True, False])
def test_nothing_is_loaded_from_anywhere(page, with_findings):
    reader = Reader(page(sample.record(with_findings=with_findings)))
    loading = {
        "src",
        "srcset",
        "data",
        "poster",
        "background",
        "action",
        "formaction",
        "xlink:href",
    }
    found = [item for item in reader.attributes if item[1] in loading]
    trackers = re.compile(r"#|https://github\.com/[\w-]+/[\w-]+/issues/new\?")
    links = [value for value in reader.values("href") if not trackers.match(value)]
    assert (found, links, {"link", "iframe", "object", "embed", "img"} & set(reader.tags)) == (
        [],
        [],
        set(),
    )


def test_the_style_loads_nothing(page):
    style = re.search(r"<style>(.*?)</style>", page(mini()), re.DOTALL).group(1)
    assert re.findall(r"@import|url\((?!#)", style) == []


def test_the_policy_allows_our_own_style_and_script_only(page):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page(mini())).group(1)
    assert re.fullmatch(
        r"default-src &#39;none&#39;; style-src &#39;sha256-[\w+/=]+&#39;; "
        r"script-src &#39;sha256-[\w+/=]+&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;",
        policy,
    )


def test_there_are_no_inline_styles_or_handlers_which_the_policy_would_block(page):
    reader = Reader(page(sample.record()))
    assert [name for _, name, _ in reader.attributes if name == "style" or name[:2] == "on"] == []


def test_hostile_texts_stay_texts(page):
    harmless = Reader(page(sample.record()))
    attacked = Reader(page([hostile(line) for line in sample.record()]))
    assert set(attacked.tags) - set(harmless.tags) <= {"wbr"}
    assert {name for _, name, _ in attacked.attributes} <= {
        name for _, name, _ in harmless.attributes
    }
    assert "<img src=x onerror=alert(1)>" in attacked.text


def test_characters_that_nobody_sees_are_made_visible(page):
    text = page(mini(sample.verdict("PAD-01", reason="a\u202eb\x00c\ud800d\re")))
    # A lone surrogate has no text of its own: reading puts another character in its place.
    assert "a\\u202eb\\x00c\ufffdde" in text


def test_text_is_no_template(page):
    assert "{{7*7}}" in page(mini(sample.verdict("PAD-01", reason="{{7*7}}")))


def test_a_typical_page_is_below_a_megabyte(page):
    rows = [(f"{sample.CLAUSES[n % 37][0]}-{n}", *sample.CLAUSES[n % 37][1:]) for n in range(130)]
    lines = [sample.header(clauses=[sample.clause(row) for row in rows])]
    for row in rows:
        for subject in sample.SUBJECTS:
            claim = sample.claim_for("PAD-01") if "erratum" in row[5] else None
            lines.append(sample.verdict(row[0], subject["name"], subject["mode"], claim=claim))
    lines += [sample.finding(rows[n][0]) for n in range(10)]
    assert len(page([*lines, sample.footer()]).encode()) < 1_000_000


def test_of_several_subjects_the_head_tells_a_cause_of_each(page):
    lines = [sample.header(subjects=[{"name": name, "mode": "eager"} for name in ("a", "b")])]
    for name in ("a", "b"):
        for clause, text in (("PAD-01", "first"), ("VAL-01", "second")):
            lines.append(sample.verdict(clause, name, status="fail"))
            found = sample.finding(clause, subject=name, diagnosis=None, message=text)
            lines.append({**found, "case": {**found["case"], "id": f"{name} {text}"}})
    glance = (
        page([*lines, sample.footer()]).partition('<ul class="glance">')[2].partition("</li>")[0]
    )
    assert (glance.count("a: <a"), glance.count("b: <a"), "2 more" in glance) == (1, 1, True)


def test_a_wrong_shape_is_drawn(page):
    case = sample.same_case()[0]
    case = {**case, "arguments": {**case["arguments"], "activation": None}}
    shape = [2, 3, 8, 3]
    wrong = sample.finding("SHAPE-02", case=case, expected=shape, got=[2, 3, 7, 3], index=None)
    assert page(mini(wrong, clauses=("SHAPE-02",))).count('class="stamp"') == 1


def test_a_case_without_evidence_has_no_empty_half(page):
    text = page(mini(sample.finding(expected=None, got=None)))
    assert ('class="seen"' in text, 'class="case"' in text) == (False, True)
