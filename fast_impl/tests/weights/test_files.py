"""Files of every kind by the real libraries, and what is said about bad ones."""

import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, weights

WRITABLE = {
    "decoder.npz": None, "decoder.safetensors": "safetensors", "decoder.h5": "h5py", "decoder.weights.h5": "h5py",
    "decoder.pt": "torch",
}  # fmt: skip


def _layer(name, filters, kernel, channels, **arguments):
    layer = Conv2DTranspose(filters, kernel, name=name, **arguments)
    layer.build((None, None, None, channels))
    generator = np.random.default_rng(len(name) + filters)
    layer.set_weights([generator.integers(-9, 9, w.shape) for w in layer.get_weights()])
    return layer


@pytest.fixture
def decoder():
    return [_layer("up1", 5, (3, 4), 2), _layer("up2", 3, 2, 5, use_bias=False)]


def _fresh():
    return [
        Conv2DTranspose(5, (3, 4), name="up1"),
        Conv2DTranspose(3, 2, name="up2", use_bias=False),
    ]


def _equal(layers, others):
    return all(
        a.tobytes() == b.tobytes()
        for one, two in zip(layers, others)
        for a, b in zip(one.get_weights(), two.get_weights())
    )


@pytest.mark.parametrize("name", WRITABLE)
def test_a_decoder_comes_back_from_a_file(decoder, tmp_path, name):
    if WRITABLE[name]:
        pytest.importorskip(WRITABLE[name])
    weights.save(decoder, tmp_path / name)
    fresh = _fresh()
    weights.load(fresh, tmp_path / name)
    assert _equal(decoder, fresh)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITABLE)
def test_a_file_like_another_keeps_the_rest(decoder, tmp_path, name):
    if WRITABLE[name]:
        pytest.importorskip(WRITABLE[name])
    weights.save(decoder, tmp_path / name)
    trained = _layer("up2", 3, 2, 5, use_bias=False, kernel_initializer="ones")
    trained.set_weights([trained.kernel + 100])
    weights.save(trained, tmp_path / name, like=tmp_path / name)
    fresh = _fresh()
    weights.load(fresh, tmp_path / name)
    assert _equal([decoder[0], trained], fresh)


def test_layers_are_loaded_by_the_names_that_the_file_has(decoder, tmp_path):
    weights.save({"decoder/first": decoder[0], "decoder/second": decoder[1]}, tmp_path / "a.npz")
    fresh = _fresh()
    weights.load({"first": fresh[0], "decoder/second": fresh[1]}, tmp_path / "a.npz")
    assert _equal(decoder, fresh)


def test_the_only_layer_of_a_file_needs_no_name(decoder, tmp_path):
    weights.save(decoder[0], tmp_path / "a.npz")
    other = Conv2DTranspose(5, (3, 4), name="another", data_format="channels_first")
    weights.load(other, tmp_path / "a.npz")
    assert _equal(decoder[:1], [other])


@pytest.mark.parametrize("layout", weights.LAYOUTS)
def test_a_layout_there_and_back_is_the_kernel(layout):
    kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    own = weights.LAYOUTS[layout]
    assert own.to_layer(own.from_layer(kernel)).tolist() == kernel.tolist()
    assert own.layer_shape(own.from_layer(kernel).shape) == kernel.shape


# --- what the libraries write --------------------------------------------------------------


def test_arrays_of_numpy_are_read_by_torchs_names_and_by_the_layers(tmp_path):
    kernel = np.arange(2 * 5 * 3 * 4, dtype="f4").reshape(2, 5, 3, 4)
    np.savez_compressed(
        tmp_path / "a.npz", **{"up1.weight": kernel, "up1.bias": np.ones(5), "n": 3}
    )
    with weights.WeightFile(tmp_path / "a.npz") as file:
        assert file.weights("up1")[0].tolist() == kernel.transpose(2, 3, 1, 0).tolist()
        assert file.read("n") == 3


