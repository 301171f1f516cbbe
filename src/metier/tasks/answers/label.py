"""One of a fixed set of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from metier import evaluation
from metier.errors import MissingLabelError, TooFewLabelsError, UnknownLabelError
from metier.evaluation.softmax import softmax
from metier.figures import count_of
from metier.tasks.answer_batches import Answers, LabelSetAnswers
from metier.tasks.answers.asking import LABEL_ASKING, Asking
from metier.tasks.answers.kind import AnswerKind, RecordFields, Words, mean_and_error
from metier.tasks.examples import Examples, check_soft

# Terms that look at weights and embeddings alone, whatever the answers are.
ON_WEIGHTS_AND_WORDS = ("fgm", "pgd", "ewc")
SMALLEST_PROBABILITY = 1e-12  # A probability of 0 for the truth would make one row's loss infinite.


@dataclass(frozen=True)
class LabelDecoder:
    """A softmax over logits divided by a temperature.

    Parameters
    ----------
    labels : tuple of str
    temperature : float
    """

    labels: tuple[str, ...]
    temperature: float = 1.0

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Give probabilities, an ndarray of float64 of shape (n_rows, n_labels); each row sums to 1."""
        logits = np.asarray(logits, dtype=np.float64)
        return softmax(logits / self.temperature) if len(logits) else logits

    def answer(self, logits: np.ndarray, name: str) -> Answers:
        """Answer rows in the name of a method."""
        return Answers(self.probabilities(logits), self.labels, (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {"labels": list(self.labels), "temperature": self.temperature}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(tuple(settings["labels"]), float(settings["temperature"]))

    @property
    def chosen(self) -> dict[str, float]:
        """What validation chose: `temperature`."""
        return {"temperature": self.temperature}


LABEL_RECORD: RecordFields = {
    "label": (str, "Where the answer is one label."),
    "probability": (float, "Calibrated probability of it, 0 to 1."),
}


@dataclass(frozen=True)
class Label(AnswerKind):
    """One label a row; the truth is an ndarray of int64 of shape (n_rows,), positions in the label space."""

    name: ClassVar[str] = "label"
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy", "focal")
    terms: ClassVar[tuple[str, ...]] = (
        "mixup",
        "supcon",
        "distillation",
        "simcse",
        "r_drop",
        *ON_WEIGHTS_AND_WORDS,
    )
    ensembles: ClassVar[tuple[str, ...]] = ("average.v1", "cascade.v1")
    further_ensembles: ClassVar[tuple[str, ...]] = ("stacked.v1",)
    chooses: ClassVar[tuple[str, ...]] = ("temperature",)
    role: ClassVar[str | None] = "label"
    is_one_label: ClassVar[bool] = True
    words: ClassVar[Words] = Words(
        "text-classification", "Gives one of {n} labels to {item}.", always_answers=True
    )
    record: ClassVar[RecordFields] = LABEL_RECORD
    asking: ClassVar[Asking | None] = LABEL_ASKING

    def check(
        self,
        items: Sequence[Any],
        y: Any,
        *,
        known: Examples | None = None,
    ) -> Examples:
        """Number the labels of items.

        Raises
        ------
        ValueError
            If there is not one label for each item.
        MissingLabelError
            If a label is None or not a number.
        TooFewLabelsError
            If all labels are the same.
        UnknownLabelError
            If a validation row has a label that the training rows do not have.
        """
        labels = as_labels(y)
        if len(items) != len(labels):
            raise ValueError(
                f"Expected one label for each text, found {len(items)} texts and {len(labels)} labels."
            )
        if known is not None:
            return Examples(items, find_labels(labels, known.labels), known.labels)
        space, truth = np.unique(labels, return_inverse=True)
        if len(space) < 2:
            # scikit-learn's checks look for the words "1 class".
            raise TooFewLabelsError(
                f"Classification needs at least two labels, but all {len(labels)} rows have the label "
                f"{str(space[0])!r}: 1 class. Check the labels, or add rows with other ones."
            )
        return Examples(items, truth.astype(np.int64), space)

    def strata(self, examples: Examples) -> np.ndarray:
        """Give the label of each row."""
        return np.asarray(examples.truth)

    def n_logits(self, examples: Examples) -> int:
        """Give one logit a label."""
        return len(examples.labels)

    def training_targets(self, examples: Examples) -> np.ndarray:
        """Give the position of each row's label, int64."""
        return np.asarray(examples.truth)

    def decoder(self, examples: Examples, *, temperature: float | None = None, **given: Any) -> LabelDecoder:
        """Give the decoder of a temperature; None leaves the logits as they are."""
        return LabelDecoder(tuple(map(str, examples.labels)), float(temperature or 1.0))

    def fit_decoder(
        self, logits: np.ndarray, examples: Examples, *, temperature: float | None = None, **given: Any
    ) -> LabelDecoder:
        """Fit the temperature on held-out rows, unless it is given."""
        found = temperature or evaluation.fit_temperature(logits, examples.truth)
        return self.decoder(examples, temperature=found)

    def read_decoder(self, settings: Mapping[str, Any]) -> LabelDecoder:
        """Read a decoder from `predictor.json`."""
        return LabelDecoder.of(settings)

    def score(self, logits: np.ndarray, examples: Examples) -> dict[str, float]:
        """Compare by log-loss at the best temperature, since accuracies of neighbours tie."""
        probabilities = self.fit_decoder(logits, examples).probabilities(logits)
        return scores_of_labels(probabilities, examples.truth, best=np.asarray(logits).argmax(axis=1))

    def certainty(self, answers: Any) -> np.ndarray:
        """Give the probability of the most probable label of each row."""
        return np.asarray(answers.probabilities.max(axis=1))

    def soft_targets(self, answers: Any, labels: Sequence[str]) -> list[Any]:
        """Give the probabilities of the labels."""
        return by_label(answers, labels)

    def check_soft(self, soft: Any, examples: Examples) -> np.ndarray:
        """Give probabilities of the labels, of shape (n_rows, n_labels); see `check_soft`."""
        return check_soft(soft, n_rows=len(examples), classes=examples.labels)

    def as_soft(self, examples: Examples) -> np.ndarray:
        """Give a 1 for the label of each row."""
        return np.eye(len(examples.labels))[examples.truth]

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows have their label."""
        return np.asarray(answers.best == examples.truth)

    def row_labels(self, value: Any) -> list[str]:
        """Give the label of a row, in a list; an empty one where it is unlabelled."""
        return [] if value is None else [str(value)]

    def read_answer(self, value: Any) -> str:
        """Give the label; an empty one is no answer."""
        return read_label(value)

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the label."""
        return str(record["label"])

    def ranking_metric(self, match_label: str | None) -> str | None:
        """Give the metric of the order of the probabilities of a match, where a label means one."""
        return None if match_label is None else "average_precision"

    def ranked(
        self,
        targets: Sequence[Any],
        probabilities: np.ndarray,
        *,
        labels: Sequence[str],
        match_label: str | None,
    ) -> tuple[list[bool], np.ndarray]:
        """Give which rows match, and the probability of a match."""
        column = list(labels).index(str(match_label))
        return [target == match_label for target in targets], probabilities[:, column]


LABEL = Label()


def scores_of_labels(probabilities: np.ndarray, truth: np.ndarray, *, best: np.ndarray) -> dict[str, float]:
    """Give accuracy, log-loss, score and its error of probabilities of shape (n_rows, n_labels)."""
    given = probabilities[np.arange(len(truth)), truth]
    losses = -np.log(np.maximum(given, SMALLEST_PROBABILITY))
    accuracy = float(np.mean(best == truth))
    return {"accuracy": accuracy, "log_loss": float(losses.mean()), **mean_and_error(losses)}


def by_label(answers: Answers | LabelSetAnswers, labels: Sequence[str]) -> list[Any]:
    """Give the probabilities of each row with their columns in the order of these labels."""
    columns = [answers.labels.index(label) for label in labels]
    return list(answers.probabilities[:, columns].tolist())


def read_label(value: Any) -> str:
    """Give a label that is stated elsewhere; raises ValueError where there is none."""
    if not isinstance(value, str | int | float | None):
        raise ValueError("it is no label")
    label = "" if value is None or value != value else str(value).strip()
    if not label:
        raise ValueError("there is no label")
    return label


def as_labels(y: Any) -> np.ndarray:
    """Give labels as an array of one dimension, of str where they are objects.

    Raises
    ------
    ValueError
        If there are none, or they have several dimensions.
    MissingLabelError
        If a label is None or not a number.
    """
    if y is None:
        raise ValueError(
            "This method requires y to be passed, but the target y is None: give one label for each text."
        )
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(
            f"Expected labels in one dimension, found shape {labels.shape}. Give one label for each text."
        )
    missing = [value is None or value != value for value in labels.tolist()]
    if any(missing):
        raise MissingLabelError(
            f"{sum(missing)} of {len(missing)} labels are missing, first at position {missing.index(True)}. "
            "Label these texts, or leave them out."
        )
    if labels.dtype == object:
        return np.asarray([str(value) for value in labels])
    return labels


def find_labels(labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give positions of labels in a label space that is in order, int64; raises `UnknownLabelError`."""
    unknown = np.setdiff1d(labels, known)
    if len(unknown):
        shown = ", ".join(repr(str(label)) for label in unknown[:5])
        raise UnknownLabelError(
            f"The validation rows use {count_of(len(unknown), 'label')} that the training rows do not have: {shown}. "
            "Add training rows with these labels, or correct the spelling."
        )
    return np.searchsorted(known, labels).astype(np.int64)
