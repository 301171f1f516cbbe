"""Run every check on the rows and collect the findings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.audit.broken_values import check_broken_values
from metier.audit.columns import check_columns, check_separable
from metier.audit.confusable_labels import check_indistinct_labels
from metier.audit.drift import check_drift, check_drift_in_time
from metier.audit.encoding_oddities import check_encoding
from metier.audit.finding import Finding
from metier.audit.image_shortcuts import check_shortcuts
from metier.audit.image_text import check_text_in_images
from metier.audit.images import check_images, size_facts
from metier.audit.known_groups import check_known_groups
from metier.audit.label_errors import MOST_ROWS, Encode, check_label_errors, gather_evidence
from metier.audit.label_set_errors import check_label_set_errors
from metier.audit.label_sets import check_label_sets
from metier.audit.labels import check_labels, check_unknown_labels, labels_of_rows
from metier.audit.leakage import check_leakage
from metier.audit.modalities import check_labels_without_images, check_missing_modality
from metier.audit.noise_ceiling import check_noise_ceiling
from metier.audit.outliers import check_outliers
from metier.audit.personal_data import check_personal_data
from metier.audit.recordings import check_recordings, sound_facts
from metier.audit.repetition import check_repetition
from metier.audit.scans import check_known_patients, check_scans
from metier.audit.scores import check_scores
from metier.audit.span_checks import check_spans
from metier.audit.span_errors import check_span_errors
from metier.audit.spurious_cues import check_spurious_cues
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
    *("stray-tags", "label-separator", "broken-spans", "broken-entities", "broken-relations", "broken-answers"),
    *(
        "broken-conversations",
        "broken-scores",
        "broken-labels",
        "missing-sides",
        "broken-images",
        "broken-recordings",
    ),
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
    *("mojibake", "lost-signs", "unseen-signs", "mixed-widths", "mixed-scripts"),
    *("blank-images", "small-images", "alike-under-labels", "missing-images"),
    *("named-patients", "text-in-pixels", "personal-data"),
    *(
        "no-speech-model",
        "speech-language",
        "silent-recordings",
        "short-recordings",
        "long-recordings",
        "low-rate-recordings",
    ),
    *("labels-by-border", "labels-by-size", "labels-by-colour", "text-in-images", "images-not-read"),
    *("labels-without-images", "test-missing-images", "test-missing-texts", "test-known-groups"),
    *("validation-missing-images", "validation-missing-texts", "validation-known-groups"),
    *("merged-labels", "cut-words", "cut-by-windows", "overlapping-entities", "no-answers"),
    *("infinite-scores", "constant-scores", "score-outliers"),
    *("empty-targets", "copied-targets", "assistant-begins", "empty-turns"),
    *(
        "duplicates",
        "near-duplicates",
        "conflicting-labels",
        "conflicting-spans",
        "conflicting-relations",
        "conflicting-answers",
    ),
    *("conflicting-scores", "several-targets", "language-mix", "label-errors", "noise-ceiling"),
    *("label-set-errors", "span-errors"),
    *(
        "near-conflicts",
        "indistinct-labels",
        "spurious-cues",
        "outliers",
        "test-drift",
        "validation-drift",
        "drift-in-time",
    ),
    *(
        "test-known-passages",
        "validation-known-passages",
        "test-known-patients",
        "validation-known-patients",
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
    *(check_conversations, check_lengths, check_images, check_labels_without_images, check_scans),
    *(check_recordings, check_encoding, check_noise_ceiling, check_outliers, check_drift_in_time),
    *(check_personal_data, check_repetition),
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
    encode: Encode | None = None,
    reads_images: bool = False,
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
    encode : callable, optional
        Gives vectors of texts, of shape (n_texts, n_numbers), for a closer look at labels; None: words are counted.
    reads_images : bool, default=False
        Whether to look for text in some images, which takes seconds.
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
        *([_check_by_probe(train, encode, random_state)] if label_errors else []),
        check_shortcuts(train, random_state=random_state),
        *([check_text_in_images(train)] if reads_images else []),
    ]
    to_run = [(check, index.get("train")) for check in checks]
    for name, part in parts.items():
        to_run.append((check_leakage(train, part, name=name), index.get(name)))
        to_run.append((check_known_patients(train, part, name=name), index.get(name)))
        to_run.append((check_unknown_labels(train, part, name=name), index.get(name)))
        to_run.append((check_known_groups(train, part, name=name), index.get(name)))
        to_run.append((check_drift(train, part, name=name), index.get(name)))
        to_run.append((check_missing_modality(train, part, name=name), index.get(name)))
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


def _check_by_probe(rows: Rows, encode: Encode | None, random_state: int) -> Iterator[Finding]:
    """Run the checks that ask a cheap model about rows that it was not trained on; it is fitted once for all."""
    evidence = gather_evidence(rows, random_state=random_state, encode=encode)
    yield from check_label_errors(rows, evidence=evidence, random_state=random_state)
    if evidence is not None:
        yield from check_indistinct_labels(rows, evidence)
    yield from check_label_set_errors(rows, random_state=random_state)
    yield from check_span_errors(rows)
    yield from check_spurious_cues(rows, random_state=random_state)


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
    if rows.has_images and any(rows.column("image")):
        more["images"] = size_facts(rows)
    if rows.roles.audio is not None and any(rows.column("audio")):
        more["recordings"] = sound_facts(rows)
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