def test_a_state_dict_of_torch_computes_the_same_here(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.ConvTranspose2d(2, 5, (3, 4), stride=2), torch.nn.Conv2d(5, 7, 1)
    )
    torch.save({"epoch": 3, "model": theirs.state_dict()}, tmp_path / "model.pt")
    layer = Conv2DTranspose(5, (3, 4), strides=2, data_format="channels_first")
    weights.load({"model.0": layer}, tmp_path / "model.pt")
    inputs = np.random.default_rng(0).standard_normal((2, 2, 4, 5)).astype("f4")
    expected = theirs[0](torch.from_numpy(inputs)).detach().numpy()
    assert np.abs(layer(inputs) - expected).max() < 1e-5


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_torch_loads_what_is_saved(decoder, tmp_path, name):
    torch = pytest.importorskip("torch")
    if name == "a.pt":
        weights.save(decoder, tmp_path / name)
        loaded = torch.load(tmp_path / name, weights_only=True)
    else:
        load_file = pytest.importorskip("safetensors.torch").load_file
        weights.save(decoder, tmp_path / name, layout="torch")
        loaded = load_file(tmp_path / name)
    theirs = torch.nn.ModuleDict(
        {
            "up1": torch.nn.ConvTranspose2d(2, 5, (3, 4)),
            "up2": torch.nn.ConvTranspose2d(5, 3, 2, bias=False),
        }
    )
    theirs.load_state_dict(loaded)
    inputs = np.random.default_rng(0).integers(-9, 9, (1, 3, 3, 2)).astype("f4")
    outputs = theirs["up1"](torch.from_numpy(inputs.transpose(0, 3, 1, 2))).detach().numpy()
    assert outputs.transpose(0, 2, 3, 1).tolist() == decoder[0](inputs).tolist()


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_bfloat16_comes_and_goes(tmp_path, name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    pytest.importorskip("torch" if name == "a.pt" else "safetensors")
    array = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    weights.write(tmp_path / name, {"x": array})
    found = weights.read(tmp_path / name)["x"]
    assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


def _onnx_model(tmp_path, group=1, constant=False):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    kernel = np.arange(4 * 5 * 3 * 2, dtype="f4").reshape(4, 5, 3, 2)
    tensors = [
        onnx.numpy_helper.from_array(kernel, "W"), onnx.numpy_helper.from_array(np.ones(5 * group, "f4"), "B")
    ]  # fmt: skip
    nodes = [
        helper.make_node("Identity", ["W"], ["same"]),
        helper.make_node("ConvTranspose", ["x", "same", "B"], ["up"], name="up1", group=group),
    ]
    if constant:
        nodes.insert(0, helper.make_node("Constant", [], ["W"], value=tensors.pop(0)))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("x", 1, [1, 4, 6, 7])], [value("up", 1, None)], tensors
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx", kernel


@pytest.mark.parametrize("constant", [False, True])
def test_the_weights_of_an_onnx_node_are_read_by_its_name(tmp_path, constant):
    path, kernel = _onnx_model(tmp_path, constant=constant)
    layer = Conv2DTranspose(5, (3, 2))
    weights.load({"up1": layer}, path)
    assert layer.kernel.tolist() == kernel.transpose(2, 3, 1, 0).tolist()


def test_groups_of_an_onnx_node_make_no_layer(tmp_path):
    path, _ = _onnx_model(tmp_path, group=2)
    with pytest.raises(weights.WeightsError, match=r"'up1' makes no Conv2DTranspose: .* 2 groups"):
        weights.load({"up1": Conv2DTranspose(5, (3, 2))}, path)


def test_onnxruntime_computes_with_what_is_saved(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    path, _ = _onnx_model(tmp_path)
    layer = Conv2DTranspose(5, (3, 2), name="up1", data_format="channels_first")
    layer.build((None, 4, None, None))
    layer.set_weights([np.round(10 * layer.kernel), np.arange(5.0)])
    weights.save(layer, tmp_path / "ours.onnx", like=path)
    inputs = np.random.default_rng(0).integers(-9, 9, (1, 4, 6, 7)).astype("f4")
    session = runtime.InferenceSession(tmp_path / "ours.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": inputs})[0].tolist() == layer(inputs).tolist()


