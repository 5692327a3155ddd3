"""A run: subjects, clauses, campaigns, verdicts, and the record they end in."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

import reports
from conformance import __version__
from conformance.cases import FAMILIES
from conformance.cases import space as coverage
from conformance.checks import CHECKS, Traits
from conformance.findings.diagnosis import Diagnostician
from conformance.findings.scripts import script_for
from conformance.judge.campaign import Tally, explore, shrink
from conformance.judge.workbench import Failure, Workbench
from conformance.model import machine
from conformance.model.case import Case
from conformance.model.clauses import Clause, all_clauses, matching
from conformance.model.codec import encode
from conformance.oracle.comparison import Mismatch, listening
from conformance.run.corpus import Corpus, judge_recorded
from conformance.run.drift import Drift, find_drift
from conformance.run.excuses import Excuse, excused
from conformance.run.numerics import Numerics
from conformance.run.record import FORMAT, RecordWriter
from conformance.strength import measurement as strength
from conformance.subjects import Subject, default_specs, resolve, resolve_command
from conformance.subjects.loading import LoadError, is_tensorflow

#: Examples drawn for a family of average share.
PROFILES = {"smoke": 12, "core": 100, "deep": 1000}
#: Verdicts that keep a run from conforming.
BAD = frozenset({"fail", "error", "stale-excuse"})
#: Cases whose expectations and observations a run remembers, so that a night's run fits into memory.
KEPT = 20_000


@attrs.frozen(kw_only=True)
class Options:
    """What the user asked for; every field is one option of `conformance run`."""

    subjects: tuple[str, ...] = ()
    subject_commands: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    profile: str = "core"
    examples: int | None = None
    seed: int = 0
    out: Path = Path("conformance-report")
    excuses: tuple[Excuse, ...] = ()
    corpora: tuple[Corpus, ...] = ()
    seconds_per_case: float = 20.0
    #: The words of the command that repeats the run.
    command: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Examples for a family of average share."""
        return PROFILES[self.profile] if self.examples is None else self.examples


@attrs.frozen(kw_only=True)
class Verdict:
    """What a run says about one clause and one subject."""

    clause: str
    subject: str
    mode: str
    status: str
    examples: int
    reason: str | None = None
    claim: dict[str, Any] | None = None
    text: str = ""


