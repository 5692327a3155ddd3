"""Named functions that a case may hold as activation, regularizer, constraint or initializer.

A case is data, so a function in it is a name: ``{"function": "triple"}``. Each function is kept as the
text of an expression, for NumPy and for TensorFlow: the same text runs in a subject and stands in
the script that a finding carries. The argument is called `y` (activation: the output, array to array),
`r` (activity regularizer: output to scalar; weight regularizer: weight to scalar), `w` (constraint: array
to array of the same shape) or `shape, dtype` (initializer: the values).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model.codec import Value
from conformance.model.literals import literal_text, make_literal, needs_tensorflow
from conformance.model.observation import Unsupported


@attrs.frozen
class Expression:
    """A function of `parameters` as source text, in NumPy's and in TensorFlow's words."""

    parameters: str
    numpy: str
    tensorflow: str

    def source(self, framework: str) -> str:
        """Return the lambda as source text; `framework` is ``numpy`` or ``tensorflow``."""
        return f"lambda {self.parameters}: {getattr(self, framework)}"


def _same(parameters: str, text: str) -> Expression:
    return Expression(parameters, text, text)


_INITIALIZER = "shape, dtype=None, **kwargs"

FUNCTIONS: Mapping[str, Expression] = {
    # activations
    "triple": _same("y", "3 * y"),
    "first image": _same("y", "y[:1]"),
    "twins": _same("y", "(y, y + 1)"),
    "nothing": _same("y", "None"),
    "total": Expression("y", "np.sum(y)", "tf.reduce_sum(y)"),
    "numpy triple": _same("y", "np.multiply(3, y)"),
    # regularizers
    "sum": Expression("r", "np.sum(r)", "tf.reduce_sum(r)"),
    "sum of squares": Expression("r", "np.sum(r * r)", "tf.reduce_sum(r * r)"),
    "half l1": Expression("r", "np.sum(np.abs(r)) / 2", "tf.reduce_sum(tf.abs(r)) / 2"),
    "per channel": Expression("r", "np.sum(r, axis=(0, 1, 2))", "tf.reduce_sum(r, axis=(0, 1, 2))"),
    "seven": _same("r", "7.0"),
    "no loss": _same("r", "None"),
    "numpy sum": _same("r", "np.sum(np.asarray(r))"),
    # constraints
    "double plus one": _same("w", "2 * w + 1"),
    "negate": _same("w", "-w"),
    "clip": Expression("w", "np.clip(w, -2, 2)", "tf.clip_by_value(w, -2, 2)"),
    "flatten": Expression("w", "np.reshape(w, (-1,))", "tf.reshape(w, (-1,))"),
    "scalar": Expression("w", "np.sum(w)", "tf.reduce_sum(w)"),
    "other dtype": Expression("w", "w.astype('int32')", "tf.cast(w, 'int32')"),
    "none": _same("w", "None"),
    "numpy clip": _same("w", "np.clip(np.asarray(w), -2, 2)"),
    "numpy double": _same("w", "np.clip(np.asarray(w), -2, 2).astype('float64')"),
    # initializers
    "shape alone": _same("shape", "0"),
    "no argument": _same("", "0"),
    "wrong shape": Expression(
        _INITIALIZER, "np.ones((1, 2, 3), dtype)", "tf.ones((1, 2, 3), dtype)"
    ),
    "count up": Expression(
        _INITIALIZER,
        "np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype)",
        "tf.cast(tf.reshape(tf.range(1, 1 + tf.reduce_prod(shape)), shape), dtype)",
    ),
}


def named_function(value: Value) -> Expression | None:
    """Return the function that an argument names, None where the argument is plain data.

    Raises:
        ValueError: the name is not one of `FUNCTIONS`.
    """
    if not (isinstance(value, Mapping) and value.keys() == {"function"}):
        return None
    try:
        return FUNCTIONS[value["function"]]
    except KeyError:
        known = ", ".join(sorted(FUNCTIONS))
        raise ValueError(
            f"unknown function {value['function']!r} in a case; known: {known}"
        ) from None


def make_function(
    expression: Expression, framework: str, names: Mapping[str, Any]
) -> Callable[..., Any]:
    """Return the callable; `names` holds what its text uses (`np`, `tf`).

    The text is a constant of this module, never a case's own.
    """
    function: Callable[..., Any] = eval(expression.source(framework), dict(names))
    return function


def resolve(value: Value, framework: str = "numpy", names: Mapping[str, Any] | None = None) -> Any:
    """Return a value with a named function or literal replaced by what it names, a list by a tuple.

    The kinds of sequence that the page accepts are a matter of clauses of their own; JSON has only lists,
    so pairs reach a constructor as tuples.

    Raises:
        Unsupported: only TensorFlow understands the literal.
    """
    known = names or {"np": np}
    expression = named_function(value)
    if expression is not None:
        return make_function(expression, framework, known)
    text = literal_text(value)
    if text is None:
        return tuple(value) if isinstance(value, list) else value
    if framework != "tensorflow" and needs_tensorflow(text):
        raise Unsupported(f"{text} is a value of TensorFlow's own")
    return make_literal(text, known)


def resolve_arguments(
    arguments: Mapping[str, Value], framework: str = "numpy", names: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return keyword arguments, each resolved."""
    return {name: resolve(value, framework, names) for name, value in arguments.items()}
