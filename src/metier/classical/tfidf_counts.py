"""Which n-grams are worth a column, learned from the training texts in bounded memory."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from metier.features.tfidf import TfidfVectors, character_ngrams, pieces, word_ngrams
from metier.text.normalisation import level

# While counting, this many times the n-grams that will be kept may be in memory at once.
COUNTING_ROOM = 4


def learn_vectors(texts: Iterable[str], *, most_ngrams: int) -> TfidfVectors:
    """Learn a vocabulary and its inverse document frequencies.

    Parameters
    ----------
    texts : iterable of str
        Training texts; they are read once.
    most_ngrams : int
        The n-grams that stand in the most texts are kept, half of this many of words and half of characters;
        what one block does not need, the other gets. Numbered from the most frequent, so that what is gathered
        together lies together in memory.
    """
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    n_texts = 0
    for text in texts:
        its_words, its_characters = _ngrams(text)
        words.update(its_words)
        characters.update(its_characters)
        n_texts += 1
        _forget_the_rarest(words, most=COUNTING_ROOM * most_ngrams)
        _forget_the_rarest(characters, most=COUNTING_ROOM * most_ngrams)
    half = most_ngrams // 2
    n_words = min(len(words), max(half, most_ngrams - len(characters)))
    kept_words = _commonest(words, n_words)
    kept_characters = _commonest(characters, most_ngrams - n_words)
    frequencies = np.array([count for _, count in kept_words + kept_characters], dtype=np.float64)
    # One more text that holds every n-gram once, as scikit-learn does it: no division by nothing.
    idf = np.log((1 + n_texts) / (1 + frequencies)) + 1
    return TfidfVectors([ngram for ngram, _ in kept_words], [ngram for ngram, _ in kept_characters], idf)


def count_ngrams(text: str) -> int:
    """How many different n-grams a text has, both blocks together."""
    words, characters = _ngrams(text)
    return len(words) + len(characters)


def _ngrams(text: str) -> tuple[set[str], set[str]]:
    levelled = level(text)
    characters = {ngram for piece in set(pieces(levelled)) for ngram in character_ngrams(piece)}
    return set(word_ngrams(levelled)), characters


def _forget_the_rarest(counts: Counter[str], *, most: int) -> None:
    """Drop the rarest n-grams when there are too many, as lossy counting does (Manku and Motwani, 2002).

    What is common enough to be kept in the end is common enough to survive; only the counts of n-grams near the
    edge come out a little low.
    """
    if len(counts) <= most:
        return
    threshold = int(
        np.partition(np.fromiter(counts.values(), dtype=np.int64), len(counts) // 2)[len(counts) // 2]
    )
    for ngram in [ngram for ngram, count in counts.items() if count <= threshold]:
        del counts[ngram]


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
