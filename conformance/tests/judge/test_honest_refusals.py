"""What a layer refuses in its own words, or casts, is the matter of one clause, which blocks all others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.findings.differences import CAST, described
from conformance.judge.causes import Causes
from conformance.judge.culprits import Culprits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, first_failure
from conformance.model.case import Case
from conformance.model.steps import (
    Assign,
    Build,
    Call,
    Construct,
    GetWeights,
    Has,
    Invoke,
    SetWeights,
)
from conformance.oracle.comparison import Mismatch
from conformance.subjects.objects import ObjectSubject
from conformance.tests.zoo.honest import Plain

SHAPE = (2, 4, 5, 2)
ARGUMENTS = {"filters": 3, "kernel_size": [2, 3]}


class OfFloat32(Plain):
    def __call__(self, inputs: Any) -> Any:
        if inputs.dtype != np.float32:
            raise TypeError(f"only float32 inputs are supported, got {inputs.dtype}")
        return super().__call__(inputs)


class OfSquares(Plain):
    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = 1, padding: Any = "valid"
    ) -> None:
        for name, value in (("kernel_size", kernel_size), ("strides", strides)):
            if len(set(np.ravel(value).tolist())) > 1:
                raise ValueError(f"{name} must be one integer, got {value}")
        super().__init__(filters, kernel_size, strides, padding)


class ThatMustBeBuilt(Plain):
    def __call__(self, inputs: Any) -> Any:
        if not self._layer.built:
            raise RuntimeError("build the layer first")
        return super().__call__(inputs)


class WithoutHoles(fast_impl.Conv2DTranspose):
    def __init__(self, *args: Any, dilation_rate: Any = (1, 1), **kwargs: Any) -> None:
        if set(np.ravel(dilation_rate).tolist()) != {1}:
            raise ValueError("no holes in kernels here")
        super().__init__(*args, **kwargs)


class ThatCasts(fast_impl.Conv2DTranspose):
    """As layers of Keras: inputs become what the layer computes in, float32 unless another one is named."""

    def __init__(self, *args: Any, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(*args, dtype=dtype, **kwargs)
        self._own = np.dtype(dtype)

    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs.astype(self._own))


def _failing(layer: type, clause: str, case: Case) -> tuple[Any, Evidence, Failure]:
    subject: Any = ObjectSubject(layer)
    evidence = Evidence()
    failure = first_failure(evidence, CHECKS.of(clause), case, subject, Traits())
    assert failure is not None
    return subject, evidence, failure


def _call(dtype: str, **arguments: Any) -> Case:
    steps = (Call(np.ones(SHAPE, dtype)), GetWeights(), Call(np.ones(SHAPE, dtype)))
    return Case("inferred dtypes", {**ARGUMENTS, **arguments}, steps)


def _mixed() -> Case:
    first, second = Call(np.ones(SHAPE, "float64")), Call(np.ones(SHAPE, "float32"))
    return Case("mixed dtypes", ARGUMENTS, (first, second))


def _of_rank_three() -> Case:
    return next(c for c in FAMILIES["ranks"].fixed if not c.arguments.keys() - ARGUMENTS.keys())


#: A layer, a clause that fails on a case of it, and the clause that is to blame.
REFUSED: dict[str, tuple[type, str, Case, str]] = {
    "another dtype": (OfFloat32, "DTYPE-04", _mixed(), "DTYPE-01"),
    "an integer dtype": (OfFloat32, "DTYPE-01", _call("int32"), "DTYPE-01"),
    "two numbers": (OfSquares, "DTYPE-01", _call("float64"), "SHAPE-05"),
    "two numbers, whatever is called": (OfSquares, "SHAPE-10", _of_rank_three(), "SHAPE-05"),
    "a call before build": (ThatMustBeBuilt, "DTYPE-01", _call("float32"), "VAR-01"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_one_cause(name: str) -> None:
    layer, clause, case, blamed = REFUSED[name]
    subject, evidence, failure = _failing(layer, clause, case)
    causes = Causes(evidence, subject, Traits())
    made = failure.mismatch.step is None
    cause = causes.of_making(case) if made else causes.of(case, failure)
    assert (cause and [*cause.failures]) == [blamed]


def test_a_refused_dilation_is_the_matter_of_a_clause_about_dilation() -> None:
    steps = (Call(np.ones(SHAPE, "float32")), GetWeights())
    case = Case("inferred dtypes", {**ARGUMENTS, "dilation_rate": 2}, steps)
    subject, evidence, _ = _failing(WithoutHoles, "VAR-01", case)
    cause = Causes(evidence, subject, Traits()).of_making(case)
    assert (cause and [*cause.failures]) == ["SHAPE-04"]


def test_weights_of_another_dtype_are_explained_by_the_layer_s_dtype() -> None:
    case = _call("float64", kernel_initializer="ones")
    subject, evidence, failure = _failing(ThatCasts, "DTYPE-01", case)
    assert failure.mismatch.step == 1
    cause = Causes(evidence, subject, Traits()).of(case, failure)
    assert (cause and [*cause.failures]) == ["DTYPE-01"]


def test_a_layer_that_infers_its_dtype_has_no_cause() -> None:
    subject: Any = ObjectSubject(fast_impl.Conv2DTranspose)
    causes = Causes(Evidence(), subject, Traits())
    assert [causes.of(_call(dtype)) for dtype in ("float64", "int32", "float32")] == [None] * 3


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in FAMILIES["scripted ARG-19"].fixed
        if case.argument("dtype") and case.argument("kernel_initializer") != "ones"
    ],
)
def test_a_cast_is_the_matter_of_the_clause_about_casts(case: Case) -> None:
    subject, evidence, failure = _failing(ThatCasts, "ARG-19", case)
    blamed = Culprits(evidence, subject, Traits()).of("ARG-19", failure)
    assert blamed is not None
    assert blamed[0] == "DTYPE-04"
    assert Culprits(evidence, subject, Traits()).of("DTYPE-04", blamed[1]) is None


class WithoutKernel(Plain):
    """As modules of PyTorch that are made by `build`: before it, the attribute is missing."""

    def __call__(self, inputs: Any) -> Any:
        if not self._layer.built:
            raise AttributeError("'WithoutKernel' object has no attribute 'kernel'")
        return super().__call__(inputs)


@pytest.mark.parametrize("dtype", ["int64", "complex64", "bool"])
def test_what_every_unbuilt_call_raises_is_the_matter_of_the_call_that_makes_weights(
    dtype: str,
) -> None:
    case = Case("other dtypes", ARGUMENTS, (Call(np.ones(SHAPE, dtype)),))
    subject, evidence, failure = _failing(WithoutKernel, "DTYPE-03", case)
    blamed = Culprits(evidence, subject, Traits()).of("DTYPE-03", failure)
    assert (blamed and blamed[0]) == "VAR-01"


def test_an_address_in_what_every_unbuilt_call_raises_makes_no_difference() -> None:
    addresses = itertools.cycle(("0x7f3a9c", "0x10", "0xdeadbeef"))

    class Addressed(WithoutKernel):
        def __call__(self, inputs: Any) -> Any:
            try:
                return super().__call__(inputs)
            except AttributeError as error:
                raise AttributeError(f"<layer at {next(addresses)}>: {error}") from error

    case = Case("other dtypes", ARGUMENTS, (Call(np.ones(SHAPE, "int64")),))
    subject, evidence, failure = _failing(Addressed, "DTYPE-03", case)
    blamed = Culprits(evidence, subject, Traits()).of("DTYPE-03", failure)
    assert (blamed and blamed[0]) == "VAR-01"


def test_another_exception_than_that_of_a_plain_call_blames_nobody() -> None:
    class Both(WithoutKernel):
        def __call__(self, inputs: Any) -> Any:
            if inputs.dtype.kind == "i":
                raise OverflowError("no integers")
            return super().__call__(inputs)

    case = Case("other dtypes", ARGUMENTS, (Call(np.ones(SHAPE, "int64")),))
    subject, evidence, failure = _failing(Both, "DTYPE-03", case)
    assert Culprits(evidence, subject, Traits()).of("DTYPE-03", failure) is None


def test_a_layer_that_makes_its_weights_in_a_call_blames_nobody() -> None:
    class Refusing(Plain):
        def __call__(self, inputs: Any) -> Any:
            if inputs.dtype != np.float32:
                raise AttributeError("no such dtype")
            return super().__call__(inputs)

    case = Case("other dtypes", ARGUMENTS, (Call(np.ones(SHAPE, "int64")),))
    subject, evidence, failure = _failing(Refusing, "DTYPE-03", case)
    assert Culprits(evidence, subject, Traits()).of("DTYPE-03", failure) is None


class ThatClamps(fast_impl.Conv2DTranspose):
    """As kernels with a fused activation: NaN and infinities are lost before the activation sees them."""

    def __init__(self, *args: Any, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last = activation

    def __call__(self, inputs: Any) -> Any:
        found = np.nan_to_num(super().__call__(inputs), nan=9.0)
        return np.maximum(found, 0) if self._last == "relu" else found


class ThatReluClamps(fast_impl.Conv2DTranspose):
    """One whose activation alone loses NaN."""

    def __call__(self, inputs: Any) -> Any:
        return np.nan_to_num(super().__call__(inputs), nan=0.0)

    def __init__(self, *args: Any, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, activation=activation, **kwargs)
        if activation is None:
            self.__class__ = fast_impl.Conv2DTranspose


def _relu_of(*values: float) -> Case:
    inputs = np.array(values, np.float32).reshape(1, 1, -1, 1)
    ones = np.ones((1, 1, 1, 1), np.float32)
    arguments = {"filters": 1, "kernel_size": 1, "use_bias": False, "activation": "relu"}
    return Case("activations", arguments, (Build((1, 1, 3, 1)), SetWeights((ones,)), Call(inputs)))


def test_what_an_activation_never_sees_is_the_matter_of_nan_and_infinities() -> None:
    subject, evidence, failure = _failing(ThatClamps, "ACT-01", _relu_of(-1, np.nan, 2))
    blamed = Culprits(evidence, subject, Traits()).of("ACT-01", failure)
    assert (blamed and blamed[0]) == "DTYPE-05"


def test_an_activation_that_loses_nan_itself_is_to_blame() -> None:
    subject, evidence, failure = _failing(ThatReluClamps, "ACT-01", _relu_of(-1, np.nan, 2))
    assert Culprits(evidence, subject, Traits()).of("ACT-01", failure) is None


def test_an_activation_that_is_wrong_of_numbers_too_is_to_blame() -> None:
    class Both(ThatClamps):
        def __call__(self, inputs: Any) -> Any:
            return super().__call__(inputs) + 1

    subject, evidence, failure = _failing(Both, "ACT-01", _relu_of(-1, np.nan, 2))
    assert Culprits(evidence, subject, Traits()).of("ACT-01", failure) is None


@pytest.mark.parametrize("dtype", [{"literal": "np.float64"}, "mixed_float16", 3])
def test_a_dtype_that_is_no_plain_name_blames_nobody(dtype: Any) -> None:
    case = Case("scripted ARG-19", {**ARGUMENTS, "dtype": dtype}, (Call(np.ones(SHAPE)),))
    failure = Failure(case, "fail", Mismatch("", "TypeError", np.ones(SHAPE), 0))
    subject: Any = ObjectSubject(ThatCasts)
    assert Culprits(Evidence(), subject, Traits()).of("ARG-19", failure) is None


def test_a_step_that_is_no_call_blames_nobody() -> None:
    case = Case("any", ARGUMENTS, (GetWeights(),))
    failure = Failure(case, "fail", Mismatch("", "TypeError", np.ones(SHAPE), 0))
    subject: Any = ObjectSubject(ThatCasts)
    assert Culprits(Evidence(), subject, Traits()).of("ARG-19", failure) is None


def test_a_cast_is_described_whatever_shows_it() -> None:
    named = Case("mixed dtypes", {**ARGUMENTS, "dtype": "float32"}, (Call(np.ones(SHAPE)),))
    shown = [_failing(ThatCasts, "DTYPE-04", case)[2] for case in (named, _mixed())]
    inferred = _failing(ThatCasts, "DTYPE-01", _call("float64"))[2]
    assert described(shown) == described([inferred]) == CAST


def test_an_error_beside_a_cast_does_not_hide_it() -> None:
    inferred = _failing(ThatCasts, "DTYPE-01", _call("float64"))[2]
    refused = _failing(OfFloat32, "DTYPE-01", _call("int32"))[2]
    assert described([refused, inferred]) == CAST
    assert described([refused]) is None


class ThatComputesInFloat32(ThatCasts):
    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs).astype(np.float32)


def test_a_cast_is_described_where_float64_is_computed_in_float32_too() -> None:
    calls = {"float32": np.ones(SHAPE), "float64": np.ones(SHAPE, "float32")}
    shown = [
        _failing(
            ThatComputesInFloat32,
            "DTYPE-04",
            Case("mixed dtypes", {**ARGUMENTS, "dtype": name}, (Call(inputs),)),
        )[2]
        for name, inputs in calls.items()
    ]
    assert described(shown) == CAST
    assert described(shown[1:]) is None


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_a_dtype_that_is_no_name_may_be_refused_as_a_wrong_value(error: type[Exception]) -> None:
    class Refusing(fast_impl.Conv2DTranspose):
        def __init__(self, *args: Any, dtype: Any = None, **kwargs: Any) -> None:
            if dtype == "foo":
                raise error("no such dtype")
            super().__init__(*args, dtype=dtype, **kwargs)

    subject: Any = ObjectSubject(Refusing)
    case = Case("mixed dtypes", {**ARGUMENTS, "dtype": "foo"}, ())
    assert first_failure(Evidence(), CHECKS.of("DTYPE-04"), case, subject, Traits()) is None


class WithParameters(fast_impl.Conv2DTranspose):
    """As a module of PyTorch: an array is no parameter."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "kernel":
            raise TypeError("cannot assign 'numpy.ndarray' as parameter 'kernel'")
        super().__setattr__(name, value)


