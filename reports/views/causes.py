"""Findings put together by what is behind them: one cause is told once, on its smallest case.

The rule, for the findings of one subject, whatever their modes:

1. Findings with the same diagnosis have one cause, whether they equal a known mistake or look like it.
2. Findings without a diagnosis have one cause where they are wrong in the same way at the same kind of step:
   the same exception with the same text (also where another one is wanted), the same message, its numbers left
   out, a side of the output that is too short, or too long, too few losses, or too many, whatever but an exception
   comes of an empty input, or wrong numbers in clauses of one chapter, NaN in place of numbers apart. Wrong
   numbers belong to what a diagnosis describes, where it is the only one in their chapter. Two kinds are one cause
   in whatever chapter and step: what is not refused, and whatever but an exception comes of an input that has not
   four axes (arguments and inputs are hardly looked at), and numbers where NaN or an infinity should be.
3. The same holds for a diagnosis after which something else is wrong in a part of the cases.
4. Findings that saw the same in the same step of the same case have one cause, unless each has a diagnosis of its
   own.
5. A known mistake that cannot be told from another one belongs to that one, where it is named by itself. So do
   known mistakes that are named among others: where two meet, the case that shows both tells each of them.
6. Processes that ended, or did not answer, with the same last words have one cause, at whatever step. So have all
   that the C library ended, as the heap was damaged: it shows at whatever comes later.
7. The exception that comes of every input comes of one without four axes, too: it is no cause of its own there.

What a failure explains is not told a second time: the run has it as *blocked*, without a finding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from reports.pictures import stamps
from reports.pictures.planes import current_step
from reports.records.messages import normalised
from reports.records.record import Clause, Finding, Record
from reports.records.values import ENDED, WANTED, is_error, is_tensor, told

_KNOWN = re.compile(r"(equals|looks like) the (known mistakes? ([^:]+)): (.*)", re.DOTALL)
#: Before the part of the cases that a diagnosis does not explain.
_SOMETHING_ELSE = "Something else is wrong with"
#: A description that differs from finding to finding in how far alone.
_SHIFTED = "looks like the right result shifted"
#: Before what all wrong cases have, and how many they are.
_ONLY = "wrong only with"
#: Ends a description of NaN or infinities, whatever array they come from.
_AMONG_ZEROS = "that are multiplied by zeros where there is no pixel: NaN"
#: Between a dtype and the one in which it is computed, or comes out.
_PRECISION = re.compile(r" (?:computed less precisely than claimed, like|that comes out as) (.+)")
#: Last words of the C library, where what lies between the blocks of memory was overwritten.
_DAMAGED = re.compile(
    r"SIGABRT\); its last words: .*?(corrupt|double free|invalid (next|old|chunk) size|invalid pointer)"
)
_DAMAGE = (
    "Damages its memory: the C library ended the process (an earlier case may have done the damage)"
)
#: What does not show again in a fresh process, which says nothing of what it is.
_ONCE = "depends on what its process did before"
#: A side of the output, as long as it should be and as it is.
_LENGTH = re.compile(r"the output's (?:height|width) should be (\d+), it is (\d+)")
#: NaN where a number or an infinity should be has another reason than a wrong number.
_NOT_A_NUMBER = re.compile(r"should be (?:exactly )?(?!nan)\S+, got (nan)\b")
#: Something else where NaN or an infinity should be.
_NOT_SPECIAL = re.compile(r"should be (?:exactly )?[-+]?(?:nan|inf), got (?!nan\b)")
#: How many losses there should be, and how many there are.
_COUNT = re.compile(r"(?:\w+ )?losses should hold (\d+) loss(?:es)?, holds (\d+)")
#: An exception that should have been another one.
_INSTEAD = re.compile(r"should raise [\w ]+, raised (\w+) at \w+: (.*)", re.DOTALL)
#: Nothing was raised where something should be.
_NOTHING_RAISED = re.compile(r"should raise [\w ]+, but raised nothing")
#: The title, before what is said of the smallest case, of several things that are not refused.
NOT_REFUSED = "What must be refused is not, as in this case: "
OTHERWISE_REFUSED = "What must be refused is refused otherwise, as in this case: "
#: So many causes of a subject are shown, those that matter most; of the others their clauses.
SHOWN = 3
#: How many axes images have.
RANK = 4
#: What a title is that names no known mistake.
SYMPTOM = "Symptom; its cause was not found"
DESCRIPTION = "Description; no known mistake does just this"
_TWINS = re.compile(r" \(([^()]*) cannot be told from it here\)$")

_Key = tuple[str, ...]
_UNCHECKED: _Key = ("unchecked",)
_SPECIAL: _Key = ("special",)


@attrs.frozen(eq=False)
class Cause:
    """Findings of one subject that one thing explains; numbers are the findings', from 1.

    Args:
        subject: its name.
        title: what is wrong, in a sentence.
        known: how that is known: the known mistake that does the same; empty where none is.
        kind: what the title is where it names no known mistake: a description, or a symptom.
        smallest: the finding with the smallest case.
        others: the other findings that say the same.
    """

    subject: str
    title: str
    known: str
    kind: str
    smallest: int
    others: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All findings of the cause."""
        return (self.smallest, *self.others)


