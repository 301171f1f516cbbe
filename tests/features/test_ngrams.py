from sklearn.feature_extraction.text import TfidfVectorizer

from metier.features.tfidf import character_ngrams, pieces, word_ngrams
from metier.text.normalisation import level


def characters(text):
    return [ngram for piece in pieces(level(text)) for ngram in character_ngrams(piece)]


def test_characters_of_latin_text_agree_with_scikit_learn():
    analyze = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer()
    for text in ("My card never came!", "a b", "it's 5 % of £20", "  spaces\tand\nlines ", "naïve café"):
        assert sorted(characters(text)) == sorted(analyze(text))


def test_characters_of_han_text_agree_with_scikit_learn():
    analyze = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).build_analyzer()
    assert sorted(characters("活性艳蓝的应用")) == sorted(analyze("活性艳蓝的应用"))


def test_mixed_text_is_split_where_the_script_changes():
    assert pieces(level("用BERT模型 now")) == ["用", "bert", "模型", "now"]
    assert set(characters("用AI")) == {"用", " a", "ai", "i ", " ai", "ai ", " ai "}


def test_words_and_pairs_of_words():
    assert word_ngrams(level("My CARD came")) == ["my", "card", "came", "my card", "card came"]
    assert word_ngrams(level("")) == []
    assert word_ngrams(level("中华人民共和国")) == ["中华人民共和国"]


def test_full_width_letters_are_plain_ones():
    assert level("ＡＴＭ　Ｃａｒｄ") == "atm card"


def test_a_lone_surrogate_is_handled():
    assert level("card \ud83d never").encode("utf-8") == "card \ufffd never".encode()
    assert word_ngrams(level("卡\udc00片")) == word_ngrams(level("卡\ufffd片"))
