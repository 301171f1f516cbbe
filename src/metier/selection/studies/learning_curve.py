"""Learning curves: how a candidate's score grows with the rows, and what twice as many would bring.

Scores of answers come in, a curve and a sentence go out. The law that the curve follows is checked where it
can be: what the smaller parts would have predicted for all rows stands beside what all of them gave, and where that
missed nothing is foretold. Sizes at which a candidate is no better than the most frequent answer show no law, and count
for nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from metier.evaluation import better, describe_metric, higher_is_better, is_fraction
from metier.evaluation.measure_table import metric_name
from metier.evaluation.power_law import FEWEST_SIZES, CurveErrors, Forecast, forecast
from metier.report.numbers import Scale
from metier.selection.scores import Scores

RESAMPLES = 1000
# With fewer wrong answers than this the error itself is hardly known.
FEWEST_ERRORS = 10
# Curves only nearly follow the law: in simulation, with curves that bend from it, gains lie in intervals so much wider
# in 95 to 100 % of cases, and in 78 to 98 % as they are.
GAIN_WIDENED = 2.0


@dataclass(frozen=True)
class CurvePoint:
    """A figure at one size: what each draw gave, and the mean of them."""

    rows: int
    values: tuple[float, ...]

    @property
    def value(self) -> float:
        """The mean over the draws."""
        return float(np.mean(self.values))


@dataclass(frozen=True)
class Predicted:
    """A figure that was not measured, with its 95 % interval; `measured` where it was, too."""

    rows: int
    value: float
    low: float
    high: float
    measured: float | None = None

    @property
    def held(self) -> bool | None:
        """Whether the interval holds what was measured."""
        return None if self.measured is None else self.low <= self.measured <= self.high


@dataclass(frozen=True)
class LearningCurve:
    """How one candidate learns.

    Parameters
    ----------
    name : str
    metric : str
    points : tuple of CurvePoint
        The smallest size first.
    doubled : Predicted or None
        With twice the training rows; None where these scores cannot tell, or where the backtest missed.
    gain : tuple of float or None
        What that adds to the largest size: value, low and high.
    backtest : Predicted or None
        What the smaller sizes would have predicted for the largest, and what it gave.
    sentence : str
        All of it in words, or why it cannot be estimated.
    """

    name: str
    metric: str
    points: tuple[CurvePoint, ...]
    doubled: Predicted | None
    gain: tuple[float, float, float] | None
    backtest: Predicted | None
    sentence: str

    @classmethod
    def from_dict(cls, metric: str, facts: Mapping[str, Any]) -> Self:
        """Give the curve that `as_dict` wrote."""
        points = tuple(CurvePoint(one["rows"], tuple(one["values"])) for one in facts["points"])
        doubled, backtest = (
            None if one is None else Predicted(**{key: value for key, value in one.items() if key != "held"})
            for one in (facts["doubled"], facts["backtest"])
        )
        gain = facts["gain"] and (facts["gain"]["value"], facts["gain"]["low"], facts["gain"]["high"])
        return cls(facts["name"], metric, points, doubled, gain, backtest, facts["sentence"])

    def as_dict(self) -> dict[str, Any]:
        """The facts for JSON."""
        return {
            "name": self.name,
            "points": [
                {"rows": one.rows, "value": one.value, "values": list(one.values)} for one in self.points
            ],
            "doubled": _plain(self.doubled),
            "gain": None if self.gain is None else dict(zip(("value", "low", "high"), self.gain, strict=True)),
            "backtest": _plain(self.backtest),
            "sentence": self.sentence,
        }


def _plain(one: Predicted | None) -> dict[str, Any] | None:
    return None if one is None else {**vars(one), "held": one.held}


def curve_of(name: str, scores: Scores, answers: dict[int, list[Any]]) -> LearningCurve:
    """Give a candidate's curve from its answers to the same rows after learning from each size.

    Parameters
    ----------
    answers : dict of int to list
        For each number of rows, what each draw answered; sizes without any are left out.
    """
    metric = scores.task.primary_metric
    sizes = sorted(size for size, draws in answers.items() if draws)
    points = tuple(
        CurvePoint(size, tuple(scores.measure(metric, one) for one in answers[size])) for size in sizes
    )
    learned = tuple(one for one in points if _is_above_most_frequent(scores, one))
    why = _why_not(name, metric, points, learned, len(scores.targets))
    if why is not None:
        return LearningCurve(name, metric, points, None, None, None, why)
    curve = _errors(scores, answers, learned)
    backtest = _backtest(curve, learned, metric)
    if backtest is not None and not backtest.held:
        return LearningCurve(name, metric, points, None, None, backtest, _missed(name, metric, backtest))
    ahead = forecast(curve, 2 * sizes[-1])
    doubled = _predicted(2 * sizes[-1], ahead, metric)
    gain = _gain(curve, ahead)
    return LearningCurve(
        name, metric, points, doubled, gain, backtest, _sentence(name, metric, points[-1], doubled, gain)
    )


def _is_above_most_frequent(scores: Scores, point: CurvePoint) -> bool:
    """Whether a size has learned more than which answer is the most frequent, where answers are labels."""
    if not all(isinstance(one, str) for one in scores.targets):
        return True
    metric = scores.task.primary_metric
    most_frequent = Counter(scores.targets).most_common(1)[0][0]
    return better(metric, point.value, scores.measure(metric, [most_frequent] * len(scores.targets)))


def _backtest(curve: CurveErrors, points: tuple[CurvePoint, ...], metric: str) -> Predicted | None:
    if len(points) <= FEWEST_SIZES:
        return None
    before = forecast(curve.up_to(len(points) - 1), points[-1].rows)
    return _predicted(points[-1].rows, before, metric, measured=points[-1].value)


def _gain(curve: CurveErrors, ahead: Forecast) -> tuple[float, float, float]:
    """Give the fall of the error with its interval."""
    # On the same samples of rows: what both models find hard counts for neither.
    gains = curve.samples[-1].mean(axis=0) - ahead.drawn
    value = float(curve.means[-1] - ahead.value)
    low, high = value + GAIN_WIDENED * (np.quantile(gains, [0.025, 0.975]) - value)
    return value, float(min(low, value)), float(max(high, value))


def _errors(scores: Scores, answers: dict[int, list[Any]], points: tuple[CurvePoint, ...]) -> CurveErrors:
    metric = scores.task.primary_metric
    sets = [one for point in points for one in answers[point.rows]]
    samples = _error(metric, scores.samples(metric, sets, resamples=RESAMPLES))
    ends = np.cumsum([len(point.values) for point in points])
    return CurveErrors(
        np.array([point.rows for point in points], dtype=np.float64),
        [_error(metric, np.array(point.values)) for point in points],
        np.split(samples, ends[:-1]),
    )


def _error(metric: str, figure: Any) -> Any:
    """How far a figure is from that of answers without a fault; and, of an error, the figure."""
    return 1.0 - figure if higher_is_better(metric) else figure


def _predicted(rows: int, ahead: Forecast, metric: str, measured: float | None = None) -> Predicted:
    value = float(_error(metric, ahead.value))
    low, high = sorted((float(_error(metric, ahead.low)), float(_error(metric, ahead.high))))
    return Predicted(rows, value, low, high, measured)


def _why_not(
    name: str, metric: str, points: tuple[CurvePoint, ...], learned: tuple[CurvePoint, ...], n_test: int
) -> str | None:
    if len(points) < FEWEST_SIZES:
        most = points[-1].rows if points else 0
        return (
            f"{name}: {most:,} training rows are too few for a learning curve: its smallest part needs a "
            "few rows of each label, and the whole four times as many"
        )
    first, last = (float(_error(metric, one.value)) for one in (points[0], points[-1]))
    if last >= first:
        return (
            f"{name}: learning from {points[-1].rows:,} rows was no better than from {points[0].rows:,}; "
            "there is no evidence that more would help"
        )
    if len(learned) < FEWEST_SIZES or learned[-1] is not points[-1]:
        return (
            f"{name}: only {len(learned)} of {len(points)} parts of the rows taught it more than the most frequent "
            f"answer, and a learning curve needs {FEWEST_SIZES}; more rows than these must show how it learns"
        )
    if is_fraction(metric) and last * n_test < FEWEST_ERRORS:
        return (
            f"{name}: about {last * n_test:.0f} of {n_test:,} test rows are answered wrongly, too few to "
            "estimate how the error falls; give more test rows"
        )
    return None


def _missed(name: str, metric: str, backtest: Predicted) -> str:
    facts = describe_metric(metric)
    scale = Scale(facts["is_fraction"], facts["higher_is_better"] is not False)
    interval = {"low": backtest.low, "high": backtest.high}
    decimals = scale.decimals(interval)
    return (
        f"{name}: the smaller parts would have predicted {scale.whole(backtest.value, decimals)} "
        f"{scale.bounds(interval, decimals)} {metric_name(metric)} for all {backtest.rows:,} rows, which gave "
        f"{scale.whole(backtest.measured, decimals)}: its curve does not follow the law, so what twice the rows "
        "would bring is not foretold"
    )


def _sentence(
    name: str, metric: str, last: CurvePoint, doubled: Predicted, gain: tuple[float, float, float]
) -> str:
    facts = describe_metric(metric)
    scale = Scale(facts["is_fraction"], facts["higher_is_better"] is not False)
    interval = {"low": doubled.low, "high": doubled.high}
    decimals = scale.decimals(interval)
    value, low, high = gain
    unit = " points" if scale.is_fraction else ""
    sentence = (
        f"{name}: with twice the rows ({doubled.rows:,}) about {scale.whole(doubled.value, decimals)} "
        f"{scale.bounds(interval, decimals)} {metric_name(metric)} instead of "
        f"{scale.whole(last.value, decimals)}, "
        f"a gain of {scale.signed(value)}{unit} [{scale.signed(low)}, {scale.signed(high)}]"
    )
    if low <= 0:
        return sentence + "; these rows cannot rule out that it would bring nothing"
    return sentence
