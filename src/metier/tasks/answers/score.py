"""A number and an interval around it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from metier import evaluation
from metier.errors import DataError, SettingsError, TooFewLabelsError
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.asking import NUMBER_ASKING, Asking
from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words, mean_and_error
from metier.tasks.answers.label import ON_WEIGHTS_AND_WORDS
from metier.tasks.examples import Examples

DIGITS = 6  # Significant ones: more than any interval deserves, and short enough to send.
STRATA = 5  # Held-out rows have low, middle and high scores in the shares of all rows.
COVERAGE = 0.9
SHOWN_FAULTS = 5


@dataclass(frozen=True)
class ScoreDecoder:
    """A number, and an interval of one width around it.

    Parameters
    ----------
    half_width : float
        How far the interval of an answer reaches to either side.
    coverage : float
        Share of answers whose truth lies in the interval, 0 to 1.
    """

    half_width: float
    coverage: float

    @property
    def labels(self) -> tuple[str, ...]:
        """None: a number is not a label."""
        return ()

    @property
    def chosen(self) -> dict[str, float]:
        """What validation chose: `half_width`."""
        return {"half_width": self.half_width}

    def answer(self, logits: np.ndarray, name: str) -> RecordAnswers:
        """Answer rows in the name of a method; logits are scores in their own unit."""
        predicted = [float(f"{score:.{DIGITS}g}") for score in np.ravel(logits).tolist()]
        records = [
            {
                "score": score,
                "low": float(f"{score - self.half_width:.{DIGITS}g}"),
                "high": float(f"{score + self.half_width:.{DIGITS}g}"),
            }
            for score in predicted
        ]
        return RecordAnswers(predicted, records, (name,) * len(predicted))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {"labels": [], "half_width": self.half_width, "coverage": self.coverage}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(float(settings["half_width"]), float(settings["coverage"]))


@dataclass(frozen=True)
class Score(AnswerKind):
    """A number a row; the truth is an ndarray of float64 of shape (n_rows,)."""

    name: ClassVar[str] = "score"
    asking: ClassVar[Asking | None] = NUMBER_ASKING
    losses: ClassVar[tuple[str, ...]] = ("squared_error",)
    terms: ClassVar[tuple[str, ...]] = ("simcse", *ON_WEIGHTS_AND_WORDS)
    ensembles: ClassVar[tuple[str, ...]] = ("score_average.v1",)
    chooses: ClassVar[tuple[str, ...]] = ("half_width",)
    role: ClassVar[str | None] = "score"
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "few_shot": "Few-shot methods learn from the names of labels, and a number has none; with few rows a ridge "
            "regression on a frozen base learns as much.",
            "zero_shot": "Without a labelled row nothing says where a scale begins and how wide its unit is.",
            "in_context": "A writer gives digits, and the likelihood of digits is not a distance between numbers.",
            "self_training": "A number comes without a probability by which sure answers could be preferred, and least "
            "squares on its own answers stays where it is.",
            "weak_labels": "Rules are weighed by how often they agree, and two numbers hardly ever agree exactly.",
        }
    )
    words: ClassVar[Words] = Words(
        "text-classification", "Gives a number to {item}, with the interval it lies in."
    )
    record: ClassVar[RecordFields] = {
        "score": (float, "Where the answer is a number."),
        "low": (float, "Lower end of the interval that the number lies in."),
        "high": (float, "Upper end of it."),
    }

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the scores of items as finite numbers; validation rows may all have the same.

        Raises
        ------
        ValueError
            If there is not one score for each item.
        DataError
            If a score is not a finite number; with its row.
        TooFewLabelsError
            If all scores are the same.
        """
        if y is None or len(y) != len(items):
            found = "none" if y is None else str(len(y))
            raise ValueError(f"Expected one score for each of {len(items)} items, found {found}.")
        scores = check_numbers(np.asarray(y, dtype=object).tolist())
        if known is None:
            check_spread(scores)
        return Examples(items, scores)

    def strata(self, examples: Examples) -> np.ndarray:
        """Give which fifth of the scores each score lies in."""
        edges = np.quantile(examples.truth, np.linspace(0, 1, STRATA + 1)[1:-1])
        return np.unique(np.searchsorted(edges, examples.truth), return_inverse=True)[1]

    def n_logits(self, examples: Examples) -> int:
        """Give one: the score."""
        return 1

    def training_targets(self, examples: Examples) -> np.ndarray:
        """Give the scores in their own unit, float32; a head may learn them standardised."""
        return np.asarray(examples.truth, dtype=np.float32)

    def decoder(
        self,
        examples: Examples,
        *,
        half_width: float | None = None,
        coverage: float = COVERAGE,
        **given: Any,
    ) -> ScoreDecoder:
        """Give the decoder of a width; None: errors are unknown, so intervals are as wide as all scores."""
        width = float(np.ptp(examples.truth)) if half_width is None else half_width
        return ScoreDecoder(float(width), coverage)

    def fit_decoder(
        self,
        logits: np.ndarray,
        examples: Examples,
        *,
        half_width: float | None = None,
        coverage: float = COVERAGE,
        **given: Any,
    ) -> ScoreDecoder:
        """Choose the width by errors on held-out rows, unless it is given; too few rows promise what they hold."""
        if half_width is not None:
            return self.decoder(examples, half_width=half_width, coverage=coverage)
        errors = examples.truth - np.ravel(logits)
        width = evaluation.half_width(errors, coverage=coverage)
        held = evaluation.held_coverage(len(errors), coverage)
        return self.decoder(examples, half_width=width, coverage=held)

    def read_decoder(self, settings: Mapping[str, Any]) -> ScoreDecoder:
        """Read a decoder from `predictor.json`."""
        return ScoreDecoder.of(settings)

    def score(self, logits: np.ndarray, examples: Examples, *, scale: float = 1.0) -> dict[str, float]:
        """Compare by squared error; `scale` is the unit of standardised scores."""
        losses = np.square(np.ravel(logits) - examples.truth)
        return {"rmse": float(np.sqrt(losses.mean()) * scale), **mean_and_error(losses)}

    def check_soft(self, soft: Any, examples: Examples) -> np.ndarray:
        """Give a number a row in the unit of the scores: what a teacher answers is as good a target as a score."""
        found = check_numbers(np.asarray(soft, dtype=object).tolist(), origin="the soft labels")
        if len(found) != len(examples):
            fault = f"there are {len(found)}, expected {len(examples)}: a number for each item"
            raise SettingsError([fault], origin="The soft labels")
        return found

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows have their score inside the interval of their answer."""
        bounds = np.array([[record["low"], record["high"]] for record in answers.records])
        truth = np.asarray(examples.truth)
        return np.asarray((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))

    def read_answer(self, value: Any) -> float:
        """Give the number."""
        try:
            number = float("nan" if value is None or isinstance(value, bool) else value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError("it is no finite number")
        return number

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the number and its interval."""
        return f"{record['score']:.3g} [{record['low']:.3g}, {record['high']:.3g}]"

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give the true number, and the answered one with its interval."""
        truth, answered = super().lines(row)
        return [truth, answered._replace(text=self.shown(row["record"])) if row["record"] else answered]


SCORE = Score()


def check_numbers(values: Sequence[Any], *, origin: str = "these rows") -> np.ndarray:
    """Give scores as finite numbers, an ndarray of float64 of shape (n_rows,).

    Raises
    ------
    DataError
        With the rows whose score is missing, no number, or not finite.
    """
    scores = [_as_number(value) for value in values]
    faults = [(row, values[row - 1]) for row, score in enumerate(scores, start=1) if not math.isfinite(score)]
    if faults:
        shown = ", ".join(f"row {row} has {value!r}" for row, value in faults[:SHOWN_FAULTS])
        more = f" and {len(faults) - SHOWN_FAULTS:,} more" if len(faults) > SHOWN_FAULTS else ""
        raise DataError(
            f"{len(faults):,} of {len(scores):,} rows of {origin} have a score that is not a finite number: "
            f"{shown}{more}. Correct these scores, or leave the rows out."
        )
    return np.array(scores, dtype=np.float64)


def check_spread(scores: np.ndarray, *, origin: str = "these rows") -> None:
    """Refuse scores that are all the same; raises `TooFewLabelsError`."""
    if len(scores) and float(scores.min()) == float(scores.max()):
        raise TooFewLabelsError(
            f"All {len(scores)} rows of {origin} have the score {scores[0]:g}, so there is nothing to learn. "
            "Check the score column (--role score=COLUMN), or add rows with other scores."
        )


def _as_number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
