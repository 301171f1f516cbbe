import numpy as np

from metier.features.phrases import NAMES, phrases_of, words_of


def found(text, *, asked=(), noun="", start=0, end=None):
    end = len(text) if end is None else end
    phrases = phrases_of(text, start, end, asked=set(asked), noun=noun, score=0.5, is_best=True)
    assert phrases.features.shape == (len(phrases.offsets), len(NAMES))
    return {
        text[a:b]: dict(zip(NAMES, row.tolist(), strict=True))
        for (a, b), row in zip(phrases.offsets, phrases.features, strict=True)
    }


def test_words_have_the_offsets_of_the_text_in_both_languages():
    text = "赵鹏 joined 国家队 on 1.5.2009!"
    words = words_of(text, 0, len(text))
    assert [text[word.start : word.end].lower() for word in words] == [word.text for word in words]
    assert [word.text for word in words][-2:] == ["on", "1.5.2009"]
    assert "".join(word.text for word in words[:1]) in "赵鹏"


def test_phrases_have_no_punctuation_and_no_function_word_at_the_edges():
    phrases = found("The Panthers gave up just 308 points, ranking sixth in the league.")
    assert {"Panthers", "308 points", "308", "sixth", "ranking sixth in the league"} <= set(phrases)
    assert not {"the", "in the league", "points, ranking", "Panthers gave up just 308 points, ranking"} & set(
        phrases
    )
    assert "The Panthers gave up just 308 points" in phrases  # A whole clause may begin with one.


def test_only_the_sentence_is_looked_at():
    text = "One two. Three four. Five six."
    assert set(found(text, start=9, end=20)) == {"Three", "Three four", "four"}


def test_money_and_per_cent_keep_their_signs():
    phrases = found("It cost $1.2 million or 3.5% of it.")
    assert {"$1.2 million", "$1.2", "3.5%"} <= set(phrases)


def test_features_describe_the_kind_of_phrase():
    phrases = found("In 1995 Denver gave up 308 points at Levi’s Stadium.", asked={"gave"}, noun="points")
    assert phrases["1995"]["a time in it"] == phrases["1995"]["after a word for times"] == 1
    assert phrases["308"]["what is asked for follows"] == phrases["308"]["only numbers"] == 1
    assert phrases["308 points"]["ends with what is asked for"] == 1
    assert phrases["Denver"]["only capitals"] == 1
    assert phrases["308"]["distance to a word of the question before"] < 1
    assert phrases["gave"]["share of its words that the question has"] == 1
    assert phrases["Denver"]["score of its sentence by the best one's"] == 0.5


def test_chinese_phrases_are_runs_of_dictionary_words_and_quotations():
    phrases = found("苏镜宇原名苏博，2008年改名，著有《战国无双》。")
    assert phrases["战国无双"]["in quotes"] == 1
    assert any("苏博" in phrase for phrase in phrases)
    assert any(facts["a time in it"] for phrase, facts in phrases.items() if "2008" in phrase)


def test_a_sentence_without_words_has_no_phrases():
    phrases = phrases_of("!? …", 0, 4, asked=set(), noun="", score=1, is_best=True)
    assert phrases.offsets.shape == (0, 2)
    assert phrases.features.shape == (0, len(NAMES))


def test_offsets_stay_inside_the_sentence():
    text = "$5 one %. Two 7% three"
    phrases = phrases_of(text, 10, len(text), asked=set(), noun="", score=1, is_best=True)
    assert (phrases.offsets[:, 0] >= 10).all()
    assert (phrases.offsets[:, 1] <= len(text)).all()
    assert (np.diff(phrases.offsets, axis=1) > 0).all()
