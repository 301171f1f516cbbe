"""Rules in YAML, and their votes on texts in both languages."""

import pytest

from metier.data.weak_labels import apply_rules, read_rules
from metier.errors import CallError, SettingsError

RULES = """
rules:
  - name: lost
    label: card_lost
    any_of: [lost my card, stolen, 卡丢了]
    none_of: ["re:found (it|again)"]
  - label: card_arrival
    all_of: [card, arrive]
"""


def written(tmp_path, text):
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("I LOST  my card!", "card_lost", None),
        ("it was stolen but found again", None, None),
        ("我的卡丢了怎么办", "card_lost", None),
        ("when will my card arrive?", None, "card_arrival"),
        ("stolenness", None, None),  # Words match as a whole.
        ("cards arrive", None, None),
    ],
)
def test_votes_of_rules(tmp_path, text, first, second):
    rules = read_rules(written(tmp_path, RULES))
    assert [rule(text) for rule in rules] == [first, second]
    assert [rule.name for rule in rules] == ["lost", "2: card_arrival"]


def test_functions_vote_beside_rules(tmp_path):
    def shouts(text):
        return "angry" if text.isupper() else None

    votes = apply_rules([*read_rules(written(tmp_path, RULES)), shouts], ["STOLEN", "hello"])
    assert votes.labels == ("angry", "card_arrival", "card_lost")
    assert votes.matrix.tolist() == [[2, -1, 0], [-1, -1, -1]]
    assert votes.names[2] == "shouts"
    assert votes.is_covered.tolist() == [True, False]


def test_all_faults_are_reported_together(tmp_path):
    bad = """
rules:
  - {label: a, any_of: ["re:(", " "]}
  - {label: b}
  - {label: c, words: [x]}
  - {name: n, label: d, any_of: [x]}
  - {name: n, label: e, any_of: [y]}
  - just text
"""
    with pytest.raises(SettingsError) as fault:
        read_rules(written(tmp_path, bad))
    message = str(fault.value)
    for expected in (
        "rule 1, any_of: 're:(' is not a regular expression",
        "an empty word",
        "rule 2: it has neither any_of nor all_of",
        "rule 3: words",
        "n: 2 rules have this name",
        "rule 6: expected a label",
    ):
        assert expected in message


def test_a_file_without_a_list_of_rules_is_an_error(tmp_path):
    with pytest.raises(CallError, match="should hold a list of rules"):
        read_rules(written(tmp_path, "a: 1"))
    with pytest.raises(CallError, match="There is no file"):
        read_rules(tmp_path / "none.yaml")
    with pytest.raises(CallError, match="cannot be read"):
        read_rules(written(tmp_path, "rules: [a: b: c"))


def test_rules_that_never_apply_are_an_error():
    with pytest.raises(CallError, match="None of the 1 rules applies to any of the 2 texts"):
        apply_rules([lambda text: None], ["x", "y"])
