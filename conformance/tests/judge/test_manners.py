"""Right layers in the manners of strangers: none of these manners is a mistake."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest

import conformance
import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.findings.differences import of_another_form
from conformance.judge.causes import Causes
from conformance.judge.culprits import Culprits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, first_failure
from conformance.model.case import Case
from conformance.model.steps import (
    Build,
    Call,
    ComputeOutputShape,
    GetWeights,
    Gradients,
    Invoke,
    SetWeights,
    Train,
)
from conformance.model.values.codec import encode
from conformance.oracle.comparison import compare_shape
from conformance.subjects.objects import ObjectSubject

ARGUMENTS = {"filters": 3, "kernel_size": [2, 3]}
SHAPE = (2, 4, 5, 2)
ONES = np.ones(SHAPE, np.float32)
UPSTREAM = np.ones((2, 5, 7, 3), np.float32)
KERNEL, BIAS = np.ones((2, 3, 3, 2), np.float32), np.ones(3, np.float32)
Grads = namedtuple("Grads", "inputs kernel bias")


def _made(how: Any) -> type:
    """A layer whose gradients come in another form: `how(inputs, kernel, bias)`."""

    class Formed(fast_impl.Conv2DTranspose):
        def gradients(self, inputs: Any, output_gradient: Any) -> Any:
            return how(*super().gradients(inputs, output_gradient))

        def apply_gradients(self, gradients: Any, learning_rate: Any) -> Any:
            return super().apply_gradients(gradients, learning_rate)

    return Formed


def _last(layer: type, *steps: Any, use_bias: bool = True) -> Any:
    weights = (KERNEL, BIAS) if use_bias else (KERNEL,)
    given = ARGUMENTS if use_bias else {**ARGUMENTS, "use_bias": False}
    case = Case("gradients", given, (Build(SHAPE), SetWeights(weights), *steps))
    outcome = ObjectSubject(layer).observe(case).outcomes[-1]
    assert outcome.error is None
    return outcome.value


FORMS: dict[str, Any] = {
    "a mapping": lambda *three: dict(zip(("bias", "kernel", "inputs"), reversed(three))),
    "an object": lambda *three: SimpleNamespace(**dict(zip(("inputs", "kernel", "bias"), three))),
    "a named tuple": Grads,
    "a generator": lambda *three: iter(three),
}


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("step", [Gradients(ONES, UPSTREAM), Train(ONES, UPSTREAM, 0.5)])
@pytest.mark.parametrize("form", FORMS)
def test_gradients_may_come_by_name(form: str, step: Any, use_bias: bool) -> None:
    got = _last(_made(FORMS[form]), step, use_bias=use_bias)
    right = _last(fast_impl.Conv2DTranspose, step, use_bias=use_bias)
    assert len(got) == len(right)
    assert all(np.array_equal(one, other) for one, other in zip(got, right) if other is not None)
    assert [one is None for one in got] == [one is None for one in right]


@pytest.mark.parametrize(
    "form", [lambda x, k, _: (x, k), lambda x, k, _: {"kernel": k, "inputs": x}]
)
@pytest.mark.parametrize("step", [Gradients(ONES, UPSTREAM), Train(ONES, UPSTREAM, 0.5)])
def test_without_a_bias_gradients_may_be_two(form: Any, step: Any) -> None:
    got = _last(_made(form), step, use_bias=False)
    right = _last(fast_impl.Conv2DTranspose, step, use_bias=False)
    assert [one is None for one in got] == [one is None for one in right]


@pytest.mark.parametrize(
    "form", [lambda x, k, b: {"dx": x, "dk": k}, lambda x, k, b: k, lambda x, k, b: (None, k, b)]
)
def test_gradients_of_another_form_are_the_matter_of_one_clause(form: Any) -> None:
    subject: Any = ObjectSubject(_made(form))
    evidence, red = Evidence(), []
    culprits = Culprits(evidence, subject, Traits())
    for family in ("gradients", "1x1 kernels", "degenerate gradients", "special gradients"):
        for case in FAMILIES[family].fixed[:4] if family in FAMILIES else ():
            for check in (c for c in CHECKS.applying(case, Traits()) if not c.claims):
                failure = first_failure(evidence, [check], case, subject, Traits())
                if failure is not None and culprits.of(check.clause, failure) is None:
                    red.append(check.clause)
    assert set(red) == {"GRAD-01"}


class _Interface:
    def __init__(self, array: Any) -> None:
        self._array, self.__array_interface__ = array, array.__array_interface__


class _Capsule:
    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **_: Any) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


@pytest.mark.parametrize("how", [memoryview, _Interface, _Capsule, np.ma.array])
def test_a_result_may_be_an_array_by_any_protocol(how: Any) -> None:
    class Other(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            return how(np.ascontiguousarray(super().__call__(inputs)))

    got, right = (_last(layer, Call(ONES)) for layer in (Other, fast_impl.Conv2DTranspose))
    assert type(got) is np.ndarray
    assert np.array_equal(got, right)


@pytest.mark.parametrize(
    "how", [tuple, iter, lambda weights: {"bias": weights[1], "kernel": weights[0]}]
)
def test_weights_may_come_in_any_container(how: Any) -> None:
    class Contained(fast_impl.Conv2DTranspose):
        def get_weights(self) -> Any:
            return how(super().get_weights())

    got = _last(Contained, GetWeights())
    assert [array.shape for array in got] == [KERNEL.shape, BIAS.shape]


def test_a_generator_is_read_as_a_list() -> None:
    class Generated(fast_impl.Conv2DTranspose):
        def get_weights(self) -> Any:
            yield from super().get_weights()

    got = _last(Generated, Invoke("get_weights"))
    assert [array.shape for array in got] == [KERNEL.shape, BIAS.shape]


def test_a_generator_without_end_is_too_large() -> None:
    class Endless(fast_impl.Conv2DTranspose):
        def get_weights(self) -> Any:
            yield from itertools.repeat(1)

    case = Case("any", ARGUMENTS, (Build(SHAPE), Invoke("get_weights")))
    assert "items" in str(ObjectSubject(Endless).observe(case).crash)


class OfLists(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs).tolist()


def _failures(layer: type, clause: str, family: str) -> list[Failure]:
    subject: Any = ObjectSubject(layer)
    found = (
        first_failure(Evidence(), CHECKS.of(clause), case, subject, Traits())
        for case in FAMILIES[family].fixed[:8]
    )
    return [failure for failure in found if failure is not None]


def test_lists_instead_of_arrays_have_one_description() -> None:
    failures = _failures(OfLists, "VAL-01", "geometry")
    assert len(failures) == 8
    assert of_another_form(failures) == "the call returns a list, where an array is needed"
    assert "got a list: [[[[" in failures[0].mismatch.message


def test_what_is_told_in_words_is_called_by_its_own_type() -> None:
    (failure, *_) = _failures(OfLists, "VAL-01", "geometry")
    mismatch = compare_shape(encode(np.array([None])), (1, 1, 2, 2), failure.mismatch.step or 0)
    assert mismatch is not None
    told = of_another_form([attrs.evolve(failure, mismatch=mismatch)])
    assert told == "the call returns an ndarray of object, where an array is needed"


def test_a_wrong_array_is_described_by_its_numbers() -> None:
    class Shifted(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            return super().__call__(inputs) + 1

    assert of_another_form(_failures(Shifted, "VAL-01", "geometry")) is None


class Compiled(fast_impl.Conv2DTranspose):
    """As engines whose weights are constants."""

    def set_weights(self, weights: Any) -> None:
        if hasattr(self, "engine"):
            raise RuntimeError("the weights are constants")
        super().set_weights(weights)
        self.engine = True


def test_weights_that_cannot_be_set_again_are_the_matter_of_one_clause() -> None:
    subject: Any = ObjectSubject(Compiled)
    evidence, red = Evidence(), []
    culprits = Culprits(evidence, subject, Traits())
    for family in ("gradients", "geometry"):
        again = (
            c for c in FAMILIES[family].fixed if sum(s.tag == "set_weights" for s in c.steps) > 1
        )
        for case in itertools.islice(again, 3):
            for check in (c for c in CHECKS.applying(case, Traits()) if not c.claims):
                failure = first_failure(evidence, [check], case, subject, Traits())
                if failure is not None:
                    blamed = culprits.of(check.clause, failure)
                    red.append(check.clause if blamed is None else blamed[0])
    assert set(red) == {"LIFE-01"}


@pytest.mark.parametrize("error", [RuntimeError, TypeError, ValueError])
def test_another_byte_order_may_be_refused(error: type[Exception]) -> None:
    class Native(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            if not inputs.dtype.isnative:
                raise error("expected: (tensor(float))")
            return super().__call__(inputs)

    case = next(c for c in FAMILIES["geometry"].fixed if c.situation_name == "byte swapped")
    subject: Any = ObjectSubject(Native)
    assert first_failure(Evidence(), CHECKS.of("SIT-01"), case, subject, Traits()) is None


class WithoutStateYet:
    """Its weights cannot be read before there are any."""

    def __init__(self, filters: Any, kernel_size: Any) -> None:
        self._layer, self._state = fast_impl.Conv2DTranspose(filters, kernel_size), None

    kernel = property(lambda self: self._state[0])
    bias = property(lambda self: self._state[1])

    def build(self, shape: Any) -> None:
        self._layer.build(shape)
        self._state = self._layer.get_weights()

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights)
        self._state = self._layer.get_weights()

    def __call__(self, inputs: Any) -> Any:
        if self._state is None:
            raise NotImplementedError("build the layer first")
        return self._layer(inputs)


def test_nobody_reads_weights_before_there_are_any() -> None:
    seen = ObjectSubject(WithoutStateYet).observe(Case("any", ARGUMENTS, (Call(ONES),)))
    assert seen.outcomes[0].unsupported == "build the layer first"


class BuiltAtOnce(fast_impl.Conv2DTranspose):
    """As modules of PyTorch, which are told the number of channels."""

    def __init__(
        self, filters: Any, kernel_size: Any, *args: Any, channels: int = 1, **more: Any
    ) -> None:
        super().__init__(filters, kernel_size, *args, **more)
        self.build((None, None, None, channels))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_layer_may_be_built_by_its_constructor(channels: int) -> None:
    inputs = np.ones((1, 4, 5, channels), np.float32)
    seen = ObjectSubject(BuiltAtOnce).observe(Case("any", ARGUMENTS, (Call(inputs), Call(inputs))))
    told = None if channels == 1 else "the constructor makes the weights (input channels: 1)"
    assert [outcome.unsupported for outcome in seen.outcomes] == [told, told]
    assert all(outcome.error is None for outcome in seen.outcomes)


def test_a_wrong_number_of_channels_after_a_call_is_an_error() -> None:
    case = Case("any", ARGUMENTS, (Call(np.ones((1, 4, 5, 3), np.float32)), Call(ONES)))
    assert ObjectSubject(fast_impl.Conv2DTranspose).observe(case).outcomes[1].error is not None


def test_a_wrong_number_of_channels_after_build_is_an_error() -> None:
    case = Case("any", ARGUMENTS, (Build((1, 4, 5, 3)), Call(ONES)))
    assert ObjectSubject(BuiltAtOnce).observe(case).outcomes[1].error is not None


def _taking(refuse: Any) -> type:
    """A layer that is given any keywords, and refuses in its own words those that it does not know."""

    class Taking(fast_impl.Conv2DTranspose):
        def __init__(self, filters: Any, kernel_size: Any, **options: Any) -> None:
            known = {name: options.pop(name) for name in ("padding", "strides") if name in options}
            if options:
                refuse(options)
            super().__init__(filters, kernel_size, **known)

    return Taking


def _of_all(options: Any) -> None:
    raise TypeError(f"unknown options: {sorted(options)}")


def _of_the_first(options: Any) -> None:
    raise ValueError(f"what is {next(iter(options))}?")


@pytest.mark.parametrize("refuse", [_of_all, _of_the_first])
@pytest.mark.parametrize(
    "more",
    [{"activation": "relu"}, {"input_shape": (4, 5, 2)}, {"dtype": "float64", "kernel_initializer": "ones"}],
    ids=str,
)  # fmt: skip
def test_keywords_may_be_refused_in_any_words(refuse: Any, more: Any) -> None:
    seen = ObjectSubject(_taking(refuse)).observe(Case("any", {**ARGUMENTS, **more}, ()))
    assert str(seen.constructed.unsupported).startswith("the constructor takes no ")


@pytest.mark.parametrize(
    "more", [{"padding": "full"}, {"strides": 0}, {"padding": 3, "strides": (1, 1)}], ids=str
)
def test_a_wrong_value_of_a_keyword_is_refused_by_an_error(more: Any) -> None:
    seen = ObjectSubject(_taking(_of_all)).observe(Case("any", {**ARGUMENTS, **more}, ()))
    assert seen.constructed.error is not None


def _passes_on(
    inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any, **more: Any
) -> Any:
    def own(bias: Any = 0) -> Any:
        return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, data_format) + bias

    return own(**more)


@pytest.mark.parametrize(
    ("more", "told"),
    [({"dilation_rate": 2}, "the function takes no 'dilation_rate'"), ({"use_bias": True}, None)],
)
def test_a_function_may_pass_its_keywords_on(more: Any, told: Any) -> None:
    steps = (Build(SHAPE), SetWeights((KERNEL, BIAS)), Call(ONES))
    seen = ObjectSubject(_passes_on).observe(Case("any", {**ARGUMENTS, **more}, steps))
    assert (seen.outcomes[-1].unsupported, seen.outcomes[-1].error) == (told, None)


class OfSquares(fast_impl.Conv2DTranspose):
    def __init__(self, filters: Any, kernel_size: Any, **more: Any) -> None:
        if len(set(np.ravel(kernel_size))) > 1:
            raise ValueError("square kernels only")
        super().__init__(filters, kernel_size, **more)


def test_a_refused_constructor_has_a_cause_whatever_it_was_to_be_called_on() -> None:
    case = Case("mixed dtypes", {**ARGUMENTS, "dtype": "float64"}, (Call(ONES),))
    cause = Causes(Evidence(), ObjectSubject(OfSquares), Traits()).of_making(case)
    assert (cause and [*cause.failures]) == ["SHAPE-05"]


class ThatLooksAtShapes(fast_impl.Conv2DTranspose):
    def compute_output_shape(self, input_shape: Any) -> Any:
        _, _, _, _ = input_shape
        return super().compute_output_shape(input_shape)


@pytest.mark.parametrize("case", FAMILIES["shape questions"].fixed)
def test_a_shape_of_another_rank_may_be_refused(case: Case) -> None:
    assert any(isinstance(step, ComputeOutputShape) for step in case.steps)
    subject: Any = ObjectSubject(ThatLooksAtShapes)
    assert first_failure(Evidence(), CHECKS.of("SHAPE-09"), case, subject, Traits()) is None


def _alone(**only: Any) -> type:
    """A layer with other defaults than the page's, which refuses these."""

    class Partial(fast_impl.Conv2DTranspose):
        def __init__(self, filters: Any, kernel_size: Any, **more: Any) -> None:
            given = {**only, **more}
            if any(given[name] != value for name, value in only.items()):
                raise NotImplementedError("not here")
            super().__init__(filters, kernel_size, **given)

        def __call__(self, inputs: Any) -> Any:
            if inputs.dtype.name != only.get("dtype", "float32"):
                raise NotImplementedError("not here")
            return super().__call__(inputs)

    return Partial


