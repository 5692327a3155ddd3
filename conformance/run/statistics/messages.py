"""Messages of errors that many cases end with: perhaps a layer says by them what it does not offer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from conformance.judge.judging import Failure
from conformance.model.observation import telling_line
from conformance.model.values.codec import in_a_line
from reports.records.record import Said, SaidOften

#: On so many cases a message is worth a hint, and so many hints are given of a subject.
ENOUGH, TOLD = 10, 3
#: On fewer where it names a dtype: a layer that takes one alone says so wherever it is given another.
ENOUGH_OF_DTYPES = 3
_DTYPE = re.compile(r"\b(?:bfloat|float|uint|int|complex)\d+\b")
#: Errors that nobody refuses anything with: slips.
_SLIPS = frozenset(
    {"AttributeError", "NameError", "LookupError", "ArithmeticError", "AssertionError"}
)
#: Characters of a message that a pattern is made of.
_LONGEST = 60


def said(failures: Iterable[Failure]) -> tuple[Said, ...]:
    """Return what a subject said where it must not raise, with its cases: once where one pattern stands for it.

    Cases in which it also gave something wrong do not count: there, what it said may follow from that.
    """
    failures = list(failures)
    wrong = {
        failure.case.id
        for failure in failures
        if failure.status == "fail" and not isinstance(failure.mismatch.got, Mapping)
    }
    found: dict[str, tuple[str, set[str]]] = {}
    for failure in failures:
        error = failure.mismatch.got
        if failure.status != "error" or not isinstance(error, Mapping):
            continue
        if failure.case.id in wrong:
            continue
        message = in_a_line(telling_line(str(error["message"])))
        if message and not _SLIPS.intersection(error["types"]):
            found.setdefault(pattern_of(message), (message, set()))[1].add(failure.case.id)
    return tuple(Said(message, len(cases)) for message, cases in found.values())


def often(subject: str, mode: str, messages: Iterable[Said]) -> tuple[SaidOften, ...]:
    """Return the messages that a subject said often, the most frequent first."""
    first: dict[str, str] = {}
    cases: Counter[str] = Counter()
    for one in messages:
        pattern = pattern_of(one.message)
        first.setdefault(pattern, one.message)
        cases[pattern] += one.cases
    return tuple(
        SaidOften(subject, mode, first[pattern], count, pattern)
        for pattern, count in cases.most_common(TOLD)
        if count >= (ENOUGH_OF_DTYPES if _DTYPE.search(first[pattern]) else ENOUGH)
    )


def pattern_of(message: str) -> str:
    """Return a regular expression for messages like this one: of its beginning, with any numbers and dtypes."""
    text = message.removesuffix(" ...")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    plain = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
    # A dtype, and an address in memory, are a word.
    return re.sub(r"\d+", r"\\d+", re.sub(r"\b0x[0-9a-f]+", r"\\w+", _DTYPE.sub(r"\\w+", plain)))
