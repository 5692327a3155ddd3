import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, weights
from fast_impl.tests.weights.written_by_keras import CONFIGS

# What TensorFlow 2.9 does when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SCRIPT = Path(__file__).with_name("written_by_keras.py")
TF_KERAS = pytest.param("tf.keras", marks=pytest.mark.tensorflow)
BOTH = [TF_KERAS, "keras"]


def _is_there(name):
    if importlib.util.find_spec("h5py") is None:
        return False
    if name == "tf.keras":
        return importlib.util.find_spec("tensorflow") is not None
    if importlib.util.find_spec("keras") is None:
        return False
    from importlib.metadata import version

    return version("keras").startswith("3.")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders that the frameworks have written into, made when they are asked for."""
    made = {}

    def folder(name):
        if not _is_there(name):
            pytest.skip(f"{name} or h5py is not installed")
        if name not in made:
            place = tmp_path_factory.mktemp(name)
            (place / "named").mkdir()
            environment = {
                **os.environ, "KERAS_BACKEND": "numpy", "TF_CPP_MIN_LOG_LEVEL": "3",
                "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path),
            }  # fmt: skip
            if importlib.util.find_spec("tf_keras") is not None:
                environment["TF_USE_LEGACY_KERAS"] = "1"
            done = subprocess.run(
                [sys.executable, str(SCRIPT), name, str(place)],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            made[name] = place if done.returncode == 0 else done.stderr[-3000:]
        assert isinstance(made[name], Path), made[name]
        return made[name]

    return folder


def _file(folder, name):
    if not (folder / name).is_file():
        pytest.skip("this release writes no such file")
    return folder / name


def _expected(folder, name):
    with np.load(folder / "expected.npz") as arrays:
        return [
            arrays[f"{name}/{kind}"] for kind in ("kernel", "bias") if f"{name}/{kind}" in arrays
        ]


FILES = [
    *(pytest.param("tf.keras", file, marks=pytest.mark.tensorflow)
      for file in ("model.h5", "legacy.h5", "model.keras")),
    *(("keras", file) for file in ("model.h5", "model.keras", "weights.weights.h5")),
]  # fmt: skip


@pytest.mark.parametrize("layer", ["up1", "up2", "up3"])
@pytest.mark.parametrize(("framework", "file"), FILES)
def test_a_layer_of_a_model_is_read_by_its_name(folders, framework, file, layer):
    folder = folders(framework)
    with weights.WeightFile(_file(folder, file)) as opened:
        found = opened.weights(layer)
    assert [a.tolist() for a in found] == [a.tolist() for a in _expected(folder, layer)]


@pytest.mark.tensorflow
@pytest.mark.parametrize("key", ["layers/conv2d_transpose", "layers/conv2d_transpose/vars/0"])
def test_a_file_of_weights_without_names_is_read_by_its_keys(folders, key):
    folder = folders("tf.keras")
    with weights.WeightFile(_file(folder, "weights.weights.h5")) as opened:
        if "layers/conv2d_transpose/vars/0" not in opened:
            pytest.skip("this release writes the older form")
        assert opened.weights(key)[0].tolist() == _expected(folder, "up1")[0].tolist()


@pytest.mark.parametrize(("framework", "file"), FILES)
def test_what_training_keeps_and_other_layers_have_makes_no_layer(folders, framework, file):
    with weights.WeightFile(_file(folders(framework), file)) as opened:
        fitting = [layer.name.split("/")[-1] for layer in opened.layers if layer.problem is None]
        assert sorted(fitting) == ["up1", "up2", "up3"]


@pytest.mark.tensorflow
def test_a_checkpoint_of_objects_is_read_by_the_variables_names(folders):
    folder = folders("tf.keras")
    with weights.WeightFile(folder / "objects") as opened:
        assert opened.weights("up1")[0].tolist() == _expected(folder, "up1")[0].tolist()


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "path", ["named/graph.ckpt-7", "named/graph.ckpt-7.data-00000-of-00001", "named"]
)
@pytest.mark.parametrize("name", ["up1", "generator/up1", "generator/up1/kernel:0", None])
def test_a_checkpoint_of_a_graph_is_read_by_scope(folders, path, name):
    folder = folders("tf.keras")
    with weights.WeightFile(folder / path) as opened, np.load(folder / "graph.npz") as expected:
        kernel, bias = opened.weights(name)
        assert kernel.tolist() == expected["up1/kernel"].tolist()
        assert bias.tolist() == expected["up1/bias"].tolist()


@pytest.mark.tensorflow
def test_a_damaged_checkpoint_is_told_in_one_line(folders, tmp_path):
    source = folders("tf.keras") / "named"
    (tmp_path / "cut.index").write_bytes((source / "graph.ckpt-7.index").read_bytes())
    data = (source / "graph.ckpt-7.data-00000-of-00001").read_bytes()
    (tmp_path / "cut.data-00000-of-00001").write_bytes(data[:100])
    with pytest.raises(
        weights.WeightsError, match=r"cut: .*but the file holds 100 bytes"
    ) as caught:
        weights.WeightFile(tmp_path / "cut")
    assert "\n" not in str(caught.value)


OURS = [
    *(pytest.param("tf.keras", file, marks=pytest.mark.tensorflow) for file in (
        "ours.h5", "ours.weights.h5", "ours.ckpt", "like_model.h5", "like_model.keras", "like_legacy.h5",
        "like_weights.weights.h5",
    )),
    *(("keras", file) for file in (
        "ours.h5", "ours.weights.h5", "like_model.h5", "like_model.keras", "like_weights.weights.h5",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("framework", "file"), OURS)
def test_keras_and_tensorflow_load_what_is_saved(folders, framework, file):
    folder = folders(framework)
    with np.load(folder / "loaded.npz") as loaded:
        found = {key: loaded[key] for key in loaded.files if key.startswith(f"{file}/up")}
    if not found:
        pytest.skip("this release writes no such file")
    with np.load(folder / "expected.npz") as expected:
        for key, array in found.items():
            assert array.tolist() == (-expected[key.removeprefix(f"{file}/")]).tolist()


def _told(folders, side, case):
    text = (folders("keras" if side == "keras" else "tf.keras") / "configs.json").read_text()
    # Keras 2 keeps the factors of a regularizer in float32, as this library does.
    return json.loads(text, parse_float=np.float32)[f"{side} {case}"]


SIDES = [TF_KERAS, pytest.param("v1", marks=pytest.mark.tensorflow), "keras"]
# Keras 2 and 3 settle the dtype when the layer is made, Keras 3 has no groups and writes shapes elsewhere.
ASIDE = {"dtype", "groups", "batch_input_shape", "name", "kernel_initializer", "bias_initializer"}


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("side", SIDES)
def test_a_configuration_of_theirs_comes_back_from_ours(folders, side, case):
    told = _told(folders, side, case)
    assert told["through ours"] == told["theirs"]


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("side", SIDES)
def test_a_configuration_of_ours_comes_back_from_theirs(folders, side, case):
    told = _told(folders, side, case)
    ours, back = told["ours"], told["through theirs"]
    assert {k: v for k, v in back.items() if k not in ASIDE} == {
        k: v for k, v in ours.items() if k not in ASIDE
    }


@pytest.mark.parametrize("framework", BOTH)
def test_a_decoder_is_loaded_from_a_model_into_layers_of_its_configuration(folders, framework):
    folder = folders(framework)
    layers = [
        Conv2DTranspose(5, (3, 4), name="up1"),
        Conv2DTranspose(3, 2, use_bias=False, name="up2"),
        Conv2DTranspose(4, (1, 2), name="up3"),
    ]
    weights.load(layers, folder / "model.h5")
    for layer in layers:
        assert [a.tolist() for a in layer.get_weights()] == [
            a.tolist() for a in _expected(folder, layer.name)
        ]
