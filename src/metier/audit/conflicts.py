"""Rows with the same input and different targets: whichever is learned, the other counts as an error."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from metier.audit.finding import Finding, Severity, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text import normalise
from metier.text.duplicates import Clusters

# Scores of one text conflict where they differ by more than this fraction of the range of all scores.
SCORE_FRACTION = 0.1
_NAMES = {
    "label": ("conflicting-labels", "labels", "give each text one label"),
    "labels": ("conflicting-labels", "labels", "give each text one set of labels"),
    "spans": ("conflicting-spans", "spans", "mark each text in one way"),
    "relations": ("conflicting-relations", "relations", "relate the marked parts of each text in one way"),
    "answers": ("conflicting-answers", "answers", "give each question answers that agree"),
    "score": ("conflicting-scores", "scores", "give each text one score, such as their mean"),
    "target": ("several-targets", "target texts", ""),
}


def check_conflicts(rows: Rows, exact: Clusters) -> Iterator[Finding]:
    """Find rows with the same input and different targets.

    Parameters
    ----------
    exact : Clusters
        Rows grouped by equal input.
    """
    groups = exact.groups()
    if not groups:
        return
    for role in rows.roles.targets:
        conflicting = _CONFLICTS[role](rows, groups)
        if conflicting:
            yield _finding(rows, role, conflicting)


def _finding(rows: Rows, role: str, groups: list[np.ndarray]) -> Finding:
    name, noun, remedy = _NAMES[role]
    positions = [int(position) for group in groups for position in group]
    # A sentence can have two correct translations.
    severity: Severity = "note" if role == "target" else "warning"
    given = rows.column(role)
    facts: dict[str, Any] = {"texts": len(groups)}
    if role == "label":
        facts["pairs"] = _most_frequent_pairs(given, groups)
    shown: dict[str, Any] = (
        {} if role == "label" else {role: [_shown(given[position]) for position in positions]}
    )
    is_one = len(groups) == 1
    return Finding(
        name,
        severity,
        f"{count_of(len(groups), 'text')} {'appears' if is_one else 'appear'} with different {noun} "
        f"({count_of(len(positions), 'row')})"
        if rows.has_texts
        else f"{count_of(len(groups), 'image')} {'appears' if is_one else 'appear'} with different {noun} "
        f"({count_of(len(positions), 'row')})"
        if rows.has_images
        else f"{count_of(len(groups), 'recording')} {'appears' if is_one else 'appear'} with different {noun} "
        f"({count_of(len(positions), 'row')})",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions, **shown),
        remedy,
        facts,
    )


def _most_frequent_pairs(labels: Sequence[Any], groups: list[np.ndarray]) -> list[dict[str, Any]]:
    pairs = Counter(
        tuple(sorted({str(labels[position]) for position in group.tolist()}))[:2] for group in groups
    )
    return [{"labels": list(pair), "texts": count} for pair, count in pairs.most_common(10)]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return str(value)


def _differing(key: Callable[[Rows, int, Any], Hashable], role: str) -> Callable[..., list[np.ndarray]]:
    """Make a rule: rows conflict where their keys differ."""

    def rule(rows: Rows, groups: list[np.ndarray]) -> list[np.ndarray]:
        given = rows.column(role)
        return [
            group
            for group in groups
            if len({key(rows, row, given[row]) for row in group.tolist() if given[row] is not None}) > 1
        ]

    return rule


def _span_key(rows: Rows, row: int, spans: list[dict[str, Any]]) -> Hashable:
    # Equal texts may differ in case and spaces, and so in offsets: compare the marked texts.
    text = rows.texts[row]
    return tuple((normalise(text[span["start"] : span["end"]]), span["label"]) for span in spans)


def _relation_key(rows: Rows, row: int, relations: list[dict[str, Any]]) -> Hashable:
    spans = _span_key(rows, row, rows.table.column(rows.roles.spans)[row].as_py() or [])
    assert isinstance(spans, tuple)
    return frozenset((spans[one["head"]], spans[one["tail"]], one["label"]) for one in relations)


def _answers(rows: Rows, groups: list[np.ndarray]) -> list[np.ndarray]:
    """Answers conflict where no answer is common to all rows: other annotators may have added more."""
    given = rows.column("answers")
    conflicting = []
    for group in groups:
        sets = [
            {normalise(answer["text"]) for answer in given[row]}
            for row in group.tolist()
            if given[row] is not None
        ]
        if len(sets) > 1 and any(sets) and not set.intersection(*sets):
            conflicting.append(group)
    return conflicting


def _scores(rows: Rows, groups: list[np.ndarray]) -> list[np.ndarray]:
    scores = np.array(rows.column("score"), dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return []
    most = SCORE_FRACTION * (finite.max() - finite.min())
    spreads = [(group, scores[group][np.isfinite(scores[group])]) for group in groups]
    return [group for group, own in spreads if len(own) and own.max() - own.min() > most]


_CONFLICTS: dict[str, Callable[[Rows, list[np.ndarray]], list[np.ndarray]]] = {
    "label": _differing(lambda _, __, label: label, "label"),
    "labels": _differing(lambda _, __, labels: tuple(labels), "labels"),
    "spans": _differing(_span_key, "spans"),
    "relations": _differing(_relation_key, "relations"),
    "answers": _answers,
    "score": _scores,
    "target": _differing(lambda _, __, target: normalise(target), "target"),
}
