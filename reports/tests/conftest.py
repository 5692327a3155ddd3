import pytest

import reports

from . import sample


@pytest.fixture
def load(tmp_path):
    """Write lines as a file and load it."""

    def write_and_load(lines):
        return reports.load(sample.save(lines, tmp_path / "run.jsonl"))

    return write_and_load


@pytest.fixture
def page(load):
    """Render lines."""
    return lambda lines: reports.render(load(lines))
