"""Scores of several methods, averaged with weights that the rows decide, and an interval of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from sklearn.model_selection import KFold

from metier.errors import DataError
from metier.predictors.composite.average import SCORES, FittedAverage
from metier.predictors.loading import read_settings
from metier.tasks.answers import SCORE
from metier.tasks.answers.score import ScoreDecoder
from metier.tasks.examples import Examples

N_FOLDS = 5
FEWEST_ROWS = 2 * N_FOLDS
# How strong the prior of equal weights is: this share of the scores' spread stands beside the rows' errors.
PRIOR = 0.1


@dataclass(frozen=True)
class ScoreAverageFit:
    """What an average of scores needs to know of its members.

    Parameters
    ----------
    weights : tuple of float
        One each a member, 0 or more.
    decoder : ScoreDecoder
        With the interval around an answer, by split conformal prediction on `held_out`.
    held_out : ndarray of float64 of shape (n_rows,)
        Scores of the rows by weights that were fitted without them.
    """

    weights: tuple[float, ...]
    decoder: ScoreDecoder
    held_out: np.ndarray

    @property
    def half_width(self) -> float:
        """Half the width of the interval around an answer."""
        return self.decoder.half_width

    @property
    def fitted(self) -> FittedAverage:
        """What is exported."""
        return FittedAverage(SCORES, [{"weight": weight} for weight in self.weights], self.decoder)


def fit_score_average(
    scores: Sequence[Sequence[float]], truth: Sequence[float], *, coverage: float, random_state: int = 0
) -> ScoreAverageFit:
    """Fit weights and interval on rows that no member was trained on.

    Parameters
    ----------
    scores : sequence of sequence of float
        One list a member, one number a row.
    truth : sequence of float

    Raises
    ------
    DataError
        If there are fewer than ten rows.
    """
    columns, wanted = np.array(scores, dtype=np.float64).T, np.array(truth, dtype=np.float64)
    if len(wanted) < FEWEST_ROWS:
        raise DataError(
            f"An average of scores needs {FEWEST_ROWS} validation rows to fit weights on, found {len(wanted)}. "
            "Hold out more rows, or leave this candidate out."
        )
    held_out = np.zeros(len(wanted))
    for known, held in KFold(N_FOLDS, shuffle=True, random_state=random_state).split(columns):
        held_out[held] = columns[held] @ _weights(columns[known], wanted[known])
    weights = _weights(columns, wanted)
    # Errors on rows that the weights did not see: of those they did, intervals would be too narrow.
    decoder = SCORE.fit_decoder(held_out, Examples(range(len(wanted)), wanted), coverage=coverage)
    return ScoreAverageFit(tuple(weights.tolist()), decoder, held_out)


def _weights(columns: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Give weights of 0 or more of the least squared error, held to equal ones as far as `PRIOR` says."""
    n_members = columns.shape[1]
    held = np.sqrt(PRIOR * max(float(truth.var()), 1e-12) * len(truth))
    rows = np.vstack([columns, held * np.eye(n_members)])
    found, _ = nnls(rows, np.concatenate([truth, np.full(n_members, held / n_members)]))
    weights: np.ndarray = found
    return weights


def coverage_of(member_folders: Sequence[Path]) -> float:
    """Give the coverage that the first member guarantees, which is the whole's too."""
    return float(read_settings(member_folders[0])["coverage"])
