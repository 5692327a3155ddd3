"""The script that a finding carries: paste it into Python, with nothing but the subject installed."""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np

from conformance.model import case as steps
from conformance.model.callables import named_function
from conformance.model.case import Case, Step
from conformance.model.codec import Array, Value
from conformance.model.literals import literal_text
from conformance.oracle.comparison import Mismatch, describe
from conformance.subjects.loading import ALGORITHM, LAYERS, is_tensorflow, load

#: Steps that later ones depend on; others are left out unless they are the one that failed.
_STATE = (
    steps.Build, steps.SetWeights, steps.Call, steps.Train, steps.Construct, steps.Use, steps.Invoke, steps.Assign,
    steps.RoundTrip, steps.Copy, steps.Enter, steps.Leave, steps.Seed, steps.OtherMode,
)  # fmt: skip
#: Steps about a further layer, which need the layers by name.
_NAMED = (steps.Construct, steps.Use, steps.SameWeights)


def script_for(spec: str, mode: str, case: Case, mismatch: Mismatch, *, is_command: bool) -> str:
    """Return source text that shows the finding.

    Args:
        spec: the subject as the user wrote it.
        mode: `eager` or `graph`.
        case: the smallest case.
        mismatch: what is wrong; its step is the last one in the script.
        is_command: whether `spec` is a program that speaks the process protocol.
    """
    if is_command:
        request = json.dumps({"kind": "case", "id": case.id, "case": case.to_json()})
        return f"echo {shlex.quote(request)} | {spec}\n"
    writer = _writer(spec, mode)
    lines = [*writer.head(), writer.construct(case)]
    if any(isinstance(step, _NAMED) for step in case.steps):
        lines.append('layers = {"layer": layer}')
    last = mismatch.step
    for index, step in enumerate(case.steps):
        if last is None or index > last:
            break
        if isinstance(step, _STATE) or index == last:
            lines += writer.step(step, show=index == last)
    verb = "raises:  " if _is_error(mismatch.got) else "got:     "
    lines += [f"# expected: {_comment(mismatch.expected)}", f"# {verb} {_comment(mismatch.got)}"]
    return "\n".join(line for line in lines if line) + "\n"


def _writer(spec: str, mode: str) -> _LayerWriter:
    if is_tensorflow(spec):
        return _GraphWriter(spec) if mode == "graph" else _TensorFlowWriter(spec)
    try:
        target = load(spec)
    except Exception:
        return _LayerWriter(spec)
    return _LayerWriter(spec) if isinstance(target, type) else _FunctionWriter(spec)