# --- what is told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (lambda p: weights.load({"upl1": _fresh()[0]}, p), r"no layer 'upl1': did you mean 'up1' or 'up2'\?"),
        (lambda p: weights.load(Conv2DTranspose(5, (4, 3), name="up1"), p),
         r"'up1/kernel' has shape \(3, 4, 5, 2\) \(HWFC\), which makes a kernel of .* expects \(4, 3, 5, any\)"),
        (lambda p: weights.load(Conv2DTranspose(2, (3, 4), name="up1"), p), "it would fit as layout='jax'"),
        (lambda p: weights.load(Conv2DTranspose(5, (3, 4), name="up1", use_bias=False), p),
         "there is a bias, 'up1/bias', and layer 'up1' has use_bias=False"),
        (lambda p: weights.load(Conv2DTranspose(3, 2, name="up2"), p), "no bias 'up2/bias' for layer 'up2'"),
        (lambda p: weights.load(Conv2DTranspose(3, 2, name="other"), p), "no layer 'other'"),
        (lambda p: weights.WeightFile(p).read("up1/kernl"), r"no array 'up1/kernl': did you mean 'up1/kernel'"),
        (lambda p: weights.save(Conv2DTranspose(1, 1), p), "has no weights yet"),
        (lambda p: weights.save([], p), "there is none"),
        (lambda p: weights.write(p, {"x": np.array(["a"])}), "'x': str.* are no numbers"),
        (lambda p: weights.write(p, {"": np.ones(1)}), "'': a key is a text that is not empty"),
        (lambda p: weights.write(p.with_suffix(".onnx"), {"x": np.ones(1)}), "say like="),
        (lambda p: weights.write(p.with_suffix(".txt"), {}), "does not tell what kind of file"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_the_key_and_what_is_there(decoder, tmp_path, load, said):
    weights.save(decoder, tmp_path / "a.npz")
    with pytest.raises(weights.WeightsError, match=said) as caught:
        load(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_keys_that_no_hdf5_file_can_have_are_told(tmp_path):
    pytest.importorskip("h5py")
    with pytest.raises(weights.WeightsError, match="'a/b' is no key of an HDF5 file"):
        weights.write(tmp_path / "a.h5", {"a": np.ones(1), "a/b": np.ones(1)})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        weights.write(tmp_path / "missing" / "a.npz", {"a": np.ones(1)})


def test_after_an_error_no_layer_has_changed(decoder, tmp_path):
    weights.save(decoder, tmp_path / "a.npz")
    fresh = _fresh()
    fresh[1] = Conv2DTranspose(4, 2, name="up2", use_bias=False)
    with pytest.raises(weights.WeightsError):
        weights.load(fresh, tmp_path / "a.npz")
    assert [layer.built for layer in fresh] == [False, False]


def test_complex_weights_are_refused_before_a_layer_has_changed(tmp_path):
    arrays = {
        "up1/kernel": np.ones((3, 4, 5, 2)),
        "up1/bias": np.ones(5),
        "up2/kernel": np.full((2, 2, 3, 5), 1j),
    }
    weights.write(tmp_path / "a.npz", arrays)
    fresh = _fresh()
    with pytest.raises(weights.WeightsError, match="'up2/kernel' holds complex numbers"):
        weights.load(fresh, tmp_path / "a.npz")
    assert [layer.built for layer in fresh] == [False, False]


def test_a_bias_of_another_rank_is_told_with_its_shape(tmp_path):
    weights.write(
        tmp_path / "a.npz", {"up1/kernel": np.ones((3, 4, 5, 2)), "up1/bias": np.ones((5, 1))}
    )
    with pytest.raises(weights.WeightsError, match=r"its bias has shape \(5, 1\)"):
        weights.load(_fresh()[0], tmp_path / "a.npz")


def test_a_layer_may_be_named_by_its_variable(decoder, tmp_path):
    weights.save({"generator/up1": decoder[0]}, tmp_path / "a.npz")
    with weights.WeightFile(tmp_path / "a.npz") as file:
        assert file.layer("generator/up1/kernel:0").name == "generator/up1"


def test_the_package_that_a_checkpoint_needs_is_told_with_its_own_name(
    decoder, tmp_path, monkeypatch
):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    path = tmp_path / "model.ckpt"
    with pytest.raises(ModuleNotFoundError, match=f"^{path}: this kind of file needs"):
        weights.save(decoder, path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    weights.write(tmp_path / "a.npz", {"x": np.ones(3)})
    before = (tmp_path / "a.npz").read_bytes()
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    with pytest.raises(weights.WeightsError, match=r"no bfloat16; write \.safetensors"):
        weights.write(tmp_path / "a.npz", {"x": np.ones(3), "y": np.ones(3, bfloat16)})
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def _npy(descr, shape, data):
    header = str({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)


class _Attack:
    def __reduce__(self):
        return (os.mkdir, ("attacked",))


def _objects(path):
    np.savez(path, x=np.array([_Attack()], object))


def _huge_h5(path):
    with pytest.importorskip("h5py").File(path, "w") as file:
        file.create_dataset("up1/kernel:0", (10**6, 10**6, 4, 4), "f4", chunks=(1, 1, 4, 4))


def _linked_h5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path.with_name("other.h5"), "w") as file:
        file["kernel"] = np.ones((1, 1, 1, 1))
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((1, 1, 1, 1), "f8")
        layout[...] = h5py.VirtualSource(str(path.with_name("other.h5")), "kernel", (1, 1, 1, 1))
        file.create_virtual_dataset("up1/kernel", layout)


def _safetensors(path, shape, data=b""):
    header = json.dumps(
        {"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, len(data)]}}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def _huge_onnx(path):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(dims=[10**5] * 4, data_type=1, name="W", raw_data=b"1234")
    node = onnx.helper.make_node("ConvTranspose", ["x", "W"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], [tensor])), path)


def _outside_onnx(path):
    onnx = pytest.importorskip("onnx")
    (path.parent.parent / "secret").write_bytes(b"1234")
    tensor = onnx.TensorProto(dims=[1, 1, 1, 1], data_type=1, name="W", data_location=1)
    tensor.external_data.add(key="location", value="../secret")
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor])), path)


