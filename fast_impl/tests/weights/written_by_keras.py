"""Have Keras and TensorFlow write files, and load those that `fast_impl` wrote.

python written_by_keras.py NAME FOLDER, where NAME is `tf.keras` (Keras 2, with TensorFlow's checkpoints) or
`keras` (Keras 3). The folder then holds their files, `expected.npz` with the weights in them, and `loaded.npz`
with what they loaded from ours.
"""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np

import fast_impl
from fast_impl import weights

NAMES = ("up1", "up2", "up3")
# Layers' arguments, whose configurations go both ways.
CONFIGS = {
    "defaults": {},
    "everything": {
        "strides": (2, 3), "padding": "same", "output_padding": (1, 2), "data_format": "channels_first",
        "activation": "relu", "use_bias": True, "kernel_initializer": "he_normal", "bias_initializer": "ones",
        "kernel_regularizer": "l2", "activity_regularizer": "l1", "kernel_constraint": "max_norm",
        "bias_constraint": "non_neg", "trainable": False, "dtype": "float64", "name": "named",
    },
    "dilated": {"dilation_rate": (2, 2), "use_bias": False, "kernel_initializer": "glorot_normal"},
    "mixed": {"dtype": "mixed_float16", "bias_regularizer": "l1", "kernel_constraint": "min_max_norm"},
}  # fmt: skip


def main(name: str, folder: Path) -> None:
    if name == "keras":
        import keras
    else:
        import tensorflow as tf

        keras = tf.keras
    model = _model(keras)
    with contextlib.suppress(AttributeError):
        # What training keeps beside the weights is in the file, too.
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
    files = ["model.h5", "model.keras", "weights.weights.h5"]
    if name == "tf.keras":
        if _release(tf) < (2, 12):
            files.remove("model.keras")
        files.append("legacy.h5")
        model.save_weights(str(folder / "objects"), save_format="tf")
    for file in files:
        (model.save if "model" in file else model.save_weights)(str(folder / file))
    np.savez(folder / "expected.npz", **_weights(model))

    ours = [_ours(model, own) for own in NAMES]
    weights.save(ours[:2], folder / "ours.h5")
    weights.save(ours[:2], folder / "ours.weights.h5")
    loaded = {}
    is_older = name == "tf.keras" and _release(tf) < (2, 12)
    for file in ("ours.h5",) if is_older else ("ours.h5", "ours.weights.h5"):
        small = _small(keras)
        small.load_weights(str(folder / file))
        loaded |= {f"{file}/{key}": value for key, value in _weights(small, NAMES[:2]).items()}
    for file in files:
        with weights.WeightFile(folder / file) as opened:
            found = [layer.name for layer in opened.layers if layer.problem is None]
        # Keras 2's own .weights.h5 has no names.
        keys = NAMES if "up1" in found else found
        weights.save(dict(zip(keys, ours)), folder / f"like_{file}", like=folder / file)
        other = _model(keras)
        if "model" in file:
            other = keras.models.load_model(str(folder / f"like_{file}"), compile=False)
        else:
            other.load_weights(str(folder / f"like_{file}"))
        loaded |= {f"like_{file}/{key}": value for key, value in _weights(other).items()}
    if name == "tf.keras":
        loaded |= _checkpoints(tf, folder, ours)
    np.savez(folder / "loaded.npz", **loaded)

    makers = {name: keras.layers.Conv2DTranspose}
    if name == "tf.keras":
        makers["v1"] = tf.compat.v1.layers.Conv2DTranspose
    told = {f"{n} {case}": _configs(make, n == "keras", arguments)
            for n, make in makers.items() for case, arguments in CONFIGS.items()}  # fmt: skip
    (folder / "configs.json").write_text(json.dumps(told))


def _release(tf):
    return tuple(map(int, tf.__version__.split(".")[:2]))


def _small(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((5, 6, 2)), layers.Conv2DTranspose(5, (3, 4), name="up1"), layers.ReLU(),
        layers.Conv2DTranspose(3, 2, use_bias=False, name="up2"),
    ])  # fmt: skip


def _model(keras):
    layers = keras.layers
    inner = keras.Sequential([
        keras.Input((8, 10, 3)), layers.Conv2DTranspose(4, (1, 2), name="up3"), layers.Conv2D(2, 3, name="out"),
    ], name="inner")  # fmt: skip
    model = keras.Sequential([*_small(keras).layers, layers.BatchNormalization(), inner])
    model.build((None, 5, 6, 2))
    for n, own in enumerate(NAMES):
        layer = _layer(model, own)
        layer.set_weights(
            [np.arange(w.size, dtype="f4").reshape(w.shape) + n for w in layer.get_weights()]
        )
    return model


def _layer(model, name):
    return model.get_layer("inner").get_layer(name) if name == "up3" else model.get_layer(name)


def _weights(model, names=NAMES):
    return {
        f"{name}/{kind}": array
        for name in names
        for kind, array in zip(("kernel", "bias"), _layer(model, name).get_weights())
    }


def _ours(model, name):
    """The layer of `fast_impl` with other weights, taken over by configuration and list of weights."""
    theirs = _layer(model, name)
    layer = fast_impl.Conv2DTranspose.from_config(theirs.get_config())
    kernel, *bias = theirs.get_weights()
    layer.build((None, None, None, kernel.shape[3]))
    layer.set_weights([-kernel, *(-b for b in bias)])
    return layer


def _checkpoints(tf, folder, ours):
    """A checkpoint by variables' names from a graph with an optimizer, and what a graph restores from ours."""
    weights.save({"generator/up1": ours[0]}, folder / "ours.ckpt")
    loaded = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = tf.compat.v1.placeholder(tf.float32, (1, 5, 6, 2))
        with tf.compat.v1.variable_scope("generator"):
            layer = tf.compat.v1.layers.Conv2DTranspose(5, (3, 4), name="up1")
            loss = tf.reduce_sum(layer(inputs))
        tf.compat.v1.train.AdamOptimizer().minimize(loss)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(
            session, str(folder / "named" / "graph.ckpt"), global_step=7
        )
        np.savez(
            folder / "graph.npz",
            **dict(zip(("up1/kernel", "up1/bias"), session.run(layer.weights))),
        )
        tf.compat.v1.train.Saver([*layer.weights]).restore(session, str(folder / "ours.ckpt"))
        for kind, array in zip(("kernel", "bias"), session.run(layer.weights)):
            loaded[f"ours.ckpt/up1/{kind}"] = array
    return loaded


def _configs(make, is_keras3, arguments):
    """Their configuration, what ours makes of it, and what they make of that; and the same from our side."""
    theirs = make(4, (3, 2), **arguments).get_config()
    ours = fast_impl.Conv2DTranspose.from_config(theirs).get_config()
    for_them = fast_impl.keras3_config if is_keras3 else dict
    own = fast_impl.Conv2DTranspose(4, (3, 2), **arguments).get_config()
    there = make.from_config(for_them(own))
    return {
        "theirs": make.from_config(theirs).get_config(),
        "through ours": make.from_config(for_them(ours)).get_config(),
        "ours": own, "through theirs": fast_impl.Conv2DTranspose.from_config(there.get_config()).get_config(),
    }  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
