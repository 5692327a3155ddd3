"""A piece of a run: one block of a family's cases on one participant, explored by whichever process.

What is found of a piece is a value: it depends on the piece, on the seed and on nothing else, goes to a line of
the record and back, and is all that verdicts are made of. So a run may explore its pieces itself, in several
processes (`crew.py`), on several machines, or before it was interrupted, and ends with the same record.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from conformance.cases import FAMILIES, space
from conformance.cases.index import is_listed
from conformance.checks import CHECKS, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import blocks, explore, size_of_block
from conformance.judge.judging import Failure, HarnessError, Tally
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values.codec import Array, decode
from conformance.oracle.comparison import Mismatch, listening
from conformance.run.participants.capabilities import asking
from conformance.run.participants.participant import Origin, Participant
from conformance.run.participants.plainest import Plainest
from conformance.run.settings.lacks import Lack, Understood
from conformance.run.statistics import aspects, messages
from conformance.run.statistics.numerics import Numerics
from conformance.subjects import Subject
from conformance.subjects.processes.process import Spent
from reports.records import record
from reports.records.record import RecordError, Shard

Tallies: TypeAlias = Mapping[tuple[str, bool], Tally]


@attrs.frozen
class Piece:
    """A block of a family's cases on a participant: `conformance.judge.exploring.blocks` numbers them."""

    subject: str
    mode: str
    family: str
    block: int

    @property
    def key(self) -> tuple[str, str]:
        """Of the participant."""
        return self.subject, self.mode


@attrs.frozen
class Asked:
    """What a run asks of each of its pieces.

    Args:
        clauses: ids of those that are judged; cases that say nothing about them are not run.
        examples, run_seed: the run's.
        with_observations: whether what the subject did is needed, too.
    """

    clauses: Collection[str]
    examples: int
    run_seed: int
    with_observations: bool = False


def pieces(
    participants: Iterable[Participant], clauses: Sequence[str], examples: int
) -> tuple[Piece, ...]:
    """Return the pieces of a run, in the order in which it judges what they are needed for."""
    families = {f.name: f for clause in clauses for f in CHECKS.families(clause)}
    return tuple(
        Piece(*participant.key, family.name, block)
        for participant in participants
        for family in families.values()
        for block in blocks(family, examples)
    )


def size(piece: Piece, examples: int) -> int:
    """Return about how many cases a piece has."""
    return size_of_block(FAMILIES[piece.family], examples, piece.block)


def of_shard(listed: Iterable[Piece], examples: int, shard: Shard) -> tuple[Piece, ...]:
    """Return a shard's own among the pieces of a run: of each participant about as many cases as others have."""
    cases: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * shard.of)
    own = set()
    listed = tuple(listed)
    for piece in sorted(listed, key=lambda piece: -size(piece, examples)):
        shares = cases[piece.key]
        least = shares.index(min(shares))
        shares[least] += size(piece, examples)
        if least == shard.number - 1:
            own.add(piece)
    return tuple(piece for piece in listed if piece in own)


@attrs.frozen(eq=False)
class Found:
    """What exploring a piece has found.

    Args:
        piece: the piece.
        tallies: what its cases say, by (clause, is a claim).
        told: the rest, as the record has it.
        observed: cases, and what the subject did with them, where that was asked for.
        before: what the subject's process had cost until then.
    """

    piece: Piece
    tallies: Tallies
    told: record.Explored
    observed: tuple[tuple[Case, Observation], ...] | None = None
    before: Spent = attrs.Factory(Spent)

    @property
    def spent(self) -> Spent:
        """What the subject's process cost."""
        return Spent(self.told.lost, self.told.large)

    @property
    def failing(self) -> dict[str, Case]:
        """The cases on which some clause does not hold, by id."""
        tallies = self.tallies.values()
        return {f.case.id: f.case for tally in tallies for f in tally.failures}

    def entry(self) -> record.Explored:
        """Return the line of the record."""
        return attrs.evolve(
            self.told,
            tallies=tuple(_told(*key, tally) for key, tally in self.tallies.items()),
            # Listed cases are known by their ids.
            failing=tuple(c.to_json() for c in self.failing.values() if not is_listed(c)),
        )

    @staticmethod
    def of(entry: record.Explored, where: str) -> Found:
        """Return what a line of the record at `where` says.

        Raises:
            RecordError: a case or a value in it is none.
        """
        piece = Piece(entry.subject, entry.mode, entry.family, entry.block)
        try:
            cases = {case.id: case for case in map(Case.from_json, entry.failing)}
            others = {f.case for t in entry.tallies for f in t.failures} - cases.keys()
            cases |= {name: FAMILIES[piece.family].named(name) for name in others}
            tallies = {(t.clause, t.claims): _tally(t, cases) for t in entry.tallies}
        except (KeyError, ValueError) as error:
            told = (
                f"what it says of block {piece.block} of {piece.family!r} cannot be used: {error}"
            )
            raise RecordError(f"{where}: {told}.") from error
        return Found(piece, tallies, attrs.evolve(entry, tallies=(), failing=()))


