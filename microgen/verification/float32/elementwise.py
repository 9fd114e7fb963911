"""Rules of operators that compute each element from those of the same place, or of the same row."""

from __future__ import annotations

import numpy as np

from .case import Case, Rule, Rules, activated
from .interval import Interval, Reals, U, gamma

# The C libraries of PCs and boards (glibc, newlib) return exp, log, tanh, sine and cosine within 2.2 units in the last
# place (Zimmermann, Accuracy of Mathematical Functions in Single, Double, Double Extended, and Quadruple Precision,
# whose figures for single precision are from trying every argument). Four units are eight roundings.
_LIBRARY = 8
_CUTOFF = -9.0  # below it, TFLite takes exp(x) for the logistic function


def _binary(combine: Rule) -> Rule:
    return lambda case: activated(case, _one(combine(case)))


def _one(value: Interval | tuple[Interval, ...]) -> Interval:
    assert isinstance(value, Interval)
    return value


def _squared_difference(case: Case) -> Interval:
    return (case.input(0) - case.input(1)).rounded().squared().rounded()


def _curve(function: object, operations: int = _LIBRARY) -> Rule:
    """Return the rule of a function of the C library that never falls."""
    return lambda case: case.input(0).mapped(function).rounded(operations)  # type: ignore[arg-type]


def _wave(function: object) -> Rule:
    """Return the rule of a sine or cosine, which changes by no more than its argument."""

    def rule(case: Case) -> Interval:
        x = case.input(0)
        centre = function(x.centre)  # type: ignore[operator]
        return Interval(centre - x.radius, centre + x.radius).clamped(-1, 1).rounded(_LIBRARY)

    return rule


def _leaky(case: Case, slope: Interval) -> Interval:
    """Return x above zero, and slope * x below it."""
    x = case.input(0)
    above, below = x.clamped(0, np.inf), (slope * x.clamped(-np.inf, 0)).rounded()
    negative, positive = x.upper < 0, x.lower >= 0
    return Interval(
        np.where(positive, x.lower, np.where(negative, below.lower, np.minimum(above.lower, below.lower))),
        np.where(positive, x.upper, np.where(negative, below.upper, np.maximum(above.upper, below.upper))),
    )


def _leaky_relu(case: Case) -> Interval:
    return _leaky(case, Interval.exact(np.array(case.op.options.alpha)))


def _prelu(case: Case) -> Interval:
    return _leaky(case, case.input(1))


def _absolute(case: Case) -> Interval:
    return case.input(0).squared().mapped(np.sqrt).rounded(0)


def _elu(case: Case) -> Interval:
    """Exp(x) - 1 below zero: the rounding of exp is relative to it, not to the difference."""
    x = case.input(0)
    curve = x.mapped(lambda v: np.where(v < 0, np.expm1(np.minimum(v, 0)), v))
    return curve.rounded(_LIBRARY + 1, np.exp(np.minimum(x.upper, 0)) + curve.magnitude)


def _logistic(case: Case) -> Interval:
    x = case.input(0)
    curve = x.mapped(_sigmoid).rounded(_LIBRARY + 3)
    cut = np.where(x.lower < _CUTOFF, np.exp(2 * np.minimum(x.upper, _CUTOFF)), 0)
    return Interval(curve.lower, curve.upper + cut)


def _sigmoid(x: Reals) -> Reals:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))


def _hard_swish(case: Case) -> Interval:
    x = case.input(0)
    gate = (x + Interval.exact(np.array(3.0))).rounded(1, x.magnitude + 3).clamped(0, 6)
    return (x * gate).rounded().mapped(lambda v: v / 6).rounded(2)


def _shares(case: Case) -> tuple[Interval, Interval, float]:
    """Return a row's arguments of exp, the logarithm of their sum, and how far rounding may take each factor."""
    x, beta = case.input(0), case.op.options.beta if case.op.name == "SOFTMAX" else 1.0
    top = x.upper.max(axis=-1, keepdims=True)
    scaled = x.mapped(lambda v: (v - top) * beta)
    sums = scaled.mapped(lambda v: np.logaddexp.reduce(v, axis=-1, keepdims=True))
    # The difference and beta's product are rounded, then exp, then the sum of a row.
    spread = 2 * U * float(np.abs(scaled.magnitude[np.isfinite(scaled.magnitude)]).max(initial=0))
    return scaled, sums, spread + gamma(_LIBRARY)


