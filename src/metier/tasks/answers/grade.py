"""One of several ordinal labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from metier import evaluation
from metier.tasks.answer_batches import Answers
from metier.tasks.answers.asking import GRADE_ASKING, Asking
from metier.tasks.answers.grade_order import order_of
from metier.tasks.answers.kind import AnswerKind, RecordFields, Words
from metier.tasks.answers.label import (
    LABEL,
    LABEL_RECORD,
    ON_WEIGHTS_AND_WORDS,
    by_label,
    read_label,
    scores_of_labels,
)
from metier.tasks.examples import Examples


@dataclass(frozen=True)
class GradeDecoder:
    """Probabilities of grades from the logits of being above each grade but the highest.

    Parameters
    ----------
    labels : tuple of str
        Grades from the lowest to the highest.
    temperature : float
        What logits are divided by.
    link : {"conditional", "cumulative"}
        What a logit means: "higher than this grade, if not lower than it", or "higher than this grade".
    """

    labels: tuple[str, ...]
    temperature: float = 1.0
    link: str = "conditional"

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Give probabilities, an ndarray of float64 of shape (n_rows, n_grades); each row sums to 1."""
        return LINKS[self.link](np.asarray(logits, dtype=np.float64) / self.temperature)

    def answer(self, logits: np.ndarray, name: str) -> Answers:
        """Answer rows in the name of a method."""
        return Answers(self.probabilities(logits), self.labels, (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps; the kind of predictor names the link."""
        return {"labels": list(self.labels), "temperature": self.temperature}

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, link: str = "conditional") -> "GradeDecoder":
        """Read what `settings` gave."""
        return cls(tuple(settings["labels"]), float(settings["temperature"]), link)

    @property
    def chosen(self) -> dict[str, Any]:
        """What another fit takes: `temperature` and `order`."""
        return {"temperature": self.temperature, "order": list(self.labels)}


@dataclass(frozen=True)
class Grade(AnswerKind):
    """One grade a row; the truth is an ndarray of int64 of shape (n_rows,), places in the order.

    Parameters
    ----------
    link : {"conditional", "cumulative"}
        What logits mean; see `GradeDecoder`.
    """

    link: str = "conditional"
    name: ClassVar[str] = "grade"
    losses: ClassVar[tuple[str, ...]] = ("corn",)
    terms: ClassVar[tuple[str, ...]] = ("simcse", "r_drop", *ON_WEIGHTS_AND_WORDS)
    ensembles: ClassVar[tuple[str, ...]] = ("average.v1", "cascade.v1")
    chooses: ClassVar[tuple[str, ...]] = ("temperature",)
    role: ClassVar[str | None] = "label"
    is_one_label: ClassVar[bool] = True
    words: ClassVar[Words] = Words(
        "text-classification", "Gives one of {n} ordinal labels to {item}.", always_answers=True
    )
    record: ClassVar[RecordFields] = LABEL_RECORD
    asking: ClassVar[Asking | None] = GRADE_ASKING

    def check(
        self,
        items: Sequence[Any],
        y: Any,
        *,
        known: Examples | None = None,
        order: Sequence[str] | None = None,
    ) -> Examples:
        """Number the grades of items from the lowest up.

        Parameters
        ----------
        order : sequence of str, optional
            The grades from the lowest to the highest; None: as `grade_order.order_of` knows it.

        Raises
        ------
        DataError
            If the order of the grades cannot be known.
        ValueError, MissingLabelError, TooFewLabelsError, UnknownLabelError
            As `Label.check` does.
        """
        if known is not None:
            alphabetic, grades = np.sort(known.labels), known.labels
            found = LABEL.check(items, y, known=Examples((), (), alphabetic))
        else:
            found = LABEL.check(items, y)
            alphabetic = found.labels
            grades = np.array(order_of([str(label) for label in alphabetic], order=order))
        place = {str(label): number for number, label in enumerate(grades)}
        number_of = np.array([place[str(label)] for label in alphabetic], dtype=np.int64)
        return Examples(items, number_of[found.truth], grades)

    def strata(self, examples: Examples) -> np.ndarray:
        """Give the grade of each row."""
        return np.asarray(examples.truth)

    def n_logits(self, examples: Examples) -> int:
        """Give one logit a step between neighbouring grades."""
        return len(examples.labels) - 1

    def training_targets(self, examples: Examples) -> np.ndarray:
        """Give the place of each row's grade, int64."""
        return np.asarray(examples.truth)

    def decoder(self, examples: Examples, *, temperature: float | None = None, **given: Any) -> GradeDecoder:
        """Give the decoder of a temperature; None leaves the logits as they are."""
        return GradeDecoder(tuple(map(str, examples.labels)), float(temperature or 1.0), self.link)

    def fit_decoder(
        self, logits: np.ndarray, examples: Examples, *, temperature: float | None = None, **given: Any
    ) -> GradeDecoder:
        """Fit the temperature on held-out rows, unless it is given."""
        found = temperature or evaluation.fit_grade_temperature(
            logits, examples.truth, probabilities=LINKS[self.link]
        )
        return self.decoder(examples, temperature=found)

    def read_decoder(self, settings: Mapping[str, Any]) -> GradeDecoder:
        """Read a decoder from `predictor.json`."""
        return GradeDecoder.of(settings, link=self.link)

    def score(self, logits: np.ndarray, examples: Examples) -> dict[str, float]:
        """Compare by log-loss at the best temperature, since accuracies of neighbours tie."""
        probabilities = self.fit_decoder(logits, examples).probabilities(logits)
        return scores_of_labels(probabilities, examples.truth, best=probabilities.argmax(axis=1))

    def certainty(self, answers: Any) -> np.ndarray:
        """Give the probability of the most probable grade of each row."""
        return LABEL.certainty(answers)

    def soft_targets(self, answers: Any, labels: Sequence[str]) -> list[Any]:
        """Give the probabilities of the grades."""
        return by_label(answers, labels)

    def check_soft(self, soft: Any, examples: Examples) -> np.ndarray:
        """Give probabilities of the grades, of shape (n_rows, n_grades); see `check_soft`."""
        return LABEL.check_soft(soft, examples)

    def as_soft(self, examples: Examples) -> np.ndarray:
        """Give a 1 for the grade of each row."""
        return LABEL.as_soft(examples)

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows have their grade."""
        return np.asarray(answers.best == examples.truth)

    def row_labels(self, value: Any) -> list[str]:
        """Give the grade of a row, in a list; an empty one where it has none."""
        return LABEL.row_labels(value)

    def read_answer(self, value: Any) -> str:
        """Give the grade; an empty one is no answer."""
        return read_label(value)

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the grade."""
        return LABEL.shown(record)


def from_cumulative(logits: np.ndarray) -> np.ndarray:
    """Turn logits of "higher than grade k" into probabilities of grades.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)
        Where a later one is larger than an earlier one, as independent models can have it, it counts as equal.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_grades)
        Each row sums to 1.
    """
    return _differences(np.minimum.accumulate(_sigmoid(logits), axis=1))


def from_conditional(logits: np.ndarray) -> np.ndarray:
    """Turn logits of "higher than grade k, if not lower than it" into probabilities of grades (Shi et al., 2021).

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_grades)
        Each row sums to 1.
    """
    return _differences(np.cumprod(_sigmoid(logits), axis=1))


def _differences(above: np.ndarray) -> np.ndarray:
    """Give each grade what lies between being above the one below it and being above itself."""
    ones = np.ones((len(above), 1))
    probabilities: np.ndarray = np.hstack([ones, above]) - np.hstack([above, 0 * ones])
    return probabilities


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # Beyond 40 a sigmoid is 0 or 1 to the last digit, and the power would overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64), -40, 40))))


LINKS = {"conditional": from_conditional, "cumulative": from_cumulative}
GRADE, CUMULATIVE_GRADE = Grade(), Grade("cumulative")
