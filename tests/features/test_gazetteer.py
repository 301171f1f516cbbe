"""Phrases in texts: the longest, in any case, and gazetteer files."""

import pytest

from metier.errors import SettingsError, UnreadableFileError
from metier.features.gazetteer import Gazetteer, Match, phrase_key

PLACES = Gazetteer({"new york": "LOC", "york": "LOC", "new york times": "ORG"})


def test_the_longest_match_without_overlap():
    words = ["the", "new", "york", "times", "of", "new", "york", "and", "york"]
    assert PLACES.matches(words) == [
        Match(1, 4, "new york times", "ORG"),
        Match(5, 7, "new york", "LOC"),
        Match(8, 9, "york", "LOC"),
    ]


def test_an_ignored_phrase_gives_the_shorter_match():
    found = PLACES.matches(["new", "york", "times"], left_out=frozenset({"new york times"}))
    assert found == [Match(0, 2, "new york", "LOC")]


@pytest.mark.parametrize(
    ("text", "key"),
    [("St. John's", "st . john ' s"), ("台北101", "台 北 101"), ("\ud83d x", "\ufffd x"), (" ", "")],
)
def test_keys_are_tokens_in_lower_case(text, key):
    assert phrase_key(text) == key


def test_saved_and_loaded(tmp_path):
    PLACES.save(tmp_path / "places.json")
    assert Gazetteer.load(tmp_path / "places.json").labels == PLACES.labels


def test_a_table_of_phrases(tmp_path):
    (tmp_path / "p.csv").write_text(
        'phrase,label,note\n"Aix-en-Provence",LOC,x\n ,LOC,\n', encoding="utf-8-sig"
    )
    assert Gazetteer.read(tmp_path / "p.csv", labels=["LOC"]).labels == {"aix - en - provence": "LOC"}


@pytest.mark.parametrize("content", [b"word,label\na,LOC\n", b"", b"phrase,label\n\xff,LOC\n", None])
def test_a_file_that_is_not_a_gazetteer_is_an_error(tmp_path, content):
    path = tmp_path / "p.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match="phrase and label"):
        Gazetteer.read(path, labels=["LOC"])


def test_a_label_that_no_row_has(tmp_path):
    (tmp_path / "p.csv").write_text("phrase,label\na,LOCATION\n")
    with pytest.raises(SettingsError, match="LOCATION"):
        Gazetteer.read(tmp_path / "p.csv", labels=["LOC"])
