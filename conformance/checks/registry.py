"""What a check is: a function that judges one clause on one case, and finds its way here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

import attrs

from conformance.model.case import Case
from conformance.model.codec import Value
from conformance.model.geometry import Geometry
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation

StepType = TypeVar("StepType")


@attrs.frozen
class Traits:
    """What a norm may depend on: the framework's release and the mode, never a subject's name.

    Subjects off TensorFlow are judged by what TensorFlow 2.15 does in eager mode.
    """

    tensorflow: bool = False
    release: tuple[int, int] = (2, 15)
    mode: str = "eager"
    onednn: bool = False

    @property
    def graph(self) -> bool:
        """Whether the subject runs in graph mode."""
        return self.mode == "graph"


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
        self, case: Case, observation: Observation, expectation: Expectation, traits: Traits
    ) -> None:
        self.case = case
        self.expectation = expectation
        self.traits = traits
        #: The steps whose outcome a check has asked for.
        self.asked: set[int | None] = set()
        self._observation = observation

    @property
    def geometry(self) -> Geometry:
        """The case's spatial arguments."""
        return Geometry.of(self.case.arguments)

    def steps(self, kind: type[StepType]) -> Iterator[tuple[int, StepType]]:
        """Yield index and step of every step of `kind`."""
        for index, step in enumerate(self.case.steps):
            if isinstance(step, kind):
                yield index, step

    def first(self, kind: type[StepType]) -> tuple[int, StepType]:
        """Return index and step of the first step of `kind`."""
        return next(self.steps(kind))

    def outcome(self, index: int | None) -> Outcome:
        """Return what step `index` did; None is the constructor.

        Raises:
            NotTried: the case was not run.
            NotSupported: the step, or the constructor, lacks a capability.
            Misbehaved: the process died, or the constructor raised before the step.
        """
        self.asked.add(index)
        observation = self._observation
        if observation.not_tried is not None:
            raise NotTried(observation.not_tried)
        if observation.crash is not None:
            raise Misbehaved(f"ended its process: {observation.crash}", index)
        constructed = observation.constructed
        if constructed.unsupported is not None:
            raise NotSupported(constructed.unsupported)
        if index is None:
            return constructed
        if constructed.error is not None:
            raise Misbehaved(f"the constructor raised {constructed.error}", None, constructed.error)
        if index >= len(observation.outcomes):
            raise Misbehaved("gave fewer outcomes than the case has steps", index)
        outcome = observation.outcomes[index]
        if outcome.unsupported is not None:
            raise NotSupported(outcome.unsupported)
        return outcome

    def value(self, index: int) -> Value:
        """Return step `index`'s value.

        Raises:
            NotSupported, Misbehaved: as `outcome`; an exception in this or an earlier preparing step
                (build, set_weights) is misbehaviour too.
        """
        for earlier, step in enumerate(self.case.steps[:index]):
            if type(step).__name__ in ("Build", "SetWeights"):
                self._must_not_raise(earlier)
        return self._must_not_raise(index).value

    def raised(self, index: int | None) -> Error | None:
        """Return the exception of step `index`, None where it raised none."""
        return self.outcome(index).error

    def _must_not_raise(self, index: int) -> Outcome:
        outcome = self.outcome(index)
        if outcome.error is not None:
            raise Misbehaved(f"raised {outcome.error}", index, outcome.error)
        return outcome


Judge: TypeAlias = Callable[[View], "Mismatch | None"]
Applies: TypeAlias = Callable[[Case, Traits], bool]


@attrs.frozen
class Check:
    """A judge, the clause it proves, and the cases it applies to.

    Args:
        clause: the clause's id.
        judge: returns None where the clause holds, else a mismatch.
        families: strategies whose cases it is run on.
        applies: whether it says anything about a case; a clause is only judged by cases to which one of
            its checks applies.
        claims: whether the judge asserts the page's own sentence rather than the norm.
    """

    clause: str
    judge: Judge
    families: tuple[str, ...]
    applies: Applies
    claims: bool

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.judge.__name__


CHECKS: list[Check] = []


def check(
    clause: str, *families: str, when: Applies = lambda _case, _traits: True
) -> Callable[[Judge], Judge]:
    """Register a judge of the clause's norm for the cases of `families` to which `when` applies."""
    return _register(clause, families, when, claims=False)


def claim(
    clause: str, *families: str, when: Applies = lambda _case, _traits: True
) -> Callable[[Judge], Judge]:
    """Register a judge of the page's sentence, where the sentence contradicts TensorFlow."""
    return _register(clause, families, when, claims=True)


def expect_error(
    view: View,
    index: int | None,
    *names: str,
    fragment: str = "",
    moments: tuple[str, ...] = (),
) -> Mismatch | None:
    """Return a mismatch unless step `index` raised one of the exceptions `names`.

    For a subject off TensorFlow, whose language has no `InvalidArgumentError` and its like, the
    Python class that stands for it will do too, and so will any message.
    """
    error = view.raised(index)
    accepted = set(names)
    if not view.traits.tensorflow:
        accepted |= {_STANDS_FOR[name] for name in names if name in _STANDS_FOR}
    wanted = " or ".join(sorted(names))
    if error is None:
        got = view.outcome(index).value
        return Mismatch(f"should raise {wanted}, but raised nothing", wanted, got, index)
    if not accepted & set(error.types):
        return Mismatch(f"should raise {wanted}, raised {error}", wanted, str(error), index)
    if moments and view.traits.tensorflow and error.moment not in moments:
        return Mismatch(
            f"should raise at {' or '.join(moments)}, raised {error}",
            list(moments),
            error.moment,
            index,
        )
    if view.traits.tensorflow and fragment not in error.message:
        return Mismatch(
            f"the message should contain {fragment!r}, it is {error.message[:200]!r}",
            fragment,
            error.message[:400],
            index,
        )
    return None


#: What Python calls the errors that only TensorFlow has.
_STANDS_FOR: dict[str, Any] = {
    "InvalidArgumentError": "ValueError",
    "ResourceExhaustedError": "MemoryError",
    "UnimplementedError": "NotImplementedError",
}


def _register(
    clause: str, families: tuple[str, ...], when: Applies, *, claims: bool
) -> Callable[[Judge], Judge]:
    if not families:
        raise TypeError(f"a check of {clause} names no family of cases")

    def register(judge: Judge) -> Judge:
        CHECKS.append(Check(clause, judge, families, when, claims))
        return judge

    return register
