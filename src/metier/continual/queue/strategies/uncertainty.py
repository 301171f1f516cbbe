"""Uncertainty: rows of whose answer the model, or several models together, are not sure.

Of one model: the probability of the best label (least confidence: Lewis and Gale, 1994), its lead over the next (breaking
ties: Luo et al., 2005), and how far the answer is spread (entropy: Settles, 2009). Begin with breaking ties: entropy also
counts labels that nobody would choose between, and did worse on texts in most comparisons (Schröder et al., 2022). Of
several: the mean divergence of Kullback and Leibler from the mean of their answers (McCallum and Nigam, 1998).
"""

import numpy as np

from metier.continual.queue.strategies.pool import SMALL, Pick, Pool, given, highest, percent


def least_confidence(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows of whose answer the model is least sure."""
    probabilities = given(pool.probabilities)
    best = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    return [
        Pick(
            row,
            float(1 - confidence[row]),
            f"The model is only {percent(confidence[row])} % sure of its answer {pool.labels[best[row]]!r}.",
        )
        for row in highest(-confidence, n, rng=rng)
    ]


def breaking_ties(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows where the model hesitates between two labels."""
    probabilities = given(pool.probabilities)
    if probabilities.shape[1] < 2:
        return []
    two = np.argpartition(-probabilities, 1, axis=1)[:, :2]
    shares = np.take_along_axis(probabilities, two, axis=1)
    order = np.argsort(-shares, axis=1)
    two, shares = np.take_along_axis(two, order, axis=1), np.take_along_axis(shares, order, axis=1)
    margins = shares[:, 0] - shares[:, 1]
    return [
        Pick(row, float(1 - margins[row]), _two(pool.labels, two[row], shares[row]))
        for row in highest(-margins, n, rng=rng)
    ]


def _two(labels: tuple[str, ...], two: np.ndarray, shares: np.ndarray) -> str:
    one, other = labels[two[0]], labels[two[1]]
    return (
        f"The model hesitates between {one!r} ({percent(shares[0])} %) and {other!r} ({percent(shares[1])} %)."
    )


def entropy(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows whose probabilities have the highest entropy."""
    probabilities = given(pool.probabilities)
    spread = -(probabilities * np.log(np.maximum(probabilities, SMALL))).sum(axis=1)
    return [
        Pick(
            row,
            float(spread[row]),
            f"The model spreads its answer over about {np.exp(spread[row]):.1f} labels.",
        )
        for row in highest(spread, n, rng=rng)
    ]


def disagreement(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows where the models do not agree; none where all give the same label."""
    answers = np.stack(pool.members)
    mean = answers.mean(axis=0)
    logs = np.log(np.maximum(answers, SMALL)) - np.log(np.maximum(mean, SMALL))
    spread = (answers * logs).sum(axis=2).mean(axis=0)
    best = answers.argmax(axis=2)
    differs = (best != best[0]).any(axis=0)
    wanted = highest(np.where(differs, spread, -1), min(n, int(differs.sum())), rng=rng)
    return [Pick(row, float(spread[row]), _answers(pool.labels, best[:, row])) for row in wanted]


def _answers(labels: tuple[str, ...], best: np.ndarray) -> str:
    given = " / ".join(repr(labels[place]) for place in dict.fromkeys(best.tolist()))
    return f"{len(best)} models or stages do not agree on it: {given}."
