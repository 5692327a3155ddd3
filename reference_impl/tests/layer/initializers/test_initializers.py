"""How instances draw, and names of initializers that this implementation alone takes (group INIT)."""

import numpy as np
import pytest

from reference_impl.layer import initializers


def test_an_instance_gives_the_same_values_at_every_call():
    initializer = initializers.get({"class_name": "HeNormal", "config": {"seed": 7}})
    np.testing.assert_array_equal(initializer((2, 3)), initializer((2, 3)))


def test_an_unseeded_instance_warns_when_it_is_used_again():
    initializer = initializers.get("he_normal")
    first = initializer((1, 1, 2, 2))
    with pytest.warns(UserWarning, match="HeNormal is unseeded"):
        assert initializer((1, 1, 2, 2)).tolist() == first.tolist()


def test_unseeded_instances_hardly_ever_draw_the_same():
    # from 10**9 seeds, 200 draws meet with a probability of 2e-5
    assert len({initializers.get("uniform")((1,)).item() for _ in range(200)}) == 200


def test_an_initializer_gives_float32_where_no_dtype_is_asked_for():
    assert initializers.Ones()((2,)).dtype == np.float32


def test_a_function_in_a_config_dict_is_not_called():
    assert initializers.get({"class_name": "function", "config": "ones"}) is initializers.Ones


def test_an_unknown_function_in_a_config_dict_is_named():
    with pytest.raises(ValueError, match="Unknown initializer: 'foo'"):
        initializers.get({"class_name": "function", "config": "foo"})


def test_the_arguments_of_a_class_are_not_a_name():
    with pytest.raises(TypeError):
        initializers.get({"class_name": "Ones", "config": "zeros"})