def _attack_torch(path):
    pytest.importorskip("torch").save({"x": _Attack()}, path)


def _endless_torch(path):
    torch = pytest.importorskip("torch")
    torch.save({"up.weight": torch.zeros(1).expand(10**5, 10**4, 10**3, 3)}, path)


def _keras_archive(path):
    pytest.importorskip("h5py")
    _zipped(path, config__json="[" * 100000, **{"model.weights.h5": b"no HDF5"})


BAD = {
    "objects.npz": (_objects, "holds object: no numbers"),
    "huge.npz": (lambda p: _zipped(p, x__npy=_npy("<f4", (10**5,) * 4, b"1234")), "but the file holds 4 bytes"),
    "negative.npz": (lambda p: _zipped(p, x__npy=_npy("<f4", (-1, -4), b"1" * 16)), "declares the shape"),
    "records.npz": (lambda p: _zipped(p, x__npy=_npy([("a", "<f4")], (1,), b"1234")), "no numbers"),
    "text.npz": (lambda p: p.write_text("hello"), "is no .npz archive"),
    "empty.npz": (lambda p: p.write_bytes(b""), "is no .npz archive"),
    "other.npz": (lambda p: _zipped(p, readme__txt="hello"), "in the archive is no array"),
    "header.npz": (lambda p: _zipped(p, x__npy=b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 9000), "is damaged"),
    "pickle.npz": (lambda p: p.write_bytes(pickle.dumps(_Attack())), "is no .npz archive"),
    "huge.h5": (_huge_h5, "declares the shape"),
    "linked.h5": (_linked_h5, "lies in another file"),
    "text.h5": (lambda p: pytest.importorskip("h5py") and p.write_text("hello"), "is no HDF5 file"),
    "bad.keras": (_keras_archive, "damaged .keras archive"),
    "other.keras": (lambda p: pytest.importorskip("h5py") and _zipped(p, a="b"), "is no .keras archive"),
    "huge.safetensors": (lambda p: pytest.importorskip("safetensors") and _safetensors(p, [10**9] * 4),
                         "is no .safetensors file"),
    "short.safetensors": (lambda p: pytest.importorskip("safetensors") and p.write_bytes(b"\xff" * 20),
                          "is no .safetensors file"),
    "huge.onnx": (_huge_onnx, "but the file holds 4 bytes"),
    "outside.onnx": (_outside_onnx, "'W' cannot be read"),
    "text.onnx": (lambda p: pytest.importorskip("onnx") and p.write_text("hello"), "is no ONNX model"),
    "attack.pt": (_attack_torch, "no state dict of PyTorch: it holds Python objects"),
    "endless.pt": (_endless_torch, "but the file holds 4 bytes"),
    "text.pt": (lambda p: pytest.importorskip("torch") and p.write_text("hello"), "torch.save did not write it"),
    "empty.pt": (lambda p: pytest.importorskip("torch") and p.write_bytes(b""), "torch.save did not write it"),
}  # fmt: skip


