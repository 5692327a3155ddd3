"""The constructor's arguments: what is accepted, in which form it is kept, what is refused.

Checked in the order, with the error classes, and at the moment of TensorFlow 2.15 in eager mode
(clauses ARG-01 to ARG-20): some wrong values pass here and are refused when the layer is built
or called, by `check_when_called`.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from fast_impl.problem import dtypes
from fast_impl.problem.doors import LARGEST, about, shown
from fast_impl.problem.problem import DATA_FORMATS, PADDINGS

Pair = tuple[Any, Any]

# Everything that **kwargs may hold. What is not read anywhere has no effect, as in TensorFlow.
KNOWN_KEYWORDS = frozenset(
    {
        "dilation_rate",
        "output_padding",
        "groups",
        "dtype",
        "dynamic",
        "autocast",
        "weights",
        "input_shape",
        "batch_input_shape",
        "batch_size",
        "input_dim",
        "implementation",
        "conv_op",
        "kernel_layout",
        "bias_layout",
        "_scope",
        "_reuse",
    }
)


def check_keywords(keywords: dict[str, Any]) -> None:
    """Refuse what the layer does not know.

    Raises:
        TypeError: An unknown keyword.
    """
    for name in keywords:
        if name == "rank":
            raise TypeError("Conv2DTranspose got multiple values for keyword argument 'rank'")
        if name not in KNOWN_KEYWORDS:
            raise TypeError("Keyword argument not understood:", name)
    if not isinstance(keywords.get("dynamic", False), bool):
        given = shown(keywords["dynamic"])
        raise TypeError(f"Expected `dynamic` to be a boolean, but got: {given}")


def checked_filters(filters: Any, groups: Any) -> tuple[Any, Any]:
    """``filters`` (a float is truncated, None is left for the call) and ``groups``."""
    with about("filters", filters, "must be a positive integer"):
        if isinstance(filters, float):
            filters = int(filters)
        if filters is not None and filters <= 0:
            raise ValueError(f"filters={filters!r}: Expected a strictly positive value")
        filters = _plain(filters)
    with about("groups", groups, "must be a positive integer"):
        groups = groups or 1
        if filters is not None and filters % groups != 0:
            raise ValueError(
                f"filters={filters!r} must be evenly divisible by the number of groups, {groups!r}"
            )
    return filters, groups


def checked_pair(value: Any, argument: str, *, least: int) -> Pair:
    """``value`` as a pair; one int stands for both axes.

    Floats in the pair pass: TensorFlow notices them when the layer is called.

    Raises:
        ValueError: Not two numbers, or one of them below ``least``.
        TypeError: Numbers as text.
    """
    rule = f"The `{argument}` argument must be a tuple of 2 integers. Received: {shown(value)}"
    if isinstance(value, int):
        items: tuple[Any, ...] = (value, value)
    else:
        try:
            items = tuple(itertools.islice(value, 3))  # some iterators never end
        except TypeError:
            raise ValueError(rule) from None
    if len(items) != 2:
        raise ValueError(rule)
    for item in items:
        try:
            int(item)
        except (TypeError, ValueError):
            kind = type(item).__name__
            raise ValueError(f"{rule}, including {shown(item)} of type {kind}") from None
        except OverflowError:
            raise OverflowError(f"{rule}, including {shown(item)}") from None
    with about(argument, value, "must be 2 integers"):
        if any(item < least for item in items):
            sign = "> 0" if least else ">= 0"
            raise ValueError(f"{rule}, which does not satisfy the requirement `{sign}`")
        return _plain(items[0]), _plain(items[1])


def checked_strides(strides: Any) -> Pair:
    """``strides`` as a pair."""
    pair = checked_pair(strides, "strides", least=0)
    if not all(pair):
        raise ValueError(f"The argument `strides` cannot contains 0(s). Received: {pair}")
    return pair


def checked_padding(padding: Any) -> Any:
    """``padding`` in lower case; a list or tuple passes, and is refused at the call."""
    if isinstance(padding, (list, tuple)):
        return padding
    with about("padding", padding, "must be 'valid' or 'same', in any case"):
        lower = padding.lower()
    if lower == "causal":
        raise ValueError("Causal padding is only supported for `Conv1D` and `SeparableConv1D`")
    if lower not in PADDINGS:
        raise ValueError(
            f'padding={shown(padding)}: must be a list/tuple or one of "valid", "same", in any case'
        )
    return lower


def checked_data_format(data_format: Any) -> str:
    """``data_format`` in lower case; None is Keras's default image format."""
    with about("data_format", data_format, "must be 'channels_last' or 'channels_first'"):
        lower = "channels_last" if data_format is None else data_format.lower()
    if lower not in DATA_FORMATS:
        raise ValueError(
            f'data_format={shown(data_format)}: must be one of "channels_first", "channels_last"'
        )
    return str(lower)


