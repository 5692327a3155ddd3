"""Frameworks as subjects: how they are named, what the shared parts do, and each one where it is installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.cases.drawn.data import position_coded
from conformance.findings.scripts import script_for
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.observation import Observation, Unsupported
from conformance.model.steps import Build, Call, Gradients, Losses, LossGradients, SetWeights
from conformance.model.values.codec import dtype_of
from conformance.oracle.comparison import Mismatch
from conformance.subjects import LoadError, environments, frameworks, resolve
from conformance.subjects.backend import observe
from conformance.subjects.frameworks import node
from conformance.subjects.frameworks.jax import KEPT, Forgetting
from conformance.subjects.frameworks.operation import Operation, translated

KERNEL = position_coded((3, 2, 2, 1))
INPUTS = position_coded((1, 2, 3, 1))


class Numpy(Operation):
    """A framework of NumPy arrays, which has no word for "same"."""

    refusals = (ArithmeticError,)

    def versions(self) -> Mapping[str, str]:
        return {}

    def tensor(self, array: Any) -> Any:
        return array

    def array(self, tensor: Any) -> Any:
        return tensor

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        if geometry.height.same:
            raise ArithmeticError("same is not supported")
        if geometry.use_bias and bias is None:
            raise ArithmeticError("the bias is missing")
        return self.exact(inputs, kernel, bias, geometry)

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        strides = geometry.height.stride, geometry.width.stride
        padding = "same" if geometry.height.same else "valid"
        return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, bias=bias)

    def derivatives(self, forward: Any, sources: Any, upstream: Any) -> Any:
        return [np.full_like(source, forward(*sources).size) for source in sources]


def _outcomes(way: str, arguments: dict[str, Any], *steps: Any) -> Any:
    case = Case("geometry", {"filters": 2, "kernel_size": [3, 2], **arguments}, steps)
    return observe(case, Numpy(way).backend()).outcomes


WEIGHTS = (Build((1, 2, 3, 1)), SetWeights((KERNEL, np.ones(2, np.float32))))


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("torch", ("torch", None, None)),
        ("torch:exact", ("torch", None, "exact")),
        ("torch@2.13.0", ("torch", "2.13.0", None)),
        ("torch@cuda", ("torch@cuda", None, None)),
        ("keras@jax@3.15.1:natural", ("keras@jax", "3.15.1", "natural")),
        ("tf.keras", ("tf.keras", None, None)),
        ("tfjs@wasm@4.22.0:exact", ("tfjs@wasm", "4.22.0", "exact")),
    ],
)
def test_a_framework_is_named_with_version_and_way(
    spec: str, meant: tuple[str, str | None, str | None]
) -> None:
    chosen = frameworks.parse(spec)
    assert chosen is not None
    assert (chosen.framework.name, chosen.version, chosen.way) == meant


@pytest.mark.parametrize(
    "spec", ["torch:nn.ConvTranspose2d", "keras", "torch@metal", "torch:", "tensorflow"]
)
def test_what_names_no_framework_is_left_to_others(spec: str) -> None:
    assert frameworks.parse(spec) is None


def test_a_step_of_the_case_is_computed_in_the_chosen_way() -> None:
    *_, called = _outcomes("exact", {"padding": "same"}, *WEIGHTS, Call(INPUTS))
    expected = fast_impl.conv2d_transpose(INPUTS, KERNEL, padding="same") + 1
    np.testing.assert_array_equal(called.value, expected)


def test_what_a_framework_says_it_does_not_support_is_unsupported() -> None:
    *_, called = _outcomes("natural", {"padding": "same"}, *WEIGHTS, Call(INPUTS))
    assert called.unsupported == "same is not supported"


#: How frameworks refuse images without rows, columns or channels.
EMPTY = (
    "Given transposed=1, expected weight to be at least 1 at dimension 0",
    "Computed output dimension is <= 0",
    "Dimension -1 must be >= 0 [Op:Conv2DBackpropInput]",
    "Computed output shape is inconsistent with input spatial dimensions. output_padding (1) may be too large for "
    "stride (2). Expected input size 1 but got 0.",
)


@pytest.mark.parametrize("message", EMPTY)
def test_what_an_image_without_rows_is_refused_by_is_unsupported(message: str) -> None:
    assert isinstance(translated(RuntimeError(message), (RuntimeError,)), Unsupported)


#: How frameworks say of other things that they do not have them.
WORDS = (
    "Could not locate class 'LeakyReLU'. Make sure custom classes and functions are decorated with",
    "Exception from src/inference/src/dev/plugin.cpp:54:\ncould not create a primitive descriptor for the",
    "Argument `name` must be a string and cannot contain character `/`. Received: name=two/three",
    "Expected floating point type, got <dtype: 'int32'>.",
    "Invalid tensor size.",
    "<class 'keras.src.initializers.constant_initializers.Ones'> could not be deserialized properly.",
    "Expected `name` argument to be a string, but got: 3",
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already built.",
    "Input 'out_backprop' of 'Conv2DBackpropInput' Op has type int32 that does not match type float32 of argument "
    "'filter'.",
    "dtype argument to `uniform` must be a float dtype, got int32",
    "Unable to convert type dtype(bfloat16) into TensorProto element type.",
    "Only Tensors of floating point and complex dtype can require gradients",
    "Incompatible type conversion requested to type int32 for `tf.Variable of type float32.",
    "lax.conv_general_dilated requires arguments to have the same dtypes, got int32, float32.",
    "Need minval < maxval, got 0 >= 0 [Op:StatelessRandomUniformIntV2] name:",
)


@pytest.mark.parametrize("message", WORDS)
def test_what_a_framework_does_not_have_in_its_own_words_is_unsupported(message: str) -> None:
    assert isinstance(translated(ValueError(message), ()), Unsupported)


def test_of_a_long_message_the_line_is_told_that_says_it() -> None:
    message = 'in user code:\n    File "layer.py", line 7\n\n    No int32 is supported.\nat the end'
    assert str(translated(ValueError(message), ())) == "No int32 is supported."


def test_what_a_framework_refuses_so_is_a_refusal_where_one_is_wanted() -> None:
    *_, called = _outcomes("natural", {"padding": "same"}, *WEIGHTS, Call(INPUTS))
    assert (called.refusal.name, called.refusal.moment) == ("ArithmeticError", "call")


def test_what_the_suite_cannot_ask_is_no_refusal() -> None:
    *_, called = _outcomes("natural", {"strides": [1, 2, 3]}, *WEIGHTS, Call(INPUTS))
    assert (called.unsupported is not None, called.refusal) == (True, None)


def test_a_size_that_is_not_as_expected_is_no_lack() -> None:
    message = "Expected input size 3 but got 2."
    assert isinstance(translated(RuntimeError(message), (RuntimeError,)), ValueError)


def test_a_refusal_keeps_its_name_and_is_python_s_too() -> None:
    *_, called = _outcomes("natural", {}, WEIGHTS[0], SetWeights((KERNEL,)), Call(INPUTS))
    assert called.error.types[:2] == ("ArithmeticError", "ValueError")


def test_a_lack_of_memory_is_python_s_memory_error() -> None:
    error = translated(RuntimeError("failed to allocate 8 bytes"), (RuntimeError,))
    assert isinstance(error, MemoryError)


def test_an_error_that_is_no_refusal_stays_what_it_is() -> None:
    error = RuntimeError("internal error")
    assert translated(error, (TypeError,)) is error


def test_gradients_are_those_of_inputs_kernel_and_bias() -> None:
    upstream = np.ones((1, 4, 4, 2), np.float32)
    *_, found = _outcomes("exact", {}, *WEIGHTS, Gradients(INPUTS, upstream))
    assert [array.shape for array in found.value] == [INPUTS.shape, KERNEL.shape, (2,)]


def test_without_a_bias_its_gradient_is_none() -> None:
    upstream = np.ones((1, 4, 4, 2), np.float32)
    steps = (WEIGHTS[0], SetWeights((KERNEL,)), Gradients(INPUTS, upstream))
    *_, found = _outcomes("exact", {"use_bias": False}, *steps)
    assert found.value[2] is None


def test_an_operation_has_no_losses() -> None:
    (found,) = _outcomes("exact", {}, Losses())
    assert found.unsupported == "a bare function has no 'losses': only a layer (a class) does"


@pytest.mark.parametrize(
    "arguments", [{"padding": "causal"}, {"data_format": "NHWC"}, {"strides": [1, 2, 3]}]
)
def test_arguments_that_no_operation_can_be_asked_about_are_unsupported(
    arguments: dict[str, Any],
) -> None:
    *_, called = _outcomes("exact", arguments, *WEIGHTS, Call(INPUTS))
    assert called.unsupported.startswith("a bare operation")


def test_a_script_of_a_finding_calls_the_operation() -> None:
    case = Case(
        "geometry", {"filters": 2, "kernel_size": [3, 2], "strides": 2}, (*WEIGHTS, Call(INPUTS))
    )
    script = script_for("torch", "exact", case, Mismatch("wrong", 1, 2, 2), is_command=False)
    assert "conv2d_transpose = frameworks.driver('torch', 'exact')" in script
    assert "print(conv2d_transpose(" in script


@pytest.mark.parametrize(
    ("name", "keras", "told"),
    [
        ("keras@jax", "2.15.0", "not installed: this is Keras 2.15.0; pip install keras jax"),
        ("keras@jax", "3.15.1", None),
        ("tf.keras", "2.15.0", None),
        (
            "tflite",
            "3.15.1",
            "not installed: tf.keras is Keras 3.15.1 here; pip install --no-deps tf-keras",
        ),
    ],
)
def test_a_framework_needs_its_own_keras(
    name: str, keras: str, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        frameworks.importlib.util,
        "find_spec",
        lambda module: None if module == "tf_keras" else ModuleSpec(module, None, origin="here"),
    )
    monkeypatch.setattr(frameworks.importlib.metadata, "version", lambda _: keras)
    assert frameworks.FRAMEWORKS[name].missing == told


def test_a_folder_of_its_name_is_no_framework(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "torch").mkdir()  # as of `conformance run --subject torch --out torch`
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert frameworks.FRAMEWORKS["torch"].missing == "not installed: pip install torch"


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No framework is installed here, and the user's cache is empty."""
    monkeypatch.setattr(frameworks.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(node, "folders", list)
    monkeypatch.setattr(environments.platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("nothing_installed")
def test_a_framework_that_is_not_installed_says_what_installs_it() -> None:
    wanted = "not installed: pip install keras jax; .* conformance subjects install keras@jax"
    with pytest.raises(LoadError, match=wanted):
        resolve("keras@jax:exact", 1.0)


@pytest.mark.usefixtures("nothing_installed")
def test_a_device_that_is_not_there_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "_ACCELERATORS", ())
    with pytest.raises(LoadError, match="absent: no GPU driver is loaded here"):
        resolve("torch@cuda", 1.0)


def _installed(spec: str, cache: Path) -> None:
    (cache / spec.replace("@", "-")).mkdir()
    details = json.dumps({"spec": spec})
    (cache / spec.replace("@", "-") / "complete.json").write_text(details, encoding="utf-8")


def test_an_environment_of_its_own_is_used_where_nothing_is_installed_here(
    nothing_installed: Path,
) -> None:
    _installed("keras@jax", nothing_installed)
    python, _, forced = environments.worker("keras@jax")
    assert python.startswith(str(nothing_installed / "keras-jax"))
    assert forced["PYTHONPATH"] == ""


def test_installed_environments_are_listed_by_what_installs_them(nothing_installed: Path) -> None:
    for spec in ("keras@jax", "torch@2.13.0"):
        _installed(spec, nothing_installed)
    assert environments.installed() == ("keras@jax", "torch@2.13.0")


@pytest.mark.parametrize(
    ("spec", "requirements"),
    [
        ("torch", ("torch",)),
        ("torch@2.13.0", ("torch==2.13.0",)),
        ("keras@torch@3.15.1:exact", ("keras==3.15.1", "torch")),
        ("tflite", ("tensorflow-cpu==2.15.1", "numpy<2")),
        ("tf.keras@2.21.0", ("tensorflow-cpu==2.21.0",)),
    ],
)
def test_an_environment_gets_the_framework_in_its_version(
    spec: str, requirements: tuple[str, ...]
) -> None:
    assert environments.release(spec).requirements == requirements


def test_packages_of_npm_come_in_one_version() -> None:
    assert environments.release("tfjs@wasm@4.22.0").packages == (
        "@tensorflow/tfjs@4.22.0",
        "@tensorflow/tfjs-backend-wasm@4.22.0",
    )


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """TensorFlow.js 9.8.7 lies where NODE_PATH leads, and there is Node.js."""
    place = tmp_path / "lib" / "@tensorflow" / "tfjs"
    place.mkdir(parents=True)
    (place / "package.json").write_text('{"version": "9.8.7"}', "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "lib"))
    monkeypatch.setattr(node.shutil, "which", lambda name: f"/bin/{name}")
    return place


@pytest.mark.usefixtures("package")
def test_a_package_of_npm_is_found_with_its_version() -> None:
    found = frameworks.FRAMEWORKS["tfjs"]
    assert (found.missing, found.version) == (None, "9.8.7")


@pytest.mark.usefixtures("package")
def test_a_missing_package_of_npm_says_what_installs_it() -> None:
    assert frameworks.FRAMEWORKS["tfjs@wasm"].missing == (
        "not installed: npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm"
    )


@pytest.mark.usefixtures("package")
def test_without_node_its_packages_are_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.shutil, "which", lambda _: None)
    assert frameworks.FRAMEWORKS["tfjs"].missing == (
        "not installed: needs Node.js, and npm install @tensorflow/tfjs"
    )


def test_an_environment_with_packages_needs_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.shutil, "which", lambda _: None)
    with pytest.raises(
        environments.InstallError, match=r"tfjs: the program npm .* not on the PATH"
    ):
        environments.install("tfjs", None, lambda _: None)


