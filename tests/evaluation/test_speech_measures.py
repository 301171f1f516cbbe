"""Error rates of transcripts, against jiwer, and what normalisation makes equal."""

import csv
from pathlib import Path

import numpy as np
import pytest

from metier.evaluation import interval_of
from metier.evaluation.speech_measures import character_error_rate, edit_distance, word_error_rate
from metier.text.spoken_forms import spoken_words

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def said():
    with (EXAMPLES / "spoken_topics" / "data.csv").open(encoding="utf-8") as file:
        return [row["said"] for row in csv.DictReader(file)]


def damaged(text, rng):
    words = text.split()
    return " ".join(word for word in words for word in [word, "uh"][: rng.integers(0, 3)]) or "uh"


def test_rates_are_those_of_jiwer(said):
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(0)
    heard = [damaged(text, rng) for text in said]
    assert word_error_rate(said, heard) == pytest.approx(jiwer.wer(said, heard))
    assert character_error_rate(said, heard) == pytest.approx(jiwer.cer(said, heard))
    chinese = (
        ["从一月的一线城市的土地成交看", "天然气用户为优先"],
        ["从一月一线城市的土地成绩看", "天气用户为优先类"],
    )
    assert character_error_rate(*chinese) == pytest.approx(jiwer.cer(*map(list, chinese)))
    assert word_error_rate(*chinese) == pytest.approx(character_error_rate(*chinese))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "abc", 0), ("ab", "ba", 2)],
)
def test_distances_of_known_pairs(first, second, distance):
    assert edit_distance(first, second) == edit_distance(second, first) == distance


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("Mr. Dashwood’s 10 of clubs!", "mister dashwood's ten of clubs"),
        ("ill-disposed, 12% of it", "ill disposed twelve percent of it"),
        ("the 21st and 342 more", "the twenty first and three hundred forty two more"),
        ("ＡＢＣ，你 好。", "abc你好"),
        ("“土地”成交、看？", "土地成交看"),
        ("電話手錶的輻射", "电话手表的辐射"),
        ("2015年6月7日，10点", "二零一五年六月七日十点"),
        ("以157分、111.27美元领先12%的人", "以一百五十七分一百一十一点二七美元领先百分之十二的人"),
        ("共100500条，20亿零3次，007号", "共十万零五百条二十亿零三次零零七号"),
    ],
)
def test_what_sounds_the_same_is_the_same(written, other):
    assert spoken_words(written) == spoken_words(other)
    assert word_error_rate([written], [other]) == 0


def test_numbers_that_may_be_years_stay():
    assert spoken_words("in 1850, 3.5 and 0") == ["in", "1850", "3", "5", "and", "zero"]


def test_rates_have_intervals_over_utterances(said):
    heard = [text if number % 4 else text.rpartition(" ")[0] for number, text in enumerate(said)]
    found = interval_of("wer", said, heard)
    assert 0 < found.low < found.value < found.high < 0.3
    assert found.value == pytest.approx(word_error_rate(said, heard))


def test_more_written_than_said_is_above_one():
    assert word_error_rate(["yes"], ["thanks for watching"]) == 3.0
    assert word_error_rate([""], ["thanks"]) == 0.0  # Nothing was said, so there is no rate.
