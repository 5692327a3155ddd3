"""Axes of norms that this implementation alone takes, or refuses in TensorFlow's words (group CONS)."""

import numpy as np
import pytest

from reference_impl import InvalidArgumentError
from reference_impl.layer.weights import constraints


def test_no_axis_means_one_norm_for_the_whole_weight():
    weights = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(constraints.UnitNorm(None)(weights), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("axis", [-5, 4, 5])
def test_an_axis_that_a_weight_does_not_have_is_refused(axis):
    with pytest.raises(InvalidArgumentError, match="Invalid reduction dimension"):
        constraints.UnitNorm(axis)(np.ones((1, 1, 1, 1)))
