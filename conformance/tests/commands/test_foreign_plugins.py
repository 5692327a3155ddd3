"""A run is the same in an environment with other people's pytest plugins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conformance.tests.conftest import Finished

#: Plugins by what they do to a session in which they are loaded.
PLUGINS = {
    "needs the terminal reporter": """
def pytest_configure(config):
    config.pluginmanager.getplugin("terminalreporter").verbosity
""",
    "fails when it is imported": "raise RuntimeError('imported')",
    "drops every test": """
def pytest_collection_modifyitems(items):
    items.clear()
""",
    "ends the session": """
import pytest
def pytest_runtest_setup(item):
    pytest.exit("enough", returncode=0)
""",
}


@pytest.fixture
def run_with_plugin(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> Callable[..., Finished]:
    """Run the command where a plugin is installed, with variables of the user's own."""

    def run(text: str, **variables: str) -> Finished:
        packages = tmp_path / "packages"
        details = packages / "loud-1.0.dist-info"
        details.mkdir(parents=True)
        (packages / "loud.py").write_text(text, encoding="utf-8")
        (details / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
        (details / "entry_points.txt").write_text("[pytest11]\nloud = loud\n")
        path = f"{packages}:{command_environment['PYTHONPATH']}"
        done = subprocess.run(
            [
                sys.executable, "-m", "conformance", "run", "--subject", "fast", "--clause", "METH-05",
                "--examples", "1", "--out", "out",
            ],
            cwd=tmp_path,
            env={**command_environment, **variables, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=100,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr, tmp_path / "out")

    return run


@pytest.mark.parametrize("text", PLUGINS.values(), ids=PLUGINS)
def test_a_foreign_plugin_has_no_say_in_a_run(
    text: str, run_with_plugin: Callable[..., Finished]
) -> None:
    done = run_with_plugin(text)
    assert (done.status, done.statuses) == (0, {"METH-05": "pass"})


@pytest.mark.parametrize("variable", ["PYTEST_PLUGINS", "PYTEST_ADDOPTS"])
def test_a_plugin_named_by_a_variable_has_no_say_in_a_run(
    variable: str, run_with_plugin: Callable[..., Finished]
) -> None:
    value = {"PYTEST_PLUGINS": "loud", "PYTEST_ADDOPTS": "-p loud"}[variable]
    done = run_with_plugin(PLUGINS["drops every test"], **{variable: value})
    assert (done.status, done.statuses) == (0, {"METH-05": "pass"})
