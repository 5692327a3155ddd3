"""Configurations of Keras 3, read and written."""

from fast_impl import Conv2DTranspose, keras3_config

# As Keras 3.15 writes it.
KERAS_3 = {
    "name": "up", "trainable": True,
    "dtype": {
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"},
        "registered_name": None,
    },
    "filters": 4, "kernel_size": [3, 2], "strides": [2, 2], "padding": "same", "output_padding": [1, 1],
    "data_format": "channels_last", "dilation_rate": [1, 1], "activation": "relu", "use_bias": True,
    "kernel_initializer": {
        "module": "keras.initializers", "class_name": "GlorotUniform",
        "config": {"seed": 3, "input_axes": None, "output_axes": None}, "registered_name": None,
    },
    "bias_initializer": {
        "module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None,
    },
    "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
    "kernel_constraint": {
        "module": "keras.constraints", "class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0},
        "registered_name": None,
    },
    "bias_constraint": None,
}  # fmt: skip


def test_a_configuration_of_keras_3_makes_the_layer():
    layer = Conv2DTranspose.from_config(KERAS_3)
    assert (layer.kernel_size, layer.output_padding, layer.name) == ((3, 2), (1, 1), "up")


def test_the_configuration_for_keras_3_has_what_it_takes():
    written = keras3_config(Conv2DTranspose.from_config(KERAS_3).get_config())
    assert written["kernel_size"] == (3, 2)
    assert written["dtype"] == KERAS_3["dtype"]
    assert set(written) == set(KERAS_3)
    assert written["kernel_initializer"]["config"] == {"seed": 3}


def test_the_default_configuration_for_keras_3_names_the_initializers():
    written = keras3_config(Conv2DTranspose(1, 1, bias_initializer=None).get_config())
    assert written["bias_initializer"] == "glorot_uniform"
