import attrs
import pytest

from reports.records import loading
from reports.tests import sample
from reports.views import causes

KNOWN = "equals the known mistake M02: the wrong side is cropped"


@pytest.fixture
def grouped(tmp_path):
    """The causes of findings, numbered from 1; each has a case of its own, unless a test says which."""

    def group(*lines):
        own = sample.finding()["case"]["id"]
        for place, line in enumerate(lines):
            if line["case"].get("id") in (own, None):
                line["case"] = {**line["case"], "id": f"case {place}"}
        lines = [sample.header(), *lines, sample.footer()]
        # As the file has them: numbers are those of the lines.
        record = loading.load(sample.save(lines, tmp_path / "run.jsonl"))
        clauses = {clause.id: clause for clause in record.header.clauses}
        return causes.group(dict(enumerate(record.findings, start=1)), clauses)

    return group


@pytest.fixture
def numbers(grouped):
    """Per cause the numbers of its findings, the one that is shown first."""
    return lambda *lines: [one.numbers for one in grouped(*lines)]


def test_one_diagnosis_is_one_cause(numbers):
    lines = [sample.finding(clause, diagnosis=KNOWN) for clause in ("PAD-01", "FMT-01", "VAL-01")]
    assert numbers(*lines) == [(1, 2, 3)]


def test_a_mistake_that_is_looked_like_is_the_one_that_is_equalled(grouped):
    lines = [
        sample.finding(diagnosis=KNOWN.replace("equals", "looks like")),
        sample.finding(diagnosis=KNOWN),
    ]
    assert [one.known for one in grouped(*lines)] == ["equals the known mistake M02"]


def test_two_known_mistakes_are_named_as_two(grouped):
    found = grouped(sample.finding(diagnosis="equals the known mistakes M02 and M03: wrong."))
    assert [one.known for one in found] == ["equals the known mistakes M02 and M03"]


def test_dtypes_that_are_computed_in_the_same_narrower_one_have_one_cause(numbers):
    lines = [
        sample.finding(
            diagnosis=f"looks like {name} computed less precisely than claimed, like float32"
        )
        for name in ("float64", "int32")
    ]
    assert numbers(*lines) == [(1, 2)]


def test_a_dtype_that_is_computed_in_a_narrower_one_may_come_out_as_that(numbers):
    lines = [
        sample.finding(diagnosis=f"looks like float64 {how} float32")
        for how in ("computed less precisely than claimed, like", "that comes out as")
    ]
    assert numbers(*lines) == [(1, 2)]


def test_infinities_that_meet_zeros_in_results_and_gradients_have_one_cause(numbers):
    lines = [
        sample.finding(
            diagnosis=f"looks like NaN or infinities of the {name} that are multiplied by zeros where there is "
            "no pixel: NaN"
        )
        for name in ("kernel", "output gradient")
    ]
    assert numbers(*lines) == [(1, 2)]


def test_other_nans_are_not_put_to_infinities_that_meet_zeros(numbers):
    told = "input gradient[0, 0, 0, 5] should be 53, got nan, allowed error 1e-5; 1 of 59 is wrong"
    zeros = "NaN or infinities of the output gradient that are multiplied by zeros where there is no pixel: NaN"
    lines = [
        sample.finding("VAL-01", message=told, diagnosis=None),
        sample.finding("VAL-02", message=told, diagnosis=f"looks like {zeros}"),
    ]
    assert sorted(numbers(*lines)) == [(1,), (2,)]


def test_a_mistake_belongs_to_the_one_that_cannot_be_told_from_it(grouped):
    lines = [
        sample.finding(
            "DTYPE-02",
            diagnosis="equals the known mistake M21: short. (M22 and M23 cannot be told from it here)",
        ),
        sample.finding("DTYPE-05", diagnosis="equals the known mistake M23: short and clamped."),
        sample.finding("VAL-01", diagnosis="equals the known mistake M24: another one."),
    ]
    assert [(one.known, len(one.numbers)) for one in grouped(*lines)] == [
        ("equals the known mistake M23", 2),
        ("equals the known mistake M24", 1),
    ]


