"""From margins of labels to answers that are sets of them: the one implementation of every method of many labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from metier.predictors.answers import LabelSetAnswers
from metier.tasks.many_labels import keep_consistent, parent_columns


@dataclass(frozen=True)
class LabelRule:
    """What makes a set of labels of a row of margins.

    Parameters
    ----------
    labels : tuple of str
    slopes, offsets : ndarray of float64 of shape (n_labels,)
        A label's probability is sigmoid(slope * margin + offset), and at most that of the label it stands under.
    thresholds : ndarray of float64 of shape (n_labels,)
        A label is answered where its probability is at least this; never below that of the label it stands under.
    """

    labels: tuple[str, ...]
    slopes: np.ndarray
    offsets: np.ndarray
    thresholds: np.ndarray

    def probabilities(self, margins: np.ndarray) -> np.ndarray:
        """Give the probability of each label, an ndarray of float64 of shape (n_rows, n_labels)."""
        scaled = np.asarray(margins, dtype=np.float64) * self.slopes + self.offsets
        # Beyond 40 a sigmoid is 0 or 1 to the last digit, and the power would overflow.
        return keep_consistent(1 / (1 + np.exp(-np.clip(scaled, -40, 40))), parent_columns(self.labels))

    def answer(self, margins: np.ndarray, name: str) -> LabelSetAnswers:
        """Answer rows in the name of a method."""
        return LabelSetAnswers(
            self.probabilities(margins), self.labels, self.thresholds, (name,) * len(margins)
        )

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {
            "labels": list(self.labels),
            "slopes": self.slopes.tolist(),
            "offsets": self.offsets.tolist(),
            "thresholds": self.thresholds.tolist(),
        }

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        numbers = [np.array(settings[key], dtype=np.float64) for key in ("slopes", "offsets", "thresholds")]
        labels = tuple(settings["labels"])
        if any(len(column) != len(labels) for column in numbers):
            raise ValueError(
                f"{len(labels)} labels have {', '.join(str(len(column)) for column in numbers)} numbers"
            )
        return cls(labels, *numbers)

    @property
    def chosen(self) -> dict[str, list[float]]:
        """Slope, offset and threshold of each label: what another fit takes as its argument `rule`."""
        rows = zip(self.slopes.tolist(), self.offsets.tolist(), self.thresholds.tolist(), strict=True)
        return {label: list(row) for label, row in zip(self.labels, rows, strict=True)}

    @classmethod
    def from_chosen(cls, chosen: Mapping[str, Sequence[float]], labels: Sequence[str]) -> Self:
        """Make the rule for a label space of what `chosen` gave; a label that is not in it gets the median."""
        median = np.median(np.array(list(chosen.values())), axis=0).tolist() if chosen else [1.0, 0.0, 0.5]
        rows = np.array([list(chosen.get(label, median)) for label in labels], dtype=np.float64)
        return cls(tuple(labels), rows[:, 0], rows[:, 1], rows[:, 2])
