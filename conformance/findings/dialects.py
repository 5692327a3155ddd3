"""How a script spells the layer, its arguments and its steps: one dialect for each kind of subject."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.findings.arrays import array_text
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.named import texts_of
from conformance.model.values.codec import Array, Value
from conformance.subjects import frameworks, situations
from conformance.subjects.layer import LayerBackend
from conformance.subjects.loading import (
    ALGORITHM,
    BARE_LAYER,
    FUNCTION,
    LAYER,
    LAYERS,
    is_tensorflow,
    load,
)
from conformance.subjects.signatures import BY_NAME, OPTIONS, Taken, arguments_of, given_of

#: What Python writes into the name of a class that a function makes.
_LOCALS = "<locals>"

#: Situations in which the caller overwrites what it lent, and what it was given.
_OVERWRITING = (*situations.OVERWRITING, "results overwritten")


def words_of(spec: str, mode: str, driven_as: Any = LAYER) -> LayerWords:
    """Return the words for a subject, which is not loaded: its code is its own process's matter.

    Args:
        spec: the subject as the user wrote it.
        mode: `eager` or `graph`; the way of a framework.
        driven_as: what its process says of it (`conformance.subjects.loading.driven_as`).
    """
    if is_tensorflow(spec):
        return _TensorFlowWords(spec) if mode == "eager" else _GraphWords(spec, mode)
    chosen = frameworks.parse(spec)
    if chosen is not None:
        is_layer = chosen.framework.keras is not None
        return (_FrameworkLayerWords if is_layer else _FrameworkWords)(spec, mode)
    taken = driven_as.get(FUNCTION) if isinstance(driven_as, Mapping) else None
    if isinstance(taken, Mapping):
        return _FunctionWords(spec, taken)
    words = LayerWords(spec)
    if driven_as == BARE_LAYER:
        words.weights = "[layer.kernel, getattr(layer, 'bias', None)]"  # as the suite reads them
    return words


class LayerWords(steps.Words):
    """A class on NumPy arrays.

    A step is written by the method ``write_`` and its tag, where there is one, with the line that shows the
    result last; else as the step itself says.
    """

    #: What is around the text of a tensor to get at its numbers.
    computed = "{}"
    #: The name of the case's situation, and whether the subject's backend carries it out.
    situation: str | None = None
    takes_arrays = True
    #: How many arrays the present step has been given.
    _given = 0

    def __init__(self, spec: str) -> None:
        self.spec = spec
        built_in = spec in LAYERS or spec.startswith(ALGORITHM)
        self.layer_class = "Conv2DTranspose" if built_in else spec.rpartition(":")[2]
        if _LOCALS in spec:
            self.layer_class = spec.rpartition(".")[2]

    def head(self) -> list[str]:
        """Return the lines that a script begins with."""
        return ["import numpy as np", "from numpy import inf, nan", *self._import()]

    @property
    def reads_late(self) -> bool:
        """Whether what is shown is read when the last step is over."""
        return self.situation == "results kept"

    def overwrites(self, step: steps.Step) -> bool:
        """Whether the caller overwrites what the step gives, so that it matters though it only reads."""
        kept = ("results overwritten", "results given back")
        return self.situation in kept and step.tag in LayerBackend.GIVING

    def refills(self, step: steps.Step, shown: steps.Step) -> bool:
        """Whether `shown` is given again what the step was given, so that it matters though it only reads."""
        return self.situation == "arguments refilled" and type(step) is type(shown)

    def around(self) -> list[str]:
        """Return the lines that the situation needs: the functions by which it is carried out."""
        name = self.situation or ""
        functions: list[Callable[..., Any]] = [
            found[name] for found in (situations.PLACED, situations.CALLED) if name in found
        ]
        lines = ["from typing import Any", ""]
        if name.endswith("another call"):
            functions.insert(0, situations.amid_two_threads)
        elif name in _OVERWRITING:
            functions += [situations.overwrite, situations.noting]
            functions += [situations.read_only_view, situations.views] if self.reads_late else []
            lines += [
                "lent = []",
                "def lend(array):",
                "    lent.append(array)",
                "    return array",
                "",
            ]
        elif name == "arguments refilled":
            functions += [situations.refilled, situations.refilled_list]
            lines.append("kept = {}")
        elif name == "results given back":
            functions.append(situations.given_back)
            lines += [
                "results = []",
                "def keep(result):",
                "    results.extend(result if isinstance(result, (list, tuple)) else [result])",
                "",
            ]
        texts = [f"{inspect.getsource(function)}\n" for function in functions]
        return "".join(["\n".join([*lines, ""]), *texts]).split("\n")[:-1] if functions else []

    def at_the_end(self) -> list[str]:
        """Return the lines after the last step."""
        return ["print(shown)"] if self.reads_late else []

    def array(self, array: Array) -> str:
        return self._placed(array_text(array))

    def tensor(self, array: Array) -> str:
        return self._placed(array_text(array))

    def placed(self, text: str) -> str:
        place = situations.REPLACED.get(self.situation or "")
        return text if place is None else f"{place.__name__}({text})"

    def called(self, function: str, *arrays: str, others: Sequence[str] = ()) -> str:
        how = situations.CALLED.get(self.situation or "")
        if how is None or (self.situation in situations.OF_BATCHES and len(arrays) != 1):
            return super().called(function, *arrays, others=others)
        if others:
            function = f"lambda inputs: {super().called(function, 'inputs', others=others)}"
        return f"{how.__name__}({', '.join((function, *arrays))})"

    def _placed(self, text: str) -> str:
        place = situations.PLACED.get(self.situation or "")
        if place is not None:
            return f"{place.__name__}({text})"
        if self.situation == "arguments refilled":
            self._given += 1
            return f"refilled({text}, {self._given}, kept)"
        if self.situation == "results given back":
            return f"given_back({text}, results)"
        if self.reads_late:
            return f"read_only_view(lend({text}))"
        return f"lend({text})" if self.situation in situations.OVERWRITING else text

    def shape(self, shape: Sequence[int | None]) -> str:
        text = super().shape(shape)
        if self.situation == "arguments refilled":
            return f"refilled_list({text}, kept)"
        return f"lend(list({text}))" if self.situation in situations.OVERWRITING else text

    def value(self, value: Value) -> str:
        place = situations.PLACED.get(self.situation or "")
        text = super().value(value)
        return f"{place.__name__}({text})" if place and isinstance(value, np.ndarray) else text

    def argument(self, name: str, value: Value) -> str:
        is_overwritten = self.situation in situations.OVERWRITING
        if name == "weights" and isinstance(value, list) and value:
            text = f"({', '.join(map(self.value, value))},)"
            return f"(first := {text})" if is_overwritten else text
        text = self.value(value)
        if not is_overwritten:
            return text
        if name.endswith(situations.GIVING) and texts_of(value) is not None:
            return f"noting({text}, lent)"
        if name in situations.PAIRS and isinstance(value, list):
            return f"lend(list({text}))"
        return f"lend({text})" if isinstance(value, dict) and texts_of(value) is None else text

    def construct(self, case: Case) -> list[str]:
        """Return the lines that make the case's layer."""
        lines = [f"layer = {self.layer_class}({self.given((), case.arguments)})"]
        if self.situation in situations.OVERWRITING:
            lines.append("overwrite(lent)")
            lines += ["lent.append(first)"] * bool(case.arguments.get("weights"))
        if any(step.names_layers for step in case.steps):
            lines.append('layers = {"layer": layer}')
        return lines

    def lines(self, step: steps.Step, *, show: bool) -> list[str]:
        """Return the lines that do a step, and print its result where it is the one to `show`."""
        self._given = 0
        own = getattr(self, f"write_{step.tag}", None)
        if own is not None:
            found: list[str] = own(step)
            return found if show else found[:-1]
        after = ["overwrite(lent)"] if self.situation in situations.OVERWRITING else []
        if show and self.reads_late:
            return [f"shown = views({step.source(self)})", *after]
        if not show:
            text = step.source_between(self)
            if self.overwrites(step):
                function = "overwrite" if self.situation == "results overwritten" else "keep"
                after = [f"{function}({'outputs' if text.startswith('outputs = ') else text})"]
                return [*([text] if text.startswith("outputs = ") else []), *after]
            return [text, *after]
        text = step.source(self)
        if step.gives_tensors:
            text = self.computed.format(text)
        return [text if step.is_statement else f"print({text})"]

    def _import(self) -> list[str]:
        if self.spec in LAYERS:
            return [f"from {LAYERS[self.spec]} import Conv2DTranspose"]
        if self.spec.startswith(ALGORITHM):
            found = load(self.spec)
            return [f"from {found.__module__} import {found.__qualname__} as Conv2DTranspose"]
        where, _, name = self.spec.rpartition(":")
        if _LOCALS in name:
            function = name.partition(_LOCALS)[0].rstrip(".")
            place = f"{function} of {where}" if function else where
            return [f"# {self.layer_class} is made in {place}: paste this there"]
        if where.endswith(".py"):
            return ["import runpy", f"{name} = runpy.run_path({where!r})[{name!r}]"]
        return [f"from {where} import {name.partition('.')[0]}"]


