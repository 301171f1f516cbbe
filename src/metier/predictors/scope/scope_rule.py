"""The rule that says of a question whether any label fits it, and its files: `scope.json` and `scope.safetensors`."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.errors import BundleError
from metier.predictors.evidence import Evidence
from metier.predictors.loading import SCOPE_FILE, Predictor, as_bundle_error
from metier.predictors.scope.lending import answer_with_evidence
from metier.predictors.scope.scope_scores import SCOPE_SCORES
from metier.regular_files import read_regular
from metier.tasks.answer_batches import DIGITS, Answers

ARRAYS_FILE = "scope.safetensors"
VERSION = 1
ROWS_AT_ONCE = 2_048  # Bounds the memory of a long sequence.


@dataclass(frozen=True)
class ScopeAnswers(Answers):
    """Answers that say whether any label fits.

    Parameters
    ----------
    scope_scores : ndarray of shape (n_texts,)
        How little each text suits any label: the higher, the less.
    cut : float
        Above it a text is out of scope.
    """

    scope_scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    cut: float = math.inf

    @property
    def out_of_scope(self) -> np.ndarray:
        """Whether no label fits, a bool ndarray of shape (n_texts,)."""
        return np.asarray(self.scope_scores > self.cut)

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        return replace(super().rows(picked), scope_scores=self.scope_scores[picked])

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give one answer as plain facts, with `out_of_scope` and `scope_score`."""
        told = {
            "out_of_scope": bool(self.scope_scores[row] > self.cut),
            "scope_score": round(float(self.scope_scores[row]), DIGITS),
        }
        return super().record(row, top) | told


@dataclass(frozen=True)
class ScopeRule:
    """A score, what it learned, and the cut above which a question is out of scope.

    Parameters
    ----------
    kind : str
        Of `SCOPE_SCORES`.
    cut : float
    arrays : mapping of str to ndarray
        What the score was fitted to.
    lender : str or None
        Fingerprint of the member whose evidence counts, see `lending.lender_of`.
    facts : mapping
        How it was chosen, for people.
    """

    kind: str
    cut: float
    arrays: Mapping[str, np.ndarray]
    lender: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, evidence: Evidence) -> np.ndarray:
        """Give how little each question suits any label, float64 of shape (n_rows,)."""
        return SCOPE_SCORES[self.kind].scores(evidence, self.arrays)

    def answer(self, predictor: Predictor, items: Sequence[Any]) -> ScopeAnswers:
        """Answer questions by the predictor that the rule was fitted to, and say which are out of scope."""
        parts = [
            answer_with_evidence(predictor, items[start : start + ROWS_AT_ONCE], self.lender)
            for start in range(0, max(len(items), 1), ROWS_AT_ONCE)
        ]
        scores = [self.scores(evidence) if len(evidence) else np.empty(0) for _, evidence in parts]
        names = tuple(name for answers, _ in parts for name in answers.answered_by)
        probabilities = np.concatenate([answers.probabilities for answers, _ in parts])
        return ScopeAnswers(probabilities, predictor.labels, names, np.concatenate(scores), self.cut)

    def save(self, folder: Path) -> None:
        """Write the files of the rule beside those of its predictor."""
        save_file(
            {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}, folder / ARRAYS_FILE
        )
        stated = {"version": VERSION, "kind": self.kind, "cut": self.cut, "lender": self.lender, **self.facts}
        (folder / SCOPE_FILE).write_text(
            json.dumps(stated, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def load_scope(folder: Path, predictor: Predictor) -> ScopeRule:
    """Load the rule of a folder, and try it.

    Raises
    ------
    BundleError
        If a file is missing or broken, of a later version, or does not fit the predictor.
    """
    with as_bundle_error(folder, "does not hold a complete rule of what is out of scope"):
        stated = json.loads(read_regular(folder / SCOPE_FILE))
        version, kind = stated.pop("version"), stated.pop("kind")
        if version != VERSION or kind not in SCOPE_SCORES:
            raise BundleError(
                f"{folder / SCOPE_FILE} is a rule {kind!r} of version {version}, which this release does not know. "
                "Install a newer metier, or get the bundle from its source again."
            )
        cut, lender = float(stated.pop("cut")), stated.pop("lender")
        rule = ScopeRule(kind, cut, load_file(folder / ARRAYS_FILE), lender, stated)
        if not math.isfinite(cut) or (lender is not None and _lacks(predictor, lender)):
            raise ValueError(f"cut {cut}, member {lender}")
    return rule


def _lacks(predictor: Any, lender: str) -> bool:
    return not hasattr(predictor, "find") or predictor.find(lender) is None
