"""The answers of one bundle, period by period, against those of its first weeks: what has moved.

Means are held against a bound by evidence that may be looked at for ever (`signals.evidence`), where a change is more than
a tolerance. Where texts have vectors, those of each week are held against the reference by one test a week
(`embedded_weeks`). All share one budget of false alarms; a tenth of it is that of the vectors, where there are any.

What is told once is not told again for four weeks; it is over when its evidence has not come again in that time.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metier.monitoring.judges.answered import PeriodAnswers
from metier.monitoring.judges.embedded_weeks import EmbeddedWeeks
from metier.monitoring.series import SECONDS
from metier.monitoring.signals.evidence import FallDetector
from metier.monitoring.signals.two_samples import TwoSamples
from metier.text.segmentation import segment

FEWEST, REFERENCE_DAYS, QUIET_DAYS, RECENT_DAYS = 200, 28, 28, 7
TOLERANCE = {"confidence": 0.02, "out of scope": 0.03, "label": 0.05, "new words": 0.05}
MOST_LABELS = 30  # The most frequent ones of the reference.
SHARE_OF_EMBEDDINGS = 0.1  # Of the budget.
EMBEDDINGS = "embeddings"

# From texts to vectors of shape (n_texts, size).
Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass
class Alarm:
    """When something was raised, and whether it still is.

    Parameters
    ----------
    name : str
        `confidence`, `out of scope`, `label`, `new words` or `embeddings`.
    about : str
        The label; else empty.
    since, raised, last : int
        Periods: from when the evidence is, and the first and the last in which it was enough.
    before, now : float
        Means of the reference and of the last week, 0 to 1; of embeddings 0 and the maximum mean discrepancy.
    is_over : bool
    """

    name: str
    about: str
    since: int
    raised: int
    last: int
    before: float
    now: float
    is_over: bool = False


@dataclass
class Measure:
    """One mean that is watched, as it must not fall: of the reference, and as evidence."""

    name: str
    about: str
    usual: float
    detector: FallDetector
    is_rise: bool  # Whether what is told of rises when the mean falls.
    alarm: Alarm | None = None


class DriftWatch:
    """Watches the answers of one version of a bundle.

    Parameters
    ----------
    period : {"day", "hour"}
    budget : float
        False alarms that a period may have, all measures together.
    encode : callable, optional
        Gives vectors of texts.

    Attributes
    ----------
    reference, recent : list of PeriodAnswers
    known : frozenset of str
        Words of half of the reference.
    """

    def __init__(self, *, period: str, budget: float, encode: Encode | None = None):
        self._in_days = 86_400 // SECONDS[period]
        self._means = budget * (1 if encode is None else 1 - SHARE_OF_EMBEDDINGS)
        self._weeks = (
            None
            if encode is None
            else EmbeddedWeeks(encode, SHARE_OF_EMBEDDINGS * budget * 7 * self._in_days, self._in_days)
        )
        self._began: int | None = None
        self._embeddings: Alarm | None = None
        self.reference: list[PeriodAnswers] = []
        self.recent: list[PeriodAnswers] = []
        self.known: frozenset[str] = frozenset()
        self.measures: list[Measure] = []

    def step(self, number: int, answers: PeriodAnswers | None) -> list[Alarm]:
        """Take the answers of a period, None where there are none, and give what is raised in it, and what is over."""
        if not self.measures:
            if answers is not None:
                self._refer(number, answers)
            return []
        found = [] if self._weeks is None else self._held(number, self._weeks.step(number, answers))
        if answers is None:
            return found
        self.recent = [*self.recent, answers][-RECENT_DAYS * self._in_days :]
        return [*(one for measure in self.measures for one in self._watched(measure, answers, number)), *found]

    def _refer(self, number: int, answers: PeriodAnswers) -> None:
        self._began = number if self._began is None else self._began
        self.reference.append(answers)
        if self._weeks is not None:
            self._weeks.refer(number, answers)
        is_long = number - self._began + 1 >= REFERENCE_DAYS * self._in_days
        if is_long and sum(map(len, self.reference)) >= FEWEST:
            self.known, self.measures = measured(self.reference, self._means)

    def _watched(self, measure: Measure, answers: PeriodAnswers, number: int) -> list[Alarm]:
        found = []
        known = measure.alarm
        if known is not None and number - known.last > QUIET_DAYS * self._in_days:
            known.is_over, known.now = True, self._now(measure)
            found.append(known)
            measure.alarm = known = None
        if measure.detector.step(numbers_of(measure, answers, self.known)):
            if known is None:
                before = 1 - measure.usual if measure.is_rise else measure.usual
                since, now = number - measure.detector.began, self._now(measure)
                measure.alarm = Alarm(measure.name, measure.about, since, number, number, before, now)
                found.append(measure.alarm)
            else:
                known.last = number
        return found

    def _held(self, number: int, test: TwoSamples | None) -> list[Alarm]:
        """Take the test of a week, where one ends."""
        assert self._weeks is not None  # As it was asked.
        found, known = [], self._embeddings
        if known is not None and number - known.last > QUIET_DAYS * self._in_days:
            known.is_over = True
            found.append(known)
            self._embeddings = known = None
        if test is None:
            return found
        if known is not None:
            known.now = test.statistic
        if test.p_value <= self._weeks.alpha:
            if known is None:
                since = number + 1 - 7 * self._in_days
                self._embeddings = Alarm(EMBEDDINGS, "", since, number, number, 0.0, test.statistic)
                found.append(self._embeddings)
            else:
                known.last = number
        return found

    def _now(self, measure: Measure) -> float:
        now = float(np.mean(np.concatenate([numbers_of(measure, one, self.known) for one in self.recent])))
        return 1 - now if measure.is_rise else now


def measured(reference: Sequence[PeriodAnswers], budget: float) -> tuple[frozenset[str], list[Measure]]:
    """Give the words of the reference and the means that are watched from it on; they share the budget equally."""
    half = [answers for place, answers in enumerate(reference) if place % 2 == 0]
    known = frozenset(word for answers in half for text in answers.texts for word in segment(text.casefold()))
    labels = Counter(label for answers in reference for label in answers.labels)
    wanted = [("confidence", "", False), ("out of scope", "", True), ("new words", "", True)]
    for label, _ in labels.most_common(MOST_LABELS):
        wanted += [("label", label, True), ("label", label, False)]
    alpha = min(budget / len(wanted), 0.5)
    found = []
    for name, about, is_rise in wanted:
        blank = Measure(name, about, 0.0, FallDetector(1.0, alpha), is_rise)
        # Words are new in half of the reference by those of the other half: its own words are all known.
        rows = [one for place, one in enumerate(reference) if name != "new words" or place % 2]
        numbers = np.concatenate([numbers_of(blank, answers, known) for answers in rows])
        error = 2 * float(numbers.std()) / np.sqrt(len(numbers))
        bound = float(numbers.mean()) - error - TOLERANCE[name]
        if bound > 0:
            found.append(Measure(name, about, float(numbers.mean()), FallDetector(bound, alpha), is_rise))
    return known, found


def numbers_of(measure: Measure, answers: PeriodAnswers, known: frozenset[str]) -> np.ndarray:
    """Give the numbers between 0 and 1 of a period whose mean must not fall."""
    if measure.name == "confidence":
        return answers.confidence
    if measure.name == "out of scope":
        return np.where(answers.is_outside, 0.0, 1.0)
    if measure.name == "new words":
        return np.array([_known_share(text, known) for text in answers.texts])
    is_label = np.array([label == measure.about for label in answers.labels])
    return np.where(is_label == measure.is_rise, 0.0, 1.0)


def _known_share(text: str, known: frozenset[str]) -> float:
    found = segment(text.casefold())
    return float(np.mean([word in known for word in found])) if found else 1.0
