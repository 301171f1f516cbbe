"""A model from elsewhere behind the same contract as a bundle: what it gives is checked before it counts.

What comes from another library may have another shape than is meant: columns in another order, logits in the place of
probabilities, one answer for a whole batch. Such faults would make wrong figures and no error. So a model is asked a
trial question when it is adapted, and every batch of answers is checked: their number and shape, numbers that are
numbers, probabilities that sum to 1, labels that are known.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metier.arguments import texts_of
from metier.bundles.manifest import MeasuredFacts, TaskFacts
from metier.errors import CallError, MetierError, WrongTypeError, quoted, suggest
from metier.predictors.loading import Predictor
from metier.speech.transcriber import Transcriber
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers, RecordAnswers
from metier.tasks.answers import LABEL_SET, AnswerKind
from metier.tasks.inputs import InputKind, check_items
from metier.tasks.task import TaskRecord
from metier.tasks.task_table import load_task, task_name

TRIAL_QUESTIONS = 3  # No usual number of labels, so that a matrix on its side is seen.
SUM_TOLERANCE = 0.01  # Of probabilities that were rounded to two digits, and many of them.
THRESHOLD = 0.5  # Of a label among several, where the model states probabilities alone.


@dataclass(frozen=True)
class AdaptedModel:
    """A model from elsewhere that can be measured and compared as a bundle can.

    Parameters
    ----------
    name : str
        What it is called in answers and reports.
    task : TaskFacts
        What it predicts.
    ask : callable
        Takes a list of items, gives probabilities of shape (n_items, n_labels) or one answer an item.
    names : mapping of str to str
        Its answers by the labels that they mean, where it answers by numbers.
    folder : Path, optional
        Where its files are.
    """

    name: str
    task: TaskFacts
    ask: Callable[[list[Any]], Any]
    names: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    tested: Mapping[str, Any] = field(default_factory=dict)
    measured: MeasuredFacts | None = None
    fingerprint: str | None = None
    transcriber: Transcriber | None = None
    predictor: Predictor | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space, in the order of the probabilities."""
        return self.task.labels

    @property
    def input_keys(self) -> tuple[str, ...]:
        """The keys of an input."""
        return self.task.input_keys

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions."""
        return self.task.input_kind

    @property
    def answer_kind(self) -> AnswerKind:
        """The form of its answers."""
        return self.task.answer_kind

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer questions of the form of `input_kind`.

        Raises
        ------
        WrongTypeError
            If an item is of another form, or the answers are of another shape than the task has.
        CallError
            If the model fails.
        """
        asked = check_items(items, self.input_kind)
        try:
            given = self.ask(list(asked))
        except MetierError:
            raise
        except Exception as error:
            raise CallError(
                f"{self.name} failed on {len(asked):,} questions ({type(error).__name__}: {error}). It is asked a list, "
                f"each element {self.input_kind.noun}: adapt a function that takes that."
            ) from error
        return self._checked(given, len(asked))

    def _checked(self, given: Any, n_items: int) -> AnswerBatch:
        if isinstance(given, Answers | LabelSetAnswers):
            self._check_labels(given.labels)
            self._check_probabilities(given.probabilities, n_items)
            return given
        if isinstance(given, RecordAnswers):
            given = given.predicted
        numbers = _as_numbers(given) if _is_choice(self.answer_kind) else None
        if numbers is not None and numbers.ndim > 1:
            self._check_probabilities(numbers, n_items)
            by = (self.name,) * n_items
            if self.answer_kind.is_one_label:
                return Answers(numbers, self.labels, by)
            return LabelSetAnswers(numbers, self.labels, np.full(len(self.labels), THRESHOLD), by)
        return self._answers(given, n_items)

    def _answers(self, given: Any, n_items: int) -> RecordAnswers:
        if isinstance(given, np.ndarray):
            column = given.ndim == 2 and given.shape[1] == 1  # As a regression of scikit-learn gives it.
            given = (given[:, 0] if column else given).tolist()
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
            raise WrongTypeError(
                f"{self.name} gave {type(given).__name__} to {n_items:,} questions. Expected a list with one answer each."
            )
        if len(given) != n_items:
            raise WrongTypeError(
                f"{self.name} gave {len(given):,} answers to {n_items:,} questions. Expected one answer each, in order."
            )
        kind = self.answer_kind
        predicted = [self._answer(kind, value, place) for place, value in enumerate(given)]
        records = [_record(kind, answer) for answer in predicted]
        return RecordAnswers(predicted, records, (self.name,) * n_items)

    def _answer(self, kind: AnswerKind, value: Any, place: int) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        try:
            answer = kind.read_answer(self.names.get(str(value), value))
        except ValueError as error:
            raise WrongTypeError(
                f"{self.name} answered {quoted(value)} at position {place}, and {error}. The task {self.task.name} needs "
                "another answer there."
            ) from None
        if _is_choice(kind):
            self._check_labels([answer] if kind.is_one_label else answer)
        return answer

    def _check_labels(self, labels: Sequence[str]) -> None:
        unknown = next((label for label in labels if label not in self.labels), None)
        if unknown is not None:
            shown = ", ".join(map(repr, self.labels[:5])) + (", …" if len(self.labels) > 5 else "")
            raise WrongTypeError(
                f"{self.name} answered {quoted(unknown)}, which is not among its labels ({shown})."
                f"{suggest(str(unknown), self.labels)} Give all of its labels with labels=."
            )

    def _check_probabilities(self, numbers: np.ndarray, n_items: int) -> None:
        expected = (n_items, len(self.labels))
        if numbers.shape != expected:
            raise WrongTypeError(
                f"{self.name} gave probabilities of shape {numbers.shape} for {n_items:,} questions and "
                f"{len(self.labels)} labels. Expected the shape {expected}: one row a question, one column a label."
            )
        wrong = np.argwhere(~np.isfinite(numbers) | (numbers < -1e-6) | (numbers > 1 + 1e-6))
        if len(wrong):
            row, column = map(int, wrong[0])
            raise WrongTypeError(
                f"{self.name} gave {numbers[row, column]:.4g} as the probability of {self.labels[column]!r} at position "
                f"{row}. Expected numbers from 0 to 1; of logits take the softmax first."
            )
        sums = numbers.sum(axis=1)
        if self.answer_kind.is_one_label and len(sums) and np.abs(sums - 1).max() > SUM_TOLERANCE:
            row = int(np.abs(sums - 1).argmax())
            raise WrongTypeError(
                f"{self.name} gave probabilities that sum to {sums[row]:.4g} at position {row}. Expected 1: where labels "
                "do not exclude one another, the task is multi_label."
            )

    def __repr__(self) -> str:
        return f"<AdaptedModel {self.name}, {self.task.name}>"


