"""Python values that JSON lacks, by name: functions, and literals by their own text.

A case is data, so an activation, regularizer, constraint or initializer in it is ``{"function": "triple"}``,
and an argument of another type ``{"literal": "np.int64(3)"}``. Each is kept as source text, for NumPy and for
TensorFlow: the same text is evaluated in a subject and stands in the script that a finding carries. It is
always a text of this module, never a case's own.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from conformance.model.observation import Unsupported
from conformance.model.values.codec import Value

#: What functions of this module have raised since it was cleared: never the fault of an implementation.
RAISED: list[str] = []

#: A value's source text by framework: ``numpy``, ``tensorflow``.
Texts: TypeAlias = Mapping[str, str]


def _function(parameters: str, numpy: str, tensorflow: str | None = None) -> Texts:
    bodies = {"numpy": numpy, "tensorflow": tensorflow or numpy}
    return {framework: f"lambda {parameters}: {body}" for framework, body in bodies.items()}


def _counting(parameters: str, numpy: str, tensorflow: str | None = None) -> Texts:
    """Return a function whose body may use `count`: how often it has been called, this time included."""
    texts = _function(parameters, numpy, tensorflow)
    return {
        framework: "(lambda numbers: "
        + text.replace(": ", ": (lambda count: ", 1)
        + ")(next(numbers)))(__import__('itertools').count(1))"
        for framework, text in texts.items()
    }


_INITIALIZER = "shape, dtype=None, **kwargs"
#: A function that raises on purpose: whoever calls it is to pass the error on.
_RAISING = "division by zero"

#: The argument is called `y` (activation: the output, array to array), `r` (activity regularizer: output to
#: scalar; weight regularizer: weight to scalar), `w` (constraint: array to array of the same shape) or `shape,
#: dtype` (initializer: the values).
_PLAIN_FUNCTIONS: Mapping[str, Texts] = {
    # activations
    "triple": _function("y", "3 * y"),
    "itself": _function("y", "y"),
    "first image": _function("y", "y[:1]"),
    "twins": _function("y", "(y, y + 1)"),
    "nothing": _function("y", "None"),
    "total": _function("y", "np.sum(y)", "tf.reduce_sum(y)"),
    _RAISING: _function("*args, **kwargs", "1 // 0"),
    "numpy triple": _function("y", "np.multiply(3, y)"),
    # regularizers
    "sum": _function("r", "np.sum(r)", "tf.reduce_sum(r)"),
    "sum of squares": _function("r", "np.sum(r * r)", "tf.reduce_sum(r * r)"),
    "half l1": _function("r", "np.sum(np.abs(r)) / 2", "tf.reduce_sum(tf.abs(r)) / 2"),
    "per channel": _function("r", "np.sum(r, axis=(0, 1, 2))", "tf.reduce_sum(r, axis=(0, 1, 2))"),
    "seven": _function("r", "7.0"),
    "no loss": _function("r", "None"),
    "numpy sum": _function("r", "np.sum(np.asarray(r))"),
    # constraints
    "double plus one": _function("w", "2 * w + 1"),
    "negate": _function("w", "-w"),
    "clip": _function("w", "np.clip(w, -2, 2)", "tf.clip_by_value(w, -2, 2)"),
    "flatten": _function("w", "np.reshape(w, (-1,))", "tf.reshape(w, (-1,))"),
    "scalar": _function("w", "np.sum(w)", "tf.reduce_sum(w)"),
    "other dtype": _function("w", "w.astype('int32')", "tf.cast(w, 'int32')"),
    "none": _function("w", "None"),
    "numpy clip": _function("w", "np.clip(np.asarray(w), -2, 2)"),
    "numpy double": _function("w", "np.clip(np.asarray(w), -2, 2).astype('float64')"),
    "numpy third": _function("w", "np.asarray(w, 'float64') / 3"),
    # initializers
    "a third in float64": _function(_INITIALIZER, "np.full(shape, 1 / 3)"),
    "parameters of other names": _function(
        "s, dtype=None, **more", "np.ones(s, dtype)", "tf.ones(s, dtype)"
    ),
    "shape alone": _function("shape", "0"),
    "no argument": _function("", "0"),
    "wrong shape": _function(
        _INITIALIZER, "np.ones((1, 2, 3), dtype)", "tf.ones((1, 2, 3), dtype)"
    ),
    "count up": _function(
        _INITIALIZER,
        "np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype)",
        "tf.cast(tf.reshape(tf.range(1, 1 + tf.reduce_prod(shape)), shape), dtype)",
    ),
}
#: All of them. By those that are called `told` a layer tells what it calls them with: each gives one number
#: throughout, the sizes of the shape as digits, the bytes of the dtype, or how often it has been called. `places`
#: adds to each element its number in C order, and so tells how elements are laid out.
FUNCTIONS: Mapping[str, Texts] = {
    **_PLAIN_FUNCTIONS,
    "told shape": _function(
        "y",
        "np.full(np.shape(y), float(''.join(map(str, np.shape(y)))), y.dtype)",
        "tf.fill(y.shape, tf.cast(float(''.join(map(str, y.shape))), y.dtype))",
    ),
    "told dtype": _function(
        "y",
        "np.full(np.shape(y), y.dtype.itemsize, y.dtype)",
        "tf.fill(y.shape, tf.cast(y.dtype.size, y.dtype))",
    ),
    "told calls": _counting("y", "0 * y + count"),
    "places": _function(
        "y",
        "y + np.arange(np.size(y)).reshape(np.shape(y)).astype(y.dtype)",
        "y + tf.cast(tf.reshape(tf.range(tf.size(y)), y.shape), y.dtype)",
    ),
    "told shape, a loss": _function(
        "r",
        "float(''.join(map(str, np.shape(r))))",
        "tf.constant(float(''.join(map(str, r.shape))))",
    ),
    "told dtype, a loss": _function(
        "r", "float(r.dtype.itemsize)", "tf.constant(float(r.dtype.size))"
    ),
    "told calls, a loss": _counting("r", "float(count)", "tf.constant(float(count))"),
    "places, a loss": _function(
        "r",
        "np.sum(r * np.arange(np.size(r)).reshape(np.shape(r)))",
        "tf.reduce_sum(r * tf.cast(tf.reshape(tf.range(tf.size(r)), r.shape), r.dtype))",
    ),
    "told shape, values": _function(
        _INITIALIZER,
        "np.full(shape, float(''.join(map(str, shape))), dtype)",
        "tf.fill(shape, tf.cast(float(''.join(map(str, shape))), dtype))",
    ),
    "told dtype, values": _function(
        _INITIALIZER,
        "np.full(shape, np.dtype(dtype).itemsize, dtype)",
        "tf.fill(shape, tf.cast(tf.as_dtype(dtype).size, dtype))",
    ),
    "told calls, values": _counting(
        _INITIALIZER, "np.full(shape, count, dtype)", "tf.fill(shape, tf.cast(count, dtype))"
    ),
}


#: Texts that mean the same to every subject.
_PLAIN = (
    # numbers
    "np.int32(3)", "np.int64(3)", "np.uint8(3)", "np.float32(3)", "np.float64(3.7)", "np.array(3)",
    "np.int64(2)",
    # sequences
    "[2, 3]", "[2]", "[2, 3, 4]", "[]", "np.array([2, 3])", "range(2, 4)", "{2, 3}", "(n for n in (2, 3))",
    "(np.int64(2), np.int64(3))", "{}", "['same']", "['relu']", "[3]", "[2, 2]",
    # other types
    "np.float64", "np.dtype('float64')", "float", "int", "complex",
    "b'valid'", "b'channels_last'", "b'name'", "object()", "np.zeros((2, 3, 3, 2))",
    # inputs of a call
    "np.arange(40, dtype='float32').reshape(1, 4, 5, 2)",
    "np.arange(40, dtype='float32').reshape(1, 4, 5, 2).tolist()",
    "(np.zeros((1, 4, 5, 2), 'float32'), np.zeros((1, 4, 5, 2), 'float32'))",
    "np.zeros((1, 4, 5, 2), 'float32')", "[np.zeros((2, 3, 3, 2))]",
    "[np.zeros((2, 3, 3, 2)), np.zeros(4)]", "[np.zeros((2, 3, 3, 2)), 1.0]",
    "[np.zeros((2, 3, 3, 2), 'float64'), np.zeros(3, 'int32')]",
    "[np.zeros((2, 3, 3, 3)), np.zeros(3)]",
    # weights that could be broadcast
    "[np.zeros((2, 3, 3, 2)), np.zeros(1)]", "[np.zeros((2, 3, 3, 1)), np.zeros(3)]",
    "[np.zeros(()), np.zeros(3)]",
    # weights of the right size and another shape
    "[np.zeros((3, 2, 3, 2)), np.zeros(3)]", "[np.zeros((2, 3, 2, 3)), np.zeros(3)]",
    "[np.zeros((3, 3, 2, 2)), np.zeros(3)]", "[np.zeros((6, 6)), np.zeros(3)]", "[np.zeros(36), np.zeros(3)]",
    "[np.zeros((1, 2, 3, 3, 2)), np.zeros(3)]", "[np.zeros((2, 3, 3, 2)), np.zeros((1, 3))]",
    "[np.zeros((2, 3, 3, 2)), np.zeros((3, 1))]", "[np.zeros((2, 3, 3, 2)), [0., 0., 0.]]",
    # sequences, scalars and arrays for what is mostly a tuple or a list
    "(np.ones((2, 3, 3, 2)), np.zeros(3))", "(w for w in [np.ones((2, 3, 3, 2)), np.zeros(3)])",
    "np.array([2, 2])", "(n for n in (2, 2))", "(np.int64(2), np.int64(2))", "np.array([2, 2], np.uint8)",
    "np.array([1, 1])", "(n for n in (1, 1))", "(np.int64(1), np.int64(1))", "np.array([[2, 3]])", "np.array([3])",
    "(n for n in (3,))", "np.array([2, 4, 5, 2])", "(n for n in (2, 4, 5, 2))", "[2, 4, 5, 2]",
    "(np.int64(2), 4, 5, np.int64(2))", "np.True_", "np.array(False)", "np.str_('same')", "np.array('same')",
    "np.str_('relu')", "np.array([True, False])", "np.array([True])", "np.array([False])",
    # numbers of 8 bits, whose sums and products need more
    "np.array([100, 1], np.uint8)", "np.array([150, 1], np.uint8)", "np.array([2, 4, 5, 2], np.uint8)",
    # nested lists of numbers, some beyond what they are taken for
    "np.full((1, 4, 5, 2), 1e39).tolist()", "np.full((1, 4, 5, 2), 1).tolist()",
    "np.full((1, 4, 5, 2), 2**31).tolist()", "np.full((1, 4, 5, 2), 2**63).tolist()",
    "np.full((3, 2, 2, 4), 1).tolist()",
    "{'class_name': 'Constant', 'config': {'value': 2**70}}",
    "{'class_name': 'Constant', 'config': {'value': 2**63}}",
    # no shape, and functions that no Keras knows
    "np.array(4)", "np.asarray_chkfinite", "__import__('functools').partial(np.multiply, 3)",
    # of a training step
    "[np.full((2, 3, 3, 2), 2.5, 'float32'), np.full(3, 1.5, 'float32')]", "np.float32(0.5)", "np.float64(0.5)",
    "[np.full(shape, 2**-5 + 2**-20, 'float32') for shape in ((1, 1, 1, 1), 1)]",
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


#: Policies, which a layer outside TensorFlow knows by their two dtypes.
POLICIES: Mapping[str, Texts] = {
    f"a policy: {name}": {
        "numpy": f"__import__('types').SimpleNamespace(compute_dtype={compute!r}, variable_dtype={variable!r})",
        "tensorflow": f"tf.keras.mixed_precision.Policy({name!r})",
    }
    for name, compute, variable in (
        ("mixed_float16", "float16", "float32"),
        ("float64", "float64", "float64"),
    )
}


#: The tables by the key of a named value.
NAMED: Mapping[str, Mapping[str, Texts]] = {
    "function": FUNCTIONS,
    "literal": {
        **{text: {"numpy": text, "tensorflow": text} for text in _PLAIN},
        **{text: {"tensorflow": text} for text in _TENSORFLOW},
        **POLICIES,
    },
}


def texts_of(value: Value) -> Texts | None:
    """Return the source texts of a named value, None where the argument is plain data.

    Raises:
        ValueError: no value has that name.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((kind, name),) = value.items()
    if kind not in NAMED:
        return None
    if not isinstance(name, str) or name not in NAMED[kind]:
        known = ", ".join(sorted(NAMED[kind]))
        raise ValueError(f"unknown {kind} {name!r} in a case; known: {known}")
    return NAMED[kind][name]


