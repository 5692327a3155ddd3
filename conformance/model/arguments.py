"""The names of the constructor's arguments."""

#: The arguments of the page, in order.
PAGE = (
    "filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias",
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
    "activity_regularizer", "kernel_constraint", "bias_constraint", "trainable", "name",
)  # fmt: skip
#: Further ones, which TensorFlow's layer takes through ``**kwargs``.
FURTHER = (
    "dilation_rate", "output_padding", "groups", "dtype", "dynamic", "autocast", "weights", "input_shape",
    "batch_input_shape", "batch_size", "input_dim", "implementation", "conv_op", "kernel_layout", "bias_layout",
    "_scope", "_reuse",
)  # fmt: skip
