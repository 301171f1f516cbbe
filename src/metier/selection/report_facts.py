"""The facts of a run as one dictionary: `report.json` for programs, and what `report.html` is drawn from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from metier.audit import Audit
from metier.data.rows import Rows
from metier.evaluation import describe_metric, higher_is_better
from metier.machine import describe_machine
from metier.runs.run_folder import Entry, plain
from metier.runs.stored_answers import StoredAnswers
from metier.selection.answer_facts import detail_of
from metier.selection.comparison import Comparison
from metier.selection.evidence import with_pictures
from metier.selection.modality_gain import modality_facts
from metier.selection.recommendation import Recommendation
from metier.selection.scores import Scores, scores_of
from metier.selection.slices import slice_facts
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
    metric, chosen = comparison.task.primary_metric, recommendation.name
    items = comparison.task.items(test)
    candidates = [_candidate(entry, comparison, judges, tested) for entry in comparison.entries]
    sign = -1.0 if higher_is_better(metric) else 1.0
    candidates.sort(key=lambda one: sign * one["test"][metric]["value"] if one["test"] else float("inf"))
    tolerance, seed = comparison.settings.tolerance, comparison.settings.random_state
    ranked = [one["name"] for one in candidates if one["test"]]
    answers = {name: tested[name].answers.predicted for name in ranked}
    found = judges["test"].against_each(metric, answers, chosen, tolerance) if len(ranked) > 1 else {}
    against = {name: asdict(one) for name, one in found.items()}
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
        "recommended": chosen,
        "recommendation": recommendation.sentence,
        "reasons": list(recommendation.reasons),
        "data": _data(comparison, test, language) | {"language_shares": audit.facts["language_shares"]},
        "audit": [finding.as_dict(with_pictures=True) for finding in audit.findings],
        "candidates": candidates,
        "decision": _decision(comparison, recommendation),
        "refit": _refit(comparison),
        "against": against,
        "comparisons": [{"a": chosen, "b": name, "metric": metric, **facts} for name, facts in against.items()],
        "cascade": _cascade(comparison, tested),
        "modalities": modality_facts(comparison, test, {name: one.answers for name, one in tested.items()}),
        "detail": with_pictures(detail_of(chosen, judges["test"], items, tested[chosen]), items),
        "slices": slice_facts(judges["test"], test, answers[chosen], random_state=seed),
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
        "train_seconds": _train_seconds(entry, comparison),
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
    known = None if entry.members else comparison.validation_scores.get(entry.name)
    facts["validation"] = known or scores_of(judges["validation"], validation, random_state=seed)
    facts["test"] = scores_of(judges["test"], tested[entry.name].answers, random_state=seed)
    return facts | entry.cost


def _decision(comparison: Comparison, recommendation: Recommendation) -> dict[str, Any]:
    """What the choice went by: the rows, the best on them, and how far the chosen one is from it."""
    found = recommendation.against
    return {
        "rows": recommendation.rows,
        "best": recommendation.best,
        "scores": recommendation.scores,
        "tolerance": comparison.settings.tolerance,
        "against_best": None if found is None else asdict(found),
    }


def _refit(comparison: Comparison) -> dict[str, Any]:
    """Which models were trained again on train + validation, and why others were not."""
    models = [entry for entry in comparison.trained if not entry.members]
    return {
        "is_wanted": comparison.settings.refit,
        "done": [entry.name for entry in models if entry.trained_on != "train"],
        "left_out": comparison.not_refitted,
    }


def _train_seconds(entry: Entry, comparison: Comparison) -> float:
    """Seconds of everything that had to be trained for a candidate: of an ensemble, its members too."""
    models = comparison.models_of(entry.name) if entry.members else set()
    return entry.train_seconds + sum(one.train_seconds for one in comparison.entries if one.name in models)


def _cascade(comparison: Comparison, tested: dict[str, Tested]) -> dict[str, Any] | None:
    """What the certificate of an ensemble says that has one, and how many test rows its first stage answered."""
    for name, builder in comparison.builders.items():
        facts = builder.certificate_facts()
        if facts is None:
            continue
        facts["name"] = name
        if facts["threshold"] is not None and name in tested:
            answered = Counter(tested[name].answered_by)
            facts["kept_fraction_test"] = answered[facts["stages"][0]] / max(1, sum(answered.values()))
        found: dict[str, Any] = plain(facts)
        return found
    return None


def _data(comparison: Comparison, test: Rows, language: str) -> dict[str, Any]:
    counts = {
        "train": _label_counts(comparison.task, comparison.train),
        "validation": _label_counts(comparison.task, comparison.validation),
        "test": _label_counts(comparison.task, test),
    }
    return {
        "origin": comparison.train.origin,
        "language": language,
        "rows": {"train": len(comparison.train), "validation": len(comparison.validation), "test": len(test)},
        "labels": list(comparison.task.labels),
        "label_counts": counts["train"],
        "label_counts_by_split": counts,
        "text_column": comparison.train.roles.text,
        "label_column": comparison.train.roles.label,
        "notes": list(comparison.train.notes),
        "fingerprint": comparison.train.fingerprint,
    }


def _label_counts(task: Task, rows: Rows) -> dict[str, int]:
    """How many rows have each label, or hold a span of each type."""
    counts, known = Counter[str](), set(task.labels)
    for target in task.targets(rows):
        parts = [target] if isinstance(target, str) else target if isinstance(target, list) else []
        labels = {part if isinstance(part, str) else part[-1] for part in parts if not isinstance(part, dict)}
        counts.update(labels & known)
    return dict(counts.most_common())
