"""Constraints in narrow formats; what both implementations have is in conformance/tests/implementations."""

import numpy as np

from fast_impl.layer.objects import constraints


def weight(*values, dtype):
    return np.array(values, dtype=dtype).reshape(2, 1, 1, 1)


def test_a_norm_that_overflows_warns_of_nothing():
    assert constraints.UnitNorm()(weight(1e30, 1e30, dtype="float32")).ravel().tolist() == [0, 0]


def test_a_half_format_has_its_norm_in_float32():
    # 300**2 is beyond float16; the norm of (300, 400) is 500
    found = constraints.UnitNorm()(weight(300, 400, dtype="float16"))
    assert (found.dtype.name, found.ravel().tolist()) == (
        "float16",
        [float(np.float16(0.6)), float(np.float16(0.8))],
    )
