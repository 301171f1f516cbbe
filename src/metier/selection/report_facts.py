"""The facts of a run as one dictionary: `report.json` for programs, and what `report.html` is drawn from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

from metier.audit import Audit
from metier.data.rows import Rows
from metier.evaluation import calibration_error, describe_metric, higher_is_better, log_loss
from metier.machine import describe_machine
from metier.runs.run_folder import Entry, plain
from metier.runs.stored_answers import StoredAnswers
from metier.selection.answer_facts import detail_of, is_one_label
from metier.selection.comparison import Comparison
from metier.selection.recommendation import Recommendation
from metier.selection.scores import Scores, ranking_scores
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
        For each row, the method whose answer it is.
    """

    answers: StoredAnswers
    answered_by: tuple[str, ...]


def build_report(
    comparison: Comparison,
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
    comparison : Comparison
        After `train_candidates`, `build_ensembles` and, where wanted, `refit`.
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
    judges = {
        "validation": comparison.scores,
        "test": comparison.scores_on(test, origin="The test rows"),
    }
    metric = comparison.task.primary_metric
    candidates = [_candidate(entry, comparison, judges, tested) for entry in comparison.entries]
    sign = -1.0 if higher_is_better(metric) else 1.0
    candidates.sort(key=lambda one: sign * one["test"][metric]["value"] if one["test"] else float("inf"))
    return {
        "format": FORMAT,
        "run": str(comparison.run.path),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": comparison.task.name,
        "task_title": comparison.task.title or comparison.task.name,
        "primary_metric": metric,
        "metrics": {
            name: _kind_of(name)
            for name in (*comparison.scores.metrics, *_rankings(comparison.task, candidates))
        },
        "recommended": recommendation.name,
        "recommendation": recommendation.sentence,
        "reasons": list(recommendation.reasons),
        "data": _data(comparison, test, language) | {"language_shares": audit.facts["language_shares"]},
        "audit": audit.as_dict()["findings"],
        "candidates": candidates,
        "comparisons": _comparisons(
            [one["name"] for one in candidates if one["test"]], recommendation.name, judges["test"], tested
        ),
        "cascade": _cascade(comparison, tested),
        "detail": detail_of(
            recommendation.name, judges["test"], comparison.task.items(test), tested[recommendation.name]
        ),
        "settings": comparison.settings.model_dump(mode="json"),
        "versions": versions(),
        "machine": describe_machine().as_dict(),
        "seconds": comparison.clock.elapsed_seconds,
        "budget_seconds": comparison.clock.budget_seconds,
    }


def _rankings(task: Task, candidates: Sequence[dict[str, Any]]) -> list[str]:
    """The metric of the task's probabilities, where every candidate gives some."""
    metric = task.answer.ranking_metric(task.match_label)
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


def scores_of(judge: Scores, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Quality of answers: each metric with its 95 % interval, and for labels log-loss and calibration error."""
    scores: dict[str, Any] = {
        metric: asdict(judge.interval(metric, answers.predicted, random_state=random_state))
        for metric in judge.metrics
    }
    if answers.probabilities is not None and is_one_label(judge, answers):
        scores["log_loss"] = float(log_loss(answers.probabilities, judge.codes))
        scores["calibration_error"] = float(calibration_error(answers.probabilities, judge.codes))
    return scores | ranking_scores(judge, answers, random_state=random_state)


def _candidate(
    entry: Entry, comparison: Comparison, judges: dict[str, Scores], tested: dict[str, Tested]
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": entry.name,
        "status": entry.status,
        "why": entry.why,
        "trained_on": entry.rows_seen,
        "fraction": entry.fraction,
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
    seed = comparison.settings.random_state
    validation = comparison.run.answers(entry.name, "validation")
    facts["validation"] = scores_of(judges["validation"], validation, random_state=seed)
    facts["test"] = scores_of(judges["test"], tested[entry.name].answers, random_state=seed)
    return facts | entry.cost


def _comparisons(
    names: Sequence[str], recommended: str, judge: Scores, tested: dict[str, Tested]
) -> list[dict[str, Any]]:
    """Neighbours of the leaderboard, then the recommended one against the first."""
    metric = judge.task.primary_metric
    predicted = {name: tested[name].answers.predicted for name in names}
    pairs = list(pairwise(names))
    if names and recommended != names[0] and (names[0], recommended) not in pairs:
        pairs.append((names[0], recommended))
    return [
        {"a": a, "b": b, "metric": metric, **asdict(judge.compare(metric, predicted[a], predicted[b]))}
        for a, b in pairs
    ]


def _cascade(comparison: Comparison, tested: dict[str, Tested]) -> dict[str, Any] | None:
    """What the certificate of an ensemble says that has one, and how many test rows its first stage answered."""
    for name, builder in comparison.builders.items():
        facts = builder.certificate_facts()
        if facts is None:
            continue
        if facts["threshold"] is not None and name in tested:
            answered = Counter(tested[name].answered_by)
            facts["kept_fraction_test"] = answered[facts["stages"][0]] / max(1, sum(answered.values()))
        found: dict[str, Any] = plain(facts)
        return found
    return None


def _data(comparison: Comparison, test: Rows, language: str) -> dict[str, Any]:
    return {
        "origin": comparison.train.origin,
        "language": language,
        "rows": {"train": len(comparison.train), "validation": len(comparison.validation), "test": len(test)},
        "labels": list(comparison.task.labels),
        "label_counts": _label_counts(comparison),
        "text_column": comparison.train.roles.text,
        "label_column": comparison.train.roles.label,
        "notes": list(comparison.train.notes),
        "fingerprint": comparison.train.fingerprint,
    }


def _label_counts(comparison: Comparison) -> dict[str, int]:
    """How many training rows have each label, or hold a span of each type."""
    counts: Counter[str] = Counter()
    for target in comparison.task.targets(comparison.train):
        parts = [target] if isinstance(target, str) else target if isinstance(target, list) else []
        labels = {part if isinstance(part, str) else part[-1] for part in parts if not isinstance(part, dict)}
        counts.update(label for label in labels if label in comparison.task.labels)
    return dict(counts.most_common())
