"""What each word adds to the logit of a linear model: exact, as a logit is a sum over features.

Each n-gram's part of the logit is divided evenly over the places where it stands, and at each over the words that it
covers, by their characters. What covers no word, as punctuation does, stays with the constant. All parts and the constant
add up to the logit of the label less the mean of all labels', divided by the temperature.
"""

from collections.abc import Iterator

import numpy as np

from metier.explanation.explanation import Word
from metier.features.tfidf import TfidfVectors, character_ngrams, pieces
from metier.predictors.linear.linear_predictor import LinearPredictor
from metier.tasks.answers.label import LabelDecoder
from metier.text.normalisation import level
from metier.text.offsets import Offsets
from metier.text.segmentation import has_han, word_offsets

# From a column to every place where its n-gram stands.
Places = dict[int, list[Offsets]]


def linear_contributions(
    predictor: LinearPredictor, text: str, column: int
) -> tuple[tuple[Word, ...], float] | None:
    """Give what each word adds to the centred logit of a label, and the constant.

    Parameters
    ----------
    column : int
        Of the label among those of the predictor.

    Returns
    -------
    tuple or None
        None where the features are others than n-grams of a text, or where normalising changed the text's length, as
        with ligatures: its n-grams then have no place in it.
    """
    features = predictor.features
    normalised = level(text)
    if not isinstance(features, TfidfVectors) or len(normalised) != len(text):
        return None
    columns, values = features.vector(text)
    temperature = predictor.decoder.temperature if isinstance(predictor.decoder, LabelDecoder) else 1.0
    weights = _centred(predictor.weights.astype(np.float64), column) / temperature
    constant = float(_centred(predictor.bias[None], column)[0]) / temperature
    places = _places(features, normalised)
    words = word_offsets(text)
    added = np.zeros(len(words))
    for one, value in zip(columns, values, strict=True):
        part = value * weights[one]
        spread, left = _spread(places.get(int(one), []), words)
        added += part * spread
        constant += part * left
    found = (Word(*pair, float(value)) for pair, value in zip(words, added, strict=True))
    return tuple(found), constant


def _centred(weights: np.ndarray, column: int) -> np.ndarray:
    """Give the weights of one label less the mean of all labels': what all have in common moves no probability."""
    if weights.shape[1] == 1:
        return weights[:, 0]
    centred: np.ndarray = weights[:, column] - weights.mean(axis=1)
    return centred


def _places(features: TfidfVectors, normalised: str) -> Places:
    found: Places = {}
    ngrams = [*_words(normalised), *_characters(normalised)]
    of_words = {ngram: column for column, ngram in enumerate(features.words)}
    of_characters = {
        ngram: column for column, ngram in enumerate(features.characters, start=len(features.words))
    }
    for is_word, ngram, place in ngrams:
        column = (of_words if is_word else of_characters).get(ngram)
        if column is not None:
            found.setdefault(column, []).append(place)
    return found


def _words(normalised: str) -> Iterator[tuple[bool, str, Offsets]]:
    """Words, then pairs of them, as `features.tfidf.word_ngrams` makes them."""
    offsets = word_offsets(normalised)
    words = [normalised[slice(*pair)] for pair in offsets]
    yield from ((True, word, pair) for word, pair in zip(words, offsets, strict=True))
    for place in range(len(words) - 1):
        both = offsets[place][0], offsets[place + 1][1]
        yield True, f"{words[place]} {words[place + 1]}", both


def _characters(normalised: str) -> Iterator[tuple[bool, str, Offsets]]:
    """The n-grams of each piece, in the order of `features.tfidf.character_ngrams`."""
    start = 0
    for piece in pieces(normalised):
        start = normalised.index(piece, start)
        padding = 0 if has_han(piece) else 1  # A space stands on either side.
        length, place = 0, 0
        for ngram in character_ngrams(piece):
            length, place = (length, place + 1) if len(ngram) == length else (len(ngram), 0)
            low, high = max(0, place - padding), min(len(piece), place + length - padding)
            yield False, ngram, (start + low, start + high)
        start += len(piece)


def _spread(places: list[Offsets], words: list[Offsets]) -> tuple[np.ndarray, float]:
    """Give the share of an n-gram that each word has, and what no word has; together 1."""
    shares = np.zeros(len(words))
    for low, high in places:
        covered = np.array([max(0, min(high, end) - max(low, start)) for start, end in words], dtype=np.float64)
        total = covered.sum()
        if total > 0:
            shares += covered / total / len(places)
    return shares, 1.0 - float(shares.sum())