def checked_dilation(dilation_rate: Any, strides: Pair) -> Pair:
    """``dilation_rate`` as a pair, refused together with strides (ARG-13)."""
    pair = checked_pair(dilation_rate, "dilation_rate", least=1)
    if max(strides) > 1 and max(pair) > 1:
        raise ValueError(
            f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
            f"strides={strides} and dilation_rate={pair}"
        )
    return pair


def checked_output_padding(output_padding: Any, strides: Pair) -> Pair | None:
    """``output_padding`` as a pair below the strides, or None, which is not 0 (ARG-14)."""
    if output_padding is None:
        return None
    pair = checked_pair(output_padding, "output_padding", least=0)
    if pair[0] >= strides[0] or pair[1] >= strides[1]:
        raise ValueError(
            f"Strides must be greater than output padding. Received strides={strides}, "
            f"output_padding={pair}"
        )
    return pair


def checked_trainable(trainable: Any) -> bool:
    """``trainable``, a real Boolean."""
    if not isinstance(trainable, bool):
        raise TypeError(
            f"Expected `trainable` argument to be a boolean, but got: {shown(trainable)}"
        )
    return trainable


class DTypePolicy:
    """Formats of the arithmetic and of the weights, from the ``dtype`` keyword.

    Both are None until the first input decides (DTYPE-01), unless a format was asked for.
    """

    def __init__(self, dtype: Any) -> None:
        self.name = None
        self.compute: dtypes.DType | None = None
        self.variable: dtypes.DType | None = None
        if dtype is None:
            return
        if isinstance(dtype, dict):
            dtype = _policy_name(dtype)
        elif hasattr(dtype, "compute_dtype") and hasattr(dtype, "variable_dtype"):
            dtype = _name_of_policy(dtype)
        if isinstance(dtype, str) and dtype.startswith("mixed_"):
            self.name = dtype
            self.compute = _named(dtype[len("mixed_") :])
            self.variable = np.dtype(np.float32)
        else:
            self.freeze(_named(dtype) if isinstance(dtype, str) else _object(dtype))

    def freeze(self, dtype: dtypes.DType) -> None:
        """Settle on ``dtype`` for everything."""
        self.compute = self.variable = dtype

    @property
    def config(self) -> Any:
        """The form in which Keras writes it into a configuration."""
        if self.name is not None:
            return {
                "module": "keras.mixed_precision",
                "class_name": "Policy",
                "config": {"name": self.name},
                "registered_name": None,
            }
        return None if self.variable is None else self.variable.name


# TensorFlow's names that NumPy does not know or reads differently: "float" is float32 there.
_NAMES = {"half": "float16", "float": "float32", "double": "float64"}


def _name_of_policy(policy: Any) -> str:
    """The name of a policy object, such as Keras': what it computes in, and what weights are."""
    compute, variable = map(_name_of_format, (policy.compute_dtype, policy.variable_dtype))
    if isinstance(compute, str) and compute == variable:
        return compute
    if variable == "float32" and compute in ("float16", "bfloat16"):
        return f"mixed_{compute}"
    raise TypeError(
        f"dtype={policy!r}: a policy with compute_dtype={shown(compute)} and "
        f"variable_dtype={shown(variable)} must have one number format for both, or be mixed_float16 or "
        f"mixed_bfloat16"
    )