def group(findings: Mapping[int, Finding], clauses: Mapping[str, Clause]) -> list[Cause]:
    """Return the causes, subject by subject in the findings' order.

    First come those that give wrong results in clauses that a scope must pass, the numbers before all others; then
    those that break most clauses, and of them those that break most cases.

    Args:
        findings: by their numbers in the record.
        clauses: by id.
    """
    by_subject: dict[str, dict[_Key, list[int]]] = {}
    for number, finding in findings.items():
        clause = clauses.get(finding.clause)
        key = _key(finding, clause.chapter if clause else "")
        by_subject.setdefault(finding.subject, {}).setdefault(key, []).append(number)
    for groups in by_subject.values():
        _join_twins(groups, findings)
        _join_composed(groups)
        _join_raised(groups, findings)
        _join_seen(groups, findings)
        _join_described(groups, findings, clauses)

    def broken(numbers: Sequence[int]) -> tuple[int, int, int]:
        found = [findings[number] for number in numbers]
        gravest = max(_gravity(one, clauses.get(one.clause)) for one in found)
        count = len({one.clause for one in found})
        return gravest, count, sum(one.failures or 1 for one in found)

    return [
        _cause([(number, findings[number]) for number in numbers])
        for groups in by_subject.values()
        for numbers in sorted(groups.values(), key=broken, reverse=True)
    ]


def in_order(record: Record) -> Record:
    """Return a record with its findings in the order of their causes, those that are excused last."""
    excused = {one.key for one in record.verdicts if one.status == "excused"}
    numbered = dict(enumerate(record.findings))
    counted = {n: one for n, one in numbered.items() if one.key not in excused}
    told = group(counted, {clause.id: clause for clause in record.header.clauses})
    order = [number for cause in told for number in cause.numbers]
    order += [number for number in numbered if number not in counted]
    return attrs.evolve(record, findings=tuple(numbered[number] for number in order))


def unexplained(causes: Sequence[Cause], findings: Mapping[int, Finding]) -> int:
    """Count the findings whose search for a diagnosis was given up, and whose cause has none from another one."""
    unnamed = (cause for cause in causes if cause.kind == SYMPTOM)
    return sum(findings[number].undiagnosed for cause in unnamed for number in cause.numbers)


