"""Texts with spans as windows with tags, and the windows' logits put together again."""

from itertools import pairwise
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from metier.evaluation.entity_measures import entity_f1
from metier.features.token_windows import Frame, Pieces, cut
from metier.tasks.bio import tags_of_spans
from metier.tasks.tag_decoding import TagDecoder, places
from metier.tasks.tagging import TaggedTexts
from metier.text.casing import casings
from metier.training.heads.token_classifier import TaggedRows, TokenClassifier
from metier.training.objectives.token_cross_entropy import UNTAGGED

ANSWERING_BUDGET = 4096
SCORED_BIASES = (0.0, -1.0, -2.0)


class CutTexts:
    """Texts with spans, cut into windows.

    Parameters
    ----------
    examples : TaggedTexts
    pieces : list of Pieces
        One a text.
    rows : TaggedRows
        The windows of all texts, one after the other.
    owner : ndarray of int of shape (n_windows,)
        Position of each window's text.
    n_unaligned : int
        Spans whose edges are no edges of units.
    """

    def __init__(
        self, examples: TaggedTexts, pieces: list[Pieces], rows: TaggedRows, owner: np.ndarray, n_unaligned: int
    ):
        self.examples, self.pieces, self.rows = examples, pieces, rows
        self.owner, self.n_unaligned = owner, n_unaligned

    def logits(self, model: TokenClassifier, rows: TaggedRows | None = None) -> list[np.ndarray]:
        """Give the logits of the units of each text; `rows` may hold the same windows in other ids."""
        rows = self.rows if rows is None else rows
        added = model.head.casing_weights
        parts: list[np.ndarray] = [np.empty(0)] * len(rows)
        for positions, _ in rows.in_order_of_length(ANSWERING_BUDGET):
            some = model.run([rows.ids[position] for position in positions])
            for position, values in zip(positions.tolist(), some, strict=True):
                own = rows.tags[position] != UNTAGGED
                parts[position] = values[own] + added[rows.casings[position][own]]
        first = np.searchsorted(self.owner, np.arange(len(self.pieces) + 1))
        return [np.concatenate(parts[start:stop]) for start, stop in pairwise(first.tolist())]

    def score(self, model: TokenClassifier, rows: Any) -> dict[str, float]:
        """What epochs are compared by: F1 of spans, at the best of a few biases.

        Rare labels are shy at first: at a bias of 0 the early epochs of a small data set would all score 0.
        """
        logits = self.logits(model, rows)
        f1 = max(self._f1(logits, bias) for bias in SCORED_BIASES)
        there = sum(map(len, self.examples.spans))
        error = float(np.sqrt(f1 * (1 - f1) / max(there, 1)))
        return {"entity_f1": f1, "score": f1, "score_error": error}

    def _f1(self, logits: list[np.ndarray], bias: float) -> float:
        decoder = TagDecoder(self.examples.labels, bias)
        found = [
            places(decoder.spans(some, text.offsets)) for some, text in zip(logits, self.pieces, strict=True)
        ]
        return entity_f1(self.examples.spans, found)


class Cutter:
    """Cuts texts with spans into windows."""

    def __init__(self, tokenizer: Tokenizer, frame: Frame, pad_id: int):
        self._tokenizer, self._frame, self._pad_id = tokenizer, frame, pad_id

    def rows(self, examples: TaggedTexts) -> CutTexts:
        """Cut texts and give each first subword its unit's tag and casing."""
        pieces = [cut(self._tokenizer, text) for text in examples.texts]
        rows = TaggedRows([], None, self._pad_id, [], [])
        owner, n_unaligned = [], 0
        for number, (text, spans) in enumerate(zip(examples.texts, examples.spans, strict=True)):
            tags, missed = tags_of_spans(spans, pieces[number].offsets, examples.labels)
            n_unaligned += missed
            known = np.stack([tags, casings(text, pieces[number].offsets)], axis=1)
            for ids, targets in self._windows(pieces[number], known):
                rows.ids.append(ids)  # type: ignore[attr-defined]
                rows.tags.append(targets[:, 0])  # type: ignore[attr-defined]
                rows.casings.append(targets[:, 1])  # type: ignore[attr-defined]
                owner.append(number)
        return CutTexts(examples, pieces, rows, np.array(owner), n_unaligned)

    def _windows(self, pieces: Pieces, known: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give ids and targets of each window; `known` has a tag and a casing for each unit."""
        by_piece = np.full((len(pieces.ids), 2), UNTAGGED, dtype=np.int64)
        by_piece[pieces.firsts] = known
        found = []
        for window in self._frame.windows(len(pieces.ids)):
            ids = self._frame.around(pieces, window)
            targets = np.full((len(ids), 2), UNTAGGED, dtype=np.int64)
            shift = len(self._frame.head) - window.start
            targets[window.own_start + shift : window.own_stop + shift] = by_piece[
                window.own_start : window.own_stop
            ]
            found.append((ids, targets))
        return found
