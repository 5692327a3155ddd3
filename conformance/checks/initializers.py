"""INIT: distributions of initial values, by Kolmogorov and Smirnov's test.

For n independent draws the distance D between the empirical and the true distribution exceeds e with a
probability of at most ``2 * exp(-2 * n * e**2)`` (Dvoretzky, Kiefer, Wolfowitz, with Massart's constant), for
every n. With a false alarm rate of 1e-9 that gives the limit; no tolerance is chosen by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from conformance.checks.registry import View, check
from conformance.model.case import Call, GetWeights
from conformance.model.codec import Array
from conformance.oracle.comparison import Mismatch, compare_numbers

FALSE_ALARM = 1e-9
#: Standard deviation of a unit normal that is cut off at two.
_CUT_DEVIATION = 0.87962566103423978


def _uniform(limit: float) -> Callable[[Array], Array]:
    return lambda x: np.clip((x + limit) / (2 * limit), 0, 1)


def _normal(deviation: float) -> Callable[[Array], Array]:
    return lambda x: np.asarray(ndtr(x / deviation))


def _cut_normal(deviation: float) -> Callable[[Array], Array]:
    """A normal that is cut at two deviations."""
    low = float(ndtr(-2.0))
    return lambda x: np.clip((ndtr(x / deviation) - low) / (1 - 2 * low), 0, 1)


def _scaled(variance: float) -> Callable[[Array], Array]:
    return _cut_normal(math.sqrt(variance) / _CUT_DEVIATION)


#: Distribution of each initializer by fan_in and fan_out.
DISTRIBUTIONS: dict[str, Callable[[float, float], Callable[[Array], Array]]] = {
    "None": lambda i, o: _uniform(math.sqrt(6 / (i + o))),
    "glorot_uniform": lambda i, o: _uniform(math.sqrt(6 / (i + o))),
    "glorot_normal": lambda i, o: _scaled(2 / (i + o)),
    "he_uniform": lambda i, _: _uniform(math.sqrt(6 / i)),
    "he_normal": lambda i, _: _scaled(2 / i),
    "lecun_uniform": lambda i, _: _uniform(math.sqrt(3 / i)),
    "lecun_normal": lambda i, _: _scaled(1 / i),
    "random_uniform": lambda _i, _o: _uniform(0.05),
    "random_normal": lambda _i, _o: _normal(0.05),
    "truncated_normal": lambda _i, _o: _cut_normal(0.05),
    "VarianceScaling": lambda _, o: _scaled(1 / o),
}


def _judge(view: View, place: int, fan_in: float, fan_out: float, name: str) -> Mismatch | None:
    index, _ = view.first(GetWeights)
    got = view.value(index)
    if not isinstance(got, list) or len(got) <= place or not isinstance(got[place], np.ndarray):
        return Mismatch("there should be two weights", 2, got, index)
    values = np.sort(got[place].astype(np.float64).ravel())
    count = values.size
    expected = DISTRIBUTIONS[name](fan_in, fan_out)(values)
    steps = np.arange(count + 1) / count
    distance = float(
        max(np.max(np.abs(steps[1:] - expected)), np.max(np.abs(steps[:-1] - expected)))
    )
    limit = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * count))
    if not distance <= limit:
        return Mismatch(
            f"{count} initial values do not follow {name} with fan_in {fan_in:g} and fan_out {fan_out:g}: "
            f"Kolmogorov-Smirnov distance {distance:.3f}, limit {limit:.3f} (false alarm {FALSE_ALARM:g}); "
            f"their standard deviation is {values.std():.4g}",
            limit, distance, index,
        )  # fmt: skip
    return None


def _kernel_fans(view: View) -> tuple[float, float]:
    height, width = view.case.arguments["kernel_size"]
    _, call = view.first(Call)
    filters, channels = view.case.arguments["filters"], call.inputs.shape[3]
    return height * width * filters, height * width * channels


def _name(view: View) -> str:
    form = view.case.argument("kernel_initializer")
    return str(form["class_name"] if isinstance(form, dict) else form)


@check("INIT-01", "distributions", when=lambda c, _: c.argument("kernel_initializer") is None)
def check_the_default_kernel_initializer(view: View) -> Mismatch | None:
    """U(-L, L), L = sqrt(6 / (kh*kw*(filters + in)))."""
    return _judge(view, 0, *_kernel_fans(view), "None")


@check("INIT-02", "distributions")
def check_fans_of_named_initializers(view: View) -> Mismatch | None:
    """fan_in = kh*kw*filters, fan_out = kh*kw*in."""
    return _judge(view, 0, *_kernel_fans(view), _name(view))


@check("INIT-03", "distributions", when=lambda c, _: "bias_initializer" not in c.arguments)
def check_the_default_bias(view: View) -> Mismatch | None:
    """Zeros."""
    index, _ = view.first(GetWeights)
    bias = view.value(index)[1]
    wanted = np.zeros(view.case.arguments["filters"])
    return compare_numbers(bias, wanted, wanted, step=index, what="bias")


@check("INIT-04", "distributions", when=lambda c, _: "bias_initializer" in c.arguments)
def check_the_bias_initializer_none(view: View) -> Mismatch | None:
    """U(-L, L), L = sqrt(3 / filters)."""
    filters = view.case.arguments["filters"]
    return _judge(view, 1, filters, filters, "None")
