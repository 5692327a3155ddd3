"""The wheel, as its user has it: unpacked, in an empty folder, without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conformance.subjects import environments
from conformance.tests.conftest import Finished

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def wheel_environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a Python in which the wheel is installed."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        pytest.skip("there is no checkout to build a wheel from")
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, timeout=120)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTHONPATH": str(folder)}


@pytest.fixture
def conformance(wheel_environment: Mapping[str, str], tmp_path: Path) -> Callable[..., Finished]:
    """Run the wheel's command in an empty folder."""

    def run(*arguments: str, seconds: float = 250, **variables: str) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "conformance", *arguments],
            cwd=tmp_path,
            env={**wheel_environment, **variables},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Finished(done.returncode, done.stdout, done.stderr, tmp_path / "out")

    return run


@pytest.mark.parametrize("name", ["protocol.md", "my_layer.py", "my_program.c"])
def test_what_a_start_needs_comes_with_the_wheel(
    wheel_environment: Mapping[str, str], name: str
) -> None:
    assert (Path(wheel_environment["PYTHONPATH"]) / "conformance" / "starts" / name).is_file()


def test_a_class_of_the_users_own_conforms(
    conformance: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("from fast_impl import Conv2DTranspose as Mine\n")
    options = ("--subject", "mine.py:Mine", "--clause", "PAD-*", "--examples", "2", "--out", "out")
    done = conformance("run", *options)
    assert (done.status, done.stderr) == (0, "")


@pytest.fixture(scope="session")
def release(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A release of TensorFlow that is not the running one, and the cache folder of its environment.

    The folder is kept from one test session to the next where pytest keeps anything; what is not there yet is
    installed in tox's environments alone, for it takes minutes.
    """
    name = "tensorflow@2.15.1" if environments.running_version() == "2.9.3" else "tensorflow@2.9.3"
    try:
        environments.interpreter(name, environments.release(name))
    except environments.InstallError as reason:
        pytest.skip(str(reason))
    cache = getattr(pytestconfig, "cache", None)
    folder = tmp_path_factory.mktemp("cache") if cache is None else cache.mkdir("environments")
    if "TOX_ENV_NAME" not in os.environ and not _is_installed(name, folder):
        pytest.skip(f"{name} is installed by tox")
    return name, folder


def _is_installed(name: str, folder: Path) -> bool:
    version = name.removeprefix(environments.PREFIX)
    return any(folder.glob(f"*/tensorflow-{version}/complete.json"))


@pytest.mark.tensorflow
@pytest.mark.skipif(
    environments.running_version() is None, reason="TensorFlow is not installed here"
)
@pytest.mark.timeout(1200)
def test_another_release_of_tensorflow_conforms(
    release: tuple[str, Path], conformance: Callable[..., Finished]
) -> None:
    name, folder = release
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    variables = {"PIP_CACHE_DIR": str(user_cache / "pip"), "XDG_CACHE_HOME": str(folder)}
    if not _is_installed(name, folder):
        installed = conformance("subjects", "install", name, seconds=900, **variables)
        assert (installed.status, installed.stderr) == (0, "")
    options = ("--subject", name, "--clause", "SHAPE-*", "--examples", "4", "--out", "out")
    done = conformance("run", *options, **variables)
    assert (done.status, done.stderr) == (0, "")
