"""Disagreement: rows to which the stages of a cascade, or several candidates, give other answers.

Measured by the mean divergence of Kullback and Leibler from the mean of their answers (McCallum and Nigam, 1998).
"""

import numpy as np

from metier.continual.queue.strategies.pool import SMALL, Pick, Pool, highest


def disagreement(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows where the models do not agree; none where all give the same label."""
    answers = np.stack(pool.members)
    mean = answers.mean(axis=0)
    logs = np.log(np.maximum(answers, SMALL)) - np.log(np.maximum(mean, SMALL))
    spread = (answers * logs).sum(axis=2).mean(axis=0)
    best = answers.argmax(axis=2)
    differs = (best != best[0]).any(axis=0)
    wanted = highest(np.where(differs, spread, -1), min(n, int(differs.sum())), rng=rng)
    return [Pick(row, float(spread[row]), _reason(pool.labels, best[:, row])) for row in wanted]


def _reason(labels: tuple[str, ...], best: np.ndarray) -> str:
    given = " / ".join(repr(labels[place]) for place in dict.fromkeys(best.tolist()))
    return f"{len(best)} models or stages do not agree on it: {given}."
