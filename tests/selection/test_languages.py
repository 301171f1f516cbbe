"""Rows in a language that a base does not read are said before any work."""

import pytest

from metier.bases.known_bases import unread_note
from metier.data import read
from metier.selection.decisions import decide
from metier.selection.settings import check_settings
from metier.text.language import LanguageMix

CHINESE = [{"text": f"我的银行卡{number}在哪里", "label": "ab"[number % 2]} for number in range(36)]
ENGLISH = [{"text": f"where is the card number {number}", "label": "ab"[number % 2]} for number in range(14)]
SAID = "72 % of the rows are Chinese; the base minilm reads English (--base)"


def notes(rows, **settings):
    return decide(read(rows), check_settings(settings)).notes


@pytest.mark.parametrize("candidates", [["encoder"], ["tfidf_linear", "frozen_linear"]])
def test_chinese_rows_under_an_english_base_are_said(candidates):
    assert SAID in notes([*CHINESE, *ENGLISH], candidates=candidates, base="minilm")


def test_rows_that_the_base_reads_are_not_worth_a_word():
    mixed = [*CHINESE, *ENGLISH]
    assert not any("of the rows are" in note for note in notes(mixed, candidates=["encoder"]))
    assert not any(
        "of the rows are" in note for note in notes(mixed, candidates=["tfidf_linear"], base="minilm")
    )
    assert not any("of the rows are" in note for note in notes(ENGLISH, candidates=["encoder"]))


def test_some_chinese_among_english_rows_is_said_of_the_base_that_is_picked_for_them():
    some = [*ENGLISH * 2, *CHINESE[:7]]
    assert "20 % of the rows are Chinese; the base minilm reads English (--base)" in notes(
        some, candidates=["encoder"]
    )


def test_a_base_of_chinese_does_not_read_english(tmp_path):
    (tmp_path / "metier_head.json").write_text('{"languages": ["zh"]}')
    mix = LanguageMix({"en": 0.5, "zh": 0.4, "other": 0.1}, 100)
    assert unread_note(str(tmp_path), mix) == (
        f"50 % of the rows are English and 10 % of the rows are in other languages; the base {tmp_path} reads Chinese "
        "(--base)"
    )
    assert unread_note(str(tmp_path), LanguageMix({"en": 0.04, "zh": 0.96, "other": 0.0}, 100)) is None


def test_a_base_that_writes_english_is_said_too():
    rows = [{"text": row["text"], "target": row["text"][2:]} for row in CHINESE]
    assert any("the base smollm2 reads English" in note for note in notes(rows, candidates=["generator"]))
