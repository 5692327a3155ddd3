"""Steps that treat a layer as a Python object: more layers, attributes, configurations, copies."""

from __future__ import annotations

import contextlib
import copy
import inspect
import pickle
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model.observation import Unsupported
from conformance.model.steps.backend import Backend
from conformance.model.steps.step import Encoded, Step, names_an_attribute
from conformance.model.steps.words import Words
from conformance.model.values.codec import Value
from conformance.model.values.limits import check_array


@attrs.frozen(eq=False)
class Construct(Step):
    """Construct another layer and turn to it: later steps use it.

    `arguments` are as a case's own; `positional` come before them.
    """

    changes_state = names_layers = is_statement = True
    layer: str
    arguments: Encoded
    positional: Encoded = ()

    def run(self, backend: Backend) -> None:
        backend.layer = backend.layers[self.layer] = backend.make(self.arguments, self.positional)

    def source(self, words: Words) -> str:
        made = f"{words.layer_class}({words.given(self.positional, self.arguments)})"
        return f"layer = layers[{self.layer!r}] = {made}"


@attrs.frozen
class Use(Step):
    """Turn to a layer by its name in the case; the case's own is called `layer`."""

    changes_state = names_layers = is_statement = True
    text = "layer = layers[{step.layer!r}]"
    layer: str

    def run(self, backend: Backend) -> None:
        backend.layer = backend.layers[self.layer]


#: Prints the configuration, and in which of its items the others differ from it.
_DIFFERENCES = """\
print("configuration:", before)
others = {"of the new layer": layer.get_config(), "given, now": given, "now": made.get_config()}
for what, other in others.items():
    pairs = {key: (before.get(key), other.get(key)) for key in {**before, **other}}
    print(what, {key: pair for key, pair in pairs.items() if repr(pair[0]) != repr(pair[1])})"""


@attrs.frozen
class RoundTrip(Step):
    """Make a layer from the layer's configuration and turn to it; read both configurations.

    Read, too, what has become of the dictionary that was given, and the layer's configuration again, after the one
    that it gave, and those in it, were written to.
    """

    changes_state = names_layers = is_statement = True
    text = (
        "import copy; made = layer; config = made.get_config(); given = copy.deepcopy(config); "
        "layer = layers['round trip'] = type(made).from_config(given); "
        "before = copy.deepcopy(config); config['name'] = 0; "
        "[item.update(class_name=0) for item in config.values() if isinstance(item, dict)]"
    )

    def source(self, words: Words) -> str:
        return f"{self.source_between(words)}\n{_DIFFERENCES}"

    def source_between(self, words: Words) -> str:
        return self.text

    def run(self, backend: Backend) -> Value:
        get_config = backend.attribute("get_config")
        if not hasattr(type(backend.layer), "from_config"):
            raise Unsupported("the class has no 'from_config'")
        config = get_config()
        found, given = _as_data(config), copy.deepcopy(config)
        again = type(backend.layer).from_config(given)
        backend.layer = backend.layers["round trip"] = again
        after = [_as_data(again.get_config()), _as_data(given)]
        if isinstance(config, dict):
            config["name"] = 0
            for item in config.values():
                if isinstance(item, dict):
                    item["class_name"] = 0
        return backend.plain([found, *after, _as_data(get_config())])


@attrs.frozen
class Copy(Step):
    """Copy the layer and turn to the copy; `how` is `deepcopy` or `pickle`."""

    changes_state = names_layers = is_statement = True
    how: str

    def run(self, backend: Backend) -> None:
        if self.how == "deepcopy":
            copied = copy.deepcopy(backend.layer)
        else:
            copied = pickle.loads(pickle.dumps(backend.layer))
        backend.layer = backend.layers["copy"] = copied

    def source(self, words: Words) -> str:
        deep = self.how == "deepcopy"
        how = "copy.deepcopy(layer)" if deep else "pickle.loads(pickle.dumps(layer))"
        return f"import copy, pickle; layer = layers['copy'] = {how}"


