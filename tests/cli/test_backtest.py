"""`metier backtest`: planted surges are raised with their messages, copies count once, and wrong calls are sentences."""

import csv
import json
from datetime import date, timedelta

import numpy as np
import pytest

from metier.cli import program

FIRST = date(2025, 1, 1)
SURGE = range(250, 257)
WORDS = ("card", "loan", "app", "fee", "branch", "queue", "letter", "phone", "rate", "form", "desk", "code")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    random, rows = np.random.default_rng(0), []
    for day in range(330):
        for region, mean in (("north", 6), ("south", 6)):
            times = 4 if region == "south" and day in SURGE else 1
            for _ in range(random.poisson(mean * times)):
                said = (
                    " ".join(random.choice(WORDS, 6))
                    + " "
                    + "".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), 12))
                )
                topic = "the app is down" if times > 1 else "a question about my"
                rows.append(
                    {"when": (FIRST + timedelta(day)).isoformat(), "text": f"{topic} {said}", "region": region}
                )
        if day == 100:
            story = "a bank in the north has closed all of its branches in the city today"
            rows += [{"when": (FIRST + timedelta(day)).isoformat(), "text": story, "region": "north"}] * 60
    path = tmp_path_factory.mktemp("archive") / "messages.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["when", "text", "region"])
        table.writeheader()
        table.writerows(rows)
    return path


def facts_of(capsys, *args, code=0):
    assert program.run(["backtest", *map(str, args), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_surge_is_raised_where_it_is_with_what_was_said(archive, capsys):
    facts = facts_of(capsys, archive, "--time", "when", "--by", "region", "--false-alarms", "1/year")
    south = [one for one in facts["alarms"] if one["series"] == {"region": "south"}]
    assert [one["raised"][:10] for one in south] == [(FIRST + timedelta(day)).isoformat() for day in SURGE][
        :1
    ] or (south and south[0]["raised"][:10] in {(FIRST + timedelta(day)).isoformat() for day in SURGE})
    own = south[0]["facts"]
    assert own["low"] < 4 < own["high"] + 1
    assert all("down" in text for text in own["examples"])
    raised, over = (one for one in facts["findings"] if one["series"] == {"region": "south"})
    assert ({} in raised["facts"]["also"]) or ({} in over["facts"]["also"])
    assert (raised["is_over"], over["is_over"]) == (False, True)
    assert over["facts"]["observed"] >= raised["facts"]["observed"]
    elsewhere = [one for one in facts["alarms"] if one["series"] == {"region": "north"}]
    assert len(elsewhere) <= 1
    assert [one["series"] for one in facts["smallest_found"]] == [{}, {"region": "north"}, {"region": "south"}]


def test_a_story_that_is_copied_counts_once(archive, capsys):
    facts = facts_of(capsys, archive, "--time", "when", "--by", "region")
    assert facts["messages"] - facts["distinct_messages"] == 59
    counted = facts_of(capsys, archive, "--time", "when", "--by", "region", "--count-copies")
    assert any(one["series"] == {"region": "north"} for one in counted["alarms"])


def test_it_reads_aloud_in_both_languages(archive, capsys, tmp_path):
    output = tmp_path / "found.json"
    assert program.run(["backtest", str(archive), "--time", "when", "--output", str(output)]) == 0
    assert "times as many" in capsys.readouterr().out
    assert json.loads(output.read_text("utf-8"))["format"] == "metier.backtest.v2"
    assert program.run(["backtest", str(archive), "--time", "when", "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "倍" in out
    assert "times as many" not in out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--time", "when", "--by", "regoin"], "region"),
        (["--time", "region", "--text", "text"], "cannot be read"),
        (["--time", "when", "--false-alarms", "often"], "1/week"),
    ],
)
def test_a_wrong_call_is_a_sentence(archive, capsys, args, says):
    code = program.run(["backtest", str(archive), *args])
    assert code in (1, 2)
    assert says in capsys.readouterr().err


def test_an_archive_that_is_too_short_is_said(tmp_path, capsys):
    file = tmp_path / "few.csv"
    file.write_text("when,text\n2025-01-01,a card is lost\n2025-01-05,the app is slow\n", encoding="utf-8")
    assert program.run(["backtest", str(file), "--time", "when"]) == 1
    assert "span 5 days" in capsys.readouterr().err
