"""Backends for implementations on NumPy arrays: a layer class, and a bare function."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from conformance.model import steps
from conformance.model.arguments import FURTHER, PAGE
from conformance.model.named import resolve, resolve_arguments, texts_of
from conformance.model.observation import Error, Outcome, Unsupported
from conformance.model.values import limits
from conformance.model.values.codec import Array, Value, text_of
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.subjects import situations
from conformance.subjects.backend import has_attribute, plain, shown
from conformance.subjects.signatures import arguments_of, given_of, taken_by

#: The arguments that mean something to a bare function.
_FUNCTION_ARGUMENTS = {
    "filters", "kernel_size", "strides", "padding", "data_format", "use_bias",
    "dilation_rate", "output_padding", "dtype", "name",
}  # fmt: skip


#: How Python, and Keras, say that a keyword is not taken: by a constructor that passes its keywords on.
_REFUSALS = (
    re.compile(r"unexpected keyword argument '(\w+)'"),
    re.compile(r"[Uu]nrecognized keyword arguments?.*?[{\[(]'(\w+)'"),
    re.compile(r"Keyword argument not understood:', '(\w+)'"),
)


#: A keyword that no layer knows.
_UNKNOWN = "no_such_argument"
#: Frameworks whose modules have methods with names of the page and other meanings, as `torch.nn.Module.apply(fn)`.
_OTHER_MEANINGS = frozenset({"torch", "flax"})


@contextlib.contextmanager
def refused_keywords(arguments: Mapping[str, Value]) -> Iterator[None]:
    """Raise Unsupported where a constructor says that it does not take one of a layer's arguments."""
    try:
        yield
    except (TypeError, ValueError) as error:
        matches = (pattern.search(text_of(error)) for pattern in _REFUSALS)
        refused = next((match[1] for match in matches if match is not None), None)
        # A name that no layer of the page takes is refused by right.
        if refused in arguments and refused in {*PAGE, *FURTHER}:
            raise Unsupported(f"the constructor takes no {refused}") from error
        raise


