# ruff: noqa: E501 - a table of texts reads best with one line per entry
"""Builds records such as a run writes: clauses of the page, five subjects, three findings.

A record is a list of lines (plain JSON objects); tests change a line and see what becomes of it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

Line = dict[str, Any]

#: id, chapter, title, the page's sentence, norm, agreement
CLAUSES = [
    ("SHAPE-01", "shapes", "Output size with padding valid", '`"valid"` means no padding.',
     "The output is `H * s + max(k - s, 0)` high; for a kernel smaller than its stride that is `H * s`.", "erratum"),
    ("SHAPE-02", "shapes", "Output size with padding same",
     '`"same"` results in padding evenly ... such that output has the same height/width dimension as the input.',
     "The output is `H * s` high: equal to the input for stride 1 only.", "erratum"),
    ("SHAPE-03", "shapes", "Output size with output padding", None, "`(H - 1) * s + keff - 2 * p + op`.", "silent"),
    ("SHAPE-04", "shapes", "Output size with dilation", None, "valid: `H + keff - 1`; same: `H`.", "silent"),
    ("SHAPE-05", "shapes", "Axes are independent", None, "Every formula holds per axis.", "silent"),
    ("SHAPE-06", "shapes", "The shape of a convolution's input comes back",
     "... a transformation going in the opposite direction of a normal convolution.",
     "The forward convolution of the output has the input's size again.", "holds"),
    ("SHAPE-07", "shapes", "Unknown sizes stay unknown", None, "`compute_output_shape` keeps None.", "silent"),
    ("SHAPE-10", "shapes", "Inputs have four axes", "`(batch, height, width, channels)`",
     "Any other rank is a ValueError at the call.", "holds"),
    ("SHAPE-11", "shapes", "Empty batches and images", None, "An empty batch gives an empty batch.", "silent"),
    ("PAD-01", "padding", "The odd pixel of same is cropped at the end",
     '`"same"` results in padding evenly to the left/right or up/down of the input.',
     "The full result is cropped by `(k - s) // 2` before and by the rest after: the odd pixel goes at the bottom and right.", "erratum"),
    ("PAD-02", "padding", "same with a kernel smaller than its stride", None,
     "Nothing is cropped; `s - k` zero rows are appended at the end.", "silent"),
    ("PAD-03", "padding", "valid with a kernel smaller than its stride", '`"valid"` means no padding.',
     "`s - k` rows at the end hold the bias alone.", "erratum"),
    ("PAD-04", "padding", "same with output padding", None, "Total crop `2 * (keff // 2) - op`.", "silent"),
    ("PAD-05", "padding", "same with dilation", None, "Total crop `keff - 1`, half of it before.", "silent"),
    ("PAD-06", "padding", "Padded rows get bias and activation", None, "Like all other rows.", "silent"),
    ("FMT-01", "formats", "channels_last", "`channels_last` corresponds to inputs with shape `(batch, height, width, channels)`", "As the page says.", "holds"),
    ("FMT-02", "formats", "channels_first", "`channels_first` corresponds to inputs with shape `(batch, channels, height, width)`", "As the page says, on the CPU too.", "holds"),
    ("FMT-03", "formats", "The kernel's layout does not depend on the data format", None, "`(kh, kw, filters, in_channels)`, always.", "silent"),
    ("DTYPE-01", "dtypes", "The first input decides the dtype", None, "`dtype=None` takes that of the first input.", "silent"),
    ("DTYPE-02", "dtypes", "float16, bfloat16, float32 and float64", None, "All four work; small integers are exact.", "version"),
    ("VAL-01", "values", "The scatter sum", "Transposed convolution layer.", "`full[i*s + a] += x[i] * w[a]`, then cropped.", "holds"),
    ("VAL-02", "values", "NaN and infinity stay in their patch", None, "Inserted zeros never meet the kernel.", "silent"),
    ("VAL-03", "values", "Every element is within its rounding bound", None, "`|got - exact| <= gamma(n + 1) * S`.", "silent"),
    ("BIAS-01", "bias", "The bias has one entry per filter", "use_bias: Boolean, whether the layer uses a bias.", "Shape `(filters,)`, added everywhere.", "holds"),
    ("BIAS-02", "bias", "Without bias there is one weight", None, "`bias` is None.", "silent"),
    ("ACT-01", "activations", "None is linear", "Set it to None to maintain a linear activation.", "`y = activation(conv + bias)`.", "holds"),
    ("ACT-02", "activations", "softmax works on the last axis", None, "Also with `channels_first`, where that is the width.", "silent"),
    ("LOSS-01", "losses", "The activity penalty is divided by the batch size", "Optional regularizer function for the output.", "`loss = R(output) / batch`.", "mode"),
    ("LOSS-02", "losses", "get_losses_for gives the losses of these inputs", "Retrieves losses relevant to a specific set of inputs.", "In graph mode; the method is missing in eager mode.", "mode"),
    ("CONS-01", "constraints", "Constraints are applied after the step", "... applied to the kernel after being updated by an Optimizer", "`w = C(w - rate * gradient)`.", "holds"),
    ("CONS-09", "constraints", "Norms are taken along axis 0", None, "MaxNorm normalises every `(kw, filter, in)` column.", "silent"),
    ("GRAD-01", "gradients", "Gradients by inputs, kernel and bias", None, "Exact on integers.", "silent"),
    ("GRAD-05", "gradients", "Gradients of empty images", None, "Zeros of the right shape.", "silent"),
    ("ATTR-01", "attributes", "graph", "graph", "None in graph mode, RuntimeError in eager mode, with a warning.", "erratum mode"),
    ("MIG-05", "migration", "The After example runs", "conv = tf.keras.layers.Conv2DTranspose(filters=3, kernels_size=3)", "TypeError: the argument is called `kernel_size`.", "erratum"),
    ("LIFE-01", "lifecycle", "A second call with another size", None, "Gives what a fresh layer with the same weights gives.", "silent"),
    ("CORPUS-onnx", "corpus", "ONNX node tests", None, "Recorded forward cases.", "silent"),
]  # fmt: skip

SUBJECTS: list[Line] = [
    {"name": "reference", "mode": "eager", "spec": "reference", "versions": {"numpy": "1.26.4"}, "settings": {}},
    {"name": "fast", "mode": "eager", "spec": "fast", "versions": {"numpy": "1.26.4", "scipy": "1.15.3"}, "settings": {}},
    {"name": "tensorflow", "mode": "eager", "spec": "tensorflow", "versions": {"tensorflow": "2.15.1", "keras": "2.15.0"},
     "settings": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    {"name": "tensorflow", "mode": "graph", "spec": "tensorflow", "versions": {"tensorflow": "2.15.1", "keras": "2.15.0"},
     "settings": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    {"name": "mine", "mode": "eager", "spec": "examples/my_layer.py:MyConv2DTranspose", "versions": {}, "settings": {}},
]  # fmt: skip


def tensor(array: Any, dtype: str = "float32") -> Line:
    """An array as the record writes it."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(array, "<f4").view("<u4") >> 16
        raw, shape = bits.astype("<u2").tobytes(), np.shape(array)
    else:
        stored = np.asarray(array, np.dtype(dtype).newbyteorder("<"))
        raw, shape = stored.tobytes(), stored.shape
    return {"shape": list(shape), "dtype": dtype, "base64": base64.b64encode(raw).decode()}