def literal(text: str) -> dict[str, str]:
    """Return a literal as a case holds it."""
    value = {"literal": text}
    texts_of(value)
    return value


def resolve(value: Value, framework: str = "numpy", names: Mapping[str, Any] | None = None) -> Any:
    """Return a value with a named one replaced by what it names, made anew, and a list by a tuple.

    The kinds of sequence that the page accepts are a matter of clauses of their own; JSON has only lists,
    so pairs reach a constructor as tuples.

    Args:
        value: an argument of a case.
        framework: ``numpy`` or ``tensorflow``.
        names: what the texts use: `np`, and `tf`.

    Raises:
        Unsupported: only TensorFlow understands the value.
    """
    texts = texts_of(value)
    if texts is None:
        # What is given may be written to, and a case is used again.
        own = copy.deepcopy(value) if isinstance(value, (list, Mapping)) else value
        return tuple(own) if isinstance(own, list) else own
    if framework not in texts:
        raise Unsupported(f"{texts['tensorflow']} is a value of TensorFlow's own")
    found = eval(texts[framework], {"np": np, **(names or {})})
    if framework == "numpy" and isinstance(value, Mapping) and "function" in value:
        if value["function"] == _RAISING:
            return found
        return _watched(str(value["function"]), found)
    return found


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, with what is raised in it noted in `RAISED`.

    It takes NumPy arrays. What it makes of a tensor of another kind is no fault of whoever passes that; arguments
    that it does not take at all are.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        signature.bind(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            kinds = ", ".join(type(one).__name__ for one in (*args, *kwargs.values()))
            RAISED.append(f"the suite's function {name!r} takes NumPy arrays, was given {kinds}")
            raise Unsupported(RAISED[-1]) from error

    return watched


def resolve_arguments(
    arguments: Mapping[str, Value], framework: str = "numpy", names: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return keyword arguments, each resolved.

    Functions and configurations that are the same become one object, as with a caller who has it once.
    """
    made: dict[str, Any] = {}

    def one(value: Value) -> Any:
        if not isinstance(value, Mapping):
            return resolve(value, framework, names)
        return made.setdefault(repr(value), resolve(value, framework, names))

    return {name: one(value) for name, value in arguments.items()}
