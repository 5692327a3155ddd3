"""Steps that treat a layer as a Python object: the same for every backend."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Value
from conformance.model.observation import Unsupported


class ObjectSteps:
    """Construction of several layers, methods and attributes by name, copies, configurations."""

    _layer: Any
    _layers: dict[str, Any]

    def start(self, case: Case) -> None:
        """Make the case's own layer."""
        self._layers = {}
        self._arguments: Mapping[str, Value] = case.arguments
        self._layer = self._layers["layer"] = self._made(case.arguments)

    def construct_another(self, step: steps.Construct) -> Value:
        """Make a further layer."""
        self._layer = self._layers[step.layer] = self._made(step.arguments, step.positional)
        return None

    def use(self, step: steps.Use) -> Value:
        """Turn to a layer."""
        self._layer = self._layers[step.layer]
        return None

    def invoke(self, step: steps.Invoke) -> Value:
        """Call a method, or the layer itself."""
        function = self._layer if step.method == "call" else self._attribute(step.method)
        arguments = [self._resolved(value) for value in step.arguments]
        keywords = {name: self._resolved(value) for name, value in step.keywords.items()}
        return self._value(function(*arguments, **keywords))

    def assign(self, step: steps.Assign) -> Value:
        """Set an attribute."""
        self._attribute(step.attribute)
        setattr(self._layer, step.attribute, self._resolved(step.value))
        return None

    def has(self, step: steps.Has) -> Value:
        """Look attributes up."""
        return [hasattr(self._layer, name) for name in step.attributes]

    def warned(self, step: steps.Warned) -> Value:
        """Collect the categories of the warnings that an action gives."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                if step.action == "construct":
                    self._made(self._arguments)
                elif step.action == "call":
                    self._layer(self._sample())
                elif step.action == "functional":
                    self._functional()
                else:
                    self._attribute(step.action)
            except RuntimeError:
                pass  # an attribute may warn and then raise; `Read` tells about that
        return sorted({warning.category.__name__ for warning in caught})

    def signature(self, _: steps.Signature) -> Value:
        """Describe the constructor's parameters."""
        return parameters(self._class_or_function().__init__)

    def bases(self, _: steps.Bases) -> Value:
        """Name the classes."""
        return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(self._layer).__mro__]

    def round_trip(self, _: steps.RoundTrip) -> Value:
        """Make a layer from the layer's configuration."""
        config = self._attribute("get_config")()
        again = type(self._layer).from_config(copy.deepcopy(config))
        self._layer = self._layers["round trip"] = again
        return [_as_data(config), _as_data(again.get_config())]

    def copy(self, step: steps.Copy) -> Value:
        """Copy the layer."""
        how: dict[str, Callable[[Any], Any]] = {
            "deepcopy": copy.deepcopy,
            "pickle": lambda layer: pickle.loads(pickle.dumps(layer)),
        }
        self._layer = self._layers["copy"] = how[step.how](self._layer)
        return None

    def same_weights(self, step: steps.SameWeights) -> Value:
        """Compare identities of weights."""
        other = self._layers[step.other]
        return [one is two for one, two in zip(self._attribute("weights"), other.weights)]

    def _attribute(self, name: str) -> Any:
        # Not getattr alone: a property that raises AttributeError is an error, not an absence.
        if not has_attribute(self._layer, name):
            raise Unsupported(f"the class has no {name!r}")
        return getattr(self._layer, name)

    def _class_or_function(self) -> Any:
        return type(self._layer)

    def _sample(self) -> Any:
        first = self._arguments.get("data_format") == "channels_first"
        return np.zeros((1, 2, 4, 5) if first else (1, 4, 5, 2), np.float32)

    def _functional(self) -> Any:
        raise Unsupported("there is no functional form")

    def _made(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        raise NotImplementedError

    def _resolved(self, value: Value) -> Any:
        raise NotImplementedError

    def _value(self, result: Any) -> Value:
        raise NotImplementedError


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
        return value.tolist()
    return value


def has_attribute(instance: object, name: str) -> bool:
    """Tell whether an instance has an attribute, without running a property."""
    try:
        inspect.getattr_static(instance, name)
    except AttributeError:
        return hasattr(type(instance), "__getattr__") and hasattr(instance, name)
    return True
