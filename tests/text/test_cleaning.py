import time

import pytest

from metier.text.cleaning import STEPS, USUAL_STEPS, LineCounts, clean
from metier.text.offsets import Edit
from metier.text.traditional import to_simplified


def by(step, text, **more):
    return clean(text, [step], **more).text


def test_markup_goes_and_what_is_none_stays():
    page = '<p>Hi <b class="a>b">team</b>,<br/>R&amp;D &lt;3</p><!-- x --><script>if (a < b) {}</script>!'
    assert by("markup", page) == "\nHi team,\nR&D <3\n  !"
    for text in (
        "a < b and c > d",
        "I <3 you",
        "<EMAIL_ADDRESS>",
        "std::vector<int> x",
        "AT&T; &unknown;",
        "<!-- open",
    ):
        assert by("markup", text) == text


def test_unseen_signs_go_and_joined_emoji_stay():
    assert by("control-signs", "a\x00b\u200bc\ufeff\r\nd\u202ee\xad") == "abc\nde"
    assert by("control-signs", "\U0001f468\u200d\U0001f469") == "\U0001f468\u200d\U0001f469"


def test_width_and_chinese_punctuation():
    assert by("width", "Ａｂ１２３，好的！　ａ＠ｂ．ｃ") == "Ab123，好的！ a@b.c"


def test_repeated_signs_letters_and_spaces():
    assert by("repeated-signs", "  soooooo good!!!!!!  \n\n\n\n哈哈哈哈哈 100000 0xffffffff ") == (
        "sooo good!!!\n\n哈哈哈 100000 0xffffffff"
    )


def test_stop_words_are_removed_where_asked_for_and_negations_stay():
    assert by("stop-words", "This is not the card of my friend") == "not card friend"
    assert by("stop-words", "我的卡不能用了") == "卡不能用"
    assert "stop-words" not in USUAL_STEPS


def test_simplified_characters():
    assert by("simplified", "這樣的處理 abc") == "这样的处理 abc"
    assert to_simplified("乾隆皇帝") == "乾隆皇帝"  # 乾 has two forms, which the word decides.


def test_footers_and_lines_of_many_rows_go_where_other_lines_stay():
    assert by("boilerplate", "My card is lost\nSent from my iPhone").strip() == "My card is lost"
    assert by("boilerplate", "Sent from my iPhone") == "Sent from my iPhone"
    counts = LineCounts()
    counts.add(f"question {n}\nYour friendly support team" for n in range(40))
    counts.add(["a text twice\nwith a second line here"] * 40)
    lines = counts.repeated()
    assert len(lines) == 1
    assert (
        by("boilerplate", "Where is it?\nYour friendly support team", repeated_lines=lines).strip()
        == "Where is it?"
    )


def test_what_is_marked_moves_and_is_not_touched():
    text = "<b>Bob</b>  lives in New   York!!!!!"
    marked = [(3, 6), (text.index("New"), text.index("!"))]
    done = clean(text, USUAL_STEPS, marked=marked)
    assert done.text == "Bob lives in New   York!!!"
    assert [done.text[slice(*done.moved(one))] for one in marked] == ["Bob", "New   York"]
    assert [(one.step, one.before) for one in done.kept] == [("repeated-signs", "   ")]
    # Each change is told by its place in the text before.
    assert all(text[one.start : one.end] == one.before for one in done.changes if one.step == "markup")


def test_personal_data_inside_a_mark_are_replaced_and_the_mark_goes_round():
    text = "ask Bob Smith today"

    def edits(text):
        start = text.index("Bob")
        return [Edit(start, start + 9, "<PERSON>")]

    for marked, wanted in (([(4, 13)], "<PERSON>"), ([(0, 13)], "ask <PERSON>")):
        done = clean(text, ["personal-data"], marked=marked, personal_data=edits)
        assert done.text == "ask <PERSON> today"
        assert done.text[slice(*done.moved(marked[0]))] == wanted
        assert [one.is_marked for one in done.changes] == [True]
    done = clean(text, ["personal-data"], marked=[(4, 7)], personal_data=edits)
    assert (done.text, [one.is_personal for one in done.kept]) == (text, [True])


def test_characters_inside_a_mark_keep_their_places():
    done = clean("這樣的處理", ["simplified"], marked=[(1, 4)])
    assert (done.text, done.moved((1, 4)), done.kept) == ("这样的处理", (1, 4), ())
    assert {one.is_marked for one in done.changes} == {True, False}


@pytest.mark.parametrize(
    "piece", ["<script>", "<!--", "<b ", "&amp", "a\n", "  ", "!", "<b a='", "Ａ", "\u200b"]
)
def test_time_grows_with_the_length_alone(piece):
    def spent(characters):
        text = piece * (characters // len(piece))
        began = time.process_time()
        clean(text, STEPS)
        return time.process_time() - began

    spent(1_000)
    assert spent(48_000) < 24 * spent(6_000) + 0.2