def adapt(
    model: Any,
    *,
    task: str = "classification",
    labels: Sequence[str] | None = None,
    name: str | None = None,
    input_keys: Sequence[str] | None = None,
    folder: Path | None = None,
) -> AdaptedModel:
    """Give a model from elsewhere the contract of a bundle, so that it can be evaluated, explained and compared.

    It is asked trial questions at once, and what it gives is checked.

    Parameters
    ----------
    model : object or callable
        What has `predict_proba` or `predict`, as scikit-learn's pipelines do, or a function. It takes a list of items
        (texts, or mappings with the keys of the task's questions), and gives probabilities of shape (n_items, n_labels),
        or one answer an item: a label, a list of labels, a number, spans `[[start, end, label]]`, a text.
    task : str, default="classification"
        What it predicts, as `metier methods` names tasks.
    labels : sequence of str, optional
        Its labels in the order of the columns; None: its `classes_`. Needed where answers are labels.
    name : str, optional
        What it is called; None: by its class.
    input_keys : sequence of str, optional
        What a question consists of; None: as the task has it, a text for most.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    WrongTypeError
        If it cannot be asked, or its answers are not of the shape of the task.
    CallError
        If its labels are not known, or it fails on the trial questions.
    """
    ask = _asking(model, task)
    called = name or (
        model.__name__ if isinstance(model, type(adapt)) else type(model).__name__
    )  # A function has a name.
    own = _classes(model)
    known = tuple(own) if labels is None else tuple(texts_of(labels, "labels"))
    names = dict(zip(own, known, strict=False)) if set(own) != set(known) else {}
    if own and set(own) == set(known):
        known = tuple(own)  # Its columns are in this order, whatever the order that was given.
    facts = _task_facts(task, known, input_keys, called)
    if own and len(own) != len(known):
        raise CallError(
            f"{called} has {len(own)} classes, and labels= names {len(known)}. Name one label for each class, in the order "
            "of classes_."
        )
    adapted = AdaptedModel(called, facts, ask, names, folder)
    adapted.predict([adapted.input_kind.trial] * TRIAL_QUESTIONS)
    return adapted