@attrs.frozen(eq=False)
class Assign(Step):
    """Set an attribute of the layer."""

    changes_state = is_statement = True
    attribute: str = attrs.field(validator=names_an_attribute)
    value: Encoded

    def run(self, backend: Backend) -> None:
        backend.attribute(self.attribute)
        setattr(backend.layer, self.attribute, backend.resolved(self.value))

    def source(self, words: Words) -> str:
        return f"layer.{self.attribute} = {words.value(self.value)}"


@attrs.frozen
class Read(Step):
    """Read an attribute of the layer."""

    text = "layer.{step.attribute}"
    attribute: str = attrs.field(validator=names_an_attribute)

    def run(self, backend: Backend) -> Value:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return backend.plain(backend.attribute(self.attribute))


@attrs.frozen
class Empty(Step):
    """Empty the list that an attribute is, or that a method gives for the last call's inputs."""

    changes_state = is_statement = True
    attribute: str = attrs.field(validator=names_an_attribute)
    is_method: bool = False

    def run(self, backend: Backend) -> None:
        found = backend.attribute(self.attribute)
        found = found(backend.last[0]) if self.is_method else found
        if isinstance(found, list):
            found.clear()

    def source(self, words: Words) -> str:
        return f"layer.{self.attribute}{'(inputs)' if self.is_method else ''}.clear()"


@attrs.frozen
class Has(Step):
    """For each name, whether the layer has such an attribute."""

    text = "[hasattr(layer, name) for name in {step.attributes!r}]"
    attributes: tuple[str, ...]

    def run(self, backend: Backend) -> Value:
        return [hasattr(backend.layer, name) for name in self.attributes]


@attrs.frozen
class Warned(Step):
    """Do something and read the categories of its warnings.

    `action` is `construct`, `call`, `functional` (the function that the layer replaces) or an attribute.
    """

    action: str

    def run(self, backend: Backend) -> Value:
        first = backend.arguments.get("data_format") == "channels_first"
        inputs = np.zeros((1, 2, 4, 5) if first else (1, 4, 5, 2), np.float32)
        actions: dict[str, Callable[[], Any]] = {
            "construct": lambda: backend.make(backend.arguments),
            "call": lambda: backend.layer(inputs),
            "functional": lambda: backend.functional(inputs),
        }
        # An attribute may warn and then raise; `Read` tells about that.
        with warnings.catch_warnings(record=True) as caught, contextlib.suppress(RuntimeError):
            warnings.simplefilter("always")
            actions.get(self.action, lambda: backend.attribute(self.action))()
        return sorted({warning.category.__name__ for warning in caught})


@attrs.frozen
class Signature(Step):
    """Read the constructor's parameters: a name and the default's text each, None without default."""

    text = "__import__('inspect').signature({words.layer_class}.__init__)"

    def run(self, backend: Backend) -> Value:
        return parameters(backend.layer_class.__init__)


@attrs.frozen
class Bases(Step):
    """Read the names of the layer's classes, module and name, most derived first."""

    text = "type(layer).__mro__"

    def run(self, backend: Backend) -> Value:
        return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(backend.layer).__mro__]


@attrs.frozen
class Example(Step):
    """Run one of the page's two code examples: `before` or `after`."""

    which: str

    def run(self, backend: Backend) -> None:
        if self.which != "before":
            raise Unsupported("the second example is of another class")
        backend.layer_class(filters=3, kernel_size=3)

    def source(self, words: Words) -> str:
        if self.which == "before":
            return f"{words.layer_class}(filters=3, kernel_size=3)"
        return "tf.keras.layers.Conv2DTranspose(filters=3, kernels_size=3)"


def parameters(function: Callable[..., Any]) -> Value:
    """Return name, kind and default text of each parameter but `self`."""
    found = []
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        default = parameter.default
        text = None if default is parameter.empty else _default_text(default)
        found.append([name, parameter.kind.name, text])
    return found


def _default_text(default: Any) -> str:
    # An initializer instance says where it lives; its class is what counts.
    plain = default is None or isinstance(default, (bool, int, str, tuple))
    return repr(default) if plain else type(default).__name__


def _as_data(value: Any) -> Value:
    """Return a configuration with arrays and NumPy numbers as plain data, else unchanged."""
    if isinstance(value, Mapping):
        return {str(key): _as_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_data(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        check_array(value.shape, value.dtype.name, value.dtype.itemsize)
        return value.tolist()
    return value
