"""What a record holds: one class for each kind of line, and nothing else says it.

Reading (`reports.records.lines`), writing (`to_json`) and the schema (`reports.records.schema`) follow these
classes: a field's name is its name in the record, its type is what may stand there, and a default takes the
place of null or nothing, so that a field which older records lack needs one. `Annotated` adds what the schema
demands of writers; readers are lenient there, so that they understand later versions. Values and cases stay the
plain JSON they are.

After a change: ``python -m reports.records.schema conformance/run/record.schema.json``.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import attrs

from reports.records import statuses

#: The record formats this package reads; the last one is written.
FORMATS = (1,)
#: What the record of a run is called, and while the run goes on.
FILE_NAME = "run.jsonl"
PARTIAL_NAME = "run.partial.jsonl"
#: What the record of the run before is called, once a new one has taken its place.
PREVIOUS_NAME = "run.previous.jsonl"


class RecordError(ValueError):
    """A record that cannot be used; the message is one sentence naming the file and the line."""


@attrs.frozen
class Rule:
    """What the schema says of a field beside its type: keywords of JSON Schema, and a description.

    `written` is a field that every writer writes, though readers can do without.
    """

    about: str = ""
    written: bool = False
    keywords: Mapping[str, Any] = attrs.field(factory=dict)


def rule(about: str = "", *, written: bool = False, **keywords: Any) -> Rule:
    """Return a rule; `about` describes the field."""
    return Rule(about, written, keywords)


WRITTEN = rule(written=True)

Json: TypeAlias = Any
Name: TypeAlias = Annotated[str, rule(minLength=1)]
ClauseId: TypeAlias = Annotated[str, rule(pattern="^[A-Za-z0-9][A-Za-z0-9_.:/-]*$")]
Mode: TypeAlias = Annotated[str, rule("Such as eager or graph.", type=["string", "null"])]
Count: TypeAlias = Annotated[int, rule(minimum=0)]
Positive: TypeAlias = Annotated[float, rule(minimum=0)]
Case: TypeAlias = Annotated[Mapping[str, Json], rule(ref="case")]
StepNumber: TypeAlias = Annotated[
    int | None, rule("A position in the case's steps, from 0.", minimum=0)
]


@attrs.frozen
class Tool:
    """What wrote a document."""

    name: Annotated[Name, WRITTEN] = ""
    version: Annotated[str, WRITTEN] = ""


@attrs.frozen
class Machine:
    """Where a run took place."""

    python: Annotated[str, WRITTEN] = ""
    platform: str = ""
    processor: str = ""
    cpus: Annotated[int | None, rule(minimum=1)] = None
    packages: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Subject:
    """An implementation under test, in one of its modes; what runs in two modes has two entries."""

    name: Name
    mode: Annotated[Mode, WRITTEN] = ""
    spec: Annotated[str, rule("What was given to --subject, or to --subject-command.")] = ""
    command: Annotated[bool, rule("Whether it is a --subject-command.")] = False
    versions: Mapping[str, str] = attrs.field(factory=dict)
    settings: Mapping[str, str] = attrs.field(factory=dict)
    capabilities: Annotated[
        Mapping[str, Json],
        rule(
            "What it has, declared or found by tiny cases: a list of names, or whether it has it."
        ),
    ] = attrs.field(factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What verdicts and findings call it."""
        return self.name, self.mode


@attrs.frozen
class Erratum:
    """The page's sentence as asserted, and lines of Python to paste that show it wrong."""

    claim: Annotated[str, WRITTEN] = ""
    script: Annotated[str, WRITTEN] = ""


@attrs.frozen
class Deviation:
    """Where the project's own implementations do better than TensorFlow, and why."""

    what: Annotated[str, WRITTEN] = ""
    reason: Annotated[str, WRITTEN] = ""


_AGREEMENTS = {"enum": ["holds", "erratum", "silent", "mode", "version"]}
_ROWS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}