def test_a_mistake_belongs_to_those_that_it_is_named_with(grouped):
    lines = [
        sample.finding("SHAPE-01", diagnosis="equals the known mistake M04: no rows."),
        sample.finding(
            "SHAPE-02",
            diagnosis="looks like the known mistakes M07 and M04: padding is ignored. No rows.",
        ),
        sample.finding("VAL-01", diagnosis="equals the known mistake M24: another one."),
    ]
    assert [(one.known, one.title, one.numbers) for one in grouped(*lines)] == [
        ("looks like the known mistakes M07 and M04", "Padding is ignored. No rows.", (2, 1)),
        ("equals the known mistake M24", "Another one.", (3,)),
    ]


def test_what_is_wrong_elsewhere_is_not_put_to_what_is_wrong_only_somewhere(numbers):
    lines = [
        sample.finding("VAL-01", diagnosis=None),
        sample.finding(
            "VAL-02", diagnosis="wrong only with dtype int32: all 5 wrong cases have it"
        ),
    ]
    assert sorted(numbers(*lines)) == [(1,), (2,)]


def test_the_title_is_the_mistake(grouped):
    assert grouped(sample.finding(diagnosis=KNOWN))[0].title == "The wrong side is cropped"


def test_subjects_have_causes_of_their_own(grouped):
    lines = [sample.finding(diagnosis=KNOWN, subject=name) for name in ("mine", "yours")]
    assert [one.subject for one in grouped(*lines)] == ["mine", "yours"]


def test_modes_of_a_subject_share_their_causes(numbers):
    lines = [sample.finding(diagnosis=KNOWN, mode=mode) for mode in ("eager", "graph")]
    assert numbers(*lines) == [(1, 2)]


def raised(clause, text, **changes):
    line = text.splitlines()[-1:]
    got = {
        "types": ["ValueError", "Exception"],
        "message": text,
        "moment": "call",
        "told": "".join(line),
    }
    return sample.error_finding() | {"clause": clause, "got": got, **changes}


def test_the_same_exception_is_one_cause_whatever_the_clause_says_of_it(numbers):
    lines = [
        raised("ACT-01", "only channels_last", message="the call raised ValueError"),
        raised("BIAS-01", "only channels_last", message="must not raise"),
    ]
    assert numbers(*lines) == [(1, 2)]


def test_numbers_in_an_exception_do_not_tell_causes_apart(numbers):
    lines = [raised("ACT-01", "size 3 is not 4"), raised("BIAS-01", "size 12 is not 7")]
    assert numbers(*lines) == [(1, 2)]


def test_what_was_received_does_not_tell_causes_apart(numbers):
    texts = [
        f"Argument `name` cannot contain `/`. Received: name={name}" for name in ("a/b", "c/d")
    ]
    assert numbers(*(raised(f"ACT-0{n}", text) for n, text in enumerate(texts, 1))) == [(1, 2)]


def test_addresses_in_an_exception_do_not_tell_causes_apart(numbers):
    texts = ("<Ones object at 0x7f1477d4fd90> is none", "<Ones object at 0x7fb7fefda7> is none")
    assert numbers(*(raised(f"ACT-0{n}", text) for n, text in enumerate(texts, 1))) == [(1, 2)]


def test_where_an_exception_was_passed_on_does_not_make_it_the_same(numbers):
    where = "Exception encountered when calling Conv2DTranspose.call()."
    lines = [raised("ACT-01", f"{where}\n\n{text}") for text in ("no int32", "no rows", "no int32")]
    assert numbers(*lines) == [(1, 3), (2,)]


def test_an_exception_is_the_same_where_another_one_is_wanted(numbers):
    told = "should raise TypeError or ValueError, raised AssertionError at call: float32 engine"
    got = {"types": ["AssertionError"], "message": "float32 engine", "moment": "call"}
    lines = [
        raised("DTYPE-01", "", got=got),
        sample.finding("DTYPE-03", message=told, got="", diagnosis=None),
        sample.finding("INIT-07", message=told.replace("32", "64"), got="", diagnosis=None),
    ]
    assert [sorted(one) for one in numbers(*lines)] == [[1, 2, 3]]


def _on(shape, **changes):
    """A finding about a question for a shape."""
    case = {"id": "c-1", "family": "any", "arguments": {}}
    steps = [{"do": "compute_output_shape", "input_shape": shape}]
    diagnosis = changes.pop("once", None)
    finding = sample.finding("SHAPE-09", got=None, step=0, diagnosis=diagnosis, **changes)
    return finding | {"case": {**case, "steps": steps}}


