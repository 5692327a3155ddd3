"""The layer's constructor arguments: which are accepted, and what becomes of them (group ARG).

The rules are Keras 2.15's, in its order: what it stores without a look and trips over later is
stored here too, and refused when the layer is built or called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_impl.layer import activations, initializers
from reference_impl.layer.losses import regularizers
from reference_impl.layer.policy import policy_of
from reference_impl.layer.serialization import serialize
from reference_impl.layer.weights import constraints

__all__ = ["Configuration", "batch_input_shape", "normalize_tuple", "require_known_keywords"]

KEYWORDS = frozenset(
    {
        *("dilation_rate", "output_padding", "groups", "dtype", "autocast", "weights"),
        *("input_shape", "batch_input_shape", "batch_size", "input_dim", "dynamic"),
        *("implementation", "conv_op", "kernel_layout", "bias_layout", "_scope", "_reuse"),
    }
)
"""The further arguments that the layer takes (ARG-11)."""


def require_known_keywords(keywords: dict[str, Any]) -> None:
    """Refuses keyword arguments that the layer does not know (ARG-11).

    Raises:
        TypeError: with the arguments `("Keyword argument not understood:", name)`.
    """
    if "rank" in keywords:
        raise TypeError("got multiple values for keyword argument 'rank'")
    for name in keywords:
        if name not in KEYWORDS:
            raise TypeError("Keyword argument not understood:", name)
    if not isinstance(keywords.get("dynamic", False), bool):
        raise TypeError(
            f"Expected `dynamic` argument to be a boolean, but got: {keywords['dynamic']!r}"
        )


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "kernel_initializer": initializers.get,
    "bias_initializer": initializers.get,
    "kernel_regularizer": regularizers.get,
    "bias_regularizer": regularizers.get,
    "activity_regularizer": regularizers.get,
    "kernel_constraint": constraints.get,
    "bias_constraint": constraints.get,
}
"""How the arguments are read whose values are functions of weights and outputs, in Keras' order."""


class Configuration:
    """The arguments that make the layer's function, normalised; see `Conv2DTranspose`."""

    activation: Any
    use_bias: Any
    activity_regularizer: Any

    def __init__(self, arguments: dict[str, Any], keywords: dict[str, Any]) -> None:
        self.activation = activations.get(arguments["activation"])
        self.use_bias = arguments["use_bias"]
        for name, get in FUNCTIONS.items():
            setattr(self, name, get(arguments[name]))
        require_known_keywords(keywords)
        trainable = arguments["trainable"]
        if not isinstance(trainable, bool):
            raise TypeError(
                f"Expected `trainable` argument to be a boolean, but got: {trainable!r} (ARG-09)"
            )
        self.trainable: Any = trainable
        self._policy = policy_of(keywords.get("dtype"))
        self.filters = _filters(arguments["filters"])
        self.groups = keywords.get("groups", 1) or 1
        self.kernel_size = normalize_tuple(arguments["kernel_size"], "kernel_size")
        self.strides = normalize_tuple(arguments["strides"], "strides", allow_zero=True)
        self.padding = _padding(arguments["padding"])
        self.data_format = _data_format(arguments["data_format"])
        self.dilation_rate = normalize_tuple(keywords.get("dilation_rate", 1), "dilation_rate")
        self._require_consistency()
        self.output_padding = keywords.get("output_padding")
        if self.output_padding is not None:
            self.output_padding = normalize_tuple(
                self.output_padding, "output_padding", allow_zero=True
            )
            if any(extra >= s for s, extra in zip(self.strides, self.output_padding, strict=True)):
                raise ValueError(
                    "Strides must be greater than output padding. Received "
                    f"strides={self.strides}, output_padding={self.output_padding} (ARG-14)."
                )

    def _require_consistency(self) -> None:
        if self.filters is not None and self.filters % self.groups != 0:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, filters={self.filters} (ARG-15)"
            )
        if not all(self.strides):
            raise ValueError(
                f"The argument `strides` cannot contains 0(s). Received: {self.strides} (ARG-04)"
            )
        if self.padding == "causal":
            raise ValueError(
                "Causal padding is only supported for `Conv1D` and `SeparableConv1D`; use "
                '"valid" or "same" (ARG-05).'
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate} (ARG-13)"
            )

    def get_config(self) -> dict[str, Any]:
        """The arguments as a JSON-able dict, with Keras 2.15's keys, forms and order (METH-06)."""
        return {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialized(self.activation),
            "use_bias": self.use_bias,
            **{
                name: serialize(getattr(self, name), f"keras.{name.partition('_')[2]}s")
                for name in FUNCTIONS
            },
            "output_padding": self.output_padding,
        }


def normalize_tuple(value: Any, name: str, allow_zero: bool = False) -> tuple[Any, ...]:
    """An integer or an iterable of two as a pair; the members keep their types (ARG-03, ARG-04).

    Raises:
        ValueError: not two numbers, or a number out of range. A NumPy scalar or a single float
            is not an integer here; a pair of floats passes and fails when the layer is called.
        TypeError: members that cannot be compared with 0, such as strings.
    """
    rule = f"The `{name}` argument must be a tuple of 2 integers. Received: {value!r}"
    if isinstance(value, int):
        members: tuple[Any, ...] = (value, value)
    else:
        try:
            members = tuple(value)
        except TypeError:
            raise ValueError(rule) from None
        if len(members) != 2:
            raise ValueError(rule)
        for member in members:
            try:
                int(member)
            except (ValueError, TypeError):
                raise ValueError(
                    f"{rule}, including element {member!r} of type {type(member)}"
                ) from None
    unfit = [member for member in members if (member < 0 if allow_zero else member <= 0)]
    if unfit:
        requirement = ">= 0" if allow_zero else "> 0"
        raise ValueError(
            f"{rule} including {unfit} that does not satisfy the requirement `{requirement}`."
        )
    return members


def batch_input_shape(keywords: dict[str, Any]) -> tuple[Any, ...] | None:
    """The input shape announced to the constructor: only the configuration holds it (ARG-20)."""
    if "batch_input_shape" in keywords:
        return tuple(keywords["batch_input_shape"])
    if "input_shape" in keywords or "input_dim" in keywords:
        shape = keywords.get("input_shape", (keywords.get("input_dim"),))
        return (keywords.get("batch_size"), *shape)
    return None


def _filters(filters: Any) -> Any:
    if isinstance(filters, float):
        filters = int(filters)
    if filters is not None and filters <= 0:
        raise ValueError(
            "Invalid value for argument `filters`. Expected a strictly positive value. "
            f"Received filters={filters} (ARG-02)."
        )
    return filters


def _padding(padding: Any) -> Any:
    if isinstance(padding, (list, tuple)):
        return padding
    lowered = padding.lower()
    if lowered not in ("valid", "same", "causal"):
        raise ValueError(
            'The `padding` argument must be a list/tuple or one of "valid", "same" (or "causal", '
            f"only for `Conv1D). Received: {padding!r} (ARG-05)"
        )
    return lowered


def _data_format(data_format: Any) -> str:
    if data_format is None:
        data_format = "channels_last"
    lowered = data_format.lower()
    if lowered not in ("channels_last", "channels_first"):
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". '
            f"Received: {data_format!r} (ARG-06)"
        )
    return str(lowered)