class Run:
    """Judges clauses on subjects, each when it is asked for, and writes the record.

    Raises:
        LoadError: a subject cannot be loaded.
        OutputError: the output folder cannot be written.
        ValueError: a clause pattern matches nothing.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._progress: Callable[[str, Subject, int], None] = lambda *_: None
        self._started = time.monotonic()
        self.clauses = _chosen(options)
        self._corpora = {corpus.clause.id: corpus for corpus in options.corpora}
        self._tallies: dict[tuple[str, str, str], dict[tuple[str, bool], Tally]] = {}
        self._verdicts: dict[tuple[str, str, str], Verdict] = {}
        self._small: dict[tuple[str, str], dict[str, Case]] = {}
        self._numerics = Numerics()
        self._cases_run: dict[tuple[str, str, str], int] = {}
        self.subjects: list[Subject] = []
        self._descriptions: list[dict[str, Any]] = []
        self._record: RecordWriter | None = None
        try:
            self._load_subjects()
            # Drift compares what releases did with the same cases; nothing else needs them all.
            self._bench = Workbench(keep=None if self._release_pairs() else KEPT)
            self._diagnostician = Diagnostician(
                self._bench, examples=options.count, run_seed=options.seed
            )
            self._record = RecordWriter(options.out)
            self._record.write("header", **self._header())
        except BaseException:
            self.close()
            raise

    def _load_subjects(self) -> None:
        options = self.options
        specs = options.subjects
        if not specs and not options.subject_commands:
            specs = default_specs()
        for spec in specs:
            self.subjects += resolve(spec, options.seconds_per_case)
        for command in options.subject_commands:
            self.subjects.append(resolve_command(command, options.seconds_per_case))
        seen: set[tuple[str, str]] = set()
        for subject in self.subjects:
            if (subject.name, subject.mode) in seen:
                raise LoadError(
                    f"two subjects are called {subject.name!r}; give one another name, as in "
                    f"--subject other={subject.spec}"
                )
            seen.add((subject.name, subject.mode))
            self._descriptions.append(subject.describe())

    def on_progress(self, progress: Callable[[str, Subject, int], None]) -> None:
        """Have `progress` called with family, subject and the cases done, after every case."""
        self._progress = progress

    @property
    def is_default(self) -> bool:
        """Whether the user named no subject."""
        return not self.options.subjects and not self.options.subject_commands

    def items(self) -> list[tuple[Subject, Clause]]:
        """Return every pair to be judged, subject by subject."""
        return [(subject, clause) for subject in self.subjects for clause in self.clauses]

    @cached_property
    def total_cases(self) -> int:
        """About how many cases the run will make."""
        families = {name for c in self.clauses for name in _families_of(c.id)}
        counts = sum(
            len(FAMILIES[name].fixed)
            + (
                round(self.options.count * FAMILIES[name].share)
                if FAMILIES[name].strategy is not None
                else 0
            )
            for name in families
        )
        recorded = sum(len(corpus.cases) for corpus in self.options.corpora)
        return (counts + recorded) * len(self.subjects)

    def verdict(self, subject: Subject, clause: Clause) -> Verdict:
        """Return the verdict, judging the clause if that has not been done yet."""
        key = (subject.name, subject.mode, clause.id)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(subject, clause)
        return self._verdicts[key]

    def traits(self, subject: Subject) -> Traits:
        """Return what norms may depend on."""
        return traits_of(subject, self._descriptions[self.subjects.index(subject)])

    def finish(self, *, missing: str | None = None) -> Path:
        """Write footer and page; return where the page is.

        Args:
            missing: why clauses were left unjudged; None where all have their verdict.
        """
        assert self._record is not None
        counts: dict[str, int] = {}
        for verdict in self._verdicts.values():
            counts[verdict.status] = counts.get(verdict.status, 0) + 1
        self._record.write("strength", measurement=strength.shipped())
        path = self._record.finish(
            complete=missing is None,
            reason=missing,
            exit_status=self.exit_status,
            seconds=round(time.monotonic() - self._started, 1),
            counts=counts,
            drift=[attrs.asdict(drift) for drift in self._drift()],
            coverage=coverage.to_json(self.coverage()),
            numerics=self._numerics.to_json(),
        )
        self.close()
        page = path.with_name("index.html")
        reports.write(reports.load(path), page)
        return page

    def coverage(self) -> list[tuple[list[Subject], coverage.Coverage]]:
        """Count the pairs of parameter values; subjects that exercised the same cases stand together."""
        groups: dict[frozenset[str], list[Subject]] = {}
        rows: dict[str, Mapping[str, str]] = {}
        for subject in self.subjects:
            exercised = self._bench.exercised(subject)
            groups.setdefault(frozenset(exercised), []).append(subject)
            rows.update(exercised)
        return [
            (subjects, coverage.Coverage.of_values(rows[name] for name in names))
            for names, subjects in groups.items()
        ]

    def _release_pairs(self) -> list[tuple[Subject, Subject]]:
        """Return the oldest release of TensorFlow with each of the others, mode by mode."""
        pairs = []
        for mode in dict.fromkeys(subject.mode for subject in self.subjects):
            releases = [s for s in self.subjects if s.mode == mode and self.traits(s).tensorflow]
            releases.sort(key=lambda s: self.traits(s).release)
            pairs += [(releases[0], other) for other in releases[1:]]
        return pairs

    def _drift(self) -> list[Drift]:
        return find_drift(
            self._release_pairs(),
            [c.id for c in self.clauses],
            self._bench.cases,
            self.traits,
            self._bench.past_observation,
        )

    @property
    def exit_status(self) -> int:
        """0 where every subject conforms, 1 where there is a finding or nothing could be judged."""
        statuses = [verdict.status for verdict in self._verdicts.values()]
        if any(status in BAD for status in statuses):
            return 1
        judged = {
            (v.subject, v.mode) for v in self._verdicts.values() if v.status in ("pass", "excused")
        }
        return 0 if all((s.name, s.mode) in judged for s in self.subjects) else 1

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """The verdicts so far."""
        return list(self._verdicts.values())

    def close(self) -> None:
        """End the subjects' processes; a record that was not finished is discarded."""
        for subject in self.subjects:
            subject.close()
        if self._record is not None:
            self._record.discard()

    def _header(self) -> dict[str, Any]:
        checks: dict[str, list[str]] = {}
        for check in CHECKS:
            checks.setdefault(check.clause, []).append(check.name)
        return {
            "format": FORMAT,
            "tool": {"name": "conv2d-transpose-conformance", "version": __version__},
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "command": list(self.options.command),
            "profile": self.options.profile,
            "seed": self.options.seed,
            "examples": self.options.count,
            "machine": machine.describe(),
            "subjects": [
                {
                    "name": subject.name,
                    "mode": subject.mode,
                    "spec": subject.spec,
                    "command": subject.spec in self.options.subject_commands,
                    "versions": description.get("versions", {}),
                    "settings": description.get("settings", {}),
                }
                for subject, description in zip(self.subjects, self._descriptions)
            ],
            "clauses_in_all": len(all_clauses()) + len(self.options.corpora),
            "clauses": [clause.to_json(checks.get(clause.id, ())) for clause in self.clauses],
        }

    def _judge(self, subject: Subject, clause: Clause) -> Verdict:
        if clause.id in self._corpora:
            tally, claim = self._recorded(subject, clause), None
            failures = tally.failures
        else:
            tally, claim_tally = Tally(), Tally()
            for family in _families_of(clause.id):
                found = self._explored(family, subject)
                tally.add(found.get((clause.id, False), Tally()))
                claim_tally.add(found.get((clause.id, True), Tally()))
            claim = self._claim(clause, claim_tally, subject)
            failures = tally.failures
        status, reason = _status(clause, tally)
        if claim is not None and claim["status"] == "upheld" and self.traits(subject).tensorflow:
            # An erratum that the run cannot prove is no erratum.
            status, reason = (
                "fail",
                "the page's sentence was not contradicted: the erratum is stale",
            )
        text = ""
        shown: Failure | None = None
        if failures:
            shown, shrunk = self._smallest(subject, clause, failures)
            text = self._write_finding(subject, clause, tally, shown, shrunk)
        concerned = [
            e for e in self.options.excuses if e.concerns(clause.id, subject.name, subject.mode)
        ]
        messages = [failure.mismatch.message for failure in failures]
        status, reason = excused(concerned, status, reason, messages)
        assert self._record is not None
        verdict = Verdict(
            clause=clause.id,
            subject=subject.name,
            mode=subject.mode,
            status=status,
            examples=tally.judged,
            reason=reason,
            claim=claim,
            text=text or reason or "",
        )
        fields = attrs.asdict(verdict)
        del fields["text"]
        self._record.write("verdict", **fields)
        return verdict

    def _explored(self, family: str, subject: Subject) -> dict[tuple[str, bool], Tally]:
        key = (family, subject.name, subject.mode)
        if key not in self._tallies:
            with listening(self._numerics.of(subject)):
                self._tallies[key] = explore(
                    self._bench,
                    FAMILIES[family],
                    subject,
                    self.traits(subject),
                    examples=self.options.count,
                    run_seed=self.options.seed,
                    progress=lambda done: self._advance(family, subject, done),
                )
        return self._tallies[key]

    def _advance(self, family: str, subject: Subject, done: int) -> None:
        self._cases_run[family, subject.name, subject.mode] = done
        self._progress(family, subject, done)

    def cases_run(self, subject: Subject) -> int:
        """Return how many cases the subject has been judged on so far."""
        return sum(
            done
            for (_, *who), done in self._cases_run.items()
            if who == [subject.name, subject.mode]
        )

    def _recorded(self, subject: Subject, clause: Clause) -> Tally:
        tally = Tally()
        for done, recorded in enumerate(self._corpora[clause.id].cases, start=1):
            judge_recorded(recorded, self._bench.observation(subject, recorded.case), tally)
            self._advance(clause.id, subject, done)
        return tally

    def _smallest(
        self, subject: Subject, clause: Clause, failures: Sequence[Failure]
    ) -> tuple[Failure, bool]:
        first = failures[0]
        if clause.id in self._corpora:
            return first, False
        # A drawn case can be shrunk; prefer it to a fixed one.
        drawn = [f for f in failures if FAMILIES[f.case.family].strategy is not None]
        chosen = drawn[0] if drawn else first
        known = self._small.setdefault((subject.name, subject.mode), {})
        smallest, shrunk = shrink(
            self._bench,
            FAMILIES[chosen.case.family],
            subject,
            self.traits(subject),
            chosen,
            clause.id,
            examples=self.options.count,
            run_seed=self.options.seed,
            known=known.values(),
        )
        if shrunk:
            known[smallest.case.id] = smallest.case
        return smallest, shrunk

    def _claim(self, clause: Clause, tally: Tally, subject: Subject) -> dict[str, Any] | None:
        if clause.claim is None:
            return None
        # A process that died or hung says nothing about a sentence.
        failures = [f for f in tally.failures if f.status == "fail" or f.mismatch.got is not None]
        if not failures:
            return {
                "status": "upheld" if tally.held else "not-run",
                "examples": tally.judged,
                "evidence": None,
            }
        first = failures[0]
        smallest, _ = shrink(
            self._bench,
            FAMILIES[first.case.family],
            subject,
            self.traits(subject),
            first,
            clause.id,
            claims=True,
            examples=self.options.count,
            run_seed=self.options.seed,
        )
        mismatch = smallest.mismatch
        return {
            "status": "contradicted",
            "examples": tally.judged,
            "evidence": {
                "case": smallest.case.to_json(),
                "step": mismatch.step,
                "message": mismatch.message,
                "expected": encode(mismatch.expected),
                "got": encode(mismatch.got),
            },
        }

    def _write_finding(
        self, subject: Subject, clause: Clause, tally: Tally, shown: Failure, shrunk: bool
    ) -> str:
        assert self._record is not None
        mismatch = shown.mismatch
        is_command = subject.spec in self.options.subject_commands
        script = script_for(subject.spec, subject.mode, shown.case, mismatch, is_command=is_command)
        diagnosis = self._diagnostician.diagnose(subject, clause.id, tally.failures)
        self._record.write(
            "finding",
            clause=clause.id,
            subject=subject.name,
            mode=subject.mode,
            status=shown.status,
            case=shown.case.to_json(),
            step=mismatch.step,
            message=mismatch.message,
            expected=encode(mismatch.expected),
            got=encode(mismatch.got),
            index=None if mismatch.index is None else list(mismatch.index),
            scaled_error=mismatch.scaled_error,
            bound=mismatch.bound,
            diagnosis=diagnosis,
            failures=len(tally.failures),
            examples=tally.judged,
            script=script,
            shrunk=shrunk,
        )
        return finding_text(clause, mismatch, shown, tally, script, diagnosis)

    @property
    def idle_excuses(self) -> list[Excuse]:
        """Excuses for what this run has not judged: another subject, or a clause it did not come to."""
        judged = [v for v in self.verdicts if v.status not in ("unsupported", "not-run")]
        return [
            excuse
            for excuse in self.options.excuses
            if not any(excuse.concerns(v.clause, v.subject, v.mode) for v in judged)
        ]


