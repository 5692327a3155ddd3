import json

import numpy as np
import pytest

from fast_impl import weights


@pytest.fixture
def path(tmp_path):
    kernel = np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(2, 3, 4, 5)
    arrays = {
        "decoder/up1/kernel": kernel, "decoder/up1/bias": np.ones(4, "f4"),
        "encoder/down/kernel": kernel, "encoder/down/bias": np.ones(5, "f4"), "step": np.int64(7),
    }  # fmt: skip
    np.savez(tmp_path / "model.npz", **arrays)
    return tmp_path / "model.npz"


def test_the_layers_are_listed_with_their_arguments(command, path):
    lines = command("weights", str(path)).stdout.splitlines()
    assert (
        "  decoder/up1  filters=4, kernel_size=(2, 3)  of 5 channels  124 values  kernel HWFC"
        in lines
    )


def test_a_kernel_that_makes_no_layer_is_listed_with_the_reason(command, path):
    assert "encoder/down  its bias has shape (5,)" in command("weights", str(path)).stdout


def test_every_array_is_listed(command, path):
    assert command("weights", str(path)).stdout.splitlines()[-1].split() == [
        "step",
        "a",
        "number",
        "int64",
    ]


def test_the_list_is_printed_as_json(command, path):
    told = json.loads(command("weights", str(path), "--json").stdout)
    assert [layer["kernel_shape"] for layer in told["layers"]] == [[2, 3, 4, 5]] * 2


def test_all_arrays_are_written_as_they_are(command, path, tmp_path):
    pytest.importorskip("safetensors")
    out = tmp_path / "out.safetensors"
    assert (
        command("weights", str(path), "--to", "safetensors", str(out)).stdout
        == f"{out}: 5 arrays written\n"
    )
    assert {k: v.tolist() for k, v in weights.read(out).items()} == {
        k: v.tolist() for k, v in weights.read(path).items()
    }


def test_the_layers_alone_are_written_as_that_kind_has_them(command, path, tmp_path):
    pytest.importorskip("h5py")
    out = tmp_path / "new" / "out.h5"
    assert command("weights", str(path), "--to", "keras", str(out), "--layers").status == 0
    with weights.WeightFile(out) as file, weights.WeightFile(path) as source:
        assert file.weights("up1")[0].tolist() == source.weights("up1")[0].tolist()
        assert len(file) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.npz"], "No such file or directory: 'missing.npz'"),
        (["pyproject"], "the name does not tell what kind of file it is"),
        (["pyproject"], "say --format, one of npz"),
        (["missing.npz", "--layers"], "--layers says what --to writes"),
        (
            ["{path}", "--layout", "up"],
            "error: --layout 'up': must be one of layer, torch, onnx, tflite, jax",
        ),
        (["{path}", "--format", "zip"], "error: --format 'zip': must be one of npz"),
    ],
)
def test_a_mistake_is_one_line_with_status_2(command, path, arguments, said):
    result = command("weights", *(argument.format(path=path) for argument in arguments))
    assert (result.status, len(result.stderr.splitlines())) == (2, 1)
    assert said in result.stderr


def test_what_a_file_says_commands_no_terminal(command, tmp_path):
    np.savez(tmp_path / "model.npz", **{"\x1b[31mred/kernel": np.ones((1, 1, 1, 1), "f4")})
    assert "\x1b" not in command("weights", str(tmp_path / "model.npz")).stdout


def test_what_a_file_says_of_a_layer_s_kind_commands_no_terminal(command, tmp_path, monkeypatch):
    np.savez(tmp_path / "model.npz", **{"red/kernel": np.ones((1, 1, 1, 1), "f4")})
    kind = property(lambda _: "it is a \x1b[31mDense")
    monkeypatch.setattr("fast_impl.weights.contents.StoredLayer.problem", kind)
    assert "\x1b" not in command("weights", str(tmp_path / "model.npz")).stdout
