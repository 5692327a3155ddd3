import json
import math

import pytest

import reports
from reports.records import statuses
from reports.tests import sample

LINES = sample.record()


def refusal(path):
    with pytest.raises(reports.RecordError) as caught:
        reports.load(path)
    return str(caught.value)


def refusal_of(lines, tmp_path):
    return refusal(sample.save(lines, tmp_path / "run.jsonl"))


def with_line(place, **changes):
    lines = [dict(line) for line in LINES]
    lines[place].update(changes)
    return lines


def without(place, key):
    lines = [dict(line) for line in LINES]
    del lines[place][key]
    return lines


def test_a_record_is_loaded_whole(load):
    record = load(LINES)
    assert (len(record.header.clauses), len(record.verdicts), len(record.findings)) == (
        len(sample.CLAUSES),
        len(sample.CLAUSES) * len(sample.SUBJECTS),
        3,
    )


def test_the_header_says_what_was_run(load):
    header = load(LINES).header
    assert (header.tool_version, header.profile, header.seed, header.machine.cpus) == (
        "0.1.0",
        "core",
        0,
        2,
    )


def test_a_claim_keeps_its_evidence(load):
    claim = next(line.claim for line in load(LINES).verdicts if line.claim is not None)
    assert (claim.status, claim.evidence.expected) == ("contradicted", [1, 5, 5, 1])


def test_an_interrupted_record_is_a_record(load):
    lines = [*LINES[:-1], sample.footer(complete=False, reason="interrupted")]
    assert load(lines).footer == reports.Footer(
        False, "interrupted", 1, 93.2, sample.footer()["counts"]
    )


def test_fields_of_later_versions_are_no_error(load):
    lines = [{**line, "later": {"field": [1]}} for line in LINES]
    assert len(load(lines).findings) == 3


def test_lines_of_later_kinds_are_kept(load):
    extra = {"kind": "from-the-future", "mistakes": 100}
    assert load([*LINES[:-1], extra, LINES[-1]]).others == (extra,)


def test_blank_lines_are_no_error(load, tmp_path):
    text = "\n\n".join(json.dumps(line) for line in LINES) + "\n\n"
    path = tmp_path / "blank.jsonl"
    path.write_text(text, encoding="utf-8")
    assert len(reports.load(path).findings) == 3


def test_windows_line_ends_are_no_error(tmp_path):
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b"\r\n".join(json.dumps(line).encode() for line in LINES))
    assert len(reports.load(path).findings) == 3


def test_line_separators_inside_a_text_do_not_split_it(load):
    lines = with_line(1, reason="one\u2028two\u0085three")
    assert load(lines).verdicts[0].reason == "one\u2028two\u0085three"


@pytest.mark.parametrize(
    ("text", "number"),
    [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf)],
)
def test_numbers_that_json_lacks_are_texts(load, text, number):
    lines = [LINES[0], sample.finding(scaled_error=text), sample.footer()]
    found = load(lines).findings[0].scaled_error
    assert repr(found) == repr(number)


def test_an_absent_mode_is_no_mode(load):
    lines = [sample.header(subjects=[{"name": "mine"}], clauses=[]), sample.footer()]
    assert load(lines).header.subjects[0].key == ("mine", "")


def test_records_are_frozen(load):
    with pytest.raises(AttributeError):
        load(LINES).footer.complete = False


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "none.jsonl"
    assert refusal(path) == f"{path} cannot be read: No such file or directory."


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_bytes(b"\n \n")
    assert refusal(path) == f"{path} is empty: a record starts with a header line."


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'{"kind": "\xff"}\n')
    assert refusal(path) == f"{path} is not UTF-8 text (byte 10)."


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path):
    path = sample.save(LINES, tmp_path / "run.jsonl")
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    found = reports.load(path)
    assert (len(found.findings), found.footer.complete) == (3, False)


def test_a_bare_nan_is_refused(tmp_path):
    lines = [sample.header(), sample.finding(scaled_error=math.nan), sample.footer()]
    assert "run.jsonl, line 2 is not JSON: NaN is no JSON number." in refusal_of(lines, tmp_path)


