"""The page's own sentences about arguments, methods and attributes, where TensorFlow contradicts them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conformance.checks.chapters.training.gradients import _served
from conformance.checks.check import check, claim
from conformance.checks.view import NotSupported, View
from conformance.model.case import Case
from conformance.model.steps import (
    Bases,
    Call,
    ConvolutionOp,
    Counterpart,
    CounterpartSignature,
    Example,
    GetWeights,
    Gradients,
    Has,
    InFunction,
    Read,
    RoundTrip,
    Signature,
    SourceLines,
    WithoutLegacyKeras,
)
from conformance.model.traits import Traits
from conformance.model.values.codec import Value, is_told
from conformance.oracle.comparison import (
    Mismatch,
    compare_exactly,
    compare_shape,
    describe,
)

_PARAMETERS = (
    ("filters", None), ("kernel_size", None), ("strides", "(1, 1)"), ("padding", "'valid'"),
    ("data_format", "'channels_last'"), ("activation", "None"), ("use_bias", "True"),
    ("kernel_initializer", "None"), ("bias_initializer", "Zeros"), ("kernel_regularizer", "None"),
    ("bias_regularizer", "None"), ("activity_regularizer", "None"), ("kernel_constraint", "None"),
    ("bias_constraint", "None"), ("trainable", "True"), ("name", "None"),
)  # fmt: skip


@check("ARG-01", "signatures")
def check_signature(view: View) -> Mismatch | None:
    """Sixteen parameters in the page's order and with its defaults, then keywords."""
    index, _ = view.first(Signature)
    got = view.value(index)
    names = [name for name, _, _ in got]
    wanted = [name for name, _ in _PARAMETERS]
    if any(kind == "VAR_POSITIONAL" for _, kind, _ in got):
        raise NotSupported("has a constructor that passes on what it is given")
    lacking = [name for name in wanted if name not in names]
    if lacking and [n for n in names if n in wanted] == [n for n in wanted if n in names]:
        raise NotSupported(f"has a constructor without {', '.join(lacking)}")
    if names[:16] != wanted:
        return Mismatch(f"the parameters should be {wanted}, are {names}", wanted, names, index)
    if len(got) != 17 or got[16][1] != "VAR_KEYWORD":
        return Mismatch("the seventeenth parameter should be **kwargs", wanted, names, index)
    for (name, kind, default), (_, expected) in zip(got, _PARAMETERS):
        text = default if name != "bias_initializer" or default is None else expected
        if kind != "POSITIONAL_OR_KEYWORD" or text != expected:
            return Mismatch(
                f"{name} should default to {expected}, defaults to {default}",
                expected,
                default,
                index,
            )
    return None


@check("METH-02", "gradients", when=_served)
def check_convolution_op_is_the_adjoint(view: View) -> Mismatch | None:
    """With the layer's kernel: what the loops give as the gradient by the input."""
    index, _ = view.first(ConvolutionOp)
    gradients, _ = view.first(Gradients)
    exact, _, _ = view.expectation.gradients(gradients)
    return exact.compare(view.value(index), step=index, what="convolution_op")


@claim("METH-02", "convolution claims")
def claim_convolution_op_is_what_the_layer_computes(view: View) -> Mismatch | None:
    """The page: convolution_op is the layer's convolution."""
    call, _ = view.first(Call)
    index, _ = view.first(ConvolutionOp)
    layer = view.value(call)
    return compare_shape(view.value(index), layer.shape, index)


@check("METH-02", "convolution claims")
def check_convolution_op_goes_forward(view: View) -> Mismatch | None:
    """Its output is smaller by the stride, where the layer's is larger."""
    index, _ = view.first(ConvolutionOp)
    return compare_shape(view.value(index), (1, 2, 3, 3), index)


@claim("INIT-04", "claims INIT-04")
def claim_none_is_the_default_bias_initializer(view: View) -> Mismatch | None:
    """The page: if None, the default initializer (zeros) will be used."""
    index, _ = view.first(GetWeights)
    bias = view.value(index)[1]
    return compare_exactly(bias, np.zeros(bias.shape), index, "bias")


@claim("METH-05", "claims METH-05", when=lambda _, traits: not traits.graph)
def claim_the_listed_methods_exist(view: View) -> Mismatch | None:
    """The page lists four methods."""
    index, step = view.first(Has)
    got = view.value(index)
    missing = [name for name, there in zip(step.attributes, got) if not there]
    if missing:
        return Mismatch(f"the layer has no {', '.join(missing)}", [True] * 4, got, index)
    return None


@claim("ATTR-01", "claims ATTR-01")
def claim_graph_is_a_graph(view: View) -> Mismatch | None:
    """The page lists an attribute `graph`."""
    index, _ = view.first(Read)
    got = view.value(index)
    return Mismatch("graph is None", "a graph", None, index) if got is None else None


