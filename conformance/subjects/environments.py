"""Environments of their own for TensorFlow releases and other frameworks, under the user's cache folder.

A release wants its own Python and its own NumPy, so `tensorflow@2.9.3` runs as a worker in an environment
that `conformance subjects install tensorflow@2.9.3` makes; so does `torch`, or `torch@2.13.0`.

The worker's code is the running one: `CODE` is copied beside the environment, so that an upgrade of this package
never leaves an old worker behind. That code imports nothing but itself, the standard library and `REQUIREMENTS`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import platformdirs

import conformance
from conformance.subjects import frameworks
from conformance.subjects.frameworks import node

PREFIX = "tensorflow@"
#: Files and folders of this package that a worker runs.
CODE = ("__init__.py", "model", "subjects")
#: Distributions that it imports.
REQUIREMENTS = ("attrs", "cattrs", "click", "ml_dtypes", "numpy", "platformdirs")
_COMPLETE = "complete.json"
_PYTHONS = (13, 12, 11, 10)
_LAST_WITH_KERAS_2 = "2.15.1"
#: A distribution, its extras and its versions: nothing that pip would take for an option, a path or an address.
_REQUIREMENT = re.compile(
    r"([A-Z\d](?:[\w.-]*[A-Z\d])?)(?:\[[\w., -]+\])?(?: *[<>=!~]=?=? *[\w.*+!-]+ *(?:,(?= *[<>=!~])|$))*",
    re.I,
)


class InstallError(Exception):
    """An environment cannot be made or used; the message is one line for the user."""


@attrs.frozen
class Release:
    """What a subject needs in an environment of its own.

    Args:
        spec: such as `tensorflow@2.9.3`, `torch` or `keras@jax`.
        pythons: minor versions of Python 3 that it has wheels for, the best first.
        requirements: what pip installs.
        without_dependencies: what pip installs after that with `--no-deps`.
        packages: what npm installs beside them.
    """

    spec: str
    pythons: tuple[int, ...]
    requirements: tuple[str, ...]
    without_dependencies: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def release(spec: str) -> Release:
    """Return what `tensorflow@VERSION`, or a framework, needs.

    Raises:
        InstallError: neither; no version of three numbers, or one without this layer for Python 3.10 to 3.13.
    """
    chosen = frameworks.parse(spec)
    if chosen is not None:
        if chosen.framework.keras == 2:  # what runs on a TensorFlow needs what that needs
            found = release(f"{PREFIX}{chosen.version or _LAST_WITH_KERAS_2}")
            return attrs.evolve(found, spec=chosen.environment_name)
        pythons = tuple(dict.fromkeys((sys.version_info[1], *_PYTHONS)))
        of_one_version = chosen.framework.packages
        if of_one_version:
            at = f"@{chosen.version or 'latest'}"
            packages = tuple(package + at for package in of_one_version)
            return Release(chosen.environment_name, pythons, (), packages=packages)
        first, *others = chosen.framework.distributions
        wanted = first if chosen.version is None else f"{first}=={chosen.version}"
        return Release(chosen.environment_name, pythons, (wanted, *others))
    if not spec.startswith(PREFIX):
        known = ", ".join(frameworks.FRAMEWORKS)
        raise InstallError(f"{spec!r}: there are tensorflow@VERSION, {known}")
    version = spec.removeprefix(PREFIX)
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise InstallError(f"{spec!r}: a full version is needed, such as tensorflow@2.15.1")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 8):
        raise InstallError(f"{spec!r}: releases before 2.8 have no wheel for Python 3.10 or later")
    tensorflow = f"tensorflow-cpu=={version}"
    if (major, minor) <= (2, 11):
        return Release(spec, (10,), (tensorflow, "numpy<2", "protobuf<3.20"))
    if (major, minor) <= (2, 15):
        return Release(spec, (11, 10), (tensorflow, "numpy<2"))
    # From 2.16 on the v1 layer lives in tf-keras, whose dependency is `tensorflow`, not `-cpu`.
    keras = f"tf-keras=={major}.{minor}.*"
    pythons = _PYTHONS if (major, minor) >= (2, 20) else (12, 11, 10)
    return Release(spec, pythons, (tensorflow,), (keras,))


def release_with(spec: str, further: Sequence[str]) -> Release:
    """Return what a subject needs, and requirements of the user's own, such as ``torch==2.13.0``.

    Raises:
        InstallError: as `release` has it; a requirement is none, or is about what `spec` names the version of.
    """
    wanted = release(spec)
    if further and wanted.packages:
        raise InstallError(f"{spec} is of npm: --with is for what pip installs")
    own = _normalised(re.split(r"[\[=]", wanted.requirements[0])[0]) if wanted.requirements else ""
    for text in further:
        found = _REQUIREMENT.fullmatch(text)
        if found is None:
            raise InstallError(
                f"--with {text!r}: a distribution with or without versions is needed, such as torch==2.13.0"
            )
        if _normalised(found[1]) == own:
            raise InstallError(
                f"--with {text!r}: the subject itself names that version: {spec.partition('@')[0]}@VERSION"
            )
    return attrs.evolve(wanted, requirements=(*wanted.requirements, *further))


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def folder(spec: str) -> Path:
    """Return where the environment of a subject is, or would be."""
    cache = platformdirs.user_cache_path("conv2d-transpose-conformance", appauthor=False)
    return cache / spec.replace("@", "-")


def installed() -> tuple[str, ...]:
    """Return the subjects that have a complete environment."""
    specs = []
    for path in folder(PREFIX).parent.glob(f"*/{_COMPLETE}"):
        name = path.parent.name
        # What an earlier version made has no spec.
        specs.append(
            json.loads(path.read_text(encoding="utf-8")).get("spec", name.replace("-", "@", 1))
        )
    return tuple(sorted(specs))


def further(spec: str) -> tuple[str, ...]:
    """Return the requirements of the user's own with which the environment of a subject was made."""
    details = json.loads((folder(release(spec).spec) / _COMPLETE).read_text(encoding="utf-8"))
    return tuple(details.get("with", ()))


