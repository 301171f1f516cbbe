"""Extractive QA without a neural network: the best phrase of the best sentences: `passage_phrase.v1`.

BM25 finds the sentences that share the question's words; their phrases are weighed by a linear model that has one set
of weights for every question and one more for each type of question (who, when, how many, …). Of the likely phrases
the one is taken whose overlap with all of them is largest on average [1]_: of "Denver", "Denver Broncos" and "the Denver
Broncos" the middle one.

References
----------
.. [1] Kumar and Byrne, "Minimum Bayes-risk decoding for statistical machine translation", 2004.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.features.answer_types import FUNCTION_WORDS, asked_noun, question_type
from metier.features.phrases import NAMES, Phrases, phrases_of
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.answer_threshold import AnswerThreshold, Reading
from metier.tasks.inputs.question import Question, as_questions
from metier.text.bm25 import Bm25
from metier.text.segmentation import segment, sentence_offsets

KIND = "passage_phrase.v1"
WEIGHTS_FILE = "weights.safetensors"
# What it counts for the margin, in log-odds, that the best sentence has all words of the question: a passage about
# something else has phrases that look like answers too. The threshold on the margin is tuned.
COVERAGE = 4.0
COMPARED = 20  # Likely phrases of which the one is taken that shares most with the others.


class Passage:
    """The sentences of a passage, found by their words."""

    def __init__(self, text: str):
        self.text = text
        self.sentences = sentence_offsets(text)
        self.index = Bm25().fit(text[start:end] for start, end in self.sentences)

    def candidates(self, question: str, *, n_sentences: int) -> tuple[Phrases, float]:
        """Give the phrases of the sentences that answer best to the words of a question.

        Returns
        -------
        phrases : Phrases
        coverage : float
            Share of the question's words, function words left out, that the best sentence has.
        """
        words = [word for word in segment(question) if word not in FUNCTION_WORDS]
        scores = self.index.scores_of_words(words)
        best = (-scores).argsort(kind="stable")[:n_sentences]
        highest = max(float(scores[best[0]]), 1e-9) if len(best) else 1.0
        asked, noun = frozenset(words), asked_noun(question)
        found = [
            phrases_of(
                self.text,
                *self.sentences[at],
                asked=asked,
                noun=noun,
                score=float(scores[at]) / highest,
                is_best=rank == 0,
            )
            for rank, at in enumerate(best)
        ]
        if not found:
            return Phrases(np.zeros((0, 2), dtype=np.int64), np.zeros((0, len(NAMES)), dtype=np.float32)), 0.0
        start, end = self.sentences[best[0]]
        coverage = len(asked.intersection(segment(self.text[start:end]))) / max(len(asked), 1)
        places = np.concatenate([phrases.offsets for phrases in found])
        return Phrases(places, np.concatenate([phrases.features for phrases in found])), coverage


@dataclass(frozen=True)
class PhraseWeights:
    """What phrases are weighed with.

    Parameters
    ----------
    shared : ndarray of shape (n_features,)
    by_type : ndarray of shape (n_types, n_features)
        Added for the type of the question; see `question_types.TYPES`.
    """

    shared: np.ndarray
    by_type: np.ndarray

    def scores(self, phrases: Phrases, kind: int) -> np.ndarray:
        """Give the score of each phrase, an ndarray of float64 of shape (n_phrases,)."""
        scores: np.ndarray = phrases.features @ (self.shared + self.by_type[kind])
        return scores


class PassagePhrasePredictor:
    """Answers with phrases. Holds no state of its own: safe to share between threads.

    Parameters
    ----------
    weights : PhraseWeights
    n_sentences : int
        Sentences whose phrases are weighed.
    verdict : AnswerThreshold
        Threshold and calibration.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, weights: PhraseWeights, n_sentences: int, verdict: AnswerThreshold, name: str):
        self.weights, self.n_sentences, self.verdict, self.name = weights, n_sentences, verdict, name
        self.labels: tuple[str, ...] = ()

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer questions, mappings with `question` and `passage`.

        Returns
        -------
        RecordAnswers
            Predicted: the answer's text, "" for none. Records: `answer`, `start` and `end` in characters of the
            passage (None for none), `probability` that it is exactly right.
        """
        questions = as_questions(items)
        return self.verdict.answer(list(zip(questions, self.read(questions), strict=True)), self.name)

    def read(self, questions: Sequence[Question]) -> list[Reading]:
        """Give the best phrase of each question's passage, answerable or not."""
        readings = []
        passage: Passage | None = None
        for question in questions:
            if passage is None or passage.text is not question.passage:
                passage = Passage(question.passage)
            phrases, coverage = passage.candidates(question.question, n_sentences=self.n_sentences)
            readings.append(self._best(phrases, question_type(question.question), coverage))
        return readings

    def _best(self, phrases: Phrases, kind: int, coverage: float) -> Reading:
        if len(phrases.offsets) == 0:
            return Reading(0, 0, -50.0, -50.0)
        scores = self.weights.scores(phrases, kind)
        likely = (-scores).argsort(kind="stable")[:COMPARED]
        chances = np.exp(scores[likely] - scores[likely[0]])
        agreement = _overlaps(phrases.offsets[likely]) @ chances / chances.sum()
        best = int(agreement.argmax())
        log_odds = float(np.log(agreement[best]) - np.log(max(1 - agreement[best], 1e-12)))
        start, end = phrases.offsets[likely[best]]
        return Reading(int(start), int(end), log_odds + COVERAGE * coverage, log_odds)

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        arrays = {"shared": self.weights.shared, "by_type": self.weights.by_type}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / WEIGHTS_FILE)
        settings = {"kind": KIND, "name": self.name, "labels": [], "n_sentences": self.n_sentences}
        write_settings(folder, {**settings, "verdict": asdict(self.verdict)})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings: Mapping[str, Any] = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete phrase predictor"):
            arrays = load_file(folder / WEIGHTS_FILE)
            return cls(
                weights=PhraseWeights(arrays["shared"], arrays["by_type"]),
                n_sentences=settings["n_sentences"],
                verdict=AnswerThreshold.of(settings["verdict"]),
                name=settings["name"],
            )


def _overlaps(places: np.ndarray) -> np.ndarray:
    """F1 of each phrase against each other, over the characters of the passage."""
    starts, ends = places[:, 0], places[:, 1]
    shared = np.minimum(ends[:, None], ends) - np.maximum(starts[:, None], starts)
    lengths = ends - starts
    overlaps: np.ndarray = 2 * np.clip(shared, 0, None) / (lengths[:, None] + lengths)
    return overlaps
