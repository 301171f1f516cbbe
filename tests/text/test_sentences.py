import pytest

from metier.text.segmentation import sentence_offsets


def cut(text, **settings):
    return [text[start:end] for start, end in sentence_offsets(text, **settings)]


def test_english_ends_at_marks_and_not_inside_numbers_titles_and_names():
    text = 'It costs $3.5 million. "Really?" asked J. Smith of Dr. Who.  He left!'
    assert cut(text) == ["It costs $3.5 million.", '"Really?"', "asked J. Smith of Dr. Who.", "He left!"]


def test_chinese_ends_at_its_marks_and_keeps_the_closing_quote():
    assert cut("他说：“走吧！”我没有动。为什么？\n第二段；没有句号") == [
        "他说：“走吧！”",
        "我没有动。",
        "为什么？",
        "第二段；",
        "没有句号",
    ]


def test_offsets_are_of_the_original_text_and_skip_only_space():
    text = "  One.\n\nTwo 😀 three.   四。"
    pieces = sentence_offsets(text)
    assert "".join(text[start:end] for start, end in pieces) == "One.Two 😀 three.四。"
    assert all(text[start:end].strip() == text[start:end] for start, end in pieces)


def test_a_sentence_without_end_is_split_at_a_space():
    pieces = cut("word " * 500, longest=100)
    assert max(map(len, pieces)) <= 100
    assert set("".join(pieces).split("word")) <= {"", " "}
    assert cut("字" * 250, longest=100) == ["字" * 100, "字" * 100, "字" * 50]


@pytest.mark.parametrize("text", ["", "  \n ", "\t"])
def test_blank_texts_have_no_sentences(text):
    assert sentence_offsets(text) == []


def test_chinese_typed_with_latin_stops_has_sentences_too():
    from metier.text.segmentation import split_sentences

    text = "报告1例幼年透明蛋白纤维瘤病.患儿男,2个月.触之呈软骨样硬度;系统检查无异常.pH为7.5"
    assert split_sentences(text) == [
        "报告1例幼年透明蛋白纤维瘤病.",
        "患儿男,2个月.",
        "触之呈软骨样硬度;",
        "系统检查无异常.",
        "pH为7.5",
    ]
