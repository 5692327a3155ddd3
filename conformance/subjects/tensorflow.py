"""Backends for the real `tf.compat.v1.layers.Conv2DTranspose`: eager mode, graph mode, TensorFlow 1's behaviour.

They run in a worker process, one process per mode: building a layer in one mode breaks the layers of
the other (ATTR-03), and TensorFlow 1's behaviour is one of the whole process.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from conformance.model import steps
from conformance.model.named import resolve, resolve_arguments
from conformance.model.observation import Unsupported
from conformance.model.steps.calls import sizes
from conformance.model.steps.layers import parameters
from conformance.model.values.codec import Array, Value
from conformance.subjects.backend import plain

#: The environment of a worker, where the user's own does not say otherwise.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # With oneDNN some cases kill the process or give wrong kernel gradients (facts K1 to K4).
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}

_Make: TypeAlias = Callable[[], Any]


def choose_keras() -> None:
    """Choose the Keras that has the v1 layer, unless the environment says which one it is to be.

    From TensorFlow 2.16 on that is the package tf-keras, and TensorFlow has to be told so before it is imported.
    """
    # Releases up to 2.15 fail to import with the setting alone.
    if importlib.util.find_spec("tf_keras") is not None:
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def parse(spec: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the release and the modes of ``tensorflow[@VERSION][:MODE]``, None for any other spec.

    Without a mode these are `MODES`.
    """
    found = re.fullmatch(rf"(tensorflow(?:@[^:]*)?)(?::({'|'.join(BACKENDS)}))?", spec)
    return None if found is None else (found[1], (found[2],) if found[2] else MODES)


def is_a_release(spec: str) -> bool:
    """Tell whether a ``--subject`` names TensorFlow by a version that is one, and so no folder."""
    meant = parse(spec)
    return meant is not None and re.fullmatch(r"tensorflow(@[0-9.]+)?", meant[0]) is not None


def versions() -> dict[str, str]:
    """Return the versions that decide what this TensorFlow does; ImportError where there is none."""
    choose_keras()
    import tensorflow as tf

    keras = "tf_keras" if os.environ.get("TF_USE_LEGACY_KERAS") == "1" else "keras"
    return {
        "tensorflow": tf.__version__,
        keras: importlib.metadata.version(keras),
        "numpy": np.__version__,
    }


def is_own_layer(target: Any) -> bool:
    """Tell whether a class is TensorFlow's own v1 layer, or one made from it; import nothing for that."""
    return inspect.isclass(target) and any(
        cls.__name__ == "Conv2DTranspose" and "legacy_tf_layers" in cls.__module__
        for cls in target.__mro__
    )


def has_layer() -> bool:
    """Tell whether this TensorFlow has the v1 layer: from 2.16 on only with tf-keras beside it."""
    import tensorflow as tf

    try:
        return hasattr(tf.compat.v1.layers, "Conv2DTranspose")
    except (AttributeError, ImportError):
        return False