def test_what_is_wrong_with_another_rank_is_one_cause(numbers):
    lines = [
        _on([2, 4, 5], message="should raise IndexError, but raised nothing"),
        _on([2, 4, 5, 2, 1], message="should raise ValueError, raised IndexError at call: no"),
        _on([2, 4, 5, 2], message="should raise ValueError, raised IndexError at call: no"),
    ]
    assert sorted(numbers(*lines)) == [(1, 2), (3,)]


def test_what_is_raised_for_every_input_is_one_cause_whatever_its_rank(numbers):
    got = {"types": ["IndexError"], "message": "no", "moment": "call"}
    lines = [
        _on([2, 4, 5], message="should raise ValueError, raised IndexError at call: no"),
        raised("VAL-01", "", got=got),
        _on([2, 4, 5], message="should raise ValueError, but raised nothing"),
    ]
    assert sorted(map(sorted, numbers(*lines))) == [[1, 2], [3]]


def test_a_process_that_does_not_answer_is_one_cause_at_whatever_step(numbers):
    told = "broke down: no answer within 15 seconds"
    lines = [
        _on([2, 4, 5, 2], message=told),
        sample.finding("VAR-01", message=told, got=None, expected=None, diagnosis=None),
    ]
    assert [sorted(one) for one in numbers(*lines)] == [[1, 2]]


def test_what_is_not_refused_is_one_cause_whatever_should_be_raised(grouped):
    told = "should raise {}, but raised nothing"
    lines = [
        _on([2, 4, 5], message=told.format("IndexError or ValueError")),
        sample.finding("ARG-03", message=told.format("TypeError"), got=None, diagnosis=None),
        _on([2, 4, 5, 2], message="should raise ValueError, raised IndexError at call: no"),
    ]
    refused, other = grouped(*lines)
    assert (sorted(refused.numbers), other.numbers) == ([1, 2], (3,))
    assert refused.title.startswith(
        "What must be refused is not, as in this case: the call should raise "
    )


def test_what_is_refused_by_another_exception_is_refused(grouped):
    told = "should raise ValueError, raised AssertionError at call: "
    lines = [_on(shape, message=told) for shape in ([4, 5, 2], [2, 4, 5])]
    (cause,) = grouped(*lines)
    assert cause.title.startswith("What must be refused is refused otherwise, as in this case: ")


@pytest.mark.parametrize(
    ("step", "title"),
    [
        ({"do": "read", "attribute": "name"}, "Name should be 'a', is 5"),
        ({"do": "invoke", "method": "get_config"}, "get_config should be 'a', is 5"),
        ({"do": "get_weights"}, "get_weights should be 'a', is 5"),
        (None, "The constructor should be 'a', is 5"),
    ],
)
def test_a_title_says_what_it_is_about(grouped, step, title):
    case = {"id": "c-1", "family": "any", "arguments": {}, "steps": [step] if step else []}
    told = {"message": "should be 'a', is 5", "got": 5, "expected": "a", "diagnosis": None}
    line = sample.finding("VAR-02", step=0 if step else None, **told) | {"case": case}
    assert [cause.title for cause in grouped(line)] == [title]


def test_one_thing_that_is_not_refused_is_told_as_it_is(grouped):
    (cause,) = grouped(_on([2, 4, 5], message="should raise ValueError, but raised nothing"))
    assert cause.title == "compute_output_shape should raise ValueError, but raised nothing"


def test_what_is_wrong_with_empty_inputs_is_one_cause(numbers):
    lines = [
        _on([2, 0, 5, 2], message="broke down: killed by signal 11 (SIGSEGV)"),
        _on([0, 4, 5, 2], message="expected shape (0, 5), got (1, 5)"),
        _on([2, 4, 5, 2], message="expected shape (0, 5), got (1, 5)"),
    ]
    assert sorted(numbers(*lines)) == [(1, 2), (3,)]


def test_what_empty_inputs_do_once_is_what_they_do(grouped):
    once = "depends on what its process did before: a fresh process gives the right result"
    ended = "broke down: killed by signal 11 (SIGSEGV)"
    lines = [
        _on([2, 0, 5, 2], message="should be 0, got 7", once=once),
        _on([0, 4, 5, 2], message=ended),
        _on([2, 4, 5, 2], message="should be 0, got 7", once=once),
    ]
    empty, other = grouped(*lines)
    assert (sorted(empty.numbers), empty.title, other.numbers) == ([1, 2], f"B{ended[1:]}", (3,))
    assert other.title == once.capitalize()


