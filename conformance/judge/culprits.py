"""Errors at a step that a clause does not ask about, and casts instead of errors: whose matter they are.

A process that ends takes with it what the steps before have given, and a step that raises stands in the way of all
that is asked of it. Whoever asks for the step itself is to blame, and no clause that looks at the same case. Where
a layer casts its inputs, the clause about casts is to blame, and no other that wants another dtype to be refused.
Where every call raises that has to make the weights, the clause about these is to blame, and none that wants such
a call to be refused by another exception. Where the call without an activation loses NaN or infinities, the clause
about these is to blame, and not the one about the activation. Where weights cannot be set again, the clause about
other weights before is to blame. Where a layer has no losses because it is not trainable, the clause about that is
to blame, and no other about losses. Where losses are as many as they should be and have other values, the clauses
about these are to blame. Where a constructor refuses one number for both axes, the clause about that argument is
to blame. Where results and weights come out in another dtype everywhere, the clauses about dtypes are to blame.
Where calls give no arrays, the clause about values is to blame, and none that wants a call to be refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs
import numpy as np

from conformance.cases import FAMILIES
from conformance.cases.drawn.data import position_coded
from conformance.checks import CHECKS, Check, NotTried, Traits
from conformance.judge.alone import alike
from conformance.judge.causes import layer_of, making_call
from conformance.judge.crashes import until_it_dies
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, HarnessError, first_failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation
from conformance.model.values.codec import dtype_of, type_name
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.oracle.bounds import OracleError
from conformance.oracle.comparison import is_other_dtype
from conformance.subjects import Subject
from conformance.subjects.processes.process import TIMED_OUT

#: So many cases that end the process are run again, step by step: each ends it once more.
ENDED = 8
#: Whose matter it is that a step raises where it must not.
_OWNERS: Mapping[type[steps.Step], str] = {steps.Gradients: "GRAD-01"}
#: Whose matter it is that an input of another dtype is not refused, and a layer that shows it.
_NO_CAST = "DTYPE-04"
#: Whose matter it is in which dtype results come out.
_TYPED = "DTYPE-02"
_PLAIN = {"filters": 3, "kernel_size": [2, 3]}
_CALL = steps.Call(np.ones((2, 4, 5, 2), np.float32))
#: Plain calls: of given weights, and of weights that the first one makes.
_OF_GIVEN = Case(
    "numbers",
    _PLAIN,
    (
        steps.Build((2, 4, 5, 2)),
        steps.SetWeights((np.ones((2, 3, 3, 2), np.float32), np.ones(3, np.float32))),
        _CALL,
    ),
)
_OF_MADE = Case("inferred dtypes", _PLAIN, (_CALL, steps.GetWeights(), _CALL))
#: Whose matter it is that a call gives no array.
_VALUES = "VAL-01"
#: Whose matter it is that NaN and infinities are lost.
_SPECIALS = "DTYPE-05"
#: Whose matter it is that a layer cannot have other weights.
_BEFORE = "LIFE-01"
#: Whose matter it is that a call cannot make the weights.
_MADE = "VAR-01"
#: Steps that give losses.
_OF_LOSSES = (steps.Losses, steps.LossesFor, steps.Collection)
#: Whose matter it is that a layer which is not trainable has no losses.
_FROZEN = "LOSS-11"
#: Whose matter the values of losses are: of the output, and of the weights.
_VALUED = ("LOSS-02", "LOSS-01")
#: Losses that differ by less are in another order: by the dtype, in units of their size.
_SAME_LOSS: Mapping[str, float] = {"float64": 2.0**-40, "float32": 2.0**-18}
#: Whose matter it is that one number stands for both axes.
_FOR_BOTH_AXES: Mapping[str, str] = {
    "kernel_size": "ARG-03",
    "strides": "ARG-04",
    "dilation_rate": "ARG-12",
    "output_padding": "ARG-14",
}
#: Whose matter it is in which dtype weights are.
_WEIGHTS_TYPED = "DTYPE-01"
#: A clause, and how it fails.
Blamed: TypeAlias = tuple[str, Failure]


@attrs.define(eq=False)
class Culprits:
    """Who is to blame for a subject's errors and casts; every case that ends its process is run again once.

    Args:
        evidence, subject, traits: of the run.
    """

    _evidence: Evidence
    _subject: Subject
    _traits: Traits
    _ended: dict[str, tuple[int | None, Observation | None]] = attrs.Factory(dict)
    #: The steps by which the process was seen to end, and whose matter that is.
    _deadly: dict[type[steps.Step], Blamed] = attrs.Factory(dict)

    def of(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause that is to blame for a failure, with its own one; None where nobody else is.

        Args:
            clause: the clause that fails.
            failure: how it fails.
        """
        if failure.status == "fail":
            return (
                self._of_a_cast(clause, failure)
                or self._of_one_dtype(clause, failure)
                or self._of_an_answer(clause, failure)
                or self._of_a_plain_call(clause, failure)
                or self._of_specials(failure)
                or self._of_a_form(clause, failure)
                or self._of_a_frozen_layer(clause, failure)
                or self._of_values_of_losses(clause, failure)
                or self._of_a_dtype(clause, failure)
                or self._of_plain_gradients(clause, failure)
            )
        if failure.status != "error" or TIMED_OUT in failure.mismatch.message:
            return None
        if not is_crash(failure):
            return self._owner(self._evidence, clause, failure)
        case = failure.case
        if len(self._ended) >= ENDED and case.id not in self._ended:
            kinds = {type(step) for step in case.steps}
            return next((self._deadly[kind] for kind in self._deadly if kind in kinds), None)
        seen = self.until_it_ended(case)[1]
        if seen is None:
            return None
        evidence = Evidence()
        evidence.note_observed(self._subject, [(case, seen)])
        own = next(self._failures(evidence, CHECKS.of(clause), case), None)
        if own is None:
            return self._first(evidence, CHECKS.applying(case, self._traits), case)
        return self._owner(evidence, *own)

    def of_one_number(self, failure: Failure) -> Blamed | None:
        """Return the clause about an argument whose one number for both axes the constructor refuses."""
        case = failure.case
        if failure.status != "error" or failure.mismatch.step is not None or is_crash(failure):
            return None
        raised = self._evidence.observation(self._subject, case).constructed.error
        for name, owner in _FOR_BOTH_AXES.items():
            if type(case.argument(name)) is not int or raised is None:
                continue
            plain = next(
                one
                for one in FAMILIES[f"scripted {owner}"].fixed
                if type(one.argument(name)) is int
                and any(isinstance(step, steps.SetWeights) for step in one.steps)
            )
            blamed = self._first(self._evidence, CHECKS.of(owner), plain)
            usual = self._evidence.observation(self._subject, plain).constructed.error
            if blamed is not None and usual is not None and alike(usual, raised):
                return blamed
        return None

    def until_it_ended(self, case: Case) -> tuple[int | None, Observation | None]:
        """Return at which step of the case the process ends, and what it does before that.

        Where it does not end again, that is the last step.
        """
        if case.id not in self._ended:
            try:
                self._ended[case.id] = until_it_dies(self._subject, case)
            except LookupError:
                self._ended[case.id] = len(case.steps) - 1 if case.steps else None, None
        return self._ended[case.id]

    def _of_a_cast(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about casts where a call in another dtype does not raise, nor does a plain one."""
        dtypes = _mixed(failure)
        if clause == _NO_CAST or dtypes is None:
            return None
        called = steps.Call(np.ones((2, 4, 5, 2), dtype_of(dtypes[1])))
        plain = Case("mixed dtypes", {**_PLAIN, "dtype": dtypes[0]}, (called,))
        blamed = self._first(self._evidence, CHECKS.of(_NO_CAST), plain)
        return blamed if blamed is not None and blamed[1].status == "fail" else None

    def _of_one_dtype(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about dtypes where what is not refused comes out in the dtype that everything does."""
        if clause != _NO_CAST or call_not_refused(failure) is None:
            return None
        blamed = self._first(self._evidence, CHECKS.of(_TYPED), _OF_GIVEN)
        came = failure.mismatch.got.dtype.name
        return blamed if blamed is not None and blamed[1].mismatch.got == came else None

    def _of_an_answer(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about values where no call gives an array: who has not begun cannot have refused."""
        case, found = failure.case, failure.mismatch
        if clause == _VALUES or found.step is None or not isinstance(found.expected, str):
            return None
        step = case.steps[found.step]
        if not isinstance(step, steps.Call) and getattr(step, "method", None) != "call":
            return None
        if isinstance(found.got, np.ndarray):
            return None
        plain = attrs.evolve(_OF_GIVEN, family="geometry")
        blamed = self._first(self._evidence, CHECKS.of(_VALUES), plain)
        is_alike = blamed and type_name(blamed[1].mismatch.got) == type_name(found.got)
        return blamed if is_alike else None

    def _of_a_plain_call(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about weights that a call makes, where such a call raises whatever it is given.

        Then what should be refused is refused by accident, and by another exception than is wanted.
        """
        case, step = failure.case, failure.mismatch.step
        made = making_call(case)
        if clause == _MADE or made is None or step is None or case.steps[step] is not made:
            return None
        raised = self._raised(case, step)
        if raised is None:
            return None
        blamed = self._first(self._evidence, CHECKS.of(_MADE), _OF_MADE)
        if blamed is None or blamed[1].status != "error":
            return None
        usual = self._raised(_OF_MADE, 0)
        return blamed if usual is not None and alike(usual, raised) else None

    def _of_specials(self, failure: Failure) -> Blamed | None:
        """Return the clause about NaN and infinities where an activation is wrong of those alone.

        The call without the activation must lose them, too.
        """
        case, step, found = failure.case, failure.mismatch.step, failure.mismatch
        if step is None or case.argument("activation") is None or case.situation is not None:
            return None
        if not isinstance(case.steps[step], steps.Call):
            return None
        if not isinstance(found.got, np.ndarray) or not isinstance(found.expected, np.ndarray):
            return None
        if found.got.shape != found.expected.shape:
            return None
        arguments = {k: v for k, v in case.arguments.items() if k != "activation"}
        linear = Case("specials", arguments, case.steps[: step + 1])
        try:
            sums = self._evidence.expectation(linear).value(step)
        except OracleError:
            return None
        got, wanted = (one.astype(np.float64) for one in (found.got, found.expected))
        # Rounding of a short format is no wrong number.
        wrong = ~np.isclose(got, wanted, rtol=2**-6, atol=2**-10, equal_nan=True)
        if sums.shape != wrong.shape or np.isfinite(sums.astype(np.float64))[wrong].any():
            return None
        return self._first(self._evidence, CHECKS.of(_SPECIALS), linear)

    def _of_a_form(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about gradients where these are no list of three: nobody can look into them."""
        case, step = failure.case, failure.mismatch.step
        if step is None or not isinstance(case.steps[step], steps.Gradients):
            return None
        owner = _OWNERS[steps.Gradients]
        seen = self._evidence.observation(self._subject, case).outcomes[step : step + 1]
        is_form = any(
            not isinstance(one.value, list)
            or len(one.value) != 3
            or any(gradient is None for gradient in one.value[:2])
            for one in seen
        )
        if clause == owner or not is_form:
            return None
        own = attrs.evolve(case.without_situation, family="gradients")
        return self._first(self._evidence, CHECKS.of(owner), own)

    def _of_a_frozen_layer(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about layers that are not trainable where the same layer is right when it is."""
        case, step = failure.case, failure.mismatch.step
        if clause == _FROZEN or case.argument("trainable", True) is not False or step is None:
            return None
        if not isinstance(case.steps[step], _OF_LOSSES):
            return None
        blamed = self._first(self._evidence, CHECKS.of(_FROZEN), case)
        if blamed is None:
            return None
        arguments = {k: v for k, v in case.arguments.items() if k != "trainable"}
        thawed = attrs.evolve(case, arguments=arguments)
        own = next(self._failures(self._evidence, CHECKS.of(clause), thawed), None)
        return blamed if own is None else None

    def _of_values_of_losses(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about a loss where as many losses as there should be have other values."""
        case, step = failure.case, failure.mismatch.step
        if clause in _VALUED or step is None or not isinstance(case.steps[step], _OF_LOSSES):
            return None
        try:
            seen = self._evidence.observation(self._subject, case).outcomes[step].value
            right = self._evidence.expectation(case).value(step)
            got, wanted = (sorted(map(float, losses)) for losses in (seen, right))
        except (IndexError, OracleError, TypeError, ValueError):  # no two lists of numbers
            return None
        largest = _SAME_LOSS.get(str(case.argument("dtype", "float32")), 2.0**-6)
        if len(got) != len(wanted) or np.allclose(got, wanted, largest, 0, equal_nan=True):
            return None
        checks = (check for owner in _VALUED for check in CHECKS.of(owner))
        blamed = self._first(self._evidence, checks, case)
        return blamed if blamed is not None and blamed[1].status == "fail" else None

    def _of_a_dtype(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about the dtype of results, or of weights, where a plain case shows it, too."""
        case, found = failure.case, failure.mismatch
        if found.step is None or not is_other_dtype(found):
            return None
        is_call = isinstance(case.steps[found.step], steps.Call)
        plain, owner = (_OF_GIVEN, _TYPED) if is_call else (_OF_MADE, _WEIGHTS_TYPED)
        if clause == owner or (clause.startswith("DTYPE") and clause != _WEIGHTS_TYPED):
            return None
        blamed = self._first(self._evidence, CHECKS.of(owner), plain)
        if blamed is None or not is_other_dtype(blamed[1].mismatch):
            return None
        told = [(one.expected, one.got) for one in (blamed[1].mismatch, found)]
        return blamed if told[0] == told[1] else None

    def _of_plain_gradients(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause about gradients where the case's layer, made plain, has wrong ones already."""
        case, step, owner = failure.case, failure.mismatch.step, _OWNERS[steps.Gradients]
        asks = (steps.Gradients, steps.Train)
        if clause == owner or step is None:
            return None
        if not any(isinstance(one, asks) for one in case.steps[: step + 1]):
            return None
        layer = layer_of(case)
        if layer is None or layer.configuration.dtype not in SIGNIFICAND_BITS:
            return None
        c = layer.configuration
        size = max(c.size[0], 2), max(c.size[1], 2)
        c = attrs.evolve(c, batch=max(c.batch, 1), size=size, in_channels=max(c.in_channels, 1))
        inputs, upstream = (position_coded(s, c.dtype) for s in (c.input_shape(), c.output_shape))
        weights = c.weights(position_coded(c.kernel_shape, c.dtype))
        plain = Case("gradients", c.arguments(), (*weights, steps.Gradients(inputs, upstream)))
        try:
            blamed = self._first(self._evidence, CHECKS.of(owner), plain)
        except OracleError:  # the case is too large
            return None
        # What raises is no wrong gradient.
        return blamed if blamed is not None and blamed[1].status == "fail" else None

    def _raised(self, case: Case, step: int) -> Error | None:
        outcomes = self._evidence.observation(self._subject, case).outcomes
        return outcomes[step].error if step < len(outcomes) else None

    def _owner(self, evidence: Evidence, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause whose matter it is that a step raises, where it fails at that step, too."""
        case, step = failure.case, failure.mismatch.step
        again = self._of_weights_set_again(evidence, clause, failure)
        if again is not None:
            return again
        owner = None if step is None else _OWNERS.get(type(case.steps[step]))
        if owner is None or owner == clause:
            return None
        blamed = self._first(evidence, CHECKS.of(owner), case)
        if blamed is None or (blamed[1].status, blamed[1].mismatch.step) != ("error", step):
            return None
        return blamed

    def _of_weights_set_again(
        self, evidence: Evidence, clause: str, failure: Failure
    ) -> Blamed | None:
        """Return the clause about other weights before where weights cannot be set a second time."""
        case, step = failure.case, failure.mismatch.step
        if clause == _BEFORE or step is None or not isinstance(case.steps[step], steps.SetWeights):
            return None
        if not any(isinstance(one, steps.SetWeights) for one in case.steps[:step]):
            return None
        listed = FAMILIES["geometry"].fixed
        used = next((one for one in listed if one.situation_name == "other weights before"), None)
        blamed = None if used is None else self._first(evidence, CHECKS.of(_BEFORE), used)
        if blamed is None or blamed[1].mismatch.got is None or failure.mismatch.got is None:
            return None
        told = (Error(**found.mismatch.got) for found in (blamed[1], failure))
        return blamed if alike(*told) else None

    def _first(self, evidence: Evidence, checks: Iterable[Check], case: Case) -> Blamed | None:
        """Return the first clause that fails on the case."""
        blamed = next(self._failures(evidence, checks, case), None)
        if blamed is not None:
            clause, found = blamed
            if is_crash(found) and found.mismatch.step is not None:
                self._deadly.setdefault(type(case.steps[found.mismatch.step]), (clause, found))
        return blamed

    def _failures(
        self, evidence: Evidence, checks: Iterable[Check], case: Case
    ) -> Iterator[Blamed]:
        for check in checks:
            if check.claims:
                continue
            with contextlib.suppress(NotTried, HarnessError):
                failure = first_failure(evidence, [check], case, self._subject, self._traits)
                if failure is not None:
                    yield check.clause, failure


def _mixed(failure: Failure) -> tuple[str, str] | None:
    """Return the dtypes of the layer and of the call that should have raised, where they are two known ones."""
    called = call_not_refused(failure)
    if called is None:
        return None
    own = failure.case.argument("dtype")
    if own is None:
        made = making_call(failure.case)
        own = "float32" if made is None else made.inputs.dtype.name
    other = called.inputs.dtype.name
    known = (*SIGNIFICAND_BITS, "int32")
    return (str(own), other) if own in known and other in known and own != other else None


def call_not_refused(failure: Failure) -> steps.Call | None:
    """Return the call that gave an array where it should have raised; None where the failure is another."""
    mismatch = failure.mismatch
    called = None if mismatch.step is None else failure.case.steps[mismatch.step]
    # What is expected is the name of an exception.
    gave = isinstance(mismatch.got, np.ndarray) and isinstance(mismatch.expected, str)
    return called if gave and isinstance(called, steps.Call) else None


def is_crash(failure: Failure) -> bool:
    """Tell whether the failure is that the process ended."""
    return failure.status == "error" and failure.mismatch.got is None
