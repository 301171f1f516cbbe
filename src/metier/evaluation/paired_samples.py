"""Metrics of several sets of answers on the same bootstrap samples of rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.evaluation.measure_table import Metric, find_measure
from metier.evaluation.metrics import METRICS
from metier.evaluation.resampling import resampled
from metier.evaluation.row_resampling import bootstrap_values
from metier.evaluation.row_statistics import check_rows


def paired_samples(
    metric: Metric,
    truth: Sequence[Any],
    answers: Sequence[Sequence[Any]],
    *,
    resamples: int = 1000,
    random_state: int = 0,
) -> np.ndarray:
    """Give the metric of each set of answers on each bootstrap sample of the rows.

    Parameters
    ----------
    truth : sequence with one element per row
        Label codes for accuracy and macro-F1.
    answers : sequence of sequences
        Each as long as `truth`.

    Returns
    -------
    ndarray of shape (n_sets, resamples)
        Columns are paired: one column is one sample of rows.
    """
    check_rows(truth, *answers)
    rng = np.random.default_rng(random_state)
    if metric in METRICS:
        # Row by row: with many sets there would be as many joint cells as rows.
        return _by_rows(str(metric), np.asarray(truth), [np.asarray(one) for one in answers], resamples, rng)
    found = find_measure(metric)
    n_rows, n_sets = len(truth), len(answers)
    if found.is_relative:
        tables = [found.statistics(truth, one) for one in answers]
    else:  # One table, as the labels that have columns may depend on the answers.
        concatenated = [answer for one in answers for answer in one]
        tables = np.split(found.statistics(list(truth) * n_sets, concatenated), n_sets)
    return bootstrap_values(found, tables, np.ones(n_rows, dtype=np.int64), resamples=resamples, rng=rng)


def _by_rows(
    metric: str, truth: np.ndarray, answers: list[np.ndarray], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    if metric == "accuracy":
        correct = np.stack([truth == one for one in answers]).astype(np.float64)
        counts = rng.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=resamples)
        return correct @ counts.T / len(truth)
    return resampled(metric, truth, *answers, resamples=resamples, rng=rng)
