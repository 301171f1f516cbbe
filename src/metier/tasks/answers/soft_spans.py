"""Spans as a teacher thinks of them: with probabilities, and as shares of the tags of each token."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metier.errors import SettingsError
from metier.tasks.answers.bio import OUTSIDE, Span
from metier.tasks.examples import Examples

# [start, end, label, probability]: JSON's form of a span that a teacher believes in.
SoftSpan = Sequence[Any]


class TextLogits(NamedTuple):
    """The logits of one text: of shape (n_tokens, n_tags), tags as `bio` numbers them, and where tokens stand.

    Parameters
    ----------
    text : str
    offsets : ndarray of int of shape (n_tokens, 2)
    logits : ndarray of shape (n_tokens, n_tags)
    """

    text: str
    offsets: np.ndarray
    logits: np.ndarray


def certainty_of_spans(records: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Give the probability of the least sure span of each text, float64 of shape (n_texts,).

    A text without spans counts as sure: no answer says how probable it is that there is nothing. Who chooses among texts
    takes these in the share that they have among labelled ones.
    """
    return np.array([min((span["probability"] for span in one["spans"]), default=1.0) for one in records])


def soft_spans(records: Sequence[Mapping[str, Any]]) -> list[list[SoftSpan]]:
    """Give the spans of each record of answers with their probabilities."""
    return [
        [[span["start"], span["end"], span["label"], span["probability"]] for span in one["spans"]]
        for one in records
    ]


def check_soft_spans(soft: Any, examples: Examples) -> list[list[SoftSpan]]:
    """Give spans with probabilities, a list a text; spans of one text may overlap, as several may be probable.

    Raises
    ------
    SettingsError
        If there is not one list for each text, or a span is none.
    """
    faults = []
    if soft is None or len(soft) != len(examples):
        found = "none" if soft is None else str(len(soft))
        faults.append(f"there are {found} lists, expected {len(examples)}: a list of spans for each text")
        raise SettingsError(faults, origin="The soft labels")
    known = set(examples.label_names)
    for row, (text, spans) in enumerate(zip(examples.items, soft, strict=True)):
        for span in spans:
            if not _is_soft_span(span, len(text), known):
                faults.append(
                    f"row {row} holds {span!r:.80}, expected [start, end, label, probability] of its text"
                )
                break
    if faults:
        raise SettingsError(faults[:5], origin="The soft labels")
    return [[list(span) for span in spans] for spans in soft]


def _is_soft_span(span: Any, length: int, labels: set[str]) -> bool:
    if not isinstance(span, Sequence) or len(span) != 4:
        return False
    start, end, label, probability = span
    return 0 <= start < end <= length and label in labels and 0 <= probability <= 1


def blend_spans(truth: Sequence[Span], soft: Sequence[SoftSpan], *, share: float) -> list[SoftSpan]:
    """Give the spans of both with what each believes in them, the teacher's part being `share`, 0 to 1."""
    mixed: dict[tuple[int, int, str], float] = defaultdict(float)
    for start, end, label in truth:
        mixed[start, end, label] += 1 - share
    for start, end, label, probability in soft:
        mixed[start, end, label] += share * probability
    return [[*place, believed] for place, believed in sorted(mixed.items())]


def tag_shares(spans: Sequence[SoftSpan], offsets: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Give how probable each tag of each token is; what no span has is the share of O.

    Parameters
    ----------
    spans : sequence of [start, end, label, probability]
    offsets : ndarray of int of shape (n_tokens, 2)
        Start and end of each token.

    Returns
    -------
    ndarray of float32 of shape (n_tokens, n_tags)
        Each row sums to 1.
    """
    shares = np.zeros((len(offsets), 1 + 2 * len(labels)), dtype=np.float32)
    number = {label: position for position, label in enumerate(labels)}
    for start, end, label, probability in spans:
        first = int(np.searchsorted(offsets[:, 1], start, side="right"))
        stop = int(np.searchsorted(offsets[:, 0], end, side="left"))
        if first < stop:
            begins = 1 + 2 * number[label]
            shares[first, begins] += probability
            shares[first + 1 : stop, begins + 1] += probability
    believed = shares.sum(axis=1, keepdims=True)
    shares /= np.maximum(believed, 1.0)
    shares[:, OUTSIDE] = 1 - shares.sum(axis=1)
    return shares
