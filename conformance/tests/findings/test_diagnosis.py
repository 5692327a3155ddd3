"""A known mistake is named where it explains all; a description fits every case; else nothing is said."""

import attrs
import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.findings.agreement import agree, changing
from conformance.findings.diagnosis import Diagnostician
from conformance.findings.differences import described
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.judge.judging import Failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch
from conformance.strength.mistakes import MISTAKES
from conformance.strength.mistakes.mistake import channel_axis, outputs_changed, recomputed
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

pytestmark = pytest.mark.diagnosis

LARGEST = np.finfo(np.float32).max
RIGHT = np.random.default_rng(0).integers(-9, 9, (2, 4, 5, 3)).astype(np.float64)


class Layer:
    mode = "eager"

    def __init__(self, layer: type, name: str = "somebody's layer") -> None:
        self.name = self.spec = name
        self._layer = layer

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self._layer))


def _families(clause):
    return sorted(family.name for family in CHECKS.families(clause))


def diagnosis_of(layer: type, clause: str, left_out: tuple[str, ...] = (), examples: int = 25):
    workbench, subject = Evidence(), Layer(layer)
    failures = []
    for family in _families(clause):
        found = explore(
            workbench,
            FAMILIES[family],
            subject,
            Traits(),
            examples=examples,
            run_seed=0,
            progress=lambda _: None,
            checks=CHECKS.only({clause}),
        )
        if (clause, False) in found:
            failures += found[clause, False].failures
    assert failures
    diagnostician = Diagnostician(workbench, examples=examples, run_seed=0, left_out=left_out)
    return diagnostician.diagnose(subject, clause, failures)


@pytest.mark.parametrize("name", ["M02_height", "M02_width", "M01_width_up_always"])
@pytest.mark.filterwarnings("ignore")
def test_a_known_mistake_is_named(name):
    text = diagnosis_of(MISTAKES[name].layer, MISTAKES[name].clauses[0])
    assert text.startswith(f"equals the known mistake {name}: {MISTAKES[name].text}")


def _summed_in_float32(change):
    """Return a layer that sums its taps one by one in float32, as another kernel does, where it is of float64."""

    def summed(layer, inputs, outputs):
        if outputs.dtype != np.float64:
            return outputs
        x, k = (change(array).astype(np.float32) for array in (inputs, layer.kernel))
        kept, layer.activation = layer.activation, lambda y: y
        found = np.zeros(outputs.shape, np.float32)
        for index in reversed([*np.ndindex(k.shape[:2])]):
            tap = np.zeros_like(k)
            tap[index] = k[index]
            found += recomputed(layer, x, kernel=tap, bias=None)
        if layer.bias is not None:
            bias = change(layer.bias).astype(np.float32)
            found += bias.reshape([-1 if axis == channel_axis(layer) else 1 for axis in range(4)])
        layer.activation = kept
        return change(kept(found)).astype(np.float64)

    return outputs_changed(summed)


