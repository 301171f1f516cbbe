"""Drift of a stream as findings: confidence, out-of-scope share, labels, words and embeddings against its first weeks.

The reference of a bundle is what it answered in the first four weeks of the stream (of 200 messages or more), or after
its model was exchanged. Each later period is held against it (`drift_watch`), where a change is more than a tolerance:
2 points of confidence, 3 of out-of-scope messages, 5 of a label or of words that are new. Embeddings are those of the
bundle, where it has an encoder and texts are kept. All together have the false alarms of the setting
`drift_false_alarms`, if the stream stays within the tolerance of its reference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.monitoring.budget import FalseAlarms
from metier.monitoring.findings import Finding
from metier.monitoring.judges.answered import PeriodAnswers, answers_of
from metier.monitoring.judges.drift_watch import EMBEDDINGS, TOLERANCE, Alarm, DriftWatch, Encode
from metier.monitoring.judges.embedded_weeks import text_encoders
from metier.monitoring.series import moment
from metier.monitoring.signals.domain_classifier import DomainTest, domain_test
from metier.monitoring.signals.population_stability import by_chance, population_stability
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.watch_settings import WatchSettings
from metier.text.segmentation import segment

ALLOWED = FalseAlarms.of("1/year")
MOST_TEXTS, FEWEST_TEXTS = 300, 20  # Of reference and last week, for the domain classifier; evenly spaced.
MOST_WORDS = 8  # That explain new words.
TEN_BINS = np.linspace(0, 1, 11)


class DriftJudge:
    """Judges the answers of bundles, period by period; what it remembers it has from what is stored.

    Parameters
    ----------
    bundles : sequence of str
        Their names in the settings.
    period : {"day", "hour"}
    false_alarms : FalseAlarms
        Allowed over all bundles and measures together.
    encoders : mapping of str to callable, optional
        Give vectors of texts, by the names of bundles that have an encoder.
    """

    def __init__(
        self,
        bundles: Sequence[str],
        *,
        period: str,
        false_alarms: FalseAlarms = ALLOWED,
        encoders: Mapping[str, Encode] | None = None,
    ):
        self._period, self._bundles = period, list(bundles)
        self._budget = false_alarms.of_a_test(max(len(self._bundles), 1), period=period)
        self._encoders = dict(encoders or {})
        self._begin()

    def _begin(self) -> None:
        self._next: int | None = None
        self._versions: dict[str, str] = {}
        self._of: dict[str, DriftWatch] = {}

    def judge(self, counted: PeriodCounts, number: int) -> list[Finding]:
        """Give what has drifted in a period, and what is over."""
        if self._next is not None and number < self._next:
            self._begin()
        if self._next is None:
            self._next = counted.first_period()
        found: list[Finding] = []
        while self._next is not None and self._next <= number:
            at = self._next
            found = [
                one for name in self._bundles for one in self._step(name, at, answers_of(counted, name, at))
            ]
            self._next += 1
        return found

    def _step(self, bundle: str, number: int, answers: PeriodAnswers | None) -> list[Finding]:
        if answers is not None and answers.version != self._versions.get(bundle):
            self._versions[bundle] = answers.version
            self._of[bundle] = DriftWatch(
                period=self._period, budget=self._budget, encode=self._encoders.get(bundle)
            )
        own = self._of.get(bundle)
        return [] if own is None else [self._finding(bundle, own, one) for one in own.step(number, answers)]

    def _finding(self, bundle: str, own: DriftWatch, alarm: Alarm) -> Finding:
        told = _of_embeddings if alarm.name == EMBEDDINGS else _of_a_mean
        facts: dict[str, Any] = {"before": alarm.before, "now": alarm.now}
        if alarm.name in TOLERANCE:
            facts["tolerance"] = TOLERANCE[alarm.name]
        if alarm.is_over:
            facts["last"] = moment(alarm.last, self._period).isoformat()
        return Finding(
            "drift",
            {"bundle": bundle, "measure": alarm.name} | ({"label": alarm.about} if alarm.about else {}),
            told(bundle, alarm),
            moment(alarm.raised if alarm.is_over else alarm.since, self._period),
            moment(alarm.raised, self._period),
            "warning",
            alarm.is_over,
            {**facts, **_explained(own)},
        )


def build(settings: WatchSettings) -> DriftJudge | None:
    """Give the judge that the settings of a watch ask for; None: no bundle answers."""
    if not settings.bundles:
        return None
    return DriftJudge(
        list(settings.bundles),
        period=settings.period,
        false_alarms=settings.allowed_drift,
        encoders=text_encoders(settings.bundles, threads=settings.threads)
        if settings.text == "masked"
        else None,
    )


def _of_a_mean(bundle: str, alarm: Alarm) -> str:
    what = f"{alarm.name} {alarm.about}".strip()
    written = {"before": f"{100 * alarm.before:.1f}", "now": f"{100 * alarm.now:.1f}"}
    if alarm.is_over:
        return f"{bundle}, {what}: as before again; {written['now']} % in the last week."
    return f"{bundle}, {what}: {written['before']} % at first, {written['now']} % in the last week."


def _of_embeddings(bundle: str, alarm: Alarm) -> str:
    distance = f"{alarm.now:.4f}"
    if alarm.is_over:
        return f"{bundle}: embeddings of texts are not shown to differ from those of the first weeks any more ({distance})."
    return f"{bundle}: embeddings of texts of the last week differ from those of the first weeks (discrepancy {distance})."


def _explained(own: DriftWatch) -> dict[str, Any]:
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


def _domain(own: DriftWatch) -> DomainTest | None:
    """Tell the last week from the reference by words; None: no texts are kept, or few."""
    sides = []
    for rows in (own.reference, own.recent):
        texts = [text for one in rows for text in one.texts if text]
        step = -(-len(texts) // MOST_TEXTS) or 1
        sides.append([frozenset(segment(text)) for text in texts[::step]])
    if min(map(len, sides)) < FEWEST_TEXTS:
        return None
    return domain_test(*sides)
