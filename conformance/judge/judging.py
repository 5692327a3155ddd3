"""Judging: what checks make of one case, and the count over many cases."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs

from conformance.cases.situations import calmer
from conformance.checks import CHECKS, Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.checks.chapters.layer.situations import check_situation
from conformance.judge.alone import is_refused_alone
from conformance.judge.evidence import Evidence
from conformance.model.case import Case
from conformance.model.observation import Error, Observation
from conformance.model.values.codec import Value, text_of
from conformance.oracle.comparison import Mismatch, listening, told_of_normwise
from conformance.oracle.form import unlike_the_oracle
from conformance.oracle.settling import settled
from conformance.subjects import Subject, in_own_terms


class HarnessError(Exception):
    """The harness is broken: something of it raised where nothing may.

    Args:
        message: what raised, in one sentence.
        case: the case that it was about, None where it was about none.
    """

    def __init__(self, message: str, case: Case | None = None) -> None:
        super().__init__(message)
        self.case = case

    @staticmethod
    def of(
        error: BaseException, what: str, case: Case | None = None, where: str = ""
    ) -> HarnessError:
        """Tell that `what` raised `error`; of one that is told already, return that."""
        if isinstance(error, HarnessError):
            return error
        told = f"{what} raised {type(error).__name__}: {text_of(error)}{where}"
        if error.__traceback__ is not None:
            last = traceback.extract_tb(error.__traceback__)[-1]
            told += f" ({Path(last.filename).name}:{last.lineno})"
        return HarnessError(told, case)


@attrs.frozen(eq=False)
class Failure:
    """A case on which a clause does not hold.

    `status` is `fail` where the result is wrong, `error` where the subject raised or crashed. It `repeats`
    unless it was asked again in a fresh process, which did not fail. `refused` tells that the right layer is not
    made, or raises at the step, or that the case is too large for the oracle: it is no matter of numbers.
    """

    case: Case
    status: str
    mismatch: Mismatch
    repeats: bool = True
    refused: bool = False


@attrs.define(eq=False)
class Tally:
    """What a family's cases tell about one clause (or about the page's claim)."""

    held: int = 0
    failures: list[Failure] = attrs.Factory(list)
    unsupported: dict[str, int] = attrs.Factory(dict)
    #: How many cases were left out because the subject lacks what the checks need.
    left: int = 0
    #: Parameter values (`conformance.cases.space`) of cases on which it held, and of those that were left out.
    held_values: dict[str, set[str]] = attrs.Factory(dict)
    left_values: dict[str, set[str]] = attrs.Factory(dict)
    #: On how many of the cases it held in the norm of each image, and not element by element.
    normwise: int = 0
    #: On how many cases it fails because of a more basic clause, by that clause; and these failures.
    blocked: dict[str, int] = attrs.Factory(dict)
    blocked_failures: list[Failure] = attrs.Factory(list)
    not_tried: str | None = None
    #: What broke in the harness first, so that not every case was judged.
    broken: HarnessError | None = None

    @property
    def judged(self) -> int:
        """How many cases the clause was judged on."""
        return self.held + len(self.failures)

    def add(self, other: Tally) -> None:
        """Add another family's findings."""
        self.held += other.held
        self.normwise += other.normwise
        self.failures += other.failures
        self.not_tried = self.not_tried or other.not_tried
        self.broken = self.broken or other.broken
        for reason, count in other.unsupported.items():
            self.unsupported[reason] = self.unsupported.get(reason, 0) + count
        self.left += other.left
        for own, others in (
            (self.held_values, other.held_values),
            (self.left_values, other.left_values),
        ):
            for name, values in others.items():
                own.setdefault(name, set()).update(values)

    def note_held(self, values: Mapping[str, str]) -> None:
        """Count a case on which the clause held, with its parameter values."""
        self.held += 1
        _note(self.held_values, values)

    def note_left(self, values: Mapping[str, str], reasons: Iterable[str]) -> None:
        """Count a case that was left out, with its parameter values and why."""
        self.left += 1
        _note(self.left_values, values)
        for text in reasons:
            self.unsupported[text] = self.unsupported.get(text, 0) + 1

    def note_blocked(self, values: Mapping[str, str], clause: str, failure: Failure) -> None:
        """Note a failure that another clause's failure explains."""
        self.blocked[clause] = self.blocked.get(clause, 0) + 1
        self.blocked_failures.append(failure)
        _note(self.left_values, values)


