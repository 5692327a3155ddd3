"""A subject's own words for "I do not have that": errors that are no failures.

They come from the class (its attribute `unsupported_errors`), from ``--unsupported REGEX``, and from tables of the
expectation file:

[[lacks]]
message = "only channels_last"  # a part of the error's message, or a regular expression found in it
subject = "MyLayer"             # optional, as everything below: as the report names it, or a pattern
data_format = "channels_first"  # only in cases of this kind; dtype and padding are selectors, too
mode = "eager"
reason = "no kernel yet"
link = "https://..."
expires = 2027-06-30            # after that day such errors are errors again

`message` may be left out where a selector (dtype, data_format, padding) tells the cases.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.values.codec import text_of
from conformance.subjects import Subject, renew

#: What lacks and excuses choose among cases by.
SELECTORS = ("dtype", "data_format", "padding")


@attrs.frozen(kw_only=True)
class Lack:
    """A kind of error by which a subject says that it does not have something.

    Args:
        source: where the words come from, for whoever is told that nothing has said so.
        message: a part of the error's message, or a regular expression that is found in it; "" is any message.
        error: the name of one of the error's classes; "" is any class.
        subject, mode: whose words they are: names, or patterns of them.
        dtype, data_format, padding: of the cases in which they count.
        reason, link, expires: as of an excuse.
    """

    source: str
    message: str = ""
    error: str = ""
    subject: str = "*"
    mode: str = "*"
    dtype: str | None = None
    data_format: str | None = None
    padding: str | None = None
    reason: str | None = None
    link: str | None = None
    expires: datetime.date | None = None

    def concerns(self, subject: str, mode: str) -> bool:
        """Tell whether it is about a subject."""
        pairs = (subject, self.subject), (mode, self.mode)
        return all(name == given or fnmatch.fnmatchcase(name, given) for name, given in pairs)

    def covers(
        self, error: Error, values: Mapping[str, frozenset[str]], today: datetime.date
    ) -> bool:
        """Tell whether an error in a case is one; `values` has for each selector what the case uses."""
        chosen = ((name, getattr(self, name)) for name in SELECTORS)
        return (
            (self.expires is None or today <= self.expires)
            and (not self.error or self.error in error.types)
            and (self.message in error.message or _found(self.message, error.message))
            and all(value is None or value.lower() in values[name] for name, value in chosen)
        )

    def __str__(self) -> str:
        return self.source


def _found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # words that are no regular expression are found as they are
        return False


def of_pattern(pattern: str, source: str) -> Lack:
    """Return the lack for a regular expression; raise ValueError where it is none."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{source}: no regular expression: {error}") from error
    if not pattern:
        raise ValueError(f"{source}: an empty text would stand for every error")
    return Lack(source=source, message=pattern)


def declared_lacks(data: Any) -> tuple[Lack, ...]:
    """Return what a class or a program declares as its ``unsupported_errors``: regular expressions and classes.

    Args:
        data: a list of regular expressions, and of ``{"error": NAME}`` for a class; None is an empty one.

    Raises:
        ValueError: it is something else.
    """
    if data is None:
        return ()
    if not isinstance(data, (list, tuple)):
        raise ValueError(f"unsupported_errors = {data!r:.100}: a list is needed")
    found = []
    for item in data:
        source = f"unsupported_errors: {text_of(item, repr, 80)}"
        if isinstance(item, str):
            found.append(of_pattern(item, source))
        elif isinstance(item, dict) and isinstance(item.get("error"), str) and len(item) == 1:
            source = f"unsupported_errors: {item['error']:.80}"
            found.append(Lack(source=source, error=item["error"]))
        else:
            raise ValueError(f"{source}: a class of exceptions or a regular expression is needed")
    return tuple(found)


class Understood:
    """A subject whose own words for what it does not have are understood.

    Args:
        subject: the subject.
        lacks: what stands for such words.
        says_not_implemented: whether errors such as NotImplementedError do, too.
    """

    def __init__(
        self, subject: Subject, lacks: Sequence[Lack], *, says_not_implemented: bool
    ) -> None:
        self.name, self.mode, self.spec = subject.name, subject.mode, subject.spec
        #: Those that something was said by.
        self.used: set[Lack] = set()
        self.lacks = tuple(lacks)
        self.subject = subject
        self.says_not_implemented = says_not_implemented
        self._today = datetime.date.today()

    def describe(self) -> dict[str, Any]:
        """Return what the subject says about itself."""
        return self.subject.describe()

    def observe(self, case: Case) -> Observation:
        """Run the case; what says that something is not there is no error."""
        seen = self.subject.observe(case)
        outcomes = seen.all_outcomes
        if all(outcome.error is None for outcome in outcomes):
            return seen
        values = values_of(case)
        constructed, *others = [self._understood(outcome, values) for outcome in outcomes]
        return attrs.evolve(seen, constructed=constructed, outcomes=tuple(others))

    def close(self) -> None:
        """Give back processes."""
        self.subject.close()

    def renew(self) -> None:
        """Have the next case meet a process that has done nothing before."""
        renew(self.subject)

    def _understood(self, outcome: Outcome, values: Mapping[str, frozenset[str]]) -> Outcome:
        error = outcome.error
        if error is None:
            return outcome
        used = [lack for lack in self.lacks if lack.covers(error, values, self._today)]
        self.used.update(used)
        is_plain = self.says_not_implemented and error.means_not_implemented
        return Outcome.lacking(error) if used or is_plain else outcome


def values_of(case: Case) -> dict[str, frozenset[str]]:
    """Return for each of `SELECTORS` what a case uses."""
    arrays = (getattr(step, "inputs", None) for step in case.steps)
    used = {array.dtype.name for array in arrays if isinstance(array, np.ndarray)}
    named = case.argument("dtype")
    return {
        "dtype": frozenset(used | ({named} if isinstance(named, str) else set())),
        "data_format": frozenset({str(case.argument("data_format") or "channels_last").lower()}),
        "padding": frozenset({str(case.argument("padding") or "valid").lower()}),
    }
