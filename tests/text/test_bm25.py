import math
from collections import Counter

import numpy as np
import pytest

from metier.text import segment
from metier.text.bm25 import Bm25

TEXTS = [
    "The card was blocked at the bank.",
    "A new card came with the post; the card was blue.",
    "我的银行卡丢了",
    "我想办一张新的银行卡",
    "",
]


def formula(query: str, text: str, texts: list[str], *, k1: float = 1.2, b: float = 0.75) -> float:
    """BM25 by the formula of the paper."""
    cut = [segment(other) for other in texts]
    mean = sum(map(len, cut)) / len(cut)
    words = Counter(segment(text))
    score = 0.0
    for word in segment(query):
        holding = sum(word in other for other in cut)
        rare = math.log(1 + (len(cut) - holding + 0.5) / (holding + 0.5))
        length = sum(words.values())
        score += rare * words[word] * (k1 + 1) / (words[word] + k1 * (1 - b + b * length / mean))
    return score


@pytest.mark.parametrize("query", ["Where is my card, my blue card?", "银行卡丢了怎么办", "nothing of it", ""])
def test_scores_agree_with_the_formula(query):
    found = Bm25().fit(TEXTS).scores(query)
    np.testing.assert_allclose(found, [formula(query, text, TEXTS) for text in TEXTS], rtol=1e-6)


def test_the_best_come_first_and_ties_keep_their_order():
    index = Bm25().fit(TEXTS)
    assert index.best("card in the post", 2).tolist() == [1, 0]
    assert index.best("丢了", 1).tolist() == [2]
    assert index.best("zebra", 3).tolist() == [0, 1, 2]
    assert len(index.best("card", 99)) == len(TEXTS)


def test_b_sets_the_length_normalisation():
    texts = ["card", "card " + "and more of it " * 20]
    strict, lenient = (Bm25(b=b).fit(texts).scores("card") for b in (0.75, 0.0))
    assert strict[0] > strict[1]
    assert lenient[0] == pytest.approx(lenient[1])


def test_a_saved_collection_gives_the_same_scores(tmp_path):
    index = Bm25(k1=0.9, b=0.4).fit(TEXTS)
    index.save(tmp_path)
    loaded = Bm25.load(tmp_path)
    for query in ("blocked card", "新的卡"):
        assert loaded.scores(query).tolist() == index.scores(query).tolist()


@pytest.mark.parametrize("texts", [[], [""], ["!?", "😀"]])
def test_collections_without_words_have_score_zero(texts):
    assert Bm25().fit(texts).scores("card").tolist() == [0.0] * len(texts)
