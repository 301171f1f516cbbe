"""What a bundle carries for sets of labels of any coverage: how well the true labels of validation rows suited them.

Twenty bytes a row, read only where sets are asked for. After a refit they are those of the model before it, as the
temperature is: a refit knows the validation rows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.errors import CallError
from metier.evaluation.conformal_sets import LabelSets, held_out_scores, label_sets_of
from metier.predictors.loading import as_bundle_error

LABEL_SETS_FILE = "label_sets.safetensors"
MOST_ROWS = 20_000  # More make the cut no better than a thousandth.


@dataclass(frozen=True)
class CarriedScores:
    """How well the true labels of held-out rows suited them, by kind of set.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (n_rows,)
        Of `evaluation.conformal_sets.KINDS`: the lower, the sooner the true label is in the set.
    truth : ndarray of int of shape (n_rows,)
        Positions of the labels.
    labels : tuple of str
    """

    scores: dict[str, np.ndarray]
    truth: np.ndarray
    labels: tuple[str, ...]

    def rule(self, kind: str, coverage: float) -> LabelSets:
        """Give the rule of a coverage, above 0 and below 1; raises `DataError` where the rows are too few for it."""
        return label_sets_of(
            self.scores["raps" if kind == "raps" else "lac"],
            self.truth,
            n_labels=len(self.labels),
            kind=kind,
            coverage=coverage,
        )


def write_label_sets(folder: Path, probabilities: np.ndarray, truth: np.ndarray) -> None:
    """Keep what sets of labels take of held-out rows that were answered with these probabilities."""
    kept = np.linspace(0, len(truth) - 1, min(len(truth), MOST_ROWS)).round().astype(np.int64)
    codes, given = np.asarray(truth, dtype=np.int32)[kept], np.asarray(probabilities)[kept]
    arrays = {kind: held_out_scores(given, codes, kind=kind) for kind in ("lac", "raps")}
    save_file({**arrays, "truth": codes}, folder / LABEL_SETS_FILE)


def read_label_sets(folder: Path, labels: tuple[str, ...]) -> CarriedScores:
    """Read what `write_label_sets` kept.

    Raises
    ------
    CallError
        If the bundle carries none: it answers otherwise than with one label, or is from before.
    BundleError
        If the file is broken.
    """
    path = folder / LABEL_SETS_FILE
    if not path.exists():
        raise CallError(
            f"{folder} carries nothing for sets of labels: it does not answer with one label, or was trained by an older "
            "release. Leave --label-sets out, or train again."
        )
    with as_bundle_error(folder, "does not hold complete scores for sets of labels"):
        arrays: dict[str, Any] = load_file(path)
        found = CarriedScores({kind: arrays[kind] for kind in ("lac", "raps")}, arrays["truth"], labels)
        sizes = {len(one) for one in arrays.values()}
        if len(sizes) != 1 or (len(found.truth) and int(found.truth.max()) >= len(labels)):
            raise ValueError(f"{sorted(sizes)} rows")
    return found
