import collections
import json
import re
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.evaluation.answer_measures import answer_f1, exact_match
from metier.evaluation.row_measures import measure

EXAMPLES = Path(__file__).parents[2] / "examples"
CMRC_MARKS = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")


def read_squad(path):
    """Give (references, passage) of each question."""
    data = json.loads((EXAMPLES / path).read_text(encoding="utf-8"))["data"]
    return [
        ([answer["text"] for answer in question["answers"]], paragraph["context"])
        for article in data
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def guesses(rows, seed):
    """Answers near the truth: cut short, run on, elsewhere in the passage, none."""
    rng = np.random.default_rng(seed)
    for references, passage in rows:
        text = references[0]
        start = max(passage.find(text), 0)
        yield references, passage[max(start - rng.integers(6), 0) : start + len(text) - rng.integers(4)]
        yield references, passage[start : start + len(text) + rng.integers(9)]
        yield references, passage[:12]
        yield references, text.upper()
        yield references, ""


def squad_script(references, answer):
    """SQuAD 2.0's script, reimplemented from its description (Rajpurkar et al., 2018)."""

    def normalise(text):
        text = "".join(mark for mark in text.lower() if mark not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    references = [text for text in references if normalise(text)] or [""]
    exact = max(int(normalise(text) == normalise(answer)) for text in references)
    scores = []
    for text in references:
        there, said = normalise(text).split(), normalise(answer).split()
        if not there or not said:
            scores.append(float(there == said))
            continue
        same = sum((collections.Counter(there) & collections.Counter(said)).values())
        precision, recall = same / len(said), same / len(there)
        scores.append(2 * precision * recall / (precision + recall) if same else 0.0)
    return exact, max(scores)


def cmrc_script(references, answer):
    """CMRC 2018's script, with NLTK's tokenizer for what is not Han."""
    cut = pytest.importorskip("nltk.tokenize").NLTKWordTokenizer().tokenize

    def segments(text):
        kept = "".join(mark for mark in text.lower().strip() if mark not in CMRC_MARKS)
        return [
            piece
            for run in re.findall(r"[\u4e00-\u9fa5]|[^\u4e00-\u9fa5]+", kept)
            for piece in ([run] if re.match(r"[\u4e00-\u9fa5]", run) else cut(run))
        ]

    def score(text):
        there, said = segments(text), segments(answer)
        longest = max(
            (
                size
                for start in range(len(there))
                for size in range(1, len(there) - start + 1)
                if any(there[start : start + size] == said[at : at + size] for at in range(len(said)))
            ),
            default=0,
        )
        return 2 * longest / (len(there) + len(said)) if longest else 0.0

    def plain(text):
        return "".join(mark for mark in text.lower().strip() if mark not in CMRC_MARKS)

    return max(int(plain(text) == plain(answer)) for text in references), max(map(score, references))


def test_english_answers_agree_with_squad():
    rows = list(guesses(read_squad("xquad/test.en.json"), 1))
    assert len(rows) > 100
    for references, answer in rows:
        exact, f1 = squad_script(references, answer)
        assert exact_match(references, answer) == exact
        assert answer_f1(references, answer) == pytest.approx(f1), (references, answer)


def test_chinese_answers_agree_with_cmrc():
    rows = list(guesses(read_squad("cmrc2018/test.json")[:80], 2))
    expected = [cmrc_script(*row) for row in rows]
    assert [exact_match(*row) for row in rows] == [exact for exact, _ in expected]
    found = np.array([answer_f1(*row) for row in rows])
    apart = np.abs(found - [f1 for _, f1 in expected])
    assert np.mean(apart > 1e-9) < 0.02
    assert found.mean() == pytest.approx(np.mean([f1 for _, f1 in expected]), abs=0.002)


@given(
    st.lists(
        st.sampled_from(["the", "a", "of", "Rome", "1998", "bridge,", "(old)", "桥", "罗马", "年", "，"]),
        max_size=6,
    )
)
def test_a_reference_matches_itself_after_normalisation(words):
    text = " ".join(words)
    assert exact_match([text], text) == 1
    assert answer_f1([text], text) == 1
    assert exact_match([text.upper()], f" {text.lower()} ") == 1


def test_case_punctuation_and_articles_do_not_count_in_english():
    assert exact_match(["The Old Bridge."], "old bridge") == 1
    assert answer_f1(["the old bridge"], "old stone bridge") == pytest.approx(0.8)


def test_the_best_of_several_references_counts():
    references = [{"text": "1998", "start": 4}, {"text": "in June 1998", "start": 1}]
    assert exact_match(references, "in june 1998") == 1
    assert answer_f1(references, "June 1998") == pytest.approx(0.8)


def test_in_chinese_only_the_longest_common_substring_counts():
    assert answer_f1(["天地玄黄"], "天地宇黄") == pytest.approx(0.5)
    assert exact_match(["《天地》"], "天地") == 1
    assert answer_f1(["1998"], "1998年") == pytest.approx(2 / 3)  # A number in a Chinese passage.


def test_an_empty_answer_is_correct_only_for_unanswerable_questions():
    assert (exact_match([], ""), answer_f1([], "")) == (1, 1)
    assert (exact_match([], "Rome"), answer_f1([], "Rome")) == (0, 0)
    assert (exact_match(["Rome"], ""), answer_f1(["罗马"], "")) == (0, 0)


def test_the_measures_are_means_over_rows():
    truth = [["Rome"], [], ["the old bridge"]]
    predicted = ["rome", "x", "old"]
    assert measure("exact_match", truth, predicted) == pytest.approx(1 / 3)
    assert measure("answer_f1", truth, predicted) == pytest.approx((1 + 0 + 2 / 3) / 3)
