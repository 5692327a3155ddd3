"""Gradients by one product per tap."""

import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import scatter


def test_the_gradient_of_the_bias_sums_bfloat16_in_float32():
    pytest.importorskip("ml_dtypes")
    problem = fast_impl.plan((1, 20, 15, 1), (1, 1, 1, 1), dtype="bfloat16").problem
    out = np.empty(1, problem.dtype)
    scatter.bias_gradient(problem, np.ones((1, 20, 15, 1), problem.dtype), out)
    assert float(out[0]) == 300


LARGE = {"float16": 6e4, "float32": 3e38}


@pytest.mark.parametrize(("dtype", "finite"), [("float16", True), ("float32", False)])
def test_gradients_are_summed_in_float32(dtype, finite):
    # what overflows in float32 does not in float64, and what overflows in float16 not in float32
    large = LARGE[dtype]
    problem = fast_impl.plan((1, 1, 2, 2), (1, 1, 2, 2), dtype=dtype).problem
    signs = np.array([[2, 2], [-2, -2]], dtype)
    ones, g = np.ones((2, 2), dtype), np.full((1, 1, 2, 2), large, dtype)
    to_inputs, to_kernel = np.empty((1, 1, 2, 2), dtype), np.empty((1, 1, 2, 2), dtype)
    to_bias = np.empty(2, dtype)
    with np.errstate(all="ignore"):
        scatter.input_gradient(problem, signs.reshape(1, 1, 2, 2), g, to_inputs)
        row = fast_impl.plan((1, 1, 4, 1), (1, 3, 1, 1), dtype=dtype).problem
        g = np.array([large, large, -large, 0, 0, 0], dtype).reshape(1, 1, 6, 1)
        to_pixel = np.empty((1, 1, 4, 1), dtype)
        scatter.input_gradient(row, np.ones((1, 3, 1, 1), dtype), g, to_pixel)
        g = np.array([large, large, -large, -large], dtype).reshape(1, 1, 2, 2)
        scatter.kernel_gradient(problem, 4 * ones.reshape(1, 1, 2, 2), g, to_kernel)
        g = np.tile(np.repeat(np.array([large, -large], dtype), 4), 2).reshape(1, 4, 4, 1)
        bias_problem = fast_impl.plan((1, 4, 4, 1), (1, 1, 1, 1), dtype=dtype).problem
        scatter.bias_gradient(bias_problem, g, to_bias[:1])
    found = [np.isfinite(a).all() for a in (to_inputs, to_pixel, to_kernel, to_bias[:1])]
    assert found == [finite] * 4
