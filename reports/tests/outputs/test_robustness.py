"""Whatever a record holds where a subject's own data stands, the page is made."""

import json

import hypothesis
import pytest
from hypothesis import strategies as st

import reports
from reports.tests import sample

pytestmark = pytest.mark.filterwarnings("error")

numbers = st.integers(-3, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
shapes = st.lists(st.integers(0, 3), max_size=5)


@st.composite
def tensors(draw):
    shape = draw(shapes)
    dtype = draw(st.sampled_from(["float32", "float16", "int64", "bool", "bfloat16", "complex64"]))
    size = {"float32": 4, "float16": 2, "int64": 8, "bool": 1, "bfloat16": 2, "complex64": 8}[dtype]
    count = size
    for side in shape:
        count *= side
    raw = draw(st.binary(min_size=count, max_size=count))
    return {"shape": shape, "dtype": dtype, "base64": sample.base64.b64encode(raw).decode()}


plain = st.none() | st.booleans() | numbers | st.text(max_size=5)
anything = st.recursive(
    plain | tensors() | st.sampled_from([{"shape": 1, "dtype": 2, "base64": 3}, {"float": "nan"}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["types", "message", "kernel", "x", "type"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
steps = st.lists(
    st.builds(
        lambda do, rest: {**rest, "do": do},
        st.sampled_from(["build", "call", "set_weights", "train", "gradients", "read"]) | plain,
        st.dictionaries(
            st.sampled_from(["inputs", "values", "input_shape", "learning_rate", "attribute"]),
            anything,
        ),
    )
    | anything,
    max_size=3,
)
cases = st.fixed_dictionaries(
    {},
    optional={
        "arguments": st.dictionaries(st.sampled_from(["data_format", "strides"]), anything)
        | anything,
        "steps": steps | anything,
        "id": anything,
    },
)


@hypothesis.settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    case=cases,
    step=st.none() | st.integers(-1, 4),
    expected=anything,
    got=anything,
    index=st.none() | st.lists(st.integers(-1, 4), max_size=5),
    scaled_error=st.none() | numbers | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    bound=st.none() | numbers,
)
def test_any_data_makes_a_page(load, **changes):
    evidence = {key: changes[key] for key in ("case", "step", "expected", "got")}
    claim = {"status": "contradicted", "evidence": {**evidence, "message": "m"}}
    clauses = [sample.clause(sample.CLAUSES[0])]
    lines = [
        sample.header(clauses=clauses),
        sample.verdict("SHAPE-01", claim=claim),
        sample.finding("SHAPE-01", **changes),
        sample.footer(),
    ]
    text = reports.render(load(json.loads(json.dumps(lines))))
    assert text.endswith("</html>\n")