class _FunctionWords(LayerWords):
    """A bare function.

    Args:
        spec: the subject as the user wrote it.
        taken: what it takes (`conformance.subjects.signatures`).
    """

    #: What stands behind the kernel in its calls.
    _rest = "**options"

    def __init__(self, spec: str, taken: Taken) -> None:
        super().__init__(spec)
        self._taken = taken

    def construct(self, case: Case) -> list[str]:
        given = {k: v for k, v in given_of(case.arguments).items() if k in self._taken}
        placed, named = arguments_of(self._taken, given)  # the weights are given call by call
        self._rest = ", ".join([*map(self.value, placed), "**options"])
        return [f"options = dict({self.given((), named)})"]

    def lines(self, step: steps.Step, *, show: bool) -> list[str]:
        if isinstance(step, steps.SetWeights):
            # The weights of a function are arguments of each call: copies, as the suite passes them.
            kernel, *bias = map(self.array, step.values)
            return [f"kernel = {kernel}", *(f"options['bias'] = {values}" for values in bias)]
        if not (show or self.situation is not None):
            return []
        if isinstance(step, steps.Gradients):
            given = {"inputs": step.inputs, "output_gradient": step.output_gradient}
        elif isinstance(step, steps.Call):
            given = {"inputs": step.inputs}
        else:
            return []
        texts = [self.tensor(array) for array in given.values()]
        if self.situation in situations.CALLED:
            function = f"lambda {', '.join(given)}: {self._call(*given)}"
            text = self.called(function, *texts)
        else:
            text = self._call(*texts)
        after = ["overwrite(lent)"] if self.situation in situations.OVERWRITING else []
        if show:
            return [f"shown = views({text})", *after] if self.reads_late else [f"print({text})"]
        return [f"overwrite({text})" if self.situation == "results overwritten" else text, *after]

    def _call(self, inputs: str, *output_gradient: str) -> str:
        """Return the call of the function, or, of a gradient of the output, that of its second one."""
        if not output_gradient:
            return f"{self.layer_class}({inputs}, kernel, {self._rest})"
        own = "**{name: value for name, value in options.items() if name != 'bias'}"
        rest = self._rest.replace("**options", own)
        return f"{self.layer_class}.gradients({inputs}, kernel, {output_gradient[0]}, {rest})"


