"""The facts of a run as one dictionary: `report.json` for programs, and what `report.html` is drawn from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

import numpy as np

from metier.audit import Audit
from metier.data.rows import Rows
from metier.evaluation import calibration_error, describe_metric, higher_is_better, log_loss
from metier.machine import describe_machine
from metier.runs.run_folder import Entry
from metier.runs.stored_answers import StoredAnswers
from metier.selection.answer_facts import detail_of, is_one_label
from metier.selection.comparison import Race
from metier.selection.ranking_scores import ranking_figures, ranking_metric
from metier.selection.recommendation import Recommendation
from metier.selection.scores import Figures
from metier.tasks.task import Task

FORMAT = "metier.report.v1"
PACKAGES = (
    "metier",
    "numpy",
    "scikit-learn",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "model2vec",
    "rjieba",
)


@dataclass(frozen=True)
class Tested:
    """What a candidate answered to the test rows.

    Parameters
    ----------
    answers : StoredAnswers
    answered_by : tuple of str
        For each row, the method that had the last word.
    """

    answers: StoredAnswers
    answered_by: tuple[str, ...]


def build_report(
    race: Race,
    recommendation: Recommendation,
    *,
    test: Rows,
    tested: dict[str, Tested],
    audit: Audit,
    language: str,
) -> dict[str, Any]:
    """Gather every fact of a finished run.

    Parameters
    ----------
    race : Race
        After `train_all`, `fuse` and, where wanted, `refit`.
    recommendation : Recommendation
        What was decided on validation.
    test : Rows
        The rows that every candidate answered once.
    tested : dict of str to Tested
        Those answers, by candidate.
    audit : Audit
        What is wrong with the rows.
    language : str
        The rows' main language.

    Returns
    -------
    dict
        Plain values only, ready for JSON.
    """
    figures = {
        "validation": race.figures,
        "test": Figures(race.task, race.task.targets(test), origin="The test rows"),
    }
    metric = race.task.primary_metric
    candidates = [_candidate(entry, race, figures, tested) for entry in race.entries]
    sign = -1.0 if higher_is_better(metric) else 1.0
    candidates.sort(key=lambda one: sign * one["test"][metric]["value"] if one["test"] else float("inf"))
    return {
        "format": FORMAT,
        "run": str(race.run.path),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": race.task.name,
        "primary_metric": metric,
        "metrics": {name: _kind_of(name) for name in (*race.task.metrics, *_rankings(race.task, candidates))},
        "recommended": recommendation.name,
        "recommendation": recommendation.sentence,
        "reasons": list(recommendation.reasons),
        "data": _data(race, test, language),
        "audit": audit.as_dict()["findings"],
        "candidates": candidates,
        "comparisons": _comparisons(
            [one["name"] for one in candidates if one["test"]], recommendation.name, figures["test"], tested
        ),
        "cascade": _cascade(race, tested),
        "detail": detail_of(
            recommendation.name, figures["test"], race.task.items(test), tested[recommendation.name]
        ),
        "settings": race.settings.model_dump(mode="json"),
        "versions": versions(),
        "machine": describe_machine().as_dict(),
        "seconds": race.clock.elapsed_seconds,
        "budget_seconds": race.clock.budget_seconds,
    }


def _rankings(task: Task, candidates: Sequence[dict[str, Any]]) -> list[str]:
    """The metric of the task's probabilities, where every candidate gives some."""
    metric = ranking_metric(task)
    tested = [one["test"] for one in candidates if one["test"]]
    return [metric] if metric is not None and all(metric in scores for scores in tested) else []


def _kind_of(metric: str) -> dict[str, Any]:
    """How a metric is read; one that ranks nothing (how long answers are) counts as any other here."""
    facts = describe_metric(metric)
    return {
        "is_fraction": facts["is_fraction"],
        "higher_is_better": facts["higher_is_better"] is not False,
    }


