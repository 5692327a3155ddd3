"""The verdicts on one participant, clause by clause, each with its smallest failing case explained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from conformance.cases import FAMILIES, Family
from conformance.checks import CHECKS
from conformance.findings.diagnosis import Diagnostician
from conformance.findings.scripts import script_for
from conformance.judge import afresh
from conformance.judge.afresh import Afresh
from conformance.judge.causes import LAST, Cause, Causes
from conformance.judge.culprits import Culprits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import shrink
from conformance.judge.judging import Failure, HarnessError, Tally, judge_case
from conformance.judge.pixels import of_one_pixel
from conformance.model.case import Case
from conformance.model.clauses import Clause
from conformance.model.observation import Observation
from conformance.model.steps import (
    Build,
    Call,
    ComputeOutputShape,
    Gradients,
    SetWeights,
    Train,
)
from conformance.model.values.codec import in_a_line
from conformance.oracle.comparison import Mismatch
from conformance.run.guard import Guard
from conformance.run.parallel.pieces import Found, Worker
from conformance.run.participants.participant import Participant
from conformance.run.settings.corpus import Corpus, judge_recorded
from conformance.run.settings.excuses import Excuse, Failed, Standing, excused
from conformance.run.settings.options import Options
from conformance.run.statistics import messages
from conformance.subjects.loading import LAYER
from conformance.subjects.processes.process import (
    EXPLAINING,
    LONGEST_EXPLAINING,
    LONGEST_PATIENCE,
    PATIENCE,
    TIMED_OUT,
)
from reports.records import record, statuses
from reports.records.values import ENDED

#: Characters of a reason that is shown.
LINE = 100
#: The status of a clause on which the harness itself failed.
BROKEN = "harness-error"


@attrs.frozen(eq=False)
class Judgement:
    """What a run says about one clause and one participant.

    Args:
        verdict: the verdict.
        finding: the smallest case in which the clause does not hold; None where it holds.
        text: the same for a terminal; empty where the clause holds.
        guard: what the harness did wrong meanwhile.
    """

    verdict: record.Verdict
    finding: record.Finding | None
    text: str
    guard: Guard


class ParticipantJudge:
    """Judges one participant; the cases of a family are explored once, for all clauses.

    Args:
        participant: who is judged.
        options: the run's.
        clauses: the ids of the clauses that the run judges: no other blocks one of them.
        evidence: shared by the participants of a run.
        find: returns what exploring a family has found, block by block.
        progress: called with the name of what has cases, and the number of them that are done.
        phase: called with what begins, where it takes time beyond the cases.
    """

    def __init__(
        self,
        participant: Participant,
        options: Options,
        clauses: Iterable[str],
        evidence: Evidence,
        find: Callable[[Family], Iterable[Found]],
        progress: Callable[[str, int], None],
        phase: Callable[[str], None],
    ) -> None:
        self.participant = participant
        self._options = options
        self._evidence = evidence
        #: Its own, so that what it says of one participant does not depend on others.
        self.diagnostician = Diagnostician(evidence, examples=options.count, run_seed=options.seed)
        self._find = find
        self._progress = progress
        self._phase = phase
        self._corpora = {corpus.clause.id: corpus for corpus in options.corpora}
        self._tallies: dict[str, dict[tuple[str, bool], Tally]] = {}
        #: The block of each failing case.
        self._block: dict[tuple[str, str], int] = {}
        self._small: dict[str, Case] = {}
        self._culprits = Culprits(evidence, participant.subject, participant.traits)
        #: What the process has cost while failures were explained, for each purpose.
        self._explained: dict[str, tuple[float, float]] = {}
        #: Those that covered a failure so far.
        self.used_excuses: set[Excuse] = set()
        #: Messages of failures that a more basic clause explains, and of those that are a clause's own.
        self.explained_messages = messages.Explained()
        self._causes = Causes(evidence, participant.subject, participant.traits)
        has_process = Worker.of(participant).has_process
        self._afresh = Afresh(participant.subject, participant.traits) if has_process else None
        self._clauses = frozenset(clauses)
        #: Whether a clause that has been judged may explain the failures of others.
        self._red: dict[str, bool] = {}
        # Of clauses that were judged, those that their own failures were left to.
        self._left_to: dict[str, tuple[str, ...]] = {}
        #: The failures by which clauses that have not been judged yet block others.
        self._owed: dict[str, Failure] = {}
        #: By case the clause that has been judged first and keeps it as its own.
        self._kept: dict[str, str] = {}
        #: By clause one that it blocks, as an earlier part of the run has told. Its failure is gone.
        self._told_to_block: dict[str, str] = {}
        #: The case on which an earlier run has seen a clause fail.
        self._again = {
            found.clause: Case.from_json(found.case)
            for found in options.findings
            if (found.subject, found.mode) == participant.key
        }
        self.recall(options.findings)

    def judge(self, clause: Clause) -> Judgement:
        """Judge one clause; whatever the harness raises meanwhile is part of the judgement."""
        guard = Guard()
        tally, claim_tally = guard(
            f"judging {clause.id}", lambda: self._tallied(clause), (Tally(), Tally())
        )
        guard.broken += [found.broken for found in (tally, claim_tally) if found.broken is not None]
        guard(f"the causes of {clause.id}", lambda: self._explain(clause, tally), None)
        claim = guard(f"the claim of {clause.id}", lambda: self._claim(clause, claim_tally), None)
        status, reason, kind = _status(clause, tally)
        if claim is not None and claim.status == "upheld" and self.participant.traits.tensorflow:
            # An erratum that the run cannot prove is no erratum.
            status, kind = "fail", "stale-erratum"
            reason = "the page's sentence was not contradicted: the erratum is stale"
        if not tally.failures and clause.id in self._told_to_block:
            other = self._told_to_block[clause.id]
            status, kind = "gave-up", "cases-left"
            reason = f"an earlier part of the run has seen it fail, where it blocks {other}"
        self._red[clause.id] = bool(tally.failures)
        self._left_to[clause.id] = tuple(tally.blocked)
        self.explained_messages.note(own=tally.failures, blocked=tally.blocked_failures)
        finding, text = self._finding(clause, tally, guard) if tally.failures else (None, "")
        excuses = [e for e in self._options.excuses if e.concerns(clause.id, *self.participant.key)]
        failures, blocked = (
            [Failed.of(failure.mismatch.message, failure.case) for failure in found]
            for found in (tally.failures, tally.blocked_failures)
        )
        self.used_excuses |= {e for e in excuses if any(map(e.covers, [*failures, *blocked]))}
        status, reason, kind = excused(excuses, (status, reason, kind), failures, blocked=blocked)
        if guard.broken:
            # No verdict of a broken harness can be trusted; its findings are evidence all the same.
            status, kind = BROKEN, "broken"
            reason = "; ".join(dict.fromkeys(map(str, guard.broken)))
            finding = finding or self.broken_finding(clause, guard)
            text = f"{clause.id} {clause.title}\nthe harness broke: {reason}\n\n{text}".strip()
        name, mode = self.participant.key
        verdict = record.Verdict(
            clause=clause.id,
            subject=name,
            mode=mode,
            status=status,
            examples=tally.judged,
            reason=reason,
            reason_kind=kind,
            claim=claim,
            part=_part(tally) if status == "pass" else None,
            blocked_by=tuple(tally.blocked),
            normwise=tally.normwise,
        )
        return Judgement(verdict, finding, text or reason or "", guard)

    def _explain(self, clause: Clause, tally: Tally) -> None:
        """Move failures that a more basic clause explains to what is blocked by that clause."""
        if clause.id in self._corpora:
            return
        kept = []
        for failure in tally.failures:
            blocker = self._blocker(clause, failure)
            if blocker is None:
                kept.append(failure)
            else:
                tally.note_blocked(self._evidence.values(failure.case), blocker, failure)
        kept = self._repeated(clause, kept, tally)
        if not kept and clause.id in self._owed:
            kept.append(self._owed[clause.id])
        tally.failures = kept
        for failure in kept:
            self._kept.setdefault(failure.case.id, clause.id)

    def _repeated(self, clause: Clause, failures: list[Failure], tally: Tally) -> list[Failure]:
        """Return the failures that are the clause's own matter.

        What a fresh process does not repeat depends on what came before, which has a clause of its own.
        """
        if self._afresh is None:
            return failures
        ordered = sorted(failures, key=_plainness)
        with self._apart("asking again"):
            kept = self._afresh.own(clause.id, ordered)
        others = ordered[: len(ordered) - len(kept)]
        if not others:
            return failures
        changed = attrs.evolve(
            others[0].mismatch, message=f"{others[0].mismatch.message}; it {afresh.TOLD}"
        )
        owed = attrs.evolve(others[0], mismatch=changed, repeats=False)
        blocker = afresh.WHAT_CAME_BEFORE
        if clause.id == blocker or not self._may_be_red(blocker):
            return kept or [owed]
        if blocker not in self._red:
            self._owed.setdefault(blocker, owed)
        for failure in others:
            tally.note_blocked(self._evidence.values(failure.case), blocker, failure)
        return kept

    def _cause(self, failure: Failure) -> Cause | None:
        """Return what makes the calls of the failing case wrong, where that may explain the failure."""
        case, step = failure.case, failure.mismatch.step
        if failure.refused:
            return None
        if step is None or isinstance(case.steps[step], (Build, SetWeights)):
            return self._causes.of_making(case) if failure.status == "error" else None
        if any(isinstance(one, (Call, Gradients, Train)) for one in case.steps[: step + 1]):
            return self._causes.of(case, failure)
        if isinstance(case.steps[step], ComputeOutputShape):
            found = self._causes.of(case)
            return found if found is not None and found.how == "shape" else None
        return None

    def _blocker(self, clause: Clause, failure: Failure) -> str | None:
        """Return the clause that is to blame for a failure instead of this one, None where there is none."""
        if TIMED_OUT in failure.mismatch.message:
            return None  # another hang would tell no more, and take as long
        with self._apart("causes"):
            blamed = self._culprits.of_one_number(failure)
            cause = None if blamed is not None else self._cause(failure)
            if blamed is None and cause is None:
                blamed = self._culprits.of(clause.id, failure)
        found = {} if cause is None else cause.failures
        if blamed is not None:
            found = dict([blamed])
        if clause.id in found:
            return None
        if not found and failure.status == "error" and clause.id in LAST:
            # The search may be over: whoever keeps the case as its own looks at less of it.
            return self._kept.get(failure.case.id)
        for name, own in found.items():
            if self._may_be_red(name):
                if name not in self._red:
                    self._owed[name] = own
                return name
            for other in self._left_to.get(name, ()):
                if self._may_be_red(other):
                    return other
        return None

    def _may_be_red(self, name: str) -> bool:
        return name in self._clauses and self._red.get(name, True)

    def broken_finding(self, clause: Clause, guard: Guard) -> record.Finding | None:
        """Return what broke as a finding, with the case that shows it; None without such a case."""
        message = str(guard.broken[0])
        shown = next((e.case for e in guard.broken if e.case is not None), None)
        case = None if shown is None else Guard()("the case", shown.to_json, None)
        if case is None:
            return None
        name, mode = self.participant.key
        return record.Finding(
            clause=clause.id,
            subject=name,
            mode=mode,
            status=BROKEN,
            message=message,
            case=case,
            shrunk=False,
        )

    def _tallied(self, clause: Clause) -> tuple[Tally, Tally]:
        """Return what cases say about the clause, and about the page's own sentence."""
        tally, claim_tally = Tally(), Tally()
        if clause.id in self._corpora:
            return self._recorded(self._corpora[clause.id]), claim_tally
        again = self._failed_again(clause.id)
        if again is not None:
            return again, claim_tally
        for family in CHECKS.families(clause.id):
            found = self.explored(family)
            # A clause is judged once: what its failures hold may be megabytes of arrays.
            tally.add(found.pop((clause.id, False), Tally()))
            claim_tally.add(found.pop((clause.id, True), Tally()))
        return tally, claim_tally

    def _failed_again(self, clause: str) -> Tally | None:
        """Return what the earlier run's case says, if the clause still fails on it."""
        case, tallies = self._again.get(clause), dict[tuple[str, bool], Tally]()
        if case is None or case.family not in FAMILIES:
            return None
        checks = [check for check in CHECKS.of(clause) if case.family in check.families]
        participant = self.participant
        judge_case(self._evidence, checks, case, participant.subject, participant.traits, tallies)
        tally = tallies.get((clause, False), Tally())
        return tally if tally.failures else None

    def explored(self, family: Family) -> dict[tuple[str, bool], Tally]:
        """Return what a family's cases say: a tally for each (clause, is a claim)."""
        if family.name not in self._tallies:
            together: dict[tuple[str, bool], Tally] = {}
            for found in self._find(family):
                for key, tally in found.tallies.items():
                    together.setdefault(key, Tally()).add(tally)
                failing = found.failing
                self._evidence.note_run(self.participant.subject, found.told.held, failing)
                self._block |= {(family.name, name): found.piece.block for name in failing}
            self._tallies[family.name] = together
        return self._tallies[family.name]

    def note_judged(self, verdict: record.Verdict) -> None:
        """Take over a verdict of an earlier part of the run: only a clause that failed may block others."""
        self._red[verdict.clause] = statuses.status(verdict.status).breaks
        self._left_to[verdict.clause] = tuple(verdict.blocked_by)
        for blocker in verdict.blocked_by:
            self._told_to_block.setdefault(blocker, verdict.clause)

    def recall(self, findings: Iterable[record.Finding]) -> None:
        """Know the small cases that an earlier part of the run has found."""
        for finding in findings:
            if finding.shrunk and (finding.subject, finding.mode) == self.participant.key:
                case = Case.from_json(finding.case)
                self._small[case.id] = case

    def _recorded(self, corpus: Corpus) -> Tally:
        tally = Tally()
        for done, recorded in enumerate(corpus.cases, start=1):
            try:
                observation = self._evidence.observation(self.participant.subject, recorded.case)
                judge_recorded(recorded, observation, tally)
            except Exception as error:
                broken = HarnessError.of(error, f"judging {recorded.name}", recorded.case)
                tally.add(Tally(broken=broken))
            self._progress(corpus.clause.id, done)
        return tally

    def _claim(self, clause: Clause, tally: Tally) -> record.Claim | None:
        """Return whether the page's own sentence held, where it contradicts the norm."""
        if clause.claim is None:
            return None
        # A process that died or hung says nothing about a sentence.
        failures = [f for f in tally.failures if f.status == "fail" or f.mismatch.got is not None]
        if not failures:
            return record.Claim("upheld" if tally.held else "not-run", tally.judged)
        smallest = plainest(failures)
        # The claim is about TensorFlow: only its case is shown.
        if self.participant.traits.tensorflow:
            smallest, _ = self._shrunk(clause, smallest, claims=True)
        mismatch = smallest.mismatch
        evidence = record.Evidence(
            mismatch.message,
            smallest.case.to_json(),
            mismatch.step,
            mismatch.expected,
            mismatch.got,
        )
        return record.Claim("contradicted", tally.judged, evidence)

    def _finding(
        self, clause: Clause, tally: Tally, guard: Guard
    ) -> tuple[record.Finding | None, str]:
        """Return a finding as far as it can be made, and its text."""
        failures = tally.failures
        subject = self.participant.subject
        self._phase(f"shrinking a case of {clause.id}")
        with self._apart("shrinking"):
            shown, shrunk = guard(
                f"shrinking a case of {clause.id}",
                lambda: self._smallest(clause, failures),
                (plainest(failures), False),
            )
            mismatch = guard(
                f"the step of {clause.id}", lambda: self._at_its_step(shown), shown.mismatch
            )
        script = guard(
            f"the script of {clause.id}",
            lambda: self._script(shown, mismatch) if shown.repeats else None,
            None,
        )
        self._phase(f"diagnosing {clause.id}")
        given_up = self.diagnostician.cut_short
        diagnosis = guard(
            f"the diagnosis of {clause.id}",
            lambda: (
                self.diagnostician.diagnose(subject, clause.id, failures, shown)
                if shown.repeats
                else afresh.TOLD
            ),
            None,
        )
        text = guard(
            f"the text of {clause.id}",
            lambda: finding_text(clause, mismatch, shown, tally, script, diagnosis),
            mismatch.message,
        )
        name, mode = self.participant.key
        finding = guard(
            f"writing the finding of {clause.id}",
            lambda: record.Finding(
                clause=clause.id,
                subject=name,
                mode=mode,
                status=shown.status,
                message=mismatch.message,
                case=shown.case.to_json(),
                step=mismatch.step,
                expected=mismatch.expected,
                got=mismatch.got,
                index=mismatch.index,
                scaled_error=mismatch.scaled_error,
                bound=mismatch.bound,
                diagnosis=diagnosis,
                undiagnosed=self.diagnostician.cut_short > given_up,
                failures=len(failures),
                examples=tally.judged,
                script=script,
                shrunk=shrunk,
            ),
            None,
        )
        return finding, text

    def _script(self, shown: Failure, mismatch: Mismatch) -> str | None:
        subject, case = self.participant.subject, shown.case
        observation = self._evidence.past_observation(subject, case)
        if observation is None:  # another process has run the case
            if mismatch.message.startswith(ENDED):
                observation = self._culprits.until_it_ended(case)[1]
                # It may not be asked again.
                observation = observation or Observation(crash=mismatch.message.removeprefix(ENDED))
            else:
                observation = self._evidence.observation(subject, case)
        return script_for(
            subject.spec,
            subject.mode,
            case,
            mismatch,
            is_command=self.participant.is_command,
            observation=observation,
            driven_as=self.participant.description.get("driven_as", LAYER),
        )

    @contextlib.contextmanager
    def _apart(self, purpose: str) -> Iterator[None]:
        """Count apart what a process costs for a purpose, however much exploring, or another purpose, has cost."""
        worker = Worker.of(self.participant)
        spent, lost = worker.spent, worker.seconds_lost
        least = PATIENCE - EXPLAINING, LONGEST_PATIENCE - LONGEST_EXPLAINING
        seconds, worker.seconds_lost = self._explained.get(purpose, least)
        worker.spent = attrs.evolve(spent, seconds=seconds)
        try:
            yield
        finally:
            self._explained[purpose] = worker.spent.seconds, worker.seconds_lost
            worker.spent, worker.seconds_lost = spent, lost

    def _smallest(self, clause: Clause, failures: Sequence[Failure]) -> tuple[Failure, bool]:
        if clause.id in self._corpora:
            return plainest(failures), False
        plain = [f for f in failures if f.case.situation is None]
        found = plainest(failures)
        if not found.repeats:
            return found, False
        smallest, shrunk = self._shrunk(clause, found, claims=False, others=plain)
        if shrunk and self._afresh is not None:
            # The process has run many cases meanwhile.
            with self._apart("asking again"):
                if not self._afresh.repeats(clause.id, smallest):
                    return found, False
        if shrunk:
            self._small[smallest.case.id] = smallest.case
        return smallest, shrunk

    def _at_its_step(self, shown: Failure) -> Mismatch:
        """Return the mismatch; where the process ended, at the step at which it did."""
        subject, case = self.participant.subject, shown.case
        observation = self._evidence.past_observation(subject, case)
        ended_here = observation is not None and observation.crash is not None
        if not ended_here and not shown.mismatch.message.startswith(ENDED):
            return shown.mismatch
        return attrs.evolve(shown.mismatch, step=self._culprits.until_it_ended(case)[0])

    def _shrunk(
        self, clause: Clause, found: Failure, *, claims: bool, others: Sequence[Failure] = ()
    ) -> tuple[Failure, bool]:
        return shrink(
            self._evidence,
            FAMILIES[found.case.family],
            self.participant.subject,
            self.participant.traits,
            found,
            clause.id,
            claims=claims,
            examples=self._options.count,
            run_seed=self._options.seed,
            # Of a listed case, the first cases that are drawn may fail, too.
            block=self._block.get((found.case.family, found.case.id), 0),
            known=() if claims else (*self._small.values(), *of_one_pixel(found)),
            others=others,
            counts=lambda failure: claims or self._blocker(clause, failure) is None,
        )