def test_a_worker_finds_the_packages_of_its_environment(nothing_installed: Path) -> None:
    _installed("tfjs", nothing_installed)
    _, _, forced = environments.worker("tfjs")
    assert forced["NODE_PATH"] == str(nothing_installed / "tfjs" / "node_modules")


def test_a_worker_s_code_has_the_program_for_node(tmp_path: Path) -> None:
    copied = environments.copy_code(tmp_path)
    assert (copied / "conformance" / "subjects" / "frameworks" / "tfjs.js").is_file()


#: Stands in for Node.js: it answers as told, one line for a line.
_ANSWERS = """#!{python}
import sys
for answer, line in zip({answers!r}, sys.stdin):
    print(answer, flush=True)
"""


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """TensorFlow.js whose process gives these answers and ends."""

    def with_answers(*answers: str) -> Any:
        program = tmp_path / "node"
        program.write_text(_ANSWERS.format(python=sys.executable, answers=answers), "utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(node, "program", lambda _: str(program))
        return frameworks.driver("tfjs", "exact")

    return with_answers


def test_a_process_of_node_that_ends_is_an_error_of_the_call(answering: Any) -> None:
    with pytest.raises(RuntimeError, match=r"the process of Node\.js ended with status 0"):
        answering().versions()


def test_after_a_trap_the_process_is_started_anew(answering: Any) -> None:
    driver = answering('{"error": "divide by zero", "isLast": true}')
    for _ in range(2):
        with pytest.raises(Exception, match="divide by zero"):
            driver.versions()


def test_a_tensor_of_another_dtype_is_not_asked_for() -> None:
    with pytest.raises(Unsupported, match="has no dtype float64"):
        frameworks.driver("tfjs", "exact").tensor(np.zeros(1))  # type: ignore[attr-defined]


def test_a_subject_for_each_way_has_the_name_that_the_user_gave(
    nothing_installed: Path,
) -> None:
    _installed("torch@2.13.0", nothing_installed)
    subjects = resolve("old=torch@2.13.0", 1.0)
    assert [(subject.name, subject.mode) for subject in subjects] == [
        ("old", "natural"),
        ("old", "exact"),
    ]


#: Each framework that can stand beside others in a process.
OPERATIONS = ("torch", "jax", "onnxruntime", "onnx-reference", "openvino", "tfjs")
CASES: tuple[dict[str, Any], ...] = (
    {"strides": (2, 1), "padding": "same"},
    {"strides": (1, 3), "padding": "valid", "data_format": "channels_first"},
    {"strides": (4, 3), "padding": "same", "output_padding": (2, 1)},
    {"padding": "same", "dilation_rate": 2},
)


def _needs(name: str) -> None:
    """Skip the test where a framework is missing."""
    missing = frameworks.FRAMEWORKS[name].missing
    if missing:
        pytest.skip(f"{name} is {missing}")


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_exact_way_is_the_layer_of_the_page(name: str, options: dict[str, Any]) -> None:
    _needs(name)
    if name == "tfjs" and "dilation_rate" in options:
        pytest.skip("tfjs has no dilation")
    first = options.get("data_format") == "channels_first"
    inputs = position_coded((2, 1, 4, 3) if first else (2, 4, 3, 1))
    bias = np.array([5.0, -7.0], np.float32)
    found = frameworks.driver(name, "exact")(inputs, KERNEL, **options, bias=bias)  # type: ignore[operator]
    expected = fast_impl.conv2d_transpose(inputs, KERNEL, **options, bias=bias)
    np.testing.assert_array_equal(found, expected)


EMPTY_IMAGES = [{"strides": (3, 2)}, {"strides": (3, 2), "padding": "same"}, {"strides": 1}]


@pytest.mark.parametrize("options", EMPTY_IMAGES)
@pytest.mark.parametrize("shape", [(1, 0, 3, 1), (2, 2, 0, 1), (1, 0, 0, 1)])
def test_the_exact_way_of_jax_makes_nothing_of_empty_images(
    shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    _needs("jax")
    inputs = np.ones(shape, np.float32)
    found = frameworks.driver("jax", "exact")(inputs, KERNEL, **options)  # type: ignore[operator]
    np.testing.assert_array_equal(found, fast_impl.conv2d_transpose(inputs, KERNEL, **options))


def _seen(spec: str, *cases: Case) -> Iterator[Observation]:
    """Yield what a framework's layer does with the cases; skip the test where the framework is missing."""
    _needs(spec.partition(":")[0])
    (subject,) = resolve(spec, 60.0)
    try:
        yield from map(subject.observe, cases)
    finally:
        subject.close()


@pytest.mark.parametrize("options", EMPTY_IMAGES)
@pytest.mark.parametrize("name", ["tf.keras", "keras@numpy", "keras@jax"])
def test_the_exact_layers_make_nothing_of_empty_images(name: str, options: dict[str, Any]) -> None:
    inputs = np.ones((1, 0, 3, 1), np.float32)
    arguments = {"filters": 2, "kernel_size": (3, 2), "use_bias": False, **options}
    case = Case("any", arguments, (WEIGHTS[0], SetWeights((KERNEL,)), Call(inputs)))
    (seen,) = _seen(f"{name}:exact", case)
    expected = fast_impl.conv2d_transpose(inputs, KERNEL, **options)
    np.testing.assert_array_equal(seen.outcomes[-1].value, expected)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"strides": (2.0, 2.0)}, "TypeError"),
        ({"padding": ["same"]}, "AssertionError"),
        ({"output_padding": (0.5, 1)}, "TypeError"),
        ({"padding": "same", "output_padding": 0}, "InvalidArgumentError"),
    ],
)
def test_the_exact_layer_of_tf_keras_refuses_what_its_own_does(
    wrong: dict[str, Any], error: str
) -> None:
    arguments = {"filters": 2, "kernel_size": (3, 2), "strides": 2, **wrong}
    (seen,) = _seen("tf.keras:exact", Case("any", arguments, (Call(INPUTS),)))
    assert seen.outcomes[0].error.types[0] == error


