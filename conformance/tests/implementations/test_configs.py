"""Initializers, regularizers, constraints and activation layers: their names and configurations."""

import copy
import pickle

import numpy as np
import pytest

HUNDREDTH = float(np.float32(0.01))
NAMES = {
    "initializers": {
        "Constant": "constant Constant ConstantV2",
        "GlorotNormal": "glorot_normal glorot_normalV2 GlorotNormal GlorotNormalV2",
        "GlorotUniform": "glorot_uniform glorot_uniformV2 GlorotUniform GlorotUniformV2",
        "HeNormal": "he_normal he_normalV2 HeNormal HeNormalV2",
        "HeUniform": "he_uniform he_uniformV2 HeUniform HeUniformV2",
        "Identity": "identity Identity IdentityV2",
        "Initializer": "initializer Initializer",
        "LecunNormal": "lecun_normal lecun_normalV2 LecunNormal LecunNormalV2",
        "LecunUniform": "lecun_uniform lecun_uniformV2 LecunUniform LecunUniformV2",
        "Ones": "one ones Ones OnesV2",
        "Orthogonal": "orthogonal Orthogonal OrthogonalV2",
        "RandomNormal": "normal random_normal RandomNormal RandomNormalV2",
        "RandomUniform": "uniform random_uniform RandomUniform RandomUniformV2",
        "TruncatedNormal": "truncated_normal TruncatedNormal TruncatedNormalV2",
        "VarianceScaling": "variance_scaling VarianceScaling VarianceScalingV2",
        "Zeros": "zero zeros Zeros ZerosV2",
    },
    "constraints": {
        "Constraint": "Constraint",
        "MaxNorm": "MaxNorm max_norm maxnorm",
        "MinMaxNorm": "MinMaxNorm min_max_norm",
        "NonNeg": "NonNeg non_neg nonneg",
        "RadialConstraint": "RadialConstraint radial_constraint",
        "UnitNorm": "UnitNorm unit_norm unitnorm",
    },
    "regularizers": {
        "L1": "L1 l1",
        "L1L2": "L1L2 l1_l2",
        "L2": "L2 l2",
        "OrthogonalRegularizer": "OrthogonalRegularizer orthogonal_regularizer",
        "Regularizer": "Regularizer",
    },
}


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        (module, name, kind)
        for module, kinds in NAMES.items()
        for kind, names in kinds.items()
        for name in names.split()
    ],
)
def test_a_name_means_its_class(implementation, module, name, kind):
    assert type(getattr(implementation, module).get(name)).__name__ == kind


@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("initializers", "Constant", {"value": 0}),
        ("initializers", "GlorotUniform", {"seed": None}),
        ("initializers", "Identity", {"gain": 1.0}),
        ("initializers", "Orthogonal", {"gain": 1.0, "seed": None}),
        ("initializers", "RandomNormal", {"mean": 0.0, "stddev": 0.05, "seed": None}),
        ("initializers", "RandomUniform", {"minval": -0.05, "maxval": 0.05, "seed": None}),
        (
            "initializers",
            "VarianceScaling",
            {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal", "seed": None},
        ),
        ("constraints", "MaxNorm", {"max_value": 2, "axis": 0}),
        (
            "constraints",
            "MinMaxNorm",
            {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
        ),
        ("constraints", "UnitNorm", {"axis": 0}),
        ("regularizers", "L1", {"l1": HUNDREDTH}),
        ("regularizers", "L1L2", {"l1": 0.0, "l2": 0.0}),
        ("regularizers", "L2", {"l2": HUNDREDTH}),
        ("regularizers", "OrthogonalRegularizer", {"factor": HUNDREDTH, "mode": "rows"}),
    ],
)
def test_the_configuration_of_a_name_has_the_defaults(implementation, module, name, config):
    assert getattr(implementation, module).get(name).get_config() == config


@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("initializers", "Constant", {"value": [1, 2]}),
        ("initializers", "HeNormal", {"seed": 7}),
        ("initializers", "Identity", {"gain": 3.0}),
        ("initializers", "Orthogonal", {"gain": 2.0, "seed": 7}),
        ("initializers", "RandomNormal", {"mean": 1.0, "stddev": 2.0, "seed": 7}),
        ("initializers", "RandomUniform", {"minval": -1.0, "maxval": 2.0, "seed": 7}),
        ("initializers", "TruncatedNormal", {"mean": 1.0, "stddev": 2.0, "seed": 7}),
        (
            "initializers",
            "VarianceScaling",
            {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform", "seed": 7},
        ),
        ("constraints", "MaxNorm", {"max_value": 3, "axis": 1}),
        (
            "constraints",
            "MinMaxNorm",
            {"min_value": 0.25, "max_value": 2.0, "rate": 0.5, "axis": [0, 1]},
        ),
        ("constraints", "UnitNorm", {"axis": 2}),
        ("regularizers", "L1", {"l1": 0.5}),
        ("regularizers", "L1L2", {"l1": 0.5, "l2": 0.25}),
        ("regularizers", "L2", {"l2": 0.5}),
        ("regularizers", "OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
    ],
)
def test_a_configuration_gives_what_was_given(implementation, module, name, config):
    made = getattr(implementation, module).get({"class_name": name, "config": config})
    assert made.get_config() == config


def test_no_factors_of_l1_l2_are_zero(regularizers):
    assert regularizers.L1L2(None, None).get_config() == {"l1": 0.0, "l2": 0.0}


def test_a_constant_array_is_written_as_a_list(initializers):
    assert initializers.Constant(np.array([1, 2])).get_config() == {"value": [1, 2]}


LAYERS = [
    ("ReLU", "re_lu", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    ("LeakyReLU", "leaky_re_lu", {"alpha": float(np.float32(0.3))}),
    ("ELU", "elu", {"alpha": 1.0}),
    ("ThresholdedReLU", "thresholded_re_lu", {"theta": 1.0}),
    ("Softmax", "softmax", {"axis": -1}),
]


@pytest.mark.parametrize(("name", "stem", "config"), LAYERS)
def test_the_configuration_of_an_activation_layer_is_keras_one(activations, name, stem, config):
    written = activations.get(name).get_config()
    assert written.pop("name").startswith(stem)
    assert written == {"trainable": True, "dtype": "float32", **config}


@pytest.mark.parametrize("again", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_an_activation_layer_is_copied_with_its_configuration(activations, again):
    layer = activations.get({"class_name": "LeakyReLU", "config": {"alpha": 0.5, "name": "mine"}})
    copied = again(layer)
    assert (type(copied), copied.get_config()) == (type(layer), layer.get_config())