@pytest.mark.parametrize(
    "only",
    [{"dtype": "bfloat16"}, {"dtype": "float64"}, {"data_format": "channels_first"}, {"use_bias": False}],
    ids=str,
)  # fmt: skip
def test_a_layer_without_the_default_is_not_judged_by_it(only: Any) -> None:
    clauses = ["DTYPE-01", "DTYPE-04", "METH-07", "VAL-01", "SHAPE-01", "FMT-*", "BIAS-*", "VAR-01"]
    result = conformance.check(_alone(**only), profile="smoke", clause=clauses, examples=3)
    assert [v.clause for v in result.verdicts if v.status in ("fail", "error", "blocked")] == []
    assert "pass" in {v.status for v in result.verdicts}


def test_a_default_may_be_refused_in_other_words() -> None:
    class FirstAlone(fast_impl.Conv2DTranspose):
        def __init__(
            self, filters: Any, kernel_size: Any, data_format: Any = "channels_first"
        ) -> None:
            if data_format != "channels_first":
                raise ValueError("no such layout")
            super().__init__(filters, kernel_size, data_format=data_format)

    clauses = ["VAL-01", "SHAPE-01", "VAR-01"]
    result = conformance.check(FirstAlone, profile="smoke", clause=clauses, examples=3)
    assert {v.status for v in result.verdicts} == {"pass"}


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_layer_with_another_default_that_has_the_page_s_is_judged_by_it(data_format: str) -> None:
    class Turned(fast_impl.Conv2DTranspose):
        def __init__(self, filters: Any, kernel_size: Any, *args: Any, **more: Any) -> None:
            super().__init__(filters, kernel_size, *args, **{"data_format": data_format, **more})

    result = conformance.check(Turned, profile="smoke", clause="FMT-01", examples=3)
    expected = "pass" if data_format == "channels_last" else "fail"
    assert [v.status for v in result.verdicts] == [expected]