def _note(found: dict[str, set[str]], values: Mapping[str, str]) -> None:
    for name, value in values.items():
        found.setdefault(name, set()).add(value)


class NothingAsked(NotSupported):
    """A check found nothing in a case that it could judge, and so says nothing of it."""


def judge(
    evidence: Evidence, check: Check, case: Case, subject: Subject, traits: Traits
) -> Failure | None:
    """Return None where the clause holds, else the failure.

    What fails in a situation, and holds in plain surroundings, is the matter of the clause about the situation.

    Raises:
        NothingAsked: the check asked for the outcome of no step.
        NotSupported: the subject lacks what the check needs.
        NotTried: the case was not run, or the check does not know it.
        HarnessError: the check, the oracle or the way to the subject raised.
    """
    asked = in_own_terms(subject, case)
    if asked is not case and check.applies(asked, traits):
        case = asked
    failure = _judged_here(evidence, check, case, subject, traits)
    if failure is None or case.situation is None or is_apart(check):
        return failure
    return _elsewhere(evidence, check, case.without_situation, subject, traits)


def first_failure(
    evidence: Evidence, checks: Iterable[Check], case: Case, subject: Subject, traits: Traits
) -> Failure | None:
    """Return how the first of the checks fails that applies to the case; what a subject lacks says nothing.

    Raises:
        NotTried, HarnessError: as `judge`.
    """
    for check in checks:
        if case.family not in check.families:
            continue
        with contextlib.suppress(NotSupported):
            if check.applies(case, traits):
                failure = judge(evidence, check, case, subject, traits)
                if failure is not None:
                    return failure
    return None


def is_apart(check: Check) -> bool:
    """Tell whether a check is about situations: it compares what other clauses say with and without one."""
    return check.judge is check_situation


def _elsewhere(
    evidence: Evidence, check: Check, case: Case, subject: Subject, traits: Traits
) -> Failure | None:
    """Return what the check says of the case in other surroundings; None where it says nothing."""
    try:
        if not check.applies(case, traits):
            return None
        return _judged_here(evidence, check, case, subject, traits)
    except (NotSupported, NotTried):
        return None


def _apart(evidence: Evidence, case: Case, subject: Subject, traits: Traits) -> Mismatch | None:
    """Return what the first clause says that fails here alone.

    Raises:
        NotSupported: no clause can be judged here.
        Misbehaved: the subject raised, or its process ended, here alone.
    """
    assert case.situation is not None
    missing, held = "no clause says anything about the case", False
    for check in CHECKS.applying(case, traits):
        if check.claims or is_apart(check):
            continue
        try:
            with listening(lambda *_: None):  # each check is asked in its own right, too
                failure = _judged_here(evidence, check, case, subject, traits)
        except NotSupported as reason:
            missing = str(reason)
            continue
        held = True
        if failure is None or any(
            _elsewhere(evidence, check, other, subject, traits) for other in calmer(case)
        ):
            continue
        found = failure.mismatch
        told = (
            f"{found.message} ({check.clause}), where {case.situation.kind.words}; "
            "it holds without that"
        )
        if failure.status == "error" and _is_refused_dtype(case, found):
            raise NotSupported(f"refuses another dtype: {found.message}")
        if failure.status == "error" and is_refused_alone(evidence, case, found, subject):
            raise NotSupported(f"refuses it in other surroundings, too: {found.message}")
        if failure.status == "error":
            raise Misbehaved(told, found.step, None if found.got is None else Error(**found.got))
        return attrs.evolve(found, message=told)
    if not held:
        raise NotSupported(missing)
    return None


#: By what a layer refuses an array of another dtype: Python's errors, and ONNX Runtime's.
_REFUSALS = frozenset(
    {"TypeError", "ValueError", "AssertionError", "RuntimeError", "BufferError", "InvalidArgument"}
)


def _is_refused_dtype(case: Case, found: Mismatch) -> bool:
    """Tell whether a layer refuses what a situation brings in another dtype, or byte order."""
    assert case.situation is not None
    types = () if found.got is None else found.got["types"]
    is_brought = case.situation.name == "byte swapped" or (
        case.situation.name == "another dtype" and found.step in case.situation.aside
    )
    return is_brought and not _REFUSALS.isdisjoint(types)