def _asking(model: Any, task: str) -> Callable[[list[Any]], Any]:
    """Give the function of a model that answers a list."""
    wanted = (_predict_proba, _predict) if _is_choice(_answer_kind(task)) else (_predict,)
    for method in wanted:
        try:
            found: Callable[[list[Any]], Any] = method(model)
        except AttributeError:  # A pipeline has the methods of its last step, so its class does not tell.
            continue
        return found
    if callable(model) and not isinstance(model, type):
        given: Callable[[list[Any]], Any] = model
        return given
    raise WrongTypeError(
        f"Expected a model with predict or predict_proba, or a function of a list of items; found "
        f"{type(model).__name__}. Adapt an object that answers."
    )


def _predict_proba(model: Any) -> Any:
    return model.predict_proba


def _predict(model: Any) -> Any:
    return model.predict


def _classes(model: Any) -> list[str]:
    """Give the classes of an estimator in the order of its columns; none of another model."""
    try:
        return [str(one) for one in np.ravel(model.classes_)]
    except AttributeError:
        return []


def _is_choice(kind: AnswerKind) -> bool:
    """Whether answers are chosen among labels, each of which has a probability."""
    return kind.is_one_label or kind.name == LABEL_SET.name


def _answer_kind(task: str) -> AnswerKind:
    return TaskFacts(name=task_name(task), labels=()).answer_kind


def _task_facts(task: str, labels: tuple[str, ...], keys: Sequence[str] | None, called: str) -> TaskFacts:
    """Give what a manifest would state of the task: its default metric, and what it asks."""
    kind = _answer_kind(task)
    if not labels and _is_choice(kind):
        raise CallError(
            f"{called} does not say which labels it gives. Name them in the order of its columns: "
            "metier.adapt(model, labels=[...])."
        )
    if len(set(labels)) != len(labels):
        raise CallError(f"The labels of {called} are not all different. Name each once with labels=.")
    row = load_task(task)
    metric = row.primary_metric if isinstance(row.primary_metric, str) else ""
    restored = row.restored(TaskRecord(labels, metric, tuple(keys or ("text",)), ()))
    return TaskFacts(
        name=task_name(task),
        answer=kind.name,
        labels=labels,
        primary_metric=restored.primary_metric,
        input_keys=tuple(keys or restored.input_keys),
    )


def _as_numbers(given: Any) -> np.ndarray | None:
    """Give an array of floats; None where it is no table of numbers."""
    if isinstance(given, Sequence) and (not given or isinstance(given[0], str | Mapping)):
        return None
    try:
        numbers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.size else None


def _record(kind: AnswerKind, answer: Any) -> dict[str, Any]:
    """Give an answer as a record of its kind, as far as the answer alone says it."""
    first = next(iter(kind.record))
    if kind.name == LABEL_SET.name:
        return {first: dict.fromkeys(answer, 1.0), "none": not answer}
    if isinstance(answer, list):
        parts = [_part(one) for one in answer]
        return {first: parts}
    return {first: answer if not isinstance(answer, float) or math.isfinite(answer) else None}


def _part(one: Any) -> dict[str, Any]:
    if isinstance(one, list):
        return dict(zip(("start", "end", "label"), one, strict=True))
    return {"id": one, "text": one, "score": 0.0}
