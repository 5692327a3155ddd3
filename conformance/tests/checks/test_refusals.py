"""The exception that is wanted is told from another."""

from __future__ import annotations

import pytest

from conformance.cases.scripted.expected import Expected, Raises
from conformance.checks import Traits, View
from conformance.checks.refusals import REFUSED_BY_KERNEL, REFUSED_COMPLEX, expect_error
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import Losses
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation

TENSORFLOW = Traits(tensorflow=True)
CASE = Case("any", {"filters": 3, "kernel_size": 2}, (Losses(),))


def _view(outcome: Outcome, traits: Traits = TENSORFLOW) -> View:
    return View(CASE, Observation(outcomes=(outcome,)), Expectation(CASE), traits)


def _raised(*types: str, message: str = "says why", moment: str = "call") -> Outcome:
    return Outcome(error=Error((*types, "Exception"), message, moment))


def _told(mismatch: Mismatch | None) -> tuple[object, ...]:
    assert mismatch is not None
    return (mismatch.message, mismatch.expected, mismatch.got, mismatch.step)


def test_an_expected_exception_is_right() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, Raises("ValueError")) is None


def test_an_exception_of_a_derived_class_is_right() -> None:
    assert (
        expect_error(_view(_raised("Mine", "ValueError")), 0, Raises("KeyError|ValueError")) is None
    )


def test_no_exception_is_told_with_the_value() -> None:
    found = expect_error(_view(Outcome(value=7)), 0, Raises("ValueError|KeyError"))
    wanted = "KeyError or ValueError"
    assert _told(found) == (f"should raise {wanted}, but raised nothing", wanted, 7, 0)


def test_another_exception_is_told() -> None:
    found = expect_error(_view(_raised("TypeError")), 0, Raises("ValueError"))
    got = "TypeError at call: says why"
    assert _told(found) == (f"should raise ValueError, raised {got}", "ValueError", got, 0)


def test_an_exception_at_another_moment_is_told() -> None:
    found = expect_error(_view(_raised("ValueError")), 0, Raises("ValueError", moment="run|build"))
    text = "should raise at run or build, raised ValueError at call: says why"
    assert _told(found) == (text, ["run", "build"], "call", 0)


def test_an_exception_at_one_of_the_moments_is_right() -> None:
    view = _view(_raised("ValueError"))
    assert expect_error(view, 0, Raises("ValueError", moment="run|call")) is None


def test_another_message_is_told_as_far_as_it_is_short() -> None:
    found = expect_error(
        _view(_raised("ValueError", message="x" * 500)), 0, Raises("ValueError", "y")
    )
    text = f"the message should contain 'y', it is '{'x' * 200}'"
    assert _told(found) == (text, "y", "x" * 400, 0)


def test_a_message_with_the_fragment_is_right() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, Raises("ValueError", "why")) is None


def test_outside_tensorflow_moment_and_message_are_free() -> None:
    view = _view(_raised("ValueError"), traits=Traits())
    assert expect_error(view, 0, Raises("ValueError", "y", "run")) is None


@pytest.mark.parametrize(
    ("name", "stands_for_it"),
    [
        ("InvalidArgumentError", "ValueError"),
        ("ResourceExhaustedError", "MemoryError"),
        ("UnimplementedError", "NotImplementedError"),
    ],
)
def test_outside_tensorflow_python_s_own_exception_will_do(name: str, stands_for_it: str) -> None:
    assert expect_error(_view(_raised(stands_for_it), traits=Traits()), 0, Raises(name)) is None


def test_on_tensorflow_python_s_own_exception_will_not_do() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, Raises("InvalidArgumentError")) is not None


@pytest.mark.parametrize(("mode", "right"), [("eager", True), ("graph", False)])
def test_what_is_expected_depends_on_the_mode(mode: str, right: bool) -> None:
    expected = Expected(Raises("ValueError"), Raises("TypeError"))
    view = _view(_raised("ValueError"), Traits(tensorflow=True, mode=mode))
    assert (expect_error(view, 0, expected) is None) is right


@pytest.mark.parametrize(
    ("wanted", "kind", "is_right"),
    [
        (REFUSED_BY_KERNEL, "TypeError", True),
        (REFUSED_BY_KERNEL, "ValueError", True),
        (REFUSED_BY_KERNEL, "KeyError", False),
        (REFUSED_COMPLEX, "TypeError", True),
        (REFUSED_COMPLEX, "KeyError", False),
    ],
)
def test_outside_tensorflow_a_wrong_dtype_is_refused_as_python_does(
    wanted: Expected[Raises], kind: str, is_right: bool
) -> None:
    found = expect_error(_view(_raised(kind), Traits()), 0, wanted)
    assert (found is None) is is_right


@pytest.mark.parametrize("wanted", [REFUSED_BY_KERNEL, REFUSED_COMPLEX])
def test_tensorflow_refuses_a_dtype_by_its_own_class(wanted: Expected[Raises]) -> None:
    assert expect_error(_view(_raised("TypeError")), 0, wanted) is not None


#: How frameworks say that there is no memory.
NO_MEMORY = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory",
    "RESOURCE_EXHAUSTED: Out of memory allocating 80000000000000 bytes.",
)


@pytest.mark.parametrize("message", NO_MEMORY)
def test_a_lack_of_memory_is_one_in_a_framework_s_words(message: str) -> None:
    outcome = _raised("JaxRuntimeError", "RuntimeError", message=message)
    assert expect_error(_view(outcome, Traits()), 0, Raises("ResourceExhaustedError")) is None


def test_a_lack_of_memory_is_one_in_the_words_of_onnx_runtime() -> None:
    outcome = _raised(
        "Fail", message="[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for"
    )
    assert expect_error(_view(outcome, Traits()), 0, Raises("ResourceExhaustedError")) is None


#: How PyTorch says that an input has another number of channels, or of axes.
WRONG_SHAPE = (
    "Given transposed=1, weight of size [3, 2, 2, 3], expected input[1, 4, 5, 6] to have 3 channels, but got 4 "
    "channels instead",
    "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: [1, 4, 5, 6, 7]",
)


@pytest.mark.parametrize("message", WRONG_SHAPE)
def test_a_wrong_shape_is_refused_in_a_framework_s_words(message: str) -> None:
    outcome = _raised("RuntimeError", message=message)
    assert expect_error(_view(outcome, Traits()), 0, Raises("ValueError")) is None
    assert expect_error(_view(outcome, Traits()), 0, Raises("TypeError")) is not None


def test_another_error_at_run_time_is_no_value_error() -> None:
    outcome = _raised("RuntimeError", message="the accelerator is on fire")
    assert expect_error(_view(outcome, Traits()), 0, Raises("ValueError")) is not None


def test_another_error_at_run_time_is_no_lack_of_memory() -> None:
    outcome = _raised("RuntimeError", message="the accelerator is on fire")
    assert expect_error(_view(outcome, Traits()), 0, Raises("ResourceExhaustedError")) is not None


@pytest.mark.parametrize(
    ("raised", "wanted", "is_right"),
    [
        ("InvalidArgumentError", "ValueError", True),
        ("UnimplementedError", "NotImplementedError", True),
        ("InvalidArgumentError", "TypeError", False),
    ],
)
def test_what_is_made_of_tensorflow_may_raise_what_tensorflow_has(
    raised: str, wanted: str, is_right: bool
) -> None:
    found = expect_error(_view(_raised(raised), Traits()), 0, Raises(wanted))
    assert (found is None) == is_right
