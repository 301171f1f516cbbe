"""Spans and sets of labels that look wrong: found where other rows speak against them, and not where nothing does."""

import pytest

import metier
from metier.audit import examine
from metier.audit.label_set_errors import doubtful_labels
from metier.audit.span_errors import doubtful_spans
from metier.report.words import Words


def marked(text, *spans):
    return {
        "text": text,
        "spans": [[text.index(words), text.index(words) + len(words), label] for words, label in spans],
    }


ENGLISH = [
    *(marked(f"flight {n} from Paris to Rome", ("Paris", "place"), ("Rome", "place")) for n in range(6)),
    marked("Paris is what Ann likes", ("Ann", "person")),
    marked("Rome called", ("Rome", "person")),
    marked("the Paris Hilton", ("Paris Hilton", "person")),
]
CHINESE = [
    *(marked(f"我{n}月去北京出差", ("北京", "地点")) for n in range(12)),
    marked("北京今天下雨"),
    marked("东北京剧团"),
]


def found_in(table):
    return [one for one in examine(metier.read(table)).findings if one.check == "span-errors"]


def test_what_other_rows_mark_otherwise_is_reported_with_what_they_say():
    [finding] = found_in(ENGLISH)
    assert set(finding.rows) == {6, 7}
    suggested = {(one["row"], one["given"], one["likelier"]) for one in finding.facts["suggested"]}
    assert suggested == {(7, None, "place"), (8, "person", "place")}
    assert "Rome: person → place (6/6)" in {one["likelier"] for one in finding.examples}
    assert Words("zh").told(finding.sentence) == "2 个片段的标注与别处相同文字的标注不一致"


def test_chinese_has_no_spaces_to_hold_on_to():
    [finding] = found_in(CHINESE)
    assert set(finding.rows) == {12, 13}  # 东北京剧团 has the same signs, too: a person has to look.


def test_rows_that_agree_or_are_too_few_say_nothing():
    texts = [row["text"] for row in ENGLISH]
    spans = [
        [{"start": start, "end": end, "label": label} for start, end, label in row["spans"]] for row in ENGLISH
    ]
    assert doubtful_spans(texts[:6], spans[:6]) == []
    assert doubtful_spans(texts[3:], spans[3:]) == []  # Three other places are not enough.
    assert doubtful_spans([], []) == []


@pytest.fixture(scope="module")
def sets():
    words = {
        "card": "card lost stolen plastic chip pin",
        "app": "app screen crash phone login button",
        "fee": "fee charged price cost money rate",
    }
    texts, given = [], []
    names = list(words)
    for n in range(240):
        labels = [names[n % 3], *([names[(n + 1) % 3]] if n % 6 == 0 else [])]
        texts.append(f"{' and '.join(words[name] for name in labels)} number {n}")
        given.append(labels)
    return texts, given


def test_a_label_that_is_missing_or_too_much_is_named(sets):
    texts, given = sets
    assert doubtful_labels(texts, given) == []
    spoilt = [list(labels) for labels in given]
    lacks = next(row for row, labels in enumerate(given) if len(labels) == 2 and labels[0] == "card")
    has = next(row for row, labels in enumerate(given) if labels == ["fee"])
    spoilt[lacks].remove("card")
    spoilt[has].append("app")
    found = {(one.row, one.suggested) for one in doubtful_labels(texts, spoilt)}
    assert found == {(lacks, "+ card"), (has, "− app")}


def test_the_check_reports_it_in_both_languages(sets):
    texts, given = sets
    spoilt = [list(labels) for labels in given]
    row = next(row for row, labels in enumerate(given) if labels == ["fee"])
    spoilt[row].append("app")
    table = [{"text": text, "labels": labels} for text, labels in zip(texts, spoilt, strict=True)]
    [finding] = [one for one in examine(metier.read(table)).findings if one.check == "label-set-errors"]
    assert finding.rows == (row,)
    assert finding.examples[0]["likelier"] == "− app"
    assert finding.sentence == "1 row looks as if a label was missing or too much"
    assert Words("zh").told(finding.sentence) == "1 条样本可能少了或多了标签"