def installed_version(spec: str) -> str:
    """Return the version of what `spec` names in its own environment, which is complete."""
    wanted = release(spec)
    if wanted.packages:
        package = wanted.packages[0].rpartition("@")[0]
        return node.version(package, [_modules(folder(wanted.spec))]) or "unknown"
    distribution = re.split(r"[\[=]", wanted.requirements[0])[0]
    found = importlib.metadata.distributions(
        name=distribution, path=[*map(str, folder(wanted.spec).glob("lib/python*/site-packages"))]
    )
    return next((one.version for one in found), "unknown")


def here(spec: str) -> bool:
    """Tell whether the running environment has what `spec` names, in its version."""
    chosen = frameworks.parse(spec)
    if chosen is None:
        return spec == f"{PREFIX}{running_version()}"
    framework = chosen.framework
    return framework.missing is None and chosen.version in (None, framework.version)


def running_version() -> str | None:
    """Return the version of TensorFlow in the running environment, None without one."""
    for name in ("tensorflow-cpu", "tensorflow"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def interpreter(spec: str, wanted: Release, given: str | None = None) -> str:
    """Return a Python that the release runs on: the given one, this one, or one on the PATH.

    Raises:
        InstallError: there is none, or the given one has another version.
    """
    names = ", ".join(f"3.{minor}" for minor in wanted.pythons)
    if given is not None:
        minor = _minor_version(given)
        if minor not in wanted.pythons:
            found = "no Python" if minor is None else f"Python 3.{minor}"
            raise InstallError(f"--python {given!r} is {found}; {spec} needs Python {names}")
        return given
    if sys.version_info[1] in wanted.pythons:
        return sys.executable
    for minor in wanted.pythons:
        path = shutil.which(f"python3.{minor}")
        if path is not None and _minor_version(path) == minor:
            return path
    raise InstallError(
        f"{spec} needs Python {names}, and there is no python3.{wanted.pythons[0]} on the PATH; "
        "install one, or name it with --python PATH"
    )


def install(
    spec: str, python: str | None, say: Callable[[str], None], further: Sequence[str] = ()
) -> Path:
    """Make the environment of `tensorflow@VERSION`, or of a framework; return its folder.

    Args:
        spec: the subject.
        python: the interpreter to use; None: a fitting one.
        say: is told what is done.
        further: requirements of the user's own, which pip installs with the others.

    Raises:
        InstallError: no fitting interpreter, a bad requirement, or an installation step failed.
    """
    wanted = release_with(spec, further)
    executable = interpreter(spec, wanted, python)
    npm = _npm(wanted) if wanted.packages else None
    place = folder(wanted.spec)
    shutil.rmtree(place, ignore_errors=True)
    say(f"making an environment with {executable}")
    _run([executable, "-m", "venv", str(place)], spec)
    pip = [str(_python(place)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say(f"installing {', '.join(wanted.requirements or wanted.packages)}")
    _run([*pip, *wanted.requirements, *REQUIREMENTS], spec)
    if npm is not None:
        options = ("--silent", "--no-audit", "--no-fund", "--prefix", str(place))
        _run([npm, "install", *options, *wanted.packages], spec)
    if wanted.without_dependencies:
        say(f"installing {', '.join(wanted.without_dependencies)}")
        _run([*pip, "--no-deps", *wanted.without_dependencies], spec)
    details = {
        "spec": wanted.spec,
        "with": list(further),
        "python": executable,
        "made_by": conformance.__version__,
    }
    (place / _COMPLETE).write_text(json.dumps(details), encoding="utf-8")
    return place


def worker(spec: str) -> tuple[str, Path, dict[str, str]]:
    """Return the Python of a subject's worker, the folder of its code, and variables that it needs.

    Raises:
        InstallError: the environment has not been installed.
    """
    wanted = release(spec)
    if here(spec):
        return sys.executable, Path(conformance.__file__).parents[1], {}
    place = folder(wanted.spec)
    if not (place / _COMPLETE).is_file():
        chosen = frameworks.parse(spec)
        missing = None if chosen is None or chosen.version else chosen.framework.missing
        raise InstallError(
            f"subject {wanted.spec!r} is {missing or 'not installed'}; in an environment of its own: "
            f"conformance subjects install {wanted.spec}"
        )
    # What is on the user's path is meant for another Python, and the choice of Keras is for another release.
    keras = "1" if wanted.without_dependencies else ""
    forced = {"PYTHONPATH": "", "PYTHONHOME": "", "TF_USE_LEGACY_KERAS": keras}
    if wanted.packages:
        forced["NODE_PATH"] = str(_modules(place))
    return str(_python(place)), copy_code(place), forced


def copy_code(place: Path) -> Path:
    """Return a folder in `place` with a copy of the worker's code, made if it is not there."""
    package = Path(conformance.__file__).parent
    found = (path for name in CODE for path in (package / name, *(package / name).rglob("*.*")))
    files = sorted(path for path in found if path.is_file() and path.suffix in (".py", ".js"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    target = place / "code" / digest.hexdigest()[:16]
    if not target.is_dir():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        for path in files:
            copy = partial / "conformance" / path.relative_to(package)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        try:
            partial.rename(target)
        except OSError:  # another run was faster
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _modules(place: Path) -> Path:
    """Return the folder of an environment's packages of npm."""
    return place / "node_modules"


def _npm(wanted: Release) -> str:
    try:
        return node.program("npm")
    except OSError as error:
        raise InstallError(f"{wanted.spec}: {error}") from error


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _minor_version(executable: str) -> int | None:
    question = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        answer = subprocess.run(
            [executable, "-c", question], capture_output=True, text=True, check=True, timeout=30
        )
        major, minor = map(int, answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return minor if major == 3 else None


def _run(command: list[str], spec: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=clean, check=False)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip().splitlines()
        # What conflicts stands in the line before.
        tail = [line for line in told if "ResolutionImpossible" not in line]
        reason = tail[-1] if tail else f"exit status {done.returncode}"
        raise InstallError(f"cannot install {spec}: {reason}")