class ForgetsLossesOfFrozen(fast_impl.Conv2DTranspose):
    """As Keras 3: a layer that is not trainable has no losses of its weights."""

    @property
    def losses(self) -> Any:
        return super().losses if self.trainable else []


class ForgetsLosses(fast_impl.Conv2DTranspose):
    """Has no losses, trainable or not."""

    @property
    def losses(self) -> Any:
        return []


class SingleLosses(fast_impl.Conv2DTranspose):
    """As Keras 3 on PyTorch: the activity loss of doubles is a single."""

    @property
    def losses(self) -> Any:
        found = super().losses
        if not found or self.activity_regularizer is None:
            return found
        return [np.float64(np.float32(found[0])), *found[1:]]


class ReversedLosses(fast_impl.Conv2DTranspose):
    """Has the right losses in another order."""

    @property
    def losses(self) -> Any:
        return super().losses[::-1]


def _red(layer: type, cases: Iterable[Case]) -> set[str]:
    """Return the clauses that are to blame for what the layer does in the cases."""
    subject: Any = ObjectSubject(layer)
    evidence, red = Evidence(), set()
    culprits = Culprits(evidence, subject, Traits())
    for case in cases:
        for check in (c for c in CHECKS.applying(case, Traits()) if not c.claims):
            failure = first_failure(evidence, [check], case, subject, Traits())
            if failure is not None:
                blamed = culprits.of(check.clause, failure)
                red.add(check.clause if blamed is None else blamed[0])
    return red


@pytest.mark.parametrize(
    ("layer", "is_of_frozen"), [(ForgetsLossesOfFrozen, True), (ForgetsLosses, False)]
)
def test_losses_of_layers_that_are_not_trainable_are_the_matter_of_one_clause(
    layer: type, is_of_frozen: bool
) -> None:
    listed = FAMILIES["losses"].fixed
    red = _red(layer, (case for case in listed if case.argument("trainable", True) is False))
    assert (red == {"LOSS-11"}) == is_of_frozen
    assert red >= {"LOSS-11"}


def test_wrong_values_of_losses_are_the_matter_of_the_clauses_about_them() -> None:
    assert _red(SingleLosses, FAMILIES["losses"].fixed) == {"LOSS-02"}


def test_losses_in_another_order_are_no_wrong_values() -> None:
    assert "LOSS-04" in _red(ReversedLosses, FAMILIES["losses"].fixed)