def test_weights_that_cannot_be_assigned_are_a_lack() -> None:
    case = Case(
        "any", ARGUMENTS, (Build(SHAPE), Assign("kernel", np.ones((2, 3, 3, 2), np.float32)))
    )
    *_, assigned = ObjectSubject(WithParameters).observe(case).outcomes
    assert assigned.unsupported == "kernel cannot be assigned"


class ThatPassesOn:
    """A layer around another one, whose attributes it shows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._inner = fast_impl.Conv2DTranspose(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner(*args, **kwargs)


def test_what_an_assignment_does_not_reach_is_unsupported() -> None:
    kernel = np.ones((2, 3, 3, 2), np.float32)
    case = Case("any", ARGUMENTS, (Build(SHAPE), Assign("kernel", kernel), GetWeights()))
    seen = ObjectSubject(ThatPassesOn).observe(case)
    assert seen.outcomes[1].unsupported == "kernel is another object's, which no assignment reaches"


class OfNamedActivations(fast_impl.Conv2DTranspose):
    """Takes no function as an activation, wherever it is given."""

    _is_made = False

    def __init__(self, *args: Any, activation: Any = None, **kwargs: Any) -> None:
        if callable(activation):
            raise NotImplementedError("names alone")
        super().__init__(*args, activation=activation, **kwargs)
        self._is_made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if not (self._is_made and name == "activation"):
            super().__setattr__(name, value)


def test_an_activation_that_a_layer_does_not_take_is_not_assigned_to_it() -> None:
    assigned = [
        case
        for family in FAMILIES.values()
        for case in family.fixed
        if any(isinstance(step, Assign) and step.attribute == "activation" for step in case.steps)
    ]
    subject: Any = ObjectSubject(OfNamedActivations)
    judged = [
        first_failure(Evidence(), CHECKS.of("LIFE-01"), case, subject, Traits())
        for case in assigned
    ]
    assert judged == [None] * len(assigned) != []


class ThatIsMadeByItsFirstCall(Plain):
    """Keeps what `set_weights` gives until it is called: `kernel` is None before."""

    kernel = bias = None  # type: ignore[assignment]
    _given: Any = None

    def build(self, shape: Any) -> None: ...

    def set_weights(self, weights: Any) -> None:
        self._given = [np.array(one) for one in weights]

    def __call__(self, inputs: Any) -> Any:
        self._layer.build(inputs.shape)
        if self._given is not None:
            self._layer.set_weights(self._given)
        self.kernel, self.bias = self._layer.kernel, self._layer.bias
        return super().__call__(inputs)


def test_a_kernel_that_is_none_cannot_be_read_yet() -> None:
    case = Case(
        "geometry", ARGUMENTS, (Build(SHAPE), GetWeights(), Call(np.ones(SHAPE, "f")), GetWeights())
    )
    _, read, called, again = ObjectSubject(ThatIsMadeByItsFirstCall).observe(case).outcomes
    assert read.unsupported == "has no kernel yet: it is None"
    assert (called.error, again.unsupported, len(again.value)) == (None, None, 2)


class Tensor:
    """An array of a framework."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.array(self.values)


