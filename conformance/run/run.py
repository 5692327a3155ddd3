"""A run: participants, clauses, verdicts, and the record they end in."""

from __future__ import annotations

import datetime
import functools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

import reports
from conformance import __version__
from conformance.cases import Family, space
from conformance.checks import CHECKS
from conformance.judge.afresh import WHAT_CAME_BEFORE
from conformance.judge.evidence import Evidence
from conformance.model import machine
from conformance.model.clauses import SCOPES, Clause, all_clauses, matching, whole_scopes
from conformance.run.guard import Guard
from conformance.run.parallel.pieces import Found
from conformance.run.parallel.shards import check_shard
from conformance.run.parallel.work import Elsewhere, Work
from conformance.run.participants.participant import Participant, participants, release_pairs
from conformance.run.record import RecordWriter, check_same
from conformance.run.settings.excuses import Excuse
from conformance.run.settings.lacks import Lack
from conformance.run.settings.options import Options
from conformance.run.statistics import aspects, coverage, messages
from conformance.run.statistics.drift import find_drift
from conformance.run.statistics.numerics import Numerics
from conformance.run.verdicts import BROKEN, Judgement, ParticipantJudge
from conformance.strength import measurement
from reports.records import record, statuses
from reports.records.lines import Line
from reports.records.record import Verdict
from reports.views.conclusions import scopes

#: Cases whose observations are remembered while causes are looked for, and failures shrunk.
KEPT = 2000