def transposed(inputs: Any, kernel: Any, stride: tuple[int, int], before: tuple[int, int]) -> Any:
    """A transposed convolution with padding same whose crop starts at `before`."""
    batch, height, width, _ = inputs.shape
    kernel_height, kernel_width, filters, _ = kernel.shape
    full = np.zeros(
        (batch, height * stride[0] + kernel_height, width * stride[1] + kernel_width, filters)
    )
    for i in range(height):
        for j in range(width):
            for a in range(kernel_height):
                for b in range(kernel_width):
                    full[:, i * stride[0] + a, j * stride[1] + b] += (
                        inputs[:, i, j] @ kernel[a, b].T
                    )
    return full[
        :, before[0] : before[0] + height * stride[0], before[1] : before[1] + width * stride[1]
    ]


def same_case() -> tuple[Line, Any, Any]:
    """A case of padding same with an odd crop; what is right, and what a wrong side gives."""
    inputs = (np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2) % 9) - 3.0
    kernel = np.arange(1.0, 1 + 4 * 3 * 3 * 2).reshape(4, 3, 3, 2) % 7
    bias = np.array([1.0, 2.0, 3.0])
    case = {
        "id": "c-5d1f2a9b03e7",
        "family": "geometry",
        "arguments": {
            "filters": 3,
            "kernel_size": [4, 3],
            "strides": [1, 2],
            "padding": "same",
            "data_format": "channels_last",
            "activation": {"function": "relu"},
        },
        "steps": [
            {"do": "build", "input_shape": [2, 3, 4, 2]},
            {"do": "set_weights", "values": [tensor(kernel), tensor(bias)]},
            {"do": "call", "inputs": tensor(inputs)},
            {"do": "losses"},
        ],
    }
    right = transposed(inputs, kernel, (1, 2), (1, 0)) + bias
    wrong = transposed(inputs, kernel, (1, 2), (2, 1)) + bias
    return case, right, wrong


