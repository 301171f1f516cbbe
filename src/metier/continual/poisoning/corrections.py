"""What is judged and what it is judged by: corrections of the answers of a service, and rows whose labels are trusted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from metier.errors import DataError, quoted


@dataclass(frozen=True)
class Corrections:
    """Corrections of answers, in the order in which they came.

    Parameters
    ----------
    ids : sequence of str
        Of the predictions that they are about.
    keys : sequence of str
        Who sent each: the name of a key of the service.
    seconds : ndarray of shape (n_corrections,)
        When each came, in seconds of any clock, not falling.
    answered, said : sequence of str
        The label that the service gave, and the label that it should have been.
    features : ndarray of shape (n_corrections, n_features)
        Of the questions, by an encoder that feedback does not train.
    asked : mapping of str to int
        How often the service answered each label in that time, corrected or not; where it says nothing the corrections
        are counted.
    """

    ids: Sequence[str]
    keys: Sequence[str]
    seconds: np.ndarray
    answered: Sequence[str]
    said: Sequence[str]
    features: np.ndarray
    asked: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {
            len(self.ids),
            len(self.keys),
            len(self.seconds),
            len(self.answered),
            len(self.said),
            len(self.features),
        }
        if len(lengths) > 1:
            raise ValueError(f"Corrections have columns of {sorted(lengths)} rows; expected one number.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def changed(self) -> np.ndarray:
        """Which of them say another label than was answered, an ndarray of bool of shape (n_corrections,)."""
        pairs = zip(self.answered, self.said, strict=True)
        return np.asarray([answered != said for answered, said in pairs], dtype=bool)

    @property
    def answers_of(self) -> Mapping[str, int]:
        """How often each label was answered: at least as often as it was corrected or confirmed."""
        own = Counter(self.answered)
        return {label: max(count, self.asked.get(label, 0)) for label, count in own.items()}


@dataclass(frozen=True)
class Trusted:
    """Rows whose labels people checked.

    Parameters
    ----------
    reference, reference_labels : ndarray of shape (n_reference, n_features), and sequence of str
        Rows that say where the questions of each label are: those that the model was trained on.
    features, labels, answered : ndarray of shape (n_rows, n_features), and sequences of str
        Rows that neither the model nor the reference has, with what the model answered them.
    """

    reference: np.ndarray
    reference_labels: Sequence[str]
    features: np.ndarray
    labels: Sequence[str]
    answered: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.reference) != len(self.reference_labels):
            raise ValueError(f"{len(self.reference)} reference rows have {len(self.reference_labels)} labels.")
        if not len(self.features) == len(self.labels) == len(self.answered):
            raise ValueError("Trusted rows, their labels and their answers are not of one length.")

    @property
    def known(self) -> list[str]:
        """Labels of the reference, sorted."""
        return sorted(set(self.reference_labels))

    def check_labels(self, corrections: Corrections) -> None:
        """Raise DataError where no reference row has the label of a correction: nothing could be said of it."""
        known = set(self.reference_labels)
        for id_, label in zip(corrections.ids, corrections.said, strict=True):
            if label not in known:
                raise DataError(
                    f"The correction of {id_} says {quoted(label)}, and no trusted row has that label. "
                    "Give some rows of it, or leave the correction out."
                )