def _judged_here(
    evidence: Evidence, check: Check, case: Case, subject: Subject, traits: Traits
) -> Failure | None:
    who, expectation = f"{subject.name} ({subject.mode})", evidence.expectation(case)

    def seen(observation: Observation) -> View:
        view = View(case, observation, expectation, traits, given=given)
        view.ask = lambda other: _last(evidence.observation(subject, other), other)
        if case.situation is not None:
            view.apart = lambda: _apart(evidence, case, subject, traits)
        return view

    try:
        given = evidence.observation(subject, case)
        view = seen(given)
    except Exception as error:
        raise _broken(error, check, case, who) from error
    if given.not_tried is not None:
        raise NotTried(given.not_tried)
    told = partial(evidence.note_normwise, subject, case, check.name)
    try:
        with told_of_normwise(told):
            failure = judged(check, view, given, who)
        if failure is not None and failure.status == "fail" and not check.claims:
            # What is right but for the errors of a transform has the right numbers.
            calm = settled(case, given, expectation)
            if calm is not None and judged(check, seen(calm), calm, who) is None:
                told()
                failure = None
    finally:
        evidence.asked(subject, case).update(view.asked)
    if failure is not None:
        evidence.keep_failing(subject, case)
    elif not view.asked and not is_apart(check):
        raise NothingAsked(f"{check.name} has nothing to judge in the case")
    return failure


def _last(observation: Observation, case: Case) -> Value:
    """Return what the last step of a case gave, None where it gave nothing."""
    outcomes = observation.outcomes
    return outcomes[-1].value if len(outcomes) == len(case.steps) else None


def judged(check: Check, view: View, observation: Observation, who: str) -> Failure | None:
    """Return None where the clause holds for what `who` did with a case, else the failure; raise as `judge`."""
    case = view.case
    try:
        mismatch = check.judge(view)
    except (NotSupported, NotTried, HarnessError):
        raise
    except Misbehaved as reason:
        got = None if reason.error is None else attrs.asdict(reason.error)
        mismatch = Mismatch(str(reason), None, got, reason.step)
        return Failure(case, "error", mismatch, refused=view.expectation.refuses(reason.step))
    except Exception as error:
        try:
            # Nothing can be read off an answer of another form: then it is the answer that is wrong.
            mismatch = unlike_the_oracle(case, observation, view.asked)
        except Exception as second:
            raise _broken(second, check, case, who) from error
        if mismatch is None:
            raise _broken(error, check, case, who) from error
    if mismatch is None:
        return None
    return Failure(case, "fail", mismatch, refused=view.expectation.refuses(mismatch.step))


def _broken(error: Exception, check: Check, case: Case, who: str) -> HarnessError:
    where = f" on case {case.id} ({case.family}) with subject {who}"
    return HarnessError.of(error, f"{check.name} of {check.clause}", case, where)


def judge_case(
    evidence: Evidence,
    checks: Iterable[Check],
    case: Case,
    subject: Subject,
    traits: Traits,
    tallies: dict[tuple[str, bool], Tally],
) -> bool:
    """Judge every clause that one of `checks` speaks for, adding to `tallies` by (clause, is a claim).

    Returns:
        Whether one of the checks applies to the case; else nobody is asked about it.
    """
    groups: dict[tuple[str, bool], list[Check]] = {}
    for check in checks:
        key = check.clause, check.claims
        try:
            if check.applies(case, traits):
                groups.setdefault(key, []).append(check)
        except Exception as error:
            broken = HarnessError.of(error, f"`applies` of {check.name} of {check.clause}", case)
            tallies.setdefault(key, Tally()).add(Tally(broken=broken))
    for key, members in groups.items():
        _tally(evidence, tallies.setdefault(key, Tally()), members, case, subject, traits)
    return bool(groups)


def _tally(
    evidence: Evidence,
    tally: Tally,
    checks: Sequence[Check],
    case: Case,
    subject: Subject,
    traits: Traits,
) -> None:
    """Judge one clause on one case; with several checks all of them must hold."""
    missing: list[str] = []
    held = False
    for check in checks:
        try:
            failure = judge(evidence, check, case, subject, traits)
        except NothingAsked:
            continue
        except NotSupported as reason:
            missing.append(str(reason))
            continue
        except NotTried as reason:
            tally.not_tried = str(reason)
            return
        except HarnessError as error:
            tally.add(Tally(broken=error))
            return
        if failure is not None:
            tally.failures.append(failure)
            return
        held = True
    if held:
        tally.note_held(evidence.values(case))
        tally.normwise += evidence.is_normwise(subject, case, checks)
    elif missing:
        tally.note_left(evidence.values(case), missing)
