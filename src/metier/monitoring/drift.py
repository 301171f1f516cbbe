"""New rows without labels held against rows that a run has measured: what has moved, and how right answers still are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.audit.drift import NOTICEABLE, NOTICEABLE_RATIO, Shift, shifts, words_of
from metier.bundles import Bundle
from metier.data import Rows, read
from metier.data.trained_columns import with_columns
from metier.errors import CallError, DataError
from metier.monitoring.signals.label_shift import LabelShares, label_shares
from metier.monitoring.signals.two_samples import TwoSamples, confidence_test, discrepancy_test
from metier.monitoring.signals.unlabelled_accuracy import EstimatedAccuracy, estimate_accuracy
from metier.progress import Listener, Progress, ignore
from metier.runs.run_folder import RunFolder
from metier.runs.stored_answers import joined, keep
from metier.selection.finished_run import Run

FORMAT = "metier.drift.v1"
FEWEST = 30  # Rows on either side.
BATCH = 1_024
LEVEL = 0.05


@dataclass(frozen=True)
class Drift:
    """What has moved.

    Parameters
    ----------
    name : str
        Of the model.
    split : str
        Rows of the run that are compared with: test, or validation.
    origin : str
        Of the new rows.
    labels : tuple of str
    measured : float
        Accuracy on the rows of the run.
    accuracy : EstimatedAccuracy
        On the new rows.
    shares : LabelShares
    tests : dict of str to TwoSamples
        `confidence` and `answers`.
    words : tuple of Shift
        Words that are more or less frequent, the largest first.
    n_reference, n_rows : int
    """

    name: str
    split: str
    origin: str
    labels: tuple[str, ...]
    measured: float
    accuracy: EstimatedAccuracy
    shares: LabelShares
    tests: dict[str, TwoSamples]
    words: tuple[Shift, ...]
    n_reference: int
    n_rows: int

    @property
    def has_drifted(self) -> bool:
        """Whether a test says so, both within one error of 5 % (Bonferroni)."""
        return any(one.p_value <= LEVEL / len(self.tests) for one in self.tests.values())

    @property
    def moved_labels(self) -> list[int]:
        """Positions of the labels whose share is shown to be another, the largest change first."""
        shares = self.shares
        moved = np.flatnonzero((shares.low > shares.before) | (shares.high < shares.before))
        return sorted(moved.tolist(), key=lambda one: -abs(float(shares.now[one] - shares.before[one])))

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        shares = self.shares
        return {
            "format": FORMAT,
            "name": self.name,
            "reference": {"split": self.split, "rows": self.n_reference, "accuracy": self.measured},
            "rows": {"origin": self.origin, "rows": self.n_rows},
            "has_drifted": self.has_drifted,
            "tests": {name: asdict(one) for name, one in self.tests.items()},
            "estimated_accuracy": asdict(self.accuracy),
            "labels": [
                {"label": label} | {name: float(values[place]) for name, values in vars(shares).items()}
                for place, label in enumerate(self.labels)
            ],
            "moved_labels": [self.labels[place] for place in self.moved_labels],
            "words": [asdict(one) for one in self.words],
        }


def drift(
    run: str | Path,
    rows: Any,
    *,
    reference: Any = None,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Drift:
    """Hold new rows against the test rows of a run, or against its validation rows where it has none.

    Parameters
    ----------
    run : path
        A finished run of one label.
    rows : path, Rows, DataFrame, Arrow table or list
        Without labels.
    reference : path, Rows, DataFrame, Arrow table or list, optional
        Earlier rows, such as those of training, whose words are compared with.
    **how
        As in `metier.read`, of both.

    Raises
    ------
    CallError
        If the run does not answer with one label and probabilities.
    DataError
        If there are too few rows.
    """
    finished = Run.open(run)
    split = "test" if finished.report["data"]["rows"].get("test") else "validation"
    folder = RunFolder.open(finished.folder)
    known, truth = folder.answers(finished.report["recommended"], split), folder.truth(split)
    model = finished.best
    if truth is None or known.probabilities is None or not model.answer_kind.is_one_label:
        raise CallError(
            f"{finished.folder} answers otherwise than with one label and probabilities, so how sure it is says nothing of "
            "its accuracy. Give a run of one label."
        )
    given = _read(model, rows, how)
    _check_rows(len(known.predicted), len(given), given.origin, split)
    earlier = None if reference is None else _read(model, reference, how)
    labels = tuple(finished.report["data"]["labels"])
    found = _answered(model, given, labels, listener)
    targets = [str(one) for one in truth[0]]
    right = np.array([one == two for one, two in zip(known.predicted, targets, strict=True)])
    sure, now = known.probabilities.max(axis=1), found.max(axis=1)
    tests = {
        "confidence": confidence_test(sure, now, random_state=random_state),
        "answers": discrepancy_test(known.probabilities, found, random_state=random_state),
    }
    return Drift(
        model.name,
        split,
        given.origin,
        labels,
        float(right.mean()),
        estimate_accuracy(sure, right, now, random_state=random_state),
        label_shares(found, _shares(targets, labels), random_state=random_state),
        tests,
        () if earlier is None else _moved_words(earlier, given),
        len(targets),
        len(given),
    )


def _read(model: Bundle, source: Any, how: Mapping[str, Any]) -> Rows:
    """Read rows by the columns that the model was trained with."""
    return with_columns(model.roles, lambda **roles: read(source, **roles), **how)


def _check_rows(n_reference: int, n_rows: int, origin: str, split: str) -> None:
    if min(n_reference, n_rows) < FEWEST:
        where, found = (origin, n_rows) if n_rows < FEWEST else (f"the {split} rows of the run", n_reference)
        raise DataError(
            f"{where}: {found} rows. Drift is told from {FEWEST} rows or more on either side. Give more."
        )


def _answered(model: Bundle, rows: Rows, labels: tuple[str, ...], listener: Listener) -> np.ndarray:
    """Give the probabilities of rows, the columns in the order of labels, of shape (n_rows, n_labels)."""
    items = model.input_kind.from_rows(rows)
    batches = []
    for at in range(0, len(items), BATCH):
        listener(Progress("answering", at, len(items)))
        batches.append(keep(model.predict(items[at : at + BATCH]), labels))
    found = joined(batches).probabilities
    assert found is not None  # One label, as was checked.
    return found


def _shares(targets: Sequence[str], labels: tuple[str, ...]) -> np.ndarray:
    """Give the share of each label, half a row more for each, so that none is 0."""
    places = {label: place for place, label in enumerate(labels)}
    counts = np.bincount([places[one] for one in targets if one in places], minlength=len(labels)) + 0.5
    return np.asarray(counts / counts.sum())


def _moved_words(earlier: Rows, rows: Rows) -> tuple[Shift, ...]:
    return tuple(shifts(words_of(earlier), words_of(rows), least=NOTICEABLE, ratio=NOTICEABLE_RATIO))