class _LayerWriter:
    """Lines for a class on NumPy arrays."""

    framework = "numpy"

    def __init__(self, spec: str) -> None:
        self.spec = spec

    def head(self) -> list[str]:
        return ["import numpy as np", "from numpy import inf, nan", *self._import()]

    def construct(self, case: Case) -> str:
        return f"layer = {self._name()}({self._arguments(case)})"

    def step(self, step: Step, *, show: bool) -> list[str]:
        statement = self._statement(step)
        if statement is not None:
            return [statement]
        text = self._expression(step)
        return [f"print({text})" if show else text]

    def _statement(self, step: Step) -> str | None:
        """Return the line of a step that changes what later lines speak about."""
        if isinstance(step, steps.Construct):
            given = [self._argument(value) for value in step.positional]
            given += [f"{name}={self._argument(v)}" for name, v in step.arguments.items()]
            return f"layer = layers[{step.layer!r}] = {self._name()}({', '.join(given)})"
        if isinstance(step, steps.Use):
            return f"layer = layers[{step.layer!r}]"
        if isinstance(step, steps.Assign):
            return f"layer.{step.attribute} = {self._argument(step.value)}"
        if isinstance(step, steps.RoundTrip):
            return (
                "config = layer.get_config(); layer = type(layer).from_config(config); "
                "print(config, layer.get_config(), sep='\\n')"
            )
        if isinstance(step, steps.Copy):
            how = (
                "copy.deepcopy(layer)"
                if step.how == "deepcopy"
                else "pickle.loads(pickle.dumps(layer))"
            )
            return f"import copy, pickle; layer = {how}"
        if isinstance(step, steps.Enter):
            given = [f"{name}={self._argument(v)}" for name, v in step.arguments.items()]
            return f"scope = tf.compat.v1.{step.scope}({', '.join(given)}); scope.__enter__()"
        if isinstance(step, steps.Leave):
            return "scope.__exit__(None, None, None)"
        if isinstance(step, steps.Seed):
            function = (
                "keras.utils.set_random_seed" if step.how == "framework" else "random.set_seed"
            )
            return f"tf.{function}({step.seed})"
        if isinstance(step, steps.OtherMode):
            return f"with tf.Graph().as_default(): {self._name()}(3, 2)"
        return None

    def _import(self) -> list[str]:
        if self.spec in LAYERS:
            return [f"from {LAYERS[self.spec]} import Conv2DTranspose"]
        if self.spec.startswith(ALGORITHM):
            found = load(self.spec)
            return [f"from {found.__module__} import {found.__qualname__} as Conv2DTranspose"]
        where, _, name = self.spec.rpartition(":")
        if where.endswith(".py"):
            return ["import runpy", f"{name} = runpy.run_path({where!r})[{name!r}]"]
        return [f"from {where} import {name.partition('.')[0]}"]

    def _name(self) -> str:
        built_in = self.spec in LAYERS or self.spec.startswith(ALGORITHM)
        return "Conv2DTranspose" if built_in else self.spec.rpartition(":")[2]

    def _arguments(self, case: Case) -> str:
        return ", ".join(f"{name}={self._argument(v)}" for name, v in case.arguments.items())

    def _argument(self, value: Value) -> str:
        expression = named_function(value)
        if expression is not None:
            return expression.source(self.framework)
        text = literal_text(value)
        if text is not None:
            return text
        if isinstance(value, np.ndarray):
            return array_text(value)
        if isinstance(value, (list, tuple)):
            items = ", ".join(self._argument(item) for item in value)
            return f"({items},)" if len(value) == 1 else f"({items})"
        return repr(value)

    def _expression(self, step: Step) -> str:
        if isinstance(step, steps.Build):
            return f"layer.build({step.input_shape})"
        if isinstance(step, steps.SetWeights):
            return f"layer.set_weights([{', '.join(map(array_text, step.values))}])"
        if isinstance(step, steps.GetWeights):
            return "layer.get_weights()"
        if isinstance(step, steps.Call):
            method = "layer" if step.via == "call" else f"layer.{step.via}"
            return f"{method}({self._tensor(step.inputs)})"
        if isinstance(step, steps.Losses):
            return "layer.losses"
        if isinstance(step, (steps.LossesFor, steps.UpdatesFor)):
            method = "get_losses_for" if isinstance(step, steps.LossesFor) else "get_updates_for"
            target = {"none": "None", "empty": "[]", "kernel": "layer.kernel", "bias": "layer.bias"}
            return f"layer.{method}({target.get(step.target, step.target)})"
        if isinstance(step, steps.ComputeOutputShape):
            return f"layer.compute_output_shape({step.input_shape})"
        if isinstance(step, steps.Gradients):
            return f"layer.gradients({array_text(step.inputs)}, {array_text(step.output_gradient)})"
        if isinstance(step, steps.Train):
            return (
                f"layer.apply_gradients(layer.gradients({array_text(step.inputs)}, "
                f"{array_text(step.output_gradient)})[1:], {step.learning_rate}) or layer.get_weights()"
            )
        if isinstance(step, steps.ConvolutionOp):
            kernel = "layer.kernel" if step.kernel is None else array_text(step.kernel)
            return f"layer.convolution_op({self._tensor(step.inputs)}, {kernel})"
        if isinstance(step, steps.Read):
            return f"layer.{step.attribute}"
        if isinstance(step, steps.Invoke):
            given = [self._argument(value) for value in step.arguments]
            given += [f"{name}={self._argument(v)}" for name, v in step.keywords.items()]
            method = "layer" if step.method == "call" else f"layer.{step.method}"
            return f"{method}({', '.join(given)})"
        if isinstance(step, steps.Example):
            before = "tf.compat.v1.layers.Conv2DTranspose(filters=3, kernel_size=3)"
            after = "tf.keras.layers.Conv2DTranspose(filters=3, kernels_size=3)"
            return before if step.which == "before" else after
        if isinstance(step, steps.SameWeights):
            return f"[a is b for a, b in zip(layer.weights, layers[{step.other!r}].weights)]"
        if isinstance(step, steps.Has):
            return f"[hasattr(layer, name) for name in {step.attributes!r}]"
        simple = {
            steps.Signature: f"__import__('inspect').signature({self._name()}.__init__)",
            steps.Bases: "type(layer).__mro__",
            steps.WeightNames: "[weight.name for weight in layer.weights]",
            steps.WeightTypes: "type(layer.kernel), type(layer.bias)",
        }
        if type(step) in simple:
            return simple[type(step)]
        if isinstance(step, steps.Collection):
            return f"tf.compat.v1.get_collection({step.name!r})"
        if isinstance(step, steps.StaticShape):
            return f"layer(tf.compat.v1.placeholder('float32', {step.input_shape})).shape"
        # The rest takes more than a line; the case itself does it.
        return repr(f"{steps.step_name(step)}: run it by `conformance replay` of this finding")

    def _tensor(self, array: Array) -> str:
        return array_text(array)


class _FunctionWriter(_LayerWriter):
    """Lines for a bare function."""

    def construct(self, case: Case) -> str:
        defaults = {"strides": (1, 1), "padding": "valid", "data_format": "channels_last"}
        values = {name: case.arguments.get(name, default) for name, default in defaults.items()}
        for name in ("dilation_rate", "output_padding"):
            if case.arguments.get(name) is not None:
                values[name] = case.arguments[name]
        listed = ", ".join(f"{k!r}: {self._argument(v)}" for k, v in values.items())
        return f"options = {{{listed}}}"

    def _expression(self, step: Step) -> str:
        if isinstance(step, steps.SetWeights):
            kernel, *bias = map(array_text, step.values)
            more = f"; options['bias'] = {bias[0]}" if bias else ""
            return f"kernel = {kernel}{more}"
        if isinstance(step, steps.Call):
            return f"{self._name()}({array_text(step.inputs)}, kernel, **options)"
        return ""