def _softmax(case: Case) -> Interval:
    scaled, sums, each = _shares(case)
    relative = 2 * each + gamma(scaled.shape[-1] + 2)
    lower, upper = np.exp(scaled.lower - sums.upper), np.exp(scaled.upper - sums.lower)
    widened = Interval(lower * (1 - relative), upper * (1 + relative)).rounded(1)
    return Interval(np.maximum(widened.lower, 0), widened.upper)


def _log_softmax(case: Case) -> Interval:
    scaled, sums, each = _shares(case)
    wide = (scaled - sums).rounded(4, scaled.magnitude + sums.magnitude)
    by = each + gamma(scaled.shape[-1] + _LIBRARY) * (1 + sums.magnitude)
    return Interval(wide.lower - by, wide.upper + by)


def _l2_normalization(case: Case) -> Interval:
    x = case.input(0)
    squares = x.squared()
    total = Interval(*(s.sum(axis=-1, keepdims=True) for s in (squares.lower, squares.upper)))
    norm = total.rounded(x.shape[-1] + 1).mapped(lambda v: np.sqrt(np.maximum(v, 0))).rounded()
    return activated(case, (x / norm.clamped(1e-6 * (1 - 2 * U), np.inf)).rounded())


def _dequantize(case: Case) -> Interval:
    tensor = case.tensor(0)
    return case.input(0).mapped(lambda q: (q - tensor.zero_point) * tensor.scale).rounded(2)


def _add_n(case: Case) -> Interval:
    terms = [case.input(k) for k in range(len(case.op.inputs))]
    total = Interval(sum(t.lower for t in terms), sum(t.upper for t in terms))  # type: ignore[arg-type]
    return total.rounded(len(terms), sum(t.magnitude for t in terms))  # type: ignore[arg-type]


ELEMENTWISE: Rules = {
    "ABS": _absolute,
    "ADD": _binary(lambda c: (c.input(0) + c.input(1)).rounded()),
    "ADD_N": _add_n,
    "CEIL": lambda c: c.input(0).mapped(np.ceil),
    "COS": _wave(np.cos),
    "DEQUANTIZE": _dequantize,
    "DIV": _binary(lambda c: (c.input(0) / c.input(1)).rounded()),
    "ELU": _elu,
    "EXP": _curve(np.exp),
    "FLOOR": lambda c: c.input(0).mapped(np.floor),
    "HARD_SWISH": _hard_swish,
    "L2_NORMALIZATION": _l2_normalization,
    "LEAKY_RELU": _leaky_relu,
    "LOG": _curve(np.log),
    "LOGISTIC": _logistic,
    "LOG_SOFTMAX": _log_softmax,
    "MAXIMUM": lambda c: Interval(
        np.maximum(c.input(0).lower, c.input(1).lower), np.maximum(c.input(0).upper, c.input(1).upper)
    ),
    "MINIMUM": lambda c: Interval(
        np.minimum(c.input(0).lower, c.input(1).lower), np.minimum(c.input(0).upper, c.input(1).upper)
    ),
    "MUL": _binary(lambda c: (c.input(0) * c.input(1)).rounded()),
    "NEG": lambda c: -c.input(0),
    "PRELU": _prelu,
    "RELU": lambda c: c.input(0).clamped(0, np.inf),
    "RELU6": lambda c: c.input(0).clamped(0, 6),
    "ROUND": lambda c: c.input(0).mapped(np.rint),
    "RSQRT": lambda c: (Interval.exact(np.array(1.0)) / c.input(0).mapped(np.sqrt).rounded()).rounded(2),
    "SIN": _wave(np.sin),
    "SOFTMAX": _softmax,
    "SQRT": _curve(np.sqrt, 1),
    "SQUARE": lambda c: c.input(0).squared().rounded(),
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _binary(lambda c: (c.input(0) - c.input(1)).rounded()),
    "TANH": _curve(np.tanh),
}
