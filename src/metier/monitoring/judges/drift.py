"""Drift of a stream as findings: confidence, out-of-scope share, shares of labels and vocabulary against its first weeks.

The reference of a bundle is what it answered in the first four weeks of the stream (of 200 messages or more), or after
its model was exchanged. Each later period is held against it by evidence that may be looked at for ever
(`signals.evidence`), where a change is more than a tolerance: 2 points of confidence, 3 of out-of-scope messages, 5 of a
label or of words that are new. All together have one false alarm a year, if the stream stays within the tolerance of its
reference.

What is told once is not told again for four weeks; a finding is over when its evidence has not come again in that time.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.monitoring.budget import FalseAlarms
from metier.monitoring.findings import Finding
from metier.monitoring.judges.answered import PeriodAnswers, answers_of
from metier.monitoring.series import SECONDS, moment
from metier.monitoring.signals.domain_classifier import DomainTest, domain_test
from metier.monitoring.signals.evidence import FallDetector
from metier.monitoring.signals.population_stability import by_chance, population_stability
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.watch_settings import WatchSettings
from metier.text.segmentation import segment

ALLOWED = FalseAlarms.of("1/year")
FEWEST, REFERENCE_DAYS, QUIET_DAYS, RECENT_DAYS = 200, 28, 28, 7
TOLERANCE = {"confidence": 0.02, "out of scope": 0.03, "label": 0.05, "new words": 0.05}
MOST_LABELS = 30  # The most frequent ones of the reference.
MOST_TEXTS, FEWEST_TEXTS = 300, 20  # Of reference and last week, for the domain classifier; evenly spaced.
MOST_WORDS = 8  # That explain new words.
TEN_BINS = np.linspace(0, 1, 11)


@dataclass
class _Measure:
    """One mean that is watched, as it must not fall: of the reference, and as evidence."""

    name: str
    about: str
    usual: float
    detector: FallDetector
    is_rise: bool  # Whether what is told of rises when the mean falls.
    raised: int | None = None
    last: int = 0


@dataclass
class _OfBundle:
    version: str = ""
    reference: list[PeriodAnswers] = field(default_factory=list)
    began: int = 0
    known: frozenset[str] = frozenset()
    measures: list[_Measure] = field(default_factory=list)
    recent: list[PeriodAnswers] = field(default_factory=list)


class DriftJudge:
    """Judges the answers of bundles, period by period; what it remembers it has from what is stored.

    Parameters
    ----------
    bundles : sequence of str
        Their names in the settings.
    period : {"day", "hour"}
    """

    def __init__(self, bundles: Sequence[str], *, period: str):
        self._period, self._bundles = period, list(bundles)
        self._in_days = 86_400 // SECONDS[period]
        self._begin()

    def _begin(self) -> None:
        self._next: int | None = None
        self._of = {name: _OfBundle() for name in self._bundles}

    def judge(self, counted: PeriodCounts, number: int) -> list[Finding]:
        """Give what has drifted in a period, and what is over."""
        if self._next is not None and number < self._next:
            self._begin()
        if self._next is None:
            self._next = counted.first_period()
        found: list[Finding] = []
        while self._next is not None and self._next <= number:
            found = [
                one for name in self._bundles for one in self._step(name, answers_of(counted, name, self._next))
            ]
            self._next += 1
        return found

    def _step(self, bundle: str, answers: PeriodAnswers | None) -> list[Finding]:
        assert self._next is not None  # Set by `judge`.
        own, number = self._of[bundle], self._next
        if answers is None:
            return []
        if answers.version != own.version:
            self._of[bundle] = own = _OfBundle(answers.version, began=number)
        if not own.measures:
            own.reference.append(answers)
            if self._is_enough(own, number):
                own.known, own.measures = _measured(own.reference, len(self._bundles), self._period)
            return []
        own.recent = [*own.recent, answers][-RECENT_DAYS * self._in_days :]
        return [
            finding
            for measure in own.measures
            for finding in self._watched(bundle, own, measure, answers, number)
        ]

    def _is_enough(self, own: _OfBundle, number: int) -> bool:
        is_long = number - own.began + 1 >= REFERENCE_DAYS * self._in_days
        return is_long and sum(map(len, own.reference)) >= FEWEST

    def _watched(
        self, bundle: str, own: _OfBundle, measure: _Measure, answers: PeriodAnswers, number: int
    ) -> list[Finding]:
        found = []
        if measure.raised is not None and number - measure.last > QUIET_DAYS * self._in_days:
            found.append(self._finding(bundle, own, measure, is_over=True))
            measure.raised = None
        if measure.detector.step(_numbers(measure, answers, own.known)):
            measure.last = number
            if measure.raised is None:
                measure.raised = number
                found.append(self._finding(bundle, own, measure, is_over=False))
        return found

    def _finding(self, bundle: str, own: _OfBundle, measure: _Measure, *, is_over: bool) -> Finding:
        assert measure.raised is not None  # As it is told of.
        now = float(np.mean(np.concatenate([_numbers(measure, one, own.known) for one in own.recent])))
        usual, now = (1 - measure.usual, 1 - now) if measure.is_rise else (measure.usual, now)
        what = f"{measure.name} {measure.about}".strip()
        written = {"before": f"{100 * usual:.1f}", "now": f"{100 * now:.1f}"}
        sentence = (
            f"{bundle}, {what}: as before again; {written['now']} % in the last week."
            if is_over
            else f"{bundle}, {what}: {written['before']} % at first, {written['now']} % in the last week."
        )
        at = measure.raised - (0 if is_over else measure.detector.began)
        return Finding(
            "drift",
            {"bundle": bundle, "measure": measure.name} | ({"label": measure.about} if measure.about else {}),
            sentence,
            moment(at, self._period),
            moment(measure.raised, self._period),
            "warning",
            is_over,
            {"before": usual, "now": now, "tolerance": TOLERANCE[measure.name], **_explained(own)},
        )


def build(settings: WatchSettings) -> DriftJudge | None:
    """Give the judge that the settings of a watch ask for; None: no bundle answers."""
    return DriftJudge(list(settings.bundles), period=settings.period) if settings.bundles else None


def _measured(
    reference: Sequence[PeriodAnswers], n_bundles: int, period: str
) -> tuple[frozenset[str], list[_Measure]]:
    """Give the words of the reference and the means that are watched from it on."""
    half = [answers for place, answers in enumerate(reference) if place % 2 == 0]
    known = frozenset(word for answers in half for text in answers.texts for word in segment(text.casefold()))
    labels = Counter(label for answers in reference for label in answers.labels)
    wanted = [("confidence", "", False), ("out of scope", "", True), ("new words", "", True)]
    for label, _ in labels.most_common(MOST_LABELS):
        wanted += [("label", label, True), ("label", label, False)]
    alpha = ALLOWED.of_a_test(len(wanted) * n_bundles, period=period)
    found = []
    for name, about, is_rise in wanted:
        blank = _Measure(name, about, 0.0, FallDetector(1.0, alpha), is_rise)
        # Words are new in half of the reference by those of the other half: its own words are all known.
        rows = [one for place, one in enumerate(reference) if name != "new words" or place % 2]
        numbers = np.concatenate([_numbers(blank, answers, known) for answers in rows])
        error = 2 * float(numbers.std()) / np.sqrt(len(numbers))
        bound = float(numbers.mean()) - error - TOLERANCE[name]
        if bound > 0:
            found.append(_Measure(name, about, float(numbers.mean()), FallDetector(bound, alpha), is_rise))
    return known, found


def _numbers(measure: _Measure, answers: PeriodAnswers, known: frozenset[str]) -> np.ndarray:
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


def _explained(own: _OfBundle) -> dict[str, Any]:
    """Give the population stability of confidence and labels, and the words that are new and most frequent."""
    before, now = (np.concatenate([one.confidence for one in rows]) for rows in (own.reference, own.recent))
    old, new = (Counter(label for one in rows for label in one.labels) for rows in (own.reference, own.recent))
    labels = sorted(set(old) | set(new))
    said = Counter(
        word
        for one in own.recent
        for text in one.texts
        for word in set(segment(text.casefold())) - own.known
        if len(word) > 1
    )
    domain = _domain(own)
    return {
        "confidence_psi": population_stability(
            np.histogram(before, TEN_BINS)[0], np.histogram(now, TEN_BINS)[0]
        ),
        "label_psi": population_stability(
            np.array([old[one] for one in labels]), np.array([new[one] for one in labels])
        ),
        "label_psi_by_chance": by_chance(len(labels), len(before), len(now)),
        "new_words": [word for word, count in said.most_common(MOST_WORDS) if count > 1],
        "messages": len(now),
        "domain_classifier": None if domain is None else vars(domain),
    }


def _domain(own: _OfBundle) -> DomainTest | None:
    """Tell the last week from the reference by words; None: no texts are kept, or few."""
    sides = []
    for rows in (own.reference, own.recent):
        texts = [text for one in rows for text in one.texts if text]
        step = -(-len(texts) // MOST_TEXTS) or 1
        sides.append([frozenset(segment(text)) for text in texts[::step]])
    if min(map(len, sides)) < FEWEST_TEXTS:
        return None
    return domain_test(*sides)
