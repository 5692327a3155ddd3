"""What norms may depend on, as a subject's description has it."""

from __future__ import annotations

from typing import Any

import pytest

import fast_impl
from conformance.checks import Traits
from conformance.run.participants.participant import traits_of
from conformance.subjects.loading import OF_A_CALL
from conformance.subjects.objects import ObjectSubject


@pytest.mark.parametrize(
    ("description", "traits"),
    [
        ({}, Traits()),
        ({"gradients": OF_A_CALL}, Traits(tape=True)),
        ({"gradients": 7}, Traits()),
        (
            {"norm": "tensorflow", "versions": {"tensorflow": "2.15.1"}},
            Traits(tensorflow=True, release=(2, 15)),
        ),
    ],
)
def test_traits_are_those_of_the_description(description: dict[str, Any], traits: Traits) -> None:
    assert traits_of(ObjectSubject(fast_impl.Conv2DTranspose), description) == traits
