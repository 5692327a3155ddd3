"""Steps that read losses and updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs
import numpy as np

from conformance.model.steps.backend import Backend
from conformance.model.steps.step import Step
from conformance.model.steps.words import Words
from conformance.model.values.codec import Value
from conformance.model.values.limits import items

_FOREIGN = np.ones((1, 2, 3, 4), np.float32)

#: What losses are asked for: how a backend gets at it, and its text in a script.
_TARGETS: Mapping[str, tuple[Callable[[Backend], Any], str]] = {
    "inputs": (lambda backend: backend.last[0], "inputs"),
    "outputs": (lambda backend: backend.last[1], "outputs"),
    "kernel": (lambda backend: backend.layer.kernel, "layer.kernel"),
    "bias": (lambda backend: backend.layer.bias, "layer.bias"),
    "nested": (lambda backend: {"first": [backend.last[0]]}, "{'first': [inputs]}"),
    "twice": (
        lambda backend: [[backend.last[0]], [backend.last]],
        "[[inputs], [(inputs, outputs)]]",
    ),
    "one of two": (
        lambda backend: [backend.last[0], backend.native(_FOREIGN)],
        "[inputs, FOREIGN]",
    ),
    "empty": (lambda _: [], "[]"),
    "none": (lambda _: None, "None"),
    "text": (lambda _: "inputs", "'inputs'"),
    "number": (lambda _: 3, "3"),
    "foreign": (lambda backend: backend.native(_FOREIGN), "FOREIGN"),
}


@attrs.frozen
class Losses(Step):
    """Read `losses`: a list of scalars."""

    gives_tensors = True
    text = "layer.losses"

    def run(self, backend: Backend) -> Value:
        return backend.plain(items(backend.attribute("losses")))


@attrs.frozen
class LossIdentity(Step):
    """Read `losses` twice: for each entry, whether both times gave the same object."""

    text = "[one is other for one, other in zip(layer.losses, layer.losses)]"


@attrs.frozen
class _Asking(Step):
    gives_tensors = True
    method: ClassVar[str]
    target: str

    def run(self, backend: Backend) -> Value:
        found = backend.attribute(self.method)(_TARGETS[self.target][0](backend))
        return backend.plain(items(found))

    def source(self, words: Words) -> str:
        text = _TARGETS[self.target][1].replace("FOREIGN", words.tensor(_FOREIGN))
        return f"layer.{self.method}({text})"


@attrs.frozen
class LossesFor(_Asking):
    """Read `get_losses_for(target)`.

    `target` names what is passed: `inputs`, `outputs`, `kernel`, `bias` (of the last call), `nested` (a
    dict with a list with the inputs), `twice` (lists with the inputs, and with inputs and outputs), `one of two`
    (the inputs, and an array no call has seen), `empty` (an empty list), `none` (None), `text` (a string),
    `number` (an int), `foreign` (an array no call has seen).
    """

    method = "get_losses_for"


@attrs.frozen
class UpdatesFor(_Asking):
    """Read `get_updates_for(target)`; targets as in `LossesFor`."""

    method = "get_updates_for"


@attrs.frozen
class Collection(Step):
    """Read the scalars in a graph collection, such as `regularization_losses`."""

    gives_tensors = True
    text = "tf.compat.v1.get_collection({step.name!r})"
    name: str
