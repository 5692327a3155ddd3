"""What a worker runs: its own code, its stated requirements, and nothing of the folder it runs in."""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import fast_impl.layer.arguments
import reference_impl.layer.configuration
from conformance.cases import FAMILIES
from conformance.model.arguments import FURTHER, PAGE
from conformance.subjects import environments, resolve

LAYER = """
import numpy as np

class Layer:
    def __init__(self, filters, kernel_size, strides=1, padding="valid", use_bias=True, name=None):
        self.kernel, self.bias = np.zeros((2, 2, filters, 1)), None
    def build(self, input_shape): pass
    def set_weights(self, weights): self.kernel = weights[0]
    def __call__(self, inputs): return np.asarray(inputs)
"""


def _top_level(names: tuple[str, ...]) -> Iterator[Path]:
    """Yield what distributions, and those that they require, put beside the other packages."""
    waiting, seen = [*names], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        parts = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
        yield from (Path(str(distribution.locate_file(part))) for part in parts)
        needed = map(Requirement, distribution.requires or ())
        waiting += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A Python that has the worker's code and its requirements alone: the words that start it."""
    folder, place = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("place")
    for path in _top_level(environments.REQUIREMENTS):
        (folder / path.name).symlink_to(path)
    start = (
        f"import sys; sys.path[:0] = [{str(environments.copy_code(place))!r}, {str(folder)!r}]; "
        "from conformance.subjects.processes.worker import main; main()"
    )
    return [sys.executable, "-I", "-S", "-c", start]


def test_a_worker_needs_its_code_and_its_requirements_alone(
    bare: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(LAYER, encoding="utf-8")
    case = FAMILIES["geometry"].fixed[0]
    requests = [{"kind": "describe"}, {"kind": "case", "id": case.id, "case": case.to_json()}]
    done = subprocess.run(
        [*bare, "mine.py:Layer"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stderr, [json.loads(line)["kind"] for line in done.stdout.splitlines()]) == (
        "",
        ["description", "observation"],
    )


def test_a_worker_of_tensorflow_misses_nothing_but_tensorflow(
    bare: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*bare, "tensorflow@2.9.3", "--mode", "graph"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == {
        "kind": "load-error",
        "message": "TensorFlow cannot be imported here: No module named 'tensorflow'",
    }


@pytest.mark.parametrize("name", ["conformance", "numpy", "json", "click"])
def test_a_file_of_the_working_directory_does_not_stand_for_a_module_of_the_worker(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(LAYER, encoding="utf-8")
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (subject,) = resolve("mine.py:Layer", 20.0)
    try:
        assert subject.describe()["kind"] == "description"
    finally:
        subject.close()


def test_a_module_of_the_working_directory_can_be_a_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(LAYER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (subject,) = resolve("mine:Layer", 20.0)
    try:
        assert subject.describe()["kind"] == "description"
    finally:
        subject.close()


def test_the_names_of_the_page_are_the_layers_own() -> None:
    parameters = inspect.signature(reference_impl.Conv2DTranspose).parameters
    assert [*PAGE, "kwargs"] == [*parameters]


@pytest.mark.parametrize(
    "known", [reference_impl.layer.configuration.KEYWORDS, fast_impl.layer.arguments.KNOWN_KEYWORDS]
)
def test_the_further_names_are_the_layers_own(known: frozenset[str]) -> None:
    assert known == set(FURTHER)