@pytest.mark.parametrize("name", ["torch", "jax", "openvino"])
def test_bfloat16_comes_out_as_it_went_in(name: str) -> None:
    _needs(name)
    dtype = dtype_of("bfloat16")
    inputs, kernel = (array.astype(dtype) for array in (INPUTS, KERNEL[..., :1]))
    options = {"strides": (2, 1), "padding": "same"}
    found = frameworks.driver(name, "exact")(inputs, kernel, **options)  # type: ignore[operator]
    assert (found.dtype, found.shape) == (dtype, (1, 4, 3, 2))
    expected = fast_impl.conv2d_transpose(inputs, kernel, **options)
    np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_unsupported_is_what_an_operation_without_gradients_says() -> None:
    with pytest.raises(Unsupported, match="has no gradients"):
        Operation.derivatives(Numpy("exact"), lambda: None, [], None)


@pytest.fixture(scope="module")
def of_keras_2() -> Any:
    """Asks tf.keras in a process of its own."""
    _needs("tf.keras")
    (subject,) = resolve("tf.keras:natural", 60.0)
    yield subject
    subject.close()


def test_a_layer_of_keras_2_is_not_asked_for_what_v1_s_has(of_keras_2: Any) -> None:
    plain = {"filters": 1, "kernel_size": 1}
    called = of_keras_2.observe(Case("methods", plain, (Call(INPUTS, via="apply"), Call(INPUTS))))
    scoped = of_keras_2.observe(Case("scopes", {**plain, "_scope": "known"}, ()))
    assert [outcome.unsupported for outcome in (*called.outcomes, scoped.constructed)] == [
        "the class has no 'apply'",
        None,
        "the constructor takes no _scope",
    ]