class _TensorFlowWriter(_LayerWriter):
    """Lines for TensorFlow in eager mode."""

    framework = "tensorflow"

    def head(self) -> list[str]:
        return [
            "import importlib.util, os",
            'os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"',
            # TensorFlow 2.16 and later need it for the v1 layer; 2.15 without tf_keras fails with it.
            'if importlib.util.find_spec("tf_keras"): os.environ["TF_USE_LEGACY_KERAS"] = "1"',
            "import numpy as np, tensorflow as tf",
            "from numpy import inf, nan",
        ]

    def _name(self) -> str:
        return "tf.compat.v1.layers.Conv2DTranspose"

    def _tensor(self, array: Array) -> str:
        return f"tf.constant({array_text(array)})"

    def step(self, step: Step, *, show: bool) -> list[str]:
        if isinstance(step, steps.Gradients):
            return [
                f"x, dy = {self._tensor(step.inputs)}, {array_text(step.output_gradient)}",
                "with tf.GradientTape() as tape:",
                "    tape.watch(x)",
                "    y = layer(x)",
                "print(tape.gradient(y, [x, *layer.weights], output_gradients=dy))",
            ]
        if isinstance(step, steps.Train):
            loss = f"tf.reduce_sum(layer({self._tensor(step.inputs)}) * {array_text(step.output_gradient)})"
            return [
                f"optimizer = tf.compat.v1.train.GradientDescentOptimizer({step.learning_rate})",
                f"optimizer.minimize(lambda: {loss}, var_list=layer.trainable_weights)",
                "print(layer.get_weights())" if show else "",
            ]
        return super().step(step, show=show)


class _GraphWriter(_TensorFlowWriter):
    """Lines for TensorFlow in graph mode, with a session."""

    def head(self) -> list[str]:
        return [
            *super().head(),
            "v1 = tf.compat.v1",
            "v1.disable_eager_execution()",
            "session = v1.Session()",
            "v1.keras.backend.set_session(session)",
        ]

    def step(self, step: Step, *, show: bool) -> list[str]:
        if isinstance(step, steps.Gradients):
            return [
                f"x, dy = {self._tensor(step.inputs)}, {self._tensor(step.output_gradient)}",
                "print(session.run(v1.gradients(layer(x), [x, *layer.weights], grad_ys=dy)))",
            ]
        if isinstance(step, steps.Train):
            loss = f"tf.reduce_sum(layer({self._tensor(step.inputs)}) * {array_text(step.output_gradient)})"
            return [
                f"optimizer = v1.train.GradientDescentOptimizer({step.learning_rate})",
                f"session.run(optimizer.minimize({loss}, var_list=layer.trainable_weights))",
                "print(session.run(layer.weights))" if show else "",
            ]
        text = self._statement(step) or self._expression(step)
        if isinstance(step, steps.Build):
            return [text, "session.run(v1.global_variables_initializer())"]
        if show and isinstance(step, (steps.Call, steps.ConvolutionOp, steps.Losses)):
            return [f"print(session.run({text}))"]
        return super().step(step, show=show)


def array_text(array: Array) -> str:
    """Return source text that makes the array, exactly."""
    name = array.dtype.name
    flat = array.reshape(-1)
    shaped = "" if array.ndim == 1 else f".reshape({', '.join(map(str, array.shape)) or '()'})"
    if name == "bfloat16":
        numbers = ", ".join(_number(float(v)) for v in flat)
        return f"np.array([{numbers}]){shaped}.astype(__import__('ml_dtypes').bfloat16)"
    is_real = array.dtype.kind in "iuf" and not (
        array.dtype.kind == "f" and np.signbit(flat[flat == 0]).any()
    )
    start = int(flat[0]) if is_real and flat.size > 3 and np.isfinite(flat[0]) else None
    if start is not None and np.array_equal(flat, np.arange(start, start + flat.size)):
        return f"np.arange({start}, {start + flat.size}, dtype={name!r}){shaped}"
    if start is not None and not flat.any():
        return f"np.zeros({array.shape}, {name!r})"
    numbers = ", ".join(_number(v) for v in flat)
    return f"np.array([{numbers}], dtype={name!r}){shaped}"


def _number(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    # str() of a NumPy scalar is the shortest text that gives the same number in its own dtype.
    text = str(value)
    return text[:-2] + "." if text.endswith(".0") else text


def _is_error(value: Value) -> bool:
    return isinstance(value, dict) and {"types", "message"} <= value.keys()


def _comment(value: Value) -> str:
    if _is_error(value):
        name, *_ = value["types"] or ("an exception",)
        told = str(value["message"] or "").strip().splitlines()[:1]
        return ": ".join([str(name), *told])
    if isinstance(value, np.ndarray) and value.size <= 24:
        return np.array2string(value, separator=", ", max_line_width=10**6).replace("\n", " ")
    return describe(value).replace("\n", " ")
