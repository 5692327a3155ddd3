"""Activations by their names in Keras 2, as each side writes them; softmax is over the last axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

#: What Keras 3 calls `hard_sigmoid`: another line than Keras 2's.
OF_KERAS_3 = "hard_sigmoid of Keras 3"
#: They depend on where the last axis is.
OF_THE_LAST_AXIS = ("softmax", "log_softmax", "Softmax")

TORCH: Mapping[str, str] = {
    **{name: f"functional.{name}(outputs)" for name in ("relu", "relu6", "elu", "selu", "gelu", "mish")},
    **{name: f"functional.{name}(outputs)" for name in ("softplus", "softsign", "silu")},
    **{name: f"functional.{name}(outputs, -1)" for name in ("softmax", "log_softmax")},
    **{name: f"torch.{name}(outputs)" for name in ("sigmoid", "tanh")},
    "leaky_relu": "functional.leaky_relu(outputs, 0.2)",
    "swish": "functional.silu(outputs)",
    "exponential": "torch.exp(outputs)",
    "hard_sigmoid": "(0.2 * outputs + 0.5).clamp(0, 1)",
    OF_KERAS_3: "functional.hardsigmoid(outputs)",
}  # fmt: skip
JAX: Mapping[str, str] = {
    **{name: f"jax.nn.{name}(outputs)" for name in ("relu", "relu6", "elu", "selu", "mish", "softplus", "silu")},
    **{name: f"jax.nn.{name}(outputs)" for name in ("sigmoid", "softmax", "log_softmax", "swish")},
    "leaky_relu": "jax.nn.leaky_relu(outputs, 0.2)",
    "gelu": "jax.nn.gelu(outputs, approximate=False)",
    "softsign": "jax.nn.soft_sign(outputs)",
    "tanh": "np.tanh(outputs)",
    "exponential": "np.exp(outputs)",
    "hard_sigmoid": "np.clip(0.2 * outputs + 0.5, 0, 1)",
    OF_KERAS_3: "jax.nn.hard_sigmoid(outputs)",
}  # fmt: skip
TENSORFLOW: Mapping[str, str] = {
    **{name: f"tf.nn.{name}(outputs)" for name in ("relu", "relu6", "elu", "selu", "softplus", "softsign")},
    **{name: f"tf.nn.{name}(outputs)" for name in ("silu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax")},
    "leaky_relu": "tf.nn.leaky_relu(outputs, 0.2)",
    "swish": "tf.nn.silu(outputs)",
    "exponential": "tf.exp(outputs)",
    "mish": "outputs * tf.tanh(tf.nn.softplus(outputs))",
    "hard_sigmoid": "tf.clip_by_value(0.2 * outputs + 0.5, 0, 1)",
    OF_KERAS_3: "tf.nn.relu6(outputs + 3) / 6",
}  # fmt: skip
KERAS: Mapping[str, str] = {
    **{
        name: f"keras.activations.{name}(outputs)"
        for name in (
            "relu", "relu6", "leaky_relu", "elu", "selu", "softplus", "softsign", "silu", "sigmoid", "tanh",
            "gelu", "softmax", "log_softmax", "exponential", "mish",
        )
    },
    "swish": "keras.activations.silu(outputs)",
    "hard_sigmoid": "keras.ops.clip(0.2 * outputs + 0.5, 0, 1)",
    OF_KERAS_3: "keras.activations.hard_sigmoid(outputs)",
}  # fmt: skip
NUMPY: Mapping[str, str] = {OF_KERAS_3: "np.clip(outputs / 6 + 0.5, 0, 1)"}


@attrs.frozen
class Node:
    """A node of ONNX.

    Args:
        kind: its operator.
        inputs: `x` is the activation's argument, `y` what the node before it makes; numbers are constants.
        attributes: by their names.
    """

    kind: str
    inputs: tuple[str | float, ...] = ("x",)
    attributes: Mapping[str, Any] = attrs.field(factory=dict)


ONNX: Mapping[str, tuple[Node, ...]] = {
    **{name.lower(): (Node(name),) for name in ("Relu", "Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "Softsign")},
    **{name.lower(): (Node(name),) for name in ("Gelu", "Mish")},
    **dict.fromkeys(("swish", "silu"), (Node("Sigmoid"), Node("Mul", ("x", "y")))),
    "relu6": (Node("Clip", ("x", 0.0, 6.0)),),
    "leaky_relu": (Node("LeakyRelu", attributes={"alpha": 0.2}),),
    "exponential": (Node("Exp"),),
    "softmax": (Node("Softmax", attributes={"axis": -1}),),
    "log_softmax": (Node("LogSoftmax", attributes={"axis": -1}),),
    "hard_sigmoid": (Node("HardSigmoid", attributes={"alpha": 0.2, "beta": 0.5}),),
    OF_KERAS_3: (Node("HardSigmoid", attributes={"alpha": 1 / 6, "beta": 0.5}),),
}  # fmt: skip


def known_activation(value: Any, *, keras_3: bool = False) -> str | None:
    """Return the name of an activation; None is the identity.

    Args:
        value: a name, a function with one, or None.
        keras_3: whether Keras 3 calls it so.

    Raises:
        ValueError: it is none of these, or Keras 2 knows no such name.
    """
    from fast_impl import activations

    name = getattr(value, "__name__", None) if callable(value) else value
    if value is None or name == "linear":
        return None
    if not isinstance(name, str):
        raise ValueError(f"activation={value!r}: must be a name, a function or None")
    try:
        activations.get(name)
    except ValueError as error:
        raise ValueError(f"activation={value!r}: is not translated. {error}") from None
    return OF_KERAS_3 if keras_3 and name == "hard_sigmoid" else name


def name_in_keras(name: str, *, keras_3: bool) -> str | None:
    """Return what Keras calls an activation; None where it has no name for it."""
    if keras_3:
        return {OF_KERAS_3: "hard_sigmoid", "hard_sigmoid": None}.get(name, name)
    return None if name == OF_KERAS_3 else name
