"""Whether a smaller model is as good as the one that it was made of: two one-sided tests on rows neither learned from.

Of accuracy the exact test of `evaluation.certification`; of any other metric the paired bootstrap interval of the
difference, which at 90 % lies within the margin where both one-sided tests at 5 % reject (Schuirmann, 1987).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.errors import CompressionError
from metier.evaluation import describe_metric
from metier.evaluation.certification import equivalent, rows_to_certify
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores
from metier.tasks.answers.kind import as_lists, in_words

EQUIVALENT, BETTER, NOT_SHOWN = "equivalent", "better", "not shown to be equivalent"
LEVEL = 0.95


@dataclass(frozen=True)
class Judgement:
    """What the validation rows say.

    Parameters
    ----------
    metric : str
    before, after : dict
        Value and ends of the 95 % interval, of either model.
    difference, low, high : float
        After minus before, more being better, and the ends of what two one-sided tests at 5 % leave.
    margin : float
    verdict : {"equivalent", "better", "not shown to be equivalent"}
    rows : int
    n_flips : int
    flips : list of dict
        Rows that the two answer otherwise: `text`, `target`, `before`, `after`, those that became wrong first.
    """

    metric: str
    before: dict[str, float]
    after: dict[str, float]
    difference: float
    low: float
    high: float
    margin: float
    verdict: str
    rows: int
    n_flips: int
    flips: list[dict[str, Any]]

    @property
    def passes(self) -> bool:
        """Whether it is shown to lose less than the margin."""
        return self.verdict in (EQUIVALENT, BETTER)

    @classmethod
    def restored(cls, facts: Mapping[str, Any]) -> "Judgement":
        """Give what was kept as facts."""
        return cls(**facts)


def check_enough(n_rows: int, margin: float) -> None:
    """Refuse rows that could show nothing, however they are answered.

    Raises
    ------
    CompressionError
    """
    needed = rows_to_certify(margin)
    if n_rows < needed:
        raise CompressionError(
            f"{n_rows:,} validation rows cannot show that a model loses less than {100 * margin:g} points; {needed:,} can "
            "where no answer changes. Give more rows with --validation, or a wider --margin."
        )


def judge(
    scores: Scores, before: StoredAnswers, after: StoredAnswers, items: Sequence[Any], *, margin: float
) -> Judgement:
    """Compare two models on the validation rows in the metric that ranks."""
    metric = scores.task.primary_metric
    difference, low, high = _difference(scores, metric, before.predicted, after.predicted, margin)
    verdict = NOT_SHOWN
    if low > -margin:
        verdict = EQUIVALENT if high < margin else BETTER
    flips = _flips(scores, metric, before.predicted, after.predicted, items)
    was, stays = (asdict(scores.interval(metric, one.predicted)) for one in (before, after))
    return Judgement(metric, was, stays, difference, low, high, margin, verdict, len(items), len(flips), flips)


def _difference(
    scores: Scores, metric: str, before: Sequence[Any], after: Sequence[Any], margin: float
) -> tuple[float, float, float]:
    if metric == "accuracy" and scores.groups is None:
        correct = [np.asarray(scores.correct(metric, one), dtype=np.int64) for one in (after, before)]
        found = equivalent(np.ones(len(before), np.int64), *correct, margin=margin, level=LEVEL)
        return found.difference, found.low, found.high
    sign = -1.0 if describe_metric(metric)["higher_is_better"] is False else 1.0
    paired = scores.compare(metric, after, before, level=2 * LEVEL - 1)
    low, high = sorted((sign * paired.low, sign * paired.high))
    return sign * paired.difference, low, high


def _flips(
    scores: Scores, metric: str, before: Sequence[Any], after: Sequence[Any], items: Sequence[Any]
) -> list[dict[str, Any]]:
    """Give the rows that are answered otherwise, those that only the old model answers correctly first."""
    correct = scores.correct(metric, before), scores.correct(metric, after)
    found = []
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        if as_lists(one) == as_lists(other):
            continue
        was, stays = (bool(part[place]) if part is not None else None for part in correct)
        row = {"text": shown(items[place]), "target": in_words(scores.targets[place])}
        found.append(
            (was is not True or stays is not False, {**row, "before": in_words(one), "after": in_words(other)})
        )
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def shown(item: Any) -> str:
    """Give a question on one line."""
    if isinstance(item, Mapping):
        return " | ".join(str(value) for value in item.values() if isinstance(value, str))
    return str(item)
