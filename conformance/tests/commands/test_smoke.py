"""`conformance smoke`: an adapter that is wrong, and a layer that is; and `--require`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.model.traits import Traits
from conformance.run.participants.capabilities import probe
from conformance.run.participants.smoke import adapter_fault, layer_faults
from conformance.subjects.objects import ObjectSubject


def _function(
    change: Callable[..., Any], turn: Callable[[Any], Any] = lambda kernel: kernel
) -> Any:
    def function(x: Any, w: Any, strides: Any, padding: Any, layout: Any, bias: Any = None) -> Any:
        return change(
            fast_impl.conv2d_transpose(x, turn(w), strides, padding, layout, bias=bias), bias
        )

    return ObjectSubject(function)  # fmt: skip


def _refuse(outputs: Any, bias: Any) -> Any:
    raise TypeError("needs a tensor")


#: What an adapter does wrong, by what is said of it.
ADAPTERS = {
    "the output is channels_first": _function(lambda y, b: y.transpose(0, 3, 1, 2)),
    "height and width exchanged": _function(lambda y, b: y.transpose(0, 2, 1, 3)),
    "the bias is not added": _function(lambda y, b: y - b),
    "the bias is added twice": _function(lambda y, b: y + b),
    "no array that NumPy understands, but str": _function(lambda y, b: "done"),
    "float32 went in, float64 came out": _function(lambda y, b: y.astype(np.float64)),
    "the weights are not used": _function(lambda y, b: 0 * y),
    "(height, width, input channels, filters)": _function(
        lambda y, b: y, lambda w: w.reshape(*w.shape[:2], w.shape[3], w.shape[2]).swapaxes(2, 3)
    ),
    "the call of a plain float32 layer does not work: TypeError at call: needs a tensor": _function(
        _refuse
    ),
    "is a product for each pixel": _function(lambda y, b: 2 * y),
    "needed: [array": _function(lambda y, b: (image for image in y)),
}


@pytest.mark.parametrize(("told", "subject"), ADAPTERS.items(), ids=ADAPTERS)
def test_an_adapter_that_is_wrong_is_told(told: str, subject: ObjectSubject) -> None:
    assert told in (adapter_fault(subject) or "")


def test_what_is_told_of_an_adapter_is_one_line() -> None:
    assert "\n" not in (adapter_fault(ADAPTERS["needed: [array"]) or "")


def test_few_digits_are_the_layer_s() -> None:
    subject = _function(lambda y, b: np.round(y / 4) * np.float32(4))
    assert (adapter_fault(subject), "VAL-01" in layer_faults(subject, Traits())[0]) == (None, True)


def test_a_layer_that_refuses_a_default_does_not_have_it() -> None:
    has = probe(ObjectSubject(OtherDefault), {}).has
    assert has["layouts"] == ["channels_first"]


class OtherDefault(fast_impl.Conv2DTranspose):
    """Has channels_first alone, also where nothing is said."""

    def __init__(self, *args: Any, data_format: str = "channels_first", **more: Any) -> None:
        if data_format != "channels_first":
            raise ValueError("NCHW!")
        super().__init__(*args, data_format=data_format, **more)


def test_the_command_proposes_what_is_refused_in_own_words(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "long.py").write_text(
        "import fast_impl\n"
        "class Layer(fast_impl.Conv2DTranspose):\n"
        "    def __init__(self, filters, kernel_size, strides=(1, 1), padding='valid'):\n"
        "        super().__init__(filters, kernel_size, strides, padding)\n"
        "        if self.strides[0] > self.kernel_size[0]:\n"
        "            raise ValueError('holes are refused')\n"
    )
    told = command("smoke", f"{tmp_path}/long.py:Layer").stdout
    assert "if your layer does not offer this, say --unsupported 'holes are refused'" in told


def test_a_right_adapter_has_no_fault() -> None:
    assert adapter_fault(_function(lambda y, b: y)) is None


def _without_bias(x: Any, w: Any, strides: Any, padding: Any, layout: Any) -> Any:
    return fast_impl.conv2d_transpose(x, w, strides, padding, layout)


class _Refusing(fast_impl.Conv2DTranspose):
    """Refuses what `refused` holds of (dtype, layout), and kernels that are no squares."""

    refused: str
    square = False

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid",
        data_format: Any = "channels_last", use_bias: bool = True, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        if self.refused in (dtype, data_format):
            raise NotImplementedError(f"no {self.refused}")
        super().__init__(
            filters, kernel_size, strides, padding, data_format, use_bias=use_bias, dtype=dtype
        )
        if self.square and self.kernel_size[0] != self.kernel_size[1]:
            raise NotImplementedError("squares only")


#: Layers that do not offer a plain float32 layer, by what they are asked for instead.
PECULIAR = {
    "without bias": _without_bias,
    "float16": type("HalfOnly", (_Refusing,), {"refused": "float32"}),
    "channels_first": type("FirstOnly", (_Refusing,), {"refused": "channels_last"}),
    "square kernels and strides": type("Squares", (_Refusing,), {"refused": "", "square": True}),
}


@pytest.mark.parametrize(("asked", "layer"), PECULIAR.items(), ids=PECULIAR)
def test_a_layer_without_the_plain_form_is_asked_in_its_own_terms(asked: str, layer: Any) -> None:
    subject = ObjectSubject(layer)
    plain = probe(subject, {}).plain
    told = adapter_fault(subject, plain), layer_faults(subject, Traits(), plain)[0]
    assert (str(plain), *told) == (asked, None, {})


def test_a_bare_function_without_bias_has_what_it_has() -> None:
    has = probe(ObjectSubject(_without_bias), {}).has
    assert (has["dtypes"], has["layouts"]) == (
        ["float16", "bfloat16", "float32", "float64", "int32"],
        ["channels_last", "channels_first"],
    )


def test_an_adapter_of_channels_first_alone_is_told() -> None:
    class Turned(PECULIAR["channels_first"]):  # type: ignore[misc, name-defined]
        def __call__(self, inputs: Any) -> Any:
            return super().__call__(inputs).transpose(0, 2, 3, 1)

    subject = ObjectSubject(Turned)
    plain = probe(subject, {}).plain
    assert adapter_fault(subject, plain) == (
        "the output is channels_last, channels_first was asked for"
    )


def test_a_wrong_layer_has_a_right_adapter() -> None:
    assert adapter_fault(_function(lambda y, b: y, lambda w: w[::-1])) is None


def test_a_wrong_layer_is_told() -> None:
    faults, _ = layer_faults(_function(lambda y, b: y, lambda w: w[::-1]), Traits())
    assert "PAD-03" in faults


def test_a_right_layer_has_no_fault() -> None:
    assert layer_faults(_function(lambda y, b: y), Traits()) == ({}, 8)


def test_the_command_prints_what_a_subject_has(command: Callable[..., Any]) -> None:
    (told,) = json.loads(command("smoke", "fast", "--json").stdout)
    assert (told["capabilities"]["layouts"], told["adapter"], told["layer"]) == (
        ["channels_last", "channels_first"],
        None,
        {},
    )


def test_the_command_wants_a_subject(command: Callable[..., Any]) -> None:
    done = command("smoke")
    assert (done.status, "name a subject" in done.stderr) == (2, True)


RUN = ("run", "--subject", "fast", "--clause", "VAR-14", "--examples", "1", "--out", "out")


def test_a_required_clause_that_passes_is_no_matter(command: Callable[..., Any]) -> None:
    assert command(*RUN, "--require", "VAR-14").status == 0


def test_a_required_clause_that_is_not_judged_ends_with_status_1(
    command: Callable[..., Any],
) -> None:
    done = command(*RUN, "--require", "PAD-01")
    assert (
        done.status,
        "required, but does not pass: PAD-01 of fast (not-run)" in done.stdout,
    ) == (
        1,
        True,
    )


def test_the_counts_call_a_clause_without_a_case_as_the_page_does(
    command: Callable[..., Any],
) -> None:
    done = command(
        "run", "--subject", "fast", "--clause", "VAR-12", "--examples", "1", "--out", "out"
    )
    assert done.stdout.split("subject")[1].split()[:2] == ["mode", "not-applicable"]


def test_a_scope_requires_its_must_pass_list(command: Callable[..., Any]) -> None:
    done = command(*RUN, "--require", "drop-in")
    assert "required, but does not pass: METH-07 of fast (not-run)" in done.stdout


def test_a_requirement_that_matches_nothing_is_refused(command: Callable[..., Any]) -> None:
    done = command(*RUN, "--require", "NO-*")
    assert (done.status, "--require 'NO-*' matches no clause" in done.stderr) == (2, True)