def _chosen(options: Options) -> tuple[Clause, ...]:
    """Return the clauses to judge; recorded cases are always meant, unless a pattern names some."""
    corpora = [corpus.clause for corpus in options.corpora]
    chosen = matching(options.clauses, (*all_clauses(), *corpora))
    return chosen if any(clause in chosen for clause in corpora) else (*chosen, *corpora)


def finding_text(
    clause: Clause,
    mismatch: Mismatch,
    shown: Failure,
    tally: Tally,
    script: str,
    diagnosis: str | None = None,
) -> str:
    """Return a finding as the terminal shows it."""
    scaled = ""
    if mismatch.scaled_error is not None and mismatch.bound is not None:
        scaled = f"\nscaled error {mismatch.scaled_error:.3g}, bound {mismatch.bound:.3g}"
    told = "" if diagnosis is None else f"\ndiagnosis: {diagnosis}"
    return (
        f"{clause.id} {clause.title}\n{mismatch.message}{scaled}{told}\n"
        f"{len(tally.failures)} of {tally.judged} cases; the smallest is {shown.case.id}:\n\n{script}"
    )


def traits_of(subject: Subject, description: Mapping[str, Any]) -> Traits:
    """Return what norms may depend on, from a subject and its description."""
    if not is_tensorflow(subject.spec):
        return Traits(mode=subject.mode)
    major, minor, *_ = str(description["versions"]["tensorflow"]).split(".")
    return Traits(
        tensorflow=True,
        release=(int(major), int(minor)),
        mode=subject.mode,
        onednn=description.get("settings", {}).get("TF_ENABLE_ONEDNN_OPTS") == "1",
    )


def _families_of(clause_id: str) -> list[str]:
    names = {name for check in CHECKS if check.clause == clause_id for name in check.families}
    return [name for name in FAMILIES if name in names]


def _status(clause: Clause, tally: Tally) -> tuple[str, str | None]:
    """Return a clause's status and, unless it passed, why."""
    statuses = {failure.status for failure in tally.failures}
    if "fail" in statuses:
        return "fail", None
    if statuses:
        return "error", None
    if tally.not_tried is not None:
        return "not-run", f"not every case was run: {tally.not_tried}"
    if tally.held:
        return "pass", None
    if tally.unsupported:
        return "unsupported", "; ".join(sorted(tally.unsupported))
    return "not-run", clause.untestable or "no case of this run speaks to it in this mode"