class _FrameworkWords(_FunctionWords):
    """A framework's operation, as the built-in subject calls it."""

    takes_arrays = False

    def __init__(self, spec: str, way: str) -> None:
        super().__init__(spec, {name: name for name in (*OPTIONS, *BY_NAME)})
        self.layer_class = "conv2d_transpose"
        self._way = way

    def lines(self, step: steps.Step, *, show: bool) -> list[str]:
        if isinstance(step, (steps.Gradients, steps.SecondGradient)) and show:
            given = f"{array_text(step.output_gradient)}, {array_text(step.inputs)}"
            second = ", second=True" if isinstance(step, steps.SecondGradient) else ""
            return [f"print({self.layer_class}.gradients({given}, kernel, **options{second}))"]
        return super().lines(step, show=show)

    def _import(self) -> list[str]:
        return [
            "from conformance.subjects import frameworks",
            f"conv2d_transpose = frameworks.driver({self.spec!r}, {self._way!r})",
        ]


class _FrameworkLayerWords(LayerWords):
    """A framework's layer, as the built-in subject drives it."""

    takes_arrays = False

    def __init__(self, spec: str, way: str) -> None:
        self.spec, self.layer_class = spec, "Conv2DTranspose"
        self._way = way
        chosen = frameworks.parse(spec)
        self._environment = {} if chosen is None else dict(chosen.framework.environment)

    def head(self) -> list[str]:
        return ["import os", f"os.environ.update({self._environment})", *super().head()]

    def construct(self, case: Case) -> list[str]:
        return [f"backend.construct({self.value(dict(case.arguments))})", "layer = backend.layer"]

    def write_gradients(self, step: steps.Gradients) -> list[str]:
        arrays = f"{array_text(step.inputs)}, {array_text(step.output_gradient)}"
        return [f"print(backend.do(steps.Gradients({arrays})))"]

    def write_loss_gradients(self, _: steps.LossGradients) -> list[str]:
        return ["print(backend.do(steps.LossGradients()))"]

    def write_train(self, step: steps.Train) -> list[str]:
        arrays = f"{array_text(step.inputs)}, {array_text(step.output_gradient)}"
        more = f"{step.learning_rate!r}, {step.optimizer!r}"
        return [f"trained = backend.do(steps.Train({arrays}, {more}))", "print(trained)"]

    def _import(self) -> list[str]:
        return [
            "from conformance.model import steps",
            "from conformance.subjects import frameworks",
            f"backend = frameworks.driver({self.spec!r}, {self._way!r}).backend()",
        ]