def test_a_converted_model_is_not_given_the_suite_s_own_functions() -> None:
    plain = {"filters": 2, "kernel_size": (3, 2)}
    cases = (
        Case("any", {**plain, "activation": one}, (*WEIGHTS, Call(INPUTS)))
        for one in ({"function": "twins"}, "relu")
    )
    own, named = _seen("tflite:exact", *cases)
    assert "calls no function of Python" in own.constructed.unsupported
    bias = np.ones(2, np.float32)
    expected = np.maximum(fast_impl.conv2d_transpose(INPUTS, KERNEL, bias=bias), 0)
    np.testing.assert_array_equal(named.outcomes[-1].value, expected)


@pytest.mark.parametrize("backend", ["numpy", "jax", "torch", "tensorflow"])
def test_a_layer_of_keras_3_is_called_on_every_backend(backend: str) -> None:
    arguments = {"filters": 2, "kernel_size": (3, 2), "padding": "same"}
    gradients = Gradients(INPUTS, np.ones((1, 2, 3, 2), np.float32))
    case = Case("any", arguments, (*WEIGHTS, Call(INPUTS), gradients))
    (seen,) = _seen(f"keras@{backend}:natural", case)
    *_, called, derived = seen.outcomes
    assert called.error is None
    assert called.modified == ()
    # NumPy has none: unsupported. PyTorch refuses a permuted kernel's (docs/frameworks.md).
    refused = derived.error is not None and "grad_weight needs to be contiguous" in str(
        derived.error
    )
    assert derived.error is None or (backend, refused) == ("torch", True)
    expected = fast_impl.conv2d_transpose(
        INPUTS, KERNEL, padding="same", bias=np.ones(2, np.float32)
    )
    np.testing.assert_array_equal(called.value, expected)


