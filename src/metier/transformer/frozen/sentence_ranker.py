"""The sentences that a summary would be made of, told by a frozen encoder and what is known of each sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import load_model, resolve_base
from metier.evaluation.text_measures import rouge_l
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.features.sentence_features import UNITS, best_pieces, features_of, split_pieces
from metier.features.sentence_ranks import join_sentences
from metier.predictors.text.lead import lead
from metier.progress import Listener, ignore
from metier.tasks.answers.written_text import TextDecoder
from metier.tasks.generation import TextPairs, as_items, check_texts, last_words
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.language import detect_language
from metier.training.heads.dense_ridge import fit_dense_ridge
from metier.transformer.frozen.base_cost import ReadsByFrozenBase
from metier.transformer.frozen.frozen_settings import SentenceRankerSettings
from metier.transformer.frozen.pair_vectors import frozen_vectors

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # A piece, on standardised numbers.
COUNTS = (1, 2, 3)
HELD_OUT = 5  # Every fifth row, where no validation rows are given.
FEWEST_ROWS = 10  # Below this nothing is held out and nothing chosen.


@dataclass(frozen=True)
class Pieces:
    """Texts in pieces, each with its numbers.

    Parameters
    ----------
    texts : list of list of str
    features : list of ndarray of shape (n_pieces, n_features)
    """

    texts: list[list[str]]
    features: list[np.ndarray]

    def summaries(self, weight: np.ndarray, n_pieces: int) -> list[str]:
        """Give the highest-rated pieces of each text, in their order."""
        return [
            join_sentences([pieces[place] for place in best_pieces(numbers @ weight, n_pieces)])
            for pieces, numbers in zip(self.texts, self.features, strict=True)
        ]


@with_settings(SentenceRankerSettings)
class SentenceRanker(ReadsByFrozenBase, BaseEstimator):
    """A frozen encoder's vectors of the sentences of a text, and ridge regression on how good a summary each is.

    What a sentence is worth is its ROUGE-L against the summaries of the training rows, less the mean over its text:
    only which sentence of a text is best counts. Beside its vector a sentence is known by its place, its length, how
    near it is to the whole text, its TextRank and how much of its words others share. It writes nothing of its own, so
    it invents nothing; prefer `Generator` where summaries are worded anew and there are rows enough to learn it from.

    Attributes
    ----------
    base_ : Base
    weight_ : ndarray of shape (n_features,)
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        ROUGE-L on validation of what was tried.
    """

    name = "sentence_ranker.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the sentences, or look their vectors up, and learn what they are worth.

        Without `validation`, every fifth row is held out to choose on; the weights are then learned from all rows.

        Raises
        ------
        SettingsError
            If settings cannot work, all faults at once.
        """
        SentenceRankerSettings.of(self)
        pairs = check_texts(X, y)
        unseen = None if validation is None else check_texts(*validation, origin="the validation rows")
        self._language = detect_language([last_words(item) for item in pairs.items]).main_language
        self.base_ = resolve_base(self.base, language=self._language)
        known, away = (pairs, unseen) if unseen is not None else _held_out(pairs)
        tried = [self._choose(known, away, unit, listener) for unit in self._units()]
        _, unit, penalty, n_pieces = max(tried, key=lambda one: one[0])
        if unseen is None and away is not known:
            known = pairs
        pieces = self._pieces(known, unit, listener)
        self.weight_ = _learn(pieces, known, penalty)
        self.unit_, self.n_pieces_ = unit, n_pieces
        self._unseen, self._sample = unseen, [piece for own in pieces.texts for piece in own]
        self.chosen_params_: dict[str, Any] = {
            "base": self.base_.name,
            "unit": unit,
            "n_pieces": n_pieces,
            "penalty": penalty,
        }
        figures = {one[1]: one[0] for one in tried}
        self.facts_: dict[str, Any] = {"base": self.base_.name, "rouge_l": figures, "rows_learned": len(known)}
        return self

    def predict(self, X: Any) -> list[str]:
        """Give the summary of each text; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        texts = [last_words(item) for item in as_items(X)]
        split = [split_pieces(text, self.unit_) for text in texts]
        if not any(split):
            return [""] * len(texts)
        full = [own for own in split if own]
        summaries = iter(Pieces(full, self._features(full, ignore)).summaries(self.weight_, self.n_pieces_))
        return [next(summaries) if own else "" for own in split]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_sentences` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        exported = Exported(
            "onnx_sentences.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_, unit_length=True),
            TextDecoder(),
            head={"weight": self.weight_},
            settings={"unit": self.unit_, "n_pieces": self.n_pieces_},
        )
        check = None if self._unseen is None else _equivalence_check(self._unseen)
        sample = sample_of(self.base_, typical_rows(self._sample))
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def _units(self) -> Sequence[str]:
        if self.unit != "auto":
            return (self.unit,)
        return UNITS if self._language == "zh" else ("sentence",)

    def _choose(
        self, known: TextPairs, away: TextPairs, unit: str, listener: Listener
    ) -> tuple[float, str, float, int]:
        """Give the best ROUGE-L on held-out rows, and the unit, the penalty and the count that reach it."""
        learned, held = self._pieces(known, unit, listener), self._pieces(away, unit, listener)
        tried = []
        for penalty in PENALTIES if self.penalty is None else (self.penalty,):
            weight = _learn(learned, known, penalty)
            for count in COUNTS if self.n_pieces is None else (self.n_pieces,):
                answers = held.summaries(weight, count)
                figure = np.mean([rouge_l(true, own) for true, own in zip(away.truth, answers, strict=True)])
                tried.append((float(figure), unit, penalty, count))
        return max(tried, key=lambda one: one[0])

    def _pieces(self, pairs: TextPairs, unit: str, listener: Listener) -> Pieces:
        split = [split_pieces(last_words(item), unit) or [""] for item in pairs.items]
        return Pieces(split, self._features(split, listener))

    def _features(self, split: list[list[str]], listener: Listener) -> list[np.ndarray]:
        distinct = list(dict.fromkeys(piece for own in split for piece in own))
        place = {piece: row for row, piece in enumerate(distinct)}
        vectors = frozen_vectors(self.base_, distinct, listener=listener)
        return [features_of(own, vectors[[place[piece] for piece in own]]) for own in split]


def _held_out(pairs: TextPairs) -> tuple[TextPairs, TextPairs]:
    """Rows to learn from, and every fifth to choose on; too few are both."""
    if len(pairs) < FEWEST_ROWS:
        return pairs, pairs
    places = range(len(pairs))
    return (
        pairs.take([place for place in places if place % HELD_OUT]),
        pairs.take([place for place in places if place % HELD_OUT == 0]),
    )


def _learn(pieces: Pieces, pairs: TextPairs, penalty: float) -> np.ndarray:
    """Weights of the numbers; a constant would rate all pieces of a text alike, and is left out."""
    worth = []
    for own, true in zip(pieces.texts, pairs.truth, strict=True):
        each = np.array([rouge_l(true, piece) for piece in own])
        worth.append(each - each.mean())
    features = np.concatenate(pieces.features)
    if len(features) < 2:
        return np.zeros(features.shape[1])
    weight, _ = fit_dense_ridge(features, np.concatenate(worth), penalty=penalty)
    return weight


def _equivalence_check(unseen: TextPairs) -> EquivalenceCheck:
    """Let INT8 prove itself: a row is correct if its summary is at least as good as the first sentence of its text."""

    def is_correct(answers: Any, some: slice) -> np.ndarray:
        rows = zip(unseen.items[some], unseen.truth[some], answers.predicted, strict=True)
        return np.array(
            [rouge_l(true, answer) >= rouge_l(true, lead(last_words(item), 1)) for item, true, answer in rows]
        )

    return EquivalenceCheck.on_rows(list(unseen.items), is_correct)
