"""Messages of errors that many cases end with: perhaps a layer says by them what it does not offer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from conformance.judge.judging import Failure
from conformance.model.codec import in_a_line
from reports.record import SaidOften

#: On so many cases a message is worth a hint, and so many hints are given of a subject.
ENOUGH, TOLD = 10, 3
#: Errors that nobody refuses anything with: slips.
_SLIPS = frozenset(
    {"AttributeError", "NameError", "LookupError", "ArithmeticError", "AssertionError"}
)
#: Characters of a message that a pattern is made of.
_LONGEST = 60


class Messages:
    """What a subject said where it raised, each message with its cases; numbers in it do not count.

    Args:
        subject, mode: whose messages.
    """

    def __init__(self, subject: str, mode: str) -> None:
        self._subject, self._mode = subject, mode
        self._said: dict[str, tuple[str, set[str]]] = {}

    def note(self, failures: Iterable[Failure]) -> None:
        """Note what the subject raised where it must not."""
        for failure in failures:
            error = failure.mismatch.got
            if failure.status != "error" or not isinstance(error, Mapping):
                continue
            message = in_a_line(str(error["message"]).strip().partition("\n")[0])
            if not message or _SLIPS.intersection(error["types"]):
                continue
            key = re.sub(r"\d+", "0", message)
            self._said.setdefault(key, (message, set()))[1].add(failure.case.id)

    def often(self) -> tuple[SaidOften, ...]:
        """Return the messages that were said often, the most frequent first."""
        found = sorted(self._said.values(), key=lambda said: -len(said[1]))
        return tuple(
            SaidOften(self._subject, self._mode, message, len(cases), pattern_of(message))
            for message, cases in found[:TOLD]
            if len(cases) >= ENOUGH
        )


def pattern_of(message: str) -> str:
    """Return a regular expression for messages like this one: of its beginning, with any numbers."""
    text = message.removesuffix(" ...")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    plain = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
    return re.sub(r"\d+", r"\\d+", plain)
