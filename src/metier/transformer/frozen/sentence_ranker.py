"""Extractive summaries: sentences ranked by a frozen encoder and features of each sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.evaluation.text_measures import rouge_l
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.features.sentence_features import UNITS, best_pieces, features_of, split_pieces
from metier.features.sentence_ranks import join_sentences
from metier.predictors.text.extracted_sentences import lead
from metier.progress import Listener, ignore
from metier.tasks.answers import WRITTEN_TEXT
from metier.tasks.answers.written_text import TextDecoder
from metier.tasks.examples import Examples
from metier.tasks.inputs import CONVERSATION
from metier.tasks.inputs.conversation import last_words
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.language import detect_language
from metier.training.heads.ridge_probe import fit_dense_ridge
from metier.transformer.frozen.frozen_settings import SentenceRankerSettings
from metier.transformer.frozen.frozen_vectors import ReadsByFrozenBase, frozen_vectors

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
    """Extractive summaries: a frozen encoder embeds the sentences, and ridge regression scores them.

    The target of a sentence is its ROUGE-L against the summaries of the training rows, less the mean over its text:
    only the ranking within a text counts. Besides its embedding, its features are position, length, similarity to the
    whole text, TextRank, and the share of its words that other sentences contain. It generates no text, so it cannot
    hallucinate; prefer `Generator` where summaries are reworded and there are enough rows to learn it.

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
        examples = _check(X, y)
        given = None if validation is None else _check(*validation, origin="the validation rows")
        self._language = detect_language([last_words(item) for item in examples.items]).main_language
        self.base_ = resolve_base(self.base, language=self._language)
        known, held = (examples, given) if given is not None else _held_out(examples)
        tried = [self._choose(known, held, unit, listener) for unit in self._units()]
        _, unit, penalty, n_pieces = max(tried, key=lambda one: one[0])
        pieces = self._pieces(examples, unit, listener)
        self.weight_ = _learn(pieces, examples, penalty)
        self.unit_, self.n_pieces_ = unit, n_pieces
        self._held, self._sample = given, [piece for own in pieces.texts for piece in own]
        self.chosen_params_: dict[str, Any] = {
            "base": self.base_.name,
            "unit": unit,
            "n_pieces": n_pieces,
            "penalty": penalty,
        }
        scores = {one[1]: one[0] for one in tried}
        self.facts_: dict[str, Any] = {
            "base": self.base_.name,
            "rouge_l": scores,
            "rows_learned": len(examples),
        }
        return self

    def predict(self, X: Any) -> list[str]:
        """Give the summary of each text; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        texts = [last_words(item) for item in CONVERSATION.read(X)]
        split = [split_pieces(text, self.unit_) for text in texts]
        if not any(split):
            return [""] * len(texts)
        full = [own for own in split if own]
        summaries = iter(Pieces(full, self._features(full, ignore)).summaries(self.weight_, self.n_pieces_))
        return [next(summaries) if own else "" for own in split]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from, and a Hugging Face folder."""
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
        check = None if self._held is None else _equivalence_check(self._held)
        sample = sample_of(self.base_, typical_rows(self._sample))
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def _units(self) -> Sequence[str]:
        if self.unit != "auto":
            return (self.unit,)
        return UNITS if self._language == "zh" else ("sentence",)

    def _choose(
        self, known: Examples, held: Examples, unit: str, listener: Listener
    ) -> tuple[float, str, float, int]:
        """Give the best ROUGE-L on held-out rows, and the unit, the penalty and the count that reach it."""
        learned, judged = self._pieces(known, unit, listener), self._pieces(held, unit, listener)
        tried = []
        for penalty in PENALTIES if self.penalty is None else (self.penalty,):
            weight = _learn(learned, known, penalty)
            for count in COUNTS if self.n_pieces is None else (self.n_pieces,):
                answers = judged.summaries(weight, count)
                score = np.mean([rouge_l(true, own) for true, own in zip(held.truth, answers, strict=True)])
                tried.append((float(score), unit, penalty, count))
        return max(tried, key=lambda one: one[0])

    def _pieces(self, examples: Examples, unit: str, listener: Listener) -> Pieces:
        split = [split_pieces(last_words(item), unit) or [""] for item in examples.items]
        return Pieces(split, self._features(split, listener))

    def _features(self, split: list[list[str]], listener: Listener) -> list[np.ndarray]:
        distinct = list(dict.fromkeys(piece for own in split for piece in own))
        place = {piece: row for row, piece in enumerate(distinct)}
        vectors = frozen_vectors(self.base_, distinct, listener=listener)
        return [features_of(own, vectors[[place[piece] for piece in own]]) for own in split]


def _check(X: Any, y: Any, *, origin: str = "these rows") -> Examples:
    return WRITTEN_TEXT.check(CONVERSATION.read(X, origin=origin), y, origin=origin)


def _held_out(examples: Examples) -> tuple[Examples, Examples]:
    """Rows to learn from, and every fifth to choose on; too few are both."""
    if len(examples) < FEWEST_ROWS:
        return examples, examples
    places = range(len(examples))
    return (
        examples.take([place for place in places if place % HELD_OUT]),
        examples.take([place for place in places if place % HELD_OUT == 0]),
    )


def _learn(pieces: Pieces, examples: Examples, penalty: float) -> np.ndarray:
    """Weights of the numbers; a constant would rate all pieces of a text alike, and is left out."""
    worth = []
    for own, true in zip(pieces.texts, examples.truth, strict=True):
        each = np.array([rouge_l(true, piece) for piece in own])
        worth.append(each - each.mean())
    features = np.concatenate(pieces.features)
    if len(features) < 2:
        return np.zeros(features.shape[1])
    weight, _ = fit_dense_ridge(features, np.concatenate(worth), penalty=penalty)
    return weight


def _equivalence_check(held: Examples) -> EquivalenceCheck:
    """Let INT8 prove itself: a row is correct if its summary is at least as good as the first sentence of its text."""

    def is_correct(answers: Any, some: np.ndarray) -> np.ndarray:
        part = held.take(some)
        rows = zip(part.items, part.truth, answers.predicted, strict=True)
        return np.array(
            [rouge_l(true, answer) >= rouge_l(true, lead(last_words(item), 1)) for item, true, answer in rows]
        )

    return EquivalenceCheck.on_rows(list(held.items), is_correct)