def _join_twins(groups: dict[_Key, list[int]], findings: Mapping[int, Finding]) -> None:
    """Put a known mistake to another one that cannot be told from it, where that one is named by itself."""
    for key in [key for key in groups if key[0] == "known"]:
        twins = set[str]()
        for finding in map(findings.__getitem__, groups[key]):
            found = _TWINS.search(finding.diagnosis or "")
            twins.update(_names(found[1]) if found else ())
        there = next((one for one in groups if one[0] == "known" and one[1] in twins), None)
        if there is not None and there != key:
            groups[there] = sorted(groups[there] + groups.pop(key))


def _join_composed(groups: dict[_Key, list[int]]) -> None:
    """Put known mistakes to those that are named together with them."""
    named = {key: {*_names(key[1])} for key in groups if key[0] == "known"}
    for key, own in sorted(named.items(), key=lambda item: len(item[1])):
        wider = [other for other in named if named[other] > own]
        if wider:
            there = max(wider, key=lambda other: len(named[other]))
            groups[there] = sorted(groups[there] + groups.pop(key))


def _names(text: str) -> list[str]:
    """Return the known mistakes that a list in words names."""
    return re.split(", | and ", text)


def _join_raised(groups: dict[_Key, list[int]], findings: Mapping[int, Finding]) -> None:
    """Put what raises the wrong exception for an input without four axes to what raises it for others, too."""
    for number in tuple(groups.get(_UNCHECKED, ())):
        key = _key_of_wanted(findings[number])
        # Elsewhere it is raised where nothing should be.
        if key in groups and any(is_error(findings[one].got) for one in groups[key]):
            groups[_UNCHECKED].remove(number)
            groups[key] = sorted([*groups[key], number])
    if not groups.get(_UNCHECKED, True):
        del groups[_UNCHECKED]


def _join_seen(groups: dict[_Key, list[int]], findings: Mapping[int, Finding]) -> None:
    """Put together what several clauses say of one step of one case, under its diagnosis if there is one."""
    first: dict[tuple[str, str], _Key] = {}
    # What has a diagnosis comes first.
    for key in sorted(groups, key=lambda key: key[0] not in ("known", "diagnosis")):
        seen = [
            (f"{one.case.get('id')} {one.step}", repr(one.got))
            for one in map(findings.__getitem__, groups[key])
            if one.got is not None
        ]
        there = next((first[one] for one in seen if one in first), None)
        if there is not None and key[0] not in ("known", "diagnosis"):
            groups[there] = sorted(groups[there] + groups.pop(key))
        for one in seen:
            first.setdefault(one, there or key)


def _join_described(
    groups: dict[_Key, list[int]], findings: Mapping[int, Finding], clauses: Mapping[str, Clause]
) -> None:
    """Put wrong numbers without a diagnosis to the only one that leaves room for them, in their chapter.

    Numbers in place of NaN and infinities belong to the only one of these.
    """
    described: dict[_Key, set[_Key]] = {}
    for key, numbers in groups.items():
        said = "".join(findings[number].diagnosis or "" for number in numbers)
        if key[-1].startswith(_ONLY) or key[-1] == _AMONG_ZEROS:
            continue  # it says of all others that they are right, or would be said of them, too
        leaves_room = key[0] == "diagnosis" or (key[0] == "known" and _SOMETHING_ELSE in said)
        for finding in map(findings.__getitem__, numbers):
            clause = clauses.get(finding.clause)
            own = _key_of_difference(finding, clause.chapter if clause else "")
            if leaves_room or (key[0] == "known" and own == _SPECIAL):
                described.setdefault(own, set()).add(key)
    for own, keys in described.items():
        if len(keys) == 1 and own[0] in ("numbers", *_SPECIAL) and own in groups:
            key = keys.pop()
            groups[key] = sorted(groups[key] + groups.pop(own))


