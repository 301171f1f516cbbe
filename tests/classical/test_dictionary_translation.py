import json
from pathlib import Path

import numpy as np
import pytest

from metier.classical.dictionary_translation import CHRF, DictionaryTranslation, align
from metier.classical.nearest_reply import NearestReply
from metier.errors import DataError
from metier.predictors.text.dictionary_translation import DictionaryTranslationPredictor, cut, glue

EXAMPLES = Path(__file__).parents[2] / "examples" / "tatoeba_en_zh"


def read(split):
    rows = [json.loads(line) for line in (EXAMPLES / f"{split}.jsonl").read_text("utf-8").splitlines()]
    return [row["source"] for row in rows], [row["target"] for row in rows]


@pytest.fixture(scope="module")
def fitted():
    return DictionaryTranslation().fit(*read("train"), validation=read("dev"))


def test_links_are_those_of_the_model_written_out_word_by_word():
    """Brown et al.'s equations as loops, over a corpus that fits on a page."""
    sources, targets = [[1, 2], [1, 3], [4, 2], [4]], [[11, 12], [11, 13], [14, 12], [14]]
    table = {}
    for _ in range(8):
        counts, totals = {}, {}
        for source, target in zip(sources, targets, strict=True):
            for word in target:
                norm = sum(table.get((s, word), 1.0) for s in [0, *source])
                for s in [0, *source]:
                    share = table.get((s, word), 1.0) / norm
                    counts[s, word] = counts.get((s, word), 0) + share
                    totals[s] = totals.get(s, 0) + share
        table = {pair: count / totals[pair[0]] for pair, count in counts.items()}
    expected = [
        [max(range(-1, len(source)), key=lambda i: table[([0, *source])[i + 1], word]) for word in target]
        for source, target in zip(sources, targets, strict=True)
    ]
    assert [row.tolist() for row in align(sources, targets)] == expected
    assert expected[0] == [0, 1]


def test_beats_the_nearest_example_on_unseen_sentences(fitted):
    items, truth = read("test")

    def chrf(answers):
        return float(CHRF.value(CHRF.statistics(truth, answers).sum(axis=0)))

    nearest = NearestReply().fit(*read("train"))
    assert chrf(fitted.predict(items)) > chrf(nearest.predict(items))
    assert fitted.facts_["chrf"][fitted.word_bonus_] == max(fitted.facts_["chrf"].values())


def test_exported_then_loaded_answers_alike(fitted, tmp_path):
    texts = [*read("test")[0][:20], "", "Zyzzyva 42!", "我的卡还没有到。", "\ud83d half", "word " * 3_000]
    fitted.export(tmp_path)
    loaded = DictionaryTranslationPredictor.load(tmp_path)
    assert loaded.predict(texts).predicted == fitted.predict(texts)
    assert "42" in loaded.predict(["Zyzzyva 42!"]).predicted[0]
    again = DictionaryTranslation(**fitted.chosen_params_).fit(*read("train"))
    assert again.predict(texts) == fitted.predict(texts)


def test_the_other_direction_is_written_with_spaces():
    english, chinese = read("train")
    back = DictionaryTranslation().fit(chinese, english)
    answers = back.predict(read("test")[1][:50])
    assert np.mean([" " in answer for answer in answers]) > 0.8


def test_words_are_cut_and_glued_as_they_were_written():
    for text in ("I don't know, Tom.", "他有3本书。", "What's up?"):
        assert glue(cut(text)) == text


def test_rows_without_a_short_sentence_are_refused():
    with pytest.raises(DataError, match="Split the rows into sentences"):
        DictionaryTranslation().fit(["word " * 100], ["字" * 200])