@pytest.mark.parametrize(
    ("told", "change", "clause"),
    [
        ("M21_precision: ", lambda array: array, "DTYPE-02"),
        ("float64_in_float32_clamped", lambda array: np.clip(array, -LARGEST, LARGEST), "DTYPE-02"),
        (
            "float64_in_float32_clamped: ",
            lambda array: np.clip(array, -LARGEST, LARGEST),
            "DTYPE-05",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_float64_that_is_float32_inside_is_named_in_whatever_order_it_is_summed(
    told, change, clause
):
    text = diagnosis_of(_summed_in_float32(change), clause)
    assert text.startswith("equals the known mistake ")
    assert told in text


@pytest.mark.filterwarnings("ignore")
def test_a_mistake_that_the_catalogue_lacks_equals_nothing():
    text = diagnosis_of(MISTAKES["M02_height"].layer, "PAD-01", left_out=("M02_height",))
    assert text is None or text.startswith("looks like")


@pytest.mark.filterwarnings("ignore")
def test_two_mistakes_at_once_equal_neither():
    class Both(MISTAKES["M02_height"].layer):
        def changed_outputs(self, inputs, outputs):
            return super().changed_outputs(inputs, outputs) + 1

    text = diagnosis_of(Both, "VAL-01")
    assert text is None or not text.startswith("equals")


@pytest.mark.filterwarnings("ignore")
def test_a_layer_that_computes_like_bfloat16_is_called_less_precise_than_claimed():
    def rounded(layer, inputs, outputs):
        if outputs.dtype != np.float32:
            return outputs
        noise = np.where(np.arange(outputs.size).reshape(outputs.shape) % 2, 1, -1) * 2.0**-9
        return (outputs * (1 + noise)).astype(np.float32)

    text = diagnosis_of(outputs_changed(rounded), "DTYPE-02", examples=120)
    assert text.startswith("looks like float32 computed less precisely than claimed, like ")


def with_activation(name):
    """Return a layer whose outputs are wrong where they are negative, with one activation alone."""

    def changed(layer, inputs, outputs):
        negative = outputs < 0 if layer.get_config()["activation"] == name else False
        return np.where(negative, outputs / 3, outputs).astype(outputs.dtype)

    return outputs_changed(changed)


class ForgetsTheFirstRow(fast_impl.Conv2DTranspose):
    def gradients(self, inputs, output_gradient):
        *others, of_bias = super().gradients(inputs, output_gradient)
        channel = 1 if self.data_format == "channels_first" else 3
        rows = np.moveaxis(np.asarray(output_gradient), channel, 3)[:, 1:]
        return (*others, None if of_bias is None else rows.sum((0, 1, 2)).astype(of_bias.dtype))


@pytest.mark.filterwarnings("ignore")
def test_that_a_bias_has_a_gradient_only_where_there_is_one_is_no_diagnosis():
    assert diagnosis_of(ForgetsTheFirstRow, "GRAD-01") is None


@pytest.mark.filterwarnings("ignore")
def test_what_wrong_cases_alone_have_is_told():
    text = diagnosis_of(with_activation("elu"), "ACT-01")
    assert text.startswith("wrong only with activation elu: all ")


@pytest.mark.filterwarnings("ignore")
def test_a_feature_that_right_cases_have_too_is_not_told():
    def changed(layer, inputs, outputs):
        few = outputs.shape[1] < 4
        return outputs if few else outputs + np.arange(outputs.size).reshape(outputs.shape)

    text = diagnosis_of(outputs_changed(changed), "VAL-01")
    assert text is None or not text.startswith("wrong only")


LOSSES = [np.array(number) for number in (0.06, 0.3, 7.0)]
GRADIENT = steps.Gradients(np.ones((4, 1, 1, 1)), np.ones((4, 1, 1, 3)))


def failure_at(step, got, right, batch=2):
    called = steps.Call(np.ones((batch, 1, 1, 1)))
    return Failure(
        Case("made", {"filters": 3, "kernel_size": 1}, (called, step)),
        "fail",
        Mismatch("wrong", right, got, 1),
    )


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (0.5, "half of the right loss"),
        (2, "twice the right loss"),
        (-1, "the right loss with the wrong sign"),
        (1 / 3, "the right loss multiplied by 0.3333"),
    ],
)
def test_a_multiple_of_the_right_loss_is_told(factor, told):
    failures = [failure_at(steps.Losses(), right * factor, right) for right in LOSSES]
    assert described(failures) == f"looks like {told}"


@pytest.mark.parametrize("kind", [float, np.float32, lambda loss: [float(loss)]])
def test_a_usual_multiple_of_a_loss_is_told_of_one_case(kind):
    found = failure_at(steps.LossesFor("none"), kind(3.5), kind(7.0))
    assert described([found]) == "looks like half of the right loss"


def test_another_multiple_is_not_told_of_one_case():
    assert described([failure_at(steps.Losses(), np.array(2.1), np.array(7.0))]) is None


@pytest.mark.parametrize(
    ("sign", "told"),
    [(1, "the right loss times the batch size"), (-1, "the right loss divided by the batch size")],
)
def test_a_loss_that_is_divided_by_the_batch_size_where_it_must_not_be_is_told(sign, told):
    failures = [
        failure_at(steps.Losses(), right * float(batch) ** sign, right, batch)
        for right, batch in zip(LOSSES, (2, 3, 5))
    ]
    assert described(failures) == f"looks like {told}"


def test_losses_off_by_different_factors_are_not_described():
    failures = [failure_at(steps.Losses(), r * f, r) for r, f in zip(LOSSES, (0.5, 0.5, 0.4))]
    assert described(failures) is None


def test_a_loss_that_should_be_zero_is_no_multiple():
    assert described([failure_at(steps.Losses(), np.zeros(()), np.zeros(()))]) is None


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (0.25, "the right gradient divided by the batch size"),
        (-1, "the right gradient with the wrong sign"),
    ],
)
def test_a_multiple_of_the_right_gradient_is_told(factor, told):
    right = np.arange(6.0).reshape(1, 1, 6, 1)
    assert described([failure_at(GRADIENT, right * factor, right)]) == f"looks like {told}"


