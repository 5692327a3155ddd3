"""INIT: distributions of initial values, by tests whose false alarms are bounded.

Of n values that should be independent draws of a distribution F:

- the distance between their empirical distribution and F, by Kolmogorov and Smirnov's test: it exceeds e
  with a probability of at most ``2 * exp(-2 * n * e**2)`` (Dvoretzky, Kiefer, Wolfowitz, Massart's constant);
- the counts in cells of equal probability, by Pearson's chi-square test: shapes that are alike in the middle;
- the mean of ``F(value)``, which is uniform, and its variance around the middle, by the central limit theorem;
- how often a value occurs twice: a generator with few bits, or a short period;
- the correlation of ``F(value)`` with that of the neighbour along each axis: values that are broadcast.

Each test raises a false alarm in about one of 10**9 cases at most. A run makes fewer than 200 of them for a
subject, so that it raises one with a probability below 2e-7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import attrs
import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from conformance.checks.check import check
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import Call, GetWeights
from conformance.model.values.codec import Array, Value
from conformance.oracle.comparison import Mismatch, compare_exactly, compare_numbers

FALSE_ALARM = 1e-9
#: How many standard deviations a normal variable exceeds as rarely as that.
_DEVIATIONS = -float(ndtri(FALSE_ALARM / 2))
#: Cells of Pearson's test: each is expected to hold hundreds of values.
_CELLS = 64
#: Standard deviation of a unit normal that is cut off at two.
_CUT_DEVIATION = 0.87962566103423978
#: So many numbers of an orthogonal kernel tell how it is distributed.
_MANY = 20_000
#: So many numbers tell whether their sign is chosen.
_SIGNS = 45
#: The share of values that may occur twice: draws of 23 random bits give about 0.0025 of 20,000.
_TWICE = 0.02


@attrs.frozen
class Distribution:
    """A distribution: the share of it that lies below a value, and what it is in words."""

    levels: Callable[[Array], Array]
    text: str

    def __call__(self, values: Array) -> Array:
        """Return for each value the share of the distribution below it."""
        return self.levels(values)

    def __str__(self) -> str:
        return self.text


def _uniform(low: float, high: float) -> Distribution:
    return Distribution(
        lambda x: np.clip((x - low) / (high - low), 0, 1),
        f"uniform between {low:.4g} and {high:.4g}",
    )


def _normal(mean: float, deviation: float) -> Distribution:
    return Distribution(
        lambda x: np.asarray(ndtr((x - mean) / deviation)),
        f"normal with mean {mean:.4g} and standard deviation {deviation:.4g}",
    )


def _cut_normal(mean: float, deviation: float) -> Distribution:
    """A normal that is cut at two deviations."""
    low = float(ndtr(-2.0))
    return Distribution(
        lambda x: np.clip((ndtr((x - mean) / deviation) - low) / (1 - 2 * low), 0, 1),
        f"normal with mean {mean:.4g} and standard deviation {deviation:.4g}, cut off at two deviations",
    )


def _scaled(variance: float, distribution: str = "truncated_normal") -> Distribution:
    deviation = math.sqrt(variance)
    if distribution == "uniform":
        return _uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation)
    if distribution == "untruncated_normal":
        return _normal(0.0, deviation)
    return _cut_normal(0.0, deviation / _CUT_DEVIATION)


#: What Keras' initializers that scale the variance mean by their names: scale, mode, distribution.
_SCALED: dict[str, tuple[float, str, str]] = {
    "None": (1.0, "fan_avg", "uniform"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
}


def distribution(form: Value, fan_in: float, fan_out: float) -> Distribution:
    """Return the distribution of an initializer, a name or a configuration; None is the default one."""
    name = str(form["class_name"] if isinstance(form, dict) else form)
    config = form["config"] if isinstance(form, dict) else {}
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    if name in ("random_uniform", "RandomUniform"):
        return _uniform(config.get("minval", -0.05), config.get("maxval", 0.05))
    if name in ("random_normal", "RandomNormal"):
        return _normal(config.get("mean", 0.0), config.get("stddev", 0.05))
    if name in ("truncated_normal", "TruncatedNormal"):
        return _cut_normal(config.get("mean", 0.0), config.get("stddev", 0.05))
    if name == "VarianceScaling":
        scale, mode, kind = (
            config.get("scale", 1.0), config.get("mode", "fan_in"), config.get("distribution", "truncated_normal"),
        )  # fmt: skip
    else:
        scale, mode, kind = _SCALED[name]
    return _scaled(scale / fans[mode], kind)


def _judge(view: View, place: int, fan_in: float, fan_out: float, form: Value) -> Mismatch | None:
    index, _ = view.first(GetWeights)
    got = view.value(index)
    if not isinstance(got, list) or len(got) <= place or not isinstance(got[place], np.ndarray):
        return Mismatch("there should be two weights", 2, got, index)
    called = "the default initializer" if form is None else str(form)
    return _followed(
        got[place].astype(np.float64),
        distribution(form, fan_in, fan_out),
        f"{called} with fan_in {fan_in:g} and fan_out {fan_out:g}",
        index,
    )


def _followed(values: Array, expected: Distribution, called: str, index: int) -> Mismatch | None:
    for what, found, limit in deviations(values, expected):
        if not found <= limit:
            seen = f"between {values.min():.3g} and {values.max():.3g}"
            return Mismatch(
                f"initial values should be {expected} ({called}), they lie {seen}: "
                f"{what} {found:.4g}, limit {limit:.4g} (false alarm {FALSE_ALARM:g}), over {values.size} values "
                f"with mean {values.mean():.4g} and standard deviation {values.std():.4g}",
                str(expected), seen, index,
            )  # fmt: skip
    return None


def deviations(values: Array, expected: Distribution) -> Iterator[tuple[str, float, float]]:
    """Yield for each test what is measured, the measure and its limit; see the module's text."""
    count = values.size
    levels = expected(values)  # uniform between 0 and 1
    ordered, steps = np.sort(levels.ravel()), np.arange(count + 1) / count
    distance = max(np.max(np.abs(steps[1:] - ordered)), np.max(np.abs(steps[:-1] - ordered)))
    yield (
        "Kolmogorov-Smirnov distance",
        float(distance),
        math.sqrt(math.log(2 / FALSE_ALARM) / (2 * count)),
    )
    if np.isnan(levels).any():
        return  # the distance, which is NaN, has told it
    cells, _ = np.histogram(ordered, _CELLS, (0.0, 1.0))
    wanted = count / _CELLS
    likely = float(chdtrc(_CELLS - 1, ((cells - wanted) ** 2 / wanted).sum()))
    # As a deviation of a normal variable, in which the limit is the same for every number of cells.
    yield (
        f"chi-square of {_CELLS} cells, in deviations",
        -float(ndtri(max(likely, 1e-300))),
        -float(ndtri(FALSE_ALARM)),
    )
    middle, root = levels.ravel() - 0.5, math.sqrt(count)
    # A uniform level has the variance 1/12, and its square around the middle the variance 1/180.
    yield "mean, in deviations", abs(float(middle.mean())) * root * math.sqrt(12), _DEVIATIONS
    spread = abs(float((middle**2).mean()) - 1 / 12) * root * math.sqrt(180)
    yield "variance, in deviations", spread, _DEVIATIONS
    repeated = 1 - len(np.unique(values)) / count
    yield "share of values that occur twice", repeated, _TWICE
    for axis, size in enumerate(values.shape):
        if size > 1:
            one, other = (
                np.take(levels, range(start, size + start - 1), axis) - 0.5 for start in (0, 1)
            )
            correlation = abs(float((one * other).mean())) * 12 * math.sqrt(one.size)
            yield f"correlation along axis {axis}, in deviations", correlation, _DEVIATIONS


