"""The files of tests that are started first are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.tests.conftest import LONGEST

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", LONGEST)
def test_a_file_that_is_started_first_exists(name: str) -> None:
    assert [*ROOT.glob(f"*/tests/**/{name}"), *ROOT.glob(f"*/{name}")] != []
