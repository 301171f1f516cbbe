import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.evaluation.row_measures import MEASURES, measure
from metier.evaluation.text_measures import bleu, bleu_value, distinct, longest_common_subsequence
from metier.evaluation.text_tokens import rouge_tokens, tokenize_13a, tokenize_zh

EXAMPLES = Path(__file__).parents[2] / "examples"


def read_column(path, *names):
    with (EXAMPLES / path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [next(row[name] for name in names if name in row) for row in rows]


def worsen(texts, seed, *, between=" "):
    """Drop words, repeat them, take some from elsewhere."""
    rng = np.random.default_rng(seed)
    words = [text.split(between) if between else list(text) for text in texts]
    everything = [word for row in words for word in row]
    return [
        between.join(
            str(word if rng.random() < 0.8 else rng.choice(everything))
            for word in row
            for _ in range(rng.choice(3, p=[0.1, 0.8, 0.1]))
        )
        for row in words
    ]


@pytest.fixture(scope="module")
def english():
    texts = [
        f"{text} ({number + 1}.5 % & more)"
        for number, text in enumerate(read_column("tatoeba_en_zh/test.jsonl", "source"))
    ]
    return texts, worsen(texts, 1)


@pytest.fixture(scope="module")
def chinese():
    texts = read_column("csl_title_zh/test.jsonl", "document")
    return texts, worsen(texts, 2, between="")


def test_rouge_agrees_with_rouge_score(english):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL"])
    scores = [scorer.score(true, answer) for true, answer in zip(*english, strict=True)]
    for name, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        expected = np.mean([score[theirs].fmeasure for score in scores])
        assert measure(name, *english) == pytest.approx(expected)
        assert 0.3 < expected < 0.95


def test_rouge_of_chinese_is_that_of_its_characters(chinese):
    scorer = pytest.importorskip("rouge_score.rouge_scorer")

    class Characters:
        def tokenize(self, text):
            return rouge_tokens(text)

    assert rouge_tokens("CO2排放量达 3.5吨") == ["co2", "排", "放", "量", "达", "3", "5", "吨"]
    counted = scorer.RougeScorer(["rouge2", "rougeL"], tokenizer=Characters())
    scores = [counted.score(true, answer) for true, answer in zip(*chinese, strict=True)]
    assert measure("rouge_l", *chinese) == pytest.approx(
        np.mean([score["rougeL"].fmeasure for score in scores])
    )
    assert measure("rouge_2", *chinese) == pytest.approx(
        np.mean([score["rouge2"].fmeasure for score in scores])
    )


def test_bleu_and_chrf_agree_with_sacrebleu(english, chinese):
    sacrebleu = pytest.importorskip("sacrebleu")
    for (truth, predicted), tokenize in ((english, "13a"), (chinese, "zh")):
        expected = sacrebleu.corpus_bleu(predicted, [truth], tokenize=tokenize).score / 100
        assert measure("bleu", truth, predicted) == pytest.approx(expected)
        assert 0.2 < expected < 0.9
        assert measure("chrf", truth, predicted) == pytest.approx(
            sacrebleu.corpus_chrf(predicted, [truth]).score / 100
        )


def test_several_references_are_used_as_sacrebleu_uses_them(english):
    sacrebleu = pytest.importorskip("sacrebleu")
    truth, predicted = english
    second = worsen(truth, 3)
    both = [list(pair) for pair in zip(truth, second, strict=True)]
    expected = sacrebleu.corpus_bleu(predicted, [truth, second]).score / 100
    assert measure("bleu", both, predicted) == pytest.approx(expected)
    expected = sacrebleu.corpus_chrf(predicted, [truth, second]).score / 100
    assert measure("chrf", both, predicted) == pytest.approx(expected)
    assert measure("rouge_l", both, second) == 1


MARKS = [
    "a",
    "B",
    "3",
    ".",
    ",",
    "-",
    "&",
    ";",
    "%",
    "(",
    ")",
    "'",
    '"',
    "&amp;",
    "&quot;",
    "<skipped>",
    "3.5",
    "1,000",
    "a-b",
    "-\n",
    "\n",
    "中",
    "文",
    "。",
    "，",
    "“",
    "—",
    "←",
    "★",
    "！",
    "Ａ",
    "é",
]


@given(st.lists(st.sampled_from(MARKS), max_size=12), st.booleans())
def test_tokenization_agrees_with_sacrebleu(pieces, spaced):
    tokenizer_13a = pytest.importorskip("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a()
    tokenizer_zh = pytest.importorskip("sacrebleu.tokenizers.tokenizer_zh").TokenizerZh()
    text = (" " if spaced else "").join(pieces)
    assert tokenize_13a(text) == tokenizer_13a(text.rstrip()).split()
    assert tokenize_zh(text) == tokenizer_zh(text.rstrip()).split()


def test_every_character_that_sacrebleu_takes_for_chinese():
    is_chinese = pytest.importorskip("sacrebleu.tokenizers.tokenizer_zh").TokenizerZh._is_chinese_char
    for code in range(0x80, 0x10000):
        character = chr(code)
        if 0xD800 <= code < 0xE000 or character.isspace():
            continue
        assert (len(tokenize_zh(f"é{character}é")) == 3) == is_chinese(character), hex(code)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("ab.c"), max_size=8), min_size=2, max_size=4), st.booleans())
