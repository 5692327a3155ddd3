"""Cases are data: to JSON and back without loss, under a name that stays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.cases import FAMILIES
from conformance.model.case import Case
from conformance.model.values.codec import decode, dtype_of, encode

DRAWN = [family.strategy for family in FAMILIES.values() if family.strategy is not None]
FIXED = [case for family in FAMILIES.values() for case in family.fixed]


def _again(case: Case) -> Case:
    return Case.from_json(json.loads(json.dumps(case.to_json())))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(DRAWN))
def test_a_drawn_case_survives_json(case: Case) -> None:
    assert _again(case).to_json() == case.to_json()


@pytest.mark.parametrize("case", FIXED, ids=lambda case: case.id)
def test_a_fixed_case_survives_json(case: Case) -> None:
    assert _again(case).id == case.id


def test_the_id_is_made_of_the_content() -> None:
    one, other = (Case("geometry", {"filters": n, "kernel_size": 1}, ()) for n in (1, 2))
    assert one.id != other.id


def test_the_id_does_not_depend_on_the_family() -> None:
    one, other = (Case(name, {"filters": 1, "kernel_size": 1}, ()) for name in ("a", "b"))
    assert one.id == other.id


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"arguments": {}},
        {"arguments": {}, "steps": [{"do": "call"}]},
        {"arguments": {}, "steps": [{"do": "call", "inputs": 3}]},
        {"arguments": {}, "steps": [{"do": "dance"}]},
        {"arguments": {}, "steps": [{"do": "losses", "more": 1}]},
        {"arguments": {}, "steps": 3},
    ],
)
def test_json_that_is_no_case_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a case"):
        Case.from_json(data)


@pytest.mark.parametrize(
    "name",
    ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"],
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_an_array_survives_encoding(name: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype_of(name))
    again = decode(json.loads(json.dumps(encode(array))))
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, shape, array.tobytes())


def test_the_bits_of_special_values_survive_encoding() -> None:
    array = np.array([0x7FC00001, 0xFFC00000, 0x80000000, 0x7F800000], np.uint32).view(np.float32)
    assert decode(encode(array)).tobytes() == array.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_does_not_matter(order: Any) -> None:
    array = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    assert encode(array) == encode(np.arange(6.0).reshape(2, 3))


def test_bytes_that_do_not_fit_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 8 bytes, got 4"):
        decode({"shape": [2], "dtype": "float32", "base64": "AAAAAA=="})


def test_an_object_of_another_type_is_told_by_its_repr() -> None:
    assert encode(slice(1, 2)) == {"type": "slice", "repr": "slice(1, 2, None)"}
