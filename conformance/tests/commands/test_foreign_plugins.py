"""A run is the same in an environment with other people's pytest plugins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from conformance.tests.conftest import Finished

#: A plugin that says when it is imported, and then fails.
PLUGIN = """
from pathlib import Path
Path(__file__).with_name("imported").touch()
raise RuntimeError("imported")
"""


def test_a_foreign_plugin_is_not_even_imported(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    """So it drops no test, ends no session and needs no reporter, however the user has pytest load it."""
    packages = tmp_path / "packages"
    details = packages / "loud-1.0.dist-info"
    details.mkdir(parents=True)
    (packages / "loud.py").write_text(PLUGIN, encoding="utf-8")
    (details / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (details / "entry_points.txt").write_text("[pytest11]\nloud = loud\n")
    loading = {
        "PYTHONPATH": f"{packages}:{command_environment['PYTHONPATH']}",
        "PYTEST_PLUGINS": "loud",
        "PYTEST_ADDOPTS": "-p loud",
    }
    done = subprocess.run(
        [
            sys.executable, "-m", "conformance", "run", "--subject", "fast", "--clause", "METH-05",
            "--examples", "1", "--out", "out",
        ],
        cwd=tmp_path,
        env={**command_environment, **loading},
        capture_output=True,
        text=True,
        timeout=100,
    )  # fmt: skip
    finished = Finished(done.returncode, done.stdout, done.stderr, tmp_path / "out")
    assert (finished.status, finished.statuses) == (0, {"METH-05": "pass"})
    assert not (packages / "imported").exists()