@claim("ATTR-03", "scripted ATTR-03", when=lambda _, traits: traits.tensorflow)
def claim_a_layer_goes_on_working(view: View) -> Mismatch | None:
    """A call works whatever is constructed elsewhere."""
    for index, _ in view.steps(Call):
        error = view.raised(index)
        if error is not None:
            return Mismatch(
                f"a call of a layer that had worked raised {error}", "the output", str(error), index
            )
    return None


def _eager_tensorflow(_: Case, traits: Traits) -> bool:
    return traits.tensorflow and not traits.graph


@claim(
    "MIG-01",
    "scripted MIG-01",
    when=lambda case, traits: (
        _eager_tensorflow(case, traits)
        and any(isinstance(step, InFunction) and step.where == "outside" for step in case.steps)
    ),
)
def claim_tf_function_needs_the_shim(view: View) -> Mismatch | None:
    """The page: compatible with tf.function only with track_tf1_style_variables."""
    index, _ = view.first(InFunction)
    error = view.raised(index)
    if error is None:
        got = view.outcome(index).value
        return Mismatch("tf.function works without the shim", "an exception", got, index)
    return None


@claim("MIG-05", "scripted MIG-05", when=lambda _, traits: traits.tensorflow)
def claim_the_after_example_runs(view: View) -> Mismatch | None:
    """The page's example runs."""
    index, _ = view.first(Example)
    error = view.raised(index)
    return Mismatch(f"raised {error}", "a layer", str(error), index) if error else None


@check("MIG-03", "signatures", when=lambda _, traits: traits.tensorflow)
def check_names_of_the_native_layer(view: View) -> Mismatch | None:
    """Every argument of the page is one of the native layer's; positions and two defaults differ."""
    index, _ = view.first(CounterpartSignature)
    got = {name: default for name, _, default in view.value(index)}
    taken_by_keywords = {"trainable", "name"}
    missing = [n for n, _ in _PARAMETERS if n not in got and n not in taken_by_keywords]
    if missing or "kwargs" not in got:
        return Mismatch(f"the native layer lacks {missing}", [], missing, index)
    if list(got)[4] != "output_padding":
        return Mismatch("the fifth should be output_padding", "output_padding", list(got)[4], index)
    defaults = [got["data_format"], got["kernel_initializer"]]
    wanted = ["None", "'glorot_uniform'"]
    if defaults != wanted:
        return Mismatch(f"defaults should be {wanted}, are {defaults}", wanted, defaults, index)
    return None


_ANCESTORS = (
    "convolutional.Conv2DTranspose", "Conv2D", "legacy_tf_layers.base.Layer", "base_layer", "Module",
)  # fmt: skip


@check("ATTR-04", "scripted ATTR-04", when=lambda _, traits: traits.tensorflow)
def check_base_classes(view: View) -> Mismatch | None:
    """The five classes that the page names."""
    index, _ = view.first(Bases)
    names: list[str] = view.value(index)
    tests = {
        "tf.keras.layers.Conv2DTranspose": lambda n: (
            n.endswith("Conv2DTranspose") and "legacy_tf" not in n
        ),
        "tf.keras.layers.Conv2D": lambda n: n.endswith(".Conv2D"),
        "tf.compat.v1.layers.Layer": lambda n: "legacy_tf_layers" in n and n.endswith(".Layer"),
        "tf.keras.layers.Layer": lambda n: "base_layer" in n and n.endswith(".Layer"),
        "tf.Module": lambda n: n.startswith("tensorflow.") and n.endswith(".Module"),
    }
    missing = [base for base, test in tests.items() if not any(map(test, names))]
    if missing:
        return Mismatch(f"should inherit from {', '.join(missing)}", list(tests), names, index)
    return None


@check("METH-06", "round trips")
def check_configuration_survives(view: View) -> Mismatch | None:
    """from_config(get_config()) has an equal configuration and the same name; neither dictionary is shared."""
    index, _ = view.first(RoundTrip)
    # A program in another language may tell the first two alone.
    before, after, *others = map(_comparable, view.value(index))
    for what, other in zip(_OWNERSHIP, others):
        if other != before:
            return Mismatch(what, *_differing(before, other), index)
    lost = _lost(view.case.arguments, before)
    if lost is not None:
        name, given, told = lost
        return Mismatch(f"the configuration of {name} should hold {given}", given, told, index)
    if before != after:
        wanted, got = _differing(before, after)
        different = ", ".join(sorted({*wanted, *got}))
        text = f"the configuration of the new layer differs in {different}"
        return Mismatch(text, wanted, got, index)
    if not _is_plain(before):
        return Mismatch("the configuration should be plain data", None, before, index)
    calls = [i for i, _ in view.steps(Call)]
    one, two = view.value(calls[0]), view.value(calls[1])
    if not (isinstance(two, np.ndarray) and one.tobytes() == two.tobytes()):
        return Mismatch(
            f"with the same weights the new layer gives {describe(two)}", one, two, calls[1]
        )
    return None