@attrs.frozen
class Clause:
    """One statement about the layer."""

    id: ClauseId
    chapter: Name
    title: Name
    page: Annotated[
        str | None, rule("The page's sentence; null where it is silent.", written=True)
    ] = None
    norm: Annotated[
        str, rule("What is checked; `code` stands between backticks.", written=True)
    ] = ""
    agreement: Annotated[
        tuple[str, ...],
        rule(
            "How page and TensorFlow agree.", written=True,
            minItems=1, uniqueItems=True, items={"type": "string", **_AGREEMENTS},
        ),
    ] = ()  # fmt: skip
    scope: Annotated[
        str,
        rule(
            "What somebody claims who claims it.", enum=["numbers", "layer", "training", "drop-in"]
        ),
    ] = ""
    must: Annotated[bool, rule("Whether who claims the scope must pass it.")] = False
    erratum: Erratum | None = None
    deviation: Deviation | None = None
    example: str | None = None
    picture: Annotated[
        Mapping[str, Json] | None,
        rule(
            "The worked example as numbers: one image, one channel, one filter, and arguments of the layer.",
            required=["inputs", "kernel"],
            properties={"inputs": _ROWS, "kernel": _ROWS, "bias": {"type": "number"}},
        ),
    ] = None  # fmt: skip
    untestable: Annotated[str | None, rule("Why no run can check this clause.")] = None
    checks: Annotated[tuple[str, ...], WRITTEN] = ()


@attrs.frozen
class Shard:
    """A part of the cases of a run: `number` is from 1 to `of`."""

    number: Annotated[int, rule(minimum=1)]
    of: Annotated[int, rule(minimum=1)]

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@attrs.frozen(kw_only=True)
class Header:
    """What was run, by what, where, on whom, against which clauses."""

    tool: Tool
    subjects: tuple[Subject, ...]
    clauses: tuple[Clause, ...]
    started: Annotated[
        str,
        rule(
            "When the run started, in UTC.", written=True,
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
        ),
    ] = ""  # fmt: skip
    command: Annotated[
        tuple[str, ...], rule("The words of the command that repeats the run.", written=True)
    ] = ()
    profile: Annotated[str, WRITTEN] = ""
    seed: Annotated[int | None, WRITTEN] = None
    examples: Annotated[
        int | None,
        rule("The most examples a clause is given on a subject.", written=True, minimum=0),
    ] = None
    machine: Annotated[Machine, WRITTEN] = attrs.field(factory=Machine)
    clauses_in_all: Annotated[
        int | None,
        rule(
            "How many clauses there are, those that this run was told to leave out included.",
            minimum=0,
        ),
    ] = None
    whole_scopes: Annotated[
        tuple[str, ...], rule("The scopes of which this run was told to judge every clause.")
    ] = ()
    rules: Annotated[
        int, rule("The version of the rules by which scopes are told (docs/interpreting.md).", minimum=0)
    ] = 0  # fmt: skip
    conditions: Annotated[
        str,
        rule("A digest of what else decides verdicts: excuses, recorded cases, the time limit."),
    ] = ""
    shard: Annotated[
        Shard | None,
        rule(
            "The part of the run's cases that this is, which has no verdicts; null for all of them."
        ),
    ] = None
    format: Annotated[int, rule(written=True, const=FORMATS[-1])] = FORMATS[-1]

    @property
    def tool_name(self) -> str:
        """What wrote the record."""
        return self.tool.name

    @property
    def tool_version(self) -> str:
        """Its version."""
        return self.tool.version


@attrs.frozen(eq=False)
class Evidence:
    """One case in which the page's own sentence did not hold."""

    message: Annotated[str, WRITTEN] = ""
    case: Annotated[Case, WRITTEN] = attrs.field(factory=dict)
    step: StepNumber = None
    expected: Json = None
    got: Json = None


@attrs.frozen(eq=False)
class Claim:
    """The page's own sentence, asserted against a subject."""

    status: Annotated[str, rule(enum=["contradicted", "upheld", "not-run"])]
    examples: Count = 0
    evidence: Evidence | None = None


