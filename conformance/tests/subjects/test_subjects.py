"""Subjects: what a class or a function lacks, how processes end, and who is TensorFlow."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.model.case import Case
from conformance.model.named import literal
from conformance.model.named import resolve as resolved
from conformance.model.observation import Outcome
from conformance.model.steps import Build, Call, GetWeights, RoundTrip, SetWeights
from conformance.subjects import LoadError, resolve
from conformance.subjects.backend import observe
from conformance.subjects.layer import FunctionBackend, LayerBackend
from conformance.subjects.loading import is_tensorflow
from conformance.subjects.processes.process import Broken, LineProcess
from conformance.subjects.tensorflow import parse


class Few:
    """A layer with some of the page's arguments."""

    def __init__(self, filters: Any, kernel_size: Any) -> None:
        self.filters = filters

    def __call__(self, inputs: Any) -> Any:
        return inputs


class Takes(Few):
    """A layer that takes whatever is given."""

    def __init__(self, filters: Any, **others: Any) -> None:
        super().__init__(filters, 1)


INPUTS = np.ones((1, 1, 1, 1), np.float32)


def _constructed(layer: type, **arguments: Any) -> Outcome:
    return observe(
        Case("geometry", {"filters": 1, **arguments}, ()), LayerBackend(layer)
    ).constructed


@pytest.mark.parametrize("name", ["strides", "dilation_rate", "dtype", "_reuse"])
def test_an_argument_that_a_class_does_not_take_is_unsupported(name: str) -> None:
    assert (
        _constructed(Few, kernel_size=1, **{name: 2}).unsupported
        == f"the constructor takes no {name}"
    )


def test_an_argument_that_no_layer_takes_is_the_class_s_own_error() -> None:
    error = _constructed(Few, kernel_size=1, colour="red").error
    assert error is not None
    assert error.name == "TypeError"


def test_a_class_that_takes_anything_lacks_nothing() -> None:
    made = _constructed(Takes, kernel_size=1, strides=2)
    assert (made.error, made.unsupported) == (None, None)


class Empties(Takes):
    """A layer that empties a configuration that it is given."""

    def __init__(self, filters: Any, **others: Any) -> None:
        super().__init__(filters)
        others["activation"]["config"].clear()


def test_a_configuration_that_the_constructor_writes_into_is_told_and_the_case_is_left_alone() -> (
    None
):
    relu = {"class_name": "ReLU", "config": {"max_value": 6.0}}
    outcome = _constructed(Empties, activation=relu)
    assert (outcome.modified, relu["config"]) == (("activation",), {"max_value": 6.0})


def test_an_array_in_a_list_of_arguments_is_the_layer_s_own() -> None:
    kernel = np.ones((1, 1, 1, 1), np.float32)
    given = resolved([kernel])
    given[0][...] = 0
    assert kernel.item() == 1


def test_what_a_class_has_not_got_is_unsupported() -> None:
    case = Case("geometry", {"filters": 1, "kernel_size": 1}, (GetWeights(),))
    (outcome,) = observe(case, LayerBackend(Few)).outcomes
    assert outcome.unsupported == "the class has no 'kernel'"


def test_what_a_function_does_not_take_is_named_before_it_is_resolved() -> None:
    arguments = {"filters": 1, "kernel_size": 1, "activation": literal("tf.nn.relu")}
    made = observe(Case("any", arguments, ()), FunctionBackend(max)).constructed
    assert made.unsupported == "a bare function takes no activation: only a layer (a class) does"


def test_a_function_without_a_signature_is_called() -> None:
    # Many functions written in C have none; this one takes what it is given.
    steps = (SetWeights((INPUTS,)), Call(INPUTS))
    case = Case("geometry", {"filters": 1, "kernel_size": 1}, steps)
    outcome = observe(case, FunctionBackend(max)).outcomes[1]
    assert outcome.unsupported is None


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("tensorflow", True),
        ("tensorflow@2.9.3", True),
        ("tensorflow_layer.py:Layer", False),
        ("mine:tensorflow", False),
        ("tensorflow_addons.layers:Layer", False),
    ],
)
def test_who_is_tensorflow(spec: str, wanted: bool) -> None:
    assert is_tensorflow(spec) is wanted


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_the_program_of_a_wrapper_ends_with_it() -> None:
    inner = "import os, sys; print([os.getpid()], flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    process = LineProcess([sys.executable, "-c", outer], os.environ)
    try:
        with pytest.raises(Broken, match="no object") as told:
            process.ask({}, 60)
    finally:
        started = time.monotonic()
        process.kill()
    (pid,) = map(int, re.findall(r"\[(\d+)\]", str(told.value)))
    # The system may take a moment to end it.
    while _is_alive(pid) and time.monotonic() - started < 5:
        time.sleep(0.01)
    assert not _is_alive(pid)


