"""What a bundle that was updated carries for whoever watches it: answers to rows it never learned, and what it learned.

A bundle of a run has its run beside it, which knows its answers to test rows. One that was updated goes into a registry and
lies alone, so it carries them itself: old and new test rows, four bytes a label and row. By the keys of the texts that it
learned those are told that measure nothing any more.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.predictors.loading import as_bundle_error

ANSWERS_FILE = "updated_answers.safetensors"
UPDATE_FOLDER, KNOWN_FILE = "update", "known.safetensors"
MOST_ROWS = 20_000


@dataclass(frozen=True)
class UpdatedAnswers:
    """Answers to test rows, and what was learned.

    Parameters
    ----------
    probabilities : ndarray of float32 of shape (n_rows, n_labels)
        In the order of the labels of the bundle.
    truth : ndarray of int of shape (n_rows,)
        Positions of the labels.
    learned : ndarray of uint64
        Keys of the texts that were learned, as `text_keys` gives them.
    """

    probabilities: np.ndarray
    truth: np.ndarray
    learned: np.ndarray


def write_updated_answers(folder: Path, probabilities: np.ndarray, truth: np.ndarray) -> None:
    """Keep answers to rows that were never learned."""
    kept = np.linspace(0, len(truth) - 1, min(len(truth), MOST_ROWS)).round().astype(np.int64)
    arrays = {
        "probabilities": np.ascontiguousarray(probabilities[kept], dtype=np.float32),
        "truth": np.ascontiguousarray(truth[kept], dtype=np.int32),
    }
    save_file(arrays, folder / ANSWERS_FILE)


def read_updated_answers(folder: Path) -> UpdatedAnswers | None:
    """Read what a bundle carries; None: it was not updated.

    Raises
    ------
    BundleError
        If the files are broken.
    """
    if not (folder / ANSWERS_FILE).is_file():
        return None
    with as_bundle_error(folder, "does not hold complete answers to test rows"):
        arrays, known = load_file(folder / ANSWERS_FILE), load_file(folder / UPDATE_FOLDER / KNOWN_FILE)
        return UpdatedAnswers(arrays["probabilities"], arrays["truth"], known["keys"])