#: The scopes of the chapters' clauses.
SCOPES = {
    **dict.fromkeys(("shapes", "padding", "formats", "values", "dtypes", "special"), "numbers"),
    **dict.fromkeys(("bias", "arguments", "initializers", "activations"), "layer"),
    **dict.fromkeys(("losses", "constraints", "gradients"), "training"),
}


def clause(row: tuple[str, str, str, str | None, str, str]) -> Line:
    """A row of CLAUSES as the header holds it."""
    identity, chapter, title, page, norm, agreement = row
    erratum = None
    if "erratum" in agreement:
        erratum = {
            "claim": page or "",
            "script": (
                "import numpy as np, tensorflow as tf\n"
                "layer = tf.compat.v1.layers.Conv2DTranspose(1, 3, strides=2, padding='same')\n"
                "print(layer(np.zeros((1, 5, 5, 1), 'float32')).shape)  # (1, 10, 10, 1)\n"
            ),
        }
    deviation = None
    if identity == "GRAD-05":
        deviation = {
            "what": "Gradients of images without pixels are zeros.",
            "reason": "TensorFlow reads memory that was never written, and for `k < s` the process dies.",
        }
    example = None
    if identity.startswith("PAD"):
        example = "k = 2, s = 1, H = 3:  full length 4, crop 0 before and 1 after\n x = [1 0 0], w = [1 10]  ->  [1 10 0]"
    return {
        "id": identity,
        "scope": SCOPES.get(chapter, "drop-in"),
        "chapter": chapter,
        "title": title,
        "page": page,
        "norm": norm,
        "agreement": agreement.split(),
        "erratum": erratum,
        "deviation": deviation,
        "example": example,
        "checks": [f"check_{chapter}_{identity.split('-')[1].lower()}"],
    }


def header(clauses: list[Line] | None = None, subjects: list[Line] | None = None) -> Line:
    """The first line of a record."""
    return {
        "kind": "header",
        "format": 1,
        "tool": {"name": "conv2d-transpose-conformance", "version": "0.1.0"},
        "started": "2026-11-23T16:40:00Z",
        "command": ["conformance", "run", "--subject", "examples/my_layer.py:MyConv2DTranspose"],
        "profile": "core",
        "seed": 0,
        "examples": 100,
        "machine": {
            "python": "3.11.7",
            "platform": "Linux-6.1-x86_64",
            "processor": "AMD EPYC",
            "cpus": 2,
            "packages": {"numpy": "1.26.4", "hypothesis": "6.170.15"},
        },
        "subjects": SUBJECTS if subjects is None else subjects,
        "clauses": [clause(row) for row in CLAUSES] if clauses is None else clauses,
    }


def footer(**changes: Any) -> Line:
    """The last line of a record."""
    line = {
        "kind": "footer",
        "complete": True,
        "reason": None,
        "exit_status": 1,
        "seconds": 93.2,
        "counts": {"pass": 176, "fail": 2, "error": 1, "unsupported": 4},
    }
    return line | changes