def _cause(numbered: list[tuple[int, Finding]]) -> Cause:
    names = {number: _known_names(finding) for number, finding in numbered}
    most = max(map(len, names.values()))
    named = {number for number, own in names.items() if own and len(own) == most}
    # What is shown is what the title names.
    pairs = sorted(
        numbered, key=lambda pair: (bool(named) and pair[0] not in named, _size(pair[1]))
    )
    number, smallest = pairs[0]
    title, known, kind = _told(smallest, [finding for _, finding in numbered])
    return Cause(
        subject=smallest.subject,
        title=re.sub(r"^[a-z](?=[a-z]* )", lambda first: first[0].upper(), title),
        known=known,
        kind=kind,
        smallest=number,
        others=tuple(sorted(number for number, _ in pairs[1:])),
    )


def _known_names(finding: Finding) -> list[str]:
    """Return the known mistakes that a finding's diagnosis names, [] where it names none."""
    match = _KNOWN.match(finding.diagnosis or "")
    return _names(match[3]) if match else []


def _told(smallest: Finding, findings: Sequence[Finding]) -> tuple[str, str, str]:
    """Return what is wrong, which known mistake it is, as surely as any of the findings says it, and the kind."""
    matches = [_KNOWN.match(finding.diagnosis or "") for finding in findings]
    sure = sorted(
        (match for match in matches if match),
        key=lambda match: (
            -len(_names(match[3])),
            match[1] != "equals",
            bool(_TWINS.search(match[4])),
        ),
    )
    if sure:
        how, known, _, text = sure[0].groups()
        return _TWINS.sub("", text), f"{how} the {known}", ""
    if not smallest.diagnosis and _DAMAGED.search(smallest.message):
        return _DAMAGE, "", ""
    described = [one.diagnosis for one in (smallest, *findings) if one.diagnosis and _says(one)]
    if not all(finding.diagnosis for finding in findings):
        described = [text for text in described if not text.startswith(_ONCE)]
    title = next(iter(described), None)
    if title is None and len(findings) > 1 and _key_of_difference(smallest, "") == _UNCHECKED:
        said = NOT_REFUSED if _NOTHING_RAISED.search(smallest.message) else OTHERWISE_REFUSED
        return said + _placed(smallest), "", SYMPTOM
    return (_placed(smallest), "", SYMPTOM) if title is None else (title, "", DESCRIPTION)


def _placed(finding: Finding) -> str:
    """Return the message with what it is about, where it does not say so."""
    current = current_step(finding.case, finding.step)
    if current is None:
        what = "the constructor" if finding.step is None else ""
    else:
        what = str(current.get("attribute") or current.get("method") or current.get("do", ""))
        what = "the call" if what == "call" else what
    if what and finding.message.startswith("should "):
        return f"{what} {finding.message}"
    return (
        f"{what}: {finding.message}"
        if what and finding.message.startswith("expected ")
        else finding.message
    )


def _key(finding: Finding, chapter: str) -> _Key:
    is_empty = 0 in (_shape(finding) or ())
    if finding.diagnosis and not (is_empty and finding.diagnosis.startswith(_ONCE)):
        match = _KNOWN.match(finding.diagnosis)
        if match:
            return ("known", match[3])
        if finding.diagnosis.startswith(_SHIFTED):
            return ("diagnosis", _SHIFTED)
        if narrower := _PRECISION.search(finding.diagnosis):
            return ("diagnosis", narrower[1])
        if finding.diagnosis.endswith(_AMONG_ZEROS):
            return ("diagnosis", _AMONG_ZEROS)
        if finding.diagnosis.startswith(_ONLY):
            if not _says(finding):
                return _SPECIAL
            return ("diagnosis", finding.diagnosis.partition(":")[0])
        return ("diagnosis", normalised(finding.diagnosis))
    return _key_of_difference(finding, chapter)


def _says(finding: Finding) -> bool:
    """Tell whether a diagnosis says more than the message: what else cases with NaN have does not."""
    is_only = (finding.diagnosis or "").startswith(_ONLY)
    return not (is_only and _NOT_SPECIAL.search(finding.message))


