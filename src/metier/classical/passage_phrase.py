"""Answers from passages by words alone: BM25 over sentences, then the phrase that suits the type of the question."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.features.answer_types import TYPES, question_type
from metier.features.phrases import NAMES, Phrases
from metier.predictors.text.passage_phrase import Passage, PassagePhrasePredictor, PhraseWeights
from metier.progress import Listener, Progress, ignore
from metier.tasks.answers.answer_threshold import AnswerThreshold, fit_answer_threshold
from metier.tasks.answers.decoder_settings import VERDICT
from metier.tasks.answers.passage_answer import check_answers, split_by_passage
from metier.tasks.inputs.question import Question, as_questions
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings

MOST_PHRASES = 150  # Of a question in training: all that overlap an answer, and a sample of the others.
# F1 to this power: else whole sentences, which overlap every answer a little, are the safe choice. Chosen on passages
# of CMRC 2018 and XQuAD (1, 3, 6 and 16 were tried); figures on those English passages are a little too good.
SHARPNESS = 6
# What weights cost that hold for one type of question only, by what shared ones do: types have fewer rows.
PRICE_OF_TYPE = 3.0
QUESTIONS_BETWEEN_REPORTS = 200


class PassagePhraseSettings(MethodSettings):
    """Settings of answers by words alone."""

    n_sentences: int = Field(3, ge=1, description="Sentences whose phrases are weighed.")
    penalty: float = Field(
        0.2,
        ge=0,
        description="Of large weights: of their squares, against the likelihood of the answers of all questions.",
    )
    verdict: Any = VERDICT
    random_state: Any = Field(
        0, description="Of the phrases that are learned from and the rows that are held out."
    )


@with_settings(PassagePhraseSettings)
class PassagePhrase(BaseEstimator):
    """The best phrase of the sentences that share most words with the question: the baseline.

    Sentences are ranked by BM25 [1]_, phrases by a linear model over their length, their neighbours, what kind of
    thing they name and what the question asks for. It answers in milliseconds and needs no pretrained weights; it
    finds nothing that is worded otherwise than the question.

    Attributes
    ----------
    weights_ : PhraseWeights
    verdict_ : AnswerThreshold
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        Of the training questions: how many have a phrase that overlaps an answer, and the best F1 that phrases reach.

    References
    ----------
    .. [1] Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    """

    name = "passage_phrase.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn which phrases answer.

        Without `validation`, and unless `verdict` is set, passages are held out to choose threshold and calibration
        on; the weights are then learned on all rows.

        Parameters
        ----------
        X : sequence of mappings with `question` and `passage`
        y : sequence of list of {"text", "start"}
            An empty list: the passage does not answer.

        Raises
        ------
        AnswerPlaceError
            If an answer is not in its passage at its offset.
        """
        self.Settings.of(self)
        questions = as_questions(X)
        targets = check_answers(questions, y)
        verdict = None if self.verdict is None else AnswerThreshold.of(self.verdict)
        if verdict is None and validation is None:
            verdict = self._choose(questions, targets)
        answered = [
            (question, answers) for question, answers in zip(questions, targets, strict=True) if answers
        ]
        random = check_random_state(
            self.random_state
        )  # Its own: a choice before must not change what is learned.
        rows, self.facts_ = _learnable(answered, n_sentences=self.n_sentences, random=random, listener=listener)
        self.weights_ = _fit_weights(rows, penalty=self.penalty)
        self.verdict_ = verdict or AnswerThreshold()
        if verdict is None and validation is not None:
            validation_rows = as_questions(validation[0])
            self.verdict_ = fit_answer_threshold(
                self._predictor().read(validation_rows),
                validation_rows,
                check_answers(validation_rows, validation[1]),
            )
        self.chosen_params_ = {"verdict": asdict(self.verdict_)}
        return self

    def predict(self, X: Any) -> list[str]:
        """Answer questions with pieces of their passages; "" where there is no answer."""
        check_is_fitted(self)
        return list(self._predictor().predict(X).predicted)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.text.passage_phrase` answers from."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        self._predictor().save(folder)

    def _predictor(self) -> PassagePhrasePredictor:
        return PassagePhrasePredictor(
            weights=self.weights_, n_sentences=self.n_sentences, verdict=self.verdict_, name=self.name
        )

    def _choose(self, questions: list[Question], targets: list[list[dict[str, Any]]]) -> AnswerThreshold:
        split = split_by_passage(questions, random=check_random_state(self.random_state))
        if split is None:
            return AnswerThreshold()  # One passage: nothing can be held out.
        kept, held = (([questions[at] for at in part], [targets[at] for at in part]) for part in split)
        verdict: AnswerThreshold = clone(self).fit(*kept, validation=held).verdict_
        return verdict


@dataclass(frozen=True)
class _Rows:
    """The phrases of all questions, one after the other, those of one type of question together.

    Parameters
    ----------
    features : ndarray of shape (n_phrases, n_features)
    worth : ndarray of shape (n_phrases,)
        F1 of the phrase against the answers, over characters, sharpened.
    starts : ndarray of shape (n_questions,)
        Where each question's phrases begin.
    type_ends : ndarray of shape (n_types + 1,)
        Where the phrases of each type of question begin and end.
    """

    features: np.ndarray
    worth: np.ndarray
    starts: np.ndarray
    type_ends: np.ndarray


def _learnable(
    answered: list[tuple[Question, list[dict[str, Any]]]],
    *,
    n_sentences: int,
    random: np.random.RandomState,
    listener: Listener,
) -> tuple[_Rows, dict[str, Any]]:
    """Give the phrases of the questions some phrase of which overlaps an answer, and what was found on the way."""
    by_type: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in TYPES]
    passage: Passage | None = None
    reached = []
    for number, (question, answers) in enumerate(answered):
        if passage is None or passage.text is not question.passage:
            passage = Passage(question.passage)
        phrases, _ = passage.candidates(question.question, n_sentences=n_sentences)
        worth = _worth(phrases, answers)
        reached.append(float(worth.max(initial=0.0)))
        if reached[-1] > 0:
            kept = _sample(worth, random)
            kind = question_type(question.question)
            by_type[kind].append((phrases.features[kept], worth[kept] ** SHARPNESS))
        if number % QUESTIONS_BETWEEN_REPORTS == 0:
            listener(Progress(f"{PassagePhrase.name}: phrases", number, len(answered), unit="questions"))
    rows = [row for of_type in by_type for row in of_type]
    lengths = [len(worth) for _, worth in rows]
    of_types = [sum(len(worth) for _, worth in of_type) for of_type in by_type]
    facts = {
        "questions": len(answered),
        "reachable_fraction": float(np.mean(np.array(reached) > 0)) if reached else 0.0,
        "best_phrase_f1": float(np.mean(reached)) if reached else 0.0,
    }
    empty = np.zeros((0, len(NAMES)), dtype=np.float32)
    return (
        _Rows(
            np.concatenate([empty, *(features for features, _ in rows)]),
            np.concatenate([np.zeros(0), *(worth for _, worth in rows)]),
            np.cumsum([0, *lengths[:-1]]) if lengths else np.zeros(0, dtype=np.int64),
            np.cumsum([0, *of_types]),
        ),
        facts,
    )


def _worth(phrases: Phrases, answers: list[dict[str, Any]]) -> np.ndarray:
    """F1 of each phrase against the best of the answers, over the characters of the passage."""
    worth = np.zeros(len(phrases.offsets))
    starts, ends = phrases.offsets[:, 0], phrases.offsets[:, 1]
    for answer in answers:
        start, end = answer["start"], answer["start"] + len(answer["text"])
        shared = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
        worth = np.maximum(worth, 2 * shared / (ends - starts + end - start))
    return worth


def _sample(worth: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    overlapping, others = np.flatnonzero(worth > 0), np.flatnonzero(worth == 0)
    room = max(MOST_PHRASES - len(overlapping), MOST_PHRASES // 3)
    if len(others) > room:
        others = random.choice(others, room, replace=False)
    return np.concatenate([overlapping, others])


def _fit_weights(rows: _Rows, *, penalty: float) -> PhraseWeights:
    """Make what each question's phrases are worth on average large: minimise -log sum of p(phrase) x worth."""
    n_features, n_types = rows.features.shape[1], len(TYPES)
    spans = list(zip(rows.type_ends[:-1], rows.type_ends[1:], strict=True))
    lengths = np.diff([*rows.starts, len(rows.worth)])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(n_types + 1, n_features)
        scores = np.concatenate(
            [rows.features[a:b] @ (weights[0] + weights[1 + kind]) for kind, (a, b) in enumerate(spans)]
        )
        scores -= np.repeat(np.maximum.reduceat(scores, rows.starts), lengths)
        chances = np.exp(scores)
        chances /= np.repeat(np.add.reduceat(chances, rows.starts), lengths)
        expected = np.maximum(np.add.reduceat(chances * rows.worth, rows.starts), 1e-12)
        # d(-log E)/d score = p - p x worth / E.
        slopes = chances * (1 - rows.worth / np.repeat(expected, lengths))
        of_types = np.stack([slopes[a:b] @ rows.features[a:b] for a, b in spans])
        prices = np.array([1.0, *[PRICE_OF_TYPE] * n_types])[:, None] * penalty
        gradient = np.concatenate([of_types.sum(axis=0, keepdims=True), of_types]) + prices * weights
        value = -np.log(expected).sum() + 0.5 * float((prices * weights**2).sum())
        return value, gradient.ravel()

    start = np.zeros((n_types + 1) * n_features)
    found = start if len(rows.starts) == 0 else minimize(loss, start, jac=True, method="L-BFGS-B").x
    weights = found.reshape(n_types + 1, n_features)
    return PhraseWeights(weights[0].copy(), weights[1:].copy())
