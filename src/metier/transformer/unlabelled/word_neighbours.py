"""Synonyms of a sort for the words of some texts, from the word embeddings that a base brings."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer
from metier.text.near_words import nearest_words
from metier.text.segmentation import has_han, segment

# Most frequent words of the texts: the table of similarities costs the square of them.
MOST_WORDS = 8_000
SHORTEST_LATIN = 3  # Function words are shorter, and have no synonyms.


def word_neighbours(
    base: Base, texts: Iterable[str], *, most: int = 5, least_similarity: float = 0.5
) -> dict[str, list[str]]:
    """Give for the words of the texts other words of the texts that are near them.

    A word's vector is the mean of its pieces' rows in the base's table of embeddings, as they go into the first layer:
    no text is run through the base.

    Parameters
    ----------
    most, least_similarity : see `text.near_words.nearest_words`
    """
    counts = Counter(word for text in texts for word in segment(text))
    words = [word for word, _ in counts.most_common() if _has_synonyms(word)][:MOST_WORDS]
    if not words:
        return {}
    table = load_model(base).get_input_embeddings().weight.detach().numpy()
    tokenizer = load_tokenizer(base)
    ids = [tokenizer.encode(word, add_special_tokens=False).ids for word in words]
    known = [(word, pieces) for word, pieces in zip(words, ids, strict=True) if pieces]
    vectors = np.stack([table[pieces].mean(axis=0) for _, pieces in known])
    return nearest_words([word for word, _ in known], vectors, most=most, least_similarity=least_similarity)


def _has_synonyms(word: str) -> bool:
    if word[0].isdigit():
        return False
    return len(word) >= (2 if has_han(word) else SHORTEST_LATIN)
