"""The script of a finding: what it says is exact, and it runs on its own."""

from __future__ import annotations

import functools
import inspect
import re
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from conformance.cases.drawn import data
from conformance.cases.drawn.data import position_coded
from conformance.findings.arrays import array_text
from conformance.findings.scripts import _results, script_for
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch
from conformance.subjects import frameworks, tensorflow_is_installed
from conformance.subjects.loading import driven_as
from fast_impl import conv2d_transpose

DTYPES = (
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "int8",
    "uint8",
    "int32",
    "int64",
    "bool",
    "complex64",
)
SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def _evaluated(array: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return eval(array_text(array), {"np": np, "nan": np.nan, "inf": np.inf})


def _of_dtype(name: str) -> st.SearchStrategy[np.ndarray]:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    if name == "bfloat16":
        small = arrays.arrays(np.float32, shapes, elements=st.floats(-8, 8, width=16))
        return small.map(lambda array: array.astype(ml_dtypes.bfloat16))
    elements = arrays.from_dtype(np.dtype(name))
    near = st.sampled_from([0, 1]).map(np.dtype(name).type)
    return arrays.arrays(name, shapes, elements=elements | near)


def _assert_same_numbers(got: np.ndarray, array: np.ndarray) -> None:
    assert (got.shape, got.dtype) == (array.shape, array.dtype)
    whole, wanted = (np.atleast_1d(np.asarray(part)) for part in (got, array))
    if whole.dtype.name == "bfloat16":
        whole, wanted = whole.astype(np.float32), wanted.astype(np.float32)
    np.testing.assert_array_equal(whole, wanted)
    for part in (
        ("real", "imag") if whole.dtype.kind == "c" else ("real",) * (whole.dtype.kind == "f")
    ):
        one, other = getattr(whole, part), getattr(wanted, part)
        known = ~np.isnan(other)
        assert np.array_equal(np.signbit(one)[known], np.signbit(other)[known])


@pytest.mark.parametrize(
    "array",
    [
        data.nonzero_integers((5, 6, 7), 103),
        data.small_integers((2, 40), 17, "int32", largest=1),
        data.reals((9, 9), 4, "float64"),
        np.full((3, 30), np.nan, "float32"),
    ],
    ids=["nonzero", "integers", "reals", "equal"],
)
def test_a_large_array_is_written_as_what_makes_it(array: np.ndarray) -> None:
    assert len(array_text(array)) < 140
    assert _evaluated(array).tobytes() == array.tobytes()


def test_a_large_array_that_differs_in_the_sign_of_a_zero_is_written_out() -> None:
    array = np.zeros((9, 9), "float32")
    array[-1, -1] = -0.0
    assert _evaluated(array).tobytes() == array.tobytes()


@pytest.mark.parametrize("changed", [0, 99])
def test_a_large_array_that_was_changed_is_written_out(changed: int) -> None:
    array = data.nonzero_integers((10, 10), 3)
    array.flat[changed] = 0.5
    _assert_same_numbers(_evaluated(array), array)


@pytest.mark.parametrize("name", DTYPES)
def test_the_text_of_an_array_gives_the_array_again(name: str) -> None:
    @SETTINGS
    @given(_of_dtype(name))
    def survives(array: np.ndarray) -> None:
        _assert_same_numbers(_evaluated(array), array)

    survives()


@pytest.mark.parametrize(
    "array",
    [
        position_coded((2, 3)),
        np.array([0.5, 1.5, 2.5, 3.5], np.float32),
        np.array([-0.0, 1, 2, 3], np.float32),
        np.array([-0.0, 0, 0, 0]),
        np.array([253, 254, 255, 0, 1], np.uint8),
        np.arange(2**53, 2**53 + 8, dtype=np.int64),
        np.zeros((2, 2), np.complex64),
        np.arange(5).astype(np.complex64),
        np.full(5, np.nan),
        np.zeros((0, 2)),
    ],
    ids=["count", "halves", "negative zero", "zeros", "around", "large", "complex zeros", "complex",
         "nan", "empty"],
)  # fmt: skip
def test_the_text_of_a_special_array_gives_the_array_again(array: np.ndarray) -> None:
    _assert_same_numbers(_evaluated(array), array)


CASE = Case(
    "geometry",
    {"filters": 2, "kernel_size": [1, 2], "strides": [2, 1], "activation": {"function": "triple"}},
    (
        steps.Build((1, 2, 2, 1)),
        steps.GetWeights(),
        steps.SetWeights((position_coded((1, 2, 2, 1)), np.array([0.5, -1], np.float32))),
        steps.Call(position_coded((1, 2, 2, 1))),
        steps.Read("strides"),
    ),
)


def _executed(
    text: str, environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=dict(environment), text=True,
        capture_output=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture(params=["reference", "fast"])
def text(request: pytest.FixtureRequest) -> str:
    mismatch = Mismatch("wrong", expected=np.array([1.0, 2.0]), got=None, step=3)
    return script_for(request.param, "eager", CASE, mismatch, is_command=False)


def test_a_script_prints_what_the_failing_step_gives(
    text: str, command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    done = _executed(text, command_environment, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    # The first pixel: 1 * kernel[0, 0] + bias, three times: 3 * (1 + 0.5), 3 * (2 - 1).
    first = done.stdout.replace("[", " ").replace("]", " ").split()[:2]
    assert [float(number) for number in first] == [4.5, 3.0]


@pytest.mark.parametrize("name", ["tf.keras", "tflite"])
def test_the_script_of_a_framework_s_layer_prints_it_too(
    name: str, command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    missing = frameworks.FRAMEWORKS[name].missing
    if missing:
        pytest.skip(f"{name} is {missing}")
    plain = {name: value for name, value in CASE.arguments.items() if name != "activation"}
    case = attrs.evolve(CASE, arguments=plain)
    text = script_for(name, "natural", case, Mismatch("wrong", step=3), is_command=False)
    done = _executed(text, command_environment, tmp_path)
    assert done.returncode == 0, done.stderr
    # The first pixel: 1 * kernel[0, 0] + bias.
    assert [float(one) for one in re.findall(r"-?\d+\.\d*", done.stdout)][:2] == [1.5, 1.0]


def test_the_script_of_a_layer_of_keras_sets_its_backend_before_it_is_imported() -> None:
    text = script_for("keras@torch", "exact", CASE, Mismatch("wrong", step=3), is_command=False)
    lines = text.splitlines()
    assert "'KERAS_BACKEND': 'torch'" in lines[1]
    assert "backend = frameworks.driver('keras@torch', 'exact').backend()" in lines


@pytest.mark.parametrize(
    ("step", "written"),
    [
        (steps.LossGradients(), "backend.do(steps.LossGradients())"),
        (steps.Gradients(np.ones(1), np.ones(2)), "backend.do(steps.Gradients(np.array([1.], dtype='float64'),"),
        (steps.Train(np.ones(1), np.ones(2), 0.5), "trained = backend.do(steps.Train("),
    ],
)  # fmt: skip
def test_what_a_framework_has_no_method_for_is_done_as_the_suite_does_it(
    step: steps.Step, written: str
) -> None:
    case = attrs.evolve(CASE, steps=(step,))
    text = script_for("keras@jax", "natural", case, Mismatch("wrong", step=0), is_command=False)
    assert written in text
    assert text.count("print(") == 1


def test_a_script_says_what_is_raised() -> None:
    got = {"types": ["MemoryError", "Exception"], "message": "too large\nby far", "moment": "call"}
    mismatch = Mismatch("wrong", expected=None, got=got, step=3)
    text = script_for("fast", "eager", CASE, mismatch, is_command=False)
    assert text.splitlines()[-1] == "# raises MemoryError: too large by far"


def test_a_script_ends_with_the_failing_step(text: str) -> None:
    *_, last, expected, got = text.splitlines()
    assert last.startswith("print(layer(np.arange(1, 5, dtype='float32')")
    assert (expected, got) == ("# expected: [1., 2.]", "# got:      None")


def test_a_script_leaves_out_what_changes_nothing(text: str) -> None:
    assert "get_weights()" not in text.replace("set_weights", "")


def test_a_failing_constructor_is_the_last_line() -> None:
    text = script_for("fast", "eager", CASE, Mismatch("wrong", step=None), is_command=False)
    assert [line for line in text.splitlines() if "layer." in line] == []
    assert "layer = Conv2DTranspose(filters=2" in text


def test_a_script_of_a_refused_argument_raises(
    command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    case = Case("any", {"filters": 2, "kernel_size": 0}, ())
    text = script_for("fast", "eager", case, Mismatch("wrong"), is_command=False)
    done = _executed(text, command_environment, tmp_path)
    assert done.returncode == 1
    assert "kernel_size" in done.stderr.splitlines()[-1]


def test_a_script_of_a_function_runs(
    command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    case = Case("any", {"filters": 2, "kernel_size": [1, 2]}, CASE.steps)
    mismatch = Mismatch("wrong", step=3)
    text = script_for(
        "fast_impl:conv2d_transpose", "eager", case, mismatch, is_command=False,
        driven_as=driven_as(conv2d_transpose),
    )  # fmt: skip
    done = _executed(text, command_environment, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1.5" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("filters", {"literal": "np.int32(3)"}, "filters=np.int32(3)"),
        ("strides", {"literal": "[2, 3]"}, "strides=[2, 3]"),
        ("strides", [True, True], "strides=(True, True)"),
        ("strides", [1, 1], "strides=(1, 1)"),
        ("kernel_size", [[1], 2], "kernel_size=([1], 2)"),
        ("trainable", 1, "trainable=1"),
        ("trainable", True, "trainable=True"),
        ("use_bias", True, "use_bias=True"),
        ("activation", None, "activation=None"),
        ("activation", {"function": "triple"}, "activation=lambda y: 3 * y"),
        ("kernel_initializer", {"function": "count up"}, "kernel_initializer=lambda shape, dtype"),
        ("kernel_regularizer", {"class_name": "L2", "config": {"l2": np.inf}},
         "kernel_regularizer={'class_name': 'L2', 'config': {'l2': inf}}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spec", ["fast", "tensorflow"])
def test_every_argument_is_written(spec: str, name: str, value: Any, written: str) -> None:
    case = Case("any", {name: value}, ())
    text = script_for(spec, "eager", case, Mismatch("wrong"), is_command=False)
    assert f"Conv2DTranspose({written}" in text


ERROR = {"types": ("MemoryError", "Exception"), "message": "no room", "moment": "call"}


def _last_lines(mismatch: Mismatch, observation: Observation | None = None) -> list[str]:
    text = script_for("fast", "eager", CASE, mismatch, is_command=False, observation=observation)
    return [line for line in text.splitlines() if line.startswith("#")]


def test_an_exception_is_told_as_what_the_step_raises() -> None:
    assert _last_lines(Mismatch("wrong", None, ERROR, 3)) == ["# raises MemoryError: no room"]


def test_an_exception_is_told_beside_what_was_expected() -> None:
    lines = _last_lines(Mismatch("wrong", 3, ERROR, 3))
    assert lines == ["# expected: 3", "# raises MemoryError: no room"]


@pytest.mark.parametrize("got", ["IndexError at call: no\nroom", np.zeros(3), None])
def test_an_exception_that_is_wanted_is_told_as_the_message_has_it(got: Any) -> None:
    does = "raised IndexError at call: no\nroom" if isinstance(got, str) else "but raised nothing"
    lines = _last_lines(Mismatch(f"should raise ValueError, {does}", "ValueError", got, 3))
    assert lines == [f"# should raise ValueError, {does}".replace("\n", " ")]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0c", "\u2028", "\x00", "\ud800"])
def test_no_message_ends_its_comment(end: str) -> None:
    error = {**ERROR, "message": f"first{end}raise SystemExit(7)"}
    text = script_for("fast", "eager", CASE, Mismatch("w", None, error, 3), is_command=False)
    (line,) = [line for line in text.encode().decode().splitlines() if "SystemExit" in line]
    assert line.startswith("# raises MemoryError: first ")


def test_an_exception_without_a_message_is_told_by_its_class() -> None:
    error = {**ERROR, "message": ""}
    assert _last_lines(Mismatch("wrong", None, error, 3)) == ["# raises MemoryError:"]


KILLING = """
import os
from fast_impl import Conv2DTranspose as Layer

class Conv2DTranspose(Layer):
    def convolution_op(self, inputs, kernel):
        os._exit(66)
"""


@pytest.fixture
def died(command_environment: Mapping[str, str], tmp_path: Path) -> Any:
    """The script of a layer that dies in the fourth of five steps, and what comes of it."""
    (tmp_path / "mine.py").write_text(KILLING, encoding="utf-8")
    inputs = position_coded((1, 2, 2, 1))
    case = Case("any", {"filters": 2, "kernel_size": 1}, (
        steps.Build((1, 2, 2, 1)),
        steps.Call(position_coded((1, 2, 2, 7))),  # other channels: refused
        steps.Losses(),
        steps.ConvolutionOp(inputs),
        steps.Read("strides"),
    ))  # fmt: skip
    text = script_for(
        "mine.py:Conv2DTranspose", "eager", case, Mismatch("broke down", step=3),
        is_command=False, observation=Observation(crash="status 66"),
    )  # fmt: skip
    return text, _executed(text, command_environment, tmp_path)


def test_the_script_of_a_crash_runs_to_the_step_that_died(died: Any) -> None:
    assert died[1].returncode == 66


def test_the_script_of_a_crash_ends_with_the_step_that_died(died: Any) -> None:
    assert "layer.strides" not in died[0]


def test_the_script_of_a_crash_tells_what_happened(died: Any) -> None:
    assert died[0].splitlines()[-1] == "# crashes or hangs: status 66"


def test_the_script_of_a_crash_in_the_constructor_has_one_call() -> None:
    case = Case("any", {"filters": 2, "kernel_size": 1}, ())
    crash = Observation(crash="status 66")
    text = script_for("fast", "eager", case, Mismatch("x"), is_command=False, observation=crash)
    assert text.splitlines()[-2:] == [
        "layer = Conv2DTranspose(filters=2, kernel_size=1)",
        "# crashes or hangs: status 66",
    ]


def test_a_script_goes_on_after_a_step_that_was_refused(
    command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    case = Case(
        "any",
        {"filters": 2, "kernel_size": 1},
        (
            steps.Build((1, 2, 2, 1)),
            steps.SetWeights((np.zeros((1, 1, 2, 1), np.float32),)),
            steps.Read("strides"),
        ),
    )
    refused = Outcome(error=Error(("ValueError",), "one weight too few", "set_weights"))
    seen = Observation(Outcome(), (Outcome(), refused, Outcome(value=(1, 1))))
    text = script_for(
        "fast", "eager", case, Mismatch("wrong", step=2), is_command=False, observation=seen
    )
    done = _executed(text, command_environment, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "(1, 1)")


def test_a_script_may_ask_about_what_an_earlier_call_was_given(
    command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    inputs = position_coded((1, 2, 2, 1))
    listed = (steps.Call(inputs), *map(steps.LossesFor, ("outputs", "nested", "foreign", "inputs")))
    case = Case("any", {"filters": 2, "kernel_size": 1}, listed)
    text = script_for("fast", "eager", case, Mismatch("wrong", step=4), is_command=False)
    assert _executed(text, command_environment, tmp_path).stdout == "[]\n"


def test_a_script_finds_a_layer_by_the_name_that_a_copy_has(
    command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    listed = (steps.Build((1, 2, 2, 1)), steps.Copy("deepcopy"), steps.Use("layer"))
    case = Case("any", {"filters": 2, "kernel_size": 1}, (*listed, steps.SameWeights("copy")))
    text = script_for("fast", "eager", case, Mismatch("wrong", step=3), is_command=False)
    assert _executed(text, command_environment, tmp_path).stdout == "[False, False]\n"


TRAINED = Case(
    "any",
    {"filters": 1, "kernel_size": 1, "kernel_regularizer": {"function": "sum"}},
    (
        steps.Call(np.zeros((1, 1, 1, 1), np.float32)),
        steps.SetWeights((np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32))),
        steps.Train(
            np.full((1, 1, 1, 1), 2, np.float32),
            np.ones((1, 1, 1, 1), np.float32),
            0.25,
            "v1.Momentum",
        ),
        steps.LossGradients(),
        steps.GetWeights(),
    ),
)


@pytest.fixture(scope="module")
def of_tensorflow(
    command_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[str]]:
    """Return what scripts of TensorFlow print in a mode: one of a call, and two of training.

    They run in one process, because importing TensorFlow takes seconds.
    """
    shown = [(CASE, 3), (TRAINED, 3), (TRAINED, 4)]

    @functools.cache
    def run(mode: str) -> list[str]:
        if not tensorflow_is_installed():
            pytest.skip("needs TensorFlow")
        texts = [
            script_for("tensorflow", mode, case, Mismatch("wrong", step=step), is_command=False)
            for case, step in shown
        ]
        program = f"for text in {texts!r}:\n    exec(text, {{}})\n    print({BREAK!r})\n"
        done = _executed(program, command_environment, tmp_path_factory.mktemp(mode))
        assert done.returncode == 0, done.stderr
        return done.stdout.split(BREAK)

    return run


BREAK = "-- the next script --"


@pytest.mark.tensorflow
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_script_of_tensorflow_runs(of_tensorflow: Callable[[str], list[str]], mode: str) -> None:
    assert "4.5" in of_tensorflow(mode)[0]


@pytest.mark.tensorflow
@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize(("place", "printed"), [(1, "1."), (2, "0.5")])
def test_a_script_of_tensorflow_trains(
    of_tensorflow: Callable[[str], list[str]], mode: str, place: int, printed: str
) -> None:
    # The gradient of the sum is 1; the kernel becomes 1 - 0.25 * 2.
    assert printed in of_tensorflow(mode)[place]


def test_of_arrays_too_large_to_print_the_element_is_told_that_differs() -> None:
    expected, got = np.zeros((2, 5, 5), np.float64), np.zeros((2, 5, 5), np.float32)
    got[1, 2, 3] = 7
    mismatch = Mismatch("wrong", expected, got, 0, (1, 2, 3))
    assert [*_results(mismatch, None)] == ["# expected: 0.0 at [1, 2, 3]", "# got:      7.0"]


class WithoutGetWeights:
    """Has its weights in attributes, and no method that reads them."""

    def __init__(self, filters: int, kernel_size: Any) -> None:
        self.kernel = np.full((1, 1), 3.0)

    def build(self, input_shape: Any) -> None: ...

    def set_weights(self, weights: Any) -> None: ...

    def __call__(self, inputs: Any) -> Any: ...

    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        return None, self.kernel, None

    def apply_gradients(self, gradients: Any, learning_rate: float) -> None: ...


@pytest.mark.parametrize(
    "step", [steps.GetWeights(), steps.Train(np.ones(1), np.ones(1), 0.5)], ids=["read", "train"]
)
def test_the_weights_of_a_layer_without_the_method_are_read_as_attributes(
    step: steps.Step, command_environment: Mapping[str, str], tmp_path: Path
) -> None:
    source = textwrap.dedent(inspect.getsource(WithoutGetWeights))
    (tmp_path / "mine.py").write_text(
        f"from typing import Any\nimport numpy as np\n{source}", encoding="utf-8"
    )
    case = Case("geometry", {"filters": 1, "kernel_size": 1}, (step,))
    told = Mismatch("wrong", expected=1, got=2, step=0)
    text = script_for(
        "mine.py:WithoutGetWeights", "eager", case, told, is_command=False,
        driven_as=driven_as(WithoutGetWeights),
    )  # fmt: skip
    done = _executed(text, command_environment, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "[array([[3.]]), None]")