class OfTensors(Plain):
    kernel = bias = None  # type: ignore[assignment]

    def set_weights(self, weights: Any) -> None:
        self.kernel, self.bias = map(Tensor, weights)

    def __call__(self, inputs: Any) -> Any:
        self._layer.set_weights([self.kernel.values, self.bias.values])
        return super().__call__(inputs)


def test_weights_that_are_no_arrays_are_not_assigned_arrays() -> None:
    weights = (np.ones((2, 3, 3, 2), "f"), np.ones(3, "f"))
    steps = (
        Build(SHAPE),
        SetWeights(weights),
        Assign("kernel", weights[0]),
        Call(np.ones(SHAPE, "f")),
    )
    *_, assigned, called = (
        ObjectSubject(OfTensors).observe(Case("geometry", ARGUMENTS, steps)).outcomes
    )
    assert (assigned.unsupported, called.error) == ("kernel is a Tensor, no array of NumPy's", None)


class OfFewArguments(Plain):
    """Has neither the further arguments of the page nor those of a call, nor most methods."""

    def apply(self, inputs: Any) -> Any:
        return self(inputs)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (Invoke("call", (np.ones(SHAPE, "f"),), {"scope": "a"}), "call takes no scope"),
        (
            Has(("get_losses_for", "get_updates_for")),
            "the class has no 'get_losses_for', 'get_updates_for'",
        ),
        (
            Construct("second", {}, (3, 2, 1, "valid", "channels_last")),
            "the constructor takes no data_format",
        ),
    ],
    ids=["call", "methods", "positions"],
)
def test_what_a_layer_does_not_take_or_have_is_unsupported(step: Any, told: str) -> None:
    (outcome,) = (
        ObjectSubject(OfFewArguments).observe(Case("geometry", ARGUMENTS, (step,))).outcomes
    )
    assert outcome.unsupported == told


def test_a_type_error_of_what_a_layer_takes_is_an_error() -> None:
    image = (np.ones(SHAPE, "f"),)
    steps = (
        Invoke("call", (3,), {}),
        Invoke("apply", image, {"scope": "a"}),
        Has(("apply", "no_such_method")),
    )
    wrong, of_a_method, has = (
        ObjectSubject(OfFewArguments).observe(Case("geometry", ARGUMENTS, steps)).outcomes
    )
    assert (wrong.error is not None, of_a_method.error is not None) == (True, True)
    assert has.value == [True, False]
