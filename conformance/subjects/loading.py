"""From what the user wrote after ``--subject`` to a backend, inside the process that runs it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from conformance.model.steps import Backend
from conformance.model.values.codec import encode, text_of
from conformance.subjects import frameworks, suggesting, tensorflow
from conformance.subjects.layer import FunctionBackend, LayerBackend
from conformance.subjects.signatures import taken_by

#: Built-in subjects that are layers on NumPy arrays.
LAYERS = {"reference": "reference_impl", "fast": "fast_impl"}
#: `fast:ALGORITHM` is the fast layer with one of its algorithms.
ALGORITHM = "fast:"
#: How a subject is driven: a bare function (with what it takes), a layer, or one whose weights are read from its
#: attributes.
FUNCTION, LAYER, BARE_LAYER = "function", "layer", "layer without get_weights"
#: What a description says of gradients that are those of a call which is made for them.
OF_A_CALL = "of a call"
#: What the constructor takes first, and so what a factory of layers does.
_LAYER_ARGUMENTS = ("filters", "kernel_size")


class LoadError(Exception):
    """A subject cannot be loaded; the message is one line for the user."""


def is_tensorflow(spec: str) -> bool:
    """Tell whether a ``--subject`` is TensorFlow itself, of any release."""
    return tensorflow.parse(spec) is not None


def backend_factory(spec: str, mode: str = "eager") -> Callable[[], Backend]:
    """Return what makes a fresh backend for the subject `spec`.

    Args:
        spec: `reference`, `fast`, `tensorflow`, a framework, `path/to/file.py:Name` or `package.module:Name`.
        mode: `eager`; one of three for TensorFlow; the way of a framework.

    Raises:
        LoadError: no such file, module or name, or its import raised.
    """
    if is_tensorflow(spec):
        return _tensorflow_backend(mode)
    if frameworks.parse(spec) is not None:
        return _driver(spec, mode).backend
    target = load(spec)
    make = backend_class(target, f"subject {spec!r}")
    return lambda: make(target)


def backend_class(target: Any, what: str) -> Callable[[Any], Backend]:
    """Return what drives `target`.

    A class is called with the page's constructor arguments. So is another callable that takes `filters` and
    `kernel_size`, or keywords alone: a factory of layers. Any other is a bare function ``conv2d_transpose(inputs,
    kernel, strides, padding, data_format)`` (see `conformance.subjects.signatures`).

    Args:
        target: a class, a factory or a function.
        what: the same in words, for the message.

    Raises:
        LoadError: it is none of these, such as a layer that is made already.
    """
    if tensorflow.is_own_layer(target):
        return tensorflow.EagerBackend
    if inspect.isclass(target):
        _check_layer(target, what)
        return LayerBackend
    if not callable(target):
        raise LoadError(
            f"{what} is of type {type(target).__name__}: a class or a function is needed"
        )
    if hasattr(target, "set_weights") or hasattr(target, "kernel"):
        raise LoadError(f"{what} is a layer that is made already: give its class, or what makes it")
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # what is written in C may have no signature
        return FunctionBackend
    if any(name in signature.parameters for name in _LAYER_ARGUMENTS):
        _check_layer(target, what)
        return LayerBackend
    if all(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        _check_layer(target, what)
        return LayerBackend
    try:
        taken_by(target)
    except ValueError as error:
        raise LoadError(
            f"{what} takes {text_of(signature, limit=120)}: neither a layer's arguments (filters, kernel_size, "
            f"...) nor those of conv2d_transpose(inputs, kernel, strides, padding, data_format): {error}"
        ) from None
    return FunctionBackend


def _check_layer(target: Any, what: str) -> None:
    """Raise LoadError for a class, or a factory of layers, with which no case could be run.

    What cannot be told without running a case is let pass: a signature in C, a constructor that raises.
    """
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        try:
            signature.bind(**_TRIED)
        except TypeError as error:
            raise LoadError(
                f"{what} takes {text_of(signature, limit=120)}: {error}; a layer is made with "
                "filters=2, kernel_size=(1, 1), and has defaults for what else it takes; for another one, "
                "write and name a function that makes it: def make(filters, kernel_size, **more)"
            ) from error
    if inspect.isclass(target) and not _missing(target):
        return
    try:
        missing = _missing(type(made := target(**_TRIED)), made)
    except (Exception, SystemExit):
        return
    if missing:
        raise LoadError(
            f"{what} has no {' and no '.join(missing)}: a layer needs build(input_shape), "
            "set_weights([kernel, bias]) and __call__(inputs); raise NotImplementedError in what it does not offer"
        )


#: With what a layer is made to see whether it can be.
_TRIED: dict[str, Any] = {"filters": 2, "kernel_size": (1, 1)}


def _missing(cls: type, instance: Any = None) -> list[str]:
    """Return the methods that a class lacks, and its instance, where there is one."""
    missing = [name for name in ("build", "set_weights") if not hasattr(cls, name)]
    missing = [name for name in missing if instance is None or not hasattr(instance, name)]
    # A class can be called itself: what counts is what it gives to its instances.
    is_called = any("__call__" in vars(base) for base in cls.__mro__)
    return missing if is_called else [*missing, "__call__"]


@functools.lru_cache
def load(spec: str) -> Any:
    """Return the class or function that `spec` names; raise LoadError."""
    if spec in LAYERS:
        return importlib.import_module(LAYERS[spec]).Conv2DTranspose
    if spec.startswith(ALGORITHM):
        return _with_algorithm(spec)
    where, separator, name = spec.rpartition(":")
    if not separator or not where or not name:
        raise LoadError(
            f"unknown subject {spec!r}: use reference, fast, tensorflow, path/to/file.py:Name "
            "or package.module:Name"
        )
    module = _import_file(where) if where.endswith(".py") else _import_module(where, name)
    target: Any = module
    for part in name.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            meant = suggesting.of_attribute(part, target)
            raise LoadError(f"{where} has no {name!r}{meant}") from None
    return target


def describe(spec: str, mode: str) -> dict[str, Any]:
    """Return versions and settings of a subject, for the record's header."""
    if is_tensorflow(spec):
        return _of_tensorflow(mode)
    chosen = frameworks.parse(spec)
    if chosen is not None:
        found = {"versions": dict(_driver(spec, mode).versions()), "settings": {}, "mode": mode}
        return {**found, "gradients": OF_A_CALL} if chosen.framework.keras else found
    versions = {"numpy": np.__version__}
    if spec in LAYERS or spec.startswith(ALGORITHM):
        from conformance import __version__

        versions = {LAYERS[spec.partition(":")[0]]: __version__, **versions}
    elif tensorflow.is_own_layer(load(spec)):
        # What TensorFlow's own layer does is the norm in its own release, under whatever name it comes.
        return {**_of_tensorflow(mode), "norm": "tensorflow", **_declared(load(spec))}
    else:
        return describe_object(load(spec), mode)
    return {"versions": versions, "settings": {}, "mode": mode}


