"""Each of `--subject fast:ALGORITHM` computes the gradients in its own way, and rightly."""

from __future__ import annotations

import numpy as np
import pytest

import fast_impl
from fast_impl.layer.by_algorithm import CLASSES
from fast_impl.planning import gradients

#: What computes the gradients, by algorithm; the scatter has no class, and does what the others do not.
METHODS = {
    "blocks": "Backward",
    "planar": "Backward",
    "small": "SmallBackward",
    "scatter": "NoneType",
}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The classes that compute gradients."""
    found: list[str] = []
    planned = gradients.planned

    def noted(*arguments: object) -> object:
        plan = planned(*arguments)  # type: ignore[arg-type]
        found.append(type(plan).__name__)
        return plan

    monkeypatch.setattr(gradients, "planned", noted)
    return found


def _gradients(
    kind: type[fast_impl.Conv2DTranspose], data_format: str, dtype: str
) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    layer = kind(3, (4, 5), (1, 3), "same", data_format=data_format, dtype=dtype)
    shape = (2, 6, 5, 4) if data_format == "channels_last" else (2, 4, 6, 5)
    inputs = generator.integers(-3, 4, shape).astype(dtype)
    output = layer(inputs)
    layer.set_weights(
        [generator.integers(-3, 4, w.shape).astype(dtype) for w in layer.get_weights()]
    )
    return [*layer.gradients(inputs, generator.integers(-3, 4, output.shape).astype(dtype))]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("algorithm", CLASSES)
def test_the_gradients_of_every_algorithm_are_the_same(
    algorithm: str, data_format: str, dtype: str
) -> None:
    wanted = _gradients(fast_impl.Conv2DTranspose, data_format, dtype)
    got = _gradients(CLASSES[algorithm], data_format, dtype)
    assert all(map(np.array_equal, got, wanted))


@pytest.mark.parametrize("algorithm", METHODS)
def test_an_algorithm_has_its_own_gradients(algorithm: str, used: list[str]) -> None:
    _gradients(CLASSES[algorithm], "channels_last", "float32")
    assert used == [METHODS[algorithm]]
