"""Weights of transposed convolutions in files of NumPy, safetensors, Keras, TensorFlow, ONNX and PyTorch.

>>> import tempfile, fast_impl
>>> from fast_impl import weights
>>> trained, other = (fast_impl.Conv2DTranspose(4, 3, name="up1") for _ in range(2))
>>> trained.build((None, None, None, 2))
>>> with tempfile.TemporaryDirectory() as folder:
...     weights.save(trained, f"{folder}/decoder.npz")
...     weights.load(other, f"{folder}/decoder.npz")
...     with weights.WeightFile(f"{folder}/decoder.npz") as file:
...         print([(layer.name, layer.kernel_shape) for layer in file.layers])
[('up1', (3, 3, 4, 2))]
>>> bool((other.kernel == trained.kernel).all())
True

Only NumPy is needed for ``.npz``; the other kinds import their package when they are used. Nothing that is
pickled is ever run.
"""

from fast_impl.weights.contents import Entry, StoredLayer
from fast_impl.weights.errors import WeightsError
from fast_impl.weights.files import FORMATS, WeightFile, read
from fast_impl.weights.layouts import LAYOUTS, Layout
from fast_impl.weights.transfer import load, save, save_arrays, write

__all__ = [
    "FORMATS",
    "LAYOUTS",
    "Entry",
    "Layout",
    "StoredLayer",
    "WeightFile",
    "WeightsError",
    "load",
    "read",
    "save",
    "save_arrays",
    "write",
]