@attrs.frozen(kw_only=True, eq=False)
class Verdict:
    """One clause on one subject in one mode.

    `reason` tells people why the status is not a pass, `reason_kind` tells programs. `part` says of a pass on what
    part of its cases the clause held, where on others the subject lacks something or a more basic clause fails.
    `blocked_by` names the clauses whose failures explain those of this one: they are not failed again. `normwise`
    says on how many cases the clause held by the second bound alone: results are accurate beside the largest
    number of their image, and not each beside its own sum.
    """

    clause: ClauseId
    subject: Name
    mode: Annotated[Mode, WRITTEN] = ""
    status: Annotated[str, rule(enum=list(statuses.RECORDED))]
    examples: Annotated[Count, WRITTEN] = 0
    reason: str | None = None
    reason_kind: Annotated[str | None, rule(enum=[*statuses.REASONS, None])] = None
    claim: Claim | None = None
    part: str | None = None
    blocked_by: tuple[ClauseId, ...] = ()
    normwise: Count = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Clause, subject and mode, by which findings belong to it."""
        return self.clause, self.subject, self.mode


@attrs.frozen(kw_only=True, eq=False)
class Finding:
    """The smallest case in which a subject does not do what a clause says."""

    clause: ClauseId
    subject: Name
    mode: Annotated[Mode, WRITTEN] = ""
    status: Annotated[
        str,
        rule(
            "harness-error: the suite broke over this case, or could not write down what it found.",
            written=True, enum=["fail", "error", "harness-error"],
        ),
    ] = "fail"  # fmt: skip
    message: Name
    case: Annotated[Case, WRITTEN] = attrs.field(factory=dict)
    step: StepNumber = None
    expected: Annotated[Json, WRITTEN] = None
    got: Annotated[Json, WRITTEN] = None
    index: Annotated[
        tuple[int, ...] | None,
        rule("The failing element within expected and got.", items={"type": "integer", "minimum": 0}),
    ] = None  # fmt: skip
    scaled_error: float | None = None
    bound: float | None = None
    diagnosis: str | None = None
    undiagnosed: Annotated[bool, rule("It has no diagnosis: the search for one was given up.")] = (
        False
    )
    failures: Annotated[int | None, rule(minimum=0)] = None
    examples: Annotated[int | None, rule(minimum=0)] = None
    script: str | None = None
    shrunk: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        """Clause, subject and mode, by which it belongs to a verdict."""
        return self.clause, self.subject, self.mode


@attrs.frozen
class Difference:
    """The first case on which two releases differ: what was done, and what each of the two did."""

    arguments: str = ""
    step: str = ""
    before: str = ""
    after: str = ""
    case: str = ""


@attrs.frozen(kw_only=True)
class Drift:
    """How the cases of one clause went on two releases, the older one `before`, in one mode."""

    clause: Name
    mode: str
    before: Name
    after: Name
    example: Difference
    cases: Annotated[int, rule(written=True, minimum=1)] = 0
    differing: Annotated[int, rule(written=True, minimum=1)] = 0


@attrs.frozen(kw_only=True)
class Numerics:
    """How precise a subject's results in one format were."""

    subject: Name
    dtype: Name
    counts: Annotated[
        tuple[Count, ...],
        rule("Comparisons whose worst scaled error is below 1, below 2, below 4 ..."),
    ]
    mode: Annotated[Mode, WRITTEN] = ""
    worst: Annotated[
        Positive,
        rule("The largest scaled error, in units of unit roundoff times S.", written=True),
    ] = 0.0
    share: Annotated[
        Positive, rule("The largest share of its bound that an element took.", written=True)
    ] = 0.0
    shares: Annotated[
        tuple[Count, ...],
        rule(
            "Comparisons by the largest share of its bound that an element took: none, up to 0.1, up to 0.2 ...",
            maxItems=11,
        ),
    ] = ()

    def __attrs_post_init__(self) -> None:
        for counts in (self.counts, self.shares):
            if any(count < 0 for count in counts):
                raise ValueError(f"the counts must be whole numbers from 0 on, not {list(counts)}")
        if len(self.shares) > 11:
            raise ValueError(f"the shares of the bound must be at most 11, not {len(self.shares)}")