def _read_all(path):
    with weights.WeightFile(path) as file:
        return [file.read(key) for key in file]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_in_one_line_and_nothing_in_it_is_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make, said = BAD[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder / name)
    with pytest.raises(weights.WeightsError, match=said) as caught:
        _read_all(folder / name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder / name))
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("name", WRITABLE)
def test_a_file_that_is_cut_off_anywhere_is_told_in_one_line(decoder, tmp_path, name):
    if WRITABLE[name]:
        pytest.importorskip(WRITABLE[name])
    weights.save(decoder, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for end in range(0, len(whole) - 1, max(1, len(whole) // 25)):
        (tmp_path / name).write_bytes(whole[:end])
        with pytest.raises(weights.WeightsError) as caught:
            weights.load(_fresh(), tmp_path / name)
        assert "\n" not in str(caught.value)


def test_damaged_values_are_told(decoder, tmp_path):
    weights.save(decoder, tmp_path / "a.npz")
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(decoder[0].kernel.tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(
        weights.WeightsError, match="'up1/kernel' is damaged or no array: Bad CRC-32"
    ):
        weights.load(_fresh(), tmp_path / "a.npz")


def test_a_missing_file_and_a_missing_package_are_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"missing\.h5"):
        weights.WeightFile(tmp_path / "missing.h5")
    (tmp_path / "a.safetensors").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r"safetensors: pip install '.*\[weights\]'"):
        weights.WeightFile(tmp_path / "a.safetensors")


def test_links_and_texts_of_an_hdf5_file_are_listed_or_left_out(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
        file["text"], file["nothing"] = "hello", h5py.Empty("f4")
        file["up/kernel"] = np.ones((1, 1, 1, 1))
    with weights.WeightFile(tmp_path / "a.h5") as file:
        assert [(key, entry.is_numeric) for key, entry in file.items()] == [
            ("nothing", False),
            ("text", False),
            ("up/kernel", True),
        ]


def test_values_of_another_byte_order_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3, dtype=">f4"))
    assert weights.read(tmp_path / "a.npz")["x"].tobytes() == np.arange(3, dtype="f4").tobytes()


def test_an_array_that_compresses_well_is_read(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.zeros(10**6, "f4"))
    _zipped(tmp_path / "a.npz", x__npy=content.getvalue())
    assert weights.read(tmp_path / "a.npz")["x"].sum() == 0


@pytest.mark.parametrize("call", ["save", "save_arrays", "write"])
def test_an_unknown_format_to_write_is_refused_with_those_that_there_are(call, tmp_path):
    layer = Conv2DTranspose(1, 2, name="up")
    layer.build((None, None, None, 1))
    given = {"save": layer, "save_arrays": {"up": layer.get_weights()}}.get(call)
    path = tmp_path / "x.npz"
    arguments = (path, {"up": np.ones(1)}) if given is None else (given, path)
    with pytest.raises(ValueError, match="format='bogus': must be one of npz, safetensors"):
        getattr(weights, call)(*arguments, format="bogus")
    assert not path.exists()


def test_a_copy_takes_new_values_by_the_layer_s_name_too(tmp_path):
    pytest.importorskip("h5py")
    layer = Conv2DTranspose(1, 2, name="up")
    layer.build((None, None, None, 1))
    weights.save(layer, tmp_path / "old.weights.h5")
    new = {"up/bias": np.full(1, 7.0)}
    weights.write(tmp_path / "new.weights.h5", new, like=tmp_path / "old.weights.h5")
    found = weights.read(tmp_path / "new.weights.h5")
    assert [a.tolist() for a in found.values() if a.shape == (1,)] == [[7.0]]