def test_a_gradient_of_one_number_is_no_multiple():
    right = np.ones((1, 1, 6, 1))
    assert described([failure_at(GRADIENT, right * 2, right)]) is None


def failure(got, right=RIGHT, scaled=None, bound=None, **arguments):
    case = Case(
        "made", {"filters": 3, "kernel_size": 1, **arguments}, (steps.Call(np.ones((1, 1, 1, 1))),)
    )
    return Failure(case, "fail", Mismatch("wrong", right, got, 0, None, scaled, bound))


def moved(array, down, along):
    return np.roll(array, (down, along), (1, 2))


def last_row(array):
    changed = array.copy()
    changed[:, -1] += np.arange(1, 16).reshape(5, 3)
    return changed


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda y: moved(y, 1, 0), "the right result shifted by (1, 0)"),
        (lambda y: moved(y, -1, 1), "the right result shifted by (-1, 1)"),
        (lambda y: np.flip(y, 1), "the right result with its rows reversed"),
        (lambda y: np.flip(y, 3), "the right result with its channels reversed"),
        (lambda y: y * 2.5, "the right result times 2.5"),
        (lambda y: y + np.array([1, -2, 3]), "the right result plus a constant per channel"),
        (last_row, "a difference in the last row only"),
        (
            lambda y: np.concatenate([y[:1], y[1:] ** 2 + 1]),
            "a difference in the later images of a batch only",
        ),
    ],
)
def test_a_difference_is_described(change, text):
    rights = [RIGHT, RIGHT * RIGHT + 3, np.roll(RIGHT, 7) - 40]
    assert described([failure(change(y), y) for y in rights]) == f"looks like {text}"


def test_a_description_must_fit_every_case():
    failures = [failure(moved(RIGHT, 1, 0)), failure(moved(RIGHT, 1, 0)), failure(RIGHT * 2)]
    assert described(failures) is None


def test_shifts_of_different_lengths_are_described_without_a_length():
    failures = [failure(moved(RIGHT, *way), RIGHT) for way in [(1, 0), (0, 1), (-1, 1), (0, 2)]]
    told = "looks like the right result shifted; how far depends on the arguments"
    assert described(failures) == told
    # One in four may be something else, no more.
    assert described([*failures, failure(RIGHT * 2)]) == told
    assert described([*failures, *[failure(RIGHT * 2)] * 2]) is None


def test_how_far_a_small_result_is_shifted_says_nothing():
    small = np.zeros((1, 2, 2, 1))
    small[0, 0, 0, 0] = 1
    assert described([failure(moved(small, 1, 0), small), *[failure(small * 2, small)] * 3]) is None


def test_two_cases_are_too_few_for_a_description():
    assert described([failure(RIGHT * 2)] * 2) is None


def special(case_inputs, kernel, got, right):
    case = Case(
        "made",
        {"filters": 3, "kernel_size": 1},
        (steps.SetWeights((kernel, np.zeros(3))), steps.Call(case_inputs)),
    )
    return Failure(case, "fail", Mismatch("wrong", right, got, 1))


