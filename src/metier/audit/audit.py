"""Run every check on the rows and collect the findings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.audit.broken_values import check_broken_values
from metier.audit.columns import check_columns, check_separable
from metier.audit.finding import Finding
from metier.audit.images import check_images, size_facts
from metier.audit.label_errors import MOST_ROWS, check_label_errors
from metier.audit.label_sets import check_label_sets
from metier.audit.labels import check_labels, check_unknown_labels, labels_of_rows
from metier.audit.leakage import check_leakage
from metier.audit.repetition import check_repetition
from metier.audit.scores import check_scores
from metier.audit.span_checks import check_spans
from metier.audit.targets import check_other_task, check_targets, check_task_fit
from metier.audit.texts import check_conversations, check_languages, check_lengths
from metier.data.columns.value_faults import FaultLog
from metier.data.rows import Rows
from metier.data.splitting_columns import positions_by_split
from metier.progress import Listener, Progress, ignore
from metier.tasks.task_table import infer_task
from metier.text import LanguageMix, detect_language

SEVERITIES = ("error", "warning", "note")
# Every name a finding can have, in the order of the checks.
CHECKS = (
    "unfit-for-task",
    "question-answers",
    "inseparable-rows",
    *("stray-tags", "label-separator", "broken-spans", "broken-entities", "broken-answers"),
    *("broken-conversations", "broken-scores", "broken-labels", "missing-sides", "broken-images"),
    *("text-is-id", "label-is-id", "constant-columns", "label-in-text"),
    *(
        "missing-labels",
        "label-lists",
        "too-few-labels",
        "rare-labels",
        "few-rows",
        "imbalance",
        "label-spellings",
    ),
    *("empty-texts", "wordless-texts", "long-texts", "huge-texts"),
    *("blank-images", "small-images", "alike-under-labels"),
    *("merged-labels", "cut-words", "cut-by-windows", "overlapping-entities", "no-answers"),
    *("infinite-scores", "constant-scores", "score-outliers"),
    *("empty-targets", "copied-targets", "assistant-begins", "empty-turns"),
    *("duplicates", "near-duplicates", "conflicting-labels", "conflicting-spans", "conflicting-answers"),
    *("conflicting-scores", "several-targets", "language-mix", "label-errors"),
    *(
        "test-known-passages",
        "validation-known-passages",
        "test-leakage",
        "test-near-leakage",
        "test-unknown-labels",
        "test-absent-labels",
    ),
    *("validation-leakage", "validation-near-leakage", "validation-unknown-labels", "validation-absent-labels"),
)
# Earlier names of findings, which `--show` still takes.
RENAMED_CHECKS = {
    "joined-labels": "merged-labels",
    "test-unseen-labels": "test-unknown-labels",
    "validation-unseen-labels": "validation-unknown-labels",
}
# Checks of the training rows alone; each finds nothing where its columns are missing.
CHECKED = (
    *(check_columns, check_targets, check_labels, check_label_sets, check_spans, check_scores),
    *(check_conversations, check_lengths, check_images, check_repetition),
)


@dataclass(frozen=True)
class Audit:
    """The findings about some rows.

    Parameters
    ----------
    findings : tuple of Finding
        Errors first, then warnings, then notes.
    facts : mapping
        Description of the rows: `task`, `rows`, `labels` (count of each label, or of each type of span), `language`,
        `language_shares`, `characters` of the texts; and `without_labels`, `without_answers`, `scores` where the
        task has them.
    """

    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]

    @property
    def has_errors(self) -> bool:
        """Whether there is a finding that would make the scores wrong."""
        return any(finding.severity == "error" for finding in self.findings)

    def find(self, check: str) -> list[Finding]:
        """Give the findings with this name."""
        return [finding for finding in self.findings if finding.check == check]

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, for JSON."""
        findings = [finding.as_dict() for finding in self.findings]
        return {"has_errors": self.has_errors, "facts": dict(self.facts), "findings": findings}


