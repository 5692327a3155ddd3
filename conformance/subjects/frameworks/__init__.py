"""Other frameworks as subjects: which there are, what they need, and how a `--subject` names them.

Each is tried in two ways. `natural` is what a person writes first: the page's arguments translated one by one.
`exact` is the lowering of `conformance.model.lowering`: the framework's full result, cropped and extended, which
should equal TensorFlow's. Importing this package imports no framework.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import attrs

from conformance.subjects.frameworks import node
from conformance.subjects.frameworks.operation import Driver

__all__ = ["FRAMEWORKS", "WAYS", "Chosen", "Driver", "Framework", "driver", "parse"]

WAYS = ("natural", "exact")
#: Files that the drivers of an accelerator make.
_ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd")
_ONE_THREAD = MappingProxyType({"OMP_NUM_THREADS": "1"})
_TENSORFLOW = MappingProxyType(
    {
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
)
_JAX = MappingProxyType({"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"})


@attrs.frozen
class Framework:
    """A framework that can be a subject.

    Args:
        name: as `--subject` has it.
        module: the module of this package that drives it.
        about: what it is, in one line.
        distributions: what pip installs; the first one is the one with the version.
        imports: modules that must be importable.
        variant: a backend or a device, which the module is told.
        environment: variables of its worker, where the user's environment does not set them.
        accelerated: whether it runs on an accelerator.
        keras: which Keras it is made of: 2 or 3.
        packages: what npm installs, for a framework in JavaScript; the first one is the one with the version.
    """

    name: str
    module: str
    about: str
    distributions: tuple[str, ...]
    imports: tuple[str, ...]
    variant: str = ""
    environment: Mapping[str, str] = _ONE_THREAD
    accelerated: bool = False
    keras: int | None = None
    packages: tuple[str, ...] = ()

    @property
    def distribution(self) -> str:
        """The name of the first distribution, without extras and versions."""
        return re.split(r"[\[=]", self.distributions[0])[0]

    @property
    def missing(self) -> str | None:
        """What it lacks in this environment, in one line; None where nothing is. Nothing is imported."""
        if self.accelerated and not any(Path(path).exists() for path in _ACCELERATORS):
            return "absent: no GPU driver is loaded here"
        if self.packages:
            return node.lacking(self.packages)
        if not all(map(_is_there, self.imports)):
            return f"not installed: pip install {' '.join(self.distributions)}"
        found = _version("keras")
        major = 0 if found is None else int(found.partition(".")[0])
        if self.keras == 3 and major < 3:
            return (
                f"not installed: this is Keras {found}; pip install {' '.join(self.distributions)}"
            )
        if self.keras == 2 and major > 2 and importlib.util.find_spec("tf_keras") is None:
            return f"not installed: tf.keras is Keras {found} here; pip install --no-deps tf-keras"
        return None

    @property
    def version(self) -> str | None:
        """The version in this environment, None without one."""
        if self.packages:
            return node.version(self.packages[0])
        return _version(self.distribution) or _version(self.imports[0])


def _is_there(name: str) -> bool:
    """Whether a package is installed: a folder of its name, which Python takes for one, has no code."""
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tfjs(name: str, about: str, backend: str, *packages: str) -> Framework:
    return Framework(
        name, "tfjs", about, (), (), backend, {}, packages=("@tensorflow/tfjs", *packages)
    )


def _keras(backend: str, *distributions: str, imports: tuple[str, ...]) -> Framework:
    return Framework(
        f"keras@{backend}",
        "keras",
        f"Keras 3's layers.Conv2DTranspose on {backend}",
        ("keras", *distributions),
        ("keras", *imports),
        variant=backend,
        environment={**_TENSORFLOW, **_JAX, **_ONE_THREAD, "KERAS_BACKEND": backend},
        keras=3,
    )


_ALL = (
    Framework("torch", "torch", "PyTorch's conv_transpose2d", ("torch",), ("torch",), "cpu"),
    Framework(
        "torch@cuda", "torch", "the same on a GPU", ("torch",), ("torch",), "cuda", accelerated=True
    ),
    Framework(
        "jax", "jax", "jax.lax.conv_transpose", ("jax",), ("jax",), "cpu", {**_JAX, **_ONE_THREAD}
    ),
    Framework(
        "jax@gpu", "jax", "the same on a GPU", ("jax[cuda12]",), ("jax",), "gpu", accelerated=True
    ),
    Framework(
        "onnxruntime", "onnx", "ConvTranspose of ONNX Runtime on the processor", ("onnxruntime", "onnx"),
        ("onnxruntime", "onnx"), "runtime",
    ),
    Framework("onnx-reference", "onnx", "ConvTranspose of ONNX's own reference", ("onnx",), ("onnx",)),
    Framework(
        "openvino", "openvino", "ConvolutionBackpropData of OpenVINO on the processor", ("openvino",),
        ("openvino",),
    ),
    _keras("numpy", "jax", imports=("jax",)),
    _keras("jax", "jax", imports=("jax",)),
    _keras("torch", "torch", imports=("torch",)),
    _keras("tensorflow", "tensorflow-cpu", imports=("tensorflow",)),
    Framework(
        "tf.keras", "tf_keras", "tf.keras.layers.Conv2DTranspose of Keras 2", ("tensorflow-cpu==2.15.*",),
        ("tensorflow",), environment=_TENSORFLOW, keras=2,
    ),
    Framework(
        "tflite", "tflite", "TensorFlow Lite's interpreter on a converted layer of tf.keras",
        ("tensorflow-cpu==2.15.*",), ("tensorflow",), environment=_TENSORFLOW, keras=2,
    ),
    _tfjs("tfjs", "TensorFlow.js in Node.js, in plain JavaScript", "cpu"),
    _tfjs("tfjs@wasm", "the same in WebAssembly", "wasm", "@tensorflow/tfjs-backend-wasm"),
)  # fmt: skip

#: Every framework by its name.
FRAMEWORKS: Mapping[str, Framework] = {framework.name: framework for framework in _ALL}


@attrs.frozen
class Chosen:
    """A framework as `--subject` names it: ``NAME[@VERSION][:WAY]``; None: any version, both ways."""

    framework: Framework
    version: str | None
    way: str | None

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that are meant."""
        return WAYS if self.way is None else (self.way,)

    @property
    def environment_name(self) -> str:
        """The name without a way: what is installed."""
        name = self.framework.name
        return name if self.version is None else f"{name}@{self.version}"


def parse(spec: str) -> Chosen | None:
    """Return what a `--subject` means, None where it names no framework."""
    name, separator, way = spec.partition(":")
    if separator and way not in WAYS:
        return None
    found = re.fullmatch(r"(.+?)(?:@(\d[\w.]*))?", name)
    if found is None or found[1] not in FRAMEWORKS:
        return None
    return Chosen(FRAMEWORKS[found[1]], found[2], way or None)


def driver(spec: str, way: str) -> Driver:
    """Import a framework and return what drives it.

    Raises:
        ImportError: the framework is not installed here.
        OSError: there is no such device.
    """
    chosen = parse(spec)
    if chosen is None:
        raise ValueError(f"{spec!r} names no framework")
    module = importlib.import_module(f"{__name__}.{chosen.framework.module}")
    made: Driver = module.driver(chosen.framework.variant, way)
    return made