def _kernel_fans(view: View) -> tuple[float, float]:
    height, width = view.case.arguments["kernel_size"]
    _, call = view.first(Call)
    filters = view.case.arguments["filters"]
    channels = call.inputs.shape[view.geometry.channel_axis]
    return height * width * filters, height * width * channels


def _of_the_kernel(case: Case, _: object) -> bool:
    return "bias_initializer" not in case.arguments


@check("INIT-01", "distributions", when=lambda c, _: c.argument("kernel_initializer") is None)
def check_the_default_kernel_initializer(view: View) -> Mismatch | None:
    """U(-L, L), L = sqrt(6 / (kh*kw*(filters + in)))."""
    return _judge(view, 0, *_kernel_fans(view), None)


@check("INIT-01", "two layers")
def check_no_two_layers_begin_alike(view: View) -> Mismatch | None:
    """Every layer draws its own kernel."""
    kernels = []
    for index, _ in view.steps(GetWeights):
        kernel = _kernel(view, index)
        if isinstance(kernel, Mismatch):
            return kernel
        kernels.append(kernel)
    one, other = kernels
    if np.array_equal(one, other):
        return Mismatch("a second layer begins with the same kernel", None, other, index)
    return None


def _kernel(view: View, index: int) -> Array | Mismatch:
    weights = view.value(index)
    kernel = weights[0] if isinstance(weights, list) and weights else None
    if isinstance(kernel, np.ndarray) and kernel.ndim == 4 and kernel.size:
        return kernel
    return Mismatch("there should be a kernel of four axes", 4, kernel, index)


