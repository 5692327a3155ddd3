"""Objects to JSON-able configurations and back, in the form that Keras 2.15 writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from fast_impl.problem.doors import shown

# What a name stands for: a class or a factory taking the configuration as keywords.
Registry = Mapping[str, Callable[..., Any]]


@dataclasses.dataclass(eq=False, repr=False)
class Configurable:
    """An object that is rebuilt from the keywords in its own configuration: the fields of its dataclass."""

    module: ClassVar[str] = ""

    def get_config(self) -> dict[str, Any]:
        """Keywords that build an equal object."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from what `get_config` returned."""
        return cls(**config)


def serialize(value: Any) -> Any:
    """``value`` as a JSON-able configuration (clause METH-06); None stays None.

    A function is known by its name only, so a configuration that holds one cannot be turned
    back into a layer: pass the function again.

    Raises:
        TypeError: A callable without a name and without a configuration.
    """
    if value is None:
        return None
    if isinstance(value, Configurable):
        return {
            "module": value.module,
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": None,
        }
    if hasattr(value, "get_config"):
        kind = type(value)
        return {
            "module": kind.__module__,
            "class_name": kind.__qualname__,
            "config": value.get_config(),
            "registered_name": kind.__name__,
        }
    name = getattr(value, "__name__", None)
    if name is None:
        raise TypeError(
            f"{shown(value)} cannot be written into a configuration: it must be a function with a name, or "
            f"have a method get_config"
        )
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def identified(
    identifier: Any, registry: Registry, argument: str, error: type[Exception] = ValueError
) -> Any:
    """The object for a name, a configuration or a callable; None stays None.

    Args:
        identifier: What the caller of the layer passes.
        registry: Every name that is known.
        argument: What the object is for, for the error message.
        error: What is raised for anything else.

    Raises:
        ValueError: Unknown name or configuration.
    """
    if isinstance(identifier, str):
        identifier = {"class_name": identifier, "config": {}}
    if isinstance(identifier, Mapping):
        return _deserialized(identifier, registry, argument)
    if identifier is None or callable(identifier):
        return identifier
    raise error(
        f"Could not interpret {argument} identifier: {identifier!r}. It must be None, a name, a "
        f"configuration or a callable"
    )


def _deserialized(config: Mapping[str, Any], registry: Registry, argument: str) -> Any:
    name, keywords = config.get("class_name"), config.get("config")
    if not isinstance(name, str) or keywords is None:
        raise ValueError(
            f"Could not interpret {argument} configuration {dict(config)!r}: it must have the keys "
            f"'class_name' and 'config'"
        )
    if name == "function" and isinstance(keywords, str):
        name, keywords = keywords, {}
    if name not in registry:
        raise ValueError(
            f"Unknown {argument}: {name!r}. Known names: {', '.join(sorted(registry))}"
        )
    if not isinstance(keywords, Mapping):
        raise ValueError(f"config={keywords!r} of {argument} {name!r} must be a dictionary")
    made = registry[name]
    build = getattr(made, "from_config", None)
    return build(dict(keywords)) if build is not None else made(**keywords)


def keras3(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layer's configuration as Keras 3 takes it.

    ``keras.layers.Conv2DTranspose.from_config(keras3_config(layer.get_config()))`` makes the layer there.
    The other way, ``from_config`` takes Keras 3's configurations as they are.

    Args:
        config: Of this library's layer, of the page's or of tf.keras'.

    Raises:
        ValueError: Groups, which no layer has.
    """
    found = {
        name: value for name, value in config.items() if name not in ("groups", "batch_input_shape")
    }
    if config.get("groups", 1) != 1:
        raise ValueError(f"groups={config['groups']!r}: Keras 3's Conv2DTranspose has none")
    dtype = config.get("dtype")
    if isinstance(dtype, Mapping):
        found["dtype"] = {**dtype, "module": "keras", "class_name": "DTypePolicy"}
    for name in ("kernel_initializer", "bias_initializer"):
        # None is Glorot's here, and zeros for a bias there.
        value = config.get(name) or "glorot_uniform"
        if isinstance(value, Mapping):
            keywords = {k: v for k, v in value.get("config", {}).items() if k != "dtype"}
            value = {**value, "config": keywords}
        found[name] = value
    return found
