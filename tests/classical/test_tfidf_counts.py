import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.classical.tfidf_counts import count_ngrams, learn_vectors
from metier.features.tfidf import character_ngrams, pieces, word_ngrams
from metier.text.normalisation import level


def characters(text):
    return [ngram for piece in pieces(level(text)) for ngram in character_ngrams(piece)]


def test_document_frequencies_are_those_of_scikit_learn(chinese):
    (texts, _), _ = chinese
    vectors = learn_vectors(texts, most_ngrams=1_000_000)
    theirs = {}
    for analyze in (lambda text: word_ngrams(level(text)), characters):
        block = TfidfVectorizer(analyzer=analyze).fit(texts)
        theirs.update({(analyze, ngram): block.idf_[column] for ngram, column in block.vocabulary_.items()})
    assert len(theirs) == vectors.n_columns
    np.testing.assert_allclose(sorted(theirs.values()), np.sort(vectors.idf))


def test_the_commonest_are_kept_and_come_first(banking, monkeypatch):
    (texts, _), _ = banking
    monkeypatch.setattr("metier.classical.tfidf_counts.COUNTING_ROOM", 1_000)
    whole = learn_vectors(texts, most_ngrams=1_000_000)
    small = learn_vectors(texts, most_ngrams=400)
    assert (len(small.words), len(small.characters)) == (200, 200)
    assert small.words == whole.words[:200]
    assert small.characters == whole.characters[:200]
    assert (np.diff(small.idf[:200]) >= 0).all()


def test_what_one_block_does_not_need_the_other_gets():
    vectors = learn_vectors(["a b"], most_ngrams=8)
    assert sorted(vectors.words) == ["a", "a b", "b"]
    assert len(vectors.characters) == 5


def test_counting_stays_small_and_keeps_what_is_common(banking, monkeypatch):
    (texts, _), _ = banking
    monkeypatch.setattr("metier.classical.tfidf_counts.COUNTING_ROOM", 2)
    whole = learn_vectors(texts, most_ngrams=1_000_000)
    small = learn_vectors(texts, most_ngrams=1_000)
    common = set(whole.words[:100])
    assert len(common & set(small.words)) > 90


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("a", 4), ("a a a", 5), ("卡片", 4)])
def test_counts_different_ngrams(text, expected):
    # "a": the word, " a", "a " and " a "; three of them add the pair. "卡片": the word, two characters, their pair.
    assert count_ngrams(text) == expected