def _name_of_format(dtype: Any) -> Any:
    """The name of a format, where it is one; whatever is none as it is, None among it."""
    if dtype is None or isinstance(dtype, str):
        return dtype
    try:
        return _object(dtype).name
    except (TypeError, ValueError):
        return dtype


def _policy_name(config: dict[str, Any]) -> str:
    keywords = config.get("config")
    if "class_name" not in config or not isinstance(keywords, dict):
        raise ValueError(
            f"dtype={config!r} is no configuration of a dtype policy: it must have the keys "
            f"'class_name' and 'config'"
        )
    name = keywords.get("name")
    if not isinstance(name, str):
        raise TypeError(f"dtype={config!r}: 'name' must be a string")
    return name


def _named(name: str) -> dtypes.DType:
    name = _NAMES.get(name, name)
    if name not in dtypes.NUMBERS:
        raise TypeError(f"dtype={name!r} is not the name of a number format, such as 'float32'")
    return dtypes.by_name(name)


def _object(dtype: Any) -> dtypes.DType:
    # A TensorFlow or ml_dtypes dtype says what it is in NumPy's terms.
    with about("dtype", dtype, "must be a number format, such as 'float32'"):
        if isinstance(dtype, bytes):
            raise TypeError("it is text of bytes")
        # TensorFlow's float is not NumPy's, and it knows no other number of Python's.
        if isinstance(dtype, type) and not issubclass(dtype, np.generic):
            if dtype not in (bool, float):
                raise TypeError("it is a class, and no format")
            dtype = "float32" if dtype is float else dtype
        found: dtypes.DType = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    native: dtypes.DType = found.newbyteorder("=")
    return native


def _plain(value: Any) -> Any:
    """NumPy's integers as Python's, so that configurations can be written as JSON."""
    if isinstance(value, (np.integer, np.ndarray)):
        return operator.index(value)
    return value


def check_when_built(filters: Any, kernel_size: Pair) -> None:
    """Refuse what TensorFlow notices when it makes the kernel.

    Raises:
        ValueError: No filters, or Booleans for the kernel size.
        TypeError: Numbers that are not integers.
    """
    if filters is None:
        raise ValueError("filters=None: The initializer passed is not valid without a shape")
    if any(isinstance(item, bool) for item in kernel_size):
        raise ValueError(f"kernel_size={kernel_size}: use integers, not Booleans")
    for argument, value in (("filters", filters), ("kernel_size", kernel_size)):
        for item in value if isinstance(value, tuple) else (value,):
            try:
                if operator.index(item) > LARGEST:
                    raise ValueError(f"{argument}={value!r}: no axis of an array is so long")
            except TypeError:
                raise TypeError(
                    f"{argument}={value!r}: Dimension value must be integer; got {item!r}"
                ) from None


def check_when_called(padding: Any, dilation_rate: Pair) -> None:
    """Refuse what TensorFlow notices when it computes; numbers are judged by `Options.checked`.

    Raises:
        TypeError: A list for the padding.
        AssertionError: A tuple for the padding.
        ValueError: Unequal dilation rates.
    """
    check_padding_when_called(padding)
    if dilation_rate[0] != dilation_rate[1]:
        raise ValueError(
            f"Expected the 2 dimensions of the `dilation_rate` argument to be equal to each other. "
            f"Received: dilation_rate={dilation_rate}"
        )


def check_padding_when_called(padding: Any) -> None:
    """Refuse a padding that is not text.

    Raises:
        TypeError: A list.
        AssertionError: A tuple.
    """
    if isinstance(padding, list):
        raise TypeError(f"padding={padding!r}: unhashable type: 'list'; use 'valid' or 'same'")
    if isinstance(padding, tuple):
        raise AssertionError(f"padding={padding!r} must be the string 'valid' or 'same'")