def broken(piece: Piece, asked: Asked, error: HarnessError) -> Found:
    """Return what is known of a piece that could not be explored: that all of its clauses are broken."""
    checks = CHECKS.only(asked.clauses).on(piece.family)
    tallies = {(check.clause, check.claims): Tally(broken=error) for check in checks}
    return Found(piece, tallies, record.Explored(**attrs.asdict(piece)))


def explored(
    piece: Piece,
    worker: Worker,
    asked: Asked,
    *,
    progress: Callable[[int], None],
) -> Found:
    """Explore a piece.

    Args:
        piece: the piece.
        worker: the participant's subject, in this process.
        asked: what the run asks.
        progress: called with the number of cases done, after every case.
    """
    evidence, numerics, subject = Evidence(), Numerics(), worker.subject
    before = worker.spent
    used, worker.words.used = worker.words.used, set()
    with listening(numerics.of(subject)):
        tallies = explore(
            evidence,
            FAMILIES[piece.family],
            subject,
            worker.traits,
            examples=asked.examples,
            run_seed=asked.run_seed,
            progress=progress,
            block=piece.block,
            checks=CHECKS.only(asked.clauses),
        )
    lacks = sorted(lack.source for lack in worker.words.used)
    worker.words.used |= used
    failures = [f for key, tally in tallies.items() if not key[1] for f in tally.failures]
    exercised = evidence.exercised(subject)
    covered = space.Coverage.of_values(exercised.values())
    fails = any(tally.failures for tally in tallies.values())
    told = record.Explored(
        **attrs.asdict(piece),
        held=evidence.held(subject) if fails else (),
        cases=evidence.count(subject),
        exercised=covered.cases,
        digest=_digest(f"{piece.family}/{name}" for name in exercised),
        pairs=lower(covered.counts) if covered.cases else (),
        numerics=numerics.entries(),
        seen=aspects.seen(
            evidence.explored(subject), {f.case.id: f.mismatch.message for f in failures}
        ),
        # TensorFlow's own words for what it refuses are the norm.
        said=() if worker.traits.tensorflow else messages.said(failures),
        lacks=tuple(lacks),
        lost=worker.spent.seconds - before.seconds,
        large=worker.spent.large - before.large,
    )
    observed = evidence.observed(subject) if asked.with_observations else None
    return Found(piece, tallies, told, observed, before)


@attrs.define(eq=False)
class Worker:
    """A participant's subject in the process that asks it.

    Args:
        subject: the subject as the run asks it.
        words: the same as far as it says in its own words what it lacks.
        traits: what norms may depend on.
    """

    subject: Subject
    words: Understood
    traits: Traits

    @property
    def has_process(self) -> bool:
        """Whether the subject runs in a process of its own, which can be started anew."""
        return hasattr(self.words.subject, "spent")

    @property
    def spent(self) -> Spent:
        """What the subject has cost so far; nothing where it has no process of its own."""
        return getattr(self.words.subject, "spent", Spent())

    @spent.setter
    def spent(self, spent: Spent) -> None:
        if self.has_process:
            self.words.subject.spent = spent  # type: ignore[attr-defined]

    @property
    def seconds_lost(self) -> float:
        """The seconds that went by for its process, beside what it was asked for."""
        return float(getattr(self.words.subject, "seconds_lost", 0.0))

    @seconds_lost.setter
    def seconds_lost(self, seconds: float) -> None:
        if hasattr(self.words.subject, "seconds_lost"):
            self.words.subject.seconds_lost = seconds

    @staticmethod
    def of(participant: Participant) -> Worker:
        """Return the participant's own, in the process of the run."""
        words = participant.words
        if words is None:
            words = Understood(participant.subject, (), says_not_implemented=False)
        return Worker(participant.subject, words, participant.traits)


