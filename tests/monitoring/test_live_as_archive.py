"""A stream that is watched live and the same stream as an archive: the same findings, also after a restart."""

import csv
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from metier.monitoring.backtest import backtest
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.counting import period_of
from metier.monitoring.opening import opened_watch
from metier.monitoring.watch_settings import check_watch_settings

FIRST = datetime(2025, 1, 6, tzinfo=UTC)
BY = [["company"], ["company", "topic"]]
SAID = (
    "the card never came to my home",
    "please write to anna.lee@example.com",
    "transfer is late again today",
)


class Noting:
    """Keeps what was told of each period."""

    def __init__(self):
        self.told = []

    def judged(self, period, findings):
        """Keep it."""
        self.told += findings

    def took(self, source, taken, turn, now):
        """Take no notice."""

    def failed(self, what, error):
        """Fail, too."""
        raise error


@pytest.fixture(scope="module")
def rows():
    """Give messages of 140 days: a surge of one company, a new name that surges, copies of one story."""
    random, made = np.random.default_rng(0), []
    for day in range(140):
        means = {"Acme": 5.0 * (4 if day in range(110, 116) else 1), "Globex": 3.0, "Initech": 0.3}
        means |= {"Newcomer": 40.0 if day in (120, 121) else 1.0} if day >= 120 else {}
        for company, mean in means.items():
            for _ in range(random.poisson(mean)):
                words = ["".join(random.choice(list("abcdefghij"), 6)) for _ in range(5)]
                text = f"{random.choice(SAID)} {' '.join(words)}"
                made.append((day, company, str(random.choice(["fee", "card"])), text))
        made += [(day, "Acme", "fee", "one story that every paper has printed this morning")] * (
            30 * (day == 90)
        )
    minutes = random.integers(0, 24 * 60, len(made))
    found = [
        {
            "when": (FIRST + timedelta(days=row[0], minutes=int(at))).isoformat(),
            "company": row[1],
            "topic": row[2],
            "text": row[3],
        }
        for row, at in zip(made, minutes, strict=True)
    ]
    return sorted(found, key=lambda one: one["when"])


def write(path, rows):
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        if is_new:
            table.writeheader()
        table.writerows(rows)


def watched(folder, parts):
    """Give what a watch tells of a file that grows by parts, started again for each."""
    given = {
        "sources": [
            {
                "kind": "file",
                "path": "posts.csv",
                "columns": {"time": "when", "by": {"company": "company", "topic": "topic"}},
                "settle_seconds": 0,
            }
        ],
        "by": BY,
        "false_alarms": "1/month",
    }
    observer = Noting()
    for part in parts:
        write(folder / "posts.csv", part)
        with opened_watch(check_watch_settings(given, folder=folder), observers=[observer]) as watch:
            watch.run_once(threading.Event())
    return observer.told


def replayed(rows):
    return backtest(
        np.array([datetime.fromisoformat(one["when"]).timestamp() for one in rows]),
        [one["text"] for one in rows],
        {name: [one[name] for one in rows] for name in ("company", "topic")},
        by=BY,
        false_alarms=FalseAlarms.of("1/month"),
    )


def test_live_and_archive_tell_the_same(rows, tmp_path):
    wanted = replayed(rows)
    assert {one.series.get("company") for one in wanted.findings} >= {"Acme", "Newcomer"}
    shown = [text for one in wanted.findings for text in one.facts["examples"]]
    assert any(text.startswith("please write to") for text in shown)
    assert not any("anna.lee" in text for text in shown)
    assert watched(tmp_path, [rows]) == list(wanted.findings)


def test_a_watch_that_is_started_again_tells_the_same(rows, tmp_path):
    cuts = [0, 500, 1_000, 1_150, len(rows)]
    # A part ends where a day does, as what comes after a day was judged is late.
    days = [period_of(datetime.fromisoformat(one["when"]).timestamp(), "day") for one in rows]
    ends = [
        next((at for at in range(cut, len(rows)) if at and days[at] != days[at - 1]), len(rows))
        for cut in cuts[1:]
    ]
    parts = [rows[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
    assert len(parts) == 4
    assert watched(tmp_path, parts) == list(replayed(rows).findings)
