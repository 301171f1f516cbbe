"""Methods that say what words add: against sums, against a brute force over all orders, and on rules that are known."""

import itertools

import numpy as np
import pytest

from metier.classical import TfidfLinear
from metier.explanation.counterfactual import smallest_deletion
from metier.explanation.faithfulness import RANDOM, measure_faithfulness
from metier.explanation.linear_contributions import linear_contributions
from metier.explanation.shapley import shapley_values, text_of
from metier.explanation.word_contributions import word_contributions, word_parts
from metier.predictors.loading import load_predictor

TEXTS = {
    "en": ["my card is lost", "where is my card?", "the card never came!", "what is the rate", "rate of exchange today",
           "is the exchange rate good", "age for an account", "how old must I be", "my age is 17"],
    "zh": ["我的卡丢了", "卡在哪里？", "卡还没有寄到", "汇率是多少", "今天的汇率", "汇率好吗",
           "开户年龄", "要多大年纪", "我今年17岁"],
}  # fmt: skip
LABELS = ["card"] * 3 + ["rate"] * 3 + ["age"] * 3


@pytest.fixture(params=["en", "zh"])
def linear(request, tmp_path):
    TfidfLinear(C=1.0).fit(TEXTS[request.param], LABELS).export(tmp_path)
    return load_predictor(tmp_path), TEXTS[request.param]


def test_the_parts_of_a_linear_model_add_up_to_its_logit(linear):
    predictor, texts = linear
    for text in [*texts, "card, card; rate", "nothing known ¿", ""]:
        [logits] = predictor.logits([text])
        for column in range(3):
            words, constant = linear_contributions(predictor, text, column)
            whole = (logits[column] - logits.mean()) / predictor.decoder.temperature
            assert sum(word.contribution for word in words) + constant == pytest.approx(whole, abs=1e-5)


def test_the_word_that_decides_adds_most(linear):
    predictor, texts = linear
    text, word = ("the exchange rate", "rate") if texts is TEXTS["en"] else ("今天汇率", "汇率")
    words, _ = linear_contributions(predictor, text, list(predictor.labels).index("rate"))
    best = max(words, key=lambda one: one.contribution)
    assert text[best.start : best.end] in (word, "exchange")


def test_a_text_whose_length_changes_has_no_exact_parts(linear):
    assert linear_contributions(linear[0], "ﬁne", 0) is None


def game(kept):
    """Three words: the first two only together are worth 4, the third alone 1."""
    return 4.0 * ({0, 1} <= kept) + 1.0 * (2 in kept)


def score_of(text):
    words = text.split()

    def score(texts):
        return np.array([game({words.index(word) for word in one.split()}) for one in texts])

    return score


def test_shapley_values_are_those_of_all_orders():
    text = "one two three"
    every = list(itertools.permutations(range(3)))
    exact = [
        np.mean([game(set(o[: o.index(p) + 1])) - game(set(o[: o.index(p)])) for o in every]) for p in range(3)
    ]
    found = shapley_values(text, score_of(text), pairs=200)
    assert [word.contribution for word in found.words] == pytest.approx(exact, abs=0.05)
    assert sum(word.contribution for word in found.words) == pytest.approx(5.0)
    assert max(found.errors) < 0.2
    left_out = word_contributions(text, score_of(text))
    assert [word.contribution for word in left_out] == [4.0, 4.0, 1.0]


def test_two_words_that_say_the_same_share_what_they_add():
    def score(texts):
        return np.array([float("lost" in one or "gone" in one) for one in texts])

    left_out = word_contributions("card lost gone", score)
    assert [word.contribution for word in left_out] == [0, 0, 0]
    values = shapley_values("card lost gone", score, pairs=100)
    assert [word.contribution for word in values.words] == pytest.approx([0, 0.5, 0.5], abs=0.1)


def test_parts_are_removed_or_masked():
    text = "my card, is lost!"
    parts = word_parts(text)
    assert text_of(text, parts, frozenset({1, 3})) == "card, lost!"
    assert text_of(text, parts, frozenset({1, 3}), mask="[MASK]") == "[MASK] card, [MASK] lost!"
    assert text_of(text, parts, frozenset(range(4))) == text


def test_a_faithful_order_beats_a_random_one():
    texts = [f"w{n} x{n} key{n} y{n} z{n} u{n} v{n} s{n} t{n} r{n}" for n in range(30)]
    scores = [lambda asked: np.array([0.1 + 0.8 * ("key" in one) for one in asked])] * 30
    order = {
        "right": lambda text, score, seed: np.array(["key" in text[slice(*p)] for p in word_parts(text)], float)
    }
    rows = {one.method: one for one in measure_faithfulness(texts, scores, order, drawn=["right"])}
    assert rows["right"].figures["comprehensiveness"].value == pytest.approx(0.8)
    assert rows["right"].figures["sufficiency"].value == pytest.approx(0)
    assert rows["right"].figures["comprehensiveness_masked"].value == pytest.approx(0.8)
    assert rows[RANDOM].figures["comprehensiveness"].high < 0.6
    assert rows[RANDOM].figures["sufficiency"].low > 0.2
    assert rows["right"].stability.value == pytest.approx(1)


def test_a_counterfactual_is_minimal():
    def answer(texts):
        return ["yes" if "not" not in one and "good" in one and "very" in one else "no" for one in texts]

    text = "a very good old card"
    words = word_contributions(text, lambda texts: np.array([float(one == "yes") for one in answer(texts)]))
    found = smallest_deletion(text, words, answer)
    assert found.answer == "no"
    assert len(found.removed) == 1
    assert found.removed[0] in ("very", "good")
    assert (
        smallest_deletion(
            "a b c", word_contributions("a b c", lambda t: np.zeros(len(t))), lambda t: ["x"] * len(t)
        )
        is None
    )