_Values: TypeAlias = Annotated[
    tuple[str, ...], rule(minItems=1, items={"type": "string", "minLength": 1})
]


@attrs.frozen
class Parameter:
    """A property of a case, and the values that it is seen to take."""

    name: Name
    values: Annotated[_Values, WRITTEN] = ()


@attrs.frozen
class Side:
    """Some values of a parameter."""

    parameter: Name
    values: Annotated[_Values, WRITTEN] = ()


@attrs.frozen
class Impossible:
    """Pairs that no layer can show: any value of `first` with any value of `second`."""

    first: Side
    second: Side
    reason: Annotated[Name, WRITTEN] = ""


@attrs.frozen
class Who:
    """A subject in a mode."""

    name: Name
    mode: Annotated[Mode, WRITTEN] = ""


@attrs.frozen(kw_only=True)
class Exercised:
    """How often subjects that were judged on the same cases exercised each pair."""

    subjects: Annotated[tuple[Who, ...], rule(minItems=1)]
    counts: Annotated[
        tuple[tuple[Count, ...], ...],
        rule(
            "Row i: the cases with value i and value j, for each j below i; values are numbered through "
            "all parameters, from 0."
        ),
    ]
    cases: Annotated[Count, WRITTEN] = 0

    def __attrs_post_init__(self) -> None:
        for length, row in enumerate(self.counts):
            if len(row) != length or any(count < 0 for count in row):
                raise ValueError(
                    f"row {length} of the counts must be {length} whole numbers, not {list(row)}"
                )


@attrs.frozen
class Coverage:
    """How many cases showed each pair of values of two parameters, their call's result judged."""

    parameters: tuple[Parameter, ...]
    impossible: tuple[Impossible, ...]
    groups: tuple[Exercised, ...]

    def __attrs_post_init__(self) -> None:
        values = {(p.name, value) for p in self.parameters for value in p.values}
        for side in (side for one in self.impossible for side in (one.first, one.second)):
            for value in side.values:
                if (side.parameter, value) not in values:
                    told = f"{json.dumps(side.parameter)} has the value {json.dumps(value)}"
                    raise ValueError(f"no parameter {told}")
        for group in self.groups:
            if len(group.counts) != len(values):
                raise ValueError(
                    f"the counts must have a row for each of {len(values)} values, "
                    f"not {len(group.counts)}"
                )


@attrs.frozen
class Drawn:
    """How a mistake is caught without the cases that every run begins with."""

    caught: int | None = None
    examples: float | None = None


@attrs.frozen
class Smallest:
    """The size of one seed's counterexample; not shrunk where it is a fixed case."""

    shrunk: bool
    elements: int | None = None
    steps: int | None = None


@attrs.frozen
class Mistake:
    """A known mistake, and how soon the suite rejects it.

    `clauses` are those that failed first, each with its number of seeds; `examples` is the median over the seeds
    of the cases that the clause needed; `drawn` is None where there are no drawn cases.
    """

    id: str
    chapter: str = ""
    text: str = ""
    source: str = ""
    caught: int = 0
    clauses: Mapping[str, Json] = attrs.field(factory=dict)
    unexpected: int = 0
    examples: float | None = None
    drawn: Drawn | None = None
    smallest: Smallest | None = None


@attrs.frozen
class Mutants:
    """Mutants that nobody chose, judged by the cases of a run alone (`tox run -e killer`).

    `low` and `high` are the ends of the 95 % confidence interval of the share that is killed, of those that are
    not equivalent.
    """

    mutants: int
    killed: int
    equivalent: int = 0
    low: float = 0.0
    high: float = 1.0
    date: str = ""

    @property
    def distinct(self) -> int:
        """How many can be told from the original."""
        return self.mutants - self.equivalent

    @property
    def score(self) -> float:
        """The share of those that is killed."""
        return self.killed / self.distinct if self.distinct > 0 else 0.0


