"""TextRank: rank the sentences of a text by centrality, without learning.

Sentences are the nodes of a graph, TF-IDF cosines within the text the weights of its edges, and the rank of a sentence
is its share of the stationary distribution of a random walk (Mihalcea and Tarau, "TextRank: bringing order into text",
2004, with cosines instead of counted words, as in LexRank by Erkan and Radev, 2004).
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from metier.text.segmentation import has_han, segment, split_sentences

DAMPING = 0.85  # As in the paper; otherwise the walk restarts at a random sentence.
ROUNDS = 50
ENOUGH = 1e-6  # Sum of the changes of ranks in a round.
# Sentences per graph, whose edges grow with the square: longer texts are ranked in parts.
MOST_SENTENCES = 300


def summarise(text: str, n_sentences: int) -> str:
    """Give the highest-ranked sentences of a text, in their order."""
    sentences = split_sentences(text)
    ranks = rank_sentences(sentences)
    best = np.sort((-ranks).argsort(kind="stable")[:n_sentences])
    return join_sentences([sentences[position] for position in best])


def shorten(text: str, *, room: int, cost: Callable[[str], int]) -> str:
    """Give the highest-ranked sentences of a text that fit into `room` tokens, in their order."""
    if cost(text) <= room:
        return text
    sentences = split_sentences(text, longest=300)
    kept, used = [], 0
    order = (-rank_sentences(sentences)).argsort(kind="stable")
    for position in order:
        needed = cost(sentences[position]) + 1
        if used + needed <= room:
            kept.append(int(position))
            used += needed
    if not kept and sentences:  # No sentence fits: truncate the best one.
        return shorten(sentences[order[0]][: len(sentences[order[0]]) // 2], room=room, cost=cost)
    return join_sentences([sentences[position] for position in sorted(kept)])


def join_sentences(sentences: Sequence[str]) -> str:
    """Join sentences with a space, or without one between Chinese sentences."""
    joined = ""
    for sentence in sentences:
        joined += gap_between(joined, sentence) + sentence
    return joined


def gap_between(before: str, after: str) -> str:
    """Give the separator of two sentences: a space, or nothing next to Chinese ones and at the beginning."""
    return "" if not before or has_han(before[-2:]) or has_han(after[:1]) else " "


def rank_sentences(sentences: Sequence[str]) -> np.ndarray:
    """Give the rank of each sentence, an ndarray of float64 of shape (n_sentences,); ties prefer the first.

    More than `MOST_SENTENCES` are ranked in parts of about that many.
    """
    if not sentences:
        return np.zeros(0)
    parts = np.array_split(np.arange(len(sentences)), -(-len(sentences) // MOST_SENTENCES))
    # The ranks of a part sum to 1; multiplied by its size, an average sentence has 1 in every part.
    return np.concatenate([len(part) * _rank([sentences[i] for i in part]) for part in parts])


def _rank(sentences: Sequence[str]) -> np.ndarray:
    similarity = _similarity([segment(sentence) for sentence in sentences])
    np.fill_diagonal(similarity, 0.0)
    weights = similarity.sum(axis=1, keepdims=True)
    n = len(sentences)
    # From a sentence without similar ones the walk goes to any sentence.
    steps = np.divide(similarity, weights, out=np.full_like(similarity, 1 / n), where=weights > 0)
    ranks = np.full(n, 1 / n)
    for _ in range(ROUNDS):
        before, ranks = ranks, (1 - DAMPING) / n + DAMPING * (ranks @ steps)
        if np.abs(ranks - before).sum() < ENOUGH:
            break
    return np.round(ranks, 9)  # So that rounding errors do not break ties.


def _similarity(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """TF-IDF cosines, an ndarray of shape (n_sentences, n_sentences)."""
    numbers: dict[str, int] = {}
    for words in sentences:
        for word in words:
            numbers.setdefault(word, len(numbers))
    vectors = np.zeros((len(sentences), max(len(numbers), 1)))
    for row, words in enumerate(sentences):
        for word, times in Counter(words).items():
            vectors[row, numbers[word]] = 1 + np.log(times)
    there = (vectors > 0).sum(axis=0)
    vectors *= np.log((1 + len(sentences)) / (1 + there)) + 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return np.asarray(vectors @ vectors.T)