def test_bleu_of_short_texts_is_smoothed_as_sacrebleu_does(texts, is_sentence):
    metric = pytest.importorskip("sacrebleu").BLEU(effective_order=is_sentence)
    truth, predicted = [" ".join(text) for text in texts[1:]], [" ".join(text) for text in texts[:-1]]
    sums = MEASURES["bleu"].statistics(truth, predicted).sum(axis=0)
    expected = metric.corpus_score(predicted, [truth]).score / 100
    assert float(bleu_value(sums, is_sentence=is_sentence)) == pytest.approx(expected)


@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_the_longest_common_subsequence_agrees_with_dynamic_programming(first, second):
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1, j + 1] = table[i, j] + 1 if one == other else max(table[i, j + 1], table[i + 1, j])
    assert longest_common_subsequence(first, second) == table[-1, -1]


@pytest.mark.serial
def test_long_texts_are_cheap():
    rng = np.random.default_rng(4)
    text, other = (" ".join(map(str, rng.integers(0, 500, 20_000))) for _ in range(2))
    start = time.process_time()
    assert 0 < measure("rouge_l", [text], [other]) < 1
    assert time.process_time() - start < 2


def test_diversity_and_length():
    texts = ["good good good", "good bad"]
    assert distinct(texts, 1) == pytest.approx(2 / 5)
    assert distinct(texts, 2) == pytest.approx(2 / 3)
    assert distinct([""], 1) == 0
    assert measure("distinct_1", ["x", "x"], texts) == pytest.approx((1 / 3 + 1) / 2)
    assert measure("length_ratio", ["one two three four", "one"], texts) == 1
    assert measure("length_ratio", ["一二三四"], ["一二"]) == 0.5


def test_empty_answers_score_zero():
    for name in ("rouge_1", "rouge_2", "rouge_l", "bleu", "chrf", "distinct_1"):
        assert measure(name, ["a b c d e"], [""]) == 0
        assert measure(name, [""], [""]) == 0


def test_a_given_tokenization():
    truth, predicted = ["abcdef"], ["abcdex"]
    assert measure("bleu", truth, predicted) == 0
    assert measure(bleu(list, name="bleu_of_characters"), truth, predicted) > 0.5


def test_rouge_takes_the_best_of_several_references_as_rouge_score_does(english):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL"])
    truth, predicted = english
    second = [*truth[1:], truth[0]]
    for true, other, answer in list(zip(truth, second, predicted, strict=True))[:20]:
        expected = scorer.score_multi([true, other], answer)
        for name, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
            assert measure(name, [[true, other]], [answer]) == pytest.approx(expected[theirs].fmeasure)