@attrs.frozen
class Strength:
    """How strong the suite is, as `conformance strength` measured it (its `strength.schema.json`)."""

    format: int
    tool: Tool
    mistakes: tuple[Mistake, ...]
    date: str = ""
    command: tuple[str, ...] = ()
    profile: str = ""
    seeds: int = 0
    seconds: float | None = None
    mutants: Mutants | None = None


@attrs.frozen(eq=False)
class Measurement:
    """How soon the suite rejects each known mistake, as measured: a document of strength.schema.json."""

    measurement: Annotated[Mapping[str, Json], rule(required=["format", "seeds", "mistakes"])]


@attrs.frozen(kw_only=True)
class Seen:
    """Cases of a family that are about the same and went the same way.

    `traits` are the aspects in which they are not ordinary; `cause` says what is wrong with the first of them,
    `lack` why the subject has no result that they are about.
    """

    traits: tuple[str, ...]
    cases: Count
    cause: str | None = None
    lack: str | None = None


@attrs.frozen
class Said:
    """A message with which a subject refused `cases` cases of a family."""

    message: Name
    cases: Count


@attrs.frozen(kw_only=True, eq=False)
class Failed:
    """A case on which a clause does not hold: its id, and what a `Finding` says of one.

    `refused` tells that the right layer refuses the case, or its step.
    """

    case: Name
    status: Annotated[str, rule(enum=["fail", "error"])]
    message: Name
    refused: bool = False
    step: StepNumber = None
    expected: Json = None
    got: Json = None
    index: tuple[int, ...] | None = None
    scaled_error: float | None = None
    bound: float | None = None


@attrs.frozen(kw_only=True, eq=False)
class Tally:
    """What the cases of a block say about one clause, or, where it `claims`, about the page's sentence.

    `held` and `left` count cases on which it holds, and that were left out; `held_values` and `left_values` are
    parameter values of these; `normwise` is as in `Verdict`. `broken` is what the harness did wrong
    first, on `broken_case`.
    """

    clause: ClauseId
    claims: bool = False
    held: Count = 0
    left: Count = 0
    normwise: Count = 0
    held_values: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    left_values: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    unsupported: Annotated[Mapping[str, Count], rule("Reasons, each with its cases.")] = (
        attrs.field(factory=dict)
    )
    failures: tuple[Failed, ...] = ()
    not_tried: str | None = None
    broken: str | None = None
    broken_case: Annotated[Json, rule("A case, or null.")] = None


@attrs.frozen(kw_only=True, eq=False)
class Explored:
    """A block of a family's cases that a subject has run: a piece of a run, which another process may make.

    Only the record of an unfinished run, or of a part of one, holds such lines: verdicts are made of them.
    Blocks are numbered from 0: first those of listed cases, then those of drawn ones. `failing` are the cases on
    which some clause does not hold, without listed ones, which the suite has; where there are any, `held` are the
    ids of all others. `cases` counts those that the subject was asked about, `exercised` those that gave a result
    which was judged, `digest` stands for the ids of these, and `pairs` counts as in `Exercised`. `numerics` says
    how precise results were, `seen` what the cases say about aspects, `said` has the messages of errors, `lacks`
    the words that stood for what the subject does not offer. `lost` are seconds that crashes cost, `large` the
    bytes of large answers.
    """

    subject: Name
    mode: Annotated[Mode, WRITTEN] = ""
    family: Name
    block: Count = 0
    tallies: tuple[Tally, ...] = ()
    failing: tuple[Case, ...] = ()
    held: tuple[str, ...] = ()
    cases: Count = 0
    exercised: Count = 0
    digest: str = ""
    pairs: tuple[tuple[Count, ...], ...] = ()
    numerics: tuple[Numerics, ...] = ()
    seen: tuple[Seen, ...] = ()
    said: tuple[Said, ...] = ()
    lacks: tuple[str, ...] = ()
    lost: Positive = 0.0
    large: Count = 0