def test_a_program_that_does_not_read_is_not_waited_for() -> None:
    process = LineProcess([sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
    try:
        with pytest.raises(Broken, match=r"no answer within 0\.2 seconds"):
            process.ask({"long": "x" * 5_000_000}, 0.2)
    finally:
        process.kill()


def test_without_process_groups_a_worker_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("conformance.subjects.processes.process.HAS_GROUPS", False)
    with pytest.raises(LoadError, match="'JSONDecoder': subjects run in processes of their own"):
        resolve("mine=json:JSONDecoder", 5)


class _PassesOn:
    """A constructor that takes everything and hands it to a base that does not."""

    def __init__(self, *args, **kwargs):
        def base(filters, kernel_size, strides=(1, 1)):
            return filters, kernel_size, strides

        base(*args, **kwargs)


class _SaysLikeKeras:
    def __init__(self, filters, kernel_size, **kwargs):
        raise ValueError(f"Unrecognized keyword arguments passed to Conv2DTranspose: {kwargs}")


@pytest.mark.parametrize("layer", [_PassesOn, _SaysLikeKeras])
def test_a_keyword_that_a_constructor_passes_on_in_vain_is_unsupported(layer: type) -> None:
    case = Case("geometry", {"filters": 1, "kernel_size": 1, "kernel_regularizer": "l2"}, ())
    outcome = observe(case, LayerBackend(layer)).constructed
    assert (outcome.error, outcome.unsupported) == (
        None,
        "the constructor takes no kernel_regularizer",
    )


def test_a_keyword_of_no_layer_is_refused_by_right() -> None:
    case = Case("arguments", {"filters": 1, "kernel_size": 1, "dilations": 2}, ())
    error = observe(case, LayerBackend(_PassesOn)).constructed.error
    assert error is not None
    assert error.name == "TypeError"


def test_a_keyword_that_the_case_does_not_give_is_the_layer_s_own_error() -> None:
    class Wrong:
        def __init__(self, **kwargs):
            raise TypeError("base() got an unexpected keyword argument 'strides'")

    case = Case("geometry", {"filters": 1, "kernel_size": 1}, ())
    assert observe(case, LayerBackend(Wrong)).constructed.error is not None


@pytest.mark.parametrize("name", ["strides", "dilation_rate", "output_padding"])
def test_a_function_is_given_one_number_as_a_pair(name: str) -> None:
    got: dict[str, Any] = {}

    def function(
        x: Any, w: Any, strides: Any, padding: Any, layout: Any, *, bias: Any = None,
        dilation_rate: Any = None, output_padding: Any = None,
    ) -> Any:  # fmt: skip
        got.update(strides=strides, dilation_rate=dilation_rate, output_padding=output_padding)
        return x

    steps = (SetWeights((np.ones((1, 1, 1, 1), np.float32),)), Call(INPUTS))
    case = Case("geometry", {"filters": 1, "kernel_size": 1, name: 2}, steps)
    observe(case, FunctionBackend(function))
    assert got[name] == (2, 2)


@pytest.mark.parametrize(
    ("spec", "meant"),
    {
        "tensorflow": ("tensorflow", ("eager", "graph")),
        "tensorflow:v1": ("tensorflow", ("v1",)),
        "tensorflow@2.9.3": ("tensorflow@2.9.3", ("eager", "graph")),
        "tensorflow@2.9.3:graph": ("tensorflow@2.9.3", ("graph",)),
        "tensorflow@2.9.3:v3": None,
        "tensorflow:compat.v1.layers.Conv2DTranspose": None,
        "tensorflow.keras.layers:Conv2DTranspose": None,
    }.items(),
)
def test_tensorflow_is_named_by_release_and_mode(spec: str, meant: Any) -> None:
    assert parse(spec) == meant


def test_an_unknown_mode_of_a_release_is_refused_with_the_modes() -> None:
    with pytest.raises(LoadError, match="the modes of TensorFlow are eager, graph, v1"):
        resolve("tensorflow@2.9.3:v3", 1.0)


def test_a_method_of_a_framework_s_module_is_not_the_page_s() -> None:
    class Module(fast_impl.Conv2DTranspose):
        def apply(self, fn):  # type: ignore[no-untyped-def, override]
            return fn(self)

    Module.apply.__module__ = "torch.nn.modules.module"
    inputs = np.ones((1, 2, 2, 1), np.float32)
    case = Case("any", {"filters": 1, "kernel_size": 1}, (Call(inputs, via="apply"),))
    (called,) = observe(case, LayerBackend(Module)).outcomes
    assert called.unsupported == "the class has no 'apply': that of torch means something else"


class Proxy:
    """It has what its layer has; its class has nothing."""

    def __init__(self, **arguments: Any) -> None:
        self._layer = fast_impl.Conv2DTranspose(**arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


def test_a_class_that_cannot_be_made_of_a_configuration_has_no_round_trip() -> None:
    case = Case("any", {"filters": 1, "kernel_size": 1}, (RoundTrip(),))
    (tripped,) = observe(case, LayerBackend(Proxy)).outcomes
    assert tripped.unsupported == "the class has no 'from_config'"


class WithoutBias:
    """A layer that has no bias, and so no word for it."""

    def __init__(self, filters: Any, kernel_size: Any) -> None:
        self._layer = fast_impl.Conv2DTranspose(filters, kernel_size, use_bias=False)

    def build(self, input_shape: Any) -> None:
        self._layer.build(input_shape)

    def set_weights(self, weights: Any) -> None:
        (kernel,) = weights
        self._layer.set_weights([kernel])

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)


class WithBias(WithoutBias):
    """The same with a bias that nobody can leave out."""

    bias = None


def _weighted(layer: type, *weights: Any, **arguments: Any) -> Any:
    given = {"filters": 1, "kernel_size": 1, **arguments}
    inputs = np.ones((1, 2, 2, 1), np.float32)
    case = Case("any", given, (Build(inputs.shape), SetWeights(weights), Call(inputs)))
    return observe(case, LayerBackend(layer))


KERNEL, BIAS = np.full((1, 1, 1, 1), 3, np.float32), np.ones(1, np.float32)


def test_a_layer_that_has_no_bias_is_one_without_a_bias() -> None:
    *_, called = _weighted(WithoutBias, KERNEL, use_bias=False).outcomes
    assert np.all(called.value == 3)


def test_a_layer_that_has_no_bias_is_not_given_one() -> None:
    _, given, _ = _weighted(WithoutBias, KERNEL, BIAS).outcomes
    assert given.unsupported == "the layer has no bias, and its constructor no use_bias"


def test_a_layer_that_always_has_a_bias_is_not_one_without() -> None:
    seen = _weighted(WithBias, KERNEL, use_bias=False)
    assert seen.constructed.unsupported == "the constructor takes no use_bias"


class Hidden:
    """A layer with a bias that shows none of its weights, as one around a module of PyTorch."""

    def __init__(self, filters: Any, kernel_size: Any) -> None:
        self._layer = fast_impl.Conv2DTranspose(filters, kernel_size)

    def build(self, input_shape: Any) -> None:
        self._layer.build(input_shape)

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights([weights[0], weights[1]])

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)


def test_a_layer_that_shows_no_weights_may_have_a_bias() -> None:
    *_, called = _weighted(Hidden, KERNEL, BIAS).outcomes
    assert np.all(called.value == 4)


def test_a_layer_that_shows_no_weights_and_needs_two_is_not_one_without_a_bias() -> None:
    _, given, _ = _weighted(Hidden, KERNEL, use_bias=False).outcomes
    assert given.unsupported == "the constructor takes no use_bias"


class Shown(WithoutBias):
    """It shows its one weight, and looks at no other one that it is given."""

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights[:1])

    @property
    def kernel(self) -> Any:
        return self._layer.kernel


def test_a_layer_that_shows_a_kernel_alone_has_no_bias() -> None:
    _, given, _ = _weighted(Shown, KERNEL, BIAS).outcomes
    assert given.unsupported == "the layer has no bias, and its constructor no use_bias"


class WithALateBias(WithoutBias):
    """It has its bias when it is built."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.bias = BIAS


def test_a_bias_that_comes_late_is_one() -> None:
    _, given, _ = _weighted(WithALateBias, KERNEL, use_bias=False).outcomes
    assert given.unsupported == "the constructor takes no use_bias"
