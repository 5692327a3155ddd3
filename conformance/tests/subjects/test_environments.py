"""Which Python and which packages a TensorFlow release gets; nothing is installed here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.subjects import environments
from conformance.subjects.environments import InstallError, interpreter, release


def test_the_release_of_the_page_wants_old_numpy_and_protobuf() -> None:
    assert release("tensorflow@2.9.3").requirements == (
        "tensorflow-cpu==2.9.3",
        "numpy<2",
        "protobuf<3.20",
    )


def test_the_release_of_the_page_runs_on_python_3_10_alone() -> None:
    assert release("tensorflow@2.9.3").pythons == (10,)


@pytest.mark.parametrize(("version", "newest"), [("2.15.1", 11), ("2.16.2", 12), ("2.21.0", 13)])
def test_a_release_takes_the_newest_python_that_it_has_wheels_for(
    version: str, newest: int
) -> None:
    assert release(f"tensorflow@{version}").pythons[0] == newest


def test_tf_keras_comes_without_its_dependencies() -> None:
    assert release("tensorflow@2.21.0").without_dependencies == ("tf-keras==2.21.*",)


@pytest.mark.parametrize(
    "spec", ["tensorflow@", "tensorflow@2", "tensorflow@2.15", "tensorflow@x.y.z"]
)
def test_a_version_that_is_not_whole_is_refused(spec: str) -> None:
    with pytest.raises(InstallError, match="a full version is needed"):
        release(spec)


def test_a_release_without_wheels_is_refused() -> None:
    with pytest.raises(InstallError, match="no wheel"):
        release("tensorflow@2.4.0")


def test_the_running_python_is_taken_where_it_fits() -> None:
    wanted = environments.Release("0.0.0", (sys.version_info[1],), ())
    assert interpreter("tensorflow@0.0.0", wanted) == sys.executable


def test_a_missing_interpreter_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = environments.Release("0.0.0", (99,), ())
    with pytest.raises(
        InstallError, match=r"needs Python 3\.99, and there is no python3\.99 on the PATH"
    ):
        interpreter("tensorflow@0.0.0", wanted)


def test_a_given_interpreter_of_another_version_is_refused() -> None:
    wanted = environments.Release("0.0.0", (99,), ())
    with pytest.raises(InstallError, match=f"is Python 3.{sys.version_info[1]}"):
        interpreter("tensorflow@0.0.0", wanted, sys.executable)


def test_a_given_interpreter_that_is_none_is_refused(tmp_path: Path) -> None:
    wanted = environments.Release("0.0.0", (99,), ())
    with pytest.raises(InstallError, match="is no Python"):
        interpreter("tensorflow@0.0.0", wanted, str(tmp_path / "python"))


def test_a_release_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "folder", lambda spec: tmp_path / spec)
    with pytest.raises(InstallError, match=r"conformance subjects install tensorflow@2\.10\.1"):
        environments.worker("tensorflow@2.10.1")


@pytest.mark.parametrize(("version", "keras"), [("2.10.1", ""), ("2.20.0", "1")])
def test_a_worker_s_choice_of_keras_is_its_release_s_not_the_user_s(
    version: str, keras: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "folder", lambda _: tmp_path)
    (tmp_path / "complete.json").write_text("{}", encoding="utf-8")
    _, _, forced = environments.worker(f"tensorflow@{version}")
    assert forced["TF_USE_LEGACY_KERAS"] == keras


def test_a_backend_gets_the_version_that_is_asked_for() -> None:
    asked = ["torch==2.13.0", "numpy >=2, <2.3"]
    assert environments.release_with("keras@torch@3.15.1", asked).requirements == (
        "keras==3.15.1",
        "torch",
        *asked,
    )


@pytest.mark.parametrize(
    "text",
    ["", "torch==", "--index-url=x", "./torch", "torch 2.13", "torch;x", "torch @ x", "a==1,"],
)
def test_a_requirement_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InstallError, match="a distribution with or without versions is needed"):
        environments.release_with("keras@torch", [text])


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("torch@2.13.0", "Torch==2.12.0"),
        ("keras@jax", "keras"),
        ("tf.keras", "tensorflow_cpu<2.15"),
    ],
)
def test_a_version_is_not_named_twice(spec: str, text: str) -> None:
    with pytest.raises(InstallError, match=r"the subject itself names that version: .*@VERSION"):
        environments.release_with(spec, [text])


def test_what_is_of_npm_gets_nothing_from_pip() -> None:
    with pytest.raises(InstallError, match="tfjs is of npm: --with is for what pip installs"):
        environments.release_with("tfjs", ["numpy"])


def test_an_environment_remembers_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []

    def note(command: list[str], _: str) -> None:
        commands.append(command)
        (tmp_path / "keras@torch").mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "folder", lambda spec: tmp_path / spec)
    monkeypatch.setattr(environments, "_run", note)
    environments.install("keras@torch", sys.executable, lambda _: None, ["torch==2.13.0"])
    assert commands[1][6:9] == ["keras", "torch", "torch==2.13.0"]
    assert environments.further("keras@torch") == ("torch==2.13.0",)
