"""What a record holds, as frozen classes; values and cases stay the plain JSON they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

Json: TypeAlias = Any

#: The record formats this package reads.
FORMATS = (1,)


class RecordError(ValueError):
    """A record that cannot be used; the message is one sentence naming the file and the line."""


@attrs.frozen
class Machine:
    """Where a run took place."""

    python: str = ""
    platform: str = ""
    processor: str = ""
    cpus: int | None = None
    packages: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Subject:
    """An implementation under test, in one of its modes; `command` tells that `spec` is a program's."""

    name: str
    mode: str = ""
    spec: str = ""
    command: bool = False
    versions: Mapping[str, str] = attrs.field(factory=dict)
    settings: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What verdicts and findings call it."""
        return self.name, self.mode


@attrs.frozen
class Erratum:
    """The page's sentence as asserted, and lines to paste that show it wrong."""

    claim: str = ""
    script: str = ""


@attrs.frozen
class Deviation:
    """Where the project's own implementations do better than TensorFlow, and why."""

    what: str = ""
    reason: str = ""


@attrs.frozen
class Clause:
    """One statement about the layer; `untestable` is the reason why no run can check it.

    `picture` is the worked example as numbers: `inputs` and `kernel` as lists of rows, and arguments.
    """

    id: str
    chapter: str
    title: str
    page: str | None = None
    norm: str = ""
    agreement: tuple[str, ...] = ()
    erratum: Erratum | None = None
    deviation: Deviation | None = None
    example: str | None = None
    picture: Mapping[str, Json] | None = None
    untestable: str | None = None
    checks: tuple[str, ...] = ()


@attrs.frozen
class Header:
    """What was run, by what, where, on whom, against which clauses.

    `clauses_in_all` is how many there are to choose from; None in records that do not say it.
    """

    tool_name: str
    tool_version: str
    started: str
    command: tuple[str, ...]
    profile: str
    seed: int | None
    examples: int | None
    machine: Machine
    subjects: tuple[Subject, ...]
    clauses: tuple[Clause, ...]
    clauses_in_all: int | None = None


@attrs.frozen(eq=False)
class Evidence:
    """One case in which the page's own sentence did not hold."""

    message: str = ""
    case: Mapping[str, Json] = attrs.field(factory=dict)
    step: int | None = None
    expected: Json = None
    got: Json = None


@attrs.frozen(eq=False)
class Claim:
    """The page's own sentence, asserted against a subject: contradicted, upheld or not-run."""

    status: str
    examples: int = 0
    evidence: Evidence | None = None


@attrs.frozen(eq=False)
class Verdict:
    """One clause on one subject in one mode.

    `blocked_by` names the clauses whose failures explain those of this one: it is not failed again.
    """

    clause: str
    subject: str
    mode: str
    status: str
    examples: int = 0
    reason: str | None = None
    claim: Claim | None = None
    blocked_by: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Finding:
    """A smallest case in which a subject does not do what a clause says."""

    clause: str
    subject: str
    mode: str
    status: str
    message: str
    case: Mapping[str, Json] = attrs.field(factory=dict)
    step: int | None = None
    expected: Json = None
    got: Json = None
    index: tuple[int, ...] | None = None
    scaled_error: float | None = None
    bound: float | None = None
    diagnosis: str | None = None
    failures: int | None = None
    examples: int | None = None
    script: str | None = None
    shrunk: bool = True


@attrs.frozen
class Drift:
    """How the cases of one clause went on two releases, in one mode.

    `arguments`, `step`, `was` and `became` tell of the first case on which the two differ.
    """

    clause: str
    mode: str
    before: str
    after: str
    cases: int
    differing: int
    arguments: str
    step: str
    was: str
    became: str


@attrs.frozen
class Numerics:
    """How precise a subject's results in one format were.

    Args:
        subject, mode: whose.
        dtype: the format.
        worst: the largest scaled error of all elements that were within their bound.
        share: the largest share of its bound that an element took.
        counts: cases by the power of two below the worst scaled error of their elements; the first is below 1.
    """

    subject: str
    mode: str
    dtype: str
    worst: float
    share: float
    counts: tuple[int, ...]


@attrs.frozen
class Parameter:
    """A property of a case, and the values that it is seen to take."""

    name: str
    values: tuple[str, ...]


@attrs.frozen
class Impossible:
    """Pairs that no layer can show: any value of `first` with any value of `second`."""

    first: Parameter
    second: Parameter
    reason: str = ""


@attrs.frozen
class Exercised:
    """How often the subjects exercised each pair.

    Args:
        subjects: name and mode of each.
        cases: how many cases were counted.
        counts: row i holds the cases that show value i and value j, for every j below i; values are numbered
            through all parameters.
    """

    subjects: tuple[tuple[str, str], ...]
    cases: int
    counts: tuple[tuple[int, ...], ...]


@attrs.frozen
class Coverage:
    """Which pairs of parameter values a run exercised."""

    parameters: tuple[Parameter, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    groups: tuple[Exercised, ...] = ()


@attrs.frozen
class Mistake:
    """A known mistake, and how soon the suite rejects it.

    `examples` is the median over the seeds of the cases that the clause needed; `drawn_caught` and
    `drawn_examples` tell the same without the cases that every run begins with, None where there are no
    others. `elements`, `steps` and `shrunk` are of one seed's counterexample.
    """

    id: str
    chapter: str
    text: str
    source: str
    caught: int
    clauses: tuple[str, ...]
    unexpected: int
    examples: float | None
    drawn_caught: int | None
    drawn_examples: float | None
    elements: int | None
    steps: int | None
    shrunk: bool


@attrs.frozen
class Strength:
    """How strong the suite is, as `conformance strength` measured it."""

    date: str
    tool_version: str
    command: tuple[str, ...]
    profile: str
    seeds: int
    seconds: float | None
    mistakes: tuple[Mistake, ...]


@attrs.frozen
class Footer:
    """How the run ended."""

    complete: bool
    reason: str | None = None
    exit_status: int | None = None
    seconds: float | None = None
    counts: Mapping[str, int] = attrs.field(factory=dict)
    drift: tuple[Drift, ...] = ()
    coverage: Coverage = attrs.field(factory=Coverage)
    numerics: tuple[Numerics, ...] = ()


@attrs.frozen(eq=False)
class Record:
    """A whole run.

    `others` keeps lines of kinds that this version does not know; `path` is the file it was read from.
    """

    header: Header
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    footer: Footer
    others: tuple[Mapping[str, Json], ...] = ()
    strength: Strength | None = None
    path: str = ""