def test_jax_is_told_to_forget_what_it_has_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[None] = []
    made = SimpleNamespace(clear_caches=lambda: forgotten.append(None))
    monkeypatch.setitem(sys.modules, "jax", made)
    forgetting = Forgetting()
    for _ in range(3 * KEPT - 1):
        forgetting.count()
    assert len(forgotten) == 2


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_a_weight_without_a_penalty_has_no_gradient_of_one(backend: str) -> None:
    arguments = {"filters": 2, "kernel_size": (3, 2), "kernel_regularizer": "l2"}
    case = Case("any", arguments, (*WEIGHTS, LossGradients()))
    (seen,) = _seen(f"keras@{backend}:natural", case)
    by_kernel, by_bias = seen.outcomes[-1].value
    np.testing.assert_allclose(by_kernel, 0.02 * KERNEL, rtol=1e-6)
    assert by_bias is None


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_a_loss_of_bfloat16_is_read(backend: str) -> None:
    arguments = {"filters": 2, "kernel_size": (3, 2), "kernel_regularizer": "l2"}
    case = Case("any", {**arguments, "dtype": "bfloat16"}, (WEIGHTS[0], Losses()))
    (seen,) = _seen(f"keras@{backend}:natural", case)
    (loss,) = seen.outcomes[-1].value
    assert (loss.dtype, loss.shape) == (dtype_of("bfloat16"), ())


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_after_gradients_a_layer_of_keras_3_has_the_losses_of_its_call(backend: str) -> None:
    arguments = {"filters": 2, "kernel_size": (3, 2), "activity_regularizer": "l2"}
    gradients = Gradients(INPUTS, np.ones((1, 4, 4, 2), np.float32))
    case = Case("any", arguments, (*WEIGHTS, Call(INPUTS), Losses(), gradients, Losses()))
    (seen,) = _seen(f"keras@{backend}:natural", case)
    before, after = (seen.outcomes[place].value for place in (3, 5))
    assert len(after) == 1
    np.testing.assert_array_equal(after, before)
