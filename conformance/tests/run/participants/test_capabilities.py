"""Capabilities: declared, found by probing, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conformance
import fast_impl
from conformance.model.capabilities import declared, lacking
from conformance.model.case import Case
from conformance.model.steps import Build, Call, Gradients, SetWeights, Train
from conformance.run.participants.capabilities import Declaring, probe
from conformance.subjects import LoadError
from conformance.subjects.objects import ObjectSubject

ONE = np.ones((1, 1, 1, 1), np.float32)


def _case(*steps: Any, **arguments: Any) -> Case:
    made = Build((1, 1, 1, 1)), SetWeights((ONE,))
    return Case(
        "any", {"filters": 1, "kernel_size": 1, **arguments}, (*made, *(steps or (Call(ONE),)))
    )


#: A denial, a case that needs what is denied, and one that does not.
DENIALS = {
    "no float64": ({"dtypes": ["float32"]}, _case(dtype="float64"), _case()),
    "no float64 inputs": ({"dtypes": ["float32"]}, _case(Call(ONE.astype("float64"))), _case()),
    "no channels_first": (
        {"layouts": ["channels_last"]},
        _case(data_format="channels_first"),
        _case(data_format="channels_last"),
    ),
    "no dilation": ({"dilation": False}, _case(dilation_rate=[2, 2]), _case(dilation_rate=1)),
    "no output_padding": (
        {"output_padding": False},
        _case(output_padding=0),
        _case(output_padding=None),
    ),
    "no empties": ({"empties": False}, _case(Call(ONE[:0])), _case()),
    "no activations": ({"activations": False}, _case(activation="relu"), _case(activation="linear")),
    "no initializers": (
        {"initializers": False},
        Case("any", {"filters": 1, "kernel_size": 1}, (Call(ONE),)),
        _case(),
    ),
    "no gradients": ({"gradients": False}, _case(Gradients(ONE, ONE)), _case()),
    "no training": ({"training": False}, _case(Train(ONE, ONE, 0.5)), _case()),
}  # fmt: skip


@pytest.mark.parametrize(("has", "needing", "other"), DENIALS.values(), ids=DENIALS)
def test_a_case_that_needs_what_is_denied_lacks_it(has: Any, needing: Case, other: Case) -> None:
    told = lacking(has, needing)
    assert told is not None
    assert told.startswith("declares no ")


@pytest.mark.parametrize(("has", "needing", "other"), DENIALS.values(), ids=DENIALS)
def test_a_case_that_needs_it_not_is_run(has: Any, needing: Case, other: Case) -> None:
    assert lacking(has, other) is None


@pytest.mark.parametrize(("has", "needing", "other"), DENIALS.values(), ids=DENIALS)
def test_what_is_not_declared_is_tried(has: Any, needing: Case, other: Case) -> None:
    assert lacking({}, needing) is None


def test_what_is_denied_is_not_asked_for() -> None:
    subject = Declaring(ObjectSubject(fast_impl.Conv2DTranspose), {"dilation": False})
    observation = subject.observe(_case(dilation_rate=[2, 2]))
    assert observation.constructed.unsupported == "declares no dilation"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (["float32"], "an object by name is needed"),
        ({"colours": True}, "unknown name 'colours'"),
        ({"dtypes": "float32"}, "dtypes = 'float32': a list out of"),
        ({"dtypes": ["float128"]}, "a list out of"),
        ({"dilation": "no"}, "dilation = 'no': true or false is needed"),
    ],
)
def test_a_declaration_of_another_form_is_refused(data: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        declared(data)


class Partial(fast_impl.Conv2DTranspose):
    """Has half of what there is."""

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), activation: Any = None
    ) -> None:
        if activation is not None:
            raise NotImplementedError("no activation yet")
        super().__init__(filters, kernel_size, strides)


@pytest.fixture(scope="module")
def partial() -> Any:
    return probe(ObjectSubject(Partial), {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtypes", ["float32"]),
        ("layouts", ["channels_last"]),
        ("dilation", False),
        ("activations", False),
        ("empties", True),
        ("initializers", True),
        ("gradients", True),
        ("training", True),
        ("introspection", True),
    ],
)
def test_probing_finds_what_is_there(name: str, value: Any, partial: Any) -> None:
    assert partial.has[name] == value


def test_probing_keeps_the_reason(partial: Any) -> None:
    assert partial.why["activations"] == "no activation yet"


def test_a_dtype_that_is_cast_is_not_there() -> None:
    class Casts(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            return super().__call__(inputs).astype(np.float32)

    found = probe(ObjectSubject(Casts), {})
    assert (found.has["dtypes"], found.why["dtypes: float64"]) == (
        ["float32"],
        "float64 went in, float32 came out",
    )


def test_what_fails_at_one_size_alone_is_there() -> None:
    class OfSquares(fast_impl.Conv2DTranspose):
        def gradients(self, inputs: Any, output_gradient: Any) -> Any:
            if self.kernel.shape[0] != self.kernel.shape[1]:
                raise RuntimeError("grad_weight needs to be contiguous")
            return super().gradients(inputs, output_gradient)

    assert probe(ObjectSubject(OfSquares), {}).has["gradients"] is True


def test_what_is_declared_is_not_probed() -> None:
    assert probe(ObjectSubject(Partial), {"dilation": True}).has["dilation"] is True


def test_nothing_is_tried_after_a_crash() -> None:
    class Leaves(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            raise SystemExit(3)

    found = probe(ObjectSubject(Leaves), {})
    assert (dict(found.has), found.crash) == ({}, "it left the process with status 3")


def test_a_layer_that_ends_its_process_is_asked_once() -> None:
    asked = []

    class Leaves(fast_impl.Conv2DTranspose):
        def __call__(self, inputs: Any) -> Any:
            asked.append(inputs)
            raise SystemExit(3)

    probe(ObjectSubject(Leaves), {})
    assert len(asked) == 1


def test_capabilities_stand_in_the_record() -> None:
    result = conformance.check(Partial, clause="VAR-14", examples=1)
    assert result.record.header.subjects[0].capabilities["dtypes"] == ["float32"]


def test_a_wrong_declaration_ends_a_check() -> None:
    class Declares(fast_impl.Conv2DTranspose):
        capabilities = {"dtypes": "float32"}  # noqa: RUF012

    with pytest.raises(LoadError, match="capabilities: dtypes = 'float32'"):
        conformance.check(Declares, clause="VAR-14", examples=1)
