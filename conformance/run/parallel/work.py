"""The work of a run: its pieces, who explores them, and what all of them say together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from conformance.cases import Family, space
from conformance.judge.exploring import blocks
from conformance.model import machine
from conformance.model.values.codec import Array
from conformance.run.parallel import pieces
from conformance.run.parallel.crew import Crew
from conformance.run.parallel.explorer import Explorer, Task
from conformance.run.parallel.pieces import Asked, Found, Piece, Recipe, Worker
from conformance.run.participants.participant import Participant
from conformance.run.settings.options import Options
from conformance.run.statistics.numerics import Numerics
from conformance.subjects.processes.process import Spent
from reports.records import record

#: Makes what explores tasks, from these and from who is told what it has found.
Elsewhere: TypeAlias = Callable[[Sequence[Task], Callable[[Found], None]], Explorer]
#: So many cases take longer than starting the processes that explore them beside each other.
WORTH = 1000
#: Bytes of memory for each of these processes and its subject, where the user does not say how many there are.
ROOM = 2 * 2**30


@attrs.define(eq=False)
class Together:
    """What the pieces of one participant say together; it does not grow with their number.

    Args:
        cases: how many the subject was asked about.
        exercised: how many of them gave a result that was judged.
        digest: stands for their ids.
        numerics: how precise results were.
        lacks: words that stood for what the subject does not offer.
    """

    cases: int = 0
    exercised: int = 0
    digest: str = ""
    numerics: Numerics = attrs.Factory(Numerics)
    lacks: set[str] = attrs.Factory(set)
    _pairs: Array = attrs.field(factory=lambda: pieces.square(()))
    _seen: dict[tuple[tuple[str, ...], bool, str | None], record.Seen] = attrs.Factory(dict)
    _said: dict[str, record.Said] = attrs.Factory(dict)

    def add(self, told: record.Explored) -> None:
        """Take in a piece."""
        self.cases += told.cases
        self.exercised += told.exercised
        self.digest = pieces.both(self.digest, told.digest)
        self._pairs += pieces.square(told.pairs)
        self.numerics.add(told.numerics)
        self.lacks.update(told.lacks)
        for seen in told.seen:
            key = seen.traits, seen.cause is not None, seen.lack
            known = self._seen.get(key)
            more = seen.cases + (known.cases if known else 0)
            self._seen[key] = attrs.evolve(known or seen, cases=more)
        for said in told.said:
            before = self._said.get(said.message)
            self._said[said.message] = attrs.evolve(
                said, cases=said.cases + (before.cases if before else 0)
            )

    @property
    def coverage(self) -> space.Coverage:
        """How many cases show each pair of parameter values."""
        return space.Coverage(self.exercised, np.array(self._pairs))

    @property
    def seen(self) -> tuple[record.Seen, ...]:
        """What cases say about aspects."""
        return tuple(self._seen.values())

    @property
    def said(self) -> tuple[record.Said, ...]:
        """The messages of errors."""
        return tuple(self._said.values())


def processes(cases: int) -> int:
    """Return how many processes are worth their start, for so many cases."""
    if cases < WORTH:
        return 1
    memory = machine.memory()
    return machine.cores() if memory is None else max(1, min(machine.cores(), memory // ROOM))


class Work:
    """Explores the pieces of a run, each when it is asked for, or ahead of that in other processes.

    Args:
        participants, clauses, options: the run's.
        finished: called with what was found of a piece, as soon as it is; perhaps in another thread.
        progress: called with participant, family and the cases of it that are done.
        with_observations: whether what subjects did is needed, too.
        elsewhere: returns what explores tasks, handing over what it has found; None for the options' processes.
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        clauses: Sequence[str],
        options: Options,
        finished: Callable[[Found], None],
        progress: Callable[[Participant, str, int], None],
        *,
        with_observations: bool,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._options, self._finished, self._progress = options, finished, progress
        self._asked = Asked(frozenset(clauses), options.count, options.seed, with_observations)
        self._participants = {participant.key: participant for participant in participants}
        self._workers = {participant.key: Worker.of(participant) for participant in participants}
        listed = pieces.pieces(participants, clauses, options.count)
        #: Those that the run explores, in the order in which it judges what they are needed for.
        self.pieces = (
            listed
            if options.shard is None
            else pieces.of_shard(listed, options.count, options.shard)
        )
        self._known: dict[Piece, Found] = {}
        self._done: dict[tuple[tuple[str, str], str], dict[int, int]] = {}
        self._crew: Explorer | None = None
        self._elsewhere = elsewhere
        self._has_begun = False
        #: By participant.
        self.together = {participant.key: Together() for participant in participants}

    def recall(self, entries: Iterable[record.Explored], where: str) -> None:
        """Know what was explored before.

        Raises:
            RecordError: the record at `where` says of a piece what cannot be.
        """
        for entry in entries:
            found = Found.of(entry, where)
            self._known[found.piece] = found

    def find(self, participant: Participant, family: Family) -> Iterator[Found]:
        """Yield what a family's blocks say of a participant."""
        self._begin()
        for block in blocks(family, self._options.count):
            found = self._found(Piece(*participant.key, family.name, block))
            self.together[participant.key].add(found.told)
            yield found

    def explore(self) -> None:
        """Explore every piece by itself: what a subject cost in others counts when they are put together."""
        self._begin()
        for piece in self.pieces:
            if piece not in self._known:
                worker = self._workers[piece.key]
                worker.spent = Spent()
                self._found(piece)

    def _begin(self) -> None:
        """Have other processes explore, where that helps."""
        if self._has_begun:
            return
        self._has_begun = True
        recipes = {key: self._recipe(one) for key, one in self._participants.items()}
        count = self._options.count
        tasks = [
            Task(piece, recipe, self._asked)
            for piece in self.pieces
            if piece not in self._known and (recipe := recipes[piece.key]) is not None
        ]
        if not tasks or self._options.findings:
            return  # where earlier findings are tried first, most pieces may not be needed
        if self._elsewhere is not None:
            self._crew = self._elsewhere(tasks, self._finished)
            return
        jobs = self._options.jobs
        if jobs is None:
            jobs = processes(sum(pieces.size(task.piece, count) for task in tasks))
        if jobs > 1:
            self._crew = Crew(
                tasks, self._finished, jobs=jobs, seconds=self._options.seconds_per_case
            )

    def _recipe(self, participant: Participant) -> Recipe | None:
        """Return how others make the subject, as it is now; as a new one where each piece stands for itself."""
        recipe, spent = Recipe.of(participant), self._workers[participant.key].spent
        if recipe is None or self._options.shard is not None or self._elsewhere is not None:
            return recipe
        return attrs.evolve(recipe, spent=spent)

    def _found(self, piece: Piece) -> Found:
        worker = self._workers[piece.key]
        found = self._known.pop(piece, None)
        if worker.spent.is_too_much:
            found = None
            if self._crew is not None:
                self._crew.drop(piece.key)
        elif found is not None and self._asked.with_observations and found.observed is None:
            found = None
        elif found is None and self._crew is not None and self._crew.knows(piece):
            found = self._crew.found(piece, self._tell)
        if found is None or self._costs_too_much(worker, found):
            found = pieces.explored(
                piece,
                worker,
                self._asked,
                progress=lambda done: self._tell(piece, done),
            )
            self._finished(found)
        else:
            worker.spent += found.spent
        return found

    @staticmethod
    def _costs_too_much(worker: Worker, found: Found) -> bool:
        """Tell whether a piece was not to be explored to its end, or not to where it was.

        It cost more than earlier ones have left of what the subject may cost, or its process had no time left.
        """
        gave_up = any(tally.not_tried is not None for tally in found.tallies.values())
        if worker.spent == found.before:
            return gave_up and not (found.before + found.spent).is_too_much
        return gave_up or (found.spent != Spent() and (worker.spent + found.spent).is_too_much)

    def _tell(self, piece: Piece, done: int) -> None:
        counts = self._done.setdefault((piece.key, piece.family), {})
        counts[piece.block] = done
        participant = self._participants[piece.key]
        self._progress(participant, piece.family, sum(counts.values()))

    @property
    def cases(self) -> int:
        """About how many cases there are to run."""
        return sum(pieces.size(piece, self._options.count) for piece in self.pieces)

    @property
    def exploring(self) -> list[tuple[Participant, str]]:
        """What other processes are at: participants, each with a family."""
        at = self._crew.at if self._crew is not None else ()
        told = dict.fromkeys((piece.key, piece.family) for piece in at)
        return [(self._participants[key], family) for key, family in told]

    def close(self) -> None:
        """End the processes."""
        if self._crew is not None:
            self._crew.close()