class _TensorFlowWords(LayerWords):
    """TensorFlow in eager mode."""

    framework = "tensorflow"

    def __init__(self, spec: str) -> None:
        self.spec, self.layer_class = spec, "tf.compat.v1.layers.Conv2DTranspose"

    def head(self) -> list[str]:
        return [
            "import importlib.util, os",
            'os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"',
            # TensorFlow 2.16 and later need it for the v1 layer; 2.15 without tf_keras fails with it.
            'if importlib.util.find_spec("tf_keras"): os.environ["TF_USE_LEGACY_KERAS"] = "1"',
            "import numpy as np, tensorflow as tf",
            "from numpy import inf, nan",
        ]

    def array(self, array: Array) -> str:
        return array_text(array)

    def tensor(self, array: Array) -> str:
        return f"tf.constant({array_text(array)})"

    @property
    def reads_late(self) -> bool:
        return False  # its tensors are nobody else's memory: only the steps of a situation are done

    def overwrites(self, _: steps.Step) -> bool:
        return False

    def around(self) -> list[str]:
        return []

    def called(self, function: str, *arrays: str, others: Sequence[str] = ()) -> str:
        return steps.Words.called(self, function, *arrays, others=others)

    def write_assign(self, step: steps.Assign) -> list[str]:
        is_variable = step.attribute in ("kernel", "bias")
        how = (
            f".assign({self.value(step.value)})" if is_variable else f" = {self.value(step.value)}"
        )
        text = f"layer.{step.attribute}{how}"
        return [self.computed.format(text) if is_variable else text, ""]

    def write_gradients(self, step: steps.Gradients) -> list[str]:
        return [
            f"x, dy = {self.tensor(step.inputs)}, {array_text(step.output_gradient)}",
            "with tf.GradientTape() as tape:",
            "    tape.watch(x)",
            "    y = layer(x)",
            "print(tape.gradient(y, [x, *layer.weights], output_gradients=dy))",
        ]

    def write_loss_gradients(self, _: steps.LossGradients) -> list[str]:
        return [
            "with tf.GradientTape() as tape:",
            "    loss = tf.add_n(layer.losses)",
            "print(tape.gradient(loss, layer.weights))",
        ]

    def write_train(self, step: steps.Train) -> list[str]:
        product = f"layer({self.tensor(step.inputs)}) * {array_text(step.output_gradient)}"
        return [
            f"optimizer = {_optimizer(step)}",
            *self._minimized(f"tf.reduce_sum({product})"),
            "print(layer.get_weights())",
        ]

    def _minimized(self, loss: str) -> list[str]:
        return [f"optimizer.minimize(lambda: {loss}, var_list=layer.trainable_weights)"]


class _GraphWords(_TensorFlowWords):
    """TensorFlow in graph mode, with Keras' session."""

    computed = "run({})"

    def __init__(self, spec: str, mode: str) -> None:
        super().__init__(spec)
        self._into = {"graph": "disable_eager_execution", "v1": "disable_v2_behavior"}[mode]

    def head(self) -> list[str]:
        return [
            *super().head(),
            "v1 = tf.compat.v1",
            f"v1.{self._into}()",
            "def run(tensors):",
            "    session = v1.keras.backend.get_session()",
            "    for variable in v1.global_variables():",
            "        if not session.run(v1.is_variable_initialized(variable)):",
            "            session.run(variable.initializer)",
            "    is_list = isinstance(tensors, list)  # which may be empty: nothing to run",
            "    return list(map(session.run, tensors)) if is_list else session.run(tensors)",
        ]

    def write_gradients(self, step: steps.Gradients) -> list[str]:
        return [
            f"x, dy = {self.tensor(step.inputs)}, {self.tensor(step.output_gradient)}",
            "print(run(v1.gradients(layer(x), [x, *layer.weights], grad_ys=dy)))",
        ]

    def write_loss_gradients(self, _: steps.LossGradients) -> list[str]:
        return [
            "found = v1.gradients(tf.add_n(layer.losses), layer.weights)",
            "print(run([gradient for gradient in found if gradient is not None]))",
        ]

    def write_other_mode(self, _: steps.OtherMode) -> list[str]:
        return [
            "from tensorflow.python.eager import context",
            f"with context.eager_mode(): {self.layer_class}(3, 2)",
            "",
        ]

    def _minimized(self, loss: str) -> list[str]:
        return [
            f"loss = {loss}",
            "gradients = zip(v1.gradients(loss, layer.trainable_weights), layer.trainable_weights)",
            "run(optimizer.apply_gradients(gradients))",
        ]


def _optimizer(step: steps.Train) -> str:
    family, _, name = step.optimizer.rpartition(".")
    if family == "keras":
        return f"tf.keras.optimizers.{name}({step.learning_rate})"
    more = {"Momentum": ", 0.5", "AdagradDA": ", tf.compat.v1.train.get_or_create_global_step()"}
    name = "GradientDescent" if step.optimizer == "gradient_descent" else name
    return f"tf.compat.v1.train.{name}Optimizer({step.learning_rate}{more.get(name, '')})"