class _TensorFlowBackend(steps.Backend):
    """What the two modes share."""

    #: Enters the other mode.
    _other_mode: _Make
    #: Derives what is made by the sources, which are asked for after it.
    _derivatives: Callable[..., Any]
    #: Does a step of an optimizer on a loss.
    _minimize: Callable[[Any, _Make], None]

    def __init__(self, layer_class: Callable[..., Any] | None = None) -> None:
        import tensorflow as tf

        self._tf = tf
        self._v1 = tf.compat.v1
        self._names = {"np": np, "tf": tf}
        self._scopes = contextlib.ExitStack()
        super().__init__(layer_class or self._v1.layers.Conv2DTranspose)

    @staticmethod
    def prepare() -> None:
        """Bring the process into this mode, before anything else is done with TensorFlow."""

    def close(self) -> None:
        self._scopes.close()
        super().close()

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        return self._made(self.layer_class, arguments, positional)

    def _made(
        self,
        cls: Callable[..., Any],
        arguments: Mapping[str, Value],
        positional: Sequence[Value] = (),
    ) -> Any:
        others = resolve_arguments(arguments, "tensorflow", self._names)
        return cls(*map(self.resolved, positional), **others)

    def functional(self, inputs: Array) -> Any:
        return self._v1.layers.conv2d_transpose(inputs, 3, 2)

    def resolved(self, value: Value) -> Any:
        return resolve(value, "tensorflow", self._names)

    def attribute(self, name: str) -> Any:
        # What TensorFlow's layer lacks it lacks with an AttributeError: that is the norm's matter.
        return getattr(self.layer, name)

    def weights(self) -> list[Any]:
        return list(self.layer.weights)

    def do_set_weights(self, step: steps.SetWeights) -> None:
        self._initialize()
        self.layer.set_weights([_as_float32_if_bfloat16(value) for value in step.values])

    def do_assign(self, step: steps.Assign) -> Value:
        if step.attribute not in ("kernel", "bias"):
            return step.run(self)
        # A variable is assigned to; the attribute itself would hold an array from then on.
        variable = getattr(self.layer, step.attribute)
        self._initialize()
        value = _as_float32_if_bfloat16(step.value).astype(np.float64)
        self.plain(variable.assign(self._tf.cast(value, variable.dtype)))
        return None

    def do_loss_identity(self, _: steps.LossIdentity) -> Value:
        return [one is other for one, other in zip(self.layer.losses, self.layer.losses)]

    def do_weight_names(self, _: steps.WeightNames) -> Value:
        return [weight.name for weight in self.layer.weights]

    def do_weight_types(self, _: steps.WeightTypes) -> Value:
        return [type(self.layer.kernel).__name__, type(self.layer.bias).__name__]

    def do_collections(self, _: steps.Collections) -> Value:
        graph = self._v1.get_default_graph()
        names = [name for name in graph.get_all_collection_keys() if isinstance(name, str)]
        found = {name: graph.get_collection(name) for name in names if not name.startswith("__")}
        return {
            name: sorted(item.name for item in items if hasattr(item, "name"))
            for name, items in found.items()
            if items
        }

    def do_collection(self, step: steps.Collection) -> Value:
        return self.plain(list(self._v1.get_collection(step.name)))

    def do_enter(self, step: steps.Enter) -> None:
        arguments = {name: self.resolved(value) for name, value in step.arguments.items()}
        self._scopes.enter_context(self._scope(step.scope)(**arguments))

    def do_leave(self, _: steps.Leave) -> None:
        self._scopes.close()

    def _scope(self, name: str) -> Any:
        if name != "keras_style_scope":
            return getattr(self._v1, name)
        # Not in TensorFlow's public names: the module is Keras', whose name differs by release.
        package = type(self.layer).__module__.partition(".")[0]
        for path in ("legacy_tf_layers.base", "src.legacy_tf_layers.base"):
            with contextlib.suppress(ImportError):
                return importlib.import_module(f"{package}.{path}").keras_style_scope
        raise Unsupported("this Keras has no keras_style_scope")

    def do_seed(self, step: steps.Seed) -> None:
        tf, framework = self._tf, step.how == "framework"
        (tf.keras.utils.set_random_seed if framework else tf.random.set_seed)(step.seed)

    def do_image_format(self, step: steps.ImageFormat) -> None:
        keras = self._tf.keras.backend
        self._scopes.callback(keras.set_image_data_format, keras.image_data_format())
        keras.set_image_data_format(step.data_format)

    def do_counterpart(self, step: steps.Counterpart) -> Value:
        layer = self._made(self._tf.keras.layers.Conv2DTranspose, self.arguments)
        layer(self.native(step.inputs))  # in V1 its dtype is that of its first input
        layer.set_weights(self.plain(self.weights()))
        return self.plain(layer(self.native(step.inputs)))

    def do_counterpart_arguments(self, step: steps.CounterpartArguments) -> Value:
        native = self._tf.keras.layers.Conv2DTranspose
        return plain(self._made(native, step.arguments, step.positional).data_format)

    def do_counterpart_signature(self, _: steps.CounterpartSignature) -> Value:
        return parameters(self._tf.keras.layers.Conv2DTranspose.__init__)

    def do_example(self, step: steps.Example) -> Value:
        if step.which == "before":
            return step.run(self)
        self._tf.keras.layers.Conv2DTranspose(filters=3, kernels_size=3)
        return None

    def do_in_model(self, step: steps.InModel) -> Value:
        keras = self._tf.keras
        if step.kind == "subclassed":
            return self._held()
        if step.kind == "sequential":
            keras.Sequential([self.layer])
        else:
            inputs = keras.Input((4, 5, 2))
            keras.Model(inputs, self.layer(inputs))
        return None

    def _held(self) -> Value:
        """Return what a subclassed Keras model that holds the layer does with its weights."""
        tf, layer = self._tf, self.layer

        holder = type("Holder", (tf.keras.Model,), {"call": lambda self, x: self.inner(x)})
        model, inputs = holder(), np.ones((2, 4, 5, 2), np.float32)
        model.inner = layer
        outputs = model(tf.constant(inputs))
        found: dict[str, Value] = {"weights": len(model.weights), "losses": len(model.losses)}
        before = [array.copy() for array in model.get_weights()]
        model.compile("sgd", "mse")
        model.fit(inputs, np.zeros(outputs.shape, np.float32), verbose=0)
        trained = model.get_weights()
        found["fit"] = [not np.array_equal(*pair) for pair in zip(before, trained)]
        with tempfile.TemporaryDirectory() as folder:
            model.save_weights(f"{folder}/weights")
            saved = tf.train.Checkpoint(model=model).save(f"{folder}/checkpoint")
            ways: dict[str, Callable[[], Any]] = {
                "load_weights": lambda: model.load_weights(f"{folder}/weights"),
                "restore": lambda: tf.train.Checkpoint(model=model).restore(saved),
            }
            for name, restore in ways.items():
                model.set_weights(before)
                restore()
                found[name] = [np.array_equal(*pair) for pair in zip(trained, model.get_weights())]
        return found

    def do_source_lines(self, _: steps.SourceLines) -> Value:
        cls: Any = self.layer_class
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

    def do_without_legacy_keras(self, _: steps.WithoutLegacyKeras) -> Value:
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

    def do_gradients(self, step: steps.Gradients) -> Value:
        inputs, upstream = map(self.native, (step.inputs, step.output_gradient))

        def sources() -> list[Any]:
            return [inputs, self.layer.kernel, *_present(self.layer.bias)]

        found = self._derivatives(lambda: self.layer(inputs), sources, upstream, inputs)
        return self.plain([*found, *([None] * (3 - len(found)))])

    def do_second_gradient(self, step: steps.SecondGradient) -> Value:
        inputs, upstream = map(self.native, (step.inputs, step.output_gradient))

        def squares() -> Any:
            (found,) = self._derivatives(
                lambda: self.layer(inputs), lambda: [inputs], upstream, inputs
            )
            return self._tf.reduce_sum(found * found)

        return self.plain(self._derivatives(squares, lambda: [self.layer.kernel])[0])

    def do_loss_gradients(self, _: steps.LossGradients) -> Value:
        found = self._derivatives(
            lambda: self._tf.add_n(self.layer.losses), lambda: self.layer.weights
        )
        return self.plain(found)

    def do_train(self, step: steps.Train) -> Value:
        inputs, upstream = map(self.native, (step.inputs, step.output_gradient))
        optimizer = self._optimizer(step.optimizer, step.learning_rate)
        self._minimize(optimizer, lambda: self._tf.reduce_sum(self.layer(inputs) * upstream))
        return self.plain(self.weights())

    def do_other_mode(self, _: steps.OtherMode) -> None:
        with self._other_mode():
            self.layer_class(3, 2)

    def _initialize(self) -> None:
        """Give variables their first values, where that takes a step of its own."""


