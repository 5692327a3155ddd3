"""Messages of errors that many cases end with: perhaps a layer says by them what it does not offer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping

from conformance.judge.judging import Failure
from conformance.model.observation import telling_line
from conformance.model.values.codec import in_a_line
from reports.records.messages import DTYPE
from reports.records.record import Said, SaidOften

#: On so many cases a message is worth a hint, and so many hints are given of a subject.
ENOUGH, TOLD = 10, 6
#: On any where it sounds like a refusal: it names a dtype, says what alone there is, what has to be, what lacks.
ENOUGH_OF_REFUSALS = 1
_REFUSAL = re.compile(
    r"\b(only|alone|must|needs?|needed|expected scalar type|cannot)\b|support"
    r"|\b(un(known|implemented|available)|unrecogni[sz]ed)\b"
    r"|\bnot (implemented|available|known|offered|possible|allowed|for)\b|\bno such\b|\bha(s|ve) to be\b"
    r"|\bcould not (find|interpret|locate)\b|\brequire|\brefuse|\bempty\b|\bnot (been )?(loaded|initiali[sz]ed)\b",
    re.IGNORECASE,
)
#: Ends a message that says what was not known.
_UNKNOWN = re.compile(
    r"\b((?:unknown|unsupported|unrecogni[sz]ed|no such) [\w ]{3,30}?)(?::| ['\"{<\[]).*",
    re.DOTALL | re.IGNORECASE,
)
#: PyTorch's names of dtypes, where it says which one was expected.
_SCALAR_TYPES = re.compile(r"scalar type \w+")
#: Errors that nobody refuses anything with: slips. An assertion may, in words.
_SLIPS = frozenset({"AttributeError", "NameError", "LookupError", "ArithmeticError"})
#: What Python and NumPy say of a slip, by a class of errors that is also raised on purpose.
_SLIP = re.compile(
    r"matmul: |operands could not be broadcast|could not broadcast|shapes .* not aligned"
    r"|cannot reshape (array|tensor)|size of tensor a .* must match the size of tensor b"
    r"|shape-mismatch for sum|einstein sum|axes don't match|all the input array|need at least one array"
    r"|unsupported operand type|bad operand type|not supported between instances|object cannot be interpreted"
    r"|object is not (subscriptable|iterable|callable)|must be an iterable, not|cannot unpack non-iterable"
    r"|has no len\(\)|takes .* positional argument|missing \d+ required|got multiple values for|values to unpack"
    r"|can't multiply sequence|invalid literal for|only integer scalar arrays|setting an array element"
    r"|only (length-1|size-1|0-dimensional) arrays|truth value of an array|not supported for the input types"
    r"|negative dimensions are not allowed|(arg is|of) an empty sequence|iterable argument is empty"
)
#: Ends a message that says what was given, after what alone there is.
_GIVEN = re.compile(
    r"(?<=.{15})(?:[,;:] (?:but )?| \(| but )(?:got|received|not|found|given)\b.*", re.DOTALL
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
        line = telling_line(str(error["message"]))
        message = in_a_line(line)
        # What follows a long argument tells a slip, too.
        if message and _is_meant(error["types"], line):
            found.setdefault(pattern_of(message), (message, set()))[1].add(failure.case.id)
    return tuple(Said(message, len(cases)) for message, cases in found.values())


class Explained:
    """What a subject said alone where a more basic failure explains it: that is no refusal."""

    def __init__(self) -> None:
        self._own: set[str] = set()
        self._blocked: set[str] = set()

    def note(self, *, own: Iterable[Failure], blocked: Iterable[Failure]) -> None:
        """Add the failures of a clause: its own, and those that another clause explains."""
        self._own.update(one.message for one in said(own))
        self._blocked.update(one.message for one in said(blocked))

    def __contains__(self, message: object) -> bool:
        own, blocked = (map(pattern_of, known) for known in (self._own, self._blocked))
        pattern = pattern_of(str(message))
        return pattern in blocked and pattern not in own


def often(
    subject: str, mode: str, messages: Iterable[Said], explained: Container[str] = ()
) -> tuple[SaidOften, ...]:
    """Return the messages that a subject said often, the most frequent first.

    Args:
        subject: whose.
        mode: in which mode.
        messages: what it said.
        explained: messages that follow from something else that is wrong.
    """
    first: dict[str, str] = {}
    cases: Counter[str] = Counter()
    for one in messages:
        if one.message in explained:
            continue
        pattern = pattern_of(one.message)
        first.setdefault(pattern, one.message)
        cases[pattern] += one.cases
    return tuple(
        SaidOften(subject, mode, first[pattern], count, pattern)
        for pattern, count in cases.most_common(TOLD)
        if count >= (ENOUGH_OF_REFUSALS if _sounds_like_refusal(first[pattern]) else ENOUGH)
    )


def _is_meant(types: Iterable[str], message: str) -> bool:
    """Tell whether an error may have been raised on purpose, to refuse something."""
    if _SLIPS.intersection(types) or _SLIP.search(message):
        return False
    return "AssertionError" not in types or _sounds_like_refusal(message)


def _sounds_like_refusal(message: str) -> bool:
    return bool(DTYPE.search(message) or _REFUSAL.search(message))


def pattern_of(message: str) -> str:
    """Return a regular expression for messages like this one: of its beginning, with any numbers and dtypes."""
    text = _UNKNOWN.sub(r"\1", _GIVEN.sub("", message.removesuffix(" ...")))
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    plain = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
    # A dtype is a word that ends in digits, an address in memory any word.
    pattern = re.sub(
        r"\d+", r"\\d+", re.sub(r"\b0x[0-9a-f]+", r"\\w+", DTYPE.sub(r"\\w+\\d+", plain))
    )
    pattern = _SCALAR_TYPES.sub(r"scalar type \\w+", pattern)
    # Without a word of its own it would find nearly everything.
    return pattern if re.search(r"[^\W\d_]{2}", DTYPE.sub("", text)) else f"^{pattern}$"
