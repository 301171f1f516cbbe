import pytest

from metier.audit import examine
from metier.data import read
from metier.report.words import Words
from metier.text.mojibake import lost_signs, mojibake_edits
from metier.text.offsets import apply_edits

PLAIN = [(f"where is card number {n}", "xy"[n % 2]) for n in range(20)]
CHINESE = [(f"我的银行卡丢了怎么办呢第{n}次了这个问题", "xy"[n % 2]) for n in range(20)]


def found_in(rows):
    return {finding.check: finding for finding in examine(read(rows)).findings}


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("naïve café – “so”", "latin-1"),
        ("it’s £5", "cp1252"),
        ("привет мир", "latin-1"),
        ("😀 über", "latin-1"),
        ("银行卡在哪里", "latin-1"),
        ("你好吗？", "gbk"),
    ],
)
def test_what_was_decoded_wrongly_is_what_it_said(text, read_as):
    wrong = text.encode("utf-8").decode(read_as)
    assert apply_edits(wrong, mojibake_edits(wrong)) == text


def test_chinese_of_gbk_is_brought_back_from_latin_letters():
    wrong = "你好，世界".encode("gbk").decode("latin-1")
    assert apply_edits(wrong, mojibake_edits(wrong)) == "你好，世界"


@pytest.mark.parametrize(
    "text",
    [
        "CAFÉ® naïve",
        "ÀÉÈÊ",
        "Straße “Ö” Ä–",
        "你好，世界！",
        "我的银行卡在哪里？",
        "Ångström Æon",
        "€5 – ‘fine’",
        "日本語のテキスト",
    ],
)
def test_what_was_meant_stays(text):
    assert list(mojibake_edits(text)) == []
    assert lost_signs(text) == []


def test_each_oddity_is_found_in_its_rows():
    rows = [
        *PLAIN,
        ("itâ€™s my cafÃ©", "x"),
        ("lost \ufffd sign", "y"),
        ("zero\u200bwidth", "x"),
        ("card ＡＢＣ１２", "y"),
    ]
    found = found_in(rows)
    assert found["mojibake"].rows == (20,)
    assert found["mojibake"].examples[0]["was"] == "’ é"
    assert found["lost-signs"].rows == (21,)
    assert found["unseen-signs"].rows == (22,)
    assert found["unseen-signs"].examples[0]["found"] == "U+200B"
    assert found["mixed-widths"].rows == (23,)


def test_traditional_rows_among_simplified_ones_and_the_other_way_round():
    assert found_in([*CHINESE, ("我的銀行卡丟了怎麼辦", "x")])["mixed-scripts"].rows == (20,)
    traditional = [(f"我的銀行卡丟了怎麼辦第{n}次", "xy"[n % 2]) for n in range(20)]
    assert found_in([*traditional, ("银行卡丢了怎么办", "x")])["mixed-scripts"].rows == (20,)
    assert "mixed-scripts" not in found_in(CHINESE)


def test_full_width_everywhere_is_a_style():
    rows = [(f"卡号ＡＢＣ{n}丢了", "xy"[n % 2]) for n in range(20)]
    assert "mixed-widths" not in found_in(rows)


def test_every_oddity_is_said_in_chinese_with_its_rule():
    rows = [
        *CHINESE,
        ("itâ€™s", "x"),
        ("\ufffd", "y"),
        ("a\u200bb", "x"),
        ("卡ＡＢＣ", "y"),
        ("銀行卡丟失怎麼辦", "x"),
    ]
    found, say = found_in(rows), Words("zh")
    for name in ("mojibake", "lost-signs", "unseen-signs", "mixed-widths", "mixed-scripts"):
        for sentence in (found[name].sentence, found[name].facts["rule"]):
            assert say.told(sentence) != sentence
