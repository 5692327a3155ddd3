"""Capabilities: what an implementation says that it has, and the cases that need what it has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from conformance.model.case import Case
from conformance.model.steps import (
    Call,
    ComputeOutputShape,
    Gradients,
    Invoke,
    LossGradients,
    Read,
    RoundTrip,
    SecondGradient,
    SetWeights,
    Train,
)
from conformance.model.values.dtypes import SIGNIFICAND_BITS

#: By name: a list of names, or whether the implementation has it.
Capabilities: TypeAlias = Mapping[str, Any]

#: What a list may hold.
LISTS = {
    "dtypes": (*SIGNIFICAND_BITS, "int32"),
    "layouts": ("channels_last", "channels_first"),
}
#: What the others mean.
FLAGS = {
    "dilation": "dilation_rate",
    "output_padding": "output_padding",
    "empties": "empty batches and images",
    "activations": "activation",
    "initializers": "weights of its own, made by initializers",
    "gradients": "gradients by inputs, kernel and bias",
    "training": "a step of training, then the constraints",
    "introspection": "compute_output_shape, count_params or get_config",
}
_DEFAULTS = {"dilation_rate": (1, [1, 1], None), "activation": (None, "linear")}


def declared(data: Any) -> dict[str, Any]:
    """Return what a class or a program declares, {} where it declares nothing.

    Raises:
        ValueError: an unknown name, or a value of another kind; in one line.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise ValueError(f"capabilities = {data!r:.100}: an object by name is needed")
    for name, value in data.items():
        if name in LISTS:
            if not isinstance(value, (list, tuple)) or not set(value) <= {*LISTS[name]}:
                raise ValueError(
                    f"capabilities: {name} = {value!r:.100}: a list out of {', '.join(LISTS[name])}"
                )
        elif name not in FLAGS:
            known = ", ".join((*LISTS, *FLAGS))
            raise ValueError(f"capabilities: unknown name {name!r:.50}; known: {known}")
        elif not isinstance(value, bool):
            raise ValueError(f"capabilities: {name} = {value!r:.100}: true or false is needed")
    return {name: list(v) if name in LISTS else v for name, v in data.items()}


def lacking(has: Capabilities, case: Case) -> str | None:
    """Return what a case needs and `has` denies, in words; None where nothing is denied."""
    calls = [step for step in case.steps if isinstance(step, Call)]
    if "dtypes" in has:
        named = case.arguments.get("dtype")
        used = {step.inputs.dtype.name for step in calls}
        used |= {named} if isinstance(named, str) else set()
        for name in sorted(used & {*LISTS["dtypes"]} - {*has["dtypes"]}):
            return f"declares no {name}"
    layout = str(case.arguments.get("data_format", "channels_last")).lower()
    if "layouts" in has and layout in {*LISTS["layouts"]} - {*has["layouts"]}:
        return f"declares no {layout}"
    denied = (name for name in FLAGS if has.get(name) is False)
    found = next((name for name in denied if name in _needs(case, calls)), None)
    return None if found is None else f"declares no {found}"


def _needs(case: Case, calls: list[Call]) -> set[str]:
    """Return the names of `FLAGS` that the case is about."""
    kinds = {type(step) for step in case.steps}
    needs = set()
    if case.arguments.get("dilation_rate") not in _DEFAULTS["dilation_rate"]:
        needs.add("dilation")
    if case.arguments.get("output_padding") is not None:
        needs.add("output_padding")
    if case.arguments.get("activation") not in _DEFAULTS["activation"]:
        needs.add("activations")
    if {"kernel_initializer", "bias_initializer"} & case.arguments.keys() or (
        calls and SetWeights not in kinds
    ):
        needs.add("initializers")
    if any(0 in step.inputs.shape for step in calls):
        needs.add("empties")
    if kinds & {Gradients, LossGradients, SecondGradient}:
        needs.add("gradients")
    if Train in kinds:
        needs.add("training")
    if kinds & {ComputeOutputShape, Read, RoundTrip, Invoke}:
        needs.add("introspection")
    return needs
