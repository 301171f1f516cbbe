"""`metier update --preferences`: what is printed, in both languages, and which flags go together."""

import json

import pytest
from click.testing import CliRunner

from metier.cli.program import program

FACTS = ("preferred", "quality", "length", "verdict", "cost", "rows", "notes")
SETTINGS = ("epochs=1", "upper_layers=1", "precision=fp32", "token_budget=512")


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"text": f"Where is my card {number}?", "chosen": "It is coming.", "rejected": "No idea."}
        for number in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments):
    return CliRunner().invoke(program, ["update", *map(str, arguments)])


def test_a_writer_is_updated_and_what_follows_is_printed(writing_bundle, pairs, tmp_path):
    settings = [part for one in SETTINGS for part in ("--set", one)]
    common = (writing_bundle, "--preferences", pairs, *settings)
    found = run(*common, "--output", tmp_path / "one", "--json")
    assert found.exit_code == 0, found.output
    facts = json.loads(found.stdout)
    assert set(FACTS) <= set(facts)
    assert facts["rows"]["learned"] == 40
    again = run(*common, "--output", tmp_path / "two", "--lang", "zh")
    assert again.exit_code == 0, again.output
    assert "偏好准确率 %（20 对）" in again.stdout
    assert "留出 40 个" in again.stdout


def test_flags_of_labels_and_of_preferences_do_not_go_together(writing_bundle, pairs):
    def said(*arguments):
        return str(run(writing_bundle, *arguments).exception)

    assert "Learn labelled rows and preferences one after the other" in said("rows.csv", "--preferences", pairs)
    assert "There is nothing to learn" in said()
    assert "--replay belongs to labelled rows" in said("--preferences", pairs, "--replay", "x")
    assert "--set, --by belongs to preferences" in said("rows.csv", "--by", "reinforce", "--set", "a=1")
    assert "--set takes name=value" in said("--preferences", pairs, "--set", "beta")