@check("INIT-05", "orthogonal")
def check_orthogonal_kernels(view: View) -> Mismatch | None:
    """As a matrix, all axes but the last by the last, the shorter side is orthonormal, times the gain.

    No direction is preferred: of many, the numbers are nearly normal and independent.
    """
    index, _ = view.first(GetWeights)
    kernel = _kernel(view, index)
    if isinstance(kernel, Mismatch):
        return kernel
    form = view.case.argument("kernel_initializer")
    gain = form["config"]["gain"] if isinstance(form, dict) else 1.0
    matrix = kernel.reshape(-1, kernel.shape[3]).astype(np.float64)
    products = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    wanted = gain**2 * np.eye(len(products))
    # A decomposition in float32 is orthogonal within a few roundings for each row.
    allowed = np.full_like(wanted, gain**2 * 64 * matrix.size * 2.0**-24)
    wrong = compare_numbers(products, wanted, allowed, step=index, what="product of kernel rows")
    wrong = wrong or _signed(matrix, index)
    if wrong is not None or matrix.size < _MANY:
        return wrong
    deviation = gain / math.sqrt(max(matrix.shape))
    return _followed(matrix, _normal(0.0, deviation), "orthogonal", index)


def _signed(matrix: Array, index: int) -> Mismatch | None:
    """Return a mismatch where an edge or the diagonal has one sign, as decompositions make them."""
    lines = {
        "first row": matrix[0],
        "first column": matrix[:, 0],
        "diagonal": matrix.diagonal(),
    }
    for name, line in lines.items():
        positive = int((line > 0).sum())
        # Each sign is as likely: so many alike come by chance in one of 10**13 cases.
        if line.size >= _SIGNS and positive in (0, line.size):
            sign = "positive" if positive else "negative"
            text = f"an orthogonal kernel prefers no direction: all {line.size} numbers of its {name} are {sign}"
            return Mismatch(text, "both signs", sign, index)
    return None


@check("INIT-02", "distributions", when=_of_the_kernel)
def check_fans_of_named_initializers(view: View) -> Mismatch | None:
    """fan_in = kh*kw*filters, fan_out = kh*kw*in."""
    return _judge(view, 0, *_kernel_fans(view), view.case.argument("kernel_initializer"))


@check("INIT-03", "distributions", when=lambda c, _: "bias_initializer" not in c.arguments)
def check_the_default_bias(view: View) -> Mismatch | None:
    """Zeros."""
    index, _ = view.first(GetWeights)
    bias = view.value(index)[1]
    return compare_exactly(bias, np.zeros(view.case.arguments["filters"]), index, "bias")


@check("INIT-04", "distributions", when=lambda c, _: "bias_initializer" in c.arguments)
def check_the_bias_initializer_none(view: View) -> Mismatch | None:
    """U(-L, L), L = sqrt(3 / filters)."""
    filters = view.case.arguments["filters"]
    return _judge(view, 1, filters, filters, None)
