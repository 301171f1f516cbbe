"""Checks of scores: constant, infinite, or outliers."""

from collections.abc import Iterator

import numpy as np

from metier.audit.finding import Finding, Severity, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of

FAR = 3.0  # Tukey's outer fences: this many interquartile ranges beyond the quartiles.
FEWEST_ROWS = 20  # With fewer the quartiles are too noisy.
MOST_FRACTION = 0.01  # More than this is their distribution, not a slip.


def check_scores(rows: Rows) -> Iterator[Finding]:
    """Check the scores of rows.

    References
    ----------
    Tukey, "Exploratory data analysis", 1977: the outer fences.
    """
    if rows.roles.score is None:
        return
    scores = np.array(rows.column("score"), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(scores))
    if len(infinite):
        yield Finding(
            "infinite-scores",
            "error",
            f"{count_of(len(infinite), 'row')} {'has' if len(infinite) == 1 else 'have'} an infinite score",
            positions_of(infinite),
            rows.origin,
            examples_of(rows, infinite.tolist()),
            "fix them, or remove these rows",
        )
    finite = scores[np.isfinite(scores)]
    if not len(finite) or finite.min() == finite.max():
        found = f"every row has the score {finite[0]:g}" if len(finite) else "no row has a score"
        yield Finding(
            "constant-scores",
            "error",
            f"{found}; there is nothing to learn",
            origin=rows.origin,
            remedy="--role score=COLUMN",
        )
    elif len(finite) >= FEWEST_ROWS:
        yield from _outliers(rows, scores, finite)


def _outliers(rows: Rows, scores: np.ndarray, finite: np.ndarray) -> Iterator[Finding]:
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    reach = FAR * (high - low)
    if reach == 0:
        return  # Half of the scores are equal: every other score would be an outlier.
    far = np.flatnonzero(((scores < low - reach) | (scores > high + reach)) & np.isfinite(scores))
    if not len(far):
        return
    ranked = far[np.argsort(-np.abs(scores[far] - middle), kind="stable")]
    severity: Severity = "warning" if len(far) <= MOST_FRACTION * len(finite) else "note"
    yield Finding(
        "score-outliers",
        severity,
        f"{count_of(len(far), 'score')} {'lies' if len(far) == 1 else 'lie'} far from the others: "
        f"{', '.join(f'{scores[row]:g}' for row in ranked[:5])}{', …' if len(ranked) > 5 else ''}; half of the "
        f"scores lie between {low:g} and {high:g}",
        positions_of(ranked),
        rows.origin,
        examples_of(rows, ranked.tolist(), score=[float(scores[row]) for row in ranked]),
        "inspect them: a few outliers distort every metric",
        {"quartiles": [float(low), float(middle), float(high)]},
    )
