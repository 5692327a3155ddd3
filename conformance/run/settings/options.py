"""The options of a run, spelled once for the command and for pytest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from conformance.model.clauses import SCOPES
from conformance.run.record import FolderError
from conformance.run.settings.corpus import Corpus, CorpusError, load_corpora
from conformance.run.settings.excuses import Excuse, ExcuseError, load_excuses, load_lacks
from conformance.run.settings.lacks import Lack, of_pattern
from conformance.subjects import LoadError, Subject
from conformance.subjects.processes.process import MEMORY, SECONDS_PER_CASE
from reports.records.record import Finding, Shard

#: Examples drawn for a family of average share.
PROFILES = {"smoke": 12, "core": 100, "deep": 1000}
#: What a user's mistake raises; the message is one line for the user.
USAGE_ERRORS = (LoadError, FolderError, CorpusError, ExcuseError, ValueError)
#: The most seconds that a user may let us wait: a day.
LONGEST_WAIT = 86_400
#: The most memory of a process that can be meant: a PiB.
MOST_MEMORY = 2**20
#: The most processes that can be meant.
MOST_JOBS = 1024


@attrs.frozen(kw_only=True)
class Options:
    """What the user asked for; every field is one option of `conformance run`.

    A subject is a ``--subject`` in words, or what one is in this process.
    """

    subjects: tuple[str | Subject, ...] = ()
    subject_commands: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    profile: str = "core"
    examples: int | None = None
    seed: int = 0
    out: Path = Path("conformance-report")
    excuses: tuple[Excuse, ...] = ()
    lacks: tuple[Lack, ...] = ()
    corpora: tuple[Corpus, ...] = ()
    seconds_per_case: float = SECONDS_PER_CASE
    memory: float = MEMORY
    resume: bool = False
    #: How many processes explore; None for one a core, where there is enough to explore.
    jobs: int | None = 1
    #: Which part of the cases is run, of how many, and nothing judged; None for the whole run.
    shard: Shard | None = None
    #: What an earlier run has found: these cases are tried before any other, and may be enough.
    findings: tuple[Finding, ...] = ()
    #: The words of the command that repeats the run.
    command: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of what decides verdicts and is not in a record's header."""
        corpora = [
            (
                corpus.clause.id,
                [(one.name, one.case.id, one.rtol, one.atol) for one in corpus.cases],
            )
            for corpus in self.corpora
        ]
        lacks = (self.lacks,) if self.lacks else ()
        told = repr((self.excuses, *lacks, corpora, self.seconds_per_case, self.memory))
        return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    @property
    def count(self) -> int:
        """Examples for a family of average share."""
        return PROFILES[self.profile] if self.examples is None else self.examples


@attrs.frozen(kw_only=True)
class Choice:
    """One option: its spelling, what it means, and the shape of its value."""

    flag: str
    help: str
    metavar: str
    default: Any = None
    repeatable: bool = False
    type: Any = str
    choices: tuple[str, ...] | None = None

    @property
    def is_flag(self) -> bool:
        """Whether the option takes no value."""
        return self.type is bool

    @property
    def name(self) -> str:
        """The option as an identifier."""
        return self.flag.lstrip("-").replace("-", "_")


