"""How good a search is: one number a query, whose mean is the figure. Hits in, numbers out.

`hits` are bool of shape (n_queries, depth): whether what was found at each rank answers the query. Where the search
stopped at a depth, what it did not find counts as not found.
"""

import numpy as np


def success_at(hits: np.ndarray, k: int) -> np.ndarray:
    """Give 1 where one of the first k answers, else 0; called recall@k where one answer is all that is wanted."""
    found: np.ndarray = np.any(hits[:, :k], axis=1).astype(np.float64)
    return found


def recall_at(hits: np.ndarray, n_relevant: np.ndarray, k: int) -> np.ndarray:
    """Give the share of all that answers that is among the first k, of shape (n_queries,)."""
    shares: np.ndarray = hits[:, :k].sum(axis=1) / n_relevant
    return shares


def reciprocal_ranks(hits: np.ndarray) -> np.ndarray:
    """Give 1 / rank of the first that answers, 0 where none does; their mean is the MRR."""
    ranks = hits.argmax(axis=1) + 1
    found: np.ndarray = np.where(hits.any(axis=1), 1 / ranks, 0.0)
    return found


def average_precisions(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """Give the mean of the precision at every rank that answers; their mean is the MAP.

    Divided by all that answers, or by the depth where that is less.
    """
    precisions = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    found: np.ndarray = (precisions * hits).sum(axis=1) / np.minimum(n_relevant, hits.shape[1])
    return found


def search_figures(hits: np.ndarray, n_relevant: np.ndarray) -> dict[str, np.ndarray]:
    """Give every number of this room for each query, by its name in reports."""
    return {
        "success@1": success_at(hits, 1),
        "success@5": success_at(hits, 5),
        "recall@5": recall_at(hits, n_relevant, 5),
        "reciprocal_rank": reciprocal_ranks(hits),
        "average_precision": average_precisions(hits, n_relevant),
    }
