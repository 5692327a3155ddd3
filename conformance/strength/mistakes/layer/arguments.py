"""Mistakes of the constructor: what is refused that should be taken, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import Mistake, Right, arguments_changed, overridden


def _one(argument: str, change: Callable[[Any], Any]) -> type:
    """Return a layer that changes one argument where it is given."""

    def changed(given: dict[str, Any]) -> None:
        if argument in given:
            given[argument] = change(given[argument])

    return arguments_changed(changed)


def _refuse(
    test: Callable[[Any], bool], error: type[Exception] = TypeError
) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        if test(value):
            raise error("not this form")
        return value

    return change


_ROWS: tuple[tuple[str, str, str, Callable[[Any], Any], tuple[str, ...]], ...] = (
    ("filters_rounded", "A float is rounded up.", "filters",
     lambda v: int(np.ceil(v)) if isinstance(v, float) else v, ("ARG-02",)),
    ("filters_at_least_one", "Zero filters become one.", "filters",
     lambda v: 1 if isinstance(v, int) and v < 1 else v, ("ARG-02",)),
    ("filters_strings", "A string of digits is taken.", "filters",
     lambda v: int(v) if isinstance(v, str) else v, ("ARG-02",)),
    ("filters_python_only", "NumPy integers are refused.", "filters",
     _refuse(lambda v: isinstance(v, np.generic)), ("ARG-02",)),
    ("kernel_size_scalar", "A NumPy scalar is taken for a pair.", "kernel_size",
     lambda v: int(v) if isinstance(v, np.integer) else v, ("ARG-03",)),
    ("kernel_size_truncated", "Floats are truncated.", "kernel_size",
     lambda v: int(v) if isinstance(v, float) else v, ("ARG-03",)),
    ("M25_list", "A list is refused where a tuple works.", "kernel_size",
     _refuse(lambda v: isinstance(v, list)), ("ARG-03",)),
    ("kernel_size_iterables", "Ranges and arrays are refused.", "kernel_size",
     _refuse(lambda v: isinstance(v, (range, np.ndarray))), ("ARG-03",)),
    ("strides_four", "Four strides are taken as (1, s, s, 1).", "strides",
     lambda v: v[1:3] if isinstance(v, tuple) and len(v) == 4 else v, ("ARG-04",)),
    ("strides_zero", "A stride of 0 becomes 1.", "strides", lambda v: 1 if v == 0 else v, ("ARG-04",)),
    ("strides_early", "A pair of floats is refused in the constructor.", "strides",
     _refuse(lambda v: isinstance(v, tuple) and any(isinstance(n, float) for n in v)), ("ARG-04",)),
    ("M25_case", "The case of padding is not folded.", "padding",
     _refuse(lambda v: isinstance(v, str) and v != v.lower(), ValueError), ("ARG-05",)),
    ("padding_stripped", "White space around padding is dropped.", "padding",
     lambda v: v.strip() if isinstance(v, str) else v, ("ARG-05",)),
    ("padding_none", "padding=None is valid.", "padding", lambda v: "valid" if v is None else v, ("ARG-05",)),
    ("padding_causal", "'causal' is taken for valid.", "padding",
     lambda v: "valid" if str(v).lower() == "causal" else v, ("ARG-05",)),
    ("data_format_short", "NHWC and NCHW are taken.", "data_format",
     lambda v: {"NHWC": "channels_last", "NCHW": "channels_first"}.get(v, v) if isinstance(v, str) else v,
     ("ARG-06",)),
    ("data_format_none", "data_format=None is refused.", "data_format",
     _refuse(lambda v: v is None, ValueError), ("ARG-06",)),
    ("activation_case", "Names of activations are folded to lower case.", "activation",
     lambda v: v.lower() if isinstance(v, str) else v, ("ARG-07",)),
    ("activation_number", "A number is no activation, silently.", "activation",
     lambda v: None if isinstance(v, (int, float)) else v, ("ARG-07",)),
    ("use_bias_strict", "Only True makes a bias.", "use_bias", lambda v: v is True, ("ARG-08",)),
    ("use_bias_strings", "'no' means no.", "use_bias", lambda v: v not in ("no", False, 0, None, "") and bool(v),
     ("ARG-08",)),
    ("trainable_truthy", "trainable=1 is taken.", "trainable", bool, ("ARG-09",)),
    ("name_text", "A number is made a name.", "name", lambda v: str(v) if isinstance(v, int) else v, ("ARG-10",)),
    ("name_clean", "A name must be a valid scope.", "name",
     _refuse(lambda v: isinstance(v, str) and not v.replace("/", "").replace("-", "").isalnum(), ValueError),
     ("ARG-10",)),
    ("dilation_first", "Of unequal rates the first counts.", "dilation_rate",
     lambda v: v[0] if isinstance(v, tuple) and len(v) == 2 else v, ("ARG-12",)),
    ("dilation_zero", "A rate of 0 becomes 1.", "dilation_rate", lambda v: 1 if v == 0 else v, ("ARG-12",)),
    ("groups_free", "groups need not divide filters.", "groups", lambda _: 1, ("ARG-15",)),
    ("dtype_default", "dtype is always float32.", "dtype", lambda _: "float32", ("ARG-16",)),
    ("weights_dropped", "weights= is ignored.", "weights", lambda _: None, ("ARG-17",)),
    ("dynamic_refused", "dynamic=True is refused.", "dynamic", _refuse(bool), ("ARG-18",)),
    ("autocast_off", "autocast is ignored.", "autocast", lambda _: False, ("ARG-19",)),
)  # fmt: skip


def _others() -> Iterator[Mistake]:
    def lenient(given: dict[str, Any]) -> None:
        for name in ("foo", "reuse", "layout", "dilations"):
            given.pop(name, None)

    yield Mistake(
        id="keywords_ignored", text="Unknown keywords are ignored.", source="**kwargs without a check",
        clauses=("ARG-11",), layer=arguments_changed(lenient),
    )  # fmt: skip

    def both(given: dict[str, Any]) -> None:
        if given.get("dilation_rate", 1) != 1 and given.get("strides", 1) != 1:
            given["dilation_rate"] = 1

    yield Mistake(
        id="dilation_and_strides", text="Dilation is dropped where there are strides.",
        source="github.com/keras-team/keras/issues/16086", clauses=("ARG-13",), layer=arguments_changed(both),
    )  # fmt: skip

    def clipped(given: dict[str, Any]) -> None:
        if isinstance(given.get("output_padding"), int) and given["output_padding"] > 1:
            given["output_padding"] = 1

    yield Mistake(
        id="output_padding_clipped", text="Too large an output padding is clipped.",
        source="github.com/pytorch/pytorch/issues/5112", clauses=("ARG-14",), layer=arguments_changed(clipped),
    )  # fmt: skip

    def eager_build(self: Any, *positional: Any, **given: Any) -> None:
        Right.__init__(self, *positional, **given)
        shape = given.get("batch_input_shape") or (None, *given.get("input_shape", ()))
        if len(shape) == 4:
            self.build(shape)

    yield Mistake(
        id="built_early", text="input_shape builds the layer at once.", source="what one would expect",
        clauses=("ARG-20",), layer=overridden(__init__=eager_build),
    )  # fmt: skip

    def keywords_only(self: Any, **given: Any) -> None:
        Right.__init__(self, **given)

    yield Mistake(
        id="keywords_only", text="Arguments must be given by name.", source="a modern signature",
        clauses=("ARG-01",), layer=overridden(__init__=keywords_only),
    )  # fmt: skip

    def small_strides(given: dict[str, Any]) -> None:
        if given.get("strides") == 10**6:
            given["strides"] = 1

    yield Mistake(
        id="stride_clipped", text="A stride of a million is clipped.", source="an overflow check",
        clauses=("KILL-04",), layer=arguments_changed(small_strides),
    )  # fmt: skip


MISTAKES = (
    *(
        Mistake(
            id=name,
            text=text,
            source="a reading of the page",
            clauses=clauses,
            layer=_one(argument, change),
        )
        for name, text, argument, change, clauses in _ROWS
    ),
    *_others(),
)
