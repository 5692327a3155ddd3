"""Backends for the real `tf.compat.v1.layers.Conv2DTranspose`: one for eager mode, one for graph mode.

They run in a worker process, one process per mode: building a layer in one mode breaks the layers of
the other (ATTR-03).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.model import case as steps
from conformance.model.callables import resolve, resolve_arguments
from conformance.model.case import Case
from conformance.model.codec import Array, Value
from conformance.model.observation import Unsupported
from conformance.subjects.backend import plain
from conformance.subjects.objects import ObjectSteps, parameters

#: The environment of a worker, where the user's own does not say otherwise.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # With oneDNN some cases kill the process or give wrong kernel gradients (facts K1 to K4).
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


def versions() -> dict[str, str]:
    """Return the versions that decide what this TensorFlow does; ImportError where there is none."""
    if importlib.util.find_spec("tf_keras") is not None:
        # From TensorFlow 2.16 on the v1 layer exists only with the tf-keras package, and this
        # setting; releases up to 2.15 fail to import with the setting alone.
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf

    keras = "tf_keras" if os.environ.get("TF_USE_LEGACY_KERAS") == "1" else "keras"
    return {
        "tensorflow": tf.__version__,
        keras: importlib.metadata.version(keras),
        "numpy": np.__version__,
    }


def has_layer() -> bool:
    """Tell whether this TensorFlow has the v1 layer: from 2.16 on only with tf-keras beside it."""
    import tensorflow as tf

    try:
        return hasattr(tf.compat.v1.layers, "Conv2DTranspose")
    except (AttributeError, ImportError):
        return False


class _TensorFlowBackend(ObjectSteps):
    """What the two modes share."""

    absences: tuple[type[Exception], ...] = (Unsupported,)
    mode = ""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        self._v1 = tf.compat.v1
        self.moment = "construct"
        self.modified: tuple[str, ...] = ()
        self._last: tuple[Any, Any] = (None, None)
        self._scopes = contextlib.ExitStack()

    def _made(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        first, others = self._constructor_arguments(arguments, positional)
        return self._v1.layers.Conv2DTranspose(*first, **others)

    def _constructor_arguments(
        self, arguments: Mapping[str, Value], positional: Sequence[Value]
    ) -> tuple[list[Any], dict[str, Any]]:
        names = {"np": np, "tf": self._tf}
        others = resolve_arguments(arguments, "tensorflow", names)
        return [self._resolved(value) for value in positional], others

    def _functional(self) -> Any:
        return self._v1.layers.conv2d_transpose(self._sample(), 3, 2)

    def _resolved(self, value: Value) -> Any:
        return resolve(value, "tensorflow", {"np": np, "tf": self._tf})

    def _attribute(self, name: str) -> Any:
        # What TensorFlow's layer lacks it lacks with an AttributeError: that is the norm's matter.
        return getattr(self._layer, name)

    def build(self, step: steps.Build) -> None:
        self._layer.build(self._tf.TensorShape(step.input_shape))

    def set_weights(self, step: steps.SetWeights) -> None:
        self._layer.set_weights([_as_float32_if_bfloat16(value) for value in step.values])

    def get_weights(self, _: steps.GetWeights) -> Value:
        return self._value(list(self._layer.weights))

    def call(self, step: steps.Call) -> Value:
        inputs = self._tensor(step.inputs)
        outputs = getattr(self._layer, step.via if step.via != "call" else "__call__")(inputs)
        self._last = (inputs, outputs)
        return self._value(outputs)

    def losses(self, _: steps.Losses) -> Value:
        return self._value(list(self._layer.losses))

    def loss_identity(self, _: steps.LossIdentity) -> Value:
        return [one is other for one, other in zip(self._layer.losses, self._layer.losses)]

    def losses_for(self, step: steps.LossesFor) -> Value:
        return self._value(list(self._layer.get_losses_for(self._target(step.target))))

    def updates_for(self, step: steps.UpdatesFor) -> Value:
        return self._value(list(self._layer.get_updates_for(self._target(step.target))))

    def compute_output_shape(self, step: steps.ComputeOutputShape) -> Value:
        return _sizes(self._layer.compute_output_shape(step.input_shape))

    def convolution_op(self, step: steps.ConvolutionOp) -> Value:
        kernel = self._layer.kernel if step.kernel is None else self._tensor(step.kernel)
        inputs = self._tensor(step.inputs)
        self._last = inputs, self._layer.convolution_op(inputs, kernel)
        return self._value(self._last[1])

    def read(self, step: steps.Read) -> Value:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._value(getattr(self._layer, step.attribute))

    def weight_names(self, _: steps.WeightNames) -> Value:
        return [weight.name for weight in self._layer.weights]

    def weight_types(self, _: steps.WeightTypes) -> Value:
        return [type(self._layer.kernel).__name__, type(self._layer.bias).__name__]

    def collections(self, _: steps.Collections) -> Value:
        graph = self._v1.get_default_graph()
        names = [name for name in graph.get_all_collection_keys() if isinstance(name, str)]
        found = {name: graph.get_collection(name) for name in names if not name.startswith("__")}
        return {
            name: sorted(item.name for item in items if hasattr(item, "name"))
            for name, items in found.items()
            if items
        }

    def collection(self, step: steps.Collection) -> Value:
        return self._value(list(self._v1.get_collection(step.name)))

    def enter(self, step: steps.Enter) -> Value:
        arguments = {name: self._resolved(value) for name, value in step.arguments.items()}
        self._scopes.enter_context(self._scope(step.scope)(**arguments))
        return None

    def leave(self, _: steps.Leave) -> Value:
        self._scopes.close()
        return None

    def _scope(self, name: str) -> Any:
        if name != "keras_style_scope":
            return getattr(self._v1, name)
        # Not in TensorFlow's public names: the module is Keras', whose name differs by release.
        package = type(self._layer).__module__.partition(".")[0]
        for path in ("legacy_tf_layers.base", "src.legacy_tf_layers.base"):
            with contextlib.suppress(ImportError):
                return importlib.import_module(f"{package}.{path}").keras_style_scope
        raise Unsupported("this Keras has no keras_style_scope")

    def seed(self, step: steps.Seed) -> Value:
        if step.how == "framework":
            self._tf.keras.utils.set_random_seed(step.seed)
        else:
            self._tf.random.set_seed(step.seed)
        return None

    def counterpart(self, step: steps.Counterpart) -> Value:
        _, arguments = self._constructor_arguments(self._arguments, ())
        layer = self._tf.keras.layers.Conv2DTranspose(**arguments)
        layer.build(self._tf.TensorShape(step.inputs.shape))
        layer.set_weights(self.get_weights(steps.GetWeights()))
        return self._value(layer(self._tensor(step.inputs)))

    def counterpart_arguments(self, step: steps.CounterpartArguments) -> Value:
        first, others = self._constructor_arguments(step.arguments, step.positional)
        return plain(self._tf.keras.layers.Conv2DTranspose(*first, **others).data_format)

    def counterpart_signature(self, _: steps.CounterpartSignature) -> Value:
        return parameters(self._tf.keras.layers.Conv2DTranspose.__init__)

    def signature(self, _: steps.Signature) -> Value:
        return parameters(self._v1.layers.Conv2DTranspose.__init__)

    def example(self, step: steps.Example) -> Value:
        tf = self._tf
        if step.which == "before":
            tf.compat.v1.layers.Conv2DTranspose(filters=3, kernel_size=3)
        else:
            tf.keras.layers.Conv2DTranspose(filters=3, kernels_size=3)
        return None

    def in_model(self, step: steps.InModel) -> Value:
        keras = self._tf.keras
        if step.kind == "sequential":
            keras.Sequential([self._layer])
        else:
            inputs = keras.Input((4, 5, 2))
            keras.Model(inputs, self._layer(inputs))
        return None

    def source_lines(self, _: steps.SourceLines) -> Value:
        cls = self._v1.layers.Conv2DTranspose
        base = importlib.import_module(f"{cls.__module__.partition('.')[0]}.engine.base_layer_v1")
        found = {
            "Conv2DTranspose": cls,
            "apply": cls.apply,
            "convolution_op": cls.convolution_op,
            "get_losses_for": base.Layer.get_losses_for,
            "get_updates_for": base.Layer.get_updates_for,
        }
        lines = {name: inspect.getsourcelines(item) for name, item in found.items()}
        return {name: [start, start + len(text) - 1] for name, (text, start) in lines.items()}

    def without_legacy_keras(self, _: steps.WithoutLegacyKeras) -> Value:
        text = (
            "import tensorflow as tf\n"
            "try: print(tf.compat.v1.layers.Conv2DTranspose.__name__)\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        environment = {**os.environ, "TF_USE_LEGACY_KERAS": "0"}
        asked = subprocess.run(
            [sys.executable, "-c", text],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return asked.stdout.strip()

    def _optimizer(self, name: str, learning_rate: float) -> Any:
        family, _, class_name = name.rpartition(".")
        if name == "gradient_descent":
            family, class_name = "v1", "GradientDescent"
        if family == "v1":
            make = getattr(self._v1.train, f"{class_name}Optimizer")
            extra: tuple[Any, ...] = ()
            if class_name == "Momentum":
                extra = (0.5,)
            elif class_name == "AdagradDA":
                extra = (self._v1.train.get_or_create_global_step(),)
            return make(learning_rate, *extra)
        return getattr(self._tf.keras.optimizers, class_name)(learning_rate)

    def _target(self, name: str) -> Any:
        inputs, outputs = self._last
        targets: dict[str, Callable[[], Any]] = {
            "inputs": lambda: inputs,
            "outputs": lambda: outputs,
            "kernel": lambda: self._layer.kernel,
            "bias": lambda: self._layer.bias,
            "nested": lambda: {"first": [inputs]},
            "empty": list,
            "none": lambda: None,
            "text": lambda: "inputs",
            "number": lambda: 3,
            "foreign": lambda: self._tensor(np.ones((1, 2, 3, 4), np.float32)),
        }
        return targets[name]()

    def _sum_of_products(self, one: Any, other: Any) -> Any:
        return self._tf.reduce_sum(one * other)

    def construct(self, case: Case) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _tensor(self, array: Array) -> Any:
        raise NotImplementedError

    def _value(self, result: Any) -> Value:
        raise NotImplementedError


class EagerBackend(_TensorFlowBackend):
    """The layer in eager mode."""

    mode = "eager"

    def construct(self, case: Case) -> None:
        self.start(case)

    def close(self) -> None:
        self._scopes.close()
        self._last = (None, None)

    def other_mode(self, _: steps.OtherMode) -> Value:
        with self._tf.Graph().as_default():
            self._v1.layers.Conv2DTranspose(3, 2)
        return None

    def gradients(self, step: steps.Gradients) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        with self._tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = self._layer(inputs)
        sources = [inputs, self._layer.kernel, *_present(self._layer.bias)]
        found = tape.gradient(outputs, sources, output_gradients=upstream)
        return self._value([*found, *([None] * (3 - len(found)))])

    def second_gradient(self, step: steps.SecondGradient) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        with self._tf.GradientTape() as outer:
            with self._tf.GradientTape() as inner:
                inner.watch(inputs)
                outputs = self._layer(inputs)
            by_inputs = inner.gradient(outputs, inputs, output_gradients=upstream)
            squares = self._sum_of_products(by_inputs, by_inputs)
        return self._value(outer.gradient(squares, self._layer.kernel))

    def in_function(self, step: steps.InFunction) -> Value:
        tf = self._tf
        # The shim knows a variable again by its name, so the layer must have one.
        arguments = {"name": "inner", **self._arguments}

        def inside(inputs: Any) -> Any:
            return self._made(arguments)(inputs)

        if step.where == "outside":
            function = tf.function(self._layer)
        elif step.where == "inside":
            function = tf.function(inside)
        else:
            function = tf.function(self._shim(inside))
        inputs = self._tensor(step.inputs)
        function(inputs)
        return self._value(function(inputs))

    def _shim(self, inside: Callable[[Any], Any]) -> Callable[[Any], Any]:
        v1 = self._v1

        class Model(self._tf.keras.layers.Layer):  # type: ignore[misc,name-defined]
            @v1.keras.utils.track_tf1_style_variables  # type: ignore[untyped-decorator]
            def call(self, inputs: Any) -> Any:
                # Without a scope around it the second trace would make further variables.
                with v1.variable_scope("model"):
                    return inside(inputs)

        model = Model()
        self._layers["shim"] = model
        return model

    def loss_gradients(self, _: steps.LossGradients) -> Value:
        with self._tf.GradientTape() as tape:
            total = self._tf.add_n(self._layer.losses)
        return self._value(tape.gradient(total, self._layer.weights))

    def train(self, step: steps.Train) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        optimizer = self._optimizer(step.optimizer, step.learning_rate)

        def loss() -> Any:
            return self._sum_of_products(self._layer(inputs), upstream)

        optimizer.minimize(loss, var_list=self._layer.trainable_weights)
        return self.get_weights(steps.GetWeights())

    def _tensor(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            return self._tf.cast(array.astype(np.float32), self._tf.bfloat16)
        return self._tf.constant(array)

    def _value(self, result: Any) -> Value:
        if isinstance(result, (list, tuple)):
            return [self._value(item) for item in result]
        if hasattr(result, "numpy"):
            return np.array(result.numpy())
        return plain(result)


class GraphBackend(_TensorFlowBackend):
    """The layer in a graph of its own, run by a session."""

    mode = "graph"

    def construct(self, case: Case) -> None:
        self._graph = self._tf.Graph()
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self._graph.as_default())
        self._session = self._stack.enter_context(self._v1.Session())
        # layer.set_weights writes into Keras' session: let it be this one.
        self._v1.keras.backend.set_session(self._session)
        self._feeds: dict[Any, Array] = {}
        self._initialized: set[str] = set()
        self.start(case)

    def close(self) -> None:
        self._scopes.close()
        self._stack.close()
        self._v1.keras.backend.clear_session()

    def set_weights(self, step: steps.SetWeights) -> None:
        self._initialize()
        super().set_weights(step)

    def static_shape(self, step: steps.StaticShape) -> Value:
        inputs = self._v1.placeholder(self._tf.float32, step.input_shape)
        return _sizes(self._layer(inputs).shape)

    def gradients(self, step: steps.Gradients) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        outputs = self._layer(inputs)
        sources = [inputs, self._layer.kernel, *_present(self._layer.bias)]
        found = self._v1.gradients(outputs, sources, grad_ys=upstream)
        return self._value([*found, *([None] * (3 - len(found)))])

    def second_gradient(self, step: steps.SecondGradient) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        outputs = self._layer(inputs)
        (by_inputs,) = self._v1.gradients(outputs, [inputs], grad_ys=upstream)
        squares = self._sum_of_products(by_inputs, by_inputs)
        return self._value(self._v1.gradients(squares, [self._layer.kernel])[0])

    def loss_gradients(self, _: steps.LossGradients) -> Value:
        total = self._tf.add_n(self._layer.losses)
        return self._value(self._v1.gradients(total, self._layer.weights))

    def train(self, step: steps.Train) -> Value:
        inputs, upstream = self._tensor(step.inputs), self._tensor(step.output_gradient)
        optimizer = self._optimizer(step.optimizer, step.learning_rate)
        loss = self._sum_of_products(self._layer(inputs), upstream)
        variables = self._layer.trainable_weights
        if step.optimizer.startswith("keras."):
            pairs = list(zip(self._v1.gradients(loss, variables), variables))
            update = optimizer.apply_gradients(pairs)
        else:
            update = optimizer.minimize(loss, var_list=variables)
        self._initialize()
        self.moment = "run"
        self._session.run(update, self._feeds)
        return self.get_weights(steps.GetWeights())

    def other_mode(self, _: steps.OtherMode) -> Value:
        from tensorflow.python.eager import context

        with context.eager_mode():
            self._v1.layers.Conv2DTranspose(3, 2)
        return None

    def output_name(self, _: steps.OutputName) -> Value:
        return self._last[1].name

    def _initialize(self) -> None:
        new = [v for v in self._v1.global_variables() if v.name not in self._initialized]
        if new:
            self.moment, moment = "run", self.moment
            self._session.run([variable.initializer for variable in new])
            self._initialized.update(variable.name for variable in new)
            self.moment = moment

    def _tensor(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            placeholder = self._v1.placeholder(self._tf.bfloat16, array.shape)
        else:
            placeholder = self._v1.placeholder(array.dtype, array.shape)
        # TensorFlow 2.9 has a bfloat16 of its own, which only float32 casts to.
        plain_array = _as_float32_if_bfloat16(array)
        self._feeds[placeholder] = plain_array.astype(placeholder.dtype.as_numpy_dtype)
        return placeholder

    def _value(self, result: Any) -> Value:
        if isinstance(result, (list, tuple)):
            return [self._value(item) for item in result]
        if self._tf.is_tensor(result) or isinstance(result, self._tf.Variable):
            self._initialize()
            self.moment = "run"
            return np.array(self._session.run(result, self._feeds))
        return plain(result)


BACKENDS = {"eager": EagerBackend, "graph": GraphBackend}


def _present(bias: Any) -> Sequence[Any]:
    return [] if bias is None else [bias]


def _sizes(shape: Any) -> Value:
    return None if shape.rank is None else list(shape.as_list())


def _as_float32_if_bfloat16(array: Array) -> Array:
    # Keras casts to the variable's dtype; TensorFlow 2.9 knows no bfloat16 array but its own.
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
