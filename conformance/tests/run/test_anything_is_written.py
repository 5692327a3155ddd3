"""Whatever a subject gives, and whatever a check makes of it, a record holds it as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reports
from conformance.model.observation import Error
from conformance.model.values.codec import decode, encode, text_of
from conformance.oracle.comparison import Mismatch, compare_numbers
from conformance.run.record import RecordWriter
from reports.records.record import Finding, Footer


class Hostile:
    """An object all of whose ways to be told raise."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("not for you")

    __repr__ = __str__ = __len__ = __iter__ = __hash__ = __array__ = _raise


class HostileMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("not for you")


class HostileText(str):
    def __str__(self) -> str:
        raise RuntimeError("not for you")


class Whole(int):
    def __repr__(self) -> str:
        return "not JSON"


class Surrogate:
    def __repr__(self) -> str:
        return "\udc80"


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not for you")


def _endless() -> list[Any]:
    value: list[Any] = []
    value += [value, {"again": value}]
    return value


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


ODD: Mapping[str, Any] = {
    "nan": float("nan"), "infinity": float("inf"), "NumPy nan": np.float64("nan"),
    "float32 nan": np.float32("nan"), "float16 infinity": np.float16("inf"), "longdouble": np.longdouble("inf"),
    "NumPy integer": np.int64(3),
    "NumPy bool": np.bool_(True), "huge integer": 10**5000, "large integer": 10**30, "odd integer": Whole(3),
    "complex": 1 + 2j, "NumPy complex": np.complex64(1j), "bytes": b"\xff", "bytearray": bytearray(b"x"),
    "lone surrogate": "a\ud800b", "surrogate in key": {"\udfff": 1}, "surrogate in repr": Surrogate(),
    "hostile object": Hostile(), "hostile mapping": HostileMapping(a=1), "hostile text": HostileText("x"),
    "hostile key": {Hostile: 1, 3: 2, None: 4}, "type": int, "function": len, "set": {1, 2}, "range": range(3),
    "generator": (n for n in ()), "list in itself": _endless(), "deep list": _deep(10_000),
    "array of objects": np.array([object, None], object), "array of texts": np.array(["a", "\ud800"]),
    "dates": np.array(["2020-01-01"], "M8[D]"), "records": np.zeros(2, "i4,f4"),
    "masked": np.ma.masked_array([1.0], [True]),
    "float8": np.zeros(2, ml_dtypes.float8_e4m3fn),
    "bfloat16": np.zeros(2, ml_dtypes.bfloat16),
    "big endian": np.arange(3, dtype=">f4"), "not contiguous": np.arange(6.0)[::-2],
    "no elements": np.zeros((0, 3)),
}  # fmt: skip


def _strictly(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    text.encode("utf-8")
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", ODD)
def test_anything_is_encoded_as_plain_json(name: str) -> None:
    data = encode(ODD[name])
    assert _strictly(json.dumps(data, allow_nan=False, ensure_ascii=False)) == data


@pytest.mark.parametrize("name", ODD)
def test_what_is_encoded_stays_as_it_is(name: str) -> None:
    data = encode(ODD[name])
    assert encode(data) == data


ANYTHING = st.recursive(
    st.sampled_from([*ODD]).map(lambda name: ODD[name]) | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
SCHEMA = json.loads((resources.files("conformance.run") / "record.schema.json").read_text("utf-8"))


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    expected=ANYTHING, got=ANYTHING, bound=st.floats(), error=st.floats(width=32).map(np.float32)
)
def test_a_finding_of_anything_keeps_to_the_schema(
    tmp_path: Path, expected: Any, got: Any, bound: float, error: Any
) -> None:
    mismatch = Mismatch("m", expected, got, np.int64(1), (np.int64(2),), error, bound)  # type: ignore[arg-type]
    with RecordWriter(tmp_path) as writer:
        writer.write(
            Finding(
                clause="A-1", subject="s", case={"id": "c-0", "arguments": {}, "steps": []},
                message=mismatch.message, step=mismatch.step, expected=mismatch.expected, got=mismatch.got,
                index=mismatch.index, scaled_error=mismatch.scaled_error, bound=mismatch.bound,
            )
        )  # fmt: skip
        path = writer.finish(Footer(complete=True, exit_status=1, seconds=1.0))
    line = _strictly(path.read_text(encoding="utf-8").splitlines()[0])
    assert [e.message for e in jsonschema.Draft202012Validator(SCHEMA).iter_errors(line)] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [float, np.float64])
def test_a_float_that_json_lacks_comes_back(value: float, kind: Any) -> None:
    assert repr(decode(encode(kind(value)))) == repr(value)


def test_what_raises_when_it_is_told_is_told_by_its_type() -> None:
    assert encode([1, Hostile()]) == [
        1,
        {"type": "Hostile", "repr": "<repr raised RuntimeError>"},
    ]


def test_a_list_in_itself_ends() -> None:
    value: list[Any] = []
    value.append(value)
    assert encode(value) == [{"type": "list", "repr": "[[...]]"}]


def test_the_same_list_twice_is_no_list_in_itself() -> None:
    value = [1]
    assert encode([value, value]) == [[1], [1]]


def test_an_exception_that_cannot_be_told_is_an_outcome() -> None:
    assert Error.of(HostileError(), "call").message == "<str raised RuntimeError>"


def test_a_text_is_told_at_most_so_long() -> None:
    assert len(text_of("x" * 50_000)) == 10_000


@pytest.mark.parametrize("allowed", [np.inf, np.nan])
def test_no_error_is_measured_against_an_infinite_bound(allowed: float) -> None:
    mismatch = compare_numbers(
        np.array([1.0], np.float32), np.array([np.inf]), np.array([allowed]), step=0, unit=np.array([1.0])
    )  # fmt: skip
    assert mismatch is not None
    assert (mismatch.scaled_error, mismatch.bound, "allowed" in mismatch.message) == (
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    "data",
    [
        {"shape": [0, 10**30], "dtype": "float32", "base64": ""},
        {"shape": [0] * 81, "dtype": "float32", "base64": ""},
        {"shape": [-1, -1], "dtype": "float32", "base64": "AAAAAA=="},
        {"shape": [1.0], "dtype": "float32", "base64": "AAAAAA=="},
        {"shape": 3, "dtype": "float32", "base64": ""},
        {"shape": "", "dtype": "float32", "base64": "AAAAAA=="},
        {"shape": [1], "dtype": "O", "base64": "AAAAAAAAAAA="},
        {"shape": [1], "dtype": "S4", "base64": "AAAAAA=="},
        {"shape": [1], "dtype": "i4,(", "base64": "AAAAAA=="},
        {"shape": [1], "dtype": None, "base64": "AAAAAAAAAAA="},
        {"shape": [1], "dtype": "float32", "base64": None},
        {"shape": [1], "dtype": "float32", "base64": "\ud800"},
    ],
    ids=lambda data: ascii(data)[:60],
)
def test_what_makes_no_array_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"array|base64|ASCII"):
        decode(data)


def test_what_a_writer_wrote_is_read(tmp_path: Path) -> None:
    with RecordWriter(tmp_path) as writer:
        odd = [*ODD.values()]
        writer.write(Finding(clause="A-1", subject="s", message="m", expected=odd))
        path = writer.finish(Footer(complete=True))
    with pytest.raises(reports.RecordError, match='a record starts with a line of kind "header"'):
        reports.load(path)
