"""Features of pairs, against values by hand and cosines of scikit-learn."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.classical.tfidf_counts import learn_vectors
from metier.features.pair_features import NAMES, PairFeatures
from metier.tasks.inputs.pair import Pair

TEXTS = [
    "where is my card",
    "my card has not arrived yet",
    "what is the exchange rate",
    "is the rate of today good",
    "我的卡还没有到",
]


@pytest.fixture(scope="module")
def features():
    return PairFeatures(learn_vectors(TEXTS, most_ngrams=10_000), mean_words=5.0)


def numbers(features, one, other):
    return dict(zip(NAMES, features.matrix([Pair(one, other)])[0], strict=True))


def test_cosines_agree_with_scikit_learn(features):
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\w+")
    vectors = vectorizer.fit(TEXTS[:4]).transform(TEXTS[:4])
    own = PairFeatures(learn_vectors(TEXTS[:4], most_ngrams=10_000), mean_words=5.0)
    found = [[numbers(own, one, other)["cosine_words"] for other in TEXTS[:4]] for one in TEXTS[:4]]
    np.testing.assert_allclose(found, (vectors @ vectors.T).toarray(), atol=1e-9)


def test_bm25_by_hand(features):
    weight = dict(zip(features.vectors.words, features.vectors.idf, strict=False))
    query, document = "my card", "where is my card"
    length = 0.25 + 0.75 * 4 / 5.0
    gained = 2.2 / (1 + 1.2 * length)
    expected = gained * (weight["my"] + weight["card"]) / (2.2 * (weight["my"] + weight["card"]))
    assert numbers(features, query, document)["bm25_text_to_pair"] == pytest.approx(expected)
    backward = numbers(features, query, document)["bm25_pair_to_text"]
    assert backward < expected  # Half of the longer text's words are not in the shorter one.


def test_a_text_and_itself_agree_in_everything(features):
    found = numbers(features, "where is my card", "where is my card")
    for name in set(NAMES) - {"bm25_text_to_pair", "bm25_pair_to_text"}:
        assert found[name] == pytest.approx(1.0), name
    assert numbers(features, "Where is my card?", "where is my card")["same_text"] == 1.0


def test_swapped_pairs_differ_only_in_direction(features):
    one, other = "where is my card", "my card has not arrived yet, it's been 2 weeks"
    there, back = numbers(features, one, other), numbers(features, other, one)
    assert there["bm25_text_to_pair"] == back["bm25_pair_to_text"] != there["bm25_pair_to_text"]
    for name in set(NAMES) - {"bm25_text_to_pair", "bm25_pair_to_text"}:
        assert there[name] == pytest.approx(back[name]), name


def test_unknown_words_do_not_count_as_agreement(features):
    found = numbers(features, "zygote", "quark")
    assert found["rarest_word_shared"] == found["cosine_words"] == found["bm25_text_to_pair"] == 0.0
    assert numbers(features, "zygote", "zygote card")["rarest_word_shared"] == 1.0


@pytest.mark.parametrize("text", ["?!", "😀", "\ud83d", "卡", "a" * 100_000])
def test_every_feature_is_between_0_and_1(features, text):
    found = features.matrix([Pair(text, "my card"), Pair("my card", text), Pair(text, text)])
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()