def test_names_in_an_exception_tell_causes_apart(numbers):
    lines = [raised("ACT-01", "no relu"), raised("ACT-01", "no tanh")]
    assert len(numbers(*lines)) == 2


def test_the_same_message_at_another_kind_of_step_is_another_cause(numbers):
    case = sample.finding()["case"]
    lines = [
        sample.finding(message="no", diagnosis=None, expected=1, got=2, case=case, step=step)
        for step in (2, 3)
    ]
    assert len(numbers(*lines)) == 2


@pytest.mark.parametrize(
    ("messages", "causes"),
    [
        (("height should be 9, it is 8", "width should be 4, it is 3"), 1),
        (("height should be 9, it is 8", "height should be 4, it is 5"), 2),
    ],
)
def test_sides_that_are_too_short_are_one_cause(numbers, messages, causes):
    lines = [
        sample.finding(
            f"SHAPE-0{n}", message=f"the output's {message}", diagnosis=None, expected=1, got=2
        )
        for n, message in enumerate(messages, start=1)
    ]
    assert len(numbers(*lines)) == causes


def test_wrong_numbers_in_clauses_of_one_chapter_are_one_cause(numbers):
    lines = [sample.finding(clause, diagnosis=None) for clause in ("PAD-01", "PAD-02", "VAL-01")]
    assert numbers(*lines) == [(1, 2), (3,)]


def test_nan_in_place_of_numbers_has_a_cause_of_its_own(numbers):
    told = [
        "input gradient[0, 0, 0, 14] should be 18.9126178, got 31.6457882, allowed error 3.83e-05",
        "kernel gradient[0, 0, 1, 0] should be -3, got nan, allowed error 3.8e-05",
        "kernel gradient[0, 0, 1, 1] should be exactly -inf, got nan; 4 of 36 elements are wrong",
        "kernel gradient[0, 0, 1, 1] should be exactly 5, got 0; 4 of 36 elements are wrong",
    ]
    lines = [sample.finding("PAD-01", diagnosis=None, message=text) for text in told]
    cases = [line | {"case": {**line["case"], "id": f"c-{n}"}} for n, line in enumerate(lines)]
    assert sorted(numbers(*cases)) == [(1, 4), (2, 3)]


def test_numbers_in_place_of_nan_and_infinities_have_one_cause(numbers):
    told = [
        "output[0, 0, 0, 62] should be exactly nan, got inf; 1 of 63 elements is wrong",
        "kernel[1, 0, 1, 0] should be -inf, got 0; 1 of 6 elements is wrong",
        "kernel[1, 0, 1, 0] should be exactly 5, got 0; 1 of 6 elements is wrong",
    ]
    clauses = ("ACT-01", "CONS-11", "CONS-07")
    lines = [
        sample.finding(clause, diagnosis=None, message=text) for clause, text in zip(clauses, told)
    ]
    assert sorted(numbers(*lines)) == [(1, 2), (3,)]


def test_numbers_in_place_of_infinities_belong_to_the_only_mistake_that_makes_them(numbers):
    told = (
        "output[0, 0, 0, 62] should be exactly inf, got 3.40282347e+38; 1 of 63 elements is wrong"
    )
    stops = "looks like the known mistake special_saturates: results stop."
    only = "wrong only with no bias: all 7 wrong cases have it, and 2 of 21 right ones"
    lines = [
        sample.finding(clause, message=told, diagnosis=diagnosis)
        for clause, diagnosis in (("DTYPE-05", stops), ("ACT-01", only), ("CONS-11", None))
    ]
    assert numbers(*lines) == [(1, 2, 3)]
    others = [*lines, sample.finding("VAL-01", message=told, diagnosis=KNOWN)]
    assert sorted(numbers(*others)) == [(1,), (2, 3), (4,)]


def test_what_cases_with_nan_have_beside_it_is_no_title(grouped):
    told = "output[0, 0, 0, 62] should be exactly nan, got inf; 1 of 63 elements is wrong"
    only = "wrong only with real numbers: all 8 wrong cases have it, and none of 34 right ones"
    lines = [
        sample.finding(clause, message=told, diagnosis=diagnosis)
        for clause, diagnosis in (("ACT-01", only), ("DTYPE-05", None))
    ]
    assert [cause.title.lower() for cause in grouped(*lines)] == [told]


