"""Vectors of texts, week by week, held against those of the reference: one test a week, its budget counted.

Of each day 20 texts at most are encoded, evenly spaced. At the end of a week the maximum mean discrepancy of its vectors
and those of the reference is tested by permutation of whole days (`signals.two_samples.days_test`), so that a burst of one
day is no drift; it holds where days are exchangeable. Each test has its probability of a false alarm, and expected numbers
add up however the tests depend on one another, as they do by the reference that they share.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from metier.bundles import load_bundle
from metier.monitoring.judges.answered import PeriodAnswers
from metier.monitoring.signals.two_samples import TwoSamples, days_test
from metier.predictors.evidence import embedder_among

TEXTS_A_DAY = 20
FEWEST_DAYS, FEWEST_REFERENCE_DAYS = 5, 14  # With a text.


class EmbeddedWeeks:
    """Holds weeks against a reference.

    Parameters
    ----------
    encode : callable
        From texts to vectors of shape (n_texts, size).
    alpha : float
        Probability of a false alarm that the test of a week may have.
    in_days : int
        Periods of a day.
    """

    def __init__(self, encode: Callable[[Sequence[str]], np.ndarray], alpha: float, in_days: int):
        self.alpha = min(alpha, 0.5)
        self._encode, self._in_days = encode, in_days
        self._most = max(TEXTS_A_DAY // in_days, 1)
        self._reference: dict[int, list[np.ndarray]] = defaultdict(list)
        self._week: dict[int, list[np.ndarray]] = defaultdict(list)
        self._began: int | None = None

    def refer(self, number: int, answers: PeriodAnswers) -> None:
        """Take texts of the reference."""
        self._add(self._reference, number, answers)

    def step(self, number: int, answers: PeriodAnswers | None) -> TwoSamples | None:
        """Take the texts of a period; where it ends a week with enough texts, give the test of the week."""
        self._began = number if self._began is None else self._began
        if answers is not None:
            self._add(self._week, number, answers)
        if (number - self._began + 1) % (7 * self._in_days):
            return None
        before, now = ([np.concatenate(one) for one in days.values()] for days in (self._reference, self._week))
        self._week.clear()
        if len(before) < FEWEST_REFERENCE_DAYS or len(now) < FEWEST_DAYS:
            return None
        return days_test(before, now, level=self.alpha, random_state=number)

    def _add(self, days: dict[int, list[np.ndarray]], number: int, answers: PeriodAnswers) -> None:
        texts = [text for text in answers.texts if text]
        if texts:
            step = -(-len(texts) // self._most)
            days[number // self._in_days].append(np.asarray(self._encode(texts[::step]), dtype=np.float64))


def text_encoders(
    bundles: Mapping[str, Path], *, threads: int = 1
) -> dict[str, Callable[[Sequence[str]], np.ndarray]]:
    """Load those bundles that have an encoder of texts, and give what encodes, by their names."""
    found = {
        name: embedder_among([load_bundle(path, threads=threads).predictor]) for name, path in bundles.items()
    }
    return {name: one.embed for name, one in found.items() if one is not None}
