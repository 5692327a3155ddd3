"""A layer may say in its own words what it does not offer: such errors are no failures."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import fast_impl
from conformance.cases.scripted.expected import Raises
from conformance.checks import NotSupported, Traits, View
from conformance.checks.refusals import expect_error
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import Build, Call, SetWeights
from conformance.oracle.expectation import Expectation
from conformance.run.participants.participant import understood
from conformance.run.run import Run
from conformance.run.settings.excuses import ExcuseError, load_excuses, load_lacks
from conformance.run.settings.lacks import Lack, declared_lacks, of_pattern, values_of
from conformance.run.settings.options import Options, lack_of
from conformance.subjects.objects import ObjectSubject

INPUTS = np.ones((1, 2, 2, 1), np.float32)
CASE = Case(
    "any",
    {"filters": 1, "kernel_size": 1, "data_format": "channels_first"},
    (Build((1, 2, 2, 1)), Call(INPUTS)),
)
TODAY = datetime.date(2026, 11, 28)


class OwnWords(fast_impl.Conv2DTranspose):
    """channels_last only, refused by the constructor in words of its own."""

    def __init__(self, filters: Any, kernel_size: Any, strides: Any = 1, padding: str = "valid",
                 data_format: str = "channels_last", **others: Any) -> None:  # fmt: skip
        if str(data_format).lower() == "channels_first":
            raise ValueError("only channels_last is supported\nsee the manual")
        super().__init__(filters, kernel_size, strides, padding, data_format, **others)


class Narrow(Exception):
    """A class of errors of somebody's own."""


class OwnClass(OwnWords):
    """The same, declared as a class of errors."""

    unsupported_errors = (Narrow,)

    def __init__(self, *args: Any, **others: Any) -> None:
        try:
            super().__init__(*args, **others)
        except ValueError as error:
            if "channels_last is" in str(error):
                raise Narrow("no") from error
            raise


class OwnPattern(OwnWords):
    """The same, declared as a regular expression."""

    unsupported_errors = ("only .* supported",)


def _error(message: str, *types: str) -> Error:
    return Error((*(types or ("ValueError",)), "Exception"), message, "call")


@pytest.mark.parametrize(
    ("lack", "covered"),
    [
        (Lack(source="", message="only .* supported"), True),
        (Lack(source="", message="only channels_last"), True),
        (Lack(source="", message="only [channels"), False),
        (Lack(source="", message="ONLY"), False),
        (Lack(source="", message="(?i)ONLY"), True),
        (Lack(source="", error="ValueError"), True),
        (Lack(source="", error="TypeError"), False),
        (Lack(source="", data_format="channels_first"), True),
        (Lack(source="", message="only", data_format="channels_last"), False),
        (Lack(source="", message="only", dtype="float32"), True),
        (Lack(source="", message="only", padding="same"), False),
        (Lack(source="", message="only", expires=TODAY), True),
        (Lack(source="", message="only", expires=datetime.date(2026, 11, 27)), False),
    ],
)
def test_a_lack_covers_its_own_errors(lack: Lack, covered: bool) -> None:
    error = _error("only channels_last is supported")
    assert lack.covers(error, values_of(CASE), TODAY) is covered


def test_words_that_are_no_regular_expression_are_found_as_they_are() -> None:
    lack = Lack(source="", message="kernel (3")
    assert lack.covers(_error("no kernel (3, 3)"), values_of(CASE), TODAY)


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (_error("x", "NotImplementedError", "RuntimeError"), True),
        (_error("x", "UnimplementedError", "OpError"), True),
        (_error("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED", "NotImplemented"), True),
        (_error("UNIMPLEMENTED: no such kernel", "XlaRuntimeError", "RuntimeError"), True),
        (_error("\"slow_conv_transpose2d_out_cpu\" not implemented for 'Half'", "RuntimeError"), True),
        (_error("Only zero batch or zero channel inputs are supported, but", "RuntimeError"), True),
        (_error("Given groups=1, expected weight to be at least 1 at dimension 0", "RuntimeError"), True),
        (_error("Exception encountered when calling Up.call().\n\nOnly zero batch or zero channel inputs are "
                "supported, but got", "RuntimeError"), True),
        (_error("Only Tensors of floating point and complex dtype can require gradients", "RuntimeError"), True),
        (_error("At least one stride in the given numpy array is negative, and", "ValueError"), True),
        (_error("given numpy array has byte order different from the native", "ValueError"), True),
        (_error("can't convert np.ndarray of type ml_dtypes.bfloat16. The", "TypeError"), True),
        (_error("Got unsupported ScalarType BFloat16", "TypeError"), True),
        (_error("data type 'mixed_float16' not understood", "TypeError"), True),
        (_error("module 'torch' has no attribute 'mixed_float16'", "AttributeError"), True),
        (_error("module 'torch' has no attribute 'conv'", "AttributeError"), False),
        (_error("UNIMPLEMENTED: no such kernel", "ValueError"), False),
        (_error("the shapes do not fit", "RuntimeError"), False),
        (_error("NotImplementedError"), False),
    ],
)  # fmt: skip
def test_what_a_framework_has_not_implemented_is_known(error: Error, means: bool) -> None:
    assert error.means_not_implemented is means