def plainest(failures: Sequence[Failure]) -> Failure:
    """Return the failure to be shown: a wrong result rather than an error, drawn rather than fixed.

    A drawn case can be shrunk. A case in plain surroundings says more than one in a situation, and one of float32
    more than one of another dtype.
    """
    return min(failures, key=_plainness)


def _plainness(failure: Failure) -> tuple[bool, bool, bool, bool]:
    family = FAMILIES.get(failure.case.family)
    is_fixed = family is None or not family.is_drawn
    is_typed = failure.case.argument("dtype") not in (None, "float32")
    return failure.status != "fail", is_fixed, failure.case.situation is not None, is_typed


def finding_text(
    clause: Clause,
    mismatch: Mismatch,
    shown: Failure,
    tally: Tally,
    script: str | None,
    diagnosis: str | None = None,
) -> str:
    """Return a finding as the terminal shows it."""
    scaled = ""
    if mismatch.scaled_error is not None and mismatch.bound:
        scaled = f"\nscaled error {mismatch.scaled_error:.3g}, bound {mismatch.bound:.3g}"
    told = "" if diagnosis is None else f"\ndiagnosis: {diagnosis}"
    return (
        f"{clause.id} {clause.title}\n{mismatch.message}{scaled}{told}\n"
        f"{len(tally.failures)} of {tally.judged} cases; the smallest is {shown.case.id}:\n\n{script or ''}"
    )


