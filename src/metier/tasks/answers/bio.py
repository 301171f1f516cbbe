"""Spans as one tag a token: B begins a span of a label, I goes on with it, O is outside (Ramshaw and Marcus, 1995).

Tags are numbers: 0 is O, label k has 1 + 2k for B and 2 + 2k for I. Three sequences mean nothing and never come
out of `best_tags`: an I at the start, after O, and after another label.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Span = list[Any]  # [start, end, label]: offsets in characters, end exclusive.
OUTSIDE = 0
NOWHERE = np.zeros((0, 2), dtype=np.int64)


def tag_names(labels: Sequence[str]) -> tuple[str, ...]:
    """Give the names of the tags in the order of their numbers: `O`, `B-x`, `I-x`, …"""
    return ("O", *(f"{part}-{label}" for label in labels for part in "BI"))


def legal_starts(n_labels: int) -> np.ndarray:
    """Say which tags a text may begin with, a bool array of shape (n_tags,)."""
    starts = np.ones(1 + 2 * n_labels, dtype=bool)
    starts[2::2] = False
    return starts


def legal_steps(n_labels: int) -> np.ndarray:
    """Say which tag may follow which, a bool array of shape (n_tags, n_tags): from the row to the column."""
    steps = np.tile(legal_starts(n_labels), (1 + 2 * n_labels, 1))
    for inside in range(2, 1 + 2 * n_labels, 2):
        steps[[inside - 1, inside], inside] = True
    return steps


def best_tags(scores: np.ndarray, steps: np.ndarray | None = None) -> np.ndarray:
    """Find the most probable legal sequence (Viterbi, 1967).

    Parameters
    ----------
    scores : ndarray of shape (n_tokens, n_tags)
        Log-probabilities of each token's tags, or their logits.
    steps : ndarray of shape (n_tags, n_tags), optional
        What a step from one tag to another adds; illegal ones are closed whatever it holds.

    Returns
    -------
    ndarray of int64 of shape (n_tokens,)
    """
    n_tokens, n_tags = scores.shape
    if n_tokens == 0:
        return np.zeros(0, dtype=np.int64)
    n_labels = (n_tags - 1) // 2
    added = np.where(legal_steps(n_labels), 0.0 if steps is None else steps, -np.inf)
    here = np.where(legal_starts(n_labels), scores[0], -np.inf)
    came_from = np.empty((n_tokens, n_tags), dtype=np.int16)
    columns = np.arange(n_tags)
    for position in range(1, n_tokens):
        ways = here[:, None] + added
        came_from[position] = ways.argmax(axis=0)
        here = ways[came_from[position], columns] + scores[position]
    tags = np.empty(n_tokens, dtype=np.int64)
    tags[-1] = here.argmax()
    for position in range(n_tokens - 1, 0, -1):
        tags[position - 1] = came_from[position, tags[position]]
    return tags


def tags_of_spans(spans: Sequence[Span], offsets: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, int]:
    """Give the tag of each token, and how many spans have an edge that is not an edge of a token.

    Such a span gets the tokens that it touches, unless an earlier one has them already.

    Parameters
    ----------
    spans : sequence of [start, end, label]
        In order, without overlap.
    offsets : ndarray of int of shape (n_tokens, 2)
        Start and end of each token.

    Returns
    -------
    tags : ndarray of int64 of shape (n_tokens,)
    n_unaligned : int
    """
    tags = np.zeros(len(offsets), dtype=np.int64)
    number = {label: position for position, label in enumerate(labels)}
    free, n_unaligned = 0, 0
    for start, end, label in spans:
        first = int(np.searchsorted(offsets[:, 1], start, side="right"))
        stop = int(np.searchsorted(offsets[:, 0], end, side="left"))
        is_exact = first < stop and offsets[first, 0] == start and offsets[stop - 1, 1] == end
        n_unaligned += not (is_exact and first >= free)
        first = max(first, free)
        if first < stop:
            begins = 1 + 2 * number[label]
            tags[first], tags[first + 1 : stop] = begins, begins + 1
            free = stop
    return tags, n_unaligned


def runs_of_tags(tags: np.ndarray) -> list[tuple[int, int, int]]:
    """Give each span of a legal sequence as (first token, token after the last, number of its label)."""
    runs = []
    for first in np.flatnonzero(tags % 2 == 1).tolist():
        stop = first + 1
        while stop < len(tags) and tags[stop] == tags[first] + 1:
            stop += 1
        runs.append((first, stop, int(tags[first]) // 2))
    return runs


def spans_of_tags(tags: np.ndarray, offsets: np.ndarray, labels: Sequence[str]) -> list[Span]:
    """Give the spans of a legal sequence of tags as [start, end, label], in order."""
    return [
        [int(offsets[first, 0]), int(offsets[stop - 1, 1]), labels[label]]
        for first, stop, label in runs_of_tags(tags)
    ]


def as_offsets(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Give starts and ends as an int64 array of shape (n_tokens, 2)."""
    return np.array(pairs, dtype=np.int64).reshape(-1, 2) if len(pairs) else NOWHERE