def _key_of_difference(finding: Finding, chapter: str) -> _Key:
    step = _step(finding)
    shape = _shape(finding)
    if is_error(finding.got):
        types = finding.got["types"]
        kind = str(types[0]) if isinstance(types, list) and types else "exception"
        return _key_of_exception(kind, told(finding.got))
    is_accepted = _NOTHING_RAISED.fullmatch(finding.message)
    if is_accepted or (shape is not None and len(shape) != RANK):
        return _UNCHECKED
    if instead := _key_of_wanted(finding):
        return instead
    if _DAMAGED.search(finding.message):
        return ("damage",)
    if shape is not None and 0 in shape:
        return ("empty", step)
    if finding.message.startswith(ENDED):
        return ("ended", normalised(finding.message))
    if wrong := length(finding.message):
        return ("length", step, wrong)
    if count := _COUNT.fullmatch(finding.message):
        return ("losses", "few" if int(count[2]) < int(count[1]) else "many")
    if _NOT_SPECIAL.search(finding.message):
        return _SPECIAL
    if _is_numbers(finding):
        return ("numbers", step, chapter, *_NOT_A_NUMBER.findall(finding.message))
    return ("message", step, normalised(finding.message))


def length(message: str) -> str | None:
    """Return whether a message says that a side of the output is "short" or "long"; None where it says neither."""
    found = _LENGTH.fullmatch(message)
    if found is None:
        return None
    wanted, got = map(int, found.groups())
    return "short" if got < wanted else "long"


def _key_of_wanted(finding: Finding) -> _Key | None:
    """Return what stands for the exception that was raised instead of another one; None where none was."""
    instead = _INSTEAD.fullmatch(finding.message)
    return _key_of_exception(*instead.groups()) if instead else None


def _key_of_exception(kind: str, line: str) -> _Key:
    # What was received differs from case to case.
    return ("raised", kind, normalised(line.partition(" Received: ")[0]))


def _step(finding: Finding) -> str:
    current = current_step(finding.case, finding.step)
    return "constructor" if current is None else str(current.get("do", ""))


def _gravity(finding: Finding, clause: Clause | None) -> int:
    """Return how much a failure matters: 0 where a scope can do without the clause, or of exceptions."""
    if (
        clause is None
        or not clause.must
        or finding.message.startswith(WANTED)
        or is_error(finding.got)
    ):
        return 0
    return 2 if clause.scope == "numbers" else 1


def _shape(finding: Finding) -> Sequence[Any] | None:
    """Return the shape of the input that the step is about, () where it is unknown; None without an input."""
    current = current_step(finding.case, finding.step) or {}
    inputs, shape = current.get("inputs"), current.get("input_shape", "")
    if inputs is not None and is_tensor(inputs):
        shape = inputs["shape"]
    if shape is None:
        return ()
    return shape if isinstance(shape, list) else None


def _is_numbers(finding: Finding) -> bool:
    return is_tensor(finding.expected) and is_tensor(finding.got)


def _size(finding: Finding) -> tuple[bool, int, float, int, bool]:
    """What makes a case small: it repeats, is drawn in whole numbers, has few elements and steps, is shrunk."""
    steps = finding.case.get("steps")
    steps = steps if isinstance(steps, list) else []
    drawn = stamps.of_case(finding.case, finding.step)
    plainness = 2 if drawn is None else 0 if drawn.is_whole else 1
    elements = sum(_elements(value) for value in steps)
    is_once = (finding.diagnosis or "").startswith(_ONCE)
    return is_once, plainness, elements, len(steps), not finding.shrunk


def _elements(value: Any) -> float:
    """Count the elements of the tensors in a value; a shape that is none counts as too large."""
    if is_tensor(value):
        shape = value["shape"]
        sizes = shape if isinstance(shape, list) else [math.inf]
        return math.prod(size if isinstance(size, int) else math.inf for size in sizes)
    if isinstance(value, Mapping):
        return sum(_elements(item) for item in value.values())
    return sum(_elements(item) for item in value) if isinstance(value, list) else 0