class LayerBackend(steps.Backend):
    """Drives a class that has the page's constructor and takes NumPy arrays.

    Only the constructor, `build`, `__call__`, `kernel`, `bias` and `set_weights` are required; a step that
    needs anything else, and a case with an argument that the constructor does not take, is unsupported.
    """

    may_lack = True
    takes_arrays = True
    #: The kinds of steps that it has.
    kinds: tuple[type[steps.Step], ...] = (steps.Step,)
    #: Steps whose result is the caller's own.
    GIVING = frozenset({"call", "gradients", "convolution_op", "get_weights"})

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        super().__init__(layer_class)
        taken = _keywords(layer_class)
        self._lacking = frozenset() if taken is None else {*PAGE, *FURTHER} - taken
        #: Name, array and a copy of it: what a step must leave alone.
        self._lent: list[tuple[str, Array, Array]] = []
        #: What the step was given, and what it gave.
        self._given: list[Array] = []
        self._result: Any = None
        self._refilled: dict[Any, Any] = {}
        #: Lists that the step has written to.
        self._written: tuple[str, ...] = ()
        #: Results of the layer, and of functions that it was given.
        self._results: list[Any] = []
        self._noted: list[Any] = []
        #: Arrays that the constructor was given, to be used at the first call.
        self._first: tuple[Array, ...] = ()
        self._without_bias = False
        #: Whether the layer has the weights of its constructor, if any.
        self._is_as_made = False
        self._kept: list[Any] = []

    def do(self, step: steps.Step) -> Value:
        self._lent = [("weights=", one, one.copy()) for one in self._first]
        self._given, self._result, self._written = [], None, ()
        try:
            if not isinstance(step, self.kinds):
                raise Unsupported(self.lacks(step))
            with self._made_for_others(step):
                value = super().do(step)
            self.modified = self._written + _damaged(
                [(name, self.seen(now), before) for name, now, before in self._lent]
            )
        finally:
            self._after(step)
        return value

    @contextlib.contextmanager
    def _made_for_others(self, step: steps.Step) -> Iterator[None]:
        """Raise Unsupported for an error of a layer that its constructor has built for other inputs."""
        inputs: Any = getattr(step, "inputs", None)
        self._is_as_made &= not isinstance(step, (steps.Build, steps.SetWeights))
        kernel: Any = shown(self.layer, "kernel") if self._is_as_made else None
        channels = np.shape(kernel)[3:]
        axis = 1 if self.arguments.get("data_format") == "channels_first" else -1
        try:
            yield
        except (Unsupported, limits.TooLarge):
            raise
        except Exception as error:
            is_image = isinstance(inputs, np.ndarray) and inputs.ndim == 4
            if not channels or not is_image or inputs.shape[axis] in channels:
                raise
            told = f"the constructor makes the weights (input channels: {channels[0]})"
            raise Unsupported(told, error) from error

    def lacks(self, step: steps.Step) -> str:
        """Return why a step of a kind that is none of `kinds` cannot be done."""
        return f"has no step {step.tag!r}"

    def _after(self, step: steps.Step) -> None:
        """Do what a caller does in the case's situation."""
        result = self._result if step.tag in self.GIVING else None
        if self.situation in situations.OVERWRITING:
            situations.overwrite([self._given, self._noted])
            if step.tag in ("call", "gradients"):
                situations.overwrite(self._first)
        if self.situation == "results given back":
            self._results += result if isinstance(result, (list, tuple)) else [result]
        if self.situation == "results overwritten":
            situations.overwrite(result)
        if self.situation == "results kept":
            self._kept.append(None)  # also where a result of a class of its own raises now
            # Whoever looks whether a result is still in use finds nobody who holds the array itself.
            self._kept[-1] = situations.views(result)
            self._result, self.last = None, (self.last[0], situations.views(self.last[1]))

    def later(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        if self.situation != "results kept":
            return tuple(outcomes)
        return tuple(
            outcome if kept is None or outcome.error is not None else _read_again(outcome, kept)
            for outcome, kept in zip(outcomes, self._kept, strict=True)
        )

    def do_build(self, step: steps.Build) -> None:
        if self.situation not in situations.OVERWRITING:
            step.run(self)
            return
        lent = list(step.input_shape)
        try:
            self.layer.build(lent)
        except Exception:  # of whoever takes no lists
            step.run(self)
        situations.overwrite(lent)

    def do_compute_output_shape(self, step: steps.ComputeOutputShape) -> Value:
        is_overwritten = self.situation in situations.OVERWRITING
        if step.input_shape is None or not (
            is_overwritten or self.situation == "arguments refilled"
        ):
            return step.run(self)
        kept = {} if is_overwritten else self._refilled
        lent = situations.refilled_list(step.input_shape, kept)
        try:
            found = steps.sizes(self.attribute("compute_output_shape")(lent))
        except Exception:  # of whoever takes no lists
            return step.run(self)
        if lent != list(step.input_shape):
            self._written = ("input_shape",)
        if is_overwritten:
            situations.overwrite(lent)
        return found

    def do_set_weights(self, step: steps.SetWeights) -> None:
        has_bias = has_attribute(self.layer, "bias")
        if self._without_bias and has_bias:  # which it may have since it was built
            raise Unsupported("the constructor takes no use_bias")
        is_asked = len(step.values) > 1 and "use_bias" in self._lacking and not has_bias
        without = "the layer has no bias, and its constructor no use_bias"
        if is_asked and has_attribute(self.layer, "kernel"):
            raise Unsupported(without)
        try:
            step.run(self)
        except (Unsupported, limits.TooLarge):
            raise
        except Exception as error:
            # Who shows no weights may have a bias or not: it takes the weights that it has.
            if not is_asked and not self._without_bias:
                raise
            told = without if is_asked else "the constructor takes no use_bias"
            raise Unsupported(told, error) from error

    def do_has(self, step: steps.Has) -> Value:
        found = step.run(self)
        if not any(found):
            raise Unsupported(f"the class has no {', '.join(map(repr, step.attributes))}")
        return found

    def do_invoke(self, step: steps.Invoke) -> Value:
        try:
            return step.run(self)
        except TypeError as error:
            # Who has a further method of the page has its arguments; a call may have the input alone.
            taken = _keywords(self.layer) if step.method == "call" else None
            unknown = [] if taken is None else [name for name in step.keywords if name not in taken]
            if not unknown:
                raise
            raise Unsupported(f"{step.method} takes no {', '.join(unknown)}", error) from error

    def do_assign(self, step: steps.Assign) -> None:
        if has_attribute(self.layer, step.attribute) and not _holds(self.layer, step.attribute):
            raise Unsupported(f"{step.attribute} is another object's, which no assignment reaches")
        held = shown(self.layer, step.attribute) if step.attribute in ("kernel", "bias") else None
        if held is not None and not isinstance(held, np.ndarray):
            raise Unsupported(f"{step.attribute} is a {type(held).__name__}, no array of NumPy's")
        try:
            step.run(self)
        except (AttributeError, TypeError) as reason:
            # A module of PyTorch takes nothing but its own parameters.
            if step.attribute not in ("kernel", "bias"):
                raise
            raise Unsupported(f"{step.attribute} cannot be assigned") from reason

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        self._without_bias = "use_bias" in self._lacking and arguments.get("use_bias") is False
        if self._without_bias:
            # What has no bias at all has no word for it, either.
            arguments = {name: value for name, value in arguments.items() if name != "use_bias"}
        lacking = sorted(self._lacking & {*arguments, *PAGE[: len(positional)]})
        if lacking:
            raise Unsupported(f"the constructor takes no {', '.join(lacking)}")
        given = [self.resolved(value) for value in positional]
        keywords = self._in_the_situation(resolve_arguments(arguments))
        with refused_keywords(arguments), self._unknown_keywords(keywords):
            made = self._made(given, keywords)
        if self._without_bias and has_attribute(made, "bias"):
            raise Unsupported("the constructor takes no use_bias")
        self._is_as_made = shown(made, "kernel") is not None
        self.modified = tuple(
            name
            for name, value in arguments.items()
            if texts_of(value) is None and isinstance(value, dict) and keywords[name] != value
        )
        return made

    def _in_the_situation(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """Return a constructor's arguments as its caller has them in the case's situation."""
        weights = keywords.get("weights")
        if isinstance(weights, tuple) and all(isinstance(one, np.ndarray) for one in weights):
            self._first = tuple(map(situations.PLACED.get(self.situation or "", np.array), weights))
            keywords = {**keywords, "weights": self._first}
        if self.situation not in situations.OVERWRITING:
            return keywords
        noting: dict[int, Any] = {}
        for name, value in keywords.items():
            if callable(value) and name.endswith(situations.GIVING):
                noting.setdefault(id(value), situations.noting(value, self._noted))
        return {name: noting.get(id(value), value) for name, value in keywords.items()}

    def _made(self, positional: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Construct a layer; a caller who overwrites what it lent does so with lists and dictionaries, too."""
        if self.situation not in situations.OVERWRITING:
            return self.layer_class(*positional, **keywords)
        lent = {
            name: list(value) if name in situations.PAIRS and isinstance(value, tuple) else value
            for name, value in keywords.items()
        }
        try:
            made = self.layer_class(*positional, **lent)
        except Exception:  # of whoever takes no lists
            return self.layer_class(*positional, **keywords)
        situations.overwrite([value for value in lent.values() if isinstance(value, (list, dict))])
        return made

    @contextlib.contextmanager
    def _unknown_keywords(self, keywords: Mapping[str, Any]) -> Iterator[None]:
        """Raise Unsupported where a constructor of any keywords refuses one just as one that nobody knows."""
        try:
            yield
        except (TypeError, ValueError) as error:
            words = re.findall(r"\w+", text_of(error))
            named = [name for name in words if name in keywords and name in {*PAGE[2:], *FURTHER}]
            if _keywords(self.layer_class) is None:
                for name in named:
                    told, other = (self._refusal(one, keywords[name]) for one in (name, _UNKNOWN))
                    if told is not None and told.replace(name, _UNKNOWN) == other:
                        raise Unsupported(f"the constructor takes no {name}") from error
            raise

    def _refusal(self, name: str, value: Any) -> str | None:
        """Return what the constructor says to one keyword; None where it takes it."""
        try:
            self.layer_class(filters=2, kernel_size=(1, 1), **{name: value})
        except (TypeError, ValueError) as error:
            return f"{type(error).__name__}: {text_of(error)}"
        except Exception:
            return None
        return None

    def attribute(self, name: str) -> Any:
        # Not getattr alone: a property that raises AttributeError is an error, not an absence.
        if not has_attribute(self.layer, name):
            raise Unsupported(f"the class has no {name!r}")
        found = getattr(self.layer, name)
        where = str(getattr(found, "__module__", "")).partition(".")[0]
        if inspect.ismethod(found) and where in _OTHER_MEANINGS:
            raise Unsupported(f"the class has no {name!r}: that of {where} means something else")
        return found

    def weights(self) -> list[Any]:
        if hasattr(self.layer, "get_weights"):
            found = self.layer.get_weights()
            # By name, they are in no order.
            by_name = found.values() if isinstance(found, Mapping) else found
            if isinstance(found, Mapping) and {*found} <= {"kernel", "bias"}:
                by_name = [found[name] for name in ("kernel", "bias") if name in found]
            self._result = limits.items(by_name)
            return list(self._result)
        kernel = self.attribute("kernel")
        if kernel is None:
            raise Unsupported("has no kernel yet: it is None")
        weights = [kernel, getattr(self.layer, "bias", None)]
        return [weight for weight in weights if weight is not None]

    def resolved(self, value: Value) -> Any:
        if isinstance(value, np.ndarray):
            return situations.PLACED.get(self.situation or "", np.array)(value)
        return resolve(value)

    def native(self, array: Array) -> Any:
        if self.situation == "arguments refilled":
            found = situations.refilled(array, len(self._given), self._refilled)
        elif self.situation == "results given back":
            found = situations.given_back(array, self._results)
        else:
            found = situations.PLACED.get(self.situation or "", np.array)(array)
        self._given.append(found)
        # That a layer cannot write to an array does not mean that nobody does.
        return situations.read_only_view(found) if self.situation == "results kept" else found

    def placed(self, result: Any) -> Any:
        place = situations.REPLACED.get(self.situation or "")
        if not isinstance(result, np.ndarray):
            return result
        given = result if place is None else place(result)
        self._lent.append(("gradients", given, given.copy()))
        return given

    def give(self, **arrays: Array) -> list[Any]:
        given = super().give(**arrays)
        self._lent += [(name, one, self.seen(one).copy()) for name, one in zip(arrays, given)]
        return given

    def seen(self, given: Any) -> Array:
        """Return what `native` gave as an array."""
        found: Array = given
        return found

    def lend(self, **arrays: Array) -> list[Any]:
        weights = [(name, shown(self.layer, name)) for name in ("kernel", "bias")]
        given = self.give(**arrays)
        self._lent += [(name, w, w.copy()) for name, w in weights if isinstance(w, np.ndarray)]
        for array in arrays.values():
            _poison(array)
        return given

    def called(self, function: Callable[..., Any], *arrays: Any) -> Any:
        how = situations.CALLED.get(self.situation or "")
        # Only the images of a batch can be taken apart; threads may do anything.
        if how is None or (self.situation in situations.OF_BATCHES and len(arrays) != 1):
            return function(*arrays)
        return how(function, *arrays)

    def plain(self, result: Any) -> Value:
        if self.moment != "get_weights":
            self._result = result
        return plain(result)


#: What a bare function cannot show.
_LAYERS_ONLY = "only a layer (a class) does"
#: How functions know arguments that a layer may be given in capitals.
_SPELLED = {
    "padding": ("valid", "same"),
    "data_format": ("channels_last", "channels_first"),
}


class FunctionBackend(LayerBackend):
    """Drives a bare function `conv2d_transpose(inputs, kernel, strides, padding, data_format, ...)`.

    It speaks for the forward direction, and where the function has a second one as its attribute `gradients`, for
    the way back: ``gradients(inputs, kernel, output_gradient, strides, padding, data_format, ...)``, which takes
    what the function takes, but for the bias. Arguments that the function does not take (see
    `conformance.subjects.signatures`) are unsupported where a case needs them.
    """

    kinds: tuple[type[steps.Step], ...] = (steps.Build, steps.SetWeights, steps.Call)

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(functools.partial(_FunctionLayer, function))
        if callable(getattr(function, "gradients", None)):
            self.kinds = (*self.kinds, steps.Gradients)

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        strange = sorted(arguments.keys() - _FUNCTION_ARGUMENTS)
        if strange:
            raise Unsupported(f"a bare function takes no {', '.join(strange)}: {_LAYERS_ONLY}")
        return super().make(arguments, positional)

    def _made(self, positional: Sequence[Any], keywords: dict[str, Any]) -> Any:
        return self.layer_class(*positional, **keywords)  # whose arguments are those of each call

    def lacks(self, step: steps.Step) -> str:
        return f"a bare function has no {step.tag!r}: {_LAYERS_ONLY}"

    def attribute(self, name: str) -> Any:
        if name == "gradients":  # who has none is not asked
            return self.layer.passed_back
        raise Unsupported(f"a bare function has no {name!r}: {_LAYERS_ONLY}")


class _FunctionLayer:
    """A layer made of a function."""

    def __init__(self, function: Callable[..., Any], **arguments: Any) -> None:
        dtype = arguments.get("dtype", "float32")
        if dtype not in (*SIGNIFICAND_BITS, "int32"):
            raise Unsupported(f"a bare function has no dtype {dtype!r}")
        for name, known in _SPELLED.items():
            given = str(arguments.get(name))
            if given not in known and given.lower() in known:
                raise Unsupported(f"a bare function has no {name} {given!r}")
        self._function, self._arguments, self._taken = function, arguments, taken_by(function)
        self.kernel: Array | None = None
        self.bias: Array | None = None

    def build(self, _: steps.Shape) -> None:
        pass

    def set_weights(self, weights: Sequence[Array]) -> None:
        if len(weights) > 2:
            raise Unsupported(f"a bare function refuses no weights: {_LAYERS_ONLY}")
        self.kernel, self.bias = (*map(np.array, weights), None)[:2]

    def __call__(self, inputs: Array) -> Any:
        positional, given = self._given()
        return self._called(self._function, inputs, *positional, **given)

    @staticmethod
    def _called(function: Callable[..., Any], *positional: Any, **given: Any) -> Any:
        try:
            return function(*positional, **given)
        except TypeError as error:  # of a function that passes its keywords on
            refused = _REFUSALS[0].search(text_of(error))
            if refused is not None and refused[1] in given:
                raise Unsupported(f"the function takes no {refused[1]!r}") from error
            raise

    def passed_back(self, inputs: Array, output_gradient: Array) -> Any:
        """Return what the second function of a pair gives: gradients by inputs, kernel and bias."""
        (kernel, *placed), given = self._given()
        given.pop("bias", None)
        function = self._function.gradients  # type: ignore[attr-defined]
        found = self._called(function, inputs, kernel, output_gradient, *placed, **given)
        if self.bias is not None:
            return found
        # It is not told whether there is a bias, and may give the gradient of one all the same.
        if isinstance(found, Mapping):
            return {name: one for name, one in found.items() if name != "bias"}
        return found[:2] if isinstance(found, (tuple, list)) else found

    def gradients(self, output_gradient: Array, inputs: Array, **more: Any) -> Any:
        positional, given = self._given()
        return self._function.gradients(output_gradient, inputs, *positional, **given, **more)  # type: ignore[attr-defined]

    def _given(self) -> tuple[list[Any], dict[str, Any]]:
        """Return kernel and arguments, by position and by name."""
        given = given_of(self._arguments)
        if self.bias is not None:
            given["bias"] = self.bias
        try:
            placed, named = arguments_of(self._taken, given)
        except KeyError as lacking:
            raise Unsupported(f"the function takes no {lacking.args[0]!r}") from None
        if self.kernel is None:
            raise Unsupported(f"a bare function makes no weights of its own: {_LAYERS_ONLY}")
        return [self.kernel, *placed], named


def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of what a function or a class takes, None where it may take any."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # what is written in C may have no signature
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return frozenset(parameters)


def _damaged(arrays: Sequence[tuple[str, Array, Array]]) -> tuple[str, ...]:
    """Return the names of the arrays that are not what they were before."""
    return tuple(
        name for name, now, before in arrays if not np.array_equal(_bits(now), _bits(before))
    )


def _read_again(outcome: Outcome, kept: Any) -> Outcome:
    """Return the outcome with what its result holds now."""
    try:
        return attrs.evolve(outcome, value=plain(kept))
    except limits.TooLarge:
        raise
    except Exception as error:
        return Outcome(error=Error.of(error, "reading of the result"))


def _bits(array: Array) -> Array:
    """Return the array's bytes, so that NaN equals itself and -0.0 differs from 0.0."""
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _holds(layer: Any, attribute: str) -> bool:
    """Tell whether an attribute is the layer's own or its class's, and no other object's that it asks."""
    missing = object()
    return inspect.getattr_static(layer, attribute, missing) is not missing


def _poison(like: Array) -> None:
    """Leave freed memory full of NaN bytes about, for a layer that reads what it never wrote."""
    for factor in (1, 2, 4, 9, 16):
        block = np.empty(max(1, like.nbytes * factor), np.uint8)
        block.fill(0xFF)
        del block