def test_endless_nesting_is_refused(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("[" * 200_000, encoding="utf-8")
    assert "run.jsonl, line 1 is not JSON: " in refusal(path)


def test_a_line_that_is_no_object_is_refused(tmp_path):
    text = refusal_of([LINES[0], [1, 2]], tmp_path)
    assert text.endswith("run.jsonl, line 2: every line is a JSON object, not [1, 2].")


def test_a_missing_header_is_refused(tmp_path):
    text = refusal_of(LINES[1:], tmp_path)
    assert text.endswith(
        'run.jsonl, line 1: a record starts with a line of kind "header", not "verdict".'
    )


@pytest.mark.parametrize("version", [2, "1", True, None])
def test_an_unknown_format_is_refused(tmp_path, version):
    text = refusal_of(with_line(0, format=version), tmp_path)
    assert text.endswith(
        f"run.jsonl, line 1: record format {json.dumps(version)} is unknown; "
        "this version reads format 1."
    )


def test_a_record_without_a_footer_is_unfinished(load):
    told = f"unfinished (killed, or still running): {len(sample.CLAUSES) * 5} of {len(sample.CLAUSES) * 5}"
    assert load(LINES[:-1]).unfinished.startswith(told)


def test_a_record_with_its_footer_is_finished(load):
    assert load(LINES).unfinished is None


def test_an_unfinished_record_says_how_far_it_came(load):
    lines = [sample.header(subjects=sample.SUBJECTS[-1:]), sample.verdict("PAD-01")]
    told = f"unfinished (killed, or still running): 1 of {len(sample.CLAUSES)} clauses judged"
    assert load(lines).unfinished == told


def test_the_record_of_a_killed_run_is_found_by_its_final_name(tmp_path):
    sample.save(LINES[:-1], tmp_path / "run.partial.jsonl")
    assert reports.load(tmp_path / "run.jsonl").path == str(tmp_path / "run.partial.jsonl")


def test_the_folder_of_a_run_is_its_record(tmp_path):
    sample.save(LINES, tmp_path / "run.jsonl")
    assert reports.load(tmp_path).path == str(tmp_path / "run.jsonl")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(reports.RecordError, match=r"run\.jsonl cannot be read: No such file"):
        reports.load(empty)


def test_the_final_name_is_read_where_both_are_there(tmp_path):
    sample.save(LINES[:-1], tmp_path / "run.partial.jsonl")
    assert reports.load(sample.save(LINES, tmp_path / "run.jsonl")).unfinished is None


def test_a_line_that_is_cut_off_within_the_record_is_refused(tmp_path):
    path = tmp_path / "run.jsonl"
    lines = [json.dumps(line) for line in LINES]
    path.write_text("\n".join([lines[0], lines[1][:-20], *lines[2:]]), encoding="utf-8")
    assert "run.jsonl, line 2 is not JSON: " in refusal(path)


def test_a_header_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps(LINES[0])[:-20], encoding="utf-8")
    assert "run.jsonl, line 1 is not JSON: " in refusal(path)


def test_nothing_may_follow_the_footer(tmp_path):
    text = refusal_of([*LINES, LINES[1]], tmp_path)
    assert text.endswith(f"run.jsonl, line {len(LINES) + 1}: nothing may follow the footer.")


def test_a_second_header_is_refused(tmp_path):
    text = refusal_of([LINES[0], LINES[0], LINES[-1]], tmp_path)
    assert text.endswith("run.jsonl, line 2: a record has one header, this is a second.")


def test_a_line_without_a_kind_is_refused(tmp_path):
    text = refusal_of([LINES[0], {"clause": "PAD-01"}, LINES[-1]], tmp_path)
    assert text.endswith('run.jsonl, line 2: every line has a text as its "kind".')


def test_a_missing_field_is_named(tmp_path):
    text = refusal_of(without(1, "status"), tmp_path)
    assert text.endswith('run.jsonl, line 2: "status" is missing (a text).')


def test_a_field_of_the_wrong_type_is_named(tmp_path):
    text = refusal_of(with_line(1, examples="many"), tmp_path)
    assert text.endswith('run.jsonl, line 2: "examples" must be a whole number, not "many".')


def test_true_is_no_number(tmp_path):
    text = refusal_of(with_line(1, examples=True), tmp_path)
    assert text.endswith('"examples" must be a whole number, not true.')


def test_a_field_inside_another_is_named_with_its_path(tmp_path):
    text = refusal_of(with_line(1, claim={"status": 3}), tmp_path)
    assert text.endswith('run.jsonl, line 2: "claim.status" must be a text, not 3.')


def test_a_clause_is_named_by_its_position(tmp_path):
    header = sample.header(clauses=[{"id": "PAD-01", "chapter": "padding"}])
    text = refusal_of([header, LINES[-1]], tmp_path)
    assert text.endswith('run.jsonl, line 1: "clauses[0].title" is missing (a text).')


def test_an_index_is_whole_numbers(tmp_path):
    text = refusal_of([LINES[0], sample.finding(index=[0, 1.5]), LINES[-1]], tmp_path)
    assert text.endswith(
        'run.jsonl, line 2: "index" must be a list of whole numbers, not [0, 1.5].'
    )


@pytest.mark.parametrize("place", [0, 1, -2, -1], ids=lambda place: LINES[place]["kind"])
def test_every_message_is_one_sentence(tmp_path, place):
    text = refusal_of(with_line(place, kind=None), tmp_path)
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("kind", ["no-case", "untestable"])
def test_a_clause_without_a_case_is_known_by_the_kind_of_its_reason(load, kind):
    line = sample.verdict("PAD-01", status="not-run", reason="in other words", reason_kind=kind)
    (verdict,) = load([LINES[0], line, LINES[-1]]).verdicts
    assert statuses.of(verdict).name == "not-applicable"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("not every case was run: 61 seconds were lost", "cases-left"),
        ("no case of this run speaks to it in this mode", "no-case"),
        ("no case in this run exercises this clause in this mode", "no-case"),
        ("nobody can", "untestable"),
    ],
)
def test_a_record_that_tells_its_reasons_in_words_alone_gets_their_kinds(load, reason, kind):
    clause = {**sample.clause(sample.CLAUSES[0]), "untestable": "nobody can"}
    line = sample.verdict(clause["id"], status="not-run", reason=reason)
    (verdict,) = load([sample.header(clauses=[clause]), line, LINES[-1]]).verdicts
    assert verdict.reason_kind == kind
