import pytest

from metier.features.answer_types import TYPES, asked_noun, question_type


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who won Super Bowl XLIX?", "person"),
        ("In what year did it end?", "time"),
        ("When was it built?", "time"),
        ("How many points did the Panthers surrender?", "number"),
        ("Which city hosted it?", "place"),
        ("Why did he leave?", "reason"),
        ("How do engines work?", "way"),
        ("What color is it?", "thing"),
        ("苏镜宇什么时候首次登上中超赛场？", "time"),
        ("赵鹏在哪年入选国家队？", "time"),
        ("谁改编了它？", "person"),
        ("全国有多少人口？", "number"),
        ("五羊新城位于哪里？", "place"),
        ("为什么改名？", "reason"),
        ("如何到达？", "way"),
        ("五羊新城由哪个公司开发？", "thing"),
        ("", "thing"),
    ],
)
def test_the_type_of_questions_in_both_languages(question, kind):
    assert TYPES[question_type(question)] == kind


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("How many points did they score?", "points"),
        ("What type of engine is it?", "engine"),
        ("哪个国家最大？", "国家"),
        ("Who won?", ""),
    ],
)
def test_the_noun_that_is_asked_for(question, noun):
    assert asked_noun(question) == noun