def _view(outcome: Outcome, *others: Outcome) -> View:
    return View(CASE, Observation(outcome, others), Expectation(CASE), Traits())


REFUSED = Outcome.lacking(_error("only channels_last is supported"))


def test_a_refusal_that_is_wanted_is_one_whatever_it_says() -> None:
    assert expect_error(_view(REFUSED), None, Raises("ValueError")) is None


def test_a_refusal_by_another_error_than_is_wanted_is_a_lack() -> None:
    with pytest.raises(NotSupported, match="only channels_last"):
        expect_error(_view(REFUSED), None, Raises("TypeError"))


def test_a_step_after_a_refusal_that_is_wanted_is_judged() -> None:
    case = Case(
        "any",
        {"filters": 1, "kernel_size": 1},
        (Build((1, 2, 2, 1)), SetWeights((np.ones((1, 1, 1, 2), "f"),)), Call(INPUTS)),
    )
    seen = Observation(Outcome(), (Outcome(), REFUSED, Outcome(value=7)))
    assert View(case, seen, Expectation(case), Traits()).value(2) == 7


def test_a_refusal_survives_json() -> None:
    again = Outcome.from_json(REFUSED.to_json())
    assert (again.error, again.unsupported, again.refusal) == (
        None,
        "only channels_last is supported",
        REFUSED.refusal,
    )


def _constructed(target: Any, *lacks: Lack) -> Outcome:
    subject = ObjectSubject(target)
    return understood(subject, subject.describe(), Traits(), lacks).observe(CASE).constructed


@pytest.mark.parametrize(
    ("target", "lacks", "unsupported"),
    [
        (OwnWords, (), None),
        (OwnWords, (of_pattern("only .* supported", "--unsupported"),), "only channels_last is supported"),
        (OwnWords, (Lack(source="", message="only", subject="Own*"),), "only channels_last is supported"),
        (OwnWords, (Lack(source="", message="only", subject="Other"),), None),
        (OwnPattern, (), "only channels_last is supported"),
        (OwnClass, (), "no"),
    ],
)  # fmt: skip
def test_words_of_a_layer_s_own_are_understood(
    target: Any, lacks: tuple[Lack, ...], unsupported: str | None
) -> None:
    assert _constructed(target, *lacks).unsupported == unsupported


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("only", "a list is needed"),
        ([3], "a class of exceptions or a regular expression is needed"),
        (["("], "no regular expression"),
        ([""], "an empty text"),
    ],
)
def test_what_is_no_word_is_refused(data: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        declared_lacks(data)


LACKS = (
    '[[lacks]]\nmessage = "only .* supported"\nsubject = "Own*"\ndata_format = "channels_first"\n'
)


def test_lacks_are_read_beside_excuses(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(LACKS + 'reason = "later"\nexpires = 2030-01-01\n', encoding="utf-8")
    (lack,) = load_lacks(path)
    told = attrs.evolve(lack, source="")
    assert (load_excuses(path), told) == (
        (),
        Lack(
            source="",
            message="only .* supported",
            subject="Own*",
            data_format="channels_first",
            reason="later",
            expires=datetime.date(2030, 1, 1),
        ),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[lacks]]\nsubject = "A"\n', "lacks 1: message must not be empty"),
        ('[[lacks]]\nmessage = ""\n', "lacks 1: message must not be empty"),
        ("[[lacks]]\nmessage = 3\n", "lacks 1: message = 3: must be a string"),
        ('[[lacks]]\nmessage = "m"\nsource = "s"\n', "lacks 1: .*source"),
        ('[[lacks]]\nmessage = "m"\nexpires = "soon"\n', "lacks 1: expires = 'soon'"),
        ('[lacks]\nmessage = "m"\n', r"use \[\[lacks\]\] tables"),
        ('[[lack]]\nmessage = "m"\n', "unknown table 'lack'"),
    ],
)
def test_a_table_of_lacks_that_cannot_be_used_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExcuseError, match=told):
        load_lacks(path)


@pytest.fixture(scope="module")
def understood_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of a layer whose words are given, and of words that nothing says."""
    run = Run(
        Options(
            subjects=(ObjectSubject(OwnWords),),
            lacks=(lack_of("only .* supported"), lack_of("never said")),
            clauses=("FMT-*", "ARG-06"),
            examples=12,
            out=tmp_path_factory.mktemp("out"),
        )
    )
    for _ in run.judge_all():
        pass
    yield run
    run.close()


def test_an_honest_refusal_in_own_words_has_no_red_clause(understood_run: Run) -> None:
    assert {v.status for v in understood_run.verdicts} <= {"pass", "unsupported", "not-run"}


def test_what_the_layer_does_offer_still_passes(understood_run: Run) -> None:
    assert "pass" in {v.status for v in understood_run.verdicts}


def test_words_that_nothing_says_are_told(understood_run: Run) -> None:
    assert [str(lack) for lack in understood_run.idle_lacks] == ["--unsupported 'never said'"]


def test_a_reason_is_one_line(understood_run: Run) -> None:
    reasons = [v.reason for v in understood_run.verdicts if v.reason]
    assert [reason for reason in reasons if "\n" in reason or len(reason) > 120] == []