CHOICES = (
    Choice(
        flag="--subject",
        metavar="SPEC",
        repeatable=True,
        help="What to test: reference, fast, fast:ALGORITHM, tensorflow[@VERSION][:MODE] (eager, graph or v1; "
        "default: the first two), a framework of `conformance subjects` such as torch or torch:exact, "
        "path/to/file.py:Name or package.module:Name (a class or a function); a name of your own before "
        "it is kept: old=v1.py:Layer. Repeatable. Default: reference, fast, and tensorflow if installed.",
    ),
    Choice(
        flag="--subject-command",
        metavar="COMMAND",
        repeatable=True,
        help="A program that reads one case a line and writes one observation a line (docs/protocol.md).",
    ),
    Choice(
        flag="--scope",
        metavar="SCOPE",
        repeatable=True,
        choices=SCOPES,
        help="Judge only what is claimed: numbers, layer, training or drop-in. Repeatable.",
    ),
    Choice(
        flag="--clause",
        metavar="PATTERN",
        repeatable=True,
        help="Judge only the clauses that match, such as 'PAD-*'. Repeatable.",
    ),
    Choice(
        flag="--require",
        metavar="PATTERN",
        repeatable=True,
        help="Clauses that must pass on every subject, such as 'PAD-*', or a scope's must-pass list, such as "
        "numbers; else status 1. Repeatable.",
    ),
    Choice(
        flag="--profile",
        metavar="PROFILE",
        default="core",
        choices=tuple(PROFILES),
        help="How many examples: "
        + ", ".join(f"{k} {v}" for k, v in PROFILES.items())
        + " for a family of cases of average size.",
    ),
    Choice(
        flag="--examples",
        metavar="N",
        type=int,
        help="That many examples, instead of the profile's.",
    ),
    Choice(
        flag="--seed", metavar="N", type=int, default=0, help="The same seed draws the same cases."
    ),
    Choice(
        flag="--out",
        metavar="FOLDER",
        type=Path,
        default=Path("conformance-report"),
        help="Where run.jsonl and index.html go.",
    ),
    Choice(
        flag="--jobs",
        metavar="N",
        type=int,
        help="How many processes run cases (each needs memory for a subject of its own); the record is the same "
        "for any number. Default: one a core, where that saves time.",
    ),
    Choice(
        flag="--resume",
        metavar="",
        type=bool,
        default=False,
        help="Continue the unfinished run in that folder, if there is one; the other options must be the same.",
    ),
    Choice(
        flag="--expect",
        metavar="FILE",
        type=Path,
        help="TOML file of excused failures, and of lacks; an excuse that no longer fails is an error.",
    ),
    Choice(
        flag="--unsupported",
        metavar="REGEX",
        repeatable=True,
        help="Errors whose message has this tell what the subject does not offer: no failures. Repeatable.",
    ),
    Choice(
        flag="--corpus",
        metavar="FOLDER",
        repeatable=True,
        type=Path,
        help="Also run the recorded cases (*.jsonl) of a folder. Repeatable.",
    ),
    Choice(
        flag="--timeout",
        metavar="SECONDS",
        type=float,
        default=SECONDS_PER_CASE,
        help="How long one case may take in a subject's process: seconds of a processor while it computes (four "
        "times as many of the clock at most), seconds of the clock while it sleeps.",
    ),
    Choice(
        flag="--memory",
        metavar="GIB",
        type=float,
        default=MEMORY,
        help="How much memory a subject's processes may use together (watched on Linux).",
    ),
)


def check_seconds(flag: str, seconds: float) -> None:
    """Raise ValueError unless `seconds` is a time that can be waited for."""
    if not 0 < seconds <= LONGEST_WAIT:
        raise ValueError(
            f"{flag} {seconds:g}: must be above 0 and at most {LONGEST_WAIT:,} seconds"
        )


def lack_of(pattern: str) -> Lack:
    """Return the lack for an ``--unsupported``; raise ValueError where it is no regular expression."""
    return of_pattern(pattern, f"--unsupported {pattern!r}")


def check_memory(flag: str, memory: float) -> None:
    """Raise ValueError unless `memory` is a size that a process can use, in GiB."""
    if not 0 < memory <= MOST_MEMORY:
        raise ValueError(f"{flag} {memory:g}: must be above 0 and at most {MOST_MEMORY:,} GiB")


def make_options(values: Mapping[str, Any], command: Sequence[str]) -> Options:
    """Return the run's options from parsed values, by `Choice.name`.

    Args:
        values: by name.
        command: the words of the command that repeats the run.

    Raises:
        one of `USAGE_ERRORS`, naming the option, its value and the rule.
    """
    examples = values["examples"]
    if examples is not None and examples < 1:
        raise ValueError(f"--examples {examples}: at least 1 is needed")
    if not -(2**63) <= values["seed"] < 2**63:
        raise ValueError(f"--seed {values['seed']}: at most 64 bits")
    jobs = values["jobs"]
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise ValueError(f"--jobs {jobs}: must be from 1 to {MOST_JOBS}")
    check_seconds("--timeout", values["timeout"])
    check_memory("--memory", values["memory"])
    excuses = load_excuses(values["expect"]) if values["expect"] else ()
    lacks = list(load_lacks(values["expect"])) if values["expect"] else []
    lacks += map(lack_of, values["unsupported"] or ())
    corpora = tuple(corpus for folder in values["corpus"] or () for corpus in load_corpora(folder))
    ids = [corpus.clause.id for corpus in corpora]
    for double in {id_ for id_ in ids if ids.count(id_) > 1}:
        raise CorpusError(f"--corpus: two files would be the clause {double}; rename one of them")
    return Options(
        subjects=tuple(values["subject"] or ()),
        subject_commands=tuple(values["subject_command"] or ()),
        scopes=tuple(values["scope"] or ()),
        clauses=tuple(values["clause"] or ()),
        required=tuple(values["require"] or ()),
        profile=values["profile"],
        examples=examples,
        seed=values["seed"],
        out=values["out"],
        excuses=excuses,
        lacks=tuple(lacks),
        corpora=corpora,
        seconds_per_case=values["timeout"],
        memory=values["memory"],
        resume=values["resume"],
        jobs=jobs,
        command=tuple(command),
    )