class EagerBackend(_TensorFlowBackend):
    """The layer in eager mode."""

    def _other_mode(self) -> Any:
        return self._tf.Graph().as_default()

    def _derivatives(self, make: _Make, sources: _Make, upstream: Any = None, *watched: Any) -> Any:
        with self._tf.GradientTape() as tape:
            tape.watch(watched)
            made = make()
        return tape.gradient(made, sources(), output_gradients=upstream)

    def _minimize(self, optimizer: Any, loss: _Make) -> None:
        optimizer.minimize(loss, var_list=self.layer.trainable_weights)

    def do_in_function(self, step: steps.InFunction) -> Value:
        tf = self._tf
        # The shim knows a variable again by its name, so the layer must have one.
        arguments = {"name": "inner", **self.arguments}

        def inside(inputs: Any) -> Any:
            return self.make(arguments)(inputs)

        if step.where == "outside":
            function = tf.function(self.layer)
        elif step.where == "inside":
            function = tf.function(inside)
        else:
            function = tf.function(self._shim(inside))
        inputs = self.native(step.inputs)
        function(inputs)
        return self.plain(function(inputs))

    def _shim(self, inside: Callable[[Any], Any]) -> Callable[[Any], Any]:
        v1 = self._v1

        class Model(self._tf.keras.layers.Layer):  # type: ignore[misc,name-defined]
            @v1.keras.utils.track_tf1_style_variables  # type: ignore[untyped-decorator]
            def call(self, inputs: Any) -> Any:
                # Without a scope around it the second trace would make further variables.
                with v1.variable_scope("model"):
                    return inside(inputs)

        model = Model()
        self.layers["shim"] = model
        return model

    def native(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            return self._tf.cast(array.astype(np.float32), self._tf.bfloat16)
        return self._tf.constant(array)

    def plain(self, result: Any) -> Value:
        if isinstance(result, (list, tuple)):
            return [self.plain(item) for item in result]
        if hasattr(result, "numpy"):
            return np.array(result.numpy())
        return plain(result)


class GraphBackend(_TensorFlowBackend):
    """The layer in a graph of its own, run by a session."""

    def construct(self, arguments: Mapping[str, Value]) -> None:
        self._graph = self._tf.Graph()
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self._graph.as_default())
        self._session = self._stack.enter_context(self._v1.Session())
        # layer.set_weights writes into Keras' session: let it be this one.
        self._v1.keras.backend.set_session(self._session)
        self._feeds: dict[Any, Array] = {}
        self._initialized: set[str] = set()
        super().construct(arguments)

    def close(self) -> None:
        super().close()
        self._stack.close()
        self._v1.keras.backend.clear_session()

    def do_static_shape(self, step: steps.StaticShape) -> Value:
        inputs = self._v1.placeholder(self._tf.float32, step.input_shape)
        return sizes(self.layer(inputs).shape)

    def _derivatives(self, make: _Make, sources: _Make, upstream: Any = None, *_: Any) -> Any:
        made = make()  # the sources may exist only now
        return self._v1.gradients(made, sources(), grad_ys=upstream)

    def _minimize(self, optimizer: Any, loss: _Make) -> None:
        made, variables = loss(), self.layer.trainable_weights
        if isinstance(optimizer, self._v1.train.Optimizer):
            update = optimizer.minimize(made, var_list=variables)
        else:
            pairs = list(zip(self._v1.gradients(made, variables), variables))
            update = optimizer.apply_gradients(pairs)
        self._initialize()
        self.moment = "run"
        self._session.run(update, self._feeds)

    def _other_mode(self) -> Any:
        from tensorflow.python.eager import context

        return context.eager_mode()

    def do_output_name(self, _: steps.OutputName) -> Value:
        return self.last[1].name

    def _initialize(self) -> None:
        new = [v for v in self._v1.global_variables() if v.name not in self._initialized]
        if new:
            self.moment, moment = "run", self.moment
            self._session.run([variable.initializer for variable in new])
            for variable in new:
                self._initialized.add(variable.name)
                # Or Keras runs the session to ask whether it is, before it sets a weight.
                variable._keras_initialized = True
            self.moment = moment

    def native(self, array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            placeholder = self._v1.placeholder(self._tf.bfloat16, array.shape)
        else:
            placeholder = self._v1.placeholder(array.dtype, array.shape)
        # TensorFlow 2.9 has a bfloat16 of its own, which only float32 casts to.
        plain_array = _as_float32_if_bfloat16(array)
        self._feeds[placeholder] = plain_array.astype(placeholder.dtype.as_numpy_dtype)
        return placeholder

    def plain(self, result: Any) -> Value:
        # One run for all of them: each run of a session prunes and prepares the graph again.
        asked = [item for item in _leaves(result) if self._is_run(item)]
        values: list[Any] = []
        if asked:
            self._initialize()
            self.moment = "run"
            values = self._session.run(asked, self._feeds)
        return self._plain(result, iter(values))

    def _plain(self, result: Any, values: Iterator[Any]) -> Value:
        if isinstance(result, (list, tuple)):
            return [self._plain(item, values) for item in result]
        if isinstance(result, self._v1.Dimension):  # as are the sizes of TensorFlow 1's shapes
            return result.value
        return np.array(next(values)) if self._is_run(result) else plain(result)

    def _is_run(self, item: Any) -> bool:
        """Tell whether it has a value only once the session runs it."""
        return self._tf.is_tensor(item) or isinstance(item, self._tf.Variable)


class V1Backend(GraphBackend):
    """The layer in a graph, in a process with TensorFlow 1's behaviour: weights are reference variables."""

    @staticmethod
    def prepare() -> None:
        import tensorflow as tf

        tf.compat.v1.disable_v2_behavior()


BACKENDS = {"eager": EagerBackend, "graph": GraphBackend, "v1": V1Backend}
#: What a run asks where no mode is named.
MODES = ("eager", "graph")


def _leaves(result: Any) -> Iterator[Any]:
    """Yield what is in nested lists."""
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from _leaves(item)
    else:
        yield result


def _present(bias: Any) -> Sequence[Any]:
    return [] if bias is None else [bias]


def _as_float32_if_bfloat16(array: Array) -> Array:
    # Keras casts to the variable's dtype; TensorFlow 2.9 knows no bfloat16 array but its own.
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
