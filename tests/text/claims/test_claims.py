import pytest

from metier.text.claims import Claim, claims_of, unsupported_claims
from metier.text.claims.names import names_of
from metier.text.claims.new_words import new_words
from metier.text.claims.numbers import han_value, is_same, numbers_of


def of_text(text):
    return [(number.kind, number.value) for number in numbers_of(text)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.2亿", 120_000_000),
        ("120 million", 120_000_000),
        ("120,000,000", 120_000_000),
        ("3万", 30_000),
        ("三百二十人", 320),
        ("two hundred and five", 205),
        ("twenty-three", 23),
        ("二零一五年", 2015),
    ],
)
def test_a_number_is_one_number_however_it_is_written(written, value):
    assert of_text(written) == [("number", value)]


@pytest.mark.parametrize(
    "written", ["30%", "30 %", "30 percent", "thirty percent", "三成", "百分之三十", "百分之30"]
)
def test_percentages(written):
    assert of_text(written) == [("percent", 30)]


def test_dates_are_their_parts_in_every_form():
    parts = {("number", 2020.0), ("month", 3.0), ("number", 5.0)}
    for written in ("2020-03-05", "March 5, 2020", "5 Mar. 2020", "2020年3月5日"):
        assert set(of_text(written)) == parts


def test_times_of_day():
    assert of_text("7:30 pm") == of_text("19:30") == of_text("晚上七点半") == [("time", 1170)]
    [open_hour], [late] = numbers_of("7:30"), numbers_of("19:30")
    [early] = numbers_of("7:30 am")
    assert is_same(open_hour, late)
    assert not is_same(early, late)


@pytest.mark.parametrize(
    "text", ["one of them", "一个", "一些人", "万一", "千万别", "成功", "A4", "v1.2.3", "I may march"]
)
def test_what_is_no_number(text):
    assert of_text(text) == []


def test_chinese_numerals():
    assert [han_value(text) for text in ("十", "十二", "两百零五", "三千万", "一亿二千万")] == [
        10,
        12,
        205,
        30_000_000,
        120_000_000,
    ]


def test_a_number_may_be_rounded_but_not_made_more_exact():
    assert unsupported_claims("It has 1,234,567 rows.", "It has 1.23 million rows.") == []
    assert [one.text for one in unsupported_claims("It has 1.23 million rows.", "It has 1,234,567 rows.")] == [
        "1,234,567"
    ]
    assert unsupported_claims("3.2 litres", "3 litres")  # One digit is a number of its own.


def test_names_are_runs_of_capitals_that_no_sentence_is_due():
    text = "Yesterday the Bank of England met. John Smith spoke. Great news from IBM! The committee agreed."
    assert [text[start:end] for start, end in names_of(text)] == ["Bank of England", "John Smith", "IBM"]


def test_a_name_is_said_by_its_words_or_by_what_it_abbreviates():
    source = "Andrew Bailey, governor of the Bank of England, said so in London."
    assert unsupported_claims(source, "We know that Bailey of BoE was there") == []
    assert [one.text for one in unsupported_claims(source, "We know that Carney was in Paris")] == [
        "Carney",
        "Paris",
    ]


def test_chinese_names_and_titles():
    source = "张伟在北京大学读《红楼梦》。"
    assert unsupported_claims(source, "张伟读了《红楼梦》。") == []
    found = unsupported_claims(source, "张伟在清华大学读《西游记》。")
    assert [(one.kind, one.text) for one in found] == [("name", "清华大学"), ("quotation", "西游记")]


def test_quotations_with_pieces_left_out():
    source = "She said: we will do, and this I promise, whatever it takes."
    assert unsupported_claims(source, "“We will do … whatever it takes”", checks=("quotation",)) == []
    assert unsupported_claims(source, "“We will do nothing at all”", checks=("quotation",)) == [
        Claim("quotation", "We will do nothing at all", 1, 26)
    ]
    assert claims_of('a "term" here', checks=("quotation",)) == []


def test_a_falsehood_in_words_of_the_source_is_not_seen():
    """What the check cannot do, as its page says."""
    assert unsupported_claims("Acme bought Bolt in 2019.", "we hear that Bolt bought Acme in 2019") == []


def test_names_may_come_from_a_tagger():
    found = unsupported_claims("a source", "acme is here", find_names=lambda text: [(0, 4)])
    assert [one.text for one in found] == ["acme"]


def test_new_words():
    assert new_words("The cat sat on the mat.", "A cat slept on the mat") == pytest.approx(1 / 3)
    assert new_words("anything", "the of") is None