@attrs.frozen
class Aspect:
    """What the cases of a run say about one aspect of a subject.

    Args:
        subject, mode: whose.
        name: such as `dilation` or `float64`.
        right: cases on which every clause holds.
        judged: cases on which the subject gave a result, or raised where it must not.
        cause: why cases are wrong; where none was judged, why not.
    """

    subject: Name
    mode: Annotated[Mode, WRITTEN]
    name: Name
    right: Count = 0
    judged: Count = 0
    cause: str | None = None


@attrs.frozen
class SaidOften:
    """A message with which a subject refused many cases.

    Args:
        subject, mode: whose.
        message: the message's first line.
        cases: how many cases it refused so.
        pattern: a regular expression for ``--unsupported``, for whoever does not offer this.
    """

    subject: Name
    mode: Annotated[Mode, WRITTEN]
    message: Name
    cases: Count
    pattern: Name

    def __str__(self) -> str:
        say = "error says" if self.cases == 1 else "errors say"
        return (
            f"{self.cases:,} {say} '{self.message}': if your layer does not offer this, say "
            f"--unsupported {shlex.quote(self.pattern)}"
        )


@attrs.frozen
class Footer:
    """How the run ended."""

    complete: Annotated[bool, rule("False where the run was interrupted.")]
    reason: str | None = None
    exit_status: Annotated[int | None, WRITTEN] = None
    seconds: Annotated[float | None, rule(written=True, minimum=0)] = None
    counts: Annotated[Mapping[str, Count], rule("Verdicts by status.", written=True)] = attrs.field(
        factory=dict
    )
    drift: Annotated[
        tuple[Drift, ...],
        rule("Clauses whose cases went differently on two releases of a framework."),
    ] = ()
    coverage: Coverage | None = None
    numerics: Annotated[
        tuple[Numerics, ...],
        rule("Scaled errors of results within their bounds, by subject and format."),
    ] = ()
    aspects: Annotated[
        tuple[Aspect, ...],
        rule("What the cases say about each aspect of a subject, for the scoreboard."),
    ] = ()
    undiagnosed: Annotated[
        int, rule("Findings without a diagnosis: the search for one was given up.", minimum=0)
    ] = 0
    said_often: Annotated[
        tuple[SaidOften, ...],
        rule("Messages of errors that may tell what a subject does not offer."),
    ] = ()


#: The kinds of lines, and what each of them holds.
LINES: Mapping[str, type[attrs.AttrsInstance]] = {
    "header": Header,
    "verdict": Verdict,
    "finding": Finding,
    "explored": Explored,
    "strength": Measurement,
    "footer": Footer,
}
Entry: TypeAlias = Header | Verdict | Finding | Explored | Measurement | Footer


def to_json(entry: Entry) -> dict[str, Any]:
    """Return a line as the record holds it; arrays in its values are the writer's to encode."""
    (kind,) = (kind for kind, holds in LINES.items() if holds is type(entry))
    return {"kind": kind, **_plain(entry)}


def _plain(value: Any) -> Any:
    """Take classes apart; values and cases, which hold none, stay as they are."""
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


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
    explored: tuple[Explored, ...] = ()

    @property
    def unfinished(self) -> str | None:
        """How far a run came that did not reach its end, in words; None for one that did."""
        if self.footer.complete:
            return None
        subjects, clauses = self.header.subjects, self.header.clauses
        asked = {(clause.id, *subject.key) for clause in clauses for subject in subjects}
        judged = asked & {verdict.key for verdict in self.verdicts}
        reason = f" ({self.footer.reason})" if self.footer.reason else ""
        each = f" ({len(clauses)} on each of {len(subjects)} subjects)" if len(subjects) > 1 else ""
        return f"unfinished{reason}: {len(judged)} of {len(asked)} clauses judged{each}"
