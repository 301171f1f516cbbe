"""The whole examination: every check in turn, and what it says together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from metier.audit.columns import check_columns
from metier.audit.finding import Finding
from metier.audit.label_errors import MOST_ROWS, check_label_errors
from metier.audit.labels import check_labels, check_unseen_labels
from metier.audit.languages import check_languages
from metier.audit.leakage import check_leakage
from metier.audit.lengths import check_lengths
from metier.audit.repetition import check_repetition
from metier.data.rows import Rows
from metier.data.split_column import positions_by_split
from metier.progress import Listener, Progress, ignore
from metier.text import detect_language

SEVERITIES = ("error", "warning", "note")
# Every name a finding can have, in the order of the checks.
CHECKS = (
    *("text-is-id", "label-is-id", "constant-columns", "label-in-text"),
    *("missing-labels", "too-few-labels", "rare-labels", "few-rows", "imbalance", "label-spellings"),
    *("empty-texts", "wordless-texts", "long-texts", "huge-texts"),
    *("duplicates", "near-duplicates", "conflicting-labels", "language-mix", "label-errors"),
    *("test-leakage", "test-near-leakage", "test-unseen-labels", "test-absent-labels"),
    *("validation-leakage", "validation-near-leakage", "validation-unseen-labels", "validation-absent-labels"),
)


@dataclass(frozen=True)
class Audit:
    """What is wrong with some rows.

    Parameters
    ----------
    findings : tuple of Finding
        Errors first, then warnings, then notes.
    facts : mapping
        What the rows are: `rows`, `labels` (count of each), `language`, `language_shares`, `texts`
        (characters).
    """

    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]

    @property
    def has_errors(self) -> bool:
        """Whether something was found that would make the figures wrong."""
        return any(finding.severity == "error" for finding in self.findings)

    def find(self, check: str) -> list[Finding]:
        """Give the findings of a name."""
        return [finding for finding in self.findings if finding.check == check]

    def as_dict(self) -> dict[str, Any]:
        """Give everything in plain values, for programs."""
        findings = [finding.as_dict() for finding in self.findings]
        return {"has_errors": self.has_errors, "facts": dict(self.facts), "findings": findings}


def examine(
    rows: Rows,
    *,
    test: Rows | None = None,
    validation: Rows | None = None,
    label_errors: bool | None = None,
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
    label_errors : bool, optional
        Whether to look for mislabelled rows; by default when there are at most 50,000 rows.
    """
    given = {"test": test, "validation": validation}
    parts = {name: part for name, part in given.items() if part is not None}
    index: dict[str, np.ndarray] = {}
    train = rows
    if rows.roles.split is not None:
        index = positions_by_split(rows)
        by_column = {name: _part(rows, positions, name) for name, positions in index.items()}
        train = by_column.pop("train")
        parts = by_column | parts
    if label_errors is None:
        label_errors = len(train) <= MOST_ROWS
    mix = detect_language(train.texts)
    checks = [
        check_columns(train),
        check_labels(train),
        check_lengths(train),
        check_repetition(train),
        check_languages(train, mix),
        *([check_label_errors(train, random_state=random_state)] if label_errors else []),
    ]
    asked = [(check, index.get("train")) for check in checks]
    for name, part in parts.items():
        own = index.get(name) if given[name] is None else None
        asked.append((check_leakage(train, part, name=name), own))
        asked.append((check_unseen_labels(train, part, name=name), own))
    found = sorted(_run(asked, listener), key=lambda finding: SEVERITIES.index(finding.severity))
    sizes = {"train": len(train)} | {name: len(part) for name, part in parts.items()}
    languages = {"language": mix.main_language, "language_shares": mix.shares}
    return Audit(tuple(found), _facts(train, sizes) | languages)


def _run(checks: list[tuple[Iterator[Finding], np.ndarray | None]], listener: Listener) -> Iterator[Finding]:
    for done, (findings, index) in enumerate(checks):
        listener(Progress("checking the rows", done, len(checks), unit="checks"))
        yield from (_in_file(finding, index) for finding in findings)
    listener(Progress("checking the rows", len(checks), len(checks), unit="checks"))


def _part(rows: Rows, positions: np.ndarray, name: str) -> Rows:
    return Rows(rows.take(positions).table, rows.roles, origin=f"{rows.origin} ({name})")


def _in_file(finding: Finding, index: np.ndarray | None) -> Finding:
    """Count rows as the file does, where the part that was examined is only some of its rows."""
    if index is None:
        return finding
    examples = tuple({**example, "row": int(index[example["row"] - 1]) + 1} for example in finding.examples)
    return replace(finding, rows=tuple(int(index[row]) for row in finding.rows), examples=examples)


def _facts(rows: Rows, sizes: dict[str, int]) -> dict[str, Any]:
    lengths = np.fromiter((len(text) for text in rows.texts), dtype=np.int64, count=len(rows))
    labels = rows.column("label") if rows.roles.label is not None else []
    counts = Counter(label for label in labels if label is not None)
    return {
        "rows": sizes,
        "labels": dict(counts.most_common()),
        "characters": {"median": float(np.median(lengths)), "longest": int(lengths.max())},
    }
