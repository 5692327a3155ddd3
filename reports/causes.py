"""Findings put together by what is behind them: one cause is told once, on its smallest case.

The rule, for the findings of one subject, whatever their modes:

1. Findings with the same diagnosis have one cause, whether they equal a known mistake or look like it.
2. Findings without a diagnosis have one cause where they are wrong in the same way at the same kind of step:
   the same exception with the same text, or the same message, its numbers left out.
3. Wrong results without a diagnosis fold under the subject's largest cause of wrong results of a call, where that
   one breaks a clause at least as basic: what a wrong call is passed on to is wrong, too. So do those that are
   merely described, where they are few beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from reports import stamps
from reports.record import Clause, Finding
from reports.values import is_error, is_tensor

#: What everything else is built on comes first; other chapters come after these.
_BASIC: Mapping[str, int] = {
    **dict.fromkeys(("values", "shapes", "padding", "formats"), 0),
    **dict.fromkeys(("dtypes", "bias"), 1),
}
_OTHER = 2

#: So many times as many findings a cause must have to explain a group; a known mistake explains itself.
_WEIGHT = {"known": math.inf, "diagnosis": 4, "numbers": 1, "message": 1, "raised": 1}

_KNOWN = re.compile(r"(equals|looks like) the known mistakes? ([^:]+): (.*)", re.DOTALL)
_TWINS = re.compile(r" \([^()]* cannot be told from it here\)$")

_Key = tuple[str, ...]


@attrs.frozen(eq=False)
class Cause:
    """Findings of one subject that one thing explains; numbers are the findings', from 1.

    Args:
        subject: its name.
        title: what is wrong, in a sentence.
        known: how that is known: the known mistake that does the same; empty where none is.
        smallest: the finding with the smallest case.
        others: the other findings that say the same.
        followers: wrong results that this cause is likely to explain.
    """

    subject: str
    title: str
    known: str
    smallest: int
    others: tuple[int, ...]
    followers: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All findings of the cause."""
        return (self.smallest, *self.others, *self.followers)


@attrs.define(eq=False)
class _Group:
    key: _Key
    numbers: list[int]
    findings: list[Finding]
    rank: int
    followers: list[int] = attrs.field(factory=list)

    @property
    def is_result(self) -> bool:
        """Whether every finding is about the numbers or the shape of a result."""
        return all(_is_result(finding) for finding in self.findings)

    @property
    def is_call(self) -> bool:
        """Whether every finding is about what a call returns."""
        return self.is_result and all(_step(finding) == "call" for finding in self.findings)


def group(findings: Mapping[int, Finding], clauses: Mapping[str, Clause]) -> list[Cause]:
    """Return the causes, subject by subject in the findings' order, those that break most clauses first.

    Args:
        findings: by their numbers in the record.
        clauses: by id.
    """
    by_subject: dict[str, dict[_Key, _Group]] = {}
    for number, finding in findings.items():
        groups = by_subject.setdefault(finding.subject, {})
        clause = clauses.get(finding.clause)
        rank = _BASIC.get(clause.chapter, _OTHER) if clause else _OTHER
        found = groups.setdefault(_key(finding), _Group(_key(finding), [], [], rank))
        found.numbers.append(number)
        found.findings.append(finding)
        found.rank = min(found.rank, rank)
    causes = []
    for subject, groups in by_subject.items():
        folded = _fold(list(groups.values()))
        folded.sort(key=lambda one: -len(one.numbers) - len(one.followers))
        causes += [_cause(subject, one) for one in folded]
    return causes


def _fold(groups: list[_Group]) -> list[_Group]:
    calls = [one for one in groups if one.is_call]
    if not calls:
        return groups
    largest = max(calls, key=lambda one: len(one.numbers))
    kept = []
    for one in groups:
        follows = (
            one is not largest
            and one.is_result
            and len(one.numbers) * _WEIGHT[one.key[0]] <= len(largest.numbers)
            and largest.rank <= one.rank
        )
        if follows:
            largest.followers += one.numbers
        else:
            kept.append(one)
    return kept


def _cause(subject: str, found: _Group) -> Cause:
    pairs = sorted(zip(found.numbers, found.findings), key=lambda pair: _size(pair[1]))
    smallest = pairs[0][1]
    title, known = _told(smallest, found.findings)
    return Cause(
        subject=subject,
        title=re.sub(r"^[a-z](?=[a-z]* )", lambda first: first[0].upper(), title),
        known=known,
        smallest=pairs[0][0],
        others=tuple(sorted(number for number, _ in pairs[1:])),
        followers=tuple(sorted(found.followers)),
    )


def _told(smallest: Finding, findings: Sequence[Finding]) -> tuple[str, str]:
    """Return what is wrong, and which known mistake it is, as surely as any of the findings says it."""
    matches = [_KNOWN.match(finding.diagnosis or "") for finding in findings]
    sure = sorted((match for match in matches if match), key=lambda match: match[1] != "equals")
    if sure:
        how, name, text = sure[0].groups()
        return _TWINS.sub("", text), f"{how} the known mistake {name}"
    return smallest.diagnosis or smallest.message, ""


def _key(finding: Finding) -> _Key:
    if finding.diagnosis:
        match = _KNOWN.match(finding.diagnosis)
        if match:
            return ("known", match[2])
        return ("diagnosis", _normalised(finding.diagnosis))
    step = _step(finding)
    if is_error(finding.got):
        types = finding.got["types"]
        kind = str(types[0]) if isinstance(types, list) and types else "exception"
        lines = str(finding.got["message"] or "").strip().splitlines()
        return ("raised", kind, _normalised(lines[0] if lines else ""))
    if _is_numbers(finding):
        return ("numbers", step)
    return ("message", step, _normalised(finding.message))


def _normalised(text: str) -> str:
    """Leave out of a message what differs from case to case: its numbers, and how many they are."""
    plain = re.sub(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?|\b(nan|inf)\b", "#", text.lower())
    return re.sub(r"#(,? ?#)*", "#", re.sub(r"\s+", " ", plain)).strip()


def _step(finding: Finding) -> str:
    steps = finding.case.get("steps")
    if not isinstance(steps, list) or finding.step is None or not 0 <= finding.step < len(steps):
        return "constructor"
    current = steps[finding.step]
    return str(current.get("do")) if isinstance(current, Mapping) else ""


def _is_numbers(finding: Finding) -> bool:
    return is_tensor(finding.expected) and is_tensor(finding.got)


def _is_result(finding: Finding) -> bool:
    if is_error(finding.got) or finding.status == "error":
        return False
    return _is_numbers(finding) or finding.message.startswith("expected shape ")


def _size(finding: Finding) -> tuple[int, float, int, bool]:
    """What makes a case small: whole numbers that can be drawn, few elements, few steps, being shrunk."""
    steps = finding.case.get("steps")
    steps = steps if isinstance(steps, list) else []
    drawn = stamps.of_case(finding.case, finding.step)
    plainness = 2 if drawn is None else 0 if drawn.is_whole else 1
    elements = sum(_elements(value) for value in steps)
    return plainness, elements, len(steps), not finding.shrunk


def _elements(value: Any) -> float:
    """Count the elements of the tensors in a value; a shape that is none counts as too large."""
    if is_tensor(value):
        shape = value["shape"]
        sizes = shape if isinstance(shape, list) else [math.inf]
        return math.prod(size if isinstance(size, int) else math.inf for size in sizes)
    if isinstance(value, Mapping):
        return sum(_elements(item) for item in value.values())
    return sum(_elements(item) for item in value) if isinstance(value, list) else 0
