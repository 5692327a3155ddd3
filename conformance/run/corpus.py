"""Recorded cases from other projects: JSON lines with inputs, weights and expected outputs.

A line is a forward case (`input`, `kernel`, `bias`, `expected`, `rtol`, `atol`), a gradient case (`kind`
"gradient", `upstream_gradient`, `expected_*_gradient`) or a shape case (`input_shape`,
`expected_output_shape`); tensors are `{"shape", "data"}`. Here, and only here, the tolerance is
the source's own: |got - expected| <= atol + rtol*|expected|.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from conformance.checks import Misbehaved, NotSupported, NotTried, Traits, View
from conformance.judge.judging import Failure, Tally
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.clauses import Clause
from conformance.model.codec import Array, Value, dtype_of, encode
from conformance.model.observation import Observation
from conformance.oracle.comparison import Mismatch, compare_each, compare_numbers, describe
from conformance.oracle.expectation import Expectation


class CorpusError(Exception):
    """A folder of recorded cases cannot be used; the message is one line for the user."""


@attrs.frozen(eq=False)
class Recorded:
    """A recorded case and what its source expects of its last steps.

    `expected` holds, for each judged step, the step's index and the arrays (or the shape) it must give.
    """

    name: str
    source: str
    case: Case
    expected: tuple[tuple[int, Any], ...]
    rtol: float
    atol: float


@attrs.frozen(eq=False)
class Corpus:
    """One file of recorded cases: a clause of its own."""

    clause: Clause
    cases: tuple[Recorded, ...]


def load_corpora(folder: Path) -> tuple[Corpus, ...]:
    """Read every ``*.jsonl`` of a folder.

    Raises:
        CorpusError: no folder, no such file in it, or a line that is no case; names file and line.
    """
    if not folder.is_dir():
        raise CorpusError(f"--corpus {str(folder)!r}: no such folder")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise CorpusError(f"--corpus {str(folder)!r}: holds no .jsonl file")
    return tuple(_load(path) for path in files)


def _load(path: Path) -> Corpus:
    cases = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append(_recorded(json.loads(line)))
        except KeyError as error:
            raise CorpusError(f"{path}:{number}: the case has no {error}") from error
        except (ArithmeticError, AttributeError, RecursionError, TypeError, ValueError) as error:
            raise CorpusError(f"{path}:{number}: not a recorded case: {error}") from error
    name = path.stem.upper().replace("_", "-")
    clause = Clause(
        id=f"CORPUS-{name}",
        chapter="corpus",
        scope="numbers",
        title=f"{len(cases)} recorded cases of {path.stem}",
        norm="Every recorded case gives the expected numbers, within the tolerance its source states.",
        agreement=("silent",),
    )
    return Corpus(clause, tuple(cases))


def _recorded(data: Mapping[str, Any]) -> Recorded:
    if "input_shape" in data:
        return _shape_case(data)
    dtype_name = data.get("dtype", "float32")
    inputs, kernel = _tensor(data["input"], dtype_name), _tensor(data["kernel"], dtype_name)
    bias = None if data.get("bias") is None else _tensor(data["bias"], dtype_name)
    gradient = data.get("kind") == "gradient"
    with_bias = bias is not None or "expected_bias_gradient" in data
    weights = [kernel]
    if with_bias:
        weights.append(np.zeros(kernel.shape[2], kernel.dtype) if bias is None else bias)
    arguments = _arguments(data, kernel.shape[:2], kernel.shape[2], with_bias)
    if dtype_name != "float32":
        arguments["dtype"] = dtype_name
    before: tuple[steps.Step, ...] = (steps.Build(inputs.shape), steps.SetWeights(tuple(weights)))
    if gradient:
        upstream = _tensor(data["upstream_gradient"], dtype_name)
        last: steps.Step = steps.Gradients(inputs, upstream)
        parts = ("input", "kernel", *(["bias"] if "expected_bias_gradient" in data else []))
        expected: Any = [_tensor(data[f"expected_{part}_gradient"], "float64") for part in parts]
    else:
        last = steps.Call(inputs)
        expected = _tensor(data["expected"], "float64")
    return Recorded(
        name=str(data["id"]),
        source=str(data.get("source", "")),
        case=Case("recorded", arguments, (*before, last)),
        expected=((len(before), expected),),
        rtol=float(data["rtol"]),
        atol=float(data["atol"]),
    )


def _shape_case(data: Mapping[str, Any]) -> Recorded:
    shape, wanted = tuple(data["input_shape"]), list(data["expected_output_shape"])
    arguments = _arguments(data, tuple(data["kernel_size"]), int(data["filters"]), True)
    listed: list[steps.Step] = [steps.ComputeOutputShape(shape)]
    expected: list[tuple[int, Any]] = [(0, wanted)]
    if None not in shape and math.prod(shape) <= 10**7:
        listed += [steps.Call(np.zeros(shape, np.float32))]
        expected += [(1, tuple(wanted))]
    return Recorded(
        name=str(data["id"]),
        source=str(data.get("source", "")),
        case=Case("recorded", arguments, tuple(listed)),
        expected=tuple(expected),
        rtol=0.0,
        atol=0.0,
    )


def _arguments(
    data: Mapping[str, Any], kernel_size: tuple[int, ...], filters: int, use_bias: bool
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "filters": filters,
        "kernel_size": list(kernel_size),
        "strides": data["strides"],
        "padding": data["padding"],
        "data_format": data["data_format"],
    }
    if data.get("dilation_rate", [1, 1]) != [1, 1]:
        arguments["dilation_rate"] = data["dilation_rate"]
    for name in ("output_padding", "activation"):
        if data.get(name) is not None:
            arguments[name] = data[name]
    if not use_bias:
        arguments["use_bias"] = False
    return arguments


def _tensor(data: Mapping[str, Any], dtype_name: str) -> Array:
    values = np.array(data["data"], np.float64).reshape(data["shape"])
    tensor: Array = values.astype(dtype_of(dtype_name))
    return tensor


def judge_recorded(recorded: Recorded, observation: Observation, tally: Tally) -> None:
    """Add one recorded case's result to the tally."""
    view = View(recorded.case, observation, Expectation(recorded.case), Traits())
    try:
        mismatch = _mismatch(recorded, view)
    except NotSupported as reason:
        tally.note_left({}, [str(reason)])
        return
    except NotTried as reason:
        tally.not_tried = str(reason)
        return
    except Misbehaved as reason:
        mismatch = Mismatch(f"{recorded.name}: {reason}", step=reason.step)
        tally.failures.append(Failure(recorded.case, "error", mismatch))
        return
    if mismatch is None:
        tally.held += 1
    else:
        message = f"{recorded.name} ({recorded.source}): {mismatch.message}"
        failure = Failure(recorded.case, "fail", attrs.evolve(mismatch, message=message))
        tally.failures.append(failure)


def _mismatch(recorded: Recorded, view: View) -> Mismatch | None:
    for index, wanted in recorded.expected:
        got = view.value(index)
        if isinstance(wanted, tuple):
            shape = getattr(got, "shape", None)
            if shape != wanted:
                return Mismatch(f"expected shape {wanted}, got {shape}", list(wanted), got, index)
        elif isinstance(wanted, list) and not any(isinstance(item, np.ndarray) for item in wanted):
            if encode(got) != wanted:
                return Mismatch(f"expected shape {wanted}, got {describe(got)}", wanted, got, index)
        else:
            if isinstance(wanted, list) and isinstance(got, list):
                # A layer without a bias may give None for its gradient, or leave it out.
                got = got[: len(wanted)]
            near = functools.partial(_near, recorded, index)
            mismatch = compare_each(got, wanted, index, near)
            if mismatch is not None:
                return mismatch
    return None


def _near(recorded: Recorded, index: int, got: Value, wanted: Array) -> Mismatch | None:
    allowed = recorded.atol + recorded.rtol * np.abs(wanted)
    return compare_numbers(got, wanted, allowed, step=index)
