"""A case in words: the constructor call and what was done with the layer, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reports.records.values import brief, shape_text

_DEFAULTS: Mapping[str, Any] = {
    "strides": [1, 1],
    "padding": "valid",
    "data_format": "channels_last",
    "activation": None,
    "use_bias": True,
    "trainable": True,
    "name": None,
}

_PAIRS = frozenset(["kernel_size", "strides", "dilation_rate", "output_padding"])


@attrs.frozen
class Argument:
    """A constructor argument as Python spells it."""

    name: str
    value: str
    is_default: bool


@attrs.frozen
class Step:
    """One step in words; `is_culprit` marks the one that a finding is about."""

    text: str
    is_culprit: bool


def arguments(case: Mapping[str, Any]) -> list[Argument]:
    """Return the constructor arguments that the case names."""
    given = case.get("arguments")
    if not isinstance(given, Mapping):
        return []
    return [
        Argument(str(name), _spelled(name, value), _is_default(name, value))
        for name, value in given.items()
    ]


def steps(case: Mapping[str, Any], culprit: int | None) -> list[Step]:
    """Put the steps into words."""
    given = case.get("steps")
    if not isinstance(given, list):
        return []
    return [Step(_step(data), place == culprit) for place, data in enumerate(given)]


def summary(case: Mapping[str, Any]) -> str:
    """Return the constructor call in one line, without arguments that are the page's defaults."""
    shown = [
        f"{argument.name}={argument.value}"
        for argument in arguments(case)
        if not argument.is_default
    ]
    return f"Conv2DTranspose({', '.join(shown)})"


def asked(case: Mapping[str, Any], culprit: int | None) -> str:
    """Return the constructor call in one line, and the step that a finding is about."""
    found = [step.text for step in steps(case, culprit) if step.is_culprit]
    return ": ".join([summary(case), *found])


def _is_default(name: object, value: Any) -> bool:
    """Whether the value is the page's default: 1 is not True, and pairs of True are no pairs of 1."""
    # The representations tell the types apart, which equality does not.
    return name in _DEFAULTS and repr(_DEFAULTS[str(name)]) == repr(value)


def _spelled(name: object, value: Any) -> str:
    if name in _PAIRS and isinstance(value, list) and not all(type(v) is int for v in value):
        return "(" + ", ".join(brief(item) for item in value) + ")"
    return brief(value, 120)


def _step(data: object) -> str:
    if not isinstance(data, Mapping):
        return brief(data)
    do = str(data.get("do", "?"))
    rest = {str(key): value for key, value in data.items() if key != "do"}
    spelled = {key: brief(value, 120) for key, value in rest.items()}
    if do == "build" and "input_shape" in rest:
        return f"build for inputs of shape {_shape(rest['input_shape'])}"
    if do == "set_weights" and isinstance(rest.get("values"), list):
        names = ("kernel", "bias")
        values = rest["values"]
        parts = [
            f"{name} {brief(value, 80)}" for name, value in zip(names, values, strict=False)
        ] + [brief(value, 80) for value in values[len(names) :]]
        return "set weights: " + ", ".join(parts) if parts else "set no weights"
    if do == "call" and "inputs" in rest:
        via = rest.get("via", "call")
        how = "call" if via == "call" else f"call through {via}"
        return f"{how} on {spelled['inputs']}"
    if do in ("compute_output_shape", "static_shape") and "input_shape" in rest:
        what = do.replace("_", " ")
        return f"{what} for inputs of shape {_shape(rest['input_shape'])}"
    if do == "read" and "attribute" in rest:
        return f"read the attribute {rest['attribute']}"
    if do == "losses":
        return "read losses"
    if do == "train":
        optimizer = str(rest.pop("optimizer", "gradient_descent")).replace("_", " ")
        rate = spelled.get("learning_rate", "?")
        return f"train one step of {optimizer} with learning rate {rate}" + (
            f" on {spelled['inputs']}" if "inputs" in rest else ""
        )
    if do == "invoke" and "method" in rest:
        return f"call the method {rest['method']}({_passed(rest)})"
    if do == "gradients" and "inputs" in rest:
        return f"gradients at inputs {spelled['inputs']}"
    shown = ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in spelled.items())
    return do.replace("_", " ") + (f": {shown}" if shown else "")


def _passed(step: Mapping[str, Any]) -> str:
    """Write the arguments that a step passes to a method."""
    arguments, keywords = step.get("arguments"), step.get("keywords")
    passed = [brief(value, 120) for value in arguments] if isinstance(arguments, list) else []
    if isinstance(keywords, Mapping):
        passed += [f"{name}={brief(value, 120)}" for name, value in keywords.items()]
    return ", ".join(passed)


def _shape(value: object) -> str:
    return shape_text(value) if isinstance(value, list) else brief(value)
