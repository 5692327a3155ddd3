"""A class or a function with which no case could be run is refused in one line, before the run."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import fast_impl
import reference_impl
from conformance.starts.my_layer import MyLayer
from conformance.subjects import resolve
from conformance.subjects.loading import LoadError, backend_class, load


class Bare:
    def __init__(self, filters: int, kernel_size: Any, **others: Any) -> None: ...

    def __call__(self, inputs: Any) -> Any: ...


class WithoutBuild(Bare):
    def set_weights(self, weights: Any) -> None: ...


class WithoutWeights(Bare):
    def build(self, shape: Any) -> None: ...


class WithoutCall:
    def __init__(self, filters: int, kernel_size: Any) -> None: ...

    build = set_weights = lambda *_: None


class OtherArguments(MyLayer):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any) -> None: ...


class OneMore(MyLayer):
    def __init__(self, filters: int, kernel_size: Any, groups: int) -> None: ...


def _without_build(filters: int, kernel_size: Any, strides: Any = 1) -> Any:
    return WithoutBuild(filters, kernel_size)


def _two(inputs: Any, kernel: Any) -> Any: ...


def _one_more(
    inputs: Any, kernel: Any, strides: Any, padding: Any, layout: Any, *, groups: Any
) -> Any: ...


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Bare, "has no build and no set_weights: a layer needs build"),
        (WithoutBuild, "has no build: a layer needs build"),
        (WithoutWeights, "has no set_weights: a layer needs build"),
        (WithoutCall, "has no __call__: a layer needs build"),
        (_without_build, "has no build: a layer needs build"),
        (OtherArguments, "missing a required argument: 'in_channels'"),
        (OneMore, "missing a required argument: 'groups'"),
        (_two, "neither a layer's arguments"),
        (_one_more, "neither a layer's arguments"),
    ],
)
def test_what_no_case_could_be_run_with_is_refused(target: Any, told: str) -> None:
    with pytest.raises(LoadError, match=r"\A[^\n]+\Z") as caught:
        backend_class(target, "subject 'x'")
    assert told in str(caught.value)


def test_the_refusal_names_the_subject_once() -> None:
    spec = f"{__name__}:WithoutBuild"
    with pytest.raises(LoadError) as caught:
        resolve(spec, 20.0)[0].describe()
    assert str(caught.value).startswith(f"subject {spec!r}: has no build: a layer needs build")


class FromOutside:
    """Has its methods from another object."""

    def __init__(self, **given: Any) -> None:
        self._layer = fast_impl.Conv2DTranspose(**given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)


class MadeLate:
    """Has its methods from its constructor."""

    def __init__(self, filters: int, kernel_size: Any) -> None:
        self.build = self.set_weights = lambda *_: None

    def __call__(self, inputs: Any) -> Any: ...


class Another:
    """Makes something else."""

    def __new__(cls, **given: Any) -> Any:
        return fast_impl.Conv2DTranspose(**given)


class NotEverything(Bare):
    """Refuses what it is tried with: what it is like is found out by the run."""

    def __init__(self, filters: int, kernel_size: Any) -> None:
        raise NotImplementedError("no kernel of one by one")


def _factory(filters: int, kernel_size: Any, **others: Any) -> Any:
    return fast_impl.Conv2DTranspose(filters, kernel_size, **others)


@pytest.mark.parametrize(
    "target",
    [
        fast_impl.Conv2DTranspose, reference_impl.Conv2DTranspose, MyLayer, FromOutside, MadeLate, Another,
        NotEverything, _factory, lambda **given: fast_impl.Conv2DTranspose(**given),
        functools.partial(fast_impl.Conv2DTranspose, padding="same"), fast_impl.conv2d_transpose,
        reference_impl.conv2d_transpose,
    ],
)  # fmt: skip
def test_what_can_be_run_is_not_refused(target: Any) -> None:
    assert callable(backend_class(target, "subject 'x'"))


def test_a_file_of_a_package_is_told_to_be_named_as_a_module(tmp_path: Path) -> None:
    (inner := tmp_path / "own" / "inner").mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    (inner / "layers.py").write_text("from . import core\n", encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        load(f"{inner / 'layers.py'}:Mine")
    told = f"it belongs to a package: say own.inner.layers:NAME, in the folder {tmp_path}"
    assert str(caught.value).endswith(told)


def test_a_relative_import_outside_a_package_is_no_matter_of_packages(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text("from . import core\n", encoding="utf-8")
    with pytest.raises(LoadError, match=r"no known parent package$"):
        load(f"{tmp_path / 'layers.py'}:Mine")