def verdict(clause_id: str, subject: str = "mine", mode: str = "eager", **changes: Any) -> Line:
    """A verdict, passed unless it says otherwise."""
    line = {
        "kind": "verdict",
        "clause": clause_id,
        "subject": subject,
        "mode": mode,
        "status": "pass",
        "examples": 83,
        "reason": None,
        "claim": None,
    }
    return line | changes


def finding(clause_id: str = "PAD-01", **changes: Any) -> Line:
    """A finding with position-coded data: same is cropped on the wrong side."""
    case, right, wrong = same_case()
    index = [int(place) for place in np.argwhere(right != wrong)[4]]
    line = {
        "kind": "finding",
        "clause": clause_id,
        "subject": "mine",
        "mode": "eager",
        "status": "fail",
        "case": case,
        "step": 2,
        "message": "The output has the right shape, but most of its elements stand in the wrong place.",
        "expected": tensor(right),
        "got": tensor(wrong),
        "index": index,
        "scaled_error": None,
        "bound": None,
        "diagnosis": "equals M02: SAME cropped on the wrong side",
        "failures": 41,
        "examples": 83,
        "script": (
            "import numpy as np\n"
            "from my_layer import MyConv2DTranspose\n\n"
            "layer = MyConv2DTranspose(filters=3, kernel_size=(4, 3), strides=(1, 2), padding='same')\n"
            "layer.build((2, 3, 4, 2))\n"
            "print(layer(np.arange(48, dtype='float32').reshape(2, 3, 4, 2))[0, :, :, 0])\n"
        ),
        "shrunk": True,
    }
    return line | changes


def precision_finding() -> Line:
    """A finding about rounding: every element is a little off."""
    case, right, _ = same_case()
    rng = np.random.default_rng(7)
    exact = right / 7
    got = np.where(
        rng.random(exact.shape) < 0.4, exact * (1 + rng.normal(0, 3e-4, exact.shape)), exact
    )
    return finding(
        "VAL-03",
        message="Elements differ from the exact sum by more than rounding in float32 explains.",
        case=case,
        expected=tensor(exact),
        got=tensor(got),
        index=None,
        scaled_error=9120.4,
        bound=18.0,
        diagnosis="computes like TF32: inputs rounded to 10 bits",
        failures=83,
    )


def error_finding() -> Line:
    """A finding about an exception that has the wrong category."""
    return finding(
        "SHAPE-10",
        status="error",
        case={
            "id": "c-77aa01bc5d2e",
            "family": "rejections",
            "arguments": {"filters": 3, "kernel_size": [2, 3]},
            "steps": [{"do": "call", "inputs": tensor(np.ones((4, 5, 2)))}],
        },
        step=0,
        message="Inputs of rank 3 must be refused with a ValueError.",
        expected={"types": ["ValueError", "Exception"], "message": "", "moment": "call"},
        got={
            "types": ["IndexError", "LookupError", "Exception"],
            "message": "tuple index out of range",
            "moment": "call",
        },
        index=None,
        diagnosis=None,
        failures=5,
        examples=5,
        script=(
            "import numpy as np\n"
            "from my_layer import MyConv2DTranspose\n\n"
            "MyConv2DTranspose(filters=3, kernel_size=(2, 3))(np.ones((4, 5, 2), 'float32'))\n"
        ),
    )