def _status(clause: Clause, tally: Tally) -> Standing:
    """Return a clause's status and, unless it passed or failed, why."""
    statuses = {failure.status for failure in tally.failures}
    if "fail" in statuses:
        return "fail", None, None
    if statuses:
        return "error", None, None
    if tally.not_tried is not None:
        return "gave-up", f"not every case was run: {tally.not_tried}", "cases-left"
    if tally.held:
        return "pass", None, None
    if tally.blocked:
        verb = "passes" if len(tally.blocked) == 1 else "pass"
        told = f"cannot be judged until {' and '.join(tally.blocked)} {verb}"
        return "blocked", told, "more-basic"
    if tally.unsupported:
        return "unsupported", counted(tally.unsupported), "lacking"
    if clause.untestable:
        return "not-run", clause.untestable, "untestable"
    return "not-run", "no case in this run exercises this clause in this mode", "no-case"


def counted(reasons: Mapping[str, int]) -> str:
    """Return reasons, each with the number of its cases, as one line: the most frequent first."""
    told: list[str] = []
    for reason in sorted(reasons, key=lambda one: (-reasons[one], one)):
        text = in_a_line(reason, LINE)
        if told and len("; ".join([*told, text])) > LINE:
            return f"{'; '.join(told)}; and {len(reasons) - len(told)} more"
        told.append(text)
    return "; ".join(told)


def _part(tally: Tally) -> str | None:
    """Say on which part of its cases a clause held; None where on all of them."""
    left = tally.left + sum(tally.blocked.values())
    if not left:
        return None
    told = []
    for name, values in tally.left_values.items():
        held = tally.held_values.get(name, set())
        missing = values - held
        if missing and held:
            only = f"{name} {next(iter(held))} only"
            told.append(only if len(held) == 1 else f"{name} not {', '.join(sorted(missing))}")
    counted = f"{tally.held} of {tally.held + left} cases"
    return "; ".join([*told[:2], counted])