@attrs.frozen
class Recipe:
    """How a participant's worker is made in another process; it can be sent there.

    Args:
        origin, traits, declares, plain, lacks, says_not_implemented: the participant's.
        spent: what its process has cost before anything is explored.
    """

    origin: Origin
    traits: Traits
    declares: Mapping[str, object]
    plain: Plainest
    lacks: tuple[Lack, ...]
    says_not_implemented: bool
    spent: Spent = attrs.Factory(Spent)

    @staticmethod
    def of(participant: Participant) -> Recipe | None:
        """Return how; None where the participant is an object of this process."""
        if participant.origin is None or participant.words is None:
            return None
        words = participant.words
        return Recipe(
            participant.origin,
            participant.traits,
            dict(participant.declares),
            participant.capabilities.plain,
            words.lacks,
            words.says_not_implemented,
        )

    def make(self) -> Worker:
        """Start the subject.

        Raises:
            LoadError: it cannot be started any more.
        """
        words = Understood(
            self.origin.start(), self.lacks, says_not_implemented=self.says_not_implemented
        )
        return Worker(asking(words, self.declares, self.plain), words, self.traits)


def _digest(names: Iterable[str]) -> str:
    """Return a text that stands for a set of names."""
    return both("0", *(hashlib.sha256(name.encode()).hexdigest()[:16] for name in names))


def both(*digests: str) -> str:
    """Return the digest of several sets together."""
    total = 0
    for digest in digests:
        total ^= int(digest or "0", 16)
    return f"{total:016x}"


def lower(counts: Array) -> tuple[tuple[int, ...], ...]:
    """Return the lower triangle of a square table, as records have it."""
    return tuple(tuple(row[:length].tolist()) for length, row in enumerate(counts))


def square(rows: Sequence[Sequence[int]]) -> Array:
    """Return what `lower` gives of a symmetric table, without its diagonal, as a square table again."""
    size = len(space.VALUES)
    result = np.zeros((size, size), np.int64)
    for number, row in enumerate(rows[:size]):
        result[number, : len(row)] = row[:number]
    symmetric: Array = result + result.T
    return symmetric


def _told(clause: str, claims: bool, tally: Tally) -> record.Tally:
    failures = tuple(
        record.Failed(
            case=f.case.id,
            status=f.status,
            refused=f.refused,
            **attrs.asdict(f.mismatch, recurse=False),
        )
        for f in tally.failures
    )
    error = tally.broken
    return record.Tally(
        clause=clause,
        claims=claims,
        held=tally.held,
        left=tally.left,
        normwise=tally.normwise,
        held_values={name: tuple(sorted(found)) for name, found in tally.held_values.items()},
        left_values={name: tuple(sorted(found)) for name, found in tally.left_values.items()},
        unsupported=dict(tally.unsupported),
        failures=failures,
        not_tried=tally.not_tried,
        broken=None if error is None else str(error),
        broken_case=None if error is None or error.case is None else error.case.to_json(),
    )


def _tally(told: record.Tally, cases: Mapping[str, Case]) -> Tally:
    error = None
    if told.broken is not None:
        case = told.broken_case and Case.from_json(told.broken_case)
        error = HarnessError(told.broken, case or None)
    return Tally(
        held=told.held,
        failures=[
            Failure(
                cases[one.case],
                one.status,
                Mismatch(
                    one.message,
                    decode(one.expected),
                    decode(one.got),
                    one.step,
                    one.index,
                    one.scaled_error,
                    one.bound,
                ),
                refused=one.refused,
            )
            for one in told.failures
        ],
        unsupported=dict(told.unsupported),
        left=told.left,
        normwise=told.normwise,
        held_values={name: set(found) for name, found in told.held_values.items()},
        left_values={name: set(found) for name, found in told.left_values.items()},
        not_tried=told.not_tried,
        broken=error,
    )