@pytest.mark.parametrize(
    ("messages", "causes"),
    [
        (("weight losses should hold 2 losses, holds 0", "losses should hold 1 loss, holds 0"), 1),
        (("losses should hold 2 losses, holds 1", "losses should hold 1 loss, holds 2"), 2),
    ],
)
def test_too_few_losses_are_one_cause_and_too_many_another(numbers, messages, causes):
    lines = [
        sample.finding(f"LOSS-0{n}", diagnosis=None, message=text, expected=1, got=2)
        for n, text in enumerate(messages, start=1)
    ]
    assert len(numbers(*lines)) == causes


def test_wrong_numbers_belong_to_the_only_description_in_their_chapter(grouped):
    described = "looks like the right result shifted"
    lines = [
        sample.finding("PAD-02", diagnosis=None),
        sample.finding("PAD-01", diagnosis=described),
        sample.finding("VAL-01", diagnosis=None),
    ]
    (padding, values) = grouped(*lines)
    assert (padding.numbers, padding.title, values.numbers) == (
        (1, 2),
        described.capitalize(),
        (3,),
    )


def test_of_two_descriptions_in_a_chapter_none_takes_the_others(numbers):
    told = [None, "looks like the right result shifted", "looks like the right result doubled"]
    lines = [sample.finding(f"PAD-0{n}", diagnosis=text) for n, text in enumerate(told, start=1)]
    assert sorted(numbers(*lines)) == [(1,), (2,), (3,)]


def test_shifts_are_one_cause_however_far(grouped):
    told = [
        "looks like the right result shifted by (0, -1)",
        "looks like the right result shifted; how far depends",
    ]
    lines = [sample.finding(f"PAD-0{n}", diagnosis=text) for n, text in enumerate(told, start=1)]
    assert [one.numbers for one in grouped(*lines)] == [(1, 2)]


def test_damaged_memory_is_one_cause_whatever_the_last_words(grouped):
    case = sample.finding()["case"]
    ended = "broke down: the process was killed by signal 6 (SIGABRT); its last words: {}"
    words = ("corrupted double-linked list", "double free or corruption (!prev)", "not a number")
    lines = [
        sample.finding(
            message=ended.format(text), diagnosis=None, expected=1, got=2, case=case, step=step
        )
        for step, text in enumerate(words, start=1)
    ]
    damaged, other = grouped(*lines)
    assert (sorted(damaged.numbers), other.numbers) == ([1, 2], (3,))
    assert damaged.title.startswith("Damages its memory")


def test_what_has_no_diagnosis_stays_apart_from_a_known_mistake(numbers):
    lines = [
        sample.finding("PAD-01", diagnosis=KNOWN),
        sample.finding("PAD-02", diagnosis=KNOWN),
        sample.finding("VAL-01", diagnosis=None),
    ]
    assert numbers(*lines) == [(1, 2), (3,)]


def test_the_smallest_case_is_the_one_that_is_shown(grouped):
    small = sample.claim_for("PAD-01")["evidence"]["case"]
    lines = [sample.finding(diagnosis=KNOWN), sample.finding("FMT-01", diagnosis=KNOWN, case=small)]
    assert grouped(*lines)[0].smallest == 2


def test_the_cause_that_breaks_most_comes_first(grouped):
    broken = (sample.finding(clause, diagnosis=KNOWN) for clause in ("PAD-01", "FMT-01"))
    assert [one.smallest for one in grouped(raised("ACT-01", "no"), *broken)] == [2, 1]


def test_of_causes_that_break_as_many_clauses_the_one_of_most_cases_comes_first(grouped):
    rare = (raised("ACT-01", "no", mode=mode, failures=2) for mode in ("eager", "graph"))
    lines = [*rare, sample.finding(diagnosis=KNOWN, failures=20)]
    assert [one.smallest for one in grouped(*lines)] == [3, 1]


PARTLY = f"{KNOWN}. Something else is wrong with 'same' and a kernel shorter than the stride."