def with_infinity(where, special=np.inf):
    """Inputs and a kernel, one of them with an infinity, or a NaN."""
    inputs, kernel = np.ones((2, 4, 5, 2)), np.ones((1, 1, 3, 2))
    if where == "kernel":
        kernel[0, 0, 1, 0] = special
    else:
        inputs[1, 0, 0, 0] = special
    return inputs, kernel


AMONG_ZEROS = "looks like NaN or infinities of the {} that are multiplied by zeros where there is no pixel: NaN"


@pytest.mark.parametrize(
    ("where", "index"), [("kernel", np.s_[:, 0, 0, 1]), ("inputs", np.s_[1, 0, 1, 2])]
)
def test_infinities_that_meet_zeros_are_told_with_where_they_come_from(where, index):
    got = RIGHT.astype(float)
    got[index] = np.nan
    failures = [special(*with_infinity(where), got, RIGHT)] * 2
    assert described(failures) == AMONG_ZEROS.format(where)
    # Of one case that is said of nothing.
    assert described(failures[:1]) is None


def test_a_nan_of_the_kernel_that_meets_zeros_is_told_like_an_infinity():
    got = RIGHT.astype(float)
    got[:, 0, 0, 1] = np.nan
    failures = [special(*with_infinity("kernel", np.nan), got, RIGHT)] * 2
    assert described(failures) == AMONG_ZEROS.format("kernel")


@pytest.mark.parametrize(
    ("what", "where", "shape", "index"),
    [
        ("input gradient", "kernel", (2, 4, 5, 2), np.s_[..., 0]),
        ("input gradient", "output gradient", (2, 4, 5, 2), np.s_[1]),
        ("kernel gradient", "inputs", (1, 1, 3, 2), np.s_[..., 0]),
        ("kernel gradient", "output gradient", (1, 1, 3, 2), np.s_[0, 0, 2]),
    ],
)
def test_infinities_that_meet_zeros_are_told_of_gradients(what, where, shape, index):
    inputs, kernel = with_infinity(where) if where != "output gradient" else with_infinity("none")
    output_gradient = np.ones((2, 4, 5, 3))
    inputs[1, 0, 0, 0] = np.inf if where == "inputs" else 1
    output_gradient[1, 0, 0, 2] = np.inf if where == "output gradient" else 1
    done = (steps.SetWeights((kernel, np.zeros(3))), steps.Gradients(inputs, output_gradient))
    case = Case("made", {"filters": 3, "kernel_size": 1}, done)
    right = np.arange(np.prod(shape), dtype=float).reshape(shape)
    got = right.copy()
    got[index] = np.nan
    told = f"{what}[0, 0, 0, 0] should be 0, got nan"
    failures = [Failure(case, "fail", Mismatch(told, right, got, 1))] * 2
    assert described(failures) == AMONG_ZEROS.format(where)
    # An array that is no result of infinities is not described.
    assert described([Failure(case, "fail", Mismatch(told, right, right + 1, 1))] * 3) is None


def test_nan_where_no_infinity_comes_to_has_another_reason():
    got = RIGHT.astype(float)
    got[:, 0, 0, 2] = np.nan
    assert "infinity" not in str(described([special(*with_infinity("kernel"), got, RIGHT)] * 3))


@pytest.mark.parametrize(
    ("right", "got", "text"),
    [
        (np.inf, np.finfo(np.float32).max, "infinities clamped to the largest finite number"),
        (-np.inf, np.finfo(np.float64).min, "infinities clamped to the largest finite number"),
        (np.inf, 7, "NaN and infinities replaced by numbers, as a clamp does"),
        (np.nan, np.inf, "NaN and infinities replaced by numbers, as a clamp does"),
        (
            np.inf,
            np.finfo(np.float32).min,
            "NaN and infinities replaced by numbers, as a clamp does",
        ),
    ],
)
def test_clamped_infinities_are_described(right, got, text):
    wanted, given = RIGHT.astype(float), RIGHT.astype(float)
    wanted[0, 1, 2, 0], given[0, 1, 2, 0] = right, got
    found = described([special(*with_infinity("inputs"), given, wanted)] * 3)
    assert found == f"looks like {text}"


