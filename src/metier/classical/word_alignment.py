"""Which word of a translation stands for which: IBM model 1, learned by expectation and maximisation.

Brown, Della Pietra, Della Pietra and Mercer, "The mathematics of statistical machine translation", 1993. All possible
links of all rows are three long arrays, so a round is a handful of numpy calls, whatever the language.
"""

from collections.abc import Sequence

import numpy as np

ROUNDS = 8


def align(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Give for each row the source position that each target word most probably comes from; -1: from none.

    Parameters
    ----------
    sources, targets : sequence of sequence of int
        Word numbers from 1 on; 0 is the empty word, which every source has.

    Returns
    -------
    list of ndarray of int64 of shape (n_target_words,)
    """
    with_empty = [np.array([0, *source], dtype=np.int64) for source in sources]
    links = [
        (np.tile(source, len(target)), np.repeat(np.asarray(target, dtype=np.int64), len(source)))
        for source, target in zip(with_empty, targets, strict=True)
    ]
    source_words = np.concatenate([source for source, _ in links])
    target_words = np.concatenate([target for _, target in links])
    widths = np.concatenate([np.full(len(t), len(s)) for s, t in zip(with_empty, targets, strict=True)])
    starts = np.concatenate([[0], widths.cumsum()[:-1]])
    probability = _learn(source_words, target_words, starts, widths)
    aligned, at = [], 0
    for source, target in zip(with_empty, targets, strict=True):
        size = len(source) * len(target)
        grid = probability[at : at + size].reshape(len(target), len(source))
        aligned.append(grid.argmax(axis=1) - 1)
        at += size
    return aligned


def _learn(sources: np.ndarray, targets: np.ndarray, starts: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Give the probability of the target word given the source word, for each link."""
    pairs, of_link = np.unique(sources * (targets.max() + 1) + targets, return_inverse=True)
    source_of_pair = pairs // (targets.max() + 1)
    probability = np.ones(len(pairs))
    for _ in range(ROUNDS):
        weights = probability[of_link]
        weights /= np.repeat(np.add.reduceat(weights, starts), widths)
        counts = np.bincount(of_link, weights=weights, minlength=len(pairs))
        probability = counts / np.bincount(source_of_pair, weights=counts)[source_of_pair]
    return np.asarray(probability[of_link])
