"""What of an answer is explained, as one number: the log-odds of a label, a span or words of a passage; or a number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import CallError, UnknownNameError
from metier.evaluation.answer_measures import answer_f1
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers, RecordAnswers

LEAST = 1e-6  # A probability is taken for no nearer to 0 or 1.
LOG_ODDS, SCORE = "log-odds", "score"


@dataclass(frozen=True)
class Explained:
    """What is explained.

    Parameters
    ----------
    label : str or None
        The label, the words of the span or those of the answer; None where the answer is a number.
    unit : {"log-odds", "score"}
    score : callable
        Gives of answers an ndarray of shape (n_answers,).
    column : int or None
        Of a label among the labels; None of anything else.
    """

    label: str | None
    unit: str
    score: Callable[[AnswerBatch], np.ndarray]
    column: int | None = None


def explained_of(first: AnswerBatch, label: str | None) -> Explained:
    """Choose what is explained of an answer: a named label, or what is answered.

    Raises
    ------
    CallError
        If the answer is of a kind that has no such number.
    UnknownNameError
        If there is no such label.
    """
    if isinstance(first, Answers | LabelSetAnswers):
        return _label(first, label)
    if isinstance(first, RecordAnswers):
        record = first.records[0]
        if "relations" in record:
            return _triple(record, label)
        if "spans" in record:
            return _span(record, label)
        if label is not None:
            raise CallError("These answers are not labels, so none can be named. Leave --label out.")
        if "answer" in record and "probability" in record:
            return _answer(record)
        if isinstance(first.predicted[0], int | float):
            return Explained(None, SCORE, lambda answers: np.array(answers.predicted, dtype=np.float64))
    raise CallError(
        "These answers cannot be explained: they are neither labels, spans, words of a passage nor numbers."
    )


def _label(first: Answers | LabelSetAnswers, label: str | None) -> Explained:
    labels = list(first.labels)
    if label is not None and label not in labels:
        raise UnknownNameError("label", label, known=labels)
    column = int(np.argmax(first.probabilities[0])) if label is None else labels.index(label)

    def score(answers: AnswerBatch) -> np.ndarray:
        assert isinstance(answers, Answers | LabelSetAnswers)
        return log_odds(answers.probabilities[:, column])

    return Explained(str(labels[column]), LOG_ODDS, score, column)


def _span(record: Mapping[str, Any], label: str | None) -> Explained:
    """The most probable span, of a label or of any: how sure the model is of the same words with the same label."""
    spans = [one for one in record["spans"] if label in (None, one["label"])]
    if not spans:
        raise CallError(
            "Nothing is marked in this text, so nothing is explained. Give one in which something is."
            if label is None
            else f"Nothing is marked as {label!r} in this text. Leave --label out, or give another text."
        )
    chosen = max(spans, key=lambda one: one["probability"])

    def found(other: Mapping[str, Any]) -> float:
        same = [
            one for one in other["spans"] if (one["text"], one["label"]) == (chosen["text"], chosen["label"])
        ]
        return max((float(one["probability"]) for one in same), default=0.0)

    return Explained(f"{chosen['text']} = {chosen['label']}", LOG_ODDS, _by_record(found))


def _triple(record: Mapping[str, Any], label: str | None) -> Explained:
    """The most probable triple, of a relation or of any: how sure the model is that the same words are so related."""
    triples = [one for one in record["relations"] if label in (None, one["label"])]
    if not triples:
        raise CallError(
            "No relation is found in this text, so nothing is explained. Give one in which some is."
            if label is None
            else f"The relation {label!r} is not found in this text. Leave --label out, or give another text."
        )
    chosen = max(triples, key=lambda one: one["probability"])

    def found(other: Mapping[str, Any]) -> float:
        same = [one for one in other["relations"] if _in_words(one) == _in_words(chosen)]
        return max((float(one["probability"]) for one in same), default=0.0)

    return Explained(" → ".join(_in_words(chosen)), LOG_ODDS, _by_record(found))


def _in_words(triple: Mapping[str, Any]) -> tuple[str, str, str]:
    return triple["head_text"], triple["label"], triple["tail_text"]


def _answer(record: Mapping[str, Any]) -> Explained:
    """The words of a passage: how sure the model is of an answer, times the F1 of its words against these."""
    said = record["answer"]

    def found(other: Mapping[str, Any]) -> float:
        return float(other["probability"]) * answer_f1([said], other["answer"])

    return Explained(said, LOG_ODDS, _by_record(found))


def _by_record(found: Callable[[Mapping[str, Any]], float]) -> Callable[[AnswerBatch], np.ndarray]:
    def score(answers: AnswerBatch) -> np.ndarray:
        assert isinstance(answers, RecordAnswers)
        return log_odds(np.array([found(one) for one in answers.records]))

    return score


def log_odds(chances: np.ndarray) -> np.ndarray:
    """Give the log-odds of probabilities, kept off 0 and 1."""
    kept = np.clip(chances.astype(np.float64), LEAST, 1 - LEAST)
    odds: np.ndarray = np.log(kept) - np.log1p(-kept)
    return odds