def test_a_number_that_became_the_largest_one_is_no_clamped_infinity():
    wanted, given = RIGHT.astype(float), RIGHT.astype(float)
    wanted[0, 1, 2, 0], given[0, 1, 2, 0] = 1e38, np.finfo(np.float32).max
    found = described([special(*with_infinity("inputs"), given, wanted)] * 3)
    assert "clamp" not in str(found)


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_large_integers_that_float32_has_are_described(dtype):
    rights = [np.array([2**24 + 1 + 2 * n, 3 * n + 5], dtype) for n in range(3)]
    failures = [failure(y.astype(np.float32).astype(dtype), y) for y in rights]
    assert (
        described(failures)
        == f"looks like {dtype} computed less precisely than claimed, like float32"
    )


def of_dtype(wanted, got, step=0):
    """A call's result of another dtype."""
    told = Mismatch(f"expected dtype {wanted}, got {got}", wanted, got, step)
    return attrs.evolve(failure(RIGHT, dtype=wanted), mismatch=told)


def test_a_dtype_that_comes_out_as_another_one_is_described():
    failures = [of_dtype("float64", "float32")] * 3
    assert described(failures) == "looks like float64 that comes out as float32"
    assert described(failures[:2]) is None
    # The dtypes are the same in all cases, or none are told.
    assert described([*failures, of_dtype("int32", "float32")]) is None


def test_a_dtype_that_comes_out_as_another_one_may_elsewhere_be_computed_in_it():
    noise = np.random.default_rng(2)
    near = RIGHT + 1e-7 * noise.normal(size=RIGHT.shape)
    imprecise = failure(near, scaled=2.0**28, dtype="float64")
    assert (
        described([*[of_dtype("float64", "float32")] * 3, imprecise])
        == "looks like float64 computed less precisely than claimed, like float32"
    )
    assert described([*[of_dtype("float64", "float32")] * 3, failure(RIGHT * 2)]) is None


@pytest.mark.parametrize(("bound", "name"), [(40, "float32"), (4, "TF32 or float16")])
def test_a_long_sum_in_float32_is_no_coarser_format(bound, name):
    noise = np.random.default_rng(2)
    near = [RIGHT + 1e-6 * noise.normal(size=RIGHT.shape) for _ in range(3)]
    failures = [failure(y, scaled=10 * 2.0**29, bound=bound, dtype="float64") for y in near]
    assert (
        described(failures)
        == f"looks like float64 computed less precisely than claimed, like {name}"
    )


def test_integers_that_are_otherwise_wrong_are_not_called_imprecise():
    rights = [np.array([2**24 + 1 + 2 * n, 3 * n + 5], np.int32) for n in range(3)]
    told = str(described([failure(y + np.array([1, 40], np.int32), y) for y in rights]))
    assert "precisely" not in told


def test_noise_is_not_described():
    noise = np.random.default_rng(1)
    assert described([failure(noise.normal(size=RIGHT.shape)) for _ in range(4)]) is None


@pytest.mark.parametrize(
    ("scaled", "name"), [(2.0**13, "TF32 or float16"), (2.0**16, "bfloat16"), (2.0**22, None)]
)
def test_errors_of_a_narrower_format_are_described(scaled, name):
    noise = np.random.default_rng(2)
    failures = [
        failure(RIGHT + noise.normal(size=RIGHT.shape), scaled=scaled / n) for n in (1, 2, 3)
    ]
    expected = name and f"looks like float32 computed less precisely than claimed, like {name}"
    assert described(failures) == expected


def test_a_float16_layer_may_be_as_imprecise_as_float16():
    noise = np.random.default_rng(2)
    got = [RIGHT + noise.normal(size=RIGHT.shape) for _ in range(3)]
    assert described([failure(y, scaled=4.0, dtype="float16") for y in got]) is None