def examine(
    rows: Rows,
    *,
    test: Rows | None = None,
    validation: Rows | None = None,
    task: str | None = None,
    order: Sequence[str] | None = None,
    languages: LanguageMix | None = None,
    label_errors: bool | None = None,
    faults: Mapping[str, FaultLog] | None = None,
    random_state: int = 0,
    listener: Listener = ignore,
) -> Audit:
    """Examine rows before they are trained on; nothing is changed.

    Parameters
    ----------
    rows : Rows
        The training rows, or all rows with a split column.
    test, validation : Rows, optional
        Held-out rows.
    task : str, optional
        The task; None: inferred from the columns.
    order : sequence of str, optional
        Order of ordinal labels, the lowest first.
    languages : LanguageMix, optional
        Of the training rows, where it is known; None: detected.
    label_errors : bool, optional
        Whether to look for mislabelled rows; by default when there are at most 50,000 rows.
    faults : mapping of str to FaultLog, optional
        Faults found while reading `train` (these rows), `test` and `validation`; row numbers then count every
        row of the file, skipped rows included.
    """
    faults = faults or {}
    parts, index = _parts(rows, test, validation, faults)
    train = parts.pop("train")
    if label_errors is None:
        label_errors = len(train) <= MOST_ROWS
    mix = languages or detect_language(train.texts if train.has_texts else ())
    checks = [
        check_other_task(train) if task is None else check_task_fit(train, task, order=order),
        *([check_separable(train)] if rows.roles.split is None and None in (test, validation) else []),
        *(check(train) for check in CHECKED),
        check_languages(train, mix),
        *([check_label_errors(train, random_state=random_state)] if label_errors else []),
    ]
    to_run = [(check, index.get("train")) for check in checks]
    for name, part in parts.items():
        to_run.append((check_leakage(train, part, name=name), index.get(name)))
        to_run.append((check_unknown_labels(train, part, name=name), index.get(name)))
    origins = {"train": rows} | {name: part for name, part in parts.items() if name in faults}
    # Findings of reading already have the row numbers of the file.
    read = [
        (check_broken_values(log, origin=origins[name].origin, is_main=name == "train"), None)
        for name, log in faults.items()
    ]
    found = sorted(_run([*read, *to_run], listener), key=lambda finding: SEVERITIES.index(finding.severity))
    sizes = {"train": len(train)} | {name: len(part) for name, part in parts.items()}
    of_texts = {"language": mix.main_language, "language_shares": mix.shares}
    return Audit(tuple(found), _facts(train, sizes, task) | of_texts)


def _parts(
    rows: Rows, test: Rows | None, validation: Rows | None, faults: Mapping[str, FaultLog]
) -> tuple[dict[str, Rows], dict[str, np.ndarray]]:
    """Give the parts by name, and the positions of their rows in the file where those differ."""
    kept = {name: log.kept for name, log in faults.items() if log.kept is not None}
    parts, index = {"train": rows}, dict(kept)
    if rows.roles.split is not None:
        positions = positions_by_split(rows)
        parts = {name: _part(rows, own, name) for name, own in positions.items()}
        whole = kept.get("train")
        index = {name: own if whole is None else whole[own] for name, own in positions.items()}
    for name, part in (("test", test), ("validation", validation)):
        if part is not None:
            parts[name] = part
            index.pop(name, None)
            if name in kept:
                index[name] = kept[name]
    return parts, index


def _run(checks: list[tuple[Iterator[Finding], np.ndarray | None]], listener: Listener) -> Iterator[Finding]:
    for done, (findings, index) in enumerate(checks):
        listener(Progress("checking the rows", done, len(checks), unit="checks"))
        yield from (_in_file(finding, index) for finding in findings)
    listener(Progress("checking the rows", len(checks), len(checks), unit="checks"))


def _part(rows: Rows, positions: np.ndarray, name: str) -> Rows:
    return Rows(rows.take(positions).table, rows.roles, origin=f"{rows.origin} ({name})")


def _in_file(finding: Finding, index: np.ndarray | None) -> Finding:
    """Number rows as in the file, where the examined part is only some of its rows."""
    if index is None:
        return finding
    examples = tuple({**example, "row": int(index[example["row"] - 1]) + 1} for example in finding.examples)
    return replace(finding, rows=tuple(int(index[row]) for row in finding.rows), examples=examples)


def _facts(rows: Rows, sizes: dict[str, int], task: str | None) -> dict[str, Any]:
    lengths = np.fromiter((len(text) for text in rows.texts), dtype=np.int64, count=len(rows))
    own = labels_of_rows(rows)
    counts = Counter(label for labels in own or () for label in labels)
    more: dict[str, Any] = {}
    if own is not None and rows.roles.label is None:
        more = {"without_labels": sum(not labels for labels in own)}
    if rows.roles.answers is not None:
        more["without_answers"] = sum(not answers for answers in rows.column("answers"))
    if rows.roles.score is not None:
        more["scores"] = _scores(rows)
    if not rows.has_texts:
        more["images"] = size_facts(rows)
    return {
        "task": task or infer_task(rows)[0],
        "rows": sizes,
        "labels": dict(counts.most_common()),
        "characters": {"median": float(np.median(lengths)), "longest": int(lengths.max())},
        **more,
    }


def _scores(rows: Rows) -> dict[str, float]:
    scores = np.array(rows.column("score"), dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return {}
    return {"lowest": float(finite.min()), "median": float(np.median(finite)), "highest": float(finite.max())}