def describe_object(target: Any, mode: str) -> dict[str, Any]:
    """Return versions of a class or function, how it is driven, and what it declares in its attributes."""
    versions, driven = versions_of(target), driven_as(target)
    return {
        "versions": versions,
        "settings": {},
        "mode": mode,
        "driven_as": driven,
        **_declared(target),
    }


def driven_as(target: Any) -> Any:
    """Return how a script must spell calls of a class, a factory or a function, so that nobody need load it."""
    if backend_class(target, text_of(target, repr, 80)) is FunctionBackend:
        return {FUNCTION: dict(taken_by(target))}
    return LAYER if not isinstance(target, type) or hasattr(target, "get_weights") else BARE_LAYER


def _declared(target: Any) -> dict[str, Any]:
    """Return what a class or function says in its attributes `capabilities` and `unsupported_errors`."""
    said = getattr(target, "capabilities", None)
    declares = {"capabilities": encode(said)} if isinstance(said, dict) else {}
    words = getattr(target, "unsupported_errors", None)
    if words is not None:
        listed = words if isinstance(words, (list, tuple, set, frozenset)) else [words]
        declares["unsupported_errors"] = [_word(word) for word in listed]
    return declares


def _word(word: Any) -> Any:
    """Return a class of errors, or a regular expression, as plain JSON; what is neither is refused by the run."""
    if inspect.isclass(word) and issubclass(word, Exception):
        return {"error": word.__name__}
    return encode(word.pattern if isinstance(word, re.Pattern) else word)


def _of_tensorflow(mode: str) -> dict[str, Any]:
    names = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "TF_USE_LEGACY_KERAS")
    settings = {name: os.environ[name] for name in names if os.environ.get(name)}
    return {"versions": tensorflow.versions(), "settings": settings, "mode": mode}


@functools.lru_cache
def _driver(spec: str, way: str) -> frameworks.Driver:
    try:
        return frameworks.driver(spec, way)
    except Exception as error:  # what the framework itself raises when it is imported
        raise LoadError(f"subject {spec!r}: {text_of(error)}") from error


def versions_of(target: Any) -> dict[str, str]:
    """Return NumPy's version, and before it that of the package which `target` is from, where it has one."""
    module = sys.modules.get(getattr(target, "__module__", None) or "")
    package = (module.__name__ if module else "").partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    return {**({package: version} if isinstance(version, str) else {}), "numpy": np.__version__}


def _with_algorithm(spec: str) -> Any:
    classes = importlib.import_module("fast_impl.layer.by_algorithm").CLASSES
    try:
        return classes[spec.removeprefix(ALGORITHM)]
    except KeyError:
        known = ", ".join(classes)
        raise LoadError(f"subject {spec!r}: the algorithms of fast are {known}") from None


def _tensorflow_backend(mode: str) -> Callable[[], Backend]:
    try:
        release = tensorflow.versions()["tensorflow"]
    except ImportError as error:
        raise LoadError(f"TensorFlow cannot be imported here: {error}") from error
    if not tensorflow.has_layer():
        raise LoadError(
            f"TensorFlow {release} has no tf.compat.v1.layers without tf-keras: "
            "pip install 'conv2d-transpose-conformance[tensorflow]' brings it"
        )
    made_by = tensorflow.BACKENDS[mode]
    made_by.prepare()
    return made_by


def _import_file(where: str) -> Any:
    path = Path(where).resolve()
    if not path.is_file():
        raise LoadError(suggesting.of_file(where))
    # The file's neighbours are importable, as they are when it is run as a script.
    sys.path.insert(0, str(path.parent))
    name = f"subject_{path.stem}"  # a file may be called like a module that is loaded already
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise LoadError(f"cannot import {where}: not a Python file")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        is_relative = isinstance(error, ImportError) and "relative import" in str(error)
        meant = suggesting.of_package(path) if is_relative else ""
        raise LoadError(f"cannot import {where}: {type(error).__name__}: {error}{meant}") from error
    return module


def _import_module(name: str, target: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")
    if name.partition(".")[0] == "tensorflow":
        tensorflow.choose_keras()
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        told = f"cannot import {name}: {type(error).__name__}: {error}"
        raise LoadError(told + suggesting.of_module(name, missing, target)) from error
