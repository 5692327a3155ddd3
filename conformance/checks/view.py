"""What a check sees: the case, what the subject did, what the oracle expects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import attrs

from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import (
    Assign,
    Build,
    Call,
    Construct,
    Copy,
    Enter,
    ImageFormat,
    Invoke,
    Leave,
    OtherMode,
    RoundTrip,
    Seed,
    SetWeights,
    Step,
    Train,
    Use,
)
from conformance.model.traits import Traits
from conformance.model.values.codec import Value
from conformance.oracle.bounds import OracleError
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation
from reports.records.values import ENDED

StepType = TypeVar("StepType")


class NotSupported(Exception):  # noqa: N818 - an answer, no error
    """The subject lacks what the check needs."""


class NotTried(Exception):  # noqa: N818 - an answer, no error
    """The case was not run on the subject at all."""


class Misbehaved(Exception):  # noqa: N818 - an answer, no error
    """The subject raised or crashed where it must not."""

    def __init__(self, message: str, step: int | None, error: Error | None = None) -> None:
        super().__init__(message)
        self.step, self.error = step, error


class View:
    """What a check sees: the case, what the subject did, what the oracle expects."""

    def __init__(
        self,
        case: Case,
        observation: Observation,
        expectation: Expectation,
        traits: Traits,
        *,
        given: Observation | None = None,
    ) -> None:
        self.case = case
        self.expectation = expectation
        self.traits = traits
        #: What another clause finds wrong here, and not in plain surroundings; set by who knows both.
        self.apart: Callable[[], Mismatch | None] = lambda: None
        #: What the subject gives at the last step of another case, None if nothing; set by who can ask it.
        self.ask: Callable[[Case], Value] = lambda _: None
        #: The steps whose outcome a check has asked for.
        self.asked: set[int | None] = set()
        self._observation = observation
        self._given = observation if given is None else given
        self._refusals: set[int | None] = set()

    @property
    def geometry(self) -> Geometry:
        """The case's spatial arguments."""
        return Geometry.of(self.case.arguments)

    def steps(self, kind: type[StepType]) -> Iterator[tuple[int, StepType]]:
        """Yield index and step of every step of `kind` that is the case's own."""
        for index, step in self.case.own_steps:
            if isinstance(step, kind):
                yield index, step

    def first(self, kind: type[StepType]) -> tuple[int, StepType]:
        """Return index and step of the first step of `kind`; raise OracleError in a case that has none."""
        for found in self.steps(kind):
            return found
        raise OracleError(f"the case has no step `{kind.__name__}`")

    def outcome(self, index: int | None, accepted: Collection[str] = ()) -> Outcome:
        """Return what step `index` did; None is the constructor.

        Args:
            index: the step.
            accepted: classes of errors that are wanted there: one of them is that error, even where the subject
                says by it that it lacks something.

        Raises:
            NotTried: the case was not run.
            NotSupported: the step, the constructor or an earlier step that changes the layer lacks a
                capability: what follows a step that did not happen is not judged.
            Misbehaved: the process died, the constructor raised, or an earlier step that changes the layer
                raised where neither the norm nor the oracle refuses it.
        """
        self.asked.add(index)
        observation = self._observation
        if observation.not_tried is not None:
            raise NotTried(observation.not_tried)
        last = len(observation.outcomes)
        # Of what broke down the outcomes before may be known.
        if observation.crash is not None and (not last if index is None else index >= last):
            raise Misbehaved(ENDED + observation.crash, index)
        constructed = observation.constructed
        if index is None:
            constructed = _wanted(constructed, accepted)
        if constructed.unsupported is not None:
            raise NotSupported(constructed.unsupported)
        if index is None:
            return constructed
        if constructed.error is not None:
            raise Misbehaved(
                f"the constructor raised {constructed.error.name}: {constructed.error.told}",
                None,
                constructed.error,
            )
        for earlier, step in enumerate(self.case.steps[:index]):
            if changes_the_layer(step):
                self._must_have_happened(earlier)
        return self._supported(index, accepted)

    def value(self, index: int) -> Value:
        """Return step `index`'s value.

        Raises:
            NotSupported, Misbehaved: as `outcome`; an exception in the step itself is misbehaviour too.
        """
        outcome = self.outcome(index)
        if outcome.error is not None:
            raise Misbehaved(f"raised {outcome.error}", index, outcome.error)
        return outcome.value

    def bits(self, index: int) -> Value:
        """Return step `index`'s value as the subject gave it, to the last bit; raise as `value`."""
        self.value(index)
        return self._given.outcomes[index].value

    def raised(self, index: int | None, accepted: Collection[str] = ()) -> Error | None:
        """Return the exception of step `index`, None where it raised none; arguments and errors as `outcome`."""
        return self.outcome(index, accepted).error

    def note_refusal(self, index: int | None) -> None:
        """Note that step `index` raised what the norm wants, so that later steps may be judged."""
        self._refusals.add(index)

    def _supported(self, index: int, accepted: Collection[str] = ()) -> Outcome:
        if index >= len(self._observation.outcomes):
            raise Misbehaved("gave fewer outcomes than the case has steps", index)
        outcome = _wanted(self._observation.outcomes[index], accepted)
        if outcome.unsupported is not None:
            raise NotSupported(outcome.unsupported)
        return outcome

    def _must_have_happened(self, index: int) -> None:
        if index in self._refusals:
            return
        seen = self._observation.outcomes[index : index + 1]
        right = None
        if any(outcome.error is not None or outcome.refusal is not None for outcome in seen):
            right = self.expectation.observation.outcomes[index].error
        error = self._supported(index, () if right is None else right.types[:1]).error
        if error is not None and right is None:
            raise Misbehaved(f"raised {error}", index, error)


def _wanted(outcome: Outcome, accepted: Collection[str]) -> Outcome:
    """Return the outcome as an error where the subject says by one that is wanted that it lacks something."""
    refusal = outcome.refusal
    if refusal is None:
        return outcome
    # Python makes it a kind of RuntimeError, which tells nothing of what a clause wants.
    types = set(refusal.types) - ({"RuntimeError"} if refusal.means_not_implemented else set())
    if not types & set(accepted):
        return outcome
    return attrs.evolve(outcome, error=refusal, unsupported=None, refusal=None)


#: Steps after which a layer is another one, has other weights, or works in another place.
_CHANGES = (
    Build, SetWeights, Call, Train, Construct, Use, Assign, RoundTrip, Copy, Enter, Leave, Seed,
    OtherMode, ImageFormat,
)  # fmt: skip
#: Methods that only read, whoever calls them.
_READERS = frozenset(
    {"get_weights", "get_config", "count_params", "convolution_op", "get_input_at"}
)


def changes_the_layer(step: Step) -> bool:
    """Tell whether what follows the step depends on it."""
    if isinstance(step, Invoke):
        return step.method not in _READERS
    return isinstance(step, _CHANGES)
