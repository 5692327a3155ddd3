"""Steps about the framework around the layer: scopes, seeds, modes, collections, the native layer.

Only a backend of a framework that has such things does them.
"""

from __future__ import annotations

from typing import Any

import attrs

from conformance.model.steps.step import Encoded, Step
from conformance.model.steps.words import Words
from conformance.model.values.codec import Array

#: The scopes that can be entered: no other function of TensorFlow's is called by its name.
SCOPES = ("variable_scope", "name_scope", "keras_style_scope")


def _must_be_a_scope(_: Any, field: attrs.Attribute[str], name: str) -> None:
    if name not in SCOPES:
        raise ValueError(f"`{field.name}` should be one of {', '.join(SCOPES)}, not {name!r:.60}")


@attrs.frozen
class OutputName(Step):
    """Read the name of the last call's output in the graph."""

    text = "outputs.name"


@attrs.frozen
class Collections(Step):
    """Read every graph collection: the names of its members."""


@attrs.frozen(eq=False)
class Enter(Step):
    """Enter a scope of TensorFlow's, one of `SCOPES`, with arguments."""

    changes_state = is_statement = True
    scope: str = attrs.field(validator=_must_be_a_scope)
    arguments: Encoded = attrs.field(factory=dict)

    def source(self, words: Words) -> str:
        made = f"tf.compat.v1.{self.scope}({words.given((), self.arguments)})"
        return f"scope = {made}; scope.__enter__()"


@attrs.frozen
class Leave(Step):
    """Leave the scopes that were entered."""

    changes_state = is_statement = True
    text = "scope.__exit__(None, None, None)"


@attrs.frozen
class Seed(Step):
    """Seed a global generator; `how` is `graph` (`tf.random.set_seed`) or `framework` (Keras and NumPy too)."""

    changes_state = is_statement = True
    how: str
    seed: int

    def source(self, words: Words) -> str:
        framework = self.how == "framework"
        name = "keras.utils.set_random_seed" if framework else "random.set_seed"
        return f"tf.{name}({self.seed})"


@attrs.frozen
class ImageFormat(Step):
    """Set Keras' global image format, which `data_format=None` means."""

    changes_state = is_statement = True
    data_format: str

    def source(self, words: Words) -> str:
        return f"tf.keras.backend.set_image_data_format({self.data_format!r})"


@attrs.frozen
class OtherMode(Step):
    """Construct a layer in the other mode of the framework: eager in graph mode, graph in eager mode."""

    changes_state = is_statement = True
    text = "with tf.Graph().as_default(): {words.layer_class}(3, 2)"


@attrs.frozen(eq=False)
class Counterpart(Step):
    """Call the native layer that the page names, made of the same arguments, with this layer's weights."""

    inputs: Array


@attrs.frozen(eq=False)
class CounterpartArguments(Step):
    """Construct the native layer that the page names with these arguments, and read its `data_format`."""

    arguments: Encoded
    positional: Encoded = ()

    def source(self, words: Words) -> str:
        made = words.given(self.positional, self.arguments)
        return f"tf.keras.layers.Conv2DTranspose({made}).data_format"


@attrs.frozen
class CounterpartSignature(Step):
    """Read the parameters of the native layer's constructor, as `Signature`."""

    text = "__import__('inspect').signature(tf.keras.layers.Conv2DTranspose.__init__)"


@attrs.frozen
class SourceLines(Step):
    """Read where the class and four methods stand in the source: for each, its first and last line."""


@attrs.frozen
class WithoutLegacyKeras(Step):
    """Read what the class's name gives in a fresh process of the same framework with its newest Keras."""