def claim_for(clause_id: str) -> Line:
    """What the page's own sentence gave on TensorFlow."""
    if clause_id == "PAD-01":
        inputs = np.array([1.0, 0, 0]).reshape(1, 3, 1, 1)
        evidence = {
            "case": {
                "id": "c-0a0b0c0d0e0f",
                "family": "geometry",
                "arguments": {"filters": 1, "kernel_size": [4, 1], "padding": "same"},
                "steps": [
                    {"do": "build", "input_shape": [1, 3, 1, 1]},
                    {"do": "set_weights", "values": [tensor(np.array([1.0, 10, 100, 1000]).reshape(4, 1, 1, 1))]},
                    {"do": "call", "inputs": tensor(inputs)},
                ],
            },
            "step": 2,
            "message": "Padding evenly would crop as much at the top as at the bottom.",
            "expected": tensor(np.array([100.0, 1000, 0]).reshape(1, 3, 1, 1)),
            "got": tensor(np.array([10.0, 100, 1000]).reshape(1, 3, 1, 1)),
        }  # fmt: skip
    else:
        evidence = {
            "case": {
                "id": "c-1a2b3c4d5e6f",
                "family": "geometry",
                "arguments": {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same"},
                "steps": [{"do": "call", "inputs": tensor(np.zeros((1, 5, 5, 1)))}],
            },
            "step": 0,
            "message": "The output does not have the height and width of the input.",
            "expected": [1, 5, 5, 1],
            "got": [1, 10, 10, 1],
        }
    return {"status": "contradicted", "examples": 12, "evidence": evidence}


def record(*, with_findings: bool = True) -> list[Line]:
    """A whole run: reference, fast and tensorflow conform, mine does not."""
    lines = [header()]
    special = {
        ("SHAPE-10", "mine", "eager"): {"status": "error", "examples": 5},
        ("PAD-01", "mine", "eager"): {"status": "fail", "examples": 83},
        ("VAL-03", "mine", "eager"): {"status": "fail", "examples": 83},
        ("LOSS-02", "tensorflow", "eager"): {
            "status": "unsupported", "examples": 0, "reason": "the method is missing in eager mode"},
        ("LOSS-02", "mine", "eager"): {
            "status": "unsupported", "examples": 0, "reason": "no get_losses_for"},
        ("GRAD-01", "mine", "eager"): {"status": "unsupported", "examples": 0, "reason": "no gradients"},
        ("GRAD-05", "tensorflow", "eager"): {
            "status": "excused", "examples": 0, "reason": "TensorFlow's process may die here."},
        ("GRAD-05", "tensorflow", "graph"): {
            "status": "excused", "examples": 0, "reason": "TensorFlow's process may die here."},
        ("GRAD-05", "mine", "eager"): {"status": "not-run", "examples": 0},
        ("CORPUS-onnx", "mine", "eager"): {
            "status": "stale-excuse", "examples": 9, "reason": "excused in expectations.toml, but it passes"},
    }  # fmt: skip
    for number, (identity, *_rest, agreement) in enumerate(CLAUSES):
        for subject in SUBJECTS:
            key = (identity, subject["name"], subject["mode"])
            changes = dict(special.get(key, {})) if with_findings or key[1] != "mine" else {}
            if "erratum" in agreement and subject["name"] == "tensorflow":
                changes["claim"] = claim_for(identity)
            changes.setdefault("examples", 20 + (number * 37) % 81)
            lines.append(verdict(identity, key[1], key[2], **changes))
    if with_findings:
        lines += [finding(), precision_finding(), error_finding()]
    lines.append(footer() if with_findings else footer(exit_status=0))
    return lines


def crowd(count: int) -> list[Line]:
    """A run of many subjects, all failing; the names are long."""
    subjects = [
        {"name": f"examples/layers_{n}.py:MyConv2DTransposeLayer", "mode": "eager"}
        for n in range(count)
    ]
    lines = [header(subjects=subjects)]
    for subject in subjects:
        lines += [
            verdict(row[0], subject["name"], status="fail", examples=12345) for row in CLAUSES
        ]
    lines += [finding(subject=subject["name"]) for subject in subjects]
    return [*lines, footer()]


def stepping() -> list[Line]:
    """A finding whose canvas can be checked by hand, with a script that runs: 1 2 3 under 1 10 100."""
    images = np.array([1.0, 2, 3]).reshape(1, 1, 3, 1)
    kernel = np.array([1.0, 10, 100]).reshape(1, 3, 1, 1)
    right = np.array([1.0, 12, 123, 230, 300]).reshape(1, 1, 5, 1)
    case = {
        "id": "c-57e9",
        "arguments": {"filters": 1, "kernel_size": [1, 3], "use_bias": False},
        "steps": [
            {"do": "build", "input_shape": [1, 1, 3, 1]},
            {"do": "set_weights", "values": [tensor(kernel)]},
            {"do": "call", "inputs": tensor(images)},
        ],
    }
    script = (
        "import numpy as np\nfrom fast_impl import Conv2DTranspose\n"
        "layer = Conv2DTranspose(filters=1, kernel_size=(1, 3), use_bias=False)\n"
        "layer.build((1, 1, 3, 1))\n"
        "layer.set_weights([np.array([1., 10., 100.], 'float32').reshape(1, 3, 1, 1)])\n"
        "print(' '.join(str(layer(np.array([1., 2., 3.], 'float32').reshape(1, 1, 3, 1))).split()))\n"
    )
    got = right.copy()
    got[0, 0, 2, 0] = 23.0
    changes: Line = {
        "case": case, "step": 2, "expected": tensor(right), "got": tensor(got), "index": [0, 0, 2, 0],
        "message": "output[0, 0, 2, 0] should be exactly 123, got 23", "script": script,
    }  # fmt: skip
    return [header(), verdict("VAL-01", status="fail"), finding("VAL-01", **changes), footer()]


def many(subjects: int = 15, clauses: int = 145, findings: int = 500) -> list[Line]:
    """A large run: every finding has a case of its own, and every third subject another cause."""
    rows = [
        (f"{row[0]}-{n}", *row[1:])
        for n, row in zip(range(clauses), [row for _ in range(clauses) for row in CLAUSES])
    ]
    who = [
        {"name": f"layer_{n}", "mode": "eager", "spec": f"layers.py:L{n}"} for n in range(subjects)
    ]
    lines = [header(clauses=[clause(row) for row in rows], subjects=who)]
    for n, subject in enumerate(who):
        broken = range(findings // subjects + (n < findings % subjects))
        for place, row in enumerate(rows):
            status = "fail" if place in broken else "pass"
            lines.append(verdict(row[0], subject["name"], status=status, examples=100 + place))
        for place in broken:
            found = finding(rows[place][0], subject=subject["name"])
            found["case"] = {**found["case"], "id": f"c-{n:04x}{place:04x}"}
            kind = (place + n) % 4
            if kind:
                found["diagnosis"] = f"equals the known mistake M{kind:02}: mistake number {kind}"
            else:
                found |= {"diagnosis": None, "message": f"a note on {'abcdefgh'[place % 8]}",
                          "expected": 1, "got": 2, "index": None}  # fmt: skip
            lines.append(found)
    return [*lines, footer()]


def releases() -> list[Line]:
    """Three releases of TensorFlow in two modes, drift between them, and a worker that gave up."""
    who = [
        {"name": f"tensorflow@{version}", "mode": mode, "spec": f"tensorflow@{version}",
         "versions": {"tensorflow": version}, "settings": {"TF_ENABLE_ONEDNN_OPTS": "0"}}
        for version in ("2.9.3", "2.15.1", "2.21.0")
        for mode in ("eager", "graph")
    ]  # fmt: skip
    lines = [header(subjects=who)]
    for number, row in enumerate(CLAUSES):
        for subject in who:
            changes: Line = {"examples": 10 + number}
            if "erratum" in row[5]:
                changes["claim"] = claim_for(row[0])
            if subject["name"].endswith("2.21.0") and number % 9 == 0:
                changes |= {
                    "status": "not-run",
                    "reason": "not every case was run: 61 seconds were lost",
                }
            lines.append(verdict(row[0], subject["name"], subject["mode"], **changes))
    example = {"arguments": "Conv2DTranspose(filters=2, kernel_size=(2, 3))", "step": "call",
               "before": "float32 (1, 4, 5, 2)", "after": "ValueError: no such thing"}  # fmt: skip
    drift = [
        {"clause": row[0], "mode": mode, "before": "tensorflow@2.9.3", "after": f"tensorflow@{version}",
         "cases": 40, "differing": 3, "example": example}
        for row in CLAUSES[::8]
        for mode in ("eager", "graph")
        for version in ("2.15.1", "2.21.0")
    ]  # fmt: skip
    numerics = [
        {"subject": subject["name"], "mode": subject["mode"], "dtype": dtype, "worst": 3.5,
         "share": 0.4, "counts": [90, 20, 3]}
        for subject in who
        for dtype in ("float16", "float32")
    ]  # fmt: skip
    return [*lines, footer(drift=drift, exit_status=1, numerics=numerics)]


def save(lines: list[Line], path: Path) -> Path:
    """Write lines as a record file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
