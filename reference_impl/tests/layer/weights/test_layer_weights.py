"""Scopes within scopes, and configurations as the oracle alone writes them (ATTR, METH-06, METH-07)."""

import base64
import json
import marshal
import types

import numpy as np
import pytest

from reference_impl import Conv2DTranspose
from reference_impl.layer import names

X = np.ones((1, 2, 2, 3), dtype=np.float32)


@pytest.mark.parametrize(
    "bad", [None, "1", b"1", 1j, np.datetime64("2020-01-01"), np.timedelta64(1, "s"), object()]
)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_set_weights_makes_no_numbers_of_what_is_none(dtype, bad):
    # TensorFlow's NumPy makes NaN of None, 18262 of a date, and drops the imaginary part
    layer = Conv2DTranspose(2, (4, 5), dtype=dtype, kernel_initializer="zeros")
    layer.build(X.shape)
    with pytest.raises(ValueError, match="the new bias"):
        layer.set_weights([np.ones((4, 5, 2, 3)), np.full(2, bad)])
    assert not layer.kernel.any()


def scopes(*arguments):
    layers = [Conv2DTranspose(1, 1, **given) for given in arguments]
    for layer in layers:
        layer(X)
    return [layer.scope_name for layer in layers]


def test_opening_an_outer_scope_forgets_the_inner_ones():
    names = [{"name": "outer/in"}, {"name": "outer"}, {"name": "outer/in"}, {"name": "outer/in"}]
    assert scopes(*names) == ["outer/in", "outer", "outer/in", "outer/in_1"]


def test_the_numbers_of_inner_scopes_are_forgotten_with_them():
    names = [{"name": name} for name in ("shell/in", "shell/in", "shell", "shell/in")]
    assert scopes(*names) == ["shell/in", "shell/in_1", "shell", "shell/in"]


def keras(module, class_name, **config):
    return {
        "module": f"keras.{module}",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


@pytest.mark.parametrize(
    ("argument", "given", "written"),
    [
        (
            "activation",
            {"class_name": "ELU", "config": {"name": "elu"}},
            keras("layers", "ELU", name="elu", trainable=True, dtype="float32", alpha=1.0),
        ),
        (
            "kernel_constraint",
            len,
            {
                "module": "builtins",
                "class_name": "builtin_function_or_method",
                "config": "len",
                "registered_name": "builtin_function_or_method",
            },
        ),
    ],
)
def test_the_configuration_writes_objects_as_keras_does(argument, given, written):
    assert Conv2DTranspose(1, 1, **{argument: given}).get_config()[argument] == written


def test_the_default_bias_initializer_loses_its_dtype_on_the_way_as_in_keras():
    config = Conv2DTranspose(1, 1).get_config()
    again = Conv2DTranspose.from_config(config).get_config()
    assert again["bias_initializer"] == keras("initializers", "Zeros")


@pytest.mark.parametrize(("home", "module"), [("__main__", None), ("my.own", "my.own")])
def test_an_object_of_the_users_is_written_with_its_module_and_registered_name(home, module):
    body = {
        "__module__": home,
        "__call__": lambda self, weight: weight,
        "get_config": lambda self: {"rate": 1},
    }
    layer = Conv2DTranspose(1, 1, kernel_constraint=type("Mine", (), body)())
    assert layer.get_config()["kernel_constraint"] == {
        "module": module,
        "class_name": "Mine",
        "config": {"rate": 1},
        "registered_name": "Mine",
    }


def test_a_lambda_is_written_as_its_code_defaults_and_closure():
    closed = 3
    config = Conv2DTranspose(1, 1, activation=lambda z, y=2: z * y * closed).get_config()
    code, defaults, closure = config["activation"]["value"]
    function = types.FunctionType(
        marshal.loads(base64.decodebytes(code.encode("ascii"))), {}, "f", defaults,
        tuple(map(types.CellType, closure)),
    )  # fmt: skip
    assert function(7) == 42


def test_a_lambda_without_closure_is_written_with_none():
    config = Conv2DTranspose(1, 1, kernel_constraint=lambda w: w).get_config()
    assert config["kernel_constraint"]["config"]["value"][1:] == (None, None)


def test_a_lambda_is_written_as_json_too():
    config = Conv2DTranspose(1, 1, kernel_constraint=lambda w: w).get_config()
    assert json.loads(json.dumps(config))["kernel_constraint"]["class_name"] == "__lambda__"


@pytest.mark.parametrize(
    "changes",
    [{"foo": 1}, {"filters": -1}, {"activation": {"class_name": "function", "config": "named"}}],
)
def test_from_config_turns_every_failure_into_a_type_error(changes):
    config = {**Conv2DTranspose(1, 1).get_config(), **changes}
    with pytest.raises(TypeError, match="Error when deserializing class 'Conv2DTranspose'"):
        Conv2DTranspose.from_config(config)


def test_the_first_of_keras_own_layers_of_a_kind_has_no_number():
    assert [names.keras_name("used here only") for _ in "abc"] == [
        "used here only",
        "used here only_1",
        "used here only_2",
    ]
