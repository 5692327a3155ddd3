"""Argument values that JSON has not, by their Python text: ``{"literal": "np.int64(3)"}``.

As with `conformance.model.callables`, the text both runs in a subject and stands in the script that a finding
carries; it is always one of the texts below, never a case's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.model.codec import Value

#: Texts that mean the same to every subject.
_PLAIN = (
    # numbers
    "np.int32(3)", "np.int64(3)", "np.uint8(3)", "np.float32(3)", "np.float64(3.7)", "np.array(3)",
    "np.int64(2)",
    # sequences
    "[2, 3]", "[2]", "[2, 3, 4]", "[]", "np.array([2, 3])", "range(2, 4)", "{2, 3}", "(n for n in (2, 3))",
    "(np.int64(2), np.int64(3))", "{}", "['same']", "['relu']", "[3]", "[2, 2]",
    # other types
    "b'valid'", "b'channels_last'", "b'name'", "object()", "np.zeros((2, 3, 3, 2))",
    # inputs of a call
    "np.arange(40, dtype='float32').reshape(1, 4, 5, 2)",
    "np.arange(40, dtype='float32').reshape(1, 4, 5, 2).tolist()",
    "(np.zeros((1, 4, 5, 2), 'float32'), np.zeros((1, 4, 5, 2), 'float32'))",
    "np.zeros((1, 4, 5, 2), 'float32')", "[np.zeros((2, 3, 3, 2))]",
    "[np.zeros((2, 3, 3, 2)), np.zeros(4)]", "[np.zeros((2, 3, 3, 2)), 1.0]",
    "[np.zeros((2, 3, 3, 2), 'float64'), np.zeros(3, 'int32')]",
    "[np.zeros((2, 3, 3, 3)), np.zeros(3)]",
    "np.arange(80, dtype='float32').reshape(1, 2, 4, 5, 2)",
)  # fmt: skip

#: Texts that only TensorFlow understands.
_TENSORFLOW = (
    "tf.TensorShape([2, 3])",
    "tf.keras.layers.ReLU()",
    "tf.keras.initializers.Ones",
    "tf.keras.initializers.Ones()",
    "tf.compat.v1.ones_initializer()",
    "tf.compat.v1.constant_initializer(7.)",
    "tf.compat.v1.constant_initializer(-7.)",
    "tf.constant(1.)",
    "tf.constant(np.arange(40, dtype='float32').reshape(1, 4, 5, 2))",
    "tf.Variable(np.zeros((1, 4, 5, 2), 'float32'))",
    "tf.sparse.from_dense(np.ones((1, 4, 5, 2), 'float32'))",
    "tf.RaggedTensor.from_tensor(np.ones((1, 4, 5, 2), 'float32'))",
    "tf.nn.l2_loss",
    "tf.nn.relu",
    "tf.float64",
    "lambda w: 2 * w",
    "tf.compat.v1.fixed_size_partitioner(2)",
    "tf.compat.v1.AUTO_REUSE",
    "tf.compat.v1.no_op()",
)


def literal_text(value: Value) -> str | None:
    """Return the text of a literal, None where the argument is plain data.

    Raises:
        ValueError: the text is not one of this module's.
    """
    if not (isinstance(value, Mapping) and value.keys() == {"literal"}):
        return None
    text = value["literal"]
    if text not in _PLAIN and text not in _TENSORFLOW:
        raise ValueError(f"unknown literal {text!r} in a case")
    return str(text)


def needs_tensorflow(text: str) -> bool:
    """Tell whether only TensorFlow understands the literal."""
    return text in _TENSORFLOW


def make_literal(text: str, names: Mapping[str, Any]) -> Any:
    """Return the value of a literal, made anew; `names` holds what its text uses (`np`, `tf`)."""
    return eval(text, {"np": np, **names})


def literal(text: str) -> dict[str, str]:
    """Return a literal as a case holds it."""
    value = {"literal": text}
    literal_text(value)
    return value