def versions() -> dict[str, str]:
    """Versions of the packages that made the answers; those that are not installed are left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def scores_of(figures: Figures, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Quality of answers: each metric with its 95 % interval, and for labels log-loss and calibration error."""
    scores: dict[str, Any] = {
        metric: asdict(figures.interval(metric, answers.predicted, random_state=random_state))
        for metric in figures.task.metrics
    }
    if answers.probabilities is not None and is_one_label(figures, answers):
        scores["log_loss"] = float(log_loss(answers.probabilities, figures.codes))
        scores["calibration_error"] = float(calibration_error(answers.probabilities, figures.codes))
    return scores | ranking_figures(figures, answers, random_state=random_state)


def _candidate(
    entry: Entry, race: Race, figures: dict[str, Figures], tested: dict[str, Tested]
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": entry.name,
        "status": entry.status,
        "why": entry.why,
        "trained_on": entry.trained_on,
        "validation": None,
        "test": None,
        "train_seconds": entry.train_seconds,
        "latency_ms": None,
        "rows_per_second": None,
        "size_bytes": None,
        "params": entry.params,
        "facts": entry.facts,
        "members": entry.members,
    }
    if entry.status != "trained":
        return facts
    seed = race.settings.random_state
    validation = race.run.answers(entry.name, "validation")
    facts["validation"] = scores_of(figures["validation"], validation, random_state=seed)
    facts["test"] = scores_of(figures["test"], tested[entry.name].answers, random_state=seed)
    return facts | entry.cost


def _comparisons(
    names: Sequence[str], recommended: str, figures: Figures, tested: dict[str, Tested]
) -> list[dict[str, Any]]:
    """Neighbours of the leaderboard, then the recommended one against the first."""
    metric = figures.task.primary_metric
    predicted = {name: tested[name].answers.predicted for name in names}
    pairs = list(pairwise(names))
    if names and recommended != names[0] and (names[0], recommended) not in pairs:
        pairs.append((names[0], recommended))
    return [
        {"a": a, "b": b, "metric": metric, **asdict(figures.compare(metric, predicted[a], predicted[b]))}
        for a, b in pairs
    ]


def _cascade(race: Race, tested: dict[str, Tested]) -> dict[str, Any] | None:
    joiner = race.joiners.get("cascade.v1")
    certificate, stages = getattr(joiner, "certificate", None), getattr(joiner, "stages", None)
    if certificate is None or stages is None:
        return None
    facts: dict[str, Any] = {
        "stages": list(stages),
        "threshold": certificate.threshold,
        "kept_fraction": certificate.kept_fraction,
        "certificate": plain(asdict(certificate)),
    }
    if certificate.threshold is not None and "cascade.v1" in tested:
        answered = Counter(tested["cascade.v1"].answered_by)
        facts["kept_fraction_test"] = answered[stages[0]] / max(1, sum(answered.values()))
    return facts


def _data(race: Race, test: Rows, language: str) -> dict[str, Any]:
    return {
        "origin": race.train.origin,
        "language": language,
        "rows": {"train": len(race.train), "validation": len(race.validation), "test": len(test)},
        "labels": list(race.task.labels),
        "label_counts": _label_counts(race),
        "text_column": race.train.roles.text,
        "label_column": race.train.roles.label,
        "notes": list(race.train.notes),
        "fingerprint": race.train.fingerprint,
    }


def _label_counts(race: Race) -> dict[str, int]:
    """How many training rows have each label, or hold a span of each type."""
    counts: Counter[str] = Counter()
    for target in race.task.targets(race.train):
        parts = [target] if isinstance(target, str) else target if isinstance(target, list) else []
        labels = {part if isinstance(part, str) else part[-1] for part in parts if not isinstance(part, dict)}
        counts.update(label for label in labels if label in race.task.labels)
    return dict(counts.most_common())


def plain(value: Any) -> Any:
    """Turn numpy values inside nested facts into JSON's own; a float that is no number becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