class Run:
    """Judges clauses on subjects, each when it is asked for, and writes the record.

    Args:
        options: what the user asked for.
        shards: records of all parts of the run's cases, which are then not run again.
        elsewhere: who explores instead of this process (`Work`).

    Raises:
        LoadError: a subject cannot be loaded.
        OutputError: the output folder cannot be written.
        RecordError: the record to be continued, or that of a shard, cannot be used.
        ValueError: a clause pattern matches nothing, or the run to be continued, or a shard's, was another one.
    """

    def __init__(
        self,
        options: Options,
        shards: Sequence[record.Record] = (),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.options = options
        self._shards = shards
        #: What the record holds, once it is finished.
        self.result: record.Record | None = None
        self.clauses = _chosen(options)
        self._required = _required(options)
        self._progress: Callable[[Participant, str, int], None] = lambda *_: None
        self._phase: Callable[[Participant, str], None] = lambda *_: None
        self._started = time.monotonic()
        self._judgements: dict[tuple[str, str, str], Judgement] = {}
        #: Those that an earlier part of the run has made, until it is their turn.
        self._recalled: set[tuple[str, str, str]] = set()
        self._ending = Guard()
        self.participants = participants(
            options.subjects,
            options.subject_commands,
            options.seconds_per_case,
            options.memory,
            options.lacks,
        )
        self._record: RecordWriter | None = None
        self._has_work = False
        try:
            self._evidence = Evidence(keep=KEPT)
            #: What releases of TensorFlow did with the same cases; nothing else needs that of all.
            self._observed = Evidence()
            self._pairs = release_pairs(self.participants)
            self._work = Work(
                self.participants,
                [clause.id for clause in self.clauses],
                options,
                self._keep,
                self._advance,
                with_observations=bool(self._pairs),
                elsewhere=elsewhere,
            )
            self._has_work = True
            self._judges = {
                participant.key: ParticipantJudge(
                    participant,
                    options,
                    [clause.id for clause in self.clauses],
                    self._evidence,
                    self._finder(participant),
                    functools.partial(self._advance, participant),
                    self._teller(participant),
                )
                for participant in self.participants
            }
            self._record = RecordWriter(options.out, resume=options.resume)
            self._begin(self._record)
        except BaseException:
            self.close()
            raise

    def _begin(self, writer: RecordWriter) -> None:
        """Write the header, or take over what an earlier part of the run has found."""
        header, earlier = self._header(), writer.earlier
        for shard in self._shards:
            check_shard(shard, header, self._work.pieces)
            self._work.recall(shard.explored, shard.path)
        if earlier is None:
            writer.write(header)
            return
        check_same(earlier, header)
        findings = {finding.key: finding for finding in earlier.findings}
        titles = {clause.id: clause.title for clause in self.clauses}
        for verdict in earlier.verdicts:
            finding = findings.get(verdict.key)
            told = (finding.message, finding.script or "") if finding else (verdict.reason or "",)
            text = "\n".join([f"{verdict.clause} {titles.get(verdict.clause, '')}", *told])
            key = (verdict.subject, verdict.mode, verdict.clause)
            self._judgements[key] = Judgement(verdict, finding, text, Guard())
            self._judges[verdict.subject, verdict.mode].note_judged(verdict)
            self._recalled.add(key)
        for judge in self._judges.values():
            judge.recall(findings[v.key] for v in earlier.verdicts if v.key in findings)
        self._work.recall(earlier.explored, earlier.path)
        writer.go_on()

    def _keep(self, found: Found) -> None:
        """Write down what was found of a piece: it is not lost, whatever comes."""
        assert self._record is not None
        self._record.write(found.entry())

    def _finder(self, participant: Participant) -> Callable[[Family], Iterator[Found]]:
        def find(family: Family) -> Iterator[Found]:
            for found in self._work.find(participant, family):
                self._observed.note_observed(participant.subject, found.observed or ())
                yield found

        return find

    def on_progress(
        self,
        progress: Callable[[Participant, str, int], None],
        phase: Callable[[Participant, str], None] = lambda *_: None,
    ) -> None:
        """Have a run followed.

        Args:
            progress: called with participant, family and the cases done, after every case.
            phase: called with participant and what begins, such as ``shrinking PAD-01``.
        """
        self._progress, self._phase = progress, phase

    def _advance(self, participant: Participant, family: str, done: int) -> None:
        self._progress(participant, family, done)

    def _teller(self, participant: Participant) -> Callable[[str], None]:
        return lambda phase: self._phase(participant, phase)

    @property
    def is_default(self) -> bool:
        """Whether the user named no subject."""
        return not self.options.subjects and not self.options.subject_commands

    def items(self) -> list[tuple[Participant, Clause]]:
        """Return every pair to be judged, subject by subject.

        The clause that failures of others may turn out to be a matter of comes last.
        """
        ordered = sorted(self.clauses, key=lambda clause: clause.id == WHAT_CAME_BEFORE)
        return [(participant, clause) for participant in self.participants for clause in ordered]

    def total_cases(self) -> int:
        """Return about how many cases the run will make."""
        recorded = sum(len(corpus.cases) for corpus in self.options.corpora)
        judged = recorded * len(self.participants) if self.options.shard is None else 0
        return self._work.cases + judged

    def cases_run(self, participant: Participant) -> int:
        """Return how many cases the participant has been judged on so far."""
        return self._work.together[participant.key].cases

    @property
    def exploring(self) -> list[tuple[Participant, str]]:
        """What other processes are at now: participants, each with a family of cases."""
        return self._work.exploring

    def explore(self) -> None:
        """Run the cases of a shard, and judge nothing.

        Raises:
            OutputError: the record cannot be written.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._work.explore()

    def judge_all(self) -> Iterator[Judgement]:
        """Judge every pair of `items`, in its order."""
        for participant, clause in self.items():
            yield self.judge(participant, clause)

    def judge(self, participant: Participant, clause: Clause) -> Judgement:
        """Return the judgement, made and written if that has not been done yet.

        Raises:
            OutputError: the record cannot be written.
        """
        key = (*participant.key, clause.id)
        if key in self._recalled:
            # What follows is told in the order of an undisturbed run.
            self._recalled.remove(key)
            for family in CHECKS.families(clause.id):
                self._judges[participant.key].explored(family)
        if key not in self._judgements:
            with warnings.catch_warnings():
                # What an implementation warns of in this process is no business of the run's.
                warnings.simplefilter("ignore")
                self._judgements[key] = self._written(self._judges[participant.key], clause)
        return self._judgements[key]

    def _written(self, judge: ParticipantJudge, clause: Clause) -> Judgement:
        judgement, writing = judge.judge(clause), Guard()
        writing(f"writing the finding of {clause.id}", lambda: self._write(judgement), None)
        if not writing.broken:
            return judgement
        reason = str(writing.broken[0])
        verdict = attrs.evolve(
            judgement.verdict, status=BROKEN, reason=reason, reason_kind="broken"
        )
        finding = judgement.finding and attrs.evolve(
            judgement.finding,
            status=BROKEN,
            message=reason,
            expected=None,
            got=None,
            script=None,
            shrunk=False,
        )
        judgement = attrs.evolve(judgement, verdict=verdict, finding=finding)
        self._write(judgement)
        return judgement

    def _write(self, judgement: Judgement) -> None:
        """Write a verdict in one piece with what belongs to it."""
        assert self._record is not None
        found = [] if judgement.finding is None else [judgement.finding]
        self._record.write(*found, judgement.verdict)

    def finish(self, *, missing: str | None = None, page: bool = True) -> Path:
        """Write footer and page; return where the page is, or the record where there is none, as of a shard.

        Args:
            missing: why clauses were left unjudged; None where all have their verdict.
            page: whether to make one.
        """
        assert self._record is not None
        guard, writer = self._ending, self._record
        self._work.close()
        if self.options.shard is not None:
            told = (
                missing
                or f"shard {self.options.shard}: conformance merge judges all of them together"
            )
            path = writer.finish(record.Footer(complete=False, reason=told, seconds=self._seconds))
            self.close()
            return path
        numerics = Numerics()
        for together in self._work.together.values():
            numerics.add(together.numerics.entries())
        drift: list[record.Drift] = guard("comparing releases", self._drift, [])
        covered = guard("counting pairs", lambda: coverage.entry(self.coverage()), None)
        measured = guard("the measurement of strength", measurement.shipped, None)
        if measured is not None:
            writer.write(record.Measurement(measured))
        counts: dict[str, int] = {}
        for verdict in self.verdicts:
            counts[verdict.status] = counts.get(verdict.status, 0) + 1
        path = writer.finish(
            record.Footer(
                complete=missing is None,
                reason=missing,
                exit_status=self.exit_status,
                seconds=self._seconds,
                counts=counts,
                drift=tuple(drift),
                numerics=numerics.entries(),
                coverage=covered,
                aspects=guard("counting aspects", self._aspects, ()),
                said_often=guard("counting messages", self._said_often, ()),
                undiagnosed=sum(
                    j.finding is not None and j.finding.undiagnosed
                    for j in self._judgements.values()
                ),
            )
        )
        self.close()
        self.result = result = guard("reading the record", lambda: reports.load(path), None)
        if not page or result is None:
            return path
        return guard("making the page", lambda: _page_of(result, path), path)

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 1)

    def _said_often(self) -> tuple[record.SaidOften, ...]:
        return tuple(
            told
            for key, found in self._work.together.items()
            for told in messages.often(*key, found.said, self._judges[key].explained_messages)
        )

    def _aspects(self) -> tuple[record.Aspect, ...]:
        found: list[record.Aspect] = []
        for key, together in self._work.together.items():
            judged = (judgement for name, judgement in self._judgements.items() if name[:2] == key)
            findings = [judgement.finding for judgement in judged if judgement.finding is not None]
            found += aspects.entries(*key, together.seen, findings)
        return tuple(found)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts so far."""
        return [judgement.verdict for judgement in self._judgements.values()]

    @property
    def broken(self) -> list[str]:
        """What broke in the harness, each in a sentence: over clauses, then over the end of the run."""
        told = [v.reason or "" for v in self.verdicts if v.status == BROKEN]
        return [*dict.fromkeys(told), *map(str, self._ending.broken)]

    @property
    def exit_status(self) -> int:
        """0 where every subject conforms, 1 for findings or nothing judged, 3 where the harness broke."""
        if self.broken:
            return 3
        if any(verdict.status in statuses.BAD for verdict in self.verdicts):
            return 1
        if self.unmet or self.stale_patterns:
            return 1
        judged = {(v.subject, v.mode) for v in self.verdicts if v.status in ("pass", "excused")}
        return 0 if all(participant.key in judged for participant in self.participants) else 1

    @property
    def unmet(self) -> list[tuple[str, str, str]]:
        """Subject, clause and status where a required clause does not pass in any mode; worst status first."""
        found: dict[tuple[str, str], list[statuses.Status]] = {}
        for verdict in self.verdicts:
            found.setdefault((verdict.subject, verdict.clause), []).append(statuses.of(verdict))
        told = []
        for subject in dict.fromkeys(participant.subject.name for participant in self.participants):
            for clause in self._required:
                got = [s for s in found.get((subject, clause), []) if s.name != "not-applicable"]
                names = {status.name for status in got}
                if "pass" not in names or names & {*statuses.BAD, "excused"}:
                    told.append((subject, clause, statuses.worst(got).name))
        return told

    @property
    def idle_excuses(self) -> list[Excuse]:
        """Excuses for what this run has not judged: another subject, or a clause it did not come to."""
        judged = [v for v in self.verdicts if not statuses.status(v.status).skipped]
        return [
            excuse
            for excuse in self.options.excuses
            if not any(excuse.concerns(v.clause, v.subject, v.mode) for v in judged)
        ]

    @property
    def idle_lacks(self) -> list[Lack]:
        """Words for what a subject lacks that none of its errors had; of a whole run alone that can be told."""
        if self._record is not None and self._record.earlier is not None:
            return []
        words = [participant.words for participant in self.participants if participant.words]
        told = [*self.options.lacks, *(lack for one in words for lack in one.lacks)]
        used = {lack.source for one in words for lack in one.used}.union(
            *(together.lacks for together in self._work.together.values())
        )
        return [lack for lack in dict.fromkeys(told) if lack.source not in used]

    @property
    def stale_patterns(self) -> list[Excuse]:
        """Excuses with a pattern that concern what was judged, and excused nothing of it."""
        used = set().union(*(judge.used_excuses for judge in self._judges.values()))
        idle = {*self.idle_excuses, *used}
        is_whole = len(self._judgements) == len(self.items())
        return [e for e in self.options.excuses if e.is_broad and e not in idle and is_whole]

    def coverage(self) -> list[tuple[list[Participant], space.Coverage]]:
        """Count the pairs of parameter values; participants that exercised the same cases stand together."""
        groups: dict[tuple[int, str], list[Participant]] = {}
        for participant in self.participants:
            together = self._work.together[participant.key]
            groups.setdefault((together.exercised, together.digest), []).append(participant)
        return [
            (members, self._work.together[members[0].key].coverage) for members in groups.values()
        ]

    def close(self) -> None:
        """End the subjects' processes; a record that was not finished is discarded."""
        if self._has_work:
            self._work.close()
        for participant in self.participants:
            participant.subject.close()
        if self._record is not None:
            self._record.discard()

    @property
    def kept(self) -> Path | None:
        """Where the verdicts of a run are that could not be finished; None where there are none."""
        return None if self._record is None else self._record.kept

    @property
    def set_aside(self) -> Path | None:
        """Where the unfinished record of an earlier run has gone; None where there was none."""
        return None if self._record is None else self._record.set_aside

    def _drift(self) -> list[record.Drift]:
        return find_drift(
            self._pairs,
            [clause.id for clause in self.clauses],
            self._observed.cases,
            self._observed.past_observation,
        )

    def _header(self) -> record.Header:
        return record.Header(
            tool=record.Tool("conv2d-transpose-conformance", __version__),
            started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            command=self.options.command,
            profile=self.options.profile,
            seed=self.options.seed,
            examples=self.options.count,
            machine=record.Machine(**machine.describe()),
            conditions=self.options.digest,
            subjects=tuple(participant.entry() for participant in self.participants),
            clauses_in_all=len(all_clauses()) + len(self.options.corpora),
            clauses=tuple(recorded(clause) for clause in self.clauses),
            whole_scopes=whole_scopes(self.clauses),
            rules=scopes.RULES,
            shard=self.options.shard,
        )


def recorded(clause: Clause) -> record.Clause:
    """Return a clause as the record's header lists it."""
    data = clause.to_json(CHECKS.names(clause.id))
    return Line("the clauses", 0, data, f"{clause.id}: ").read(record.Clause)


def _required(options: Options) -> list[str]:
    """Return the ids of the clauses that must pass; raise ValueError where a pattern matches none."""
    found: dict[str, None] = {}
    for pattern in options.required:
        if pattern in SCOPES:
            listed = [clause for clause in all_clauses() if clause.must and clause.scope == pattern]
        else:
            corpora = [corpus.clause for corpus in options.corpora]
            listed = [*matching((pattern,), (*all_clauses(), *corpora), flag="--require")]
        found |= dict.fromkeys(clause.id for clause in listed)
    return [*found]


def _chosen(options: Options) -> tuple[Clause, ...]:
    """Return the clauses to judge; recorded cases are always meant, unless a pattern names some."""
    corpora = [corpus.clause for corpus in options.corpora]
    chosen = matching(options.clauses, (*all_clauses(), *corpora), options.scopes)
    return chosen if any(clause in chosen for clause in corpora) else (*chosen, *corpora)


def _page_of(result: record.Record, path: Path) -> Path:
    page = path.with_name("index.html")
    reports.write(result, page, reports.load_previous(path))
    return page