def test_wrong_numbers_belong_to_a_diagnosis_that_leaves_room_for_them(numbers):
    lines = [sample.finding("PAD-02", diagnosis=None), sample.finding("PAD-01", diagnosis=PARTLY)]
    assert numbers(*lines) == [(2, 1)]


def test_wrong_numbers_are_apart_from_a_diagnosis_that_explains_all_of_its_cases(numbers):
    lines = [sample.finding("PAD-02", diagnosis=None), sample.finding("PAD-01", diagnosis=KNOWN)]
    assert len(numbers(*lines)) == 2


@pytest.mark.parametrize(("diagnosis", "count"), [(PARTLY, 0), (KNOWN, 1)])
def test_what_belongs_to_a_diagnosis_is_not_counted_as_given_up(load, diagnosis, count):
    lines = [
        saw("c-1", "PAD-02", undiagnosed=True),
        saw("c-2", "PAD-01") | {"diagnosis": diagnosis},
    ]
    record = load([sample.header(), *lines, sample.footer()])
    findings = dict(enumerate(record.findings, start=1))
    clauses = {clause.id: clause for clause in record.header.clauses}
    assert causes.unexplained(causes.group(findings, clauses), findings) == count


def saw(case, clause, **changes):
    line = sample.finding(clause, diagnosis=None, **changes)
    return line | {"case": {**line["case"], "id": case}}


def test_clauses_of_two_chapters_that_see_the_same_have_one_cause(numbers):
    assert numbers(saw("c-1", "PAD-01"), saw("c-1", "BIAS-01"), saw("c-2", "VAL-01")) == [
        (1, 2),
        (3,),
    ]


def test_what_is_seen_where_a_mistake_is_known_is_that_mistake(grouped):
    other = saw("c-1", "BIAS-01")
    (cause,) = grouped(other, saw("c-1", "PAD-01") | {"diagnosis": KNOWN})
    assert (cause.title, cause.numbers) == ("The wrong side is cropped", (2, 1))


def test_how_many_cases_have_what_is_wrong_does_not_tell_causes_apart(numbers):
    text = "wrong only with activation elu: all {} wrong cases have it, and {} of 17 right ones"
    lines = [
        sample.finding("PAD-01", diagnosis=text.format(3, "none")),
        sample.finding("ACT-01", diagnosis=text.format(5, 2)),
        sample.finding("ACT-01", diagnosis=text.format(5, 2).replace("elu", "tanh")),
    ]
    assert numbers(*lines) == [(1, 2), (3,)]


def _wrong(clause, failures, diagnosis, **changes):
    return sample.finding(clause, diagnosis=diagnosis, failures=failures, **changes)


def test_wrong_results_of_what_a_scope_must_pass_come_first_and_numbers_before_others(load):
    refused = {"message": "should raise ValueError, but raised nothing"}
    lines = [
        _wrong("ARG-02", 50, "takes anything", **refused),
        _wrong("FMT-02", 40, "casts"),
        _wrong("DTYPE-01", 40, "casts"),
        _wrong("GRAD-01", 30, "divides"),
        _wrong("PAD-01", 2, "crops"),
    ]
    for place, line in enumerate(lines):
        line["case"] = {**line["case"], "id": f"case {place}"}
    record = load([sample.header(), *lines, sample.footer()])
    scopes = {"ARG-02": "layer", "GRAD-01": "training", "PAD-01": "numbers"}
    clauses = {
        line["clause"]: attrs.evolve(
            record.header.clauses[0],
            id=line["clause"],
            must=line["clause"] in scopes,
            scope=scopes.get(line["clause"], "numbers"),
        )
        for line in lines
    }
    found = causes.group(dict(enumerate(record.findings, start=1)), clauses)
    assert [one.title for one in found] == ["crops", "divides", "casts", "Takes anything"]


def test_findings_are_numbered_as_the_page_has_their_causes(load):
    lines = [
        sample.finding("VAL-03", diagnosis="looks like noise"),
        sample.finding("PAD-02", diagnosis=KNOWN),
        sample.finding("PAD-01", diagnosis=KNOWN),
        sample.finding("FMT-01", diagnosis=KNOWN),
    ]
    excused = sample.verdict("FMT-01", status="excused", subject="mine")
    record = load([sample.header(), excused, *lines, sample.footer()])
    assert [one.clause for one in record.findings] == ["PAD-02", "PAD-01", "VAL-03", "FMT-01"]