def seen(*values, error=None):
    outcomes = [Outcome(value=value) for value in values]
    return Observation(outcomes=(*outcomes, *([Outcome(error=error)] if error else [])))


def alike(one, other, free=()):
    return agree(Case("any", {}, (steps.GetWeights(),) * 9), one, other, free)


def test_results_agree_up_to_rounding():
    ones = np.ones(4, np.float32)
    assert alike(seen(ones), seen(ones * np.float32(1 + 2**-22)))
    assert not alike(seen(ones), seen(ones * np.float32(1.001)))
    assert not alike(seen(ones), seen(ones.astype(np.float64)))
    assert not alike(seen(ones), seen(ones[:3]))
    assert alike(seen([1, None, "a"]), seen([1, None, "a"]))
    assert not alike(seen([1]), seen([True]))
    assert not alike(seen(ones), seen(ones * np.nan))


def test_errors_agree_by_what_they_have_in_common():
    wrong_value = Error(("InvalidArgumentError", "ValueError", "Exception"), "a", "call")
    value = Error(("ValueError", "Exception"), "b", "call")
    other = Error(("TypeError", "Exception"), "c", "call")
    assert alike(seen(error=wrong_value), seen(error=value))
    assert not alike(seen(error=other), seen(error=value))
    assert not alike(seen(error=other), seen(None))


def test_what_one_of_them_lacks_counts_for_nothing():
    lacking = Observation(outcomes=(Outcome(unsupported="has no losses"),))
    assert alike(lacking, seen([1.0]))


@pytest.mark.parametrize(("lacking", "expected"), [(1, True), (0, False), (None, False)])
def test_what_follows_a_step_that_one_of_them_lacks_counts_for_nothing(lacking, expected):
    case = Case("any", {}, (steps.GetWeights(), steps.Use("first"), steps.GetWeights()))
    one, other = (Observation(outcomes=tuple(map(Outcome, (1, None, last)))) for last in (2, 3))
    outcomes = [
        Outcome(unsupported="has none") if place == lacking else outcome
        for place, outcome in enumerate(one.outcomes)
    ]
    assert agree(case, Observation(outcomes=tuple(outcomes)), other) is expected


def test_of_what_changes_every_time_the_form_must_alike():
    one, other = (seen(np.float32([n, 2]), "same") for n in (1, 5))
    assert changing(one, other) == {0}
    assert not alike(one, other)
    assert alike(one, other, {0})
    assert not alike(one, seen(np.float32([1, 2, 3]), "same"), {0})
    assert not alike(one, seen(np.float32([1, 2]), "other"), {0})


@pytest.mark.parametrize("name", ["filters_strings", "strides_zero"])
@pytest.mark.filterwarnings("ignore")
def test_a_mistake_is_known_through_random_weights(name):
    text = diagnosis_of(MISTAKES[name].layer, MISTAKES[name].clauses[0])
    assert f"the known mistake {name}: " in text


def test_what_known_mistakes_did_takes_no_more_memory_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = [case for case in FAMILIES["geometry"].fixed if case.situation is None][:8]
    diagnostician = Diagnostician(Evidence(), examples=3, run_seed=0)
    diagnostician._left, diagnostician._allowed = 60.0, 100
    layer = MISTAKES["M02_height"].layer
    sizes = [diagnostician._does("", layer, case).bytes for case in cases]
    assert (diagnostician._bytes, len(diagnostician._observed)) == (sum(sizes), 8)
    monkeypatch.setattr("conformance.findings.diagnosis.KEPT", sum(sizes) - 1)
    diagnostician._does("", layer, cases[0])  # used again: the second is the longest unused
    diagnostician._does("another", layer, cases[0])
    assert ("", cases[0].id, 0) in diagnostician._observed
    assert ("", cases[1].id, 0) not in diagnostician._observed
    assert (
        diagnostician._bytes
        == sum(seen.bytes for seen in diagnostician._observed.values())
        < sum(sizes)
    )