_OWNERSHIP = (
    "from_config has changed the dictionary that it was given",
    "get_config gives another configuration after its first one was written to",
)


def _differing(
    one: Mapping[str, Value], other: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return both without the items that they share."""
    return (
        {key: value for key, value in one.items() if key not in other or other[key] != value},
        {key: value for key, value in other.items() if key not in one or one[key] != value},
    )


def _lost(
    arguments: Mapping[str, Value], config: dict[str, Value]
) -> tuple[str, Value, Value] | None:
    """Return an argument's name, its options and what is told of them, where one was given and is not told."""
    for name, form in arguments.items():
        told = config.get(name)
        if not isinstance(form, dict) or "config" not in form or not isinstance(told, dict):
            continue
        options = told.get("config")
        if isinstance(options, dict) and not form["config"].items() <= options.items():
            given, _ = _differing(form["config"], options)
            return name, given, {key: value for key, value in options.items() if key in given}
    return None


def _comparable(config: dict[str, Value]) -> dict[str, Value]:
    """Leave out what is no configuration.

    Keras takes the dtype out of v1's initializers, even where it was given, and adds to an activation's the sizes
    with which it was called.
    """
    found = dict(config)
    for name in ("kernel_initializer", "bias_initializer"):
        if isinstance(found.get(name), dict) and isinstance(found[name].get("config"), dict):
            inner = {k: v for k, v in found[name]["config"].items() if k != "dtype"}
            found[name] = {**found[name], "config": inner}
    if isinstance(found.get("activation"), dict):
        found["activation"] = {k: v for k, v in found["activation"].items() if k != "build_config"}
    return found


def _is_plain(value: Value) -> bool:
    if isinstance(value, dict):
        return not is_told(value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


@check("MIG-02", "round trips", when=lambda _, traits: traits.tensorflow)
def check_the_native_layer_gives_the_same_bits(view: View) -> Mismatch | None:
    """tf.keras.layers.Conv2DTranspose with the same arguments and weights."""
    call, _ = view.first(Call)
    index, _ = view.first(Counterpart)
    one, two = view.value(call), view.value(index)
    if not (isinstance(two, np.ndarray) and one.tobytes() == two.tobytes()):
        return Mismatch("the native layer gives other bits", one, two, index)
    return None


@check("VAR-01", "geometry")
def check_weights_and_their_shapes(view: View) -> Mismatch | None:
    """Kernel (kh, kw, filters, in), then bias (filters,)."""
    return _compare_weights(view)


def _is_of_float32(case: Case, _: Traits) -> bool:
    return any(isinstance(one, Call) and one.inputs.dtype == np.float32 for one in case.steps)


@check("VAR-01", "inferred dtypes", when=_is_of_float32)
def check_a_call_makes_the_weights(view: View) -> Mismatch | None:
    """The same after a call alone."""
    return _compare_weights(view)


def _compare_weights(view: View) -> Mismatch | None:
    index, _ = view.first(GetWeights)
    _, call = view.first(Call)
    geometry = view.geometry
    kernel = geometry.kernel_shape(call.inputs.shape[geometry.channel_axis])
    wanted = [kernel, (kernel[2],)] if geometry.use_bias else [kernel]
    got = view.value(index)
    shapes = [item.shape if isinstance(item, np.ndarray) else None for item in got]
    if shapes != wanted:
        return Mismatch(
            f"the weights' shapes should be {wanted}, are {shapes}", wanted, shapes, index
        )
    return None


#: What the page links to: first and last line in release 2.9.
_LINKS = {
    "Conv2DTranspose": (1479, 1596),
    "apply": (239, 240),
    "convolution_op": (217, 232),
    "get_losses_for": (1341, 1358),
    "get_updates_for": (1322, 1339),
}


@check("ATTR-05", "sources", when=lambda _, traits: traits.of_the_page)
def check_links_to_source_lines(view: View) -> Mismatch | None:
    """The lines of the page's own release."""
    index, _ = view.first(SourceLines)
    got = view.value(index)
    for name, (first, last) in _LINKS.items():
        begin, end = got[name]
        # A class's lines begin with its decorators, a link's with the class.
        if not (begin <= first <= end and abs(end - last) <= 1):
            return Mismatch(
                f"{name} should be at {first} to {last}, is at {begin} to {end}",
                [first, last],
                got,
                index,
            )
    return None


@check(
    "MIG-08",
    "without legacy Keras",
    when=lambda _, traits: traits.beside_keras_3 and not traits.graph,
)
def check_keras_3_has_no_such_layer(view: View) -> Mismatch | None:
    """The attribute itself is an AttributeError."""
    index, _ = view.first(WithoutLegacyKeras)
    got = view.value(index)
    if "AttributeError" not in got or "Keras 3" not in got:
        return Mismatch(f"should be an AttributeError about Keras 3, is {got!r}", None, got, index)
    return None
